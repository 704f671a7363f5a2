#include "services/auth/counters.h"
#include "services/auth/store_internal.h"

enum { BATCH_USERS = 256 };

struct batch {
    size_t count;
    struct id128 ids[BATCH_USERS];
};

/// next_batch reads the ids that follow the last one: a cursor may not be open over a table that is
/// being written to.
static struct status next_batch(struct store_txn *txn, struct batch *batch)
{
    bool is_first = batch->count == 0;
    struct id128 last = is_first ? ID128_NIL : batch->ids[batch->count - 1];
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USERS, &cursor);
    bool row =
        is_first ? store_cursor_first(&cursor) : store_cursor_seek(&cursor, id128_bytes(&last));
    if (row && !is_first) row = store_cursor_next(&cursor); // The last one itself.
    for (batch->count = 0; row && batch->count < BATCH_USERS; row = store_cursor_next(&cursor))
        RETURN_IF_ERROR(auth_store_id_of_key(cursor.key, &batch->ids[batch->count++]));
    return STATUS_SUCCESS;
}

static bool holds_admin(const struct auth_user *user)
{
    for (size_t i = 0; i < user->roles.count; i++)
        if (strcmp(user->roles.names[i], "admin") == 0) return true;
    return false;
}

static struct status rewrite_user(struct store_txn *txn, struct id128 id, bool is_first)
{
    struct auth_user user;
    uint8_t row[AUTH_USER_BYTES_MAX];
    RETURN_IF_ERROR(auth_store_get_user(txn, id, &user));
    // The first start made the first user, the administrator, with an address that nobody has
    // confirmed and that no message reaches.
    if (is_first && holds_admin(&user)) user.channels = 0;
    size_t size = auth_user_encode(&user, row); // In the newest layout.
    auth_store_index_user(txn, NULL, &user);
    store_put(txn, AUTH_TABLE_USERS, id128_bytes(&id), bytes_of(row, size));
    return store_txn_status(txn);
}

struct status auth_migrate_users(struct store_txn *txn)
{
    struct batch batch = {0};
    bool is_first = true;
    do {
        RETURN_IF_ERROR(next_batch(txn, &batch));
        for (size_t i = 0; i < batch.count; i++) {
            RETURN_IF_ERROR(rewrite_user(txn, batch.ids[i], is_first));
            is_first = false;
        }
    } while (batch.count > 0);
    return auth_gauges_rebuild(txn);
}
