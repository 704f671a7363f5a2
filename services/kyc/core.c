#include "services/kyc/core.h"

#include "common/base/check.h"

#include <string.h>

// ---- The case machine ----------------------------------------------------------------------

static const char *const state_names[KYC_STATE_COUNT] = {
    [KYC_REFUSED_MOVE] = "",
    [KYC_DRAFT] = "draft",
    [KYC_SUBMITTED] = "submitted",
    [KYC_CHECKING] = "checking",
    [KYC_NEEDS_INFO] = "needs_info",
    [KYC_IN_REVIEW] = "in_review",
    [KYC_PENDING_APPROVAL] = "pending_approval",
    [KYC_APPROVED] = "approved",
    [KYC_REJECTED] = "rejected",
    [KYC_EXPIRED] = "expired",
    [KYC_WITHDRAWN] = "withdrawn",
    [KYC_REVIEW_DUE] = "review_due",
    [KYC_OVERDUE] = "overdue",
    [KYC_RESTRICTED] = "restricted",
    [KYC_FROZEN] = "frozen",
};

// clang-format off
/* What every open case can do besides its own step, and what every case can. */
#define ANY_STATE [KYC_EVENT_FREEZE] = KYC_FROZEN
#define OPEN_STATE ANY_STATE, [KYC_EVENT_EXPIRE] = KYC_EXPIRED, [KYC_EVENT_WITHDRAW] = KYC_WITHDRAWN

static const uint8_t next_state[KYC_STATE_COUNT][KYC_EVENT_COUNT] = {
    [KYC_DRAFT]            = {OPEN_STATE, [KYC_EVENT_SUBMIT] = KYC_SUBMITTED},
    [KYC_SUBMITTED]        = {OPEN_STATE, [KYC_EVENT_START_CHECKS] = KYC_CHECKING},
    [KYC_CHECKING]         = {OPEN_STATE, [KYC_EVENT_FINISH_CHECKS] = KYC_IN_REVIEW},
    [KYC_NEEDS_INFO]       = {OPEN_STATE, [KYC_EVENT_PROVIDE_INFO] = KYC_IN_REVIEW},
    [KYC_IN_REVIEW]        = {OPEN_STATE, [KYC_EVENT_REQUEST_INFO] = KYC_NEEDS_INFO,
                              [KYC_EVENT_RECOMMEND] = KYC_PENDING_APPROVAL,
                              [KYC_EVENT_APPROVE_BY_POLICY] = KYC_APPROVED},
    [KYC_PENDING_APPROVAL] = {OPEN_STATE, [KYC_EVENT_APPROVE] = KYC_APPROVED,
                              [KYC_EVENT_REJECT] = KYC_REJECTED},
    [KYC_APPROVED]         = {ANY_STATE, [KYC_EVENT_FALL_DUE] = KYC_REVIEW_DUE},
    [KYC_REVIEW_DUE]       = {ANY_STATE, [KYC_EVENT_FALL_OVERDUE] = KYC_OVERDUE},
    [KYC_OVERDUE]          = {ANY_STATE, [KYC_EVENT_RESTRICT] = KYC_RESTRICTED},
    [KYC_RESTRICTED]       = {ANY_STATE},
    [KYC_REJECTED]         = {ANY_STATE},
    [KYC_EXPIRED]          = {ANY_STATE},
    [KYC_WITHDRAWN]        = {ANY_STATE},
    [KYC_FROZEN]           = {0},
};
// clang-format on

_Static_assert(KYC_REFUSED_MOVE == 0, "a cell not written above must mean refused");

const char *kyc_state_name(enum kyc_state state)
{
    CHECK(state > KYC_REFUSED_MOVE && state < KYC_STATE_COUNT);
    return state_names[state];
}

enum kyc_state kyc_state_of_name(const char *name)
{
    for (int state = KYC_DRAFT; state < KYC_STATE_COUNT; state++) {
        if (strcmp(name, state_names[state]) == 0) return (enum kyc_state)state;
    }
    return KYC_REFUSED_MOVE;
}

