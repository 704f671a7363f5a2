/// @file services/audit/batch.h
/// Received events made ready for the log: all hashing that does not depend on the tree happens
/// here, on the subscriber's thread, so that the writer only appends.
/// Ownership  Items live in the batch's arena until the next fill or the close.
/// Threads    One thread at a time; each source has its own batch.
/// Errors     RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX (more than AUDIT_BATCH_BYTES_MAX).
#pragma once

#include "common/base/arena.h"
#include "common/event/subscriber.h"
#include "services/audit/core.h"

enum { AUDIT_BATCH_BYTES_MAX = 64 * 1024 * 1024 };

/// One event, as it will be stored.
struct audit_item {
    struct bytes entry, side;
    struct merkle_hash leaf;
    const struct audit_search_row *rows; // What it is found by.
    size_t row_count;
};

struct audit_batch {
    struct arena *arena;
    struct audit_item *items;
    size_t count;
    uint64_t first_seq, bytes; // Of entries and sides.
};

void audit_batch_open(struct audit_batch *ret);
void audit_batch_close(struct audit_batch *batch); // Idempotent.

/// audit_batch_fill: consecutive events of this source (what they say of themselves is not asked).
MUST_USE struct status audit_batch_fill(struct audit_batch *batch, const char *source,
                                        const struct event_view *events, size_t count);

/// audit_batch_entry makes the entry of one event with a given salt; commitments has room for
/// three.
struct audit_entry audit_batch_entry(const char *source, const struct event_view *event,
                                     const uint8_t salt[static AUDIT_SALT_BYTES],
                                     uint8_t ret_commitments[static 3 * AUDIT_COMMITMENT_BYTES]);
