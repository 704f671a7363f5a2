// Which kind takes which members, and what makes a repeated id another request.
#include "tests/unit/ledger/rules.h"

// ---- Structure ----------------------------------------------------------------------------------

static struct ledger_movement whole(enum ledger_transfer_kind kind)
{
    struct ledger_movement movement = {.asked = {.id = id_of(1), .kind = kind}};
    if (kind == LEDGER_TRANSFER_POSTED || kind == LEDGER_TRANSFER_PENDING) {
        movement.asked.account_id[LEDGER_DEBIT] = id_of(0x10);
        movement.asked.account_id[LEDGER_CREDIT] = id_of(0x20);
        memcpy(movement.asked.currency, "INR", 4);
        movement.asked.amount = 100;
        movement.has_amount = true;
    } else {
        movement.asked.subject_id = id_of(0x50);
    }
    return movement;
}

static void assert_well_formed(const struct ledger_movement *movement)
{
    enum ledger_reason reason = LEDGER_REASON_COUNT;
    const char *field = NULL;
    assert_null(ledger_core_missing(movement));
    assert_true(ledger_core_structure(movement, &reason, &field));
}

static void assert_malformed(const struct ledger_movement *movement, enum ledger_reason wanted,
                             const char *wanted_field)
{
    enum ledger_reason reason = LEDGER_REASON_COUNT;
    const char *field = NULL;
    assert_false(ledger_core_structure(movement, &reason, &field));
    assert_string_equal(ledger_reasons[reason].name, ledger_reasons[wanted].name);
    if (wanted_field == NULL)
        assert_null(field);
    else
        assert_string_equal(field, wanted_field);
}

static void test_what_every_kind_needs_is_enough(void **state)
{
    (void)state;
    for (enum ledger_transfer_kind kind = LEDGER_TRANSFER_POSTED; kind < LEDGER_TRANSFER_EXPIRY;
         kind++) {
        struct ledger_movement movement = whole(kind);
        assert_well_formed(&movement);
    }
    struct ledger_movement expiry = whole(LEDGER_TRANSFER_EXPIRY);
    assert_malformed(&expiry, LEDGER_EXCLUSIVE_FIELDS, "kind");
    struct ledger_movement none = whole(0);
    assert_malformed(&none, LEDGER_EXCLUSIVE_FIELDS, "kind");
}

static void test_an_amount_is_given_once_and_not_zero(void **state)
{
    (void)state;
    struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
    movement.asked.amount_up_to = 500;
    assert_malformed(&movement, LEDGER_EXCLUSIVE_FIELDS, "amount_up_to");
    movement.has_amount = false;
    assert_well_formed(&movement);
    movement.asked.amount_up_to = 0;
    assert_string_equal(ledger_core_missing(&movement), "amount");
    movement.has_amount_up_to = true; // "0"
    assert_null(ledger_core_missing(&movement));
    assert_malformed(&movement, LEDGER_AMOUNT_MUST_NOT_BE_ZERO, NULL);

    movement = whole(LEDGER_TRANSFER_PENDING);
    movement.asked.amount = 0;
    assert_malformed(&movement, LEDGER_AMOUNT_MUST_NOT_BE_ZERO, NULL);
    movement = whole(LEDGER_TRANSFER_REVERSAL);
    movement.has_amount = true;
    assert_malformed(&movement, LEDGER_AMOUNT_MUST_NOT_BE_ZERO, NULL);
}

static void test_the_order_of_what_is_wrong(void **state)
{
    (void)state;
    struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
    movement.asked.amount = 0;
    movement.asked.account_id[LEDGER_CREDIT] = id_of(0x10);
    movement.asked.timeout_seconds = 5;
    assert_malformed(&movement, LEDGER_EXCLUSIVE_FIELDS, "timeout_seconds");
    movement.asked.timeout_seconds = 0;
    assert_malformed(&movement, LEDGER_ACCOUNTS_MUST_DIFFER, NULL);
    movement.asked.account_id[LEDGER_CREDIT] = id_of(0x20);
    assert_malformed(&movement, LEDGER_AMOUNT_MUST_NOT_BE_ZERO, NULL);
}

static void test_cash_needs_no_second_account_and_no_currency(void **state)
{
    (void)state;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
        movement.asked.account_id[side] = ID128_NIL;
        memset(movement.asked.currency, 0, sizeof movement.asked.currency);
        assert_non_null(ledger_core_missing(&movement));
        *(side == LEDGER_DEBIT ? &movement.is_deposit : &movement.is_withdrawal) = true;
        assert_well_formed(&movement);
        movement.asked.account_id[LEDGER_CREDIT - side] = ID128_NIL;
        assert_string_equal(ledger_core_missing(&movement),
                            side == LEDGER_DEBIT ? "credit_account_id" : "debit_account_id");
    }
}

// ---- Repeated ids -------------------------------------------------------------------------------

static void differ_kind(struct ledger_movement *m)
{
    m->asked.kind = LEDGER_TRANSFER_PENDING;
}

static void differ_final(struct ledger_movement *m)
{
    m->asked.not_final = true;
}

