/// @file tests/unit/proto/compatibility.h
/// What may not change once it is released: wire numbers and types, JSON names, methods, routes.
/// Source     design 01 section 1, Compatibility.
#pragma once

#include "proto/gen/model.h"

/// compatibility_check lists what clients of `released` would miss or misread in `current`, as
/// sentences, in the arena of `current`.
void compatibility_check(const struct gen_model *released, const struct gen_model *current,
                         const char ***ret_breaks, size_t *ret_count);
