// The real florin-ledger over its ipc socket, past the gateway: batches of 8,190 transfers between
// 10,000 accounts, and single calls alone, set against one commit of the same store. The other four
// daemons run beside it, as they do in production, and so does this client.
//   FLORIN_BINARY_DIR=build/release build/release/bench/ledger_rpc_bench [batches] [disk directory]
// Exits 1 when a bar is missed.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/pack.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "tests/bench/bench.h"
#include "tests/bench/ledger_requests.h"
#include "tests/support/world.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 8190,
    BATCHES_MAX = 200,
    IN_FLIGHT = 2, // One is being run while the next is on its way.
    RUNS = 3,
    SINGLES = 1000,
    TIMEOUT_MS = 30000,
    ARENA_BYTES_MAX = 64 << 20,
};

#define BAR_BATCH_PER_S 100000.0
#define BAR_SINGLE_US 300.0 // Beyond one commit.

struct bench {
    struct world world;
    struct http_client *client;
    struct person teller;
    struct rpc_channel *channel;
    uint64_t random;
    size_t batch_count;
    bool has_failed;
};

static void judge(struct bench *bench, const char *what, bool is_met)
{
    printf("  bar: %s: %s\n", what, is_met ? "met" : "MISSED");
    bench->has_failed = bench->has_failed || !is_met;
}

// ---- Requests -----------------------------------------------------------------------------------

/// A batch as the bytes of its message; freed by the caller.
static struct bytes pack_batch(struct bench *bench)
{
    static struct ledger_request requests[BATCH];
    static Ledger__CreateTransferRequest *messages[BATCH];
    for (size_t i = 0; i < BATCH; i++) {
        ledger_request_make(&bench->random, &requests[i]);
        messages[i] = &requests[i].message;
    }
    Ledger__BatchCreateTransfersRequest batch = LEDGER__BATCH_CREATE_TRANSFERS_REQUEST__INIT;
    batch.n_transfers = BATCH;
    batch.transfers = messages;
    size_t size = ledger__batch_create_transfers_request__get_packed_size(&batch);
    uint8_t *data = malloc(size);
    CHECK(data != NULL);
    ledger__batch_create_transfers_request__pack(&batch, data);
    return bytes_of(data, size);
}

// ---- Batches ------------------------------------------------------------------------------------

struct batches {
    struct bench *bench;
    struct bytes payloads[BATCHES_MAX];
    size_t sent, answered;
    uint64_t reply_bytes;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct rpc_client_call calls[IN_FLIGHT];
};

static void send_next(struct batches *batches, struct rpc_client_call *call);

static void on_batch(struct rpc_client_call *call)
{
    struct batches *batches = call->context;
    if (!status_ok(call->status)) {
        fprintf(stderr, "%s: %s\n", call->status.reason, call->status.message);
        CHECK(status_ok(call->status));
    }
    pthread_mutex_lock(&batches->lock);
    batches->answered++;
    batches->reply_bytes += call->reply.size;
    bool has_more = batches->sent < batches->bench->batch_count;
    pthread_cond_signal(&batches->ended);
    pthread_mutex_unlock(&batches->lock);
    if (has_more) send_next(batches, call);
}

static void send_next(struct batches *batches, struct rpc_client_call *call)
{
    pthread_mutex_lock(&batches->lock);
    bool has_more = batches->sent < batches->bench->batch_count;
    struct bytes payload = has_more ? batches->payloads[batches->sent++] : bytes_of(NULL, 0);
    pthread_mutex_unlock(&batches->lock);
    if (!has_more) return;
    *call = (struct rpc_client_call){
        .method = &ledger_methods[LEDGER_BATCH_CREATE_TRANSFERS],
        .metadata = {.access_token = batches->bench->teller.token},
        .payload = payload,
        .deadline_mono_ns = clock_mono_ns() + TIMEOUT_MS * NS_PER_MS,
        .done = on_batch,
        .context = batches,
    };
    rpc_channel_call(batches->bench->channel, call);
}

