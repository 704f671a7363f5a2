// Who may see and move what, cash, KYC tiers, currencies, history, and the clock at the start.
#include "common/base/clock.h"
#include "services/ledger/search.h"
#include "tests/unit/ledger/fixture.h"

#define ID(n_) id_of(n_)

// ---- Currencies ---------------------------------------------------------------------------------

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
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
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

// ---- Ownership ----------------------------------------------------------------------------------

static void test_customers_debit_and_see_only_their_own(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    assert_refused(move(fixture, customer(RAVI), transfer_of(ID(1), ASHAS, RAVIS, 1), &outcome),
                   "PERMISSION_DENIED");
    assert_status_ok(move(fixture, teller, transfer_of(ID(1), ASHAS, RAVIS, 1), &outcome));
    // A stranger who repeats the id does not learn what the transfer was.
    assert_refused(move(fixture, customer(RAVI), transfer_of(ID(1), ASHAS, RAVIS, 1), &outcome),
                   "PERMISSION_DENIED");
    // Nor does anybody pay from the bank's own accounts.
    struct ledger_movement theft = transfer_of(ID(2), 0, RAVIS, 1);
    theft.asked.account_id[LEDGER_DEBIT] = ledger_system_account_id("INR", LEDGER_CASH);
    assert_refused(move(fixture, customer(RAVI), theft, &outcome), "PERMISSION_DENIED");

    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_caller asha = customer(ASHA), ravi = customer(RAVI), other = customer(0x3a);
    struct ledger_account account;
    struct ledger_transfer seen;
    struct ledger_progress progress;
    struct arena *arena = fixture->arena;
    assert_status_ok(ledger_service_get_account(txn, &asha, id_of(ASHAS), &account));
    assert_refused(ledger_service_get_account(txn, &ravi, id_of(ASHAS), &account),
                   "PERMISSION_DENIED");
    assert_refused(ledger_service_get_account(txn, &asha, id_of(0x66), &account),
                   "ACCOUNT_NOT_FOUND");
    assert_status_ok(ledger_service_get_transfer(txn, arena, &asha, ID(1), &seen, &progress));
    assert_status_ok(ledger_service_get_transfer(txn, arena, &ravi, ID(1), &seen, &progress));
    assert_refused(ledger_service_get_transfer(txn, arena, &other, ID(1), &seen, &progress),
                   "PERMISSION_DENIED");
    assert_refused(ledger_service_get_transfer(txn, arena, &teller, ID(9), &seen, &progress),
                   "TRANSFER_NOT_FOUND");
}

// ---- Cash ---------------------------------------------------------------------------------------

static void test_cash_is_made_on_first_use_and_balances(void **state)
{
    struct fixture *fixture = *state;
    struct id128 cash_id = ledger_system_account_id("EUR", LEDGER_CASH);
    make_account(fixture, ASHA, 0x13, "EUR");
    struct ledger_outcome outcome;
    assert_refused(move(fixture, teller, deposit_of(ID(1), 0x66, 5), &outcome),
                   "ACCOUNT_NOT_FOUND");
    assert_true(outcome.is_burnt);
    assert_refused(move(fixture, teller, deposit_of(ID(2), 0x13, 0), &outcome),
                   "AMOUNT_MUST_NOT_BE_ZERO");
    assert_refused(move(fixture, teller, deposit_of(ID(1), 0x13, 5), &outcome),
                   "ID_ALREADY_FAILED");

    assert_status_ok(move(fixture, teller, deposit_of(ID(3), 0x13, 500), &outcome));
    assert_string_equal(outcome.transfer.currency, "EUR");
    struct ledger_account cash = read_account(fixture, cash_id);
    assert_int_equal(cash.kind, LEDGER_KIND_SYSTEM);
    assert_true(ledger_balance_posted(cash.class, &cash.totals) == 500);
    assert_true(balance_of(fixture, 0x13) == 500);
    assert_true(cash.created_at_ns < outcome.transfer.created_at_ns);

    assert_status_ok(move(fixture, teller, deposit_of(ID(3), 0x13, 500), &outcome));
    assert_true(outcome.existed);
    assert_refused(move(fixture, teller, deposit_of(ID(3), 0x13, 501), &outcome),
                   "EXISTS_WITH_DIFFERENT_AMOUNT");
    assert_refused(
        move(fixture, teller, deposit_of(ID(3), ASHAS, 500), &outcome),
        "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"); // INR comes from another cash account.
    assert_clean(fixture);
}

// ---- KYC limits ---------------------------------------------------------------------------------

