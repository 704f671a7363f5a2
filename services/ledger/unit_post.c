#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/history.h"
#include "services/ledger/unit_internal.h"

#include <stddef.h>
#include <string.h>

void unit_use_time(struct ledger_unit *unit)
{
    CHECK(unit->given_ns > 0);
    if (unit->given_ns > unit->state.last_time_ns) unit->state.last_time_ns = unit->given_ns;
}

// ---- Postings -----------------------------------------------------------------------------------

static struct unit_account *account_item(const struct ledger_party *party)
{
    return (struct unit_account *)((char *)party->account - offsetof(struct unit_account, account));
}

static struct unit_progress *progress_item(const struct ledger_posting *posting)
{
    return (struct unit_progress *)((char *)posting->progress -
                                    offsetof(struct unit_progress, progress));
}

/// Looks up the links of a history's head that the next entry needs and that are not at hand.
static struct status complete_chain(struct ledger_unit *unit, struct ledger_account *account)
{
    uint64_t *chain = account->head.chain;
    size_t wanted = ledger_history_wanted(&account->head);
    for (size_t i = 1; i < wanted; i++) {
        if (chain[i] != 0) continue;
        const struct ledger_transfer *earlier;
        enum ledger_side side;
        RETURN_IF_ERROR(ledger_unit_transfer(unit, chain[i - 1], &earlier));
        RETURN_IF_ERROR(ledger_transfer_side(earlier, account->id, &side));
        uint64_t jump = earlier->entry[side].jump;
        if (jump == 0 || jump >= chain[i - 1])
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a history has no jump where one must be");
        chain[i] = jump;
    }
    return STATUS_SUCCESS;
}

static struct status make_room(struct ledger_unit *unit)
{
    if (unit->transfer_count < unit->transfer_room) return STATUS_SUCCESS;
    size_t room = 4 * unit->transfer_room;
    struct ledger_transfer **transfers = arena_alloc(unit->arena, room * sizeof *transfers);
    if (transfers == NULL) return ARENA_STATUS_EXHAUSTED;
    memcpy(transfers, unit->transfers, unit->transfer_count * sizeof *transfers);
    unit->transfers = transfers;
    unit->transfer_room = room;
    return STATUS_SUCCESS;
}

/// All that can fail, before anything is changed: what the posting changes besides accounts.
struct effects {
    struct unit_progress *progress; // NULL: none.
    struct unit_group *group;       // NULL: none.
};

static struct status prepare(struct ledger_unit *unit, const struct ledger_posting *posting,
                             const struct ledger_transfer *transfer, struct effects *ret)
{
    *ret = (struct effects){0};
    uint64_t number = unit->state.transfer_count + 1;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        RETURN_IF_ERROR(complete_chain(unit, posting->party[side].account));
    RETURN_IF_ERROR(make_room(unit));
    if (transfer->kind == LEDGER_TRANSFER_PENDING)
        RETURN_IF_ERROR(unit_get_progress(unit, number, &ret->progress));
    else if (posting->subject != NULL)
        ret->progress = progress_item(posting);
    if (!id128_is_nil(transfer->group_id))
        RETURN_IF_ERROR(unit_get_group(unit, transfer->group_id, &ret->group));
    return unit_add_id(unit, transfer->id, &(struct ledger_id_entry){.number = number});
}

/// The ledger's own account begins to be with its first posting, at a time kept free for it.
static void give_birth(struct ledger_unit *unit, struct unit_account *item)
{
    if (!item->is_new || item->account.number > 0) return;
    CHECK(unit->reserved_count > 0 && unit->unborn_count > 0);
    item->account.created_at_ns = unit->given_ns - unit->reserved_count;
    unit->reserved_count--;
    unit->unborn_count--;
    unit_number_account(unit, item);
}

static void note_hold(struct ledger_unit *unit, struct unit_progress *item)
{
    uint64_t due_ns = item->progress.expires_at_ns;
    if (due_ns == 0) return;
    item->next_added = unit->first_added;
    unit->first_added = item;
    if (due_ns < unit->added_due_ns) unit->added_due_ns = due_ns;
}

static void link_transfer(struct ledger_unit *unit, const struct effects *effects,
                          struct ledger_transfer *transfer)
{
    if (effects->progress != NULL) {
        effects->progress->is_changed = true;
        if (transfer->kind == LEDGER_TRANSFER_PENDING) {
            CHECK(effects->progress->progress.state == LEDGER_HOLD_OPEN);
            note_hold(unit, effects->progress);
        } else {
            transfer->subject_number = effects->progress->number;
            transfer->subject_previous = effects->progress->progress.last_follow_up;
            effects->progress->progress.last_follow_up = transfer->number;
        }
    }
    if (effects->group != NULL) {
        transfer->group_previous = effects->group->group.last;
        effects->group->group.last = transfer->number;
        effects->group->group.count++;
        effects->group->is_changed = true;
    }
}

