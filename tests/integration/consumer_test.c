// Durable consumers of the real audit daemon: one that is killed, one that is slow, one that comes
// late, many that wait, and a daemon that dies under all of them.
#include "common/base/clock.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/integration/direct.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    INDEXES_MAX = 1 << 20,
    EVENTS_MIN = 100,
    KILLS_OF_CONSUMER = 15,
    KILLS_OF_DAEMON = 4,
    WAITING = 50,
    WAITERS_A_CHANNEL = 25,
    QUIET_CALLS = 100,
    TRIES = 600,
    PAUSE_MS = 50,
};

static char noise_created[] = "audit.consumer.created", noise_all[] = "audit.consumer.*";

static struct world world;
static struct rpc_channel *channel;

// ---- Calls as services/ops -----------------------------------------------------------------

static void call(struct rpc_channel *through, const struct rpc_method *method, const void *request,
                 struct direct_answer *answer)
{
    char token[TOKEN_BYTES_MAX];
    direct_service_token(&world, "ops", "ops", token);
    const struct rpc_metadata metadata = {.access_token = token};
    direct_call(through, method, &metadata, request, answer);
}

static bool has_ended_well(const struct direct_answer *answer)
{
    return answer->outcome == RPC_OUTCOME_ANSWERED && status_ok(answer->status);
}

// Again while the daemon is away: all of these may be done twice.
static void call_until(const struct rpc_method *method, const void *request,
                       struct direct_answer *answer)
{
    for (int i = 0; i < TRIES; i++) {
        call(channel, method, request, answer);
        if (answer->status.code != STATUS_UNAVAILABLE &&
            answer->status.code != STATUS_DEADLINE_EXCEEDED &&
            answer->status.code != STATUS_RESOURCE_EXHAUSTED)
            return;
        poll(NULL, 0, PAUSE_MS);
    }
    fprintf(stderr, "%s: %s\n", method->name, answer->status.reason);
    abort();
}

static void create(const char *name, Audit__ConsumerStart start, char *type, uint32_t ack_wait_ms)
{
    Audit__CreateConsumerRequest request = AUDIT__CREATE_CONSUMER_REQUEST__INIT;
    struct direct_answer answer = {0};
    request.name = (char *)name;
    request.start = start;
    request.types = &type;
    request.n_types = 1;
    request.ack_wait_ms = ack_wait_ms;
    call_until(&audit_methods[AUDIT_CREATE_CONSUMER], &request, &answer);
    assert_true(has_ended_well(&answer));
    direct_reset(&answer);
}

static void forget(const char *name)
{
    Audit__ConsumerRequest request = AUDIT__CONSUMER_REQUEST__INIT;
    struct direct_answer answer = {0};
    request.name = (char *)name;
    call_until(&audit_methods[AUDIT_DELETE_CONSUMER], &request, &answer);
    direct_reset(&answer); // NOT_FOUND: an attempt before did it, and its answer was lost.
}

static uint64_t lag_of(const char *name)
{
    Audit__ConsumerRequest request = AUDIT__CONSUMER_REQUEST__INIT;
    struct direct_answer answer = {0};
    request.name = (char *)name;
    call_until(&audit_methods[AUDIT_GET_CONSUMER], &request, &answer);
    const Audit__Consumer *consumer = direct_unpack(&answer, &audit__consumer__descriptor);
    uint64_t lag = consumer->lag;
    direct_reset(&answer);
    return lag;
}

// ---- Noise: two events each time, of types audit.consumer.* ----------------------------------

static atomic_bool noise_ends;
static atomic_uint noise_count;

static void make_noise(void)
{
    create("noise", AUDIT__CONSUMER_START__LAST, noise_all, 0);
    forget("noise");
    atomic_fetch_add(&noise_count, 1);
}

static void *make_noise_until(void *unused)
{
    while (!atomic_load(&noise_ends))
        make_noise();
    return unused;
}

static pthread_t begin_noise(void)
{
    pthread_t thread;
    atomic_store(&noise_ends, false);
    assert_int_equal(pthread_create(&thread, NULL, make_noise_until, NULL), 0);
    return thread;
}

// ---- What was to be delivered --------------------------------------------------------------

struct indexes {
    size_t count;
    uint64_t items[INDEXES_MAX];
};

static void add_index(struct indexes *indexes, uint64_t index)
{
    assert_true(indexes->count < INDEXES_MAX);
    indexes->items[indexes->count++] = index;
}

static char last_resource[128]; // Of what was read.

