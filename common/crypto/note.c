#include "common/crypto/note.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"

#include <assert.h>
#include <stdio.h>

enum {
    TYPE_ED25519 = 0x01,
    SIGNATURE_BYTES = NOTE_KEY_ID_BYTES + KEY_SIGNATURE_BYTES,
    VERIFIER_KEY_BYTES = 1 + KEY_PUBLIC_BYTES,
    SIGNATURE_LINE_FIXED_BYTES = 3 + 1 + 1 + 1, // Dash, space, space, newline.
};

static const char dash[] = "\xe2\x80\x94 "; // An em dash and a space.

static_assert(BASE64_TEXT_BYTES(VERIFIER_KEY_BYTES) == 45, "as NOTE_VERIFIER_TEXT_BYTES counts it");
static_assert(BASE64_TEXT_BYTES(SIGNATURE_BYTES) + NOTE_NAME_BYTES_MAX +
                      SIGNATURE_LINE_FIXED_BYTES <=
                  NOTE_SIGNATURE_LINE_BYTES_MAX + 1,
              "a signature line fits");

#define NOTE_REFUSAL REFUSE(INVALID_ARGUMENT, NOTE_MALFORMED, "this is not a signed note")
#define KEY_REFUSAL                                                                                \
    REFUSE(INVALID_ARGUMENT, VERIFIER_KEY_MALFORMED, "this is not a verifier key (name+id+key)")

// ---- Names and keys ------------------------------------------------------------------------

