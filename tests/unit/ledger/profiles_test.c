// Limit profiles: kyc's tier, compliance's flags and own limits, and the sums behind them.

#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

#define SECOND NS_PER_SECOND

static int setup_accounts(void **state)
{
    setup(state);
    make_customer(*state, ASHA, ASHAS);
    make_customer(*state, RAVI, RAVIS);
    make_account(*state, ASHA, ASHAS_OTHER, "INR");
    return 0;
}

// ---- Jobs ---------------------------------------------------------------------------------------

struct tier_job {
    const char *tier;
    uint64_t version;
    struct ledger_profile profile;
    bool changed;
};

static struct status run_tier(struct ledger_unit *unit, void *context)
{
    struct tier_job *job = context;
    return ledger_service_set_tier(ledger_unit_service(unit), ledger_unit_txn(unit), id_of(ASHA),
                                   job->tier, job->version, &job->profile, &job->changed);
}

struct update_job {
    struct ledger_profile asked, profile;
    uint64_t if_match;
};

static struct status run_update(struct ledger_unit *unit, void *context)
{
    struct update_job *job = context;
    return ledger_service_update_profile(ledger_unit_service(unit), ledger_unit_txn(unit),
                                         &job->asked, job->if_match, &job->profile);
}

static struct ledger_own_limit own_of(const char *currency, enum ledger_limit limit, u128 allowed)
{
    struct ledger_own_limit own = {.limit = limit, .allowed = allowed};
    snprintf(own.currency, sizeof own.currency, "%s", currency);
    return own;
}

/// At most one own limit: currency NULL is none.
static struct update_job update_of(const char *currency, enum ledger_limit limit, u128 allowed)
{
    struct update_job job = {.if_match = UINT64_MAX,
                             .asked = {.owner_id = id_of(ASHA), .reason = "reviewed"}};
    if (currency == NULL) return job;
    job.asked.own[0] = own_of(currency, limit, allowed);
    job.asked.own_count = 1;
    return job;
}

static void must_update(struct fixture *fixture, struct update_job job)
{
    assert_status_ok(run_on_unit(fixture, run_update, &job));
}

/// What is used of one of ASHA's limits in INR.
static u128 used_of(struct fixture *fixture, enum ledger_limit limit)
{
    struct ledger_profile profile;
    struct ledger_allowance allowances[4];
    size_t count;
    uint64_t resets_at_ns;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_service_get_profile(txn, id_of(ASHA), &profile));
    assert_status_ok(
        ledger_service_allowances(&fixture->service, txn, &profile, allowances, 4, &count));
    assert_true(count > 0);
    assert_string_equal(allowances[0].currency, "INR");
    return ledger_limit_used(&allowances[0], limit, clock_wall_ns(), &resets_at_ns);
}

// ---- Profiles -----------------------------------------------------------------------------------

/// One owner through its life; compliance freezes debits in between.
static void test_a_tier_changes_the_tier_alone(void **state)
{
    // clang-format off
    static const struct {
        const char *name, *tier;
        uint64_t version;
        const char *tier_then;
        bool changed;
    } rows[] = {
        // given             tier  version  tier'  changed
        {"a newer one",      "T2",   5,     "T2",  true},
        {"told again",       "T2",   5,     "T2",  false},
        {"too late",         "T1",   4,     "T2",  false},
        {"back to nothing",  "T0",   6,     "T0",  true},
        {"far ahead",        "T3", 900,     "T3",  true},
    };
    // clang-format on
    struct fixture *fixture = *state;
    struct update_job update = update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 77);
    update.asked.debit_freeze = true;
    must_update(fixture, update);
    uint64_t version = 3; // Made with T3; updated.
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        struct tier_job job = {.tier = rows[i].tier, .version = rows[i].version};
        assert_status_ok(run_on_unit(fixture, run_tier, &job));
        assert_int_equal(job.changed, rows[i].changed);
        assert_string_equal(job.profile.tier, rows[i].tier_then);
        assert_true(job.profile.debit_freeze);
        assert_string_equal(job.profile.reason, "reviewed");
        assert_int_equal(job.profile.own_count, 1);
        assert_true(job.profile.version > job.profile.tier_version);
        if (rows[i].changed)
            assert_true(job.profile.version > version);
        else
            assert_int_equal(job.profile.version, version);
        version = job.profile.version;
    }
}

