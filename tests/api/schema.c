#include "tests/api/schema.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_BYTES = 256, PATTERNS_MAX = 64, DEPTH_MAX = 32 };

/// One value under check, and where it stands.
struct check {
    const json_t *document, *schema, *value;
    char place[PLACE_BYTES];
    unsigned depth;
    char *error; // SCHEMA_ERROR_BYTES
};

typedef bool (*keyword_check)(const struct check *check, const json_t *argument);

static bool is_valid(const struct check *check);

static bool fail(const struct check *check, const char *what, const json_t *argument)
{
    char *wanted = json_dumps(argument, JSON_ENCODE_ANY | JSON_COMPACT);
    char *found = json_dumps(check->value, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(check->error, SCHEMA_ERROR_BYTES, "%.120s: %.60s %.160s, found %.120s",
             check->place[0] != '\0' ? check->place : "(body)", what, wanted, found);
    free(wanted);
    free(found);
    return false;
}

static struct check check_of(const struct check *parent, const json_t *schema, const json_t *value)
{
    struct check check = *parent;
    check.schema = schema;
    check.value = value;
    check.depth++;
    return check;
}

// ---- Patterns -----------------------------------------------------------------------------------

static bool fits_pattern(const char *pattern, const char *text)
{
    static struct compiled {
        char *pattern;
        regex_t regex;
    } known[PATTERNS_MAX];

    if (strchr(pattern, '\\') != NULL) return true; // Not POSIX.
    size_t i = 0;
    while (i < PATTERNS_MAX && known[i].pattern != NULL && strcmp(known[i].pattern, pattern) != 0)
        i++;
    if (i == PATTERNS_MAX) abort();
    if (known[i].pattern == NULL) {
        if (regcomp(&known[i].regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) abort();
        known[i].pattern = strdup(pattern);
        if (known[i].pattern == NULL) abort();
    }
    return regexec(&known[i].regex, text, 0, NULL, 0) == 0;
}

/// What a format means for text; NULL: it says nothing that can be checked here.
static const struct {
    const char *name, *pattern;
} formats[] = {
    {"uuid", "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
    {"date-time", "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?Z$"},
    {"int64", "^(0|-?[1-9][0-9]{0,18})$"},
    {"uint64", "^(0|[1-9][0-9]{0,19})$"},
    {"email", "^[^@ ]+@[^@ ]+$"},
    {"password", NULL}, // Not to be shown; any text.
    {"uri-reference", NULL},
    {"int32", NULL}, // Numbers: minimum and maximum say it.
    {"uint32", NULL},
};

static bool check_format(const struct check *check, const json_t *argument)
{
    const char *name = json_string_value(argument);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) != 0) continue;
        const char *text = json_string_value(check->value);
        if (text == NULL || formats[i].pattern == NULL) return true;
        return fits_pattern(formats[i].pattern, text) || fail(check, "format", argument);
    }
    return fail(check, "a format that this test does not know", argument);
}

static bool check_pattern(const struct check *check, const json_t *argument)
{
    const char *text = json_string_value(check->value);
    return text == NULL || fits_pattern(json_string_value(argument), text) ||
           fail(check, "pattern", argument);
}

// ---- Scalars ------------------------------------------------------------------------------------

static bool is_of_type(const json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return strcmp(type, "object") == 0;
    case JSON_ARRAY:
        return strcmp(type, "array") == 0;
    case JSON_STRING:
        return strcmp(type, "string") == 0;
    case JSON_INTEGER:
        return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
    case JSON_REAL:
        return strcmp(type, "number") == 0;
    case JSON_TRUE:
    case JSON_FALSE:
        return strcmp(type, "boolean") == 0;
    default:
        return strcmp(type, "null") == 0;
    }
}

static bool check_type(const struct check *check, const json_t *argument)
{
    if (json_is_string(argument) && is_of_type(check->value, json_string_value(argument)))
        return true;
    for (size_t i = 0; i < json_array_size(argument); i++)
        if (is_of_type(check->value, json_string_value(json_array_get(argument, i)))) return true;
    return fail(check, "type", argument);
}

static bool check_enum(const struct check *check, const json_t *argument)
{
    for (size_t i = 0; i < json_array_size(argument); i++)
        if (json_equal(json_array_get(argument, i), check->value)) return true;
    return fail(check, "one of", argument);
}

static bool check_minimum(const struct check *check, const json_t *argument)
{
    bool is_below = json_is_integer(check->value) &&
                    json_integer_value(check->value) < json_integer_value(argument);
    return !is_below || fail(check, "at least", argument);
}

static bool check_maximum(const struct check *check, const json_t *argument)
{
    bool is_above = json_is_integer(check->value) &&
                    json_integer_value(check->value) > json_integer_value(argument);
    return !is_above || fail(check, "at most", argument);
}

// UTF-8: as many as there are bytes that begin a character.
static json_int_t length_of(const json_t *value)
{
    json_int_t length = 0;
    for (const char *text = json_string_value(value); text != NULL && *text != '\0'; text++)
        length += ((unsigned char)*text & 0xc0) != 0x80;
    return length;
}

static bool check_min_length(const struct check *check, const json_t *argument)
{
    bool is_short =
        json_is_string(check->value) && length_of(check->value) < json_integer_value(argument);
    return !is_short || fail(check, "length at least", argument);
}