// Unicode's White_Space property, beyond ASCII; sorted, as ranges.
static const struct {
    uint32_t first, last;
} spaces[] = {{0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
              {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

static uint32_t code_point_of(const uint8_t *text, size_t size)
{
    static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code_point = text[0] & first_bits[size];
    for (size_t i = 1; i < size; i++)
        code_point = code_point << 6 | (text[i] & 0x3f);
    return code_point;
}

static bool is_name_character(uint32_t code_point)
{
    if (code_point <= ' ' || code_point == '+' || code_point == 0x7f) return false;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        if (code_point >= spaces[i].first && code_point <= spaces[i].last) return false;
    }
    return true;
}

static bool is_name(struct bytes name)
{
    if (name.size == 0) return false;
    for (size_t at = 0; at < name.size;) {
        size_t size = text_next_code_point((const char *)name.data + at, name.size - at);
        if (size == 0 || !is_name_character(code_point_of(name.data + at, size))) return false;
        at += size;
    }
    return true;
}

static void key_id_of(struct bytes name, const uint8_t *key, uint8_t ret[static NOTE_KEY_ID_BYTES])
{
    static const uint8_t middle[] = {0x0a, TYPE_ED25519};
    const struct bytes parts[] = {name, bytes_of(middle, sizeof middle),
                                  bytes_of(key, KEY_PUBLIC_BYTES)};
    uint8_t hash[HASH_SHA256_BYTES];
    hash_sha256(parts, sizeof parts / sizeof parts[0], hash);
    memcpy(ret, hash, NOTE_KEY_ID_BYTES);
}

static struct status make_verifier(struct bytes name, const uint8_t *key, struct note_verifier *ret)
{
    if (!is_name(name) || name.size >= NOTE_NAME_BYTES_MAX) return KEY_REFUSAL;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->name, name.data, name.size);
    memcpy(ret->public_key, key, KEY_PUBLIC_BYTES);
    key_id_of(name, key, ret->key_id);
    return STATUS_SUCCESS;
}

struct status note_verifier_make(const char *name,
                                 const uint8_t public_key[static KEY_PUBLIC_BYTES],
                                 struct note_verifier *ret)
{
    return make_verifier(bytes_of_text(name), public_key, ret);
}

size_t note_verifier_format(const struct note_verifier *verifier,
                            char ret_text[static NOTE_VERIFIER_TEXT_BYTES])
{
    uint8_t key[VERIFIER_KEY_BYTES] = {TYPE_ED25519};
    memcpy(key + 1, verifier->public_key, KEY_PUBLIC_BYTES);
    char key_id[2 * NOTE_KEY_ID_BYTES + 1], key_text[BASE64_TEXT_BYTES(VERIFIER_KEY_BYTES)];
    hex_encode(verifier->key_id, NOTE_KEY_ID_BYTES, key_id);
    base64_encode(key, sizeof key, key_text);
    int size =
        snprintf(ret_text, NOTE_VERIFIER_TEXT_BYTES, "%s+%s+%s", verifier->name, key_id, key_text);
    CHECK(size > 0 && size < NOTE_VERIFIER_TEXT_BYTES);
    return (size_t)size;
}

struct status note_verifier_parse(struct bytes text, struct note_verifier *ret)
{
    if (text.size == 0) return KEY_REFUSAL;
    const uint8_t *end = text.data + text.size;
    const uint8_t *plus = memchr(text.data, '+', text.size);
    if (plus == NULL || end - plus < 1 + 2 * NOTE_KEY_ID_BYTES + 1) return KEY_REFUSAL;
    const uint8_t *id_text = plus + 1, *key_text = id_text + 2 * NOTE_KEY_ID_BYTES + 1;
    if (key_text[-1] != '+') return KEY_REFUSAL;

    uint8_t key[VERIFIER_KEY_BYTES];
    size_t key_size;
    if (!base64_decode((const char *)key_text, (size_t)(end - key_text), key, sizeof key,
                       &key_size) ||
        key_size == 0)
        return KEY_REFUSAL;
    if (key[0] != TYPE_ED25519) {
        return REFUSE(INVALID_ARGUMENT, VERIFIER_KEY_UNSUPPORTED,
                      "only Ed25519 verifier keys (type 01) are supported");
    }
    struct note_verifier verifier;
    if (key_size != sizeof key) return KEY_REFUSAL;
    RETURN_IF_ERROR(
        make_verifier(bytes_of(text.data, (size_t)(plus - text.data)), key + 1, &verifier));
    char id_again[2 * NOTE_KEY_ID_BYTES + 1];
    hex_encode(verifier.key_id, NOTE_KEY_ID_BYTES, id_again);
    if (memcmp(id_again, id_text, 2 * NOTE_KEY_ID_BYTES) != 0) return KEY_REFUSAL;
    *ret = verifier;
    return STATUS_SUCCESS;
}

// ---- Notes ---------------------------------------------------------------------------------

bool note_text_is_valid(struct bytes text)
{
    if (text.size == 0 || text.data[text.size - 1] != '\n') return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' && text.data[i] != '\n') return false;
    }
    return text_is_utf8((const char *)text.data, text.size);
}

size_t note_sign(struct bytes text, const struct note_verifier *verifier,
                 const struct key_signer *signer, char *ret_note, size_t size_max)
{
    CHECK(note_text_is_valid(text));
    CHECK(memcmp(verifier->public_key, key_signer_public(signer), KEY_PUBLIC_BYTES) == 0);
    CHECK(text.size <= NOTE_BYTES_MAX);
    CHECK(size_max >= text.size + 1 + NOTE_SIGNATURE_LINE_BYTES_MAX);
    uint8_t signature[SIGNATURE_BYTES];
    memcpy(signature, verifier->key_id, NOTE_KEY_ID_BYTES);
    key_sign(signer, text, signature + NOTE_KEY_ID_BYTES);
    char signature_text[BASE64_TEXT_BYTES(SIGNATURE_BYTES)];
    base64_encode(signature, sizeof signature, signature_text);

    memcpy(ret_note, text.data, text.size);
    int size = snprintf(ret_note + text.size, size_max - text.size, "\n%s%s %s\n", dash,
                        verifier->name, signature_text);
    CHECK(size > 0 && (size_t)size < size_max - text.size);
    return text.size + (size_t)size;
}

