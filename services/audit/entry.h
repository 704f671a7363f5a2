/// @file services/audit/entry.h
/// The log's entries as bytes: florin.audit.v1.Entry, written and read by one table of fields.
/// Why by hand  These bytes are hashed: there must be exactly one spelling, and the reader must
///              refuse every other. A protobuf library promises neither. The unit test compares
///              both directions with protobuf-c; the golden file freezes the bytes.
/// Ownership    A decoded entry's texts point into the given bytes.
/// Threads      Any; pure.
/// Errors       DATA_LOSS / ENTRY_CORRUPT.
/// Source       proto/florin/audit/v1/audit.proto, message Entry.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"
#include "common/crypto/hash.h"

enum {
    AUDIT_TEXT_BYTES_MAX = 1024, // Longer texts are cut, and the entry says so.
    AUDIT_TEXTS = 8,
    AUDIT_COMMITMENT_BYTES = HASH_SHA256_BYTES,
    AUDIT_ENTRY_BYTES_MAX = AUDIT_TEXTS * (AUDIT_TEXT_BYTES_MAX + 3) + 256,
    AUDIT_ENTRY_BYTES_MAX_BY_FORMAT = 65535, // An entry bundle's length prefix is 16 bits.
};

/// Commitments are empty or AUDIT_COMMITMENT_BYTES long.
struct audit_entry {
    struct bytes source, action, actor, resource, outcome, reason, request_id, traceparent;
    uint64_t seq, time_ns;
    struct bytes client_ip_commitment, device_id_commitment, payload_commitment;
    bool texts_cut;
    struct bytes before_digest, after_digest; // Of the resource's record; empty or a hash.
};

/// The field numbers that commitments are made with.
enum audit_committed {
    AUDIT_COMMITTED_CLIENT_IP = 11,
    AUDIT_COMMITTED_DEVICE_ID = 12,
    AUDIT_COMMITTED_PAYLOAD = 13,
};

/// audit_entry_encode: texts are UTF-8 of at most AUDIT_TEXT_BYTES_MAX (CHECK for the size). Gives
/// the entry's size.
size_t audit_entry_encode(const struct audit_entry *entry,
                          uint8_t ret_bytes[static AUDIT_ENTRY_BYTES_MAX]);
MUST_USE struct status audit_entry_decode(struct bytes bytes, struct audit_entry *ret);
