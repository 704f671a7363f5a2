#include "services/audit/record_webhook.h"

enum { RECORD_VERSION = 1 };

#define RECORD_REFUSAL REFUSE(DATA_LOSS, RECORD_CORRUPT, "a record of the audit store is damaged")

// ---- Keys ----------------------------------------------------------------------------------

struct bytes audit_webhook_key(enum audit_webhook_row row, struct id128 id,
                               uint8_t ret_key[static AUDIT_WEBHOOK_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret_key, AUDIT_WEBHOOK_KEY_BYTES);
    record_put_u8(&writer, row);
    record_put_id(&writer, id);
    return bytes_of(ret_key, record_written(&writer));
}

bool audit_webhook_key_decode(struct bytes key, enum audit_webhook_row row, struct id128 *ret_id)
{
    struct record_reader reader = record_read_key(key);
    record_expect(&reader, record_take_u8(&reader) == row);
    struct id128 id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return false;
    *ret_id = id;
    return true;
}

struct bytes audit_delivery_key(struct id128 webhook_id, uint64_t index,
                                uint8_t ret_key[static AUDIT_DELIVERY_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret_key, AUDIT_DELIVERY_KEY_BYTES);
    record_put_id(&writer, webhook_id);
    record_put_u64(&writer, index);
    return bytes_of(ret_key, record_written(&writer));
}

bool audit_delivery_key_decode(struct bytes key, struct id128 webhook_id, uint64_t *ret_index)
{
    struct record_reader reader = record_read_key(key);
    record_expect(&reader, id128_equal(record_take_id(&reader), webhook_id));
    uint64_t index = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return false;
    *ret_index = index;
    return true;
}

struct bytes audit_due_key(struct id128 webhook_id, uint64_t at_ns, uint64_t index,
                           uint8_t ret_key[static AUDIT_DUE_KEY_BYTES])
{
    struct record_writer writer = record_write_key(ret_key, AUDIT_DUE_KEY_BYTES);
    record_put_id(&writer, webhook_id);
    record_put_u64(&writer, at_ns);
    record_put_u64(&writer, index);
    return bytes_of(ret_key, record_written(&writer));
}

bool audit_due_key_decode(struct bytes key, struct id128 webhook_id, uint64_t *ret_at_ns,
                          uint64_t *ret_index)
{
    struct record_reader reader = record_read_key(key);
    record_expect(&reader, id128_equal(record_take_id(&reader), webhook_id));
    uint64_t at_ns = record_take_u64(&reader);
    uint64_t index = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return false;
    *ret_at_ns = at_ns;
    *ret_index = index;
    return true;
}

// ---- Webhooks ------------------------------------------------------------------------------

size_t audit_webhook_encode(const struct audit_webhook *webhook,
                            uint8_t ret[static AUDIT_WEBHOOK_RECORD_BYTES_MAX])
{
    CHECK(webhook->sealed_secret.size > 0 && webhook->type_count <= AUDIT_WEBHOOK_TYPES_MAX);
    CHECK(webhook->url.size > 0 && webhook->url.size <= AUDIT_WEBHOOK_URL_BYTES_MAX);
    struct record_writer writer = record_write(ret, AUDIT_WEBHOOK_RECORD_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, webhook->is_on);
    record_put_u64(&writer, webhook->created_at_ns);
    record_put_u64(&writer, webhook->version);
    record_put_u64(&writer, webhook->old_secret_until_ns);
    seal_put_span(&writer, webhook->sealed_secret, AUDIT_WEBHOOK_SECRET_BYTES);
    seal_put_span(&writer, webhook->sealed_old_secret, AUDIT_WEBHOOK_SECRET_BYTES);
    record_put_run16(&writer, webhook->url);
    record_put_run16(&writer, webhook->description);
    record_put_run16(&writer, webhook->created_by);
    record_put_u8(&writer, (unsigned)webhook->type_count);
    for (size_t i = 0; i < webhook->type_count; i++)
        record_put_run8(&writer, webhook->types[i]);
    return record_written(&writer);
}

static struct bytes take_text(struct record_reader *reader, size_t bytes_max)
{
    struct bytes text = record_take_run16(reader);
    record_expect(reader, text.size <= bytes_max);
    return text;
}

static void take_types(struct record_reader *reader, struct audit_webhook *webhook)
{
    size_t count = record_take_u8(reader);
    record_expect(reader, count <= AUDIT_WEBHOOK_TYPES_MAX);
    for (size_t i = 0; i < count && !reader->is_broken; i++) {
        webhook->types[i] = record_take_run8(reader);
        record_expect(reader, webhook->types[i].size <= AUDIT_WEBHOOK_TYPE_BYTES_MAX);
    }
    webhook->type_count = reader->is_broken ? 0 : count;
}

