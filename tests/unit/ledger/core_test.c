// Every rule of money, which of several broken ones answers, and what each kind of movement does.
#include "common/base/check.h"
#include "tests/unit/ledger/rules.h"

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
        {"the last minor unit",         0,       1,       0,     0,        0,      1, NULL},
        {"spent before",               40,     100,       0,     0,        0,     61, "INSUFFICIENT_FUNDS"},
        {"what is left",               40,     100,       0,     0,        0,     60, NULL},
        {"reserved money",              0,     100,      30,     0,        0,     71, "INSUFFICIENT_FUNDS"},
        {"beside reserved money",       0,     100,      30,     0,        0,     70, NULL},
        {"within the overdraft",        0,     100,       0,    50,        0,    150, NULL},
        {"beyond the overdraft",        0,     100,       0,    50,        0,    151, "INSUFFICIENT_FUNDS"},
        {"overdrawn already",         200,     100,       0,    50,        0,      1, "INSUFFICIENT_FUNDS"},
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
        bench_set_up(&bench);
        struct ledger_account *debit = &bench.account[LEDGER_DEBIT];
        struct ledger_account *credit = &bench.account[LEDGER_CREDIT];
        debit->totals = (struct ledger_totals){.debits_pending = rows[i].debits_pending,
                                               .debits_posted = rows[i].debits,
                                               .credits_posted = rows[i].credits};
        debit->credit_limit = rows[i].limit;
        credit->totals.credits_posted = rows[i].received;
        bench.transfer.amount = rows[i].amount;

        struct bench before = bench;
        const char *refused = bench_reason(&bench);
        assert_memory_equal(&bench, &before, sizeof bench); // A check changes nothing.
        if (rows[i].refused != NULL) {
            if (refused == NULL) fail_msg("%s: was not refused", rows[i].name);
            assert_string_equal(refused, rows[i].refused);
            continue;
        }
        if (refused != NULL) fail_msg("%s: refused, %s", rows[i].name, refused);
        ledger_core_apply(&bench.posting);
        assert_true(debit->totals.debits_posted == rows[i].debits + rows[i].amount);
        assert_true(credit->totals.credits_posted == rows[i].received + rows[i].amount);
        assert_true(debit->totals.credits_posted == rows[i].credits);
        assert_true(debit->changed_at_ns == NOW_NS && credit->changed_at_ns == NOW_NS);
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
    bench_set_up(&bench);
    bench.account[LEDGER_CREDIT].class = LEDGER_CLASS_ASSET;
    bench.account[LEDGER_CREDIT].totals.debits_posted = 99;
    assert_false(ledger_core_check(&bench.posting, &refusal));
    assert_int_equal(refusal.reason, LEDGER_INSUFFICIENT_FUNDS);
    assert_int_equal(refusal.side, LEDGER_CREDIT);
    bench.account[LEDGER_CREDIT].totals.debits_posted = 100;
    assert_null(bench_reason(&bench));

    ledger_system_account("INR", 2, LEDGER_CASH, &bench.account[LEDGER_DEBIT]);
    bench.transfer.account_id[LEDGER_DEBIT] = bench.account[LEDGER_DEBIT].id;
    bench.posting.party[LEDGER_DEBIT].allowance = NULL;
    assert_null(bench_reason(&bench));
}

