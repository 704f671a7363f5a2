#include "gateway/exchange.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/pack.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"
#include "gateway/gateway.h"
#include "gateway/keytokens.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_ARENA_BYTES = 64 * 1024, BUCKETS = 256 };

#define ASK_TIMEOUT_NS (5 * NS_PER_SECOND)

/// One exchange under way, and who waits for it.
struct ask {
    struct gateway *gateway;
    uint8_t hash[KEYTOKENS_HASH_BYTES];
    char service_token[TOKEN_BYTES_MAX];
    struct arena *arena; // Of the request and the answer.
    struct rpc_client_call call;
    uint64_t asked_ns;
    struct gateway_request *waiters;
    struct ask *next; // In its bucket.
};

struct gateway_exchanges {
    struct gateway *gateway;
    struct keytokens *tokens;
    pthread_mutex_t lock;
    struct ask *buckets[BUCKETS]; // By the first byte of the hash.
};

struct gateway_exchanges *gateway_exchanges_open(struct gateway *gateway)
{
    struct gateway_exchanges *exchanges = calloc(1, sizeof *exchanges);
    CHECK(exchanges != NULL);
    exchanges->gateway = gateway;
    exchanges->tokens = keytokens_open();
    pthread_mutex_init(&exchanges->lock, NULL);
    return exchanges;
}

void gateway_exchanges_close(struct gateway_exchanges **exchanges)
{
    if (*exchanges == NULL) return;
    for (size_t i = 0; i < BUCKETS; i++)
        CHECK((*exchanges)->buckets[i] == NULL);
    keytokens_close(&(*exchanges)->tokens);
    pthread_mutex_destroy(&(*exchanges)->lock);
    free(*exchanges);
    *exchanges = NULL;
}

// ---- The answer ----------------------------------------------------------------------------

/// told_status is what a client may know of a refusal: what is wrong with the key, not with us.
static struct status told_status(const struct rpc_client_call *call)
{
    const char *reason = call->status.reason != NULL ? call->status.reason : "";
    bool is_of_key =
        strcmp(reason, "INVALID_CREDENTIALS") == 0 || strcmp(reason, "RATE_LIMITED") == 0;
    if (is_of_key) return call->status;
    if (call->status.code == STATUS_INVALID_ARGUMENT) // No text that a key could have.
        return REFUSE(UNAUTHENTICATED, INVALID_CREDENTIALS, "the API key is not taken");
    return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "API keys cannot be looked at now");
}

static struct status read_answer(struct ask *ask, const Auth__IssueTokenResponse **ret)
{
    Auth__IssueTokenResponse *reply = NULL;
    bool is_given = ask->call.outcome == RPC_OUTCOME_ANSWERED && status_ok(ask->call.status);
    if (!is_given) return told_status(&ask->call);
    RETURN_IF_ERROR(
        rpc_unpack(&auth__issue_token_response__descriptor, ask->call.reply, ask->arena, &reply));
    if (reply->access_token[0] == '\0' || strlen(reply->access_token) >= TOKEN_BYTES_MAX)
        return REFUSE(INTERNAL, REPLY_MALFORMED, "the answer cannot be read");
    *ret = reply;
    return STATUS_SUCCESS;
}

static const char *keep_text(struct gateway_request *request, const char *text)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    const char *kept = text != NULL ? arena_text(arena, text, strlen(text)) : NULL;
    return kept != NULL || text == NULL ? kept : "";
}

/// tell leaves the outcome in the request, whose loop waits for the job.
static void tell(struct gateway_request *request, const struct ask *ask, struct status status,
                 const char *token)
{
    struct rpc_client_call *call = &request->call;
    call->status = status;
    call->outcome = RPC_OUTCOME_ANSWERED;
    if (status_ok(status)) {
        call->metadata.access_token = keep_text(request, token);
    } else {
        // Whatever became of the exchange, what the client asked for has not happened.
        call->outcome = RPC_OUTCOME_REFUSED;
        call->status.reason = keep_text(request, status.reason);
        call->status.message = keep_text(request, status.message);
        call->retry_after_ms = ask->call.retry_after_ms;
    }
    http_loop_post(http_exchange_loop(request->exchange), &request->job);
}

/// take_out closes the ask to further waiters and gives those that there are.
static struct gateway_request *take_out(struct gateway_exchanges *exchanges, struct ask *ask)
{
    pthread_mutex_lock(&exchanges->lock);
    struct ask **at = &exchanges->buckets[ask->hash[0]];
    while (*at != ask)
        at = &(*at)->next;
    *at = ask->next;
    struct gateway_request *waiters = ask->waiters;
    pthread_mutex_unlock(&exchanges->lock);
    return waiters;
}

static void close_ask(struct ask *ask)
{
    arena_close(&ask->arena);
    key_wipe(ask->service_token, sizeof ask->service_token);
    free(ask);
}

