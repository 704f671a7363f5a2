#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/rpc_handlers.h"

// ---- What they share -----------------------------------------------------------------------

/// load gives a user whom the caller may touch by the method's permission.
static struct status load(struct rpc_call *call, struct store_txn *txn, struct id128 user_id,
                          struct auth_user_view *ret)
{
    RETURN_IF_ERROR(auth_service_get_user(call->service, txn, user_id, call->arena, ret));
    return rpc_call_may_touch_in(call, user_id, ret->user.branch);
}

/// reply_as tells why a user was blocked to those who may read others than themselves.
static struct status reply_as(struct rpc_call *call, enum rpc_scope reads,
                              const struct auth_user_view *view)
{
    const char *own = call->claims.branch;
    bool is_of_branch = own[0] != '\0' && strcmp(own, view->user.branch) == 0;
    bool may_read = reads == RPC_SCOPE_ALL || (reads == RPC_SCOPE_BRANCH && is_of_branch);
    return rpc_call_reply(call, may_read ? auth_convert_full_view(call, view)
                                         : auth_convert_view(call, view));
}

static struct status reply_changed(struct rpc_call *call, const struct auth_user_view *view)
{
    return reply_as(call, rpc_call_scope(call, "auth.user.read"), view);
}

// ---- Looking -------------------------------------------------------------------------------

struct status auth_rpc_get_me(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    struct auth_user_view view;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_service_get_user(call->service, txn, user_id, call->arena, &view));
    return reply_as(call, RPC_SCOPE_SELF, &view);
}

struct status auth_rpc_get_user(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetUserRequest *request = call->request;
    struct auth_user_view view;
    RETURN_IF_ERROR(load(call, txn, auth_convert_id(&request->id), &view));
    return reply_as(call, call->scope, &view);
}

// ---- Names and branches --------------------------------------------------------------------

static struct status update(struct rpc_call *call, struct store_txn *txn, struct id128 actor_id,
                            const struct auth_user_change *change, struct auth_user_view *view)
{
    struct auth_user_changed changed;
    RETURN_IF_ERROR(auth_directory_update(call->service, txn, actor_id, change,
                                          call->received_wall_ns, view, &changed));
    if (changed.is_renamed) auth_events_user_updated(txn, call, &view->user);
    if (changed.is_moved)
        auth_events_rights_raised(txn, call, &view->user, "auth.user.branch_changed");
    return STATUS_SUCCESS;
}

struct status auth_rpc_update_me(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    struct auth_user_change change;
    struct auth_user_view view;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_convert_own_change(call, &change));
    RETURN_IF_ERROR(auth_service_get_user(call->service, txn, user_id, call->arena, &view));
    RETURN_IF_ERROR(update(call, txn, user_id, &change, &view));
    return reply_as(call, RPC_SCOPE_SELF, &view);
}

struct status auth_rpc_update_user(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__UpdateUserRequest *request = call->request;
    struct id128 actor_id;
    struct auth_user_change change;
    struct auth_user_view view;
    RETURN_IF_ERROR(auth_convert_user(call, &actor_id));
    RETURN_IF_ERROR(auth_convert_user_change(call, &change));
    RETURN_IF_ERROR(load(call, txn, auth_convert_id(&request->id), &view));
    if (change.has_branch) // Nobody is moved from the caller's reach, nor to where it does not go.
        RETURN_IF_ERROR(rpc_call_may_touch_in(call, view.user.id, change.branch));
    RETURN_IF_ERROR(update(call, txn, actor_id, &change, &view));
    return reply_changed(call, &view);
}

// ---- States --------------------------------------------------------------------------------

static struct status move(struct rpc_call *call, struct store_txn *txn, struct id128 user_id,
                          enum auth_user_event event, const char *reason,
                          struct auth_user_view *view)
{
    struct id128 actor_id;
    bool is_changed;
    RETURN_IF_ERROR(auth_convert_user(call, &actor_id));
    RETURN_IF_ERROR(load(call, txn, user_id, view));
    RETURN_IF_ERROR(auth_directory_move(call->service, txn, actor_id, event, reason,
                                        call->received_wall_ns, view, &is_changed));
    if (!is_changed) return STATUS_SUCCESS;
    if (event == AUTH_USER_UNBLOCK) {
        auth_events_user_unblocked(txn, call, &view->user, reason);
        return STATUS_SUCCESS;
    }
    const char *type = event == AUTH_USER_BLOCK ? "auth.user.blocked" : "auth.user.closed";
    auth_events_rights_raised(txn, call, &view->user, type);
    return auth_rpc_end_sessions(call, txn, user_id, ID128_NIL, AUTH_SESSION_BLOCK);
}

struct status auth_rpc_block_user(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__BlockUserRequest *request = call->request;
    struct auth_user_view view;
    RETURN_IF_ERROR(
        move(call, txn, auth_convert_id(&request->id), AUTH_USER_BLOCK, request->reason, &view));
    return reply_changed(call, &view);
}

struct status auth_rpc_unblock_user(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__UnblockUserRequest *request = call->request;
    struct auth_user_view view;
    RETURN_IF_ERROR(
        move(call, txn, auth_convert_id(&request->id), AUTH_USER_UNBLOCK, request->reason, &view));
    return reply_changed(call, &view);
}

struct status auth_rpc_delete_user(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__DeleteUserRequest *request = call->request;
    struct auth_user_view view;
    RETURN_IF_ERROR(move(call, txn, auth_convert_id(&request->id), AUTH_USER_CLOSE, "", &view));
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

// ---- Roles ---------------------------------------------------------------------------------

/// tell_roles: whoever has become one of those of whom more is demanded logs in again; a refresh
/// would carry the new roles on a password alone.
static struct status tell_roles(struct rpc_call *call, struct store_txn *txn, enum auth_mfa before,
                                const struct auth_user *user)
{
    auth_events_roles_changed(txn, call, user);
    if (!auth_mfa_is_more(auth_service_mfa(call->service, &user->roles), before))
        return STATUS_SUCCESS;
    return auth_rpc_end_sessions(call, txn, user->id, ID128_NIL, AUTH_SESSION_FACTORS_CHANGED);
}

struct status auth_rpc_set_user_roles(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__SetUserRolesRequest *request = call->request;
    struct id128 actor_id;
    struct auth_user_view view;
    bool is_changed;
    RETURN_IF_ERROR(auth_convert_user(call, &actor_id));
    RETURN_IF_ERROR(load(call, txn, auth_convert_id(&request->id), &view));
    enum auth_mfa before = auth_service_mfa(call->service, &view.user.roles);
    RETURN_IF_ERROR(auth_directory_set_roles(txn, actor_id, request->if_match,
                                             (const char *const *)request->roles, request->n_roles,
                                             call->received_wall_ns, &view, &is_changed));
    if (is_changed) RETURN_IF_ERROR(tell_roles(call, txn, before, &view.user));
    return reply_changed(call, &view);
}
