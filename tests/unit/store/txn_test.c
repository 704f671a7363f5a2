// Rows, cursors and snapshots: what a transaction sees.
#include "tests/unit/store/fixture.h"

#include <pthread.h>

static struct bytes text(const char *value)
{
    return bytes_of_text(value);
}

// ---- Rows ----------------------------------------------------------------------------------

static struct status write_and_read_own(struct store_txn *txn, void *context)
{
    (void)context;
    struct bytes value;
    assert_refused(store_get(txn, TABLE_ROWS, text("a"), &value), STATUS_NOT_FOUND,
                   "ROW_NOT_FOUND");
    store_put(txn, TABLE_ROWS, text("a"), text("1"));
    store_put(txn, TABLE_ROWS, text("a"), text("2")); // Replaces.
    store_put(txn, TABLE_ROWS, text("gone"), text("x"));
    store_delete(txn, TABLE_ROWS, text("gone"));
    store_delete(txn, TABLE_ROWS, text("never there"));
    store_put(txn, TABLE_ROWS, text("empty"), bytes_of(NULL, 0));
    assert_ok(store_get(txn, TABLE_ROWS, text("a"), &value));
    assert_true(bytes_equal(value, text("2")));
    assert_false(store_has(txn, TABLE_ROWS, text("gone")));
    assert_false(store_has(txn, TABLE_LOG, text("a"))); // Tables are apart.
    assert_ok(store_get(txn, TABLE_ROWS, text("empty"), &value));
    assert_int_equal(value.size, 0);
    return store_txn_status(txn);
}

static void test_a_transaction_sees_its_own_writes_and_they_survive_a_reopen(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_write_wait(fixture->store, write_and_read_own, NULL));
    reopen_store(fixture);
    assert_row(fixture->store, "a", "2");
    assert_row(fixture->store, "gone", NULL);
    assert_row(fixture->store, "empty", "");
}

static struct status write_long_key(struct store_txn *txn, void *context)
{
    store_put(txn, TABLE_ROWS, bytes_of(context, STORE_KEY_BYTES_MAX), text("long"));
    return STATUS_SUCCESS;
}

static void test_keys_up_to_the_limit_are_rows_and_beyond_it_are_absent(void **state)
{
    struct fixture *fixture = *state;
    char key[STORE_KEY_BYTES_MAX + 1];
    memset(key, 'k', sizeof key);
    assert_ok(store_write_wait(fixture->store, write_long_key, key));
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(fixture->store, &snapshot));
    assert_true(store_has(snapshot, TABLE_ROWS, bytes_of(key, STORE_KEY_BYTES_MAX)));
    assert_false(store_has(snapshot, TABLE_ROWS, bytes_of(key, STORE_KEY_BYTES_MAX + 1)));
    assert_false(store_has(snapshot, TABLE_ROWS, bytes_of(key, 0)));
    store_snapshot_end(&snapshot);
}

static struct status append_three(struct store_txn *txn, void *context)
{
    const char *const *keys = context;
    for (size_t i = 0; i < 3; i++) {
        store_append(txn, TABLE_LOG, text(keys[i]), text("entry"));
    }
    return STATUS_SUCCESS;
}

static void append_in_child(void *context)
{
    struct fixture *fixture = ((void **)context)[0];
    if (!status_ok(open_store(fixture, 0))) _exit(1);
    (void)!status_ok(store_write_wait(fixture->store, append_three, ((void **)context)[1]));
    _exit(2);
}

static void test_append_takes_rising_keys_and_anything_else_is_our_own_bug(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_write_wait(fixture->store, append_three, (const char *[]){"a", "b", "c"}));
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 3);
    close_store(fixture);
    assert_aborts(append_in_child, (void *[]){fixture, (const char *[]){"d", "f", "e"}});
    assert_aborts(append_in_child, (void *[]){fixture, (const char *[]){"d", "d", "e"}});
    assert_ok(open_store(fixture, 0));
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 3);
}

// ---- Cursors -------------------------------------------------------------------------------

static void fill(struct store *store, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_ok(put_row(store, keys[i], keys[i]));
    }
}

static bool seek(struct store_cursor *cursor, const char *key)
{
    return store_cursor_seek(cursor, bytes_of_text(key));
}

static bool seek_before(struct store_cursor *cursor, const char *key)
{
    return store_cursor_seek_before(cursor, bytes_of_text(key));
}

