// The log of transfers: numbers, times, ids, each account's history and totals, checkpoints.
#include "common/base/check.h"
#include "services/ledger/verify_parts.h"

#include <stdlib.h>
#include <string.h>

// ---- Checkpoints --------------------------------------------------------------------------------

static void decode_checkpoint(struct verifier *verifier, struct bytes value)
{
    enum { ROW_BYTES_MIN = LEDGER_TOTALS_KEY_BYTES + 4 };

    size_t room = value.size / ROW_BYTES_MIN + 1;
    if (room > verifier->checkpoint_room) {
        verifier->checkpoint = realloc(verifier->checkpoint, room * sizeof *verifier->checkpoint);
        CHECK(verifier->checkpoint != NULL);
        verifier->checkpoint_room = room;
    }
    struct status status = ledger_checkpoint_decode(
        value, &verifier->next_checkpoint, verifier->checkpoint, room, &verifier->checkpoint_count);
    if (status_ok(status)) return;
    verify_find(verifier, "RECORD_CORRUPT", "checkpoints", ID128_NIL,
                "the one of %ju ns cannot be read", (uintmax_t)verifier->next_checkpoint_ns);
    verifier->last_checkpoint_ns = verifier->next_checkpoint_ns;
    verifier->next_checkpoint = UINT64_MAX;
}

/// A checkpoint is written with the transfers that it follows, so a snapshot that shows those shows
/// it too.
static void find_checkpoint(struct verifier *verifier, struct store_txn *txn)
{
    uint8_t key[8];
    verifier->next_checkpoint = UINT64_MAX;
    put_u64_be(key, verifier->last_checkpoint_ns + 1);
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_CHECKPOINTS, &cursor);
    for (bool has_row = store_cursor_seek(&cursor, bytes_of(key, sizeof key));
         has_row && verifier->next_checkpoint == UINT64_MAX; has_row = store_cursor_next(&cursor)) {
        CHECK(cursor.key.size == sizeof key); // Only store.c writes here, with such keys.
        verifier->next_checkpoint_ns = get_u64_be(cursor.key.data);
        decode_checkpoint(verifier, cursor.value);
    }
    store_cursor_close(&cursor);
}

static bool checkpoint_is_right(const struct verifier *verifier)
{
    size_t count_in_log = 0, count_in_row = 0;
    for (size_t i = 0; i < verifier->checkpoint_count; i++) {
        const struct ledger_class_totals *row = &verifier->checkpoint[i];
        struct ledger_totals computed = verify_class_totals(verifier, row->currency, row->class);
        if (!verify_totals_equal(&row->totals, &computed)) return false;
        count_in_row += !verify_totals_equal(&computed, &(struct ledger_totals){0});
    }
    for (size_t i = 0; i < verifier->class_count; i++)
        count_in_log +=
            !verify_totals_equal(&verifier->classes[i].totals, &(struct ledger_totals){0});
    return count_in_log == count_in_row;
}

/// Looks at every checkpoint that the log has come to.
static void verify_checkpoints(struct verifier *verifier, struct store_txn *txn)
{
    while (verifier->next_checkpoint <= verifier->last_number) {
        bool is_in_order = verifier->next_checkpoint == verifier->last_number &&
                           verifier->next_checkpoint_ns >= verifier->last_time_ns;
        if (!is_in_order || !checkpoint_is_right(verifier))
            verify_find(verifier, "TOTALS_MISMATCH", "checkpoints", ID128_NIL,
                        "the one of %ju ns, after number %ju, is not the sum of the transfers",
                        (uintmax_t)verifier->next_checkpoint_ns,
                        (uintmax_t)verifier->next_checkpoint);
        verifier->last_checkpoint_ns = verifier->next_checkpoint_ns;
        find_checkpoint(verifier, txn);
    }
}

// ---- Transfers ----------------------------------------------------------------------------------

/// What a transfer changes an account's totals by, modulo 2^128.
static struct ledger_totals change_of(const struct ledger_transfer *transfer, u128 released,
                                      enum ledger_side side)
{
    static const struct {
        bool holds, moves;
    } effects[LEDGER_TRANSFER_KIND_END] = {
        [LEDGER_TRANSFER_POSTED] = {.moves = true},   [LEDGER_TRANSFER_PENDING] = {.holds = true},
        [LEDGER_TRANSFER_POST] = {.moves = true},     [LEDGER_TRANSFER_VOID] = {0},
        [LEDGER_TRANSFER_REVERSAL] = {.moves = true}, [LEDGER_TRANSFER_EXPIRY] = {0},
    };

    u128 pending = effects[transfer->kind].holds ? transfer->amount : -released;
    u128 posted = effects[transfer->kind].moves ? transfer->amount : 0;
    if (side == LEDGER_DEBIT)
        return (struct ledger_totals){.debits_pending = pending, .debits_posted = posted};
    return (struct ledger_totals){.credits_pending = pending, .credits_posted = posted};
}

