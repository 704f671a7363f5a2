// Exchange at a quoted rate: two transfers through the fx accounts, both or neither.

#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

enum { USD = 0x11, INR = 0x12, RAVIS_USD = 0x21, RAVIS_INR = 0x22 };

#define SECOND NS_PER_SECOND

static int setup_accounts(void **state)
{
    setup(state);
    struct fixture *fixture = *state;
    make_account(fixture, ASHA, USD, "USD");
    make_account(fixture, ASHA, INR, "INR");
    make_account(fixture, RAVI, RAVIS_USD, "USD");
    make_account(fixture, RAVI, RAVIS_INR, "INR");
    set_tier(fixture, ASHA, "T3", 1);
    set_tier(fixture, RAVI, "T3", 1);
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
        {"another customer",        0xa1, "USD", "INR", 1000,      0, 8325, 60, ASHA, "FX_QUOTE_EXISTS",        false,  0,     0},
        {"other currencies",        0xa1, "USD", "EUR", 1000,      0, 8325, 60, 0,     "FX_QUOTE_EXISTS",        false,  0,     0},
        {"what is got, paid up",    0xa2, "USD", "INR",    0, 100000, 8325, 60, ASHA, NULL,                     false,  1202,  100000},
        {"the same again",          0xa2, "USD", "INR",    0, 100000, 8325, 60, ASHA, NULL,                     true,   1202,  100000},
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
    must_quote(fixture, 0xa1, 100, ASHA);
    must_quote(fixture, 0xa2, 100, 0);

    const struct {
        uint8_t who, id;
        bool is_shown;
    } rows[] = {
        {ASHA, 0xa1, true}, {RAVI, 0xa1, false}, {TELLER, 0xa1, true},
        {ASHA, 0xa2, true}, {RAVI, 0xa2, true},  {TELLER, 0xa9, false},
    };
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_quote quote;
        const struct ledger_caller caller = caller_of(rows[i].who);
        struct status status = ledger_service_get_quote(txn, &caller, id_of(rows[i].id), &quote);
        if (rows[i].is_shown)
            assert_status_ok(status);
        else
            assert_refused(status, "FX_QUOTE_NOT_FOUND");
    }
}

// ---- Execution ----------------------------------------------------------------------------------

struct execution {
    uint8_t who;
    struct id128 quote_id, account_id[LEDGER_SIDES];
    struct ledger_quote quote;
    struct ledger_outcome outcomes[LEDGER_SIDES];
    bool existed;
};

static struct status run_execution(struct ledger_unit *unit, void *context)
{
    struct execution *execution = context;
    const struct ledger_caller caller = caller_of(execution->who);
    struct status status = ledger_service_exchange(
        unit, &caller, execution->quote_id, execution->account_id, bytes_of_text("holiday"),
        &execution->quote, execution->outcomes, &execution->existed);
    ledger_unit_flush(unit); // Of a refusal too: there must be nothing in it.
    return status;
}

static struct execution execution_of(uint8_t who, uint8_t quote, uint8_t debit, uint8_t credit)
{
    return (struct execution){
        .who = who, .quote_id = id_of(quote), .account_id = {id_of(debit), id_of(credit)}};
}

static void test_an_exchange_is_two_transfers_and_happens_once(void **state)
{
    struct fixture *fixture = *state;
    must_quote(fixture, 0xa1, 1000, ASHA);
    struct execution first = execution_of(ASHA, 0xa1, USD, INR);
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
    struct execution again = execution_of(ASHA, 0xa1, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &again));
    assert_true(again.existed);
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        assert_true(again.outcomes[leg].existed);
        assert_int_equal(again.outcomes[leg].transfer.number, first.outcomes[leg].transfer.number);
    }
    struct execution other = execution_of(ASHA, 0xa1, USD, RAVIS_INR);
    assert_refused(run_on_unit(fixture, run_execution, &other), "FX_QUOTE_ALREADY_EXECUTED");
    assert_same_store(fixture, &before);
}

