#include "services/kyc/service.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"
#include "common/daemon/keychain.h"

struct status kyc_service_open(struct store *store, const char *vault_directory,
                               const char *keys_directory, struct kyc_service *ret)
{
    uint8_t kek[SEAL_KEK_BYTES];
    bool is_old;
    CLEANUP(kyc_service_close) struct kyc_service service = {.store = store};
    RETURN_IF_ERROR(keychain_exists(store, KYC_TABLE_KEYS, &is_old));
    RETURN_IF_ERROR(keychain_load_kek(keys_directory, !is_old, kek));
    // The vault first: a main store with keys then always has a vault with keys beside it.
    struct status status = kyc_vault_open(vault_directory, kek, !is_old, &service.vault);
    if (status_ok(status)) status = kyc_store_open(store, kek, &service.kyc);
    key_wipe(kek, sizeof kek);
    RETURN_IF_ERROR(status);
    *ret = service;
    service = (struct kyc_service){0}; // The caller's now.
    return STATUS_SUCCESS;
}

void kyc_service_close(struct kyc_service *service)
{
    kyc_vault_close(&service->vault);
    kyc_store_close(&service->kyc);
}

// ---- What a customer has -------------------------------------------------------------------

static struct status get_documents(struct store_txn *txn, struct id128 customer_id,
                                   struct kyc_document *ret, size_t *ret_count)
{
    *ret_count = 0;
    for (int type = KYC_AADHAAR; type <= KYC_DOCUMENT_TYPE_LAST; type++) {
        struct status status = kyc_store_get_document(
            txn, customer_id, (enum kyc_document_type)type, &ret[*ret_count]);
        if (status.code == STATUS_NOT_FOUND) continue;
        RETURN_IF_ERROR(status);
        (*ret_count)++;
    }
    return STATUS_SUCCESS;
}

static struct status get_evidence(struct store_txn *txn, struct id128 customer_id,
                                  const struct kyc_document *documents, size_t document_count,
                                  struct kyc_evidence *ret)
{
    struct kyc_evidence evidence = {0};
    uint64_t profile_version = 0;
    RETURN_IF_ERROR(
        kyc_store_look_at_profile(txn, customer_id, &profile_version, &evidence.address_verified));
    evidence.has_profile = profile_version > 0;
    for (size_t i = 0; i < document_count; i++) {
        enum kyc_document_state state = documents[i].state;
        bool counts = state == KYC_DOCUMENT_SUBMITTED || state == KYC_DOCUMENT_FORMAT_OK ||
                      state == KYC_DOCUMENT_MANUAL || state == KYC_DOCUMENT_VERIFIED;
        bool is_aadhaar = documents[i].type == KYC_AADHAAR;
        *(is_aadhaar ? &evidence.has_aadhaar : &evidence.has_pan) = counts;
        *(is_aadhaar ? &evidence.aadhaar_verified : &evidence.pan_verified) =
            state == KYC_DOCUMENT_VERIFIED;
    }
    *ret = evidence;
    return STATUS_SUCCESS;
}

