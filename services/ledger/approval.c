#include "services/ledger/approval.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <string.h>

u128 ledger_sca_free_up_to(const struct ledger_sca_policy *policy, const char *currency,
                           uint8_t exponent)
{
    u128 free_up_to = ledger_figures_in(&policy->above, currency);
    if (free_up_to == 0) return U128_MAX;
    CHECK(exponent <= LEDGER_EXPONENT_MAX);
    for (uint8_t i = 0; i < exponent; i++)
        free_up_to *= 10; // At most 2^64 * 10^18 < 2^124.
    return free_up_to;
}

/// What was asked for: how much of an amount_up_to fits is not known when it is approved.
static u128 amount_asked(const struct ledger_transfer *transfer)
{
    return transfer->amount_up_to > 0 ? transfer->amount_up_to : transfer->amount;
}

bool ledger_approval_is_missing(const struct ledger_approval *approval,
                                const struct ledger_transfer *transfer)
{
    if (approval == NULL || approval->is_given) return false;
    return approval->payee_is_new || amount_asked(transfer) > approval->free_up_to;
}

static bool is_linked(const struct sca_claims *claims, const struct ledger_transfer *transfer)
{
    const struct sca_payment payment = {
        .debit_account_id = transfer->account_id[LEDGER_DEBIT],
        .credit_account_id = transfer->account_id[LEDGER_CREDIT],
        .amount = amount_asked(transfer),
        .currency = transfer->currency,
        .transfer_id = transfer->id,
    };
    uint8_t link[SCA_LINK_BYTES];
    sca_link_hash(&payment, link);
    return memcmp(link, claims->link, sizeof link) == 0;
}

bool ledger_approval_is_wrong(const struct ledger_approval *approval,
                              const struct ledger_transfer *transfer, uint64_t now_ns)
{
    if (approval == NULL || !approval->is_given) return false;
    const struct sca_claims *claims = &approval->claims;
    return !approval->is_genuine || approval->is_burnt || id128_is_nil(approval->asker_id) ||
           !id128_equal(claims->subject, approval->asker_id) ||
           strcmp(claims->action, SCA_ACTION_TRANSFER) != 0 ||
           claims->expires_at_s <= now_ns / NS_PER_SECOND || !is_linked(claims, transfer);
}