static void differ_pending_id(struct ledger_movement *m)
{
    m->asked.subject_id = id_of(0x77);
}

static void differ_reverses_id(struct ledger_movement *m)
{
    m->other_subject_id = id_of(0x77);
}

static void differ_timeout(struct ledger_movement *m)
{
    m->asked.timeout_seconds = 1;
}

static void differ_debit(struct ledger_movement *m)
{
    m->asked.account_id[LEDGER_DEBIT] = id_of(0x77);
}

static void differ_credit(struct ledger_movement *m)
{
    m->asked.account_id[LEDGER_CREDIT] = id_of(0x77);
}

static void differ_amount(struct ledger_movement *m)
{
    m->asked.amount++;
}

static void differ_amount_up_to(struct ledger_movement *m)
{
    m->asked.amount_up_to = 1;
}

static void differ_currency(struct ledger_movement *m)
{
    memcpy(m->asked.currency, "EUR", 4);
}

static void differ_code(struct ledger_movement *m)
{
    m->asked.code = 7;
}

static void differ_description(struct ledger_movement *m)
{
    m->asked.description = bytes_of_text("x");
}

static void differ_metadata(struct ledger_movement *m)
{
    m->asked.metadata = bytes_of_text("\x01");
}

static void differ_user_data_128(struct ledger_movement *m)
{
    m->asked.user_data_128 = 1;
}

static void differ_user_data_64(struct ledger_movement *m)
{
    m->asked.user_data_64 = 1;
}

static void differ_user_data_32(struct ledger_movement *m)
{
    m->asked.user_data_32 = 1;
}

static void differ_effective_at(struct ledger_movement *m)
{
    m->asked.effective_at_ns = 1;
}

static void differ_group_id(struct ledger_movement *m)
{
    m->asked.group_id = id_of(0x77);
}

static void test_the_first_member_that_differs_is_named(void **state)
{
    (void)state;
    static void (*const differences[])(struct ledger_movement * m) = {
        differ_kind,         differ_final,         differ_pending_id,   differ_reverses_id,
        differ_timeout,      differ_debit,         differ_credit,       differ_amount,
        differ_amount_up_to, differ_currency,      differ_code,         differ_description,
        differ_metadata,     differ_user_data_128, differ_user_data_64, differ_user_data_32,
        differ_effective_at, differ_group_id,
    };
    const enum ledger_reason first = LEDGER_EXISTS_WITH_DIFFERENT_KIND;
    assert_int_equal(first + ROWS(differences) - 1, LEDGER_EXISTS_WITH_DIFFERENT_GROUP_ID);

    for (size_t round = 0; round < 20000; round++) {
        struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
        const struct ledger_transfer existing = movement.asked;
        // Each by itself first, then any set of them.
        uint64_t set =
            round < ROWS(differences) ? UINT64_C(1) << round : random_u64() & random_u64();
        size_t named = ROWS(differences);
        for (size_t i = ROWS(differences); i-- > 0;) {
            if ((set >> i & 1) == 0) continue;
            differences[i](&movement);
            named = i;
        }
        enum ledger_reason reason = LEDGER_REASON_COUNT;
        bool is_same = ledger_core_compare(&movement, &existing, &reason);
        assert_int_equal(is_same, named == ROWS(differences));
        if (!is_same) assert_int_equal(reason, first + named);
    }
}

static const char *compared(const struct ledger_movement *movement,
                            const struct ledger_transfer *existing)
{
    enum ledger_reason reason = LEDGER_REASON_COUNT;
    if (ledger_core_compare(movement, existing, &reason)) return NULL;
    return ledger_reasons[reason].name;
}

static void test_how_the_amount_was_asked_for_counts(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *name;
        enum ledger_transfer_kind kind;
        u128 moved, up_to; // The existing one.
        bool all_remaining;
        bool has_amount;   // Of the repetition.
        u128 amount, amount_up_to;
        const char *differs;
    } rows[] = {
        {"the same sweep",      LEDGER_TRANSFER_POSTED,   60, 500, false, false,  0, 500, NULL},
        {"another sweep",       LEDGER_TRANSFER_POSTED,   60, 500, false, false,  0, 400, "AMOUNT_UP_TO"},
        {"what it moved",       LEDGER_TRANSFER_POSTED,   60, 500, false, true,  60,   0, "AMOUNT"},
        {"a sweep instead",     LEDGER_TRANSFER_POSTED,   60,   0, false, false,  0, 500, "AMOUNT"},
        {"all again",           LEDGER_TRANSFER_POST,     60,   0, true,  false,  0,   0, NULL},
        {"all, spelt out",      LEDGER_TRANSFER_POST,     60,   0, true,  true,  60,   0, "AMOUNT"},
        {"all instead",         LEDGER_TRANSFER_POST,     60,   0, false, false,  0,   0, "AMOUNT"},
        {"the same part",       LEDGER_TRANSFER_REVERSAL, 60,   0, false, true,  60,   0, NULL},
        {"another part",        LEDGER_TRANSFER_REVERSAL, 60,   0, false, true,  61,   0, "AMOUNT"},
        {"the same void",       LEDGER_TRANSFER_VOID,     60,   0, false, false,  0,   0, NULL},
        {"a void of an amount", LEDGER_TRANSFER_VOID,     60,   0, false, true,  60,   0, "AMOUNT"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_movement movement = whole(rows[i].kind);
        struct ledger_transfer existing = movement.asked;
        existing.amount = rows[i].moved;
        existing.amount_up_to = rows[i].up_to;
        existing.all_remaining = rows[i].all_remaining;
        movement.has_amount = rows[i].has_amount;
        movement.asked.amount = rows[i].amount;
        movement.asked.amount_up_to = rows[i].amount_up_to;
        const char *differs = compared(&movement, &existing);
        if ((differs == NULL) != (rows[i].differs == NULL))
            fail_msg("%s: %s", rows[i].name, differs);
        if (differs == NULL) continue;
        assert_string_equal(differs + strlen("EXISTS_WITH_DIFFERENT_"), rows[i].differs);
    }
}

