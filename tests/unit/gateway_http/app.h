/// @file tests/unit/gateway_http/app.h
/// A small application on the engine: each path behaves in one way that a test needs.
///
///     /hello      200 "hello"                 /echo     200, the body of the request
///     /held       waits for app_release       /limited  as /echo, body of at most 10 bytes
///     /guarded    401 before the body is read /empty    204
///     /injected   a header value with CR LF   /big      a body of 8 MiB at once
///     /download   8 MiB streamed, length known   /chunks   8 MiB streamed, length unknown
///     /events     a stream that stays open    /short    a stream that breaks its promise
#pragma once

#include "gateway/http/server.h"
#include "tests/unit/gateway_http/client.h"

#include <pthread.h>

enum { APP_BIG_BYTES = 8 * 1024 * 1024, APP_FINISHED_MAX = 1024 };

struct app_finished {
    struct http_finished finished;
    char path[64];
};

struct app {
    struct http_server *server;
    struct http_handler handler;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_exchange *held[64]; // Oldest first.
    size_t held_count;
    struct app_finished finished[APP_FINISHED_MAX];
    size_t finished_count;
    size_t closed_count; // on_closed of streams.
    size_t drain_count;  // on_drain.
    size_t begun_count;  // Streams of /events.
    bool refusals_in_json;
};

void app_open(struct app *app, const struct http_config *config);
void app_close(struct app *app);
uint16_t app_port(const struct app *app);

/// app_wait_held waits until `count` exchanges of /held wait; app_release answers the oldest, from
/// this thread by way of its loop.
void app_wait_held(struct app *app, size_t count);
void app_release(struct app *app);

/// app_wait_finished waits for the index-th finished exchange and gives it.
struct app_finished app_wait_finished(struct app *app, size_t index);
void app_wait_counter(struct app *app, const size_t *counter, size_t value);

/// app_wait_nothing_inflight: an answer is read by the client before the engine counts it as done.
void app_wait_nothing_inflight(struct app *app);

/// The byte at a place of the bodies of /big, /download and /chunks.
uint8_t app_big_byte(size_t at);
