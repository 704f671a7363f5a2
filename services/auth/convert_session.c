#include "common/crypto/token.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

/// RFC 8176.
static const struct {
    uint8_t bit;
    const char *name;
} methods[] = {
    {TOKEN_AMR_PWD, "pwd"}, {TOKEN_AMR_OTP, "otp"}, {TOKEN_AMR_SMS, "sms"},
    {TOKEN_AMR_MFA, "mfa"}, {TOKEN_AMR_HWK, "hwk"},
};

enum { METHODS = sizeof methods / sizeof methods[0] };

static Auth__Session *convert_session(struct rpc_call *call, const struct auth_session_view *view)
{
    const struct auth_session *session = &view->session;
    Auth__Session *message = RPC_NEW(call, Auth__Session, auth__session__init);
    if (message == NULL) return NULL;
    message->methods = arena_alloc(call->arena, METHODS * sizeof *message->methods);
    if (!auth_copy_id(call, session->id, &message->id) || message->methods == NULL) return NULL;
    for (size_t i = 0; i < METHODS; i++)
        if ((session->amr & methods[i].bit) != 0)
            message->methods[message->n_methods++] = auth_constant(methods[i].name);
    message->device = auth_constant(view->device);
    message->client_ip = auth_constant(view->client_ip);
    message->created_at = session->created_at_ns;
    message->refreshed_at = session->rotated_at_ns;
    message->expires_at = view->end_ns;
    message->aal = session->aal;
    message->current = id128_equal(session->id, call->claims.session_id);
    return message;
}

struct Auth__ListSessionsResponse *auth_convert_sessions(struct rpc_call *call,
                                                         const struct auth_session_page *page)
{
    Auth__ListSessionsResponse *reply =
        RPC_NEW(call, Auth__ListSessionsResponse, auth__list_sessions_response__init);
    if (reply == NULL) return NULL;
    reply->sessions = arena_alloc(call->arena, page->count * sizeof(Auth__Session *));
    if (reply->sessions == NULL) return NULL;
    for (size_t i = 0; i < page->count; i++) {
        Auth__Session *session = convert_session(call, &page->sessions[i]);
        if (session == NULL) return NULL;
        reply->sessions[reply->n_sessions++] = session;
    }
    return reply;
}
