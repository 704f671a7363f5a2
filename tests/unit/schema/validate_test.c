#include "common/rpc/amount.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "florin/shapes/v1/shapes.pb-c.h"
#include "florin/shapes/v1/shapes_methods.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

// clang-format on

// One message for each test, that keeps every rule until the row breaks one.
struct subject {
    Shapes__Rules rules;
    Type__Uint128 amount;
    Type__Int128 change;
    Shapes__Inner inner;
    Shapes__Leaf leaf;
    char *words[1];
};

static uint8_t some_id[16] = {1};
static uint8_t nil_id[16];

static char filler[2000]; // 1,999 times x.

static void good(struct subject *subject)
{
    memset(filler, 'x', sizeof filler - 1);
    *subject = (struct subject){.words = {NULL}};
    static char word[] = "a-word", text[] = "text";
    shapes__rules__init(&subject->rules);
    type__uint128__init(&subject->amount);
    type__int128__init(&subject->change);
    shapes__inner__init(&subject->inner);
    shapes__leaf__init(&subject->leaf);
    subject->amount.low = 5;
    subject->inner.leaf = &subject->leaf;
    subject->words[0] = word;
    subject->rules.required_text = text;
    subject->rules.required_colour = SHAPES__COLOUR__RED;
    subject->rules.required_number = 3;
    subject->rules.required_amount = &subject->amount;
    subject->rules.required_id = (ProtobufCBinaryData){16, some_id};
    subject->rules.required_inner = &subject->inner;
    subject->rules.required_words = subject->words;
    subject->rules.n_required_words = 1;
}

#define BREAK(name_, ...)                                                                          \
    static void name_(struct subject *s)                                                           \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#define TEXT(text_) ((char *)(uintptr_t)(text_))

// clang-format off
BREAK(nothing,              (void)s)
BREAK(no_text,              s->rules.required_text = TEXT(""))
BREAK(long_text,            s->rules.required_text = filler)
BREAK(text_1024,            s->rules.required_text = filler + 975)
BREAK(text_1024_points,     s->rules.printable = TEXT("\xE2\x82\xB9\xE2\x82\xB9\xE2\x82\xB9"))
BREAK(text_4_points,        s->rules.printable = TEXT("\xE2\x82\xB9\xE2\x82\xB9\xE2\x82\xB9x"))
BREAK(not_utf8,             s->rules.required_text = TEXT("\xC3("))
BREAK(overlong,             s->rules.required_text = TEXT("\xC0\x80"))
BREAK(surrogate,            s->rules.required_text = TEXT("\xED\xA0\x80"))
BREAK(bad_email,            s->rules.email = TEXT("a@b"))
BREAK(good_email,           s->rules.email = TEXT("a@b.example"))
BREAK(bad_phone,            s->rules.phone = TEXT("12345678"))
BREAK(bad_currency,         s->rules.currency = TEXT("inr"))
BREAK(bad_country,          s->rules.country = TEXT("IND"))
BREAK(one_digit,            s->rules.digits = TEXT("1"))
BREAK(five_digits,          s->rules.digits = TEXT("12345"))
BREAK(letters,              s->rules.digits = TEXT("12a"))
BREAK(bad_identifier,       s->rules.identifier = TEXT("a b"))
BREAK(control,              s->rules.printable = TEXT("\x01"))
BREAK(no_day,               s->rules.date = TEXT("2025-02-29"))
BREAK(a_day,                s->rules.date = TEXT("2024-02-29"))
BREAK(short_secret,         s->rules.secret = TEXT("1234567"))
BREAK(no_colour,            s->rules.required_colour = SHAPES__COLOUR__COLOUR_UNSPECIFIED)
BREAK(unknown_colour,       s->rules.required_colour = (Shapes__Colour)6)
BREAK(large_is_any,         s->rules.large = UINT64_MAX)
BREAK(in_signed_range,      s->rules.signed_range = -10)
BREAK(below_range,          s->rules.signed_range = -11)
BREAK(above_range,          s->rules.signed_range = -1)
BREAK(lowest_number,        s->rules.signed_range = INT64_MIN)
BREAK(no_number,            s->rules.required_number = 0)
BREAK(large_number,         s->rules.required_number = 10)
BREAK(no_amount,            s->rules.required_amount = NULL)
BREAK(zero_amount,          s->amount.low = 0)
BREAK(full_amount,          s->amount.low = 1000)
BREAK(over_amount,          s->amount.low = 1001)
BREAK(huge_amount,          s->amount.high = 1)
BREAK(change_in_range,      s->rules.change = &s->change; rpc_amount_put(&s->change.base, (u128)(i128)-3))
BREAK(change_below,         s->rules.change = &s->change; rpc_amount_put(&s->change.base, (u128)(i128)-4))
BREAK(change_far_below,     s->rules.change = &s->change; s->change.high = UINT64_C(1) << 63)
BREAK(no_id,                s->rules.required_id.len = 0)
BREAK(id_of_15,             s->rules.required_id.len = 15)
BREAK(a_nil_id,             s->rules.required_id.data = nil_id)
BREAK(optional_id_of_15,    s->rules.optional_id = (ProtobufCBinaryData){15, some_id})
BREAK(optional_nil,         s->rules.optional_id = (ProtobufCBinaryData){16, nil_id})
BREAK(one_byte,             s->rules.data = (ProtobufCBinaryData){1, some_id})
BREAK(four_bytes,           s->rules.data = (ProtobufCBinaryData){4, some_id})
BREAK(no_inner,             s->rules.required_inner = NULL)
BREAK(inner_without_leaf,   s->inner.leaf = NULL)
BREAK(heavy_leaf,           s->leaf.weight = 6)
BREAK(short_name,           s->inner.name = TEXT("n"))
BREAK(no_words,             s->rules.n_required_words = 0)
BREAK(empty_word,           s->words[0] = TEXT(""))

