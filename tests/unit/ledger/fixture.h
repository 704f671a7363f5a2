// A ledger on a real store in a temporary directory, and the people and accounts of a test.
#pragma once

#include "services/ledger/unit.h"
#include "services/ledger/verify.h"
#include "tests/unit/support/unit.h"

enum { PATH_BYTES = 256 };

struct fixture {
    char directory[PATH_BYTES];
    char path[PATH_BYTES]; // The store, below it.
    uint64_t map_bytes;    // How large the store may get; 1 GiB unless changed before an open.
    struct store *store;
    struct ledger_service service;
    struct arena *arena; // Of the last job: what it left in memory lives until the next one.
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

/// set_account changes an account's record as the test likes, and its details where it is frozen.
void set_account(struct fixture *fixture, uint8_t account,
                 void (*set)(struct ledger_account *account));

/// Movements as a client asks for them, in INR. An id of ID128_NIL: an Idempotency-Key stands for
/// it.
struct ledger_movement transfer_of(struct id128 id, uint8_t debit, uint8_t credit, u128 amount);
struct ledger_movement transfer_up_to(struct id128 id, uint8_t debit, uint8_t credit, u128 up_to);
struct ledger_movement deposit_of(struct id128 id, uint8_t account, u128 amount);
struct ledger_movement withdrawal_of(struct id128 id, uint8_t account, u128 amount);
struct ledger_movement hold_of(struct id128 id, uint8_t debit, uint8_t credit, u128 amount,
                               uint32_t timeout_seconds);
/// amount 0: all that is left.
struct ledger_movement capture_of(struct id128 id, struct id128 pending_id, u128 amount,
                                  bool is_final);
struct ledger_movement void_of(struct id128 id, struct id128 pending_id);
struct ledger_movement reversal_of(struct id128 id, struct id128 reverses_id, u128 amount);

/// wait_seconds moves the clock, and past the nanoseconds by which ledger time has run ahead of it
/// while it stood still.
void wait_seconds(uint64_t seconds);
/// move runs one movement as a job of its own; what it left in the store is durable then. The
/// status is what the caller would be answered.
struct status move(struct fixture *fixture, struct ledger_caller caller,
                   struct ledger_movement movement, struct ledger_outcome *ret);
void must_move(struct fixture *fixture, struct ledger_movement movement); // As teller.
/// move by its names of old: deposit is the teller's.
struct status transfer(struct fixture *fixture, struct ledger_caller caller,
                       struct ledger_movement movement, struct ledger_outcome *ret);
struct status deposit(struct fixture *fixture, struct ledger_movement movement,
                      struct ledger_outcome *ret);
/// batch runs ledger_service_batch as a job; results live until the next job.
struct status batch(struct fixture *fixture, struct ledger_caller caller,
                    struct ledger_batch *asked);
void must_deposit(struct fixture *fixture, uint8_t account, u128 amount);
void must_transfer(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount);

struct ledger_account read_account(struct fixture *fixture, struct id128 id);
i128 balance_of(struct fixture *fixture, uint8_t account);
/// assert_balance compares what is posted, and what is held out of an account and into it.
void assert_balance(struct fixture *fixture, uint8_t account, int64_t posted, int64_t pending_out,
                    int64_t pending_in);
/// A transfer and what became of it, by its id; fails the test when it is not there.
struct ledger_transfer read_transfer(struct fixture *fixture, struct id128 id,
                                     struct ledger_progress *ret_progress);
/// run_job runs a function as a job and expects its status to be OK.
void run_job(struct fixture *fixture, struct status (*run)(struct store_txn *txn, void *context),
             void *context);

/// All rows of all ledger tables as bytes. Freed by the caller.
struct dump {
    uint8_t *data;
    size_t size, room;
};

struct dump dump_store(struct fixture *fixture);
/// assert_same_store compares the store with a dump of it, and frees that.
void assert_same_store(struct fixture *fixture, struct dump *before);
/// assert_only_the_id_is_new: a refusal that burns an id leaves that and nothing else. Frees.
void assert_only_the_id_is_new(struct fixture *fixture, struct dump *before, struct id128 id,
                               const char *reason);
void assert_clean(struct fixture *fixture); // ledger_verify finds nothing.
uint64_t random_below(uint64_t bound);      // From a printed seed; FLORIN_TEST_SEED sets it.
