#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

#include <stdio.h>

// ---- Users ---------------------------------------------------------------------------------

static bool copy_user(struct rpc_call *call, const struct auth_user *user, Auth__User *reply)
{
    reply->branch = arena_text(call->arena, user->branch, strlen(user->branch));
    reply->roles = arena_alloc(call->arena, user->roles.count * sizeof *reply->roles);
    if (!auth_copy_id(call, user->id, &reply->id) || reply->branch == NULL || reply->roles == NULL)
        return false;
    for (size_t i = 0; i < user->roles.count; i++) {
        char *role = arena_text(call->arena, user->roles.names[i], strlen(user->roles.names[i]));
        if (role == NULL) return false;
        reply->roles[reply->n_roles++] = role;
    }
    reply->status = auth_constant(auth_user_state_name(user->state));
    reply->kind = auth_constant(auth_user_kind_name(user->kind));
    reply->created_at = user->created_at_ns;
    reply->updated_at = user->updated_at_ns;
    reply->version = user->version;
    return true;
}

struct Auth__User *auth_convert_view(struct rpc_call *call, const struct auth_user_view *view)
{
    Auth__User *reply = RPC_NEW(call, Auth__User, auth__user__init);
    if (reply == NULL || !copy_user(call, &view->user, reply)) return NULL;
    reply->email = auth_constant(view->person.fields[AUTH_PERSON_EMAIL]);
    reply->mobile = auth_constant(view->person.fields[AUTH_PERSON_MOBILE]);
    reply->full_name = auth_constant(view->person.fields[AUTH_PERSON_FULL_NAME]);
    return reply;
}

struct Auth__User *auth_convert_full_view(struct rpc_call *call, const struct auth_user_view *view)
{
    Auth__User *reply = auth_convert_view(call, view);
    if (reply != NULL)
        reply->status_reason = auth_constant(view->person.fields[AUTH_PERSON_STATUS_REASON]);
    return reply;
}

struct Auth__ListUsersResponse *auth_convert_users(struct rpc_call *call,
                                                   const struct auth_user_page *page)
{
    Auth__ListUsersResponse *reply =
        RPC_NEW(call, Auth__ListUsersResponse, auth__list_users_response__init);
    if (reply == NULL) return NULL;
    reply->users = arena_alloc(call->arena, page->count * sizeof(Auth__User *));
    if (reply->users == NULL) return NULL;
    for (size_t i = 0; i < page->count; i++) {
        Auth__User *user = auth_convert_full_view(call, &page->users[i]);
        if (user == NULL) return NULL;
        reply->users[reply->n_users++] = user;
    }
    return reply;
}

// ---- Changes -------------------------------------------------------------------------------

static struct status take_member(struct rpc_call *call, const char *name, bool may_move,
                                 struct auth_user_change *change)
{
    bool is_name = strcmp(name, "full_name") == 0, is_branch = strcmp(name, "branch") == 0;
    if (!is_name && !(is_branch && may_move))
        return rpc_call_violation(call, "update_mask", "UNKNOWN_FIELD");
    if ((is_name && change->has_full_name) || (is_branch && change->has_branch))
        return rpc_call_violation(call, "update_mask", "DUPLICATE_FIELD");
    if (is_name) change->has_full_name = true;
    if (is_branch) change->has_branch = true;
    return STATUS_SUCCESS;
}

static struct status take_change(struct rpc_call *call, char *const *mask, size_t mask_count,
                                 bool may_move, struct auth_user_change *change)
{
    for (size_t i = 0; i < mask_count; i++)
        RETURN_IF_ERROR(take_member(call, mask[i], may_move, change));
    if (change->has_full_name && change->full_name[0] == '\0')
        return rpc_call_violation(call, "full_name", "REQUIRED"); // Everybody is called something.
    return STATUS_SUCCESS;
}

struct status auth_convert_own_change(struct rpc_call *call, struct auth_user_change *ret)
{
    const Auth__UpdateMeRequest *request = call->request;
    *ret = (struct auth_user_change){
        .if_match = request->if_match, .full_name = request->full_name, .branch = ""};
    return take_change(call, request->update_mask, request->n_update_mask, false, ret);
}

