// The audit log's API over HTTP, on five real processes: see audit_tests.h for the subjects.
// FLORIN_TEST picks tests by a pattern: FLORIN_TEST='test_exports_*'.
#include "tests/api/audit_tests.h"

#include <stdlib.h>

static int open_world(void **state)
{
    const struct api_setting setting = {
        .ini = "[auth]\naccess_token_life = 30s\n"
               "[audit]\nstructuring_limits = INR:10000\noffice_hours =\n",
        .tag = "audit",
        .has_accounts = true,
    };
    return api_open(&setting, state);
}

int main(void)
{
#define AUDIT_TEST_ROW(name_) cmocka_unit_test_setup(test_##name_, api_refresh),
    const struct CMUnitTest tests[] = {AUDIT_TESTS(AUDIT_TEST_ROW)};
#undef AUDIT_TEST_ROW
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
    return cmocka_run_group_tests_name("the audit log over HTTP", tests, open_world, api_close);
}