static void on_exchanged(struct rpc_client_call *call)
{
    struct ask *ask = call->context;
    struct gateway *gateway = ask->gateway;
    struct gateway_exchanges *exchanges = gateway->exchanges;
    const Auth__IssueTokenResponse *reply = NULL;
    struct status status = read_answer(ask, &reply);
    const char *token = reply != NULL ? reply->access_token : NULL;
    if (status_ok(status))
        keytokens_put(exchanges->tokens, ask->hash, token, reply->expires_in, ask->asked_ns);
    struct gateway_request *next, *waiter = take_out(exchanges, ask);
    for (; waiter != NULL; waiter = next) {
        next = waiter->next_waiter; // It may be gone after its job was posted.
        tell(waiter, ask, status, token);
    }
    close_ask(ask);
    gateway_call_end(gateway);
}

// ---- Asking --------------------------------------------------------------------------------

static struct rpc_channel *auth_channel(const struct gateway *gateway)
{
    for (size_t i = 0; i < GATEWAY_PEERS; i++)
        if (strcmp(gateway_peers[i], "auth") == 0) return gateway->channels[i];
    CHECK(false && "auth is a peer");
    return NULL;
}

static struct ask *make_ask(struct gateway_request *request)
{
    struct gateway *gateway = request->gateway;
    struct ask *ask = calloc(1, sizeof *ask);
    CHECK(ask != NULL);
    ask->gateway = gateway;
    ask->arena = arena_open(ASK_ARENA_BYTES);
    ask->asked_ns = clock_mono_ns();
    memcpy(ask->hash, request->key_hash, sizeof ask->hash);
    gateway->service_token(gateway->service_token_context, ask->service_token,
                           sizeof ask->service_token);
    ask->call = (struct rpc_client_call){.method = &auth_methods[AUTH_EXCHANGE_API_KEY],
                                         .metadata = {.access_token = ask->service_token},
                                         .deadline_mono_ns = ask->asked_ns + ASK_TIMEOUT_NS,
                                         .done = on_exchanged,
                                         .context = ask};
    // They outlive the request that asks first.
    ask->call.metadata.request_id =
        arena_text(ask->arena, request->request_id, strlen(request->request_id));
    Auth__ExchangeApiKeyRequest message = AUTH__EXCHANGE_API_KEY_REQUEST__INIT;
    message.key = (char *)(uintptr_t)request->api_key;
    message.client_ip = (char *)(uintptr_t)request->client_ip;
    struct status status = rpc_pack(&message, ask->arena, &ask->call.payload);
    CHECK(status_ok(status)); // A header is shorter than the arena.
    return ask;
}

/// join waits with whoever asks already; *ret_ask is who has to ask, else NULL.
static void join(struct gateway_exchanges *exchanges, struct gateway_request *request,
                 struct ask **ret_ask)
{
    struct ask **bucket = &exchanges->buckets[request->key_hash[0]];
    *ret_ask = NULL;
    pthread_mutex_lock(&exchanges->lock);
    struct ask *ask = *bucket;
    while (ask != NULL && memcmp(ask->hash, request->key_hash, sizeof ask->hash) != 0)
        ask = ask->next;
    if (ask == NULL) {
        ask = make_ask(request);
        ask->next = *bucket;
        *bucket = *ret_ask = ask;
    }
    request->next_waiter = ask->waiters;
    ask->waiters = request;
    pthread_mutex_unlock(&exchanges->lock);
}

bool gateway_exchange_begin(struct gateway_request *request)
{
    struct gateway *gateway = request->gateway; // The request may be gone once it has joined.
    struct gateway_exchanges *exchanges = gateway->exchanges;
    char token[TOKEN_BYTES_MAX];
    struct ask *ask;
    keytokens_hash(exchanges->tokens, request->api_key, request->client_ip, request->key_hash);
    if (keytokens_get(exchanges->tokens, request->key_hash, clock_mono_ns(), token)) {
        request->call.metadata.access_token = keep_text(request, token);
        key_wipe(token, sizeof token);
        return true;
    }
    join(exchanges, request, &ask);
    if (ask == NULL) return false;
    gateway_call_hold(gateway);
    rpc_channel_call(auth_channel(gateway), &ask->call);
    return false;
}

bool gateway_exchange_again(struct gateway_request *request)
{
    const struct status status = request->call.status;
    bool is_refused = request->call.outcome != RPC_OUTCOME_UNKNOWN &&
                      status.code == STATUS_UNAUTHENTICATED && status.reason != NULL &&
                      (strcmp(status.reason, "TOKEN_REVOKED") == 0 ||
                       strcmp(status.reason, "TOKEN_EXPIRED") == 0);
    if (request->api_key == NULL || !is_refused) return false;
    keytokens_drop(request->gateway->exchanges->tokens, request->key_hash,
                   request->call.metadata.access_token);
    bool is_first = !request->was_exchanged_again;
    request->was_exchanged_again = true;
    return is_first;
}
