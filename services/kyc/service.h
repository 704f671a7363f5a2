/// @file services/kyc/service.h
/// Use cases: one function is what one call reads, decides by core, and writes.
/// Rule       Every rule is checked before the first write, so that a refusal has changed nothing.
/// Values     Arguments come from convert.c: lengths, dates and texts are valid, identifiers are in
///            normal form. now_ns: wall clock, as the call was received.
/// Threads    Functions that write: the store's writer thread. That read: any, with a snapshot.
///            kyc_service_stash_aadhaar waits for commits: a pool thread, outside transactions.
/// Errors     ILLEGAL_TRANSITION, VERSION_MISMATCH, SEPARATION_OF_DUTIES, KYC_INCOMPLETE,
///            PROFILE_NOT_FOUND, DOCUMENT_NOT_FOUND, CASE_NOT_FOUND.
#pragma once

#include "services/kyc/store.h"
#include "services/kyc/vault.h"

/// The service's memory: read-only while serving. rpc_call.service points here.
struct kyc_service {
    struct store *store; // The daemon's.
    struct kyc_store *kyc;
    struct kyc_vault *vault;
};

/// kyc_service_open uses <keys_directory>/kek and makes it with the first store that needs one. A
/// store that has data keys refuses to open without its KEK (NOT_FOUND / KEY_NOT_FOUND) and without
/// its vault (FAILED_PRECONDITION / VAULT_MISSING).
MUST_USE struct status kyc_service_open(struct store *store, const char *vault_directory,
                                        const char *keys_directory, struct kyc_service *ret);
void kyc_service_close(struct kyc_service *service); // Idempotent; leaves the daemon's store.

// ---- Evidence ------------------------------------------------------------------------------

/// kyc_service_put_profile replaces the customer's profile and touches his case, of which a new one
/// begins when there is none or the last one is closed. *ret: as it is stored now.
MUST_USE struct status kyc_service_put_profile(struct kyc_service *service, struct store_txn *txn,
                                               struct id128 customer_id,
                                               const char *const fields[KYC_PROFILE_FIELD_COUNT],
                                               struct arena *arena, uint64_t now_ns,
                                               struct kyc_profile *ret);
MUST_USE struct status kyc_service_get_profile(struct kyc_service *service, struct store_txn *txn,
                                               struct id128 customer_id, struct arena *arena,
                                               struct kyc_profile *ret);

/// kyc_service_stash_aadhaar puts the document's number into the vault, durably, and its reference
/// into the document. ILLEGAL_TRANSITION before anything is written, when the case cannot take it.
MUST_USE struct status kyc_service_stash_aadhaar(struct kyc_service *service,
                                                 struct id128 customer_id,
                                                 struct kyc_new_document *document,
                                                 struct arena *arena);
/// kyc_service_unstash_aadhaar takes it out again, after the document was refused.
void kyc_service_unstash_aadhaar(struct kyc_service *service,
                                 const struct kyc_new_document *document);

/// kyc_service_add_document declares a document; an Aadhaar has been stashed before. An identifier
/// that another customer has declared is taken all the same, and flags the case for the officers.
MUST_USE struct status kyc_service_add_document(struct kyc_service *service, struct store_txn *txn,
                                                struct id128 customer_id,
                                                const struct kyc_new_document *document,
                                                struct arena *arena, uint64_t now_ns,
                                                struct kyc_document *ret);
MUST_USE struct status kyc_service_get_document(struct store_txn *txn, struct id128 customer_id,
                                                enum kyc_document_type type,
                                                struct kyc_document *ret);

// ---- Cases ---------------------------------------------------------------------------------

/// A case as it is looked at: with the customer's current documents.
struct kyc_case_view {
    struct kyc_case kyc_case;
    struct kyc_document documents[KYC_DOCUMENT_TYPE_LAST];
    size_t document_count;
};

/// What one step did, for events.
struct kyc_change {
    enum kyc_state from;
    struct kyc_case_view after;
    bool tier_changed;
    enum kyc_tier tier; // And its version, when it changed.
    uint64_t tier_version;
};

/// What a customer sees of himself.
struct kyc_standing {
    struct id128 case_id; // Nil before anything was given.
    enum kyc_state state; // draft then.
    enum kyc_tier tier;
    struct kyc_evidence evidence;
    struct kyc_document documents[KYC_DOCUMENT_TYPE_LAST];
    size_t document_count;
};

MUST_USE struct status kyc_service_get_standing(struct kyc_service *service, struct store_txn *txn,
                                                struct id128 customer_id, struct arena *arena,
                                                struct kyc_standing *ret);
MUST_USE struct status kyc_service_submit(struct kyc_service *service, struct store_txn *txn,
                                          struct id128 customer_id, struct arena *arena,
                                          uint64_t now_ns, struct kyc_change *ret);
MUST_USE struct status kyc_service_get_case(struct kyc_service *service, struct store_txn *txn,
                                            struct id128 case_id, struct arena *arena,
                                            struct kyc_case_view *ret);
MUST_USE struct status kyc_service_recommend(struct kyc_service *service, struct store_txn *txn,
                                             struct id128 case_id,
                                             const struct kyc_opinion *opinion,
                                             uint64_t expected_version, struct arena *arena,
                                             struct kyc_change *ret);
/// kyc_service_decide also settles the documents, the address and the tier.
MUST_USE struct status kyc_service_decide(struct kyc_service *service, struct store_txn *txn,
                                          struct id128 case_id, const struct kyc_opinion *opinion,
                                          uint64_t expected_version, struct arena *arena,
                                          struct kyc_change *ret);
