#include "common/base/check.h"
#include "common/base/status.h"
#include "tests/unit/base/capture.h"

#include <string.h>

static int evaluations;

static void fail_check(void)
{
    CHECK(1 + 1 == 3);
}

static void test_a_failed_check_aborts(void **state)
{
    (void)state;
    assert_aborts(fail_check);
}

static void test_a_failed_check_names_file_and_expression(void **state)
{
    (void)state;
    static struct capture capture;
    capture_begin(&capture, STDERR_FILENO);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        fail_check();
    }
    waitpid(child, NULL, 0);
    const char *text = capture_end(&capture);
    assert_non_null(strstr(text, "level=error"));
    assert_non_null(strstr(text, "check_test.c line="));
    assert_non_null(strstr(text, "expression=\"1 + 1 == 3\""));
}

static void test_a_check_that_holds_evaluates_once(void **state)
{
    (void)state;
    CHECK(++evaluations == 1);
    assert_int_equal(evaluations, 1);
}

static void test_status_codes_have_their_grpc_names(void **state)
{
    (void)state;

    static const struct {
        int code;
        const char *name;
    } rows[] = {
        {0, "OK"},
        {1, "CANCELLED"},
        {2, "UNKNOWN"},
        {3, "INVALID_ARGUMENT"},
        {4, "DEADLINE_EXCEEDED"},
        {5, "NOT_FOUND"},
        {6, "ALREADY_EXISTS"},
        {7, "PERMISSION_DENIED"},
        {8, "RESOURCE_EXHAUSTED"},
        {9, "FAILED_PRECONDITION"},
        {10, "ABORTED"},
        {11, "OUT_OF_RANGE"},
        {12, "UNIMPLEMENTED"},
        {13, "INTERNAL"},
        {14, "UNAVAILABLE"},
        {15, "DATA_LOSS"},
        {16, "UNAUTHENTICATED"},
        {17, "UNKNOWN"},
        {-1, "UNKNOWN"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(status_code_name((enum status_code)rows[i].code), rows[i].name);
    }
}

static struct status pass_on(struct status inner, bool *ret_reached_end)
{
    *ret_reached_end = false;
    RETURN_IF_ERROR(inner);
    *ret_reached_end = true;
    return STATUS_SUCCESS;
}

static void test_return_if_error_passes_a_refusal_on_as_it_is(void **state)
{
    (void)state;
    bool reached_end;
    struct status status = pass_on(REFUSE(ABORTED, TRY_AGAIN, "later"), &reached_end);
    assert_false(reached_end);
    assert_int_equal(status.code, STATUS_ABORTED);
    assert_string_equal(status.reason, "TRY_AGAIN");
    assert_string_equal(status.message, "later");
    assert_true(status_ok(pass_on(STATUS_SUCCESS, &reached_end)));
    assert_true(reached_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_check_aborts),
        cmocka_unit_test(test_a_failed_check_names_file_and_expression),
        cmocka_unit_test(test_a_check_that_holds_evaluates_once),
        cmocka_unit_test(test_status_codes_have_their_grpc_names),
        cmocka_unit_test(test_return_if_error_passes_a_refusal_on_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
