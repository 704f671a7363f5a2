#include "proto/gen/model.h"

#include "common/base/check.h"
#include "common/rpc/arena_allocator.h"
#include "google/api/annotations.pb-c.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAG_HTTP = 72295728, // google.api.http
    TAG_METHOD = 72290,  // florin.method
    TAG_FIELD = 72291,   // florin.field
    TAG_REASON_SETS = 72292,
    TAG_EVENT_TYPES = 72293,
    TAG_PB_C_FILE = 1019,
    TAG_C_PACKAGE = 6, // Of ProtobufCFileOptions.
    PATH_DEPTH_MAX = 16,
};

// Numbers of the members in descriptor.proto: a comment is found by the path of these numbers.
enum {
    PATH_FILE_MESSAGE = 4,
    PATH_FILE_ENUM = 5,
    PATH_FILE_SERVICE = 6,
    PATH_MESSAGE_FIELD = 2,
    PATH_MESSAGE_NESTED = 3,
    PATH_MESSAGE_ENUM = 4,
    PATH_SERVICE_METHOD = 2,
};

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;

struct reader {
    struct gen_model *model;
    const file_proto *file;
    const struct gen_package *package;
    int32_t path[PATH_DEPTH_MAX];
    size_t depth;
};

static void *take(struct arena *arena, size_t size)
{
    void *memory = arena_alloc(arena, size);
    CHECK(memory != NULL); // A build tool: its arena has no limit that protos could reach.
    return memory;
}

#define TEXT(...) checked_text(arena_format(__VA_ARGS__))

static char *checked_text(char *text)
{
    CHECK(text != NULL);
    return text;
}

void gen_model_error(struct gen_model *model, const char *file, const char *name,
                     const char *message, ...)
{
    va_list arguments;
    va_start(arguments, message);
    char *text = NULL;
    CHECK(vasprintf(&text, message, arguments) >= 0);
    va_end(arguments);
    const char **grown = take(model->arena, (model->error_count + 1) * sizeof *grown);
    if (model->error_count > 0) memcpy(grown, model->errors, model->error_count * sizeof *grown);
    grown[model->error_count++] = TEXT(model->arena, "%s: %s: %s", file, name, text);
    model->errors = grown;
    free(text);
}

// Extensions that descriptor.pb-c does not know arrive as unknown fields of the options message;
// protobuf-c keeps the length prefix with the data.
static struct bytes find_extension(const ProtobufCMessage *options, uint32_t tag)
{
    if (options == NULL) return bytes_of(NULL, 0);
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
        if (field->tag != tag || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) continue;
        size_t prefix = 0;
        while (prefix < field->len && (field->data[prefix] & 0x80) != 0) {
            prefix++;
        }
        return bytes_of(field->data + prefix + 1, field->len - prefix - 1);
    }
    return bytes_of(NULL, 0);
}

static void *read_extension(struct gen_model *model, const ProtobufCMessage *options, uint32_t tag,
                            const ProtobufCMessageDescriptor *type)
{
    struct bytes data = find_extension(options, tag);
    ProtobufCAllocator allocator = arena_protobuf_allocator(model->arena);
    // No option is an empty one: every default of our options is what is meant by silence.
    ProtobufCMessage *message = protobuf_c_message_unpack(
        type, &allocator, data.size, data.data != NULL ? data.data : (const uint8_t *)"");
    CHECK(message != NULL);
    return message;
}

static const char *read_c_package(struct gen_model *model, const file_proto *file)
{
    const ProtobufCMessage *options = file->options != NULL ? &file->options->base : NULL;
    struct bytes data = find_extension(options, TAG_PB_C_FILE);
    if (data.data != NULL) {
        ProtobufCAllocator allocator = arena_protobuf_allocator(model->arena);
        // Any message type does: all fields that it does not know are kept as they came.
        ProtobufCMessage *c_options = protobuf_c_message_unpack(
            &google__protobuf__source_code_info__descriptor, &allocator, data.size, data.data);
        struct bytes name =
            c_options != NULL ? find_extension(c_options, TAG_C_PACKAGE) : bytes_of(NULL, 0);
        if (name.data != NULL) {
            return checked_text(arena_text(model->arena, (const char *)name.data, name.size));
        }
    }
    return file->package;
}

