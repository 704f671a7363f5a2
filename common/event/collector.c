#include "common/event/collector.h"

#include "common/base/check.h"
#include "common/event/types.h"

#include <stdlib.h>

enum {
    ARENA_BYTES_MAX = 64 * 1024 * 1024, // Two full batches of texts; a batch is 8 MiB at most.
    CAPACITY_FIRST = 64,
    CAPACITY_KEPT = 1024,
};

static_assert(ARENA_BYTES_MAX >= 4 * EVENT_BATCH_BYTES_MAX, "texts and their padding fit");

void event_collector_open(struct event_collector *collector, const char *const *types,
                          size_t type_count, uint64_t next_seq)
{
    *collector = (struct event_collector){.arena = arena_open(ARENA_BYTES_MAX),
                                          .types = types,
                                          .type_count = type_count,
                                          .next_seq = next_seq};
}

void event_collector_close(struct event_collector *collector)
{
    arena_close(&collector->arena);
    free(collector->views);
    *collector = (struct event_collector){0};
}

void event_collector_reset(struct event_collector *collector, uint64_t next_seq)
{
    arena_reset(collector->arena);
    if (collector->capacity > CAPACITY_KEPT) { // An idle subscriber holds little.
        free(collector->views);
        collector->views = NULL;
        collector->capacity = 0;
    }
    collector->count = 0;
    collector->bytes = 0;
    collector->next_seq = next_seq;
}

static struct event_view *next_view(struct event_collector *collector)
{
    if (collector->count == collector->capacity) {
        size_t capacity = collector->capacity > 0 ? 2 * collector->capacity : CAPACITY_FIRST;
        collector->views = reallocarray(collector->views, capacity, sizeof collector->views[0]);
        CHECK(collector->views != NULL);
        collector->capacity = capacity;
    }
    return &collector->views[collector->count];
}

static bool is_chosen(const struct event_collector *collector, struct bytes type)
{
    for (size_t i = 0; i < collector->type_count; i++) {
        if (event_pattern_matches(bytes_of_text(collector->types[i]), type)) return true;
    }
    return collector->type_count == 0;
}

enum event_collected event_collector_add(struct event_collector *collector,
                                         const struct event_batch *batch)
{
    struct bytes packed;
    for (size_t offset = 0; event_batch_next(batch, &offset, &packed);) {
        struct event_head head;
        if (!status_ok(event_peek(packed, &head))) return EVENT_COLLECTED_MALFORMED;
        if (head.seq < collector->next_seq) continue; // Handled or gathered before.
        if (head.seq > collector->next_seq) return EVENT_COLLECTED_GAP;
        if (!is_chosen(collector, head.type)) {
            collector->next_seq++;
            continue;
        }
        struct event_view *view = next_view(collector);
        if (!status_ok(event_decode(packed, collector->arena, view))) {
            return EVENT_COLLECTED_MALFORMED;
        }
        CHECK(view->seq == head.seq);
        collector->count++;
        collector->next_seq++;
        collector->bytes += packed.size;
    }
    return EVENT_COLLECTED_ALL;
}
