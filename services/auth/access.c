#include "services/auth/access.h"

#include "common/base/check.h"

#include <string.h>

#define SEPARATION(message_) REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES, message_)
#define VERSION_MISMATCH REFUSE(ABORTED, VERSION_MISMATCH, "it is not at this version any more")
#define PERMISSION_UNKNOWN                                                                         \
    REFUSE(INVALID_ARGUMENT, PERMISSION_UNKNOWN, "there is no such permission for people")

_Static_assert((int)AUTH_SCOPE_SELF == (int)RPC_SCOPE_SELF &&
                   (int)AUTH_SCOPE_BRANCH == (int)RPC_SCOPE_BRANCH &&
                   (int)AUTH_SCOPE_ALL == (int)RPC_SCOPE_ALL,
               "what is stored is what is asked for");
_Static_assert((int)AUTH_ROLE_BYTES == (int)TOKEN_ROLE_BYTES_MAX &&
                   (int)AUTH_PERMISSION_BYTES == (int)TOKEN_SCOPE_BYTES_MAX,
               "names fit the claims");

// ---- Roles as they are ---------------------------------------------------------------------

/// add_right keeps the rights by permission.
static void add_right(struct auth_role *role, const char *permission, enum auth_scope scope)
{
    size_t at = role->right_count++;
    CHECK(role->right_count <= AUTH_RIGHTS_MAX);
    for (; at > 0 && strcmp(role->rights[at - 1].permission, permission) > 0; at--)
        role->rights[at] = role->rights[at - 1];
    role->rights[at] = (struct auth_right){.scope = scope};
    CHECK(access_name_set(role->rights[at].permission, permission));
}

static void view_built_in(const struct role *built_in, struct auth_role_view *ret)
{
    *ret = (struct auth_role_view){.role = {.revision = {.version = 1}}, .is_built_in = true};
    CHECK(access_name_set(ret->role.name, built_in->name));
    memcpy(ret->role.description, built_in->description, strlen(built_in->description));
    for (size_t i = 0; i < role_grant_count; i++) {
        if (strcmp(role_grants[i].role, built_in->name) != 0) continue;
        add_right(&ret->role, role_grants[i].permission, (enum auth_scope)role_grants[i].scope);
    }
}

/// find_built_in gives one that a user can have, or NULL.
static const struct role *find_built_in(const char *name)
{
    for (size_t i = 0; i < built_in_role_count; i++) {
        bool is_for_people = strcmp(built_in_roles[i].name, ROLE_SERVICE) != 0;
        if (is_for_people && strcmp(built_in_roles[i].name, name) == 0) return &built_in_roles[i];
    }
    return NULL;
}

struct status auth_access_get_role(struct store_txn *txn, const char *name,
                                   struct auth_role_view *ret)
{
    const struct role *built_in = find_built_in(name);
    if (built_in != NULL) {
        view_built_in(built_in, ret);
        return STATUS_SUCCESS;
    }
    ret->is_built_in = false;
    return auth_store_get_role(txn, name, &ret->role);
}

struct status auth_access_next_role(struct store_txn *txn, const char *after,
                                    struct auth_role_view *ret)
{
    const struct role *built_in = NULL; // Those come by name.
    for (size_t i = 0; i < built_in_role_count && built_in == NULL; i++) {
        if (strcmp(built_in_roles[i].name, after) > 0)
            built_in = find_built_in(built_in_roles[i].name);
    }
    ret->is_built_in = false;
    struct status status = auth_store_next_role(txn, after, &ret->role);
    bool has_custom = status_ok(status);
    if (!has_custom && status.code != STATUS_NOT_FOUND) return status;
    if (built_in == NULL) return status;
    if (!has_custom || strcmp(built_in->name, ret->role.name) < 0) view_built_in(built_in, ret);
    return STATUS_SUCCESS;
}

bool auth_access_role_exists(struct store_txn *txn, const char *name)
{
    if (find_built_in(name) != NULL) return true;
    return auth_access_name_is_valid(name) && store_has(txn, AUTH_TABLE_ROLES, bytes_of_text(name));
}

// ---- Duties --------------------------------------------------------------------------------

struct duties {
    bool governs, moves;
};

