#include "services/audit/webhook_worker.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/crypto/keys.h"
#include "services/audit/webhook_feed.h"
#include "services/audit/webhook_message.h"
#include "services/audit/webhook_settle.h"

#include <stdlib.h>

enum {
    RETRY_MS = 1000, // After the store has failed.
    SEATS_ARENA_BYTES = AUDIT_WEBHOOKS_MAX * (AUDIT_WEBHOOK_RECORD_BYTES_MAX + 64),
    STRETCH_ARENA_BYTES = 1024 * 1024,
};

#define WRITE_EVERY_NS (1 * NS_PER_SECOND)
#define PRUNE_EVERY_NS (60 * NS_PER_SECOND)
#define WARN_EVERY_NS (60 * NS_PER_SECOND)

/// A message that is on its way.
struct slot {
    struct arena *arena; // Of the message. NULL: the slot is free.
    struct outbound_attempt *attempt;
    struct audit_webhook_result result;
    bool is_done; // And only the store has not been told yet.
};

enum fate { FATE_DELIVERED, FATE_FAILED, FATE_GONE, FATE_COUNT };

struct audit_webhook_worker {
    struct audit_webhook_worker_config config;
    struct outbound *outbound;
    struct slot slots[AUDIT_WEBHOOK_IN_FLIGHT_MAX];
    struct audit_webhook_seat seats[AUDIT_WEBHOOKS_MAX]; // Read anew for each turn.
    size_t seat_count, turn;
    struct id128 cleared_id; // A webhook that was deleted, with messages left. Nil: none.
    bool has_told_damage;
    struct arena *seats_arena, *stretch_arena;
    uint64_t written_at_ns, pruned_at_ns, warned_at_ns;
    struct metric *fates[FATE_COUNT], *waiting, *lag;
};

// ---- Opening and closing -------------------------------------------------------------------

static void register_metrics(struct audit_webhook_worker *worker)
{
    static const char *const labels[FATE_COUNT] = {
        [FATE_DELIVERED] = "result=\"delivered\"",
        [FATE_FAILED] = "result=\"failed\"",
        [FATE_GONE] = "result=\"gone\"",
    };
    for (int fate = 0; fate < FATE_COUNT; fate++)
        worker->fates[fate] =
            metric_counter("florin_audit_webhook_attempts_total",
                           "Messages posted to webhooks, and what was answered", labels[fate]);
    worker->waiting = metric_gauge("florin_audit_webhook_waiting",
                                   "Messages that wait for an attempt, of all webhooks", NULL);
    worker->lag =
        metric_gauge("florin_audit_webhook_lag",
                     "Entries of the log that the slowest webhook has yet to look at", NULL);
}

struct audit_webhook_worker *
audit_webhook_worker_open(const struct audit_webhook_worker_config *config)
{
    struct audit_webhook_worker *worker = calloc(1, sizeof *worker);
    CHECK(worker != NULL);
    worker->config = *config;
    worker->outbound = outbound_open(&(struct outbound_config){.tls_ca_file = config->tls_ca_file,
                                                               .timeout_ms = config->timeout_ms});
    worker->seats_arena = arena_open(SEATS_ARENA_BYTES);
    worker->stretch_arena = arena_open(STRETCH_ARENA_BYTES);
    register_metrics(worker);
    return worker;
}

static void release(struct slot *slot)
{
    outbound_attempt_close(&slot->attempt);
    arena_close(&slot->arena);
    *slot = (struct slot){0};
}

void audit_webhook_worker_close(struct audit_webhook_worker **worker)
{
    struct audit_webhook_worker *old = *worker;
    if (old == NULL) return;
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        if (old->slots[i].attempt != NULL) outbound_attempt_cancel(old->slots[i].attempt);
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        release(&old->slots[i]);
    outbound_close(&old->outbound);
    arena_close(&old->seats_arena);
    arena_close(&old->stretch_arena);
    free(old);
    *worker = NULL;
}

size_t audit_webhook_worker_in_flight(const struct audit_webhook_worker *worker)
{
    size_t count = 0;
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        if (worker->slots[i].attempt != NULL) count++;
    return count;
}

// ---- What has become of attempts -----------------------------------------------------------

