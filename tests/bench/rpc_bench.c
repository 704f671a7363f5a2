// RPC echo through the whole server chain: token (cached), permission, decoding, validation, read
// snapshot, metrics, reply. Server and client are two processes over an ipc socket. When the gRPC
// C++ peer was built, its unary echo (without token, permission or validation) takes turns with
// ours.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/pack.h"
#include "tests/bench/bench.h"
#include "tests/unit/rpc/echo_service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 5, RUN_MS = 1500, SINGLE_CALLS = 20000, CALLS_MAX = 4096, TIMEOUT_MS = 5000 };

static char directory[BENCH_PATH_BYTES];
static char socket_url[BENCH_PATH_BYTES + 32];

static _Noreturn void serve(void)
{
    static struct echo echo;
    static struct store *store;
    struct rpc_server *server;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    echo_open(&echo);
    char store_directory[BENCH_PATH_BYTES + 8];
    snprintf(store_directory, sizeof store_directory, "%s/store", directory);
    const struct store_schema *schemas[] = {&rpc_store_schema, &echo_store_schema};
    const struct store_config store_config = {.directory = store_directory, .map_bytes = 1 << 28};
    CHECK(status_ok(store_open(&store_config, schemas, 2, &store)));
    const char *urls[] = {socket_url};
    const struct rpc_server_config config = {.listen_urls = urls, .listen_url_count = 1};
    const struct rpc_service services[] = {echo_service(&echo)};
    CHECK(status_ok(rpc_server_open(&config, store, &echo.identity, services, 1, &server)));
    rpc_server_set_serving(server, true);
    for (;;)
        pause();
}

// ---- The load ------------------------------------------------------------------------------

struct load {
    struct rpc_channel *channel;
    struct bytes payload;
    const char *token;
    size_t in_flight;
    _Atomic bool is_stopping;
    _Atomic size_t done_count, failed_count, ended_count;
    struct rpc_client_call calls[CALLS_MAX];
};

static struct load load;

static void send_call(struct rpc_client_call *call)
{
    *call = (struct rpc_client_call){
        .method = &echo_methods[ECHO_ECHO],
        .metadata = {.access_token = load.token, .request_id = "req-0123456789abcdef"},
        .payload = load.payload,
        .deadline_mono_ns = clock_mono_ns() + TIMEOUT_MS * NS_PER_MS,
        .done = call->done};
    rpc_channel_call(load.channel, call);
}

static void call_done(struct rpc_client_call *call)
{
    if (status_ok(call->status))
        load.done_count++;
    else
        load.failed_count++;
    if (load.is_stopping)
        load.ended_count++;
    else
        send_call(call);
}

static double run_load(void)
{
    size_t before = load.done_count;
    uint64_t start_ns = clock_mono_ns();
    usleep(RUN_MS * 1000);
    return (double)(load.done_count - before) * 1e9 / (double)(clock_mono_ns() - start_ns);
}

static double measure(uint32_t contexts, uint32_t batch_calls_max, size_t in_flight)
{
    const struct rpc_channel_config config = {.name = "echo",
                                              .url = socket_url,
                                              .contexts = contexts,
                                              .batch_calls_max = batch_calls_max};
    CHECK(status_ok(rpc_channel_open(&config, &load.channel)));
    load.is_stopping = false;
    load.ended_count = load.failed_count = 0;
    for (size_t i = 0; i < in_flight; i++) {
        load.calls[i].done = call_done;
        send_call(&load.calls[i]);
    }
    usleep(RUN_MS / 4 * 1000); // Warm.
    double rate = run_load();
    load.is_stopping = true;
    while (load.ended_count < in_flight)
        usleep(1000);
    rpc_channel_close(&load.channel);
    CHECK(load.failed_count == 0);
    return rate;
}

