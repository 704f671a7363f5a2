// Step-up for money, through the handlers over a real store: who is asked for what, and whose code
// gives a token for which payment.
#include "common/base/check.h"
#include "tests/unit/auth/people.h"

#include <liboath/oath.h>
#include <pthread.h>

enum { THREADS = 64 };

static const char asha[] = "asha@example.com", mobile[] = "+919812345678";

// ---- People --------------------------------------------------------------------------------

static struct id128 be_somebody(struct house *house, const char *email, const char *number)
{
    struct id128 id = people_new(house, &(struct person){.email = email, .mobile = number});
    struct auth_session session = people_begin(house, id, "phone");
    people_be(house->caller, id, session.id);
    return id;
}

struct phone {
    struct house *house;
    struct id128 user_id;
    uint8_t secret[TOTP_SECRET_BYTES];
    const char *code;
};

static const char *phone_code(struct phone *phone)
{
    char *code = arena_alloc(phone->house->caller->arena, 7);
    time_t now = (time_t)(phone->house->now_ns / AUTH_SECOND_NS);
    assert_int_equal(
        oath_totp_generate((const char *)phone->secret, sizeof phone->secret, now, 30, 0, 6, code),
        OATH_OK);
    return code;
}

static struct status run_enrol(struct store_txn *txn, void *context)
{
    struct phone *phone = context;
    return auth_factor_enrol(&phone->house->service, txn, phone->user_id, phone->house->now_ns,
                             phone->secret);
}

static struct status run_confirm(struct store_txn *txn, void *context)
{
    struct phone *phone = context;
    struct auth_recovery_codes codes;
    struct auth_factor_outcome outcome;
    return auth_factor_confirm(&phone->house->service, txn, phone->user_id, phone->code,
                               phone->house->now_ns, &codes, &outcome);
}

static struct phone with_totp(struct house *house, struct id128 user_id)
{
    struct phone phone = {.house = house, .user_id = user_id};
    assert_status_ok(store_write_wait(house->store, run_enrol, &phone));
    phone.code = phone_code(&phone);
    assert_status_ok(store_write_wait(house->store, run_confirm, &phone));
    house_wait(house, 60); // The step that confirmed is used up.
    return phone;
}

// ---- What they ask -------------------------------------------------------------------------

struct asked {
    struct id128 id, debit, credit;
    Type__Uint128 amount;
    Auth__ScaPayment payment;
    Auth__CreateScaRequest request;
};

/// 25,000.00 INR from aa… to bb…, as transfer cc….
static void prepare(struct asked *asked)
{
    *asked = (struct asked){.id = id_of(0xcc), .debit = id_of(0xaa), .credit = id_of(0xbb)};
    type__uint128__init(&asked->amount);
    auth__sca_payment__init(&asked->payment);
    auth__create_sca_request__init(&asked->request);
    asked->amount.low = 2500000;
    asked->payment.id = people_id(&asked->id);
    asked->payment.debit_account_id = people_id(&asked->debit);
    asked->payment.credit_account_id = people_id(&asked->credit);
    asked->payment.amount = &asked->amount;
    asked->payment.currency = text_of("INR");
    asked->request.action = text_of("ledger.transfer.create");
    asked->request.payload = &asked->payment;
}

static struct status create(struct caller *caller, Auth__ScaChallenge **ret)
{
    struct asked asked;
    prepare(&asked);
    return caller_call(caller, AUTH_CREATE_SCA, &asked.request, ret);
}

static struct id128 must_create(struct caller *caller)
{
    Auth__ScaChallenge *challenge = NULL;
    assert_status_ok(create(caller, &challenge));
    return id128_of(challenge->sca_id.data);
}

static struct status verify(struct caller *caller, struct id128 sca_id, const char *method,
                            const char *code, Auth__ScaToken **ret)
{
    Auth__VerifyScaRequest request = AUTH__VERIFY_SCA_REQUEST__INIT;
    request.sca_id = people_id(&sca_id);
    request.method = text_of(method);
    request.code = text_of(code);
    return caller_call(caller, AUTH_VERIFY_SCA, &request, ret);
}

static struct status resend(struct caller *caller, struct id128 sca_id, const char *method,
                            Auth__ResendResponse **ret)
{
    Auth__ResendScaRequest request = AUTH__RESEND_SCA_REQUEST__INIT;
    request.sca_id = people_id(&sca_id);
    request.method = text_of(method);
    return caller_call(caller, AUTH_RESEND_SCA, &request, ret);
}

