/// @file services/audit/tiles.h
/// What c2sp.org/tlog-tiles serves: tiles of hashes and bundles of entries, of the published tree.
/// Shapes     A tile of width W is W hashes. A bundle is W entries, each after its size (uint16,
///            big-endian).
/// Widths     Any width is served that the published tree has there: also the beginning of a tile
///            that has become wider since, because somebody may have begun with the older
///            checkpoint.
/// Ownership  In the arena.
/// Errors     NOT_FOUND / TILE_NOT_FOUND, ENTRY_PRUNED (a bundle's); DATA_LOSS / TILE_CORRUPT,
///            TREE_CORRUPT (an entry is missing).
/// Source     design 05 "Tiles", c2sp.org/tlog-tiles.
#pragma once

#include "common/base/arena.h"
#include "services/audit/entry.h"
#include "services/audit/tree.h"

enum {
    AUDIT_BUNDLE_SIZE_BYTES = 2, // Of an entry, before it.
    AUDIT_BUNDLE_BYTES_MAX = TLOG_TILE_WIDTH * (AUDIT_BUNDLE_SIZE_BYTES + AUDIT_ENTRY_BYTES_MAX),
};

/// audit_tiles_parse reads the path behind "tile/" or, for a bundle, "tile/entries/":
/// INVALID_ARGUMENT / TILE_PATH_MALFORMED.
MUST_USE struct status audit_tiles_parse(struct bytes path, bool entries, struct tlog_tile *ret);

/// audit_tiles_get gives the tile or the bundle as the tree of `size` leaves has it.
MUST_USE struct status audit_tiles_get(struct store_txn *txn, const struct tlog_tile *tile,
                                       uint64_t size, struct arena *arena, struct bytes *ret);
