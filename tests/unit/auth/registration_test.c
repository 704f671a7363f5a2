// Registering, through the handlers over a real store.
#include "common/rpc/pack.h"
#include "services/auth/otp.h"
#include "tests/unit/auth/house.h"

#include <pthread.h>

static const char asha[] = "asha@example.com", ravi[] = "ravi@example.com";
static const char mobile[] = "+919876543210", other_mobile[] = "+919876543211";

/// other_code is a code that was not sent.
static const char *other_code(const char *code)
{
    static char other[HOUSE_CODE_BYTES];
    snprintf(other, sizeof other, "%06u", (unsigned)((strtoul(code, NULL, 10) + 1) % 1000000));
    return other;
}

static void test_a_user_exists_after_the_last_channel(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 id;
    Auth__VerifyRegistrationResponse *reply = NULL;
    Auth__LoginResponse *login = NULL;
    assert_status_ok(house_register(caller, "Asha@Example.com", mobile, &id));
    const char *email_code = house_code(caller, asha), *mobile_code = house_code(caller, mobile);
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "INVALID_CREDENTIALS");
    assert_string_equal(house_events(caller, 0), "auth.login.failed!INVALID_CREDENTIALS ");

    assert_status_ok(house_verify(caller, id, "mobile", mobile_code, &reply));
    assert_true(caller->call.not_created);
    assert_int_equal(reply->user_id.len, 0);
    assert_int_equal(reply->n_remaining, 1);
    assert_string_equal(reply->remaining[0], "email");
    assert_refused(house_verify(caller, id, "mobile", mobile_code, &reply), "OTP_INVALID");
    assert_refused(house_verify(caller, id, "email", mobile_code, &reply), "OTP_INVALID");

    uint64_t before = house_event_head(house);
    assert_status_ok(house_verify(caller, id, "email", email_code, &reply));
    assert_false(caller->call.not_created);
    assert_int_equal(reply->user_id.len, ID128_BYTES);
    assert_string_equal(house_events(caller, before), "auth.user.registered ");
    assert_refused(house_verify(caller, id, "email", email_code, &reply), "OTP_INVALID");
    assert_status_ok(house_login(caller, "ASHA@example.com", PASSWORD, "", &login));
    assert_status_ok(house_login(caller, mobile, PASSWORD, "", &login));
}

static void test_nobody_learns_whether_an_address_is_known(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message message = {0};
    struct id128 unknown_id, known_id;
    (void)house_new_user(caller, asha);

    assert_status_ok(house_register(caller, ravi, "", &unknown_id));
    const Auth__RegisterResponse *unknown = (const Auth__RegisterResponse *)caller->call.reply;
    assert_status_ok(house_register(caller, asha, "", &known_id));
    const Auth__RegisterResponse *known = (const Auth__RegisterResponse *)caller->call.reply;
    // Byte for byte the same, but for the id.
    memset(unknown->registration_id.data, 0, ID128_BYTES);
    memset(known->registration_id.data, 0, ID128_BYTES);
    struct bytes unknown_wire, known_wire;
    assert_status_ok(rpc_pack(unknown, caller->arena, &unknown_wire));
    assert_status_ok(rpc_pack(known, caller->arena, &known_wire));
    assert_true(bytes_equal(unknown_wire, known_wire));
    assert_int_equal(known->expires_in, 1800);
    assert_int_equal(known->resend_after, 30);

    // The owner gets a notice; and no code of a million fits.
    assert_int_equal(house_messages(caller, asha, &message), 2);
    assert_int_equal(message.kind, AUTH_MESSAGE_ACCOUNT_EXISTS);
    assert_string_equal(message.code, "");
    Auth__VerifyRegistrationResponse *reply = NULL;
    for (int i = 0; i < AUTH_CODE_ATTEMPTS_MAX; i++)
        assert_refused(house_verify(caller, known_id, "email", "123456", &reply), "OTP_INVALID");
    assert_refused(house_verify(caller, known_id, "email", "123456", &reply), "OTP_EXHAUSTED");
    house_wait(house, 30);
    assert_status_ok(house_resend(caller, known_id, "email"));
    assert_int_equal(house_messages(caller, asha, &message), 3);
    assert_int_equal(message.kind, AUTH_MESSAGE_ACCOUNT_EXISTS);
}

static void test_a_weak_password_is_told_before_anything_is_kept(void **state)
{
    struct caller *caller = ((struct house *)*state)->caller;
    struct auth_message message;
    Auth__RegisterRequest request = AUTH__REGISTER_REQUEST__INIT;
    request.email = text_of(asha);
    request.password = text_of("ashaverma1");
    request.full_name = text_of("Asha Verma");
    assert_refused(caller_call(caller, AUTH_REGISTER_USER, &request, NULL), "WEAK_PASSWORD");
    assert_int_equal(house_messages(caller, asha, &message), 0);
}