static void test_minimum_and_maximum_count_holds_where_they_hurt(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        u128 pending_out, pending_in;  // Of the debit account, which has 1,000; of the credit one.
        bool has_min, has_max;
        i128 min, max;                 // Of the debit account; of the credit account, which has 0.
        u128 amount;
        const char *refused;
    } rows[] = {
        {"down to the minimum",        0,   0, true,  false,  900,   0,  100, NULL},
        {"below the minimum",          0,   0, true,  false,  901,   0,  100, "BELOW_MIN_BALANCE"},
        {"an outgoing hold counts",   50,   0, true,  false,  900,   0,   51, "BELOW_MIN_BALANCE"},
        {"beside an outgoing hold",   50,   0, true,  false,  900,   0,   50, NULL},
        {"a negative minimum",         0,   0, true,  false,  -10,   0, 1000, NULL},
        {"below it from the start",    0,   0, true,  false, 2000,   0,    1, "BELOW_MIN_BALANCE"},
        {"the lowest minimum",         0,   0, true,  false, -(i128)MAX, 0, 1000, NULL},
        {"up to the maximum",          0,   0, false, true,     0, 100,  100, NULL},
        {"above the maximum",          0,   0, false, true,     0,  99,  100, "ABOVE_MAX_BALANCE"},
        {"an incoming hold counts",    0,  50, false, true,     0, 100,   51, "ABOVE_MAX_BALANCE"},
        {"beside an incoming hold",    0,  50, false, true,     0, 100,   50, NULL},
        {"a maximum below zero",       0,   0, false, true,     0,  -5,    1, "ABOVE_MAX_BALANCE"},
        {"the highest maximum",        0,   0, false, true,     0, (i128)MAX, 1000, NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench bench;
        bench_set_up(&bench);
        struct ledger_account *debit = &bench.account[LEDGER_DEBIT];
        struct ledger_account *credit = &bench.account[LEDGER_CREDIT];
        debit->totals.debits_pending = rows[i].pending_out;
        debit->has_min_balance = rows[i].has_min;
        debit->min_balance = rows[i].min;
        credit->totals.credits_pending = rows[i].pending_in;
        credit->has_max_balance = rows[i].has_max;
        credit->max_balance = rows[i].max;
        bench.transfer.amount = rows[i].amount;
        assert_true(ledger_account_is_sound(debit) && ledger_account_is_sound(credit));
        const char *refused = bench_reason(&bench);
        const char *wanted = rows[i].refused;
        if ((refused == NULL) != (wanted == NULL)) fail_msg("%s: %s", rows[i].name, refused);
        if (wanted != NULL) assert_string_equal(refused, wanted);
    }
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
    bench->allowance[LEDGER_CREDIT].may_post = false;
}

static void break_kyc_freeze(struct bench *bench)
{
    bench->allowance[LEDGER_DEBIT].debit_freeze = true;
}

static void break_kyc_amount(struct bench *bench)
{
    bench->allowance[LEDGER_DEBIT].is_limited[LEDGER_LIMIT_TRANSFER] = true;
    bench->allowance[LEDGER_DEBIT].allowed[LEDGER_LIMIT_TRANSFER] = 99;
}

static void break_overflow(struct bench *bench)
{
    struct ledger_totals *totals = &bench->account[LEDGER_CREDIT].totals;
    totals->credits_posted = MAX - totals->credits_pending;
}

static void break_funds(struct bench *bench)
{
    struct ledger_totals *totals = &bench->account[LEDGER_DEBIT].totals;
    totals->credits_posted = totals->debits_posted + totals->debits_pending + 99;
}

static void break_min(struct bench *bench)
{
    bench->account[LEDGER_DEBIT].has_min_balance = true;
    bench->account[LEDGER_DEBIT].min_balance = 1001;
}

static void break_max(struct bench *bench)
{
    bench->account[LEDGER_CREDIT].has_max_balance = true;
    bench->account[LEDGER_CREDIT].max_balance = 99;
}

// clang-format off
enum { NONE = 0, POSTED = 1, PENDING = 2, POST = 4, VOID = 8, REVERSAL = 16, EXPIRY = 32, EVERY = 63,
       NEW = POSTED | PENDING, BUT_RELEASES = NEW | POST | REVERSAL };

