#include "common/event/wire.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"

// Field numbers of proto/florin/event/v1/event.proto.
enum {
    EVENT_SEQ = 2,
    EVENT_TYPE = 3,
    EVENT_TIME = 4,
    EVENT_VISIBLE_TO = 13,
    EVENT_PAYLOAD = 14,
    EVENT_BEFORE_DIGEST = 15,
    EVENT_AFTER_DIGEST = 16,
};

enum {
    BATCH_SOURCE = 1,
    BATCH_HEAD_SEQ = 2,
    BATCH_EVENTS = 3,
    BATCH_LOG_ID = 4,
    BATCH_ANCESTORS = 5
};

enum { ANCESTOR_LOG_ID = 1, ANCESTOR_HEAD_SEQ = 2 };

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

enum { FIELD_NUMBER_MAX = 536870911, VARINT_BYTES_MAX = 10, VISIBLE_TO_ITEMS_MAX = 64 };

#define MALFORMED REFUSE(DATA_LOSS, EVENT_MALFORMED, "not an event of florin.event.v1")

// The texts of an event and where they stand in struct event_view.
struct text_row {
    uint8_t number;
    size_t offset;
};

#define TEXT_ROW(number_, member_)                                                                 \
    {                                                                                              \
        number_, offsetof(struct event_view, member_)                                              \
    }

// clang-format off
static const struct text_row text_rows[] = {
    TEXT_ROW(1, source),      TEXT_ROW(3, type),       TEXT_ROW(5, subject),
    TEXT_ROW(6, actor),       TEXT_ROW(7, request_id), TEXT_ROW(8, traceparent),
    TEXT_ROW(9, client_ip),   TEXT_ROW(10, device_id), TEXT_ROW(11, outcome),
    TEXT_ROW(12, reason),
};

// clang-format on
enum { TEXT_ROW_COUNT = sizeof text_rows / sizeof text_rows[0] };

static const char **text_of(const struct event_view *view, const struct text_row *row)
{
    return (const char **)((uintptr_t)view + row->offset);
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *to++ = (uint8_t)(value | 0x80);
    }
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_tag(uint8_t *to, uint32_t number, uint32_t type)
{
    return put_varint(to, (uint64_t)number << 3 | type);
}

static uint8_t *put_fixed64(uint8_t *to, uint32_t number, uint64_t value)
{
    to = put_tag(to, number, WIRE_FIXED64);
    for (int i = 0; i < 8; i++, value >>= 8) {
        *to++ = (uint8_t)value;
    }
    return to;
}

static uint8_t *put_bytes(uint8_t *to, uint32_t number, const void *data, size_t size)
{
    to = put_tag(to, number, WIRE_BYTES);
    to = put_varint(to, size);
    if (size > 0) memcpy(to, data, size);
    return to + size;
}

static uint8_t *put_optional(uint8_t *to, uint32_t number, struct bytes bytes)
{
    return bytes.size > 0 ? put_bytes(to, number, bytes.data, bytes.size) : to;
}

