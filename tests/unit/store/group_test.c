// Group commit: many jobs, few commits; what one job's refusal leaves of it; hooks; closing.
#include "tests/unit/store/fixture.h"

#include <pthread.h>

enum { JOB_COUNT = 1000, THREAD_COUNT = 4, WRITES_PER_THREAD = 100 };

static struct store_stats stats_of(struct store *store)
{
    struct store_stats stats;
    store_get_stats(store, &stats);
    return stats;
}

// ---- Groups --------------------------------------------------------------------------------

static void test_jobs_that_wait_together_share_a_commit_and_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    static struct test_job jobs[JOB_COUNT];
    static char keys[JOB_COUNT][16];
    struct gate gate;
    close_gate(fixture->store, &gate);
    uint64_t commits = stats_of(fixture->store).commits;
    for (int i = 0; i < JOB_COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "%06d", i);
        init_job(&jobs[i], keys[i], "v");
        submit_job(fixture->store, &jobs[i]);
    }
    assert_int_equal(stats_of(fixture->store).queued, JOB_COUNT + 1);
    open_gate(&gate);
    for (int i = 0; i < JOB_COUNT; i++) {
        wait_job(&jobs[i]);
        assert_ok(jobs[i].status);
        assert_int_equal(jobs[i].order, jobs[0].order + i);
        assert_int_equal(atomic_load(&jobs[i].run_count), 1);
    }
    assert_int_equal(stats_of(fixture->store).commits - commits, 1);
    assert_int_equal(stats_of(fixture->store).queued, 0);
    assert_int_equal(count_rows(fixture->store, TABLE_ROWS), JOB_COUNT);
}

static uint64_t commits_for(struct fixture *fixture, const struct store_config *limits,
                            uint32_t weight_bytes)
{
    const struct store_schema *schemas[] = {&test_schema};
    struct store_config config = *limits;
    config.directory = fixture->path;
    config.map_bytes = 1 << 22;
    assert_ok(store_open(&config, schemas, 1, &fixture->store));
    static struct test_job jobs[32];
    struct gate gate;
    close_gate(fixture->store, &gate);
    for (int i = 0; i < 32; i++) {
        init_job(&jobs[i], "k", "v");
        jobs[i].job.weight_bytes = weight_bytes;
        submit_job(fixture->store, &jobs[i]);
    }
    open_gate(&gate);
    for (int i = 0; i < 32; i++) {
        wait_job(&jobs[i]);
    }
    uint64_t commits = stats_of(fixture->store).commits;
    close_store(fixture);
    return commits;
}

static void test_a_group_is_bounded_by_count_weight_and_time(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t hour_ns = UINT64_C(3600) * 1000000000;
    struct store_config none = {.group_time_ns_max = hour_ns};
    struct store_config count = {.group_jobs_max = 8, .group_time_ns_max = hour_ns};
    struct store_config weight = {.group_bytes_max = 4000, .group_time_ns_max = hour_ns};
    struct store_config time = {.group_time_ns_max = 1};
    assert_int_equal(commits_for(fixture, &none, 1000), 1);
    assert_int_equal(commits_for(fixture, &count, 1000), 5);  // 33 jobs, the gate's among them.
    assert_int_equal(commits_for(fixture, &weight, 1000), 8); // The gate weighs nothing.
    assert_int_equal(commits_for(fixture, &time, 1000), 33);
}

// ---- Refusals ------------------------------------------------------------------------------

static void test_a_refusal_takes_back_its_own_writes_and_no_others(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(put_row(fixture->store, "kept", "old"));
    struct test_job before, refused, after;
    init_job(&before, "before", "1");
    init_job(&refused, "kept", "half done");
    refused.refuse = REFUSE(FAILED_PRECONDITION, TEST_REFUSAL, "no");
    init_job(&after, "after", "2");
    struct gate gate;
    close_gate(fixture->store, &gate);
    submit_job(fixture->store, &before);
    submit_job(fixture->store, &refused);
    submit_job(fixture->store, &after);
    open_gate(&gate);
    wait_job(&before), wait_job(&refused), wait_job(&after);
    assert_ok(before.status);
    assert_refused(refused.status, STATUS_FAILED_PRECONDITION, "TEST_REFUSAL");
    assert_ok(after.status);
    assert_true(before.job.changed && !refused.job.changed && after.job.changed);
    reopen_store(fixture);
    assert_row(fixture->store, "kept", "old");
    assert_row(fixture->store, "before", "1");
    assert_row(fixture->store, "after", "2");
}

