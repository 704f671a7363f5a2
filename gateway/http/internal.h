/// @file gateway/http/internal.h
/// What the files of the engine share; nobody else includes it.
///
///     server.c      open, drain, close; listeners; caps
///     loop.c        one thread, one event_base, one queue of posted jobs
///     connection.c  the state machine of a socket: read, frame, dispatch, write, deadlines
///     exchange.c    one request and its answer, buffered or streamed
///     response.c    bytes of a response head (pure)
///     transport.c   recv/sendmsg, or OpenSSL on the same socket
///     addresses.c   connections per address
///
/// Threads    Everything of a loop belongs to its thread. Shared: struct http_server's atomics, its
///            address table and TLS context (each with its own lock), and a loop's job queue.
#pragma once

#include "common/base/check.h"
#include "common/base/clock.h"
#include "gateway/http/chunks.h"
#include "gateway/http/server.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    // A head of the largest size, the empty line before it, and always room for some body.
    BUFFER_BYTES = HTTP_HEAD_BYTES_MAX + 2 + 4096,
    BUFFER_BODY_ROOM_BYTES = 4096,
    FREE_BUFFERS_MAX = 64,   // Kept by each loop for the next requests.
    FREE_EXCHANGES_MAX = 64, // The same; each holds an arena block.
    KEPT_OUTPUT_BYTES = 16 * 1024,
    TLS_RECORD_BYTES = 16 * 1024,
    DATE_TEXT_BYTES = 30, // "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL.
};

/// Bytes to be sent (or a body being collected): data[begin, end) of capacity.
struct output {
    uint8_t *data;
    size_t begin, end, capacity;
};

/// An exchange goes: begun -> (dispatched) -> responded -> complete -> finished. dispatched means
/// that the handler owns it: only the handler's answer makes it complete.
struct http_exchange {
    // These three are kept when the exchange is used again.
    struct arena *arena;
    struct output out;
    struct output body_buffer; // Only for bodies that do not fit beside the head.

    struct connection *connection;
    struct http_exchange *next_free;
    void *user;
    uint64_t started_ns;
    uint64_t body_max;
    uint64_t content_left; // Of a Content-Length body that is copied to body_buffer.
    struct http_chunks chunks;
    struct bytes body;
    struct bytes out_body; // The handler's, sent behind `out` without a copy.
    uint64_t response_bytes;
    enum http_refusal refusal;
    uint16_t status;
    bool dispatched;
    bool responded;
    bool complete; // Nothing will be added to the output.
    bool aborted;
    bool continue_sent;
    bool streaming;
    bool stream_chunked;
    bool stream_unbounded; // Length unknown.
    bool stream_blocked;   // A write was refused: on_writable is owed.
    bool stream_closed_told;
    bool stream_drain_told;
    uint64_t stream_left; // Bytes promised by content_length and not written yet.
    struct http_stream stream;
    struct http_head head; // Last, because its headers[] are not cleared between requests.
};

enum connection_state {
    STATE_HANDSHAKE, // TLS only.
    STATE_HEAD,      // Idle when the buffer is empty.
    STATE_BODY,
    STATE_INFLIGHT, // The answer is awaited or being written.
    STATE_LINGER,   // All written; the rest of the request is thrown away until the client closes.
    STATE_CLOSED,   // No socket any more; freed as soon as its exchange is finished.
    STATE_COUNT
};

struct address_key {
    uint64_t prefix; // The IPv4 address, or the first 64 bits of an IPv6 one.
    bool ipv6;
};

struct connection {
    struct http_loop *loop;
    struct connection *previous, *next;
    struct http_exchange *exchange; // At most one: pipelined requests wait in the buffer.
    SSL *tls;                       // NULL: plain TCP.
    int fd;                         // -1 when closed.
    enum connection_state state;
    bool busy;        // Some function of this connection is on the stack: do not recurse.
    bool read_paused; // The read event is off.
    bool peer_eof;    // The client will send no more.
    bool close_after; // No request after this one.
    bool counted;     // In the address table.
    bool tls_wants_write;
    bool tls_ready; // The handshake is over.
    uint64_t requests;

    uint8_t *buffer; // BUFFER_BYTES, only while bytes are in it or an exchange points into it.
    size_t begin, end;
    size_t scanned;   // See http_scan_head; relative to begin.
    size_t body_base; // Where body bytes are read to: behind the head.

    uint64_t started_ns; // First byte of the current head.
    uint64_t body_started_ns, body_received_bytes;
    uint64_t read_deadline_ns, write_deadline_ns; // 0: none.
    uint64_t timer_armed_ns;                      // When timer_event fires; 0: not armed.
    uint64_t write_progress_bytes, linger_bytes;
    struct event read_event, write_event, timer_event;
    struct address_key address;
    char peer[HTTP_ADDRESS_TEXT_BYTES];
};

/// A buffer that nobody uses holds the address of the next one.
struct spare_buffer {
    struct spare_buffer *next;
};

