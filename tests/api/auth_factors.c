// The second factor.
#include "tests/api/auth_tests.h"

// clang-format off

#define LOGIN "POST /v1/auth/login"
#define VERIFY "POST /v1/auth/login/verify"
#define RIGHT(name_) "{'identifier':'" name_ "@example.com','password':'" PASSWORD "'}"

void test_an_authenticator_is_enrolled(void **state)
{
    auth_new_customer(*state, "sara");
    static const struct step steps[] = {
        {"none yet", NOBODY, "GET /v1/me/factors", NULL, "200",
         "totp=false; totp_since=null; recovery_codes_left=0; locked_until=null; channels.0=email", NULL, AS("sara")},
        {"nothing to confirm", NOBODY, "POST /v1/me/totp:confirm", "{'code':'000000'}", "400 OTP_EXPIRED", NULL, NULL, AS("sara")},
        {"the password is asked for", NOBODY, "POST /v1/me/totp", "{'password':'not the right one'}", "401 INVALID_CREDENTIALS", NULL,
         NULL, AS("sara")},
        {"a secret", NOBODY, "POST /v1/me/totp", "{'password':'" PASSWORD "'}", "201", "digits=6; period=30; algorithm=SHA1",
         "totp_secret_sara=secret", AS("sara")},
        {"it does not count yet", NOBODY, LOGIN, RIGHT("sara"), "200", "status=authenticated"},
        {"a wrong code", NOBODY, "POST /v1/me/totp:confirm", "{'code':'000000'}", "400 OTP_INVALID", NULL, NULL, AS("sara")},
        {"2", NOBODY, "POST /v1/me/totp:confirm", "{'code':'000000'}", "400 OTP_INVALID", NULL, NULL, AS("sara")},
        {"3", NOBODY, "POST /v1/me/totp:confirm", "{'code':'000000'}", "400 OTP_INVALID", NULL, NULL, AS("sara")},
        {"4", NOBODY, "POST /v1/me/totp:confirm", "{'code':'000000'}", "400 OTP_INVALID", NULL, NULL, AS("sara")},
        {"the fifth ends it", NOBODY, "POST /v1/me/totp:confirm", "{'code':'000000'}", "400 OTP_EXHAUSTED", NULL, NULL, AS("sara")},
        {"another secret takes its place", NOBODY, "POST /v1/me/totp", "{'password':'" PASSWORD "'}", "201", NULL,
         "totp_secret_sara=secret", AS("sara")},
        {"the right code", NOBODY, "POST /v1/me/totp:confirm", "{'code':'$totp_old_sara'}", "200", "recovery_codes.#=10",
         "first=recovery_codes.0", AS("sara")},
        {"now it counts", NOBODY, "GET /v1/me/factors", NULL, "200", "totp=true; recovery_codes_left=10", NULL, AS("sara")},
        {"there is one", NOBODY, "POST /v1/me/totp", "{'password':'" PASSWORD "'}", "409 ALREADY_EXISTS", NULL, NULL, AS("sara")},
        {"new recovery codes", NOBODY, "POST /v1/me/recovery-codes", "{'code':'$totp_sara'}", "200", "recovery_codes.#=10", NULL,
         AS("sara")},
        {"a step is good once", NOBODY, "POST /v1/me/recovery-codes", "{'code':'$totp_sara'}", "400 OTP_INVALID", NULL, NULL, AS("sara")},
        {"the old codes are worth nothing", NOBODY, "POST /v1/me/totp:disable",
         "{'password':'" PASSWORD "','method':'recovery_code','code':'$first'}", "400 OTP_INVALID", NULL, NULL, AS("sara")},
    };
    RUN(*state, steps);
}

