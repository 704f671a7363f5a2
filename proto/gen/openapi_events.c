// The webhooks of the API description: one for each event type, with what is posted.
#include "common/base/check.h"
#include "proto/gen/openapi.h"

// The event as everybody gets it; its `data` is the type's own message.
static json_t *event_schema(const struct gen_model *model, const struct gen_event_type *type,
                            json_t *schemas)
{
    const struct gen_message *event = gen_model_find_message(model, "florin.audit.v1.AuditEvent");
    json_t *own =
        type->payload == NULL
            ? json_pack("{s:s}", "type", "null")
            : json_pack("{s:[o,{s:s}]}", "anyOf",
                        openapi_message_ref(type->payload, OPENAPI_OUTPUT), "type", "null");
    json_t *schema = json_pack("{s:s,s:{s:o}}", "type", "object", "properties", "data", own);
    CHECK(schema != NULL);
    if (type->payload != NULL) openapi_add_schemas(schemas, type->payload, OPENAPI_OUTPUT);
    if (event == NULL) return schema;
    openapi_add_schemas(schemas, event, OPENAPI_OUTPUT);
    return json_pack("{s:[o,o]}", "allOf", openapi_message_ref(event, OPENAPI_OUTPUT), schema);
}

static json_t *operation_of(const struct gen_model *model, const struct gen_event_type *type,
                            json_t *schemas)
{
    json_t *body = json_pack("{s:s,s:[s,s,s],s:{s:{s:s},s:{s:s,s:s},s:o}}", "type", "object",
                             "required", "type", "timestamp", "data", "properties", "type", "const",
                             type->type, "timestamp", "type", "string", "format", "date-time",
                             "data", event_schema(model, type, schemas));
    json_t *operation = json_pack(
        "{s:s,s:[s],s:{s:b,s:{s:{s:o}}},s:{s:{s:s}}}", "summary", type->summary, "tags",
        type->package->short_name, "requestBody", "required", 1, "content", "application/json",
        "schema", body, "responses", "2XX", "description", "Taken: it is not posted again");
    CHECK(operation != NULL);
    return json_pack("{s:o}", "post", operation);
}

json_t *openapi_webhooks(const struct gen_model *model, json_t *schemas)
{
    json_t *webhooks = json_object();
    for (size_t i = 0; i < model->event_type_count; i++) {
        const struct gen_event_type *type = &model->event_types[i];
        CHECK(json_object_set_new(webhooks, type->type, operation_of(model, type, schemas)) == 0);
    }
    return webhooks;
}
