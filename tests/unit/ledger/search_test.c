// Finding a place in a history by jump pointers, against the naive walk through all of it.
#include "services/ledger/search.h"
#include "tests/unit/ledger/posted_history.h"

enum { ACCOUNTS = 4, POSTINGS = 6000, FIRST = 1 };

/// Reads of transfers are counted: the linker leads search.c's calls here.
struct status __real_ledger_store_get_transfer(struct store_txn *txn, struct arena *arena,
                                               uint64_t number, struct ledger_transfer *ret);
struct status __wrap_ledger_store_get_transfer(struct store_txn *txn, struct arena *arena,
                                               uint64_t number, struct ledger_transfer *ret);

static size_t reads;

struct status __wrap_ledger_store_get_transfer(struct store_txn *txn, struct arena *arena,
                                               uint64_t number, struct ledger_transfer *ret)
{
    reads++;
    return __real_ledger_store_get_transfer(txn, arena, number, ret);
}

static int setup_history(void **state)
{
    history_setup(state);
    for (size_t i = 1; i < ACCOUNTS; i++)
        history_add_account(*state, LEDGER_CLASS_LIABILITY, "INR");
    history_random(*state, POSTINGS);
    history_add_account(*state, LEDGER_CLASS_LIABILITY, "INR"); // Of no postings.
    return 0;
}

/// What entry `index` of an account is searched by.
static uint64_t key_of(const struct history *history, uint8_t account, size_t index,
                       enum ledger_search_by by)
{
    const struct ledger_transfer *transfer = &history->entries[account][index - 1].posted->transfer;
    if (by == LEDGER_BY_INDEX) return index;
    return by == LEDGER_BY_TIME ? transfer->created_at_ns : transfer->number;
}

/// The naive answer: the index of the newest entry whose key is at most so much; 0: none.
static size_t find_naively(const struct history *history, uint8_t account, enum ledger_search_by by,
                           uint64_t at_most)
{
    size_t index = history->entry_count[account];
    while (index > 0 && key_of(history, account, index, by) > at_most)
        index--;
    return index;
}

static struct ledger_account get_account(struct store_txn *txn, uint8_t name)
{
    struct ledger_account account;
    assert_status_ok(ledger_store_get_account(txn, id_of(name), &account));
    return account;
}

static size_t compare(const struct history *history, struct store_txn *txn, uint8_t name,
                      enum ledger_search_by by, uint64_t at_most)
{
    struct ledger_account account = get_account(txn, name);
    struct ledger_transfer found;
    enum ledger_side side = LEDGER_SIDES;
    size_t index = find_naively(history, name, by, at_most);
    reads = 0;
    struct status status = ledger_search(txn, &account, by, at_most, &found, &side);
    size_t reads_of_search = reads;
    if (index == 0) {
        assert_int_equal(status.code, STATUS_NOT_FOUND);
        return reads_of_search;
    }
    assert_status_ok(status);
    assert_int_equal(found.number, key_of(history, name, index, LEDGER_BY_NUMBER));
    assert_int_equal(side, history->entries[name][index - 1].side);
    assert_int_equal(found.entry[side].index, index);
    return reads_of_search;
}

static void test_search_agrees_with_the_naive_walk(void **state)
{
    const struct history *history = *state;
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    static const char *const names[] = {"time", "index", "number"};
    for (enum ledger_search_by by = LEDGER_BY_TIME; by <= LEDGER_BY_NUMBER; by++) {
        size_t most = 0, sum = 0, searches = 0;
        for (uint8_t n = 1; n <= ACCOUNTS; n++) {
            for (size_t i = 1; i <= history->entry_count[n]; i += 1 + random_below(8)) {
                uint64_t key = key_of(history, n, i, by);
                for (uint64_t at_most = key - 1; at_most <= key + 1; at_most++) {
                    size_t count = compare(history, txn, n, by, at_most);
                    if (count > most) most = count;
                    sum += count;
                    searches++;
                }
            }
            compare(history, txn, n, by, 0);
            compare(history, txn, n, by, UINT64_MAX);
        }
        print_message("by %s: %zu searches, %.1f reads each, at most %zu\n", names[by], searches,
                      (double)sum / (double)searches, most);
        // 3 log2(6,000) = 38 steps; the targets of jumps that are not taken cost little.
        assert_true(most <= 40);
    }
}

static void test_steps_lead_through_the_whole_history(void **state)
{
    const struct history *history = *state;
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    struct ledger_account account = get_account(txn, FIRST);
    struct ledger_transfer transfer;
    enum ledger_side side;
    assert_status_ok(ledger_search(txn, &account, LEDGER_BY_TIME, UINT64_MAX, &transfer, &side));
    for (size_t i = history->entry_count[FIRST]; i-- > 0;) {
        const struct posted_entry *entry = &history->entries[FIRST][i];
        assert_int_equal(transfer.number, entry->posted->transfer.number);
        assert_int_equal(side, entry->side);
        struct status status = ledger_search_step(txn, &account, &transfer, &side);
        assert_int_equal(status.code, i > 0 ? STATUS_OK : STATUS_NOT_FOUND);
    }
}

static void test_totals_are_those_after_the_entry(void **state)
{
    const struct history *history = *state;
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    for (uint8_t n = 1; n <= ACCOUNTS; n++) {
        struct ledger_account account = get_account(txn, n);
        for (size_t i = 0; i < 300; i++) {
            uint64_t at_ns = TEST_BEGIN_NS - 5 + random_below(4 * POSTINGS), index;
            struct ledger_totals totals, expected = {0};
            assert_status_ok(ledger_search_totals(txn, &account, at_ns, &totals, &index));
            assert_int_equal(index, find_naively(history, n, LEDGER_BY_TIME, at_ns));
            if (index > 0) {
                const struct posted_entry *entry = &history->entries[n][index - 1];
                expected = entry->posted->transfer.entry[entry->side].after;
            }
            assert_memory_equal(&totals, &expected, sizeof totals);
        }
    }
}

static struct status run_damage(struct store_txn *txn, void *context)
{
    store_delete(txn, LEDGER_TABLE_TRANSFERS, raw_number_key(*(const uint64_t *)context));
    return STATUS_SUCCESS;
}

static void test_a_missing_transfer_is_a_loss_of_data(void **state)
{
    struct history *history = *state;
    uint64_t number = key_of(history, FIRST, history->entry_count[FIRST], LEDGER_BY_NUMBER);
    run_job(&history->fixture, run_damage, &number);
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    struct ledger_account account = get_account(txn, FIRST);
    struct ledger_transfer transfer;
    enum ledger_side side;
    assert_refused(ledger_search(txn, &account, LEDGER_BY_TIME, UINT64_MAX, &transfer, &side),
                   "MISSING_TRANSFER");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_agrees_with_the_naive_walk),
        cmocka_unit_test(test_steps_lead_through_the_whole_history),
        cmocka_unit_test(test_totals_are_those_after_the_entry),
        cmocka_unit_test(test_a_missing_transfer_is_a_loss_of_data), // Damages the books: last.
    };
    return cmocka_run_group_tests(tests, setup_history, history_teardown);
}
