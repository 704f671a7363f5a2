#include "common/store/internal.h"

#include <errno.h>
#include <stdlib.h>

static MDB_val to_engine(struct bytes bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)bytes.data};
}

static struct bytes from_engine(MDB_val value)
{
    return bytes_of(value.mv_data, value.mv_size);
}

static MDB_dbi table_handle(const struct store_txn *txn, uint8_t table)
{
    CHECK(table < STORE_TABLE_COUNT_MAX);
    CHECK(txn->store->table_is_open[table]);
    return txn->store->tables[table];
}

// The first error stays: later ones only follow from it, because LMDB then refuses every operation.
static void keep_first_error(struct store_txn *txn, int rc)
{
    if (rc == ENOMEM || rc == EIO || rc == MDB_PANIC) engine_stop_process("write", rc);
    if (status_ok(txn->status)) txn->status = engine_status(rc);
}

// ---- Jobs ----------------------------------------------------------------------------------

void txn_begin_job(struct store_txn *txn, bool wants_savepoint)
{
    CHECK(txn->current == txn->group);
    txn->wants_savepoint = wants_savepoint;
    txn->changed = false;
    txn->serial = ++txn->store->serial;
}

// A savepoint begins with the job's first write or cursor, so that a job that only looks something
// up and refuses costs nothing. Cursors too: one opened before the savepoint would belong to the
// group and stay behind in it.
static bool begin_savepoint(struct store_txn *txn)
{
    if (!txn->wants_savepoint || txn->current != txn->group) return true;
    MDB_txn *savepoint;
    int rc = mdb_txn_begin(txn->store->env, txn->group, 0, &savepoint);
    if (rc != 0) {
        keep_first_error(txn, rc);
        return false;
    }
    txn->current = savepoint;
    return true;
}

void txn_keep_job(struct store_txn *txn)
{
    CHECK(status_ok(txn->status));
    if (txn->current == txn->group) return;
    int rc = mdb_txn_commit(txn->current);
    txn->current = txn->group;
    if (rc != 0) keep_first_error(txn, rc);
}

void txn_undo_job(struct store_txn *txn)
{
    if (txn->current == txn->group) return;
    mdb_txn_abort(txn->current);
    txn->current = txn->group;
}

struct status store_txn_status(const struct store_txn *txn)
{
    return txn->status;
}

struct store *store_txn_store(struct store_txn *txn)
{
    return txn->store;
}

bool store_txn_is_write(const struct store_txn *txn)
{
    return txn->is_write;
}

uint64_t store_txn_serial(const struct store_txn *txn)
{
    return txn->serial;
}

void *store_txn_local(struct store_txn *txn, unsigned slot)
{
    CHECK(slot < STORE_LOCALS_MAX);
    CHECK(txn->is_write);
    return txn->store->locals[slot];
}

void store_set_local(struct store *store, unsigned slot, void *value)
{
    CHECK(slot < STORE_LOCALS_MAX);
    store->locals[slot] = value;
}

// ---- Rows ----------------------------------------------------------------------------------

struct status store_get(struct store_txn *txn, uint8_t table, struct bytes key,
                        struct bytes *ret_value)
{
    MDB_dbi handle = table_handle(txn, table);
    if (!status_ok(txn->status)) return txn->status;
    // No row can have such a key; LMDB would call the question itself an error.
    if (key.size == 0 || key.size > STORE_KEY_BYTES_MAX) return engine_status(MDB_NOTFOUND);
    MDB_val engine_key = to_engine(key), value;
    int rc = mdb_get(txn->current, handle, &engine_key, &value);
    if (rc != 0) return engine_status(rc);
    *ret_value = from_engine(value);
    return STATUS_SUCCESS;
}

struct status store_get_or(struct store_txn *txn, uint8_t table, struct bytes key,
                           struct status missing, struct bytes *ret_value)
{
    struct status status = store_get(txn, table, key, ret_value);
    return status.code == STATUS_NOT_FOUND ? missing : status;
}

bool store_has(struct store_txn *txn, uint8_t table, struct bytes key)
{
    struct bytes value;
    return status_ok(store_get(txn, table, key, &value));
}

static int put(struct store_txn *txn, uint8_t table, struct bytes key, struct bytes value,
               unsigned flags)
{
    CHECK(txn->is_write);
    CHECK(key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    MDB_dbi handle = table_handle(txn, table);
    if (!status_ok(txn->status) || !begin_savepoint(txn)) return 0;
    MDB_val engine_key = to_engine(key), engine_value = to_engine(value);
    txn->changed = true;
    return mdb_put(txn->current, handle, &engine_key, &engine_value, flags);
}

void store_put(struct store_txn *txn, uint8_t table, struct bytes key, struct bytes value)
{
    int rc = put(txn, table, key, value, 0);
    if (rc != 0) keep_first_error(txn, rc);
}

void store_append(struct store_txn *txn, uint8_t table, struct bytes key, struct bytes value)
{
    int rc = put(txn, table, key, value, MDB_APPEND);
    CHECK(rc != MDB_KEYEXIST); // The key is not greater than the table's last.
    if (rc != 0) keep_first_error(txn, rc);
}

void store_delete(struct store_txn *txn, uint8_t table, struct bytes key)
{
    CHECK(txn->is_write);
    MDB_dbi handle = table_handle(txn, table);
    if (!status_ok(txn->status) || key.size == 0 || key.size > STORE_KEY_BYTES_MAX) return;
    if (!begin_savepoint(txn)) return;
    MDB_val engine_key = to_engine(key);
    int rc = mdb_del(txn->current, handle, &engine_key, NULL);
    if (rc == MDB_NOTFOUND) return;
    txn->changed = true;
    if (rc != 0) keep_first_error(txn, rc);
}

// ---- Cursors -------------------------------------------------------------------------------

void store_cursor_open(struct store_txn *txn, uint8_t table, struct store_cursor *ret)
{
    MDB_dbi handle = table_handle(txn, table);
    *ret = (struct store_cursor){.txn = txn};
    // After a failed write a cursor has no rows: the job ends with the transaction's status anyway.
    if (!status_ok(txn->status) || !begin_savepoint(txn)) return;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn->current, handle, &cursor);
    if (rc != 0) engine_stop_process("cursor", rc);
    ret->engine = cursor;
    txn->cursor_count++;
}

