#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/thread.h"
#include "common/rpc/channel_internal.h"
#include "common/rpc/limits.h"
#include "common/rpc/meter.h"
#include "common/rpc/pack.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
    CONTEXTS_PER_LANE = 4,
    CONTEXTS_ALONE = 128, // More than a daemon's pool takes: it says OVERLOADED, we do not wait.
    WAITING_MAX = 16384,
    ABSENT_MS_MAX = 1000,     // How long calls wait for a target that is away.
    ABANDONED_MS = 30 * 1000, // After that a silent connection is taken for dead.
    SCAN_EVERY_MS = 2,        // Deadlines are kept to that.
};

// ---- Queues --------------------------------------------------------------------------------

void queue_push(struct call_queue *queue, struct rpc_client_call *call)
{
    call->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = call;
    } else {
        queue->first = call;
    }
    queue->last = call;
    queue->count++;
}

struct rpc_client_call *queue_pop(struct call_queue *queue)
{
    struct rpc_client_call *call = queue->first;
    if (call == NULL) return NULL;
    queue->first = call->next;
    if (queue->first == NULL) queue->last = NULL;
    queue->count--;
    call->next = NULL;
    return call;
}

// Moves what the test picks to another queue, in order.
static void queue_move(struct call_queue *from, struct call_queue *to,
                       bool (*picks)(const struct rpc_client_call *call, uint64_t now_ns),
                       uint64_t now_ns)
{
    struct call_queue rest = {0};
    struct rpc_client_call *call;
    while ((call = queue_pop(from)) != NULL) {
        queue_push(picks(call, now_ns) ? to : &rest, call);
    }
    *from = rest;
}

static bool is_expired(const struct rpc_client_call *call, uint64_t now_ns)
{
    return call->deadline_mono_ns <= now_ns;
}

static bool is_due(const struct rpc_client_call *call, uint64_t now_ns)
{
    return call->not_before_mono_ns <= now_ns;
}

static bool is_any(const struct rpc_client_call *call, uint64_t now_ns)
{
    (void)call;
    (void)now_ns;
    return true;
}

static struct channel_lane *lane_of(struct rpc_channel *channel, const struct rpc_method *method)
{
    bool alone = !method->is_coalesced || method->access == RPC_ACCESS_POOL;
    return &channel->lanes[alone                               ? LANE_ALONE
                           : method->access == RPC_ACCESS_READ ? LANE_READ
                                                               : LANE_WRITE];
}

struct channel_slot *channel_take(struct rpc_channel *channel, struct channel_lane *lane)
{
    struct channel_slot *slot = lane->idle;
    if (slot == NULL || lane->waiting.first == NULL) return NULL;
    if (!channel->is_up || channel->is_closing) return NULL;
    lane->idle = slot->next;
    size_t bytes = 0;
    do {
        struct rpc_client_call *call = queue_pop(&lane->waiting);
        channel->waiting_count--;
        call->attempt++;
        slot->calls[slot->count++] = call;
        bytes += call->wire_bytes;
    } while (lane->waiting.first != NULL && slot->count < lane->calls_max &&
             bytes + lane->waiting.first->wire_bytes <= RPC_BATCH_BYTES_MAX);
    slot->open_count = slot->count;
    slot->is_busy = true;
    atomic_store_explicit(&slot->is_encoding, true, memory_order_relaxed);
    return slot;
}

// ---- Endings -------------------------------------------------------------------------------

void channel_set_outcome(struct rpc_client_call *call, enum rpc_outcome outcome)
{
    call->outcome = outcome;
    call->reply = (struct bytes){0};
    call->status = outcome == RPC_OUTCOME_UNKNOWN
                       ? REFUSE(DEADLINE_EXCEEDED, OUTCOME_UNKNOWN,
                                "no answer came: the call may have happened or not")
                       : REFUSE(UNAVAILABLE, NOT_SENT, "the target could not be reached");
}

