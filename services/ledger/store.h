/// @file services/ledger/store.h
/// Durable state of the ledger: the only code here that knows the store, and keys and record bytes.
/// Units      Amounts: u128 minor units of the account's currency. *_ns: ledger time.
/// Ownership  Results are copied into caller structs; nothing returned points into the store.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND; DATA_LOSS (a record fails its checks). Writes give no status: the first
///            that fails sticks to the transaction (common/store/store.h).
/// Conserved  Every account that is put adds what its totals changed by to the tally of its
/// currency
///            and class. Before each commit the tallies of a currency must balance, else the
///            process stops uncommitted; then they are added to the running totals (totals.h).
/// Source     README.md "Key spaces".
#pragma once

#include "common/base/arena.h"
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
    // Since schema version 2.
    LEDGER_TABLE_EXTERNAL_REFS,
    LEDGER_TABLE_ACCOUNT_VERSIONS,
    LEDGER_TABLE_PROGRESS,
    LEDGER_TABLE_EXPIRIES,
    LEDGER_TABLE_GROUPS,
    LEDGER_TABLE_TOTALS,
    LEDGER_TABLE_CHECKPOINTS,
    LEDGER_TABLE_QUOTES,
    // Since schema version 3.
    LEDGER_TABLE_SCA_BURNT,
    LEDGER_TABLE_PAYEES,
    LEDGER_TABLE_END,
};

extern const struct store_schema ledger_store_schema;

/// ledger_store_open readies a store that was opened with ledger_store_schema: sets the
/// conservation hook. FAILED_PRECONDITION / CLOCK_BEHIND_LEDGER when the wall clock stands more
/// than 60 s before the last ledger time.
struct ledger_store;
MUST_USE struct status ledger_store_open(struct store *store, struct ledger_store **ret);
void ledger_store_close(struct ledger_store **ledger); // After the store; idempotent.

/// What a snapshot can promise about time. Every entry that is still to come has a ledger time
/// after the last one, and, while nothing is being written, after now; an expiry that is due comes
/// with the time it was due. ledger_store_settled gives the latest time up to which the snapshot is
/// final: nothing will ever be added at or before it, also when the wall clock is set back while
/// the store is open (promises are not stored). now_ns is what the wall clock says.
MUST_USE struct status ledger_store_settled(struct ledger_store *ledger, struct store_txn *txn,
                                            uint64_t now_ns, uint64_t *ret_ns);
/// ledger_store_mark_writing tells that the group under way gives out ledger times; call it before
/// reading the clock for one. It ends with the group. A clock that says less than what it returns
/// is to be taken for that: earlier times have been promised to readers.
uint64_t ledger_store_mark_writing(struct store_txn *txn);

/// Never NOT_FOUND: a new store has a state of zeros.
MUST_USE struct status ledger_store_get_state(struct store_txn *txn, struct ledger_state *ret);
void ledger_store_put_state(struct store_txn *txn, const struct ledger_state *state);

// ---- Accounts -----------------------------------------------------------------------------------

MUST_USE struct status ledger_store_get_account(struct store_txn *txn, struct id128 account_id,
                                                struct ledger_account *ret);
void ledger_store_put_account(struct store_txn *txn, struct ledger_account *account);
/// ledger_store_add_account puts an account with its index entries, reference and details. Its
/// number must be the highest so far.
void ledger_store_add_account(struct store_txn *txn, struct ledger_account *account,
                              const struct ledger_details *details);
MUST_USE struct status ledger_store_get_details(struct store_txn *txn, struct id128 account_id,
                                                struct ledger_details *ret);
/// ledger_store_put_details replaces an account's details; `before` is what they were (for the
/// reference index).
void ledger_store_put_details(struct store_txn *txn, struct id128 account_id,
                              const struct ledger_details *before,
                              const struct ledger_details *details);
/// The account that has an external reference; NOT_FOUND.
MUST_USE struct status ledger_store_find_ref(struct store_txn *txn, const char *external_ref,
                                             struct id128 *ret);
/// ledger_store_keep_version writes what an account's settings are now, before they change: call it
/// with the account as it was read. since_ns: when that version began.
void ledger_store_keep_version(struct store_txn *txn, const struct ledger_account *account,
                               uint64_t since_ns);
/// ledger_store_settings_at fills *account's settings and version as they were at a time; totals
/// stay. Of a version that is past, until when a freeze was set is not known (0). Before the
/// account existed: its first version.
MUST_USE struct status ledger_store_settings_at(struct store_txn *txn, uint64_t at_ns,
                                                struct ledger_account *account);

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
/// ledger_store_get_transfer: description and metadata point into the store (see Ownership of
/// common/store/store.h) unless an arena is given to copy them to (RESOURCE_EXHAUSTED).
MUST_USE struct status ledger_store_get_transfer(struct store_txn *txn, struct arena *arena,
                                                 uint64_t number, struct ledger_transfer *ret);
