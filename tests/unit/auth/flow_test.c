// Flows over a real store: what is counted, what is sent, and what threads at once can do.
#include "common/base/check.h"
#include "services/auth/sweep.h"
#include "tests/unit/auth/door.h"

#include <pthread.h>

static const char asha[] = "asha@example.com", mobile[] = "+919876543210";

struct step {
    struct house *house;
    struct auth_flow flow;
    enum auth_channel channel;
    struct auth_flow_answer answer;
    struct auth_flow_result result;
    uint64_t wait_ns;
    struct status status;
};

static struct status run_begin(struct store_txn *txn, void *context)
{
    struct step *step = context;
    auth_flow_begin(&step->house->service, txn, step->house->now_ns, &step->flow);
    return STATUS_SUCCESS;
}

static struct status run_send(struct store_txn *txn, void *context)
{
    struct step *step = context;
    return auth_flow_send(&step->house->service, txn, &step->flow, step->channel,
                          step->channel == AUTH_EMAIL ? asha : mobile, "", step->house->now_ns,
                          &step->wait_ns);
}

/// run_answer keeps a refusal beside an OK where something was counted, as the handlers do.
static struct status run_answer(struct store_txn *txn, void *context)
{
    struct step *step = context;
    step->status = auth_flow_answer(&step->house->service, txn, step->flow.id, step->flow.purpose,
                                    &step->answer, &step->result);
    return step->result.is_counted ? STATUS_SUCCESS : step->status;
}

static struct step begin(struct caller *caller, struct id128 user_id,
                         enum auth_flow_purpose purpose, unsigned methods)
{
    struct step step = {.house = caller->house,
                        .flow = {.user_id = user_id,
                                 .purpose = purpose,
                                 .methods = methods,
                                 .payload = "what it is about"}};
    assert_status_ok(store_write_wait(caller->house->store, run_begin, &step));
    return step;
}

static struct status send(struct step *step, enum auth_channel channel)
{
    step->channel = channel;
    return store_write_wait(step->house->store, run_send, step);
}

static struct status answer(struct caller *caller, struct step *step, enum auth_method method,
                            const char *code)
{
    step->answer = (struct auth_flow_answer){
        .method = method, .code = code, .arena = caller->arena, .now_ns = caller->house->now_ns};
    RETURN_IF_ERROR(store_write_wait(step->house->store, run_answer, step));
    return step->status;
}

static void test_a_code_opens_its_own_flow_once(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    struct step sca = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
    struct step login = begin(caller, user_id, AUTH_FLOW_LOGIN, AUTH_METHODS_CHANNELS);
    assert_status_ok(send(&sca, AUTH_EMAIL));
    assert_int_equal(sca.wait_ns, 30 * AUTH_SECOND_NS);
    struct auth_message message = {0};
    const char *code = house_code(caller, asha);
    (void)house_messages(caller, asha, &message);
    assert_int_equal(message.kind, AUTH_MESSAGE_SCA_CODE);
    assert_int_equal(message.expires_at_ns, house->now_ns + AUTH_CODE_LIFE_NS);
    assert_status_ok(send(&login, AUTH_MOBILE));

    // Of another flow, purpose or channel it is worth nothing.
    assert_refused(answer(caller, &login, AUTH_METHOD_MOBILE, code), "OTP_INVALID");
    struct step elsewhere = sca;
    elsewhere.flow.purpose = AUTH_FLOW_LOGIN;
    assert_refused(answer(caller, &elsewhere, AUTH_METHOD_EMAIL, code), "OTP_INVALID");
    assert_false(elsewhere.result.is_counted);
    assert_refused(answer(caller, &sca, AUTH_METHOD_MOBILE, code), "OTP_INVALID");
    assert_int_equal(door_flow(caller, sca.flow.id).attempts, 0);

    assert_status_ok(answer(caller, &sca, AUTH_METHOD_EMAIL, code));
    assert_int_equal(sca.result.flow.state, AUTH_FLOW_PASSED);
    assert_string_equal(sca.result.flow.payload, "what it is about");
    assert_refused(answer(caller, &sca, AUTH_METHOD_EMAIL, code), "OTP_INVALID");
    house_reopen(house); // A restart gives nothing back.
    assert_refused(answer(caller, &sca, AUTH_METHOD_EMAIL, code), "OTP_INVALID");
}

