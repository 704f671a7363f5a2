/// @file services/ctl/log_export.h
/// Copies a log into a directory as c2sp.org/tlog-tiles lays it out: checkpoint, tiles, bundles.
/// Again      What is there whole is not fetched again. The new checkpoint is written last, after
///            all that it states is durable, and only when the one that lies there is its
///            beginning: a copy is never made to agree with a log that was rewritten.
/// Errors     FAILED_PRECONDITION / LOG_REWRITTEN, LOG_SHRANK; UNAVAILABLE / FILE_UNWRITABLE; those
///            of reading and of checkpoint.h.
#pragma once

#include "common/crypto/checkpoint.h"
#include "services/ctl/tile_source.h"

struct log_export_config {
    struct tile_source source;
    const struct note_verifier *verifier;
    const char *directory;
    bool without_entries;
    /// Gives a proof from one size to another, as the source has it.
    struct status (*prove)(void *context, uint64_t from, uint64_t to, struct merkle_proof *ret);
    void *prove_context;
    void (*progress)(void *context, uint64_t done, uint64_t size); // May be NULL.
    void *progress_context;
};

struct log_export_result {
    struct checkpoint checkpoint;
    uint64_t written, kept; // Files.
    uint64_t pruned;        // Entries that the log has no more.
};

MUST_USE struct status log_export(const struct log_export_config *config,
                                  struct log_export_result *ret);
