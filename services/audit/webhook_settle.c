#include "services/audit/webhook_settle.h"

#include "common/base/check.h"
#include "services/audit/webhook_event.h"

// ---- Attempts ------------------------------------------------------------------------------

static struct status switch_off(struct store_txn *txn, struct id128 id,
                                enum audit_webhook_switch why, struct arena *arena)
{
    struct audit_webhook webhook;
    RETURN_IF_ERROR(audit_store_get_webhook(txn, id, arena, &webhook));
    webhook.is_on = why;
    webhook.version++;
    audit_webhook_event_note(txn, id);
    audit_store_put_webhook(txn, &webhook);
    audit_webhook_event_append(txn, NULL, AUDIT_WEBHOOK_IS_DISABLED, &webhook);
    return STATUS_SUCCESS;
}

static void count_end(struct audit_webhook_progress *progress)
{
    CHECK(progress->waiting > 0);
    progress->waiting--;
    progress->ended++;
}

static struct status settle_one(struct store_txn *txn, const struct audit_webhook_result *result,
                                uint64_t now_ns, struct arena *arena)
{
    struct audit_delivery before, after;
    struct audit_delivery_text text;
    struct audit_webhook_view view;
    struct id128 id = result->webhook_id;
    struct status status = audit_store_get_delivery(txn, id, result->index, &before, &text);
    if (status_ok(status)) status = audit_webhook_get(txn, id, arena, &view);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS; // Deleted meanwhile.
    RETURN_IF_ERROR(status);
    if (before.state != AUDIT_DELIVERY_WAITING) return STATUS_SUCCESS; // Dropped meanwhile.

    bool is_test = result->index >= AUDIT_WEBHOOK_TEST_INDEX;
    after = before;
    audit_delivery_settle(&after, &result->attempt, is_test ? 1 : AUDIT_WEBHOOK_ATTEMPTS_MAX,
                          now_ns);
    audit_store_put_delivery(txn, id, result->index, &before, &after);
    if (after.state != AUDIT_DELIVERY_WAITING) count_end(&view.progress);

    enum audit_webhook_switch is_on =
        audit_webhook_judge(&result->attempt, is_test, now_ns, &view.progress.failing_since_ns);
    bool is_news = is_on != AUDIT_WEBHOOK_ON && view.webhook.is_on == AUDIT_WEBHOOK_ON;
    if (is_on == AUDIT_WEBHOOK_GONE) {
        view.progress.is_dropping = true;
        view.progress.replay_next = view.progress.replay_to = 0; // Of it too nothing is left.
    }
    audit_store_put_progress(txn, id, &view.progress);
    return is_news ? switch_off(txn, id, is_on, arena) : STATUS_SUCCESS;
}

struct status audit_webhook_settle(struct store_txn *txn,
                                   const struct audit_webhook_result *results, size_t count,
                                   uint64_t now_ns, struct arena *arena)
{
    for (size_t i = 0; i < count; i++)
        RETURN_IF_ERROR(settle_one(txn, &results[i], now_ns, arena));
    return STATUS_SUCCESS;
}

// ---- Clearing away -------------------------------------------------------------------------

