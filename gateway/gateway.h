/// @file gateway/gateway.h
/// HTTP in, RPC out: what one gateway process holds, and one request on its way through it.
///
///     gateway.c   head -> page, REST route or Connect method -> limits -> page or call
///     metadata.c  what the headers say: token, key, client's address
///     limits.c    rate limits of address and principal         cors.c   other origins' pages
///     exchange.c  a token for a bearer that is an API key
///     proxy.c     the call and its answer                      respond.c  every answer's headers
///     stream.c    the event stream (stream.h)
///     pages.c     what the gateway answers itself; health.c, stats.c, docs.c stand behind it
///     access.c    log line and metrics of each exchange
///
/// Threads    A gateway_request belongs to its exchange's loop; while its call is under way, only
///            the transport thread that brings the answer touches it (proxy.c).
#pragma once

#include "common/base/metrics.h"
#include "common/daemon/daemon.h"
#include "common/rpc/channel.h"
#include "gateway/connect.h"
#include "gateway/http/server.h"
#include "gateway/keytokens.h"
#include "gateway/rate.h"
#include "gateway/router.h"

#include <stdatomic.h>

enum {
    GATEWAY_PEERS = 4,
    GATEWAY_REQUEST_ID_BYTES = 65,
    GATEWAY_LIST_MAX = 16, // Of trusted proxies, of origins.
    // What a request may take while it is read (more where its method takes large bodies), and what
    // comes on top once the answer is there: the largest message there is (8 MiB), unpacked, and as
    // JSON, if that is not longer than ten times the message.
    GATEWAY_REQUEST_ARENA_BYTES = 1 << 20,
    GATEWAY_ANSWER_ARENA_BYTES = 160 << 20,
    GATEWAY_PROBLEM_ARENA_BYTES = 256 << 10,
};

extern const char *const gateway_peers[GATEWAY_PEERS];

struct gateway_health;
struct gateway_routes_metrics;
struct gateway_page;
struct gateway_exchanges;
struct gateway_streams;
struct stream_client;

/// A comma-separated setting, taken apart.
struct gateway_list {
    char *text; // What the items point into.
    const char *items[GATEWAY_LIST_MAX];
    size_t count;
};

struct gateway {
    struct daemon *daemon; // main.c's; nobody else needs it.
    struct http_server *http;
    struct router *router;
    struct rpc_channel *channels[GATEWAY_PEERS];
    struct gateway_health *health;
    struct gateway_routes_metrics *metrics;
    /// Writes a token that says "I am the gateway", with which it asks daemons for their metrics.
    void (*service_token)(void *context, char *ret_text, size_t size);
    void *service_token_context;
    struct gateway_exchanges *exchanges;                // Of API keys for tokens.
    struct gateway_streams *streams;                    // Of events; stream.h.
    struct rate_limiter *address_rate, *principal_rate; // NULL: no limit.
    struct gateway_list trusted_proxies, cors_origins;
    bool has_tls;
    _Atomic bool is_draining, is_stopping;
    _Atomic uint64_t calls_in_flight;
};

struct gateway_request {
    struct gateway *gateway;
    struct http_exchange *exchange;
    // What the request leads to: a page, or a method by a REST route or by Connect.
    const struct gateway_page *page;
    const struct rpc_method *method;
    struct router_match match;
    const struct rpc_route *route; // NULL: Connect.
    bool is_negotiated;            // Accept has chosen between several routes.
    bool is_connect;
    enum connect_codec codec;
    size_t connect_index; // Of rpc_all_methods.

    const char *label;  // Route template, method or own page, for log and metrics.
    const char *reason; // Of a refusal, for the log.
    const char *allow;  // The methods of the path, for 405 and OPTIONS.
    const char *client_ip;
    const char *cors_origin;              // The request's origin when it is on the list.
    const char *rate_policy, *rate_state; // Values of RateLimit-Policy and RateLimit.
    char request_id[GATEWAY_REQUEST_ID_BYTES];
    struct rpc_client_call call;
    struct http_job job;
    // Of a request whose bearer is an API key; see exchange.h.
    const char *api_key; // NULL: it is none.
    uint8_t key_hash[KEYTOKENS_HASH_BYTES];
    bool was_exchanged_again;
    struct gateway_request *next_waiter;
    struct stream_client *stream; // NULL: it is no event stream.
};

/// gateway_handler answers every request: own pages, routes, Connect.
struct http_handler gateway_handler(struct gateway *gateway);

/// gateway_stop_http drains and closes the engine: afterwards no call is under way and nothing
/// touches the gateway any more. Blocks.
void gateway_stop_http(struct gateway *gateway, uint32_t timeout_ms);

// ---- metadata.c: what the headers say ------------------------------------------------------

