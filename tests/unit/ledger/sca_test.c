// Payments that must be approved, on a store: the token is used with the payment and with nothing
// else, once, whoever asks how often, and whenever the power fails.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/unit/ledger/fixture.h"
#include "tests/unit/ledger/sca_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 64, FREE = 100000, MUCH = 100001 }; // FREE: 1,000 INR, the policy's figure.

static void set_policy(struct fixture *fixture, const char *above, bool for_new_payees)
{
    struct ledger_sca_policy *policy = &fixture->service.sca;
    assert_true(ledger_figures_read(above, &policy->above));
    policy->for_new_payees = for_new_payees;
    sca_open(&fixture->service);
}

static int setup_approvals(void **state)
{
    setup_people(state);
    struct fixture *fixture = *state;
    make_account(fixture, ASHA, ASHAS_OTHER, "INR");
    must_deposit(fixture, ASHAS, 100 * MUCH);
    set_policy(fixture, "1000", false);
    return 0;
}

static int teardown_approvals(void **state)
{
    sca_close();
    return teardown(state);
}

static uint64_t now_s(void)
{
    return clock_wall_ns() / NS_PER_SECOND;
}

/// A token for a movement lives as long as the text that it is written to.
struct token {
    char text[SCA_TOKEN_BYTES_MAX];
};

static void approve(struct ledger_movement *movement, uint8_t owner, struct token *token)
{
    struct sca_claims claims = sca_claims_of(id_of(owner), movement, now_s());
    movement->sca_token = sca_sign(&claims, token->text);
}

// ---- Who needs one ------------------------------------------------------------------------------

enum shape { PAYMENT, RESERVE, OWN, CASH_OUT, UP_TO };

static struct ledger_movement movement_of(enum shape shape, struct id128 id, uint64_t amount)
{
    if (shape == RESERVE) return hold_of(id, ASHAS, RAVIS, amount, 0);
    if (shape == OWN) return transfer_of(id, ASHAS, ASHAS_OTHER, amount);
    if (shape == CASH_OUT) return withdrawal_of(id, ASHAS, amount);
    if (shape == UP_TO) return transfer_up_to(id, ASHAS, RAVIS, amount);
    return transfer_of(id, ASHAS, RAVIS, amount);
}

enum given { NONE, RIGHT, FOR_LESS, RAVIS_OWN, EXPIRED, GARBAGE };

static void give(struct ledger_movement *movement, enum given given, struct token *token)
{
    if (given == NONE) return;
    struct sca_claims claims = sca_claims_of(id_of(ASHA), movement, now_s());
    struct ledger_movement less = *movement;
    less.asked.amount--;
    less.asked.amount_up_to -= less.asked.amount_up_to > 0;
    if (given == FOR_LESS) claims = sca_claims_of(id_of(ASHA), &less, now_s());
    if (given == RAVIS_OWN) claims.subject = id_of(RAVI);
    if (given == EXPIRED) claims = sca_claims_of(id_of(ASHA), movement, now_s() - 120);
    movement->sca_token = sca_sign(&claims, token->text);
    if (given == GARBAGE) movement->sca_token = bytes_of_text("abc.def.ghi");
}

