// What rpc_wire_check accepts, protobuf-c unpacks, within bounds that follow from the size; and
// validation of it ends.
#include "common/base/check.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "florin/shapes/v1/shapes_methods.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES_SMALL = 4096 };

static void decode_as(const struct rpc_message *message, struct bytes wire)
{
    // An empty message of two bytes becomes a struct of a few hundred.
    struct arena *arena = arena_open(1024 * wire.size + 65536);
    struct arena *small = arena_open(ARENA_BYTES_SMALL);
    struct rpc_violations violations;
    ProtobufCMessage *value;
    if (status_ok(rpc_wire_check(message, wire, arena, &violations))) {
        CHECK(status_ok(rpc_unpack(message->descriptor, wire, arena, &value)));
        (void)!status_ok(rpc_validate(message, value, arena, &violations));
    } else {
        // Bytes that were refused must not harm protobuf-c either, in whatever it makes of them.
        (void)!status_ok(rpc_unpack(message->descriptor, wire, arena, &value));
    }
    (void)!status_ok(rpc_decode(message, wire, small, &value, &violations));
    arena_close(&small);
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rpc_message *const messages[] = {
        &florin_shapes_v1_shape_message,
        &florin_shapes_v1_rules_message,
        &florin_ledger_v1_create_transfer_request_message,
        &florin_rpc_v1_reply_batch_message,
    };
    if (size == 0) return 0;
    size_t which = data[0] % (sizeof messages / sizeof *messages);
    decode_as(messages[which], bytes_of(data + 1, size - 1));
    return 0;
}
