#include "common/json/decode.h"
#include "common/json/encode.h"
#include "common/rpc/validate.h"
#include "florin/shapes/v1/shapes.pb-c.h"
#include "florin/shapes/v1/shapes_methods.h"

// clang-format off
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

#define ID "\"0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f\""
#define NIL "\"00000000-0000-0000-0000-000000000000\""

static struct status decode_shape(const char *text, struct arena *arena, Shapes__Shape *ret,
                                  rpc_field_set *present, struct rpc_violations *violations)
{
    shapes__shape__init(ret);
    return json_decode(&florin_shapes_v1_shape_message, "*", bytes_of_text(text), arena, &ret->base,
                       present, violations);
}

// clang-format off
static const struct {
    const char *text, *member, *expected; // The member of the JSON that comes back.
} accepted[] = {
    {"{}",                                        "text",            "\"\""},
    {"",                                          "text",            "\"\""},
    {" \t\r\n{ \"text\" : \"hi\" } \n",           "text",            "\"hi\""},
    {"{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "text",            "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
    {"{\"text\":\"\\u0001\\u001f\\u007f\"}",      "text",            "\"\\u0001\\u001f\\u007f\""},
    {"{\"text\":\"\\u20b9\\uD83D\\uDE00\"}",      "text",            "\"\xE2\x82\xB9\xF0\x9F\x98\x80\""},
    {"{\"text\":\"\xE2\x82\xB9\"}",               "text",            "\"\xE2\x82\xB9\""},
    {"{\"text\":null}",                           "text",            "\"\""},
    {"{\"int32_value\":-2147483648}",             "int32_value",     "-2147483648"},
    {"{\"int32Value\":7}",                        "int32_value",     "7"},
    {"{\"int32_value\":-0}",                      "int32_value",     "0"},
    {"{\"int64_value\":\"-9223372036854775808\"}","int64_value",     "\"-9223372036854775808\""},
    {"{\"int64_value\":9007199254740993}",        "int64_value",     "\"9007199254740993\""},
    {"{\"uint32_value\":4294967295}",             "uint32_value",    "4294967295"},
    {"{\"int64_value\":-9223372036854775808}",    "int64_value",     "\"-9223372036854775808\""},
    {"{\"uint64_value\":9223372036854775807}",    "uint64_value",    "\"9223372036854775807\""},
    {"{\"uint64_value\":\"18446744073709551615\"}", "uint64_value",  "\"18446744073709551615\""},
    {"{\"sint32_value\":-1}",                     "sint32_value",    "-1"},
    {"{\"sint64_value\":-1}",                     "sint64_value",    "\"-1\""},
    {"{\"fixed32_value\":1}",                     "fixed32_value",   "1"},
    {"{\"fixed64_value\":1}",                     "fixed64_value",   "\"1\""},
    {"{\"sfixed32_value\":-1}",                   "sfixed32_value",  "-1"},
    {"{\"sfixed64_value\":-1}",                   "sfixed64_value",  "\"-1\""},
    {"{\"bool_value\":true}",                     "bool_value",      "true"},
    {"{\"bool_value\":false}",                    "bool_value",      "false"},
    {"{\"double_value\":-1.5e3}",                 "double_value",    "-1500"},
    {"{\"double_value\":0.1}",                    "double_value",    "0.1"},
    {"{\"double_value\":-7}",                     "double_value",    "-7"},
    {"{\"double_value\":1e-999}",                 "double_value",    "0"},
    {"{\"colour\":\"DARK_BLUE\"}",                "colour",          "\"DARK_BLUE\""},
    {"{}",                                        "colour",          "\"COLOUR_UNSPECIFIED\""},
    {"{\"side\":\"INSIDE\"}",                     "side",            "\"INSIDE\""},
    {"{\"id\":" ID "}",                           "id",              ID},
    {"{\"id\":\"0197F3A0-7C1E-7CC3-98C4-DC0C0C07398F\"}", "id",      ID},
    {"{\"id\":" NIL "}",                          "id",              NIL},
    {"{\"id\":null}",                             "id",              "null"},
    {"{}",                                        "id",              "null"},
    {"{\"data\":\"+/8=\"}",                       "data",            "\"+/8=\""},
    {"{\"data\":\"-_8\"}",                        "data",            "\"+/8=\""},
    {"{\"data\":\"AAAA\"}",                       "data",            "\"AAAA\""},
    {"{\"data\":\"AA\"}",                         "data",            "\"AA==\""},
    {"{\"data\":\"\"}",                           "data",            "\"\""},
    {"{\"hash\":\"00fF\"}",                       "hash",            "\"00ff\""},
    {"{\"amount\":\"0\"}",                        "amount",          "\"0\""},
    {"{\"amount\":\"340282366920938463463374607431768211455\"}", "amount", "\"340282366920938463463374607431768211455\""},
    {"{}",                                        "amount",          "null"},
    {"{\"change\":\"-170141183460469231731687303715884105728\"}", "change", "\"-170141183460469231731687303715884105728\""},
    {"{\"created_at\":\"2026-11-21T00:06:00Z\"}", "created_at",      "\"2026-11-21T00:06:00.000000000Z\""},
    {"{\"created_at\":\"2026-11-21T05:36:00.5+05:30\"}", "created_at", "\"2026-11-21T00:06:00.500000000Z\""},
    {"{}",                                        "created_at",      "null"},
    {"{}",                                        "inner",           "null"},
    {"{\"inner\":{}}",                            "inner",           "{\"name\":\"\",\"leaves\":[],\"leaf\":null}"},
    {"{\"inner\":{\"leaf\":{\"weight\":3}}}",     "inner",           "{\"name\":\"\",\"leaves\":[],\"leaf\":{\"weight\":3}}"},
    {"{\"numbers\":[1,\"2\",-3]}",                "numbers",         "[\"1\",\"2\",\"-3\"]"},
    {"{\"numbers\":[]}",                          "numbers",         "[]"},
    {"{\"numbers\":null}",                        "numbers",         "[]"},
    {"{\"words\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]}", "words", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]"},
    {"{\"ids\":[" ID "," NIL "]}",                "ids",             "[" ID "," NIL "]"},
    {"{\"colours\":[\"RED\",\"COLOUR_UNSPECIFIED\",\"GREEN\"]}",       "colours",         "[\"RED\",\"COLOUR_UNSPECIFIED\",\"GREEN\"]"},
    {"{\"amounts\":[\"1\",\"2\"]}",               "amounts",         "[\"1\",\"2\"]"},
    {"{\"inners\":[{\"name\":\"x\"}]}",           "inners",          "[{\"name\":\"x\",\"leaves\":[],\"leaf\":null}]"},
    {"{\"labels\":{\"a\":\"1\",\"\":\"2\"}}",     "labels",          "{\"a\":\"1\",\"\":\"2\"}"},
    {"{}",                                        "labels",          "{}"},
    {"{\"inner_by_number\":{\"-5\":{}}}",         "inner_by_number", "{\"-5\":{\"name\":\"\",\"leaves\":[],\"leaf\":null}}"},
    {"{\"colour_by_id\":{\"18446744073709551615\":\"RED\"}}", "colour_by_id", "{\"18446744073709551615\":\"RED\"}"},
    {"{\"number_by_flag\":{\"true\":1,\"false\":0}}", "number_by_flag", "{\"true\":1,\"false\":0}"},
    {"{\"left\":\"\"}",                           "left",            "\"\""},
    {"{\"right\":0}",                             "right",           "0"},
    {"{\"middle\":{},\"left\":null}",             "middle",          "{\"name\":\"\",\"leaves\":[],\"leaf\":null}"},
    {"{}",                                        "left",            NULL}, // Of a oneof: only what is set.
    {"{\"left\":\"a\"}",                          "right",           NULL},
    {"{}",                                        "trace",           NULL}, // Comes from a header.
};

static const struct {
    const char *text, *field, *reason; // field NULL: the reason is the status's.
} refused[] = {
    {"{\"colour_name\":1}",               "colour_name",          "UNKNOWN_FIELD"},
    {"{\"a\":{\"b\":[1,{\"c\":null}]}}",  "a",                    "UNKNOWN_FIELD"},
    {"{\"inner\":{\"nam\":\"x\"}}",       "inner.nam",            "UNKNOWN_FIELD"},
    {"{\"inners\":[{},{\"leaf\":{\"w\":1}}]}", "inners[1].leaf.w", "UNKNOWN_FIELD"},
    {"{\"trace\":\"x\"}",                 "trace",                "UNKNOWN_FIELD"},
    {"{\"\":1}",                          "",                     "UNKNOWN_FIELD"},
    {"{\"text\":\"a\",\"text\":\"a\"}",   "text",                 "DUPLICATE_FIELD"},
    {"{\"int32_value\":1,\"int32Value\":1}", "int32Value",        "DUPLICATE_FIELD"},
    {"{\"inner\":{\"name\":\"a\",\"name\":\"b\"}}", "name",       "DUPLICATE_FIELD"},
    {"{\"t\\u0065xt\":\"a\",\"text\":\"a\"}", "text",             "DUPLICATE_FIELD"},
    {"{\"text\":\"a\",\"t\\u0065xt\":\"a\"}", "t\\u0065xt",       "DUPLICATE_FIELD"}, // As it was written.
    {"{\"a\\\"b\\\\\":1,\"a\\\"b\\\\\" :1}", "a\\\"b\\\\",   "DUPLICATE_FIELD"},
    {"{\"\":1,\"\":1}",                   "",                     "DUPLICATE_FIELD"},
    {"{\"idempotency_window_days\":1,\"idempotency_window_days\":1}", "idempotency_window_days", "DUPLICATE_FIELD"},
    {"[{\"a\":{\"b\":1,\"b\":1}}]",       "b",                    "DUPLICATE_FIELD"}, // Also in what is unknown.
    {"{\"colour_name\":1,\"text\":5,\"text\":6}", "text",       "DUPLICATE_FIELD"}, // Comes alone.
    {"{\"labels\":{\"a\":\"1\",\"a\":\"1\"}}", "a",               "DUPLICATE_FIELD"},
    {"{\"inner_by_number\":{\"1\":{},\"1\":{}}}", "1",            "DUPLICATE_FIELD"},
    {"{\"inner_by_number\":{\"0\":{},\"-0\":{}}}", "inner_by_number.-0", "DUPLICATE_FIELD"},
    {"{\"left\":\"a\",\"right\":3}",      "right",                "ONEOF_ALREADY_SET"},
    {"{\"amount\":5}",                    "amount",               "AMOUNT_MUST_BE_STRING"},
    {"{\"amounts\":[\"5\",5.5]}",         "amounts[1]",           "AMOUNT_MUST_BE_STRING"},
    {"{\"amount\":null}",                 "amount",               "NULL_NOT_ALLOWED"},
    {"{\"amount\":\"\"}",                 "amount",               "AMOUNT_MALFORMED"},
    {"{\"amount\":\"-1\"}",               "amount",               "AMOUNT_MALFORMED"},
    {"{\"amount\":\"1.00\"}",             "amount",               "AMOUNT_MALFORMED"},
    {"{\"amount\":\"007\"}",              "amount",               "AMOUNT_MALFORMED"},
    {"{\"amount\":\"340282366920938463463374607431768211456\"}", "amount", "AMOUNT_OUT_OF_RANGE"},
    {"{\"amount\":{\"high\":0,\"low\":5}}", "amount",             "WRONG_TYPE"},
    {"{\"inner\":{\"leaf\":null}}",       "inner.leaf",           "NULL_NOT_ALLOWED"},
    {"{\"words\":[\"a\",null]}",          "words[1]",             "NULL_NOT_ALLOWED"},
    {"{\"labels\":{\"a\":null}}",         "labels.a",             "NULL_NOT_ALLOWED"},
    {"{\"text\":5}",                      "text",                 "WRONG_TYPE"},
    {"{\"text\":[\"a\"]}",                "text",                 "WRONG_TYPE"},
    {"{\"text\":true}",                   "text",                 "WRONG_TYPE"},
    {"{\"int32_value\":true}",            "int32_value",          "WRONG_TYPE"},
    {"{\"int32_value\":1.5}",             "int32_value",          "WRONG_TYPE"},
    {"{\"int32_value\":7.0}",             "int32_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\"7.0\"}",         "int64_value",          "WRONG_TYPE"},
    {"{\"int64_value\":9007199254740993.0}", "int64_value",       "WRONG_TYPE"},
    {"{\"int32_value\":1e2}",             "int32_value",          "WRONG_TYPE"},
    {"{\"int32_value\":\"7\"}",           "int32_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\"\"}",            "int64_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\" 1\"}",          "int64_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\"+1\"}",          "int64_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\"0x1\"}",         "int64_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\"01\"}",          "int64_value",          "WRONG_TYPE"},
    {"{\"int64_value\":\"1\\u0000\"}",    "int64_value",          "WRONG_TYPE"},
    {"{\"int32_value\":2147483648}",      "int32_value",          "RANGE"},
    {"{\"int32_value\":-2147483649}",     "int32_value",          "RANGE"},
    {"{\"int64_value\":9223372036854775808}", "int64_value",      "RANGE"},
    {"{\"uint32_value\":4294967296}",     "uint32_value",         "RANGE"},
    {"{\"uint32_value\":-1}",             "uint32_value",         "RANGE"},
    {"{\"int64_value\" : -9223372036854775809 }", "int64_value",  "RANGE"},
    {"{\"uint64_value\":9223372036854775808}", "uint64_value",    "RANGE"}, // As a number.
    {"{\"uint64_value\":\"18446744073709551616\"}", "uint64_value", "RANGE"},
    {"{\"amount\":340282366920938463463374607431768211455}", "amount", "RANGE"},
    {"{\"inner\":{\"leaf\":{\"weight\":9223372036854775808}}}", "weight", "RANGE"},
    {"{\"numbers\":[1,9223372036854775808]}", "",                 "RANGE"}, // An item has no name.
    {"{\"text\":\"a secret\" 9223372036854775808}", "",           "RANGE"}, // Nor has this.
    {"9223372036854775808",               "",                     "RANGE"},
    {"{\"bool_value\":\"true\"}",         "bool_value",           "WRONG_TYPE"},
    {"{\"bool_value\":1}",                "bool_value",           "WRONG_TYPE"},
    {"{\"double_value\":\"1\"}",          "double_value",         "WRONG_TYPE"},
    {"{\"double_value\":1e999}",          "double_value",         "RANGE"},
    {"{\"colour\":\"PINK\"}",             "colour",               "UNKNOWN_ENUM"},
    {"{\"colour\":\"red\"}",              "colour",               "UNKNOWN_ENUM"},
    {"{\"colour\":1}",                    "colour",               "WRONG_TYPE"},
    {"{\"colour\":\"1\"}",                "colour",               "UNKNOWN_ENUM"},
    {"{\"colour\":\"RED\\u0000\"}",       "colour",               "UNKNOWN_ENUM"},
    {"{\"id\":\"\"}",                     "id",                   "BAD_FORMAT"},
    {"{\"id\":\"0197f3a07c1e7cc398c4dc0c0c07398f\"}", "id",       "BAD_FORMAT"},
    {"{\"id\":5}",                        "id",                   "WRONG_TYPE"},
    {"{\"data\":\"A\"}",                  "data",                 "BAD_FORMAT"},
    {"{\"data\":\"AA=\"}",                "data",                 "BAD_FORMAT"},
    {"{\"data\":\"AB==\"}",               "data",                 "BAD_FORMAT"}, // Unused bits set.
    {"{\"data\":\"+_8=\"}",               "data",                 "BAD_FORMAT"},
    {"{\"data\":\"AA==\\n\"}",            "data",                 "BAD_FORMAT"},
    {"{\"hash\":\"0\"}",                  "hash",                 "BAD_FORMAT"},
    {"{\"hash\":\"0g\"}",                 "hash",                 "BAD_FORMAT"},
    {"{\"created_at\":\"2026-02-30T00:00:00Z\"}", "created_at",   "BAD_FORMAT"},
    {"{\"created_at\":\"2026-11-21\"}",   "created_at",           "BAD_FORMAT"},
    {"{\"created_at\":\"1970-01-01T00:00:00Z\"}", "created_at",   "RANGE"}, // Zero: no time.
    {"{\"created_at\":1763683200}",       "created_at",           "WRONG_TYPE"},
    {"{\"text\":\"a\\u0000b\"}",          "text",                 "CONTAINS_NUL"},
    {"{\"labels\":{\"a\\u0000\":\"b\"}}", "a\\u0000",             "CONTAINS_NUL"},
    {"{\"text\\u0000\":\"b\"}",           "text\\u0000",          "CONTAINS_NUL"},
    {"{\"words\":[\"a\",\"\\u0000\"]}",   "words[1]",             "CONTAINS_NUL"},
    {"{\"labels\":[]}",                   "labels",               "WRONG_TYPE"},
    {"{\"numbers\":{}}",                  "numbers",              "WRONG_TYPE"},
    {"{\"numbers\":\"1\"}",               "numbers",              "WRONG_TYPE"},
    {"{\"numbers\":[1,2,3,4,5]}",         "numbers",              "TOO_MANY_ITEMS"},
    {"{\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\",\"e\":\"\"}}", "labels", "TOO_MANY_ITEMS"},
    {"{\"inner\":[]}",                    "inner",                "WRONG_TYPE"},
    {"{\"number_by_flag\":{\"yes\":1}}",  "number_by_flag.yes",   "WRONG_TYPE"},
    {"[]",                                "",                     "WRONG_TYPE"},
    {"null",                              "",                     "WRONG_TYPE"},
    {"5",                                 "",                     "WRONG_TYPE"},

    {" ",                                 NULL,                   "JSON_MALFORMED"},
    {"{",                                 NULL,                   "JSON_MALFORMED"},
    {"{}}",                               NULL,                   "JSON_MALFORMED"},
    {"{} {}",                             NULL,                   "JSON_MALFORMED"},
    {"{\"text\"}",                        NULL,                   "JSON_MALFORMED"},
    {"{\"text\":}",                       NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"a\",}",                 NULL,                   "JSON_MALFORMED"},
    {"{,\"text\":\"a\"}",                 NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"a\" \"data\":\"\"}",    NULL,                   "JSON_MALFORMED"},
    {"{text:\"a\"}",                      NULL,                   "JSON_MALFORMED"},
    {"{'text':'a'}",                      NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"a}",                    NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"a\\\"}",                NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"a\nb\"}",               NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"\\x\"}",                NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"\\u12\"}",              NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"\\ud800\"}",            NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"\\ud800\\u0041\"}",     NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"\\udc00\"}",            NULL,                   "JSON_MALFORMED"},
    {"{\"text\":\"\xC3(\"}",              NULL,                   "JSON_MALFORMED"},
    {"\xEF\xBB\xBF{}",                    NULL,                   "JSON_MALFORMED"}, // A byte order mark.
    {"{\"int32_value\":01}",              NULL,                   "JSON_MALFORMED"},
    {"{\"int32_value\":+1}",              NULL,                   "JSON_MALFORMED"},
    {"{\"int32_value\":.5}",              NULL,                   "JSON_MALFORMED"},
    {"{\"int32_value\":5.}",              NULL,                   "JSON_MALFORMED"},
    {"{\"int32_value\":1e}",              NULL,                   "JSON_MALFORMED"},
    {"{\"int32_value\":-}",               NULL,                   "JSON_MALFORMED"},
    {"{\"double_value\":NaN}",            NULL,                   "JSON_MALFORMED"},
    {"{\"bool_value\":True}",             NULL,                   "JSON_MALFORMED"},
    {"{\"bool_value\":truer}",            NULL,                   "JSON_MALFORMED"},
    {"{\"text\":nul}",                    NULL,                   "JSON_MALFORMED"},
    {"{\"numbers\":[1,]}",                NULL,                   "JSON_MALFORMED"},
    {"{\"numbers\":[1}",                  NULL,                   "JSON_MALFORMED"},
    {"{\"a\":[1 2]}",                     NULL,                   "JSON_MALFORMED"},
    {"{} // a comment",                   NULL,                   "JSON_MALFORMED"},
};

// clang-format on

static void check_member(struct bytes text, const char *member, const char *expected)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) fail_msg("%s in %.*s", error.text, (int)text.size, text.data);
    const json_t *value = json_object_get(json, member);
    if (expected == NULL) {
        assert_null(value);
    } else {
        json_t *wanted = json_loads(expected, JSON_DECODE_ANY, &error);
        assert_non_null(wanted);
        // jansson's numbers compare by type: 1500.0 for a double is what 1500 means.
        bool is_equal = json_equal(value, wanted) ||
                        (json_is_number(value) && json_is_number(wanted) &&
                         json_number_value(value) - json_number_value(wanted) == 0.0);
        if (!is_equal) fail_msg("%s: %.*s", member, (int)text.size, text.data);
        json_decref(wanted);
    }
    json_decref(json);
}

