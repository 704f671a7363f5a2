/// @file services/ledger/core.h
/// The rules of money: what an account and a transfer are, which movement is refused and why, and
/// what a movement changes. Pure: no I/O, clock, allocation or logging.
/// Units      Amounts: u128 minor units of the account's currency (ISO 4217 exponent). *_ns: ledger
///            time or wall time, ns since 1970 UTC.
/// Balances   Every total stays at or below LEDGER_TOTAL_MAX, so that any difference of two totals
///            fits an i128. Normal side: debit for ASSET and EXPENSE, credit for the others.
/// Ownership  Plain values; texts and metadata of a transfer point where the caller said.
/// Source     README.md "Kinds and members", "Refusals, in order".
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/u128.h"
#include "services/ledger/reasons.h"

#include <stdint.h>

enum {
    LEDGER_CURRENCY_BYTES = 11, // Ten characters and the final NUL.
    LEDGER_EXPONENT_MAX = 18,
    LEDGER_TEXT_CODE_POINT_BYTES_MAX = 4,
    LEDGER_DESCRIPTION_BYTES_MAX = 140 * LEDGER_TEXT_CODE_POINT_BYTES_MAX,
    LEDGER_NAME_BYTES = 80 * LEDGER_TEXT_CODE_POINT_BYTES_MAX + 1,
    LEDGER_REF_BYTES = 64 * LEDGER_TEXT_CODE_POINT_BYTES_MAX + 1,
    LEDGER_REASON_TEXT_BYTES = 140 * LEDGER_TEXT_CODE_POINT_BYTES_MAX + 1,
    LEDGER_AUTHOR_BYTES = 64, // "users/<uuid>", "services/<name>"
    LEDGER_METADATA_KEYS_MAX = 16,
    LEDGER_METADATA_KEY_BYTES_MAX = 64,
    LEDGER_METADATA_VALUE_BYTES_MAX = 256 * LEDGER_TEXT_CODE_POINT_BYTES_MAX,
    LEDGER_METADATA_BYTES_MAX =
        1 + LEDGER_METADATA_KEYS_MAX *
                (1 + LEDGER_METADATA_KEY_BYTES_MAX + 2 + LEDGER_METADATA_VALUE_BYTES_MAX),
    LEDGER_CHAIN = 4, // Jump targets that an account keeps at hand; see history.h.
    LEDGER_BATCH_TRANSFERS_MAX = 8192,
};

#define LEDGER_TOTAL_MAX ((u128)-1 >> 1)

enum ledger_class { // As in the proto; stored.
    LEDGER_CLASS_ASSET = 1,
    LEDGER_CLASS_LIABILITY = 2,
    LEDGER_CLASS_EQUITY = 3,
    LEDGER_CLASS_INCOME = 4,
    LEDGER_CLASS_EXPENSE = 5,
    LEDGER_CLASS_END,
};

enum ledger_account_kind { LEDGER_KIND_CUSTOMER = 1, LEDGER_KIND_SYSTEM = 2 };

enum ledger_transfer_kind { // As in the proto; stored.
    LEDGER_TRANSFER_POSTED = 1,
    LEDGER_TRANSFER_PENDING = 2,
    LEDGER_TRANSFER_POST = 3,
    LEDGER_TRANSFER_VOID = 4,
    LEDGER_TRANSFER_REVERSAL = 5,
    LEDGER_TRANSFER_EXPIRY = 6, // Made by the ledger alone.
    LEDGER_TRANSFER_KIND_END,
};

enum ledger_side { LEDGER_DEBIT, LEDGER_CREDIT, LEDGER_SIDES };

/// The four accumulators; they only ever rise, but for pending money that is posted or released.
struct ledger_totals {
    u128 debits_pending, debits_posted, credits_pending, credits_posted;
};

/// Where an account's history begins: how many entries it has, and the numbers of the newest one,
/// of its jump target, of that one's jump target … (0: none, or not known).
struct ledger_head {
    uint64_t entry_count;
    uint64_t chain[LEDGER_CHAIN];
};