static void test_what_a_follow_up_took_over_is_compared_when_given(void **state)
{
    (void)state;
    struct ledger_movement movement = whole(LEDGER_TRANSFER_POST);
    struct ledger_transfer existing = movement.asked; // As follow filled it.
    existing.account_id[LEDGER_DEBIT] = id_of(0x10);
    existing.account_id[LEDGER_CREDIT] = id_of(0x20);
    memcpy(existing.currency, "INR", 4);
    existing.code = 7;
    existing.amount = 100;
    existing.all_remaining = true;
    assert_null(compared(&movement, &existing));
    movement.asked.code = 8;
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_CODE");
    memcpy(movement.asked.currency, "EUR", 4);
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_CURRENCY");
    movement.asked.account_id[LEDGER_CREDIT] = id_of(0x77);
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID");

    movement = whole(LEDGER_TRANSFER_REVERSAL);
    existing.kind = LEDGER_TRANSFER_REVERSAL;
    assert_null(compared(&movement, &existing));
    movement.asked.subject_id = id_of(0x77);
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_REVERSES_ID");
    movement.other_subject_id = id_of(0x50);
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_PENDING_ID");
}

static void test_no_code_is_a_code(void **state)
{
    (void)state;
    struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
    struct ledger_transfer existing = movement.asked;
    existing.code = 7; // Nothing was followed that it could come from.
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_CODE");
}

static void test_cash_is_compared_with_cash(void **state)
{
    (void)state;
    struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
    struct ledger_transfer existing = movement.asked;
    movement.is_deposit = true;
    movement.asked.account_id[LEDGER_DEBIT] = ID128_NIL;
    memset(movement.asked.currency, 0, sizeof movement.asked.currency);
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID");
    existing.account_id[LEDGER_DEBIT] = ledger_system_account_id("INR", LEDGER_CASH);
    assert_null(compared(&movement, &existing));
    movement.asked.account_id[LEDGER_CREDIT] = id_of(0x77);
    assert_string_equal(compared(&movement, &existing), "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID");
}

static void test_a_group_is_compared_when_it_is_named(void **state)
{
    (void)state;

    enum { NOT_NAMED = 0, SAME = 0x60, OTHER = 0x61 };

    // clang-format off
    static const struct {
        const char *name;
        uint8_t existing, asked; // Of which group: nil, or an id of such bytes.
        bool is_made;
        bool differs;
    } rows[] = {
        {"the same batch",                SAME,      SAME,      false, false},
        {"another batch, by name",        SAME,      OTHER,     false, true},
        {"in a batch now, by name",       NOT_NAMED, OTHER,     false, true},
        {"another batch without a name",  SAME,      OTHER,     true,  false},
        {"in a batch now, without one",   NOT_NAMED, OTHER,     true,  false},
        {"a member of a batch, alone",    SAME,      NOT_NAMED, false, false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_movement movement = whole(LEDGER_TRANSFER_POSTED);
        struct ledger_transfer existing = movement.asked;
        existing.group_id = id_of(rows[i].existing);
        movement.asked.group_id = id_of(rows[i].asked);
        movement.group_is_made = rows[i].is_made;
        const char *differs = compared(&movement, &existing);
        if ((differs != NULL) != rows[i].differs) fail_msg("%s: %s", rows[i].name, differs);
        if (differs != NULL) assert_string_equal(differs, "EXISTS_WITH_DIFFERENT_GROUP_ID");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_every_kind_needs_is_enough),
        cmocka_unit_test(test_an_amount_is_given_once_and_not_zero),
        cmocka_unit_test(test_the_order_of_what_is_wrong),
        cmocka_unit_test(test_cash_needs_no_second_account_and_no_currency),
        cmocka_unit_test(test_the_first_member_that_differs_is_named),
        cmocka_unit_test(test_how_the_amount_was_asked_for_counts),
        cmocka_unit_test(test_what_a_follow_up_took_over_is_compared_when_given),
        cmocka_unit_test(test_no_code_is_a_code),
        cmocka_unit_test(test_cash_is_compared_with_cash),
        cmocka_unit_test(test_a_group_is_compared_when_it_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
