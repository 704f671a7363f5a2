// Auth's API over HTTP, on five real processes: see auth_tests.h for the subjects.
// FLORIN_TEST picks tests by a pattern: FLORIN_TEST='test_users_*'.
#include "tests/api/auth_tests.h"

#include <stdio.h>
#include <stdlib.h>

void auth_log_in(struct api *api, const char *name)
{
    char body[256], keep[128];
    snprintf(body, sizeof body, "{'identifier':'%s@example.com','password':'" PASSWORD "'}", name);
    snprintf(keep, sizeof keep, "%s_token=access_token; %s_refresh=refresh_token", name, name);
    const struct step steps[] = {
        {"a login", NOBODY, "POST /v1/auth/login", body, "200", "status=authenticated", keep},
    };
    RUN(api, steps);
}

void auth_new_customer(struct api *api, const char *name)
{
    char application[256], code[128], keep[64];
    snprintf(application, sizeof application,
             "{'email':'%s@example.com','password':'" PASSWORD "','full_name':'Test %s'}", name,
             name);
    snprintf(code, sizeof code,
             "{'registration_id':'$registration','channel':'email','code':'$code_%s'}", name);
    snprintf(keep, sizeof keep, "%s_id=user_id", name);
    const struct step steps[] = {
        {"an application", NOBODY, "POST /v1/auth/register", application, "202", NULL,
         "registration=registration_id"},
        {"its code", NOBODY, "POST /v1/auth/register/verify", code, "201", NULL, keep},
    };
    RUN(api, steps);
    auth_log_in(api, name);
}

void auth_enrol(struct api *api, const char *name)
{
    char as[96], secret[64], code[64], codes[128];
    snprintf(as, sizeof as, "Authorization: Bearer $%s_token", name);
    snprintf(secret, sizeof secret, "totp_secret_%s=secret", name);
    snprintf(code, sizeof code, "{'code':'$totp_old_%s'}", name);
    snprintf(codes, sizeof codes, "%s_recovery=recovery_codes.0; %s_recovery2=recovery_codes.1",
             name, name);
    const struct step steps[] = {
        {"a secret", NOBODY, "POST /v1/me/totp", "{'password':'" PASSWORD "'}", "201",
         "digits=6; period=30; algorithm=SHA1", secret, as},
        {"its first code", NOBODY, "POST /v1/me/totp:confirm", code, "200", "recovery_codes.#=10",
         codes, as},
    };
    RUN(api, steps);
}

static int open_world(void **state)
{
    // The shortest life that a token may have; the same people again and again.
    const struct api_setting setting = {
        .ini = "[auth]\naccess_token_life = 30s\nmessages_per_day_max = 60\n"
               "[gateway]\ntrusted_proxies = 127.0.0.1\n"
               "[ledger]\nsca_above = 1000\n",
        .tag = "auth",
        .has_accounts = true,
    };
    return api_open(&setting, state);
}

int main(void)
{
#define AUTH_TEST_ROW(name_) cmocka_unit_test_setup(test_##name_, api_refresh),
    const struct CMUnitTest tests[] = {AUTH_TESTS(AUTH_TEST_ROW)};
#undef AUTH_TEST_ROW
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
    return cmocka_run_group_tests_name("auth over HTTP", tests, open_world, api_close);
}