// The whole log by ReadLog, which has no memory of its own.
static void read_log(uint64_t from, char *type, struct indexes *ret)
{
    uint64_t size = UINT64_MAX;
    struct direct_answer answer = {0};
    ret->count = 0;
    while (from < size) {
        Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
        request.from_index = from;
        request.types = &type;
        request.n_types = 1;
        call_until(&audit_methods[AUDIT_READ_LOG], &request, &answer);
        const Audit__ReadLogResponse *reply =
            direct_unpack(&answer, &audit__read_log_response__descriptor);
        for (size_t i = 0; i < reply->n_deliveries; i++) {
            const Audit__AuditEvent *event = reply->deliveries[i]->event;
            add_index(ret, event->index);
            snprintf(last_resource, sizeof last_resource, "%s", event->resource);
        }
        from = reply->next_index;
        if (size == UINT64_MAX) size = reply->size;
    }
    direct_reset(&answer);
}

static struct indexes written, in_log;

// Events reach the log a moment after their commit, and in their order: once the last one is there,
// all of them are, and what a consumer lacks then it has lost.
static void wait_until_told(const char *created)
{
    char resource[64];
    snprintf(resource, sizeof resource, "consumers/%s", created);
    for (int i = 0; i < TRIES; i++) {
        read_log(0, noise_created, &in_log);
        if (strcmp(last_resource, resource) == 0) return;
        poll(NULL, 0, PAUSE_MS);
    }
    fail_msg("%s did not reach the log", resource);
}

static void end_noise(pthread_t thread)
{
    static unsigned serial;
    char name[32];
    atomic_store(&noise_ends, true);
    pthread_join(thread, NULL);
    snprintf(name, sizeof name, "marker-%u", serial++);
    create(name, AUDIT__CONSUMER_START__LAST, noise_all, 0);
    wait_until_told(name);
}

static void assert_same(const struct indexes *found, const struct indexes *wanted)
{
    for (size_t i = 0; i < found->count && i < wanted->count; i++)
        if (found->items[i] != wanted->items[i])
            fail_msg("event %zu is %" PRIu64 ", not %" PRIu64, i, found->items[i],
                     wanted->items[i]);
    assert_int_equal(found->count, wanted->count);
}

// ---- A consumer in a process of its own ----------------------------------------------------

// Its own cursor is what it has written down: a line for each event, each by one write.
static uint64_t last_written(const char *path)
{
    uint64_t last = UINT64_MAX, index;
    FILE *file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%" SCNu64, &index) == 1)
        last = index;
    if (file != NULL) fclose(file);
    return last;
}

static void write_down(int fd, uint64_t index)
{
    char line[32];
    int size = snprintf(line, sizeof line, "%" PRIu64 "\n", index);
    if (write(fd, line, (size_t)size) != size) abort();
}

// Everything up to ack_upto is written down before it is acknowledged.
static bool consume_some(const char *name, int fd, bool restart, uint64_t *last)
{
    static uint64_t follows; // The next answer's from_index.
    Audit__FetchRequest request = AUDIT__FETCH_REQUEST__INIT;
    Audit__AckRequest ack = AUDIT__ACK_REQUEST__INIT;
    struct direct_answer answer = {0};
    request.name = ack.name = (char *)name;
    request.max = 20;
    request.wait_ms = 1000;
    request.restart = restart;
    call(channel, &audit_methods[AUDIT_FETCH], &request, &answer);
    bool is_good = has_ended_well(&answer);
    if (is_good) {
        const Audit__FetchResponse *reply =
            direct_unpack(&answer, &audit__fetch_response__descriptor);
        if (!restart && reply->from_index != follows) { // Something went to somebody else.
            direct_reset(&answer);
            return false;
        }
        follows = reply->ack_upto + 1;
        for (size_t i = 0; i < reply->n_deliveries; i++) {
            uint64_t index = reply->deliveries[i]->event->index;
            if (*last != UINT64_MAX && index <= *last) continue; // Once more.
            write_down(fd, index);
            *last = index;
        }
        ack.upto = reply->ack_upto;
        call(channel, &audit_methods[AUDIT_ACK], &ack, &answer);
        is_good = has_ended_well(&answer);
    }
    direct_reset(&answer);
    return is_good;
}

static int run_consumer(const char *data, const char *name, const char *path)
{
    snprintf(world.data, sizeof world.data, "%s", data);
    channel = direct_open(&world, "audit");
    uint64_t last = last_written(path);
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) abort();
    for (bool restart = true;;) // Whatever was lost: begin after what is acknowledged.
        restart = !consume_some(name, fd, restart, &last);
}