/// One signature line, taken apart.
struct signature_line {
    struct bytes name;
    uint8_t key_id[NOTE_KEY_ID_BYTES];
    struct bytes encoded; // base64 of key id and signature.
};

// Takes the line at *at and moves on to the next; false when it is malformed.
static bool take_signature(const uint8_t **at, const uint8_t *end, struct signature_line *ret)
{
    const uint8_t *newline = memchr(*at, '\n', (size_t)(end - *at));
    size_t dash_bytes = sizeof dash - 1;
    if (newline == NULL || (size_t)(newline - *at) < dash_bytes) return false;
    if (memcmp(*at, dash, dash_bytes) != 0) return false;
    const uint8_t *name = *at + dash_bytes;
    const uint8_t *space = memchr(name, ' ', (size_t)(newline - name));
    if (space == NULL) return false;
    ret->name = bytes_of(name, (size_t)(space - name));
    ret->encoded = bytes_of(space + 1, (size_t)(newline - space - 1));
    *at = newline + 1;
    // The first eight characters hold six bytes: the key id and the beginning of the signature.
    uint8_t first[6];
    size_t first_bytes;
    if (ret->encoded.size < 8 || ret->encoded.size % 4 != 0) return false;
    if (!base64_decode((const char *)ret->encoded.data, 8, first, sizeof first, &first_bytes) ||
        first_bytes <= NOTE_KEY_ID_BYTES)
        return false;
    memcpy(ret->key_id, first, NOTE_KEY_ID_BYTES);
    return is_name(ret->name);
}

static bool signature_holds(const struct signature_line *line, struct bytes text,
                            const struct note_verifier *verifier)
{
    uint8_t signature[SIGNATURE_BYTES];
    size_t size;
    if (!base64_decode((const char *)line->encoded.data, line->encoded.size, signature,
                       sizeof signature, &size) ||
        size != sizeof signature)
        return false;
    return key_verify(verifier->public_key, text, signature + NOTE_KEY_ID_BYTES);
}

// The text ends with the newline before the last empty line.
static bool split_note(struct bytes note, struct bytes *ret_text, const uint8_t **ret_signatures)
{
    if (note.size > NOTE_BYTES_MAX || !note_text_is_valid(note)) return false;
    const uint8_t *blank = memrchr(note.data, '\n', note.size);
    while (blank != NULL && (blank == note.data || blank[-1] != '\n'))
        blank = memrchr(note.data, '\n', (size_t)(blank - note.data));
    if (blank == NULL) return false;
    *ret_text = bytes_of(note.data, (size_t)(blank - note.data));
    *ret_signatures = blank + 1;
    return ret_text->size > 0 && *ret_signatures < note.data + note.size;
}

struct status note_open(struct bytes note, const struct note_verifier *verifier,
                        struct bytes *ret_text)
{
    struct bytes text;
    const uint8_t *at, *end = note.data + note.size;
    if (!split_note(note, &text, &at)) return NOTE_REFUSAL;
    bool is_signed = false;
    for (size_t count = 0; at < end; count++) {
        struct signature_line line;
        if (count == NOTE_SIGNATURES_MAX || !take_signature(&at, end, &line)) return NOTE_REFUSAL;
        // Name and id together say which key; others' signatures are not ours to judge.
        if (!bytes_equal(line.name, bytes_of_text(verifier->name)) ||
            memcmp(line.key_id, verifier->key_id, NOTE_KEY_ID_BYTES) != 0)
            continue;
        if (!signature_holds(&line, text, verifier)) {
            return REFUSE(INVALID_ARGUMENT, NOTE_SIGNATURE_WRONG,
                          "the signature by the given key does not fit the note's text");
        }
        is_signed = true;
    }
    if (!is_signed) {
        return REFUSE(INVALID_ARGUMENT, NOTE_NOT_SIGNED, "the note is not signed by the given key");
    }
    *ret_text = text;
    return STATUS_SUCCESS;
}
