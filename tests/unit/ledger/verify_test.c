// Every finding by name: a test damages one row, and the verification must say what and where. Here
// what concerns accounts and the log; holds and what hangs on them in verify_holds_test.c.
#include "services/ledger/verify.h"
#include "tests/unit/ledger/damage.h"

static struct ledger_account get_account(struct store_txn *txn, uint8_t id)
{
    struct ledger_account account;
    assert_status_ok(ledger_store_get_account(txn, id_of(id), &account));
    return account;
}

static uint64_t last_number(struct store_txn *txn)
{
    struct ledger_state state;
    assert_status_ok(ledger_store_get_state(txn, &state));
    return state.transfer_count;
}

// ---- Balances, histories ------------------------------------------------------------------------

static void change_balance(struct store_txn *txn)
{
    struct ledger_account account = get_account(txn, ASHAS);
    account.totals.credits_posted++;
    raw_put_account(txn, &account);
}

static void change_pending(struct store_txn *txn)
{
    struct ledger_account account = get_account(txn, ASHAS);
    account.totals.debits_pending--;
    raw_put_account(txn, &account);
}

static void change_head(struct store_txn *txn)
{
    struct ledger_account account = get_account(txn, ASHAS);
    account.head.entry_count--;
    memset(account.head.chain + 1, 0, sizeof account.head.chain - sizeof account.head.chain[0]);
    raw_put_account(txn, &account);
}

static void lose_middle_transfer(struct store_txn *txn)
{
    store_delete(txn, LEDGER_TABLE_TRANSFERS, raw_number_key(5));
}

static void lose_last_transfer(struct store_txn *txn)
{
    store_delete(txn, LEDGER_TABLE_TRANSFERS, raw_number_key(last_number(txn)));
}

static void change_amount(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PLAIN_FIRST + 6);
    transfer.amount++;
    raw_put_transfer(txn, &transfer);
}

static void change_balance_after(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PLAIN_FIRST + 6);
    transfer.entry[LEDGER_CREDIT].after.credits_posted++;
    raw_put_transfer(txn, &transfer);
}

static void change_pending_after(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, POSTING);
    transfer.entry[LEDGER_DEBIT].after.debits_pending++;
    raw_put_transfer(txn, &transfer);
}

static void change_jump(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PLAIN_FIRST + 7);
    transfer.entry[LEDGER_DEBIT].jump = 1;
    raw_put_transfer(txn, &transfer);
}

static void change_time(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PLAIN_FIRST + 6);
    transfer.created_at_ns = get_transfer(txn, PLAIN_FIRST + 5).created_at_ns;
    raw_put_transfer(txn, &transfer);
}

static void change_currency(struct store_txn *txn)
{
    struct ledger_transfer transfer = get_transfer(txn, PLAIN_FIRST + 6);
    memcpy(transfer.currency, "EUR", 4);
    raw_put_transfer(txn, &transfer);
}

static void break_transfer(struct store_txn *txn)
{
    store_put(txn, LEDGER_TABLE_TRANSFERS, raw_number_key(last_number(txn)), bytes_of_text("?"));
}

static void lose_id(struct store_txn *txn)
{
    struct id128 id = id_of(PLAIN_FIRST + 3);
    store_delete(txn, LEDGER_TABLE_IDS, id128_bytes(&id));
}

static void add_id(struct store_txn *txn)
{
    uint8_t record[LEDGER_ID_ENTRY_BYTES_MAX];
    struct id128 id = id_of(0x99);
    size_t size = ledger_id_entry_encode(&(struct ledger_id_entry){.number = 4}, record);
    store_put(txn, LEDGER_TABLE_IDS, id128_bytes(&id), bytes_of(record, size));
}

static void change_state(struct store_txn *txn)
{
    struct ledger_state state;
    assert_status_ok(ledger_store_get_state(txn, &state));
    state.transfer_count--;
    ledger_store_put_state(txn, &state);
}

