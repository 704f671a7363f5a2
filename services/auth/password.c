#include "services/auth/password.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(AUTH_HASH_BYTES == crypto_pwhash_argon2id_STRBYTES, "the text form fits");

enum {
    FOLDED_BYTES = AUTH_PASSWORD_BYTES_MAX + 1,
    OWN_WORD_BYTES_MIN = 4, // "Li" in a password says nothing.
    REST_BYTES_MIN = 6,     // What must be left when the user's own words are taken out.
    EDITS_MAX = 2,
};

#define WEAK(message_) REFUSE(INVALID_ARGUMENT, WEAK_PASSWORD, message_)

// ---- Folding: what looks alike becomes alike -----------------------------------------------

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_word_byte(char c)
{
    // Bytes of longer UTF-8 sequences count as letters.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (unsigned char)c >= 0x80;
}

/// fold writes the word bytes in lower case, cut at FOLDED_BYTES.
static size_t fold(const char *text, char ret[static FOLDED_BYTES])
{
    size_t size = 0;
    for (; *text != '\0' && size + 1 < FOLDED_BYTES; text++)
        if (is_word_byte(*text)) ret[size++] = lower(*text);
    ret[size] = '\0';
    return size;
}

/// unfigure turns digits and signs back into the letters that they stand for in "p4$$w0rd".
static void unfigure(const char *text, char ret[static FOLDED_BYTES])
{
    static const char figures[] = "0134578@$!|";
    static const char letters[] = "oieastbasil";
    size_t size = 0;
    for (; *text != '\0' && size + 1 < FOLDED_BYTES; text++) {
        const char *figure = strchr(figures, *text);
        ret[size++] = figure != NULL ? letters[figure - figures] : lower(*text);
    }
    ret[size] = '\0';
}

/// cut_tail takes digits and signs off the end: "summer2026!" is "summer".
static void cut_tail(char *word)
{
    size_t size = strlen(word);
    while (size > 0 && !((word[size - 1] >= 'a' && word[size - 1] <= 'z') ||
                         (unsigned char)word[size - 1] >= 0x80))
        size--;
    word[size] = '\0';
}

static bool is_common(const char *password)
{
    char word[FOLDED_BYTES], plain[FOLDED_BYTES];
    fold(password, word);
    if (auth_password_is_common(word)) return true;
    snprintf(plain, sizeof plain, "%s", word);
    cut_tail(plain);
    if (auth_password_is_common(plain)) return true;
    // The tail goes first: in "pa55word1" the 1 is a tail, not an i.
    char lowered[FOLDED_BYTES];
    size_t size = 0;
    for (; password[size] != '\0' && size + 1 < sizeof lowered; size++)
        lowered[size] = lower(password[size]);
    lowered[size] = '\0';
    cut_tail(lowered);
    unfigure(lowered, word);
    fold(word, plain);
    return auth_password_is_common(plain);
}

/// is_run: every step from one byte to the next is the same small one: "aaaaaaaa", "87654321".
static bool is_run(const char *password)
{
    int step = password[1] - password[0];
    if (step < -1 || step > 1) return false;
    for (size_t i = 1; password[i] != '\0'; i++)
        if (password[i] - password[i - 1] != step) return false;
    return true;
}

/// is_repetition: one piece of up to eight bytes again and again.
static bool is_repetition(const char *password)
{
    size_t size = strlen(password);
    for (size_t piece = 1; piece <= 8 && piece < size; piece++) {
        if (memcmp(password, password + piece, size - piece) == 0) return true;
    }
    return false;
}

// ---- The user's own words ------------------------------------------------------------------

static size_t edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t row[FOLDED_BYTES];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b_size];
}

/// take_out removes every occurrence of word; false when there was none.
static bool take_out(char *text, const char *word)
{
    bool found = false;
    size_t size = strlen(word);
    for (char *at; (at = strstr(text, word)) != NULL; found = true)
        memmove(at, at + size, strlen(at + size) + 1);
    return found;
}

static bool take_out_words(char *folded, const char *own)
{
    bool found = false;
    while (*own != '\0') {
        char word[FOLDED_BYTES];
        size_t size = 0;
        while (*own != '\0' && !is_word_byte(*own))
            own++;
        for (; is_word_byte(*own); own++)
            if (size + 1 < sizeof word) word[size++] = lower(*own);
        word[size] = '\0';
        if (size >= OWN_WORD_BYTES_MIN) found |= take_out(folded, word);
    }
    return found;
}