static unsigned random_jitter(void)
{
    uint32_t number;
    key_random(&number, sizeof number);
    return AUDIT_WEBHOOK_JITTER_PERMILLE_MIN +
           number % (AUDIT_WEBHOOK_JITTER_PERMILLE_MAX - AUDIT_WEBHOOK_JITTER_PERMILLE_MIN + 1);
}

static void take_reports(struct audit_webhook_worker *worker)
{
    struct outbound_report report;
    struct slot *slot;
    while ((slot = outbound_next(worker->outbound, &report)) != NULL) {
        struct audit_attempt *attempt = &slot->result.attempt;
        bool is_taken = report.result == OUTBOUND_ACCEPTED;
        bool is_plain_error = report.code >= 300; // The code says it all.
        attempt->is_taken = is_taken;
        attempt->http_status = report.code;
        attempt->duration_ms = report.duration_ms;
        attempt->asked_wait_ms = report.wait_ms;
        attempt->error = is_taken || is_plain_error ? "" : report.what;
        slot->is_done = true;
        outbound_attempt_close(&slot->attempt);
        enum fate fate = is_taken ? FATE_DELIVERED : report.code == 410 ? FATE_GONE : FATE_FAILED;
        metric_add(worker->fates[fate], 1);
    }
}

struct settling {
    struct audit_webhook_result results[AUDIT_WEBHOOK_IN_FLIGHT_MAX];
    size_t count;
    uint64_t now_ns;
    struct arena *arena;
};

static struct status run_settle(struct store_txn *txn, void *context)
{
    const struct settling *settling = context;
    arena_reset(settling->arena);
    return audit_webhook_settle(txn, settling->results, settling->count, settling->now_ns,
                                settling->arena);
}

/// settle tells the store. While that fails, the slots stay taken: nothing is posted twice for it.
static struct status settle(struct audit_webhook_worker *worker, uint64_t now_ns)
{
    struct settling settling = {.now_ns = now_ns, .arena = worker->stretch_arena};
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        if (worker->slots[i].is_done) settling.results[settling.count++] = worker->slots[i].result;
    if (settling.count == 0) return STATUS_SUCCESS;
    RETURN_IF_ERROR(store_write_wait(worker->config.store, run_settle, &settling));
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        if (worker->slots[i].is_done) release(&worker->slots[i]);
    return STATUS_SUCCESS;
}

// ---- The seats of this turn ----------------------------------------------------------------

static uint64_t seen_before(const struct audit_webhook_seat *seats, size_t count, struct id128 id)
{
    for (size_t i = 0; i < count; i++)
        if (id128_equal(seats[i].view.webhook.id, id)) return seats[i].seen;
    return 0;
}

static size_t count_in_flight(const struct audit_webhook_worker *worker, struct id128 id)
{
    size_t count = 0;
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++) {
        const struct slot *slot = &worker->slots[i];
        if (slot->arena != NULL && id128_equal(slot->result.webhook_id, id)) count++;
    }
    return count;
}

// The others go on without it, and the log keeps what it has yet to see: an operator looks first.
static void pass_over_damaged(struct audit_webhook_worker *worker, struct id128 id)
{
    char text[ID128_TEXT_BYTES];
    id128_format(id, text);
    if (!worker->has_told_damage)
        LOG_ERROR("a webhook's record is damaged: it is told nothing", LOG_TEXT("webhook", text));
    worker->has_told_damage = true;
}

static struct status load_seats(struct audit_webhook_worker *worker)
{
    struct audit_webhook_seat seats[AUDIT_WEBHOOKS_MAX];
    size_t count = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    arena_reset(worker->seats_arena);
    worker->cleared_id = ID128_NIL;
    RETURN_IF_ERROR(store_snapshot_begin(worker->config.store, &txn));
    for (struct id128 id = ID128_NIL;;) {
        struct status status = audit_store_progress_after(txn, id, &id);
        if (status.code == STATUS_NOT_FOUND) break;
        RETURN_IF_ERROR(status);
        struct audit_webhook_seat seat = {.in_flight = count_in_flight(worker, id)};
        status = audit_webhook_get(txn, id, worker->seats_arena, &seat.view);
        if (status.code == STATUS_NOT_FOUND) {
            worker->cleared_id = id;
            continue;
        }
        if (status.code == STATUS_DATA_LOSS) {
            pass_over_damaged(worker, id);
            continue;
        }
        RETURN_IF_ERROR(status);
        uint64_t seen = seen_before(worker->seats, worker->seat_count, id);
        uint64_t written = seat.view.progress.next_index;
        seat.seen = seen > written ? seen : written;
        CHECK(count < AUDIT_WEBHOOKS_MAX);
        seats[count++] = seat;
    }
    memcpy(worker->seats, seats, count * sizeof seats[0]);
    worker->seat_count = count;
    return STATUS_SUCCESS;
}