static void verify_totals_after(struct verifier *verifier, const struct ledger_transfer *transfer,
                                const char *side_name, const struct ledger_totals *after,
                                struct verify_book *book)
{
    struct ledger_totals expected = book->totals;
    if (book->drift != NULL) verify_totals_add(&expected, book->drift);
    if (verify_totals_equal(after, &expected)) return;
    verify_find(verifier, "HISTORY_MISMATCH", "transfers", transfer->id,
                "number %ju: the %s account's totals after it are not the sum of its transfers",
                (uintmax_t)transfer->number, side_name);
    if (book->drift == NULL) book->drift = malloc(sizeof *book->drift);
    CHECK(book->drift != NULL);
    *book->drift = *after;
    verify_totals_subtract(book->drift, &book->totals);
}

static void verify_side(struct verifier *verifier, struct store_txn *txn,
                        const struct ledger_transfer *transfer, u128 released,
                        enum ledger_side side)
{
    struct verify_book *book =
        verify_open_book(verifier, txn, transfer->account_id[side], transfer->currency);
    if (strcmp(book->currency, transfer->currency) != 0)
        verify_find(verifier, "CURRENCY_MISMATCH", "transfers", transfer->id,
                    "in %s, the account in %s", transfer->currency, book->currency);

    struct ledger_totals change = change_of(transfer, released, side);
    verify_totals_add(&book->totals, &change);
    verify_totals_add(&verifier->classes[book->class_index].totals, &change);

    uint64_t previous, jump;
    verify_push_entry(book, transfer->number, &previous, &jump);
    const struct ledger_entry *entry = &transfer->entry[side];
    const char *side_name = side == LEDGER_DEBIT ? "debit" : "credit";
    if (entry->index != book->entry_count || entry->previous != previous || entry->jump != jump)
        verify_find(
            verifier, "HISTORY_BROKEN", "transfers", transfer->id,
            "number %ju, %s side: entry %ju after %ju, jump %ju; must be %ju after %ju, jump %ju",
            (uintmax_t)transfer->number, side_name, (uintmax_t)entry->index,
            (uintmax_t)entry->previous, (uintmax_t)entry->jump, (uintmax_t)book->entry_count,
            (uintmax_t)previous, (uintmax_t)jump);
    verify_totals_after(verifier, transfer, side_name, &entry->after, book);
}

static void verify_place(struct verifier *verifier, const struct ledger_transfer *transfer)
{
    if (transfer->created_at_ns <= verifier->last_time_ns)
        verify_find(verifier, "TIME_NOT_RISING", "transfers", transfer->id,
                    "number %ju is not later than the one before", (uintmax_t)transfer->number);
    if (transfer->created_at_ns <= verifier->last_checkpoint_ns)
        verify_find(verifier, "TOTALS_MISMATCH", "transfers", transfer->id,
                    "number %ju is not later than the checkpoint before it",
                    (uintmax_t)transfer->number);
    verifier->last_time_ns = transfer->created_at_ns;
    if (!id128_is_nil(transfer->group_id)) verifier->grouped_count++;
}

static void verify_transfer(struct verifier *verifier, struct store_txn *txn, uint64_t number,
                            struct bytes value)
{
    if (number != verifier->last_number + 1)
        verify_find(verifier, "SEQUENCE_GAP", "transfers", ID128_NIL,
                    "no transfers from %ju to %ju", (uintmax_t)verifier->last_number + 1,
                    (uintmax_t)number - 1);
    verifier->last_number = number;
    verifier->result->transfers++;

    struct ledger_transfer transfer;
    if (!status_ok(ledger_transfer_decode(number, value, &transfer))) {
        verify_find(verifier, "RECORD_CORRUPT", "transfers", ID128_NIL, "number %ju cannot be read",
                    (uintmax_t)number);
        return;
    }
    verify_place(verifier, &transfer);
    struct ledger_id_entry entry;
    struct status status = ledger_store_find_id(txn, transfer.id, &entry);
    if (!status_ok(status) || entry.is_failed || entry.number != number)
        verify_find(verifier, "MISSING_ID", "transfers", transfer.id,
                    "number %ju cannot be found by its id", (uintmax_t)number);
    u128 released = verify_follow(verifier, txn, &transfer);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        verify_side(verifier, txn, &transfer, released, side);

    bool is_expiry = transfer.kind == LEDGER_TRANSFER_EXPIRY;
    verifier->last_expiry_ns = is_expiry ? transfer.created_at_ns : 0;
    if (!is_expiry) verifier->last_decided_ns = transfer.created_at_ns;
}

bool verify_read_log(struct verifier *verifier, struct store_txn *txn)
{
    uint8_t key[8];
    put_u64_be(key, verifier->last_number + 1);
    find_checkpoint(verifier, txn);
    verify_checkpoints(verifier, txn);
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_TRANSFERS, &cursor);
    bool has_row = store_cursor_seek(&cursor, bytes_of(key, sizeof key));
    for (size_t i = 0; has_row && i < verifier->rows_per_snapshot; i++) {
        CHECK(cursor.key.size == sizeof key); // Only store.c writes here, with such keys.
        verify_transfer(verifier, txn, get_u64_be(cursor.key.data), cursor.value);
        verify_checkpoints(verifier, txn);
        has_row = store_cursor_next(&cursor);
    }
    store_cursor_close(&cursor);
    return !has_row;
}
