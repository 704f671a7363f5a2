#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

static char *id_text(struct rpc_call *call, struct id128 id)
{
    char text[ID128_TEXT_BYTES];
    id128_format(id, text);
    return arena_text(call->arena, text, strlen(text));
}

// ---- API keys ------------------------------------------------------------------------------

void auth_convert_exchange(const struct rpc_call *call, const char *client_ip,
                           struct auth_exchange *ret)
{
    ret->client_ip = client_ip != NULL ? client_ip : "";
    ret->network_size = auth_convert_network(ret->client_ip, ret->network);
    ret->now_ns = call->received_wall_ns;
}

struct Auth__IssueTokenResponse *auth_convert_exchanged(struct rpc_call *call,
                                                        const struct auth_exchanged *exchanged)
{
    Auth__IssueTokenResponse *reply =
        RPC_NEW(call, Auth__IssueTokenResponse, auth__issue_token_response__init);
    if (reply == NULL) return NULL;
    reply->access_token =
        arena_text(call->arena, exchanged->access_token, strlen(exchanged->access_token));
    reply->scope = arena_text(call->arena, exchanged->scope, strlen(exchanged->scope));
    if (reply->access_token == NULL || reply->scope == NULL) return NULL;
    reply->token_type = auth_constant("Bearer");
    reply->expires_in = exchanged->expires_in_s;
    return reply;
}

// ---- Introspection -------------------------------------------------------------------------

static char *join_scopes(struct rpc_call *call, const struct token_claims *claims)
{
    char *text = arena_text(call->arena, "", 0);
    for (size_t i = 0; i < claims->scope_count && text != NULL; i++)
        text = arena_format(call->arena, "%s%s%s", text, i > 0 ? " " : "", claims->scopes[i]);
    return text;
}

struct Auth__IntrospectTokenResponse *auth_convert_living_token(struct rpc_call *call,
                                                                const struct token_claims *claims)
{
    Auth__IntrospectTokenResponse *reply =
        RPC_NEW(call, Auth__IntrospectTokenResponse, auth__introspect_token_response__init);
    if (reply == NULL) return NULL;
    reply->sub = id_text(call, claims->subject);
    reply->sid = id_text(call, claims->session_id);
    reply->jti = id_text(call, claims->token_id);
    reply->scope = join_scopes(call, claims);
    reply->roles = arena_alloc(call->arena, TOKEN_ROLES_MAX * sizeof *reply->roles);
    if (reply->sub == NULL || reply->sid == NULL || reply->jti == NULL || reply->scope == NULL ||
        reply->roles == NULL)
        return NULL;
    for (size_t i = 0; i < claims->role_count; i++) {
        char *role = arena_text(call->arena, claims->roles[i], strlen(claims->roles[i]));
        if (role == NULL) return NULL;
        reply->roles[reply->n_roles++] = role;
    }
    reply->active = true;
    reply->token_type = auth_constant("access_token");
    reply->iss = auth_constant(TOKEN_ISSUER_AUTH);
    reply->aud = auth_constant(TOKEN_AUDIENCE);
    reply->exp = (int64_t)claims->expires_at_s;
    reply->iat = (int64_t)claims->issued_at_s;
    return reply;
}

struct Auth__IntrospectTokenResponse *
auth_convert_living_session(struct rpc_call *call, const struct auth_session *session,
                            uint64_t end_ns)
{
    Auth__IntrospectTokenResponse *reply =
        RPC_NEW(call, Auth__IntrospectTokenResponse, auth__introspect_token_response__init);
    if (reply == NULL) return NULL;
    reply->sub = id_text(call, session->user_id);
    reply->sid = id_text(call, session->id);
    if (reply->sub == NULL || reply->sid == NULL) return NULL;
    reply->active = true;
    reply->token_type = auth_constant("refresh_token");
    reply->iss = auth_constant(TOKEN_ISSUER_AUTH);
    reply->exp = (int64_t)(end_ns / AUTH_SECOND_NS);
    reply->iat = (int64_t)(session->rotated_at_ns / AUTH_SECOND_NS);
    return reply;
}

// ---- Metadata ------------------------------------------------------------------------------

struct Auth__AuthorizationServer *auth_convert_authorization_server(struct rpc_call *call,
                                                                    const char *public_url)
{
    static char *grants[] = {(char *)"refresh_token", (char *)"client_credentials"};
    static char *methods[] = {(char *)"client_secret_basic", (char *)"client_secret_post",
                              (char *)"none"};
    Auth__AuthorizationServer *reply =
        RPC_NEW(call, Auth__AuthorizationServer, auth__authorization_server__init);
    if (reply == NULL) return NULL;

    const struct {
        const char *path;
        char **field;
    } addresses[] = {
        {"", &reply->issuer},
        {"/oauth2/token", &reply->token_endpoint},
        {"/.well-known/jwks.json", &reply->jwks_uri},
        {"/oauth2/revoke", &reply->revocation_endpoint},
        {"/oauth2/introspect", &reply->introspection_endpoint},
        {"/docs", &reply->service_documentation},
    };

    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        *addresses[i].field = arena_format(call->arena, "%s%s", public_url, addresses[i].path);
        if (*addresses[i].field == NULL) return NULL;
    }
    reply->grant_types_supported = grants;
    reply->n_grant_types_supported = sizeof grants / sizeof grants[0];
    reply->token_endpoint_auth_methods_supported = methods;
    reply->n_token_endpoint_auth_methods_supported = sizeof methods / sizeof methods[0];
    return reply;
}
