#include "gateway/http/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct http_exchange *exchange_begin(struct connection *connection)
{
    struct http_loop *loop = connection->loop;
    const struct http_config *config = &loop->server->config;
    struct http_exchange *exchange = loop->free_exchanges;
    if (exchange != NULL) {
        loop->free_exchanges = exchange->next_free;
        loop->free_exchange_count--;
    } else {
        exchange = calloc(1, sizeof *exchange);
        CHECK(exchange != NULL);
        exchange->arena = arena_open(config->arena_bytes_max);
    }
    const size_t kept = offsetof(struct http_exchange, connection);
    memset((uint8_t *)exchange + kept, 0, offsetof(struct http_exchange, head.headers) - kept);
    exchange->connection = connection;
    exchange->started_ns = connection->started_ns;
    exchange->body_max = config->body_bytes_max;
    CHECK(connection->exchange == NULL);
    connection->exchange = exchange;
    count(&loop->exchanges_begun);
    return exchange;
}

void exchange_free(struct http_exchange *exchange)
{
    arena_close(&exchange->arena);
    free(exchange->out.data);
    free(exchange->body_buffer.data);
    free(exchange);
}

void exchange_finish(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    struct http_loop *loop = connection->loop;
    const struct http_handler *handler = loop->server->handler;
    if (handler->on_finished != NULL) {
        const struct http_finished finished = {
            .status = exchange->status,
            .request_bytes = exchange->dispatched ? exchange->body.size : exchange->body_buffer.end,
            .response_bytes = exchange->response_bytes,
            .duration_ns = clock_mono_ns() - exchange->started_ns,
            .refusal = exchange->refusal,
            .aborted = exchange->aborted,
        };
        handler->on_finished(exchange, &finished, handler->context);
    }
    count(&loop->exchanges_finished);
    connection->exchange = NULL;
    if (loop->free_exchange_count == FREE_EXCHANGES_MAX) {
        exchange_free(exchange);
        return;
    }
    arena_reset(exchange->arena);
    arena_set_limit(exchange->arena, loop->server->config.arena_bytes_max);
    output_reset(&exchange->out);
    output_reset(&exchange->body_buffer);
    exchange->next_free = loop->free_exchanges;
    loop->free_exchanges = exchange;
    loop->free_exchange_count++;
}

bool exchange_has_output(const struct http_exchange *exchange)
{
    return exchange->out.begin < exchange->out.end || exchange->out_body.size > 0;
}

// ---- What the handler reads. ----

const struct http_head *http_exchange_head(const struct http_exchange *exchange)
{
    return &exchange->head;
}

struct bytes http_exchange_body(const struct http_exchange *exchange)
{
    return exchange->body;
}

const char *http_exchange_peer(const struct http_exchange *exchange)
{
    return exchange->connection->peer;
}

bool http_exchange_is_tls(const struct http_exchange *exchange)
{
    return exchange->connection->loop->server->config.tls_cert_pem != NULL;
}

struct http_loop *http_exchange_loop(const struct http_exchange *exchange)
{
    return exchange->connection->loop;
}

struct arena *http_exchange_arena(struct http_exchange *exchange)
{
    return exchange->arena;
}

uint64_t http_exchange_started_ns(const struct http_exchange *exchange)
{
    return exchange->started_ns;
}

bool http_exchange_is_aborted(const struct http_exchange *exchange)
{
    return exchange->aborted;
}

void http_exchange_set_user(struct http_exchange *exchange, void *user)
{
    exchange->user = user;
}

void *http_exchange_user(const struct http_exchange *exchange)
{
    return exchange->user;
}

void http_exchange_set_body_max(struct http_exchange *exchange, uint64_t bytes)
{
    CHECK(!exchange->dispatched);
    exchange->body_max = bytes;
}

// ---- Answers. ----

/// Whether bytes of this request's body are still to come, so that no request can follow it.
static bool body_is_missing(const struct http_exchange *exchange)
{
    const struct connection *connection = exchange->connection;
    if (exchange->dispatched) return false;
    const size_t here = connection->end - connection->begin;
    return exchange->refusal != HTTP_ACCEPTED || exchange->head.chunked ||
           exchange->head.content_length > here;
}

/// What respond and stream_begin share: status, whether the connection goes on, the head's bytes.
static void begin_response(struct http_exchange *exchange, const struct http_response *response,
                           struct response_framing framing)
{
    struct connection *connection = exchange->connection;
    CHECK(loop_is_current(connection->loop));
    CHECK(!exchange->responded);
    CHECK(response->status >= 200 && response->status <= 599);
    exchange->responded = true;
    exchange->status = response->status;
    const bool draining =
        atomic_load_explicit(&connection->loop->server->draining, memory_order_relaxed);
    // A body without any length ends where the connection ends.
    const bool endless = framing.content_length < 0 && !framing.chunked &&
                         response_may_have_body(response->status) &&
                         exchange->head.method != HTTP_METHOD_HEAD;
    if (!exchange->head.keep_alive || draining || endless || body_is_missing(exchange)) {
        connection->close_after = true;
    }
    framing.keep_alive = !connection->close_after;
    framing.minor_version = exchange->head.minor_version;
    if (connection->state == STATE_CLOSED) return;
    response_write_head(&exchange->out, response, framing, loop_date(connection->loop));
}

