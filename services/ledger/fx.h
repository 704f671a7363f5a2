/// @file services/ledger/fx.h
/// Exchange at a quoted rate: integer arithmetic, rounded to the side of the liquidity. Pure.
/// Rate       buy = sell * rate_numerator / rate_denominator in major units of both currencies.
/// Rounding   What the customer gets is rounded down, what the customer pays up, to whole minor
///            units: the liquidity account never pays for a fraction.
#pragma once

#include "services/ledger/core.h"

enum ledger_quote_state { LEDGER_QUOTE_OPEN = 1, LEDGER_QUOTE_EXECUTED = 2 };

struct ledger_quote {
    struct id128 id;       // Also the group id of the two transfers.
    struct id128 owner_id; // Nil: whoever has the id.
    char sell_currency[LEDGER_CURRENCY_BYTES], buy_currency[LEDGER_CURRENCY_BYTES];
    uint8_t sell_exponent, buy_exponent;
    u128 sell_amount, buy_amount; // Minor units.
    uint64_t rate_numerator, rate_denominator;
    uint64_t created_at_ns, expires_at_ns;
    enum ledger_quote_state state;
    struct id128 debit_account_id, credit_account_id; // Of the execution; nil while OPEN.
};

/// ledger_fx_buy_amount works out buy_amount from sell_amount, ledger_fx_sell_amount the other way.
/// false: the result is 0 or beyond LEDGER_TOTAL_MAX.
bool ledger_fx_buy_amount(struct ledger_quote *quote);
bool ledger_fx_sell_amount(struct ledger_quote *quote);

/// Ids of the two transfers: UUIDs of version 8 worked out from the quote's id.
struct id128 ledger_fx_transfer_id(struct id128 quote_id, enum ledger_side leg);
