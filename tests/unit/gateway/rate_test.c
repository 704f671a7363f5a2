// Token buckets: what passes, what does not, and when to come back.
#include "common/base/clock.h"
#include "gateway/rate.h"
#include "tests/unit/gateway/harness.h"

#include <pthread.h>
#include <stdatomic.h>

static struct rate_verdict take(struct rate_limiter *limiter, const char *client, uint32_t cost,
                                uint64_t at_ms)
{
    // An hour after the clock's zero, so that nothing depends on it.
    return rate_take(limiter, bytes_of_text(client), cost,
                     3600 * NS_PER_SECOND + at_ms * NS_PER_MS);
}

static void test_a_bucket_empties_and_refills(void **state)
{
    (void)state;

    // 10 units a second, 5 at once.
    static const struct {
        const char *client;
        uint64_t at_ms;
        uint32_t cost;
        bool is_allowed;
        uint32_t remaining, reset_s, retry_after_ms;
    } rows[] = {
        {"a", 0, 1, true, 4, 1, 0},       {"a", 0, 3, true, 1, 1, 0},
        {"a", 0, 2, false, 1, 1, 100}, // One unit is missing: a tenth of a second.
        {"a", 0, 1, true, 0, 1, 0},       {"a", 0, 1, false, 0, 1, 100},
        {"b", 0, 5, true, 0, 1, 0},       // Another client has a bucket of its own.
        {"a", 99, 1, false, 0, 1, 1},     // Almost.
        {"a", 100, 1, true, 0, 1, 0},     // What was refused has cost nothing.
        {"a", 5000, 1, true, 4, 1, 0},    // Full again, and never fuller.
        {"a", 5000, 9, false, 4, 1, 100}, // More than the burst counts as the burst,
        {"a", 5100, 9, true, 0, 1, 0},    // so it is possible at all.
        {"c", 0, 0, true, 5, 0, 0},
    };

    struct rate_limiter *limiter = rate_open("test", 10, 5);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rate_verdict got = take(limiter, rows[i].client, rows[i].cost, rows[i].at_ms);
        if (got.is_allowed != rows[i].is_allowed || got.remaining != rows[i].remaining ||
            got.reset_s != rows[i].reset_s || got.retry_after_ms != rows[i].retry_after_ms) {
            fail_msg("row %zu: %d %u %u %u", i, got.is_allowed, got.remaining, got.reset_s,
                     got.retry_after_ms);
        }
    }
    rate_close(&limiter);
    rate_close(&limiter);
}

static void test_the_policy_says_quota_and_window(void **state)
{
    (void)state;
    struct rate_limiter *limiter = rate_open("address", 100, 250);
    assert_string_equal(rate_policy(limiter), "\"address\";q=250;w=3");
    assert_string_equal(rate_name(limiter), "address");
    rate_close(&limiter);
}

// However many clients come, the memory is the same, and one that pauses is not remembered as full.
static void test_more_clients_than_slots_are_served(void **state)
{
    (void)state;
    struct rate_limiter *limiter = rate_open("test", 1, 2);
    for (int i = 0; i < 4 * RATE_SLOTS; i++) {
        char client[32];
        snprintf(client, sizeof client, "client-%d", i);
        assert_true(take(limiter, client, 1, 0).is_allowed);
    }
    // The one that came last is remembered.
    char client[32];
    snprintf(client, sizeof client, "client-%d", 4 * RATE_SLOTS - 1);
    assert_true(take(limiter, client, 1, 0).is_allowed);
    assert_false(take(limiter, client, 1, 0).is_allowed);
    rate_close(&limiter);
}

enum { THREADS = 4, TRIES = 20000, BURST = 1000 };

struct crowd {
    struct rate_limiter *limiter;
    atomic_uint passed;
};

static void *push(void *context)
{
    struct crowd *crowd = context;
    for (int i = 0; i < TRIES; i++) {
        if (take(crowd->limiter, "same", 1, 0).is_allowed) atomic_fetch_add(&crowd->passed, 1);
    }
    return NULL;
}

static void test_threads_together_get_no_more_than_one(void **state)
{
    (void)state;
    struct crowd crowd = {.limiter = rate_open("test", 1, BURST)};
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, push, &crowd), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&crowd.passed), BURST);
    rate_close(&crowd.limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bucket_empties_and_refills),
        cmocka_unit_test(test_the_policy_says_quota_and_window),
        cmocka_unit_test(test_more_clients_than_slots_are_served),
        cmocka_unit_test(test_threads_together_get_no_more_than_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
