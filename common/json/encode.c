#include "common/json/encode.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/id128.h"
#include "common/base/text.h"
#include "common/json/value.h"
#include "common/rpc/amount.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"

#include <stdio.h>
#include <string.h>

#define WRITE_LITERAL(writer_, text_) json_write_raw((writer_), text_, sizeof(text_) - 1)

static void write_message(struct json_writer *writer, const struct rpc_message *message,
                          const ProtobufCMessage *value);

static void write_quoted(struct json_writer *writer, const char *plain, size_t size)
{
    WRITE_LITERAL(writer, "\"");
    json_write_raw(writer, plain, size);
    WRITE_LITERAL(writer, "\"");
}

static void write_signed(struct json_writer *writer, int64_t value)
{
    uint64_t magnitude = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value;
    json_write_integer(writer, value < 0, magnitude);
}

// 64-bit integers are strings in JSON: readers with doubles would round them.
static void write_signed_text(struct json_writer *writer, int64_t value)
{
    WRITE_LITERAL(writer, "\"");
    write_signed(writer, value);
    WRITE_LITERAL(writer, "\"");
}

static void write_unsigned_text(struct json_writer *writer, const struct rpc_field *field,
                                uint64_t value)
{
    if (field->format == RPC_FORMAT_TIMESTAMP_NS) {
        char text[CLOCK_RFC3339_BYTES];
        if (value == 0) {
            WRITE_LITERAL(writer, "null");
        } else {
            write_quoted(writer, text, clock_format_rfc3339(value, text));
        }
        return;
    }
    WRITE_LITERAL(writer, "\"");
    json_write_integer(writer, false, value);
    WRITE_LITERAL(writer, "\"");
}

static void write_double(struct json_writer *writer, double value)
{
    enum { DOUBLE_BYTES = 32 };

    char text[DOUBLE_BYTES];
    // 17 digits give every double back exactly. JSON has no word for what is not finite.
    int length = snprintf(text, sizeof text, "%.17g", value);
    CHECK(length > 0 && length < DOUBLE_BYTES);
    if (value - value != 0) {
        WRITE_LITERAL(writer, "null");
    } else {
        json_write_raw(writer, text, (size_t)length);
    }
}

static void write_enum(struct json_writer *writer, const ProtobufCEnumDescriptor *descriptor,
                       int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(descriptor, value);
    if (known != NULL) {
        write_quoted(writer, known->name, strlen(known->name));
    } else {
        write_signed(writer, value); // A newer daemon's value: its number says more than nothing.
    }
}

static void write_bytes(struct json_writer *writer, const struct rpc_field *field,
                        const ProtobufCBinaryData *bytes)
{
    if (field->format == RPC_FORMAT_UUID) {
        char text[ID128_TEXT_BYTES];
        if (bytes->len == 0) {
            WRITE_LITERAL(writer, "null");
        } else if (bytes->len != ID128_BYTES) {
            writer->status = REFUSE(INTERNAL, REPLY_MALFORMED, "an id is not 16 bytes long");
        } else {
            id128_format(id128_of(bytes->data), text);
            write_quoted(writer, text, ID128_TEXT_BYTES - 1);
        }
        return;
    }
    bool is_hex = field->format == RPC_FORMAT_HEX;
    size_t room = is_hex ? 2 * bytes->len + 1 : BASE64_TEXT_BYTES(bytes->len);
    char *text = arena_alloc(writer->arena, room);
    if (text == NULL) {
        writer->status = ARENA_STATUS_EXHAUSTED;
        return;
    }
    size_t size = 2 * bytes->len;
    if (is_hex) {
        hex_encode(bytes->data, bytes->len, text);
    } else {
        size = base64_encode(bytes->data, bytes->len, text);
    }
    write_quoted(writer, text, size);
}

static void write_submessage(struct json_writer *writer, const struct rpc_field *field,
                             const ProtobufCMessage *value)
{
    if (value == NULL) {
        WRITE_LITERAL(writer, "null");
    } else if (field->format == RPC_FORMAT_AMOUNT) {
        char text[U128_TEXT_BYTES];
        write_quoted(writer, text, u128_format(rpc_amount_get(value), text));
    } else if (field->format == RPC_FORMAT_SIGNED_AMOUNT) {
        char text[I128_TEXT_BYTES];
        write_quoted(writer, text, i128_format((i128)rpc_amount_get(value), text));
    } else {
        write_message(writer, field->message, value);
    }
}

static void write_text(struct json_writer *writer, const struct rpc_field *field, const char *text)
{
    size_t size = text != NULL ? strlen(text) : 0;
    if (field->format != RPC_FORMAT_JSON) {
        json_write_string(writer, size > 0 ? text : "", size);
    } else if (size > 0) {
        json_write_raw(writer, text, size); // A value already, of our own making.
    } else {
        WRITE_LITERAL(writer, "null");
    }
}

