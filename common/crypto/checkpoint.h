/// @file common/crypto/checkpoint.h
/// A log's tree head as the text of a signed note: "origin\nsize\nbase64(root)\n".
/// Input      Parsing takes one spelling only: decimal without leading zeroes, canonical base64,
/// and
///            extension lines, if any, that are not empty.
/// Threads    Any; pure.
/// Errors     INVALID_ARGUMENT / CHECKPOINT_MALFORMED.
/// Source     c2sp.org/tlog-checkpoint.
#pragma once

#include "common/crypto/merkle.h"
#include "common/crypto/note.h"

enum {
    CHECKPOINT_TEXT_BYTES_MAX = NOTE_NAME_BYTES_MAX + 1 + 20 + 1 + 44 + 1,
    // Text, blank line and the log's own signature.
    CHECKPOINT_NOTE_BYTES_MAX = CHECKPOINT_TEXT_BYTES_MAX + 1 + NOTE_SIGNATURE_LINE_BYTES_MAX,
};

struct checkpoint {
    char origin[NOTE_NAME_BYTES_MAX];
    uint64_t size;
    struct merkle_hash root;
};

/// checkpoint_format writes the text (no signature, no NUL counted); gives its size.
size_t checkpoint_format(const struct checkpoint *checkpoint,
                         char ret_text[static CHECKPOINT_TEXT_BYTES_MAX]);
MUST_USE struct status checkpoint_parse(struct bytes text, struct checkpoint *ret);

/// checkpoint_open is note_open and checkpoint_parse; the origin must be the verifier's name, else
/// INVALID_ARGUMENT / CHECKPOINT_ORIGIN.
MUST_USE struct status checkpoint_open(struct bytes note, const struct note_verifier *verifier,
                                       struct checkpoint *ret);
