// What a movement leaves in the store, and what a refused one does not; ids; how much fits.
#include "tests/unit/ledger/fixture.h"

// ---- Idempotency --------------------------------------------------------------------------------

static void test_the_same_id_pays_once(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_movement movement = transfer_of(id_of(1), ASHAS, RAVIS, 250);
    struct ledger_outcome first, again;
    assert_status_ok(move(fixture, customer(ASHA), movement, &first));
    assert_true(first.is_created);
    must_transfer(fixture, ASHAS, RAVIS, 750); // Now the money would not be there any more.
    struct dump before = dump_store(fixture);

    assert_status_ok(move(fixture, customer(ASHA), movement, &again));
    assert_true(again.existed && !again.is_created);
    assert_int_equal(again.transfer.created_at_ns, first.transfer.created_at_ns);
    assert_int_equal(again.transfer.number, first.transfer.number);
    assert_same_store(fixture, &before);

    close_fixture(fixture); // For ever: also after a restart.
    open_fixture(fixture);
    assert_status_ok(move(fixture, customer(ASHA), movement, &again));
    assert_true(again.existed);
    assert_true(balance_of(fixture, RAVIS) == 1000);
    assert_clean(fixture);
}

static const uint8_t metadata_a[] = {1, 1, 'a', 0, 1, 'x'}, metadata_b[] = {1, 1, 'b', 0, 1, 'x'};

static struct ledger_movement with_everything(void)
{
    struct ledger_movement movement = hold_of(id_of(1), ASHAS, RAVIS, 250, 60);
    struct ledger_transfer *asked = &movement.asked;
    asked->code = 7;
    asked->description = bytes_of_text("rent");
    asked->metadata = bytes_of(metadata_a, sizeof metadata_a);
    asked->user_data_128 = u128_of(1, 2);
    asked->user_data_64 = 3;
    asked->user_data_32 = 4;
    asked->effective_at_ns = 5;
    asked->group_id = id_of(0x99);
    return movement;
}

#define CHANGE(what_, body_)                                                                       \
    static void change_##what_(struct ledger_movement *movement)                                   \
    {                                                                                              \
        struct ledger_transfer *asked = &movement->asked;                                          \
        body_;                                                                                     \
    }

CHANGE(kind, asked->kind = LEDGER_TRANSFER_POSTED)
CHANGE(timeout, asked->timeout_seconds++)
CHANGE(debit, asked->account_id[LEDGER_DEBIT] = id_of(0x77)) // Not even there: the id comes first.
CHANGE(credit, asked->account_id[LEDGER_CREDIT] = id_of(0x77))
CHANGE(amount, asked->amount = 1)
CHANGE(up_to, movement->has_amount = false; asked->amount_up_to = 250)
CHANGE(currency, memcpy(asked->currency, "EUR", 4))
CHANGE(code, asked->code = 0)
CHANGE(description, asked->description = bytes_of_text("rent!"))
CHANGE(metadata, asked->metadata = bytes_of(metadata_b, sizeof metadata_b))
CHANGE(data_128, asked->user_data_128 = 2)
CHANGE(data_64, asked->user_data_64 = 0)
CHANGE(data_32, asked->user_data_32 = 5)
CHANGE(effective_at, asked->effective_at_ns = 0)
CHANGE(group, asked->group_id = id_of(0x98))
CHANGE(two, asked->code = 8; asked->amount = 0) // The first that differs, also when malformed.

static void test_the_same_id_with_anything_else_is_refused(void **state)
{
    static const struct {
        void (*change)(struct ledger_movement *movement);
        const char *reason;
    } rows[] = {
        // clang-format off
        {change_kind,         "EXISTS_WITH_DIFFERENT_KIND"},
        {change_timeout,      "EXISTS_WITH_DIFFERENT_TIMEOUT_SECONDS"},
        {change_debit,        "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID"},
        {change_credit,       "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
        {change_amount,       "EXISTS_WITH_DIFFERENT_AMOUNT"},
        {change_up_to,        "EXISTS_WITH_DIFFERENT_AMOUNT"},
        {change_currency,     "EXISTS_WITH_DIFFERENT_CURRENCY"},
        {change_code,         "EXISTS_WITH_DIFFERENT_CODE"},
        {change_description,  "EXISTS_WITH_DIFFERENT_DESCRIPTION"},
        {change_metadata,     "EXISTS_WITH_DIFFERENT_METADATA"},
        {change_data_128,     "EXISTS_WITH_DIFFERENT_USER_DATA_128"},
        {change_data_64,      "EXISTS_WITH_DIFFERENT_USER_DATA_64"},
        {change_data_32,      "EXISTS_WITH_DIFFERENT_USER_DATA_32"},
        {change_effective_at, "EXISTS_WITH_DIFFERENT_EFFECTIVE_AT"},
        {change_group,        "EXISTS_WITH_DIFFERENT_GROUP_ID"},
        {change_two,          "EXISTS_WITH_DIFFERENT_AMOUNT"},
        // clang-format on
    };

    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    assert_status_ok(move(fixture, customer(ASHA), with_everything(), &outcome));
    struct dump before = dump_store(fixture);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_movement other = with_everything();
        rows[i].change(&other);
        assert_refused(move(fixture, customer(ASHA), other, &outcome), rows[i].reason);
        assert_int_equal(ledger_reason_status(outcome.refusal.reason).code, STATUS_ALREADY_EXISTS);
    }
    assert_status_ok(move(fixture, customer(ASHA), with_everything(), &outcome));
    assert_true(outcome.existed);
    assert_true(bytes_equal(outcome.transfer.description, bytes_of_text("rent")));
    assert_int_equal(outcome.progress.state, LEDGER_HOLD_OPEN);
    assert_same_store(fixture, &before);
    assert_clean(fixture);
}

