/// @file gateway/http/server.h
/// The HTTP/1.1 engine: sockets, TLS, time-outs, framing, keep-alive and pipelining. It knows
/// nothing of routes, JSON or RPC: a handler gets whole, unambiguous requests and answers them.
///
///     on_head      the head is whole and valid; set a body limit, or respond and be done
///     on_request   the body is whole; respond now or later
///     on_finished  the answer is written (or the client has gone); once per exchange
///
/// Units      *_ms milliseconds; *_bytes; *_ns monotonic nanoseconds.
/// Ownership  An exchange lives until its answer is complete and on_finished returned, also when
///            the client disconnects in between: then the answer goes nowhere. The body of a
///            response is not copied and must live as long (the exchange's arena does, the request
///            and static text do); its fields are copied at once.
/// Threads    One event loop per thread. Everything about an exchange happens on its loop's thread:
///            other threads come back to it with http_loop_post. Callbacks must not block.
/// Errors     INVALID_ARGUMENT (address, certificate), UNAVAILABLE (cannot bind, no descriptors).
/// Source     design "Gateway", Protection and Operations; RFC 9110, RFC 9112.
#pragma once

#include "common/base/arena.h"
#include "gateway/http/parser.h"

struct http_server;
struct http_loop;
struct http_exchange;

struct http_config {
    const char *address;      // "127.0.0.1", "::", ...: an IP address.
    uint16_t port;            // 0: any free one, see http_server_port.
    uint32_t loop_count;      // Threads; each has its own listener on the same port.
    const char *tls_cert_pem; // Path of the chain; NULL: plain TCP.
    const char *tls_key_pem;  // Path of its private key.

    uint32_t head_timeout_ms;   // From a request's first byte to the end of its head; TLS too.
    uint32_t body_timeout_ms;   // For the body, and one second more ...
    uint32_t body_bytes_per_s;  // ... for each so many bytes that did arrive.
    uint32_t idle_timeout_ms;   // Between two requests.
    uint32_t write_timeout_ms;  // Without HTTP_WRITE_PROGRESS_BYTES being taken by the client.
    uint32_t linger_timeout_ms; // After a refusal: how long the rest of the request is thrown away.
    uint32_t connections_max;   // Of the whole server.
    uint32_t per_address_max;   // Of one IPv4 address or IPv6 /64.
    uint64_t body_bytes_max;    // Unless on_head says otherwise.
    size_t arena_bytes_max;     // Of each exchange.
    size_t stream_queue_bytes_max; // What a stream may have unsent; see http_stream_write.
};

/// HTTP_CONFIG_DEFAULT is the design's limits: on loopback, any port, one loop.
extern const struct http_config HTTP_CONFIG_DEFAULT;

enum {
    HTTP_ADDRESS_TEXT_BYTES = 46,        // An IPv6 address and its NUL.
    HTTP_WRITE_PROGRESS_BYTES = 1024,    // A client that takes less in write_timeout_ms is stalled.
    HTTP_SHED_CONNECTIONS_MAX = 64,      // Beyond connections_max, only to be told 503.
    HTTP_LINGER_BYTES_MAX = 1024 * 1024, // What is thrown away of a refused request at most.
};

/// A header of a response. The engine adds Date, Content-Length, Transfer-Encoding and Connection
/// itself. Control characters in a value become spaces (RFC 9110 5.5), so a value that came from
/// outside cannot add headers.
struct http_field {
    const char *name;
    const char *value; // NULL leaves the header out.
};

struct http_response {
    uint16_t status; // 200..599
    const struct http_field *fields;
    size_t field_count;
    struct bytes body; // Ignored for HEAD (its length is sent), 204 and 304.
};

/// What became of an exchange, for access log and metrics.
struct http_finished {
    uint16_t status;           // 0: the client left before there was an answer.
    uint64_t request_bytes;    // Body, decoded.
    uint64_t response_bytes;   // All that was written: head, framing and body.
    uint64_t duration_ns;      // From the first byte of the head.
    enum http_refusal refusal; // HTTP_ACCEPTED unless the engine itself answered.
    bool aborted;              // The answer did not reach the socket as a whole.
};

struct http_handler {
    /// May be NULL. Call http_exchange_set_body_max, or respond to refuse before the body is read
    /// (then on_request is not called, and the connection closes if a body was to come).
    void (*on_head)(struct http_exchange *exchange, void *context);
    void (*on_request)(struct http_exchange *exchange, void *context);
    /// May be NULL: plain text. Gives fields and body to an answer of the engine itself; status,
    /// reason and message are the refusal's row. The head may be empty (connection caps) or half
    /// read. response comes filled in with the default.
    void (*on_refusal)(struct http_exchange *exchange, const struct http_refusal_info *refusal,
                       struct http_response *response, void *context);
    /// May be NULL. The exchange's head, arena and user pointer are valid until it returns.
    void (*on_finished)(struct http_exchange *exchange, const struct http_finished *finished,
                        void *context);
    void *context;
};

