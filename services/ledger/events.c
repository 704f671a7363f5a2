#include "services/ledger/events.h"

#include "common/base/check.h"

#include <string.h>

static const char own_name[] = "services/ledger";

// ---- Transfers ----------------------------------------------------------------------------------

static const char *const transfer_types[LEDGER_TRANSFER_KIND_END] = {
    [LEDGER_TRANSFER_POSTED] = "ledger.transfer.created",
    [LEDGER_TRANSFER_PENDING] = "ledger.transfer.held",
    [LEDGER_TRANSFER_POST] = "ledger.transfer.posted",
    [LEDGER_TRANSFER_VOID] = "ledger.transfer.voided",
    [LEDGER_TRANSFER_REVERSAL] = "ledger.transfer.reversed",
    [LEDGER_TRANSFER_EXPIRY] = "ledger.transfer.expired",
};

/// Whose doing events are: the same for all of a call's.
static struct event begin_event(const struct rpc_call *call, char actor[static RPC_ACTOR_BYTES])
{
    if (call == NULL) return (struct event){.actor = own_name};
    rpc_call_actor(call, actor);
    return (struct event){.actor = actor,
                          .request_id = call->request_id,
                          .traceparent = call->traceparent,
                          .client_ip = call->client_ip,
                          .device_id = call->device_id};
}

static void append_transfer(struct ledger_unit *unit, const struct ledger_transfer *transfer,
                            struct event *event)
{
    uint8_t payload[LEDGER_TRANSFER_EVENT_BYTES_MAX];
    char subject[EVENT_NAME_BYTES];
    i128 balance_after[LEDGER_SIDES];
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_account *account;
        // The unit has both: it posted to them.
        CHECK(status_ok(ledger_unit_account(unit, transfer->account_id[side], &account)));
        balance_after[side] = ledger_balance_posted(account->class, &transfer->entry[side].after);
        event->visible_to[side] = account->owner_id;
    }
    if (id128_equal(event->visible_to[LEDGER_DEBIT], event->visible_to[LEDGER_CREDIT]))
        event->visible_to[LEDGER_CREDIT] = ID128_NIL;
    event_name("transfers", transfer->id, subject);
    event->type = transfer_types[transfer->kind];
    event->subject = subject;
    size_t size = ledger_convert_transfer_event(transfer, balance_after, payload);
    event->payload = bytes_of(payload, size);
    event_append(ledger_unit_txn(unit), event);
}

void ledger_events_transfers(const struct rpc_call *call, struct ledger_unit *unit)
{
    char actor[RPC_ACTOR_BYTES];
    struct event asked = begin_event(call, actor), expired = begin_event(NULL, actor);
    size_t count = ledger_unit_transfer_count(unit);
    for (size_t i = 0; i < count; i++) {
        const struct ledger_transfer *transfer = ledger_unit_transfer_at(unit, i);
        bool is_expiry = transfer->kind == LEDGER_TRANSFER_EXPIRY;
        append_transfer(unit, transfer, is_expiry ? &expired : &asked);
    }
}

void ledger_events_announce(struct ledger_unit *unit)
{
    ledger_events_transfers(NULL, unit);
}

void ledger_events_transfer_refused(struct store_txn *txn, const struct rpc_call *call,
                                    const struct ledger_outcome *outcome)
{
    uint8_t payload[LEDGER_TRANSFER_EVENT_BYTES_MAX];
    char actor[RPC_ACTOR_BYTES], subject[EVENT_NAME_BYTES];
    struct event event = begin_event(call, actor);
    event_name("transfers", outcome->transfer.id, subject);
    event.type = "ledger.transfer.refused";
    event.subject = subject;
    event.outcome = "refused";
    event.reason = ledger_reasons[outcome->refusal.reason].name;
    event.payload = bytes_of(payload, ledger_convert_refused_event(&outcome->transfer, payload));
    event_append(txn, &event);
}

// ---- Accounts, currencies, exchange -------------------------------------------------------------

static const char *const account_types[LEDGER_EVENT_ACCOUNT_END] = {
    [LEDGER_EVENT_ACCOUNT_CREATED] = "ledger.account.created",
    [LEDGER_EVENT_ACCOUNT_UPDATED] = "ledger.account.updated",
    [LEDGER_EVENT_ACCOUNT_FROZEN] = "ledger.account.frozen",
    [LEDGER_EVENT_ACCOUNT_UNFROZEN] = "ledger.account.unfrozen",
    [LEDGER_EVENT_ACCOUNT_CLOSED] = "ledger.account.closed",
};

void ledger_events_account(struct store_txn *txn, struct rpc_call *call,
                           enum ledger_account_event what, const struct ledger_account *account,
                           const struct ledger_details *details, const char *reason)
{
    char subject[EVENT_NAME_BYTES];
    event_name("accounts", account->id, subject);
    const void *payload = ledger_convert_account_event(call, account, details, reason);
    CHECK(payload != NULL);
    event_append_call(txn, call, account_types[what], subject, payload, &account->owner_id, 1);
}

void ledger_events_currency_created(struct store_txn *txn, struct rpc_call *call,
                                    const struct ledger_currency *currency)
{
    static const char collection[] = "currencies/";
    char subject[sizeof collection + LEDGER_CURRENCY_BYTES];
    memcpy(subject, collection, sizeof collection - 1);
    memcpy(subject + sizeof collection - 1, currency->code, LEDGER_CURRENCY_BYTES);
    const void *payload = ledger_convert_currency_event(call, currency);
    CHECK(payload != NULL);
    event_append_call(txn, call, "ledger.currency.created", subject, payload, NULL, 0);
}

void ledger_events_quote(struct store_txn *txn, struct rpc_call *call,
                         const struct ledger_quote *quote, bool executed)
{
    char subject[EVENT_NAME_BYTES];
    event_name("fx/quotes", quote->id, subject);
    const void *payload = ledger_convert_quote_event(call, quote);
    CHECK(payload != NULL);
    event_append_call(txn, call, executed ? "ledger.fx.executed" : "ledger.fx.quoted", subject,
                      payload, &quote->owner_id, 1);
}

// ---- Limits -------------------------------------------------------------------------------------

static void append_limits(struct store_txn *txn, const struct ledger_profile *profile,
                          struct event *event)
{
    uint8_t payload[LEDGER_LIMIT_EVENT_BYTES_MAX];
    char subject[EVENT_NAME_BYTES];
    event_name("users", profile->owner_id, subject);
    event->type = "ledger.limit.changed";
    event->subject = subject;
    event->visible_to[0] = profile->owner_id;
    event->payload = bytes_of(payload, ledger_convert_limit_event(profile, payload));
    event_append(txn, event);
}

void ledger_events_limits_changed(struct store_txn *txn, const struct rpc_call *call,
                                  const struct ledger_profile *profile)
{
    char actor[RPC_ACTOR_BYTES];
    struct event event = begin_event(call, actor);
    append_limits(txn, profile, &event);
}

void ledger_events_tier_changed(struct store_txn *txn, const struct event_view *cause,
                                const struct ledger_profile *profile)
{
    struct event event = {
        .actor = cause->actor, .request_id = cause->request_id, .traceparent = cause->traceparent};
    append_limits(txn, profile, &event);
}
