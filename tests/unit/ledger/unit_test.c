// The unit of work: its table, what it gives twice, what a reset forgets, what a flush writes.
#include "services/ledger/table.h"
#include "tests/unit/ledger/fixture.h"

// ---- The table ----------------------------------------------------------------------------------

struct number {
    struct ledger_node node;
    uint64_t value;
};

static bool is_number(const struct ledger_node *node, const void *key)
{
    return ((const struct number *)node)->value == *(const uint64_t *)key;
}

static void test_a_table_finds_what_was_added(void **state)
{
    (void)state;

    static const struct {
        size_t expected;
        uint64_t hash_mask; // Few bits: collisions.
    } rows[] = {{0, UINT64_MAX}, {0, 3}, {5000, UINT64_MAX}, {5000, 0}, {100, 0xff}};

    static const uint64_t key[2] = {1, 2};

    enum { NUMBERS = 1000 };

    for (size_t row = 0; row < ROWS(rows); row++) {
        struct arena *arena = arena_open(1 << 20);
        struct ledger_table table = {0};
        assert_true(ledger_table_open(&table, arena, rows[row].expected));
        for (size_t round = 0; round < 2; round++) {
            for (uint64_t i = 0; i < NUMBERS; i++) {
                struct number *number = arena_alloc(arena, sizeof *number);
                number->value = i;
                uint64_t hash = ledger_table_hash(key, i, 0) & rows[row].hash_mask;
                assert_null(ledger_table_find(&table, hash, is_number, &i));
                assert_true(ledger_table_add(&table, arena, &number->node, hash));
                assert_ptr_equal(ledger_table_find(&table, hash, is_number, &i), number);
            }
            uint64_t expected = 0;
            for (struct ledger_node *node = table.first; node != NULL; node = node->next)
                assert_int_equal(((struct number *)node)->value, expected++);
            assert_int_equal(expected, NUMBERS);
            ledger_table_reset(&table); // And the same again.
            assert_int_equal(table.count, 0);
        }
        arena_close(&arena);
    }
}

static void test_an_exhausted_arena_is_an_answer(void **state)
{
    (void)state;
    struct arena *arena = arena_open(4096);
    struct ledger_table table = {0};
    assert_false(ledger_table_open(&table, arena, 5000));
    table = (struct ledger_table){0};
    assert_true(ledger_table_open(&table, arena, 0));
    static struct number numbers[1000];
    uint64_t count = 0;
    while (count < ROWS(numbers) &&
           ledger_table_add(&table, arena, &numbers[count].node, count * 77))
        count++;
    assert_true(count > 8 && count < ROWS(numbers));
    assert_int_equal(table.count, count);
    arena_close(&arena);
}

// ---- The unit -----------------------------------------------------------------------------------

static void look(struct fixture *fixture,
                 struct status (*at)(struct ledger_unit *unit, void *fixture))
{
    assert_status_ok(run_on_unit(fixture, at, fixture));
}

static struct ledger_outcome decide(struct ledger_unit *unit, struct ledger_movement movement)
{
    movement.has_key = true;
    struct ledger_outcome outcome;
    assert_status_ok(ledger_service_move(unit, &teller, &movement, &outcome));
    return outcome;
}

static struct status look_at_pointers(struct ledger_unit *unit, void *context)
{
    (void)context;
    struct ledger_account *account, *again;
    struct ledger_allowance *allowance, *other;
    struct ledger_progress *progress, *same;
    uint64_t now_ns;
    assert_status_ok(ledger_unit_next_time(unit, &now_ns));
    assert_status_ok(ledger_unit_account(unit, id_of(ASHAS), &account));
    assert_status_ok(ledger_unit_account(unit, id_of(ASHAS), &again));
    assert_ptr_equal(account, again);
    assert_status_ok(ledger_unit_allowance(unit, account, &allowance));
    assert_status_ok(ledger_unit_account(unit, id_of(ASHAS_OTHER), &again));
    assert_status_ok(ledger_unit_allowance(unit, again, &other));
    assert_ptr_equal(allowance, other); // One owner, one currency.
    assert_status_ok(
        ledger_unit_account(unit, ledger_system_account_id("INR", LEDGER_CASH), &again));
    assert_status_ok(ledger_unit_allowance(unit, again, &other));
    assert_null(other);
    assert_status_ok(ledger_unit_progress(unit, 1, &progress));
    assert_status_ok(ledger_unit_progress(unit, 1, &same));
    assert_ptr_equal(progress, same);
    assert_refused(ledger_unit_account(unit, id_of(0x66), &again), "ACCOUNT_NOT_FOUND");
    assert_int_equal(
        ledger_unit_account(unit, ledger_system_account_id("XYZ", LEDGER_CASH), &again).code,
        STATUS_NOT_FOUND);
    assert_false(ledger_unit_has_changes(unit));
    return STATUS_SUCCESS;
}

