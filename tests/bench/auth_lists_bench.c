// Lists of users and of sessions: a page of 50 among 1,000 users and among 1,000,000, from the
// request's bytes to the reply's, first page and pages anywhere, unfiltered and by each filter. The
// bar is the ratio of the medians: 1.5. The two stores are measured in turn, so that what the
// machine does meanwhile falls on both.
//   build/release/bench/auth_lists_bench [directory] [users] [samples]
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/pack.h"
#include "common/rpc/page.h"
#include "common/rpc/server.h"
#include "common/rpc/validate.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert.h"
#include "services/auth/rpc.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { USERS_SMALL = 1000, USERS_PER_JOB = 5000, DESK_SESSIONS = 100, PAGE = 50, TEXT_BYTES = 64 };

static const double ratio_max = 1.5;

/// Whoever is looked up anywhere in a large store lies in no cache: a lookup costs its cache
/// misses, whatever finds it. So its bar is a time.
static const double lookup_us_max = 20;

struct bank {
    char directory[BENCH_PATH_BYTES];
    struct store *store;
    struct auth_service service;
    size_t user_count;
    struct id128 *users;    // By age, oldest first.
    struct id128 desk;      // A user with many sessions, amid everybody's.
    struct id128 desk_half; // The session in the middle of them.
    uint64_t now_ns;
};

// ---- Making it -----------------------------------------------------------------------------

struct job {
    struct bank *bank;
    size_t first, count;
};

static void email_of(size_t n, char ret[static TEXT_BYTES])
{
    snprintf(ret, TEXT_BYTES, "user%zu@example.com", n);
}

/// One in ten is a teller of branch pune-1, another in ten is blocked.
static struct status put_user(struct bank *bank, struct store_txn *txn, size_t n)
{
    char email[TEXT_BYTES];
    struct auth_client client = {.device = "phone", .user_agent = "", .ip = "192.0.2.7"};
    struct auth_assurance assurance = {.aal = 1, .amr = TOKEN_AMR_PWD};
    struct auth_user user =
        auth_service_new_user(n % 10 == 0 ? "teller" : "customer", bank->now_ns);
    struct auth_person person = {.fields = {[AUTH_PERSON_EMAIL] = email,
                                            [AUTH_PERSON_MOBILE] = "",
                                            [AUTH_PERSON_FULL_NAME] = "Asha Verma"}};
    struct auth_session session;
    email_of(n, email);
    if (n % 10 == 0) snprintf(user.branch, sizeof user.branch, "pune-1");
    if (n % 10 == 5) user.state = AUTH_USER_BLOCKED;
    user.channels = 1U << AUTH_EMAIL;
    bank->users[n] = user.id;
    RETURN_IF_ERROR(auth_store_put_new_user(bank->service.auth, txn, &user, &person));
    auth_session_begin(&bank->service, txn, &user, &client, assurance, bank->now_ns, &session);
    return STATUS_SUCCESS;
}

static struct status run_users(struct store_txn *txn, void *context)
{
    const struct job *job = context;
    for (size_t n = job->first; n < job->first + job->count; n++)
        RETURN_IF_ERROR(put_user(job->bank, txn, n));
    return STATUS_SUCCESS;
}

static struct status run_desk(struct store_txn *txn, void *context)
{
    struct bank *bank = context;
    struct auth_user user;
    struct auth_client client = {.device = "desk", .user_agent = "", .ip = "192.0.2.8"};
    struct auth_assurance assurance = {.aal = 1, .amr = TOKEN_AMR_PWD};
    bank->desk = bank->users[bank->user_count / 20 * 10]; // A teller, in the middle.
    RETURN_IF_ERROR(auth_store_get_user(txn, bank->desk, &user));
    for (size_t i = 0; i < DESK_SESSIONS; i++) {
        struct auth_session session;
        auth_session_begin(&bank->service, txn, &user, &client, assurance, bank->now_ns, &session);
        if (i == DESK_SESSIONS / 2) bank->desk_half = session.id;
    }
    return STATUS_SUCCESS;
}

