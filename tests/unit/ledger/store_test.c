// What the ledger's store keeps besides money: references, versions of settings, expiries, limits.
#include "tests/unit/ledger/books.h"
#include "tests/unit/ledger/fixture.h"
#include "tests/unit/ledger/rules.h"

enum { ACCOUNT = 7 };

// ---- External references ------------------------------------------------------------------------

static struct status run_references(struct store_txn *txn, void *context)
{
    (void)context;
    static struct ledger_details none, first, second;
    memcpy(first.external_ref, "ref-1", 6);
    memcpy(second.external_ref, "ref-2", 6);
    struct ledger_account account = customer_account(ACCOUNT);
    struct id128 found;
    account.number = 1;
    ledger_store_add_account(txn, &account, &first);
    assert_status_ok(ledger_store_find_ref(txn, "ref-1", &found));
    assert_true(id128_equal(found, account.id));

    ledger_store_put_details(txn, account.id, &first, &second);
    assert_int_equal(ledger_store_find_ref(txn, "ref-1", &found).code, STATUS_NOT_FOUND);
    assert_status_ok(ledger_store_find_ref(txn, "ref-2", &found));
    ledger_store_put_details(txn, account.id, &second, &second);
    assert_status_ok(ledger_store_find_ref(txn, "ref-2", &found));
    ledger_store_put_details(txn, account.id, &second, &none);
    assert_int_equal(ledger_store_find_ref(txn, "ref-2", &found).code, STATUS_NOT_FOUND);
    assert_int_equal(ledger_store_find_ref(txn, "", &found).code, STATUS_NOT_FOUND);
    return STATUS_SUCCESS;
}

static void test_references_follow_the_details(void **state)
{
    run_job(*state, run_references, NULL);
}

// ---- Versions of settings -----------------------------------------------------------------------

enum { VERSIONS = 9, LIFE = 10 }; // Version n lasts from n * LIFE to (n + 1) * LIFE - 1.

static void set_version(struct ledger_account *account, uint64_t n)
{
    account->version = n;
    account->credit_limit = n;
    account->no_negative = n % 2 == 0;
    account->closed = n == VERSIONS;
    account->has_min_balance = n % 3 == 0;
    account->min_balance = n % 3 == 0 ? -(i128)n : 0;
    account->has_max_balance = n % 4 == 0;
    account->max_balance = n % 4 == 0 ? (i128)n : 0;
    account->frozen[LEDGER_DEBIT] = n == 5;
    account->frozen_until_ns[LEDGER_DEBIT] = n == 5 ? 1000 : 0;
}

static struct status run_versions(struct store_txn *txn, void *context)
{
    (void)context;
    static struct ledger_details before, after;
    struct ledger_account account = customer_account(ACCOUNT);
    account.number = 1;
    account.created_at_ns = LIFE;
    set_version(&account, 1);
    ledger_store_add_account(txn, &account, &before);
    for (uint64_t n = 2; n <= VERSIONS; n++) {
        ledger_store_keep_version(txn, &account, (n - 1) * LIFE);
        set_version(&account, n);
        after.updated_at_ns = n * LIFE;
        ledger_store_put_account(txn, &account);
        ledger_store_put_details(txn, account.id, &before, &after);
    }
    return STATUS_SUCCESS;
}

static void test_settings_are_those_of_the_time(void **state)
{
    struct fixture *fixture = *state;
    run_job(fixture, run_versions, NULL);
    struct ledger_account now = read_account(fixture, id_of(ACCOUNT));
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    for (uint64_t at_ns = 0; at_ns < (VERSIONS + 2) * LIFE; at_ns++) {
        struct ledger_account account = now, expected = now;
        uint64_t n = at_ns / LIFE < 1 ? 1 : at_ns / LIFE > VERSIONS ? VERSIONS : at_ns / LIFE;
        assert_status_ok(ledger_store_settings_at(txn, at_ns, &account));
        set_version(&expected, n);
        expected.frozen_until_ns[LEDGER_DEBIT] = 0; // Is not kept.
        assert_int_equal(account.version, n);
        assert_true(account.credit_limit == n);
        assert_int_equal(account.no_negative, expected.no_negative);
        assert_int_equal(account.closed, expected.closed);
        assert_int_equal(account.frozen[LEDGER_DEBIT], expected.frozen[LEDGER_DEBIT]);
        assert_true(account.min_balance == expected.min_balance);
        assert_true(account.max_balance == expected.max_balance);
        assert_true(ledger_account_is_sound(&account));
    }
}

// ---- Expiries -----------------------------------------------------------------------------------

enum { EXPIRIES = 40, STEPS = 400 };

/// The naive side: which expiries there are. Two share each time.
static bool is_there[EXPIRIES];

static uint64_t expires_at(size_t i)
{
    return 1000 + i / 2;
}

static void assert_next_expiry(struct store_txn *txn)
{
    size_t first = 0;
    while (first < EXPIRIES && !is_there[first])
        first++;
    uint64_t at_ns = 0, number = 0;
    struct status status = ledger_store_next_expiry(txn, &at_ns, &number);
    if (first == EXPIRIES) {
        assert_int_equal(status.code, STATUS_NOT_FOUND);
        return;
    }
    assert_status_ok(status);
    assert_int_equal(at_ns, expires_at(first));
    assert_int_equal(number, first + 1);
    // From one to the next, through all of them.
    for (size_t i = first + 1; i < EXPIRIES; i++) {
        if (!is_there[i]) continue;
        assert_status_ok(ledger_store_expiry_after(txn, at_ns, number, &at_ns, &number));
        assert_int_equal(number, i + 1);
    }
    status = ledger_store_expiry_after(txn, at_ns, number, &at_ns, &number);
    assert_int_equal(status.code, STATUS_NOT_FOUND);
}

