// Exchange at a quoted rate: two transfers through the fx accounts, both or neither.

#include "common/base/clock.h"
#include "tests/unit/ledger/unit_job.h"

enum { ALICE = 1, BOB = 2, USD = 0x11, INR = 0x12, BOBS_USD = 0x21, BOBS_INR = 0x22 };

#define SECOND NS_PER_SECOND

static const struct ledger_caller clerk = {.is_any = true, .name = "users/clerk"};

static struct ledger_caller person(uint8_t owner)
{
    return (struct ledger_caller){.user_id = id_of(owner), .name = "users/person"};
}

static int setup_accounts(void **state)
{
    if (setup(state) != 0) return 1;
    struct fixture *fixture = *state;
    for (uint8_t owner = ALICE; owner <= BOB; owner++) {
        uint8_t first = (uint8_t)(owner * 16);
        make_account(fixture, owner, first + 1, "USD");
        make_account(fixture, owner, first + 2, "INR");
        set_tier(fixture, owner, "T3", 1);
    }
    must_deposit(fixture, USD, 1000);
    return 0;
}

static i128 fx_balance(struct fixture *fixture, const char *currency)
{
    struct ledger_account account =
        read_account(fixture, ledger_system_account_id(currency, LEDGER_FX));
    return ledger_balance_posted(account.class, &account.totals);
}

// ---- Quotes -------------------------------------------------------------------------------------

struct quoting {
    struct ledger_quote quote;
    uint32_t expires_in_seconds;
    bool existed;
};

static struct status run_quote(struct ledger_unit *unit, void *context)
{
    struct quoting *quoting = context;
    return ledger_service_quote(unit, &quoting->quote, quoting->expires_in_seconds,
                                &quoting->existed);
}

static struct quoting quoting_of(uint8_t id, const char *sell, const char *buy, u128 sell_amount,
                                 u128 buy_amount)
{
    struct quoting quoting = {
        .quote = {.id = id_of(id),
                  .sell_amount = sell_amount,
                  .buy_amount = buy_amount,
                  .rate_numerator = 8325,
                  .rate_denominator = 100},
        .expires_in_seconds = 60,
    };
    snprintf(quoting.quote.sell_currency, sizeof quoting.quote.sell_currency, "%s", sell);
    snprintf(quoting.quote.buy_currency, sizeof quoting.quote.buy_currency, "%s", buy);
    return quoting;
}

/// Returns when it expires.
static uint64_t must_quote(struct fixture *fixture, uint8_t id, u128 sell_amount, uint8_t owner)
{
    struct quoting quoting = quoting_of(id, "USD", "INR", sell_amount, 0);
    if (owner != 0) quoting.quote.owner_id = id_of(owner);
    assert_status_ok(run_on_unit(fixture, run_quote, &quoting));
    return quoting.quote.expires_at_ns;
}

