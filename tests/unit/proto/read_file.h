/// @file tests/unit/proto/read_file.h
/// Whole files, for tests.
#pragma once

#include "common/base/arena.h"

/// read_file: the bytes are in the arena; a file that cannot be read ends the test.
struct bytes read_file(struct arena *arena, const char *directory, const char *name);