static char *c_prefix_of_package(struct arena *arena, const char *c_package)
{
    char *lower = gen_name_snake(arena, c_package);
    return gen_name_replace(arena, lower, '.', "__");
}

/* Comments */

static const char *tidy_comment(struct arena *arena, const char *comment)
{
    char *text = take(arena, strlen(comment) + 1);
    size_t used = 0;
    for (const char *c = comment; *c != '\0'; c++) {
        bool is_space = *c == ' ' || *c == '\n' || *c == '\t';
        if (is_space && (used == 0 || text[used - 1] == ' ')) continue;
        text[used++] = *c;
        if (is_space) text[used - 1] = ' ';
    }
    while (used > 0 && text[used - 1] == ' ') {
        used--;
    }
    text[used] = '\0';
    return text;
}

static void enter(struct reader *reader, int32_t member, size_t index)
{
    CHECK(reader->depth + 2 <= PATH_DEPTH_MAX);
    reader->path[reader->depth++] = member;
    reader->path[reader->depth++] = (int32_t)index;
}

static void leave(struct reader *reader)
{
    reader->depth -= 2;
}

static const char *read_comment(const struct reader *reader)
{
    const Google__Protobuf__SourceCodeInfo *info = reader->file->source_code_info;
    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *location = info->location[i];
        if (location->n_path != reader->depth ||
            memcmp(location->path, reader->path, reader->depth * sizeof *reader->path) != 0) {
            continue;
        }
        const char *comment = location->leading_comments != NULL ? location->leading_comments
                                                                 : location->trailing_comments;
        return comment != NULL ? tidy_comment(reader->model->arena, comment) : "";
    }
    return "";
}

/* Packages */

static bool is_ours(const file_proto *file)
{
    return strncmp(file->package, "florin.", strlen("florin.")) == 0;
}

static bool is_http_body_file(const file_proto *file)
{
    return strcmp(file->name, "google/api/httpbody.proto") == 0;
}

// Services of these packages are served by every daemon.
static bool is_common_package(const char *short_name)
{
    return strcmp(short_name, "rpc") == 0 || strcmp(short_name, "event") == 0;
}

static struct gen_package *find_package(struct gen_model *model, const char *name)
{
    for (size_t i = 0; i < model->package_count; i++) {
        if (strcmp(model->packages[i].name, name) == 0) return &model->packages[i];
    }
    return NULL;
}

static void add_file_to_package(struct gen_model *model, const file_proto *file)
{
    struct arena *arena = model->arena;
    struct gen_package *package = find_package(model, file->package);
    if (package == NULL) {
        package = &model->packages[model->package_count++];
        const char *short_name = strchr(file->package, '.') + 1;
        const char *end = strchr(short_name, '.');
        if (end == NULL) {
            gen_model_error(model, file->name, file->package, "a package is florin.<name>.v<n>");
            end = short_name + strlen(short_name);
        }
        package->name = file->package;
        package->short_name =
            checked_text(arena_text(arena, short_name, (size_t)(end - short_name)));
        package->directory = gen_name_replace(arena, file->package, '.', "/");
        package->daemon = is_common_package(package->short_name) ? "" : package->short_name;
    }
    size_t stem = strlen(file->name) - strlen(".proto");
    const char **headers = take(arena, (package->header_count + 1) * sizeof *headers);
    for (size_t i = 0; i < package->header_count; i++) {
        headers[i] = package->headers[i];
    }
    headers[package->header_count++] = TEXT(arena, "%.*s.pb-c.h", (int)stem, file->name);
    package->headers = headers;
    package->service_count += file->n_service;
}

