// Transfers through the ledger's service on a real store: by group size, one job for each transfer
// as REST calls are, on a disk and in memory; spread over accounts and with one hot account.
//   build/release/bench/ledger_bench [seconds per run] [directory on the disk]
#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/service.h"
#include "tests/bench/bench.h"
#include "tests/bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACCOUNT_COUNT = 10000,
    RUN_COUNT = 3,
    READ_COUNT = 20000,
};

struct transfer_job {
    struct load_job load; // First.
    struct ledger_movement movement;
};

struct bench {
    char directory[BENCH_PATH_BYTES];
    struct store *store;
    struct ledger_service service;
    size_t group_size;
    bool is_hot; // Every transfer debits the same account.
    double seconds;
    uint64_t random;
};

static const struct ledger_caller bank = {.is_any = true};

static struct id128 account_id(uint64_t number)
{
    struct id128 id = {{0}};
    put_u64_be(id.bytes, number * UINT64_C(0x9E3779B97F4A7C15)); // Spread, as random ids are.
    put_u64_be(id.bytes + 8, number + 1);
    return id;
}

static uint64_t pick(struct bench *bench, uint64_t count)
{
    bench->random = bench->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (bench->random >> 33) % count;
}

// ---- Books --------------------------------------------------------------------------------------

static struct status make_books(struct store_txn *txn, void *context)
{
    struct bench *bench = context;
    for (uint64_t i = 0; i < ACCOUNT_COUNT; i++) {
        struct ledger_new_account asked = {
            .id = account_id(i), .owner_id = account_id(i), .currency = "INR"};
        struct ledger_account account;
        struct ledger_outcome outcome;
        bool existed;
        RETURN_IF_ERROR(ledger_service_create_account(txn, &bank, &asked, &account, &existed));
        RETURN_IF_ERROR(ledger_service_set_tier(txn, asked.owner_id, "T3", 1, &existed));
        struct ledger_movement movement = {.account_id = {[LEDGER_CREDIT] = asked.id},
                                           .amount = UINT64_C(1000000000000)};
        RETURN_IF_ERROR(ledger_service_deposit(&bench->service, txn, &bank, &movement, &outcome));
    }
    return STATUS_SUCCESS;
}

static void open_bench(struct bench *bench, const char *root)
{
    directory_make_in(root, "bench", bench->directory, BENCH_PATH_BYTES);
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = bench->directory};
    CHECK(status_ok(store_open(&config, schemas, 1, &bench->store)));
    CHECK(status_ok(ledger_service_open(bench->store, &bench->service)));
    CHECK(status_ok(store_write_wait(bench->store, make_books, bench)));
}

static void close_bench(struct bench *bench)
{
    store_close(&bench->store);
    ledger_service_close(&bench->service);
    directory_remove(bench->directory);
}

// ---- One figure ---------------------------------------------------------------------------------

static struct status run_transfer(struct store_job *job, struct store_txn *txn)
{
    struct transfer_job *transfer = (struct transfer_job *)job;
    struct bench *bench = transfer->load.context;
    struct ledger_outcome outcome;
    return ledger_service_create_transfer(&bench->service, txn, &bank, &transfer->movement,
                                          &outcome);
}

static void prepare_transfer(struct load_job *job)
{
    struct bench *bench = job->context;
    uint64_t debit = bench->is_hot ? 0 : pick(bench, ACCOUNT_COUNT);
    uint64_t credit = (debit + 1 + pick(bench, ACCOUNT_COUNT - 1)) % ACCOUNT_COUNT;
    ((struct transfer_job *)job)->movement = (struct ledger_movement){
        .id = id128_generate(),
        .account_id = {[LEDGER_DEBIT] = account_id(debit), [LEDGER_CREDIT] = account_id(credit)},
        .amount = 1,
        .currency = "INR"};
}

static double run_once(void *context)
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

static double read_balance_ns(void *context)
{
    struct bench *bench = context;
    uint64_t begin_ns = clock_mono_ns();
    for (size_t i = 0; i < READ_COUNT; i++) {
        struct store_txn *txn;
        struct ledger_account account;
        struct id128 id = account_id(pick(bench, ACCOUNT_COUNT));
        CHECK(status_ok(store_snapshot_begin(bench->store, &txn)));
        CHECK(status_ok(ledger_service_get_account(txn, &bank, id, &account)));
        store_snapshot_end(&txn);
    }
    return (double)(clock_mono_ns() - begin_ns) / READ_COUNT;
}

static double read_balance_at_ns(void *context)
{
    struct bench *bench = context;
    struct store_txn *txn;
    struct ledger_account hot;
    struct ledger_transfer first;
    CHECK(status_ok(store_snapshot_begin(bench->store, &txn)));
    CHECK(status_ok(ledger_service_get_account(txn, &bank, account_id(0), &hot)));
    CHECK(status_ok(ledger_store_get_transfer(txn, 1, &first)));
    uint64_t span_ns = hot.changed_at_ns - first.created_at_ns, begin_ns = clock_mono_ns();
    for (size_t i = 0; i < READ_COUNT; i++) {
        struct ledger_totals totals;
        uint64_t at_ns = first.created_at_ns + pick(bench, span_ns);
        CHECK(status_ok(ledger_store_totals_at(txn, &hot, at_ns, &totals)));
    }
    uint64_t spent_ns = clock_mono_ns() - begin_ns;
    store_snapshot_end(&txn);
    printf("    (%ju entries in that account's history)\n", (uintmax_t)hot.head.entry_count);
    return (double)spent_ns / READ_COUNT;
}

static void measure(const char *root, double seconds)
{
    static const size_t group_sizes[] = {1, 16, 64, 256, 1024};
    struct bench bench = {.seconds = seconds, .random = 1};
    open_bench(&bench, root);
    bench_print_disk(root);
    for (size_t hot = 0; hot < 2; hot++) {
        bench.is_hot = hot == 1;
        for (size_t i = 0; i < sizeof group_sizes / sizeof group_sizes[0]; i++) {
            char name[64];
            bench.group_size = group_sizes[i];
            snprintf(name, sizeof name, "  %s accounts, groups of %zu", hot ? "hot" : "spread",
                     group_sizes[i]);
            bench_print_line(name, bench_measure(run_once, &bench, RUN_COUNT), "transfers/s");
        }
    }
    bench_print_line("  balance now", bench_measure(read_balance_ns, &bench, RUN_COUNT), "ns");
    bench_print_line("  balance at a time", bench_measure(read_balance_at_ns, &bench, 1), "ns");
    close_bench(&bench);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    const char *disk = argc > 2 ? argv[2] : "/var/tmp";
    bench_print_machine();
    measure(disk, seconds);
    measure("/dev/shm", seconds);
    return 0;
}
