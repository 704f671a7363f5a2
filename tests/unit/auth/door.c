#include "tests/unit/auth/door.h"

#include "common/base/check.h"
#include "services/auth/store_factor.h"

static const uint8_t secret[TOTP_SECRET_BYTES] = "door of the test....";

struct id128 door_new_user(struct caller *caller, const char *email, const char *mobile)
{
    struct id128 id;
    Auth__VerifyRegistrationResponse *reply = NULL;
    assert_status_ok(house_register(caller, email, mobile, &id));
    assert_status_ok(house_verify(caller, id, "email", house_code(caller, email), &reply));
    assert_status_ok(house_verify(caller, id, "mobile", house_code(caller, mobile), &reply));
    return id128_of(reply->user_id.data);
}

struct change {
    const struct auth_service *service;
    struct id128 user_id;
    unsigned channels;
    uint64_t now_ns;
    struct auth_recovery_codes *codes;
};

static struct status set_channels(struct store_txn *txn, void *context)
{
    const struct change *change = context;
    struct auth_user user;
    RETURN_IF_ERROR(auth_store_get_user(txn, change->user_id, &user));
    user.channels = change->channels;
    auth_store_put_user(txn, &user);
    return STATUS_SUCCESS;
}

void door_set_channels(struct house *house, struct id128 user_id, unsigned channels)
{
    struct change change = {.user_id = user_id, .channels = channels};
    assert_status_ok(store_write_wait(house->store, set_channels, &change));
}

// ---- The authenticator ---------------------------------------------------------------------

static struct status enrol(struct store_txn *txn, void *context)
{
    const struct change *change = context;
    struct auth_factor_record factor = {.state = AUTH_FACTOR_CONFIRMED,
                                        .created_at_ns = change->now_ns,
                                        .confirmed_at_ns = change->now_ns};
    auth_store_put_new_factor(change->service->auth, txn, change->user_id, &factor, secret);
    return auth_factor_replace_codes(change->service, txn, change->user_id, change->codes);
}

void door_enrol(struct house *house, struct id128 user_id, struct auth_recovery_codes *ret)
{
    struct change change = {&house->service, user_id, 0, house->now_ns, ret};
    assert_status_ok(store_write_wait(house->store, enrol, &change));
}

const char *door_totp(struct caller *caller)
{
    char *code = arena_alloc(caller->arena, TOTP_CODE_BYTES);
    CHECK(code != NULL);
    totp_code(secret, totp_step(caller->house->now_ns / AUTH_SECOND_NS), code);
    return code;
}

const char *door_other(struct caller *caller, const char *code)
{
    // Neither of the two codes that an authenticator's match, nor a message's.
    return arena_format(caller->arena, "%06u",
                        (unsigned)((strtoul(code, NULL, 10) + 500000) % 1000000));
}

// ---- Calls ---------------------------------------------------------------------------------

struct status door_verify(struct caller *caller, const Auth__LoginResponse *login,
                          const char *method, const char *code, const char *device,
                          Auth__LoginResponse **ret)
{
    Auth__VerifyLoginRequest request = AUTH__VERIFY_LOGIN_REQUEST__INIT;
    request.login_id = login->login_id;
    request.method = text_of(method);
    request.code = text_of(code);
    request.device = text_of(device);
    return caller_call(caller, AUTH_VERIFY_LOGIN, &request, ret);
}

struct status door_resend(struct caller *caller, const Auth__LoginResponse *login,
                          const char *method, const char *device, Auth__ResendResponse **ret)
{
    Auth__ResendLoginRequest request = AUTH__RESEND_LOGIN_REQUEST__INIT;
    request.login_id = login->login_id;
    request.method = text_of(method);
    request.device = text_of(device);
    return caller_call(caller, AUTH_RESEND_LOGIN, &request, ret);
}

struct status door_forgot(struct caller *caller, const char *identifier, struct id128 *ret_id)
{
    Auth__ForgotPasswordRequest request = AUTH__FORGOT_PASSWORD_REQUEST__INIT;
    Auth__ForgotPasswordResponse *reply = NULL;
    request.identifier = text_of(identifier);
    RETURN_IF_ERROR(caller_call(caller, AUTH_FORGOT_PASSWORD, &request, &reply));
    assert_int_equal(reply->expires_in, 300);
    *ret_id = id128_of(reply->reset_id.data);
    return STATUS_SUCCESS;
}

struct status door_reset(struct caller *caller, struct id128 reset_id, const char *code,
                         const char *password)
{
    Auth__ResetPasswordRequest request = AUTH__RESET_PASSWORD_REQUEST__INIT;
    request.reset_id = (ProtobufCBinaryData){ID128_BYTES, reset_id.bytes};
    request.code = text_of(code);
    request.new_password = text_of(password);
    return caller_call(caller, AUTH_RESET_PASSWORD, &request, NULL);
}

struct status door_change(struct caller *caller, const char *current, const char *password)
{
    Auth__ChangePasswordRequest request = AUTH__CHANGE_PASSWORD_REQUEST__INIT;
    request.current_password = text_of(current);
    request.new_password = text_of(password);
    return caller_call(caller, AUTH_CHANGE_PASSWORD, &request, NULL);
}

// ---- What can be seen ----------------------------------------------------------------------

struct auth_password door_password(struct house *house, struct id128 user_id)
{
    struct auth_password password;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_password_state(txn, user_id, &password));
    return password;
}

struct auth_flow door_flow(struct caller *caller, struct id128 id)
{
    struct auth_flow flow;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(caller->house->store, &txn));
    assert_status_ok(
        auth_store_get_flow(caller->house->service.auth, txn, id, caller->arena, &flow));
    return flow;
}

uint64_t door_count(struct caller *caller, enum auth_counter counter)
{
    struct auth_hour *hours = NULL;
    size_t count = 0;
    uint64_t sum = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(caller->house->store, &txn));
    assert_status_ok(auth_counters_read(txn, 0, UINT64_MAX, caller->arena, 10000, &hours, &count));
    for (size_t i = 0; i < count; i++)
        sum += hours[i].counts[counter];
    return sum;
}

uint64_t door_gauge(struct caller *caller, enum auth_gauge gauge)
{
    uint64_t gauges[AUTH_GAUGE_COUNT];
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(caller->house->store, &txn));
    assert_status_ok(auth_gauges_read(txn, gauges));
    return gauges[gauge];
}

const char *door_methods(struct caller *caller, const Auth__LoginResponse *login)
{
    char *text = arena_text(caller->arena, "", 0);
    for (size_t i = 0; i < login->n_methods; i++)
        text = arena_format(caller->arena, "%s%s%s", text, i > 0 ? " " : "", login->methods[i]);
    return text;
}