void test_a_login_asks_for_the_authenticator(void **state)
{
    auth_new_customer(*state, "tara");
    auth_enrol(*state, "tara");
    static const struct step steps[] = {
        {"no token before the last factor", NOBODY, LOGIN, "{'identifier':'tara@example.com','password':'" PASSWORD "','device':'phone'}",
         "200",
         "status=mfa_required; access_token=; refresh_token=; session_id=null; methods.0=totp; methods.1=recovery_code; methods.#=2; "
         "sent_to=; expires_in=300", "l=login_id"},
        {"another device", NOBODY, VERIFY, "{'login_id':'$l','method':'totp','code':'000000','device':'laptop'}", "400 OTP_INVALID"},
        {"another network", NOBODY, VERIFY, "{'login_id':'$l','method':'totp','code':'000000','device':'phone'}", "400 OTP_INVALID", NULL,
         NULL, FROM("198.51.100.7")},
        {"another method", NOBODY, VERIFY, "{'login_id':'$l','method':'email','code':'000000','device':'phone'}", "400 OTP_INVALID"},
        {"nothing is sent", NOBODY, "POST /v1/auth/login/resend", "{'login_id':'$l','method':'email','device':'phone'}",
         "400 OTP_INVALID"},
        {"right", NOBODY, VERIFY, "{'login_id':'$l','method':'totp','code':'$totp_tara','device':'phone'}", "200",
         "status=authenticated; login_id=null", "t=access_token"},
        {"once", NOBODY, VERIFY, "{'login_id':'$l','method':'totp','code':'$totp_tara','device':'phone'}", "400 OTP_INVALID"},
        {"it says how", NOBODY, "GET /v1/auth/sessions?page_size=1", NULL, "200",
         "sessions.0.aal=2; sessions.0.current=true; sessions.0.device=phone", NULL, "Authorization: Bearer $t"},
        {"wrong passwords ask for nothing", NOBODY, LOGIN, "{'identifier':'tara@example.com','password':'not the right one'}",
         "401 INVALID_CREDENTIALS", NULL, NULL, FROM("192.0.2.50")},
        {"blocked meanwhile", NOBODY, LOGIN, RIGHT("tara"), "200", "status=mfa_required", "l=login_id"},
        {"blocked", CHIEF, "POST /v1/users/$tara_id:block", "{'reason':'test'}", "200", "status=blocked"},
        {"is not let in", NOBODY, VERIFY, "{'login_id':'$l','method':'recovery_code','code':'$tara_recovery'}", "403 ACCOUNT_BLOCKED"},
    };
    RUN(*state, steps);
}

void test_recovery_codes_are_good_once(void **state)
{
    auth_new_customer(*state, "uma");
    auth_enrol(*state, "uma");
    static const struct step steps[] = {
        {"phone lost", NOBODY, LOGIN, RIGHT("uma"), "200", "status=mfa_required", "l=login_id"},
        {"a recovery code", NOBODY, VERIFY, "{'login_id':'$l','method':'recovery_code','code':'$uma_recovery'}", "200",
         "status=authenticated", "uma_token=access_token"},
        {"is used up", NOBODY, "GET /v1/me/factors", NULL, "200", "recovery_codes_left=9", NULL, AS("uma")},
        {"again", NOBODY, LOGIN, RIGHT("uma"), "200", "status=mfa_required", "l=login_id"},
        {"it fits no more", NOBODY, VERIFY, "{'login_id':'$l','method':'recovery_code','code':'$uma_recovery'}", "400 OTP_INVALID"},
        {"the next does", NOBODY, VERIFY, "{'login_id':'$l','method':'recovery_code','code':'$uma_recovery2'}", "200"},
    };
    RUN(*state, steps);
}

