#include "tests/unit/rpc/echo_service.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct store_table tables[] = {{.number = ECHO_TABLE_COUNTERS, .name = "counters"}};
const struct store_schema echo_store_schema = {
    .name = "echo", .version = 1, .tables = tables, .table_count = 1};

static struct status reply_echo(struct rpc_call *call, const Echo__EchoRequest *request)
{
    Echo__EchoReply *reply = RPC_NEW(call, Echo__EchoReply, echo__echo_reply__init);
    char *actor = arena_alloc(call->arena, RPC_ACTOR_BYTES);
    uint8_t *filling = arena_alloc(call->arena, request->reply_bytes);
    if (reply == NULL || actor == NULL || filling == NULL) return ARENA_STATUS_EXHAUSTED;
    rpc_call_actor(call, actor);
    reply->text = request->text;
    reply->number = request->number;
    reply->actor = actor;
    reply->filling = (ProtobufCBinaryData){.data = filling, .len = request->reply_bytes};
    return rpc_call_reply(call, reply);
}

static struct status handle_echo(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    struct echo *echo = call->service;
    const Echo__EchoRequest *request = call->request;
    atomic_fetch_add_explicit(&echo->runs, 1, memory_order_relaxed);
    if (request->sleep_ms > 0) usleep(request->sleep_ms * 1000);
    return reply_echo(call, request);
}

static struct status handle_pool(struct rpc_call *call, struct store_txn *txn)
{
    struct echo *echo = call->service;
    CHECK(txn == NULL);
    atomic_fetch_add(&echo->runs, 1);
    atomic_fetch_add(&echo->pool_waiting, 1);
    while (!atomic_load(&echo->pool_release)) {
        usleep(500);
    }
    atomic_fetch_sub(&echo->pool_waiting, 1);
    return reply_echo(call, call->request);
}

// Takes a good part of what a handler may have, each time it runs.
static struct status handle_wait(struct rpc_call *call, struct store_txn *txn)
{
    struct echo *echo = call->service;
    const Echo__EchoRequest *request = call->request;
    CHECK(txn == NULL);
    atomic_fetch_add(&echo->wait_runs, 1);
    uint64_t level = atomic_load(&echo->level);
    uint64_t until_ns = call->received_mono_ns + request->sleep_ms * NS_PER_MS;
    call->noted[0]++;
    rpc_call_detail(call, "run", "again"); // More than once would be a CHECK.
    if (arena_alloc(call->arena, 1 << 20) == NULL) return ARENA_STATUS_EXHAUSTED;
    if (level < request->number && rpc_call_may_park(call, until_ns)) {
        return rpc_call_park(call, until_ns);
    }
    RETURN_IF_ERROR(reply_echo(call, request));
    Echo__EchoReply *reply = (Echo__EchoReply *)call->reply;
    reply->number = level;
    reply->text = arena_format(call->arena, "run %llu", (unsigned long long)call->noted[0]);
    return reply->text != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

static uint64_t read_counter(struct store_txn *txn, struct bytes key)
{
    struct bytes value;
    return status_ok(store_get(txn, ECHO_TABLE_COUNTERS, key, &value)) ? get_u64_be(value.data) : 0;
}

static struct status handle_count(struct rpc_call *call, struct store_txn *txn)
{
    struct echo *echo = call->service;
    const Echo__CountRequest *request = call->request;
    const struct status refusal =
        REFUSE(FAILED_PRECONDITION, COUNT_REFUSED, "the test asked for a refusal");
    atomic_fetch_add(&echo->runs, 1);
    if (request->sleep_ms > 0) usleep(request->sleep_ms * 1000);
    if (strcmp(request->refuse, "before") == 0) {
        rpc_call_detail(call, "counter", request->name);
        return refusal;
    }
    struct bytes key = bytes_of_text(request->name);
    uint64_t count = read_counter(txn, key) + 1;
    uint8_t value[8];
    put_u64_be(value, count);
    store_put(txn, ECHO_TABLE_COUNTERS, key, bytes_of(value, sizeof value));
    if (strcmp(request->refuse, "after") == 0) return refusal;
    if (strcmp(request->refuse, "committed") == 0) {
        rpc_call_detail(call, "counter", request->name);
        return rpc_call_refuse_committed(call, refusal);
    }
    Echo__CountReply *reply = RPC_NEW(call, Echo__CountReply, echo__count_reply__init);
    if (reply != NULL) reply->count = count;
    return rpc_call_reply(call, reply);
}

static const rpc_handler handlers[ECHO_METHOD_COUNT] = {
    [ECHO_ECHO] = handle_echo,          [ECHO_ECHO_PUBLIC] = handle_echo,
    [ECHO_ECHO_ANY_USER] = handle_echo, [ECHO_POOL_ANY_USER] = handle_pool,
    [ECHO_COUNT] = handle_count,        [ECHO_COUNT_PROMISED] = handle_count,
    [ECHO_POOL] = handle_pool,          [ECHO_SMALL] = handle_echo,
    [ECHO_FORBIDDEN] = handle_echo,     [ECHO_WAIT] = handle_wait,
};

struct rpc_service echo_service(struct echo *echo)
{
    return (struct rpc_service){
        .methods = echo_methods, .handlers = handlers, .count = ECHO_METHOD_COUNT, .context = echo};
}

struct rpc_service echo_of_auth(struct echo *echo)
{
    static struct rpc_method methods[ECHO_OF_AUTH_COUNT];

