#include "common/base/version.h"
#include "tests/unit/base/capture.h"

#include <string.h>

static void test_the_build_id_is_the_linkers(void **state)
{
    (void)state;
    const char *id = florin_build_id();
    if (strcmp(id, "none") == 0) skip(); // A linker that writes none.
    assert_true(strlen(id) >= 16);
    assert_int_equal(strspn(id, "0123456789abcdef"), strlen(id));
}

static void test_the_version_is_the_projects(void **state)
{
    (void)state;
    assert_true(strspn(florin_version(), "0123456789.") == strlen(florin_version()));
    assert_non_null(strchr(florin_version(), '.'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_build_id_is_the_linkers),
        cmocka_unit_test(test_the_version_is_the_projects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