static pid_t start_consumer(const char *name, const char *path)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    execl("/proc/self/exe", "consumer", "--consumer", world.data, name, path, (char *)NULL);
    _exit(127);
}

static void kill_consumer(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void kill_daemon(void)
{
    pid_t pid = world_daemon_pid(&world, "audit");
    if (pid > 0) kill(pid, SIGKILL);
    for (int i = 0; i < TRIES && world_daemon_pid(&world, "audit") == pid; i++)
        poll(NULL, 0, PAUSE_MS);
    world_wait_ready(&world);
    direct_wait_up(channel);
}

static void wait_until_settled(const char *name)
{
    for (int i = 0; i < TRIES; i++) {
        if (lag_of(name) == 0) return;
        poll(NULL, 0, PAUSE_MS);
    }
    fail_msg("%s still lags %" PRIu64, name, lag_of(name));
}

static void read_written(const char *path)
{
    uint64_t index;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    written.count = 0;
    while (fscanf(file, "%" SCNu64, &index) == 1)
        add_index(&written, index);
    fclose(file);
}

// ---- Tests ---------------------------------------------------------------------------------

static void test_a_consumer_that_is_killed_ends_with_each_event_once(void **state)
{
    (void)state;
    char path[WORLD_PATH_BYTES + 16];
    unsigned seed = (unsigned)time(NULL);
    const char *given = getenv("FLORIN_SEED");
    if (given != NULL) seed = (unsigned)strtoul(given, NULL, 10);
    print_message("  FLORIN_SEED=%u\n", seed);
    srand(seed);
    snprintf(path, sizeof path, "%s/killed.txt", world.data);
    create("killed", AUDIT__CONSUMER_START__FIRST, noise_created, 0);
    pthread_t noise = begin_noise();
    pid_t pid = start_consumer("killed", path);
    for (int i = 1; i <= KILLS_OF_CONSUMER; i++) {
        poll(NULL, 0, 50 + rand() % 300);
        bool with_daemon = i % (KILLS_OF_CONSUMER / KILLS_OF_DAEMON) == 0;
        if (with_daemon) kill_daemon(); // It runs on, and asks again.
        poll(NULL, 0, rand() % 100);
        kill_consumer(pid);
        pid = start_consumer("killed", path);
    }
    for (int i = 0; i < TRIES && atomic_load(&noise_count) <= EVENTS_MIN; i++)
        poll(NULL, 0, PAUSE_MS); // A slow disk has made less noise.
    end_noise(noise);
    wait_until_settled("killed");
    kill_consumer(pid);
    read_log(0, noise_created, &in_log);
    read_written(path);
    print_message("  %zu events\n", written.count);
    assert_true(written.count > EVENTS_MIN);
    assert_same(&written, &in_log);
}

static void test_a_slow_consumer_misses_nothing_and_slows_nobody(void **state)
{
    (void)state;
    char path[WORLD_PATH_BYTES + 16];
    struct direct_answer answer = {0};
    create("slow", AUDIT__CONSUMER_START__LAST, noise_all, 60000);
    create("quick", AUDIT__CONSUMER_START__LAST, noise_all, 0);
    snprintf(path, sizeof path, "%s/quick.txt", world.data);
    pid_t quick = start_consumer("quick", path);
    pthread_t noise = begin_noise();
    written.count = 0;
    uint64_t upto = 0;
    for (int i = 0; i < 30; i++) { // Five events, and a rest.
        Audit__FetchRequest request = AUDIT__FETCH_REQUEST__INIT;
        request.name = (char *)"slow";
        request.max = 5;
        request.wait_ms = 5000;
        call(channel, &audit_methods[AUDIT_FETCH], &request, &answer);
        const Audit__FetchResponse *reply =
            direct_unpack(&answer, &audit__fetch_response__descriptor);
        for (size_t k = 0; k < reply->n_deliveries; k++)
            add_index(&written, reply->deliveries[k]->event->index);
        upto = reply->ack_upto;
        poll(NULL, 0, 20);
    }
    end_noise(noise);
    wait_until_settled("quick"); // While the slow one has acknowledged nothing.
    kill_consumer(quick);
    assert_true(lag_of("slow") > 0);
    Audit__AckRequest ack = AUDIT__ACK_REQUEST__INIT;
    ack.name = (char *)"slow";
    ack.upto = upto;
    call_until(&audit_methods[AUDIT_ACK], &ack, &answer);
    assert_true(has_ended_well(&answer));
    snprintf(path, sizeof path, "%s/slow.txt", world.data);
    pid_t rest = start_consumer("slow", path); // Goes on behind it.
    wait_until_settled("slow");
    kill_consumer(rest);
    struct indexes *all = &in_log;
    size_t first_part = written.count;
    uint64_t first = written.items[0];
    FILE *file = fopen(path, "re");
    uint64_t index;
    while (file != NULL && fscanf(file, "%" SCNu64, &index) == 1)
        add_index(&written, index);
    if (file != NULL) fclose(file);
    assert_true(first_part > 0);
    read_log(first, noise_all, all);
    assert_same(&written, all);
    direct_reset(&answer);
}

static void test_who_comes_late_is_given_all_from_where_he_asks(void **state)
{
    (void)state;
    char path[WORLD_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/late.txt", world.data);
    create("late", AUDIT__CONSUMER_START__FIRST, noise_all, 0);
    wait_until_told("late"); // So that nothing comes after he has caught up.
    pid_t pid = start_consumer("late", path);
    wait_until_settled("late");
    kill_consumer(pid);
    read_log(0, noise_all, &in_log);
    read_written(path);
    assert_same(&written, &in_log);
}

struct waiter {
    pthread_t thread;
    struct rpc_channel *channel;
    char name[16];
    atomic_bool has_ended;
    size_t events;
};

// A wait that was in vain is begun again: there may be many others who take their time.
static void *wait_for_event(void *context)
{
    struct waiter *waiter = context;
    Audit__FetchRequest request = AUDIT__FETCH_REQUEST__INIT;
    struct direct_answer answer = {0};
    request.name = waiter->name;
    request.wait_ms = 15000;
    while (waiter->events == 0) {
        call(waiter->channel, &audit_methods[AUDIT_FETCH], &request, &answer);
        const Audit__FetchResponse *reply =
            direct_unpack(&answer, &audit__fetch_response__descriptor);
        waiter->events = reply->n_deliveries;
    }
    atomic_store(&waiter->has_ended, true);
    direct_reset(&answer);
    return NULL;
}

static uint64_t metric_of(const char *series)
{
    Envelope__StatsRequest request = ENVELOPE__STATS_REQUEST__INIT;
    struct direct_answer answer = {0};
    call_until(&rpc_methods[RPC_STATS_GET], &request, &answer);
    const Envelope__StatsResponse *reply =
        direct_unpack(&answer, &envelope__stats_response__descriptor);
    uint64_t value = UINT64_MAX;
    char *text = calloc(1, reply->text.len + 1);
    assert_non_null(text);
    memcpy(text, reply->text.data, reply->text.len);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        size_t size = strlen(series);
        if (strncmp(line, series, size) == 0 && line[size] == ' ')
            value = strtoull(line + size + 1, NULL, 10);
    }
    free(text);
    direct_reset(&answer);
    return value;
}

// A series that is not there yet is not what is waited for.
static void wait_for_metric(const char *series, uint64_t at_least, uint64_t at_most)
{
    uint64_t value = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        value = metric_of(series);
        if (value >= at_least && value <= at_most) return;
        poll(NULL, 0, PAUSE_MS);
    }
    fail_msg("%s is %" PRIu64, series, value);
}

