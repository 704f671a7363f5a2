/// @file gateway/stream_cursor.h
/// Where one stream stands in the log, and what it does next: pure, so that every order of events
/// can be driven by a test.
/// Rule       next is the least index that the stream has not dealt with: it only rises, past each
///            event that was taken by the client and past what the filter leaves out. Whatever a
///            chunk holds below next is passed over. So nothing is given twice, nothing is left
///            out, and the order is the log's, wherever the events come from: the ring, or a read
///            of the stream's own while it is behind the ring.
///
///     READ    behind the ring -> the owner reads from next on, and hands the chunk to
///             stream_cursor_take (or says stream_cursor_fail)
///     WRITE   text of one or more events -> stream_cursor_wrote when the client took it, else
///             stream_cursor_pause, and step again when the client reads
///     WAIT    for the ring to grow, or for a read
#pragma once

#include "gateway/stream_filter.h"
#include "gateway/stream_ring.h"

enum { STREAM_WRITE_BYTES_MAX = 64 * 1024 }; // More only where one event is longer.

enum stream_step { STREAM_WAIT, STREAM_READ, STREAM_WRITE };

struct stream_cursor {
    uint64_t next;
    struct stream_chunk *chunk; // NULL: none in hand.
    size_t at;                  // Its next event.
    bool is_reading;            // A read of the stream's own is under way.
    bool is_own_chunk;          // What is in hand came by one.
    // What WRITE has given: events [at, write_end), write_count of them.
    size_t write_end, write_count;
};

/// stream_cursor_step: for WRITE *ret_text is set, and lives until the next call.
enum stream_step stream_cursor_step(struct stream_cursor *cursor, struct stream_ring *ring,
                                    const struct stream_filter *filter, struct bytes *ret_text);
/// stream_cursor_wrote gives how many events that were.
size_t stream_cursor_wrote(struct stream_cursor *cursor);
/// stream_cursor_pause: the client takes nothing for now. What the ring will still have is given
/// back; the stream finds its place again.
void stream_cursor_pause(struct stream_cursor *cursor);
/// stream_cursor_take: a read that began at next or before has brought this; takes the reference.
void stream_cursor_take(struct stream_cursor *cursor, struct stream_chunk *chunk);
void stream_cursor_fail(struct stream_cursor *cursor);  // It has brought nothing.
void stream_cursor_reset(struct stream_cursor *cursor); // Lets go of everything; idempotent.
