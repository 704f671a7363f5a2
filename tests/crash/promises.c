#include "tests/crash/promises.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROOM_FIRST = 64 };

uint64_t promises_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static char *copy_of(const char *text)
{
    if (text == NULL) return NULL;
    char *copy = strdup(text);
    if (copy == NULL) abort();
    return copy;
}

static void *with_room(void *items, size_t count, size_t *room, size_t item_bytes)
{
    if (count < *room) return items;
    *room = *room > 0 ? *room * 2 : ROOM_FIRST;
    void *grown = realloc(items, *room * item_bytes);
    if (grown == NULL) abort();
    return grown;
}

void promises_add(struct promises *promises, const struct promise *promise)
{
    promises->items =
        with_room(promises->items, promises->count, &promises->room, sizeof *promises->items);
    struct promise *added = &promises->items[promises->count++];
    *added = *promise;
    added->token = copy_of(promise->token);
    added->verb = copy_of(promise->verb);
    added->path = copy_of(promise->path);
    added->body = copy_of(promise->body);
}

void promises_hear(struct promises *promises, const char *request_id, const char *session_id,
                   const char *event)
{
    promises->heard = with_room(promises->heard, promises->heard_count, &promises->heard_room,
                                sizeof *promises->heard);
    struct deed_heard *heard = &promises->heard[promises->heard_count++];
    *heard = (struct deed_heard){.event = event};
    snprintf(heard->request_id, sizeof heard->request_id, "%s", request_id);
    snprintf(heard->session_id, sizeof heard->session_id, "%s", session_id);
}

bool promises_is_due(const struct promise *promise, uint64_t now_ms)
{
    return now_ms >= promise->from_ms && (promise->until_ms == 0 || now_ms < promise->until_ms);
}

void promises_reset(struct promises *promises)
{
    for (size_t i = 0; i < promises->count; i++) {
        free((char *)(uintptr_t)promises->items[i].token);
        free((char *)(uintptr_t)promises->items[i].verb);
        free((char *)(uintptr_t)promises->items[i].path);
        free((char *)(uintptr_t)promises->items[i].body);
    }
    free(promises->items);
    free(promises->heard);
    *promises = (struct promises){0};
}
