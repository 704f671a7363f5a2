// Holds expire exactly when they are due, whenever anybody looks: before the next write, in the
// expiry thread, after a restart, with a clock that jumps.
#include "common/base/clock.h"
#include "services/ledger/expiry.h"
#include "tests/unit/ledger/steps.h"

#include <time.h>

// what, act, who, id, its subject, amount, seconds; the answer; afterwards: Asha's and held out of
// it, Ravi's and held into it.
// clang-format off
static const struct step due[] = {
    {"a hold for a minute",                          HOLD,  ASHA, 1, 0,  600, 60, "CREATED",                  1000, 600,    0, 600},
    {"a second before",                              WAIT,  0,    0, 0,    0, 59, NULL,                       1000, 600,    0, 600},
    {"it still holds",                               PAY,   ASHA, 2, 0,  401,  0, "INSUFFICIENT_FUNDS",       1000, 600,    0, 600},
    {"a minute is over",                             WAIT,  0,    0, 0,    0,  1, NULL,                       1000, 600,    0, 600},
    {"a capture is too late, logged yet or not",       FINAL, ASHA, 3, 1,    0,  0, "PENDING_TRANSFER_EXPIRED", 1000, 600,    0, 600},
    {"and so does a release",                        VOID,  ASHA, 4, 1,    0,  0, "PENDING_TRANSFER_EXPIRED", 1000, 600,    0, 600},
    {"the money is free again",                      PAY,   ASHA, 5, 0, 1000,  0, "CREATED",                     0,   0, 1000,   0},
    {"it stays expired",                             FINAL, ASHA, 6, 1,    0,  0, "PENDING_TRANSFER_EXPIRED",    0,   0, 1000,   0},
};

static const struct step captured_before[] = {
    {"a hold for a minute",                 HOLD,    ASHA, 1, 0, 600,   60, "CREATED", 1000, 600,   0, 600},
    {"a part is captured",                  CAPTURE, ASHA, 2, 1, 200,    0, "CREATED",  800, 400, 200, 400},
    {"another hold, captured in time",      HOLD,    ASHA, 3, 0, 100,   60, "CREATED",  800, 500, 200, 500},
    {"all of it",                           FINAL,   ASHA, 4, 3,   0,    0, "CREATED",  700, 400, 300, 400},
    {"another one, released in time",       HOLD,    ASHA, 5, 0, 100,   60, "CREATED",  700, 500, 300, 500},
    {"all of it",                           VOID,    ASHA, 6, 5,   0,    0, "CREATED",  700, 400, 300, 400},
    {"and one without end",                 HOLD,    ASHA, 7, 0,  50,    0, "CREATED",  700, 450, 300, 450},
    {"an hour goes by",                     WAIT,    0,    0, 0,   0, 3600, NULL,       700, 450, 300, 450},
    {"that, and nothing else, is released", PAY,     ASHA, 8, 0,   1,    0, "CREATED",  699,  50, 301,  50},
};

// clang-format on

static void test_due(void **state)
{
    run_steps(*state, due, ROWS(due));
}

static void test_captured_before(void **state)
{
    run_steps(*state, captured_before, ROWS(captured_before));
}

/// The EXPIRY of a hold.
static struct ledger_transfer expiry_of(struct fixture *fixture, uint8_t hold)
{
    struct ledger_progress progress;
    return read_transfer(fixture, ledger_expiry_id(id_of(hold)), &progress);
}

static uint64_t made_at(struct fixture *fixture, uint8_t id)
{
    struct ledger_progress progress;
    return read_transfer(fixture, id_of(id), &progress).created_at_ns;
}

