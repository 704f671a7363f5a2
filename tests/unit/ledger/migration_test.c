// A store that schema version 1 wrote, opened by this binary. Version 1 is what it was when it was
// released: its tables, and records that today's encoders still write byte for byte (the golden
// files *_v1.hex).
#include "services/ledger/totals.h"
#include "tests/unit/ledger/books.h"
#include "tests/unit/ledger/fixture.h"
#include "tests/unit/ledger/rules.h"

enum { CASH = 1, FEES, SAVINGS, CURRENT, EUROS, ACCOUNTS = EUROS, TRANSFERS = 9000, JOB = 1000 };

static const struct store_table tables_v1[] = {
    {LEDGER_TABLE_STATE, "ledger_state"},
    {LEDGER_TABLE_ACCOUNTS, "ledger_accounts"},
    {LEDGER_TABLE_ACCOUNT_NUMBERS, "ledger_account_numbers"},
    {LEDGER_TABLE_ACCOUNT_OWNERS, "ledger_account_owners"},
    {LEDGER_TABLE_ACCOUNT_DETAILS, "ledger_account_details"},
    {LEDGER_TABLE_TRANSFERS, "ledger_transfers"},
    {LEDGER_TABLE_IDS, "ledger_ids"},
    {LEDGER_TABLE_PROFILES, "ledger_profiles"},
    {LEDGER_TABLE_COUNTERS, "ledger_counters"},
    {LEDGER_TABLE_CURRENCIES, "ledger_currencies"},
    {LEDGER_TABLE_CURSORS, "ledger_cursors"},
};

static const struct store_schema schema_v1 = {
    .name = "ledger", .version = 1, .tables = tables_v1, .table_count = ROWS(tables_v1)};

// ---- What version 1 wrote -----------------------------------------------------------------------

static void put_state(struct store_txn *txn, const struct ledger_state *state)
{
    static const uint8_t key[] = {'s'};
    uint8_t record[LEDGER_STATE_BYTES];
    size_t size = ledger_state_encode(state, record);
    store_put(txn, LEDGER_TABLE_STATE, bytes_of(key, sizeof key), bytes_of(record, size));
}

static struct status run_accounts_v1(struct store_txn *txn, void *context)
{
    (void)context;

    static const enum ledger_class classes[] = {
        [CASH] = LEDGER_CLASS_ASSET,        [FEES] = LEDGER_CLASS_INCOME,
        [SAVINGS] = LEDGER_CLASS_LIABILITY, [CURRENT] = LEDGER_CLASS_LIABILITY,
        [EUROS] = LEDGER_CLASS_LIABILITY,
    };

    for (uint8_t n = CASH; n <= ACCOUNTS; n++) {
        struct ledger_account account = customer_account(n);
        account.class = classes[n];
        if (n == EUROS) memcpy(account.currency, "EUR", 4);
        account.number = n;
        account.created_at_ns = account.changed_at_ns = TEST_BEGIN_NS + n;
        raw_put_account(txn, &account);
        uint8_t owner_key[LEDGER_OWNER_KEY_BYTES];
        static const uint8_t details[] = {1, 0, 1, 0, 4, 'A', 's', 'h', 'a'};
        ledger_owner_key_encode(account.owner_id, n, owner_key);
        store_append(txn, LEDGER_TABLE_ACCOUNT_NUMBERS, raw_number_key(n),
                     id128_bytes(&account.id));
        store_put(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(owner_key, sizeof owner_key),
                  id128_bytes(&account.id));
        store_put(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&account.id),
                  bytes_of(details, sizeof details));
    }
    put_state(txn, &(struct ledger_state){TEST_BEGIN_NS + ACCOUNTS, 0, ACCOUNTS});
    return STATUS_SUCCESS;
}

static struct status run_transfers_v1(struct store_txn *txn, void *context)
{
    (void)context;
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    for (size_t i = 0; i < JOB; i++) {
        struct ledger_account account[LEDGER_SIDES];
        struct ledger_transfer transfer;
        uint8_t debit = (uint8_t)(CASH + random_below(CURRENT));
        struct books_posting posting = {.kind = LEDGER_TRANSFER_POSTED,
                                        .debit = debit,
                                        .credit =
                                            (uint8_t)(CASH + (debit + random_below(3)) % CURRENT),
                                        .amount = 1 + random_below(1000)};
        state.last_time_ns += 1 + random_below(100);
        RETURN_IF_ERROR(books_prepare(txn, &posting, &state, account, &transfer));
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
            raw_put_account(txn, &account[side]);
        ledger_store_append_transfer(txn, &transfer);
    }
    put_state(txn, &state);
    return STATUS_SUCCESS;
}