/// In order of precedence, with the kinds that are under the rule.
static const struct {
    void (*breaks)(struct bench *bench);
    enum ledger_reason reason;
    int kinds;
} precedence[] = {
    {break_same_account,   LEDGER_ACCOUNTS_MUST_DIFFER,     EVERY},
    {break_zero,           LEDGER_AMOUNT_MUST_NOT_BE_ZERO,  EVERY},
    {break_debit_missing,  LEDGER_DEBIT_ACCOUNT_NOT_FOUND,  EVERY},
    {break_credit_missing, LEDGER_CREDIT_ACCOUNT_NOT_FOUND, EVERY},
    {break_currency,       LEDGER_CURRENCY_MISMATCH,        EVERY},
    {break_closed,         LEDGER_ACCOUNT_CLOSED,           BUT_RELEASES},
    {break_frozen,         LEDGER_ACCOUNT_FROZEN,           BUT_RELEASES},
    {break_kyc,            LEDGER_KYC_LIMIT_EXCEEDED,       NEW | POST},
    {break_kyc_freeze,     LEDGER_KYC_LIMIT_EXCEEDED,       BUT_RELEASES},
    {break_kyc_amount,     LEDGER_KYC_LIMIT_EXCEEDED,       NEW},
    {break_overflow,       LEDGER_BALANCE_OVERFLOW,         NEW | REVERSAL},
    {break_funds,          LEDGER_INSUFFICIENT_FUNDS,       NEW | REVERSAL},
    {break_min,            LEDGER_BELOW_MIN_BALANCE,        NEW | REVERSAL},
    {break_max,            LEDGER_ABOVE_MAX_BALANCE,        NEW | REVERSAL},
};

// clang-format on

static bool is_under(enum ledger_transfer_kind kind, int kinds)
{
    return (kinds & 1 << (kind - LEDGER_TRANSFER_POSTED)) != 0;
}

static void test_each_kind_is_under_its_rules(void **state)
{
    (void)state;
    for (enum ledger_transfer_kind kind = LEDGER_TRANSFER_POSTED; kind < LEDGER_TRANSFER_KIND_END;
         kind++) {
        struct bench bench;
        bench_set_up(&bench);
        bench_set_kind(&bench, kind);
        assert_null(bench_reason(&bench));
        for (size_t i = 0; i < ROWS(precedence); i++) {
            bench_set_up(&bench);
            bench_set_kind(&bench, kind);
            precedence[i].breaks(&bench);
            const char *refused = bench_reason(&bench);
            const char *name = ledger_reasons[precedence[i].reason].name;
            if (!is_under(kind, precedence[i].kinds)) {
                if (refused != NULL)
                    fail_msg("%s is under %s", ledger_transfer_kind_name(kind), name);
            } else if (refused == NULL || strcmp(refused, name) != 0) {
                fail_msg("%s, %s: %s", ledger_transfer_kind_name(kind), name, refused);
            }
        }
    }
}

static void test_of_several_broken_rules_the_first_answers(void **state)
{
    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        struct bench bench;
        bench_set_up(&bench);
        enum ledger_transfer_kind kind =
            LEDGER_TRANSFER_POSTED +
            random_below(LEDGER_TRANSFER_KIND_END - LEDGER_TRANSFER_POSTED);
        bench_set_kind(&bench, kind);
        uint64_t broken = random_u64() & random_u64(); // A few of them.
        const char *first = NULL;
        // From the last to the first: what takes an account away must come after what changes it.
        for (size_t i = ROWS(precedence); i-- > 0;) {
            if ((broken >> i & 1) == 0) continue;
            precedence[i].breaks(&bench);
            if (is_under(kind, precedence[i].kinds))
                first = ledger_reasons[precedence[i].reason].name;
        }
        const char *refused = bench_reason(&bench);
        if (first == NULL) {
            if (refused != NULL) fail_msg("set %jx: refused, %s", (uintmax_t)broken, refused);
        } else if (refused == NULL || strcmp(refused, first) != 0) {
            fail_msg("%s, set %jx: %s instead of %s", ledger_transfer_kind_name(kind),
                     (uintmax_t)broken, refused, first);
        }
    }
    for (size_t i = 1; i < ROWS(precedence); i++)
        assert_true(precedence[i - 1].reason <= precedence[i].reason);
}

static void test_a_refusal_says_whose_account(void **state)
{
    (void)state;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct bench bench;
        struct ledger_refusal refusal;
        bench_set_up(&bench);
        bench.account[side].closed = true;
        assert_false(ledger_core_check(&bench.posting, &refusal));
        assert_int_equal(refusal.side, side);
        bench.account[LEDGER_DEBIT].closed = bench.account[LEDGER_CREDIT].closed = true;
        assert_false(ledger_core_check(&bench.posting, &refusal));
        assert_int_equal(refusal.side, LEDGER_DEBIT); // Of both the debit side.
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
        bench_set_up(&bench);
        struct ledger_account *account = &bench.account[rows[i].account];
        account->frozen[rows[i].frozen] = true;
        account->frozen_until_ns[rows[i].frozen] = rows[i].until_ns;
        const char *refused = bench_reason(&bench);
        assert_int_equal(refused != NULL, rows[i].refused);
        if (refused != NULL) assert_string_equal(refused, "ACCOUNT_FROZEN");
    }
}

