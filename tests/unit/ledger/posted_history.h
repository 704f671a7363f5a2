/// @file tests/unit/ledger/posted_history.h
/// A ledger with a long history that was posted past the rules, and what was posted: so that
/// whatever finds its way through the log can be compared with a naive walk.
/// Names      Accounts are named 1, 2, 3 … in the order in which they were added.
/// Failures   Fail the test.
#pragma once

#include "tests/unit/ledger/books.h"
#include "tests/unit/ledger/fixture.h"

enum {
    HISTORY_ACCOUNTS_MAX = 12,
    HISTORY_POSTINGS_MAX = 1 << 16,
    HISTORY_HOLDS_MAX = 512,
    HISTORY_JOB_POSTINGS = 250, // Of a random history, in one commit.
};

struct posted {
    struct books_posting posting;
    struct ledger_transfer transfer; // As it was made; not read back.
};

/// One account's part in it.
struct posted_entry {
    const struct posted *posted;
    enum ledger_side side;
};

struct history {
    struct fixture fixture;
    uint64_t (*next_time)(uint64_t last_ns); // Of a random posting; NULL: some ns after the last.
    struct ledger_account accounts[HISTORY_ACCOUNTS_MAX + 1]; // As they were added.
    uint8_t account_count;
    struct posted *posted; // Of number i + 1.
    size_t count;
    struct posted_entry *entries[HISTORY_ACCOUNTS_MAX + 1]; // Of index i + 1.
    size_t entry_count[HISTORY_ACCOUNTS_MAX + 1];

    struct {
        uint64_t number;
        u128 remaining;
    } holds[HISTORY_HOLDS_MAX]; // Open ones, of the random postings.

    size_t hold_count;
};

int history_setup(void **state);
int history_teardown(void **state);
/// history_add_account adds a customer's account under the next name.
void history_add_account(struct history *history, enum ledger_class class, const char *currency);
/// history_post posts in a job that will be committed.
struct status history_post(struct history *history, struct store_txn *txn,
                           const struct books_posting *posting);
/// history_repeat posts the same very often, in one commit.
void history_repeat(struct history *history, const struct books_posting *posting, size_t count);
/// history_random posts movements of all kinds between the accounts that there are by then.
void history_random(struct history *history, size_t count);
uint64_t history_last_ns(const struct history *history); // When the last posting was made.
