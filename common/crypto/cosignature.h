/// @file common/crypto/cosignature.h
/// A witness's statement that, at a time, this checkpoint was the largest consistent one that it
/// had seen of the log: one more signature line below the checkpoint.
/// Shapes     signature = time(8, big-endian) | Ed25519 over "cosignature/v1\ntime <t>\n" and the
///            whole text of the checkpoint. Verifier keys have type 04 (note.h).
/// Units      time_s: seconds since 1970-01-01 UTC, at most 2^63 - 1.
/// Threads    Any; pure.
/// Source     c2sp.org/tlog-cosignature (Ed25519).
#pragma once

#include "common/crypto/note.h"

enum { COSIGNATURE_BYTES = 8 + KEY_SIGNATURE_BYTES, COSIGNATURE_TEXT_BYTES_MAX = 8192 };

/// cosignature_sign writes the signature line and a NUL; gives its length. The verifier is of type
/// 04 and the signer's, the text a valid one of at most COSIGNATURE_TEXT_BYTES_MAX (CHECK).
size_t cosignature_sign(struct bytes text, uint64_t time_s, const struct note_verifier *verifier,
                        const struct key_signer *signer,
                        char ret_line[static NOTE_COSIGNATURE_LINE_BYTES_MAX]);

/// cosignature_verify: whether the key signed this text at the time that the signature says.
bool cosignature_verify(const uint8_t signature[static COSIGNATURE_BYTES], struct bytes text,
                        const uint8_t public_key[static KEY_PUBLIC_BYTES]);

/// cosignature_find looks through signature lines, as a witness answers them, for one by this key
/// that holds. Lines of other keys are skipped. INVALID_ARGUMENT / NOTE_MALFORMED, NOTE_NOT_SIGNED,
/// NOTE_SIGNATURE_WRONG.
MUST_USE struct status cosignature_find(struct bytes lines, struct bytes text,
                                        const struct note_verifier *verifier,
                                        struct bytes *ret_line, uint64_t *ret_time_s);
