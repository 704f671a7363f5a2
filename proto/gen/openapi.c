// The API description: one operation for each verb and path, from routes, messages and options.
#include "proto/gen/openapi.h"

#include "common/base/check.h"
#include "proto/gen/emit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char JSON_TYPE[] = "application/json";
static const char PROBLEM_TYPE[] = "application/problem+json";

static void set(json_t *object, const char *name, json_t *value)
{
    CHECK(json_object_set_new(object, name, value) == 0);
}

// The member of that name, made if it is not there yet.
static json_t *object_in(json_t *object, const char *name)
{
    json_t *member = json_object_get(object, name);
    if (member == NULL) {
        member = json_object();
        set(object, name, member);
    }
    return member;
}

static const char *produces_of(const struct gen_method *method)
{
    return method->options->produces[0] != '\0' ? method->options->produces : JSON_TYPE;
}

/* Parameters */

static void add_parameter(json_t *parameters, const char *where, const char *name, bool is_required,
                          const char *description, json_t *schema)
{
    json_t *parameter = json_pack("{s:s,s:s,s:b,s:o}", "in", where, "name", name, "required",
                                  is_required, "schema", schema);
    CHECK(parameter != NULL);
    if (description[0] != '\0') set(parameter, "description", json_string(description));
    json_array_append_new(parameters, parameter);
}

// Fields that neither the path nor the body binds: messages are opened, "filter.currency".
static void add_query_parameters(json_t *parameters, const struct gen_route *route,
                                 const struct gen_message *message, const char *prefix,
                                 struct arena *arena)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct gen_field *field = &message->fields[i];
        char *path = arena_format(arena, "%s%s", prefix, field->name);
        CHECK(path != NULL);
        bool is_body = prefix[0] == '\0' && strcmp(route->body, field->name) == 0;
        bool is_amount = field->options->format == FLORIN__FORMAT__AMOUNT ||
                         field->options->format == FLORIN__FORMAT__SIGNED_AMOUNT;
        if (!gen_field_is_in_json(field) || is_body || gen_route_binds(route, path)) continue;
        if (field->message == NULL || is_amount) {
            add_parameter(parameters, "query", path, field->options->required && prefix[0] == '\0',
                          field->comment, openapi_field_schema(field, OPENAPI_INPUT, true));
        } else if (!field->is_repeated) {
            add_query_parameters(parameters, route, field->message,
                                 arena_format(arena, "%s.", path), arena);
        }
    }
}

static bool is_conditional_read(const struct gen_route *route)
{
    return route->method->options->etag[0] != '\0' && strcmp(route->verb, "GET") == 0;
}

// The field that If-Match fills, or NULL.
static const struct gen_field *if_match_of(const struct gen_method *method)
{
    for (size_t i = 0; i < method->request->field_count; i++) {
        if (method->request->fields[i].options->etag) return &method->request->fields[i];
    }
    return NULL;
}

static void add_conditions(json_t *parameters, const struct gen_route *route)
{
    const struct gen_field *if_match = if_match_of(route->method);
    if (if_match != NULL) {
        add_parameter(parameters, "header", "If-Match", if_match->options->required,
                      "The ETag that was read: refused with 412 when it is not the present one;"
                      " * for whatever it is",
                      json_pack("{s:s,s:s}", "type", "string", "pattern",
                                "^(\\*|(W/)?\"[!#-~\\u0080-\\u00ff]*\")$"));
    }
    if (is_conditional_read(route)) {
        add_parameter(parameters, "header", "If-None-Match", false,
                      "ETags that are known, or *: answered with 304 when one is the present one",
                      json_pack("{s:s}", "type", "string"));
    }
}

