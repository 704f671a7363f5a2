/// @file common/json/value.h
/// One field's value between its text and its place in a protobuf-c message; the only code that
/// knows how formats look in JSON. Bodies, path variables, query parameters and forms share it.
/// Shapes     int64 and amounts "12345", enums by name, UUID text, RFC 3339 times, base64 (or
///            base64url) and hex bytes.
/// Ownership  Values are copied into the arena.
/// Errors     INVALID_ARGUMENT with the field's reason: WRONG_TYPE, RANGE, UNKNOWN_ENUM,
///            BAD_FORMAT, CONTAINS_NUL, AMOUNT_MALFORMED, AMOUNT_OUT_OF_RANGE; RESOURCE_EXHAUSTED.
/// Source     design 06 "Mapping"; proto3 JSON mapping.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/schema.h"

/// struct json_text borrows; it is UTF-8 and may hold NUL.
struct json_text {
    const char *data;
    size_t size;
};

/// struct json_place is where one value goes: a field, or one item of a list.
struct json_place {
    const struct rpc_field *field;
    const ProtobufCFieldDescriptor *descriptor;
    void *member;
};

/// json_value_is_scalar: one text can hold the field's value; true for amounts.
bool json_value_is_scalar(const struct rpc_field *field,
                          const ProtobufCFieldDescriptor *descriptor);
bool json_value_is_amount(const struct rpc_field *field);

/// json_value_set reads the text of one scalar. *place->member is untouched on refusal.
MUST_USE struct status json_value_set(const struct json_place *place, struct json_text text,
                                      struct arena *arena);
