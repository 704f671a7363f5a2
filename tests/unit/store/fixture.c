#include "tests/unit/store/fixture.h"

#include "common/base/clock.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static const struct store_table tables[] = {{TABLE_ROWS, "rows"}, {TABLE_LOG, "log"}};
const struct store_schema test_schema = {
    .name = "test", .version = 1, .tables = tables, .table_count = 2};

// ---- Directories and stores ----------------------------------------------------------------

int setup_directory(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    directory_make("store", fixture->directory, sizeof fixture->directory);
    join_path(fixture, "store", fixture->path);
    *state = fixture;
    return 0;
}

int setup_store(void **state)
{
    setup_directory(state);
    assert_ok(open_store(*state, 0));
    return 0;
}

int teardown(void **state)
{
    struct fixture *fixture = *state;
    close_store(fixture);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

void join_path(const struct fixture *fixture, const char *name, char ret_path[static PATH_BYTES])
{
    int size = snprintf(ret_path, PATH_BYTES, "%s/%s", fixture->directory, name);
    CHECK(size > 0 && size < PATH_BYTES);
}

struct status open_store(struct fixture *fixture, uint64_t map_bytes)
{
    const struct store_schema *schemas[] = {&test_schema};
    // A group ends when nothing waits, never by time: what a test sees must not depend on speed.
    struct store_config config = {.directory = fixture->path,
                                  .map_bytes = map_bytes != 0 ? map_bytes : UINT64_C(256) << 20,
                                  .group_time_ns_max = 3600 * NS_PER_SECOND};
    return store_open(&config, schemas, 1, &fixture->store);
}

void close_store(struct fixture *fixture)
{
    store_close(&fixture->store);
}

void reopen_store(struct fixture *fixture)
{
    close_store(fixture);
    assert_ok(open_store(fixture, 0));
}

// ---- Answers -------------------------------------------------------------------------------

void assert_ok(struct status status)
{
    if (!status_ok(status)) fail_msg("%s: %s", status.reason, status.message);
}

void assert_refused(struct status status, enum status_code code, const char *reason)
{
    if (status.reason == NULL) fail_msg("was not refused, expected %s", reason);
    assert_string_equal(status.reason, reason);
    assert_int_equal(status.code, code);
    assert_non_null(status.message);
}

// ---- Rows ----------------------------------------------------------------------------------

struct row {
    const char *key, *value;
};

static struct status run_put(struct store_txn *txn, void *context)
{
    const struct row *row = context;
    store_put(txn, TABLE_ROWS, bytes_of_text(row->key), bytes_of_text(row->value));
    return STATUS_SUCCESS;
}

struct status put_row(struct store *store, const char *key, const char *value)
{
    return store_write_wait(store, run_put, &(struct row){key, value});
}

void assert_row(struct store *store, const char *key, const char *value)
{
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(store, &snapshot));
    struct bytes found;
    struct status status = store_get(snapshot, TABLE_ROWS, bytes_of_text(key), &found);
    if (value == NULL) {
        assert_refused(status, STATUS_NOT_FOUND, "ROW_NOT_FOUND");
    } else {
        assert_ok(status);
        assert_int_equal(found.size, strlen(value));
        assert_memory_equal(found.data, value, found.size);
    }
    store_snapshot_end(&snapshot);
}

uint64_t count_rows(struct store *store, uint8_t table)
{
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(store, &snapshot));
    struct store_cursor cursor;
    store_cursor_open(snapshot, table, &cursor);
    uint64_t count = 0;
    for (bool found = store_cursor_first(&cursor); found; found = store_cursor_next(&cursor)) {
        count++;
    }
    store_cursor_close(&cursor);
    store_snapshot_end(&snapshot);
    return count;
}

// ---- Jobs ----------------------------------------------------------------------------------

static atomic_int answer_count;

static struct status run_test_job(struct store_job *job, struct store_txn *txn)
{
    struct test_job *test = (struct test_job *)job;
    atomic_fetch_add(&test->run_count, 1);
    if (test->refuse_first && !status_ok(test->refuse)) return test->refuse;
    struct bytes value = bytes_of_text(test->value);
    char *filler = NULL;
    if (test->value_bytes > 0) {
        filler = malloc(test->value_bytes);
        CHECK(filler != NULL);
        memset(filler, 'x', test->value_bytes);
        value = bytes_of(filler, test->value_bytes);
    }
    store_put(txn, TABLE_ROWS, bytes_of_text(test->key), value);
    free(filler);
    return test->refuse;
}

static void finish_test_job(struct store_job *job, struct status status)
{
    struct test_job *test = (struct test_job *)job;
    test->status = status;
    test->order = atomic_fetch_add(&answer_count, 1);
    atomic_fetch_add(&test->done_count, 1);
}

void init_job(struct test_job *job, const char *key, const char *value)
{
    *job = (struct test_job){
        .job = {.run = run_test_job, .done = finish_test_job}, .key = key, .value = value};
}

void submit_job(struct store *store, struct test_job *job)
{
    assert_ok(store_write_submit(store, &job->job));
}

void wait_job(struct test_job *job)
{
    while (atomic_load(&job->done_count) == 0) {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        CHECK(errno == EINTR);
    }
}

static struct status run_gate(struct store_job *job, struct store_txn *txn)
{
    (void)txn;
    struct gate *gate = (struct gate *)job;
    sem_post(&gate->entered);
    wait_for(&gate->may_leave);
    return STATUS_SUCCESS;
}

static void finish_gate(struct store_job *job, struct status status)
{
    CHECK(status_ok(status));
    sem_post(&((struct gate *)job)->left);
}

void close_gate(struct store *store, struct gate *gate)
{
    *gate = (struct gate){.job = {.run = run_gate, .done = finish_gate}};
    sem_init(&gate->entered, 0, 0);
    sem_init(&gate->may_leave, 0, 0);
    sem_init(&gate->left, 0, 0);
    assert_ok(store_write_submit(store, &gate->job));
    wait_for(&gate->entered);
}

void open_gate(struct gate *gate)
{
    // Twice: when the group must run again, the gate's job does too.
    sem_post(&gate->may_leave);
    sem_post(&gate->may_leave);
    wait_for(&gate->left);
}

// ---- Processes -----------------------------------------------------------------------------

int fork_and_wait(void (*run)(void *context), void *context)
{
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        run(context);
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, 0) != child) {
        CHECK(errno == EINTR);
    }
    return status;
}

void assert_aborts(void (*run)(void *context), void *context)
{
    int status = fork_and_wait(run, context);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

uint64_t random_below(uint64_t bound)
{
    static uint64_t state;
    if (state == 0) {
        const char *seed = getenv("FLORIN_TEST_SEED");
        state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
        if (state == 0) state = 1;
        print_message("FLORIN_TEST_SEED=%llu\n", (unsigned long long)state);
    }
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; // xorshift64
    return state % bound;
}
