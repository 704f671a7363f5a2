// Which types there are, and how they are chosen.
#include "common/event/registry.h"
#include "common/event/types.h"
#include "tests/unit/support/unit.h"

static void test_every_registered_type_is_found_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < rpc_event_type_count; i++) {
        char text[128] = "";
        struct bytes type = bytes_of_text(rpc_event_types[i].type);
        assert_ptr_equal(event_type_find(type), &rpc_event_types[i]);
        assert_true(type.size + 1 < sizeof text);
        memcpy(text, type.data, type.size);
        text[type.size] = 'x';
        assert_null(event_type_find(bytes_of(text, type.size + 1)));
        assert_null(event_type_find(bytes_of(text, type.size - 1)));
    }
    assert_null(event_type_find(bytes_of_text("")));
    assert_null(event_type_find(bytes_of_text("a")));
    assert_null(event_type_find(bytes_of_text("zzz")));
}

// clang-format off
static const struct { const char *pattern, *type; bool is_good, matches; } rows[] = {
    {"ledger.transfer.created", "ledger.transfer.created", true,  true},
    {"ledger.transfer.created", "ledger.transfer.held",    true,  false},
    {"ledger.transfer",         "ledger.transfer.created", true,  false},
    {"ledger.transfer.*",       "ledger.transfer.created", true,  true},
    {"ledger.transfer.*",       "ledger.transfers.made",   true,  false},
    {"ledger.transfer.*",       "ledger.transfer",         true,  false},
    {"ledger.*",                "ledger.transfer.created", true,  true},
    {"ledger.*",                "auth.login.failed",       true,  false},
    {"*",                       "auth.login.failed",       true,  true},
    {"",                        "auth.login.failed",       false, false},
    {".",                       "auth",                    false, false},
    {"auth.",                   "auth.",                   false, false},
    {"auth..login",             "auth..login",             false, false},
    {"auth*",                   "auth.login",              false, false},
    {"*.created",               "ledger.transfer.created", false, false},
    {"auth.**",                 "auth.login",              false, false},
    {"Auth.login",              "auth.login",              false, false},
    {"auth login",              "auth login",              false, false},
};

// clang-format on

static void test_patterns_choose_whole_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bytes pattern = bytes_of_text(rows[i].pattern);
        bool is_good = status_ok(event_pattern_check(pattern));
        if (is_good != rows[i].is_good) fail_msg("'%s' is %d", rows[i].pattern, is_good);
        if (!is_good) continue; // Whoever is given it has checked it.
        if (event_pattern_matches(pattern, bytes_of_text(rows[i].type)) != rows[i].matches)
            fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].type);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_registered_type_is_found_and_no_other),
        cmocka_unit_test(test_patterns_choose_whole_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
