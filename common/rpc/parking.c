#include "common/rpc/parking.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { POOL_FULL_RETRY_MS = 2 };

/// Items in the order in which they came.
struct queue {
    struct parked *first, **last;
};

struct parking {
    struct parking_config config;
    atomic_uint_fast64_t turn;
    atomic_size_t parked_count; // In both queues.
    atomic_bool is_stopped;

    pthread_mutex_t lock;
    struct queue waiting;      // For a wake or their time.
    struct queue ready;        // For room in the pool.
    size_t resumed;            // With the pool.
    size_t peak;               // Most that were ever parked at once.
    uint64_t next_due_mono_ns; // The keeper looks then; UINT64_MAX: never.
    bool is_woken, is_closing;
    pthread_cond_t changed; // is_woken, next_due, is_closing: for the keeper.
    pthread_cond_t ended;   // is_stopped, is_closing: for the keeper's pause.
    pthread_t keeper;
    struct metric *parked_gauge;
};

// ---- Queues --------------------------------------------------------------------------------

static void put(struct queue *queue, struct parked *item)
{
    item->next = NULL;
    *queue->last = item;
    queue->last = &item->next;
}

static struct parked *take_first(struct queue *queue)
{
    struct parked *item = queue->first;
    if (item == NULL) return NULL;
    queue->first = item->next;
    if (queue->first == NULL) queue->last = &queue->first;
    return item;
}

static void put_first(struct queue *queue, struct parked *item)
{
    item->next = queue->first;
    queue->first = item;
    if (item->next == NULL) queue->last = &item->next;
}

// Moves those who are woken or whose time is over, and says when the next one's is.
static uint64_t move_ready(struct parking *parking, uint64_t now_ns)
{
    uint64_t turn = atomic_load(&parking->turn), next_due_ns = UINT64_MAX;
    bool is_stopped = atomic_load(&parking->is_stopped);
    struct queue old = parking->waiting;
    if (old.first == NULL) return UINT64_MAX;
    parking->waiting = (struct queue){.last = &parking->waiting.first};
    for (struct parked *item; (item = take_first(&old)) != NULL;) {
        bool is_ready = is_stopped || item->turn != turn || item->until_mono_ns <= now_ns;
        if (!is_ready && item->until_mono_ns < next_due_ns) next_due_ns = item->until_mono_ns;
        put(is_ready ? &parking->ready : &parking->waiting, item);
    }
    return next_due_ns;
}

static size_t count_parked(struct parking *parking, int change)
{
    metric_add(parking->parked_gauge, (uint64_t)(int64_t)change);
    return atomic_fetch_add(&parking->parked_count, (size_t)change) + (size_t)change;
}

// Gives the pool as many as it may have; false when it is full of other work.
static bool feed_pool(struct parking *parking)
{
    struct parked *item;
    while (parking->resumed < parking->config.resumed_max &&
           (item = take_first(&parking->ready)) != NULL) {
        count_parked(parking, -1);
        if (!status_ok(pool_submit(parking->config.pool, item->job))) {
            count_parked(parking, 1);
            put_first(&parking->ready, item);
            return false;
        }
        parking->resumed++;
    }
    return true;
}

// ---- The keeper ----------------------------------------------------------------------------

// The condition's clock is the real one, also where a test has set another.
static void wait_ns(struct parking *parking, pthread_cond_t *condition, uint64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ns / NS_PER_SECOND);
    until.tv_nsec += (long)(ns % NS_PER_SECOND);
    if (until.tv_nsec >= (long)NS_PER_SECOND) {
        until.tv_sec++;
        until.tv_nsec -= (long)NS_PER_SECOND;
    }
    pthread_cond_timedwait(condition, &parking->lock, &until);
}

static void wait_for_work(struct parking *parking)
{
    uint64_t now_ns = clock_mono_ns(), due_ns = parking->next_due_mono_ns;
    if (due_ns == UINT64_MAX) {
        pthread_cond_wait(&parking->changed, &parking->lock);
    } else if (due_ns > now_ns) {
        wait_ns(parking, &parking->changed, due_ns - now_ns);
    }
}

static bool is_idle(const struct parking *parking)
{
    return !parking->is_woken && !parking->is_closing &&
           parking->next_due_mono_ns > clock_mono_ns();
}

static void *keep(void *context)
{
    struct parking *parking = context;
    pthread_mutex_lock(&parking->lock);
    while (!parking->is_closing) {
        if (is_idle(parking)) {
            wait_for_work(parking);
            continue;
        }
        bool was_woken = parking->is_woken;
        parking->is_woken = false;
        uint64_t now_ns = clock_mono_ns();
        parking->next_due_mono_ns = move_ready(parking, now_ns);
        if (!feed_pool(parking))
            parking->next_due_mono_ns = now_ns + POOL_FULL_RETRY_MS * NS_PER_MS;
        // A busy writer wakes for each of its groups; those who wait are looked after in turns.
        if (was_woken && !atomic_load(&parking->is_stopped) && !parking->is_closing) {
            wait_ns(parking, &parking->ended, PARKING_GATHER_MS * NS_PER_MS);
        }
    }
    pthread_mutex_unlock(&parking->lock);
    return NULL;
}