static size_t bytes_field_size(uint32_t number, size_t size)
{
    return size == 0 ? 0 : varint_size((uint64_t)number << 3) + varint_size(size) + size;
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

size_t event_packed_size(const struct event_view *view)
{
    size_t size = bytes_field_size(EVENT_PAYLOAD, view->payload.size) +
                  bytes_field_size(EVENT_BEFORE_DIGEST, view->before_digest.size) +
                  bytes_field_size(EVENT_AFTER_DIGEST, view->after_digest.size);
    for (size_t i = 0; i < TEXT_ROW_COUNT; i++) {
        const struct text_row *row = &text_rows[i];
        size += bytes_field_size(row->number, text_size(*text_of(view, row)));
    }
    if (view->seq != 0) size += 1 + varint_size(view->seq);
    if (view->time_ns != 0) size += 1 + 8;
    for (size_t i = 0; i < view->visible_to_count; i++) {
        size_t length = text_size(view->visible_to[i]);
        size += 1 + varint_size(length) + length;
    }
    return size;
}

size_t event_pack(const struct event_view *view, uint8_t *ret_bytes)
{
    uint8_t *to = ret_bytes;
    for (size_t i = 0; i < TEXT_ROW_COUNT; i++) {
        const struct text_row *row = &text_rows[i];
        if (row->number == EVENT_TYPE && view->seq != 0) {
            to = put_tag(to, EVENT_SEQ, WIRE_VARINT);
            to = put_varint(to, view->seq);
        }
        if (row->number == EVENT_TIME + 1 && view->time_ns != 0) {
            to = put_fixed64(to, EVENT_TIME, view->time_ns);
        }
        const char *text = *text_of(view, row);
        size_t size = text_size(text);
        if (size > 0) to = put_bytes(to, row->number, text, size);
    }
    for (size_t i = 0; i < view->visible_to_count; i++) {
        to = put_bytes(to, EVENT_VISIBLE_TO, view->visible_to[i], text_size(view->visible_to[i]));
    }
    to = put_optional(to, EVENT_PAYLOAD, view->payload);
    to = put_optional(to, EVENT_BEFORE_DIGEST, view->before_digest);
    to = put_optional(to, EVENT_AFTER_DIGEST, view->after_digest);
    return (size_t)(to - ret_bytes);
}

static bool get_varint(struct bytes in, size_t *offset, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && *offset < in.size; i++) {
        uint8_t byte = in.data[(*offset)++];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) return false; // Beyond 64 bits.
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret = value;
            return true;
        }
    }
    return false;
}

struct field {
    uint32_t number, type;
    uint64_t value;     // WIRE_VARINT and WIRE_FIXED64
    struct bytes bytes; // WIRE_BYTES
};

