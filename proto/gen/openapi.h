/// @file proto/gen/openapi.h
/// JSON Schemas of messages, as the gateway's JSON takes and writes them (openapi_schema.c), for
/// the operations (openapi.c). Shapes     Each message has up to two schemas: "ledger.v1.Transfer"
/// as replies write it (every
///            member there, null where a value can be absent) and "ledger.v1.Transfer.Input" as
///            requests may send it (unknown members refused, limits and patterns stated).
/// Ownership  Every json_t that a function returns is the caller's.
/// Source     OpenAPI 3.1, JSON Schema 2020-12; design 06 "Mapping".
#pragma once

#include "proto/gen/model.h"

#include <jansson.h>

enum openapi_direction { OPENAPI_INPUT, OPENAPI_OUTPUT };

/// openapi_field_schema: is_parameter leaves null out, which a query cannot say.
json_t *openapi_field_schema(const struct gen_field *field, enum openapi_direction direction,
                             bool is_parameter);

/// openapi_input_object is the schema of a body: the message's fields without those in bound.
json_t *openapi_input_object(const struct gen_message *message, const char *const *bound,
                             size_t bound_count);

/// openapi_message_ref gives {"$ref": …}.
json_t *openapi_message_ref(const struct gen_message *message, enum openapi_direction direction);

/// openapi_add_schemas puts the schema of message and of all that it holds into schemas.
void openapi_add_schemas(json_t *schemas, const struct gen_message *message,
                         enum openapi_direction direction);

/// openapi_webhooks describes every event type as what is posted to a webhook; the schemas that it
/// needs are added (openapi_events.c).
json_t *openapi_webhooks(const struct gen_model *model, json_t *schemas);
