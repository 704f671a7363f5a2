/// @file services/ledger/service.h
/// Use cases: one function is what one call reads, decides by core, and writes.
/// Rule       Refuse-before-change: a function that refuses has written nothing, with one
/// exception:
///            a refusal that depends on state burns the id the client chose. Then is_burnt is true,
///            and the caller must let the transaction commit although it answers the refusal.
/// Values     Arguments come from convert.c: lengths, patterns and texts are valid.
/// Threads    Writing functions: the store's writer thread. Reading: any, with a snapshot.
/// Files      movement.c (transfers), batch.c, accounts.c, fx_quotes.c, profiles.c (limits),
///            listing.c (reads), service.c (the rest).
#pragma once

#include "services/ledger/approval.h"
#include "services/ledger/search.h"
#include "services/ledger/store.h"

struct ledger_unit; // unit.h

/// The service's memory: read-only while serving.
struct ledger_service {
    struct store *store;
    struct ledger_store *ledger;
    struct ledger_tiers tiers;
    uint64_t four_eyes_above; // Major units; a reversal above it needs another person. 0: never.
    struct ledger_sca_policy sca; // Which payments must be approved one by one.
    /// Says whether a token is auth's and alive at a time: PERMISSION_DENIED / SCA_INVALID, or
    /// UNAVAILABLE while that cannot be known. Quick: called on the writer thread. NULL: none is.
    struct status (*verify_sca)(void *context, struct bytes token, uint64_t now_s,
                                struct sca_claims *ret);
    void *verify_sca_context;
    uint64_t hash_key[2]; // Random: nobody can choose ids that collide in a unit's tables.
    /// Writes the events of what the expiry thread's unit did, after its flush; NULL: none.
    void (*announce)(struct ledger_unit *unit);
};

/// ledger_service_open uses the default tiers; change service->tiers before serving.
MUST_USE struct status ledger_service_open(struct store *store, struct ledger_service *ret);
void ledger_service_close(struct ledger_service *service); // After the store; idempotent.

/// Whose money a caller may move and see, and what else they may.
struct ledger_caller {
    bool is_any;                    // Tellers and services.
    bool may_set_limits;            // ledger.account.limits
    bool may_open_system;           // ledger.account.system
    struct id128 user_id;           // Nil: a service.
    char name[LEDGER_AUTHOR_BYTES]; // "users/<uuid>", "services/<name>"
};

/// PERMISSION_DENIED unless the caller may act for the owner.
MUST_USE struct status ledger_caller_may_touch(const struct ledger_caller *caller,
                                               struct id128 owner_id);

// ---- Movements ----------------------------------------------------------------------------------

struct ledger_outcome {
    bool is_created, existed, is_refused; // At most one; none when the store itself failed.
    bool is_burnt;
    struct ledger_refusal refusal;
    struct ledger_reason_row original; // Of ID_ALREADY_FAILED: the reason that burnt the id.
    struct ledger_transfer transfer;   // Also when refused: as asked for, as far as it is known.
    struct ledger_progress progress; // What has become of the transfer; zeros: nothing, or refused.
    struct id128 owner_id[LEDGER_SIDES]; // Nil: SYSTEM or not known.
    bool has_account[LEDGER_SIDES];
    const char *tier[LEDGER_SIDES]; // Of the owner; NULL for SYSTEM. Static.
};

/// ledger_service_move decides one movement of any kind on a unit: nothing is written. The status
/// is what the caller is answered: the reasons of reasons.h. Ownership: a customer debits own
/// accounts only and credits customers' accounts only; may VOID what either own account is part of.
MUST_USE struct status ledger_service_move(struct ledger_unit *unit,
                                           const struct ledger_caller *caller,
                                           const struct ledger_movement *movement,
                                           struct ledger_outcome *ret);

enum ledger_batch_mode { // As in the proto.
    LEDGER_BATCH_INDEPENDENT = 1,
    LEDGER_BATCH_STOP_ON_ERROR = 2,
    LEDGER_BATCH_ATOMIC = 3,
};

struct ledger_batch_result {
    const char *result; // "CREATED", "EXISTS", "GROUP_FAILED", "NOT_ATTEMPTED" or a reason. Static.
    const char *message;            // Of a refusal. Static.
    struct ledger_outcome *outcome; // In the arena; NULL: not attempted, or undone.
};

