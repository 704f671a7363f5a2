#include "services/audit/money_text.h"

#include "common/base/iso4217.h"

#include <stdio.h>
#include <string.h>

enum { CODE_SIZE_MAX = 10, EXPONENT_MAX = 8 };

size_t audit_money_text(const char *currency, u128 minor_units,
                        char ret[static AUDIT_MONEY_TEXT_BYTES])
{
    char digits[EXPONENT_MAX + U128_TEXT_BYTES];
    const struct iso4217_currency *known = iso4217_find(currency);
    size_t exponent = known != NULL ? known->exponent : 0;
    // Leading zeros, so that there is a digit before the point.
    memset(digits, '0', exponent);
    size_t size = u128_format(minor_units, digits + exponent) + exponent;
    const char *first = digits;
    while (size > exponent + 1 && first[0] == '0') {
        first++;
        size--;
    }
    int written =
        snprintf(ret, AUDIT_MONEY_TEXT_BYTES, "%.*s %.*s%s%.*s%s", CODE_SIZE_MAX, currency,
                 (int)(size - exponent), first, exponent > 0 ? "." : "", (int)exponent,
                 first + size - exponent, known != NULL ? "" : " (smallest units)");
    return written > 0 ? (size_t)written : 0;
}
