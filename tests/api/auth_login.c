// Logging in, refreshing, and what becomes of tokens.
#include "tests/api/auth_tests.h"

#include <stdio.h>

// clang-format off

#define LOGIN "POST /v1/auth/login"
#define TOKEN "POST /oauth2/token"
#define WRONG(name_) "{'identifier':'" name_ "@example.com','password':'not the right one at all'}"
#define RIGHT(name_) "{'identifier':'" name_ "@example.com','password':'" PASSWORD "'}"
#define RIGHT_FROM(name_, device_) "{'identifier':'" name_ "@example.com','password':'" PASSWORD "','device':'" device_ "'}"
#define WRONG_FROM(name_, device_) "{'identifier':'" name_ "@example.com','password':'not the right one at all','device':'" device_ "'}"

void test_a_login_gives_tokens(void **state)
{
    static const struct step steps[] = {
        {"right", NOBODY, LOGIN, RIGHT_FROM("asha", "phone"), "200",
         "status=authenticated; token_type=Bearer; expires_in=30; login_id=null; methods.#=0", "t=access_token; s=session_id"},
        {"the token works", NOBODY, "GET /v1/me", NULL, "200", "id=$asha_id", NULL, "Authorization: Bearer $t"},
        {"logged out", NOBODY, "POST /v1/auth/logout", "{}", "204", NULL, NULL, "Authorization: Bearer $t"},
        {"it does not", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $t"},
        {"nothing", NOBODY, LOGIN, "{}", "400 VALIDATION_FAILED"},
        {"an identifier that is none", NOBODY, LOGIN, "{'identifier':'x','password':'y'}", "401 INVALID_CREDENTIALS", NULL, NULL,
         FROM("192.0.2.10")},
        {"no such login", NOBODY, "POST /v1/auth/login/verify", "{'login_id':'$none','method':'totp','code':'000000'}",
         "400 OTP_INVALID"},
        {"no such method", NOBODY, "POST /v1/auth/login/verify", "{'login_id':'$none','method':'dance','code':'000000'}",
         "400 VALIDATION_FAILED"},
        {"no such login", NOBODY, "POST /v1/auth/login/resend", "{'login_id':'$none','method':'email'}", "400 OTP_INVALID"},
    };
    RUN(*state, steps);
}

void test_wrong_credentials_look_alike(void **state)
{
    // Everything but the request's id is the same, so that nothing tells the two apart.
    static const char same[] = "title=Who are you?; code=UNAUTHENTICATED; detail=the identifier or the password is wrong; "
    "@www-authenticate=Bearer realm=\"florin\"";
    static const struct step steps[] = {
        {"known", NOBODY, LOGIN, WRONG("asha"), "401 INVALID_CREDENTIALS", same, NULL, FROM("192.0.2.11")},
        {"unknown", NOBODY, LOGIN, WRONG("nobody"), "401 INVALID_CREDENTIALS", same, NULL, FROM("192.0.2.11")},
        {"unknown number", NOBODY, LOGIN, "{'identifier':'+919811111111','password':'not the right one'}", "401 INVALID_CREDENTIALS",
         same, NULL, FROM("192.0.2.11")},
    };
    RUN(*state, steps);
}

// Five failures from devices that the account does not know; its own device has a bucket of its own.
void test_many_failures_close_the_door_quietly(void **state)
{
    auth_new_customer(*state, "kala");
    static const struct step steps[] = {
        {"a device that is known from now on", NOBODY, LOGIN, RIGHT_FROM("kala", "phone"), "200"},
        {"1", NOBODY, LOGIN, WRONG("kala"), "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.12")},
        {"2", NOBODY, LOGIN, WRONG("kala"), "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.13")},
        {"3", NOBODY, LOGIN, WRONG("kala"), "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.14")},
        {"4", NOBODY, LOGIN, WRONG("kala"), "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.15")},
        {"5", NOBODY, LOGIN, WRONG("kala"), "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.16")},
        {"the right one is refused from there, alike", NOBODY, LOGIN, RIGHT("kala"), "401 INVALID_CREDENTIALS", NULL, NULL,
         FROM("192.0.2.12")},
        {"the owner's device is let in", NOBODY, LOGIN, RIGHT_FROM("kala", "phone"), "200"},
        {"a known device has five of its own", NOBODY, LOGIN, WRONG_FROM("kala", "phone"), "401 INVALID_CREDENTIALS", NULL, NULL,
         FROM("192.0.2.17")},
        {"and is let in still", NOBODY, LOGIN, RIGHT_FROM("kala", "phone"), "200"},
    };
    RUN(*state, steps);
}