static void measure_single(void)
{
    static uint64_t samples[SINGLE_CALLS];
    const struct rpc_channel_config config = {.name = "echo", .url = socket_url};
    const struct rpc_metadata metadata = {.access_token = load.token};
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    request.text = "hello";
    struct arena *arena = arena_open(1 << 20);
    CHECK(status_ok(rpc_channel_open(&config, &load.channel)));
    for (size_t i = 0; i < SINGLE_CALLS; i++) {
        Echo__EchoReply *reply;
        uint64_t start_ns = clock_mono_ns();
        CHECK(status_ok(rpc_channel_call_wait(load.channel, &echo_methods[ECHO_ECHO], &metadata,
                                              &request, TIMEOUT_MS, arena, &reply)));
        samples[i] = clock_mono_ns() - start_ns;
        arena_reset(arena);
    }
    rpc_channel_close(&load.channel);
    arena_close(&arena);
    printf("%-44s %8.1f us median, %.1f us p99\n", "single call, ipc",
           (double)bench_percentile(samples, SINGLE_CALLS, 0.5) / 1000,
           (double)bench_percentile(samples, SINGLE_CALLS, 0.99) / 1000);
}

// The peer lies beside this program where it was built. It prints one line: calls per second with
// 256 in flight, and the median of a single call.
static FILE *start_grpc(void)
{
    char program[BENCH_PATH_BYTES + 16];
    ssize_t size = readlink("/proc/self/exe", program, BENCH_PATH_BYTES - 1);
    CHECK(size > 0);
    program[size] = '\0';
    snprintf(strrchr(program, '/'), 16, "/grpc_echo");
    return access(program, X_OK) == 0 ? popen(program, "r") : NULL;
}

static bool measure_grpc(double *ret_rate, double *ret_median_us)
{
    FILE *peer = start_grpc();
    if (peer == NULL) return false;
    bool measured = fscanf(peer, "%lf %lf", ret_rate, ret_median_us) == 2 && *ret_rate > 0;
    pclose(peer);
    return measured;
}

// In turns, so that whatever else the machine does meets all of them alike.
static void measure_rounds(void)
{
    double one[ROUNDS], coalesced[ROUNDS], grpc[ROUNDS], grpc_single_us[ROUNDS];
    bool has_grpc = true;
    for (size_t i = 0; i < ROUNDS; i++) {
        one[i] = measure(256, 1, 256);
        coalesced[i] = measure(0, 0, 2048);
        has_grpc = has_grpc && measure_grpc(&grpc[i], &grpc_single_us[i]);
    }
    struct bench_spread one_spread = bench_spread_of(one, ROUNDS),
                        coalesced_spread = bench_spread_of(coalesced, ROUNDS);
    bench_print_line("one call per message, 256 in flight", one_spread, "calls/s");
    bench_print_line("coalesced, 2,048 in flight", coalesced_spread, "calls/s");
    if (!has_grpc) {
        printf("gRPC C++ echo: not built here (libgrpc++-dev, protobuf-compiler-grpc)\n");
        return;
    }
    struct bench_spread grpc_spread = bench_spread_of(grpc, ROUNDS);
    bench_print_line("gRPC C++ unary echo, 256 in flight", grpc_spread, "calls/s");
    bench_print_line("gRPC C++ single call, unix socket", bench_spread_of(grpc_single_us, ROUNDS),
                     "us");
    printf("florin to gRPC C++: %.1f times one per message, %.1f times coalesced\n",
           one_spread.median / grpc_spread.median, coalesced_spread.median / grpc_spread.median);
}

int main(void)
{
    directory_make_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", "bench", directory,
                      BENCH_PATH_BYTES);
    chmod(directory, 0700);
    snprintf(socket_url, sizeof socket_url, "ipc://%s/echo.sock", directory);
    pid_t server = fork(); // Before any thread exists.
    CHECK(server >= 0);
    if (server == 0) serve();

    static struct echo echo;
    static char token[TOKEN_BYTES_MAX];
    echo_open(&echo);
    echo_token(&echo, 7, "caller", 3600, token);
    load.token = token;
    struct arena *arena = arena_open(1 << 16);
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    request.text = "thirty-two bytes of a small echo";
    request.number = 42;
    CHECK(status_ok(rpc_pack(&request, arena, &load.payload)));

    bench_print_machine();
    measure_single();
    measure_rounds();
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    directory_remove(directory);
    arena_close(&arena);
    echo_close(&echo);
    return 0;
}
