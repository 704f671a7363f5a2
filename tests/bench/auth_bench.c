// Auth over HTTP, on the five real daemons: logins, refreshes, what a stranger learns from the
// clock, and what a storm of logins does to everybody else. The load shares the machine's cores.
//   FLORIN_BINARY_DIR=build/release build/release/bench/auth_bench [seconds per run] [directory]
// The directory (default /var/tmp: a disk) holds the stores. Exits 1 when a bar is missed or an
// answer is an error.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/bench/bench.h"
#include "tests/bench/http_load.h"
#include "tests/support/world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    USERS = 16,
    SESSIONS = 64,
    SESSIONS_EACH = SESSIONS / USERS, // Below a customer's limit.
    LOGIN_CONNECTIONS = 8,
    RUNS = 3,
    STRANGERS =
        125, // Known and unknown ones, four wrong passwords each: 500, and none is throttled.
    GUESSES_EACH = 4,
    SAMPLES = STRANGERS * GUESSES_EACH,
    STORM_CONNECTIONS = 300,
    PROBE_CONNECTIONS = 4, // Each a user who does not log in: newer sessions end older ones.
    PROBES_PER_S = 200,
};

#define BAR_LOGINS_PER_CORE 25.0
#define BAR_REFRESHES_PER_S 3000.0
#define BAR_TIMING_RATIO 1.05
#define BAR_STORM_P99_MS 10.0
#define PASSWORD "copper kettle on the hill"

struct bench {
    struct world world;
    struct http_client *client;
    struct person users[USERS];
    char refresh_tokens[SESSIONS][WORLD_TOKEN_BYTES];
    double seconds;
    bool has_failed;
};

static void judge(struct bench *bench, const char *what, double value, double bar, bool is_ceiling)
{
    bool is_met = is_ceiling ? value <= bar : value >= bar;
    printf("  bar: %s %s %.2f: %s\n", what, is_ceiling ? "<=" : ">=", bar,
           is_met ? "met" : "MISSED");
    bench->has_failed = bench->has_failed || !is_met;
}

static size_t write_post(const char *path, const char *body, char *ret_request)
{
    int size = snprintf(ret_request, HTTP_LOAD_REQUEST_BYTES,
                        "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        path, strlen(body), body);
    CHECK(size > 0 && size < HTTP_LOAD_REQUEST_BYTES);
    return (size_t)size;
}

static size_t make_login(void *context, size_t connection, char *ret_request)
{
    const struct bench *bench = context;
    char body[256];
    snprintf(body, sizeof body, "{\"identifier\":\"%s\",\"password\":\"" PASSWORD "\"}",
             bench->users[connection % (USERS - PROBE_CONNECTIONS)].email);
    return write_post("/v1/auth/login", body, ret_request);
}

static size_t make_refresh(void *context, size_t connection, char *ret_request)
{
    const struct bench *bench = context;
    char body[WORLD_TOKEN_BYTES + 128];
    snprintf(body, sizeof body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             bench->refresh_tokens[connection]);
    return write_post("/oauth2/token", body, ret_request);
}

/// The successor is what the connection shows next.
static void take_refresh(void *context, size_t connection, const char *answer, size_t size)
{
    static const char member[] = "\"refresh_token\":\"";
    struct bench *bench = context;
    const char *at = memmem(answer, size, member, sizeof member - 1);
    CHECK(at != NULL);
    at += sizeof member - 1;
    const char *end = memchr(at, '"', size - (size_t)(at - answer));
    CHECK(end != NULL && (size_t)(end - at) < sizeof bench->refresh_tokens[0]);
    bool is_new = strncmp(bench->refresh_tokens[connection], at, (size_t)(end - at)) != 0;
    CHECK(is_new); // Each refresh is a rotation.
    memset(bench->refresh_tokens[connection], 0, sizeof bench->refresh_tokens[0]);
    memcpy(bench->refresh_tokens[connection], at, (size_t)(end - at));
}

static size_t make_me(void *context, size_t connection, char *ret_request)
{
    const struct bench *bench = context;
    int size = snprintf(ret_request, HTTP_LOAD_REQUEST_BYTES,
                        "GET /v1/me HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n",
                        bench->users[USERS - 1 - connection].token);
    return (size_t)size;
}

// ---- Rates --------------------------------------------------------------------------------------

static double measure_rate(struct bench *bench, const char *name, const struct http_load *load)
{
    double rates[RUNS], p50_ms[RUNS], p99_ms[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        struct http_load_result result = http_load_run(load);
        rates[i] = result.per_s;
        p50_ms[i] = (double)result.p50_ns / 1e6;
        p99_ms[i] = (double)result.p99_ns / 1e6;
        if (result.errors > 0)
            printf("  errors: %llu\n%s\n", (unsigned long long)result.errors, result.first_error);
        bench->has_failed = bench->has_failed || result.errors > 0;
    }
    struct bench_spread rate = bench_spread_of(rates, RUNS);
    bench_print_line(name, rate, "/s");
    bench_print_line("  p50", bench_spread_of(p50_ms, RUNS), "ms");
    bench_print_line("  p99", bench_spread_of(p99_ms, RUNS), "ms");
    fflush(stdout);
    return rate.median;
}

static void measure_refreshes(struct bench *bench)
{
    for (size_t i = 0; i < SESSIONS; i++) {
        struct person *user = &bench->users[i / SESSIONS_EACH];
        people_login(bench->client, user);
        snprintf(bench->refresh_tokens[i], sizeof bench->refresh_tokens[i], "%s",
                 user->refresh_token);
    }
    const struct http_load load = {.port = (uint16_t)bench->world.port,
                                   .connections = SESSIONS,
                                   .seconds = bench->seconds,
                                   .make = make_refresh,
                                   .take = take_refresh,
                                   .context = bench};
    double per_s = measure_rate(bench, "refreshes, durable, 64 sessions", &load);
    judge(bench, "rate", per_s, BAR_REFRESHES_PER_S, false);
}

static void measure_logins(struct bench *bench)
{
    const struct http_load load = {.port = (uint16_t)bench->world.port,
                                   .connections = LOGIN_CONNECTIONS,
                                   .seconds = bench->seconds,
                                   .make = make_login,
                                   .context = bench};
    double per_s = measure_rate(bench, "logins, argon2id t=2 m=19 MiB, 8 connections", &load);
    double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    printf("  a core: %.1f/s\n", per_s / cores);
    judge(bench, "a core", per_s / cores, BAR_LOGINS_PER_CORE, false);
}

// ---- What the clock says ------------------------------------------------------------------------

static uint64_t time_guess(struct bench *bench, const char *kind, unsigned number)
{
    char body[256];
    struct http_answer answer = {0};
    snprintf(body, sizeof body,
             "{\"identifier\":\"%s-%u@example.com\",\"password\":\"a guess, and no more\"}", kind,
             number);
    uint64_t begun_ns = clock_mono_ns();
    http_call(bench->client, NULL, "POST", "/v1/auth/login", body, NULL, &answer);
    uint64_t took_ns = clock_mono_ns() - begun_ns;
    CHECK(answer.status == 401);
    http_answer_reset(&answer);
    return took_ns;
}

static void measure_timing(struct bench *bench)
{
    static uint64_t known[SAMPLES], unknown[SAMPLES];
    struct person person;
    for (unsigned i = 0; i < STRANGERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "known-%u", i);
        people_register(&bench->world, bench->client, name, &person);
    }
    for (unsigned i = 0; i < SAMPLES; i++) { // In turns: both meet the same machine.
        known[i] = time_guess(bench, "known", i % STRANGERS);
        unknown[i] = time_guess(bench, "nobody", i % STRANGERS);
    }
    double known_ms = (double)bench_percentile(known, SAMPLES, 0.5) / 1e6;
    double unknown_ms = (double)bench_percentile(unknown, SAMPLES, 0.5) / 1e6;
    printf("a wrong password: known %.2f ms, unknown %.2f ms (medians of %d)\n", known_ms,
           unknown_ms, SAMPLES);
    judge(bench, "ratio", known_ms > unknown_ms ? known_ms / unknown_ms : unknown_ms / known_ms,
          BAR_TIMING_RATIO, true);
}

