#include "services/auth/convert.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

#include <arpa/inet.h>

// ---- Requests ------------------------------------------------------------------------------

struct status auth_convert_user(const struct rpc_call *call, struct id128 *ret)
{
    if (!call->is_authenticated || call->claims.is_service)
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "only a user can do this");
    *ret = call->claims.subject;
    return STATUS_SUCCESS;
}

struct id128 auth_convert_id(const ProtobufCBinaryData *bytes)
{
    CHECK(bytes->len == ID128_BYTES); // Required, and a UUID: the validator has seen it.
    return id128_of(bytes->data);
}

struct status auth_convert_channel(struct rpc_call *call, const char *name, enum auth_channel *ret)
{
    enum auth_channel channel = auth_channel_of_name(name);
    if ((int)channel == 0) return rpc_call_violation(call, "channel", "UNKNOWN_VALUE");
    *ret = channel;
    return STATUS_SUCCESS;
}

/// lower_ascii writes the text in lower case; addresses are ASCII by their pattern.
static void lower_ascii(const char *text, size_t size, char *ret)
{
    for (size_t i = 0; i < size; i++)
        ret[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + ('a' - 'A')) : text[i];
    ret[size] = '\0';
}

const char *auth_convert_lower(struct rpc_call *call, const char *text)
{
    size_t size = strlen(text);
    char *lower = arena_alloc(call->arena, size + 1);
    if (lower != NULL) lower_ascii(text, size, lower);
    return lower;
}

struct status auth_convert_application(struct rpc_call *call,
                                       const struct Auth__RegisterRequest *request,
                                       struct auth_application *ret)
{
    const char *email = auth_convert_lower(call, request->email);
    if (email == NULL) return ARENA_STATUS_EXHAUSTED;
    ret->fields[AUTH_APPLICANT_EMAIL] = email;
    ret->fields[AUTH_APPLICANT_MOBILE] = request->mobile;
    ret->fields[AUTH_APPLICANT_FULL_NAME] = request->full_name;
    ret->password = request->password;
    return STATUS_SUCCESS;
}

struct status auth_convert_device(struct rpc_call *call, const char *device, const char **ret)
{
    const char *named = device[0] != '\0' || call->device_id == NULL ? device : call->device_id;
    if (strlen(named) > AUTH_DEVICE_BYTES_MAX)
        return rpc_call_violation(call, "device", "TOO_LONG");
    *ret = named;
    return STATUS_SUCCESS;
}

size_t auth_convert_network(const char *ip, uint8_t ret_network[static 9])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    uint8_t address[16];
    if (inet_pton(AF_INET, ip, address) == 1) {
        ret_network[0] = 4;
        memcpy(ret_network + 1, address, 4);
        return 5;
    }
    if (inet_pton(AF_INET6, ip, address) != 1) return 0;
    bool is_mapped = memcmp(address, mapped, sizeof mapped) == 0; // ::ffff:192.0.2.1
    ret_network[0] = is_mapped ? 4 : 6;
    memcpy(ret_network + 1, is_mapped ? address + 12 : address, is_mapped ? 4 : 8);
    return is_mapped ? 5 : 9;
}

// ---- Replies -------------------------------------------------------------------------------

struct Auth__RegisterResponse *auth_convert_registered(struct rpc_call *call,
                                                       const struct id128 *registration_id,
                                                       const struct auth_application *application)
{
    Auth__RegisterResponse *reply =
        RPC_NEW(call, Auth__RegisterResponse, auth__register_response__init);
    if (reply == NULL || !auth_copy_id(call, *registration_id, &reply->registration_id))
        return NULL;
    reply->channels = arena_alloc(call->arena, AUTH_CHANNEL_LAST * sizeof *reply->channels);
    if (reply->channels == NULL) return NULL;
    reply->channels[reply->n_channels++] = auth_constant(auth_channel_name(AUTH_EMAIL));
    if (application->fields[AUTH_APPLICANT_MOBILE][0] != '\0')
        reply->channels[reply->n_channels++] = auth_constant(auth_channel_name(AUTH_MOBILE));
    reply->expires_in = (uint32_t)(AUTH_REGISTRATION_LIFE_NS / AUTH_SECOND_NS);
    reply->resend_after = 30;
    return reply;
}