void test_five_wrong_codes_end_a_login(void **state)
{
    auth_new_customer(*state, "veda");
    auth_enrol(*state, "veda");
    static const struct step login = {"a login", NOBODY, LOGIN, RIGHT("veda"), "200", "status=mfa_required", "l=login_id"};
    static const struct step wrong_code = {"a wrong code", NOBODY, VERIFY, "{'login_id':'$l','method':'totp','code':'000000'}",
        "400 OTP_INVALID"};
    static const struct step right_code = {"the right one comes too late", NOBODY, VERIFY,
        "{'login_id':'$l','method':'totp','code':'$totp_veda'}", "400 OTP_EXHAUSTED"};
    size_t wrong = 0;
    struct http_answer answer = {0};
    for (unsigned round = 0; round < 3; round++) { // 15 in a day lock the factor.
        wrong += !api_step(*state, &login, &answer);
        for (unsigned i = 0; i < 5; i++) wrong += !api_step(*state, &wrong_code, &answer);
        wrong += !api_step(*state, &right_code, &answer);
    }
    static const struct step locked[] = {
        {"another login", NOBODY, LOGIN, RIGHT("veda"), "200", "status=mfa_required", "l=login_id"},
        {"the factor is locked", NOBODY, VERIFY, "{'login_id':'$l','method':'totp','code':'$totp_veda'}", "400 OTP_EXHAUSTED"},
        {"and its recovery codes", NOBODY, VERIFY, "{'login_id':'$l','method':'recovery_code','code':'$veda_recovery'}",
         "400 OTP_EXHAUSTED"},
        {"for the rest too", NOBODY, "POST /v1/me/recovery-codes", "{'code':'$totp_veda'}", "400 OTP_EXHAUSTED", NULL, NULL, AS("veda")},
        {"to be taken away", NOBODY, "POST /v1/me/totp:disable", "{'password':'" PASSWORD "','method':'totp','code':'$totp_veda'}",
         "400 OTP_EXHAUSTED", NULL, NULL, AS("veda")},
    };
    http_answer_reset(&answer);
    assert_int_equal(wrong, 0);
    RUN(*state, locked);
}

void test_an_authenticator_is_taken_away(void **state)
{
    auth_new_customer(*state, "wafa");
    static const struct step none[] = {
        {"there is none", NOBODY, "POST /v1/me/totp:disable", "{'password':'" PASSWORD "','method':'totp','code':'000000'}",
         "404 FACTOR_NOT_FOUND", NULL, NULL, AS("wafa")},
        {"there is none", NOBODY, "POST /v1/me/recovery-codes", "{'code':'000000'}", "404 FACTOR_NOT_FOUND", NULL, NULL, AS("wafa")},
        {"there is none", CHIEF, "POST /v1/users/$wafa_id:reset-factors", "{'reason':'test'}", "404 FACTOR_NOT_FOUND"},
        {"nobody", CHIEF, "POST /v1/users/$none:reset-factors", "{'reason':'test'}", "404 USER_NOT_FOUND"},
        {"not one's own", CHIEF, "POST /v1/users/$chief_id:reset-factors", "{'reason':'test'}", "403 SEPARATION_OF_DUTIES"},
    };
    RUN(*state, none);
    auth_enrol(*state, "wafa");
    static const struct step own[] = {
        {"another session", NOBODY, LOGIN, RIGHT("wafa"), "200", NULL, "l=login_id"},
        {"of hers", NOBODY, VERIFY, "{'login_id':'$l','method':'recovery_code','code':'$wafa_recovery'}", "200", NULL,
         "other=access_token"},
        {"the password", NOBODY, "POST /v1/me/totp:disable", "{'password':'not the right one','method':'totp','code':'000000'}",
         "401 INVALID_CREDENTIALS", NULL, NULL, AS("wafa")},
        {"and a code", NOBODY, "POST /v1/me/totp:disable", "{'password':'" PASSWORD "','method':'totp','code':'000000'}",
         "400 OTP_INVALID", NULL, NULL, AS("wafa")},
        {"take it away", NOBODY, "POST /v1/me/totp:disable", "{'password':'" PASSWORD "','method':'totp','code':'$totp_wafa'}", "204",
         NULL, NULL, AS("wafa")},
        {"other sessions end", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, "Authorization: Bearer $other"},
        {"a login asks no more", NOBODY, LOGIN, RIGHT("wafa"), "200", "status=authenticated"},
    };
    RUN(*state, own);
    auth_new_customer(*state, "xena");
    auth_enrol(*state, "xena");
    static const struct step lost[] = {
        {"all is lost", CHIEF, "POST /v1/users/$xena_id:reset-factors", "{'reason':'identity checked at the counter'}", "200",
         "id=$xena_id"},
        {"her sessions end", NOBODY, "GET /v1/me", NULL, "401 TOKEN_REVOKED", NULL, NULL, AS("xena")},
        {"and the password does", NOBODY, LOGIN, RIGHT("xena"), "200", "status=authenticated"},
        {"not by everybody", SUPPORT, "POST /v1/users/$xena_id:reset-factors", "{'reason':'x'}", "403 PERMISSION_DENIED"},
    };
    RUN(*state, lost);
}