/// http_server_open binds, listens and starts the loops' threads: requests may arrive before it
/// returns. config is copied; the handler must live as long as the server.
MUST_USE struct status http_server_open(const struct http_config *config,
                                        const struct http_handler *handler,
                                        struct http_server **ret);
uint16_t http_server_port(const struct http_server *server);

/// http_server_reload_tls reads certificate and key again, for new connections; on failure the old
/// ones stay in use. Any thread.
MUST_USE struct status http_server_reload_tls(struct http_server *server);

/// http_server_drain stops accepting, closes idle connections, answers what is in flight with
/// "Connection: close", and tells streams (on_drain). True when every connection was gone within
/// timeout_ms; the rest is cut off by http_server_close. Blocks; not on a loop's thread.
bool http_server_drain(struct http_server *server, uint32_t timeout_ms);

/// http_server_close stops the loops, runs the jobs that were posted, drops what is still open and
/// frees. The caller makes sure first that no other thread posts any more. Idempotent.
void http_server_close(struct http_server **server);

struct http_stats {
    uint64_t connections;        // Open now.
    uint64_t connections_total;  // Accepted since the start.
    uint64_t connections_shed;   // Answered 503 because of a cap, or closed without an answer.
    uint64_t tls_failures;       // Handshakes that failed.
    uint64_t exchanges_total;    // Finished.
    uint64_t exchanges_inflight; // Begun and not finished.
};

struct http_stats http_server_stats(const struct http_server *server); // Any thread.

/// A job owns itself: run may free it. Jobs of one thread run in the order they were posted.
struct http_job {
    void (*run)(struct http_job *job);
    struct http_job *next; // The loop's, while queued.
};

/// http_loop_post makes run happen on the loop's thread, soon. Any thread; never blocks. Many posts
/// cost one wake-up.
void http_loop_post(struct http_loop *loop, struct http_job *job);
uint32_t http_loop_index(const struct http_loop *loop); // 0 .. loop_count - 1
struct http_loop *http_server_loop(struct http_server *server, uint32_t index);

const struct http_head *http_exchange_head(const struct http_exchange *exchange);
struct bytes http_exchange_body(const struct http_exchange *exchange); // Decoded; on_request on.
const char *http_exchange_peer(const struct http_exchange *exchange);  // Address without port.
bool http_exchange_is_tls(const struct http_exchange *exchange);
struct http_loop *http_exchange_loop(const struct http_exchange *exchange);
struct arena *http_exchange_arena(struct http_exchange *exchange);
uint64_t http_exchange_started_ns(const struct http_exchange *exchange); // First byte of the head.

/// http_exchange_is_aborted: nobody waits for the answer any more. It still has to be given.
bool http_exchange_is_aborted(const struct http_exchange *exchange);

void http_exchange_set_user(struct http_exchange *exchange, void *user);
void *http_exchange_user(const struct http_exchange *exchange);

/// http_exchange_set_body_max: in on_head only.
void http_exchange_set_body_max(struct http_exchange *exchange, uint64_t bytes);

/// http_exchange_respond answers, once. The exchange may be gone when it returns (unless called in
/// on_head or on_request: then it is gone when that returns).
void http_exchange_respond(struct http_exchange *exchange, const struct http_response *response);

/// A response whose body is made while it is sent (SSE, downloads). All callbacks may be NULL and
/// run on the loop's thread.
struct http_stream {
    /// The queue has room again after http_stream_write refused.
    void (*on_writable)(struct http_exchange *exchange, void *context);
    /// The client has gone, or stalled: writes go nowhere from now on; end the stream.
    void (*on_closed)(struct http_exchange *exchange, void *context);
    /// The server drains: end the stream soon.
    void (*on_drain)(struct http_exchange *exchange, void *context);
    void *context;
};

enum { HTTP_LENGTH_UNKNOWN = -1 };

/// http_stream_begin sends status and fields (response->body is ignored). content_length: what
/// will be written in all, or HTTP_LENGTH_UNKNOWN: chunked, and in HTTP/1.0 until the close.
void http_stream_begin(struct http_exchange *exchange, const struct http_response *response,
                       int64_t content_length, const struct http_stream *stream);

/// http_stream_write copies and sends. RESOURCE_EXHAUSTED / STREAM_FULL: nothing was taken, wait
/// for on_writable; UNAVAILABLE / CLIENT_GONE: end the stream.
MUST_USE struct status http_stream_write(struct http_exchange *exchange, struct bytes data);

/// http_stream_end completes the answer: to be called exactly once, whatever happened. Fewer bytes
/// than the content_length promised: the connection is cut, so that the client sees it.
void http_stream_end(struct http_exchange *exchange);