static void test_what_is_wrong_with_a_code(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 id, second_id;
    Auth__VerifyRegistrationResponse *reply = NULL;
    assert_status_ok(house_register(caller, asha, "", &id));
    const char *code = house_code(caller, asha);
    assert_refused(house_verify(caller, id, "pigeon", code, &reply), "VALIDATION_FAILED");
    assert_refused(house_verify(caller, id, "mobile", code, &reply), "OTP_INVALID");
    assert_refused(house_verify(caller, id_of(7), "email", code, &reply), "OTP_EXPIRED");
    assert_refused(house_verify(caller, id, "email", other_code(code), &reply), "OTP_INVALID");

    // A code is worth nothing with another registration of the same address.
    assert_status_ok(house_register(caller, asha, "", &second_id));
    const char *second_code = house_code(caller, asha);
    if (strcmp(code, second_code) != 0)
        assert_refused(house_verify(caller, second_id, "email", code, &reply), "OTP_INVALID");
    house_wait(house, 300);
    assert_refused(house_verify(caller, id, "email", code, &reply), "OTP_EXPIRED");
    assert_status_ok(house_resend(caller, id, "email"));
    assert_status_ok(house_verify(caller, id, "email", house_code(caller, asha), &reply));
}

static void test_attempts_outlive_a_resend_and_a_restart(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct id128 id;
    Auth__VerifyRegistrationResponse *reply = NULL;
    assert_status_ok(house_register(caller, asha, "", &id));
    const char *wrong = other_code(house_code(caller, asha));
    for (int i = 0; i < 3; i++)
        assert_refused(house_verify(caller, id, "email", wrong, &reply), "OTP_INVALID");
    house_reopen(house);
    assert_refused(house_resend(caller, id, "email"), "OTP_SEND_LIMIT");
    assert_int_equal(caller->call.retry_after_ms, 30000);
    house_wait(house, 30);
    assert_status_ok(house_resend(caller, id, "email"));
    const char *code = house_code(caller, asha);
    wrong = other_code(code);
    for (int i = 0; i < 2; i++)
        assert_refused(house_verify(caller, id, "email", wrong, &reply), "OTP_INVALID");
    assert_refused(house_verify(caller, id, "email", code, &reply), "OTP_EXHAUSTED");
}

static void test_the_first_of_two_registrations_wins(void **state)
{
    struct caller *caller = ((struct house *)*state)->caller;
    struct id128 first, second, third;
    Auth__VerifyRegistrationResponse *reply = NULL;
    assert_status_ok(house_register(caller, asha, "", &first));
    const char *first_code = house_code(caller, asha);
    assert_status_ok(house_register(caller, asha, "", &second));
    const char *second_code = house_code(caller, asha);
    assert_status_ok(house_verify(caller, second, "email", second_code, &reply));
    assert_refused(house_verify(caller, first, "email", first_code, &reply), "ALREADY_EXISTS");

    // A known mobile number hinders a new address just as silently.
    assert_status_ok(house_register(caller, ravi, other_mobile, &third));
    assert_status_ok(house_verify(caller, third, "email", house_code(caller, ravi), &reply));
    assert_status_ok(
        house_verify(caller, third, "mobile", house_code(caller, other_mobile), &reply));
    assert_status_ok(house_register(caller, "new@example.com", other_mobile, &third));
    assert_status_ok(
        house_verify(caller, third, "email", house_code(caller, "new@example.com"), &reply));
    assert_int_equal(reply->user_id.len, 0);
}

static void test_an_address_cannot_be_flooded(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message message;
    struct id128 id;
    for (int i = 0; i < 12; i++)
        assert_status_ok(house_register(caller, asha, "", &id)); // The answer is always the same.
    assert_int_equal(house_messages(caller, asha, &message), 10);
    house_wait(house, 30);
    assert_refused(house_resend(caller, id, "email"), "OTP_SEND_LIMIT");
    assert_true(caller->call.retry_after_ms > 8000000);
    assert_status_ok(house_register(caller, ravi, "", &id));
    assert_int_equal(house_messages(caller, ravi, &message), 1);
}

