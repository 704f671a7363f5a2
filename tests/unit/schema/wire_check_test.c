#include "common/rpc/validate.h"
#include "florin/shapes/v1/shapes_methods.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

// Shape on the wire: text = 3 (1A), int32_value = 2 (10), numbers = 24 (C0 01 or packed C2 01),
// inner = 22 (B2 01), labels = 29 (EA 01), left = 33 (8A 02), right = 34 (90 02),
// fixed32_value = 9 (4D), fixed64_value = 10 (51), words = 25 (CA 01), created_at = 21 (A9 01).
#define WIRE(literal_) literal_, sizeof(literal_) - 1

// clang-format off
static const struct row {
    const char *name, *wire;
    size_t size;
    const char *field, *reason; // NULL: accepted; field NULL: no such message at all.
} rows[] = {
    {"nothing",                    WIRE(""),                                  NULL, NULL},
    {"a text",                     WIRE("\x1A\x02hi"),                        NULL, NULL},
    {"an unknown field",           WIRE("\x82\x7D\x02hi"),                    NULL, NULL},
    {"a NUL in an unknown field",  WIRE("\x82\x7D\x02h\0"),                   NULL, NULL},
    {"a NUL in a text",            WIRE("\x1A\x02h\0"),                       "text", "CONTAINS_NUL"},
    {"a NUL in the second word",   WIRE("\xCA\x01\x01" "a\xCA\x01\x01\0"),    "words[1]", "CONTAINS_NUL"},
    {"a NUL in a map's key",       WIRE("\xEA\x01\x03\x0A\x01\0"),            "labels[0].key", "CONTAINS_NUL"},
    {"a NUL in bytes",             WIRE("\x8A\x01\x01\0"),                    NULL, NULL},
    {"a number",                   WIRE("\x10\x05"),                          NULL, NULL},
    {"a number of ten bytes",      WIRE("\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), NULL, NULL},
    {"a number of 65 bits",        WIRE("\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"), NULL, "REQUEST_MALFORMED"},
    {"a number that does not end", WIRE("\x10\xFF"),                          NULL, "REQUEST_MALFORMED"},
    {"a tag alone",                WIRE("\x1A"),                              NULL, "REQUEST_MALFORMED"},
    {"a tag that does not end",    WIRE("\x9A"),                              NULL, "REQUEST_MALFORMED"},
    {"field number 0",             WIRE("\x02\x00"),                          NULL, "REQUEST_MALFORMED"},
    {"a length beyond the end",    WIRE("\x1A\x03hi"),                        NULL, "REQUEST_MALFORMED"},
    {"a length of 64 bits",        WIRE("\x1A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01hi"), NULL, "REQUEST_MALFORMED"},
    {"a group",                    WIRE("\x1B\x1C"),                          NULL, "REQUEST_MALFORMED"},
    {"a short fixed32",            WIRE("\x4D\x01\x02\x03"),                  NULL, "REQUEST_MALFORMED"},
    {"a fixed32",                  WIRE("\x4D\x01\x02\x03\x04"),              NULL, NULL},
    {"a short fixed64",            WIRE("\x51\x01\x02\x03\x04"),              NULL, "REQUEST_MALFORMED"},
    {"a text as a number",         WIRE("\x18\x01"),                          NULL, "REQUEST_MALFORMED"},
    {"a number as a text",         WIRE("\x12\x01\x05"),                      NULL, "REQUEST_MALFORMED"},
    {"the same text twice",        WIRE("\x1A\x01" "a\x1A\x01" "a"),          "text", "DUPLICATE_FIELD"},
    {"the same message twice",     WIRE("\xB2\x01\x00\xB2\x01\x00"),          "inner", "DUPLICATE_FIELD"},
    {"both sides of a oneof",      WIRE("\x8A\x02\x01" "a\x90\x02\x05"),      "right", "DUPLICATE_FIELD"},
    {"three items",                WIRE("\xC0\x01\x01\xC0\x01\x02\xC0\x01\x03"),       NULL, NULL},
    {"three packed",               WIRE("\xC2\x01\x03\x01\x02\x03"),          NULL, NULL},
    {"four items",                 WIRE("\xC0\x01\x01\xC0\x01\x02\xC0\x01\x03\xC0\x01\x04"), "numbers", "TOO_MANY_ITEMS"},
    {"four packed",                WIRE("\xC2\x01\x04\x01\x02\x03\x04"),      "numbers", "TOO_MANY_ITEMS"},
    {"two and two packed",         WIRE("\xC2\x01\x02\x01\x02\xC2\x01\x02\x03\x04"),   "numbers", "TOO_MANY_ITEMS"},
    {"packed that does not end",   WIRE("\xC2\x01\x02\x01\xFF"),              NULL, "REQUEST_MALFORMED"},
    {"three leaves in a message",  WIRE("\xB2\x01\x06\x12\x00\x12\x00\x12\x00"),       NULL, NULL},
    {"four leaves in a message",   WIRE("\xB2\x01\x08\x12\x00\x12\x00\x12\x00\x12\x00"), "inner.leaves", "TOO_MANY_ITEMS"},
    {"an inner text beyond",       WIRE("\xB2\x01\x03\x0A\x02" "a"),          NULL, "REQUEST_MALFORMED"},
};

// clang-format on

static void test_wire_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct arena *arena = arena_open(1 << 20);
        struct rpc_violations violations;
        struct status status = rpc_wire_check(&florin_shapes_v1_shape_message,
                                              bytes_of(row->wire, row->size), arena, &violations);
        print_message("  %s\n", row->name);
        if (row->reason == NULL) {
            assert_int_equal(status.code, STATUS_OK);
        } else if (row->field == NULL) {
            assert_string_equal(status.reason, row->reason);
        } else {
            assert_string_equal(status.reason, "VALIDATION_FAILED");
            assert_string_equal(violations.items[0].field, row->field);
            assert_string_equal(violations.items[0].reason, row->reason);
        }
        arena_close(&arena);
    }
}

