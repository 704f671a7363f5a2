/// @file gateway/exposition.h
/// Several processes' metrics as one Prometheus exposition: every series gets the label daemon="…",
/// and the series of one family stand together under one HELP and TYPE, as the format demands.
/// Source     Prometheus text format 0.0.4.
/// Threads    Pure.
#pragma once

#include "common/base/arena.h"

struct exposition_part {
    const char *daemon;
    struct bytes text; // As metrics_render wrote it.
};

/// exposition_merge: RESOURCE_EXHAUSTED beyond the arena's limit; lines that are no metrics are
/// left out.
MUST_USE struct status exposition_merge(const struct exposition_part *parts, size_t part_count,
                                        struct arena *arena, struct bytes *ret);
