/// @file services/ctl/log_check.h
/// Checks a whole log from its bytes: every leaf is hashed from its entry, the tree is built anew
/// over them, and everything that is stored or signed is compared with it.
/// Leaves     Where entries are there, theirs; of pruned ones, those of the stored tiles. So a
///            root that agrees says that the entries themselves are what was signed.
/// Threads    One at a time.
/// Errors     Findings are the answer; a status other than OK says that the log could not be read.
/// Source     RFC 6962, c2sp.org/tlog-tiles; design 05 "florin audit fsck".
#pragma once

#include "common/crypto/checkpoint.h"
#include "services/ctl/tile_source.h"

struct log_check_config {
    struct tile_source source;
    const struct note_verifier *verifier;
    bool without_entries; // They are not looked for: hashes only.
    /// What is wrong, in a sentence; called for each finding.
    void (*find)(void *context, const char *what);
    void (*progress)(void *context, uint64_t done, uint64_t size); // May be NULL.
    void *context;
};

struct log_check_result {
    bool is_signed; // The checkpoint opens with the key; without that nothing else was looked at.
    struct checkpoint checkpoint;
    uint64_t findings;
    uint64_t entries;     // Hashed from their own bytes.
    uint64_t hashes_only; // Leaves of entries that are not there.
    uint64_t first_index; // Of the first entry that is there.
    uint64_t tiles;       // Compared.
    bool root_agrees;
};

MUST_USE struct status log_check(const struct log_check_config *config,
                                 struct log_check_result *ret);
