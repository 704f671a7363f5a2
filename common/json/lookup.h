/// @file common/json/lookup.h
/// Where a member's value goes in a message, and lists that grow; shared by decode.c and bind.c.
/// Ownership  Lists grow in the arena.
#pragma once

#include "common/json/value.h"

#define JSON_NOT_FOUND SIZE_MAX

/// json_find_field looks up a name in either spelling, beginning at the index hint: clients mostly
/// write members in the order of the proto. Fields that the gateway fills are not found.
size_t json_find_field(const struct rpc_message *message, struct json_text name, size_t hint);

struct json_place json_place_of(const struct rpc_message *message, size_t index,
                                ProtobufCMessage *value);

/// struct json_list grows by doubling, so that it is copied at most once in all.
struct json_list {
    char *items;
    size_t count, capacity, stride;
};

struct json_list json_list_open(ProtobufCType type);
struct json_list json_list_load(const struct json_place *place, const ProtobufCMessage *owner);
/// json_list_grow gives room for one more, zeroed item; NULL beyond the arena's limit.
void *json_list_grow(struct json_list *list, struct arena *arena);
void json_list_store(const struct json_list *list, const struct json_place *place,
                     ProtobufCMessage *owner);
