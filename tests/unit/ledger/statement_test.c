// Statements: opening + entries = closing = the balance just before `to`, whatever the period; the
// three formats say the same; pages join.
#include "common/base/clock.h"
#include "services/ledger/statement.h"
#include "tests/unit/ledger/camt053_check.h"
#include "tests/unit/ledger/statement_read.h"
#include "tests/unit/ledger/written_history.h"

#include <time.h>

enum { TRANSFERS = 2000, PERIODS = 60 };

#define SETTLED_NS (2 * WRITTEN_BEGIN_NS) // Long after all that is written.

struct reader {
    struct written_history *history;
    struct arena *arena;
};

static struct reader reader_open(struct written_history *history)
{
    struct reader reader = {.history = history, .arena = arena_open(LEDGER_STATEMENT_ARENA_BYTES)};
    assert_status_ok(store_snapshot_begin(history->store, &history->snapshot));
    return reader;
}

static void reader_close(struct reader *reader)
{
    store_snapshot_end(&reader->history->snapshot);
    arena_close(&reader->arena);
}

static struct status make(struct reader *reader, int account,
                          const struct ledger_statement_query *query, struct ledger_statement *ret)
{
    return ledger_statement_make(reader->history->snapshot, &reader->history->accounts[account],
                                 &reader->history->details, query, reader->arena, ret);
}

static struct ledger_statement whole(struct reader *reader, int account, uint64_t from_ns,
                                     uint64_t to_ns)
{
    struct ledger_statement statement;
    assert_status_ok(make(reader, account,
                          &(struct ledger_statement_query){
                              .from_ns = from_ns, .to_ns = to_ns, .settled_ns = SETTLED_NS},
                          &statement));
    return statement;
}

// ---- What it must say ---------------------------------------------------------------------------

static bool is_booked(const struct written_entry *entry)
{
    return entry->kind == LEDGER_TRANSFER_POSTED || entry->kind == LEDGER_TRANSFER_POST ||
           entry->kind == LEDGER_TRANSFER_REVERSAL;
}

/// The balance just before a time, by walking all that was written.
static i128 written_balance(const struct written_history *history, int account, uint64_t ns)
{
    i128 balance = 0;
    for (size_t i = 0; i < history->entry_count[account]; i++)
        if (history->entries[account][i].booked_at_ns < ns)
            balance = history->entries[account][i].balance_after;
    return balance;
}

static void assert_entry(const struct ledger_statement_entry *entry,
                         const struct written_entry *written, size_t index)
{
    assert_true(id128_equal(entry->transfer_id, written->transfer_id));
    assert_true(id128_equal(entry->counterparty_account_id, written->counterparty_id));
    assert_int_equal(entry->side, written->side);
    assert_int_equal(entry->kind, written->kind);
    assert_int_equal(entry->code, written->code);
    assert_true(entry->amount == written->amount);
    assert_true(entry->balance_after == written->balance_after);
    assert_true(entry->booked_at_ns == written->booked_at_ns);
    assert_true(entry->effective_at_ns == written->effective_at_ns);
    assert_true(bytes_equal(entry->description, bytes_of_text(written->description)));
    assert_true(entry->number == written->number);
    assert_true(entry->index == index);
}

static void assert_statement(const struct written_history *history, int account,
                             const struct ledger_statement *statement)
{
    assert_true(statement->opening_balance ==
                written_balance(history, account, statement->from_ns));
    assert_true(statement->closing_balance == written_balance(history, account, statement->to_ns));
    assert_int_equal(statement->next_index, 0);

    size_t found = 0;
    i128 balance = statement->opening_balance;
    u128 sums[LEDGER_SIDES] = {0};
    uint64_t counts[LEDGER_SIDES] = {0};
    for (size_t i = 0; i < history->entry_count[account]; i++) {
        const struct written_entry *written = &history->entries[account][i];
        if (!is_booked(written) || written->booked_at_ns < statement->from_ns ||
            written->booked_at_ns >= statement->to_ns)
            continue;
        assert_true(found < statement->entry_count);
        const struct ledger_statement_entry *entry = &statement->entries[found++];
        assert_entry(entry, written, i + 1);
        bool raises = (entry->side == LEDGER_DEBIT) == (account == WRITTEN_CASH);
        balance += raises ? (i128)entry->amount : -(i128)entry->amount;
        assert_true(entry->balance_after == balance);
        sums[entry->side] += entry->amount;
        counts[entry->side]++;
    }
    assert_int_equal(found, statement->entry_count);
    assert_true(balance == statement->closing_balance);
    assert_true(sums[LEDGER_DEBIT] == statement->total_debits);
    assert_true(sums[LEDGER_CREDIT] == statement->total_credits);
    assert_true(counts[LEDGER_DEBIT] == statement->debit_count);
    assert_true(counts[LEDGER_CREDIT] == statement->credit_count);
}