static bool is_near_copy(const char *folded, size_t folded_size, const char *own)
{
    char word[FOLDED_BYTES];
    size_t size = fold(own, word);
    if (size < OWN_WORD_BYTES_MIN) return false;
    return edit_distance(folded, folded_size, word, size) <= EDITS_MAX;
}

static bool is_own(const char *password, const char *const *own, size_t own_count)
{
    char folded[FOLDED_BYTES], rest[FOLDED_BYTES];
    size_t size = fold(password, folded);
    memcpy(rest, folded, size + 1);
    bool found = false;
    for (size_t i = 0; i < own_count; i++) {
        if (is_near_copy(folded, size, own[i])) return true;
        found |= take_out_words(rest, own[i]);
    }
    return found && strlen(rest) < REST_BYTES_MIN;
}

struct status auth_password_check(const char *password, size_t code_points_min,
                                  const char *const *own, size_t own_count)
{
    size_t size = strlen(password);
    if (size > AUTH_PASSWORD_BYTES_MAX) return WEAK("a password has at most 256 bytes");
    if (!text_is_utf8(password, size) || text_code_points(password, size) < code_points_min)
        return WEAK("the password is too short");
    if (is_run(password) || is_repetition(password) || is_common(password))
        return WEAK("the password is among the first that anybody tries");
    if (is_own(password, own, own_count))
        return WEAK("the password is close to the user's own name, address or number");
    return STATUS_SUCCESS;
}

// ---- Hashing -------------------------------------------------------------------------------

#define NO_MEMORY REFUSE(UNAVAILABLE, OVERLOADED, "there is no memory for hashing a password now")

static void check_parameters(const struct auth_argon2 *argon2)
{
    CHECK(argon2->memory_bytes >= AUTH_ARGON2_MEMORY_BYTES_MIN);
    CHECK(argon2->passes >= AUTH_ARGON2_PASSES_MIN);
}

struct status auth_password_hash(const struct auth_argon2 *argon2, const char *password,
                                 char ret_hash[static AUTH_HASH_BYTES])
{
    check_parameters(argon2);
    if (crypto_pwhash_argon2id_str(ret_hash, password, strlen(password), argon2->passes,
                                   (size_t)argon2->memory_bytes) != 0)
        return NO_MEMORY;
    return STATUS_SUCCESS;
}

/// read_parameters: false for a text that is no argon2id hash.
static bool read_parameters(const char *hash, unsigned *ret_memory_kib, unsigned *ret_passes)
{
    return sscanf(hash, "$argon2id$v=19$m=%9u,t=%9u,p=1$", ret_memory_kib, ret_passes) == 2;
}

struct status auth_password_verify(const char *hash, const char *password, bool *ret_equal)
{
    unsigned memory_kib, passes;
    if (!read_parameters(hash, &memory_kib, &passes))
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored password hash fails its checks");
    errno = 0;
    int rc = crypto_pwhash_argon2id_str_verify(hash, password, strlen(password));
    // libsodium sets EINVAL when the hash was computed and differs; else it could not compute it.
    if (rc != 0 && errno != EINVAL) return NO_MEMORY;
    *ret_equal = rc == 0;
    return STATUS_SUCCESS;
}

bool auth_password_is_weaker(const char *hash, const struct auth_argon2 *argon2)
{
    unsigned memory_kib = 0, passes = 0;
    if (!read_parameters(hash, &memory_kib, &passes)) return true;
    return (uint64_t)memory_kib * 1024 < argon2->memory_bytes || passes < argon2->passes;
}

void auth_password_dummy(const struct auth_argon2 *argon2, char ret_hash[static AUTH_HASH_BYTES])
{
    check_parameters(argon2);
    uint8_t salt[16], digest[32];
    char salt_text[32], digest_text[64];
    key_random(salt, sizeof salt);
    key_random(digest, sizeof digest);
    const int variant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
    sodium_bin2base64(salt_text, sizeof salt_text, salt, sizeof salt, variant);
    sodium_bin2base64(digest_text, sizeof digest_text, digest, sizeof digest, variant);
    memset(ret_hash, 0, AUTH_HASH_BYTES);
    int size =
        snprintf(ret_hash, AUTH_HASH_BYTES, "$argon2id$v=19$m=%u,t=%u,p=1$%s$%s",
                 (unsigned)(argon2->memory_bytes / 1024), argon2->passes, salt_text, digest_text);
    CHECK(size > 0 && size < AUTH_HASH_BYTES);
}
