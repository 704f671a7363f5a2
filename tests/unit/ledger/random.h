/// @file tests/unit/ledger/random.h
/// Random numbers from a seed that is printed; FLORIN_TEST_SEED sets it, and a run repeats itself.
/// Threads    One: the numbers are drawn in one order.
#pragma once

#include "common/base/u128.h"

uint64_t random_u64(void);
uint64_t random_below(uint64_t bound); // bound: at least 1.
/// Amounts of any magnitude, up to `most`: few bits as often as many.
u128 random_amount(u128 most);
