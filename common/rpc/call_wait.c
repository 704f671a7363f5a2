#include "common/base/clock.h"
#include "common/rpc/channel.h"
#include "common/rpc/pack.h"

#include <pthread.h>
#include <string.h>

// A call that somebody sleeps on. The arena is the sleeper's: done() may use it meanwhile.
struct waiter {
    struct rpc_client_call call;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended;
    struct arena *arena;
    void *ret_reply;
    struct status status;
};

static struct status copy_status(struct status status, struct arena *arena)
{
    if (status.reason != NULL) {
        status.reason = arena_text(arena, status.reason, strlen(status.reason));
    }
    if (status.message != NULL) {
        status.message = arena_text(arena, status.message, strlen(status.message));
    }
    if (status.reason == NULL && !status_ok(status)) status.reason = "UNKNOWN";
    return status;
}

static void wake_waiter(struct rpc_client_call *call)
{
    struct waiter *waiter = call->context;
    struct status status = status_ok(call->status)
                               ? rpc_unpack(call->method->reply->descriptor, call->reply,
                                            waiter->arena, waiter->ret_reply)
                               : copy_status(call->status, waiter->arena);
    pthread_mutex_lock(&waiter->lock);
    waiter->status = status;
    waiter->has_ended = true;
    pthread_cond_signal(&waiter->ended);
    pthread_mutex_unlock(&waiter->lock);
}

struct status rpc_channel_call_wait(struct rpc_channel *channel, const struct rpc_method *method,
                                    const struct rpc_metadata *metadata, const void *request,
                                    uint32_t timeout_ms, struct arena *arena, void *ret_reply)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .ended = PTHREAD_COND_INITIALIZER,
                            .arena = arena,
                            .ret_reply = ret_reply};
    if (timeout_ms == 0) timeout_ms = method->timeout_ms_default;
    waiter.call =
        (struct rpc_client_call){.method = method,
                                 .deadline_mono_ns = clock_mono_ns() + timeout_ms * NS_PER_MS,
                                 .done = wake_waiter,
                                 .context = &waiter};
    if (metadata != NULL) waiter.call.metadata = *metadata;
    RETURN_IF_ERROR(rpc_pack(request, arena, &waiter.call.payload));
    rpc_channel_call(channel, &waiter.call);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.has_ended) {
        pthread_cond_wait(&waiter.ended, &waiter.lock);
    }
    pthread_mutex_unlock(&waiter.lock);
    return waiter.status;
}