struct http_loop {
    struct http_server *server;
    uint32_t index;
    pthread_t thread;      // Who may touch the loop; written by that thread itself.
    pthread_t join_thread; // The same, as its starter knows it.
    bool thread_started;
    struct event_base *base;
    int listener, wake_fd;
    struct event accept_event, accept_retry_event, wake_event;
    _Atomic(struct http_job *) jobs; // Last posted first.
    struct http_job drain_job;
    atomic_bool stopping;

    struct connection *connections;
    struct spare_buffer *free_buffers; // Linked through their first bytes.
    size_t free_buffer_count;
    struct http_exchange *free_exchanges;
    size_t free_exchange_count;
    uint8_t *tls_scratch; // TLS_RECORD_BYTES, to send head and body in one record.
    uint64_t date_second;
    char date[DATE_TEXT_BYTES];

    _Atomic uint64_t connections_total, connections_shed, tls_failures;
    _Atomic uint64_t exchanges_begun, exchanges_finished;
};

struct addresses; // Connections per address, addresses.c.

struct http_server {
    struct http_config config;
    const struct http_handler *handler;
    struct http_loop *loops;
    uint16_t port;
    struct addresses *addresses;
    pthread_mutex_t tls_lock;
    SSL_CTX *tls;
    _Atomic uint64_t connections;
    _Atomic uint32_t listening; // Loops that still accept.
    atomic_bool draining;
    pthread_mutex_t drain_lock;
    pthread_cond_t drained; // While draining: listening or connections reached 0.
};

static inline void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

// addresses.c
struct addresses *addresses_open(uint32_t connections_max);
void addresses_close(struct addresses *addresses);
/// addresses_enter is false when the address already has `max` connections.
bool addresses_enter(struct addresses *addresses, struct address_key key, uint32_t max);
void addresses_leave(struct addresses *addresses, struct address_key key);
/// address_read gives key and text of a peer; an IPv4 address in IPv6 clothes counts as IPv4.
struct address_key address_read(const struct sockaddr_storage *from,
                                char ret_text[static HTTP_ADDRESS_TEXT_BYTES]);

// transport.c
enum { TRANSPORT_AGAIN = -1, TRANSPORT_FAILED = -2 };

ssize_t transport_read(struct connection *connection, uint8_t *data, size_t size); // 0: EOF
ssize_t transport_write(struct connection *connection, const struct iovec *parts, int count);
int transport_handshake(struct connection *connection); // 0 or TRANSPORT_*
void transport_end(struct connection *connection);      // Says that no more will be sent.
MUST_USE struct status transport_load_tls(const char *cert_pem, const char *key_pem, SSL_CTX **ret);

// response.c
void output_append(struct output *output, const void *data, size_t size);
void output_reset(struct output *output); // Empty; gives large memory back.

struct response_framing {
    uint8_t minor_version;
    bool keep_alive;
    bool chunked;
    int64_t content_length; // < 0: no such header.
};

void response_write_head(struct output *out, const struct http_response *response,
                         struct response_framing framing, const char *date);
bool response_may_have_body(uint16_t status);
void response_format_date(uint64_t unix_seconds, char ret_text[static DATE_TEXT_BYTES]);

// loop.c
MUST_USE struct status loop_open(struct http_loop *loop, struct http_server *server,
                                 uint32_t index);
MUST_USE struct status loop_start(struct http_loop *loop);
void loop_stop(struct http_loop *loop);  // Joins the thread; its posted jobs have run.
void loop_close(struct http_loop *loop); // Drops its connections and frees.
void loop_close_listener(struct http_loop *loop);
/// loop_accept takes one connection from the backlog; false: none, or no descriptor for it.
bool loop_accept(struct http_loop *loop);
const char *loop_date(struct http_loop *loop);
bool loop_is_current(const struct http_loop *loop);

// server.c
/// server_announce_drained wakes http_server_drain.
void server_announce_drained(struct http_server *server);

// connection.c
void connection_open(struct http_loop *loop, int fd, const struct sockaddr_storage *from);
/// connection_break closes the socket at once; the exchange, if any, lives on until its answer.
void connection_break(struct connection *connection);
/// connection_flush writes what the socket takes and waits for the rest by event and deadline.
void connection_flush(struct connection *connection);
/// connection_settle does all that can be done now; may free the connection. No-op while busy.
void connection_settle(struct connection *connection);
void connection_drain(struct connection *connection);
/// connection_drop is for loop_close: nothing is awaited any more.
void connection_drop(struct connection *connection);

// exchange.c
struct http_exchange *exchange_begin(struct connection *connection);
void exchange_finish(struct http_exchange *exchange); // Calls on_finished; frees or keeps.
void exchange_free(struct http_exchange *exchange);
void exchange_refuse(struct connection *connection, enum http_refusal refusal);
bool exchange_has_output(const struct http_exchange *exchange);
