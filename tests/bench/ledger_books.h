/// @file tests/bench/ledger_books.h
/// A ledger with customers to move money between, made by the service itself: what the ledger's
/// benchmarks start from.
/// Failures   CHECKed.
#pragma once

#include "services/ledger/service.h"

enum { BOOKS_ACCOUNTS = 10000 };

extern const struct ledger_caller books_bank; // Staff: may move anything.

/// books_account_id is the id of account 0 … BOOKS_ACCOUNTS - 1, spread as random ids are.
struct id128 books_account_id(uint64_t index);
/// books_make_in makes a store with such books in a directory and closes it again, for a daemon to
/// start on.
void books_make_in(const char *directory);
/// books_commit_us is the median of one commit as the daemon makes it, alone and without a daemon
/// around it: a transfer by the service and its event, on a store of its own below root.
double books_commit_us(const char *root);
/// books_make opens an INR account for each of BOOKS_ACCOUNTS customers of tier T3 and pays in.
void books_make(struct ledger_service *service);

/// books_pick is a random number below a bound; the same numbers in each run.
uint64_t books_pick(uint64_t *random, uint64_t bound);
/// books_transfer is a transfer of 1 between two different accounts, with a new id; the debit
/// account is always the first one when is_hot.
struct ledger_movement books_transfer(uint64_t *random, bool is_hot);
