/// @file services/ledger/store.h
/// Durable state of the ledger: the only code here that knows the store, and keys and record bytes.
/// Units      Amounts: u128 minor units of the account's currency. *_ns: ledger time.
/// Ownership  Results are copied into caller structs; nothing returned points into the store.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND; DATA_LOSS (a record fails its checks). Writes give no status: the first
///            that fails sticks to the transaction (common/store/store.h).
/// Conserved  Every account that is put adds what its totals changed by to its currency's tally.
///            Before each commit the tallies must balance, else the process stops uncommitted.
/// Source     README.md "Key spaces".
#pragma once

#include "common/store/store.h"
#include "services/ledger/record.h"

enum {
    LEDGER_TABLE_STATE = STORE_TABLE_SERVICE_FIRST,
    LEDGER_TABLE_ACCOUNTS,
    LEDGER_TABLE_ACCOUNT_NUMBERS,
    LEDGER_TABLE_ACCOUNT_OWNERS,
    LEDGER_TABLE_ACCOUNT_DETAILS,
    LEDGER_TABLE_TRANSFERS,
    LEDGER_TABLE_IDS,
    LEDGER_TABLE_PROFILES,
    LEDGER_TABLE_COUNTERS,
    LEDGER_TABLE_CURRENCIES,
    LEDGER_TABLE_CURSORS,
    LEDGER_TABLE_END,
};

extern const struct store_schema ledger_store_schema;

/// ledger_store_open readies a store that was opened with ledger_store_schema: sets the
/// conservation hook. FAILED_PRECONDITION / CLOCK_BEHIND_LEDGER when the wall clock stands more
/// than 60 s before the last ledger time.
struct ledger_store;
MUST_USE struct status ledger_store_open(struct store *store, struct ledger_store **ret);
void ledger_store_close(struct ledger_store **ledger); // After the store; idempotent.

/// Never NOT_FOUND: a new store has a state of zeros.
MUST_USE struct status ledger_store_get_state(struct store_txn *txn, struct ledger_state *ret);
void ledger_store_put_state(struct store_txn *txn, const struct ledger_state *state);

// ---- Accounts -----------------------------------------------------------------------------------

MUST_USE struct status ledger_store_get_account(struct store_txn *txn, struct id128 account_id,
                                                struct ledger_account *ret);
void ledger_store_put_account(struct store_txn *txn, struct ledger_account *account);
/// ledger_store_add_account puts an account with its index entries and details. Its number must be
/// the highest so far.
void ledger_store_add_account(struct store_txn *txn, struct ledger_account *account,
                              const struct ledger_details *details);
MUST_USE struct status ledger_store_get_details(struct store_txn *txn, struct id128 account_id,
                                                struct ledger_details *ret);

/// A walk over accounts, newest first: all of them, or one owner's. Close it before writing.
struct ledger_account_walk {
    struct store_cursor cursor;
    struct id128 owner_id;
    bool is_of_owner, is_started;
    uint64_t before; // Numbers below this one.
};

/// owner_id NULL: all accounts. before 0: from the newest.
void ledger_account_walk_open(struct store_txn *txn, const struct id128 *owner_id, uint64_t before,
                              struct ledger_account_walk *ret);
/// NOT_FOUND at the end.
MUST_USE struct status ledger_account_walk_next(struct ledger_account_walk *walk,
                                                struct ledger_account *ret);
void ledger_account_walk_close(struct ledger_account_walk *walk); // Idempotent.

// ---- Transfers ----------------------------------------------------------------------------------

MUST_USE struct status ledger_store_find_id(struct store_txn *txn, struct id128 id,
                                            struct ledger_id_entry *ret);
void ledger_store_burn_id(struct store_txn *txn, struct id128 id, enum ledger_reason reason);
MUST_USE struct status ledger_store_get_transfer(struct store_txn *txn, uint64_t number,
                                                 struct ledger_transfer *ret);

/// ledger_store_post_entry makes transfer->number the newest entry of account's history and fills
/// that side's entry. It reads (links of the history that the account does not hold) but writes
/// nothing: call it for both sides before the first put.
MUST_USE struct status ledger_store_post_entry(struct store_txn *txn,
                                               struct ledger_account *account,
                                               enum ledger_side side,
                                               struct ledger_transfer *transfer);
/// ledger_store_append_transfer writes the transfer and its id.
void ledger_store_append_transfer(struct store_txn *txn, const struct ledger_transfer *transfer);

/// ledger_store_totals_at gives an account's totals as of a ledger time, inclusive: O(log n).
MUST_USE struct status ledger_store_totals_at(struct store_txn *txn,
                                              const struct ledger_account *account, uint64_t at_ns,
                                              struct ledger_totals *ret);

/// ledger_transfer_side says on which side of a transfer an account stands; one of them it must.
MUST_USE struct status ledger_transfer_side(const struct ledger_transfer *transfer,
                                            struct id128 account_id, enum ledger_side *ret);

// ---- Limits, currencies, cursors ----------------------------------------------------------------

MUST_USE struct status ledger_store_get_profile(struct store_txn *txn, struct id128 owner_id,
                                                struct ledger_profile *ret);
void ledger_store_put_profile(struct store_txn *txn, const struct ledger_profile *profile);

MUST_USE struct status ledger_store_get_counters(struct store_txn *txn, struct id128 owner_id,
                                                 const char *currency, struct ledger_counters *ret);
void ledger_store_put_counters(struct store_txn *txn, struct id128 owner_id, const char *currency,
                               const struct ledger_counters *counters);
/// ledger_store_drop_counters forgets an owner's counters in every currency.
void ledger_store_drop_counters(struct store_txn *txn, struct id128 owner_id);

/// Custom currencies only; the built-in ones are in currencies.h.
MUST_USE struct status ledger_store_get_currency(struct store_txn *txn, const char *code,
                                                 struct ledger_currency *ret);
void ledger_store_put_currency(struct store_txn *txn, const struct ledger_currency *currency);
/// ledger_store_next_currency gives the first custom currency after a code ("": the first).
MUST_USE struct status ledger_store_next_currency(struct store_txn *txn, const char *after_code,
                                                  struct ledger_currency *ret);

/// Zeros when there is none yet.
MUST_USE struct status ledger_store_get_cursor(struct store_txn *txn, const char *source,
                                               struct ledger_cursor *ret);
void ledger_store_put_cursor(struct store_txn *txn, const char *source,
                             const struct ledger_cursor *cursor);