/// A time that matters: an end of a month, an entry's time or 1 ns beside it, or any.
static uint64_t some_time(const struct written_history *history, int account)
{
    static const uint64_t ends[] = {FEBRUARY_NS, MARCH_NS, APRIL_NS, WRITTEN_BEGIN_NS};
    switch (written_random_below(4)) {
    case 0:
        return ends[written_random_below(ROWS(ends))];
    case 1:
        return WRITTEN_BEGIN_NS + 1 +
               written_random_below(history->last_time_ns - WRITTEN_BEGIN_NS + 1000);
    default: {
        size_t at = (size_t)written_random_below(history->entry_count[account]);
        return history->entries[account][at].booked_at_ns - 1 + written_random_below(3);
    }
    }
}

static void sort_times(uint64_t times[static 3])
{
    for (size_t i = 0; i < 3; i++)
        for (size_t j = i + 1; j < 3; j++)
            if (times[j] < times[i]) {
                uint64_t kept = times[i];
                times[i] = times[j];
                times[j] = kept;
            }
}

static void test_any_period_adds_up_and_the_next_one_joins(void **state)
{
    struct written_history *history = *state;
    for (int account = 0; account < WRITTEN_ACCOUNTS; account++) {
        for (size_t i = 0; i < PERIODS; i++) {
            CLEANUP(reader_close) struct reader reader = reader_open(history);
            uint64_t times[3];
            for (size_t t = 0; t < 3; t++)
                times[t] = some_time(history, account);
            sort_times(times);
            if (times[0] == times[1] || times[1] == times[2]) continue;
            struct ledger_statement first = whole(&reader, account, times[0], times[1]);
            struct ledger_statement second = whole(&reader, account, times[1], times[2]);
            struct ledger_statement both = whole(&reader, account, times[0], times[2]);
            assert_statement(history, account, &first);
            assert_statement(history, account, &second);
            assert_statement(history, account, &both);
            assert_true(first.to_ns == second.from_ns);
            assert_true(first.closing_balance == second.opening_balance);
            assert_true(first.entry_count + second.entry_count == both.entry_count);
        }
    }
}

static void test_months_follow_each_other(void **state)
{
    struct written_history *history = *state;
    static const uint64_t ends[] = {WRITTEN_BEGIN_NS, FEBRUARY_NS, MARCH_NS, APRIL_NS};
    for (int account = 0; account < WRITTEN_ACCOUNTS; account++) {
        i128 balance = 0;
        size_t entries = 0;
        for (size_t month = 1; month < ROWS(ends); month++) {
            CLEANUP(reader_close) struct reader reader = reader_open(history);
            struct ledger_statement statement =
                whole(&reader, account, ends[month - 1], ends[month]);
            assert_statement(history, account, &statement);
            assert_true(statement.opening_balance == balance);
            balance = statement.closing_balance;
            entries += statement.entry_count;
        }
        assert_true(entries > 0);
        assert_true(balance == written_balance(history, account, APRIL_NS));
    }
}

