/// @file services/ledger/rpc_handlers.h
/// The handlers behind ledger_handlers, by file, and what they share.
/// Order      A WRITE handler converts the request, decides on a unit, converts the reply, and only
///            then flushes and tells of it: what can fail for want of memory comes before the first
///            write, and texts that point into the store are copied while they are there.
#pragma once

#include "services/ledger/events.h"

// rpc_account.c
struct status ledger_rpc_create_account(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_list_accounts(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_account(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_update_account(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_freeze_account(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_unfreeze_account(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_close_account(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_balance(struct rpc_call *call, struct store_txn *txn);

// rpc_transfer.c
struct status ledger_rpc_deposit(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_withdraw(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_create_transfer(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_post_transfer(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_void_transfer(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_reverse_transfer(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_batch_create_transfers(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_transfer(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_list_transfers(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_list_account_transfers(struct rpc_call *call, struct store_txn *txn);

// rpc_report.c
struct status ledger_rpc_get_statement(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_statement_csv(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_statement_camt053(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_trial_balance(struct rpc_call *call, struct store_txn *txn);

// rpc_limits.c
struct status ledger_rpc_get_limits(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_update_limits(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_create_fx_quote(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_get_fx_quote(struct rpc_call *call, struct store_txn *txn);
struct status ledger_rpc_execute_fx_quote(struct rpc_call *call, struct store_txn *txn);

/// A page's position where that is one number: 0 in an empty token.
const char *ledger_rpc_make_token(struct rpc_call *call, struct bytes filter, uint64_t number);
MUST_USE struct status ledger_rpc_open_token(struct rpc_call *call, const char *token,
                                             struct bytes filter, uint64_t *ret_number);

/// ledger_rpc_settled gives the time up to which a snapshot is final, for an answer about the past:
/// UNAVAILABLE / NOT_SETTLED when at_ns (0: no matter) is later, with a hint when to ask again.
MUST_USE struct status ledger_rpc_settled(struct rpc_call *call, struct store_txn *txn,
                                          uint64_t at_ns, uint64_t *ret_settled_ns);

/// ledger_rpc_refuse answers a refused movement: its details; and, when the refusal depends on
/// state, its event and the commit of what was burnt. The unit has been flushed by then.
MUST_USE struct status ledger_rpc_refuse(struct rpc_call *call, struct store_txn *txn,
                                         const struct ledger_caller *caller, struct status status,
                                         const struct ledger_outcome *outcome);
