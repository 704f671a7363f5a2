// The five real daemons over HTTP: transfers between 10,000 accounts and balances through REST,
// with token check, limits, metrics and log lines on; idle memory and cold start. The load shares
// the machine's cores. Where PostgreSQL is installed, the same transfers by a stored function on
// the same disk, driven by pgbench without any HTTP (postgres/).
//   FLORIN_BINARY_DIR=build/release build/release/bench/rest_bench [seconds per run] [directory]
// The directory (default /var/tmp: a disk) holds the stores; try also /dev/shm. Exits 1 when a bar
// is missed or an answer is an error.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/id128.h"
#include "tests/bench/bench.h"
#include "tests/bench/http_load.h"
#include "tests/bench/ledger_books.h"
#include "tests/bench/postgres.h"
#include "tests/support/world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLIENTS = 8, RUNS = 3 };

#define BAR_TRANSFERS_PER_S 10000.0
#define BAR_BALANCES_PER_S 20000.0
#define BAR_POSTGRES_RATIO 3.0
#define BAR_ALONE_US 300.0        // Beyond one commit.
#define BAR_HALF_P99_COMMITS 10.0 // p99 at half of the peak, in commits.
#define BAR_IDLE_MIB 60.0
#define BAR_START_S 1.0

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

enum { DAEMON_COUNT = sizeof daemons / sizeof daemons[0] };

struct bench {
    struct world world;
    struct person clients[CLIENTS]; // Tellers, each with a token and a rate limit of its own.
    uint64_t random;
    double seconds;
    double commit_us; // One commit on this disk, without a daemon.
    bool has_failed;
};

// ---- The machine under test ----------------------------------------------------------------

// A line "Pss:   1234 kB" of /proc/<pid>/smaps_rollup, in MiB.
static double memory_mib(pid_t pid, const char *name)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) kib = strtod(line + strlen(name), NULL);
    }
    fclose(file);
    return kib / 1024;
}

// Proportional: what two daemons share of a library counts once.
static double print_memory(const struct bench *bench, const char *when)
{
    double pss = 0, rss = 0;
    printf("memory %s:", when);
    for (size_t i = 0; i < DAEMON_COUNT; i++) {
        pid_t pid = world_daemon_pid(&bench->world, daemons[i]);
        CHECK(pid > 0);
        double own = memory_mib(pid, "Pss:");
        pss += own;
        rss += memory_mib(pid, "Rss:");
        printf(" %s %.1f", daemons[i], own);
    }
    printf(" MiB; all five %.1f MiB (sum of RSS %.1f)\n", pss, rss);
    return pss;
}

static uint64_t cpu_ticks(pid_t pid)
{
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    CHECK(file != NULL);
    CHECK(fgets(text, sizeof text, file) != NULL);
    fclose(file);
    char *at = strrchr(text, ')'); // Fields 14 and 15 of proc(5), counted from behind the name.
    for (int i = 0; i < 12; i++) {
        at = strchr(at + 1, ' ');
        CHECK(at != NULL);
    }
    char *rest = NULL;
    uint64_t user = strtoull(at, &rest, 10);
    return user + strtoull(rest, NULL, 10);
}

static void read_cpu(const struct bench *bench, uint64_t ret[static DAEMON_COUNT])
{
    for (size_t i = 0; i < DAEMON_COUNT; i++) {
        ret[i] = cpu_ticks(world_daemon_pid(&bench->world, daemons[i]));
    }
}

static void print_cpu(const uint64_t before[static DAEMON_COUNT],
                      const uint64_t after[static DAEMON_COUNT], uint64_t answers)
{
    double us_per_tick = 1e6 / (double)sysconf(_SC_CLK_TCK);
    printf("  CPU a request:");
    for (size_t i = 0; i < DAEMON_COUNT; i++) {
        printf(" %s %.1f", daemons[i],
               (double)(after[i] - before[i]) * us_per_tick / (double)answers);
    }
    printf(" us\n");
}

// ---- Requests ------------------------------------------------------------------------------

