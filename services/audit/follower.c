#include "services/audit/follower.h"

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "services/audit/parts.h"
#include "services/audit/retention.h"
#include "services/audit/store_follower.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOKED_AT_MAX = 4096, // Entries of one stretch, and how far a cursor goes unwritten.
    STRETCH_BYTES_MAX = 8 * 1024 * 1024,
    ARENA_BYTES_MAX = STRETCH_BYTES_MAX + 1024 * 1024, // The last event may go beyond.
    DETAIL_BYTES = 128,
};

#define UNWRITTEN_NS (1000 * NS_PER_MS)
#define BETWEEN_JOBS_NS (20 * NS_PER_MS)
#define RETRY_NS (1000 * NS_PER_MS)
#define TEND_EVERY_NS (60 * NS_PER_SECOND)
#define NEVER UINT64_MAX

struct seat {
    struct audit_follower follower;
    uint64_t cursor;      // Entries below it are dealt with, or of no interest.
    uint64_t written;     // What the store has.
    uint64_t due_mono_ns; // When the cursor is to be written at the latest.
    struct metric *lag;
    struct audit_event *events; // Of the stretch.
    size_t event_count;
    bool is_reading; // Takes part in the stretch.

    char detail[DETAIL_BYTES]; // For health; written before is_stopped is set.
    atomic_bool is_stopped;
};

struct audit_followers {
    struct store *store;
    struct audit_tail *tail;
    struct arena *arena; // Of the stretch.
    struct seat seats[AUDIT_FOLLOWERS_MAX];
    size_t seat_count;
    uint64_t begin, end;  // Of the stretch.
    uint64_t job_mono_ns; // When the last job was done.
    uint64_t tend_mono_ns;
    struct seat *refused; // Whose take refused in the job's last run.
    bool is_waiting;      // For the store: it was logged.
    pthread_t thread;
    bool runs;
};

// ---- Seats ---------------------------------------------------------------------------------

static bool is_running(const struct seat *seat)
{
    return !atomic_load(&seat->is_stopped);
}

static void stop_seat(struct seat *seat, struct status status)
{
    snprintf(seat->detail, sizeof seat->detail, "%s stopped before entry %llu: %s",
             seat->follower.name, (unsigned long long)seat->cursor, status.reason);
    log_status(LOG_LEVEL_ERROR, seat->detail, status);
    atomic_store(&seat->is_stopped, true);
}

static void move_seat(struct seat *seat, uint64_t cursor)
{
    if (seat->written == seat->cursor) seat->due_mono_ns = clock_mono_ns() + UNWRITTEN_NS;
    seat->cursor = cursor;
}

// Also of those that have stopped: whoever watches the lag sees it grow.
static void tell_lags(const struct audit_followers *followers, uint64_t size)
{
    for (size_t i = 0; i < followers->seat_count; i++) {
        const struct seat *seat = &followers->seats[i];
        if (seat->lag == NULL) continue;
        metric_set(seat->lag, size > seat->cursor ? (int64_t)(size - seat->cursor) : 0);
    }
}

static bool is_due(const struct seat *seat, uint64_t now_mono_ns)
{
    if (seat->written == seat->cursor) return false;
    return seat->cursor - seat->written >= LOOKED_AT_MAX || now_mono_ns >= seat->due_mono_ns;
}

// The lowest cursor: where the next stretch begins. NEVER when all have stopped.
static uint64_t lowest_cursor(const struct audit_followers *followers)
{
    uint64_t lowest = NEVER;
    for (size_t i = 0; i < followers->seat_count; i++) {
        const struct seat *seat = &followers->seats[i];
        if (is_running(seat) && seat->cursor < lowest) lowest = seat->cursor;
    }
    return lowest;
}

// ---- Reading a stretch ---------------------------------------------------------------------