static void add_duties(const struct auth_role *role, struct duties *duties)
{
    for (size_t i = 0; i < role->right_count; i++) {
        size_t index = permission_find(role->rights[i].permission);
        if (index == permission_count) continue; // Of a later release, or an earlier one.
        enum permission_duty duty = permissions[index].duty;
        duties->governs |= duty == PERMISSION_GOVERNS;
        duties->moves |= duty == PERMISSION_MOVES && role->rights[i].scope > AUTH_SCOPE_SELF;
    }
}

static struct status check_duties(const struct duties *duties)
{
    if (!duties->governs || !duties->moves) return STATUS_SUCCESS;
    return SEPARATION("who governs rights neither moves customers' money nor decides cases");
}

/// A role that is gone, or that a user never had, grants nothing.
static struct status load_role(struct store_txn *txn, const char *name, struct auth_role_view *ret)
{
    struct status status = auth_access_get_role(txn, name, ret);
    if (status.code != STATUS_NOT_FOUND) return status;
    *ret = (struct auth_role_view){0};
    return STATUS_SUCCESS;
}

struct status auth_access_check_roles(struct store_txn *txn, const struct auth_roles *roles)
{
    struct duties duties = {0};
    struct auth_role_view view;
    for (size_t i = 0; i < roles->count; i++) {
        RETURN_IF_ERROR(load_role(txn, roles->names[i], &view));
        add_duties(&view.role, &duties);
    }
    return check_duties(&duties);
}

struct status auth_access_scope(struct store_txn *txn, const struct auth_roles *roles,
                                const char *permission, enum rpc_scope *ret)
{
    enum auth_scope widest = 0;
    struct auth_role_view view;
    *ret = RPC_SCOPE_NONE;
    size_t index = permission_find(permission);
    if (index == permission_count || !permissions[index].is_for_people) return STATUS_SUCCESS;
    for (size_t i = 0; i < roles->count; i++) {
        RETURN_IF_ERROR(load_role(txn, roles->names[i], &view));
        for (size_t j = 0; j < view.role.right_count; j++) {
            const struct auth_right *right = &view.role.rights[j];
            if (strcmp(right->permission, permission) == 0 && right->scope > widest)
                widest = right->scope;
        }
    }
    *ret = (enum rpc_scope)widest;
    return STATUS_SUCCESS;
}

struct status auth_access_branch_is_open(struct store_txn *txn, const char *code)
{
    struct auth_branch branch;
    struct status status = auth_store_get_branch(txn, code, &branch);
    bool is_open = status_ok(status) && branch.status == AUTH_BRANCH_OPEN;
    if (is_open || (!status_ok(status) && status.code != STATUS_NOT_FOUND)) return status;
    return REFUSE(INVALID_ARGUMENT, BRANCH_UNKNOWN, "there is no such branch, or it is closed");
}

// ---- Changes of the policy -----------------------------------------------------------------

static struct auth_revision first_revision(uint64_t now_ns)
{
    return (struct auth_revision){.version = 1, .created_at_ns = now_ns, .updated_at_ns = now_ns};
}

static void revise(struct auth_revision *revision, uint64_t now_ns)
{
    revision->version++;
    revision->updated_at_ns = now_ns;
}

static bool matches(uint64_t if_match, const struct auth_revision *revision)
{
    return if_match == RPC_ETAG_ANY || if_match == revision->version;
}

static struct status number_change(const struct auth_service *service, struct store_txn *txn,
                                   uint64_t *ret_policy)
{
    RETURN_IF_ERROR(auth_store_get_policy_version(txn, ret_policy));
    auth_store_put_policy_version(txn, ++*ret_policy);
    auth_access_touch(service->access);
    return STATUS_SUCCESS;
}

// ---- Roles ---------------------------------------------------------------------------------

static struct status check_rights(const struct auth_role *role)
{
    struct duties duties = {0};
    for (size_t i = 0; i < role->right_count; i++) {
        size_t index = permission_find(role->rights[i].permission);
        if (index == permission_count || !permissions[index].is_for_people)
            return PERMISSION_UNKNOWN;
        if (!permission_supports(index, (enum rpc_scope)role->rights[i].scope))
            return REFUSE(INVALID_ARGUMENT, SCOPE_UNSUPPORTED,
                          "grants of this permission cannot have this scope");
    }
    add_duties(role, &duties);
    return check_duties(&duties);
}

