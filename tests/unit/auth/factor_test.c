// Second factors, through the handlers over a real store. The test's phone computes its codes by
// itself, from what the enrolment gave.
#include "services/auth/factor.h"
#include "tests/unit/auth/house.h"

#include <ctype.h>
#include <liboath/oath.h>
#include <pthread.h>

static const char asha[] = "asha@example.com", ravi[] = "ravi@example.com";

enum { THREADS = 64 };

// ---- People and their phones ---------------------------------------------------------------

struct phone {
    char *secret;
    size_t secret_bytes;
};

static void phone_open(const char *secret_text, struct phone *ret)
{
    assert_int_equal(
        oath_base32_decode(secret_text, strlen(secret_text), &ret->secret, &ret->secret_bytes),
        OATH_OK);
    assert_int_equal(ret->secret_bytes, 20);
}

static void phone_close(struct phone *phone)
{
    free(phone->secret);
    *phone = (struct phone){0};
}

/// phone_code gives what the phone shows `seconds` from the house's time.
static const char *phone_code(const struct caller *caller, const struct phone *phone, int seconds)
{
    char *code = arena_alloc(caller->arena, 7);
    time_t now = (time_t)(caller->house->now_ns / AUTH_SECOND_NS) + seconds;
    assert_int_equal(oath_totp_generate(phone->secret, phone->secret_bytes, now, 30, 0, 6, code),
                     OATH_OK);
    return code;
}

/// other_code is a code that the phone does not show.
static const char *other_code(const struct caller *caller, const struct phone *phone)
{
    const char *shown = phone_code(caller, phone, 0), *before = phone_code(caller, phone, -30);
    for (unsigned i = 0;; i++) {
        char *code = arena_format(caller->arena, "%06u", i);
        if (strcmp(code, shown) != 0 && strcmp(code, before) != 0) return code;
    }
}

static struct status enrol(struct caller *caller, const char *password, Auth__TotpEnrolment **ret)
{
    Auth__EnrolTotpRequest request = AUTH__ENROL_TOTP_REQUEST__INIT;
    request.password = text_of(password);
    return caller_call(caller, AUTH_ENROL_TOTP, &request, ret);
}

static struct status confirm(struct caller *caller, const char *code, Auth__RecoveryCodes **ret)
{
    Auth__ConfirmTotpRequest request = AUTH__CONFIRM_TOTP_REQUEST__INIT;
    request.code = text_of(code);
    return caller_call(caller, AUTH_CONFIRM_TOTP, &request, ret);
}

static struct status disable(struct caller *caller, const char *password, const char *method,
                             const char *code)
{
    Auth__DisableTotpRequest request = AUTH__DISABLE_TOTP_REQUEST__INIT;
    request.password = text_of(password);
    request.method = text_of(method);
    request.code = text_of(code);
    return caller_call(caller, AUTH_DISABLE_TOTP, &request, NULL);
}

static struct status replace_codes(struct caller *caller, const char *code,
                                   Auth__RecoveryCodes **ret)
{
    Auth__ReplaceRecoveryCodesRequest request = AUTH__REPLACE_RECOVERY_CODES_REQUEST__INIT;
    request.code = text_of(code);
    return caller_call(caller, AUTH_REPLACE_RECOVERY_CODES, &request, ret);
}

static Auth__Factors *factors(struct caller *caller)
{
    Auth__GetFactorsRequest request = AUTH__GET_FACTORS_REQUEST__INIT;
    Auth__Factors *reply = NULL;
    assert_status_ok(caller_call(caller, AUTH_GET_FACTORS, &request, &reply));
    return reply;
}

static struct id128 log_in(struct caller *caller, const char *email)
{
    Auth__LoginResponse *login = NULL;
    assert_status_ok(house_login(caller, email, PASSWORD, "", &login));
    assert_string_equal(login->status, "authenticated");
    caller_be(caller, login->access_token);
    return caller->claims.session_id;
}

/// new_user registers and logs in.
static struct id128 new_user(struct caller *caller, const char *email)
{
    struct id128 id = house_new_user(caller, email);
    (void)log_in(caller, email);
    return id;
}

/// with_totp enrols and confirms; the step of now is used up.
static Auth__RecoveryCodes *with_totp(struct caller *caller, struct phone *ret)
{
    Auth__TotpEnrolment *enrolment = NULL;
    Auth__RecoveryCodes *codes = NULL;
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    phone_open(enrolment->secret, ret);
    assert_status_ok(confirm(caller, phone_code(caller, ret, 0), &codes));
    return codes;
}

