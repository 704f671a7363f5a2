// Those who follow the log: every entry takes effect once, whatever dies in between.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/audit/follower.h"
#include "services/audit/record_follower.h"
#include "services/audit/store_follower.h"
#include "services/audit/tables.h"
#include "tests/unit/audit/fixture.h"

#include <stdatomic.h>
#include <unistd.h>

enum { WAIT_MS = 20000, NOBODY_REFUSES = -1 };

/// A follower that writes down how often it was given each entry: under its letter and the index.
struct book {
    char letter;
    const char *action;        // Wanted; NULL: all.
    atomic_int refuse_at;      // The index that it cannot take.
    atomic_size_t takes, seen; // Of the runs of take, and the events they were given.
    uint64_t serial_of_entry;  // The job that took `watched`.
    uint64_t watched;
};

static struct bytes row_key(char letter, uint64_t index, uint8_t ret[static 9])
{
    ret[0] = (uint8_t)letter;
    put_u64_be(ret + 1, index);
    return bytes_of(ret, 9);
}

static bool wants(void *context, const struct audit_entry *entry)
{
    const struct book *book = context;
    return bytes_equal(entry->action, bytes_of_text(book->action));
}

static struct status take(void *context, struct store_txn *txn, const struct audit_event *events,
                          size_t count)
{
    struct book *book = context;
    atomic_fetch_add(&book->takes, 1);
    CHECK(count > 0 && count <= AUDIT_FOLLOWER_EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint8_t key[9], value = 1;
        struct bytes row;
        // Whole: the entry, its leaf and what stands beside it.
        struct merkle_hash leaf;
        merkle_leaf(events[i].bytes, &leaf);
        CHECK(merkle_hash_equal(&leaf, &events[i].leaf));
        CHECK(events[i].side.client_ip.size > 0);
        if (events[i].index == (uint64_t)atomic_load(&book->refuse_at))
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "cannot be taken");
        if (events[i].index == book->watched) book->serial_of_entry = store_txn_serial(txn);
        if (status_ok(store_get(txn, AUDIT_TABLE_COUNTS,
                                row_key(book->letter, events[i].index, key), &row)))
            value = (uint8_t)(row.data[0] + 1);
        store_put(txn, AUDIT_TABLE_COUNTS, bytes_of(key, sizeof key), bytes_of(&value, 1));
    }
    atomic_fetch_add(&book->seen, count);
    return STATUS_SUCCESS;
}

static char names[2][2] = {"a", "b"};
static const char *const labels[2] = {"follower=\"a\"", "follower=\"b\""};
static struct book books[2];
static struct audit_followers *followers;

static int setup_books(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        books[i] = (struct book){.letter = names[i][0], .watched = UINT64_MAX};
        atomic_store(&books[i].refuse_at, NOBODY_REFUSES);
    }
    return setup(state);
}

// ---- Steps ---------------------------------------------------------------------------------

static void start(struct fixture *fixture, size_t book_count)
{
    followers = audit_followers_open(fixture->store, fixture->service.tail);
    for (size_t i = 0; i < book_count; i++) {
        audit_followers_add(followers,
                            &(struct audit_follower){.name = names[i],
                                                     .wants = books[i].action ? wants : NULL,
                                                     .take = take,
                                                     .metric_labels = labels[i],
                                                     .context = &books[i]});
    }
    assert_status_ok(audit_followers_start(followers));
}

static void stop(struct fixture *fixture)
{
    audit_tail_stop(fixture->service.tail);
    audit_followers_stop(followers);
    audit_followers_close(&followers);
}

static uint64_t stored_cursor(struct fixture *fixture, const char *name)
{
    uint64_t cursor = 0;
    struct store_txn *txn = begin(fixture);
    assert_status_ok(audit_follower_cursor(txn, name, &cursor));
    store_snapshot_end(&txn);
    return cursor;
}

static void wait_for_cursor(struct fixture *fixture, const char *name, uint64_t cursor)
{
    for (int i = 0; i < WAIT_MS && stored_cursor(fixture, name) < cursor; i++)
        usleep(1000);
    assert_int_equal(stored_cursor(fixture, name), cursor);
}