static bool check_max_length(const struct check *check, const json_t *argument)
{
    bool is_long =
        json_is_string(check->value) && length_of(check->value) > json_integer_value(argument);
    return !is_long || fail(check, "length at most", argument);
}

// ---- Lists and objects --------------------------------------------------------------------------

static bool check_items(const struct check *check, const json_t *argument)
{
    for (size_t i = 0; i < json_array_size(check->value); i++) {
        struct check item = check_of(check, argument, json_array_get(check->value, i));
        size_t used = strlen(item.place);
        (void)snprintf(item.place + used, sizeof item.place - used, "[%zu]", i);
        if (!is_valid(&item)) return false;
    }
    return true;
}

static bool check_max_items(const struct check *check, const json_t *argument)
{
    bool is_long = json_is_array(check->value) &&
                   json_array_size(check->value) > (size_t)json_integer_value(argument);
    return !is_long || fail(check, "items at most", argument);
}

static bool check_min_items(const struct check *check, const json_t *argument)
{
    bool is_short = json_is_array(check->value) &&
                    json_array_size(check->value) < (size_t)json_integer_value(argument);
    return !is_short || fail(check, "items at least", argument);
}

static bool check_max_properties(const struct check *check, const json_t *argument)
{
    bool is_large = json_is_object(check->value) &&
                    json_object_size(check->value) > (size_t)json_integer_value(argument);
    return !is_large || fail(check, "members at most", argument);
}

static bool check_required(const struct check *check, const json_t *argument)
{
    if (!json_is_object(check->value)) return true;
    for (size_t i = 0; i < json_array_size(argument); i++) {
        const json_t *name = json_array_get(argument, i);
        if (json_object_get(check->value, json_string_value(name)) == NULL)
            return fail(check, "required", name);
    }
    return true;
}

static bool check_member(const struct check *check, const char *name, const json_t *value)
{
    const json_t *schema = json_object_get(json_object_get(check->schema, "properties"), name);
    if (schema == NULL) schema = json_object_get(check->schema, "additionalProperties");
    struct check member = check_of(check, schema, value);
    size_t used = strlen(member.place);
    snprintf(member.place + used, sizeof member.place - used, "%s%s", used > 0 ? "." : "", name);
    if (!json_is_object(schema)) return fail(&member, "a member that is not documented in", schema);
    return is_valid(&member);
}

static bool check_members(const struct check *check, const json_t *argument)
{
    (void)argument;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)check->value, name, value)
    {
        if (!check_member(check, name, value)) return false;
    }
    return true;
}

static bool check_names(const struct check *check, const json_t *argument)
{
    const char *name;
    json_t *value;
    bool all_fit = true;
    json_object_foreach((json_t *)check->value, name, value)
    {
        json_t *text = json_string(name);
        struct check one = check_of(check, argument, text);
        all_fit = all_fit && is_valid(&one);
        json_decref(text);
    }
    return all_fit;
}

static bool check_any_of(const struct check *check, const json_t *argument)
{
    for (size_t i = 0; i < json_array_size(argument); i++) {
        struct check one = check_of(check, json_array_get(argument, i), check->value);
        if (is_valid(&one)) return true;
    }
    return false; // The error is the last one's.
}

static bool says_nothing(const struct check *check, const json_t *argument)
{
    (void)check;
    (void)argument;
    return true;
}

static const struct {
    const char *name;
    keyword_check check;
} keywords[] = {
    {"type", check_type},
    {"enum", check_enum},
    {"format", check_format},
    {"pattern", check_pattern},
    {"minimum", check_minimum},
    {"maximum", check_maximum},
    {"minLength", check_min_length},
    {"maxLength", check_max_length},
    {"items", check_items},
    {"minItems", check_min_items},
    {"maxItems", check_max_items},
    {"required", check_required},
    {"properties", check_members},
    {"additionalProperties", check_members},
    {"maxProperties", check_max_properties},
    {"propertyNames", check_names},
    {"anyOf", check_any_of},
    {"description", says_nothing},
    {"contentEncoding", says_nothing},
};

static bool check_keyword(const struct check *check, const char *name, const json_t *argument)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (strcmp(keywords[i].name, name) == 0) return keywords[i].check(check, argument);
    return fail(check, "a keyword that this test does not know", argument);
}

const json_t *schema_resolve(const json_t *document, const json_t *schema)
{
    static const char start[] = "#/components/schemas/";
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (reference == NULL) return schema;
    if (strncmp(reference, start, strlen(start)) != 0) return NULL;
    const json_t *components = json_object_get(document, "components");
    return json_object_get(json_object_get(components, "schemas"), reference + strlen(start));
}

static bool is_valid(const struct check *check)
{
    struct check resolved = *check;
    resolved.schema = schema_resolve(check->document, check->schema);
    if (resolved.schema == NULL || check->depth > DEPTH_MAX)
        return fail(check, "a schema that leads nowhere:", check->schema);
    const char *name;
    json_t *argument;
    json_object_foreach((json_t *)resolved.schema, name, argument)
    {
        if (!check_keyword(&resolved, name, argument)) return false;
    }
    return true;
}

bool schema_check(const json_t *document, const json_t *schema, const json_t *value,
                  char ret_error[static SCHEMA_ERROR_BYTES])
{
    const struct check check = {
        .document = document, .schema = schema, .value = value, .error = ret_error};
    ret_error[0] = '\0';
    return is_valid(&check);
}
