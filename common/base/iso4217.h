/// @file common/base/iso4217.h
/// ISO 4217 codes in use, with the exponent of their minor unit and their name.
/// Threads    Any; constant.
/// Source     ISO 4217 list one; funds and metals without a minor unit (XAU, XDR …) are left out.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct iso4217_currency {
    char code[4];
    uint8_t exponent;
    const char *name;
};

extern const struct iso4217_currency iso4217_currencies[]; // Sorted by code.
extern const size_t iso4217_currency_count;

/// iso4217_find gives NULL for a code that is not of the list.
const struct iso4217_currency *iso4217_find(const char *code);
