// From an event that is committed in the ledger to a signed checkpoint that covers it: transfers
// come at a steady rate, one call each, into the real florin-ledger; the real florin-audit follows.
//   FLORIN_BINARY_DIR=build/release build/release/bench/audit_latency_bench [a second] [disk
//   directory]
// What is measured: the k-th transfer that was acknowledged has an event whose seq is at most the
// k-th (events have the order of commits); it counts as covered when audit's status first says, in
// one snapshot with the checkpoint of that size, that the ledger's first k events are in the log.
// Exits 1 when the bar is missed.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/pack.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "tests/bench/bench.h"
#include "tests/bench/ledger_requests.h"
#include "tests/support/world.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECONDS = 8,
    RUNS = 3,
    TRANSFERS_MAX = 400000,
    LOOKS_MAX = 200000,
    TIMEOUT_MS = 30000,
    ARENA_BYTES = 1 << 20,
    TICK_MS = 2,
};

#define BAR_P99_MS 250.0

/// What audit's status said at a moment.
struct look {
    uint64_t at_ns, ledger_seq;
};

struct bench {
    struct world world;
    struct http_client *client;
    struct person teller, auditor;
    struct rpc_channel *ledger, *audit;
    uint64_t random, rate;
    struct rpc_client_call *calls;
    struct bytes *payloads;
    uint64_t *acknowledged_ns;
    atomic_size_t acknowledged;
    struct look *looks;
    size_t look_count;
    atomic_bool is_over;
    uint64_t base_seq; // Of the ledger, before the run.
};

// ---- Audit's side -------------------------------------------------------------------------------

static struct look look_at(struct bench *bench, struct arena *arena)
{
    const struct rpc_metadata metadata = {.access_token = bench->auditor.token};
    Audit__GetStatusRequest request = AUDIT__GET_STATUS_REQUEST__INIT;
    Audit__LogStatus *reply;
    struct look look = {0};
    CHECK(status_ok(rpc_channel_call_wait(bench->audit, &audit_methods[AUDIT_GET_STATUS], &metadata,
                                          &request, TIMEOUT_MS, arena, &reply)));
    look.at_ns = clock_mono_ns();
    CHECK(reply->published_size == reply->size);
    for (size_t i = 0; i < reply->n_sources; i++) {
        if (strcmp(reply->sources[i]->source, "ledger") == 0)
            look.ledger_seq = reply->sources[i]->seq;
    }
    arena_reset(arena);
    return look;
}

static void *watch(void *context)
{
    struct bench *bench = context;
    struct arena *arena = arena_open(ARENA_BYTES);
    while (!atomic_load(&bench->is_over)) {
        CHECK(bench->look_count < LOOKS_MAX);
        bench->looks[bench->look_count++] = look_at(bench, arena);
        poll(NULL, 0, 1);
    }
    arena_close(&arena);
    return NULL;
}

/// The ledger's events so far, when none is under way any more.
static uint64_t settled_seq(struct bench *bench)
{
    struct arena *arena = arena_open(ARENA_BYTES);
    uint64_t seq = 0, before;
    do {
        before = seq;
        poll(NULL, 0, 300);
        seq = look_at(bench, arena).ledger_seq;
    } while (seq != before);
    arena_close(&arena);
    return seq;
}

// ---- The ledger's side --------------------------------------------------------------------------

static void on_transfer(struct rpc_client_call *call)
{
    struct bench *bench = call->context;
    if (!status_ok(call->status)) fprintf(stderr, "%s\n", call->status.reason);
    CHECK(status_ok(call->status));
    bench->acknowledged_ns[atomic_fetch_add(&bench->acknowledged, 1)] = clock_mono_ns();
}

static struct bytes pack_transfer(struct bench *bench)
{
    struct ledger_request request;
    ledger_request_make(&bench->random, &request);
    size_t size = ledger__create_transfer_request__get_packed_size(&request.message);
    uint8_t *data = malloc(size);
    CHECK(data != NULL);
    ledger__create_transfer_request__pack(&request.message, data);
    return bytes_of(data, size);
}

/// Sends by the clock, whether or not there were answers.
static void send_all(struct bench *bench, size_t count)
{
    uint64_t begin_ns = clock_mono_ns();
    for (size_t sent = 0; sent < count;) {
        size_t due = (size_t)((clock_mono_ns() - begin_ns) * bench->rate / NS_PER_SECOND);
        for (; sent < due && sent < count; sent++) {
            bench->calls[sent] = (struct rpc_client_call){
                .method = &ledger_methods[LEDGER_CREATE_TRANSFER],
                .metadata = {.access_token = bench->teller.token},
                .payload = bench->payloads[sent],
                .deadline_mono_ns = clock_mono_ns() + TIMEOUT_MS * NS_PER_MS,
                .done = on_transfer,
                .context = bench,
            };
            rpc_channel_call(bench->ledger, &bench->calls[sent]);
        }
        poll(NULL, 0, TICK_MS);
    }
    while (atomic_load(&bench->acknowledged) < count)
        poll(NULL, 0, TICK_MS);
}

