#include "services/auth/store_signing.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "services/auth/store_internal.h"

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

static void put_record(struct store_txn *txn, const struct auth_signing_record *record)
{
    struct id128 id = signing_id(record->public_key);
    uint8_t row[AUTH_SIGNING_BYTES];
    size_t size = auth_signing_encode(record, row);
    store_put(txn, AUTH_TABLE_SIGNING, id128_bytes(&id), bytes_of(row, size));
}

static struct status get_record(struct store_txn *txn, const struct auth_signing_key *key,
                                struct auth_signing_record *ret)
{
    struct id128 id = signing_id(key->public_key);
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_SIGNING, id128_bytes(&id),
                                 REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a signing key has no row"),
                                 &row));
    return auth_signing_decode(row, ret);
}

void auth_store_put_new_signing_key(const struct auth_store *auth, struct store_txn *txn,
                                    const struct auth_signing_key *key,
                                    const uint8_t seed[static KEY_SEED_BYTES])
{
    struct auth_signing_record record = {.state = key->state,
                                         .created_at_ns = key->created_at_ns,
                                         .changed_at_ns = key->changed_at_ns};
    memcpy(record.public_key, key->public_key, sizeof record.public_key);
    struct seal_place place = seed_place(signing_id(key->public_key));
    size_t size =
        seal_value(auth->seal, &place, bytes_of(seed, KEY_SEED_BYTES), record.sealed_seed);
    CHECK(size == sizeof record.sealed_seed);
    put_record(txn, &record);
}

struct status auth_store_put_signing_key(struct store_txn *txn, const struct auth_signing_key *key)
{
    struct auth_signing_record record;
    RETURN_IF_ERROR(get_record(txn, key, &record)); // The sealed seed goes over as it is.
    record.state = key->state;
    record.changed_at_ns = key->changed_at_ns;
    put_record(txn, &record);
    return STATUS_SUCCESS;
}

void auth_store_delete_signing_key(struct store_txn *txn, const struct auth_signing_key *key)
{
    struct id128 id = signing_id(key->public_key);
    store_delete(txn, AUTH_TABLE_SIGNING, id128_bytes(&id));
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
    struct auth_signing_record record;
    RETURN_IF_ERROR(get_record(txn, key, &record));
    struct seal_place place = seed_place(signing_id(key->public_key));
    return unseal_into(auth->seal, &place, bytes_of(record.sealed_seed, sizeof record.sealed_seed),
                       ret_seed);
}
