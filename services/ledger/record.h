/// @file services/ledger/record.h
/// Byte layouts of the ledger's keys and records. Pure; fuzzed by record_fuzz.c.
/// Numbers    Big-endian, so that byte order is logical order. "minimal": one length byte (0 to 16)
///            and that many bytes without leading zeros. "text": one or two length bytes (as said)
///            and UTF-8 without NUL.
/// Growth     Byte 0 is the version. Records with a presence mask grow by giving one of its bits a
///            meaning: bytes written before stay what they are; a bit without a meaning, like any
///            other irregularity, is DATA_LOSS / RECORD_CORRUPT.
/// Canonical  What decode accepts encodes to the same bytes.
///
/// account (232 bytes; key: id). Everything that a posting must look at, and nothing else.
///     0 version 1 | 1 class | 2 kind | 3 exponent | 4 flags(2) | 6 currency(10, NUL-padded)
///     16 owner_id(16) | 32 number | 40 version | 48 created_at | 56 changed_at
///     64 frozen_debit_until | 72 frozen_credit_until                               (8 bytes each)
///     80 debits_pending | 96 debits_posted | 112 credits_pending | 128 credits_posted
///     144 credit_limit | 160 min_balance | 176 max_balance                        (16 bytes each)
///     192 entry_count(8) | 200 chain(4 x 8)
///     flags: 1 no_negative, 2 frozen_debit, 4 frozen_credit, 8 closed, 16 has_min, 32 has_max
///
/// transfer (about 120 bytes; key: number(8))
///     version 1 | kind(1) | presence(2) | id(16) | debit_account_id(16) | credit_account_id(16)
///     created_at(8) | code(2) | currency text(1) | amount minimal
///     debit entry, credit entry: index | number - previous | number - jump | debits_pending
///         debits_posted | credits_pending | credits_posted after the transfer (all minimal; a
///         distance of 0 means none)
///     presence bit 0: description text(2)
///
/// id (key: id)   01 number(8): a transfer | 02 reason text(1): burnt by a refusal
/// state          version 1 | last_time(8) | transfer_count(8) | account_count(8)
/// details (key: account id)   version 1 | presence(2) | bit 0: name text(2)
/// profile (key: owner id)     version 1 | presence(2) = 0 | flags(1) | version(8) | changed_at(8)
///                             tier text(1);  flags: 1 receive_only, 2 debit_freeze, 4
///                             credit_freeze
/// counters (key: owner id, currency(10))  version 1 | day(4) | month(4) | year(4)
///                             debit day, month, year, credit day, month, year (16 each) |
///                             balance(16)
/// currency (key: code)        version 1 | exponent(1) | name text(2)
/// cursor (key: source)        version 1 | log_id(8) | seq(8)
#pragma once

#include "common/base/bytes.h"
#include "services/ledger/core.h"
#include "services/ledger/limits.h"

enum {
    LEDGER_ACCOUNT_BYTES = 232,
    LEDGER_ENTRY_BYTES_MAX = 3 * 9 + 4 * 17,
    LEDGER_TRANSFER_BYTES_MAX = 4 + 48 + 8 + 2 + LEDGER_CURRENCY_BYTES + 17 +
                                2 * LEDGER_ENTRY_BYTES_MAX + 2 + LEDGER_DESCRIPTION_BYTES,
    LEDGER_ID_ENTRY_BYTES_MAX = 66,
    LEDGER_STATE_BYTES = 25,
    LEDGER_DETAILS_BYTES_MAX = 5 + LEDGER_NAME_BYTES,
    LEDGER_PROFILE_BYTES_MAX = 21 + LEDGER_TIER_BYTES,
    LEDGER_COUNTERS_BYTES = 13 + 7 * 16,
    LEDGER_CURRENCY_RECORD_BYTES_MAX = 4 + LEDGER_NAME_BYTES,
    LEDGER_CURSOR_BYTES = 17,
    LEDGER_OWNER_KEY_BYTES = 24,    // owner_id(16) | account number(8)
    LEDGER_COUNTERS_KEY_BYTES = 26, // owner_id(16) | currency(10)
};

