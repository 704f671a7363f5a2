/// @file services/auth/record_message.h
/// Bytes of the messages that wait for delivery: pure, canonical, fuzzed.
/// Sealed     Address, code and detail are spans; nothing here sees their contents.
/// Errors     DATA_LOSS / AUTH_RECORD_BROKEN.
/// Source     record.h, which holds the rules of all records.
#pragma once

#include "services/auth/record.h"

enum auth_message_kind {             // Stored; never renumber.
    AUTH_MESSAGE_REGISTRATION = 1,   // Here is your code.
    AUTH_MESSAGE_ACCOUNT_EXISTS = 2, // Somebody tried to register with your address.
    AUTH_MESSAGE_LOGIN_CODE = 3,
    AUTH_MESSAGE_RESET_CODE = 4,
    AUTH_MESSAGE_SCA_CODE = 5, // Detail: what is approved.
    AUTH_MESSAGE_PASSWORD_CHANGED = 6,
    AUTH_MESSAGE_PASSWORD_DISABLED = 7, // After a hundred failures.
    AUTH_MESSAGE_FACTOR_ENROLLED = 8,
    AUTH_MESSAGE_FACTOR_DISABLED = 9,
    AUTH_MESSAGE_FACTOR_LOCKED = 10,
    AUTH_MESSAGE_RECOVERY_CODE_USED = 11, // Detail: how many are left.
    AUTH_MESSAGE_REFRESH_REUSED = 12,     // Detail: the device.
    AUTH_MESSAGE_LOGIN_SUSPICIOUS = 13,   // Detail: device and address.
    AUTH_MESSAGE_API_KEY_CREATED = 14,    // Detail: its name and prefix.
    AUTH_MESSAGE_KIND_LAST = AUTH_MESSAGE_API_KEY_CREATED
};

/// auth_message_has_code: the others are notices, and never carry one.
bool auth_message_has_code(enum auth_message_kind kind);

/// Key of a message: not_before_ns(8) | id(16)
///     18fae27693b40000 0190…    message 0190… is due then
/// So the first row is due first, and what waits for another attempt is out of the way. Before
/// delivery had attempts, the key was the id alone: {.not_before_ns = 0}, due at any time. (Those
/// sort before the others: the ids' first bytes are milliseconds.)
struct auth_message_key {
    uint64_t not_before_ns;
    struct id128 id;
};

enum { AUTH_MESSAGE_KEY_BYTES_MAX = 8 + 16 };

size_t auth_message_key_encode(const struct auth_message_key *key,
                               uint8_t ret[static AUTH_MESSAGE_KEY_BYTES_MAX]);
MUST_USE struct status auth_message_key_decode(struct bytes key, struct auth_message_key *ret);

/// Message: 2 | channel(1) | kind(1) | created_at_ns(8) | not_before_ns(8) | attempts(4) |
/// expires_at_ns(8) | spans: to, code, detail
/// Layout 1, still read: without expires_at_ns and detail.
struct auth_message_record {
    enum auth_channel channel;
    enum auth_message_kind kind;
    uint64_t created_at_ns, not_before_ns;
    uint64_t expires_at_ns; // 0: it has no end of its own.
    uint32_t attempts;
    struct bytes sealed_to, sealed_code, sealed_detail; // A code exactly where the kind has one.
};

enum { AUTH_MESSAGE_BYTES_MAX = 1 + 1 + 1 + 8 + 8 + 4 + 8 + 3 * AUTH_SPAN_BYTES_MAX };

size_t auth_message_encode(const struct auth_message_record *message,
                           uint8_t ret[static AUTH_MESSAGE_BYTES_MAX]);
MUST_USE struct status auth_message_decode(struct bytes record, struct auth_message_record *ret);
