// How often what happened: counted once whatever dies in between, and reported by hour and by day.
#include "common/base/clock.h"
#include "services/audit/counts.h"
#include "tests/unit/audit/newsroom.h"

#define HOUR_NS (UINT64_C(3600) * NS_PER_SECOND)
#define MONDAY UINT64_C(20773) // 2026-11-16, in days since 1970.
#define BASE (MONDAY * 24)     // In hours.

static struct status ask(const char *interval, const char *action, uint64_t from_ns, uint64_t to_ns,
                         const Audit__ActivityReport **ret)
{
    Audit__GetActivityReportRequest request = AUDIT__GET_ACTIVITY_REPORT_REQUEST__INIT;
    request.interval = text_of(interval);
    request.action = text_of(action);
    request.from = from_ns;
    request.to = to_ns;
    return newsroom_call(AUDIT_GET_ACTIVITY_REPORT, newsroom_user(1), &request, (const void **)ret);
}

// "0 a.b success 2, 24 a.c refused 1": hours from the base on.
static void write_rows(const Audit__ActivityReport *report, char *ret, size_t size)
{
    size_t used = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < report->n_rows; i++) {
        const Audit__ActivityRow *row = report->rows[i];
        assert_int_equal(row->time % HOUR_NS, 0);
        used += (size_t)snprintf(ret + used, size - used, "%s%llu %s %s %llu", i > 0 ? ", " : "",
                                 (unsigned long long)(row->time / HOUR_NS - BASE), row->action,
                                 row->outcome, (unsigned long long)row->count);
        assert_true(used < size);
    }
}

static void tell_a_few(void)
{
    static const struct {
        uint64_t hour;
        const char *type, *outcome;
    } rows[] = {
        {0, "a.b", "success"},  {0, "a.b", "success"},  {0, "a.b", "refused"},
        {5, "a.b", "success"},  {5, "a.cc", "success"}, {5, "a.c", "success"},
        {23, "z.y", "success"}, {24, "a.b", "success"}, {48, "a.b", "success"},
    };
    struct news news[ROWS(rows)];
    for (size_t i = 0; i < ROWS(rows); i++) {
        // In the middle of the hour, in any order.
        size_t k = (i * 4 + 1) % ROWS(rows);
        news[i] = (struct news){.type = rows[k].type,
                                .outcome = rows[k].outcome,
                                .time_ns = (BASE + rows[k].hour) * HOUR_NS + HOUR_NS / 2};
    }
    newsroom_tell(news, ROWS(rows));
    newsroom_settle();
}

static void test_counts_are_reported_by_interval(void **state)
{
    (void)state;
    tell_a_few();

    // clang-format off
    static const struct {
        const char *interval, *action;
        uint64_t from, to; // Half hours from the base on.
        const char *rows;
        uint64_t total;
    } rows[] = {
        {"hour", "",      0,  96, "0 a.b refused 1, 0 a.b success 2, 5 a.b success 1, 5 a.c success 1, "
                                  "5 a.cc success 1, 23 z.y success 1, 24 a.b success 1", 8},
        {"hour", "",      0,  98, "0 a.b refused 1, 0 a.b success 2, 5 a.b success 1, 5 a.c success 1, "
                                  "5 a.cc success 1, 23 z.y success 1, 24 a.b success 1, 48 a.b success 1", 9},
        {"hour", "a.b",   0,  20, "0 a.b refused 1, 0 a.b success 2, 5 a.b success 1", 4},
        {"hour", "a.c",   0,  20, "5 a.c success 1", 1},
        {"hour", "a.*",   2,  20, "5 a.b success 1, 5 a.c success 1, 5 a.cc success 1", 3},
        {"hour", "q.*",   0,  98, "", 0},
        // Whole hours: what begins within one has all of it, and so has what ends in one.
        {"hour", "a.b",   1,   2, "0 a.b refused 1, 0 a.b success 2", 3},
        {"hour", "a.b",   9,  11, "5 a.b success 1", 1},
        {"day",  "",      0,  98, "0 a.b refused 1, 0 a.b success 3, 0 a.c success 1, 0 a.cc success 1, "
                                  "0 z.y success 1, 24 a.b success 1, 48 a.b success 1", 9},
        {"day",  "a.b",   4,  98, "2 a.b success 1, 24 a.b success 1, 48 a.b success 1", 3},
        {"all",  "",      0,  98, "0 a.b refused 1, 0 a.b success 5, 0 a.c success 1, 0 a.cc success 1, "
                                  "0 z.y success 1", 9},
        {"",     "*",     0,  98, "0 a.b refused 1, 0 a.b success 5, 0 a.c success 1, 0 a.cc success 1, "
                                  "0 z.y success 1", 9},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        const Audit__ActivityReport *report;
        char text[1024];
        uint64_t from = BASE * 2 + rows[i].from, to = BASE * 2 + rows[i].to;
        assert_status_ok(
            ask(rows[i].interval, rows[i].action, from * HOUR_NS / 2, to * HOUR_NS / 2, &report));
        write_rows(report, text, sizeof text);
        assert_string_equal(text, rows[i].rows);
        assert_int_equal(report->total, rows[i].total);
        assert_int_equal(report->from, from / 2 * HOUR_NS);
        assert_int_equal(report->to, (to + 1) / 2 * HOUR_NS);
        assert_int_equal(report->counted_size, 9);
        assert_false(report->truncated);
    }
}