static struct status spoil_everything(struct store_txn *txn, void *context)
{
    (void)context;
    char key[16], value[64];
    for (int i = 0; i < 2000; i += 2) { // Splits, merges, long values, an emptied table.
        snprintf(key, sizeof key, "%05d", i);
        store_delete(txn, TABLE_ROWS, bytes_of_text(key));
        snprintf(key, sizeof key, "%05d!", i);
        memset(value, 'z', sizeof value);
        store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of(value, sizeof value));
    }
    static const char long_value[50000];
    store_put(txn, TABLE_ROWS, bytes_of_text("00001"), bytes_of(long_value, sizeof long_value));
    store_delete(txn, TABLE_LOG, bytes_of_text("only"));
    return REFUSE(ABORTED, TEST_REFUSAL, "all of it back");
}

static struct status fill_tables(struct store_txn *txn, void *context)
{
    (void)context;
    char key[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "%05d", i);
        store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of_text(key));
    }
    store_put(txn, TABLE_LOG, bytes_of_text("only"), bytes_of_text("row"));
    return STATUS_SUCCESS;
}

// FNV-1a over every key and value of both tables, in order.
static uint64_t fingerprint(struct store *store)
{
    uint64_t hash = 0xcbf29ce484222325;
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(store, &snapshot));
    const uint8_t tables[] = {TABLE_ROWS, TABLE_LOG};
    for (size_t t = 0; t < 2; t++) {
        struct store_cursor cursor;
        store_cursor_open(snapshot, tables[t], &cursor);
        for (bool found = store_cursor_first(&cursor); found; found = store_cursor_next(&cursor)) {
            struct bytes parts[] = {cursor.key, cursor.value};
            for (size_t part = 0; part < 2; part++) {
                for (size_t i = 0; i < parts[part].size; i++) {
                    hash = (hash ^ parts[part].data[i]) * 0x100000001b3;
                }
                hash = (hash ^ parts[part].size) * 0x100000001b3;
            }
        }
        store_cursor_close(&cursor);
    }
    store_snapshot_end(&snapshot);
    return hash;
}

static void test_a_rolled_back_job_leaves_every_byte_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(store_write_wait(fixture->store, fill_tables, NULL));
    uint64_t before = fingerprint(fixture->store);
    assert_refused(store_write_wait(fixture->store, spoil_everything, NULL), STATUS_ABORTED,
                   "TEST_REFUSAL");
    assert_true(fingerprint(fixture->store) == before);
    assert_ok(put_row(fixture->store, "one more", "change")); // The fingerprint can tell.
    assert_true(fingerprint(fixture->store) != before);
    close_store(fixture);
    assert_ok(store_verify(fixture->path));
}

static void test_a_job_that_refuses_before_changing_needs_no_savepoint(void **state)
{
    struct fixture *fixture = *state;
    struct test_job refused, kept;
    init_job(&refused, "refused", "x");
    refused.refuse = REFUSE(FAILED_PRECONDITION, TEST_REFUSAL, "no");
    refused.refuse_first = true;
    refused.job.refuse_before_change = true;
    init_job(&kept, "kept", "x");
    kept.job.refuse_before_change = true;
    submit_job(fixture->store, &refused);
    submit_job(fixture->store, &kept);
    wait_job(&refused), wait_job(&kept);
    assert_refused(refused.status, STATUS_FAILED_PRECONDITION, "TEST_REFUSAL");
    assert_ok(kept.status);
    assert_row(fixture->store, "refused", NULL);
    assert_row(fixture->store, "kept", "x");
    assert_int_equal(stats_of(fixture->store).jobs_refused, 1);
}

static void break_promise(void *context)
{
    struct fixture *fixture = context;
    if (!status_ok(open_store(fixture, 0))) _exit(1);
    struct test_job liar;
    init_job(&liar, "changed", "then refused");
    liar.refuse = REFUSE(FAILED_PRECONDITION, TEST_REFUSAL, "too late");
    liar.job.refuse_before_change = true;
    submit_job(fixture->store, &liar);
    wait_job(&liar);
}

static void test_a_broken_promise_to_refuse_first_stops_the_process(void **state)
{
    struct fixture *fixture = *state;
    assert_aborts(break_promise, fixture);
    assert_ok(open_store(fixture, 0));
    assert_row(fixture->store, "changed", NULL);
}

// ---- Many writers --------------------------------------------------------------------------

struct counting {
    struct store *store;
    int thread;
};

