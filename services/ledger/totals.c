#include "services/ledger/totals.h"

#include "services/ledger/store_internal.h"

#include <stdlib.h>
#include <string.h>

/// An account that the replay has met: where its class is summed, and its totals after the newest
/// transfer so far.
struct met_account {
    struct id128 id; // Nil: a free place of the table.
    size_t row;
    struct ledger_totals totals;
};

/// Rows being gathered.
struct trial_builder {
    struct store_txn *txn;
    struct ledger_class_totals *rows;
    size_t row_count, row_room;
    struct met_account *met; // Open addressing; the room is a power of two.
    size_t met_count, met_room;
};

enum { MET_AT_FIRST = 64, ROWS_AT_FIRST = 16 };

static void close_builder(struct trial_builder *builder)
{
    free(builder->rows);
    free(builder->met);
    *builder = (struct trial_builder){0};
}

// ---- Rows ---------------------------------------------------------------------------------------

static void make_row_room(struct trial_builder *builder, size_t row_room)
{
    if (row_room <= builder->row_room) return;
    builder->rows = realloc(builder->rows, row_room * sizeof *builder->rows);
    CHECK(builder->rows != NULL);
    builder->row_room = row_room;
}

/// The index of a row, which is made when there is none.
static size_t find_row(struct trial_builder *builder, const char *currency, enum ledger_class class)
{
    for (size_t i = 0; i < builder->row_count; i++) {
        const struct ledger_class_totals *row = &builder->rows[i];
        if (row->class == class && strcmp(row->currency, currency) == 0) return i;
    }
    if (builder->row_count == builder->row_room)
        make_row_room(builder, builder->row_room > 0 ? builder->row_room * 2 : ROWS_AT_FIRST);
    struct ledger_class_totals *row = &builder->rows[builder->row_count];
    *row = (struct ledger_class_totals){.class = class};
    memcpy(row->currency, currency, sizeof row->currency);
    return builder->row_count++;
}

static int compare_rows(const void *a, const void *b)
{
    const struct ledger_class_totals *left = a, *right = b;
    int order = strcmp(left->currency, right->currency);
    return order != 0 ? order : (left->class > right->class) - (left->class < right->class);
}

static void sort_rows(struct trial_builder *builder)
{
    if (builder->row_count > 0)
        qsort(builder->rows, builder->row_count, sizeof *builder->rows, compare_rows);
}

static struct status give_rows(const struct trial_builder *builder, struct arena *arena,
                               struct ledger_trial *ret)
{
    size_t size = builder->row_count * sizeof *builder->rows;
    struct ledger_class_totals *rows = arena_alloc(arena, size);
    if (rows == NULL) return ARENA_STATUS_EXHAUSTED;
    if (size > 0) memcpy(rows, builder->rows, size);
    *ret = (struct ledger_trial){.rows = rows, .row_count = builder->row_count};
    return STATUS_SUCCESS;
}

// ---- Now ----------------------------------------------------------------------------------------

struct status ledger_totals_add(struct store_txn *txn, const char *currency,
                                enum ledger_class class, const struct ledger_totals *change)
{
    static const struct ledger_totals zeros;
    uint8_t key_bytes[LEDGER_TOTALS_KEY_BYTES], record[LEDGER_TOTALS_BYTES];
    ledger_totals_key_encode(currency, class, key_bytes);
    struct bytes key = bytes_of(key_bytes, sizeof key_bytes), value;
    struct ledger_totals totals = zeros;
    struct status status = store_get(txn, LEDGER_TABLE_TOTALS, key, &value);
    if (status_ok(status)) status = ledger_totals_decode(value, &totals);
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    ledger_totals_difference(&totals, change, &zeros);
    size_t size = ledger_totals_encode(&totals, record);
    store_put(txn, LEDGER_TABLE_TOTALS, key, bytes_of(record, size));
    return STATUS_SUCCESS;
}

static struct status read_rows(struct trial_builder *builder)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(builder->txn, LEDGER_TABLE_TOTALS, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor)) {
        char currency[LEDGER_CURRENCY_BYTES];
        enum ledger_class class;
        if (!ledger_totals_key_decode(cursor.key, currency, &class))
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a key of running totals fails its checks");
        size_t row = find_row(builder, currency, class);
        RETURN_IF_ERROR(ledger_totals_decode(cursor.value, &builder->rows[row].totals));
    }
    return STATUS_SUCCESS;
}

struct status ledger_totals_now(struct store_txn *txn, struct arena *arena,
                                struct ledger_trial *ret)
{
    CLEANUP(close_builder) struct trial_builder builder = {.txn = txn};
    RETURN_IF_ERROR(read_rows(&builder));
    sort_rows(&builder);
    return give_rows(&builder, arena, ret);
}