struct status audit_webhook_drop(struct store_txn *txn, struct id128 id, uint64_t now_ns,
                                 bool *ret_more)
{
    uint64_t indexes[AUDIT_WEBHOOK_STEP_ROWS];
    size_t count = 0;
    struct audit_webhook_progress progress;
    *ret_more = false;
    struct status found = audit_store_get_progress(txn, id, &progress);
    if (found.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(found);
    struct audit_due_walk walk;
    audit_store_walk_due(txn, id, &walk);
    while (count < AUDIT_WEBHOOK_STEP_ROWS && audit_due_walk_next(&walk))
        indexes[count++] = walk.index;
    audit_due_walk_close(&walk);

    for (size_t i = 0; i < count; i++) {
        struct audit_delivery before, after;
        struct audit_delivery_text text;
        RETURN_IF_ERROR(audit_store_get_delivery(txn, id, indexes[i], &before, &text));
        after = before;
        CHECK(audit_delivery_next(before.state, AUDIT_DELIVERY_SWEPT, &after.state));
        after.next_attempt_ns = 0;
        after.ended_ns = now_ns;
        audit_store_put_delivery(txn, id, indexes[i], &before, &after);
        count_end(&progress);
    }
    *ret_more = count == AUDIT_WEBHOOK_STEP_ROWS;
    progress.is_dropping = *ret_more;
    audit_store_put_progress(txn, id, &progress);
    return STATUS_SUCCESS;
}

/// Rows that are to be deleted: collected first, because a walk ends where writing begins.
struct doomed {
    uint64_t indexes[AUDIT_WEBHOOK_STEP_ROWS];
    struct audit_delivery rows[AUDIT_WEBHOOK_STEP_ROWS]; // Without texts.
    size_t count;
};

static void doom(struct doomed *doomed, const struct audit_delivery_walk *walk)
{
    doomed->indexes[doomed->count] = walk->index;
    doomed->rows[doomed->count] = walk->delivery;
    doomed->rows[doomed->count].error = doomed->rows[doomed->count].type = bytes_of(NULL, 0);
    doomed->count++;
}

static void delete_doomed(struct store_txn *txn, struct id128 id, const struct doomed *doomed)
{
    for (size_t i = 0; i < doomed->count; i++)
        audit_store_delete_delivery(txn, id, doomed->indexes[i], &doomed->rows[i]);
}

struct status audit_webhook_clear(struct store_txn *txn, struct id128 id, bool *ret_more)
{
    struct doomed doomed = {.count = 0};
    bool found;
    {
        CLEANUP(audit_delivery_walk_close) struct audit_delivery_walk walk;
        audit_store_walk_deliveries(txn, id, &walk);
        RETURN_IF_ERROR(audit_delivery_walk_first(&walk, &found));
        while (found && doomed.count < AUDIT_WEBHOOK_STEP_ROWS) {
            doom(&doomed, &walk);
            RETURN_IF_ERROR(audit_delivery_walk_next(&walk, &found));
        }
    }
    delete_doomed(txn, id, &doomed);
    *ret_more = found;
    if (!found) audit_store_delete_progress(txn, id);
    return STATUS_SUCCESS;
}

struct status audit_webhook_prune(struct store_txn *txn, struct id128 id, uint64_t now_ns,
                                  bool *ret_more)
{
    struct doomed doomed = {.count = 0};
    struct audit_webhook_progress progress;
    *ret_more = false;
    struct status found_progress = audit_store_get_progress(txn, id, &progress);
    if (found_progress.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(found_progress);
    {
        bool found;
        CLEANUP(audit_delivery_walk_close) struct audit_delivery_walk walk;
        audit_store_walk_deliveries(txn, id, &walk);
        RETURN_IF_ERROR(audit_delivery_walk_first(&walk, &found));
        for (; found && doomed.count < AUDIT_WEBHOOK_STEP_ROWS;) {
            bool has_ended = walk.delivery.state != AUDIT_DELIVERY_WAITING;
            bool is_old = has_ended && walk.delivery.ended_ns + AUDIT_WEBHOOK_KEPT_NS <= now_ns;
            bool is_many = progress.ended > AUDIT_WEBHOOK_KEPT_MAX;
            if (has_ended && !is_old && !is_many) break; // Later ones ended later, nearly all.
            if (has_ended) {
                doom(&doomed, &walk);
                progress.ended--;
            }
            RETURN_IF_ERROR(audit_delivery_walk_next(&walk, &found));
        }
    }
    if (doomed.count == 0) return STATUS_SUCCESS;
    delete_doomed(txn, id, &doomed);
    audit_store_put_progress(txn, id, &progress);
    *ret_more = doomed.count == AUDIT_WEBHOOK_STEP_ROWS;
    return STATUS_SUCCESS;
}

// ---- What is needed of the log -------------------------------------------------------------

static void lower(uint64_t *floor, uint64_t index)
{
    if (index < *floor) *floor = index;
}

struct status audit_webhook_floor(void *unused, struct store_txn *txn, uint64_t *ret)
{
    (void)unused;
    *ret = UINT64_MAX;
    for (struct id128 id = ID128_NIL;;) {
        struct audit_webhook_view view;
        CLEANUP(arena_close) struct arena *arena = arena_open(AUDIT_WEBHOOK_RECORD_BYTES_MAX + 64);
        struct status status = audit_store_webhook_before(txn, id, arena, &view.webhook);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
        id = view.webhook.id;
        if (view.webhook.is_on != AUDIT_WEBHOOK_ON) continue;
        RETURN_IF_ERROR(audit_store_get_progress(txn, id, &view.progress));
        lower(ret, view.progress.next_index);
        if (view.progress.replay_next < view.progress.replay_to)
            lower(ret, view.progress.replay_next);
        CLEANUP(audit_due_walk_close) struct audit_due_walk walk;
        audit_store_walk_due(txn, id, &walk);
        while (audit_due_walk_next(&walk))
            lower(ret, walk.index);
    }
}
