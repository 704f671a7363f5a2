#include "services/audit/tail.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct listener {
    void (*moved)(void *context);
    void *context;
};

struct audit_tail {
    uint64_t told; // The writer thread's: what is durable once its group is.
    atomic_uint_fast64_t size;
    atomic_bool is_stopped;
    pthread_mutex_t lock; // Of what waits on `changed`, and of the listeners.
    pthread_cond_t changed;
    struct listener listeners[AUDIT_TAIL_LISTENERS_MAX];
    size_t listener_count;
};

static void announce(struct audit_tail *tail)
{
    pthread_mutex_lock(&tail->lock);
    pthread_cond_broadcast(&tail->changed);
    for (size_t i = 0; i < tail->listener_count; i++)
        tail->listeners[i].moved(tail->listeners[i].context);
    pthread_mutex_unlock(&tail->lock);
}

static void after_commit(void *context)
{
    struct audit_tail *tail = context;
    if (tail->told == atomic_load(&tail->size)) return;
    atomic_store(&tail->size, tail->told);
    announce(tail);
}

static void rolled_back(void *context)
{
    struct audit_tail *tail = context;
    tail->told = atomic_load(&tail->size);
}

struct audit_tail *audit_tail_open(struct store *store)
{
    struct audit_tail *tail = calloc(1, sizeof *tail);
    CHECK(tail != NULL);
    pthread_mutex_init(&tail->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tail->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    store_add_hook(store, &(struct store_hook){.after_commit = after_commit,
                                               .rolled_back = rolled_back,
                                               .context = tail});
    return tail;
}

void audit_tail_close(struct audit_tail **tail)
{
    if (*tail == NULL) return;
    pthread_cond_destroy(&(*tail)->changed);
    pthread_mutex_destroy(&(*tail)->lock);
    free(*tail);
    *tail = NULL;
}

void audit_tail_told(struct audit_tail *tail, uint64_t size)
{
    tail->told = size;
}

uint64_t audit_tail_size(const struct audit_tail *tail)
{
    return atomic_load(&tail->size);
}

uint64_t audit_tail_wait(struct audit_tail *tail, uint64_t size, uint64_t until_mono_ns)
{
    pthread_mutex_lock(&tail->lock);
    while (audit_tail_size(tail) <= size && !audit_tail_is_stopped(tail) &&
           clock_mono_ns() < until_mono_ns) {
        if (until_mono_ns == UINT64_MAX) {
            pthread_cond_wait(&tail->changed, &tail->lock);
            continue;
        }
        struct timespec until = {.tv_sec = (time_t)(until_mono_ns / NS_PER_SECOND),
                                 .tv_nsec = (long)(until_mono_ns % NS_PER_SECOND)};
        pthread_cond_timedwait(&tail->changed, &tail->lock, &until);
    }
    pthread_mutex_unlock(&tail->lock);
    return audit_tail_size(tail);
}

void audit_tail_stop(struct audit_tail *tail)
{
    atomic_store(&tail->is_stopped, true);
    announce(tail);
}

bool audit_tail_is_stopped(const struct audit_tail *tail)
{
    return atomic_load(&tail->is_stopped);
}

void audit_tail_listen(struct audit_tail *tail, void (*moved)(void *context), void *context)
{
    pthread_mutex_lock(&tail->lock);
    CHECK(tail->listener_count < AUDIT_TAIL_LISTENERS_MAX);
    tail->listeners[tail->listener_count++] = (struct listener){moved, context};
    pthread_mutex_unlock(&tail->lock);
}