// ---- What fits ----------------------------------------------------------------------------------

static void draw_account(struct ledger_account *account, u128 most)
{
    struct ledger_totals *totals = &account->totals;
    totals->debits_pending = random_amount(most / 2);
    totals->debits_posted = random_amount(most / 2);
    totals->credits_pending = random_amount(most / 2);
    totals->credits_posted = random_amount(most / 2);
    account->class = LEDGER_CLASS_ASSET + random_below(5);
    account->no_negative = random_below(4) > 0;
    account->credit_limit = random_below(2) > 0 ? random_amount(most) : 0;
    account->has_min_balance = random_below(4) == 0;
    account->has_max_balance = random_below(4) == 0;
    i128 sign = random_below(2) > 0 ? 1 : -1;
    account->min_balance = account->has_min_balance ? sign * (i128)random_amount(most) : 0;
    account->max_balance = account->has_max_balance ? sign * (i128)random_amount(most) : 0;
    CHECK(ledger_account_is_sound(account));
}

static void draw_allowance(struct ledger_allowance *allowance, u128 most)
{
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        if (random_below(6) > 0) continue;
        allowance->is_limited[limit] = true;
        allowance->allowed[limit] = random_amount(most);
        allowance->is_counted = allowance->is_counted || limit != LEDGER_LIMIT_TRANSFER;
    }
    struct ledger_counters *counters = &allowance->counters;
    ledger_limits_roll(counters, NOW_NS);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        counters->sum[LEDGER_DEBIT][period] = random_amount(most / 4);
        counters->sum[LEDGER_CREDIT][period] = random_amount(most / 4);
    }
    counters->balance = (i128)random_amount(most / 4) - (i128)random_amount(most / 4);
}

static void test_what_fits_passes_and_one_more_does_not(void **state)
{
    (void)state;
    size_t nothing = 0, something = 0;
    for (size_t round = 0; round < 50000; round++) {
        struct bench bench;
        bench_set_up(&bench);
        bench_set_kind(&bench,
                       random_below(2) > 0 ? LEDGER_TRANSFER_POSTED : LEDGER_TRANSFER_PENDING);
        u128 most = MAX >> random_below(120);
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            draw_account(&bench.account[side], most);
            draw_allowance(&bench.allowance[side], most);
        }
        if (random_below(8) == 0)
            bench.account[LEDGER_CREDIT].owner_id = bench.account[LEDGER_DEBIT].owner_id;

        u128 fits = ledger_core_fit(&bench.posting, U128_MAX);
        assert_true(fits <= MAX);
        u128 below = random_amount(fits);
        assert_true(ledger_core_fit(&bench.posting, below) == below); // Never more than asked.
        bench.transfer.amount = fits;
        if (fits > 0) assert_null(bench_reason(&bench));
        bench.transfer.amount = fits + 1;
        assert_non_null(bench_reason(&bench)); // Of nothing: an amount of 1 says why.
        if (fits == 0) {
            nothing++;
            continue;
        }
        something++;
        bench.transfer.amount = fits;
        ledger_core_apply(&bench.posting);
        assert_true(ledger_account_is_sound(&bench.account[LEDGER_DEBIT]));
        assert_true(ledger_account_is_sound(&bench.account[LEDGER_CREDIT]));
        if (bench.allowance[LEDGER_DEBIT].is_limited[LEDGER_LIMIT_TRANSFER]) continue;
        if (bench.allowance[LEDGER_CREDIT].is_limited[LEDGER_LIMIT_TRANSFER]) continue;
        assert_true(ledger_core_fit(&bench.posting, U128_MAX) == 0); // It was all there is.
    }
    assert_true(nothing > 1000 && something > 1000); // Both were seen.
}

// ---- Kinds --------------------------------------------------------------------------------------

