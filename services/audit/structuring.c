#include "services/audit/structuring.h"

#include <string.h>

enum { CODE_SIZE_MIN = 3 };

#define MALFORMED                                                                                  \
    REFUSE(INVALID_ARGUMENT, STRUCTURING_LIMITS_MALFORMED,                                         \
           "[audit] structuring_limits must be like INR:100000000,EUR:1000000 (minor units, each " \
           "currency once, at most 16)")

static bool is_code(const char *text, size_t size)
{
    if (size < CODE_SIZE_MIN || size >= AUDIT_CURRENCY_BYTES) return false;
    for (size_t i = 0; i < size; i++) {
        bool is_letter = text[i] >= 'A' && text[i] <= 'Z';
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (!is_letter && (i == 0 || !is_digit)) return false;
    }
    return true;
}

static const u128 *find(const struct audit_structuring *structuring, const char *currency)
{
    for (size_t i = 0; i < structuring->count; i++) {
        if (strcmp(structuring->limits[i].currency, currency) == 0)
            return &structuring->limits[i].amount;
    }
    return NULL;
}

static struct status parse_limit(const char *text, size_t size, struct audit_structuring *ret)
{
    const char *colon = memchr(text, ':', size);
    size_t code_size = colon != NULL ? (size_t)(colon - text) : size;
    if (colon == NULL || !is_code(text, code_size)) return MALFORMED;
    if (ret->count == AUDIT_STRUCTURING_LIMITS_MAX) return MALFORMED;
    char code[AUDIT_CURRENCY_BYTES] = "";
    memcpy(code, text, code_size);
    u128 amount = 0;
    struct status status = u128_parse(colon + 1, size - code_size - 1, &amount);
    if (!status_ok(status) || amount == 0 || find(ret, code) != NULL) return MALFORMED;
    memcpy(ret->limits[ret->count].currency, code, sizeof code);
    ret->limits[ret->count++].amount = amount;
    return STATUS_SUCCESS;
}

struct status audit_structuring_parse(const char *text, struct audit_structuring *ret)
{
    struct audit_structuring structuring = {0};
    while (text[0] != '\0') {
        size_t size = strcspn(text, ",");
        RETURN_IF_ERROR(parse_limit(text, size, &structuring));
        text += size;
        if (text[0] == ',' && *++text == '\0') return MALFORMED;
    }
    *ret = structuring;
    return STATUS_SUCCESS;
}

bool audit_structuring_is_near(const struct audit_structuring *structuring, const char *currency,
                               u128 amount)
{
    const u128 *limit = find(structuring, currency);
    return limit != NULL && amount < *limit && amount >= *limit - *limit / 5;
}
