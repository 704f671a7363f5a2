// No room: the map is full, the disk is full, and a write that fails for another reason.
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum {
    SMALL_COUNT = 8,
    HUGE_BYTES = 4 << 20,
    MAP_BYTES = 1 << 20,
    VALUE_BYTES = 48 * 1024,
    FILE_BYTES_MAX = 256 * 1024
};

static struct store_stats stats_of(struct store *store)
{
    struct store_stats stats;
    store_get_stats(store, &stats);
    return stats;
}

// ---- The map -------------------------------------------------------------------------------

static atomic_int rolled_back_count;

static void count_rolled_back(void *context)
{
    (void)context;
    atomic_fetch_add(&rolled_back_count, 1);
}

static void submit_between_small_ones(struct store *store, struct test_job *small,
                                      struct test_job *huge)
{
    static char keys[2 * SMALL_COUNT][16];
    struct gate gate;
    close_gate(store, &gate);
    for (int i = 0; i < 2 * SMALL_COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "small %02d", i);
        init_job(&small[i], keys[i], "v");
        if (i == SMALL_COUNT) submit_job(store, huge);
        submit_job(store, &small[i]);
    }
    open_gate(&gate);
    for (int i = 0; i < 2 * SMALL_COUNT; i++) {
        wait_job(&small[i]);
    }
    wait_job(huge);
}

static void test_what_does_not_fit_the_map_is_refused_and_the_rest_of_its_group_passes(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_store(fixture, MAP_BYTES));
    atomic_store(&rolled_back_count, 0);
    store_add_hook(fixture->store, &(struct store_hook){.rolled_back = count_rolled_back});
    struct test_job small[2 * SMALL_COUNT], huge;
    init_job(&huge, "huge", "");
    huge.value_bytes = HUGE_BYTES;
    submit_between_small_ones(fixture->store, small, &huge);
    assert_refused(huge.status, STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    for (int i = 0; i < 2 * SMALL_COUNT; i++) {
        assert_ok(small[i].status);
    }
    assert_int_equal(atomic_load(&small[0].run_count), 2); // In the group, then by itself.
    assert_int_equal(atomic_load(&huge.run_count), 2);
    assert_int_equal(stats_of(fixture->store).groups_rerun, 1);
    assert_int_equal(atomic_load(&rolled_back_count), 2); // The group, then the huge job alone.
    assert_row(fixture->store, "huge", NULL);
    // The small ones after it were committed: there is room for what is asked of the store now.
    assert_false(stats_of(fixture->store).is_full);
    assert_true(store_is_writable(fixture->store));

    close_store(fixture); // The operator's way out: a larger map.
    assert_ok(open_store(fixture, UINT64_C(4) * HUGE_BYTES));
    init_job(&huge, "huge", "");
    huge.value_bytes = HUGE_BYTES;
    submit_job(fixture->store, &huge);
    wait_job(&huge);
    assert_ok(huge.status);
    close_store(fixture);
    assert_ok(store_verify(fixture->path));
}

static void test_a_refusal_keeps_its_own_reason_when_its_group_does_not_fit(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_store(fixture, MAP_BYTES));
    struct test_job refused, huge;
    init_job(&refused, "refused", "v");
    refused.refuse = REFUSE(FAILED_PRECONDITION, TEST_REFUSAL, "no");
    init_job(&huge, "huge", "");
    huge.value_bytes = HUGE_BYTES;
    huge.job.refuse_before_change = true;
    struct gate gate;
    close_gate(fixture->store, &gate);
    submit_job(fixture->store, &refused);
    submit_job(fixture->store, &huge);
    open_gate(&gate);
    wait_job(&refused), wait_job(&huge);
    assert_refused(refused.status, STATUS_FAILED_PRECONDITION, "TEST_REFUSAL");
    assert_refused(huge.status, STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    assert_false(huge.job.changed);
}

