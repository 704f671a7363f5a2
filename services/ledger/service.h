/// @file services/ledger/service.h
/// Use cases: one function is what one call reads, decides by core, and writes.
/// Rule       Refuse-before-change: a function that refuses has written nothing, with one
/// exception:
///            a refusal that depends on state burns the id the client chose. Then is_burnt is true,
///            and the caller must let the transaction commit although it answers the refusal.
/// Values     Arguments come from convert.c: lengths, patterns and texts are valid.
/// Threads    Writing functions: the store's writer thread. Reading: any, with a snapshot.
#pragma once

#include "services/ledger/store.h"

/// The service's memory: read-only while serving.
struct ledger_service {
    struct store *store;
    struct ledger_store *ledger;
    struct ledger_tier tiers[LEDGER_TIER_COUNT];
};

/// ledger_service_open uses the default tiers; change service->tiers before serving.
MUST_USE struct status ledger_service_open(struct store *store, struct ledger_service *ret);
void ledger_service_close(struct ledger_service *service); // After the store; idempotent.

/// Whose money a caller may move and see.
struct ledger_caller {
    bool is_any; // Tellers and services.
    struct id128 user_id;
};

/// PERMISSION_DENIED unless the caller may act for the owner.
MUST_USE struct status ledger_caller_may_touch(const struct ledger_caller *caller,
                                               struct id128 owner_id);

// ---- Accounts -----------------------------------------------------------------------------------

struct ledger_new_account {
    struct id128 id;       // Never nil.
    struct id128 owner_id; // Never nil.
    char currency[LEDGER_CURRENCY_BYTES];
    struct ledger_details details;
};

/// ledger_service_create_account: the same again is the existing account with *ret_existed.
/// ALREADY_EXISTS / ACCOUNT_EXISTS, NOT_FOUND / CURRENCY_NOT_FOUND, PERMISSION_DENIED,
/// INVALID_ARGUMENT / ACCOUNT_ID_RESERVED.
MUST_USE struct status ledger_service_create_account(struct store_txn *txn,
                                                     const struct ledger_caller *caller,
                                                     const struct ledger_new_account *asked,
                                                     struct ledger_account *ret, bool *ret_existed);
/// NOT_FOUND / ACCOUNT_NOT_FOUND, PERMISSION_DENIED.
MUST_USE struct status ledger_service_get_account(struct store_txn *txn,
                                                  const struct ledger_caller *caller,
                                                  struct id128 account_id,
                                                  struct ledger_account *ret);

// ---- Movements ----------------------------------------------------------------------------------

struct ledger_outcome {
    bool is_created, existed, is_refused; // At most one; none when the store itself failed.
    bool is_burnt;
    struct ledger_refusal refusal;
    struct ledger_reason_row original; // Of ID_ALREADY_FAILED: the reason that burnt the id.
    struct ledger_transfer transfer;   // Also when refused: as asked for.
    struct ledger_account account[LEDGER_SIDES]; // After a created transfer; when refused, as far
    bool has_account[LEDGER_SIDES];              // as they are known.
    const char *tier[LEDGER_SIDES];              // Of the owner; NULL for SYSTEM. Static.
};

/// A movement as it is asked for. id nil: the client gave none, a new one is made and no refusal
/// burns it (a retry by Idempotency-Key then asks anew).
struct ledger_movement {
    struct id128 id;
    struct id128 account_id[LEDGER_SIDES]; // Cash: only the CREDIT one.
    u128 amount;
    char currency[LEDGER_CURRENCY_BYTES]; // Cash: the account's.
    uint16_t code;
    char description[LEDGER_DESCRIPTION_BYTES];
};

/// ledger_service_create_transfer moves money between two accounts; the reasons of core.h.
MUST_USE struct status ledger_service_create_transfer(const struct ledger_service *service,
                                                      struct store_txn *txn,
                                                      const struct ledger_caller *caller,
                                                      const struct ledger_movement *movement,
                                                      struct ledger_outcome *ret);
/// ledger_service_deposit pays cash in: a transfer from the currency's cash account, which is made
/// on first use.
MUST_USE struct status ledger_service_deposit(const struct ledger_service *service,
                                              struct store_txn *txn,
                                              const struct ledger_caller *caller,
                                              const struct ledger_movement *movement,
                                              struct ledger_outcome *ret);
/// NOT_FOUND / TRANSFER_NOT_FOUND; PERMISSION_DENIED for a customer who owns neither account.
MUST_USE struct status ledger_service_get_transfer(struct store_txn *txn,
                                                   const struct ledger_caller *caller,
                                                   struct id128 transfer_id,
                                                   struct ledger_transfer *ret);

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

/// ledger_service_set_tier makes a kyc tier the owner's limit profile. *ret_changed is false for a
/// version that is not newer than the one applied: told again, or too late.
MUST_USE struct status ledger_service_set_tier(struct store_txn *txn, struct id128 owner_id,
                                               const char *tier, uint64_t version,
                                               bool *ret_changed);
