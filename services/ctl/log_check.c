#include "services/ctl/log_check.h"

#include "common/base/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TILE_LEVELS = 8, SENTENCE_BYTES = 256 };

/// What a tile above the leaves must hold, as far as the tree has grown.
struct expected {
    uint64_t index;
    unsigned width;
    struct merkle_hash hashes[TLOG_TILE_WIDTH];
};

struct check {
    const struct log_check_config *config;
    struct log_check_result *result;
    struct arena *arena; // Of one tile and one bundle.
    struct merkle_frontier frontier;
    struct expected expected[TILE_LEVELS];
    struct status status; // The first one that stops everything.
};

static void __attribute__((format(printf, 2, 3))) find(struct check *check, const char *format, ...)
{
    char what[SENTENCE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    check->result->findings++;
    check->config->find(check->config->context, what);
}

static struct status read_path(struct check *check, const char *path, struct bytes *ret)
{
    const struct tile_source *source = &check->config->source;
    return source->read(source->context, path, check->arena, ret);
}

// ---- Tiles ---------------------------------------------------------------------------------

// The tile's hashes, or nothing when they are not to be had: a finding.
static struct status read_tile(struct check *check, unsigned level, uint64_t index, unsigned width,
                               struct bytes *ret)
{
    char path[TLOG_TILE_PATH_BYTES];
    struct tlog_tile tile = {.index = index, .width = (uint16_t)width, .level = (uint8_t)level};
    tlog_tile_path_format(&tile, path);
    struct status status = read_path(check, path, ret);
    if (status_ok(status) && ret->size == (size_t)width * MERKLE_HASH_BYTES) {
        check->result->tiles++;
        return STATUS_SUCCESS;
    }
    if (status_ok(status))
        find(check, "%s: %zu bytes, not %u hashes", path, ret->size, width);
    else if (tile_source_says_something(status))
        find(check, "%s: %s (%s)", path, status.message, status.reason);
    else
        return status;
    *ret = (struct bytes){0};
    return STATUS_SUCCESS;
}

// Above the leaves: each hash of the stored tile is the one that the leaves below it give.
static struct status compare_tile(struct check *check, unsigned level)
{
    const struct expected *expected = &check->expected[level];
    struct bytes tile;
    RETURN_IF_ERROR(read_tile(check, level, expected->index, expected->width, &tile));
    for (unsigned i = 0; i < expected->width && tile.size > 0; i++) {
        if (memcmp(tile.data + (size_t)i * MERKLE_HASH_BYTES, expected->hashes[i].bytes,
                   MERKLE_HASH_BYTES) == 0)
            continue;
        find(check, "tile/%u: hash %" PRIu64 " is not that of the leaves below it", level,
             expected->index * TLOG_TILE_WIDTH + i);
    }
    return STATUS_SUCCESS;
}

static void take_node(void *context, unsigned level, uint64_t index, const struct merkle_hash *hash)
{
    struct check *check = context;
    unsigned tile_level = level / TLOG_TILE_HEIGHT;
    if (tile_level == 0 || level % TLOG_TILE_HEIGHT != 0) return;
    struct expected *expected = &check->expected[tile_level];
    CHECK(index == expected->index * TLOG_TILE_WIDTH + expected->width);
    expected->hashes[expected->width++] = *hash;
    if (expected->width < TLOG_TILE_WIDTH) return;
    if (status_ok(check->status)) check->status = compare_tile(check, tile_level);
    expected->index++;
    expected->width = 0;
}

// ---- Entries -------------------------------------------------------------------------------

// A bundle that is not there: before the first one that is, it was never copied; and what the log
// says it has pruned may have gone while its beginning was read.
static void miss_bundle(struct check *check, const char *path, unsigned width, struct status status)
{
    bool is_before = strcmp(status.reason, "TILE_NOT_FOUND") == 0 && check->result->entries == 0;
    if (is_before || strcmp(status.reason, "ENTRY_PRUNED") == 0) {
        check->result->hashes_only += width;
        check->result->first_index = check->frontier.size + width;
        return;
    }
    find(check, "%s: %s (%s)", path, status.message, status.reason);
    check->result->hashes_only += width;
}

static struct status read_bundle(struct check *check, uint64_t index, unsigned width,
                                 struct bytes entries[static TLOG_TILE_WIDTH], bool *ret_is_there)
{
    char path[TLOG_TILE_PATH_BYTES];
    struct tlog_tile tile = {.index = index, .width = (uint16_t)width, .entries = true};
    struct bytes bundle;
    *ret_is_there = false;
    if (check->config->without_entries) {
        check->result->hashes_only += width;
        return STATUS_SUCCESS;
    }
    tlog_tile_path_format(&tile, path);
    struct status status = read_path(check, path, &bundle);
    if (status_ok(status)) {
        *ret_is_there = tile_bundle_parse(bundle, width, entries);
        if (!*ret_is_there) find(check, "%s: these are not %u entries", path, width);
        return STATUS_SUCCESS;
    }
    if (!tile_source_says_something(status)) return status;
    miss_bundle(check, path, width, status);
    return STATUS_SUCCESS;
}

// One leaf: what its entry hashes to and what the tile says; either may be missing.
static bool take_leaf(struct check *check, const struct bytes *entry, const uint8_t *stored)
{
    uint64_t index = check->frontier.size;
    struct merkle_hash leaf;
    if (entry == NULL && stored == NULL) return false;
    if (entry != NULL) {
        merkle_leaf(*entry, &leaf);
        check->result->entries++;
        if (stored != NULL && memcmp(leaf.bytes, stored, MERKLE_HASH_BYTES) != 0)
            find(check, "entry %" PRIu64 ": its bytes do not hash to the leaf in tile/0", index);
    } else {
        memcpy(leaf.bytes, stored, MERKLE_HASH_BYTES);
    }
    merkle_frontier_append(&check->frontier, &leaf, take_node, check);
    return status_ok(check->status);
}

// *ret_goes_on: false when a leaf is nowhere to be had: the tree cannot be built beyond it.
static struct status take_leaves(struct check *check, uint64_t index, unsigned width,
                                 bool *ret_goes_on)
{
    struct bytes tile, entries[TLOG_TILE_WIDTH];
    bool has_entries;
    RETURN_IF_ERROR(read_tile(check, 0, index, width, &tile));
    RETURN_IF_ERROR(read_bundle(check, index, width, entries, &has_entries));
    // The tiles above are compared on the way and share the arena, so it is emptied afterwards.
    *ret_goes_on = true;
    for (unsigned i = 0; i < width && *ret_goes_on; i++) {
        *ret_goes_on = take_leaf(check, has_entries ? &entries[i] : NULL,
                                 tile.size > 0 ? tile.data + (size_t)i * MERKLE_HASH_BYTES : NULL);
    }
    arena_reset(check->arena);
    return check->status;
}

// ---- All of it -----------------------------------------------------------------------------

static struct status open_checkpoint(struct check *check)
{
    struct bytes note;
    struct status status = read_path(check, "checkpoint", &note);
    if (!status_ok(status) && !tile_source_says_something(status)) return status;
    if (status_ok(status))
        status = checkpoint_open(note, check->config->verifier, &check->result->checkpoint);
    check->result->is_signed = status_ok(status);
    if (!status_ok(status)) find(check, "checkpoint: %s (%s)", status.message, status.reason);
    return STATUS_SUCCESS;
}

static struct status finish(struct check *check)
{
    struct merkle_hash root;
    for (unsigned level = 1; level < TILE_LEVELS; level++) {
        if (check->expected[level].width > 0) RETURN_IF_ERROR(compare_tile(check, level));
    }
    merkle_frontier_root(&check->frontier, &root);
    check->result->root_agrees = merkle_hash_equal(&root, &check->result->checkpoint.root);
    if (!check->result->root_agrees) find(check, "the leaves do not give the root that was signed");
    return STATUS_SUCCESS;
}

static struct status run(struct check *check)
{
    RETURN_IF_ERROR(open_checkpoint(check));
    if (!check->result->is_signed) return STATUS_SUCCESS;
    uint64_t size = check->result->checkpoint.size;
    for (uint64_t index = 0; check->frontier.size < size; index++) {
        bool goes_on;
        unsigned width = tlog_tile_width(0, index, size);
        RETURN_IF_ERROR(take_leaves(check, index, width, &goes_on));
        if (!goes_on) {
            find(check, "entry %" PRIu64 ": neither it nor its hash is there: the tree ends here",
                 check->frontier.size);
            return STATUS_SUCCESS;
        }
        if (check->config->progress != NULL)
            check->config->progress(check->config->context, check->frontier.size, size);
    }
    return finish(check);
}

struct status log_check(const struct log_check_config *config, struct log_check_result *ret)
{
    *ret = (struct log_check_result){0};
    struct check *check = calloc(1, sizeof *check);
    CHECK(check != NULL);
    check->config = config;
    check->result = ret;
    check->arena = arena_open(TILE_SOURCE_ARENA_BYTES);
    struct status status = run(check);
    status = tile_source_keep(status);
    arena_close(&check->arena);
    free(check);
    return status;
}