/* Messages and enums, first pass: names */

static void count_message(const message_proto *message, size_t *messages, size_t *enums)
{
    (*messages)++;
    *enums += message->n_enum_type;
    for (size_t i = 0; i < message->n_nested_type; i++) {
        count_message(message->nested_type[i], messages, enums);
    }
}

static void add_enum(struct reader *reader, const enum_proto *descriptor, const char *scope)
{
    struct gen_model *model = reader->model;
    model->enums[model->enum_count++] = (struct gen_enum){
        .full_name = TEXT(model->arena, "%s.%s", scope, descriptor->name),
        .file = reader->file->name,
        .comment = read_comment(reader),
        .descriptor = descriptor,
    };
}

static void add_message(struct reader *reader, const message_proto *descriptor, const char *scope,
                        const char *c_scope)
{
    struct gen_model *model = reader->model;
    struct arena *arena = model->arena;
    struct gen_message *message = &model->messages[model->message_count++];
    message->full_name = TEXT(arena, "%s.%s", scope, descriptor->name);
    message->file = reader->file->name;
    message->package = reader->package;
    message->descriptor = descriptor;
    message->comment = read_comment(reader);
    message->c_prefix = TEXT(arena, "%s__%s", c_scope, gen_name_snake(arena, descriptor->name));
    const char *name = message->full_name + strlen(reader->file->package);
    // Every part begins with a capital, so the dots between parts become the underscores.
    char *words = gen_name_snake(arena, gen_name_replace(arena, name, '.', ""));
    message->symbol = TEXT(arena, "%s_%s_message",
                           gen_name_replace(arena, reader->file->package, '.', "_"), words);
    message->is_map_entry = descriptor->options != NULL && descriptor->options->map_entry;
    message->is_http_body = strcmp(message->full_name, "google.api.HttpBody") == 0;

    for (size_t i = 0; i < descriptor->n_nested_type; i++) {
        enter(reader, PATH_MESSAGE_NESTED, i);
        add_message(reader, descriptor->nested_type[i], message->full_name, message->c_prefix);
        leave(reader);
    }
    for (size_t i = 0; i < descriptor->n_enum_type; i++) {
        enter(reader, PATH_MESSAGE_ENUM, i);
        add_enum(reader, descriptor->enum_type[i], message->full_name);
        leave(reader);
    }
}

static void add_types_of_file(struct reader *reader)
{
    const file_proto *file = reader->file;
    const char *c_scope =
        c_prefix_of_package(reader->model->arena, read_c_package(reader->model, file));
    for (size_t i = 0; i < file->n_message_type; i++) {
        enter(reader, PATH_FILE_MESSAGE, i);
        add_message(reader, file->message_type[i], file->package, c_scope);
        leave(reader);
    }
    for (size_t i = 0; i < file->n_enum_type; i++) {
        enter(reader, PATH_FILE_ENUM, i);
        add_enum(reader, file->enum_type[i], file->package);
        leave(reader);
    }
}

/* Second pass: fields, now that every type has its name */

const struct gen_message *gen_model_find_message(const struct gen_model *model,
                                                 const char *full_name)
{
    for (size_t i = 0; i < model->message_count; i++) {
        if (strcmp(model->messages[i].full_name, full_name) == 0) return &model->messages[i];
    }
    return NULL;
}

static const struct gen_enum *find_enum(const struct gen_model *model, const char *full_name)
{
    for (size_t i = 0; i < model->enum_count; i++) {
        if (strcmp(model->enums[i].full_name, full_name) == 0) return &model->enums[i];
    }
    return NULL;
}

