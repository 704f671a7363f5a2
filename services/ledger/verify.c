#include "services/ledger/verify.h"

#include "common/base/check.h"
#include "services/ledger/history.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_SNAPSHOT = 10000, BOOKS_AT_FIRST = 64 };

/// One account as the transfers say it must be.
struct book {
    struct id128 id; // Nil: a free place of the table.
    char currency[LEDGER_CURRENCY_BYTES];
    bool has_row; // An account of this id was read.
    struct ledger_totals totals;
    uint64_t entry_count;
    uint64_t *roots; // Numbers of the newest entry, of its jump target, of that one's … backwards:
    size_t root_count, root_room; // the newest is the last of them.
};

struct currency_sum {
    char currency[LEDGER_CURRENCY_BYTES];
    u128 debits, credits; // Posted and pending, modulo 2^128: only equality matters.
};

struct verifier {
    struct ledger_verification *result;
    struct book *books; // Open addressing; the room is a power of two.
    size_t book_count, book_room;
    uint64_t last_number, last_time_ns;
    struct currency_sum *sums;
    size_t sum_count, sum_room;
};

// ---- Findings -----------------------------------------------------------------------------------

__attribute__((format(printf, 5, 6))) static void find(struct verifier *verifier,
                                                       const char *reason, const char *collection,
                                                       struct id128 id, const char *format, ...)
{
    uint64_t index = verifier->result->finding_count++;
    if (index >= LEDGER_FINDINGS_MAX) return;
    struct ledger_finding *finding = &verifier->result->findings[index];
    finding->reason = reason;
    char text[ID128_TEXT_BYTES];
    id128_format(id, text);
    snprintf(finding->subject, sizeof finding->subject, "%s/%s", collection, text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->detail, sizeof finding->detail, format, arguments);
    va_end(arguments);
}

// ---- Books --------------------------------------------------------------------------------------

static size_t hash_id(struct id128 id)
{
    uint64_t mixed =
        get_u64_be(id.bytes) ^ (get_u64_be(id.bytes + 8) * UINT64_C(0x9e3779b97f4a7c15));
    mixed ^= mixed >> 29;
    mixed *= UINT64_C(0xbf58476d1ce4e5b9);
    return (size_t)(mixed ^ (mixed >> 32));
}

static struct book *book_place(struct book *books, size_t room, struct id128 id)
{
    size_t at = hash_id(id) & (room - 1);
    while (!id128_is_nil(books[at].id) && !id128_equal(books[at].id, id))
        at = (at + 1) & (room - 1);
    return &books[at];
}

static void grow_books(struct verifier *verifier)
{
    size_t room = verifier->book_room > 0 ? verifier->book_room * 2 : BOOKS_AT_FIRST;
    struct book *books = calloc(room, sizeof *books);
    CHECK(books != NULL);
    for (size_t i = 0; i < verifier->book_room; i++) {
        struct book *book = &verifier->books[i];
        if (!id128_is_nil(book->id)) *book_place(books, room, book->id) = *book;
    }
    free(verifier->books);
    verifier->books = books;
    verifier->book_room = room;
}

static struct book *open_book(struct verifier *verifier, struct id128 id, const char *currency)
{
    if (verifier->book_count * 2 >= verifier->book_room) grow_books(verifier);
    struct book *book = book_place(verifier->books, verifier->book_room, id);
    if (id128_is_nil(book->id)) {
        book->id = id;
        memcpy(book->currency, currency, sizeof book->currency);
        verifier->book_count++;
    }
    return book;
}

/// Adds an entry's number to the roots; gives the number that it must jump to.
static uint64_t push_root(struct book *book, uint64_t number)
{
    uint64_t index = ++book->entry_count;
    bool is_new_tree = index == 1 || ledger_history_jump_index(index) == index - 1;
    if (!is_new_tree) {
        CHECK(book->root_count >= 2);
        book->root_count -= 2;
    }
    uint64_t jump = book->root_count > 0 ? book->roots[book->root_count - 1] : 0;
    if (book->root_count == book->root_room) {
        book->root_room = book->root_room > 0 ? book->root_room * 2 : 4;
        book->roots = realloc(book->roots, book->root_room * sizeof *book->roots);
        CHECK(book->roots != NULL);
    }
    book->roots[book->root_count++] = number;
    return jump;
}

static void close_verifier(struct verifier *verifier)
{
    for (size_t i = 0; i < verifier->book_room; i++)
        free(verifier->books[i].roots);
    free(verifier->books);
    free(verifier->sums);
    *verifier = (struct verifier){0};
}

