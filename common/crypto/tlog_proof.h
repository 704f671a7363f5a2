/// @file common/crypto/tlog_proof.h
/// The self-contained proof file: that an entry is in a log, to be checked offline.
/// Shapes     "c2sp.org/tlog-proof@v1\n" ["extra <base64>\n"] "index <n>\n" one base64 hash a line,
///            from the leaf's sibling upwards, "\n", then the checkpoint's signed note as it is.
/// Ownership  What parsing gives points into the given bytes, but for the hashes.
/// Threads    Any; pure.
/// Errors     INVALID_ARGUMENT / PROOF_MALFORMED; verifying: those of note.h, checkpoint.h and
///            merkle.h.
/// Source     c2sp.org/tlog-proof.
#pragma once

#include "common/crypto/checkpoint.h"

enum {
    TLOG_PROOF_HASHES_MAX = 64,
    TLOG_PROOF_BYTES_MAX = 64 + TLOG_PROOF_HASHES_MAX * 45 + 1, // Without checkpoint and extra.
};

struct tlog_proof {
    uint64_t index;
    struct merkle_proof path;
    struct bytes extra;      // base64 text; not signed by anybody. Empty: no such line.
    struct bytes checkpoint; // The signed note.
};

/// tlog_proof_format writes the file without a NUL; gives its size. size_max is at least
/// TLOG_PROOF_BYTES_MAX + the sizes of checkpoint and extra (CHECK).
size_t tlog_proof_format(const struct tlog_proof *proof, char *ret_text, size_t size_max);
MUST_USE struct status tlog_proof_parse(struct bytes text, struct tlog_proof *ret);

/// tlog_proof_verify proves the leaf against a checkpoint that this key signed, and gives it.
MUST_USE struct status tlog_proof_verify(const struct tlog_proof *proof,
                                         const struct merkle_hash *leaf,
                                         const struct note_verifier *verifier,
                                         struct checkpoint *ret);
