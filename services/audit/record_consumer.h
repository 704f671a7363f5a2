/// @file services/audit/record_consumer.h
/// Durable consumers as bytes. The key is the consumer's name.
/// Shapes     Integers are big-endian.
/// Ownership  Decoded slices point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "services/audit/consumer_core.h"

enum {
    AUDIT_TYPE_PATTERN_BYTES_MAX = 64,
    AUDIT_CONSUMER_BYTES_MAX = 1 + ID128_BYTES + 8 + 4 + 1 + 3 * 8 + 4 +
                               3 * AUDIT_STREAM_TEXT_BYTES_MAX + 1 +
                               AUDIT_STREAM_TYPES_MAX * (1 + AUDIT_TYPE_PATTERN_BYTES_MAX),
};

/// version(1) = 01 | id(16) | created at, ns(8) | ack wait, ms(4) | start(1) | start's value(8) |
/// acknowledged(8) | redeliveries(8) | runs with size(1): owner, actor, resource, outcome |
/// count(1) of types, each a run with size(1)
size_t audit_consumer_encode(const struct audit_consumer *consumer,
                             uint8_t ret[static AUDIT_CONSUMER_BYTES_MAX]);
MUST_USE struct status audit_consumer_decode(struct bytes record, struct audit_consumer *ret);
