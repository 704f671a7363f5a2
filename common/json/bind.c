// Path variables, query parameters and form fields: one text for one field.
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/json/decode.h"
#include "common/json/lookup.h"
#include "common/json/value.h"
#include "common/rpc/amount.h"
#include "common/rpc/validate.h"

#include <string.h>

// Room for a value before it is known whether the field takes it.
union scratch {
    int64_t integer;
    double real;
    char *text;
    ProtobufCBinaryData bytes;
    ProtobufCMessage *message;
};

static bool is_default(const ProtobufCFieldDescriptor *descriptor, const void *member)
{
    static const union scratch zero;
    if (descriptor->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(char *const *)member;
        return text == NULL || text[0] == '\0';
    }
    if (descriptor->type == PROTOBUF_C_TYPE_BYTES) {
        return ((const ProtobufCBinaryData *)member)->len == 0;
    }
    return memcmp(member, &zero, rpc_item_bytes(descriptor->type)) == 0;
}

static bool is_same(const ProtobufCFieldDescriptor *descriptor, const void *a, const void *b)
{
    if (descriptor->type == PROTOBUF_C_TYPE_STRING) {
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    }
    if (descriptor->type == PROTOBUF_C_TYPE_BYTES) {
        const ProtobufCBinaryData *left = a, *right = b;
        return bytes_equal(bytes_of(left->data, left->len), bytes_of(right->data, right->len));
    }
    if (descriptor->type == PROTOBUF_C_TYPE_MESSAGE) {
        return rpc_amount_get(*(ProtobufCMessage *const *)a) ==
               rpc_amount_get(*(ProtobufCMessage *const *)b);
    }
    return memcmp(a, b, rpc_item_bytes(descriptor->type)) == 0;
}

static struct status set_singular(const struct json_place *place, ProtobufCMessage *owner,
                                  struct json_text text, struct arena *arena)
{
    const ProtobufCFieldDescriptor *descriptor = place->descriptor;
    union scratch scratch = {0};
    struct json_place tried = *place;
    tried.member = &scratch;
    RETURN_IF_ERROR(json_value_set(&tried, text, arena));
    uint32_t set = descriptor->id;
    bool is_in_oneof = (descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    if (is_in_oneof) memcpy(&set, (char *)owner + descriptor->quantifier_offset, sizeof set);
    if (is_in_oneof && set != 0 && set != descriptor->id) {
        return REFUSE(INVALID_ARGUMENT, ONEOF_ALREADY_SET, "another member of the oneof is set");
    }
    // The members of a oneof share their place, so it says something only once the member is set.
    bool is_set = (!is_in_oneof || set == descriptor->id) && !is_default(descriptor, place->member);
    if (is_set && !is_same(descriptor, place->member, &scratch)) {
        return REFUSE(INVALID_ARGUMENT, DUPLICATE_FIELD, "the field has another value already");
    }
    memcpy(place->member, &scratch, rpc_item_bytes(descriptor->type));
    if (is_in_oneof) {
        memcpy((char *)owner + descriptor->quantifier_offset, &descriptor->id, sizeof set);
    }
    return STATUS_SUCCESS;
}

static struct status append(const struct json_place *place, ProtobufCMessage *owner,
                            struct json_text text, struct arena *arena)
{
    struct json_list list = json_list_load(place, owner);
    if (list.count >= place->field->items_max) {
        return REFUSE(INVALID_ARGUMENT, TOO_MANY_ITEMS, "the list has no room");
    }
    struct json_place item = *place;
    item.member = json_list_grow(&list, arena);
    if (item.member == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(json_value_set(&item, text, arena));
    json_list_store(&list, place, owner);
    return STATUS_SUCCESS;
}

// Walks "a.b" to the message that holds b, making what is missing on the way.
static struct status find_place(const struct rpc_message *message, ProtobufCMessage *value,
                                struct bytes path, struct arena *arena, struct json_place *ret,
                                ProtobufCMessage **ret_owner)
{
    for (;;) {
        const uint8_t *dot = path.size > 0 ? memchr(path.data, '.', path.size) : NULL;
        struct json_text name = {.data = (const char *)path.data,
                                 .size = dot != NULL ? (size_t)(dot - path.data) : path.size};
        size_t index = json_find_field(message, name, 0);
        if (index == JSON_NOT_FOUND) break;
        *ret = json_place_of(message, index, value);
        *ret_owner = value;
        bool is_scalar = json_value_is_scalar(ret->field, ret->descriptor);
        if (dot == NULL && is_scalar) return STATUS_SUCCESS;
        if (dot == NULL || is_scalar || ret->descriptor->label == PROTOBUF_C_LABEL_REPEATED ||
            (ret->descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            break;
        }
        ProtobufCMessage **inner = ret->member;
        if (*inner == NULL) *inner = rpc_message_new(ret->field->message, arena);
        if (*inner == NULL) return ARENA_STATUS_EXHAUSTED;
        message = ret->field->message;
        value = *inner;
        path = bytes_of(dot + 1, path.size - name.size - 1);
    }
    return REFUSE(INVALID_ARGUMENT, UNKNOWN_FIELD, "the request has no such field");
}

static struct status bind(const struct rpc_message *message, ProtobufCMessage *value,
                          struct bytes path, struct bytes text, struct arena *arena)
{
    struct json_place place;
    ProtobufCMessage *owner;
    struct json_text copy = {.data = text.size > 0 ? (const char *)text.data : "",
                             .size = text.size};
    RETURN_IF_ERROR(find_place(message, value, path, arena, &place, &owner));
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        return REFUSE(INVALID_ARGUMENT, CONTAINS_NUL, "the value holds a NUL");
    }
    if (!text_is_utf8(copy.data, copy.size)) {
        return REFUSE(INVALID_ARGUMENT, NOT_UTF8, "the value is not UTF-8");
    }
    if (place.descriptor->label == PROTOBUF_C_LABEL_REPEATED) {
        return append(&place, owner, copy, arena);
    }
    return set_singular(&place, owner, copy, arena);
}

struct status json_bind_text(const struct rpc_message *message, ProtobufCMessage *value,
                             struct bytes path, struct bytes text, struct arena *arena,
                             struct rpc_violations *violations)
{
    CHECK(value->descriptor == message->descriptor);
    struct status status = bind(message, value, path, text, arena);
    if (status_ok(status) || status.code != STATUS_INVALID_ARGUMENT) return status;
    const char *name = path.size > 0 ? (const char *)path.data : "";
    struct rpc_path step = {NULL, name, path.size, RPC_PATH_NO_INDEX};
    rpc_violations_add(violations, arena, &step, status.reason);
    return rpc_violations_status(violations);
}
