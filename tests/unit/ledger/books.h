/// @file tests/unit/ledger/books.h
/// Books written past the rules of the service: accounts and postings as they are told, rows as
/// they are.
/// Units      Amounts: minor units of the accounts' currency. *_ns: ledger time, or wall time.
/// Names      Accounts are named by one byte: id_of(<name>).
/// Threads    The writer's, but for books_change and the keys.
/// Failures   A status where there is something to refuse; else CHECK.
#pragma once

#include "services/ledger/store.h"

/// books_add_account takes an account in, and gives it number and time.
void books_add_account(struct store_txn *txn, struct ledger_account *account);

struct books_posting {
    enum ledger_transfer_kind kind;
    uint8_t debit, credit;
    u128 amount;
    u128 released;    // POST, VOID, EXPIRY: what it takes out of pending.
    uint64_t subject; // Number of the transfer it follows; 0: none.
    uint16_t code;
    const char *description;  // Static; NULL: none.
    uint64_t effective_at_ns; // 0: when it was created.
    uint64_t wall_ns;         // What the clock says then; 0: it is asked.
};

/// books_change is what a posting adds to both accounts, each on its side, modulo 2^128.
void books_change(const struct books_posting *posting, u128 *ret_pending, u128 *ret_posted);
/// books_prepare works a posting out on both accounts as they are read, and on the state, whose
/// last time becomes the transfer's; books_post gives it the next time, and writes all of it.
struct status books_prepare(struct store_txn *txn, const struct books_posting *posting,
                            struct ledger_state *state,
                            struct ledger_account account[static LEDGER_SIDES],
                            struct ledger_transfer *ret);
struct status books_post(struct store_txn *txn, const struct books_posting *posting,
                         struct ledger_transfer *ret);
struct id128 books_transfer_id(uint64_t number); // Of what books_prepare makes.

// ---- Rows ---------------------------------------------------------------------------------------

struct bytes raw_number_key(uint64_t number); // One at a time.
void raw_put_transfer(struct store_txn *txn, const struct ledger_transfer *transfer);
void raw_put_account(struct store_txn *txn, const struct ledger_account *account);
/// raw_break_first and raw_lose_first damage a table's first row.
void raw_break_first(struct store_txn *txn, uint8_t table);
void raw_lose_first(struct store_txn *txn, uint8_t table);
