#include "services/kyc/convert.h"

#include "common/base/clock.h"
#include "florin/kyc/v1/kyc.pb-c.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

// ---- Requests ------------------------------------------------------------------------------

struct status kyc_convert_user(const struct rpc_call *call, struct id128 *ret)
{
    if (!call->is_authenticated || call->claims.is_service || id128_is_nil(call->claims.subject))
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "this is for people, not for services");
    *ret = call->claims.subject;
    return STATUS_SUCCESS;
}

/// The validator has seen a real calendar day. One that is still to come is nobody's birthday.
static struct status check_birthday(struct rpc_call *call, const char *field, const char *date)
{
    // Of UTC: where the customer is, it may be a day later already. Dates compare as text.
    char tomorrow[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(call->received_wall_ns + 24 * 3600 * NS_PER_SECOND, tomorrow);
    if (strncmp(date, tomorrow, 10) > 0 || strncmp(date, "1850", 4) < 0)
        return rpc_call_violation(call, field, "RANGE");
    return STATUS_SUCCESS;
}

/// What people write, and what is kept: one letter, as on passports.
static struct status convert_gender(struct rpc_call *call, const char *field, const char *text,
                                    const char **ret)
{
    static const struct {
        const char *text, *letter;
    } rows[] = {
        {"", ""},   {"f", "F"},     {"female", "F"}, {"m", "M"},           {"male", "M"},
        {"x", "X"}, {"other", "X"}, {"t", "X"},      {"transgender", "X"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcasecmp(text, rows[i].text) != 0) continue;
        *ret = rows[i].letter;
        return STATUS_SUCCESS;
    }
    return rpc_call_violation(call, field, "PATTERN");
}

struct status kyc_convert_profile(struct rpc_call *call, const Kyc__PutProfileRequest *request,
                                  const char *ret_fields[KYC_PROFILE_FIELD_COUNT])
{
    const Kyc__Address *address = request->address; // Required: the validator has seen it.
    const char *gender = "";
    RETURN_IF_ERROR(check_birthday(call, "date_of_birth", request->date_of_birth));
    RETURN_IF_ERROR(convert_gender(call, "gender", request->gender, &gender));
    ret_fields[KYC_PROFILE_FULL_NAME] = request->full_name;
    ret_fields[KYC_PROFILE_DATE_OF_BIRTH] = request->date_of_birth;
    ret_fields[KYC_PROFILE_GENDER] = gender;
    ret_fields[KYC_PROFILE_NATIONALITY] = request->nationality;
    ret_fields[KYC_PROFILE_OCCUPATION] = request->occupation;
    ret_fields[KYC_PROFILE_LINE1] = address->line1;
    ret_fields[KYC_PROFILE_LINE2] = address->line2;
    ret_fields[KYC_PROFILE_CITY] = address->city;
    ret_fields[KYC_PROFILE_STATE] = address->state;
    ret_fields[KYC_PROFILE_POSTAL_CODE] = address->postal_code;
    ret_fields[KYC_PROFILE_COUNTRY] = address->country;
    return STATUS_SUCCESS;
}

/// name_field gives a document's refusal with the field that it is about.
static struct status name_field(struct rpc_call *call, const char *field, struct status refusal)
{
    if (!status_ok(refusal)) (void)rpc_call_violation(call, field, refusal.reason);
    return refusal;
}

static struct kyc_new_document new_document(enum kyc_document_type type, const char *name,
                                            const char *dob)
{
    return (struct kyc_new_document){
        .type = type,
        .fields = {[KYC_DOCUMENT_NUMBER] = "",
                   [KYC_DOCUMENT_NAME] = name,
                   [KYC_DOCUMENT_DOB] = dob,
                   [KYC_DOCUMENT_GENDER] = "",
                   [KYC_DOCUMENT_ADDRESS] = ""},
    };
}

static void add_blind(const struct rpc_call *call, struct kyc_new_document *document)
{
    const struct kyc_service *service = call->service;
    kyc_store_blind(service->kyc, document->type, document->number, document->blind);
}

struct status kyc_convert_aadhaar(struct rpc_call *call, const Kyc__SubmitAadhaarRequest *request,
                                  struct kyc_new_document *ret)
{
    struct kyc_new_document document = new_document(KYC_AADHAAR, request->name, request->dob);
    RETURN_IF_ERROR(check_birthday(call, "dob", request->dob));
    RETURN_IF_ERROR(
        convert_gender(call, "gender", request->gender, &document.fields[KYC_DOCUMENT_GENDER]));
    document.fields[KYC_DOCUMENT_ADDRESS] = request->address;
    RETURN_IF_ERROR(name_field(call, "aadhaar_number",
                               kyc_aadhaar_normalise(request->aadhaar_number, document.number)));
    kyc_aadhaar_mask(document.number, document.mask);
    add_blind(call, &document);
    *ret = document;
    return STATUS_SUCCESS;
}

struct status kyc_convert_pan(struct rpc_call *call, const Kyc__SubmitPanRequest *request,
                              struct kyc_new_document *ret)
{
    struct kyc_new_document document = new_document(KYC_PAN, request->name, request->dob);
    RETURN_IF_ERROR(check_birthday(call, "dob", request->dob));
    RETURN_IF_ERROR(
        name_field(call, "pan_number",
                   kyc_pan_normalise(request->pan_number, request->name, document.number)));
    kyc_pan_mask(document.number, document.mask);
    add_blind(call, &document);
    *ret = document;
    return STATUS_SUCCESS;
}

struct status kyc_convert_opinion(struct rpc_call *call, const Kyc__DecisionRequest *request,
                                  struct kyc_opinion *ret)
{
    struct kyc_opinion opinion = {.at_ns = call->received_wall_ns, .reason = request->reason};
    RETURN_IF_ERROR(kyc_convert_user(call, &opinion.by));
    opinion.decision = kyc_decision_of_name(request->decision);
    if (opinion.decision == KYC_DECISION_NONE)
        return rpc_call_violation(call, "decision", "UNKNOWN_VALUE");
    *ret = opinion;
    return STATUS_SUCCESS;
}

struct status kyc_convert_state(struct rpc_call *call, const char *name, enum kyc_state *ret)
{
    enum kyc_state state = kyc_state_of_name(name);
    if (name[0] != 0 && state == KYC_REFUSED_MOVE)
        return rpc_call_violation(call, "state", "UNKNOWN_VALUE");
    *ret = state;
    return STATUS_SUCCESS;
}

// ---- Replies -------------------------------------------------------------------------------

/* Texts of replies are ours or lie in the arena; protobuf-c's fields are just not const. */
static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

/// id_bytes copies an id into the arena; a nil one is absent.
static ProtobufCBinaryData id_bytes(struct rpc_call *call, struct id128 id)
{
    if (id128_is_nil(id)) return (ProtobufCBinaryData){0};
    uint8_t *copy = arena_copy(call->arena, id.bytes, ID128_BYTES);
    return (ProtobufCBinaryData){.len = copy != NULL ? (size_t)ID128_BYTES : 0, .data = copy};
}

Kyc__ProfileStatus *kyc_convert_profile_status(struct rpc_call *call,
                                               const struct kyc_profile *profile)
{
    Kyc__ProfileStatus *reply = RPC_NEW(call, Kyc__ProfileStatus, kyc__profile_status__init);
    Kyc__Address *address = RPC_NEW(call, Kyc__Address, kyc__address__init);
    if (reply == NULL || address == NULL) return NULL;
    reply->full_name = text_of(profile->fields[KYC_PROFILE_FULL_NAME]);
    reply->date_of_birth = text_of(profile->fields[KYC_PROFILE_DATE_OF_BIRTH]);
    reply->gender = text_of(profile->fields[KYC_PROFILE_GENDER]);
    reply->nationality = text_of(profile->fields[KYC_PROFILE_NATIONALITY]);
    reply->occupation = text_of(profile->fields[KYC_PROFILE_OCCUPATION]);
    address->line1 = text_of(profile->fields[KYC_PROFILE_LINE1]);
    address->line2 = text_of(profile->fields[KYC_PROFILE_LINE2]);
    address->city = text_of(profile->fields[KYC_PROFILE_CITY]);
    address->state = text_of(profile->fields[KYC_PROFILE_STATE]);
    address->postal_code = text_of(profile->fields[KYC_PROFILE_POSTAL_CODE]);
    address->country = text_of(profile->fields[KYC_PROFILE_COUNTRY]);
    reply->address = address;
    reply->version = profile->version;
    reply->updated_at = profile->updated_at_ns;
    return reply;
}

Kyc__DocumentStatus *kyc_convert_document(struct rpc_call *call,
                                          const struct kyc_document *document)
{
    Kyc__DocumentStatus *reply = RPC_NEW(call, Kyc__DocumentStatus, kyc__document_status__init);
    char *mask = arena_text(call->arena, document->mask, strlen(document->mask));
    if (reply == NULL || mask == NULL) return NULL;
    reply->type = text_of(kyc_document_type_name(document->type));
    reply->masked = mask;
    reply->state = text_of(kyc_document_state_name(document->state));
    reply->submitted_at = document->submitted_at_ns;
    return reply;
}

/// convert_documents gives NULL when the arena is exhausted, and not for none.
static Kyc__DocumentStatus **convert_documents(struct rpc_call *call,
                                               const struct kyc_document *documents, size_t count)
{
    Kyc__DocumentStatus **replies = arena_alloc(call->arena, count * sizeof *replies);
    for (size_t i = 0; replies != NULL && i < count; i++) {
        replies[i] = kyc_convert_document(call, &documents[i]);
        if (replies[i] == NULL) return NULL;
    }
    return replies;
}

/// missing_names lists the thirds that have not been given; ret has room for all three.
static size_t missing_names(const struct kyc_evidence *evidence, char *ret[static 3])
{
    size_t count = 0;
    if (!evidence->has_profile) ret[count++] = text_of("profile");
    if (!evidence->has_aadhaar) ret[count++] = text_of("aadhaar");
    if (!evidence->has_pan) ret[count++] = text_of("pan");
    return count;
}

void kyc_convert_missing(struct rpc_call *call, const struct kyc_evidence *evidence)
{
    char *names[3], list[64] = "";
    size_t count = missing_names(evidence, names);
    for (size_t i = 0, used = 0; i < count; i++)
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? "," : "", names[i]);
    if (count > 0) rpc_call_detail(call, "missing", list);
}

