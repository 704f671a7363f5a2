/// @file common/base/arena.h
/// One arena per request: everything a call allocates dies with it, at once.
/// Limits     Grows by blocks up to bytes_max; beyond that allocation gives NULL, and the caller
///            answers RESOURCE_EXHAUSTED. Overflow is an answer, not a crash.
/// Threads    One thread at a time.
/// Under ASan every allocation is a heap block of its own, so that an overrun of one object into
/// its neighbour is seen.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

#include <stdarg.h>
#include <stddef.h>

struct arena;

enum { ARENA_BLOCK_BYTES = 64 * 1024 };

/// arena_open never fails: out of memory is a CHECK (the process has no way on).
struct arena *arena_open(size_t bytes_max);
void arena_close(struct arena **arena); // Frees all; idempotent, sets *arena to NULL.

/// arena_reset forgets every allocation and keeps the first block for the next request.
void arena_reset(struct arena *arena);

/// A place to go back to: arena_rewind forgets what was allocated since arena_mark. Marks are gone
/// back to in the reverse order of their making; a reset makes them invalid.
struct arena_mark {
    void *head, *next;
    size_t head_used, used;
};

struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, const struct arena_mark *mark);

/// arena_set_limit changes bytes_max, for an arena that is used again with another request.
void arena_set_limit(struct arena *arena, size_t bytes_max);

/// arena_alloc gives 16-byte aligned zeroed memory, or NULL beyond the limit. A size of 0 gives a
/// valid pointer to nothing.
void *arena_alloc(struct arena *arena, size_t size);
void *arena_copy(struct arena *arena, const void *data, size_t size); // NULL beyond the limit.
char *arena_text(struct arena *arena, const char *text, size_t size); // Copy with a final NUL.
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3))); // NULL beyond the limit.

size_t arena_used(const struct arena *arena);

/// ARENA_STATUS_EXHAUSTED is what a caller answers when an allocation gave NULL.
#define ARENA_STATUS_EXHAUSTED                                                                     \
    REFUSE(RESOURCE_EXHAUSTED, REQUEST_TOO_COMPLEX, "the request needs more memory than it may use")