enum kyc_state kyc_core_next_state(enum kyc_state state, enum kyc_event event)
{
    CHECK(state > KYC_REFUSED_MOVE && state < KYC_STATE_COUNT);
    CHECK(event >= 0 && event < KYC_EVENT_COUNT);
    return (enum kyc_state)next_state[state][event];
}

bool kyc_core_is_open(enum kyc_state state)
{
    // Exactly the open states can expire: one definition, in the table.
    return kyc_core_next_state(state, KYC_EVENT_EXPIRE) == KYC_EXPIRED;
}

bool kyc_core_takes_evidence(enum kyc_state state)
{
    return state == KYC_DRAFT || state == KYC_NEEDS_INFO;
}

bool kyc_core_makes_room(enum kyc_state state)
{
    return !kyc_core_is_open(state) && state != KYC_FROZEN; // Nobody walks out of a freeze.
}

static struct status move_case(struct kyc_case *kyc_case, enum kyc_event event)
{
    enum kyc_state next = kyc_core_next_state(kyc_case->state, event);
    if (next == KYC_REFUSED_MOVE)
        return REFUSE(ABORTED, ILLEGAL_TRANSITION, "the case's state does not allow this step");
    kyc_case->state = next;
    return STATUS_SUCCESS;
}

// ---- Documents and evidence ----------------------------------------------------------------

// clang-format off
static const uint8_t next_document_state[KYC_DOCUMENT_STATE_COUNT][KYC_DOCUMENT_EVENT_COUNT] = {
    [KYC_DOCUMENT_SUBMITTED] = {[KYC_DOCUMENT_PASS_FORMAT] = KYC_DOCUMENT_FORMAT_OK,
                                [KYC_DOCUMENT_REPLACE] = KYC_DOCUMENT_SUPERSEDED},
    [KYC_DOCUMENT_FORMAT_OK] = {[KYC_DOCUMENT_NO_PROVIDER] = KYC_DOCUMENT_MANUAL,
                                [KYC_DOCUMENT_VERIFY] = KYC_DOCUMENT_VERIFIED,
                                [KYC_DOCUMENT_FAIL] = KYC_DOCUMENT_FAILED,
                                [KYC_DOCUMENT_REPLACE] = KYC_DOCUMENT_SUPERSEDED},
    [KYC_DOCUMENT_MANUAL]    = {[KYC_DOCUMENT_VERIFY] = KYC_DOCUMENT_VERIFIED,
                                [KYC_DOCUMENT_FAIL] = KYC_DOCUMENT_FAILED,
                                [KYC_DOCUMENT_REPLACE] = KYC_DOCUMENT_SUPERSEDED},
    [KYC_DOCUMENT_VERIFIED]  = {[KYC_DOCUMENT_REPLACE] = KYC_DOCUMENT_SUPERSEDED,
                                [KYC_DOCUMENT_EXPIRE] = KYC_DOCUMENT_EXPIRED},
    [KYC_DOCUMENT_FAILED]    = {[KYC_DOCUMENT_REPLACE] = KYC_DOCUMENT_SUPERSEDED},
    [KYC_DOCUMENT_EXPIRED]   = {[KYC_DOCUMENT_REPLACE] = KYC_DOCUMENT_SUPERSEDED},
};
// clang-format on

static const char *const document_state_names[KYC_DOCUMENT_STATE_COUNT] = {
    [KYC_DOCUMENT_REFUSED_MOVE] = "",         [KYC_DOCUMENT_SUBMITTED] = "submitted",
    [KYC_DOCUMENT_FORMAT_OK] = "format_ok",   [KYC_DOCUMENT_VERIFIED] = "verified",
    [KYC_DOCUMENT_FAILED] = "failed",         [KYC_DOCUMENT_MANUAL] = "manual",
    [KYC_DOCUMENT_SUPERSEDED] = "superseded", [KYC_DOCUMENT_EXPIRED] = "expired",
};

static const char *const document_type_names[KYC_DOCUMENT_TYPE_LAST + 1] = {
    [KYC_AADHAAR] = "aadhaar",
    [KYC_PAN] = "pan",
};

