// Tiers as limits: what each tier may do, sums per calendar period, and when they start anew.
#include "tests/unit/ledger/rules.h"

/// What stands for an owner with that tier (NULL: kyc has not spoken) in a currency.
static struct ledger_allowance allowance_of(const char *tier, const char *currency,
                                            uint8_t exponent)
{
    struct ledger_profile profile = {.owner_id = id_of(1), .version = 2};
    struct ledger_allowance allowance;
    if (tier != NULL) memcpy(profile.tier, tier, strlen(tier) + 1);
    ledger_allowance_of(&ledger_tiers_default, tier != NULL ? &profile : NULL, id_of(1), currency,
                        exponent, &allowance);
    return allowance;
}

/// The limit that refuses; NULL: none does.
static const char *refused_by(const struct ledger_allowance *allowance, enum ledger_side side,
                              u128 amount, uint64_t now_ns)
{
    struct ledger_refusal refusal = {0};
    bool may =
        ledger_limits_check(allowance, LEDGER_CHECK_ALL, side, amount, false, now_ns, &refusal);
    return may ? NULL : refusal.limit;
}

static void assert_same_text(const char *row, const char *text, const char *wanted)
{
    if (text == NULL && wanted == NULL) return;
    if (text == NULL || wanted == NULL || strcmp(text, wanted) != 0)
        fail_msg("%s: %s instead of %s", row, text, wanted);
}

static void test_what_each_tier_may_do(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *tier; // NULL: no profile.
        enum ledger_side side;
        u128 amount;      // In minor units of a currency with exponent 2.
        u128 received;    // Before, in this year but not this month.
        i128 balance;
        const char *limit;
    } rows[] = {
        // tier  side             amount  received  balance  refused by
        {NULL,   LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"",     LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"T0",   LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"T9",   LEDGER_CREDIT,        1,        0,       0, "posting"},
        {"RO",   LEDGER_CREDIT, 99999999,        0,       0, NULL},
        {"RO",   LEDGER_DEBIT,         1,        0,     100, "receive_only"},
        {"T1",   LEDGER_DEBIT,         1,        0,     100, "receive_only"},
        {"T1",   LEDGER_CREDIT,  1000000,        0,       0, NULL},
        {"T1",   LEDGER_CREDIT,  1000001,        0,       0, "credit_month"},
        {"T1",   LEDGER_CREDIT,  1000000, 11000000,       0, NULL},
        {"T1",   LEDGER_CREDIT,  1000000, 11000001,       0, "credit_year"},
        {"T1",   LEDGER_CREDIT,  1000000,        0,       1, "balance"},
        {"T2",   LEDGER_DEBIT,  99999999,        0,       0, NULL},
        {"T2",   LEDGER_CREDIT, 10000000,        0,       0, NULL},
        {"T2",   LEDGER_CREDIT, 10000001,        0,       0, "balance"},
        {"T2",   LEDGER_CREDIT, 10000050,        0,     -50, NULL}, // A debt is filled first.
        {"T2",   LEDGER_CREDIT, 10000051,        0,     -50, "balance"},
        {"T2",   LEDGER_CREDIT, 10000000, 10000001,       0, "credit_year"},
        {"T3",   LEDGER_CREDIT, U128_MAX,        0,       0, NULL},
        {"T3",   LEDGER_DEBIT,  U128_MAX,        0,       0, NULL},
    };

    // clang-format on
    uint64_t now_ns = at("2026-11-21T12:00:00Z");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_allowance allowance = allowance_of(rows[i].tier, "INR", 2);
        allowance.counters.balance = rows[i].balance;
        ledger_limits_roll(&allowance.counters, now_ns);
        allowance.counters.sum[LEDGER_CREDIT][LEDGER_YEAR] = rows[i].received;
        const char *limit = refused_by(&allowance, rows[i].side, rows[i].amount, now_ns);
        if ((limit == NULL) != (rows[i].limit == NULL)) fail_msg("row %zu: %s", i, limit);
        if (limit != NULL) assert_string_equal(limit, rows[i].limit);
    }
}