static void write_golden(struct store_txn *txn, uint8_t table, struct bytes key, const char *file)
{
    uint8_t record[1024];
    size_t size = golden_read("ledger", file, record, sizeof record);
    store_put(txn, table, key, bytes_of(record, size));
}

static struct status run_others_v1(struct store_txn *txn, void *context)
{
    (void)context;
    struct id128 owner_id = id_of(0x11), burnt_id = id_of(0xbb);
    uint8_t counters_key[LEDGER_COUNTERS_KEY_BYTES];
    ledger_counters_key_encode(owner_id, "INR", counters_key);
    write_golden(txn, LEDGER_TABLE_PROFILES, id128_bytes(&owner_id), "profile_v1.hex");
    write_golden(txn, LEDGER_TABLE_COUNTERS, bytes_of(counters_key, sizeof counters_key),
                 "counters_v1.hex");
    write_golden(txn, LEDGER_TABLE_CURRENCIES, bytes_of_text("POINTS"), "currency_v1.hex");
    write_golden(txn, LEDGER_TABLE_CURSORS, bytes_of_text("kyc"), "cursor_v1.hex");
    write_golden(txn, LEDGER_TABLE_IDS, id128_bytes(&burnt_id), "id_failed_v1.hex");
    return STATUS_SUCCESS;
}

static int setup_v1(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    make_fixture(fixture);
    assert_status_ok(open_schema(fixture, &schema_v1));
    run_job(fixture, run_accounts_v1, NULL);
    for (size_t i = 0; i < TRANSFERS / JOB; i++)
        run_job(fixture, run_transfers_v1, NULL);
    run_job(fixture, run_others_v1, NULL);
    close_fixture(fixture);
    *state = fixture;
    return 0;
}

// ---- What becomes of it -------------------------------------------------------------------------

/// The totals of a class in one currency, as the accounts or, up to a time, the transfers say.
static struct ledger_totals sum_accounts(struct store_txn *txn, const char *currency,
                                         enum ledger_class class)
{
    struct ledger_totals sum = {0};
    for (uint8_t n = CASH; n <= ACCOUNTS; n++) {
        struct ledger_account account;
        assert_status_ok(ledger_store_get_account(txn, id_of(n), &account));
        if (account.class != class || strcmp(account.currency, currency) != 0) continue;
        sum.debits_posted += account.totals.debits_posted;
        sum.credits_posted += account.totals.credits_posted;
    }
    return sum;
}

static struct ledger_totals sum_transfers(struct store_txn *txn, enum ledger_class class,
                                          uint64_t last_number)
{
    struct ledger_totals sum = {0};
    for (uint64_t number = 1; number <= last_number; number++) {
        struct ledger_transfer transfer;
        struct ledger_account account;
        assert_status_ok(ledger_store_get_transfer(txn, NULL, number, &transfer));
        assert_status_ok(
            ledger_store_get_account(txn, transfer.account_id[LEDGER_DEBIT], &account));
        if (account.class == class) sum.debits_posted += transfer.amount;
        assert_status_ok(
            ledger_store_get_account(txn, transfer.account_id[LEDGER_CREDIT], &account));
        if (account.class == class) sum.credits_posted += transfer.amount;
    }
    return sum;
}

static void assert_totals_are_the_accounts(struct store_txn *txn, struct arena *arena)
{
    struct ledger_trial trial;
    assert_status_ok(ledger_totals_now(txn, arena, &trial));
    assert_int_equal(trial.row_count, 3); // The account in EUR was never touched.
    for (size_t i = 0; i < trial.row_count; i++) {
        const struct ledger_class_totals *row = &trial.rows[i];
        struct ledger_totals sum = sum_accounts(txn, row->currency, row->class);
        assert_memory_equal(&row->totals, &sum, sizeof sum);
    }
}

static void assert_totals_at(struct store_txn *txn, struct arena *arena, uint64_t number)
{
    struct ledger_trial trial;
    struct ledger_transfer transfer;
    assert_status_ok(ledger_store_get_transfer(txn, NULL, number, &transfer));
    assert_status_ok(ledger_totals_at(txn, arena, transfer.created_at_ns, &trial));
    for (size_t i = 0; i < trial.row_count; i++) {
        struct ledger_totals sum = sum_transfers(txn, trial.rows[i].class, number);
        assert_memory_equal(&trial.rows[i].totals, &sum, sizeof sum);
    }
    arena_reset(arena);
}

static struct status run_hold(struct store_txn *txn, void *context)
{
    return books_post(
        txn,
        &(struct books_posting){
            .kind = LEDGER_TRANSFER_PENDING, .debit = SAVINGS, .credit = CURRENT, .amount = 5},
        context);
}

