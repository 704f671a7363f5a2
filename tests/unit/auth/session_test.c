// Refresh tokens and the end of sessions, through the handlers over a real store.
#include "tests/unit/auth/house.h"

#include <pthread.h>

static const char asha[] = "asha@example.com";

/// begin logs a new user in and gives the first refresh token.
static const char *begin(struct caller *caller, const char *device, struct id128 *ret_session_id)
{
    Auth__LoginResponse *login = NULL;
    (void)house_new_user(caller, asha);
    assert_status_ok(house_login(caller, asha, PASSWORD, device, &login));
    *ret_session_id = id128_of(login->session_id.data);
    caller_be(caller, login->access_token);
    return login->refresh_token;
}

static void test_a_token_rotates_and_an_old_one_ends_the_session(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 session_id;
    struct auth_message notice;
    Auth__IssueTokenResponse *second = NULL, *again = NULL, *third = NULL;
    const char *first = begin(caller, "phone", &session_id);
    assert_status_ok(house_refresh(caller, first, "phone", &second));
    assert_string_not_equal(second->refresh_token, first);
    assert_string_equal(second->token_type, "Bearer");
    assert_int_equal(second->expires_in, 300);

    // The answer was lost: asked again, the same successor.
    house_wait(house, 30);
    assert_status_ok(house_refresh(caller, first, "phone", &again));
    assert_string_equal(again->refresh_token, second->refresh_token);
    assert_status_ok(house_refresh(caller, second->refresh_token, "phone", &third));

    uint64_t before = house_event_head(house);
    size_t told = house_messages(caller, asha, &notice);
    assert_refused(house_refresh(caller, first, "a thief's", &again), "REFRESH_REUSED");
    assert_string_equal(house_events(caller, before), "auth.session.ended ");
    assert_int_equal(house_messages(caller, asha, &notice), told + 1);
    assert_int_equal(notice.kind, AUTH_MESSAGE_REFRESH_REUSED);
    assert_string_equal(notice.detail, "phone");
    assert_int_equal(house_session(house, session_id).cause, AUTH_SESSION_REUSE);
    house_reopen(house); // It stays ended.
    assert_refused(house_refresh(caller, third->refresh_token, "phone", &again), "REFRESH_REUSED");
    assert_string_equal(house_events(caller, before), "auth.session.ended ");
    assert_int_equal(house_messages(caller, asha, &notice), told + 1); // Once.
}

static void test_the_grace_is_for_the_same_device_and_half_a_minute(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 session_id;
    Auth__IssueTokenResponse *issued = NULL;
    Auth__LoginResponse *login = NULL;
    const char *first = begin(caller, "phone", &session_id);
    assert_status_ok(house_refresh(caller, first, "phone", &issued));
    assert_refused(house_refresh(caller, first, "tablet", &issued), "REFRESH_REUSED");

    assert_status_ok(house_login(caller, asha, PASSWORD, "phone", &login));
    assert_status_ok(house_refresh(caller, login->refresh_token, "phone", &issued));
    house_wait(house, 31);
    assert_refused(house_refresh(caller, login->refresh_token, "phone", &issued), "REFRESH_REUSED");
}

static void test_what_is_no_refresh_token(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 session_id;
    Auth__IssueTokenResponse *issued = NULL;
    Auth__IssueTokenRequest request = AUTH__ISSUE_TOKEN_REQUEST__INIT;
    const char *first = begin(caller, "", &session_id);
    size_t size = strlen(first);
    for (size_t i = 0; i < size; i++) { // Every character is under the MAC.
        char forged[AUTH_REFRESH_TEXT_BYTES];
        memcpy(forged, first, size + 1);
        forged[i] = forged[i] == 'A' ? 'B' : 'A';
        assert_refused(house_refresh(caller, forged, "", &issued), "TOKEN_MALFORMED");
    }
    assert_refused(house_refresh(caller, "x", "", &issued), "TOKEN_MALFORMED");
    request.grant_type = text_of("password");
    request.refresh_token = text_of(first);
    assert_refused(caller_call(caller, AUTH_ISSUE_TOKEN, &request, &issued),
                   "UNSUPPORTED_GRANT_TYPE");
    assert_status_ok(house_refresh(caller, first, "", &issued)); // None of that did any harm.
}

static void test_sessions_idle_out_and_end_in_any_case(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 session_id;
    Auth__IssueTokenResponse *issued = NULL;
    Auth__LoginResponse *login = NULL;
    const char *token = begin(caller, "", &session_id);
    house_wait(house, 1800);
    uint64_t before = house_event_head(house);
    assert_refused(house_refresh(caller, token, "", &issued), "SESSION_EXPIRED");
    assert_refused(house_refresh(caller, token, "", &issued), "SESSION_EXPIRED");
    assert_string_equal(house_events(caller, before), "auth.session.ended ");

    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    token = login->refresh_token;
    for (int i = 0; i < 24; i++) { // Each half hour less a second, for almost twelve hours.
        house_wait(house, 1799);
        assert_status_ok(house_refresh(caller, token, "", &issued));
        token = issued->refresh_token;
    }
    house_wait(house, 24);
    assert_refused(house_refresh(caller, token, "", &issued), "SESSION_EXPIRED");
}