struct comparison {
    const struct auth_service *service;
    struct id128 user_id;
    enum auth_method method;
    const char *code;
    uint64_t now_ns;
    bool is_equal;
};

static struct status run_comparison(struct store_txn *txn, void *context)
{
    struct comparison *comparison = context;
    return auth_factor_compare(comparison->service, txn, comparison->user_id, comparison->method,
                               comparison->code, comparison->now_ns, &comparison->is_equal);
}

/// is_right compares as a login would.
static bool is_right(struct house *house, struct id128 user_id, enum auth_method method,
                     const char *code)
{
    struct comparison comparison = {.service = &house->service,
                                    .user_id = user_id,
                                    .method = method,
                                    .code = code,
                                    .now_ns = house->now_ns};
    assert_status_ok(store_write_wait(house->store, run_comparison, &comparison));
    return comparison.is_equal;
}

static void expect_message(struct caller *caller, const char *to, enum auth_message_kind kind,
                           const char *detail)
{
    struct auth_message last = {0};
    assert_true(house_messages(caller, to, &last) > 0);
    assert_int_equal(last.kind, kind);
    assert_string_equal(last.detail, detail);
}

// ---- Enrolling -----------------------------------------------------------------------------

static void test_an_authenticator_counts_once_a_code_has_been_shown(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    Auth__TotpEnrolment *enrolment = NULL;
    Auth__RecoveryCodes *codes = NULL;
    struct id128 user_id = new_user(caller, asha);
    assert_string_equal(factors(caller)->policy, "off");
    assert_int_equal(factors(caller)->n_channels, 1);
    assert_string_equal(factors(caller)->channels[0], "email");
    uint64_t before = house_event_head(house);
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    phone_open(enrolment->secret, &phone);
    assert_string_equal(enrolment->uri,
                        arena_format(caller->arena,
                                     "otpauth://totp/Florin:asha%%40example.com?secret=%s"
                                     "&issuer=Florin&algorithm=SHA1&digits=6&period=30",
                                     enrolment->secret));
    assert_int_equal(enrolment->digits, 6);
    assert_int_equal(enrolment->period, 30);
    assert_string_equal(enrolment->algorithm, "SHA1");
    assert_false(factors(caller)->totp);
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, phone_code(caller, &phone, 0)));
    assert_string_equal(house_events(caller, before), "");

    assert_status_ok(confirm(caller, phone_code(caller, &phone, 0), &codes));
    assert_string_equal(house_events(caller, before), "auth.factor.enrolled ");
    expect_message(caller, asha, AUTH_MESSAGE_FACTOR_ENROLLED, "");
    assert_true(factors(caller)->totp);
    assert_int_equal(factors(caller)->totp_since, house->now_ns);
    assert_int_equal(factors(caller)->recovery_codes_left, 10);
    assert_int_equal(codes->n_recovery_codes, 10);
    for (size_t i = 0; i < codes->n_recovery_codes; i++) {
        const char *code = codes->recovery_codes[i];
        assert_int_equal(strlen(code), 11);
        assert_int_equal(strspn(code, BASE32_ALPHABET), 5);
        assert_true(code[5] == '-' && strspn(code + 6, BASE32_ALPHABET) == 5);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(code, codes->recovery_codes[j]);
    }
    assert_refused(enrol(caller, PASSWORD, &enrolment), "ALREADY_EXISTS");
    assert_refused(confirm(caller, phone_code(caller, &phone, 30), &codes), "OTP_EXPIRED");
    phone_close(&phone);
}

static void test_a_second_enrolment_replaces_one_that_is_not_confirmed(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone first, second;
    Auth__TotpEnrolment *enrolment = NULL;
    Auth__RecoveryCodes *codes = NULL;
    (void)new_user(caller, asha);
    assert_refused(confirm(caller, "000000", &codes), "OTP_EXPIRED"); // Nothing was begun.
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    phone_open(enrolment->secret, &first);
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    phone_open(enrolment->secret, &second);
    assert_memory_not_equal(first.secret, second.secret, 20);
    assert_refused(confirm(caller, phone_code(caller, &first, 0), &codes), "OTP_INVALID");
    house_wait(house, 599);
    assert_status_ok(confirm(caller, phone_code(caller, &second, 0), &codes));
    phone_close(&first);
    phone_close(&second);
}