static void test_what_is_accepted_comes_back_in_its_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct arena *arena = arena_open(1 << 20);
        Shapes__Shape shape;
        rpc_field_set present;
        struct rpc_violations violations;
        struct status status = decode_shape(accepted[i].text, arena, &shape, &present, &violations);
        if (!status_ok(status)) fail_msg("%s: %s", accepted[i].text, status.message);
        struct bytes text;
        status = json_encode(&florin_shapes_v1_shape_message, &shape.base, arena, &text);
        assert_int_equal(status.code, STATUS_OK);
        check_member(text, accepted[i].member, accepted[i].expected);
        arena_close(&arena);
    }
}

static void test_what_is_refused_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct arena *arena = arena_open(1 << 20);
        Shapes__Shape shape;
        rpc_field_set present;
        struct rpc_violations violations;
        struct status status = decode_shape(refused[i].text, arena, &shape, &present, &violations);
        if (status_ok(status)) fail_msg("accepted: %s", refused[i].text);
        assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
        if (refused[i].field == NULL) {
            if (strcmp(status.reason, refused[i].reason) != 0) {
                fail_msg("%s: %s", refused[i].text, status.reason);
            }
        } else {
            if (strcmp(status.reason, "VALIDATION_FAILED") != 0) {
                fail_msg("%s: %s %s", refused[i].text, status.reason, status.message);
            }
            if (strcmp(violations.items[0].field, refused[i].field) != 0 ||
                strcmp(violations.items[0].reason, refused[i].reason) != 0) {
                fail_msg("%s: %s %s", refused[i].text, violations.items[0].field,
                         violations.items[0].reason);
            }
            assert_int_equal(violations.count, 1);
        }
        arena_close(&arena);
    }
}

