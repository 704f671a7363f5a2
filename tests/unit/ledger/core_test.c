// Every rule of money, and which of several broken ones answers.
#include "services/ledger/core.h"
#include "services/ledger/currencies.h"
#include "services/ledger/limits.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(1700000000000000000)
#define MAX LEDGER_TOTAL_MAX

/// Two customer accounts in INR with tier T3, and a transfer of 100 from the first to the second.
struct bench {
    struct ledger_account account[LEDGER_SIDES];
    struct ledger_allowance allowance[LEDGER_SIDES];
    struct ledger_transfer transfer;
    struct ledger_posting posting;
};

static struct ledger_account customer_account(uint8_t filler)
{
    struct ledger_account account = {
        .id = id_of(filler),
        .owner_id = id_of((uint8_t)(filler + 1)),
        .currency = "INR",
        .exponent = 2,
        .class = LEDGER_CLASS_LIABILITY,
        .kind = LEDGER_KIND_CUSTOMER,
        .no_negative = true,
        .number = filler,
        .version = 1,
    };
    return account;
}

static void set_up(struct bench *bench)
{
    *bench = (struct bench){0};
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        bench->account[side] = customer_account(side == LEDGER_DEBIT ? 0x10 : 0x20);
        bench->allowance[side] = (struct ledger_allowance){
            .tier = ledger_tier_find(ledger_tiers_default, "T3"),
            .has_profile = true,
            .exponent = 2,
            .owner_id = bench->account[side].owner_id,
        };
        bench->transfer.account_id[side] = bench->account[side].id;
        bench->posting.party[side].account = &bench->account[side];
        bench->posting.party[side].allowance = &bench->allowance[side];
    }
    bench->account[LEDGER_DEBIT].totals.credits_posted = 1000;
    bench->transfer.amount = 100;
    memcpy(bench->transfer.currency, "INR", 4);
    bench->transfer.kind = LEDGER_TRANSFER_POSTED;
    bench->transfer.created_at_ns = NOW_NS;
    bench->posting.transfer = &bench->transfer;
    bench->posting.now_ns = NOW_NS;
}

// ---- Amounts ------------------------------------------------------------------------------------

static void test_transfer_moves_exactly_its_amount_or_nothing(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        u128 debits, credits, debits_pending, limit; // Of the debit account.
        u128 received;                               // Credits posted of the credit account.
        u128 amount;
        const char *refused;
    } rows[] = {
        // given                   debits  credits  pending  limit  received  amount  refused because
        {"exactly enough",              0,     100,       0,     0,        0,    100, NULL},
        {"one minor unit too few",      0,     100,       0,     0,        0,    101, "INSUFFICIENT_FUNDS"},
        {"spent before",               40,     100,       0,     0,        0,     61, "INSUFFICIENT_FUNDS"},
        {"what is left",               40,     100,       0,     0,        0,     60, NULL},
        {"reserved money",              0,     100,      30,     0,        0,     71, "INSUFFICIENT_FUNDS"},
        {"beside reserved money",       0,     100,      30,     0,        0,     70, NULL},
        {"within the overdraft",        0,     100,       0,    50,        0,    150, NULL},
        {"beyond the overdraft",        0,     100,       0,    50,        0,    151, "INSUFFICIENT_FUNDS"},
        {"nothing at all",              0,       0,       0,     0,        0,      1, "INSUFFICIENT_FUNDS"},
        {"the most there can be",       0,     MAX,       0,     0,        0,    MAX, NULL},
        {"beyond all counting",         0,     MAX,       0,     0,        0,MAX + 1, "BALANCE_OVERFLOW"},
        {"debits at their maximum",   MAX,     MAX,       0,   100,        0,      1, "BALANCE_OVERFLOW"},
        {"credits at their maximum",    0,     100,       0,     0,      MAX,      1, "BALANCE_OVERFLOW"},
        {"credits just below it",       0,     100,       0,     0,  MAX - 1,      1, NULL},
        {"all of 128 bits",             0,     MAX,       0,     0,        0,U128_MAX, "BALANCE_OVERFLOW"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench bench;
        set_up(&bench);
        struct ledger_account *debit = &bench.account[LEDGER_DEBIT];
        struct ledger_account *credit = &bench.account[LEDGER_CREDIT];
        debit->totals = (struct ledger_totals){.debits_pending = rows[i].debits_pending,
                                               .debits_posted = rows[i].debits,
                                               .credits_posted = rows[i].credits};
        debit->credit_limit = rows[i].limit;
        credit->totals.credits_posted = rows[i].received;
        bench.transfer.amount = rows[i].amount;

        struct ledger_refusal refusal;
        struct bench before = bench;
        bool may = ledger_core_check(&bench.posting, &refusal);
        assert_memory_equal(&bench, &before, sizeof bench); // A check changes nothing.
        if (rows[i].refused != NULL) {
            if (may) fail_msg("%s: was not refused", rows[i].name);
            assert_string_equal(ledger_reasons[refusal.reason].name, rows[i].refused);
            continue;
        }
        if (!may) fail_msg("%s: refused, %s", rows[i].name, ledger_reasons[refusal.reason].name);
        ledger_core_apply(&bench.posting);
        assert_true(debit->totals.debits_posted == rows[i].debits + rows[i].amount);
        assert_true(credit->totals.credits_posted == rows[i].received + rows[i].amount);
        assert_true(debit->totals.credits_posted == rows[i].credits);
        assert_true(ledger_account_is_sound(debit) && ledger_account_is_sound(credit));
    }
}