// A type that contains itself stands for a chain of types that is too long: the generator refuses
// the first, and the walk must end in either case.
static struct rpc_field ring_field = {.name = "ring", .name_bytes = 4};
static struct rpc_message ring = {.full_name = "Ring", .fields = &ring_field};

static void test_depth_ends_at_its_limit(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *inner = florin_shapes_v1_get_shape_request_message.descriptor;
    ProtobufCFieldDescriptor field = inner->fields[1]; // "inner", a message.
    field.id = 1;
    ProtobufCIntRange ranges[] = {{1, 0}, {0, 1}};
    ProtobufCMessageDescriptor descriptor = *inner;
    descriptor.n_fields = 1;
    descriptor.fields = &field;
    descriptor.n_field_ranges = 1;
    descriptor.field_ranges = ranges;
    ring.descriptor = &descriptor;
    ring_field.message = &ring;

    struct arena *arena = arena_open(1 << 20);
    for (size_t depth = RPC_DEPTH_MAX - 1; depth <= RPC_DEPTH_MAX; depth++) {
        uint8_t wire[2 * RPC_DEPTH_MAX];
        for (size_t i = 0; i < depth; i++) {
            wire[2 * i] = 0x0A;
            wire[2 * i + 1] = (uint8_t)(2 * (depth - i - 1));
        }
        struct rpc_violations violations;
        struct status status = rpc_wire_check(&ring, bytes_of(wire, 2 * depth), arena, &violations);
        assert_int_equal(status_ok(status), depth < RPC_DEPTH_MAX);
        if (!status_ok(status)) assert_string_equal(violations.items[0].reason, "TOO_DEEP");
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_bytes),
        cmocka_unit_test(test_depth_ends_at_its_limit),
    };
    return cmocka_run_group_tests_name("schema_wire_check", tests, NULL, NULL);
}
