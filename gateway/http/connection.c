#include "gateway/http/internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

static const char continue_line[] = "HTTP/1.1 100 Continue\r\n\r\n";

// ---- Buffers: only a connection that has bytes holds one. ----

static void take_buffer(struct connection *connection)
{
    struct http_loop *loop = connection->loop;
    if (loop->free_buffers != NULL) {
        connection->buffer = (uint8_t *)loop->free_buffers;
        loop->free_buffers = loop->free_buffers->next;
        loop->free_buffer_count--;
    } else {
        connection->buffer = malloc(BUFFER_BYTES);
        CHECK(connection->buffer != NULL);
    }
    connection->begin = connection->end = connection->scanned = 0;
}

static void give_buffer(struct connection *connection)
{
    struct http_loop *loop = connection->loop;
    uint8_t *buffer = connection->buffer;
    if (buffer == NULL) return;
    connection->buffer = NULL;
    connection->begin = connection->end = connection->scanned = 0;
    if (loop->free_buffer_count < FREE_BUFFERS_MAX) {
        struct spare_buffer *spare = (struct spare_buffer *)(void *)buffer; // As malloc aligned it.
        spare->next = loop->free_buffers;
        loop->free_buffers = spare;
        loop->free_buffer_count++;
    } else {
        free(buffer);
    }
}

static void move_to_front(struct connection *connection)
{
    if (connection->begin == 0) return;
    memmove(connection->buffer, connection->buffer + connection->begin,
            connection->end - connection->begin);
    connection->end -= connection->begin;
    connection->begin = 0;
}

static struct bytes unread(const struct connection *connection)
{
    if (connection->buffer == NULL) return (struct bytes){0};
    return bytes_of(connection->buffer + connection->begin, connection->end - connection->begin);
}

// ---- Deadlines: two absolute times and one timer. ----

/// The timer is only ever moved to an earlier time. A deadline that moves away (as the idle one
/// does with each request) costs nothing: the timer fires at the old time, finds it early, and goes
/// on.
static void arm_timer(struct connection *connection)
{
    uint64_t deadline_ns = connection->read_deadline_ns;
    const uint64_t write_ns = connection->write_deadline_ns;
    if (write_ns != 0 && (deadline_ns == 0 || write_ns < deadline_ns)) deadline_ns = write_ns;
    if (deadline_ns == 0) return;
    if (connection->timer_armed_ns != 0 && connection->timer_armed_ns <= deadline_ns) return;
    const uint64_t now_ns = clock_mono_ns();
    const uint64_t wait_us = deadline_ns > now_ns ? (deadline_ns - now_ns) / 1000 + 1 : 0;
    connection->timer_armed_ns = deadline_ns;
    event_add(&connection->timer_event,
              &(struct timeval){.tv_sec = (time_t)(wait_us / 1000000),
                                .tv_usec = (suseconds_t)(wait_us % 1000000)});
}

static void set_read_deadline(struct connection *connection, uint64_t from_ns, uint32_t timeout_ms)
{
    connection->read_deadline_ns = from_ns + timeout_ms * NS_PER_MS;
    arm_timer(connection);
}

static void set_write_deadline(struct connection *connection)
{
    connection->write_progress_bytes = 0;
    connection->write_deadline_ns =
        clock_mono_ns() + connection->loop->server->config.write_timeout_ms * NS_PER_MS;
    arm_timer(connection);
}

/// A body may take body_timeout_ms, and a second more for each body_bytes_per_s that did arrive.
static void set_body_deadline(struct connection *connection)
{
    const struct http_config *config = &connection->loop->server->config;
    const uint64_t earned_ns =
        connection->body_received_bytes * NS_PER_SECOND / config->body_bytes_per_s;
    set_read_deadline(connection, connection->body_started_ns + earned_ns, config->body_timeout_ms);
}

// ---- The end of a connection. ----

static void pause_reading(struct connection *connection)
{
    if (connection->read_paused) return;
    event_del(&connection->read_event);
    connection->read_paused = true;
}

static void resume_reading(struct connection *connection)
{
    if (!connection->read_paused || connection->peer_eof) return;
    connection->read_paused = false;
    event_add(&connection->read_event, NULL);
    // What OpenSSL has decrypted already makes no socket readable.
    if (connection->tls != NULL && SSL_pending(connection->tls) > 0) {
        event_active(&connection->read_event, EV_READ, 0);
    }
}