// ---- A run --------------------------------------------------------------------------------------

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/// How long each transfer waited, from its acknowledgement on.
static void find_latencies(struct bench *bench, size_t count, uint64_t *ret_ns)
{
    qsort(bench->acknowledged_ns, count, sizeof *bench->acknowledged_ns, compare_times);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < bench->look_count && bench->looks[at].ledger_seq < bench->base_seq + i + 1)
            at++;
        CHECK(at < bench->look_count);
        uint64_t from_ns = bench->acknowledged_ns[i], to_ns = bench->looks[at].at_ns;
        ret_ns[i] = to_ns > from_ns ? to_ns - from_ns : 0;
    }
}

static double run_once(void *context)
{
    struct bench *bench = context;
    static uint64_t latencies[TRANSFERS_MAX];
    size_t count = (size_t)bench->rate * SECONDS;
    CHECK(count <= TRANSFERS_MAX);
    people_login(bench->client, &bench->teller); // Tokens live for minutes.
    people_login(bench->client, &bench->auditor);
    for (size_t i = 0; i < count; i++)
        bench->payloads[i] = pack_transfer(bench);
    bench->base_seq = settled_seq(bench);
    bench->look_count = 0;
    atomic_store(&bench->acknowledged, 0);
    atomic_store(&bench->is_over, false);
    pthread_t watcher;
    CHECK(pthread_create(&watcher, NULL, watch, bench) == 0);
    uint64_t begin_ns = clock_mono_ns();
    send_all(bench, count);
    double seconds = (double)(clock_mono_ns() - begin_ns) / (double)NS_PER_SECOND;
    CHECK(settled_seq(bench) == bench->base_seq + count);
    atomic_store(&bench->is_over, true);
    pthread_join(watcher, NULL);
    find_latencies(bench, count, latencies);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)bench->payloads[i].data);
    double p50_ms = (double)bench_percentile(latencies, count, 0.5) / 1e6;
    double p99_ms = (double)bench_percentile(latencies, count, 0.99) / 1e6;
    printf("  %8.0f transfers/s acknowledged: median %6.1f ms, p99 %6.1f ms, longest %6.1f ms\n",
           (double)count / seconds, p50_ms, p99_ms,
           (double)bench_percentile(latencies, count, 1.0) / 1e6);
    return p99_ms;
}

static struct rpc_channel *open_channel(const struct bench *bench, const char *name)
{
    char url[WORLD_PATH_BYTES + 64];
    struct rpc_channel *channel;
    snprintf(url, sizeof url, "ipc://%s/run/%s.sock", bench->world.data, name);
    struct rpc_channel_config config = {.name = name, .url = url};
    CHECK(status_ok(rpc_channel_open(&config, &channel)));
    while (!rpc_channel_is_up(channel))
        poll(NULL, 0, 1);
    return channel;
}

static void *allocate(size_t count, size_t size)
{
    void *made = calloc(count, size);
    CHECK(made != NULL);
    return made;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    const char *root = argc > 2 ? argv[2] : "/var/tmp";
    bench.random = 1;
    bench.rate = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000;
    if (bench.rate == 0 || bench.rate > TRANSFERS_MAX / SECONDS) bench.rate = 5000;
    bench.calls = allocate(TRANSFERS_MAX, sizeof *bench.calls);
    bench.payloads = allocate(TRANSFERS_MAX, sizeof *bench.payloads);
    bench.acknowledged_ns = allocate(TRANSFERS_MAX, sizeof *bench.acknowledged_ns);
    bench.looks = allocate(LOOKS_MAX, sizeof *bench.looks);
    bench_print_machine();
    CHECK(setenv("TMPDIR", root, 1) == 0);
    bench_print_disk(root);
    world_make(&bench.world);
    char directory[WORLD_PATH_BYTES + 16];
    snprintf(directory, sizeof directory, "%s/ledger", bench.world.data);
    books_make_in(directory);
    fflush(stdout); // It forks: what is not written yet would be written twice.
    world_start(&bench.world);
    bench.client = http_client_open(&bench.world);
    people_staff(&bench.world, bench.client, "teller", &bench.teller);
    people_staff(&bench.world, bench.client, "auditor", &bench.auditor);
    bench.ledger = open_channel(&bench, "ledger");
    bench.audit = open_channel(&bench, "audit");
    printf("%" PRIu64 " transfers a second for %d s, %d runs\n", bench.rate, SECONDS, RUNS);
    struct bench_spread p99 = bench_measure(run_once, &bench, RUNS);
    bench_print_line("  committed to checkpointed, p99", p99, "ms");
    bool is_met = p99.median <= BAR_P99_MS;
    printf("  bar: p99 <= 250 ms: %s\n", is_met ? "met" : "MISSED");
    http_client_close(&bench.client);
    world_close(&bench.world);
    return is_met ? EXIT_SUCCESS : EXIT_FAILURE;
}
