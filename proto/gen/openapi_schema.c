#include "common/base/check.h"
#include "proto/gen/openapi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LEN_MAX_DEFAULT = 1024, ITEMS_MAX_DEFAULT = 1000 };

#define TYPE(name_) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name_

static void set(json_t *object, const char *name, json_t *value)
{
    CHECK(json_object_set_new(object, name, value) == 0);
}

static void set_text(json_t *object, const char *name, const char *text)
{
    set(object, name, json_string(text));
}

static void set_number(json_t *object, const char *name, int64_t number)
{
    set(object, name, json_integer(number));
}

static json_t *typed(const char *type)
{
    json_t *schema = json_object();
    set_text(schema, "type", type);
    return schema;
}

static void name_schema(const struct gen_message *message, enum openapi_direction direction,
                        char *ret_name, size_t size)
{
    const char *name = message->full_name;
    if (strncmp(name, "florin.", strlen("florin.")) == 0) name += strlen("florin.");
    int length = snprintf(ret_name, size, "%s%s", name, direction == OPENAPI_INPUT ? ".Input" : "");
    CHECK(length > 0 && (size_t)length < size);
}

json_t *openapi_message_ref(const struct gen_message *message, enum openapi_direction direction)
{
    char name[256];
    name_schema(message, direction, name, sizeof name);
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
}

/* Scalars */

// A pattern is stated for what is sent; what is written may also be empty.
static const char *const pattern_texts[] = {
    [FLORIN__PATTERN__PATTERN_UNSPECIFIED] = NULL,
    [FLORIN__PATTERN__EMAIL] = "^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$",
    [FLORIN__PATTERN__E164] = "^\\+[1-9][0-9]{7,14}$",
    [FLORIN__PATTERN__CURRENCY] = "^[A-Z][A-Z0-9]{2,9}$",
    [FLORIN__PATTERN__COUNTRY] = "^[A-Z]{2}$",
    [FLORIN__PATTERN__DIGITS] = "^[0-9]+$",
    [FLORIN__PATTERN__IDENTIFIER] = "^[A-Za-z0-9_.:-]+$",
    [FLORIN__PATTERN__PRINTABLE] = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$",
};

static json_t *string_schema(const struct gen_field *field, enum openapi_direction direction)
{
    const Florin__Field *options = field->options;
    json_t *schema = typed("string");
    if (options->format == FLORIN__FORMAT__JSON)
        set(schema, "type", json_pack("[s,s]", "object", "null"));
    if (direction == OPENAPI_OUTPUT) return schema;
    int64_t shortest = options->required && options->len_min == 0 ? 1 : options->len_min;
    if (shortest > 0) set_number(schema, "minLength", shortest);
    set_number(schema, "maxLength", options->len_max != 0 ? options->len_max : LEN_MAX_DEFAULT);
    if (pattern_texts[options->pattern] != NULL) {
        set_text(schema, "pattern", pattern_texts[options->pattern]);
    }
    if (options->pattern == FLORIN__PATTERN__EMAIL) set_text(schema, "format", "email");
    if (options->format == FLORIN__FORMAT__DATE) set_text(schema, "format", "date");
    if (options->format == FLORIN__FORMAT__SECRET) set_text(schema, "format", "password");
    return schema;
}

static json_t *bytes_schema(const struct gen_field *field, enum openapi_direction direction)
{
    const Florin__Field *options = field->options;
    json_t *schema = typed("string");
    int64_t longest = options->len_max != 0 ? options->len_max : LEN_MAX_DEFAULT;
    switch (options->format) {
    case FLORIN__FORMAT__UUID:
        set_text(schema, "format", "uuid");
        break;
    case FLORIN__FORMAT__HEX:
        set_text(schema, "pattern",
                 direction == OPENAPI_INPUT ? "^([0-9a-fA-F]{2})*$" : "^([0-9a-f]{2})*$");
        if (direction == OPENAPI_INPUT) set_number(schema, "maxLength", 2 * longest);
        break;
    default:
        set_text(schema, "contentEncoding", "base64");
        if (direction == OPENAPI_INPUT) set_number(schema, "maxLength", (longest + 2) / 3 * 4);
    }
    return schema;
}

