/// @file services/kyc/core.h
/// The rules of KYC: how a case and a document may move, who may decide, which tier it earns.
/// Pure: no I/O, clock, allocation or logging. Untrusted input has been refused by convert.c.
/// Errors     ABORTED / ILLEGAL_TRANSITION, VERSION_MISMATCH; PERMISSION_DENIED /
///            SEPARATION_OF_DUTIES; FAILED_PRECONDITION / KYC_INCOMPLETE.
/// Source     The case machine, the document machine and the tiers of README.md.
#pragma once

#include "common/base/id128.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ---- The case machine ----------------------------------------------------------------------

/// Stored as numbers: never renumber. 0 is no state: a cell of the table left out is a refusal.
enum kyc_state {
    KYC_REFUSED_MOVE = 0,
    KYC_DRAFT = 1,
    KYC_SUBMITTED = 2,
    KYC_CHECKING = 3,
    KYC_NEEDS_INFO = 4,
    KYC_IN_REVIEW = 5,
    KYC_PENDING_APPROVAL = 6,
    KYC_APPROVED = 7,
    KYC_REJECTED = 8,
    KYC_EXPIRED = 9,
    KYC_WITHDRAWN = 10,
    KYC_REVIEW_DUE = 11,
    KYC_OVERDUE = 12,
    KYC_RESTRICTED = 13,
    KYC_FROZEN = 14,
    KYC_STATE_COUNT
};

enum kyc_event {
    KYC_EVENT_SUBMIT,            // The customer hands the case in.
    KYC_EVENT_START_CHECKS,      // The providers and offline validators are asked.
    KYC_EVENT_FINISH_CHECKS,     // Their answers are there; people look at them.
    KYC_EVENT_REQUEST_INFO,      // An officer asks the customer for something more.
    KYC_EVENT_PROVIDE_INFO,      // The customer gave it.
    KYC_EVENT_RECOMMEND,         // The first officer says what should be decided.
    KYC_EVENT_APPROVE,           // The second officer.
    KYC_EVENT_REJECT,            // Likewise.
    KYC_EVENT_APPROVE_BY_POLICY, // Low risk and fully verified: no officer.
    KYC_EVENT_EXPIRE,            // 30 idle days.
    KYC_EVENT_WITHDRAW,          // The customer gives up.
    KYC_EVENT_FALL_DUE,          // The re-KYC interval has passed.
    KYC_EVENT_FALL_OVERDUE,      // And nobody reacted.
    KYC_EVENT_RESTRICT,          // And still nobody.
    KYC_EVENT_FREEZE,            // By compliance, from anywhere.
    KYC_EVENT_COUNT
};

const char *kyc_state_name(enum kyc_state state); // "in_review"
/// kyc_state_of_name gives KYC_REFUSED_MOVE for a name that is none.
enum kyc_state kyc_state_of_name(const char *name);

/// kyc_core_next_state is the table itself: KYC_REFUSED_MOVE when the pair is illegal.
enum kyc_state kyc_core_next_state(enum kyc_state state, enum kyc_event event);
bool kyc_core_is_open(enum kyc_state state); // From draft to pending_approval.
/// A case whose evidence the customer may still change; a closed one makes room for a new case.
bool kyc_core_takes_evidence(enum kyc_state state);
bool kyc_core_makes_room(enum kyc_state state);

// ---- Documents and evidence ----------------------------------------------------------------

enum kyc_document_type { KYC_AADHAAR = 1, KYC_PAN = 2, KYC_DOCUMENT_TYPE_LAST = KYC_PAN };

enum kyc_document_state { // Stored; never renumber.
    KYC_DOCUMENT_REFUSED_MOVE = 0,
    KYC_DOCUMENT_SUBMITTED = 1,
    KYC_DOCUMENT_FORMAT_OK = 2,
    KYC_DOCUMENT_VERIFIED = 3,
    KYC_DOCUMENT_FAILED = 4,
    KYC_DOCUMENT_MANUAL = 5,
    KYC_DOCUMENT_SUPERSEDED = 6,
    KYC_DOCUMENT_EXPIRED = 7,
    KYC_DOCUMENT_STATE_COUNT
};

