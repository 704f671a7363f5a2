// The audit log: events a second into the tree with default durability, bytes an event, and what a
// proof costs at a million entries.
//   build/release/bench/audit_bench [directory] [entries]
#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/audit/service.h"
#include "tests/bench/bench.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { SOURCES = 2, BATCH_EVENTS = 512, PROOFS = 20000, RATES_MAX = 64 };

static struct audit_service service;
static struct store *store;
static uint64_t next_seq[SOURCES];

static const char *const source_names[SOURCES] = {"ledger", "auth"};

/// What one source's thread puts in.
struct feed {
    size_t source;
    uint64_t count;
    uint64_t seed;
};

static void make_views(struct feed *feed, uint64_t first_seq, struct event_view *views,
                       char (*texts)[2][64])
{
    static const uint8_t payload[96] = {7};
    for (size_t i = 0; i < BATCH_EVENTS; i++) {
        feed->seed = feed->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t user = feed->seed >> 44 & 0xffff; // 65,536 users.
        snprintf(texts[i][0], sizeof texts[i][0], "users/01890000-0000-7000-8000-%012" PRIx64,
                 user);
        // As UUIDv7: a time that grows, then chance.
        snprintf(texts[i][1], sizeof texts[i][1],
                 "transfers/0189%04" PRIx64 "-%04" PRIx64 "-7000-8000-%012" PRIx64,
                 (first_seq + i) >> 16, (first_seq + i) & 0xffff, feed->seed >> 16);
        views[i] = (struct event_view){
            .source = source_names[feed->source],
            .type = "ledger.transfer.created",
            .subject = texts[i][1],
            .actor = texts[i][0],
            .request_id = "01890000-0000-7000-8000-00000000abcd",
            .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            .client_ip = "203.0.113.7",
            .device_id = "01890000-0000-7000-8000-00000000dddd",
            .outcome = "success",
            .reason = "",
            .seq = first_seq + i,
            .time_ns = clock_wall_ns(),
            .payload = bytes_of(payload, sizeof payload),
        };
    }
}

static void *run_feed(void *context)
{
    struct feed *feed = context;
    static char texts[SOURCES][BATCH_EVENTS][2][64];
    static struct event_view views[SOURCES][BATCH_EVENTS];
    struct audit_batch batch;
    audit_batch_open(&batch);
    for (uint64_t done = 0; done < feed->count; done += BATCH_EVENTS) {
        const char *source = source_names[feed->source];
        struct event_view *own = views[feed->source];
        make_views(feed, next_seq[feed->source], own, texts[feed->source]);
        CHECK(status_ok(audit_batch_fill(&batch, source, own, BATCH_EVENTS)));
        CHECK(status_ok(audit_service_accept(&service, source, 1, &batch)));
        next_seq[feed->source] += BATCH_EVENTS;
    }
    audit_batch_close(&batch);
    return NULL;
}

// Both sources at once, each waiting for its batch to be durable before the next, as in the daemon.
static double append(uint64_t count)
{
    pthread_t threads[SOURCES];
    struct feed feeds[SOURCES];
    uint64_t begin_ns = clock_mono_ns();
    for (size_t i = 0; i < SOURCES; i++) {
        feeds[i] = (struct feed){.source = i, .count = count / SOURCES, .seed = next_seq[i] + i};
        CHECK(pthread_create(&threads[i], NULL, run_feed, &feeds[i]) == 0);
    }
    for (size_t i = 0; i < SOURCES; i++)
        pthread_join(threads[i], NULL);
    return (double)count * (double)NS_PER_SECOND / (double)(clock_mono_ns() - begin_ns);
}

static void measure_proofs(uint64_t size)
{
    static uint64_t samples[PROOFS];
    uint64_t seed = 1;
    for (size_t i = 0; i < PROOFS; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        struct store_txn *txn = NULL;
        struct audit_proof proof;
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(store_snapshot_begin(store, &txn)));
        CHECK(status_ok(audit_service_prove(txn, (seed >> 20) % size, &proof)));
        store_snapshot_end(&txn);
        samples[i] = clock_mono_ns() - begin_ns;
    }
    printf("%-36s %8.1f us median, %.1f us p99 (verified before it is given)\n", "inclusion proof",
           (double)bench_percentile(samples, PROOFS, 0.5) / 1e3,
           (double)bench_percentile(samples, PROOFS, 0.99) / 1e3);
}

static void measure_pages(const char *name, const struct audit_filter *filter)
{
    enum { PAGES = 500, PAGE_SIZE = 50 };

    static uint64_t samples[PAGES];
    for (size_t i = 0; i < PAGES; i++) {
        struct store_txn *txn = NULL;
        struct audit_list list;
        struct audit_event event;
        enum audit_list_step step = AUDIT_LIST_EVENT;
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(store_snapshot_begin(store, &txn)));
        CHECK(status_ok(audit_list_begin(txn, filter, UINT64_MAX, &list)));
        for (size_t k = 0; k < PAGE_SIZE && step == AUDIT_LIST_EVENT; k++)
            CHECK(status_ok(audit_list_next(&list, &event, &step)));
        audit_list_end(&list);
        store_snapshot_end(&txn);
        samples[i] = clock_mono_ns() - begin_ns;
    }
    printf("%-36s %8.1f us median\n", name, (double)bench_percentile(samples, PAGES, 0.5) / 1e3);
}

static void open_log(const char *directory)
{
    static char path[BENCH_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s/store", directory);
    const struct store_schema *schemas[] = {&audit_store_schema};
    struct store_config config = {.directory = path};
    CHECK(status_ok(crypto_open()));
    CHECK(status_ok(key_generate(directory, "audit-log")));
    CHECK(status_ok(store_open(&config, schemas, 1, &store)));
    struct audit_service_config service_config = {
        .store = store, .keys_directory = directory, .origin = "florin.local/audit"};
    CHECK(status_ok(audit_service_open(&service_config, &service)));
    for (size_t i = 0; i < SOURCES; i++)
        next_seq[i] = 1;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "/tmp";
    uint64_t total = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    uint64_t step = total / 10 / (SOURCES * BATCH_EVENTS) * (SOURCES * BATCH_EVENTS);
    if (step == 0) step = SOURCES * BATCH_EVENTS;
    char directory[BENCH_PATH_BYTES];
    directory_make_in(root, "bench", directory, BENCH_PATH_BYTES);
    bench_print_machine();
    bench_print_disk(directory);
    open_log(directory);

    double rates[RATES_MAX];
    size_t count = 0;
    uint64_t size = 0;
    for (; size < total && count < RATES_MAX; size += step)
        rates[count++] = append(step);
    struct store_stats stats;
    store_get_stats(store, &stats);
    printf("%d sources, batches of %d events, %" PRIu64 " entries\n", SOURCES, BATCH_EVENTS, size);
    bench_print_line("append, durable and checkpointed", bench_spread_of(rates, count), "events/s");
    printf("%-36s %8.0f bytes\n", "an event in the store, all told",
           (double)stats.bytes_used / (double)size);
    printf("%-36s %8.0f events\n", "a commit", (double)size / (double)stats.commits);
    measure_proofs(size);
    struct audit_filter by_actor = {
        .actor = bytes_of_text("users/01890000-0000-7000-8000-000000000007")};
    measure_pages("a page of 50, newest", &(struct audit_filter){.to_ns = 0});
    measure_pages("a page of 50 of one actor", &by_actor);

    store_close(&store);
    audit_service_close(&service);
    directory_remove(directory);
    return 0;
}