static json_t *int32_schema(const struct gen_field *field, bool is_signed)
{
    const Florin__Field *options = field->options;
    json_t *schema = typed("integer");
    bool has_range = options->min != 0 || options->max != 0;
    bool has_end = options->max != 0 || options->min < 0;
    set_text(schema, "format", is_signed ? "int32" : "uint32");
    set_number(schema, "minimum", has_range ? options->min : is_signed ? INT32_MIN : 0);
    set_number(schema, "maximum",
               has_range && has_end ? options->max : (is_signed ? INT32_MAX : UINT32_MAX));
    return schema;
}

static json_t *int64_schema(const struct gen_field *field, enum openapi_direction direction,
                            bool is_signed)
{
    const Florin__Field *options = field->options;
    json_t *schema = typed("string");
    // Numbers are taken too: readers of JSON differ in what they keep exact, so none is written.
    if (direction == OPENAPI_INPUT) set(schema, "type", json_pack("[s,s]", "string", "integer"));
    set_text(schema, "format", is_signed ? "int64" : "uint64");
    set_text(schema, "pattern", is_signed ? "^(0|-?[1-9][0-9]{0,18})$" : "^(0|[1-9][0-9]{0,19})$");
    if (direction == OPENAPI_INPUT) {
        // For numbers only; jansson has no integers beyond INT64_MAX to state a higher end.
        if (!is_signed || options->min != 0) set_number(schema, "minimum", options->min);
        if (options->max != 0) set_number(schema, "maximum", options->max);
    }
    return schema;
}

static json_t *unsigned64_schema(const struct gen_field *field, enum openapi_direction direction)
{
    if (field->options->format != FLORIN__FORMAT__TIMESTAMP_NS) {
        return int64_schema(field, direction, false);
    }
    json_t *schema = typed("string");
    set_text(schema, "format", "date-time");
    return schema;
}

static json_t *enum_schema(const struct gen_field *field, enum openapi_direction direction)
{
    const Google__Protobuf__EnumDescriptorProto *descriptor = field->enumeration->descriptor;
    json_t *names = json_array();
    for (size_t i = 0; i < descriptor->n_value; i++) {
        bool is_absence = direction == OPENAPI_INPUT && field->options->required &&
                          descriptor->value[i]->number == 0;
        if (!is_absence) json_array_append_new(names, json_string(descriptor->value[i]->name));
    }
    json_t *schema = typed("string");
    set(schema, "enum", names);
    return schema;
}

static json_t *message_schema(const struct gen_field *field, enum openapi_direction direction)
{
    bool is_signed = field->options->format == FLORIN__FORMAT__SIGNED_AMOUNT;
    if (!is_signed && field->options->format != FLORIN__FORMAT__AMOUNT) {
        return openapi_message_ref(field->message, direction);
    }
    json_t *schema = typed("string");
    set_text(schema, "pattern", is_signed ? "^(0|-?[1-9][0-9]{0,38})$" : "^(0|[1-9][0-9]{0,38})$");
    return schema;
}

static json_t *item_schema(const struct gen_field *field, enum openapi_direction direction)
{
    switch (field->descriptor->type) {
    case TYPE(STRING):
        return string_schema(field, direction);
    case TYPE(BYTES):
        return bytes_schema(field, direction);
    case TYPE(BOOL):
        return typed("boolean");
    case TYPE(DOUBLE):
    case TYPE(FLOAT):
        return typed("number");
    case TYPE(INT32):
    case TYPE(SINT32):
    case TYPE(SFIXED32):
        return int32_schema(field, true);
    case TYPE(UINT32):
    case TYPE(FIXED32):
        return int32_schema(field, false);
    case TYPE(INT64):
    case TYPE(SINT64):
    case TYPE(SFIXED64):
        return int64_schema(field, direction, true);
    case TYPE(UINT64):
    case TYPE(FIXED64):
        return unsigned64_schema(field, direction);
    case TYPE(ENUM):
        return enum_schema(field, direction);
    default:
        return message_schema(field, direction);
    }
}

/* Null, lists and maps */

static bool is_amount(const struct gen_field *field)
{
    return field->options->format == FLORIN__FORMAT__AMOUNT ||
           field->options->format == FLORIN__FORMAT__SIGNED_AMOUNT;
}

static bool may_be_null(const struct gen_field *field, enum openapi_direction direction)
{
    if (direction == OPENAPI_INPUT) return !field->options->required && !is_amount(field);
    if (field->is_repeated || field->is_in_oneof) return false;
    return field->descriptor->type == TYPE(MESSAGE) ||
           field->options->format == FLORIN__FORMAT__UUID ||
           field->options->format == FLORIN__FORMAT__TIMESTAMP_NS;
}