static void add_header_parameters(json_t *parameters, const struct gen_route *route)
{
    const struct gen_message *request = route->method->request;
    add_conditions(parameters, route);
    for (size_t i = 0; i < request->field_count; i++) {
        const struct gen_field *field = &request->fields[i];
        if (!field->options->from_header) continue;
        add_parameter(parameters, "header",
                      field->options->doc[0] != '\0' ? field->options->doc : field->name,
                      field->options->required, "",
                      openapi_field_schema(field, OPENAPI_INPUT, true));
    }
    if (route->method->options->idempotency == FLORIN__IDEMPOTENCY__KEYED) {
        add_parameter(parameters, "header", "Idempotency-Key", false,
                      "Makes a repeated request safe for 24 hours: the first answer is given again",
                      json_pack("{s:s,s:i,s:i,s:s}", "type", "string", "minLength", 1, "maxLength",
                                255, "pattern", "^[ -~]*$"));
    }
}

static json_t *parameters_of(const struct gen_route *route, struct arena *arena)
{
    json_t *parameters = json_array();
    for (size_t i = 0; i < route->variable_count; i++) {
        const struct gen_field *field = route->variables[i].field;
        add_parameter(parameters, "path", route->variables[i].path, true, field->comment,
                      openapi_field_schema(field, OPENAPI_INPUT, true));
    }
    if (strcmp(route->body, "*") != 0) {
        add_query_parameters(parameters, route, route->method->request, "", arena);
    }
    add_header_parameters(parameters, route);
    return parameters;
}

/* Bodies */

static json_t *media(json_t *schema, const char *example)
{
    json_t *object = json_pack("{s:o}", "schema", schema);
    CHECK(object != NULL);
    if (example[0] != '\0') set(object, "example", json_loads(example, JSON_DECODE_ANY, NULL));
    return object;
}

static json_t *body_schema(const struct gen_route *route, json_t *schemas, bool *ret_is_required)
{
    const struct gen_message *request = route->method->request;
    if (strcmp(route->body, "*") != 0) {
        const struct gen_field *field = gen_message_find_field(request, route->body);
        if (field->message != NULL) openapi_add_schemas(schemas, field->message, OPENAPI_INPUT);
        *ret_is_required = field->options->required;
        return openapi_field_schema(field, OPENAPI_INPUT, true);
    }
    const char *bound[GEN_ROUTE_VARIABLES_MAX];
    for (size_t i = 0; i < route->variable_count; i++) {
        bound[i] = route->variables[i].path;
    }
    json_t *schema = openapi_input_object(request, bound, route->variable_count);
    *ret_is_required = json_object_get(schema, "required") != NULL;
    // The messages that the body holds; its own schema stands in the operation.
    for (size_t i = 0; i < request->field_count; i++) {
        const struct gen_field *field = &request->fields[i];
        bool is_amount = field->options->format != FLORIN__FORMAT__FORMAT_UNSPECIFIED;
        if (field->message == NULL || is_amount) continue;
        const struct gen_message *held = field->message;
        if (field->is_map) held = gen_message_find_field(held, "value")->message;
        if (held != NULL) openapi_add_schemas(schemas, held, OPENAPI_INPUT);
    }
    return schema;
}

static void add_request_body(json_t *operation, const struct gen_route *route, json_t *schemas)
{
    if (route->body[0] == '\0') return;
    bool is_required;
    json_t *schema = body_schema(route, schemas, &is_required);
    json_t *json = media(schema, route->method->options->request_example);
    json_t *body = json_pack("{s:b,s:{s:O}}", "required", is_required, "content", JSON_TYPE, json);
    if (route->method->options->form) {
        set(json_object_get(body, "content"), "application/x-www-form-urlencoded",
            json_incref(json));
    }
    json_decref(json);
    set(operation, "requestBody", body);
}

/* Responses */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

// A document: text is a string, JSON is whatever it is, and of bytes OpenAPI 3.1 says nothing.
static json_t *document_schema(const char *media_type)
{
    bool is_text = strncmp(media_type, "text/", 5) == 0 || ends_with(media_type, "/xml") ||
                   ends_with(media_type, "+xml");
    return is_text ? json_pack("{s:s}", "type", "string") : json_object();
}

