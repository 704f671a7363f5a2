#include "services/auth/convert_access.h"

#include "common/base/check.h"
#include "common/rpc/pack.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/convert_pieces.h"

#include <stdlib.h>

_Static_assert((int)AUTH_SCOPE_SELF == (int)AUTH__SCOPE__SELF &&
                   (int)AUTH_SCOPE_BRANCH == (int)AUTH__SCOPE__BRANCH &&
                   (int)AUTH_SCOPE_ALL == (int)AUTH__SCOPE__ALL,
               "scopes have one number everywhere");

// ---- Pieces of requests --------------------------------------------------------------------

static struct status take_name(struct rpc_call *call, const char *field, const char *name,
                               char ret[static AUTH_ROLE_BYTES])
{
    if (!auth_access_name_is_valid(name)) return rpc_call_violation(call, field, "PATTERN");
    memcpy(ret, name, strlen(name) + 1);
    return STATUS_SUCCESS;
}

/// take_key: what cannot be a name is not there either; the store says so.
static void take_key(const char *name, char ret[static AUTH_ROLE_BYTES])
{
    if (auth_access_name_is_valid(name)) memcpy(ret, name, strlen(name) + 1);
}

static struct status take_text(struct rpc_call *call, const char *field, const char *text,
                               size_t ret_bytes, char *ret)
{
    size_t size = strlen(text);
    if (size >= ret_bytes) return rpc_call_violation(call, field, "TOO_LONG");
    memcpy(ret, text, size + 1);
    return STATUS_SUCCESS;
}

static int compare_rights(const void *a, const void *b)
{
    return strcmp(((const struct auth_right *)a)->permission,
                  ((const struct auth_right *)b)->permission);
}

static struct status take_rights(struct rpc_call *call, Auth__Grant *const *grants, size_t count,
                                 struct auth_role *ret)
{
    CHECK(count <= AUTH_RIGHTS_MAX); // items_max of the proto.
    for (size_t i = 0; i < count; i++) {
        struct auth_right *right = &ret->rights[i];
        if (!access_name_set(right->permission, grants[i]->permission))
            return REFUSE(INVALID_ARGUMENT, PERMISSION_UNKNOWN, "there is no such permission");
        right->scope = (enum auth_scope)grants[i]->scope;
        if (right->scope < AUTH_SCOPE_SELF || right->scope > AUTH_SCOPE_LAST)
            return rpc_call_violation(call, "grants", "REQUIRED");
    }
    qsort(ret->rights, count, sizeof ret->rights[0], compare_rights);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(ret->rights[i - 1].permission, ret->rights[i].permission) == 0)
            return rpc_call_violation(call, "grants", "DUPLICATE");
    }
    ret->right_count = count;
    return STATUS_SUCCESS;
}

static struct status take_list(struct rpc_call *call, const char *field, struct status unknown,
                               char *const *names, size_t count, struct auth_name_list *ret)
{
    CHECK(count <= AUTH_LIST_MAX); // items_max of the proto.
    for (size_t i = 0; i < count; i++) {
        if (!auth_access_name_is_valid(names[i])) return unknown;
        if (!auth_name_list_add(ret, names[i])) return rpc_call_violation(call, field, "DUPLICATE");
    }
    return STATUS_SUCCESS;
}

#define PERMISSION_UNKNOWN                                                                         \
    REFUSE(INVALID_ARGUMENT, PERMISSION_UNKNOWN, "there is no such permission")
#define BRANCH_UNKNOWN REFUSE(INVALID_ARGUMENT, BRANCH_UNKNOWN, "there is no such branch")
#define ROLE_UNKNOWN REFUSE(INVALID_ARGUMENT, ROLE_UNKNOWN, "there is no such role")

/// A member that an update may name, and where to say that it did.
struct member {
    const char *name;
    bool *has;
};

static struct status take_mask(struct rpc_call *call, char *const *names, size_t count,
                               const struct member *members, size_t member_count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < member_count && strcmp(members[at].name, names[i]) != 0)
            at++;
        if (at == member_count) return rpc_call_violation(call, "update_mask", "UNKNOWN_FIELD");
        if (*members[at].has) return rpc_call_violation(call, "update_mask", "DUPLICATE_FIELD");
        *members[at].has = true;
    }
    return STATUS_SUCCESS;
}

