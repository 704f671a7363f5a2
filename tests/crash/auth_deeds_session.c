// Sessions: their refresh tokens and their end.
#include "services/auth/sweep.h"
#include "tests/crash/scene.h"

static struct status refresh_with(struct scene *scene, const char *token, const char **ret_next)
{
    Auth__IssueTokenResponse *issued = NULL;
    RETURN_IF_ERROR(house_refresh(scene->caller, token, "phone", &issued));
    *ret_next = issued->refresh_token;
    return STATUS_SUCCESS;
}

static const char *must_refresh(struct scene *scene, const char *token)
{
    const char *next = NULL;
    assert_status_ok(refresh_with(scene, token, &next));
    return next;
}

static struct status refresh(struct scene *scene)
{
    const char *next;
    return refresh_with(scene, scene->token, &next);
}

static void refuse_current(struct scene *scene, const char *reason)
{
    const char *next;
    assert_refused(refresh_with(scene, scene->current, &next), reason);
}

// ---- Refreshing ---------------------------------------------------------------------------------

static void have_a_token(struct scene *scene)
{
    scene_register(scene);
    SCENE_KEEP(scene->token, scene_login(scene, "phone"));
}

/// A lost answer costs nothing; the token two before the current one ends the session.
static void check_successor(struct scene *scene)
{
    SCENE_KEEP(scene->current, must_refresh(scene, scene->token));
    assert_string_equal(must_refresh(scene, scene->token), scene->current);
    SCENE_KEEP(scene->current, must_refresh(scene, scene->current));
    scene_ask(scene, refresh, 1, "REFRESH_REUSED");
    refuse_current(scene, "REFRESH_REUSED");
}

static void have_an_old_token(struct scene *scene)
{
    have_a_token(scene);
    SCENE_KEEP(scene->current, must_refresh(scene, must_refresh(scene, scene->token)));
}

static void check_reused(struct scene *scene)
{
    refuse_current(scene, "REFRESH_REUSED");
    assert_false(people_is_alive(scene->house, &scene->claims));
    scene_sessions(scene, 0);
    assert_int_equal(door_count(scene->caller, AUTH_COUNT_REFRESH_REUSED), 1);
}

static void have_idled(struct scene *scene)
{
    have_a_token(scene);
    SCENE_KEEP(scene->current, scene->token);
    house_wait(scene->house, 1801);
}

// ---- Ending -------------------------------------------------------------------------------------

static void have_a_session(struct scene *scene)
{
    have_a_token(scene);
    SCENE_KEEP(scene->current, scene->token);
}

static void check_ended(struct scene *scene)
{
    refuse_current(scene, "SESSION_EXPIRED");
    assert_false(people_is_alive(scene->house, &scene->claims));
    scene_sessions(scene, 0);
}

static void have_three_sessions(struct scene *scene)
{
    have_a_token(scene);
    SCENE_KEEP(scene->current, scene_login(scene, "phone"));
    (void)scene_login(scene, "tablet");
}

static void check_all_ended(struct scene *scene)
{
    scene_ask(scene, refresh, 1, "SESSION_EXPIRED");
    check_ended(scene);
}

static struct status log_out(struct scene *scene)
{
    Auth__LogoutRequest request = AUTH__LOGOUT_REQUEST__INIT;
    return caller_call(scene->caller, AUTH_LOGOUT, &request, NULL);
}

static struct status log_out_everywhere(struct scene *scene)
{
    Auth__LogoutAllRequest request = AUTH__LOGOUT_ALL_REQUEST__INIT;
    return caller_call(scene->caller, AUTH_LOGOUT_ALL, &request, NULL);
}

static struct status delete_session(struct scene *scene)
{
    Auth__DeleteSessionRequest request = AUTH__DELETE_SESSION_REQUEST__INIT;
    request.id = people_id(&scene->claims.session_id);
    return caller_call(scene->caller, AUTH_DELETE_SESSION, &request, NULL);
}

static struct status revoke(struct scene *scene)
{
    Auth__RevokeTokenRequest request = AUTH__REVOKE_TOKEN_REQUEST__INIT;
    request.token = scene->token;
    return caller_call(scene->caller, AUTH_REVOKE_TOKEN, &request, NULL);
}

static void have_run_out(struct scene *scene)
{
    have_a_session(scene);
    house_wait(scene->house, 13 * 3600);
}

static struct status sweep(struct scene *scene)
{
    size_t count;
    return auth_sweep(&scene->house->service, scene->house->now_ns, &count);
}

// ---- All of them --------------------------------------------------------------------------------

#define ENDED "auth.session.ended "

// clang-format off
const struct deed deeds_session[] = {
    {"session: a refresh", have_a_token, refresh, NULL, "", check_successor, "REFRESH_REUSED"},
    {"session: an old token", have_an_old_token, refresh, "REFRESH_REUSED", ENDED, check_reused, "REFRESH_REUSED"},
    {"session: a refresh too late", have_idled, refresh, "SESSION_EXPIRED", ENDED, check_ended, "SESSION_EXPIRED"},
    {"session: a logout", have_a_session, log_out, NULL, ENDED, check_ended, NULL},
    {"session: a logout everywhere", have_three_sessions, log_out_everywhere, NULL, ENDED ENDED ENDED, check_all_ended, NULL},
    {"session: a session is taken away", have_a_session, delete_session, NULL, ENDED, check_ended, NULL},
    {"session: a token is revoked", have_a_session, revoke, NULL, ENDED, check_ended, NULL},
    {"session: one is cleared away", have_run_out, sweep, NULL, ENDED, check_ended, NULL},
};
// clang-format on
const size_t deeds_session_count = ROWS(deeds_session);
