#include "tests/unit/ledger/books.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/history.h"
#include "tests/unit/support/unit.h"

// ---- Accounts -----------------------------------------------------------------------------------

/// The next ledger time, as the ledger gives it out.
static uint64_t next_time(struct store_txn *txn, uint64_t wall_ns, const struct ledger_state *state)
{
    uint64_t earliest_ns = ledger_store_mark_writing(txn);
    if (wall_ns == 0) wall_ns = clock_wall_ns();
    return ledger_time_next(wall_ns < earliest_ns ? earliest_ns : wall_ns, state->last_time_ns);
}

void books_add_account(struct store_txn *txn, struct ledger_account *account)
{
    static const struct ledger_details no_details;
    struct ledger_state state;
    CHECK(status_ok(ledger_store_get_state(txn, &state)));
    state.last_time_ns = next_time(txn, 0, &state);
    account->number = ++state.account_count;
    account->created_at_ns = account->changed_at_ns = state.last_time_ns;
    ledger_store_add_account(txn, account, &no_details);
    ledger_store_put_state(txn, &state);
}

// ---- Postings -----------------------------------------------------------------------------------

struct id128 books_transfer_id(uint64_t number)
{
    struct id128 id = {{0x7f}};
    put_u64_be(id.bytes + 8, number);
    return id;
}

void books_change(const struct books_posting *posting, u128 *ret_pending, u128 *ret_posted)
{
    bool is_hold = posting->kind == LEDGER_TRANSFER_PENDING;
    bool is_release =
        posting->kind == LEDGER_TRANSFER_VOID || posting->kind == LEDGER_TRANSFER_EXPIRY;
    *ret_pending = (is_hold ? posting->amount : 0) - posting->released;
    *ret_posted = is_hold || is_release ? 0 : posting->amount;
}

static struct status push_entry(struct store_txn *txn, struct ledger_account *account,
                                enum ledger_side side, struct ledger_transfer *transfer)
{
    uint64_t *chain = account->head.chain;
    size_t wanted = ledger_history_wanted(&account->head);
    for (size_t i = 1; i < wanted; i++) {
        if (chain[i] != 0) continue;
        struct ledger_transfer earlier;
        enum ledger_side earlier_side;
        RETURN_IF_ERROR(ledger_store_get_transfer(txn, NULL, chain[i - 1], &earlier));
        RETURN_IF_ERROR(ledger_transfer_side(&earlier, account->id, &earlier_side));
        chain[i] = earlier.entry[earlier_side].jump;
    }
    transfer->entry[side].after = account->totals;
    ledger_history_push(&account->head, transfer->number, &transfer->entry[side]);
    return STATUS_SUCCESS;
}

struct status books_prepare(struct store_txn *txn, const struct books_posting *posting,
                            struct ledger_state *state,
                            struct ledger_account account[static LEDGER_SIDES],
                            struct ledger_transfer *ret)
{
    const uint8_t names[LEDGER_SIDES] = {posting->debit, posting->credit};
    u128 pending, posted;
    books_change(posting, &pending, &posted);
    *ret = (struct ledger_transfer){.kind = posting->kind,
                                    .amount = posting->amount,
                                    .number = ++state->transfer_count,
                                    .created_at_ns = state->last_time_ns,
                                    .subject_number = posting->subject,
                                    .code = posting->code,
                                    .effective_at_ns = posting->effective_at_ns};
    ret->id = books_transfer_id(ret->number);
    if (posting->subject > 0) ret->subject_id = books_transfer_id(posting->subject);
    if (posting->description != NULL) ret->description = bytes_of_text(posting->description);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        RETURN_IF_ERROR(ledger_store_get_account(txn, id_of(names[side]), &account[side]));
        struct ledger_totals *totals = &account[side].totals;
        *(side == LEDGER_DEBIT ? &totals->debits_pending : &totals->credits_pending) += pending;
        *(side == LEDGER_DEBIT ? &totals->debits_posted : &totals->credits_posted) += posted;
        ret->account_id[side] = account[side].id;
        account[side].changed_at_ns = state->last_time_ns;
        RETURN_IF_ERROR(push_entry(txn, &account[side], side, ret));
    }
    memcpy(ret->currency, account[LEDGER_DEBIT].currency, sizeof ret->currency);
    return STATUS_SUCCESS;
}

struct status books_post(struct store_txn *txn, const struct books_posting *posting,
                         struct ledger_transfer *ret)
{
    struct ledger_state state;
    struct ledger_account account[LEDGER_SIDES];
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    state.last_time_ns = next_time(txn, posting->wall_ns, &state);
    RETURN_IF_ERROR(books_prepare(txn, posting, &state, account, ret));
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        ledger_store_put_account(txn, &account[side]);
    ledger_store_append_transfer(txn, ret);
    ledger_store_put_state(txn, &state);
    return STATUS_SUCCESS;
}

// ---- Rows ---------------------------------------------------------------------------------------

struct bytes raw_number_key(uint64_t number)
{
    static uint8_t key[8];
    put_u64_be(key, number);
    return bytes_of(key, sizeof key);
}

void raw_put_transfer(struct store_txn *txn, const struct ledger_transfer *transfer)
{
    static uint8_t record[LEDGER_TRANSFER_BYTES_MAX];
    size_t size = ledger_transfer_encode(transfer, record);
    store_put(txn, LEDGER_TABLE_TRANSFERS, raw_number_key(transfer->number),
              bytes_of(record, size));
}

void raw_put_account(struct store_txn *txn, const struct ledger_account *account)
{
    uint8_t record[LEDGER_ACCOUNT_BYTES]; // Past the conservation check, which would stop us.
    ledger_account_encode(account, record);
    store_put(txn, LEDGER_TABLE_ACCOUNTS, id128_bytes(&account->id),
              bytes_of(record, sizeof record));
}

/// A copy of the first row's key: writing may move what it points to.
static struct bytes first_key(struct store_txn *txn, uint8_t table)
{
    static uint8_t key[STORE_KEY_BYTES_MAX];
    struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    assert_true(store_cursor_first(&cursor));
    size_t size = cursor.key.size;
    memcpy(key, cursor.key.data, size);
    store_cursor_close(&cursor);
    return bytes_of(key, size);
}

void raw_break_first(struct store_txn *txn, uint8_t table)
{
    store_put(txn, table, first_key(txn, table), bytes_of_text("?"));
}

void raw_lose_first(struct store_txn *txn, uint8_t table)
{
    store_delete(txn, table, first_key(txn, table));
}
