// Dies at every write system call of every commit, before it and after it, and once it is half
// done; each time the books must be clean, nothing acknowledged may be missing, no job may be half
// there.
//
// The store's calls into libc are answered by the functions of the same names here: a program's own
// symbols come before a library's. A child process runs a script of jobs and tells each one that is
// durable through a pipe; the call at which it is to die is counted down from one run to the next.
#include "common/base/clock.h"
#include "services/ledger/expiry.h"
#include "services/ledger/unit.h"
#include "tests/unit/ledger/fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- The calls ----------------------------------------------------------------------------------

enum death { BEFORE, HALF, AFTER, DEATHS };

static long calls_left = -1; // -1: nobody dies.
static enum death how;

static void die(void)
{
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        pause();
}

/// True for the call that is the last one.
static bool is_last(void)
{
    if (calls_left < 0) return false;
    return calls_left-- == 0;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    bool last = is_last();
    if (last && how == BEFORE) die();
    if (last && how == HALF) {
        syscall(SYS_pwrite64, fd, data, size / 2, offset);
        die();
    }
    ssize_t written = syscall(SYS_pwrite64, fd, data, size, offset);
    if (last) die();
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    bool last = is_last();
    if (last && how == BEFORE) die();
    if (last && how == HALF) {
        syscall(SYS_writev, fd, parts, (count + 1) / 2);
        die();
    }
    ssize_t written = syscall(SYS_writev, fd, parts, count);
    if (last) die();
    return written;
}

static int synced(long call, int fd)
{
    bool last = is_last();
    if (last && how != AFTER) die();
    int rc = (int)syscall(call, fd);
    if (last) die();
    return rc;
}

