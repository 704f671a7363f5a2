// Exchange at a quoted rate, against plain arithmetic and at the ends of what can be counted.
#include "services/ledger/fx.h"
#include "tests/unit/ledger/rules.h"

static u128 amount_of(const char *text)
{
    u128 amount = 0;
    assert_status_ok(u128_parse(text, strlen(text), &amount));
    return amount;
}

#define LARGEST "170141183460469231731687303715884105727" // LEDGER_TOTAL_MAX

static void test_what_is_bought_is_rounded_down(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name, *sell;
        uint8_t sell_exponent, buy_exponent;
        uint64_t numerator, denominator;
        const char *buy; // NULL: nothing, or beyond counting. The extremes: worked out by Python.
    } rows[] = {
        {"100 USD at 83.25",          "10000", 2,  2, 8325,       100,        "832500"},
        {"a cent",                    "1",     2,  2, 8325,       100,        "83"},
        {"less than a unit",          "1",     2,  2, 1,          3,          NULL},
        {"just a unit",               "3",     2,  2, 1,          3,          "1"},
        {"a third is never given",    "100",   2,  2, 1,          3,          "33"},
        {"USD to JPY",                "10000", 2,  0, 15025,      100,        "15025"},
        {"JPY to USD",                "15025", 0,  2, 100,        15025,      "10000"},
        {"KWD to INR",                "1000",  3,  2, 27150,      100,        "27150"},
        {"cents to a whole unit",     "99",    2,  0, 1,          1,          NULL},
        {"nothing",                   "0",     2,  2, 1,          1,          NULL},
        {"no rate",                   "1",     2,  2, 0,          1,          NULL},
        {"no rate either",            "1",     2,  2, 1,          0,          NULL},
        {"all of it",                 LARGEST, 2,  2, 1,          1,          LARGEST},
        {"one more than all",         LARGEST, 2,  2, UINT64_MAX, UINT64_MAX - 1, NULL},
        {"18 places away",            LARGEST, 18, 0, 1,          1,          "170141183460469231731"},
        {"18 places up",              LARGEST, 0, 18, 1,          UINT64_C(1000000000000000000), LARGEST},
        {"18 places too many",        LARGEST, 0, 18, 1,          1,          NULL},
        {"the largest rate",          LARGEST, 2,  2, UINT64_MAX, UINT64_MAX, LARGEST},
        {"nearly one",                LARGEST, 18, 18, UINT64_MAX - 1, UINT64_MAX, "170141183460469231722463931679029329918"},
        {"all that is wide",          LARGEST, 0, 18, 1,          UINT64_MAX, "9223372036854775808499999999999999999"},
        {"sevenths",                  LARGEST, 3,  0, 7,          3,          "396996094741094874040603708670396246"},
        {"a third of all",            LARGEST, 0,  0, 1,          3,          "56713727820156410577229101238628035242"},
        {"far more than all",         LARGEST, 0, 18, UINT64_MAX, 1,          NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_quote quote = {
            .sell_exponent = rows[i].sell_exponent,
            .buy_exponent = rows[i].buy_exponent,
            .sell_amount = amount_of(rows[i].sell),
            .buy_amount = 12345,
            .rate_numerator = rows[i].numerator,
            .rate_denominator = rows[i].denominator,
        };
        bool is_given = ledger_fx_buy_amount(&quote);
        if (is_given != (rows[i].buy != NULL)) fail_msg("%s: given: %d", rows[i].name, is_given);
        u128 wanted = is_given ? amount_of(rows[i].buy) : 12345; // Left alone.
        if (quote.buy_amount != wanted) fail_msg("%s: another amount", rows[i].name);
    }
}

static void test_what_is_sold_is_rounded_up(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name, *buy;
        uint8_t sell_exponent, buy_exponent;
        uint64_t numerator, denominator;
        const char *sell;
    } rows[] = {
        {"832.50 INR",             "83250", 2,  2, 8325, 100, "1000"},
        {"a paisa more",           "83251", 2,  2, 8325, 100, "1001"},
        {"the least there is",     "1",     2,  2, 8325, 100, "1"},
        {"thirds are paid in full", "33",   2,  2, 1,    3,   "99"},
        {"a whole unit for cents", "1",     0,  2, 1,    1,   "1"},
        {"18 places up",           "1",     18, 0, 1,    1,   "1000000000000000000"},
        {"all of it",              LARGEST, 2,  2, 1,    1,   LARGEST},
        {"more than all",          LARGEST, 2,  2, 1,    2,   NULL},
        {"nothing",                "0",     2,  2, 1,    1,   NULL},
        {"no rate",                "1",     2,  2, 0,    1,   NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_quote quote = {
            .sell_exponent = rows[i].sell_exponent,
            .buy_exponent = rows[i].buy_exponent,
            .buy_amount = amount_of(rows[i].buy),
            .rate_numerator = rows[i].numerator,
            .rate_denominator = rows[i].denominator,
        };
        bool is_given = ledger_fx_sell_amount(&quote);
        if (is_given != (rows[i].sell != NULL)) fail_msg("%s: given: %d", rows[i].name, is_given);
        if (is_given && quote.sell_amount != amount_of(rows[i].sell))
            fail_msg("%s: another amount", rows[i].name);
    }
}

