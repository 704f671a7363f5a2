// Authenticators and recovery codes, and payments that are approved by them.
#include "tests/crash/scene.h"

// ---- Enrolling ----------------------------------------------------------------------------------

static void be_asha(struct scene *scene)
{
    scene_register(scene);
    (void)scene_login(scene, "phone");
}

static struct status enrol(struct scene *scene)
{
    Auth__EnrolTotpRequest request = AUTH__ENROL_TOTP_REQUEST__INIT;
    request.password = text_of(PASSWORD);
    return caller_call(scene->caller, AUTH_ENROL_TOTP, &request, NULL);
}

struct enrolment {
    struct scene *scene;
    uint8_t secret[TOTP_SECRET_BYTES];
};

static struct status run_enrol(struct store_txn *txn, void *context)
{
    struct enrolment *enrolment = context;
    struct house *house = enrolment->scene->house;
    return auth_factor_enrol(&house->service, txn, enrolment->scene->user_id, house->now_ns,
                             enrolment->secret);
}

static void have_a_secret(struct scene *scene)
{
    char code[TOTP_CODE_BYTES];
    struct enrolment enrolment = {.scene = scene};
    be_asha(scene);
    assert_status_ok(store_write_wait(scene->house->store, run_enrol, &enrolment));
    totp_code(enrolment.secret, totp_step(scene->house->now_ns / AUTH_SECOND_NS), code);
    SCENE_KEEP(scene->code, code);
    SCENE_KEEP(scene->other_code, door_other(scene->caller, code));
}

static struct status confirm_by(struct scene *scene, const char *code)
{
    Auth__ConfirmTotpRequest request = AUTH__CONFIRM_TOTP_REQUEST__INIT;
    request.code = text_of(code);
    return caller_call(scene->caller, AUTH_CONFIRM_TOTP, &request, NULL);
}

static struct status confirm(struct scene *scene)
{
    return confirm_by(scene, scene->code);
}

static struct status confirm_wrongly(struct scene *scene)
{
    return confirm_by(scene, scene->other_code);
}

static const Auth__Factors *factors(struct scene *scene)
{
    Auth__GetFactorsRequest request = AUTH__GET_FACTORS_REQUEST__INIT;
    Auth__Factors *reply = NULL;
    assert_status_ok(caller_call(scene->caller, AUTH_GET_FACTORS, &request, &reply));
    return reply;
}

static void check_enrolled(struct scene *scene)
{
    assert_true(factors(scene)->totp);
    assert_int_equal(factors(scene)->recovery_codes_left, AUTH_RECOVERY_CODES_MAX);
}

static void check_none(struct scene *scene)
{
    assert_false(factors(scene)->totp);
    assert_int_equal(factors(scene)->recovery_codes_left, 0);
}

static void guess_codes(struct scene *scene)
{
    have_a_secret(scene);
    scene_ask(scene, confirm_wrongly, AUTH_CODE_ATTEMPTS_MAX - 1, "OTP_INVALID");
}

// ---- Their end ----------------------------------------------------------------------------------

static void have_authenticator(struct scene *scene)
{
    struct auth_recovery_codes codes;
    be_asha(scene);
    struct token_claims other = scene->claims;
    (void)scene_login(scene, "tablet"); // Who changes it.
    scene->claims = other;
    door_enrol(scene->house, scene->user_id, &codes);
    SCENE_KEEP(scene->code, door_totp(scene->caller));
    SCENE_KEEP(scene->other_code, codes.texts[5]);
}

static struct status disable(struct scene *scene)
{
    Auth__DisableTotpRequest request = AUTH__DISABLE_TOTP_REQUEST__INIT;
    request.password = text_of(PASSWORD);
    request.method = text_of("recovery_code");
    request.code = scene->other_code;
    return caller_call(scene->caller, AUTH_DISABLE_TOTP, &request, NULL);
}

static void check_disabled(struct scene *scene)
{
    check_none(scene);
    assert_false(people_is_alive(scene->house, &scene->claims));
}

static struct status replace_codes(struct scene *scene)
{
    Auth__ReplaceRecoveryCodesRequest request = AUTH__REPLACE_RECOVERY_CODES_REQUEST__INIT;
    request.code = scene->code;
    return caller_call(scene->caller, AUTH_REPLACE_RECOVERY_CODES, &request, NULL);
}

static void check_replaced(struct scene *scene)
{
    check_enrolled(scene);
    scene_ask(scene, disable, 1, "OTP_INVALID"); // By one of the old codes.
}

static void have_lost_it(struct scene *scene)
{
    have_authenticator(scene);
    scene_staff(scene, "admin");
}