static void test_a_refusal_names_used_allowed_and_when(void **state)
{
    (void)state;
    uint64_t now_ns = at("2026-12-31T23:59:59Z"), later_ns = at("2027-01-01T00:00:00Z");
    struct ledger_allowance allowance = allowance_of("T1", "JPY", 0);
    ledger_limits_count(&allowance.counters, LEDGER_CREDIT, 9000, now_ns);
    struct ledger_refusal refusal = {0};
    assert_false(ledger_limits_check(&allowance, LEDGER_CHECK_ALL, LEDGER_CREDIT, 1001, false,
                                     now_ns, &refusal));
    assert_string_equal(refusal.limit, "credit_month");
    assert_true(refusal.used == 9000 && refusal.allowed == 10000); // Exponent 0: major = minor.
    assert_int_equal(refusal.resets_at_ns, later_ns);
    // Between own accounts nothing comes in.
    assert_true(ledger_limits_check(&allowance, LEDGER_CHECK_ALL, LEDGER_CREDIT, 1001, true, now_ns,
                                    &refusal));
    // A month later the month's sum is forgotten; the balance is not.
    assert_null(refused_by(&allowance, LEDGER_CREDIT, 1000, later_ns));
    assert_false(ledger_limits_check(&allowance, LEDGER_CHECK_ALL, LEDGER_CREDIT, 1001, false,
                                     later_ns, &refusal));
    assert_string_equal(refusal.limit, "balance");
    assert_true(refusal.used == 9000 && refusal.allowed == 10000 && refusal.resets_at_ns == 0);
}

static void test_which_limits_look_at_a_transfer(void **state)
{
    (void)state;
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        struct ledger_allowance allowance = allowance_of("T3", "INR", 2);
        allowance.is_limited[limit] = allowance.is_counted = true; // To nothing at all.
        bool is_of_debits = strncmp(ledger_limit_name(limit), "debit", 5) == 0;
        bool is_of_both = limit == LEDGER_LIMIT_TRANSFER;
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            bool looks = is_of_both || is_of_debits == (side == LEDGER_DEBIT);
            u128 outside = ledger_limits_room(&allowance, side, false, NOW_NS);
            u128 between_own = ledger_limits_room(&allowance, side, true, NOW_NS);
            assert_int_equal(outside == 0, looks);
            assert_int_equal(between_own == 0, is_of_both); // A transfer's size always counts.
        }
    }
}

static void test_how_much_is_checked(void **state)
{
    (void)state;

    enum { NOTHING, MAY_POST, RECEIVE_ONLY, DEBIT_FREEZE, CREDIT_FREEZE, AMOUNT, STANDINGS };

    // clang-format off
    static const struct {
        int standing;
        enum ledger_side side;
        const char *by[4]; // What refuses under NONE, FREEZES, STANDING, ALL.
    } rows[] = {
        {NOTHING,       LEDGER_DEBIT,  {NULL, NULL,            NULL,            NULL}},
        {MAY_POST,      LEDGER_DEBIT,  {NULL, NULL,            "posting",       "posting"}},
        {MAY_POST,      LEDGER_CREDIT, {NULL, NULL,            "posting",       "posting"}},
        {RECEIVE_ONLY,  LEDGER_DEBIT,  {NULL, NULL,            "receive_only",  "receive_only"}},
        {RECEIVE_ONLY,  LEDGER_CREDIT, {NULL, NULL,            NULL,            NULL}},
        {DEBIT_FREEZE,  LEDGER_DEBIT,  {NULL, "debit_freeze",  "debit_freeze",  "debit_freeze"}},
        {DEBIT_FREEZE,  LEDGER_CREDIT, {NULL, NULL,            NULL,            NULL}},
        {CREDIT_FREEZE, LEDGER_DEBIT,  {NULL, NULL,            NULL,            NULL}},
        {CREDIT_FREEZE, LEDGER_CREDIT, {NULL, "credit_freeze", "credit_freeze", "credit_freeze"}},
        {AMOUNT,        LEDGER_DEBIT,  {NULL, NULL,            NULL,            "transfer"}},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_allowance allowance = allowance_of("T3", "INR", 2);
        allowance.may_post = rows[i].standing != MAY_POST;
        allowance.receive_only = rows[i].standing == RECEIVE_ONLY;
        allowance.debit_freeze = rows[i].standing == DEBIT_FREEZE;
        allowance.credit_freeze = rows[i].standing == CREDIT_FREEZE;
        allowance.is_limited[LEDGER_LIMIT_TRANSFER] = rows[i].standing == AMOUNT; // To nothing.
        for (enum ledger_limit_check how = LEDGER_CHECK_NONE; how <= LEDGER_CHECK_ALL; how++) {
            struct ledger_refusal refusal = {0};
            ledger_limits_check(&allowance, how, rows[i].side, 1, false, NOW_NS, &refusal);
            assert_same_text("standing", refusal.limit, rows[i].by[how]);
        }
    }
}

