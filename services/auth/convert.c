#include "services/auth/convert.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "florin/auth/v1/auth.pb-c.h"

#include <arpa/inet.h>
#include <stdio.h>

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

struct status auth_convert_application(struct rpc_call *call,
                                       const struct Auth__RegisterRequest *request,
                                       struct auth_application *ret)
{
    size_t size = strlen(request->email);
    char *email = arena_alloc(call->arena, size + 1);
    if (email == NULL) return ARENA_STATUS_EXHAUSTED;
    lower_ascii(request->email, size, email);
    ret->fields[AUTH_PERSON_EMAIL] = email;
    ret->fields[AUTH_PERSON_MOBILE] = request->mobile;
    ret->fields[AUTH_PERSON_FULL_NAME] = request->full_name;
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

struct status auth_convert_login(struct rpc_call *call, const struct Auth__LoginRequest *request,
                                 struct auth_login *ret)
{
    struct auth_login login = {.password = request->password, .now_ns = call->received_wall_ns};
    size_t size = strlen(request->identifier);
    if (size >= sizeof login.identifier) return rpc_call_violation(call, "identifier", "TOO_LONG");
    lower_ascii(request->identifier, size, login.identifier);
    login.channel = strchr(login.identifier, '@') != NULL ? AUTH_EMAIL : AUTH_MOBILE;
    RETURN_IF_ERROR(auth_convert_device(call, request->device, &login.client.device));
    const char *ip = call->client_ip != NULL ? call->client_ip : "";
    login.client.network_size = auth_convert_network(ip, login.client.network);
    // What is no address is not kept: it would be whatever the caller made up.
    if (login.client.network_size > 0) snprintf(login.client.ip, sizeof login.client.ip, "%s", ip);
    *ret = login;
    return STATUS_SUCCESS;
}

// ---- Replies -------------------------------------------------------------------------------

static bool copy_id(struct rpc_call *call, const struct id128 *id, ProtobufCBinaryData *ret)
{
    ret->data = arena_copy(call->arena, id->bytes, ID128_BYTES);
    ret->len = ID128_BYTES;
    return ret->data != NULL;
}

static char *constant(const char *text)
{
    return (char *)(uintptr_t)text; // protobuf-c's strings are not const; nobody writes to them.
}

struct Auth__RegisterResponse *auth_convert_registered(struct rpc_call *call,
                                                       const struct id128 *registration_id,
                                                       const struct auth_application *application)
{
    Auth__RegisterResponse *reply =
        RPC_NEW(call, Auth__RegisterResponse, auth__register_response__init);
    if (reply == NULL || !copy_id(call, registration_id, &reply->registration_id)) return NULL;
    reply->channels = arena_alloc(call->arena, AUTH_CHANNEL_LAST * sizeof *reply->channels);
    if (reply->channels == NULL) return NULL;
    reply->channels[reply->n_channels++] = constant(auth_channel_name(AUTH_EMAIL));
    if (application->fields[AUTH_PERSON_MOBILE][0] != '\0')
        reply->channels[reply->n_channels++] = constant(auth_channel_name(AUTH_MOBILE));
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
        return copy_id(call, &confirmed->user.id, &reply->user_id) ? reply : NULL;
    reply->remaining = arena_alloc(call->arena, AUTH_CHANNEL_LAST * sizeof *reply->remaining);
    if (reply->remaining == NULL) return NULL;
    for (int i = AUTH_EMAIL; i <= AUTH_CHANNEL_LAST; i++) {
        if (confirmed->progress.challenges[i - 1].confirmation == AUTH_CONFIRMATION_OPEN)
            reply->remaining[reply->n_remaining++] =
                constant(auth_channel_name((enum auth_channel)i));
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

struct Auth__LoginResponse *auth_convert_logged_in(struct rpc_call *call,
                                                   const struct auth_session *session,
                                                   const struct auth_grant *grant)
{
    Auth__LoginResponse *reply = RPC_NEW(call, Auth__LoginResponse, auth__login_response__init);
    if (reply == NULL || !copy_id(call, &session->id, &reply->session_id) ||
        !copy_tokens(call, grant, &reply->access_token, &reply->refresh_token))
        return NULL;
    reply->status = constant("authenticated");
    reply->token_type = constant("Bearer");
    reply->expires_in = grant->expires_in_s;
    return reply;
}

struct Auth__IssueTokenResponse *auth_convert_issued(struct rpc_call *call,
                                                     const struct auth_grant *grant)
{
    Auth__IssueTokenResponse *reply =
        RPC_NEW(call, Auth__IssueTokenResponse, auth__issue_token_response__init);
    if (reply == NULL || !copy_tokens(call, grant, &reply->access_token, &reply->refresh_token))
        return NULL;
    reply->token_type = constant("Bearer");
    reply->expires_in = grant->expires_in_s;
    return reply;
}

struct Auth__User *auth_convert_view(struct rpc_call *call, const struct auth_user_view *view)
{
    const struct auth_user *user = &view->user;
    Auth__User *reply = RPC_NEW(call, Auth__User, auth__user__init);
    if (reply == NULL || !copy_id(call, &user->id, &reply->id)) return NULL;
    reply->roles = arena_alloc(call->arena, AUTH_ROLES_MAX * sizeof *reply->roles);
    if (reply->roles == NULL) return NULL;
    for (size_t i = 0; i < user->roles.count; i++) {
        char *role = arena_text(call->arena, user->roles.names[i], strlen(user->roles.names[i]));
        if (role == NULL) return NULL;
        reply->roles[reply->n_roles++] = role;
    }
    reply->email = constant(view->person.fields[AUTH_PERSON_EMAIL]);
    reply->mobile = constant(view->person.fields[AUTH_PERSON_MOBILE]);
    reply->full_name = constant(view->person.fields[AUTH_PERSON_FULL_NAME]);
    reply->status = constant(auth_user_state_name(user->state));
    reply->created_at = user->created_at_ns;
    reply->version = user->version;
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
    jwk->kty = constant("OKP");
    jwk->crv = constant("Ed25519");
    jwk->alg = constant("EdDSA");
    jwk->use = constant("sig");
    jwk->x = arena_text(call->arena, text, size);
    jwk->kid = arena_text(call->arena, kid, strlen(kid));
    return jwk->x != NULL && jwk->kid != NULL ? jwk : NULL;
}

struct Auth__Jwks *auth_convert_jwks(struct rpc_call *call, const struct auth_signing *signing)
{
    Auth__Jwks *reply = RPC_NEW(call, Auth__Jwks, auth__jwks__init);
    if (reply == NULL) return NULL;
    reply->keys = arena_alloc(call->arena, auth_signing_count(signing) * sizeof *reply->keys);
    if (reply->keys == NULL) return NULL;
    for (size_t i = 0; i < auth_signing_count(signing); i++) {
        Auth__Jwk *jwk = convert_jwk(call, auth_signing_public(signing, i));
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
