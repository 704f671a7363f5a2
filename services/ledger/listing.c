#include "common/base/check.h"
#include "services/ledger/search.h"
#include "services/ledger/service.h"

#include <string.h>

// All lists are made alike: a source gives transfers, newest first, from a place on; the page takes
// those that fit the query. A page's next_before is the number of the next transfer to look at,
// plus one: whoever comes back with it goes on at exactly that transfer.

// ---- Pages --------------------------------------------------------------------------------------

struct filling {
    const struct ledger_history_query *query;
    struct ledger_page *page;
    size_t looked_at;
};

static struct status open_page(struct arena *arena, const struct ledger_history_query *query,
                               struct ledger_page *ret, struct filling *ret_filling)
{
    CHECK(query->size > 0);
    *ret =
        (struct ledger_page){.transfers = arena_alloc(arena, query->size * sizeof *ret->transfers)};
    if (ret->transfers == NULL) return ARENA_STATUS_EXHAUSTED;
    *ret_filling = (struct filling){.query = query, .page = ret};
    return STATUS_SUCCESS;
}

static bool query_takes(const struct ledger_history_query *query,
                        const struct ledger_transfer *transfer)
{
    if (query->to_ns != 0 && transfer->created_at_ns >= query->to_ns) return false;
    return query->code == 0 || transfer->code == query->code;
}

/// take_transfer shows the page the next transfer. false: the page is done; the source stops here.
/// is_hidden: it is passed over.
static bool take_transfer(struct filling *filling, const struct ledger_transfer *transfer,
                          bool is_hidden)
{
    struct ledger_page *page = filling->page;
    if (transfer->created_at_ns < filling->query->from_ns) return false; // So are all behind it.
    bool is_taken = !is_hidden && query_takes(filling->query, transfer);
    if ((is_taken && page->count == filling->query->size) ||
        filling->looked_at == LEDGER_LOOKED_AT_MAX) {
        page->next_before = transfer->number + 1;
        return false;
    }
    filling->looked_at++;
    if (is_taken) page->transfers[page->count++] = *transfer;
    return true;
}

