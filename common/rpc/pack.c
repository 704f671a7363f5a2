#include "common/rpc/pack.h"

#include <stdbool.h>
#include <string.h>

// protobuf-c answers NULL for bytes that are no message and for memory that ran out alike; the
// allocator remembers which it was.
struct watched_arena {
    struct arena *arena;
    bool is_exhausted;
};

static void *watched_alloc(void *data, size_t size)
{
    struct watched_arena *watched = data;
    void *memory = arena_alloc(watched->arena, size);
    if (memory == NULL) watched->is_exhausted = true;
    return memory;
}

struct status rpc_unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes bytes,
                         struct arena *arena, void *ret_message)
{
    struct watched_arena watched = {.arena = arena};
    ProtobufCAllocator allocator = {
        .alloc = watched_alloc, .free = arena_protobuf_free, .allocator_data = &watched};
    const uint8_t *data = bytes.data != NULL ? bytes.data : (const uint8_t *)"";
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, data);
    if (watched.is_exhausted) return ARENA_STATUS_EXHAUSTED;
    if (message == NULL) {
        return REFUSE(INVALID_ARGUMENT, REQUEST_MALFORMED,
                      "the bytes are not a message of this type");
    }
    memcpy(ret_message, &message, sizeof(void *));
    return STATUS_SUCCESS;
}

struct status rpc_pack(const void *message, struct arena *arena, struct bytes *ret)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size);
    if (data == NULL) return ARENA_STATUS_EXHAUSTED;
    protobuf_c_message_pack(message, data);
    *ret = bytes_of(data, size);
    return STATUS_SUCCESS;
}