static void add_content(json_t *response, const struct gen_method *method, json_t *schemas)
{
    json_t *content = object_in(response, "content");
    const char *example = method->options->reply_example;
    if (method->reply->is_http_body) {
        set(content, produces_of(method), media(document_schema(produces_of(method)), example));
        return;
    }
    openapi_add_schemas(schemas, method->reply, OPENAPI_OUTPUT);
    set(content, produces_of(method),
        media(openapi_message_ref(method->reply, OPENAPI_OUTPUT), example));
}

static void add_etag_header(json_t *response)
{
    set(object_in(response, "headers"), "ETag",
        json_pack("{s:s,s:{s:s,s:s}}", "description", "The version, for If-Match and If-None-Match",
                  "schema", "type", "string", "pattern", "^\"[0-9]+\"$"));
}

static void add_not_modified(json_t *responses)
{
    json_t *response = object_in(responses, "304");
    set(response, "description", json_string("One of the ETags in If-None-Match is still right"));
    add_etag_header(response);
}

static void add_link_header(json_t *response)
{
    set(object_in(response, "headers"), "Link",
        json_pack("{s:s,s:{s:s}}", "description",
                  "Where the list goes on, rel=\"next\" (RFC 8288); absent on the last page",
                  "schema", "type", "string"));
}

// A list of documents: what a JSON reply says in next_page_token stands in a header.
static bool is_paged_document(const struct gen_method *method)
{
    return method->reply->is_http_body &&
           gen_message_find_field(method->request, "page_token") != NULL;
}

static void add_success(json_t *responses, const struct gen_method *method, unsigned status,
                        const char *description, json_t *schemas)
{
    char code[16];
    (void)snprintf(code, sizeof code, "%u", status);
    json_t *response = object_in(responses, code);
    set(response, "description", json_string(description));
    if (method->options->idempotency == FLORIN__IDEMPOTENCY__KEYED) {
        set(object_in(response, "headers"), "Idempotency-Replayed",
            json_pack("{s:s,s:{s:s,s:[s]}}", "description",
                      "Present when an earlier request with this key had the effect", "schema",
                      "type", "string", "enum", "true"));
    }
    if (method->options->etag[0] != '\0') add_etag_header(response);
    if (is_paged_document(method)) add_link_header(response);
    if (status != 204) add_content(response, method, schemas);
}

static void add_reason(json_t *responses, const char *code, const char *reason)
{
    json_t *response = object_in(responses, code);
    json_t *reasons = json_object_get(response, "x-florin-reasons");
    if (reasons == NULL) {
        reasons = json_array();
        set(response, "x-florin-reasons", reasons);
        set(response, "content",
            json_pack("{s:{s:{s:s}}}", PROBLEM_TYPE, "schema", "$ref",
                      "#/components/schemas/Problem"));
    }
    size_t index;
    json_t *known;
    json_array_foreach(reasons, index, known)
    {
        if (strcmp(json_string_value(known), reason) == 0) return;
    }
    json_array_append_new(reasons, json_string(reason));
    const json_t *before = json_object_get(response, "description");
    set(response, "description",
        before != NULL ? json_sprintf("%s, %s", json_string_value(before), reason)
                       : json_string(reason));
}

