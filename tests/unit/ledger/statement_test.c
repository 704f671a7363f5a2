// Statements: opening + entries = closing = the balance just before `to`, whatever the period; the
// three formats say the same; pages join.
#include "common/base/clock.h"
#include "services/ledger/statement.h"
#include "tests/unit/ledger/camt053_check.h"
#include "tests/unit/ledger/posted_history.h"
#include "tests/unit/ledger/statement_read.h"

#include <time.h>

enum { CUSTOMER = 1, OTHER, CASH, ACCOUNTS = CASH, POSTINGS = 2000, PERIODS = 60 };

#define BEGIN_NS UINT64_C(1769558400000000000) // 2026-01-28T00:00:00Z
#define FEBRUARY_NS UINT64_C(1769904000000000000)
#define MARCH_NS UINT64_C(1772323200000000000)
#define APRIL_NS UINT64_C(1775001600000000000)
#define SETTLED_NS (2 * BEGIN_NS) // Long after all that is posted.
#define HOUR_NS (3600 * NS_PER_SECOND)

struct reader {
    struct store_txn *txn;
    struct arena *arena;
};

static struct reader reader_open(const struct history *history)
{
    return (struct reader){read_store(&history->fixture), arena_open(LEDGER_STATEMENT_ARENA_BYTES)};
}

static void reader_close(struct reader *reader)
{
    end_read(&reader->txn);
    arena_close(&reader->arena);
}

static struct status make(struct reader *reader, uint8_t account,
                          const struct ledger_statement_query *query, struct ledger_statement *ret)
{
    static const struct ledger_details no_details;
    struct ledger_account *read = arena_alloc(reader->arena, sizeof *read);
    assert_status_ok(ledger_store_get_account(reader->txn, id_of(account), read));
    return ledger_statement_make(reader->txn, read, &no_details, query, reader->arena, ret);
}

