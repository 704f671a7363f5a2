// The durable bytes of second factors. A golden file is never refreshed.
#include "services/auth/record_factor.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)

static struct auth_factor_record sample(void)
{
    struct auth_factor_record factor = {
        .state = AUTH_FACTOR_CONFIRMED,
        .created_at_ns = NOW_NS,
        .confirmed_at_ns = NOW_NS + 1000000000,
        .last_step = 59738757,
        .recovery_count = 2,
    };
    memset(factor.sealed_secret, 0xd1, sizeof factor.sealed_secret);
    memset(factor.recovery_macs[0], 0xe1, sizeof factor.recovery_macs[0]);
    memset(factor.recovery_macs[1], 0xe2, sizeof factor.recovery_macs[1]);
    return factor;
}

static struct status decode(struct bytes record)
{
    struct auth_factor_record factor;
    return auth_factor_decode(record, &factor);
}

static void test_factor(void **state)
{
    (void)state;
    struct auth_factor_record factor = sample(), decoded;
    uint8_t encoded[AUTH_FACTOR_BYTES_MAX];
    size_t size = auth_factor_encode(&factor, encoded);
    golden_assert_record("auth", "factor_v1.hex", bytes_of(encoded, size), decode,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(auth_factor_decode(bytes_of(encoded, size), &decoded));
    assert_int_equal(decoded.last_step, factor.last_step);
    assert_int_equal(decoded.recovery_count, 2);
    assert_memory_equal(decoded.recovery_macs, factor.recovery_macs, sizeof factor.recovery_macs);
}

static void test_factors_that_cannot_be(void **state)
{
    (void)state;

    enum { STATE = 1, CONFIRMED_AT = 10, LAST_STEP = 18, ATTEMPTS = 26, RECOVERY_COUNT = 92 };

    // clang-format off
    static const struct {
        const char *name;
        bool is_pending;
        size_t at;
        uint8_t byte;
    } rows[] = {
        {"no state",                              false, STATE,            0},
        {"a state that is never stored",          false, STATE,            AUTH_FACTOR_NONE},
        {"confirmed, with wrong codes",           false, ATTEMPTS,         1},
        {"eleven recovery codes",                 false, RECOVERY_COUNT,   11},
        {"more recovery codes than there are",    false, RECOVERY_COUNT,   3},
        {"pending, and yet confirmed some time",  true,  CONFIRMED_AT + 7, 1},
        {"pending, and yet a code was taken",     true,  LAST_STEP + 7,    1},
        {"pending, with recovery codes",          true,  RECOVERY_COUNT,   1},
        {"pending, and tried too often",          true,  ATTEMPTS,         AUTH_ENROLMENT_ATTEMPTS_MAX},
        {"confirmed at no time",                  true,  STATE,            AUTH_FACTOR_CONFIRMED},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_factor_record factor = sample();
        uint8_t encoded[AUTH_FACTOR_BYTES_MAX];
        if (rows[i].is_pending) {
            factor.state = AUTH_FACTOR_PENDING;
            factor.confirmed_at_ns = factor.last_step = factor.recovery_count = 0;
        }
        size_t size = auth_factor_encode(&factor, encoded);
        assert_status_ok(decode(bytes_of(encoded, size)));
        encoded[rows[i].at] = rows[i].byte;
        if (status_ok(decode(bytes_of(encoded, size)))) fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factor),
        cmocka_unit_test(test_factors_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
