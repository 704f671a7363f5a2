#include "services/auth/sca_core.h"

#include "common/base/check.h"
#include "common/base/iso4217.h"

#include <stdio.h>

enum { MONEY_BYTES = 2 * U128_TEXT_BYTES }; // Digits, and what stands between them.

#define BROKEN REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "what an approval is for cannot be read")

// ---- How it is told ------------------------------------------------------------------------

/// write_money writes an amount of minor units in major ones: "25,000.00". Groups of three digits,
/// so that nobody miscounts zeros.
static void write_money(u128 amount, uint8_t exponent, char ret[static MONEY_BYTES])
{
    char digits[U128_TEXT_BYTES];
    u128 unit = 1;
    for (uint8_t i = 0; i < exponent; i++)
        unit *= 10;
    size_t size = u128_format(amount / unit, digits), at = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) ret[at++] = ',';
        ret[at++] = digits[i];
    }
    if (exponent > 0) {
        size_t fraction = u128_format(amount % unit, digits);
        ret[at++] = '.';
        for (size_t i = fraction; i < exponent; i++)
            ret[at++] = '0';
        memcpy(ret + at, digits, fraction);
        at += fraction;
    }
    ret[at] = '\0';
}

void auth_sca_write_text(const struct auth_sca_payment *payment,
                         char ret[static AUTH_SCA_TEXT_BYTES])
{
    char money[MONEY_BYTES], payee[ID128_TEXT_BYTES];
    const struct iso4217_currency *currency = iso4217_find(payment->currency);
    write_money(payment->amount, currency != NULL ? currency->exponent : 0, money);
    id128_format(payment->credit_account_id, payee);
    const char *of = currency != NULL ? "" : "minor units of ";
    int size = snprintf(ret, AUTH_SCA_TEXT_BYTES, "Pay %s %s%s to account %s", money, of,
                        payment->currency, payee);
    CHECK(size > 0 && size < AUTH_SCA_TEXT_BYTES);
}

// ---- How it is kept ------------------------------------------------------------------------

void auth_sca_payload_encode(const struct auth_sca_payment *payment,
                             char ret[static AUTH_SCA_PAYLOAD_BYTES])
{
    char payer[ID128_TEXT_BYTES], payee[ID128_TEXT_BYTES], id[ID128_TEXT_BYTES];
    char amount[U128_TEXT_BYTES];
    id128_format(payment->debit_account_id, payer);
    id128_format(payment->credit_account_id, payee);
    id128_format(payment->transfer_id, id);
    u128_format(payment->amount, amount);
    int size = snprintf(ret, AUTH_SCA_PAYLOAD_BYTES, SCA_ACTION_TRANSFER " %s %s %s %s %s", payer,
                        payee, id, amount, payment->currency);
    CHECK(size > 0 && size < AUTH_SCA_PAYLOAD_BYTES);
}

/// take_word cuts the text's first word off, and the blank behind it.
static struct bytes take_word(const char **text)
{
    struct bytes word = bytes_of(*text, strcspn(*text, " "));
    *text += word.size;
    *text += **text == ' ';
    return word;
}

static bool take_id(const char **text, struct id128 *ret)
{
    struct bytes word = take_word(text);
    return status_ok(id128_parse((const char *)word.data, word.size, ret));
}

struct status auth_sca_payload_decode(const char *payload, struct auth_sca_payment *ret)
{
    const char *rest = payload;
    struct auth_sca_payment payment = {0};
    char again[AUTH_SCA_PAYLOAD_BYTES];
    if (!bytes_equal(take_word(&rest), bytes_of_text(SCA_ACTION_TRANSFER)) ||
        !take_id(&rest, &payment.debit_account_id) || !take_id(&rest, &payment.credit_account_id) ||
        !take_id(&rest, &payment.transfer_id))
        return BROKEN;
    struct bytes amount = take_word(&rest), currency = take_word(&rest);
    if (!status_ok(u128_parse((const char *)amount.data, amount.size, &payment.amount)) ||
        currency.size == 0 || currency.size > SCA_CURRENCY_BYTES_MAX)
        return BROKEN;
    memcpy(payment.currency, currency.data, currency.size);
    auth_sca_payload_encode(&payment, again);
    if (strcmp(again, payload) != 0) return BROKEN;
    *ret = payment;
    return STATUS_SUCCESS;
}

void auth_sca_link(const struct auth_sca_payment *payment, uint8_t ret[static SCA_LINK_BYTES])
{
    const struct sca_payment linked = {
        .debit_account_id = payment->debit_account_id,
        .credit_account_id = payment->credit_account_id,
        .amount = payment->amount,
        .currency = payment->currency,
        .transfer_id = payment->transfer_id,
    };
    sca_link_hash(&linked, ret);
}
