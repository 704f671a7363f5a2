#include "common/json/lookup.h"

#include "common/rpc/validate.h"

#include <string.h>

static bool matches(const char *name, size_t name_bytes, struct json_text text)
{
    return name_bytes == text.size && memcmp(name, text.data, text.size) == 0;
}

size_t json_find_field(const struct rpc_message *message, struct json_text name, size_t hint)
{
    size_t count = message->descriptor->n_fields;
    for (size_t i = 0; i < count && name.size > 0; i++) {
        size_t index = hint + i < count ? hint + i : hint + i - count;
        const struct rpc_field *field = &message->fields[index];
        if ((matches(field->name, field->name_bytes, name) ||
             matches(field->camel_name, field->camel_name_bytes, name)) &&
            rpc_field_is_in_json(field)) {
            return index;
        }
    }
    return JSON_NOT_FOUND;
}

struct json_place json_place_of(const struct rpc_message *message, size_t index,
                                ProtobufCMessage *value)
{
    const ProtobufCFieldDescriptor *descriptor = &message->descriptor->fields[index];
    return (struct json_place){.field = &message->fields[index],
                               .descriptor = descriptor,
                               .member = (char *)value + descriptor->offset};
}

struct json_list json_list_open(ProtobufCType type)
{
    return (struct json_list){.stride = rpc_item_bytes(type)};
}

struct json_list json_list_load(const struct json_place *place, const ProtobufCMessage *owner)
{
    struct json_list list = json_list_open(place->descriptor->type);
    memcpy(&list.count, (const char *)owner + place->descriptor->quantifier_offset, sizeof(size_t));
    memcpy(&list.items, place->member, sizeof(char *));
    // What else the memory behind it holds is not known, so the next item moves the list.
    list.capacity = list.count;
    return list;
}

void *json_list_grow(struct json_list *list, struct arena *arena)
{
    enum { FIRST_CAPACITY = 4 };

    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? 2 * list->capacity : FIRST_CAPACITY;
        char *items = arena_alloc(arena, capacity * list->stride);
        if (items == NULL) return NULL;
        if (list->count > 0) memcpy(items, list->items, list->count * list->stride);
        list->items = items;
        list->capacity = capacity;
    }
    return list->items + list->stride * list->count++;
}

void json_list_store(const struct json_list *list, const struct json_place *place,
                     ProtobufCMessage *owner)
{
    memcpy((char *)owner + place->descriptor->quantifier_offset, &list->count, sizeof(size_t));
    memcpy(place->member, &list->items, sizeof(char *));
}