// ---- Which limits stand -------------------------------------------------------------------------

static void test_flags_of_a_profile_join_the_tiers(void **state)
{
    (void)state;
    struct ledger_profile profile = {
        .tier = "T3", .receive_only = true, .debit_freeze = true, .credit_freeze = true};
    struct ledger_allowance allowance;
    ledger_allowance_of(&ledger_tiers_default, &profile, id_of(1), "INR", 2, &allowance);
    assert_true(allowance.receive_only && allowance.debit_freeze && allowance.credit_freeze);
    assert_true(allowance.may_post && allowance.has_profile);
    assert_string_equal(allowance.tier_name, "T3");
    assert_string_equal(allowance.currency, "INR");
    assert_false(allowance.is_counted);
    allowance = allowance_of("T1", "INR", 2);
    assert_true(allowance.receive_only && !allowance.debit_freeze && allowance.is_counted);
    allowance = allowance_of(NULL, "INR", 2);
    assert_true(!allowance.has_profile && !allowance.may_post && !allowance.is_counted);
    assert_string_equal(allowance.tier_name, "T0");
}

static void test_own_limits_stand_instead_of_the_tiers(void **state)
{
    (void)state;
    const struct ledger_profile profile = {
        .tier = "T1",
        .own = {{"INR", LEDGER_LIMIT_CREDIT_MONTH, 5000000},
                {"INR", LEDGER_LIMIT_DEBIT_DAY, 0},
                {"USD", LEDGER_LIMIT_BALANCE, 7}},
        .own_count = 3,
    };

    // clang-format off
    static const struct {
        const char *currency;
        enum ledger_limit limit;
        bool is_limited, is_own;
        u128 allowed;
    } rows[] = {
        {"INR", LEDGER_LIMIT_CREDIT_MONTH, true,  true,  5000000},  // Above the tier's.
        {"INR", LEDGER_LIMIT_DEBIT_DAY,    true,  true,  0},        // Nothing at all.
        {"INR", LEDGER_LIMIT_BALANCE,      true,  false, 1000000},
        {"INR", LEDGER_LIMIT_CREDIT_DAY,   false, false, 0},
        {"USD", LEDGER_LIMIT_BALANCE,      true,  true,  7},
        {"USD", LEDGER_LIMIT_CREDIT_MONTH, true,  false, 1000000},
        {"EUR", LEDGER_LIMIT_BALANCE,      true,  false, 1000000},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_allowance allowance;
        ledger_allowance_of(&ledger_tiers_default, &profile, id_of(1), rows[i].currency, 2,
                            &allowance);
        assert_int_equal(allowance.is_limited[rows[i].limit], rows[i].is_limited);
        assert_int_equal(allowance.is_own[rows[i].limit], rows[i].is_own);
        if (rows[i].is_limited) assert_true(allowance.allowed[rows[i].limit] == rows[i].allowed);
    }
    struct ledger_allowance allowance;
    ledger_allowance_of(&ledger_tiers_default, &profile, id_of(1), "INR", 2, &allowance);
    allowance.receive_only = false;
    assert_string_equal(refused_by(&allowance, LEDGER_DEBIT, 1, NOW_NS), "debit_day");
}