static const struct {
    void (*make)(struct subject *subject);
    const char *field, *reason; // NULL: accepted.
} rows[] = {
    {nothing,            NULL,                         NULL},
    {no_text,            "required_text",              "REQUIRED"},
    {long_text,          "required_text",              "TOO_LONG"},
    {text_1024,          NULL,                         NULL},
    {text_1024_points,   NULL,                         NULL},
    {text_4_points,      "printable",                  "TOO_LONG"},
    {not_utf8,           "required_text",              "NOT_UTF8"},
    {overlong,           "required_text",              "NOT_UTF8"},
    {surrogate,          "required_text",              "NOT_UTF8"},
    {bad_email,          "email",                      "PATTERN"},
    {good_email,         NULL,                         NULL},
    {bad_phone,          "phone",                      "PATTERN"},
    {bad_currency,       "currency",                   "PATTERN"},
    {bad_country,        "country",                    "PATTERN"},
    {one_digit,          "digits",                     "TOO_SHORT"},
    {five_digits,        "digits",                     "TOO_LONG"},
    {letters,            "digits",                     "PATTERN"},
    {bad_identifier,     "identifier",                 "PATTERN"},
    {control,            "printable",                  "PATTERN"},
    {no_day,             "date",                       "BAD_FORMAT"},
    {a_day,              NULL,                         NULL},
    {short_secret,       "secret",                     "TOO_SHORT"},
    {no_colour,          "required_colour",            "REQUIRED"},
    {unknown_colour,     "required_colour",            "UNKNOWN_ENUM"},
    {large_is_any,       NULL,                         NULL},
    {in_signed_range,    NULL,                         NULL},
    {below_range,        "signed_range",               "RANGE"},
    {above_range,        "signed_range",               "RANGE"},
    {lowest_number,      "signed_range",               "RANGE"},
    {no_number,          "required_number",            "REQUIRED"},
    {large_number,       "required_number",            "RANGE"},
    {no_amount,          "required_amount",            "REQUIRED"},
    {zero_amount,        "required_amount",            "RANGE"},
    {full_amount,        NULL,                         NULL},
    {over_amount,        "required_amount",            "RANGE"},
    {huge_amount,        "required_amount",            "RANGE"},
    {change_in_range,    NULL,                         NULL},
    {change_below,       "change",                     "RANGE"},
    {change_far_below,   "change",                     "RANGE"},
    {no_id,              "required_id",                "REQUIRED"},
    {id_of_15,           "required_id",                "BAD_FORMAT"},
    {a_nil_id,           "required_id",                "REQUIRED"},
    {optional_id_of_15,  "optional_id",                "BAD_FORMAT"},
    {optional_nil,       NULL,                         NULL},
    {one_byte,           "data",                       "TOO_SHORT"},
    {four_bytes,         "data",                       "TOO_LONG"},
    {no_inner,           "required_inner",             "REQUIRED"},
    {inner_without_leaf, "required_inner.leaf",        "REQUIRED"},
    {heavy_leaf,         "required_inner.leaf.weight", "RANGE"},
    {short_name,         "required_inner.name",        "TOO_SHORT"},
    {no_words,           "required_words",             "REQUIRED"},
    {empty_word,         "required_words[0]",          "PATTERN"},
};

