#include "services/kyc/record.h"

#include "common/crypto/seal_record.h"

enum { LAYOUT_VERSION = 1 };

const uint8_t kyc_index_row[KYC_INDEX_ROW_BYTES] = {LAYOUT_VERSION};

#define BROKEN REFUSE(DATA_LOSS, KYC_RECORD_BROKEN, "a stored KYC record fails its checks")

// ---- Keys ----------------------------------------------------------------------------------

void kyc_document_key_encode(struct id128 customer_id, enum kyc_document_type type,
                             uint32_t sequence, uint8_t ret[static KYC_DOCUMENT_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, KYC_DOCUMENT_KEY_BYTES);
    record_put_id(&writer, customer_id);
    record_put_u8(&writer, (uint8_t)type);
    record_put_u32(&writer, sequence);
    CHECK(record_written(&writer) == KYC_DOCUMENT_KEY_BYTES);
}

struct status kyc_document_key_decode(struct bytes key, struct id128 *ret_customer_id,
                                      enum kyc_document_type *ret_type, uint32_t *ret_sequence)
{
    struct record_reader reader = record_read_key(key);
    struct id128 customer_id = record_take_id(&reader);
    int type = record_take_enum(&reader, KYC_AADHAAR, KYC_DOCUMENT_TYPE_LAST);
    uint32_t sequence = record_take_u32(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_customer_id = customer_id;
    *ret_type = (enum kyc_document_type)type;
    *ret_sequence = sequence;
    return STATUS_SUCCESS;
}

size_t kyc_queue_key_encode(const struct kyc_queue_key *key,
                            uint8_t ret[static KYC_QUEUE_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, KYC_QUEUE_KEY_BYTES);
    record_put_u8(&writer, (uint8_t)key->state);
    record_put_u64(&writer, key->handed_in_ns);
    record_put_id(&writer, key->case_id);
    return record_written(&writer);
}

struct status kyc_queue_key_decode(struct bytes key, struct kyc_queue_key *ret)
{
    struct record_reader reader = record_read_key(key);
    struct kyc_queue_key decoded = {0};
    decoded.state =
        (enum kyc_state)record_take_enum(&reader, KYC_REFUSED_MOVE, KYC_STATE_COUNT - 1);
    decoded.handed_in_ns = record_take_u64(&reader);
    decoded.case_id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = decoded;
    return STATUS_SUCCESS;
}

void kyc_identity_key_encode(enum kyc_document_type type,
                             const uint8_t blind[static BLIND_INDEX_BYTES],
                             struct id128 customer_id, uint8_t ret[static KYC_IDENTITY_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret, KYC_IDENTITY_KEY_BYTES);
    record_put_u8(&writer, (uint8_t)type);
    record_put_bytes(&writer, blind, BLIND_INDEX_BYTES);
    record_put_id(&writer, customer_id);
    CHECK(record_written(&writer) == KYC_IDENTITY_KEY_BYTES);
}

// ---- The vault -----------------------------------------------------------------------------

size_t kyc_vault_encode(struct bytes sealed_number, uint8_t ret[static KYC_VAULT_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, KYC_VAULT_BYTES_MAX, LAYOUT_VERSION);
    seal_put_span(&writer, sealed_number, KYC_PLAIN_BYTES_MAX);
    return record_written(&writer);
}

struct status kyc_vault_decode(struct bytes record, struct bytes *ret_sealed_number)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct bytes sealed = seal_take_span(&reader, KYC_PLAIN_BYTES_MAX);
    if (!record_is_whole(&reader) || sealed.size == 0) return BROKEN;
    *ret_sealed_number = sealed;
    return STATUS_SUCCESS;
}

// ---- Customers -----------------------------------------------------------------------------

size_t kyc_customer_encode(const struct kyc_customer *customer,
                           uint8_t ret[static KYC_CUSTOMER_BYTES])
{
    struct record_writer writer = record_write(ret, KYC_CUSTOMER_BYTES, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)customer->tier);
    record_put_u64(&writer, customer->tier_version);
    record_put_id(&writer, customer->case_id);
    record_put_bytes(&writer, customer->sealed_owner_key, sizeof customer->sealed_owner_key);
    return record_written(&writer);
}

