#include "services/ledger/events.h"

#include "common/base/check.h"

void ledger_events_account_created(struct store_txn *txn, struct rpc_call *call,
                                   const struct ledger_account *account,
                                   struct Ledger__Account *message)
{
    char subject[EVENT_NAME_BYTES];
    event_name("accounts", account->id, subject);
    const void *payload = ledger_convert_account_created(call, message);
    CHECK(payload != NULL); // The request is bounded, and so is what it needs.
    event_append_call(txn, call, "ledger.account.created", subject, payload, &account->owner_id, 1);
}

static void owners_of(const struct ledger_outcome *outcome, struct id128 ret[static LEDGER_SIDES])
{
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        ret[side] = outcome->has_account[side] ? outcome->account[side].owner_id : ID128_NIL;
    if (id128_equal(ret[LEDGER_DEBIT], ret[LEDGER_CREDIT])) ret[LEDGER_CREDIT] = ID128_NIL;
}

void ledger_events_transfer_created(struct store_txn *txn, struct rpc_call *call,
                                    const struct ledger_outcome *outcome,
                                    struct Ledger__Transfer *message)
{
    struct id128 owners[LEDGER_SIDES];
    char subject[EVENT_NAME_BYTES];
    owners_of(outcome, owners);
    event_name("transfers", outcome->transfer.id, subject);
    const void *payload = ledger_convert_transfer_created(call, outcome, message);
    CHECK(payload != NULL);
    event_append_call(txn, call, "ledger.transfer.created", subject, payload, owners, LEDGER_SIDES);
}

void ledger_events_transfer_refused(struct store_txn *txn, struct rpc_call *call,
                                    const struct ledger_outcome *outcome,
                                    struct Ledger__Transfer *message)
{
    char subject[EVENT_NAME_BYTES];
    event_name("transfers", outcome->transfer.id, subject);
    const void *payload = ledger_convert_transfer_refused(call, message);
    CHECK(payload != NULL);
    event_append_refusal(txn, call, "ledger.transfer.refused", subject, payload,
                         ledger_reasons[outcome->refusal.reason].name);
}

void ledger_events_limit_changed(struct store_txn *txn, const struct event_view *cause,
                                 const struct ledger_tier_change *change)
{
    uint8_t payload[LEDGER_LIMIT_CHANGED_BYTES_MAX];
    size_t size = ledger_convert_limit_changed(change, payload);
    char subject[EVENT_NAME_BYTES];
    event_name("users", change->owner_id, subject);
    event_append(txn, &(struct event){
                          .type = "ledger.limit.changed",
                          .subject = subject,
                          .actor = cause->actor,
                          .request_id = cause->request_id,
                          .traceparent = cause->traceparent,
                          .visible_to = {change->owner_id},
                          .payload = bytes_of(payload, size),
                      });
}
