#include "services/ledger/feed.h"

#include "services/ledger/convert.h"
#include "services/ledger/events.h"

#include <string.h>

static const char source[] = "kyc";

struct status ledger_feed_cursor(struct store *store, struct ledger_cursor *ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    return ledger_store_get_cursor(txn, source, ret);
}

struct batch {
    const struct ledger_service *service;
    const struct event_view *events;
    size_t count;
    uint64_t log_id;
};

static struct status apply_event(const struct ledger_service *service, struct store_txn *txn,
                                 const struct event_view *event)
{
    if (strcmp(event->type, "kyc.tier.changed") != 0) return STATUS_SUCCESS;
    struct ledger_tier_change change;
    struct ledger_profile profile;
    bool changed;
    RETURN_IF_ERROR(ledger_convert_tier_changed(event->payload, &change));
    RETURN_IF_ERROR(ledger_service_set_tier(service, txn, change.owner_id, change.tier,
                                            change.version, &profile, &changed));
    if (changed) ledger_events_tier_changed(txn, event, &profile);
    return STATUS_SUCCESS;
}

static struct status apply_batch(struct store_txn *txn, void *context)
{
    const struct batch *batch = context;
    struct ledger_cursor cursor;
    RETURN_IF_ERROR(ledger_store_get_cursor(txn, source, &cursor));
    for (size_t i = 0; i < batch->count; i++) {
        // A batch whose commit was not learnt of comes again.
        if (cursor.log_id == batch->log_id && batch->events[i].seq <= cursor.seq) continue;
        RETURN_IF_ERROR(apply_event(batch->service, txn, &batch->events[i]));
        cursor = (struct ledger_cursor){.log_id = batch->log_id, .seq = batch->events[i].seq};
    }
    ledger_store_put_cursor(txn, source, &cursor);
    return STATUS_SUCCESS;
}

struct status ledger_feed_handle(void *service, const struct event_view *events, size_t count,
                                 uint64_t log_id)
{
    struct batch batch = {.service = service, .events = events, .count = count, .log_id = log_id};
    return store_write_wait(batch.service->store, apply_batch, &batch);
}
