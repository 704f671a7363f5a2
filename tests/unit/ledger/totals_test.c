// Running totals: now, and at any time, against sums worked out the naive way.
#include "common/base/check.h"
#include "tests/unit/ledger/books.h"

#include <assert.h>

enum { ACCOUNTS = 12, TRANSFERS = 14000, JOB = 250, HOLDS_MAX = 512, PROBES = 60 };

static_assert(TRANSFERS > 3 * LEDGER_CHECKPOINT_TRANSFERS, "several checkpoints are made");

static const char *const currencies[] = {"INR", "EUR", "JPY"};

/// What the naive side remembers of each transfer: the change of each of its two classes.
struct change {
    uint64_t at_ns;
    const char *currency;
    enum ledger_class class[LEDGER_SIDES];
    struct ledger_totals change[LEDGER_SIDES];
};

struct hold {
    uint64_t number, debit, credit;
    u128 remaining;
};

static struct change *changes;
static size_t change_count;
static struct hold holds[HOLDS_MAX];
static size_t hold_count;

// Account n: currency by n, class by n, so that every class is met in every currency.
static enum ledger_class class_of(uint64_t n)
{
    return (enum ledger_class)(LEDGER_CLASS_ASSET + n / ROWS(currencies) % 4);
}

static struct status run_open_accounts(struct store_txn *txn, void *context)
{
    (void)context;
    for (uint64_t n = 0; n < ACCOUNTS; n++) {
        struct ledger_account account = books_account(n);
        memcpy(account.currency, currencies[n % ROWS(currencies)], 4);
        account.class = class_of(n);
        books_add_account(txn, &account);
    }
    return STATUS_SUCCESS;
}

static void remember(const struct books_posting *posting, const struct ledger_transfer *transfer)
{
    u128 pending = 0, posted = 0; // Modulo 2^128: they may fall.
    switch (posting->kind) {
    case LEDGER_TRANSFER_PENDING:
        pending = posting->amount;
        break;
    case LEDGER_TRANSFER_POST:
        pending = -posting->released;
        posted = posting->amount;
        break;
    case LEDGER_TRANSFER_VOID:
    case LEDGER_TRANSFER_EXPIRY:
        pending = -posting->amount;
        break;
    default:
        posted = posting->amount;
    }
    changes[change_count++] = (struct change){
        .at_ns = transfer->created_at_ns,
        .currency = currencies[posting->debit % ROWS(currencies)],
        .class = {class_of(posting->debit), class_of(posting->credit)},
        .change = {{.debits_pending = pending, .debits_posted = posted},
                   {.credits_pending = pending, .credits_posted = posted}},
    };
}

/// A movement of any kind, as random as the holds that are open let it be.
static struct books_posting random_posting(void)
{
    struct books_posting posting = {.amount = 1 + books_random(1000)};
    uint64_t dice = books_random(10);
    if (dice < 4 && hold_count > 0) { // Something becomes of a hold.
        size_t i = books_random(hold_count);
        struct hold *hold = &holds[i];

        static const enum ledger_transfer_kind kinds[] = {
            LEDGER_TRANSFER_POST, LEDGER_TRANSFER_POST, LEDGER_TRANSFER_VOID,
            LEDGER_TRANSFER_EXPIRY};

        posting = (struct books_posting){.kind = kinds[dice],
                                         .debit = hold->debit,
                                         .credit = hold->credit,
                                         .subject = hold->number,
                                         .amount = hold->remaining,
                                         .released = hold->remaining};
        if (posting.kind == LEDGER_TRANSFER_POST) {
            posting.amount = 1 + books_random((uint64_t)hold->remaining);
            if (dice == 0) posting.released = posting.amount; // Not the final capture.
        }
        hold->remaining -= posting.released;
        if (hold->remaining == 0) holds[i] = holds[--hold_count];
        return posting;
    }
    posting.kind =
        dice < 7 && hold_count < HOLDS_MAX ? LEDGER_TRANSFER_PENDING : LEDGER_TRANSFER_POSTED;
    posting.debit = books_random(ACCOUNTS);
    posting.credit =
        (posting.debit + ROWS(currencies) * (1 + books_random(3))) % ACCOUNTS; // Same currency.
    return posting;
}

static struct status run_random_movements(struct store_txn *txn, void *context)
{
    uint64_t *wall_ns = context;
    for (size_t i = 0; i < JOB; i++) {
        struct books_posting posting = random_posting();
        posting.wall_ns = *wall_ns += 1 + books_random(7);
        struct ledger_transfer transfer;
        RETURN_IF_ERROR(books_post(txn, &posting, &transfer));
        if (posting.kind == LEDGER_TRANSFER_PENDING)
            holds[hold_count++] =
                (struct hold){transfer.number, posting.debit, posting.credit, posting.amount};
        remember(&posting, &transfer);
    }
    return STATUS_SUCCESS;
}

static int setup_movements(void **state)
{
    books_setup(state);
    changes = calloc(TRANSFERS, sizeof *changes);
    assert_non_null(changes);
    books_job(*state, run_open_accounts, NULL);
    uint64_t wall_ns = BOOKS_BEGIN_NS;
    for (size_t i = 0; i < TRANSFERS / JOB; i++)
        books_job(*state, run_random_movements, &wall_ns);
    return 0;
}

static int teardown_movements(void **state)
{
    free(changes);
    return books_teardown(state);
}

/// The naive trial: the sum of all changes up to a time, currency by class.
struct naive_trial {
    bool is_met[ROWS(currencies)][LEDGER_CLASS_END];
    struct ledger_totals totals[ROWS(currencies)][LEDGER_CLASS_END];
};

