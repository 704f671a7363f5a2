#include "services/audit/store_webhook.h"

#include "services/audit/tables.h"

#define NO_WEBHOOK REFUSE(NOT_FOUND, WEBHOOK_NOT_FOUND, "there is no such webhook")
#define NO_DELIVERY REFUSE(NOT_FOUND, DELIVERY_NOT_FOUND, "there is no such message")

// ---- Webhooks ------------------------------------------------------------------------------

void audit_store_put_webhook(struct store_txn *txn, const struct audit_webhook *webhook)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES], record[AUDIT_WEBHOOK_RECORD_BYTES_MAX];
    size_t size = audit_webhook_encode(webhook, record);
    store_put(txn, AUDIT_TABLE_WEBHOOKS,
              audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, webhook->id, key),
              bytes_of(record, size));
}

static struct status decode_copy(struct bytes record, struct id128 id, struct arena *arena,
                                 struct audit_webhook *ret)
{
    uint8_t *copy = arena_copy(arena, record.data, record.size);
    if (copy == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(audit_webhook_decode(bytes_of(copy, record.size), ret));
    ret->id = id;
    return STATUS_SUCCESS;
}

struct status audit_store_get_webhook(struct store_txn *txn, struct id128 id, struct arena *arena,
                                      struct audit_webhook *ret)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(txn, AUDIT_TABLE_WEBHOOKS,
                                 audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, id, key), NO_WEBHOOK,
                                 &record));
    return decode_copy(record, id, arena, ret);
}

void audit_store_delete_webhook(struct store_txn *txn, struct id128 id)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    store_delete(txn, AUDIT_TABLE_WEBHOOKS, audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, id, key));
}

struct status audit_store_webhook_before(struct store_txn *txn, struct id128 before,
                                         struct arena *arena, struct audit_webhook *ret)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    uint8_t end[] = {AUDIT_WEBHOOK_DEFINITION + 1}; // Behind all of them.
    struct bytes from = id128_is_nil(before)
                            ? bytes_of(end, sizeof end)
                            : audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, before, key);
    struct id128 id;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_WEBHOOKS, &cursor);
    if (!store_cursor_seek_before(&cursor, from) ||
        !audit_webhook_key_decode(cursor.key, AUDIT_WEBHOOK_DEFINITION, &id))
        return NO_WEBHOOK;
    return decode_copy(cursor.value, id, arena, ret);
}

size_t audit_store_count_webhooks(struct store_txn *txn)
{
    size_t count = 0;
    struct id128 id;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_WEBHOOKS, &cursor);
    for (bool row = store_cursor_first(&cursor);
         row && audit_webhook_key_decode(cursor.key, AUDIT_WEBHOOK_DEFINITION, &id);
         row = store_cursor_next(&cursor))
        count++;
    return count;
}

void audit_store_put_progress(struct store_txn *txn, struct id128 id,
                              const struct audit_webhook_progress *progress)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES], record[AUDIT_WEBHOOK_PROGRESS_BYTES];
    size_t size = audit_webhook_progress_encode(progress, record);
    store_put(txn, AUDIT_TABLE_WEBHOOKS, audit_webhook_key(AUDIT_WEBHOOK_PROGRESS, id, key),
              bytes_of(record, size));
}

struct status audit_store_get_progress(struct store_txn *txn, struct id128 id,
                                       struct audit_webhook_progress *ret)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(txn, AUDIT_TABLE_WEBHOOKS,
                                 audit_webhook_key(AUDIT_WEBHOOK_PROGRESS, id, key), NO_WEBHOOK,
                                 &record));
    return audit_webhook_progress_decode(record, ret);
}

void audit_store_delete_progress(struct store_txn *txn, struct id128 id)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    store_delete(txn, AUDIT_TABLE_WEBHOOKS, audit_webhook_key(AUDIT_WEBHOOK_PROGRESS, id, key));
}

struct status audit_store_progress_after(struct store_txn *txn, struct id128 after,
                                         struct id128 *ret)
{
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    struct bytes from = audit_webhook_key(AUDIT_WEBHOOK_PROGRESS, after, key);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_WEBHOOKS, &cursor);
    bool row = store_cursor_seek(&cursor, from);
    if (row && bytes_equal(cursor.key, from)) row = store_cursor_next(&cursor);
    if (!row || !audit_webhook_key_decode(cursor.key, AUDIT_WEBHOOK_PROGRESS, ret))
        return NO_WEBHOOK;
    return STATUS_SUCCESS;
}

// ---- Messages ------------------------------------------------------------------------------

static void delete_due(struct store_txn *txn, struct id128 webhook_id, uint64_t index,
                       const struct audit_delivery *before)
{
    uint8_t key[AUDIT_DUE_KEY_BYTES];
    if (before == NULL || before->state != AUDIT_DELIVERY_WAITING) return;
    store_delete(txn, AUDIT_TABLE_DUE,
                 audit_due_key(webhook_id, before->next_attempt_ns, index, key));
}