// clang-format on

static void expect(struct status status, const struct rpc_violations *violations, size_t row,
                   const char *field, const char *reason)
{
    if (reason == NULL) {
        if (!status_ok(status)) {
            fail_msg("row %zu: %s %s", row, violations->items[0].field,
                     violations->items[0].reason);
        }
        return;
    }
    assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
    assert_string_equal(status.reason, "VALIDATION_FAILED");
    assert_int_equal(violations->count, 1);
    assert_string_equal(violations->items[0].field, field);
    assert_string_equal(violations->items[0].reason, reason);
}

static void test_each_rule_refuses_what_breaks_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_open(1 << 20);
        struct subject subject;
        struct rpc_violations violations;
        good(&subject);
        rows[i].make(&subject);
        struct status status =
            rpc_validate(&florin_shapes_v1_rules_message, &subject.rules.base, arena, &violations);
        expect(status, &violations, i, rows[i].field, rows[i].reason);
        arena_close(&arena);
    }
}

static void validate_shape(const Shapes__Shape *shape, struct rpc_violations *violations,
                           struct arena *arena, struct status *ret)
{
    *ret = rpc_validate(&florin_shapes_v1_shape_message, &shape->base, arena, violations);
}

static void test_lists_are_counted_and_their_items_measured(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    struct rpc_violations violations;
    struct status status;
    int64_t numbers[4] = {1, 0, 101, 1};
    Shapes__Shape shape;
    shapes__shape__init(&shape);
    shape.numbers = numbers;
    shape.n_numbers = 3;
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 0, "numbers[2]", "RANGE");
    shape.n_numbers = 2; // 0 is in the list, so it is there; the range begins at 0.
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 1, NULL, NULL);
    shape.n_numbers = 4;
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 2, "numbers", "TOO_MANY_ITEMS");
    arena_close(&arena);
}

static void test_only_the_member_that_is_set_of_a_oneof_is_measured(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    struct rpc_violations violations;
    struct status status;
    Shapes__Shape shape;
    shapes__shape__init(&shape);
    shape.choice_case = SHAPES__SHAPE__CHOICE_RIGHT;
    shape.right = 0; // Present although it is zero, and below the minimum of 3.
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 0, "right", "RANGE");
    shape.right = 3;
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 1, NULL, NULL);
    shape.choice_case = SHAPES__SHAPE__CHOICE_LEFT;
    shape.left = TEXT("12345");
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 2, "left", "TOO_LONG");
    arena_close(&arena);
}

