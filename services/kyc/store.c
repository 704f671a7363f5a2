#include "services/kyc/store.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"
#include "common/crypto/seal_record.h"
#include "common/daemon/keychain.h"
#include "common/event/event.h"
#include "common/event/note.h"

#include <stdio.h>
#include <stdlib.h>

static const struct store_table tables[] = {
    {KYC_TABLE_KEYS, "kyc_keys"},
    {KYC_TABLE_CUSTOMERS, "kyc_customers"},
    {KYC_TABLE_PROFILES, "kyc_profiles"},
    {KYC_TABLE_DOCUMENTS, "kyc_documents"},
    {KYC_TABLE_CASES, "kyc_cases"},
    {KYC_TABLE_QUEUE, "kyc_queue"},
    {KYC_TABLE_IDENTITIES, "kyc_identities"},
};

_Static_assert(sizeof tables / sizeof tables[0] == KYC_TABLE_END - KYC_TABLE_KEYS,
               "every table has a name");

const struct store_schema kyc_store_schema = {
    .name = "kyc",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

struct kyc_store {
    struct seal *seal;
};

struct status kyc_store_open(struct store *store, const uint8_t kek[static SEAL_KEK_BYTES],
                             struct kyc_store **ret)
{
    struct seal *seal = NULL;
    RETURN_IF_ERROR(keychain_open(store, KYC_TABLE_KEYS, kek, &seal));
    struct kyc_store *kyc = calloc(1, sizeof *kyc);
    CHECK(kyc != NULL);
    kyc->seal = seal;
    *ret = kyc;
    return STATUS_SUCCESS;
}

void kyc_store_close(struct kyc_store **kyc)
{
    if (*kyc == NULL) return;
    seal_close(&(*kyc)->seal);
    free(*kyc);
    *kyc = NULL;
}

// ---- Sealing -------------------------------------------------------------------------------

static struct seal_place place_of(const struct kyc_owner *owner, const char *table,
                                  const char *field)
{
    return (struct seal_place){table, field, owner->id, owner->key};
}

static struct bytes seal_field(const struct kyc_store *kyc, const struct kyc_owner *owner,
                               const char *table, const char *field, const char *text,
                               struct record_writer *room)
{
    struct seal_place place = place_of(owner, table, field);
    return seal_text(kyc->seal, &place, text, room);
}

static struct status unseal_field(const struct kyc_store *kyc, const struct kyc_owner *owner,
                                  const char *table, const char *field, struct bytes sealed,
                                  struct arena *arena, const char **ret)
{
    struct seal_place place = place_of(owner, table, field);
    return unseal_text(kyc->seal, &place, sealed, arena, ret);
}

// ---- Customers -----------------------------------------------------------------------------

static struct seal_place owner_key_place(struct id128 customer_id)
{
    return (struct seal_place){
        .table = "kyc_customers", .field = "owner_key", .owner = customer_id};
}

struct kyc_owner kyc_store_new_owner(const struct kyc_store *kyc, struct id128 customer_id)
{
    struct kyc_owner owner = {.id = customer_id, .record.tier = KYC_T0};
    struct seal_place place = owner_key_place(customer_id);
    seal_new_owner_key(kyc->seal, &place, owner.key, owner.record.sealed_owner_key);
    return owner;
}

struct status kyc_store_get_owner(const struct kyc_store *kyc, struct store_txn *txn,
                                  struct id128 customer_id, struct kyc_owner *ret)
{
    CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {.id = customer_id};
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(
        txn, KYC_TABLE_CUSTOMERS, id128_bytes(&customer_id),
        REFUSE(NOT_FOUND, KYC_CUSTOMER_NOT_FOUND, "the customer has given nothing yet"), &row));
    RETURN_IF_ERROR(kyc_customer_decode(row, &owner.record));
    struct seal_place place = owner_key_place(customer_id);
    struct bytes sealed =
        bytes_of(owner.record.sealed_owner_key, sizeof owner.record.sealed_owner_key);
    RETURN_IF_ERROR(unseal_into(kyc->seal, &place, sealed, owner.key));
    *ret = owner;
    return STATUS_SUCCESS;
}

