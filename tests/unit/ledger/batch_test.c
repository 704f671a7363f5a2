// Batches: three modes, dry runs, and that a batch is what its movements are one by one.
#include "tests/unit/ledger/fixture.h"

#define GROUP id_of(0x99)

// ---- Modes --------------------------------------------------------------------------------------

enum { ITEMS_MAX = 6 };

struct item {
    uint8_t id, debit, credit;
    uint64_t amount;
};

struct mode_row {
    const char *what;
    enum ledger_batch_mode mode;
    struct item items[ITEMS_MAX];
    const char *results[ITEMS_MAX];
    int64_t ashas, ravis; // Afterwards, from 1,000 and 0.
    uint8_t burnt;        // An id that is burnt afterwards; 0: none.
};

// clang-format off
#define BAD "INSUFFICIENT_FUNDS"
static const struct mode_row modes[] = {
    {"independent: each for itself", LEDGER_BATCH_INDEPENDENT,
     {{1, ASHAS, RAVIS, 600}, {2, ASHAS, RAVIS, 401}, {3, ASHAS, RAVIS, 400}},
     {"CREATED", BAD, "CREATED"},                                                    0, 1000, 2},
    {"later ones see what earlier ones did", LEDGER_BATCH_INDEPENDENT,
     {{1, RAVIS, ASHAS, 5}, {2, ASHAS, RAVIS, 5}, {3, RAVIS, ASHAS, 5}},
     {BAD, "CREATED", "CREATED"},                                                 1000,    0, 1},
    {"the same twice is once", LEDGER_BATCH_INDEPENDENT,
     {{1, ASHAS, RAVIS, 10}, {1, ASHAS, RAVIS, 10}, {1, ASHAS, RAVIS, 11}, {2, ASHAS, RAVIS, 1}},
     {"CREATED", "EXISTS", "EXISTS_WITH_DIFFERENT_AMOUNT", "CREATED"},             989,   11, 0},
    {"what failed in a batch has failed", LEDGER_BATCH_INDEPENDENT,
     {{1, ASHAS, RAVIS, 1001}, {1, ASHAS, RAVIS, 1}},
     {BAD, "ID_ALREADY_FAILED"},                                                  1000,    0, 1},
    {"stop: up to the first that fails", LEDGER_BATCH_STOP_ON_ERROR,
     {{1, ASHAS, RAVIS, 600}, {2, ASHAS, RAVIS, 401}, {3, ASHAS, RAVIS, 400}},
     {"CREATED", BAD, "NOT_ATTEMPTED"},                                            400,  600, 2},
    {"stop: all well", LEDGER_BATCH_STOP_ON_ERROR,
     {{1, ASHAS, RAVIS, 600}, {2, ASHAS, RAVIS, 400}},
     {"CREATED", "CREATED"},                                                         0, 1000, 0},
    {"atomic: all or nothing", LEDGER_BATCH_ATOMIC,
     {{1, ASHAS, RAVIS, 600}, {2, ASHAS, RAVIS, 401}, {3, ASHAS, RAVIS, 400}},
     {"GROUP_FAILED", BAD, "GROUP_FAILED"},                                       1000,    0, 2},
    {"atomic: the first of two failures speaks", LEDGER_BATCH_ATOMIC,
     {{1, ASHAS, ASHAS, 600}, {2, ASHAS, RAVIS, 1001}},
     {"ACCOUNTS_MUST_DIFFER", "GROUP_FAILED"},                                    1000,    0, 0},
    {"atomic: all well, also what is there already", LEDGER_BATCH_ATOMIC,
     {{1, ASHAS, RAVIS, 600}, {1, ASHAS, RAVIS, 600}, {2, RAVIS, ASHAS, 100}},
     {"CREATED", "EXISTS", "CREATED"},                                             500,  500, 0},
    {"nothing at all", LEDGER_BATCH_ATOMIC, {{0}}, {NULL},                        1000,    0, 0},
};

// clang-format on

struct run {
    struct ledger_movement movements[ITEMS_MAX];
    struct ledger_batch_result results[ITEMS_MAX];
    struct ledger_batch asked;
};

static void prepare(struct run *run, const struct mode_row *row)
{
    *run = (struct run){.asked = {.movements = run->movements,
                                  .mode = row->mode,
                                  .group_id = GROUP,
                                  .results = run->results}};
    for (size_t i = 0; i < ITEMS_MAX && row->results[i] != NULL; i++) {
        const struct item *item = &row->items[i];
        run->movements[i] = transfer_of(id_of(item->id), item->debit, item->credit, item->amount);
        run->movements[i].asked.group_id = GROUP;
        run->asked.count++;
    }
}