static void test_all_violations_are_told_at_once(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    struct status status = decode_shape("{\"txt\":1,\"amount\":1,\"numbers\":[null,true,\"x\"],"
                                        "\"inner\":{\"leaf\":null,\"name\":\"ok\"}}",
                                        arena, &shape, &present, &violations);
    assert_string_equal(status.reason, "VALIDATION_FAILED");
    assert_int_equal(violations.count, 6);
    assert_string_equal(violations.items[2].field, "numbers[0]");
    assert_string_equal(violations.items[3].field, "numbers[1]");
    assert_string_equal(violations.items[4].field, "numbers[2]");
    assert_string_equal(violations.items[5].field, "inner.leaf");
    arena_close(&arena);
}

static void test_a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    char text[256] = "{\"x";
    for (size_t i = 0; i < 40; i++) { // "x" and 40 times three bytes: the 64th splits a character.
        memcpy(text + 3 + 3 * i, "\xE2\x82\xB9", 3);
    }
    memcpy(text + 3 + 120, "\":1}", 5);
    (void)decode_shape(text, arena, &shape, &present, &violations);
    assert_int_equal(violations.count, 1);
    assert_int_equal(strlen(violations.items[0].field), 64);
    assert_memory_equal(violations.items[0].field, text + 2, 64);
    arena_close(&arena);
}

