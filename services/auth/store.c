#include "common/base/check.h"
#include "common/base/text.h"
#include "common/daemon/keychain.h"
#include "services/auth/store_internal.h"

#include <stdlib.h>

static const struct store_table tables[] = {
    {AUTH_TABLE_KEYS, "auth_keys"},
    {AUTH_TABLE_SIGNING, "auth_signing"},
    {AUTH_TABLE_USERS, "auth_users"},
    {AUTH_TABLE_IDENTIFIERS, "auth_identifiers"},
    {AUTH_TABLE_PASSWORDS, "auth_passwords"},
    {AUTH_TABLE_REGISTRATIONS, "auth_registrations"},
    {AUTH_TABLE_SESSIONS, "auth_sessions"},
    {AUTH_TABLE_USER_SESSIONS, "auth_user_sessions"},
    {AUTH_TABLE_DEVICES, "auth_devices"},
    {AUTH_TABLE_THROTTLES, "auth_throttles"},
    {AUTH_TABLE_MESSAGES, "auth_messages"},
    {AUTH_TABLE_EXPIRIES, "auth_expiries"},
    {AUTH_TABLE_USER_FACETS, "auth_user_facets"},
    {AUTH_TABLE_FLOWS, "auth_flows"},
    {AUTH_TABLE_FACTORS, "auth_factors"},
    {AUTH_TABLE_ACTIVITY, "auth_activity"},
    {AUTH_TABLE_ACTIVITY_FACETS, "auth_activity_facets"},
    {AUTH_TABLE_LOGIN_HISTORIES, "auth_login_histories"},
    {AUTH_TABLE_COUNTERS, "auth_counters"},
    {AUTH_TABLE_ROLES, "auth_roles"},
    {AUTH_TABLE_BRANCHES, "auth_branches"},
    {AUTH_TABLE_FEATURES, "auth_features"},
    {AUTH_TABLE_API_KEYS, "auth_api_keys"},
    {AUTH_TABLE_API_KEY_OWNERS, "auth_api_key_owners"},
};

_Static_assert(sizeof tables / sizeof tables[0] == AUTH_TABLE_END - AUTH_TABLE_KEYS,
               "every table has a name");

static const struct store_migration migrations[] = {{.from = 1, .run = auth_migrate_users}};

const struct store_schema auth_store_schema = {
    .name = "auth",
    .version = 2,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .migrations = migrations,
    .migration_count = sizeof migrations / sizeof migrations[0],
};

struct status auth_store_open(struct store *store, const uint8_t kek[static SEAL_KEK_BYTES],
                              struct auth_store **ret)
{
    struct seal *seal = NULL;
    RETURN_IF_ERROR(keychain_open(store, AUTH_TABLE_KEYS, kek, &seal));
    struct auth_store *auth = calloc(1, sizeof *auth);
    CHECK(auth != NULL);
    auth->seal = seal;
    *ret = auth;
    return STATUS_SUCCESS;
}

void auth_store_close(struct auth_store **auth)
{
    if (*auth == NULL) return;
    seal_close(&(*auth)->seal);
    free(*auth);
    *auth = NULL;
}

void auth_store_mac(const struct auth_store *auth, const char *purpose, struct bytes value,
                    uint8_t ret[static AUTH_MAC_BYTES])
{
    _Static_assert((int)AUTH_MAC_BYTES == (int)BLIND_INDEX_BYTES, "a MAC is a blind index");
    blind_index(auth->seal, purpose, value, ret);
}

struct status auth_store_id_of_key(struct bytes key, struct id128 *ret)
{
    if (key.size != ID128_BYTES) {
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored key is no identifier");
    }
    *ret = id128_of(key.data);
    return STATUS_SUCCESS;
}

// ---- Sealing -------------------------------------------------------------------------------

/* The names of table and field in a place are part of what is sealed: never change one. */

