// Which payments must be approved, and what an approval is worth: by its words alone.
#include "common/base/clock.h"
#include "services/ledger/approval.h"
#include "tests/unit/ledger/rules.h"

#define NOW_S UINT64_C(1795219200)

// ---- The bank's policy --------------------------------------------------------------------------

static void test_figures(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        bool is_good;
        uint64_t inr, usd;
    } rows[] = {
        {"0", true, 0, 0},
        {"100000", true, 100000, 100000},
        {"100000 USD=1200", true, 100000, 1200},
        {" 5  USD=0 ", true, 5, 0},
        {"18446744073709551615", true, UINT64_MAX, UINT64_MAX},
        {"", false, 0, 0},
        {"many", false, 0, 0},
        {"-1", false, 0, 0},
        {"1.5", false, 0, 0},
        {"18446744073709551616", false, 0, 0},
        {"1 USD=", false, 0, 0},
        {"1 usd=2", false, 0, 0},
        {"1 USD=2 USD=3", false, 0, 0},
        {"1USD=2", false, 0, 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_figures figures = {.figure = 77};
        print_message("  \"%s\"\n", rows[i].text);
        assert_int_equal(ledger_figures_read(rows[i].text, &figures), rows[i].is_good);
        if (!rows[i].is_good) {
            assert_int_equal(figures.figure, 77);
            continue;
        }
        assert_int_equal(ledger_figures_in(&figures, "INR"), rows[i].inr);
        assert_int_equal(ledger_figures_in(&figures, "USD"), rows[i].usd);
    }
}

static void test_what_is_free(void **state)
{
    (void)state;
    struct ledger_sca_policy policy = {0};
    assert_true(ledger_sca_free_up_to(&policy, "INR", 2) == U128_MAX);
    assert_true(ledger_figures_read("1000 USD=12 JPY=0", &policy.above));
    assert_true(ledger_sca_free_up_to(&policy, "INR", 2) == 100000);
    assert_true(ledger_sca_free_up_to(&policy, "USD", 2) == 1200);
    assert_true(ledger_sca_free_up_to(&policy, "KWD", 3) == 1000000);
    assert_true(ledger_sca_free_up_to(&policy, "JPY", 0) == U128_MAX);
    assert_true(ledger_figures_read("18446744073709551615", &policy.above));
    assert_true(ledger_sca_free_up_to(&policy, "WEI", 18) ==
                (u128)UINT64_MAX * UINT64_C(1000000000000000000));
}

// ---- Whether one is missing ---------------------------------------------------------------------

static void test_what_needs_an_approval(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        uint64_t amount, up_to; // What fits of up_to is the amount.
        bool payee_is_new, is_given, is_missing;
    } rows[] = {
        {"less", 999, 0, false, false, false},
        {"as much as is free", 1000, 0, false, false, false},
        {"more", 1001, 0, false, false, true},
        {"a little to somebody new", 1, 0, true, false, true},
        {"more, with a token", 1001, 0, false, true, false},
        {"up to more, of which little fits", 1, 1001, false, false, true},
        {"up to what is free", 1, 1000, false, false, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct ledger_approval approval = {
            .free_up_to = 1000, .payee_is_new = rows[i].payee_is_new, .is_given = rows[i].is_given};
        struct ledger_transfer transfer = {.amount = rows[i].amount, .amount_up_to = rows[i].up_to};
        print_message("  %s\n", rows[i].given);
        assert_int_equal(ledger_approval_is_missing(&approval, &transfer), rows[i].is_missing);
    }
    assert_false(ledger_approval_is_missing(NULL, &(struct ledger_transfer){.amount = U128_MAX}));
}

// ---- Whether the one that is given is right -----------------------------------------------------

struct case_ {
    struct ledger_approval approval;
    struct ledger_transfer transfer;
    uint64_t now_ns;
};

static struct case_ right_case(void)
{
    struct case_ made = {
        .approval = {.asker_id = id_of(1),
                     .is_given = true,
                     .is_genuine = true,
                     .claims = {.subject = id_of(1),
                                .token_id = id_of(9),
                                .issued_at_s = NOW_S,
                                .expires_at_s = NOW_S + 120,
                                .action = SCA_ACTION_TRANSFER}},
        .transfer = {.id = id_of(2),
                     .account_id = {id_of(3), id_of(4)},
                     .amount = 5000,
                     .currency = "INR"},
        .now_ns = NOW_S * NS_PER_SECOND,
    };
    struct sca_payment payment = {.debit_account_id = id_of(3),
                                  .credit_account_id = id_of(4),
                                  .amount = 5000,
                                  .currency = "INR",
                                  .transfer_id = id_of(2)};
    sca_link_hash(&payment, made.approval.claims.link);
    return made;
}

#define CHANGE(name_, statement_)                                                                  \
    static void name_(struct case_ *c)                                                             \
    {                                                                                              \
        statement_;                                                                                \
    }
CHANGE(nothing, (void)c)
CHANGE(no_token, c->approval.is_given = false; c->approval.is_genuine = false)
CHANGE(forged, c->approval.is_genuine = false)
CHANGE(burnt, c->approval.is_burnt = true)
CHANGE(other_asker, c->approval.asker_id = id_of(7))
CHANGE(service, c->approval.asker_id = ID128_NIL)
CHANGE(other_action, memcpy(c->approval.claims.action, "kyc.case.decide", 16))
CHANGE(last_nanosecond, c->now_ns = (NOW_S + 120) * NS_PER_SECOND - 1)
CHANGE(expired, c->now_ns = (NOW_S + 120) * NS_PER_SECOND)
CHANGE(other_payer, c->transfer.account_id[LEDGER_DEBIT] = id_of(7))
CHANGE(other_payee, c->transfer.account_id[LEDGER_CREDIT] = id_of(7))
CHANGE(more, c->transfer.amount++)
CHANGE(less, c->transfer.amount--)
CHANGE(other_currency, memcpy(c->transfer.currency, "USD", 4))
CHANGE(other_id, c->transfer.id = id_of(7))
CHANGE(up_to_as_much, c->transfer.amount_up_to = 5000; c->transfer.amount = 12)
CHANGE(up_to_more, c->transfer.amount_up_to = 5001)
#undef CHANGE

static void test_what_an_approval_is_worth(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        void (*change)(struct case_ *c);
        bool is_wrong;
    } rows[] = {
        {"the approval of this payment", nothing, false},
        {"none at all", no_token, false}, // Whether it is missing is another rule.
        {"signed by somebody else", forged, true},
        {"used before", burnt, true},
        {"another user's", other_asker, true},
        {"shown by a service", service, true},
        {"of another action", other_action, true},
        {"in its last moment", last_nanosecond, false},
        {"expired", expired, true},
        {"another payer", other_payer, true},
        {"another payee", other_payee, true},
        {"a higher amount", more, true},
        {"a lower amount", less, true},
        {"another currency", other_currency, true},
        {"another id", other_id, true},
        {"up to the amount, whatever fits", up_to_as_much, false},
        {"up to more", up_to_more, true},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct case_ c = right_case();
        rows[i].change(&c);
        print_message("  %s\n", rows[i].given);
        assert_int_equal(ledger_approval_is_wrong(&c.approval, &c.transfer, c.now_ns),
                         rows[i].is_wrong);
    }
    assert_false(ledger_approval_is_wrong(NULL, &(struct ledger_transfer){.amount = 1}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_what_is_free),
        cmocka_unit_test(test_what_needs_an_approval),
        cmocka_unit_test(test_what_an_approval_is_worth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