static size_t make_transfer(void *context, size_t connection, char *ret_request)
{
    struct bench *bench = context;
    const struct person *client = &bench->clients[connection % CLIENTS];
    struct ledger_transfer asked = books_transfer(&bench->random, false).asked;
    char body[512], id[ID128_TEXT_BYTES], debit[ID128_TEXT_BYTES], credit[ID128_TEXT_BYTES];
    id128_format(asked.id, id);
    id128_format(asked.account_id[LEDGER_DEBIT], debit);
    id128_format(asked.account_id[LEDGER_CREDIT], credit);
    int size = snprintf(body, sizeof body,
                        "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
                        "\"amount\":\"1\",\"currency\":\"INR\"}",
                        id, debit, credit);
    size = snprintf(ret_request, HTTP_LOAD_REQUEST_BYTES,
                    "POST /v1/transfers HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                    client->token, size, body);
    return (size_t)size;
}

static size_t make_balance(void *context, size_t connection, char *ret_request)
{
    struct bench *bench = context;
    char account[ID128_TEXT_BYTES];
    id128_format(books_account_id(books_pick(&bench->random, BOOKS_ACCOUNTS)), account);
    int size = snprintf(ret_request, HTTP_LOAD_REQUEST_BYTES,
                        "GET /v1/accounts/%s/balance HTTP/1.1\r\nHost: bench\r\n"
                        "Authorization: Bearer %s\r\n\r\n",
                        account, bench->clients[connection % CLIENTS].token);
    return (size_t)size;
}

// ---- Runs ----------------------------------------------------------------------------------

static void judge(struct bench *bench, const char *what, double value, double bar, bool is_ceiling)
{
    bool is_met = is_ceiling ? value <= bar : value >= bar;
    printf("  bar: %s %s %.0f: %s\n", what, is_ceiling ? "<=" : ">=", bar,
           is_met ? "met" : "MISSED");
    bench->has_failed = bench->has_failed || !is_met;
}

struct load {
    const char *name;
    size_t (*make)(void *context, size_t connection, char *ret_request);
    size_t connections;
};

static struct http_load http_load_of(struct bench *bench, const struct load *load)
{
    return (struct http_load){.port = (uint16_t)bench->world.port,
                              .connections = load->connections,
                              .seconds = bench->seconds,
                              .make = load->make,
                              .context = bench};
}

static void judge_errors(struct bench *bench, uint64_t errors, uint64_t answers, const char *first)
{
    printf("  errors: %llu of %llu\n", (unsigned long long)errors, (unsigned long long)answers);
    if (errors > 0) printf("%s\n", first);
    bench->has_failed = bench->has_failed || errors > 0;
}

/// The peak: as fast as answers come. Gives the median.
static double measure_peak(struct bench *bench, const struct load *load)
{
    const struct http_load http = http_load_of(bench, load);
    double rates[RUNS], p50_ms[RUNS], p99_ms[RUNS];
    uint64_t before[DAEMON_COUNT], after[DAEMON_COUNT], answers = 0, errors = 0;
    char first_error[512] = "", name[96];
    read_cpu(bench, before);
    for (size_t i = 0; i < RUNS; i++) {
        struct http_load_result result = http_load_run(&http);
        rates[i] = result.per_s;
        p50_ms[i] = (double)result.p50_ns / 1e6;
        p99_ms[i] = (double)result.p99_ns / 1e6;
        answers += result.answers;
        if (errors == 0) snprintf(first_error, sizeof first_error, "%s", result.first_error);
        errors += result.errors;
    }
    read_cpu(bench, after);
    struct bench_spread rate = bench_spread_of(rates, RUNS);
    snprintf(name, sizeof name, "%s, %zu connections", load->name, load->connections);
    bench_print_line(name, rate, "/s");
    bench_print_line("  p50", bench_spread_of(p50_ms, RUNS), "ms");
    bench_print_line("  p99", bench_spread_of(p99_ms, RUNS), "ms");
    print_cpu(before, after, answers);
    judge_errors(bench, errors, answers, first_error);
    return rate.median;
}

/// Half of the peak. Gives the 99th percentile, ms.
static double measure_half(struct bench *bench, const struct load *load, double peak_per_s)
{
    struct http_load http = http_load_of(bench, load);
    http.requests_per_s = peak_per_s / 2;
    struct http_load_result half = http_load_run(&http);
    printf("  at half of it (%.0f/s): p50 %.2f ms, p99 %.2f ms, errors %llu\n", half.per_s,
           (double)half.p50_ns / 1e6, (double)half.p99_ns / 1e6, (unsigned long long)half.errors);
    bench->has_failed = bench->has_failed || half.errors > 0;
    fflush(stdout);
    return (double)half.p99_ns / 1e6;
}

static void measure_alone(struct bench *bench)
{
    const struct load load = {"alone", make_transfer, 1};
    const struct http_load http = http_load_of(bench, &load);
    struct http_load_result alone = http_load_run(&http);
    double p50_us = (double)alone.p50_ns / 1e3;
    printf("POST /v1/transfers alone: p50 %.0f us, p99 %.0f us; one commit %.0f us\n", p50_us,
           (double)alone.p99_ns / 1e3, bench->commit_us);
    judge(bench, "us beyond the commit", p50_us - bench->commit_us, BAR_ALONE_US, true);
    judge_errors(bench, alone.errors, alone.answers, alone.first_error);
}

/// The peer right behind it, so that both meet the same machine.
static void compare_with_postgres(struct bench *bench, const char *directory, size_t clients,
                                  double per_s)
{
    struct postgres_rate peer = {.clients = clients};
    if (!postgres_run(directory, bench->seconds, &peer, 1)) {
        printf("  PostgreSQL is not installed, or did not run: no ratio to it\n");
        return;
    }
    printf("  PostgreSQL, stored function by pgbench, %zu clients: %.0f/s, %.2f ms on average\n",
           clients, peer.per_s, peer.average_ms);
    printf("  POST /v1/transfers to it: %.2f\n", per_s / peer.per_s);
    judge(bench, "ratio", per_s / peer.per_s, BAR_POSTGRES_RATIO, false);
}

static void measure_transfers(struct bench *bench, const char *directory)
{
    static const size_t connections[] = {64, 256};
    for (size_t i = 0; i < sizeof connections / sizeof connections[0]; i++) {
        const struct load load = {"POST /v1/transfers, durable", make_transfer, connections[i]};
        double per_s = measure_peak(bench, &load);
        judge(bench, "rate", per_s, BAR_TRANSFERS_PER_S, false);
        double p99_ms = measure_half(bench, &load, per_s);
        judge(bench, "p99 at half of the peak, in commits,", p99_ms * 1000 / bench->commit_us,
              BAR_HALF_P99_COMMITS, true);
        compare_with_postgres(bench, directory, connections[i], per_s);
    }
}

// ---- All -----------------------------------------------------------------------------------

static void make_clients(struct bench *bench)
{
    struct http_client *client = http_client_open(&bench->world);
    people_staff(&bench->world, client, "teller", &bench->clients[0]);
    for (unsigned i = 1; i < CLIENTS; i++) {
        bench->clients[i] = bench->clients[0];
        people_login(client, &bench->clients[i]);
    }
    http_client_close(&client);
}

static double start(struct world *world)
{
    fflush(stdout); // It forks: what is not written yet would be written twice.
    uint64_t begin_ns = clock_mono_ns();
    world_start(world);
    return (double)(clock_mono_ns() - begin_ns) / 1e9;
}

static void measure_start(struct bench *bench)
{
    world_make(&bench->world);
    printf("first start, which makes keys and stores: %.2f s\n", start(&bench->world));
    world_stop(&bench->world);
    double start_s = start(&bench->world);
    printf("cold start, from the command to ready: %.2f s\n", start_s);
    judge(bench, "cold start, s,", start_s, BAR_START_S, true);
    double idle_mib = print_memory(bench, "idle");
    judge(bench, "idle MiB", idle_mib, BAR_IDLE_MIB, true);
    world_close(&bench->world);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
    const char *directory = argc > 2 ? argv[2] : "/var/tmp";
    bench.seconds = seconds > 0 && seconds <= 600 ? seconds : 5;
    bench.random = 1;
    CHECK(setenv("TMPDIR", directory, 1) == 0);
    bench_print_machine();
    bench_print_disk(directory);
    printf("keep-alive connections, %d tokens, median of %d runs of %.0f s\n", CLIENTS, RUNS,
           bench.seconds);
    measure_start(&bench);

    char store[WORLD_PATH_BYTES + 16];
    world_make(&bench.world);
    snprintf(store, sizeof store, "%s/ledger", bench.world.data);
    books_make_in(store);
    bench.commit_us = books_commit_us(directory);
    (void)start(&bench.world);
    make_clients(&bench);
    measure_alone(&bench);
    measure_transfers(&bench, directory);
    const struct load balances = {"GET /v1/accounts/{id}/balance", make_balance, 64};
    double balances_per_s = measure_peak(&bench, &balances);
    judge(&bench, "rate", balances_per_s, BAR_BALANCES_PER_S, false);
    (void)measure_half(&bench, &balances, balances_per_s);
    (void)print_memory(&bench, "after the load");
    world_close(&bench.world);
    return bench.has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