static struct status copy_event(struct arena *arena, const struct audit_event *from,
                                struct audit_event *ret)
{
    size_t side_size = audit_side_size(&from->side);
    uint8_t *bytes = arena_copy(arena, from->bytes.data, from->bytes.size);
    uint8_t *side = arena_alloc(arena, side_size);
    if (bytes == NULL || side == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret = (struct audit_event){.index = from->index, .leaf = from->leaf};
    ret->bytes = bytes_of(bytes, from->bytes.size);
    RETURN_IF_ERROR(audit_entry_decode(ret->bytes, &ret->entry));
    return audit_side_decode(bytes_of(side, audit_side_encode(&from->side, side)), &ret->side);
}

// Gives the event to each who reads and wants it.
static struct status hand_out(struct audit_followers *followers, struct store_txn *txn,
                              uint64_t index, bool *ret_full)
{
    struct bytes bytes;
    struct audit_entry entry;
    struct audit_event stored, copy;
    bool is_copied = false;
    RETURN_IF_ERROR(audit_store_get_entry(txn, index, &bytes));
    RETURN_IF_ERROR(audit_entry_decode(bytes, &entry));
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        const struct audit_follower *follower = &seat->follower;
        if (!seat->is_reading) continue;
        if (follower->wants != NULL && !follower->wants(follower->context, &entry)) continue;
        if (!is_copied) {
            RETURN_IF_ERROR(audit_service_get(txn, index, &stored));
            RETURN_IF_ERROR(copy_event(followers->arena, &stored, &copy));
            is_copied = true;
        }
        seat->events[seat->event_count++] = copy;
        if (seat->event_count == AUDIT_FOLLOWER_EVENTS_MAX) *ret_full = true;
    }
    if (arena_used(followers->arena) >= STRETCH_BYTES_MAX) *ret_full = true;
    return STATUS_SUCCESS;
}

// Who has fallen behind what is kept goes on with the first entry there is.
static struct status skip_pruned(struct audit_followers *followers, struct store_txn *txn)
{
    uint64_t first;
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        if (is_running(seat) && seat->cursor < first) move_seat(seat, first);
    }
    return STATUS_SUCCESS;
}

// The stretch ends where others stand, so that they join in.
static void choose_stretch(struct audit_followers *followers)
{
    followers->begin = lowest_cursor(followers);
    followers->end = audit_tail_size(followers->tail);
    if (followers->end - followers->begin > LOOKED_AT_MAX)
        followers->end = followers->begin + LOOKED_AT_MAX;
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        seat->is_reading = is_running(seat) && seat->cursor == followers->begin;
        seat->event_count = 0;
        if (is_running(seat) && !seat->is_reading && seat->cursor < followers->end)
            followers->end = seat->cursor;
    }
}

static struct status read_stretch(struct audit_followers *followers)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    for (size_t i = 0; i < followers->seat_count; i++)
        followers->seats[i].is_reading = false;
    RETURN_IF_ERROR(store_snapshot_begin(followers->store, &txn));
    RETURN_IF_ERROR(skip_pruned(followers, txn));
    arena_reset(followers->arena);
    choose_stretch(followers);
    bool is_full = false;
    for (uint64_t index = followers->begin; index < followers->end; index++) {
        struct status status = hand_out(followers, txn, index, &is_full);
        if (!status_ok(status) && index == followers->begin) return status;
        if (!status_ok(status)) followers->end = index; // What is before it goes on its way.
        if (is_full) followers->end = index + 1;
    }
    return STATUS_SUCCESS;
}

// ---- Taking it -----------------------------------------------------------------------------

// What the followers make of the stretch, and how far they have come then: one commit. Cursors that
// moved before go with it.
static struct status run_takes(struct store_txn *txn, void *context)
{
    struct audit_followers *followers = context;
    followers->refused = NULL;
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        const struct audit_follower *follower = &seat->follower;
        if (!is_running(seat)) continue;
        if (seat->is_reading && seat->event_count > 0) {
            struct status status =
                follower->take(follower->context, txn, seat->events, seat->event_count);
            // A store that cannot write is not the follower's refusal.
            if (!status_ok(status) && status_ok(store_txn_status(txn))) followers->refused = seat;
            RETURN_IF_ERROR(status);
        }
        uint64_t cursor = seat->is_reading ? followers->end : seat->cursor;
        if (cursor != seat->written) audit_store_put_cursor(txn, follower->name, cursor);
    }
    return STATUS_SUCCESS;
}

static void move_seats(struct audit_followers *followers)
{
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        if (is_running(seat) && seat->is_reading) move_seat(seat, followers->end);
    }
}

static void settle_seats(struct audit_followers *followers)
{
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        if (is_running(seat)) seat->written = seat->cursor;
    }
}

