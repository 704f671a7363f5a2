// What those who follow cost those who write: the p99 of an append to the audit log, and of a
// commit of events to an outbox, with nobody there and with readers of the log and subscribers of
// the outbox, one of each stopped in its tracks. In one run, in turns, each turn a second long.
//   build/release/bench/subscriber_bench [directory]
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/event/event.h"
#include "common/event/subscriber.h"
#include "common/rpc/channel.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/rpc.h"
#include "tests/bench/bench.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    TURNS = 24, // Half of them with followers.
    TURN_STEPS = 100,
    STEP_MS = 10,
    STEP_EVENTS = 40, // Of each kind: 4,000 events a second.
    FOLLOWERS = 3,    // Of each kind, besides the one that is stopped.
    READ_WAIT_MS = 1000,
    READ_EVENTS = 1000,
    SAMPLES = TURNS / 2 * TURN_STEPS,
    ARENA_BYTES = 64 << 20,
};

#define RATIO_MAX 1.1

// ---- Who writes ----------------------------------------------------------------------------

static struct audit_context context;
static struct store *store;
static uint64_t next_seq = 1;

struct samples {
    uint64_t append[SAMPLES], commit[SAMPLES];
    size_t count;
};

static struct samples alone, followed;

static struct status let_in(void *nothing, struct bytes token, struct token_claims *ret)
{
    (void)nothing, (void)token;
    *ret = (struct token_claims){.is_service = true, .service = "bench"};
    return STATUS_SUCCESS;
}

static enum rpc_scope grant(void *nothing, const struct token_claims *claims,
                            const char *permission)
{
    (void)nothing, (void)claims, (void)permission;
    return RPC_SCOPE_ALL;
}

static void wake(void *server)
{
    rpc_server_wake(server);
}

static void open_log(const char *directory)
{
    static char path[BENCH_PATH_BYTES + 8], rpc_url[BENCH_PATH_BYTES + 32],
        pub_url[BENCH_PATH_BYTES + 32];
    static const struct rpc_identity everybody = {.authenticate = let_in, .authorize = grant};
    snprintf(path, sizeof path, "%s/store", directory);
    snprintf(rpc_url, sizeof rpc_url, "ipc://%s/audit.sock", directory);
    snprintf(pub_url, sizeof pub_url, "ipc://%s/audit-events.sock", directory);
    const struct store_schema *schemas[] = {&event_store_schema, &rpc_store_schema,
                                            &audit_store_schema};
    struct event_outbox *outbox;
    struct event_publisher *publisher;
    struct rpc_server *server;
    CHECK(status_ok(crypto_open()));
    CHECK(status_ok(key_generate(directory, "audit-log")));
    CHECK(status_ok(store_open(&(struct store_config){.directory = path}, schemas, 3, &store)));
    CHECK(status_ok(event_outbox_open(store, "audit", &outbox)));
    const struct audit_service_config config = {
        .store = store, .keys_directory = directory, .origin = "florin.local/audit"};
    CHECK(status_ok(audit_service_open(&config, &context.service)));
    const struct rpc_service services[] = {{.methods = audit_methods,
                                            .handlers = audit_handlers,
                                            .count = AUDIT_METHOD_COUNT,
                                            .context = &context},
                                           event_outbox_service(outbox)};
    const char *rpc_urls[] = {rpc_url}, *pub_urls[] = {pub_url};
    const struct rpc_server_config listen = {.listen_urls = rpc_urls, .listen_url_count = 1};
    CHECK(status_ok(rpc_server_open(&listen, store, &everybody, services, 2, &server)));
    rpc_server_set_serving(server, true);
    audit_tail_listen(context.service.tail, wake, server);
    CHECK(status_ok(event_publisher_open(outbox, pub_urls, 1, &listen.tls, &publisher)));
}

static uint64_t append_to_log(struct audit_batch *batch)
{
    static const uint8_t payload[96] = {7};
    struct event_view views[STEP_EVENTS];
    for (size_t i = 0; i < STEP_EVENTS; i++)
        views[i] = (struct event_view){.source = "ledger",
                                       .type = "ledger.transfer.created",
                                       .subject = "transfers/01890000-0000-7000-8000-00000000cccc",
                                       .actor = "users/01890000-0000-7000-8000-00000000aaaa",
                                       .request_id = "01890000-0000-7000-8000-00000000abcd",
                                       .traceparent = "",
                                       .client_ip = "203.0.113.7",
                                       .device_id = "",
                                       .outcome = "success",
                                       .reason = "",
                                       .seq = next_seq++,
                                       .time_ns = clock_wall_ns(),
                                       .payload = bytes_of(payload, sizeof payload)};
    uint64_t begin_ns = clock_mono_ns();
    CHECK(status_ok(audit_batch_fill(batch, "ledger", views, STEP_EVENTS)));
    CHECK(status_ok(audit_service_accept(&context.service, "ledger", 1, batch)));
    return clock_mono_ns() - begin_ns;
}

