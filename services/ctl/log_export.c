#include "services/ctl/log_export.h"

#include <string.h>

enum { TILE_LEVELS = 8 };

struct copy {
    const struct log_export_config *config;
    struct log_export_result *result;
    struct arena *arena; // Of one file,
    struct arena *notes; // and of the checkpoint, which is written last.
};

// ---- The checkpoints -----------------------------------------------------------------------

// The copy that lies there, if any, must be the beginning of what comes.
static struct status check_old(struct copy *copy)
{
    const struct tile_source there = tile_directory_source(copy->config->directory);
    const struct checkpoint *new = &copy->result->checkpoint;
    struct bytes note;
    struct checkpoint old;
    struct merkle_proof proof = {0};
    struct status status = there.read(there.context, "checkpoint", copy->arena, &note);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(checkpoint_open(note, copy->config->verifier, &old));
    if (old.size > new->size)
        return REFUSE(FAILED_PRECONDITION, LOG_SHRANK,
                      "the copy in the directory is of a larger log than there is now");
    if (old.size == 0) return STATUS_SUCCESS;
    if (old.size < new->size)
        RETURN_IF_ERROR(
            copy->config->prove(copy->config->prove_context, old.size, new->size, &proof));
    status = merkle_verify_consistency(old.size, new->size, proof.hashes, proof.count, &old.root,
                                       &new->root);
    if (status_ok(status)) return STATUS_SUCCESS;
    return REFUSE(FAILED_PRECONDITION, LOG_REWRITTEN,
                  "the log does not begin with what the directory holds a signed copy of");
}

// ---- Files ---------------------------------------------------------------------------------

// Whole already: a full tile never changes.
static bool is_there(const struct copy *copy, const struct tlog_tile *tile, const char *path)
{
    const char *directory = copy->config->directory;
    if (tile->width < TLOG_TILE_WIDTH) return false;
    if (!tile->entries)
        return tile_directory_size(directory, path) == TLOG_TILE_WIDTH * MERKLE_HASH_BYTES;
    const struct tile_source there = tile_directory_source(directory);
    struct bytes bundle, entries[TLOG_TILE_WIDTH];
    return status_ok(there.read(there.context, path, copy->arena, &bundle)) &&
           tile_bundle_parse(bundle, tile->width, entries);
}

static struct status copy_file(struct copy *copy, const struct tlog_tile *tile)
{
    char path[TLOG_TILE_PATH_BYTES];
    struct bytes bytes;
    tlog_tile_path_format(tile, path);
    arena_reset(copy->arena);
    if (is_there(copy, tile, path)) {
        copy->result->kept++;
        return STATUS_SUCCESS;
    }
    const struct tile_source *source = &copy->config->source;
    struct status status = source->read(source->context, path, copy->arena, &bytes);
    if (tile->entries && status.code == STATUS_NOT_FOUND &&
        strcmp(status.reason, "ENTRY_PRUNED") == 0) {
        copy->result->pruned += tile->width;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(tile_directory_write(copy->config->directory, path, bytes));
    copy->result->written++;
    return STATUS_SUCCESS;
}

static struct status copy_level(struct copy *copy, unsigned level, bool entries)
{
    uint64_t size = copy->result->checkpoint.size, index = 0;
    for (unsigned width; (width = tlog_tile_width(level, index, size)) > 0; index++) {
        struct tlog_tile tile = {
            .index = index, .width = (uint16_t)width, .level = (uint8_t)level, .entries = entries};
        RETURN_IF_ERROR(copy_file(copy, &tile));
        if (entries && copy->config->progress != NULL) {
            copy->config->progress(copy->config->progress_context, index * TLOG_TILE_WIDTH + width,
                                   size);
        }
    }
    return STATUS_SUCCESS;
}

static struct status run(struct copy *copy)
{
    const struct tile_source *source = &copy->config->source;
    struct bytes note;
    RETURN_IF_ERROR(source->read(source->context, "checkpoint", copy->notes, &note));
    RETURN_IF_ERROR(checkpoint_open(note, copy->config->verifier, &copy->result->checkpoint));
    RETURN_IF_ERROR(check_old(copy));
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        RETURN_IF_ERROR(copy_level(copy, level, false));
    if (!copy->config->without_entries) RETURN_IF_ERROR(copy_level(copy, 0, true));
    // An empty log has a checkpoint alone: the directory comes with it.
    if (copy->result->checkpoint.size > 0)
        RETURN_IF_ERROR(tile_directory_sync(copy->config->directory));
    RETURN_IF_ERROR(tile_directory_write(copy->config->directory, "checkpoint", note));
    return tile_directory_sync(copy->config->directory);
}

struct status log_export(const struct log_export_config *config, struct log_export_result *ret)
{
    *ret = (struct log_export_result){0};
    struct copy copy = {.config = config, .result = ret};
    copy.arena = arena_open(TILE_SOURCE_ARENA_BYTES);
    copy.notes = arena_open(TILE_SOURCE_ARENA_BYTES);
    struct status status = tile_source_keep(run(&copy));
    arena_close(&copy.arena);
    arena_close(&copy.notes);
    return status;
}