// ---- Transfers ----------------------------------------------------------------------------------

static bool totals_equal(const struct ledger_totals *a, const struct ledger_totals *b)
{
    return a->debits_pending == b->debits_pending && a->debits_posted == b->debits_posted &&
           a->credits_pending == b->credits_pending && a->credits_posted == b->credits_posted;
}

static void verify_side(struct verifier *verifier, const struct ledger_transfer *transfer,
                        enum ledger_side side)
{
    struct book *book = open_book(verifier, transfer->account_id[side], transfer->currency);
    if (strcmp(book->currency, transfer->currency) != 0)
        find(verifier, "CURRENCY_MISMATCH", "transfers", transfer->id, "in %s, the account in %s",
             transfer->currency, book->currency);

    if (side == LEDGER_DEBIT)
        book->totals.debits_posted += transfer->amount;
    else
        book->totals.credits_posted += transfer->amount;
    uint64_t previous = book->root_count > 0 ? book->roots[book->root_count - 1] : 0;
    uint64_t jump = push_root(book, transfer->number);

    const struct ledger_entry *entry = &transfer->entry[side];
    const char *side_name = side == LEDGER_DEBIT ? "debit" : "credit";
    if (entry->index != book->entry_count || entry->previous != previous || entry->jump != jump)
        find(verifier, "HISTORY_BROKEN", "transfers", transfer->id,
             "number %ju, %s side: entry %ju after %ju, jump %ju; must be %ju after %ju, jump %ju",
             (uintmax_t)transfer->number, side_name, (uintmax_t)entry->index,
             (uintmax_t)entry->previous, (uintmax_t)entry->jump, (uintmax_t)book->entry_count,
             (uintmax_t)previous, (uintmax_t)jump);
    if (!totals_equal(&entry->after, &book->totals))
        find(verifier, "HISTORY_MISMATCH", "transfers", transfer->id,
             "number %ju: the %s account's totals after it are not the sum of its transfers",
             (uintmax_t)transfer->number, side_name);
}

static void verify_transfer(struct verifier *verifier, struct store_txn *txn, uint64_t number,
                            struct bytes value)
{
    if (number != verifier->last_number + 1)
        find(verifier, "SEQUENCE_GAP", "transfers", ID128_NIL, "no transfers from %ju to %ju",
             (uintmax_t)verifier->last_number + 1, (uintmax_t)number - 1);
    verifier->last_number = number;
    verifier->result->transfers++;

    struct ledger_transfer transfer;
    if (!status_ok(ledger_transfer_decode(number, value, &transfer))) {
        find(verifier, "RECORD_CORRUPT", "transfers", ID128_NIL, "number %ju cannot be read",
             (uintmax_t)number);
        return;
    }
    if (transfer.created_at_ns <= verifier->last_time_ns)
        find(verifier, "TIME_NOT_RISING", "transfers", transfer.id,
             "number %ju is not later than the one before", (uintmax_t)number);
    verifier->last_time_ns = transfer.created_at_ns;

    struct ledger_id_entry entry;
    struct status status = ledger_store_find_id(txn, transfer.id, &entry);
    if (!status_ok(status) || entry.is_failed || entry.number != number)
        find(verifier, "MISSING_ID", "transfers", transfer.id,
             "number %ju cannot be found by its id", (uintmax_t)number);
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++)
        verify_side(verifier, &transfer, side);
}

/// Reads on in the log; true when its end was reached.
static bool verify_transfers(struct verifier *verifier, struct store_txn *txn)
{
    uint8_t key[8];
    put_u64_be(key, verifier->last_number + 1);
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_TRANSFERS, &cursor);
    bool has_row = store_cursor_seek(&cursor, bytes_of(key, sizeof key));
    for (size_t i = 0; has_row && i < ROWS_PER_SNAPSHOT; i++) {
        CHECK(cursor.key.size == sizeof key); // Only store.c writes here, with such keys.
        verify_transfer(verifier, txn, get_u64_be(cursor.key.data), cursor.value);
        has_row = store_cursor_next(&cursor);
    }
    store_cursor_close(&cursor);
    return !has_row;
}

// ---- Accounts, state ----------------------------------------------------------------------------