static struct status increment(struct store_txn *txn, void *context)
{
    const char *key = context;
    struct bytes value;
    uint64_t count = 0;
    if (status_ok(store_get(txn, TABLE_ROWS, bytes_of_text(key), &value))) {
        count = get_u64_be(value.data);
    }
    uint8_t bytes[8];
    put_u64_be(bytes, count + 1);
    store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of(bytes, sizeof bytes));
    return STATUS_SUCCESS;
}

static void *count_up(void *context)
{
    struct counting *counting = context;
    char key[16];
    snprintf(key, sizeof key, "thread %d", counting->thread);
    for (int i = 0; i < WRITES_PER_THREAD; i++) {
        CHECK(status_ok(store_write_wait(counting->store, increment, key)));
        CHECK(status_ok(store_write_wait(counting->store, increment, "shared")));
    }
    return NULL;
}

static uint64_t counter(struct store *store, const char *key)
{
    struct store_txn *snapshot;
    struct bytes value;
    assert_ok(store_snapshot_begin(store, &snapshot));
    assert_ok(store_get(snapshot, TABLE_ROWS, bytes_of_text(key), &value));
    uint64_t count = get_u64_be(value.data);
    store_snapshot_end(&snapshot);
    return count;
}

static void test_writes_of_many_threads_are_all_counted(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREAD_COUNT];
    struct counting counting[THREAD_COUNT];
    for (int i = 0; i < THREAD_COUNT; i++) {
        counting[i] = (struct counting){.store = fixture->store, .thread = i};
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, &counting[i]), 0);
    }
    for (int i = 0; i < THREAD_COUNT; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(counter(fixture->store, "shared"), THREAD_COUNT * WRITES_PER_THREAD);
    assert_int_equal(counter(fixture->store, "thread 3"), WRITES_PER_THREAD);
    assert_int_equal(stats_of(fixture->store).jobs, 2 * THREAD_COUNT * WRITES_PER_THREAD);
}

static void test_a_chain_is_queued_whole_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    struct test_job *jobs = calloc(65536, sizeof *jobs);
    struct test_job extra;
    init_job(&extra, "extra", "v");
    for (int i = 0; i < 65536; i++) {
        init_job(&jobs[i], "k", "v");
        jobs[i].job.refuse_before_change = true;
        jobs[i].job.next = i + 1 < 65536 ? &jobs[i + 1].job : NULL;
    }
    struct gate gate;
    close_gate(fixture->store, &gate);
    assert_refused(store_write_submit_all(fixture->store, &jobs[0].job, &jobs[65535].job, 65536),
                   STATUS_RESOURCE_EXHAUSTED, "STORE_BUSY");
    assert_ok(store_write_submit_all(fixture->store, &jobs[0].job, &jobs[65534].job, 65535));
    assert_refused(store_write_submit(fixture->store, &extra.job), STATUS_RESOURCE_EXHAUSTED,
                   "STORE_BUSY");
    open_gate(&gate);
    wait_job(&jobs[65534]);
    assert_int_equal(atomic_load(&jobs[65535].done_count), 0);
    assert_int_equal(atomic_load(&extra.done_count), 0);
    submit_job(fixture->store, &extra); // There is room again.
    wait_job(&extra);
    free(jobs);
}

// ---- Hooks ---------------------------------------------------------------------------------

struct diary {
    char text[256];
    char name;
    uint64_t serial;
};

static void note(struct diary *diary, const char *what)
{
    size_t size = strlen(diary->text);
    snprintf(diary->text + size, sizeof diary->text - size, "%s%c ", what, diary->name);
}

static struct status note_before(void *context, struct store_txn *txn)
{
    note(context, "before");
    store_put(txn, TABLE_LOG, bytes_of_text("hook"), bytes_of_text("was here"));
    return STATUS_SUCCESS;
}

static void note_after(void *context)
{
    note(context, "after");
}

static void note_back(void *context)
{
    note(context, "back");
}

static void note_refused(void *context, uint64_t serial)
{
    struct diary *diary = context;
    note(diary, "refused");
    diary->serial = serial;
}

static struct status note_run(struct store_txn *txn, void *context)
{
    (void)context;
    struct diary *diary = store_txn_local(txn, 2);
    note(diary, "run");
    diary->serial = store_txn_serial(txn);
    store_put(txn, TABLE_ROWS, bytes_of_text("k"), bytes_of_text("v"));
    return STATUS_SUCCESS;
}

static struct status note_run_and_refuse(struct store_txn *txn, void *context)
{
    (void)note_run(txn, context).code;
    return REFUSE(ABORTED, TEST_REFUSAL, "no");
}