// The store has no room, or closes: the same again, later.
static void wait_for_store(struct audit_followers *followers, struct status status)
{
    if (!followers->is_waiting)
        log_status(LOG_LEVEL_WARN, "what follows the log waits for the store", status);
    followers->is_waiting = true;
    (void)audit_tail_wait(followers->tail, NEVER, clock_mono_ns() + RETRY_NS);
}

static void write_stretch(struct audit_followers *followers)
{
    followers->refused = NULL; // Of the run before, should the store not come to this one.
    struct status status = store_write_wait(followers->store, run_takes, followers);
    followers->job_mono_ns = clock_mono_ns();
    if (!status_ok(status) && followers->refused != NULL) {
        stop_seat(followers->refused, status);
        return; // The others read it once more.
    }
    if (!status_ok(status)) {
        wait_for_store(followers, status);
        return;
    }
    followers->is_waiting = false;
    move_seats(followers);
    settle_seats(followers);
}

// A damaged entry: nobody who reads here can pass it.
static void stop_readers(struct audit_followers *followers, struct status status)
{
    bool is_any_reading = false;
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        if (!seat->is_reading) continue;
        is_any_reading = true;
        stop_seat(seat, status);
    }
    if (!is_any_reading) wait_for_store(followers, status); // It did not come to reading.
}

static void follow_stretch(struct audit_followers *followers)
{
    struct status status = read_stretch(followers);
    if (!status_ok(status)) {
        stop_readers(followers, status);
        return;
    }
    bool is_wanted = false;
    for (size_t i = 0; i < followers->seat_count; i++)
        is_wanted |= followers->seats[i].is_reading && followers->seats[i].event_count > 0;
    if (is_wanted)
        write_stretch(followers);
    else
        move_seats(followers);
}

// ---- The thread ----------------------------------------------------------------------------

static void write_due_cursors(struct audit_followers *followers)
{
    uint64_t now_mono_ns = clock_mono_ns();
    bool is_any_due = false;
    for (size_t i = 0; i < followers->seat_count; i++) {
        followers->seats[i].is_reading = false; // Nothing but cursors.
        is_any_due |= is_running(&followers->seats[i]) && is_due(&followers->seats[i], now_mono_ns);
    }
    if (is_any_due) write_stretch(followers);
}

static void tend(struct audit_followers *followers)
{
    uint64_t now_mono_ns = clock_mono_ns();
    if (now_mono_ns < followers->tend_mono_ns) return;
    for (size_t i = 0; i < followers->seat_count; i++) {
        const struct audit_follower *follower = &followers->seats[i].follower;
        if (follower->tend != NULL && is_running(&followers->seats[i]))
            follower->tend(follower->context);
    }
    followers->tend_mono_ns = now_mono_ns + TEND_EVERY_NS;
}

static uint64_t next_errand_ns(const struct audit_followers *followers)
{
    uint64_t next_ns = followers->tend_mono_ns;
    for (size_t i = 0; i < followers->seat_count; i++) {
        const struct seat *seat = &followers->seats[i];
        bool is_unwritten = is_running(seat) && seat->written != seat->cursor;
        if (is_unwritten && seat->due_mono_ns < next_ns) next_ns = seat->due_mono_ns;
    }
    return next_ns;
}

static void *follow(void *context)
{
    struct audit_followers *followers = context;
    struct audit_tail *tail = followers->tail;
    while (!audit_tail_is_stopped(tail)) {
        tend(followers);
        write_due_cursors(followers);
        uint64_t position = lowest_cursor(followers), size = audit_tail_size(tail);
        tell_lags(followers, size);
        if (position >= size) {
            (void)audit_tail_wait(tail, size, next_errand_ns(followers));
            continue;
        }
        // A busy log wakes us with each commit: what comes within a moment is taken together.
        uint64_t next_job_ns = followers->job_mono_ns + BETWEEN_JOBS_NS;
        (void)audit_tail_wait(tail, position + AUDIT_FOLLOWER_EVENTS_MAX - 1, next_job_ns);
        if (!audit_tail_is_stopped(tail)) follow_stretch(followers);
    }
    return NULL;
}

// ---- Life ----------------------------------------------------------------------------------

