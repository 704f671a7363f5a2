/// @file services/audit/record_inbox.h
/// Notifications as bytes: a row for each, a row of counts for each user, and whose accounts are.
/// Shapes     Integers are big-endian.
/// Ownership  Decoded texts point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/base/id128.h"
#include "common/base/u128.h"

enum {
    AUDIT_INBOX_USER_KEY_BYTES = ID128_BYTES,
    AUDIT_INBOX_KEY_BYTES = ID128_BYTES + 8,
    AUDIT_INBOX_COUNTS_BYTES = 1 + 4 + 4,
    AUDIT_OWNER_BYTES = 1 + ID128_BYTES,
    AUDIT_NOTICE_CURRENCY_BYTES = 11, // With the final NUL.
    AUDIT_NOTICE_WORD_BYTES_MAX = 32,
    AUDIT_NOTICE_RESOURCE_BYTES_MAX = 128,
    AUDIT_NOTICE_BYTES_MAX = 1 + 1 + 1 + 8 + 16 + 1 + (AUDIT_NOTICE_CURRENCY_BYTES - 1) + 1 +
                             AUDIT_NOTICE_WORD_BYTES_MAX + 1 + AUDIT_NOTICE_RESOURCE_BYTES_MAX,
};

/// In records: numbers are never given anew.
enum audit_notice_kind {
    AUDIT_NOTICE_NEW_DEVICE_LOGIN = 1,
    AUDIT_NOTICE_SUSPICIOUS_LOGIN,
    AUDIT_NOTICE_PASSWORD_CHANGED,
    AUDIT_NOTICE_PASSWORD_RESET,
    AUDIT_NOTICE_PASSWORD_DISABLED,
    AUDIT_NOTICE_FACTOR_ENROLLED,
    AUDIT_NOTICE_FACTOR_DISABLED,
    AUDIT_NOTICE_FACTOR_LOCKED,
    AUDIT_NOTICE_RECOVERY_CODE_USED,
    AUDIT_NOTICE_RECOVERY_CODES_REPLACED,
    AUDIT_NOTICE_FACTORS_RESET,
    AUDIT_NOTICE_API_KEY_CREATED,
    AUDIT_NOTICE_API_KEY_ROTATED,
    AUDIT_NOTICE_API_KEY_REVOKED,
    AUDIT_NOTICE_ROLES_CHANGED,
    AUDIT_NOTICE_MONEY_IN,
    AUDIT_NOTICE_MONEY_OUT,
    AUDIT_NOTICE_MONEY_RETURNED,
    AUDIT_NOTICE_ACCOUNT_FROZEN,
    AUDIT_NOTICE_ACCOUNT_UNFROZEN,
    AUDIT_NOTICE_ACCOUNT_CLOSED,
    AUDIT_NOTICE_CASE_DECIDED,
    AUDIT_NOTICE_TIER_CHANGED,
    AUDIT_NOTICE_LAST = AUDIT_NOTICE_TIER_CHANGED,
};

/// One notification, without words: those are made when it is shown. version(1) = 01 | kind(1) |
/// flags(1): 01 is_read | time(8) | amount(16) | size(1) currency | size(1) word | size(1) resource
struct audit_notice {
    uint64_t index; // Of its event in the log; of the key.
    enum audit_notice_kind kind;
    bool is_read;
    uint64_t time_ns;
    char currency[AUDIT_NOTICE_CURRENCY_BYTES]; // "": no money.
    u128 amount;                                // Minor units.
    struct bytes word;                          // "totp", "approve", "T2"
    struct bytes resource;                      // "transfers/<id>"
};

size_t audit_notice_encode(const struct audit_notice *notice,
                           uint8_t ret[static AUDIT_NOTICE_BYTES_MAX]);
/// audit_notice_decode leaves the index alone.
MUST_USE struct status audit_notice_decode(struct bytes record, struct audit_notice *ret);

/// Key of a notification: user(16) | index(8); of the user's counts: user(16), before all of them.
struct bytes audit_inbox_key(struct id128 user_id, uint64_t index,
                             uint8_t ret[static AUDIT_INBOX_KEY_BYTES]);
/// audit_inbox_key_decode: false for a key of another user, or of counts.
bool audit_inbox_key_decode(struct bytes key, struct id128 user_id, uint64_t *ret_index);

/// version(1) = 01 | unread(4) | total(4)
struct audit_inbox_counts {
    uint32_t unread, total;
};

struct bytes audit_inbox_counts_encode(const struct audit_inbox_counts *counts,
                                       uint8_t ret[static AUDIT_INBOX_COUNTS_BYTES]);
MUST_USE struct status audit_inbox_counts_decode(struct bytes record,
                                                 struct audit_inbox_counts *ret);

/// Whose an account is: version(1) = 01 | owner(16). Its key is the account's id(16).
struct bytes audit_owner_encode(struct id128 owner_id, uint8_t ret[static AUDIT_OWNER_BYTES]);
MUST_USE struct status audit_owner_decode(struct bytes record, struct id128 *ret);
