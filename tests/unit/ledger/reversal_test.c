// Reversals: money goes back, at most once, by those who have it; the original never changes.
#include "tests/unit/ledger/steps.h"

// what, act, who, id, its subject, amount, seconds; the answer; afterwards: Asha's and held out of
// it, Ravi's and held into it.
// clang-format off
static const struct step whole[] = {
    {"a payment",                     PAY,     ASHA,   1, 0, 300, 0, "CREATED",                  700, 0, 300, 0},
    {"who paid may not take it back", REVERSE, ASHA,   2, 1,   0, 0, "PERMISSION_DENIED",        700, 0, 300, 0},
    {"who got it may give it back",   REVERSE, RAVI,   2, 1,   0, 0, "CREATED",                 1000, 0,   0, 0},
    {"the same again is the same",    REVERSE, RAVI,   2, 1,   0, 0, "EXISTS",                  1000, 0,   0, 0},
    {"once only",                     REVERSE, RAVI,   3, 1,   0, 0, "ALREADY_REVERSED",        1000, 0,   0, 0},
    {"not even a part",               REVERSE, RAVI,   4, 1,   1, 0, "ALREADY_REVERSED",        1000, 0,   0, 0},
    {"a reversal is not reversed",    REVERSE, TELLER, 5, 2,   0, 0, "TRANSFER_NOT_REVERSIBLE", 1000, 0,   0, 0},
};

static const struct step in_parts[] = {
    {"a payment",                 PAY,     ASHA,   1, 0, 300, 0, "CREATED",                    700, 0, 300, 0},
    {"a part",                    REVERSE, TELLER, 2, 1, 100, 0, "CREATED",                    800, 0, 200, 0},
    {"more than is left of it",   REVERSE, TELLER, 3, 1, 201, 0, "EXCEEDS_REVERSIBLE_AMOUNT",  800, 0, 200, 0},
    {"another part",              REVERSE, TELLER, 4, 1, 150, 0, "CREATED",                    950, 0,  50, 0},
    {"the rest, unsaid how much", REVERSE, TELLER, 5, 1,   0, 0, "CREATED",                   1000, 0,   0, 0},
    {"then no more",              REVERSE, TELLER, 6, 1,   0, 0, "ALREADY_REVERSED",          1000, 0,   0, 0},
};

static const struct step of_captures[] = {
    {"a hold",                              HOLD,    ASHA,   1, 0, 600, 0, "CREATED",                 1000, 600,   0, 600},
    {"is released, not reversed",           REVERSE, TELLER, 2, 1,   0, 0, "TRANSFER_NOT_REVERSIBLE", 1000, 600,   0, 600},
    {"a capture",                           CAPTURE, TELLER, 3, 1, 200, 0, "CREATED",                  800, 400, 200, 400},
    {"is reversed, while the rest is held", REVERSE, TELLER, 4, 3,   0, 0, "CREATED",                 1000, 400,   0, 400},
    {"no such transfer",                    REVERSE, TELLER, 5, 9,   0, 0, "TRANSFER_NOT_FOUND",      1000, 400,   0, 400},
    {"a release",                           VOID,    TELLER, 6, 1,   0, 0, "CREATED",                 1000,   0,   0,   0},
    {"cannot be reversed",                  REVERSE, TELLER, 7, 6,   0, 0, "TRANSFER_NOT_REVERSIBLE", 1000,   0,   0,   0},
};

static const struct step what_is_spent[] = {
    {"a payment",         PAY,     ASHA, 1, 0, 300, 0, "CREATED", 700, 0, 300, 0},
    {"goes back in part", REVERSE, RAVI, 2, 1, 200, 0, "CREATED", 900, 0, 100, 0},
    {"another payment",   PAY,     ASHA, 3, 0, 100, 0, "CREATED", 800, 0, 200, 0},
};

// clang-format on

#define STORY(name_)                                                                               \
    static void test_##name_(void **state)                                                         \
    {                                                                                              \
        run_steps(*state, name_, ROWS(name_));                                                     \
    }

STORY(whole)
STORY(in_parts)
STORY(of_captures)

static void test_what_was_spent_cannot_be_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    run_steps(fixture, what_is_spent, ROWS(what_is_spent));
    must_move(fixture, withdrawal_of(ID128_NIL, RAVIS, 150)); // 50 are left of 200.
    assert_refused(move(fixture, teller, reversal_of(id_of(4), id_of(3), 51), &outcome),
                   "INSUFFICIENT_FUNDS");
    assert_true(outcome.is_burnt);
    must_move(fixture, reversal_of(id_of(5), id_of(3), 50));
    assert_clean(fixture);
}

