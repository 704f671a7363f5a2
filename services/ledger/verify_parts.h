/// @file services/ledger/verify_parts.h
/// The parts of ledger_verify, each of which works on one snapshot. Internal to verify*.c.
/// Threads    One.
#pragma once

#include "services/ledger/verify_books.h"

/// Where a walk over a table goes on.
struct verify_position {
    uint8_t key[STORE_KEY_BYTES_MAX];
    size_t key_size; // 0: at the first row.
};

/// verify_read_log reads what the log has grown by, at most rows_per_snapshot transfers;
/// true when its end was reached: then the books are as of this snapshot.
bool verify_read_log(struct verifier *verifier, struct store_txn *txn);

/// verify_follow takes a transfer into what is known of holds and reversals, and gives what it
/// takes out of pending.
u128 verify_follow(struct verifier *verifier, struct store_txn *txn,
                   const struct ledger_transfer *transfer);
void verify_progress_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                         struct bytes value);
void verify_expiry_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                       struct bytes value);
/// What walks over stored rows cannot see: what should be stored and is not.
void verify_subjects(struct verifier *verifier, struct store_txn *txn);

void verify_account_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                        struct bytes value);
void verify_number_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                       struct bytes value);
void verify_owner_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value);
void verify_details_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                        struct bytes value);
void verify_ref_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                    struct bytes value);
void verify_version_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                        struct bytes value);

void verify_burnt_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value);
void verify_payee_row(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value);

/// verify_walk goes on over one table, by its place in the list of walks; true when its end was
/// reached.
enum { VERIFY_WALKS = 15 };

bool verify_walk(struct verifier *verifier, struct store_txn *txn, size_t walk,
                 struct verify_position *position);
/// verify_rest compares what is read as a whole: sums, running totals, the state.
MUST_USE struct status verify_rest(struct verifier *verifier, struct store_txn *txn);
