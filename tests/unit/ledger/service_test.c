// What a movement leaves in the store, and what a refused one does not.
#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

#include <string.h>

enum { ASHA = 0x1a, RAVI = 0x2a, ASHAS = 0x11, ASHAS_OTHER = 0x12, RAVIS = 0x21 };

#define ID(n_) id_of(n_)

static int setup_people(void **state)
{
    setup(state);
    make_customer(*state, ASHA, ASHAS);
    make_customer(*state, RAVI, RAVIS);
    must_deposit(*state, ASHAS, 1000);
    return 0;
}

// ---- Accounts -----------------------------------------------------------------------------------

struct account_job {
    struct ledger_caller caller;
    struct ledger_new_account asked;
    struct ledger_account account;
    bool existed;
};

static struct status run_create(struct store_txn *txn, void *context)
{
    struct account_job *job = context;
    return ledger_service_create_account(txn, &job->caller, &job->asked, &job->account,
                                         &job->existed);
}

static struct status create(struct fixture *fixture, struct account_job *job)
{
    return store_write_wait(fixture->store, run_create, job);
}

static void test_accounts(void **state)
{
    struct fixture *fixture = *state;
    struct account_job job = {
        .caller = customer(ASHA),
        .asked = {.id = ID(0x51), .owner_id = id_of(ASHA), .currency = "KWD"}};
    memcpy(job.asked.details.name, "Everyday", 9);
    assert_status_ok(create(fixture, &job));
    assert_false(job.existed);
    assert_int_equal(job.account.exponent, 3);
    assert_true(job.account.no_negative);
    uint64_t created_at_ns = job.account.created_at_ns;

    assert_status_ok(create(fixture, &job)); // The same again is the same account.
    assert_true(job.existed);
    assert_int_equal(job.account.created_at_ns, created_at_ns);

    struct account_job other = job;
    memcpy(other.asked.details.name, "Holiday", 8);
    assert_refused(create(fixture, &other), "ACCOUNT_EXISTS");
    other = job;
    other.asked.owner_id = id_of(RAVI);
    assert_refused(create(fixture, &other), "PERMISSION_DENIED");
    other.caller = customer(RAVI);
    assert_refused(create(fixture, &other), "ACCOUNT_EXISTS");
    other = job;
    other.asked.id = ID(0x52);
    memcpy(other.asked.currency, "XYZ", 4);
    assert_refused(create(fixture, &other), "CURRENCY_NOT_FOUND");
    other.asked.id = ledger_system_account_id("INR", LEDGER_FEES);
    assert_refused(create(fixture, &other), "ACCOUNT_ID_RESERVED");
    assert_clean(fixture);
}

static struct status run_create_currency(struct store_txn *txn, void *context)
{
    return ledger_service_create_currency(txn, context);
}

static void test_currencies(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_currency points = {"POINTS", 0, "Loyalty points"}, early = {"AAA", 18, "First"};
    run_job(fixture, run_create_currency, &points);
    run_job(fixture, run_create_currency, &early);
    assert_refused(store_write_wait(fixture->store, run_create_currency, &points),
                   "CURRENCY_EXISTS");
    struct ledger_currency rupee = {"INR", 2, "Again"};
    assert_refused(store_write_wait(fixture->store, run_create_currency, &rupee),
                   "CURRENCY_EXISTS");

    // Built-in and custom codes come as one sorted list, each once.
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    struct ledger_currency currency;
    char after[LEDGER_CURRENCY_BYTES] = "";
    size_t count = 0, custom = 0;
    while (status_ok(ledger_service_next_currency(txn, after, &currency))) {
        assert_true(strcmp(after, currency.code) < 0);
        custom += strcmp(currency.code, "POINTS") == 0 || strcmp(currency.code, "AAA") == 0;
        memcpy(after, currency.code, sizeof after);
        count++;
    }
    assert_true(count > 150);
    assert_int_equal(custom, 2);
}

// ---- Idempotency --------------------------------------------------------------------------------

