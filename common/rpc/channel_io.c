#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/channel_internal.h"
#include "common/rpc/envelope.h"
#include "common/rpc/limits.h"
#include "common/rpc/transport.h"

#include <nng/protocol/reqrep0/req.h>
#include <string.h>

// ---- Requests ------------------------------------------------------------------------------

static struct envelope_request make_request(const struct rpc_client_call *call)
{
    const struct rpc_metadata *metadata = &call->metadata;
    return (struct envelope_request){
        .call_id = call->call_id,
        .method = bytes_of_text(call->method->name),
        .idempotency_key = bytes_of_text(metadata->idempotency_key),
        .access_token = bytes_of_text(metadata->access_token),
        .traceparent = bytes_of_text(metadata->traceparent),
        .request_id = bytes_of_text(metadata->request_id),
        .client_ip = bytes_of_text(metadata->client_ip),
        .device_id = bytes_of_text(metadata->device_id),
        .payload = call->payload,
    };
}

// An upper bound: room for the largest timeout and attempt, and a longer length before them.
size_t channel_wire_bytes(const struct rpc_client_call *call)
{
    enum { NUMBERS_BYTES_MAX = 16 };
    struct envelope_request request = make_request(call);
    return envelope_request_size(&request) + NUMBERS_BYTES_MAX;
}

static uint32_t left_ms(uint64_t deadline_ns, uint64_t now_ns)
{
    if (deadline_ns <= now_ns + NS_PER_MS) return 1;
    uint64_t ms = (deadline_ns - now_ns) / NS_PER_MS;
    return ms < RPC_TIMEOUT_MS_MAX ? (uint32_t)ms : RPC_TIMEOUT_MS_MAX;
}

static nng_msg *encode_message(struct channel_slot *slot)
{
    nng_msg *message = NULL;
    size_t size_max = 0;
    for (size_t i = 0; i < slot->count; i++) {
        size_max += slot->calls[i]->wire_bytes;
    }
    CHECK(nng_msg_alloc(&message, size_max) == 0);
    uint8_t *start = nng_msg_body(message), *to = start;
    uint64_t now_ns = clock_mono_ns();
    for (size_t i = 0; i < slot->count; i++) {
        struct rpc_client_call *call = slot->calls[i];
        struct envelope_request request = make_request(call);
        request.timeout_ms = left_ms(call->deadline_mono_ns, now_ns);
        request.attempt = call->attempt;
        to = envelope_write_request(&request, to);
    }
    size_t size = (size_t)(to - start);
    CHECK(size <= size_max);
    CHECK(nng_msg_chop(message, size_max - size) == 0);
    return message;
}

static void on_sent(void *context);
static void on_received(void *context);

static void open_slot(struct channel_slot *slot)
{
    if (slot->receive_aio != NULL) return;
    CHECK(nng_ctx_open(&slot->context, slot->channel->socket) == 0);
    CHECK(nng_aio_alloc(&slot->send_aio, on_sent, slot) == 0);
    CHECK(nng_aio_alloc(&slot->receive_aio, on_received, slot) == 0);
    // How long it may take is the calls' own: unless told, nng takes the socket's 10 s.
    nng_aio_set_timeout(slot->send_aio, NNG_DURATION_INFINITE);
    nng_aio_set_timeout(slot->receive_aio, NNG_DURATION_INFINITE);
}

void channel_transmit(struct channel_slot *slot)
{
    open_slot(slot);
    nng_msg *message = encode_message(slot);
    atomic_store_explicit(&slot->is_encoding, false, memory_order_release);
    nng_aio_set_msg(slot->send_aio, message);
    nng_ctx_send(slot->context, slot->send_aio);
}

// ---- Replies -------------------------------------------------------------------------------

static const char *copy_text(struct arena *arena, struct bytes text)
{
    return text.size > 0 ? arena_text(arena, (const char *)text.data, text.size) : NULL;
}

// Texts of refusals get their final NUL in an arena that lives until done() has returned.
static void take_refusal(struct rpc_client_call *call, const struct envelope_answer *answer,
                         struct arena *arena)
{
    call->status = (struct status){.code = (enum status_code)answer->code,
                                   .reason = copy_text(arena, answer->reason),
                                   .message = copy_text(arena, answer->message)};
    if (call->status.reason == NULL) call->status.reason = "UNKNOWN";
    for (size_t i = 0; i < answer->violation_count; i++) {
        call->violations.items[i].field = copy_text(arena, answer->violations[i].first);
        call->violations.items[i].reason = copy_text(arena, answer->violations[i].second);
    }
    call->violations.count = answer->violation_count;
    for (size_t i = 0; i < answer->detail_count; i++) {
        call->details[i].key = copy_text(arena, answer->details[i].first);
        call->details[i].value = copy_text(arena, answer->details[i].second);
    }
    call->detail_count = answer->detail_count;
}