static void test_periods(void **state)
{
    struct written_history *history = *state;
    const uint64_t begin = WRITTEN_BEGIN_NS, last = history->last_time_ns, march = MARCH_NS;

    const struct {
        const char *name;
        uint64_t from, to, settled, said_from, said_to;
        const char *refused;
    } rows[] = {
        {"as asked", march, march + 9, last, march, march + 9, NULL},
        {"since the account was opened", 0, march, last, begin, march, NULL},
        {"from before that", 5, march, last, 5, march, NULL},
        {"until now", march, 0, last, march, last + 1, NULL},
        {"until what is settled, and not later", march, UINT64_MAX, last, march, last + 1, NULL},
        {"settled long ago", begin, last, march, begin, march + 1, NULL},
        {"just what is settled", begin, march, march - 1, begin, march, NULL},
        {"one nanosecond", march, march + 1, last, march, march + 1, NULL},
        {"empty", march, march, last, 0, 0, "PERIOD_INVALID"},
        {"backwards", march, march - 1, last, 0, 0, "PERIOD_INVALID"},
        {"in the future", last + 1, 0, last, 0, 0, "PERIOD_INVALID"},
        {"just now", last, 0, last, last, last + 1, NULL},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        CLEANUP(reader_close) struct reader reader = reader_open(history);
        struct ledger_statement statement;
        struct status status =
            make(&reader, WRITTEN_CUSTOMER,
                 &(struct ledger_statement_query){
                     .from_ns = rows[i].from, .to_ns = rows[i].to, .settled_ns = rows[i].settled},
                 &statement);
        if (status_ok(status) != (rows[i].refused == NULL))
            fail_msg("%s: %s", rows[i].name, status.reason);
        if (rows[i].refused != NULL) {
            assert_string_equal(status.reason, rows[i].refused);
            continue;
        }
        if (statement.from_ns != rows[i].said_from || statement.to_ns != rows[i].said_to)
            fail_msg("%s", rows[i].name);
        assert_statement(history, WRITTEN_CUSTOMER, &statement);
    }
}

// ---- Formats ------------------------------------------------------------------------------------

static const char *const kind_names[LEDGER_TRANSFER_KIND_END] = {
    [LEDGER_TRANSFER_POSTED] = "POSTED",
    [LEDGER_TRANSFER_POST] = "POST",
    [LEDGER_TRANSFER_REVERSAL] = "REVERSAL",
};

static void assert_day(uint64_t ns, const char *day)
{
    time_t seconds = (time_t)(ns / NS_PER_SECOND);
    struct tm civil;
    char text[11];
    assert_non_null(gmtime_r(&seconds, &civil));
    strftime(text, sizeof text, "%Y-%m-%d", &civil);
    assert_string_equal(text, day);
}

static void assert_read(const struct ledger_statement *statement, const struct read_statement *read)
{
    assert_true(read->from_ns == statement->from_ns && read->to_ns == statement->to_ns);
    assert_int_equal(read->count, statement->entry_count);
    for (size_t i = 0; i < read->count; i++) {
        const struct ledger_statement_entry *entry = &statement->entries[i];
        const struct read_entry *got = &read->entries[i];
        assert_true(id128_equal(got->transfer_id, entry->transfer_id));
        assert_true(id128_equal(got->counterparty_id, entry->counterparty_account_id));
        assert_string_equal(got->kind, kind_names[entry->kind]);
        assert_int_equal(got->code, entry->code);
        assert_int_equal(got->is_credit, entry->side == LEDGER_CREDIT);
        assert_true(got->amount == entry->amount);
        assert_true(got->booked_at_ns == entry->booked_at_ns);
        assert_day(entry->effective_at_ns, got->value_date);
        assert_true(bytes_equal(bytes_of_text(got->description), entry->description));
    }
}

static void assert_formats_agree(struct reader *reader, const struct ledger_statement *statement)
{
    bool is_debit_normal = statement->account->class == LEDGER_CLASS_ASSET;
    i128 sign = is_debit_normal ? -1 : 1;
    struct bytes csv, xml;
    struct read_statement read;
    assert_status_ok(ledger_statement_csv(statement, reader->arena, &csv));
    statement_read_csv(csv, "INR", 2, &read);
    assert_read(statement, &read);
    assert_true(read.opening == statement->opening_balance);
    assert_true(read.closing == statement->closing_balance);
    for (size_t i = 0; i < read.count; i++)
        assert_true(read.entries[i].balance == statement->entries[i].balance_after);
    statement_read_free(&read);

    char problem[CAMT053_PROBLEM_BYTES];
    assert_status_ok(ledger_statement_camt053(statement, reader->arena, &xml));
    if (!camt053_check(xml, problem)) fail_msg("%s", problem);
    statement_read_camt053(xml, "INR", 2, &read);
    assert_read(statement, &read);
    assert_true(read.opening == sign * statement->opening_balance);
    assert_true(read.closing == sign * statement->closing_balance);
    assert_true(read.total_debits == statement->total_debits);
    assert_true(read.total_credits == statement->total_credits);
    assert_true(read.debit_count == statement->debit_count);
    assert_true(read.credit_count == statement->credit_count);
    statement_read_free(&read);
}

