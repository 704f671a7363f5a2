#include "services/ledger/search.h"

#include "services/ledger/history.h"

/// A place in the history.
struct place {
    struct ledger_transfer transfer;
    enum ledger_side side;
};

static struct status read_place(struct store_txn *txn, const struct ledger_account *account,
                                uint64_t number, struct place *ret)
{
    struct status status = ledger_store_get_transfer(txn, NULL, number, &ret->transfer);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, MISSING_TRANSFER, "a history leads to a transfer that is missing");
    RETURN_IF_ERROR(status);
    return ledger_transfer_side(&ret->transfer, account->id, &ret->side);
}

static uint64_t key_of(const struct place *place, enum ledger_search_by by)
{
    switch (by) {
    case LEDGER_BY_TIME:
        return place->transfer.created_at_ns;
    case LEDGER_BY_INDEX:
        return place->transfer.entry[place->side].index;
    case LEDGER_BY_NUMBER:
        break;
    }
    return place->transfer.number;
}

/// Whether a jump is known to lead to a key that is not above at_most. Indexes and numbers are
/// known beforehand, times are not.
static bool jump_falls_short(const struct ledger_entry *entry, enum ledger_search_by by,
                             uint64_t at_most)
{
    if (by == LEDGER_BY_NUMBER) return entry->jump <= at_most;
    return by == LEDGER_BY_INDEX && ledger_history_jump_index(entry->index) <= at_most;
}

struct status ledger_search(struct store_txn *txn, const struct ledger_account *account,
                            enum ledger_search_by by, uint64_t at_most, struct ledger_transfer *ret,
                            enum ledger_side *ret_side)
{
    // Two places bound the answer: `here` is too new, `there` is not, as far as one is known. The
    // jump of an entry just below `here` often leads to `there` again: it is not read twice.
    struct place here, there, target;
    uint64_t there_number = 0, number = account->head.chain[0];
    while (number != 0 && number != there_number) {
        RETURN_IF_ERROR(read_place(txn, account, number, &here));
        if (key_of(&here, by) <= at_most) {
            there = here;
            there_number = number;
            break;
        }
        // Far ahead as long as that does not overshoot; else one step.
        const struct ledger_entry *entry = &here.transfer.entry[here.side];
        while (entry->jump > there_number && entry->jump != entry->previous &&
               !jump_falls_short(entry, by, at_most)) {
            RETURN_IF_ERROR(read_place(txn, account, entry->jump, &target));
            if (key_of(&target, by) <= at_most) {
                there = target;
                there_number = target.transfer.number;
                break;
            }
            here = target;
            entry = &here.transfer.entry[here.side];
        }
        number = entry->previous;
    }
    if (there_number == 0) return REFUSE(NOT_FOUND, END, "the account's history begins later");
    *ret = there.transfer;
    *ret_side = there.side;
    return STATUS_SUCCESS;
}

struct status ledger_search_step(struct store_txn *txn, const struct ledger_account *account,
                                 struct ledger_transfer *transfer, enum ledger_side *side)
{
    uint64_t previous = transfer->entry[*side].previous;
    if (previous == 0) return REFUSE(NOT_FOUND, END, "the account's history begins here");
    struct place place;
    RETURN_IF_ERROR(read_place(txn, account, previous, &place));
    *transfer = place.transfer;
    *side = place.side;
    return STATUS_SUCCESS;
}

struct status ledger_search_totals(struct store_txn *txn, const struct ledger_account *account,
                                   uint64_t at_ns, struct ledger_totals *ret, uint64_t *ret_index)
{
    struct ledger_transfer transfer;
    enum ledger_side side;
    struct status status = ledger_search(txn, account, LEDGER_BY_TIME, at_ns, &transfer, &side);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct ledger_totals){0};
        *ret_index = 0;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    *ret = transfer.entry[side].after;
    *ret_index = transfer.entry[side].index;
    return STATUS_SUCCESS;
}
