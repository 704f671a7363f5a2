// A ledger on a real store in a temporary directory, and the people and accounts of a test.
#pragma once

#include "services/ledger/service.h"
#include "services/ledger/verify.h"
#include "tests/unit/support/unit.h"

enum { PATH_BYTES = 256 };

struct fixture {
    char directory[PATH_BYTES];
    char path[PATH_BYTES]; // The store, below it.
    struct store *store;
    struct ledger_service service;
};

/// Test time begins here and stands still but for clock_test_advance.
#define TEST_BEGIN_NS UINT64_C(1795219200000000000) // 2026-11-21T00:00:00Z

int setup(void **state);
int teardown(void **state);
void open_fixture(struct fixture *fixture);
void close_fixture(struct fixture *fixture);

/// The caller that may do everything, and customers who may do their own.
extern const struct ledger_caller teller;
struct ledger_caller customer(uint8_t owner);

/// Accounts and owners are named by one byte each.
void make_account(struct fixture *fixture, uint8_t owner, uint8_t account, const char *currency);
void set_tier(struct fixture *fixture, uint8_t owner, const char *tier, uint64_t version);
/// An owner with tier T3 and one INR account.
void make_customer(struct fixture *fixture, uint8_t owner, uint8_t account);

struct ledger_movement transfer_of(struct id128 id, uint8_t debit, uint8_t credit, u128 amount);
struct ledger_movement deposit_of(struct id128 id, uint8_t account, u128 amount);
/// Runs one movement as a job of its own; what it left in the store is durable then. The status is
/// what the caller would be answered.
struct status transfer(struct fixture *fixture, struct ledger_caller caller,
                       struct ledger_movement movement, struct ledger_outcome *ret);
struct status deposit(struct fixture *fixture, struct ledger_movement movement,
                      struct ledger_outcome *ret);
void must_deposit(struct fixture *fixture, uint8_t account, u128 amount);
void must_transfer(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount);

struct ledger_account read_account(struct fixture *fixture, struct id128 id);
i128 balance_of(struct fixture *fixture, uint8_t account);
/// run_job runs a function as a job and expects its status to be OK.
void run_job(struct fixture *fixture, struct status (*run)(struct store_txn *txn, void *context),
             void *context);

/// All rows of all ledger tables as bytes. Freed by the caller.
struct dump {
    uint8_t *data;
    size_t size, room;
};

struct dump dump_store(struct fixture *fixture);
void assert_clean(struct fixture *fixture); // ledger_verify finds nothing.
uint64_t random_below(uint64_t bound);      // From a printed seed; FLORIN_TEST_SEED sets it.
