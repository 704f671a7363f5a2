// Getting in: registrations, passwords, second factors.
#include "tests/crash/scene.h"

// ---- Registering --------------------------------------------------------------------------------

static void apply(struct scene *scene)
{
    assert_status_ok(house_register(scene->caller, ASHA, "", &scene->id));
    SCENE_KEEP(scene->code, house_code(scene->caller, ASHA));
    SCENE_KEEP(scene->other_code, door_other(scene->caller, scene->code));
}

static struct status confirm(struct scene *scene)
{
    Auth__VerifyRegistrationResponse *reply = NULL;
    return house_verify(scene->caller, scene->id, "email", scene->code, &reply);
}

static struct status confirm_wrongly(struct scene *scene)
{
    Auth__VerifyRegistrationResponse *reply = NULL;
    return house_verify(scene->caller, scene->id, "email", scene->other_code, &reply);
}

static void check_user(struct scene *scene)
{
    assert_int_equal(door_gauge(scene->caller, AUTH_GAUGE_USERS_ACTIVE), 1);
    assert_int_equal(door_count(scene->caller, AUTH_COUNT_USERS_REGISTERED), 1);
    (void)scene_login(scene, "phone");
}

static void apply_and_guess(struct scene *scene)
{
    apply(scene);
    scene_ask(scene, confirm_wrongly, AUTH_CODE_ATTEMPTS_MAX - 1, "OTP_INVALID");
}

static void check_application_dead(struct scene *scene)
{
    scene_ask(scene, confirm, 1, "OTP_EXHAUSTED");
}

// ---- By password --------------------------------------------------------------------------------

static struct status login(struct scene *scene)
{
    Auth__LoginResponse *reply = NULL;
    return house_login(scene->caller, ASHA, PASSWORD, "phone", &reply);
}

static struct status login_wrongly(struct scene *scene)
{
    Auth__LoginResponse *reply = NULL;
    return house_login(scene->caller, ASHA, OTHER_PASSWORD, "phone", &reply);
}

static void check_one_login(struct scene *scene)
{
    scene_sessions(scene, 1);
    assert_int_equal(door_count(scene->caller, AUTH_COUNT_LOGINS_SUCCEEDED), 1);
}

static void fill_sessions(struct scene *scene)
{
    scene_register(scene);
    scene->house->service.policy.customer_sessions_max = 2;
    (void)scene_login(scene, "phone");
    struct token_claims oldest = scene->claims;
    (void)scene_login(scene, "tablet");
    scene->claims = oldest;
}

static void check_oldest_gone(struct scene *scene)
{
    scene_sessions(scene, 2);
    assert_false(people_is_alive(scene->house, &scene->claims));
}

static void guess_passwords(struct scene *scene)
{
    scene_register(scene);
    scene_ask(scene, login_wrongly, AUTH_FAILURES_FREE - 1, "INVALID_CREDENTIALS");
}

static void check_closed(struct scene *scene)
{
    scene_ask(scene, login, 1, "INVALID_CREDENTIALS");
}

static void guess_until_disabled(struct scene *scene)
{
    scene_register(scene);
    scene->house->service.policy.password_failures_max = 2;
    scene_ask(scene, login_wrongly, 1, "INVALID_CREDENTIALS");
}

static void check_disabled(struct scene *scene)
{
    struct auth_message notice = {0};
    assert_true(door_password(scene->house, scene->user_id).disabled_at_ns > 0);
    assert_true(house_messages(scene->caller, ASHA, &notice) > 0);
    assert_int_equal(notice.kind, AUTH_MESSAGE_PASSWORD_DISABLED);
    scene_ask(scene, login, 1, "INVALID_CREDENTIALS");
}

// ---- By a second factor -------------------------------------------------------------------------

static void begin_login(struct scene *scene)
{
    Auth__LoginResponse *reply = NULL;
    assert_status_ok(house_login(scene->caller, ASHA, PASSWORD, "phone", &reply));
    assert_string_equal(reply->status, "mfa_required");
    scene->id = id128_of(reply->login_id.data);
}

static void be_asked(struct scene *scene)
{
    scene_register(scene);
    scene->house->service.policy.mfa_customer = AUTH_MFA_OTP;
}

static void check_asked(struct scene *scene)
{
    struct auth_message message = {0};
    assert_int_equal(house_messages(scene->caller, ASHA, &message), 2); // And the registration's.
    assert_int_equal(message.kind, AUTH_MESSAGE_LOGIN_CODE);
    scene_sessions(scene, 0);
}

static void be_sent_a_code(struct scene *scene)
{
    be_asked(scene);
    begin_login(scene);
    SCENE_KEEP(scene->code, house_code(scene->caller, ASHA));
    SCENE_KEEP(scene->other_code, door_other(scene->caller, scene->code));
}