// ---- Checkpoints --------------------------------------------------------------------------------

static struct status decode_checkpoint(struct trial_builder *builder, struct bytes value,
                                       uint64_t *ret_number)
{
    // No row is shorter than its key and four empty totals.
    make_row_room(builder, value.size / (LEDGER_TOTALS_KEY_BYTES + 4) + 1);
    return ledger_checkpoint_decode(value, ret_number, builder->rows, builder->row_room,
                                    &builder->row_count);
}

static struct status newest_checkpoint(struct store_txn *txn, uint64_t *ret_number)
{
    CLEANUP(close_builder) struct trial_builder builder = {.txn = txn};
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(txn, LEDGER_TABLE_CHECKPOINTS, &cursor);
    *ret_number = 0;
    return store_cursor_last(&cursor) ? decode_checkpoint(&builder, cursor.value, ret_number)
                                      : STATUS_SUCCESS;
}

static struct status write_checkpoint(struct store_txn *txn, const struct ledger_state *state)
{
    CLEANUP(close_builder) struct trial_builder builder = {.txn = txn};
    RETURN_IF_ERROR(read_rows(&builder));
    if (builder.row_count > LEDGER_CHECKPOINT_ROWS_MAX) return STATUS_SUCCESS; // Reads go further.
    sort_rows(&builder);
    uint8_t *record = malloc(ledger_checkpoint_bytes(builder.row_count));
    CHECK(record != NULL);
    size_t size =
        ledger_checkpoint_encode(state->transfer_count, builder.rows, builder.row_count, record);
    store_append(txn, LEDGER_TABLE_CHECKPOINTS, LEDGER_NUMBER_KEY(state->last_time_ns),
                 bytes_of(record, size));
    free(record);
    return STATUS_SUCCESS;
}

struct status ledger_totals_checkpoint(struct store_txn *txn)
{
    struct ledger_store *ledger = ledger_store_of(txn);
    CHECK(ledger != NULL);
    if (!ledger->checkpoint_is_known)
        RETURN_IF_ERROR(newest_checkpoint(txn, &ledger->checkpoint_number));
    ledger->checkpoint_is_known = true;
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    if (state.transfer_count < ledger->checkpoint_number + LEDGER_CHECKPOINT_TRANSFERS)
        return STATUS_SUCCESS;
    ledger->checkpoint_number = state.transfer_count;
    return write_checkpoint(txn, &state);
}

// ---- At a time ----------------------------------------------------------------------------------

static struct met_account *met_place(struct met_account *met, size_t room, struct id128 id)
{
    uint64_t mixed =
        get_u64_be(id.bytes) ^ (get_u64_be(id.bytes + 8) * UINT64_C(0x9e3779b97f4a7c15));
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xbf58476d1ce4e5b9);
    size_t at = (size_t)(mixed ^ (mixed >> 32)) & (room - 1);
    while (!id128_is_nil(met[at].id) && !id128_equal(met[at].id, id))
        at = (at + 1) & (room - 1);
    return &met[at];
}

static void grow_met(struct trial_builder *builder)
{
    size_t room = builder->met_room > 0 ? builder->met_room * 2 : MET_AT_FIRST;
    struct met_account *met = calloc(room, sizeof *met);
    CHECK(met != NULL);
    for (size_t i = 0; i < builder->met_room; i++) {
        const struct met_account *old = &builder->met[i];
        if (!id128_is_nil(old->id)) *met_place(met, room, old->id) = *old;
    }
    free(builder->met);
    builder->met = met;
    builder->met_room = room;
}

/// Fills in an account that is met for the first time: as it was before this transfer.
static struct status meet(struct trial_builder *builder, const struct ledger_transfer *transfer,
                          enum ledger_side side, struct met_account *ret)
{
    struct id128 id = transfer->account_id[side];
    struct ledger_account account;
    struct status status = ledger_store_get_account(builder->txn, id, &account);
    if (status.code == STATUS_NOT_FOUND)
        return REFUSE(DATA_LOSS, MISSING_ACCOUNT, "a transfer names an account that is missing");
    RETURN_IF_ERROR(status);
    struct ledger_totals before = {0};
    uint64_t previous = transfer->entry[side].previous;
    if (previous != 0) {
        struct ledger_transfer earlier;
        enum ledger_side earlier_side;
        status = ledger_store_get_transfer(builder->txn, NULL, previous, &earlier);
        if (status.code == STATUS_NOT_FOUND)
            return REFUSE(DATA_LOSS, MISSING_TRANSFER,
                          "a history leads to a transfer that is missing");
        RETURN_IF_ERROR(status);
        RETURN_IF_ERROR(ledger_transfer_side(&earlier, id, &earlier_side));
        before = earlier.entry[earlier_side].after;
    }
    *ret = (struct met_account){
        .id = id, .row = find_row(builder, account.currency, account.class), .totals = before};
    return STATUS_SUCCESS;
}

