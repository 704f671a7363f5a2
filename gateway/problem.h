/// @file gateway/problem.h
/// Refusals as HTTP answers: application/problem+json (RFC 9457) and the status of each code.
/// Shape      {type, title, status, detail, instance, code, reason, request_id, errors:[{field,
///            reason}], and the refusal's own facts as members of "details"}. Of OAuth endpoints
///            also {error, error_description} (oauth.h).
/// Rule       Texts are the statuses' own, which are written for clients: never an internal path or
///            address. INTERNAL, UNKNOWN and DATA_LOSS say nothing but that.
/// Ownership  The text lives in the arena.
/// Threads    Pure.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/detail.h"
#include "common/rpc/violations.h"

struct problem {
    struct status status;
    uint16_t http_status; // 0: as problem_http_status says.
    const char *instance; // The request's path, percent-encoded as it came; may be NULL.
    size_t instance_size;
    const char *request_id;
    const struct rpc_violations *violations; // May be NULL.
    const struct rpc_detail *details;
    size_t detail_count;
    const char *oauth_error; // RFC 6749 section 5.2; NULL: it is said of OAuth endpoints only.
};

/// problem_http_status maps code and reason: a few reasons have a status of their own.
uint16_t problem_http_status(struct status status);

/// What a client is told of a status: its reason and its text, unless the fault is ours.
const char *problem_reason(struct status status);
const char *problem_detail(struct status status); // NULL: none.

/// problem_encode never fails: what does not fit the arena is answered by a fixed text.
struct bytes problem_encode(const struct problem *problem, struct arena *arena);
