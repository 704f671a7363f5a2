#include "common/base/u128.h"
#include "tests/unit/base/capture.h"

#include <string.h>

#define TEN_19 UINT64_C(10000000000000000000)
#define I128_MIN (-(i128)(U128_MAX >> 1) - 1)
#define I128_MAX ((i128)(U128_MAX >> 1))

static void test_unsigned_amounts_are_canonical_digits(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *text; const char *reason; u128 value; } rows[] = {
        {"0",                                        NULL, 0},
        {"9",                                        NULL, 9},
        {"10",                                       NULL, 10},
        {"18446744073709551615",                     NULL, UINT64_MAX},
        {"18446744073709551616",                     NULL, (u128)1 << 64},
        {"10000000000000000000",                     NULL, TEN_19},
        {"100000000000000000000000000000000000000",  NULL, (u128)TEN_19 * TEN_19},
        {"340282366920938463463374607431768211455",  NULL, U128_MAX},
        {"340282366920938463463374607431768211456",  "AMOUNT_OUT_OF_RANGE", 0},
        {"1000000000000000000000000000000000000000", "AMOUNT_OUT_OF_RANGE", 0},
        {"",    "AMOUNT_MALFORMED", 0},
        {"-1",  "AMOUNT_MALFORMED", 0},
        {"+1",  "AMOUNT_MALFORMED", 0},
        {"01",  "AMOUNT_MALFORMED", 0},
        {"00",  "AMOUNT_MALFORMED", 0},
        {" 1",  "AMOUNT_MALFORMED", 0},
        {"1 ",  "AMOUNT_MALFORMED", 0},
        {"1.0", "AMOUNT_MALFORMED", 0},
        {"1e3", "AMOUNT_MALFORMED", 0},
        {"0x1", "AMOUNT_MALFORMED", 0},
        {"9999999999999999999999999999999999999999x", "AMOUNT_MALFORMED", 0},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        u128 value = 77;
        struct status status = u128_parse(rows[i].text, strlen(rows[i].text), &value);
        if (rows[i].reason != NULL) {
            if (status_ok(status)) fail_msg("\"%s\" was taken", rows[i].text);
            assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
            assert_string_equal(status.reason, rows[i].reason);
            assert_true(value == 77);
            continue;
        }
        assert_true(status_ok(status));
        assert_true(value == rows[i].value);
        char again[U128_TEXT_BYTES];
        assert_int_equal(u128_format(value, again), strlen(rows[i].text));
        assert_string_equal(again, rows[i].text);
    }
}

static void test_signed_amounts_have_one_zero_and_both_limits(void **state)
{
    (void)state;

    // clang-format off
    static const struct { const char *text; const char *reason; i128 value; } rows[] = {
        {"0",    NULL, 0},
        {"-1",   NULL, -1},
        {"170141183460469231731687303715884105727",  NULL, I128_MAX},
        {"-170141183460469231731687303715884105728", NULL, I128_MIN},
        {"170141183460469231731687303715884105728",  "AMOUNT_OUT_OF_RANGE", 0},
        {"-170141183460469231731687303715884105729", "AMOUNT_OUT_OF_RANGE", 0},
        {"-0",   "AMOUNT_MALFORMED", 0},
        {"-",    "AMOUNT_MALFORMED", 0},
        {"",     "AMOUNT_MALFORMED", 0},
        {"--1",  "AMOUNT_MALFORMED", 0},
        {"-01",  "AMOUNT_MALFORMED", 0},
        {"+1",   "AMOUNT_MALFORMED", 0},
    };

    // clang-format on

    for (size_t i = 0; i < ROWS(rows); i++) {
        i128 value = 77;
        struct status status = i128_parse(rows[i].text, strlen(rows[i].text), &value);
        if (rows[i].reason != NULL) {
            if (status_ok(status)) fail_msg("\"%s\" was taken", rows[i].text);
            assert_string_equal(status.reason, rows[i].reason);
            assert_true(value == 77);
            continue;
        }
        assert_true(status_ok(status));
        assert_true(value == rows[i].value);
        char again[I128_TEXT_BYTES];
        assert_int_equal(i128_format(value, again), strlen(rows[i].text));
        assert_string_equal(again, rows[i].text);
    }
}

static void test_bytes_are_big_endian(void **state)
{
    (void)state;
    const u128 value = u128_of(UINT64_C(0x0102030405060708), UINT64_C(0x090A0B0C0D0E0F10));
    uint8_t bytes[16];
    u128_encode(value, bytes);
    assert_memory_equal(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10",
                        16);
    assert_true(u128_decode(bytes) == value);
    assert_true(u128_high(value) == UINT64_C(0x0102030405060708));
    assert_true(u128_low(value) == UINT64_C(0x090A0B0C0D0E0F10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned_amounts_are_canonical_digits),
        cmocka_unit_test(test_signed_amounts_have_one_zero_and_both_limits),
        cmocka_unit_test(test_bytes_are_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
