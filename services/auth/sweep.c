#include "services/auth/sweep.h"

#include "services/auth/activity.h"
#include "services/auth/events.h"

struct sweep {
    const struct auth_service *service;
    uint64_t now_ns;
    size_t count;
};

/// end_session takes a session that nobody ended off its user's list, and tells.
static struct status end_session(struct store_txn *txn, struct id128 session_id, uint64_t now_ns)
{
    struct auth_session session;
    bool is_ended;
    RETURN_IF_ERROR(
        auth_session_end(txn, session_id, AUTH_SESSION_EXPIRE, now_ns, &session, &is_ended));
    if (is_ended) auth_events_session_ended(txn, NULL, &session);
    return STATUS_SUCCESS;
}

/// is_still_needed: a throttle that was used again after it was filed is to be looked at later.
static struct status is_still_needed(struct store_txn *txn, const struct auth_expiry *expiry,
                                     uint64_t now_ns, uint64_t *ret_end_ns)
{
    struct auth_throttle_key key;
    struct auth_throttle throttle;
    *ret_end_ns = 0;
    if (expiry->kind != AUTH_EXPIRY_THROTTLE) return STATUS_SUCCESS;
    memcpy(key.bytes, expiry->row_key, sizeof key.bytes);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &key, &throttle));
    uint64_t end_ns = auth_store_throttle_end_ns(&throttle);
    if (end_ns > now_ns) *ret_end_ns = end_ns;
    return STATUS_SUCCESS;
}

static struct status clear(struct store_txn *txn, const struct auth_expiry *expiry, uint64_t now_ns)
{
    uint64_t end_ns = 0;
    RETURN_IF_ERROR(is_still_needed(txn, expiry, now_ns, &end_ns));
    auth_store_unfile_expiry(txn, expiry);
    if (end_ns > 0) {
        struct auth_expiry later = *expiry;
        later.at_ns = end_ns;
        auth_store_file_expiry(txn, &later);
        return STATUS_SUCCESS;
    }
    if (expiry->kind == AUTH_EXPIRY_SESSION)
        RETURN_IF_ERROR(end_session(txn, id128_of(expiry->row_key), now_ns));
    auth_store_delete_expired(txn, expiry);
    return STATUS_SUCCESS;
}

static struct status clear_expired(struct store_txn *txn, struct sweep *sweep)
{
    for (sweep->count = 0; sweep->count < AUTH_SWEEP_ROWS_MAX; sweep->count++) {
        struct auth_expiry expiry;
        struct status status = auth_store_next_expiry(txn, sweep->now_ns, &expiry);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
        RETURN_IF_ERROR(clear(txn, &expiry, sweep->now_ns));
    }
    return STATUS_SUCCESS;
}

static struct status run_sweep(struct store_txn *txn, void *context)
{
    struct sweep *sweep = context;
    size_t forgotten = 0;
    RETURN_IF_ERROR(clear_expired(txn, sweep));
    RETURN_IF_ERROR(auth_activity_forget(sweep->service, txn, sweep->now_ns,
                                         AUTH_SWEEP_ROWS_MAX - sweep->count, &forgotten));
    sweep->count += forgotten;
    return STATUS_SUCCESS;
}

/// look says whether anything is due, and shows the gauges while it is there.
static struct status look(const struct auth_service *service, uint64_t now_ns, bool *ret_due)
{
    struct auth_expiry unused;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    RETURN_IF_ERROR(auth_gauges_publish(txn));
    struct status status = auth_store_next_expiry(txn, now_ns, &unused);
    *ret_due = status_ok(status);
    if (status.code != STATUS_NOT_FOUND) return status;
    return auth_activity_is_due(service, txn, now_ns, ret_due);
}

struct status auth_sweep(const struct auth_service *service, uint64_t now_ns, size_t *ret_count)
{
    struct sweep sweep = {.service = service, .now_ns = now_ns};
    bool is_due = false;
    *ret_count = 0;
    RETURN_IF_ERROR(look(service, now_ns, &is_due));
    if (!is_due) return STATUS_SUCCESS; // An idle daemon writes nothing.
    RETURN_IF_ERROR(store_write_wait(service->store, run_sweep, &sweep));
    *ret_count = sweep.count;
    return STATUS_SUCCESS;
}