void connection_break(struct connection *connection)
{
    if (connection->state == STATE_CLOSED) return;
    connection->state = STATE_CLOSED;
    connection->read_deadline_ns = connection->write_deadline_ns = 0;
    event_del(&connection->read_event);
    event_del(&connection->write_event);
    if (connection->tls != NULL) SSL_free(connection->tls);
    connection->tls = NULL;
    close(connection->fd);
    connection->fd = -1;
    struct http_exchange *exchange = connection->exchange;
    if (exchange == NULL) return;
    exchange->aborted = true;
    if (!exchange->dispatched && !exchange->responded) exchange->complete = true;
    // on_closed comes from the event loop, never from inside a call of the stream's owner.
    if (exchange->streaming && !exchange->complete) {
        event_active(&connection->timer_event, EV_TIMEOUT, 0);
    }
}

/// Closing with unread bytes in the socket makes the kernel send RST, which can destroy an answer
/// on its way; so the sending side is closed and the client gets time to close the other.
static void begin_linger(struct connection *connection)
{
    give_buffer(connection);
    transport_end(connection);
    if (connection->peer_eof) {
        connection_break(connection);
        return;
    }
    connection->state = STATE_LINGER;
    connection->linger_bytes = 0;
    resume_reading(connection);
    set_read_deadline(connection, clock_mono_ns(),
                      connection->loop->server->config.linger_timeout_ms);
}

static void free_connection(struct connection *connection)
{
    struct http_loop *loop = connection->loop;
    struct http_server *server = loop->server;
    give_buffer(connection);
    event_del(&connection->timer_event);
    if (connection->counted) addresses_leave(server->addresses, connection->address);
    if (connection->previous != NULL) connection->previous->next = connection->next;
    if (connection->next != NULL) connection->next->previous = connection->previous;
    if (loop->connections == connection) loop->connections = connection->next;
    free(connection);
    if (atomic_fetch_sub(&server->connections, 1) == 1 && atomic_load(&server->draining)) {
        server_announce_drained(server);
    }
}

// ---- Writing. ----

void connection_flush(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    while (connection->state != STATE_CLOSED && exchange_has_output(exchange)) {
        const struct iovec parts[2] = {
            {exchange->out.data + exchange->out.begin, exchange->out.end - exchange->out.begin},
            {(void *)exchange->out_body.data, exchange->out_body.size},
        };
        const bool only_body = parts[0].iov_len == 0;
        const ssize_t sent = transport_write(connection, parts + only_body,
                                             only_body || parts[1].iov_len == 0 ? 1 : 2);
        if (sent == TRANSPORT_AGAIN) {
            event_add(&connection->write_event, NULL);
            if (connection->write_deadline_ns == 0) set_write_deadline(connection);
            return;
        }
        if (sent < 0) {
            connection_break(connection);
            return;
        }
        const size_t size = (size_t)sent;
        const size_t of_out = size < parts[0].iov_len ? size : parts[0].iov_len;
        exchange->out.begin += of_out;
        exchange->out_body.data += size - of_out;
        exchange->out_body.size -= size - of_out;
        exchange->response_bytes += size;
        connection->write_progress_bytes += size;
        if (connection->write_deadline_ns != 0 &&
            connection->write_progress_bytes >= HTTP_WRITE_PROGRESS_BYTES) {
            set_write_deadline(connection);
        }
    }
    connection->write_deadline_ns = 0;
}

// ---- The state machine. A step does what can be done now; true: the next step may go on. ----

static bool step_handshake(struct connection *connection)
{
    switch (transport_handshake(connection)) {
    case 0:
        connection->state = STATE_HEAD;
        set_read_deadline(connection, clock_mono_ns(),
                          connection->loop->server->config.idle_timeout_ms);
        return true;
    case TRANSPORT_AGAIN:
        if (connection->tls_wants_write) event_add(&connection->write_event, NULL);
        return false;
    default:
        count(&connection->loop->tls_failures);
        connection_break(connection);
        return true;
    }
}

