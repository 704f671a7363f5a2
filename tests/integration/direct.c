#include "tests/integration/direct.h"

#include "common/base/clock.h"
#include "common/rpc/pack.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_BYTES_MAX = 64 << 20,
    CALL_TIMEOUT_MS = 20000,
    TOKEN_LIFE_S = 120,
    UP_TRIES = 3000,
    UP_PAUSE_MS = 10
};

/// One call that somebody waits for.
struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended;
    struct direct_answer *answer;
};

static void check(struct status status, const char *what)
{
    if (status_ok(status)) return;
    fprintf(stderr, "%s: %s\n", what, status.reason);
    abort();
}

struct rpc_channel *direct_open(const struct world *world, const char *daemon)
{
    char url[WORLD_PATH_BYTES + 64];
    struct rpc_channel *channel = NULL;
    check(crypto_open(), "crypto");
    snprintf(url, sizeof url, "ipc://%s/run/%s.sock", world->data, daemon);
    check(rpc_channel_open(&(struct rpc_channel_config){.name = daemon, .url = url}, &channel),
          url);
    return channel;
}

void direct_wait_up(struct rpc_channel *channel)
{
    for (unsigned i = 0; i < UP_TRIES && !rpc_channel_is_up(channel); i++)
        poll(NULL, 0, UP_PAUSE_MS);
    if (rpc_channel_is_up(channel)) return;
    fprintf(stderr, "a daemon's socket is not there\n");
    abort();
}

static const char *keep_text(struct arena *arena, const char *text)
{
    return text != NULL ? arena_text(arena, text, strlen(text)) : "";
}

static void on_done(struct rpc_client_call *call)
{
    struct waiting *waiting = call->context;
    struct direct_answer *answer = waiting->answer;
    answer->outcome = call->outcome;
    answer->status =
        (struct status){call->status.code, keep_text(answer->arena, call->status.reason),
                        keep_text(answer->arena, call->status.message)};
    answer->replayed = call->replayed;
    answer->not_created = call->not_created;
    answer->reply =
        bytes_of(arena_copy(answer->arena, call->reply.data, call->reply.size), call->reply.size);
    pthread_mutex_lock(&waiting->lock);
    waiting->has_ended = true;
    pthread_cond_signal(&waiting->ended);
    pthread_mutex_unlock(&waiting->lock);
}

void direct_call(struct rpc_channel *channel, const struct rpc_method *method,
                 const struct rpc_metadata *metadata, const void *request,
                 struct direct_answer *ret)
{
    direct_reset(ret);
    ret->arena = arena_open(ARENA_BYTES_MAX);
    struct waiting waiting = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .answer = ret};
    struct rpc_client_call call = {.method = method,
                                   .deadline_mono_ns =
                                       clock_mono_ns() + CALL_TIMEOUT_MS * NS_PER_MS,
                                   .done = on_done,
                                   .context = &waiting};
    if (metadata != NULL) call.metadata = *metadata;
    check(rpc_pack(request, ret->arena, &call.payload), method->name);
    rpc_channel_call(channel, &call);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.has_ended)
        pthread_cond_wait(&waiting.ended, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
}

void *direct_unpack(struct direct_answer *answer, const ProtobufCMessageDescriptor *descriptor)
{
    void *message = NULL;
    check(answer->status, descriptor->name);
    check(rpc_unpack(descriptor, answer->reply, answer->arena, &message), descriptor->name);
    return message;
}

void direct_reset(struct direct_answer *answer)
{
    arena_close(&answer->arena);
    *answer = (struct direct_answer){0};
}

// ---- Events --------------------------------------------------------------------------------

void direct_open_sources(const struct world *world, struct direct_sources *ret)
{
    static const char *const names[DIRECT_SOURCE_COUNT] = {"auth", "ledger", "kyc", "audit"};
    ret->world = world;
    for (size_t i = 0; i < DIRECT_SOURCE_COUNT; i++)
        ret->channels[i] = direct_open(world, names[i]);
}

static uint64_t head_of(const struct world *world, struct rpc_channel *channel)
{
    char token[TOKEN_BYTES_MAX];
    struct direct_answer answer = {0};
    Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
    request.limit = 1;
    for (unsigned i = 0; i < UP_TRIES; i++) { // One that was killed is not ready at once.
        direct_wait_up(channel);
        direct_service_token(world, "ops", "ops", token);
        const struct rpc_metadata metadata = {.access_token = token};
        direct_call(channel, &event_methods[EVENT_READ], &metadata, &request, &answer);
        if (status_ok(answer.status)) break;
        poll(NULL, 0, UP_PAUSE_MS);
    }
    const Eventlog__EventBatch *batch = direct_unpack(&answer, &eventlog__event_batch__descriptor);
    uint64_t head = batch->head_seq;
    direct_reset(&answer);
    return head;
}

uint64_t direct_count_events(const struct direct_sources *sources)
{
    uint64_t count = 0;
    for (size_t i = 0; i < DIRECT_SOURCE_COUNT; i++)
        count += head_of(sources->world, sources->channels[i]);
    return count;
}

// ---- Tokens --------------------------------------------------------------------------------

static void sign(const struct world *world, const char *signer, struct token_claims *claims,
                 char ret_token[static TOKEN_BYTES_MAX])
{
    char keys[WORLD_PATH_BYTES + 16];
    struct key_signer *key = NULL;
    snprintf(keys, sizeof keys, "%s/keys", world->data);
    check(key_signer_load(keys, signer, &key), signer);
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    claims->token_id = id128_generate();
    claims->issued_at_s = claims->not_before_s = claims->auth_time_s = now_s;
    claims->expires_at_s = now_s + TOKEN_LIFE_S;
    claims->aal = 1;
    token_issue(claims, key, ret_token);
    key_signer_close(&key);
}

void direct_service_token(const struct world *world, const char *signer, const char *service,
                          char ret_token[static TOKEN_BYTES_MAX])
{
    struct token_claims claims = {.is_service = true, .role_count = 1, .roles = {"service"}};
    snprintf(claims.service, sizeof claims.service, "%s", service);
    snprintf(claims.issuer, sizeof claims.issuer, TOKEN_ISSUER_PREFIX "%s", service);
    sign(world, signer, &claims, ret_token);
}

void direct_user_token(const struct world *world, const char *signer, const char *issuer,
                       const char *user_id, const char *role,
                       char ret_token[static TOKEN_BYTES_MAX])
{
    struct token_claims claims = {
        .session_id = id128_generate(), .user_version = 1, .amr = TOKEN_AMR_PWD, .role_count = 1};
    check(id128_parse(user_id, strlen(user_id), &claims.subject), user_id);
    snprintf(claims.issuer, sizeof claims.issuer, "%s", issuer);
    snprintf(claims.roles[0], sizeof claims.roles[0], "%s", role);
    sign(world, signer, &claims, ret_token);
}