// ---- A storm ------------------------------------------------------------------------------------

static void *storm(void *context)
{
    struct bench *bench = context;
    const struct http_load load = {.port = (uint16_t)bench->world.port,
                                   .connections = STORM_CONNECTIONS,
                                   .seconds = bench->seconds + 1,
                                   .requests_per_s = 2000,
                                   .make = make_login,
                                   .context = bench};
    struct http_load_result *result = malloc(sizeof *result);
    CHECK(result != NULL);
    *result = http_load_run(&load);
    return result;
}

static void measure_storm(struct bench *bench)
{
    for (size_t i = 0; i < USERS; i++)
        people_login(bench->client, &bench->users[i]);
    const struct http_load probe = {.port = (uint16_t)bench->world.port,
                                    .connections = PROBE_CONNECTIONS,
                                    .seconds = bench->seconds,
                                    .requests_per_s = PROBES_PER_S,
                                    .make = make_me,
                                    .context = bench};
    pthread_t thread;
    void *stormed = NULL;
    CHECK(pthread_create(&thread, NULL, storm, bench) == 0);
    usleep(500 * 1000); // Until it is under way.
    struct http_load_result calm = http_load_run(&probe);
    CHECK(pthread_join(thread, &stormed) == 0);
    const struct http_load_result *logins = stormed;
    printf("a storm of logins: %.0f/s, %llu of %llu turned away\n", logins->per_s,
           (unsigned long long)logins->errors, (unsigned long long)logins->answers);
    printf("  GET /v1/me meanwhile: p50 %.2f ms, p99 %.2f ms of %llu\n", (double)calm.p50_ns / 1e6,
           (double)calm.p99_ns / 1e6, (unsigned long long)calm.answers);
    bench->has_failed = bench->has_failed || calm.errors > 0;
    judge(bench, "p99, ms,", (double)calm.p99_ns / 1e6, BAR_STORM_P99_MS, true);
    free(stormed);
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
    snprintf(bench.world.ini, sizeof bench.world.ini, "[auth]\naddress_failures_max = 0\n");
    fflush(stdout);
    world_open(&bench.world);
    bench.client = http_client_open(&bench.world);
    for (unsigned i = 0; i < USERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "user-%u", i);
        people_register(&bench.world, bench.client, name, &bench.users[i]);
    }
    measure_refreshes(&bench);
    measure_logins(&bench);
    measure_timing(&bench);
    measure_storm(&bench);
    http_client_close(&bench.client);
    world_close(&bench.world);
    return bench.has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