static void test_normal_sides(void **state)
{
    (void)state;
    const struct ledger_totals totals = {
        .debits_pending = 1, .debits_posted = 300, .credits_pending = 2, .credits_posted = 100};

    static const struct {
        enum ledger_class class;
        int64_t posted;
        uint64_t in, out;
    } rows[] = {
        {LEDGER_CLASS_ASSET, 200, 1, 2},      {LEDGER_CLASS_EXPENSE, 200, 1, 2},
        {LEDGER_CLASS_LIABILITY, -200, 2, 1}, {LEDGER_CLASS_EQUITY, -200, 2, 1},
        {LEDGER_CLASS_INCOME, -200, 2, 1},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_account account = customer_account(1);
        account.class = rows[i].class;
        account.totals = totals;
        account.credit_limit = 50;
        assert_true(ledger_balance_posted(rows[i].class, &totals) == rows[i].posted);
        assert_true(ledger_balance_pending_in(rows[i].class, &totals) == rows[i].in);
        assert_true(ledger_balance_pending_out(rows[i].class, &totals) == rows[i].out);
        i128 available = rows[i].posted - (i128)rows[i].out + 50;
        assert_true(ledger_account_available(&account) == available);
    }
}

static void test_funds_are_asked_of_the_side_that_falls(void **state)
{
    (void)state;
    // A loan account (debit-normal) may not be paid back beyond zero; cash may fall freely.
    struct bench bench;
    struct ledger_refusal refusal;
    set_up(&bench);
    bench.account[LEDGER_CREDIT].class = LEDGER_CLASS_ASSET;
    bench.account[LEDGER_CREDIT].totals.debits_posted = 99;
    assert_false(ledger_core_check(&bench.posting, &refusal));
    assert_int_equal(refusal.reason, LEDGER_INSUFFICIENT_FUNDS);
    assert_int_equal(refusal.side, LEDGER_CREDIT);
    bench.account[LEDGER_CREDIT].totals.debits_posted = 100;
    assert_true(ledger_core_check(&bench.posting, &refusal));

    ledger_system_account("INR", 2, LEDGER_CASH, &bench.account[LEDGER_DEBIT]);
    bench.transfer.account_id[LEDGER_DEBIT] = bench.account[LEDGER_DEBIT].id;
    bench.posting.party[LEDGER_DEBIT].allowance = NULL;
    bench.transfer.amount = 100;
    assert_true(ledger_core_check(&bench.posting, &refusal));
}

// ---- Precedence ---------------------------------------------------------------------------------

static void break_same_account(struct bench *bench)
{
    bench->transfer.account_id[LEDGER_CREDIT] = bench->transfer.account_id[LEDGER_DEBIT];
}

static void break_zero(struct bench *bench)
{
    bench->transfer.amount = 0;
}

static void break_debit_missing(struct bench *bench)
{
    bench->posting.party[LEDGER_DEBIT] = (struct ledger_party){0};
}

static void break_credit_missing(struct bench *bench)
{
    bench->posting.party[LEDGER_CREDIT] = (struct ledger_party){0};
}

static void break_currency(struct bench *bench)
{
    memcpy(bench->account[LEDGER_CREDIT].currency, "EUR", 4);
}

static void break_closed(struct bench *bench)
{
    bench->account[LEDGER_CREDIT].closed = true;
}

static void break_frozen(struct bench *bench)
{
    bench->account[LEDGER_DEBIT].frozen[LEDGER_DEBIT] = true;
}

static void break_kyc(struct bench *bench)
{
    bench->allowance[LEDGER_CREDIT].has_profile = false;
}

static void break_overflow(struct bench *bench)
{
    bench->account[LEDGER_CREDIT].totals.credits_posted = MAX;
}

static void break_funds(struct bench *bench)
{
    bench->account[LEDGER_DEBIT].totals.credits_posted = 99;
}

static void break_min(struct bench *bench)
{
    bench->account[LEDGER_DEBIT].has_min_balance = true;
    bench->account[LEDGER_DEBIT].min_balance = 901;
}