static const char *const applicant_fields[AUTH_APPLICANT_FIELD_COUNT] = {
    [AUTH_APPLICANT_EMAIL] = "email",
    [AUTH_APPLICANT_MOBILE] = "mobile",
    [AUTH_APPLICANT_FULL_NAME] = "full_name",
    [AUTH_APPLICANT_PASSWORD] = "password",
};

// ---- Registrations -------------------------------------------------------------------------

static struct auth_expiry expiry_of_id(uint64_t at_ns, enum auth_expiry_kind kind, struct id128 id)
{
    struct auth_expiry expiry = {.at_ns = at_ns, .kind = kind};
    memcpy(expiry.row_key, id.bytes, ID128_BYTES);
    return expiry;
}

struct status auth_store_get_registration(struct store_txn *txn, struct id128 id,
                                          struct auth_registration *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(
        txn, AUTH_TABLE_REGISTRATIONS, id128_bytes(&id),
        REFUSE(NOT_FOUND, REGISTRATION_NOT_FOUND, "there is no such registration"), &row));
    return auth_registration_decode(id, row, ret);
}

void auth_store_put_registration(struct store_txn *txn,
                                 const struct auth_registration *registration)
{
    uint8_t row[AUTH_REGISTRATION_BYTES_MAX];
    size_t size = auth_registration_encode(registration, row);
    store_put(txn, AUTH_TABLE_REGISTRATIONS, id128_bytes(&registration->id), bytes_of(row, size));
}

void auth_store_put_new_registration(const struct auth_store *auth, struct store_txn *txn,
                                     struct id128 id, const struct auth_progress *progress,
                                     const struct auth_applicant *applicant)
{
    uint8_t spans[AUTH_APPLICANT_FIELD_COUNT * AUTH_SPAN_BYTES_MAX];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct auth_registration registration = {.id = id, .progress = *progress};
    for (size_t i = 0; i < AUTH_APPLICANT_FIELD_COUNT; i++) {
        struct seal_place place = {"auth_registrations", applicant_fields[i], id, NULL};
        registration.sealed[i] = seal_text(auth->seal, &place, applicant->fields[i], &room);
    }
    auth_store_put_registration(txn, &registration);
    struct auth_expiry expiry = expiry_of_id(progress->expires_at_ns, AUTH_EXPIRY_REGISTRATION, id);
    auth_store_file_expiry(txn, &expiry);
}

struct status auth_store_get_applicant(const struct auth_store *auth,
                                       const struct auth_registration *registration,
                                       struct arena *arena, struct auth_applicant *ret)
{
    for (size_t i = 0; i < AUTH_APPLICANT_FIELD_COUNT; i++) {
        struct seal_place place = {"auth_registrations", applicant_fields[i], registration->id,
                                   NULL};
        RETURN_IF_ERROR(
            unseal_text(auth->seal, &place, registration->sealed[i], arena, &ret->fields[i]));
    }
    return STATUS_SUCCESS;
}

// ---- Sessions ------------------------------------------------------------------------------

static struct status get_session_record(struct store_txn *txn, struct id128 id,
                                        struct auth_session_record *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_SESSIONS, id128_bytes(&id),
                                 REFUSE(NOT_FOUND, SESSION_NOT_FOUND, "there is no such session"),
                                 &row));
    return auth_session_decode(id, row, ret);
}

struct status auth_store_get_session(struct store_txn *txn, struct id128 id,
                                     struct auth_session *ret)
{
    struct auth_session_record record;
    RETURN_IF_ERROR(get_session_record(txn, id, &record));
    *ret = record.session;
    return STATUS_SUCCESS;
}

static void put_session_record(struct store_txn *txn, const struct auth_session_record *record)
{
    uint8_t row[AUTH_SESSION_BYTES_MAX];
    size_t size = auth_session_encode(record, row);
    store_put(txn, AUTH_TABLE_SESSIONS, id128_bytes(&record->session.id), bytes_of(row, size));
}