static const char *wrong_code(struct caller *caller, const char *right)
{
    return arena_format(caller->arena, "%c%s", right[0] == '9' ? '0' : right[0] + 1, right + 1);
}

static bool look_up(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                    char ret_issuer[static JWS_ISSUER_BYTES_MAX])
{
    struct house *house = context;
    snprintf(ret_issuer, JWS_ISSUER_BYTES_MAX, "florin-auth");
    return auth_signing_find(house->service.signing, kid, ret_public_key);
}

// ---- Who is asked for what -----------------------------------------------------------------

#define TEXT "Pay 25,000.00 INR to account bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb"

static void test_who_is_asked_for_what(void **state)
{
    static const struct {
        const char *who, *email, *mobile;
        bool has_totp;
        const char *methods, *sent_to;
    } rows[] = {
        {"an address", "a@example.com", NULL, false, "email ", "email"},
        {"a number", NULL, "+919812345601", false, "mobile ", "mobile"},
        {"both", "b@example.com", "+919812345602", false, "mobile email ", "mobile"},
        {"an authenticator", "c@example.com", NULL, true, "totp email ", ""},
        {"all there is", "d@example.com", "+919812345603", true, "totp mobile email ", ""},
    };

    struct house *house = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].who);
        struct id128 user_id = be_somebody(house, rows[i].email, rows[i].mobile);
        if (rows[i].has_totp) (void)with_totp(house, user_id);
        Auth__ScaChallenge *challenge = NULL;
        assert_status_ok(create(house->caller, &challenge));
        const char *methods = "";
        for (size_t j = 0; j < challenge->n_methods; j++)
            methods = arena_format(house->caller->arena, "%s%s ", methods, challenge->methods[j]);
        assert_string_equal(methods, rows[i].methods);
        assert_string_equal(challenge->sent_to, rows[i].sent_to);
        assert_string_equal(challenge->text, TEXT);
        assert_int_equal(challenge->expires_in, 300);
        assert_int_equal(challenge->resend_after, rows[i].sent_to[0] != '\0' ? 30 : 0);

        struct auth_message message = {0};
        const char *to = rows[i].mobile != NULL ? rows[i].mobile : rows[i].email;
        size_t sent = 0;
        if (rows[i].sent_to[0] != '\0') sent = house_messages(house->caller, to, &message);
        assert_int_equal(sent, rows[i].sent_to[0] != '\0');
        if (sent == 0) continue;
        assert_int_equal(message.kind, AUTH_MESSAGE_SCA_CODE);
        assert_string_equal(message.detail, TEXT);
    }
}

static void test_what_cannot_be_approved(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct asked asked;
    Auth__ScaChallenge *challenge = NULL;
    be_somebody(house, NULL, NULL);
    assert_refused(create(caller, &challenge), "FACTOR_REQUIRED");

    be_somebody(house, asha, NULL);
    prepare(&asked);
    asked.request.action = text_of("kyc.case.decide");
    assert_refused(caller_call(caller, AUTH_CREATE_SCA, &asked.request, &challenge),
                   "ACTION_UNKNOWN");
    prepare(&asked);
    asked.request.payload = NULL;
    assert_refused(caller_call(caller, AUTH_CREATE_SCA, &asked.request, &challenge),
                   "VALIDATION_FAILED");
    prepare(&asked);
    asked.payment.amount = NULL;
    assert_refused(caller_call(caller, AUTH_CREATE_SCA, &asked.request, &challenge),
                   "VALIDATION_FAILED");
    prepare(&asked);
    asked.payment.id.len = 15;
    assert_refused(caller_call(caller, AUTH_CREATE_SCA, &asked.request, &challenge),
                   "VALIDATION_FAILED");
    prepare(&asked);
    asked.payment.currency = text_of("inr");
    assert_refused(caller_call(caller, AUTH_CREATE_SCA, &asked.request, &challenge),
                   "VALIDATION_FAILED");
    assert_int_equal(house_messages(caller, asha, &(struct auth_message){0}), 0);

    struct id128 sca_id = must_create(caller);
    const char *code = house_code(caller, asha);
    assert_refused(verify(caller, sca_id, "pigeon", code, NULL), "VALIDATION_FAILED");
    assert_refused(verify(caller, sca_id, "email", "12345", NULL), "VALIDATION_FAILED");
    assert_refused(resend(caller, sca_id, "totp", NULL), "VALIDATION_FAILED");
    assert_refused(resend(caller, sca_id, "mobile", NULL), "OTP_INVALID"); // She has none.
    caller->claims = (struct token_claims){.is_service = true, .service = "ledger"};
    assert_refused(create(caller, &challenge), "PERMISSION_DENIED");
    assert_refused(verify(caller, sca_id, "email", code, NULL), "PERMISSION_DENIED");
    assert_refused(resend(caller, sca_id, "email", NULL), "PERMISSION_DENIED");
}

