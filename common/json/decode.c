#include "common/json/decode.h"

#include "common/base/check.h"
#include "common/json/lookup.h"
#include "common/json/parse.h"
#include "common/rpc/validate.h"

#include <stdio.h>
#include <string.h>

// What the functions here return is never a refusal: that is noted, and decoding goes on behind the
// value, so that a client sees all at once.
struct decoder {
    struct arena *arena;
    struct rpc_violations *violations;
};

static struct rpc_path step(const struct rpc_path *parent, struct json_text name)
{
    return (struct rpc_path){parent, name.data, name.size, RPC_PATH_NO_INDEX};
}

static struct status refuse(struct decoder *decoder, const struct rpc_path *path,
                            const char *reason)
{
    rpc_violations_add(decoder->violations, decoder->arena, path, reason);
    return STATUS_SUCCESS;
}

static struct status decode_object(struct decoder *decoder, const struct rpc_message *message,
                                   json_t *json, ProtobufCMessage *value,
                                   const struct rpc_path *parent, rpc_field_set *ret_present);

/* Single values */

static_assert(PROTOBUF_C_TYPE_INT32 == 0 && PROTOBUF_C_TYPE_FLOAT == PROTOBUF_C_TYPE_FIXED64 + 1,
              "integer types come first");

static const char *check_kind(const struct json_place *place, const json_t *json)
{
    ProtobufCType type = place->descriptor->type;
    bool is_integer = type <= PROTOBUF_C_TYPE_FIXED64; // protobuf-c counts these first.
    bool is_real = type == PROTOBUF_C_TYPE_DOUBLE || type == PROTOBUF_C_TYPE_FLOAT;
    bool is_amount = json_value_is_amount(place->field);
    if (is_amount && json_is_number(json)) return "AMOUNT_MUST_BE_STRING";
    bool fits;
    switch (json_typeof(json)) {
    case JSON_STRING: // 32-bit numbers are numbers only, enums names only.
        fits = type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
               type == PROTOBUF_C_TYPE_ENUM || is_amount ||
               (is_integer && rpc_item_bytes(type) == sizeof(int64_t));
        break;
    case JSON_INTEGER:
        fits = is_real || (is_integer && place->field->format != RPC_FORMAT_TIMESTAMP_NS);
        break;
    case JSON_REAL: // Also 5.0: once it is a double, nobody knows what it was rounded from.
        fits = is_real;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        fits = type == PROTOBUF_C_TYPE_BOOL;
        break;
    default:
        fits = false;
    }
    return fits ? NULL : "WRONG_TYPE";
}

enum { NUMBER_BYTES = 32 }; // A sign, 17 digits, a point and an exponent, or 19 digits.