struct ledger_batch {
    const struct ledger_movement *movements;
    size_t count; // At most LEDGER_BATCH_TRANSFERS_MAX.
    enum ledger_batch_mode mode;
    struct id128 group_id; // Never nil; each movement's asked.group_id is set to it by convert.
    bool dry_run;

    // The answer.
    struct ledger_batch_result *results; // By index; the caller's.
    uint32_t created, existing, refused;
    bool has_changes; // Something is to be flushed: moved, or burnt.
};

/// ledger_service_batch decides a batch on a unit. An item that fails in itself (its refusal is
/// OK's business of its result); the status is not OK only when the store failed. What the unit
/// holds afterwards is what is to be written: flush it unless dry_run (then it has been reset).
MUST_USE struct status ledger_service_batch(struct ledger_unit *unit,
                                            const struct ledger_caller *caller,
                                            struct ledger_batch *batch);

/// NOT_FOUND / TRANSFER_NOT_FOUND; PERMISSION_DENIED for a customer who owns neither account.
MUST_USE struct status ledger_service_get_transfer(struct store_txn *txn, struct arena *arena,
                                                   const struct ledger_caller *caller,
                                                   struct id128 transfer_id,
                                                   struct ledger_transfer *ret,
                                                   struct ledger_progress *ret_progress);
/// ledger_service_follow_ups gives the ids of a transfer's follow-ups, newest first.
MUST_USE struct status ledger_service_follow_ups(struct store_txn *txn,
                                                 const struct ledger_progress *progress,
                                                 struct id128 *ret, size_t room, size_t *ret_count);

// ---- Accounts -----------------------------------------------------------------------------------

struct ledger_new_account {
    struct id128 id;       // Never nil.
    struct id128 owner_id; // Nil exactly for SYSTEM.
    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_class class;
    enum ledger_account_kind kind;
    const struct ledger_details *details;
};

/// ledger_service_create_account: the same again is the existing account with *ret_existed. It
/// flushes the unit when it made one (the account's ledger time may have let holds expire).
/// ALREADY_EXISTS / ACCOUNT_EXISTS or EXTERNAL_REF_EXISTS, NOT_FOUND / CURRENCY_NOT_FOUND,
/// PERMISSION_DENIED, INVALID_ARGUMENT / ACCOUNT_ID_RESERVED or EXTERNAL_REF_INVALID.
MUST_USE struct status ledger_service_create_account(struct ledger_unit *unit,
                                                     const struct ledger_caller *caller,
                                                     const struct ledger_new_account *asked,
                                                     struct ledger_account *ret, bool *ret_existed);
/// NOT_FOUND / ACCOUNT_NOT_FOUND, PERMISSION_DENIED.
MUST_USE struct status ledger_service_get_account(struct store_txn *txn,
                                                  const struct ledger_caller *caller,
                                                  struct id128 account_id,
                                                  struct ledger_account *ret);

/// A change of settings: only what has_* names.
struct ledger_account_change {
    struct id128 account_id;
    uint64_t if_match; // UINT64_MAX: whatever version.
    bool has_name, has_external_ref, has_metadata;
    bool has_credit_limit, has_min_balance, has_max_balance, has_no_negative;
    const struct ledger_details *details; // name, external_ref, metadata as asked for.
    u128 credit_limit;
    bool min_is_set, max_is_set; // false: none.
    i128 min_balance, max_balance;
    bool no_negative;
};

/// All of these change on a unit, flush it themselves, and give the account and its details as they
/// are afterwards. ABORTED / VERSION_MISMATCH, ACCOUNT_NOT_FOUND, PERMISSION_DENIED,
/// ACCOUNT_CLOSED, EXTERNAL_REF_EXISTS, EXTERNAL_REF_INVALID, INVALID_ARGUMENT / LIMITS_CONTRADICT.
/// A change that changes nothing keeps the version (*ret_changed false: no event, no flush).
MUST_USE struct status ledger_service_update_account(struct ledger_unit *unit,
                                                     const struct ledger_caller *caller,
                                                     const struct ledger_account_change *change,
                                                     struct ledger_account *ret,
                                                     struct ledger_details *ret_details,
                                                     bool *ret_changed);