static void test_an_update_replaces_flags_and_own_limits(void **state)
{
    struct fixture *fixture = *state;
    struct update_job update = update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 77);
    update.asked.receive_only = update.asked.credit_freeze = true;
    update.if_match = 1;
    struct dump before = dump_store(fixture);
    assert_refused(run_on_unit(fixture, run_update, &update), "VERSION_MISMATCH");
    struct update_job unknown = update_of("XQQ", LEDGER_LIMIT_DEBIT_DAY, 77);
    assert_refused(run_on_unit(fixture, run_update, &unknown), "CURRENCY_NOT_FOUND");
    assert_same_store(fixture, &before);

    update.if_match = 2;
    assert_status_ok(run_on_unit(fixture, run_update, &update));
    assert_int_equal(update.profile.version, 3);
    assert_string_equal(update.profile.tier, "T3");
    assert_true(update.profile.receive_only && update.profile.credit_freeze);

    struct update_job none = update_of(NULL, 0, 0);
    none.if_match = 3;
    assert_status_ok(run_on_unit(fixture, run_update, &none));
    assert_int_equal(none.profile.version, 4);
    assert_false(none.profile.receive_only || none.profile.credit_freeze);
    assert_int_equal(none.profile.own_count, 0);
}

static void test_compliance_may_speak_before_kyc(void **state)
{
    struct fixture *fixture = *state;
    struct update_job update = update_of(NULL, 0, 0);
    update.asked.owner_id = id_of(0x66);
    update.asked.debit_freeze = true;
    update.if_match = 1;
    assert_status_ok(run_on_unit(fixture, run_update, &update));
    assert_string_equal(update.profile.tier, "");
    assert_int_equal(update.profile.version, 2);
    set_tier(fixture, 0x66, "T3", 0); // The first word counts, whatever its number.
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_profile profile;
    assert_status_ok(ledger_service_get_profile(txn, id_of(0x66), &profile));
    assert_string_equal(profile.tier, "T3");
    assert_int_equal(profile.version, 3);
    assert_true(profile.debit_freeze);
}

