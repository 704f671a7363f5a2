/// @file services/audit/convert.h
/// protobuf <-> values of the log: untrusted input becomes a valid value or a refusal here, and
/// nowhere else.
/// Ownership  Messages lie in the call's arena; filters point into the request.
/// Errors     NULL from a message maker: the arena is exhausted.
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "google/api/httpbody.pb-c.h"
#include "services/audit/check.h"

/// audit_convert_filter*: VALIDATION_FAILED for an action with a star that is no pattern. The
/// filter points into the request, and a user's also into ret_user.
MUST_USE struct status audit_convert_filter(struct rpc_call *call,
                                            const struct Audit__ListEventsRequest *request,
                                            struct audit_filter *ret);
MUST_USE struct status audit_convert_export_filter(struct rpc_call *call,
                                                   const struct Audit__ExportEventsRequest *request,
                                                   struct audit_filter *ret);

enum { AUDIT_USER_NAME_BYTES = 6 + ID128_TEXT_BYTES }; // "users/<uuid>"

MUST_USE struct status audit_convert_user_filter(struct rpc_call *call,
                                                 const struct Audit__ListUserEventsRequest *request,
                                                 char ret_user[static AUDIT_USER_NAME_BYTES],
                                                 struct audit_filter *ret);
/// audit_convert_*filter_bytes identifies the query, without its page, for page tokens.
MUST_USE struct status audit_convert_filter_bytes(struct rpc_call *call,
                                                  const struct Audit__ListEventsRequest *request,
                                                  struct bytes *ret);
MUST_USE struct status audit_convert_export_filter_bytes(
    struct rpc_call *call, const struct Audit__ExportEventsRequest *request, struct bytes *ret);
MUST_USE struct status audit_convert_user_filter_bytes(
    struct rpc_call *call, const struct Audit__ListUserEventsRequest *request, struct bytes *ret);

/// A page position: list.before.
enum { AUDIT_POSITION_BYTES = 8 };

/// audit_convert_position: an empty position is the beginning, the newest event.
uint64_t audit_convert_position(struct bytes position);

Audit__AuditEvent *audit_convert_event(struct rpc_call *call, const struct audit_event *event);
Audit__InclusionProof *audit_convert_proof(struct rpc_call *call, const struct audit_proof *proof);
/// audit_convert_proof_file is the same as c2sp.org/tlog-proof@v1.
Google__Api__HttpBody *audit_convert_proof_file(struct rpc_call *call,
                                                const struct audit_proof *proof);
Audit__ConsistencyProof *audit_convert_consistency(struct rpc_call *call,
                                                   const struct audit_consistency *proof);

enum { AUDIT_PRUNED_BYTES_MAX = 32 };

/// audit_convert_pruned packs the payload of audit.log.pruned and gives its size.
size_t audit_convert_pruned(uint64_t from_index, uint64_t to_index,
                            uint8_t ret[static AUDIT_PRUNED_BYTES_MAX]);
/// audit_convert_check is what was found; the findings' texts are static.
Audit__CheckEntriesResponse *audit_convert_check(struct rpc_call *call,
                                                 const struct audit_check *check);
/// audit_convert_bytes is an application/octet-stream reply; the bytes are not copied.
Google__Api__HttpBody *audit_convert_bytes(struct rpc_call *call, struct bytes bytes);
/// audit_convert_text is a text/plain reply; the text is copied.
Google__Api__HttpBody *audit_convert_text(struct rpc_call *call, struct bytes text);