void kyc_store_put_owner(struct store_txn *txn, const struct kyc_owner *owner)
{
    uint8_t row[KYC_CUSTOMER_BYTES];
    kyc_customer_encode(&owner->record, row);
    store_put(txn, KYC_TABLE_CUSTOMERS, id128_bytes(&owner->id), bytes_of(row, sizeof row));
}

void kyc_store_put_tier(struct store_txn *txn, const struct kyc_owner *owner)
{
    event_note_member(txn, "users", owner->id, KYC_TABLE_CUSTOMERS);
    kyc_store_put_owner(txn, owner);
}

void kyc_owner_wipe(struct kyc_owner *owner)
{
    key_wipe(owner->key, sizeof owner->key);
}

// ---- Profiles ------------------------------------------------------------------------------

/* Names of the fields in the seal's binding: stored values depend on them, never change one. */
static const char *const profile_fields[KYC_PROFILE_FIELD_COUNT] = {
    [KYC_PROFILE_FULL_NAME] = "full_name",     [KYC_PROFILE_DATE_OF_BIRTH] = "date_of_birth",
    [KYC_PROFILE_GENDER] = "gender",           [KYC_PROFILE_NATIONALITY] = "nationality",
    [KYC_PROFILE_OCCUPATION] = "occupation",   [KYC_PROFILE_LINE1] = "address.line1",
    [KYC_PROFILE_LINE2] = "address.line2",     [KYC_PROFILE_CITY] = "address.city",
    [KYC_PROFILE_STATE] = "address.state",     [KYC_PROFILE_POSTAL_CODE] = "address.postal_code",
    [KYC_PROFILE_COUNTRY] = "address.country",
};

static struct status get_profile_record(struct store_txn *txn, struct id128 customer_id,
                                        struct kyc_profile_record *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(
        store_get_or(txn, KYC_TABLE_PROFILES, id128_bytes(&customer_id),
                     REFUSE(NOT_FOUND, PROFILE_NOT_FOUND, "no profile has been given yet"), &row));
    return kyc_profile_decode(row, ret);
}

struct status kyc_store_get_profile(const struct kyc_store *kyc, struct store_txn *txn,
                                    const struct kyc_owner *owner, struct arena *arena,
                                    struct kyc_profile *ret)
{
    struct kyc_profile_record record;
    RETURN_IF_ERROR(get_profile_record(txn, owner->id, &record));
    struct kyc_profile profile = {.address_verified = record.address_verified,
                                  .version = record.version,
                                  .updated_at_ns = record.updated_at_ns};
    for (size_t i = 0; i < KYC_PROFILE_FIELD_COUNT; i++) {
        RETURN_IF_ERROR(unseal_field(kyc, owner, "kyc_profiles", profile_fields[i],
                                     record.sealed[i], arena, &profile.fields[i]));
    }
    *ret = profile;
    return STATUS_SUCCESS;
}

void kyc_store_put_profile(const struct kyc_store *kyc, struct store_txn *txn,
                           const struct kyc_owner *owner, const struct kyc_profile *profile)
{
    uint8_t row[KYC_PROFILE_BYTES_MAX], sealed[KYC_PROFILE_FIELD_COUNT * KYC_SPAN_BYTES_MAX];
    struct record_writer room = record_write_key(sealed, sizeof sealed);
    struct kyc_profile_record record = {.address_verified = profile->address_verified,
                                        .version = profile->version,
                                        .updated_at_ns = profile->updated_at_ns};
    for (size_t i = 0; i < KYC_PROFILE_FIELD_COUNT; i++) {
        record.sealed[i] =
            seal_field(kyc, owner, "kyc_profiles", profile_fields[i], profile->fields[i], &room);
    }
    size_t size = kyc_profile_encode(&record, row);
    event_note_member(txn, "users", owner->id, KYC_TABLE_PROFILES);
    store_put(txn, KYC_TABLE_PROFILES, id128_bytes(&owner->id), bytes_of(row, size));
}