// Answers by which the server says that it did not begin.
static bool is_turned_away(struct status status)
{
    static const char *const reasons[] = {"DRAINING",      "STARTING",   "OVERLOADED",
                                          "STORE_CLOSING", "STORE_BUSY", "IDENTITY_UNAVAILABLE",
                                          "IDENTITY_STALE"};
    if (status.code != STATUS_UNAVAILABLE && status.code != STATUS_RESOURCE_EXHAUSTED) return false;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strcmp(status.reason, reasons[i]) == 0) return true;
    }
    return false;
}

static void take_answer(struct rpc_client_call *call, const struct envelope_answer *answer,
                        struct arena_pool *arenas, struct arena **arena)
{
    call->outcome = RPC_OUTCOME_ANSWERED;
    call->status = STATUS_SUCCESS;
    call->reply = answer->payload;
    call->replayed = answer->replayed;
    call->not_created = answer->not_created;
    call->retry_after_ms = answer->retry_after_ms;
    if (answer->code == STATUS_OK) return;
    if (*arena == NULL) *arena = arena_pool_take(arenas, SIZE_MAX);
    take_refusal(call, answer, *arena);
    if (is_turned_away(call->status)) call->outcome = RPC_OUTCOME_REFUSED;
}

// The calls of a slot, taken out of it so that it can carry the next message at once.
struct taken {
    size_t count;
    struct rpc_client_call *calls[RPC_BATCH_CALLS_MAX]; // NULL: has ended already.
};

static void release_slot(struct channel_slot *slot, struct taken *ret)
{
    struct rpc_channel *channel = slot->channel;
    pthread_mutex_lock(&channel->lock);
    ret->count = slot->count;
    memcpy(ret->calls, slot->calls, slot->count * sizeof(struct rpc_client_call *));
    slot->count = slot->open_count = 0;
    slot->is_busy = false;
    slot->abandoned_mono_ns = 0;
    slot->next = slot->lane->idle;
    slot->lane->idle = slot;
    struct channel_slot *next = channel_take(channel, slot->lane);
    pthread_mutex_unlock(&channel->lock);
    if (next != NULL) channel_transmit(next); // First the wire, then the callbacks.
}

static void settle_answers(struct rpc_channel *channel, struct taken *taken, struct bytes message)
{
    struct envelope_items items = {0};
    struct envelope_answer answer;
    struct bytes item;
    struct arena *arena = NULL;
    struct call_queue settled = {0};
    size_t count = 0;
    bool readable = status_ok(envelope_open(message, &items, &count)) && count == taken->count;
    for (size_t i = 0; i < taken->count; i++) {
        struct rpc_client_call *call = taken->calls[i];
        readable = readable && envelope_next(&items, &item) &&
                   status_ok(envelope_read_reply(item, &answer));
        if (call == NULL) continue;
        if (readable && answer.call_id == call->call_id) {
            take_answer(call, &answer, &channel->arenas, &arena);
        } else {
            channel_set_outcome(call, RPC_OUTCOME_UNKNOWN); // No server of ours answers like this.
        }
        queue_push(&settled, call);
    }
    channel_settle(channel, &settled);
    arena_pool_give(&channel->arenas, arena);
}

static void settle_lost(struct rpc_channel *channel, struct taken *taken, enum rpc_outcome outcome)
{
    struct call_queue settled = {0};
    for (size_t i = 0; i < taken->count; i++) {
        if (taken->calls[i] == NULL) continue;
        channel_set_outcome(taken->calls[i], outcome);
        queue_push(&settled, taken->calls[i]);
    }
    channel_settle(channel, &settled);
}

// Only what has left is waited for. The other end may be there without reading, or gone without our
// knowing it: then the timer ends the sending when nobody waits for the answer any more.
static void on_sent(void *context)
{
    struct channel_slot *slot = context;
    struct taken taken;
    if (nng_aio_result(slot->send_aio) == 0) {
        nng_ctx_recv(slot->context, slot->receive_aio);
        return;
    }
    nng_msg_free(nng_aio_get_msg(slot->send_aio));
    release_slot(slot, &taken);
    settle_lost(slot->channel, &taken, RPC_OUTCOME_NOT_SENT);
}