static void test_whose_sums_are_kept(void **state)
{
    (void)state;
    struct ledger_tiers tiers = ledger_tiers_default;
    assert_true(ledger_tiers_set(&tiers, "B1", LEDGER_LIMIT_DEBIT_DAY, "0 USD=5"));
    assert_true(ledger_tiers_set(&tiers, "B2", LEDGER_LIMIT_TRANSFER, "10 USD=5"));
    assert_true(ledger_tiers_set(&tiers, "T3E", LEDGER_LIMIT_DEBIT_DAY, "0 USD=0"));

    // clang-format off
    static const struct {
        const char *tier;
        bool has_own;
        enum ledger_limit own;
        bool in_some, in_inr, in_usd;
    } rows[] = {
        {"T0",   false, 0,                      false, false, false},
        {"T1",   false, 0,                      true,  true,  true},
        {"T3",   false, 0,                      false, false, false},
        {"T3",   true,  LEDGER_LIMIT_TRANSFER,  false, false, false}, // Needs no sum.
        {"T3",   true,  LEDGER_LIMIT_BALANCE,   true,  true,  false},
        {"B1",   false, 0,                      true,  false, true},
        {"B2",   false, 0,                      false, false, false},
        {"T3E",  false, 0,                      false, false, false},
        {"what", false, 0,                      false, false, false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_profile profile = {.own_count = rows[i].has_own,
                                         .own = {{"INR", rows[i].own, 1}}};
        memcpy(profile.tier, rows[i].tier, strlen(rows[i].tier) + 1);
        struct ledger_allowance inr, usd;
        ledger_allowance_of(&tiers, &profile, id_of(1), "INR", 2, &inr);
        ledger_allowance_of(&tiers, &profile, id_of(1), "USD", 2, &usd);
        assert_int_equal(ledger_profile_is_counted(&tiers, &profile), rows[i].in_some);
        assert_int_equal(inr.is_counted, rows[i].in_inr);
        assert_int_equal(usd.is_counted, rows[i].in_usd);
    }
    assert_false(ledger_profile_is_counted(&tiers, NULL));
}

static void test_limits_are_configured_by_text(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *text;
        bool is_valid;
        uint64_t inr, usd, jpy; // Major units allowed; 0: no limit.
    } rows[] = {
        {"10000",                        true,  10000, 10000, 10000},
        {"10000 USD=120 JPY=18000",      true,  10000, 120,   18000},
        {"  10000   USD=120\tJPY=18000 ", true,  10000, 120,   18000},
        {"0",                            true,  0,     0,     0},
        {"0 USD=120",                    true,  0,     120,   0},
        {"500 USD=0",                    true,  500,   0,     500},
        {"18446744073709551615",         true,  UINT64_MAX, UINT64_MAX, UINT64_MAX},
        {"18446744073709551616",         false, 0, 0, 0},
        {"",                             false, 0, 0, 0},
        {"-1",                           false, 0, 0, 0},
        {"+1",                           false, 0, 0, 0},
        {"1.5",                          false, 0, 0, 0},
        {"1e3",                          false, 0, 0, 0},
        {"ten",                          false, 0, 0, 0},
        {"USD=120",                      false, 0, 0, 0},
        {"10000 USD",                    false, 0, 0, 0},
        {"10000 USD=",                   false, 0, 0, 0},
        {"10000 USD=x",                  false, 0, 0, 0},
        {"10000 USD = 5",                false, 0, 0, 0},
        {"10000 usd=5",                  false, 0, 0, 0},
        {"10000 US=5",                   false, 0, 0, 0},
        {"10000 1SD=5",                  false, 0, 0, 0},
        {"10000 ABCDEFGHIJK=5",          false, 0, 0, 0},
        {"10000USD=5",                   false, 0, 0, 0},
        {"10000,USD=5",                  false, 0, 0, 0},
        {"10000 USD=5JPY=6",             false, 0, 0, 0},
        {"10000 USD=5 USD=5",            false, 0, 0, 0},
    };

    // clang-format on
    static const char *const currencies[] = {"INR", "USD", "JPY"};
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_tiers tiers = ledger_tiers_default;
        // What was set before is replaced as a whole, or stays as a whole.
        assert_true(ledger_tiers_set(&tiers, "T2", LEDGER_LIMIT_DEBIT_DAY, "1 USD=2 EUR=3"));
        struct ledger_tiers before = tiers;
        bool is_valid = ledger_tiers_set(&tiers, "T2", LEDGER_LIMIT_DEBIT_DAY, rows[i].text);
        if (is_valid != rows[i].is_valid) fail_msg("\"%s\"", rows[i].text);
        if (!is_valid) {
            assert_memory_equal(&tiers, &before, sizeof tiers);
            continue;
        }
        uint64_t wanted[] = {rows[i].inr, rows[i].usd, rows[i].jpy};
        for (size_t c = 0; c < ROWS(currencies); c++) {
            const struct ledger_profile profile = {.tier = "T2"};
            struct ledger_allowance allowance;
            ledger_allowance_of(&tiers, &profile, id_of(1), currencies[c], 0, &allowance);
            assert_int_equal(allowance.is_limited[LEDGER_LIMIT_DEBIT_DAY], wanted[c] > 0);
            assert_true(allowance.allowed[LEDGER_LIMIT_DEBIT_DAY] == wanted[c]);
        }
        assert_int_equal(ledger_tier_find(&tiers, "T2")->max[LEDGER_LIMIT_BALANCE], 100000);
    }
}

