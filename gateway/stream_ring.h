/// @file gateway/stream_ring.h
/// The newest stretch of the log, whole and without a gap, for all streams of the gateway.
/// Bounds     So many entries and so many bytes; the oldest chunks go first, the newest stays.
/// Threads    One pushes and resets; any may look.
#pragma once

#include "gateway/stream_chunk.h"

struct stream_ring;

struct stream_ring *stream_ring_open(size_t entries_max, size_t bytes_max);
void stream_ring_close(struct stream_ring **ring); // Idempotent.

/// stream_ring_reset empties it: it stands at that index of the log now.
void stream_ring_reset(struct stream_ring *ring, uint64_t index);
/// stream_ring_push takes the caller's reference. The chunk begins where the ring ends (CHECK).
void stream_ring_push(struct stream_ring *ring, struct stream_chunk *chunk);

uint64_t stream_ring_end(struct stream_ring *ring);
/// stream_ring_knows: what comes at the index is in the ring, or will come next.
bool stream_ring_knows(struct stream_ring *ring, uint64_t index);

enum stream_place { STREAM_BEHIND, STREAM_WITHIN, STREAM_AT_END };

/// stream_ring_find: WITHIN gives the chunk with that index, held for the caller. AT_END also for
/// what lies beyond.
enum stream_place stream_ring_find(struct stream_ring *ring, uint64_t index,
                                   struct stream_chunk **ret);
