#include "tests/unit/ledger/steps.h"

#include "common/base/check.h"

static struct ledger_movement movement_of(const struct step *step)
{
    struct id128 id = id_of(step->id), subject_id = id_of(step->subject);
    switch (step->act) {
    case HOLD:
        return hold_of(id, ASHAS, RAVIS, step->amount, step->seconds);
    case CAPTURE:
        return capture_of(id, subject_id, step->amount, false);
    case FINAL:
        return capture_of(id, subject_id, step->amount, true);
    case VOID:
        return void_of(id, subject_id);
    case REVERSE:
        return reversal_of(id, subject_id, step->amount);
    default:
        CHECK(step->act == PAY);
        return transfer_of(id, ASHAS, RAVIS, step->amount);
    }
}

static void ask(struct fixture *fixture, const struct step *step)
{
    struct ledger_outcome outcome;
    struct dump before = dump_store(fixture);
    struct status status = move(fixture, caller_of(step->who), movement_of(step), &outcome);
    const char *result = outcome.is_created ? "CREATED"
                         : outcome.existed  ? "EXISTS"
                                            : status.reason;
    if (strcmp(result, step->result) != 0)
        fail_msg("%s: %s instead of %s", step->what, result, step->result);
    if (outcome.is_created)
        free(before.data);
    else if (outcome.is_burnt)
        assert_only_the_id_is_new(fixture, &before, outcome.transfer.id, status.reason);
    else
        assert_same_store(fixture, &before);
}

void run_steps(struct fixture *fixture, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        print_message("    %s\n", step->what);
        if (step->act == WAIT)
            wait_seconds(step->seconds);
        else
            ask(fixture, step);
        assert_balance(fixture, ASHAS, step->ashas, step->ashas_out, 0);
        assert_balance(fixture, RAVIS, step->ravis, 0, step->ravis_in);
    }
    assert_clean(fixture);
}
