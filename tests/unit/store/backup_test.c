// Backup while writing, restore, verify.
#include "common/base/clock.h"
#include "tests/unit/store/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

enum { FILL_ROWS = 20000 };

static struct status fill(struct store_txn *txn, void *context)
{
    (void)context;
    char key[16];
    uint8_t bytes[8] = {0};
    for (int i = 0; i < FILL_ROWS; i++) {
        snprintf(key, sizeof key, "row %06d", i);
        store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of_text("a value of some length"));
    }
    static const char long_value[100000];
    store_put(txn, TABLE_ROWS, bytes_of_text("long"), bytes_of(long_value, sizeof long_value));
    store_put(txn, TABLE_LOG, bytes_of_text("left"), bytes_of(bytes, sizeof bytes));
    store_put(txn, TABLE_LOG, bytes_of_text("right"), bytes_of(bytes, sizeof bytes));
    return STATUS_SUCCESS;
}

static uint64_t get_number(struct store_txn *txn, const char *key)
{
    struct bytes value;
    CHECK(status_ok(store_get(txn, TABLE_LOG, bytes_of_text(key), &value)));
    return get_u64_be(value.data);
}

static struct status raise_both(struct store_txn *txn, void *context)
{
    uint8_t bytes[8];
    char key[24];
    uint64_t number = get_number(txn, "left") + 1;
    put_u64_be(bytes, number);
    store_put(txn, TABLE_LOG, bytes_of_text("left"), bytes_of(bytes, sizeof bytes));
    store_put(txn, TABLE_LOG, bytes_of_text("right"), bytes_of(bytes, sizeof bytes));
    snprintf(key, sizeof key, "row %06lu", (unsigned long)(number % FILL_ROWS));
    store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of_text("another value, a longer one"));
    *(uint64_t *)context = number;
    return STATUS_SUCCESS;
}

struct writing {
    struct store *store;
    atomic_bool stop;
    atomic_uint_fast64_t acknowledged;
};

static void *write_on(void *context)
{
    struct writing *writing = context;
    while (!atomic_load(&writing->stop)) {
        uint64_t number;
        CHECK(status_ok(store_write_wait(writing->store, raise_both, &number)));
        atomic_store(&writing->acknowledged, number);
    }
    return NULL;
}

static void open_restored(struct fixture *fixture, const char *path)
{
    close_store(fixture);
    memcpy(fixture->path, path, PATH_BYTES);
    assert_ok(open_store(fixture, 0));
}

static void test_a_backup_taken_while_writing_is_one_moment(void **state)
{
    struct fixture *fixture = *state;
    char backup[PATH_BYTES], restored[PATH_BYTES];
    join_path(fixture, "backup", backup);
    join_path(fixture, "restored", restored);
    assert_ok(store_write_wait(fixture->store, fill, NULL));
    struct writing writing = {.store = fixture->store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writing), 0);
    while (atomic_load(&writing.acknowledged) < 3) {
        usleep(1000);
    }
    uint64_t before = atomic_load(&writing.acknowledged), bytes = 0;
    assert_ok(store_backup(fixture->store, backup, 0, &bytes));
    uint64_t after = atomic_load(&writing.acknowledged) + 1;
    atomic_store(&writing.stop, true);
    pthread_join(thread, NULL);
    assert_true(bytes > 500000);
    assert_ok(store_verify(backup));

    uint64_t id = store_id(fixture->store);
    assert_ok(store_restore(backup, restored));
    assert_ok(store_verify(restored));
    open_restored(fixture, restored);
    assert_true(store_id(fixture->store) != id);
    assert_int_equal(count_rows(fixture->store, TABLE_ROWS), FILL_ROWS + 1);
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(fixture->store, &snapshot));
    uint64_t left = get_number(snapshot, "left"), right = get_number(snapshot, "right");
    store_snapshot_end(&snapshot);
    assert_int_equal(left, right);
    assert_true(left >= before && left <= after); // Acknowledged before it began: in it.
    assert_ok(put_row(fixture->store, "life", "goes on"));
}

