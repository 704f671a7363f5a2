// What a proto of ours must keep to, beyond what protoc checks. Each rule reports and goes on, so
// that one build shows everything that is wrong.
#include "common/base/check.h"
#include "proto/gen/model.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

enum {
    TYPE_FLOAT = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FLOAT,
    TYPE_FIXED64 = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED64,
    TYPE_BOOL = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL,
    TYPE_STRING = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING,
    TYPE_BYTES = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES,
    TYPE_UINT64 = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64,
};

/* Routes */

static bool is_segment_char(char c)
{
    return isalnum((unsigned char)c) || strchr("-._~", c) != NULL;
}

static const struct gen_field *resolve_path(const struct gen_message *message, const char *path,
                                            size_t size)
{
    const struct gen_field *field = NULL;
    while (size > 0 && message != NULL) {
        size_t part = 0;
        while (part < size && path[part] != '.') {
            part++;
        }
        char name[128];
        if (part >= sizeof name) return NULL;
        memcpy(name, path, part);
        name[part] = '\0';
        field = gen_message_find_field(message, name);
        if (field == NULL || field->is_repeated) return NULL;
        size -= part;
        path += part;
        if (size == 0) return field;
        size--; // The dot.
        path++;
        message = field->message;
    }
    return NULL;
}

static void add_variable(struct gen_model *model, struct gen_route *route, const char *path,
                         size_t size)
{
    const struct gen_method *method = route->method;
    const struct gen_field *field = resolve_path(method->request, path, size);
    if (field == NULL) {
        gen_model_error(model, method->file, method->full_name,
                        "path variable {%.*s} is no field of %s", (int)size, path,
                        method->request->full_name);
        return;
    }
    if (field->message != NULL || !gen_field_is_in_json(field)) {
        gen_model_error(model, method->file, method->full_name,
                        "path variable {%.*s} is not a scalar that clients write", (int)size, path);
        return;
    }
    char *text = arena_text(model->arena, path, size);
    CHECK(text != NULL);
    for (size_t i = 0; i < route->variable_count; i++) {
        if (strcmp(route->variables[i].path, text) == 0) {
            gen_model_error(model, method->file, method->full_name,
                            "path variable {%s} stands twice", text);
        }
    }
    if (route->variable_count == GEN_ROUTE_VARIABLES_MAX) {
        gen_model_error(model, method->file, method->full_name, "too many path variables");
        return;
    }
    route->variables[route->variable_count].path = text;
    route->variables[route->variable_count++].field = field;
}

// Grammar: ("/" segment)+ (":" verb)?, segment = characters | "{" path "}" | "{" path "=**}", the
// last of these only at the very end.
void gen_route_parse(struct gen_model *model, struct gen_route *route)
{
    const struct gen_method *method = route->method;
    const char *at = route->template;
    bool is_good = *at == '/' && at[1] != '\0';
    while (is_good && *at == '/') {
        at++;
        if (*at == '{') {
            const char *name = ++at;
            while (isalnum((unsigned char)*at) || *at == '_' || *at == '.') {
                at++;
            }
            const char *end = at;
            bool is_rest = strncmp(at, "=**", 3) == 0;
            if (is_rest) at += 3;
            is_good = *at == '}' && end > name && (!is_rest || at[1] == '\0');
            if (!is_good) break;
            at++;
            add_variable(model, route, name, (size_t)(end - name));
        } else {
            const char *begin = at;
            while (*at != '\0' && is_segment_char(*at)) {
                at++;
            }
            is_good = at > begin;
        }
    }
    if (is_good && *at == ':') {
        const char *begin = ++at;
        while (islower((unsigned char)*at) || *at == '_' || *at == '-') {
            at++;
        }
        is_good = at > begin;
    }
    if (!is_good || *at != '\0') {
        gen_model_error(model, method->file, method->full_name, "template \"%s\" is malformed",
                        route->template);
    }
}

// Templates are the same to the router when only the names of their variables differ.
static bool same_template(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        if (*a == '{') {
            a += strcspn(a, "}=");
            b += strcspn(b, "}=");
        } else {
            a++;
            b++;
        }
    }
    return *a == *b;
}

bool gen_route_binds(const struct gen_route *route, const char *path)
{
    for (size_t i = 0; i < route->variable_count; i++) {
        if (strcmp(route->variables[i].path, path) == 0) return true;
    }
    return false;
}

static bool has_member_mask(const struct gen_message *message)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].options->member_mask) return true;
    }
    return false;
}