static void test_all_formats_say_the_same(void **state)
{
    struct written_history *history = *state;
    for (int account = 0; account < WRITTEN_ACCOUNTS; account++) {
        for (size_t i = 0; i < 8; i++) {
            CLEANUP(reader_close) struct reader reader = reader_open(history);
            uint64_t from = some_time(history, account), to = some_time(history, account);
            if (from >= to) continue;
            struct ledger_statement statement = whole(&reader, account, from, to);
            assert_formats_agree(&reader, &statement);
        }
        CLEANUP(reader_close) struct reader reader = reader_open(history);
        struct ledger_statement statement = whole(&reader, account, 0, 0);
        assert_formats_agree(&reader, &statement);
    }
}

// ---- Pages --------------------------------------------------------------------------------------

/// Reads a period page by page: the pages are the whole statement, in order. Gives their number.
static size_t assert_pages(struct reader *reader, int account, uint64_t from_ns, uint64_t to_ns,
                           size_t size)
{
    struct ledger_statement all = whole(reader, account, from_ns, to_ns);
    struct ledger_statement_query query = {
        .from_ns = from_ns, .to_ns = to_ns, .settled_ns = SETTLED_NS, .size = size};
    size_t pages = 0, at = 0;
    do {
        struct ledger_statement page;
        assert_status_ok(make(reader, account, &query, &page));
        pages++;
        assert_true(page.entry_count <= size);
        assert_true(page.opening_balance == all.opening_balance);
        assert_true(page.closing_balance == all.closing_balance);
        assert_true(page.total_debits == all.total_debits);
        assert_true(page.total_credits == all.total_credits);
        assert_true(page.debit_count + page.credit_count == page.entry_count);
        for (size_t i = 0; i < page.entry_count; i++) {
            assert_true(at < all.entry_count);
            assert_memory_equal(&page.entries[i], &all.entries[at++], sizeof page.entries[i]);
        }
        assert_true(page.next_index == 0 || page.next_index > query.start_index);
        query.start_index = page.next_index;
    } while (query.start_index != 0);
    assert_int_equal(at, all.entry_count);
    return pages;
}

static void test_pages_are_the_whole_statement(void **state)
{
    struct written_history *history = *state;
    static const size_t sizes[] = {1, 2, 7, 100, 255, 256, 257, 1000, LEDGER_STATEMENT_ENTRIES_MAX};
    for (int account = 0; account < WRITTEN_ACCOUNTS; account++) {
        for (size_t i = 0; i < ROWS(sizes); i++) {
            struct reader reader = reader_open(history);
            arena_set_limit(reader.arena, SIZE_MAX); // Very many pages in one arena.
            struct ledger_statement all = whole(&reader, account, FEBRUARY_NS, 0);
            size_t pages = assert_pages(&reader, account, FEBRUARY_NS, 0, sizes[i]);
            // No page is empty, none begins after the last booked entry.
            assert_int_equal(pages, (all.entry_count + sizes[i] - 1) / sizes[i]);
            reader_close(&reader);
        }
    }
}

static void test_a_page_lies_in_its_period(void **state)
{
    struct written_history *history = *state;
    CLEANUP(reader_close) struct reader reader = reader_open(history);
    struct ledger_statement march = whole(&reader, WRITTEN_CUSTOMER, MARCH_NS, APRIL_NS), page;
    assert_true(march.entry_count > 1);
    const uint64_t outside[] = {1, march.entries[0].index - 40,
                                march.entries[march.entry_count - 1].index + 40, UINT64_MAX};
    for (size_t i = 0; i < ROWS(outside); i++)
        assert_refused(make(&reader, WRITTEN_CUSTOMER,
                            &(struct ledger_statement_query){.from_ns = MARCH_NS,
                                                             .to_ns = APRIL_NS,
                                                             .settled_ns = SETTLED_NS,
                                                             .start_index = outside[i],
                                                             .size = 10},
                            &page),
                       "PAGE_TOKEN_INVALID");
}

// ---- Long ones ----------------------------------------------------------------------------------