static struct ledger_statement whole(struct reader *reader, uint8_t account, uint64_t from_ns,
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

static i128 balance_after(uint8_t account, const struct posted_entry *entry)
{
    const struct ledger_totals *after = &entry->posted->transfer.entry[entry->side].after;
    i128 balance = (i128)after->credits_posted - (i128)after->debits_posted;
    return account == CASH ? -balance : balance;
}

static uint64_t booked_at(const struct posted_entry *entry)
{
    return entry->posted->transfer.created_at_ns;
}

/// The balance just before a time, by walking all that was posted.
static i128 balance_before(const struct history *history, uint8_t account, uint64_t ns)
{
    i128 balance = 0;
    for (size_t i = 0; i < history->entry_count[account]; i++)
        if (booked_at(&history->entries[account][i]) < ns)
            balance = balance_after(account, &history->entries[account][i]);
    return balance;
}

static void assert_entry(const struct ledger_statement_entry *entry, uint8_t account,
                         const struct posted_entry *expected, size_t index)
{
    const struct ledger_transfer *posted = &expected->posted->transfer;
    uint64_t value_ns =
        posted->effective_at_ns != 0 ? posted->effective_at_ns : booked_at(expected);
    assert_true(id128_equal(entry->transfer_id, posted->id));
    assert_true(
        id128_equal(entry->counterparty_account_id, posted->account_id[1 - expected->side]));
    assert_int_equal(entry->side, expected->side);
    assert_int_equal(entry->kind, posted->kind);
    assert_int_equal(entry->code, posted->code);
    assert_true(entry->amount == posted->amount);
    assert_true(entry->balance_after == balance_after(account, expected));
    assert_true(entry->booked_at_ns == booked_at(expected));
    assert_true(entry->effective_at_ns == value_ns);
    assert_true(bytes_equal(entry->description, posted->description));
    assert_true(entry->number == posted->number);
    assert_true(entry->index == index);
}

static void assert_statement(const struct history *history, uint8_t account,
                             const struct ledger_statement *statement)
{
    assert_true(statement->opening_balance == balance_before(history, account, statement->from_ns));
    assert_true(statement->closing_balance == balance_before(history, account, statement->to_ns));
    assert_int_equal(statement->next_index, 0);

    size_t found = 0;
    i128 balance = statement->opening_balance;
    u128 sums[LEDGER_SIDES] = {0};
    uint64_t counts[LEDGER_SIDES] = {0};
    for (size_t i = 0; i < history->entry_count[account]; i++) {
        const struct posted_entry *expected = &history->entries[account][i];
        u128 pending, posted;
        books_change(&expected->posted->posting, &pending, &posted);
        if (posted == 0 || booked_at(expected) < statement->from_ns ||
            booked_at(expected) >= statement->to_ns)
            continue;
        assert_true(found < statement->entry_count);
        const struct ledger_statement_entry *entry = &statement->entries[found++];
        assert_entry(entry, account, expected, i + 1);
        bool raises = (entry->side == LEDGER_DEBIT) == (account == CASH);
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
static uint64_t some_time(const struct history *history, uint8_t account)
{
    static const uint64_t ends[] = {FEBRUARY_NS, MARCH_NS, APRIL_NS, BEGIN_NS};
    switch (random_below(4)) {
    case 0:
        return ends[random_below(ROWS(ends))];
    case 1:
        return BEGIN_NS + 1 + random_below(history_last_ns(history) - BEGIN_NS + 1000);
    default: {
        size_t at = (size_t)random_below(history->entry_count[account]);
        return booked_at(&history->entries[account][at]) - 1 + random_below(3);
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
    struct history *history = *state;
    for (uint8_t account = 1; account <= ACCOUNTS; account++) {
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
    struct history *history = *state;
    static const uint64_t ends[] = {BEGIN_NS, FEBRUARY_NS, MARCH_NS, APRIL_NS};
    for (uint8_t account = 1; account <= ACCOUNTS; account++) {
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
        assert_true(balance == balance_before(history, account, APRIL_NS));
    }
}

static void test_periods(void **state)
{
    struct history *history = *state;
    const uint64_t begin = BEGIN_NS, last = history_last_ns(history), march = MARCH_NS;

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
            make(&reader, CUSTOMER,
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
        assert_statement(history, CUSTOMER, &statement);
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
    struct history *history = *state;
    for (uint8_t account = 1; account <= ACCOUNTS; account++) {
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
static size_t assert_pages(struct reader *reader, uint8_t account, uint64_t from_ns, uint64_t to_ns,
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
    struct history *history = *state;
    static const size_t sizes[] = {1, 2, 7, 100, 255, 256, 257, 1000, LEDGER_STATEMENT_ENTRIES_MAX};
    for (uint8_t account = 1; account <= ACCOUNTS; account++) {
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
    struct history *history = *state;
    CLEANUP(reader_close) struct reader reader = reader_open(history);
    struct ledger_statement march = whole(&reader, CUSTOMER, MARCH_NS, APRIL_NS), page;
    assert_true(march.entry_count > 1);
    const uint64_t outside[] = {1, march.entries[0].index - 40,
                                march.entries[march.entry_count - 1].index + 40, UINT64_MAX};
    for (size_t i = 0; i < ROWS(outside); i++)
        assert_refused(make(&reader, CUSTOMER,
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
    history_setup(state);
    clock_test_set(BEGIN_NS, 1);
    history_add_account(*state, LEDGER_CLASS_LIABILITY, "INR");
    history_add_account(*state, LEDGER_CLASS_LIABILITY, "INR");
    history_add_account(*state, LEDGER_CLASS_ASSET, "INR");
    return 0;
}

/// Some hours later, or at once, or exactly at the end of a month, or 1 ns before.
static uint64_t next_time(uint64_t last_ns)
{
    static const uint64_t ends[] = {FEBRUARY_NS, MARCH_NS, APRIL_NS};
    uint64_t next = last_ns + 1 + random_below(2 * HOUR_NS);
    if (random_below(8) == 0) next = last_ns + 1;
    for (size_t i = 0; i < ROWS(ends); i++) {
        if (last_ns < ends[i] - 1 && next > ends[i] - 1) return ends[i] - 1;
        if (last_ns == ends[i] - 1) return ends[i];
    }
    return next;
}

static int setup_random(void **state)
{
    setup_empty(state);
    struct history *history = *state;
    history->next_time = next_time;
    history_random(history, POSTINGS);
    return 0;
}

/// Very many in one commit, 1 ns after each other, of amount 1.
static void post_many(struct history *history, enum ledger_transfer_kind kind, size_t count)
{
    history_repeat(history,
                   &(struct books_posting){.kind = kind,
                                           .debit = CASH,
                                           .credit = CUSTOMER,
                                           .amount = 1,
                                           .description = "one of very many, with a text"},
                   count);
}

static void test_an_account_without_entries_has_a_statement(void **state)
{
    CLEANUP(reader_close) struct reader reader = reader_open(*state);
    struct ledger_statement statement = whole(&reader, CUSTOMER, 0, 0);
    assert_int_equal(statement.entry_count, 0);
    assert_true(statement.opening_balance == 0 && statement.closing_balance == 0);
    assert_formats_agree(&reader, &statement);
    assert_int_equal(assert_pages(&reader, CUSTOMER, 0, 0, 10), 1);
}

static void test_a_page_looks_at_so_many_holds_and_no_more(void **state)
{
    struct history *history = *state;
    post_many(history, LEDGER_TRANSFER_POSTED, 3);
    post_many(history, LEDGER_TRANSFER_PENDING, 5 * LEDGER_STATEMENT_PAGE_LOOKED_AT_MAX / 2);
    post_many(history, LEDGER_TRANSFER_POSTED, 3);
    struct reader reader = reader_open(history);
    struct ledger_statement statement = whole(&reader, CUSTOMER, 0, 0);
    assert_statement(history, CUSTOMER, &statement);
    assert_int_equal(statement.entry_count, 6);
    // Three, none, three.
    assert_int_equal(assert_pages(&reader, CUSTOMER, 0, 0, 100), 3);
    reader_close(&reader);

    post_many(history, LEDGER_TRANSFER_PENDING,
              LEDGER_STATEMENT_LOOKED_AT_MAX - 5 * LEDGER_STATEMENT_PAGE_LOOKED_AT_MAX / 2 - 6);
    reader = reader_open(history);
    statement = whole(&reader, CUSTOMER, 0, 0);
    assert_int_equal(statement.entry_count, 6);
    reader_close(&reader);
    post_many(history, LEDGER_TRANSFER_PENDING, 1);
    reader = reader_open(history);
    assert_refused(make(&reader, CUSTOMER,
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
    struct history *history = *state;
    post_many(history, LEDGER_TRANSFER_POSTED, LEDGER_STATEMENT_ENTRIES_MAX);
    struct reader reader = reader_open(history);
    struct bytes csv, xml;
    uint64_t us[3];
    struct timespec begin;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct ledger_statement statement = whole(&reader, CUSTOMER, 0, 0);
    us[0] = elapsed_us(&begin);
    assert_int_equal(statement.entry_count, LEDGER_STATEMENT_ENTRIES_MAX);
    assert_status_ok(ledger_statement_csv(&statement, reader.arena, &csv));
    us[1] = elapsed_us(&begin) - us[0];
    reader_close(&reader);

    reader = reader_open(history); // One format an arena, as in a call.
    statement = whole(&reader, CUSTOMER, 0, 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    assert_status_ok(ledger_statement_camt053(&statement, reader.arena, &xml));
    us[2] = elapsed_us(&begin);
    print_message("%d entries: made in %ju us; CSV %ju us, %zu bytes; camt.053 %ju us, %zu bytes\n",
                  LEDGER_STATEMENT_ENTRIES_MAX, (uintmax_t)us[0], (uintmax_t)us[1], csv.size,
                  (uintmax_t)us[2], xml.size);
    char problem[CAMT053_PROBLEM_BYTES];
    if (!camt053_check(xml, problem)) fail_msg("%s", problem);
    reader_close(&reader);

    post_many(history, LEDGER_TRANSFER_POSTED, 1);
    reader = reader_open(history);
    assert_refused(make(&reader, CUSTOMER,
                        &(struct ledger_statement_query){.settled_ns = SETTLED_NS}, &statement),
                   "STATEMENT_TOO_LONG");
    // In pages there is no limit.
    arena_set_limit(reader.arena, SIZE_MAX);
    struct ledger_statement_query query = {
        .settled_ns = SETTLED_NS, .size = 1000, .start_index = 10001};
    assert_status_ok(make(&reader, CUSTOMER, &query, &statement));
    assert_int_equal(statement.entry_count, 1);
    reader_close(&reader);
}

static void test_a_text_beyond_the_limit_is_refused_and_not_cut(void **state)
{
    struct history *history = *state;
    post_many(history, LEDGER_TRANSFER_POSTED, LEDGER_STATEMENT_ENTRIES_MAX);
    CLEANUP(reader_close) struct reader reader = reader_open(history);
    struct ledger_statement statement = whole(&reader, CUSTOMER, 0, 0);
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
    transfer.amount++;
    raw_put_transfer(txn, &transfer);
    return STATUS_SUCCESS;
}

static void test_entries_that_do_not_add_up_are_data_loss(void **state)
{
    struct history *history = *state;
    post_many(history, LEDGER_TRANSFER_POSTED, 3);
    run_job(&history->fixture, run_damage, NULL);
    CLEANUP(reader_close) struct reader reader = reader_open(history);
    struct ledger_statement statement;
    struct ledger_statement_query query = {.settled_ns = SETTLED_NS};
    struct status status = make(&reader, CUSTOMER, &query, &statement);
    assert_int_equal(status.code, STATUS_DATA_LOSS);
    assert_string_equal(status.reason, "HISTORY_MISMATCH");
}

#define LONG(name_) cmocka_unit_test_setup_teardown(test_##name_, setup_empty, history_teardown)

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
        LONG(an_account_without_entries_has_a_statement),
        LONG(a_page_looks_at_so_many_holds_and_no_more),
        LONG(the_longest_statement_fits_and_one_entry_more_does_not),
        LONG(a_text_beyond_the_limit_is_refused_and_not_cut),
        LONG(entries_that_do_not_add_up_are_data_loss),
    };
    int failed = cmocka_run_group_tests_name("statements of a random history", of_random,
                                             setup_random, history_teardown);
    return failed + cmocka_run_group_tests_name("long and short statements", of_long, NULL, NULL);
}
