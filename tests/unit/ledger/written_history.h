/// @file tests/unit/ledger/written_history.h
/// A store with a history that was written by hand, without the rules of money, and what was
/// written: so that reading can be compared with it. Times, ends of months included, are the
/// test's.
#pragma once

#include "services/ledger/store.h"
#include "tests/unit/support/unit.h"

enum {
    WRITTEN_CUSTOMER, // LIABILITY
    WRITTEN_OTHER,    // LIABILITY
    WRITTEN_CASH,     // ASSET
    WRITTEN_ACCOUNTS,
    WRITTEN_DESCRIPTION_BYTES = 64,
};

#define WRITTEN_BEGIN_NS UINT64_C(1769558400000000000) // 2026-01-28T00:00:00Z
#define FEBRUARY_NS UINT64_C(1769904000000000000)
#define MARCH_NS UINT64_C(1772323200000000000)
#define APRIL_NS UINT64_C(1775001600000000000)

/// One account's part in a transfer, as it should be read.
struct written_entry {
    uint64_t number;
    struct id128 transfer_id, counterparty_id;
    enum ledger_side side;
    enum ledger_transfer_kind kind;
    uint16_t code;
    u128 amount;
    i128 balance_after; // Posted, on the normal side.
    uint64_t booked_at_ns, effective_at_ns;
    char description[WRITTEN_DESCRIPTION_BYTES];
};

struct written_history {
    char directory[DIRECTORY_PATH_BYTES];
    struct store *store;
    struct ledger_store *ledger;
    struct ledger_account accounts[WRITTEN_ACCOUNTS];
    struct ledger_details details;
    struct written_entry *entries[WRITTEN_ACCOUNTS]; // Of index i + 1.
    size_t entry_count[WRITTEN_ACCOUNTS], entry_room[WRITTEN_ACCOUNTS];
    struct ledger_transfer *holds; // Open ones.
    size_t hold_count, hold_room;
    uint64_t last_time_ns, transfer_count;
    struct store_txn *snapshot; // A test's; kept here, so that a test that fails leaves none open.
};

void written_open(struct written_history *ret);
void written_close(struct written_history *history);

/// One transfer between two accounts (`debit`, `credit` as above), at a time after the last one.
void written_transfer(struct written_history *history, enum ledger_transfer_kind kind, int debit,
                      int credit, u128 amount, uint64_t at_ns);
/// Many in one commit: all of one kind, POSTED or PENDING, 1 ns after each other, of amount 1.
void written_many(struct written_history *history, enum ledger_transfer_kind kind, size_t count);
/// Random ones of all kinds; some exactly at the end of a month, or 1 ns before.
void written_random(struct written_history *history, size_t count);

/// From a printed seed; FLORIN_TEST_SEED sets it.
uint64_t written_random_below(uint64_t bound);