static void test_a_restored_store_knows_what_it_was(void **state)
{
    struct fixture *fixture = *state;
    uint64_t ids[STORE_FORMER_IDS_MAX + 4], former[STORE_FORMER_IDS_MAX];
    char path[PATH_BYTES], name[32];
    assert_int_equal(store_former_ids(fixture->store, former), 0);
    for (size_t i = 0; i < STORE_FORMER_IDS_MAX + 4; i++) {
        ids[i] = store_id(fixture->store);
        snprintf(name, sizeof name, "copy%zu", i);
        join_path(fixture, name, path);
        close_store(fixture);
        assert_ok(store_restore(fixture->path, path)); // A store that nobody has open is a backup.
        open_restored(fixture, path);
        size_t count = store_former_ids(fixture->store, former);
        assert_int_equal(count, i + 1 < STORE_FORMER_IDS_MAX ? i + 1 : STORE_FORMER_IDS_MAX);
        for (size_t k = 0; k < count; k++)
            assert_true(former[k] == ids[i - k]); // Newest first.
    }
}

static void test_a_throttled_backup_takes_its_time(void **state)
{
    struct fixture *fixture = *state;
    char backup[PATH_BYTES];
    join_path(fixture, "backup", backup);
    assert_ok(store_write_wait(fixture->store, fill, NULL));
    uint64_t begin_ns = clock_mono_ns(), bytes = 0;
    assert_ok(store_backup(fixture->store, backup, 4000000, &bytes));
    // Not slower than: a busy machine may take any time. Never faster.
    assert_true(clock_mono_ns() - begin_ns >= bytes * NS_PER_SECOND / 4000000);
}

static void make_file(const char *directory, const char *name)
{
    char path[2 * PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void test_nothing_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    char backup[PATH_BYTES], target[PATH_BYTES], absent[PATH_BYTES];
    join_path(fixture, "backup", backup);
    join_path(fixture, "target", target);
    join_path(fixture, "absent", absent);
    assert_ok(put_row(fixture->store, "k", "v"));
    assert_ok(store_backup(fixture->store, backup, 0, NULL));
    assert_refused(store_backup(fixture->store, backup, 0, NULL), STATUS_FAILED_PRECONDITION,
                   "BACKUP_EXISTS");
    assert_refused(store_restore(absent, target), STATUS_NOT_FOUND, "STORE_ABSENT");
    assert_refused(store_restore(backup, fixture->path), STATUS_FAILED_PRECONDITION,
                   "STORE_IN_USE");
    assert_refused(store_restore(fixture->path, target), STATUS_FAILED_PRECONDITION,
                   "STORE_IN_USE");
    assert_int_equal(mkdir(target, 0700), 0);
    make_file(target, "something");
    assert_refused(store_restore(backup, target), STATUS_FAILED_PRECONDITION,
                   "DIRECTORY_NOT_EMPTY");
    assert_refused(store_verify(absent), STATUS_NOT_FOUND, "STORE_ABSENT");
    assert_refused(store_verify(target), STATUS_NOT_FOUND, "STORE_ABSENT");
    assert_ok(store_verify(backup));
}

static void test_a_restore_that_was_cut_off_is_not_taken_for_a_new_store(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    make_file(fixture->path, "data.mdb.partial");
    assert_refused(open_store(fixture, 0), STATUS_FAILED_PRECONDITION, "RESTORE_INCOMPLETE");
}

static void test_an_empty_store_and_one_after_many_deletes_back_up_too(void **state)
{
    struct fixture *fixture = *state;
    char first[PATH_BYTES], second[PATH_BYTES];
    join_path(fixture, "first", first);
    join_path(fixture, "second", second);
    assert_ok(store_backup(fixture->store, first, 0, NULL));
    assert_ok(store_verify(first));
    assert_ok(store_write_wait(fixture->store, fill, NULL));
    uint64_t number;
    for (int i = 0; i < 20; i++) {
        assert_ok(store_write_wait(fixture->store, raise_both, &number));
    }
    struct store_stats stats;
    store_get_stats(fixture->store, &stats);
    uint64_t bytes;
    assert_ok(store_backup(fixture->store, second, 0, &bytes));
    assert_true(bytes <= stats.bytes_used); // Free pages stay behind.
    assert_ok(store_verify(second));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_store, teardown)
#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_backup_taken_while_writing_is_one_moment),
        STORE_TEST(test_a_restored_store_knows_what_it_was),
        STORE_TEST(test_a_throttled_backup_takes_its_time),
        STORE_TEST(test_nothing_is_overwritten),
        DIRECTORY_TEST(test_a_restore_that_was_cut_off_is_not_taken_for_a_new_store),
        STORE_TEST(test_an_empty_store_and_one_after_many_deletes_back_up_too),
    };
    return cmocka_run_group_tests_name("store backup", tests, NULL, NULL);
}