/// gateway_client_ip is the peer's address, or what trusted proxies say it was.
const char *gateway_client_ip(struct gateway_request *request);
/// gateway_bearer is the token of Authorization (RFC 6750); data == NULL when there is none.
struct bytes gateway_bearer(const struct http_head *head);
/// gateway_read_metadata fills in request->call.metadata. INVALID_ARGUMENT /
/// IDEMPOTENCY_KEY_INVALID.
MUST_USE struct status gateway_read_metadata(struct gateway_request *request);

// ---- limits.c, cors.c ----------------------------------------------------------------------

/// gateway_limit charges the request to its address and its token: RESOURCE_EXHAUSTED /
/// RATE_LIMITED, with the policy's name and when to come back in request->call.
MUST_USE struct status gateway_limit(struct gateway_request *request, uint32_t cost);

/// gateway_cors_origin gives the Origin header when it is on the list, else NULL.
const char *gateway_cors_origin(struct gateway_request *request);

// ---- respond.c: every answer has the same headers ------------------------------------------

enum { GATEWAY_FIELDS_MAX = 24 };

/// What an answer has beyond the fixed headers.
struct gateway_answer {
    uint16_t status;
    const char *content_type;
    const char *etag;                    // NULL: none.
    const char *link;                    // NULL: there is no next page.
    const char *cache_control;           // NULL: no-store.
    const char *content_security_policy; // NULL: nothing may be loaded.
    struct bytes body;
    bool replayed;
    bool is_preflight; // Answers what a browser may send from another origin.
    bool is_stream;    // Proxies must not gather it up.
    uint32_t retry_after_ms;
};

void gateway_respond(struct gateway_request *request, const struct gateway_answer *answer);
/// gateway_respond_stream sends the head: the body is the caller's to write (http_stream_*).
void gateway_respond_stream(struct gateway_request *request, const struct gateway_answer *answer,
                            const struct http_stream *stream);
void gateway_refuse(struct gateway_request *request, struct status status);
void gateway_refuse_call(struct gateway_request *request, const struct rpc_client_call *call);
/// gateway_respond_refusal fills in the engine's own refusals (framing, time-outs, caps).
void gateway_respond_refusal(struct gateway_request *request,
                             const struct http_refusal_info *refusal,
                             struct http_response *response);

// ---- proxy.c: one call to the daemon that owns the method ----------------------------------

/// gateway_proxy passes the request on to the daemon that owns its method. Methods of the package
/// florin.gateway.v1 have no daemon: the gateway serves them itself.
void gateway_proxy(struct gateway_request *request);
/// gateway_refuse_local is for those: the refusal as if a daemon had given it; ends the call.
void gateway_refuse_local(struct gateway_request *request, struct status status);
/// gateway_call_begin is called before an answer is waited for, gateway_call_end after its job was
/// posted: in between the engine stays. false: the gateway stops, begin nothing.
bool gateway_call_begin(struct gateway *gateway);
void gateway_call_end(struct gateway *gateway);
/// gateway_call_hold is gateway_call_begin for whoever has begun already and needs another one.
void gateway_call_hold(struct gateway *gateway);

// ---- pages.c: what the gateway answers itself ----------------------------------------------

struct gateway_page {
    const char *path;
    void (*serve)(struct gateway_request *request);
    uint32_t cost; // 0: a probe's, never limited.
};

/// gateway_page_find gives the page at a path, or NULL.
const struct gateway_page *gateway_page_find(struct bytes path);

// ---- docs.c: the API reference for people, with everything it needs ------------------------

void gateway_docs_serve(struct gateway_request *request);
void gateway_docs_script_serve(struct gateway_request *request);
void gateway_docs_style_serve(struct gateway_request *request);

// ---- health.c: what each daemon says of itself, asked again and again ----------------------

struct gateway_health *gateway_health_open(struct gateway *gateway);
void gateway_health_close(struct gateway_health **health);
/// gateway_health_is_ready: every daemon serves; *ret_failing names the first that does not.
bool gateway_health_is_ready(struct gateway_health *health, const char **ret_failing);
/// gateway_health_write writes the JSON object of /health.
struct bytes gateway_health_write(struct gateway_health *health, struct arena *arena);

// ---- access.c, stats.c: log line and metrics of each exchange ------------------------------

/// gateway_metrics_open makes a series for each of the router's routes, which it borrows.
struct gateway_routes_metrics *gateway_metrics_open(const struct rpc_route *routes,
                                                    size_t route_count);
void gateway_metrics_close(struct gateway_routes_metrics **metrics);
void gateway_access(struct http_exchange *exchange, const struct http_finished *finished,
                    void *context);
/// gateway_metrics_serve answers /metrics: our own and every daemon's, as one exposition.
void gateway_metrics_serve(struct gateway_request *request);
