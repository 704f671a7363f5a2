/// @file tests/support/directory.h
/// Temporary directories of tests and benchmarks, in $TMPDIR or /tmp. What goes wrong is CHECKed.
#pragma once

#include <stddef.h>

enum { DIRECTORY_PATH_BYTES = 256 };

/// directory_make makes an empty directory "florin-<name>-" and something that is new; the path
/// must fit into ret_bytes.
void directory_make(const char *name, char *ret_path, size_t ret_bytes);
/// directory_make_in makes it somewhere else.
void directory_make_in(const char *root, const char *name, char *ret_path, size_t ret_bytes);
/// directory_count_text says how often a text stands in the files below: to show what is not there.
size_t directory_count_text(const char *path, const char *text);
/// directory_copy makes `to`, which is not there yet, a copy of a directory. From one thread.
void directory_copy(const char *from, const char *to);
/// directory_remove removes it and everything in it.
void directory_remove(const char *path);