void auth_store_put_new_session(const struct auth_store *auth, struct store_txn *txn,
                                const struct auth_session *session, const char *device,
                                const char *client_ip)
{
    uint8_t spans[2 * AUTH_SPAN_BYTES_MAX], key[AUTH_PAIR_KEY_BYTES];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct seal_place device_place = {"auth_sessions", "device", session->id, NULL};
    struct seal_place ip_place = {"auth_sessions", "client_ip", session->id, NULL};
    struct auth_session_record record = {.session = *session};
    record.sealed_device = seal_text(auth->seal, &device_place, device, &room);
    record.sealed_client_ip = seal_text(auth->seal, &ip_place, client_ip, &room);
    put_session_record(txn, &record);
    auth_pair_key_encode(session->user_id, session->id, key);
    store_put(txn, AUTH_TABLE_USER_SESSIONS, bytes_of(key, sizeof key),
              bytes_of(auth_index_row, sizeof auth_index_row));
}

struct status auth_store_update_session(struct store_txn *txn, const struct auth_session *session)
{
    struct auth_session_record record;
    RETURN_IF_ERROR(get_session_record(txn, session->id, &record));
    record.session = *session; // The sealed spans go over as they are.
    put_session_record(txn, &record);
    if (session->state != AUTH_SESSION_ENDED) return STATUS_SUCCESS;
    uint8_t key[AUTH_PAIR_KEY_BYTES];
    auth_pair_key_encode(session->user_id, session->id, key);
    store_delete(txn, AUTH_TABLE_USER_SESSIONS, bytes_of(key, sizeof key));
    return STATUS_SUCCESS;
}

/// walk_sessions gives the living sessions of a user one after the other, the oldest first; nil
/// behind the last one. The cursor is opened by the first step, and closed by the caller.
static struct status walk_sessions(struct store_txn *txn, struct id128 user_id,
                                   struct store_cursor *cursor, struct id128 *ret)
{
    struct id128 owner_id, session_id;
    uint8_t key[AUTH_PAIR_KEY_BYTES];
    bool is_first = cursor->engine == NULL;
    *ret = ID128_NIL;
    auth_pair_key_encode(user_id, ID128_NIL, key);
    if (is_first) store_cursor_open(txn, AUTH_TABLE_USER_SESSIONS, cursor);
    bool row =
        is_first ? store_cursor_seek(cursor, bytes_of(key, sizeof key)) : store_cursor_next(cursor);
    if (!row) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_pair_key_decode(cursor->key, &owner_id, &session_id));
    if (id128_equal(owner_id, user_id)) *ret = session_id;
    return STATUS_SUCCESS;
}

struct status auth_store_list_sessions(struct store_txn *txn, struct id128 user_id,
                                       size_t *ret_count, struct id128 *ret_oldest)
{
    struct id128 id;
    *ret_count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    for (;;) {
        RETURN_IF_ERROR(walk_sessions(txn, user_id, &cursor, &id));
        if (id128_is_nil(id)) return STATUS_SUCCESS;
        if ((*ret_count)++ == 0) *ret_oldest = id;
    }
}

struct status auth_store_oldest_session(struct store_txn *txn, struct id128 user_id,
                                        struct id128 except_id, struct id128 *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    do
        RETURN_IF_ERROR(walk_sessions(txn, user_id, &cursor, ret));
    while (!id128_is_nil(*ret) && id128_equal(*ret, except_id));
    return STATUS_SUCCESS;
}

struct status auth_store_next_session(struct store_txn *txn, struct id128 user_id,
                                      struct id128 before, struct id128 *ret)
{
    const struct status none =
        REFUSE(NOT_FOUND, SESSION_NOT_FOUND, "the user has no session before this one");
    uint8_t key[AUTH_PAIR_KEY_BYTES];
    struct id128 owner_id, id;
    if (id128_is_nil(before)) memset(before.bytes, 0xff, sizeof before.bytes);
    auth_pair_key_encode(user_id, before, key);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USER_SESSIONS, &cursor);
    if (!store_cursor_seek_before(&cursor, bytes_of(key, sizeof key))) return none;
    RETURN_IF_ERROR(auth_pair_key_decode(cursor.key, &owner_id, &id));
    if (!id128_equal(owner_id, user_id)) return none;
    *ret = id;
    return STATUS_SUCCESS;
}