static int setup_empty(void **state)
{
    struct written_history *history = calloc(1, sizeof *history);
    assert_non_null(history);
    written_open(history);
    *state = history;
    return 0;
}

static int setup_random(void **state)
{
    setup_empty(state);
    written_random(*state, TRANSFERS);
    return 0;
}

static int teardown(void **state)
{
    written_close(*state);
    free(*state);
    return 0;
}

static void test_an_account_without_entries_has_a_statement(void **state)
{
    CLEANUP(reader_close) struct reader reader = reader_open(*state);
    struct ledger_statement statement = whole(&reader, WRITTEN_CUSTOMER, 0, 0);
    assert_int_equal(statement.entry_count, 0);
    assert_true(statement.opening_balance == 0 && statement.closing_balance == 0);
    assert_formats_agree(&reader, &statement);
    assert_int_equal(assert_pages(&reader, WRITTEN_CUSTOMER, 0, 0, 10), 1);
}

static void test_a_page_looks_at_so_many_holds_and_no_more(void **state)
{
    struct written_history *history = *state;
    written_many(history, LEDGER_TRANSFER_POSTED, 3);
    written_many(history, LEDGER_TRANSFER_PENDING, 5 * LEDGER_STATEMENT_PAGE_LOOKED_AT_MAX / 2);
    written_many(history, LEDGER_TRANSFER_POSTED, 3);
    struct reader reader = reader_open(history);
    struct ledger_statement statement = whole(&reader, WRITTEN_CUSTOMER, 0, 0);
    assert_statement(history, WRITTEN_CUSTOMER, &statement);
    assert_int_equal(statement.entry_count, 6);
    // Three, none, three.
    assert_int_equal(assert_pages(&reader, WRITTEN_CUSTOMER, 0, 0, 100), 3);
    reader_close(&reader);

    written_many(history, LEDGER_TRANSFER_PENDING,
                 LEDGER_STATEMENT_LOOKED_AT_MAX - 5 * LEDGER_STATEMENT_PAGE_LOOKED_AT_MAX / 2 - 6);
    reader = reader_open(history);
    statement = whole(&reader, WRITTEN_CUSTOMER, 0, 0);
    assert_int_equal(statement.entry_count, 6);
    reader_close(&reader);
    written_many(history, LEDGER_TRANSFER_PENDING, 1);
    reader = reader_open(history);
    assert_refused(make(&reader, WRITTEN_CUSTOMER,
                        &(struct ledger_statement_query){.settled_ns = SETTLED_NS}, &statement),
                   "STATEMENT_TOO_LONG");
    reader_close(&reader);
}

static uint64_t elapsed_us(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec - since->tv_sec) * 1000000 + (uint64_t)now.tv_nsec / 1000 -
           (uint64_t)since->tv_nsec / 1000;
}