static size_t stored_bytes(struct fixture *fixture, uint64_t number, uint8_t *ret, size_t room)
{
    uint8_t key[8];
    struct bytes value;
    put_u64_be(key, number);
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(store_get(txn, LEDGER_TABLE_TRANSFERS, bytes_of(key, sizeof key), &value));
    assert_true(value.size <= room);
    memcpy(ret, value.data, value.size);
    return value.size;
}

static void test_the_original_never_changes(void **state)
{
    struct fixture *fixture = *state;
    uint8_t before[512], after[512];
    struct ledger_outcome paid, back;
    assert_status_ok(
        move(fixture, customer(ASHA), transfer_of(id_of(1), ASHAS, RAVIS, 300), &paid));
    size_t size = stored_bytes(fixture, paid.transfer.number, before, sizeof before);
    assert_status_ok(move(fixture, customer(RAVI), reversal_of(id_of(2), id_of(1), 100), &back));
    must_move(fixture, reversal_of(id_of(3), id_of(1), 0));
    assert_int_equal(stored_bytes(fixture, paid.transfer.number, after, sizeof after), size);
    assert_memory_equal(before, after, size);

    // The link leads both ways.
    assert_true(id128_equal(back.transfer.subject_id, id_of(1)));
    assert_int_equal(back.transfer.subject_number, paid.transfer.number);
    assert_true(id128_equal(back.transfer.account_id[LEDGER_DEBIT], id_of(RAVIS)));
    struct ledger_progress progress;
    struct ledger_transfer original = read_transfer(fixture, id_of(1), &progress);
    assert_string_equal(ledger_transfer_state(&original, &progress), "REVERSED");
    assert_int_equal(progress.reversed, 300);
    struct id128 ids[4];
    size_t count;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_service_follow_ups(txn, &progress, ids, 4, &count));
    assert_int_equal(count, 2);
    assert_true(id128_equal(ids[0], id_of(3)) && id128_equal(ids[1], id_of(2)));
}

static void test_a_large_reversal_needs_four_eyes(void **state)
{
    struct fixture *fixture = *state;
    fixture->service.four_eyes_above = 2; // 200 minor units.
    make_account(fixture, ASHA, ASHAS_OTHER, "INR");

    const struct {
        const char *what;
        uint8_t made_by, asked_by;
        u128 amount;
        const char *reason; // NULL: it may.
    } rows[] = {
        {"up to the limit anybody may", TELLER, TELLER, 200, NULL},
        {"above it not who made it", TELLER, TELLER, 201, "FOUR_EYES_REQUIRED"},
        {"but another may", TELLER, TELLER_2, 201, NULL},
        {"a service may", TELLER, PAYMENTS, 201, NULL},
        {"what a service made, its payee may", PAYMENTS, RAVI, 201, NULL},
        {"what the payer made, staff may", ASHA, TELLER, 201, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id = id_of((uint8_t)(0x40 + i)), back = id_of((uint8_t)(0x60 + i));
        struct ledger_outcome outcome;
        print_message("    %s\n", rows[i].what);
        assert_status_ok(move(fixture, caller_of(rows[i].made_by),
                              transfer_of(id, ASHAS, RAVIS, 300), &outcome));
        struct dump before = dump_store(fixture);
        struct status status = move(fixture, caller_of(rows[i].asked_by),
                                    reversal_of(back, id, rows[i].amount), &outcome);
        assert_answer(fixture, status, rows[i].reason, &before);
        must_move(fixture, deposit_of(ID128_NIL, ASHAS, 300));
    }
    // Between own accounts the payer is the payee.
    struct ledger_outcome outcome;
    must_deposit(fixture, ASHAS, 300);
    assert_status_ok(
        move(fixture, customer(ASHA), transfer_of(id_of(0x70), ASHAS, ASHAS_OTHER, 300), &outcome));
    assert_refused(
        move(fixture, customer(ASHA), reversal_of(id_of(0x71), id_of(0x70), 0), &outcome),
        "FOUR_EYES_REQUIRED");
    fixture->service.four_eyes_above = 0; // Never.
    assert_status_ok(
        move(fixture, customer(ASHA), reversal_of(id_of(0x71), id_of(0x70), 0), &outcome));
    assert_clean(fixture);
}

static void test_customers_do_not_reverse_what_the_bank_paid_in(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    must_move(fixture, deposit_of(id_of(1), RAVIS, 100));
    assert_refused(move(fixture, customer(RAVI), reversal_of(id_of(2), id_of(1), 0), &outcome),
                   "PERMISSION_DENIED");
    must_move(fixture, reversal_of(id_of(2), id_of(1), 0));
    assert_int_equal(balance_of(fixture, RAVIS), 0);
    assert_clean(fixture);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole),
        TEST(in_parts),
        TEST(of_captures),
        TEST(what_was_spent_cannot_be_taken_back),
        TEST(the_original_never_changes),
        TEST(a_large_reversal_needs_four_eyes),
        TEST(customers_do_not_reverse_what_the_bank_paid_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