static u128 power_of_ten(unsigned exponent)
{
    return exponent == 0 ? 1 : 10 * power_of_ten(exponent - 1);
}

static void test_small_exchanges_agree_with_plain_arithmetic(void **state)
{
    (void)state;
    for (size_t round = 0; round < 100000; round++) {
        struct ledger_quote quote = {
            .sell_exponent = (uint8_t)random_below(7),
            .buy_exponent = (uint8_t)random_below(7),
            .sell_amount = random_amount((u128)1 << 50),
            .rate_numerator = 1 + (random_u64() >> (16 + random_below(47))),
            .rate_denominator = 1 + (random_u64() >> (16 + random_below(47))),
        };
        // At most 2^50 * 2^48 * 10^6 < 2^118: it fits into 128 bits.
        u128 above = quote.sell_amount * quote.rate_numerator * power_of_ten(quote.buy_exponent);
        u128 below = quote.rate_denominator * power_of_ten(quote.sell_exponent);
        bool is_given = ledger_fx_buy_amount(&quote);
        assert_int_equal(is_given, above / below > 0);
        if (!is_given) continue;
        assert_true(quote.buy_amount == above / below);

        // Bought for its exact amount, the same costs no more, and never less than it is worth.
        u128 sold = quote.sell_amount;
        assert_true(ledger_fx_sell_amount(&quote));
        assert_true(quote.sell_amount <= sold);
        u128 worth = quote.buy_amount * quote.rate_denominator * power_of_ten(quote.sell_exponent);
        u128 price = quote.rate_numerator * power_of_ten(quote.buy_exponent);
        assert_true(quote.sell_amount == worth / price + (worth % price > 0 ? 1 : 0));
    }
}

static void test_the_liquidity_account_never_pays_for_a_fraction(void **state)
{
    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        struct ledger_quote quote = {
            .sell_exponent = (uint8_t)random_below(LEDGER_EXPONENT_MAX + 1),
            .buy_exponent = (uint8_t)random_below(LEDGER_EXPONENT_MAX + 1),
            .sell_amount = random_amount(MAX),
            .rate_numerator = 1 + (random_u64() >> random_below(63)) / 2,
            .rate_denominator = 1 + (random_u64() >> random_below(63)) / 2,
        };
        u128 sold = quote.sell_amount;
        if (!ledger_fx_buy_amount(&quote)) continue;
        u128 bought = quote.buy_amount;
        assert_true(ledger_fx_sell_amount(&quote)); // What it costs is at most what was sold …
        assert_true(quote.sell_amount <= sold);
        assert_true(ledger_fx_buy_amount(&quote)); // … and buys just as much.
        assert_true(quote.buy_amount == bought);
        if (--quote.sell_amount == 0) continue;
        bool is_given = ledger_fx_buy_amount(&quote); // A unit less does not.
        assert_true(!is_given || quote.buy_amount < bought);
    }
}

static void test_ids_of_the_two_transfers(void **state)
{
    (void)state;
    char text[ID128_TEXT_BYTES]; // Worked out by Python's hashlib.blake2b.
    id128_format(ledger_fx_transfer_id(id_of(0x11), LEDGER_DEBIT), text);
    assert_string_equal(text, "13ea7f00-f157-86f7-a6cc-27fd6cafc325");
    id128_format(ledger_fx_transfer_id(id_of(0x11), LEDGER_CREDIT), text);
    assert_string_equal(text, "91e59387-6629-881b-944f-847c78ee5606");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_bought_is_rounded_down),
        cmocka_unit_test(test_what_is_sold_is_rounded_up),
        cmocka_unit_test(test_small_exchanges_agree_with_plain_arithmetic),
        cmocka_unit_test(test_the_liquidity_account_never_pays_for_a_fraction),
        cmocka_unit_test(test_ids_of_the_two_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