static void test_the_longest_statement_fits_and_one_entry_more_does_not(void **state)
{
    struct written_history *history = *state;
    written_many(history, LEDGER_TRANSFER_POSTED, LEDGER_STATEMENT_ENTRIES_MAX);
    struct reader reader = reader_open(history);
    struct bytes csv, xml;
    uint64_t us[3];
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct ledger_statement statement = whole(&reader, WRITTEN_CUSTOMER, 0, 0);
    us[0] = elapsed_us(&begin);
    assert_int_equal(statement.entry_count, LEDGER_STATEMENT_ENTRIES_MAX);
    assert_status_ok(ledger_statement_csv(&statement, reader.arena, &csv));
    us[1] = elapsed_us(&begin) - us[0];
    reader_close(&reader);

    reader = reader_open(history); // One format an arena, as in a call.
    statement = whole(&reader, WRITTEN_CUSTOMER, 0, 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_status_ok(ledger_statement_camt053(&statement, reader.arena, &xml));
    us[2] = elapsed_us(&begin);
    print_message("%d entries: made in %ju us; CSV %ju us, %zu bytes; camt.053 %ju us, %zu bytes\n",
                  LEDGER_STATEMENT_ENTRIES_MAX, (uintmax_t)us[0], (uintmax_t)us[1], csv.size,
                  (uintmax_t)us[2], xml.size);
    char problem[CAMT053_PROBLEM_BYTES];
    if (!camt053_check(xml, problem)) fail_msg("%s", problem);
    reader_close(&reader);

    written_many(history, LEDGER_TRANSFER_POSTED, 1);
    reader = reader_open(history);
    assert_refused(make(&reader, WRITTEN_CUSTOMER,
                        &(struct ledger_statement_query){.settled_ns = SETTLED_NS}, &statement),
                   "STATEMENT_TOO_LONG");
    // In pages there is no limit.
    arena_set_limit(reader.arena, SIZE_MAX);
    struct ledger_statement_query query = {
        .settled_ns = SETTLED_NS, .size = 1000, .start_index = 10001};
    assert_status_ok(make(&reader, WRITTEN_CUSTOMER, &query, &statement));
    assert_int_equal(statement.entry_count, 1);
    reader_close(&reader);
}

static void test_a_text_beyond_the_limit_is_refused_and_not_cut(void **state)
{
    struct written_history *history = *state;
    written_many(history, LEDGER_TRANSFER_POSTED, LEDGER_STATEMENT_ENTRIES_MAX);
    CLEANUP(reader_close) struct reader reader = reader_open(history);
    struct ledger_statement statement = whole(&reader, WRITTEN_CUSTOMER, 0, 0);
    char description[LEDGER_DESCRIPTION_BYTES_MAX];
    memset(description, '"', sizeof description);
    for (size_t i = 0; i < statement.entry_count; i++)
        statement.entries[i].description = bytes_of(description, sizeof description);
    struct bytes text;
    arena_set_limit(reader.arena, SIZE_MAX);
    assert_refused(ledger_statement_csv(&statement, reader.arena, &text), "STATEMENT_TOO_LONG");
    assert_refused(ledger_statement_camt053(&statement, reader.arena, &text), "STATEMENT_TOO_LONG");
}

static struct status run_damage(struct store_txn *txn, void *context)
{
    struct ledger_transfer transfer;
    (void)context;
    RETURN_IF_ERROR(ledger_store_get_transfer(txn, NULL, 2, &transfer));
    uint8_t key[8], record[LEDGER_TRANSFER_BYTES_MAX];
    transfer.amount++;
    put_u64_be(key, transfer.number);
    size_t size = ledger_transfer_encode(&transfer, record);
    store_put(txn, LEDGER_TABLE_TRANSFERS, bytes_of(key, sizeof key), bytes_of(record, size));
    return STATUS_SUCCESS;
}

static void test_entries_that_do_not_add_up_are_data_loss(void **state)
{
    struct written_history *history = *state;
    written_many(history, LEDGER_TRANSFER_POSTED, 3);
    assert_status_ok(store_write_wait(history->store, run_damage, NULL));
    CLEANUP(reader_close) struct reader reader = reader_open(history);
    struct ledger_statement statement;
    struct ledger_statement_query query = {.settled_ns = SETTLED_NS};
    struct status status = make(&reader, WRITTEN_CUSTOMER, &query, &statement);
    assert_int_equal(status.code, STATUS_DATA_LOSS);
    assert_string_equal(status.reason, "HISTORY_MISMATCH");
}

int main(void)
{
    const struct CMUnitTest of_random[] = {
        cmocka_unit_test(test_any_period_adds_up_and_the_next_one_joins),
        cmocka_unit_test(test_months_follow_each_other),
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_all_formats_say_the_same),
        cmocka_unit_test(test_pages_are_the_whole_statement),
        cmocka_unit_test(test_a_page_lies_in_its_period),
    };
    const struct CMUnitTest of_long[] = {
        cmocka_unit_test_setup_teardown(test_an_account_without_entries_has_a_statement,
                                        setup_empty, teardown),
        cmocka_unit_test_setup_teardown(test_a_page_looks_at_so_many_holds_and_no_more, setup_empty,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_longest_statement_fits_and_one_entry_more_does_not,
                                        setup_empty, teardown),
        cmocka_unit_test_setup_teardown(test_a_text_beyond_the_limit_is_refused_and_not_cut,
                                        setup_empty, teardown),
        cmocka_unit_test_setup_teardown(test_entries_that_do_not_add_up_are_data_loss, setup_empty,
                                        teardown),
    };
    int failed = cmocka_run_group_tests_name("statements of a random history", of_random,
                                             setup_random, teardown);
    return failed + cmocka_run_group_tests_name("long and short statements", of_long, NULL, NULL);
}