static void add_to_sum(struct verifier *verifier, const struct ledger_account *account)
{
    size_t i = 0;
    while (i < verifier->sum_count && strcmp(verifier->sums[i].currency, account->currency) != 0)
        i++;
    if (i == verifier->sum_room) {
        verifier->sum_room = verifier->sum_room > 0 ? verifier->sum_room * 2 : 8;
        verifier->sums = realloc(verifier->sums, verifier->sum_room * sizeof *verifier->sums);
        CHECK(verifier->sums != NULL);
    }
    struct currency_sum *sum = &verifier->sums[i];
    if (i == verifier->sum_count) {
        verifier->sum_count++;
        *sum = (struct currency_sum){0};
        memcpy(sum->currency, account->currency, sizeof sum->currency);
    }
    sum->debits += account->totals.debits_pending + account->totals.debits_posted;
    sum->credits += account->totals.credits_pending + account->totals.credits_posted;
}

static void verify_account_indexes(struct verifier *verifier, struct store_txn *txn,
                                   const struct ledger_account *account)
{
    uint8_t number_key[8], owner_key[LEDGER_OWNER_KEY_BYTES];
    put_u64_be(number_key, account->number);
    ledger_owner_key_encode(account->owner_id, account->number, owner_key);

    const struct {
        uint8_t table;
        struct bytes key;
        const char *what;
    } indexes[] = {
        {LEDGER_TABLE_ACCOUNT_NUMBERS, bytes_of(number_key, sizeof number_key), "number"},
        {LEDGER_TABLE_ACCOUNT_OWNERS, bytes_of(owner_key, sizeof owner_key), "owner"},
    };

    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        struct bytes value;
        struct status status = store_get(txn, indexes[i].table, indexes[i].key, &value);
        if (status_ok(status) && bytes_equal(value, bytes_of(account->id.bytes, ID128_BYTES)))
            continue;
        find(verifier, "INDEX_MISMATCH", "accounts", account->id, "it cannot be found by its %s",
             indexes[i].what);
    }
    struct ledger_details details;
    if (!status_ok(ledger_store_get_details(txn, account->id, &details)))
        find(verifier, "INDEX_MISMATCH", "accounts", account->id, "its details are missing");
}

static void verify_account(struct verifier *verifier, struct store_txn *txn,
                           const struct ledger_account *account)
{
    struct book *book = open_book(verifier, account->id, account->currency);
    book->has_row = true;
    if (strcmp(book->currency, account->currency) != 0)
        find(verifier, "CURRENCY_MISMATCH", "accounts", account->id, "in %s, its transfers in %s",
             account->currency, book->currency);
    if (!totals_equal(&book->totals, &account->totals)) {
        char stored[I128_TEXT_BYTES], computed[I128_TEXT_BYTES];
        i128_format(ledger_balance_posted(account->class, &account->totals), stored);
        i128_format(ledger_balance_posted(account->class, &book->totals), computed);
        find(verifier, "BALANCE_MISMATCH", "accounts", account->id,
             "balance %s, its transfers make %s", stored, computed);
    }
    const struct ledger_head *head = &account->head;
    uint64_t newest = book->root_count > 0 ? book->roots[book->root_count - 1] : 0;
    bool is_right = head->entry_count == book->entry_count && head->chain[0] == newest;
    for (size_t i = 1; i < LEDGER_CHAIN && head->chain[i] != 0; i++)
        is_right = is_right && i < book->root_count &&
                   head->chain[i] == book->roots[book->root_count - 1 - i];
    if (!is_right)
        find(verifier, "HISTORY_BROKEN", "accounts", account->id,
             "it has %ju entries up to number %ju; must be %ju up to %ju",
             (uintmax_t)head->entry_count, (uintmax_t)head->chain[0], (uintmax_t)book->entry_count,
             (uintmax_t)newest);
    verify_account_indexes(verifier, txn, account);
    add_to_sum(verifier, account);
}

static void verify_accounts(struct verifier *verifier, struct store_txn *txn)
{
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_ACCOUNTS, &cursor);
    for (bool has_row = store_cursor_first(&cursor); has_row;
         has_row = store_cursor_next(&cursor)) {
        CHECK(cursor.key.size == ID128_BYTES);
        verifier->result->accounts++;
        struct id128 id = id128_of(cursor.key.data);
        struct ledger_account account;
        if (status_ok(ledger_account_decode(id, cursor.value, &account))) {
            verify_account(verifier, txn, &account);
            continue;
        }
        find(verifier, "RECORD_CORRUPT", "accounts", id, "it cannot be read");
        open_book(verifier, id, "")->has_row = true;
    }
    store_cursor_close(&cursor);

    for (size_t i = 0; i < verifier->book_room; i++) {
        const struct book *book = &verifier->books[i];
        if (!id128_is_nil(book->id) && !book->has_row)
            find(verifier, "MISSING_ACCOUNT", "accounts", book->id, "transfers name it");
    }
    for (size_t i = 0; i < verifier->sum_count; i++) {
        const struct currency_sum *sum = &verifier->sums[i];
        if (sum->debits != sum->credits)
            find(verifier, "NOT_CONSERVED", "currencies", ID128_NIL,
                 "%s: all debits and all credits differ", sum->currency);
    }
}

