// Logging in with more than a password, through the handlers over a real store: which factor is
// asked for, what it is bound to, what becomes of too many wrong passwords.
#include "common/base/check.h"
#include "tests/unit/auth/door.h"

#include <pthread.h>

static const char asha[] = "asha@example.com", mobile[] = "+919876543210";

/// login_from also says from where.
static struct status login_from(struct caller *caller, const char *client_ip, const char *device,
                                Auth__LoginResponse **ret)
{
    caller->client_ip = client_ip;
    return house_login(caller, asha, PASSWORD, device, ret);
}

static struct status login_here(struct caller *caller, Auth__LoginResponse **ret)
{
    return login_from(caller, "192.0.2.1", "phone", ret);
}

// ---- Which factor --------------------------------------------------------------------------

static void test_the_policy_and_what_one_has_say_what_is_asked(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    // clang-format off
    static const struct {
        const char *given;
        enum auth_mfa policy;
        unsigned channels;
        bool has_totp;
        const char *status, *methods, *sent_to;
    } rows[] = {
        {"off",                        AUTH_MFA_OFF,      6, false, "authenticated",      "",                   ""},
        {"optional",                   AUTH_MFA_OPTIONAL, 6, false, "authenticated",      "",                   ""},
        {"otp",                        AUTH_MFA_OTP,      6, false, "mfa_required",       "mobile email",       "mobile"},
        {"otp, e-mail only",           AUTH_MFA_OTP,      2, false, "mfa_required",       "email",              "email"},
        {"otp, nothing confirmed",     AUTH_MFA_OTP,      0, false, "enrolment_required", "",                   ""},
        {"totp, not enrolled",         AUTH_MFA_TOTP,     6, false, "mfa_required",       "mobile email",       "mobile"},
        {"totp, nothing at all",       AUTH_MFA_TOTP,     0, false, "enrolment_required", "",                   ""},
        {"off, but enrolled",          AUTH_MFA_OFF,      6, true,  "mfa_required",       "totp recovery_code", ""},
        {"otp, and enrolled",          AUTH_MFA_OTP,      6, true,  "mfa_required",       "totp recovery_code", ""},
        {"totp, enrolled",             AUTH_MFA_TOTP,     0, true,  "mfa_required",       "totp recovery_code", ""},
    };
    // clang-format on
    struct auth_recovery_codes codes;
    Auth__LoginResponse *login = NULL;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    for (size_t i = 0; i < ROWS(rows); i++) {
        house->service.policy.mfa_customer = rows[i].policy;
        door_set_channels(house, user_id, rows[i].channels);
        if (rows[i].has_totp) door_enrol(house, user_id, &codes);
        assert_status_ok(login_here(caller, &login));
        if (strcmp(login->status, rows[i].status) != 0 ||
            strcmp(door_methods(caller, login), rows[i].methods) != 0 ||
            strcmp(login->sent_to, rows[i].sent_to) != 0)
            fail_msg("%s: %s, %s, %s", rows[i].given, login->status, door_methods(caller, login),
                     login->sent_to);
        bool is_asked = strcmp(rows[i].status, "mfa_required") == 0;
        assert_int_equal(login->access_token[0] == '\0', is_asked);
        assert_int_equal(login->refresh_token[0] == '\0', is_asked);
        assert_int_equal(login->session_id.len, is_asked ? 0 : ID128_BYTES);
        assert_int_equal(login->login_id.len, is_asked ? ID128_BYTES : 0);
        assert_int_equal(login->resend_after, login->sent_to[0] != '\0' ? 30 : 0);
        if (is_asked) assert_int_equal(login->expires_in, 300);
    }
}

