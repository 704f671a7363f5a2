// Running totals: now, and at any time, against sums worked out the naive way.
#include "services/ledger/totals.h"
#include "tests/unit/ledger/posted_history.h"

#include <assert.h>

enum { ACCOUNTS = 12, POSTINGS = 14000, PROBES = 60 };

static_assert(POSTINGS > 3 * LEDGER_CHECKPOINT_TRANSFERS, "several checkpoints are made");

static const char *const currencies[] = {"INR", "EUR", "JPY"};

// Every class is met in every currency.
static int setup_history(void **state)
{
    history_setup(state);
    for (size_t n = 0; n < ACCOUNTS; n++)
        history_add_account(*state,
                            (enum ledger_class)(LEDGER_CLASS_ASSET + n / ROWS(currencies) % 4),
                            currencies[n % ROWS(currencies)]);
    history_random(*state, POSTINGS);
    return 0;
}

static size_t currency_index(const char *currency)
{
    size_t i = 0;
    while (strcmp(currencies[i], currency) != 0)
        i++;
    return i;
}

/// The naive trial: the sum of all changes up to a time, currency by class.
struct naive_trial {
    bool is_met[ROWS(currencies)][LEDGER_CLASS_END];
    struct ledger_totals totals[ROWS(currencies)][LEDGER_CLASS_END];
};

static void sum_entry(struct naive_trial *trial, const struct ledger_account *account,
                      enum ledger_side side, u128 pending, u128 posted)
{
    size_t currency = currency_index(account->currency);
    struct ledger_totals *totals = &trial->totals[currency][account->class];
    *(side == LEDGER_DEBIT ? &totals->debits_pending : &totals->credits_pending) += pending;
    *(side == LEDGER_DEBIT ? &totals->debits_posted : &totals->credits_posted) += posted;
    trial->is_met[currency][account->class] = true;
}

static struct naive_trial sum_naively(const struct history *history, uint64_t at_ns)
{
    struct naive_trial trial = {0};
    for (size_t i = 0; i < history->count; i++) {
        const struct books_posting *posting = &history->posted[i].posting;
        if (history->posted[i].transfer.created_at_ns > at_ns) break;
        u128 pending, posted;
        books_change(posting, &pending, &posted);
        sum_entry(&trial, &history->accounts[posting->debit], LEDGER_DEBIT, pending, posted);
        sum_entry(&trial, &history->accounts[posting->credit], LEDGER_CREDIT, pending, posted);
    }
    return trial;
}

static void assert_trial(const struct ledger_trial *trial, const struct naive_trial *naive)
{
    size_t row_count = 0;
    for (size_t currency = 0; currency < ROWS(currencies); currency++) {
        for (enum ledger_class class = 0; class < LEDGER_CLASS_END; class ++)
            row_count += naive->is_met[currency][class];
    }
    assert_int_equal(trial->row_count, row_count);
    for (size_t i = 0; i < trial->row_count; i++) {
        const struct ledger_class_totals *row = &trial->rows[i];
        size_t currency = currency_index(row->currency);
        assert_true(naive->is_met[currency][row->class]);
        assert_memory_equal(&row->totals, &naive->totals[currency][row->class], sizeof row->totals);
        if (i == 0) continue;
        int order = strcmp(row[-1].currency, row->currency);
        assert_true(order < 0 || (order == 0 && row[-1].class < row->class));
    }
}

static void test_totals_now_are_the_sum_of_everything(void **state)
{
    const struct history *history = *state;
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    struct ledger_trial trial;
    struct naive_trial naive = sum_naively(history, UINT64_MAX);
    assert_status_ok(ledger_totals_now(txn, arena, &trial));
    assert_trial(&trial, &naive);
    assert_status_ok(ledger_totals_at(txn, arena, UINT64_MAX, &trial));
    assert_trial(&trial, &naive);
    arena_close(&arena);
}

static void assert_trial_at(const struct history *history, struct store_txn *txn,
                            struct arena *arena, uint64_t at_ns)
{
    struct ledger_trial trial;
    struct naive_trial naive = sum_naively(history, at_ns);
    assert_status_ok(ledger_totals_at(txn, arena, at_ns, &trial));
    assert_trial(&trial, &naive);
    arena_reset(arena);
}

