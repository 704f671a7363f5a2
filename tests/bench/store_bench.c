// Group commit: what a transfer-like job costs (two gets, two puts, one append) by group size, with
// a savepoint per job and without, on a disk and in memory.
//   build/release/bench/store_bench [seconds per run] [directory on the disk]
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/store/store.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TABLE_ACCOUNTS = STORE_TABLE_SERVICE_FIRST,
    TABLE_TRANSFERS,
    ACCOUNT_COUNT = 100000,
    ACCOUNT_BYTES = 128,
    TRANSFER_BYTES = 128,
    RUN_COUNT = 3,
    WAIT_COUNT = 400,
};

struct bench {
    struct store *store;
    size_t group_size;
    bool refuse_before_change;
    double seconds;
    uint64_t next_transfer, random;
    double commits_per_s;
};

static const struct store_table tables[] = {{TABLE_ACCOUNTS, "accounts"},
                                            {TABLE_TRANSFERS, "transfers"}};
static const struct store_schema schema = {
    .name = "bench", .version = 1, .tables = tables, .table_count = 2};

// ---- The job -------------------------------------------------------------------------------

static struct bytes account_key(uint64_t number, uint8_t key[static 16])
{
    put_u64_be(key, number * UINT64_C(0x9E3779B97F4A7C15)); // Spread, as random ids are.
    put_u64_be(key + 8, number);
    return bytes_of(key, 16);
}

static uint64_t pick_account(struct bench *bench)
{
    bench->random = bench->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (bench->random >> 33) % ACCOUNT_COUNT;
}

static struct status post(struct store_txn *txn, struct bytes key, uint64_t amount, int sign)
{
    struct bytes found;
    uint8_t account[ACCOUNT_BYTES];
    RETURN_IF_ERROR(store_get(txn, TABLE_ACCOUNTS, key, &found));
    CHECK(found.size == ACCOUNT_BYTES);
    memcpy(account, found.data, ACCOUNT_BYTES);
    put_u64_be(account, get_u64_be(account) + (sign > 0 ? amount : -amount));
    store_put(txn, TABLE_ACCOUNTS, key, bytes_of(account, sizeof account));
    return STATUS_SUCCESS;
}

static struct status run_transfer(struct store_job *job, struct store_txn *txn)
{
    struct bench *bench = ((struct load_job *)job)->context;
    uint8_t debit_key[16], credit_key[16], transfer_key[8], transfer[TRANSFER_BYTES] = {0};
    struct bytes debit = account_key(pick_account(bench), debit_key);
    struct bytes credit = account_key(pick_account(bench), credit_key);
    RETURN_IF_ERROR(post(txn, debit, 1, -1));
    RETURN_IF_ERROR(post(txn, credit, 1, 1));
    put_u64_be(transfer_key, bench->next_transfer++);
    store_append(txn, TABLE_TRANSFERS, bytes_of(transfer_key, sizeof transfer_key),
                 bytes_of(transfer, sizeof transfer));
    return STATUS_SUCCESS;
}

static double run_once(void *context)
{
    struct bench *bench = context;
    struct load_config config = {
        .store = bench->store,
        .group_size = bench->group_size,
        .seconds = bench->seconds,
        .job_bytes = sizeof(struct load_job),
        .job = {.run = run_transfer,
                .weight_bytes = 2 * ACCOUNT_BYTES + TRANSFER_BYTES,
                .refuse_before_change = bench->refuse_before_change},
        .context = bench,
    };
    struct load_rates rates = load_run(&config);
    bench->commits_per_s = rates.commits_per_s;
    return rates.jobs_per_s;
}

static struct status make_accounts(struct store_txn *txn, void *context)
{
    (void)context;
    uint8_t key[16];
    static const uint8_t account[ACCOUNT_BYTES];
    for (uint64_t i = 0; i < ACCOUNT_COUNT; i++) {
        store_put(txn, TABLE_ACCOUNTS, account_key(i, key), bytes_of(account, sizeof account));
    }
    return STATUS_SUCCESS;
}