/// What an id stands for.
struct ledger_id_entry {
    bool is_failed;
    uint64_t number;           // Of the transfer; 0 when failed.
    enum ledger_reason reason; // When failed.
};

struct ledger_state {
    uint64_t last_time_ns;
    uint64_t transfer_count, account_count; // Also the highest numbers.
};

struct ledger_details {
    char name[LEDGER_NAME_BYTES];
};

struct ledger_currency {
    char code[LEDGER_CURRENCY_BYTES];
    uint8_t exponent;
    char name[LEDGER_NAME_BYTES];
};

/// How far another daemon's events have been applied.
struct ledger_cursor {
    uint64_t log_id, seq;
};

/// Encoders return the record's size and CHECK what a decoder would refuse.
size_t ledger_account_encode(const struct ledger_account *account,
                             uint8_t ret[static LEDGER_ACCOUNT_BYTES]);
size_t ledger_transfer_encode(const struct ledger_transfer *transfer,
                              uint8_t ret[static LEDGER_TRANSFER_BYTES_MAX]);
size_t ledger_id_entry_encode(const struct ledger_id_entry *entry,
                              uint8_t ret[static LEDGER_ID_ENTRY_BYTES_MAX]);
size_t ledger_state_encode(const struct ledger_state *state,
                           uint8_t ret[static LEDGER_STATE_BYTES]);
size_t ledger_details_encode(const struct ledger_details *details,
                             uint8_t ret[static LEDGER_DETAILS_BYTES_MAX]);
size_t ledger_profile_encode(const struct ledger_profile *profile,
                             uint8_t ret[static LEDGER_PROFILE_BYTES_MAX]);
size_t ledger_counters_encode(const struct ledger_counters *counters,
                              uint8_t ret[static LEDGER_COUNTERS_BYTES]);
size_t ledger_currency_encode(const struct ledger_currency *currency,
                              uint8_t ret[static LEDGER_CURRENCY_RECORD_BYTES_MAX]);
size_t ledger_cursor_encode(const struct ledger_cursor *cursor,
                            uint8_t ret[static LEDGER_CURSOR_BYTES]);

/// Decoders fill *ret or leave it alone: DATA_LOSS / RECORD_CORRUPT. What stands in the key (id,
/// number, owner, code) is given by the caller.
MUST_USE struct status ledger_account_decode(struct id128 id, struct bytes value,
                                             struct ledger_account *ret);
MUST_USE struct status ledger_transfer_decode(uint64_t number, struct bytes value,
                                              struct ledger_transfer *ret);
MUST_USE struct status ledger_id_entry_decode(struct bytes value, struct ledger_id_entry *ret);
MUST_USE struct status ledger_state_decode(struct bytes value, struct ledger_state *ret);
MUST_USE struct status ledger_details_decode(struct bytes value, struct ledger_details *ret);
MUST_USE struct status ledger_profile_decode(struct id128 owner_id, struct bytes value,
                                             struct ledger_profile *ret);
MUST_USE struct status ledger_counters_decode(struct bytes value, struct ledger_counters *ret);
MUST_USE struct status ledger_currency_decode(struct bytes code, struct bytes value,
                                              struct ledger_currency *ret);
MUST_USE struct status ledger_cursor_decode(struct bytes value, struct ledger_cursor *ret);

// ---- Keys ---------------------------------------------------------------------------------------

/// Key of an owner's account: owner_id(16) | number(8)
///     11111111111111111111111111111111 0000000000000007    that owner's account number 7
/// Byte order is order of creation; one prefix scan, backwards, is "newest first".
void ledger_owner_key_encode(struct id128 owner_id, uint64_t number,
                             uint8_t ret[static LEDGER_OWNER_KEY_BYTES]);
/// ledger_owner_key_decode is false when the key has another owner or another size.
bool ledger_owner_key_decode(struct bytes key, struct id128 owner_id, uint64_t *ret_number);

/// Key of an owner's counters: owner_id(16) | currency(10, NUL-padded)
///     11111111111111111111111111111111 494e5200000000000000    INR
void ledger_counters_key_encode(struct id128 owner_id, const char *currency,
                                uint8_t ret[static LEDGER_COUNTERS_KEY_BYTES]);
