/// @file services/audit/record.h
/// Byte layouts of the audit store's keys and records (README.md "Key spaces"), but for the
/// entries, which have entry.h.
/// Shapes     Integers are big-endian, so that byte order is the order of the log.
/// Ownership  Decoded slices point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/crypto/merkle.h"
#include "common/crypto/tlog_tile.h"

enum {
    AUDIT_INDEX_KEY_BYTES = 8,
    AUDIT_TILE_KEY_BYTES = 1 + 8,
    AUDIT_NAME_PREFIX_BYTES = 20,
    AUDIT_SEARCH_KEY_BYTES = 1 + AUDIT_NAME_PREFIX_BYTES + 8,
    AUDIT_MARK_BYTES = 1 + 8 + 8,
    AUDIT_HEAD_BYTES_MAX = 1 + 8 + MERKLE_LEVELS * MERKLE_HASH_BYTES,
    AUDIT_SALT_BYTES = 32,
    // A row of 16 nodes and the subtree over them, 16 rows in a full tile.
    AUDIT_TILE_ROW_NODES = 16,
    AUDIT_TILE_ROW_HASHES = AUDIT_TILE_ROW_NODES + 1,
    AUDIT_TILE_HASHES_MAX = TLOG_TILE_WIDTH / AUDIT_TILE_ROW_NODES * AUDIT_TILE_ROW_HASHES,
};

// ---- Keys ----------------------------------------------------------------------------------

/// Key of an entry and its side: index(8)
///     0000000000000007    the eighth event of the log
struct bytes audit_index_key(uint64_t index, uint8_t ret_key[static AUDIT_INDEX_KEY_BYTES]);
MUST_USE struct status audit_index_key_decode(struct bytes key, uint64_t *ret);

/// Key of a tile: level(1) | index(8)
///     01 0000000000000002    level 1, third tile
struct bytes audit_tile_key(unsigned level, uint64_t index,
                            uint8_t ret_key[static AUDIT_TILE_KEY_BYTES]);

/// Key of a search row: kind(1) | name prefix(20) | index(8); its value is empty.
///     61 7dfb4cf6 01890000000070008000000000000001 0000000000000007
enum audit_search_kind {
    AUDIT_SEARCH_ACTION = 't', // The event's type.
    AUDIT_SEARCH_ACTOR = 'a',
    AUDIT_SEARCH_RESOURCE = 'r',
    AUDIT_SEARCH_USER = 'u', // Each user concerned: actor, resource, those it is visible to.
};

/// One search row of an entry, without its index.
struct audit_search_row {
    enum audit_search_kind kind;
    uint8_t prefix[AUDIT_NAME_PREFIX_BYTES];
};

enum { AUDIT_SEARCH_USERS_MAX = 2 + 4, AUDIT_SEARCH_ROWS_MAX = 3 + AUDIT_SEARCH_USERS_MAX };

/// audit_name_prefix is what a name is sought by. "users/<uuid>": the first 4 bytes of
/// SHA-256("users") and the uuid, whose first bytes are its time, so that new names go to the end
/// of their collection. Other names: the first 20 bytes of their SHA-256. Names that collide are
/// told apart by their entries.
void audit_name_prefix(struct bytes name, uint8_t ret[static AUDIT_NAME_PREFIX_BYTES]);
struct bytes audit_search_key(enum audit_search_kind kind,
                              const uint8_t prefix[static AUDIT_NAME_PREFIX_BYTES], uint64_t index,
                              uint8_t ret_key[static AUDIT_SEARCH_KEY_BYTES]);
/// audit_search_key_decode gives the index when the key has this kind and prefix.
bool audit_search_key_decode(struct bytes key, enum audit_search_kind kind,
                             const uint8_t prefix[static AUDIT_NAME_PREFIX_BYTES],
                             uint64_t *ret_index);

// ---- Records -------------------------------------------------------------------------------

/// Where a source stands: version(1) = 01 | seq(8) | log id(8). Every event up to seq is in the
/// log.
struct audit_mark {
    uint64_t seq, log_id;
};

struct bytes audit_mark_encode(const struct audit_mark *mark, uint8_t ret[static AUDIT_MARK_BYTES]);
MUST_USE struct status audit_mark_decode(struct bytes record, struct audit_mark *ret);

/// The tree's head: version(1) = 01 | size(8) | one hash for each set bit of size, highest first.
struct bytes audit_head_encode(const struct merkle_frontier *head,
                               uint8_t ret[static AUDIT_HEAD_BYTES_MAX]);
MUST_USE struct status audit_head_decode(struct bytes record, struct merkle_frontier *ret);

/// What was pruned: version(1) = 01 | index(8) | told(8). Entries below index are gone; those below
/// told are so by an event audit.log.pruned.
struct audit_first {
    uint64_t index, told;
};

enum { AUDIT_FIRST_BYTES = 1 + 8 + 8 };

struct bytes audit_first_encode(const struct audit_first *first,
                                uint8_t ret[static AUDIT_FIRST_BYTES]);
MUST_USE struct status audit_first_decode(struct bytes record, struct audit_first *ret);

/// The newest checkpoint: version(1) = 01 | size(8) | signed note.
enum { AUDIT_CHECKPOINT_HEAD_BYTES = 1 + 8 };

size_t audit_checkpoint_encode(uint64_t size, struct bytes note, uint8_t *ret);
MUST_USE struct status audit_checkpoint_decode(struct bytes record, uint64_t *ret_size,
                                               struct bytes *ret_note);

/// What an entry only commits to, and can be erased: version(1) = 01 | salt(32) | then four parts,
/// each size(4) | bytes (record_put_run32): client ip, device id, payload, visible_to; in the last
/// one each name is a part again. Once erased, all that is left is whom the entry concerns:
/// version(1) = 02 | visible_to.
struct audit_side {
    const uint8_t *salt; // AUDIT_SALT_BYTES of them; NULL: erased, and with it the three values.
    struct bytes client_ip, device_id, payload;
    struct bytes visible_to; // Parts.
};

enum { AUDIT_PART_HEAD_BYTES = 4 };

size_t audit_side_size(const struct audit_side *side);
size_t audit_side_encode(const struct audit_side *side, uint8_t *ret);
MUST_USE struct status audit_side_decode(struct bytes record, struct audit_side *ret);

/// A tile's record: rows of 16 nodes, each full row followed by the node four levels above it. So a
/// proof hashes at most 22 nodes of a tile instead of 247, and the record only grows at its end.
/// (c2sp.org/tlog-tiles wants the nodes alone: every 17th hash is left out there.)
size_t audit_tile_bytes(unsigned width);
/// audit_tile_width gives how many nodes the record holds, 1 to 256; 0: it is damaged.
unsigned audit_tile_width(size_t record_bytes);

/// audit_tile_node, audit_tile_row_node: where a node, or the node over a full row, lies.
static inline size_t audit_tile_node(unsigned node)
{
    return node / AUDIT_TILE_ROW_NODES * AUDIT_TILE_ROW_HASHES + node % AUDIT_TILE_ROW_NODES;
}

static inline size_t audit_tile_row_node(unsigned row)
{
    return (size_t)row * AUDIT_TILE_ROW_HASHES + AUDIT_TILE_ROW_NODES;
}