enum kyc_document_event {
    KYC_DOCUMENT_PASS_FORMAT, // The offline validator has nothing against it.
    KYC_DOCUMENT_NO_PROVIDER, // Nobody can verify it by machine: a person looks at it.
    KYC_DOCUMENT_VERIFY,      // A provider, or the officers who approved the case.
    KYC_DOCUMENT_FAIL,        // Likewise, who did not.
    KYC_DOCUMENT_REPLACE,     // The customer gave another one of its type.
    KYC_DOCUMENT_EXPIRE,
    KYC_DOCUMENT_EVENT_COUNT
};

const char *kyc_document_type_name(enum kyc_document_type type);    // "aadhaar"
const char *kyc_document_state_name(enum kyc_document_state state); // "format_ok"
enum kyc_document_state kyc_core_next_document_state(enum kyc_document_state state,
                                                     enum kyc_document_event event);

/// What a customer has given, and what of it officers have accepted.
struct kyc_evidence {
    bool has_profile, has_aadhaar, has_pan; // Given and not failed.
    bool address_verified, aadhaar_verified, pan_verified;
};

uint32_t kyc_core_completion_percent(const struct kyc_evidence *evidence);
/// kyc_core_check_complete: a profile and at least one identity document are needed to hand in.
MUST_USE struct status kyc_core_check_complete(const struct kyc_evidence *evidence);

enum kyc_tier { KYC_T0 = 0, KYC_T1 = 1, KYC_T2 = 2, KYC_T3 = 3, KYC_TIER_COUNT }; // Stored.

const char *kyc_tier_name(enum kyc_tier tier); // "T0"
enum kyc_tier kyc_core_tier(const struct kyc_evidence *evidence);

// ---- Cases ---------------------------------------------------------------------------------

enum kyc_decision { KYC_DECISION_NONE = 0, KYC_DECISION_APPROVE = 1, KYC_DECISION_REJECT = 2 };

enum kyc_risk { KYC_RISK_LOW = 1, KYC_RISK_MEDIUM = 2, KYC_RISK_HIGH = 3 };

enum { KYC_FLAG_IDENTITY_ALREADY_REGISTERED = 1 << 0, KYC_FLAGS_ALL = (1 << 1) - 1 };

/// Not strcasecmp: "Approve" is refused, so that what is stored is what somebody meant to type.
enum kyc_decision kyc_decision_of_name(const char *name);  // NONE for what is no decision.
const char *kyc_decision_name(enum kyc_decision decision); // "" for none.
const char *kyc_risk_name(enum kyc_risk risk);

/// What one officer said. The reason is text in his words and may name people: store.c seals it.
struct kyc_opinion {
    enum kyc_decision decision;
    struct id128 by; // Nil with KYC_DECISION_NONE.
    uint64_t at_ns;
    const char *reason;
};

struct kyc_case {
    struct id128 id, customer_id, assignee; // assignee: nil for nobody.
    enum kyc_state state;
    enum kyc_risk risk;
    uint32_t flags;
    uint64_t version; // Rises by one with each stored change.
    uint64_t created_at_ns, updated_at_ns;
    uint64_t submitted_at_ns; // 0 before the first hand-in.
    struct kyc_opinion recommendation, decision;
};

/// kyc_core_new_case gives a draft in version 1.
struct kyc_case kyc_core_new_case(struct id128 id, struct id128 customer_id, uint64_t now_ns);

/// kyc_core_touch_case notes that the evidence of a case changed, and what it showed.
/// ILLEGAL_TRANSITION when the case is in the officers' hands.
MUST_USE struct status kyc_core_touch_case(struct kyc_case *kyc_case, uint32_t flags,
                                           uint64_t now_ns);
/// kyc_core_submit_case: draft to in_review, by way of the offline checks; or needs_info back to
/// in_review. KYC_INCOMPLETE, ILLEGAL_TRANSITION.
MUST_USE struct status kyc_core_submit_case(struct kyc_case *kyc_case,
                                            const struct kyc_evidence *evidence, uint64_t now_ns);
/// kyc_core_recommend_case and _decide_case: expected_version 0 is not checked. A refusal leaves
/// the case as it was. Precedence: VERSION_MISMATCH, ILLEGAL_TRANSITION, SEPARATION_OF_DUTIES.
MUST_USE struct status kyc_core_recommend_case(struct kyc_case *kyc_case,
                                               const struct kyc_opinion *opinion,
                                               uint64_t expected_version);
MUST_USE struct status kyc_core_decide_case(struct kyc_case *kyc_case,
                                            const struct kyc_opinion *opinion,
                                            uint64_t expected_version);