const char *kyc_document_type_name(enum kyc_document_type type)
{
    CHECK(type >= KYC_AADHAAR && type <= KYC_DOCUMENT_TYPE_LAST);
    return document_type_names[type];
}

const char *kyc_document_state_name(enum kyc_document_state state)
{
    CHECK(state > KYC_DOCUMENT_REFUSED_MOVE && state < KYC_DOCUMENT_STATE_COUNT);
    return document_state_names[state];
}

enum kyc_document_state kyc_core_next_document_state(enum kyc_document_state state,
                                                     enum kyc_document_event event)
{
    CHECK(state > KYC_DOCUMENT_REFUSED_MOVE && state < KYC_DOCUMENT_STATE_COUNT);
    CHECK(event >= 0 && event < KYC_DOCUMENT_EVENT_COUNT);
    return (enum kyc_document_state)next_document_state[state][event];
}

uint32_t kyc_core_completion_percent(const struct kyc_evidence *evidence)
{
    uint32_t given = 0u + evidence->has_profile + evidence->has_aadhaar + evidence->has_pan;
    return given * 100 / 3;
}

struct status kyc_core_check_complete(const struct kyc_evidence *evidence)
{
    if (!evidence->has_profile && !evidence->has_aadhaar && !evidence->has_pan)
        return REFUSE(FAILED_PRECONDITION, KYC_INCOMPLETE,
                      "missing: profile, and one of aadhaar and pan");
    if (!evidence->has_profile)
        return REFUSE(FAILED_PRECONDITION, KYC_INCOMPLETE, "missing: profile");
    if (!evidence->has_aadhaar && !evidence->has_pan)
        return REFUSE(FAILED_PRECONDITION, KYC_INCOMPLETE, "missing: one of aadhaar and pan");
    return STATUS_SUCCESS;
}

static const char *const tier_names[KYC_TIER_COUNT] = {
    [KYC_T0] = "T0", [KYC_T1] = "T1", [KYC_T2] = "T2", [KYC_T3] = "T3"};

const char *kyc_tier_name(enum kyc_tier tier)
{
    CHECK(tier >= 0 && tier < KYC_TIER_COUNT);
    return tier_names[tier];
}

enum kyc_tier kyc_core_tier(const struct kyc_evidence *evidence)
{
    if (evidence->aadhaar_verified && evidence->pan_verified && evidence->address_verified)
        return KYC_T3;
    if (evidence->aadhaar_verified || evidence->pan_verified) return KYC_T2;
    return KYC_T0;
}

// ---- Cases ---------------------------------------------------------------------------------

enum kyc_decision kyc_decision_of_name(const char *name)
{
    if (strcmp(name, "approve") == 0 || strcmp(name, "APPROVE") == 0) return KYC_DECISION_APPROVE;
    if (strcmp(name, "reject") == 0 || strcmp(name, "REJECT") == 0) return KYC_DECISION_REJECT;
    return KYC_DECISION_NONE;
}

const char *kyc_decision_name(enum kyc_decision decision)
{
    static const char *const names[] = {"", "approve", "reject"};
    CHECK(decision >= 0 && decision <= KYC_DECISION_REJECT);
    return names[decision];
}

const char *kyc_risk_name(enum kyc_risk risk)
{
    static const char *const names[] = {"", "low", "medium", "high"};
    CHECK(risk >= KYC_RISK_LOW && risk <= KYC_RISK_HIGH);
    return names[risk];
}

struct kyc_case kyc_core_new_case(struct id128 id, struct id128 customer_id, uint64_t now_ns)
{
    CHECK(!id128_is_nil(id));
    CHECK(!id128_is_nil(customer_id));
    return (struct kyc_case){
        .id = id,
        .customer_id = customer_id,
        .state = KYC_DRAFT,
        .risk = KYC_RISK_LOW,
        .version = 1,
        .created_at_ns = now_ns,
        .updated_at_ns = now_ns,
        .recommendation.reason = "",
        .decision.reason = "",
    };
}

static void note_change(struct kyc_case *kyc_case, uint64_t now_ns)
{
    kyc_case->version++;
    kyc_case->updated_at_ns = now_ns;
}