static bool is_failing(const struct audit_webhook_seat *seat)
{
    return seat->view.progress.failing_since_ns > 0;
}

static size_t count_failing_in_flight(const struct audit_webhook_worker *worker)
{
    size_t count = 0;
    for (size_t i = 0; i < worker->seat_count; i++)
        if (is_failing(&worker->seats[i])) count += worker->seats[i].in_flight;
    return count;
}

// Receivers that fail may hang: each has one attempt at a time, and all of them half the places.
static bool may_post(const struct audit_webhook_worker *worker,
                     const struct audit_webhook_seat *seat)
{
    bool is_open = seat->view.webhook.is_on == AUDIT_WEBHOOK_ON && !seat->view.progress.is_dropping;
    if (!is_open || !is_failing(seat)) return is_open && seat->in_flight < AUDIT_WEBHOOK_EACH_MAX;
    return seat->in_flight == 0 && count_failing_in_flight(worker) < AUDIT_WEBHOOK_FAILING_MAX;
}

// ---- Clearing away -------------------------------------------------------------------------

enum step { STEP_DROP, STEP_CLEAR, STEP_PRUNE };

struct stepping {
    enum step step;
    struct id128 id;
    uint64_t now_ns;
    bool more;
};

static struct status run_step(struct store_txn *txn, void *context)
{
    struct stepping *stepping = context;
    switch (stepping->step) {
    case STEP_DROP:
        return audit_webhook_drop(txn, stepping->id, stepping->now_ns, &stepping->more);
    case STEP_CLEAR:
        return audit_webhook_clear(txn, stepping->id, &stepping->more);
    case STEP_PRUNE:
        return audit_webhook_prune(txn, stepping->id, stepping->now_ns, &stepping->more);
    }
    CHECK(false);
    return STATUS_SUCCESS;
}

/// step takes one bounded step; *ret_moved becomes true when there is more to do.
static struct status step(struct audit_webhook_worker *worker, enum step which, struct id128 id,
                          uint64_t now_ns, bool *ret_moved)
{
    struct stepping stepping = {.step = which, .id = id, .now_ns = now_ns};
    RETURN_IF_ERROR(store_write_wait(worker->config.store, run_step, &stepping));
    // Whether something else is to be dropped or cleared is seen by the next turn.
    *ret_moved |= stepping.more || which != STEP_PRUNE;
    return STATUS_SUCCESS;
}

static bool is_time(uint64_t now_ns, uint64_t last_ns, uint64_t every_ns)
{
    return now_ns < last_ns || now_ns - last_ns >= every_ns; // Before: the clock was set back.
}

static struct status clear_away(struct audit_webhook_worker *worker, uint64_t now_ns,
                                bool *ret_moved)
{
    if (!id128_is_nil(worker->cleared_id))
        RETURN_IF_ERROR(step(worker, STEP_CLEAR, worker->cleared_id, now_ns, ret_moved));
    bool prunes = is_time(now_ns, worker->pruned_at_ns, PRUNE_EVERY_NS), has_more = false;
    for (size_t i = 0; i < worker->seat_count; i++) {
        const struct audit_webhook_view *view = &worker->seats[i].view;
        if (view->progress.is_dropping)
            RETURN_IF_ERROR(step(worker, STEP_DROP, view->webhook.id, now_ns, ret_moved));
        if (prunes && view->progress.ended > 0)
            RETURN_IF_ERROR(step(worker, STEP_PRUNE, view->webhook.id, now_ns, &has_more));
    }
    if (prunes && !has_more) worker->pruned_at_ns = now_ns;
    *ret_moved |= has_more;
    return STATUS_SUCCESS;
}

// ---- From the log --------------------------------------------------------------------------

