#include "services/auth/store.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/daemon/keychain.h"

#include <stdlib.h>

static const struct store_table tables[] = {
    {AUTH_TABLE_KEYS, "auth_keys"},           {AUTH_TABLE_SIGNING, "auth_signing"},
    {AUTH_TABLE_USERS, "auth_users"},         {AUTH_TABLE_IDENTIFIERS, "auth_identifiers"},
    {AUTH_TABLE_PASSWORDS, "auth_passwords"}, {AUTH_TABLE_REGISTRATIONS, "auth_registrations"},
    {AUTH_TABLE_SESSIONS, "auth_sessions"},   {AUTH_TABLE_USER_SESSIONS, "auth_user_sessions"},
    {AUTH_TABLE_DEVICES, "auth_devices"},     {AUTH_TABLE_THROTTLES, "auth_throttles"},
    {AUTH_TABLE_MESSAGES, "auth_messages"},   {AUTH_TABLE_EXPIRIES, "auth_expiries"},
};

_Static_assert(sizeof tables / sizeof tables[0] == AUTH_TABLE_END - AUTH_TABLE_KEYS,
               "every table has a name");

const struct store_schema auth_store_schema = {
    .name = "auth",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

struct auth_store {
    struct seal *seal;
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

static struct status id_of_key(struct bytes key, struct id128 *ret)
{
    if (key.size != ID128_BYTES) {
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored key is no identifier");
    }
    *ret = id128_of(key.data);
    return STATUS_SUCCESS;
}

// ---- Sealing -------------------------------------------------------------------------------

/* The names of table and field in a place are part of what is sealed: never change one. */

static const char *const person_fields[AUTH_APPLICANT_FIELD_COUNT] = {
    [AUTH_PERSON_EMAIL] = "email",
    [AUTH_PERSON_MOBILE] = "mobile",
    [AUTH_PERSON_FULL_NAME] = "full_name",
    [AUTH_APPLICANT_PASSWORD] = "password",
};

// ---- Users ---------------------------------------------------------------------------------

bool auth_store_has_users(struct store_txn *txn)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USERS, &cursor);
    return store_cursor_first(&cursor);
}

#define USER_NOT_FOUND REFUSE(NOT_FOUND, USER_NOT_FOUND, "there is no such user")

struct status auth_store_get_user(struct store_txn *txn, struct id128 id, struct auth_user *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_USERS, id128_bytes(&id), USER_NOT_FOUND, &row));
    return auth_user_decode(id, row, ret);
}

void auth_store_put_user(struct store_txn *txn, const struct auth_user *user)
{
    uint8_t row[AUTH_USER_BYTES_MAX];
    size_t size = auth_user_encode(user, row);
    store_put(txn, AUTH_TABLE_USERS, id128_bytes(&user->id), bytes_of(row, size));
}

static struct seal_place owner_key_place(struct id128 user_id)
{
    return (struct seal_place){.table = "auth_users", .field = "owner_key", .owner = user_id};
}

static void identifier_key(const struct auth_store *auth, enum auth_channel channel,
                           const char *normal, uint8_t ret[static AUTH_IDENTIFIER_KEY_BYTES])
{
    uint8_t blind[BLIND_INDEX_BYTES];
    auth_store_mac(auth, auth_channel_name(channel), bytes_of_text(normal), blind);
    auth_identifier_key_encode(channel, blind, ret);
}

static bool is_taken(const struct auth_store *auth, struct store_txn *txn,
                     enum auth_channel channel, const char *normal)
{
    uint8_t key[AUTH_IDENTIFIER_KEY_BYTES];
    identifier_key(auth, channel, normal, key);
    return normal[0] != '\0' && store_has(txn, AUTH_TABLE_IDENTIFIERS, bytes_of(key, sizeof key));
}