// ---- The token -----------------------------------------------------------------------------

static void test_the_right_code_gives_a_token_for_this_payment(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct sca_claims claims;
    Auth__ScaToken *token = NULL;
    uint8_t link[SCA_LINK_BYTES];
    struct id128 user_id = be_somebody(house, asha, NULL);
    struct id128 sca_id = must_create(caller);
    uint64_t before = house_event_head(house), now_s = house->now_ns / AUTH_SECOND_NS;
    assert_status_ok(verify(caller, sca_id, "email", house_code(caller, asha), &token));
    assert_string_equal(house_events(caller, before), "auth.sca.approved ");
    assert_int_equal(token->expires_in, 120);
    assert_status_ok(
        sca_token_verify(bytes_of_text(token->sca_token), now_s, look_up, house, &claims));
    assert_true(id128_equal(claims.subject, user_id));
    assert_int_equal(claims.issued_at_s, now_s);
    assert_int_equal(claims.expires_at_s, now_s + 120);
    assert_string_equal(claims.action, "ledger.transfer.create");
    const struct sca_payment payment = {.debit_account_id = id_of(0xaa),
                                        .credit_account_id = id_of(0xbb),
                                        .transfer_id = id_of(0xcc),
                                        .amount = 2500000,
                                        .currency = "INR"};
    sca_link_hash(&payment, link);
    assert_memory_equal(claims.link, link, sizeof link);

    // It opens no door: it is no access token.
    struct token_claims access;
    assert_refused(token_verify(bytes_of_text(token->sca_token), now_s, look_up, house, &access),
                   "TOKEN_MALFORMED");
}

static void test_an_authenticator_approves_too(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ScaToken *token = NULL;
    struct id128 user_id = be_somebody(house, asha, mobile);
    struct phone phone = with_totp(house, user_id);
    struct id128 sca_id = must_create(caller);
    assert_refused(verify(caller, sca_id, "recovery_code", "123456", NULL), "OTP_INVALID");
    assert_refused(verify(caller, sca_id, "email", "123456", NULL),
                   "OTP_INVALID"); // None was sent.
    assert_status_ok(verify(caller, sca_id, "totp", phone_code(&phone), &token));
    // The same code approves nothing else.
    assert_refused(verify(caller, must_create(caller), "totp", phone_code(&phone), &token),
                   "OTP_INVALID");

    // And who has left it at home asks for a message, which says what it is for.
    Auth__ResendResponse *resent = NULL;
    struct auth_message message = {0};
    sca_id = must_create(caller);
    assert_status_ok(resend(caller, sca_id, "mobile", &resent));
    assert_int_equal(resent->resend_after, 30);
    assert_int_equal(house_messages(caller, mobile, &message), 1);
    assert_string_equal(message.detail, TEXT);
    assert_status_ok(verify(caller, sca_id, "mobile", house_code(caller, mobile), &token));
}

static void test_a_code_is_sent_again_by_either_channel(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ResendResponse *resent = NULL;
    Auth__ScaToken *token = NULL;
    be_somebody(house, asha, mobile);
    struct id128 sca_id = must_create(caller);
    const char *first = house_code(caller, mobile);
    assert_refused(resend(caller, sca_id, "email", &resent), "OTP_SEND_LIMIT");
    assert_int_equal(caller->call.retry_after_ms, 30000);
    house_wait(house, 30);
    assert_status_ok(resend(caller, sca_id, "email", &resent));
    assert_int_equal(resent->resend_after, 60);
    assert_refused(verify(caller, sca_id, "mobile", first, &token), "OTP_INVALID");
    assert_status_ok(verify(caller, sca_id, "email", house_code(caller, asha), &token));
    assert_refused(resend(caller, sca_id, "email", &resent), "OTP_EXPIRED");
}

// ---- Whose, how often, how long ------------------------------------------------------------

