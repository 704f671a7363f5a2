// The promise of ledger_store_settled: nothing is ever added at or before the time it gave.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define NOW TEST_BEGIN_NS

static uint64_t settled(struct fixture *fixture, uint64_t now_ns)
{
    uint64_t settled_ns = 0;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_store_settled(fixture->service.ledger, txn, now_ns, &settled_ns));
    return settled_ns;
}

struct entry {
    uint64_t wall_ns;  // What the clock says when it is made.
    uint64_t given_ns; // The time it was given.
    struct status answer;
};

/// Gives out one ledger time, as whoever posts does.
static struct status run_entry(struct store_txn *txn, void *context)
{
    struct entry *entry = context;
    struct ledger_state state;
    uint64_t earliest_ns = ledger_store_mark_writing(txn);
    uint64_t wall_ns = entry->wall_ns > earliest_ns ? entry->wall_ns : earliest_ns;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    entry->given_ns = state.last_time_ns = ledger_time_next(wall_ns, state.last_time_ns);
    ledger_store_put_state(txn, &state);
    return entry->answer;
}

static uint64_t add_entry(struct fixture *fixture, uint64_t wall_ns)
{
    struct entry entry = {.wall_ns = wall_ns};
    run_job(fixture, run_entry, &entry);
    return entry.given_ns;
}

struct expiry {
    uint64_t at_ns, number;
    bool is_dropped;
};

static struct status run_expiry(struct store_txn *txn, void *context)
{
    const struct expiry *expiry = context;
    if (expiry->is_dropped)
        ledger_store_drop_expiry(txn, expiry->at_ns, expiry->number);
    else
        ledger_store_put_expiry(txn, expiry->at_ns, expiry->number);
    return STATUS_SUCCESS;
}

static void test_settled_times(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(settled(fixture, 0), 0);     // An empty ledger, and no clock.
    assert_int_equal(settled(fixture, NOW), NOW); // Nothing is being written.
    assert_int_equal(settled(fixture, NOW - 9), NOW - 9);
    assert_int_equal(add_entry(fixture, NOW), NOW + 1); // NOW was promised.
    assert_int_equal(settled(fixture, NOW), NOW + 1);   // Never before the last time.
    assert_int_equal(settled(fixture, NOW + 100), NOW + 100);

    assert_int_equal(add_entry(fixture, NOW + 50), NOW + 101); // The clock went back.
    assert_int_equal(add_entry(fixture, NOW + 500), NOW + 500);

    // What is due and has not come yet comes with the time it was due.
    struct expiry expiry = {NOW + 1000, 7, false};
    run_job(fixture, run_expiry, &expiry);
    assert_int_equal(settled(fixture, NOW + 999), NOW + 999);
    assert_int_equal(settled(fixture, NOW + 1000), NOW + 999);
    assert_int_equal(settled(fixture, NOW + 5000), NOW + 999);
    // Its own very time was taken: it comes later, and what is there is there.
    assert_int_equal(add_entry(fixture, NOW + 1000), NOW + 1000);
    assert_int_equal(settled(fixture, NOW + 5000), NOW + 1000);
    expiry.is_dropped = true;
    run_job(fixture, run_expiry, &expiry);
    assert_int_equal(settled(fixture, NOW + 5000), NOW + 5000);
}

// A snapshot that is older than the last commit cannot speak for what came after it.
static void test_an_old_snapshot_promises_its_own_last_time(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last_ns = add_entry(fixture, NOW), settled_ns;
    CLEANUP(end_read) struct store_txn *old = read_store(fixture);
    add_entry(fixture, NOW + 10);
    assert_status_ok(ledger_store_settled(fixture->service.ledger, old, NOW + 100, &settled_ns));
    assert_int_equal(settled_ns, last_ns);
}

struct open_group {
    struct fixture *fixture;
    struct entry entry;
    uint64_t settled_ns;
};

static struct status run_and_look(struct store_txn *txn, void *context)
{
    struct open_group *group = context;
    RETURN_IF_ERROR(run_entry(txn, &group->entry));
    group->settled_ns = settled(group->fixture, NOW + 100); // By another snapshot, meanwhile.
    return group->entry.answer;
}

static void test_while_a_group_is_under_way(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last_ns = add_entry(fixture, NOW);
    struct open_group group = {.fixture = fixture, .entry.wall_ns = NOW + 10};
    run_job(fixture, run_and_look, &group);
    assert_int_equal(group.settled_ns, last_ns);
    assert_int_equal(settled(fixture, NOW + 200), NOW + 200); // It is over.

    // A refusal ends nothing, but its group's end does.
    group.entry.answer = REFUSE(FAILED_PRECONDITION, CHANGED_ITS_MIND, "after all");
    assert_refused(store_write_wait(fixture->store, run_and_look, &group), "CHANGED_ITS_MIND");
    assert_int_equal(settled(fixture, NOW + 300), NOW + 300);
}