/// limit: what the movement is refused for; NULL: it is not.
static void assert_limited(struct fixture *fixture, uint8_t debit, uint8_t credit, u128 amount,
                           const char *limit)
{
    struct ledger_outcome outcome;
    struct status status =
        move(fixture, teller, transfer_of(id128_generate(), debit, credit, amount), &outcome);
    if (limit == NULL) {
        assert_status_ok(status);
        return;
    }
    assert_refused(status, "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, limit);
}

static void test_what_compliance_sets_stops_movements(void **state)
{
    // clang-format off
    static const struct {
        const char *name;
        bool receive_only, debit_freeze, credit_freeze;
        const char *currency; // Of an own limit of 77 a day.
        u128 amount;
        const char *debit_limit, *credit_limit; // What refuses a debit, a credit; NULL: nothing.
    } rows[] = {
        // given                        only   debit  credit own    amount  a debit         a credit
        {"nothing",                     false, false, false, NULL,  78,     NULL,           NULL},
        {"only receive",                true,  false, false, NULL,  1,      "receive_only", NULL},
        {"debits frozen",               false, true,  false, NULL,  1,      "debit_freeze", NULL},
        {"credits frozen",              false, false, true,  NULL,  1,      NULL,           "credit_freeze"},
        {"an own limit, within",        false, false, false, "INR", 77,     NULL,           NULL},
        {"an own limit, beyond",        false, false, false, "INR", 78,     "debit_day",    NULL},
        {"an own limit elsewhere",      false, false, false, "USD", 78,     NULL,           NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("%s\n", rows[i].name);
        if (i > 0) assert_int_equal(teardown(state) | setup_accounts(state), 0);
        struct fixture *fixture = *state;
        must_deposit(fixture, ASHAS, 1000);
        must_deposit(fixture, RAVIS, 1000);
        struct update_job update = update_of(rows[i].currency, LEDGER_LIMIT_DEBIT_DAY, 77);
        update.asked.receive_only = rows[i].receive_only;
        update.asked.debit_freeze = rows[i].debit_freeze;
        update.asked.credit_freeze = rows[i].credit_freeze;
        must_update(fixture, update);
        assert_limited(fixture, ASHAS, RAVIS, rows[i].amount, rows[i].debit_limit);
        assert_limited(fixture, RAVIS, ASHAS, rows[i].amount, rows[i].credit_limit);
    }
}

// ---- Sums ---------------------------------------------------------------------------------------

/// While no limit needs them no sums are kept; the first that does finds them worked out.
static void test_sums_are_worked_out_when_a_limit_first_needs_them(void **state)
{
    struct fixture *fixture = *state;
    must_deposit(fixture, ASHAS, 1000);
    must_transfer(fixture, ASHAS, RAVIS, 300);
    make_account(fixture, ASHA, 0x31, "USD");
    must_deposit(fixture, 0x31, 5000); // Another currency's sums are its own.
    clock_test_advance(24 * 3600 * SECOND);
    must_transfer(fixture, ASHAS, RAVIS, 20);
    must_update(fixture, update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 500));
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_DAY) == 20);
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_MONTH) == 320);
    assert_true(used_of(fixture, LEDGER_LIMIT_CREDIT_YEAR) == 1000);
    assert_true(used_of(fixture, LEDGER_LIMIT_BALANCE) == 680);
    must_transfer(fixture, ASHAS, RAVIS, 4);
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_DAY) == 24);
}

/// Sums that were kept are exact; worked out anew they would count what moved between the owner's
/// own accounts. So a change that leaves them needed leaves them alone.
static void test_sums_that_are_kept_stay_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    must_update(fixture, update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 500));
    must_deposit(fixture, ASHAS, 1000);
    must_transfer(fixture, ASHAS, ASHAS_OTHER, 100);
    must_transfer(fixture, ASHAS, RAVIS, 7);
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_DAY) == 7);
    must_update(fixture, update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 600));
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_DAY) == 7);
    assert_true(set_tier(fixture, ASHA, "T2", 2));
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_DAY) == 7);
}

/// A limit that comes, goes and comes again must not find the sums of its first time.
static void test_sums_catch_up_with_what_went_uncounted(void **state)
{
    struct fixture *fixture = *state;
    must_update(fixture, update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 500));
    must_deposit(fixture, ASHAS, 1000);
    must_transfer(fixture, ASHAS, RAVIS, 10);
    // Another currency's own limit: sums are still kept, but not in this one.
    must_update(fixture, update_of("USD", LEDGER_LIMIT_DEBIT_DAY, 500));
    must_transfer(fixture, ASHAS, RAVIS, 400);
    must_update(fixture, update_of("INR", LEDGER_LIMIT_DEBIT_DAY, 500));
    assert_true(used_of(fixture, LEDGER_LIMIT_DEBIT_DAY) == 410);
    struct ledger_outcome outcome;
    assert_refused(move(fixture, teller, transfer_of(id_of(0x99), ASHAS, RAVIS, 91), &outcome),
                   "KYC_LIMIT_EXCEEDED");
    assert_true(outcome.refusal.used == 410 && outcome.refusal.allowed == 500);
    must_transfer(fixture, ASHAS, RAVIS, 90);
}

