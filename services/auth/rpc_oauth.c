#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/alive.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

// ---- Issuing -------------------------------------------------------------------------------

static void wipe_exchanged(struct auth_exchanged *exchanged)
{
    key_wipe(exchanged->access_token, sizeof exchanged->access_token);
}

struct status auth_rpc_exchange(struct rpc_call *call, struct store_txn *txn,
                                const struct auth_exchange *exchange)
{
    CLEANUP(wipe_exchanged) struct auth_exchanged exchanged;
    struct status status = auth_apikey_exchange(call->service, txn, exchange, &exchanged);
    if (status_ok(status)) return rpc_call_reply(call, auth_convert_exchanged(call, &exchanged));
    if (exchanged.wrong_scope[0] != '\0') rpc_call_detail(call, "scope", exchanged.wrong_scope);
    if (exchanged.wait_ns > 0) auth_convert_retry(call, exchanged.wait_ns);
    return exchanged.is_counted ? rpc_call_refuse_committed(call, status) : status;
}

static struct status exchange_key(struct rpc_call *call, struct store_txn *txn,
                                  const Auth__IssueTokenRequest *request)
{
    struct auth_exchange exchange = {
        .text = request->client_secret, .client_id = request->client_id, .scope = request->scope};
    if (request->client_secret[0] == '\0')
        return rpc_call_violation(call, "client_secret", "REQUIRED");
    auth_convert_exchange(call, call->client_ip, &exchange);
    return auth_rpc_exchange(call, txn, &exchange);
}

static struct status refresh(struct rpc_call *call, struct store_txn *txn,
                             const Auth__IssueTokenRequest *request)
{
    struct auth_service *service = call->service;
    struct auth_refreshed refreshed;
    struct auth_grant grant;
    const char *device;
    if (request->refresh_token[0] == '\0')
        return rpc_call_violation(call, "refresh_token", "REQUIRED");
    RETURN_IF_ERROR(auth_convert_device(call, request->device, &device));
    struct status status =
        auth_session_refresh(service, txn, bytes_of_text(request->refresh_token), device,
                             call->arena, call->received_wall_ns, &refreshed);
    if (!status_ok(status)) {
        if (!refreshed.is_ended) return status;
        auth_events_session_ended(txn, call, &refreshed.session);
        auth_worker_wake_after(service->worker);
        return rpc_call_refuse_committed(call, status);
    }
    auth_session_grant(service, &refreshed.user, &refreshed.session, call->received_wall_ns,
                       &grant);
    return rpc_call_reply(call, auth_convert_issued(call, &grant));
}

struct status auth_rpc_issue_token(struct rpc_call *call, struct store_txn *txn)
{
    static const struct {
        const char *grant_type;
        struct status (*issue)(struct rpc_call *call, struct store_txn *txn,
                               const Auth__IssueTokenRequest *request);
    } grants[] = {{"refresh_token", refresh}, {"client_credentials", exchange_key}};

    const Auth__IssueTokenRequest *request = call->request;
    for (size_t i = 0; i < sizeof grants / sizeof grants[0]; i++) {
        if (strcmp(request->grant_type, grants[i].grant_type) == 0)
            return grants[i].issue(call, txn, request);
    }
    return REFUSE(INVALID_ARGUMENT, UNSUPPORTED_GRANT_TYPE,
                  "granted are refresh_token and client_credentials");
}

// ---- Tokens as they are shown --------------------------------------------------------------

static bool look_up(void *context, const char *kid, uint8_t ret_public_key[static KEY_PUBLIC_BYTES],
                    char ret_issuer[static TOKEN_ISSUER_BYTES_MAX])
{
    const struct auth_service *service = context;
    memcpy(ret_issuer, TOKEN_ISSUER_AUTH, sizeof TOKEN_ISSUER_AUTH);
    return auth_signing_find(service->signing, kid, ret_public_key);
}

