#include "tests/unit/ledger/damage.h"

// ---- Accounts, quotes ---------------------------------------------------------------------------

static struct status run_change(struct ledger_unit *unit, void *context)
{
    struct ledger_account account;
    static struct ledger_details details;
    const struct ledger_caller officer = caller_of(OFFICER);
    bool is_changed;
    return ledger_service_update_account(unit, &officer, context, &account, &details, &is_changed);
}

/// Two changes: the account is then at version 3.
static void change_account(struct fixture *fixture)
{
    static const struct ledger_details named = {.external_ref = ASHAS_REFERENCE};
    struct ledger_account_change changes[] = {
        {.has_external_ref = true, .details = &named},
        {.has_credit_limit = true, .credit_limit = 5000},
    };
    for (size_t i = 0; i < ROWS(changes); i++) {
        changes[i].account_id = id_of(ASHAS);
        changes[i].if_match = UINT64_MAX;
        assert_status_ok(run_on_unit(fixture, run_change, &changes[i]));
    }
}

static struct status run_quote(struct ledger_unit *unit, void *context)
{
    struct ledger_quote quote = {.id = *(const struct id128 *)context,
                                 .sell_currency = "USD",
                                 .buy_currency = "INR",
                                 .sell_amount = 100,
                                 .rate_numerator = 83,
                                 .rate_denominator = 1};
    bool existed;
    return ledger_service_quote(unit, &quote, 3600, &existed);
}

static struct status run_exchange(struct ledger_unit *unit, void *context)
{
    struct ledger_quote quote;
    struct ledger_outcome outcomes[LEDGER_SIDES];
    const struct id128 accounts[LEDGER_SIDES] = {id_of(ASHAS_USD), id_of(ASHAS)};
    bool existed;
    (void)context;
    RETURN_IF_ERROR(ledger_service_exchange(unit, &teller, id_of(QUOTE), accounts,
                                            bytes_of(NULL, 0), &quote, outcomes, &existed));
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static void exchange(struct fixture *fixture)
{
    struct id128 ids[] = {id_of(QUOTE), id_of(OPEN_QUOTE)};
    make_account(fixture, ASHA, ASHAS_USD, "USD");
    must_deposit(fixture, ASHAS_USD, 500);
    for (size_t i = 0; i < ROWS(ids); i++)
        assert_status_ok(run_on_unit(fixture, run_quote, &ids[i]));
    assert_status_ok(run_on_unit(fixture, run_exchange, NULL));
}

// ---- All of it ----------------------------------------------------------------------------------

static void make_holds(struct fixture *fixture)
{
    const struct ledger_movement steps[] = {
        hold_of(id_of(OPEN_HOLD), ASHAS, RAVIS, 100, 0),
        capture_of(id_of(OPEN_CAPTURE), id_of(OPEN_HOLD), 30, false),
        hold_of(id_of(TIMED_HOLD), ASHAS, RAVIS, 50, 3600),
        hold_of(id_of(VOIDED_HOLD), ASHAS, RAVIS, 40, 3600),
        void_of(id_of(VOIDING), id_of(VOIDED_HOLD)),
        hold_of(id_of(POSTED_HOLD), ASHAS, RAVIS, 20, 0),
        capture_of(id_of(POSTING), id_of(POSTED_HOLD), 15, true),
        hold_of(id_of(EXPIRED_HOLD), ASHAS, RAVIS, 10, 60),
        capture_of(id_of(EARLY_CAPTURE), id_of(EXPIRED_HOLD), 4, false),
    };
    for (size_t i = 0; i < ROWS(steps); i++)
        must_move(fixture, steps[i]);
    wait_seconds(61);
    must_move(fixture, transfer_of(id_of(TRIGGER), ASHAS, RAVIS, 1));
}

static void make_reversals(struct fixture *fixture)
{
    must_move(fixture, reversal_of(id_of(PART_REVERSAL), id_of(REVERSED_IN_PART), 2));
    must_move(fixture, reversal_of(id_of(WHOLE_REVERSAL), id_of(REVERSED), 3));
    must_move(fixture, reversal_of(id_of(LAST_REVERSAL), id_of(REVERSED), 0));
}

static void make_group(struct fixture *fixture)
{
    struct ledger_movement movements[3];
    for (size_t i = 0; i < ROWS(movements); i++) {
        movements[i] = transfer_of(id_of((uint8_t)(GROUP_FIRST + i)), ASHAS, RAVIS, 1);
        movements[i].asked.group_id = id_of(GROUP);
    }
    must_move_all(fixture, movements, ROWS(movements));
}

int setup_books(void **state)
{
    setup_people(state);
    struct fixture *fixture = *state;
    for (uint8_t i = 0; i < PLAIN_COUNT; i++) {
        uint8_t from = i % 3 == 2 ? RAVIS : ASHAS, to = i % 3 == 2 ? ASHAS : RAVIS;
        must_move(fixture, transfer_of(id_of((uint8_t)(PLAIN_FIRST + i)), from, to, i + 1u));
    }
    make_holds(fixture);
    make_reversals(fixture);
    make_group(fixture);
    change_account(fixture);
    exchange(fixture);
    return 0;
}

uint64_t number_of(struct store_txn *txn, uint8_t id)
{
    struct ledger_id_entry entry;
    assert_status_ok(ledger_store_find_id(txn, id_of(id), &entry));
    assert_false(entry.is_failed);
    return entry.number;
}

struct ledger_transfer get_transfer(struct store_txn *txn, uint8_t id)
{
    struct ledger_transfer transfer;
    assert_status_ok(ledger_store_get_transfer(txn, NULL, number_of(txn, id), &transfer));
    return transfer;
}

// ---- Damages ------------------------------------------------------------------------------------

static struct status run_damage(struct store_txn *txn, void *context)
{
    const struct damage *damage = context;
    damage->make(txn);
    return STATUS_SUCCESS;
}

void damage_books(const struct damage *damages, size_t count)
{
    static struct ledger_verification result;
    for (size_t i = 0; i < count; i++) {
        void *state;
        setup_books(&state);
        struct fixture *fixture = state;
        assert_clean(fixture);
        run_job(fixture, run_damage, (void *)&damages[i]);
        assert_status_ok(ledger_verify(fixture->store, NULL, &result));
        bool found = false;
        for (size_t k = 0; k < result.finding_count && k < LEDGER_FINDINGS_MAX; k++)
            found = found || strcmp(result.findings[k].reason, damages[i].finding) == 0;
        if (!found)
            fail_msg("%s: %s was not among the %ju findings, first %s", damages[i].name,
                     damages[i].finding, (uintmax_t)result.finding_count,
                     result.finding_count > 0 ? result.findings[0].reason : "none");
        teardown(&state);
    }
}