struct status ledger_unit_post(struct ledger_unit *unit, const struct ledger_posting *posting,
                               struct ledger_transfer *transfer)
{
    CHECK(!unit->is_flushed && posting->transfer == transfer);
    CHECK(posting->now_ns == unit->given_ns && unit->given_ns > unit->state.last_time_ns);
    struct effects effects;
    RETURN_IF_ERROR(prepare(unit, posting, transfer, &effects));

    struct ledger_posting work = *posting;
    if (effects.progress != NULL) work.progress = &effects.progress->progress;
    unit_use_time(unit);
    transfer->number = ++unit->state.transfer_count;
    transfer->created_at_ns = posting->now_ns;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        give_birth(unit, account_item(&posting->party[side]));
    ledger_core_apply(&work);

    bool is_internal = id128_equal(posting->party[LEDGER_DEBIT].account->owner_id,
                                   posting->party[LEDGER_CREDIT].account->owner_id);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct unit_account *item = account_item(&posting->party[side]);
        item->is_changed = true;
        transfer->entry[side].after = item->account.totals;
        ledger_history_push(&item->account.head, transfer->number, &transfer->entry[side]);
        // What moves between two accounts of one owner counts for nothing.
        if (item->allowance != NULL && item->allowance->allowance.is_counted && !is_internal)
            item->allowance->is_changed = true;
    }
    link_transfer(unit, &effects, transfer);
    unit->transfers[unit->transfer_count++] = transfer;
    return STATUS_SUCCESS;
}

// ---- Expiries -----------------------------------------------------------------------------------

/// A hold that has a timeout, as the search for what is next to expire sees it.
struct due {
    uint64_t ns; // UINT64_MAX: there is none.
    uint64_t number;
};

/// The first of the store's rows that this unit has not resolved.
static struct status first_listed(struct ledger_unit *unit, uint64_t until_ns, struct due *ret)
{
    struct status status = STATUS_SUCCESS;
    if (!unit->has_listed) {
        status = ledger_store_next_expiry(unit->txn, &unit->listed_due_ns, &unit->listed_number);
        if (status.code == STATUS_NOT_FOUND) unit->listed_due_ns = UINT64_MAX;
        unit->has_listed = status_ok(status) || status.code == STATUS_NOT_FOUND;
    }
    while (status_ok(status) && unit->listed_due_ns <= until_ns) {
        const struct unit_progress *known = unit_known_progress(unit, unit->listed_number);
        if (known == NULL || known->progress.state == LEDGER_HOLD_OPEN) break;
        status = ledger_store_expiry_after(unit->txn, unit->listed_due_ns, unit->listed_number,
                                           &unit->listed_due_ns, &unit->listed_number);
        if (status.code == STATUS_NOT_FOUND) unit->listed_due_ns = UINT64_MAX;
    }
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    *ret = (struct due){unit->listed_due_ns, unit->listed_number};
    return STATUS_SUCCESS;
}

/// The first of this unit's own holds. Timeouts are seconds long and units are not, so that this
/// is hardly ever looked at twice.
static struct due first_added(struct ledger_unit *unit, uint64_t until_ns)
{
    struct due first = {.ns = UINT64_MAX};
    if (unit->added_due_ns > until_ns) return first;
    for (const struct unit_progress *item = unit->first_added; item != NULL;
         item = item->next_added) {
        uint64_t due_ns = item->progress.expires_at_ns;
        bool is_before = due_ns < first.ns || (due_ns == first.ns && item->number < first.number);
        if (item->progress.state == LEDGER_HOLD_OPEN && is_before)
            first = (struct due){due_ns, item->number};
    }
    unit->added_due_ns = first.ns;
    return first;
}

static struct status next_due(struct ledger_unit *unit, uint64_t until_ns, struct due *ret)
{
    struct due listed;
    RETURN_IF_ERROR(first_listed(unit, until_ns, &listed));
    struct due added = first_added(unit, until_ns);
    *ret = added.ns < listed.ns ? added : listed; // Of equals the stored one is the older.
    return STATUS_SUCCESS;
}

/// Its id is worked out from the hold's. Should a client have taken that one for a transfer of its
/// own, the id that is worked out from it comes next.
static struct status find_expiry_id(struct ledger_unit *unit, struct id128 pending_id,
                                    struct id128 *ret)
{
    struct ledger_id_entry taken;
    struct id128 id = pending_id;
    struct status status;
    do {
        id = ledger_expiry_id(id);
        status = ledger_unit_find_id(unit, id, &taken);
    } while (status_ok(status));
    if (status.code != STATUS_NOT_FOUND) return status;
    *ret = id;
    return STATUS_SUCCESS;
}