struct ledger_freeze_change {
    struct id128 account_id;
    bool side[LEDGER_SIDES];
    bool frozen; // false: lift.
    uint64_t
        until_ns; // In the future (else INVALID_ARGUMENT / VALIDATION_FAILED by convert); 0: none.
    const char *reason;
};
MUST_USE struct status
ledger_service_freeze_account(struct ledger_unit *unit, const struct ledger_caller *caller,
                              const struct ledger_freeze_change *change, struct ledger_account *ret,
                              struct ledger_details *ret_details, bool *ret_changed);
/// ledger_service_close_account: FAILED_PRECONDITION / ACCOUNT_HAS_PENDING, BALANCE_NOT_ZERO (no
/// sweep_to, or a negative balance), or what the sweeping movement is refused for (*ret_sweep says
/// so; its id may be burnt: then nothing but that was flushed). sweep: a POSTED movement whose
/// amount, currency and debit account are filled in here (on a debit-normal account the money flows
/// the other way); NULL: none. A closed account again: *ret_changed false. SYSTEM accounts need
/// may_open_system.
MUST_USE struct status
ledger_service_close_account(struct ledger_unit *unit, const struct ledger_caller *caller,
                             struct id128 account_id, struct ledger_movement *sweep,
                             struct ledger_outcome *ret_sweep, struct ledger_account *ret,
                             struct ledger_details *ret_details, bool *ret_changed);

// ---- Exchange -----------------------------------------------------------------------------------

/// ledger_service_quote: quote holds what was asked (id never nil, currencies, rate, one amount,
/// owner); the rest is filled in and stored. NOT_FOUND / CURRENCY_NOT_FOUND, INVALID_ARGUMENT /
/// CURRENCIES_MUST_DIFFER, FAILED_PRECONDITION / FX_AMOUNT_OUT_OF_RANGE, ALREADY_EXISTS /
/// FX_QUOTE_EXISTS (the same again is *ret_existed).
MUST_USE struct status ledger_service_quote(struct ledger_unit *unit, struct ledger_quote *quote,
                                            uint32_t expires_in_seconds, bool *ret_existed);
/// NOT_FOUND / FX_QUOTE_NOT_FOUND (also for a customer whose quote it is not).
MUST_USE struct status ledger_service_get_quote(struct store_txn *txn,
                                                const struct ledger_caller *caller, struct id128 id,
                                                struct ledger_quote *ret);
/// ledger_service_exchange executes a quote on a unit: both movements or none. FX_QUOTE_NOT_FOUND,
/// FX_QUOTE_EXPIRED, FX_QUOTE_ALREADY_EXECUTED (with other accounts; with the same ones it is the
/// same execution again, *ret_existed), or what a movement is refused for (ret[leg].is_refused; ids
/// are never burnt: the quote may be executed once the reason is gone; the unit has been reset). On
/// success the caller flushes the unit, unless *ret_existed.
MUST_USE struct status
ledger_service_exchange(struct ledger_unit *unit, const struct ledger_caller *caller,
                        struct id128 quote_id, const struct id128 account_id[LEDGER_SIDES],
                        struct bytes description, struct ledger_quote *ret_quote,
                        struct ledger_outcome ret[static LEDGER_SIDES], bool *ret_existed);

// ---- Reading ------------------------------------------------------------------------------------

/// Which transfers are asked for: created in [from, to), 0: open; of an account's history, on a
/// side.
struct ledger_history_query {
    uint64_t from_ns, to_ns;
    bool has_side;
    enum ledger_side side;
    uint16_t code;          // 0: any.
    uint64_t before_number; // Continue below it; 0: from the newest.
    size_t size;
};

/// A page of transfers, newest first. Texts point into the snapshot.
struct ledger_page {
    struct ledger_transfer *transfers; // `size` of them, in the arena.
    size_t count;
    uint64_t next_before; // The next page's before_number; 0: that was all.
};

/// LEDGER_LOOKED_AT_MAX transfers at most are looked at for one page: then it is handed out as it
/// is, with next_before set.
enum { LEDGER_LOOKED_AT_MAX = 10000, LEDGER_MERGED_ACCOUNTS_MAX = 256 };

