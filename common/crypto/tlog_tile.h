/// @file common/crypto/tlog_tile.h
/// Tiles of a transparency log: 256 hashes of one tree level side by side, and their names.
/// Shapes     A tile (level L, index N) holds the nodes of tree level 8 L from 256 N on. Its path
/// is
///            "tile/<L>/<N>[.p/<W>]" or, for entry bundles, "tile/entries/<N>[.p/<W>]", N in groups
///            of three digits, all but the last prefixed with x: 1234067 is x001/x234/067.
/// Threads    Any; pure.
/// Errors     INVALID_ARGUMENT / TILE_PATH_MALFORMED.
/// Source     c2sp.org/tlog-tiles.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

enum {
    TLOG_TILE_HEIGHT = 8,
    TLOG_TILE_WIDTH = 1 << TLOG_TILE_HEIGHT,
    TLOG_TILE_LEVEL_MAX = 63,
    TLOG_TILE_PATH_BYTES = 64, // With the final NUL.
};

struct tlog_tile {
    uint64_t index;
    uint16_t width; // 1 to 256; 256 is a full tile.
    uint8_t level;  // 0 for entries.
    bool entries;
};

/// tlog_tile_nodes is how many nodes of that tile level a tree of `size` leaves has: its full tiles
/// are the first nodes / 256, its partial one has nodes % 256 (0: none).
uint64_t tlog_tile_nodes(unsigned level, uint64_t size);
/// tlog_tile_width is how wide that tile is in a tree of `size` leaves: 0 (it is not there) to 256.
unsigned tlog_tile_width(unsigned level, uint64_t index, uint64_t size);

/// tlog_tile_path_format writes the path and gives its length.
size_t tlog_tile_path_format(const struct tlog_tile *tile,
                             char ret_text[static TLOG_TILE_PATH_BYTES]);
/// tlog_tile_path_parse takes canonical paths only: what it takes formats to the same text.
MUST_USE struct status tlog_tile_path_parse(struct bytes text, struct tlog_tile *ret);
