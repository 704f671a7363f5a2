/// @file services/ledger/approval.h
/// Which payments of customers must be approved one by one, and whether what came with a payment is
/// its approval: strong customer authentication with dynamic linking. Pure.
/// Rule       A customer (scope SELF), also one that comes with an API key, who pays to an account
///            of somebody else: above an amount, or to an account that this owner has never paid.
///            What a hold reserves was approved with it: captures ask for nothing.
/// Amount     What the request names: with amount_up_to the most that may be moved.
/// Approval   A token that auth made when the customer entered the second factor for exactly this
///            payment (common/crypto/sca_token.h). Whoever gives one has it checked and burnt.
/// Source     PSD2 RTS (EU 2018/389) articles 5 and 13; README.md "Approvals".
#pragma once

#include "common/crypto/sca_token.h"
#include "services/ledger/figures.h"

/// What the bank asks for. Zeros: no payment needs an approval.
struct ledger_sca_policy {
    struct ledger_figures above; // Major units; payments of more. 0: none for their amount.
    bool for_new_payees;
};

/// ledger_sca_free_up_to gives the largest amount, in minor units, that may be paid without.
u128 ledger_sca_free_up_to(const struct ledger_sca_policy *policy, const char *currency,
                           uint8_t exponent);

/// What is known of one payment that is about to be made.
struct ledger_approval {
    struct id128 asker_id;    // Who asks for it; nil: a service.
    u128 free_up_to;          // More needs an approval.
    bool payee_is_new;        // Needs one, whatever the amount.
    bool is_given;            // A token came with it.
    bool is_genuine;          // Auth's signature, form and times are right.
    bool is_burnt;            // It was used before.
    struct sca_claims claims; // When genuine.
};

bool ledger_approval_is_missing(const struct ledger_approval *approval,
                                const struct ledger_transfer *transfer);
/// ledger_approval_is_wrong compares the token with the payment itself: who asks, accounts, amount,
/// currency and id. now_ns is ledger time, which never goes back: what has expired stays so.
bool ledger_approval_is_wrong(const struct ledger_approval *approval,
                              const struct ledger_transfer *transfer, uint64_t now_ns);