static void write_value(struct json_writer *writer, const struct rpc_field *field,
                        const ProtobufCFieldDescriptor *descriptor, const void *member)
{
    switch (descriptor->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        write_signed(writer, *(const int32_t *)member);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        write_signed_text(writer, *(const int64_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_write_integer(writer, false, *(const uint32_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        write_unsigned_text(writer, field, *(const uint64_t *)member);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        write_double(writer, (double)*(const float *)member);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        write_double(writer, *(const double *)member);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        if (*(const protobuf_c_boolean *)member) {
            WRITE_LITERAL(writer, "true");
        } else {
            WRITE_LITERAL(writer, "false");
        }
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(writer, descriptor->descriptor, *(const int *)member);
        break;
    case PROTOBUF_C_TYPE_STRING:
        write_text(writer, field, *(const char *const *)member);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(writer, field, member);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_submessage(writer, field, *(const ProtobufCMessage *const *)member);
        break;
    }
}

static void write_list(struct json_writer *writer, const struct rpc_field *field,
                       const ProtobufCFieldDescriptor *descriptor, const char *items, size_t count)
{
    size_t stride = rpc_item_bytes(descriptor->type);
    WRITE_LITERAL(writer, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) WRITE_LITERAL(writer, ",");
        write_value(writer, field, descriptor, items + i * stride);
    }
    WRITE_LITERAL(writer, "]");
}

// Names in JSON are strings, so a key of another type is put in quotes.
static void write_key(struct json_writer *writer, const struct rpc_message *entry_type,
                      const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *key = &entry_type->descriptor->fields[0];
    const char *member = (const char *)entry + key->offset;
    // 64-bit keys come with quotes of their own already, as strings do.
    bool has_quotes =
        key->type == PROTOBUF_C_TYPE_STRING || rpc_item_bytes(key->type) == sizeof(int64_t);
    if (!has_quotes) WRITE_LITERAL(writer, "\"");
    write_value(writer, &entry_type->fields[0], key, member);
    if (!has_quotes) WRITE_LITERAL(writer, "\"");
}

static void write_map(struct json_writer *writer, const struct rpc_message *entry_type,
                      const ProtobufCMessage *const *entries, size_t count)
{
    const ProtobufCFieldDescriptor *descriptor = &entry_type->descriptor->fields[1];
    WRITE_LITERAL(writer, "{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0) WRITE_LITERAL(writer, ",");
        write_key(writer, entry_type, entries[i]);
        WRITE_LITERAL(writer, ":");
        write_value(writer, &entry_type->fields[1], descriptor,
                    (const char *)entries[i] + descriptor->offset);
    }
    WRITE_LITERAL(writer, "}");
}

static bool is_written(const struct rpc_field *field, const ProtobufCFieldDescriptor *descriptor,
                       const ProtobufCMessage *value)
{
    if (!rpc_field_is_in_json(field)) return false;
    if ((descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) return true;
    uint32_t set;
    memcpy(&set, (const char *)value + descriptor->quantifier_offset, sizeof set);
    return set == descriptor->id;
}

static void write_message(struct json_writer *writer, const struct rpc_message *message,
                          const ProtobufCMessage *value)
{
    CHECK(value->descriptor == message->descriptor);
    bool is_first = true;
    WRITE_LITERAL(writer, "{");
    for (size_t i = 0; i < message->descriptor->n_fields; i++) {
        const struct rpc_field *field = &message->fields[i];
        const ProtobufCFieldDescriptor *descriptor = &message->descriptor->fields[i];
        if (!is_written(field, descriptor, value)) continue;
        if (!is_first) WRITE_LITERAL(writer, ",");
        is_first = false;
        write_quoted(writer, field->name, field->name_bytes);
        WRITE_LITERAL(writer, ":");

        const char *member = (const char *)value + descriptor->offset;
        if (descriptor->label != PROTOBUF_C_LABEL_REPEATED) {
            write_value(writer, field, descriptor, member);
            continue;
        }
        size_t count;
        memcpy(&count, (const char *)value + descriptor->quantifier_offset, sizeof count);
        const char *items = *(const char *const *)(const void *)member;
        if (field->is_map) {
            write_map(writer, field->message, (const void *)items, count);
        } else {
            write_list(writer, field, descriptor, items, count);
        }
    }
    WRITE_LITERAL(writer, "}");
}

struct status json_encode_sized(const struct rpc_message *message, const ProtobufCMessage *value,
                                size_t wire_bytes, struct arena *arena, struct bytes *ret)
{
    // Names and quotes make JSON some five times as long as the wire form.
    enum { EXPANSION = 5, SLACK_BYTES = 512 };
    struct json_writer writer;
    json_writer_open(&writer, arena, EXPANSION * wire_bytes + SLACK_BYTES);
    write_message(&writer, message, value);
    return json_writer_finish(&writer, ret);
}

struct status json_encode(const struct rpc_message *message, const ProtobufCMessage *value,
                          struct arena *arena, struct bytes *ret)
{
    return json_encode_sized(message, value, 0, arena, ret);
}

struct status json_encode_wire(const struct rpc_message *message, struct bytes wire,
                               struct arena *arena, struct bytes *ret)
{
    ProtobufCMessage *value;
    RETURN_IF_ERROR(rpc_unpack(message->descriptor, wire, arena, &value));
    return json_encode_sized(message, value, wire.size, arena, ret);
}
