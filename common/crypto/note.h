/// @file common/crypto/note.h
/// Signed notes: a text and, below a blank line, who signed it.
/// Shapes     text, "\n", then lines "— <name> base64(key id[4] | signature)\n". Key id: the first
/// 4
///            bytes of SHA-256(name | 0A | 01 | public key). Verifier key: name+hex(id)+base64(01 |
///            public key). Only Ed25519 (type 01) is known here; other signatures are skipped.
/// Input      A note is untrusted until note_open says OK. UTF-8 without control characters but the
///            newline; the last empty line ends the text.
/// Ownership  note_open gives a slice of the given bytes.
/// Threads    Any.
/// Errors     INVALID_ARGUMENT / NOTE_MALFORMED, VERIFIER_KEY_MALFORMED, VERIFIER_KEY_UNSUPPORTED,
///            NOTE_NOT_SIGNED (not by this key), NOTE_SIGNATURE_WRONG.
/// Source     c2sp.org/signed-note.
#pragma once

#include "common/crypto/keys.h"

enum {
    NOTE_NAME_BYTES_MAX = 256, // With the final NUL.
    NOTE_KEY_ID_BYTES = 4,
    NOTE_VERIFIER_TEXT_BYTES = NOTE_NAME_BYTES_MAX + 1 + 8 + 1 + 44, // With the final NUL.
    NOTE_SIGNATURE_LINE_BYTES_MAX = 3 + 1 + NOTE_NAME_BYTES_MAX + 92 + 2,
    NOTE_SIGNATURES_MAX = 64,
    NOTE_BYTES_MAX = 512 * 1024, // Room for 64 post-quantum signatures of others.
};

/// A public key that signs under a name.
struct note_verifier {
    char name[NOTE_NAME_BYTES_MAX];
    uint8_t key_id[NOTE_KEY_ID_BYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];
};

/// note_verifier_make: VERIFIER_KEY_MALFORMED when the name is empty, too long, not UTF-8 or has a
/// space, a plus or a control character.
MUST_USE struct status note_verifier_make(const char *name,
                                          const uint8_t public_key[static KEY_PUBLIC_BYTES],
                                          struct note_verifier *ret);
MUST_USE struct status note_verifier_parse(struct bytes text, struct note_verifier *ret);
/// note_verifier_format writes the text and a NUL; gives its length.
size_t note_verifier_format(const struct note_verifier *verifier,
                            char ret_text[static NOTE_VERIFIER_TEXT_BYTES]);

/// note_text_is_valid: not empty, ends with a newline, and nothing that a note may not hold.
bool note_text_is_valid(struct bytes text);

/// note_sign writes the whole note: text, blank line, one signature. The text must be valid and
/// size_max at least text.size + 1 + NOTE_SIGNATURE_LINE_BYTES_MAX (CHECK). Gives the note's size.
size_t note_sign(struct bytes text, const struct note_verifier *verifier,
                 const struct key_signer *signer, char *ret_note, size_t size_max);

/// note_open verifies that this key signed, and gives the text (with its final newline).
MUST_USE struct status note_open(struct bytes note, const struct note_verifier *verifier,
                                 struct bytes *ret_text);
