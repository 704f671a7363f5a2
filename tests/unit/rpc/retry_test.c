#include "common/base/clock.h"
#include "common/rpc/retry.h"
#include "tests/unit/rpc/fixture.h"

static void test_backoff_doubles_to_a_second_with_jitter(void **state)
{
    (void)state;

    static const struct {
        uint32_t attempt, random;
        uint64_t us;
    } rows[] = {
        {1, 0, 16000},
        {1, 200, 20000},
        {1, 400, 24000},
        {1, 401, 16000},
        {2, 200, 40000},
        {3, 200, 80000},
        {6, 200, 640000},
        {7, 200, 1000000},
        {8, 0, 800000},
        {8, 400, 1200000},
        {4000000000, 200, 1000000},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(retry_backoff_ns(rows[i].attempt, rows[i].random), rows[i].us * 1000);
    }
}

static void test_budget_stops_retries_at_half_and_fills_up_slowly(void **state)
{
    (void)state;
    struct retry_budget budget;
    retry_budget_open(&budget);
    for (int failures = 1; failures <= 4; failures++) {
        retry_budget_report(&budget, false);
        assert_true(retry_budget_allows(&budget));
    }
    retry_budget_report(&budget, false); // 5 of 10 tokens are left.
    assert_false(retry_budget_allows(&budget));
    for (int i = 0; i < 100; i++) {
        retry_budget_report(&budget, false);
    }
    assert_int_equal(budget.tokens_milli, 0);
    for (int successes = 1; successes <= 50; successes++) {
        assert_false(retry_budget_allows(&budget));
        retry_budget_report(&budget, true);
    }
    assert_false(retry_budget_allows(&budget));
    retry_budget_report(&budget, true); // The 51st success: 5.1 tokens.
    assert_true(retry_budget_allows(&budget));
    for (int i = 0; i < 1000; i++) {
        retry_budget_report(&budget, true);
    }
    assert_int_equal(budget.tokens_milli, RETRY_TOKENS_MAX_MILLI);
}

static void fail_times(struct breaker *breaker, uint64_t now_ns, int times)
{
    for (int i = 0; i < times; i++) {
        breaker_report(breaker, now_ns, false);
    }
}

static void test_breaker_opens_after_failures_in_a_row_only(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    fail_times(&breaker, 0, BREAKER_FAILURES_MAX - 1);
    breaker_report(&breaker, 0, true);
    fail_times(&breaker, 0, BREAKER_FAILURES_MAX - 1);
    assert_true(breaker_admit(&breaker, 0));
    fail_times(&breaker, 0, 1);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_false(breaker_admit(&breaker, 0));
}

static void test_breaker_lets_one_probe_through_and_believes_it(void **state)
{
    (void)state;
    const uint64_t open_ns = BREAKER_OPEN_MS_FIRST * NS_PER_MS;
    struct breaker breaker = {0};
    fail_times(&breaker, 0, BREAKER_FAILURES_MAX);
    assert_false(breaker_admit(&breaker, open_ns - 1));
    assert_true(breaker_admit(&breaker, open_ns)); // The probe.
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_false(breaker_admit(&breaker, open_ns)); // Nobody else.

    breaker_report(&breaker, open_ns, false); // It failed: closed for twice the time.
    assert_false(breaker_admit(&breaker, open_ns + 2 * open_ns - 1));
    assert_true(breaker_admit(&breaker, open_ns + 2 * open_ns));
    breaker_report(&breaker, 3 * open_ns, true); // It came back: all is well.
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_true(breaker_admit(&breaker, 3 * open_ns));
    assert_true(breaker_admit(&breaker, 3 * open_ns));
}

static void test_breaker_sends_another_probe_when_one_is_lost(void **state)
{
    (void)state;
    const uint64_t open_ns = BREAKER_OPEN_MS_FIRST * NS_PER_MS;
    struct breaker breaker = {0};
    fail_times(&breaker, 0, BREAKER_FAILURES_MAX);
    assert_true(breaker_admit(&breaker, open_ns));
    assert_false(breaker_admit(&breaker, 2 * open_ns - 1));
    assert_true(breaker_admit(&breaker, 2 * open_ns));
}

static void test_breaker_time_is_bounded_and_late_failures_do_not_extend_it(void **state)
{
    (void)state;
    struct breaker breaker = {0};
    uint64_t now_ns = 0;
    fail_times(&breaker, 0, BREAKER_FAILURES_MAX);
    fail_times(&breaker, 1, 1000); // Calls from before the opening.
    assert_int_equal(breaker.open_ms, BREAKER_OPEN_MS_FIRST);
    for (int i = 0; i < 10; i++) {
        now_ns = breaker.open_until_ns;
        assert_true(breaker_admit(&breaker, now_ns));
        breaker_report(&breaker, now_ns, false);
    }
    assert_int_equal(breaker.open_until_ns - now_ns, BREAKER_OPEN_MS_MAX * NS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff_doubles_to_a_second_with_jitter),
        cmocka_unit_test(test_budget_stops_retries_at_half_and_fills_up_slowly),
        cmocka_unit_test(test_breaker_opens_after_failures_in_a_row_only),
        cmocka_unit_test(test_breaker_lets_one_probe_through_and_believes_it),
        cmocka_unit_test(test_breaker_sends_another_probe_when_one_is_lost),
        cmocka_unit_test(test_breaker_time_is_bounded_and_late_failures_do_not_extend_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