static void test_whose_and_from_where(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    struct step sca = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
    assert_status_ok(send(&sca, AUTH_EMAIL));
    sca.answer = (struct auth_flow_answer){.method = AUTH_METHOD_EMAIL,
                                           .code = house_code(caller, asha),
                                           .arena = caller->arena,
                                           .now_ns = house->now_ns,
                                           .user_id = id_of(9)};
    assert_refused(store_write_wait(house->store, run_answer, &sca), "OTP_INVALID");
    sca.answer.user_id = user_id;
    struct auth_client client = {.device = "phone", .user_agent = ""};
    sca.answer.client = &client; // It began with none.
    assert_refused(store_write_wait(house->store, run_answer, &sca), "OTP_INVALID");
    assert_int_equal(door_flow(caller, sca.flow.id).attempts, 0);
    sca.answer.client = NULL;
    assert_status_ok(store_write_wait(house->store, run_answer, &sca));
    assert_status_ok(sca.status);
    sca.flow.id = id_of(9);
    assert_refused(store_write_wait(house->store, run_answer, &sca), "OTP_INVALID");
}

static void test_a_resend_replaces_the_code_and_gives_no_attempt_back(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
    assert_status_ok(send(&step, AUTH_EMAIL));
    const char *first = house_code(caller, asha);
    for (int i = 0; i < 2; i++)
        assert_refused(answer(caller, &step, AUTH_METHOD_EMAIL, door_other(caller, first)),
                       "OTP_INVALID");
    assert_refused(send(&step, AUTH_MOBILE), "OTP_SEND_LIMIT");
    assert_int_equal(step.wait_ns, 30 * AUTH_SECOND_NS);
    house_wait(house, 30);
    step.flow = door_flow(caller, step.flow.id);
    assert_status_ok(send(&step, AUTH_MOBILE));
    assert_refused(answer(caller, &step, AUTH_METHOD_EMAIL, first), "OTP_INVALID");
    assert_int_equal(door_flow(caller, step.flow.id).attempts, 2);
    for (int i = 0; i < 2; i++)
        assert_refused(answer(caller, &step, AUTH_METHOD_MOBILE, "000000"), "OTP_INVALID");
    assert_status_ok(answer(caller, &step, AUTH_METHOD_MOBILE, house_code(caller, mobile)));
}

static void test_five_wrong_codes_end_a_flow_and_fifteen_lock_the_factor(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message notice = {0};
    struct auth_recovery_codes codes;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    house->service.policy.destination_messages.burst = 0;
    for (int flow = 0; flow < 3; flow++) {
        struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
        assert_status_ok(send(&step, flow % 2 == 0 ? AUTH_EMAIL : AUTH_MOBILE));
        enum auth_method method = (enum auth_method)step.flow.sent_to;
        const char *code = house_code(caller, flow % 2 == 0 ? asha : mobile);
        for (int i = 0; i < AUTH_CODE_ATTEMPTS_MAX; i++) {
            assert_refused(answer(caller, &step, method, door_other(caller, code)), "OTP_INVALID");
            assert_int_equal(step.result.locks_factor, flow == 2 && i == 4);
        }
        assert_refused(answer(caller, &step, method, code), "OTP_EXHAUSTED");
        assert_false(step.result.is_counted);
    }
    assert_int_equal(door_count(caller, AUTH_COUNT_CODES_FAILED), 15);
    assert_int_equal(door_count(caller, AUTH_COUNT_FACTORS_LOCKED), 1);
    (void)house_messages(caller, asha, &notice);
    assert_int_equal(notice.kind, AUTH_MESSAGE_FACTOR_LOCKED);

    // The right code of a new flow is not looked at; the authenticator is a factor of its own.
    struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_ALL);
    assert_status_ok(send(&step, AUTH_MOBILE));
    const char *code = house_code(caller, mobile);
    assert_refused(answer(caller, &step, AUTH_METHOD_MOBILE, code), "OTP_EXHAUSTED");
    assert_int_equal(door_flow(caller, step.flow.id).attempts, 0);
    door_enrol(house, user_id, &codes);
    assert_status_ok(answer(caller, &step, AUTH_METHOD_TOTP, door_totp(caller)));
    house_wait(house, 24 * 3600);
    step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
    assert_status_ok(send(&step, AUTH_MOBILE));
    assert_status_ok(answer(caller, &step, AUTH_METHOD_MOBILE, house_code(caller, mobile)));
}

