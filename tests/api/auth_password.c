// Passwords that are changed, and those that are forgotten.
#include "tests/api/auth_tests.h"

// clang-format off

#define LOGIN "POST /v1/auth/login"
#define FORGOT "POST /v1/auth/password/forgot"
#define RESET "POST /v1/auth/password/reset"
#define OTHER "seven green herons at dusk"

void test_a_password_is_changed(void **state)
{
    auth_new_customer(*state, "pari");
    static const struct step steps[] = {
        {"another session", NOBODY, LOGIN, "{'identifier':'pari@example.com','password':'" PASSWORD "'}", "200", NULL,
         "other=access_token; other_refresh=refresh_token"},
        {"the wrong one", NOBODY, "POST /v1/me/password", "{'current_password':'not the right one','new_password':'" OTHER "'}",
         "401 INVALID_CREDENTIALS", NULL, NULL, AS("pari")},
        {"a weak one", NOBODY, "POST /v1/me/password", "{'current_password':'" PASSWORD "','new_password':'pari@example.com'}",
         "400 WEAK_PASSWORD", NULL, NULL, AS("pari")},
        {"a good one", NOBODY, "POST /v1/me/password", "{'current_password':'" PASSWORD "','new_password':'" OTHER "'}", "204", NULL,
         NULL, AS("pari")},
        {"this session stays", NOBODY, "GET /v1/me", NULL, "200", NULL, NULL, AS("pari")},
        {"the other has ended", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $other"},
        {"for good", NOBODY, "POST /oauth2/token", "{'grant_type':'refresh_token','refresh_token':'$other_refresh'}",
         "401 SESSION_EXPIRED"},
        {"the old one is wrong", NOBODY, LOGIN, "{'identifier':'pari@example.com','password':'" PASSWORD "'}", "401 INVALID_CREDENTIALS",
         NULL, NULL, FROM("192.0.2.40")},
        {"the new one right", NOBODY, LOGIN, "{'identifier':'pari@example.com','password':'" OTHER "'}", "200"},
        {"nothing", NOBODY, "POST /v1/me/password", "{}", "400 VALIDATION_FAILED", NULL, NULL, AS("pari")},
    };
    RUN(*state, steps);
}

void test_a_forgotten_password_is_set_anew(void **state)
{
    auth_new_customer(*state, "qadir");
    static const struct step steps[] = {
        {"forgotten", NOBODY, FORGOT, "{'identifier':'qadir@example.com'}", "202", "expires_in=300", "r=reset_id", FROM("192.0.2.41")},
        {"a weak one uses nothing up", NOBODY, RESET, "{'reset_id':'$r','code':'$code_qadir','new_password':'qadir@example.com'}",
         "400 WEAK_PASSWORD"},
        {"a wrong code", NOBODY, RESET, "{'reset_id':'$r','code':'000000','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"the right one", NOBODY, RESET, "{'reset_id':'$r','code':'$last_code_qadir','new_password':'" OTHER "'}", "204"},
        {"once", NOBODY, RESET, "{'reset_id':'$r','code':'$last_code_qadir','new_password':'" PASSWORD "'}", "400 OTP_INVALID"},
        {"every session has ended", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("qadir")},
        {"the old one is wrong", NOBODY, LOGIN, "{'identifier':'qadir@example.com','password':'" PASSWORD "'}", "401 INVALID_CREDENTIALS",
         NULL, NULL, FROM("192.0.2.41")},
        {"the new one right", NOBODY, LOGIN, "{'identifier':'qadir@example.com','password':'" OTHER "'}", "200"},
    };
    RUN(*state, steps);
}

void test_a_reset_gives_nothing_away(void **state)
{
    auth_new_customer(*state, "rana");
    static const struct step steps[] = {
        {"nobody's address is answered alike", NOBODY, FORGOT, "{'identifier':'nobody@example.com'}", "202", "expires_in=300",
         "r=reset_id", FROM("192.0.2.42")},
        {"and no code fits", NOBODY, RESET, "{'reset_id':'$r','code':'000000','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"no address at all", NOBODY, FORGOT, "{'identifier':'x'}", "202", NULL, NULL, FROM("192.0.2.42")},
        {"nothing", NOBODY, FORGOT, "{}", "400 VALIDATION_FAILED"},
        {"nothing", NOBODY, RESET, "{}", "400 VALIDATION_FAILED"},
        {"no such reset", NOBODY, RESET, "{'reset_id':'$none','code':'000000','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"forgotten", NOBODY, FORGOT, "{'identifier':'rana@example.com'}", "202", NULL, "r=reset_id", FROM("192.0.2.43")},
        {"1", NOBODY, RESET, "{'reset_id':'$r','code':'000001','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"2", NOBODY, RESET, "{'reset_id':'$r','code':'000002','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"3", NOBODY, RESET, "{'reset_id':'$r','code':'000003','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"4", NOBODY, RESET, "{'reset_id':'$r','code':'000004','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"5", NOBODY, RESET, "{'reset_id':'$r','code':'000005','new_password':'" OTHER "'}", "400 OTP_INVALID"},
        {"the right one comes too late", NOBODY, RESET, "{'reset_id':'$r','code':'$code_rana','new_password':'" OTHER "'}",
         "400 OTP_EXHAUSTED"},
    };
    RUN(*state, steps);

    size_t wrong = 0;
    struct http_answer answer = {0};
    for (unsigned i = 0; i < 20; i++) {
        const struct step step = {"again and again", NOBODY, FORGOT, "{'identifier':'nobody@example.com'}", "202",
            .headers = FROM("192.0.2.44")};
        wrong += !api_step(*state, &step, &answer);
    }
    const struct step last = {"until it is enough", NOBODY, FORGOT, "{'identifier':'nobody@example.com'}", "429 RATE_LIMITED",
        .headers = FROM("192.0.2.44")};
    wrong += !api_step(*state, &last, &answer);
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
}