static void test_an_enrolment_runs_out(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    Auth__TotpEnrolment *enrolment = NULL;
    Auth__RecoveryCodes *codes = NULL;
    (void)new_user(caller, asha);
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    phone_open(enrolment->secret, &phone);
    house_wait(house, 600);
    assert_refused(confirm(caller, phone_code(caller, &phone, 0), &codes), "OTP_EXPIRED");
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    phone_close(&phone);

    phone_open(enrolment->secret, &phone); // Or by its fifth wrong code.
    for (int i = 0; i < 4; i++)
        assert_refused(confirm(caller, other_code(caller, &phone), &codes), "OTP_INVALID");
    house_reopen(house); // The attempts are counted for good.
    assert_refused(confirm(caller, other_code(caller, &phone), &codes), "OTP_EXHAUSTED");
    assert_refused(confirm(caller, phone_code(caller, &phone, 0), &codes), "OTP_EXPIRED");
    assert_false(factors(caller)->totp);
    phone_close(&phone);
}

static void test_the_password_is_asked_for_and_throttled(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__TotpEnrolment *enrolment = NULL;
    (void)new_user(caller, asha);
    for (int i = 0; i < 6; i++)
        assert_refused(enrol(caller, "kettle of tin", &enrolment), "INVALID_CREDENTIALS");
    assert_refused(enrol(caller, PASSWORD, &enrolment), "INVALID_CREDENTIALS");
    house_wait(house, 30);
    assert_status_ok(enrol(caller, PASSWORD, &enrolment));
    assert_refused(disable(caller, "kettle of tin", "totp", "000000"), "INVALID_CREDENTIALS");

    caller->claims.is_service = true; // A daemon has no factors.
    assert_refused(enrol(caller, PASSWORD, &enrolment), "PERMISSION_DENIED");
}

/// Where a session is no better place to guess at than the login.
static void test_guessing_behind_a_session_disables_the_password(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__TotpEnrolment *enrolment = NULL;
    (void)new_user(caller, asha);
    house->service.policy.password_failures_max = 3;
    uint64_t before = house_event_head(house);
    for (int i = 0; i < 3; i++)
        assert_refused(enrol(caller, "kettle of tin", &enrolment), "INVALID_CREDENTIALS");
    assert_string_equal(house_events(caller, before), "auth.password.disabled ");
    assert_refused(enrol(caller, PASSWORD, &enrolment), "INVALID_CREDENTIALS");
}

// ---- Codes ---------------------------------------------------------------------------------

static void test_a_code_is_taken_once_and_stays_taken(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    struct id128 user_id = new_user(caller, asha);
    house->now_ns -= house->now_ns % (30 * AUTH_SECOND_NS); // A step begins.
    (void)with_totp(caller, &phone);
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, phone_code(caller, &phone, 0)));
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, phone_code(caller, &phone, -30)));
    house_wait(house, 30);
    const char *code = phone_code(caller, &phone, 0);
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, other_code(caller, &phone)));
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, phone_code(caller, &phone, 30)));
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, ""));
    assert_true(is_right(house, user_id, AUTH_METHOD_TOTP, code));
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, code));
    house_reopen(house);
    assert_false(is_right(house, user_id, AUTH_METHOD_TOTP, code));
    house_wait(house, 60); // The code of the step before has not been shown.
    assert_true(is_right(house, user_id, AUTH_METHOD_TOTP, phone_code(caller, &phone, -30)));
    assert_true(is_right(house, user_id, AUTH_METHOD_TOTP, phone_code(caller, &phone, 0)));
    assert_false(is_right(house, house_new_user(caller, ravi), AUTH_METHOD_TOTP,
                          phone_code(caller, &phone, 0)));
    phone_close(&phone);
}

