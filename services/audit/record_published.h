/// @file services/audit/record_published.h
/// What is published, as bytes: row "published" of table "log".
/// Ownership  Decoded slices point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/crypto/checkpoint.h"

enum {
    AUDIT_WITNESSES_MAX = 16,
    AUDIT_PUBLISHED_NOTE_BYTES_MAX =
        CHECKPOINT_NOTE_BYTES_MAX + AUDIT_WITNESSES_MAX * NOTE_COSIGNATURE_LINE_BYTES_MAX,
    AUDIT_PUBLISHED_BYTES_MAX = 1 + 1 + 8 + AUDIT_PUBLISHED_NOTE_BYTES_MAX,
};

/// version(1) = 01 | witnesses needed(1) | size(8) | the signed note with its cosignatures.
/// needed 0: the newest checkpoint is published, with this note's cosignatures if it is the same.
/// Else this note is what is published; an empty one (size 0): nothing is yet.
struct audit_published {
    unsigned needed;
    uint64_t size;
    struct bytes note;
};

size_t audit_published_encode(const struct audit_published *published,
                              uint8_t ret[static AUDIT_PUBLISHED_BYTES_MAX]);
MUST_USE struct status audit_published_decode(struct bytes record, struct audit_published *ret);