struct status auth_store_get_session_origin(const struct auth_store *auth, struct store_txn *txn,
                                            struct id128 id, struct arena *arena,
                                            struct auth_session *ret, const char **ret_device,
                                            const char **ret_client_ip)
{
    struct auth_session_record record;
    RETURN_IF_ERROR(get_session_record(txn, id, &record));
    struct seal_place device_place = {"auth_sessions", "device", id, NULL};
    struct seal_place ip_place = {"auth_sessions", "client_ip", id, NULL};
    RETURN_IF_ERROR(
        unseal_text(auth->seal, &device_place, record.sealed_device, arena, ret_device));
    RETURN_IF_ERROR(
        unseal_text(auth->seal, &ip_place, record.sealed_client_ip, arena, ret_client_ip));
    *ret = record.session;
    return STATUS_SUCCESS;
}

bool auth_store_knows_device(struct store_txn *txn, struct id128 user_id,
                             const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES])
{
    uint8_t key[AUTH_DEVICE_KEY_BYTES];
    auth_device_key_encode(user_id, device_hash, key);
    return store_has(txn, AUTH_TABLE_DEVICES, bytes_of(key, sizeof key));
}

struct status auth_store_remember_device(struct store_txn *txn, struct id128 user_id,
                                         const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES],
                                         uint64_t now_ns)
{
    uint8_t key[AUTH_DEVICE_KEY_BYTES], row[AUTH_DEVICE_BYTES];
    auth_device_key_encode(user_id, device_hash, key);
    struct auth_device device = {.first_at_ns = now_ns};
    struct bytes old;
    struct status status = store_get(txn, AUTH_TABLE_DEVICES, bytes_of(key, sizeof key), &old);
    if (status_ok(status)) status = auth_device_decode(old, &device);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    device.last_at_ns = now_ns;
    size_t size = auth_device_encode(&device, row);
    store_put(txn, AUTH_TABLE_DEVICES, bytes_of(key, sizeof key), bytes_of(row, size));
    return STATUS_SUCCESS;
}

bool auth_store_next_device(struct store_txn *txn, struct id128 user_id,
                            uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES])
{
    uint8_t key[AUTH_DEVICE_KEY_BYTES];
    auth_device_key_encode(user_id, device_hash, key);
    struct bytes begin = bytes_of(key, sizeof key);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_DEVICES, &cursor);
    bool row = store_cursor_seek(&cursor, begin);
    if (row && bytes_equal(cursor.key, begin)) row = store_cursor_next(&cursor);
    if (!row || cursor.key.size != sizeof key) return false;
    if (memcmp(cursor.key.data, user_id.bytes, ID128_BYTES) != 0) return false;
    memcpy(device_hash, cursor.key.data + ID128_BYTES, AUTH_DEVICE_HASH_BYTES);
    return true;
}

// ---- Throttles -----------------------------------------------------------------------------

struct auth_throttle_key auth_store_throttle_key(const struct auth_store *auth,
                                                 enum auth_throttle_kind kind, struct bytes subject)
{
    struct auth_throttle_key key;
    uint8_t blind[BLIND_INDEX_BYTES];
    auth_store_mac(auth, "throttle", subject, blind);
    auth_throttle_key_encode(kind, blind, key.bytes);
    return key;
}

struct status auth_store_get_throttle(struct store_txn *txn, const struct auth_throttle_key *key,
                                      struct auth_throttle *ret)
{
    struct bytes row;
    struct status status =
        store_get(txn, AUTH_TABLE_THROTTLES, bytes_of(key->bytes, sizeof key->bytes), &row);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct auth_throttle){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return auth_throttle_decode(row, ret);
}

