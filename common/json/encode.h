/// @file common/json/encode.h
/// From protobuf-c messages to JSON, by the generated tables, and a small writer for the JSON that
/// is not a message (problem+json, health).
/// Shapes     Every field is written, defaults too, by its proto name: an absent message, a zero
///            time and an empty UUID are null; of a oneof only the member that is set. Fields that
///            the gateway fills (rpc_field_is_in_json) are left out.
/// Ownership  The text lives in the arena.
/// Threads    Pure: any thread, one per arena.
/// Errors     RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX; INTERNAL / REPLY_MALFORMED for a UUID that
///            is not 16 bytes. Text that is not UTF-8 is written with U+FFFD in place of its bytes.
/// Source     design 06 "Mapping"; proto3 JSON mapping.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/schema.h"

MUST_USE struct status json_encode(const struct rpc_message *message, const ProtobufCMessage *value,
                                   struct arena *arena, struct bytes *ret);

/// json_encode_sized is json_encode of a message whose serialised form had wire_bytes bytes: what
/// the text will take is guessed from that, so that it seldom moves.
MUST_USE struct status json_encode_sized(const struct rpc_message *message,
                                         const ProtobufCMessage *value, size_t wire_bytes,
                                         struct arena *arena, struct bytes *ret);

/// json_encode_wire is json_encode of a serialised message, as a reply arrives.
MUST_USE struct status json_encode_wire(const struct rpc_message *message, struct bytes wire,
                                        struct arena *arena, struct bytes *ret);

struct json_writer {
    struct arena *arena;
    char *data;
    size_t size, capacity;
    struct status status; // The first error; later writes do nothing.
};

/// json_writer_open: size_hint is the expected length of the text.
void json_writer_open(struct json_writer *writer, struct arena *arena, size_t size_hint);
void json_write_raw(struct json_writer *writer, const char *text, size_t size);
void json_write_string(struct json_writer *writer, const char *text, size_t size); // With quotes.
void json_write_integer(struct json_writer *writer, bool is_negative, uint64_t magnitude);
/// json_write_member writes a comma unless *is_first, the name in quotes and a colon.
void json_write_member(struct json_writer *writer, bool *is_first, const char *name);
MUST_USE struct status json_writer_finish(struct json_writer *writer, struct bytes *ret);
