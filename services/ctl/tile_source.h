/// @file services/ctl/tile_source.h
/// Where a log is read from: a running daemon (client_tiles.c, by RPC) or a directory
/// (tile_directory.c), both by the paths of c2sp.org/tlog-tiles.
/// Threads    One at a time.
#pragma once

#include "common/base/arena.h"
#include "common/crypto/tlog_tile.h"

enum { TILE_SOURCE_ARENA_BYTES = 64 << 20 };

/// Statuses of a read: OK; NOT_FOUND, DATA_LOSS and INVALID_ARGUMENT say something of the log;
/// others say that it could not be asked.
struct tile_source {
    /// read gives what lies at "checkpoint", "tile/0/000.p/7", "tile/entries/000".
    struct status (*read)(void *context, const char *path, struct arena *arena, struct bytes *ret);
    void *context;
};

/// tile_source_says_something: the status is about the log, not about asking it.
bool tile_source_says_something(struct status status);
/// tile_source_keep copies a status's texts, which may lie in an arena that ends: good until the
/// next one is kept.
struct status tile_source_keep(struct status status);

// ---- A directory ---------------------------------------------------------------------------

/// context: the directory's path. NOT_FOUND / TILE_NOT_FOUND when there is no such file.
struct tile_source tile_directory_source(const char *directory);

/// tile_directory_write makes a file durable under its final name, and the directories above it.
/// UNAVAILABLE / FILE_UNWRITABLE.
MUST_USE struct status tile_directory_write(const char *directory, const char *path,
                                            struct bytes bytes);
/// tile_directory_size is a file's size; -1: there is none.
int64_t tile_directory_size(const char *directory, const char *path);
/// tile_directory_sync makes the names durable too, of all that was written.
MUST_USE struct status tile_directory_sync(const char *directory);

// ---- What is read --------------------------------------------------------------------------

/// tile_bundle_parse takes a bundle of exactly `count` entries apart.
bool tile_bundle_parse(struct bytes bundle, unsigned count,
                       struct bytes ret[static TLOG_TILE_WIDTH]);
