/// @file tests/unit/ledger/fixture.h
/// A ledger on a real store in a temporary directory: its people and accounts, movements as clients
/// ask for them, and looks at what they left.
/// Units      Amounts: minor units, of INR unless said otherwise.
/// Names      People, accounts and transfers are named by one byte: their ids are id_of(<name>).
/// Time       Stands still at TEST_BEGIN_NS but for wait_seconds and clock_test_*.
/// Threads    move may be called from many; all else from one.
/// Failures   Fail the test.
#pragma once

#include "services/ledger/unit.h"
#include "services/ledger/verify.h"
#include "tests/unit/ledger/random.h"
#include "tests/unit/support/unit.h"

#define TEST_BEGIN_NS UINT64_C(1795219200000000000) // 2026-11-21T00:00:00Z

struct fixture {
    char directory[DIRECTORY_PATH_BYTES];
    char path[DIRECTORY_PATH_BYTES + 8]; // The store, below it.
    uint64_t map_bytes;                  // How large the store may get; 1 GiB unless changed.
    const struct store_schema *beside;   // Another schema in the same store; NULL: none.
    struct store *store;
    struct ledger_service service;
    struct arena *arena; // Of the last job: what it left in memory lives until the next one.
};

int setup(void **state); // An empty ledger, open.
int teardown(void **state);
/// make_fixture makes all but the store: open it, and close it before remove_fixture.
void make_fixture(struct fixture *ret);
void remove_fixture(struct fixture *fixture);
void open_fixture(struct fixture *fixture);
struct status try_open_fixture(struct fixture *fixture);
void close_fixture(struct fixture *fixture); // Idempotent.
/// open_schema opens the store alone, with the ledger's tables as another version has them.
struct status open_schema(struct fixture *fixture, const struct store_schema *schema);

// ---- Jobs ---------------------------------------------------------------------------------------

/// run_job runs a function as a job and expects its status to be OK.
void run_job(struct fixture *fixture, struct status (*run)(struct store_txn *txn, void *context),
             void *context);
/// run_on_unit runs a use case as a job, and gives its answer. run flushes if the use case leaves
/// that to its caller. The job commits whatever was answered: what a refusal wrote would be seen.
struct status run_on_unit(struct fixture *fixture,
                          struct status (*run)(struct ledger_unit *unit, void *context),
                          void *context);
/// let_expire lets what is due expire, as one job may: true when more is due than that.
bool let_expire(struct fixture *fixture);

// ---- People and accounts ------------------------------------------------------------------------

enum who { // In rpc_world.h all but the customers have the role that the name says.
    ASHA = 0x1a,
    RAVI = 0x2a,
    TELLER = 0xe1,
    TELLER_2 = 0xe2,
    OFFICER = 0xe3,
    ADMIN = 0xe4,
    AUDITOR = 0xe5,
    PAYMENTS = 0xe6, // A service.
};

enum { ASHAS = 0x11, ASHAS_OTHER = 0x12, RAVIS = 0x21 };

/// Callers as the service knows them. A teller may touch everything, and so may PAYMENTS, who is no
/// user; an OFFICER may also set limits and open accounts of the bank. All others are customers,
/// who may touch what is theirs.
extern const struct ledger_caller teller;
struct ledger_caller customer(uint8_t owner);
struct ledger_caller caller_of(uint8_t who);

int setup_people(void **state); // ASHAS with 1,000 and RAVIS with nothing; their owners are T3.

/// An account to be opened, by whom, and what came of it: a customer's, LIABILITY, unless changed.
struct opening {
    uint8_t who;
    struct ledger_new_account asked;
    struct ledger_account account;
    bool existed;
};

struct opening opening_of(uint8_t who, uint8_t owner, struct id128 id, const char *currency);
struct status run_opening(struct ledger_unit *unit, void *opening);
struct status try_open_account(struct fixture *fixture, struct opening *opening);
void make_account(struct fixture *fixture, uint8_t owner, uint8_t account, const char *currency);
/// set_tier: false when the version was no news.
bool set_tier(struct fixture *fixture, uint8_t owner, const char *tier, uint64_t version);
/// An owner with tier T3 and one INR account.
void make_customer(struct fixture *fixture, uint8_t owner, uint8_t account);
/// set_account changes an account's record as the test likes, and its details where it is frozen.
void set_account(struct fixture *fixture, uint8_t account,
                 void (*set)(struct ledger_account *account));

// ---- Movements ----------------------------------------------------------------------------------

/// As a client asks for them, in INR. An id of ID128_NIL: an Idempotency-Key stands for it.
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
/// batch runs ledger_service_batch as a job; results live until the next job.
struct status batch(struct fixture *fixture, struct ledger_caller caller,
                    struct ledger_batch *asked);
// By the teller, and each must be made: one; many in one commit; and whatever the id.
void must_move(struct fixture *fixture, struct ledger_movement movement);
void must_move_all(struct fixture *fixture, const struct ledger_movement *movements, size_t count);
void must_deposit(struct fixture *fixture, uint8_t account, u128 amount);
void must_transfer(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount);

// ---- Reading ------------------------------------------------------------------------------------

/// read_store begins a snapshot; end_read ends it. What a test that fails leaves open ends with the
/// store.
struct store_txn *read_store(const struct fixture *fixture);
void end_read(struct store_txn **txn); // Idempotent.
struct ledger_account read_account(struct fixture *fixture, struct id128 id);
i128 balance_of(struct fixture *fixture, uint8_t account);
/// assert_balance compares what is posted, and what is held out of an account and into it.
void assert_balance(struct fixture *fixture, uint8_t account, int64_t posted, int64_t pending_out,
                    int64_t pending_in);
/// A transfer and what became of it, by its id; fails the test when it is not there.
struct ledger_transfer read_transfer(struct fixture *fixture, struct id128 id,
                                     struct ledger_progress *ret_progress);
size_t count_rows(struct fixture *fixture, uint8_t table);
void assert_clean(struct fixture *fixture); // ledger_verify finds nothing.

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
/// assert_answer: the status is OK (refused NULL), or a refusal for that reason, which left the
/// store as it was. Frees. Gives whether it is OK.
bool assert_answer(struct fixture *fixture, struct status status, const char *refused,
                   struct dump *before);