static struct bank *make_bank(const char *root, size_t user_count)
{
    char path[BENCH_PATH_BYTES + 8], keys[BENCH_PATH_BYTES + 8];
    struct bank *bank = calloc(1, sizeof *bank);
    CHECK(bank != NULL);
    bank->users = calloc(user_count, sizeof *bank->users);
    CHECK(bank->users != NULL);
    bank->user_count = user_count;
    bank->now_ns = clock_wall_ns();
    directory_make_in(root, "bench", bank->directory, sizeof bank->directory);
    snprintf(path, sizeof path, "%s/auth", bank->directory);
    snprintf(keys, sizeof keys, "%s/keys", bank->directory);
    CHECK(mkdir(keys, 0700) == 0);
    const struct store_schema *schemas[] = {&rpc_store_schema, &auth_store_schema};
    struct store_config config = {.directory = path, .map_bytes = UINT64_C(16) << 30};
    CHECK(status_ok(store_open(&config, schemas, 2, &bank->store)));
    CHECK(status_ok(auth_service_open(bank->store, keys, &auth_policy_default, &bank->service)));
    for (size_t first = 0; first < user_count; first += USERS_PER_JOB) {
        size_t left = user_count - first;
        struct job job = {bank, first, left < USERS_PER_JOB ? left : USERS_PER_JOB};
        CHECK(status_ok(store_write_wait(bank->store, run_users, &job)));
    }
    CHECK(status_ok(store_write_wait(bank->store, run_desk, bank)));
    return bank;
}

static void close_bank(struct bank *bank)
{
    store_close(&bank->store);
    auth_service_close(&bank->service);
    directory_remove(bank->directory);
    free(bank->users);
    free(bank);
}

// ---- Calling -------------------------------------------------------------------------------

static struct token_claims claims;

static struct rpc_call begin_call(struct bank *bank, enum auth_method_index method,
                                  struct arena *arena)
{
    arena_reset(arena);
    return (struct rpc_call){.method = &auth_methods[method],
                             .service = &bank->service,
                             .arena = arena,
                             .claims = claims,
                             .is_authenticated = true,
                             .scope = RPC_SCOPE_ALL,
                             .received_wall_ns = bank->now_ns};
}

/// One list, and what is asked of it.
struct list {
    const char *name;
    const char *status, *role, *branch; // Of users; NULL: any.
    bool is_by_email, is_of_sessions;
    bool is_anywhere; // Otherwise the first page; by e-mail, one of a thousand users.
    size_t rows;      // That a page has.
};

static uint64_t random_state = 1;

static size_t pick(size_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (size_t)((random_state >> 33) % bound);
}

static char *text(const char *constant)
{
    return (char *)(uintptr_t)(constant != NULL ? constant : "");
}

/// run_call does what the daemon does from the request's bytes to the reply's.
static size_t run_call(struct bank *bank, struct rpc_call *call, const void *request,
                       uint64_t *ret_ns)
{
    struct store_txn *txn = NULL;
    struct bytes wire, packed;
    CHECK(status_ok(rpc_pack(request, call->arena, &wire)));
    uint64_t begin_ns = clock_mono_ns();
    CHECK(status_ok(
        rpc_decode(call->method->request, wire, call->arena, &call->request, &call->violations)));
    CHECK(status_ok(store_snapshot_begin(bank->store, &txn)));
    CHECK(status_ok(auth_handlers[(size_t)(call->method - auth_methods)](call, txn)));
    CHECK(status_ok(rpc_pack(call->reply, call->arena, &packed)));
    store_snapshot_end(&txn);
    *ret_ns = clock_mono_ns() - begin_ns;
    const void *reply = call->reply;
    return call->method == &auth_methods[AUTH_LIST_USERS]
               ? ((const Auth__ListUsersResponse *)reply)->n_users
               : ((const Auth__ListSessionsResponse *)reply)->n_sessions;
}

/// A token for a page anywhere: bound to the list's filters, as the handler binds it.
static char *users_token(struct bank *bank, const struct list *list, struct arena *arena)
{
    struct auth_user_asked asked;
    memset(&asked, 0, sizeof asked);
    snprintf(asked.state, sizeof asked.state, "%s", text(list->status));
    snprintf(asked.role, sizeof asked.role, "%s", text(list->role));
    snprintf(asked.branch, sizeof asked.branch, "%s", text(list->branch));
    size_t margin = PAGE * 10; // A full page is left below it, whatever is asked.
    struct id128 place = bank->users[margin + pick(bank->user_count - margin)];
    struct rpc_call call = begin_call(bank, AUTH_LIST_USERS, arena);
    return text(page_token_make(&call, bytes_of(&asked, sizeof asked), id128_bytes(&place)));
}

static char *sessions_token(struct bank *bank, struct arena *arena)
{
    struct rpc_call call = begin_call(bank, AUTH_LIST_USER_SESSIONS, arena);
    return text(page_token_make(&call, id128_bytes(&bank->desk), id128_bytes(&bank->desk_half)));
}

static uint64_t sample_users(struct bank *bank, const struct list *list, struct arena *arena,
                             struct arena *token_arena)
{
    Auth__ListUsersRequest request = AUTH__LIST_USERS_REQUEST__INIT;
    char email[TEXT_BYTES];
    uint64_t took_ns;
    email_of(pick(list->is_anywhere ? bank->user_count : USERS_SMALL), email);
    request.status = text(list->status);
    request.role = text(list->role);
    request.branch = text(list->branch);
    request.page_size = PAGE;
    if (list->is_by_email) request.email = email;
    if (list->is_anywhere && !list->is_by_email)
        request.page_token = users_token(bank, list, token_arena);
    struct rpc_call call = begin_call(bank, AUTH_LIST_USERS, arena);
    CHECK(run_call(bank, &call, &request, &took_ns) == list->rows);
    return took_ns;
}