static void on_received(void *context)
{
    struct channel_slot *slot = context;
    struct rpc_channel *channel = slot->channel;
    struct taken taken;
    int error = nng_aio_result(slot->receive_aio);
    nng_msg *message = error == 0 ? nng_aio_get_msg(slot->receive_aio) : NULL;
    release_slot(slot, &taken);
    if (message == NULL) { // The connection went, and what came of the calls is unknown.
        settle_lost(channel, &taken, RPC_OUTCOME_UNKNOWN);
        return;
    }
    settle_answers(channel, &taken, bytes_of(nng_msg_body(message), nng_msg_len(message)));
    nng_msg_free(message);
}

// ---- The connection ------------------------------------------------------------------------

static void wake_timer(struct rpc_channel *channel)
{
    channel->is_woken = true;
    pthread_cond_signal(&channel->wake);
}

// Before the first byte. Adding is always seen before removing, which is not so for nng's "post".
static void on_pipe_added(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    struct rpc_channel *channel = context;
    if (!transport_peer_is_ours(pipe)) {
        nng_pipe_close(pipe);
        return;
    }
    pthread_mutex_lock(&channel->lock);
    channel->is_up = true;
    channel->pipe_id = nng_pipe_id(pipe);
    breaker_reset(&channel->breaker);
    wake_timer(channel);
    pthread_mutex_unlock(&channel->lock);
}

static void on_pipe_removed(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    struct rpc_channel *channel = context;
    pthread_mutex_lock(&channel->lock);
    if (channel->is_up && channel->pipe_id == nng_pipe_id(pipe)) {
        channel->is_up = false;
        channel->down_since_ns = clock_mono_ns();
        wake_timer(channel);
    }
    pthread_mutex_unlock(&channel->lock);
}

struct status channel_open_socket(struct rpc_channel *channel,
                                  const struct rpc_channel_config *config)
{
    RETURN_IF_ERROR(transport_status(nng_req0_open(&channel->socket), "opening a socket"));
    RETURN_IF_ERROR(transport_set_common(channel->socket));
    // REQ repeats requests by itself: after a minute, and when a connection drops. Ours must not.
    int error = nng_socket_set_ms(channel->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (error == 0) {
        error = nng_pipe_notify(channel->socket, NNG_PIPE_EV_ADD_PRE, on_pipe_added, channel);
    }
    if (error == 0) {
        error = nng_pipe_notify(channel->socket, NNG_PIPE_EV_REM_POST, on_pipe_removed, channel);
    }
    RETURN_IF_ERROR(transport_status(error, "setting up a channel"));
    return redial_open(channel->socket, config->url, &config->tls, &channel->redial);
}

// What a slot still holds when its aio was stopped before it could start: nobody will answer it.
static void close_slot(struct channel_slot *slot)
{
    if (slot->receive_aio == NULL) return;
    if (slot->count > 0) {
        struct taken taken = {.count = slot->count};
        memcpy(taken.calls, slot->calls, slot->count * sizeof(struct rpc_client_call *));
        slot->count = slot->open_count = 0;
        bool was_sent = nng_aio_result(slot->send_aio) == 0;
        if (!was_sent) nng_msg_free(nng_aio_get_msg(slot->send_aio));
        settle_lost(slot->channel, &taken, was_sent ? RPC_OUTCOME_UNKNOWN : RPC_OUTCOME_NOT_SENT);
    }
    nng_aio_free(slot->receive_aio);
    nng_aio_free(slot->send_aio);
}

// A callback of one slot may send from another one, so all of them rest before any is freed.
void channel_close_socket(struct rpc_channel *channel)
{
    if (channel->socket.id != 0) nng_close(channel->socket);
    redial_close(&channel->redial);
    for (size_t kind = 0; kind < LANE_COUNT; kind++) {
        for (size_t i = 0; i < channel->lanes[kind].slot_count; i++) {
            struct channel_slot *slot = &channel->lanes[kind].slots[i];
            nng_aio_stop(slot->send_aio); // First: its end begins the other.
            nng_aio_stop(slot->receive_aio);
        }
    }
    for (size_t kind = 0; kind < LANE_COUNT; kind++) {
        for (size_t i = 0; i < channel->lanes[kind].slot_count; i++) {
            close_slot(&channel->lanes[kind].slots[i]);
        }
    }
}
