#include "services/audit/store.h"

#include "common/base/check.h"
#include "services/audit/migrate.h"
#include "services/audit/tables.h"

#include <stdlib.h>

static const struct store_table tables[] = {
    {AUDIT_TABLE_ENTRIES, "entries"},   {AUDIT_TABLE_SIDES, "sides"},
    {AUDIT_TABLE_TILES, "tiles"},       {AUDIT_TABLE_SEARCH, "search"},
    {AUDIT_TABLE_MARKS, "marks"},       {AUDIT_TABLE_LOG, "log"},
    {AUDIT_TABLE_CURSORS, "cursors"},   {AUDIT_TABLE_COUNTS, "counts"},
    {AUDIT_TABLE_FINDINGS, "findings"}, {AUDIT_TABLE_WATCHES, "watches"},
    {AUDIT_TABLE_INBOX, "inbox"},       {AUDIT_TABLE_CONSUMERS, "consumers"},
    {AUDIT_TABLE_WEBHOOKS, "webhooks"}, {AUDIT_TABLE_DELIVERIES, "deliveries"},
    {AUDIT_TABLE_DUE, "due"},           {AUDIT_TABLE_OWNERS, "owners"},
    {AUDIT_TABLE_KEYS, "keys"},
};

static const struct store_migration migrations[] = {
    {.from = 1, .run = audit_migrate_user_rows},
};

const struct store_schema audit_store_schema = {
    .name = "audit",
    .version = 2,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .migrations = migrations,
    .migration_count = sizeof migrations / sizeof migrations[0],
};

static const char head_key[] = "head", checkpoint_key[] = "checkpoint", first_key[] = "first";

// ---- Entries and sides ---------------------------------------------------------------------

void audit_store_append_entry(struct store_txn *txn, uint64_t index, struct bytes entry,
                              struct bytes side)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    store_append(txn, AUDIT_TABLE_ENTRIES, audit_index_key(index, key), entry);
    store_append(txn, AUDIT_TABLE_SIDES, audit_index_key(index, key), side);
}

// Why a row is not there: pruned, or what the caller says.
static struct status missing(struct store_txn *txn, uint64_t index, struct status otherwise)
{
    uint64_t first;
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    if (index >= first) return otherwise;
    return REFUSE(NOT_FOUND, ENTRY_PRUNED, "the entry is older than what is kept; its hash stays");
}

struct status audit_store_get_entry(struct store_txn *txn, uint64_t index, struct bytes *ret_entry)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    struct status status = store_get_or(
        txn, AUDIT_TABLE_ENTRIES, audit_index_key(index, key),
        REFUSE(NOT_FOUND, ENTRY_NOT_FOUND, "the log has no entry with this index"), ret_entry);
    return status.code == STATUS_NOT_FOUND ? missing(txn, index, status) : status;
}

struct status audit_store_get_side(struct store_txn *txn, uint64_t index, struct audit_side *ret)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    struct bytes record;
    struct status status =
        store_get_or(txn, AUDIT_TABLE_SIDES, audit_index_key(index, key),
                     REFUSE(NOT_FOUND, SIDE_NOT_FOUND, "the entry has no side record"), &record);
    if (status.code == STATUS_NOT_FOUND) return missing(txn, index, status);
    RETURN_IF_ERROR(status);
    return audit_side_decode(record, ret);
}

struct status audit_store_erase_side(struct store_txn *txn, uint64_t index, bool *ret_erased)
{
    struct audit_side side;
    *ret_erased = false;
    struct status status = audit_store_get_side(txn, index, &side);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    if (side.salt == NULL) return STATUS_SUCCESS;
    side = (struct audit_side){.visible_to = side.visible_to};
    uint8_t *record = malloc(audit_side_size(&side));
    CHECK(record != NULL);
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    store_put(txn, AUDIT_TABLE_SIDES, audit_index_key(index, key),
              bytes_of(record, audit_side_encode(&side, record)));
    free(record);
    *ret_erased = true;
    return STATUS_SUCCESS;
}

void audit_store_delete_entry(struct store_txn *txn, uint64_t index,
                              const struct audit_search_row *rows, size_t row_count)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES], search_key[AUDIT_SEARCH_KEY_BYTES];
    store_delete(txn, AUDIT_TABLE_ENTRIES, audit_index_key(index, key));
    store_delete(txn, AUDIT_TABLE_SIDES, audit_index_key(index, key));
    for (size_t i = 0; i < row_count; i++) {
        store_delete(txn, AUDIT_TABLE_SEARCH,
                     audit_search_key(rows[i].kind, rows[i].prefix, index, search_key));
    }
}

struct status audit_store_first_index(struct store_txn *txn, uint64_t *ret)
{
    struct audit_first first;
    RETURN_IF_ERROR(audit_store_get_first(txn, &first));
    *ret = first.index;
    return STATUS_SUCCESS;
}

