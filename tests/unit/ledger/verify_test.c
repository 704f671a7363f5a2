// Every finding by name: a test damages one row, and the verification must say what and where.
#include "services/ledger/verify.h"
#include "tests/unit/ledger/fixture.h"

#include <string.h>

enum { ASHA = 0x1a, RAVI = 0x2a, ASHAS = 0x11, RAVIS = 0x21, LAST = 12 };

static int setup_books(void **state)
{
    setup(state);
    make_customer(*state, ASHA, ASHAS);
    make_customer(*state, RAVI, RAVIS);
    must_deposit(*state, ASHAS, 1000);
    for (size_t i = 1; i < LAST; i++)
        must_transfer(*state, i % 3 == 0 ? RAVIS : ASHAS, i % 3 == 0 ? ASHAS : RAVIS, i);
    return 0;
}

static struct bytes number_key(uint64_t number)
{
    static uint8_t key[8];
    put_u64_be(key, number);
    return bytes_of(key, sizeof key);
}

static void put_raw_transfer(struct store_txn *txn, const struct ledger_transfer *transfer)
{
    static uint8_t record[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(transfer, record);
    store_put(txn, LEDGER_TABLE_TRANSFERS, number_key(transfer->number), bytes_of(record, size));
}

static struct ledger_transfer get_transfer(struct store_txn *txn, uint64_t number)
{
    struct ledger_transfer transfer;
    assert_status_ok(ledger_store_get_transfer(txn, number, &transfer));
    return transfer;
}

static void put_raw_account(struct store_txn *txn, const struct ledger_account *account)
{
    uint8_t record[LEDGER_ACCOUNT_BYTES]; // Past the conservation check, which would stop us.
    ledger_account_encode(account, record);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, bytes_of(account->id.bytes, ID128_BYTES),
              bytes_of(record, sizeof record));
}

static struct ledger_account get_account(struct store_txn *txn, uint8_t id)
{
    struct ledger_account account;
    assert_status_ok(ledger_store_get_account(txn, id_of(id), &account));
    return account;
}

// ---- Damages ------------------------------------------------------------------------------------

static void change_balance(struct store_txn *txn)
{
    struct ledger_account account = get_account(txn, ASHAS);
    account.totals.credits_posted++;
    put_raw_account(txn, &account);
}

static void change_head(struct store_txn *txn)
{
    struct ledger_account account = get_account(txn, ASHAS);
    account.head.entry_count--;
    memset(account.head.chain + 1, 0, sizeof account.head.chain - sizeof account.head.chain[0]);
    put_raw_account(txn, &account);
}

static void lose_middle_transfer(struct store_txn *txn)
{
    store_delete(txn, LEDGER_TABLE_TRANSFERS, number_key(5));
}

static void lose_last_transfer(struct store_txn *txn)
{
    store_delete(txn, LEDGER_TABLE_TRANSFERS, number_key(LAST));
}

static void change_amount(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, 6);
    transfer.amount++;
    put_raw_transfer(txn, &transfer);
}

static void change_balance_after(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, 6);
    transfer.entry[LEDGER_CREDIT].after.credits_posted++;
    put_raw_transfer(txn, &transfer);
}

static void change_jump(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, 8);
    transfer.entry[LEDGER_DEBIT].jump = 1;
    put_raw_transfer(txn, &transfer);
}

static void change_time(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, 6);
    transfer.created_at_ns = get_transfer(txn, 5).created_at_ns;
    put_raw_transfer(txn, &transfer);
}

static void change_currency(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, 6);
    memcpy(transfer.currency, "EUR", 4);
    put_raw_transfer(txn, &transfer);
}

static void break_transfer(struct store_txn *txn)
{
    store_put(txn, LEDGER_TABLE_TRANSFERS, number_key(LAST), bytes_of_text("?"));
}

static void break_account(struct store_txn *txn)
{
    struct id128 id = id_of(ASHAS);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, bytes_of(id.bytes, ID128_BYTES), bytes_of_text("?"));
}

static void lose_account(struct store_txn *txn)
{
    struct id128 id = id_of(RAVIS);
    store_delete(txn, LEDGER_TABLE_ACCOUNTS, bytes_of(id.bytes, ID128_BYTES));
}

static void lose_id(struct store_txn *txn)
{
    struct id128 id = get_transfer(txn, 4).id;
    store_delete(txn, LEDGER_TABLE_IDS, bytes_of(id.bytes, ID128_BYTES));
}

static void add_id(struct store_txn *txn)
{
    uint8_t record[LEDGER_ID_ENTRY_BYTES_MAX];
    struct id128 id = id_of(0x99);
    size_t size = ledger_id_entry_encode(&(struct ledger_id_entry){.number = 4}, record);
    store_put(txn, LEDGER_TABLE_IDS, bytes_of(id.bytes, ID128_BYTES), bytes_of(record, size));
}

