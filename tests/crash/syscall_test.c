// The ledger dies at every write system call of every commit of a script of jobs; each time the
// books must be clean, nothing acknowledged may be missing, no job may be half there, and a token
// is burnt exactly when the payment is there that it approved.
#include "common/base/clock.h"
#include "services/ledger/expiry.h"
#include "services/ledger/unit.h"
#include "tests/crash/death.h"
#include "tests/unit/ledger/fixture.h"
#include "tests/unit/ledger/sca_fixture.h"

#include <stdlib.h>
#include <string.h>

// ---- The script ---------------------------------------------------------------------------------

enum { JOBS = 16, GROUP = 20, APPROVED = 11, ARENA_BYTES = 8 << 20 };

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

static void do_move_as(struct ledger_unit *unit, const struct ledger_caller *caller,
                       struct ledger_movement movement)
{
    struct ledger_outcome outcome;
    movement.has_key = true;
    struct status status = ledger_service_move(unit, caller, &movement, &outcome);
    if (!status_ok(status)) {
        fprintf(stderr, "a job of the script was refused: %s\n", status.reason);
        abort();
    }
}

static void do_move(struct ledger_unit *unit, struct ledger_movement movement)
{
    do_move_as(unit, &teller, movement);
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

static void move_approved(struct ledger_unit *unit)
{
    char token[SCA_TOKEN_BYTES_MAX];
    const struct ledger_caller payer = customer(0x81);
    struct ledger_movement movement = transfer_of(job_id(APPROVED, 0), 1, 2, 300);
    struct sca_claims claims =
        sca_claims_of(payer.user_id, &movement, clock_wall_ns() / NS_PER_SECOND);
    claims.token_id = job_id(APPROVED, 1); // The parent is to find it.
    movement.sca_token = sca_sign(&claims, token);
    do_move_as(unit, &payer, movement);
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
    case APPROVED:
        move_approved(unit);
        break;
    default:
        do_move(unit, transfer_of(job_id(job, 0), 1, 2, 10 + job));
        break;
    }
    ledger_unit_flush(unit);
    return STATUS_SUCCESS;
}

static void prepare(void *context)
{
    struct script *script = context;
    assert_int_equal(setup((void **)&script->fixture), 0);
    make_customer(script->fixture, 0x81, 1);
    make_customer(script->fixture, 0x82, 2);
    close_fixture(script->fixture);
}

/// In the child: opens the store, runs jobs, tells what is durable, and dies on the way.
static void live(void *context)
{
    struct script *script = context;
    open_fixture(script->fixture);
    sca_open(&script->fixture->service);
    script->arena = arena_open(ARENA_BYTES);
    death_arm();
    for (script->job = 0; script->job < JOBS; script->job++) {
        assert_status_ok(store_write_wait(script->fixture->store, run_one, script));
        death_tell();
    }
}

// ---- Afterwards ---------------------------------------------------------------------------------

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

struct afterwards {
    unsigned acknowledged; // Jobs.
    const char *how;
};

static void check_burnt(struct store_txn *txn, const char *how)
{
    uint64_t number, expires_at_s = 0;
    bool is_paid = members_of(txn, APPROVED) > 0;
    struct store_cursor cursor;
    store_cursor_open(txn, LEDGER_TABLE_SCA_BURNT, &cursor);
    bool is_burnt = store_cursor_first(&cursor);
    if (is_burnt) expires_at_s = get_u64_be(cursor.key.data);
    store_cursor_close(&cursor);
    if (is_burnt != is_paid) fail_msg("%s: paid %d, but burnt %d", how, is_paid, is_burnt);
    if (!is_burnt) return;
    assert_status_ok(ledger_store_find_burnt(txn, expires_at_s, job_id(APPROVED, 1), &number));
}

static struct status check_jobs(struct store_txn *txn, void *context)
{
    const struct afterwards *afterwards = context;
    const char *how = afterwards->how;
    bool ended = false;
    for (unsigned job = 0; job < JOBS; job++) {
        bool is_there = members_of(txn, job) > 0;
        if (job < afterwards->acknowledged && !is_there) fail_msg("%s: job %u was lost", how, job);
        if (job > afterwards->acknowledged && is_there)
            fail_msg("%s: job %u is there, which never began", how, job);
        if (ended && is_there) fail_msg("%s: job %u is there, not the one before", how, job);
        ended = !is_there;
    }
    check_burnt(txn, how);
    return STATUS_SUCCESS;
}

static void judge(void *context, unsigned told, const char *how)
{
    struct script *script = context;
    struct fixture *fixture = script->fixture;
    struct afterwards afterwards = {told, how};
    clock_test_advance(60 * NS_PER_SECOND); // The child's test clock went on; so does this one.
    open_fixture(fixture);
    run_job(fixture, check_jobs, &afterwards);
    assert_clean(fixture);
    must_deposit(fixture, 1, 1); // And it goes on.
    assert_clean(fixture);
    assert_int_equal(teardown((void **)&fixture), 0);
}

static void test_a_death_at_any_write_leaves_whole_jobs_and_clean_books(void **state)
{
    (void)state;
    static const struct death_play play = {prepare, live, judge};
    struct script script = {0};
    unsigned deaths = death_play_all(&play, &script);
    assert_true(deaths > JOBS);
    print_message("%u deaths\n", deaths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_death_at_any_write_leaves_whole_jobs_and_clean_books),
    };
    return cmocka_run_group_tests_name("syscall", tests, NULL, NULL);
}
