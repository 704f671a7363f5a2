/// @file services/audit/money_text.h
/// Amounts as people read them: "INR 1234.50".
/// Threads    Any; pure.
#pragma once

#include "common/base/u128.h"

enum { AUDIT_MONEY_TEXT_BYTES = 16 + U128_TEXT_BYTES + 32 };

/// audit_money_text writes the currency and the amount with the decimals of ISO 4217. Other
/// currencies are the bank's own, and only the ledger knows their decimals: "PTS 1250 (smallest
/// units)". Gives the text's length.
size_t audit_money_text(const char *currency, u128 minor_units,
                        char ret[static AUDIT_MONEY_TEXT_BYTES]);
