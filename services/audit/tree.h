/// @file services/audit/tree.h
/// The Merkle tree in the store: appended to by the writer, read by proofs, checked at start.
/// Shapes     Tiles as in record.h; the head holds the right edge, so that appending reads nothing
///            but the tiles that are not full yet.
/// Threads    An audit_tree belongs to the writer's thread; readers need only a transaction.
/// Errors     DATA_LOSS / TILE_CORRUPT, TREE_CORRUPT.
/// Source     design 05 "Merkle log", c2sp.org/tlog-tiles.
#pragma once

#include "services/audit/store.h"

enum { AUDIT_TILE_LEVELS = 8 }; // 64 tree levels.

struct audit_open_tile {
    uint64_t index;
    unsigned width;
    bool is_open; // Loaded, and changed since.
    struct merkle_hash hashes[AUDIT_TILE_HASHES_MAX];
};

/// One transaction's view for appending. Large: not for the stack.
struct audit_tree {
    struct store_txn *txn;
    struct merkle_frontier head;
    struct status status; // Of the first tile that could not be read.
    struct audit_open_tile tiles[AUDIT_TILE_LEVELS];
};

/// audit_tree_begin reads the head; append adds leaves; end writes what is not full and the head.
MUST_USE struct status audit_tree_begin(struct audit_tree *tree, struct store_txn *txn);
void audit_tree_append(struct audit_tree *tree, const struct merkle_hash *leaf);
MUST_USE struct status audit_tree_end(struct audit_tree *tree);

/// audit_tree_reader reads nodes of the transaction's tree, for proofs.
struct merkle_reader audit_tree_reader(struct store_txn *txn);

/// audit_tree_check_tile compares a tile's rows with the nodes over them and, when it is full, its
/// root with the level above. TREE_CORRUPT when they do not agree.
MUST_USE struct status audit_tree_check_tile(struct store_txn *txn, unsigned level, uint64_t index,
                                             unsigned width);

/// audit_tree_check recomputes the right edge: at each level the tile that is not full and the last
/// full one, and the last entry's leaf, against the head; the lowest entry is the first one that
/// was not pruned. TREE_CORRUPT when they do not agree.
MUST_USE struct status audit_tree_check(struct store_txn *txn, const struct merkle_frontier *head);