static void test_a_quote_is_made_once(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        uint8_t id;
        const char *sell, *buy;
        u128 sell_amount, buy_amount;
        uint64_t numerator;
        uint32_t expires_in;
        uint8_t owner;
        const char *refused;
        bool existed;
        u128 sells, buys;
    } rows[] = {
        // given                    id    sell   buy    sell  buy     rate  s   owner  refused because           existed sells  buys
        {"what is paid",            0xa1, "USD", "INR", 1000,      0, 8325, 60, 0,     NULL,                     false,  1000,  83250},
        {"the same again",          0xa1, "USD", "INR", 1000,      0, 8325, 60, 0,     NULL,                     true,   1000,  83250},
        {"another amount",          0xa1, "USD", "INR", 1001,      0, 8325, 60, 0,     "FX_QUOTE_EXISTS",        false,  0,     0},
        {"another rate",            0xa1, "USD", "INR", 1000,      0, 8326, 60, 0,     "FX_QUOTE_EXISTS",        false,  0,     0},
        {"another time",            0xa1, "USD", "INR", 1000,      0, 8325, 61, 0,     "FX_QUOTE_EXISTS",        false,  0,     0},
        {"another customer",        0xa1, "USD", "INR", 1000,      0, 8325, 60, ALICE, "FX_QUOTE_EXISTS",        false,  0,     0},
        {"other currencies",        0xa1, "USD", "EUR", 1000,      0, 8325, 60, 0,     "FX_QUOTE_EXISTS",        false,  0,     0},
        {"what is got, paid up",    0xa2, "USD", "INR",    0, 100000, 8325, 60, ALICE, NULL,                     false,  1202,  100000},
        {"the same again",          0xa2, "USD", "INR",    0, 100000, 8325, 60, ALICE, NULL,                     true,   1202,  100000},
        {"no minor unit to get",    0xa3, "JPY", "JOD",    1,      0, 1,    60, 0,     NULL,                     false,  1,     10},
        {"got down",                0xa4, "INR", "USD",  199,      0, 1,    60, 0,     NULL,                     false,  199,   1},
        {"nothing to get",          0xa5, "INR", "USD",   99,      0, 1,    60, 0,     "FX_AMOUNT_OUT_OF_RANGE", false,  0,     0},
        {"too much to get",         0xa5, "USD", "INR", LEDGER_TOTAL_MAX, 0, 8325, 60, 0,
                                                                                       "FX_AMOUNT_OUT_OF_RANGE", false,  0,     0},
        {"too much to pay",         0xa5, "USD", "INR", U128_MAX,  0, 1,    60, 0,     "FX_AMOUNT_OUT_OF_RANGE", false,  0,     0},
        {"nothing at all",          0xa5, "USD", "INR",    0,      0, 8325, 60, 0,     "FX_AMOUNT_OUT_OF_RANGE", false,  0,     0},
        {"one currency",            0xa5, "USD", "USD", 1000,      0, 8325, 60, 0,     "CURRENCIES_MUST_DIFFER", false,  0,     0},
        {"an unknown one to sell",  0xa5, "XQQ", "USD", 1000,      0, 8325, 60, 0,     "CURRENCY_NOT_FOUND",     false,  0,     0},
        {"an unknown one to buy",   0xa5, "USD", "XQQ", 1000,      0, 8325, 60, 0,     "CURRENCY_NOT_FOUND",     false,  0,     0},
    };
    // clang-format on
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        clock_test_advance(SECOND);
        struct quoting quoting = quoting_of(rows[i].id, rows[i].sell, rows[i].buy,
                                            rows[i].sell_amount, rows[i].buy_amount);
        quoting.quote.rate_numerator = rows[i].numerator;
        quoting.expires_in_seconds = rows[i].expires_in;
        if (rows[i].owner != 0) quoting.quote.owner_id = id_of(rows[i].owner);
        struct dump before = dump_store(fixture);
        struct status status = run_on_unit(fixture, run_quote, &quoting);
        if (rows[i].refused != NULL) {
            assert_refused(status, rows[i].refused);
        } else {
            const struct ledger_quote *quote = &quoting.quote;
            assert_status_ok(status);
            assert_int_equal(quoting.existed, rows[i].existed);
            assert_true(quote->sell_amount == rows[i].sells && quote->buy_amount == rows[i].buys);
            assert_int_equal(quote->expires_at_ns - quote->created_at_ns, 60 * SECOND);
            assert_int_equal(quote->state, LEDGER_QUOTE_OPEN);
        }
        if (rows[i].refused != NULL || rows[i].existed)
            assert_same_store(fixture, &before);
        else
            free(before.data);
    }
}

static void test_a_quote_is_shown_to_whom_it_was_given(void **state)
{
    struct fixture *fixture = *state;
    const struct ledger_caller alice = person(ALICE), bob = person(BOB);
    must_quote(fixture, 0xa1, 100, ALICE);
    must_quote(fixture, 0xa2, 100, 0);

    const struct {
        const struct ledger_caller *caller;
        uint8_t id;
        bool is_shown;
    } rows[] = {
        {&alice, 0xa1, true}, {&bob, 0xa1, false}, {&clerk, 0xa1, true},
        {&alice, 0xa2, true}, {&bob, 0xa2, true},  {&clerk, 0xa9, false},
    };
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_quote quote;
        struct status status =
            ledger_service_get_quote(txn, rows[i].caller, id_of(rows[i].id), &quote);
        if (rows[i].is_shown)
            assert_status_ok(status);
        else
            assert_refused(status, "FX_QUOTE_NOT_FOUND");
    }
}

// ---- Execution ----------------------------------------------------------------------------------

struct execution {
    const struct ledger_caller *caller;
    struct id128 quote_id, account_id[LEDGER_SIDES];
    struct ledger_quote quote;
    struct ledger_outcome outcomes[LEDGER_SIDES];
    bool existed;
};

static struct status run_execution(struct ledger_unit *unit, void *context)
{
    struct execution *execution = context;
    struct status status = ledger_service_exchange(
        unit, execution->caller, execution->quote_id, execution->account_id,
        bytes_of_text("holiday"), &execution->quote, execution->outcomes, &execution->existed);
    ledger_unit_flush(unit); // Of a refusal too: there must be nothing in it.
    return status;
}