struct status kyc_customer_decode(struct bytes record, struct kyc_customer *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct kyc_customer customer;
    customer.tier = (enum kyc_tier)record_take_enum(&reader, KYC_T0, KYC_TIER_COUNT - 1);
    customer.tier_version = record_take_u64(&reader);
    customer.case_id = record_take_id(&reader);
    record_take_bytes(&reader, customer.sealed_owner_key, sizeof customer.sealed_owner_key);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = customer;
    return STATUS_SUCCESS;
}

// ---- Profiles ------------------------------------------------------------------------------

size_t kyc_profile_encode(const struct kyc_profile_record *profile,
                          uint8_t ret[static KYC_PROFILE_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, KYC_PROFILE_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, profile->address_verified);
    record_put_u64(&writer, profile->version);
    record_put_u64(&writer, profile->updated_at_ns);
    for (size_t i = 0; i < KYC_PROFILE_FIELD_COUNT; i++) {
        seal_put_span(&writer, profile->sealed[i], KYC_PLAIN_BYTES_MAX);
    }
    return record_written(&writer);
}

struct status kyc_profile_decode(struct bytes record, struct kyc_profile_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct kyc_profile_record profile;
    profile.address_verified = record_take_enum(&reader, 0, 1) == 1;
    profile.version = record_take_u64(&reader);
    profile.updated_at_ns = record_take_u64(&reader);
    for (size_t i = 0; i < KYC_PROFILE_FIELD_COUNT; i++) {
        profile.sealed[i] = seal_take_span(&reader, KYC_PLAIN_BYTES_MAX);
    }
    if (!record_is_whole(&reader) || profile.version == 0) return BROKEN;
    *ret = profile;
    return STATUS_SUCCESS;
}

// ---- Documents -----------------------------------------------------------------------------

size_t kyc_document_encode(const struct kyc_document_record *document,
                           uint8_t ret[static KYC_DOCUMENT_BYTES_MAX])
{
    CHECK(id128_is_nil(document->reference) == (document->sealed[KYC_DOCUMENT_NUMBER].size > 0));
    struct record_writer writer = record_write(ret, KYC_DOCUMENT_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)document->state);
    record_put_u64(&writer, document->submitted_at_ns);
    record_put_u64(&writer, document->updated_at_ns);
    record_put_id(&writer, document->case_id);
    record_put_id(&writer, document->reference);
    record_put_bytes(&writer, document->blind, sizeof document->blind);
    char mask[KYC_MASK_BYTES] = {0}; // What follows the NUL is never written.
    memcpy(mask, document->mask, strnlen(document->mask, KYC_MASK_BYTES - 1));
    record_put_bytes(&writer, mask, sizeof mask);
    for (size_t i = 0; i < KYC_DOCUMENT_FIELD_COUNT; i++) {
        seal_put_span(&writer, document->sealed[i], KYC_PLAIN_BYTES_MAX);
    }
    return record_written(&writer);
}

static bool is_mask(const char mask[static KYC_MASK_BYTES])
{
    size_t size = strnlen(mask, KYC_MASK_BYTES);
    if (size == 0 || size == KYC_MASK_BYTES) return false;
    for (size_t i = size; i < KYC_MASK_BYTES; i++) {
        if (mask[i] != 0) return false;
    }
    return true;
}

struct status kyc_document_decode(struct bytes record, struct kyc_document_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct kyc_document_record document;
    document.state = (enum kyc_document_state)record_take_enum(&reader, KYC_DOCUMENT_SUBMITTED,
                                                               KYC_DOCUMENT_STATE_COUNT - 1);
    document.submitted_at_ns = record_take_u64(&reader);
    document.updated_at_ns = record_take_u64(&reader);
    document.case_id = record_take_id(&reader);
    document.reference = record_take_id(&reader);
    record_take_bytes(&reader, document.blind, sizeof document.blind);
    record_take_bytes(&reader, document.mask, sizeof document.mask);
    for (size_t i = 0; i < KYC_DOCUMENT_FIELD_COUNT; i++) {
        document.sealed[i] = seal_take_span(&reader, KYC_PLAIN_BYTES_MAX);
    }
    if (!record_is_whole(&reader) || !is_mask(document.mask) ||
        id128_is_nil(document.reference) != (document.sealed[KYC_DOCUMENT_NUMBER].size > 0)) {
        return BROKEN;
    }
    *ret = document;
    return STATUS_SUCCESS;
}