// One text for each kind of scalar, as path variables and query parameters have it.
static struct json_text text_of(const json_t *json, char number[static NUMBER_BYTES])
{
    int size;
    switch (json_typeof(json)) {
    case JSON_STRING:
        return (struct json_text){json_string_value(json), json_string_length(json)};
    case JSON_INTEGER:
        size = snprintf(number, NUMBER_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        break;
    case JSON_REAL: // 17 digits give every double back exactly.
        size = snprintf(number, NUMBER_BYTES, "%.17g", json_real_value(json));
        break;
    default:
        return json_is_true(json) ? (struct json_text){"true", 4} : (struct json_text){"false", 5};
    }
    CHECK(size > 0 && size < NUMBER_BYTES);
    return (struct json_text){number, (size_t)size};
}

static struct status decode_value(struct decoder *decoder, const struct json_place *place,
                                  json_t *json, const struct rpc_path *path)
{
    if (json_value_is_scalar(place->field, place->descriptor)) {
        const char *reason = check_kind(place, json);
        if (reason != NULL) return refuse(decoder, path, reason);
        char number[NUMBER_BYTES];
        struct status status = json_value_set(place, text_of(json, number), decoder->arena);
        if (status.code == STATUS_INVALID_ARGUMENT) return refuse(decoder, path, status.reason);
        return status;
    }
    if (!json_is_object(json)) return refuse(decoder, path, "WRONG_TYPE");
    ProtobufCMessage *message = rpc_message_new(place->field->message, decoder->arena);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    *(ProtobufCMessage **)place->member = message;
    rpc_field_set present;
    return decode_object(decoder, place->field->message, json, message, path, &present);
}

/* Lists and maps */

static struct status decode_list(struct decoder *decoder, const struct json_place *place,
                                 json_t *json, ProtobufCMessage *value, struct rpc_path *path)
{
    size_t count = json_array_size(json);
    if (!json_is_array(json)) return refuse(decoder, path, "WRONG_TYPE");
    if (count > place->field->items_max) return refuse(decoder, path, "TOO_MANY_ITEMS");
    struct json_list list = json_list_open(place->descriptor->type);
    for (path->index = 0; path->index < count; path->index++) {
        json_t *item = json_array_get(json, path->index);
        if (json_is_null(item)) {
            refuse(decoder, path, "NULL_NOT_ALLOWED");
            continue;
        }
        struct json_place item_place = *place;
        item_place.member = json_list_grow(&list, decoder->arena);
        if (item_place.member == NULL) return ARENA_STATUS_EXHAUSTED;
        RETURN_IF_ERROR(decode_value(decoder, &item_place, item, path));
    }
    json_list_store(&list, place, value);
    return STATUS_SUCCESS;
}

// Two names of an object are never the same, but "0" and "-0" are the same number.
static bool map_has_key(const struct json_list *list, const ProtobufCFieldDescriptor *key,
                        const ProtobufCMessage *entry)
{
    if (key->type == PROTOBUF_C_TYPE_STRING) return false;
    for (size_t i = 0; i + 1 < list->count; i++) {
        const char *other = ((const char *const *)(const void *)list->items)[i];
        if (memcmp(other + key->offset, (const char *)entry + key->offset,
                   rpc_item_bytes(key->type)) == 0) {
            return true;
        }
    }
    return false;
}

// A map is a list of entries (key = 1, value = 2) in the message and an object in JSON.
static struct status decode_entry(struct decoder *decoder, const struct rpc_message *entry_type,
                                  struct json_list *list, struct json_text name, json_t *json,
                                  const struct rpc_path *path)
{
    ProtobufCMessage **item = json_list_grow(list, decoder->arena);
    ProtobufCMessage *entry = rpc_message_new(entry_type, decoder->arena);
    if (item == NULL || entry == NULL) return ARENA_STATUS_EXHAUSTED;
    *item = entry;
    struct json_place key = json_place_of(entry_type, 0, entry);
    struct status status = json_value_set(&key, name, decoder->arena);
    if (status.code == STATUS_INVALID_ARGUMENT) return refuse(decoder, path, status.reason);
    RETURN_IF_ERROR(status);
    if (map_has_key(list, key.descriptor, entry)) return refuse(decoder, path, "DUPLICATE_FIELD");
    if (json_is_null(json)) return refuse(decoder, path, "NULL_NOT_ALLOWED");
    struct json_place value = json_place_of(entry_type, 1, entry);
    return decode_value(decoder, &value, json, path);
}

static struct json_text name_at(void *member)
{
    return (struct json_text){json_object_iter_key(member), json_object_iter_key_len(member)};
}

static struct status decode_map(struct decoder *decoder, const struct json_place *place,
                                json_t *json, ProtobufCMessage *value, const struct rpc_path *path)
{
    if (!json_is_object(json)) return refuse(decoder, path, "WRONG_TYPE");
    if (json_object_size(json) > place->field->items_max) {
        return refuse(decoder, path, "TOO_MANY_ITEMS");
    }
    struct json_list list = json_list_open(PROTOBUF_C_TYPE_MESSAGE);
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct json_text name = name_at(at);
        struct rpc_path entry_path = step(path, name);
        RETURN_IF_ERROR(decode_entry(decoder, place->field->message, &list, name,
                                     json_object_iter_value(at), &entry_path));
    }
    json_list_store(&list, place, value);
    return STATUS_SUCCESS;
}