// What one attempt knows is not all that is known: an earlier one may have got through.
static void hand_out(struct rpc_channel *channel, struct rpc_client_call *call)
{
    if (call->may_have_happened && call->outcome != RPC_OUTCOME_ANSWERED) {
        channel_set_outcome(call, RPC_OUTCOME_UNKNOWN);
    }
    metric_add(channel->outcomes[call->outcome], 1);
    call->done(call); // May free the call.
}

static void wake_timer_at(struct rpc_channel *channel, uint64_t due_ns)
{
    if (due_ns >= channel->next_due_ns) return;
    channel->next_due_ns = due_ns;
    pthread_cond_signal(&channel->wake);
}

static void report(struct rpc_channel *channel, uint64_t now_ns, bool success)
{
    retry_budget_report(&channel->budget, success);
    breaker_report(&channel->breaker, now_ns, success);
}

static bool may_repeat(const struct rpc_client_call *call)
{
    const char *key = call->metadata.idempotency_key;
    return call->method->access == RPC_ACCESS_READ ||
           (call->method->is_keyed && key != NULL && key[0] != '\0');
}

// A target that says it is busy is there, and other calls may well get through: a storm of logins
// must not cut everybody off from auth. So is one whose handler answered, whatever it said: asking
// the ledger about a time that is not settled yet must not cut everybody off from the ledger.
static bool is_there(const struct rpc_client_call *call)
{
    if (call->outcome == RPC_OUTCOME_ANSWERED) return true;
    return call->outcome == RPC_OUTCOME_REFUSED && strcmp(call->status.reason, "OVERLOADED") == 0;
}

// Puts the call aside for another attempt when that is allowed, useful and in time.
static bool try_again(struct rpc_channel *channel, struct rpc_client_call *call, uint64_t now_ns)
{
    bool failed = call->outcome != RPC_OUTCOME_ANSWERED || call->status.code == STATUS_UNAVAILABLE;
    retry_budget_report(&channel->budget, !failed);
    breaker_report(&channel->breaker, now_ns, is_there(call));
    if (!failed || channel->is_closing || !may_repeat(call)) return false;
    if (call->attempt >= RETRY_ATTEMPTS_MAX || !retry_budget_allows(&channel->budget)) return false;

    channel->random = channel->random * 1664525 + 1013904223; // Jitter needs no more than that.
    uint64_t wait_ns = retry_backoff_ns(call->attempt, channel->random >> 8);
    if (wait_ns < call->retry_after_ms * NS_PER_MS) wait_ns = call->retry_after_ms * NS_PER_MS;
    if (now_ns + wait_ns >= call->deadline_mono_ns) return false;

    call->may_have_happened |= call->outcome == RPC_OUTCOME_UNKNOWN;
    call->not_before_mono_ns = now_ns + wait_ns;
    queue_push(&channel->delayed, call);
    wake_timer_at(channel, call->not_before_mono_ns);
    metric_add(channel->retries, 1);
    return true;
}

void channel_settle(struct rpc_channel *channel, struct call_queue *calls)
{
    struct call_queue ended = {0};
    struct rpc_client_call *call;
    uint64_t now_ns = clock_mono_ns();
    pthread_mutex_lock(&channel->lock);
    while ((call = queue_pop(calls)) != NULL) {
        if (!try_again(channel, call, now_ns)) queue_push(&ended, call);
    }
    pthread_mutex_unlock(&channel->lock);
    while ((call = queue_pop(&ended)) != NULL) {
        hand_out(channel, call);
    }
}

// ---- Calling -------------------------------------------------------------------------------

static uint64_t absent_at_ns(const struct rpc_channel *channel)
{
    return channel->down_since_ns + ABSENT_MS_MAX * NS_PER_MS;
}

static bool is_absent(const struct rpc_channel *channel, uint64_t now_ns)
{
    return !channel->is_up && now_ns >= absent_at_ns(channel);
}