static void test_which_payments_need_an_approval(void **state)
{
    // clang-format off
    static const struct {
        const char *what;
        enum shape shape;
        bool is_teller;
        uint64_t amount;
        enum given given;
        const char *refused;
    } rows[] = {
        {"as much as is free",                  PAYMENT,  false, FREE, NONE,      NULL},
        {"more",                                PAYMENT,  false, MUCH, NONE,      "INSUFFICIENT_AAL"},
        {"more, approved",                      PAYMENT,  false, MUCH, RIGHT,     NULL},
        {"approved for less",                   PAYMENT,  false, MUCH, FOR_LESS,  "SCA_INVALID"},
        {"approved by somebody else",           PAYMENT,  false, MUCH, RAVIS_OWN, "SCA_INVALID"},
        {"approved too long ago",               PAYMENT,  false, MUCH, EXPIRED,   "SCA_INVALID"},
        {"garbage",                             PAYMENT,  false, MUCH, GARBAGE,   "SCA_INVALID"},
        {"garbage where none is needed",        PAYMENT,  false, FREE, GARBAGE,   "SCA_INVALID"},
        {"a right one where none is needed",    PAYMENT,  false, FREE, RIGHT,     NULL},
        {"a hold",                              RESERVE,  false, MUCH, NONE,      "INSUFFICIENT_AAL"},
        {"a hold, approved",                    RESERVE,  false, MUCH, RIGHT,     NULL},
        {"to an own account",                   OWN,      false, MUCH, NONE,      NULL},
        {"to an own account, garbage",          OWN,      false, MUCH, GARBAGE,   "SCA_INVALID"},
        {"cash",                                CASH_OUT, false, MUCH, NONE,      "INSUFFICIENT_AAL"},
        {"cash, approved",                      CASH_OUT, false, MUCH, RIGHT,     NULL},
        {"cash, a little",                      CASH_OUT, false, FREE, NONE,      NULL},
        {"up to much",                          UP_TO,    false, MUCH, NONE,      "INSUFFICIENT_AAL"},
        {"up to much, approved",                UP_TO,    false, MUCH, RIGHT,     NULL},
        {"up to much, approved for less",       UP_TO,    false, MUCH, FOR_LESS,  "SCA_INVALID"},
        {"a teller needs none",                 PAYMENT,  true,  MUCH, NONE,      NULL},
        {"but shows none of another's",         PAYMENT,  true,  MUCH, RIGHT,     "SCA_INVALID"},
    };
    // clang-format on
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct token token;
        struct ledger_outcome outcome;
        struct ledger_movement movement =
            movement_of(rows[i].shape, id128_generate(), rows[i].amount);
        struct ledger_caller caller = rows[i].is_teller ? teller : customer(ASHA);
        size_t burnt = count_rows(fixture, LEDGER_TABLE_SCA_BURNT);
        struct dump before = dump_store(fixture);
        give(&movement, rows[i].given, &token);
        print_message("  %s\n", rows[i].what);
        struct status status = move(fixture, caller, movement, &outcome);
        if (!assert_answer(fixture, status, rows[i].refused, &before)) {
            assert_int_equal(status.code, STATUS_PERMISSION_DENIED);
            continue; // The id is free, and nothing is burnt.
        }
        burnt += rows[i].given != NONE;
        assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), burnt);
    }
    assert_clean(fixture);
}

static void test_other_kinds_take_none(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    must_move(fixture, hold_of(id_of(1), ASHAS, RAVIS, MUCH, 0));
    struct ledger_movement capture = capture_of(id_of(2), id_of(1), 0, true);
    capture.sca_token = bytes_of_text("a.b.c");
    assert_refused(move(fixture, customer(ASHA), capture, &outcome), "EXCLUSIVE_FIELDS");
    assert_string_equal(outcome.refusal.field, "sca_token");
    // What was held was approved with the hold.
    capture.sca_token.size = 0;
    assert_status_ok(move(fixture, customer(ASHA), capture, &outcome));
}

static void test_without_a_key_to_believe_no_approval_is_good(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    struct ledger_movement movement = movement_of(PAYMENT, id_of(1), MUCH);
    approve(&movement, ASHA, &token);
    fixture->service.verify_sca = NULL;
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "SCA_INVALID");
}

static struct status not_now(void *context, struct bytes token, uint64_t at_s,
                             struct sca_claims *ret)
{
    (void)context, (void)token, (void)at_s, (void)ret;
    return REFUSE(UNAVAILABLE, IDENTITY_UNAVAILABLE, "not now");
}

static void test_keys_that_are_not_known_yet_refuse_nothing_for_good(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    struct ledger_movement movement = movement_of(PAYMENT, id_of(1), MUCH);
    approve(&movement, ASHA, &token);
    fixture->service.verify_sca = not_now;
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "IDENTITY_UNAVAILABLE");
    assert_false(outcome.is_refused);
    sca_open(&fixture->service);
    assert_status_ok(move(fixture, customer(ASHA), movement, &outcome));
}

// ---- Once ---------------------------------------------------------------------------------------

static void test_a_payment_is_answered_again_without_another_token(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    struct ledger_movement movement = movement_of(PAYMENT, id_of(1), MUCH);
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "INSUFFICIENT_AAL");
    approve(&movement, ASHA, &token);
    assert_status_ok(move(fixture, customer(ASHA), movement, &outcome));
    wait_seconds(SCA_TOKEN_LIFE_S);
    struct dump before = dump_store(fixture);
    for (int i = 0; i < 2; i++) { // With the token that has expired, and with none.
        assert_status_ok(move(fixture, customer(ASHA), movement, &outcome));
        assert_true(outcome.existed);
        movement.sca_token.size = 0;
    }
    assert_same_store(fixture, &before);
}

