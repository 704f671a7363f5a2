/// @file common/rpc/amount.h
/// florin.type.v1.Uint128 and Int128 as numbers: both are (high, low), fields 1 and 2.
/// Threads    Pure.
#pragma once

#include "common/base/check.h"
#include "common/base/u128.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

static inline u128 rpc_amount_get(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    CHECK(descriptor->n_fields == 2 && descriptor->fields[0].type == PROTOBUF_C_TYPE_FIXED64);
    uint64_t high, low;
    memcpy(&high, (const char *)message + descriptor->fields[0].offset, sizeof high);
    memcpy(&low, (const char *)message + descriptor->fields[1].offset, sizeof low);
    return u128_of(high, low);
}

static inline void rpc_amount_put(ProtobufCMessage *message, u128 amount)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    CHECK(descriptor->n_fields == 2 && descriptor->fields[0].type == PROTOBUF_C_TYPE_FIXED64);
    uint64_t high = u128_high(amount), low = u128_low(amount);
    memcpy((char *)message + descriptor->fields[0].offset, &high, sizeof high);
    memcpy((char *)message + descriptor->fields[1].offset, &low, sizeof low);
}