uint64_t auth_store_throttle_end_ns(const struct auth_throttle *throttle)
{
    uint64_t forgotten_ns = throttle->last_ns + AUTH_FAILURES_FORGOTTEN_NS;
    return throttle->until_ns > forgotten_ns ? throttle->until_ns : forgotten_ns;
}

void auth_store_put_throttle(struct store_txn *txn, const struct auth_throttle_key *key,
                             const struct auth_throttle *throttle)
{
    uint8_t row[AUTH_THROTTLE_BYTES];
    struct bytes row_key = bytes_of(key->bytes, sizeof key->bytes);
    bool is_new = !store_has(txn, AUTH_TABLE_THROTTLES, row_key);
    size_t size = auth_throttle_encode(throttle, row);
    store_put(txn, AUTH_TABLE_THROTTLES, row_key, bytes_of(row, size));
    if (!is_new) return;
    struct auth_expiry expiry = {.at_ns = auth_store_throttle_end_ns(throttle),
                                 .kind = AUTH_EXPIRY_THROTTLE};
    memcpy(expiry.row_key, key->bytes, sizeof key->bytes);
    auth_store_file_expiry(txn, &expiry);
}

struct status auth_store_open_throttle(struct store_txn *txn, const struct auth_throttle_key *key,
                                       uint64_t now_ns)
{
    struct auth_throttle throttle;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, key, &throttle));
    if (throttle.count == 0) return STATUS_SUCCESS;
    auth_core_reset_throttle(&throttle, now_ns);
    auth_store_put_throttle(txn, key, &throttle);
    return STATUS_SUCCESS;
}

// ---- What has run out ----------------------------------------------------------------------

struct status auth_store_next_expiry(struct store_txn *txn, uint64_t now_ns,
                                     struct auth_expiry *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_EXPIRIES, &cursor);
    struct auth_expiry expiry = {.at_ns = UINT64_MAX};
    if (store_cursor_first(&cursor)) RETURN_IF_ERROR(auth_expiry_key_decode(cursor.key, &expiry));
    if (expiry.at_ns > now_ns) return REFUSE(NOT_FOUND, NOTHING_DUE, "nothing has run out");
    *ret = expiry;
    return STATUS_SUCCESS;
}

void auth_store_file_expiry(struct store_txn *txn, const struct auth_expiry *expiry)
{
    uint8_t key[AUTH_EXPIRY_KEY_BYTES_MAX];
    size_t size = auth_expiry_key_encode(expiry, key);
    store_put(txn, AUTH_TABLE_EXPIRIES, bytes_of(key, size),
              bytes_of(auth_index_row, sizeof auth_index_row));
}

void auth_store_unfile_expiry(struct store_txn *txn, const struct auth_expiry *expiry)
{
    uint8_t key[AUTH_EXPIRY_KEY_BYTES_MAX];
    size_t size = auth_expiry_key_encode(expiry, key);
    store_delete(txn, AUTH_TABLE_EXPIRIES, bytes_of(key, size));
}

void auth_store_delete_expired(struct store_txn *txn, const struct auth_expiry *expiry)
{
    static const uint8_t table_of[AUTH_EXPIRY_KIND_LAST + 1] = {
        [AUTH_EXPIRY_REGISTRATION] = AUTH_TABLE_REGISTRATIONS,
        [AUTH_EXPIRY_SESSION] = AUTH_TABLE_SESSIONS,
        [AUTH_EXPIRY_THROTTLE] = AUTH_TABLE_THROTTLES,
        [AUTH_EXPIRY_FLOW] = AUTH_TABLE_FLOWS,
    };
    store_delete(txn, table_of[expiry->kind],
                 bytes_of(expiry->row_key, auth_expiry_row_key_bytes(expiry->kind)));
}