struct status kyc_core_touch_case(struct kyc_case *kyc_case, uint32_t flags, uint64_t now_ns)
{
    CHECK((flags & ~(uint32_t)KYC_FLAGS_ALL) == 0);
    if (!kyc_core_takes_evidence(kyc_case->state))
        return REFUSE(ABORTED, ILLEGAL_TRANSITION,
                      "the case is being looked at: its evidence cannot be changed now");
    // A flag stays for the life of the case: giving the number back does not undo having used it.
    kyc_case->flags |= flags;
    if (kyc_case->flags != 0) kyc_case->risk = KYC_RISK_HIGH;
    note_change(kyc_case, now_ns);
    return STATUS_SUCCESS;
}

struct status kyc_core_submit_case(struct kyc_case *kyc_case, const struct kyc_evidence *evidence,
                                   uint64_t now_ns)
{
    struct kyc_case moved = *kyc_case;
    if (kyc_case->state == KYC_NEEDS_INFO) {
        RETURN_IF_ERROR(move_case(&moved, KYC_EVENT_PROVIDE_INFO));
        RETURN_IF_ERROR(kyc_core_check_complete(evidence));
    } else {
        // The offline checks are done by the time this returns, so the case passes through their
        // states within one change; a provider that takes longer will stop it in `checking`.
        RETURN_IF_ERROR(move_case(&moved, KYC_EVENT_SUBMIT));
        RETURN_IF_ERROR(kyc_core_check_complete(evidence));
        RETURN_IF_ERROR(move_case(&moved, KYC_EVENT_START_CHECKS));
        RETURN_IF_ERROR(move_case(&moved, KYC_EVENT_FINISH_CHECKS));
    }
    if (moved.submitted_at_ns == 0) moved.submitted_at_ns = now_ns;
    note_change(&moved, now_ns);
    *kyc_case = moved;
    return STATUS_SUCCESS;
}

static struct status check_version(const struct kyc_case *kyc_case, uint64_t expected_version)
{
    if (expected_version != 0 && expected_version != kyc_case->version)
        return REFUSE(ABORTED, VERSION_MISMATCH,
                      "the case has changed since the version that was looked at");
    return STATUS_SUCCESS;
}

struct status kyc_core_recommend_case(struct kyc_case *kyc_case, const struct kyc_opinion *opinion,
                                      uint64_t expected_version)
{
    CHECK(opinion->decision != KYC_DECISION_NONE);
    CHECK(!id128_is_nil(opinion->by));
    struct kyc_case moved = *kyc_case;
    RETURN_IF_ERROR(check_version(kyc_case, expected_version));
    RETURN_IF_ERROR(move_case(&moved, KYC_EVENT_RECOMMEND));
    if (id128_equal(opinion->by, kyc_case->customer_id))
        return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES, "nobody reviews their own case");
    moved.recommendation = *opinion;
    note_change(&moved, opinion->at_ns);
    *kyc_case = moved;
    return STATUS_SUCCESS;
}

struct status kyc_core_decide_case(struct kyc_case *kyc_case, const struct kyc_opinion *opinion,
                                   uint64_t expected_version)
{
    CHECK(opinion->decision != KYC_DECISION_NONE);
    CHECK(!id128_is_nil(opinion->by));
    struct kyc_case moved = *kyc_case;
    RETURN_IF_ERROR(check_version(kyc_case, expected_version));
    RETURN_IF_ERROR(move_case(
        &moved, opinion->decision == KYC_DECISION_APPROVE ? KYC_EVENT_APPROVE : KYC_EVENT_REJECT));
    CHECK(!id128_is_nil(kyc_case->recommendation.by)); // The table: nobody decides before.
    if (id128_equal(opinion->by, kyc_case->customer_id))
        return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES, "nobody decides their own case");
    if (id128_equal(opinion->by, kyc_case->recommendation.by))
        return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES,
                      "who recommended a decision does not take it");
    moved.decision = *opinion;
    note_change(&moved, opinion->at_ns);
    *kyc_case = moved;
    return STATUS_SUCCESS;
}