static struct status verify(struct scene *scene, const char *method, const char *code)
{
    Auth__LoginResponse begun = AUTH__LOGIN_RESPONSE__INIT, *reply = NULL;
    begun.login_id = people_id(&scene->id);
    return door_verify(scene->caller, &begun, method, code, "phone", &reply);
}

static struct status verify_email(struct scene *scene)
{
    return verify(scene, "email", scene->code);
}

static struct status verify_wrongly(struct scene *scene)
{
    return verify(scene, "email", scene->other_code);
}

static void guess_codes(struct scene *scene)
{
    be_sent_a_code(scene);
    scene_ask(scene, verify_wrongly, AUTH_CODE_ATTEMPTS_MAX - 1, "OTP_INVALID");
}

static void check_flow_dead(struct scene *scene)
{
    scene_ask(scene, verify_email, 1, "OTP_EXHAUSTED");
    scene_sessions(scene, 0);
}

static void guess_until_locked(struct scene *scene)
{
    be_sent_a_code(scene);
    scene->house->service.policy.code_failures_max = 2;
    scene_ask(scene, verify_wrongly, 1, "OTP_INVALID");
}

static void check_locked(struct scene *scene)
{
    begin_login(scene);
    SCENE_KEEP(scene->code, house_code(scene->caller, ASHA));
    scene_ask(scene, verify_email, 1, "OTP_EXHAUSTED");
}

static void have_authenticator(struct scene *scene)
{
    struct auth_recovery_codes codes;
    scene_register(scene);
    door_enrol(scene->house, scene->user_id, &codes);
    SCENE_KEEP(scene->code, door_totp(scene->caller));
    SCENE_KEEP(scene->other_code, codes.texts[3]);
    begin_login(scene);
}

static struct status verify_totp(struct scene *scene)
{
    return verify(scene, "totp", scene->code);
}

static struct status verify_recovery(struct scene *scene)
{
    return verify(scene, "recovery_code", scene->other_code);
}

static void check_step_used(struct scene *scene)
{
    scene_sessions(scene, 1);
    begin_login(scene);
    scene_ask(scene, verify_totp, 1, "OTP_INVALID");
}

static void check_recovery_used(struct scene *scene)
{
    scene_sessions(scene, 1);
    begin_login(scene);
    scene_ask(scene, verify_recovery, 1, "OTP_INVALID");
}

static void check_one_session(struct scene *scene)
{
    scene_sessions(scene, 1);
}

// ---- All of them --------------------------------------------------------------------------------

#define SUCCEEDED "auth.login.succeeded "
#define FAILED(reason_) "auth.login.failed!" reason_ " "

// clang-format off
const struct deed deeds_entry[] = {
    {"entry: a registration's right code", apply, confirm, NULL, "auth.user.registered ", check_user, "OTP_INVALID"},
    {"entry: a registration's fifth wrong code", apply_and_guess, confirm_wrongly, "OTP_INVALID", "", check_application_dead,
     "OTP_EXHAUSTED"},
    {"entry: a login", scene_register, login, NULL, SUCCEEDED, check_one_login, NULL},
    {"entry: a login too many", fill_sessions, login, NULL, SUCCEEDED "auth.session.ended ", check_oldest_gone, NULL},
    {"entry: a fifth wrong password", guess_passwords, login_wrongly, "INVALID_CREDENTIALS", FAILED("INVALID_CREDENTIALS"), check_closed,
     "INVALID_CREDENTIALS"},
    {"entry: a wrong password that disables it", guess_until_disabled, login_wrongly, "INVALID_CREDENTIALS",
     FAILED("INVALID_CREDENTIALS") "auth.password.disabled ", check_disabled, "INVALID_CREDENTIALS"},
    {"entry: a login that asks for a code", be_asked, login, NULL, "", check_asked, NULL},
    {"entry: a login's right code", be_sent_a_code, verify_email, NULL, SUCCEEDED, check_one_session, "OTP_INVALID"},
    {"entry: a login's fifth wrong code", guess_codes, verify_wrongly, "OTP_INVALID", FAILED("OTP_INVALID"), check_flow_dead,
     "OTP_EXHAUSTED"},
    {"entry: a wrong code that locks", guess_until_locked, verify_wrongly, "OTP_INVALID", FAILED("OTP_INVALID") "auth.factor.locked ",
     check_locked, "OTP_EXHAUSTED"},
    {"entry: an authenticator's code", have_authenticator, verify_totp, NULL, SUCCEEDED, check_step_used, "OTP_INVALID"},
    {"entry: a recovery code",                   have_authenticator, verify_recovery, NULL,
     "auth.factor.recovery_code_used " SUCCEEDED, check_recovery_used, "OTP_INVALID"},
};
// clang-format on
const size_t deeds_entry_count = ROWS(deeds_entry);
