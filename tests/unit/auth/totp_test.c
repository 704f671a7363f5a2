// services/auth/totp.c against its RFCs, and the rules of factor_core.c, one row each.
#include "services/auth/factor_core.h"
#include "services/auth/totp.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(1800000000000000000)
#define DAY_NS AUTH_CODE_DAY_NS

static const uint8_t *rfc_secret(void)
{
    return (const uint8_t *)"12345678901234567890";
}

// ---- Codes ---------------------------------------------------------------------------------

static void test_counters_of_rfc_4226_appendix_d(void **state)
{
    (void)state;
    static const char *const codes[] = {"755224", "287082", "359152", "969429", "338314",
                                        "254676", "287922", "162583", "399871", "520489"};
    for (uint64_t step = 0; step < ROWS(codes); step++) {
        char code[TOTP_CODE_BYTES];
        totp_code(rfc_secret(), step, code);
        assert_string_equal(code, codes[step]);
    }
}

static void test_times_of_rfc_6238_appendix_b(void **state)
{
    (void)state;

    static const struct {
        uint64_t now_s;
        const char *eight_digits; // As the RFC has them; six digits are their end.
    } rows[] = {
        {59, "94287082"},         {1111111109, "07081804"}, {1111111111, "14050471"},
        {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char code[TOTP_CODE_BYTES];
        totp_code(rfc_secret(), totp_step(rows[i].now_s), code);
        assert_string_equal(code, rows[i].eight_digits + 2);
    }
}

static void test_a_code_counts_in_its_step_and_the_next_and_once(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given;
        const char *code; // Of step 37037037: 1111111110 to 1111111139.
        uint64_t now_s, last_step;
        bool is_taken;
    } rows[] = {
        {"in its first second",               "050471",  1111111110, 0,        true},
        {"in its last second",                "050471",  1111111139, 0,        true},
        {"a step late",                       "050471",  1111111140, 0,        true},
        {"a step late, in its last second",   "050471",  1111111169, 0,        true},
        {"two steps late",                    "050471",  1111111170, 0,        false},
        {"a second early",                    "050471",  1111111109, 0,        false},
        {"the step before was taken",         "050471",  1111111111, 37037036, true},
        {"it was taken",                      "050471",  1111111111, 37037037, false},
        {"it was taken, a step late",         "050471",  1111111141, 37037037, false},
        {"a later one was taken",             "050471",  1111111141, 37037038, false},
        {"another code",                      "050472",  1111111111, 0,        false},
        {"eight digits",                      "14050471",1111111111, 0,        false},
        {"five digits",                       "50471",   1111111111, 0,        false},
        {"a blank in front",                  " 50471",  1111111111, 0,        false},
        {"nothing",                           "",        1111111111, 0,        false},
        {"in the first step of all time",     "755224",  3,          0,        false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t step = 0;
        bool is_taken =
            totp_match(rfc_secret(), rows[i].code, rows[i].now_s, rows[i].last_step, &step);
        if (is_taken != rows[i].is_taken) fail_msg("%s", rows[i].given);
        if (is_taken) assert_int_equal(step, 37037037);
    }
}

// ---- For the app ---------------------------------------------------------------------------

static void test_base32_of_rfc_4648_section_10(void **state)
{
    (void)state;

    static const struct {
        const char *plain, *text; // Without the padding.
    } rows[] = {
        {"", ""},
        {"f", "MY"},
        {"fo", "MZXQ"},
        {"foo", "MZXW6"},
        {"foob", "MZXW6YQ"},
        {"fooba", "MZXW6YTB"},
        {"foobar", "MZXW6YTBOI"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[16];
        base32_encode((const uint8_t *)rows[i].plain, strlen(rows[i].plain), text);
        assert_string_equal(text, rows[i].text);
    }
}

static void test_the_uri_is_as_apps_read_it(void **state)
{
    (void)state;
    char uri[TOTP_URI_BYTES], text[TOTP_SECRET_TEXT_BYTES];
    totp_secret_text(rfc_secret(), text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    totp_uri(rfc_secret(), "asha+bank@example.com", uri);
    assert_string_equal(uri, "otpauth://totp/Florin:asha%2Bbank%40example.com"
                             "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                             "&issuer=Florin&algorithm=SHA1&digits=6&period=30");
    char longest[TOTP_ADDRESS_BYTES_MAX + 1];
    memset(longest, '&', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    totp_uri(rfc_secret(), longest, uri);
    assert_null(strchr(strchr(uri, '?') + 1, '%'));   // All of it stands before the question mark,
    assert_true(strchr(uri, '&') > strchr(uri, '?')); // and none of it is a separator.
}

// ---- The machine ---------------------------------------------------------------------------

static void test_factors_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum auth_factor_state from;
        enum auth_factor_event event;
        enum auth_factor_state to;
    } legal[] = {
        {AUTH_FACTOR_NONE,      AUTH_FACTOR_ENROL,      AUTH_FACTOR_PENDING},
        {AUTH_FACTOR_PENDING,   AUTH_FACTOR_ENROL,      AUTH_FACTOR_PENDING},
        {AUTH_FACTOR_PENDING,   AUTH_FACTOR_WRONG,      AUTH_FACTOR_PENDING},
        {AUTH_FACTOR_PENDING,   AUTH_FACTOR_WRONG_LAST, AUTH_FACTOR_NONE},
        {AUTH_FACTOR_PENDING,   AUTH_FACTOR_CONFIRM,    AUTH_FACTOR_CONFIRMED},
        {AUTH_FACTOR_PENDING,   AUTH_FACTOR_EXPIRE,     AUTH_FACTOR_NONE},
        {AUTH_FACTOR_CONFIRMED, AUTH_FACTOR_USE,        AUTH_FACTOR_CONFIRMED},
        {AUTH_FACTOR_CONFIRMED, AUTH_FACTOR_REPLACE,    AUTH_FACTOR_CONFIRMED},
        {AUTH_FACTOR_CONFIRMED, AUTH_FACTOR_DISABLE,    AUTH_FACTOR_NONE},
        {AUTH_FACTOR_CONFIRMED, AUTH_FACTOR_RESET,      AUTH_FACTOR_NONE},
    };

    // clang-format on
    for (int from = 0; from < AUTH_FACTOR_STATE_COUNT; from++) {
        for (int event = 0; event < AUTH_FACTOR_EVENT_COUNT; event++) {
            enum auth_factor_state to = AUTH_FACTOR_REFUSED_MOVE;
            for (size_t i = 0; i < ROWS(legal); i++)
                if ((int)legal[i].from == from && (int)legal[i].event == event) to = legal[i].to;
            assert_int_equal(
                auth_factor_next((enum auth_factor_state)from, (enum auth_factor_event)event), to);
        }
    }
}

// ---- The day's limit -----------------------------------------------------------------------

static void test_wrong_codes_lock_for_a_day(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given;
        struct auth_throttle before;
        uint64_t now_ns;
        bool is_locked, locks;
        uint32_t count;
        uint64_t until_ns;
    } rows[] = {
        {"the first one ever",           {0},                             NOW_NS,              false, false, 1,  NOW_NS + DAY_NS},
        {"the second",                   {1, NOW_NS, NOW_NS + DAY_NS},    NOW_NS + 5,          false, false, 2,  NOW_NS + DAY_NS},
        {"the fourteenth",               {13, NOW_NS, NOW_NS + DAY_NS},   NOW_NS + 5,          false, false, 14, NOW_NS + DAY_NS},
        {"the fifteenth",                {14, NOW_NS, NOW_NS + DAY_NS},   NOW_NS + 5,          false, true,  15, NOW_NS + DAY_NS + 5},
        {"one while it is locked",       {15, NOW_NS, NOW_NS + DAY_NS},   NOW_NS + 5,          true,  false, 15, NOW_NS + DAY_NS},
        {"the moment before it is over", {15, NOW_NS, NOW_NS + DAY_NS},   NOW_NS + DAY_NS - 1, true,  false, 15, NOW_NS + DAY_NS},
        {"the moment it is over",        {15, NOW_NS, NOW_NS + DAY_NS},   NOW_NS + DAY_NS,     false, false, 1,  NOW_NS + 2 * DAY_NS},
        {"a call that was overtaken",    {15, NOW_NS, NOW_NS + DAY_NS},   NOW_NS - 5,          true,  false, 15, NOW_NS + DAY_NS},
        {"by a clock set back since",    {15, NOW_NS, NOW_NS + 3 * DAY_NS}, NOW_NS,            false, false, 1,  NOW_NS + DAY_NS},
        {"a day after the first",        {14, NOW_NS, NOW_NS + DAY_NS},   NOW_NS + DAY_NS,     false, false, 1,  NOW_NS + 2 * DAY_NS},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_throttle throttle = rows[i].before;
        if (auth_core_is_factor_locked(&throttle, 15, rows[i].now_ns) != rows[i].is_locked ||
            auth_core_count_wrong_code(&throttle, 15, rows[i].now_ns) != rows[i].locks ||
            throttle.count != rows[i].count || throttle.until_ns != rows[i].until_ns)
            fail_msg("%s", rows[i].given);
        if (rows[i].locks) assert_true(auth_core_is_factor_locked(&throttle, 15, rows[i].now_ns));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_of_rfc_4226_appendix_d),
        cmocka_unit_test(test_times_of_rfc_6238_appendix_b),
        cmocka_unit_test(test_a_code_counts_in_its_step_and_the_next_and_once),
        cmocka_unit_test(test_base32_of_rfc_4648_section_10),
        cmocka_unit_test(test_the_uri_is_as_apps_read_it),
        cmocka_unit_test(test_factors_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_wrong_codes_lock_for_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
