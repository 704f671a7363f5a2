// Logging in: what a client says of itself, and what it is told.
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

#include <stdio.h>

// ---- Requests ------------------------------------------------------------------------------

struct status auth_convert_identity(struct rpc_call *call, const char *identifier,
                                    struct auth_identity *ret)
{
    const char *address = auth_convert_lower(call, identifier);
    if (address == NULL) return ARENA_STATUS_EXHAUSTED;
    ret->channel = strchr(address, '@') != NULL ? AUTH_EMAIL : AUTH_MOBILE;
    ret->address = address;
    return STATUS_SUCCESS;
}

struct status auth_convert_client(struct rpc_call *call, const char *device, const char *user_agent,
                                  struct auth_client *ret)
{
    const char *ip = call->client_ip != NULL ? call->client_ip : "";
    struct auth_client client = {.user_agent = user_agent};
    RETURN_IF_ERROR(auth_convert_device(call, device, &client.device));
    client.network_size = auth_convert_network(ip, client.network);
    // What is no address is not kept: it would be whatever the caller made up.
    if (client.network_size > 0) snprintf(client.ip, sizeof client.ip, "%s", ip);
    *ret = client;
    return STATUS_SUCCESS;
}

struct status auth_convert_login(struct rpc_call *call, const struct Auth__LoginRequest *request,
                                 struct auth_login *ret)
{
    struct auth_login login = {
        .password = request->password, .arena = call->arena, .now_ns = call->received_wall_ns};
    RETURN_IF_ERROR(auth_convert_identity(call, request->identifier, &login.identity));
    RETURN_IF_ERROR(auth_convert_client(call, request->device, request->user_agent, &login.client));
    *ret = login;
    return STATUS_SUCCESS;
}

struct status auth_convert_verify_login(struct rpc_call *call,
                                        const struct Auth__VerifyLoginRequest *request,
                                        struct auth_login_proof *ret)
{
    struct auth_login_proof proof = {.login_id = auth_convert_id(&request->login_id),
                                     .method = auth_method_of_name(request->method),
                                     .code = request->code,
                                     .arena = call->arena,
                                     .now_ns = call->received_wall_ns};
    if ((int)proof.method == 0) return rpc_call_violation(call, "method", "UNKNOWN_VALUE");
    RETURN_IF_ERROR(auth_convert_client(call, request->device, request->user_agent, &proof.client));
    *ret = proof;
    return STATUS_SUCCESS;
}

struct status auth_convert_resend_login(struct rpc_call *call,
                                        const struct Auth__ResendLoginRequest *request,
                                        struct auth_login_proof *ret)
{
    enum auth_channel channel = auth_channel_of_name(request->method);
    struct auth_login_proof proof = {.login_id = auth_convert_id(&request->login_id),
                                     .method = (enum auth_method)channel,
                                     .code = "",
                                     .arena = call->arena,
                                     .now_ns = call->received_wall_ns};
    if ((int)channel == 0) return rpc_call_violation(call, "method", "UNKNOWN_VALUE");
    RETURN_IF_ERROR(auth_convert_client(call, request->device, "", &proof.client));
    *ret = proof;
    return STATUS_SUCCESS;
}

// ---- Replies -------------------------------------------------------------------------------

static char *copy_text(struct rpc_call *call, const char *text)
{
    return arena_text(call->arena, text, strlen(text));
}

struct Auth__LoginResponse *auth_convert_logged_in(struct rpc_call *call,
                                                   const struct auth_session *session,
                                                   const struct auth_grant *grant)
{
    bool enrols = session->aal == AUTH_AAL_ENROLMENT;
    Auth__LoginResponse *reply = RPC_NEW(call, Auth__LoginResponse, auth__login_response__init);
    if (reply == NULL || !auth_copy_id(call, session->id, &reply->session_id)) return NULL;
    reply->access_token = copy_text(call, grant->access_token);
    reply->refresh_token = copy_text(call, grant->refresh_token);
    if (reply->access_token == NULL || reply->refresh_token == NULL) return NULL;
    reply->status = auth_constant(enrols ? "enrolment_required" : "authenticated");
    reply->token_type = auth_constant("Bearer");
    reply->expires_in = grant->expires_in_s;
    return reply;
}

