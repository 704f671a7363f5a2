/// @file services/ledger/currencies.h
/// The built-in currencies: ISO 4217 codes in use, with the exponent of their minor unit.
/// Source     ISO 4217 list one; funds and metals without a minor unit (XAU, XDR …) are left
///            out. A custom currency is kept in the store and may not take one of these codes.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ledger_currency_row {
    char code[4];
    uint8_t exponent;
    const char *name;
};

extern const struct ledger_currency_row ledger_currencies[]; // Sorted by code.
extern const size_t ledger_currency_count;

/// ledger_currency_find gives NULL for a code that is not built in.
const struct ledger_currency_row *ledger_currency_find(const char *code);
