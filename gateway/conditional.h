/// @file gateway/conditional.h
/// Conditional requests: a version is its entity tag, 7 is "7".
/// Rules      If-Match fills the request's field with is_etag: "7" gives 7 and * gives
/// RPC_ETAG_ANY.
///            A tag that names no version ("abc", "07", "0", or a weak one, which never matches
///            strongly) gives RPC_ETAG_NONE, so that the daemon, and not the gateway, answers 412:
///            whoever may not see the entity, or whose entity is gone, is told that instead (RFC
///            9110 section 13.2.1). More than one tag is refused: versions are changed one by one.
///            If-None-Match compares weakly, and what is malformed in it matches nothing.
/// Threads    Pure.
/// Errors     INVALID_ARGUMENT / IF_MATCH_INVALID; FAILED_PRECONDITION / IF_MATCH_REQUIRED.
/// Source     RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2; RFC 6585 section 3 (428).
#pragma once

#include "common/base/status.h"
#include "gateway/http/parser.h"

/// conditional_if_match gives 0 without the header, unless it is required.
MUST_USE struct status conditional_if_match(const struct http_head *head, bool is_required,
                                            uint64_t *ret_version);

/// conditional_if_none_match: the client has the entity of that version already.
bool conditional_if_none_match(const struct http_head *head, uint64_t version);