static bool refuse(struct connection *connection, enum http_refusal refusal)
{
    exchange_refuse(connection, refusal);
    connection->state =
        connection->state == STATE_CLOSED ? STATE_CLOSED : STATE_INFLIGHT; // Until it is written.
    connection->read_deadline_ns = 0;
    return true;
}

static bool dispatch(struct connection *connection, struct bytes body)
{
    struct http_exchange *exchange = connection->exchange;
    const struct http_handler *handler = connection->loop->server->handler;
    exchange->body = body;
    exchange->dispatched = true;
    connection->state = STATE_INFLIGHT;
    connection->read_deadline_ns = 0; // From here on the deadline is the handler's.
    handler->on_request(exchange, handler->context);
    return true;
}

/// The handler answered in on_head. A body that is here already can be skipped; one that is still
/// to come cannot be waited for: exchange.c has said "Connection: close".
static bool skip_refused_body(struct connection *connection)
{
    const struct http_head *head = &connection->exchange->head;
    if (!connection->close_after) connection->begin += head->content_length;
    if (connection->state != STATE_CLOSED) connection->state = STATE_INFLIGHT;
    connection->read_deadline_ns = 0;
    return true;
}

static bool begin_exchange(struct connection *connection, size_t head_bytes)
{
    const struct http_handler *handler = connection->loop->server->handler;
    // Slices of head and body point into the buffer from here on: it must not move any more.
    if (BUFFER_BYTES - connection->begin - head_bytes < BUFFER_BODY_ROOM_BYTES) {
        move_to_front(connection);
    }
    struct http_exchange *exchange = exchange_begin(connection);
    const enum http_refusal refusal = http_parse_head(
        bytes_of(connection->buffer + connection->begin, head_bytes), &exchange->head);
    if (refusal != HTTP_ACCEPTED) return refuse(connection, refusal);
    connection->begin += head_bytes;
    connection->scanned = 0;
    connection->body_base = connection->begin;
    exchange->content_left = exchange->head.content_length;

    if (handler->on_head != NULL) handler->on_head(exchange, handler->context);
    if (exchange->responded) return skip_refused_body(connection);
    if (exchange->head.content_length > exchange->body_max) {
        return refuse(connection, HTTP_REFUSED_BODY_TOO_LARGE);
    }
    if (!exchange->head.chunked && exchange->head.content_length == 0) {
        return dispatch(connection, (struct bytes){0});
    }
    connection->state = STATE_BODY;
    connection->body_started_ns = clock_mono_ns();
    connection->body_received_bytes = 0;
    return true;
}

/// Nothing of a request is here: the connection is idle and holds no buffer.
static bool wait_for_request(struct connection *connection)
{
    give_buffer(connection);
    const bool draining =
        atomic_load_explicit(&connection->loop->server->draining, memory_order_relaxed);
    if (draining && connection->requests > 0) begin_linger(connection);
    return false;
}

static bool step_head(struct connection *connection)
{
    if (connection->begin == connection->end) return wait_for_request(connection);
    size_t head_bytes = 0;
    const enum http_refusal refusal =
        http_scan_head(unread(connection), &connection->scanned, &head_bytes);
    if (refusal != HTTP_ACCEPTED) {
        exchange_begin(connection);
        return refuse(connection, refusal);
    }
    if (head_bytes > 0) return begin_exchange(connection, head_bytes);
    if (connection->peer_eof) {
        connection_break(connection);
        return true;
    }
    move_to_front(connection);
    set_read_deadline(connection, connection->started_ns,
                      connection->loop->server->config.head_timeout_ms);
    return false;
}

static bool wait_for_body(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (connection->peer_eof) {
        connection_break(connection);
        return true;
    }
    if (exchange->head.expects_continue && !exchange->continue_sent &&
        connection->body_received_bytes == 0) {
        output_append(&exchange->out, continue_line, sizeof continue_line - 1);
        connection_flush(connection);
    }
    exchange->continue_sent = true; // Also when the client did not wait for it.
    if (connection->state == STATE_CLOSED) return true;
    set_body_deadline(connection);
    return false;
}