static void test_everything_is_there_once(void **state)
{
    make_account(*state, ASHA, ASHAS_OTHER, "INR");
    look(*state, look_at_pointers);
}

static struct status look_at_a_reset(struct ledger_unit *unit, void *context)
{
    (void)context;
    struct ledger_account *cash;
    struct ledger_outcome first = decide(unit, transfer_of(id_of(1), ASHAS, RAVIS, 600));
    struct ledger_movement to_fees = transfer_of(id_of(2), ASHAS, 0, 1);
    to_fees.asked.account_id[LEDGER_CREDIT] = ledger_system_account_id("INR", LEDGER_FEES);
    decide(unit, to_fees);
    assert_int_equal(ledger_unit_transfer_count(unit), 2);
    assert_true(ledger_unit_has_changes(unit));
    ledger_unit_reset(unit);
    assert_int_equal(ledger_unit_transfer_count(unit), 0);
    assert_false(ledger_unit_has_changes(unit));

    // The same number and time again; what was promised is not remembered.
    struct ledger_outcome second = decide(unit, transfer_of(id_of(1), ASHAS, RAVIS, 700));
    assert_int_equal(second.transfer.number, first.transfer.number);
    assert_int_equal(second.transfer.created_at_ns, first.transfer.created_at_ns);
    assert_int_equal(second.transfer.entry[LEDGER_DEBIT].after.debits_posted, 700);
    assert_status_ok(
        ledger_unit_account(unit, ledger_system_account_id("INR", LEDGER_FEES), &cash));
    assert_int_equal(cash->number, 0); // Not used yet.
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static void test_a_reset_forgets(void **state)
{
    struct fixture *fixture = *state;
    look(fixture, look_at_a_reset);
    assert_balance(fixture, ASHAS, 300, 0, 0);
    struct ledger_account fees;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct status status =
        ledger_store_get_account(txn, ledger_system_account_id("INR", LEDGER_FEES), &fees);
    assert_int_equal(status.code, STATUS_NOT_FOUND);
    assert_clean(fixture);
}

/// The bank's own accounts begin to be in the order in which something is posted to them, each at a
/// time of its own before the posting, also when they were asked for in another one.
static struct status look_at_births(struct ledger_unit *unit, void *context)
{
    (void)context;
    struct ledger_account *fees, *fx, *euros;
    assert_status_ok(
        ledger_unit_account(unit, ledger_system_account_id("EUR", LEDGER_CASH), &euros));
    assert_status_ok(ledger_unit_account(unit, ledger_system_account_id("INR", LEDGER_FX), &fx));
    assert_status_ok(
        ledger_unit_account(unit, ledger_system_account_id("INR", LEDGER_FEES), &fees));
    struct ledger_movement movement = transfer_of(id_of(1), ASHAS, 0, 1);
    movement.asked.account_id[LEDGER_CREDIT] = fees->id;
    uint64_t fees_at_ns = decide(unit, movement).transfer.created_at_ns;
    movement.asked.id = id_of(2);
    movement.asked.account_id[LEDGER_CREDIT] = fx->id;
    uint64_t fx_at_ns = decide(unit, movement).transfer.created_at_ns;
    assert_true(fees->created_at_ns < fees_at_ns && fees_at_ns < fx->created_at_ns);
    assert_true(fx->created_at_ns < fx_at_ns);
    assert_int_equal(fx->number, fees->number + 1);
    assert_int_equal(euros->number, 0);
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static void test_own_accounts_begin_with_their_first_posting(void **state)
{
    struct fixture *fixture = *state;
    look(fixture, look_at_births);
    struct ledger_account fees =
        read_account(fixture, ledger_system_account_id("INR", LEDGER_FEES));
    assert_int_equal(fees.totals.credits_posted, 1);
    assert_clean(fixture);
}

/// Many more than the unit was told to expect, all on two accounts: the history's links come from
/// the unit itself as well as from the store.
static struct status look_at_growth(struct ledger_unit *unit, void *context)
{
    (void)context;
    for (size_t i = 0; i < 500; i++)
        decide(unit, transfer_of(ID128_NIL, i % 2 == 0 ? ASHAS : RAVIS, i % 2 == 0 ? RAVIS : ASHAS,
                                 1 + i / 2 % 3));
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static void test_a_unit_grows(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 5; i++) {
        look(fixture, look_at_growth);
        must_transfer(fixture, ASHAS, RAVIS, 1);
    }
    assert_int_equal(read_account(fixture, id_of(ASHAS)).head.entry_count, 1 + 5 * 501);
    assert_clean(fixture);
}

/// Every movement between two accounts, of two owners, that the unit has not seen yet.
static struct status look_at_memory(struct ledger_unit *unit, void *context)
{
    struct fixture *fixture = context;

