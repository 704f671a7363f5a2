// Finding a place in a history by jump pointers, against the naive walk through all of it.
#include "common/base/check.h"
#include "tests/unit/ledger/books.h"

enum { ACCOUNTS = 6, TRANSFERS = 6000, JOB = 500, HOT = 1, LONE = ACCOUNTS };

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

/// The naive history of each account: its entries, oldest first.
struct naive_entry {
    uint64_t key[LEDGER_BY_NUMBER + 1];
    enum ledger_side side;
    struct ledger_totals after;
};

static struct naive_entry (*histories)[TRANSFERS];
static size_t counts[ACCOUNTS + 1];

static struct status run_open_accounts(struct store_txn *txn, void *context)
{
    (void)context;
    for (uint64_t n = 1; n <= ACCOUNTS; n++) {
        struct ledger_account account = books_account(n);
        books_add_account(txn, &account);
    }
    return STATUS_SUCCESS;
}

static void remember(uint64_t n, enum ledger_side side, const struct ledger_transfer *transfer)
{
    struct naive_entry *entry = &histories[n][counts[n]++];
    *entry = (struct naive_entry){
        .key = {transfer->created_at_ns, counts[n], transfer->number},
        .side = side,
        .after = transfer->entry[side].after,
    };
}

// Account HOT is in every other transfer, LONE in none; times have gaps.
static struct status run_random_transfers(struct store_txn *txn, void *context)
{
    uint64_t *wall_ns = context;
    for (size_t i = 0; i < JOB; i++) {
        *wall_ns += 1 + books_random(5);
        uint64_t debit = books_random(2) == 0 ? HOT : 1 + books_random(ACCOUNTS - 1);
        uint64_t credit = 1 + (debit + books_random(ACCOUNTS - 2)) % (ACCOUNTS - 1);
        struct books_posting posting = {.kind = LEDGER_TRANSFER_POSTED,
                                        .debit = debit,
                                        .credit = credit,
                                        .amount = 1 + books_random(100),
                                        .wall_ns = *wall_ns};
        struct ledger_transfer transfer;
        RETURN_IF_ERROR(books_post(txn, &posting, &transfer));
        remember(debit, LEDGER_DEBIT, &transfer);
        remember(credit, LEDGER_CREDIT, &transfer);
    }
    return STATUS_SUCCESS;
}

static int setup_histories(void **state)
{
    books_setup(state);
    histories = calloc(ACCOUNTS + 1, sizeof *histories);
    assert_non_null(histories);
    books_job(*state, run_open_accounts, NULL);
    uint64_t wall_ns = BOOKS_BEGIN_NS;
    for (size_t i = 0; i < TRANSFERS / JOB; i++)
        books_job(*state, run_random_transfers, &wall_ns);
    return 0;
}

static int teardown_histories(void **state)
{
    free(histories);
    return books_teardown(state);
}

/// The naive answer: the newest entry whose key is at most so much; NULL: none.
static const struct naive_entry *find_naively(uint64_t n, enum ledger_search_by by,
                                              uint64_t at_most)
{
    for (size_t i = counts[n]; i-- > 0;) {
        if (histories[n][i].key[by] <= at_most) return &histories[n][i];
    }
    return NULL;
}

static size_t compare(struct store_txn *txn, uint64_t n, enum ledger_search_by by, uint64_t at_most)
{
    struct ledger_account account;
    struct ledger_transfer found;
    enum ledger_side side = LEDGER_SIDES;
    assert_status_ok(ledger_store_get_account(txn, books_account_id(n), &account));
    const struct naive_entry *naive = find_naively(n, by, at_most);
    reads = 0;
    struct status status = ledger_search(txn, &account, by, at_most, &found, &side);
    size_t reads_of_search = reads;
    if (naive == NULL) {
        assert_int_equal(status.code, STATUS_NOT_FOUND);
        return reads_of_search;
    }
    assert_status_ok(status);
    assert_int_equal(found.number, naive->key[LEDGER_BY_NUMBER]);
    assert_int_equal(side, naive->side);
    assert_int_equal(found.entry[side].index, naive->key[LEDGER_BY_INDEX]);
    return reads_of_search;
}