/// A hold between the owner's own accounts is no money coming in: neither while it is open when the
/// balance is worked out, nor after its capture, which counts for nothing.
static void test_own_holds_are_no_part_of_the_balance(void **state)
{
    struct fixture *fixture = *state;
    must_deposit(fixture, ASHAS, 1000);
    must_deposit(fixture, RAVIS, 1000);
    must_move(fixture, hold_of(id_of(0x81), ASHAS, ASHAS_OTHER, 400, 0));
    must_move(fixture, hold_of(id_of(0x82), ASHAS, ASHAS_OTHER, 100, 0));
    must_move(fixture, hold_of(id_of(0x83), ASHAS, RAVIS, 50, 0));
    must_move(fixture, hold_of(id_of(0x84), RAVIS, ASHAS_OTHER, 30, 0)); // This one may come in.
    must_move(fixture, capture_of(id_of(0x85), id_of(0x81), 150, false));
    must_update(fixture, update_of("INR", LEDGER_LIMIT_BALANCE, 2000));
    assert_true(used_of(fixture, LEDGER_LIMIT_BALANCE) == 1030);
    must_move(fixture, capture_of(id_of(0x86), id_of(0x81), 0, true));
    must_move(fixture, void_of(id_of(0x87), id_of(0x82)));
    assert_true(used_of(fixture, LEDGER_LIMIT_BALANCE) == 1030);
    must_move(fixture, capture_of(id_of(0x88), id_of(0x83), 0, true));
    must_move(fixture, void_of(id_of(0x89), id_of(0x84)));
    assert_true(used_of(fixture, LEDGER_LIMIT_BALANCE) == 950);
}

static void test_limits_in_force_are_told_by_currency(void **state)
{
    struct fixture *fixture = *state;
    make_account(fixture, ASHA, 0x31, "USD");
    make_account(fixture, ASHA, 0x32, "USD");
    assert_true(set_tier(fixture, ASHA, "T2", 2));
    must_update(fixture, update_of("EUR", LEDGER_LIMIT_TRANSFER, 5));
    struct ledger_profile profile;
    struct ledger_allowance allowances[8];
    size_t count;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_service_get_profile(txn, id_of(ASHA), &profile));
    assert_status_ok(
        ledger_service_allowances(&fixture->service, txn, &profile, allowances, 8, &count));
    static const char *const currencies[] = {"EUR", "INR", "USD"};
    assert_int_equal(count, ROWS(currencies));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(allowances[i].currency, currencies[i]);
        assert_true(allowances[i].is_limited[LEDGER_LIMIT_BALANCE]); // T2's.
        assert_int_equal(allowances[i].is_own[LEDGER_LIMIT_TRANSFER], i == 0);
    }
    assert_true(allowances[0].allowed[LEDGER_LIMIT_TRANSFER] == 5);
    assert_status_ok(
        ledger_service_allowances(&fixture->service, txn, &profile, allowances, 2, &count));
    assert_int_equal(count, 2);

    // Nobody has spoken of this one, who has nothing.
    assert_status_ok(ledger_service_get_profile(txn, id_of(0x66), &profile));
    assert_int_equal(profile.version, 1);
    assert_string_equal(profile.tier, "");
    assert_status_ok(
        ledger_service_allowances(&fixture->service, txn, &profile, allowances, 8, &count));
    assert_int_equal(count, 0);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_accounts, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_tier_changes_the_tier_alone),
        TEST(test_an_update_replaces_flags_and_own_limits),
        TEST(test_compliance_may_speak_before_kyc),
        TEST(test_what_compliance_sets_stops_movements),
        TEST(test_sums_are_worked_out_when_a_limit_first_needs_them),
        TEST(test_sums_that_are_kept_stay_as_they_are),
        TEST(test_sums_catch_up_with_what_went_uncounted),
        TEST(test_own_holds_are_no_part_of_the_balance),
        TEST(test_limits_in_force_are_told_by_currency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