/// Adds what a transfer did to one account: its totals after it less those after its entry before.
/// That is exact whatever the kind. From kinds and amounts it could not be told: what a final POST
/// or a VOID releases depends on what was captured before it.
static struct status replay_side(struct trial_builder *builder,
                                 const struct ledger_transfer *transfer, enum ledger_side side)
{
    if (builder->met_count * 2 >= builder->met_room) grow_met(builder);
    struct met_account *met =
        met_place(builder->met, builder->met_room, transfer->account_id[side]);
    if (id128_is_nil(met->id)) {
        RETURN_IF_ERROR(meet(builder, transfer, side, met));
        builder->met_count++;
    }
    const struct ledger_totals *after = &transfer->entry[side].after;
    ledger_totals_difference(&builder->rows[met->row].totals, after, &met->totals);
    met->totals = *after;
    return STATUS_SUCCESS;
}

/// Replays the transfers behind a number up to a time.
static struct status replay(struct trial_builder *builder, uint64_t after_number, uint64_t at_ns)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(builder->txn, LEDGER_TABLE_TRANSFERS, &cursor);
    uint64_t number = after_number + 1;
    for (bool has = store_cursor_seek(&cursor, LEDGER_NUMBER_KEY(number)); has;
         has = store_cursor_next(&cursor), number++) {
        struct ledger_transfer transfer;
        if (!bytes_equal(cursor.key, LEDGER_NUMBER_KEY(number)))
            return REFUSE(DATA_LOSS, SEQUENCE_GAP, "a transfer is missing from the log");
        RETURN_IF_ERROR(ledger_transfer_decode(number, cursor.value, &transfer));
        if (transfer.created_at_ns > at_ns) break;
        RETURN_IF_ERROR(replay_side(builder, &transfer, LEDGER_DEBIT));
        RETURN_IF_ERROR(replay_side(builder, &transfer, LEDGER_CREDIT));
    }
    return STATUS_SUCCESS;
}

/// The newest checkpoint at or before a time; without one, nothing and number 0.
static struct status begin_at_checkpoint(struct trial_builder *builder, uint64_t at_ns,
                                         uint64_t *ret_number)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(builder->txn, LEDGER_TABLE_CHECKPOINTS, &cursor);
    *ret_number = 0;
    bool found = at_ns == UINT64_MAX
                     ? store_cursor_last(&cursor)
                     : store_cursor_seek_before(&cursor, LEDGER_NUMBER_KEY(at_ns + 1));
    return found ? decode_checkpoint(builder, cursor.value, ret_number) : STATUS_SUCCESS;
}

struct status ledger_totals_at(struct store_txn *txn, struct arena *arena, uint64_t at_ns,
                               struct ledger_trial *ret)
{
    CLEANUP(close_builder) struct trial_builder builder = {.txn = txn};
    uint64_t number;
    RETURN_IF_ERROR(begin_at_checkpoint(&builder, at_ns, &number));
    RETURN_IF_ERROR(replay(&builder, number, at_ns));
    sort_rows(&builder);
    return give_rows(&builder, arena, ret);
}

// ---- Migration ----------------------------------------------------------------------------------

static struct status sum_accounts(struct trial_builder *builder)
{
    static const struct ledger_totals zeros;
    CLEANUP(store_cursor_close) struct store_cursor cursor = {0};
    store_cursor_open(builder->txn, LEDGER_TABLE_ACCOUNTS, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor)) {
        struct ledger_account account;
        if (cursor.key.size != ID128_BYTES)
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a key of an account fails its checks");
        RETURN_IF_ERROR(ledger_account_decode(id128_of(cursor.key.data), cursor.value, &account));
        if (account.head.entry_count == 0) continue;
        size_t row = find_row(builder, account.currency, account.class);
        ledger_totals_difference(&builder->rows[row].totals, &account.totals, &zeros);
    }
    return STATUS_SUCCESS;
}

struct status ledger_totals_rebuild(struct store_txn *txn)
{
    CLEANUP(close_builder) struct trial_builder builder = {.txn = txn};
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    RETURN_IF_ERROR(sum_accounts(&builder));
    for (size_t i = 0; i < builder.row_count; i++) {
        const struct ledger_class_totals *row = &builder.rows[i];
        RETURN_IF_ERROR(ledger_totals_add(txn, row->currency, row->class, &row->totals));
    }
    return state.transfer_count > 0 ? write_checkpoint(txn, &state) : STATUS_SUCCESS;
}