/// read_access_token: a user's, of ours, that has not run out.
static bool read_access_token(struct rpc_call *call, const char *token, struct token_claims *ret)
{
    uint64_t now_s = call->received_wall_ns / AUTH_SECOND_NS;
    struct status status = token_verify(bytes_of_text(token), now_s, look_up, call->service, ret);
    return status_ok(status) && !ret->is_service;
}

/// Neither kind can be taken for the other: an access token has dots.
struct shown_token {
    bool is_access, is_refresh;
    struct token_claims claims;
    struct auth_refresh refresh;
};

static struct shown_token read_token(struct rpc_call *call, const char *token)
{
    struct shown_token shown = {0};
    struct status status =
        auth_session_read_refresh(call->service, bytes_of_text(token), &shown.refresh);
    shown.is_refresh = status_ok(status);
    shown.is_access = !shown.is_refresh && read_access_token(call, token, &shown.claims);
    return shown;
}

// ---- Revoking ------------------------------------------------------------------------------

struct status auth_rpc_revoke_token(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__RevokeTokenRequest *request = call->request;
    struct shown_token shown = read_token(call, request->token);
    struct auth_session session;
    bool is_ended = false;
    struct id128 session_id = shown.is_refresh  ? shown.refresh.session_id
                              : shown.is_access ? shown.claims.session_id
                                                : ID128_NIL;
    // The token of an API key names no session: it lives out its minutes, and the key goes on.
    if (!id128_is_nil(session_id))
        RETURN_IF_ERROR(auth_session_end(txn, session_id, AUTH_SESSION_LOGOUT,
                                         call->received_wall_ns, &session, &is_ended));
    if (is_ended) auth_events_session_ended(txn, call, &session);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

// ---- Introspection -------------------------------------------------------------------------

/// is_good_refresh: it would be taken now.
static struct status is_good_refresh(struct rpc_call *call, struct store_txn *txn,
                                     const struct auth_refresh *token, struct auth_session *ret,
                                     uint64_t *ret_end_ns, bool *ret_good)
{
    struct auth_user user;
    *ret_good = false;
    struct status status = auth_store_get_session(txn, token->session_id, ret);
    if (status_ok(status)) status = auth_store_get_user(txn, ret->user_id, &user);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    const struct auth_session_limits *limits = auth_service_limits(call->service, &user.roles);
    enum auth_refresh_verdict verdict =
        auth_core_judge_refresh(ret, limits, token->counter, true, call->received_wall_ns);
    *ret_good = user.state == AUTH_USER_ACTIVE &&
                (verdict == AUTH_REFRESH_ROTATE || verdict == AUTH_REFRESH_REPEAT);
    *ret_end_ns = auth_core_session_end_ns(ret, limits);
    return STATUS_SUCCESS;
}

struct status auth_rpc_introspect_token(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__IntrospectTokenRequest *request = call->request;
    struct shown_token shown = read_token(call, request->token);
    struct auth_session session;
    uint64_t end_ns = 0;
    bool is_good = false;
    if (shown.is_access)
        RETURN_IF_ERROR(auth_is_alive(txn, shown.claims.session_id, shown.claims.user_version,
                                      call->received_wall_ns, &is_good));
    if (shown.is_refresh)
        RETURN_IF_ERROR(is_good_refresh(call, txn, &shown.refresh, &session, &end_ns, &is_good));
    if (!is_good)
        return rpc_call_reply(call, RPC_NEW(call, Auth__IntrospectTokenResponse,
                                            auth__introspect_token_response__init));
    return rpc_call_reply(call, shown.is_access
                                    ? auth_convert_living_token(call, &shown.claims)
                                    : auth_convert_living_session(call, &session, end_ns));
}

// ---- Metadata ------------------------------------------------------------------------------

struct status auth_rpc_get_jwks(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn; // They are in memory.
    const struct auth_service *service = call->service;
    return rpc_call_reply(call, auth_convert_jwks(call, service->signing));
}

struct status auth_rpc_get_authorization_server(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn; // Of the configuration.
    const struct auth_service *service = call->service;
    return rpc_call_reply(call,
                          auth_convert_authorization_server(call, service->policy.public_url));
}
