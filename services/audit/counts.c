#include "services/audit/counts.h"

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/clock.h"

#include <stdlib.h>

enum { HOURS_PER_DAY = 24, DISTINCT_MAX = AUDIT_ACTIVITY_ROWS_MAX };

#define HOUR_NS (UINT64_C(3600) * NS_PER_SECOND)

struct tally {
    struct audit_count_key key;
    uint64_t count;
};

struct audit_counts {
    struct tally tallies[AUDIT_FOLLOWER_EVENTS_MAX]; // The writer thread's, of one stretch.
};

static int compare_texts(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_keys(const struct audit_count_key *a, const struct audit_count_key *b)
{
    if (a->hour != b->hour) return a->hour < b->hour ? -1 : 1;
    int order = compare_texts(a->action, b->action);
    return order != 0 ? order : compare_texts(a->outcome, b->outcome);
}

// ---- Following -----------------------------------------------------------------------------

static int compare_tallies(const void *a, const void *b)
{
    return compare_keys(&((const struct tally *)a)->key, &((const struct tally *)b)->key);
}

static struct bytes cut(struct bytes text, size_t size_max)
{
    return bytes_of(text.data, text.size < size_max ? text.size : size_max);
}

static struct status take(void *context, struct store_txn *txn, const struct audit_event *events,
                          size_t count)
{
    struct audit_counts *counts = context;
    struct tally *tallies = counts->tallies;
    CHECK(count <= AUDIT_FOLLOWER_EVENTS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct audit_entry *entry = &events[i].entry;
        tallies[i] =
            (struct tally){.key = {.hour = entry->time_ns / HOUR_NS,
                                   .action = cut(entry->action, AUDIT_COUNT_ACTION_BYTES_MAX),
                                   .outcome = cut(entry->outcome, AUDIT_COUNT_OUTCOME_BYTES_MAX)},
                           .count = 1};
    }
    qsort(tallies, count, sizeof tallies[0], compare_tallies);
    for (size_t i = 0; i < count;) {
        size_t first = i;
        while (i < count && compare_keys(&tallies[first].key, &tallies[i].key) == 0)
            i++;
        RETURN_IF_ERROR(audit_store_add_count(txn, &tallies[first].key, i - first));
    }
    return STATUS_SUCCESS;
}

struct audit_counts *audit_counts_open(void)
{
    struct audit_counts *counts = calloc(1, sizeof *counts);
    CHECK(counts != NULL);
    return counts;
}

void audit_counts_close(struct audit_counts **counts)
{
    free(*counts);
    *counts = NULL;
}

struct audit_follower audit_counts_follower(struct audit_counts *counts)
{
    return (struct audit_follower){.name = AUDIT_COUNTS_FOLLOWER,
                                   .take = take,
                                   .metric_labels = "follower=\"counts\"",
                                   .context = counts};
}

// ---- Report --------------------------------------------------------------------------------

/// What one interval has had so far, sorted.
struct sums {
    struct tally *items;
    size_t count;
};

struct report {
    const struct audit_activity_query *query;
    struct arena *arena;
    struct audit_activity *activity;
    struct sums sums;
    uint64_t interval_hour; // Of the sums.
};

static uint64_t interval_of(const struct audit_activity_query *query, uint64_t hour)
{
    switch (query->interval) {
    case AUDIT_INTERVAL_HOUR:
        return hour;
    case AUDIT_INTERVAL_DAY:
        hour -= hour % HOURS_PER_DAY;
        return hour > query->from_hour ? hour : query->from_hour;
    case AUDIT_INTERVAL_ALL:
        break;
    }
    return query->from_hour;
}

// An interval is over: its sums are rows.
static void flush(struct report *report)
{
    struct audit_activity *activity = report->activity;
    for (size_t i = 0; i < report->sums.count; i++) {
        const struct tally *tally = &report->sums.items[i];
        if (activity->row_count == AUDIT_ACTIVITY_ROWS_MAX) {
            activity->is_truncated = true;
            break;
        }
        activity->rows[activity->row_count++] =
            (struct audit_activity_row){.hour = report->interval_hour,
                                        .action = tally->key.action,
                                        .outcome = tally->key.outcome,
                                        .count = tally->count};
    }
    report->sums.count = 0;
}

// Where the key is, or belongs.
static size_t place_of(const struct sums *sums, const struct audit_count_key *key)
{
    size_t low = 0, high = sums->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_keys(&sums->items[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool copy_text(struct arena *arena, struct bytes text, struct bytes *ret)
{
    void *copy = arena_copy(arena, text.data, text.size);
    *ret = bytes_of(copy, text.size);
    return copy != NULL;
}

static struct status add(struct report *report, struct audit_count_key key, uint64_t count)
{
    struct sums *sums = &report->sums;
    size_t place = place_of(sums, &key);
    bool is_there = place < sums->count && compare_keys(&sums->items[place].key, &key) == 0;
    if (is_there) {
        sums->items[place].count += count;
        return STATUS_SUCCESS;
    }
    if (sums->count == DISTINCT_MAX) {
        report->activity->is_truncated = true;
        return STATUS_SUCCESS;
    }
    struct tally tally = {.key = key, .count = count};
    if (!copy_text(report->arena, key.action, &tally.key.action) ||
        !copy_text(report->arena, key.outcome, &tally.key.outcome))
        return ARENA_STATUS_EXHAUSTED;
    memmove(&sums->items[place + 1], &sums->items[place],
            (sums->count - place) * sizeof sums->items[0]);
    sums->items[place] = tally;
    sums->count++;
    return STATUS_SUCCESS;
}

static struct status read_counts(struct report *report, struct audit_count_walk *walk)
{
    const struct audit_activity_query *query = report->query;
    for (;;) {
        struct audit_count_key key;
        uint64_t count;
        bool more;
        RETURN_IF_ERROR(audit_store_counts_next(walk, &key, &count, &more));
        if (!more) break;
        if (query->wants != NULL && !query->wants(query->context, key.action)) continue;
        uint64_t interval_hour = interval_of(query, key.hour);
        if (interval_hour != report->interval_hour) flush(report);
        report->interval_hour = interval_hour;
        report->activity->total += count;
        if (report->activity->is_truncated) continue; // Only the total is still of interest.
        key.hour = 0;
        RETURN_IF_ERROR(add(report, key, count));
    }
    flush(report);
    return STATUS_SUCCESS;
}

struct status audit_activity_report(struct store_txn *txn, const struct audit_activity_query *query,
                                    struct arena *arena, struct audit_activity *ret)
{
    *ret = (struct audit_activity){0};
    struct report report = {.query = query, .arena = arena, .activity = ret};
    ret->rows = arena_alloc(arena, AUDIT_ACTIVITY_ROWS_MAX * sizeof ret->rows[0]);
    report.sums.items = arena_alloc(arena, (DISTINCT_MAX + 1) * sizeof report.sums.items[0]);
    if (ret->rows == NULL || report.sums.items == NULL) return ARENA_STATUS_EXHAUSTED;
    CLEANUP(audit_store_counts_close) struct audit_count_walk walk;
    audit_store_counts_open(txn, query->from_hour, query->to_hour, &walk);
    return read_counts(&report, &walk);
}
