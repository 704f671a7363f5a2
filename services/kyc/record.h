/// @file services/kyc/record.h
/// Bytes of the KYC store's keys and records, and of the vault's: pure, canonical, fuzzed.
/// Numbers    Big-endian, so that byte order is logical order.
/// Records    Byte 0 is the layout's version (1). Decoders check every field and the exact length;
///            what they accept encodes to the same bytes again. DATA_LOSS / KYC_RECORD_BROKEN else.
/// Sealed     Personal fields are spans (common/crypto/seal_record.h). Nothing here sees their
///            contents.
/// Ownership  Decoded spans point into the input. Encoders write at most the _BYTES_MAX named with
///            them and return how much.
/// Source     README.md "Key spaces".
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/crypto/seal_record.h"
#include "services/kyc/core.h"
#include "services/kyc/documents.h"

enum {
    KYC_PLAIN_BYTES_MAX =
        2000, // 500 code points of at most 4 bytes: the longest text of the proto.
    KYC_SPAN_BYTES_MAX = KYC_PLAIN_BYTES_MAX + SEAL_SPAN_OVERHEAD_BYTES,
};

// ---- Keys ----------------------------------------------------------------------------------

enum {
    KYC_DOCUMENT_KEY_BYTES = 16 + 1 + 4,
    KYC_QUEUE_KEY_BYTES = 1 + 8 + 16,
    KYC_IDENTITY_KEY_BYTES = 1 + BLIND_INDEX_BYTES + 16,
};

/// Key of customers, profiles, cases and vault entries: their id(16).

/// Key of a document: customer_id(16) | type(1) | sequence(4)
///     00000000000000000000000000000001 02 00000003    customer 1, his third PAN
/// The last sequence of a type is the document that counts; the ones before are superseded.
void kyc_document_key_encode(struct id128 customer_id, enum kyc_document_type type,
                             uint32_t sequence, uint8_t ret[static KYC_DOCUMENT_KEY_BYTES]);
MUST_USE struct status kyc_document_key_decode(struct bytes key, struct id128 *ret_customer_id,
                                               enum kyc_document_type *ret_type,
                                               uint32_t *ret_sequence);

/// Key of the queue: state(1) | handed_in_ns(8) | case_id(16), once with the case's state and once
/// with state 0, which stands for any
///     05 18fae27693b40000 0190…    in review, handed in 2027-01-15, case 0190…
/// handed_in_ns is FFFFFFFFFFFFFFFF for a case that is not handed in yet: drafts come last.
struct kyc_queue_key {
    enum kyc_state state; // KYC_REFUSED_MOVE (0) stands for any.
    uint64_t handed_in_ns;
    struct id128 case_id;
};

size_t kyc_queue_key_encode(const struct kyc_queue_key *key,
                            uint8_t ret[static KYC_QUEUE_KEY_BYTES]);
MUST_USE struct status kyc_queue_key_decode(struct bytes key, struct kyc_queue_key *ret);

/// Key of the identity index: type(1) | blind_index(32) | customer_id(16)
///     01 <blind> 0190…    customer 0190… has declared this Aadhaar number
/// One prefix scan of type | blind_index is everybody who ever declared the number.
void kyc_identity_key_encode(enum kyc_document_type type,
                             const uint8_t blind[static BLIND_INDEX_BYTES],
                             struct id128 customer_id, uint8_t ret[static KYC_IDENTITY_KEY_BYTES]);

// ---- Records -------------------------------------------------------------------------------

/// Rows of the queue and of the identity index carry the version byte alone; data keys have
/// common/daemon/keychain.h.
enum { KYC_INDEX_ROW_BYTES = 1 };

extern const uint8_t kyc_index_row[KYC_INDEX_ROW_BYTES];

/// The vault's entry: 1 | span.
enum { KYC_VAULT_BYTES_MAX = 1 + KYC_SPAN_BYTES_MAX };

size_t kyc_vault_encode(struct bytes sealed_number, uint8_t ret[static KYC_VAULT_BYTES_MAX]);
MUST_USE struct status kyc_vault_decode(struct bytes record, struct bytes *ret_sealed_number);

/// Customer: 1 | tier(1) | tier_version(8) | case_id(16) | sealed owner key(77)
struct kyc_customer {
    enum kyc_tier tier;
    uint64_t tier_version; // 0: the tier has never changed.
    struct id128 case_id;  // The latest case; nil before the first.
    uint8_t sealed_owner_key[SEAL_OWNER_KEY_BYTES + SEAL_OVERHEAD_BYTES];
};