static void test_each_method_says_how(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    enum { MFA = TOKEN_AMR_PWD | TOKEN_AMR_MFA };

    // clang-format off
    static const struct {
        enum auth_mfa policy;
        bool has_totp;
        const char *method;
        int amr, aal;
        const char *status;
    } rows[] = {
        {AUTH_MFA_OTP,  false, "email",         MFA | TOKEN_AMR_OTP, 2, "authenticated"},
        {AUTH_MFA_OTP,  false, "mobile",        MFA | TOKEN_AMR_SMS, 2, "authenticated"},
        {AUTH_MFA_TOTP, false, "mobile",        MFA | TOKEN_AMR_SMS, 0, "enrolment_required"},
        {AUTH_MFA_TOTP, true,  "totp",          MFA | TOKEN_AMR_OTP, 2, "authenticated"},
        {AUTH_MFA_OFF,  true,  "recovery_code", MFA | TOKEN_AMR_OTP, 2, "authenticated"},
    };
    // clang-format on
    struct auth_recovery_codes codes;
    Auth__LoginResponse *login = NULL, *verified = NULL;
    Auth__ResendResponse *resent = NULL;
    struct id128 user_id = door_new_user(caller, asha, mobile);
    for (size_t i = 0; i < ROWS(rows); i++) {
        house->service.policy.mfa_customer = rows[i].policy;
        if (rows[i].has_totp) door_enrol(house, user_id, &codes);
        uint64_t before = house_event_head(house);
        assert_status_ok(login_here(caller, &login));
        assert_string_equal(house_events(caller, before), "");
        bool is_email = strcmp(rows[i].method, "email") == 0;
        if (is_email) {
            house_wait(house, 30);
            assert_status_ok(door_resend(caller, login, "email", "phone", &resent));
            assert_int_equal(resent->resend_after, 60);
        }
        const char *code =
            rows[i].has_totp ? door_totp(caller) : house_code(caller, is_email ? asha : mobile);
        if (strcmp(rows[i].method, "recovery_code") == 0) code = codes.texts[3];
        assert_status_ok(door_verify(caller, login, rows[i].method, code, "phone", &verified));
        assert_string_equal(verified->status, rows[i].status);
        assert_int_equal(house_session(house, id128_of(verified->session_id.data)).aal,
                         rows[i].aal);
        caller_be(caller, verified->access_token);
        assert_int_equal(caller->claims.amr, rows[i].amr);
        assert_int_equal(caller->claims.aal, rows[i].aal);
        caller_be_nobody(caller);
        bool is_recovery = strcmp(rows[i].method, "recovery_code") == 0;
        assert_string_equal(house_events(caller, before),
                            is_recovery ? "auth.factor.recovery_code_used auth.login.succeeded "
                                        : "auth.login.succeeded ");
        assert_refused(door_verify(caller, login, rows[i].method, code, "phone", &verified),
                       "OTP_INVALID"); // Once.
    }
}

static void test_a_suspicious_login_is_told_and_asked_for_more(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message notice = {0};
    Auth__LoginResponse *login = NULL, *verified = NULL;
    house->service.policy.risk_threshold = 50; // A new device in a new network.
    house->service.policy.mfa_customer = AUTH_MFA_OPTIONAL;
    (void)house_new_user(caller, asha);
    assert_status_ok(login_here(caller, &login));
    assert_string_equal(login->status, "authenticated"); // The first ever has no history.
    assert_status_ok(login_from(caller, "192.0.2.1", "tablet", &login));
    assert_string_equal(login->status, "authenticated");

    uint64_t before = house_event_head(house);
    assert_status_ok(login_from(caller, "198.51.100.7", "laptop\nsend money", &login));
    assert_string_equal(login->status, "mfa_required");
    assert_string_equal(login->sent_to, "email");
    assert_string_equal(house_events(caller, before), "auth.login.suspicious ");
    assert_status_ok(door_verify(caller, login, "email", house_code(caller, asha),
                                 "laptop\nsend money", &verified));
    assert_int_equal(door_count(caller, AUTH_COUNT_LOGINS_SUSPICIOUS), 1);
    assert_status_ok(login_from(caller, "198.51.100.7", "laptop\nsend money", &login));
    assert_string_equal(login->status, "authenticated"); // Known now.

    house->service.policy.mfa_customer = AUTH_MFA_OFF; // Off: it is told, and nothing asked.
    before = house_event_head(house);
    assert_status_ok(login_from(caller, "203.0.113.7", "", &login));
    assert_string_equal(login->status, "authenticated");
    assert_string_equal(house_events(caller, before),
                        "auth.login.suspicious auth.login.succeeded ");
    (void)house_messages(caller, asha, &notice);
    assert_int_equal(notice.kind, AUTH_MESSAGE_LOGIN_SUSPICIOUS);
    assert_string_equal(notice.detail, "an unnamed device, 203.0.113.7");
    // With the wrong password nobody is warned: anybody could have that done.
    before = house_event_head(house);
    caller->client_ip = "203.0.113.9";
    assert_refused(house_login(caller, asha, "not my password", "x", &login),
                   "INVALID_CREDENTIALS");
    assert_string_equal(house_events(caller, before), "auth.login.failed!INVALID_CREDENTIALS ");
}

