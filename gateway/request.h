/// @file gateway/request.h
/// From an HTTP request to the packed request message of a method: path variables, query, body.
/// Rules      Path variables bind first; a body or query may not name the same field again. Query
///            parameters fill what the body does not (with body "*": none are allowed). A JSON body
///            needs Content-Type application/json; methods that take forms also take
///            application/x-www-form-urlencoded.
/// Ownership  All in the arena.
/// Threads    Pure.
/// Errors     INVALID_ARGUMENT / MEDIA_TYPE_UNSUPPORTED and ENCODING_UNSUPPORTED (415), JSON_*,
///            VALIDATION_FAILED, PATH_INVALID, QUERY_INVALID, QUERY_NOT_ALLOWED, BODY_NOT_ALLOWED;
///            RESOURCE_EXHAUSTED.
#pragma once

#include "common/rpc/violations.h"
#include "gateway/http/parser.h"
#include "gateway/router.h"

MUST_USE struct status request_pack(const struct http_head *head, struct bytes body,
                                    const struct router_match *match, const struct rpc_route *route,
                                    struct arena *arena, struct bytes *ret_payload,
                                    struct rpc_violations *ret_violations);

/// request_pack_json packs a body that is the request message as a whole (Connect).
MUST_USE struct status request_pack_json(const struct rpc_method *method, struct bytes body,
                                         struct arena *arena, struct bytes *ret_payload,
                                         struct rpc_violations *ret_violations);
