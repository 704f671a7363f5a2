/// @file services/audit/filter.h
/// Which events of the log somebody who follows it wants.
/// Ownership  Texts are the owner's.
/// Threads    Any; pure.
#pragma once

#include "common/base/bytes.h"

#include <stddef.h>

enum {
    AUDIT_STREAM_TYPES_MAX = 64,
    AUDIT_STREAM_TEXT_BYTES_MAX = 128,
    AUDIT_STREAM_OUTCOME_BYTES_MAX = 16
};

/// Empty texts and no types let everything through.
struct audit_stream_filter {
    size_t type_count;
    struct bytes types[AUDIT_STREAM_TYPES_MAX]; // Patterns (common/event/types.h).
    struct bytes actor, resource, outcome;
    struct bytes user; // "users/<uuid>": what concerns them, by their search rows.
};
