// Transfers through the ledger's service on a real store, on a disk and in memory: one job for each
// transfer by group size, as REST calls are; batches of 8,190; spread over 10,000 accounts and with
// one hot account in every transfer; what a transfer takes of the store; and reads of an account
// with 1,000,000 entries.
//   build/release/bench/ledger_bench [seconds per run] [directory on the disk]
// Exits 1 when a bar is missed.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/unit.h"
#include "services/ledger/verify.h"
#include "tests/bench/bench.h"
#include "tests/bench/ledger_books.h"
#include "tests/bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUN_COUNT = 3,
    BATCH = 8190,
    READ_COUNT = 5000,
    HISTORY_ENTRIES = 1000000,
    HISTORY_PAGE = 50,
    PAGE_BYTES = 4096, // Of the store.
    SINGLE_ARENA_BYTES_MAX = 1 << 20,
    BATCH_ARENA_BYTES_MAX = 128 << 20,
};

#define BAR_READ_US 100.0
#define BAR_HOT_RATIO 1.0

struct transfer_job {
    struct load_job load; // First.
    struct ledger_movement movement;
};

struct bench {
    char directory[BENCH_PATH_BYTES];
    struct store *store;
    struct ledger_service service;
    struct arena *arena; // The writer thread's.
    struct ledger_movement *movements;
    struct ledger_batch_result *results;
    size_t group_size;
    bool is_hot; // Every transfer debits the same account.
    double seconds;
    uint64_t random;
    bool has_failed;
};

static void judge(struct bench *bench, const char *what, bool is_met)
{
    printf("  bar: %s: %s\n", what, is_met ? "met" : "MISSED");
    bench->has_failed = bench->has_failed || !is_met;
}

static void open_bench(struct bench *bench, const char *root)
{
    directory_make_in(root, "bench", bench->directory, BENCH_PATH_BYTES);
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = bench->directory};
    CHECK(status_ok(store_open(&config, schemas, 1, &bench->store)));
    CHECK(status_ok(ledger_service_open(bench->store, &bench->service)));
    bench->arena = arena_open(SINGLE_ARENA_BYTES_MAX);
    bench->movements = calloc(BATCH, sizeof *bench->movements);
    bench->results = calloc(BATCH, sizeof *bench->results);
    CHECK(bench->movements != NULL && bench->results != NULL);
    books_make(&bench->service);
}

static void close_bench(struct bench *bench)
{
    store_close(&bench->store);
    ledger_service_close(&bench->service);
    arena_close(&bench->arena);
    free(bench->movements);
    free(bench->results);
    directory_remove(bench->directory);
}

// ---- Singles ------------------------------------------------------------------------------------

static struct status run_transfer(struct store_job *job, struct store_txn *txn)
{
    struct transfer_job *transfer = (struct transfer_job *)job;
    struct bench *bench = transfer->load.context;
    struct ledger_unit *unit;
    struct ledger_outcome outcome;
    arena_reset(bench->arena);
    RETURN_IF_ERROR(ledger_unit_open(&bench->service, txn, bench->arena, 1, &unit));
    RETURN_IF_ERROR(ledger_service_move(unit, &books_bank, &transfer->movement, &outcome));
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static void prepare_transfer(struct load_job *job)
{
    struct bench *bench = job->context;
    ((struct transfer_job *)job)->movement = books_transfer(&bench->random, bench->is_hot);
}

static double run_singles(void *context)
{
    struct bench *bench = context;
    struct load_config config = {
        .store = bench->store,
        .group_size = bench->group_size,
        .seconds = bench->seconds,
        .job_bytes = sizeof(struct transfer_job),
        .job = {.run = run_transfer,
                .weight_bytes = 2 * LEDGER_ACCOUNT_BYTES + 200,
                .refuse_before_change = true},
        .prepare = prepare_transfer,
        .context = bench,
    };
    return load_run(&config).jobs_per_s;
}

// ---- Batches ------------------------------------------------------------------------------------

static struct status run_batch(struct store_txn *txn, void *context)
{
    struct bench *bench = context;
    struct ledger_unit *unit;
    struct ledger_batch batch = {.movements = bench->movements,
                                 .count = BATCH,
                                 .mode = LEDGER_BATCH_INDEPENDENT,
                                 .group_id = bench->movements[0].asked.group_id,
                                 .results = bench->results};
    arena_reset(bench->arena);
    arena_set_limit(bench->arena, BATCH_ARENA_BYTES_MAX);
    RETURN_IF_ERROR(ledger_unit_open(&bench->service, txn, bench->arena, BATCH, &unit));
    RETURN_IF_ERROR(ledger_service_batch(unit, &books_bank, &batch));
    CHECK(batch.created == BATCH);
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

/// Gives the nanoseconds from handing the batch to the store until it was durable.
static uint64_t make_batch(struct bench *bench)
{
    struct id128 group_id = id128_generate();
    for (size_t i = 0; i < BATCH; i++) {
        bench->movements[i] = books_transfer(&bench->random, bench->is_hot);
        bench->movements[i].asked.group_id = group_id;
    }
    uint64_t begin_ns = clock_mono_ns();
    CHECK(status_ok(store_write_wait(bench->store, run_batch, bench)));
    return clock_mono_ns() - begin_ns;
}

static double run_batches(void *context)
{
    struct bench *bench = context;
    uint64_t count = 0, spent_ns = 0;
    for (; (double)spent_ns < bench->seconds * (double)NS_PER_SECOND; count += BATCH)
        spent_ns += make_batch(bench);
    return (double)count * (double)NS_PER_SECOND / (double)spent_ns;
}

// ---- What a transfer takes ----------------------------------------------------------------------

/// Bytes that this process has handed to write system calls: the store writes each page that a
/// commit dirtied once, and nothing else writes here.
static uint64_t written_bytes(void)
{
    FILE *file = fopen("/proc/self/io", "re");
    CHECK(file != NULL);
    char line[64];
    uint64_t bytes = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "wchar: ", 7) == 0) bytes = strtoull(line + 7, NULL, 10);
    }
    fclose(file);
    return bytes;
}

