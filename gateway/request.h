/// @file gateway/request.h
/// From an HTTP request to the packed request message of a method: path variables, query, body.
/// Rules      A field that the path and the body or query name must have the same value twice.
/// Query
///            parameters fill what the body does not (with body "*": none are allowed). A JSON body
///            needs Content-Type application/json; methods that take forms also take
///            application/x-www-form-urlencoded.
///            A field with is_etag gets the version of If-Match (conditional.h); a member mask the
///            names of the body's members in the order of the proto, so that the order of a JSON
///            object means nothing, and without those that the path binds: they say what is
///            changed, not how. A field with from_header gets that header's value, cut at len_max,
///            with '?' for what is not printable ASCII. client_id and client_secret of a form may
///            come by HTTP Basic instead (oauth.h).
/// Ownership  All in the arena.
/// Threads    Pure.
/// Errors     INVALID_ARGUMENT / MEDIA_TYPE_UNSUPPORTED and ENCODING_UNSUPPORTED (415), JSON_*,
///            VALIDATION_FAILED, PATH_INVALID, QUERY_INVALID, QUERY_NOT_ALLOWED, BODY_NOT_ALLOWED,
///            IF_MATCH_INVALID, BASIC_MALFORMED, CLIENT_TWICE; FAILED_PRECONDITION /
///            IF_MATCH_REQUIRED; RESOURCE_EXHAUSTED.
#pragma once

#include "common/rpc/violations.h"
#include "gateway/http/parser.h"
#include "gateway/router.h"

MUST_USE struct status request_pack(const struct http_head *head, struct bytes body,
                                    const struct router_match *match, const struct rpc_route *route,
                                    struct arena *arena, struct bytes *ret_payload,
                                    struct rpc_violations *ret_violations);

/// request_pack_json packs a body that is the request message as a whole (Connect). What the
/// gateway fills it fills here as well.
MUST_USE struct status request_pack_json(const struct http_head *head,
                                         const struct rpc_method *method, struct bytes body,
                                         struct arena *arena, struct bytes *ret_payload,
                                         struct rpc_violations *ret_violations);
