/// @file common/json/decode.h
/// From what HTTP clients send (JSON bodies, path variables, query parameters, forms) to protobuf-c
/// messages, by the generated tables.
/// Ownership  Everything made lives in the arena; nothing points into the input.
/// Threads    Pure: any thread, one per arena.
/// Errors     INVALID_ARGUMENT / JSON_MALFORMED or JSON_TOO_DEEP: no JSON at all; INVALID_ARGUMENT
///            / VALIDATION_FAILED: violations name path and reason; RESOURCE_EXHAUSTED /
///            REQUEST_TOO_COMPLEX. What the message's options ask for beyond its types (required,
///            lengths, patterns) is rpc_validate's and checked by the daemon.
/// Source     design 06 "Mapping"; proto3 JSON mapping, narrowed: an integer has no fraction and
///            no exponent; as a number it is within int64, as a string within its field's type.
///
/// Reasons: UNKNOWN_FIELD, DUPLICATE_FIELD, WRONG_TYPE, NULL_NOT_ALLOWED, AMOUNT_MUST_BE_STRING,
/// TOO_MANY_ITEMS, ONEOF_ALREADY_SET, and those of common/json/value.h. All violations are told at
/// once, but for those that common/json/parse.h finds: these come alone.
#pragma once

#include "common/rpc/schema.h"
#include "common/rpc/violations.h"

/// json_decode fills an initialised message (rpc_message_new) from the text. body is the route's:
/// "*" for the whole message, or the name of the field that the text is the value of. An empty text
/// is an empty object. *ret_present: the members that stood in the text, also those with null. In a
/// message with a member mask null clears, so an amount may be null there, too.
MUST_USE struct status json_decode(const struct rpc_message *message, const char *body,
                                   struct bytes text, struct arena *arena, ProtobufCMessage *value,
                                   rpc_field_set *ret_present,
                                   struct rpc_violations *ret_violations);

/// json_bind_text sets the field at path ("id", "filter.currency", either spelling) from decoded
/// text; items of a repeated field are appended, messages on the way are made. A field that holds
/// another value already is refused with DUPLICATE_FIELD. violations are added to.
MUST_USE struct status json_bind_text(const struct rpc_message *message, ProtobufCMessage *value,
                                      struct bytes path, struct bytes text, struct arena *arena,
                                      struct rpc_violations *violations);