static struct status check_way(struct rpc_channel *channel, const struct rpc_client_call *call)
{
    if (call->wire_bytes > RPC_MESSAGE_BYTES_MAX) {
        return REFUSE(RESOURCE_EXHAUSTED, REQUEST_TOO_LARGE, "the request does not fit a message");
    }
    if (channel->waiting_count >= channel->waiting_max) {
        return REFUSE(RESOURCE_EXHAUSTED, OVERLOADED, "too many calls wait for this target");
    }
    if (channel->is_closing) return REFUSE(UNAVAILABLE, NOT_SENT, "the channel is closing");
    if (channel->is_up && channel->breaker.state == BREAKER_CLOSED) return STATUS_SUCCESS;
    uint64_t now_ns = clock_mono_ns();
    if (is_absent(channel, now_ns)) {
        return REFUSE(UNAVAILABLE, NOT_SENT, "there is no connection to the target");
    }
    if (!breaker_admit(&channel->breaker, now_ns)) {
        return REFUSE(UNAVAILABLE, NOT_SENT, "the target failed too often; calls pause a moment");
    }
    return STATUS_SUCCESS;
}

static void reset_call(struct rpc_channel *channel, struct rpc_client_call *call)
{
    call->outcome = RPC_OUTCOME_NOT_SENT;
    call->status = STATUS_SUCCESS;
    call->reply = (struct bytes){0};
    call->replayed = call->not_created = call->may_have_happened = false;
    call->retry_after_ms = call->attempt = 0;
    call->violations.count = call->detail_count = 0;
    call->not_before_mono_ns = 0;
    call->call_id = atomic_fetch_add_explicit(&channel->next_call_id, 1, memory_order_relaxed);
    call->wire_bytes = channel_wire_bytes(call);
}

void rpc_channel_call(struct rpc_channel *channel, struct rpc_client_call *call)
{
    CHECK(call->deadline_mono_ns != 0 && call->done != NULL);
    reset_call(channel, call);
    struct channel_slot *slot = NULL;
    pthread_mutex_lock(&channel->lock);
    call->status = check_way(channel, call);
    if (status_ok(call->status)) {
        struct channel_lane *lane = lane_of(channel, call->method);
        queue_push(&lane->waiting, call);
        channel->waiting_count++;
        wake_timer_at(channel, call->deadline_mono_ns);
        if (!channel->is_up) wake_timer_at(channel, absent_at_ns(channel));
        slot = channel_take(channel, lane);
    } else { // done() never runs inside this function: its caller may hold locks of its own.
        queue_push(&channel->ended, call);
        channel->is_woken = true;
        pthread_cond_signal(&channel->wake);
    }
    pthread_mutex_unlock(&channel->lock);
    if (slot != NULL) channel_transmit(slot);
}

// ---- The timer -----------------------------------------------------------------------------

// Everything that a moment asks for, gathered with the lock held and done without it.
struct due {
    struct call_queue ended;
    struct channel_slot *sends;
    bool connection_is_dead;
    bool has_unwanted; // Some slot is.
    int pipe_id;
};

static void note_due(struct rpc_channel *channel, uint64_t due_ns)
{
    if (due_ns < channel->next_due_ns) channel->next_due_ns = due_ns;
}

static void abandon(struct channel_slot *slot, uint64_t now_ns, struct due *due)
{
    slot->abandoned_mono_ns = now_ns;
    atomic_store(&slot->is_unwanted, true);
    due->has_unwanted = true;
}