static void wait_until_writable(struct store *store)
{
    while (!store_is_writable(store)) { // Asking makes the store try.
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void test_readiness_returns_without_anyone_writing(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_store(fixture, MAP_BYTES));
    struct test_job huge;
    init_job(&huge, "huge", "");
    huge.value_bytes = HUGE_BYTES;
    submit_job(fixture->store, &huge);
    wait_job(&huge);
    assert_refused(huge.status, STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    assert_true(stats_of(fixture->store).is_full);
    assert_false(store_is_writable(fixture->store));
    wait_until_writable(fixture->store);
}

static struct status write_after_failure(struct store_txn *txn, void *context)
{
    struct bytes value, big = bytes_of(context, HUGE_BYTES);
    store_put(txn, TABLE_ROWS, bytes_of_text("a"), bytes_of_text("b"));
    store_put(txn, TABLE_ROWS, bytes_of_text("huge"), big);
    assert_refused(store_txn_status(txn), STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    // What follows does nothing and says why.
    store_put(txn, TABLE_ROWS, bytes_of_text("c"), bytes_of_text("d"));
    store_append(txn, TABLE_LOG, bytes_of_text("c"), bytes_of_text("d"));
    store_delete(txn, TABLE_ROWS, bytes_of_text("a"));
    assert_refused(store_get(txn, TABLE_ROWS, bytes_of_text("a"), &value),
                   STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, TABLE_ROWS, &cursor);
    assert_false(store_cursor_first(&cursor));
    return STATUS_SUCCESS; // The sticky status is the answer.
}

static void test_the_first_failed_write_sticks_to_its_job(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(open_store(fixture, MAP_BYTES));
    char *big = calloc(1, HUGE_BYTES);
    assert_refused(store_write_wait(fixture->store, write_after_failure, big),
                   STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    free(big);
    assert_int_equal(count_rows(fixture->store, TABLE_ROWS), 0);
}

// ---- The disk ------------------------------------------------------------------------------

static int setup_small_disk(void **state)
{
    setup_directory(state);
    struct fixture *fixture = *state;
    char disk[PATH_BYTES];
    join_path(fixture, "disk", disk);
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=1m") != 0) {
        fixture->path[0] = '\0';
    } else {
        join_path(fixture, "disk/store", fixture->path);
    }
    return 0;
}

static int teardown_small_disk(void **state)
{
    struct fixture *fixture = *state;
    char disk[PATH_BYTES];
    join_path(fixture, "disk", disk);
    close_store(fixture);
    if (fixture->path[0] != '\0') umount(disk);
    return teardown(state);
}

static int fill_disk(struct store *store, struct status *ret)
{
    static char keys[64][16];
    for (int i = 0; i < 64; i++) {
        struct test_job job;
        snprintf(keys[i], sizeof keys[i], "%d", i);
        init_job(&job, keys[i], "");
        job.value_bytes = VALUE_BYTES;
        submit_job(store, &job);
        wait_job(&job);
        *ret = job.status;
        if (!status_ok(job.status)) return i;
    }
    return 64;
}

static void test_a_full_disk_refuses_writes_keeps_reads_and_recovers(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->path[0] == '\0') {
        print_message("not permitted to mount a small tmpfs: skipped\n");
        skip();
    }
    assert_ok(open_store(fixture, 0));
    struct status status;
    int acknowledged = fill_disk(fixture->store, &status);
    assert_true(acknowledged > 3 && acknowledged < 64);
    assert_refused(status, STATUS_RESOURCE_EXHAUSTED, "STORE_FULL");
    assert_true(stats_of(fixture->store).is_full);
    assert_int_equal(count_rows(fixture->store, TABLE_ROWS), acknowledged);
    assert_int_equal(fill_disk(fixture->store, &status), 0); // Overwriting needs fresh pages too.
    assert_int_equal(count_rows(fixture->store, TABLE_ROWS), acknowledged);

    char disk[PATH_BYTES];
    join_path(fixture, "disk", disk);
    assert_int_equal(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    wait_until_writable(fixture->store);
    assert_int_equal(fill_disk(fixture->store, &status), 64);
    reopen_store(fixture);
    assert_int_equal(count_rows(fixture->store, TABLE_ROWS), 64);
    close_store(fixture);
    assert_ok(store_verify(fixture->path));
}

// ---- Any other failure ---------------------------------------------------------------------

// LMDB's calls come here, because the program's own definition goes before the C library's.
static atomic_int fail_sync, fail_header;

int fdatasync(int fd)
{
    if (atomic_load(&fail_sync) != 0) {
        errno = atomic_load(&fail_sync);
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    enum { SMALLER_THAN_ANY_PAGE = 512 }; // Only a header is written in part.

    if (atomic_load(&fail_header) != 0 && size < SMALLER_THAN_ANY_PAGE) {
        errno = atomic_load(&fail_header);
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

static void write_and_fail(struct fixture *fixture, atomic_int *fail, int error)
{
    if (!status_ok(open_store(fixture, 0))) _exit(1);
    if (!status_ok(put_row(fixture->store, "before", "acknowledged"))) _exit(1);
    atomic_store(fail, error);
    (void)!status_ok(put_row(fixture->store, "lost", "x"));
    _exit(2); // It was answered: whatever the answer, that is wrong.
}

static void fail_a_sync(void *context)
{
    write_and_fail(context, &fail_sync, EIO);
}

static void fail_a_header_with_a_disk_error(void *context)
{
    write_and_fail(context, &fail_header, EIO);
}

static void fail_a_header_with_a_full_disk(void *context)
{
    write_and_fail(context, &fail_header, ENOSPC); // Which header is on disk now? Nobody knows.
}

static void write_beyond_file_limit(void *context)
{
    struct fixture *fixture = context;
    if (!status_ok(open_store(fixture, 0))) _exit(1);
    if (!status_ok(put_row(fixture->store, "before", "acknowledged"))) _exit(1);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){FILE_BYTES_MAX, FILE_BYTES_MAX});
    struct test_job job;
    init_job(&job, "lost", "");
    job.value_bytes = HUGE_BYTES;
    submit_job(fixture->store, &job);
    wait_job(&job);
    _exit(2); // It was answered: whatever the answer, that is wrong.
}

static void test_a_commit_that_fails_otherwise_stops_the_process_unanswered(void **state)
{
    struct fixture *fixture = *state;
    void (*const failures[])(void *context) = {
        write_beyond_file_limit,
        fail_a_sync,
        fail_a_header_with_a_disk_error,
        fail_a_header_with_a_full_disk,
    };
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        assert_aborts(failures[i], fixture);
        assert_ok(open_store(fixture, 0));
        assert_row(fixture->store, "before", "acknowledged");
        close_store(fixture);
        assert_ok(store_verify(fixture->path));
    }
}

#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIRECTORY_TEST(test_what_does_not_fit_the_map_is_refused_and_the_rest_of_its_group_passes),
        DIRECTORY_TEST(test_a_refusal_keeps_its_own_reason_when_its_group_does_not_fit),
        DIRECTORY_TEST(test_readiness_returns_without_anyone_writing),
        DIRECTORY_TEST(test_the_first_failed_write_sticks_to_its_job),
        cmocka_unit_test_setup_teardown(test_a_full_disk_refuses_writes_keeps_reads_and_recovers,
                                        setup_small_disk, teardown_small_disk),
        DIRECTORY_TEST(test_a_commit_that_fails_otherwise_stops_the_process_unanswered),
    };
    return cmocka_run_group_tests_name("store full", tests, NULL, NULL);
}