struct status audit_webhook_decode(struct bytes record, struct audit_webhook *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_webhook webhook = {.id = ID128_NIL};
    webhook.is_on = (enum audit_webhook_switch)record_take_enum(&reader, AUDIT_WEBHOOK_ON,
                                                                AUDIT_WEBHOOK_SWITCH_LAST);
    webhook.created_at_ns = record_take_u64(&reader);
    webhook.version = record_take_u64(&reader);
    webhook.old_secret_until_ns = record_take_u64(&reader);
    webhook.sealed_secret = seal_take_span(&reader, AUDIT_WEBHOOK_SECRET_BYTES);
    webhook.sealed_old_secret = seal_take_span(&reader, AUDIT_WEBHOOK_SECRET_BYTES);
    webhook.url = take_text(&reader, AUDIT_WEBHOOK_URL_BYTES_MAX);
    webhook.description = take_text(&reader, AUDIT_WEBHOOK_TEXT_BYTES_MAX);
    webhook.created_by = take_text(&reader, AUDIT_WEBHOOK_TEXT_BYTES_MAX);
    take_types(&reader, &webhook);
    record_expect(&reader, webhook.sealed_secret.size > 0 && webhook.url.size > 0);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = webhook;
    return STATUS_SUCCESS;
}

size_t audit_webhook_progress_encode(const struct audit_webhook_progress *progress,
                                     uint8_t ret[static AUDIT_WEBHOOK_PROGRESS_BYTES])
{
    CHECK(progress->replay_next <= progress->replay_to);
    struct record_writer writer = record_write(ret, AUDIT_WEBHOOK_PROGRESS_BYTES, RECORD_VERSION);
    record_put_u8(&writer, progress->is_dropping);
    record_put_u64(&writer, progress->next_index);
    record_put_u64(&writer, progress->replay_next);
    record_put_u64(&writer, progress->replay_to);
    record_put_u64(&writer, progress->failing_since_ns);
    record_put_u64(&writer, progress->tests);
    record_put_u32(&writer, progress->waiting);
    record_put_u32(&writer, progress->ended);
    return record_written(&writer);
}

struct status audit_webhook_progress_decode(struct bytes record, struct audit_webhook_progress *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_webhook_progress progress = {.is_dropping = record_take_enum(&reader, 0, 1) == 1};
    progress.next_index = record_take_u64(&reader);
    progress.replay_next = record_take_u64(&reader);
    progress.replay_to = record_take_u64(&reader);
    progress.failing_since_ns = record_take_u64(&reader);
    progress.tests = record_take_u64(&reader);
    progress.waiting = record_take_u32(&reader);
    progress.ended = record_take_u32(&reader);
    record_expect(&reader, progress.replay_next <= progress.replay_to);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = progress;
    return STATUS_SUCCESS;
}

// ---- Messages ------------------------------------------------------------------------------

static struct bytes cut(struct bytes text, size_t bytes_max)
{
    return bytes_of(text.data, text.size < bytes_max ? text.size : bytes_max);
}

size_t audit_delivery_encode(const struct audit_delivery *delivery,
                             uint8_t ret[static AUDIT_DELIVERY_RECORD_BYTES_MAX])
{
    bool waits = delivery->state == AUDIT_DELIVERY_WAITING;
    CHECK(waits == (delivery->ended_ns == 0));
    CHECK(waits == (delivery->next_attempt_ns > 0));
    struct record_writer writer =
        record_write(ret, AUDIT_DELIVERY_RECORD_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, delivery->state);
    record_put_u32(&writer, delivery->attempts);
    record_put_u64(&writer, delivery->last_attempt_ns);
    record_put_u64(&writer, delivery->next_attempt_ns);
    record_put_u64(&writer, delivery->ended_ns);
    record_put_u16(&writer, delivery->http_status);
    record_put_u32(&writer, delivery->duration_ms);
    record_put_u64(&writer, delivery->seq);
    record_put_run8(&writer, cut(delivery->error, AUDIT_DELIVERY_ERROR_BYTES_MAX));
    record_put_run8(&writer, cut(delivery->type, AUDIT_DELIVERY_TYPE_BYTES_MAX));
    record_put_run8(&writer, cut(delivery->source, AUDIT_WEBHOOK_SOURCE_BYTES_MAX));
    return record_written(&writer);
}

struct status audit_delivery_decode(struct bytes record, struct audit_delivery *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_delivery delivery = {0};
    delivery.state = (enum audit_delivery_state)record_take_enum(&reader, AUDIT_DELIVERY_WAITING,
                                                                 AUDIT_DELIVERY_STATE_LAST);
    delivery.attempts = record_take_u32(&reader);
    delivery.last_attempt_ns = record_take_u64(&reader);
    delivery.next_attempt_ns = record_take_u64(&reader);
    delivery.ended_ns = record_take_u64(&reader);
    delivery.http_status = record_take_u16(&reader);
    delivery.duration_ms = record_take_u32(&reader);
    delivery.seq = record_take_u64(&reader);
    delivery.error = record_take_run8(&reader);
    delivery.type = record_take_run8(&reader);
    delivery.source = record_take_run8(&reader);
    bool waits = delivery.state == AUDIT_DELIVERY_WAITING;
    record_expect(&reader, delivery.error.size <= AUDIT_DELIVERY_ERROR_BYTES_MAX);
    record_expect(&reader, delivery.type.size <= AUDIT_DELIVERY_TYPE_BYTES_MAX);
    record_expect(&reader, delivery.source.size <= AUDIT_WEBHOOK_SOURCE_BYTES_MAX);
    record_expect(&reader, waits == (delivery.ended_ns == 0));
    record_expect(&reader, waits == (delivery.next_attempt_ns > 0));
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = delivery;
    return STATUS_SUCCESS;
}