// Looks at the calls of one message: those out of time end, with an outcome that nobody knows.
static void scan_slot(struct rpc_channel *channel, struct channel_slot *slot, uint64_t now_ns,
                      struct due *due)
{
    if (!slot->is_busy) return;
    if (atomic_load_explicit(&slot->is_encoding, memory_order_acquire)) {
        note_due(channel, now_ns); // Its owner reads the calls just now: look again.
        return;
    }
    for (size_t i = 0; i < slot->count; i++) {
        struct rpc_client_call *call = slot->calls[i];
        if (call == NULL) continue;
        if (!is_expired(call, now_ns)) {
            note_due(channel, call->deadline_mono_ns);
            continue;
        }
        slot->calls[i] = NULL;
        if (--slot->open_count == 0) abandon(slot, now_ns, due);
        channel_set_outcome(call, RPC_OUTCOME_UNKNOWN);
        report(channel, now_ns, false);
        queue_push(&due->ended, call);
    }
    if (slot->open_count > 0) return;
    uint64_t dead_ns = slot->abandoned_mono_ns + ABANDONED_MS * NS_PER_MS;
    if (now_ns < dead_ns) {
        note_due(channel, dead_ns);
    } else if (channel->is_up) {
        due->connection_is_dead = true;
        slot->abandoned_mono_ns = now_ns;
    }
}

// Waiting calls end when their time is over, and all of them when the target stays away.
static void scan_waiting(struct rpc_channel *channel, struct call_queue *waiting, uint64_t now_ns,
                         struct due *due)
{
    struct call_queue gone = {0};
    size_t before = waiting->count;
    queue_move(waiting, &gone, is_absent(channel, now_ns) ? is_any : is_expired, now_ns);
    channel->waiting_count -= before - waiting->count;
    for (struct rpc_client_call *call; (call = queue_pop(&gone)) != NULL;) {
        channel_set_outcome(call, RPC_OUTCOME_NOT_SENT);
        // A call that waited too long behind others says nothing against a target that is there.
        if (!channel->is_up) report(channel, now_ns, false);
        queue_push(&due->ended, call);
    }
    for (struct rpc_client_call *call = waiting->first; call != NULL; call = call->next) {
        note_due(channel, call->deadline_mono_ns);
    }
    if (!channel->is_up && waiting->first != NULL) note_due(channel, absent_at_ns(channel));
}

static void scan_delayed(struct rpc_channel *channel, uint64_t now_ns)
{
    struct call_queue ready = {0};
    queue_move(&channel->delayed, &ready, is_due, now_ns);
    for (struct rpc_client_call *call; (call = queue_pop(&ready)) != NULL;) {
        queue_push(&lane_of(channel, call->method)->waiting, call);
        channel->waiting_count++;
    }
    for (struct rpc_client_call *call = channel->delayed.first; call != NULL; call = call->next) {
        note_due(channel, call->not_before_mono_ns);
    }
}

static void scan(struct rpc_channel *channel, uint64_t now_ns, struct due *due)
{
    channel->next_due_ns = UINT64_MAX;
    scan_delayed(channel, now_ns);
    for (size_t kind = 0; kind < LANE_COUNT; kind++) {
        struct channel_lane *lane = &channel->lanes[kind];
        for (size_t i = 0; i < lane->slot_count; i++) {
            scan_slot(channel, &lane->slots[i], now_ns, due);
        }
        scan_waiting(channel, &lane->waiting, now_ns, due);
    }
    // However many deadlines there are, looking at them all is not done more often than this.
    uint64_t soonest_ns = now_ns + SCAN_EVERY_MS * NS_PER_MS;
    if (channel->next_due_ns < soonest_ns) channel->next_due_ns = soonest_ns;
}

static void gather(struct rpc_channel *channel, uint64_t now_ns, struct due *ret)
{
    *ret = (struct due){.ended = channel->ended, .pipe_id = channel->pipe_id};
    channel->ended = (struct call_queue){0};
    scan(channel, now_ns, ret);
    for (size_t kind = 0; kind < LANE_COUNT; kind++) {
        struct channel_slot *slot;
        while ((slot = channel_take(channel, &channel->lanes[kind])) != NULL) {
            slot->next = ret->sends;
            ret->sends = slot;
        }
    }
}