// A mask needs a body whose members it can name; and what a client may leave out to leave it as it
// is cannot be required.
static void check_member_mask(struct gen_model *model, const struct gen_route *route)
{
    const struct gen_method *method = route->method;
    if (!has_member_mask(method->request)) return;
    if (strcmp(route->body, "*") != 0) {
        gen_model_error(model, method->file, method->full_name,
                        "has a member_mask and a route without body \"*\"");
    }
    for (size_t i = 0; i < method->request->field_count; i++) {
        const struct gen_field *field = &method->request->fields[i];
        if (strcmp(route->verb, "PATCH") == 0 && field->options->required &&
            gen_field_is_in_json(field) && !gen_route_binds(route, field->name)) {
            gen_model_error(model, method->file, method->full_name,
                            "requires %s, which a PATCH may leave out", field->name);
        }
    }
}

static void check_route(struct gen_model *model, struct gen_route *route)
{
    const struct gen_method *method = route->method;
    static const char *const verbs[] = {"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"};
    bool is_known = false;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        is_known = is_known || strcmp(verbs[i], route->verb) == 0;
    }
    if (!is_known) {
        gen_model_error(model, method->file, method->full_name, "unknown verb %s", route->verb);
    }
    if (method->request == NULL) return; // Reported by the reader.
    gen_route_parse(model, route);
    check_member_mask(model, route);

    bool has_body = route->body[0] != '\0';
    if (has_body && (strcmp(route->verb, "GET") == 0 || strcmp(route->verb, "HEAD") == 0)) {
        gen_model_error(model, method->file, method->full_name, "%s has a body", route->verb);
    }
    if (has_body && strcmp(route->body, "*") != 0) {
        const struct gen_field *field = gen_message_find_field(method->request, route->body);
        if (field == NULL || !gen_field_is_in_json(field)) {
            gen_model_error(model, method->file, method->full_name, "body \"%s\" is no field of %s",
                            route->body, method->request->full_name);
        }
    }
    for (struct gen_route *other = model->routes; other < route; other++) {
        if (strcmp(other->verb, route->verb) == 0 &&
            same_template(other->template, route->template) &&
            strcmp(other->method->options->produces, method->options->produces) == 0) {
            gen_model_error(model, method->file, method->full_name, "%s %s is already %s",
                            route->verb, route->template, other->method->full_name);
        }
    }
}

/* Methods */