static void test_each_recovery_code_is_good_once(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    struct id128 user_id = new_user(caller, asha), other_id = house_new_user(caller, ravi);
    Auth__RecoveryCodes *codes = with_totp(caller, &phone);

    // clang-format off
    static const struct {
        const char *given;
        size_t which;
        bool is_lower, has_no_dash;
        size_t characters; // Of its eleven.
        const char *more;
        bool is_taken;
        const char *left;
    } rows[] = {
        {"as it was given",        3, false, false, 11, "",  true,  "9"},
        {"once more",              3, false, false, 11, "",  false, "9"},
        {"in lower case",          9, true,  false, 11, "",  true,  "8"},
        {"without the dash",       0, false, true,  11, "",  true,  "7"},
        {"in lower case, without", 5, true,  true,  11, "",  true,  "6"},
        {"a half",                 1, false, false, 5,  "",  false, "6"},
        {"one character short",    1, false, false, 10, "",  false, "6"},
        {"one character more",     1, false, false, 11, "A", false, "6"},
        {"that one as it is",      1, false, false, 11, "",  true,  "5"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *code = codes->recovery_codes[rows[i].which];
        char *given =
            arena_format(caller->arena, "%.*s%s", (int)rows[i].characters, code, rows[i].more);
        if (rows[i].has_no_dash) given = arena_format(caller->arena, "%.5s%s", given, given + 6);
        for (char *at = given; rows[i].is_lower && *at != '\0'; at++)
            *at = (char)tolower(*at);
        assert_false(is_right(house, other_id, AUTH_METHOD_RECOVERY_CODE, given));
        if (is_right(house, user_id, AUTH_METHOD_RECOVERY_CODE, given) != rows[i].is_taken)
            fail_msg("%s: %s", rows[i].given, given);
        expect_message(caller, asha, AUTH_MESSAGE_RECOVERY_CODE_USED, rows[i].left);
    }
    assert_int_equal(factors(caller)->recovery_codes_left, 5);
    static const char *const never[] = {
        "", "-----------", "          ", "AAAAAAAAAAA", "AAAAA-AAAA1", "ÄÖÜÄÖ"};
    for (size_t i = 0; i < ROWS(never); i++)
        assert_false(is_right(house, user_id, AUTH_METHOD_RECOVERY_CODE, never[i]));
    phone_close(&phone);
}

static void test_new_recovery_codes_end_the_old_ones(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    Auth__RecoveryCodes *again = NULL;
    struct id128 user_id = new_user(caller, asha);
    assert_refused(replace_codes(caller, "000000", &again), "FACTOR_NOT_FOUND");
    Auth__RecoveryCodes *codes = with_totp(caller, &phone);
    assert_refused(replace_codes(caller, phone_code(caller, &phone, 0), &again), "OTP_INVALID");
    house_wait(house, 30);
    uint64_t before = house_event_head(house);
    assert_status_ok(replace_codes(caller, phone_code(caller, &phone, 0), &again));
    assert_string_equal(house_events(caller, before), "auth.factor.recovery_codes_replaced ");
    assert_false(is_right(house, user_id, AUTH_METHOD_RECOVERY_CODE, codes->recovery_codes[0]));
    assert_true(is_right(house, user_id, AUTH_METHOD_RECOVERY_CODE, again->recovery_codes[0]));
    phone_close(&phone);
}

static void test_fifteen_wrong_codes_lock_for_a_day_and_the_owner_is_told(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    Auth__RecoveryCodes *codes = NULL;
    (void)new_user(caller, asha);
    (void)with_totp(caller, &phone);
    house_wait(house, 30);
    uint64_t before = house_event_head(house);
    for (int i = 0; i < 14; i++)
        assert_refused(replace_codes(caller, other_code(caller, &phone), &codes), "OTP_INVALID");
    assert_string_equal(house_events(caller, before), "");
    house_reopen(house); // They are counted for good.
    assert_refused(disable(caller, PASSWORD, "recovery_code", "AAAAA-AAAAA"), "OTP_INVALID");
    assert_string_equal(house_events(caller, before), "auth.factor.locked ");
    expect_message(caller, asha, AUTH_MESSAGE_FACTOR_LOCKED, "");
    uint64_t locked_until = house->now_ns + AUTH_CODE_DAY_NS;
    assert_int_equal(factors(caller)->locked_until, locked_until);
    assert_refused(replace_codes(caller, phone_code(caller, &phone, 0), &codes), "OTP_EXHAUSTED");
    assert_refused(disable(caller, PASSWORD, "totp", phone_code(caller, &phone, 0)),
                   "OTP_EXHAUSTED");
    house->now_ns = locked_until - 1;
    assert_refused(replace_codes(caller, phone_code(caller, &phone, 0), &codes), "OTP_EXHAUSTED");
    house->now_ns = locked_until;
    assert_status_ok(replace_codes(caller, phone_code(caller, &phone, 0), &codes));
    assert_int_equal(factors(caller)->locked_until, 0);
    phone_close(&phone);
}

// ---- Their end -----------------------------------------------------------------------------

static void test_disabling_takes_password_and_code_and_ends_other_sessions(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    struct id128 user_id = house_new_user(caller, asha);
    struct id128 other_session = log_in(caller, asha), session = log_in(caller, asha);
    assert_refused(disable(caller, PASSWORD, "totp", "000000"), "FACTOR_NOT_FOUND");
    assert_refused(disable(caller, PASSWORD, "email", "000000"), "VALIDATION_FAILED");
    Auth__RecoveryCodes *codes = with_totp(caller, &phone);
    house_wait(house, 30);
    assert_refused(disable(caller, "kettle of tin", "totp", phone_code(caller, &phone, 0)),
                   "INVALID_CREDENTIALS");
    assert_refused(disable(caller, PASSWORD, "totp", other_code(caller, &phone)), "OTP_INVALID");
    assert_int_equal(house_session(house, other_session).state, AUTH_SESSION_ACTIVE);

    uint64_t before = house_event_head(house);
    assert_status_ok(disable(caller, PASSWORD, "totp", phone_code(caller, &phone, 0)));
    assert_string_equal(house_events(caller, before), "auth.factor.disabled auth.session.ended ");
    expect_message(caller, asha, AUTH_MESSAGE_FACTOR_DISABLED, "");
    assert_int_equal(house_session(house, other_session).state, AUTH_SESSION_ENDED);
    assert_int_equal(house_session(house, other_session).cause, AUTH_SESSION_FACTORS_CHANGED);
    assert_int_equal(house_session(house, session).state, AUTH_SESSION_ACTIVE);
    assert_false(factors(caller)->totp);
    assert_false(is_right(house, user_id, AUTH_METHOD_RECOVERY_CODE, codes->recovery_codes[0]));
    phone_close(&phone);

    codes = with_totp(caller, &phone); // Another one may be enrolled, and go by a recovery code.
    before = house_event_head(house);
    assert_status_ok(disable(caller, PASSWORD, "recovery_code", codes->recovery_codes[7]));
    assert_string_equal(house_events(caller, before),
                        "auth.factor.recovery_code_used auth.factor.disabled ");
    phone_close(&phone);
}

static struct status reset(struct caller *caller, struct id128 user_id, Auth__User **ret)
{
    Auth__ResetFactorsRequest request = AUTH__RESET_FACTORS_REQUEST__INIT;
    request.id = (ProtobufCBinaryData){ID128_BYTES, user_id.bytes};
    request.reason = text_of("phone lost");
    return caller_call(caller, AUTH_RESET_FACTORS, &request, ret);
}

static void test_what_staff_reset_is_not_locked_any_more(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller, *officer = caller_open(house);
    struct phone phone;
    Auth__RecoveryCodes *codes = NULL;
    Auth__User *user = NULL;
    struct id128 user_id = new_user(caller, asha);
    (void)new_user(officer, ravi);
    (void)with_totp(caller, &phone);
    for (int i = 0; i < 15; i++)
        assert_refused(replace_codes(caller, other_code(caller, &phone), &codes), "OTP_INVALID");
    assert_int_not_equal(factors(caller)->locked_until, 0);
    phone_close(&phone);
    assert_status_ok(reset(officer, user_id, &user));
    (void)log_in(caller, asha);
    assert_int_equal(factors(caller)->locked_until, 0);
    (void)with_totp(caller, &phone);
    phone_close(&phone);
    caller_close(officer);
}

static void test_staff_take_a_lost_authenticator_away_but_not_their_own(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller, *officer = caller_open(house);
    struct phone phone;
    Auth__User *user = NULL;
    struct id128 user_id = new_user(caller, asha), session = caller->claims.session_id;
    struct id128 officer_id = new_user(officer, ravi);
    assert_refused(reset(officer, user_id, &user), "FACTOR_NOT_FOUND");
    assert_refused(reset(officer, id_of(0x77), &user), "USER_NOT_FOUND");
    (void)with_totp(caller, &phone);
    phone_close(&phone);
    (void)with_totp(officer, &phone);
    phone_close(&phone);
    assert_refused(reset(officer, officer_id, &user), "SEPARATION_OF_DUTIES");
    uint64_t before = house_event_head(house);
    assert_status_ok(reset(officer, user_id, &user));
    assert_string_equal(house_events(caller, before),
                        "auth.factor.disabled auth.user.factors_reset auth.session.ended ");
    expect_message(caller, asha, AUTH_MESSAGE_FACTOR_DISABLED, "");
    assert_int_equal(user->version, 2);
    assert_int_equal(house_session(house, session).cause, AUTH_SESSION_FACTORS_CHANGED);
    bool is_alive = true;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(
        auth_session_is_alive(txn, officer->claims.session_id, 1, house->now_ns, &is_alive));
    assert_true(is_alive);
    struct auth_user stored;
    assert_status_ok(auth_store_get_user(txn, user_id, &stored));
    assert_int_equal(stored.rights_version, 2); // Tokens given before are refused.
    store_snapshot_end(&txn);
    assert_true(factors(officer)->totp);
    caller_close(officer);
}

// ---- Races, and what lies on the disk ------------------------------------------------------

struct racer {
    pthread_t thread;
    struct caller *caller;
    const char *code;
    pthread_barrier_t *start;
    struct status status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    Auth__RecoveryCodes *codes = NULL;
    pthread_barrier_wait(racer->start);
    racer->status = replace_codes(racer->caller, racer->code, &codes);
    return NULL;
}

static void test_of_64_with_one_right_code_exactly_one_is_taken(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    struct racer racers[THREADS];
    pthread_barrier_t start;
    house->service.policy.code_failures_max = 1000;
    (void)new_user(caller, asha);
    (void)with_totp(caller, &phone);
    house_wait(house, 30);
    pthread_barrier_init(&start, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){
            .caller = caller_open(house), .code = phone_code(caller, &phone, 0), .start = &start};
        racers[i].caller->claims = caller->claims;
        racers[i].caller->is_authenticated = true;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    size_t taken = 0;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        if (status_ok(racers[i].status))
            taken++;
        else
            assert_string_equal(racers[i].status.reason, "OTP_INVALID");
        caller_close(racers[i].caller);
    }
    assert_int_equal(taken, 1);
    pthread_barrier_destroy(&start);
    phone_close(&phone);
}

