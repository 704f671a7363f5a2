#include "services/ledger/statement.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/statement_text.h"

// A history is a list that leads backwards, a statement is read forwards: so it is read in strides,
// each found by one search and walked back to where it begins.
enum { STRIDE = 256 };

/// The account's entries in the period, by index; empty when first > last.
struct span {
    uint64_t first, last;
};

struct reading {
    struct store_txn *txn;
    struct arena *arena;
    struct ledger_statement *statement;
    struct span span;
    struct ledger_statement_entry *stride; // Room for STRIDE, filled from its end.
    size_t room;                           // For statement->entries.
    bool is_whole;
};

// ---- Period and balances ------------------------------------------------------------------------

static struct status settle_period(const struct ledger_statement_query *query,
                                   struct ledger_statement *statement)
{
    CHECK(query->settled_ns < UINT64_MAX);
    bool is_open = query->to_ns == 0 || query->to_ns > query->settled_ns;
    statement->to_ns = is_open ? query->settled_ns + 1 : query->to_ns;
    statement->from_ns = query->from_ns != 0 ? query->from_ns : statement->account->created_at_ns;
    if (statement->from_ns < statement->to_ns) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, PERIOD_INVALID,
                  "a statement's period begins before it ends, and not in the future");
}

/// What held just before a time.
static struct status totals_before(struct store_txn *txn, const struct ledger_account *account,
                                   uint64_t ns, struct ledger_totals *ret, uint64_t *ret_index)
{
    *ret = (struct ledger_totals){0};
    *ret_index = 0;
    if (ns == 0) return STATUS_SUCCESS;
    return ledger_search_totals(txn, account, ns - 1, ret, ret_index);
}

static struct status read_balances(struct store_txn *txn, struct ledger_statement *statement,
                                   struct span *ret)
{
    const struct ledger_account *account = statement->account;
    struct ledger_totals opening, closing;
    uint64_t before, last;
    RETURN_IF_ERROR(totals_before(txn, account, statement->from_ns, &opening, &before));
    RETURN_IF_ERROR(totals_before(txn, account, statement->to_ns, &closing, &last));
    if (before > last || opening.debits_posted > closing.debits_posted ||
        opening.credits_posted > closing.credits_posted)
        return REFUSE(DATA_LOSS, HISTORY_MISMATCH, "an account's totals fall along its history");

    statement->opening_balance = ledger_balance_posted(account->class, &opening);
    statement->closing_balance = ledger_balance_posted(account->class, &closing);
    statement->total_debits = closing.debits_posted - opening.debits_posted;
    statement->total_credits = closing.credits_posted - opening.credits_posted;
    *ret = (struct span){before + 1, last};
    return STATUS_SUCCESS;
}

// ---- Entries ------------------------------------------------------------------------------------

static void take_entry(const struct ledger_account *account, const struct ledger_transfer *transfer,
                       enum ledger_side side, struct ledger_statement_entry *ret)
{
    const struct ledger_entry *entry = &transfer->entry[side];
    enum ledger_side other = side == LEDGER_DEBIT ? LEDGER_CREDIT : LEDGER_DEBIT;
    *ret = (struct ledger_statement_entry){
        .transfer_id = transfer->id,
        .counterparty_account_id = transfer->account_id[other],
        .side = side,
        .kind = transfer->kind,
        .code = transfer->code,
        .amount = transfer->amount,
        .balance_after = ledger_balance_posted(account->class, &entry->after),
        .booked_at_ns = transfer->created_at_ns,
        .effective_at_ns =
            transfer->effective_at_ns != 0 ? transfer->effective_at_ns : transfer->created_at_ns,
        .description = transfer->description,
        .number = transfer->number,
        .index = entry->index,
    };
}

/// Reads the entries first .. last; *ret points to the booked ones.
static struct status read_stride(struct reading *reading, uint64_t first, uint64_t last,
                                 struct ledger_statement_entry **ret, size_t *ret_count)
{
    CHECK(first <= last && last - first < STRIDE);
    const struct ledger_account *account = reading->statement->account;
    struct ledger_transfer transfer;
    enum ledger_side side;
    size_t free_slots = STRIDE;
    RETURN_IF_ERROR(ledger_search(reading->txn, account, LEDGER_BY_INDEX, last, &transfer, &side));
    for (uint64_t index = last;; index--) {
        if (transfer.entry[side].index != index)
            return REFUSE(DATA_LOSS, HISTORY_MISMATCH, "a history's entries are not consecutive");
        if (ledger_kind_moves(transfer.kind))
            take_entry(account, &transfer, side, &reading->stride[--free_slots]);
        if (index == first) break;
        RETURN_IF_ERROR(ledger_search_step(reading->txn, account, &transfer, &side));
    }
    *ret = reading->stride + free_slots;
    *ret_count = STRIDE - free_slots;
    return STATUS_SUCCESS;
}