static void test_only_who_asked_may_answer(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ScaToken *token = NULL;
    be_somebody(house, asha, NULL);
    struct token_claims ashas = caller->claims;
    struct id128 sca_id = must_create(caller);
    const char *code = house_code(caller, asha);
    be_somebody(house, "ravi@example.com", NULL);
    for (int i = 0; i < 10; i++) { // And uses none of her attempts up.
        assert_refused(verify(caller, sca_id, "email", code, &token), "OTP_INVALID");
        assert_refused(resend(caller, sca_id, "email", NULL), "OTP_INVALID");
    }
    caller->claims = ashas;
    assert_status_ok(verify(caller, sca_id, "email", code, &token));
    assert_refused(verify(caller, sca_id, "email", code, &token), "OTP_INVALID"); // Once.
}

static void test_five_wrong_codes_end_it_and_survive_a_restart(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ScaToken *token = NULL;
    be_somebody(house, asha, NULL);
    struct id128 sca_id = must_create(caller);
    const char *code = house_code(caller, asha);
    uint64_t before = house_event_head(house);
    for (int i = 0; i < 5; i++) {
        assert_refused(verify(caller, sca_id, "email", wrong_code(caller, code), &token),
                       "OTP_INVALID");
        house_reopen(house);
    }
    assert_refused(verify(caller, sca_id, "email", code, &token), "OTP_EXHAUSTED");
    assert_string_equal(house_events(caller, before), "");
}

static void test_the_days_limit_locks_and_tells(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ScaToken *token = NULL;
    be_somebody(house, asha, NULL);
    uint32_t left = house->service.policy.code_failures_max;
    uint64_t before = house_event_head(house);
    while (left > 0) {
        struct id128 sca_id = must_create(caller);
        const char *wrong = wrong_code(caller, house_code(caller, asha));
        for (int i = 0; i < 5 && left > 0; i++, left--)
            assert_refused(verify(caller, sca_id, "email", wrong, &token), "OTP_INVALID");
        house_wait(house, 60);
    }
    assert_string_equal(house_events(caller, before), "auth.factor.locked ");
    struct id128 sca_id = must_create(caller);
    assert_refused(verify(caller, sca_id, "email", house_code(caller, asha), &token),
                   "OTP_EXHAUSTED");
}

static void test_it_is_over_after_five_minutes(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ScaToken *token = NULL;
    be_somebody(house, asha, NULL);
    struct id128 sca_id = must_create(caller);
    house_wait(house, 300);
    assert_refused(verify(caller, sca_id, "email", house_code(caller, asha), &token),
                   "OTP_EXPIRED");
    assert_refused(resend(caller, sca_id, "email", NULL), "OTP_EXPIRED");
}

// ---- At once -------------------------------------------------------------------------------

struct racer {
    struct caller *caller;
    struct id128 sca_id;
    const char *code;
    pthread_barrier_t *start;
    struct status status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    pthread_barrier_wait(racer->start);
    racer->status = verify(racer->caller, racer->sca_id, "email", racer->code, NULL);
    return NULL;
}

static size_t run_race(struct house *house, struct id128 sca_id, const char *right, size_t good)
{
    static struct racer racers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    size_t passed = 0;
    pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.caller = caller_open(house), .sca_id = sca_id, .start = &start};
        racers[i].caller->claims = house->caller->claims;
        racers[i].caller->is_authenticated = true;
        racers[i].code = i < good ? right : wrong_code(house->caller, right);
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) {
        passed += status_ok(racers[i].status);
        caller_close(racers[i].caller);
    }
    pthread_barrier_destroy(&start);
    return passed;
}

static void test_one_code_gives_one_token_however_many_ask(void **state)
{
    struct house *house = *state;
    be_somebody(house, asha, NULL);
    struct id128 sca_id = must_create(house->caller);
    assert_int_equal(run_race(house, sca_id, house_code(house->caller, asha), THREADS), 1);

    // Sixty wrong ones beside four right ones: five are compared at most, one passes at most.
    house_wait(house, 60);
    uint64_t before = house_event_head(house);
    sca_id = must_create(house->caller);
    size_t passed = run_race(house, sca_id, house_code(house->caller, asha), 4);
    assert_true(passed <= 1);
    assert_string_equal(house_events(house->caller, before),
                        passed == 1 ? "auth.sca.approved " : "");
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_is_asked_for_what),
        TEST(test_what_cannot_be_approved),
        TEST(test_the_right_code_gives_a_token_for_this_payment),
        TEST(test_an_authenticator_approves_too),
        TEST(test_a_code_is_sent_again_by_either_channel),
        TEST(test_only_who_asked_may_answer),
        TEST(test_five_wrong_codes_end_it_and_survive_a_restart),
        TEST(test_the_days_limit_locks_and_tells),
        TEST(test_it_is_over_after_five_minutes),
        TEST(test_one_code_gives_one_token_however_many_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