static void test_what_is_asked_wrongly_is_refused(void **state)
{
    (void)state;
    const uint64_t day_ns = 24 * HOUR_NS, now_ns = 500 * day_ns;
    const Audit__ActivityReport *report;
    assert_refused(ask("hour", "", now_ns, now_ns, &report), "PERIOD_INVALID");
    assert_refused(ask("all", "", now_ns + 1, now_ns, &report), "PERIOD_INVALID");
    assert_refused(ask("hour", "", 1, 400 * day_ns + 1, &report), "PERIOD_INVALID");
    assert_status_ok(ask("hour", "", 1, 400 * day_ns, &report));
    assert_status_ok(ask("day", "", 1, now_ns, &report));
    assert_status_ok(ask("all", "", 1, UINT64_MAX, &report));
    assert_refused(ask("week", "", 1, now_ns, &report), "VALIDATION_FAILED");
    assert_string_equal(newsroom.call.violations.items[0].field, "interval");
    assert_refused(ask("day", "a*", 1, now_ns, &report), "VALIDATION_FAILED");
    assert_string_equal(newsroom.call.violations.items[0].field, "action");
}

static void test_the_last_day_is_meant_where_nothing_is_said(void **state)
{
    (void)state;
    uint64_t now_ns = clock_wall_ns();
    const struct news news[] = {{.type = "a.b", .time_ns = now_ns},
                                {.type = "a.b", .time_ns = now_ns - 23 * HOUR_NS},
                                {.type = "a.b", .time_ns = now_ns - 26 * HOUR_NS}};
    newsroom_tell(news, ROWS(news));
    newsroom_settle();
    const Audit__ActivityReport *report;
    assert_status_ok(ask("", "", 0, 0, &report));
    assert_int_equal(report->total, 2);
    // A day before the end that was said.
    assert_status_ok(ask("", "", 0, now_ns - 25 * HOUR_NS, &report));
    assert_int_equal(report->total, 1);
}

static void test_more_rows_than_fit_are_cut_and_still_summed(void **state)
{
    (void)state;

    enum { HOURS = 1000, KINDS = 11 };

    static struct news news[HOURS];
    static char types[KINDS][16];
    for (size_t kind = 0; kind < KINDS; kind++) {
        snprintf(types[kind], sizeof types[kind], "a.b%zu", kind);
        for (size_t i = 0; i < HOURS; i++)
            news[i] = (struct news){.type = types[kind], .time_ns = (BASE + i) * HOUR_NS};
        newsroom_tell(news, HOURS);
    }
    newsroom_settle();
    const Audit__ActivityReport *report;
    assert_status_ok(ask("hour", "", BASE * HOUR_NS, (BASE + HOURS) * HOUR_NS, &report));
    assert_true(report->truncated);
    assert_int_equal(report->n_rows, AUDIT_ACTIVITY_ROWS_MAX);
    assert_int_equal(report->total, HOURS * KINDS);
    assert_status_ok(ask("day", "", BASE * HOUR_NS, (BASE + HOURS) * HOUR_NS, &report));
    assert_false(report->truncated);
    assert_int_equal(report->total, HOURS * KINDS);
}

static void test_each_event_counts_once_across_restarts(void **state)
{
    (void)state;
    uint64_t told = 0;
    for (size_t round = 0; round < 20; round++) {
        struct news news[50];
        for (size_t i = 0; i < ROWS(news); i++)
            news[i] = (struct news){.type = round % 2 == 0 ? "a.b" : "a.c",
                                    .time_ns = (BASE + i % 3) * HOUR_NS};
        newsroom_tell(news, 1 + round * 2);
        told += 1 + round * 2;
        newsroom_stop(); // Wherever they are.
        newsroom_start();
    }
    newsroom_settle();
    const Audit__ActivityReport *report;
    assert_status_ok(ask("all", "", BASE * HOUR_NS, (BASE + 3) * HOUR_NS, &report));
    assert_int_equal(report->total, told);
    assert_int_equal(report->counted_size, told);
}

static void test_long_names_are_counted_as_far_as_they_are_kept(void **state)
{
    (void)state;
    char type[400], outcome[100];
    memset(type, 't', sizeof type - 1);
    memset(outcome, 'o', sizeof outcome - 1);
    type[sizeof type - 1] = outcome[sizeof outcome - 1] = '\0';
    const struct news news[] = {{.type = type, .outcome = outcome, .time_ns = BASE * HOUR_NS}};
    newsroom_tell(news, 1);
    newsroom_settle();
    const Audit__ActivityReport *report;
    assert_status_ok(ask("all", "", BASE * HOUR_NS, (BASE + 1) * HOUR_NS, &report));
    assert_int_equal(strlen(report->rows[0]->action), AUDIT_COUNT_ACTION_BYTES_MAX);
    assert_int_equal(strlen(report->rows[0]->outcome), AUDIT_COUNT_OUTCOME_BYTES_MAX);
}

#define COUNTS_TEST(test_) cmocka_unit_test_setup_teardown(test_, newsroom_setup, newsroom_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COUNTS_TEST(test_counts_are_reported_by_interval),
        COUNTS_TEST(test_what_is_asked_wrongly_is_refused),
        COUNTS_TEST(test_the_last_day_is_meant_where_nothing_is_said),
        COUNTS_TEST(test_more_rows_than_fit_are_cut_and_still_summed),
        COUNTS_TEST(test_each_event_counts_once_across_restarts),
        COUNTS_TEST(test_long_names_are_counted_as_far_as_they_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