static void test_a_blocked_user_refreshes_nothing(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 session_id;
    Auth__IssueTokenResponse *issued = NULL;
    const char *token = begin(caller, "", &session_id);
    house_set_user(house, caller->claims.subject, AUTH_USER_BLOCKED, NULL);
    assert_refused(house_refresh(caller, token, "", &issued), "SESSION_EXPIRED");
    assert_int_equal(house_session(house, session_id).cause, AUTH_SESSION_BLOCK);
    house_set_user(house, caller->claims.subject, AUTH_USER_ACTIVE, NULL);
    assert_refused(house_refresh(caller, token, "", &issued), "SESSION_EXPIRED");
}

static void test_logout_ends_the_session_of_the_token(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 session_id;
    Auth__IssueTokenResponse *issued = NULL;
    Auth__LoginResponse *other = NULL;
    Auth__LogoutRequest request = AUTH__LOGOUT_REQUEST__INIT;
    const char *token = begin(caller, "", &session_id);
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &other));
    uint64_t before = house_event_head(house);
    assert_status_ok(caller_call(caller, AUTH_LOGOUT, &request, NULL));
    assert_status_ok(caller_call(caller, AUTH_LOGOUT, &request, NULL)); // Once is enough.
    assert_string_equal(house_events(caller, before), "auth.session.ended ");
    assert_int_equal(house_session(house, session_id).cause, AUTH_SESSION_LOGOUT);
    assert_refused(house_refresh(caller, token, "", &issued), "SESSION_EXPIRED");
    assert_status_ok(house_refresh(caller, other->refresh_token, "", &issued));
}

static void test_a_sixth_session_ends_the_first(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 first_id, last_id = ID128_NIL;
    Auth__LoginResponse *login = NULL;
    (void)begin(caller, "", &first_id);
    for (int i = 0; i < 4; i++)
        assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    assert_int_equal(house_session(house, first_id).state, AUTH_SESSION_ACTIVE);
    uint64_t before = house_event_head(house);
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    last_id = id128_of(login->session_id.data);
    assert_string_equal(house_events(caller, before), "auth.login.succeeded auth.session.ended ");
    assert_int_equal(house_session(house, first_id).cause, AUTH_SESSION_CROWD_OUT);
    assert_int_equal(house_session(house, last_id).state, AUTH_SESSION_ACTIVE);

    house_set_user(house, caller->claims.subject, AUTH_USER_ACTIVE, "teller"); // Staff: no limit.
    for (int i = 0; i < 3; i++)
        assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    assert_int_equal(house_session(house, last_id).state, AUTH_SESSION_ACTIVE);
}

// ---- At the same time ----------------------------------------------------------------------

enum { CLIENTS = 64 };

struct client {
    struct house *house;
    const char *token;
    struct status status;
    char successor[AUTH_REFRESH_TEXT_BYTES];
    pthread_t thread;
};

static void *refresh(void *context)
{
    struct client *client = context;
    struct caller *caller = caller_open(client->house);
    Auth__IssueTokenResponse *issued = NULL;
    client->status = house_refresh(caller, client->token, "phone", &issued);
    if (status_ok(client->status))
        snprintf(client->successor, sizeof client->successor, "%s", issued->refresh_token);
    caller_close(caller);
    return NULL;
}

static void test_64_refreshes_at_once_give_one_successor(void **state)
{
    struct house *house = *state;
    struct client clients[CLIENTS];
    struct id128 session_id;
    const char *token = begin(house->caller, "phone", &session_id);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.house = house, .token = token};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, refresh, &clients[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_status_ok(clients[i].status);
        assert_string_equal(clients[i].successor, clients[0].successor);
    }
    assert_int_equal(house_session(house, session_id).counter, 1);
    assert_int_equal(house_session(house, session_id).state, AUTH_SESSION_ACTIVE);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_token_rotates_and_an_old_one_ends_the_session),
        TEST(test_the_grace_is_for_the_same_device_and_half_a_minute),
        TEST(test_what_is_no_refresh_token),
        TEST(test_sessions_idle_out_and_end_in_any_case),
        TEST(test_a_blocked_user_refreshes_nothing),
        TEST(test_logout_ends_the_session_of_the_token),
        TEST(test_a_sixth_session_ends_the_first),
        TEST(test_64_refreshes_at_once_give_one_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
