// Login activity at 1,000 and at 1,000,000 attempts: a page of 50 by every filter, through the
// handler, and what recording one attempt takes.
//   build/release/bench/auth_activity_bench [directory]
// Exits 1 when a bar is missed: a page at the one takes at most 1.5 times as long as at the other.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert.h"
#include "services/auth/rpc.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    SMALL = 1000,
    LARGE = 1000000,
    ATTEMPTS_OF_A_USER = 100,
    BATCH = 1000, // Attempts of one transaction.
    READ_COUNT = 2001,
    PAGE = 50,
    ARENA_BYTES_MAX = 16 << 20,
};

#define BAR_RATIO 1.5
#define T0_NS (UINT64_C(1800000000) * NS_PER_SECOND)

struct bench {
    char directory[BENCH_PATH_BYTES];
    struct store *store;
    struct auth_service service;
    struct arena *arena;
    size_t attempts; // In the store.
    uint64_t random;
};

static uint64_t draw(struct bench *bench, uint64_t below)
{
    bench->random = bench->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (bench->random >> 33) % below;
}

static struct id128 user_of(uint64_t number)
{
    struct id128 id = {{0x11}};
    put_u64_be(id.bytes + 8, number);
    return id;
}

static void open_bench(struct bench *bench, const char *root)
{
    char keys[BENCH_PATH_BYTES + 16];
    static const uint8_t page_key[32] = {1};
    const struct store_schema *schemas[] = {&auth_store_schema};
    *bench = (struct bench){.random = 1};
    directory_make_in(root, "bench", bench->directory, BENCH_PATH_BYTES);
    snprintf(keys, sizeof keys, "%s/keys", bench->directory);
    CHECK(mkdir(keys, 0700) == 0);
    struct store_config config = {.directory = bench->directory};
    page_open(page_key);
    CHECK(status_ok(store_open(&config, schemas, 1, &bench->store)));
    CHECK(status_ok(auth_service_open(bench->store, keys, &auth_policy_default, &bench->service)));
    bench->arena = arena_open(ARENA_BYTES_MAX);
}

static void close_bench(struct bench *bench)
{
    store_close(&bench->store);
    auth_service_close(&bench->service);
    arena_close(&bench->arena);
    directory_remove(bench->directory);
}

// ---- Writing -------------------------------------------------------------------------------

/// A third fails, one of a hundred looks suspicious; a second lies between two.
static struct status write_batch(struct store_txn *txn, void *context)
{
    struct bench *bench = context;
    struct auth_client client = {.device = "pixel-7a", .user_agent = "Mozilla/5.0 (Android 14)"};
    client.network_size = auth_convert_network("192.0.2.1", client.network);
    snprintf(client.ip, sizeof client.ip, "192.0.2.1");
    for (size_t i = 0; i < BATCH; i++) {
        size_t number = bench->attempts + i;
        bool is_success = draw(bench, 3) > 0;
        struct auth_activity activity = {
            .at_ns = T0_NS + number * NS_PER_SECOND,
            .user_id = user_of(number % (LARGE / ATTEMPTS_OF_A_USER)),
            .is_success = is_success,
            .reason = is_success ? "" : "INVALID_CREDENTIALS",
            .is_suspicious = draw(bench, 100) == 0,
            .session_id = is_success ? user_of(number) : ID128_NIL,
            .client = &client,
        };
        if (number < SMALL) activity.user_id = user_of(number % (SMALL / ATTEMPTS_OF_A_USER));
        auth_activity_record(&bench->service, txn, &activity);
    }
    return STATUS_SUCCESS;
}

/// write_until gives the ns that one attempt took.
static double write_until(struct bench *bench, size_t attempts)
{
    size_t written = attempts - bench->attempts;
    uint64_t begin_ns = clock_mono_ns();
    for (; bench->attempts < attempts; bench->attempts += BATCH)
        CHECK(status_ok(store_write_wait(bench->store, write_batch, bench)));
    return (double)(clock_mono_ns() - begin_ns) / (double)written;
}

// ---- Reading -------------------------------------------------------------------------------