static const char *reason_at_depth(const char *begin, const char *open, const char *close,
                                   size_t depth)
{
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    static char text[1 << 16];
    size_t used = 0;
    used += (size_t)snprintf(text, sizeof text, "%s", begin);
    for (size_t i = 0; i < depth; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", open);
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "1");
    for (size_t i = 0; i < depth; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", close);
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "}");
    assert_true(used < sizeof text);
    struct status status = decode_shape(text, arena, &shape, &present, &violations);
    const char *reason = status.reason; // Static.
    arena_close(&arena);
    return reason;
}

static void test_depth_ends_at_32(void **state)
{
    (void)state;

    static const struct {
        const char *begin, *open, *close;
    } texts[] = {
        // The object around it is the first level.
        {"{\"unknown\":", "[", "]"},
        {"{\"unknown\":", "{\"a\":", "}"},
        {"{\"text\":", "[", "]"},
        {"{\"labels\":", "{\"a\":", "}"},
        {"{\"text\":\"[[[[{{{{\",\"unknown\":", "[0,", "]"}, // Brackets in strings do not count.
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *begin = texts[i].begin, *open = texts[i].open, *close = texts[i].close;
        assert_string_equal(reason_at_depth(begin, open, close, 31), "VALIDATION_FAILED");
        assert_string_equal(reason_at_depth(begin, open, close, 32), "JSON_TOO_DEEP");
        assert_string_equal(reason_at_depth(begin, open, close, 2000), "JSON_TOO_DEEP");
        assert_string_equal(reason_at_depth(begin, open, close, 5000), "JSON_TOO_DEEP");
    }
}

