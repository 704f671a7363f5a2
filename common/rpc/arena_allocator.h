/// @file common/rpc/arena_allocator.h
/// Lets protobuf-c allocate from an arena: unpacked messages die with the call, all at once.
/// Threads    As the arena: one at a time.
#pragma once

#include "common/base/arena.h"

#include <protobuf-c/protobuf-c.h>

static inline void *arena_protobuf_alloc(void *arena, size_t size)
{
    return arena_alloc((struct arena *)arena, size);
}

static inline void arena_protobuf_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer; // The arena frees everything at its end.
}

/// arena_protobuf_allocator is what protobuf_c_message_unpack takes; beyond the arena's limit the
/// unpacking answers NULL.
static inline ProtobufCAllocator arena_protobuf_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){
        .alloc = arena_protobuf_alloc, .free = arena_protobuf_free, .allocator_data = arena};
}