enum { KYC_CUSTOMER_BYTES = 1 + 1 + 8 + 16 + SEAL_OWNER_KEY_BYTES + SEAL_OVERHEAD_BYTES };

size_t kyc_customer_encode(const struct kyc_customer *customer,
                           uint8_t ret[static KYC_CUSTOMER_BYTES]);
MUST_USE struct status kyc_customer_decode(struct bytes record, struct kyc_customer *ret);

/// Profile: 1 | address_verified(1) | version(8) | updated_at_ns(8) | 11 spans, in this order.
enum kyc_profile_field {
    KYC_PROFILE_FULL_NAME,
    KYC_PROFILE_DATE_OF_BIRTH,
    KYC_PROFILE_GENDER,
    KYC_PROFILE_NATIONALITY,
    KYC_PROFILE_OCCUPATION,
    KYC_PROFILE_LINE1,
    KYC_PROFILE_LINE2,
    KYC_PROFILE_CITY,
    KYC_PROFILE_STATE,
    KYC_PROFILE_POSTAL_CODE,
    KYC_PROFILE_COUNTRY,
    KYC_PROFILE_FIELD_COUNT
};

struct kyc_profile_record {
    bool address_verified;
    uint64_t version, updated_at_ns;
    struct bytes sealed[KYC_PROFILE_FIELD_COUNT];
};

enum { KYC_PROFILE_BYTES_MAX = 1 + 1 + 8 + 8 + KYC_PROFILE_FIELD_COUNT * KYC_SPAN_BYTES_MAX };

size_t kyc_profile_encode(const struct kyc_profile_record *profile,
                          uint8_t ret[static KYC_PROFILE_BYTES_MAX]);
MUST_USE struct status kyc_profile_decode(struct bytes record, struct kyc_profile_record *ret);

/// Document: 1 | state(1) | submitted_at_ns(8) | updated_at_ns(8) | case_id(16) | vault
/// reference(16) | blind_index(32) | mask(16, filled up with zeros) | 5 spans, in this order. The
/// number of an Aadhaar lies in the vault: its span here is empty, and its reference is not.
enum kyc_document_field {
    KYC_DOCUMENT_NUMBER,
    KYC_DOCUMENT_NAME,
    KYC_DOCUMENT_DOB,
    KYC_DOCUMENT_GENDER,
    KYC_DOCUMENT_ADDRESS,
    KYC_DOCUMENT_FIELD_COUNT
};

struct kyc_document_record {
    enum kyc_document_state state;
    uint64_t submitted_at_ns, updated_at_ns;
    struct id128 case_id;   // For which it was given.
    struct id128 reference; // Into the vault; nil: the number is sealed here.
    uint8_t blind[BLIND_INDEX_BYTES];
    char mask[KYC_MASK_BYTES];
    struct bytes sealed[KYC_DOCUMENT_FIELD_COUNT];
};

enum {
    KYC_DOCUMENT_BYTES_MAX = 1 + 1 + 8 + 8 + 16 + 16 + BLIND_INDEX_BYTES + KYC_MASK_BYTES +
                             KYC_DOCUMENT_FIELD_COUNT * KYC_SPAN_BYTES_MAX
};

size_t kyc_document_encode(const struct kyc_document_record *document,
                           uint8_t ret[static KYC_DOCUMENT_BYTES_MAX]);
MUST_USE struct status kyc_document_decode(struct bytes record, struct kyc_document_record *ret);

/// Case: 1 | customer_id(16) | assignee(16) | state(1) | risk(1) | flags(4) | version(8) |
/// created_at_ns(8) | updated_at_ns(8) | submitted_at_ns(8) | twice: decision(1) by(16) at_ns(8)
/// reason span. The id is the key; the reasons of the struct kyc_case are not looked at.
struct kyc_case_record {
    struct kyc_case kyc_case;
    struct bytes sealed_recommendation_reason, sealed_decision_reason;
};

enum {
    KYC_CASE_BYTES_MAX =
        1 + 16 + 16 + 1 + 1 + 4 + 8 + 8 + 8 + 8 + 2 * (1 + 16 + 8 + KYC_SPAN_BYTES_MAX)
};

size_t kyc_case_encode(const struct kyc_case_record *record,
                       uint8_t ret[static KYC_CASE_BYTES_MAX]);
MUST_USE struct status kyc_case_decode(struct id128 id, struct bytes record,
                                       struct kyc_case_record *ret);