static void put_identifier(const struct auth_store *auth, struct store_txn *txn,
                           enum auth_channel channel, const char *normal, struct id128 user_id)
{
    if (normal[0] == '\0') return;
    uint8_t key[AUTH_IDENTIFIER_KEY_BYTES], row[AUTH_IDENTIFIER_BYTES];
    identifier_key(auth, channel, normal, key);
    auth_identifier_encode(user_id, row);
    store_put(txn, AUTH_TABLE_IDENTIFIERS, bytes_of(key, sizeof key), bytes_of(row, sizeof row));
}

struct status auth_store_put_new_user(const struct auth_store *auth, struct store_txn *txn,
                                      const struct auth_user *user,
                                      const struct auth_person *person)
{
    const char *email = person->fields[AUTH_PERSON_EMAIL];
    const char *mobile = person->fields[AUTH_PERSON_MOBILE];
    if (is_taken(auth, txn, AUTH_EMAIL, email) || is_taken(auth, txn, AUTH_MOBILE, mobile)) {
        return REFUSE(ALREADY_EXISTS, ALREADY_EXISTS, "an account with this address exists");
    }
    put_identifier(auth, txn, AUTH_EMAIL, email, user->id);
    put_identifier(auth, txn, AUTH_MOBILE, mobile, user->id);
    struct auth_user sealed = *user;
    uint8_t owner_key[SEAL_OWNER_KEY_BYTES], spans[AUTH_PERSON_FIELD_COUNT * AUTH_SPAN_BYTES_MAX];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct seal_place place = owner_key_place(user->id);
    seal_new_owner_key(auth->seal, &place, owner_key, sealed.sealed_owner_key);
    for (size_t i = 0; i < AUTH_PERSON_FIELD_COUNT; i++) {
        struct seal_place field = {"auth_users", person_fields[i], user->id, owner_key};
        sealed.sealed[i] = seal_text(auth->seal, &field, person->fields[i], &room);
    }
    key_wipe(owner_key, sizeof owner_key);
    auth_store_put_user(txn, &sealed);
    return STATUS_SUCCESS;
}

struct status auth_store_get_person(const struct auth_store *auth, const struct auth_user *user,
                                    struct arena *arena, struct auth_person *ret)
{
    uint8_t owner_key[SEAL_OWNER_KEY_BYTES];
    struct seal_place place = owner_key_place(user->id);
    struct bytes sealed = bytes_of(user->sealed_owner_key, sizeof user->sealed_owner_key);
    RETURN_IF_ERROR(unseal_into(auth->seal, &place, sealed, owner_key));
    struct status status = STATUS_SUCCESS;
    for (size_t i = 0; i < AUTH_PERSON_FIELD_COUNT && status_ok(status); i++) {
        struct seal_place field = {"auth_users", person_fields[i], user->id, owner_key};
        status = unseal_text(auth->seal, &field, user->sealed[i], arena, &ret->fields[i]);
    }
    key_wipe(owner_key, sizeof owner_key);
    return status;
}

struct status auth_store_find_user(const struct auth_store *auth, struct store_txn *txn,
                                   enum auth_channel channel, const char *normal,
                                   struct id128 *ret_user_id)
{
    uint8_t key[AUTH_IDENTIFIER_KEY_BYTES];
    struct bytes row;
    identifier_key(auth, channel, normal, key);
    RETURN_IF_ERROR(
        store_get_or(txn, AUTH_TABLE_IDENTIFIERS, bytes_of(key, sizeof key), USER_NOT_FOUND, &row));
    return auth_identifier_decode(row, ret_user_id);
}

static struct seal_place password_place(struct id128 user_id)
{
    return (struct seal_place){.table = "auth_passwords", .field = "hash", .owner = user_id};
}

