/// @file tests/unit/witness/sample.h
/// A log for the witness to watch: a tree in memory, a key, and the requests it sends. A second log
/// with the same key and other entries is a fork of it.
/// Threads    One test at a time; a built request may be read by many.
#pragma once

#include "services/witness/core.h"
#include "tests/unit/support/unit.h"

enum { SAMPLE_LEAVES_MAX = 64, SAMPLE_LEVELS = 7, SAMPLE_REQUEST_BYTES = 16 * 1024 };

#define SAMPLE_ORIGIN "florin.local/audit"

struct sample {
    struct key_signer *signer;
    struct note_verifier verifier; // Of the log's key.
    struct merkle_hash nodes[SAMPLE_LEVELS][SAMPLE_LEAVES_MAX];
    struct merkle_frontier heads[SAMPLE_LEAVES_MAX + 1]; // By size.
};

/// sample_open makes SAMPLE_LEAVES_MAX entries: "<word> 0", "<word> 1" … From `fork_at` on the word
/// is "other", so that two logs agree below it. seed: all bytes of the key's.
void sample_open(struct sample *log, const char *origin, uint8_t seed, size_t fork_at);
void sample_close(struct sample *log);

/// sample_note signs the checkpoint of a size; gives the note's length.
size_t sample_note(const struct sample *log, size_t size, char *ret, size_t bytes_max);

/// sample_request writes add-checkpoint's body; gives its length.
size_t sample_request(const struct sample *log, size_t old_size, size_t size, char *ret);