/// Auth never links one token to two payments; if it ever did, the second would still not pass.
static void test_a_token_is_burnt(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    struct ledger_movement movement = movement_of(PAYMENT, id_of(1), MUCH);
    struct sca_claims claims = sca_claims_of(id_of(ASHA), &movement, now_s());
    movement.sca_token = sca_sign(&claims, token.text);
    assert_status_ok(move(fixture, customer(ASHA), movement, &outcome));

    struct id128 token_id = claims.token_id;
    movement = movement_of(PAYMENT, id_of(2), MUCH);
    claims = sca_claims_of(id_of(ASHA), &movement, now_s());
    claims.token_id = token_id;
    movement.sca_token = sca_sign(&claims, token.text);
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "SCA_INVALID");
    close_fixture(fixture);
    open_fixture(fixture);
    set_policy(fixture, "1000", false);
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "SCA_INVALID");
}

/// A refusal for want of money leaves the token for nothing: it names the id, and that is burnt.
static void test_a_refused_payment_burns_no_token(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    struct ledger_movement movement = movement_of(PAYMENT, id_of(1), 1000 * MUCH);
    approve(&movement, ASHA, &token);
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "INSUFFICIENT_FUNDS");
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), 0);
    assert_refused(move(fixture, customer(ASHA), movement, &outcome), "ID_ALREADY_FAILED");
}

static void test_what_has_expired_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct ledger_outcome outcome;
    for (uint8_t round = 0; round < 3; round++) {
        for (uint8_t i = 0; i < 10; i++) {
            struct token token;
            struct ledger_movement movement = movement_of(PAYMENT, id128_generate(), 1);
            approve(&movement, ASHA, &token);
            assert_status_ok(move(fixture, customer(ASHA), movement, &outcome));
        }
        // Those of the round before went with the first three that were burnt after them.
        assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), 10);
        wait_seconds(SCA_TOKEN_LIFE_S + LEDGER_APPROVAL_KEPT_S + 1);
    }
    assert_clean(fixture);
}

// ---- At once ------------------------------------------------------------------------------------

struct attempt {
    struct fixture *fixture;
    struct ledger_movement movement;
    struct token token;
    pthread_barrier_t *start;
    struct status status;
    struct ledger_outcome outcome;
};

static void *run_attempt(void *context)
{
    struct attempt *attempt = context;
    pthread_barrier_wait(attempt->start);
    attempt->status = move(attempt->fixture, customer(ASHA), attempt->movement, &attempt->outcome);
    return NULL;
}

static void run_attempts(struct attempt *attempts)
{
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        attempts[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, run_attempt, &attempts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
}

static void assert_one_was_made(struct fixture *fixture, const struct attempt *attempts,
                                size_t existed)
{
    size_t created = 0, again = 0;
    for (size_t i = 0; i < THREADS; i++) {
        created += attempts[i].outcome.is_created;
        again += attempts[i].outcome.existed;
        if (!status_ok(attempts[i].status)) assert_refused(attempts[i].status, "SCA_INVALID");
    }
    assert_int_equal(created, 1);
    assert_int_equal(again, existed);
    assert_balance(fixture, RAVIS, MUCH, 0, 0);
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), 1);
    assert_clean(fixture);
}

static void test_one_token_pays_once_however_many_ask(void **state)
{
    enum { OTHER_IDS, SAME_ID, LINKED_TO_ALL, RACES };

    static const char *const races[RACES] = {
        [OTHER_IDS] = "a token for one of 64 ids, shown with each of them",
        [SAME_ID] = "one payment asked for 64 times",
        [LINKED_TO_ALL] = "64 tokens of one jti, each linked to its own payment",
    };
    struct attempt *attempts = calloc(THREADS, sizeof *attempts);
    assert_non_null(attempts);
    for (int race = 0; race < RACES; race++) {
        print_message("  %s\n", races[race]);
        if (race > 0) {
            assert_int_equal(teardown_approvals(state), 0);
            assert_int_equal(setup_approvals(state), 0);
        }
        struct ledger_movement first = movement_of(PAYMENT, id128_generate(), MUCH);
        struct sca_claims claims = sca_claims_of(id_of(ASHA), &first, now_s());
        for (size_t i = 0; i < THREADS; i++) {
            attempts[i].fixture = *state;
            attempts[i].movement = first;
            bool is_other = race != SAME_ID && i != THREADS / 2;
            if (is_other) attempts[i].movement.asked.id = id128_generate();
            struct sca_claims own = claims;
            if (race == LINKED_TO_ALL)
                own = sca_claims_of(id_of(ASHA), &attempts[i].movement, now_s());
            own.token_id = claims.token_id;
            attempts[i].movement.sca_token = sca_sign(&own, attempts[i].token.text);
        }
        run_attempts(attempts);
        assert_one_was_made(*state, attempts, race == SAME_ID ? THREADS - 1 : 0);
    }
    free(attempts);
}