// ---- Refusals -----------------------------------------------------------------------------------

enum {
    CLOSED = 0x31,
    FROZEN,
    LOW,
    HIGH,
    NO_KYC,
    EUROS,
    LIFTED,
    FULL,
    OWNER = 0x3a,
    UNKNOWN = 0x3b
};

static void set_closed(struct ledger_account *account)
{
    account->closed = true;
}

static void set_frozen(struct ledger_account *account)
{
    account->frozen[LEDGER_DEBIT] = account->frozen[LEDGER_CREDIT] = true;
}

static void set_lifted(struct ledger_account *account)
{
    set_frozen(account);
    account->frozen_until_ns[LEDGER_DEBIT] = account->frozen_until_ns[LEDGER_CREDIT] =
        TEST_BEGIN_NS; // Now.
}

static void set_min(struct ledger_account *account)
{
    account->has_min_balance = true;
    account->min_balance = 90;
}

static void set_max(struct ledger_account *account)
{
    account->has_max_balance = true;
    account->max_balance = 110;
}

static void make_accounts(struct fixture *fixture)
{
    static const struct {
        uint8_t account;
        uint8_t owner;
        const char *currency;
        void (*set)(struct ledger_account *account);
    } rows[] = {
        {CLOSED, OWNER, "INR", set_closed}, {FROZEN, OWNER, "INR", set_frozen},
        {LOW, OWNER, "INR", set_min},       {HIGH, OWNER, "INR", set_max},
        {NO_KYC, UNKNOWN, "INR", NULL},     {EUROS, OWNER, "EUR", NULL},
        {LIFTED, OWNER, "INR", set_lifted}, {FULL, OWNER, "INR", NULL},
    };

    set_tier(fixture, OWNER, "T3", 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        make_account(fixture, rows[i].owner, rows[i].account, rows[i].currency);
        if (rows[i].account != NO_KYC) must_deposit(fixture, rows[i].account, 100);
        if (rows[i].set != NULL) set_account(fixture, rows[i].account, rows[i].set);
    }
}

static struct ledger_movement of_kind(enum ledger_transfer_kind kind, struct id128 id,
                                      uint8_t debit, uint8_t credit, u128 amount)
{
    struct ledger_movement movement = transfer_of(id, debit, credit, amount);
    movement.asked.kind = kind;
    return movement;
}

