/// @file gateway/stream_reader.h
/// Reads the log for streams, by audit's ReadLog over a channel of its own: one reader follows the
/// end of the log into the ring while anybody listens, and reads stretches for those who are behind
/// it, at most STREAM_READS_MAX at a time, in the order they asked.
/// Follow     IDLE -> LOCATING (where is the end?) -> FOLLOWING. Audit away: it asks again and
///            again, and goes on where it stopped. A log that is shorter than it was (restored from
///            an older copy) raises the generation: no stream of an older one may go on.
///            STOPPED is the end: nobody who waits for a place gets one any more.
/// Waiting    The follower's call waits at audit for up to 10 s; nobody waits for it at the end:
///            closing leaves it to its answer.
/// Threads    One of its own does the work (also the JSON of events). moved() is called on it, each
///            time something has changed and at least every STREAM_TICK_MS while anybody listens.
#pragma once

#include "common/rpc/channel.h"
#include "gateway/http/server.h"
#include "gateway/stream_filter.h"
#include "gateway/stream_ring.h"

enum { STREAM_READS_MAX = 8, STREAM_TICK_MS = 250 };

struct stream_reader_config {
    struct rpc_channel *channel;
    void (*service_token)(void *context, char *ret_text, size_t size);
    void *service_token_context;
    struct stream_ring *ring;
    void (*moved)(void *context);
    void *context;
};

enum stream_follow { STREAM_IDLE, STREAM_LOCATING, STREAM_FOLLOWING, STREAM_STOPPED };

/// What the follower has to say.
struct stream_reader_state {
    enum stream_follow follow;
    uint64_t generation;
    uint64_t failures;     // Reads of the follower that brought nothing, since the start.
    struct status failure; // Of the last one; static texts.
};

/// One stretch that somebody asks for; the asker's to make, the job's to free.
struct stream_read {
    struct http_job job; // Posted to the loop when it is done.
    struct http_loop *loop;
    void *asker; // The loop's alone: the reader does not look at it.
    uint64_t from;
    struct bytes request; // The packed ReadLogRequest; in the arena.
    struct arena *arena;
    struct stream_read *next; // The reader's.

    struct status status; // Texts in the arena.
    uint64_t first_index; // Of ENTRY_PRUNED: the first there is.
    struct stream_chunk *chunk;
    uint64_t size; // Of the log.
};

struct stream_reader;

struct stream_reader *stream_reader_open(const struct stream_reader_config *config);
/// stream_reader_stop ends the thread; reads that are not done are posted with UNAVAILABLE /
/// DRAINING, which is the state's failure then, too. Idempotent.
void stream_reader_stop(struct stream_reader *reader);
void stream_reader_close(struct stream_reader **reader); // Idempotent.

void stream_reader_listen(struct stream_reader *reader, bool is_wanted);
struct stream_reader_state stream_reader_state(struct stream_reader *reader);

/// stream_read_make packs what the filter asks for. NULL: more than a request may be.
struct stream_read *stream_read_make(uint64_t from, const struct stream_filter *filter);
void stream_read_free(struct stream_read **read);
void stream_reader_read(struct stream_reader *reader, struct stream_read *read);
