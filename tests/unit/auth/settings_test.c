// What the configuration becomes: the defaults of the daemon are those that the other tests go by,
// second factors follow the delivery, and nothing weaker than the floor is taken.
#include "services/auth/settings.h"
#include "tests/unit/support/unit.h"

enum { FLAGS_MAX = 3 };

static enum config_action load(const char *const flags[static FLAGS_MAX], struct config **ret)
{
    const struct config_key *const tables[] = {auth_settings_keys};
    const struct config_spec spec = {.program = "florin-auth",
                                     .tables = tables,
                                     .table_counts = &auth_settings_key_count,
                                     .tables_count = 1};
    char *argv[FLAGS_MAX + 2] = {(char *)(uintptr_t) "florin-auth"};
    int argc = 1;
    for (size_t i = 0; i < FLAGS_MAX && flags[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)flags[i];
    *ret = NULL;
    return config_load(&spec, argc, argv, ret);
}

static void expect_limits(const struct auth_session_limits *got,
                          const struct auth_session_limits *expected)
{
    assert_int_equal(got->idle_ns, expected->idle_ns);
    assert_int_equal(got->absolute_ns, expected->absolute_ns);
    assert_int_equal(got->token_life_s, expected->token_life_s);
}

static void expect_rate(const struct auth_rate *got, const struct auth_rate *expected)
{
    assert_int_equal(got->interval_ns, expected->interval_ns);
    assert_int_equal(got->burst, expected->burst);
}

static void test_the_defaults_are_those_that_are_tested(void **state)
{
    (void)state;
    struct config *config;
    const struct auth_policy *expected = &auth_policy_default;
    assert_int_equal(load((const char *[FLAGS_MAX]){NULL}, &config), CONFIG_RUN);
    struct auth_policy policy = auth_settings_policy(config);
    assert_int_equal(policy.argon2.memory_bytes, expected->argon2.memory_bytes);
    assert_int_equal(policy.argon2.passes, expected->argon2.passes);
    assert_int_equal(policy.password_code_points_min, expected->password_code_points_min);
    assert_int_equal(policy.password_code_points_alone_min,
                     expected->password_code_points_alone_min);
    assert_string_equal(policy.breached_file, expected->breached_file);
    assert_int_equal(policy.mfa_customer, expected->mfa_customer);
    assert_int_equal(policy.mfa_staff, expected->mfa_staff);
    assert_int_equal(policy.password_failures_max, expected->password_failures_max);
    assert_int_equal(policy.code_failures_max, expected->code_failures_max);
    assert_int_equal(policy.risk_threshold, expected->risk_threshold);
    assert_int_equal(policy.activity_kept_ns, expected->activity_kept_ns);
    assert_int_equal(policy.signing_key_age_ns, expected->signing_key_age_ns);
    assert_int_equal(policy.signing_key_lead_ns, expected->signing_key_lead_ns);
    assert_string_equal(policy.public_url, expected->public_url);
    assert_int_equal(policy.customer_sessions_max, expected->customer_sessions_max);
    expect_limits(&policy.customer, &expected->customer);
    expect_limits(&policy.staff, &expected->staff);
    expect_rate(&policy.address_failures, &expected->address_failures);
    expect_rate(&policy.address_forgotten, &expected->address_forgotten);
    expect_rate(&policy.destination_messages, &expected->destination_messages);
    config_close(&config);
}

static void test_which_factors_are_demanded(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *flags[FLAGS_MAX];
        enum auth_mfa customer, staff;
    } rows[] = {
        {{NULL},                                         AUTH_MFA_OFF, AUTH_MFA_OPTIONAL},
        {{"--auth.delivery=none"},                       AUTH_MFA_OTP, AUTH_MFA_TOTP},
        {{"--auth.delivery=live"},                       AUTH_MFA_OTP, AUTH_MFA_TOTP},
        {{"--auth.mfa_customer=totp"},                   AUTH_MFA_TOTP, AUTH_MFA_OPTIONAL},
        {{"--auth.delivery=live", "--auth.mfa_customer=off", "--auth.mfa_staff=optional"},
                                                         AUTH_MFA_OFF, AUTH_MFA_OPTIONAL},
        {{"--auth.delivery=live", "--auth.mfa_staff=otp"}, AUTH_MFA_OTP, AUTH_MFA_OTP},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct config *config;
        assert_int_equal(load(rows[i].flags, &config), CONFIG_RUN);
        struct auth_policy policy = auth_settings_policy(config);
        if (policy.mfa_customer != rows[i].customer || policy.mfa_staff != rows[i].staff)
            fail_msg("row %zu", i);
        config_close(&config);
    }
}

static void test_nothing_weaker_than_the_floor(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "--auth.argon2_memory=18MiB",          "--auth.argon2_passes=1",
        "--auth.password_length_min=7",        "--auth.access_token_life=301s",
        "--auth.staff_access_token_life=301s", "--auth.mfa_staff=none",
    };
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct config *config;
        if (load((const char *[FLAGS_MAX]){rows[i]}, &config) != CONFIG_EXIT_BAD)
            fail_msg("%s was taken", rows[i]);
        config_close(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_defaults_are_those_that_are_tested),
        cmocka_unit_test(test_which_factors_are_demanded),
        cmocka_unit_test(test_nothing_weaker_than_the_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