// ---- Many at once -------------------------------------------------------------------------------

enum { READERS = 3, PROMISES = 20000, ENTRIES = 1500 };

struct promise {
    uint64_t last_ns, settled_ns;
};

struct race {
    struct fixture *fixture;
    _Atomic uint64_t clock_ns; // Everybody's clock; sometimes it goes back.
    atomic_bool is_over;
    struct promise promises[READERS][PROMISES];
    size_t promise_count[READERS];
    uint64_t given_ns[ENTRIES];
};

struct reader {
    struct race *race;
    size_t index;
    pthread_t thread;
};

static void *read_promises(void *context)
{
    struct reader *reader = context;
    struct race *race = reader->race;
    size_t count = 0;
    while (count < PROMISES && !atomic_load(&race->is_over)) {
        struct store_txn *txn;
        struct ledger_state state;
        struct promise *promise = &race->promises[reader->index][count];
        CHECK(status_ok(store_snapshot_begin(race->fixture->store, &txn)));
        CHECK(status_ok(ledger_store_get_state(txn, &state)));
        promise->last_ns = state.last_time_ns;
        CHECK(status_ok(ledger_store_settled(race->fixture->service.ledger, txn,
                                             atomic_fetch_add(&race->clock_ns, 3),
                                             &promise->settled_ns)));
        store_snapshot_end(&txn);
        CHECK(promise->settled_ns >= promise->last_ns);
        count += promise->settled_ns > promise->last_ns; // The others are kept by any ledger.
    }
    reader->race->promise_count[reader->index] = count;
    return NULL;
}

struct race_entries {
    struct race *race;
    size_t first, count;
    bool is_refused;
};

static struct status run_race_entries(struct store_txn *txn, void *context)
{
    const struct race_entries *entries = context;
    for (size_t i = 0; i < entries->count; i++) {
        (void)ledger_store_mark_writing(txn); // Before the clock is read.
        struct entry entry = {.wall_ns = atomic_fetch_add(&entries->race->clock_ns, 1)};
        RETURN_IF_ERROR(run_entry(txn, &entry));
        entries->race->given_ns[entries->first + i] = entry.given_ns;
    }
    if (!entries->is_refused) return STATUS_SUCCESS;
    return REFUSE(FAILED_PRECONDITION, CHANGED_ITS_MIND, "after times were given out");
}

static void write_entries(struct race *race)
{
    for (size_t written = 0; written < ENTRIES;) {
        struct race_entries entries = {race, written, 1 + random_below(3), random_below(4) == 0};
        if (entries.count > ENTRIES - written) entries.count = ENTRIES - written;
        struct status status = store_write_wait(race->fixture->store, run_race_entries, &entries);
        if (status_ok(status)) written += entries.count;
        if (random_below(16) == 0) atomic_fetch_sub(&race->clock_ns, random_below(2000));
    }
}

/// The first time given out after the snapshot's last one is after what was promised, too.
static void check_promise(const struct race *race, const struct promise *promise)
{
    size_t from = 0, to = ENTRIES;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (race->given_ns[middle] <= promise->last_ns)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == ENTRIES || race->given_ns[from] > promise->settled_ns) return;
    fail_msg("up to %ju was settled, %ju came after %ju", (uintmax_t)promise->settled_ns,
             (uintmax_t)race->given_ns[from], (uintmax_t)promise->last_ns);
}

static void test_no_promise_is_broken(void **state)
{
    struct race *race = calloc(1, sizeof *race);
    assert_non_null(race);
    race->fixture = *state;
    atomic_init(&race->clock_ns, NOW);
    struct reader readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.race = race, .index = i};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_promises, &readers[i]), 0);
    }
    write_entries(race);
    atomic_store(&race->is_over, true);
    for (size_t i = 1; i < ENTRIES; i++)
        assert_true(race->given_ns[i - 1] < race->given_ns[i]);
    size_t promises = 0;
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        for (size_t j = 0; j < race->promise_count[i]; j++)
            check_promise(race, &race->promises[i][j]);
        promises += race->promise_count[i];
    }
    print_message("%zu promises beyond the last time of their snapshot\n", promises);
    free(race);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settled_times),
        TEST(an_old_snapshot_promises_its_own_last_time),
        TEST(while_a_group_is_under_way),
        TEST(no_promise_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
