// The ledger's API over HTTP, on five real processes: see ledger_tests.h for the subjects.
// FLORIN_TEST picks tests by a pattern: FLORIN_TEST='test_holds_*'.
#include "tests/api/ledger_tests.h"

#include <stdlib.h>

int main(void)
{
#define LEDGER_TEST_ROW(name_) cmocka_unit_test_setup(test_##name_, api_refresh),
    const struct CMUnitTest tests[] = {LEDGER_TESTS(LEDGER_TEST_ROW)};
#undef LEDGER_TEST_ROW
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
    return cmocka_run_group_tests_name("the ledger over HTTP", tests, api_open, api_close);
}
