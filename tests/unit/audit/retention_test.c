// What is pruned when, what holds it up, and what is left of it.
#include "common/base/clock.h"
#include "common/event/event.h"
#include "services/audit/retention.h"
#include "services/audit/tiles.h"
#include "tests/unit/audit/fixture.h"

#include <sched.h>

enum { DAY_EVENTS = 256, DAYS_KEPT = 10 };

/// A log in which each bundle is a day's events.
struct stage {
    struct fixture *fixture;
    struct audit_retention *retention;
    uint64_t floor;
};

static struct stage stage;

static struct status ask_floor(void *context, struct store_txn *txn, uint64_t *ret)
{
    (void)txn;
    *ret = *(const uint64_t *)context;
    return STATUS_SUCCESS;
}

static int setup_stage(void **state)
{
    setup(state);
    stage = (struct stage){.fixture = *state, .floor = UINT64_MAX};
    stage.retention = audit_retention_open(&stage.fixture->service, DAYS_KEPT);
    audit_retention_add_floor(stage.retention, ask_floor, &stage.floor);
    return 0;
}

static int teardown_stage(void **state)
{
    audit_retention_close(&stage.retention);
    return teardown(state);
}

// Day 1 begins at AUDIT_RETENTION_DAY_NS; its events are the entries from 0 on.
static void add_day(uint64_t day, size_t count)
{
    static struct event_view events[DAY_EVENTS];
    uint64_t first_seq = log_size(stage.fixture) + 1;
    for (size_t i = 0; i < count; i++) {
        events[i] = make_event("ledger", first_seq + i);
        events[i].time_ns = day * AUDIT_RETENTION_DAY_NS + i;
    }
    assert_status_ok(accept_views(stage.fixture, "ledger", FIXTURE_LOG_ID, events, count));
}

static void add_days(uint64_t count)
{
    for (uint64_t day = 1; day <= count; day++)
        add_day(day, DAY_EVENTS);
}

static uint64_t run_at(uint64_t day)
{
    uint64_t pruned;
    assert_status_ok(audit_retention_run(stage.retention, day * AUDIT_RETENTION_DAY_NS, &pruned));
    return pruned;
}

static uint64_t first_index(void)
{
    uint64_t first;
    struct store_txn *txn = begin(stage.fixture);
    assert_status_ok(audit_store_first_index(txn, &first));
    store_snapshot_end(&txn);
    return first;
}

static void test_bundles_go_when_their_newest_entry_is_too_old(void **state)
{
    (void)state;
    add_days(8);

    // clang-format off
    static const struct {
        const char *given;
        uint64_t day, floor, first_day; // Of what is kept afterwards, 1 is the log's first.
    } rows[] = {
        {"nothing is old",                       11, UINT64_MAX, 1},
        {"a day's last event is a moment old",   12, UINT64_MAX, 2},
        {"the same again",                       12, UINT64_MAX, 2},
        {"somebody is in the middle of the next", 13, 300,       2},
        {"somebody is at its last entry",        13, 511,        2},
        {"somebody is behind it",                13, 512,        3},
        {"somebody needs all there was",         14, 0,          3},
        {"several steps at once",                18, UINT64_MAX, 8},
        {"the last bundle stays",                99, UINT64_MAX, 8},
    };

    // clang-format on
    uint64_t day = 1;
    for (size_t i = 0; i < ROWS(rows); i++) {
        stage.floor = rows[i].floor;
        uint64_t pruned = run_at(rows[i].day);
        if (pruned != (rows[i].first_day - day) * DAY_EVENTS ||
            first_index() != (rows[i].first_day - 1) * DAY_EVENTS)
            fail_msg("%s: pruned %llu, first %llu", rows[i].given, (unsigned long long)pruned,
                     (unsigned long long)first_index());
        day = rows[i].first_day;
    }
}

static void test_nothing_goes_without_a_retention_or_before_its_first_day(void **state)
{
    (void)state;
    add_days(3);
    assert_int_equal(run_at(DAYS_KEPT), 0); // The clock stands before 1970 + retention.
    audit_retention_close(&stage.retention);
    stage.retention = audit_retention_open(&stage.fixture->service, 0);
    assert_int_equal(run_at(30000), 0);
    assert_int_equal(first_index(), 0);
    audit_retention_add_floor(NULL, ask_floor, NULL); // A part without retention: nothing.
    assert_int_equal(audit_retention_days(NULL), 0);
}