static void break_max(struct bench *bench)
{
    bench->account[LEDGER_CREDIT].has_max_balance = true;
    bench->account[LEDGER_CREDIT].max_balance = 99;
}

// In order of precedence. A row's rule is broken together with each later one, and must answer.
// clang-format off
static const struct {
    void (*breaks)(struct bench *bench);
    enum ledger_reason reason;
    enum status_code code;
    bool burns;
} precedence[] = {
    {break_same_account,   LEDGER_ACCOUNTS_MUST_DIFFER,     STATUS_INVALID_ARGUMENT,    false},
    {break_zero,           LEDGER_AMOUNT_MUST_NOT_BE_ZERO,  STATUS_INVALID_ARGUMENT,    false},
    {break_debit_missing,  LEDGER_DEBIT_ACCOUNT_NOT_FOUND,  STATUS_NOT_FOUND,           true},
    {break_credit_missing, LEDGER_CREDIT_ACCOUNT_NOT_FOUND, STATUS_NOT_FOUND,           true},
    {break_currency,       LEDGER_CURRENCY_MISMATCH,        STATUS_FAILED_PRECONDITION, false},
    {break_closed,         LEDGER_ACCOUNT_CLOSED,           STATUS_FAILED_PRECONDITION, true},
    {break_frozen,         LEDGER_ACCOUNT_FROZEN,           STATUS_FAILED_PRECONDITION, true},
    {break_kyc,            LEDGER_KYC_LIMIT_EXCEEDED,       STATUS_FAILED_PRECONDITION, true},
    {break_overflow,       LEDGER_BALANCE_OVERFLOW,         STATUS_FAILED_PRECONDITION, true},
    {break_funds,          LEDGER_INSUFFICIENT_FUNDS,       STATUS_FAILED_PRECONDITION, true},
    {break_min,            LEDGER_BELOW_MIN_BALANCE,        STATUS_FAILED_PRECONDITION, true},
    {break_max,            LEDGER_ABOVE_MAX_BALANCE,        STATUS_FAILED_PRECONDITION, true},
};

// clang-format on

static void test_the_first_broken_rule_answers(void **state)
{
    (void)state;
    for (size_t first = 0; first < ROWS(precedence); first++) {
        for (size_t second = first; second < ROWS(precedence); second++) {
            struct bench bench;
            struct ledger_refusal refusal;
            set_up(&bench);
            precedence[second].breaks(&bench);
            precedence[first].breaks(&bench);
            assert_false(ledger_core_check(&bench.posting, &refusal));
            assert_string_equal(ledger_reasons[refusal.reason].name,
                                ledger_reasons[precedence[first].reason].name);
        }
        struct status status = ledger_reason_status(precedence[first].reason);
        assert_int_equal(status.code, precedence[first].code);
        assert_int_equal(ledger_reasons[precedence[first].reason].burns_id,
                         precedence[first].burns);
        if (first > 0) assert_true(precedence[first - 1].reason < precedence[first].reason);
    }
}

