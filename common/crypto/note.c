#include "common/crypto/note.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/cosignature.h"
#include "common/crypto/hash.h"

#include <assert.h>
#include <stdio.h>

enum {
    SIGNATURE_BYTES = NOTE_KEY_ID_BYTES + KEY_SIGNATURE_BYTES,
    COSIGNATURE_WITH_ID_BYTES = NOTE_KEY_ID_BYTES + COSIGNATURE_BYTES,
    VERIFIER_KEY_BYTES = 1 + KEY_PUBLIC_BYTES,
    SIGNATURE_LINE_FIXED_BYTES = 3 + 1 + 1 + 1, // Dash, space, space, newline.
};

static const char dash[] = "\xe2\x80\x94 "; // An em dash and a space.

static_assert(BASE64_TEXT_BYTES(VERIFIER_KEY_BYTES) == 45, "as NOTE_VERIFIER_TEXT_BYTES counts it");
static_assert(BASE64_TEXT_BYTES(SIGNATURE_BYTES) + NOTE_NAME_BYTES_MAX +
                      SIGNATURE_LINE_FIXED_BYTES <=
                  NOTE_SIGNATURE_LINE_BYTES_MAX + 1,
              "a signature line fits");
static_assert(BASE64_TEXT_BYTES(COSIGNATURE_WITH_ID_BYTES) + NOTE_NAME_BYTES_MAX +
                      SIGNATURE_LINE_FIXED_BYTES <=
                  NOTE_COSIGNATURE_LINE_BYTES_MAX + 1,
              "a cosignature line fits");

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

static void key_id_of(struct bytes name, enum note_type type, const uint8_t *key,
                      uint8_t ret[static NOTE_KEY_ID_BYTES])
{
    const uint8_t middle[] = {0x0a, (uint8_t)type};
    const struct bytes parts[] = {name, bytes_of(middle, sizeof middle),
                                  bytes_of(key, KEY_PUBLIC_BYTES)};
    uint8_t hash[HASH_SHA256_BYTES];
    hash_sha256(parts, sizeof parts / sizeof parts[0], hash);
    memcpy(ret, hash, NOTE_KEY_ID_BYTES);
}

static struct status make_verifier(struct bytes name, enum note_type type, const uint8_t *key,
                                   struct note_verifier *ret)
{
    if (!is_name(name) || name.size >= NOTE_NAME_BYTES_MAX) return KEY_REFUSAL;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->name, name.data, name.size);
    memcpy(ret->public_key, key, KEY_PUBLIC_BYTES);
    ret->type = type;
    key_id_of(name, type, key, ret->key_id);
    return STATUS_SUCCESS;
}

struct status note_verifier_make(const char *name,
                                 const uint8_t public_key[static KEY_PUBLIC_BYTES],
                                 struct note_verifier *ret)
{
    return make_verifier(bytes_of_text(name), NOTE_ED25519, public_key, ret);
}

struct status note_verifier_make_typed(const char *name, enum note_type type,
                                       const uint8_t public_key[static KEY_PUBLIC_BYTES],
                                       struct note_verifier *ret)
{
    CHECK(type == NOTE_ED25519 || type == NOTE_COSIGNATURE);
    return make_verifier(bytes_of_text(name), type, public_key, ret);
}

