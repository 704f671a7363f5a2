// Whether the clock tells who has an account: wrong passwords, and forgotten ones, of 500 addresses
// that have an owner and of 500 that have none, in turns, through the handlers over a store that
// syncs.
//   build/release/bench/auth_silence_bench [directory]
// Exits 1 when a bar is missed: the medians of a login lie within 5 % of each other.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/event/event.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert.h"
#include "services/auth/rpc.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

enum { COUNT = 500, ARENA_BYTES_MAX = 16 << 20, ADDRESS_BYTES = 32 };

#define BAR_PERCENT 5.0

struct bench {
    char directory[BENCH_PATH_BYTES];
    struct store *store;
    struct event_outbox *outbox;
    struct auth_service service;
    struct arena *arena;
};

static void open_bench(struct bench *bench, const char *root)
{
    char keys[BENCH_PATH_BYTES + 16];
    const struct store_schema *schemas[] = {&event_store_schema, &auth_store_schema};
    *bench = (struct bench){0};
    directory_make_in(root, "bench", bench->directory, BENCH_PATH_BYTES);
    snprintf(keys, sizeof keys, "%s/keys", bench->directory);
    CHECK(mkdir(keys, 0700) == 0);
    struct store_config config = {.directory = bench->directory};
    CHECK(status_ok(store_open(&config, schemas, 2, &bench->store)));
    CHECK(status_ok(event_outbox_open(bench->store, "auth", &bench->outbox)));
    CHECK(status_ok(auth_service_open(bench->store, keys, &auth_policy_default, &bench->service)));
    bench->arena = arena_open(ARENA_BYTES_MAX);
}

static void close_bench(struct bench *bench)
{
    store_close(&bench->store);
    event_outbox_close(&bench->outbox);
    auth_service_close(&bench->service);
    arena_close(&bench->arena);
    directory_remove(bench->directory);
}

static void write_address(bool is_known, size_t number, char ret[static ADDRESS_BYTES])
{
    snprintf(ret, ADDRESS_BYTES, "%s%04zu@example.com", is_known ? "asha" : "ravi", number);
}

static struct status put_users(struct store_txn *txn, void *context)
{
    struct bench *bench = context;
    char hash[AUTH_HASH_BYTES], address[ADDRESS_BYTES];
    RETURN_IF_ERROR(auth_password_hash(&bench->service.policy.argon2, "copper kettle", hash));
    for (size_t i = 0; i < COUNT; i++) {
        write_address(true, i, address);
        struct auth_user user = auth_service_new_user("customer", clock_wall_ns());
        struct auth_person person = {.fields = {address, "", "Asha", ""}};
        user.channels = 1U << AUTH_EMAIL;
        RETURN_IF_ERROR(auth_store_put_new_user(bench->service.auth, txn, &user, &person));
        auth_store_put_password(bench->service.auth, txn, user.id, hash, user.created_at_ns);
    }
    return STATUS_SUCCESS;
}

// ---- Calling -------------------------------------------------------------------------------

struct asked {
    struct rpc_call call;
    enum auth_method_index method;
    struct status status;
};

static struct status run_write(struct store_txn *txn, void *context)
{
    struct asked *asked = context;
    asked->status = auth_handlers[asked->method](&asked->call, txn);
    return asked->status;
}

/// ask gives the ns of one call, each from a network address of its own.
static uint64_t ask(struct bench *bench, enum auth_method_index method, void *request,
                    size_t number, const char *reason)
{
    char client_ip[ADDRESS_BYTES];
    snprintf(client_ip, sizeof client_ip, "10.%d.%zu.%zu", (int)method, number / 250, number % 250);
    arena_reset(bench->arena);
    struct asked asked = {.method = method,
                          .call = {.method = &auth_methods[method],
                                   .service = &bench->service,
                                   .arena = bench->arena,
                                   .request = request,
                                   .scope = RPC_SCOPE_ALL,
                                   .access_token = "",
                                   .request_id = "bench",
                                   .traceparent = "",
                                   .client_ip = client_ip,
                                   .device_id = "",
                                   .received_wall_ns = clock_wall_ns()}};
    uint64_t begin_ns = clock_mono_ns();
    if (asked.call.method->access == RPC_ACCESS_POOL)
        asked.status = auth_handlers[method](&asked.call, NULL);
    else
        asked.status = store_write_wait(bench->store, run_write, &asked);
    uint64_t taken_ns = clock_mono_ns() - begin_ns;
    bool is_as_expected =
        reason == NULL ? status_ok(asked.status)
                       : !status_ok(asked.status) && strcmp(asked.status.reason, reason) == 0;
    CHECK(is_as_expected);
    return taken_ns;
}

static uint64_t log_in(struct bench *bench, bool is_known, size_t number)
{
    char address[ADDRESS_BYTES];
    Auth__LoginRequest request = AUTH__LOGIN_REQUEST__INIT;
    write_address(is_known, number, address);
    request.identifier = address;
    request.password = (char *)(uintptr_t) "not the password";
    return ask(bench, AUTH_LOGIN, &request, number * 2 + is_known, "INVALID_CREDENTIALS");
}

static uint64_t forget(struct bench *bench, bool is_known, size_t number)
{
    char address[ADDRESS_BYTES];
    Auth__ForgotPasswordRequest request = AUTH__FORGOT_PASSWORD_REQUEST__INIT;
    write_address(is_known, number, address);
    request.identifier = address;
    return ask(bench, AUTH_FORGOT_PASSWORD, &request, number * 2 + is_known, NULL);
}

/// compare gives by how many percent the medians differ.
static double compare(struct bench *bench, const char *name,
                      uint64_t (*call)(struct bench *bench, bool is_known, size_t number))
{
    static uint64_t samples[2][COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        bool first = i % 2 == 0; // Whatever drifts while this runs drifts for both.
        samples[first][i] = call(bench, first, i);
        samples[!first][i] = call(bench, !first, i);
    }
    double known_us = (double)bench_percentile(samples[true], COUNT, 0.5) / 1000;
    double unknown_us = (double)bench_percentile(samples[false], COUNT, 0.5) / 1000;
    double percent = fabs(known_us / unknown_us - 1) * 100;
    printf("  %-20s known %9.1f us   unknown %9.1f us   %5.2f %%\n", name, known_us, unknown_us,
           percent);
    return percent;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bench_print_machine();
    open_bench(&bench, argc > 1 ? argv[1] : "/var/tmp");
    CHECK(status_ok(store_write_wait(bench.store, put_users, &bench)));
    printf("Medians of %d addresses each\n", COUNT);
    double login_percent = compare(&bench, "a wrong password", log_in);
    (void)compare(&bench, "a forgotten one", forget);
    close_bench(&bench);
    bool is_met = login_percent <= BAR_PERCENT;
    printf("A login's medians, bar %.0f %%: %s\n", BAR_PERCENT, is_met ? "met" : "MISSED");
    return is_met ? 0 : 1;
}