static void test_search_agrees_with_the_naive_walk(void **state)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    static const char *const names[] = {"time", "index", "number"};
    for (enum ledger_search_by by = LEDGER_BY_TIME; by <= LEDGER_BY_NUMBER; by++) {
        size_t most = 0, sum = 0, searches = 0;
        for (uint64_t n = 1; n <= ACCOUNTS; n++) {
            for (size_t i = 0; i < counts[n]; i += 1 + books_random(8)) {
                uint64_t key = histories[n][i].key[by];
                for (uint64_t at_most = key - 1; at_most <= key + 1; at_most++) {
                    size_t count = compare(txn, n, by, at_most);
                    if (count > most) most = count;
                    sum += count;
                    searches++;
                }
            }
            compare(txn, n, by, 0);
            compare(txn, n, by, UINT64_MAX);
        }
        print_message("by %s: %zu searches, %.1f reads each, at most %zu\n", names[by], searches,
                      (double)sum / (double)searches, most);
        // 3 log2(6,000) = 38 steps; the targets of jumps that are not taken cost little.
        assert_true(most <= 40);
    }
}

static void test_steps_lead_through_the_whole_history(void **state)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    struct ledger_account account;
    struct ledger_transfer transfer;
    enum ledger_side side;
    assert_status_ok(ledger_store_get_account(txn, books_account_id(HOT), &account));
    assert_status_ok(ledger_search(txn, &account, LEDGER_BY_TIME, UINT64_MAX, &transfer, &side));
    for (size_t i = counts[HOT]; i-- > 0;) {
        assert_int_equal(transfer.number, histories[HOT][i].key[LEDGER_BY_NUMBER]);
        assert_int_equal(side, histories[HOT][i].side);
        struct status status = ledger_search_step(txn, &account, &transfer, &side);
        assert_int_equal(status.code, i > 0 ? STATUS_OK : STATUS_NOT_FOUND);
    }
}

static void test_totals_are_those_after_the_entry(void **state)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    for (uint64_t n = 1; n <= ACCOUNTS; n++) {
        struct ledger_account account;
        assert_status_ok(ledger_store_get_account(txn, books_account_id(n), &account));
        for (size_t i = 0; i < 300; i++) {
            uint64_t at_ns = BOOKS_BEGIN_NS - 5 + books_random(4 * TRANSFERS), index;
            struct ledger_totals totals;
            assert_status_ok(ledger_search_totals(txn, &account, at_ns, &totals, &index));
            const struct naive_entry *naive = find_naively(n, LEDGER_BY_TIME, at_ns);
            assert_int_equal(index, naive != NULL ? naive->key[LEDGER_BY_INDEX] : 0);
            static const struct ledger_totals zeros;
            assert_memory_equal(&totals, naive != NULL ? &naive->after : &zeros, sizeof totals);
        }
    }
}

static struct status run_damage(struct store_txn *txn, void *context)
{
    uint8_t key[8];
    put_u64_be(key, *(const uint64_t *)context);
    store_delete(txn, LEDGER_TABLE_TRANSFERS, bytes_of(key, sizeof key));
    return STATUS_SUCCESS;
}

static void test_a_missing_transfer_is_a_loss_of_data(void **state)
{
    uint64_t number = histories[HOT][counts[HOT] - 1].key[LEDGER_BY_NUMBER];
    books_job(*state, run_damage, &number);
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    struct ledger_account account;
    struct ledger_transfer transfer;
    enum ledger_side side;
    assert_status_ok(ledger_store_get_account(txn, books_account_id(HOT), &account));
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
    return cmocka_run_group_tests(tests, setup_histories, teardown_histories);
}