static struct status get_transfer(struct store_txn *txn, uint64_t number,
                                  struct ledger_transfer *ret)
{
    struct status status = ledger_store_get_transfer(txn, NULL, number, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    return REFUSE(DATA_LOSS, MISSING_TRANSFER, "a transfer that a list leads to is missing");
}

// ---- One account's ------------------------------------------------------------------------------

/// The newest entry of an account that a page may begin with; NOT_FOUND: none.
static struct status find_begin(struct store_txn *txn, const struct ledger_account *account,
                                const struct ledger_history_query *query,
                                struct ledger_transfer *ret, enum ledger_side *ret_side)
{
    uint64_t at_most = query->before_number > 0 ? query->before_number - 1 : UINT64_MAX;
    bool by_time = query->before_number == 0 && query->to_ns != 0;
    return by_time ? ledger_search(txn, account, LEDGER_BY_TIME, query->to_ns - 1, ret, ret_side)
                   : ledger_search(txn, account, LEDGER_BY_NUMBER, at_most, ret, ret_side);
}

struct status ledger_service_history(struct store_txn *txn, struct arena *arena,
                                     const struct ledger_account *account,
                                     const struct ledger_history_query *query,
                                     struct ledger_page *ret)
{
    struct filling filling;
    struct ledger_transfer transfer;
    enum ledger_side side;
    RETURN_IF_ERROR(open_page(arena, query, ret, &filling));
    struct status status = find_begin(txn, account, query, &transfer, &side);
    while (status_ok(status)) {
        bool is_hidden = query->has_side && side != query->side;
        if (!take_transfer(&filling, &transfer, is_hidden)) return STATUS_SUCCESS;
        status = ledger_search_step(txn, account, &transfer, &side);
    }
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

// ---- All ----------------------------------------------------------------------------------------

/// The highest number of a transfer created before a time; 0: none. Times rise with numbers.
static struct status last_number_before(struct store_txn *txn, uint64_t count, uint64_t to_ns,
                                        uint64_t *ret)
{
    uint64_t low = 0, high = count; // The answer lies in low .. high.
    while (low < high) {
        uint64_t middle = high - (high - low) / 2;
        struct ledger_transfer transfer;
        RETURN_IF_ERROR(get_transfer(txn, middle, &transfer));
        if (transfer.created_at_ns < to_ns)
            low = middle;
        else
            high = middle - 1;
    }
    *ret = low;
    return STATUS_SUCCESS;
}

static struct status list_all(struct store_txn *txn, const struct ledger_history_query *query,
                              struct filling *filling)
{
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    uint64_t number = state.transfer_count;
    if (query->before_number > 0 && query->before_number <= number)
        number = query->before_number - 1;
    else if (query->to_ns != 0)
        RETURN_IF_ERROR(last_number_before(txn, number, query->to_ns, &number));
    for (; number > 0; number--) {
        struct ledger_transfer transfer;
        RETURN_IF_ERROR(get_transfer(txn, number, &transfer));
        if (!take_transfer(filling, &transfer, false)) break;
    }
    return STATUS_SUCCESS;
}

// ---- One owner's --------------------------------------------------------------------------------

/// Where one of the owner's accounts stands in the merge; number 0: at its end.
struct strand {
    struct id128 account_id;
    uint64_t number;
};

struct merge {
    struct strand strands[LEDGER_MERGED_ACCOUNTS_MAX];
    size_t count;
};

static struct status open_strands(struct store_txn *txn, struct id128 owner_id,
                                  const struct ledger_history_query *query, struct merge *ret)
{
    CLEANUP(ledger_account_walk_close) struct ledger_account_walk walk = {0};
    ledger_account_walk_open(txn, &owner_id, 0, &walk);
    struct ledger_account account;
    struct status status;
    while (status_ok(status = ledger_account_walk_next(&walk, &account))) {
        struct ledger_transfer newest;
        enum ledger_side side;
        struct status found = find_begin(txn, &account, query, &newest, &side);
        if (found.code == STATUS_NOT_FOUND) continue;
        RETURN_IF_ERROR(found);
        if (ret->count == LEDGER_MERGED_ACCOUNTS_MAX)
            return REFUSE(INVALID_ARGUMENT, TOO_MANY_ACCOUNTS,
                          "list the transfers of one account at a time");
        ret->strands[ret->count++] = (struct strand){account.id, newest.number};
    }
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

static uint64_t newest_number(const struct merge *merge)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < merge->count; i++) {
        if (merge->strands[i].number > newest) newest = merge->strands[i].number;
    }
    return newest;
}

/// A transfer between two of the owner's accounts stands on two strands, and is shown once.
static struct status step_strands(struct merge *merge, const struct ledger_transfer *transfer)
{
    for (size_t i = 0; i < merge->count; i++) {
        struct strand *strand = &merge->strands[i];
        enum ledger_side side;
        if (strand->number != transfer->number) continue;
        RETURN_IF_ERROR(ledger_transfer_side(transfer, strand->account_id, &side));
        strand->number = transfer->entry[side].previous;
    }
    return STATUS_SUCCESS;
}

static struct status list_owned(struct store_txn *txn, struct arena *arena, struct id128 owner_id,
                                const struct ledger_history_query *query, struct filling *filling)
{
    struct merge *merge = arena_alloc(arena, sizeof *merge);
    if (merge == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(open_strands(txn, owner_id, query, merge));
    for (uint64_t number; (number = newest_number(merge)) > 0;) {
        struct ledger_transfer transfer;
        RETURN_IF_ERROR(get_transfer(txn, number, &transfer));
        if (!take_transfer(filling, &transfer, false)) break;
        RETURN_IF_ERROR(step_strands(merge, &transfer));
    }
    return STATUS_SUCCESS;
}

struct status ledger_service_list_transfers(struct store_txn *txn, struct arena *arena,
                                            const struct id128 *owner_id,
                                            const struct ledger_history_query *query,
                                            struct ledger_page *ret)
{
    struct filling filling;
    RETURN_IF_ERROR(open_page(arena, query, ret, &filling));
    return owner_id != NULL ? list_owned(txn, arena, *owner_id, query, &filling)
                            : list_all(txn, query, &filling);
}

// ---- One group's --------------------------------------------------------------------------------

static struct status touches_own_account(struct store_txn *txn, const struct ledger_caller *caller,
                                         const struct ledger_transfer *transfer, bool *ret)
{
    *ret = caller->is_any;
    for (enum ledger_side side = 0; side < LEDGER_SIDES && !*ret; side++) {
        struct ledger_account account;
        RETURN_IF_ERROR(ledger_store_get_account(txn, transfer->account_id[side], &account));
        *ret = status_ok(ledger_caller_may_touch(caller, account.owner_id));
    }
    return STATUS_SUCCESS;
}

/// Pages after the first name the member that they begin with; any other number begins at none.
static struct status first_member(struct store_txn *txn, struct id128 group_id,
                                  uint64_t before_number, uint64_t *ret)
{
    struct ledger_group group;
    struct ledger_transfer transfer;
    RETURN_IF_ERROR(ledger_store_get_group(txn, group_id, &group));
    *ret = group.last;
    if (before_number == 0 || group.last == 0) return STATUS_SUCCESS;
    *ret = 0;
    if (before_number - 1 > group.last || before_number == 1) return STATUS_SUCCESS;
    RETURN_IF_ERROR(get_transfer(txn, before_number - 1, &transfer));
    if (id128_equal(transfer.group_id, group_id)) *ret = transfer.number;
    return STATUS_SUCCESS;
}

struct status ledger_service_list_group(struct store_txn *txn, struct arena *arena,
                                        const struct ledger_caller *caller, struct id128 group_id,
                                        const struct ledger_history_query *query,
                                        struct ledger_page *ret)
{
    struct filling filling;
    uint64_t number;
    RETURN_IF_ERROR(open_page(arena, query, ret, &filling));
    RETURN_IF_ERROR(first_member(txn, group_id, query->before_number, &number));
    while (number > 0) {
        struct ledger_transfer transfer;
        bool is_seen;
        RETURN_IF_ERROR(get_transfer(txn, number, &transfer));
        RETURN_IF_ERROR(touches_own_account(txn, caller, &transfer, &is_seen));
        if (!take_transfer(&filling, &transfer, !is_seen)) break;
        number = transfer.group_previous;
    }
    return STATUS_SUCCESS;
}

// ---- At a time ----------------------------------------------------------------------------------

struct status ledger_service_account_at(const struct ledger_service *service, struct store_txn *txn,
                                        uint64_t at_ns, uint64_t now_ns,
                                        struct ledger_account *account)
{
    uint64_t settled_ns, entry_count;
    struct ledger_totals totals;
    if (at_ns < account->created_at_ns)
        return REFUSE(NOT_FOUND, ACCOUNT_NOT_FOUND, "the account was opened after that time");
    RETURN_IF_ERROR(ledger_store_settled(service->ledger, txn, now_ns, &settled_ns));
    if (at_ns > settled_ns) {
        return REFUSE(UNAVAILABLE, NOT_SETTLED,
                      "what is being written now may still belong to that time; ask again");
    }
    RETURN_IF_ERROR(ledger_search_totals(txn, account, at_ns, &totals, &entry_count));
    RETURN_IF_ERROR(ledger_store_settings_at(txn, at_ns, account));
    account->totals = totals;
    account->head = (struct ledger_head){.entry_count = entry_count};
    return STATUS_SUCCESS;
}