static void test_tiers_are_enforced_in_the_posting(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    set_tier(fixture, RAVI, "T1", 2);
    assert_status_ok(move(fixture, teller, deposit_of(ID(1), RAVIS, 600000), &outcome));
    assert_refused(move(fixture, teller, deposit_of(ID(2), RAVIS, 400001), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "credit_month");
    assert_string_equal(outcome.tier[LEDGER_CREDIT], "T1");
    assert_true(outcome.refusal.used == 600000 && outcome.refusal.allowed == 1000000);
    assert_status_ok(move(fixture, teller, deposit_of(ID(3), RAVIS, 400000), &outcome));
    assert_refused(move(fixture, customer(RAVI), transfer_of(ID(4), RAVIS, ASHAS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "receive_only");

    set_tier(fixture, RAVI, "T3", 1); // An old event that comes late changes nothing.
    assert_refused(move(fixture, teller, deposit_of(ID(5), RAVIS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    set_tier(fixture, RAVI, "T3", 3);
    assert_status_ok(move(fixture, teller, deposit_of(ID(6), RAVIS, 90000000), &outcome));
    // Sums that nobody kept while there was no limit are worked out from the history.
    set_tier(fixture, RAVI, "T2", 4);
    assert_refused(move(fixture, teller, deposit_of(ID(7), RAVIS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "credit_year");
    assert_true(outcome.refusal.used == 91000000);
    assert_clean(fixture);
}

static void test_sums_start_anew_with_the_period(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    set_tier(fixture, RAVI, "T1", 2);
    fixture->service.tiers.tier[2].max[LEDGER_LIMIT_BALANCE] = 0;
    must_deposit(fixture, RAVIS, 1000000);
    assert_refused(move(fixture, teller, deposit_of(ID(1), RAVIS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    clock_test_advance(UINT64_C(11) * 86400 * NS_PER_SECOND); // 2 December.
    must_deposit(fixture, RAVIS, 1000000);
    set_tier(fixture, RAVI, "T1", 3); // Worked out from the history: the same answer.
    assert_refused(move(fixture, teller, deposit_of(ID(2), RAVIS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_true(outcome.refusal.used == 1000000);
    assert_string_equal(outcome.refusal.limit, "credit_month");
}

static void test_absurd_amounts_stop_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    struct ledger_tier *t3 = &fixture->service.tiers.tier[4];
    assert_string_equal(t3->name, "T3");
    t3->max[LEDGER_LIMIT_DEBIT_DAY] = 1; // Sums are kept, and nothing limits what comes in.
    make_account(fixture, ASHA, 0x12, "INR");
    make_account(fixture, ASHA, 0x13, "INR");
    static const uint8_t accounts[] = {ASHAS, 0x12, 0x13};
    for (uint8_t i = 0; i < 3; i++) {
        // Each fits its account, not the cash account, whose total then is at its end.
        u128 amount = LEDGER_TOTAL_MAX - 2000;
        struct status status = move(
            fixture, teller, deposit_of(id_of((uint8_t)(0x70 + i)), accounts[i], amount), &outcome);
        if (i == 0)
            assert_status_ok(status);
        else
            assert_refused(status, "BALANCE_OVERFLOW");
    }
    t3->max[LEDGER_LIMIT_DEBIT_DAY] = 0;
    must_transfer(fixture, ASHAS, 0x12, LEDGER_TOTAL_MAX - 2000);
    must_transfer(fixture, 0x12, 0x13, LEDGER_TOTAL_MAX - 2000);
    set_tier(fixture, ASHA, "T2", 2); // Worked out from three accounts' histories: no wrap-around.
    assert_refused(move(fixture, teller, deposit_of(ID(1), ASHAS, 1), &outcome),
                   "KYC_LIMIT_EXCEEDED");
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
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_account account;
    assert_status_ok(ledger_store_get_account(txn, id_of(ASHAS), &account));

    uint64_t number = account.head.chain[0];
    for (size_t i = MOVES; i-- > 0;) { // Newest first.
        struct ledger_transfer seen;
        enum ledger_side side;
        assert_status_ok(ledger_store_get_transfer(txn, NULL, number, &seen));
        assert_status_ok(ledger_transfer_side(&seen, account.id, &side));
        assert_true(ledger_balance_posted(account.class, &seen.entry[side].after) == balance[i]);
        assert_int_equal(seen.created_at_ns, time_ns[i]);
        number = seen.entry[side].previous;

        struct ledger_totals totals;
        uint64_t index;
        assert_status_ok(ledger_search_totals(txn, &account, time_ns[i], &totals, &index));
        assert_true(ledger_balance_posted(account.class, &totals) == balance[i]);
        assert_status_ok(ledger_search_totals(txn, &account, time_ns[i] - 1, &totals, &index));
        assert_true(ledger_balance_posted(account.class, &totals) ==
                    (i > 0 ? balance[i - 1] : 1000));
    }
    struct ledger_totals totals;
    uint64_t index;
    assert_status_ok(ledger_search_totals(txn, &account, 1, &totals, &index));
    assert_true(totals.credits_posted == 0);
}

static void test_accounts_are_listed_newest_first(void **state)
{
    struct fixture *fixture = *state;
    for (uint8_t i = 0; i < 5; i++)
        make_account(fixture, i % 2 == 0 ? ASHA : RAVI, (uint8_t)(0x40 + i), "EUR");
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
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
    assert_refused(try_open_fixture(fixture), "CLOCK_BEHIND_LEDGER");
    close_fixture(fixture);
    clock_test_set(TEST_BEGIN_NS, 1);
    open_fixture(fixture);
    assert_clean(fixture);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_currencies, setup, teardown),
        TEST(customers_debit_and_see_only_their_own),
        TEST(cash_is_made_on_first_use_and_balances),
        TEST(tiers_are_enforced_in_the_posting),
        TEST(sums_start_anew_with_the_period),
        TEST(absurd_amounts_stop_nothing),
        TEST(history_and_time_travel),
        TEST(accounts_are_listed_newest_first),
        TEST(a_clock_far_behind_refuses_to_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
