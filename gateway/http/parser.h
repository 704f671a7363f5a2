/// @file gateway/http/parser.h
/// The strict HTTP/1.x request-head parser: a pure function from the bytes of one complete head to
/// slices of it, or to the one reason why it is refused.
/// Units      bytes.
/// Ownership  Every slice in struct http_head points into the caller's buffer and lives as long.
/// Threads    Pure: any thread; nothing is allocated, nothing global is written.
/// Errors     enum http_refusal (refusal.h). Whatever could be read in two ways is refused.
/// Not here   Percent-decoding, dot segments and %2F in a path: the router knows what they mean.
/// Source     RFC 9112 sections 2 to 7, RFC 9110 sections 5 and 10.1.1, RFC 3986 (target, host).
#pragma once

#include "common/base/bytes.h"
#include "gateway/http/refusal.h"

#include <stdbool.h>

enum {
    HTTP_HEAD_BYTES_MAX = 16 * 1024,
    HTTP_TARGET_BYTES_MAX = 8 * 1024,
    HTTP_HEADERS_MAX = 100,
    HTTP_METHOD_BYTES_MAX = 16,
};

enum http_method {
    HTTP_METHOD_OTHER, // A valid token that is none of the following.
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_PATCH,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_OPTIONS,
};

// Headers that can be looked up without comparing names. ONCE: a second one is refused, because two
// readers of the request could believe different ones; MANY: may be repeated (lists).
// clang-format off
#define HTTP_HEADERS(X)                                                                            \
    X(HOST,                "host",                ONCE)                                            \
    X(CONNECTION,          "connection",          MANY)                                            \
    X(CONTENT_LENGTH,      "content-length",      ONCE)                                            \
    X(TRANSFER_ENCODING,   "transfer-encoding",   ONCE)                                            \
    X(EXPECT,              "expect",              ONCE)                                            \
    X(CONTENT_TYPE,        "content-type",        ONCE)                                            \
    X(CONTENT_ENCODING,    "content-encoding",    MANY)                                            \
    X(AUTHORIZATION,       "authorization",       ONCE)                                            \
    X(COOKIE,              "cookie",              MANY)                                            \
    X(ACCEPT,              "accept",              MANY)                                            \
    X(ACCEPT_ENCODING,     "accept-encoding",     MANY)                                            \
    X(ACCEPT_LANGUAGE,     "accept-language",     MANY)                                            \
    X(CACHE_CONTROL,       "cache-control",       MANY)                                            \
    X(IDEMPOTENCY_KEY,     "idempotency-key",     ONCE)                                            \
    X(IF_MATCH,            "if-match",            MANY)                                            \
    X(IF_NONE_MATCH,       "if-none-match",       MANY)                                            \
    X(RANGE,               "range",               ONCE)                                            \
    X(LAST_EVENT_ID,       "last-event-id",       ONCE)                                            \
    X(ORIGIN,              "origin",              ONCE)                                            \
    X(REFERER,             "referer",             MANY)                                            \
    X(USER_AGENT,          "user-agent",          MANY)                                            \
    X(FORWARDED,           "forwarded",           MANY)                                            \
    X(X_FORWARDED_FOR,     "x-forwarded-for",     MANY)                                            \
    X(X_FORWARDED_PROTO,   "x-forwarded-proto",   MANY)                                            \
    X(X_FORWARDED_HOST,    "x-forwarded-host",    MANY)                                            \
    X(X_REQUEST_ID,        "x-request-id",        ONCE)                                            \
    X(X_DEVICE_ID,         "x-device-id",         ONCE)                                            \
    X(TRACEPARENT,         "traceparent",         ONCE)                                            \
    X(TRACESTATE,          "tracestate",          MANY)                                            \
    X(UPGRADE,             "upgrade",             MANY)                                            \
    X(PREFER,              "prefer",              MANY)                                            \
    X(CONNECT_TIMEOUT_MS,  "connect-timeout-ms",  ONCE)                                            \
    X(CONNECT_PROTOCOL,    "connect-protocol-version", ONCE)                                       \
    X(CORS_REQUEST_METHOD, "access-control-request-method",  ONCE)                                 \
    X(CORS_REQUEST_HEADERS,"access-control-request-headers", MANY)

// clang-format on

enum http_header_id {

#define X(name, text, times) HTTP_HEADER_##name,
    HTTP_HEADERS(X)
#undef X
        HTTP_HEADER_ID_COUNT,
    HTTP_HEADER_UNKNOWN = HTTP_HEADER_ID_COUNT
};

struct http_header {
    struct bytes name;  // As sent; compare without regard to case.
    struct bytes value; // Without the white space around it; may be empty.
    uint8_t id;         // enum http_header_id
};

struct http_head {
    enum http_method method;
    struct bytes method_name;
    struct bytes target;   // As sent: "/v1/me?x=1", or "*" of OPTIONS.
    struct bytes path;     // The target before '?'.
    struct bytes query;    // Behind the first '?'; data == NULL when there is none.
    uint8_t minor_version; // 0 or 1
    bool keep_alive;       // What version and Connection say together.
    bool chunked;
    bool has_content_length;
    bool expects_continue; // Never in HTTP/1.0.
    uint64_t content_length;
    size_t head_bytes; // With the empty line that ends it.
    uint8_t header_count;
    uint8_t first[HTTP_HEADER_ID_COUNT]; // Index + 1 into headers[] of the first one; 0: absent.
    struct http_header headers[HTTP_HEADERS_MAX];
};

/// http_scan_head looks for the end of a head that arrives in pieces. *scanned starts at 0 and
/// carries on where the last call stopped: only an unfinished last line is read again.
/// Accepted with *ret_head_bytes == 0: not complete yet. Refuses as early as it is sure: BARE_LF,
/// METHOD_INVALID (first byte), TARGET_TOO_LONG, HEAD_TOO_LARGE.
enum http_refusal http_scan_head(struct bytes data, size_t *scanned, size_t *ret_head_bytes);

/// http_parse_head reads one complete head. On a refusal *ret holds what was read before it and
/// only method_name, target and minor_version may be looked at (for the log; empty if not reached).
enum http_refusal http_parse_head(struct bytes data, struct http_head *ret);

/// http_head_value gives the value of the first such header; data == NULL when it is absent.
struct bytes http_head_value(const struct http_head *head, enum http_header_id id);

/// http_head_find is http_head_value for any name, given in lower case.
struct bytes http_head_find(const struct http_head *head, const char *name);
