/// @file tests/crash/audience.h
/// Those who follow the log from outside, each remembering what they got: a durable consumer that
/// writes down what it has dealt with, a listener to the event stream that comes back with its last
/// id, and a receiver of webhooks. Nobody gives up, whoever dies meanwhile.
/// Failures   What a follower must not see is remembered in `wrong` and is the test's to
///            judge.
/// Threads    Each follows on a thread of its own between start and stop. Any may look at what is
///            atomic; the rest is read after the stop, or under the lock.
#pragma once

#include "tests/support/web_peer.h"
#include "tests/support/world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { AUDIENCE_EVENTS_MAX = 1 << 18, AUDIENCE_WRONG_BYTES = 160, AUDIENCE_MESSAGE_ID_BYTES = 128 };

struct rpc_channel;

struct follower {
    const struct world *world;
    pthread_t thread;
    atomic_bool is_stopping;
    atomic_uint_fast64_t next; // What it has dealt with so far: everything below.
    atomic_bool is_wrong;      // It has seen what it must not, and follows no further.
    char wrong[AUDIENCE_WRONG_BYTES];
    unsigned beginnings; // How often it began again: after an error, or a death of its own.
};

/// Writes each index down, one line by one write, before it acknowledges; then it is not to come
/// again. Now and then it dies: what it knows then is what is in the file.
struct consumer {
    struct follower follower;
    struct rpc_channel *channel;
    char path[WORLD_PATH_BYTES + 32];
    unsigned seed;
    int fd;
    uint64_t acknowledged; // Below it nothing may come again.
};

/// consumer_start makes the consumer, of all types, from the first entry on.
void consumer_start(struct consumer *consumer, const struct world *world, unsigned seed);
void consumer_stop(struct consumer *consumer);

/// Listens to all there is, from the first entry on.
struct listener {
    struct follower follower;
    const char *token;
    struct event_stream *stream;
};

void listener_start(struct listener *listener, const struct world *world, const char *token);
void listener_stop(struct listener *listener);

/// Answers 204, now and then after the first attempt at a message 500, or not at all.
struct receiver {
    struct web_peer *web;
    pthread_mutex_t lock; // Of what follows.
    unsigned seed;
    char (*ids)[AUDIENCE_MESSAGE_ID_BYTES]; // By index; "": not received.
    uint8_t *taken;                         // By index: how often it was answered 2xx.
    uint64_t received, repeated;
    char wrong[AUDIENCE_WRONG_BYTES];
};

void receiver_open(struct receiver *receiver, unsigned seed);
void receiver_close(struct receiver *receiver);
/// receiver_count_taken counts the events that were answered 2xx at least once.
uint64_t receiver_count_taken(struct receiver *receiver);