static void test_what_each_kind_does_to_a_hold_of_100(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        enum ledger_transfer_kind kind;
        u128 amount;
        bool not_final;
        u128 captured;        // Before.
        u128 pending, posted; // On both sides, afterwards.
        enum ledger_hold_state state;
    } rows[] = {
        {LEDGER_TRANSFER_POST,   100, false,  0,   0, 100, LEDGER_HOLD_POSTED},
        {LEDGER_TRANSFER_POST,    30, false,  0,   0,  30, LEDGER_HOLD_POSTED}, // Releases the rest.
        {LEDGER_TRANSFER_POST,    30, true,   0,  70,  30, LEDGER_HOLD_OPEN},
        {LEDGER_TRANSFER_POST,    20, true,  30,  50,  50, LEDGER_HOLD_OPEN},
        {LEDGER_TRANSFER_POST,    20, false, 30,   0,  50, LEDGER_HOLD_POSTED},
        {LEDGER_TRANSFER_POST,   100, true,   0,   0, 100, LEDGER_HOLD_POSTED}, // Nothing is left.
        {LEDGER_TRANSFER_POST,    70, true,  30,   0, 100, LEDGER_HOLD_POSTED},
        {LEDGER_TRANSFER_VOID,   100, false,  0,   0,   0, LEDGER_HOLD_VOIDED},
        {LEDGER_TRANSFER_VOID,    70, false, 30,   0,  30, LEDGER_HOLD_VOIDED},
        {LEDGER_TRANSFER_EXPIRY, 100, false,  0,   0,   0, LEDGER_HOLD_EXPIRED},
        {LEDGER_TRANSFER_EXPIRY,  70, false, 30,   0,  30, LEDGER_HOLD_EXPIRED},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench bench;
        bench_set_up(&bench);
        bench_set_kind(&bench, rows[i].kind);
        struct ledger_totals *debit = &bench.account[LEDGER_DEBIT].totals;
        struct ledger_totals *credit = &bench.account[LEDGER_CREDIT].totals;
        debit->debits_posted = credit->credits_posted = bench.progress.captured = rows[i].captured;
        debit->debits_pending = credit->credits_pending = 100 - rows[i].captured;
        bench.transfer.amount = rows[i].amount;
        bench.transfer.not_final = rows[i].not_final;
        assert_null(bench_reason(&bench));
        ledger_core_apply(&bench.posting);
        assert_true(debit->debits_pending == rows[i].pending);
        assert_true(credit->credits_pending == rows[i].pending);
        assert_true(debit->debits_posted == rows[i].posted);
        assert_true(credit->credits_posted == rows[i].posted);
        assert_int_equal(bench.progress.state, rows[i].state);
        bool is_capture = rows[i].kind == LEDGER_TRANSFER_POST;
        u128 captured = rows[i].captured + (is_capture ? rows[i].amount : 0);
        assert_true(bench.progress.captured == captured);
        bool is_open = rows[i].state == LEDGER_HOLD_OPEN;
        u128 remaining = ledger_progress_remaining(&bench.subject, &bench.progress);
        assert_true(remaining == (is_open ? 100 - captured : 0));
    }
}

static void test_a_hold_reserves_and_says_when_it_expires(void **state)
{
    (void)state;
    struct bench bench;
    bench_set_up(&bench);
    bench_set_kind(&bench, LEDGER_TRANSFER_PENDING);
    bench.transfer.timeout_seconds = 60;
    ledger_core_apply(&bench.posting);
    assert_true(bench.account[LEDGER_DEBIT].totals.debits_pending == 100);
    assert_true(bench.account[LEDGER_CREDIT].totals.credits_pending == 100);
    assert_true(bench.account[LEDGER_DEBIT].totals.debits_posted == 0);
    assert_true(ledger_account_available(&bench.account[LEDGER_DEBIT]) == 900);
    assert_true(ledger_account_available(&bench.account[LEDGER_CREDIT]) == 0);
    assert_int_equal(bench.progress.state, LEDGER_HOLD_OPEN);
    assert_int_equal(bench.progress.expires_at_ns, NOW_NS + UINT64_C(60000000000));

    bench_set_up(&bench);
    bench_set_kind(&bench, LEDGER_TRANSFER_PENDING);
    ledger_core_apply(&bench.posting);
    assert_int_equal(bench.progress.expires_at_ns, 0); // Never.
}

