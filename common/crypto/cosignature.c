#include "common/crypto/cosignature.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { PREAMBLE_BYTES_MAX = sizeof "cosignature/v1\ntime 18446744073709551615\n" };

// Gives nothing when the text is longer than any checkpoint that is cosigned here.
static struct bytes write_message(struct bytes text, uint64_t time_s,
                                  char ret[static PREAMBLE_BYTES_MAX + COSIGNATURE_TEXT_BYTES_MAX])
{
    if (text.size > COSIGNATURE_TEXT_BYTES_MAX) return bytes_of(NULL, 0);
    int size = snprintf(ret, PREAMBLE_BYTES_MAX, "cosignature/v1\ntime %" PRIu64 "\n", time_s);
    CHECK(size > 0 && size < PREAMBLE_BYTES_MAX);
    memcpy(ret + size, text.data, text.size);
    return bytes_of(ret, (size_t)size + text.size);
}

size_t cosignature_sign(struct bytes text, uint64_t time_s, const struct note_verifier *verifier,
                        const struct key_signer *signer,
                        char ret_line[static NOTE_COSIGNATURE_LINE_BYTES_MAX])
{
    CHECK(note_text_is_valid(text) && text.size <= COSIGNATURE_TEXT_BYTES_MAX);
    CHECK(verifier->type == NOTE_COSIGNATURE && time_s <= INT64_MAX);
    CHECK(memcmp(verifier->public_key, key_signer_public(signer), KEY_PUBLIC_BYTES) == 0);
    char message[PREAMBLE_BYTES_MAX + COSIGNATURE_TEXT_BYTES_MAX];
    uint8_t signature[COSIGNATURE_BYTES];
    put_u64_be(signature, time_s);
    key_sign(signer, write_message(text, time_s, message), signature + 8);
    return note_signature_write(verifier, bytes_of(signature, sizeof signature), ret_line);
}

bool cosignature_verify(const uint8_t signature[static COSIGNATURE_BYTES], struct bytes text,
                        const uint8_t public_key[static KEY_PUBLIC_BYTES])
{
    char message[PREAMBLE_BYTES_MAX + COSIGNATURE_TEXT_BYTES_MAX];
    uint64_t time_s = get_u64_be(signature);
    if (time_s > INT64_MAX) return false;
    struct bytes signed_bytes = write_message(text, time_s, message);
    return signed_bytes.size > 0 && key_verify(public_key, signed_bytes, signature + 8);
}

static uint64_t time_of(const struct note_signature *signature)
{
    uint8_t bytes[NOTE_KEY_ID_BYTES + COSIGNATURE_BYTES];
    size_t size;
    CHECK(base64_decode((const char *)signature->encoded.data, signature->encoded.size, bytes,
                        sizeof bytes, &size));
    return get_u64_be(bytes + NOTE_KEY_ID_BYTES);
}

struct status cosignature_find(struct bytes lines, struct bytes text,
                               const struct note_verifier *verifier, struct bytes *ret_line,
                               uint64_t *ret_time_s)
{
    CHECK(verifier->type == NOTE_COSIGNATURE);
    struct note_signature signature, found = {0};
    for (size_t count = 0; lines.size > 0; count++) {
        if (count == NOTE_SIGNATURES_MAX || !note_next_signature(&lines, &signature)) {
            return REFUSE(INVALID_ARGUMENT, NOTE_MALFORMED, "these are not signature lines");
        }
        if (!note_signature_is_by(&signature, verifier)) continue;
        if (!note_signature_holds(&signature, text, verifier)) {
            return REFUSE(INVALID_ARGUMENT, NOTE_SIGNATURE_WRONG,
                          "the witness's cosignature does not fit the checkpoint");
        }
        found = signature;
    }
    if (found.line.size == 0) {
        return REFUSE(INVALID_ARGUMENT, NOTE_NOT_SIGNED, "there is no cosignature by this witness");
    }
    *ret_line = found.line;
    *ret_time_s = time_of(&found);
    return STATUS_SUCCESS;
}
