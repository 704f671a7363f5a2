#include "services/audit/store_report.h"

#include "services/audit/tables.h"

// ---- Counts --------------------------------------------------------------------------------

struct status audit_store_add_count(struct store_txn *txn, const struct audit_count_key *key,
                                    uint64_t count)
{
    uint8_t key_bytes[AUDIT_COUNT_KEY_BYTES_MAX], record[AUDIT_COUNT_BYTES];
    struct bytes place = audit_count_key_encode(key, key_bytes), stored;
    uint64_t before = 0;
    struct status status = store_get(txn, AUDIT_TABLE_COUNTS, place, &stored);
    if (status_ok(status)) status = audit_count_decode(stored, &before);
    if (status.code != STATUS_NOT_FOUND) RETURN_IF_ERROR(status);
    store_put(txn, AUDIT_TABLE_COUNTS, place, audit_count_encode(before + count, record));
    return STATUS_SUCCESS;
}

void audit_store_counts_open(struct store_txn *txn, uint64_t from_hour, uint64_t to_hour,
                             struct audit_count_walk *ret)
{
    *ret = (struct audit_count_walk){.from_hour = from_hour, .to_hour = to_hour};
    store_cursor_open(txn, AUDIT_TABLE_COUNTS, &ret->cursor);
}

struct status audit_store_counts_next(struct audit_count_walk *walk,
                                      struct audit_count_key *ret_key, uint64_t *ret_count,
                                      bool *ret_more)
{
    if (walk->is_started) {
        *ret_more = store_cursor_next(&walk->cursor);
    } else {
        uint8_t key[AUDIT_COUNT_KEY_BYTES_MAX];
        const struct audit_count_key first = {.hour = walk->from_hour};
        *ret_more = store_cursor_seek(&walk->cursor, audit_count_key_encode(&first, key));
        walk->is_started = true;
    }
    if (!*ret_more) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_count_key_decode(walk->cursor.key, ret_key));
    *ret_more = ret_key->hour < walk->to_hour;
    return *ret_more ? audit_count_decode(walk->cursor.value, ret_count) : STATUS_SUCCESS;
}

void audit_store_counts_close(struct audit_count_walk *walk)
{
    store_cursor_close(&walk->cursor);
}

// ---- Watches -------------------------------------------------------------------------------

struct status audit_store_get_watch(struct store_txn *txn, enum audit_rule rule,
                                    struct bytes subject, struct audit_watch *ret)
{
    uint8_t key[AUDIT_WATCH_KEY_BYTES];
    struct bytes record;
    struct status status =
        store_get(txn, AUDIT_TABLE_WATCHES, audit_watch_key(rule, subject, key), &record);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct audit_watch){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return audit_watch_decode(record, ret);
}

void audit_store_put_watch(struct store_txn *txn, enum audit_rule rule, struct bytes subject,
                           const struct audit_watch *watch)
{
    uint8_t key[AUDIT_WATCH_KEY_BYTES], record[AUDIT_WATCH_BYTES_MAX];
    store_put(txn, AUDIT_TABLE_WATCHES, audit_watch_key(rule, subject, key),
              bytes_of(record, audit_watch_encode(watch, record)));
}

void audit_store_delete_watch(struct store_txn *txn, enum audit_rule rule, struct bytes subject)
{
    uint8_t key[AUDIT_WATCH_KEY_BYTES];
    store_delete(txn, AUDIT_TABLE_WATCHES, audit_watch_key(rule, subject, key));
}

/// next_watch gives the first row at or behind the place. A key of another size is nobody's.
static struct status next_watch(struct store_txn *txn, struct audit_watch_place *place,
                                struct audit_watch *ret, bool *ret_more)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_WATCHES, &cursor);
    *ret_more = store_cursor_seek(&cursor, bytes_of(place->key, sizeof place->key));
    if (!*ret_more) return STATUS_SUCCESS;
    if (cursor.key.size != AUDIT_WATCH_KEY_BYTES)
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a key of the rules' memory is damaged");
    memcpy(place->key, cursor.key.data, sizeof place->key);
    return audit_watch_decode(cursor.value, ret);
}

// The next key there can be; false behind the last one.
static bool step_on(struct audit_watch_place *place)
{
    for (size_t i = sizeof place->key; i-- > 0;)
        if (++place->key[i] != 0) return true;
    return false;
}

struct status audit_store_clear_watches(struct store_txn *txn, struct audit_watch_place *place,
                                        size_t rows_max,
                                        bool (*is_over)(void *context, enum audit_rule rule,
                                                        const struct audit_watch *watch),
                                        void *context, size_t *ret_dropped, bool *ret_end)
{
    *ret_dropped = 0;
    *ret_end = false;
    for (size_t row = 0; row < rows_max && !*ret_end; row++) {
        struct audit_watch watch;
        bool more;
        RETURN_IF_ERROR(next_watch(txn, place, &watch, &more));
        if (more && is_over(context, (enum audit_rule)place->key[0], &watch)) {
            store_delete(txn, AUDIT_TABLE_WATCHES, bytes_of(place->key, sizeof place->key));
            ++*ret_dropped;
        }
        *ret_end = !more || !step_on(place);
    }
    if (*ret_end) *place = (struct audit_watch_place){0};
    return STATUS_SUCCESS;
}

// ---- Findings ------------------------------------------------------------------------------

struct status audit_store_get_finding(struct store_txn *txn, uint64_t id, struct audit_finding *ret)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(txn, AUDIT_TABLE_FINDINGS, audit_index_key(id, key),
                                 REFUSE(NOT_FOUND, FINDING_NOT_FOUND, "there is no such finding"),
                                 &record));
    ret->id = id;
    return audit_finding_decode(record, ret);
}

void audit_store_put_finding(struct store_txn *txn, const struct audit_finding *finding)
{
    uint8_t key[AUDIT_INDEX_KEY_BYTES], record[AUDIT_FINDING_BYTES_MAX];
    store_put(txn, AUDIT_TABLE_FINDINGS, audit_index_key(finding->id, key),
              bytes_of(record, audit_finding_encode(finding, record)));
}

struct status audit_store_next_finding_id(struct store_txn *txn, uint64_t *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_FINDINGS, &cursor);
    *ret = 1;
    if (!store_cursor_last(&cursor)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_index_key_decode(cursor.key, ret));
    *ret += 1;
    return STATUS_SUCCESS;
}

void audit_store_findings_open(struct store_txn *txn, uint64_t before,
                               struct audit_finding_walk *ret)
{
    *ret = (struct audit_finding_walk){.before = before};
    store_cursor_open(txn, AUDIT_TABLE_FINDINGS, &ret->cursor);
}

struct status audit_store_findings_next(struct audit_finding_walk *walk, struct audit_finding *ret,
                                        bool *ret_more)
{
    if (walk->is_started) {
        *ret_more = store_cursor_prev(&walk->cursor);
    } else {
        uint8_t key[AUDIT_INDEX_KEY_BYTES];
        *ret_more = store_cursor_seek_before(&walk->cursor, audit_index_key(walk->before, key));
        walk->is_started = true;
    }
    if (!*ret_more) return STATUS_SUCCESS;
    RETURN_IF_ERROR(audit_index_key_decode(walk->cursor.key, &ret->id));
    return audit_finding_decode(walk->cursor.value, ret);
}

void audit_store_findings_close(struct audit_finding_walk *walk)
{
    store_cursor_close(&walk->cursor);
}