static struct store *open_bench_store(const char *path, uint32_t group_size)
{
    const struct store_schema *schemas[] = {&schema};
    struct store_config config = {
        .directory = path, .map_bytes = UINT64_C(16) << 30, .group_jobs_max = group_size};
    struct store *store;
    struct status status = store_open(&config, schemas, 1, &store);
    CHECK(status_ok(status));
    CHECK(status_ok(store_write_wait(store, make_accounts, NULL)));
    return store;
}

static void measure_group(const char *root, uint32_t group_size, bool refuse_before_change,
                          double seconds)
{
    char path[BENCH_PATH_BYTES], name[128];
    directory_make_in(root, "bench", path, BENCH_PATH_BYTES);
    struct bench bench = {.store = open_bench_store(path, group_size),
                          .group_size = group_size,
                          .refuse_before_change = refuse_before_change,
                          .seconds = seconds,
                          .random = 1};
    struct bench_spread jobs = bench_measure(run_once, &bench, RUN_COUNT);
    snprintf(name, sizeof name, "groups of %4u, %-20s (%6.0f commits/s)", group_size,
             refuse_before_change ? "refuse before change" : "savepoint", bench.commits_per_s);
    bench_print_line(name, jobs, "jobs/s");
    store_close(&bench.store);
    directory_remove(path);
}

// ---- Alone, and reading --------------------------------------------------------------------

static struct status write_one(struct store_txn *txn, void *context)
{
    uint8_t key[16];
    return post(txn, account_key(*(uint64_t *)context, key), 1, 1);
}

static double wait_once_us(void *context)
{
    static uint64_t samples[WAIT_COUNT];
    for (uint64_t i = 0; i < WAIT_COUNT; i++) {
        uint64_t begin_ns = clock_mono_ns();
        CHECK(status_ok(store_write_wait(context, write_one, &i)));
        samples[i] = clock_mono_ns() - begin_ns;
    }
    return (double)bench_percentile(samples, WAIT_COUNT, 0.5) / 1000;
}

static double read_once(void *context)
{
    enum { READ_COUNT = 200000 };

    uint8_t key[16];
    uint64_t begin_ns = clock_mono_ns();
    for (uint64_t i = 0; i < READ_COUNT; i++) {
        struct store_txn *snapshot;
        struct bytes found;
        CHECK(status_ok(store_snapshot_begin(context, &snapshot)));
        CHECK(status_ok(store_get(snapshot, TABLE_ACCOUNTS,
                                  account_key(i * 7919 % ACCOUNT_COUNT, key), &found)));
        store_snapshot_end(&snapshot);
    }
    return (double)READ_COUNT * (double)NS_PER_SECOND / (double)(clock_mono_ns() - begin_ns);
}

static void measure_alone(const char *root)
{
    char path[BENCH_PATH_BYTES];
    directory_make_in(root, "bench", path, BENCH_PATH_BYTES);
    struct store *store = open_bench_store(path, 0);
    bench_print_line("one write alone, median latency", bench_measure(wait_once_us, store, 3),
                     "us");
    bench_print_line("snapshot, one get, end", bench_measure(read_once, store, 3), "reads/s");
    store_close(&store);
    directory_remove(path);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    const char *roots[] = {argc > 2 ? argv[2] : "/var/tmp", "/dev/shm"};
    const uint32_t group_sizes[] = {1, 16, 128, 1024};
    bench_print_machine();
    for (size_t r = 0; r < 2; r++) {
        bench_print_disk(roots[r]);
        measure_alone(roots[r]);
        for (size_t g = 0; g < 4; g++) {
            measure_group(roots[r], group_sizes[g], false, seconds);
            measure_group(roots[r], group_sizes[g], true, seconds);
        }
    }
    return 0;
}