static void test_totals_at_a_time_are_the_sum_up_to_it(void **state)
{
    const struct history *history = *state;
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    assert_trial_at(history, txn, arena, 0);
    for (size_t i = 0; i < PROBES; i++) {
        uint64_t at_ns = history->posted[random_below(history->count)].transfer.created_at_ns;
        assert_trial_at(history, txn, arena, at_ns - 1);
        assert_trial_at(history, txn, arena, at_ns);
    }
    // Around every checkpoint.
    struct store_cursor cursor;
    size_t checkpoint_count = 0;
    store_cursor_open(txn, LEDGER_TABLE_CHECKPOINTS, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor)) {
        uint64_t at_ns = get_u64_be(cursor.key.data);
        for (uint64_t t = at_ns - 1; t <= at_ns + 1; t++)
            assert_trial_at(history, txn, arena, t);
        checkpoint_count++;
    }
    store_cursor_close(&cursor);
    assert_int_equal(checkpoint_count,
                     POSTINGS / (LEDGER_CHECKPOINT_TRANSFERS + HISTORY_JOB_POSTINGS - 1));
    arena_close(&arena);
}

static void test_totals_that_do_not_fit_are_refused(void **state)
{
    const struct history *history = *state;
    struct arena *arena = arena_open(16);
    CLEANUP(end_read) struct store_txn *txn = read_store(&history->fixture);
    struct ledger_trial trial;
    struct status status = ledger_totals_now(txn, arena, &trial);
    assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
    arena_close(&arena);
}

// ---- Jobs that are taken back -------------------------------------------------------------------

static const struct books_posting refused_or_kept = {
    .kind = LEDGER_TRANSFER_POSTED, .debit = 1, .credit = 4, .amount = 77};

static struct status run_refused(struct store_txn *txn, void *context)
{
    struct ledger_transfer transfer;
    (void)context;
    RETURN_IF_ERROR(books_post(txn, &refused_or_kept, &transfer));
    return REFUSE(FAILED_PRECONDITION, CHANGED_ITS_MIND, "after everything was written");
}

static struct status run_kept(struct store_txn *txn, void *context)
{
    return history_post(context, txn, &refused_or_kept);
}

struct group_job {
    struct store_job job; // First, so that the job's address is this one's.
    struct status (*run)(struct store_txn *txn, void *context);
    struct history *history;
};

static struct status run_group_job(struct store_job *job, struct store_txn *txn)
{
    struct group_job *own = (struct group_job *)job;
    return own->run(txn, own->history);
}

static void ignore_done(struct store_job *job, struct status status)
{
    (void)job;
    (void)status;
}

static struct status run_nothing(struct store_txn *txn, void *context)
{
    (void)txn;
    (void)context;
    return STATUS_SUCCESS;
}

// Kept and refused jobs side by side in one group: only what was kept is in the totals.
static void test_a_refused_job_leaves_no_trace(void **state)
{
    struct history *history = *state;
    struct group_job jobs[] = {
        {.run = run_refused}, {.run = run_kept}, {.run = run_refused}, {.run = run_kept}};
    for (size_t i = 0; i < ROWS(jobs); i++) {
        jobs[i].history = history;
        jobs[i].job = (struct store_job){.run = run_group_job,
                                         .done = ignore_done,
                                         .next = i + 1 < ROWS(jobs) ? &jobs[i + 1].job : NULL};
    }
    assert_status_ok(store_write_submit_all(history->fixture.store, &jobs[0].job,
                                            &jobs[ROWS(jobs) - 1].job, ROWS(jobs)));
    run_job(&history->fixture, run_nothing, NULL); // Behind them.
    assert_int_equal(history->count, POSTINGS + 2);
    test_totals_now_are_the_sum_of_everything(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals_now_are_the_sum_of_everything),
        cmocka_unit_test(test_totals_at_a_time_are_the_sum_up_to_it),
        cmocka_unit_test(test_totals_that_do_not_fit_are_refused),
        cmocka_unit_test(test_a_refused_job_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, setup_history, history_teardown);
}
