/// @file tests/unit/event/fixture.h
/// A store with an outbox in a temporary directory, and short ways to append to it.
#pragma once

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/event/outbox.h"
#include "tests/unit/support/unit.h"

enum {
    FIXTURE_PATH_BYTES = 256,
    FIXTURE_TABLE_RECORDS = STORE_TABLE_SERVICE_FIRST, // What events may be about.
};

struct fixture {
    char directory[FIXTURE_PATH_BYTES];
    char store_path[FIXTURE_PATH_BYTES + 8];
    struct store *store;
    struct event_outbox *outbox;
    struct arena *arena;
};

int setup_outbox(void **state);
int teardown_outbox(void **state);
void open_outbox(struct fixture *fixture, const char *source);
/// open_outbox_of: in a store of this size.
void open_outbox_of(struct fixture *fixture, const char *source, uint64_t map_bytes);
void close_outbox(struct fixture *fixture);

/// append_events commits `count` events in one job; their payload is their number in the order of
/// all calls, as eight big-endian bytes and then padding up to payload_bytes.
void append_events(struct fixture *fixture, const char *type, size_t count, size_t payload_bytes);
