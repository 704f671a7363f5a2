/// @file tests/unit/ledger/damage.h
/// Books in which everything that the ledger can do has been done once, damages to them, and the
/// findings that must name them.
/// Failures   Fail the test.
#pragma once

#include "tests/unit/ledger/books.h"
#include "tests/unit/ledger/fixture.h"

// What happened, by the byte that ids are made of.
enum {
    ASHAS_USD = ASHAS_OTHER,
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
};

#define ASHAS_REFERENCE "ASHA-MAIN"

/// setup_books is setup_people, and all of that. Time stands still but for 61 s before TRIGGER.
int setup_books(void **state);
/// The transfer with this id, and its number.
struct ledger_transfer get_transfer(struct store_txn *txn, uint8_t id);
uint64_t number_of(struct store_txn *txn, uint8_t id);

/// One damage to the books, and the finding that must name it.
struct damage {
    const char *name;
    void (*make)(struct store_txn *txn);
    const char *finding;
};

/// damage_books damages new books for each row, and fails unless the finding is among those that
/// the verification has; before the damage it must have none.
void damage_books(const struct damage *damages, size_t count);