// One field of a message; false when the rest is not one. Groups are refused: proto3 has none.
static bool get_field(struct bytes in, size_t *offset, struct field *ret)
{
    uint64_t tag;
    if (!get_varint(in, offset, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX) return false;
    *ret = (struct field){.number = (uint32_t)(tag >> 3), .type = (uint32_t)(tag & 7)};
    size_t left = in.size - *offset;
    uint64_t size = ret->type == WIRE_FIXED64 ? 8 : 4;
    switch (ret->type) {
    case WIRE_VARINT:
        return get_varint(in, offset, &ret->value);
    case WIRE_BYTES:
        if (!get_varint(in, offset, &size)) return false;
        left = in.size - *offset;
        break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        break;
    default:
        return false;
    }
    if (size > left) return false;
    ret->bytes = bytes_of(in.data + *offset, (size_t)size);
    for (size_t i = 0; ret->type == WIRE_FIXED64 && i < 8; i++) {
        ret->value |= (uint64_t)ret->bytes.data[i] << (8 * i);
    }
    *offset += (size_t)size;
    return true;
}

// A known number with another wire type is malformed, not unknown: skipping it would lose data.
static bool type_fits(const struct field *field, uint32_t type)
{
    return field->type == type;
}

struct status event_peek(struct bytes packed, struct event_head *ret)
{
    struct event_head head = {0};
    struct field field;
    for (size_t offset = 0; offset < packed.size;) {
        if (!get_field(packed, &offset, &field)) return MALFORMED;
        switch (field.number) {
        case EVENT_SEQ:
            if (!type_fits(&field, WIRE_VARINT)) return MALFORMED;
            head.seq = field.value;
            break;
        case EVENT_TYPE:
            if (!type_fits(&field, WIRE_BYTES)) return MALFORMED;
            head.type = field.bytes;
            break;
        case EVENT_TIME:
            if (!type_fits(&field, WIRE_FIXED64)) return MALFORMED;
            head.time_ns = field.value;
            break;
        default:
            break;
        }
    }
    if (head.seq == 0 || head.type.size == 0 || head.type.size >= EVENT_TYPE_BYTES_MAX) {
        return MALFORMED;
    }
    *ret = head;
    return STATUS_SUCCESS;
}

static struct status take_text(struct bytes bytes, struct arena *arena, const char **ret)
{
    const char *text = (const char *)bytes.data;
    if (!text_is_utf8(text, bytes.size)) return MALFORMED;
    char *copy = arena_text(arena, text, bytes.size);
    if (copy == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret = copy;
    return STATUS_SUCCESS;
}

static struct status take_visible_to(struct bytes bytes, struct arena *arena,
                                     const char *items[static VISIBLE_TO_ITEMS_MAX], size_t *count)
{
    if (*count == VISIBLE_TO_ITEMS_MAX) return MALFORMED;
    return take_text(bytes, arena, &items[(*count)++]);
}

static struct status take_digest(const struct field *field, struct bytes *ret)
{
    if (!type_fits(field, WIRE_BYTES)) return MALFORMED;
    if (field->bytes.size != 0 && field->bytes.size != HASH_SHA256_BYTES) return MALFORMED;
    *ret = field->bytes;
    return STATUS_SUCCESS;
}

static struct status take_field(const struct field *field, struct arena *arena,
                                struct event_view *view)
{
    for (size_t i = 0; i < TEXT_ROW_COUNT; i++) {
        if (text_rows[i].number != field->number) continue;
        if (!type_fits(field, WIRE_BYTES)) return MALFORMED;
        return take_text(field->bytes, arena, text_of(view, &text_rows[i]));
    }
    switch (field->number) {
    case EVENT_SEQ:
        if (!type_fits(field, WIRE_VARINT)) return MALFORMED;
        view->seq = field->value;
        return STATUS_SUCCESS;
    case EVENT_TIME:
        if (!type_fits(field, WIRE_FIXED64)) return MALFORMED;
        view->time_ns = field->value;
        return STATUS_SUCCESS;
    case EVENT_PAYLOAD:
        if (!type_fits(field, WIRE_BYTES)) return MALFORMED;
        view->payload = field->bytes;
        return STATUS_SUCCESS;
    case EVENT_BEFORE_DIGEST:
        return take_digest(field, &view->before_digest);
    case EVENT_AFTER_DIGEST:
        return take_digest(field, &view->after_digest);
    default:
        return STATUS_SUCCESS;
    }
}

struct status event_decode(struct bytes packed, struct arena *arena, struct event_view *ret)
{
    struct event_view view = {.packed = packed};
    for (size_t i = 0; i < TEXT_ROW_COUNT; i++) {
        *text_of(&view, &text_rows[i]) = "";
    }
    const char *visible_to[VISIBLE_TO_ITEMS_MAX];
    struct field field;
    for (size_t offset = 0; offset < packed.size;) {
        if (!get_field(packed, &offset, &field)) return MALFORMED;
        if (field.number != EVENT_VISIBLE_TO) {
            RETURN_IF_ERROR(take_field(&field, arena, &view));
            continue;
        }
        if (!type_fits(&field, WIRE_BYTES)) return MALFORMED;
        RETURN_IF_ERROR(take_visible_to(field.bytes, arena, visible_to, &view.visible_to_count));
    }
    size_t type_size = strlen(view.type);
    if (view.seq == 0 || type_size == 0 || type_size >= EVENT_TYPE_BYTES_MAX) return MALFORMED;
    view.visible_to = arena_copy(arena, visible_to, view.visible_to_count * sizeof visible_to[0]);
    if (view.visible_to == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret = view;
    return STATUS_SUCCESS;
}

static struct status take_ancestor(struct bytes packed, struct event_batch *batch)
{
    struct event_ancestor ancestor = {0};
    struct field field;
    for (size_t offset = 0; offset < packed.size;) {
        if (!get_field(packed, &offset, &field)) return MALFORMED;
        if (field.number == ANCESTOR_LOG_ID) {
            if (!type_fits(&field, WIRE_FIXED64)) return MALFORMED;
            ancestor.log_id = field.value;
        } else if (field.number == ANCESTOR_HEAD_SEQ) {
            if (!type_fits(&field, WIRE_VARINT)) return MALFORMED;
            ancestor.head_seq = field.value;
        }
    }
    if (batch->ancestor_count < STORE_FORMER_IDS_MAX) {
        batch->ancestors[batch->ancestor_count++] = ancestor;
    }
    return STATUS_SUCCESS;
}

struct status event_batch_parse(struct bytes packed, struct event_batch *ret)
{
    struct event_batch batch = {.packed = packed};
    struct field field;
    for (size_t offset = 0; offset < packed.size;) {
        if (!get_field(packed, &offset, &field)) return MALFORMED;
        switch (field.number) {
        case BATCH_SOURCE:
            if (!type_fits(&field, WIRE_BYTES)) return MALFORMED;
            if (!text_is_utf8((const char *)field.bytes.data, field.bytes.size)) return MALFORMED;
            batch.source = field.bytes;
            break;
        case BATCH_HEAD_SEQ:
            if (!type_fits(&field, WIRE_VARINT)) return MALFORMED;
            batch.head_seq = field.value;
            break;
        case BATCH_EVENTS:
            if (!type_fits(&field, WIRE_BYTES)) return MALFORMED;
            batch.event_count++;
            break;
        case BATCH_LOG_ID:
            if (!type_fits(&field, WIRE_FIXED64)) return MALFORMED;
            batch.log_id = field.value;
            break;
        case BATCH_ANCESTORS:
            if (!type_fits(&field, WIRE_BYTES)) return MALFORMED;
            RETURN_IF_ERROR(take_ancestor(field.bytes, &batch));
            break;
        default:
            break;
        }
    }
    *ret = batch;
    return STATUS_SUCCESS;
}

bool event_batch_next(const struct event_batch *batch, size_t *offset, struct bytes *ret_event)
{
    struct field field;
    while (*offset < batch->packed.size) {
        CHECK(get_field(batch->packed, offset, &field)); // event_batch_parse saw them all.
        if (field.number != BATCH_EVENTS) continue;
        *ret_event = field.bytes;
        return true;
    }
    return false;
}

size_t event_batch_head_pack(const char *source, uint64_t head_seq, uint64_t log_id,
                             uint8_t ret_bytes[static EVENT_BATCH_HEAD_BYTES_MAX])
{
    size_t size = strlen(source);
    CHECK(size < EVENT_SOURCE_BYTES_MAX);
    uint8_t *to = put_bytes(ret_bytes, BATCH_SOURCE, source, size);
    to = put_tag(to, BATCH_HEAD_SEQ, WIRE_VARINT);
    to = put_varint(to, head_seq);
    to = put_fixed64(to, BATCH_LOG_ID, log_id);
    return (size_t)(to - ret_bytes);
}

size_t event_tag_pack(size_t event_bytes, uint8_t ret_bytes[static EVENT_TAG_BYTES_MAX])
{
    uint8_t *to = put_tag(ret_bytes, BATCH_EVENTS, WIRE_BYTES);
    to = put_varint(to, event_bytes);
    return (size_t)(to - ret_bytes);
}

size_t event_tagged_size(size_t event_bytes)
{
    return 1 + varint_size(event_bytes) + event_bytes;
}

struct status event_message_parse(struct bytes message, struct bytes *ret_topic,
                                  struct event_batch *ret)
{
    size_t longest = message.size < EVENT_TYPE_BYTES_MAX ? message.size : EVENT_TYPE_BYTES_MAX;
    const uint8_t *end = longest > 0 ? memchr(message.data, 0, longest) : NULL;
    if (end == NULL || end == message.data) return MALFORMED;
    size_t topic_size = (size_t)(end - message.data);
    if (!text_is_utf8((const char *)message.data, topic_size)) return MALFORMED;
    struct bytes packed = bytes_of(end + 1, message.size - topic_size - 1);
    RETURN_IF_ERROR(event_batch_parse(packed, ret));
    *ret_topic = bytes_of(message.data, topic_size);
    return STATUS_SUCCESS;
}