static void read_field(struct reader *reader, const struct gen_message *message,
                       const field_proto *descriptor, struct gen_field *field)
{
    struct gen_model *model = reader->model;
    const ProtobufCMessage *options =
        descriptor->options != NULL ? &descriptor->options->base : NULL;
    field->name = descriptor->name;
    field->camel_name = descriptor->json_name != NULL ? descriptor->json_name : descriptor->name;
    field->descriptor = descriptor;
    field->options = read_extension(model, options, TAG_FIELD, &florin__field__descriptor);
    field->comment = field->options->doc[0] != '\0' ? field->options->doc : read_comment(reader);
    field->is_repeated =
        descriptor->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    field->is_in_oneof = descriptor->has_oneof_index;
    if (descriptor->type_name == NULL) return;

    const char *type_name = descriptor->type_name + 1; // protoc writes ".florin.ledger.v1.X".
    field->message = gen_model_find_message(model, type_name);
    field->enumeration = find_enum(model, type_name);
    field->is_map = field->is_repeated && field->message != NULL && field->message->is_map_entry;
    if (field->message == NULL && field->enumeration == NULL) {
        gen_model_error(model, message->file, message->full_name,
                        "field %s has type %s, which is none of ours", field->name, type_name);
    }
}

static int compare_fields(const void *left, const void *right)
{
    int32_t a = ((const struct gen_field *)left)->descriptor->number;
    int32_t b = ((const struct gen_field *)right)->descriptor->number;
    return (a > b) - (a < b);
}

static void read_fields(struct reader *reader, const message_proto *descriptor, size_t *next)
{
    struct gen_message *message = &reader->model->messages[(*next)++];
    CHECK(message->descriptor == descriptor); // Both passes walk in the same order.
    message->field_count = descriptor->n_field;
    message->fields = take(reader->model->arena, descriptor->n_field * sizeof *message->fields);
    for (size_t i = 0; i < descriptor->n_field; i++) {
        enter(reader, PATH_MESSAGE_FIELD, i);
        read_field(reader, message, descriptor->field[i], &message->fields[i]);
        leave(reader);
    }
    qsort(message->fields, message->field_count, sizeof *message->fields, compare_fields);
    for (size_t i = 0; i < descriptor->n_nested_type; i++) {
        enter(reader, PATH_MESSAGE_NESTED, i);
        read_fields(reader, descriptor->nested_type[i], next);
        leave(reader);
    }
}

const struct gen_field *gen_message_find_field(const struct gen_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    }
    return NULL;
}

bool gen_field_is_in_json(const struct gen_field *field)
{
    const Florin__Field *options = field->options;
    return !(options->from_header || options->etag || options->member_mask);
}

// For a map, protoc makes a message of its entries, which can have no options of its own: what the
// map's field says of lengths, patterns and ranges goes to the values. Keys are names.
static void move_options_to_entry(struct gen_model *model, struct gen_field *map)
{
    enum { KEY_LEN_MAX = 64 };

    struct gen_message *entry = &model->messages[map->message - model->messages];
    CHECK(entry->field_count == 2); // key = 1, value = 2
    Florin__Field *key = take(model->arena, sizeof *key);
    Florin__Field *value = take(model->arena, sizeof *value);
    Florin__Field *own = take(model->arena, sizeof *own);
    florin__field__init(key);
    florin__field__init(value);
    *own = *map->options;
    if (entry->fields[0].descriptor->type ==
        GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING) {
        key->len_min = 1;
        key->len_max = KEY_LEN_MAX;
        key->pattern = FLORIN__PATTERN__IDENTIFIER;
    }
    value->len_min = own->len_min;
    value->len_max = own->len_max;
    value->pattern = own->pattern;
    value->min = own->min;
    value->max = own->max;
    value->format = own->format;
    own->len_min = own->len_max = 0;
    own->pattern = FLORIN__PATTERN__PATTERN_UNSPECIFIED;
    own->min = own->max = 0;
    own->format = FLORIN__FORMAT__FORMAT_UNSPECIFIED;
    map->options = own;
    entry->fields[0].options = key;
    entry->fields[1].options = value;
}

