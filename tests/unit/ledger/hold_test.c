// Two-phase transfers: what a hold reserves is captured, released, or expires; never twice.
#include "tests/unit/ledger/steps.h"

// what, act, who, id, its subject, amount, seconds; the answer; afterwards: Asha's and held out of
// it, Ravi's and held into it.
// clang-format off
static const struct step one_capture[] = {
    {"a hold reserves",                    HOLD,  ASHA, 1, 0, 600, 0, "CREATED",                         1000, 600,    0, 600},
    {"what is held cannot be spent",       PAY,   ASHA, 2, 0, 401, 0, "INSUFFICIENT_FUNDS",              1000, 600,    0, 600},
    {"the rest can",                       PAY,   ASHA, 3, 0, 400, 0, "CREATED",                          600, 600,  400, 600},
    {"a capture posts all of it",          FINAL, ASHA, 4, 1,   0, 0, "CREATED",                            0,   0, 1000,   0},
    {"the same capture again is the same", FINAL, ASHA, 4, 1,   0, 0, "EXISTS",                             0,   0, 1000,   0},
    {"another one comes too late",         FINAL, ASHA, 5, 1,   1, 0, "PENDING_TRANSFER_ALREADY_POSTED",    0,   0, 1000,   0},
    {"and so does a release",              VOID,  ASHA, 6, 1,   0, 0, "PENDING_TRANSFER_ALREADY_POSTED",    0,   0, 1000,   0},
    {"the hold again is still itself",     HOLD,  ASHA, 1, 0, 600, 0, "EXISTS",                             0,   0, 1000,   0},
};

static const struct step several_captures[] = {
    {"a hold",                        HOLD,    ASHA, 1, 0, 600, 0, "CREATED",                         1000, 600,   0, 600},
    {"a part, more may follow",       CAPTURE, ASHA, 2, 1, 100, 0, "CREATED",                          900, 500, 100, 500},
    {"another part",                  CAPTURE, ASHA, 3, 1, 150, 0, "CREATED",                          750, 350, 250, 350},
    {"more than is left",             CAPTURE, ASHA, 4, 1, 351, 0, "EXCEEDS_PENDING_TRANSFER_AMOUNT",  750, 350, 250, 350},
    {"a last part releases the rest", FINAL,   ASHA, 5, 1,  50, 0, "CREATED",                          700,   0, 300,   0},
    {"nothing is left",               CAPTURE, ASHA, 6, 1,   1, 0, "PENDING_TRANSFER_ALREADY_POSTED",  700,   0, 300,   0},
};

static const struct step captured_to_the_last[] = {
    {"a hold",                         HOLD,    ASHA, 1, 0, 600, 0, "CREATED",                         1000, 600,   0, 600},
    {"a part",                         CAPTURE, ASHA, 2, 1, 200, 0, "CREATED",                          800, 400, 200, 400},
    {"all the rest, though not final", CAPTURE, ASHA, 3, 1, 400, 0, "CREATED",                          400,   0, 600,   0},
    {"ends it all the same",           VOID,    ASHA, 4, 1,   0, 0, "PENDING_TRANSFER_ALREADY_POSTED",  400,   0, 600,   0},
};

static const struct step released[] = {
    {"a hold",                      HOLD,    ASHA,   1, 0, 600, 0, "CREATED",                         1000, 600,   0, 600},
    {"a part is captured",          CAPTURE, TELLER, 2, 1, 250, 0, "CREATED",                          750, 350, 250, 350},
    {"the payee releases the rest", VOID,    RAVI,   3, 1,   0, 0, "CREATED",                          750,   0, 250,   0},
    {"the same again is the same",  VOID,    RAVI,   3, 1,   0, 0, "EXISTS",                           750,   0, 250,   0},
    {"but it is not a capture",     FINAL,   ASHA,   3, 1,   0, 0, "EXISTS_WITH_DIFFERENT_KIND",       750,   0, 250,   0},
    {"a capture comes too late",    FINAL,   ASHA,   4, 1,   1, 0, "PENDING_TRANSFER_ALREADY_VOIDED",  750,   0, 250,   0},
    {"a second release too",        VOID,    ASHA,   5, 1,   0, 0, "PENDING_TRANSFER_ALREADY_VOIDED",  750,   0, 250,   0},
};

