/// @file services/auth/record_flow.h
/// Bytes of a flow: pure, canonical, fuzzed. As record.h.
#pragma once

#include "services/auth/flow_core.h"
#include "services/auth/record.h"

enum {
    AUTH_FLOW_NETWORK_BYTES_MAX = 9,
    AUTH_FLOW_BYTES_MAX = 1 + 4 + 16 + 8 + 8 + 1 + 1 + 1 + 8 + 8 + AUTH_MAC_BYTES +
                          AUTH_DEVICE_HASH_BYTES + 1 + AUTH_FLOW_NETWORK_BYTES_MAX + 1 + 1 +
                          AUTH_FLOW_PAYLOAD_BYTES_MAX + SEAL_SPAN_OVERHEAD_BYTES,
};

/// Flow: 1 | purpose(1) | state(1) | is_decoy(1) | methods(1) | user_id(16) | created_at_ns(8) |
/// expires_at_ns(8) | attempts(1) | sent_to(1) | of the code: resends(1) sent_at_ns(8)
/// expires_at_ns(8) mac(32) | device hash(32) | network: size(1) bytes | risk(1) | risk_score(1) |
/// span: payload
/// Key: its id(16). Of a flow that no code was sent for, the code is all zero.
struct auth_flow_record {
    struct auth_flow flow; // Its payload is not looked at, and NULL when decoded.
    struct bytes sealed_payload;
};

size_t auth_flow_encode(const struct auth_flow_record *record,
                        uint8_t ret[static AUTH_FLOW_BYTES_MAX]);
MUST_USE struct status auth_flow_decode(struct id128 id, struct bytes record,
                                        struct auth_flow_record *ret);
