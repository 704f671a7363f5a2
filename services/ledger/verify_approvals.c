// Burnt approvals and payees: each leads to a payment that can have made it. Whether one is missing
// cannot be seen: tokens are forgotten, and payees are kept only while somebody asks for them.
#include "common/base/check.h"
#include "services/ledger/verify_parts.h"

/// The payment that a row leads to, by a reading of its own. false: there is none.
static bool find_payment(struct store_txn *txn, struct bytes value, struct ledger_transfer *ret)
{
    uint64_t number;
    return status_ok(ledger_trace_decode(value, &number)) &&
           status_ok(ledger_store_get_transfer(txn, NULL, number, ret)) &&
           (ret->kind == LEDGER_TRANSFER_POSTED || ret->kind == LEDGER_TRANSFER_PENDING);
}

void verify_burnt_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value)
{
    uint64_t expires_at_s;
    struct id128 token_id;
    struct ledger_transfer payment;
    CHECK(ledger_burnt_key_decode(key, &expires_at_s, &token_id)); // Its size was looked at.
    if (!find_payment(txn, value, &payment))
        verify_find(verifier, "APPROVAL_MISMATCH", "approvals", token_id,
                    "it was burnt by no payment that is in the log");
}

void verify_payee_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value)
{
    struct id128 owner_id, account_id;
    struct ledger_transfer payment;
    struct ledger_account payer;
    CHECK(ledger_payee_key_decode(key, &owner_id, &account_id));
    bool is_right =
        find_payment(txn, value, &payment) &&
        id128_equal(payment.account_id[LEDGER_CREDIT], account_id) &&
        status_ok(ledger_store_get_account(txn, payment.account_id[LEDGER_DEBIT], &payer)) &&
        id128_equal(payer.owner_id, owner_id);
    if (!is_right)
        verify_find(verifier, "PAYEE_MISMATCH", "payees", account_id,
                    "its first payment by that owner is not in the log");
}