#define WITH_SIZE(text_)                                                                           \
    {                                                                                              \
        text_, sizeof text_ - 1                                                                    \
    }

static void test_bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t size;
    } texts[] = {
        WITH_SIZE("{\"text\":\"a\0b\"}"),
        WITH_SIZE("{}\0"),
        WITH_SIZE("\0{}"),
        WITH_SIZE("{\"text\":\"\xED\xA0\x80\"}"), // A surrogate.
        WITH_SIZE("{\"text\":\"\xC0\x80\"}"),     // NUL in two bytes.
        WITH_SIZE("{\"text\":\"\xF4\x90\x80\x80\"}"),
        WITH_SIZE("{\"te\xFFt\":1}"),
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena *arena = arena_open(1 << 20);
        Shapes__Shape shape;
        rpc_field_set present;
        struct rpc_violations violations;
        shapes__shape__init(&shape);
        struct status status = json_decode(&florin_shapes_v1_shape_message, "*",
                                           bytes_of(texts[i].text, texts[i].size), arena,
                                           &shape.base, &present, &violations);
        assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
        assert_string_equal(status.reason, "JSON_MALFORMED");
        arena_close(&arena);
    }
}

static void test_a_refusal_says_where_and_never_quotes_the_text(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    struct status status =
        decode_shape("{\n\"text\":secret}", arena, &shape, &present, &violations);
    assert_string_equal(status.reason, "JSON_MALFORMED");
    assert_non_null(strstr(status.message, "line 2"));
    assert_null(strstr(status.message, "secret"));
    arena_close(&arena);
}