void test_an_address_is_throttled_aloud(void **state)
{
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (unsigned i = 0; i < 20; i++) {
        char body[128];
        snprintf(body, sizeof body, "{'identifier':'guess-%u@example.com','password':'not the right one'}", i);
        const struct step step = {"a guess", NOBODY, LOGIN, body, "401 INVALID_CREDENTIALS", .headers = FROM("192.0.2.20")};
        wrong += !api_step(*state, &step, &answer);
    }
    static const struct step steps[] = {
        {"one more is too many", NOBODY, LOGIN, WRONG("guess-20"), "429 RATE_LIMITED", NULL, NULL, FROM("192.0.2.20")},
        {"also with the right one", NOBODY, LOGIN, RIGHT("asha"), "429 RATE_LIMITED", NULL, NULL, FROM("192.0.2.20")},
        {"not from elsewhere", NOBODY, LOGIN, RIGHT("asha"), "200", NULL, NULL, FROM("192.0.2.21")},
        {"IPv6 counts by the /64", NOBODY, LOGIN, RIGHT("asha"), "200", NULL, NULL, FROM("2001:db8::1")},
    };
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
    RUN(*state, steps);
}

void test_refresh_tokens_rotate(void **state)
{
    auth_new_customer(*state, "lila");
    static const struct step steps[] = {
        {"a refresh", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$lila_refresh'}", "200",
         "token_type=Bearer; expires_in=30", "second=refresh_token; t=access_token"},
        {"a lost answer costs nothing: the same successor", NOBODY, TOKEN,
         "{'grant_type':'refresh_token','refresh_token':'$lila_refresh'}", "200",
         "refresh_token=$second"},
        {"and goes on", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$second'}", "200", NULL, "third=refresh_token"},
        {"as a form, as OAuth clients do", NOBODY, TOKEN, "grant_type=refresh_token&refresh_token=$third", "200", NULL,
         "fourth=refresh_token",
         "Content-Type: application/x-www-form-urlencoded"},
        {"the new access token works", NOBODY, "GET /v1/me", NULL, "200", NULL, NULL, "Authorization: Bearer $t"},
        {"another grant", NOBODY, TOKEN, "{'grant_type':'password'}", "400 UNSUPPORTED_GRANT_TYPE", "error=unsupported_grant_type"},
        {"no token", NOBODY, TOKEN, "{'grant_type':'refresh_token'}", "400 VALIDATION_FAILED", "error=invalid_request"},
        {"no refresh token of ours", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'abc'}", "401 TOKEN_MALFORMED",
         "error=invalid_grant"},
    };
    RUN(*state, steps);
}

