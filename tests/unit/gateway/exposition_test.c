// Five daemons' metrics as one page that Prometheus accepts.
#include "common/base/metrics.h"
#include "gateway/exposition.h"
#include "tests/unit/gateway/harness.h"

enum { ARENA_BYTES = 1 << 22 };

static const char *merge(const struct exposition_part *parts, size_t count, struct arena *arena)
{
    struct bytes merged;
    assert_true(status_ok(exposition_merge(parts, count, arena, &merged)));
    return arena_text(arena, (const char *)merged.data, merged.size);
}

static void test_families_stand_together_under_one_help_and_type(void **state)
{
    (void)state;
    const struct exposition_part parts[] = {
        {"gateway", bytes_of_text("# HELP calls_total Calls\n# TYPE calls_total counter\n"
                                  "calls_total{code=\"OK\"} 1\ncalls_total{code=\"NO\"} 2\n"
                                  "# HELP up Up\n# TYPE up gauge\nup 1\n")},
        {"ledger", bytes_of_text("# HELP up Up\n# TYPE up gauge\nup 0\n"
                                 "# HELP calls_total Calls\n# TYPE calls_total counter\n"
                                 "calls_total{code=\"OK\"} 3\n"
                                 "# HELP wait_seconds Wait\n# TYPE wait_seconds histogram\n"
                                 "wait_seconds_bucket{le=\"+Inf\"} 4\nwait_seconds_sum 5\n"
                                 "wait_seconds_count 4\n")},
    };
    struct arena *arena = arena_open(ARENA_BYTES);
    static const char expected[] = "# HELP calls_total Calls\n# TYPE calls_total counter\n"
                                   "calls_total{daemon=\"gateway\",code=\"OK\"} 1\n"
                                   "calls_total{daemon=\"gateway\",code=\"NO\"} 2\n"
                                   "calls_total{daemon=\"ledger\",code=\"OK\"} 3\n"
                                   "# HELP up Up\n# TYPE up gauge\n"
                                   "up{daemon=\"gateway\"} 1\nup{daemon=\"ledger\"} 0\n"
                                   "# HELP wait_seconds Wait\n# TYPE wait_seconds histogram\n"
                                   "wait_seconds_bucket{daemon=\"ledger\",le=\"+Inf\"} 4\n"
                                   "wait_seconds_sum{daemon=\"ledger\"} 5\n"
                                   "wait_seconds_count{daemon=\"ledger\"} 4\n";
    assert_string_equal(merge(parts, COUNT_OF(parts), arena), expected);
    arena_close(&arena);
}

static void test_what_is_no_metric_is_left_out(void **state)
{
    (void)state;
    static const char *const broken[] = {"",
                                         "\n\n\n",
                                         "nonsense\n",
                                         "# HELP",
                                         "# HELP a\n",
                                         "# HELP a A\na 1\n",
                                         "a 1\n# TYPE a gauge\n",
                                         "# HELP \n# TYPE \n"};
    struct arena *arena = arena_open(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        const struct exposition_part parts[] = {
            {"bad", bytes_of_text(broken[i])},
            {"good", bytes_of_text("# HELP up Up\n# TYPE up gauge\nup 1\n")}};
        const char *text = merge(parts, 2, arena);
        if (strstr(text, "# TYPE up gauge\nup{daemon=\"good\"} 1\n") == NULL ||
            strstr(text, "daemon=\"bad\"") != NULL) {
            fail_msg("given %s:\n%s", broken[i], text);
        }
    }
    arena_close(&arena);
}

// Line by line: every series belongs to the family that was announced last, and none twice.
static void check_format(char *text)
{
    char family[128] = "", announced[64][128];
    size_t count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            for (size_t i = 0; i < count; i++) {
                assert_string_not_equal(announced[i], family);
            }
            assert_true(count < COUNT_OF(announced));
            snprintf(announced[count++], sizeof announced[0], "%s", family);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_memory_equal(line + 7, family, strlen(family));
        } else {
            assert_memory_equal(line, family, strlen(family));
            assert_non_null(strstr(line, "{daemon=\""));
            assert_non_null(strstr(line, "\"} "));
        }
    }
    assert_int_equal(count, 3);
}

static void test_what_our_registry_writes_is_merged_whole(void **state)
{
    (void)state;
    metric_add(metric_counter("florin_a_total", "A", "x=\"1\""), 1);
    metric_add(metric_counter("florin_a_total", "A", "x=\"2\""), 1);
    metric_set(metric_gauge("florin_b", "B", NULL), -3);
    metric_observe_ns(metric_histogram("florin_c_seconds", "C", "y=\"z\""), 1000);
    struct arena *arena = arena_open(ARENA_BYTES);
    struct bytes text;
    assert_true(status_ok(metrics_render(arena, &text)));
    const struct exposition_part parts[] = {{"gateway", text}, {"auth", text}, {"kyc", text}};
    char *merged = strdup(merge(parts, COUNT_OF(parts), arena));
    assert_non_null(strstr(merged, "florin_b{daemon=\"kyc\"} -3\n"));
    check_format(merged);
    free(merged);
    arena_close(&arena);
}

static void test_no_room_is_an_answer(void **state)
{
    (void)state;
    const struct exposition_part part = {"a",
                                         bytes_of_text("# HELP up Up\n# TYPE up gauge\nup 1\n")};
    struct arena *arena = arena_open(1024);
    struct bytes merged;
    assert_int_equal(exposition_merge(&part, 1, arena, &merged).code, STATUS_RESOURCE_EXHAUSTED);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_stand_together_under_one_help_and_type),
        cmocka_unit_test(test_what_is_no_metric_is_left_out),
        cmocka_unit_test(test_what_our_registry_writes_is_merged_whole),
        cmocka_unit_test(test_no_room_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