struct status kyc_store_verify_address(struct store_txn *txn, struct id128 customer_id)
{
    struct kyc_profile_record record;
    RETURN_IF_ERROR(get_profile_record(txn, customer_id, &record));
    record.address_verified = true;
    uint8_t row[KYC_PROFILE_BYTES_MAX];
    size_t size = kyc_profile_encode(&record, row); // The sealed fields go over as they are.
    store_put(txn, KYC_TABLE_PROFILES, id128_bytes(&customer_id), bytes_of(row, size));
    return STATUS_SUCCESS;
}

struct status kyc_store_look_at_profile(struct store_txn *txn, struct id128 customer_id,
                                        uint64_t *ret_version, bool *ret_is_verified)
{
    struct kyc_profile_record record = {0};
    struct status status = get_profile_record(txn, customer_id, &record);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    *ret_version = record.version;
    *ret_is_verified = record.address_verified;
    return STATUS_SUCCESS;
}

// ---- Documents -----------------------------------------------------------------------------

static const char *const document_fields[KYC_DOCUMENT_FIELD_COUNT] = {
    [KYC_DOCUMENT_NUMBER] = "number",   [KYC_DOCUMENT_NAME] = "name",
    [KYC_DOCUMENT_DOB] = "dob",         [KYC_DOCUMENT_GENDER] = "gender",
    [KYC_DOCUMENT_ADDRESS] = "address",
};

void kyc_store_blind(const struct kyc_store *kyc, enum kyc_document_type type, const char *normal,
                     uint8_t ret[static BLIND_INDEX_BYTES])
{
    blind_index(kyc->seal, kyc_document_type_name(type), bytes_of_text(normal), ret);
}

/// find_current stands the cursor on the customer's last document of a type; false: there is none.
static bool find_current(struct store_cursor *cursor, struct id128 customer_id,
                         enum kyc_document_type type)
{
    uint8_t prefix[KYC_DOCUMENT_KEY_BYTES];
    kyc_document_key_encode(customer_id, type, UINT32_MAX, prefix); // A sequence never reached.
    return store_cursor_seek_before(cursor, bytes_of(prefix, sizeof prefix)) &&
           cursor->key.size == KYC_DOCUMENT_KEY_BYTES &&
           memcmp(cursor->key.data, prefix, KYC_DOCUMENT_KEY_BYTES - 4) == 0;
}

/// get_current copies the row out, so that it can be changed. row: KYC_DOCUMENT_BYTES_MAX.
static struct status get_current(struct store_txn *txn, struct id128 customer_id,
                                 enum kyc_document_type type, uint8_t *row, uint32_t *ret_sequence,
                                 struct kyc_document_record *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, KYC_TABLE_DOCUMENTS, &cursor);
    if (!find_current(&cursor, customer_id, type)) {
        return REFUSE(NOT_FOUND, DOCUMENT_NOT_FOUND, "no document of this kind has been given yet");
    }
    struct id128 key_customer_id;
    enum kyc_document_type key_type;
    RETURN_IF_ERROR(kyc_document_key_decode(cursor.key, &key_customer_id, &key_type, ret_sequence));
    if (cursor.value.size > KYC_DOCUMENT_BYTES_MAX) {
        return REFUSE(DATA_LOSS, KYC_RECORD_BROKEN, "a stored document is too long");
    }
    memcpy(row, cursor.value.data, cursor.value.size);
    return kyc_document_decode(bytes_of(row, cursor.value.size), ret);
}

static void put_document(struct store_txn *txn, struct id128 customer_id,
                         enum kyc_document_type type, uint32_t sequence,
                         const struct kyc_document_record *record)
{
    uint8_t key[KYC_DOCUMENT_KEY_BYTES], row[KYC_DOCUMENT_BYTES_MAX];
    kyc_document_key_encode(customer_id, type, sequence, key);
    size_t size = kyc_document_encode(record, row);
    store_put(txn, KYC_TABLE_DOCUMENTS, bytes_of(key, sizeof key), bytes_of(row, size));
}

