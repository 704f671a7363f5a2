/// @file tests/support/event_stream.h
/// A reader of Server-Sent Events over a plain socket, strict about HTTP's chunks and written from
/// WHATWG HTML 9.2. It shares nothing with the gateway.
/// Waiting    By poll with a time-out; nothing sleeps.
/// Threads    One for each stream.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_stream;

struct event_stream_request {
    unsigned port;             // Of 127.0.0.1.
    const char *query;         // "?types=ledger.*"; NULL: none.
    const char *token;         // NULL: none.
    const char *last_event_id; // NULL: none.
    const char *headers;       // Further lines, each ended by \r\n; NULL: none.
    const char *method;        // NULL: GET.
    int receive_bytes;         // Of the socket's buffer; 0: as it is.
};

/// What was read, until the next call.
struct event_stream_event {
    const char *id, *type, *data;
};

enum event_stream_result {
    EVENT_STREAM_EVENT,
    EVENT_STREAM_QUIET, // Nothing within the time.
    EVENT_STREAM_END,   // The answer is complete.
    EVENT_STREAM_CUT,   // The connection ended before the answer did.
};

/// event_stream_open sends the request; NULL: nobody listens there.
struct event_stream *event_stream_open(const struct event_stream_request *request);
void event_stream_close(struct event_stream **stream); // Idempotent.

/// event_stream_status waits for the head; 0: none came within the time.
int event_stream_status(struct event_stream *stream, int timeout_ms);
/// event_stream_head is the status line and headers; "" before they are there.
const char *event_stream_head(const struct event_stream *stream);
/// event_stream_body is the body of an answer that is no stream; waits for its end.
const char *event_stream_body(struct event_stream *stream, int timeout_ms);

enum event_stream_result event_stream_next(struct event_stream *stream, int timeout_ms,
                                           struct event_stream_event *ret);
int event_stream_fd(const struct event_stream *stream);
size_t event_stream_comments(const struct event_stream *stream);
const char *event_stream_last_comment(const struct event_stream *stream); // "" when none.
uint64_t event_stream_retry_ms(const struct event_stream *stream);        // 0: not told.