int fdatasync(int fd)
{
    return synced(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return synced(SYS_fsync, fd);
}

// ---- The script ---------------------------------------------------------------------------------

enum { JOBS = 16, GROUP = 20, ARENA_BYTES = 8 << 20 };

static struct id128 job_id(unsigned job, unsigned member)
{
    struct id128 id = {{0x70}};
    id.bytes[14] = (uint8_t)job;
    id.bytes[15] = (uint8_t)(member + 1);
    return id;
}

struct script {
    struct fixture *fixture;
    struct arena *arena;
    unsigned job;
};

static void do_move(struct ledger_unit *unit, struct ledger_movement movement)
{
    struct ledger_outcome outcome;
    movement.has_key = true;
    struct status status = ledger_service_move(unit, &teller, &movement, &outcome);
    if (!status_ok(status)) {
        fprintf(stderr, "a job of the script was refused: %s\n", status.reason);
        abort();
    }
}

static struct ledger_movement follow(unsigned job, enum ledger_transfer_kind kind, unsigned subject,
                                     u128 amount)
{
    struct ledger_movement movement = {.has_amount = amount > 0};
    movement.asked.id = job_id(job, 0);
    movement.asked.kind = kind;
    movement.asked.subject_id = job_id(subject, 0);
    movement.asked.amount = amount;
    movement.asked.all_remaining = amount == 0 && kind != LEDGER_TRANSFER_VOID;
    movement.asked.not_final = kind == LEDGER_TRANSFER_POST && amount > 0;
    return movement;
}

static struct ledger_movement hold(unsigned job, u128 amount, uint32_t timeout_seconds)
{
    struct ledger_movement movement = transfer_of(job_id(job, 0), 1, 2, amount);
    movement.asked.kind = LEDGER_TRANSFER_PENDING;
    movement.asked.timeout_seconds = timeout_seconds;
    return movement;
}

static void move_group(struct ledger_unit *unit, unsigned job)
{
    for (unsigned member = 0; member < GROUP; member++) {
        bool back = member % 2 == 1;
        struct ledger_movement movement =
            transfer_of(job_id(job, member), back ? 2 : 1, back ? 1 : 2, 3 + member);
        movement.asked.group_id = job_id(job, GROUP);
        do_move(unit, movement);
    }
}

static struct status run_one(struct store_txn *txn, void *context)
{
    struct script *script = context;
    unsigned job = script->job;
    struct ledger_unit *unit;
    arena_reset(script->arena);
    RETURN_IF_ERROR(ledger_unit_open(&script->fixture->service, txn, script->arena, GROUP, &unit));
    switch (job) {
    case 0:
    case 1:
        do_move(unit, deposit_of(job_id(job, 0), (uint8_t)(job + 1), 1000000));
        break;
    case 2:
        do_move(unit, hold(job, 5000, 3600));
        break;
    case 3:
        do_move(unit, hold(job, 700, 5));
        break; // Expires before job 9.
    case 4:
        do_move(unit, follow(job, LEDGER_TRANSFER_POST, 2, 1200));
        break;
    case 5:
        move_group(unit, job);
        break;
    case 6:
        do_move(unit, follow(job, LEDGER_TRANSFER_REVERSAL, 4, 200));
        break;
    case 7:
        do_move(unit, follow(job, LEDGER_TRANSFER_VOID, 2, 0));
        break;
    case 8:
        clock_test_advance(10 * NS_PER_SECOND);
        do_move(unit, hold(job, 42, 1));
        break;
    case 9:
        clock_test_advance(10 * NS_PER_SECOND);
        move_group(unit, job);
        break;
    default:
        do_move(unit, transfer_of(job_id(job, 0), 1, 2, 10 + job));
        break;
    }
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

/// In the child: opens the store, runs jobs, tells what is durable, and dies on the way.
static void run_child(struct fixture *fixture, int to_parent, long die_at, enum death death)
{
    open_fixture(fixture);
    struct script script = {.fixture = fixture, .arena = arena_open(ARENA_BYTES)};
    how = death;
    calls_left = die_at;
    for (script.job = 0; script.job < JOBS; script.job++) {
        struct status status = store_write_wait(fixture->store, run_one, &script);
        if (!status_ok(status)) {
            fprintf(stderr, "a job of the script failed: %s\n", status.reason);
            _exit(3);
        }
        uint8_t done = (uint8_t)script.job;
        if (syscall(SYS_write, to_parent, &done, 1) != 1) _exit(4);
    }
    calls_left = -1;
    _exit(0); // Whole: there were not so many calls.
}

// ---- Afterwards ---------------------------------------------------------------------------------

struct afterwards {
    unsigned acknowledged; // Jobs.
    uint64_t transfers;
};

static bool is_group(unsigned job)
{
    return job == 5 || job == 9;
}

/// How many members of a job are there: 0 or all of them.
static unsigned members_of(struct store_txn *txn, unsigned job)
{
    unsigned count = is_group(job) ? GROUP : 1, found = 0;
    for (unsigned member = 0; member < count; member++) {
        struct ledger_id_entry entry;
        found += status_ok(ledger_store_find_id(txn, job_id(job, member), &entry));
    }
    if (found != 0 && found != count) fail_msg("job %u is half there: %u of %u", job, found, count);
    return found;
}

static struct status check_jobs(struct store_txn *txn, void *context)
{
    struct afterwards *afterwards = context;
    bool ended = false;
    for (unsigned job = 0; job < JOBS; job++) {
        bool is_there = members_of(txn, job) > 0;
        if (job < afterwards->acknowledged && !is_there) fail_msg("job %u was lost", job);
        if (job > afterwards->acknowledged && is_there)
            fail_msg("job %u is there, which never began", job);
        if (ended && is_there) fail_msg("job %u is there without the one before it", job);
        ended = !is_there;
    }
    return STATUS_SUCCESS;
}

/// true when the child lived to the end.
static bool run_and_check(long die_at, enum death death)
{
    struct fixture *fixture;
    int pipes[2], exit_status;
    assert_int_equal(setup((void **)&fixture), 0);
    make_customer(fixture, 0x81, 1);
    make_customer(fixture, 0x82, 2);
    close_fixture(fixture);
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        run_child(fixture, pipes[1], die_at, death);
    }
    close(pipes[1]);
    struct afterwards afterwards = {0};
    uint8_t done;
    while (read(pipes[0], &done, 1) == 1)
        afterwards.acknowledged = done + 1u;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    bool lived = WIFEXITED(exit_status);
    if (lived)
        assert_int_equal(WEXITSTATUS(exit_status), 0);
    else
        assert_int_equal(WTERMSIG(exit_status), SIGKILL);

    clock_test_advance(60 * NS_PER_SECOND); // The child's test clock went on; so does this one.
    open_fixture(fixture);
    run_job(fixture, check_jobs, &afterwards);
    assert_clean(fixture);
    must_deposit(fixture, 1, 1); // And it goes on.
    assert_clean(fixture);
    assert_int_equal(teardown((void **)&fixture), 0);
    return lived;
}

static void test_a_death_at_any_write_leaves_whole_jobs_and_clean_books(void **state)
{
    (void)state;
    unsigned deaths = 0;
    for (enum death death = 0; death < DEATHS; death++) {
        long call = 0;
        while (!run_and_check(call, death))
            call++, deaths++;
        assert_true(call > JOBS); // At least one write each, or nothing was intercepted.
    }
    print_message("%u deaths\n", deaths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_death_at_any_write_leaves_whole_jobs_and_clean_books),
    };
    return cmocka_run_group_tests_name("syscall", tests, NULL, NULL);
}