static void test_a_code_is_kept_as_what_it_is_for(void **state)
{
    const struct auth_store *auth = ((struct house *)*state)->service.auth;

    // clang-format off
    static const struct {
        const char *given;
        uint8_t registration;
        enum auth_channel channel;
        const char *code;
        bool is_same;
    } rows[] = {
        {"the same",             1, AUTH_EMAIL,  "012345", true},
        {"another registration", 2, AUTH_EMAIL,  "012345", false},
        {"another channel",      1, AUTH_MOBILE, "012345", false},
        {"another code",         1, AUTH_EMAIL,  "012346", false},
    };

    // clang-format on
    uint8_t mac[AUTH_MAC_BYTES], other[AUTH_MAC_BYTES];
    auth_otp_mac(auth, id_of(1), AUTH_EMAIL, "012345", mac);
    for (size_t i = 0; i < ROWS(rows); i++) {
        auth_otp_mac(auth, id_of(rows[i].registration), rows[i].channel, rows[i].code, other);
        if ((memcmp(mac, other, sizeof mac) == 0) != rows[i].is_same) fail_msg("%s", rows[i].given);
    }
}

static void test_codes_are_six_digits_and_spread(void **state)
{
    (void)state;

    enum { DRAWS = 20000 };

    size_t first_digit[10] = {0};
    for (int i = 0; i < DRAWS; i++) {
        char code[AUTH_CODE_TEXT_BYTES];
        auth_otp_generate(code);
        assert_int_equal(strlen(code), AUTH_CODE_DIGITS);
        assert_int_equal(strspn(code, "0123456789"), AUTH_CODE_DIGITS);
        first_digit[code[0] - '0']++;
    }
    // 2,000 each, give or take 424: ten standard deviations.
    for (size_t i = 0; i < 10; i++)
        assert_in_range(first_digit[i], 2000 - 424, 2000 + 424);
}

// ---- At the same time ----------------------------------------------------------------------

enum { SUBMITTERS = 64 };

struct submitter {
    struct house *house;
    struct id128 id;
    const char *code;
    struct status status;
    pthread_t thread;
};

static void *submit(void *context)
{
    struct submitter *submitter = context;
    Auth__VerifyRegistrationResponse *reply = NULL;
    struct caller *caller = caller_open(submitter->house);
    submitter->status = house_verify(caller, submitter->id, "email", submitter->code, &reply);
    caller_close(caller);
    return NULL;
}

/// run_submitters lets all of them go at once, and waits.
static void run_submitters(struct submitter *submitters)
{
    for (size_t i = 0; i < SUBMITTERS; i++)
        assert_int_equal(pthread_create(&submitters[i].thread, NULL, submit, &submitters[i]), 0);
    for (size_t i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i].thread, NULL);
}

/// reason NULL counts the successes.
static size_t count_answers(const struct submitter *submitters, const char *reason)
{
    size_t count = 0;
    for (size_t i = 0; i < SUBMITTERS; i++) {
        const char *given = submitters[i].status.reason;
        count += reason == NULL ? given == NULL : given != NULL && strcmp(given, reason) == 0;
    }
    return count;
}

static void test_64_guesses_at_once_are_five_compares(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct submitter submitters[SUBMITTERS];
    struct id128 id;
    assert_status_ok(house_register(caller, asha, "", &id));
    const char *wrong = other_code(house_code(caller, asha));
    for (size_t i = 0; i < SUBMITTERS; i++)
        submitters[i] = (struct submitter){.house = house, .id = id, .code = wrong};
    run_submitters(submitters);
    assert_int_equal(count_answers(submitters, "OTP_INVALID"), AUTH_CODE_ATTEMPTS_MAX);
    assert_int_equal(count_answers(submitters, "OTP_EXHAUSTED"),
                     SUBMITTERS - AUTH_CODE_ATTEMPTS_MAX);
}

static void test_64_right_codes_at_once_are_one_user(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct submitter submitters[SUBMITTERS];
    struct id128 id;
    assert_status_ok(house_register(caller, asha, "", &id));
    const char *code = house_code(caller, asha);
    for (size_t i = 0; i < SUBMITTERS; i++)
        submitters[i] = (struct submitter){.house = house, .id = id, .code = code};
    run_submitters(submitters);
    assert_int_equal(count_answers(submitters, NULL), 1);
    assert_int_equal(count_answers(submitters, "OTP_INVALID"), SUBMITTERS - 1);
    assert_string_equal(house_events(caller, 0), "auth.user.registered ");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_user_exists_after_the_last_channel),
        TEST(test_nobody_learns_whether_an_address_is_known),
        TEST(test_a_weak_password_is_told_before_anything_is_kept),
        TEST(test_what_is_wrong_with_a_code),
        TEST(test_attempts_outlive_a_resend_and_a_restart),
        TEST(test_the_first_of_two_registrations_wins),
        TEST(test_an_address_cannot_be_flooded),
        TEST(test_a_code_is_kept_as_what_it_is_for),
        TEST(test_codes_are_six_digits_and_spread),
        TEST(test_64_guesses_at_once_are_five_compares),
        TEST(test_64_right_codes_at_once_are_one_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
