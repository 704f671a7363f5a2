#include "services/audit/tiles.h"

#include "common/base/check.h"

#include <stdio.h>

struct status audit_tiles_parse(struct bytes path, bool entries, struct tlog_tile *ret)
{
    char text[2 * TLOG_TILE_PATH_BYTES];
    int size = snprintf(text, sizeof text, "tile/%s%.*s", entries ? "entries/" : "",
                        path.size < TLOG_TILE_PATH_BYTES ? (int)path.size : TLOG_TILE_PATH_BYTES,
                        (const char *)path.data);
    CHECK(size > 0 && (size_t)size < sizeof text);
    struct tlog_tile tile;
    RETURN_IF_ERROR(tlog_tile_path_parse(bytes_of(text, (size_t)size), &tile));
    // "entries/000" behind "tile/" would be a bundle, which not everybody may read.
    if (tile.entries != entries)
        return REFUSE(INVALID_ARGUMENT, TILE_PATH_MALFORMED, "this is not the path of a tile");
    *ret = tile;
    return STATUS_SUCCESS;
}

// ---- Hashes --------------------------------------------------------------------------------

// Rows of nodes, without the node that follows each full row in the record.
static struct status get_hashes(struct store_txn *txn, const struct tlog_tile *tile,
                                struct arena *arena, struct bytes *ret)
{
    struct bytes record;
    struct status status = audit_store_get_tile(txn, tile->level, tile->index, &record);
    if (status.code == STATUS_NOT_FOUND ||
        (status_ok(status) && audit_tile_width(record.size) < tile->width))
        return REFUSE(DATA_LOSS, TILE_CORRUPT, "a tile of the tree is damaged");
    RETURN_IF_ERROR(status);
    uint8_t *hashes = arena_alloc(arena, (size_t)tile->width * MERKLE_HASH_BYTES);
    if (hashes == NULL) return ARENA_STATUS_EXHAUSTED;
    for (unsigned node = 0; node < tile->width; node += AUDIT_TILE_ROW_NODES) {
        unsigned left = tile->width - node;
        unsigned count = left < AUDIT_TILE_ROW_NODES ? left : AUDIT_TILE_ROW_NODES;
        memcpy(hashes + (size_t)node * MERKLE_HASH_BYTES,
               record.data + audit_tile_node(node) * MERKLE_HASH_BYTES,
               (size_t)count * MERKLE_HASH_BYTES);
    }
    *ret = bytes_of(hashes, (size_t)tile->width * MERKLE_HASH_BYTES);
    return STATUS_SUCCESS;
}

// ---- Entries -------------------------------------------------------------------------------

static struct status get_entry(struct store_txn *txn, uint64_t index, struct bytes *ret)
{
    struct status status = audit_store_get_entry(txn, index, ret);
    bool is_pruned = status.code == STATUS_NOT_FOUND && strcmp(status.reason, "ENTRY_PRUNED") == 0;
    if ((status.code == STATUS_NOT_FOUND && !is_pruned) ||
        (status_ok(status) && ret->size > AUDIT_ENTRY_BYTES_MAX_BY_FORMAT))
        return REFUSE(DATA_LOSS, TREE_CORRUPT, "an entry of the log is missing or damaged");
    return status;
}

static struct status get_bundle(struct store_txn *txn, const struct tlog_tile *tile,
                                struct arena *arena, struct bytes *ret)
{
    struct bytes entries[TLOG_TILE_WIDTH];
    size_t size = 0;
    for (unsigned i = 0; i < tile->width; i++) {
        RETURN_IF_ERROR(get_entry(txn, tile->index * TLOG_TILE_WIDTH + i, &entries[i]));
        size += AUDIT_BUNDLE_SIZE_BYTES + entries[i].size;
    }
    uint8_t *bundle = arena_alloc(arena, size), *to = bundle;
    if (bundle == NULL) return ARENA_STATUS_EXHAUSTED;
    for (unsigned i = 0; i < tile->width; i++) {
        put_u16_be(to, (uint16_t)entries[i].size);
        memcpy(to + AUDIT_BUNDLE_SIZE_BYTES, entries[i].data, entries[i].size);
        to += AUDIT_BUNDLE_SIZE_BYTES + entries[i].size;
    }
    *ret = bytes_of(bundle, size);
    return STATUS_SUCCESS;
}

struct status audit_tiles_get(struct store_txn *txn, const struct tlog_tile *tile, uint64_t size,
                              struct arena *arena, struct bytes *ret)
{
    if (tile->width > tlog_tile_width(tile->level, tile->index, size))
        return REFUSE(NOT_FOUND, TILE_NOT_FOUND, "the published tree has no such tile");
    return tile->entries ? get_bundle(txn, tile, arena, ret) : get_hashes(txn, tile, arena, ret);
}
