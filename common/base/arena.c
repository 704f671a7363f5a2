#include "common/base/arena.h"

#include "common/base/check.h"

#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define HEAP_BACKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_BACKED 1
#endif
#endif
#ifndef HEAP_BACKED
#define HEAP_BACKED 0
#endif

enum { ALIGN_BYTES = 16 };

// In the arena proper a block holds many allocations; in the heap-backed twin it holds one, ending
// where the allocation ends, so that the sanitizer's red zone begins there.
struct block {
    struct block *next;
    size_t size, used;
    alignas(ALIGN_BYTES) char data[];
};

struct arena {
    struct block *head;  // Allocations are tried here; full blocks follow.
    struct block *first; // Kept by a reset; NULL in the heap-backed twin.
    size_t bytes_max;
    size_t used; // What the limit counts: sizes rounded up to the alignment.
};

static struct block *open_block(size_t size)
{
    struct block *block = malloc(sizeof *block + size);
    CHECK(block != NULL);
    *block = (struct block){.size = size};
    return block;
}

struct arena *arena_open(size_t bytes_max)
{
    struct arena *arena = malloc(sizeof *arena);
    CHECK(arena != NULL);
    *arena = (struct arena){.bytes_max = bytes_max};
    if (!HEAP_BACKED) arena->head = arena->first = open_block(ARENA_BLOCK_BYTES);
    return arena;
}

void arena_reset(struct arena *arena)
{
    struct block *next;
    for (struct block *block = arena->head; block != NULL; block = next) {
        next = block->next;
        if (block != arena->first) free(block);
    }
    arena->head = arena->first;
    arena->used = 0;
    if (arena->first != NULL) {
        arena->first->next = NULL;
        arena->first->used = 0;
    }
}

void arena_close(struct arena **arena)
{
    if (*arena == NULL) return;
    arena_reset(*arena);
    free((*arena)->first);
    free(*arena);
    *arena = NULL;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    const struct block *head = arena->head;
    return (struct arena_mark){.head = arena->head,
                               .next = head != NULL ? head->next : NULL,
                               .head_used = head != NULL ? head->used : 0,
                               .used = arena->used};
}

static struct block *free_blocks(struct block *from, const struct block *until)
{
    for (struct block *next; from != until; from = next) {
        CHECK(from != NULL); // The mark is not of this arena, or older than its last reset.
        next = from->next;
        free(from);
    }
    return from;
}

// New blocks stand before the head of then; large ones between it and what followed it.
void arena_rewind(struct arena *arena, const struct arena_mark *mark)
{
    arena->head = free_blocks(arena->head, mark->head);
    arena->used = mark->used;
    if (arena->head == NULL) return;
    arena->head->next = free_blocks(arena->head->next, mark->next);
    arena->head->used = mark->head_used;
}

void arena_set_limit(struct arena *arena, size_t bytes_max)
{
    arena->bytes_max = bytes_max;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}

static void *take_heap_backed(struct arena *arena, size_t size)
{
    struct block *block = open_block(size);
    block->next = arena->head;
    arena->head = block;
    return block->data;
}

static void *take_from_blocks(struct arena *arena, size_t size)
{
    struct block *head = arena->head;
    if (size > head->size - head->used) {
        bool large = size > ARENA_BLOCK_BYTES / 4;
        struct block *block = open_block(large ? size : ARENA_BLOCK_BYTES);
        if (large) { // Filled at once, so it goes behind the head, whose room stays in use.
            block->next = head->next;
            head->next = block;
        } else {
            block->next = head;
            arena->head = block;
        }
        head = block;
    }
    void *memory = head->data + head->used;
    head->used += size;
    return memory;
}

static void *take(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    size_t rounded = (size + ALIGN_BYTES - 1) & ~(size_t)(ALIGN_BYTES - 1);
    if (arena->used > arena->bytes_max || rounded > arena->bytes_max - arena->used) return NULL;
    arena->used += rounded;
    return HEAP_BACKED ? take_heap_backed(arena, size) : take_from_blocks(arena, rounded);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = take(arena, size);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *memory = take(arena, size);
    if (memory != NULL && size > 0) memcpy(memory, data, size);
    return memory;
}

char *arena_text(struct arena *arena, const char *text, size_t size)
{
    if (size == SIZE_MAX) return NULL;
    char *copy = take(arena, size + 1);
    if (copy == NULL) return NULL;
    if (size > 0) memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    CHECK(size >= 0);

    char *text = take(arena, (size_t)size + 1);
    if (text != NULL) vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}
