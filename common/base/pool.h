/// @file common/base/pool.h
/// A bounded pool of threads for slow work (password hashing): a fixed number of threads, a fixed
/// queue, and a refusal when it is full.
/// Threads    pool_submit from any thread; run() on one of the pool's. The pool's threads block all
///            signals, so that SIGTERM and its like reach the main thread.
#pragma once

#include "common/base/status.h"

#include <stddef.h>

struct pool;

/// A job is owned by its submitter and must live until run() returns; run may free it.
struct pool_job {
    void (*run)(struct pool_job *job);
    struct pool_job *next; // The pool's, while queued.
};

/// pool_open never fails: a thread that cannot be made is a CHECK. queue_max counts waiting jobs,
/// not the ones that run; name, cut to 15 bytes, is what the threads are called in ps and gdb.
struct pool *pool_open(const char *name, size_t thread_count, size_t queue_max);
/// pool_submit: UNAVAILABLE / OVERLOADED when the queue is full; run() is not called then.
MUST_USE struct status pool_submit(struct pool *pool, struct pool_job *job);
size_t pool_queued(const struct pool *pool);
/// pool_close runs what is queued, joins the threads, frees; sets *pool to NULL; idempotent.
void pool_close(struct pool **pool);
