/// @file common/event/reader.h
/// The RPC side of a subscriber: Read, waited for, and Acknowledge, sent and forgotten. Not for
/// other modules.
/// Threads    One thread, the subscriber's.
#pragma once

#include "common/event/subscriber.h"

struct event_reader;

enum event_read_outcome {
    EVENT_READ_ANSWERED,
    EVENT_READ_FAILED,  // Try again later.
    EVENT_READ_AHEAD,   // SEQ_AHEAD_OF_LOG
    EVENT_READ_TRIMMED, // SEQ_TRIMMED
};

struct event_read {
    uint64_t after_seq, not_before_ns;
    uint32_t limit, wait_ms;
};

/// What the config points to, source and consumer included, outlives the reader.
struct event_reader *event_reader_open(const struct event_subscriber_config *config);
void event_reader_close(struct event_reader **reader); // Waits for an Acknowledge under way.

/// event_reader_read gives the packed EventBatch, valid until the next Read.
enum event_read_outcome event_reader_read(struct event_reader *reader,
                                          const struct event_read *read, struct bytes *ret_batch);
/// event_reader_acknowledge does nothing while the last one is under way, and then gives false.
bool event_reader_acknowledge(struct event_reader *reader, uint64_t upto_seq);