static const struct step who_may[] = {
    {"not out of another's account",  HOLD,  RAVI,   1, 0, 600, 0, "PERMISSION_DENIED", 1000,   0, 0,   0},
    {"a hold",                        HOLD,  ASHA,   1, 0, 600, 0, "CREATED",           1000, 600, 0, 600},
    {"the payee may not take it",     FINAL, RAVI,   2, 1,   0, 0, "PERMISSION_DENIED", 1000, 600, 0, 600},
    {"a stranger may not release it", VOID,  0x3a,   3, 1,   0, 0, "PERMISSION_DENIED", 1000, 600, 0, 600},
    {"whatever the id",               VOID,  0x3a,   1, 1,   0, 0, "PERMISSION_DENIED", 1000, 600, 0, 600},
    {"staff may",                     VOID,  TELLER, 4, 1,   0, 0, "CREATED",           1000,   0, 0,   0},
};

static const struct step not_a_hold[] = {
    {"no such hold",                  FINAL, ASHA, 2, 9,   0, 0, "PENDING_TRANSFER_NOT_FOUND",   1000, 0,   0, 0},
    {"that burns the id",             FINAL, ASHA, 2, 9,   0, 0, "ID_ALREADY_FAILED",            1000, 0,   0, 0},
    {"a payment",                     PAY,   ASHA, 1, 0, 100, 0, "CREATED",                       900, 0, 100, 0},
    {"is not captured",               FINAL, ASHA, 3, 1,   0, 0, "PENDING_TRANSFER_NOT_PENDING",  900, 0, 100, 0},
    {"nor released",                  VOID,  ASHA, 4, 1,   0, 0, "PENDING_TRANSFER_NOT_PENDING",  900, 0, 100, 0},
    {"what failed is no hold either", VOID,  ASHA, 5, 2,   0, 0, "PENDING_TRANSFER_NOT_FOUND",    900, 0, 100, 0},
};

// clang-format on

#define STORY(name_)                                                                               \
    static void test_##name_(void **state)                                                         \
    {                                                                                              \
        run_steps(*state, name_, ROWS(name_));                                                     \
    }

STORY(one_capture)
STORY(several_captures)
STORY(captured_to_the_last)
STORY(released)
STORY(who_may)
STORY(not_a_hold)

static void test_a_follow_up_takes_over_what_it_does_not_say(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_movement hold = hold_of(id_of(1), ASHAS, RAVIS, 600, 0);
    hold.asked.code = 77;
    must_move(fixture, hold);
    struct ledger_outcome outcome;
    assert_status_ok(
        move(fixture, customer(ASHA), capture_of(id_of(2), id_of(1), 0, true), &outcome));
    assert_true(id128_equal(outcome.transfer.account_id[LEDGER_DEBIT], id_of(ASHAS)));
    assert_true(id128_equal(outcome.transfer.account_id[LEDGER_CREDIT], id_of(RAVIS)));
    assert_string_equal(outcome.transfer.currency, "INR");
    assert_int_equal(outcome.transfer.code, 77);
    assert_int_equal(outcome.transfer.amount, 600);
    assert_true(outcome.transfer.all_remaining);

    // What it does say must be the hold's.
    must_move(fixture, hold_of(id_of(3), ASHAS, RAVIS, 100, 0));
    struct ledger_movement other = void_of(id_of(4), id_of(3));
    other.asked.account_id[LEDGER_DEBIT] = id_of(RAVIS);
    assert_refused(move(fixture, teller, other, &outcome),
                   "PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID");
    other = void_of(id_of(4), id_of(3));
    other.asked.account_id[LEDGER_CREDIT] = id_of(0x66);
    assert_refused(move(fixture, teller, other, &outcome),
                   "PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID");
    other = void_of(id_of(4), id_of(3));
    memcpy(other.asked.currency, "EUR", 4);
    assert_refused(move(fixture, teller, other, &outcome),
                   "PENDING_TRANSFER_HAS_DIFFERENT_CURRENCY");
    other = capture_of(id_of(4), id_of(3), 1, true);
    other.asked.timeout_seconds = 5;
    assert_refused(move(fixture, teller, other, &outcome), "EXCLUSIVE_FIELDS");
    assert_string_equal(outcome.refusal.field, "timeout_seconds");
    assert_clean(fixture);
}

static void test_follow_ups_are_found_newest_first(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_progress progress;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, 600, 0));
    for (uint8_t i = 2; i < 6; i++)
        must_move(fixture, capture_of(id_of(i), id_of(1), 10, false));
    must_move(fixture, void_of(id_of(6), id_of(1)));
    struct ledger_transfer hold = read_transfer(fixture, id_of(1), &progress);
    assert_string_equal(ledger_transfer_state(&hold, &progress), "VOIDED");
    assert_int_equal(progress.captured, 40);

    struct id128 ids[8];
    size_t count;
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    assert_status_ok(ledger_service_follow_ups(txn, &progress, ids, 8, &count));
    assert_int_equal(count, 5);
    for (uint8_t i = 0; i < 5; i++)
        assert_true(id128_equal(ids[i], id_of((uint8_t)(6 - i))));
    assert_status_ok(ledger_service_follow_ups(txn, &progress, ids, 2, &count));
    assert_int_equal(count, 2);
}