static json_t *or_null(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");
    if (type == NULL) {
        return json_pack("{s:[o,{s:s}]}", "anyOf", schema, "type", "null");
    }
    json_t *types = json_is_array(type) ? json_incref(type) : json_pack("[O]", type);
    json_array_append_new(types, json_string("null"));
    set(schema, "type", types);
    json_t *names = json_object_get(schema, "enum");
    if (names != NULL) json_array_append_new(names, json_null());
    return schema;
}

static json_t *list_schema(const struct gen_field *field, enum openapi_direction direction)
{
    json_t *schema = typed("array");
    uint32_t most = field->options->items_max;
    set(schema, "items", item_schema(field, direction));
    if (direction == OPENAPI_INPUT) {
        set_number(schema, "maxItems", most != 0 ? most : ITEMS_MAX_DEFAULT);
        if (field->options->required) set_number(schema, "minItems", 1);
    }
    return schema;
}

static json_t *map_schema(const struct gen_field *field, enum openapi_direction direction)
{
    json_t *schema = typed("object");
    uint32_t most = field->options->items_max;
    const struct gen_field *key = gen_message_find_field(field->message, "key");
    const struct gen_field *value = gen_message_find_field(field->message, "value");
    set(schema, "additionalProperties", item_schema(value, direction));
    if (direction == OPENAPI_INPUT && key->descriptor->type == TYPE(STRING)) {
        set(schema, "propertyNames", string_schema(key, direction));
    }
    if (direction == OPENAPI_INPUT) {
        set_number(schema, "maxProperties", most != 0 ? most : ITEMS_MAX_DEFAULT);
    }
    return schema;
}

json_t *openapi_field_schema(const struct gen_field *field, enum openapi_direction direction,
                             bool is_parameter)
{
    json_t *schema = field->is_map        ? map_schema(field, direction)
                     : field->is_repeated ? list_schema(field, direction)
                                          : item_schema(field, direction);
    if (!is_parameter && may_be_null(field, direction)) schema = or_null(schema);
    if (field->comment[0] != '\0' && !is_parameter) set_text(schema, "description", field->comment);
    return schema;
}

/* Messages */

static bool is_bound(const struct gen_field *field, const char *const *bound, size_t bound_count)
{
    for (size_t i = 0; i < bound_count; i++) {
        if (strcmp(bound[i], field->name) == 0) return true;
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

static json_t *object_schema(const struct gen_message *message, enum openapi_direction direction,
                             const char *const *bound, size_t bound_count)
{
    json_t *schema = typed("object"), *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < message->field_count; i++) {
        const struct gen_field *field = &message->fields[i];
        if (!gen_field_is_in_json(field) || is_bound(field, bound, bound_count)) continue;
        json_t *property = openapi_field_schema(field, direction, false);
        // Where a mask says what was sent, null clears, also an amount.
        bool is_cleared = has_member_mask(message) && is_amount(field) && !field->options->required;
        set(properties, field->name, is_cleared ? or_null(property) : property);
        // Replies write every member, of a oneof the one that is set.
        if (direction == OPENAPI_INPUT ? field->options->required : !field->is_in_oneof) {
            json_array_append_new(required, json_string(field->name));
        }
    }
    set(schema, "properties", properties);
    if (json_array_size(required) > 0) {
        set(schema, "required", required);
    } else {
        json_decref(required);
    }
    if (direction == OPENAPI_INPUT) set(schema, "additionalProperties", json_false());
    if (message->comment[0] != '\0') set_text(schema, "description", message->comment);
    return schema;
}

json_t *openapi_input_object(const struct gen_message *message, const char *const *bound,
                             size_t bound_count)
{
    return object_schema(message, OPENAPI_INPUT, bound, bound_count);
}

static void add_fields(json_t *schemas, const struct gen_message *message,
                       enum openapi_direction direction)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct gen_field *field = &message->fields[i];
        if (field->is_map) {
            add_fields(schemas, field->message, direction);
        } else if (field->message != NULL && !is_amount(field)) {
            openapi_add_schemas(schemas, field->message, direction);
        }
    }
}

void openapi_add_schemas(json_t *schemas, const struct gen_message *message,
                         enum openapi_direction direction)
{
    char name[256];
    name_schema(message, direction, name, sizeof name);
    if (json_object_get(schemas, name) != NULL) return;
    set(schemas, name, object_schema(message, direction, NULL, 0));
    add_fields(schemas, message, direction);
}