static struct status reset_factors(struct scene *scene)
{
    Auth__ResetFactorsRequest request = AUTH__RESET_FACTORS_REQUEST__INIT;
    request.id = people_id(&scene->user_id);
    request.reason = text_of("identity checked at the counter");
    return caller_call(scene->caller, AUTH_RESET_FACTORS, &request, NULL);
}

static void check_reset(struct scene *scene)
{
    assert_false(people_is_alive(scene->house, &scene->claims));
    scene_sessions(scene, 0);
    (void)scene_login(scene, "phone"); // By the password alone.
    check_none(scene);
}

// ---- Payments -----------------------------------------------------------------------------------

static struct status ask_approval(struct scene *scene)
{
    struct id128 id = id_of(0xcc), debit = id_of(0xaa), credit = id_of(0xbb);
    Type__Uint128 amount = TYPE__UINT128__INIT;
    Auth__ScaPayment payment = AUTH__SCA_PAYMENT__INIT;
    Auth__CreateScaRequest request = AUTH__CREATE_SCA_REQUEST__INIT;
    Auth__ScaChallenge *challenge = NULL;
    amount.low = 2500000;
    payment.id = people_id(&id);
    payment.debit_account_id = people_id(&debit);
    payment.credit_account_id = people_id(&credit);
    payment.amount = &amount;
    payment.currency = text_of("INR");
    request.action = text_of("ledger.transfer.create");
    request.payload = &payment;
    RETURN_IF_ERROR(caller_call(scene->caller, AUTH_CREATE_SCA, &request, &challenge));
    scene->id = id128_of(challenge->sca_id.data);
    return STATUS_SUCCESS;
}

static void check_code_sent(struct scene *scene)
{
    struct auth_message message = {0};
    assert_int_equal(house_messages(scene->caller, ASHA, &message), 2); // And the registration's.
    assert_int_equal(message.kind, AUTH_MESSAGE_SCA_CODE);
}

static void be_asked_to_approve(struct scene *scene)
{
    be_asha(scene);
    assert_status_ok(ask_approval(scene));
    SCENE_KEEP(scene->code, house_code(scene->caller, ASHA));
    SCENE_KEEP(scene->other_code, door_other(scene->caller, scene->code));
}

static struct status approve_by(struct scene *scene, const char *code)
{
    Auth__VerifyScaRequest request = AUTH__VERIFY_SCA_REQUEST__INIT;
    request.sca_id = people_id(&scene->id);
    request.method = text_of("email");
    request.code = text_of(code);
    return caller_call(scene->caller, AUTH_VERIFY_SCA, &request, NULL);
}

static struct status approve(struct scene *scene)
{
    return approve_by(scene, scene->code);
}

static struct status approve_wrongly(struct scene *scene)
{
    return approve_by(scene, scene->other_code);
}

static void guess_approvals(struct scene *scene)
{
    be_asked_to_approve(scene);
    scene_ask(scene, approve_wrongly, AUTH_CODE_ATTEMPTS_MAX - 1, "OTP_INVALID");
}

static void check_approval_dead(struct scene *scene)
{
    scene_ask(scene, approve, 1, "OTP_EXHAUSTED");
}

// ---- All of them --------------------------------------------------------------------------------

#define DISABLED "auth.factor.disabled "
#define ENDED "auth.session.ended "

// clang-format off
const struct deed deeds_factor[] = {
    {"factor: an enrolment begins", be_asha, enrol, NULL, "", check_none, NULL},
    {"factor: an enrolment's right code", have_a_secret, confirm, NULL, "auth.factor.enrolled ", check_enrolled, "OTP_EXPIRED"},
    {"factor: an enrolment's fifth wrong", guess_codes, confirm_wrongly, "OTP_EXHAUSTED", "", check_none, "OTP_EXPIRED"},
    {"factor: an authenticator goes",       have_authenticator,  disable,         NULL,
     "auth.factor.recovery_code_used " DISABLED ENDED, check_disabled, "FACTOR_NOT_FOUND"},
    {"factor: recovery codes are replaced", have_authenticator, replace_codes, NULL, "auth.factor.recovery_codes_replaced ",
     check_replaced, "OTP_INVALID"},
    {"factor: all are reset", have_lost_it, reset_factors, NULL, DISABLED "auth.user.factors_reset " ENDED ENDED, check_reset,
     "FACTOR_NOT_FOUND"},
    {"factor: an approval is asked for", be_asha, ask_approval, NULL, "", check_code_sent, NULL},
    {"factor: an approval's right code", be_asked_to_approve, approve, NULL, "auth.sca.approved ", NULL, "OTP_INVALID"},
    {"factor: an approval's fifth wrong", guess_approvals, approve_wrongly, "OTP_INVALID", "", check_approval_dead, "OTP_EXHAUSTED"},
};
// clang-format on
const size_t deeds_factor_count = ROWS(deeds_factor);
