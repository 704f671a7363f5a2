#include "gateway/stream_ring.h"

#include "common/base/check.h"

#include <pthread.h>
#include <stdlib.h>

struct stream_ring {
    pthread_mutex_t lock;
    size_t entries_max, bytes_max;
    uint64_t begin, end;
    size_t bytes;
    // Chunks are slots[(first + 0 .. count - 1) % entries_max]: each has an entry at least.
    struct stream_chunk **slots;
    size_t first, count;
};

struct stream_ring *stream_ring_open(size_t entries_max, size_t bytes_max)
{
    struct stream_ring *ring = calloc(1, sizeof *ring);
    CHECK(ring != NULL && entries_max > 0);
    pthread_mutex_init(&ring->lock, NULL);
    ring->entries_max = entries_max;
    ring->bytes_max = bytes_max;
    ring->slots = calloc(entries_max + 1, sizeof(struct stream_chunk *)); // One more while pushing.
    CHECK(ring->slots != NULL);
    return ring;
}

static struct stream_chunk **slot_at(struct stream_ring *ring, size_t i)
{
    return &ring->slots[(ring->first + i) % (ring->entries_max + 1)];
}

static void drop_first(struct stream_ring *ring)
{
    struct stream_chunk **slot = slot_at(ring, 0);
    ring->begin = (*slot)->end;
    ring->bytes -= (*slot)->bytes;
    stream_chunk_release(slot);
    ring->first = (ring->first + 1) % (ring->entries_max + 1);
    ring->count--;
}

void stream_ring_close(struct stream_ring **ring)
{
    if (*ring == NULL) return;
    stream_ring_reset(*ring, 0);
    pthread_mutex_destroy(&(*ring)->lock);
    free((*ring)->slots);
    free(*ring);
    *ring = NULL;
}

void stream_ring_reset(struct stream_ring *ring, uint64_t index)
{
    pthread_mutex_lock(&ring->lock);
    while (ring->count > 0)
        drop_first(ring);
    ring->begin = ring->end = index;
    pthread_mutex_unlock(&ring->lock);
}

void stream_ring_push(struct stream_ring *ring, struct stream_chunk *chunk)
{
    pthread_mutex_lock(&ring->lock);
    CHECK(chunk->begin == ring->end && chunk->end > chunk->begin);
    *slot_at(ring, ring->count) = chunk;
    ring->count++;
    ring->end = chunk->end;
    ring->bytes += chunk->bytes;
    while (ring->count > 1 &&
           (ring->end - ring->begin > ring->entries_max || ring->bytes > ring->bytes_max))
        drop_first(ring);
    pthread_mutex_unlock(&ring->lock);
}

uint64_t stream_ring_end(struct stream_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    uint64_t end = ring->end;
    pthread_mutex_unlock(&ring->lock);
    return end;
}

bool stream_ring_knows(struct stream_ring *ring, uint64_t index)
{
    pthread_mutex_lock(&ring->lock);
    bool is_known = index >= ring->begin && index <= ring->end;
    pthread_mutex_unlock(&ring->lock);
    return is_known;
}

/// find_chunk: within the ring, so there is one; the first whose end is behind the index.
static struct stream_chunk *find_chunk(struct stream_ring *ring, uint64_t index)
{
    size_t low = 0, high = ring->count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((*slot_at(ring, middle))->end > index) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return *slot_at(ring, low);
}

enum stream_place stream_ring_find(struct stream_ring *ring, uint64_t index,
                                   struct stream_chunk **ret)
{
    enum stream_place place = STREAM_BEHIND;
    pthread_mutex_lock(&ring->lock);
    if (index >= ring->end) {
        place = STREAM_AT_END;
    } else if (index >= ring->begin) {
        place = STREAM_WITHIN;
        *ret = stream_chunk_hold(find_chunk(ring, index));
    }
    pthread_mutex_unlock(&ring->lock);
    return place;
}