static void test_there_is_room_for_so_many_exceptions(void **state)
{
    (void)state;
    struct ledger_tiers tiers = ledger_tiers_default;
    char text[1024] = "1";
    for (unsigned i = 0; i < LEDGER_TIER_EXCEPTIONS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), " X%02u=1", i);
    assert_true(ledger_tiers_set(&tiers, "T2", LEDGER_LIMIT_BALANCE, text));
    assert_false(ledger_tiers_set(&tiers, "T3", LEDGER_LIMIT_BALANCE, "1 USD=2"));
    assert_true(ledger_tiers_set(&tiers, "T2", LEDGER_LIMIT_BALANCE, "1"));
    assert_true(ledger_tiers_set(&tiers, "T3", LEDGER_LIMIT_BALANCE, "1 USD=2"));
    assert_false(ledger_tiers_set(&tiers, "T9", LEDGER_LIMIT_BALANCE, "1"));
}

static void test_limits_are_found_by_name(void **state)
{
    (void)state;
    enum ledger_limit found = LEDGER_LIMIT_COUNT;
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        assert_true(ledger_limit_find(ledger_limit_name(limit), &found));
        assert_int_equal(found, limit);
    }
    assert_false(ledger_limit_find("posting", &found));
    assert_string_equal(ledger_limit_name(LEDGER_LIMIT_DEBIT_DAY), "debit_day");
    assert_string_equal(ledger_limit_name(LEDGER_LIMIT_CREDIT_YEAR), "credit_year");
}

// ---- Counters -----------------------------------------------------------------------------------

static void test_room_is_the_largest_amount_that_passes(void **state)
{
    (void)state;
    size_t limited = 0;
    for (size_t round = 0; round < 50000; round++) {
        struct ledger_allowance allowance = allowance_of("T3", "INR", 2);
        u128 most = U128_MAX >> random_below(127);
        uint64_t now_ns = NOW_NS + random_below(400) * UINT64_C(86400000000000);
        for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
            allowance.is_limited[limit] = random_below(4) == 0;
            allowance.allowed[limit] = random_amount(most);
        }
        allowance.debit_freeze = random_below(20) == 0;
        struct ledger_counters *counters = &allowance.counters;
        ledger_limits_roll(counters, NOW_NS); // Which may be over by now.
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            counters->sum[LEDGER_DEBIT][period] = random_amount(most);
            counters->sum[LEDGER_CREDIT][period] = random_amount(most);
        }
        counters->balance = (i128)random_amount(MAX) - (i128)random_amount(MAX);

        enum ledger_side side = random_below(2) > 0 ? LEDGER_CREDIT : LEDGER_DEBIT;
        bool is_internal = random_below(4) == 0;
        u128 room = ledger_limits_room(&allowance, side, is_internal, now_ns);
        struct ledger_refusal refusal = {0};
        bool is_barred = side == LEDGER_DEBIT && allowance.debit_freeze;
        assert_int_equal(ledger_limits_check(&allowance, LEDGER_CHECK_ALL, side, room, is_internal,
                                             now_ns, &refusal),
                         !is_barred);
        if (room == U128_MAX) continue;
        limited++;
        assert_false(ledger_limits_check(&allowance, LEDGER_CHECK_ALL, side, room + 1, is_internal,
                                         now_ns, &refusal));
        assert_non_null(refusal.limit);
    }
    assert_true(limited > 1000);
}

static void test_a_reservation_given_back_leaves_no_trace(void **state)
{
    (void)state;
    for (size_t round = 0; round < 20000; round++) {
        struct ledger_counters counters = {0};
        for (size_t i = random_below(5); i > 0; i--)
            ledger_limits_count(&counters, random_below(2) > 0, random_amount(MAX >> 8), NOW_NS);
        ledger_limits_roll(&counters, NOW_NS);
        const struct ledger_counters before = counters;
        enum ledger_side side = random_below(2) > 0 ? LEDGER_CREDIT : LEDGER_DEBIT;
        u128 amount = random_amount(MAX >> 8), captured = random_amount(amount);

        ledger_limits_reserve(&counters, side, amount, NOW_NS);
        ledger_limits_release(&counters, side, amount, NOW_NS, NOW_NS + 1);
        assert_memory_equal(&counters, &before, sizeof before);

        // Reserved, captured in part and released: as if the part had been posted.
        struct ledger_counters posted = before;
        ledger_limits_reserve(&counters, side, amount, NOW_NS);
        ledger_limits_capture(&counters, side, captured, NOW_NS + 1);
        ledger_limits_release(&counters, side, amount - captured, NOW_NS, NOW_NS + 1);
        ledger_limits_count(&posted, side, captured, NOW_NS);
        assert_memory_equal(&counters, &posted, sizeof posted);

        ledger_limits_give_back(&counters, side, captured, NOW_NS, NOW_NS + 2);
        assert_memory_equal(&counters, &before, sizeof before);
    }
}

