/// @file services/auth/sca_core.h
/// What is approved with a payment: how its owner is told, and how it is kept until the code comes.
/// Pure: no I/O, clock, allocation or logging.
/// Text       "Pay 25,000.00 INR to account 01935c10-…": whoever enters the code has seen payee and
///            amount. A currency that ISO 4217 does not have is told in minor units, and says so.
/// Errors     DATA_LOSS / AUTH_RECORD_BROKEN.
/// Source     PSD2 RTS (EU 2018/389) article 5; ISO 4217.
#pragma once

#include "common/crypto/sca_token.h"

enum {
    AUTH_SCA_TEXT_BYTES = 192,    // With the final NUL.
    AUTH_SCA_PAYLOAD_BYTES = 256, // With the final NUL.
};

struct auth_sca_payment {
    struct id128 debit_account_id, credit_account_id, transfer_id;
    u128 amount; // Minor units.
    char currency[SCA_CURRENCY_BYTES_MAX + 1];
};

void auth_sca_write_text(const struct auth_sca_payment *payment,
                         char ret[static AUTH_SCA_TEXT_BYTES]);

/// A flow's payload: "ledger.transfer.create <payer> <payee> <transfer id> <amount> <currency>".
/// What decodes encodes to the same text again.
void auth_sca_payload_encode(const struct auth_sca_payment *payment,
                             char ret[static AUTH_SCA_PAYLOAD_BYTES]);
MUST_USE struct status auth_sca_payload_decode(const char *payload, struct auth_sca_payment *ret);

/// auth_sca_link is sca_link_hash of it.
void auth_sca_link(const struct auth_sca_payment *payment, uint8_t ret[static SCA_LINK_BYTES]);