static void assert_results(const struct run *run, const struct mode_row *row)
{
    uint32_t created = 0, existing = 0;
    for (size_t i = 0; i < run->asked.count; i++) {
        const struct ledger_batch_result *result = &run->results[i];
        if (strcmp(result->result, row->results[i]) != 0)
            fail_msg("%s: item %zu: %s", row->what, i, result->result);
        bool is_created = strcmp(result->result, "CREATED") == 0;
        bool existed = strcmp(result->result, "EXISTS") == 0;
        created += is_created;
        existing += existed;
        if (is_created || existed) {
            assert_true(id128_equal(result->outcome->transfer.id, id_of(row->items[i].id)));
            assert_true(id128_equal(result->outcome->transfer.group_id, GROUP));
        } else {
            assert_non_null(result->message);
        }
    }
    assert_int_equal(run->asked.created, created);
    assert_int_equal(run->asked.existing, existing);
    assert_int_equal(run->asked.refused, run->asked.count - created - existing);
}

static void test_modes(void **state)
{
    teardown(state); // Each row begins with books of its own.
    for (size_t i = 0; i < ROWS(modes); i++) {
        const struct mode_row *row = &modes[i];
        struct run run;
        setup_people(state);
        struct fixture *fixture = *state;
        print_message("    %s\n", row->what);
        // As a rehearsal: the same answers, and not a byte of the store changes.
        struct dump before = dump_store(fixture);
        prepare(&run, row);
        run.asked.dry_run = true;
        assert_status_ok(batch(fixture, teller, &run.asked));
        assert_results(&run, row);
        assert_false(run.asked.has_changes);
        assert_same_store(fixture, &before);

        before = dump_store(fixture);
        prepare(&run, row);
        assert_status_ok(batch(fixture, teller, &run.asked));
        assert_results(&run, row);
        assert_balance(fixture, ASHAS, row->ashas, 0, 0);
        assert_balance(fixture, RAVIS, row->ravis, 0, 0);
        if (run.asked.created > 0)
            free(before.data);
        else if (row->burnt != 0)
            assert_only_the_id_is_new(fixture, &before, id_of(row->burnt), BAD);
        else
            assert_same_store(fixture, &before);
        struct ledger_outcome outcome;
        if (row->burnt != 0)
            assert_refused(
                move(fixture, teller, transfer_of(id_of(row->burnt), ASHAS, RAVIS, 1), &outcome),
                "ID_ALREADY_FAILED");
        assert_clean(fixture);
        if (i + 1 < ROWS(modes)) teardown(state);
    }
}

static void test_a_failed_group_can_be_asked_for_again(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    prepare(&run, &modes[6]);
    assert_status_ok(batch(fixture, teller, &run.asked));
    assert_null(run.results[0].outcome);
    // With another id for what failed, the others' ids are as good as new.
    prepare(&run, &modes[6]);
    run.movements[1].asked.id = id_of(4);
    run.movements[1].asked.amount = 0;
    assert_status_ok(batch(fixture, teller, &run.asked));
    assert_string_equal(run.results[1].result, "AMOUNT_MUST_NOT_BE_ZERO");
    run.movements[1].asked.amount = 1;
    run.movements[2].asked.amount = 399;
    assert_status_ok(batch(fixture, teller, &run.asked));
    assert_int_equal(run.asked.created, 3);
    assert_balance(fixture, RAVIS, 1000, 0, 0);
    assert_clean(fixture);
}

// ---- Members ------------------------------------------------------------------------------------

static void test_members_lead_back_to_the_first(void **state)
{
    struct fixture *fixture = *state;
    struct run run;
    for (uint8_t round = 0; round < 2; round++) { // The group grows when its id is used again.
        prepare(&run, &modes[8]);
        for (uint8_t i = 0; i < 3; i++)
            run.movements[i].asked.id = id_of((uint8_t)(0x40 + 8 * round + i));
        run.movements[2].asked.amount = 10;
        run.movements[1].asked.amount = run.movements[0].asked.amount = 50;
        assert_status_ok(batch(fixture, teller, &run.asked));
        assert_int_equal(run.asked.created, 3);
    }
    struct ledger_group group;
    struct ledger_transfer member;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_store_get_group(txn, GROUP, &group));
    assert_int_equal(group.count, 6);
    size_t count = 0;
    for (uint64_t number = group.last; number != 0; number = member.group_previous, count++) {
        assert_status_ok(ledger_store_get_transfer(txn, NULL, number, &member));
        assert_true(id128_equal(member.group_id, GROUP));
    }
    assert_int_equal(count, 6);
}