static struct execution execution_of(const struct ledger_caller *caller, uint8_t quote,
                                     uint8_t debit, uint8_t credit)
{
    return (struct execution){
        .caller = caller, .quote_id = id_of(quote), .account_id = {id_of(debit), id_of(credit)}};
}

static void test_an_exchange_is_two_transfers_and_happens_once(void **state)
{
    struct fixture *fixture = *state;
    const struct ledger_caller alice = person(ALICE);
    must_quote(fixture, 0xa1, 1000, ALICE);
    struct execution first = execution_of(&alice, 0xa1, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &first));
    assert_false(first.existed);
    assert_int_equal(first.quote.state, LEDGER_QUOTE_EXECUTED);
    assert_true(balance_of(fixture, USD) == 0 && balance_of(fixture, INR) == 83250);
    assert_true(fx_balance(fixture, "USD") != 0);
    assert_true(fx_balance(fixture, "INR") != 0);
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        const struct ledger_transfer *transfer = &first.outcomes[leg].transfer;
        assert_true(first.outcomes[leg].is_created);
        assert_true(id128_equal(transfer->group_id, id_of(0xa1)));
        assert_true(bytes_equal(transfer->description, bytes_of_text("holiday")));
    }
    assert_clean(fixture);

    clock_test_advance(3600 * SECOND); // Also long after the quote has expired.
    struct dump before = dump_store(fixture);
    struct execution again = execution_of(&alice, 0xa1, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &again));
    assert_true(again.existed);
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        assert_true(again.outcomes[leg].existed);
        assert_int_equal(again.outcomes[leg].transfer.number, first.outcomes[leg].transfer.number);
    }
    struct execution other = execution_of(&alice, 0xa1, USD, BOBS_INR);
    assert_refused(run_on_unit(fixture, run_execution, &other), "FX_QUOTE_ALREADY_EXECUTED");
    assert_same_store(fixture, &before);
}

/// A refused execution changes nothing, and burns nothing: once the reason is gone it succeeds.
static void test_an_exchange_is_refused_whole(void **state)
{
    const struct ledger_caller alice = person(ALICE), bob = person(BOB);

    enum { EARLY = -1 };

    // clang-format off
    const struct {
        const char *name;
        const struct ledger_caller *caller;
        uint8_t quote, debit, credit;
        u128 sells;
        int64_t ns_before; // The quote expires.
        const char *refused;
    } rows[] = {
        // given                          by      quote debit     credit    sells  ns left  refused because
        {"no such quote",                 &alice, 0xa9, USD,      INR,       100,  EARLY,   "FX_QUOTE_NOT_FOUND"},
        {"another customer's quote",      &bob,   0xa1, BOBS_USD, BOBS_INR,  100,  EARLY,   "FX_QUOTE_NOT_FOUND"},
        {"another's money",               &bob,   0xa2, USD,      BOBS_INR,  100,  EARLY,   "PERMISSION_DENIED"},
        {"more than there is",            &alice, 0xa1, USD,      INR,      1001,  EARLY,   "INSUFFICIENT_FUNDS"},
        {"from no account",               &alice, 0xa1, 0x77,     INR,       100,  EARLY,   "DEBIT_ACCOUNT_NOT_FOUND"},
        {"to no account",                 &alice, 0xa1, USD,      0x77,      100,  EARLY,   "CREDIT_ACCOUNT_NOT_FOUND"},
        {"from another currency",         &alice, 0xa1, INR,      INR,       100,  EARLY,   "CURRENCY_MISMATCH"},
        {"to another currency",           &alice, 0xa1, USD,      BOBS_USD,  100,  EARLY,   "CURRENCY_MISMATCH"},
        {"at the time it expires",        &alice, 0xa1, USD,      INR,       100,  0,       "FX_QUOTE_EXPIRED"},
        {"expired, and too little money", &alice, 0xa1, USD,      INR,      1001,  0,       "FX_QUOTE_EXPIRED"},
        {"in the last nanosecond",        &alice, 0xa1, USD,      INR,       100,  1,       "FX_QUOTE_EXPIRED"},
        {"just in time for both",         &alice, 0xa1, USD,      INR,       100,  9,       NULL},
        {"another customer gets it",      &alice, 0xa1, USD,      BOBS_INR,  100,  EARLY,   NULL},
        {"a clerk does it",               &clerk, 0xa1, USD,      INR,       100,  EARLY,   NULL},
        {"whoever has it",                &alice, 0xa2, USD,      INR,       100,  EARLY,   NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        if (i > 0) assert_int_equal(teardown(state) | setup_accounts(state), 0);
        struct fixture *fixture = *state;
        uint64_t expires_at_ns = must_quote(fixture, 0xa1, rows[i].sells, ALICE);
        must_quote(fixture, 0xa2, rows[i].sells, 0);
        if (rows[i].ns_before != EARLY)
            clock_test_advance(expires_at_ns - (uint64_t)rows[i].ns_before - clock_wall_ns());
        struct dump before = dump_store(fixture);
        struct execution execution =
            execution_of(rows[i].caller, rows[i].quote, rows[i].debit, rows[i].credit);
        struct status status = run_on_unit(fixture, run_execution, &execution);
        if (rows[i].refused != NULL) {
            assert_refused(status, rows[i].refused);
            assert_same_store(fixture, &before);
        } else {
            assert_status_ok(status);
            free(before.data);
        }
        assert_clean(fixture);
    }
}

static void test_a_refused_exchange_may_be_executed_later(void **state)
{
    struct fixture *fixture = *state;
    const struct ledger_caller alice = person(ALICE);
    must_quote(fixture, 0xa1, 1500, ALICE);
    struct execution execution = execution_of(&alice, 0xa1, USD, INR);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "INSUFFICIENT_FUNDS");
    assert_true(execution.outcomes[LEDGER_DEBIT].is_refused);
    assert_false(execution.outcomes[LEDGER_DEBIT].is_burnt);
    must_deposit(fixture, USD, 500);
    execution = execution_of(&alice, 0xa1, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &execution));
    assert_false(execution.existed);

    // The second leg's refusal takes the first leg back.
    must_deposit(fixture, USD, 100);
    must_quote(fixture, 0xa2, 100, ALICE);
    execution = execution_of(&alice, 0xa2, USD, 0x77);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "CREDIT_ACCOUNT_NOT_FOUND");
    assert_true(execution.outcomes[LEDGER_CREDIT].is_refused);
    assert_true(balance_of(fixture, USD) == 100);
    execution = execution_of(&alice, 0xa2, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &execution));
    assert_clean(fixture);
}