static void test_the_same_id_pays_once(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_movement movement = transfer_of(ID(1), ASHAS, RAVIS, 250);
    struct ledger_outcome first, again;
    assert_status_ok(transfer(fixture, customer(ASHA), movement, &first));
    assert_true(first.is_created);
    must_transfer(fixture, ASHAS, RAVIS, 750); // Now the money would not be there any more.
    struct dump before = dump_store(fixture);

    assert_status_ok(transfer(fixture, customer(ASHA), movement, &again));
    assert_true(again.existed && !again.is_created);
    assert_int_equal(again.transfer.created_at_ns, first.transfer.created_at_ns);
    assert_int_equal(again.transfer.number, first.transfer.number);

    static const struct {
        enum ledger_side side; // LEDGER_SIDES: the amount.
        const char *reason;
    } rows[] = {
        {LEDGER_CREDIT, "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
        {LEDGER_SIDES, "EXISTS_WITH_DIFFERENT_AMOUNT"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_movement other = movement;
        if (rows[i].side == LEDGER_SIDES)
            other.amount = 1;
        else
            other.account_id[rows[i].side] = id_of(0x77); // Not even there: the id comes first.
        assert_refused(transfer(fixture, customer(ASHA), other, &again), rows[i].reason);
        assert_int_equal(ledger_reason_status(again.refusal.reason).code, STATUS_ALREADY_EXISTS);
    }
    struct dump after = dump_store(fixture);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, before.size);
    free(before.data);
    free(after.data);

    close_fixture(fixture); // For ever: also after a restart.
    open_fixture(fixture);
    assert_status_ok(transfer(fixture, customer(ASHA), movement, &again));
    assert_true(again.existed);
    assert_true(balance_of(fixture, RAVIS) == 1000);
    assert_clean(fixture);
}

/// The rows that a store has gained: refusals that burn gain exactly the id.
static void assert_only_the_id_is_new(struct fixture *fixture, const struct dump *before,
                                      struct id128 id, const char *reason)
{
    struct dump after = dump_store(fixture);
    size_t row = 3 * sizeof(size_t) + ID128_BYTES + 2 + strlen(reason);
    assert_int_equal(after.size, before->size + row);
    size_t same = 0;
    while (same < before->size && before->data[same] == after.data[same])
        same++;
    // The new row may share its first bytes with the row behind it: look for it just before.
    size_t at = same;
    while (memcmp(after.data + at + 3 * sizeof(size_t), id.bytes, ID128_BYTES) != 0) {
        assert_true(at > 0);
        at--;
    }
    size_t tail = before->size - at;
    assert_memory_equal(before->data, after.data, at);
    assert_memory_equal(before->data + at, after.data + at + row, tail);
    assert_memory_equal(after.data + at + row - strlen(reason), reason, strlen(reason));
    free(after.data);
}

static void test_a_refusal_changes_nothing_but_the_burnt_id(void **state)
{
    struct fixture *fixture = *state;
    make_account(fixture, 0x3a, 0x31, "INR"); // Nobody knows this owner's tier.
    make_account(fixture, ASHA, 0x13, "EUR");

    static const struct {
        uint8_t debit, credit;
        uint64_t amount;
        const char *reason;
        bool burns;
    } rows[] = {
        {ASHAS, RAVIS, 1001, "INSUFFICIENT_FUNDS", true},
        {ASHAS, 0x66, 1, "CREDIT_ACCOUNT_NOT_FOUND", true},
        {0x66, RAVIS, 1, "DEBIT_ACCOUNT_NOT_FOUND", true},
        {ASHAS, 0x31, 1, "KYC_LIMIT_EXCEEDED", true},
        {ASHAS, 0x13, 1, "CURRENCY_MISMATCH", false},
        {ASHAS, ASHAS, 1, "ACCOUNTS_MUST_DIFFER", false},
        {ASHAS, RAVIS, 0, "AMOUNT_MUST_NOT_BE_ZERO", false},
        {RAVIS, ASHAS, 1, "PERMISSION_DENIED", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_movement movement =
            transfer_of(ID((uint8_t)(0x80 + i)), rows[i].debit, rows[i].credit, rows[i].amount);
        struct ledger_outcome outcome;
        struct dump before = dump_store(fixture);
        assert_refused(transfer(fixture, customer(ASHA), movement, &outcome), rows[i].reason);
        assert_int_equal(outcome.is_burnt, rows[i].burns);
        if (rows[i].burns) {
            assert_only_the_id_is_new(fixture, &before, movement.id, rows[i].reason);
            // Whatever it asks for now, the id stays burnt, and says why.
            struct ledger_movement possible = transfer_of(movement.id, ASHAS, RAVIS, 1);
            assert_refused(transfer(fixture, customer(ASHA), possible, &outcome),
                           "ID_ALREADY_FAILED");
            assert_string_equal(outcome.original.name, rows[i].reason);
        } else {
            struct dump after = dump_store(fixture);
            assert_int_equal(before.size, after.size);
            assert_memory_equal(before.data, after.data, before.size);
            free(after.data);
        }
        free(before.data);
    }
    // Without an id of the client's own there is nothing to burn.
    struct ledger_outcome outcome;
    struct dump before = dump_store(fixture);
    assert_refused(
        transfer(fixture, customer(ASHA), transfer_of(ID128_NIL, ASHAS, RAVIS, 1001), &outcome),
        "INSUFFICIENT_FUNDS");
    assert_false(outcome.is_burnt);
    struct dump after = dump_store(fixture);
    assert_int_equal(before.size, after.size);
    free(before.data);
    free(after.data);
    assert_clean(fixture);
}

// ---- Ownership ----------------------------------------------------------------------------------

static void test_customers_debit_and_see_only_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    assert_refused(transfer(fixture, customer(RAVI), transfer_of(ID(1), ASHAS, RAVIS, 1), &outcome),
                   "PERMISSION_DENIED");
    assert_status_ok(transfer(fixture, teller, transfer_of(ID(1), ASHAS, RAVIS, 1), &outcome));
    // A stranger who repeats the id does not learn what the transfer was.
    assert_refused(transfer(fixture, customer(RAVI), transfer_of(ID(1), ASHAS, RAVIS, 1), &outcome),
                   "PERMISSION_DENIED");
    // Nor does anybody pay from the bank's own accounts.
    struct ledger_movement theft = transfer_of(ID(2), 0, RAVIS, 1);
    theft.account_id[LEDGER_DEBIT] = ledger_system_account_id("INR", LEDGER_CASH);
    assert_refused(transfer(fixture, customer(RAVI), theft, &outcome), "PERMISSION_DENIED");

    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    struct ledger_caller asha = customer(ASHA), ravi = customer(RAVI), other = customer(0x3a);
    struct ledger_account account;
    struct ledger_transfer seen;
    assert_status_ok(ledger_service_get_account(txn, &asha, id_of(ASHAS), &account));
    assert_refused(ledger_service_get_account(txn, &ravi, id_of(ASHAS), &account),
                   "PERMISSION_DENIED");
    assert_refused(ledger_service_get_account(txn, &asha, id_of(0x66), &account),
                   "ACCOUNT_NOT_FOUND");
    assert_status_ok(ledger_service_get_transfer(txn, &asha, ID(1), &seen));
    assert_status_ok(ledger_service_get_transfer(txn, &ravi, ID(1), &seen));
    assert_refused(ledger_service_get_transfer(txn, &other, ID(1), &seen), "PERMISSION_DENIED");
    assert_refused(ledger_service_get_transfer(txn, &teller, ID(9), &seen), "TRANSFER_NOT_FOUND");
}

// ---- Cash ---------------------------------------------------------------------------------------

static void test_cash_is_made_on_first_use_and_balances(void **state)
{
    struct fixture *fixture = *state;
    struct id128 cash_id = ledger_system_account_id("EUR", LEDGER_CASH);
    make_account(fixture, ASHA, 0x13, "EUR");
    struct ledger_outcome outcome;
    assert_refused(deposit(fixture, deposit_of(ID(1), 0x66, 5), &outcome), "ACCOUNT_NOT_FOUND");
    assert_true(outcome.is_burnt);
    assert_refused(deposit(fixture, deposit_of(ID(2), 0x13, 0), &outcome),
                   "AMOUNT_MUST_NOT_BE_ZERO");
    assert_refused(deposit(fixture, deposit_of(ID(1), 0x13, 5), &outcome), "ID_ALREADY_FAILED");

    assert_status_ok(deposit(fixture, deposit_of(ID(3), 0x13, 500), &outcome));
    assert_string_equal(outcome.transfer.currency, "EUR");
    struct ledger_account cash = read_account(fixture, cash_id);
    assert_int_equal(cash.kind, LEDGER_KIND_SYSTEM);
    assert_true(ledger_balance_posted(cash.class, &cash.totals) == 500);
    assert_true(balance_of(fixture, 0x13) == 500);
    assert_true(cash.created_at_ns < outcome.transfer.created_at_ns);

    assert_status_ok(deposit(fixture, deposit_of(ID(3), 0x13, 500), &outcome));
    assert_true(outcome.existed);
    assert_refused(deposit(fixture, deposit_of(ID(3), 0x13, 501), &outcome),
                   "EXISTS_WITH_DIFFERENT_AMOUNT");
    assert_refused(
        deposit(fixture, deposit_of(ID(3), ASHAS, 500), &outcome),
        "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"); // INR comes from another cash account.
    assert_clean(fixture);
}

// ---- KYC limits ---------------------------------------------------------------------------------

static void test_tiers_are_enforced_in_the_posting(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    set_tier(fixture, RAVI, "T1", 2);
    assert_status_ok(deposit(fixture, deposit_of(ID(1), RAVIS, 600000), &outcome));
    assert_refused(deposit(fixture, deposit_of(ID(2), RAVIS, 400001), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "credit_month");
    assert_string_equal(outcome.tier[LEDGER_CREDIT], "T1");
    assert_true(outcome.refusal.used == 600000 && outcome.refusal.allowed == 1000000);
    assert_status_ok(deposit(fixture, deposit_of(ID(3), RAVIS, 400000), &outcome));
    assert_refused(transfer(fixture, customer(RAVI), transfer_of(ID(4), RAVIS, ASHAS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "receive_only");

    set_tier(fixture, RAVI, "T3", 1); // An old event that comes late changes nothing.
    assert_refused(deposit(fixture, deposit_of(ID(5), RAVIS, 1), &outcome), "KYC_LIMIT_EXCEEDED");
    set_tier(fixture, RAVI, "T3", 3);
    assert_status_ok(deposit(fixture, deposit_of(ID(6), RAVIS, 90000000), &outcome));
    // Sums that nobody kept while there was no limit are worked out from the history.
    set_tier(fixture, RAVI, "T2", 4);
    assert_refused(deposit(fixture, deposit_of(ID(7), RAVIS, 1), &outcome), "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "credit_year");
    assert_true(outcome.refusal.used == 91000000);
    assert_clean(fixture);
}

static void test_sums_start_anew_with_the_period(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    set_tier(fixture, RAVI, "T1", 2);
    fixture->service.tiers[2].balance_max = 0;
    must_deposit(fixture, RAVIS, 1000000);
    assert_refused(deposit(fixture, deposit_of(ID(1), RAVIS, 1), &outcome), "KYC_LIMIT_EXCEEDED");
    clock_test_advance(UINT64_C(11) * 86400 * NS_PER_SECOND); // 2 December.
    must_deposit(fixture, RAVIS, 1000000);
    set_tier(fixture, RAVI, "T1", 3); // Worked out from the history: the same answer.
    assert_refused(deposit(fixture, deposit_of(ID(2), RAVIS, 1), &outcome), "KYC_LIMIT_EXCEEDED");
    assert_true(outcome.refusal.used == 1000000);
    assert_string_equal(outcome.refusal.limit, "credit_month");
}

static void test_absurd_amounts_stop_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    struct ledger_tier *t3 = &fixture->service.tiers[4];
    assert_string_equal(t3->name, "T3");
    t3->sum_max[LEDGER_DEBIT][LEDGER_DAY] = 1; // Sums are kept, and nothing limits what comes in.
    make_account(fixture, ASHA, 0x12, "INR");
    make_account(fixture, ASHA, 0x13, "INR");
    static const uint8_t accounts[] = {ASHAS, 0x12, 0x13};
    for (uint8_t i = 0; i < 3; i++) {
        // Each fits its account, not the cash account, whose total then is at its end.
        u128 amount = LEDGER_TOTAL_MAX - 2000;
        struct status status =
            deposit(fixture, deposit_of(id_of((uint8_t)(0x70 + i)), accounts[i], amount), &outcome);
        if (i == 0)
            assert_status_ok(status);
        else
            assert_refused(status, "BALANCE_OVERFLOW");
    }
    fixture->service.tiers[4].sum_max[LEDGER_DEBIT][LEDGER_DAY] = 0;
    must_transfer(fixture, ASHAS, 0x12, LEDGER_TOTAL_MAX - 2000);
    must_transfer(fixture, 0x12, 0x13, LEDGER_TOTAL_MAX - 2000);
    set_tier(fixture, ASHA, "T2", 2); // Worked out from three accounts' histories: no wrap-around.
    assert_refused(deposit(fixture, deposit_of(ID(1), ASHAS, 1), &outcome), "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "credit_year");
    assert_true(outcome.refusal.used == U128_MAX);
    assert_clean(fixture);
}

// ---- History ------------------------------------------------------------------------------------

static void test_history_and_time_travel(void **state)
{
    struct fixture *fixture = *state;

    enum { MOVES = 300 };

    uint64_t time_ns[MOVES], count = 1;
    i128 balance[MOVES], now = 1000;
    for (size_t i = 0; i < MOVES; i++) {
        bool out = now > 10 && random_below(2) == 0;
        clock_test_advance(random_below(5)); // Often not at all: ledger time rises all the same.
        if (out)
            must_transfer(fixture, ASHAS, RAVIS, 7);
        else
            must_deposit(fixture, ASHAS, 5);
        now += out ? -7 : 5;
        balance[i] = now;
        struct ledger_account account = read_account(fixture, id_of(ASHAS));
        time_ns[i] = account.changed_at_ns;
        assert_int_equal(account.head.entry_count, ++count);
        if (i > 0) assert_true(time_ns[i] > time_ns[i - 1]);
    }
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    struct ledger_account account;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    assert_status_ok(ledger_store_get_account(txn, id_of(ASHAS), &account));

    uint64_t number = account.head.chain[0];
    for (size_t i = MOVES; i-- > 0;) { // Newest first.
        struct ledger_transfer seen;
        enum ledger_side side;
        assert_status_ok(ledger_store_get_transfer(txn, number, &seen));
        assert_status_ok(ledger_transfer_side(&seen, account.id, &side));
        assert_true(ledger_balance_posted(account.class, &seen.entry[side].after) == balance[i]);
        assert_int_equal(seen.created_at_ns, time_ns[i]);
        number = seen.entry[side].previous;

        struct ledger_totals totals;
        assert_status_ok(ledger_store_totals_at(txn, &account, time_ns[i], &totals));
        assert_true(ledger_balance_posted(account.class, &totals) == balance[i]);
        assert_status_ok(ledger_store_totals_at(txn, &account, time_ns[i] - 1, &totals));
        assert_true(ledger_balance_posted(account.class, &totals) ==
                    (i > 0 ? balance[i - 1] : 1000));
    }
    struct ledger_totals totals;
    assert_status_ok(ledger_store_totals_at(txn, &account, 1, &totals));
    assert_true(totals.credits_posted == 0);
}

static void test_accounts_are_listed_newest_first(void **state)
{
    struct fixture *fixture = *state;
    for (uint8_t i = 0; i < 5; i++)
        make_account(fixture, i % 2 == 0 ? ASHA : RAVI, (uint8_t)(0x40 + i), "EUR");
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    static const uint8_t expected[] = {0x44, 0x42, 0x40, ASHAS};
    struct id128 owner = id_of(ASHA);
    struct ledger_account account;
    uint64_t before = 0;
    for (size_t i = 0; i < ROWS(expected); i++) { // Page by page of one.
        struct ledger_account_walk walk;
        ledger_account_walk_open(txn, &owner, before, &walk);
        assert_status_ok(ledger_account_walk_next(&walk, &account));
        assert_true(id128_equal(account.id, id_of(expected[i])));
        before = account.number;
        ledger_account_walk_close(&walk);
    }
    struct ledger_account_walk walk;
    size_t count = 0;
    ledger_account_walk_open(txn, NULL, 0, &walk);
    for (; status_ok(ledger_account_walk_next(&walk, &account)); count++)
        if (count == 0) assert_true(id128_equal(account.id, id_of(0x44)));
    ledger_account_walk_close(&walk);
    assert_int_equal(count, 8); // Two, five, and cash.
}

// ---- Time ---------------------------------------------------------------------------------------

static void test_a_clock_far_behind_refuses_to_start(void **state)
{
    struct fixture *fixture = *state;
    close_fixture(fixture);
    clock_test_set(TEST_BEGIN_NS - 59 * NS_PER_SECOND, 1);
    open_fixture(fixture);
    must_deposit(fixture, ASHAS, 1); // Ledger time goes on rising meanwhile.
    close_fixture(fixture);

    clock_test_set(TEST_BEGIN_NS - 61 * NS_PER_SECOND, 1);
    const struct store_schema *schemas[] = {&ledger_store_schema};
    struct store_config config = {.directory = fixture->path, .map_bytes = UINT64_C(1) << 30};
    assert_status_ok(store_open(&config, schemas, 1, &fixture->store));
    assert_refused(ledger_service_open(fixture->store, &fixture->service), "CLOCK_BEHIND_LEDGER");
    store_close(&fixture->store);
    clock_test_set(TEST_BEGIN_NS, 1);
    open_fixture(fixture);
    assert_clean(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_accounts, setup_people, teardown),
        cmocka_unit_test_setup_teardown(test_currencies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_same_id_pays_once, setup_people, teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal_changes_nothing_but_the_burnt_id,
                                        setup_people, teardown),
        cmocka_unit_test_setup_teardown(test_customers_debit_and_see_only_their_own, setup_people,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_cash_is_made_on_first_use_and_balances, setup_people,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_tiers_are_enforced_in_the_posting, setup_people,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_sums_start_anew_with_the_period, setup_people,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_absurd_amounts_stop_nothing, setup_people, teardown),
        cmocka_unit_test_setup_teardown(test_history_and_time_travel, setup_people, teardown),
        cmocka_unit_test_setup_teardown(test_accounts_are_listed_newest_first, setup_people,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_far_behind_refuses_to_start, setup_people,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
