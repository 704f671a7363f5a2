// Passwords: the old one never works again, and who guesses is shut out, whatever dies.
#include "tests/crash/life.h"

#include <stdio.h>
#include <string.h>

enum { GUESSES = 5, CLOSED_MS = 25 * 1000 };

static const char *const passwords[] = {LIFE_PASSWORD, "seven green herons at dusk"};

static void refuse_login(struct life *life, const char *password)
{
    struct reply reply = {0};
    life_try_login(life, password, &reply);
    life_expect(life, &reply, 401, "INVALID_CREDENTIALS");
    promises_hear(&life->promises, reply.request_id, "", "auth.login.failed");
    reply_reset(&reply);
}

/// check_new: an old password, then the new one, which also forgets the failure.
static void check_new(struct life *life, const char *old, const char *new)
{
    refuse_login(life, old);
    life_login(life, new);
}

// ---- Changed ------------------------------------------------------------------------------------

void life_changes(struct life *life)
{
    char body[LIFE_BODY_BYTES];
    struct reply reply = {0};
    const char *old = passwords[life->rounds % 2], *new = passwords[(life->rounds + 1) % 2];
    if (life->people == 0) life_be_new(life);
    snprintf(body, sizeof body, "{\"current_password\":\"%s\",\"new_password\":\"%s\"}", old, new);
    life_ask(life, life->person.token, "POST", "/v1/me/password", body, &reply);
    // The second time, the current password is the new one.
    if (life_expect_done(life, &reply, 204, 401, "INVALID_CREDENTIALS"))
        promises_hear(&life->promises, reply.request_id, "", "auth.password.changed");
    reply_reset(&reply);
    check_new(life, old, new);
}

// ---- Forgotten ----------------------------------------------------------------------------------

/// begin_reset gives the reset and a code. A first attempt that was lost has a code of its own.
static bool begin_reset(struct life *life, char ret_id[static WORLD_ID_BYTES],
                        char ret_code[static LIFE_CODE_BYTES])
{
    char body[LIFE_BODY_BYTES];
    struct reply reply = {0};
    snprintf(body, sizeof body, "{\"identifier\":\"%s\"}", life->person.email);
    struct mark mark = life_mark(life);
    life_ask(life, NULL, "POST", "/v1/auth/password/forgot", body, &reply);
    life_expect(life, &reply, 202, "");
    life_keep(life, &reply, "reset_id", ret_id, WORLD_ID_BYTES);
    bool is_sure = reply.lost == 0;
    reply_reset(&reply);
    if (is_sure) life_code(life, &mark, ret_code);
    return is_sure;
}

void life_forgets(struct life *life)
{
    char body[LIFE_BODY_BYTES], id[WORLD_ID_BYTES], code[LIFE_CODE_BYTES];
    struct reply reply = {0};
    const char *old = passwords[life->rounds % 2], *new = passwords[(life->rounds + 1) % 2];
    if (life->people == 0) life_be_new(life);
    while (!begin_reset(life, id, code)) {
    }
    snprintf(body, sizeof body, "{\"reset_id\":\"%s\",\"code\":\"%s\",\"new_password\":\"%s\"}", id,
             code, new);
    life_ask(life, NULL, "POST", "/v1/auth/password/reset", body, &reply);
    if (life_expect_done(life, &reply, 204, 400, "OTP_INVALID"))
        promises_hear(&life->promises, reply.request_id, "", "auth.password.reset");
    life_refresh(life, life->person.refresh_token, &reply); // Every session has ended.
    life_expect(life, &reply, 401, "SESSION_EXPIRED");
    reply_reset(&reply);
    life_promise_ended(life, "SESSION_EXPIRED");
    check_new(life, old, new);
}

// ---- Throttled ----------------------------------------------------------------------------------

void life_is_throttled(struct life *life)
{
    char body[LIFE_BODY_BYTES];
    life_be_new(life);
    uint64_t begin_ms = promises_now_ms();
    for (unsigned i = 0; i < GUESSES; i++)
        refuse_login(life, "not the right one");
    if (promises_now_ms() > begin_ms + CLOSED_MS / 2) return; // A lost one may have been the fifth.
    refuse_login(life, LIFE_PASSWORD);
    snprintf(body, sizeof body, "{\"identifier\":\"%s\",\"password\":\"" LIFE_PASSWORD "\"}",
             life->person.email);
    const struct promise promise = {.verb = "POST",
                                    .path = "/v1/auth/login",
                                    .body = body,
                                    .status = 401,
                                    .reason = "INVALID_CREDENTIALS",
                                    .until_ms = begin_ms + CLOSED_MS};
    promises_add(&life->promises, &promise);
}
