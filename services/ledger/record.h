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
///              bit 1: what it follows: subject_id(16) | number - subject_number | number -
///                     subject_previous (minimal; 0: none)
///              bit 2: timeout_seconds(4)      bit 3: user_data_128 minimal
///              bit 4: user_data_64(8)         bit 5: user_data_32(4)       bit 6: effective_at(8)
///              bit 7: group_id(16) | number - group_previous (minimal; 0: none)
///              bit 8: metadata, size(2) and bytes      bit 9: amount_up_to minimal
///              bit 10: flags(1): 1 not_final, 2 all_remaining     bit 11: author_id(16)
///     Each in the order of its bit; a value of zero is never written. Bit 1 stands with POST,
///     VOID, REVERSAL and EXPIRY, and with nothing else.
///
/// metadata       count(1) | count times: key text(1) | value text(2, may be empty); keys rise
/// id (key: id)   01 number(8): a transfer | 02 reason text(1): burnt by a refusal
/// state (key: 73)   version 1 | last_time(8) | transfer_count(8) | account_count(8)
/// limits (key: 6c, in the state's table)   whatever identifies the configured limits
/// details (key: account id)   version 1 | presence(2) | bit 0: name text(2) | bit 1: external_ref
///                             text(2) | bit 2: metadata, size(2) and bytes | bit 3: debit freeze,
///                             bit 4: credit freeze: since(8) | author text(1) | reason text(2)
///                             (texts may be empty) | bit 5: updated_at(8)
/// ref (key: external_ref)     account id(16)
/// account version (key: account id(16) | version(8))   what a version of an account's settings
///                             was, written when the next one takes its place:
///                             version 1 | flags(2, as in account) | since(8) | credit_limit(16) |
///                             min_balance(16) | max_balance(16)
/// progress (key: transfer number(8))   version 1 | state(1) | captured minimal |
///                             reversed minimal | expires_at(8) | last_follow_up(8)
/// expiry (key: expires_at(8) | transfer number(8))     01; only while the transfer is open
/// group (key: group id)       version 1 | last number(8) | count(4)
/// profile (key: owner id)     version 1 | presence(2) | flags(1) | tier_version(8) | changed_at(8)
///                             tier text(1, may be empty);  flags: 1 receive_only, 2 debit_freeze,
///                             4 credit_freeze | bit 0: version(8), else tier_version + 1 | bit 1:
///                             reason text(2) | bit 2: own limits, count(1) and count times
///                             currency text(1) | limit(1) | allowed minimal
/// counters (key: owner id, currency(10))  version 1 | day(4) | month(4) | year(4)
///                             debit day, month, year, credit day, month, year (16 each) |
///                             balance(16)
/// totals (key: currency(10) | class(1))   version 1 | debits_pending | debits_posted |
///                             credits_pending | credits_posted (16 each)
/// checkpoint (key: ledger time(8))        version 1 | transfer number(8) | count(2) | count times:
///                             currency(10) | class(1) | the four totals (minimal); rows rise
/// quote (key: id)             version 1 | presence(2) | state(1) | owner_id(16) | sell currency
///                             text(1) | buy currency text(1) | exponents(1 + 1) | sell_amount
///                             minimal | buy_amount minimal | rate_numerator(8) |
///                             rate_denominator(8) | created_at(8) | expires_at(8) |
///                             bit 0: debit_account_id(16), credit_account_id(16)
/// burnt approval (key: expires_at in seconds(8) | token id(16))   version 1 | number(8) of the
///                             transfer that it approved
/// payee (key: owner id(16) | account id(16))   version 1 | number(8) of the owner's first payment
///                             to that account
/// currency (key: code)        version 1 | exponent(1) | name text(2)
/// cursor (key: source)        version 1 | log_id(8) | seq(8)
#pragma once

#include "common/base/bytes.h"
#include "services/ledger/core.h"
#include "services/ledger/fx.h"
#include "services/ledger/limits.h"