static void test_customers_buy_into_no_account_of_the_banks(void **state)
{
    struct fixture *fixture = *state;
    const struct ledger_caller alice = person(ALICE);
    must_quote(fixture, 0xa1, 100, ALICE);
    must_deposit(fixture, INR, 1); // Makes the cash account.
    struct execution execution = execution_of(&alice, 0xa1, USD, INR);
    execution.account_id[LEDGER_CREDIT] = ledger_system_account_id("INR", LEDGER_CASH);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "PERMISSION_DENIED");
    assert_true(execution.outcomes[LEDGER_CREDIT].is_refused);
    execution.caller = &clerk;
    assert_status_ok(run_on_unit(fixture, run_execution, &execution));
}

/// Somebody who knows how the legs' ids are made cannot have one of them taken for done.
static void test_a_leg_made_by_hand_is_no_execution(void **state)
{
    struct fixture *fixture = *state;
    must_quote(fixture, 0xa1, 100, ALICE);
    struct ledger_movement leg =
        transfer_of(ledger_fx_transfer_id(id_of(0xa1), LEDGER_DEBIT), USD, 0, 100);
    leg.asked.account_id[LEDGER_CREDIT] = ledger_system_account_id("USD", LEDGER_FX);
    leg.asked.group_id = id_of(0xa1);
    leg.asked.description = bytes_of_text("holiday");
    snprintf(leg.asked.currency, sizeof leg.asked.currency, "USD");
    must_move(fixture, leg);
    struct dump before = dump_store(fixture);
    const struct ledger_caller alice = person(ALICE);
    struct execution execution = execution_of(&alice, 0xa1, USD, INR);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "FX_QUOTE_ALREADY_EXECUTED");
    assert_same_store(fixture, &before);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_accounts, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_quote_is_made_once),
        TEST(test_a_quote_is_shown_to_whom_it_was_given),
        TEST(test_an_exchange_is_two_transfers_and_happens_once),
        TEST(test_an_exchange_is_refused_whole),
        TEST(test_a_refused_exchange_may_be_executed_later),
        TEST(test_customers_buy_into_no_account_of_the_banks),
        TEST(test_a_leg_made_by_hand_is_no_execution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