// Labels of a thing request: at most 3, keys are identifiers of 1 to 64, values PRINTABLE up to 8.
static void test_maps_are_counted_and_their_keys_and_values_measured(void **state)
{
    static char key_of_64[65], key_of_65[66];

    static const struct {
        const char *keys[4], *values[4];
        const char *field, *reason;
    } maps[] = {
        // clang-format off
        {{NULL},                   {NULL},                NULL,                NULL},
        {{"a", "b.c-d_e:F", "3"},  {"1", "", "\xE2\x82\xB9"}, NULL,          NULL},
        {{key_of_64},              {"1"},                 NULL,                NULL},
        {{key_of_65},              {"1"},
         "labels.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "TOO_LONG"},
        {{""},                     {"1"},                 "labels",            "TOO_SHORT"},
        {{"a", "b c"},             {"1", "2"},            "labels.b c",        "PATTERN"},
        {{"a", "\xFF"},            {"1", "2"},            "labels[1]",         "NOT_UTF8"},
        {{"a", "b"},               {"1", "12345678"},     NULL,                NULL},
        {{"a", "b"},               {"1", "123456789"},    "labels.b",          "TOO_LONG"},
        {{"a", "b"},               {"1", "\t"},           "labels.b",          "PATTERN"},
        {{"a"},                    {"\xFF"},              "labels.a",          "NOT_UTF8"},
        {{"a", "b", "a"},          {"1", "1", "1"},       "labels.a",          "DUPLICATE_FIELD"},
        {{"a", "b", "c", "d"},     {"1", "1", "1", "1"},  "labels",            "TOO_MANY_ITEMS"},
        // clang-format on
    };

    (void)state;
    memset(key_of_64, 'x', 64);
    memset(key_of_65, 'x', 65);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct arena *arena = arena_open(1 << 20);
        struct rpc_violations violations;
        Shapes__UpdateThingRequest request;
        Shapes__UpdateThingRequest__LabelsEntry entries[4], *labels[4];
        shapes__update_thing_request__init(&request);
        request.id = (ProtobufCBinaryData){16, some_id};
        request.if_match = 1;
        request.labels = labels;
        for (size_t j = 0; j < 4 && maps[i].keys[j] != NULL; j++) {
            shapes__update_thing_request__labels_entry__init(&entries[j]);
            entries[j].key = TEXT(maps[i].keys[j]);
            entries[j].value = TEXT(maps[i].values[j]);
            labels[request.n_labels++] = &entries[j];
        }
        struct status status = rpc_validate(&florin_shapes_v1_update_thing_request_message,
                                            &request.base, arena, &violations);
        expect(status, &violations, i, maps[i].field, maps[i].reason);
        arena_close(&arena);
    }
}

static void test_keys_of_other_types_have_a_place_and_no_rule(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    struct rpc_violations violations;
    Shapes__Shape shape;
    Shapes__Leaf leaf;
    Shapes__Inner inner;
    Shapes__Shape__InnerByNumberEntry entries[2], *items[] = {&entries[0], &entries[1]};
    shapes__shape__init(&shape);
    shapes__leaf__init(&leaf);
    shapes__inner__init(&inner);
    for (size_t i = 0; i < 2; i++) {
        shapes__shape__inner_by_number_entry__init(&entries[i]);
        entries[i].key = (int32_t)i; // 0 is a key like any other.
        entries[i].value = &inner;
    }
    inner.leaf = &leaf;
    shape.inner_by_number = items;
    shape.n_inner_by_number = 2;
    struct status status;
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 0, NULL, NULL);
    entries[1].key = 0;
    validate_shape(&shape, &violations, arena, &status);
    expect(status, &violations, 1, "inner_by_number[1]", "DUPLICATE_FIELD");
    entries[1].key = 1;
    leaf.weight = 6;
    validate_shape(&shape, &violations, arena, &status);
    assert_string_equal(violations.items[0].field, "inner_by_number[0].leaf.weight");
    assert_string_equal(violations.items[0].reason, "RANGE");
    arena_close(&arena);
}