static bool is_reason(const char *text)
{
    for (size_t i = 0; i < 3; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
    }
    if (text[0] < '4' || text[0] > '5' || text[3] != ' ' || text[4] == '\0') return false;
    for (const char *c = text + 4; *c != '\0'; c++) {
        if (!isupper((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_') return false;
    }
    return true;
}

static void check_example(struct gen_model *model, const struct gen_method *method,
                          const char *member, const char *text)
{
    if (text[0] == '\0') return;
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (json == NULL) {
        gen_model_error(model, method->file, method->full_name, "%s is not JSON: %s", member,
                        error.text);
    }
    json_decref(json);
}

static bool has_route(const struct gen_model *model, const struct gen_method *method)
{
    for (size_t i = 0; i < model->route_count; i++) {
        if (model->routes[i].method == method) return true;
    }
    return false;
}

// protobuf-c writes a struct for each service, whose members have the names of its methods.
static bool is_keyword(const char *name)
{
    static const char *const keywords[] = {
        "auto",    "break",  "case",     "char",   "const",    "continue", "default",
        "do",      "double", "else",     "enum",   "extern",   "float",    "for",
        "goto",    "if",     "inline",   "int",    "long",     "register", "restrict",
        "return",  "short",  "signed",   "sizeof", "static",   "struct",   "switch",
        "typedef", "union",  "unsigned", "void",   "volatile", "while",
    };
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(name, keywords[i]) == 0) return true;
    }
    return false;
}

static void check_names(struct gen_model *model, const struct gen_method *method)
{
    const char *member = gen_name_snake(model->arena, method->name);
    if (is_keyword(member)) {
        gen_model_error(model, method->file, method->full_name,
                        "in C, %s is a keyword: protobuf-c's service cannot have it", member);
    }
    for (const struct gen_method *other = model->methods; other < method; other++) {
        if (strcmp(other->enum_name, method->enum_name) == 0) {
            gen_model_error(model, method->file, method->full_name, "has the C name of %s",
                            other->full_name);
        }
    }
}

static void check_etag(struct gen_model *model, const struct gen_method *method)
{
    const char *name = method->options->etag;
    if (name[0] == '\0' || method->reply == NULL) return;
    const struct gen_field *field = gen_message_find_field(method->reply, name);
    if (field == NULL) {
        gen_model_error(model, method->file, method->full_name, "etag \"%s\" is no field of %s",
                        name, method->reply->full_name);
    } else if ((int)field->descriptor->type != TYPE_UINT64 || field->is_repeated ||
               field->is_in_oneof) {
        gen_model_error(model, method->file, method->full_name, "etag \"%s\" is no uint64", name);
    }
}

static void check_method(struct gen_model *model, const struct gen_method *method)
{
    const Florin__Method *options = method->options;
    bool has_permission = options->permission[0] != '\0';

    const struct {
        bool is_broken;
        const char *rule;
    } rules[] = {
        {options->access == FLORIN__ACCESS__ACCESS_UNSPECIFIED, "says no access"},
        {options->access == FLORIN__ACCESS__READ &&
             options->idempotency == FLORIN__IDEMPOTENCY__KEYED,
         "is READ and KEYED: a read has no effect to keep"},
        {has_permission && options->public_, "has a permission and is public"},
        {has_permission && options->any_user, "has a permission and is any_user"},
        {options->public_ && options->any_user, "is public and any_user"},
        {!has_permission && !options->public_ && !options->any_user,
         "has neither permission, public nor any_user"},
        {options->internal && has_route(model, method), "is internal and has a route"},
        {options->refuse_before_change && options->access != FLORIN__ACCESS__WRITE,
         "promises refuse_before_change without WRITE"},
        {options->http_status != 0 && (options->http_status < 200 || options->http_status > 299),
         "has an http_status that is no success"},
        {options->request_bytes_max > 8 * 1024 * 1024, "has request_bytes_max above 8 MiB"},
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].is_broken) {
            gen_model_error(model, method->file, method->full_name, "%s", rules[i].rule);
        }
    }
    for (size_t i = 0; i < options->n_reasons; i++) {
        if (!is_reason(options->reasons[i])) {
            gen_model_error(model, method->file, method->full_name,
                            "reason \"%s\" is not like \"422 INSUFFICIENT_FUNDS\"",
                            options->reasons[i]);
        }
    }
    check_example(model, method, "request_example", options->request_example);
    check_example(model, method, "reply_example", options->reply_example);
    check_names(model, method);
    check_etag(model, method);
}

/* Fields */

static bool is_integer(const struct gen_field *field)
{
    static const bool integer[] = {
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED64] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED32] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT32] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED32] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED64] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT32] = true,
        [GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT64] = true,
    };
    return integer[field->descriptor->type];
}

static bool is_message_named(const struct gen_field *field, const char *name)
{
    return field->message != NULL && strcmp(field->message->full_name, name) == 0;
}

static bool format_fits(const struct gen_field *field)
{
    int type = (int)field->descriptor->type;
    switch (field->options->format) {
    case FLORIN__FORMAT__FORMAT_UNSPECIFIED:
        // An amount without its format would be written as {high, low}.
        return !is_message_named(field, "florin.type.v1.Uint128") &&
               !is_message_named(field, "florin.type.v1.Int128");
    case FLORIN__FORMAT__UUID:
    case FLORIN__FORMAT__HEX:
    case FLORIN__FORMAT__BASE64:
        return type == TYPE_BYTES;
    case FLORIN__FORMAT__AMOUNT:
        return is_message_named(field, "florin.type.v1.Uint128");
    case FLORIN__FORMAT__SIGNED_AMOUNT:
        return is_message_named(field, "florin.type.v1.Int128");
    case FLORIN__FORMAT__TIMESTAMP_NS:
        return type == TYPE_FIXED64;
    case FLORIN__FORMAT__SECRET:
    case FLORIN__FORMAT__DATE:
    case FLORIN__FORMAT__JSON:
        return type == TYPE_STRING;
    default:
        return false;
    }
}

