#include "common/base/check.h"
#include "common/rpc/validate.h"

#include <string.h>

struct walk {
    struct arena *arena;
    struct rpc_violations *violations;
};

// One field as it stands on the wire.
struct wire_field {
    uint32_t number;
    ProtobufCWireType type;
    struct bytes content; // Without tag and length.
};

#define MALFORMED(message_) REFUSE(INVALID_ARGUMENT, REQUEST_MALFORMED, message_)

static bool read_varint(struct bytes *rest, uint64_t *ret)
{
    enum { VARINT_BYTES_MAX = 10 };

    uint64_t value = 0;
    for (size_t i = 0; i < VARINT_BYTES_MAX && i < rest->size; i++) {
        uint8_t byte = rest->data[i];
        // The tenth byte holds the 64th bit and nothing else.
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) return false;
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret = value;
            *rest = bytes_of(rest->data + i + 1, rest->size - i - 1);
            return true;
        }
    }
    return false;
}

static bool take(struct bytes *rest, uint64_t size, struct bytes *ret)
{
    if (size > rest->size) return false;
    *ret = bytes_of(rest->data, (size_t)size);
    *rest = bytes_of(rest->data + size, rest->size - (size_t)size);
    return true;
}

static bool read_field(struct bytes *rest, struct wire_field *ret)
{
    uint64_t tag, value;
    const uint8_t *begin = rest->data;
    if (!read_varint(rest, &tag) || tag > UINT32_MAX || rest->data - begin > 5) return false;
    ret->number = (uint32_t)tag >> 3;
    if (ret->number == 0) return false;
    ret->type = (ProtobufCWireType)(tag & 7);
    switch (ret->type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        begin = rest->data;
        if (!read_varint(rest, &value)) return false;
        ret->content = bytes_of(begin, (size_t)(rest->data - begin));
        return true;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return take(rest, 8, &ret->content);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return take(rest, 4, &ret->content);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        begin = rest->data;
        // protobuf-c reads lengths of at most five bytes.
        return read_varint(rest, &value) && rest->data - begin <= 5 &&
               take(rest, value, &ret->content);
    default:
        return false; // Groups, which protobuf-c does not know.
    }
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

// How many items a packed run holds; false when it does not come out even.
static bool count_packed(ProtobufCWireType type, struct bytes content, size_t *ret)
{
    if (type != PROTOBUF_C_WIRE_TYPE_VARINT) {
        size_t size = type == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
        *ret = content.size / size;
        return content.size % size == 0;
    }
    uint64_t value;
    for (*ret = 0; content.size > 0; (*ret)++) {
        if (!read_varint(&content, &value)) return false;
    }
    return true;
}

static struct status check_message(struct walk *walk, const struct rpc_message *message,
                                   struct bytes rest, const struct rpc_path *path, unsigned depth);

static struct status check_content(struct walk *walk, const struct rpc_field *field,
                                   const ProtobufCFieldDescriptor *descriptor, struct bytes content,
                                   const struct rpc_path *path, unsigned depth)
{
    if (descriptor->type == PROTOBUF_C_TYPE_STRING && content.size > 0 &&
        memchr(content.data, 0, content.size) != NULL) {
        rpc_violations_add(walk->violations, walk->arena, path, "CONTAINS_NUL");
    }
    if (descriptor->type != PROTOBUF_C_TYPE_MESSAGE) return STATUS_SUCCESS;
    if (depth == RPC_DEPTH_MAX) {
        rpc_violations_add(walk->violations, walk->arena, path, "TOO_DEEP");
        return rpc_violations_status(walk->violations);
    }
    return check_message(walk, field->message, content, path, depth + 1);
}

// A oneof holds one member, so the second one is as much a duplicate as the same field again.
static rpc_field_set same_place(const ProtobufCMessageDescriptor *descriptor, size_t index)
{
    rpc_field_set set = (rpc_field_set)1 << index;
    const ProtobufCFieldDescriptor *field = &descriptor->fields[index];
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0) return set;
    for (size_t i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &descriptor->fields[i];
        if ((other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            other->quantifier_offset == field->quantifier_offset) {
            set |= (rpc_field_set)1 << i;
        }
    }
    return set;
}

static struct status check_message(struct walk *walk, const struct rpc_message *message,
                                   struct bytes rest, const struct rpc_path *parent, unsigned depth)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    CHECK(descriptor->n_fields <= RPC_FIELDS_MAX);
    size_t counts[RPC_FIELDS_MAX] = {0};
    rpc_field_set seen = 0;
    while (rest.size > 0) {
        struct wire_field wire;
        if (!read_field(&rest, &wire)) return MALFORMED("the bytes are not a protobuf message");
        const ProtobufCFieldDescriptor *found =
            protobuf_c_message_descriptor_get_field(descriptor, wire.number);
        if (found == NULL) continue;
        size_t index = (size_t)(found - descriptor->fields);
        const struct rpc_field *field = &message->fields[index];
        struct rpc_path path = {parent, field->name, field->name_bytes, RPC_PATH_NO_INDEX};
        bool is_repeated = found->label == PROTOBUF_C_LABEL_REPEATED;

        ProtobufCWireType expected = wire_type_of(found->type);
        bool is_packed = is_repeated && wire.type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
                         expected != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
        size_t items = 1;
        if (is_packed ? !count_packed(expected, wire.content, &items) : wire.type != expected) {
            return MALFORMED("a field has the wire type of another type");
        }

        if (is_repeated) {
            path.index = is_packed ? RPC_PATH_NO_INDEX : counts[index];
            counts[index] += items;
            if (counts[index] > field->items_max) {
                path.index = RPC_PATH_NO_INDEX;
                rpc_violations_add(walk->violations, walk->arena, &path, "TOO_MANY_ITEMS");
                return rpc_violations_status(walk->violations);
            }
        } else if ((seen & same_place(descriptor, index)) != 0) {
            rpc_violations_add(walk->violations, walk->arena, &path, "DUPLICATE_FIELD");
            return rpc_violations_status(walk->violations);
        }
        seen |= (rpc_field_set)1 << index;
        if (!is_packed) {
            RETURN_IF_ERROR(check_content(walk, field, found, wire.content, &path, depth));
        }
    }
    return STATUS_SUCCESS;
}

struct status rpc_wire_check(const struct rpc_message *message, struct bytes wire,
                             struct arena *arena, struct rpc_violations *ret_violations)
{
    *ret_violations = (struct rpc_violations){.count = 0};
    struct walk walk = {.arena = arena, .violations = ret_violations};
    RETURN_IF_ERROR(check_message(&walk, message, wire, NULL, 1));
    return rpc_violations_status(ret_violations);
}
