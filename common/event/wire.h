/// @file common/event/wire.h
/// Events and batches as bytes: pure functions over the wire form of proto/florin/event/v1.
/// Why by hand  An event is packed once, at its commit; the outbox, PUB and Read pass these bytes
///              on and only look at seq, time and type. So a batch is put together from packed
///              events, and a subscriber skips what it knows, without unpacking one.
///              The unit test compares both directions with protobuf-c; the fuzz target compares
///              what is accepted.
/// Input        Untrusted. Texts must be UTF-8 without NUL; unknown fields are skipped.
/// Ownership    Slices point into the given bytes; event_decode copies texts into the arena.
/// Threads      Any.
/// Errors       DATA_LOSS / EVENT_MALFORMED; RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX (arena).
#pragma once

#include "common/base/arena.h"
#include "common/event/event.h"
#include "common/event/subscriber.h"

enum {
    EVENT_PACKED_BYTES_MAX = 76 * 1024, // Payload, 8 KiB of call metadata, names, digests, tags.
    EVENT_BATCH_HEAD_BYTES_MAX = 128,   // A batch without its events.
    EVENT_BATCH_BYTES_MAX = 8 * 1024 * 1024,
    EVENT_SOURCE_BYTES_MAX = 64,
    EVENT_TYPE_BYTES_MAX = 64, // With the final NUL; also a topic's.
    EVENT_TAG_BYTES_MAX = 1 + 10,
};

#define EVENT_TOPIC_HEARTBEAT "heartbeat"

/// event_packed_size and event_pack write a view in the wire form, fields in rising order, empty
/// ones left out, as protobuf-c does. view->packed is not looked at.
size_t event_packed_size(const struct event_view *view);
size_t event_pack(const struct event_view *view, uint8_t *ret_bytes);

/// event_decode fills a view, view->packed included.
MUST_USE struct status event_decode(struct bytes packed, struct arena *arena,
                                    struct event_view *ret);

/// What carrying an event needs to know of it.
struct event_head {
    uint64_t seq, time_ns;
    struct bytes type; // Points into the packed event.
};

MUST_USE struct status event_peek(struct bytes packed, struct event_head *ret);

/// A log that the source's is a restored copy of, and the last seq of the copy.
struct event_ancestor {
    uint64_t log_id, head_seq;
};

/// An EventBatch, looked at but not unpacked.
struct event_batch {
    struct bytes source;
    uint64_t head_seq, log_id;
    struct event_ancestor ancestors[STORE_FORMER_IDS_MAX]; // Further ones are passed over.
    size_t ancestor_count;
    size_t event_count;
    struct bytes packed;
};

MUST_USE struct status event_batch_parse(struct bytes packed, struct event_batch *ret);
/// event_batch_next gives the packed events one by one; *offset begins at 0.
bool event_batch_next(const struct event_batch *batch, size_t *offset, struct bytes *ret_event);

/// event_batch_head_pack writes a batch's own fields; its events follow, each after the bytes that
/// event_tag_pack writes.
size_t event_batch_head_pack(const char *source, uint64_t head_seq, uint64_t log_id,
                             uint8_t ret_bytes[static EVENT_BATCH_HEAD_BYTES_MAX]);
size_t event_tag_pack(size_t event_bytes, uint8_t ret_bytes[static EVENT_TAG_BYTES_MAX]);
/// event_tagged_size is what one packed event adds to a batch.
size_t event_tagged_size(size_t event_bytes);

/// event_message_parse takes a PUB message apart: topic, one zero byte, batch.
MUST_USE struct status event_message_parse(struct bytes message, struct bytes *ret_topic,
                                           struct event_batch *ret);
