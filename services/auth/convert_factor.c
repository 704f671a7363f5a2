// Second factors: what a client sees of them, and what their events say.
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

// ---- Requests ------------------------------------------------------------------------------

struct status auth_convert_authenticator_method(struct rpc_call *call, const char *name,
                                                enum auth_method *ret)
{
    enum auth_method method = auth_method_of_name(name);
    if (method != AUTH_METHOD_TOTP && method != AUTH_METHOD_RECOVERY_CODE)
        return rpc_call_violation(call, "method", "UNKNOWN_VALUE");
    *ret = method;
    return STATUS_SUCCESS;
}

// ---- Replies -------------------------------------------------------------------------------

static const char *const policy_names[] = {
    [AUTH_MFA_OFF] = "off",
    [AUTH_MFA_OPTIONAL] = "optional",
    [AUTH_MFA_OTP] = "otp",
    [AUTH_MFA_TOTP] = "totp",
};

struct Auth__Factors *auth_convert_factors(struct rpc_call *call, const struct auth_user *user,
                                           const struct auth_factors *factors,
                                           uint64_t locked_until_ns)
{
    const struct auth_service *service = call->service;
    Auth__Factors *reply = RPC_NEW(call, Auth__Factors, auth__factors__init);
    if (reply == NULL) return NULL;
    bool is_staff = auth_roles_are_staff(&user->roles);
    reply->policy = auth_constant(
        policy_names[is_staff ? service->policy.mfa_staff : service->policy.mfa_customer]);
    reply->totp = factors->has_totp;
    reply->totp_since = factors->totp_since_ns;
    reply->recovery_codes_left = factors->recovery_codes_left;
    reply->locked_until = locked_until_ns;
    reply->channels = arena_alloc(call->arena, AUTH_CHANNEL_LAST * sizeof *reply->channels);
    if (reply->channels == NULL) return NULL;
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        if ((user->channels & 1U << i) != 0)
            reply->channels[reply->n_channels++] =
                auth_constant(auth_channel_name((enum auth_channel)i));
    }
    return reply;
}

struct Auth__TotpEnrolment *auth_convert_enrolment(struct rpc_call *call, const char *address,
                                                   const uint8_t secret[static TOTP_SECRET_BYTES])
{
    Auth__TotpEnrolment *reply = RPC_NEW(call, Auth__TotpEnrolment, auth__totp_enrolment__init);
    if (reply == NULL) return NULL;
    reply->secret = arena_alloc(call->arena, TOTP_SECRET_TEXT_BYTES);
    reply->uri = arena_alloc(call->arena, TOTP_URI_BYTES);
    if (reply->secret == NULL || reply->uri == NULL) return NULL;
    totp_secret_text(secret, reply->secret);
    totp_uri(secret, address, reply->uri);
    reply->digits = TOTP_DIGITS;
    reply->period = TOTP_PERIOD_S;
    reply->algorithm = auth_constant(TOTP_ALGORITHM);
    return reply;
}

struct Auth__RecoveryCodes *auth_convert_recovery_codes(struct rpc_call *call,
                                                        const struct auth_recovery_codes *codes)
{
    Auth__RecoveryCodes *reply = RPC_NEW(call, Auth__RecoveryCodes, auth__recovery_codes__init);
    if (reply == NULL) return NULL;
    reply->recovery_codes =
        arena_alloc(call->arena, AUTH_RECOVERY_CODES_MAX * sizeof *reply->recovery_codes);
    if (reply->recovery_codes == NULL) return NULL;
    for (size_t i = 0; i < AUTH_RECOVERY_CODES_MAX; i++) {
        char *code = arena_text(call->arena, codes->texts[i], strlen(codes->texts[i]));
        if (code == NULL) return NULL;
        reply->recovery_codes[reply->n_recovery_codes++] = code;
    }
    return reply;
}

// ---- Events --------------------------------------------------------------------------------

size_t auth_convert_credential_changed(struct id128 user_id, const char *factor, const char *reason,
                                       uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__CredentialChanged message = AUTH__CREDENTIAL_CHANGED__INIT;
    message.user_id = auth_borrow_id(&user_id);
    message.factor = auth_constant(factor);
    message.reason = auth_constant(reason);
    return auth_pack_event(&message.base, ret);
}
