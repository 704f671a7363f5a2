// Random messages go to JSON and back, and through the wire form, and stay what they were.
#include "common/json/decode.h"
#include "common/json/encode.h"
#include "common/rpc/amount.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "florin/shapes/v1/shapes_methods.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
// clang-format on

static uint64_t seed;

// xorshift64*: the same messages for the same seed, on every machine.
static uint64_t next_random(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(2685821657736338717);
}

static uint64_t below(uint64_t limit)
{
    return next_random() % limit;
}

// Small numbers and the ends of the range are likelier than others.
static uint64_t random_number(void)
{
    static const uint64_t edges[] = {0, 1, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX, 100};
    return below(2) ? edges[below(sizeof edges / sizeof *edges)] : next_random();
}

static char *random_text(struct arena *arena)
{
    static const char *const parts[] = {
        "a", "\"", "\\", "\n", "\x01", "\xE2\x82\xB9", "\xF0\x9F\x98\x80", "/", " ", "\xC2\x85"};
    char *text = arena_alloc(arena, 64);
    size_t used = 0;
    for (size_t i = below(8); i > 0; i--) {
        const char *part = parts[below(sizeof parts / sizeof *parts)];
        memcpy(text + used, part, strlen(part));
        used += strlen(part);
    }
    return text;
}

static void fill_message(const struct rpc_message *message, ProtobufCMessage *value,
                         struct arena *arena);

static void fill_bytes(const struct rpc_field *field, ProtobufCBinaryData *bytes, bool is_item,
                       struct arena *arena)
{
    bytes->len = field->format == RPC_FORMAT_UUID
                     ? (is_item || field->required || below(2) ? 16 : 0)
                     : below(20);
    bytes->data = arena_alloc(arena, bytes->len);
    for (size_t i = 0; i < bytes->len; i++) {
        bytes->data[i] = (uint8_t)next_random();
    }
}

static void fill_value(const struct rpc_field *field, const ProtobufCFieldDescriptor *descriptor,
                       void *member, bool is_item, struct arena *arena)
{
    const ProtobufCEnumDescriptor *enumeration = descriptor->descriptor;
    ProtobufCMessage *message;
    switch (descriptor->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = random_text(arena);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        fill_bytes(field, member, is_item, arena);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = below(2) != 0;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)member = enumeration->values[below(enumeration->n_values)].value;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)member = (double)(int64_t)random_number() / (double)(1 + below(1000));
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        message = rpc_message_new(field->message, arena);
        if (field->format == RPC_FORMAT_NONE) {
            fill_message(field->message, message, arena);
        } else {
            rpc_amount_put(message, u128_of(random_number(), random_number()));
        }
        *(ProtobufCMessage **)member = message;
        break;
    default: {
        uint64_t number = random_number();
        // Times are written from 1970 to 2262; a zero in a list would be null.
        if (field->format == RPC_FORMAT_TIMESTAMP_NS) number >>= 1;
        memcpy(member, &number, rpc_item_bytes(descriptor->type));
    }
    }
}

static void fill_list(const struct rpc_field *field, const ProtobufCFieldDescriptor *descriptor,
                      ProtobufCMessage *value, struct arena *arena)
{
    // Keys of a map differ; one entry is enough to have that without looking.
    size_t count = below(field->is_map ? 2 : 3);
    size_t stride = rpc_item_bytes(descriptor->type);
    char *items = arena_alloc(arena, count * stride);
    for (size_t i = 0; i < count; i++) {
        fill_value(field, descriptor, items + i * stride, true, arena);
    }
    memcpy((char *)value + descriptor->quantifier_offset, &count, sizeof count);
    memcpy((char *)value + descriptor->offset, &items, sizeof items);
}

static bool must_be_set(const struct rpc_field *field, const ProtobufCMessage *value)
{
    // An amount or a required field that is absent is written as null, which is refused again; and
    // a map's value has no other way of being there.
    return field->required || field->format == RPC_FORMAT_AMOUNT ||
           field->format == RPC_FORMAT_SIGNED_AMOUNT ||
           strstr(value->descriptor->name, "Entry") != NULL;
}

static void fill_message(const struct rpc_message *message, ProtobufCMessage *value,
                         struct arena *arena)
{
    for (size_t i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *descriptor = &message->descriptor->fields[i];
        const struct rpc_field *field = &message->fields[i];
        if (field->from_header || (!must_be_set(field, value) && below(3) == 0)) continue;
        if (descriptor->label == PROTOBUF_C_LABEL_REPEATED) {
            fill_list(field, descriptor, value, arena);
            continue;
        }
        if ((descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            uint32_t set;
            memcpy(&set, (char *)value + descriptor->quantifier_offset, sizeof set);
            if (set != 0) continue;
            memcpy((char *)value + descriptor->quantifier_offset, &descriptor->id, sizeof set);
        }
        fill_value(field, descriptor, (char *)value + descriptor->offset, false, arena);
    }
}

static void check_round_trip(const struct rpc_message *message)
{
    struct arena *arena = arena_open(1 << 24);
    ProtobufCMessage *value = rpc_message_new(message, arena);
    fill_message(message, value, arena);
    struct bytes wire, text, again, text_of_wire;
    assert_int_equal(rpc_pack(value, arena, &wire).code, STATUS_OK);

    struct rpc_violations violations;
    assert_int_equal(rpc_wire_check(message, wire, arena, &violations).code, STATUS_OK);
    assert_int_equal(json_encode(message, value, arena, &text).code, STATUS_OK);
    assert_int_equal(json_encode_wire(message, wire, arena, &text_of_wire).code, STATUS_OK);
    assert_true(bytes_equal(text, text_of_wire));

    rpc_field_set present;
    ProtobufCMessage *decoded = rpc_message_new(message, arena);
    struct status status = json_decode(message, "*", text, arena, decoded, &present, &violations);
    if (!status_ok(status)) {
        fail_msg("%s %s %s in %.*s", status.reason, violations.items[0].field,
                 violations.items[0].reason, (int)text.size, text.data);
    }
    assert_int_equal(rpc_pack(decoded, arena, &again).code, STATUS_OK);
    if (!bytes_equal(wire, again)) fail_msg("differs: %.*s", (int)text.size, text.data);
    arena_close(&arena);
}

static void test_random_messages_survive(void **state)
{
    (void)state;
    const char *given = getenv("FLORIN_SEED");
    uint64_t start = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("FLORIN_SEED=%llu\n", (unsigned long long)start);
    seed = start * 2 + 1;
    for (size_t i = 0; i < 3000; i++) {
        check_round_trip(&florin_shapes_v1_shape_message);
        check_round_trip(&florin_shapes_v1_get_shape_request_message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages_survive),
    };
    return cmocka_run_group_tests_name("florin_json_round_trip", tests, NULL, NULL);
}
