#include "services/audit/store_consumer.h"

#include "services/audit/tables.h"

struct status audit_store_get_consumer(struct store_txn *txn, struct bytes name,
                                       struct audit_consumer *ret)
{
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(
        txn, AUDIT_TABLE_CONSUMERS, name,
        REFUSE(NOT_FOUND, CONSUMER_NOT_FOUND, "there is no consumer of this name"), &record));
    return audit_consumer_decode(record, ret);
}

void audit_store_put_consumer(struct store_txn *txn, struct bytes name,
                              const struct audit_consumer *consumer)
{
    uint8_t record[AUDIT_CONSUMER_BYTES_MAX];
    store_put(txn, AUDIT_TABLE_CONSUMERS, name,
              bytes_of(record, audit_consumer_encode(consumer, record)));
}

void audit_store_delete_consumer(struct store_txn *txn, struct bytes name)
{
    store_delete(txn, AUDIT_TABLE_CONSUMERS, name);
}

void audit_consumer_walk_begin(struct store_txn *txn, struct audit_consumer_walk *ret)
{
    *ret = (struct audit_consumer_walk){.status = STATUS_SUCCESS};
    store_cursor_open(txn, AUDIT_TABLE_CONSUMERS, &ret->cursor);
}

bool audit_consumer_walk_next(struct audit_consumer_walk *walk)
{
    bool is_row =
        walk->has_begun ? store_cursor_next(&walk->cursor) : store_cursor_first(&walk->cursor);
    walk->has_begun = true;
    if (!is_row) return false;
    walk->name = walk->cursor.key;
    walk->status = audit_consumer_decode(walk->cursor.value, &walk->consumer);
    return status_ok(walk->status);
}

void audit_consumer_walk_end(struct audit_consumer_walk *walk)
{
    store_cursor_close(&walk->cursor);
}

struct status audit_store_consumer_floor(struct store_txn *txn, uint64_t *ret, size_t *ret_count)
{
    CLEANUP(audit_consumer_walk_end) struct audit_consumer_walk walk;
    *ret = UINT64_MAX;
    *ret_count = 0;
    for (audit_consumer_walk_begin(txn, &walk); audit_consumer_walk_next(&walk);) {
        if (walk.consumer.acknowledged < *ret) *ret = walk.consumer.acknowledged;
        ++*ret_count;
    }
    return walk.status;
}