/// ledger_store_append_transfer writes the transfer and its id; numbers rise by one.
void ledger_store_append_transfer(struct store_txn *txn, const struct ledger_transfer *transfer);

/// Zeros (LEDGER_HOLD_NONE) when nothing became of the transfer.
MUST_USE struct status ledger_store_get_progress(struct store_txn *txn, uint64_t number,
                                                 struct ledger_progress *ret);
void ledger_store_put_progress(struct store_txn *txn, uint64_t number,
                               const struct ledger_progress *progress);
/// The next PENDING transfer to expire; NOT_FOUND: none.
MUST_USE struct status ledger_store_next_expiry(struct store_txn *txn, uint64_t *ret_expires_at_ns,
                                                uint64_t *ret_number);
/// The first one after (expires_at, number).
MUST_USE struct status ledger_store_expiry_after(struct store_txn *txn, uint64_t expires_at_ns,
                                                 uint64_t number, uint64_t *ret_expires_at_ns,
                                                 uint64_t *ret_number);
void ledger_store_put_expiry(struct store_txn *txn, uint64_t expires_at_ns, uint64_t number);
void ledger_store_drop_expiry(struct store_txn *txn, uint64_t expires_at_ns, uint64_t number);

/// Zeros when there is no such group.
MUST_USE struct status ledger_store_get_group(struct store_txn *txn, struct id128 group_id,
                                              struct ledger_group *ret);
void ledger_store_put_group(struct store_txn *txn, struct id128 group_id,
                            const struct ledger_group *group);

/// ledger_transfer_side says on which side of a transfer an account stands; one of them it must.
MUST_USE struct status ledger_transfer_side(const struct ledger_transfer *transfer,
                                            struct id128 account_id, enum ledger_side *ret);

// ---- Approvals ----------------------------------------------------------------------------------

/// What is burnt is forgotten when no clock can believe it any more: so long after its expiry.
enum { LEDGER_APPROVAL_KEPT_S = 600 };

/// ledger_store_find_burnt gives the number of the transfer that a token approved. NOT_FOUND: it is
/// not burnt, or was forgotten after its expiry.
MUST_USE struct status ledger_store_find_burnt(struct store_txn *txn, uint64_t expires_at_s,
                                               struct id128 token_id, uint64_t *ret_number);
/// ledger_store_burn_token also forgets a few that expired more than LEDGER_APPROVAL_KEPT_S before
/// now_s (ledger time, which never goes back), so that the table grows no further than what is used
/// in that time.
void ledger_store_burn_token(struct store_txn *txn, uint64_t expires_at_s, struct id128 token_id,
                             uint64_t number, uint64_t now_s);
/// ledger_store_find_payee gives the number of the owner's first payment to an account. NOT_FOUND.
MUST_USE struct status ledger_store_find_payee(struct store_txn *txn, struct id128 owner_id,
                                               struct id128 account_id, uint64_t *ret_number);
void ledger_store_put_payee(struct store_txn *txn, struct id128 owner_id, struct id128 account_id,
                            uint64_t number);

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

/// Custom currencies only; the built-in ones are in common/base/iso4217.h.
MUST_USE struct status ledger_store_get_currency(struct store_txn *txn, const char *code,
                                                 struct ledger_currency *ret);
void ledger_store_put_currency(struct store_txn *txn, const struct ledger_currency *currency);
/// ledger_store_next_currency gives the first custom currency after a code ("": the first).
MUST_USE struct status ledger_store_next_currency(struct store_txn *txn, const char *after_code,
                                                  struct ledger_currency *ret);

/// ledger_store_note_limits remembers what the configured limits are (any bytes that identify
/// them). When they are not what they were, or that is not known, all counters are forgotten: under
/// other limits they may not have been kept. The next posting works them out anew.
void ledger_store_note_limits(struct store_txn *txn, struct bytes identity);

MUST_USE struct status ledger_store_get_quote(struct store_txn *txn, struct id128 id,
                                              struct ledger_quote *ret);
void ledger_store_put_quote(struct store_txn *txn, const struct ledger_quote *quote);

/// Zeros when there is none yet.
MUST_USE struct status ledger_store_get_cursor(struct store_txn *txn, const char *source,
                                               struct ledger_cursor *ret);
void ledger_store_put_cursor(struct store_txn *txn, const char *source,
                             const struct ledger_cursor *cursor);