void test_an_old_refresh_token_ends_the_session(void **state)
{
    auth_new_customer(*state, "mina");
    static const struct step steps[] = {
        {"a refresh", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$mina_refresh'}", "200", NULL,
         "second=refresh_token"},
        {"and another", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$second'}", "200", NULL,
         "third=refresh_token; t=access_token"},
        {"somebody has a copy of the first", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$mina_refresh'}",
         "401 REFRESH_REUSED", "error=invalid_grant"},
        {"the session has ended", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$third'}", "401 REFRESH_REUSED"},
        {"with its access tokens", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $t"},
        {"a session that was logged out", NOBODY, LOGIN, RIGHT("mina"), "200", NULL,
         "mina_token=access_token; mina_refresh=refresh_token"},
        {"has no refresh", NOBODY, "POST /v1/auth/logout", "{}", "204", NULL, NULL, AS("mina")},
        {"either", NOBODY, TOKEN, "{'grant_type':'refresh_token','refresh_token':'$mina_refresh'}", "401 SESSION_EXPIRED"},
    };
    RUN(*state, steps);
}

void test_tokens_are_looked_at_and_taken_back(void **state)
{
    auth_new_customer(*state, "nila");
    static const struct step steps[] = {
        {"an access token says what it is", CHIEF, "POST /oauth2/introspect", "{'token':'$nila_token'}", "200",
         "active=true; token_type=access_token; sub=$nila_id; iss=florin-auth; aud=florin; roles.0=customer"},
        {"a refresh token too", CHIEF, "POST /oauth2/introspect", "{'token':'$nila_refresh'}", "200",
         "active=true; token_type=refresh_token; sub=$nila_id"},
        {"anything else is not alive", CHIEF, "POST /oauth2/introspect", "{'token':'rubbish'}", "200", "active=false; sub="},
        {"a form", CHIEF, "POST /oauth2/introspect", "token=rubbish&token_type_hint=access_token", "200", "active=false", NULL,
         "Content-Type: application/x-www-form-urlencoded"},
        {"not for everybody", ASHA, "POST /oauth2/introspect", "{'token':'rubbish'}", "403 PERMISSION_DENIED"},
        {"whoever has it may take it back", NOBODY, "POST /oauth2/revoke", "{'token':'$nila_refresh'}", "200"},
        {"it is over", CHIEF, "POST /oauth2/introspect", "{'token':'$nila_token'}", "200", "active=false; sub="},
        {"everywhere", NOBODY, "GET /v1/accounts", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("nila")},
        {"again is as good", NOBODY, "POST /oauth2/revoke", "{'token':'$nila_refresh'}", "200"},
        {"rubbish too", NOBODY, "POST /oauth2/revoke", "{'token':'rubbish'}", "200"},
        {"nothing not", NOBODY, "POST /oauth2/revoke", "{}", "400 VALIDATION_FAILED", "error=invalid_request"},
        {"nothing not", CHIEF, "POST /oauth2/introspect", "{}", "400 VALIDATION_FAILED"},
    };
    RUN(*state, steps);
}

void test_logins_leave_a_trail(void **state)
{
    auth_new_customer(*state, "oviya");
    static const struct step steps[] = {
        {"a failure", NOBODY, LOGIN, WRONG_FROM("oviya", "tablet"), "401 INVALID_CREDENTIALS", NULL, NULL,
         FROM("192.0.2.30") "\nUser-Agent: Browser/7"},
        {"mine, newest first", NOBODY, "GET /v1/me/login-activity", NULL, "200",
         "login_activity.#=2; login_activity.0.result=failed; login_activity.0.reason=INVALID_CREDENTIALS; "
         "login_activity.0.client_ip=192.0.2.30; "
         "login_activity.0.device=tablet; login_activity.0.user_agent=Browser/7; login_activity.0.session_id=null; "
         "login_activity.0.method=password; "
         "login_activity.1.result=succeeded; login_activity.1.user_id=$oviya_id; login_activity.1.reason=; next_page_token=", NULL,
         AS("oviya")},
        {"failed ones", NOBODY, "GET /v1/me/login-activity?result=failed", NULL, "200",
         "login_activity.#=1; login_activity.0.result=failed", NULL, AS("oviya")},
        {"no such result", NOBODY, "GET /v1/me/login-activity?result=perhaps", NULL, "400 VALIDATION_FAILED", NULL, NULL, AS("oviya")},
        {"a page", NOBODY, "GET /v1/me/login-activity?page_size=1", NULL, "200", "login_activity.#=1; login_activity.0.result=failed",
         "next=next_page_token", AS("oviya")},
        {"the next", NOBODY, "GET /v1/me/login-activity?page_size=1&page_token=$next", NULL, "200",
         "login_activity.#=1; login_activity.0.result=succeeded; next_page_token=", NULL, AS("oviya")},
        {"support sees hers", SUPPORT, "GET /v1/users/$oviya_id/login-activity", NULL, "200", "login_activity.#=2"},
        {"of nobody", SUPPORT, "GET /v1/users/$none/login-activity", NULL, "404 USER_NOT_FOUND"},
        {"and everybody's", SUPPORT, "GET /v1/login-activity?result=failed&page_size=1", NULL, "200",
         "login_activity.#=1; login_activity.0.user_id=$oviya_id"},
        {"others do not", ASHA, "GET /v1/users/$oviya_id/login-activity", NULL, "403 PERMISSION_DENIED"},
    };
    RUN(*state, steps);
}