static void change_account_count(struct store_txn *txn)
{
    struct ledger_state state;
    assert_status_ok(ledger_store_get_state(txn, &state));
    state.account_count++;
    ledger_store_put_state(txn, &state);
}

static void change_last_time(struct store_txn *txn)
{
    struct ledger_state state;
    assert_status_ok(ledger_store_get_state(txn, &state));
    state.last_time_ns = get_transfer(txn, TRIGGER).created_at_ns;
    ledger_store_put_state(txn, &state);
}

static const struct damage damages_of_the_log[] = {
    {"a balance", change_balance, "BALANCE_MISMATCH"},
    {"money out of nothing", change_balance, "NOT_CONSERVED"},
    {"what is held", change_pending, "BALANCE_MISMATCH"},
    {"a hold on one side only", change_pending, "NOT_CONSERVED"},
    {"an account's newest entry", change_head, "HISTORY_BROKEN"},
    {"a transfer lost in the middle", lose_middle_transfer, "SEQUENCE_GAP"},
    {"... which its id still names", lose_middle_transfer, "MISSING_TRANSFER"},
    {"the last transfer lost", lose_last_transfer, "MISSING_TRANSFER"},
    {"an amount", change_amount, "HISTORY_MISMATCH"},
    {"... and with it the balances", change_amount, "BALANCE_MISMATCH"},
    {"... and the running totals", change_amount, "TOTALS_MISMATCH"},
    {"a balance in the history", change_balance_after, "HISTORY_MISMATCH"},
    {"what was held, in the history", change_pending_after, "HISTORY_MISMATCH"},
    {"a jump pointer", change_jump, "HISTORY_BROKEN"},
    {"a time", change_time, "TIME_NOT_RISING"},
    {"a currency", change_currency, "CURRENCY_MISMATCH"},
    {"a transfer's bytes", break_transfer, "RECORD_CORRUPT"},
    {"an id lost", lose_id, "MISSING_ID"},
    {"an id that names another", add_id, "MISSING_TRANSFER"},
    {"the count of transfers", change_state, "STATE_MISMATCH"},
    {"the count of accounts", change_account_count, "STATE_MISMATCH"},
    {"the last time", change_last_time, "STATE_MISMATCH"},
};

static void test_damages_to_the_log_are_found(void **state)
{
    (void)state;
    damage_books(damages_of_the_log, ROWS(damages_of_the_log));
}

// ---- Accounts -----------------------------------------------------------------------------------

static void break_account(struct store_txn *txn)
{
    struct id128 id = id_of(ASHAS);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&id), bytes_of_text("?"));
}

static void lose_account(struct store_txn *txn)
{
    struct id128 id = id_of(RAVIS);
    store_delete(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&id));
}

static void lose_owner_index(struct store_txn *txn)
{
    uint8_t key[LEDGER_OWNER_KEY_BYTES];
    ledger_owner_key_encode(id_of(ASHA), get_account(txn, ASHAS).number, key);
    store_delete(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(key, sizeof key));
}

static void add_owner_index(struct store_txn *txn)
{
    uint8_t key[LEDGER_OWNER_KEY_BYTES];
    struct id128 id = id_of(ASHAS);
    ledger_owner_key_encode(id_of(RAVI), get_account(txn, ASHAS).number, key);
    store_put(txn, LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(key, sizeof key), id128_bytes(&id));
}

static void lose_number_index(struct store_txn *txn)
{
    store_delete(txn, LEDGER_TABLE_ACCOUNT_NUMBERS, raw_number_key(get_account(txn, ASHAS).number));
}

static void lose_details(struct store_txn *txn)
{
    struct id128 id = id_of(ASHAS);
    store_delete(txn, LEDGER_TABLE_ACCOUNT_DETAILS, id128_bytes(&id));
}

static void freeze_without_a_word(struct store_txn *txn)
{
    struct ledger_account account = get_account(txn, ASHAS);
    account.frozen[LEDGER_DEBIT] = true;
    raw_put_account(txn, &account);
}