static void test_the_entry_has_the_very_time_and_follows_its_hold(void **state)
{
    struct fixture *fixture = *state;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    must_move(fixture, capture_of(id_of(2), id_of(1), 200, false));
    wait_seconds(3600);
    must_deposit(fixture, RAVIS, 1); // Whatever is written next.

    struct ledger_transfer expiry = expiry_of(fixture, 1);
    assert_int_equal(expiry.kind, LEDGER_TRANSFER_EXPIRY);
    assert_int_equal(expiry.created_at_ns, made_at(fixture, 1) + 60 * NS_PER_SECOND);
    assert_int_equal(expiry.amount, 400);
    assert_true(id128_equal(expiry.subject_id, id_of(1)));
    assert_int_equal(expiry.entry[LEDGER_DEBIT].after.debits_pending, 0);
    assert_int_equal(expiry.entry[LEDGER_DEBIT].after.debits_posted, 200);
    struct ledger_progress progress;
    struct ledger_transfer hold = read_transfer(fixture, id_of(1), &progress);
    assert_string_equal(ledger_transfer_state(&hold, &progress), "EXPIRED");
    assert_int_equal(progress.captured, 200);
    assert_int_equal(progress.last_follow_up, expiry.number);

    // It stands in the histories, before what was written next.
    struct ledger_account ravis = read_account(fixture, id_of(RAVIS));
    assert_int_equal(ravis.head.chain[0], expiry.number + 1);
    assert_clean(fixture);
}

static void test_a_clock_that_jumps(void **state)
{
    struct fixture *fixture = *state;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    uint64_t due_ns = made_at(fixture, 1) + 60 * NS_PER_SECOND;
    clock_test_set(TEST_BEGIN_NS - 30 * NS_PER_SECOND, 1); // Back: ledger time goes on rising.
    must_deposit(fixture, RAVIS, 1);
    assert_balance(fixture, ASHAS, 1000, 600, 0);
    clock_test_set(due_ns - 1, 1);
    must_deposit(fixture, RAVIS, 1);
    assert_balance(fixture, ASHAS, 1000, 600, 0);
    clock_test_set(due_ns + 86400 * NS_PER_SECOND, 1); // Far ahead, and back again.
    must_deposit(fixture, RAVIS, 1);
    clock_test_set(due_ns, 1);
    must_deposit(fixture, RAVIS, 1);
    assert_balance(fixture, ASHAS, 1000, 0, 0);
    assert_int_equal(expiry_of(fixture, 1).created_at_ns, due_ns);
    assert_clean(fixture);
}

static void test_one_nanosecond_is_one_entrys(void **state)
{
    struct fixture *fixture = *state;
    // All three are due in the same nanosecond.
    clock_test_set(TEST_BEGIN_NS + 10 * NS_PER_SECOND, 1);
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 1, 30));
    clock_test_set(TEST_BEGIN_NS + 20 * NS_PER_SECOND, 1);
    must_move(fixture, hold_of(id_of(2), ASHAS, RAVIS, 1, 20));
    clock_test_set(TEST_BEGIN_NS + 30 * NS_PER_SECOND, 1);
    must_move(fixture, hold_of(id_of(3), ASHAS, RAVIS, 1, 10));
    uint64_t due_ns = TEST_BEGIN_NS + 40 * NS_PER_SECOND;
    clock_test_set(due_ns, 1); // And that is the clock of what is written then.
    must_move(fixture, transfer_of(id_of(4), ASHAS, RAVIS, 1000));
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(expiry_of(fixture, (uint8_t)(1 + i)).created_at_ns, due_ns + i);
    assert_int_equal(made_at(fixture, 4), due_ns + 3);
    assert_clean(fixture);
}

static void test_a_stopped_daemon_expires_as_exactly(void **state)
{
    struct fixture *fixture = *state;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    uint64_t due_ns = made_at(fixture, 1) + 60 * NS_PER_SECOND;
    close_fixture(fixture);
    wait_seconds(7 * 86400);
    open_fixture(fixture);
    assert_balance(fixture, ASHAS, 1000, 600, 0);
    assert_false(let_expire(fixture));
    assert_balance(fixture, ASHAS, 1000, 0, 0);
    assert_int_equal(expiry_of(fixture, 1).created_at_ns, due_ns);
    struct dump before = dump_store(fixture);
    assert_false(let_expire(fixture)); // Nothing is due: nothing is written.
    assert_same_store(fixture, &before);
    assert_clean(fixture);
}

static void test_an_id_that_a_client_took_first(void **state)
{
    struct fixture *fixture = *state;
    must_move(fixture, transfer_of(ledger_expiry_id(id_of(1)), ASHAS, RAVIS, 7));
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    wait_seconds(60);
    assert_false(let_expire(fixture));
    assert_balance(fixture, ASHAS, 993, 0, 0);
    struct ledger_outcome outcome;
    assert_status_ok(move(fixture, customer(ASHA),
                          transfer_of(ledger_expiry_id(id_of(1)), ASHAS, RAVIS, 7), &outcome));
    assert_true(outcome.existed);
    assert_clean(fixture);
}

