#include "services/audit/store.h"

#include "common/base/check.h"

enum {
    TABLE_ENTRIES = STORE_TABLE_SERVICE_FIRST, // index -> entry
    TABLE_SIDES,                               // index -> side
    TABLE_TILES,                               // level, index -> hashes
    TABLE_SEARCH,                              // kind, name, index -> nothing
    TABLE_MARKS,                               // source -> mark
    TABLE_LOG,                                 // "head", "checkpoint"
};

static const struct store_table tables[] = {
    {TABLE_ENTRIES, "entries"}, {TABLE_SIDES, "sides"}, {TABLE_TILES, "tiles"},
    {TABLE_SEARCH, "search"},   {TABLE_MARKS, "marks"}, {TABLE_LOG, "log"},
};

const struct store_schema audit_store_schema = {
    .name = "audit",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

static const char head_key[] = "head", checkpoint_key[] = "checkpoint";

// ---- Entries and sides ---------------------------------------------------------------------

void audit_store_append_entry(struct store_txn *txn, uint64_t index, struct bytes entry,
                              struct bytes side)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    store_append(txn, TABLE_ENTRIES, audit_index_key(index, key), entry);
    store_append(txn, TABLE_SIDES, audit_index_key(index, key), side);
}

struct status audit_store_get_entry(struct store_txn *txn, uint64_t index, struct bytes *ret_entry)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    return store_get_or(txn, TABLE_ENTRIES, audit_index_key(index, key),
                        REFUSE(NOT_FOUND, ENTRY_NOT_FOUND, "the log has no entry with this index"),
                        ret_entry);
}

struct status audit_store_get_side(struct store_txn *txn, uint64_t index, struct audit_side *ret)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(
        txn, TABLE_SIDES, audit_index_key(index, key),
        REFUSE(NOT_FOUND, SIDE_NOT_FOUND, "the entry's details were erased"), &record));
    return audit_side_decode(record, ret);
}

struct status audit_store_entry_count(struct store_txn *txn, uint64_t *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, TABLE_ENTRIES, &cursor);
    *ret = 0;
    if (!store_cursor_last(&cursor)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_index_key_decode(cursor.key, ret));
    *ret += 1;
    return STATUS_SUCCESS;
}

// ---- Tree ----------------------------------------------------------------------------------

void audit_store_put_tile(struct store_txn *txn, unsigned level, uint64_t index,
                          struct bytes record)
{
    uint8_t key[AUDIT_TILE_KEY_BYTES];
    store_put(txn, TABLE_TILES, audit_tile_key(level, index, key), record);
}

struct status audit_store_get_tile(struct store_txn *txn, unsigned level, uint64_t index,
                                   struct bytes *ret_record)
{
    uint8_t key[AUDIT_TILE_KEY_BYTES];
    return store_get_or(txn, TABLE_TILES, audit_tile_key(level, index, key),
                        REFUSE(NOT_FOUND, TILE_NOT_FOUND, "the tree has no such tile"), ret_record);
}

void audit_store_put_head(struct store_txn *txn, const struct merkle_frontier *head)
{
    uint8_t record[AUDIT_HEAD_BYTES_MAX];
    store_put(txn, TABLE_LOG, bytes_of_text(head_key), audit_head_encode(head, record));
}

struct status audit_store_get_head(struct store_txn *txn, struct merkle_frontier *ret)
{
    struct bytes record;
    struct status status = store_get(txn, TABLE_LOG, bytes_of_text(head_key), &record);
    if (status.code == STATUS_NOT_FOUND) {
        ret->size = 0;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return audit_head_decode(record, ret);
}

void audit_store_put_checkpoint(struct store_txn *txn, uint64_t size, struct bytes note)
{
    uint8_t record[AUDIT_CHECKPOINT_HEAD_BYTES + 4096];
    CHECK(note.size <= sizeof record - AUDIT_CHECKPOINT_HEAD_BYTES);
    store_put(txn, TABLE_LOG, bytes_of_text(checkpoint_key),
              bytes_of(record, audit_checkpoint_encode(size, note, record)));
}

struct status audit_store_get_checkpoint(struct store_txn *txn, uint64_t *ret_size,
                                         struct bytes *ret_note)
{
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(
        txn, TABLE_LOG, bytes_of_text(checkpoint_key),
        REFUSE(NOT_FOUND, CHECKPOINT_NOT_FOUND, "no checkpoint was signed yet"), &record));
    return audit_checkpoint_decode(record, ret_size, ret_note);
}

// ---- Marks ---------------------------------------------------------------------------------

void audit_store_put_mark(struct store_txn *txn, const char *source, const struct audit_mark *mark)
{
    uint8_t record[AUDIT_MARK_BYTES];
    store_put(txn, TABLE_MARKS, bytes_of_text(source), audit_mark_encode(mark, record));
}

struct status audit_store_get_mark(struct store_txn *txn, const char *source,
                                   struct audit_mark *ret)
{
    struct bytes record;
    struct status status = store_get(txn, TABLE_MARKS, bytes_of_text(source), &record);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct audit_mark){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return audit_mark_decode(record, ret);
}

// ---- Search --------------------------------------------------------------------------------

void audit_store_put_search(struct store_txn *txn, enum audit_search_kind kind,
                            const uint8_t prefix[static AUDIT_NAME_PREFIX_BYTES], uint64_t index)
{
    uint8_t key[AUDIT_SEARCH_KEY_BYTES];
    store_put(txn, TABLE_SEARCH, audit_search_key(kind, prefix, index, key), bytes_of("", 0));
}

void audit_store_search_open(struct store_txn *txn, enum audit_search_kind kind, struct bytes name,
                             uint64_t before, struct audit_search *ret)
{
    *ret = (struct audit_search){.kind = kind, .before = before};
    audit_name_prefix(name, ret->prefix);
    store_cursor_open(txn, TABLE_SEARCH, &ret->cursor);
}

bool audit_store_search_next(struct audit_search *search, uint64_t *ret_index)
{
    bool found;
    if (search->started) {
        found = store_cursor_prev(&search->cursor);
    } else {
        uint8_t key[AUDIT_SEARCH_KEY_BYTES];
        found = store_cursor_seek_before(
            &search->cursor, audit_search_key(search->kind, search->prefix, search->before, key));
        search->started = true;
    }
    return found &&
           audit_search_key_decode(search->cursor.key, search->kind, search->prefix, ret_index);
}

void audit_store_search_close(struct audit_search *search)
{
    store_cursor_close(&search->cursor);
}