static struct status feed(struct audit_webhook_worker *worker, uint64_t size, uint64_t now_ns,
                          bool *ret_moved)
{
    struct audit_webhook_feed feed_ = {
        .store = worker->config.store,
        .arena = worker->stretch_arena,
        .seats = worker->seats,
        .seat_count = worker->seat_count,
        .turn = worker->turn,
        .size = size,
        .now_ns = now_ns,
    };
    bool moved, replayed;
    RETURN_IF_ERROR(audit_webhook_feed_step(&feed_, &moved));
    RETURN_IF_ERROR(audit_webhook_feed_replay(&feed_, &replayed));
    *ret_moved |= moved || replayed;
    if (!is_time(now_ns, worker->written_at_ns, WRITE_EVERY_NS)) return STATUS_SUCCESS;
    if (audit_webhook_feed_is_written(&feed_)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_webhook_feed_write(&feed_));
    worker->written_at_ns = now_ns;
    return STATUS_SUCCESS;
}

static bool has_unwritten(const struct audit_webhook_worker *worker)
{
    for (size_t i = 0; i < worker->seat_count; i++)
        if (worker->seats[i].view.progress.next_index < worker->seats[i].seen) return true;
    return false;
}

// ---- Beginning -----------------------------------------------------------------------------

static struct slot *free_slot(struct audit_webhook_worker *worker)
{
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        if (worker->slots[i].arena == NULL) return &worker->slots[i];
    return NULL;
}

static bool is_under_way(const struct audit_webhook_worker *worker, struct id128 id, uint64_t index)
{
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++) {
        const struct slot *slot = &worker->slots[i];
        if (slot->arena != NULL && slot->result.index == index &&
            id128_equal(slot->result.webhook_id, id))
            return true;
    }
    return false;
}

/// next_due gives the first message of a webhook that is not under way; false: there is none.
static bool next_due(const struct audit_webhook_worker *worker, struct store_txn *txn,
                     struct id128 id, uint64_t *ret_at_ns, uint64_t *ret_index)
{
    CLEANUP(audit_due_walk_close) struct audit_due_walk walk;
    audit_store_walk_due(txn, id, &walk);
    while (audit_due_walk_next(&walk)) {
        if (is_under_way(worker, id, walk.index)) continue;
        *ret_at_ns = walk.at_ns;
        *ret_index = walk.index;
        return true;
    }
    return false;
}

/// begin posts a message. What cannot be made ends here: for good when there is nothing to post
/// any more, else it is tried again like the others.
static void begin(struct audit_webhook_worker *worker, struct store_txn *txn,
                  struct audit_webhook_seat *seat, uint64_t index, uint64_t now_ns,
                  struct slot *slot)
{
    const struct audit_webhook_rules *rules = &worker->config.rules;
    const struct audit_webhook *webhook = &seat->view.webhook;
    struct audit_webhook_message message;
    slot->arena = arena_open(AUDIT_WEBHOOK_MESSAGE_BYTES_MAX);
    slot->result = (struct audit_webhook_result){
        .webhook_id = webhook->id,
        .index = index,
        .attempt = {.at_ns = now_ns, .jitter_permille = random_jitter(), .error = ""},
    };
    seat->in_flight++;
    struct status status =
        audit_webhook_make_message(txn, rules->seal, webhook, index, now_ns, slot->arena, &message);
    if (!status_ok(status)) {
        slot->result.attempt.is_hopeless =
            status.code == STATUS_NOT_FOUND || status.code == STATUS_RESOURCE_EXHAUSTED;
        slot->result.attempt.error = status.message;
        slot->is_done = true;
        return;
    }
    struct outbound_post post = {
        .url = message.url,
        .content_type = "application/json",
        .user_agent = message.user_agent,
        .headers = message.headers,
        .header_count = AUDIT_WEBHOOK_HEADERS,
        .body = message.body,
        .https_only = !rules->url.plain_allowed,
        .public_only = !rules->url.private_allowed,
    };
    slot->attempt = outbound_start_post(worker->outbound, &post, slot);
}