static struct kyc_document document_of(enum kyc_document_type type, uint32_t sequence,
                                       const struct kyc_document_record *record)
{
    struct kyc_document document = {
        .type = type,
        .state = record->state,
        .sequence = sequence,
        .submitted_at_ns = record->submitted_at_ns,
        .updated_at_ns = record->updated_at_ns,
        .case_id = record->case_id,
        .reference = record->reference,
    };
    memcpy(document.mask, record->mask, sizeof document.mask);
    return document;
}

struct status kyc_store_get_document(struct store_txn *txn, struct id128 customer_id,
                                     enum kyc_document_type type, struct kyc_document *ret)
{
    uint8_t row[KYC_DOCUMENT_BYTES_MAX];
    struct kyc_document_record record;
    uint32_t sequence;
    RETURN_IF_ERROR(get_current(txn, customer_id, type, row, &sequence, &record));
    *ret = document_of(type, sequence, &record);
    return STATUS_SUCCESS;
}

struct status kyc_store_move_document(struct store_txn *txn, struct id128 customer_id,
                                      enum kyc_document_type type, enum kyc_document_event event,
                                      uint64_t now_ns)
{
    uint8_t row[KYC_DOCUMENT_BYTES_MAX];
    struct kyc_document_record record;
    uint32_t sequence;
    struct status found = get_current(txn, customer_id, type, row, &sequence, &record);
    if (found.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(found);
    enum kyc_document_state next = kyc_core_next_document_state(record.state, event);
    if (next == KYC_DOCUMENT_REFUSED_MOVE) return STATUS_SUCCESS;
    record.state = next;
    record.updated_at_ns = now_ns;
    put_document(txn, customer_id, type, sequence, &record);
    return STATUS_SUCCESS;
}

static void put_identity(struct store_txn *txn, enum kyc_document_type type,
                         const uint8_t blind[static BLIND_INDEX_BYTES], struct id128 customer_id)
{
    uint8_t key[KYC_IDENTITY_KEY_BYTES];
    kyc_identity_key_encode(type, blind, customer_id, key);
    store_put(txn, KYC_TABLE_IDENTITIES, bytes_of(key, sizeof key),
              bytes_of(kyc_index_row, sizeof kyc_index_row));
}

// Events about evidence have the customer as their subject.
static void note_document(struct store_txn *txn, struct id128 customer_id,
                          enum kyc_document_type type, uint32_t sequence)
{
    char subject[EVENT_NAME_BYTES];
    uint8_t key[KYC_DOCUMENT_KEY_BYTES];
    event_name("users", customer_id, subject);
    kyc_document_key_encode(customer_id, type, sequence, key);
    event_note(txn, subject, KYC_TABLE_DOCUMENTS, bytes_of(key, sizeof key));
}

struct status kyc_store_add_document(const struct kyc_store *kyc, struct store_txn *txn,
                                     const struct kyc_owner *owner,
                                     const struct kyc_new_document *document, struct id128 case_id,
                                     uint64_t now_ns, struct kyc_document *ret)
{
    uint8_t row[KYC_DOCUMENT_BYTES_MAX], sealed[KYC_DOCUMENT_FIELD_COUNT * KYC_SPAN_BYTES_MAX];
    struct kyc_document_record last;
    uint32_t sequence = 0;
    struct status found = get_current(txn, owner->id, document->type, row, &sequence, &last);
    if (!status_ok(found) && found.code != STATUS_NOT_FOUND) return found;
    RETURN_IF_ERROR(
        kyc_store_move_document(txn, owner->id, document->type, KYC_DOCUMENT_REPLACE, now_ns));

    CHECK(id128_is_nil(document->reference) == (document->number[0] != 0));
    struct kyc_document_record record = {
        .state = KYC_DOCUMENT_FORMAT_OK,
        .submitted_at_ns = now_ns,
        .updated_at_ns = now_ns,
        .case_id = case_id,
        .reference = document->reference,
    };
    memcpy(record.blind, document->blind, sizeof record.blind);
    memcpy(record.mask, document->mask, sizeof record.mask);
    struct record_writer room = record_write_key(sealed, sizeof sealed);
    for (size_t i = 0; i < KYC_DOCUMENT_FIELD_COUNT; i++) {
        const char *text = i == KYC_DOCUMENT_NUMBER ? document->number : document->fields[i];
        record.sealed[i] = seal_field(kyc, owner, "kyc_documents", document_fields[i], text, &room);
    }
    note_document(txn, owner->id, document->type, sequence + 1);
    put_document(txn, owner->id, document->type, sequence + 1, &record);
    put_identity(txn, document->type, record.blind, owner->id);
    *ret = document_of(document->type, sequence + 1, &record);
    return STATUS_SUCCESS;
}

bool kyc_store_is_registered_by_other(struct store_txn *txn, enum kyc_document_type type,
                                      const uint8_t blind[static BLIND_INDEX_BYTES],
                                      struct id128 customer_id)
{
    uint8_t from[KYC_IDENTITY_KEY_BYTES], own[KYC_IDENTITY_KEY_BYTES];
    kyc_identity_key_encode(type, blind, ID128_NIL, from);
    kyc_identity_key_encode(type, blind, customer_id, own);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, KYC_TABLE_IDENTITIES, &cursor);
    bool more = store_cursor_seek(&cursor, bytes_of(from, sizeof from));
    for (; more; more = store_cursor_next(&cursor)) {
        if (memcmp(cursor.key.data, from, sizeof from - ID128_BYTES) != 0) return false;
        if (!bytes_equal(cursor.key, bytes_of(own, sizeof own))) return true;
    }
    return false;
}

