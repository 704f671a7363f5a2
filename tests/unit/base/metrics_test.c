#include "common/base/metrics.h"
#include "tests/unit/base/capture.h"

#include <pthread.h>
#include <string.h>

enum { THREAD_COUNT = 4, ADDS_PER_THREAD = 20000 };

#define LE(bound, count) "_bucket{le=\"" bound "\"} " #count "\n"

static struct arena *arena;

static int open_arena(void **state)
{
    (void)state;
    arena = arena_open(1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static const char *render(void)
{
    struct bytes text;
    assert_true(status_ok(metrics_render(arena, &text)));
    return (const char *)text.data;
}

static void test_series_of_one_name_stand_together(void **state)
{
    (void)state;
    metric_add(metric_counter("t_calls_total", "Calls made", "code=\"OK\""), 3);
    metric_set(metric_gauge("t_depth", "Queue depth", NULL), -2);
    metric_add(metric_counter("t_calls_total", "Calls made", "code=\"ABORTED\""), 1);
    assert_non_null(strstr(render(), "# HELP t_calls_total Calls made\n"
                                     "# TYPE t_calls_total counter\n"
                                     "t_calls_total{code=\"OK\"} 3\n"
                                     "t_calls_total{code=\"ABORTED\"} 1\n"
                                     "# HELP t_depth Queue depth\n"
                                     "# TYPE t_depth gauge\n"
                                     "t_depth -2\n"));
}

static void test_registering_again_gives_the_same_metric(void **state)
{
    (void)state;
    struct metric *first = metric_counter("t_same_total", "Same", "a=\"x\"");
    assert_ptr_equal(metric_counter("t_same_total", "Same", "a=\"x\""), first);
    assert_ptr_not_equal(metric_counter("t_same_total", "Same", "a=\"y\""), first);
    metric_add(first, 2);
    assert_int_equal(metric_value(first), 2);
}

static void test_a_duration_counts_in_its_bucket_and_all_above(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name; uint64_t ns;
        const char *below, *from; // The last bucket without it, and the first with it.
        const char *sum;
    } rows[] = {
        {"t_h1", 0,                     NULL,           LE("5e-05", 1),  "0.000000000"},
        {"t_h2", 50000,                 NULL,           LE("5e-05", 1),  "0.000050000"},
        {"t_h3", 50001,                 LE("5e-05", 0), LE("0.0001", 1), "0.000050001"},
        {"t_h4", 2500000,               LE("0.001", 0), LE("0.0025", 1), "0.002500000"},
        {"t_h5", UINT64_C(10000000000), LE("5", 0),     LE("10", 1),     "10.000000000"},
        {"t_h6", UINT64_C(10000000001), LE("10", 0),    LE("+Inf", 1),   "10.000000001"},
    };

    // clang-format on

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct metric *metric = metric_histogram(rows[i].name, "Durations", NULL);
        metric_observe_ns(metric, rows[i].ns);
        assert_int_equal(metric_value(metric), 1);
        const char *text = render();
        char expected[128];
        for (int part = 0; part < 4; part++) {
            const char *formats[] = {rows[i].below, rows[i].from, rows[i].sum, "_count 1\n"};
            if (formats[part] == NULL) continue;
            snprintf(expected, sizeof expected, "\n%s%s%s", rows[i].name, part == 2 ? "_sum " : "",
                     formats[part]);
            if (strstr(text, expected) == NULL) fail_msg("no %s in %s", expected, text);
        }
    }
}

static void test_a_histogram_has_16_buckets_and_keeps_its_labels(void **state)
{
    (void)state;
    metric_observe_ns(metric_histogram("t_labelled", "Durations", "method=\"Get\""),
                      UINT64_C(1000000000));
    const char *at = render();
    int count = 0;
    while ((at = strstr(at, "t_labelled_bucket{method=\"Get\",le=")) != NULL) {
        count++;
        at++;
    }
    assert_int_equal(count, METRIC_BUCKET_COUNT + 1);
    assert_non_null(strstr(render(), "t_labelled_sum{method=\"Get\"} 1.000000000\n"
                                     "t_labelled_count{method=\"Get\"} 1\n"));
}

static void test_a_small_arena_is_refused(void **state)
{
    (void)state;
    metric_counter("t_some_total", "Some", NULL);
    struct arena *small = arena_open(8);
    struct bytes text;
    struct status status = metrics_render(small, &text);
    assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
    arena_close(&small);
}

static void *add_many(void *context)
{
    (void)context;
    struct metric *counter = metric_counter("t_shared_total", "Shared", NULL);
    struct metric *durations = metric_histogram("t_shared_seconds", "Shared", NULL);
    for (int i = 0; i < ADDS_PER_THREAD; i++) {
        metric_add(counter, 1);
        metric_observe_ns(durations, 1000);
    }
    return NULL;
}

static void test_no_update_is_lost_between_threads(void **state)
{
    (void)state;
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        pthread_create(&threads[i], NULL, add_many, NULL);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(metric_value(metric_counter("t_shared_total", "Shared", NULL)),
                     THREAD_COUNT * ADDS_PER_THREAD);
    assert_int_equal(metric_value(metric_histogram("t_shared_seconds", "Shared", NULL)),
                     THREAD_COUNT * ADDS_PER_THREAD);
}

static void register_as_two_kinds(void)
{
    metric_counter("t_two", "Two", NULL);
    metric_gauge("t_two", "Two", NULL);
}

static void register_too_many(void)
{
    static char labels[METRICS_SERIES_MAX + 1][16];
    for (int i = 0; i <= METRICS_SERIES_MAX; i++) {
        snprintf(labels[i], sizeof labels[i], "n=\"%d\"", i);
        metric_counter("t_many_total", "Many", labels[i]);
    }
}

static void observe_a_counter(void)
{
    metric_observe_ns(metric_counter("t_not_a_histogram", "No", NULL), 1);
}

static void test_misuse_is_our_bug(void **state)
{
    (void)state;
    assert_aborts(register_as_two_kinds);
    assert_aborts(register_too_many);
    assert_aborts(observe_a_counter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_series_of_one_name_stand_together),
        cmocka_unit_test(test_registering_again_gives_the_same_metric),
        cmocka_unit_test(test_a_duration_counts_in_its_bucket_and_all_above),
        cmocka_unit_test(test_a_histogram_has_16_buckets_and_keeps_its_labels),
        cmocka_unit_test(test_a_small_arena_is_refused),
        cmocka_unit_test(test_no_update_is_lost_between_threads),
        cmocka_unit_test(test_misuse_is_our_bug),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