// ---- What a login is bound to --------------------------------------------------------------

static void test_a_login_goes_on_where_it_began(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL, *verified = NULL;
    Auth__ResendResponse *resent = NULL;
    house->service.policy.mfa_customer = AUTH_MFA_OTP;
    (void)house_new_user(caller, asha);
    assert_status_ok(login_here(caller, &login));
    const char *code = house_code(caller, asha);
    house_wait(house, 30);

    // clang-format off
    static const struct {
        const char *client_ip, *device;
    } elsewhere[] = {
        {"192.0.2.2", "phone"},
        {"2001:db8::1", "phone"},
        {"", "phone"},
        {"192.0.2.1", "tablet"},
        {"192.0.2.1", ""},
    };

    // clang-format on
    uint64_t before = house_event_head(house);
    for (size_t i = 0; i < ROWS(elsewhere); i++) {
        caller->client_ip = elsewhere[i].client_ip;
        assert_refused(door_verify(caller, login, "email", code, elsewhere[i].device, &verified),
                       "OTP_INVALID");
        assert_refused(door_resend(caller, login, "email", elsewhere[i].device, &resent),
                       "OTP_INVALID");
    }
    caller->client_ip = "192.0.2.1";
    assert_refused(door_verify(caller, login, "totp", "123456", "phone", &verified), "OTP_INVALID");
    assert_refused(door_verify(caller, login, "mobile", code, "phone", &verified), "OTP_INVALID");
    assert_refused(door_verify(caller, login, "pigeon", code, "phone", &verified),
                   "VALIDATION_FAILED");
    assert_refused(door_resend(caller, login, "totp", "phone", &resent), "VALIDATION_FAILED");
    assert_refused(door_resend(caller, login, "mobile", "phone", &resent), "OTP_INVALID");
    assert_int_equal(door_flow(caller, id128_of(login->login_id.data)).attempts, 0);
    assert_string_equal(house_events(caller, before), "");
    assert_status_ok(door_verify(caller, login, "email", code, "phone", &verified));
}

enum meanwhile { BLOCKED, CLOSED, CHANGED, PROMOTED, ENROLLED, MEANWHILE_COUNT };

