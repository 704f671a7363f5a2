// 50,000 random movements against a naive model: every answer and every balance must agree.
#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"

#include <string.h>

enum {
    OPERATIONS = 50000,
    OPERATIONS_PER_JOB = 250,
    PEOPLE = 12,        // Accounts 1 to PEOPLE, with owners 0x81 …; the last one has no tier.
    IDS_AT_HAND = 1000, // A window that moves on, so that ids are both fresh and repeated.
    IDS = OPERATIONS * 3 / 5 + IDS_AT_HAND,
};

/// The model: a naive list of what each id did, and balances as plain numbers.
struct model_id {
    enum { UNUSED, DONE, FAILED } state;

    uint8_t debit, credit;
    uint64_t amount;
    uint64_t created_at_ns;
    const char *reason;
};

struct model {
    struct fixture *fixture;
    struct model_id ids[IDS];
    int64_t balance[PEOPLE + 1]; // 0: cash.
    size_t operations, hits[LEDGER_REASON_COUNT], created, existed;
};

static struct id128 id_number(size_t n)
{
    struct id128 id = {{0x50}};
    put_u64_be(id.bytes + 8, n + 1);
    return id;
}

/// What must come of a movement; NULL: it is done.
static const char *predict(struct model *model, const struct model_id *asked, bool is_own,
                           const struct model_id *known)
{
    bool debit_exists = asked->debit <= PEOPLE, credit_exists = asked->credit <= PEOPLE;
    if (!is_own && debit_exists) return "PERMISSION_DENIED";
    if (known->state == FAILED) return "ID_ALREADY_FAILED";
    if (known->state == DONE) {
        if (known->debit != asked->debit) return "EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID";
        if (known->credit != asked->credit) return "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID";
        return known->amount == asked->amount ? "" : "EXISTS_WITH_DIFFERENT_AMOUNT";
    }
    if (asked->debit == asked->credit) return "ACCOUNTS_MUST_DIFFER";
    if (asked->amount == 0) return "AMOUNT_MUST_NOT_BE_ZERO";
    if (!debit_exists) return "DEBIT_ACCOUNT_NOT_FOUND";
    if (!credit_exists) return "CREDIT_ACCOUNT_NOT_FOUND";
    if (asked->debit == PEOPLE || asked->credit == PEOPLE) return "KYC_LIMIT_EXCEEDED";
    if (asked->debit != 0 && model->balance[asked->debit] < (int64_t)asked->amount)
        return "INSUFFICIENT_FUNDS";
    return NULL;
}

static void check_answer(struct model *model, struct model_id *known, const struct model_id *asked,
                         const char *predicted, struct status status,
                         const struct ledger_outcome *outcome)
{
    if (predicted == NULL) {
        assert_status_ok(status);
        assert_true(outcome->is_created);
        *known = *asked;
        known->state = DONE;
        known->created_at_ns = outcome->transfer.created_at_ns;
        int64_t amount = (int64_t)asked->amount;
        model->balance[asked->debit] += asked->debit == 0 ? amount : -amount; // Cash is an asset.
        model->balance[asked->credit] += amount;
        model->created++;
    } else if (predicted[0] == '\0') {
        assert_status_ok(status);
        assert_true(outcome->existed);
        assert_int_equal(outcome->transfer.created_at_ns, known->created_at_ns);
        model->existed++;
    } else {
        assert_refused(status, predicted);
        enum ledger_reason reason = outcome->refusal.reason;
        model->hits[reason]++;
        if (reason == LEDGER_ID_ALREADY_FAILED)
            assert_string_equal(outcome->original.name, known->reason);
        assert_int_equal(outcome->is_burnt, ledger_reasons[reason].burns_id);
        if (outcome->is_burnt) *known = (struct model_id){.state = FAILED, .reason = predicted};
    }
}