/// What is sent is packed before the clock starts: the client is not what is measured.
static double run_batches(void *context)
{
    struct bench *bench = context;
    static struct batches batches;
    batches = (struct batches){
        .bench = bench, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    people_login(bench->client, &bench->teller); // Tokens live for minutes.
    for (size_t i = 0; i < bench->batch_count; i++)
        batches.payloads[i] = pack_batch(bench);
    uint64_t begin_ns = clock_mono_ns();
    for (size_t i = 0; i < IN_FLIGHT; i++)
        send_next(&batches, &batches.calls[i]);
    pthread_mutex_lock(&batches.lock);
    while (batches.answered < bench->batch_count)
        pthread_cond_wait(&batches.ended, &batches.lock);
    pthread_mutex_unlock(&batches.lock);
    double seconds = (double)(clock_mono_ns() - begin_ns) / (double)NS_PER_SECOND;
    for (size_t i = 0; i < bench->batch_count; i++)
        free((void *)(uintptr_t)batches.payloads[i].data);
    return (double)(bench->batch_count * BATCH) / seconds;
}

// ---- Singles ------------------------------------------------------------------------------------

static double run_singles(struct bench *bench)
{
    static uint64_t samples[SINGLES];
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    const struct rpc_metadata metadata = {.access_token = bench->teller.token};
    for (size_t i = 0; i < SINGLES; i++) {
        struct ledger_request request;
        Ledger__Transfer *reply;
        ledger_request_make(&bench->random, &request);
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(rpc_channel_call_wait(bench->channel,
                                              &ledger_methods[LEDGER_CREATE_TRANSFER], &metadata,
                                              &request.message, TIMEOUT_MS, arena, &reply)));
        samples[i] = clock_mono_ns() - begin_ns;
        arena_reset(arena);
    }
    arena_close(&arena);
    double p50_us = (double)bench_percentile(samples, SINGLES, 0.5) / 1000;
    printf("  %-44s %8.1f us median, %.1f us p99\n", "one call alone", p50_us,
           (double)bench_percentile(samples, SINGLES, 0.99) / 1000);
    return p50_us;
}

// ---- All ----------------------------------------------------------------------------------------

static void open_channel(struct bench *bench)
{
    char url[WORLD_PATH_BYTES + 64];
    snprintf(url, sizeof url, "ipc://%s/run/ledger.sock", bench->world.data);
    CHECK(status_ok(rpc_channel_open(&(struct rpc_channel_config){.name = "ledger", .url = url},
                                     &bench->channel)));
    while (!rpc_channel_is_up(bench->channel))
        poll(NULL, 0, 1);
}

static bool measure(const char *root, size_t batch_count, bool has_batch_bar)
{
    static struct bench bench;
    bench = (struct bench){.random = 1, .batch_count = batch_count};
    CHECK(setenv("TMPDIR", root, 1) == 0);
    bench_print_disk(root);
    world_make(&bench.world);
    char directory[WORLD_PATH_BYTES + 16]; // The daemon's own, before it starts.
    snprintf(directory, sizeof directory, "%s/ledger", bench.world.data);
    books_make_in(directory);
    double commit_us = books_commit_us(root);
    printf("  %-44s %8.1f us median\n", "one commit, without a daemon", commit_us);
    fflush(stdout); // It forks: what is not written yet would be written twice.
    world_start(&bench.world);
    bench.client = http_client_open(&bench.world);
    people_staff(&bench.world, bench.client, "teller", &bench.teller);
    open_channel(&bench);

    double single_us = run_singles(&bench);
    printf("    beyond the commit: %.1f us\n", single_us - commit_us);
    judge(&bench, "alone: one commit + 300 us", single_us - commit_us <= BAR_SINGLE_US);
    struct bench_spread rate = bench_measure(run_batches, &bench, RUNS);
    bench_print_line("  batches of 8,190 over RPC, 10,000 accounts", rate, "transfers/s");
    if (has_batch_bar) judge(&bench, ">= 100,000", rate.median >= BAR_BATCH_PER_S);
    http_client_close(&bench.client);
    world_close(&bench.world);
    return !bench.has_failed;
}

int main(int argc, char **argv)
{
    size_t batch_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 30;
    if (batch_count == 0 || batch_count > BATCHES_MAX) batch_count = 30;
    bench_print_machine();
    printf("median of %d runs of %zu batches, %d on their way at a time\n", RUNS, batch_count,
           IN_FLIGHT);
    bool is_met = measure(argc > 2 ? argv[2] : "/var/tmp", batch_count, false);
    is_met = measure("/dev/shm", batch_count, true) && is_met;
    return is_met ? EXIT_SUCCESS : EXIT_FAILURE;
}
