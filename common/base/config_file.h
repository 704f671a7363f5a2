/// @file common/base/config_file.h
/// The INI file as a stream of events in the order of its lines. Used by config.c only.
/// libinih reads the lines; this adds what it leaves out: the number of each line, every malformed
/// line and not only the first, and sections without keys.
/// Limits     Files of CONFIG_FILE_BYTES_MAX, lines of CONFIG_LINE_BYTES_MAX.
/// Threads    One at a time: libinih's options are global.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    CONFIG_FILE_BYTES_MAX = 1024 * 1024,
    CONFIG_LINE_BYTES_MAX = 4096,
    CONFIG_BAD_LINES_MAX = 100, // One pass over the file for each; then reading stops.
};

/// Texts given to the callbacks live until they return. Lines count from 1.
struct config_file_events {
    void (*section)(void *context, unsigned line, const char *section);
    void (*value)(void *context, unsigned line, const char *section, const char *name,
                  const char *value);
    void (*problem)(void *context, unsigned line, const char *problem); // Line 0: the whole file.
    void *context;
};

void config_file_read(const char *path, const struct config_file_events *events);