static void test_what_changes_between_password_and_factor(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller, *owner = caller_open(house);
    static const char *const refused[MEANWHILE_COUNT] = {
        [BLOCKED] = "ACCOUNT_BLOCKED", [CLOSED] = "OTP_EXPIRED",   [CHANGED] = "OTP_EXPIRED",
        [PROMOTED] = "OTP_EXPIRED",    [ENROLLED] = "OTP_EXPIRED",
    };
    struct auth_recovery_codes codes;
    house->service.policy.destination_messages.burst = 0;
    for (int i = 0; i < MEANWHILE_COUNT; i++) {
        Auth__LoginResponse *login = NULL, *verified = NULL;
        char email[32];
        snprintf(email, sizeof email, "user%d@example.com", i);
        struct id128 user_id = house_new_user(caller, email);
        house->service.policy.mfa_customer = AUTH_MFA_OFF;
        assert_status_ok(house_login(owner, email, PASSWORD, "", &login));
        caller_be(owner, login->access_token);
        house->service.policy.mfa_customer = AUTH_MFA_OTP;
        assert_status_ok(house_login(caller, email, PASSWORD, "phone", &login));
        const char *code = house_code(caller, email);
        house_wait(house, 1);
        if (i == BLOCKED) house_set_user(house, user_id, AUTH_USER_BLOCKED, NULL);
        if (i == CLOSED) house_set_user(house, user_id, AUTH_USER_CLOSED, NULL);
        if (i == CHANGED) assert_status_ok(door_change(owner, PASSWORD, "another long password"));
        if (i == ENROLLED) door_enrol(house, user_id, &codes);
        if (i == PROMOTED) {
            Auth__SetUserRolesRequest request = AUTH__SET_USER_ROLES_REQUEST__INIT;
            char *roles[] = {text_of("teller")};
            request.id = (ProtobufCBinaryData){ID128_BYTES, user_id.bytes};
            request.roles = roles;
            request.n_roles = 1;
            caller_be_nobody(owner);
            owner->claims = (struct token_claims){.subject = id_of(7)};
            owner->is_authenticated = true;
            assert_status_ok(caller_call(owner, AUTH_SET_USER_ROLES, &request, NULL));
        }
        uint64_t before = house_event_head(house);
        assert_refused(door_verify(caller, login, "email", code, "phone", &verified), refused[i]);
        char told[64];
        snprintf(told, sizeof told, "auth.login.failed!%s ", refused[i]);
        assert_string_equal(house_events(caller, before), told);
        assert_refused(door_verify(caller, login, "email", code, "phone", &verified),
                       "OTP_INVALID"); // Used up all the same.
    }
    caller_close(owner);
}

static void test_a_device_is_known_after_the_whole_login_only(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL, *verified = NULL;
    house->service.policy.mfa_customer = AUTH_MFA_OTP;
    (void)house_new_user(caller, asha);
    // Whoever has the password alone does not open what wrong ones have closed.
    for (int i = 0; i < AUTH_FAILURES_FREE - 1; i++)
        assert_refused(house_login(caller, asha, "wrong one", "phone", &login),
                       "INVALID_CREDENTIALS");
    assert_status_ok(login_here(caller, &login));
    assert_refused(house_login(caller, asha, "wrong one", "phone", &login), "INVALID_CREDENTIALS");
    assert_refused(login_here(caller, &login), "INVALID_CREDENTIALS");
    house_wait(house, 30);
    assert_status_ok(login_here(caller, &login));
    assert_status_ok(
        door_verify(caller, login, "email", house_code(caller, asha), "phone", &verified));
    // From here on the phone has a throttle of its own.
    for (int i = 0; i < AUTH_FAILURES_FREE; i++)
        assert_refused(house_login(caller, asha, "wrong one", "", &login), "INVALID_CREDENTIALS");
    assert_refused(login_from(caller, "192.0.2.1", "", &login), "INVALID_CREDENTIALS");
    assert_status_ok(login_here(caller, &login));
}

static void test_an_address_that_is_full_leaves_the_other_one(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    house->service.policy.mfa_customer = AUTH_MFA_OTP;
    (void)door_new_user(caller, asha, mobile);
    for (int i = 0; i < 10; i++) {
        assert_status_ok(login_here(caller, &login));
        assert_string_equal(login->sent_to, "mobile");
    }
    for (int i = 0; i < 10; i++) {
        assert_status_ok(login_here(caller, &login));
        assert_string_equal(login->sent_to, "email");
    }
    assert_status_ok(login_here(caller, &login)); // Both are: the client may ask later.
    assert_string_equal(login->status, "mfa_required");
    assert_string_equal(login->sent_to, "");
    assert_int_equal(login->resend_after, 8640);
}