// clang-format off
static const struct {
    const char *what;
    uint64_t at_ns; // When the hold of 500 is made; it lasts for an hour.
    uint64_t used;  // Of the day's debits, afterwards.
} days[] = {
    {"what was held today is given back today", TEST_BEGIN_NS + 12 * 3600 * NS_PER_SECOND, 0},
    {"what was held yesterday never counted today", TEST_BEGIN_NS + (2 * 86400 + 86390) * NS_PER_SECOND, 0},
};

// clang-format on

static void test_limits_are_given_back(void **state)
{
    for (size_t i = 0; i < ROWS(days); i++) {
        struct fixture *fixture = *state;
        struct ledger_outcome outcome;
        print_message("    %s\n", days[i].what);
        fixture->service.tiers.tier[4].max[LEDGER_LIMIT_DEBIT_DAY] = 6;
        clock_test_set(days[i].at_ns, 1);
        struct id128 hold = id_of((uint8_t)(1 + i)), large = id_of((uint8_t)(0x40 + i));
        must_move(fixture, hold_of(hold, ASHAS, RAVIS, 500, 3600));
        assert_refused(move(fixture, teller, transfer_of(large, ASHAS, RAVIS, 101), &outcome),
                       "KYC_LIMIT_EXCEEDED");
        assert_int_equal(outcome.refusal.used, 500);
        wait_seconds(3600);
        assert_refused(move(fixture, teller, transfer_of(ID128_NIL, ASHAS, RAVIS, 601), &outcome),
                       "KYC_LIMIT_EXCEEDED");
        assert_int_equal(outcome.refusal.used, days[i].used);
        must_move(fixture, transfer_of(ID128_NIL, ASHAS, RAVIS, 100));
        assert_clean(fixture);
    }
}

/// What a refusal writes beside the id it burns is what was due by then, at its own time.
static void test_a_burnt_id_and_an_expiry_in_one_commit(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    wait_seconds(60);
    assert_refused(move(fixture, teller, transfer_of(id_of(2), ASHAS, RAVIS, 1001), &outcome),
                   "INSUFFICIENT_FUNDS");
    assert_true(outcome.is_burnt);
    assert_balance(fixture, ASHAS, 1000, 0, 0);
    assert_int_equal(expiry_of(fixture, 1).created_at_ns, made_at(fixture, 1) + 60 * NS_PER_SECOND);
    assert_refused(move(fixture, teller, transfer_of(id_of(2), ASHAS, RAVIS, 1), &outcome),
                   "ID_ALREADY_FAILED");
    assert_clean(fixture);
}

// ---- Many at once -------------------------------------------------------------------------------

enum { MANY = LEDGER_UNIT_EXPIRIES_MAX + 100 };

static size_t announced;

static void count_announced(struct ledger_unit *unit)
{
    for (size_t i = 0; i < ledger_unit_transfer_count(unit); i++)
        announced += ledger_unit_transfer_at(unit, i)->kind == LEDGER_TRANSFER_EXPIRY;
}

static void make_many_holds(struct fixture *fixture)
{
    static struct ledger_movement holds[MANY];
    must_deposit(fixture, ASHAS, 10 * MANY);
    for (size_t i = 0; i < MANY; i++)
        holds[i] = hold_of(id128_generate(), ASHAS, RAVIS, 10, (uint32_t)(1 + i % 30));
    must_move_all(fixture, holds, MANY);
    assert_balance(fixture, ASHAS, 1000 + 10 * MANY, 10 * MANY, 0);
}

static void test_more_than_one_job_may_carry(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    announced = 0;
    fixture->service.announce = count_announced;
    make_many_holds(fixture);
    wait_seconds(60);

    struct dump before = dump_store(fixture);
    assert_refused(move(fixture, teller, transfer_of(id_of(1), ASHAS, RAVIS, 1), &outcome),
                   "EXPIRIES_UNDER_WAY");
    assert_false(outcome.is_refused || outcome.is_burnt);
    assert_same_store(fixture, &before);

    assert_true(let_expire(fixture));
    assert_int_equal(announced, LEDGER_UNIT_EXPIRIES_MAX);
    assert_balance(fixture, ASHAS, 1000 + 10 * MANY, 1000, 0);
    must_move(fixture, transfer_of(id_of(1), ASHAS, RAVIS, 1)); // The last hundred go with it.
    assert_balance(fixture, ASHAS, 999 + 10 * MANY, 0, 0);
    assert_false(let_expire(fixture));
    assert_clean(fixture);
}

