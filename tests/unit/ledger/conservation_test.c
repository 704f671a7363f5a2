// The last check before a commit: money made of nothing stops the process, and is not written.
#include "services/ledger/totals.h"
#include "tests/unit/ledger/books.h"
#include "tests/unit/ledger/fixture.h"
#include "tests/unit/ledger/rules.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CASH = 1, EUROS };

static const uint8_t accounts[] = {CASH, RAVIS, ASHAS, EUROS};

/// What a forger adds to the totals of an account.
struct addition {
    uint8_t account;
    i128 debits_pending, debits_posted, credits_pending, credits_posted;
};

// clang-format off
static const struct forgery {
    const char *name;
    bool is_caught;
    struct addition add[2];
} forgeries[] = {
    // accounts and what is added                 debits_pending, _posted, credits_pending, _posted
    {"credit without debit",              true,  {{RAVIS, 0,  0, 0, 1}}},
    {"debit without credit",              true,  {{RAVIS, 0,  1, 0, 0}}},
    {"a vanished credit",                 true,  {{RAVIS, 0,  0, 0, -1}}},
    {"pending credit without debit",      true,  {{RAVIS, 0,  0, 1, 0}}},
    {"pending debit without credit",      true,  {{RAVIS, 1,  0, 0, 0}}},
    {"posted against pending",            true,  {{RAVIS, 0,  1, 1, 0}}},
    {"posted against another's pending",  true,  {{RAVIS, 0,  0, 0, 1}, {ASHAS, 1, 0, 0, 0}}},
    {"another amount on the other side",  true,  {{RAVIS, 0,  0, 0, 2}, {CASH,  0, 1, 0, 0}}},
    {"debit in another currency",         true,  {{RAVIS, 0,  0, 0, 1}, {EUROS, 0, 1, 0, 0}}},
    {"nothing",                           false, {{RAVIS, 0,  0, 0, 0}}},
    {"both sides of one account",         false, {{RAVIS, 3,  5, 3, 5}}},
    {"two accounts of one class",         false, {{RAVIS, 0,  0, 0, 1}, {ASHAS, 0, 1, 0, 0}}},
    {"accounts of two classes",           false, {{RAVIS, 0,  0, 0, 1}, {CASH,  0, 1, 0, 0}}},
};

// clang-format on

static struct status run_open_accounts(struct store_txn *txn, void *context)
{
    (void)context;
    for (size_t i = 0; i < ROWS(accounts); i++) {
        struct ledger_account account = customer_account(accounts[i]);
        if (accounts[i] == CASH) account.class = LEDGER_CLASS_ASSET;
        if (accounts[i] == EUROS) memcpy(account.currency, "EUR", 4);
        books_add_account(txn, &account);
    }
    struct ledger_transfer transfer;
    return books_post(
        txn,
        &(struct books_posting){
            .kind = LEDGER_TRANSFER_POSTED, .debit = CASH, .credit = RAVIS, .amount = 10},
        &transfer);
}

static struct status run_forgery(struct store_txn *txn, void *context)
{
    const struct forgery *forgery = context;
    for (size_t i = 0; i < ROWS(forgery->add) && forgery->add[i].account != 0; i++) {
        const struct addition *add = &forgery->add[i];
        struct ledger_account account;
        RETURN_IF_ERROR(ledger_store_get_account(txn, id_of(add->account), &account));
        account.totals.debits_pending += (u128)add->debits_pending;
        account.totals.debits_posted += (u128)add->debits_posted;
        account.totals.credits_pending += (u128)add->credits_pending;
        account.totals.credits_posted += (u128)add->credits_posted;
        ledger_store_put_account(txn, &account);
    }
    return STATUS_SUCCESS;
}

/// Runs a forgery in a process of its own; how that ended.
static int try_forgery(struct fixture *fixture, const struct forgery *forgery)
{
    close_fixture(fixture);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fclose(stderr);           // The last words of a process that stops itself.
        signal(SIGABRT, SIG_DFL); // cmocka's handler would go on with the test.
        struct status status = try_open_fixture(fixture);
        if (status_ok(status))
            status = store_write_wait(fixture->store, run_forgery, (void *)(uintptr_t)forgery);
        _exit(status_ok(status) ? 0 : 1);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    open_fixture(fixture);
    return ended;
}

/// The running totals of a class are the sum of its accounts.
static void assert_totals_follow(struct fixture *fixture)
{
    struct arena *arena = arena_open(ARENA_BLOCK_BYTES);
    CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
    struct ledger_trial trial;
    assert_status_ok(ledger_totals_now(txn, arena, &trial));
    for (size_t i = 0; i < trial.row_count; i++) {
        const struct ledger_class_totals *row = &trial.rows[i];
        u128 credits_posted = 0, debits_pending = 0;
        for (size_t k = 0; k < ROWS(accounts); k++) {
            struct ledger_account account;
            assert_status_ok(ledger_store_get_account(txn, id_of(accounts[k]), &account));
            if (account.class != row->class || strcmp(account.currency, row->currency) != 0)
                continue;
            credits_posted += account.totals.credits_posted;
            debits_pending += account.totals.debits_pending;
        }
        assert_true(credits_posted == row->totals.credits_posted);
        assert_true(debits_pending == row->totals.debits_pending);
    }
    assert_true(trial.row_count >= 2);
    arena_close(&arena);
}

static void test_a_forged_commit_never_happens(void **state)
{
    for (size_t i = 0; i < ROWS(forgeries); i++) {
        const struct forgery *forgery = &forgeries[i];
        setup(state);
        struct fixture *fixture = *state;
        run_job(fixture, run_open_accounts, NULL);
        struct ledger_totals before = read_account(fixture, id_of(RAVIS)).totals;
        int ended = try_forgery(fixture, forgery);
        bool is_aborted = WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT;
        bool is_over = WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
        if (forgery->is_caught ? !is_aborted : !is_over)
            fail_msg("%s: wait status %x", forgery->name, (unsigned)ended);

        struct ledger_totals after = read_account(fixture, id_of(RAVIS)).totals;
        bool is_asked = forgery->add[0].credits_posted != 0 || forgery->add[0].debits_posted != 0;
        bool is_changed = memcmp(&before, &after, sizeof before) != 0;
        assert_int_equal(is_changed, is_asked && !forgery->is_caught);
        assert_totals_follow(fixture);
        teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_forged_commit_never_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
