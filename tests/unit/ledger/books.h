// Books on a bare ledger store: what the tests of store, search and totals need, without the rules
// of the service. Whatever is posted is done as told.
#pragma once

#include "services/ledger/search.h"
#include "services/ledger/store.h"
#include "services/ledger/totals.h"
#include "tests/unit/support/unit.h"

enum { BOOKS_PATH_BYTES = 256 };

struct books {
    char directory[BOOKS_PATH_BYTES];
    char path[BOOKS_PATH_BYTES]; // The store, below it.
    struct store *store;
    struct ledger_store *ledger;
};

/// Test time begins here and stands still but for clock_test_advance.
#define BOOKS_BEGIN_NS UINT64_C(1795219200000000000) // 2026-11-21T00:00:00Z

int books_setup(void **state);
int books_teardown(void **state);
struct status books_open(struct books *books);
void books_close(struct books *books);

/// books_job runs a function as a job and expects its status to be OK.
void books_job(struct books *books, struct status (*run)(struct store_txn *txn, void *context),
               void *context);
struct store_txn *books_read(struct books *books); // Ended by store_snapshot_end.

/// Accounts and transfers are named by numbers.
struct id128 books_account_id(uint64_t n);
struct id128 books_transfer_id(uint64_t n);

/// books_account fills a new account: a customer's LIABILITY account in INR unless changed
/// afterwards; books_add_account takes it in and gives it number and time.
struct ledger_account books_account(uint64_t n);
void books_add_account(struct store_txn *txn, struct ledger_account *account);
struct ledger_account books_get_account(struct books *books, uint64_t n);

/// A movement: kind, accounts and amount; of POST what it takes out of pending.
struct books_posting {
    enum ledger_transfer_kind kind;
    uint64_t debit, credit;
    u128 amount, released;
    uint64_t subject; // Number of the transfer it follows.
    uint64_t wall_ns; // 0: the clock.
};

/// books_prepare works a movement out on both accounts as they are read, and the transfer;
/// books_post also writes all of it.
struct status books_prepare(struct store_txn *txn, const struct books_posting *posting,
                            struct ledger_state *state,
                            struct ledger_account account[static LEDGER_SIDES],
                            struct ledger_transfer *ret);
struct status books_post(struct store_txn *txn, const struct books_posting *posting,
                         struct ledger_transfer *ret);

uint64_t books_random(uint64_t bound); // From a printed seed; FLORIN_TEST_SEED sets it.