static void test_a_cursor_finds_its_place(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture->store, (const char *[]){"b", "d", "f"}, 3);

    // clang-format off
    static const struct {
        bool (*move)(struct store_cursor *, const char *);
        const char *key, *found;
    } rows[] = {
        {seek,        "a", "b"},  {seek,        "b", "b"},  {seek,        "c", "d"},
        {seek,        "f", "f"},  {seek,        "g", NULL}, {seek,        "",  "b"},
        {seek_before, "a", NULL}, {seek_before, "b", NULL}, {seek_before, "c", "b"},
        {seek_before, "d", "b"},  {seek_before, "f", "d"},  {seek_before, "g", "f"},
    };
    // clang-format on
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(fixture->store, &snapshot));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(snapshot, TABLE_ROWS, &cursor);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool found = rows[i].move(&cursor, rows[i].key);
        assert_int_equal(found, rows[i].found != NULL);
        if (found) assert_true(bytes_equal(cursor.key, text(rows[i].found)));
        if (found) assert_true(bytes_equal(cursor.value, text(rows[i].found)));
    }
    store_cursor_close(&cursor);
    store_cursor_close(&cursor); // Idempotent.
    store_snapshot_end(&snapshot);
    store_snapshot_end(&snapshot);
}

static void test_a_cursor_walks_both_ways_and_stops_at_the_ends(void **state)
{
    struct fixture *fixture = *state;
    struct store_txn *snapshot;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    assert_ok(store_snapshot_begin(fixture->store, &snapshot));
    store_cursor_open(snapshot, TABLE_ROWS, &cursor);
    assert_false(store_cursor_first(&cursor)); // Empty table.
    assert_false(store_cursor_last(&cursor));
    assert_false(seek_before(&cursor, "a"));
    store_cursor_close(&cursor);
    store_snapshot_end(&snapshot);

    fill(fixture->store, (const char *[]){"c", "a", "b"}, 3);
    assert_ok(store_snapshot_begin(fixture->store, &snapshot));
    store_cursor_open(snapshot, TABLE_ROWS, &cursor);
    char forth[4] = {0}, back[4] = {0};
    size_t count = 0;
    for (bool found = store_cursor_first(&cursor); found; found = store_cursor_next(&cursor)) {
        forth[count++] = (char)cursor.key.data[0];
    }
    assert_false(store_cursor_next(&cursor));
    count = 0;
    for (bool found = store_cursor_last(&cursor); found; found = store_cursor_prev(&cursor)) {
        back[count++] = (char)cursor.key.data[0];
    }
    assert_string_equal(forth, "abc");
    assert_string_equal(back, "cba");
    store_cursor_close(&cursor);
    store_snapshot_end(&snapshot);
}

static struct status scan_then_write(struct store_txn *txn, void *context)
{
    // A cursor before, during and after the savepoint; another table is written under it.
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, TABLE_ROWS, &cursor);
    size_t *count = context;
    for (bool found = store_cursor_first(&cursor); found; found = store_cursor_next(&cursor)) {
        uint8_t key = cursor.key.data[0]; // Copied: a write may not read from the store.
        store_put(txn, TABLE_LOG, bytes_of(&key, 1), text("seen"));
        ++*count;
    }
    return STATUS_SUCCESS;
}

static void test_a_job_may_scan_one_table_and_write_another(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture->store, (const char *[]){"a", "b", "c"}, 3);
    size_t count = 0;
    assert_ok(store_write_wait(fixture->store, scan_then_write, &count));
    assert_int_equal(count, 3);
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 3);
}

// ---- Snapshots -----------------------------------------------------------------------------

static void test_a_snapshot_keeps_seeing_the_moment_it_began(void **state)
{
    struct fixture *fixture = *state;
    struct store_txn *before, *after;
    struct bytes value;
    assert_ok(put_row(fixture->store, "k", "old"));
    assert_ok(store_snapshot_begin(fixture->store, &before));
    assert_ok(put_row(fixture->store, "k", "new"));
    assert_ok(put_row(fixture->store, "other", "x"));
    assert_ok(store_snapshot_begin(fixture->store, &after));
    assert_ok(store_get(before, TABLE_ROWS, text("k"), &value));
    assert_true(bytes_equal(value, text("old")));
    assert_false(store_has(before, TABLE_ROWS, text("other")));
    assert_ok(store_get(after, TABLE_ROWS, text("k"), &value));
    assert_true(bytes_equal(value, text("new")));
    store_snapshot_end(&before);
    store_snapshot_end(&after);
}

