#include "common/base/metrics.h"

#include "common/base/check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

static const char *const kind_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

// clang-format off
static const struct {
    uint64_t ns;
    const char *seconds; // Written by hand: the le label is a name, and must never be rounded.
} buckets[METRIC_BUCKET_COUNT] = {
    {    50 * UINT64_C(1000), "5e-05"},  {   100 * UINT64_C(1000), "0.0001"},
    {   250 * UINT64_C(1000), "0.00025"},{   500 * UINT64_C(1000), "0.0005"},
    {     1 * UINT64_C(1000000), "0.001"}, { 2500 * UINT64_C(1000), "0.0025"},
    {     5 * UINT64_C(1000000), "0.005"}, {   10 * UINT64_C(1000000), "0.01"},
    {    25 * UINT64_C(1000000), "0.025"}, {   50 * UINT64_C(1000000), "0.05"},
    {   100 * UINT64_C(1000000), "0.1"},   {  250 * UINT64_C(1000000), "0.25"},
    {   500 * UINT64_C(1000000), "0.5"},   { 1000 * UINT64_C(1000000), "1"},
    {  5000 * UINT64_C(1000000), "5"},     {10000 * UINT64_C(1000000), "10"},
};

// clang-format on

struct metric {
    enum metric_kind kind;
    const char *name, *help, *labels; // labels is "" for none.
    _Atomic uint64_t value;           // A gauge's as two's complement; a histogram's sum in ns.
    _Atomic uint64_t counts[];        // Histograms only: one for each bucket, and one for +Inf.
};

// Series of one name stand together, as the text format demands.
static struct {
    pthread_mutex_t lock;
    size_t count;
    struct metric *series[METRICS_SERIES_MAX];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct metric *make_metric(enum metric_kind kind, const char *name, const char *help,
                                  const char *labels)
{
    size_t count = kind == METRIC_HISTOGRAM ? METRIC_BUCKET_COUNT + 1 : 0;
    struct metric *metric = calloc(1, sizeof *metric + count * sizeof metric->counts[0]);
    CHECK(metric != NULL);
    metric->kind = kind;
    metric->name = name;
    metric->help = help;
    metric->labels = labels;
    return metric;
}

static struct metric *find_or_insert(enum metric_kind kind, const char *name, const char *help,
                                     const char *labels)
{
    size_t place = registry.count; // Behind the last series of the same name, or at the end.
    for (size_t i = 0; i < registry.count; i++) {
        struct metric *metric = registry.series[i];
        if (strcmp(metric->name, name) != 0) continue;
        CHECK(metric->kind == kind);
        if (strcmp(metric->labels, labels) == 0) return metric;
        place = i + 1;
    }
    CHECK(registry.count < METRICS_SERIES_MAX);
    for (size_t i = registry.count; i > place; i--) {
        registry.series[i] = registry.series[i - 1];
    }
    registry.count++;
    return registry.series[place] = make_metric(kind, name, help, labels);
}

static struct metric *register_metric(enum metric_kind kind, const char *name, const char *help,
                                      const char *labels)
{
    CHECK(strpbrk(help, "\\\n") == NULL);
    pthread_mutex_lock(&registry.lock);
    struct metric *metric = find_or_insert(kind, name, help, labels != NULL ? labels : "");
    pthread_mutex_unlock(&registry.lock);
    return metric;
}

struct metric *metric_counter(const char *name, const char *help, const char *labels)
{
    return register_metric(METRIC_COUNTER, name, help, labels);
}

struct metric *metric_gauge(const char *name, const char *help, const char *labels)
{
    return register_metric(METRIC_GAUGE, name, help, labels);
}

struct metric *metric_histogram(const char *name, const char *help, const char *labels)
{
    return register_metric(METRIC_HISTOGRAM, name, help, labels);
}

void metric_add(struct metric *metric, uint64_t count)
{
    CHECK(metric->kind != METRIC_HISTOGRAM);
    atomic_fetch_add_explicit(&metric->value, count, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    CHECK(metric->kind == METRIC_GAUGE);
    atomic_store_explicit(&metric->value, (uint64_t)value, memory_order_relaxed);
}

void metric_observe_ns(struct metric *metric, uint64_t ns)
{
    CHECK(metric->kind == METRIC_HISTOGRAM);
    size_t bucket = 0;
    while (bucket < METRIC_BUCKET_COUNT && ns > buckets[bucket].ns) {
        bucket++;
    }
    atomic_fetch_add_explicit(&metric->counts[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, ns, memory_order_relaxed);
}

uint64_t metric_value(const struct metric *metric)
{
    if (metric->kind != METRIC_HISTOGRAM) {
        return atomic_load_explicit(&metric->value, memory_order_relaxed);
    }
    uint64_t count = 0;
    for (size_t i = 0; i <= METRIC_BUCKET_COUNT; i++) {
        count += atomic_load_explicit(&metric->counts[i], memory_order_relaxed);
    }
    return count;
}

static void render_simple(const struct metric *metric, FILE *out)
{
    bool bare = metric->labels[0] == '\0';
    fprintf(out, "%s%s%s%s ", metric->name, bare ? "" : "{", metric->labels, bare ? "" : "}");
    uint64_t value = metric_value(metric);
    if (metric->kind == METRIC_GAUGE) {
        fprintf(out, "%" PRId64 "\n", (int64_t)value);
    } else {
        fprintf(out, "%" PRIu64 "\n", value);
    }
}

// The count is the +Inf bucket's, summed from the very numbers that are shown, so that a scrape in
// the middle of an update still agrees with itself.
static void render_histogram(const struct metric *metric, FILE *out)
{
    bool bare = metric->labels[0] == '\0';
    const char *open = bare ? "" : "{", *close = bare ? "" : "}", *comma = bare ? "" : ",";
    uint64_t count = 0;
    for (size_t i = 0; i <= METRIC_BUCKET_COUNT; i++) {
        count += atomic_load_explicit(&metric->counts[i], memory_order_relaxed);
        fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", metric->name, metric->labels, comma,
                i < METRIC_BUCKET_COUNT ? buckets[i].seconds : "+Inf", count);
    }
    uint64_t sum_ns = atomic_load_explicit(&metric->value, memory_order_relaxed);
    fprintf(out, "%s_sum%s%s%s %" PRIu64 ".%09" PRIu64 "\n", metric->name, open, metric->labels,
            close, sum_ns / 1000000000, sum_ns % 1000000000);
    fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", metric->name, open, metric->labels, close, count);
}

static void render_all(FILE *out)
{
    const char *last_name = "";
    for (size_t i = 0; i < registry.count; i++) {
        const struct metric *metric = registry.series[i];
        if (strcmp(metric->name, last_name) != 0) {
            fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                    kind_names[metric->kind]);
        }
        last_name = metric->name;
        if (metric->kind == METRIC_HISTOGRAM) {
            render_histogram(metric, out);
        } else {
            render_simple(metric, out);
        }
    }
}

struct status metrics_render(struct arena *arena, struct bytes *ret_text)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL);
    pthread_mutex_lock(&registry.lock);
    render_all(out);
    pthread_mutex_unlock(&registry.lock);
    CHECK(fclose(out) == 0);

    const char *copy = arena_text(arena, text, size);
    free(text);
    if (copy == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret_text = bytes_of(copy, size);
    return STATUS_SUCCESS;
}
