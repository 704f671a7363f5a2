/// @file services/witness/record.h
/// Byte layouts of the witness's store: one row for each log.
/// Shapes     Integers are big-endian. The key is the log's origin.
/// Ownership  Decoded slices point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "services/witness/core.h"

enum {
    // Of the stored note: the text, a line for each of the log's keys, and the cosignature.
    WITNESS_NOTE_BYTES_MAX = COSIGNATURE_TEXT_BYTES_MAX + 1 +
                             (WITNESS_LOG_KEYS_MAX + 1) * NOTE_COSIGNATURE_LINE_BYTES_MAX,
    WITNESS_STATE_BYTES_MAX = 1 + 8 + MERKLE_HASH_BYTES + 8 + WITNESS_NOTE_BYTES_MAX,
};

/// What was cosigned last: version(1) = 01 | size(8) | root(32) | time in seconds(8) | the note,
/// with the log's signature and this witness's.
struct witness_state {
    struct witness_head head;
    uint64_t time_s;
    struct bytes note;
};

size_t witness_state_encode(const struct witness_state *state,
                            uint8_t ret[static WITNESS_STATE_BYTES_MAX]);
MUST_USE struct status witness_state_decode(struct bytes record, struct witness_state *ret);