static void test_fifty_wait_on_two_threads_while_others_are_served(void **state)
{
    (void)state;
    static struct waiter waiters[WAITING];
    struct rpc_channel *channels[WAITING / WAITERS_A_CHANNEL];
    static char rare[] = "audit.consumer.deleted";
    for (size_t i = 0; i < WAITING / WAITERS_A_CHANNEL; i++)
        channels[i] = direct_open(&world, "audit");
    for (size_t i = 0; i < WAITING; i++) {
        snprintf(waiters[i].name, sizeof waiters[i].name, "waiter-%zu", i);
        create(waiters[i].name, AUDIT__CONSUMER_START__LAST, rare, 0);
        waiters[i].channel = channels[i / WAITERS_A_CHANNEL];
    }
    for (size_t i = 0; i < WAITING; i++)
        assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_for_event, &waiters[i]), 0);
    wait_for_metric("florin_rpc_parked", WAITING, UINT64_MAX - 1);
    for (int i = 0; i < QUIET_CALLS; i++) { // POOL calls, on the threads that nobody holds.
        Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
        struct direct_answer answer = {0};
        call(channel, &audit_methods[AUDIT_READ_LOG], &request, &answer);
        assert_true(has_ended_well(&answer));
        direct_reset(&answer);
    }
    for (size_t i = 0; i < WAITING; i++)
        assert_false(atomic_load(&waiters[i].has_ended));
    make_noise();
    for (size_t i = 0; i < WAITING; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].events, 1);
    }
    for (size_t i = 0; i < WAITING; i++) // After all have been told: this is what they wait for.
        forget(waiters[i].name);
}