static void lose_ref(struct store_txn *txn)
{
    store_delete(txn, LEDGER_TABLE_EXTERNAL_REFS, bytes_of_text(ASHAS_REFERENCE));
}

static void add_ref(struct store_txn *txn)
{
    struct id128 id = id_of(RAVIS);
    store_put(txn, LEDGER_TABLE_EXTERNAL_REFS, bytes_of_text("OTHER"), id128_bytes(&id));
}

static void change_ref(struct store_txn *txn)
{
    struct id128 id = id_of(RAVIS);
    store_put(txn, LEDGER_TABLE_EXTERNAL_REFS, bytes_of_text(ASHAS_REFERENCE), id128_bytes(&id));
}

static void lose_version(struct store_txn *txn)
{
    raw_lose_first(txn, LEDGER_TABLE_ACCOUNT_VERSIONS);
}

static void put_version(struct store_txn *txn, uint8_t account,
                        const struct ledger_account_version *version)
{
    uint8_t key[LEDGER_ACCOUNT_VERSION_KEY_BYTES], record[LEDGER_ACCOUNT_VERSION_BYTES];
    ledger_account_version_key_encode(id_of(account), version->version, key);
    size_t size = ledger_account_version_encode(version, record);
    store_put(txn, LEDGER_TABLE_ACCOUNT_VERSIONS, bytes_of(key, sizeof key),
              bytes_of(record, size));
}

static void add_version(struct store_txn *txn)
{
    put_version(txn, RAVIS, &(struct ledger_account_version){.version = 7, .since_ns = 1});
}

static void change_version_time(struct store_txn *txn)
{
    put_version(txn, ASHAS,
                &(struct ledger_account_version){
                    .version = 2, .since_ns = get_account(txn, ASHAS).created_at_ns});
}

static const struct damage damages_of_accounts[] = {
    {"an account's bytes", break_account, "RECORD_CORRUPT"},
    {"an account lost", lose_account, "MISSING_ACCOUNT"},
    {"an owner's index entry lost", lose_owner_index, "INDEX_MISMATCH"},
    {"another owner's index entry", add_owner_index, "INDEX_MISMATCH"},
    {"a number's index entry lost", lose_number_index, "INDEX_MISMATCH"},
    {"details lost", lose_details, "INDEX_MISMATCH"},
    {"a freeze that nobody ordered", freeze_without_a_word, "DETAILS_MISMATCH"},
    {"an external reference lost", lose_ref, "REFERENCE_MISMATCH"},
    {"a reference that is nobody's", add_ref, "REFERENCE_MISMATCH"},
    {"a reference that leads to another", change_ref, "REFERENCE_MISMATCH"},
    {"a version lost", lose_version, "VERSION_MISMATCH"},
    {"a version that never was", add_version, "VERSION_MISMATCH"},
    {"versions out of order", change_version_time, "VERSION_MISMATCH"},
};

static void test_damages_to_accounts_are_found(void **state)
{
    (void)state;
    damage_books(damages_of_accounts, ROWS(damages_of_accounts));
}

// ---- Approvals and payees -----------------------------------------------------------------------

static void add_approval_of_nothing(struct store_txn *txn)
{
    ledger_store_burn_token(txn, 1, id_of(0x77), last_number(txn) + 1, 1);
}

static void add_approval_of_a_capture(struct store_txn *txn)
{
    ledger_store_burn_token(txn, 1, id_of(0x77), number_of(txn, POSTING), 1);
}

static void break_approval(struct store_txn *txn)
{
    uint8_t key[LEDGER_BURNT_KEY_BYTES];
    ledger_burnt_key_encode(1, id_of(0x77), key);
    store_put(txn, LEDGER_TABLE_SCA_BURNT, bytes_of(key, sizeof key), bytes_of_text("?"));
}

static void break_approval_key(struct store_txn *txn)
{
    store_put(txn, LEDGER_TABLE_SCA_BURNT, bytes_of_text("?"), bytes_of_text("?"));
}

