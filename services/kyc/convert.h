/// @file services/kyc/convert.h
/// Protobuf <-> core values: untrusted input becomes a valid value or a refusal, here and nowhere
/// else.
/// Ownership  Messages live in the call's arena. NULL means that the arena is exhausted;
///            rpc_call_reply answers that.
/// Errors     INVALID_ARGUMENT / VALIDATION_FAILED with the field, or the document's own reason;
///            PERMISSION_DENIED for a caller that is no user.
/// Source     proto/florin/kyc/v1/kyc.proto; what its field options say has been checked before
///            (common/rpc/validate.h).
#pragma once

#include "common/rpc/call.h"
#include "services/kyc/service.h"

// The messages' own header is for convert.c and rpc.c only.
struct Kyc__PutProfileRequest;
struct Kyc__SubmitAadhaarRequest;
struct Kyc__SubmitPanRequest;
struct Kyc__DecisionRequest;
struct Kyc__ListCasesRequest;
struct Kyc__ProfileStatus;
struct Kyc__DocumentStatus;
struct Kyc__KycStatus;
struct Kyc__Case;
struct Kyc__EvidenceSubmitted;
struct Kyc__CaseMoved;
struct Kyc__TierChanged;

// ---- Requests ------------------------------------------------------------------------------

/// kyc_convert_user gives the caller, who must be a person: services have no KYC and decide none.
MUST_USE struct status kyc_convert_user(const struct rpc_call *call, struct id128 *ret);

/// Fields borrow from the request; absent ones are "".
MUST_USE struct status kyc_convert_profile(struct rpc_call *call,
                                           const struct Kyc__PutProfileRequest *request,
                                           const char *ret_fields[KYC_PROFILE_FIELD_COUNT]);
MUST_USE struct status kyc_convert_aadhaar(struct rpc_call *call,
                                           const struct Kyc__SubmitAadhaarRequest *request,
                                           struct kyc_new_document *ret);
MUST_USE struct status kyc_convert_pan(struct rpc_call *call,
                                       const struct Kyc__SubmitPanRequest *request,
                                       struct kyc_new_document *ret);
MUST_USE struct status kyc_convert_opinion(struct rpc_call *call,
                                           const struct Kyc__DecisionRequest *request,
                                           struct kyc_opinion *ret);
/// kyc_convert_state: "" is KYC_REFUSED_MOVE, that is any.
MUST_USE struct status kyc_convert_state(struct rpc_call *call, const char *name,
                                         enum kyc_state *ret);

// ---- Replies -------------------------------------------------------------------------------

struct Kyc__ProfileStatus *kyc_convert_profile_status(struct rpc_call *call,
                                                      const struct kyc_profile *profile);
struct Kyc__DocumentStatus *kyc_convert_document(struct rpc_call *call,
                                                 const struct kyc_document *document);
/// The customer's view: no flags, no names of officers, no reasons of theirs.
struct Kyc__KycStatus *kyc_convert_standing(struct rpc_call *call,
                                            const struct kyc_standing *standing);
/// The officers' view.
struct Kyc__Case *kyc_convert_case(struct rpc_call *call, const struct kyc_case_view *view);
/// kyc_convert_missing names what hinders a hand-in as details of the refusal.
void kyc_convert_missing(struct rpc_call *call, const struct kyc_evidence *evidence);

// ---- Events --------------------------------------------------------------------------------

struct Kyc__EvidenceSubmitted *
kyc_convert_evidence(struct rpc_call *call, const struct id128 *customer_id, const char *type);
struct Kyc__CaseMoved *kyc_convert_moved(struct rpc_call *call, const struct kyc_change *change);
struct Kyc__TierChanged *kyc_convert_tier(struct rpc_call *call, const struct kyc_change *change);