static void test_present_members_are_recorded(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    struct status status = decode_shape("{\"text\":null,\"id\":" ID ",\"int32Value\":0}", arena,
                                        &shape, &present, &violations);
    assert_int_equal(status.code, STATUS_OK);
    // id = 1, int32_value = 2 and text = 3 are the first three descriptors.
    assert_int_equal(present, 7);
    arena_close(&arena);
}

static void test_a_body_can_be_one_field(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    shapes__shape__init(&shape);
    struct status status =
        json_decode(&florin_shapes_v1_shape_message, "inner", bytes_of_text("{\"name\":\"n\"}"),
                    arena, &shape.base, &present, &violations);
    assert_int_equal(status.code, STATUS_OK);
    assert_string_equal(shape.inner->name, "n");
    status = json_decode(&florin_shapes_v1_shape_message, "inner", bytes_of_text("{\"nom\":1}"),
                         arena, &shape.base, &present, &violations);
    assert_int_equal(status.code, STATUS_INVALID_ARGUMENT);
    assert_string_equal(violations.items[0].field, "inner.nom");
    arena_close(&arena);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    static const char text[] = "{\"inners\":[{\"name\":\"aaaaaaaa\"},{},{},{}],\"labels\":{\"a\":"
                               "\"\\n\",\"b\":\"2\"},\"id\":" ID ",\"amount\":\"1\"}";
    (void)state;
    bool was_accepted = false;
    for (size_t limit = 0; limit < 4096; limit += 16) {
        struct arena *arena = arena_open(limit);
        Shapes__Shape shape;
        rpc_field_set present;
        struct rpc_violations violations;
        struct status status = decode_shape(text, arena, &shape, &present, &violations);
        assert_true(status_ok(status) || status.code == STATUS_RESOURCE_EXHAUSTED);
        assert_true(status_ok(status) || !was_accepted);
        was_accepted = status_ok(status);
        arena_close(&arena);
    }
    assert_true(was_accepted);
}

