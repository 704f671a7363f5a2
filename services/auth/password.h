/// @file services/auth/password.h
/// Passwords: which ones are refused, and how they are hashed.
/// Rules      At least the configured number of code points (8), at most 256 bytes, any UTF-8, no
///            rules of composition. Refused: what zxcvbn would guess in 10^8 tries (common ones,
///            words, names, keyboard walks, dates, letters written as digits) with the user's own
///            name, address and number among its words, and the bank's; repetitions.
/// Hash       argon2id, one lane, as libsodium's text form; parameters by configuration, never
///            below 19 MiB and 2 passes. A hash takes its memory while it runs and gives it back.
/// Threads    Any. Hashing takes tens of milliseconds: pool threads only, and at most as many at a
///            time as there are cores but one; the others wait for their turn.
/// Errors     INVALID_ARGUMENT / WEAK_PASSWORD; UNAVAILABLE / OVERLOADED (no memory for a hash).
/// Source     NIST SP 800-63B-4 section 3.1.1, OWASP Password Storage Cheat Sheet, RFC 9106.
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

enum {
    AUTH_PASSWORD_BYTES_MAX = 256,
    AUTH_PASSWORD_CODE_POINTS_MIN = 8,
    AUTH_HASH_BYTES = 128, // The text form with its final NUL.
    AUTH_ARGON2_PASSES_MIN = 2,
};

#define AUTH_ARGON2_MEMORY_BYTES_MIN (UINT64_C(19) << 20)

/// auth_password_check: own[] are texts of the user's: name, address, number. Entries may be "".
MUST_USE struct status auth_password_check(const char *password, size_t code_points_min,
                                           const char *const *own, size_t own_count);

/// auth_password_is_guessable is the second half of it (password_guess.c).
bool auth_password_is_guessable(const char *password, const char *const *own, size_t own_count);

struct auth_argon2 {
    uint64_t memory_bytes;
    uint32_t passes;
};

MUST_USE struct status auth_password_hash(const struct auth_argon2 *argon2, const char *password,
                                          char ret_hash[static AUTH_HASH_BYTES]);
/// auth_password_verify compares in constant time. UNAVAILABLE: not known, for want of memory.
MUST_USE struct status auth_password_verify(const char *hash, const char *password,
                                            bool *ret_equal);
/// auth_password_is_weaker: the hash was made with less than these parameters.
bool auth_password_is_weaker(const char *hash, const struct auth_argon2 *argon2);
/// auth_password_dummy writes a hash that nothing fits, as costly to compare as a real one.
void auth_password_dummy(const struct auth_argon2 *argon2, char ret_hash[static AUTH_HASH_BYTES]);