static void test_freezes_hold_one_direction_and_lift_themselves(void **state)
{
    (void)state;

    static const struct {
        enum ledger_side account, frozen;
        uint64_t until_ns;
        bool refused;
    } rows[] = {
        {LEDGER_DEBIT, LEDGER_DEBIT, 0, true},          {LEDGER_DEBIT, LEDGER_CREDIT, 0, false},
        {LEDGER_CREDIT, LEDGER_CREDIT, 0, true},        {LEDGER_CREDIT, LEDGER_DEBIT, 0, false},
        {LEDGER_DEBIT, LEDGER_DEBIT, NOW_NS + 1, true}, {LEDGER_DEBIT, LEDGER_DEBIT, NOW_NS, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench bench;
        struct ledger_refusal refusal = {0};
        set_up(&bench);
        struct ledger_account *account = &bench.account[rows[i].account];
        account->frozen[rows[i].frozen] = true;
        account->frozen_until_ns[rows[i].frozen] = rows[i].until_ns;
        assert_int_equal(!ledger_core_check(&bench.posting, &refusal), rows[i].refused);
        if (rows[i].refused) assert_int_equal(refusal.reason, LEDGER_ACCOUNT_FROZEN);
    }
}

// ---- Repeated ids -------------------------------------------------------------------------------

static void test_the_first_field_that_differs_is_named(void **state)
{
    (void)state;
    struct bench bench;
    enum ledger_reason reason = LEDGER_REASON_COUNT;
    set_up(&bench);
    struct ledger_transfer asked = bench.transfer;
    assert_true(ledger_core_compare(&asked, &bench.transfer, &reason));
    // From the last field to the first: each one differs in addition, and is the one named.
    memcpy(asked.description, "x", 2);
    assert_false(ledger_core_compare(&asked, &bench.transfer, &reason));
    assert_int_equal(reason, LEDGER_EXISTS_WITH_DIFFERENT_DESCRIPTION);
    asked.code = 7;
    assert_false(ledger_core_compare(&asked, &bench.transfer, &reason));
    assert_int_equal(reason, LEDGER_EXISTS_WITH_DIFFERENT_CODE);
    memcpy(asked.currency, "EUR", 4);
    assert_false(ledger_core_compare(&asked, &bench.transfer, &reason));
    assert_int_equal(reason, LEDGER_EXISTS_WITH_DIFFERENT_CURRENCY);
    asked.amount++;
    assert_false(ledger_core_compare(&asked, &bench.transfer, &reason));
    assert_int_equal(reason, LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT);
    asked.account_id[LEDGER_CREDIT] = id_of(9);
    assert_false(ledger_core_compare(&asked, &bench.transfer, &reason));
    assert_int_equal(reason, LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID);
    asked.account_id[LEDGER_DEBIT] = id_of(9);
    assert_false(ledger_core_compare(&asked, &bench.transfer, &reason));
    assert_int_equal(reason, LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID);
}

// ---- The rest -----------------------------------------------------------------------------------

static void test_system_account_ids(void **state)
{
    (void)state;
    char text[ID128_TEXT_BYTES];
    id128_format(ledger_system_account_id("INR", LEDGER_CASH), text);
    assert_string_equal(text, "494e5200-0000-8100-8000-0000464c524e");
    id128_format(ledger_system_account_id("ABCDEFGHIJ", LEDGER_FX), text);
    assert_string_equal(text, "41424344-4546-8347-8048-494a464c524e");
    assert_true(ledger_id_is_system(ledger_system_account_id("EUR", LEDGER_FEES)));
    assert_false(ledger_id_is_system(id128_generate()));

    struct ledger_account account;
    ledger_system_account("INR", 2, LEDGER_FEES, &account);
    account.number = 1;
    assert_int_equal(account.class, LEDGER_CLASS_INCOME);
    assert_false(account.no_negative);
    assert_true(ledger_account_is_sound(&account));
}

static void test_ledger_time_only_rises(void **state)
{
    (void)state;
    assert_int_equal(ledger_time_next(100, 50), 100);
    assert_int_equal(ledger_time_next(100, 100), 101);
    assert_int_equal(ledger_time_next(100, 500), 501);
}

static void test_currencies_are_sorted_and_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ledger_currency_count; i++) {
        assert_int_equal(strlen(ledger_currencies[i].code), 3);
        if (i > 0)
            assert_true(strcmp(ledger_currencies[i - 1].code, ledger_currencies[i].code) < 0);
        assert_ptr_equal(ledger_currency_find(ledger_currencies[i].code), &ledger_currencies[i]);
    }
    assert_int_equal(ledger_currency_find("INR")->exponent, 2);
    assert_int_equal(ledger_currency_find("JPY")->exponent, 0);
    assert_int_equal(ledger_currency_find("KWD")->exponent, 3);
    assert_null(ledger_currency_find("POINTS"));
}

/// The README's table "Refusals, in order" lists what the code does, in the same order.
static void test_the_readme_lists_every_reason_in_order(void **state)
{
    (void)state;
    char path[512], line[1024];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/services/ledger/README.md", source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t listed = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "| `", 3) != 0) continue;
        const char *name = line + 3;
        size_t size = strcspn(name, "`");
        enum ledger_reason reason = ledger_reason_find(name, size);
        if (reason == LEDGER_REASON_COUNT) continue; // A row of another table.
        if (reason != listed) fail_msg("README: %.*s stands at place %zu", (int)size, name, listed);
        bool says_burnt = strstr(line, "| burns |") != NULL;
        if (says_burnt != ledger_reasons[reason].burns_id)
            fail_msg("README: %.*s: is its id burnt?", (int)size, name);
        if (strstr(line, status_code_name(ledger_reasons[reason].code)) == NULL)
            fail_msg("README: %.*s: wrong code", (int)size, name);
        listed++;
    }
    fclose(file);
    assert_int_equal(listed, LEDGER_REASON_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer_moves_exactly_its_amount_or_nothing),
        cmocka_unit_test(test_normal_sides),
        cmocka_unit_test(test_funds_are_asked_of_the_side_that_falls),
        cmocka_unit_test(test_the_first_broken_rule_answers),
        cmocka_unit_test(test_freezes_hold_one_direction_and_lift_themselves),
        cmocka_unit_test(test_the_first_field_that_differs_is_named),
        cmocka_unit_test(test_system_account_ids),
        cmocka_unit_test(test_ledger_time_only_rises),
        cmocka_unit_test(test_currencies_are_sorted_and_found),
        cmocka_unit_test(test_the_readme_lists_every_reason_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