/* Fields and objects */

// null is as if the member were not there; where a mask says that it was, it clears.
static bool may_be_null(const struct rpc_field *field, bool nulls_clear)
{
    return !field->required && (nulls_clear || !json_value_is_amount(field));
}

static struct status decode_field(struct decoder *decoder, const struct json_place *place,
                                  json_t *json, bool nulls_clear, ProtobufCMessage *value,
                                  struct rpc_path *path)
{
    const ProtobufCFieldDescriptor *descriptor = place->descriptor;
    if (json_is_null(json)) {
        return may_be_null(place->field, nulls_clear) ? STATUS_SUCCESS
                                                      : refuse(decoder, path, "NULL_NOT_ALLOWED");
    }
    if (place->field->is_map) return decode_map(decoder, place, json, value, path);
    if (descriptor->label == PROTOBUF_C_LABEL_REPEATED) {
        return decode_list(decoder, place, json, value, path);
    }
    if ((descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t set;
        memcpy(&set, (char *)value + descriptor->quantifier_offset, sizeof set);
        if (set != 0) return refuse(decoder, path, "ONEOF_ALREADY_SET");
        memcpy((char *)value + descriptor->quantifier_offset, &descriptor->id, sizeof set);
    }
    return decode_value(decoder, place, json, path);
}

static struct status decode_object(struct decoder *decoder, const struct rpc_message *message,
                                   json_t *json, ProtobufCMessage *value,
                                   const struct rpc_path *parent, rpc_field_set *ret_present)
{
    size_t hint = 0;
    *ret_present = 0;
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        struct json_text name = name_at(at);
        struct rpc_path path = step(parent, name);
        size_t index = json_find_field(message, name, hint);
        if (index == JSON_NOT_FOUND) {
            refuse(decoder, &path, "UNKNOWN_FIELD");
            continue;
        }
        rpc_field_set bit = (rpc_field_set)1 << index;
        if ((*ret_present & bit) != 0) { // In its two spellings: jansson has seen two names.
            refuse(decoder, &path, "DUPLICATE_FIELD");
            continue;
        }
        *ret_present |= bit;
        hint = index + 1;
        struct json_place place = json_place_of(message, index, value);
        RETURN_IF_ERROR(decode_field(decoder, &place, json_object_iter_value(at),
                                     message->has_member_mask, value, &path));
    }
    return STATUS_SUCCESS;
}

static struct status decode_body(struct decoder *decoder, const struct rpc_message *message,
                                 const char *body, json_t *json, ProtobufCMessage *value,
                                 rpc_field_set *ret_present)
{
    if (strcmp(body, "*") == 0) {
        if (!json_is_object(json)) return refuse(decoder, NULL, "WRONG_TYPE");
        return decode_object(decoder, message, json, value, NULL, ret_present);
    }
    struct json_text name = {.data = body, .size = strlen(body)};
    size_t index = json_find_field(message, name, 0);
    CHECK(index != JSON_NOT_FOUND); // The generator has looked.
    struct json_place place = json_place_of(message, index, value);
    struct rpc_path path = step(NULL, name);
    *ret_present = (rpc_field_set)1 << index;
    return decode_field(decoder, &place, json, false, value, &path);
}

struct status json_decode(const struct rpc_message *message, const char *body, struct bytes text,
                          struct arena *arena, ProtobufCMessage *value, rpc_field_set *ret_present,
                          struct rpc_violations *ret_violations)
{
    CHECK(value->descriptor == message->descriptor && body[0] != '\0');
    struct decoder decoder = {.arena = arena, .violations = ret_violations};
    *ret_violations = (struct rpc_violations){.count = 0};
    *ret_present = 0;
    if (text.size == 0) return STATUS_SUCCESS;
    CLEANUP(json_decrefp) json_t *json = NULL;
    RETURN_IF_ERROR(json_parse(text, arena, &json, ret_violations));
    RETURN_IF_ERROR(decode_body(&decoder, message, body, json, value, ret_present));
    return rpc_violations_status(ret_violations);
}
