/// @file common/base/thread.h
/// How every thread of ours begins.
/// Threads    Any.
#pragma once

#include <pthread.h>
#include <stddef.h>

enum {
    THREAD_STACK_BYTES = 256 * 1024,        // What little work takes.
    THREAD_STACK_BYTES_LARGE = 1024 * 1024, // Where a batch of records lies on it.
};

/// thread_start makes a thread with this name (15 bytes of it, for ps and gdb) and stack, which
/// takes no signals: these are the main thread's. A thread that cannot be made is a CHECK.
void thread_start(pthread_t *ret, const char *name, size_t stack_bytes, void *(*run)(void *context),
                  void *context);