    static const enum echo_method_index models[ECHO_OF_AUTH_COUNT] = {
        [ECHO_OF_AUTH] = ECHO_ECHO,
        [ECHO_OF_AUTH_ANY_USER] = ECHO_ECHO_ANY_USER,
        [ECHO_OF_AUTH_POOL] = ECHO_POOL_ANY_USER,
    };

    static const rpc_handler auth_handlers[ECHO_OF_AUTH_COUNT] = {
        [ECHO_OF_AUTH] = handle_echo,
        [ECHO_OF_AUTH_ANY_USER] = handle_echo,
        [ECHO_OF_AUTH_POOL] = handle_pool,
    };
    static const char *const names[ECHO_OF_AUTH_COUNT] = {
        [ECHO_OF_AUTH] = "florin.auth.v1.AuthService/Echo",
        [ECHO_OF_AUTH_ANY_USER] = "florin.auth.v1.AuthService/EchoAnyUser",
        [ECHO_OF_AUTH_POOL] = "florin.auth.v1.AuthService/PoolAnyUser",
    };
    for (size_t i = 0; i < ECHO_OF_AUTH_COUNT; i++) {
        methods[i] = echo_methods[models[i]];
        methods[i].name = names[i];
        methods[i].daemon = "auth";
    }
    return (struct rpc_service){.methods = methods,
                                .handlers = auth_handlers,
                                .count = ECHO_OF_AUTH_COUNT,
                                .context = echo};
}

// ---- Identity ------------------------------------------------------------------------------

static bool look_up_key(void *context, const char *kid,
                        uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                        char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    const struct echo *echo = context;
    char own_kid[KEY_ID_TEXT_BYTES];
    key_id(key_signer_public(echo->signer), own_kid);
    if (strcmp(kid, own_kid) != 0) return false;
    memcpy(ret_public_key, key_signer_public(echo->signer), KEY_PUBLIC_BYTES);
    snprintf(ret_issuer, TOKEN_ISSUER_BYTES_MAX, "florin-auth");
    return true;
}

static struct status verify(struct echo *echo, struct bytes token, struct token_claims *ret)
{
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    if (token_cache_get(echo->tokens, token, now_s, ret)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(token_verify(token, now_s, look_up_key, echo, ret));
    token_cache_put(echo->tokens, token, ret);
    return STATUS_SUCCESS;
}

static struct status authenticate(void *context, struct bytes token, struct token_claims *ret)
{
    struct echo *echo = context;
    if (atomic_load_explicit(&echo->is_stale, memory_order_relaxed)) {
        return REFUSE(UNAVAILABLE, IDENTITY_STALE, "ask again, slowly");
    }
    return verify(echo, token, ret);
}

static struct status authenticate_slow(void *context, struct bytes token, struct token_claims *ret)
{
    struct echo *echo = context;
    atomic_fetch_add(&echo->slow_checks, 1);
    if (atomic_load(&echo->slow_refuses)) {
        return REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "the session has ended");
    }
    return verify(echo, token, ret);
}

static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    const struct echo *echo = context;
    if (atomic_load_explicit(&echo->grants_nothing, memory_order_relaxed)) return RPC_SCOPE_NONE;
    for (size_t i = 0; i < claims->role_count; i++) {
        if (strcmp(claims->roles[i], "caller") == 0 && strcmp(permission, "echo.call") == 0) {
            return RPC_SCOPE_ALL;
        }
        if (strcmp(claims->roles[i], "operator") == 0 && strncmp(permission, "system.", 7) == 0) {
            return RPC_SCOPE_ALL;
        }
    }
    return RPC_SCOPE_NONE;
}

void echo_open(struct echo *echo)
{
    static const uint8_t seed[KEY_SEED_BYTES] = {1, 2, 3};
    CHECK(status_ok(crypto_open()));
    *echo = (struct echo){.identity = {.authenticate = authenticate,
                                       .authenticate_slow = authenticate_slow,
                                       .authorize = authorize}};
    echo->identity.context = echo;
    atomic_store(&echo->pool_release, true);
    CHECK(status_ok(key_signer_from_seed(seed, &echo->signer)));
    echo->tokens = token_cache_open(1024);
}

void echo_close(struct echo *echo)
{
    token_cache_close(&echo->tokens);
    key_signer_close(&echo->signer);
}

void echo_token(const struct echo *echo, uint8_t user, const char *role, uint64_t life_s,
                char ret_text[static TOKEN_BYTES_MAX])
{
    echo_token_of(echo, user, role, life_s, 1, NULL, ret_text);
}

void echo_token_of(const struct echo *echo, uint8_t user, const char *role, uint64_t life_s,
                   uint8_t aal, const char *scope, char ret_text[static TOKEN_BYTES_MAX])
{
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    struct token_claims claims = {.issuer = "florin-auth",
                                  .issued_at_s = now_s,
                                  .not_before_s = now_s,
                                  .expires_at_s = now_s + life_s,
                                  .auth_time_s = now_s,
                                  .user_version = 1,
                                  .aal = aal,
                                  .role_count = 1};
    memset(claims.subject.bytes, user, ID128_BYTES);
    claims.token_id = claims.session_id = id128_generate();
    snprintf(claims.roles[0], TOKEN_ROLE_BYTES_MAX, "%s", role);
    if (scope != NULL) {
        claims.scope_count = 1;
        snprintf(claims.scopes[0], TOKEN_SCOPE_BYTES_MAX, "%s", scope);
    }
    token_issue(&claims, echo->signer, ret_text);
}