static bool step_sized_body(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    const struct bytes here = unread(connection);
    const uint64_t size = exchange->head.content_length;
    if (size <= BUFFER_BYTES - connection->body_base) { // Fits beside its head: no copy.
        connection->body_received_bytes = here.size;
        if (here.size < size) return wait_for_body(connection);
        connection->begin += size;
        return dispatch(connection, bytes_of(here.data, (size_t)size));
    }
    struct output *body = &exchange->body_buffer;
    const size_t take =
        here.size < exchange->content_left ? here.size : (size_t)exchange->content_left;
    output_append(body, here.data, take);
    exchange->content_left -= take;
    connection->body_received_bytes += take;
    connection->begin += take;
    if (exchange->content_left == 0) return dispatch(connection, bytes_of(body->data, body->end));
    connection->begin = connection->end = connection->body_base;
    return wait_for_body(connection);
}

static bool step_chunked_body(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    struct output *body = &exchange->body_buffer;
    while (!exchange->chunks.done && connection->begin < connection->end) {
        struct http_chunks_step step;
        const enum http_refusal refusal =
            http_chunks_decode(&exchange->chunks, unread(connection), &step);
        if (refusal != HTTP_ACCEPTED) return refuse(connection, refusal);
        connection->begin += step.consumed;
        // Before the next chunk is waited for: its announced size counts as well.
        const uint64_t announced = step.data.size + exchange->chunks.chunk_bytes_left;
        if (announced > exchange->body_max - body->end) {
            return refuse(connection, HTTP_REFUSED_BODY_TOO_LARGE);
        }
        output_append(body, step.data.data, step.data.size);
        connection->body_received_bytes = body->end;
    }
    if (exchange->chunks.done) return dispatch(connection, bytes_of(body->data, body->end));
    connection->begin = connection->end = connection->body_base;
    return wait_for_body(connection);
}

static bool step_body(struct connection *connection)
{
    return connection->exchange->head.chunked ? step_chunked_body(connection)
                                              : step_sized_body(connection);
}

static bool step_inflight(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (!exchange->complete || exchange_has_output(exchange)) return false;
    exchange_finish(exchange);
    connection->requests++;
    if (connection->close_after) {
        begin_linger(connection);
        return true;
    }
    if (connection->peer_eof && connection->begin == connection->end) {
        connection_break(connection);
        return true;
    }
    connection->state = STATE_HEAD;
    connection->scanned = 0;
    connection->started_ns = clock_mono_ns();
    set_read_deadline(connection, connection->started_ns,
                      connection->loop->server->config.idle_timeout_ms);
    resume_reading(connection);
    return true;
}

static bool step_linger(struct connection *connection)
{
    if (!connection->peer_eof && connection->linger_bytes <= HTTP_LINGER_BYTES_MAX) return false;
    connection_break(connection);
    return true;
}

static bool step_closed(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    if (exchange != NULL && exchange->complete) exchange_finish(exchange);
    return false;
}

static bool (*const steps[STATE_COUNT])(struct connection *connection) = {
    [STATE_HANDSHAKE] = step_handshake, [STATE_HEAD] = step_head,     [STATE_BODY] = step_body,
    [STATE_INFLIGHT] = step_inflight,   [STATE_LINGER] = step_linger, [STATE_CLOSED] = step_closed,
};

static void run_steps(struct connection *connection)
{
    while (steps[connection->state](connection)) {
    }
}

void connection_settle(struct connection *connection)
{
    if (connection->busy) return; // Whoever is on the stack will do it.
    connection->busy = true;
    run_steps(connection);
    connection->busy = false;
    if (connection->state == STATE_CLOSED && connection->exchange == NULL) {
        free_connection(connection);
    }
}

// ---- Events. ----

static void see_end(struct connection *connection)
{
    connection->peer_eof = true;
    pause_reading(connection);
    const struct http_exchange *exchange = connection->exchange;
    // A client that half-closes still reads an answer; one that listens to an endless stream has no
    // other way to say that it has had enough.
    const bool listener_left =
        exchange != NULL && exchange->streaming && exchange->stream_unbounded;
    if (connection->state == STATE_HEAD || listener_left) connection_break(connection);
}

static void discard(struct connection *connection)
{
    uint8_t waste[4096]; // Below TLS as well: nobody will decrypt it.
    for (int i = 0; i < 16; i++) {
        const ssize_t got = recv(connection->fd, waste, sizeof waste, 0);
        if (got < 0) return;
        if (got == 0) {
            see_end(connection);
            return;
        }
        connection->linger_bytes += (uint64_t)got;
    }
}