// A list of so many zeros, in a text that is long enough to be counted.
static struct status decode_values(size_t count, const char *before)
{
    static char text[4 << 20];
    size_t used = (size_t)snprintf(text, sizeof text, "{%s\"x\":[0", before);
    for (size_t i = 1; i < count; i++) {
        memcpy(text + used, ",0", 2);
        used += 2;
    }
    memset(text + used, ' ', sizeof text - used);
    memcpy(text + used, "]}", 2);
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    rpc_field_set present;
    struct rpc_violations violations;
    shapes__shape__init(&shape);
    struct status status =
        json_decode(&florin_shapes_v1_shape_message, "*", bytes_of(text, sizeof text), arena,
                    &shape.base, &present, &violations);
    arena_close(&arena);
    return status;
}

static void test_values_are_counted_before_they_are_made(void **state)
{
    (void)state;

    enum { MAX = 256 * 1024 };

    // The text, its object and its list are counted, too: the count is never below the truth.
    assert_string_equal(decode_values(MAX - 2, "").reason, "VALIDATION_FAILED"); // Unknown: "x".
    assert_string_equal(decode_values(MAX + 1, "").reason, "REQUEST_TOO_COMPLEX");
    // What stands in strings is no value, and an escaped quote does not end them.
    static const char in_string[] = "\"y\":\",,,[[[\\\",,,{{{\\\\\",";
    assert_string_equal(decode_values(MAX - 3, in_string).reason, "VALIDATION_FAILED");
    assert_string_equal(decode_values(MAX, in_string).reason, "REQUEST_TOO_COMPLEX");
}