static void test_a_refusal_changes_nothing_but_the_burnt_id(void **state)
{
    static const struct {
        uint8_t debit, credit;
        uint64_t amount;
        const char *reason;
        bool burns;
    } rows[] = {
        // clang-format off
        {ASHAS,   RAVIS,  1001, "INSUFFICIENT_FUNDS",       true},
        {ASHAS,   0x66,      1, "CREDIT_ACCOUNT_NOT_FOUND", true},
        {0x66,    RAVIS,     1, "DEBIT_ACCOUNT_NOT_FOUND",  true},
        {ASHAS,   NO_KYC,    1, "KYC_LIMIT_EXCEEDED",       true},
        {ASHAS,   EUROS,     1, "CURRENCY_MISMATCH",        false},
        {ASHAS,   ASHAS,     1, "ACCOUNTS_MUST_DIFFER",     false},
        {ASHAS,   RAVIS,     0, "AMOUNT_MUST_NOT_BE_ZERO",  false},
        {ASHAS,   CLOSED,    1, "ACCOUNT_CLOSED",           true},
        {CLOSED,  RAVIS,     1, "ACCOUNT_CLOSED",           true},
        {ASHAS,   FROZEN,    1, "ACCOUNT_FROZEN",           true},
        {FROZEN,  RAVIS,     1, "ACCOUNT_FROZEN",           true},
        {LOW,     RAVIS,    11, "BELOW_MIN_BALANCE",        true},
        {ASHAS,   HIGH,     11, "ABOVE_MAX_BALANCE",        true},
        // clang-format on
    };

    struct fixture *fixture = *state;
    make_accounts(fixture);
    uint8_t id = 0x80;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t is_hold = 0; is_hold < 2; is_hold++, id++) {
            enum ledger_transfer_kind kind =
                is_hold == 1 ? LEDGER_TRANSFER_PENDING : LEDGER_TRANSFER_POSTED;
            struct ledger_movement movement =
                of_kind(kind, id_of(id), rows[i].debit, rows[i].credit, rows[i].amount);
            struct ledger_outcome outcome;
            struct dump before = dump_store(fixture);
            assert_refused(move(fixture, teller, movement, &outcome), rows[i].reason);
            assert_true(outcome.is_refused && outcome.is_burnt == rows[i].burns);
            if (!rows[i].burns) {
                assert_same_store(fixture, &before);
                continue;
            }
            assert_only_the_id_is_new(fixture, &before, id_of(id), rows[i].reason);
            // Whatever it asks for now, the id stays burnt, and says why.
            assert_refused(move(fixture, teller, transfer_of(id_of(id), ASHAS, RAVIS, 1), &outcome),
                           "ID_ALREADY_FAILED");
            assert_string_equal(outcome.original.name, rows[i].reason);
        }
    }
    // Up to the limits, and past a freeze that is over, it goes.
    must_transfer(fixture, LOW, RAVIS, 10);
    must_transfer(fixture, ASHAS, HIGH, 10);
    must_transfer(fixture, ASHAS, LIFTED, 1);
    must_transfer(fixture, LIFTED, RAVIS, 1);
    // Without an id of the client's own there is nothing to burn.
    struct ledger_outcome outcome;
    struct dump before = dump_store(fixture);
    assert_refused(
        move(fixture, customer(ASHA), transfer_of(ID128_NIL, ASHAS, RAVIS, 1001), &outcome),
        "INSUFFICIENT_FUNDS");
    assert_false(outcome.is_burnt);
    assert_same_store(fixture, &before);
    assert_clean(fixture);
}