// Over RPC nobody has filled in version and mask for the client.
static void test_versions_and_masks_are_checked_like_other_fields(void **state)
{
    static const struct {
        uint64_t if_match;
        const char *changed[2];
        const char *field, *reason;
    } requests[] = {
        {1, {"name", "is_open"}, NULL, NULL},
        {UINT64_MAX, {NULL}, NULL, NULL},
        {0, {"name"}, "if_match", "REQUIRED"},
        {1, {"name", "colour_name"}, "changed[1]", "UNKNOWN_FIELD"},
        {1, {"isOpen"}, "changed[0]", "UNKNOWN_FIELD"}, // Proto names only.
        {1, {"if_match"}, "changed[0]", "UNKNOWN_FIELD"},
        {1, {"changed"}, "changed[0]", "UNKNOWN_FIELD"},
        {1, {"name", ""}, "changed[1]", "UNKNOWN_FIELD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct arena *arena = arena_open(1 << 20);
        struct rpc_violations violations;
        char *changed[2];
        Shapes__UpdateThingRequest request;
        shapes__update_thing_request__init(&request);
        request.id = (ProtobufCBinaryData){16, some_id};
        request.if_match = requests[i].if_match;
        request.changed = changed;
        for (size_t j = 0; j < 2 && requests[i].changed[j] != NULL; j++) {
            changed[request.n_changed++] = TEXT(requests[i].changed[j]);
        }
        struct status status = rpc_validate(&florin_shapes_v1_update_thing_request_message,
                                            &request.base, arena, &violations);
        expect(status, &violations, i, requests[i].field, requests[i].reason);
        arena_close(&arena);
    }
}

static void test_violations_stop_at_their_maximum(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    struct rpc_violations violations;
    struct status status;
    char *words[40];
    for (size_t i = 0; i < 40; i++) {
        words[i] = TEXT("too long");
    }
    Shapes__Shape shape;
    shapes__shape__init(&shape);
    shape.words = words;
    shape.n_words = 40;
    validate_shape(&shape, &violations, arena, &status);
    assert_string_equal(status.reason, "VALIDATION_FAILED");
    assert_int_equal(violations.count, RPC_VIOLATIONS_MAX);
    assert_string_equal(violations.items[15].field, "words[15]");
    arena_close(&arena);
}

static void test_a_violation_stands_also_without_room_for_its_path(void **state)
{
    (void)state;
    struct arena *arena = arena_open(0);
    struct rpc_violations violations;
    struct subject subject;
    good(&subject);
    no_text(&subject);
    struct status status =
        rpc_validate(&florin_shapes_v1_rules_message, &subject.rules.base, arena, &violations);
    expect(status, &violations, 0, "", "REQUIRED");
    arena_close(&arena);
}

static void test_decode_checks_unpacks_and_validates(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    struct rpc_violations violations;
    struct subject subject;
    good(&subject);
    struct bytes wire;
    assert_int_equal(rpc_pack(&subject.rules, arena, &wire).code, STATUS_OK);
    Shapes__Rules *rules = NULL;
    assert_int_equal(
        rpc_decode(&florin_shapes_v1_rules_message, wire, arena, &rules, &violations).code,
        STATUS_OK);
    assert_string_equal(rules->required_text, "text");

    rules = NULL;
    struct status status =
        rpc_decode(&florin_shapes_v1_rules_message, bytes_of(NULL, 0), arena, &rules, &violations);
    assert_string_equal(status.reason, "VALIDATION_FAILED");
    assert_int_equal(violations.count, 7); // One for each required field.
    assert_null(rules);

    status = rpc_decode(&florin_shapes_v1_rules_message, bytes_of("\x0A\x05", 2), arena, &rules,
                        &violations);
    assert_string_equal(status.reason, "REQUEST_MALFORMED");

    struct arena *small = arena_open(64);
    status = rpc_decode(&florin_shapes_v1_rules_message, wire, small, &rules, &violations);
    assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
    arena_close(&small);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_refuses_what_breaks_it),
        cmocka_unit_test(test_lists_are_counted_and_their_items_measured),
        cmocka_unit_test(test_only_the_member_that_is_set_of_a_oneof_is_measured),
        cmocka_unit_test(test_maps_are_counted_and_their_keys_and_values_measured),
        cmocka_unit_test(test_keys_of_other_types_have_a_place_and_no_rule),
        cmocka_unit_test(test_versions_and_masks_are_checked_like_other_fields),
        cmocka_unit_test(test_violations_stop_at_their_maximum),
        cmocka_unit_test(test_a_violation_stands_also_without_room_for_its_path),
        cmocka_unit_test(test_decode_checks_unpacks_and_validates),
    };
    return cmocka_run_group_tests_name("schema_validate", tests, NULL, NULL);
}