static void check_field(struct gen_model *model, const struct gen_message *message,
                        const struct gen_field *field)
{
    const Florin__Field *options = field->options;
    int type = (int)field->descriptor->type;
    bool has_range = options->min != 0 || options->max != 0;
    bool has_length = options->len_min != 0 || options->len_max != 0;
    bool is_amount = options->format == FLORIN__FORMAT__AMOUNT ||
                     options->format == FLORIN__FORMAT__SIGNED_AMOUNT;

    const struct {
        bool is_broken;
        const char *rule;
    } rules[] = {
        {!format_fits(field), "has a format that is not of its type"},
        {has_range && !is_integer(field) && !is_amount, "has min or max and is no number"},
        {options->max != 0 && options->min > options->max, "has min above max"},
        {has_length && type != TYPE_STRING && type != TYPE_BYTES,
         "has a length and is neither string nor bytes"},
        {options->len_max != 0 && options->len_min > options->len_max, "has len_min above len_max"},
        {options->pattern != FLORIN__PATTERN__PATTERN_UNSPECIFIED && type != TYPE_STRING,
         "has a pattern and is no string"},
        {options->items_max != 0 && !field->is_repeated, "has items_max and is not repeated"},
        {options->required && type == TYPE_BOOL && !field->is_repeated,
         "is a required bool, which could never be false"},
        {field->descriptor->proto3_optional, "is proto3 optional, which protobuf-c refuses"},
        {options->from_header && type != TYPE_STRING, "is from_header and no string"},
        {options->etag && (type != TYPE_UINT64 || field->is_repeated), "is an etag and no uint64"},
        {options->member_mask && (type != TYPE_STRING || !field->is_repeated),
         "is a member_mask and no list of strings"},
        {options->etag + options->member_mask + options->from_header > 1,
         "is filled by the gateway in two ways"},
        {field->is_in_oneof && !gen_field_is_in_json(field), "is in a oneof and not in JSON"},
        {options->required && field->is_in_oneof, "is required and in a oneof"},
        {type == TYPE_FLOAT, "is a float: use an integer, or double where it must be"},
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].is_broken) {
            gen_model_error(model, message->file, message->full_name, "field %s %s", field->name,
                            rules[i].rule);
        }
    }
}

// protobuf-c recurses without a limit, so the depth of a message must be that of its type.
static bool reaches(const struct gen_model *model, const struct gen_message *from,
                    const struct gen_message *target, bool *visited)
{
    for (size_t i = 0; i < from->field_count; i++) {
        const struct gen_message *next = from->fields[i].message;
        if (next == NULL) continue;
        if (next == target) return true;
        bool *mark = &visited[next - model->messages];
        if (*mark) continue;
        *mark = true;
        if (reaches(model, next, target, visited)) return true;
    }
    return false;
}

static bool contains_itself(const struct gen_model *model, const struct gen_message *message)
{
    bool *visited = arena_alloc(model->arena, model->message_count);
    CHECK(visited != NULL);
    return reaches(model, message, message, visited);
}

static bool is_request(const struct gen_model *model, const struct gen_message *message)
{
    for (size_t i = 0; i < model->method_count; i++) {
        if (model->methods[i].request == message) return true;
    }
    return false;
}

// The gateway fills the request itself and nothing within it, and one field of each kind.
static void check_gateway_fields(struct gen_model *model, const struct gen_message *message)
{
    size_t etags = 0, masks = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        etags += message->fields[i].options->etag != 0;
        masks += message->fields[i].options->member_mask != 0;
    }
    if (etags > 1) gen_model_error(model, message->file, message->full_name, "has two etag fields");
    if (masks > 1) {
        gen_model_error(model, message->file, message->full_name, "has two member_mask fields");
    }
    if (etags + masks > 0 && !is_request(model, message)) {
        gen_model_error(model, message->file, message->full_name,
                        "has an etag or member_mask field and is no request");
    }
}

static void check_message(struct gen_model *model, const struct gen_message *message)
{
    if (message->field_count > GEN_FIELDS_MAX) {
        gen_model_error(model, message->file, message->full_name, "has more than %d fields",
                        GEN_FIELDS_MAX);
    }
    if (contains_itself(model, message)) {
        gen_model_error(model, message->file, message->full_name, "contains itself");
    }
    for (size_t i = 0; i < message->field_count; i++) {
        check_field(model, message, &message->fields[i]);
    }
    check_gateway_fields(model, message);
    for (const struct gen_message *other = model->messages; other < message; other++) {
        if (strcmp(other->symbol, message->symbol) == 0) {
            gen_model_error(model, message->file, message->full_name, "has the C name of %s",
                            other->full_name);
        }
    }
}

void gen_rules_check(struct gen_model *model)
{
    for (size_t i = 0; i < model->message_count; i++) {
        check_message(model, &model->messages[i]);
    }
    for (size_t i = 0; i < model->method_count; i++) {
        check_method(model, &model->methods[i]);
    }
    for (size_t i = 0; i < model->route_count; i++) {
        check_route(model, &model->routes[i]);
    }
    gen_event_rules_check(model);
}