static void wait_until_stopped(void)
{
    const char *detail;
    for (int i = 0; i < WAIT_MS && audit_followers_serving(followers, &detail); i++)
        usleep(1000);
    assert_false(audit_followers_serving(followers, &detail));
}

// What the store says at this moment, as a crash would leave it: each wanted entry below the cursor
// was taken once, and none from there on.
static void check_books(struct fixture *fixture, size_t book_count)
{
    struct store_txn *txn = begin(fixture);
    struct merkle_frontier head;
    assert_status_ok(audit_store_get_head(txn, &head));
    for (size_t i = 0; i < book_count; i++) {
        uint64_t cursor;
        assert_status_ok(audit_follower_cursor(txn, names[i], &cursor));
        assert_true(cursor <= head.size);
        for (uint64_t index = 0; index < head.size; index++) {
            uint8_t key[9];
            struct bytes row, bytes;
            struct audit_entry entry;
            assert_status_ok(audit_store_get_entry(txn, index, &bytes));
            assert_status_ok(audit_entry_decode(bytes, &entry));
            bool is_taken = status_ok(
                store_get(txn, AUDIT_TABLE_COUNTS, row_key(names[i][0], index, key), &row));
            bool is_wanted = books[i].action == NULL || wants(&books[i], &entry);
            if (is_taken != (is_wanted && index < cursor))
                fail_msg("%s at %llu: entry %llu", names[i], (unsigned long long)cursor,
                         (unsigned long long)index);
            if (is_taken) assert_int_equal(row.data[0], 1);
        }
    }
    store_snapshot_end(&txn);
}

// ---- Tests ---------------------------------------------------------------------------------

static void test_each_entry_takes_effect_once_across_restarts(void **state)
{
    struct fixture *fixture = *state;
    books[1].action = "ledger.transfer.created";
    static const size_t steps[] = {1, 2, 30, 513, 700, 1, 512, 3};
    uint64_t seq = 1;
    for (size_t i = 0; i < ROWS(steps); i++) {
        assert_status_ok(accept(fixture, "ledger", seq, steps[i]));
        seq += steps[i];
        start(fixture, 2);
        // Stopped wherever it happens to be; at the end of all.
        if (i % 2 == 1) wait_for_cursor(fixture, names[0], seq - 1);
        stop(fixture);
        check_books(fixture, 2);
        reopen_log(fixture);
        check_books(fixture, 2);
    }
    start(fixture, 2);
    wait_for_cursor(fixture, names[0], seq - 1);
    wait_for_cursor(fixture, names[1], seq - 1);
    check_books(fixture, 2);
    stop(fixture);
}

static void test_what_is_durable_is_right_at_every_moment(void **state)
{
    struct fixture *fixture = *state;

    enum { STEPS = 60, EVENTS = 37 };

    start(fixture, 2);
    for (uint64_t i = 0; i < STEPS; i++) {
        assert_status_ok(accept(fixture, "auth", 1 + i * EVENTS, EVENTS));
        check_books(fixture, 2);
    }
    wait_for_cursor(fixture, names[0], STEPS * EVENTS);
    check_books(fixture, 2);
    // Many at a time, not one by one.
    assert_true(atomic_load(&books[0].takes) < STEPS * EVENTS / 4);
    stop(fixture);
}

static void test_large_events_come_in_smaller_stretches(void **state)
{
    struct fixture *fixture = *state;

    enum { EVENTS = 300 };

    static uint8_t payload[EVENT_PAYLOAD_BYTES_MAX];
    static struct event_view events[EVENTS];
    for (uint64_t i = 0; i < EVENTS; i++) {
        events[i] = make_event("ledger", i + 1);
        events[i].payload = bytes_of(payload, sizeof payload);
    }
    assert_status_ok(accept_views(fixture, "ledger", FIXTURE_LOG_ID, events, EVENTS));
    start(fixture, 1);
    wait_for_cursor(fixture, names[0], EVENTS);
    assert_true(atomic_load(&books[0].takes) > 1);
    check_books(fixture, 1);
    stop(fixture);
}

