/// @file gateway/stream_chunk.h
/// A stretch of the log as streams send it: each event as text of Server-Sent Events, made once for
/// all who listen.
/// Shape      id: <index>\nevent: <type>\ndata: <JSON of AuditEvent on one line>\n\n
/// Views      Who may read the log gets the whole event. Anybody else gets what concerns them, cut
///            down: what happened to which resource and when, without the event's own data (which
///            may tell of the other side: its balance, for one) and without who did it and from
///            where, unless that was themselves.
/// Ownership  A chunk is counted and never changed: one block of memory, freed with its last
///            reference. All slices point into it.
/// Threads    Any.
/// Errors     INTERNAL / REPLY_MALFORMED: the answer is none that the log gives.
/// Source     WHATWG HTML 9.2 (Server-sent events).
#pragma once

#include "common/base/arena.h"
#include "common/base/id128.h"

#include <stdatomic.h>

struct Audit__ReadLogResponse;

enum stream_view {
    STREAM_VIEW_FULL,  // For those who may read the log.
    STREAM_VIEW_BRIEF, // For those whom it concerns.
    STREAM_VIEW_OWN,   // For the one who did it.
    STREAM_VIEW_COUNT
};

struct stream_event {
    uint64_t index;
    struct bytes type;
    struct id128 actor;        // Nil: no user's doing.
    const struct id128 *users; // Whom it concerns: who did it, whom it is about, who may see it.
    size_t user_count;
    // The full texts of a chunk's events lie one behind the other, in order.
    struct bytes text[STREAM_VIEW_COUNT]; // OWN: only where there is an actor.
};

struct stream_chunk {
    atomic_uint references;
    uint64_t begin, end; // Of the log: what is not among the events was left out by a filter.
    size_t event_count;
    size_t bytes; // Of memory.
    struct stream_event events[];
};

/// stream_chunk_make makes a chunk of an answer to a read that began at `from`. The scratch arena
/// is the caller's to reset.
MUST_USE struct status stream_chunk_make(const struct Audit__ReadLogResponse *answer, uint64_t from,
                                         struct arena *scratch, struct stream_chunk **ret);
struct stream_chunk *stream_chunk_hold(struct stream_chunk *chunk);
void stream_chunk_release(struct stream_chunk **chunk); // Idempotent, takes NULL.