static uint64_t sample_sessions(struct bank *bank, const struct list *list, struct arena *arena,
                                struct arena *token_arena)
{
    Auth__ListUserSessionsRequest request = AUTH__LIST_USER_SESSIONS_REQUEST__INIT;
    uint64_t took_ns;
    request.user_id = (ProtobufCBinaryData){ID128_BYTES, bank->desk.bytes};
    request.page_size = PAGE;
    if (list->is_anywhere) request.page_token = sessions_token(bank, token_arena);
    struct rpc_call call = begin_call(bank, AUTH_LIST_USER_SESSIONS, arena);
    CHECK(run_call(bank, &call, &request, &took_ns) == list->rows);
    return took_ns;
}

// ---- Comparing -----------------------------------------------------------------------------

static bool compare(struct bank *small, struct bank *large, const struct list *list,
                    size_t sample_count)
{
    struct bank *banks[2] = {small, large};
    uint64_t *samples[2];
    struct arena *arena = arena_open((size_t)16 << 20), *token_arena = arena_open((size_t)1 << 20);
    for (size_t b = 0; b < 2; b++) {
        samples[b] = calloc(sample_count, sizeof *samples[b]);
        CHECK(samples[b] != NULL);
    }
    for (size_t i = 0; i < sample_count; i++) {
        for (size_t b = 0; b < 2; b++)
            samples[b][i] = list->is_of_sessions
                                ? sample_sessions(banks[b], list, arena, token_arena)
                                : sample_users(banks[b], list, arena, token_arena);
    }
    double small_us = (double)bench_percentile(samples[0], sample_count, 0.5) / 1000;
    double large_us = (double)bench_percentile(samples[1], sample_count, 0.5) / 1000;
    double ratio = large_us / small_us;
    bool is_lookup = list->is_by_email && list->is_anywhere;
    bool is_flat = is_lookup ? large_us <= lookup_us_max : ratio <= ratio_max;
    printf("%-48s %9.1f us %9.1f us   ratio %.2f%s\n", list->name, small_us, large_us, ratio,
           is_flat ? "" : "  ABOVE THE BAR");
    for (size_t b = 0; b < 2; b++)
        free(samples[b]);
    arena_close(&arena);
    arena_close(&token_arena);
    return is_flat;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "/var/tmp";
    size_t user_count = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    size_t sample_count = argc > 3 ? strtoul(argv[3], NULL, 10) : 500;
    static const uint8_t page_key[32] = {1};

    // clang-format off
    static const struct list lists[] = {
        {.name = "users, first page",                      .rows = PAGE},
        {.name = "users, a page anywhere",                 .rows = PAGE, .is_anywhere = true},
        {.name = "users by status, first page",            .rows = PAGE, .status = "blocked"},
        {.name = "users by status, a page anywhere",       .rows = PAGE, .status = "blocked", .is_anywhere = true},
        {.name = "users by role, first page",              .rows = PAGE, .role = "teller"},
        {.name = "users by role, a page anywhere",         .rows = PAGE, .role = "teller", .is_anywhere = true},
        {.name = "users by role, status, branch, anywhere", .rows = PAGE, .role = "teller", .status = "active", .branch = "pune-1",
         .is_anywhere = true},
        {.name = "users by e-mail, one of a thousand",     .rows = 1,    .is_by_email = true},
        {.name = "users by e-mail, anybody",               .rows = 1,    .is_by_email = true, .is_anywhere = true},
        {.name = "sessions of a user, first page",         .rows = PAGE, .is_of_sessions = true},
        {.name = "sessions of a user, a page in the middle", .rows = PAGE, .is_of_sessions = true, .is_anywhere = true},
    };

    // clang-format on
    bench_print_machine();
    page_open(page_key);
    struct bank *small = make_bank(root, USERS_SMALL);
    uint64_t begin_ns = clock_mono_ns();
    struct bank *large = make_bank(root, user_count);
    printf("%zu users with a session each made in %.1f s\n", user_count,
           (double)(clock_mono_ns() - begin_ns) / (double)NS_PER_SECOND);
    printf("%-48s %12d %12zu   users; medians, a page of %d\n", "", USERS_SMALL, user_count, PAGE);
    bool is_flat = true;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        is_flat = compare(small, large, &lists[i], sample_count) && is_flat;
    close_bank(small);
    close_bank(large);
    return is_flat ? 0 : 1;
}
