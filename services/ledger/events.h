/// @file services/ledger/events.h
/// What the ledger tells the others, written in the transaction of what it tells about.
/// Events     ledger.account.created, ledger.transfer.created, ledger.transfer.refused (a refusal
///            that depends on state), ledger.limit.changed; payloads in ledger.proto, "Events".
///            Each is visible to the owners of the accounts it names.
/// Threads    The store's writer thread.
#pragma once

#include "common/event/event.h"
#include "common/event/subscriber.h"
#include "services/ledger/convert.h"

void ledger_events_account_created(struct store_txn *txn, struct rpc_call *call,
                                   const struct ledger_account *account,
                                   struct Ledger__Account *message);
void ledger_events_transfer_created(struct store_txn *txn, struct rpc_call *call,
                                    const struct ledger_outcome *outcome,
                                    struct Ledger__Transfer *message);
void ledger_events_transfer_refused(struct store_txn *txn, struct rpc_call *call,
                                    const struct ledger_outcome *outcome,
                                    struct Ledger__Transfer *message);
/// cause: the kyc event that changed the limit; its actor and request stay on ours.
void ledger_events_limit_changed(struct store_txn *txn, const struct event_view *cause,
                                 const struct ledger_tier_change *change);
