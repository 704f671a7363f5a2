#include "common/json/decode.h"
#include "common/json/encode.h"
#include "common/rpc/amount.h"
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

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"

struct parameter {
    const char *path, *text;
};

// clang-format off
static const struct {
    struct parameter given[2];
    const char *expected; // A part of the JSON of the request; NULL: refused because of …
    const char *field, *reason;
} rows[] = {
    {{{"id", ID}},                                  "\"id\":\"" ID "\"",                 NULL, NULL},
    {{{"id", ID}, {"id", ID}},                      "\"id\":\"" ID "\"",                 NULL, NULL},
    {{{"page_size", "20"}},                         "\"page_size\":20",                  NULL, NULL},
    {{{"pageSize", "-1"}},                          "\"page_size\":-1",                  NULL, NULL},
    {{{"inner.name", "a b"}},                       "\"name\":\"a b\"",                  NULL, NULL},
    {{{"inner.name", "a"}, {"inner.leaf.weight", "3"}}, "\"name\":\"a\",\"leaves\":[],\"leaf\":{\"weight\":3}", NULL, NULL},
    {{{"colours", "RED"}, {"colours", "DARK_BLUE"}},        "\"colours\":[\"RED\",\"DARK_BLUE\"]", NULL, NULL},
    {{{"amount", "12"}},                            "\"amount\":\"12\"",                 NULL, NULL},
    {{{"since", "2026-11-21T00:00:00Z"}},           "\"since\":\"2026-11-21T00:00:00.000000000Z\"", NULL, NULL},
    {{{"left", "x"}},                               "\"left\":\"x\"",                    NULL, NULL},
    {{{"verbose", "true"}},                         "\"verbose\":true",                  NULL, NULL},
    {{{"nothing", "1"}},                            NULL, "nothing",         "UNKNOWN_FIELD"},
    {{{"", "1"}},                                   NULL, "",                "UNKNOWN_FIELD"},
    {{{"inner", "1"}},                              NULL, "inner",           "UNKNOWN_FIELD"},
    {{{"inner.nothing", "1"}},                      NULL, "inner.nothing",   "UNKNOWN_FIELD"},
    {{{"inner.", "1"}},                             NULL, "inner.",          "UNKNOWN_FIELD"},
    {{{"inner.leaves.weight", "1"}},                NULL, "inner.leaves.weight", "UNKNOWN_FIELD"},
    {{{"amount.high", "1"}},                        NULL, "amount.high",     "UNKNOWN_FIELD"},
    {{{"page_size.x", "1"}},                        NULL, "page_size.x",     "UNKNOWN_FIELD"},
    {{{"if_match", "x"}},                           NULL, "if_match",        "UNKNOWN_FIELD"},
    {{{"id", "x"}},                                 NULL, "id",              "BAD_FORMAT"},
    {{{"page_size", ""}},                           NULL, "page_size",       "WRONG_TYPE"},
    {{{"page_size", "1"}, {"page_size", "2"}},      NULL, "page_size",       "DUPLICATE_FIELD"},
    {{{"amount", "1"}, {"amount", "2"}},            NULL, "amount",          "DUPLICATE_FIELD"},
    {{{"inner.name", "a"}, {"inner.name", "b"}},    NULL, "inner.name",      "DUPLICATE_FIELD"},
    {{{"left", "x"}, {"right", "5"}},               NULL, "right",           "ONEOF_ALREADY_SET"},
    {{{"inner.name", "\xFF"}},                      NULL, "inner.name",      "NOT_UTF8"},
    {{{"verbose", "yes"}},                          NULL, "verbose",         "WRONG_TYPE"},
    {{{"verbose", "1"}},                            NULL, "verbose",         "WRONG_TYPE"},
};

// clang-format on

static void test_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena *arena = arena_open(1 << 20);
        Shapes__GetShapeRequest request;
        shapes__get_shape_request__init(&request);
        struct rpc_violations violations = {.count = 0};
        struct status status = STATUS_SUCCESS;
        for (size_t j = 0; j < 2 && rows[i].given[j].path != NULL && status_ok(status); j++) {
            status = json_bind_text(&florin_shapes_v1_get_shape_request_message, &request.base,
                                    bytes_of_text(rows[i].given[j].path),
                                    bytes_of_text(rows[i].given[j].text), arena, &violations);
        }
        if (rows[i].expected != NULL) {
            struct bytes text;
            assert_int_equal(violations.count, 0);
            assert_int_equal(json_encode(&florin_shapes_v1_get_shape_request_message, &request.base,
                                         arena, &text)
                                 .code,
                             STATUS_OK);
            if (memmem(text.data, text.size, rows[i].expected, strlen(rows[i].expected)) == NULL) {
                fail_msg("row %zu: %.*s", i, (int)text.size, text.data);
            }
        } else {
            assert_string_equal(status.reason, "VALIDATION_FAILED");
            assert_int_equal(violations.count, 1);
            assert_string_equal(violations.items[0].field, rows[i].field);
            assert_string_equal(violations.items[0].reason, rows[i].reason);
        }
        arena_close(&arena);
    }
}

static void test_a_nul_in_a_parameter_is_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_open(1 << 20);
    Shapes__GetFileRequest request;
    shapes__get_file_request__init(&request);
    struct rpc_violations violations = {.count = 0};
    struct status status =
        json_bind_text(&florin_shapes_v1_get_file_request_message, &request.base,
                       bytes_of_text("path"), bytes_of("a\0b", 3), arena, &violations);
    assert_string_equal(status.reason, "VALIDATION_FAILED");
    assert_string_equal(violations.items[0].reason, "CONTAINS_NUL");
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_a_nul_in_a_parameter_is_refused),
    };
    return cmocka_run_group_tests_name("florin_json_bind", tests, NULL, NULL);
}
