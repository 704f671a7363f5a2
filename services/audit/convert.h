/// @file services/audit/convert.h
/// protobuf <-> values of the log: untrusted input becomes a valid value or a refusal here, and
/// nowhere else.
/// Ownership  Messages lie in the call's arena; filters point into the request.
/// Errors     NULL from a message maker: the arena is exhausted.
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "google/api/httpbody.pb-c.h"
#include "services/audit/service.h"

struct audit_filter audit_convert_filter(const struct Audit__ListEventsRequest *request);
/// audit_convert_filter_bytes identifies the query, without its page, for page tokens.
MUST_USE struct status audit_convert_filter_bytes(struct rpc_call *call,
                                                  const struct Audit__ListEventsRequest *request,
                                                  struct bytes *ret);

/// A page position: list.before.
enum { AUDIT_POSITION_BYTES = 8 };

/// audit_convert_position: an empty position is the beginning, the newest event.
uint64_t audit_convert_position(struct bytes position);

Audit__AuditEvent *audit_convert_event(struct rpc_call *call, const struct audit_event *event);
Audit__InclusionProof *audit_convert_proof(struct rpc_call *call, const struct audit_proof *proof);
/// audit_convert_proof_file is the same as c2sp.org/tlog-proof@v1.
Google__Api__HttpBody *audit_convert_proof_file(struct rpc_call *call,
                                                const struct audit_proof *proof);
/// audit_convert_text is a text/plain reply; the text is copied.
Google__Api__HttpBody *audit_convert_text(struct rpc_call *call, struct bytes text);
