// The last check before a commit: money made of nothing stops the process, and is not written.
#include "tests/unit/ledger/fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASHA = 0x1a, RAVI = 0x2a, ASHAS = 0x11, RAVIS = 0x21 };

struct forgery {
    const char *name;
    i128 debits_posted, credits_posted, debits_pending, credits_pending; // Added to RAVIS.
    bool other_currency; // The counterpart of it is booked, but in another currency.
    bool is_caught;
};

static const struct forgery forgeries[] = {
    {"credit without debit", 0, 1, 0, 0, false, true},
    {"debit without credit", 1, 0, 0, 0, false, true},
    {"a vanished credit", 0, -1, 0, 0, false, true},
    {"pending credit without debit", 0, 0, 0, 1, false, true},
    {"posted against pending", 1, 0, 0, 1, false, true},
    {"debit in another currency", 0, 1, 0, 0, true, true},
    {"nothing", 0, 0, 0, 0, false, false},
    {"both sides", 5, 5, 3, 3, false, false},
};

static struct status run_forgery(struct store_txn *txn, void *context)
{
    const struct forgery *forgery = context;
    struct ledger_account account;
    RETURN_IF_ERROR(ledger_store_get_account(txn, id_of(RAVIS), &account));
    account.totals.debits_posted += (u128)forgery->debits_posted;
    account.totals.credits_posted += (u128)forgery->credits_posted;
    account.totals.debits_pending += (u128)forgery->debits_pending;
    account.totals.credits_pending += (u128)forgery->credits_pending;
    ledger_store_put_account(txn, &account);
    if (!forgery->other_currency) return STATUS_SUCCESS;
    RETURN_IF_ERROR(ledger_store_get_account(txn, id_of(ASHAS), &account));
    account.totals.debits_posted += (u128)forgery->credits_posted;
    ledger_store_put_account(txn, &account);
    return STATUS_SUCCESS;
}

static void make_books(void **state)
{
    setup(state);
    make_account(*state, ASHA, ASHAS, "EUR");
    set_tier(*state, ASHA, "T3", 1);
    make_customer(*state, RAVI, RAVIS);
    must_deposit(*state, RAVIS, 10);
}

static void test_a_forged_commit_never_happens(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(forgeries); i++) {
        void *books;
        make_books(&books);
        struct fixture *fixture = books;
        close_fixture(fixture);
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fclose(stderr);           // The last words of a process that stops itself.
            signal(SIGABRT, SIG_DFL); // cmocka's handler would go on with the test.
            open_fixture(fixture);
            (void)!status_ok(store_write_wait(fixture->store, run_forgery, (void *)&forgeries[i]));
            _exit(0);
        }
        int ended;
        assert_int_equal(waitpid(child, &ended, 0), child);
        if (WIFSIGNALED(ended) != forgeries[i].is_caught)
            fail_msg("%s: wait status %x", forgeries[i].name, (unsigned)ended);
        open_fixture(fixture);
        struct ledger_account account = read_account(fixture, id_of(RAVIS));
        bool is_there = account.totals.credits_posted != 10 ||
                        account.totals.credits_pending != 0 || account.totals.debits_posted != 0;
        bool was_written = !forgeries[i].is_caught && forgeries[i].credits_posted != 0;
        assert_int_equal(is_there, was_written);
        teardown(&books);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_forged_commit_never_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