// ---- The thread ---------------------------------------------------------------------------------

static void pause_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void wait_until_released(struct fixture *fixture)
{
    for (size_t i = 0; i < 5000; i++) {
        struct ledger_account account = read_account(fixture, id_of(ASHAS));
        if (account.totals.debits_pending == 0) return;
        pause_a_little();
    }
    fail_msg("the expiry thread did not release the holds");
}

static void test_the_thread_needs_no_other_write(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_expiry *expiry;
    announced = 0;
    fixture->service.announce = count_announced;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    wait_seconds(60);
    ledger_expiry_open(&fixture->service, &expiry);
    wait_until_released(fixture);
    ledger_expiry_stop(expiry);
    make_many_holds(fixture); // More than one job, without a pause between.
    wait_seconds(60);
    ledger_expiry_close(&expiry);
    ledger_expiry_open(&fixture->service, &expiry);
    wait_until_released(fixture);
    ledger_expiry_close(&expiry);
    ledger_expiry_close(&expiry); // Idempotent.
    assert_int_equal(announced, 1 + MANY);
    assert_clean(fixture);
}

/// The real clock of the machine, whatever the test's stands at.
static uint64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static struct status refuse_to_write(struct store_txn *txn, void *context)
{
    (void)context;
    static const uint8_t filling[1 << 16];
    for (uint8_t i = 0; i < 64; i++) { // More than the map has room for.
        uint8_t key[] = {0xff, i};
        store_put(txn, LEDGER_TABLE_CURSORS, bytes_of(key, sizeof key),
                  bytes_of(filling, sizeof filling));
    }
    return STATUS_SUCCESS;
}

static struct status fill_a_little(struct store_txn *txn, void *context)
{
    const size_t *i = context;
    static const uint8_t filling[1 << 10];
    uint8_t key[9] = {0xfe};
    put_u64_be(key + 1, *i);
    store_put(txn, LEDGER_TABLE_CURSORS, bytes_of(key, sizeof key),
              bytes_of(filling, sizeof filling));
    return STATUS_SUCCESS;
}

static void test_a_full_store_is_not_pressed(void **state)
{
    struct fixture *fixture = *state;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 60));
    close_fixture(fixture);
    fixture->map_bytes = 1 << 20;
    open_fixture(fixture);
    assert_refused(store_write_wait(fixture->store, refuse_to_write, NULL), "STORE_FULL");
    size_t i = 0;
    while (status_ok(store_write_wait(fixture->store, fill_a_little, &i)))
        i++;
    wait_seconds(60);

    struct store_stats before, now;
    struct ledger_expiry *expiry;
    store_get_stats(fixture->store, &before);
    uint64_t begin_ns = real_ns();
    ledger_expiry_open(&fixture->service, &expiry);
    do { // The first attempt at once, the second a second later.
        pause_a_little();
        store_get_stats(fixture->store, &now);
    } while (now.jobs_refused < before.jobs_refused + 2 &&
             real_ns() - begin_ns < 20 * NS_PER_SECOND);
    assert_int_equal(now.jobs_refused, before.jobs_refused + 2);
    assert_true(real_ns() - begin_ns >= NS_PER_SECOND / 2);
    ledger_expiry_close(&expiry);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(due),
        TEST(captured_before),
        TEST(the_entry_has_the_very_time_and_follows_its_hold),
        TEST(a_clock_that_jumps),
        TEST(one_nanosecond_is_one_entrys),
        TEST(a_stopped_daemon_expires_as_exactly),
        TEST(an_id_that_a_client_took_first),
        TEST(limits_are_given_back),
        TEST(a_burnt_id_and_an_expiry_in_one_commit),
        TEST(more_than_one_job_may_carry),
        TEST(the_thread_needs_no_other_write),
        TEST(a_full_store_is_not_pressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
