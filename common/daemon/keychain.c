#include "common/daemon/keychain.h"

#include "common/base/record.h"
#include "common/crypto/keys.h"

#include <limits.h>
#include <stdio.h>

enum { LAYOUT_VERSION = 1, FIRST_KEY_VERSION = 1 };

#define BROKEN REFUSE(DATA_LOSS, KEYCHAIN_BROKEN, "a stored data key fails its checks")

// ---- The key that wraps --------------------------------------------------------------------

struct status keychain_load_kek(const char *keys_directory, bool may_be_new,
                                uint8_t ret[static SEAL_KEK_BYTES])
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/kek", keys_directory);
    if (size < 0 || (size_t)size >= sizeof path) {
        return REFUSE(INVALID_ARGUMENT, KEY_NAME, "the directory of the keys has too long a name");
    }
    struct status status = key_secret_load(path, ret);
    if (status.code != STATUS_NOT_FOUND || !may_be_new) return status;
    status = key_secret_generate(path);
    if (!status_ok(status) && status.code != STATUS_ALREADY_EXISTS) return status;
    return key_secret_load(path, ret);
}

// ---- The wrapped keys ----------------------------------------------------------------------

struct first_key {
    uint8_t table;
    uint8_t wrapped[SEAL_WRAPPED_KEY_BYTES];
};

void keychain_record_encode(const uint8_t wrapped[static SEAL_WRAPPED_KEY_BYTES],
                            uint8_t ret[static KEYCHAIN_RECORD_BYTES])
{
    struct record_writer writer = record_write(ret, KEYCHAIN_RECORD_BYTES, LAYOUT_VERSION);
    record_put_bytes(&writer, wrapped, SEAL_WRAPPED_KEY_BYTES);
}

struct status keychain_record_decode(struct bytes record, struct bytes *ret_wrapped)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    const uint8_t *wrapped = record_take(&reader, SEAL_WRAPPED_KEY_BYTES);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret_wrapped = bytes_of(wrapped, SEAL_WRAPPED_KEY_BYTES);
    return STATUS_SUCCESS;
}

static struct status load_keys(struct store *store, uint8_t table, struct seal *seal)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    for (bool more = store_cursor_first(&cursor); more; more = store_cursor_next(&cursor)) {
        struct bytes wrapped;
        if (cursor.key.size != KEYCHAIN_KEY_BYTES) return BROKEN;
        RETURN_IF_ERROR(keychain_record_decode(cursor.value, &wrapped));
        RETURN_IF_ERROR(seal_add_key(seal, get_u32_be(cursor.key.data), wrapped));
    }
    return STATUS_SUCCESS;
}

struct status keychain_exists(struct store *store, uint8_t table, bool *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    *ret = store_cursor_first(&cursor);
    return STATUS_SUCCESS;
}

static struct status put_first_key(struct store_txn *txn, void *context)
{
    const struct first_key *first = context;
    uint8_t key[KEYCHAIN_KEY_BYTES], record[KEYCHAIN_RECORD_BYTES];
    put_u32_be(key, FIRST_KEY_VERSION);
    keychain_record_encode(first->wrapped, record);
    store_put(txn, first->table, bytes_of(key, sizeof key), bytes_of(record, sizeof record));
    return STATUS_SUCCESS;
}

struct status keychain_open(struct store *store, uint8_t table,
                            const uint8_t kek[static SEAL_KEK_BYTES], struct seal **ret)
{
    CLEANUP(seal_close) struct seal *seal = NULL;
    RETURN_IF_ERROR(seal_open(kek, &seal));
    RETURN_IF_ERROR(load_keys(store, table, seal));
    if (seal_newest_version(seal) == 0) {
        struct first_key first = {.table = table};
        seal_new_key(seal, FIRST_KEY_VERSION, first.wrapped);
        // Durable first, in use afterwards: no value is ever sealed with a key that may be lost.
        RETURN_IF_ERROR(store_write_wait(store, put_first_key, &first));
        struct bytes wrapped = bytes_of(first.wrapped, sizeof first.wrapped);
        RETURN_IF_ERROR(seal_add_key(seal, FIRST_KEY_VERSION, wrapped));
    }
    *ret = seal;
    seal = NULL; // The caller's now.
    return STATUS_SUCCESS;
}