/// What a customer is told of why he is where he is: that people look, or that they said no. A
/// collision with somebody else's identity looks to him like any other review.
static const char *reason_of(enum kyc_state state)
{
    static const char *const reasons[KYC_STATE_COUNT] = {
        [KYC_SUBMITTED] = "REVIEW_NEEDED",     [KYC_CHECKING] = "REVIEW_NEEDED",
        [KYC_IN_REVIEW] = "REVIEW_NEEDED",     [KYC_PENDING_APPROVAL] = "REVIEW_NEEDED",
        [KYC_NEEDS_INFO] = "MORE_INFO_NEEDED", [KYC_REJECTED] = "EVIDENCE_NOT_ACCEPTED",
        [KYC_EXPIRED] = "CASE_EXPIRED",        [KYC_REVIEW_DUE] = "PERIODIC_REVIEW_DUE",
        [KYC_OVERDUE] = "PERIODIC_REVIEW_DUE", [KYC_RESTRICTED] = "PERIODIC_REVIEW_DUE",
        [KYC_FROZEN] = "REVIEW_NEEDED",
    };
    return reasons[state];
}

Kyc__KycStatus *kyc_convert_standing(struct rpc_call *call, const struct kyc_standing *standing)
{
    Kyc__KycStatus *reply = RPC_NEW(call, Kyc__KycStatus, kyc__kyc_status__init);
    char **missing = arena_alloc(call->arena, 3 * sizeof *missing);
    char **reasons = arena_alloc(call->arena, sizeof *reasons);
    if (reply == NULL || missing == NULL || reasons == NULL) return NULL;
    reply->state = text_of(kyc_state_name(standing->state));
    reply->tier = text_of(kyc_tier_name(standing->tier));
    reply->completion_percent = kyc_core_completion_percent(&standing->evidence);
    reply->n_documents = standing->document_count;
    reply->documents = convert_documents(call, standing->documents, standing->document_count);
    if (reply->documents == NULL) return NULL;
    reply->n_missing = missing_names(&standing->evidence, missing);
    reply->missing = missing;
    reasons[0] = text_of(reason_of(standing->state));
    reply->n_reasons = reasons[0] != NULL;
    reply->reasons = reasons;
    reply->case_id = id_bytes(call, standing->case_id);
    return reply;
}

