#include "tests/unit/rpc/peer.h"

#include <nng/protocol/reqrep0/rep.h>
#include <stdlib.h>

void peer_open(struct peer *peer, const struct rpc_channel_config *config)
{
    static int serial;
    *peer = (struct peer){0};
    snprintf(peer->url, sizeof peer->url, "inproc://rpc-peer-%d", serial++);
    assert_int_equal(nng_rep0_open(&peer->socket), 0);
    assert_int_equal(nng_listen(peer->socket, peer->url, NULL, 0), 0);
    struct rpc_channel_config own = config != NULL ? *config : (struct rpc_channel_config){0};
    own.name = "peer";
    own.url = peer->url;
    assert_int_equal(rpc_channel_open(&own, &peer->channel).code, STATUS_OK);
    WAIT_UNTIL(rpc_channel_is_up(peer->channel));
}

void peer_close(struct peer *peer)
{
    rpc_channel_close(&peer->channel);
    for (size_t i = 0; i < peer->message_count; i++) {
        if (peer->messages[i].batch != NULL) {
            envelope__request_batch__free_unpacked(peer->messages[i].batch, NULL);
        }
    }
    nng_close(peer->socket);
}

static struct peer_message *receive(struct peer *peer, nng_duration timeout_ms)
{
    assert_true(peer->message_count < PEER_MESSAGES_MAX);
    struct peer_message *message = &peer->messages[peer->message_count];
    nng_aio *aio = NULL;
    assert_int_equal(nng_ctx_open(&message->context, peer->socket), 0);
    assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
    nng_aio_set_timeout(aio, timeout_ms);
    nng_ctx_recv(message->context, aio);
    nng_aio_wait(aio);
    nng_msg *bytes = nng_aio_result(aio) == 0 ? nng_aio_get_msg(aio) : NULL;
    nng_aio_free(aio);
    if (bytes == NULL) {
        nng_ctx_close(message->context);
        return NULL;
    }
    message->pipe = nng_msg_get_pipe(bytes);
    message->batch = envelope__request_batch__unpack(NULL, nng_msg_len(bytes), nng_msg_body(bytes));
    assert_non_null(message->batch);
    nng_msg_free(bytes);
    peer->message_count++;
    return message;
}

struct peer_message *peer_receive(struct peer *peer)
{
    struct peer_message *message = receive(peer, 20000);
    assert_non_null(message);
    return message;
}

struct peer_message *peer_try(struct peer *peer)
{
    return receive(peer, 50);
}

void peer_answer_bytes(struct peer_message *message, const void *bytes, size_t size)
{
    nng_aio *aio = NULL;
    nng_msg *reply = NULL;
    assert_int_equal(nng_msg_alloc(&reply, 0), 0);
    assert_int_equal(nng_msg_append(reply, bytes, size), 0);
    assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
    nng_aio_set_msg(aio, reply);
    nng_ctx_send(message->context, aio);
    nng_aio_wait(aio);
    assert_int_equal(nng_aio_result(aio), 0);
    nng_aio_free(aio);
}

void peer_answer(struct peer_message *message, enum status_code code, const char *reason,
                 uint32_t retry_after_ms)
{
    Envelope__ReplyBatch batch = ENVELOPE__REPLY_BATCH__INIT;
    Envelope__Status status = ENVELOPE__STATUS__INIT;
    size_t count = message->batch->n_requests;
    Envelope__Reply *replies = calloc(count, sizeof *replies);
    Envelope__Reply **pointers = calloc(count, sizeof *pointers);
    status.code = code;
    status.reason = (char *)reason;
    for (size_t i = 0; i < count; i++) {
        envelope__reply__init(&replies[i]);
        replies[i].call_id = message->batch->requests[i]->call_id;
        replies[i].retry_after_ms = retry_after_ms;
        if (code != STATUS_OK) replies[i].status = &status;
        pointers[i] = &replies[i];
    }
    batch.n_replies = count;
    batch.replies = pointers;
    size_t size = envelope__reply_batch__get_packed_size(&batch);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    envelope__reply_batch__pack(&batch, bytes);
    peer_answer_bytes(message, bytes, size);
    free(bytes);
    free(replies);
    free(pointers);
}

void peer_drop(struct peer_message *message)
{
    assert_int_equal(nng_pipe_close(message->pipe), 0);
}