/* Services */

static void add_route(struct gen_model *model, const Google__Api__HttpRule *rule,
                      const struct gen_method *method)
{
    static const char *const verbs[] = {
        [GOOGLE__API__HTTP_RULE__PATTERN_GET] = "GET",
        [GOOGLE__API__HTTP_RULE__PATTERN_PUT] = "PUT",
        [GOOGLE__API__HTTP_RULE__PATTERN_POST] = "POST",
        [GOOGLE__API__HTTP_RULE__PATTERN_DELETE] = "DELETE",
        [GOOGLE__API__HTTP_RULE__PATTERN_PATCH] = "PATCH",
    };
    struct gen_route route = {.method = method, .body = rule->body};
    if (rule->pattern_case == GOOGLE__API__HTTP_RULE__PATTERN_CUSTOM) {
        route.verb = rule->custom->kind;
        route.template = rule->custom->path;
    } else if (rule->pattern_case != GOOGLE__API__HTTP_RULE__PATTERN__NOT_SET) {
        route.verb = verbs[rule->pattern_case];
        route.template = rule->get; // All string members of the oneof share their place.
    } else {
        gen_model_error(model, method->file, method->full_name, "google.api.http has no path");
        return;
    }
    if (rule->response_body != NULL && rule->response_body[0] != '\0') {
        gen_model_error(model, method->file, method->full_name, "response_body is not supported");
    }
    struct gen_route *routes = take(model->arena, (model->route_count + 1) * sizeof *routes);
    if (model->route_count > 0) memcpy(routes, model->routes, model->route_count * sizeof *routes);
    routes[model->route_count++] = route;
    model->routes = routes;
}

static void add_routes(struct gen_model *model, const method_proto *descriptor,
                       const struct gen_method *method)
{
    if (descriptor->options == NULL ||
        find_extension(&descriptor->options->base, TAG_HTTP).data == NULL) {
        return;
    }
    const Google__Api__HttpRule *rule = read_extension(model, &descriptor->options->base, TAG_HTTP,
                                                       &google__api__http_rule__descriptor);
    add_route(model, rule, method);
    for (size_t i = 0; i < rule->n_additional_bindings; i++) {
        if (rule->additional_bindings[i]->n_additional_bindings > 0) {
            gen_model_error(model, method->file, method->full_name, "bindings nest one level only");
        }
        add_route(model, rule->additional_bindings[i], method);
    }
}

static const Florin__ReasonSets__Set *find_reason_set(const Florin__ReasonSets *sets,
                                                      const char *name)
{
    for (size_t i = 0; i < sets->n_sets; i++) {
        if (strcmp(sets->sets[i]->name, name) == 0) return sets->sets[i];
    }
    return NULL;
}

// "@movement" among the reasons stands for the reasons of that set. A set that is not there is left
// as it is written: rules.c says that it is no reason.
static void expand_reasons(struct reader *reader, Florin__Method *options)
{
    const file_proto *file = reader->file;
    const Florin__ReasonSets *sets =
        read_extension(reader->model, file->options != NULL ? &file->options->base : NULL,
                       TAG_REASON_SETS, &florin__reason_sets__descriptor);
    size_t room = options->n_reasons, count = 0;
    for (size_t i = 0; i < sets->n_sets; i++) {
        room += sets->sets[i]->n_reasons;
    }
    char **reasons = take(reader->model->arena, room * sizeof *reasons);
    for (size_t i = 0; i < options->n_reasons; i++) {
        const char *reason = options->reasons[i];
        const Florin__ReasonSets__Set *set =
            reason[0] == '@' ? find_reason_set(sets, reason + 1) : NULL;
        if (set == NULL) reasons[count++] = options->reasons[i];
        for (size_t j = 0; set != NULL && j < set->n_reasons && count < room; j++) {
            reasons[count++] = set->reasons[j];
        }
    }
    options->reasons = reasons;
    options->n_reasons = count;
}

