/// @file services/ledger/statement.h
/// An account's statement: the booked entries of [from, to), opening and closing balance.
/// Invariant  opening + credits - debits = closing (on a credit-normal account; mirrored else) =
///            balance at to - 1 ns. The next statement's from is this one's to.
/// Entries    What changed the posted balance: POSTED, POST, REVERSAL; oldest first. Holds and what
///            releases them are not booked.
/// Formats    JSON by convert; CSV (RFC 4180) and ISO 20022 camt.053.001.08 here, of the same
///            struct, so that they cannot disagree.
/// Ownership  All in the arena; descriptions point into the snapshot. A full statement and one
///            format of it take at most LEDGER_STATEMENT_ARENA_BYTES.
/// Threads    Any.
/// Errors     INVALID_ARGUMENT / PERIOD_INVALID (from >= to, or from in the future) or
///            PAGE_TOKEN_INVALID (start_index outside the period);
///            FAILED_PRECONDITION / STATEMENT_TOO_LONG beyond the limits below in a format that
///            holds all, STATEMENT_NOT_REPRESENTABLE in camt.053;
///            DATA_LOSS / HISTORY_MISMATCH when the entries do not add up to the balances.
#pragma once

#include "services/ledger/search.h"

enum {
    LEDGER_STATEMENT_ENTRIES_MAX = 10000,
    /// Entries of any kind, booked or not, that are looked at for a whole statement, and for a
    /// page, which then is handed out as it is, with next_index set.
    LEDGER_STATEMENT_LOOKED_AT_MAX = 50000,
    LEDGER_STATEMENT_PAGE_LOOKED_AT_MAX = 10000,
    LEDGER_STATEMENT_BYTES_MAX = 7800 << 10, // Of CSV and XML: a reply must fit an RPC message.
    LEDGER_STATEMENT_ARENA_BYTES = 12 << 20,
};

struct ledger_statement_entry {
    struct id128 transfer_id, counterparty_account_id;
    enum ledger_side side; // On which this account stands.
    enum ledger_transfer_kind kind;
    uint16_t code;
    u128 amount;
    i128 balance_after;                     // Posted, on the account's normal side.
    uint64_t booked_at_ns, effective_at_ns; // effective_at: value date, never 0.
    struct bytes description;               // Size 0: none.
    uint64_t number;                        // The transfer's.
    uint64_t index;                         // The account's entry's.
};

struct ledger_statement {
    const struct ledger_account *account;
    const struct ledger_details *details;
    uint64_t from_ns, to_ns, made_at_ns;
    i128 opening_balance, closing_balance;
    u128 total_debits, total_credits;   // Of the whole period.
    uint64_t debit_count, credit_count; // Of the entries here; the whole period in CSV and XML.
    struct ledger_statement_entry *entries;
    size_t entry_count;
    uint64_t next_index; // Of the account's entry at which the next page begins; 0: that was all.
};

/// What is asked for. from 0: since the account was opened; to 0 or beyond settled_ns: up to and
/// including settled_ns (the statement then says so: its to_ns is settled_ns + 1). start_index 0:
/// the first page; else the next_index of a page of the same from and to. size: entries a page; 0:
/// all, at most LEDGER_STATEMENT_ENTRIES_MAX.
struct ledger_statement_query {
    uint64_t from_ns, to_ns, settled_ns;
    uint64_t start_index;
    size_t size;
};

/// ledger_statement_make finds balances and totals in O(log n), whatever the period's length, then
/// reads the entries. made_at_ns is the wall clock's.
MUST_USE struct status ledger_statement_make(struct store_txn *txn,
                                             const struct ledger_account *account,
                                             const struct ledger_details *details,
                                             const struct ledger_statement_query *query,
                                             struct arena *arena, struct ledger_statement *ret);

/// ledger_statement_csv writes a header line and one line an entry, CRLF, amounts as decimal
/// numbers in major units with the currency's exponent. First line of data: OPENING_BALANCE at
/// from, last: CLOSING_BALANCE at to. A description that a spreadsheet would take for a formula
/// gets an apostrophe before it, and so does one that begins with an apostrophe: taking one away
/// gives the description back. The statement must be whole (CHECK).
MUST_USE struct status ledger_statement_csv(const struct ledger_statement *statement,
                                            struct arena *arena, struct bytes *ret);

/// ledger_statement_camt053 writes a BkToCstmrStmt with one Stmt (ISO 20022 camt.053.001.08). Ids
/// are 32 hex digits: 36 characters do not fit Max35Text. Days are UTC's. What XML 1.0 cannot carry
/// becomes U+FFFD, one for each character. STATEMENT_NOT_REPRESENTABLE: a currency of more than
/// five decimals or a code that is not three letters, or a balance or total of more than 18 digits
/// (CSV has no such limits). The statement must be whole (CHECK).
MUST_USE struct status ledger_statement_camt053(const struct ledger_statement *statement,
                                                struct arena *arena, struct bytes *ret);
