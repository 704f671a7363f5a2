/// @file tests/unit/gateway/broadcast.h
/// A gateway whose event streams are read, before a log and an auth that the test plays.
/// Tokens     "asha" and "bob" see what concerns them; "auditor", "good" and the service "risk" see
///            all; "fresh" has yet to enrol its second factor, "late" has run out.
/// Failures   Fail the test that called.
/// Threads    The test's; what is atomic is read by the gateway's and the daemon's.
#pragma once

#include "gateway/stream_internal.h"
#include "tests/support/event_stream.h"
#include "tests/unit/gateway/fixture.h"

#define BROADCAST_ASHA "users/07070707-0707-0707-0707-070707070701"
#define BROADCAST_BOB "users/07070707-0707-0707-0707-070707070702"

enum { WAIT_MS = 20000, MOMENT_MS = 300, LISTENERS_MAX = 40, PER_USER_MAX = 24, RING_ENTRIES = 64 };

/// An entry's type and people go round; each has a payload of data_bytes.
struct played {
    _Atomic uint64_t size, first_index, reads, data_bytes;
    atomic_bool is_away, is_hanging;
};

/// Who may what.
struct world {
    atomic_bool asha_left, auditor_demoted, is_stale, auth_away;
    atomic_int slow_checks;
};

extern struct fixture fixture;
extern struct played played;
extern struct world world;

int broadcast_open(void **state); // Of a test.
int broadcast_close(void **state);

void broadcast_append(uint64_t count);
const char *broadcast_actor(uint64_t index);
const char *broadcast_seen_by(uint64_t index); // Besides who did it; NULL: nobody.

struct event_stream *broadcast_listen(const char *token, const char *query, const char *last_id);
/// broadcast_begun is broadcast_listen that waits for the stream to be there.
struct event_stream *broadcast_begun(const char *token, const char *query, const char *last_id);

uint64_t broadcast_next(struct event_stream *stream); // The next event's index.
void broadcast_expect_run(struct event_stream *stream, uint64_t from, uint64_t to);
void broadcast_expect_end(struct event_stream *stream, const char *comment);
void broadcast_expect_quiet(struct event_stream *stream);
