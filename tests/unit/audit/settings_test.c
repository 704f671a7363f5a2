// What the rules are set with: office hours, limits; and how amounts are said.
#include "common/base/clock.h"
#include "services/audit/money_text.h"
#include "services/audit/office.h"
#include "services/audit/structuring.h"
#include "tests/unit/support/unit.h"

// ---- The office ----------------------------------------------------------------------------

static void test_what_is_malformed_is_refused(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *hours, *days, *offset, *reason;
    } rows[] = {
        {"06:00-22:00",  "1-6",     "+05:30", NULL},
        {"22:00-06:00",  "1,3,5-7", "-14:00", NULL},
        {"00:00-24:00",  "7",       "+00:00", NULL},
        {"",             "1-5",     "+00:00", NULL},
        {"6:00-22:00",   "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"06:00-24:01",  "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"24:00-06:00",  "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"06:60-22:00",  "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"06:00-06:00",  "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"06:00 22:00",  "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"06:00-22:00 ", "1-6",     "+05:30", "OFFICE_HOURS_MALFORMED"},
        {"06:00-22:00",  "",        "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "0-6",     "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "1-8",     "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "6-1",     "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "1-",      "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "1,",      "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "12",      "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "Mo-Fr",   "+05:30", "OFFICE_DAYS_MALFORMED"},
        {"06:00-22:00",  "1-6",     "05:300", "OFFICE_UTC_OFFSET_MALFORMED"},
        {"06:00-22:00",  "1-6",     "+14:01", "OFFICE_UTC_OFFSET_MALFORMED"},
        {"06:00-22:00",  "1-6",     "+5:30",  "OFFICE_UTC_OFFSET_MALFORMED"},
        {"06:00-22:00",  "1-6",     "+05:60", "OFFICE_UTC_OFFSET_MALFORMED"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct audit_office office;
        struct status status =
            audit_office_parse(rows[i].hours, rows[i].days, rows[i].offset, &office);
        const char *reason = status_ok(status) ? "none" : status.reason;
        if (strcmp(reason, rows[i].reason != NULL ? rows[i].reason : "none") != 0)
            fail_msg("%s %s %s: %s", rows[i].hours, rows[i].days, rows[i].offset, reason);
    }
}

static uint64_t at(const char *time)
{
    uint64_t time_ns = 0;
    if (clock_parse_rfc3339(time, strlen(time), &time_ns) != 0) fail_msg("%s", time);
    return time_ns;
}

static void test_the_office_opens_by_its_own_clock(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *hours, *days, *offset, *time; // 2026-11-16 is a Monday.
        const char *closed_since;                 // NULL: it is open.
    } rows[] = {
        {"06:00-22:00", "1-6", "+05:30", "2026-11-16T06:00:00+05:30", NULL},
        {"06:00-22:00", "1-6", "+05:30", "2026-11-16T21:59:59+05:30", NULL},
        {"06:00-22:00", "1-6", "+05:30", "2026-11-16T22:00:00+05:30", "2026-11-16T22:00:00+05:30"},
        {"06:00-22:00", "1-6", "+05:30", "2026-11-17T05:59:59+05:30", "2026-11-16T22:00:00+05:30"},
        {"06:00-22:00", "1-6", "+05:30", "2026-11-22T12:00:00+05:30", "2026-11-21T22:00:00+05:30"},
        {"06:00-22:00", "1-6", "+05:30", "2026-11-23T05:00:00+05:30", "2026-11-21T22:00:00+05:30"},
        {"06:00-22:00", "1-6", "-08:00", "2026-11-16T06:00:00-08:00", NULL},
        {"06:00-22:00", "1-6", "-08:00", "2026-11-16T05:00:00-08:00", "2026-11-14T22:00:00-08:00"},
        // Past midnight, and of the day on which it began.
        {"22:00-06:00", "5",   "+00:00", "2026-11-20T23:00:00Z",      NULL},
        {"22:00-06:00", "5",   "+00:00", "2026-11-21T05:59:00Z",      NULL},
        {"22:00-06:00", "5",   "+00:00", "2026-11-21T06:00:00Z",      "2026-11-21T06:00:00Z"},
        {"22:00-06:00", "5",   "+00:00", "2026-11-20T05:00:00Z",      "2026-11-14T06:00:00Z"},
        {"00:00-24:00", "1",   "+00:00", "2026-11-16T23:59:59Z",      NULL},
        {"00:00-24:00", "1",   "+00:00", "2026-11-15T23:59:59Z",      "2026-11-10T00:00:00Z"},
        {"00:00-24:00", "1-7", "+00:00", "2026-11-17T00:00:00Z",      NULL},
        {"",            "1",   "+00:00", "2026-11-15T03:00:00Z",      NULL},
        // Where the local day is before 1970.
        {"06:00-22:00", "1-7", "-08:00", "1970-01-01T00:00:00Z",      NULL},
        {"06:00-22:00", "4",   "-08:00", "1970-01-01T13:59:59Z",      "1969"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct audit_office office;
        uint64_t time_ns = at(rows[i].time);
        assert_status_ok(audit_office_parse(rows[i].hours, rows[i].days, rows[i].offset, &office));
        if (audit_office_is_open(&office, time_ns) != (rows[i].closed_since == NULL))
            fail_msg("%s at %s", rows[i].hours, rows[i].time);
        if (rows[i].closed_since == NULL) continue;
        if (strcmp(rows[i].closed_since, "1969") == 0) {
            // Thursday the 25th of December, 22:00 there.
            assert_int_equal(audit_office_closed_since(&office, time_ns),
                             (-7 * 24 + 22 + 8) * 3600);
            continue;
        }
        int64_t expected = (int64_t)(at(rows[i].closed_since) / NS_PER_SECOND);
        assert_int_equal(audit_office_closed_since(&office, time_ns), expected);
    }
}

// ---- Limits --------------------------------------------------------------------------------

static void test_limits_are_parsed_or_refused(void **state)
{
    (void)state;
    struct audit_structuring limits;
    assert_status_ok(audit_structuring_parse("", &limits));
    assert_int_equal(limits.count, 0);
    assert_status_ok(audit_structuring_parse("INR:100000000,EUR:1000000,P2P:7", &limits));
    assert_int_equal(limits.count, 3);
    assert_string_equal(limits.limits[2].currency, "P2P");
    static const char *const malformed[] = {
        "INR",
        "INR:",
        "INR:0",
        "INR:-1",
        "INR:1.5",
        "inr:100",
        "IN:100",
        "2PP:1",
        "INR:100,",
        ",INR:100",
        "INR:100,INR:200",
        "INR:100;EUR:1",
        "ABCDEFGHIJK:1",
        "INR:340282366920938463463374607431768211456",
        "AAA:1,AAB:1,AAC:1,AAD:1,AAE:1,AAF:1,AAG:1,AAH:1,AAI:1,AAJ:1,AAK:1,AAL:1,AAM:1,AAN:1,"
        "AAO:1,AAP:1,AAQ:1",
    };
    for (size_t i = 0; i < ROWS(malformed); i++) {
        struct status status = audit_structuring_parse(malformed[i], &limits);
        if (status_ok(status)) fail_msg("%s", malformed[i]);
        assert_string_equal(status.reason, "STRUCTURING_LIMITS_MALFORMED");
    }
}

static void test_near_is_from_80_percent_on_and_below(void **state)
{
    (void)state;
    struct audit_structuring limits;
    assert_status_ok(audit_structuring_parse(
        "INR:1000,EUR:7,USD:340282366920938463463374607431768211455", &limits));

    static const struct {
        const char *currency;
        uint64_t amount;
        bool is_near;
    } rows[] = {
        {"INR", 0, false},    {"INR", 799, false},  {"INR", 800, true},   {"INR", 999, true},
        {"INR", 1000, false}, {"INR", 5000, false}, {"EUR", 5, false}, // 5.6 is 80 %.
        {"EUR", 6, true},     {"EUR", 7, false},    {"USD", 1000, false}, {"JPY", 900, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        if (audit_structuring_is_near(&limits, rows[i].currency, rows[i].amount) != rows[i].is_near)
            fail_msg("%s %llu", rows[i].currency, (unsigned long long)rows[i].amount);
    }
    assert_true(audit_structuring_is_near(&limits, "USD", U128_MAX - 1));
    assert_false(audit_structuring_is_near(&limits, "USD", U128_MAX));
}

static void test_amounts_are_said_with_their_decimals(void **state)
{
    (void)state;

    static const struct {
        const char *currency;
        u128 amount;
        const char *text;
    } rows[] = {
        {"INR", 123450, "INR 1234.50"},
        {"INR", 5, "INR 0.05"},
        {"INR", 0, "INR 0.00"},
        {"INR", 100, "INR 1.00"},
        {"JPY", 4200, "JPY 4200"},
        {"BHD", 1234, "BHD 1.234"},
        {"CLF", 12345, "CLF 1.2345"},
        {"POINTS", 1250, "POINTS 1250 (smallest units)"},
        {"INR", U128_MAX, "INR 3402823669209384634633746074317682114.55"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[AUDIT_MONEY_TEXT_BYTES];
        assert_int_equal(audit_money_text(rows[i].currency, rows[i].amount, text),
                         strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_malformed_is_refused),
        cmocka_unit_test(test_the_office_opens_by_its_own_clock),
        cmocka_unit_test(test_limits_are_parsed_or_refused),
        cmocka_unit_test(test_near_is_from_80_percent_on_and_below),
        cmocka_unit_test(test_amounts_are_said_with_their_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
