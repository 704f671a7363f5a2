// Codes: each is good once, and compared five times.
#include "tests/crash/life.h"
#include "tests/support/codes.h"

#include <stdio.h>
#include <string.h>

enum {
    RECOVERY_CODES = 3,
    CODE_MS = 240 * 1000,   // A code lives for longer.
    OLD_STEP_MS = 2 * 1000, // So long the step before is good, at least.
};

// ---- Registering --------------------------------------------------------------------------------

void life_registers(struct life *life)
{
    life_be_new(life);
}

/// A code of a registration that was guessed at too often is good for nothing any more.
void life_guesses(struct life *life)
{
    char begun[LIFE_BODY_BYTES], body[LIFE_ANSWER_BYTES];
    char code[LIFE_CODE_BYTES], wrong[LIFE_CODE_BYTES];
    life_apply(life, begun, code);
    life_wrong_code(code, wrong);
    life_guess(life, "/v1/auth/register/verify", begun, wrong);
    snprintf(body, sizeof body, "%s%s\"}", begun, code);
    const struct promise promise = {.verb = "POST",
                                    .path = "/v1/auth/register/verify",
                                    .body = body,
                                    .status = 400,
                                    .reason = "OTP_EXHAUSTED",
                                    .until_ms = promises_now_ms() + CODE_MS};
    promises_add(&life->promises, &promise);
}

// ---- Authenticators -----------------------------------------------------------------------------

struct authenticator {
    char secret[LIFE_SECRET_BYTES];
    char recovery[RECOVERY_CODES][LIFE_SECRET_BYTES];
};

/// enrol: false when the recovery codes were in an answer that was lost, or the answer took so long
/// that the code was over.
static bool enrol(struct life *life, struct authenticator *ret)
{
    char code[WORLD_ID_BYTES], body[LIFE_BODY_BYTES], member[32];
    struct reply reply = {0};
    life_ask(life, life->person.token, "POST", "/v1/me/totp",
             "{\"password\":\"" LIFE_PASSWORD "\"}", &reply);
    life_expect(life, &reply, 201, "");
    LIFE_KEEP(life, &reply, "secret", ret->secret);
    codes_totp(ret->secret, true, code);
    uint64_t begin_ms = promises_now_ms();
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    life_ask(life, life->person.token, "POST", "/v1/me/totp:confirm", body, &reply);
    bool is_late =
        promises_now_ms() - begin_ms > OLD_STEP_MS && life_is(&reply, 400, "OTP_INVALID");
    bool is_ours = !is_late && life_expect_done(life, &reply, 200, 400, "OTP_EXPIRED");
    if (is_ours) promises_hear(&life->promises, reply.request_id, "", "auth.factor.enrolled");
    for (unsigned i = 0; is_ours && i < RECOVERY_CODES; i++) {
        snprintf(member, sizeof member, "recovery_codes.%u", i);
        LIFE_KEEP(life, &reply, member, ret->recovery[i]);
    }
    reply_reset(&reply);
    return is_ours;
}

/// begin_login writes what comes before the code in the answer to the question.
static void begin_login(struct life *life, const char *method,
                        char ret_body[static LIFE_BODY_BYTES])
{
    char login_id[WORLD_ID_BYTES];
    struct reply reply = {0};
    life_try_login(life, LIFE_PASSWORD, &reply);
    life_expect(life, &reply, 200, "");
    if (strcmp(http_text(&reply.answer, "status"), "mfa_required") != 0)
        life_fail(life, "no factor was asked for: %s", reply.answer.text);
    LIFE_KEEP(life, &reply, "login_id", login_id);
    reply_reset(&reply);
    snprintf(ret_body, LIFE_BODY_BYTES, "{\"login_id\":\"%s\",\"method\":\"%s\",\"code\":\"",
             login_id, method);
}

static void verify(struct life *life, const char *method, const char *code, struct reply *ret)
{
    char begun[LIFE_BODY_BYTES], body[LIFE_ANSWER_BYTES];
    begin_login(life, method, begun);
    snprintf(body, sizeof body, "%s%s\"}", begun, code);
    life_ask(life, NULL, "POST", "/v1/auth/login/verify", body, ret);
}

/// use_once: a code that was taken, by an answer or by an attempt that was lost, never is again.
static void use_once(struct life *life, const char *method, const char *code)
{
    struct reply reply = {0};
    verify(life, method, code, &reply);
    if (life_expect_done(life, &reply, 200, 400, "OTP_INVALID")) life_tell_login(life, &reply);
    verify(life, method, code, &reply);
    life_expect(life, &reply, 400, "OTP_INVALID");
    reply_reset(&reply);
}

void life_authenticates(struct life *life)
{
    struct authenticator authenticator;
    char code[WORLD_ID_BYTES], wrong[LIFE_CODE_BYTES], body[LIFE_BODY_BYTES];
    life_be_new(life);
    if (!enrol(life, &authenticator)) return;
    codes_totp(authenticator.secret, false, code);
    use_once(life, "totp", code);
    for (unsigned i = 0; i < RECOVERY_CODES; i++)
        use_once(life, "recovery_code", authenticator.recovery[i]);
    begin_login(life, "totp", body);
    life_wrong_code(code, wrong);
    life_guess(life, "/v1/auth/login/verify", body, wrong);
}
