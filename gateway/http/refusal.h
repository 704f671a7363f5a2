/// @file gateway/http/refusal.h
/// Every reason for which the HTTP engine itself turns a request away: one row each, with the
/// status it answers and the sentence that explains it. Parser, engine, tests and the gateway's
/// problem+json all read this list; nothing else decides a status for a broken message.
/// Rule       After any refusal the connection is closed: what follows cannot be trusted.
/// Source     RFC 9112 (framing), RFC 9110 (statuses), RFC 6585 (431).
#pragma once

#include <stdint.h>

// clang-format off
#define HTTP_REFUSALS(X)                                                                           \
    /* The head as a whole. */                                                                     \
    X(HEAD_INCOMPLETE,            400, "the request head has no end")                              \
    X(HEAD_TOO_LARGE,             431, "the request head is larger than 16 KiB")                   \
    X(TOO_MANY_HEADERS,           431, "the request has more than 100 header fields")              \
    X(BARE_LF,                    400, "a line ends with LF alone instead of CR LF")               \
    /* The request line. */                                                                        \
    X(METHOD_INVALID,             400, "the method is not a token of at most 16 characters")       \
    X(REQUEST_LINE_INVALID,       400, "the request line is not: method SP target SP version")     \
    X(TARGET_TOO_LONG,            414, "the request target is longer than 8 KiB")                  \
    X(TARGET_FORM,                400, "the target must be a path starting with a slash")          \
    X(TARGET_INVALID,             400, "the target has a character or escape that URIs lack")      \
    X(VERSION_UNSUPPORTED,        400, "the version is neither HTTP/1.0 nor HTTP/1.1")             \
    /* Header fields. */                                                                           \
    X(OBS_FOLD,                   400, "a header line begins with white space")                    \
    X(HEADER_NAME_EMPTY,          400, "a header field has no name")                               \
    X(HEADER_NAME_INVALID,        400, "a header name has a character that is not allowed")        \
    X(SPACE_BEFORE_COLON,         400, "there is white space between a header name and its colon") \
    X(HEADER_COLON_MISSING,       400, "a header line has no colon")                               \
    X(HEADER_VALUE_INVALID,       400, "a header value has a control character")                   \
    X(HEADER_REPEATED,            400, "a header field that may occur once occurs again")          \
    X(HOST_MISSING,               400, "an HTTP/1.1 request needs a Host header")                  \
    X(HOST_REPEATED,              400, "the request has more than one Host header")                \
    X(HOST_INVALID,               400, "the Host header is not a host with an optional port")      \
    X(CONNECTION_INVALID,         400, "the Connection header is not a list of tokens")            \
    X(EXPECTATION_UNKNOWN,        417, "the only expectation understood is 100-continue")          \
    /* Framing of the body. */                                                                     \
    X(CONTENT_LENGTH_INVALID,     400, "Content-Length is not a plain decimal number")             \
    X(CONTENT_LENGTH_CONFLICT,    400, "the request has more than one Content-Length")             \
    X(TRANSFER_ENCODING_INVALID,  400, "the only transfer encoding understood is chunked")         \
    X(TRANSFER_ENCODING_IN_1_0,   400, "an HTTP/1.0 request cannot have a Transfer-Encoding")      \
    X(LENGTH_AND_ENCODING,        400, "the request has Content-Length and Transfer-Encoding")     \
    X(CHUNK_SIZE_INVALID,         400, "a chunk size is not a hexadecimal number")                 \
    X(CHUNK_SIZE_OVERFLOW,        400, "a chunk size has more than 15 digits")                     \
    X(CHUNK_EXTENSION_INVALID,    400, "a chunk extension has a control character")                \
    X(CHUNK_EXTENSIONS_TOO_LARGE, 400, "the chunk extensions are larger than 4 KiB together")      \
    X(CHUNK_END_INVALID,          400, "the data of a chunk is not followed by CR LF")             \
    X(TRAILER_INVALID,            400, "the trailer section is malformed")                         \
    X(TRAILERS_TOO_LARGE,         431, "the trailer section is larger than 4 KiB")                 \
    /* What the engine refuses while it serves. */                                                 \
    X(BODY_TOO_LARGE,             413, "the body is larger than this request may carry")           \
    X(HEAD_TIMEOUT,               408, "the request head did not arrive in time")                  \
    X(BODY_TIMEOUT,               408, "the request body did not arrive in time")                  \
    X(CONNECTIONS_EXHAUSTED,      503, "the server has as many connections as it may have")        \
    X(ADDRESS_EXHAUSTED,          503, "this address has as many connections as it may have")

// clang-format on

enum http_refusal {
    HTTP_ACCEPTED = 0, // Not a refusal: so far, nothing is wrong.

#define X(name, status, message) HTTP_REFUSED_##name,
    HTTP_REFUSALS(X)
#undef X
        HTTP_REFUSAL_COUNT
};

struct http_refusal_info {
    uint16_t status;
    const char *reason;  // "CONTENT_LENGTH_CONFLICT": stable, clients may branch on it.
    const char *message; // One English sentence without a full stop.
};

/// http_refusal_info gives the row of a refusal; CHECKs that it is one (not HTTP_ACCEPTED).
const struct http_refusal_info *http_refusal_info(enum http_refusal refusal);
