// Where a second factor is demanded of everybody: customers get a code by message, staff must have
// an authenticator, and who has none yet can do nothing but enrol one.
#include "tests/integration/cast.h"
#include "tests/support/codes.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 512, SECRET_BYTES = 64 };

#define PASSWORD "kz7!mQ2w" // Long enough beside a second factor, and too short alone.

struct story {
    struct world world;
    struct http_client *client;
    struct codes codes;
    struct http_answer answer;
    char asha_id[WORLD_ID_BYTES], asha_session[WORLD_ID_BYTES], asha_refresh[WORLD_TOKEN_BYTES];
};

static void ask(struct story *story, const char *token, const char *verb, const char *path,
                const char *body, long status, const char *reason)
{
    http_expect(story->client, token, verb, path, body, status, &story->answer);
    assert_string_equal(http_text(&story->answer, "reason"), reason);
}

static void log_in(struct story *story, const char *identifier, const char *password,
                   const char *status)
{
    char body[BODY_BYTES];
    snprintf(body, sizeof body, "{\"identifier\":\"%s\",\"password\":\"%s\"}", identifier,
             password);
    ask(story, NULL, "POST", "/v1/auth/login", body, 200, "");
    assert_string_equal(http_text(&story->answer, "status"), status);
}

static void verify(struct story *story, const char *login_id, const char *method, const char *code,
                   long status, const char *reason)
{
    char body[BODY_BYTES];
    snprintf(body, sizeof body, "{\"login_id\":\"%s\",\"method\":\"%s\",\"code\":\"%s\"}", login_id,
             method, code);
    ask(story, NULL, "POST", "/v1/auth/login/verify", body, status, reason);
}

static void keep(const struct story *story, const char *member, char *ret, size_t size)
{
    snprintf(ret, size, "%s", http_text(&story->answer, member));
    assert_string_not_equal(ret, "");
}

static void registered(struct story *story)
{
    char body[BODY_BYTES], id[WORLD_ID_BYTES], code[WORLD_ID_BYTES];
    ask(story, NULL, "POST", "/v1/auth/register",
        "{\"email\":\"asha@example.com\",\"password\":\"" PASSWORD "\",\"full_name\":\"Asha\"}",
        202, "");
    keep(story, "registration_id", id, sizeof id);
    codes_take(&story->codes, &story->world, "asha", code);
    snprintf(body, sizeof body,
             "{\"registration_id\":\"%s\",\"channel\":\"email\",\"code\":\"%s\"}", id, code);
    ask(story, NULL, "POST", "/v1/auth/register/verify", body, 201, "");
}

static void test_a_customer_shows_a_code(void **state)
{
    struct story *story = *state;
    char login_id[WORLD_ID_BYTES], code[WORLD_ID_BYTES], token[WORLD_TOKEN_BYTES], body[BODY_BYTES];
    registered(story);
    log_in(story, "asha@example.com", PASSWORD, "mfa_required");
    assert_string_equal(http_text(&story->answer, "sent_to"), "email");
    assert_string_equal(http_text(&story->answer, "access_token"), "");
    keep(story, "login_id", login_id, sizeof login_id);
    snprintf(body, sizeof body, "{\"login_id\":\"%s\",\"method\":\"email\"}", login_id);
    ask(story, NULL, "POST", "/v1/auth/login/resend", body, 429, "OTP_SEND_LIMIT");
    verify(story, login_id, "email", "000000", 400, "OTP_INVALID");
    codes_take(&story->codes, &story->world, "asha", code);
    verify(story, login_id, "totp", code, 400, "OTP_INVALID"); // Not a method of hers.
    verify(story, login_id, "email", code, 200, "");
    keep(story, "access_token", token, sizeof token);
    keep(story, "session_id", story->asha_session, sizeof story->asha_session);
    keep(story, "refresh_token", story->asha_refresh, sizeof story->asha_refresh);
    ask(story, token, "GET", "/v1/me", NULL, 200, "");
    keep(story, "id", story->asha_id, sizeof story->asha_id);
    ask(story, token, "GET", "/v1/auth/sessions", NULL, 200, "");
    const json_t *session = json_array_get(json_object_get(story->answer.json, "sessions"), 0);
    assert_int_equal(json_integer_value(json_object_get(session, "aal")), 2);
    verify(story, login_id, "email", code, 400, "OTP_INVALID"); // Once.
}

