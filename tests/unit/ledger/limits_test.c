// Tiers as limits: what each tier may do, sums per calendar period, and when they start anew.
#include "common/base/clock.h"
#include "services/ledger/limits.h"
#include "tests/unit/support/unit.h"

static uint64_t at(const char *text)
{
    uint64_t ns = 0;
    assert_int_equal(clock_parse_rfc3339(text, strlen(text), &ns), 0);
    return ns;
}

static void test_what_each_tier_may_do(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *tier; // NULL: no profile.
        enum ledger_side side;
        u128 amount;      // In minor units of a currency with exponent 2.
        u128 received;    // Before, in this year but not this month.
        i128 balance;
        const char *limit;
    } rows[] = {
        // tier  side             amount  received  balance  refused by
        {NULL,   LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"T0",   LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"T9",   LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"RO",   LEDGER_CREDIT, 99999999,        0,       0, NULL},
        {"RO",   LEDGER_DEBIT,         1,        0,     100, "receive_only"},
        {"T1",   LEDGER_DEBIT,         1,        0,     100, "receive_only"},
        {"T1",   LEDGER_CREDIT,  1000000,        0,       0, NULL},
        {"T1",   LEDGER_CREDIT,  1000001,        0,       0, "credit_month"},
        {"T1",   LEDGER_CREDIT,  1000000, 11000000,       0, NULL},
        {"T1",   LEDGER_CREDIT,  1000000, 11000001,       0, "credit_year"},
        {"T1",   LEDGER_CREDIT,  1000000,        0,       1, "balance"},
        {"T2",   LEDGER_DEBIT,  99999999,        0,       0, NULL},
        {"T2",   LEDGER_CREDIT, 10000000,        0,       0, NULL},
        {"T2",   LEDGER_CREDIT, 10000001,        0,       0, "balance"},
        {"T2",   LEDGER_CREDIT, 10000000, 10000001,       0, "credit_year"},
        {"T3",   LEDGER_CREDIT, U128_MAX,        0,       0, NULL},
        {"T3",   LEDGER_DEBIT,  U128_MAX,        0,       0, NULL},
    };

    // clang-format on
    uint64_t now_ns = at("2026-11-21T12:00:00Z");
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *tier = rows[i].tier != NULL ? rows[i].tier : "";
        struct ledger_allowance allowance = {
            .tier = ledger_tier_find(ledger_tiers_default, tier),
            .has_profile = rows[i].tier != NULL,
            .exponent = 2,
            .counters = {.balance = rows[i].balance},
        };
        ledger_limits_roll(&allowance.counters, now_ns);
        allowance.counters.sum[LEDGER_CREDIT][LEDGER_YEAR] = rows[i].received;
        struct ledger_refusal refusal = {0};
        bool may =
            ledger_limits_check(&allowance, rows[i].side, rows[i].amount, false, now_ns, &refusal);
        if (rows[i].limit == NULL) {
            if (!may) fail_msg("row %zu: refused by %s", i, refusal.limit);
            continue;
        }
        if (may) fail_msg("row %zu: was not refused", i);
        assert_string_equal(refusal.limit, rows[i].limit);
    }
}

static void test_a_refusal_names_used_allowed_and_when(void **state)
{
    (void)state;
    uint64_t now_ns = at("2026-12-31T23:59:59Z");
    struct ledger_allowance allowance = {
        .tier = ledger_tier_find(ledger_tiers_default, "T1"), .has_profile = true, .exponent = 0};
    ledger_limits_count(&allowance.counters, LEDGER_CREDIT, 9000, now_ns);
    struct ledger_refusal refusal = {0};
    assert_false(ledger_limits_check(&allowance, LEDGER_CREDIT, 1001, false, now_ns, &refusal));
    assert_string_equal(refusal.limit, "credit_month");
    assert_true(refusal.used == 9000 && refusal.allowed == 10000); // Exponent 0: major = minor.
    assert_int_equal(refusal.resets_at_ns, at("2027-01-01T00:00:00Z"));
    // Between own accounts nothing comes in.
    assert_true(ledger_limits_check(&allowance, LEDGER_CREDIT, 1001, true, now_ns, &refusal));
    // A month later the month's sum is forgotten; the balance is not.
    assert_true(ledger_limits_check(&allowance, LEDGER_CREDIT, 1000, false,
                                    at("2027-01-01T00:00:00Z"), &refusal));
    assert_false(ledger_limits_check(&allowance, LEDGER_CREDIT, 1001, false,
                                     at("2027-01-01T00:00:00Z"), &refusal));
    assert_string_equal(refusal.limit, "balance");
}

static void test_flags_of_a_profile(void **state)
{
    (void)state;
    struct ledger_refusal refusal = {0};
    struct ledger_allowance allowance = {.tier = ledger_tier_find(ledger_tiers_default, "T3"),
                                         .has_profile = true};
    allowance.profile.debit_freeze = true;
    assert_true(ledger_limits_check(&allowance, LEDGER_CREDIT, 1, false, 1, &refusal));
    assert_false(ledger_limits_check(&allowance, LEDGER_DEBIT, 1, false, 1, &refusal));
    assert_string_equal(refusal.limit, "debit_freeze");
    allowance.profile = (struct ledger_profile){.credit_freeze = true};
    assert_true(ledger_limits_check(&allowance, LEDGER_DEBIT, 1, false, 1, &refusal));
    assert_false(ledger_limits_check(&allowance, LEDGER_CREDIT, 1, false, 1, &refusal));
    assert_string_equal(refusal.limit, "credit_freeze");
}

static void test_periods_are_calendar_periods(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *now, *day, *day_end, *month, *month_end, *year, *year_end;
    } rows[] = {
        {"2024-02-29T23:59:59Z", "2024-02-29", "2024-03-01", "2024-02-01", "2024-03-01", "2024-01-01", "2025-01-01"},
        {"2026-01-01T00:00:00Z", "2026-01-01", "2026-01-02", "2026-01-01", "2026-02-01", "2026-01-01", "2027-01-01"},
        {"2026-12-31T12:00:00Z", "2026-12-31", "2027-01-01", "2026-12-01", "2027-01-01", "2026-01-01", "2027-01-01"},
        {"2100-02-28T00:00:01Z", "2100-02-28", "2100-03-01", "2100-02-01", "2100-03-01", "2100-01-01", "2101-01-01"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *bounds[LEDGER_PERIODS][2] = {{rows[i].day, rows[i].day_end},
                                                 {rows[i].month, rows[i].month_end},
                                                 {rows[i].year, rows[i].year_end}};
        uint64_t now_ns = at(rows[i].now);
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            char begin[32], end[32];
            snprintf(begin, sizeof begin, "%sT00:00:00Z", bounds[period][0]);
            snprintf(end, sizeof end, "%sT00:00:00Z", bounds[period][1]);
            assert_int_equal(ledger_period_begin_ns(period, now_ns), at(begin));
            assert_int_equal(ledger_period_end_ns(period, now_ns), at(end));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_tier_may_do),
        cmocka_unit_test(test_a_refusal_names_used_allowed_and_when),
        cmocka_unit_test(test_flags_of_a_profile),
        cmocka_unit_test(test_periods_are_calendar_periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