/// fill begins with what is due, one message of each webhook after the other.
static struct status fill(struct audit_webhook_worker *worker, uint64_t now_ns)
{
    bool has_begun = worker->seat_count > 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(worker->config.store, &txn));
    for (worker->turn++; has_begun;) {
        has_begun = false;
        for (size_t i = 0; i < worker->seat_count; i++) {
            struct audit_webhook_seat *seat =
                &worker->seats[(worker->turn + i) % worker->seat_count];
            struct slot *slot = free_slot(worker);
            uint64_t at_ns, index;
            if (slot == NULL) return STATUS_SUCCESS;
            if (!may_post(worker, seat)) continue;
            if (!next_due(worker, txn, seat->view.webhook.id, &at_ns, &index)) continue;
            if (at_ns > now_ns) continue;
            begin(worker, txn, seat, index, now_ns, slot);
            has_begun = true;
        }
    }
    return STATUS_SUCCESS;
}

// ---- Turns ---------------------------------------------------------------------------------

static void tell_metrics(struct audit_webhook_worker *worker, uint64_t size)
{
    uint64_t waiting = 0, lag = 0;
    for (size_t i = 0; i < worker->seat_count; i++) {
        const struct audit_webhook_seat *seat = &worker->seats[i];
        waiting += seat->view.progress.waiting;
        bool is_on = seat->view.webhook.is_on == AUDIT_WEBHOOK_ON;
        if (is_on && seat->seen < size && size - seat->seen > lag) lag = size - seat->seen;
    }
    metric_set(worker->waiting, (int64_t)waiting);
    metric_set(worker->lag, (int64_t)lag);
}

static uint64_t ms_until(uint64_t at_ns, uint64_t now_ns)
{
    if (at_ns == UINT64_MAX) return UINT64_MAX;
    return at_ns <= now_ns ? 0 : (at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
}

/// next_turn_ms: those that have to wait for a place are begun when an attempt has ended.
static struct status next_turn_ms(struct audit_webhook_worker *worker, uint64_t now_ns,
                                  uint64_t *ret_ms)
{
    uint64_t next_ns = worker->seat_count > 0 ? now_ns + PRUNE_EVERY_NS : UINT64_MAX;
    if (has_unwritten(worker)) next_ns = now_ns + WRITE_EVERY_NS;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(worker->config.store, &txn));
    for (size_t i = 0; i < worker->seat_count && free_slot(worker) != NULL; i++) {
        uint64_t at_ns, index;
        if (!may_post(worker, &worker->seats[i])) continue;
        if (!next_due(worker, txn, worker->seats[i].view.webhook.id, &at_ns, &index)) continue;
        if (at_ns < next_ns) next_ns = at_ns;
    }
    *ret_ms = ms_until(next_ns, now_ns);
    return STATUS_SUCCESS;
}

static bool has_done(const struct audit_webhook_worker *worker)
{
    for (size_t i = 0; i < AUDIT_WEBHOOK_IN_FLIGHT_MAX; i++)
        if (worker->slots[i].is_done) return true;
    return false;
}

static struct status turn(struct audit_webhook_worker *worker, uint64_t now_ns, uint64_t *ret_ms)
{
    bool moved = false;
    take_reports(worker);
    RETURN_IF_ERROR(settle(worker, now_ns));
    uint64_t size = audit_tail_size(worker->config.tail); // Before the seats: webhook_feed.h.
    RETURN_IF_ERROR(load_seats(worker));
    RETURN_IF_ERROR(clear_away(worker, now_ns, &moved));
    struct status fed = feed(worker, size, now_ns, &moved); // What waits is posted all the same.
    RETURN_IF_ERROR(fill(worker, now_ns));
    tell_metrics(worker, size);
    RETURN_IF_ERROR(fed);
    *ret_ms = 0;
    return moved || has_done(worker) ? STATUS_SUCCESS : next_turn_ms(worker, now_ns, ret_ms);
}

uint64_t audit_webhook_worker_turn(struct audit_webhook_worker *worker, uint64_t now_ns)
{
    uint64_t wait_ms = RETRY_MS;
    struct status status = turn(worker, now_ns, &wait_ms);
    if (status_ok(status)) return wait_ms;
    if (is_time(now_ns, worker->warned_at_ns, WARN_EVERY_NS)) {
        log_status(LOG_LEVEL_WARN, "webhooks could not go on", status);
        worker->warned_at_ns = now_ns;
    }
    return RETRY_MS;
}

void audit_webhook_worker_wait(struct audit_webhook_worker *worker, int wake_fd, uint64_t wait_ms)
{
    outbound_wait(worker->outbound, wake_fd, wait_ms);
}