struct audit_followers *audit_followers_open(struct store *store, struct audit_tail *tail)
{
    struct audit_followers *followers = calloc(1, sizeof *followers);
    CHECK(followers != NULL);
    followers->store = store;
    followers->tail = tail;
    followers->arena = arena_open(ARENA_BYTES_MAX);
    return followers;
}

void audit_followers_add(struct audit_followers *followers, const struct audit_follower *follower)
{
    CHECK(!followers->runs);
    CHECK(followers->seat_count < AUDIT_FOLLOWERS_MAX);
    struct seat *seat = &followers->seats[followers->seat_count++];
    seat->follower = *follower;
    seat->events = calloc(AUDIT_FOLLOWER_EVENTS_MAX, sizeof *seat->events);
    CHECK(seat->events != NULL);
    if (follower->metric_labels != NULL) {
        seat->lag =
            metric_gauge("florin_audit_follower_lag", "Entries of the log that it has yet to see.",
                         follower->metric_labels);
    }
}

static struct status read_cursors(struct audit_followers *followers)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(followers->store, &txn));
    for (size_t i = 0; i < followers->seat_count; i++) {
        struct seat *seat = &followers->seats[i];
        RETURN_IF_ERROR(audit_store_get_cursor(txn, seat->follower.name, &seat->cursor));
        seat->written = seat->cursor;
        if (seat->cursor > audit_tail_size(followers->tail)) {
            return REFUSE(DATA_LOSS, CURSOR_BEYOND_LOG,
                          "a follower of the log has seen more entries than there are");
        }
    }
    return STATUS_SUCCESS;
}

struct status audit_followers_start(struct audit_followers *followers)
{
    CHECK(!followers->runs);
    RETURN_IF_ERROR(read_cursors(followers));
    thread_start(&followers->thread, "followers", THREAD_STACK_BYTES_LARGE, follow, followers);
    followers->runs = true;
    return STATUS_SUCCESS;
}

void audit_followers_stop(struct audit_followers *followers)
{
    if (!followers->runs) return;
    pthread_join(followers->thread, NULL);
    followers->runs = false;
}

void audit_followers_close(struct audit_followers **followers)
{
    struct audit_followers *old = *followers;
    if (old == NULL) return;
    CHECK(!old->runs);
    for (size_t i = 0; i < old->seat_count; i++)
        free(old->seats[i].events);
    arena_close(&old->arena);
    free(old);
    *followers = NULL;
}

struct status audit_follower_cursor(struct store_txn *txn, const char *name, uint64_t *ret)
{
    return audit_store_get_cursor(txn, name, ret);
}

bool audit_followers_serving(void *context, const char **ret_detail)
{
    struct audit_followers *followers = context;
    for (size_t i = 0; i < followers->seat_count; i++) {
        if (is_running(&followers->seats[i])) continue;
        *ret_detail = followers->seats[i].detail;
        return false;
    }
    return true;
}

// ---- The part ------------------------------------------------------------------------------

// Nobody's entries are pruned before he has seen them.
static struct status floor_of(void *context, struct store_txn *txn, uint64_t *ret)
{
    const struct audit_followers *followers = context;
    *ret = UINT64_MAX;
    for (size_t i = 0; i < followers->seat_count; i++) {
        uint64_t cursor;
        RETURN_IF_ERROR(audit_store_get_cursor(txn, followers->seats[i].follower.name, &cursor));
        if (cursor < *ret) *ret = cursor;
    }
    return STATUS_SUCCESS;
}

static struct status open_part(struct audit_context *context, struct daemon *daemon)
{
    (void)daemon; // The followers are there: main opened them before the parts.
    audit_retention_add_floor(context->retention, floor_of, context->followers);
    return STATUS_SUCCESS;
}

static struct status start(struct audit_context *context, struct daemon *daemon)
{
    daemon_health_add(daemon, "followers", audit_followers_serving, context->followers);
    return audit_followers_start(context->followers);
}

static void stop(struct audit_context *context)
{
    if (context->followers != NULL) audit_followers_stop(context->followers);
}

static void close_all(struct audit_context *context)
{
    audit_followers_close(&context->followers);
}

const struct audit_part audit_follower_part = {
    .open = open_part, .start = start, .stop = stop, .close = close_all};