struct Auth__VerifyRegistrationResponse *
auth_convert_confirmed(struct rpc_call *call, const struct auth_confirmed *confirmed)
{
    Auth__VerifyRegistrationResponse *reply =
        RPC_NEW(call, Auth__VerifyRegistrationResponse, auth__verify_registration_response__init);
    if (reply == NULL) return NULL;
    if (confirmed->progress.state == AUTH_REGISTRATION_COMPLETED)
        return auth_copy_id(call, confirmed->user.id, &reply->user_id) ? reply : NULL;
    reply->remaining = arena_alloc(call->arena, AUTH_CHANNEL_LAST * sizeof *reply->remaining);
    if (reply->remaining == NULL) return NULL;
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        if (confirmed->progress.challenges[i - 1].confirmation == AUTH_CONFIRMATION_OPEN)
            reply->remaining[reply->n_remaining++] =
                auth_constant(auth_channel_name((enum auth_channel)i));
    }
    return reply;
}

static bool copy_tokens(struct rpc_call *call, const struct auth_grant *grant, char **ret_access,
                        char **ret_refresh)
{
    *ret_access = arena_text(call->arena, grant->access_token, strlen(grant->access_token));
    *ret_refresh = arena_text(call->arena, grant->refresh_token, strlen(grant->refresh_token));
    return *ret_access != NULL && *ret_refresh != NULL;
}

struct Auth__IssueTokenResponse *auth_convert_issued(struct rpc_call *call,
                                                     const struct auth_grant *grant)
{
    Auth__IssueTokenResponse *reply =
        RPC_NEW(call, Auth__IssueTokenResponse, auth__issue_token_response__init);
    if (reply == NULL || !copy_tokens(call, grant, &reply->access_token, &reply->refresh_token))
        return NULL;
    reply->token_type = auth_constant("Bearer");
    reply->expires_in = grant->expires_in_s;
    return reply;
}

static Auth__Jwk *convert_jwk(struct rpc_call *call,
                              const uint8_t public_key[static KEY_PUBLIC_BYTES])
{
    char text[BASE64URL_TEXT_BYTES(KEY_PUBLIC_BYTES)], kid[KEY_ID_TEXT_BYTES];
    Auth__Jwk *jwk = RPC_NEW(call, Auth__Jwk, auth__jwk__init);
    if (jwk == NULL) return NULL;
    size_t size = base64url_encode(public_key, KEY_PUBLIC_BYTES, text);
    key_id(public_key, kid);
    jwk->kty = auth_constant("OKP");
    jwk->crv = auth_constant("Ed25519");
    jwk->alg = auth_constant("EdDSA");
    jwk->use = auth_constant("sig");
    jwk->x = arena_text(call->arena, text, size);
    jwk->kid = arena_text(call->arena, kid, strlen(kid));
    return jwk->x != NULL && jwk->kid != NULL ? jwk : NULL;
}

struct Auth__Jwks *auth_convert_jwks(struct rpc_call *call, struct auth_signing *signing)
{
    CLEANUP(auth_signing_release)
    const struct auth_signing_set *keys = auth_signing_hold(signing);
    Auth__Jwks *reply = RPC_NEW(call, Auth__Jwks, auth__jwks__init);
    if (reply == NULL) return NULL;
    reply->keys = arena_alloc(call->arena, auth_signing_count(keys) * sizeof *reply->keys);
    if (reply->keys == NULL) return NULL;
    for (size_t i = 0; i < auth_signing_count(keys); i++) {
        Auth__Jwk *jwk = convert_jwk(call, auth_signing_key(keys, i)->public_key);
        if (jwk == NULL) return NULL;
        reply->keys[reply->n_keys++] = jwk;
    }
    return reply;
}

void auth_convert_retry(struct rpc_call *call, uint64_t wait_ns)
{
    uint64_t wait_s = (wait_ns + AUTH_SECOND_NS - 1) / AUTH_SECOND_NS;
    call->retry_after_ms = wait_s < UINT32_MAX / 1000 ? (uint32_t)wait_s * 1000 : UINT32_MAX;
}