void auth_store_put_password(const struct auth_store *auth, struct store_txn *txn,
                             struct id128 user_id, const char *hash, uint64_t now_ns)
{
    uint8_t span[AUTH_SPAN_BYTES_MAX], row[AUTH_PASSWORD_RECORD_BYTES_MAX];
    struct record_writer room = record_write_key(span, sizeof span);
    struct seal_place place = password_place(user_id);
    struct auth_password_record record = {
        .changed_at_ns = now_ns, .sealed_hash = seal_text(auth->seal, &place, hash, &room)};
    size_t size = auth_password_encode(&record, row);
    store_put(txn, AUTH_TABLE_PASSWORDS, id128_bytes(&user_id), bytes_of(row, size));
}

struct status auth_store_get_password(const struct auth_store *auth, struct store_txn *txn,
                                      struct id128 user_id, char ret_hash[static AUTH_HASH_BYTES])
{
    struct auth_password_record record;
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_PASSWORDS, id128_bytes(&user_id),
                                 REFUSE(NOT_FOUND, PASSWORD_NOT_FOUND, "the user has no password"),
                                 &row));
    RETURN_IF_ERROR(auth_password_decode(row, &record));
    if (record.sealed_hash.size >= AUTH_HASH_BYTES + SEAL_OVERHEAD_BYTES) {
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored password hash is too long");
    }
    memset(ret_hash, 0, AUTH_HASH_BYTES);
    struct seal_place place = password_place(user_id);
    return unseal_into(auth->seal, &place, record.sealed_hash, (uint8_t *)ret_hash);
}

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
        struct seal_place place = {"auth_registrations", person_fields[i], id, NULL};
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
        struct seal_place place = {"auth_registrations", person_fields[i], registration->id, NULL};
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

struct status auth_store_list_sessions(struct store_txn *txn, struct id128 user_id,
                                       size_t *ret_count, struct id128 *ret_oldest)
{
    uint8_t key[AUTH_PAIR_KEY_BYTES];
    auth_pair_key_encode(user_id, ID128_NIL, key);
    *ret_count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USER_SESSIONS, &cursor);
    bool row = store_cursor_seek(&cursor, bytes_of(key, sizeof key));
    for (; row; row = store_cursor_next(&cursor)) {
        struct id128 owner_id, session_id;
        RETURN_IF_ERROR(auth_pair_key_decode(cursor.key, &owner_id, &session_id));
        if (!id128_equal(owner_id, user_id)) break;
        if ((*ret_count)++ == 0) *ret_oldest = session_id;
    }
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

// ---- Messages ------------------------------------------------------------------------------

void auth_store_put_message(const struct auth_store *auth, struct store_txn *txn,
                            const struct auth_message *message)
{
    uint8_t spans[2 * AUTH_SPAN_BYTES_MAX], row[AUTH_MESSAGE_BYTES_MAX];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct id128 id = id128_generate();
    struct seal_place to_place = {"auth_messages", "to", id, NULL};
    struct seal_place code_place = {"auth_messages", "code", id, NULL};
    struct auth_message_record record = {.channel = message->channel,
                                         .kind = message->kind,
                                         .created_at_ns = message->created_at_ns};
    record.sealed_to = seal_text(auth->seal, &to_place, message->to, &room);
    record.sealed_code = seal_text(auth->seal, &code_place, message->code, &room);
    size_t size = auth_message_encode(&record, row);
    store_put(txn, AUTH_TABLE_MESSAGES, id128_bytes(&id), bytes_of(row, size));
}

struct status auth_store_get_messages(const struct auth_store *auth, struct store_txn *txn,
                                      struct arena *arena, struct auth_message *ret,
                                      size_t count_max, size_t *ret_count)
{
    size_t count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_MESSAGES, &cursor);
    for (bool row = store_cursor_first(&cursor); row && count < count_max;
         row = store_cursor_next(&cursor)) {
        struct auth_message_record record;
        struct auth_message *message = &ret[count++];
        RETURN_IF_ERROR(id_of_key(cursor.key, &message->id));
        RETURN_IF_ERROR(auth_message_decode(cursor.value, &record));
        message->channel = record.channel;
        message->kind = record.kind;
        message->created_at_ns = record.created_at_ns;
        struct seal_place to_place = {"auth_messages", "to", message->id, NULL};
        struct seal_place code_place = {"auth_messages", "code", message->id, NULL};
        RETURN_IF_ERROR(unseal_text(auth->seal, &to_place, record.sealed_to, arena, &message->to));
        RETURN_IF_ERROR(
            unseal_text(auth->seal, &code_place, record.sealed_code, arena, &message->code));
    }
    *ret_count = count;
    return STATUS_SUCCESS;
}

