#include "common/rpc/page.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/alive.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/store_access.h"

struct status auth_rpc_logout(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    struct auth_session session;
    bool is_ended;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_session_end(txn, call->claims.session_id, AUTH_SESSION_LOGOUT,
                                     call->received_wall_ns, &session, &is_ended));
    if (is_ended) auth_events_session_ended(txn, call, &session);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

struct status auth_rpc_check_session(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__CheckSessionRequest *request = call->request;
    bool is_alive;
    RETURN_IF_ERROR(auth_is_alive(txn, auth_convert_id(&request->session_id), request->user_version,
                                  call->received_wall_ns, &is_alive));
    Auth__CheckSessionResponse *reply =
        RPC_NEW(call, Auth__CheckSessionResponse, auth__check_session_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->alive = is_alive;
    RETURN_IF_ERROR(auth_store_get_policy_version(txn, &reply->policy_version));
    return rpc_call_reply(call, reply);
}

struct status auth_rpc_logout_all(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_rpc_end_sessions(call, txn, user_id, ID128_NIL, AUTH_SESSION_LOGOUT));
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

// ---- Lists ---------------------------------------------------------------------------------

static struct status reply_sessions(struct rpc_call *call, struct store_txn *txn,
                                    const struct auth_user *user, int32_t page_size,
                                    const char *page_token)
{
    size_t size;
    struct id128 before;
    struct auth_session_page page;
    struct bytes filter = id128_bytes(&user->id);
    RETURN_IF_ERROR(page_size_resolve(call, page_size, &size));
    RETURN_IF_ERROR(auth_rpc_open_place(call, page_token, filter, &before));
    RETURN_IF_ERROR(auth_session_list(call->service, txn, user, before, size,
                                      call->received_wall_ns, call->arena, &page));
    Auth__ListSessionsResponse *reply = auth_convert_sessions(call, &page);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(auth_rpc_make_place(call, filter, page.next_before, &reply->next_page_token));
    return rpc_call_reply(call, reply);
}

struct status auth_rpc_list_sessions(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListSessionsRequest *request = call->request;
    struct id128 user_id;
    struct auth_user user;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_store_get_user(txn, user_id, &user));
    return reply_sessions(call, txn, &user, request->page_size, request->page_token);
}

struct status auth_rpc_list_user_sessions(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ListUserSessionsRequest *request = call->request;
    struct auth_user user;
    RETURN_IF_ERROR(auth_store_get_user(txn, auth_convert_id(&request->user_id), &user));
    RETURN_IF_ERROR(rpc_call_may_touch_in(call, user.id, user.branch));
    return reply_sessions(call, txn, &user, request->page_size, request->page_token);
}

// ---- Ending one ----------------------------------------------------------------------------

/// may_end: one's own, or as far as auth.session.end reaches.
static struct status may_end(struct rpc_call *call, struct store_txn *txn, struct id128 owner_id,
                             bool *ret)
{
    enum rpc_scope scope = rpc_call_scope(call, "auth.session.end");
    struct auth_user owner;
    *ret = rpc_call_is_self(call, owner_id) || scope == RPC_SCOPE_ALL;
    if (*ret || scope != RPC_SCOPE_BRANCH) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_store_get_user(txn, owner_id, &owner));
    *ret = owner.branch[0] != '\0' && strcmp(owner.branch, call->claims.branch) == 0;
    return STATUS_SUCCESS;
}

struct status auth_rpc_delete_session(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__DeleteSessionRequest *request = call->request;
    const struct status unknown = REFUSE(NOT_FOUND, SESSION_NOT_FOUND, "there is no such session");
    struct id128 caller_id, session_id = auth_convert_id(&request->id);
    struct auth_session session;
    bool is_allowed = false, is_ended;
    RETURN_IF_ERROR(auth_convert_user(call, &caller_id));
    RETURN_IF_ERROR(auth_store_get_session(txn, session_id, &session));
    RETURN_IF_ERROR(may_end(call, txn, session.user_id, &is_allowed));
    if (!is_allowed) return unknown; // Whether there is such a session is nobody else's business.
    RETURN_IF_ERROR(auth_session_end(txn, session_id, AUTH_SESSION_LOGOUT, call->received_wall_ns,
                                     &session, &is_ended));
    if (is_ended) auth_events_session_ended(txn, call, &session);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

struct status auth_rpc_end_sessions(struct rpc_call *call, struct store_txn *txn,
                                    struct id128 user_id, struct id128 except_id,
                                    enum auth_session_event cause)
{
    for (;;) {
        struct auth_session ended;
        bool is_ended;
        RETURN_IF_ERROR(auth_session_end_next(txn, user_id, except_id, cause,
                                              call->received_wall_ns, &ended, &is_ended));
        if (!is_ended) return STATUS_SUCCESS;
        auth_events_session_ended(txn, call, &ended);
    }
}