// ---- Cases ---------------------------------------------------------------------------------

static const struct status case_not_found = {STATUS_NOT_FOUND, "CASE_NOT_FOUND",
                                             "there is no such case"};

struct status kyc_store_get_case(const struct kyc_store *kyc, struct store_txn *txn,
                                 struct id128 case_id, struct arena *arena, struct kyc_case *ret)
{
    struct bytes row;
    struct kyc_case_record record;
    RETURN_IF_ERROR(
        store_get_or(txn, KYC_TABLE_CASES, id128_bytes(&case_id), case_not_found, &row));
    RETURN_IF_ERROR(kyc_case_decode(case_id, row, &record));
    if (record.sealed_recommendation_reason.size > 0 || record.sealed_decision_reason.size > 0) {
        CLEANUP(kyc_owner_wipe) struct kyc_owner owner = {0};
        RETURN_IF_ERROR(kyc_store_get_owner(kyc, txn, record.kyc_case.customer_id, &owner));
        RETURN_IF_ERROR(unseal_field(kyc, &owner, "kyc_cases", "recommendation.reason",
                                     record.sealed_recommendation_reason, arena,
                                     &record.kyc_case.recommendation.reason));
        RETURN_IF_ERROR(unseal_field(kyc, &owner, "kyc_cases", "decision.reason",
                                     record.sealed_decision_reason, arena,
                                     &record.kyc_case.decision.reason));
    }
    *ret = record.kyc_case;
    return STATUS_SUCCESS;
}

/// The two places of a case in the queue: among those of its state, and among all.
static void queue_keys(const struct kyc_case *kyc_case,
                       uint8_t ret_of_state[static KYC_QUEUE_KEY_BYTES],
                       uint8_t ret_of_all[static KYC_QUEUE_KEY_BYTES])
{
    struct kyc_queue_key key = {.state = kyc_case->state, .case_id = kyc_case->id};
    key.handed_in_ns = kyc_case->submitted_at_ns > 0 ? kyc_case->submitted_at_ns : UINT64_MAX;
    kyc_queue_key_encode(&key, ret_of_state);
    key.state = KYC_REFUSED_MOVE;
    kyc_queue_key_encode(&key, ret_of_all);
}

static void leave_queue(struct store_txn *txn, const struct kyc_case *kyc_case)
{
    uint8_t of_state[KYC_QUEUE_KEY_BYTES], of_all[KYC_QUEUE_KEY_BYTES];
    queue_keys(kyc_case, of_state, of_all);
    store_delete(txn, KYC_TABLE_QUEUE, bytes_of(of_state, sizeof of_state));
    store_delete(txn, KYC_TABLE_QUEUE, bytes_of(of_all, sizeof of_all));
}