/// load_owner gives the customer, made anew (and not stored) when he has given nothing yet.
static struct status load_owner(struct kyc_service *service, struct store_txn *txn,
                                struct id128 customer_id, struct kyc_owner *ret)
{
    struct status status = kyc_store_get_owner(service->kyc, txn, customer_id, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    *ret = kyc_store_new_owner(service->kyc, customer_id);
    return STATUS_SUCCESS;
}

/// touch_case gives the customer's open case with the change of evidence noted, or a new one. The
/// case is not put yet: the caller has more to check.
static struct status touch_case(struct kyc_service *service, struct store_txn *txn,
                                struct kyc_owner *owner, uint32_t flags, uint64_t now_ns,
                                struct arena *arena, struct kyc_case *ret)
{
    struct kyc_case kyc_case;
    bool needs_new = id128_is_nil(owner->record.case_id);
    if (!needs_new) {
        RETURN_IF_ERROR(
            kyc_store_get_case(service->kyc, txn, owner->record.case_id, arena, &kyc_case));
        needs_new = kyc_core_makes_room(kyc_case.state);
    }
    if (needs_new) {
        kyc_case = kyc_core_new_case(id128_generate(), owner->id, now_ns);
        owner->record.case_id = kyc_case.id;
    }
    RETURN_IF_ERROR(kyc_core_touch_case(&kyc_case, flags, now_ns));
    *ret = kyc_case;
    return STATUS_SUCCESS;
}

// ---- Evidence ------------------------------------------------------------------------------

struct status kyc_service_put_profile(struct kyc_service *service, struct store_txn *txn,
                                      struct id128 customer_id,
                                      const char *const fields[KYC_PROFILE_FIELD_COUNT],
                                      struct arena *arena, uint64_t now_ns, struct kyc_profile *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner;
    struct kyc_case kyc_case;
    struct kyc_profile profile = {.updated_at_ns = now_ns};
    uint64_t last_version = 0;
    bool was_verified = false;
    RETURN_IF_ERROR(load_owner(service, txn, customer_id, &owner));
    RETURN_IF_ERROR(touch_case(service, txn, &owner, 0, now_ns, arena, &kyc_case));
    RETURN_IF_ERROR(kyc_store_look_at_profile(txn, customer_id, &last_version, &was_verified));

    // A changed address has to be looked at again, whatever was accepted before.
    profile.version = last_version + 1;
    memcpy(profile.fields, fields, sizeof profile.fields);
    kyc_store_put_owner(txn, &owner);
    RETURN_IF_ERROR(kyc_store_put_case(service->kyc, txn, &owner, &kyc_case));
    kyc_store_put_profile(service->kyc, txn, &owner, &profile);
    *ret = profile;
    return STATUS_SUCCESS;
}

struct status kyc_service_get_profile(struct kyc_service *service, struct store_txn *txn,
                                      struct id128 customer_id, struct arena *arena,
                                      struct kyc_profile *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {0};
    struct status status = kyc_store_get_owner(service->kyc, txn, customer_id, &owner);
    if (status.code == STATUS_NOT_FOUND) {
        return REFUSE(NOT_FOUND, PROFILE_NOT_FOUND, "no profile has been given yet");
    }
    RETURN_IF_ERROR(status);
    return kyc_store_get_profile(service->kyc, txn, &owner, arena, ret);
}

struct stash {
    struct kyc_service *service;
    struct id128 customer_id;
    struct kyc_owner owner;
};

/// The customer's key must be durable before anything in the vault is sealed with it.
static struct status put_new_owner(struct store_txn *txn, void *context)
{
    struct stash *stash = context;
    RETURN_IF_ERROR(load_owner(stash->service, txn, stash->customer_id, &stash->owner));
    kyc_store_put_owner(txn, &stash->owner);
    return STATUS_SUCCESS;
}

/// look_before_stash finds the customer's key, and refuses early what would be refused later.
static struct status look_before_stash(struct stash *stash, struct arena *arena)
{
    struct kyc_service *service = stash->service;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct kyc_case unused;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    RETURN_IF_ERROR(kyc_store_get_owner(service->kyc, txn, stash->customer_id, &stash->owner));
    struct kyc_owner copy = stash->owner;
    struct status status = touch_case(service, txn, &copy, 0, 0, arena, &unused);
    kyc_owner_wipe(&copy);
    return status;
}

static void wipe_stash(struct stash *stash)
{
    kyc_owner_wipe(&stash->owner);
}

struct status kyc_service_stash_aadhaar(struct kyc_service *service, struct id128 customer_id,
                                        struct kyc_new_document *document, struct arena *arena)
{
    CHECK(document->type == KYC_AADHAAR);
    CLEANUP(wipe_stash) struct stash stash = {.service = service, .customer_id = customer_id};
    struct status status = look_before_stash(&stash, arena);
    if (status.code == STATUS_NOT_FOUND) {
        status = store_write_wait(service->store, put_new_owner, &stash);
    }
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(
        kyc_vault_put(service->vault, stash.owner.key, document->number, &document->reference));
    key_wipe(document->number, sizeof document->number); // From here on, the reference stands.
    return STATUS_SUCCESS;
}

void kyc_service_unstash_aadhaar(struct kyc_service *service,
                                 const struct kyc_new_document *document)
{
    kyc_vault_forget(service->vault, document->reference);
}

struct status kyc_service_add_document(struct kyc_service *service, struct store_txn *txn,
                                       struct id128 customer_id,
                                       const struct kyc_new_document *document, struct arena *arena,
                                       uint64_t now_ns, struct kyc_document *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner;
    struct kyc_case kyc_case;
    uint32_t flags =
        kyc_store_is_registered_by_other(txn, document->type, document->blind, customer_id)
            ? KYC_FLAG_IDENTITY_ALREADY_REGISTERED
            : 0;
    RETURN_IF_ERROR(load_owner(service, txn, customer_id, &owner));
    RETURN_IF_ERROR(touch_case(service, txn, &owner, flags, now_ns, arena, &kyc_case));

    kyc_store_put_owner(txn, &owner);
    RETURN_IF_ERROR(kyc_store_put_case(service->kyc, txn, &owner, &kyc_case));
    return kyc_store_add_document(service->kyc, txn, &owner, document, kyc_case.id, now_ns, ret);
}

struct status kyc_service_get_document(struct store_txn *txn, struct id128 customer_id,
                                       enum kyc_document_type type, struct kyc_document *ret)
{
    return kyc_store_get_document(txn, customer_id, type, ret);
}

// ---- Cases ---------------------------------------------------------------------------------

struct status kyc_service_get_standing(struct kyc_service *service, struct store_txn *txn,
                                       struct id128 customer_id, struct arena *arena,
                                       struct kyc_standing *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {0};
    struct kyc_standing standing = {.state = KYC_DRAFT, .tier = KYC_T0};
    struct status status = kyc_store_get_owner(service->kyc, txn, customer_id, &owner);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    if (status_ok(status)) standing.tier = owner.record.tier;
    if (status_ok(status) && !id128_is_nil(owner.record.case_id)) {
        struct kyc_case kyc_case;
        RETURN_IF_ERROR(
            kyc_store_get_case(service->kyc, txn, owner.record.case_id, arena, &kyc_case));
        standing.case_id = kyc_case.id;
        standing.state = kyc_case.state;
    }
    RETURN_IF_ERROR(get_documents(txn, customer_id, standing.documents, &standing.document_count));
    RETURN_IF_ERROR(get_evidence(txn, customer_id, standing.documents, standing.document_count,
                                 &standing.evidence));
    *ret = standing;
    return STATUS_SUCCESS;
}

static struct status view_case(struct store_txn *txn, const struct kyc_case *kyc_case,
                               struct kyc_case_view *ret)
{
    ret->kyc_case = *kyc_case;
    return get_documents(txn, kyc_case->customer_id, ret->documents, &ret->document_count);
}

struct status kyc_service_get_case(struct kyc_service *service, struct store_txn *txn,
                                   struct id128 case_id, struct arena *arena,
                                   struct kyc_case_view *ret)
{
    struct kyc_case kyc_case;
    RETURN_IF_ERROR(kyc_store_get_case(service->kyc, txn, case_id, arena, &kyc_case));
    return view_case(txn, &kyc_case, ret);
}

/// move_documents applies one event to each of the customer's documents that it concerns.
static struct status move_documents(struct store_txn *txn, struct id128 customer_id,
                                    enum kyc_document_event event, uint64_t now_ns)
{
    for (int type = KYC_AADHAAR; type <= KYC_DOCUMENT_TYPE_LAST; type++) {
        RETURN_IF_ERROR(
            kyc_store_move_document(txn, customer_id, (enum kyc_document_type)type, event, now_ns));
    }
    return STATUS_SUCCESS;
}

static struct status get_owned_case(const struct kyc_service *service, struct store_txn *txn,
                                    struct id128 case_id, struct arena *arena,
                                    struct kyc_case *ret_case, struct kyc_owner *ret_owner)
{
    RETURN_IF_ERROR(kyc_store_get_case(service->kyc, txn, case_id, arena, ret_case));
    return kyc_store_get_owner(service->kyc, txn, ret_case->customer_id, ret_owner);
}

/// put_case stores a case that has moved; change->after is how it looks from then on.
static struct status put_case(const struct kyc_service *service, struct store_txn *txn,
                              const struct kyc_owner *owner, const struct kyc_case *kyc_case,
                              struct kyc_change *change)
{
    RETURN_IF_ERROR(kyc_store_put_case(service->kyc, txn, owner, kyc_case));
    return view_case(txn, kyc_case, &change->after);
}

struct status kyc_service_submit(struct kyc_service *service, struct store_txn *txn,
                                 struct id128 customer_id, struct arena *arena, uint64_t now_ns,
                                 struct kyc_change *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {0};
    struct kyc_standing standing;
    struct kyc_case kyc_case;
    RETURN_IF_ERROR(kyc_service_get_standing(service, txn, customer_id, arena, &standing));
    if (id128_is_nil(standing.case_id)) {
        struct status incomplete = kyc_core_check_complete(&standing.evidence);
        CHECK(!status_ok(incomplete)); // Whatever is given opens a case.
        return incomplete;
    }
    RETURN_IF_ERROR(get_owned_case(service, txn, standing.case_id, arena, &kyc_case, &owner));
    struct kyc_change change = {.from = kyc_case.state, .tier = standing.tier};
    RETURN_IF_ERROR(kyc_core_submit_case(&kyc_case, &standing.evidence, now_ns));

    // No provider is asked yet: what the offline validators let pass is for people to look at.
    RETURN_IF_ERROR(move_documents(txn, customer_id, KYC_DOCUMENT_NO_PROVIDER, now_ns));
    RETURN_IF_ERROR(put_case(service, txn, &owner, &kyc_case, &change));
    *ret = change;
    return STATUS_SUCCESS;
}

struct status kyc_service_recommend(struct kyc_service *service, struct store_txn *txn,
                                    struct id128 case_id, const struct kyc_opinion *opinion,
                                    uint64_t expected_version, struct arena *arena,
                                    struct kyc_change *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {0};
    struct kyc_case kyc_case;
    RETURN_IF_ERROR(get_owned_case(service, txn, case_id, arena, &kyc_case, &owner));
    struct kyc_change change = {.from = kyc_case.state, .tier = owner.record.tier};
    RETURN_IF_ERROR(kyc_core_recommend_case(&kyc_case, opinion, expected_version));

    RETURN_IF_ERROR(put_case(service, txn, &owner, &kyc_case, &change));
    *ret = change;
    return STATUS_SUCCESS;
}

/// settle_tier gives the customer what his verified evidence earns, as a new version if it differs.
static struct status settle_tier(struct store_txn *txn, struct kyc_owner *owner,
                                 struct kyc_change *change)
{
    struct kyc_evidence evidence;
    RETURN_IF_ERROR(get_evidence(txn, owner->id, change->after.documents,
                                 change->after.document_count, &evidence));
    change->tier = kyc_core_tier(&evidence);
    change->tier_changed = change->tier != owner->record.tier;
    if (change->tier_changed) {
        owner->record.tier = change->tier;
        owner->record.tier_version++;
        kyc_store_put_tier(txn, owner);
    }
    change->tier_version = owner->record.tier_version;
    return STATUS_SUCCESS;
}

struct status kyc_service_decide(struct kyc_service *service, struct store_txn *txn,
                                 struct id128 case_id, const struct kyc_opinion *opinion,
                                 uint64_t expected_version, struct arena *arena,
                                 struct kyc_change *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {0};
    struct kyc_case kyc_case;
    RETURN_IF_ERROR(get_owned_case(service, txn, case_id, arena, &kyc_case, &owner));
    struct kyc_change change = {.from = kyc_case.state};
    RETURN_IF_ERROR(kyc_core_decide_case(&kyc_case, opinion, expected_version));

    bool is_approved = opinion->decision == KYC_DECISION_APPROVE;
    if (is_approved) RETURN_IF_ERROR(kyc_store_verify_address(txn, owner.id));
    RETURN_IF_ERROR(move_documents(
        txn, owner.id, is_approved ? KYC_DOCUMENT_VERIFY : KYC_DOCUMENT_FAIL, opinion->at_ns));
    RETURN_IF_ERROR(put_case(service, txn, &owner, &kyc_case, &change));
    RETURN_IF_ERROR(settle_tier(txn, &owner, &change));
    *ret = change;
    return STATUS_SUCCESS;
}