static void test_what_is_given_back_goes_to_the_periods_that_last(void **state)
{
    (void)state;

    static const struct {
        const char *counted, *now;
    } rows[] = {
        {"2026-11-21T00:00:00Z", "2026-11-21T23:59:59Z"},
        {"2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"},
        {"2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z"},
        {"2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"},
        {"2025-11-21T12:00:00Z", "2026-11-21T12:00:00Z"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t counted_ns = at(rows[i].counted), now_ns = at(rows[i].now);
        struct ledger_counters counters = {0};
        ledger_limits_reserve(&counters, LEDGER_CREDIT, 100, counted_ns);
        ledger_limits_count(&counters, LEDGER_CREDIT, 1000, now_ns);
        // A period that lasts has counted the 100 and loses them; a new one never had them.
        ledger_limits_release(&counters, LEDGER_CREDIT, 100, counted_ns, now_ns);
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++)
            assert_true(counters.sum[LEDGER_CREDIT][period] == 1000);
        assert_true(counters.balance == 1000);
    }
}

static void test_sums_stop_at_their_ends(void **state)
{
    (void)state;
    struct ledger_counters counters = {0};
    for (int i = 0; i < 3; i++)
        ledger_limits_count(&counters, LEDGER_CREDIT, MAX, NOW_NS);
    assert_true(counters.sum[LEDGER_CREDIT][LEDGER_DAY] == U128_MAX);
    assert_true(counters.balance == (i128)MAX);
    for (int i = 0; i < 3; i++)
        ledger_limits_give_back(&counters, LEDGER_CREDIT, MAX, NOW_NS, NOW_NS);
    assert_true(counters.sum[LEDGER_CREDIT][LEDGER_DAY] == 0);
    assert_true(counters.balance <= 0);
}

static void test_what_is_used_of_a_limit(void **state)
{
    (void)state;
    uint64_t now_ns = at("2026-11-21T12:00:00Z"), resets_at_ns = 1;
    struct ledger_allowance allowance = allowance_of("T3", "INR", 2);
    ledger_limits_count(&allowance.counters, LEDGER_CREDIT, 500, at("2026-11-20T12:00:00Z"));
    ledger_limits_count(&allowance.counters, LEDGER_DEBIT, 30, now_ns);
    ledger_limits_count(&allowance.counters, LEDGER_CREDIT, 1, now_ns);

    // clang-format off
    static const struct {
        enum ledger_limit limit;
        u128 used;
        const char *resets_at; // NULL: does not.
    } rows[] = {
        {LEDGER_LIMIT_TRANSFER,     0,   NULL},
        {LEDGER_LIMIT_DEBIT_DAY,    30,  "2026-11-22T00:00:00Z"},
        {LEDGER_LIMIT_DEBIT_MONTH,  30,  "2026-12-01T00:00:00Z"},
        {LEDGER_LIMIT_DEBIT_YEAR,   30,  "2027-01-01T00:00:00Z"},
        {LEDGER_LIMIT_CREDIT_DAY,   1,   "2026-11-22T00:00:00Z"},
        {LEDGER_LIMIT_CREDIT_MONTH, 501, "2026-12-01T00:00:00Z"},
        {LEDGER_LIMIT_CREDIT_YEAR,  501, "2027-01-01T00:00:00Z"},
        {LEDGER_LIMIT_BALANCE,      471, NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *when = rows[i].resets_at;
        assert_true(ledger_limit_used(&allowance, rows[i].limit, now_ns, &resets_at_ns) ==
                    rows[i].used);
        assert_int_equal(resets_at_ns, when != NULL ? at(when) : 0);
    }
    allowance.counters.balance = -5;
    assert_true(ledger_limit_used(&allowance, LEDGER_LIMIT_BALANCE, now_ns, &resets_at_ns) == 0);
    // In a later day the day's sum is over, also before anybody has rolled it.
    now_ns = at("2026-11-22T00:00:00Z");
    assert_true(ledger_limit_used(&allowance, LEDGER_LIMIT_DEBIT_DAY, now_ns, &resets_at_ns) == 0);
    assert_true(ledger_limit_used(&allowance, LEDGER_LIMIT_DEBIT_MONTH, now_ns, &resets_at_ns) ==
                30);
}

static void test_counters_from_histories(void **state)
{
    (void)state;
    struct ledger_counters counters = {0};
    const struct ledger_totals now = {
        .debits_pending = 5, .debits_posted = 300, .credits_pending = 7, .credits_posted = 1000};
    const struct ledger_totals begin[LEDGER_PERIODS] = {
        [LEDGER_DAY] = {.debits_posted = 290, .credits_posted = 1000, .debits_pending = 3},
        [LEDGER_MONTH] = {.debits_posted = 100, .credits_posted = 600},
        [LEDGER_YEAR] = {0},
    };
    ledger_limits_roll(&counters, NOW_NS);
    ledger_limits_add_account(&counters, &now, begin);
    ledger_limits_add_account(&counters, &now, begin); // A second account.

    // What is held now is added as a whole, whenever it was held.
    static const struct {
        u128 debits, credits;
    } wanted[LEDGER_PERIODS] = {{10 + 5, 0 + 7}, {200 + 5, 400 + 7}, {300 + 5, 1000 + 7}};

    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        assert_true(counters.sum[LEDGER_DEBIT][period] == 2 * wanted[period].debits);
        assert_true(counters.sum[LEDGER_CREDIT][period] == 2 * wanted[period].credits);
    }
    assert_true(counters.balance == 2 * (1000 + 7 - 300));
}