static void admin_password(const struct story *story, char *ret, size_t size)
{
    char path[WORLD_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/admin-password", story->world.data);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(ret, (int)size, file));
    fclose(file);
    ret[strcspn(ret, "\n")] = '\0';
}

static void test_staff_enrol_before_anything_else(void **state)
{
    static const struct {
        const char *verb, *path, *body;
    } closed[] = {
        {"GET", "/v1/users", NULL},
        {"GET", "/v1/currencies", NULL},
        {"GET", "/v1/kyc/status", NULL},
        {"GET", "/v1/audit/events", NULL},
        {"GET", "/v1/reports/security", NULL},
        {"POST", "/v1/roles", "{\"name\":\"x\"}"},
    };
    struct story *story = *state;
    char password[64], token[WORLD_TOKEN_BYTES], secret[SECRET_BYTES], code[WORLD_ID_BYTES];
    char body[BODY_BYTES], login_id[WORLD_ID_BYTES];
    admin_password(story, password, sizeof password);
    log_in(story, "admin@florin.local", password, "enrolment_required");
    keep(story, "access_token", token, sizeof token);
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        ask(story, token, closed[i].verb, closed[i].path, closed[i].body, 403, "INSUFFICIENT_AAL");
    ask(story, token, "GET", "/v1/me", NULL, 200, "");
    ask(story, token, "GET", "/v1/me/factors", NULL, 200, "");
    assert_string_equal(http_text(&story->answer, "policy"), "totp");
    snprintf(body, sizeof body,
             "{\"current_password\":\"%s\",\"new_password\":\"seven green herons at dusk\"}",
             password);
    ask(story, token, "POST", "/v1/me/password", body, 403, "INSUFFICIENT_AAL");
    // Rights over others are not there yet, either.
    char path[WORLD_PATH_BYTES];
    snprintf(path, sizeof path, "/v1/auth/sessions/%s", story->asha_session);
    ask(story, token, "DELETE", path, NULL, 404, "SESSION_NOT_FOUND");

    snprintf(body, sizeof body, "{\"password\":\"%s\"}", password);
    ask(story, token, "POST", "/v1/me/totp", body, 201, "");
    keep(story, "secret", secret, sizeof secret);
    codes_totp(secret, true, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    ask(story, token, "POST", "/v1/me/totp:confirm", body, 200, "");
    ask(story, token, "GET", "/v1/users", NULL, 403, "INSUFFICIENT_AAL"); // A new login is needed.

    log_in(story, "admin@florin.local", password, "mfa_required");
    keep(story, "login_id", login_id, sizeof login_id);
    codes_totp(secret, false, code);
    verify(story, login_id, "totp", code, 200, "");
    keep(story, "access_token", token, sizeof token);
    ask(story, token, "GET", "/v1/users", NULL, 200, "");

    // Who becomes staff logs in as staff: what a customer has shown is not enough any more.
    snprintf(path, sizeof path, "/v1/users/%s/roles", story->asha_id);
    ask(story, token, "PUT", path, "{\"roles\":[\"customer\",\"support\"]}", 200, "");
    char refresh[WORLD_TOKEN_BYTES + 64];
    snprintf(refresh, sizeof refresh, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             story->asha_refresh);
    ask(story, NULL, "POST", "/oauth2/token", refresh, 401, "SESSION_EXPIRED");
}

static int open_story(void **state)
{
    static struct story story;
    snprintf(story.world.ini, sizeof story.world.ini,
             "[auth]\nmfa_customer = otp\nmfa_staff = totp\n");
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    http_answer_reset(&story->answer);
    codes_reset(&story->codes);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_customer_shows_a_code),
        cmocka_unit_test(test_staff_enrol_before_anything_else),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("second factors", tests, open_story, close_story);
}
