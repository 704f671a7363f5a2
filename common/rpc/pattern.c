#include "common/rpc/pattern.h"

#include "common/base/check.h"

#include <string.h>

// Not <ctype.h>: what a pattern means must not depend on the locale.
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_alphanumeric(char c)
{
    return is_letter(c) || is_digit(c);
}

static bool all_digits(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_digit(text[i])) return false;
    }
    return size > 0;
}

static bool any_text(const char *text, size_t size)
{
    (void)text;
    (void)size;
    return true;
}

static bool is_dot_atom(const char *text, size_t size)
{
    static const char others[] = "!#$%&'*+-/=?^_`{|}~";
    bool after_dot = true;
    for (size_t i = 0; i < size; i++) {
        bool is_dot = text[i] == '.';
        if (is_dot && after_dot) return false;
        if (!is_dot && !is_alphanumeric(text[i]) &&
            memchr(others, text[i], sizeof others - 1) == NULL) {
            return false;
        }
        after_dot = is_dot;
    }
    return !after_dot;
}

// Labels of 1 to 63 letters, digits and inner hyphens; at least two; the last one no number.
static bool is_host_name(const char *text, size_t size)
{
    size_t label = 0, labels = 1;
    const char *last = text;
    for (size_t i = 0; i < size; i++) {
        bool ends = i + 1 == size || text[i + 1] == '.';
        if (text[i] == '.') {
            if (label == 0) return false;
            label = 0;
            labels++;
            last = text + i + 1;
            continue;
        }
        bool is_inner_hyphen = text[i] == '-' && label > 0 && !ends;
        if (!is_alphanumeric(text[i]) && !is_inner_hyphen) return false;
        if (++label > 63) return false;
    }
    return label > 0 && labels >= 2 && !all_digits(last, size - (size_t)(last - text));
}

static bool is_email(const char *text, size_t size)
{
    enum { EMAIL_BYTES_MAX = 254, LOCAL_BYTES_MAX = 64 };

    const char *at = memchr(text, '@', size);
    if (at == NULL || size > EMAIL_BYTES_MAX) return false;
    size_t local = (size_t)(at - text);
    return local <= LOCAL_BYTES_MAX && is_dot_atom(text, local) &&
           is_host_name(at + 1, size - local - 1);
}

static bool is_e164(const char *text, size_t size)
{
    return size >= 9 && size <= 16 && text[0] == '+' && text[1] != '0' &&
           all_digits(text + 1, size - 1);
}

static bool is_currency(const char *text, size_t size)
{
    if (size < 3 || size > 10 || !is_upper(text[0])) return false;
    for (size_t i = 1; i < size; i++) {
        if (!is_upper(text[i]) && !is_digit(text[i])) return false;
    }
    return true;
}

static bool is_country(const char *text, size_t size)
{
    return size == 2 && is_upper(text[0]) && is_upper(text[1]);
}

static bool is_identifier(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_alphanumeric(text[i]) && strchr("_.:-", text[i]) == NULL) return false;
    }
    return size > 0;
}

// Control characters: C0 and DEL, and C1 (U+0080 to U+009F, C2 80 to C2 9F in UTF-8), and the line
// and paragraph separators (U+2028, U+2029), which break lines in logs and scripts.
static bool is_printable(const char *text, size_t size)
{
    const unsigned char *c = (const unsigned char *)text;
    for (size_t i = 0; i < size; i++) {
        if (c[i] < 0x20 || c[i] == 0x7F) return false;
        if (c[i] == 0xC2 && i + 1 < size && c[i + 1] < 0xA0) return false;
        if (c[i] == 0xE2 && i + 2 < size && c[i + 1] == 0x80 && (c[i + 2] & 0xFE) == 0xA8) {
            return false;
        }
    }
    return true;
}

bool rpc_pattern_matches(enum rpc_pattern pattern, const char *text, size_t size)
{
    static bool (*const matchers[])(const char *, size_t) = {
        [RPC_PATTERN_NONE] = any_text,
        [RPC_PATTERN_EMAIL] = is_email,
        [RPC_PATTERN_E164] = is_e164,
        [RPC_PATTERN_CURRENCY] = is_currency,
        [RPC_PATTERN_COUNTRY] = is_country,
        [RPC_PATTERN_DIGITS] = all_digits,
        [RPC_PATTERN_IDENTIFIER] = is_identifier,
        [RPC_PATTERN_PRINTABLE] = is_printable,
    };
    CHECK((size_t)pattern < sizeof matchers / sizeof *matchers);
    return matchers[pattern](text, size);
}

static int number(const char *text, size_t digits)
{
    int value = 0;
    for (size_t i = 0; i < digits; i++) {
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool rpc_date_is_real(const char *text, size_t size)
{
    static const int days_of_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (size != 10 || text[4] != '-' || text[7] != '-' || !all_digits(text, 4) ||
        !all_digits(text + 5, 2) || !all_digits(text + 8, 2)) {
        return false;
    }
    int year = number(text, 4), month = number(text + 5, 2), day = number(text + 8, 2);
    if (year < 1 || month < 1 || month > 12) return false;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    int days = days_of_month[month - 1] + (month == 2 && is_leap ? 1 : 0);
    return day >= 1 && day <= days;
}