static void test_a_reversal_moves_back_and_adds_up(void **state)
{
    (void)state;
    struct bench bench;
    bench_set_up(&bench);
    bench_set_kind(&bench, LEDGER_TRANSFER_REVERSAL);
    bench.transfer.amount = 40;
    struct ledger_transfer original = bench.subject;
    ledger_core_apply(&bench.posting);
    assert_true(bench.progress.reversed == 40);
    assert_true(bench.account[LEDGER_DEBIT].totals.debits_posted == 40);
    bench.transfer.amount = 60;
    ledger_core_apply(&bench.posting);
    assert_true(bench.progress.reversed == 100);
    assert_int_equal(bench.progress.state, LEDGER_HOLD_NONE);
    assert_memory_equal(&bench.subject, &original, sizeof original);
}

// ---- Counters of both owners --------------------------------------------------------------------

static void test_what_each_kind_does_to_the_counters(void **state)
{
    (void)state;

    // clang-format off
    // The original was counted in the month before (held or posted), or a moment ago.
    static const struct {
        const char *name;
        enum ledger_transfer_kind kind;
        u128 amount;
        bool not_final, is_internal, was_last_month;
        int64_t debit_month, credit_month, debit_balance, credit_balance; // By what they change.
    } rows[] = {
        {"posted",           LEDGER_TRANSFER_POSTED,   100, false, false, false,  100,  100, -100,  100},
        {"between own",      LEDGER_TRANSFER_POSTED,   100, false, true,  false,    0,    0,    0,    0},
        {"held",             LEDGER_TRANSFER_PENDING,  100, false, false, false,  100,  100,    0,  100},
        {"captured",         LEDGER_TRANSFER_POST,     100, false, false, false,    0,    0, -100,    0},
        {"in part",          LEDGER_TRANSFER_POST,      30, true,  false, false,    0,    0,  -30,    0},
        {"finally",          LEDGER_TRANSFER_POST,      30, false, false, false,  -70,  -70,  -30,  -70},
        {"a month later",    LEDGER_TRANSFER_POST,      30, false, false, true,     0,    0,  -30,  -70},
        {"voided",           LEDGER_TRANSFER_VOID,     100, false, false, false, -100, -100,    0, -100},
        {"voided later",     LEDGER_TRANSFER_VOID,     100, false, false, true,     0,    0,    0, -100},
        {"expired",          LEDGER_TRANSFER_EXPIRY,   100, false, false, false, -100, -100,    0, -100},
        {"expired between",  LEDGER_TRANSFER_EXPIRY,   100, false, true,  false,    0,    0,    0,    0},
    };

    // clang-format on
    uint64_t last_month_ns = ledger_period_begin_ns(LEDGER_MONTH, NOW_NS) - 1;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench bench;
        bench_set_up(&bench);
        bench_set_kind(&bench, rows[i].kind);
        bench.transfer.amount = rows[i].amount;
        bench.transfer.not_final = rows[i].not_final;
        if (rows[i].was_last_month) bench.subject.created_at_ns = last_month_ns;
        if (rows[i].is_internal)
            bench.account[LEDGER_CREDIT].owner_id = bench.account[LEDGER_DEBIT].owner_id;
        struct ledger_counters before[LEDGER_SIDES];
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            struct ledger_allowance *allowance = &bench.allowance[side];
            allowance->is_counted = true;
            ledger_limits_count(&allowance->counters, LEDGER_DEBIT, 1000, NOW_NS);
            ledger_limits_count(&allowance->counters, LEDGER_CREDIT, 1000, NOW_NS);
            before[side] = allowance->counters;
        }
        ledger_core_apply(&bench.posting);
        const struct ledger_counters *debit = &bench.allowance[LEDGER_DEBIT].counters;
        const struct ledger_counters *credit = &bench.allowance[LEDGER_CREDIT].counters;
        i128 changes[] = {
            (i128)debit->sum[LEDGER_DEBIT][LEDGER_MONTH] - 1000,
            (i128)credit->sum[LEDGER_CREDIT][LEDGER_MONTH] - 1000,
            debit->balance - before[LEDGER_DEBIT].balance,
            credit->balance - before[LEDGER_CREDIT].balance,
        };
        int64_t wanted[] = {rows[i].debit_month, rows[i].credit_month, rows[i].debit_balance,
                            rows[i].credit_balance};
        for (size_t c = 0; c < ROWS(changes); c++) {
            if (changes[c] != wanted[c])
                fail_msg("%s: column %zu: %jd", rows[i].name, c, (intmax_t)changes[c]);
        }
    }
}

