/// @file services/ledger/saturate.h
/// Sums that stop at their ends instead of wrapping: what they are compared with never lies beyond.
/// Threads    Any; pure.
#pragma once

#include "services/ledger/core.h"

static inline i128 i128_add_saturated(i128 a, i128 b)
{
    i128 sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? (i128)LEDGER_TOTAL_MAX : -(i128)LEDGER_TOTAL_MAX;
}

static inline u128 u128_add_saturated(u128 a, u128 b)
{
    u128 sum;
    return __builtin_add_overflow(a, b, &sum) ? U128_MAX : sum;
}

static inline u128 u128_subtract_saturated(u128 a, u128 b)
{
    return a > b ? a - b : 0;
}

static inline u128 u128_min(u128 a, u128 b)
{
    return a < b ? a : b;
}
