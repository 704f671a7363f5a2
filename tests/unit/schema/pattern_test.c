#include "common/rpc/pattern.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct row {
    enum rpc_pattern pattern;
    const char *text;
    bool matches;
};

// clang-format off
static const struct row rows[] = {
    {RPC_PATTERN_NONE,       "anything at all",             true},
    {RPC_PATTERN_EMAIL,      "asha@example.com",            true},
    {RPC_PATTERN_EMAIL,      "a.b+tag@mail.example.co.in",  true},
    {RPC_PATTERN_EMAIL,      "o'neil@x-y.example",          true},
    {RPC_PATTERN_EMAIL,      A63 "a@example.com",           true},
    {RPC_PATTERN_EMAIL,      A63 "aa@example.com",          false},
    {RPC_PATTERN_EMAIL,      "a@" A63 ".com",               true},
    {RPC_PATTERN_EMAIL,      "a@" A63 "a.com",              false},
    {RPC_PATTERN_EMAIL,      "",                            false},
    {RPC_PATTERN_EMAIL,      "@example.com",                false},
    {RPC_PATTERN_EMAIL,      "a@",                          false},
    {RPC_PATTERN_EMAIL,      "a@localhost",                 false},
    {RPC_PATTERN_EMAIL,      "a@b@example.com",             false},
    {RPC_PATTERN_EMAIL,      ".a@example.com",              false},
    {RPC_PATTERN_EMAIL,      "a.@example.com",              false},
    {RPC_PATTERN_EMAIL,      "a..b@example.com",            false},
    {RPC_PATTERN_EMAIL,      "a b@example.com",             false},
    {RPC_PATTERN_EMAIL,      "a@-x.com",                    false},
    {RPC_PATTERN_EMAIL,      "a@x-.com",                    false},
    {RPC_PATTERN_EMAIL,      "a@.com",                      false},
    {RPC_PATTERN_EMAIL,      "a@x..com",                    false},
    {RPC_PATTERN_EMAIL,      "a@x.com.",                    false},
    {RPC_PATTERN_EMAIL,      "a@10.0.0.1",                  false},
    {RPC_PATTERN_EMAIL,      "a@example.com\r\nBcc: b@x.y", false},
    {RPC_PATTERN_EMAIL,      "\xC3\xA4@example.com",        false},
    {RPC_PATTERN_E164,       "+919876543210",               true},
    {RPC_PATTERN_E164,       "+12345678",                   true},
    {RPC_PATTERN_E164,       "+123456789012345",            true},
    {RPC_PATTERN_E164,       "+1234567",                    false},
    {RPC_PATTERN_E164,       "+1234567890123456",           false},
    {RPC_PATTERN_E164,       "919876543210",                false},
    {RPC_PATTERN_E164,       "+09876543210",                false},
    {RPC_PATTERN_E164,       "+91 98765432",                false},
    {RPC_PATTERN_CURRENCY,   "INR",                         true},
    {RPC_PATTERN_CURRENCY,   "USDT2",                       true},
    {RPC_PATTERN_CURRENCY,   "ABCDEFGHIJ",                  true},
    {RPC_PATTERN_CURRENCY,   "ABCDEFGHIJK",                 false},
    {RPC_PATTERN_CURRENCY,   "IN",                          false},
    {RPC_PATTERN_CURRENCY,   "inr",                         false},
    {RPC_PATTERN_CURRENCY,   "1NR",                         false},
    {RPC_PATTERN_COUNTRY,    "IN",                          true},
    {RPC_PATTERN_COUNTRY,    "IND",                         false},
    {RPC_PATTERN_COUNTRY,    "in",                          false},
    {RPC_PATTERN_DIGITS,     "0123456789",                  true},
    {RPC_PATTERN_DIGITS,     "12a",                         false},
    {RPC_PATTERN_DIGITS,     "\xD9\xA1",                    false}, // An Arabic-Indic digit.
    {RPC_PATTERN_DIGITS,     "",                            false},
    {RPC_PATTERN_IDENTIFIER, "a-B_9.c:d",                   true},
    {RPC_PATTERN_IDENTIFIER, "a b",                         false},
    {RPC_PATTERN_IDENTIFIER, "a/b",                         false},
    {RPC_PATTERN_IDENTIFIER, "",                            false},
    {RPC_PATTERN_PRINTABLE,  "Zo\xC3\xAB \xE2\x82\xB9 500", true},
    {RPC_PATTERN_PRINTABLE,  "\xC2\xA0",                    true},  // No-break space.
    {RPC_PATTERN_PRINTABLE,  "line\nbreak",                 false},
    {RPC_PATTERN_PRINTABLE,  "bell\x07",                    false},
    {RPC_PATTERN_PRINTABLE,  "del\x7F",                     false},
    {RPC_PATTERN_PRINTABLE,  "c1\xC2\x85",                  false}, // NEL, U+0085.
    {RPC_PATTERN_PRINTABLE,  "ls\xE2\x80\xA8",              false}, // U+2028.
    {RPC_PATTERN_PRINTABLE,  "\xE2\x80\x94",                true},  // An em dash.
};

static const struct { const char *text; bool is_real; } dates[] = {
    {"2026-11-21", true},  {"2024-02-29", true},  {"2000-02-29", true},  {"0001-01-01", true},
    {"2025-02-29", false}, {"1900-02-29", false}, {"2026-00-10", false}, {"2026-13-10", false},
    {"2026-04-31", false}, {"2026-01-00", false}, {"0000-01-01", false}, {"2026-1-01", false},
    {"2026/01/01", false}, {"2026-01-1x", false}, {"", false},           {"2026-01-011", false},
};

// clang-format on

static void test_patterns(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool matches = rpc_pattern_matches(rows[i].pattern, rows[i].text, strlen(rows[i].text));
        if (matches != rows[i].matches) fail_msg("pattern %d: %s", rows[i].pattern, rows[i].text);
    }
}

static void test_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        if (rpc_date_is_real(dates[i].text, strlen(dates[i].text)) != dates[i].is_real) {
            fail_msg("date: %s", dates[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests_name("schema_pattern", tests, NULL, NULL);
}
