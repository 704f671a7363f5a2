/// @file tests/unit/event/source.h
/// A source of events in a process of its own, which a test can kill: the test's program run again.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOURCE_PATH_BYTES = 256, SOURCE_URL_BYTES = SOURCE_PATH_BYTES + 32 };

struct source {
    char directory[SOURCE_PATH_BYTES];
    char rpc_url[SOURCE_URL_BYTES], pub_url[SOURCE_URL_BYTES];
    pid_t pid;
    int to_fd, from_fd;
};

enum source_command {
    SOURCE_HEAD,         // Answers the head.
    SOURCE_APPEND,       // `count` events in one commit, all of one type; answers the head.
    SOURCE_APPEND_MIXED, // The same, no two neighbours of one type: as many PUB messages as events.
    SOURCE_RUN,          // Appends in small commits until it is killed; answers nothing.
    SOURCE_ACKNOWLEDGED, // Answers what consumer "test/follower" has acknowledged.
    SOURCE_LOG_ID,
};

/// source_run is main of such a process: true when argv asks for one, and then its exit code.
bool source_run(int argc, char **argv, int *ret_code);

void source_make(struct source *source); // A directory; nothing runs yet.
void source_remove(struct source *source);
void source_start(struct source *source);
void source_kill(struct source *source); // SIGKILL, and waits.
uint64_t source_ask(struct source *source, enum source_command command, uint32_t count);
void source_tell(struct source *source, enum source_command command, uint32_t count);