static void test_a_new_follower_begins_at_the_beginning_and_is_joined(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "auth", 1, 300));
    start(fixture, 1);
    wait_for_cursor(fixture, names[0], 300);
    stop(fixture);
    reopen_log(fixture);
    assert_status_ok(accept(fixture, "auth", 301, 100));
    books[0].watched = books[1].watched = 350;
    start(fixture, 2);
    wait_for_cursor(fixture, names[0], 400);
    wait_for_cursor(fixture, names[1], 400);
    check_books(fixture, 2);
    assert_int_equal(atomic_load(&books[0].seen), 400);
    assert_int_equal(atomic_load(&books[1].seen), 400);
    // From where both stand they are one job.
    assert_int_equal(books[0].serial_of_entry, books[1].serial_of_entry);
    stop(fixture);
}

static uint64_t commits(struct fixture *fixture)
{
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    return stats.commits;
}

static void test_a_cursor_that_moves_over_nothing_is_written_lazily(void **state)
{
    struct fixture *fixture = *state;
    books[0].action = "nobody.does.this";
    start(fixture, 1);
    uint64_t before = commits(fixture), began_ns = clock_mono_ns();
    for (uint64_t i = 0; i < 20; i++)
        assert_status_ok(accept(fixture, "auth", 1 + i, 1));
    if (clock_mono_ns() - began_ns < 500 * NS_PER_MS) // The machine was not asleep meanwhile.
        assert_int_equal(commits(fixture), before + 20);
    wait_for_cursor(fixture, names[0], 20); // Within 1 s and a little.
    // Of many entries at once.
    for (uint64_t i = 0; i < 5; i++)
        assert_status_ok(accept(fixture, "auth", 21 + i * 1000, 1000));
    wait_for_cursor(fixture, names[0], 5020);
    assert_int_equal(atomic_load(&books[0].takes), 0);
    stop(fixture);
}

static void test_it_stops_promptly_while_it_waits(void **state)
{
    struct fixture *fixture = *state;
    size_t prompt = 0; // A busy machine delays one or the other; its own waits are of a second.
    for (uint64_t i = 0; i < 5; i++) {
        assert_status_ok(accept(fixture, "auth", 1 + 3 * i, 3));
        start(fixture, 1);
        wait_for_cursor(fixture, names[0], 3 + 3 * i);
        uint64_t began_ns = clock_mono_ns();
        stop(fixture);
        prompt += clock_mono_ns() - began_ns < 500 * NS_PER_MS; // In fact below 1 ms.
        reopen_log(fixture);
    }
    assert_true(prompt >= 3);
}

static void test_one_that_refuses_stops_and_the_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    const char *detail = NULL;
    assert_status_ok(accept(fixture, "auth", 1, 100));
    atomic_store(&books[0].refuse_at, 60);
    start(fixture, 2);
    wait_until_stopped();
    wait_for_cursor(fixture, names[1], 100);
    assert_status_ok(accept(fixture, "auth", 101, 20));
    wait_for_cursor(fixture, names[1], 120);
    assert_false(audit_followers_serving(followers, &detail));
    assert_string_equal(detail, "a stopped before entry 0: RECORD_CORRUPT");
    assert_int_equal(stored_cursor(fixture, names[0]), 0);
    check_books(fixture, 2);
    stop(fixture);

    reopen_log(fixture);
    atomic_store(&books[0].refuse_at, NOBODY_REFUSES); // It was mended.
    start(fixture, 2);
    wait_for_cursor(fixture, names[0], 120);
    assert_true(audit_followers_serving(followers, &detail));
    check_books(fixture, 2);
    stop(fixture);
}

static uint64_t lag_of(size_t which)
{
    return metric_value(metric_gauge("florin_audit_follower_lag", "", labels[which]));
}

static void wait_for_lag(size_t which, uint64_t lag)
{
    for (int i = 0; i < WAIT_MS && lag_of(which) != lag; i++)
        usleep(1000);
    assert_int_equal(lag_of(which), lag);
}

// Whoever watches the lag sees that one has stopped, also when all have.
static void test_the_lag_of_one_that_stopped_grows_with_the_log(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, 2);
    assert_status_ok(accept(fixture, "auth", 1, 10));
    wait_for_cursor(fixture, names[0], 10);
    wait_for_lag(0, 0);
    atomic_store(&books[0].refuse_at, 10);
    assert_status_ok(accept(fixture, "auth", 11, 5));
    wait_for_cursor(fixture, names[1], 15);
    wait_for_lag(0, 5);
    assert_status_ok(accept(fixture, "auth", 16, 5));
    wait_for_lag(0, 10);
    wait_for_lag(1, 0);
    atomic_store(&books[1].refuse_at, 20);
    assert_status_ok(accept(fixture, "auth", 21, 5));
    wait_for_lag(1, 5);
    assert_status_ok(accept(fixture, "auth", 26, 5));
    wait_for_lag(0, 20);
    wait_for_lag(1, 10);
    stop(fixture);
}