static void wait_until(struct rpc_channel *channel, uint64_t due_ns)
{
    if (due_ns == UINT64_MAX) {
        pthread_cond_wait(&channel->wake, &channel->lock);
        return;
    }
    struct timespec until = {.tv_sec = (time_t)(due_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(due_ns % NS_PER_SECOND)};
    pthread_cond_timedwait(&channel->wake, &channel->lock, &until);
}

// Nothing happens to a message that has left. One that took the slot meanwhile may be met instead:
// it was not sent then, and its calls are told so.
static void cancel_unwanted(struct rpc_channel *channel)
{
    for (size_t kind = 0; kind < LANE_COUNT; kind++) {
        struct channel_lane *lane = &channel->lanes[kind];
        for (size_t i = 0; i < lane->slot_count; i++) {
            if (atomic_exchange(&lane->slots[i].is_unwanted, false))
                nng_aio_cancel(lane->slots[i].send_aio);
        }
    }
}

static void act(struct rpc_channel *channel, struct due *due)
{
    if (due->has_unwanted) cancel_unwanted(channel);
    for (struct channel_slot *slot = due->sends, *next; slot != NULL; slot = next) {
        next = slot->next;
        channel_transmit(slot);
    }
    if (due->connection_is_dead) nng_pipe_close((nng_pipe){.id = (uint32_t)due->pipe_id});
    for (struct rpc_client_call *call; (call = queue_pop(&due->ended)) != NULL;) {
        hand_out(channel, call);
    }
}

static void *run_timer(void *context)
{
    struct rpc_channel *channel = context;
    struct due due;
    pthread_mutex_lock(&channel->lock);
    while (!channel->is_closing) {
        uint64_t now_ns = clock_mono_ns();
        if (!channel->is_woken && now_ns < channel->next_due_ns) {
            wait_until(channel, channel->next_due_ns);
            continue;
        }
        channel->is_woken = false;
        gather(channel, now_ns, &due);
        bool is_up = channel->is_up;
        pthread_mutex_unlock(&channel->lock);
        act(channel, &due);
        uint64_t redial_ns = redial_look(&channel->redial, is_up);
        pthread_mutex_lock(&channel->lock);
        note_due(channel, redial_ns);
    }
    pthread_mutex_unlock(&channel->lock);
    return NULL;
}

// ---- Life ----------------------------------------------------------------------------------

static void open_lane(struct rpc_channel *channel, enum lane_kind kind, uint32_t slots,
                      uint32_t calls_max)
{
    struct channel_lane *lane = &channel->lanes[kind];
    lane->slot_count = slots;
    lane->calls_max = calls_max;
    lane->slots = calloc(slots, sizeof *lane->slots);
    CHECK(lane->slots != NULL);
    for (size_t i = slots; i-- > 0;) {
        struct channel_slot *slot = &lane->slots[i];
        *slot = (struct channel_slot){.channel = channel, .lane = lane, .next = lane->idle};
        slot->calls = calloc(calls_max, sizeof(struct rpc_client_call *));
        CHECK(slot->calls != NULL);
        lane->idle = slot;
    }
}

static void close_lane(struct channel_lane *lane)
{
    for (size_t i = 0; i < lane->slot_count; i++) {
        free(lane->slots[i].calls);
    }
    free(lane->slots);
}

static void open_metrics(struct rpc_channel *channel, const char *target)
{
    static const char *const names[] = {"answered", "not_sent", "refused", "unknown"};
    char *text = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK(asprintf(&text, "target=\"%s\",outcome=\"%s\"", target, names[i]) > 0);
        channel->outcomes[i] =
            metric_counter("florin_rpc_client_calls_total",
                           "Calls made to another daemon, by how they ended", rpc_label(text));
    }
    CHECK(asprintf(&text, "target=\"%s\"", target) > 0);
    channel->retries =
        metric_counter("florin_rpc_client_retries_total",
                       "Further attempts of calls to another daemon", rpc_label(text));
}

