#include "services/auth/store_password.h"

#include "services/auth/store_internal.h"

static struct seal_place password_place(struct id128 user_id)
{
    return (struct seal_place){.table = "auth_passwords", .field = "hash", .owner = user_id};
}

static struct status get_record(struct store_txn *txn, const struct id128 *user_id,
                                struct auth_password_record *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_PASSWORDS, id128_bytes(user_id),
                                 REFUSE(NOT_FOUND, PASSWORD_NOT_FOUND, "the user has no password"),
                                 &row));
    return auth_password_decode(row, ret);
}

static void put_record(struct store_txn *txn, const struct id128 *user_id,
                       const struct auth_password_record *record)
{
    uint8_t row[AUTH_PASSWORD_RECORD_BYTES_MAX];
    size_t size = auth_password_encode(record, row);
    store_put(txn, AUTH_TABLE_PASSWORDS, id128_bytes(user_id), bytes_of(row, size));
}

/// put_hash seals the hash into the record, and puts it.
static void put_hash(const struct auth_store *auth, struct store_txn *txn,
                     const struct id128 *user_id, const char *hash,
                     struct auth_password_record *record)
{
    uint8_t span[AUTH_SPAN_BYTES_MAX];
    struct record_writer room = record_write_key(span, sizeof span);
    struct seal_place place = password_place(*user_id);
    record->sealed_hash = seal_text(auth->seal, &place, hash, &room);
    put_record(txn, user_id, record);
}

void auth_store_put_password(const struct auth_store *auth, struct store_txn *txn,
                             struct id128 user_id, const char *hash, uint64_t now_ns)
{
    struct auth_password_record record = {.changed_at_ns = now_ns};
    put_hash(auth, txn, &user_id, hash, &record);
}

struct status auth_store_rehash_password(const struct auth_store *auth, struct store_txn *txn,
                                         struct id128 user_id, const char *hash)
{
    struct auth_password_record record;
    RETURN_IF_ERROR(get_record(txn, &user_id, &record));
    put_hash(auth, txn, &user_id, hash, &record);
    return STATUS_SUCCESS;
}

struct status auth_store_get_password(const struct auth_store *auth, struct store_txn *txn,
                                      struct id128 user_id, char ret_hash[static AUTH_HASH_BYTES])
{
    struct auth_password_record record;
    RETURN_IF_ERROR(get_record(txn, &user_id, &record));
    if (record.sealed_hash.size >= AUTH_HASH_BYTES + SEAL_OVERHEAD_BYTES)
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored password hash is too long");
    memset(ret_hash, 0, AUTH_HASH_BYTES);
    struct seal_place place = password_place(user_id);
    return unseal_into(auth->seal, &place, record.sealed_hash, (uint8_t *)ret_hash);
}

struct status auth_store_get_password_state(struct store_txn *txn, struct id128 user_id,
                                            struct auth_password *ret)
{
    struct auth_password_record record;
    RETURN_IF_ERROR(get_record(txn, &user_id, &record));
    *ret = (struct auth_password){.changed_at_ns = record.changed_at_ns,
                                  .failures = record.failures,
                                  .disabled_at_ns = record.disabled_at_ns};
    return STATUS_SUCCESS;
}

struct status auth_store_put_password_state(struct store_txn *txn, struct id128 user_id,
                                            const struct auth_password *password)
{
    struct auth_password_record record;
    RETURN_IF_ERROR(get_record(txn, &user_id, &record));
    record.changed_at_ns = password->changed_at_ns;
    record.failures = password->failures; // The sealed hash goes over as it is.
    record.disabled_at_ns = password->disabled_at_ns;
    put_record(txn, &user_id, &record);
    return STATUS_SUCCESS;
}
