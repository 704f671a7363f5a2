/// @file common/event/outbox.h
/// What the files of common/event share of the outbox. Not for other modules.
///     outbox.c     appending and trimming (the writer's thread)
///     notes.c      what the record of an event's subject was before (the same)
///     eventlog.c   Read and Acknowledge        publisher.c  PUB
/// Locks      lock: head moves and closing, for those who wait on `moved`. Never held for I/O.
#pragma once

#include "common/crypto/hash.h"
#include "common/event/event.h"
#include "common/event/note.h"
#include "common/event/wire.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    OUTBOX_LOCAL_SLOT = 0, // Of the store: where the writer finds its outbox.
    OUTBOX_TABLE_EVENTS = STORE_TABLE_EVENT_FIRST,        // seq -> packed event
    OUTBOX_TABLE_CONSUMERS = STORE_TABLE_EVENT_FIRST + 1, // See consumers.h.
    OUTBOX_TABLE_ANCESTORS = STORE_TABLE_EVENT_FIRST + 2, // log id -> last seq of the copy
    OUTBOX_KEY_BYTES = 8,
    OUTBOX_ANCESTOR_BYTES = 1 + 8,
    OUTBOX_TRIM_STEP = 1024, // Rows of one job: about a millisecond of the writer's.
};

/// The record of a subject that the running job may change, as it was before.
struct outbox_note {
    char subject[EVENT_NAME_BYTES];
    uint8_t table, key[EVENT_NOTE_KEY_BYTES_MAX];
    size_t key_bytes;
    bool had_record;
    uint8_t before[HASH_SHA256_BYTES];
};

struct event_outbox {
    struct store *store;
    char source[EVENT_SOURCE_BYTES_MAX];
    struct event_ancestor ancestors[STORE_FORMER_IDS_MAX]; // Fixed once open.
    size_t ancestor_count;

    // The writer thread's own. writer_head counts what the group's jobs appended so far; job_base
    // is what it was before the job with job_serial, to go back to when that job is refused.
    uint64_t writer_head, job_serial, job_base;
    uint8_t *packed, *payload;
    size_t packed_bytes, payload_bytes;
    struct outbox_note notes[EVENT_NOTES_MAX]; // Of the job with notes_serial.
    size_t note_count;
    uint64_t notes_serial;

    pthread_mutex_t lock;
    pthread_cond_t moved; // The head has.
    atomic_uint_fast64_t head;
    void (*on_moved)(void *context); // Under the lock.
    void *on_moved_context;

    struct store_job trim_job;
    atomic_bool trim_is_queued, trim_has_more;

    struct metric *appended_total, *head_seq, *first_seq;
};

/// outbox_fill_digests gives the view of an event the digests of its subject's record (notes.c);
/// ret_digests holds them.
enum { OUTBOX_DIGESTS_BYTES = 2 * HASH_SHA256_BYTES };

void outbox_fill_digests(struct event_outbox *outbox, struct store_txn *txn,
                         struct event_view *view, uint8_t ret_digests[static OUTBOX_DIGESTS_BYTES]);

/// outbox_key: seq(8, big-endian), so that byte order is the order of events.
///     0000000000000007    event 7
static inline struct bytes outbox_key(uint64_t seq, uint8_t ret_key[static OUTBOX_KEY_BYTES])
{
    put_u64_be(ret_key, seq);
    return bytes_of(ret_key, OUTBOX_KEY_BYTES);
}

/// outbox_wait_moved waits until the head is beyond `seq` or `until_mono_ns` is reached, perhaps
/// less; the caller holds the lock.
void outbox_wait_moved(struct event_outbox *outbox, uint64_t seq, uint64_t until_mono_ns);

/// An ancestor (key: its log id, 8): version(1) = 01 | last seq of the copy(8).

/// outbox_first_seq is the lowest seq that is still there; head + 1 when there is none.
uint64_t outbox_first_seq(struct store_txn *txn, uint64_t head);

/// outbox_trim queues one step of trimming unless one is queued; true when the last step left more
/// to do, so that the next should follow soon.
bool outbox_trim(struct event_outbox *outbox);
