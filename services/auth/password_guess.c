// Passwords that would be guessed: zxcvbn knows the common ones, names, words, keyboard walks,
// dates, letters written as digits, and is told the user's own words and the bank's.
#include "services/auth/password.h"

#include <string.h>
#include <zxcvbn.h>

enum {
    OWN_WORDS_MAX = 32,
    OWN_WORD_BYTES_MIN = 4, // "Li" in a password says nothing.
    OWN_TEXT_BYTES = 1024,
    REST_BYTES_MIN = 6, // What must be left when the user's own words are taken out.
    PIECE_BYTES_MAX = 24,
};

/// 10^8 guesses: zxcvbn's own border of what withstands guessing through a login.
#define GUESSES_BITS_MIN 26.6

/// Words that everybody would think of here (ASVS 6.1.2).
static const char *const context[] = {"florin", "banking", "bank", "admin", "administrator"};

enum { CONTEXT_COUNT = sizeof context / sizeof context[0] };

struct words {
    const char *items[OWN_WORDS_MAX + CONTEXT_COUNT + 1]; // NULL-terminated.
    size_t count;
    char text[OWN_TEXT_BYTES];
    size_t used;
};

static void add_word(struct words *words, const char *word, size_t size)
{
    bool fits = words->count < OWN_WORDS_MAX && words->used + size < sizeof words->text;
    if (size < OWN_WORD_BYTES_MIN || !fits) return;
    char *to = words->text + words->used;
    for (size_t i = 0; i < size; i++)
        to[i] = word[i] >= 'A' && word[i] <= 'Z' ? (char)(word[i] + ('a' - 'A')) : word[i];
    to[size] = '\0';
    words->used += size + 1;
    words->items[words->count++] = to;
}

static const char separators[] = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\t";

/// add_words adds the text whole and in its words: bytes of longer UTF-8 sequences are letters.
static void add_words(struct words *words, const char *text)
{
    add_word(words, text, strlen(text));
    while (*text != '\0') {
        text += strspn(text, separators);
        size_t size = strcspn(text, separators);
        add_word(words, text, size);
        text += size;
    }
}

/// is_repetition: one piece of bytes again and again, in whatever script.
static bool is_repetition(const char *password)
{
    size_t size = strlen(password);
    for (size_t piece = 1; piece <= PIECE_BYTES_MAX && 2 * piece <= size; piece++)
        if (memcmp(password, password + piece, size - piece) == 0) return true;
    return false;
}

/// fold writes letters and digits in lower case.
static void fold(const char *text, char ret[static AUTH_PASSWORD_BYTES_MAX + 1])
{
    size_t size = 0;
    for (; *text != '\0' && size < AUTH_PASSWORD_BYTES_MAX; text++) {
        if (strchr(separators, *text) != NULL) continue;
        ret[size++] = *text >= 'A' && *text <= 'Z' ? (char)(*text + ('a' - 'A')) : *text;
    }
    ret[size] = '\0';
}

/// is_own: hardly anything is left without the user's own words, whose separators are gone too.
static bool is_own(const char *password, const struct words *words)
{
    char rest[AUTH_PASSWORD_BYTES_MAX + 1];
    bool is_found = false;
    fold(password, rest);
    for (size_t i = 0; i < words->count; i++) {
        size_t size = strlen(words->items[i]);
        for (char *at; (at = strstr(rest, words->items[i])) != NULL; is_found = true)
            memmove(at, at + size, strlen(at + size) + 1);
    }
    return is_found && strlen(rest) < REST_BYTES_MIN;
}

bool auth_password_is_guessable(const char *password, const char *const *own, size_t own_count)
{
    struct words words = {0};
    for (size_t i = 0; i < own_count; i++)
        add_words(&words, own[i]);
    for (size_t i = 0; i < CONTEXT_COUNT; i++)
        words.items[words.count++] = context[i];
    return is_repetition(password) || is_own(password, &words) ||
           ZxcvbnMatch(password, words.items, NULL) < GUESSES_BITS_MIN;
}