/// convert_opinion gives an absent message for an opinion that nobody has given.
static bool convert_opinion(struct rpc_call *call, const struct kyc_opinion *opinion,
                            Kyc__Recommendation **ret)
{
    *ret = NULL;
    if (opinion->decision == KYC_DECISION_NONE) return true;
    Kyc__Recommendation *reply = RPC_NEW(call, Kyc__Recommendation, kyc__recommendation__init);
    if (reply == NULL) return false;
    reply->decision = text_of(kyc_decision_name(opinion->decision));
    reply->reason = text_of(opinion->reason);
    reply->by = id_bytes(call, opinion->by);
    reply->at = opinion->at_ns;
    *ret = reply;
    return true;
}

Kyc__Case *kyc_convert_case(struct rpc_call *call, const struct kyc_case_view *view)
{
    const struct kyc_case *kyc_case = &view->kyc_case;
    Kyc__Case *reply = RPC_NEW(call, Kyc__Case, kyc__case__init);
    char **flags = arena_alloc(call->arena, sizeof *flags);
    if (reply == NULL || flags == NULL) return NULL;
    reply->id = id_bytes(call, kyc_case->id);
    reply->customer_id = id_bytes(call, kyc_case->customer_id);
    reply->state = text_of(kyc_state_name(kyc_case->state));
    reply->risk = text_of(kyc_risk_name(kyc_case->risk));
    reply->assignee = id_bytes(call, kyc_case->assignee);
    reply->version = kyc_case->version;
    reply->n_documents = view->document_count;
    reply->documents = convert_documents(call, view->documents, view->document_count);
    if (reply->documents == NULL) return NULL;
    if (!convert_opinion(call, &kyc_case->recommendation, &reply->recommendation)) return NULL;
    if (!convert_opinion(call, &kyc_case->decision, &reply->decision)) return NULL;
    flags[0] = text_of("IDENTITY_ALREADY_REGISTERED");
    reply->n_flags = (kyc_case->flags & KYC_FLAG_IDENTITY_ALREADY_REGISTERED) != 0;
    reply->flags = flags;
    reply->created_at = kyc_case->created_at_ns;
    reply->updated_at = kyc_case->updated_at_ns;
    return reply;
}

