// Refresh tokens, and the ends of sessions.
#include "tests/crash/life.h"

#include <stdio.h>
#include <string.h>

enum { REFRESHES = 12 };

static void refuse_refresh(struct life *life, const char *refresh_token, const char *reason)
{
    struct reply reply = {0};
    life_refresh(life, refresh_token, &reply);
    life_expect(life, &reply, 401, reason);
    reply_reset(&reply);
}

/// refuse_tokens: auth itself refuses at once what it has acknowledged the end of.
static void refuse_tokens(struct life *life)
{
    struct reply reply = {0};
    life_ask(life, life->person.token, "GET", "/v1/me", NULL, &reply);
    life_expect(life, &reply, 401, "TOKEN_REVOKED");
    reply_reset(&reply);
    refuse_refresh(life, life->person.refresh_token, "SESSION_EXPIRED");
    life_promise_ended(life, "SESSION_EXPIRED");
}

static void be_somebody(struct life *life)
{
    if (life->people == 0)
        life_be_new(life);
    else
        life_login(life, LIFE_PASSWORD);
}

// ---- Refreshing ---------------------------------------------------------------------------------

/// refresh gives the successor. Its token may be shown again: the same successor then.
static void refresh(struct life *life, const char *token, char ret[static WORLD_TOKEN_BYTES])
{
    struct reply reply = {0};
    life_refresh(life, token, &reply);
    life_expect(life, &reply, 200, "");
    life_keep(life, &reply, "refresh_token", ret, WORLD_TOKEN_BYTES);
    if (life_random(life, 3) == 0) {
        life_refresh(life, token, &reply);
        life_expect(life, &reply, 200, "");
        if (strcmp(http_text(&reply.answer, "refresh_token"), ret) != 0)
            life_fail(life, "one refresh token has two successors");
    }
    reply_reset(&reply);
}

void life_refreshes(struct life *life)
{
    char older[WORLD_TOKEN_BYTES], before[WORLD_TOKEN_BYTES], *current = life->person.refresh_token;
    be_somebody(life);
    memcpy(before, current, sizeof before);
    for (unsigned i = 0; i < REFRESHES; i++) {
        memcpy(older, before, sizeof older);
        memcpy(before, current, sizeof before);
        refresh(life, before, current);
    }
    refuse_refresh(life, older, "REFRESH_REUSED"); // Two generations back: the session ends.
    refuse_refresh(life, current, "REFRESH_REUSED");
    life_promise_ended(life, "REFRESH_REUSED");
}

// ---- Leaving ------------------------------------------------------------------------------------

static void leave(struct life *life, const char *verb, const char *path, const char *body)
{
    struct reply reply = {0};
    life_ask(life, life->person.token, verb, path, body, &reply);
    (void)life_expect_done(life, &reply, 204, 401, "TOKEN_REVOKED");
    reply_reset(&reply);
    refuse_tokens(life);
}

/// revoke_refresh_token: who shows one that has ended is answered alike.
static void revoke_refresh_token(struct life *life)
{
    char body[LIFE_BODY_BYTES];
    struct reply reply = {0};
    snprintf(body, sizeof body, "{\"token\":\"%s\"}", life->person.refresh_token);
    life_ask(life, NULL, "POST", "/oauth2/revoke", body, &reply);
    if (reply.status != 204) life_expect(life, &reply, 200, "");
    reply_reset(&reply);
    refuse_tokens(life);
}

void life_leaves(struct life *life)
{
    be_somebody(life);
    switch (life->rounds % 3) {
    case 0:
        leave(life, "POST", "/v1/auth/logout", "{}");
        break;
    case 1:
        leave(life, "POST", "/v1/auth/logout-all", "{}");
        break;
    default:
        revoke_refresh_token(life);
        break;
    }
}

// ---- Blocked ------------------------------------------------------------------------------------

static void as_admin(struct life *life, const char *verb, const char *event,
                     const char *again_reason)
{
    char path[128];
    struct reply reply = {0};
    snprintf(path, sizeof path, "/v1/users/%s:%s", life->person.id, verb);
    life_ask(life, life->lives->admin.token, "POST", path, "{\"reason\":\"test\"}", &reply);
    if (life_expect_done(life, &reply, 200, 422, again_reason))
        promises_hear(&life->promises, reply.request_id, "", event);
    reply_reset(&reply);
}

void life_is_blocked(struct life *life)
{
    struct reply reply = {0};
    be_somebody(life);
    if (life->person.id[0] == '\0') { // Its answer was lost.
        life_ask(life, life->person.token, "GET", "/v1/me", NULL, &reply);
        life_expect(life, &reply, 200, "");
        LIFE_KEEP(life, &reply, "id", life->person.id);
    }
    as_admin(life, "block", "auth.user.blocked", "USER_BLOCKED");
    refuse_tokens(life);
    life_try_login(life, LIFE_PASSWORD, &reply);
    life_expect(life, &reply, 403, "ACCOUNT_BLOCKED");
    reply_reset(&reply);
    as_admin(life, "unblock", "auth.user.unblocked", "USER_NOT_BLOCKED");
}
