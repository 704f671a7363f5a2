/// @file gateway/stream_filter.h
/// What one stream gets of the log: which types, and of whom.
/// Threads    Pure.
/// Errors     INVALID_ARGUMENT / TYPE_PATTERN_INVALID, LAST_EVENT_ID_INVALID.
#pragma once

#include "gateway/stream_chunk.h"

enum { STREAM_TYPES_MAX = 64 }; // As ReadLog takes them.

struct stream_filter {
    const char *types[STREAM_TYPES_MAX];
    size_t type_count;   // 0: all.
    struct id128 viewer; // Nil: no user.
    bool is_own;         // Only what concerns the viewer.
    bool is_cut;         // The viewer may not read the log: see enum stream_view.
};

/// stream_filter_read_types takes "ledger.transfer.created, ledger.account.*" apart (patterns:
/// common/event/types.h); copies lie in the arena.
MUST_USE struct status stream_filter_read_types(const char *text, struct arena *arena,
                                                struct stream_filter *ret);

/// stream_filter_view is the text of an event that the stream gets; data == NULL: none.
struct bytes stream_filter_view(const struct stream_filter *filter,
                                const struct stream_event *event);

/// stream_read_index reads the index of an event: digits, at most UINT64_MAX - 1.
MUST_USE struct status stream_read_index(const char *text, uint64_t *ret);
