// Passwords that are changed, and those that are forgotten.
#include "tests/crash/scene.h"

static struct status login_with(struct scene *scene, const char *password)
{
    Auth__LoginResponse *reply = NULL;
    return house_login(scene->caller, ASHA, password, "phone", &reply);
}

/// The old one is wrong for good, and the new one right.
static void check_new_password(struct scene *scene)
{
    assert_refused(login_with(scene, PASSWORD), "INVALID_CREDENTIALS");
    assert_status_ok(login_with(scene, OTHER_PASSWORD));
}

// ---- Forgotten ----------------------------------------------------------------------------------

static struct status forget(struct scene *scene)
{
    return door_forgot(scene->caller, ASHA, &scene->id);
}

static void check_reset_code(struct scene *scene)
{
    struct auth_message message = {0};
    assert_int_equal(house_messages(scene->caller, ASHA, &message), 2); // And the registration's.
    assert_int_equal(message.kind, AUTH_MESSAGE_RESET_CODE);
    assert_int_equal(strlen(message.code), AUTH_CODE_DIGITS);
}

static void have_forgotten(struct scene *scene)
{
    scene_register(scene);
    (void)scene_login(scene, "phone");
    assert_status_ok(forget(scene));
    SCENE_KEEP(scene->code, house_code(scene->caller, ASHA));
    SCENE_KEEP(scene->other_code, door_other(scene->caller, scene->code));
}

static struct status reset(struct scene *scene)
{
    return door_reset(scene->caller, scene->id, scene->code, OTHER_PASSWORD);
}

static struct status reset_wrongly(struct scene *scene)
{
    return door_reset(scene->caller, scene->id, scene->other_code, OTHER_PASSWORD);
}

static void check_reset(struct scene *scene)
{
    assert_false(people_is_alive(scene->house, &scene->claims));
    scene_sessions(scene, 0);
    check_new_password(scene);
}

static void guess_codes(struct scene *scene)
{
    have_forgotten(scene);
    scene_ask(scene, reset_wrongly, AUTH_CODE_ATTEMPTS_MAX - 1, "OTP_INVALID");
}

static void check_reset_dead(struct scene *scene)
{
    scene_ask(scene, reset, 1, "OTP_EXHAUSTED");
    assert_true(people_is_alive(scene->house, &scene->claims));
}

// ---- Changed ------------------------------------------------------------------------------------

static void have_two_sessions(struct scene *scene)
{
    scene_register(scene);
    (void)scene_login(scene, "tablet");
    struct token_claims other = scene->claims;
    (void)scene_login(scene, "phone"); // Who changes it.
    scene->claims = other;
}

static struct status change(struct scene *scene)
{
    return door_change(scene->caller, PASSWORD, OTHER_PASSWORD);
}

static struct status change_wrongly(struct scene *scene)
{
    return door_change(scene->caller, "not the right one at all", OTHER_PASSWORD);
}

static void check_changed(struct scene *scene)
{
    assert_false(people_is_alive(scene->house, &scene->claims));
    assert_true(people_is_alive(scene->house, &scene->caller->claims));
    check_new_password(scene);
}

static void guess_passwords(struct scene *scene)
{
    scene_register(scene);
    (void)scene_login(scene, "phone");
    scene_ask(scene, change_wrongly, AUTH_FAILURES_FREE - 1, "INVALID_CREDENTIALS");
}

static void check_closed(struct scene *scene)
{
    scene_ask(scene, change, 1, "INVALID_CREDENTIALS");
}

// clang-format off
const struct deed deeds_password[] = {
    {"password: forgotten",              scene_register,    forget,         NULL,                  "", check_reset_code, NULL},
    {"password: a reset's right code", have_forgotten, reset, NULL, "auth.password.reset auth.session.ended ", check_reset,
     "OTP_INVALID"},
    {"password: a reset's fifth wrong",  guess_codes,       reset_wrongly,  "OTP_INVALID",         "", check_reset_dead, "OTP_EXHAUSTED"},
    {"password: changed", have_two_sessions, change, NULL, "auth.password.changed auth.session.ended ", check_changed,
     "INVALID_CREDENTIALS"},
    {"password: a fifth wrong one", guess_passwords, change_wrongly, "INVALID_CREDENTIALS", "", check_closed, "INVALID_CREDENTIALS"},
};
// clang-format on
const size_t deeds_password_count = ROWS(deeds_password);