size_t note_verifier_format(const struct note_verifier *verifier,
                            char ret_text[static NOTE_VERIFIER_TEXT_BYTES])
{
    uint8_t key[VERIFIER_KEY_BYTES] = {(uint8_t)verifier->type};
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
    if (key[0] != NOTE_ED25519 && key[0] != NOTE_COSIGNATURE) {
        return REFUSE(INVALID_ARGUMENT, VERIFIER_KEY_UNSUPPORTED,
                      "only Ed25519 verifier keys (types 01 and 04) are supported");
    }
    struct note_verifier verifier;
    if (key_size != sizeof key) return KEY_REFUSAL;
    RETURN_IF_ERROR(make_verifier(bytes_of(text.data, (size_t)(plus - text.data)),
                                  (enum note_type)key[0], key + 1, &verifier));
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

size_t note_signature_write(const struct note_verifier *verifier, struct bytes signature,
                            char ret_line[static NOTE_COSIGNATURE_LINE_BYTES_MAX])
{
    uint8_t with_id[COSIGNATURE_WITH_ID_BYTES];
    char text[BASE64_TEXT_BYTES(COSIGNATURE_WITH_ID_BYTES)];
    CHECK(signature.size <= sizeof with_id - NOTE_KEY_ID_BYTES);
    memcpy(with_id, verifier->key_id, NOTE_KEY_ID_BYTES);
    memcpy(with_id + NOTE_KEY_ID_BYTES, signature.data, signature.size);
    base64_encode(with_id, NOTE_KEY_ID_BYTES + signature.size, text);
    int size = snprintf(ret_line, NOTE_COSIGNATURE_LINE_BYTES_MAX, "%s%s %s\n", dash,
                        verifier->name, text);
    CHECK(size > 0 && size < NOTE_COSIGNATURE_LINE_BYTES_MAX);
    return (size_t)size;
}

size_t note_sign(struct bytes text, const struct note_verifier *verifier,
                 const struct key_signer *signer, char *ret_note, size_t size_max)
{
    CHECK(note_text_is_valid(text));
    CHECK(verifier->type == NOTE_ED25519);
    CHECK(memcmp(verifier->public_key, key_signer_public(signer), KEY_PUBLIC_BYTES) == 0);
    CHECK(text.size <= NOTE_BYTES_MAX);
    CHECK(size_max >= text.size + 1 + NOTE_SIGNATURE_LINE_BYTES_MAX);
    uint8_t signature[KEY_SIGNATURE_BYTES];
    char line[NOTE_COSIGNATURE_LINE_BYTES_MAX];
    key_sign(signer, text, signature);
    size_t size = note_signature_write(verifier, bytes_of(signature, sizeof signature), line);
    memcpy(ret_note, text.data, text.size);
    ret_note[text.size] = '\n';
    memcpy(ret_note + text.size + 1, line, size);
    return text.size + 1 + size;
}

bool note_next_signature(struct bytes *rest, struct note_signature *ret)
{
    const uint8_t *line = rest->data, *end = rest->data + rest->size;
    const uint8_t *newline = rest->size > 0 ? memchr(line, '\n', rest->size) : NULL;
    size_t dash_bytes = sizeof dash - 1;
    if (newline == NULL || (size_t)(newline - line) < dash_bytes) return false;
    if (memcmp(line, dash, dash_bytes) != 0) return false;
    const uint8_t *name = line + dash_bytes;
    const uint8_t *space = memchr(name, ' ', (size_t)(newline - name));
    if (space == NULL) return false;
    ret->line = bytes_of(line, (size_t)(newline + 1 - line));
    ret->name = bytes_of(name, (size_t)(space - name));
    ret->encoded = bytes_of(space + 1, (size_t)(newline - space - 1));
    *rest = bytes_of(newline + 1, (size_t)(end - newline - 1));
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

// Name and id together say which key.
bool note_signature_is_by(const struct note_signature *signature,
                          const struct note_verifier *verifier)
{
    return bytes_equal(signature->name, bytes_of_text(verifier->name)) &&
           memcmp(signature->key_id, verifier->key_id, NOTE_KEY_ID_BYTES) == 0;
}

bool note_signature_holds(const struct note_signature *signature, struct bytes text,
                          const struct note_verifier *verifier)
{
    uint8_t bytes[COSIGNATURE_WITH_ID_BYTES];
    bool is_cosignature = verifier->type == NOTE_COSIGNATURE;
    size_t size, expected = is_cosignature ? sizeof bytes : (size_t)SIGNATURE_BYTES;
    if (!base64_decode((const char *)signature->encoded.data, signature->encoded.size, bytes,
                       sizeof bytes, &size) ||
        size != expected)
        return false;
    const uint8_t *itself = bytes + NOTE_KEY_ID_BYTES;
    return is_cosignature ? cosignature_verify(itself, text, verifier->public_key)
                          : key_verify(verifier->public_key, text, itself);
}

// The text ends with the newline before the last empty line.
struct status note_split(struct bytes note, struct bytes *ret_text, struct bytes *ret_lines)
{
    if (note.size > NOTE_BYTES_MAX || !note_text_is_valid(note)) return NOTE_REFUSAL;
    const uint8_t *blank = memrchr(note.data, '\n', note.size);
    while (blank != NULL && (blank == note.data || blank[-1] != '\n'))
        blank = memrchr(note.data, '\n', (size_t)(blank - note.data));
    if (blank == NULL) return NOTE_REFUSAL;
    struct bytes text = bytes_of(note.data, (size_t)(blank - note.data));
    struct bytes lines = bytes_of(blank + 1, note.size - text.size - 1);
    if (text.size == 0 || lines.size == 0) return NOTE_REFUSAL;
    *ret_text = text;
    *ret_lines = lines;
    return STATUS_SUCCESS;
}

// Each line, against the keys that are known; others' signatures are not ours to judge.
static struct status check_lines(struct bytes lines, struct bytes text,
                                 const struct note_verifier *verifiers, size_t count,
                                 bool *ret_signed, bool *ret_any)
{
    for (size_t line = 0; lines.size > 0; line++) {
        struct note_signature signature;
        if (line == NOTE_SIGNATURES_MAX || !note_next_signature(&lines, &signature))
            return NOTE_REFUSAL;
        for (size_t i = 0; i < count; i++) {
            if (!note_signature_is_by(&signature, &verifiers[i])) continue;
            if (!note_signature_holds(&signature, text, &verifiers[i])) {
                return REFUSE(INVALID_ARGUMENT, NOTE_SIGNATURE_WRONG,
                              "the signature by the given key does not fit the note's text");
            }
            if (ret_signed != NULL) ret_signed[i] = true;
            *ret_any = true;
        }
    }
    return STATUS_SUCCESS;
}

struct status note_open_any(struct bytes note, const struct note_verifier *verifiers, size_t count,
                            struct bytes *ret_text, bool *ret_signed)
{
    struct bytes text, lines;
    bool is_signed = false;
    for (size_t i = 0; ret_signed != NULL && i < count; i++)
        ret_signed[i] = false;
    RETURN_IF_ERROR(note_split(note, &text, &lines));
    RETURN_IF_ERROR(check_lines(lines, text, verifiers, count, ret_signed, &is_signed));
    if (!is_signed) {
        return REFUSE(INVALID_ARGUMENT, NOTE_NOT_SIGNED, "the note is not signed by the given key");
    }
    *ret_text = text;
    return STATUS_SUCCESS;
}

struct status note_open(struct bytes note, const struct note_verifier *verifier,
                        struct bytes *ret_text)
{
    return note_open_any(note, verifier, 1, ret_text, NULL);
}