enum { READER_COUNT = 4, MOVE_COUNT = 300 };

struct reading {
    struct store *store;
    atomic_bool stop;
    atomic_int torn, read;
};

static void *read_pairs(void *context)
{
    struct reading *reading = context;
    do {
        struct store_txn *snapshot;
        struct bytes left, right;
        CHECK(status_ok(store_snapshot_begin(reading->store, &snapshot)));
        CHECK(status_ok(store_get(snapshot, TABLE_ROWS, text("left"), &left)));
        CHECK(status_ok(store_get(snapshot, TABLE_ROWS, text("right"), &right)));
        if (get_u64_be(left.data) + get_u64_be(right.data) != 1000000) {
            atomic_fetch_add(&reading->torn, 1);
        }
        atomic_fetch_add(&reading->read, 1);
        store_snapshot_end(&snapshot);
    } while (!atomic_load(&reading->stop));
    return NULL;
}

static struct status move_amount(struct store_txn *txn, void *context)
{
    uint8_t bytes[8];
    uint64_t left = *(uint64_t *)context;
    put_u64_be(bytes, left);
    store_put(txn, TABLE_ROWS, text("left"), bytes_of(bytes, sizeof bytes));
    put_u64_be(bytes, 1000000 - left);
    store_put(txn, TABLE_ROWS, text("right"), bytes_of(bytes, sizeof bytes));
    return STATUS_SUCCESS;
}

static void test_readers_never_see_half_a_write(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_write_wait(fixture->store, move_amount, &(uint64_t){0}));
    struct reading reading = {.store = fixture->store};
    pthread_t readers[READER_COUNT];
    for (size_t i = 0; i < READER_COUNT; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_pairs, &reading), 0);
    }
    for (uint64_t i = 1; i <= MOVE_COUNT; i++) {
        assert_ok(store_write_wait(fixture->store, move_amount, &i));
    }
    atomic_store(&reading.stop, true);
    for (size_t i = 0; i < READER_COUNT; i++) {
        pthread_join(readers[i], NULL);
    }
    assert_int_equal(atomic_load(&reading.torn), 0);
    assert_true(atomic_load(&reading.read) >= READER_COUNT);
}

static void test_readers_beyond_the_limit_are_refused_and_the_others_go_on(void **state)
{
    struct fixture *fixture = *state;
    const struct store_schema *schemas[] = {&test_schema};
    struct store_config config = {
        .directory = fixture->path, .map_bytes = 1 << 20, .readers_max = 2};
    assert_ok(store_open(&config, schemas, 1, &fixture->store));
    struct store_txn *snapshots[3] = {0};
    assert_ok(store_snapshot_begin(fixture->store, &snapshots[0]));
    assert_ok(store_snapshot_begin(fixture->store, &snapshots[1]));
    assert_refused(store_snapshot_begin(fixture->store, &snapshots[2]), STATUS_RESOURCE_EXHAUSTED,
                   "READERS_FULL");
    store_snapshot_end(&snapshots[0]);
    assert_ok(store_snapshot_begin(fixture->store, &snapshots[2]));
    for (size_t i = 0; i < 3; i++) {
        store_snapshot_end(&snapshots[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_transaction_sees_its_own_writes_and_they_survive_a_reopen, setup_store,
            teardown),
        cmocka_unit_test_setup_teardown(test_keys_up_to_the_limit_are_rows_and_beyond_it_are_absent,
                                        setup_store, teardown),
        cmocka_unit_test_setup_teardown(
            test_append_takes_rising_keys_and_anything_else_is_our_own_bug, setup_store, teardown),
        cmocka_unit_test_setup_teardown(test_a_cursor_finds_its_place, setup_store, teardown),
        cmocka_unit_test_setup_teardown(test_a_cursor_walks_both_ways_and_stops_at_the_ends,
                                        setup_store, teardown),
        cmocka_unit_test_setup_teardown(test_a_job_may_scan_one_table_and_write_another,
                                        setup_store, teardown),
        cmocka_unit_test_setup_teardown(test_a_snapshot_keeps_seeing_the_moment_it_began,
                                        setup_store, teardown),
        cmocka_unit_test_setup_teardown(test_readers_never_see_half_a_write, setup_store, teardown),
        cmocka_unit_test_setup_teardown(
            test_readers_beyond_the_limit_are_refused_and_the_others_go_on, setup_directory,
            teardown),
    };
    return cmocka_run_group_tests_name("store txn", tests, NULL, NULL);
}
