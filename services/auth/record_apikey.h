/// @file services/auth/record_apikey.h
/// Bytes of API keys: pure, canonical, fuzzed. As record.h.
#pragma once

#include "services/auth/apikey_core.h"
#include "services/auth/record.h"

/// API key: 1 | state(1) | owner_id(16) | created_at_ns(8) | expires_at_ns(8) | last_used_at_ns(8)
/// | rotated_at_ns(8) | revoked_at_ns(8) | old_until_ns(8) | mac(32) | old mac(32) | scopes:
/// count(1), each size(1) text, ascending | addresses: count(1), each family(1) prefix_bits(1)
/// address(16) | span: name
/// Key: its id(16). On its owner's list: owner_id(16) | id(16), as auth_pair_key_encode has it; ids
/// rise with time.
struct auth_api_key_record {
    struct auth_api_key key;
    struct bytes sealed_name;
};

enum {
    AUTH_API_KEY_BYTES_MAX = 1 + 1 + 16 + 6 * 8 + 2 * AUTH_MAC_BYTES + 1 +
                             AUTH_API_KEY_SCOPES_MAX * AUTH_API_KEY_SCOPE_BYTES + 1 +
                             AUTH_API_KEY_RANGES_MAX * (2 + AUTH_ADDRESS_BYTES) +
                             AUTH_SPAN_BYTES_MAX
};

size_t auth_api_key_encode(const struct auth_api_key_record *record,
                           uint8_t ret[static AUTH_API_KEY_BYTES_MAX]);
MUST_USE struct status auth_api_key_decode(struct id128 id, struct bytes bytes,
                                           struct auth_api_key_record *ret);