static void test_hooks_run_around_the_commit_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    struct diary shared = {.name = '1'};
    struct store_hook hook = {.before_commit = note_before,
                              .after_commit = note_after,
                              .rolled_back = note_back,
                              .job_refused = note_refused,
                              .context = &shared};
    store_add_hook(fixture->store, &hook);
    store_add_hook(fixture->store, &(struct store_hook){0}); // Nothing is required.
    store_set_local(fixture->store, 2, &shared);
    assert_ok(store_write_wait(fixture->store, note_run, NULL));
    assert_string_equal(shared.text, "run1 before1 after1 ");
    uint64_t serial = shared.serial;
    assert_refused(store_write_wait(fixture->store, note_run_and_refuse, NULL), STATUS_ABORTED,
                   "TEST_REFUSAL");
    assert_string_equal(shared.text, "run1 before1 after1 run1 refused1 before1 after1 ");
    assert_true(shared.serial > serial);
    reopen_store(fixture);
    assert_int_equal(count_rows(fixture->store, TABLE_LOG), 1);
}

static struct status find_invariant_broken(void *context, struct store_txn *txn)
{
    (void)context, (void)txn;
    return REFUSE(INTERNAL, BOOKS_UNBALANCED, "debits differ from credits");
}

static void commit_broken_books(void *context)
{
    struct fixture *fixture = context;
    if (!status_ok(open_store(fixture, 0))) _exit(1);
    store_add_hook(fixture->store, &(struct store_hook){.before_commit = find_invariant_broken});
    (void)!status_ok(put_row(fixture->store, "wrong", "sum"));
}

static void test_a_broken_invariant_stops_the_process_before_the_commit(void **state)
{
    struct fixture *fixture = *state;
    assert_aborts(commit_broken_books, fixture);
    assert_ok(open_store(fixture, 0));
    assert_row(fixture->store, "wrong", NULL);
}

// ---- Closing -------------------------------------------------------------------------------

struct closing {
    struct store *store;
    atomic_bool closed;
};

static void *close_in_thread(void *context)
{
    struct closing *closing = context;
    store_close(&closing->store);
    atomic_store(&closing->closed, true);
    return NULL;
}

static void test_close_finishes_what_is_queued_and_takes_nothing_new(void **state)
{
    struct fixture *fixture = *state;
    static struct test_job jobs[100];
    static char keys[100][16];
    struct gate gate;
    close_gate(fixture->store, &gate);
    for (int i = 0; i < 100; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        init_job(&jobs[i], keys[i], "v");
        submit_job(fixture->store, &jobs[i]);
    }
    struct closing closing = {.store = fixture->store};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, close_in_thread, &closing), 0);
    struct test_job late[2000];
    struct status status = STATUS_SUCCESS;
    int accepted = 0; // Until the other thread has set the flag, which it does before it waits.
    for (; accepted < 2000 && status_ok(status); accepted++) {
        init_job(&late[accepted], "late", "v");
        status = store_write_submit(fixture->store, &late[accepted].job);
        usleep(1000);
    }
    assert_refused(status, STATUS_UNAVAILABLE, "STORE_CLOSING");
    assert_false(atomic_load(&closing.closed)); // It waits for the gate.
    open_gate(&gate);
    pthread_join(thread, NULL);
    for (int i = 0; i < 100; i++) {
        assert_ok(jobs[i].status);
    }
    fixture->store = NULL;
    assert_ok(open_store(fixture, 0));
    assert_true(count_rows(fixture->store, TABLE_ROWS) >= 100);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup_store, teardown)
#define DIRECTORY_TEST(name) cmocka_unit_test_setup_teardown(name, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_jobs_that_wait_together_share_a_commit_and_are_answered_in_order),
        DIRECTORY_TEST(test_a_group_is_bounded_by_count_weight_and_time),
        STORE_TEST(test_a_refusal_takes_back_its_own_writes_and_no_others),
        STORE_TEST(test_a_rolled_back_job_leaves_every_byte_as_it_was),
        STORE_TEST(test_a_job_that_refuses_before_changing_needs_no_savepoint),
        DIRECTORY_TEST(test_a_broken_promise_to_refuse_first_stops_the_process),
        STORE_TEST(test_writes_of_many_threads_are_all_counted),
        STORE_TEST(test_a_chain_is_queued_whole_or_not_at_all),
        STORE_TEST(test_hooks_run_around_the_commit_in_their_order),
        DIRECTORY_TEST(test_a_broken_invariant_stops_the_process_before_the_commit),
        STORE_TEST(test_close_finishes_what_is_queued_and_takes_nothing_new),
    };
    return cmocka_run_group_tests_name("store group", tests, NULL, NULL);
}
