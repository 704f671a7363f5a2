/// @file services/ledger/core.h
/// The rules of money: what an account and a transfer are, which posting is refused and why, and
/// what a posting changes. Pure: no I/O, clock, allocation or logging.
/// Units      Amounts: u128 minor units of the account's currency (ISO 4217 exponent). *_ns: ledger
///            time or wall time, ns since 1970 UTC.
/// Balances   Every total stays at or below LEDGER_TOTAL_MAX, so that any difference of two totals
///            fits an i128. Normal side: debit for ASSET and EXPENSE, credit for the others.
/// Ownership  Plain values; nothing here points anywhere but where the caller said.
/// Source     README.md "Refusals, in order" lists the same rows as ledger_reasons.
#pragma once

#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/base/u128.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LEDGER_CURRENCY_BYTES = 11, // Ten characters and the final NUL.
    LEDGER_EXPONENT_MAX = 18,
    LEDGER_TEXT_CODE_POINT_BYTES_MAX = 4,
    LEDGER_DESCRIPTION_BYTES = 140 * LEDGER_TEXT_CODE_POINT_BYTES_MAX + 1,
    LEDGER_NAME_BYTES = 80 * LEDGER_TEXT_CODE_POINT_BYTES_MAX + 1,
    LEDGER_CHAIN = 4, // Jump targets that an account keeps at hand; see history.h.
};

#define LEDGER_TOTAL_MAX ((u128)-1 >> 1)

enum ledger_class { // As in the proto; stored.
    LEDGER_CLASS_ASSET = 1,
    LEDGER_CLASS_LIABILITY = 2,
    LEDGER_CLASS_EQUITY = 3,
    LEDGER_CLASS_INCOME = 4,
    LEDGER_CLASS_EXPENSE = 5,
};

enum ledger_account_kind { LEDGER_KIND_CUSTOMER = 1, LEDGER_KIND_SYSTEM = 2 };

enum ledger_transfer_kind { LEDGER_TRANSFER_POSTED = 1 };

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
    uint64_t created_at_ns, changed_at_ns;
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
    u128 amount;
    char currency[LEDGER_CURRENCY_BYTES];
    uint16_t code;
    enum ledger_transfer_kind kind;
    char description[LEDGER_DESCRIPTION_BYTES];

    // Given by the ledger.
    uint64_t number; // 1, 2, 3 …: the key in the log.
    uint64_t created_at_ns;
    struct ledger_entry entry[LEDGER_SIDES];
};

// ---- Reasons ------------------------------------------------------------------------------------

/// Every refusal of a movement of money, in order of precedence: of several that apply, the first
/// is the answer.
enum ledger_reason {
    LEDGER_IDEMPOTENCY_REQUIRED,
    LEDGER_PERMISSION_DENIED,
    LEDGER_ID_ALREADY_FAILED,
    LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID,
    LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID,
    LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT,
    LEDGER_EXISTS_WITH_DIFFERENT_CURRENCY,
    LEDGER_EXISTS_WITH_DIFFERENT_CODE,
    LEDGER_EXISTS_WITH_DIFFERENT_DESCRIPTION,
    LEDGER_ACCOUNTS_MUST_DIFFER,
    LEDGER_AMOUNT_MUST_NOT_BE_ZERO,
    LEDGER_DEBIT_ACCOUNT_NOT_FOUND,
    LEDGER_CREDIT_ACCOUNT_NOT_FOUND,
    LEDGER_ACCOUNT_NOT_FOUND,
    LEDGER_CURRENCY_MISMATCH,
    LEDGER_ACCOUNT_CLOSED,
    LEDGER_ACCOUNT_FROZEN,
    LEDGER_KYC_LIMIT_EXCEEDED,
    LEDGER_BALANCE_OVERFLOW,
    LEDGER_INSUFFICIENT_FUNDS,
    LEDGER_BELOW_MIN_BALANCE,
    LEDGER_ABOVE_MAX_BALANCE,
    LEDGER_REASON_COUNT,
};