static void test_nobody_passes_a_damaged_entry(void **state)
{
    struct fixture *fixture = *state;
    uint8_t key[AUDIT_INDEX_KEY_BYTES]; // Below: the length of the last commitment.
    assert_status_ok(accept(fixture, "auth", 1, 20));
    tamper(fixture, AUDIT_TABLE_ENTRIES - STORE_TABLE_SERVICE_FIRST, audit_index_key(7, key), 32);
    assert_status_ok(open_log(fixture, ORIGIN));
    const char *detail = NULL;
    start(fixture, 2);
    wait_until_stopped();
    assert_false(audit_followers_serving(followers, &detail));
    assert_string_equal(detail, "a stopped before entry 7: ENTRY_CORRUPT");
    assert_int_equal(stored_cursor(fixture, names[0]), 7);
    assert_int_equal(atomic_load(&books[0].seen), 7);
    stop(fixture);
}

static struct status run_prune(struct store_txn *txn, void *context)
{
    (void)context;
    for (uint64_t index = 0; index < 10; index++)
        audit_store_delete_entry(txn, index, NULL, 0);
    audit_store_put_first(txn, &(struct audit_first){.index = 10});
    return STATUS_SUCCESS;
}

static void test_what_was_pruned_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "auth", 1, 30));
    assert_status_ok(store_write_wait(fixture->store, run_prune, NULL));
    start(fixture, 1);
    wait_for_cursor(fixture, names[0], 30);
    assert_int_equal(atomic_load(&books[0].seen), 20);
    stop(fixture);
}

static struct status run_advance(struct store_txn *txn, void *context)
{
    (void)context;
    audit_store_put_cursor(txn, names[0], 4);
    return STATUS_SUCCESS;
}

static void test_a_cursor_beyond_the_log_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(accept(fixture, "auth", 1, 3));
    assert_status_ok(store_write_wait(fixture->store, run_advance, NULL));
    followers = audit_followers_open(fixture->store, fixture->service.tail);
    audit_followers_add(followers, &(struct audit_follower){.name = names[0], .take = take});
    assert_refused(audit_followers_start(followers), "CURSOR_BEYOND_LOG");
    audit_followers_close(&followers);
}

static struct status decode_cursor(struct bytes record)
{
    uint64_t index;
    return audit_cursor_decode(record, &index);
}

static void test_cursor_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_CURSOR_BYTES];
    uint64_t index = 0;
    struct bytes record = audit_cursor_encode(0x0102, bytes);
    golden_assert_record("audit", "cursor_v1.hex", record, decode_cursor, "RECORD_CORRUPT");
    assert_status_ok(audit_cursor_decode(record, &index));
    assert_int_equal(index, 0x0102);
}

#define FOLLOWER_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_books, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLLOWER_TEST(test_each_entry_takes_effect_once_across_restarts),
        FOLLOWER_TEST(test_what_is_durable_is_right_at_every_moment),
        FOLLOWER_TEST(test_large_events_come_in_smaller_stretches),
        FOLLOWER_TEST(test_a_new_follower_begins_at_the_beginning_and_is_joined),
        FOLLOWER_TEST(test_a_cursor_that_moves_over_nothing_is_written_lazily),
        FOLLOWER_TEST(test_it_stops_promptly_while_it_waits),
        FOLLOWER_TEST(test_one_that_refuses_stops_and_the_others_go_on),
        FOLLOWER_TEST(test_the_lag_of_one_that_stopped_grows_with_the_log),
        FOLLOWER_TEST(test_nobody_passes_a_damaged_entry),
        FOLLOWER_TEST(test_what_was_pruned_is_passed_over),
        FOLLOWER_TEST(test_a_cursor_beyond_the_log_is_refused),
        cmocka_unit_test(test_cursor_v1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