static void test_a_stranger_uses_up_no_code_of_the_owner_s(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller, *stranger = caller_open(house);
    struct auth_message message = {0};
    struct id128 id;
    Auth__LoginResponse *login = NULL, *verified = NULL;
    house->service.policy.mfa_customer = AUTH_MFA_OTP;
    (void)house_new_user(caller, asha);
    stranger->client_ip = "198.51.100.9";
    for (int i = 0; i < 15; i++) { // With resets, and with registrations.
        assert_status_ok(door_forgot(stranger, asha, &id));
        assert_status_ok(house_register(stranger, asha, "", &id));
    }
    assert_int_equal(house_messages(caller, asha, &message), 10);
    assert_status_ok(login_here(caller, &login));
    assert_string_equal(login->sent_to, "email");
    assert_status_ok(
        door_verify(caller, login, "email", house_code(caller, asha), "phone", &verified));
    caller_close(stranger);
}

static void test_wrong_factors_are_told_and_locked(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_recovery_codes codes;
    Auth__LoginResponse *login = NULL, *verified = NULL;
    struct id128 user_id = house_new_user(caller, asha);
    door_enrol(house, user_id, &codes);
    uint64_t before = house_event_head(house);
    for (int i = 0; i < 15; i++) {
        if (i % 5 == 0) assert_status_ok(login_here(caller, &login));
        assert_refused(door_verify(caller, login, i % 2 == 0 ? "totp" : "recovery_code",
                                   door_other(caller, door_totp(caller)), "phone", &verified),
                       "OTP_INVALID");
    }
    const char *events = house_events(caller, before);
    assert_non_null(strstr(events, "auth.login.failed!OTP_INVALID auth.factor.locked "));
    assert_null(strstr(strstr(events, "auth.factor.locked") + 1, "auth.factor.locked"));
    assert_int_equal(door_count(caller, AUTH_COUNT_LOGINS_FAILED), 15);
    assert_status_ok(login_here(caller, &login));
    assert_refused(door_verify(caller, login, "totp", door_totp(caller), "phone", &verified),
                   "OTP_EXHAUSTED");
    // None of that was a wrong password.
    assert_int_equal(door_password(house, user_id).failures, 0);
}

// ---- Too many wrong passwords --------------------------------------------------------------

static void miss(struct caller *caller, int times, const char *device)
{
    Auth__LoginResponse *login = NULL;
    for (int i = 0; i < times; i++) {
        assert_refused(house_login(caller, asha, "wrong one", device, &login),
                       "INVALID_CREDENTIALS");
        house_wait(caller->house, 900);
    }
}