    enum { COUNT = 50 };

    static struct ledger_movement holds[COUNT];
    static struct ledger_batch_result results[COUNT];
    struct ledger_batch asked = {.movements = holds,
                                 .count = COUNT,
                                 .mode = LEDGER_BATCH_ATOMIC,
                                 .group_id = id_of(0x99),
                                 .results = results};
    for (uint8_t i = 0; i < COUNT; i++) {
        holds[i] =
            hold_of(id128_generate(), (uint8_t)(0x30 + 2 * i), (uint8_t)(0x31 + 2 * i), 1, 60);
        holds[i].asked.group_id = id_of(0x99);
    }
    size_t before = arena_used(fixture->arena);
    assert_status_ok(ledger_service_batch(unit, &teller, &asked));
    assert_int_equal(asked.created, COUNT);
    assert_in_range(arena_used(fixture->arena) - before, 1, COUNT * LEDGER_UNIT_MOVEMENT_BYTES_MAX);
    ledger_unit_reset(unit);
    return STATUS_SUCCESS;
}

static void test_memory_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    for (uint8_t i = 0; i < 100; i++) {
        make_customer(fixture, (uint8_t)(0x98 + i), (uint8_t)(0x30 + i));
        must_deposit(fixture, (uint8_t)(0x30 + i), 10);
    }
    look(fixture, look_at_memory);
}

static struct status look_at_a_small_arena(struct ledger_unit *unit, void *context)
{
    struct fixture *fixture = context;
    struct ledger_outcome outcome;
    struct status status;
    do {
        struct ledger_movement movement = transfer_of(id128_generate(), ASHAS, RAVIS, 1);
        status = ledger_service_move(unit, &teller, &movement, &outcome);
    } while (status_ok(status));
    assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
    assert_false(outcome.is_refused || outcome.is_created);
    arena_set_limit(fixture->arena, SIZE_MAX);
    ledger_unit_reset(unit); // Nothing was written, and nothing is.
    assert_false(ledger_unit_has_changes(unit));
    return STATUS_SUCCESS;
}

static void test_an_exhausted_arena_refuses_the_job(void **state)
{
    struct fixture *fixture = *state;
    struct dump before = dump_store(fixture);
    for (size_t bytes = 1; bytes < 20; bytes++) {
        arena_set_limit(fixture->arena, (6 << 10) + bytes * 300);
        look(fixture, look_at_a_small_arena);
    }
    assert_same_store(fixture, &before);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_table_finds_what_was_added),
        cmocka_unit_test(test_an_exhausted_arena_is_an_answer),
        TEST(everything_is_there_once),
        TEST(a_reset_forgets),
        TEST(own_accounts_begin_with_their_first_posting),
        TEST(a_unit_grows),
        TEST(memory_is_bounded),
        TEST(an_exhausted_arena_refuses_the_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