/// A refused execution changes nothing, and burns nothing: once the reason is gone it succeeds.
static void test_an_exchange_is_refused_whole(void **state)
{
    enum { EARLY = -1 };

    // clang-format off
    const struct {
        const char *name;
        uint8_t who, quote, debit, credit;
        u128 sells;
        int64_t ns_before; // The quote expires.
        const char *refused;
    } rows[] = {
        // given                          by      quote debit      credit     sells ns left refused because
        {"no such quote",                 ASHA,   0xa9, USD,       INR,       100,  EARLY,  "FX_QUOTE_NOT_FOUND"},
        {"another customer's quote",      RAVI,   0xa1, RAVIS_USD, RAVIS_INR, 100,  EARLY,  "FX_QUOTE_NOT_FOUND"},
        {"another's money",               RAVI,   0xa2, USD,       RAVIS_INR, 100,  EARLY,  "PERMISSION_DENIED"},
        {"more than there is",            ASHA,   0xa1, USD,       INR,       1001, EARLY,  "INSUFFICIENT_FUNDS"},
        {"from no account",               ASHA,   0xa1, 0x77,      INR,       100,  EARLY,  "DEBIT_ACCOUNT_NOT_FOUND"},
        {"to no account",                 ASHA,   0xa1, USD,       0x77,      100,  EARLY,  "CREDIT_ACCOUNT_NOT_FOUND"},
        {"from another currency",         ASHA,   0xa1, INR,       INR,       100,  EARLY,  "CURRENCY_MISMATCH"},
        {"to another currency",           ASHA,   0xa1, USD,       RAVIS_USD, 100,  EARLY,  "CURRENCY_MISMATCH"},
        {"at the time it expires",        ASHA,   0xa1, USD,       INR,       100,  0,      "FX_QUOTE_EXPIRED"},
        {"expired, and too little money", ASHA,   0xa1, USD,       INR,       1001, 0,      "FX_QUOTE_EXPIRED"},
        {"in the last nanosecond",        ASHA,   0xa1, USD,       INR,       100,  1,      "FX_QUOTE_EXPIRED"},
        {"just in time for both",         ASHA,   0xa1, USD,       INR,       100,  9,      NULL},
        {"another customer gets it",      ASHA,   0xa1, USD,       RAVIS_INR, 100,  EARLY,  NULL},
        {"a teller does it",              TELLER, 0xa1, USD,       INR,       100,  EARLY,  NULL},
        {"whoever has it",                ASHA,   0xa2, USD,       INR,       100,  EARLY,  NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        if (i > 0) assert_int_equal(teardown(state) | setup_accounts(state), 0);
        struct fixture *fixture = *state;
        uint64_t expires_at_ns = must_quote(fixture, 0xa1, rows[i].sells, ASHA);
        must_quote(fixture, 0xa2, rows[i].sells, 0);
        if (rows[i].ns_before != EARLY)
            clock_test_advance(expires_at_ns - (uint64_t)rows[i].ns_before - clock_wall_ns());
        struct dump before = dump_store(fixture);
        struct execution execution =
            execution_of(rows[i].who, rows[i].quote, rows[i].debit, rows[i].credit);
        struct status status = run_on_unit(fixture, run_execution, &execution);
        assert_answer(fixture, status, rows[i].refused, &before);
        assert_clean(fixture);
    }
}

static void test_a_refused_exchange_may_be_executed_later(void **state)
{
    struct fixture *fixture = *state;
    must_quote(fixture, 0xa1, 1500, ASHA);
    struct execution execution = execution_of(ASHA, 0xa1, USD, INR);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "INSUFFICIENT_FUNDS");
    assert_true(execution.outcomes[LEDGER_DEBIT].is_refused);
    assert_false(execution.outcomes[LEDGER_DEBIT].is_burnt);
    must_deposit(fixture, USD, 500);
    execution = execution_of(ASHA, 0xa1, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &execution));
    assert_false(execution.existed);

    // The second leg's refusal takes the first leg back.
    must_deposit(fixture, USD, 100);
    must_quote(fixture, 0xa2, 100, ASHA);
    execution = execution_of(ASHA, 0xa2, USD, 0x77);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "CREDIT_ACCOUNT_NOT_FOUND");
    assert_true(execution.outcomes[LEDGER_CREDIT].is_refused);
    assert_true(balance_of(fixture, USD) == 100);
    execution = execution_of(ASHA, 0xa2, USD, INR);
    assert_status_ok(run_on_unit(fixture, run_execution, &execution));
    assert_clean(fixture);
}