static void start_timer(struct rpc_channel *channel)
{
    thread_start(&channel->timer, "rpc-timer", THREAD_STACK_BYTES, run_timer, channel);
}

static uint32_t or_default(uint32_t value, uint32_t default_value)
{
    return value != 0 ? value : default_value;
}

struct status rpc_channel_open(const struct rpc_channel_config *config, struct rpc_channel **ret)
{
    struct rpc_channel *channel = calloc(1, sizeof *channel);
    CHECK(channel != NULL);
    uint32_t calls_max = or_default(config->batch_calls_max, RPC_BATCH_CALLS_MAX);
    CHECK(calls_max <= RPC_BATCH_CALLS_MAX);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&channel->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&channel->lock, NULL);
    arena_pool_open(&channel->arenas);
    retry_budget_open(&channel->budget);
    open_metrics(channel, config->name);
    uint64_t seed = 0;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    channel->random = (uint32_t)seed;
    atomic_init(&channel->next_call_id, seed >> 16); // Room for 2^48 calls before it wraps.
    channel->waiting_max = or_default(config->waiting_max, WAITING_MAX);
    channel->next_due_ns = UINT64_MAX;
    channel->down_since_ns = clock_mono_ns();
    open_lane(channel, LANE_READ, or_default(config->contexts, CONTEXTS_PER_LANE), calls_max);
    open_lane(channel, LANE_WRITE, or_default(config->contexts, CONTEXTS_PER_LANE), calls_max);
    open_lane(channel, LANE_ALONE, or_default(config->contexts, CONTEXTS_ALONE), 1);
    channel->is_woken = true; // The timer begins with a look at the connection.

    struct status status = channel_open_socket(channel, config);
    start_timer(channel); // From here on `redial` is its own.
    if (!status_ok(status)) {
        rpc_channel_close(&channel);
        return status;
    }
    *ret = channel;
    return STATUS_SUCCESS;
}

// No timer is left to hand out what nobody answers. done() may still call: that ends here as well.
static void end_rest(struct rpc_channel *channel)
{
    size_t count;
    do {
        struct call_queue rest = {0};
        pthread_mutex_lock(&channel->lock);
        queue_move(&channel->ended, &rest, is_any, 0);
        queue_move(&channel->delayed, &rest, is_any, 0);
        for (size_t kind = 0; kind < LANE_COUNT; kind++) {
            queue_move(&channel->lanes[kind].waiting, &rest, is_any, 0);
        }
        pthread_mutex_unlock(&channel->lock);
        count = rest.count;
        for (struct rpc_client_call *call; (call = queue_pop(&rest)) != NULL;) {
            channel_set_outcome(call, RPC_OUTCOME_NOT_SENT);
            hand_out(channel, call);
        }
    } while (count > 0);
}

void rpc_channel_close(struct rpc_channel **channel)
{
    struct rpc_channel *closed = *channel;
    if (closed == NULL) return;
    *channel = NULL;
    pthread_mutex_lock(&closed->lock);
    closed->is_closing = true;
    pthread_cond_signal(&closed->wake);
    pthread_mutex_unlock(&closed->lock);
    pthread_join(closed->timer, NULL);
    channel_close_socket(closed);
    end_rest(closed);

    for (size_t kind = 0; kind < LANE_COUNT; kind++) {
        close_lane(&closed->lanes[kind]);
    }
    arena_pool_close(&closed->arenas);
    pthread_cond_destroy(&closed->wake);
    pthread_mutex_destroy(&closed->lock);
    free(closed);
}

bool rpc_channel_is_up(const struct rpc_channel *channel)
{
    // The lock is no part of what const promises: the channel stays as it is.
    pthread_mutex_t *lock = (pthread_mutex_t *)&channel->lock;
    pthread_mutex_lock(lock);
    bool is_up = channel->is_up;
    pthread_mutex_unlock(lock);
    return is_up;
}