struct expiry_job {
    bool is_refused;
    bool before[EXPIRIES];
};

static struct status run_expiries(struct store_txn *txn, void *context)
{
    struct expiry_job *job = context;
    memcpy(job->before, is_there, sizeof job->before);
    for (size_t step = 1 + random_below(5); step > 0; step--) {
        size_t i = random_below(EXPIRIES);
        is_there[i] = !is_there[i];
        if (is_there[i])
            ledger_store_put_expiry(txn, expires_at(i), i + 1);
        else
            ledger_store_drop_expiry(txn, expires_at(i), i + 1);
        assert_next_expiry(txn);
    }
    if (!job->is_refused) return STATUS_SUCCESS;
    memcpy(is_there, job->before, sizeof is_there);
    return REFUSE(FAILED_PRECONDITION, CHANGED_ITS_MIND, "after everything was written");
}

// What the writer remembers of the next expiry is what is stored, also when jobs are taken back.
static void test_the_next_expiry_is_always_known(void **state)
{
    struct fixture *fixture = *state;
    for (size_t step = 0; step < STEPS; step++) {
        struct expiry_job job = {.is_refused = random_below(3) == 0};
        struct status status = store_write_wait(fixture->store, run_expiries, &job);
        assert_int_equal(status_ok(status), !job.is_refused);
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        assert_next_expiry(txn);
    }
}

// ---- Limits -------------------------------------------------------------------------------------

static struct status run_counters(struct store_txn *txn, void *context)
{
    (void)context;
    const struct ledger_counters counters = {.balance = 5};
    for (uint8_t owner = 1; owner <= 3; owner++) {
        ledger_store_put_counters(txn, id_of(owner), "INR", &counters);
        ledger_store_put_counters(txn, id_of(owner), "EUR", &counters);
    }
    return STATUS_SUCCESS;
}

static struct status run_note_limits(struct store_txn *txn, void *context)
{
    ledger_store_note_limits(txn, bytes_of_text(context));
    return STATUS_SUCCESS;
}

static size_t count_counters(struct fixture *fixture)
{
    size_t count = 0;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    for (uint8_t owner = 1; owner <= 3; owner++) {
        struct ledger_counters counters;
        count += status_ok(ledger_store_get_counters(txn, id_of(owner), "INR", &counters));
        count += status_ok(ledger_store_get_counters(txn, id_of(owner), "EUR", &counters));
    }
    return count;
}

static struct status run_drop_counters(struct store_txn *txn, void *context)
{
    (void)context;
    ledger_store_drop_counters(txn, id_of(2));
    return STATUS_SUCCESS;
}

static void test_counters_are_forgotten_with_the_limits_they_were_kept_for(void **state)
{
    struct fixture *fixture = *state;
    run_job(fixture, run_note_limits, text_of("first"));
    run_job(fixture, run_counters, NULL);
    run_job(fixture, run_note_limits, text_of("first"));
    assert_int_equal(count_counters(fixture), 6);
    run_job(fixture, run_drop_counters, NULL);
    assert_int_equal(count_counters(fixture), 4);
    run_job(fixture, run_note_limits, text_of("second"));
    assert_int_equal(count_counters(fixture), 0);
    run_job(fixture, run_counters, NULL);
    close_fixture(fixture);
    open_fixture(fixture);
    run_job(fixture, run_note_limits, text_of("second"));
    assert_int_equal(count_counters(fixture), 6);
    run_job(fixture, run_note_limits, text_of("first"));
    assert_int_equal(count_counters(fixture), 0);
}

// ---- Texts of transfers -------------------------------------------------------------------------

static struct status run_texts(struct store_txn *txn, void *context)
{
    (void)context;
    struct ledger_account account[LEDGER_SIDES] = {customer_account(1), customer_account(2)};
    books_add_account(txn, &account[LEDGER_DEBIT]);
    books_add_account(txn, &account[LEDGER_CREDIT]);
    const struct books_posting posting = {
        .kind = LEDGER_TRANSFER_POSTED, .debit = 1, .credit = 2, .amount = 1};
    struct ledger_state state;
    struct ledger_transfer transfer;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    RETURN_IF_ERROR(books_prepare(txn, &posting, &state, account, &transfer));
    static const uint8_t metadata[] = {1, 1, 'k', 0, 1, 'v'};
    transfer.description = bytes_of_text("hello");
    transfer.metadata = bytes_of(metadata, sizeof metadata);
    ledger_store_append_transfer(txn, &transfer);
    return STATUS_SUCCESS;
}

static void test_texts_are_copied_into_an_arena(void **state)
{
    struct fixture *fixture = *state;
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    run_job(fixture, run_texts, NULL);
    struct store_txn *txn = read_store(fixture);
    struct ledger_transfer transfer;
    assert_status_ok(ledger_store_get_transfer(txn, arena, 1, &transfer));
    end_read(&txn);
    assert_true(bytes_equal(transfer.description, bytes_of_text("hello")));
    assert_int_equal(transfer.metadata.size, 6);
    assert_int_equal(arena_used(arena) > 0, true);

    struct arena *small = arena_open(8);
    txn = read_store(fixture);
    struct status status = ledger_store_get_transfer(txn, small, 1, &transfer);
    assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
    end_read(&txn);
    arena_close(&small);
    arena_close(&arena);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(references_follow_the_details),
        TEST(settings_are_those_of_the_time),
        TEST(the_next_expiry_is_always_known),
        TEST(counters_are_forgotten_with_the_limits_they_were_kept_for),
        TEST(texts_are_copied_into_an_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
