/// @file common/base/metrics.h
/// Counters, gauges and histograms by Prometheus conventions, in one registry per process.
/// Limits     METRICS_SERIES_MAX series; a registration beyond it is a CHECK: labels are bounded by
///            design (a method, a code, a table), never taken from input.
/// Threads    Registration takes a lock; updates are relaxed atomics from any thread.
/// Ownership  name, help and label text must be static or live as long as the process.
///
///     static struct metric *refused; // registered once, at open
///     refused = metric_counter("florin_rpc_refused_total", "Calls refused", "reason=\"CAP\"");
///     metric_add(refused, 1);
#pragma once

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/status.h"

#include <stdint.h>

enum { METRICS_SERIES_MAX = 4096, METRIC_BUCKET_COUNT = 16 };

struct metric;

/// Registering the same (name, labels) again gives the same metric. labels: `a="x",b="y"` or NULL.
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/// Histogram of durations, observed in ns, exposed in seconds; buckets fixed from 50 us to 10 s.
struct metric *metric_histogram(const char *name, const char *help, const char *labels);

/// metric_add serves counters and gauges, metric_set gauges, metric_observe_ns histograms; another
/// pairing is a CHECK.
void metric_add(struct metric *metric, uint64_t count);
void metric_set(struct metric *metric, int64_t value);
void metric_observe_ns(struct metric *metric, uint64_t ns);
uint64_t metric_value(const struct metric *metric); // Counter or gauge; a histogram's count.

/// metrics_render writes every series in Prometheus text format 0.0.4 into the arena.
/// RESOURCE_EXHAUSTED when the arena is too small.
MUST_USE struct status metrics_render(struct arena *arena, struct bytes *ret_text);
