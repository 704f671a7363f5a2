#include "common/rpc/reaper.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/thread.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PATIENCE_STEPS = 10, URL_BYTES = 64 };

struct reaper_watch {
    struct reaper_watch_config config;
    char url[URL_BYTES];
    nng_socket door, visitor;
    pthread_t thread;
    pthread_mutex_t lock; // Everything below.
    pthread_cond_t moved;
    uint32_t pipe_id; // The visitor's connection, whose end has not been told; 0: none.
    uint64_t rounds;
    bool is_closing;
};

static void on_added(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    struct reaper_watch *watch = context;
    pthread_mutex_lock(&watch->lock);
    watch->pipe_id = (uint32_t)nng_pipe_id(pipe);
    pthread_cond_signal(&watch->moved);
    pthread_mutex_unlock(&watch->lock);
}

static void on_removed(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    (void)event;
    struct reaper_watch *watch = context;
    pthread_mutex_lock(&watch->lock);
    if (watch->pipe_id == (uint32_t)nng_pipe_id(pipe)) watch->pipe_id = 0;
    pthread_cond_signal(&watch->moved);
    pthread_mutex_unlock(&watch->lock);
}

/// pause waits for a signal, with the lock: false when that many ms have gone by.
static bool pause_for(struct reaper_watch *watch, uint64_t ms)
{
    uint64_t until_ns = clock_mono_ns() + ms * NS_PER_MS;
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(until_ns % NS_PER_SECOND)};
    return pthread_cond_timedwait(&watch->moved, &watch->lock, &until) == 0;
}

/// await waits, with the lock, until there is a connection, or its end has been told, in steps:
/// false when all of the patience has gone by.
static bool await(struct reaper_watch *watch, bool is_there)
{
    for (unsigned step = 0; step < PATIENCE_STEPS && !watch->is_closing;) {
        if ((watch->pipe_id != 0) == is_there) return true;
        if (!pause_for(watch, watch->config.patience_ms / PATIENCE_STEPS)) step++;
    }
    return watch->is_closing;
}

// A connection that does not come about proves nothing: only one whose end is not told does.
static bool run_round(struct reaper_watch *watch)
{
    nng_dialer dialer = NNG_DIALER_INITIALIZER;
    pthread_mutex_unlock(&watch->lock);
    bool has_begun = nng_dial(watch->visitor, watch->url, &dialer, NNG_FLAG_NONBLOCK) == 0;
    pthread_mutex_lock(&watch->lock);
    bool is_there = has_begun && await(watch, true);
    pthread_mutex_unlock(&watch->lock);
    if (has_begun) nng_dialer_close(dialer);
    pthread_mutex_lock(&watch->lock);
    if (!await(watch, false)) return false;
    watch->rounds += is_there;
    while (!watch->is_closing && pause_for(watch, watch->config.every_ms)) {
    }
    return true;
}

static void *run(void *context)
{
    struct reaper_watch *watch = context;
    bool is_well = true;
    pthread_mutex_lock(&watch->lock);
    while (!watch->is_closing && is_well)
        is_well = run_round(watch);
    pthread_mutex_unlock(&watch->lock);
    if (!is_well) watch->config.stuck(watch->config.context);
    return NULL;
}

static void open_sockets(struct reaper_watch *watch)
{
    static atomic_uint serial;
    snprintf(watch->url, sizeof watch->url, "inproc://florin-reaper-%u",
             atomic_fetch_add(&serial, 1));
    CHECK(nng_pair0_open(&watch->door) == 0 && nng_pair0_open(&watch->visitor) == 0);
    CHECK(nng_pipe_notify(watch->visitor, NNG_PIPE_EV_ADD_PRE, on_added, watch) == 0);
    CHECK(nng_pipe_notify(watch->visitor, NNG_PIPE_EV_REM_POST, on_removed, watch) == 0);
    CHECK(nng_listen(watch->door, watch->url, NULL, 0) == 0);
}

struct reaper_watch *reaper_watch_open(const struct reaper_watch_config *config)
{
    struct reaper_watch *watch = calloc(1, sizeof *watch);
    CHECK(watch != NULL);
    watch->config = *config;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    open_sockets(watch);
    thread_start(&watch->thread, "rpc-reaper", THREAD_STACK_BYTES, run, watch);
    return watch;
}

// Its memory stays with its sockets, whose callbacks may still come.
void reaper_watch_close(struct reaper_watch **watch)
{
    struct reaper_watch *old = *watch;
    if (old == NULL) return;
    *watch = NULL;
    pthread_mutex_lock(&old->lock);
    old->is_closing = true;
    pthread_cond_signal(&old->moved);
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->thread, NULL);
}

uint64_t reaper_watch_rounds(struct reaper_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    uint64_t rounds = watch->rounds;
    pthread_mutex_unlock(&watch->lock);
    return rounds;
}
