#include "tests/unit/proto/compatibility.h"

#include "common/base/check.h"

#include <string.h>

struct report {
    struct arena *arena;
    const char **breaks;
    size_t count;
};

#define BREAK(report_, ...) add_break((report_), arena_format((report_)->arena, __VA_ARGS__))

static void add_break(struct report *report, const char *text)
{
    enum { BREAKS_MAX = 256 };

    if (report->breaks == NULL) {
        report->breaks = arena_alloc(report->arena, BREAKS_MAX * sizeof *report->breaks);
    }
    CHECK(text != NULL && report->breaks != NULL);
    if (report->count < BREAKS_MAX) report->breaks[report->count++] = text;
}

static const char *type_name(const struct gen_field *field)
{
    return field->descriptor->type_name != NULL ? field->descriptor->type_name : "";
}

static void compare_field(struct report *report, const struct gen_message *message,
                          const struct gen_field *was, const struct gen_field *is)
{
    if (is == NULL) {
        BREAK(report, "%s.%s is gone", message->full_name, was->name);
    } else if (is->descriptor->number != was->descriptor->number) {
        BREAK(report, "%s.%s has another number", message->full_name, was->name);
    } else if (is->descriptor->type != was->descriptor->type ||
               is->is_repeated != was->is_repeated || is->is_in_oneof != was->is_in_oneof ||
               strcmp(type_name(is), type_name(was)) != 0) {
        BREAK(report, "%s.%s has another type", message->full_name, was->name);
    } else if (is->options->format != was->options->format ||
               strcmp(is->camel_name, was->camel_name) != 0) {
        BREAK(report, "%s.%s has another form in JSON", message->full_name, was->name);
    } else if (is->options->required && !was->options->required) {
        BREAK(report, "%s.%s is required now", message->full_name, was->name);
    }
}

static void compare_messages(struct report *report, const struct gen_model *released,
                             const struct gen_model *current)
{
    for (size_t i = 0; i < released->message_count; i++) {
        const struct gen_message *was = &released->messages[i], *is = NULL;
        for (size_t j = 0; j < current->message_count && is == NULL; j++) {
            if (strcmp(current->messages[j].full_name, was->full_name) == 0) {
                is = &current->messages[j];
            }
        }
        if (is == NULL) BREAK(report, "%s is gone", was->full_name);
        for (size_t j = 0; j < was->field_count && is != NULL; j++) {
            compare_field(report, was, &was->fields[j],
                          gen_message_find_field(is, was->fields[j].name));
        }
    }
}

static void compare_enum_values(struct report *report, const struct gen_enum *was,
                                const struct gen_enum *is)
{
    for (size_t i = 0; i < was->descriptor->n_value; i++) {
        const Google__Protobuf__EnumValueDescriptorProto *value = was->descriptor->value[i];
        bool is_kept = false;
        for (size_t j = 0; j < is->descriptor->n_value; j++) {
            is_kept = is_kept || (strcmp(is->descriptor->value[j]->name, value->name) == 0 &&
                                  is->descriptor->value[j]->number == value->number);
        }
        if (!is_kept) {
            BREAK(report, "%s.%s is gone or has another number", was->full_name, value->name);
        }
    }
}

static void compare_enums(struct report *report, const struct gen_model *released,
                          const struct gen_model *current)
{
    for (size_t i = 0; i < released->enum_count; i++) {
        const struct gen_enum *was = &released->enums[i], *is = NULL;
        for (size_t j = 0; j < current->enum_count && is == NULL; j++) {
            if (strcmp(current->enums[j].full_name, was->full_name) == 0) is = &current->enums[j];
        }
        if (is == NULL) {
            BREAK(report, "%s is gone", was->full_name);
        } else {
            compare_enum_values(report, was, is);
        }
    }
}

static void compare_methods(struct report *report, const struct gen_model *released,
                            const struct gen_model *current)
{
    for (size_t i = 0; i < released->method_count; i++) {
        const struct gen_method *was = &released->methods[i], *is = NULL;
        for (size_t j = 0; j < current->method_count && is == NULL; j++) {
            if (strcmp(current->methods[j].full_name, was->full_name) == 0) {
                is = &current->methods[j];
            }
        }
        if (is == NULL) {
            BREAK(report, "%s is gone", was->full_name);
        } else if (strcmp(is->request->full_name, was->request->full_name) != 0 ||
                   strcmp(is->reply->full_name, was->reply->full_name) != 0) {
            BREAK(report, "%s has other messages", was->full_name);
        }
    }
}

static void compare_routes(struct report *report, const struct gen_model *released,
                           const struct gen_model *current)
{
    for (size_t i = 0; i < released->route_count; i++) {
        const struct gen_route *was = &released->routes[i];
        bool is_kept = false;
        for (size_t j = 0; j < current->route_count; j++) {
            const struct gen_route *is = &current->routes[j];
            is_kept = is_kept || (strcmp(is->verb, was->verb) == 0 &&
                                  strcmp(is->template, was->template) == 0 &&
                                  strcmp(is->body, was->body) == 0 &&
                                  strcmp(is->method->full_name, was->method->full_name) == 0);
        }
        if (!is_kept) BREAK(report, "%s %s is gone", was->verb, was->template);
    }
}

void compatibility_check(const struct gen_model *released, const struct gen_model *current,
                         const char ***ret_breaks, size_t *ret_count)
{
    struct report report = {.arena = current->arena};
    compare_messages(&report, released, current);
    compare_enums(&report, released, current);
    compare_methods(&report, released, current);
    compare_routes(&report, released, current);
    *ret_breaks = report.breaks;
    *ret_count = report.count;
}