static void test_a_life_in_one_batch(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_movement movements[] = {
        hold_of(id_of(1), ASHAS, RAVIS, 600, 30), capture_of(id_of(2), id_of(1), 100, false),
        reversal_of(id_of(3), id_of(2), 40),      capture_of(id_of(4), id_of(1), 50, true),
        hold_of(id_of(5), ASHAS, RAVIS, 100, 0),  void_of(id_of(6), id_of(5)),
        reversal_of(id_of(7), id_of(2), 0),       void_of(id_of(8), id_of(1)),
        deposit_of(id_of(9), RAVIS, 5),           withdrawal_of(id_of(10), RAVIS, 55),
    };
    struct ledger_batch_result results[ROWS(movements)];
    struct ledger_batch asked = {.movements = movements,
                                 .count = ROWS(movements),
                                 .mode = LEDGER_BATCH_INDEPENDENT,
                                 .group_id = GROUP,
                                 .results = results};
    assert_status_ok(batch(fixture, teller, &asked));
    for (size_t i = 0; i < ROWS(movements); i++)
        assert_string_equal(results[i].result,
                            i == 7 ? "PENDING_TRANSFER_ALREADY_POSTED" : "CREATED");
    assert_balance(fixture, ASHAS, 950, 0, 0);
    assert_balance(fixture, RAVIS, 0, 0, 0);
    assert_clean(fixture);
}

// ---- One by one ---------------------------------------------------------------------------------

enum { MOVEMENTS = 3000, OWNERS = 5 };

/// Something to ask: mostly sensible, often not.
static struct ledger_movement random_movement(size_t i)
{
    uint8_t debit = (uint8_t)(0x30 + random_below(OWNERS));
    uint8_t credit = (uint8_t)(0x30 + random_below(OWNERS));
    struct id128 id = ID128_NIL, earlier = ID128_NIL;
    bool is_repeated = random_below(20) == 0;
    put_u64_be(id.bytes, 1 + (is_repeated ? random_below(i + 1) : i));
    put_u64_be(earlier.bytes, 1 + (i > 40 ? i - random_below(40) : random_below(i + 1)));
    u128 amount = random_below(60);
    struct ledger_movement movement;
    switch (random_below(9)) {
    case 0:
        return deposit_of(id, credit, amount + 20);
    case 1:
        return withdrawal_of(id, debit, amount);
    case 2:
    case 3:
        movement = hold_of(id, debit, credit, amount, (uint32_t)random_below(3));
        break;
    case 4:
        return capture_of(id, earlier, amount / 3, random_below(2) == 0);
    case 5:
        return void_of(id, earlier);
    case 6:
        return reversal_of(id, earlier, amount / 3);
    case 7:
        movement = transfer_up_to(id, debit, credit, amount);
        break;
    default:
        movement = transfer_of(id, debit, credit, amount);
    }
    if (random_below(3) == 0) movement.asked.group_id = id_of((uint8_t)(0x80 + i % 7));
    return movement;
}

static struct fixture *make_books(void)
{
    void *state;
    setup(&state);
    for (uint8_t i = 0; i < OWNERS; i++) {
        make_account(state, (uint8_t)(0x50 + i / 2), (uint8_t)(0x30 + i), "INR");
        set_tier(state, (uint8_t)(0x50 + i / 2), i < 2 ? "T2" : "T3", 1);
        must_move(state, deposit_of(id_of((uint8_t)(0x70 + i)), (uint8_t)(0x30 + i), 100));
    }
    return state;
}

/// The clock stands still, so that the times given out are the same too: every byte must be.
static void test_a_batch_is_its_movements_one_by_one(void **state)
{
    (void)state;
    static struct ledger_movement movements[MOVEMENTS];
    static struct ledger_batch_result results[MOVEMENTS];
    static const char *answers[MOVEMENTS];
    struct fixture *singles = make_books();
    size_t created = 0;
    for (size_t i = 0; i < MOVEMENTS; i++) {
        struct ledger_outcome outcome;
        movements[i] = random_movement(i);
        struct status status = move(singles, teller, movements[i], &outcome);
        answers[i] = outcome.is_created ? "CREATED" : outcome.existed ? "EXISTS" : status.reason;
        created += outcome.is_created;
    }
    assert_in_range(created, MOVEMENTS / 10, MOVEMENTS * 9 / 10); // Neither all nor nothing.
    assert_clean(singles);
    struct dump expected = dump_store(singles);
    void *end = singles;
    teardown(&end);

    struct fixture *batches = make_books();
    for (size_t from = 0, count; from < MOVEMENTS; from += count) {
        count = 1 + random_below(random_below(3) == 0 ? 600 : 7);
        if (count > MOVEMENTS - from) count = MOVEMENTS - from;
        struct ledger_batch asked = {.movements = movements + from,
                                     .count = count,
                                     .mode = LEDGER_BATCH_INDEPENDENT,
                                     .group_id = GROUP,
                                     .results = results};
        assert_status_ok(batch(batches, teller, &asked));
        for (size_t i = 0; i < count; i++)
            assert_string_equal(results[i].result, answers[from + i]);
    }
    assert_same_store(batches, &expected);
    end = batches;
    teardown(&end);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modes),
        TEST(a_failed_group_can_be_asked_for_again),
        TEST(members_lead_back_to_the_first),
        TEST(a_life_in_one_batch),
        cmocka_unit_test(test_a_batch_is_its_movements_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
