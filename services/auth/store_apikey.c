#include "services/auth/store_apikey.h"

#include "common/event/note.h"
#include "services/auth/store_internal.h"

#define API_KEY_NOT_FOUND REFUSE(NOT_FOUND, API_KEY_NOT_FOUND, "there is no such API key")

static struct status get_record(struct store_txn *txn, struct id128 id,
                                struct auth_api_key_record *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(
        store_get_or(txn, AUTH_TABLE_API_KEYS, id128_bytes(&id), API_KEY_NOT_FOUND, &row));
    return auth_api_key_decode(id, row, ret);
}

struct status auth_store_get_api_key(struct store_txn *txn, struct id128 id,
                                     struct auth_api_key *ret)
{
    struct auth_api_key_record record;
    RETURN_IF_ERROR(get_record(txn, id, &record));
    *ret = record.key;
    return STATUS_SUCCESS;
}

static struct seal_place name_place(struct id128 id)
{
    return (struct seal_place){.table = "auth_api_keys", .field = "name", .owner = id};
}

struct status auth_store_get_api_key_name(const struct auth_store *auth, struct store_txn *txn,
                                          struct id128 id, struct arena *arena, const char **ret)
{
    struct auth_api_key_record record;
    RETURN_IF_ERROR(get_record(txn, id, &record));
    struct seal_place place = name_place(id);
    return unseal_text(auth->seal, &place, record.sealed_name, arena, ret);
}

static void put_record(struct store_txn *txn, const struct auth_api_key_record *record)
{
    uint8_t row[AUTH_API_KEY_BYTES_MAX];
    size_t size = auth_api_key_encode(record, row);
    event_note_member(txn, "api-keys", record->key.id, AUTH_TABLE_API_KEYS);
    store_put(txn, AUTH_TABLE_API_KEYS, id128_bytes(&record->key.id), bytes_of(row, size));
}

void auth_store_put_new_api_key(const struct auth_store *auth, struct store_txn *txn,
                                const struct auth_api_key *key, const char *name)
{
    uint8_t span[AUTH_SPAN_BYTES_MAX], pair[AUTH_PAIR_KEY_BYTES];
    struct record_writer room = record_write_key(span, sizeof span);
    struct seal_place place = name_place(key->id);
    struct auth_api_key_record record = {.key = *key,
                                         .sealed_name = seal_text(auth->seal, &place, name, &room)};
    put_record(txn, &record);
    auth_pair_key_encode(key->owner_id, key->id, pair);
    store_put(txn, AUTH_TABLE_API_KEY_OWNERS, bytes_of(pair, sizeof pair),
              bytes_of(auth_index_row, sizeof auth_index_row));
}

struct status auth_store_update_api_key(struct store_txn *txn, const struct auth_api_key *key)
{
    struct auth_api_key_record record;
    RETURN_IF_ERROR(get_record(txn, key->id, &record));
    record.key = *key; // The sealed name goes over as it is.
    put_record(txn, &record);
    return STATUS_SUCCESS;
}

void auth_store_delete_api_key(struct store_txn *txn, const struct auth_api_key *key)
{
    uint8_t pair[AUTH_PAIR_KEY_BYTES];
    auth_pair_key_encode(key->owner_id, key->id, pair);
    event_note_member(txn, "api-keys", key->id, AUTH_TABLE_API_KEYS);
    store_delete(txn, AUTH_TABLE_API_KEY_OWNERS, bytes_of(pair, sizeof pair));
    store_delete(txn, AUTH_TABLE_API_KEYS, id128_bytes(&key->id));
}

/// older_key gives the id of the newest key on the list that is older than `before`; nil: none.
static struct status older_key(struct store_txn *txn, struct id128 owner_id, struct id128 before,
                               struct id128 *ret)
{
    uint8_t pair[AUTH_PAIR_KEY_BYTES];
    struct id128 found_owner_id, id;
    *ret = ID128_NIL;
    if (id128_is_nil(before)) memset(before.bytes, 0xff, sizeof before.bytes);
    auth_pair_key_encode(owner_id, before, pair);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_API_KEY_OWNERS, &cursor);
    if (!store_cursor_seek_before(&cursor, bytes_of(pair, sizeof pair))) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_pair_key_decode(cursor.key, &found_owner_id, &id));
    if (id128_equal(found_owner_id, owner_id)) *ret = id;
    return STATUS_SUCCESS;
}

struct status auth_store_next_api_key(struct store_txn *txn, struct id128 owner_id,
                                      struct id128 before, struct auth_api_key *ret)
{
    struct id128 id;
    RETURN_IF_ERROR(older_key(txn, owner_id, before, &id));
    if (id128_is_nil(id)) return API_KEY_NOT_FOUND;
    return auth_store_get_api_key(txn, id, ret);
}
