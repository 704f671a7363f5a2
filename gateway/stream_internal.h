/// @file gateway/stream_internal.h
/// What stream.c and stream_client.c share; nobody else includes it.
#pragma once

#include "common/base/metrics.h"
#include "gateway/stream.h"
#include "gateway/stream_check.h"
#include "gateway/stream_cursor.h"
#include "gateway/stream_reader.h"

#include <pthread.h>

enum {
    STREAM_LOOPS_MAX = 256, // As many as the configuration allows.
    STREAM_HEARTBEAT_MS = 15 * 1000,
    STREAMS_MAX = 1024,
    STREAMS_PER_USER_MAX = 8,
    STREAM_RING_ENTRIES_MAX = 8192,
    STREAM_RING_BYTES_MAX = 32 << 20,
};

enum stream_client_state {
    STREAM_CLIENT_OPENING, // Its head is not sent yet.
    STREAM_CLIENT_OPEN,
    STREAM_CLIENT_ENDED, // Or refused: only its exchange's end is to come.
};

/// In the exchange's arena.
struct stream_client {
    struct gateway_streams *streams;
    struct gateway_request *request;
    struct stream_loop *loop;
    struct stream_client *previous, *next; // Of its loop's list.
    bool is_listed;
    enum stream_client_state state;
    const char *token;
    struct token_claims claims;
    struct stream_filter filter;
    struct stream_cursor cursor;
    bool has_position; // Else it begins at the log's end.
    bool is_blocked;   // The client takes nothing for now.
    struct stream_read *read;
    struct stream_check *check;
    uint64_t generation, failures_seen; // Of the reader, when the stream came.
    uint64_t read_not_before_ns;
    uint64_t heartbeat_ns;     // When the next one is due.
    uint64_t vouched_until_ns; // By a slow check.
};

struct stream_loop {
    struct http_job job;
    struct gateway_streams *streams;
    struct http_loop *loop; // NULL: no stream has come by it yet.
    atomic_bool is_posted;
    struct stream_client *clients;
};

struct gateway_streams {
    struct gateway_streams_config config;
    struct stream_ring *ring;
    struct stream_reader *reader;
    struct stream_checker *checker;
    struct metric *open_gauge, *events_total;
    /// Of count, of the loops' pointers and of their lists: a loop changes its own under the lock,
    /// and reads it without.
    pthread_mutex_t lock;
    size_t count;
    struct stream_loop loops[STREAM_LOOPS_MAX];
};

// ---- stream.c ------------------------------------------------------------------------------

/// stream_enter puts an authenticated client among the streams. RESOURCE_EXHAUSTED /
/// TOO_MANY_STREAMS.
MUST_USE struct status stream_enter(struct stream_client *client);
void stream_leave(struct stream_client *client); // Idempotent.
/// stream_wake has every stream of the loop looked at, soon.
void stream_wake(struct stream_loop *loop);

// ---- stream_client.c -----------------------------------------------------------------------

/// stream_client_begin takes a client whose request was read from here to its end.
void stream_client_begin(struct stream_client *client);
/// stream_client_look does what can be done now. The client may be gone when it returns.
void stream_client_look(struct stream_client *client);
