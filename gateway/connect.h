/// @file gateway/connect.h
/// The Connect protocol's unary calls, on the same methods as REST:
///     POST /florin.ledger.v1.LedgerService/CreateTransfer
/// with application/json or application/proto, and errors as Connect's JSON.
/// Shapes     JSON is the same as in REST (UUID text, decimal amounts, RFC 3339 times), which is
///            not proto3's own mapping: generated clients choose their binary codec.
/// Ownership  All in the arena.
/// Threads    Pure.
/// Source     connectrpc.com/docs/protocol: Unary-Request, Error Codes, Error End-Stream.
#pragma once

#include "common/rpc/schema.h"
#include "gateway/http/parser.h"
#include "gateway/problem.h"

enum connect_codec { CONNECT_CODEC_NONE, CONNECT_CODEC_JSON, CONNECT_CODEC_PROTO };

/// connect_method gives the method that a path names and its place in rpc_all_methods; NULL when it
/// is none, one between daemons or the gateway's own.
const struct rpc_method *connect_method(struct bytes path, size_t *ret_index);

/// connect_codec_of reads Content-Type; NONE is answered 415.
enum connect_codec connect_codec_of(const struct http_head *head);
const char *connect_media_type(enum connect_codec codec);

/// connect_check reads Connect-Protocol-Version and Connect-Timeout-Ms. *ret_timeout_ms is the
/// shorter of the client's and the method's own. INVALID_ARGUMENT / CONNECT_VERSION_UNSUPPORTED,
/// CONNECT_TIMEOUT_INVALID; UNIMPLEMENTED / COMPRESSION_UNSUPPORTED.
MUST_USE struct status connect_check(const struct http_head *head, const struct rpc_method *method,
                                     uint32_t *ret_timeout_ms);

/// connect_http_status maps codes as Connect does: not as REST, and never 408.
uint16_t connect_http_status(struct status status);

/// connect_error_encode writes {"code", "message", "details"} with google.rpc.ErrorInfo (reason and
/// facts) and google.rpc.BadRequest (fields). Never fails: what does not fit is a fixed text.
struct bytes connect_error_encode(const struct problem *problem, struct arena *arena);