static struct status append_to_outbox(struct store_txn *txn, void *nothing)
{
    static const uint8_t payload[96] = {7};
    (void)nothing;
    for (size_t i = 0; i < STEP_EVENTS; i++)
        event_append(txn, &(struct event){.type = "ledger.transfer.created",
                                          .subject = "transfers/of-the-bench",
                                          .actor = "users/of-the-bench",
                                          .payload = bytes_of(payload, sizeof payload)});
    return STATUS_SUCCESS;
}

static void sleep_until(uint64_t mono_ns)
{
    struct timespec until = {.tv_sec = (time_t)(mono_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(mono_ns % NS_PER_SECOND)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0) {
    }
}

static void write_for_a_turn(struct audit_batch *batch, struct samples *samples)
{
    uint64_t due_ns = clock_mono_ns();
    for (size_t i = 0; i < TURN_STEPS; i++) {
        uint64_t now_ns = clock_mono_ns();
        due_ns += STEP_MS * NS_PER_MS;
        if (due_ns < now_ns) due_ns = now_ns; // A disk that is slow is not made to catch up.
        sleep_until(due_ns);
        samples->append[samples->count] = append_to_log(batch);
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(store_write_wait(store, append_to_outbox, NULL)));
        samples->commit[samples->count++] = clock_mono_ns() - begin_ns;
    }
}

// ---- Who follows: a process of its own -----------------------------------------------------

static atomic_uint_fast64_t followed_events, read_events;
static char follower_directory[BENCH_PATH_BYTES];

static struct status handle(void *nothing, const struct event_view *events, size_t count,
                            uint64_t log_id)
{
    (void)nothing, (void)events, (void)log_id;
    atomic_fetch_add(&followed_events, count);
    return STATUS_SUCCESS;
}

static struct rpc_channel *open_channel(void)
{
    char url[BENCH_PATH_BYTES + 32];
    struct rpc_channel *channel;
    snprintf(url, sizeof url, "ipc://%s/audit.sock", follower_directory);
    const struct rpc_channel_config config = {.name = "audit", .url = url};
    CHECK(status_ok(rpc_channel_open(&config, &channel)));
    return channel;
}

static void *read_log(void *channel)
{
    struct arena *arena = arena_open(ARENA_BYTES);
    Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
    const struct rpc_metadata metadata = {.access_token = "anybody"};
    request.wait_ms = READ_WAIT_MS;
    request.limit = READ_EVENTS;
    for (bool has_begun = false;; arena_reset(arena)) {
        Audit__ReadLogResponse *reply;
        struct status status =
            rpc_channel_call_wait(channel, &audit_methods[AUDIT_READ_LOG], &metadata, &request,
                                  READ_WAIT_MS + 5000, arena, &reply);
        if (!status_ok(status)) continue; // The writer ends first, at the end of all.
        request.from_index = has_begun ? reply->next_index : reply->size;
        if (has_begun) atomic_fetch_add(&read_events, reply->n_deliveries);
        has_begun = true;
    }
    return NULL;
}

static void give_token(void *nothing, char *ret_text, size_t size)
{
    (void)nothing;
    snprintf(ret_text, size, "anybody");
}

// Follows with `count` of each kind from now on, until it is killed.
static int run_followers(unsigned count, const char *directory)
{
    char url[BENCH_PATH_BYTES + 32];
    snprintf(follower_directory, sizeof follower_directory, "%s", directory);
    snprintf(url, sizeof url, "ipc://%s/audit-events.sock", directory);
    struct event_subscriber_config config = {.source = "audit",
                                             .pub_url = url,
                                             .channel = open_channel(),
                                             .token = give_token,
                                             .not_before_ns = clock_wall_ns(),
                                             .handle = handle};
    struct event_subscriber *subscribers[FOLLOWERS];
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, read_log, open_channel()) == 0);
        CHECK(status_ok(event_subscriber_open(&config, &subscribers[i])));
    }
    for (unsigned i = 0; i < count;) { // There, and up to date.
        i += !event_subscriber_is_stale(subscribers[i]);
        sleep_until(clock_mono_ns() + NS_PER_MS);
    }
    CHECK(write(STDOUT_FILENO, "r", 1) == 1);
    uint64_t told[2] = {0};
    char order;
    while (read(STDIN_FILENO, &order, 1) == 1) { // Asked how many events came.
        told[0] = atomic_load(&followed_events);
        told[1] = atomic_load(&read_events);
        CHECK(write(STDOUT_FILENO, told, sizeof told) == (ssize_t)sizeof told);
    }
    _exit(0);
}

