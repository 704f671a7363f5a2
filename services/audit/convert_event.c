#include "common/base/record.h"
#include "common/event/registry.h"
#include "common/json/encode.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "florin/audit/v1/audit_methods.h"
#include "services/audit/event_json.h"

static bool copy_text(struct arena *arena, struct bytes text, char **ret)
{
    if (text.size == 0) return true; // The message's own default.
    *ret = arena_text(arena, (const char *)text.data, text.size);
    return *ret != NULL;
}

static bool copy_bytes(struct arena *arena, struct bytes bytes, ProtobufCBinaryData *ret)
{
    if (bytes.size == 0) return true;
    ret->data = arena_copy(arena, bytes.data, bytes.size);
    ret->len = bytes.size;
    return ret->data != NULL;
}

static bool copy_texts(struct arena *arena, const struct audit_event *event,
                       Audit__AuditEvent *message)
{
    const struct audit_entry *entry = &event->entry;

    const struct {
        struct bytes from;
        char **to;
    } texts[] = {
        {entry->source, &message->source},
        {entry->action, &message->action},
        {entry->actor, &message->actor},
        {entry->resource, &message->resource},
        {entry->outcome, &message->outcome},
        {entry->reason, &message->reason},
        {entry->request_id, &message->request_id},
        {entry->traceparent, &message->traceparent},
        {event->side.client_ip, &message->client_ip},
        {event->side.device_id, &message->device_id},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (!copy_text(arena, texts[i].from, texts[i].to)) return false;
    return true;
}

enum {
    DATA_BYTES_MAX = 1024 * 1024,          // As audit.proto says of AuditEvent.data.
    DATA_ARENA_BYTES_MAX = 8 * 1024 * 1024 // The message, and its JSON while it grows.
};

// What the event itself says, as JSON. What cannot be read, or is too large, is nothing; it is made
// in an arena of its own, so that one monstrous payload does not take the room of the others.
static struct status make_data(struct arena *arena, const struct audit_event *event, char **ret)
{
    const struct rpc_event_type *type = event_type_find(event->entry.action);
    struct bytes payload = event->side.payload, json;
    if (payload.size == 0 || type == NULL || type->payload == NULL) return STATUS_SUCCESS;
    CLEANUP(arena_close) struct arena *own = arena_open(DATA_ARENA_BYTES_MAX);
    if (!status_ok(json_encode_wire(type->payload, payload, own, &json))) return STATUS_SUCCESS;
    if (json.size > DATA_BYTES_MAX) return STATUS_SUCCESS;
    char *text = arena_text(arena, (const char *)json.data, json.size);
    if (text == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret = text;
    return STATUS_SUCCESS;
}

struct status audit_event_make(const struct audit_event *event, struct arena *arena,
                               struct Audit__AuditEvent **ret)
{
    Audit__AuditEvent *message = arena_alloc(arena, sizeof *message);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    audit__audit_event__init(message);
    message->index = event->index;
    message->seq = event->entry.seq;
    message->time = event->entry.time_ns;
    struct bytes leaf = bytes_of(event->leaf.bytes, MERKLE_HASH_BYTES);
    if (!copy_texts(arena, event, message) || !copy_bytes(arena, leaf, &message->leaf_hash) ||
        !copy_bytes(arena, event->bytes, &message->entry) ||
        !copy_bytes(arena, event->entry.before_digest, &message->before_digest) ||
        !copy_bytes(arena, event->entry.after_digest, &message->after_digest)) {
        return ARENA_STATUS_EXHAUSTED;
    }
    RETURN_IF_ERROR(make_data(arena, event, &message->data));
    *ret = message;
    return STATUS_SUCCESS;
}

static bool copy_visible_to(struct arena *arena, struct bytes parts, Audit__Delivery *message)
{
    size_t count = 0;
    for (struct record_reader reader = record_read_key(parts); record_left(&reader) > 0; count++)
        (void)record_take_run32(&reader); // audit_side_decode saw that they are whole.
    message->visible_to = arena_alloc(arena, count * sizeof *message->visible_to);
    if (message->visible_to == NULL) return false;
    struct record_reader reader = record_read_key(parts);
    for (; message->n_visible_to < count; message->n_visible_to++) {
        struct bytes name = record_take_run32(&reader);
        char *text = arena_text(arena, (const char *)name.data, name.size);
        if (text == NULL) return false;
        message->visible_to[message->n_visible_to] = text;
    }
    return true;
}

struct status audit_delivery_make(const struct audit_event *event, struct arena *arena,
                                  struct Audit__Delivery **ret)
{
    Audit__Delivery *message = arena_alloc(arena, sizeof *message);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    audit__delivery__init(message);
    RETURN_IF_ERROR(audit_event_make(event, arena, &message->event));
    const struct rpc_event_type *type = event_type_find(event->entry.action);
    if (type != NULL && type->payload != NULL && event->side.payload.size > 0)
        message->payload_type = (char *)(uintptr_t)type->payload->full_name; // Constant.
    if (!copy_bytes(arena, event->side.payload, &message->payload) ||
        !copy_visible_to(arena, event->side.visible_to, message)) {
        return ARENA_STATUS_EXHAUSTED;
    }
    *ret = message;
    return STATUS_SUCCESS;
}

struct status audit_event_json(const struct audit_event *event, struct arena *arena,
                               struct bytes *ret)
{
    Audit__AuditEvent *message;
    RETURN_IF_ERROR(audit_event_make(event, arena, &message));
    return json_encode(&florin_audit_v1_audit_event_message, &message->base, arena, ret);
}