// ---- Events --------------------------------------------------------------------------------

Kyc__EvidenceSubmitted *kyc_convert_evidence(struct rpc_call *call, const struct id128 *customer_id,
                                             const char *type)
{
    Kyc__EvidenceSubmitted *event =
        RPC_NEW(call, Kyc__EvidenceSubmitted, kyc__evidence_submitted__init);
    if (event == NULL) return NULL;
    event->customer_id = id_bytes(call, *customer_id);
    event->type = text_of(type);
    return event;
}

Kyc__CaseMoved *kyc_convert_moved(struct rpc_call *call, const struct kyc_change *change)
{
    Kyc__CaseMoved *event = RPC_NEW(call, Kyc__CaseMoved, kyc__case_moved__init);
    if (event == NULL) return NULL;
    const struct kyc_case *kyc_case = &change->after.kyc_case;
    const struct kyc_opinion *opinion = kyc_case->decision.decision != KYC_DECISION_NONE
                                            ? &kyc_case->decision
                                            : &kyc_case->recommendation;
    event->case_id = id_bytes(call, kyc_case->id);
    event->customer_id = id_bytes(call, kyc_case->customer_id);
    event->from_state = text_of(kyc_state_name(change->from));
    event->to_state = text_of(kyc_state_name(kyc_case->state));
    event->version = kyc_case->version;
    event->decision = text_of(kyc_decision_name(opinion->decision));
    return event;
}

Kyc__TierChanged *kyc_convert_tier(struct rpc_call *call, const struct kyc_change *change)
{
    Kyc__TierChanged *event = RPC_NEW(call, Kyc__TierChanged, kyc__tier_changed__init);
    if (event == NULL) return NULL;
    event->customer_id = id_bytes(call, change->after.kyc_case.customer_id);
    event->tier = text_of(kyc_tier_name(change->tier));
    event->version = change->tier_version;
    return event;
}
