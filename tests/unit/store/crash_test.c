// kill -9 at random moments: what was acknowledged is there, what was not is there whole or not at
// all, and the file is sound.
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROUND_COUNT = 20, THREAD_COUNT = 4, ACKS_BEFORE_KILL_MAX = 200 };

/// One line of the pipe: thread's counter has durably reached this value.
struct ack {
    uint64_t thread, value;
};

struct writer {
    struct store *store;
    uint64_t thread;
    int acks;
};

static void counter_key(uint64_t thread, char ret_key[static 16])
{
    snprintf(ret_key, 16, "counter %lu", (unsigned long)thread);
}

static uint64_t get_counter(struct store_txn *txn, const char *key)
{
    struct bytes value;
    struct status status = store_get(txn, TABLE_ROWS, bytes_of_text(key), &value);
    if (status.code == STATUS_NOT_FOUND) return 0;
    CHECK(status_ok(status) && value.size == 8);
    return get_u64_be(value.data);
}

static void put_counter(struct store_txn *txn, const char *key, uint64_t count)
{
    uint8_t bytes[8];
    put_u64_be(bytes, count);
    store_put(txn, TABLE_ROWS, bytes_of_text(key), bytes_of(bytes, sizeof bytes));
}

// The counter, the total of all counters, and a log row: all or none. An odd value is tried twice,
// the first time with a refusal after the writes.
static struct status count_once(struct store_txn *txn, void *context)
{
    struct ack *ack = context;
    char key[16];
    uint8_t log_key[8];
    counter_key(ack->thread, key);
    bool refuse = ack->value != 0;
    ack->value = get_counter(txn, key) + 1;
    uint64_t total = get_counter(txn, "total") + 1;
    put_counter(txn, key, ack->value);
    put_counter(txn, "total", total);
    put_u64_be(log_key, total);
    store_append(txn, TABLE_LOG, bytes_of(log_key, sizeof log_key), bytes_of_text(key));
    return refuse ? REFUSE(ABORTED, TEST_REFUSAL, "the writes above must vanish") : STATUS_SUCCESS;
}

static void *count_until_killed(void *context)
{
    struct writer *writer = context;
    for (;;) {
        struct ack ack = {.thread = writer->thread, .value = 1};
        CHECK(store_write_wait(writer->store, count_once, &ack).code == STATUS_ABORTED);
        ack.value = 0;
        CHECK(status_ok(store_write_wait(writer->store, count_once, &ack)));
        CHECK(write(writer->acks, &ack, sizeof ack) == sizeof ack);
    }
    return NULL;
}

static void run_child(struct fixture *fixture, int acks)
{
    if (!status_ok(open_store(fixture, 0))) _exit(1);
    struct writer writers[THREAD_COUNT];
    pthread_t threads[THREAD_COUNT];
    for (uint64_t i = 0; i < THREAD_COUNT; i++) {
        writers[i] = (struct writer){.store = fixture->store, .thread = i, .acks = acks};
        CHECK(pthread_create(&threads[i], NULL, count_until_killed, &writers[i]) == 0);
    }
    pthread_join(threads[0], NULL);
    _exit(2);
}

static bool read_ack(int pipe_fd, uint64_t acknowledged[static THREAD_COUNT])
{
    struct ack ack;
    ssize_t size;
    while ((size = read(pipe_fd, &ack, sizeof ack)) < 0 && errno == EINTR) {
    }
    if (size != sizeof ack) return false;
    acknowledged[ack.thread] = ack.value;
    return true;
}

// Runs a child until it has acknowledged a random number of writes, kills it, and drains the pipe.
static void run_and_kill(struct fixture *fixture, uint64_t acknowledged[static THREAD_COUNT])
{
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipe_fds[0]);
        run_child(fixture, pipe_fds[1]);
    }
    close(pipe_fds[1]);
    uint64_t wanted = 1 + random_below(ACKS_BEFORE_KILL_MAX);
    for (uint64_t i = 0; i < wanted; i++) {
        assert_true(read_ack(pipe_fds[0], acknowledged));
    }
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read_ack(pipe_fds[0], acknowledged)) {
    }
    close(pipe_fds[0]);
}

static uint64_t check_counters(struct store *store, const uint64_t acknowledged[])
{
    struct store_txn *snapshot;
    assert_ok(store_snapshot_begin(store, &snapshot));
    uint64_t sum = 0;
    for (uint64_t i = 0; i < THREAD_COUNT; i++) {
        char key[16];
        counter_key(i, key);
        uint64_t found = get_counter(snapshot, key);
        assert_true(found >= acknowledged[i]);     // Nothing acknowledged is missing,
        assert_true(found <= acknowledged[i] + 1); // at most the one in flight is more.
        sum += found;
    }
    assert_int_equal(get_counter(snapshot, "total"), sum);
    store_snapshot_end(&snapshot);
    return sum;
}

static void test_kill_at_any_moment_loses_nothing_acknowledged(void **state)
{
    struct fixture *fixture = *state;
    uint64_t acknowledged[THREAD_COUNT] = {0};
    for (int round = 0; round < ROUND_COUNT; round++) {
        run_and_kill(fixture, acknowledged);
        assert_ok(store_verify(fixture->path));
        assert_ok(open_store(fixture, 0));
        uint64_t total = check_counters(fixture->store, acknowledged);
        assert_int_equal(count_rows(fixture->store, TABLE_LOG), total);
        close_store(fixture);
        if (round + 1 == ROUND_COUNT) {
            print_message("%d kills, %lu writes\n", ROUND_COUNT, (unsigned long)total);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill_at_any_moment_loses_nothing_acknowledged,
                                        setup_directory, teardown),
    };
    return cmocka_run_group_tests_name("store crash", tests, NULL, NULL);
}