#define TAKE_MASK(call_, request_, members_)                                                       \
    take_mask((call_), (request_)->update_mask, (request_)->n_update_mask, (members_),             \
              sizeof(members_) / sizeof(members_)[0])

// ---- Roles ---------------------------------------------------------------------------------

struct status auth_convert_new_role(struct rpc_call *call,
                                    const struct Auth__CreateRoleRequest *request,
                                    struct auth_role **ret)
{
    struct auth_role *role = arena_alloc(call->arena, sizeof *role);
    if (role == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(take_name(call, "name", request->name, role->name));
    RETURN_IF_ERROR(take_text(call, "description", request->description, sizeof role->description,
                              role->description));
    RETURN_IF_ERROR(take_rights(call, request->grants, request->n_grants, role));
    *ret = role;
    return STATUS_SUCCESS;
}

struct status auth_convert_role_change(struct rpc_call *call,
                                       const struct Auth__UpdateRoleRequest *request,
                                       struct auth_role_change *ret)
{
    struct auth_role *role = arena_alloc(call->arena, sizeof *role);
    if (role == NULL) return ARENA_STATUS_EXHAUSTED;
    struct auth_role_change change = {
        .if_match = request->if_match, .to = role, .caller = &call->claims};
    const struct member members[] = {{"description", &change.has_description},
                                     {"grants", &change.has_rights}};
    RETURN_IF_ERROR(TAKE_MASK(call, request, members));
    take_key(request->name, role->name);
    RETURN_IF_ERROR(take_text(call, "description", request->description, sizeof role->description,
                              role->description));
    RETURN_IF_ERROR(take_rights(call, request->grants, request->n_grants, role));
    *ret = change;
    return STATUS_SUCCESS;
}

// ---- Branches ------------------------------------------------------------------------------

static const char *const status_names[] = {
    [AUTH_BRANCH_OPEN] = "open",
    [AUTH_BRANCH_CLOSED] = "closed",
};

struct status auth_convert_new_branch(struct rpc_call *call,
                                      const struct Auth__CreateBranchRequest *request,
                                      struct auth_branch *ret)
{
    *ret = (struct auth_branch){0};
    RETURN_IF_ERROR(take_name(call, "code", request->code, ret->code));
    return take_text(call, "name", request->name, sizeof ret->name, ret->name);
}

struct status auth_convert_branch_change(struct rpc_call *call,
                                         const struct Auth__UpdateBranchRequest *request,
                                         struct auth_branch_change *ret)
{
    struct auth_branch *branch = arena_alloc(call->arena, sizeof *branch);
    if (branch == NULL) return ARENA_STATUS_EXHAUSTED;
    struct auth_branch_change change = {.if_match = request->if_match, .to = branch};
    const struct member members[] = {{"name", &change.has_name}, {"status", &change.has_status}};
    RETURN_IF_ERROR(TAKE_MASK(call, request, members));
    take_key(request->code, branch->code);
    if (change.has_name && request->name[0] == '\0')
        return rpc_call_violation(call, "name", "REQUIRED");
    RETURN_IF_ERROR(take_text(call, "name", request->name, sizeof branch->name, branch->name));
    for (int i = AUTH_BRANCH_OPEN; i <= AUTH_BRANCH_STATUS_LAST; i++) {
        if (strcmp(status_names[i], request->status) == 0)
            branch->status = (enum auth_branch_status)i;
    }
    if (change.has_status && (int)branch->status == 0)
        return rpc_call_violation(call, "status", "UNKNOWN_VALUE");
    *ret = change;
    return STATUS_SUCCESS;
}

// ---- Features ------------------------------------------------------------------------------

struct status auth_convert_new_feature(struct rpc_call *call,
                                       const struct Auth__CreateFeatureRequest *request,
                                       struct auth_feature **ret)
{
    struct auth_feature *feature = arena_alloc(call->arena, sizeof *feature);
    if (feature == NULL) return ARENA_STATUS_EXHAUSTED;
    feature->is_enabled = request->enabled;
    RETURN_IF_ERROR(take_name(call, "name", request->name, feature->name));
    RETURN_IF_ERROR(take_text(call, "description", request->description,
                              sizeof feature->description, feature->description));
    RETURN_IF_ERROR(take_list(call, "permissions", PERMISSION_UNKNOWN, request->permissions,
                              request->n_permissions, &feature->permissions));
    RETURN_IF_ERROR(take_list(call, "denied_branches", BRANCH_UNKNOWN, request->denied_branches,
                              request->n_denied_branches, &feature->denied_branches));
    RETURN_IF_ERROR(take_list(call, "denied_roles", ROLE_UNKNOWN, request->denied_roles,
                              request->n_denied_roles, &feature->denied_roles));
    *ret = feature;
    return STATUS_SUCCESS;
}

struct status auth_convert_feature_change(struct rpc_call *call,
                                          const struct Auth__UpdateFeatureRequest *request,
                                          struct auth_feature_change *ret)
{
    struct auth_feature *feature = arena_alloc(call->arena, sizeof *feature);
    if (feature == NULL) return ARENA_STATUS_EXHAUSTED;
    struct auth_feature_change change = {
        .if_match = request->if_match, .to = feature, .caller = &call->claims};
    const struct member members[] = {{"description", &change.has_description},
                                     {"permissions", &change.has_permissions},
                                     {"enabled", &change.has_enabled},
                                     {"denied_branches", &change.has_denied_branches},
                                     {"denied_roles", &change.has_denied_roles}};
    RETURN_IF_ERROR(TAKE_MASK(call, request, members));
    take_key(request->name, feature->name);
    feature->is_enabled = request->enabled;
    RETURN_IF_ERROR(take_text(call, "description", request->description,
                              sizeof feature->description, feature->description));
    if (change.has_permissions && request->n_permissions == 0)
        return rpc_call_violation(call, "permissions", "REQUIRED");
    RETURN_IF_ERROR(take_list(call, "permissions", PERMISSION_UNKNOWN, request->permissions,
                              request->n_permissions, &feature->permissions));
    RETURN_IF_ERROR(take_list(call, "denied_branches", BRANCH_UNKNOWN, request->denied_branches,
                              request->n_denied_branches, &feature->denied_branches));
    RETURN_IF_ERROR(take_list(call, "denied_roles", ROLE_UNKNOWN, request->denied_roles,
                              request->n_denied_roles, &feature->denied_roles));
    *ret = change;
    return STATUS_SUCCESS;
}

// ---- Replies -------------------------------------------------------------------------------

static bool put_text(struct rpc_call *call, const char *text, char **ret)
{
    *ret = arena_text(call->arena, text, strlen(text));
    return *ret != NULL;
}

static bool put_list(struct rpc_call *call, const struct auth_name_list *list, char ***ret,
                     size_t *ret_count)
{
    *ret = arena_alloc(call->arena, list->count * sizeof **ret);
    if (*ret == NULL) return false;
    for (size_t i = 0; i < list->count; i++) {
        if (!put_text(call, list->names[i], &(*ret)[i])) return false;
    }
    *ret_count = list->count;
    return true;
}

static Auth__Permission *convert_permission(struct rpc_call *call,
                                            const struct permission *permission)
{
    Auth__Permission *message = RPC_NEW(call, Auth__Permission, auth__permission__init);
    if (message == NULL) return NULL;
    message->name = auth_constant(permission->name);
    message->scopes = arena_alloc(call->arena, AUTH_SCOPE_LAST * sizeof *message->scopes);
    if (message->scopes == NULL) return NULL;
    for (unsigned i = AUTH_SCOPE_SELF; i <= AUTH_SCOPE_LAST; i++) {
        if ((permission->scopes & 1U << i) != 0)
            message->scopes[message->n_scopes++] = (Auth__Scope)i;
    }
    return message;
}

struct Auth__ListPermissionsResponse *auth_convert_permissions(struct rpc_call *call)
{
    Auth__ListPermissionsResponse *reply =
        RPC_NEW(call, Auth__ListPermissionsResponse, auth__list_permissions_response__init);
    if (reply == NULL) return NULL;
    reply->permissions = arena_alloc(call->arena, permission_count * sizeof *reply->permissions);
    if (reply->permissions == NULL) return NULL;
    for (size_t i = 0; i < permission_count; i++) {
        if (!permissions[i].is_for_people) continue;
        Auth__Permission *message = convert_permission(call, &permissions[i]);
        if (message == NULL) return NULL;
        reply->permissions[reply->n_permissions++] = message;
    }
    return reply;
}

struct Auth__Role *auth_convert_role(struct rpc_call *call, const struct auth_role *role,
                                     bool is_built_in)
{
    Auth__Role *message = RPC_NEW(call, Auth__Role, auth__role__init);
    if (message == NULL || !put_text(call, role->name, &message->name) ||
        !put_text(call, role->description, &message->description))
        return NULL;
    message->grants = arena_alloc(call->arena, role->right_count * sizeof *message->grants);
    if (message->grants == NULL) return NULL;
    for (size_t i = 0; i < role->right_count; i++) {
        Auth__Grant *grant = RPC_NEW(call, Auth__Grant, auth__grant__init);
        if (grant == NULL || !put_text(call, role->rights[i].permission, &grant->permission))
            return NULL;
        grant->scope = (Auth__Scope)role->rights[i].scope;
        message->grants[message->n_grants++] = grant;
    }
    message->built_in = is_built_in;
    message->version = role->revision.version;
    message->created_at = role->revision.created_at_ns;
    message->updated_at = role->revision.updated_at_ns;
    return message;
}

struct Auth__Branch *auth_convert_branch(struct rpc_call *call, const struct auth_branch *branch)
{
    Auth__Branch *message = RPC_NEW(call, Auth__Branch, auth__branch__init);
    if (message == NULL || !put_text(call, branch->code, &message->code) ||
        !put_text(call, branch->name, &message->name))
        return NULL;
    message->status = auth_constant(status_names[branch->status]);
    message->version = branch->revision.version;
    message->created_at = branch->revision.created_at_ns;
    message->updated_at = branch->revision.updated_at_ns;
    return message;
}

struct Auth__Feature *auth_convert_feature(struct rpc_call *call,
                                           const struct auth_feature *feature)
{
    Auth__Feature *message = RPC_NEW(call, Auth__Feature, auth__feature__init);
    if (message == NULL || !put_text(call, feature->name, &message->name) ||
        !put_text(call, feature->description, &message->description) ||
        !put_list(call, &feature->permissions, &message->permissions, &message->n_permissions) ||
        !put_list(call, &feature->denied_branches, &message->denied_branches,
                  &message->n_denied_branches) ||
        !put_list(call, &feature->denied_roles, &message->denied_roles, &message->n_denied_roles))
        return NULL;
    message->enabled = feature->is_enabled;
    message->version = feature->revision.version;
    message->created_at = feature->revision.created_at_ns;
    message->updated_at = feature->revision.updated_at_ns;
    return message;
}

// ---- Events --------------------------------------------------------------------------------

struct status auth_convert_policy_changed(struct rpc_call *call, uint64_t version,
                                          struct Auth__Role *role, struct Auth__Feature *feature,
                                          struct bytes *ret)
{
    Auth__AccessPolicyChanged message = AUTH__ACCESS_POLICY_CHANGED__INIT;
    CHECK((role == NULL) != (feature == NULL));
    message.version = version;
    message.role = role;
    message.feature = feature;
    return rpc_pack(&message, call->arena, ret);
}

struct status auth_convert_branch_changed(struct rpc_call *call, struct Auth__Branch *branch,
                                          struct bytes *ret)
{
    Auth__BranchChanged message = AUTH__BRANCH_CHANGED__INIT;
    message.branch = branch;
    return rpc_pack(&message, call->arena, ret);
}