// ---- Cases ---------------------------------------------------------------------------------

static void put_opinion(struct record_writer *writer, const struct kyc_opinion *opinion,
                        struct bytes sealed_reason)
{
    bool is_none = opinion->decision == KYC_DECISION_NONE;
    CHECK(is_none == id128_is_nil(opinion->by));
    CHECK(is_none == (sealed_reason.size == 0));
    record_put_u8(writer, (uint8_t)opinion->decision);
    record_put_id(writer, opinion->by);
    record_put_u64(writer, opinion->at_ns);
    seal_put_span(writer, sealed_reason, KYC_PLAIN_BYTES_MAX);
}

/// take_opinion: all of it is there, or nothing is.
static struct kyc_opinion take_opinion(struct record_reader *reader,
                                       struct bytes *ret_sealed_reason)
{
    struct kyc_opinion opinion = {.reason = ""};
    opinion.decision =
        (enum kyc_decision)record_take_enum(reader, KYC_DECISION_NONE, KYC_DECISION_REJECT);
    opinion.by = record_take_id(reader);
    opinion.at_ns = record_take_u64(reader);
    *ret_sealed_reason = seal_take_span(reader, KYC_PLAIN_BYTES_MAX);
    bool is_none = opinion.decision == KYC_DECISION_NONE;
    record_expect(reader, is_none == id128_is_nil(opinion.by));
    record_expect(reader, is_none == (ret_sealed_reason->size == 0));
    record_expect(reader, !is_none || opinion.at_ns == 0);
    return opinion;
}

size_t kyc_case_encode(const struct kyc_case_record *record, uint8_t ret[static KYC_CASE_BYTES_MAX])
{
    const struct kyc_case *kyc_case = &record->kyc_case;
    struct record_writer writer = record_write(ret, KYC_CASE_BYTES_MAX, LAYOUT_VERSION);
    record_put_id(&writer, kyc_case->customer_id);
    record_put_id(&writer, kyc_case->assignee);
    record_put_u8(&writer, (uint8_t)kyc_case->state);
    record_put_u8(&writer, (uint8_t)kyc_case->risk);
    record_put_u32(&writer, kyc_case->flags);
    record_put_u64(&writer, kyc_case->version);
    record_put_u64(&writer, kyc_case->created_at_ns);
    record_put_u64(&writer, kyc_case->updated_at_ns);
    record_put_u64(&writer, kyc_case->submitted_at_ns);
    put_opinion(&writer, &kyc_case->recommendation, record->sealed_recommendation_reason);
    put_opinion(&writer, &kyc_case->decision, record->sealed_decision_reason);
    return record_written(&writer);
}

struct status kyc_case_decode(struct id128 id, struct bytes record, struct kyc_case_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct kyc_case_record decoded = {0};
    struct kyc_case *kyc_case = &decoded.kyc_case;
    kyc_case->id = id;
    kyc_case->customer_id = record_take_id(&reader);
    kyc_case->assignee = record_take_id(&reader);
    kyc_case->state = (enum kyc_state)record_take_enum(&reader, KYC_DRAFT, KYC_STATE_COUNT - 1);
    kyc_case->risk = (enum kyc_risk)record_take_enum(&reader, KYC_RISK_LOW, KYC_RISK_HIGH);
    kyc_case->flags = record_take_u32(&reader);
    kyc_case->version = record_take_u64(&reader);
    kyc_case->created_at_ns = record_take_u64(&reader);
    kyc_case->updated_at_ns = record_take_u64(&reader);
    kyc_case->submitted_at_ns = record_take_u64(&reader);
    kyc_case->recommendation = take_opinion(&reader, &decoded.sealed_recommendation_reason);
    kyc_case->decision = take_opinion(&reader, &decoded.sealed_decision_reason);
    if (!record_is_whole(&reader) || kyc_case->version == 0 ||
        id128_is_nil(kyc_case->customer_id) || (kyc_case->flags & ~(uint32_t)KYC_FLAGS_ALL) != 0) {
        return BROKEN;
    }
    *ret = decoded;
    return STATUS_SUCCESS;
}