static void receive(struct connection *connection)
{
    do {
        if (connection->buffer == NULL) take_buffer(connection);
        const size_t room = BUFFER_BYTES - connection->end;
        if (room == 0) { // Only while an answer is awaited: the next requests wait as well.
            CHECK(connection->state == STATE_INFLIGHT);
            pause_reading(connection);
            return;
        }
        const ssize_t got = transport_read(connection, connection->buffer + connection->end, room);
        if (got == TRANSPORT_AGAIN) {
            if (connection->tls_wants_write) event_add(&connection->write_event, NULL);
            return;
        }
        if (got == TRANSPORT_FAILED) {
            connection_break(connection);
            return;
        }
        if (got == 0) {
            see_end(connection);
            return;
        }
        if (connection->state == STATE_HEAD && connection->begin == connection->end) {
            connection->started_ns = clock_mono_ns();
        }
        connection->end += (size_t)got;
        run_steps(connection);
    } while (connection->tls != NULL && SSL_pending(connection->tls) > 0 &&
             connection->state != STATE_LINGER && !connection->read_paused);
}

static void on_readable(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct connection *connection = context;
    connection->busy = true;
    if (connection->state == STATE_HANDSHAKE) run_steps(connection);
    if (connection->state == STATE_LINGER) {
        discard(connection);
    } else if (connection->state != STATE_HANDSHAKE && connection->state != STATE_CLOSED) {
        receive(connection);
    }
    connection->busy = false;
    connection_settle(connection);
}

static void on_writable(int fd, short what, void *context)
{
    struct connection *connection = context;
    if (connection->tls_wants_write) {
        connection->tls_wants_write = false;
        on_readable(fd, what, context); // It was a read that had to write.
        return;
    }
    connection->busy = true;
    struct http_exchange *exchange = connection->exchange;
    if (exchange != NULL) {
        connection_flush(connection);
        const size_t low_water = connection->loop->server->config.stream_queue_bytes_max / 2;
        if (connection->state != STATE_CLOSED && exchange->stream_blocked && !exchange->complete &&
            exchange->out.end - exchange->out.begin <= low_water) {
            exchange->stream_blocked = false;
            if (exchange->stream.on_writable != NULL) {
                exchange->stream.on_writable(exchange, exchange->stream.context);
            }
        }
    }
    connection->busy = false;
    connection_settle(connection);
}

static void expire_reading(struct connection *connection, uint64_t now_ns)
{
    switch (connection->state) {
    case STATE_HEAD:
        if (connection->begin < connection->end) {
            exchange_begin(connection);
            refuse(connection, HTTP_REFUSED_HEAD_TIMEOUT);
        } else { // Idle.
            begin_linger(connection);
        }
        return;
    case STATE_BODY:
        set_body_deadline(connection); // Bytes that came since may have earned more time.
        if (now_ns >= connection->read_deadline_ns) {
            refuse(connection, HTTP_REFUSED_BODY_TIMEOUT);
        }
        return;
    default:
        connection_break(connection);
        return;
    }
}

static void tell_closed(struct http_exchange *exchange)
{
    if (exchange->stream_closed_told) return;
    exchange->stream_closed_told = true;
    if (exchange->stream.on_closed != NULL)
        exchange->stream.on_closed(exchange, exchange->stream.context);
}

static void tell_drain(struct http_exchange *exchange)
{
    if (exchange->stream_drain_told) return;
    exchange->stream_drain_told = true;
    exchange->connection->close_after = true;
    if (exchange->stream.on_drain != NULL)
        exchange->stream.on_drain(exchange, exchange->stream.context);
}

static bool is_open_stream(const struct http_exchange *exchange)
{
    return exchange != NULL && exchange->streaming && !exchange->complete;
}