struct status auth_access_create_role(const struct auth_service *service, struct store_txn *txn,
                                      struct auth_role *role, uint64_t now_ns, uint64_t *ret_policy)
{
    // The daemons' own names are taken too.
    if (role_is_known(role->name) || auth_access_role_exists(txn, role->name))
        return REFUSE(ALREADY_EXISTS, ROLE_EXISTS, "there is a role of this name");
    RETURN_IF_ERROR(check_rights(role));
    if (auth_store_count_names(txn, AUTH_TABLE_ROLES, AUTH_ROLES_STORED_MAX) ==
        AUTH_ROLES_STORED_MAX)
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_ROLES, "there are as many as there may be");
    role->revision = first_revision(now_ns);
    RETURN_IF_ERROR(number_change(service, txn, ret_policy));
    auth_store_put_role(txn, role);
    return STATUS_SUCCESS;
}

static bool rights_equal(const struct auth_role *a, const struct auth_role *b)
{
    if (a->right_count != b->right_count) return false;
    for (size_t i = 0; i < a->right_count; i++) {
        if (a->rights[i].scope != b->rights[i].scope ||
            strcmp(a->rights[i].permission, b->rights[i].permission) != 0)
            return false;
    }
    return true;
}

static bool holds(const struct token_claims *claims, const char *role)
{
    for (size_t i = 0; i < claims->role_count; i++) {
        if (strcmp(claims->roles[i], role) == 0) return true;
    }
    return false;
}

static bool apply_role(const struct auth_role_change *change, struct auth_role *role)
{
    const struct auth_role *to = change->to;
    bool is_changed = false;
    if (change->has_description && strcmp(role->description, to->description) != 0) {
        memcpy(role->description, to->description, sizeof role->description);
        is_changed = true;
    }
    if (change->has_rights && !rights_equal(role, to)) {
        memcpy(role->rights, to->rights, sizeof role->rights);
        role->right_count = to->right_count;
        is_changed = true;
    }
    return is_changed;
}

struct status auth_access_update_role(const struct auth_service *service, struct store_txn *txn,
                                      const struct auth_role_change *change, uint64_t now_ns,
                                      struct auth_role *ret, uint64_t *ret_policy)
{
    *ret_policy = 0;
    if (find_built_in(change->to->name) != NULL)
        return REFUSE(FAILED_PRECONDITION, ROLE_BUILT_IN, "built-in roles are as they are");
    RETURN_IF_ERROR(auth_store_get_role(txn, change->to->name, ret));
    if (holds(change->caller, ret->name)) return SEPARATION("nobody changes a role that they hold");
    if (!matches(change->if_match, &ret->revision)) return VERSION_MISMATCH;
    if (change->has_rights) RETURN_IF_ERROR(check_rights(change->to));
    if (!apply_role(change, ret)) return STATUS_SUCCESS;
    revise(&ret->revision, now_ns);
    RETURN_IF_ERROR(number_change(service, txn, ret_policy));
    auth_store_put_role(txn, ret);
    return STATUS_SUCCESS;
}

// ---- Branches ------------------------------------------------------------------------------

struct status auth_access_create_branch(struct store_txn *txn, struct auth_branch *branch,
                                        uint64_t now_ns)
{
    if (store_has(txn, AUTH_TABLE_BRANCHES, bytes_of_text(branch->code)))
        return REFUSE(ALREADY_EXISTS, BRANCH_EXISTS, "there is a branch of this code");
    branch->status = AUTH_BRANCH_OPEN;
    branch->revision = first_revision(now_ns);
    auth_store_put_branch(txn, branch);
    return STATUS_SUCCESS;
}

struct status auth_access_update_branch(struct store_txn *txn,
                                        const struct auth_branch_change *change, uint64_t now_ns,
                                        struct auth_branch *ret, bool *ret_changed)
{
    *ret_changed = false;
    RETURN_IF_ERROR(auth_store_get_branch(txn, change->to->code, ret));
    if (!matches(change->if_match, &ret->revision)) return VERSION_MISMATCH;
    if (change->has_name && strcmp(ret->name, change->to->name) != 0) {
        memcpy(ret->name, change->to->name, sizeof ret->name);
        *ret_changed = true;
    }
    if (change->has_status && ret->status != change->to->status) {
        ret->status = change->to->status;
        *ret_changed = true;
    }
    if (!*ret_changed) return STATUS_SUCCESS;
    revise(&ret->revision, now_ns);
    auth_store_put_branch(txn, ret);
    return STATUS_SUCCESS;
}

// ---- Features ------------------------------------------------------------------------------