void audit_store_put_delivery(struct store_txn *txn, struct id128 webhook_id, uint64_t index,
                              const struct audit_delivery *before,
                              const struct audit_delivery *after)
{
    uint8_t key[AUDIT_DELIVERY_KEY_BYTES], due_key[AUDIT_DUE_KEY_BYTES];
    uint8_t record[AUDIT_DELIVERY_RECORD_BYTES_MAX];
    size_t size = audit_delivery_encode(after, record);
    delete_due(txn, webhook_id, index, before);
    store_put(txn, AUDIT_TABLE_DELIVERIES, audit_delivery_key(webhook_id, index, key),
              bytes_of(record, size));
    if (after->state != AUDIT_DELIVERY_WAITING) return;
    store_put(txn, AUDIT_TABLE_DUE,
              audit_due_key(webhook_id, after->next_attempt_ns, index, due_key), bytes_of("", 0));
}

struct status audit_store_get_delivery(struct store_txn *txn, struct id128 webhook_id,
                                       uint64_t index, struct audit_delivery *ret,
                                       struct audit_delivery_text *ret_text)
{
    uint8_t key[AUDIT_DELIVERY_KEY_BYTES];
    struct bytes record;
    struct audit_delivery delivery;
    RETURN_IF_ERROR(store_get_or(txn, AUDIT_TABLE_DELIVERIES,
                                 audit_delivery_key(webhook_id, index, key), NO_DELIVERY, &record));
    RETURN_IF_ERROR(audit_delivery_decode(record, &delivery));
    struct record_writer room = record_write_key(ret_text->bytes, sizeof ret_text->bytes);
    struct bytes *const texts[] = {&delivery.error, &delivery.type, &delivery.source};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const uint8_t *copy = room.at;
        record_put_bytes(&room, texts[i]->data, texts[i]->size);
        texts[i]->data = copy;
    }
    *ret = delivery;
    return STATUS_SUCCESS;
}

void audit_store_delete_delivery(struct store_txn *txn, struct id128 webhook_id, uint64_t index,
                                 const struct audit_delivery *before)
{
    uint8_t key[AUDIT_DELIVERY_KEY_BYTES];
    delete_due(txn, webhook_id, index, before);
    store_delete(txn, AUDIT_TABLE_DELIVERIES, audit_delivery_key(webhook_id, index, key));
}

// ---- Walks ---------------------------------------------------------------------------------

void audit_store_walk_deliveries(struct store_txn *txn, struct id128 webhook_id,
                                 struct audit_delivery_walk *ret)
{
    *ret = (struct audit_delivery_walk){.webhook_id = webhook_id};
    store_cursor_open(txn, AUDIT_TABLE_DELIVERIES, &ret->cursor);
}

static struct status take_row(struct audit_delivery_walk *walk, bool row, bool *ret_found)
{
    *ret_found = row && audit_delivery_key_decode(walk->cursor.key, walk->webhook_id, &walk->index);
    return *ret_found ? audit_delivery_decode(walk->cursor.value, &walk->delivery) : STATUS_SUCCESS;
}

struct status audit_delivery_walk_first(struct audit_delivery_walk *walk, bool *ret_found)
{
    uint8_t key[AUDIT_DELIVERY_KEY_BYTES];
    struct bytes from = audit_delivery_key(walk->webhook_id, 0, key);
    return take_row(walk, store_cursor_seek(&walk->cursor, from), ret_found);
}

struct status audit_delivery_walk_next(struct audit_delivery_walk *walk, bool *ret_found)
{
    return take_row(walk, store_cursor_next(&walk->cursor), ret_found);
}

struct status audit_delivery_walk_before(struct audit_delivery_walk *walk, uint64_t index,
                                         bool *ret_found)
{
    uint8_t key[AUDIT_DELIVERY_KEY_BYTES];
    struct bytes from = audit_delivery_key(walk->webhook_id, index, key);
    return take_row(walk, store_cursor_seek_before(&walk->cursor, from), ret_found);
}

struct status audit_delivery_walk_previous(struct audit_delivery_walk *walk, bool *ret_found)
{
    return take_row(walk, store_cursor_prev(&walk->cursor), ret_found);
}

void audit_delivery_walk_close(struct audit_delivery_walk *walk)
{
    store_cursor_close(&walk->cursor);
}

void audit_store_walk_due(struct store_txn *txn, struct id128 webhook_id,
                          struct audit_due_walk *ret)
{
    *ret = (struct audit_due_walk){.webhook_id = webhook_id};
    store_cursor_open(txn, AUDIT_TABLE_DUE, &ret->cursor);
}

bool audit_due_walk_next(struct audit_due_walk *walk)
{
    uint8_t key[AUDIT_DUE_KEY_BYTES];
    bool row = walk->started
                   ? store_cursor_next(&walk->cursor)
                   : store_cursor_seek(&walk->cursor, audit_due_key(walk->webhook_id, 0, 0, key));
    walk->started = true;
    return row &&
           audit_due_key_decode(walk->cursor.key, walk->webhook_id, &walk->at_ns, &walk->index);
}

void audit_due_walk_close(struct audit_due_walk *walk)
{
    store_cursor_close(&walk->cursor);
}
