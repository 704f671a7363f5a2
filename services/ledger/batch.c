#include "common/base/check.h"
#include "services/ledger/unit.h"

static const char group_failed[] = "GROUP_FAILED", not_attempted[] = "NOT_ATTEMPTED";

static struct status run_item(struct ledger_unit *unit, const struct ledger_caller *caller,
                              struct ledger_batch *batch, size_t i)
{
    struct ledger_batch_result *result = &batch->results[i];
    result->outcome = arena_alloc(ledger_unit_arena(unit), sizeof *result->outcome);
    if (result->outcome == NULL) return ARENA_STATUS_EXHAUSTED;
    struct status status = ledger_service_move(unit, caller, &batch->movements[i], result->outcome);
    const struct ledger_outcome *outcome = result->outcome;
    if (!status_ok(status) && !outcome->is_refused) return status;
    batch->created += outcome->is_created;
    batch->existing += outcome->existed;
    batch->refused += outcome->is_refused;
    result->result = outcome->is_created ? "CREATED" : "EXISTS";
    if (outcome->is_refused) {
        result->result = status.reason;
        result->message = status.message;
    }
    return STATUS_SUCCESS;
}

static void skip_items(struct ledger_batch *batch, size_t from, const char *result,
                       const char *message)
{
    for (size_t i = from; i < batch->count; i++)
        batch->results[i] = (struct ledger_batch_result){.result = result, .message = message};
}

/// One failed: nothing moves, but the failed one's id is burnt as if it had been asked for alone.
static struct status undo_group(struct ledger_unit *unit, struct ledger_batch *batch, size_t failed)
{
    struct ledger_batch_result kept = batch->results[failed];
    ledger_unit_reset(unit);
    skip_items(batch, 0, group_failed, "another transfer of the group failed: nothing moved");
    batch->results[failed] = kept;
    batch->created = batch->existing = 0;
    batch->refused = (uint32_t)batch->count;
    if (!kept.outcome->is_burnt) return STATUS_SUCCESS;
    return ledger_unit_burn_id(unit, kept.outcome->transfer.id, kept.outcome->refusal.reason);
}

static struct status run_items(struct ledger_unit *unit, const struct ledger_caller *caller,
                               struct ledger_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        RETURN_IF_ERROR(run_item(unit, caller, batch, i));
        if (batch->refused == 0 || batch->mode == LEDGER_BATCH_INDEPENDENT) continue;
        if (batch->mode == LEDGER_BATCH_ATOMIC) return undo_group(unit, batch, i);
        skip_items(batch, i + 1, not_attempted, "an earlier transfer failed");
        batch->refused += (uint32_t)(batch->count - i - 1);
        break;
    }
    return STATUS_SUCCESS;
}

static void forget_burning(struct ledger_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->results[i].outcome != NULL) batch->results[i].outcome->is_burnt = false;
    }
}

struct status ledger_service_batch(struct ledger_unit *unit, const struct ledger_caller *caller,
                                   struct ledger_batch *batch)
{
    CHECK(batch->count <= LEDGER_BATCH_TRANSFERS_MAX);
    batch->created = batch->existing = batch->refused = 0;
    batch->has_changes = false;
    skip_items(batch, 0, not_attempted, NULL);
    RETURN_IF_ERROR(run_items(unit, caller, batch));
    if (batch->dry_run) {
        ledger_unit_reset(unit);
        forget_burning(batch);
        return STATUS_SUCCESS;
    }
    batch->has_changes = batch->created > 0 || ledger_unit_has_changes(unit);
    return STATUS_SUCCESS;
}
