// Compares the protos with released.pb, the descriptor set of the last release (made by
// tests/unit/proto/release): a change that breaks clients fails here.
#include "common/base/check.h"
#include "common/rpc/schema.h"
#include "tests/unit/proto/compatibility.h"
#include "tests/unit/proto/read_file.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

// clang-format on

static struct bytes current_set(void)
{
    return bytes_of(rpc_descriptor_set, rpc_descriptor_set_size);
}

static void read_model(struct bytes set, struct arena *arena, struct gen_model *ret)
{
    assert_int_equal(gen_model_read(set, arena, ret).code, STATUS_OK);
}

static void test_the_protos_keep_what_was_released(void **state)
{
    (void)state;
    struct arena *arena = arena_open(SIZE_MAX);
    struct bytes released_set =
        read_file(arena, getenv("FLORIN_SOURCE_DIR"), "tests/unit/proto/released.pb");
    struct gen_model released, current;
    read_model(released_set, arena, &released);
    read_model(current_set(), arena, &current);
    const char **breaks;
    size_t count;
    compatibility_check(&released, &current, &breaks, &count);
    for (size_t i = 0; i < count; i++) {
        print_error("%s\n", breaks[i]);
    }
    assert_int_equal(count, 0);
    assert_true(released.method_count > 0);
    arena_close(&arena);
}

/* The check itself: each change to a copy of today's protos is found, and no other. */

struct change {
    const char *name;
    void (*make)(struct gen_model *model);
    const char *found; // NULL: allowed.
};

static struct gen_message *message_named(struct gen_model *model, const char *name)
{
    for (size_t i = 0; i < model->message_count; i++) {
        if (strcmp(model->messages[i].full_name, name) == 0) return &model->messages[i];
    }
    fail_msg("no message %s", name);
    return NULL;
}

static struct gen_field *field_named(struct gen_model *model, const char *name)
{
    struct gen_message *message = message_named(model, "florin.ledger.v1.Transfer");
    return (struct gen_field *)(uintptr_t)gen_message_find_field(message, name);
}

// The descriptors of the model are const because only tests change them.
#define WRITABLE(type_, pointer_) ((type_ *)(uintptr_t)(pointer_))
#define FIELD(model_, name_)                                                                       \
    WRITABLE(Google__Protobuf__FieldDescriptorProto, field_named((model_), (name_))->descriptor)

static void renumber(struct gen_model *model)
{
    FIELD(model, "currency")->number = 99;
}

static void change_type(struct gen_model *model)
{
    FIELD(model, "code")->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64;
}

static void make_repeated(struct gen_model *model)
{
    field_named(model, "code")->is_repeated = true;
}

static void rename_field(struct gen_model *model)
{
    field_named(model, "description")->name = "text";
}

static void change_format(struct gen_model *model)
{
    WRITABLE(Florin__Field, field_named(model, "id")->options)->format = FLORIN__FORMAT__HEX;
}

static void require(struct gen_model *model)
{
    WRITABLE(Florin__Field, field_named(model, "description")->options)->required = true;
}

static void allow(struct gen_model *model)
{
    WRITABLE(Florin__Field, field_named(model, "description")->options)->len_max = 5000;
}

static void rename_message(struct gen_model *model)
{
    message_named(model, "florin.ledger.v1.Finding")->full_name = "florin.ledger.v1.Found";
}

static void renumber_enum(struct gen_model *model)
{
    for (size_t i = 0; i < model->enum_count; i++) {
        if (strcmp(model->enums[i].full_name, "florin.ledger.v1.TransferKind") == 0) {
            model->enums[i].descriptor->value[1]->number = 2;
        }
    }
}

static void rename_method(struct gen_model *model)
{
    for (size_t i = 0; i < model->method_count; i++) {
        if (strcmp(model->methods[i].full_name, "florin.ledger.v1.LedgerService/Verify") == 0) {
            model->methods[i].full_name = "florin.ledger.v1.LedgerService/Check";
        }
    }
}

static void move_route(struct gen_model *model)
{
    for (size_t i = 0; i < model->route_count; i++) {
        if (strcmp(model->routes[i].template, "/v1/currencies") == 0 &&
            strcmp(model->routes[i].verb, "GET") == 0) {
            model->routes[i].template = "/v2/currencies";
        }
    }
}

static void change_nothing(struct gen_model *model)
{
    (void)model;
}

// clang-format off
static const struct change changes[] = {
    {"nothing",              change_nothing, NULL},
    {"a longer text",        allow,          NULL},
    {"another number",       renumber,       "florin.ledger.v1.Transfer.currency has another number"},
    {"another type",         change_type,    "florin.ledger.v1.Transfer.code has another type"},
    {"one becomes many",     make_repeated,  "florin.ledger.v1.Transfer.code has another type"},
    {"another name",         rename_field,   "florin.ledger.v1.Transfer.description is gone"},
    {"another format",       change_format,  "florin.ledger.v1.Transfer.id has another form in JSON"},
    {"optional to required", require,        "florin.ledger.v1.Transfer.description is required now"},
    {"a message's name",     rename_message, "florin.ledger.v1.Finding is gone"},
    {"an enum's number",     renumber_enum,  "florin.ledger.v1.TransferKind.POSTED is gone or has another number"},
    {"a method's name",      rename_method,  "florin.ledger.v1.LedgerService/Verify is gone"},
    {"a route",              move_route,     "GET /v1/currencies is gone"},
};

// clang-format on

static void test_each_breaking_change_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        print_message("  %s\n", changes[i].name);
        struct arena *arena = arena_open(SIZE_MAX);
        struct gen_model released, current;
        read_model(current_set(), arena, &released);
        read_model(current_set(), arena, &current);
        changes[i].make(&current);
        const char **breaks;
        size_t count;
        compatibility_check(&released, &current, &breaks, &count);
        assert_int_equal(count, changes[i].found != NULL ? 1 : 0);
        if (count == 1) assert_string_equal(breaks[0], changes[i].found);
        arena_close(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_protos_keep_what_was_released),
        cmocka_unit_test(test_each_breaking_change_is_found),
    };
    return cmocka_run_group_tests_name("proto_compatibility", tests, NULL, NULL);
}
