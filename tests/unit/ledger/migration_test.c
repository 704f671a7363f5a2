// A store that schema version 1 wrote, opened by this binary. Version 1 is what it was when it was
// released: its tables, and records that today's encoders still write byte for byte (the golden
// files *_v1.hex).
#include "common/base/clock.h"
#include "tests/unit/ledger/books.h"

enum { CASH = 1, FEES, ASHAS, RAVIS, EUROS, ACCOUNTS = EUROS, TRANSFERS = 9000, JOB = 1000 };

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

static struct status open_v1(struct books *books)
{
    const struct store_schema *schemas[] = {&schema_v1};
    struct store_config config = {.directory = books->path, .map_bytes = UINT64_C(1) << 30};
    return store_open(&config, schemas, 1, &books->store);
}

// ---- What version 1 wrote -----------------------------------------------------------------------

static void put_account(struct store_txn *txn, const struct ledger_account *account)
{
    uint8_t record[LEDGER_ACCOUNT_BYTES];
    size_t size = ledger_account_encode(account, record);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&account->id), bytes_of(record, size));
}

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
        [CASH] = LEDGER_CLASS_ASSET,      [FEES] = LEDGER_CLASS_INCOME,
        [ASHAS] = LEDGER_CLASS_LIABILITY, [RAVIS] = LEDGER_CLASS_LIABILITY,
        [EUROS] = LEDGER_CLASS_LIABILITY,
    };

    for (uint64_t n = CASH; n <= ACCOUNTS; n++) {
        struct ledger_account account = books_account(n);
        account.class = classes[n];
        if (n == EUROS) memcpy(account.currency, "EUR", 4);
        account.number = n;
        account.created_at_ns = account.changed_at_ns = BOOKS_BEGIN_NS + n;
        put_account(txn, &account);
        uint8_t number_key[8], owner_key[LEDGER_OWNER_KEY_BYTES];
        static const uint8_t details[] = {1, 0, 1, 0, 4, 'A', 's', 'h', 'a'};
        put_u64_be(number_key, n);
        ledger_owner_key_encode(account.owner_id, n, owner_key);
        store_append(txn, LEDGER_TABLE_ACCOUNT_NUMBERS, bytes_of(number_key, 8),
                     id128_bytes(&account.id));
        store_put(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(owner_key, sizeof owner_key),
                  id128_bytes(&account.id));
        store_put(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&account.id),
                  bytes_of(details, sizeof details));
    }
    put_state(txn, &(struct ledger_state){BOOKS_BEGIN_NS + ACCOUNTS, 0, ACCOUNTS});
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
        uint64_t debit = CASH + books_random(RAVIS);
        struct books_posting posting = {.kind = LEDGER_TRANSFER_POSTED,
                                        .debit = debit,
                                        .credit = CASH + (debit + books_random(3)) % RAVIS,
                                        .amount = 1 + books_random(1000)};
        state.last_time_ns += 1 + books_random(100);
        RETURN_IF_ERROR(books_prepare(txn, &posting, &state, account, &transfer));
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
            put_account(txn, &account[side]);
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
    struct books *books = calloc(1, sizeof *books);
    assert_non_null(books);
    directory_make("ledger", books->directory, sizeof books->directory);
    snprintf(books->path, sizeof books->path, "%.240s/store", books->directory);
    clock_test_set(BOOKS_BEGIN_NS, 1);
    assert_status_ok(open_v1(books));
    books_job(books, run_accounts_v1, NULL);
    for (size_t i = 0; i < TRANSFERS / JOB; i++)
        books_job(books, run_transfers_v1, NULL);
    books_job(books, run_others_v1, NULL);
    *state = books;
    return 0;
}

// ---- What becomes of it -------------------------------------------------------------------------

/// The totals of a class in one currency, as the accounts or, up to a time, the transfers say.
static struct ledger_totals sum_accounts(struct store_txn *txn, const char *currency,
                                         enum ledger_class class)
{
    struct ledger_totals sum = {0};
    for (uint64_t n = CASH; n <= ACCOUNTS; n++) {
        struct ledger_account account;
        assert_status_ok(ledger_store_get_account(txn, books_account_id(n), &account));
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

static size_t count_rows(struct store_txn *txn, uint8_t table)
{
    size_t count = 0;
    struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor))
        count++;
    store_cursor_close(&cursor);
    return count;
}

static struct status run_hold(struct store_txn *txn, void *context)
{
    return books_post(
        txn,
        &(struct books_posting){
            .kind = LEDGER_TRANSFER_PENDING, .debit = ASHAS, .credit = RAVIS, .amount = 5},
        context);
}

static void test_running_totals_are_worked_out(void **state)
{
    struct books *books = *state;
    books_close(books);
    assert_status_ok(books_open(books));
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    struct store_txn *txn = books_read(books);
    assert_totals_are_the_accounts(txn, arena);
    assert_int_equal(count_rows(txn, LEDGER_TABLE_CHECKPOINTS), 1);
    assert_totals_at(txn, arena, TRANSFERS);
    assert_totals_at(txn, arena, TRANSFERS / 2); // Before the checkpoint, too.
    assert_totals_at(txn, arena, 1);
    store_snapshot_end(&txn);

    // And the books go on.
    struct ledger_transfer hold;
    books_job(books, run_hold, &hold);
    assert_int_equal(hold.number, TRANSFERS + 1);
    books_close(books);
    assert_status_ok(books_open(books)); // Not migrated a second time.
    txn = books_read(books);
    struct ledger_trial trial;
    assert_status_ok(ledger_totals_now(txn, arena, &trial));
    assert_int_equal(trial.rows[1].class, LEDGER_CLASS_LIABILITY);
    assert_true(trial.rows[1].totals.debits_pending == 5);
    assert_true(trial.rows[1].totals.credits_pending == 5);
    store_snapshot_end(&txn);
    arena_close(&arena);
}

static void test_everything_else_is_read_as_it_is(void **state)
{
    struct books *books = *state;
    books_close(books);
    assert_status_ok(books_open(books));
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(books);
    struct ledger_details details;
    assert_status_ok(ledger_store_get_details(txn, books_account_id(ASHAS), &details));
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

static void test_version_1_does_not_open_it_again(void **state)
{
    struct books *books = *state;
    books_close(books);
    assert_status_ok(books_open(books));
    books_close(books);
    assert_refused(open_v1(books), "SCHEMA_TOO_NEW");
}

static struct status run_damage(struct store_txn *txn, void *context)
{
    (void)context;
    static const uint8_t record[] = {1, 2, 3};
    struct id128 id = books_account_id(ASHAS);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&id), bytes_of(record, sizeof record));
    return STATUS_SUCCESS;
}

static void test_a_damaged_store_stays_at_version_1(void **state)
{
    struct books *books = *state;
    books_job(books, run_damage, NULL);
    books_close(books);
    assert_refused(books_open(books), "RECORD_CORRUPT");
    books_close(books);
    assert_status_ok(open_v1(books));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_running_totals_are_worked_out, setup_v1,
                                        books_teardown),
        cmocka_unit_test_setup_teardown(test_everything_else_is_read_as_it_is, setup_v1,
                                        books_teardown),
        cmocka_unit_test_setup_teardown(test_version_1_does_not_open_it_again, setup_v1,
                                        books_teardown),
        cmocka_unit_test_setup_teardown(test_a_damaged_store_stays_at_version_1, setup_v1,
                                        books_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