static void test_periods_are_calendar_periods(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *now, *day, *day_end, *month, *month_end, *year, *year_end;
    } rows[] = {
        {"2024-02-29T23:59:59Z", "2024-02-29", "2024-03-01", "2024-02-01", "2024-03-01", "2024-01-01", "2025-01-01"},
        {"2026-01-01T00:00:00Z", "2026-01-01", "2026-01-02", "2026-01-01", "2026-02-01", "2026-01-01", "2027-01-01"},
        {"2026-12-31T12:00:00Z", "2026-12-31", "2027-01-01", "2026-12-01", "2027-01-01", "2026-01-01", "2027-01-01"},
        {"2100-02-28T00:00:01Z", "2100-02-28", "2100-03-01", "2100-02-01", "2100-03-01", "2100-01-01", "2101-01-01"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *bounds[LEDGER_PERIODS][2] = {{rows[i].day, rows[i].day_end},
                                                 {rows[i].month, rows[i].month_end},
                                                 {rows[i].year, rows[i].year_end}};
        uint64_t now_ns = at(rows[i].now);
        for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
            char begin[32], end[32];
            snprintf(begin, sizeof begin, "%sT00:00:00Z", bounds[period][0]);
            snprintf(end, sizeof end, "%sT00:00:00Z", bounds[period][1]);
            assert_int_equal(ledger_period_begin_ns(period, now_ns), at(begin));
            assert_int_equal(ledger_period_end_ns(period, now_ns), at(end));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_tier_may_do),
        cmocka_unit_test(test_a_refusal_names_used_allowed_and_when),
        cmocka_unit_test(test_which_limits_look_at_a_transfer),
        cmocka_unit_test(test_how_much_is_checked),
        cmocka_unit_test(test_flags_of_a_profile_join_the_tiers),
        cmocka_unit_test(test_own_limits_stand_instead_of_the_tiers),
        cmocka_unit_test(test_whose_sums_are_kept),
        cmocka_unit_test(test_limits_are_configured_by_text),
        cmocka_unit_test(test_there_is_room_for_so_many_exceptions),
        cmocka_unit_test(test_limits_are_found_by_name),
        cmocka_unit_test(test_room_is_the_largest_amount_that_passes),
        cmocka_unit_test(test_a_reservation_given_back_leaves_no_trace),
        cmocka_unit_test(test_what_is_given_back_goes_to_the_periods_that_last),
        cmocka_unit_test(test_sums_stop_at_their_ends),
        cmocka_unit_test(test_what_is_used_of_a_limit),
        cmocka_unit_test(test_counters_from_histories),
        cmocka_unit_test(test_periods_are_calendar_periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