// ---- In batches ---------------------------------------------------------------------------------

static void test_approvals_in_batches(void **state)
{
    // clang-format off
    static const struct {
        const char *what;
        enum ledger_batch_mode mode;
        bool dry_run;
        enum given given[3];
        const char *results[3];
        size_t burnt;
    } rows[] = {
        {"each its own",             LEDGER_BATCH_INDEPENDENT, false, {RIGHT, NONE, RIGHT},
         {"CREATED", "INSUFFICIENT_AAL", "CREATED"},                  2},
        {"one too few, all or none", LEDGER_BATCH_ATOMIC,      false, {RIGHT, RIGHT, NONE},
         {"GROUP_FAILED", "GROUP_FAILED", "INSUFFICIENT_AAL"},        0},
        {"a wrong one stops",        LEDGER_BATCH_STOP_ON_ERROR, false, {RIGHT, FOR_LESS, RIGHT},
         {"CREATED", "SCA_INVALID", "NOT_ATTEMPTED"},                 1},
        {"all or none, all",         LEDGER_BATCH_ATOMIC,      false, {RIGHT, RIGHT, RIGHT},
         {"CREATED", "CREATED", "CREATED"},                           3},
        {"dry: looked at, and kept", LEDGER_BATCH_INDEPENDENT, true,  {RIGHT, NONE, FOR_LESS},
         {"CREATED", "INSUFFICIENT_AAL", "SCA_INVALID"},              0},
    };
    // clang-format on
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct token tokens[3];
        struct ledger_movement movements[3];
        struct ledger_batch_result results[3];
        struct ledger_batch asked = {.movements = movements,
                                     .count = 3,
                                     .mode = rows[i].mode,
                                     .group_id = id128_generate(),
                                     .dry_run = rows[i].dry_run,
                                     .results = results};
        for (size_t j = 0; j < 3; j++) {
            movements[j] = movement_of(PAYMENT, id128_generate(), MUCH);
            movements[j].asked.group_id = asked.group_id;
            give(&movements[j], rows[i].given[j], &tokens[j]);
        }
        size_t burnt = count_rows(fixture, LEDGER_TABLE_SCA_BURNT);
        print_message("  %s\n", rows[i].what);
        assert_status_ok(batch(fixture, customer(ASHA), &asked));
        for (size_t j = 0; j < 3; j++)
            assert_string_equal(results[j].result, rows[i].results[j]);
        assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), burnt + rows[i].burnt);
    }
    assert_clean(fixture);
}

// ---- New payees ---------------------------------------------------------------------------------

static void test_a_first_payment_to_somebody_is_approved(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    set_policy(fixture, "0", true);
    must_move(fixture, transfer_of(id128_generate(), ASHAS, RAVIS, 1)); // A teller's: not hers.
    struct ledger_movement first = movement_of(PAYMENT, id_of(1), 1);
    assert_refused(move(fixture, customer(ASHA), first, &outcome), "INSUFFICIENT_AAL");
    approve(&first, ASHA, &token);
    assert_status_ok(move(fixture, customer(ASHA), first, &outcome));
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_PAYEES), 1);

    // From then on he is known, to her from every account, to nobody else.
    assert_status_ok(move(fixture, customer(ASHA), movement_of(PAYMENT, id_of(2), MUCH), &outcome));
    assert_status_ok(move(fixture, customer(ASHA), movement_of(OWN, id_of(3), 50), &outcome));
    assert_status_ok(
        move(fixture, customer(ASHA), transfer_of(id_of(4), ASHAS_OTHER, RAVIS, 50), &outcome));
    assert_refused(move(fixture, customer(RAVI), transfer_of(id_of(5), RAVIS, ASHAS, 1), &outcome),
                   "INSUFFICIENT_AAL");
    assert_status_ok( // The bank's cash is no payee.
        move(fixture, customer(ASHA), movement_of(CASH_OUT, id_of(6), 1), &outcome));
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_PAYEES), 1);
    assert_clean(fixture);
}