struct status audit_store_get_first(struct store_txn *txn, struct audit_first *ret)
{
    struct bytes record;
    *ret = (struct audit_first){0};
    struct status status = store_get(txn, AUDIT_TABLE_LOG, bytes_of_text(first_key), &record);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    return audit_first_decode(record, ret);
}

void audit_store_put_first(struct store_txn *txn, const struct audit_first *first)
{
    uint8_t record[AUDIT_FIRST_BYTES];
    store_put(txn, AUDIT_TABLE_LOG, bytes_of_text(first_key), audit_first_encode(first, record));
}

struct status audit_store_entry_count(struct store_txn *txn, uint64_t *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_ENTRIES, &cursor);
    *ret = 0;
    if (!store_cursor_last(&cursor)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_index_key_decode(cursor.key, ret));
    *ret += 1;
    return STATUS_SUCCESS;
}

static struct status lowest_of(struct store_txn *txn, uint8_t table, uint64_t *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    *ret = UINT64_MAX;
    return store_cursor_first(&cursor) ? audit_index_key_decode(cursor.key, ret) : STATUS_SUCCESS;
}

struct status audit_store_lowest_row(struct store_txn *txn, uint64_t *ret)
{
    uint64_t entry, side;
    RETURN_IF_ERROR(lowest_of(txn, AUDIT_TABLE_ENTRIES, &entry));
    RETURN_IF_ERROR(lowest_of(txn, AUDIT_TABLE_SIDES, &side));
    *ret = entry < side ? entry : side;
    return STATUS_SUCCESS;
}

// ---- Tree ----------------------------------------------------------------------------------

void audit_store_put_tile(struct store_txn *txn, unsigned level, uint64_t index,
                          struct bytes record)
{
    uint8_t key[AUDIT_TILE_KEY_BYTES];
    store_put(txn, AUDIT_TABLE_TILES, audit_tile_key(level, index, key), record);
}

struct status audit_store_get_tile(struct store_txn *txn, unsigned level, uint64_t index,
                                   struct bytes *ret_record)
{
    uint8_t key[AUDIT_TILE_KEY_BYTES];
    return store_get_or(txn, AUDIT_TABLE_TILES, audit_tile_key(level, index, key),
                        REFUSE(NOT_FOUND, TILE_NOT_FOUND, "the tree has no such tile"), ret_record);
}

void audit_store_put_head(struct store_txn *txn, const struct merkle_frontier *head)
{
    uint8_t record[AUDIT_HEAD_BYTES_MAX];
    store_put(txn, AUDIT_TABLE_LOG, bytes_of_text(head_key), audit_head_encode(head, record));
}

struct status audit_store_get_head(struct store_txn *txn, struct merkle_frontier *ret)
{
    struct bytes record;
    struct status status = store_get(txn, AUDIT_TABLE_LOG, bytes_of_text(head_key), &record);
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
    store_put(txn, AUDIT_TABLE_LOG, bytes_of_text(checkpoint_key),
              bytes_of(record, audit_checkpoint_encode(size, note, record)));
}

struct status audit_store_get_checkpoint(struct store_txn *txn, uint64_t *ret_size,
                                         struct bytes *ret_note)
{
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(
        txn, AUDIT_TABLE_LOG, bytes_of_text(checkpoint_key),
        REFUSE(NOT_FOUND, CHECKPOINT_NOT_FOUND, "no checkpoint was signed yet"), &record));
    return audit_checkpoint_decode(record, ret_size, ret_note);
}

// ---- Marks ---------------------------------------------------------------------------------

void audit_store_put_mark(struct store_txn *txn, const char *source, const struct audit_mark *mark)
{
    uint8_t record[AUDIT_MARK_BYTES];
    store_put(txn, AUDIT_TABLE_MARKS, bytes_of_text(source), audit_mark_encode(mark, record));
}

struct status audit_store_get_mark(struct store_txn *txn, const char *source,
                                   struct audit_mark *ret)
{
    struct bytes record;
    struct status status = store_get(txn, AUDIT_TABLE_MARKS, bytes_of_text(source), &record);
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
    store_put(txn, AUDIT_TABLE_SEARCH, audit_search_key(kind, prefix, index, key), bytes_of("", 0));
}

bool audit_store_has_search(struct store_txn *txn, const struct audit_search_row *row,
                            uint64_t index)
{
    uint8_t key[AUDIT_SEARCH_KEY_BYTES];
    return store_has(txn, AUDIT_TABLE_SEARCH, audit_search_key(row->kind, row->prefix, index, key));
}

void audit_store_search_open(struct store_txn *txn, enum audit_search_kind kind, struct bytes name,
                             uint64_t before, struct audit_search *ret)
{
    *ret = (struct audit_search){.kind = kind, .before = before};
    audit_name_prefix(name, ret->prefix);
    store_cursor_open(txn, AUDIT_TABLE_SEARCH, &ret->cursor);
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