/// Each of these breaks several rules; of reasons that apply the first is the answer.
static void test_precedence_across_the_service(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    must_move(fixture, transfer_of(id_of(1), ASHAS, RAVIS, 1));
    assert_refused(move(fixture, teller, transfer_of(id_of(2), ASHAS, RAVIS, 5000), &outcome),
                   "INSUFFICIENT_FUNDS");

    struct ledger_movement exists_and_zero = transfer_of(id_of(1), ASHAS, RAVIS, 0);
    struct ledger_movement stranger_and_exists = transfer_of(id_of(1), ASHAS, RAVIS, 1);
    struct ledger_movement stranger_and_burnt = transfer_of(id_of(2), ASHAS, RAVIS, 1);
    struct ledger_movement burnt_and_zero = transfer_of(id_of(2), ASHAS, RAVIS, 0);
    struct ledger_movement structure_and_no_hold = capture_of(id_of(3), id_of(0x66), 1, true);
    structure_and_no_hold.asked.timeout_seconds = 1;
    struct ledger_movement structure_and_no_account = transfer_of(id_of(3), 0x66, 0x66, 1);
    struct ledger_movement no_account_and_currency = transfer_of(id_of(3), ASHAS, 0x66, 1);
    memcpy(no_account_and_currency.asked.currency, "EUR", 4);
    struct ledger_movement both = transfer_of(id_of(4), ASHAS, RAVIS, 1);
    both.has_amount_up_to = true;
    both.asked.amount_up_to = 1;
    struct ledger_movement expiry = of_kind(LEDGER_TRANSFER_EXPIRY, id_of(4), ASHAS, RAVIS, 1);

    const struct {
        const struct ledger_movement *movement;
        uint8_t who;
        const char *reason;
    } rows[] = {
        {&exists_and_zero, TELLER, "EXISTS_WITH_DIFFERENT_AMOUNT"},
        {&stranger_and_exists, RAVI, "PERMISSION_DENIED"},
        {&stranger_and_burnt, RAVI, "PERMISSION_DENIED"},
        {&burnt_and_zero, TELLER, "ID_ALREADY_FAILED"},
        {&structure_and_no_hold, TELLER, "EXCLUSIVE_FIELDS"},
        {&structure_and_no_account, TELLER, "ACCOUNTS_MUST_DIFFER"},
        {&both, TELLER, "EXCLUSIVE_FIELDS"},
        {&expiry, TELLER, "EXCLUSIVE_FIELDS"},
        {&no_account_and_currency, TELLER, "CREDIT_ACCOUNT_NOT_FOUND"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_refused(move(fixture, caller_of(rows[i].who), *rows[i].movement, &outcome),
                       rows[i].reason);
    }
    assert_clean(fixture);
}

static void test_totals_end_somewhere(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    make_accounts(fixture);
    u128 most = LEDGER_TOTAL_MAX - 100 - 1700; // FULL has 100; cash has paid out all of them.
    must_deposit(fixture, FULL, most);
    struct dump before = dump_store(fixture);
    assert_refused(move(fixture, teller, deposit_of(id_of(1), RAVIS, 1 + 1700), &outcome),
                   "BALANCE_OVERFLOW");
    assert_only_the_id_is_new(fixture, &before, id_of(1), "BALANCE_OVERFLOW");
    assert_clean(fixture);
}

// ---- As much as fits ----------------------------------------------------------------------------

static void test_amount_up_to(void **state)
{
    static const struct {
        const char *what;
        uint8_t debit, credit;
        uint64_t up_to, moved; // moved 0: refused.
        const char *reason;
    } rows[] = {
        // clang-format off
        {"all of it fits",                 ASHAS, RAVIS,   300, 300, NULL},
        {"what is there",                  RAVIS, ASHAS,  5000, 300, NULL},
        {"nothing is there",               RAVIS, ASHAS,     1,   0, "INSUFFICIENT_FUNDS"},
        {"down to the minimum",            LOW,   ASHAS,   500,  10, NULL},
        {"not below it",                   LOW,   ASHAS,   500,   0, "BELOW_MIN_BALANCE"},
        {"up to the maximum",              ASHAS, HIGH,    500,  10, NULL},
        {"not above it",                   ASHAS, HIGH,    500,   0, "ABOVE_MAX_BALANCE"},
        {"nothing into a frozen account",  ASHAS, FROZEN,  500,   0, "ACCOUNT_FROZEN"},
        {"nor where there is none",        ASHAS, 0x66,    500,   0, "CREDIT_ACCOUNT_NOT_FOUND"},
        {"nor without KYC",                ASHAS, NO_KYC,  500,   0, "KYC_LIMIT_EXCEEDED"},
        {"up to nothing",                  ASHAS, RAVIS,     0,   0, "AMOUNT_MUST_NOT_BE_ZERO"},
        // clang-format on
    };

    struct fixture *fixture = *state;
    make_accounts(fixture);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id = id_of((uint8_t)(0x80 + i));
        struct ledger_movement movement =
            transfer_up_to(id, rows[i].debit, rows[i].credit, rows[i].up_to);
        struct ledger_outcome outcome;
        print_message("    %s\n", rows[i].what);
        struct status status = move(fixture, teller, movement, &outcome);
        if (rows[i].reason != NULL) {
            assert_refused(status, rows[i].reason);
            assert_int_equal(outcome.transfer.amount, 0);
            continue;
        }
        assert_status_ok(status);
        assert_int_equal(outcome.transfer.amount, rows[i].moved);
        assert_int_equal(outcome.transfer.amount_up_to, rows[i].up_to);
        // The same again is the same, although by now another amount would fit.
        assert_status_ok(move(fixture, teller, movement, &outcome));
        assert_true(outcome.existed);
        assert_int_equal(outcome.transfer.amount, rows[i].moved);
        movement.asked.amount_up_to++;
        assert_refused(move(fixture, teller, movement, &outcome),
                       "EXISTS_WITH_DIFFERENT_AMOUNT_UP_TO");
    }
    assert_clean(fixture);
}

static void test_what_a_limit_leaves_fits(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    fixture->service.tiers.tier[4].max[LEDGER_LIMIT_DEBIT_DAY] = 5;
    must_transfer(fixture, ASHAS, RAVIS, 200);
    struct ledger_movement hold = transfer_up_to(id_of(1), ASHAS, RAVIS, 5000);
    hold.asked.kind = LEDGER_TRANSFER_PENDING;
    assert_status_ok(move(fixture, customer(ASHA), hold, &outcome));
    assert_int_equal(outcome.transfer.amount, 300);
    assert_refused(
        move(fixture, customer(ASHA), transfer_up_to(id_of(2), ASHAS, RAVIS, 1), &outcome),
        "KYC_LIMIT_EXCEEDED");
    assert_string_equal(outcome.refusal.limit, "debit_day");
    assert_balance(fixture, ASHAS, 800, 300, 0);
    assert_clean(fixture);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_people, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_id_pays_once),
        TEST(the_same_id_with_anything_else_is_refused),
        TEST(a_refusal_changes_nothing_but_the_burnt_id),
        TEST(precedence_across_the_service),
        TEST(totals_end_somewhere),
        TEST(amount_up_to),
        TEST(what_a_limit_leaves_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
