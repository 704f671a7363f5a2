#include "gateway/stream_cursor.h"

#include "common/base/check.h"

/// find_run looks for the next events that the stream gets and whose texts lie one behind the
/// other; false: none is left in the chunk.
static bool find_run(struct stream_cursor *cursor, const struct stream_filter *filter,
                     struct bytes *ret_text)
{
    const struct stream_chunk *chunk = cursor->chunk;
    struct bytes run = bytes_of(NULL, 0);
    size_t i = cursor->at;
    cursor->write_count = 0;
    for (; i < chunk->event_count; i++) {
        const struct stream_event *event = &chunk->events[i];
        struct bytes text =
            event->index >= cursor->next ? stream_filter_view(filter, event) : bytes_of(NULL, 0);
        bool is_first = run.size == 0;
        if (text.size == 0 && is_first) continue;
        bool goes_on = !is_first && text.data == run.data + run.size &&
                       run.size + text.size <= STREAM_WRITE_BYTES_MAX;
        if (!is_first && !goes_on) break;
        if (is_first) run.data = text.data;
        run.size += text.size;
        cursor->write_count++;
    }
    cursor->write_end = i;
    *ret_text = run;
    return run.size > 0;
}

enum stream_step stream_cursor_step(struct stream_cursor *cursor, struct stream_ring *ring,
                                    const struct stream_filter *filter, struct bytes *ret_text)
{
    for (;;) {
        if (cursor->chunk != NULL && find_run(cursor, filter, ret_text)) return STREAM_WRITE;
        if (cursor->chunk != NULL) {
            if (cursor->chunk->end > cursor->next) cursor->next = cursor->chunk->end;
            stream_chunk_release(&cursor->chunk);
        }
        if (cursor->is_reading) return STREAM_WAIT;
        switch (stream_ring_find(ring, cursor->next, &cursor->chunk)) {
        case STREAM_AT_END:
            return STREAM_WAIT;
        case STREAM_BEHIND:
            cursor->is_reading = true;
            return STREAM_READ;
        case STREAM_WITHIN:
            cursor->at = 0;
            cursor->is_own_chunk = false;
            break;
        }
    }
}

size_t stream_cursor_wrote(struct stream_cursor *cursor)
{
    CHECK(cursor->chunk != NULL && cursor->write_end > cursor->at);
    cursor->at = cursor->write_end;
    cursor->next = cursor->chunk->events[cursor->write_end - 1].index + 1;
    return cursor->write_count;
}

void stream_cursor_pause(struct stream_cursor *cursor)
{
    // Nobody else has what the stream has read for itself: it would have to be read again.
    if (cursor->is_own_chunk) return;
    stream_chunk_release(&cursor->chunk);
}

void stream_cursor_take(struct stream_cursor *cursor, struct stream_chunk *chunk)
{
    CHECK(cursor->is_reading && cursor->chunk == NULL && chunk->begin <= cursor->next);
    cursor->is_reading = false;
    cursor->chunk = chunk;
    cursor->at = 0;
    cursor->is_own_chunk = true;
}

void stream_cursor_fail(struct stream_cursor *cursor)
{
    CHECK(cursor->is_reading);
    cursor->is_reading = false;
}

void stream_cursor_reset(struct stream_cursor *cursor)
{
    stream_chunk_release(&cursor->chunk);
}