static void test_an_event_from_the_future_keeps_its_bundle(void **state)
{
    (void)state;
    add_day(1, DAY_EVENTS - 1);
    add_day(50, 1);
    add_day(2, DAY_EVENTS);
    add_day(3, 1);
    assert_int_equal(run_at(40), 0); // Also those behind it: only whole stretches go.
    assert_int_equal(run_at(61), 2 * DAY_EVENTS);
}

// The events that audit has told of itself.
static size_t outbox_head(void)
{
    return (size_t)event_outbox_head(stage.fixture->outbox);
}

static void test_each_run_is_told_once(void **state)
{
    (void)state;
    add_days(12);
    size_t before = outbox_head();
    assert_int_equal(run_at(11), 0);
    assert_int_equal(outbox_head(), before);
    assert_int_equal(run_at(21), 10 * DAY_EVENTS); // Three steps.
    assert_int_equal(outbox_head(), before + 1);
    assert_int_equal(run_at(21), 0);
    assert_int_equal(outbox_head(), before + 1);
}

static struct status put_first(struct store_txn *txn, void *context)
{
    audit_store_put_first(txn, context);
    return STATUS_SUCCESS;
}

static void test_what_a_run_that_died_has_pruned_is_told_by_the_next(void **state)
{
    (void)state;
    add_days(4);
    assert_int_equal(run_at(12), DAY_EVENTS);
    struct audit_first died = {.index = DAY_EVENTS, .told = 0};
    assert_status_ok(store_write_wait(stage.fixture->store, put_first, &died));
    size_t before = outbox_head();
    assert_int_equal(run_at(12), 0);
    assert_int_equal(outbox_head(), before + 1);
    assert_int_equal(run_at(12), 0);
    assert_int_equal(outbox_head(), before + 1);
}

static void assert_nothing_left_of(struct store_txn *txn, uint64_t first)
{
    struct audit_event event;
    uint64_t lowest;
    assert_refused(audit_service_get(txn, 0, &event), "ENTRY_PRUNED");
    assert_refused(audit_service_get(txn, first - 1, &event), "ENTRY_PRUNED");
    assert_status_ok(audit_service_get(txn, first, &event));
    assert_refused(audit_service_get(txn, 100000, &event), "ENTRY_NOT_FOUND");
    assert_status_ok(audit_store_lowest_row(txn, &lowest));
    assert_int_equal(lowest, first);

    // Each entry is found by four rows: none is left of the pruned ones.
    static const enum audit_search_kind kinds[] = {AUDIT_SEARCH_ACTION, AUDIT_SEARCH_ACTOR,
                                                   AUDIT_SEARCH_RESOURCE, AUDIT_SEARCH_USER};
    const struct event_view old = make_event("ledger", 1);
    const char *const names[] = {old.type, old.actor, old.subject, old.actor};
    for (size_t i = 0; i < ROWS(kinds); i++) {
        CLEANUP(audit_store_search_close) struct audit_search search;
        uint64_t index;
        audit_store_search_open(txn, kinds[i], bytes_of_text(names[i]), UINT64_MAX, &search);
        while (audit_store_search_next(&search, &index))
            assert_true(index >= first);
    }
}

static void test_hashes_stay_and_everything_else_is_gone(void **state)
{
    struct fixture *fixture = *state;

    enum { FIRST = 2 * DAY_EVENTS, SIZE = 4 * DAY_EVENTS };

    add_days(4);
    struct merkle_hash leaves[SIZE];
    struct store_txn *txn = begin(fixture);
    for (uint64_t index = 0; index < SIZE; index++) {
        struct audit_event event;
        assert_status_ok(audit_service_get(txn, index, &event));
        leaves[index] = event.leaf;
    }
    store_snapshot_end(&txn);
    assert_int_equal(run_at(13), FIRST);
    reopen_log(fixture); // Its check counts entries.

    struct arena *arena = arena_open(1 << 20);
    txn = begin(fixture);
    assert_nothing_left_of(txn, FIRST);
    for (uint64_t index = 0; index < SIZE; index++) {
        struct audit_proof proof;
        assert_status_ok(audit_service_prove(txn, index, &proof));
        assert_true(merkle_hash_equal(&proof.leaf, &leaves[index]));
    }
    struct bytes bytes;
    struct tlog_tile tile = {.index = 1, .width = TLOG_TILE_WIDTH};
    assert_status_ok(audit_tiles_get(txn, &tile, SIZE, arena, &bytes));
    tile.entries = true;
    assert_refused(audit_tiles_get(txn, &tile, SIZE, arena, &bytes), "ENTRY_PRUNED");
    tile.index = 2;
    assert_status_ok(audit_tiles_get(txn, &tile, SIZE, arena, &bytes));
    store_snapshot_end(&txn);
    arena_close(&arena);
    assert_status_ok(accept(fixture, "ledger", SIZE + 1, 10)); // And it goes on.
}