struct ledger_account {
    struct id128 id;
    struct id128 owner_id; // Nil for SYSTEM.
    char currency[LEDGER_CURRENCY_BYTES];
    uint8_t exponent;
    enum ledger_class class;
    enum ledger_account_kind kind;
    bool no_negative; // The balance on the normal side must not fall below -credit_limit.
    bool closed;
    bool has_min_balance, has_max_balance;
    bool frozen[LEDGER_SIDES];
    uint64_t frozen_until_ns[LEDGER_SIDES]; // 0: until somebody lifts it.
    uint64_t number;                        // 1, 2, 3 … in order of creation.
    uint64_t version;                       // Rises with each change of anything but totals.
    uint64_t created_at_ns, changed_at_ns;  // changed: also by an entry.
    u128 credit_limit;
    i128 min_balance, max_balance; // On the normal side.
    struct ledger_totals totals;
    struct ledger_head head;

    // Not stored: the totals as they were read, against which the conservation check measures.
    struct ledger_totals loaded;
};

/// One account's part in a transfer, as its history shows it.
struct ledger_entry {
    uint64_t index;    // 1 for the account's first entry.
    uint64_t previous; // Number of the transfer that holds entry index - 1; 0: none.
    uint64_t jump;     // Number of the transfer that holds the jump target; 0: none.
    struct ledger_totals after;
};

struct ledger_transfer {
    struct id128 id;
    struct id128 account_id[LEDGER_SIDES];
    u128 amount;       // What moved, was held or was released.
    u128 amount_up_to; // As asked for; 0: an exact amount was.
    char currency[LEDGER_CURRENCY_BYTES];
    uint16_t code;
    enum ledger_transfer_kind kind;
    bool not_final;          // POST: further captures may follow.
    bool all_remaining;      // POST, REVERSAL: no amount was given.
    struct id128 subject_id; // pending_id of POST, VOID, EXPIRY; reverses_id of REVERSAL; else nil.
    uint32_t timeout_seconds;
    uint32_t user_data_32;
    uint64_t user_data_64;
    u128 user_data_128;
    uint64_t effective_at_ns; // Value date; 0: created_at.
    struct id128 group_id;    // Nil: none.
    struct id128 author_id; // The user who asked for it; nil: the debit account's owner, a service
                            // or the ledger itself.
    struct bytes description; // UTF-8, not NUL-terminated; size 0: none.
    struct bytes metadata;    // As record.h encodes it; size 0: none.

    // Given by the ledger.
    uint64_t number; // 1, 2, 3 …: the key in the log.
    uint64_t created_at_ns;
    uint64_t subject_number;   // Of the transfer that subject_id names; 0: none.
    uint64_t subject_previous; // The subject's follow-up before this one; 0: this is its first.
    uint64_t group_previous;   // The group's member before this one; 0: this is its first.
    struct ledger_entry entry[LEDGER_SIDES];
};

/// What became of a transfer: one for each PENDING one, and for each one that was reversed.
enum ledger_hold_state {
    LEDGER_HOLD_NONE, // Not a PENDING transfer.
    LEDGER_HOLD_OPEN,
    LEDGER_HOLD_POSTED,
    LEDGER_HOLD_VOIDED,
    LEDGER_HOLD_EXPIRED,
};

struct ledger_progress {
    enum ledger_hold_state state;
    u128 captured, reversed;
    uint64_t expires_at_ns;  // 0: never.
    uint64_t last_follow_up; // Number of the newest POST, VOID, EXPIRY or REVERSAL; 0: none.
};

// ---- Movements as they are asked for ------------------------------------------------------------

/// asked: what the caller gave; what was not given is nil, empty or 0. id nil: none was given, a
/// new one is made and no refusal burns it (the Idempotency-Key keeps what was answered).
struct ledger_movement {
    struct ledger_transfer asked; // amount counts only with has_amount.
    bool has_amount;
    bool has_key; // An Idempotency-Key came with it; else an id must (IDEMPOTENCY_REQUIRED).
    // Only for telling what was given though the kind does not take it, or with its empty value.
    bool has_final, has_amount_up_to;
    struct id128 other_subject_id; // pending_id of a REVERSAL, reverses_id of any other kind.
    struct bytes sca_token;        // The payer's approval (approval.h); size 0: none was given.
    bool group_is_made; // The group id was not asked for: not compared when the id is repeated.
    /// Cash: the other account is the currency's cash account. account_id[side of the customer] is
    /// given, currency is the account's.
    bool is_deposit, is_withdrawal;
};