struct process {
    pid_t pid;
    int to, from;
};

static struct process start_followers(const char *directory, unsigned count)
{
    int to[2], from[2];
    char text[16], ready;
    CHECK(pipe(to) == 0 && pipe(from) == 0);
    snprintf(text, sizeof text, "%u", count);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // Followers outlive no bench that aborts.
        CHECK(dup2(to[0], STDIN_FILENO) >= 0 && dup2(from[1], STDOUT_FILENO) >= 0);
        close(to[1]);
        close(from[0]);
        execl("/proc/self/exe", "subscriber_bench", "--follow", directory, text, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    CHECK(read(from[0], &ready, 1) == 1);
    return (struct process){pid, to[1], from[0]};
}

static void end_followers(struct process *process)
{
    CHECK(kill(process->pid, SIGKILL) == 0);
    CHECK(waitpid(process->pid, NULL, 0) == process->pid);
    close(process->to);
    close(process->from);
}

// A turn alone begins with followers too, which then go: so the disk has had the same rest.
static void write_alone(const char *directory, struct audit_batch *batch)
{
    struct process runs = start_followers(directory, FOLLOWERS);
    struct process stopped = start_followers(directory, 1);
    end_followers(&runs);
    end_followers(&stopped);
    write_for_a_turn(batch, &alone);
}

static void write_followed(const char *directory, struct audit_batch *batch, uint64_t *events)
{
    struct process runs = start_followers(directory, FOLLOWERS);
    struct process stopped = start_followers(directory, 1);
    CHECK(kill(stopped.pid, SIGSTOP) == 0);
    write_for_a_turn(batch, &followed);
    uint64_t told[2];
    CHECK(write(runs.to, "?", 1) == 1);
    CHECK(read(runs.from, told, sizeof told) == (ssize_t)sizeof told);
    events[0] += told[0];
    events[1] += told[1];
    end_followers(&runs);
    end_followers(&stopped);
}

// ---- What came of it -----------------------------------------------------------------------

static bool print_kind(const char *name, uint64_t *without, uint64_t *with)
{
    double median[] = {(double)bench_percentile(without, SAMPLES, 0.5) / 1e3,
                       (double)bench_percentile(with, SAMPLES, 0.5) / 1e3};
    double p99[] = {(double)bench_percentile(without, SAMPLES, 0.99) / 1e3,
                    (double)bench_percentile(with, SAMPLES, 0.99) / 1e3};
    double ratio = p99[1] / p99[0];
    printf("%-36s median %7.0f us alone, %7.0f us followed; p99 %7.0f us, %7.0f us: ratio %.2f"
           " (bar %.1f)\n",
           name, median[0], median[1], p99[0], p99[1], ratio, RATIO_MAX);
    return ratio <= RATIO_MAX;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--follow") == 0)
        return run_followers((unsigned)strtoul(argv[3], NULL, 10), argv[2]);
    const char *root = argc > 1 ? argv[1] : "/tmp";
    char directory[BENCH_PATH_BYTES];
    directory_make_in(root, "bench", directory, BENCH_PATH_BYTES);
    bench_print_machine();
    bench_print_disk(directory);
    open_log(directory);
    struct audit_batch batch;
    audit_batch_open(&batch);
    uint64_t events[2] = {0};
    for (int i = 0; i < TURNS; i++) { // Without, with, with, without: what drifts hits both.
        if (i % 4 == 1 || i % 4 == 2)
            write_followed(directory, &batch, events);
        else
            write_alone(directory, &batch);
    }
    printf("%d subscribers and %d readers of the log, and one of each that is stopped; %d events "
           "a step of %d ms\n",
           FOLLOWERS, FOLLOWERS, STEP_EVENTS, STEP_MS);
    uint64_t written = (uint64_t)SAMPLES * STEP_EVENTS * FOLLOWERS;
    printf("%-36s %.0f %% of the outbox, %.0f %% of the log\n", "followed meanwhile",
           100.0 * (double)events[0] / (double)written,
           100.0 * (double)events[1] / (double)written);
    bool is_met = print_kind("append to the audit log", alone.append, followed.append);
    is_met &= print_kind("commit to an outbox", alone.commit, followed.commit);
    directory_remove(directory);
    fflush(stdout);
    _exit(is_met ? EXIT_SUCCESS : EXIT_FAILURE); // Nothing to close that a kill would not.
}
