/// @file tests/bench/ledger_requests.h
/// Transfers between the accounts of ledger_books.h as messages for the real florin-ledger.
/// Ownership  A request points into itself: it stays where it was made.
#pragma once

#include "florin/ledger/v1/ledger.pb-c.h"
#include "tests/bench/ledger_books.h"

/// One transfer as a message, with all that it points to.
struct ledger_request {
    Ledger__CreateTransferRequest message;
    Type__Uint128 amount;
    struct ledger_movement movement;
};

/// ledger_request_make: a transfer of 1 between two random accounts, with a new id.
void ledger_request_make(uint64_t *random, struct ledger_request *ret);