/// What a page is asked for. The user is one of those with a full page.
struct asked {
    const char *name, *result;
    bool suspicious, from_middle, one_user;
};

static const struct asked lists[] = {
    {"everybody's", "", false, false, false},
    {"everybody's, from the middle", "", false, true, false},
    {"failures", "failed", false, false, false},
    {"failures, from the middle", "failed", false, true, false},
    {"suspicious ones", "", true, false, false},
    {"one user's", "", false, false, true},
    {"one user's successes", "succeeded", false, false, true},
};

enum { LIST_COUNT = sizeof lists / sizeof lists[0] };

static size_t read_page(struct bench *bench, const struct asked *asked)
{
    Auth__ListLoginActivityRequest all = AUTH__LIST_LOGIN_ACTIVITY_REQUEST__INIT;
    Auth__ListMyLoginActivityRequest mine = AUTH__LIST_MY_LOGIN_ACTIVITY_REQUEST__INIT;
    enum auth_method_index method =
        asked->one_user ? AUTH_LIST_MY_LOGIN_ACTIVITY : AUTH_LIST_LOGIN_ACTIVITY;
    size_t users = bench->attempts / ATTEMPTS_OF_A_USER;
    all.result = mine.result = (char *)(uintptr_t)asked->result;
    all.suspicious = asked->suspicious;
    if (asked->from_middle) all.to = T0_NS + bench->attempts / 2 * NS_PER_SECOND;
    struct rpc_call call = {
        .method = &auth_methods[method],
        .service = &bench->service,
        .arena = bench->arena,
        .request = asked->one_user ? (void *)&mine : (void *)&all,
        .claims = {.subject = user_of(draw(bench, users))},
        .is_authenticated = true,
        .scope = RPC_SCOPE_ALL,
        .access_token = "",
    };
    arena_reset(bench->arena);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    CHECK(status_ok(store_snapshot_begin(bench->store, &txn)));
    CHECK(status_ok(auth_handlers[method](&call, txn)));
    return ((const Auth__ListLoginActivityResponse *)call.reply)->n_login_activity;
}

/// measure gives the median of one page's time in us, of each list.
static void measure(struct bench *bench, double ret_us[static LIST_COUNT])
{
    static uint64_t samples[READ_COUNT];
    for (size_t i = 0; i < LIST_COUNT; i++) {
        size_t rows = 0;
        for (size_t j = 0; j < READ_COUNT; j++) {
            uint64_t begin_ns = clock_mono_ns();
            rows += read_page(bench, &lists[i]);
            samples[j] = clock_mono_ns() - begin_ns;
        }
        ret_us[i] = (double)bench_percentile(samples, READ_COUNT, 0.5) / 1000;
        // Of a thousand attempts, some ten look suspicious: no full page, and judged by the row.
        ret_us[i] *= (double)PAGE * READ_COUNT / (double)rows;
    }
}

int main(int argc, char **argv)
{
    static struct bench bench;
    double small_us[LIST_COUNT], large_us[LIST_COUNT];
    bool has_failed = false;
    bench_print_machine();
    open_bench(&bench, argc > 1 ? argv[1] : "/var/tmp");
    (void)write_until(&bench, SMALL);
    measure(&bench, small_us);
    double write_ns = write_until(&bench, LARGE);
    measure(&bench, large_us);
    close_bench(&bench);
    printf("A page of %d attempts, median         at %d   at %d   ratio\n", PAGE, SMALL, LARGE);
    for (size_t i = 0; i < LIST_COUNT; i++) {
        double ratio = large_us[i] / small_us[i];
        bool is_met = ratio <= BAR_RATIO;
        printf("  %-32s %7.1f us  %8.1f us   %5.2f   bar %.1f: %s\n", lists[i].name, small_us[i],
               large_us[i], ratio, BAR_RATIO, is_met ? "met" : "MISSED");
        has_failed |= !is_met;
    }
    printf("Recording an attempt, 1,000 a transaction: %.1f us\n", write_ns / 1000);
    return has_failed ? 1 : 0;
}