struct Auth__LoginResponse *auth_convert_factor_wanted(struct rpc_call *call,
                                                       const struct auth_flow *flow,
                                                       uint64_t resend_wait_ns)
{
    // The authenticator is named first: it is what most people will show.
    static const enum auth_method order[] = {AUTH_METHOD_TOTP, AUTH_METHOD_RECOVERY_CODE,
                                             AUTH_METHOD_MOBILE, AUTH_METHOD_EMAIL};

    Auth__LoginResponse *reply = RPC_NEW(call, Auth__LoginResponse, auth__login_response__init);
    if (reply == NULL || !auth_copy_id(call, flow->id, &reply->login_id)) return NULL;
    reply->methods = arena_alloc(call->arena, AUTH_METHOD_LAST * sizeof *reply->methods);
    if (reply->methods == NULL) return NULL;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if ((flow->methods & 1U << order[i]) != 0)
            reply->methods[reply->n_methods++] = auth_constant(auth_method_name(order[i]));
    }
    reply->status = auth_constant("mfa_required");
    reply->expires_in = auth_whole_seconds(flow->expires_at_ns - flow->created_at_ns);
    reply->resend_after = auth_whole_seconds(resend_wait_ns);
    if ((int)flow->sent_to != 0) reply->sent_to = auth_constant(auth_channel_name(flow->sent_to));
    return reply;
}

struct Auth__ResendResponse *auth_convert_resent(struct rpc_call *call, uint64_t wait_ns)
{
    Auth__ResendResponse *reply = RPC_NEW(call, Auth__ResendResponse, auth__resend_response__init);
    if (reply != NULL) reply->resend_after = auth_whole_seconds(wait_ns);
    return reply;
}

struct Auth__ForgotPasswordResponse *auth_convert_forgotten(struct rpc_call *call,
                                                            const struct auth_flow *flow)
{
    Auth__ForgotPasswordResponse *reply =
        RPC_NEW(call, Auth__ForgotPasswordResponse, auth__forgot_password_response__init);
    if (reply == NULL || !auth_copy_id(call, flow->id, &reply->reset_id)) return NULL;
    reply->expires_in = auth_whole_seconds(flow->expires_at_ns - flow->created_at_ns);
    return reply;
}

// ---- Events --------------------------------------------------------------------------------

static size_t name_terms(unsigned terms, char *ret[static AUTH_RISK_COUNT])
{
    size_t count = 0;
    for (unsigned i = 0; i < AUTH_RISK_COUNT; i++) {
        if ((terms & 1U << i) != 0)
            ret[count++] = auth_constant(auth_risk_name((enum auth_risk)(1U << i)));
    }
    return count;
}

size_t auth_convert_login_attempted(struct id128 user_id, struct id128 session_id, unsigned risk,
                                    uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__LoginAttempted message = AUTH__LOGIN_ATTEMPTED__INIT;
    char *terms[AUTH_RISK_COUNT];
    if (!id128_is_nil(user_id)) message.user_id = auth_borrow_id(&user_id);
    if (!id128_is_nil(session_id)) message.session_id = auth_borrow_id(&session_id);
    message.n_risk = name_terms(risk, terms);
    message.risk = terms;
    return auth_pack_event(&message.base, ret);
}

size_t auth_convert_login_suspicious(struct id128 user_id, const struct auth_assessment *risk,
                                     uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__LoginSuspicious message = AUTH__LOGIN_SUSPICIOUS__INIT;
    char *terms[AUTH_RISK_COUNT];
    message.user_id = auth_borrow_id(&user_id);
    message.n_risk = name_terms(risk->terms, terms);
    message.risk = terms;
    message.risk_score = risk->score;
    return auth_pack_event(&message.base, ret);
}