static void on_timer(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct connection *connection = context;
    struct http_exchange *exchange = connection->exchange;
    connection->busy = true;
    connection->timer_armed_ns = 0;
    const uint64_t now_ns = clock_mono_ns();
    if (connection->state == STATE_CLOSED) {
        if (is_open_stream(exchange)) tell_closed(exchange);
    } else if (connection->write_deadline_ns != 0 && now_ns >= connection->write_deadline_ns) {
        connection_break(connection); // Stalled: nothing more can be said to it.
    } else if (connection->read_deadline_ns != 0 && now_ns >= connection->read_deadline_ns) {
        expire_reading(connection, now_ns);
    } else if (is_open_stream(exchange) && atomic_load(&connection->loop->server->draining)) {
        tell_drain(exchange); // It began when the others had been told.
    }
    if (connection->state != STATE_CLOSED) arm_timer(connection);
    connection->busy = false;
    connection_settle(connection);
}

// ---- The beginning of a connection, and the end of all. ----

static struct connection *new_connection(struct http_loop *loop, int fd,
                                         const struct sockaddr_storage *from)
{
    struct connection *connection = calloc(1, sizeof *connection);
    CHECK(connection != NULL);
    connection->loop = loop;
    connection->fd = fd;
    connection->state = STATE_HEAD;
    connection->address = address_read(from, connection->peer);
    connection->started_ns = clock_mono_ns();
    connection->next = loop->connections;
    if (connection->next != NULL) connection->next->previous = connection;
    loop->connections = connection;
    event_assign(&connection->read_event, loop->base, fd, EV_READ | EV_PERSIST, on_readable,
                 connection);
    event_assign(&connection->write_event, loop->base, fd, EV_WRITE, on_writable, connection);
    evtimer_assign(&connection->timer_event, loop->base, on_timer, connection);
    event_add(&connection->read_event, NULL);
    return connection;
}

static void begin_tls(struct connection *connection)
{
    struct http_server *server = connection->loop->server;
    pthread_mutex_lock(&server->tls_lock);
    connection->tls = SSL_new(server->tls); // Keeps its context through a reload.
    pthread_mutex_unlock(&server->tls_lock);
    CHECK(connection->tls != NULL && SSL_set_fd(connection->tls, connection->fd) == 1);
    connection->state = STATE_HANDSHAKE;
    set_read_deadline(connection, connection->started_ns, server->config.head_timeout_ms);
}

void connection_open(struct http_loop *loop, int fd, const struct sockaddr_storage *from)
{
    struct http_server *server = loop->server;
    const struct http_config *config = &server->config;
    const uint64_t others = atomic_fetch_add(&server->connections, 1);
    count(&loop->connections_total);
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    struct connection *connection = new_connection(loop, fd, from);
    enum http_refusal refusal = HTTP_ACCEPTED;
    if (others >= config->connections_max) {
        refusal = HTTP_REFUSED_CONNECTIONS_EXHAUSTED;
    } else {
        connection->counted =
            addresses_enter(server->addresses, connection->address, config->per_address_max);
        if (!connection->counted) refusal = HTTP_REFUSED_ADDRESS_EXHAUSTED;
    }
    if (refusal == HTTP_ACCEPTED && server->tls != NULL) {
        begin_tls(connection);
    } else if (refusal == HTTP_ACCEPTED) {
        set_read_deadline(connection, connection->started_ns, config->idle_timeout_ms);
    } else {
        count(&loop->connections_shed);
        const bool may_explain =
            server->tls == NULL && others < config->connections_max + HTTP_SHED_CONNECTIONS_MAX;
        connection->busy = true;
        if (may_explain) {
            exchange_begin(connection);
            refuse(connection, refusal);
        } else {
            connection_break(connection);
        }
        connection->busy = false;
        connection_settle(connection);
    }
}

void connection_drain(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    connection->busy = true;
    if (connection->state == STATE_HEAD && connection->begin == connection->end) {
        // One that never asked anything was perhaps just accepted: it may still ask once.
        if (connection->requests > 0) {
            begin_linger(connection);
        } else {
            set_read_deadline(connection, clock_mono_ns(),
                              connection->loop->server->config.head_timeout_ms);
        }
    } else if (is_open_stream(exchange)) {
        tell_drain(exchange);
    } else if (exchange != NULL && exchange->responded) {
        connection->close_after = true; // Its head is out: the FIN has to say it.
    }
    connection->busy = false;
    connection_settle(connection);
}

void connection_drop(struct connection *connection)
{
    connection->busy = true;
    connection_break(connection);
    if (connection->exchange != NULL) exchange_finish(connection->exchange);
    connection->busy = false;
    connection_settle(connection);
}