static void enter_queue(struct store_txn *txn, const struct kyc_case *kyc_case)
{
    uint8_t of_state[KYC_QUEUE_KEY_BYTES], of_all[KYC_QUEUE_KEY_BYTES];
    struct bytes row = bytes_of(kyc_index_row, sizeof kyc_index_row);
    queue_keys(kyc_case, of_state, of_all);
    store_put(txn, KYC_TABLE_QUEUE, bytes_of(of_state, sizeof of_state), row);
    store_put(txn, KYC_TABLE_QUEUE, bytes_of(of_all, sizeof of_all), row);
}

struct status kyc_store_put_case(const struct kyc_store *kyc, struct store_txn *txn,
                                 const struct kyc_owner *owner, const struct kyc_case *kyc_case)
{
    CHECK(id128_equal(owner->id, kyc_case->customer_id));
    struct bytes row;
    struct kyc_case_record last;
    struct status found = store_get(txn, KYC_TABLE_CASES, id128_bytes(&kyc_case->id), &row);
    if (!status_ok(found) && found.code != STATUS_NOT_FOUND) return found;
    if (status_ok(found)) {
        RETURN_IF_ERROR(kyc_case_decode(kyc_case->id, row, &last));
        CHECK(last.kyc_case.version < kyc_case->version);
        leave_queue(txn, &last.kyc_case);
    }
    uint8_t sealed[2 * KYC_SPAN_BYTES_MAX], encoded[KYC_CASE_BYTES_MAX];
    struct record_writer room = record_write_key(sealed, sizeof sealed);
    struct kyc_case_record record = {.kyc_case = *kyc_case};
    record.sealed_recommendation_reason = seal_field(
        kyc, owner, "kyc_cases", "recommendation.reason", kyc_case->recommendation.reason, &room);
    record.sealed_decision_reason =
        seal_field(kyc, owner, "kyc_cases", "decision.reason", kyc_case->decision.reason, &room);
    size_t size = kyc_case_encode(&record, encoded);
    event_note_member(txn, "cases", kyc_case->id, KYC_TABLE_CASES);
    store_put(txn, KYC_TABLE_CASES, id128_bytes(&kyc_case->id), bytes_of(encoded, size));
    enter_queue(txn, kyc_case);
    return STATUS_SUCCESS;
}

void kyc_queue_walk_open(struct store_txn *txn, enum kyc_state state,
                         const struct kyc_queue_key *after, struct kyc_queue_walk *ret)
{
    struct kyc_queue_key from = {.state = state};
    *ret = (struct kyc_queue_walk){.at.state = state, .skips_first = after != NULL};
    kyc_queue_key_encode(after != NULL ? after : &from, ret->from);
    store_cursor_open(txn, KYC_TABLE_QUEUE, &ret->cursor);
}

struct status kyc_queue_walk_next(struct kyc_queue_walk *walk)
{
    const struct status end = REFUSE(NOT_FOUND, END_OF_QUEUE, "the queue has no more cases");
    struct bytes from = bytes_of(walk->from, sizeof walk->from);
    enum kyc_state state = walk->at.state;
    bool found = walk->is_started ? store_cursor_next(&walk->cursor)
                                  : store_cursor_seek(&walk->cursor, from);
    if (!walk->is_started && walk->skips_first && found && bytes_equal(walk->cursor.key, from)) {
        found = store_cursor_next(&walk->cursor);
    }
    walk->is_started = true;
    if (!found) return end;
    struct kyc_queue_key key;
    RETURN_IF_ERROR(kyc_queue_key_decode(walk->cursor.key, &key));
    if (key.state != state) return end;
    walk->at = key;
    return STATUS_SUCCESS;
}

void kyc_queue_walk_close(struct kyc_queue_walk *walk)
{
    store_cursor_close(&walk->cursor);
}