static void send_output(struct connection *connection)
{
    const bool busy = connection->busy;
    connection->busy = true;
    if (connection->state != STATE_CLOSED) connection_flush(connection);
    connection->busy = busy;
    connection_settle(connection);
}

void http_exchange_respond(struct http_exchange *exchange, const struct http_response *response)
{
    struct connection *connection = exchange->connection;
    const bool may_have_body = response_may_have_body(response->status);
    begin_response(exchange, response,
                   (struct response_framing){
                       .content_length = may_have_body ? (int64_t)response->body.size : -1});
    if (may_have_body && exchange->head.method != HTTP_METHOD_HEAD &&
        connection->state != STATE_CLOSED) {
        exchange->out_body = response->body;
    }
    exchange->complete = true;
    send_output(connection);
}

void exchange_refuse(struct connection *connection, enum http_refusal refusal)
{
    struct http_exchange *exchange = connection->exchange;
    const struct http_handler *handler = connection->loop->server->handler;
    const struct http_refusal_info *info = http_refusal_info(refusal);
    exchange->refusal = refusal;
    char *text = arena_format(exchange->arena, "%s\n", info->message);
    const struct http_field fields[] = {
        {"Content-Type", "text/plain; charset=utf-8"},
        {"Retry-After", info->status == 503 ? "1" : NULL},
    };
    struct http_response response = {.status = info->status,
                                     .fields = fields,
                                     .field_count = sizeof fields / sizeof fields[0],
                                     .body = bytes_of_text(text)};
    if (handler->on_refusal != NULL) {
        handler->on_refusal(exchange, info, &response, handler->context);
    }
    response.status = info->status;
    CHECK(connection->busy); // So that the exchange is still there when respond returns.
    http_exchange_respond(exchange, &response);
}

// ---- Streams. ----

void http_stream_begin(struct http_exchange *exchange, const struct http_response *response,
                       int64_t content_length, const struct http_stream *stream)
{
    struct connection *connection = exchange->connection;
    exchange->streaming = true;
    exchange->stream = *stream;
    exchange->stream_unbounded = content_length < 0;
    exchange->stream_left = content_length < 0 ? 0 : (uint64_t)content_length;
    exchange->stream_chunked = exchange->stream_unbounded && exchange->head.minor_version == 1 &&
                               response_may_have_body(response->status);
    begin_response(exchange, response,
                   (struct response_framing){.chunked = exchange->stream_chunked,
                                             .content_length = content_length});
    // That the client left before, or that the server drains, is told as if it happened now.
    if (connection->state != STATE_CLOSED && connection->peer_eof && exchange->stream_unbounded) {
        connection_break(connection);
    } else if (connection->state == STATE_CLOSED ||
               atomic_load(&connection->loop->server->draining)) {
        event_active(&connection->timer_event, EV_TIMEOUT, 0);
    }
    send_output(connection);
}

struct status http_stream_write(struct http_exchange *exchange, struct bytes data)
{
    struct connection *connection = exchange->connection;
    struct output *out = &exchange->out;
    CHECK(loop_is_current(connection->loop));
    CHECK(exchange->streaming && !exchange->complete);
    if (connection->state == STATE_CLOSED) {
        exchange->stream_closed_told = true;
        return REFUSE(UNAVAILABLE, CLIENT_GONE, "the client does not read this stream any more");
    }
    const size_t queued = out->end - out->begin;
    if (queued > 0 &&
        queued + data.size > connection->loop->server->config.stream_queue_bytes_max) {
        exchange->stream_blocked = true;
        return REFUSE(RESOURCE_EXHAUSTED, STREAM_FULL, "the client reads too slowly for now");
    }
    if (!exchange->stream_unbounded) {
        CHECK(data.size <= exchange->stream_left); // More than was promised would be another reply.
        exchange->stream_left -= data.size;
    }
    if (data.size == 0 || exchange->head.method == HTTP_METHOD_HEAD) return STATUS_SUCCESS;
    if (exchange->stream_chunked) {
        char size_line[20];
        const int size = snprintf(size_line, sizeof size_line, "%zx\r\n", data.size);
        output_append(out, size_line, (size_t)size);
    }
    output_append(out, data.data, data.size);
    if (exchange->stream_chunked) output_append(out, "\r\n", 2);
    // While the socket is full its event will come: trying again now is a system call for nothing.
    if (queued == 0) send_output(connection);
    return STATUS_SUCCESS;
}

void http_stream_end(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    CHECK(loop_is_current(connection->loop));
    CHECK(exchange->streaming && !exchange->complete);
    exchange->complete = true;
    const bool has_body = exchange->head.method != HTTP_METHOD_HEAD;
    if (connection->state != STATE_CLOSED && has_body) {
        if (exchange->stream_left > 0) {
            connection_break(connection);
        } else if (exchange->stream_chunked) {
            output_append(&exchange->out, "0\r\n\r\n", 5);
        }
    }
    send_output(connection);
}