static void add_refusals(json_t *responses, const struct gen_route *route)
{
    const Florin__Method *options = route->method->options;
    for (size_t i = 0; i < options->n_reasons; i++) {
        char code[4] = {options->reasons[i][0], options->reasons[i][1], options->reasons[i][2]};
        add_reason(responses, code, options->reasons[i] + 4);
    }
    // Every method may give these, whatever its proto documents besides.
    if (route->method->request->field_count > 0 || route->body[0] != '\0') {
        add_reason(responses, "400", "VALIDATION_FAILED");
    }
    if (route->body[0] != '\0') add_reason(responses, "400", "JSON_MALFORMED");
    if (gen_message_find_field(route->method->request, "page_token") != NULL) {
        add_reason(responses, "400", "PAGE_TOKEN_INVALID");
    }
    if (options->idempotency == FLORIN__IDEMPOTENCY__KEYED) {
        add_reason(responses, "400", "IDEMPOTENCY_KEY_INVALID");
        add_reason(responses, "422", "IDEMPOTENCY_KEY_REUSED");
    }
    const struct gen_field *if_match = if_match_of(route->method);
    if (if_match != NULL) {
        add_reason(responses, "400", "IF_MATCH_INVALID");
        add_reason(responses, "412", "VERSION_MISMATCH");
        if (if_match->options->required) add_reason(responses, "428", "IF_MATCH_REQUIRED");
    }
    static const char *const token_reasons[] = {"TOKEN_MISSING", "TOKEN_MALFORMED", "TOKEN_EXPIRED",
                                                "TOKEN_REVOKED", "INVALID_CREDENTIALS"};
    for (size_t i = 0; !options->public_ && i < sizeof token_reasons / sizeof *token_reasons; i++) {
        add_reason(responses, "401", token_reasons[i]);
    }
    // A token that is cut down to scopes does by any_user only what reads (common/rpc/admission.c).
    bool may_be_cut = options->any_user && options->access != FLORIN__ACCESS__READ;
    if (options->permission[0] != '\0' || may_be_cut)
        add_reason(responses, "403", "PERMISSION_DENIED");
    bool is_of_auth = options->any_user && strncmp(route->method->name, "florin.auth.", 12) == 0;
    if (!options->public_ && !is_of_auth) add_reason(responses, "403", "INSUFFICIENT_AAL");
    set(responses, "default",
        json_pack("{s:s,s:{s:{s:{s:s}}}}", "description", "Any other refusal", "content",
                  PROBLEM_TYPE, "schema", "$ref", "#/components/schemas/Problem"));
}

static void add_responses(json_t *operation, const struct gen_route *route, json_t *schemas)
{
    enum { CREATED = 201, OK = 200 };
    const struct gen_method *method = route->method;
    json_t *responses = object_in(operation, "responses");
    unsigned status = method->options->http_status != 0 ? method->options->http_status : OK;
    add_success(responses, method, status, status == CREATED ? "Created" : "Done", schemas);
    if (status == CREATED) {
        add_success(responses, method, OK, "Nothing was created by this request", schemas);
    }
    if (is_conditional_read(route)) add_not_modified(responses);
    add_refusals(responses, route);
}

/* Operations */

// A form with client_id and client_secret (RFC 6749 section 2.3.1) may have them as HTTP Basic.
static bool takes_basic(const struct gen_method *method)
{
    return method->options->form && gen_message_find_field(method->request, "client_id") != NULL &&
           gen_message_find_field(method->request, "client_secret") != NULL;
}

static json_t *security_of(const struct gen_method *method)
{
    if (takes_basic(method)) return json_pack("[{},{s:[]}]", "basic");
    return method->options->public_ ? json_array() : json_pack("[{s:[]}]", "bearer");
}

static json_t *operation_of(const struct gen_route *route, const char *id, struct arena *arena,
                            json_t *schemas)
{
    const struct gen_method *method = route->method;
    const Florin__Method *options = method->options;
    json_t *operation =
        json_pack("{s:s,s:[s],s:o}", "operationId", id, "tags", method->package->short_name,
                  "parameters", parameters_of(route, arena));
    CHECK(operation != NULL);
    if (options->summary[0] != '\0') set(operation, "summary", json_string(options->summary));
    if (method->comment[0] != '\0') set(operation, "description", json_string(method->comment));
    if (options->permission[0] != '\0') {
        set(operation, "x-florin-permission", json_string(options->permission));
    }
    set(operation, "security", security_of(method));
    add_request_body(operation, route, schemas);
    add_responses(operation, route, schemas);
    return operation;
}