static void test_customers_buy_into_no_account_of_the_banks(void **state)
{
    struct fixture *fixture = *state;
    must_quote(fixture, 0xa1, 100, ASHA);
    must_deposit(fixture, INR, 1); // Makes the cash account.
    struct execution execution = execution_of(ASHA, 0xa1, USD, INR);
    execution.account_id[LEDGER_CREDIT] = ledger_system_account_id("INR", LEDGER_CASH);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "PERMISSION_DENIED");
    assert_true(execution.outcomes[LEDGER_CREDIT].is_refused);
    execution.who = TELLER;
    assert_status_ok(run_on_unit(fixture, run_execution, &execution));
}

/// A quote takes no approval: what needs one goes by an own account and a transfer.
static void test_to_exchange_for_somebody_else_is_to_pay_them(void **state)
{
    const struct {
        const char *name;
        uint8_t who;
        const char *above;
        bool for_new_payees;
        uint8_t credit;
        const char *refused;
    } rows[] = {
        {"as much as is free", ASHA, "0 USD=1", false, RAVIS_INR, NULL},
        {"what is paid counts, in USD", ASHA, "1 USD=0 INR=1", false, RAVIS_INR, NULL},
        {"to somebody new, perhaps", ASHA, "0", true, RAVIS_INR, "INSUFFICIENT_AAL"},
        {"to an own account", ASHA, "0", true, INR, NULL},
        {"a teller", TELLER, "0", true, RAVIS_INR, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        if (i > 0) assert_int_equal(teardown(state) | setup_accounts(state), 0);
        struct fixture *fixture = *state;
        assert_true(ledger_figures_read(rows[i].above, &fixture->service.sca.above));
        fixture->service.sca.for_new_payees = rows[i].for_new_payees;
        must_quote(fixture, 0xa1, 100, ASHA);
        struct dump before = dump_store(fixture);
        struct execution execution = execution_of(rows[i].who, 0xa1, USD, rows[i].credit);
        struct status status = run_on_unit(fixture, run_execution, &execution);
        bool is_ok = assert_answer(fixture, status, rows[i].refused, &before);
        assert_int_equal(execution.outcomes[LEDGER_CREDIT].is_refused, !is_ok);
    }
    assert_int_equal(teardown(state) | setup_accounts(state), 0);
    struct fixture *fixture = *state;
    assert_true(ledger_figures_read("1", &fixture->service.sca.above));
    must_quote(fixture, 0xa1, 101, ASHA);
    struct execution execution = execution_of(ASHA, 0xa1, USD, RAVIS_INR);
    assert_refused(run_on_unit(fixture, run_execution, &execution), "INSUFFICIENT_AAL");
}

/// Somebody who knows how the legs' ids are made cannot have one of them taken for done.
static void test_a_leg_made_by_hand_is_no_execution(void **state)
{
    struct fixture *fixture = *state;
    must_quote(fixture, 0xa1, 100, ASHA);
    struct ledger_movement leg =
        transfer_of(ledger_fx_transfer_id(id_of(0xa1), LEDGER_DEBIT), USD, 0, 100);
    leg.asked.account_id[LEDGER_CREDIT] = ledger_system_account_id("USD", LEDGER_FX);
    leg.asked.group_id = id_of(0xa1);
    leg.asked.description = bytes_of_text("holiday");
    snprintf(leg.asked.currency, sizeof leg.asked.currency, "USD");
    must_move(fixture, leg);
    struct dump before = dump_store(fixture);
    struct execution execution = execution_of(ASHA, 0xa1, USD, INR);
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
        TEST(test_to_exchange_for_somebody_else_is_to_pay_them),
        TEST(test_a_leg_made_by_hand_is_no_execution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