MUST_USE struct status ledger_service_history(struct store_txn *txn, struct arena *arena,
                                              const struct ledger_account *account,
                                              const struct ledger_history_query *query,
                                              struct ledger_page *ret);
/// All transfers (owner NULL), or those that touch an account of one owner (INVALID_ARGUMENT /
/// TOO_MANY_ACCOUNTS beyond LEDGER_MERGED_ACCOUNTS_MAX accounts).
MUST_USE struct status ledger_service_list_transfers(struct store_txn *txn, struct arena *arena,
                                                     const struct id128 *owner_id,
                                                     const struct ledger_history_query *query,
                                                     struct ledger_page *ret);
/// The members of a group, newest first; a customer sees those that touch own accounts.
MUST_USE struct status ledger_service_list_group(struct store_txn *txn, struct arena *arena,
                                                 const struct ledger_caller *caller,
                                                 struct id128 group_id,
                                                 const struct ledger_history_query *query,
                                                 struct ledger_page *ret);
/// ledger_service_account_at fills the account's totals, settings and version as they were at a
/// time; head.entry_count is how many entries it had. UNAVAILABLE / NOT_SETTLED when at_ns is not
/// final yet (retry at once), INVALID_ARGUMENT / VALIDATION_FAILED is convert's for the future.
/// Before the account existed: NOT_FOUND / ACCOUNT_NOT_FOUND. now_ns: ledger_store_settled.
MUST_USE struct status ledger_service_account_at(const struct ledger_service *service,
                                                 struct store_txn *txn, uint64_t at_ns,
                                                 uint64_t now_ns, struct ledger_account *account);

// ---- Currencies and limits ----------------------------------------------------------------------

/// NOT_FOUND / CURRENCY_NOT_FOUND.
MUST_USE struct status ledger_service_get_currency(struct store_txn *txn, const char *code,
                                                   struct ledger_currency *ret);
/// ledger_service_next_currency gives the currency after a code, built-in and custom ones merged;
/// NOT_FOUND at the end.
MUST_USE struct status ledger_service_next_currency(struct store_txn *txn, const char *after_code,
                                                    struct ledger_currency *ret);
/// ALREADY_EXISTS / CURRENCY_EXISTS.
MUST_USE struct status ledger_service_create_currency(struct store_txn *txn,
                                                      const struct ledger_currency *currency);

/// ledger_service_set_tier makes a kyc tier the owner's. *ret_changed is false for a version that
/// is not newer than the one applied: told again, or too late. *ret: the profile afterwards.
MUST_USE struct status ledger_service_set_tier(const struct ledger_service *service,
                                               struct store_txn *txn, struct id128 owner_id,
                                               const char *tier, uint64_t version,
                                               struct ledger_profile *ret, bool *ret_changed);
/// The profile as it is; version 1 and no tier when none is stored.
MUST_USE struct status ledger_service_get_profile(struct store_txn *txn, struct id128 owner_id,
                                                  struct ledger_profile *ret);
/// ledger_service_update_profile replaces flags, reason and own limits. ABORTED / VERSION_MISMATCH,
/// NOT_FOUND / CURRENCY_NOT_FOUND.
MUST_USE struct status ledger_service_update_profile(const struct ledger_service *service,
                                                     struct store_txn *txn,
                                                     const struct ledger_profile *asked,
                                                     uint64_t if_match, struct ledger_profile *ret);
/// ledger_service_allowances gives the limits in force in each currency in which the owner has an
/// account or an own limit (counters filled; at most `room`).
MUST_USE struct status ledger_service_allowances(const struct ledger_service *service,
                                                 struct store_txn *txn,
                                                 const struct ledger_profile *profile,
                                                 struct ledger_allowance *ret, size_t room,
                                                 size_t *ret_count);
/// ledger_service_load_allowance is one of them; also used by unit.c.
MUST_USE struct status ledger_service_load_allowance(const struct ledger_service *service,
                                                     struct store_txn *txn, struct id128 owner_id,
                                                     const char *currency, uint8_t exponent,
                                                     uint64_t now_ns, struct ledger_allowance *ret);