struct ledger_reason_row {
    const char *name;
    enum status_code code;
    bool burns_id; // It depends on state that changes: the id must not succeed on a later try.
    const char *message;
};

extern const struct ledger_reason_row ledger_reasons[LEDGER_REASON_COUNT];

struct status ledger_reason_status(enum ledger_reason reason);
/// ledger_reason_find gives LEDGER_REASON_COUNT for a name that is none of ours.
enum ledger_reason ledger_reason_find(const char *name, size_t size);

// ---- Postings -----------------------------------------------------------------------------------

struct ledger_allowance; // limits.h

struct ledger_party {
    struct ledger_account *account; // NULL: not found.
    /// What KYC grants the account's owner; NULL exactly for SYSTEM accounts (and unknown ones).
    struct ledger_allowance *allowance;
};

struct ledger_posting {
    const struct ledger_transfer *transfer;
    struct ledger_party party[LEDGER_SIDES];
    uint64_t now_ns;
};

/// What a refusal can say beyond its reason.
struct ledger_refusal {
    enum ledger_reason reason;
    enum ledger_side side; // Whose account; meaningful from ACCOUNT_CLOSED on.
    const char *limit;     // KYC_LIMIT_EXCEEDED: "posting", "credit_month" …; else NULL.
    u128 used, allowed;    // In minor units; allowed 0: nothing at all.
    uint64_t resets_at_ns; // 0: does not reset by itself.
};

/// ledger_core_check says whether a posting may happen; nothing is changed. false: *ret is filled.
bool ledger_core_check(const struct ledger_posting *posting, struct ledger_refusal *ret);
/// ledger_core_apply posts: totals of both accounts, counters of both owners. The posting must have
/// passed ledger_core_check (CHECK).
void ledger_core_apply(const struct ledger_posting *posting);

/// ledger_core_compare answers a repeated id: true when the transfer asked for is the existing one,
/// else *ret is EXISTS_WITH_DIFFERENT_<first field that differs>.
bool ledger_core_compare(const struct ledger_transfer *asked,
                         const struct ledger_transfer *existing, enum ledger_reason *ret);

// ---- Accounts -----------------------------------------------------------------------------------

bool ledger_class_is_debit_normal(enum ledger_class class);
/// Balances on the account's normal side.
i128 ledger_balance_posted(enum ledger_class class, const struct ledger_totals *totals);
u128 ledger_balance_pending_in(enum ledger_class class, const struct ledger_totals *totals);
u128 ledger_balance_pending_out(enum ledger_class class, const struct ledger_totals *totals);
/// posted - pending_out + credit_limit.
i128 ledger_account_available(const struct ledger_account *account);

/// ledger_account_is_sound is what must be true of any account, stored or about to be.
bool ledger_account_is_sound(const struct ledger_account *account);

/// The ledger's own accounts, one of each kind per currency. Their ids are worked out from
/// (currency, kind), so that no table is needed to find them:
///     byte 0-5  currency characters 1-6     6  80 | kind (UUID version 8)   7  character 7
///     byte 8    80 (variant)                9-11  characters 8-10           12-15  "FLRN"
///     INR cash = 494e5200-0000-8100-8000-0000464c524e
enum ledger_system_kind { LEDGER_CASH = 1, LEDGER_FEES = 2, LEDGER_FX = 3 };

struct id128 ledger_system_account_id(const char *currency, enum ledger_system_kind kind);
/// ledger_id_is_system is true for every id of that shape: clients may not choose one.
bool ledger_id_is_system(struct id128 id);
/// ledger_system_account fills in a new system account; number and times are the caller's.
void ledger_system_account(const char *currency, uint8_t exponent, enum ledger_system_kind kind,
                           struct ledger_account *ret);
const char *ledger_system_account_name(enum ledger_system_kind kind);

/// ledger_time_next is the next ledger time: unique and rising, also when the wall clock is not.
uint64_t ledger_time_next(uint64_t wall_ns, uint64_t last_ns);
