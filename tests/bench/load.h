/// @file tests/bench/load.h
/// Keeps a store's writer busy with groups of one size: two chains of jobs, one runs while the
/// other waits, so that the writer never pauses. Threads    load_run from one; prepare() there at
/// first, and on the writer's from then on.
#pragma once

#include "common/store/store.h"

/// The first member of a benchmark's own job.
struct load_job {
    struct store_job job; // First.
    struct load_chain *chain;
    void *context; // The config's.
};

struct load_config {
    struct store *store;
    size_t group_size;
    double seconds;
    size_t job_bytes;     // Of the benchmark's own job; zeroed at first.
    struct store_job job; // What all share: run, weight_bytes, refuse_before_change.
    void (*prepare)(struct load_job *job); // Before each time that it is submitted; may be NULL.
    void *context;
};

struct load_rates {
    double jobs_per_s, commits_per_s;
};

/// load_run goes on for config->seconds; a job that is refused ends the program (CHECK).
struct load_rates load_run(const struct load_config *config);