void store_cursor_close(struct store_cursor *cursor)
{
    if (cursor->engine != NULL) {
        CHECK(cursor->txn->cursor_count > 0);
        cursor->txn->cursor_count--;
        mdb_cursor_close(cursor->engine);
    }
    *cursor = (struct store_cursor){0};
}

static bool move(struct store_cursor *cursor, MDB_val *key, MDB_cursor_op operation)
{
    cursor->key = cursor->value = (struct bytes){0};
    if (cursor->engine == NULL) return false;
    MDB_val value;
    int rc = mdb_cursor_get(cursor->engine, key, &value, operation);
    if (rc == MDB_NOTFOUND || rc == MDB_BAD_TXN) return false; // BAD_TXN: an earlier write failed.
    // A scan cannot say DATA_LOSS, and a scan that ends early would be taken for the whole truth.
    if (rc != 0) engine_stop_process("scan", rc);
    cursor->key = from_engine(*key);
    cursor->value = from_engine(value);
    return true;
}

bool store_cursor_seek(struct store_cursor *cursor, struct bytes key)
{
    if (key.size == 0) return store_cursor_first(cursor);
    MDB_val engine_key = to_engine(key);
    return move(cursor, &engine_key, MDB_SET_RANGE);
}

bool store_cursor_seek_before(struct store_cursor *cursor, struct bytes key)
{
    // The row before the first one that is >= key; all rows are below it when there is none.
    return store_cursor_seek(cursor, key) ? store_cursor_prev(cursor) : store_cursor_last(cursor);
}

bool store_cursor_first(struct store_cursor *cursor)
{
    return move(cursor, &(MDB_val){0}, MDB_FIRST);
}

bool store_cursor_last(struct store_cursor *cursor)
{
    return move(cursor, &(MDB_val){0}, MDB_LAST);
}

bool store_cursor_next(struct store_cursor *cursor)
{
    return move(cursor, &(MDB_val){0}, MDB_NEXT);
}

bool store_cursor_prev(struct store_cursor *cursor)
{
    return move(cursor, &(MDB_val){0}, MDB_PREV);
}

// ---- Snapshots -----------------------------------------------------------------------------

// Ended snapshots wait on a stack with their reader slot: renewing one takes no lock of LMDB's, the
// last one used is warm, and no thread leaves one behind when it exits.
static struct store_txn *take_idle(struct store *store)
{
    pthread_mutex_lock(&store->snapshot_lock);
    struct store_txn *txn = store->idle_snapshots;
    if (txn != NULL) store->idle_snapshots = txn->next_idle;
    pthread_mutex_unlock(&store->snapshot_lock);
    return txn;
}

static void give_idle(struct store *store, struct store_txn *txn)
{
    pthread_mutex_lock(&store->snapshot_lock);
    txn->next_idle = store->idle_snapshots;
    store->idle_snapshots = txn;
    pthread_mutex_unlock(&store->snapshot_lock);
}

struct status store_snapshot_begin(struct store *store, struct store_txn **ret)
{
    engine_check_process(store);
    struct store_txn *txn = take_idle(store);
    int rc;
    if (txn != NULL) {
        rc = mdb_txn_renew(txn->group);
        if (rc != 0) mdb_txn_abort(txn->group);
    } else {
        txn = calloc(1, sizeof *txn);
        CHECK(txn != NULL);
        txn->store = store;
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->group);
    }
    if (rc != 0) {
        free(txn);
        return engine_status(rc);
    }
    txn->current = txn->group;
    atomic_fetch_add_explicit(&store->live_snapshots, 1, memory_order_relaxed);
    *ret = txn;
    return STATUS_SUCCESS;
}

void store_snapshot_end(struct store_txn **txn)
{
    if (*txn == NULL) return;
    struct store *store = (*txn)->store;
    CHECK(!(*txn)->is_write);
    CHECK((*txn)->cursor_count == 0);
    mdb_txn_reset((*txn)->group);
    give_idle(store, *txn);
    atomic_fetch_sub_explicit(&store->live_snapshots, 1, memory_order_relaxed);
    *txn = NULL;
}

void txn_close_snapshots(struct store *store)
{
    CHECK(atomic_load(&store->live_snapshots) == 0); // A reader would read unmapped memory.
    for (struct store_txn *txn; (txn = take_idle(store)) != NULL; free(txn)) {
        mdb_txn_abort(txn->group);
    }
}
