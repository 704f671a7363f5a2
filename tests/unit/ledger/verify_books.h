// Books in which everything that the ledger can do has been done once, for the tests of verify.
#pragma once

#include "tests/unit/ledger/fixture.h"

// People, their accounts, and what happened, by the byte that ids are made of.
enum {
    ASHA = 0x1a,
    RAVI = 0x2a,
    ASHAS = 0x11,
    RAVIS = 0x21,
    ASHAS_USD = 0x12,
    PLAIN_FIRST = 0x60, // Eleven plain transfers, from here on.
    REVERSED_IN_PART = PLAIN_FIRST + 4,
    REVERSED = PLAIN_FIRST + 5,
    PLAIN_COUNT = 11,
    OPEN_HOLD = 0x80, // Captured in part.
    OPEN_CAPTURE,
    TIMED_HOLD, // Open, with a timeout.
    VOIDED_HOLD,
    VOIDING,
    POSTED_HOLD, // Captured in part, and the rest released.
    POSTING,
    EXPIRED_HOLD, // Captured in part before it expired.
    EARLY_CAPTURE,
    TRIGGER, // The transfer after whose time it had expired.
    PART_REVERSAL,
    WHOLE_REVERSAL,
    LAST_REVERSAL, // The rest of a transfer that was reversed in part before.
    GROUP = 0xa0,
    GROUP_FIRST, // Three of them.
    QUOTE = 0xb0,
    OPEN_QUOTE,
    FUNDING,
};

#define BOOKS_REFERENCE "ASHA-MAIN"

/// setup_books is setup, and all of that. Time stands still but for 61 s before TRIGGER.
int setup_books(void **state);
/// books_number is the number of the transfer with this id.
uint64_t books_number(struct store_txn *txn, uint8_t id);
struct ledger_transfer books_transfer(struct store_txn *txn, uint8_t id);
/// books_move runs movements as one unit, each of which must be made.
void books_move(struct fixture *fixture, const struct ledger_movement *movements, size_t count);

/// One damage to the books, and the finding that must name it.
struct damage {
    const char *name;
    void (*make)(struct store_txn *txn);
    const char *finding;
};

/// books_expect_found damages new books for each row, and fails unless the finding is among those
/// that the verification has; before the damage it must have none.
void books_expect_found(const struct damage *damages, size_t count);

// Rows as they are, past every rule that would refuse them.
struct bytes raw_number_key(uint64_t number); // Of one number at a time.
void raw_put_transfer(struct store_txn *txn, const struct ledger_transfer *transfer);
void raw_put_account(struct store_txn *txn, const struct ledger_account *account);
/// raw_break_first and raw_lose_first damage a table's first row.
void raw_break_first(struct store_txn *txn, uint8_t table);
void raw_lose_first(struct store_txn *txn, uint8_t table);