static struct status check_feature(struct store_txn *txn, const struct auth_feature *feature)
{
    for (size_t i = 0; i < feature->permissions.count; i++) {
        const char *permission = feature->permissions.names[i];
        size_t index = permission_find(permission);
        if (index == permission_count || !permissions[index].is_for_people)
            return PERMISSION_UNKNOWN;
        if (strcmp(permission, "auth.feature.write") == 0)
            return SEPARATION("what switches features cannot be switched off");
    }
    for (size_t i = 0; i < feature->denied_branches.count; i++) {
        struct bytes code = bytes_of_text(feature->denied_branches.names[i]);
        if (!store_has(txn, AUTH_TABLE_BRANCHES, code))
            return REFUSE(INVALID_ARGUMENT, BRANCH_UNKNOWN, "there is no such branch");
    }
    for (size_t i = 0; i < feature->denied_roles.count; i++) {
        if (!auth_access_role_exists(txn, feature->denied_roles.names[i]))
            return REFUSE(INVALID_ARGUMENT, ROLE_UNKNOWN, "there is no such role");
    }
    return STATUS_SUCCESS;
}

static bool is_off_for(const struct auth_feature *feature, const struct token_claims *claims)
{
    bool is_off = auth_name_list_has(&feature->denied_branches, claims->branch);
    for (size_t i = 0; i < claims->role_count; i++)
        is_off |= auth_name_list_has(&feature->denied_roles, claims->roles[i]);
    return is_off;
}

/// check_own: whoever switches something off for themselves could not switch it on again.
static struct status check_own(const struct auth_feature *feature,
                               const struct token_claims *caller)
{
    if (!is_off_for(feature, caller)) return STATUS_SUCCESS;
    return SEPARATION("a feature that is off for oneself is another person's to change");
}

struct status auth_access_create_feature(const struct auth_service *service, struct store_txn *txn,
                                         const struct token_claims *caller,
                                         struct auth_feature *feature, uint64_t now_ns,
                                         uint64_t *ret_policy)
{
    if (store_has(txn, AUTH_TABLE_FEATURES, bytes_of_text(feature->name)))
        return REFUSE(ALREADY_EXISTS, FEATURE_EXISTS, "there is a feature of this name");
    RETURN_IF_ERROR(check_own(feature, caller));
    RETURN_IF_ERROR(check_feature(txn, feature));
    if (auth_store_count_names(txn, AUTH_TABLE_FEATURES, AUTH_FEATURES_MAX) == AUTH_FEATURES_MAX)
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_FEATURES, "there are as many as there may be");
    feature->revision = first_revision(now_ns);
    RETURN_IF_ERROR(number_change(service, txn, ret_policy));
    auth_store_put_feature(txn, feature);
    return STATUS_SUCCESS;
}

static bool apply_list(bool is_named, const struct auth_name_list *to, struct auth_name_list *list)
{
    if (!is_named || auth_name_list_equal(list, to)) return false;
    *list = *to;
    return true;
}

static bool apply_feature(const struct auth_feature_change *change, struct auth_feature *feature)
{
    const struct auth_feature *to = change->to;
    bool is_changed = apply_list(change->has_permissions, &to->permissions, &feature->permissions);
    is_changed |=
        apply_list(change->has_denied_branches, &to->denied_branches, &feature->denied_branches);
    is_changed |= apply_list(change->has_denied_roles, &to->denied_roles, &feature->denied_roles);
    if (change->has_description && strcmp(feature->description, to->description) != 0) {
        memcpy(feature->description, to->description, sizeof feature->description);
        is_changed = true;
    }
    if (change->has_enabled && feature->is_enabled != to->is_enabled) {
        feature->is_enabled = to->is_enabled;
        is_changed = true;
    }
    return is_changed;
}

struct status auth_access_update_feature(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_feature_change *change, uint64_t now_ns,
                                         struct auth_feature *ret, uint64_t *ret_policy)
{
    *ret_policy = 0;
    RETURN_IF_ERROR(auth_store_get_feature(txn, change->to->name, ret));
    RETURN_IF_ERROR(check_own(ret, change->caller));
    if (!matches(change->if_match, &ret->revision)) return VERSION_MISMATCH;
    if (!apply_feature(change, ret)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(check_own(ret, change->caller));
    RETURN_IF_ERROR(check_feature(txn, ret));
    revise(&ret->revision, now_ns);
    RETURN_IF_ERROR(number_change(service, txn, ret_policy));
    auth_store_put_feature(txn, ret);
    return STATUS_SUCCESS;
}