/// A second step never breaks a limit: the money was reserved by the first.
static void test_a_capture_is_not_counted_again(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    fixture->service.tiers.tier[4].max[LEDGER_LIMIT_DEBIT_DAY] = 8; // T3 of Asha: 800 minor units.
    assert_string_equal(fixture->service.tiers.tier[4].name, "T3");
    assert_status_ok(
        move(fixture, customer(ASHA), hold_of(id_of(1), ASHAS, RAVIS, 500, 0), &outcome));
    assert_refused(
        move(fixture, customer(ASHA), transfer_of(id_of(2), ASHAS, RAVIS, 301), &outcome),
        "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "debit_day");
    assert_int_equal(outcome.refusal.used, 500);
    must_move(fixture, capture_of(id_of(3), id_of(1), 200, false));
    assert_refused(
        move(fixture, customer(ASHA), transfer_of(id_of(4), ASHAS, RAVIS, 301), &outcome),
        "KYC_LIMIT_EXCEEDED"); // Neither counted twice nor given back.
    must_move(fixture, void_of(id_of(5), id_of(1)));
    assert_refused(
        move(fixture, customer(ASHA), transfer_of(id_of(6), ASHAS, RAVIS, 601), &outcome),
        "KYC_LIMIT_EXCEEDED");
    assert_int_equal(outcome.refusal.used, 200); // What was released is given back.
    assert_status_ok(
        move(fixture, customer(ASHA), transfer_of(id_of(7), ASHAS, RAVIS, 600), &outcome));
    assert_clean(fixture);
}

static void freeze(struct ledger_account *account)
{
    account->frozen[LEDGER_DEBIT] = account->frozen[LEDGER_CREDIT] = true;
}

static void close_it(struct ledger_account *account)
{
    account->closed = true;
}

static void open_it(struct ledger_account *account)
{
    account->closed = account->frozen[LEDGER_DEBIT] = account->frozen[LEDGER_CREDIT] = false;
}

/// Money is released also on accounts on which none may be moved.
static void test_release_and_expiry_go_through_freezes_and_closing(void **state)
{
    static const struct {
        const char *reason;
        void (*set)(struct ledger_account *account);
        uint8_t account;
    } rows[] = {
        {"ACCOUNT_FROZEN", freeze, ASHAS},
        {"ACCOUNT_FROZEN", freeze, RAVIS},
        {"ACCOUNT_CLOSED", close_it, ASHAS},
        {"ACCOUNT_CLOSED", close_it, RAVIS},
    };

    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    must_move(fixture, transfer_of(id_of(0x70), ASHAS, RAVIS, 100));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 voided = id_of((uint8_t)(0x40 + i)), expiring = id_of((uint8_t)(0x50 + i));
        must_move(fixture, hold_of(voided, ASHAS, RAVIS, 100, 0));
        must_move(fixture, hold_of(expiring, ASHAS, RAVIS, 50, 60));
        set_account(fixture, rows[i].account, rows[i].set);
        assert_refused(move(fixture, teller, capture_of(ID128_NIL, voided, 0, true), &outcome),
                       rows[i].reason);
        assert_int_equal(outcome.refusal.side,
                         rows[i].account == ASHAS ? LEDGER_DEBIT : LEDGER_CREDIT);
        assert_refused(move(fixture, teller, reversal_of(ID128_NIL, id_of(0x70), 0), &outcome),
                       rows[i].reason);
        must_move(fixture, void_of(ID128_NIL, voided));
        assert_balance(fixture, ASHAS, 900, 50, 0);
        wait_seconds(60);
        make_account(fixture, ASHA, (uint8_t)(0x60 + i), "EUR"); // Whatever is written next.
        assert_balance(fixture, ASHAS, 900, 0, 0);
        set_account(fixture, rows[i].account, open_it);
    }
    assert_clean(fixture);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_capture),
        TEST(several_captures),
        TEST(captured_to_the_last),
        TEST(released),
        TEST(who_may),
        TEST(not_a_hold),
        TEST(a_follow_up_takes_over_what_it_does_not_say),
        TEST(follow_ups_are_found_newest_first),
        TEST(a_capture_is_not_counted_again),
        TEST(release_and_expiry_go_through_freezes_and_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
