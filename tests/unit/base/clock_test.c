#include "common/base/clock.h"
#include "tests/unit/base/capture.h"

#include <string.h>
#include <time.h>

#define S(seconds) (UINT64_C(seconds) * NS_PER_SECOND)

static void test_rfc3339_is_read_strictly(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *text; int result; uint64_t wall_ns; } rows[] = {
        {"1970-01-01T00:00:00Z",                 0, 0},
        {"1970-01-01T00:00:00.000000001Z",       0, 1},
        {"2026-11-21T00:06:00.123456789Z",       0, S(1795219560) + 123456789},
        {"2026-11-21T00:06:00.5Z",               0, S(1795219560) + 500000000},
        {"2026-11-21t00:06:00z",                 0, S(1795219560)},
        {"2026-11-21T05:36:00+05:30",            0, S(1795219560)},
        {"2026-11-20T18:06:00-06:00",            0, S(1795219560)},
        {"2026-11-21T00:06:00-00:00",            0, S(1795219560)},
        {"2000-02-29T00:00:00Z",                 0, S(951782400)},
        {"2024-02-29T12:00:00Z",                 0, S(1709208000)},
        {"2024-12-31T23:59:59Z",                 0, S(1735689599)},
        {"1969-12-31T23:00:00-01:00",            0, 0},
        {"2262-04-11T23:47:16.854775807Z",       0, INT64_MAX},
        {"2262-04-11T23:47:16.854775808Z",      -1, 0},
        {"2262-04-12T00:00:00Z",                -1, 0},
        {"9999-12-31T23:59:59Z",                -1, 0},
        {"1969-12-31T23:59:59Z",                -1, 0},
        {"1970-01-01T00:00:00+00:01",           -1, 0},
        {"0000-01-01T00:00:00Z",                -1, 0},
        {"2023-02-29T00:00:00Z",                -1, 0},
        {"2100-02-29T00:00:00Z",                -1, 0},
        {"2026-00-01T00:00:00Z",                -1, 0},
        {"2026-13-01T00:00:00Z",                -1, 0},
        {"2026-11-00T00:00:00Z",                -1, 0},
        {"2026-11-31T00:00:00Z",                -1, 0},
        {"2026-11-21T24:00:00Z",                -1, 0},
        {"2026-11-21T00:60:00Z",                -1, 0},
        {"2016-12-31T23:59:60Z",                -1, 0},
        {"2026-11-21T00:06:00+24:00",           -1, 0},
        {"2026-11-21T00:06:00+05:60",           -1, 0},
        {"2026-11-21T00:06:00+0530",            -1, 0},
        {"2026-11-21T00:06:00.Z",               -1, 0},
        {"2026-11-21T00:06:00.1234567890Z",     -1, 0},
        {"2026-11-21T00:06:00",                 -1, 0},
        {"2026-11-21T00:06:00ZZ",               -1, 0},
        {"2026-11-21 00:06:00Z",                -1, 0},
        {"2026-11-21T00:06Z",                   -1, 0},
        {"2026-11-21",                          -1, 0},
        {"+026-11-21T00:06:00Z",                -1, 0},
        {"",                                    -1, 0},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wall_ns = 77;
        int result = clock_parse_rfc3339(rows[i].text, strlen(rows[i].text), &wall_ns);
        if (result != rows[i].result) fail_msg("%s", rows[i].text);
        if (wall_ns != (result == 0 ? rows[i].wall_ns : 77)) {
            fail_msg("%s is %ju", rows[i].text, (uintmax_t)wall_ns);
        }
    }
}

static void test_what_is_formatted_is_read_back(void **state)
{
    (void)state;
    // A step of a prime number of seconds falls on every hour, month and leap day sooner or later.
    for (uint64_t ns = 123456789; ns < (uint64_t)INT64_MAX - S(86400); ns += S(104729)) {
        char text[CLOCK_RFC3339_BYTES], expected[CLOCK_RFC3339_BYTES];
        assert_int_equal(clock_format_rfc3339(ns, text), sizeof text - 1);
        time_t seconds = (time_t)(ns / NS_PER_SECOND);
        struct tm parts;
        assert_non_null(gmtime_r(&seconds, &parts));
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.123456789Z", &parts);
        assert_string_equal(text, expected);
        uint64_t again;
        assert_int_equal(clock_parse_rfc3339(text, strlen(text), &again), 0);
        assert_true(again == ns);
    }
}

static void test_tests_set_both_clocks(void **state)
{
    (void)state;
    clock_test_set(S(100), S(7));
    assert_true(clock_wall_ns() == S(100) && clock_mono_ns() == S(7));
    clock_test_advance(5);
    assert_true(clock_wall_ns() == S(100) + 5 && clock_mono_ns() == S(7) + 5);
    clock_test_release();
    assert_true(clock_wall_ns() > S(1700000000));
    uint64_t before = clock_mono_ns();
    assert_true(clock_mono_ns() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3339_is_read_strictly),
        cmocka_unit_test(test_what_is_formatted_is_read_back),
        cmocka_unit_test(test_tests_set_both_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
