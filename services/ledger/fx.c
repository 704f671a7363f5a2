#include "services/ledger/fx.h"

#include "common/base/check.h"

// An amount times a rate needs up to 127 + 64 + 60 bits (the last for 18 decimal places), so the
// product is kept in two halves, and divided bit by bit.
struct u256 {
    u128 high, low;
};

static struct u256 multiply(u128 a, u128 b)
{
    u128 low = (u128)u128_low(a) * u128_low(b);
    u128 middle = (u128)u128_low(a) * u128_high(b) + u128_high(low);
    u128 other = (u128)u128_high(a) * u128_low(b) + u128_low(middle);
    return (struct u256){
        .high = (u128)u128_high(a) * u128_high(b) + u128_high(middle) + u128_high(other),
        .low = (other << 64) | u128_low(low),
    };
}

/// divide gives false when the quotient does not fit.
static bool divide(struct u256 dividend, u128 divisor, u128 *ret_quotient, u128 *ret_rest)
{
    CHECK(divisor > 0 && divisor <= LEDGER_TOTAL_MAX); // So twice the rest fits.
    if (dividend.high >= divisor) return false;
    u128 quotient = 0, rest = dividend.high;
    for (int bit = 127; bit >= 0; bit--) {
        rest = rest << 1 | (dividend.low >> bit & 1);
        quotient <<= 1;
        if (rest < divisor) continue;
        rest -= divisor;
        quotient |= 1;
    }
    *ret_quotient = quotient;
    *ret_rest = rest;
    return true;
}

static u128 power_of_ten(unsigned exponent)
{
    CHECK(exponent <= LEDGER_EXPONENT_MAX);
    u128 power = 1;
    for (; exponent > 0; exponent--)
        power *= 10;
    return power;
}

/// convert is amount * numerator / denominator from minor units of one exponent to another's.
static bool convert(u128 amount, uint8_t from_exponent, uint8_t to_exponent, uint64_t numerator,
                    uint64_t denominator, bool round_up, u128 *ret)
{
    if (numerator == 0 || denominator == 0 || amount == 0 || amount > LEDGER_TOTAL_MAX)
        return false;
    // At most 2^64 * 10^18 < 2^124 either way.
    u128 multiplier = numerator, divisor = denominator;
    if (to_exponent >= from_exponent)
        multiplier *= power_of_ten((unsigned)to_exponent - from_exponent);
    else
        divisor *= power_of_ten((unsigned)from_exponent - to_exponent);

    u128 quotient, rest;
    if (!divide(multiply(amount, multiplier), divisor, &quotient, &rest)) return false;
    if (round_up && rest > 0 && __builtin_add_overflow(quotient, 1, &quotient)) return false;
    if (quotient == 0 || quotient > LEDGER_TOTAL_MAX) return false;
    *ret = quotient;
    return true;
}

bool ledger_fx_buy_amount(struct ledger_quote *quote)
{
    return convert(quote->sell_amount, quote->sell_exponent, quote->buy_exponent,
                   quote->rate_numerator, quote->rate_denominator, false, &quote->buy_amount);
}

bool ledger_fx_sell_amount(struct ledger_quote *quote)
{
    return convert(quote->buy_amount, quote->buy_exponent, quote->sell_exponent,
                   quote->rate_denominator, quote->rate_numerator, true, &quote->sell_amount);
}

struct id128 ledger_fx_transfer_id(struct id128 quote_id, enum ledger_side leg)
{
    CHECK(leg < LEDGER_SIDES);
    return ledger_id_derive(leg == LEDGER_DEBIT ? "florin ledger fx sell" : "florin ledger fx buy",
                            id128_bytes(&quote_id));
}