enum {
    LEDGER_ACCOUNT_BYTES = 232,
    LEDGER_ENTRY_BYTES_MAX = 3 * 9 + 4 * 17,
    LEDGER_TRANSFER_BYTES_MAX = 4 + 48 + 8 + 2 + LEDGER_CURRENCY_BYTES + 17 +
                                2 * LEDGER_ENTRY_BYTES_MAX + 2 + LEDGER_DESCRIPTION_BYTES_MAX + 34 +
                                4 + 17 + 8 + 4 + 8 + 25 + 2 + LEDGER_METADATA_BYTES_MAX + 17 + 1 +
                                16,
    LEDGER_ID_ENTRY_BYTES_MAX = 66,
    LEDGER_STATE_BYTES = 25,
    LEDGER_DETAILS_BYTES_MAX = 3 + 2 + LEDGER_NAME_BYTES + 2 + LEDGER_REF_BYTES + 2 +
                               LEDGER_METADATA_BYTES_MAX +
                               2 * (8 + 1 + LEDGER_AUTHOR_BYTES + 2 + LEDGER_REASON_TEXT_BYTES) + 8,
    LEDGER_ACCOUNT_VERSION_BYTES = 59,
    LEDGER_PROGRESS_BYTES_MAX = 2 + 2 * 17 + 16,
    LEDGER_GROUP_BYTES = 13,
    LEDGER_PROFILE_BYTES_MAX = 21 + LEDGER_TIER_BYTES + 8 + 2 + LEDGER_REASON_TEXT_BYTES + 1 +
                               LEDGER_OWN_LIMITS_MAX * (1 + LEDGER_CURRENCY_BYTES + 1 + 17),
    LEDGER_TOTALS_BYTES = 65,
    LEDGER_CHECKPOINT_ROWS_MAX = UINT16_MAX,
    LEDGER_QUOTE_BYTES_MAX = 4 + 16 + 2 * LEDGER_CURRENCY_BYTES + 2 + 2 * 17 + 32 + 32,
    LEDGER_COUNTERS_BYTES = 13 + 7 * 16,
    LEDGER_CURRENCY_RECORD_BYTES_MAX = 4 + LEDGER_NAME_BYTES,
    LEDGER_CURSOR_BYTES = 17,
    LEDGER_TRACE_BYTES = 9,
    LEDGER_OWNER_KEY_BYTES = 24,           // owner_id(16) | account number(8)
    LEDGER_COUNTERS_KEY_BYTES = 26,        // owner_id(16) | currency(10)
    LEDGER_ACCOUNT_VERSION_KEY_BYTES = 24, // account_id(16) | version(8)
    LEDGER_EXPIRY_KEY_BYTES = 16,          // expires_at(8) | transfer number(8)
    LEDGER_TOTALS_KEY_BYTES = 11,          // currency(10) | class(1)
    LEDGER_BURNT_KEY_BYTES = 24,           // expires_at in seconds(8) | token id(16)
    LEDGER_PAYEE_KEY_BYTES = 32,           // owner id(16) | account id(16)
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

struct ledger_freeze {
    uint64_t since_ns; // 0: not frozen.
    char author[LEDGER_AUTHOR_BYTES];
    char reason[LEDGER_REASON_TEXT_BYTES];
};

/// What no posting needs to look at. About 20 KiB with its metadata: keep it off hot paths.
struct ledger_details {
    char name[LEDGER_NAME_BYTES];
    char external_ref[LEDGER_REF_BYTES];
    uint16_t metadata_size; // 0: none.
    uint8_t metadata[LEDGER_METADATA_BYTES_MAX];
    struct ledger_freeze freeze[LEDGER_SIDES];
    uint64_t updated_at_ns; // Of the account's version; 0: created_at.
};

/// An account's settings as they were in one of its versions.
struct ledger_account_version {
    uint64_t version, since_ns;
    bool no_negative, closed, has_min_balance, has_max_balance;
    bool frozen[LEDGER_SIDES];
    u128 credit_limit;
    i128 min_balance, max_balance;
};

/// The members of a group lead back from the last one (ledger_transfer.group_previous).
struct ledger_group {
    uint64_t last;
    uint32_t count;
};

/// Running totals of all accounts of one class in one currency.
struct ledger_class_totals {
    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_class class;
    struct ledger_totals totals;
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
size_t ledger_account_version_encode(const struct ledger_account_version *version,
                                     uint8_t ret[static LEDGER_ACCOUNT_VERSION_BYTES]);
size_t ledger_progress_encode(const struct ledger_progress *progress,
                              uint8_t ret[static LEDGER_PROGRESS_BYTES_MAX]);
size_t ledger_group_encode(const struct ledger_group *group,
                           uint8_t ret[static LEDGER_GROUP_BYTES]);
size_t ledger_totals_encode(const struct ledger_totals *totals,
                            uint8_t ret[static LEDGER_TOTALS_BYTES]);
size_t ledger_quote_encode(const struct ledger_quote *quote,
                           uint8_t ret[static LEDGER_QUOTE_BYTES_MAX]);
/// ledger_checkpoint_bytes says how much a checkpoint of so many rows may take; rows rise by
/// currency and class, and there are at most LEDGER_CHECKPOINT_ROWS_MAX.
size_t ledger_checkpoint_bytes(size_t row_count);
size_t ledger_checkpoint_encode(uint64_t number, const struct ledger_class_totals *rows,
                                size_t row_count, uint8_t *ret);
size_t ledger_profile_encode(const struct ledger_profile *profile,
                             uint8_t ret[static LEDGER_PROFILE_BYTES_MAX]);
size_t ledger_counters_encode(const struct ledger_counters *counters,
                              uint8_t ret[static LEDGER_COUNTERS_BYTES]);
size_t ledger_currency_encode(const struct ledger_currency *currency,
                              uint8_t ret[static LEDGER_CURRENCY_RECORD_BYTES_MAX]);
size_t ledger_cursor_encode(const struct ledger_cursor *cursor,
                            uint8_t ret[static LEDGER_CURSOR_BYTES]);
/// A trace: the number of the transfer that a burnt approval or a payee came with.
size_t ledger_trace_encode(uint64_t number, uint8_t ret[static LEDGER_TRACE_BYTES]);

/// Decoders fill *ret or leave it alone: DATA_LOSS / RECORD_CORRUPT. What stands in the key (id,
/// number, owner, code) is given by the caller. A transfer's description and metadata point into
/// the bytes that were given.
MUST_USE struct status ledger_account_decode(struct id128 id, struct bytes value,
                                             struct ledger_account *ret);
MUST_USE struct status ledger_transfer_decode(uint64_t number, struct bytes value,
                                              struct ledger_transfer *ret);
MUST_USE struct status ledger_id_entry_decode(struct bytes value, struct ledger_id_entry *ret);
MUST_USE struct status ledger_state_decode(struct bytes value, struct ledger_state *ret);
MUST_USE struct status ledger_details_decode(struct bytes value, struct ledger_details *ret);
MUST_USE struct status ledger_account_version_decode(uint64_t version, struct bytes value,
                                                     struct ledger_account_version *ret);
MUST_USE struct status ledger_progress_decode(struct bytes value, struct ledger_progress *ret);
MUST_USE struct status ledger_group_decode(struct bytes value, struct ledger_group *ret);
MUST_USE struct status ledger_totals_decode(struct bytes value, struct ledger_totals *ret);
MUST_USE struct status ledger_quote_decode(struct id128 id, struct bytes value,
                                           struct ledger_quote *ret);
/// At most row_room rows; more are DATA_LOSS.
MUST_USE struct status ledger_checkpoint_decode(struct bytes value, uint64_t *ret_number,
                                                struct ledger_class_totals *ret_rows,
                                                size_t row_room, size_t *ret_row_count);
MUST_USE struct status ledger_profile_decode(struct id128 owner_id, struct bytes value,
                                             struct ledger_profile *ret);
MUST_USE struct status ledger_counters_decode(struct bytes value, struct ledger_counters *ret);
MUST_USE struct status ledger_currency_decode(struct bytes code, struct bytes value,
                                              struct ledger_currency *ret);
MUST_USE struct status ledger_cursor_decode(struct bytes value, struct ledger_cursor *ret);
MUST_USE struct status ledger_trace_decode(struct bytes value, uint64_t *ret);

// ---- Metadata -----------------------------------------------------------------------------------

/// One key and its value; neither is NUL-terminated.
struct ledger_metadata_pair {
    struct bytes key, value;
};

/// ledger_metadata_encode sorts the pairs by key. false: too many pairs, a key that is empty, too
/// long or there twice, a value that is too long, text that is not UTF-8. No pairs: size 0.
bool ledger_metadata_encode(struct ledger_metadata_pair *pairs, size_t count,
                            uint8_t ret[static LEDGER_METADATA_BYTES_MAX], size_t *ret_size);
/// ledger_metadata_decode gives the pairs, pointing into the bytes, and their number; false: not
/// what ledger_metadata_encode makes.
bool ledger_metadata_decode(struct bytes metadata,
                            struct ledger_metadata_pair ret[static LEDGER_METADATA_KEYS_MAX],
                            size_t *ret_count);

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

/// Key of an account's version: account_id(16) | version(8)
void ledger_account_version_key_encode(struct id128 account_id, uint64_t version,
                                       uint8_t ret[static LEDGER_ACCOUNT_VERSION_KEY_BYTES]);
/// Key of an expiry: expires_at(8) | transfer number(8); the first row is the next to expire.
///     18ea000000000000 0000000000000014    transfer 20
void ledger_expiry_key_encode(uint64_t expires_at_ns, uint64_t number,
                              uint8_t ret[static LEDGER_EXPIRY_KEY_BYTES]);
bool ledger_expiry_key_decode(struct bytes key, uint64_t *ret_expires_at_ns, uint64_t *ret_number);
/// Key of running totals: currency(10, NUL-padded) | class(1)
///     494e5200000000000000 02    all LIABILITY accounts in INR
void ledger_totals_key_encode(const char *currency, enum ledger_class class,
                              uint8_t ret[static LEDGER_TOTALS_KEY_BYTES]);
bool ledger_totals_key_decode(struct bytes key, char ret_currency[static LEDGER_CURRENCY_BYTES],
                              enum ledger_class *ret_class);

/// Key of a burnt approval: expires_at in seconds(8) | token id(16)
///     000000006b49d278 22222222222222222222222222222222
/// A token says both, so that one table answers whether it was burnt and which row is the oldest.
void ledger_burnt_key_encode(uint64_t expires_at_s, struct id128 token_id,
                             uint8_t ret[static LEDGER_BURNT_KEY_BYTES]);
bool ledger_burnt_key_decode(struct bytes key, uint64_t *ret_expires_at_s,
                             struct id128 *ret_token_id);
/// Key of a payee: owner id(16) | account id(16)
void ledger_payee_key_encode(struct id128 owner_id, struct id128 account_id,
                             uint8_t ret[static LEDGER_PAYEE_KEY_BYTES]);
bool ledger_payee_key_decode(struct bytes key, struct id128 *ret_owner_id,
                             struct id128 *ret_account_id);