static void read_method(struct reader *reader, const service_proto *service,
                        const method_proto *descriptor)
{
    struct gen_model *model = reader->model;
    struct arena *arena = model->arena;
    struct gen_method *method = &model->methods[model->method_count++];
    const struct gen_package *package = reader->package;
    const ProtobufCMessage *options =
        descriptor->options != NULL ? &descriptor->options->base : NULL;
    method->name = descriptor->name;
    method->service_short = service->name;
    method->service = TEXT(arena, "%s.%s", package->name, service->name);
    method->full_name = TEXT(arena, "%s/%s", method->service, descriptor->name);
    // Several services in one package, as Health, Stats and Introspect: the service says which Get.
    const char *words = package->service_count > 1
                            ? TEXT(arena, "%s_%s", gen_name_snake(arena, service->name),
                                   gen_name_snake(arena, descriptor->name))
                            : gen_name_snake(arena, descriptor->name);
    method->enum_name = gen_name_upper(arena, TEXT(arena, "%s_%s", package->short_name, words));
    method->comment = read_comment(reader);
    method->file = reader->file->name;
    method->package = package;
    method->request = gen_model_find_message(model, descriptor->input_type + 1);
    method->reply = gen_model_find_message(model, descriptor->output_type + 1);
    Florin__Method *own = read_extension(model, options, TAG_METHOD, &florin__method__descriptor);
    expand_reasons(reader, own);
    method->options = own;
    if (method->request == NULL || method->reply == NULL) {
        gen_model_error(model, method->file, method->full_name,
                        "request or reply is a message of none of our packages");
    }
    if (descriptor->client_streaming || descriptor->server_streaming) {
        gen_model_error(model, method->file, method->full_name, "streaming is not supported");
    }
    add_routes(model, descriptor, method);
}

static void read_services(struct reader *reader)
{
    const file_proto *file = reader->file;
    for (size_t i = 0; i < file->n_service; i++) {
        enter(reader, PATH_FILE_SERVICE, i);
        for (size_t j = 0; j < file->service[i]->n_method; j++) {
            enter(reader, PATH_SERVICE_METHOD, j);
            read_method(reader, file->service[i], file->service[i]->method[j]);
            leave(reader);
        }
        leave(reader);
    }
}

static int compare_event_types(const void *left, const void *right)
{
    const struct gen_event_type *a = left, *b = right;
    return strcmp(a->type, b->type);
}

static void read_event_types(struct reader *reader)
{
    struct gen_model *model = reader->model;
    const file_proto *file = reader->file;
    const Florin__EventTypes *list =
        read_extension(model, file->options != NULL ? &file->options->base : NULL, TAG_EVENT_TYPES,
                       &florin__event_types__descriptor);
    size_t count = model->event_type_count;
    struct gen_event_type *types = take(model->arena, (count + list->n_types) * sizeof *types);
    if (count > 0) memcpy(types, model->event_types, count * sizeof *types);
    for (size_t i = 0; i < list->n_types; i++) {
        types[count++] = (struct gen_event_type){
            .type = list->types[i]->type,
            .summary = list->types[i]->summary,
            .payload_name = list->types[i]->payload,
            .payload = gen_model_find_message(model, list->types[i]->payload),
            .file = file->name,
            .package = reader->package,
        };
    }
    qsort(types, count, sizeof *types, compare_event_types);
    model->event_types = types;
    model->event_type_count = count;
}

static void allocate(struct gen_model *model, const Google__Protobuf__FileDescriptorSet *set)
{
    size_t messages = 0, enums = 0, methods = 0;
    for (size_t i = 0; i < set->n_file; i++) {
        enums += set->file[i]->n_enum_type;
        for (size_t j = 0; j < set->file[i]->n_message_type; j++) {
            count_message(set->file[i]->message_type[j], &messages, &enums);
        }
        for (size_t j = 0; j < set->file[i]->n_service; j++) {
            methods += set->file[i]->service[j]->n_method;
        }
    }
    model->packages = take(model->arena, set->n_file * sizeof *model->packages);
    model->messages = take(model->arena, messages * sizeof *model->messages);
    model->enums = take(model->arena, enums * sizeof *model->enums);
    model->methods = take(model->arena, methods * sizeof *model->methods);
}

