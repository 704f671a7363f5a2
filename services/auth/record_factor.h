/// @file services/auth/record_factor.h
/// Bytes of a user's second factor: pure, canonical, fuzzed. As record.h.
#pragma once

#include "services/auth/factor_core.h"
#include "services/auth/record.h"
#include "services/auth/totp.h"

enum {
    AUTH_RECOVERY_CODES_MAX = 10,
    AUTH_TOTP_SEALED_BYTES = TOTP_SECRET_BYTES + SEAL_OVERHEAD_BYTES,
    AUTH_FACTOR_BYTES_MAX =
        1 + 1 + 3 * 8 + 1 + AUTH_TOTP_SEALED_BYTES + 1 + AUTH_RECOVERY_CODES_MAX * AUTH_MAC_BYTES,
};

/// Factor: 1 | state(1) | created_at_ns(8) | confirmed_at_ns(8) | last_step(8) | attempts(1) |
/// sealed secret(65) | recovery codes: count(1), each mac(32)
/// Key: the user's id(16).
struct auth_factor_record {
    enum auth_factor_state state; // PENDING or CONFIRMED.
    uint64_t created_at_ns;       // Of the secret.
    uint64_t confirmed_at_ns;     // 0 while pending.
    uint64_t last_step;           // Of the code that was taken last; 0 while pending.
    uint8_t attempts;             // Wrong codes while pending.
    uint8_t sealed_secret[AUTH_TOTP_SEALED_BYTES];
    uint8_t recovery_count; // Unused ones; none while pending.
    uint8_t recovery_macs[AUTH_RECOVERY_CODES_MAX][AUTH_MAC_BYTES];
};

size_t auth_factor_encode(const struct auth_factor_record *factor,
                          uint8_t ret[static AUTH_FACTOR_BYTES_MAX]);
MUST_USE struct status auth_factor_decode(struct bytes record, struct auth_factor_record *ret);