static struct status verify_state(struct verifier *verifier, struct store_txn *txn)
{
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    if (state.transfer_count > verifier->last_number)
        find(verifier, "MISSING_TRANSFER", "transfers", ID128_NIL,
             "the log ends at number %ju, %ju were counted", (uintmax_t)verifier->last_number,
             (uintmax_t)state.transfer_count);
    bool is_behind = state.transfer_count < verifier->last_number ||
                     state.last_time_ns < verifier->last_time_ns ||
                     state.account_count != verifier->result->accounts;
    if (is_behind)
        find(verifier, "STATE_MISMATCH", "state", ID128_NIL,
             "counts %ju accounts and %ju transfers; there are %ju and %ju",
             (uintmax_t)state.account_count, (uintmax_t)state.transfer_count,
             (uintmax_t)verifier->result->accounts, (uintmax_t)verifier->last_number);
    return STATUS_SUCCESS;
}

// ---- Ids ----------------------------------------------------------------------------------------

static void verify_id(struct verifier *verifier, struct store_txn *txn, struct bytes key,
                      struct bytes value)
{
    CHECK(key.size == ID128_BYTES);
    struct id128 id = id128_of(key.data);
    struct ledger_id_entry entry;
    if (!status_ok(ledger_id_entry_decode(value, &entry))) {
        find(verifier, "RECORD_CORRUPT", "transfers", id, "its id entry cannot be read");
        return;
    }
    if (entry.is_failed) return;
    struct ledger_transfer transfer;
    struct status status = ledger_store_get_transfer(txn, entry.number, &transfer);
    if (status.code == STATUS_NOT_FOUND)
        find(verifier, "MISSING_TRANSFER", "transfers", id, "its number %ju is not in the log",
             (uintmax_t)entry.number);
    else if (status_ok(status) && !id128_equal(transfer.id, id))
        find(verifier, "MISSING_TRANSFER", "transfers", id, "its number %ju is another transfer",
             (uintmax_t)entry.number);
}

/// Reads on from the key in *position; true when the end was reached.
static bool verify_ids(struct verifier *verifier, struct store_txn *txn, struct id128 *position,
                       bool is_first)
{
    struct bytes from = bytes_of(position->bytes, ID128_BYTES);
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_IDS, &cursor);
    bool has_row = store_cursor_seek(&cursor, from);
    if (has_row && !is_first && bytes_equal(cursor.key, from)) has_row = store_cursor_next(&cursor);
    for (size_t i = 0; has_row && i < ROWS_PER_SNAPSHOT; i++) {
        verify_id(verifier, txn, cursor.key, cursor.value);
        *position = id128_of(cursor.key.data);
        has_row = store_cursor_next(&cursor);
    }
    store_cursor_close(&cursor);
    return !has_row;
}

// ---- All ----------------------------------------------------------------------------------------

static bool stops(const _Atomic bool *should_stop)
{
    return should_stop != NULL && atomic_load(should_stop);
}

static struct status verify_books(struct store *store, const _Atomic bool *should_stop,
                                  struct verifier *verifier)
{
    for (bool is_done = false; !is_done;) {
        if (stops(should_stop)) return REFUSE(CANCELLED, CANCELLED, "the verification was stopped");
        CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
        RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
        is_done = verify_transfers(verifier, txn);
        if (!is_done) continue;
        verify_accounts(verifier, txn);
        RETURN_IF_ERROR(verify_state(verifier, txn));
    }
    struct id128 position = ID128_NIL;
    bool is_first = true;
    for (bool is_done = false; !is_done; is_first = false) {
        if (stops(should_stop)) return REFUSE(CANCELLED, CANCELLED, "the verification was stopped");
        CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
        RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
        is_done = verify_ids(verifier, txn, &position, is_first);
    }
    return STATUS_SUCCESS;
}

struct status ledger_verify(struct store *store, const _Atomic bool *should_stop,
                            struct ledger_verification *ret)
{
    ret->accounts = ret->transfers = ret->finding_count = 0;
    CLEANUP(close_verifier) struct verifier verifier = {.result = ret};
    return verify_books(store, should_stop, &verifier);
}