static void lose_owner_index(struct store_txn *txn)
{
    uint8_t key[LEDGER_OWNER_KEY_BYTES];
    ledger_owner_key_encode(id_of(ASHA), get_account(txn, ASHAS).number, key);
    store_delete(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(key, sizeof key));
}

static void lose_details(struct store_txn *txn)
{
    struct id128 id = id_of(ASHAS);
    store_delete(txn, LEDGER_TABLE_ACCOUNT_DETAILS, bytes_of(id.bytes, ID128_BYTES));
}

static void change_state(struct store_txn *txn)
{
    struct ledger_state state;
    assert_status_ok(ledger_store_get_state(txn, &state));
    state.transfer_count--;
    ledger_store_put_state(txn, &state);
}

struct damage {
    const char *name;
    void (*make)(struct store_txn *txn);
    const char *finding;
};

static const struct damage damages[] = {
    {"a balance", change_balance, "BALANCE_MISMATCH"},
    {"money out of nothing", change_balance, "NOT_CONSERVED"},
    {"an account's newest entry", change_head, "HISTORY_BROKEN"},
    {"a transfer lost in the middle", lose_middle_transfer, "SEQUENCE_GAP"},
    {"... which its id still names", lose_middle_transfer, "MISSING_TRANSFER"},
    {"the last transfer lost", lose_last_transfer, "MISSING_TRANSFER"},
    {"an amount", change_amount, "HISTORY_MISMATCH"},
    {"... and with it the balances", change_amount, "BALANCE_MISMATCH"},
    {"a balance in the history", change_balance_after, "HISTORY_MISMATCH"},
    {"a jump pointer", change_jump, "HISTORY_BROKEN"},
    {"a time", change_time, "TIME_NOT_RISING"},
    {"a currency", change_currency, "CURRENCY_MISMATCH"},
    {"a transfer's bytes", break_transfer, "RECORD_CORRUPT"},
    {"an account's bytes", break_account, "RECORD_CORRUPT"},
    {"an account lost", lose_account, "MISSING_ACCOUNT"},
    {"an id lost", lose_id, "MISSING_ID"},
    {"an id that names another", add_id, "MISSING_TRANSFER"},
    {"an owner's index entry", lose_owner_index, "INDEX_MISMATCH"},
    {"details lost", lose_details, "INDEX_MISMATCH"},
    {"the state", change_state, "STATE_MISMATCH"},
};

static struct status run_damage(struct store_txn *txn, void *context)
{
    const struct damage *damage = context;
    damage->make(txn);
    return STATUS_SUCCESS;
}

static void test_every_damage_is_found(void **state)
{
    (void)state;
    static struct ledger_verification result;
    for (size_t i = 0; i < ROWS(damages); i++) {
        void *books;
        setup_books(&books);
        struct fixture *fixture = books;
        assert_clean(fixture);
        run_job(fixture, run_damage, (void *)&damages[i]);
        assert_status_ok(ledger_verify(fixture->store, NULL, &result));
        bool found = false;
        for (size_t k = 0; k < result.finding_count && k < LEDGER_FINDINGS_MAX; k++)
            found = found || strcmp(result.findings[k].reason, damages[i].finding) == 0;
        if (!found)
            fail_msg("%s: %s was not among the %ju findings", damages[i].name, damages[i].finding,
                     (uintmax_t)result.finding_count);
        teardown(&books);
    }
}

static void test_counts_and_a_stop(void **state)
{
    static struct ledger_verification result;
    struct fixture *fixture = *state;
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    assert_int_equal(result.accounts, 3);
    assert_int_equal(result.transfers, LAST);
    const _Atomic bool stop = true;
    assert_refused(ledger_verify(fixture->store, &stop, &result), "CANCELLED");
}

static struct status run_many_findings(struct store_txn *txn, void *context)
{
    (void)context;
    uint8_t record[LEDGER_ID_ENTRY_BYTES_MAX];
    size_t size = ledger_id_entry_encode(&(struct ledger_id_entry){.number = 99999}, record);
    for (size_t i = 0; i < 2 * LEDGER_FINDINGS_MAX; i++) {
        struct id128 id = id128_generate();
        store_put(txn, LEDGER_TABLE_IDS, bytes_of(id.bytes, ID128_BYTES), bytes_of(record, size));
    }
    return STATUS_SUCCESS;
}

static void test_findings_beyond_the_limit_are_counted(void **state)
{
    static struct ledger_verification result;
    struct fixture *fixture = *state;
    run_job(fixture, run_many_findings, NULL);
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    assert_int_equal(result.finding_count, 2 * LEDGER_FINDINGS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_damage_is_found),
        cmocka_unit_test_setup_teardown(test_counts_and_a_stop, setup_books, teardown),
        cmocka_unit_test_setup_teardown(test_findings_beyond_the_limit_are_counted, setup_books,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