struct status auth_convert_user_change(struct rpc_call *call, struct auth_user_change *ret)
{
    const Auth__UpdateUserRequest *request = call->request;
    *ret = (struct auth_user_change){
        .if_match = request->if_match, .full_name = request->full_name, .branch = request->branch};
    return take_change(call, request->update_mask, request->n_update_mask, true, ret);
}

size_t auth_convert_user_changed(const struct auth_user *user, const char *reason,
                                 uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__UserChanged message = AUTH__USER_CHANGED__INIT;
    message.user_id = auth_borrow_id(&user->id);
    message.version = user->version;
    message.reason = auth_constant(reason);
    return auth_pack_event(&message.base, ret);
}

// ---- What a list is asked for --------------------------------------------------------------

static bool is_state(const char *name)
{
    for (int i = AUTH_USER_ACTIVE; i <= AUTH_USER_STATE_LAST; i++)
        if (strcmp(auth_user_state_name((enum auth_user_state)i), name) == 0) return true;
    return false;
}

static bool is_kind(const char *name)
{
    for (int i = AUTH_USER_PERSON; i <= AUTH_USER_KIND_LAST; i++)
        if (strcmp(auth_user_kind_name((enum auth_user_kind)i), name) == 0) return true;
    return false;
}

static void copy_text(const char *text, size_t bytes_max, char *ret)
{
    size_t size = strlen(text);
    CHECK(size < bytes_max); // len_max of the proto, of ASCII only.
    memcpy(ret, text, size);
}

/// take_name takes a role's or branch's name; one that no role or branch can have is nobody's.
static struct status take_name(struct rpc_call *call, const char *field, const char *name,
                               char ret[static AUTH_ROLE_BYTES])
{
    if (name[0] == '\0') return STATUS_SUCCESS;
    if (!auth_role_name_is_valid(name)) return rpc_call_violation(call, field, "PATTERN");
    copy_text(name, AUTH_ROLE_BYTES, ret);
    return STATUS_SUCCESS;
}

/// hold_to_branch: whoever may see the users of one branch asks for that one, named or not.
static struct status hold_to_branch(const struct rpc_call *call, struct auth_user_asked *asked)
{
    const struct status denied =
        REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "the caller may not list these users");
    const char *own = call->claims.branch;
    if (call->scope == RPC_SCOPE_ALL) return STATUS_SUCCESS;
    if (call->scope != RPC_SCOPE_BRANCH || own[0] == '\0') return denied;
    if (asked->branch[0] != '\0' && strcmp(asked->branch, own) != 0) return denied;
    snprintf(asked->branch, sizeof asked->branch, "%s", own);
    return STATUS_SUCCESS;
}

struct status auth_convert_user_asked(struct rpc_call *call, struct auth_user_asked *ret)
{
    const Auth__ListUsersRequest *request = call->request;
    memset(ret, 0, sizeof *ret); // What follows a text, too: it is hashed as bytes.
    if (request->status[0] != '\0' && !is_state(request->status))
        return rpc_call_violation(call, "status", "UNKNOWN_VALUE");
    if (request->kind[0] != '\0' && !is_kind(request->kind))
        return rpc_call_violation(call, "kind", "UNKNOWN_VALUE");
    copy_text(request->status, sizeof ret->state, ret->state);
    copy_text(request->kind, sizeof ret->kind, ret->kind);
    RETURN_IF_ERROR(take_name(call, "role", request->role, ret->role));
    RETURN_IF_ERROR(take_name(call, "branch", request->branch, ret->branch));
    const char *email = auth_convert_lower(call, request->email);
    if (email == NULL) return ARENA_STATUS_EXHAUSTED;
    copy_text(email, sizeof ret->email, ret->email);
    copy_text(request->mobile, sizeof ret->mobile, ret->mobile);
    return hold_to_branch(call, ret);
}
