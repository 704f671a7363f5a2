/// @file services/ledger/events.h
/// What the ledger tells the others, written in the transaction of what it tells about.
/// Events     ledger.account.*, ledger.transfer.*, ledger.limit.changed, ledger.fx.*,
///            ledger.currency.created; payloads in ledger.proto, "Events". Each is visible to the
///            owners of the accounts it names.
/// Errors     None: payloads are bounded, so the arena of a call has room for them (CHECK).
/// Threads    The store's writer thread.
#pragma once

#include "common/event/event.h"
#include "common/event/subscriber.h"
#include "services/ledger/convert.h"
#include "services/ledger/unit.h"

enum ledger_account_event { // Names of their own: ACCOUNT_FROZEN and _CLOSED are refusals.
    LEDGER_EVENT_ACCOUNT_CREATED,
    LEDGER_EVENT_ACCOUNT_UPDATED,
    LEDGER_EVENT_ACCOUNT_FROZEN,
    LEDGER_EVENT_ACCOUNT_UNFROZEN,
    LEDGER_EVENT_ACCOUNT_CLOSED,
    LEDGER_EVENT_ACCOUNT_END,
};

/// The account as it is afterwards. reason: of a freeze or its lifting; else "".
void ledger_events_account(struct store_txn *txn, struct rpc_call *call,
                           enum ledger_account_event what, const struct ledger_account *account,
                           const struct ledger_details *details, const char *reason);

/// ledger_events_transfers tells of every transfer of a unit that is flushed in this job: what the
/// call asked for (call NULL: nobody did), and what expired on the way, which is the ledger's own
/// doing. Balances are those after each transfer.
void ledger_events_transfers(const struct rpc_call *call, struct ledger_unit *unit);
/// ledger_events_announce is ledger_service.announce: what expired while nobody asked for anything.
void ledger_events_announce(struct ledger_unit *unit);
/// A refusal that depends on state; what was asked for.
void ledger_events_transfer_refused(struct store_txn *txn, const struct rpc_call *call,
                                    const struct ledger_outcome *outcome);

void ledger_events_currency_created(struct store_txn *txn, struct rpc_call *call,
                                    const struct ledger_currency *currency);
/// ledger.fx.quoted and .executed.
void ledger_events_quote(struct store_txn *txn, struct rpc_call *call,
                         const struct ledger_quote *quote, bool executed);

/// Compliance changed an owner's limits.
void ledger_events_limits_changed(struct store_txn *txn, const struct rpc_call *call,
                                  const struct ledger_profile *profile);
/// kyc changed an owner's tier: its event's actor and request stay on ours.
void ledger_events_tier_changed(struct store_txn *txn, const struct event_view *cause,
                                const struct ledger_profile *profile);