static Google__Protobuf__FileDescriptorSet *unpack_set(struct bytes bytes, struct arena *arena)
{
    ProtobufCAllocator allocator = arena_protobuf_allocator(arena);
    Google__Protobuf__FileDescriptorSet *set =
        google__protobuf__file_descriptor_set__unpack(&allocator, bytes.size, bytes.data);
    for (size_t i = 0; set != NULL && i < set->n_file; i++) {
        // Files may have no package, as protobuf-c's own.
        if (set->file[i]->package == NULL) set->file[i]->package = take(arena, 1);
    }
    return set;
}

struct status gen_model_read(struct bytes descriptor_set, struct arena *arena,
                             struct gen_model *ret)
{
    Google__Protobuf__FileDescriptorSet *set = unpack_set(descriptor_set, arena);
    if (set == NULL) {
        return REFUSE(INVALID_ARGUMENT, DESCRIPTOR_SET_MALFORMED,
                      "the input is not a FileDescriptorSet");
    }
    *ret = (struct gen_model){.arena = arena};
    allocate(ret, set);
    for (size_t i = 0; i < set->n_file; i++) {
        if (is_ours(set->file[i])) add_file_to_package(ret, set->file[i]);
    }
    struct reader reader = {.model = ret};
    for (size_t i = 0; i < set->n_file; i++) {
        reader.file = set->file[i];
        reader.package = find_package(ret, reader.file->package);
        if (is_ours(reader.file) || is_http_body_file(reader.file)) add_types_of_file(&reader);
    }
    size_t next = 0;
    for (size_t i = 0; i < set->n_file; i++) {
        reader.file = set->file[i];
        if (!is_ours(reader.file) && !is_http_body_file(reader.file)) continue;
        for (size_t j = 0; j < reader.file->n_message_type; j++) {
            enter(&reader, PATH_FILE_MESSAGE, j);
            read_fields(&reader, reader.file->message_type[j], &next);
            leave(&reader);
        }
    }
    for (size_t i = 0; i < ret->message_count; i++) {
        for (size_t j = 0; j < ret->messages[i].field_count; j++) {
            struct gen_field *field = &ret->messages[i].fields[j];
            if (field->is_map) move_options_to_entry(ret, field);
        }
    }
    for (size_t i = 0; i < set->n_file; i++) {
        reader.file = set->file[i];
        reader.package = find_package(ret, reader.file->package);
        if (is_ours(reader.file)) read_event_types(&reader);
    }
    // Package by package, so that the methods of one package stand together.
    for (size_t p = 0; p < ret->package_count; p++) {
        reader.package = &ret->packages[p];
        for (size_t i = 0; i < set->n_file; i++) {
            reader.file = set->file[i];
            if (strcmp(reader.file->package, reader.package->name) == 0) read_services(&reader);
        }
    }
    return STATUS_SUCCESS;
}

struct bytes gen_descriptor_set_strip(struct bytes descriptor_set, struct arena *arena)
{
    Google__Protobuf__FileDescriptorSet *set = unpack_set(descriptor_set, arena);
    CHECK(set != NULL); // gen_model_read has read the same bytes.
    for (size_t i = 0; i < set->n_file; i++) {
        set->file[i]->source_code_info = NULL;
    }
    size_t size = google__protobuf__file_descriptor_set__get_packed_size(set);
    uint8_t *data = take(arena, size);
    google__protobuf__file_descriptor_set__pack(set, data);
    return bytes_of(data, size);
}