static void add_payee_never_paid(struct store_txn *txn)
{
    ledger_store_put_payee(txn, id_of(ASHA), id_of(RAVIS), last_number(txn) + 1);
}

/// Plain transfers go to and fro: of two that follow each other one is not hers to him.
static void add_payee_of_another(struct store_txn *txn)
{
    ledger_store_put_payee(txn, id_of(RAVI), id_of(RAVIS), number_of(txn, PLAIN_FIRST));
    ledger_store_put_payee(txn, id_of(ASHA), id_of(ASHAS), number_of(txn, PLAIN_FIRST));
}

static const struct damage damages_of_approvals[] = {
    {"an approval of a payment that never was", add_approval_of_nothing, "APPROVAL_MISMATCH"},
    {"an approval of what takes none", add_approval_of_a_capture, "APPROVAL_MISMATCH"},
    {"an approval's bytes", break_approval, "APPROVAL_MISMATCH"},
    {"an approval's key", break_approval_key, "RECORD_CORRUPT"},
    {"a payee whom nobody paid", add_payee_never_paid, "PAYEE_MISMATCH"},
    {"a payee whom another paid", add_payee_of_another, "PAYEE_MISMATCH"},
};

static void test_damages_to_approvals_are_found(void **state)
{
    (void)state;
    damage_books(damages_of_approvals, ROWS(damages_of_approvals));
}

// ---- Counting -----------------------------------------------------------------------------------

static void test_counts_and_a_stop(void **state)
{
    static struct ledger_verification result;
    struct fixture *fixture = *state;
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    assert_int_equal(result.finding_count, 0);
    {
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        struct ledger_state counted;
        assert_status_ok(ledger_store_get_state(txn, &counted));
        assert_int_equal(result.accounts, counted.account_count);
        assert_int_equal(result.transfers, counted.transfer_count);
    }
    const _Atomic bool stop = true;
    assert_refused(ledger_verify(fixture->store, &stop, &result), "CANCELLED");
}

static struct status run_change_amount(struct store_txn *txn, void *context)
{
    (void)context;
    struct ledger_transfer transfer = get_transfer(txn, PLAIN_FIRST);
    transfer.amount++;
    raw_put_transfer(txn, &transfer);
    return STATUS_SUCCESS;
}

/// Every later entry of both accounts is off by as much: that is said once, where it begins.
static void test_one_damage_is_not_found_at_every_later_transfer(void **state)
{
    static struct ledger_verification result;
    struct fixture *fixture = *state;
    run_job(fixture, run_change_amount, NULL);
    assert_status_ok(ledger_verify(fixture->store, NULL, &result));
    size_t mismatches = 0;
    for (size_t i = 0; i < result.finding_count; i++)
        mismatches += strcmp(result.findings[i].reason, "HISTORY_MISMATCH") == 0;
    assert_int_equal(mismatches, 2);
}

static struct status run_many_findings(struct store_txn *txn, void *context)
{
    (void)context;
    uint8_t record[LEDGER_ID_ENTRY_BYTES_MAX];
    size_t size = ledger_id_entry_encode(&(struct ledger_id_entry){.number = 99999}, record);
    for (size_t i = 0; i < 2 * LEDGER_FINDINGS_MAX; i++) {
        struct id128 id = id128_generate();
        store_put(txn, LEDGER_TABLE_IDS, id128_bytes(&id), bytes_of(record, size));
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
        cmocka_unit_test(test_damages_to_the_log_are_found),
        cmocka_unit_test(test_damages_to_accounts_are_found),
        cmocka_unit_test(test_damages_to_approvals_are_found),
        cmocka_unit_test_setup_teardown(test_counts_and_a_stop, setup_books, teardown),
        cmocka_unit_test_setup_teardown(test_one_damage_is_not_found_at_every_later_transfer,
                                        setup_books, teardown),
        cmocka_unit_test_setup_teardown(test_findings_beyond_the_limit_are_counted, setup_books,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