static uint64_t transfer_count(struct bench *bench)
{
    struct ledger_state state;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    CHECK(status_ok(store_snapshot_begin(bench->store, &txn)));
    CHECK(status_ok(ledger_store_get_state(txn, &state)));
    return state.transfer_count;
}

static void print_cost(struct bench *bench, const char *name, double (*run)(void *context))
{
    struct store_stats before, after;
    store_get_stats(bench->store, &before);
    uint64_t count = transfer_count(bench), written = written_bytes();
    (void)run(bench);
    written = written_bytes() - written;
    count = transfer_count(bench) - count;
    store_get_stats(bench->store, &after);
    printf("    %-40s %6.2f pages dirtied, store grown by %.0f bytes a transfer\n", name,
           (double)written / PAGE_BYTES / (double)count,
           (double)(after.bytes_used - before.bytes_used) / (double)count);
}

// ---- Reads --------------------------------------------------------------------------------------

/// Batches with one hot account until its history is long.
static void grow_history(struct bench *bench)
{
    bench->is_hot = true;
    for (;;) {
        struct ledger_account hot;
        CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
        CHECK(status_ok(store_snapshot_begin(bench->store, &txn)));
        CHECK(status_ok(ledger_store_get_account(txn, books_account_id(0), &hot)));
        if (hot.head.entry_count >= HISTORY_ENTRIES) return;
        store_snapshot_end(&txn);
        (void)make_batch(bench);
    }
}

struct read {
    struct bench *bench;
    struct store_txn *txn;
    struct arena *arena;
    struct ledger_account account;
    uint64_t begin_ns, end_ns; // Of the middle half of the history.
};

static void read_balance(struct read *read)
{
    struct ledger_account account;
    struct id128 id = books_account_id(0);
    CHECK(status_ok(ledger_service_get_account(read->txn, &books_bank, id, &account)));
}

static uint64_t pick_time(struct read *read)
{
    return read->begin_ns +
           books_pick(&read->bench->random, (read->end_ns - read->begin_ns) / 1000) * 1000;
}

static void read_balance_at(struct read *read)
{
    struct ledger_account account = read->account;
    CHECK(status_ok(ledger_service_account_at(&read->bench->service, read->txn, pick_time(read),
                                              clock_wall_ns(), &account)));
}

static void read_page(struct read *read, uint64_t to_ns)
{
    struct ledger_history_query query = {.to_ns = to_ns, .size = HISTORY_PAGE};
    struct ledger_page page;
    CHECK(status_ok(ledger_service_history(read->txn, read->arena, &read->account, &query, &page)));
    CHECK(page.count == HISTORY_PAGE);
}

static void read_newest_page(struct read *read)
{
    read_page(read, 0);
}

static void read_middle_page(struct read *read)
{
    read_page(read, pick_time(read));
}

static uint64_t time_of_entry(struct read *read, uint64_t index)
{
    struct ledger_transfer transfer;
    enum ledger_side side;
    CHECK(status_ok(
        ledger_search(read->txn, &read->account, LEDGER_BY_INDEX, index, &transfer, &side)));
    return transfer.created_at_ns;
}

static void measure_read(struct bench *bench, struct read *read, const char *name,
                         void (*run)(struct read *read))
{
    static uint64_t samples[READ_COUNT];
    for (size_t i = 0; i < READ_COUNT; i++) {
        arena_reset(read->arena);
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(store_snapshot_begin(bench->store, &read->txn)));
        run(read);
        store_snapshot_end(&read->txn);
        samples[i] = clock_mono_ns() - begin_ns;
    }
    double p50 = (double)bench_percentile(samples, READ_COUNT, 0.5) / 1000;
    double p99 = (double)bench_percentile(samples, READ_COUNT, 0.99) / 1000;
    printf("  %-44s %8.1f us median, %.1f us p99\n", name, p50, p99);
    judge(bench, "<= 100 us", p50 <= BAR_READ_US);
}

