#include "services/audit/tree.h"

#include "common/base/check.h"

#include <assert.h>

enum {
    ROW_LEVELS = 4, // 16 nodes.
};

static_assert(1U << ROW_LEVELS == (unsigned)AUDIT_TILE_ROW_NODES, "a row is four levels");
static_assert(2 * (unsigned)ROW_LEVELS == (unsigned)TLOG_TILE_HEIGHT,
              "the nodes over rows are half way up a tile");

#define TILE_REFUSAL REFUSE(DATA_LOSS, TILE_CORRUPT, "a tile of the tree is damaged")
#define TREE_REFUSAL REFUSE(DATA_LOSS, TREE_CORRUPT, "the stored tree does not agree with itself")

// ---- Appending -----------------------------------------------------------------------------

struct status audit_tree_begin(struct audit_tree *tree, struct store_txn *txn)
{
    tree->txn = txn;
    tree->status = STATUS_SUCCESS;
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++)
        tree->tiles[level].is_open = false;
    return audit_store_get_head(txn, &tree->head);
}

static struct status open_tile(struct audit_tree *tree, unsigned level, uint64_t node_index)
{
    struct audit_open_tile *tile = &tree->tiles[level];
    tile->index = node_index / TLOG_TILE_WIDTH;
    tile->width = (unsigned)(node_index % TLOG_TILE_WIDTH);
    tile->is_open = true;
    if (tile->width == 0) return STATUS_SUCCESS;
    struct bytes record;
    RETURN_IF_ERROR(audit_store_get_tile(tree->txn, level, tile->index, &record));
    if (audit_tile_width(record.size) != tile->width) return TILE_REFUSAL;
    memcpy(tile->hashes, record.data, record.size);
    return STATUS_SUCCESS;
}

static void write_tile(struct audit_tree *tree, unsigned level)
{
    const struct audit_open_tile *tile = &tree->tiles[level];
    audit_store_put_tile(tree->txn, level, tile->index,
                         bytes_of(tile->hashes, audit_tile_bytes(tile->width)));
}

// A node of a tile, and what it completes there: its row, the tile.
static void put_node(struct audit_tree *tree, unsigned level, uint64_t index,
                     const struct merkle_hash *hash)
{
    struct audit_open_tile *tile = &tree->tiles[level];
    if (!tile->is_open) {
        struct status status = open_tile(tree, level, index);
        if (!status_ok(status)) {
            if (status_ok(tree->status)) tree->status = status;
            tile->width = (unsigned)(index % TLOG_TILE_WIDTH); // Goes on, and is never written.
        }
    }
    CHECK(tile->index == index / TLOG_TILE_WIDTH && tile->width == index % TLOG_TILE_WIDTH);
    tile->hashes[audit_tile_node(tile->width++)] = *hash;
}

static void put_completed(void *context, unsigned level, uint64_t index,
                          const struct merkle_hash *hash)
{
    struct audit_tree *tree = context;
    unsigned tile_level = level / TLOG_TILE_HEIGHT;
    if (level % TLOG_TILE_HEIGHT == 0) put_node(tree, tile_level, index, hash);
    if (level % TLOG_TILE_HEIGHT != ROW_LEVELS) return;
    // The row's last node was put just before.
    struct audit_open_tile *tile = &tree->tiles[tile_level];
    unsigned row = (unsigned)(index % AUDIT_TILE_ROW_NODES);
    CHECK(tile->is_open && tile->width == (row + 1) * AUDIT_TILE_ROW_NODES);
    tile->hashes[audit_tile_row_node(row)] = *hash;
    if (tile->width < TLOG_TILE_WIDTH) return;
    if (status_ok(tree->status)) write_tile(tree, tile_level);
    tile->is_open = false;
}

void audit_tree_append(struct audit_tree *tree, const struct merkle_hash *leaf)
{
    merkle_frontier_append(&tree->head, leaf, put_completed, tree);
}

struct status audit_tree_end(struct audit_tree *tree)
{
    RETURN_IF_ERROR(tree->status);
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        if (tree->tiles[level].is_open) write_tile(tree, level);
    }
    audit_store_put_head(tree->txn, &tree->head);
    return STATUS_SUCCESS;
}

// ---- Reading -------------------------------------------------------------------------------

// The root of 2^levels hashes that stand `stride` apart. The record may not be aligned: bytes.
static void fold(const uint8_t *hashes, size_t stride, unsigned levels, struct merkle_hash *ret)
{
    struct merkle_hash nodes[1 << ROW_LEVELS];
    CHECK(levels <= ROW_LEVELS);
    for (size_t i = 0; i < (size_t)1 << levels; i++)
        memcpy(&nodes[i], hashes + i * stride * MERKLE_HASH_BYTES, MERKLE_HASH_BYTES);
    for (size_t count = (size_t)1 << levels; count > 1; count /= 2) {
        for (size_t i = 0; i < count / 2; i++)
            merkle_node(&nodes[2 * i], &nodes[2 * i + 1], &nodes[i]);
    }
    *ret = nodes[0];
}

