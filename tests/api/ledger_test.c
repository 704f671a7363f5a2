// The ledger's API over HTTP, on five real processes: see ledger_tests.h for the subjects.
// FLORIN_TEST picks tests by a pattern: FLORIN_TEST='test_holds_*'.
#include "tests/api/ledger_tests.h"

#include <stdlib.h>

/// The shortest life that a token may have, an amount that takes two to reverse, and one that
/// customers approve, in a currency of which the other tests know nothing.
static int open_world(void **state)
{
    const struct api_setting setting = {
        .ini = "[auth]\naccess_token_life = 30s\n[ledger]\nfour_eyes_above = 1000\n"
               "sca_above = 0 CHF=1\n",
        .tag = "ledger",
        .has_accounts = true,
    };
    return api_open(&setting, state);
}

int main(void)
{
#define LEDGER_TEST_ROW(name_) cmocka_unit_test_setup(test_##name_, api_refresh),
    const struct CMUnitTest tests[] = {LEDGER_TESTS(LEDGER_TEST_ROW)};
#undef LEDGER_TEST_ROW
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
    return cmocka_run_group_tests_name("the ledger over HTTP", tests, open_world, api_close);
}