/// Adds entries until there is no room; true when all were added. next_index is the first one's
/// that was not.
static bool add_entries(struct reading *reading, const struct ledger_statement_entry *entries,
                        size_t count)
{
    struct ledger_statement *statement = reading->statement;
    for (size_t i = 0; i < count; i++) {
        if (statement->entry_count == reading->room) {
            statement->next_index = entries[i].index;
            return false;
        }
        statement->entries[statement->entry_count++] = entries[i];
        uint64_t *counter =
            entries[i].side == LEDGER_DEBIT ? &statement->debit_count : &statement->credit_count;
        (*counter)++;
    }
    return true;
}

static struct status read_entries(struct reading *reading, uint64_t start_index)
{
    struct ledger_statement *statement = reading->statement;
    uint64_t looked_at_max =
        reading->is_whole ? LEDGER_STATEMENT_LOOKED_AT_MAX : LEDGER_STATEMENT_PAGE_LOOKED_AT_MAX;
    uint64_t next = start_index, looked_at = 0;
    while (next <= reading->span.last && looked_at < looked_at_max) {
        uint64_t left = reading->span.last - next + 1;
        uint64_t length = left < STRIDE ? left : STRIDE;
        struct ledger_statement_entry *booked;
        size_t count;
        RETURN_IF_ERROR(read_stride(reading, next, next + length - 1, &booked, &count));
        if (!add_entries(reading, booked, count)) return STATUS_SUCCESS;
        looked_at += length;
        next += length;
    }
    statement->next_index = next <= reading->span.last ? next : 0;
    return STATUS_SUCCESS;
}

/// The entries of a whole statement are all that changed its balances.
static struct status check_whole(const struct ledger_statement *statement)
{
    u128 sum[LEDGER_SIDES] = {0};
    for (size_t i = 0; i < statement->entry_count; i++)
        sum[statement->entries[i].side] += statement->entries[i].amount;
    if (sum[LEDGER_DEBIT] == statement->total_debits &&
        sum[LEDGER_CREDIT] == statement->total_credits)
        return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, HISTORY_MISMATCH, "the entries do not add up to the balances");
}

static struct status open_reading(struct reading *reading, size_t size)
{
    uint64_t count = reading->span.last - reading->span.first + 1; // 0 when empty.
    reading->is_whole = size == 0;
    if (reading->is_whole && count > LEDGER_STATEMENT_LOOKED_AT_MAX)
        return ledger_statement_too_long();
    reading->room = reading->is_whole ? LEDGER_STATEMENT_ENTRIES_MAX : size;
    CHECK(reading->room <= LEDGER_STATEMENT_ENTRIES_MAX);
    if (reading->room > count) reading->room = (size_t)count;

    size_t entry_bytes = sizeof(struct ledger_statement_entry);
    reading->statement->entries = arena_alloc(reading->arena, reading->room * entry_bytes);
    reading->stride = arena_alloc(reading->arena, STRIDE * entry_bytes);
    if (reading->statement->entries == NULL || reading->stride == NULL)
        return ARENA_STATUS_EXHAUSTED;
    return STATUS_SUCCESS;
}

struct status ledger_statement_make(struct store_txn *txn, const struct ledger_account *account,
                                    const struct ledger_details *details,
                                    const struct ledger_statement_query *query, struct arena *arena,
                                    struct ledger_statement *ret)
{
    struct ledger_statement statement = {
        .account = account, .details = details, .made_at_ns = clock_wall_ns()};
    struct reading reading = {.txn = txn, .arena = arena, .statement = &statement};
    RETURN_IF_ERROR(settle_period(query, &statement));
    RETURN_IF_ERROR(read_balances(txn, &statement, &reading.span));

    uint64_t start_index = query->start_index != 0 ? query->start_index : reading.span.first;
    if (query->start_index != 0 &&
        (start_index < reading.span.first || start_index > reading.span.last))
        return REFUSE(INVALID_ARGUMENT, PAGE_TOKEN_INVALID,
                      "the page does not lie in the statement's period");
    RETURN_IF_ERROR(open_reading(&reading, query->size));
    RETURN_IF_ERROR(read_entries(&reading, start_index));
    if (reading.is_whole && start_index == reading.span.first) {
        if (statement.next_index != 0) return ledger_statement_too_long();
        RETURN_IF_ERROR(check_whole(&statement));
    }
    *ret = statement;
    return STATUS_SUCCESS;
}
