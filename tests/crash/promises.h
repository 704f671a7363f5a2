/// @file tests/crash/promises.h
/// What a life was told and must stay true: requests that are answered so from now on, and events
/// that the audit log has exactly once.
/// Ownership  Texts are copied.
/// Threads    The life's; the test's own when it has ended.
#pragma once

#include "tests/support/world.h"

enum { PROMISES_ID_BYTES = 64, PROMISES_REASON_BYTES = 48 };

/// A request that must be answered so, between two moments (CLOCK_MONOTONIC, ms; 0: for ever).
struct promise {
    const char *token, *verb, *path, *body; // token, body: NULL for none.
    long status;
    char reason[PROMISES_REASON_BYTES];
    uint64_t from_ms, until_ms;
};

/// What became of the request with this id.
struct deed_heard {
    char request_id[PROMISES_ID_BYTES];
    char session_id[WORLD_ID_BYTES]; // Of a login; "" for none.
    const char *event;               // A static text; NULL: the attempt was lost.
};

struct promises {
    struct promise *items;
    size_t count, room;
    struct deed_heard *heard;
    size_t heard_count, heard_room;
};

uint64_t promises_now_ms(void);
void promises_reset(struct promises *promises);

/// promises_add copies the texts of what it is given.
void promises_add(struct promises *promises, const struct promise *promise);
/// promises_hear: acknowledged with an event, or lost (event NULL).
void promises_hear(struct promises *promises, const char *request_id, const char *session_id,
                   const char *event);
/// promises_is_due: it can be asked about now.
bool promises_is_due(const struct promise *promise, uint64_t now_ms);
