/// @file common/event/collector.h
/// Puts the events of batches in order: what a subscriber has gathered for its next handle().
/// Pure but for memory: no sockets, no clock. Not for other modules.
/// Ownership  Views point into the batches' bytes, which the caller keeps until the reset.
#pragma once

#include "common/event/subscriber.h"
#include "common/event/wire.h"

struct event_collector {
    struct arena *arena;      // The views' texts.
    const char *const *types; // Patterns of the events that are gathered; none: all.
    size_t type_count;
    struct event_view *views;
    size_t count, capacity;
    uint64_t next_seq; // The one that must come next; also behind events that were not chosen.
    uint64_t bytes;    // Of all packed events gathered.
};

enum event_collected {
    EVENT_COLLECTED_ALL,       // Nothing is missing; known events were skipped.
    EVENT_COLLECTED_GAP,       // A later event than next_seq came: what was missing must be read.
    EVENT_COLLECTED_MALFORMED, // Nothing of the batch beyond its good beginning was taken.
};

/// event_collector_open: the patterns (types.h) are borrowed.
void event_collector_open(struct event_collector *collector, const char *const *types,
                          size_t type_count, uint64_t next_seq);
void event_collector_close(struct event_collector *collector);
/// event_collector_reset forgets the views and goes on after next_seq - 1.
void event_collector_reset(struct event_collector *collector, uint64_t next_seq);
enum event_collected event_collector_add(struct event_collector *collector,
                                         const struct event_batch *batch);
