#include "gateway/stream_filter.h"

#include "common/event/types.h"

#include <string.h>

static struct bytes trimmed(const char *text, size_t size)
{
    while (size > 0 && *text == ' ') {
        text++;
        size--;
    }
    while (size > 0 && text[size - 1] == ' ')
        size--;
    return bytes_of(text, size);
}

struct status stream_filter_read_types(const char *text, struct arena *arena,
                                       struct stream_filter *ret)
{
    ret->type_count = 0;
    if (*text == '\0') return STATUS_SUCCESS;
    for (const char *at = text; at != NULL;) {
        const char *comma = strchr(at, ',');
        struct bytes pattern = trimmed(at, comma != NULL ? (size_t)(comma - at) : strlen(at));
        RETURN_IF_ERROR(event_pattern_check(pattern));
        if (ret->type_count == STREAM_TYPES_MAX)
            return REFUSE(INVALID_ARGUMENT, TYPE_PATTERN_INVALID, "at most 64 types");
        const char *type = arena_text(arena, (const char *)pattern.data, pattern.size);
        if (type == NULL) return ARENA_STATUS_EXHAUSTED;
        ret->types[ret->type_count++] = type;
        at = comma != NULL ? comma + 1 : NULL;
    }
    return STATUS_SUCCESS;
}

static bool has_type(const struct stream_filter *filter, struct bytes type)
{
    for (size_t i = 0; i < filter->type_count; i++)
        if (event_pattern_matches(bytes_of_text(filter->types[i]), type)) return true;
    return filter->type_count == 0;
}

static bool concerns(const struct stream_event *event, struct id128 viewer)
{
    for (size_t i = 0; i < event->user_count; i++)
        if (id128_equal(event->users[i], viewer)) return true;
    return false;
}

struct bytes stream_filter_view(const struct stream_filter *filter,
                                const struct stream_event *event)
{
    if (filter->is_own && !concerns(event, filter->viewer)) return bytes_of(NULL, 0);
    if (!has_type(filter, event->type)) return bytes_of(NULL, 0);
    if (!filter->is_cut) return event->text[STREAM_VIEW_FULL];
    bool did_it = id128_equal(event->actor, filter->viewer);
    return event->text[did_it ? STREAM_VIEW_OWN : STREAM_VIEW_BRIEF];
}

struct status stream_read_index(const char *text, uint64_t *ret)
{
    uint64_t index = 0;
    bool is_index = *text != '\0';
    for (const char *at = text; is_index && *at != '\0'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        is_index = *at >= '0' && *at <= '9' &&
                   !__builtin_mul_overflow(index, UINT64_C(10), &index) &&
                   !__builtin_add_overflow(index, digit, &index);
    }
    if (!is_index || index == UINT64_MAX)
        return REFUSE(INVALID_ARGUMENT, LAST_EVENT_ID_INVALID,
                      "where a stream begins is said by the index of an event");
    *ret = index;
    return STATUS_SUCCESS;
}