static void test_lag_is_a_metric(void **state)
{
    (void)state;
    static const char series[] = "florin_audit_consumer_lag{consumer=\"measured\"}";
    create("measured", AUDIT__CONSUMER_START__LAST, noise_all, 0);
    make_noise();
    wait_for_metric(series, 3, 1000); // Its own making, and the noise's two.
    forget("measured");
    wait_for_metric(series, 0, 0);
}

// ---- florin audit tail ---------------------------------------------------------------------

static pid_t start_tail(const char *from, const char *path)
{
    char program[WORLD_PATH_BYTES + 16];
    snprintf(program, sizeof program, "%s/florin", world.bin);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) _exit(127);
    execl(program, "florin", "audit", "tail", "--data", world.data, "--from", from, "--json",
          (char *)NULL);
    _exit(127);
}

// The indexes of its lines; *ret_words: how many lines are no events.
static size_t read_tail(const char *path, size_t *ret_words)
{
    char *line = NULL;
    size_t capacity = 0, next = 0;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    *ret_words = 0;
    while (getline(&line, &capacity, file) > 0) {
        if (line[0] != '{') {
            ++*ret_words;
            continue;
        }
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (event == NULL) break; // Not written whole yet.
        assert_int_equal(strtoull(json_string_value(json_object_get(event, "index")), NULL, 10),
                         next++);
        json_decref(event);
    }
    free(line);
    fclose(file);
    return next;
}

static void wait_for_tail(const char *path, size_t count)
{
    size_t words;
    for (int i = 0; i < TRIES && read_tail(path, &words) < count; i++)
        poll(NULL, 0, PAUSE_MS);
    assert_true(read_tail(path, &words) >= count);
}

static void test_tail_follows_whatever_happens_to_the_daemon(void **state)
{
    (void)state;
    char path[WORLD_PATH_BYTES + 16];
    size_t words;
    snprintf(path, sizeof path, "%s/tail.txt", world.data);
    pid_t pid = start_tail("0", path);
    make_noise();
    static char all[] = "*";
    read_log(0, all, &in_log);
    wait_for_tail(path, in_log.count);
    size_t before = in_log.count;
    kill_daemon();
    make_noise();
    // Events reach the log a moment after their commit: the daemon's start and the noise's two.
    for (int i = 0; i < TRIES && in_log.count < before + 3; i++) {
        poll(NULL, 0, PAUSE_MS);
        read_log(0, all, &in_log);
    }
    assert_true(in_log.count >= before + 3);
    wait_for_tail(path, in_log.count); // Without a gap: read_tail looks.
    read_tail(path, &words);
    assert_int_equal(words, 2); // Away, and back.
    kill(pid, SIGINT);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    char output[4096];
    assert_int_equal(world_florin(&world, "audit tail --from x", output, sizeof output), 2);
    assert_int_equal(world_florin(&world, "audit tail --from 0 --types A*", output, sizeof output),
                     3);
    assert_non_null(strstr(output, "TYPE_PATTERN_INVALID"));
    assert_int_equal(world_florin(&world, "audit tail --from 99999999", output, sizeof output), 3);
    assert_non_null(strstr(output, "INDEX_AHEAD_OF_LOG"));
}

static int setup(void **state)
{
    (void)state;
    snprintf(world.ini, sizeof world.ini, "[rpc]\npool_threads = 2\n");
    world_open(&world);
    channel = direct_open(&world, "audit");
    direct_wait_up(channel);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "--consumer") == 0)
        return run_consumer(argv[2], argv[3], argv[4]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_consumer_that_is_killed_ends_with_each_event_once),
        cmocka_unit_test(test_a_slow_consumer_misses_nothing_and_slows_nobody),
        cmocka_unit_test(test_who_comes_late_is_given_all_from_where_he_asks),
        cmocka_unit_test(test_fifty_wait_on_two_threads_while_others_are_served),
        cmocka_unit_test(test_lag_is_a_metric),
        cmocka_unit_test(test_tail_follows_whatever_happens_to_the_daemon),
    };
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL && *pattern != '\0') cmocka_set_test_filter(pattern);
    return cmocka_run_group_tests(tests, setup, teardown);
}
