/// @file common/base/u128.h
/// Amounts: unsigned 128-bit counts of minor units (ISO 4217), with checked arithmetic.
/// Sums use __builtin_add_overflow and friends directly; this file adds text and bytes.
#pragma once

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 u128;
typedef __int128 i128;

#define U128_MAX ((u128)-1)

enum { U128_TEXT_BYTES = 40, I128_TEXT_BYTES = 41 }; // 39 digits (and a sign) and the final NUL.

static inline u128 u128_of(uint64_t high, uint64_t low)
{
    return ((u128)high << 64) | low;
}

static inline uint64_t u128_high(u128 value)
{
    return (uint64_t)(value >> 64);
}

static inline uint64_t u128_low(u128 value)
{
    return (uint64_t)value;
}

/// u128_format writes the decimal digits, NUL-terminated; returns their count.
size_t u128_format(u128 value, char ret_text[static U128_TEXT_BYTES]);

/// i128_format is u128_format with a leading '-' for values below zero.
size_t i128_format(i128 value, char ret_text[static I128_TEXT_BYTES]);

/// u128_parse reads canonical decimal digits: no sign, no space, no leading zero but "0" itself.
/// INVALID_ARGUMENT / AMOUNT_MALFORMED or AMOUNT_OUT_OF_RANGE; *ret untouched then.
MUST_USE struct status u128_parse(const char *text, size_t size, u128 *ret);

/// i128_parse is u128_parse with an optional leading '-' ("-0" is refused).
MUST_USE struct status i128_parse(const char *text, size_t size, i128 *ret);

void u128_encode(u128 value, uint8_t ret[static 16]); // Big-endian.
u128 u128_decode(const uint8_t bytes[static 16]);