/// ledger_core_structure says whether the members fit the kind and each other: EXCLUSIVE_FIELDS
/// (*ret_field: which, by its JSON name; "kind" for EXPIRY, which is not for asking),
/// ACCOUNTS_MUST_DIFFER, AMOUNT_MUST_NOT_BE_ZERO. Whether a member that must be there is missing
/// has been checked before (ledger_core_missing). Which kind takes which member is one table
/// (members.c).
bool ledger_core_structure(const struct ledger_movement *movement, enum ledger_reason *ret,
                           const char **ret_field);
/// ledger_core_missing gives the first member that the kind needs and that was not given, by its
/// JSON name; NULL: none. Such a movement is malformed.
const char *ledger_core_missing(const struct ledger_movement *movement);

/// ledger_core_compare answers a repeated id: true when the movement asked for is what the existing
/// transfer was asked for as, else *ret is EXISTS_WITH_DIFFERENT_<first field that differs>. What a
/// follow-up or cash takes from elsewhere when it is not given (accounts, currency, code), and the
/// group, are compared only when they are given.
bool ledger_core_compare(const struct ledger_movement *movement,
                         const struct ledger_transfer *existing, enum ledger_reason *ret);

/// ledger_core_follow fills what a POST, VOID, EXPIRY or REVERSAL takes from the transfer it
/// follows (accounts, currency, code, amount, all_remaining, subject_number) into *transfer, which
/// holds what was asked. subject NULL: there is no such transfer. four_eyes_above: minor units, 0:
/// never; author: who asks, nil for a service. false: *ret says why not.
struct ledger_following {
    const struct ledger_movement *movement; // NULL for EXPIRY, the ledger's own.
    const struct ledger_transfer *subject;
    const struct ledger_progress *progress; // The subject's; zeros when nothing became of it.
    uint64_t now_ns;
    struct id128 author_id;
    struct id128
        subject_author_id; // Who made the subject: its author, else its debit account's owner.
    u128 four_eyes_above;
};

bool ledger_core_follow(const struct ledger_following *following, struct ledger_transfer *transfer,
                        enum ledger_reason *ret);

// ---- Postings -----------------------------------------------------------------------------------

struct ledger_allowance; // limits.h
struct ledger_approval;  // approval.h

struct ledger_party {
    struct ledger_account *account; // NULL: not found.
    /// What KYC grants the account's owner; NULL exactly for SYSTEM accounts (and unknown ones).
    struct ledger_allowance *allowance;
};

struct ledger_posting {
    const struct ledger_transfer *transfer; // Whole, but for what the ledger gives.
    struct ledger_party party[LEDGER_SIDES];
    const struct ledger_transfer *subject;  // Of a follow-up; else NULL.
    struct ledger_progress *progress;       // The subject's; of PENDING its own; else NULL.
    const struct ledger_approval *approval; // NULL: none is asked for, and none was given.
    uint64_t now_ns;
    /// REVERSAL of a POST: created_at of the PENDING transfer that the POST captured, which is when
    /// the money was counted. 0: not known, and the sums of KYC limits are given nothing back.
    uint64_t counted_at_ns;
};

/// What a refusal can say beyond its reason.
struct ledger_refusal {
    enum ledger_reason reason;
    enum ledger_side side; // Whose account; meaningful from ACCOUNT_CLOSED on.
    const char *field;     // EXCLUSIVE_FIELDS: which; else NULL.
    const char *limit;     // KYC_LIMIT_EXCEEDED: "posting", "credit_month" …; else NULL.
    u128 used, allowed;    // In minor units; allowed 0: nothing at all.
    uint64_t resets_at_ns; // 0: does not reset by itself.
};

/// ledger_core_check says whether a posting may happen; nothing is changed. Which rules a kind is
/// under is one table (core.c). false: *ret is filled.
bool ledger_core_check(const struct ledger_posting *posting, struct ledger_refusal *ret);
/// ledger_core_fit gives the largest amount, at most up_to, that no rule about amounts (KYC limits,
/// overflow, balances) stands against; 0: nothing fits, and ledger_core_check with an amount of 1
/// says why. Both accounts must be known and in the transfer's currency.
u128 ledger_core_fit(const struct ledger_posting *posting, u128 up_to);
/// ledger_core_apply posts: totals of both accounts, counters of both owners, and the progress but
/// for last_follow_up (the transfer has no number yet). The posting must have passed
/// ledger_core_check (CHECK).
void ledger_core_apply(const struct ledger_posting *posting);