static void test_a_reply_that_is_broken_is_not_passed_on(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    uint8_t short_id[3] = {1, 2, 3};
    Shapes__Shape shape;
    shapes__shape__init(&shape);
    shape.id = (ProtobufCBinaryData){3, short_id};
    struct bytes text;
    struct status status = json_encode(&florin_shapes_v1_shape_message, &shape.base, arena, &text);
    assert_int_equal(status.code, STATUS_INTERNAL);
    assert_string_equal(status.reason, "REPLY_MALFORMED");
    arena_close(&arena);
}

static void test_text_that_is_not_utf8_does_not_break_the_document(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    struct json_writer writer;
    json_writer_open(&writer, arena, 1); // Grows.
    json_write_string(&writer, "a\xFF\"\x01z", 5);
    struct bytes text;
    assert_int_equal(json_writer_finish(&writer, &text).code, STATUS_OK);
    assert_int_equal(text.size, strlen("\"a\xEF\xBF\xBD\\\"\\u0001z\""));
    assert_memory_equal(text.data, "\"a\xEF\xBF\xBD\\\"\\u0001z\"", text.size);
    arena_close(&arena);
}

static void test_an_unknown_enum_number_is_written_as_a_number(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__Shape shape;
    shapes__shape__init(&shape);
    shape.colour = (Shapes__Colour)1234;
    struct bytes text;
    assert_int_equal(json_encode(&florin_shapes_v1_shape_message, &shape.base, arena, &text).code,
                     STATUS_OK);
    check_member(text, "colour", "1234");
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_accepted_comes_back_in_its_one_form),
        cmocka_unit_test(test_what_is_refused_is_named),
        cmocka_unit_test(test_all_violations_are_told_at_once),
        cmocka_unit_test(test_a_long_name_is_cut_between_characters),
        cmocka_unit_test(test_depth_ends_at_32),
        cmocka_unit_test(test_bytes_that_are_no_text_are_refused),
        cmocka_unit_test(test_a_refusal_says_where_and_never_quotes_the_text),
        cmocka_unit_test(test_present_members_are_recorded),
        cmocka_unit_test(test_a_body_can_be_one_field),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_values_are_counted_before_they_are_made),
        cmocka_unit_test(test_a_reply_that_is_broken_is_not_passed_on),
        cmocka_unit_test(test_text_that_is_not_utf8_does_not_break_the_document),
        cmocka_unit_test(test_an_unknown_enum_number_is_written_as_a_number),
    };
    return cmocka_run_group_tests_name("florin_json", tests, NULL, NULL);
}