void auth_store_delete_message(struct store_txn *txn, struct id128 id)
{
    store_delete(txn, AUTH_TABLE_MESSAGES, id128_bytes(&id));
}

// ---- Signing keys --------------------------------------------------------------------------

/// The key's own id: what its kid spells. It binds the seed, so that no seed signs for another key.
static struct id128 signing_id(const uint8_t public_key[static KEY_PUBLIC_BYTES])
{
    char kid[KEY_ID_TEXT_BYTES];
    struct id128 id;
    size_t size = 0;
    key_id(public_key, kid);
    CHECK(base64url_decode(kid, strlen(kid), id.bytes, sizeof id.bytes, &size));
    CHECK(size == sizeof id.bytes);
    return id;
}

static struct seal_place seed_place(struct id128 id)
{
    return (struct seal_place){.table = "auth_signing", .field = "seed", .owner = id};
}

void auth_store_put_signing_key(const struct auth_store *auth, struct store_txn *txn,
                                const struct auth_signing_key *key,
                                const uint8_t seed[static KEY_SEED_BYTES])
{
    struct id128 id = signing_id(key->public_key);
    struct auth_signing_record record = {.state = key->state,
                                         .created_at_ns = key->created_at_ns,
                                         .changed_at_ns = key->changed_at_ns};
    memcpy(record.public_key, key->public_key, sizeof record.public_key);
    struct seal_place place = seed_place(id);
    size_t size =
        seal_value(auth->seal, &place, bytes_of(seed, KEY_SEED_BYTES), record.sealed_seed);
    CHECK(size == sizeof record.sealed_seed);
    uint8_t row[AUTH_SIGNING_BYTES];
    size = auth_signing_encode(&record, row);
    store_put(txn, AUTH_TABLE_SIGNING, id128_bytes(&id), bytes_of(row, size));
}

struct status auth_store_get_signing_keys(struct store_txn *txn, struct auth_signing_key *ret,
                                          size_t count_max, size_t *ret_count)
{
    size_t count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_SIGNING, &cursor);
    for (bool row = store_cursor_first(&cursor); row && count < count_max;
         row = store_cursor_next(&cursor)) {
        struct auth_signing_record record;
        RETURN_IF_ERROR(auth_signing_decode(cursor.value, &record));
        struct auth_signing_key *key = &ret[count++];
        *key = (struct auth_signing_key){.state = record.state,
                                         .created_at_ns = record.created_at_ns,
                                         .changed_at_ns = record.changed_at_ns};
        memcpy(key->public_key, record.public_key, sizeof key->public_key);
    }
    *ret_count = count;
    return STATUS_SUCCESS;
}

struct status auth_store_get_signing_seed(const struct auth_store *auth, struct store_txn *txn,
                                          const struct auth_signing_key *key,
                                          uint8_t ret_seed[static KEY_SEED_BYTES])
{
    struct id128 id = signing_id(key->public_key);
    struct auth_signing_record record;
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_SIGNING, id128_bytes(&id),
                                 REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a signing key has no row"),
                                 &row));
    RETURN_IF_ERROR(auth_signing_decode(row, &record));
    struct seal_place place = seed_place(id);
    return unseal_into(auth->seal, &place, bytes_of(record.sealed_seed, sizeof record.sealed_seed),
                       ret_seed);
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
    };
    store_delete(txn, table_of[expiry->kind],
                 bytes_of(expiry->row_key, auth_expiry_row_key_bytes(expiry->kind)));
}
