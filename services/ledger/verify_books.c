#include "services/ledger/verify_books.h"

#include "common/base/check.h"
#include "services/ledger/history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_AT_FIRST = 64 };

void verify_close(struct verifier *verifier)
{
    for (size_t i = 0; i < verifier->book_room; i++) {
        free(verifier->books[i].roots);
        free(verifier->books[i].drift);
    }
    free(verifier->books);
    free(verifier->subjects);
    free(verifier->classes);
    free(verifier->imbalances);
    free(verifier->checkpoint);
    *verifier = (struct verifier){0};
}

void verify_find(struct verifier *verifier, const char *reason, const char *collection,
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

// ---- Totals -------------------------------------------------------------------------------------

bool verify_totals_equal(const struct ledger_totals *a, const struct ledger_totals *b)
{
    return a->debits_pending == b->debits_pending && a->debits_posted == b->debits_posted &&
           a->credits_pending == b->credits_pending && a->credits_posted == b->credits_posted;
}

void verify_totals_add(struct ledger_totals *to, const struct ledger_totals *change)
{
    to->debits_pending += change->debits_pending;
    to->debits_posted += change->debits_posted;
    to->credits_pending += change->credits_pending;
    to->credits_posted += change->credits_posted;
}

void verify_totals_subtract(struct ledger_totals *from, const struct ledger_totals *change)
{
    from->debits_pending -= change->debits_pending;
    from->debits_posted -= change->debits_posted;
    from->credits_pending -= change->credits_pending;
    from->credits_posted -= change->credits_posted;
}

static size_t sum_index(struct ledger_class_totals **rows, size_t *count, size_t *room,
                        const char *currency, enum ledger_class class)
{
    for (size_t i = 0; i < *count; i++) {
        if ((*rows)[i].class == class && strcmp((*rows)[i].currency, currency) == 0) return i;
    }
    if (*count == *room) {
        *room = *room > 0 ? *room * 2 : 8;
        *rows = realloc(*rows, *room * sizeof **rows);
        CHECK(*rows != NULL);
    }
    struct ledger_class_totals *row = &(*rows)[*count];
    *row = (struct ledger_class_totals){.class = class};
    memcpy(row->currency, currency, sizeof row->currency);
    return (*count)++;
}

struct ledger_totals *verify_sum_of(struct ledger_class_totals **rows, size_t *count, size_t *room,
                                    const char *currency, enum ledger_class class)
{
    size_t index = sum_index(rows, count, room, currency, class);
    return &(*rows)[index].totals;
}

struct ledger_totals verify_class_totals(const struct verifier *verifier, const char *currency,
                                         enum ledger_class class)
{
    for (size_t i = 0; i < verifier->class_count; i++) {
        const struct ledger_class_totals *row = &verifier->classes[i];
        if (row->class == class && strcmp(row->currency, currency) == 0) return row->totals;
    }
    return (struct ledger_totals){0};
}

// ---- Books --------------------------------------------------------------------------------------

static uint64_t mix(uint64_t value)
{
    value ^= value >> 29;
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    return value ^ (value >> 32);
}

static struct verify_book *book_place(struct verify_book *books, size_t room, struct id128 id)
{
    uint64_t low = get_u64_be(id.bytes + 8) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)mix(get_u64_be(id.bytes) ^ low) & (room - 1);
    while (!id128_is_nil(books[at].id) && !id128_equal(books[at].id, id))
        at = (at + 1) & (room - 1);
    return &books[at];
}

static void grow_books(struct verifier *verifier)
{
    size_t room = verifier->book_room > 0 ? verifier->book_room * 2 : ROOM_AT_FIRST;
    struct verify_book *books = calloc(room, sizeof *books);
    CHECK(books != NULL);
    for (size_t i = 0; i < verifier->book_room; i++) {
        struct verify_book *book = &verifier->books[i];
        if (!id128_is_nil(book->id)) *book_place(books, room, book->id) = *book;
    }
    free(verifier->books);
    verifier->books = books;
    verifier->book_room = room;
}

struct verify_book *verify_open_book(struct verifier *verifier, struct store_txn *txn,
                                     struct id128 id, const char *currency)
{
    if (verifier->book_count * 2 >= verifier->book_room) grow_books(verifier);
    struct verify_book *book = book_place(verifier->books, verifier->book_room, id);
    if (!id128_is_nil(book->id)) return book;
    book->id = id;
    memcpy(book->currency, currency, sizeof book->currency);
    verifier->book_count++;

