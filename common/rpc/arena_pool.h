/// @file common/rpc/arena_pool.h
/// Arenas that wait for their next use, so that a busy server does not go to the heap for each
/// message and an idle one holds little.
/// Threads    Any.
#pragma once

#include "common/base/arena.h"

#include <pthread.h>

enum { ARENA_POOL_COUNT_MAX = 16 }; // 1 MiB at most; what comes back beyond it is freed.

struct arena_pool {
    pthread_mutex_t lock;
    size_t count;
    struct arena *arenas[ARENA_POOL_COUNT_MAX];
};

void arena_pool_open(struct arena_pool *pool);
void arena_pool_close(struct arena_pool *pool);
struct arena *arena_pool_take(struct arena_pool *pool, size_t bytes_max);
void arena_pool_give(struct arena_pool *pool, struct arena *arena); // NULL is fine.
