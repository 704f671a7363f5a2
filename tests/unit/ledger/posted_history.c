#include "tests/unit/ledger/posted_history.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/unit/ledger/rules.h"

#define DAY_NS (UINT64_C(86400) * NS_PER_SECOND)

int history_setup(void **state)
{
    struct history *history = calloc(1, sizeof *history);
    assert_non_null(history);
    history->posted = calloc(HISTORY_POSTINGS_MAX, sizeof *history->posted);
    assert_non_null(history->posted);
    make_fixture(&history->fixture);
    open_fixture(&history->fixture);
    *state = history;
    return 0;
}

int history_teardown(void **state)
{
    struct history *history = *state;
    close_fixture(&history->fixture);
    remove_fixture(&history->fixture);
    for (size_t i = 1; i <= history->account_count; i++)
        free(history->entries[i]);
    free(history->posted);
    free(history);
    return 0;
}

static struct status run_add_account(struct store_txn *txn, void *context)
{
    books_add_account(txn, context);
    return STATUS_SUCCESS;
}

void history_add_account(struct history *history, enum ledger_class class, const char *currency)
{
    assert_true(history->account_count < HISTORY_ACCOUNTS_MAX);
    uint8_t name = ++history->account_count;
    struct ledger_account *account = &history->accounts[name];
    *account = customer_account(name);
    account->class = class;
    snprintf(account->currency, sizeof account->currency, "%s", currency);
    history->entries[name] = calloc(HISTORY_POSTINGS_MAX, sizeof *history->entries[name]);
    assert_non_null(history->entries[name]);
    run_job(&history->fixture, run_add_account, account);
}

uint64_t history_last_ns(const struct history *history)
{
    if (history->count == 0) return clock_wall_ns();
    return history->posted[history->count - 1].transfer.created_at_ns;
}

struct status history_post(struct history *history, struct store_txn *txn,
                           const struct books_posting *posting)
{
    CHECK(history->count < HISTORY_POSTINGS_MAX);
    struct posted *posted = &history->posted[history->count++];
    posted->posting = *posting;
    RETURN_IF_ERROR(books_post(txn, posting, &posted->transfer));
    const uint8_t names[LEDGER_SIDES] = {posting->debit, posting->credit};
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        uint8_t name = names[side];
        history->entries[name][history->entry_count[name]++] = (struct posted_entry){posted, side};
    }
    return STATUS_SUCCESS;
}

struct history_job {
    struct history *history;
    const struct books_posting *posting; // NULL: random ones.
    size_t count;
};

// ---- Random postings ----------------------------------------------------------------------------

static const char *random_description(void)
{
    static const char *const texts[] = {
        NULL,
        "rent",
        "=1+1",
        "'quoted' and \"quoted\"",
        "comma, semicolon; <tag> & more",
        "caf\u00e9 \u20b9 \U0001f600",
        "two\nlines\r\nand a tab\t.",
        "  -spaces before",
    };
    return texts[random_below(ROWS(texts))];
}

/// Something becomes of an open hold.
static void draw_follow_up(struct history *history, struct books_posting *posting)
{
    static const enum ledger_transfer_kind kinds[] = {LEDGER_TRANSFER_POST, LEDGER_TRANSFER_POST,
                                                      LEDGER_TRANSFER_VOID, LEDGER_TRANSFER_EXPIRY};

    size_t i = random_below(history->hold_count), dice = random_below(ROWS(kinds));
    const struct books_posting *hold = &history->posted[history->holds[i].number - 1].posting;
    u128 *remaining = &history->holds[i].remaining;
    posting->kind = kinds[dice];
    posting->debit = hold->debit;
    posting->credit = hold->credit;
    posting->subject = history->holds[i].number;
    posting->amount = posting->released = *remaining;
    if (posting->kind == LEDGER_TRANSFER_POST) {
        posting->amount = 1 + random_below((uint64_t)*remaining);
        if (dice == 0) posting->released = posting->amount; // Not the final capture.
    }
    *remaining -= posting->released;
    if (*remaining == 0) history->holds[i] = history->holds[--history->hold_count];
}

/// The last posting goes back, or a part of it.
static void draw_reversal(const struct history *history, struct books_posting *posting)
{
    const struct books_posting *last = &history->posted[history->count - 1].posting;
    posting->kind = LEDGER_TRANSFER_REVERSAL;
    posting->debit = last->credit;
    posting->credit = last->debit;
    posting->subject = history->count;
    posting->amount = 1 + random_below((uint64_t)last->amount);
}

static void draw_first_step(struct history *history, bool is_hold, struct books_posting *posting)
{
    const struct ledger_account *accounts = history->accounts;
    posting->kind = is_hold ? LEDGER_TRANSFER_PENDING : LEDGER_TRANSFER_POSTED;
    posting->amount = 1 + random_below(1000000);
    posting->debit = (uint8_t)(1 + random_below(history->account_count));
    do
        posting->credit = (uint8_t)(1 + random_below(history->account_count));
    while (posting->credit == posting->debit ||
           strcmp(accounts[posting->credit].currency, accounts[posting->debit].currency) != 0);
    if (!is_hold) return;
    history->holds[history->hold_count].number = history->count + 1;
    history->holds[history->hold_count++].remaining = posting->amount;
}

/// As random as what is open lets it be.
static struct books_posting draw(struct history *history)
{
    uint64_t last_ns = history_last_ns(history), dice = random_below(20);
    struct books_posting posting = {.code = (uint16_t)random_below(65536),
                                    .description = random_description(),
                                    .wall_ns = history->next_time != NULL
                                                   ? history->next_time(last_ns)
                                                   : last_ns + 1 + random_below(7)};
    if (random_below(4) == 0) posting.effective_at_ns = posting.wall_ns - random_below(3 * DAY_NS);
    bool is_after_posted = history->count > 0 && history->posted[history->count - 1].posting.kind ==
                                                     LEDGER_TRANSFER_POSTED;
    if (dice < 8 && history->hold_count > 0)
        draw_follow_up(history, &posting);
    else if (dice < 10 && is_after_posted)
        draw_reversal(history, &posting);
    else
        draw_first_step(history, dice < 14 && history->hold_count < HISTORY_HOLDS_MAX, &posting);
    return posting;
}

static struct status run_history_job(struct store_txn *txn, void *context)
{
    struct history_job *job = context;
    for (size_t i = 0; i < job->count; i++) {
        struct books_posting posting = job->posting != NULL ? *job->posting : draw(job->history);
        RETURN_IF_ERROR(history_post(job->history, txn, &posting));
    }
    return STATUS_SUCCESS;
}

void history_repeat(struct history *history, const struct books_posting *posting, size_t count)
{
    run_job(&history->fixture, run_history_job, &(struct history_job){history, posting, count});
}

void history_random(struct history *history, size_t count)
{
    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < HISTORY_JOB_POSTINGS ? count - done : HISTORY_JOB_POSTINGS;
        run_job(&history->fixture, run_history_job, &(struct history_job){history, NULL, part});
    }
}