// ---- Life ----------------------------------------------------------------------------------

static void open_conditions(struct parking *parking)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&parking->changed, &monotonic);
    pthread_cond_init(&parking->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct parking *parking_open(const struct parking_config *config)
{
    struct parking *parking = calloc(1, sizeof *parking);
    CHECK(parking != NULL);
    parking->config = *config;
    parking->waiting.last = &parking->waiting.first;
    parking->ready.last = &parking->ready.first;
    parking->next_due_mono_ns = UINT64_MAX;
    parking->parked_gauge =
        metric_gauge("florin_rpc_parked", "Calls that wait without holding a thread", NULL);
    pthread_mutex_init(&parking->lock, NULL);
    open_conditions(parking);
    thread_start(&parking->keeper, "rpc-parked", THREAD_STACK_BYTES, keep, parking);
    return parking;
}

void parking_close(struct parking **parking)
{
    struct parking *closed = *parking;
    if (closed == NULL) return;
    pthread_mutex_lock(&closed->lock);
    CHECK(closed->waiting.first == NULL && closed->ready.first == NULL);
    closed->is_closing = true;
    pthread_cond_signal(&closed->changed);
    pthread_cond_signal(&closed->ended);
    pthread_mutex_unlock(&closed->lock);
    pthread_join(closed->keeper, NULL);
    pthread_cond_destroy(&closed->ended);
    pthread_cond_destroy(&closed->changed);
    pthread_mutex_destroy(&closed->lock);
    free(closed);
    *parking = NULL;
}

// ---- Parking and waking --------------------------------------------------------------------

uint64_t parking_turn(const struct parking *parking)
{
    return atomic_load(&parking->turn);
}

bool parking_has_room(const struct parking *parking)
{
    return !atomic_load(&parking->is_stopped) &&
           atomic_load(&parking->parked_count) < parking->config.parked_max;
}

// Whoever has a place is counted, so that a wake sees him before he stands there.
static bool take_place(struct parking *parking, size_t *ret_grown_to)
{
    pthread_mutex_lock(&parking->lock);
    bool has_room = parking_has_room(parking);
    *ret_grown_to = 0;
    if (has_room) {
        size_t count = count_parked(parking, 1);
        if (count > parking->peak) parking->peak = *ret_grown_to = count;
    }
    pthread_mutex_unlock(&parking->lock);
    return has_room;
}

// parking_wake raises the turn before it reads the count, and here the turn is read after the count
// was raised: one of the two sees the other.
static bool stand(struct parking *parking, struct parked *item)
{
    pthread_mutex_lock(&parking->lock);
    bool is_stopped = atomic_load(&parking->is_stopped);
    if (is_stopped) {
        count_parked(parking, -1);
    } else {
        put(&parking->waiting, item);
        bool is_woken = item->turn != atomic_load(&parking->turn);
        bool is_first_due = item->until_mono_ns < parking->next_due_mono_ns;
        if (is_woken) parking->is_woken = true;
        if (is_first_due) parking->next_due_mono_ns = item->until_mono_ns;
        if (is_woken || is_first_due) pthread_cond_signal(&parking->changed);
    }
    pthread_mutex_unlock(&parking->lock);
    return !is_stopped;
}

bool parking_park(struct parking *parking, struct parked *item)
{
    size_t grown_to;
    if (!take_place(parking, &grown_to)) return false;
    // Before the item stands there: from then on its job may end, and with it the server.
    if (grown_to > 0 && parking->config.grown != NULL) {
        parking->config.grown(parking->config.context, grown_to);
    }
    return stand(parking, item);
}

void parking_left(struct parking *parking)
{
    pthread_mutex_lock(&parking->lock);
    CHECK(parking->resumed > 0);
    parking->resumed--;
    if (!feed_pool(parking)) {
        parking->is_woken = true; // The keeper tries again.
        pthread_cond_signal(&parking->changed);
    }
    pthread_mutex_unlock(&parking->lock);
}

void parking_wake(struct parking *parking)
{
    atomic_fetch_add(&parking->turn, 1);
    if (atomic_load(&parking->parked_count) == 0) return;
    pthread_mutex_lock(&parking->lock);
    if (!parking->is_woken) {
        parking->is_woken = true;
        pthread_cond_signal(&parking->changed);
    }
    pthread_mutex_unlock(&parking->lock);
}

void parking_stop(struct parking *parking)
{
    pthread_mutex_lock(&parking->lock);
    atomic_store(&parking->is_stopped, true);
    parking->is_woken = true;
    pthread_cond_signal(&parking->changed);
    pthread_cond_signal(&parking->ended);
    pthread_mutex_unlock(&parking->lock);
}