static void measure_reads(struct bench *bench)
{
    grow_history(bench);
    struct read read = {.bench = bench, .arena = arena_open(SINGLE_ARENA_BYTES_MAX)};
    CHECK(status_ok(store_snapshot_begin(bench->store, &read.txn)));
    CHECK(status_ok(ledger_store_get_account(read.txn, books_account_id(0), &read.account)));
    read.begin_ns = time_of_entry(&read, HISTORY_ENTRIES / 4);
    read.end_ns = time_of_entry(&read, HISTORY_ENTRIES / 4 * 3);
    store_snapshot_end(&read.txn);
    printf("reads of an account with %ju entries, snapshot included\n",
           (uintmax_t)read.account.head.entry_count);
    measure_read(bench, &read, "balance now", read_balance);
    measure_read(bench, &read, "balance at a time in the middle half", read_balance_at);
    measure_read(bench, &read, "history, newest 50", read_newest_page);
    measure_read(bench, &read, "history, 50 before a time in the middle", read_middle_page);
    arena_close(&read.arena);
}

// ---- All ----------------------------------------------------------------------------------------

/// Spread and hot take turns, so that what else the machine does meets both; gives hot / spread.
static double print_rates(struct bench *bench, const char *what, double (*run)(void *context))
{
    static const char *const names[] = {"spread over 10,000 accounts", "one hot account"};
    double rates[2][RUN_COUNT], medians[2];
    for (size_t i = 0; i < RUN_COUNT; i++) {
        for (size_t hot = 0; hot < 2; hot++) {
            bench->is_hot = hot == 1;
            rates[hot][i] = run(bench);
        }
    }
    for (size_t hot = 0; hot < 2; hot++) {
        char name[80];
        snprintf(name, sizeof name, "  %s, %s", what, names[hot]);
        struct bench_spread rate = bench_spread_of(rates[hot], RUN_COUNT);
        bench_print_line(name, rate, "transfers/s");
        medians[hot] = rate.median;
    }
    printf("    hot / spread: %.2f\n", medians[1] / medians[0]);
    return medians[1] / medians[0];
}

static void measure_rates(struct bench *bench)
{
    enum { SIZES = 5 };

    static const size_t group_sizes[SIZES] = {1, 16, 64, 256, 1024};
    double ratios[SIZES + 1];
    char what[64];
    for (size_t i = 0; i < SIZES; i++) {
        bench->group_size = group_sizes[i];
        snprintf(what, sizeof what, "singles, groups of %zu", bench->group_size);
        ratios[i] = print_rates(bench, what, run_singles);
    }
    ratios[SIZES] = print_rates(bench, "batches of 8,190", run_batches);
    struct bench_spread ratio = bench_spread_of(ratios, SIZES + 1);
    printf("  hot / spread, median of these: %.2f\n", ratio.median);
    judge(bench, "a hot account is no slower", ratio.median >= BAR_HOT_RATIO);

    bench->is_hot = false;
    for (size_t i = 0; i < SIZES; i += 2) {
        bench->group_size = group_sizes[i];
        snprintf(what, sizeof what, "singles, groups of %zu", bench->group_size);
        print_cost(bench, what, run_singles);
    }
    print_cost(bench, "batches of 8,190", run_batches);
}

/// Also a check of all that was done here.
static void measure_verify(struct bench *bench)
{
    static struct ledger_verification result;
    uint64_t begin_ns = clock_mono_ns();
    CHECK(status_ok(ledger_verify(bench->store, NULL, &result)));
    double seconds = (double)(clock_mono_ns() - begin_ns) / (double)NS_PER_SECOND;
    printf("  ledger verify: %ju transfers in %.2f s, %.2f us each, %ju findings\n",
           (uintmax_t)result.transfers, seconds, seconds * 1e6 / (double)result.transfers,
           (uintmax_t)result.finding_count);
    judge(bench, "no findings", result.finding_count == 0);
}

static bool measure(const char *root, double seconds, bool with_reads)
{
    struct bench bench = {.seconds = seconds, .random = 1};
    bench_print_disk(root);
    open_bench(&bench, root);
    measure_rates(&bench);
    if (with_reads) measure_reads(&bench);
    measure_verify(&bench);
    close_bench(&bench);
    return !bench.has_failed;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    const char *disk = argc > 2 ? argv[2] : "/var/tmp";
    bench_print_machine();
    bool is_met = measure(disk, seconds, true);
    is_met = measure("/dev/shm", seconds, false) && is_met;
    return is_met ? EXIT_SUCCESS : EXIT_FAILURE;
}