static struct status read_node(void *context, unsigned level, uint64_t index,
                               struct merkle_hash *ret)
{
    struct store_txn *txn = context;
    unsigned tile_level = level / TLOG_TILE_HEIGHT, above = level % TLOG_TILE_HEIGHT;
    uint64_t first = index << above; // Of the tile level's nodes below this one.
    unsigned position = (unsigned)(first % TLOG_TILE_WIDTH);
    struct bytes record;
    struct status status = audit_store_get_tile(txn, tile_level, first / TLOG_TILE_WIDTH, &record);
    if (status.code == STATUS_NOT_FOUND) return TILE_REFUSAL; // The head promises it.
    RETURN_IF_ERROR(status);
    if (audit_tile_width(record.size) < position + (1U << above)) return TILE_REFUSAL;
    if (above < ROW_LEVELS) {
        size_t at = audit_tile_node(position) * MERKLE_HASH_BYTES;
        fold(record.data + at, 1, above, ret);
    } else {
        size_t at = audit_tile_row_node(position / AUDIT_TILE_ROW_NODES) * MERKLE_HASH_BYTES;
        fold(record.data + at, AUDIT_TILE_ROW_HASHES, above - ROW_LEVELS, ret);
    }
    return STATUS_SUCCESS;
}

struct merkle_reader audit_tree_reader(struct store_txn *txn)
{
    return (struct merkle_reader){.read = read_node, .context = txn};
}

// ---- Checking ------------------------------------------------------------------------------

// Whether each full row's node is the root of its row.
static bool rows_agree(struct bytes record, unsigned width)
{
    for (unsigned row = 0; row < width / AUDIT_TILE_ROW_NODES; row++) {
        struct merkle_hash root;
        const uint8_t *nodes =
            record.data + audit_tile_node(row * AUDIT_TILE_ROW_NODES) * MERKLE_HASH_BYTES;
        fold(nodes, 1, ROW_LEVELS, &root);
        if (memcmp(&root, record.data + audit_tile_row_node(row) * MERKLE_HASH_BYTES,
                   MERKLE_HASH_BYTES) != 0)
            return false;
    }
    return true;
}

struct status audit_tree_check_tile(struct store_txn *txn, unsigned level, uint64_t index,
                                    unsigned width)
{
    struct bytes record;
    struct status status = audit_store_get_tile(txn, level, index, &record);
    if (status.code == STATUS_NOT_FOUND) return TREE_REFUSAL;
    RETURN_IF_ERROR(status);
    if (audit_tile_width(record.size) != width || !rows_agree(record, width)) return TREE_REFUSAL;
    if (width < TLOG_TILE_WIDTH) return STATUS_SUCCESS;
    // A full tile's root is a node of the level above.
    struct merkle_hash root, above;
    fold(record.data + audit_tile_row_node(0) * MERKLE_HASH_BYTES, AUDIT_TILE_ROW_HASHES,
         ROW_LEVELS, &root);
    RETURN_IF_ERROR(read_node(txn, (level + 1) * TLOG_TILE_HEIGHT, index, &above));
    return merkle_hash_equal(&root, &above) ? STATUS_SUCCESS : TREE_REFUSAL;
}

static struct status check_last_entry(struct store_txn *txn, uint64_t size)
{
    uint64_t count, first, lowest;
    RETURN_IF_ERROR(audit_store_entry_count(txn, &count));
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    RETURN_IF_ERROR(audit_store_lowest_row(txn, &lowest));
    if (count != size || (size > 0 && lowest != first)) return TREE_REFUSAL;
    if (size == 0) return STATUS_SUCCESS;
    struct bytes entry;
    struct merkle_hash leaf, stored;
    RETURN_IF_ERROR(audit_store_get_entry(txn, size - 1, &entry));
    merkle_leaf(entry, &leaf);
    RETURN_IF_ERROR(read_node(txn, 0, size - 1, &stored));
    return merkle_hash_equal(&leaf, &stored) ? STATUS_SUCCESS : TREE_REFUSAL;
}

struct status audit_tree_check(struct store_txn *txn, const struct merkle_frontier *head)
{
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS; level++) {
        uint64_t nodes = tlog_tile_nodes(level, head->size);
        unsigned width = (unsigned)(nodes % TLOG_TILE_WIDTH);
        uint64_t index = nodes / TLOG_TILE_WIDTH;
        if (width > 0) RETURN_IF_ERROR(audit_tree_check_tile(txn, level, index, width));
        if (index > 0)
            RETURN_IF_ERROR(audit_tree_check_tile(txn, level, index - 1, TLOG_TILE_WIDTH));
    }
    // What the head says each peak is, and what the tiles say.
    const struct merkle_reader reader = audit_tree_reader(txn);
    struct merkle_hash from_head, from_tiles;
    merkle_frontier_root(head, &from_head);
    RETURN_IF_ERROR(merkle_root(&reader, head->size, &from_tiles));
    if (!merkle_hash_equal(&from_head, &from_tiles)) return TREE_REFUSAL;
    return check_last_entry(txn, head->size);
}