static struct naive_trial sum_naively(uint64_t at_ns)
{
    struct naive_trial trial = {0};
    for (size_t i = 0; i < change_count && changes[i].at_ns <= at_ns; i++) {
        size_t currency = 0;
        while (strcmp(currencies[currency], changes[i].currency) != 0)
            currency++;
        for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
            enum ledger_class class = changes[i].class[side];
            struct ledger_totals *totals = &trial.totals[currency][class];
            const struct ledger_totals *change = &changes[i].change[side];
            totals->debits_pending += change->debits_pending;
            totals->debits_posted += change->debits_posted;
            totals->credits_pending += change->credits_pending;
            totals->credits_posted += change->credits_posted;
            trial.is_met[currency][class] = true;
        }
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
        size_t currency = 0;
        while (strcmp(currencies[currency], row->currency) != 0)
            currency++;
        assert_true(naive->is_met[currency][row->class]);
        assert_memory_equal(&row->totals, &naive->totals[currency][row->class], sizeof row->totals);
        if (i == 0) continue;
        int order = strcmp(row[-1].currency, row->currency);
        assert_true(order < 0 || (order == 0 && row[-1].class < row->class));
    }
}

static void test_totals_now_are_the_sum_of_everything(void **state)
{
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    struct ledger_trial trial;
    struct naive_trial naive = sum_naively(UINT64_MAX);
    assert_status_ok(ledger_totals_now(txn, arena, &trial));
    assert_trial(&trial, &naive);
    assert_status_ok(ledger_totals_at(txn, arena, UINT64_MAX, &trial));
    assert_trial(&trial, &naive);
    arena_close(&arena);
}

static void assert_trial_at(struct store_txn *txn, struct arena *arena, uint64_t at_ns)
{
    struct ledger_trial trial;
    struct naive_trial naive = sum_naively(at_ns);
    assert_status_ok(ledger_totals_at(txn, arena, at_ns, &trial));
    assert_trial(&trial, &naive);
    arena_reset(arena);
}

static void test_totals_at_a_time_are_the_sum_up_to_it(void **state)
{
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    assert_trial_at(txn, arena, 0);
    for (size_t i = 0; i < PROBES; i++) {
        uint64_t at_ns = changes[books_random(change_count)].at_ns;
        assert_trial_at(txn, arena, at_ns - 1);
        assert_trial_at(txn, arena, at_ns);
    }
    // Around every checkpoint.
    struct store_cursor cursor;
    size_t checkpoint_count = 0;
    store_cursor_open(txn, LEDGER_TABLE_CHECKPOINTS, &cursor);
    for (bool has = store_cursor_first(&cursor); has; has = store_cursor_next(&cursor)) {
        uint64_t at_ns = get_u64_be(cursor.key.data);
        for (uint64_t t = at_ns - 1; t <= at_ns + 1; t++)
            assert_trial_at(txn, arena, t);
        checkpoint_count++;
    }
    store_cursor_close(&cursor);
    assert_int_equal(checkpoint_count, TRANSFERS / (LEDGER_CHECKPOINT_TRANSFERS + JOB - 1));
    arena_close(&arena);
}

static void test_totals_that_do_not_fit_are_refused(void **state)
{
    struct arena *arena = arena_open(16);
    CLEANUP(store_snapshot_end) struct store_txn *txn = books_read(*state);
    struct ledger_trial trial;
    struct status status = ledger_totals_now(txn, arena, &trial);
    assert_int_equal(status.code, STATUS_RESOURCE_EXHAUSTED);
    arena_close(&arena);
}

// ---- Jobs that are taken back -------------------------------------------------------------------

static struct status run_refused(struct store_txn *txn, void *context)
{
    struct ledger_transfer transfer;
    RETURN_IF_ERROR(books_post(txn, context, &transfer));
    return REFUSE(FAILED_PRECONDITION, CHANGED_ITS_MIND, "after everything was written");
}

static struct status run_posting(struct store_txn *txn, void *context)
{
    struct ledger_transfer transfer;
    RETURN_IF_ERROR(books_post(txn, context, &transfer));
    remember(context, &transfer);
    return STATUS_SUCCESS;
}

struct group_job {
    struct store_job job; // First, so that the job's address is this one's.
    struct status (*run)(struct store_txn *txn, void *context);
    struct books_posting *posting;
};

static struct status run_group_job(struct store_job *job, struct store_txn *txn)
{
    struct group_job *own = (struct group_job *)job;
    return own->run(txn, own->posting);
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
    struct books *books = *state;
    changes = realloc(changes, (change_count + 2) * sizeof *changes);
    assert_non_null(changes);
    struct books_posting posting = {.kind = LEDGER_TRANSFER_POSTED, .debit = 0, .credit = 3};
    posting.amount = 77;
    struct group_job jobs[] = {
        {.run = run_refused}, {.run = run_posting}, {.run = run_refused}, {.run = run_posting}};
    for (size_t i = 0; i < ROWS(jobs); i++) {
        jobs[i].posting = &posting;
        jobs[i].job = (struct store_job){.run = run_group_job,
                                         .done = ignore_done,
                                         .next = i + 1 < ROWS(jobs) ? &jobs[i + 1].job : NULL};
    }
    assert_status_ok(
        store_write_submit_all(books->store, &jobs[0].job, &jobs[ROWS(jobs) - 1].job, ROWS(jobs)));
    books_job(books, run_nothing, NULL); // Behind them.
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
    return cmocka_run_group_tests(tests, setup_movements, teardown_movements);
}