static struct status expire(struct ledger_unit *unit, struct due due)
{
    const struct ledger_transfer *subject;
    struct unit_progress *item;
    RETURN_IF_ERROR(ledger_unit_transfer(unit, due.number, &subject));
    RETURN_IF_ERROR(unit_get_progress(unit, due.number, &item));
    struct ledger_transfer *transfer = arena_alloc(unit->arena, sizeof *transfer);
    if (transfer == NULL) return ARENA_STATUS_EXHAUSTED;

    // Exactly when it was due; that very nanosecond may be somebody's.
    unit->given_ns = ledger_time_next(due.ns, unit->state.last_time_ns);
    unit->reserved_count = 0;
    transfer->kind = LEDGER_TRANSFER_EXPIRY;
    transfer->subject_id = subject->id;
    RETURN_IF_ERROR(find_expiry_id(unit, subject->id, &transfer->id));
    struct ledger_posting posting = {.transfer = transfer,
                                     .subject = subject,
                                     .progress = &item->progress,
                                     .now_ns = unit->given_ns};
    const struct ledger_following following = {
        .subject = subject, .progress = &item->progress, .now_ns = posting.now_ns};
    enum ledger_reason reason;
    struct ledger_refusal refusal;
    const struct status corrupt =
        REFUSE(DATA_LOSS, RECORD_CORRUPT, "what is listed to expire is not an open hold");
    if (!ledger_core_follow(&following, transfer, &reason)) return corrupt;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        struct ledger_party *party = &posting.party[side];
        RETURN_IF_ERROR(ledger_unit_account(unit, transfer->account_id[side], &party->account));
        RETURN_IF_ERROR(ledger_unit_allowance(unit, party->account, &party->allowance));
    }
    if (!ledger_core_check(&posting, &refusal)) return corrupt;
    return ledger_unit_post(unit, &posting, transfer);
}

/// Whether so many of the store's holds are due that one job must not carry them all.
static struct status check_backlog(struct ledger_unit *unit, uint64_t until_ns)
{
    struct due due = {.ns = unit->listed_due_ns, .number = unit->listed_number};
    for (size_t i = 0; i < LEDGER_UNIT_EXPIRIES_MAX && due.ns <= until_ns; i++) {
        struct status status =
            ledger_store_expiry_after(unit->txn, due.ns, due.number, &due.ns, &due.number);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
    }
    if (due.ns > until_ns) return STATUS_SUCCESS;
    return REFUSE(UNAVAILABLE, EXPIRIES_UNDER_WAY, "many holds expire at this moment: try again");
}

// ---- Time ---------------------------------------------------------------------------------------

/// The time that would be given out now.
static uint64_t time_now(const struct ledger_unit *unit, uint64_t wall_ns)
{
    return ledger_time_next(wall_ns, unit->state.last_time_ns) + unit->unborn_count;
}

static uint64_t read_clock(struct ledger_unit *unit)
{
    // Readers must know that times are being given out before one is read off the clock.
    if (!unit->is_marked) unit->earliest_ns = ledger_store_mark_writing(unit->txn);
    unit->is_marked = true;
    uint64_t wall_ns = clock_wall_ns();
    return wall_ns > unit->earliest_ns ? wall_ns : unit->earliest_ns;
}

struct status ledger_unit_next_time(struct ledger_unit *unit, uint64_t *ret_ns)
{
    uint64_t wall_ns = read_clock(unit);
    for (bool is_first = true;; is_first = false) {
        uint64_t now_ns = time_now(unit, wall_ns);
        struct due due;
        RETURN_IF_ERROR(next_due(unit, now_ns, &due));
        if (due.ns > now_ns) break;
        if (is_first) RETURN_IF_ERROR(check_backlog(unit, now_ns));
        RETURN_IF_ERROR(expire(unit, due));
    }
    unit->given_ns = time_now(unit, wall_ns);
    unit->reserved_count = unit->unborn_count;
    *ret_ns = unit->given_ns;
    return STATUS_SUCCESS;
}

struct status ledger_unit_expire(struct ledger_unit *unit, size_t max, bool *ret_more)
{
    uint64_t wall_ns = read_clock(unit);
    for (size_t count = 0;; count++) {
        struct due due;
        uint64_t now_ns = time_now(unit, wall_ns);
        RETURN_IF_ERROR(next_due(unit, now_ns, &due));
        *ret_more = due.ns <= now_ns;
        if (!*ret_more || count == max) return STATUS_SUCCESS;
        RETURN_IF_ERROR(expire(unit, due));
    }
}