static void test_a_payee_is_known_to_later_items_of_a_batch(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_movement movements[2] = {movement_of(PAYMENT, id_of(1), 1),
                                           movement_of(PAYMENT, id_of(2), 1)};
    struct ledger_batch_result results[2];
    struct ledger_batch asked = {.movements = movements,
                                 .count = 2,
                                 .mode = LEDGER_BATCH_ATOMIC,
                                 .group_id = id_of(9),
                                 .results = results};
    set_policy(fixture, "0", true);
    approve(&movements[0], ASHA, &token);
    movements[0].asked.group_id = movements[1].asked.group_id = id_of(9);
    assert_status_ok(batch(fixture, customer(ASHA), &asked));
    assert_string_equal(results[1].result, "CREATED");
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_PAYEES), 1);
}

static void test_without_the_policy_nobody_is_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct token token;
    struct ledger_outcome outcome;
    struct ledger_movement movement = movement_of(PAYMENT, id_of(1), MUCH);
    approve(&movement, ASHA, &token);
    assert_status_ok(move(fixture, customer(ASHA), movement, &outcome));
    assert_int_equal(count_rows(fixture, LEDGER_TABLE_PAYEES), 0);
}

// ---- When the power fails -----------------------------------------------------------------------

enum { TOLD_MAX = 4096 };

/// The child: pays with approvals until it is killed, and tells of each payment after its commit.
static void pay_until_killed(struct fixture *fixture, int told)
{
    open_fixture(fixture);
    set_policy(fixture, "1000", true);
    for (;;) {
        struct token token;
        struct ledger_outcome outcome;
        struct ledger_movement movement = movement_of(RESERVE, id128_generate(), 1);
        approve(&movement, ASHA, &token);
        CHECK(status_ok(move(fixture, customer(ASHA), movement, &outcome)));
        CHECK(write(told, movement.asked.id.bytes, ID128_BYTES) == ID128_BYTES);
    }
}

static size_t kill_after(pid_t child, int told, size_t count, struct id128 *ret)
{
    size_t seen = 0;
    for (; seen < TOLD_MAX; seen++) {
        if (seen == count) kill(child, SIGKILL);
        ssize_t size = read(told, ret[seen].bytes, ID128_BYTES);
        if (size != ID128_BYTES) break; // It is gone, and has told all that it had to.
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return seen;
}

static void test_a_kill_leaves_a_token_and_its_payment_or_neither(void **state)
{
    enum { KILLS = 8 };

    struct fixture *fixture = *state;
    struct id128 *told_ids = calloc(TOLD_MAX, sizeof *told_ids);
    assert_non_null(told_ids);
    for (int i = 0; i < KILLS; i++) {
        int told[2];
        close_fixture(fixture);
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) pay_until_killed(fixture, told[1]);
        close(told[1]);
        size_t count = kill_after(child, told[0], 1 + random_below(20), told_ids);
        close(told[0]);
        open_fixture(fixture);
        for (size_t j = 0; j < count; j++) {
            struct ledger_progress progress;
            read_transfer(fixture, told_ids[j], &progress); // It is there.
        }
        // Each payment has burnt one token, and each burnt token leads to a payment.
        struct ledger_transfer last;
        CLEANUP(end_read) struct store_txn *txn = read_store(fixture);
        size_t payments = 0;
        for (uint64_t n = 1; status_ok(ledger_store_get_transfer(txn, NULL, n, &last)); n++)
            payments += last.kind == LEDGER_TRANSFER_PENDING;
        assert_true(payments >= count);
        end_read(&txn);
        assert_int_equal(count_rows(fixture, LEDGER_TABLE_SCA_BURNT), payments);
        assert_int_equal(count_rows(fixture, LEDGER_TABLE_PAYEES), 1);
        assert_clean(fixture);
    }
    free(told_ids);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_approvals, teardown_approvals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_which_payments_need_an_approval),
        TEST(test_other_kinds_take_none),
        TEST(test_without_a_key_to_believe_no_approval_is_good),
        TEST(test_keys_that_are_not_known_yet_refuse_nothing_for_good),
        TEST(test_a_payment_is_answered_again_without_another_token),
        TEST(test_a_token_is_burnt),
        TEST(test_a_refused_payment_burns_no_token),
        TEST(test_what_has_expired_is_forgotten),
        TEST(test_one_token_pays_once_however_many_ask),
        TEST(test_approvals_in_batches),
        TEST(test_a_first_payment_to_somebody_is_approved),
        TEST(test_a_payee_is_known_to_later_items_of_a_batch),
        TEST(test_without_the_policy_nobody_is_remembered),
        TEST(test_a_kill_leaves_a_token_and_its_payment_or_neither),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
