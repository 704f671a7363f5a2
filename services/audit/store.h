/// @file services/audit/store.h
/// What the audit service reads and writes: the only file here that knows tables.
/// Ownership  Bytes given point into the store: see store_txn.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND / ENTRY_NOT_FOUND, TILE_NOT_FOUND; DATA_LOSS / RECORD_CORRUPT.
/// Source     README.md "Key spaces".
#pragma once

#include "common/store/store.h"
#include "services/audit/record.h"

extern const struct store_schema audit_store_schema;

/// Entries and their sides. An entry that was pruned is NOT_FOUND / ENTRY_PRUNED, and so is its
/// side; one that is not there yet NOT_FOUND / ENTRY_NOT_FOUND. Details that were erased leave a
/// side without salt (record.h).
void audit_store_append_entry(struct store_txn *txn, uint64_t index, struct bytes entry,
                              struct bytes side);
MUST_USE struct status audit_store_get_entry(struct store_txn *txn, uint64_t index,
                                             struct bytes *ret_entry);
MUST_USE struct status audit_store_get_side(struct store_txn *txn, uint64_t index,
                                            struct audit_side *ret);
/// audit_store_erase_side leaves nothing of a side but whom its entry concerns; *ret_erased: there
/// was something to erase.
MUST_USE struct status audit_store_erase_side(struct store_txn *txn, uint64_t index,
                                              bool *ret_erased);
/// audit_store_first_index is the first entry that is still there (0 before anything was pruned):
/// those from there to the head are.
MUST_USE struct status audit_store_first_index(struct store_txn *txn, uint64_t *ret);
MUST_USE struct status audit_store_get_first(struct store_txn *txn, struct audit_first *ret);
void audit_store_put_first(struct store_txn *txn, const struct audit_first *first);
/// audit_store_delete_entry forgets an entry, its side and the search rows it is found by.
void audit_store_delete_entry(struct store_txn *txn, uint64_t index,
                              const struct audit_search_row *rows, size_t row_count);
/// audit_store_entry_count is one more than the highest index. audit_store_lowest_row is the lowest
/// index that an entry or a side has; UINT64_MAX when there is none.
MUST_USE struct status audit_store_entry_count(struct store_txn *txn, uint64_t *ret);
MUST_USE struct status audit_store_lowest_row(struct store_txn *txn, uint64_t *ret);

void audit_store_put_tile(struct store_txn *txn, unsigned level, uint64_t index,
                          struct bytes record);
MUST_USE struct status audit_store_get_tile(struct store_txn *txn, unsigned level, uint64_t index,
                                            struct bytes *ret_record);

/// The head of an empty store is the empty tree; its checkpoint is NOT_FOUND /
/// CHECKPOINT_NOT_FOUND.
void audit_store_put_head(struct store_txn *txn, const struct merkle_frontier *head);
MUST_USE struct status audit_store_get_head(struct store_txn *txn, struct merkle_frontier *ret);
void audit_store_put_checkpoint(struct store_txn *txn, uint64_t size, struct bytes note);
MUST_USE struct status audit_store_get_checkpoint(struct store_txn *txn, uint64_t *ret_size,
                                                  struct bytes *ret_note);

/// A source that was never heard has the mark {0, 0}.
void audit_store_put_mark(struct store_txn *txn, const char *source, const struct audit_mark *mark);
MUST_USE struct status audit_store_get_mark(struct store_txn *txn, const char *source,
                                            struct audit_mark *ret);

// ---- Search --------------------------------------------------------------------------------

void audit_store_put_search(struct store_txn *txn, enum audit_search_kind kind,
                            const uint8_t prefix[static AUDIT_NAME_PREFIX_BYTES], uint64_t index);

bool audit_store_has_search(struct store_txn *txn, const struct audit_search_row *row,
                            uint64_t index);

/// Walks the indexes of one name, newest first. Close before the transaction ends.
struct audit_search {
    struct store_cursor cursor;
    enum audit_search_kind kind;
    uint8_t prefix[AUDIT_NAME_PREFIX_BYTES];
    uint64_t before;
    bool started;
};

/// audit_store_search_open: indexes below `before`.
void audit_store_search_open(struct store_txn *txn, enum audit_search_kind kind, struct bytes name,
                             uint64_t before, struct audit_search *ret);
bool audit_store_search_next(struct audit_search *search, uint64_t *ret_index);
void audit_store_search_close(struct audit_search *search); // Idempotent.
