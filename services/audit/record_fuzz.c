// The audit log's entries and records, see tests/fuzz/round_trip.h.
#include "services/audit/entry.h"
#include "services/audit/record.h"
#include "services/audit/record_consumer.h"
#include "services/audit/record_published.h"
#include "services/audit/record_webhook.h"
#include "tests/fuzz/round_trip.h"

#include <stdlib.h>

ROUND_TRIP(try_entry, audit_entry, AUDIT_ENTRY_BYTES_MAX, audit_entry_decode(record, &value),
           audit_entry_encode)

ROUND_TRIP(try_consumer, audit_consumer, AUDIT_CONSUMER_BYTES_MAX,
           audit_consumer_decode(record, &value), audit_consumer_encode)

static void try_side(struct bytes input)
{
    struct audit_side side;
    if (!status_ok(audit_side_decode(input, &side))) return;
    CHECK(audit_side_size(&side) == input.size);
    uint8_t *again = malloc(input.size);
    CHECK(again != NULL);
    CHECK(bytes_equal(bytes_of(again, audit_side_encode(&side, again)), input));
    free(again);
}

static void try_head(struct bytes input)
{
    struct merkle_frontier head;
    if (!status_ok(audit_head_decode(input, &head))) return;
    uint8_t again[AUDIT_HEAD_BYTES_MAX];
    CHECK(bytes_equal(audit_head_encode(&head, again), input));
}

static void try_mark(struct bytes input)
{
    struct audit_mark mark;
    if (!status_ok(audit_mark_decode(input, &mark))) return;
    uint8_t again[AUDIT_MARK_BYTES];
    CHECK(bytes_equal(audit_mark_encode(&mark, again), input));
}

static void try_first(struct bytes input)
{
    struct audit_first first;
    if (!status_ok(audit_first_decode(input, &first))) return;
    uint8_t again[AUDIT_FIRST_BYTES];
    CHECK(bytes_equal(audit_first_encode(&first, again), input));
}

static void try_tile(struct bytes input)
{
    unsigned width = audit_tile_width(input.size);
    CHECK(width <= TLOG_TILE_WIDTH);
    CHECK(width == 0 || audit_tile_bytes(width) == input.size);
}

static void try_name(struct bytes input)
{
    uint8_t prefix[AUDIT_NAME_PREFIX_BYTES];
    audit_name_prefix(input, prefix);
}

ROUND_TRIP(try_webhook, audit_webhook, AUDIT_WEBHOOK_RECORD_BYTES_MAX,
           audit_webhook_decode(record, &value), audit_webhook_encode)
ROUND_TRIP(try_progress, audit_webhook_progress, AUDIT_WEBHOOK_PROGRESS_BYTES,
           audit_webhook_progress_decode(record, &value), audit_webhook_progress_encode)
ROUND_TRIP(try_delivery, audit_delivery, AUDIT_DELIVERY_RECORD_BYTES_MAX,
           audit_delivery_decode(record, &value), audit_delivery_encode)

ROUND_TRIP(try_published, audit_published, AUDIT_PUBLISHED_BYTES_MAX,
           audit_published_decode(record, &value), audit_published_encode)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {try_entry,   try_side,     try_head,     try_mark,
                                         try_tile,    try_first,    try_name,     try_consumer,
                                         try_webhook, try_progress, try_delivery, try_published};
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