static void test_lists_end_at_the_first_entry_that_is_kept(void **state)
{
    struct fixture *fixture = *state;
    add_days(3);
    assert_int_equal(run_at(12), DAY_EVENTS);
    struct event_view old = make_event("ledger", 1);
    const struct audit_filter filters[] = {{.to_ns = 0}, {.actor = bytes_of_text(old.actor)}};
    for (size_t i = 0; i < ROWS(filters); i++) {
        struct store_txn *txn = begin(fixture);
        CLEANUP(audit_list_end) struct audit_list list;
        assert_status_ok(audit_list_begin(txn, &filters[i], UINT64_MAX, &list));
        enum audit_list_step step;
        uint64_t last = UINT64_MAX;
        for (;;) {
            struct audit_event event;
            assert_status_ok(audit_list_next(&list, &event, &step));
            if (step != AUDIT_LIST_EVENT) break;
            last = event.index;
        }
        assert_int_equal(step, AUDIT_LIST_END);
        assert_true(last >= DAY_EVENTS && last < DAY_EVENTS + 5);
        audit_list_end(&list);
        store_snapshot_end(&txn);
    }
}

static void test_a_lost_beginning_is_not_taken_for_a_pruned_one(void **state)
{
    struct fixture *fixture = *state;
    add_days(3);
    assert_int_equal(run_at(12), DAY_EVENTS);
    // The row says that less was pruned than is gone, or more.
    const uint64_t wrong[] = {0, 2 * DAY_EVENTS};
    for (size_t i = 0; i < ROWS(wrong); i++) {
        struct audit_first first = {.index = wrong[i]};
        assert_status_ok(store_write_wait(fixture->store, put_first, &first));
        close_log(fixture);
        assert_refused(open_log(fixture, ORIGIN), "TREE_CORRUPT");
        // Put right, by the store alone.
        const struct store_schema *schemas[] = {&audit_store_schema, &event_store_schema};
        struct store_config config = {.directory = fixture->store_path,
                                      .map_bytes = UINT64_C(1) << 30};
        assert_status_ok(store_open(&config, schemas, ROWS(schemas), &fixture->store));
        first.index = DAY_EVENTS;
        assert_status_ok(store_write_wait(fixture->store, put_first, &first));
        store_close(&fixture->store);
        assert_status_ok(open_log(fixture, ORIGIN));
    }
}

static void test_the_thread_prunes_by_the_clock(void **state)
{
    (void)state;
    add_days(3);
    clock_test_set(12 * AUDIT_RETENTION_DAY_NS, NS_PER_SECOND);
    audit_retention_start(stage.retention);
    while (first_index() == 0)
        sched_yield();
    audit_retention_stop(stage.retention);
    audit_retention_stop(stage.retention);
    clock_test_release();
    assert_int_equal(first_index(), DAY_EVENTS);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_stage, teardown_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bundles_go_when_their_newest_entry_is_too_old),
        TEST(test_nothing_goes_without_a_retention_or_before_its_first_day),
        TEST(test_an_event_from_the_future_keeps_its_bundle),
        TEST(test_each_run_is_told_once),
        TEST(test_what_a_run_that_died_has_pruned_is_told_by_the_next),
        TEST(test_hashes_stay_and_everything_else_is_gone),
        TEST(test_lists_end_at_the_first_entry_that_is_kept),
        TEST(test_a_lost_beginning_is_not_taken_for_a_pruned_one),
        TEST(test_the_thread_prunes_by_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
