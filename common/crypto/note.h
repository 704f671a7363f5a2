/// @file common/crypto/note.h
/// Signed notes: a text and, below a blank line, who signed it.
/// Shapes     text, "\n", then lines "— <name> base64(key id[4] | signature)\n". Key id: the first
///            4 bytes of SHA-256(name | 0A | type | public key). Verifier key:
///            name+hex(id)+base64(type | public key). Types known here: 01, Ed25519 over the text,
///            and 04, a witness's timestamped cosignature (cosignature.h). Signatures by other keys
///            are skipped.
/// Input      A note is untrusted until note_open says OK. UTF-8 without control characters but the
///            newline; the last empty line ends the text.
/// Ownership  note_open gives a slice of the given bytes.
/// Threads    Any.
/// Errors     INVALID_ARGUMENT / NOTE_MALFORMED, VERIFIER_KEY_MALFORMED, VERIFIER_KEY_UNSUPPORTED,
///            NOTE_NOT_SIGNED (not by this key), NOTE_SIGNATURE_WRONG.
/// Source     c2sp.org/signed-note, c2sp.org/tlog-cosignature.
#pragma once

#include "common/crypto/keys.h"

enum {
    NOTE_NAME_BYTES_MAX = 256, // With the final NUL.
    NOTE_KEY_ID_BYTES = 4,
    NOTE_VERIFIER_TEXT_BYTES = NOTE_NAME_BYTES_MAX + 1 + 8 + 1 + 44, // With the final NUL.
    // Of type 01, and of either type.
    NOTE_SIGNATURE_LINE_BYTES_MAX = 3 + 1 + NOTE_NAME_BYTES_MAX + 92 + 2,
    NOTE_COSIGNATURE_LINE_BYTES_MAX = 3 + 1 + NOTE_NAME_BYTES_MAX + 104 + 2,
    NOTE_SIGNATURES_MAX = 64,
    NOTE_BYTES_MAX = 512 * 1024, // Room for 64 post-quantum signatures of others.
};

/// How a key signs; the numbers are those of its verifier key.
enum note_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

/// A public key that signs under a name.
struct note_verifier {
    char name[NOTE_NAME_BYTES_MAX];
    enum note_type type;
    uint8_t key_id[NOTE_KEY_ID_BYTES];
    uint8_t public_key[KEY_PUBLIC_BYTES];
};

/// note_verifier_make: VERIFIER_KEY_MALFORMED when the name is empty, too long, not UTF-8 or has a
/// space, a plus or a control character. Of type 01; note_verifier_make_typed of any.
MUST_USE struct status note_verifier_make(const char *name,
                                          const uint8_t public_key[static KEY_PUBLIC_BYTES],
                                          struct note_verifier *ret);
MUST_USE struct status note_verifier_make_typed(const char *name, enum note_type type,
                                                const uint8_t public_key[static KEY_PUBLIC_BYTES],
                                                struct note_verifier *ret);
MUST_USE struct status note_verifier_parse(struct bytes text, struct note_verifier *ret);
/// note_verifier_format writes the text and a NUL; gives its length.
size_t note_verifier_format(const struct note_verifier *verifier,
                            char ret_text[static NOTE_VERIFIER_TEXT_BYTES]);

/// note_text_is_valid: not empty, ends with a newline, and nothing that a note may not hold.
bool note_text_is_valid(struct bytes text);

/// note_sign writes the whole note: text, blank line, one signature. The text must be valid, the
/// verifier of type 01 and size_max at least text.size + 1 + NOTE_SIGNATURE_LINE_BYTES_MAX (CHECK).
/// Gives the note's size.
size_t note_sign(struct bytes text, const struct note_verifier *verifier,
                 const struct key_signer *signer, char *ret_note, size_t size_max);

/// note_open verifies that this key signed, and gives the text (with its final newline).
MUST_USE struct status note_open(struct bytes note, const struct note_verifier *verifier,
                                 struct bytes *ret_text);
/// note_open_any verifies the signatures of all the keys that are known: at least one must have
/// signed, and one wrong signature by any of them refuses the note. ret_signed (may be NULL) has a
/// place for each verifier.
MUST_USE struct status note_open_any(struct bytes note, const struct note_verifier *verifiers,
                                     size_t count, struct bytes *ret_text, bool *ret_signed);

// ---- In parts ------------------------------------------------------------------------------

/// note_split: where text and signature lines stand. The lines are not looked at.
MUST_USE struct status note_split(struct bytes note, struct bytes *ret_text,
                                  struct bytes *ret_lines);

/// One signature line.
struct note_signature {
    struct bytes line; // With its newline.
    struct bytes name;
    uint8_t key_id[NOTE_KEY_ID_BYTES];
    struct bytes encoded; // base64 of key id and signature.
};

/// note_next_signature takes the first line off the rest; false when it is not a signature line.
bool note_next_signature(struct bytes *rest, struct note_signature *ret);
/// note_signature_is_by: name and key id say that it is this key's. Whether it holds is another
/// question.
bool note_signature_is_by(const struct note_signature *signature,
                          const struct note_verifier *verifier);
bool note_signature_holds(const struct note_signature *signature, struct bytes text,
                          const struct note_verifier *verifier);
/// note_signature_write writes the line of this signature (without key id) and a NUL; gives its
/// length, at most NOTE_COSIGNATURE_LINE_BYTES_MAX.
size_t note_signature_write(const struct note_verifier *verifier, struct bytes signature,
                            char ret_line[static NOTE_COSIGNATURE_LINE_BYTES_MAX]);
