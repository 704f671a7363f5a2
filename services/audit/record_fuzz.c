// The audit log's entries and records, see tests/fuzz/round_trip.h.
#include "services/audit/entry.h"
#include "services/audit/record.h"
#include "tests/fuzz/round_trip.h"

#include <stdlib.h>

ROUND_TRIP(try_entry, audit_entry, AUDIT_ENTRY_BYTES_MAX, audit_entry_decode(record, &value),
           audit_entry_encode)

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const round_trip targets[] = {try_entry, try_side, try_head,
                                         try_mark,  try_tile, try_name};
    return round_trip_run(targets, sizeof targets / sizeof targets[0], data, size);
}