static void test_running_totals_are_worked_out(void **state)
{
    struct fixture *fixture = *state;
    open_fixture(fixture);
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    struct store_txn *txn = read_store(fixture);
    assert_totals_are_the_accounts(txn, arena);
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_CHECKPOINTS), 1);
    assert_totals_at(txn, arena, TRANSFERS);
    assert_totals_at(txn, arena, TRANSFERS / 2); // Before the checkpoint, too.
    assert_totals_at(txn, arena, 1);
    end_read(&txn);

    // And the books go on.
    struct ledger_transfer hold;
    run_job(fixture, run_hold, &hold);
    assert_int_equal(hold.number, TRANSFERS + 1);
    close_fixture(fixture);
    open_fixture(fixture); // Not migrated a second time.
    txn = read_store(fixture);
    struct ledger_trial trial;
    assert_status_ok(ledger_totals_now(txn, arena, &trial));
    assert_int_equal(trial.rows[1].class, LEDGER_CLASS_LIABILITY);
    assert_true(trial.rows[1].totals.debits_pending == 5);
    assert_true(trial.rows[1].totals.credits_pending == 5);
    end_read(&txn);
    arena_close(&arena);
}

static void test_everything_else_is_read_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    open_fixture(fixture);
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_details details;
    assert_status_ok(ledger_store_get_details(txn, id_of(SAVINGS), &details));
    assert_string_equal(details.name, "Asha");
    assert_string_equal(details.external_ref, "");

    struct ledger_profile profile;
    assert_status_ok(ledger_store_get_profile(txn, id_of(0x11), &profile));
    assert_string_equal(profile.tier, "T2");
    assert_int_equal(profile.tier_version, 3);
    assert_int_equal(profile.version, 4);
    assert_true(profile.debit_freeze);
    assert_int_equal(profile.own_count, 0);

    struct ledger_counters counters;
    struct ledger_currency currency;
    struct ledger_cursor cursor;
    struct ledger_id_entry entry;
    assert_status_ok(ledger_store_get_counters(txn, id_of(0x11), "INR", &counters));
    assert_true(counters.balance == -5);
    assert_status_ok(ledger_store_get_currency(txn, "POINTS", &currency));
    assert_status_ok(ledger_store_get_cursor(txn, "kyc", &cursor));
    assert_int_equal(cursor.seq, 0x102);
    assert_status_ok(ledger_store_find_id(txn, id_of(0xbb), &entry));
    assert_int_equal(entry.reason, LEDGER_INSUFFICIENT_FUNDS);
    assert_status_ok(ledger_store_find_id(txn, books_transfer_id(TRANSFERS), &entry));
    assert_int_equal(entry.number, TRANSFERS);
}

/// Version 2 had every table but the last two.
static struct status open_v2(struct fixture *fixture)
{
    struct store_schema schema = ledger_store_schema;
    schema.version = 2;
    schema.table_count -= LEDGER_TABLE_END - LEDGER_TABLE_SCA_BURNT;
    schema.migration_count = 1;
    return open_schema(fixture, &schema);
}

static void test_version_2_goes_on_with_empty_tables(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(open_v2(fixture));
    close_fixture(fixture);
    open_fixture(fixture);
    struct store_txn *txn = read_store(fixture);
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), 0);
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_PAYEES), 0);
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    assert_totals_are_the_accounts(txn, arena);
    arena_close(&arena);
    end_read(&txn);
    close_fixture(fixture);
    assert_refused(open_v2(fixture), "SCHEMA_TOO_NEW");
}

static void test_version_1_does_not_open_it_again(void **state)
{
    struct fixture *fixture = *state;
    open_fixture(fixture);
    close_fixture(fixture);
    assert_refused(open_schema(fixture, &schema_v1), "SCHEMA_TOO_NEW");
}

static struct status run_damage(struct store_txn *txn, void *context)
{
    (void)context;
    static const uint8_t record[] = {1, 2, 3};
    struct id128 id = id_of(SAVINGS);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&id), bytes_of(record, sizeof record));
    return STATUS_SUCCESS;
}

static void test_a_damaged_store_stays_at_version_1(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(open_schema(fixture, &schema_v1));
    run_job(fixture, run_damage, NULL);
    close_fixture(fixture);
    assert_refused(try_open_fixture(fixture), "RECORD_CORRUPT");
    close_fixture(fixture);
    assert_status_ok(open_schema(fixture, &schema_v1));
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_v1, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(running_totals_are_worked_out),       TEST(everything_else_is_read_as_it_is),
        TEST(version_2_goes_on_with_empty_tables), TEST(version_1_does_not_open_it_again),
        TEST(a_damaged_store_stays_at_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