static void test_neither_secret_nor_recovery_code_lies_on_the_disk(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct phone phone;
    char text[TOTP_SECRET_TEXT_BYTES];
    (void)new_user(caller, asha);
    Auth__RecoveryCodes *codes = with_totp(caller, &phone);
    base32_encode((const uint8_t *)phone.secret, phone.secret_bytes, text);
    assert_int_equal(directory_count_text(house->directory, text), 0);
    char raw[8] = {0}; // Enough of the secret's bytes, if none of them is a NUL.
    memcpy(raw, phone.secret, 7);
    if (strlen(raw) == 7) assert_int_equal(directory_count_text(house->directory, raw), 0);
    for (size_t i = 0; i < codes->n_recovery_codes; i++) {
        const char *code = codes->recovery_codes[i];
        assert_int_equal(directory_count_text(house->directory, code), 0);
        char *bare = arena_format(caller->arena, "%.5s%s", code, code + 6);
        assert_int_equal(directory_count_text(house->directory, bare), 0);
    }
    assert_true(directory_count_text(house->directory, "auth.factor.enrolled") > 0);
    phone_close(&phone);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_an_authenticator_counts_once_a_code_has_been_shown),
        TEST(test_a_second_enrolment_replaces_one_that_is_not_confirmed),
        TEST(test_an_enrolment_runs_out),
        TEST(test_the_password_is_asked_for_and_throttled),
        TEST(test_guessing_behind_a_session_disables_the_password),
        TEST(test_a_code_is_taken_once_and_stays_taken),
        TEST(test_each_recovery_code_is_good_once),
        TEST(test_new_recovery_codes_end_the_old_ones),
        TEST(test_fifteen_wrong_codes_lock_for_a_day_and_the_owner_is_told),
        TEST(test_disabling_takes_password_and_code_and_ends_other_sessions),
        TEST(test_what_staff_reset_is_not_locked_any_more),
        TEST(test_staff_take_a_lost_authenticator_away_but_not_their_own),
        TEST(test_of_64_with_one_right_code_exactly_one_is_taken),
        TEST(test_neither_secret_nor_recovery_code_lies_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