static void test_a_flow_can_be_answered_for_300_seconds_and_is_gone_later(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    size_t count = 0;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
    assert_status_ok(send(&step, AUTH_EMAIL));
    const char *code = house_code(caller, asha);
    house_wait(house, 300);
    assert_refused(answer(caller, &step, AUTH_METHOD_EMAIL, code), "OTP_EXPIRED");
    assert_refused(send(&step, AUTH_EMAIL), "OTP_EXPIRED");
    assert_status_ok(auth_sweep(&house->service, house->now_ns, &count));
    assert_refused(answer(caller, &step, AUTH_METHOD_EMAIL, code), "OTP_EXPIRED");
    house_wait(house, 300);
    do
        assert_status_ok(auth_sweep(&house->service, house->now_ns, &count));
    while (count > 0);
    assert_refused(answer(caller, &step, AUTH_METHOD_EMAIL, code), "OTP_INVALID");
}

static void test_an_address_is_sent_ten_codes_a_day(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    for (int i = 0; i < 10; i++) {
        struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
        assert_status_ok(send(&step, AUTH_EMAIL));
    }
    struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_CHANNELS);
    assert_refused(send(&step, AUTH_EMAIL), "OTP_SEND_LIMIT");
    assert_int_equal(step.wait_ns, 8640 * AUTH_SECOND_NS);
    assert_int_equal(step.flow.sent_to, 0); // Nothing has happened to it.
    assert_status_ok(send(&step, AUTH_MOBILE));
}

// ---- At once -------------------------------------------------------------------------------

enum { THREADS = 64 };

struct racer {
    struct caller *caller;
    struct step step;
    enum auth_method method;
    const char *code;
    struct status status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    racer->status = answer(racer->caller, &racer->step, racer->method, racer->code);
    return NULL;
}

/// run_race: every `right_every`-th thread shows the right code.
static size_t run_race(struct caller *caller, const struct step *step, enum auth_method method,
                       const char *code, int right_every, size_t *ret_compared)
{
    struct racer *racers = calloc(THREADS, sizeof *racers);
    pthread_t threads[THREADS];
    size_t won = 0;
    *ret_compared = 0;
    for (int i = 0; i < THREADS; i++) {
        bool is_right = right_every > 0 && i % right_every == 0;
        racers[i] = (struct racer){caller_open(caller->house),
                                   *step,
                                   method,
                                   is_right ? code : door_other(caller, code),
                                   {0}};
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        won += status_ok(racers[i].status);
        *ret_compared += racers[i].step.result.is_counted;
        caller_close(racers[i].caller);
    }
    free(racers);
    return won;
}

static void test_sixty_four_answers_at_once(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_recovery_codes codes;
    size_t compared;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    door_enrol(house, user_id, &codes);

    struct step step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_ALL);
    assert_status_ok(send(&step, AUTH_EMAIL));
    size_t won = run_race(caller, &step, AUTH_METHOD_EMAIL, house_code(caller, asha), 1, &compared);
    assert_int_equal(won, 1);
    assert_int_equal(compared, 1);

    step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_ALL);
    won = run_race(caller, &step, AUTH_METHOD_TOTP, door_totp(caller), 1, &compared);
    assert_int_equal(won, 1);
    assert_int_equal(compared, 1);

    step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_ALL);
    assert_status_ok(send(&step, AUTH_EMAIL));
    won = run_race(caller, &step, AUTH_METHOD_EMAIL, house_code(caller, asha), 0, &compared);
    assert_int_equal(won, 0);
    assert_int_equal(compared, AUTH_CODE_ATTEMPTS_MAX);

    step = begin(caller, user_id, AUTH_FLOW_SCA, AUTH_METHODS_ALL);
    assert_status_ok(send(&step, AUTH_MOBILE));
    won = run_race(caller, &step, AUTH_METHOD_MOBILE, house_code(caller, mobile), 8, &compared);
    assert_true(won <= 1); // Whether one was among the first five is luck.
    assert_true(compared <= AUTH_CODE_ATTEMPTS_MAX);
    assert_int_equal(won, door_flow(caller, step.flow.id).state == AUTH_FLOW_PASSED);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_code_opens_its_own_flow_once),
        TEST(test_whose_and_from_where),
        TEST(test_a_resend_replaces_the_code_and_gives_no_attempt_back),
        TEST(test_five_wrong_codes_end_a_flow_and_fifteen_lock_the_factor),
        TEST(test_a_flow_can_be_answered_for_300_seconds_and_is_gone_later),
        TEST(test_an_address_is_sent_ten_codes_a_day),
        TEST(test_sixty_four_answers_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
