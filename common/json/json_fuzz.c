// What the decoder accepts comes back from its own encoding the same.
#include "common/base/check.h"
#include "common/json/decode.h"
#include "common/json/encode.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "florin/auth/v1/auth_methods.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "florin/shapes/v1/shapes_methods.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES_MAX = 1 << 20 };

// An amount or a required value that is absent is written as null and refused when it comes again.
static bool was_only_absent(struct status status, const struct rpc_violations *violations)
{
    for (size_t i = 0; i < violations->count; i++) {
        if (strcmp(violations->items[i].reason, "NULL_NOT_ALLOWED") != 0) return false;
    }
    return status.code == STATUS_INVALID_ARGUMENT && violations->count > 0;
}

static void check_round_trip(const struct rpc_message *message, const ProtobufCMessage *value,
                             struct arena *arena)
{
    struct bytes first, second, text;
    rpc_field_set present;
    struct rpc_violations violations;
    if (!status_ok(rpc_pack(value, arena, &first)) ||
        !status_ok(json_encode(message, value, arena, &text)))
        return; // Too large for the arena.
    ProtobufCMessage *again = rpc_message_new(message, arena);
    if (again == NULL) return;
    struct status status = json_decode(message, "*", text, arena, again, &present, &violations);
    if (status.code == STATUS_RESOURCE_EXHAUSTED || was_only_absent(status, &violations)) return;
    CHECK(status_ok(status));
    if (!status_ok(rpc_pack(again, arena, &second))) return;
    CHECK(bytes_equal(first, second));
}

static void decode_as(const struct rpc_message *message, struct bytes text)
{
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    ProtobufCMessage *value = rpc_message_new(message, arena);
    rpc_field_set present;
    struct rpc_violations violations;
    struct status status = json_decode(message, "*", text, arena, value, &present, &violations);
    bool is_json = status_ok(status) || status.code == STATUS_RESOURCE_EXHAUSTED ||
                   strcmp(status.reason, "VALIDATION_FAILED") == 0;
    CHECK(is_json || strcmp(status.reason, "JSON_MALFORMED") == 0 ||
          strcmp(status.reason, "JSON_TOO_DEEP") == 0);
    CHECK(status_ok(status) == (violations.count == 0) || !is_json ||
          status.code == STATUS_RESOURCE_EXHAUSTED);
    if (status_ok(status)) check_round_trip(message, value, arena);
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rpc_message *const messages[] = {
        &florin_shapes_v1_shape_message,
        &florin_ledger_v1_create_transfer_request_message,
        &florin_auth_v1_set_user_roles_request_message,
        &florin_shapes_v1_get_shape_request_message,
        &florin_shapes_v1_update_thing_request_message,
        &florin_shapes_v1_thing_list_message,
    };
    if (size == 0) return 0;
    size_t which = data[0] % (sizeof messages / sizeof *messages);
    decode_as(messages[which], bytes_of(data + 1, size - 1));
    return 0;
}