static void test_a_reversal_gives_back_when_it_was_counted(void **state)
{
    (void)state;
    uint64_t last_month_ns = ledger_period_begin_ns(LEDGER_MONTH, NOW_NS) - 1;

    // clang-format off
    const struct {
        enum ledger_transfer_kind subject;
        uint64_t created_at_ns, counted_at_ns;
        u128 month, year; // Of what the payer sent and the payee received: 100 each before.
    } rows[] = {
        {LEDGER_TRANSFER_POSTED, NOW_NS - 1,    0,             0,   0},
        {LEDGER_TRANSFER_POSTED, last_month_ns, 0,             100, 0},
        {LEDGER_TRANSFER_POST,   NOW_NS - 1,    NOW_NS - 2,    0,   0},
        {LEDGER_TRANSFER_POST,   NOW_NS - 1,    last_month_ns, 100, 0},   // Held last month.
        {LEDGER_TRANSFER_POST,   NOW_NS - 1,    0,             100, 100}, // Nobody knows when.
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct bench bench;
        bench_set_up(&bench);
        bench_set_kind(&bench, LEDGER_TRANSFER_REVERSAL);
        bench.subject.kind = rows[i].subject;
        bench.subject.created_at_ns = rows[i].created_at_ns;
        bench.posting.counted_at_ns = rows[i].counted_at_ns;
        // The reversal debits who received, and credits who paid.
        struct ledger_counters *payee = &bench.allowance[LEDGER_DEBIT].counters;
        struct ledger_counters *payer = &bench.allowance[LEDGER_CREDIT].counters;
        bench.allowance[LEDGER_DEBIT].is_counted = bench.allowance[LEDGER_CREDIT].is_counted = true;
        ledger_limits_count(payee, LEDGER_CREDIT, 100, NOW_NS);
        ledger_limits_count(payer, LEDGER_DEBIT, 100, NOW_NS);
        ledger_core_apply(&bench.posting);
        assert_true(payee->sum[LEDGER_CREDIT][LEDGER_MONTH] == rows[i].month);
        assert_true(payer->sum[LEDGER_DEBIT][LEDGER_MONTH] == rows[i].month);
        assert_true(payee->sum[LEDGER_CREDIT][LEDGER_YEAR] == rows[i].year);
        assert_true(payee->sum[LEDGER_DEBIT][LEDGER_YEAR] == 0); // A reversal counts nothing new.
        assert_true(payee->balance == 0 && payer->balance == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer_moves_exactly_its_amount_or_nothing),
        cmocka_unit_test(test_normal_sides),
        cmocka_unit_test(test_funds_are_asked_of_the_side_that_falls),
        cmocka_unit_test(test_minimum_and_maximum_count_holds_where_they_hurt),
        cmocka_unit_test(test_each_kind_is_under_its_rules),
        cmocka_unit_test(test_of_several_broken_rules_the_first_answers),
        cmocka_unit_test(test_a_refusal_says_whose_account),
        cmocka_unit_test(test_freezes_hold_one_direction_and_lift_themselves),
        cmocka_unit_test(test_what_fits_passes_and_one_more_does_not),
        cmocka_unit_test(test_what_each_kind_does_to_a_hold_of_100),
        cmocka_unit_test(test_a_hold_reserves_and_says_when_it_expires),
        cmocka_unit_test(test_a_reversal_moves_back_and_adds_up),
        cmocka_unit_test(test_what_each_kind_does_to_the_counters),
        cmocka_unit_test(test_a_reversal_gives_back_when_it_was_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
