/// @file tests/unit/audit/fixture.h
/// What the service's tests share: a log in a temporary directory, with keys of its own, and
/// events. Threads    One test at a time.
#pragma once

#include "common/event/event.h"
#include "services/audit/service.h"
#include "tests/unit/support/unit.h"

enum { FIXTURE_PATH_BYTES = 256, FIXTURE_LOG_ID = 77 };

struct fixture {
    char directory[FIXTURE_PATH_BYTES]; // Made by mkdtemp.
    char store_path[FIXTURE_PATH_BYTES], keys_path[FIXTURE_PATH_BYTES];
    struct store *store;
    struct event_outbox *outbox; // Of the daemon's own events.
    struct audit_service service;
    struct audit_batch batch;
    bool is_open;
};

/// setup and teardown are cmocka's; setup opens an empty log.
int setup(void **state);
int teardown(void **state);

/// open_log gives what the service says; on success the log is open.
struct status open_log(struct fixture *fixture, const char *origin);
void close_log(struct fixture *fixture);
void reopen_log(struct fixture *fixture);

#define ORIGIN "florin.local/audit"

/// make_event fills a view for (source, seq) that is the same each time; texts are static.
struct event_view make_event(const char *source, uint64_t seq);

/// accept puts the events first_seq … first_seq + count - 1 of a source into the log.
struct status accept(struct fixture *fixture, const char *source, uint64_t first_seq, size_t count)
    __attribute__((visibility("hidden"))); // From nng, which calls accept(2).
struct status accept_views(struct fixture *fixture, const char *source, uint64_t log_id,
                           const struct event_view *events, size_t count);

/// A snapshot that the test ends.
struct store_txn *begin(struct fixture *fixture);

/// log_size is what the newest checkpoint says, which must verify under the log's key.
uint64_t log_size(struct fixture *fixture);

/// tamper changes one row of the closed log's store: the byte at `offset` from the value's end is
/// flipped. table counts from STORE_TABLE_SERVICE_FIRST.
void tamper(struct fixture *fixture, uint8_t table, struct bytes key, size_t offset_from_end);