static void test_a_hundred_wrong_passwords_disable_it(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_message notice = {0};
    struct id128 reset_id;
    Auth__LoginResponse *login = NULL;
    house->service.policy.password_failures_max = 10; // The rule with a smaller number.
    struct id128 user_id = house_new_user(caller, asha);
    assert_status_ok(login_here(caller, &login));
    miss(caller, 5, "phone"); // Known, and unknown: they count together.
    miss(caller, 4, "");
    assert_int_equal(door_password(house, user_id).failures, 9);
    assert_status_ok(login_here(caller, &login)); // A success forgets them.
    assert_int_equal(door_password(house, user_id).failures, 0);
    miss(caller, 5, "phone");
    miss(caller, 4, "");
    uint64_t before = house_event_head(house);
    miss(caller, 1, "");
    assert_string_equal(house_events(caller, before),
                        "auth.login.failed!INVALID_CREDENTIALS auth.password.disabled ");
    (void)house_messages(caller, asha, &notice);
    assert_int_equal(notice.kind, AUTH_MESSAGE_PASSWORD_DISABLED);
    assert_int_equal(door_count(caller, AUTH_COUNT_PASSWORDS_DISABLED), 1);
    assert_int_equal(door_gauge(caller, AUTH_GAUGE_PASSWORDS_DISABLED), 1);

    // The right one is as wrong as any other, from everywhere, after a restart and days later.
    house_reopen(house);
    house->service.policy.password_failures_max = 10;
    house_wait(house, 3 * 24 * 3600);
    before = house_event_head(house);
    assert_refused(login_here(caller, &login), "INVALID_CREDENTIALS");
    assert_refused(login_from(caller, "192.0.2.1", "", &login), "INVALID_CREDENTIALS");
    assert_string_equal(house_events(caller, before), "auth.login.failed!PASSWORD_DISABLED "
                                                      "auth.login.failed!PASSWORD_DISABLED ");
    assert_int_equal(door_count(caller, AUTH_COUNT_PASSWORDS_DISABLED), 1);

    assert_status_ok(door_forgot(caller, asha, &reset_id));
    assert_status_ok(
        door_reset(caller, reset_id, house_code(caller, asha), "seven green herons at dusk"));
    assert_int_equal(door_gauge(caller, AUTH_GAUGE_PASSWORDS_DISABLED), 0);
    assert_int_equal(door_password(house, user_id).failures, 0);
    assert_status_ok(house_login(caller, asha, "seven green herons at dusk", "", &login));
}

static void test_nobody_is_counted_like_somebody(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    house->service.policy.password_failures_max = 3;
    (void)house_new_user(caller, asha);
    for (int i = 0; i < 5; i++)
        assert_refused(house_login(caller, "nobody@example.com", "wrong one", "", &login),
                       "INVALID_CREDENTIALS");
    struct auth_password nobody = door_password(house, ID128_NIL);
    assert_int_equal(nobody.failures, 5);
    assert_int_equal(nobody.disabled_at_ns, 0);
    assert_int_equal(door_gauge(caller, AUTH_GAUGE_PASSWORDS_DISABLED), 0);
    assert_status_ok(login_here(caller, &login));
}

// ---- At once -------------------------------------------------------------------------------

enum { THREADS = 64 };

struct racer {
    struct caller *caller;
    const Auth__LoginResponse *login;
    const char *code;
    struct status status;
};

static void *race(void *context)
{
    struct racer *racer = context;
    Auth__LoginResponse *verified = NULL;
    racer->status =
        door_verify(racer->caller, racer->login, "email", racer->code, "phone", &verified);
    return NULL;
}

static void test_sixty_four_right_codes_at_once_are_one_session(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    Auth__LoginResponse *login = NULL;
    size_t won = 0;
    house->service.policy.mfa_customer = AUTH_MFA_OTP;
    (void)house_new_user(caller, asha);
    assert_status_ok(login_here(caller, &login));
    const char *code = house_code(caller, asha);
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){caller_open(house), login, code, {0}};
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        won += status_ok(racers[i].status);
        caller_close(racers[i].caller);
    }
    assert_int_equal(won, 1);
    assert_int_equal(door_gauge(caller, AUTH_GAUGE_SESSIONS_ALIVE), 1);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_the_policy_and_what_one_has_say_what_is_asked),
        TEST(test_each_method_says_how),
        TEST(test_a_suspicious_login_is_told_and_asked_for_more),
        TEST(test_a_login_goes_on_where_it_began),
        TEST(test_what_changes_between_password_and_factor),
        TEST(test_a_device_is_known_after_the_whole_login_only),
        TEST(test_an_address_that_is_full_leaves_the_other_one),
        TEST(test_a_stranger_uses_up_no_code_of_the_owner_s),
        TEST(test_wrong_factors_are_told_and_locked),
        TEST(test_a_hundred_wrong_passwords_disable_it),
        TEST(test_nobody_is_counted_like_somebody),
        TEST(test_sixty_four_right_codes_at_once_are_one_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