    // A class never changes, so the account as it is now will do. A class of 0 stands for one that
    // nobody can tell.
    struct ledger_account account = {0};
    struct status status = ledger_store_get_account(txn, id, &account);
    if (status.code == STATUS_NOT_FOUND)
        verify_find(verifier, "MISSING_ACCOUNT", "accounts", id, "transfers name it");
    const char *class_currency = status_ok(status) ? account.currency : currency;
    book->class_index = (uint32_t)sum_index(&verifier->classes, &verifier->class_count,
                                            &verifier->class_room, class_currency, account.class);
    return book;
}

const struct verify_book *verify_find_book(const struct verifier *verifier, struct id128 id)
{
    if (verifier->book_room == 0) return NULL;
    const struct verify_book *book = book_place(verifier->books, verifier->book_room, id);
    return id128_is_nil(book->id) ? NULL : book;
}

void verify_push_entry(struct verify_book *book, uint64_t number, uint64_t *ret_previous,
                       uint64_t *ret_jump)
{
    *ret_previous = book->root_count > 0 ? book->roots[book->root_count - 1] : 0;
    uint64_t index = ++book->entry_count;
    bool is_new_tree = index == 1 || ledger_history_jump_index(index) == index - 1;
    if (!is_new_tree) {
        CHECK(book->root_count >= 2);
        book->root_count -= 2;
    }
    *ret_jump = book->root_count > 0 ? book->roots[book->root_count - 1] : 0;
    if (book->root_count == book->root_room) {
        book->root_room = book->root_room > 0 ? book->root_room * 2 : 4;
        book->roots = realloc(book->roots, book->root_room * sizeof *book->roots);
        CHECK(book->roots != NULL);
    }
    book->roots[book->root_count++] = number;
}

// ---- Subjects -----------------------------------------------------------------------------------

static size_t subject_home(const struct verifier *verifier, uint64_t number)
{
    return (size_t)mix(number * UINT64_C(0x9e3779b97f4a7c15)) & (verifier->subject_room - 1);
}

static size_t subject_place(const struct verifier *verifier, uint64_t number)
{
    size_t at = subject_home(verifier, number);
    while (verifier->subjects[at].number != 0 && verifier->subjects[at].number != number)
        at = (at + 1) & (verifier->subject_room - 1);
    return at;
}

struct verify_subject *verify_find_subject(struct verifier *verifier, uint64_t number)
{
    if (verifier->subject_room == 0 || number == 0) return NULL;
    struct verify_subject *subject = &verifier->subjects[subject_place(verifier, number)];
    return subject->number == number ? subject : NULL;
}

static void grow_subjects(struct verifier *verifier)
{
    struct verify_subject *before = verifier->subjects;
    size_t room = verifier->subject_room;
    verifier->subject_room = room > 0 ? room * 2 : ROOM_AT_FIRST;
    verifier->subjects = calloc(verifier->subject_room, sizeof *verifier->subjects);
    CHECK(verifier->subjects != NULL);
    for (size_t i = 0; i < room; i++) {
        if (before[i].number != 0)
            verifier->subjects[subject_place(verifier, before[i].number)] = before[i];
    }
    free(before);
}

struct verify_subject *verify_add_subject(struct verifier *verifier, uint64_t number)
{
    CHECK(number != 0);
    if (verifier->subject_count * 2 >= verifier->subject_room) grow_subjects(verifier);
    struct verify_subject *subject = &verifier->subjects[subject_place(verifier, number)];
    CHECK(subject->number == 0);
    verifier->subject_count++;
    subject->number = number;
    return subject;
}

void verify_drop_subject(struct verifier *verifier, uint64_t number)
{
    size_t mask = verifier->subject_room - 1, hole = subject_place(verifier, number);
    CHECK(verifier->subjects[hole].number == number);
    verifier->subject_count--;
    // Those behind it that were pushed on by it move up, so that no search ends at the hole.
    for (size_t at = (hole + 1) & mask; verifier->subjects[at].number != 0; at = (at + 1) & mask) {
        size_t home = subject_home(verifier, verifier->subjects[at].number);
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        verifier->subjects[hole] = verifier->subjects[at];
        hole = at;
    }
    verifier->subjects[hole] = (struct verify_subject){0};
}
