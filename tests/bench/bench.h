/// @file tests/bench/bench.h
/// What every benchmark shares: medians with their spread, the machine, and the disk's fsync rate,
/// without which no durable figure means anything.
/// Units      Rates are per second; spreads carry the unit of what was measured.
/// Threads    One.
#pragma once

#include "tests/support/directory.h"

#include <stddef.h>
#include <stdint.h>

enum { BENCH_PATH_BYTES = 256, BENCH_RUNS_MAX = 64 };

struct bench_spread {
    double median, min, max;
};

/// bench_measure calls run() `run_count` times and sorts what it returns.
struct bench_spread bench_measure(double (*run)(void *context), void *context, size_t run_count);
struct bench_spread bench_spread_of(double *values, size_t count); // Sorts values.

/// bench_percentile sorts the samples; fraction 0.5 is the median, 0.99 the 99th percentile.
uint64_t bench_percentile(uint64_t *samples, size_t count, double fraction);

/// bench_print_line: "name    123,456 unit   (120,000 to 130,000)".
void bench_print_line(const char *name, struct bench_spread spread, const char *unit);

/// bench_print_machine: processor, cores, memory, kernel, compiler and optimisation.
void bench_print_machine(void);

/// bench_fsyncs_per_second overwrites 4 KiB in a file there and syncs it, for half a second.
double bench_fsyncs_per_second(const char *directory);
/// bench_print_disk prints that rate with the directory's name and file system.
void bench_print_disk(const char *directory);