static void run_operation(struct model *model, struct store_txn *txn)
{
    size_t n = model->operations++ * 3 / 5 + random_below(IDS_AT_HAND);
    struct model_id *known = &model->ids[n], asked = {0};
    bool is_deposit = random_below(8) == 0;
    bool repeats = known->state == DONE && random_below(2) == 0;
    asked.debit = (uint8_t)(is_deposit ? 0 : 1 + random_below(PEOPLE + 1));
    asked.credit = (uint8_t)(1 + random_below(is_deposit ? PEOPLE : PEOPLE + 1));
    asked.amount = random_below(400);
    if (repeats) {
        asked = *known;
        is_deposit = asked.debit == 0;
        if (random_below(4) == 0) asked.amount++;
    }
    struct ledger_caller caller = teller;
    bool is_own = is_deposit || random_below(10) != 0;
    if (!is_deposit) caller = customer((uint8_t)(0x80 + (is_own ? asked.debit : 99)));

    struct ledger_outcome outcome;
    const char *predicted = predict(model, &asked, is_own, known);
    struct ledger_movement movement =
        is_deposit ? deposit_of(id_number(n), asked.credit, asked.amount)
                   : transfer_of(id_number(n), asked.debit, asked.credit, asked.amount);
    const struct ledger_service *service = &model->fixture->service;
    struct status status =
        is_deposit ? ledger_service_deposit(service, txn, &caller, &movement, &outcome)
                   : ledger_service_create_transfer(service, txn, &caller, &movement, &outcome);
    check_answer(model, known, &asked, predicted, status, &outcome);
}

static struct status run_operations(struct store_txn *txn, void *context)
{
    for (size_t i = 0; i < OPERATIONS_PER_JOB; i++)
        run_operation(context, txn);
    return STATUS_SUCCESS;
}

static void check_balances(struct model *model)
{
    for (uint8_t i = 1; i <= PEOPLE; i++)
        assert_true(balance_of(model->fixture, i) == model->balance[i]);
    struct ledger_account cash =
        read_account(model->fixture, ledger_system_account_id("INR", LEDGER_CASH));
    assert_true(ledger_balance_posted(cash.class, &cash.totals) == model->balance[0]);
}

static void test_random_movements_agree_with_the_model(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    model->fixture = *state;
    for (uint8_t i = 1; i <= PEOPLE; i++) {
        if (i < PEOPLE)
            make_customer(model->fixture, (uint8_t)(0x80 + i), i);
        else
            make_account(model->fixture, (uint8_t)(0x80 + i), i, "INR");
    }
    for (size_t done = 0; done < OPERATIONS; done += OPERATIONS_PER_JOB) {
        run_job(model->fixture, run_operations, model);
        clock_test_advance(random_below(3) * NS_PER_SECOND);
        check_balances(model);
        if (done % (OPERATIONS / 5) == 0) {
            assert_clean(model->fixture);
            close_fixture(model->fixture);
            open_fixture(model->fixture);
        }
    }
    assert_clean(model->fixture);

    static const enum ledger_reason must_be_hit[] = {
        LEDGER_PERMISSION_DENIED,
        LEDGER_ID_ALREADY_FAILED,
        LEDGER_EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID,
        LEDGER_EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID,
        LEDGER_EXISTS_WITH_DIFFERENT_AMOUNT,
        LEDGER_ACCOUNTS_MUST_DIFFER,
        LEDGER_AMOUNT_MUST_NOT_BE_ZERO,
        LEDGER_DEBIT_ACCOUNT_NOT_FOUND,
        LEDGER_CREDIT_ACCOUNT_NOT_FOUND,
        LEDGER_KYC_LIMIT_EXCEEDED,
        LEDGER_INSUFFICIENT_FUNDS,
    };

    for (size_t i = 0; i < ROWS(must_be_hit); i++) {
        if (model->hits[must_be_hit[i]] == 0)
            fail_msg("%s was never the answer", ledger_reasons[must_be_hit[i]].name);
    }
    print_message("%zu created, %zu repeated\n", model->created, model->existed);
    assert_true(model->created > OPERATIONS / 10 && model->existed > 100);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_movements_agree_with_the_model, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