/// ledger_core_released is what a POST, VOID or EXPIRY takes out of pending: the amount, and with a
/// final capture all the rest.
u128 ledger_core_released(const struct ledger_transfer *transfer,
                          const struct ledger_transfer *subject,
                          const struct ledger_progress *progress);
/// ledger_progress_remaining is what a PENDING transfer still holds: 0 unless it is open.
u128 ledger_progress_remaining(const struct ledger_transfer *pending,
                               const struct ledger_progress *progress);
/// ledger_transfer_state is the transfer's `state` in JSON: "PENDING", "POSTED", "VOIDED",
/// "EXPIRED", "REVERSED". progress NULL: nothing became of it.
const char *ledger_transfer_state(const struct ledger_transfer *transfer,
                                  const struct ledger_progress *progress);
const char *ledger_transfer_kind_name(enum ledger_transfer_kind kind); // "POSTED" …
/// ledger_kind_moves is true for kinds that change posted totals: POSTED, POST, REVERSAL.
bool ledger_kind_moves(enum ledger_transfer_kind kind);
/// ledger_id_derive makes a UUID of version 8 from one or more ids: BLAKE2b-128 of the tag (which
/// says what for) and the id, with version and variant set.
struct id128 ledger_id_derive(const char *tag, struct bytes from);
/// ledger_expiry_id is the id of the EXPIRY of a PENDING transfer: a UUID of version 8 worked out
/// from its id, the same on every replay.
struct id128 ledger_expiry_id(struct id128 pending_id);

// ---- Accounts -----------------------------------------------------------------------------------

bool ledger_class_is_debit_normal(enum ledger_class class);
/// Balances on the account's normal side.
i128 ledger_balance_posted(enum ledger_class class, const struct ledger_totals *totals);
u128 ledger_balance_pending_in(enum ledger_class class, const struct ledger_totals *totals);
u128 ledger_balance_pending_out(enum ledger_class class, const struct ledger_totals *totals);
/// posted - pending_out + credit_limit.
i128 ledger_account_available(const struct ledger_account *account);
bool ledger_account_is_frozen(const struct ledger_account *account, enum ledger_side side,
                              uint64_t now_ns);

/// ledger_account_is_sound is what must be true of any account, stored or about to be.
bool ledger_account_is_sound(const struct ledger_account *account);

/// The ledger's own accounts, one of each kind per currency. Their ids are worked out from
/// (currency, kind), so that no table is needed to find them:
///     byte 0-5  currency characters 1-6     6  80 | kind (UUID version 8)   7  character 7
///     byte 8    80 (variant)                9-11  characters 8-10           12-15  "FLRN"
///     INR cash = 494e5200-0000-8100-8000-0000464c524e
enum ledger_system_kind { LEDGER_CASH = 1, LEDGER_FEES = 2, LEDGER_FX = 3, LEDGER_SYSTEM_END };

struct id128 ledger_system_account_id(const char *currency, enum ledger_system_kind kind);
/// ledger_id_is_system is true for every id of that shape: clients may not choose one.
bool ledger_id_is_system(struct id128 id);
/// ledger_system_account_parse takes such an id apart again; false: it is not exactly one of those.
bool ledger_system_account_parse(struct id128 id, char ret_currency[static LEDGER_CURRENCY_BYTES],
                                 enum ledger_system_kind *ret_kind);
/// ledger_system_account fills in a new system account; number and times are the caller's.
void ledger_system_account(const char *currency, uint8_t exponent, enum ledger_system_kind kind,
                           struct ledger_account *ret);
const char *ledger_system_account_name(enum ledger_system_kind kind);

/// ledger_ref_is_valid: a reference that looks like an IBAN (two capitals, two digits, 11 to 30
/// capitals or digits, no spaces; ISO 13616) must have its check digits (02 to 98, ISO 7064
/// MOD 97-10). Anything else is any text.
bool ledger_ref_is_valid(const char *text);

/// ledger_time_next is the next ledger time: unique and rising, also when the wall clock is not.
uint64_t ledger_time_next(uint64_t wall_ns, uint64_t last_ns);
