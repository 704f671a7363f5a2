#include "services/audit/batch.h"

#include "common/base/record.h"
#include "common/crypto/keys.h"

void audit_batch_open(struct audit_batch *ret)
{
    *ret = (struct audit_batch){.arena = arena_open(AUDIT_BATCH_BYTES_MAX)};
}

void audit_batch_close(struct audit_batch *batch)
{
    arena_close(&batch->arena);
}

struct audit_entry audit_batch_entry(const char *source, const struct event_view *event,
                                     const uint8_t salt[static AUDIT_SALT_BYTES],
                                     uint8_t ret_commitments[static 3 * AUDIT_COMMITMENT_BYTES])
{
    struct audit_entry entry = {.seq = event->seq, .time_ns = event->time_ns};

    const struct {
        const char *from;
        struct bytes *to;
    } texts[AUDIT_TEXTS] = {
        {source, &entry.source},
        {event->type, &entry.action},
        {event->actor, &entry.actor},
        {event->subject, &entry.resource},
        {event->outcome, &entry.outcome},
        {event->reason, &entry.reason},
        {event->request_id, &entry.request_id},
        {event->traceparent, &entry.traceparent},
    };

    for (size_t i = 0; i < AUDIT_TEXTS; i++) {
        *texts[i].to = audit_core_cut(bytes_of_text(texts[i].from), &entry.texts_cut);
    }
    uint8_t *ip = ret_commitments, *device = ip + AUDIT_COMMITMENT_BYTES,
            *payload = device + AUDIT_COMMITMENT_BYTES;
    entry.client_ip_commitment =
        audit_core_commit(salt, AUDIT_COMMITTED_CLIENT_IP, bytes_of_text(event->client_ip), ip);
    entry.device_id_commitment =
        audit_core_commit(salt, AUDIT_COMMITTED_DEVICE_ID, bytes_of_text(event->device_id), device);
    entry.payload_commitment =
        audit_core_commit(salt, AUDIT_COMMITTED_PAYLOAD, event->payload, payload);
    entry.before_digest = event->before_digest;
    entry.after_digest = event->after_digest;
    return entry;
}

static struct status make_side(struct arena *arena, const struct event_view *event,
                               const uint8_t *salt, struct bytes *ret_visible_to, struct bytes *ret)
{
    struct audit_side side = {.salt = salt,
                              .client_ip = bytes_of_text(event->client_ip),
                              .device_id = bytes_of_text(event->device_id),
                              .payload = event->payload};
    size_t names_bytes = 0;
    for (size_t i = 0; i < event->visible_to_count; i++) {
        names_bytes += AUDIT_PART_HEAD_BYTES + strlen(event->visible_to[i]);
    }
    uint8_t *names = arena_alloc(arena, names_bytes);
    if (names == NULL) return ARENA_STATUS_EXHAUSTED;
    struct record_writer writer = record_write_key(names, names_bytes);
    for (size_t i = 0; i < event->visible_to_count; i++) {
        record_put_run32(&writer, bytes_of_text(event->visible_to[i]));
    }
    side.visible_to = bytes_of(names, names_bytes);
    *ret_visible_to = side.visible_to;

    uint8_t *record = arena_alloc(arena, audit_side_size(&side));
    if (record == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret = bytes_of(record, audit_side_encode(&side, record));
    return STATUS_SUCCESS;
}

static struct status make_item(struct arena *arena, const char *source,
                               const struct event_view *event, const uint8_t *salt,
                               struct audit_item *ret)
{
    uint8_t commitments[3 * AUDIT_COMMITMENT_BYTES], encoded[AUDIT_ENTRY_BYTES_MAX];
    struct audit_entry entry = audit_batch_entry(source, event, salt, commitments);
    size_t size = audit_entry_encode(&entry, encoded);
    const uint8_t *copy = arena_copy(arena, encoded, size);
    if (copy == NULL) return ARENA_STATUS_EXHAUSTED;
    ret->entry = bytes_of(copy, size);
    merkle_leaf(ret->entry, &ret->leaf);
    struct bytes visible_to;
    RETURN_IF_ERROR(make_side(arena, event, salt, &visible_to, &ret->side));
    struct audit_search_row rows[AUDIT_SEARCH_ROWS_MAX];
    ret->row_count = audit_core_search_rows(&entry, visible_to, rows);
    ret->rows = arena_copy(arena, rows, ret->row_count * sizeof rows[0]);
    return ret->rows != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status audit_batch_fill(struct audit_batch *batch, const char *source,
                               const struct event_view *events, size_t count)
{
    CHECK(count > 0);
    arena_reset(batch->arena);
    batch->count = 0;
    batch->bytes = 0;
    batch->first_seq = events[0].seq;
    batch->items = arena_alloc(batch->arena, count * sizeof *batch->items);
    uint8_t *salts = arena_alloc(batch->arena, count * AUDIT_SALT_BYTES);
    if (batch->items == NULL || salts == NULL) return ARENA_STATUS_EXHAUSTED;
    key_random(salts, count * AUDIT_SALT_BYTES);
    for (size_t i = 0; i < count; i++) {
        struct audit_item *item = &batch->items[i];
        CHECK(events[i].seq == batch->first_seq + i);
        RETURN_IF_ERROR(
            make_item(batch->arena, source, &events[i], salts + i * AUDIT_SALT_BYTES, item));
        batch->bytes += item->entry.size + item->side.size;
        batch->count++;
    }
    return STATUS_SUCCESS;
}
