// The five real daemons over HTTP: transfers and balances through REST, with token check, limits,
// metrics and log lines on; idle memory and cold start. The load shares the machine's cores.
//   FLORIN_BINARY_DIR=build/release build/release/bench/rest_bench [seconds per run] [directory]
// The directory (default /var/tmp: a disk) holds the stores; try also /dev/shm. Exits 1 when a bar
// is missed or an answer is an error.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/id128.h"
#include "tests/bench/bench.h"
#include "tests/bench/http_load.h"
#include "tests/support/world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CUSTOMERS = 8, CONNECTIONS = 64, RUNS = 3, DEPOSIT = 100000000 };

#define BAR_TRANSFERS_PER_S 10000.0
#define BAR_BALANCES_PER_S 20000.0
#define BAR_IDLE_MIB 60.0
#define BAR_START_S 1.0

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

enum { DAEMON_COUNT = sizeof daemons / sizeof daemons[0] };

struct customer {
    struct person person;
    char account[WORLD_ID_BYTES];
};

struct bench {
    struct world world;
    struct customer customers[CUSTOMERS];
    double seconds;
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
    const struct bench *bench = context;
    const struct customer *from = &bench->customers[connection % CUSTOMERS];
    const struct customer *to = &bench->customers[(connection + 1) % CUSTOMERS];
    char body[512], id[ID128_TEXT_BYTES];
    id128_format(id128_generate(), id);
    int size = snprintf(body, sizeof body,
                        "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
                        "\"amount\":\"1\",\"currency\":\"INR\"}",
                        id, from->account, to->account);
    size = snprintf(ret_request, HTTP_LOAD_REQUEST_BYTES,
                    "POST /v1/transfers HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n"
                    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                    from->person.token, size, body);
    return (size_t)size;
}

static size_t make_balance(void *context, size_t connection, char *ret_request)
{
    const struct bench *bench = context;
    const struct customer *customer = &bench->customers[connection % CUSTOMERS];
    int size = snprintf(ret_request, HTTP_LOAD_REQUEST_BYTES,
                        "GET /v1/accounts/%s/balance HTTP/1.1\r\nHost: bench\r\n"
                        "Authorization: Bearer %s\r\n\r\n",
                        customer->account, customer->person.token);
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

static void measure(struct bench *bench, const char *name,
                    size_t (*make)(void *context, size_t connection, char *ret_request),
                    double bar_per_s)
{
    struct http_load load = {.port = (uint16_t)bench->world.port,
                             .connections = CONNECTIONS,
                             .seconds = bench->seconds,
                             .make = make,
                             .context = bench};
    double rates[RUNS], p50_ms[RUNS], p99_ms[RUNS];
    uint64_t before[DAEMON_COUNT], after[DAEMON_COUNT], answers = 0, errors = 0;
    char first_error[512] = "";
    read_cpu(bench, before);
    for (size_t i = 0; i < RUNS; i++) {
        struct http_load_result result = http_load_run(&load);
        rates[i] = result.per_s;
        p50_ms[i] = (double)result.p50_ns / 1e6;
        p99_ms[i] = (double)result.p99_ns / 1e6;
        answers += result.answers;
        if (errors == 0) snprintf(first_error, sizeof first_error, "%s", result.first_error);
        errors += result.errors;
    }
    read_cpu(bench, after);
    struct bench_spread rate = bench_spread_of(rates, RUNS);
    bench_print_line(name, rate, "/s");
    bench_print_line("  p50", bench_spread_of(p50_ms, RUNS), "ms");
    bench_print_line("  p99", bench_spread_of(p99_ms, RUNS), "ms");
    print_cpu(before, after, answers);
    judge(bench, "rate", rate.median, bar_per_s, false);
    printf("  errors: %llu of %llu\n", (unsigned long long)errors, (unsigned long long)answers);
    if (errors > 0) printf("%s\n", first_error);
    bench->has_failed = bench->has_failed || errors > 0;

    // Design 06: p99 at half of the peak.
    load.requests_per_s = rate.median / 2;
    struct http_load_result half = http_load_run(&load);
    printf("  at half of it (%.0f/s): p50 %.2f ms, p99 %.2f ms, errors %llu\n", half.per_s,
           (double)half.p50_ns / 1e6, (double)half.p99_ns / 1e6, (unsigned long long)half.errors);
    fflush(stdout);
}

static void make_customers(struct bench *bench)
{
    struct world *world = &bench->world;
    struct http_client *client = http_client_open(world);
    static struct person teller, maker, checker;
    char name[32], deposit[32];
    snprintf(deposit, sizeof deposit, "%d", DEPOSIT);
    people_staff(world, client, "teller", &teller);
    people_staff(world, client, "kyc_maker", &maker);
    people_staff(world, client, "kyc_checker", &checker);
    for (unsigned i = 0; i < CUSTOMERS; i++) {
        struct customer *customer = &bench->customers[i];
        snprintf(name, sizeof name, "customer%u", i);
        people_register(world, client, name, &customer->person);
        people_approve(client, &customer->person, &maker, &checker, i + 1);
        people_account(client, &customer->person, customer->account);
        people_deposit(client, &teller, customer->account, deposit);
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

int main(int argc, char **argv)
{
    static struct bench bench;
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
    const char *directory = argc > 2 ? argv[2] : "/var/tmp";
    bench.seconds = seconds > 0 && seconds <= 600 ? seconds : 5;
    CHECK(setenv("TMPDIR", directory, 1) == 0);
    bench_print_machine();
    bench_print_disk(directory);
    printf("%d keep-alive connections, %d customers, median of %d runs of %.0f s\n", CONNECTIONS,
           CUSTOMERS, RUNS, bench.seconds);

    world_make(&bench.world);
    printf("first start, which makes keys and stores: %.2f s\n", start(&bench.world));
    world_stop(&bench.world);
    double start_s = start(&bench.world);
    printf("cold start, from the command to ready: %.2f s\n", start_s);
    judge(&bench, "cold start, s,", start_s, BAR_START_S, true);
    double idle_mib = print_memory(&bench, "idle");
    judge(&bench, "idle MiB", idle_mib, BAR_IDLE_MIB, true);

    make_customers(&bench);
    measure(&bench, "POST /v1/transfers, durable", make_transfer, BAR_TRANSFERS_PER_S);
    measure(&bench, "GET /v1/accounts/{id}/balance", make_balance, BAR_BALANCES_PER_S);
    (void)print_memory(&bench, "after the load");
    world_close(&bench.world);
    return bench.has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
