#include "common/rpc/arena_pool.h"

void arena_pool_open(struct arena_pool *pool)
{
    *pool = (struct arena_pool){0};
    pthread_mutex_init(&pool->lock, NULL);
}

void arena_pool_close(struct arena_pool *pool)
{
    while (pool->count > 0) {
        arena_close(&pool->arenas[--pool->count]);
    }
    pthread_mutex_destroy(&pool->lock);
}

struct arena *arena_pool_take(struct arena_pool *pool, size_t bytes_max)
{
    pthread_mutex_lock(&pool->lock);
    struct arena *arena = pool->count > 0 ? pool->arenas[--pool->count] : NULL;
    pthread_mutex_unlock(&pool->lock);
    if (arena == NULL) return arena_open(bytes_max);
    arena_set_limit(arena, bytes_max);
    return arena;
}

void arena_pool_give(struct arena_pool *pool, struct arena *arena)
{
    if (arena == NULL) return;
    arena_reset(arena);
    pthread_mutex_lock(&pool->lock);
    if (pool->count < ARENA_POOL_COUNT_MAX) {
        pool->arenas[pool->count++] = arena;
        arena = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    arena_close(&arena);
}