// "{path=**}" is "{path}" in OpenAPI, which has no word for the rest of a path.
static char *openapi_path(const char *template, struct arena *arena)
{
    char *path = arena_text(arena, template, strlen(template));
    CHECK(path != NULL);
    char *rest = strstr(path, "=**}");
    if (rest != NULL) memcpy(rest, "}", 2);
    return path;
}

static void add_operation(json_t *paths, const struct gen_model *model,
                          const struct gen_route *route, json_t *schemas)
{
    struct arena *arena = model->arena;
    char *verb = arena_text(arena, route->verb, strlen(route->verb));
    CHECK(verb != NULL);
    for (char *c = verb; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    json_t *path = object_in(paths, openapi_path(route->template, arena));
    json_t *operation = json_object_get(path, verb);
    if (operation != NULL) {
        // The same resource in another media type: one operation, chosen by Accept.
        add_responses(operation, route, schemas);
        return;
    }
    size_t binding = 1;
    for (const struct gen_route *other = model->routes; other < route; other++) {
        binding += other->method == route->method;
    }
    char *id = binding == 1 ? arena_format(arena, "%s_%s", route->method->package->short_name,
                                           route->method->name)
                            : arena_format(arena, "%s_%s_%zu", route->method->package->short_name,
                                           route->method->name, binding);
    set(path, verb, operation_of(route, id, arena, schemas));
}

static json_t *problem_schema(void)
{
    return json_pack(
        "{s:s, s:s, s:[s,s,s,s], s:{s:{s:s,s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s,s:s},"
        " s:{s:s,s:s}, s:{s:s}, s:{s:s, s:{s:s, s:[s,s], s:{s:{s:s}, s:{s:s}}}},"
        " s:{s:s,s:s,s:{s:s}}, s:{s:s,s:s}, s:{s:s,s:s}}}",
        "type", "object", "description", "A refusal (RFC 9457). Branch on reason, never on detail.",
        "required", "title", "status", "code", "reason", "properties", "type", "type", "string",
        "format", "uri-reference", "title", "type", "string", "status", "type", "integer", "detail",
        "type", "string", "instance", "type", "string", "code", "type", "string", "description",
        "The gRPC name of the status", "reason", "type", "string", "pattern", "^[A-Z][A-Z0-9_]*$",
        "request_id", "type", "string", "errors", "type", "array", "items", "type", "object",
        "required", "field", "reason", "properties", "field", "type", "string", "reason", "type",
        "string", "details", "type", "object", "description", "Facts that go with the reason",
        "additionalProperties", "type", "string", "error", "type", "string", "description",
        "RFC 6749 section 5.2, at the OAuth endpoints only", "error_description", "type", "string",
        "description", "RFC 6749 section 5.2, at the OAuth endpoints only");
}

json_t *openapi_build(const struct gen_model *model, const char *version)
{
    json_t *paths = json_object(), *schemas = json_object();
    set(schemas, "Problem", problem_schema());
    for (size_t i = 0; i < model->route_count; i++) {
        add_operation(paths, model, &model->routes[i], schemas);
    }
    json_t *document = json_pack(
        "{s:s, s:{s:s,s:s,s:s,s:{s:s,s:s}}, s:[{s:s}], s:o, s:{s:o, s:{s:{s:s,s:s,s:s,s:s},"
        " s:{s:s,s:s,s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Florin", "version", version, "description",
        "Identity, money, KYC and a provable audit trail. Amounts are decimal strings in minor"
        " units; times are RFC 3339 in UTC; unknown members and parameters are refused.",
        "license", "name", "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/", "paths",
        paths, "components", "schemas", schemas, "securitySchemes", "bearer", "type", "http",
        "scheme", "bearer", "bearerFormat", "JWT", "description",
        "An access token, or an API key (fl_live_…), which the gateway exchanges for one", "basic",
        "type", "http", "scheme", "basic", "description",
        "RFC 6749 section 2.3.1: the API key's id and the API key, instead of client_id and"
        " client_secret in the body");
    CHECK(document != NULL);
    set(document, "webhooks", openapi_webhooks(model, schemas));
    return document;
}
