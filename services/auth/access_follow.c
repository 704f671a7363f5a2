// The policy in auth's own memory. A change marks it; after the commit, before anybody is answered,
// it is read anew from the store: what is in memory is then what a restart would find, whichever
// jobs of the group were refused or run again.
#include "common/base/check.h"
#include "common/base/log.h"
#include "services/auth/access.h"

#include <stdatomic.h>
#include <stdlib.h>

struct auth_access {
    struct store *store;
    struct access_policy *policy;
    atomic_bool is_touched;
};

static struct status load_roles(struct store_txn *txn, struct access_content *content)
{
    struct auth_role role = {0};
    content->roles = calloc(ACCESS_ROLES_MAX, sizeof *content->roles);
    CHECK(content->roles != NULL);
    while (content->role_count < ACCESS_ROLES_MAX) {
        struct status status = auth_store_next_role(txn, role.name, &role);
        if (status.code == STATUS_NOT_FOUND) break;
        RETURN_IF_ERROR(status);
        struct access_role *to = &content->roles[content->role_count++];
        CHECK(access_name_set(to->name, role.name));
        for (size_t i = 0; i < role.right_count; i++)
            access_role_grant(to, role.rights[i].permission, (enum rpc_scope)role.rights[i].scope);
    }
    return STATUS_SUCCESS;
}

static void copy_names(const struct auth_name_list *list, struct access_names *ret)
{
    for (size_t i = 0; i < list->count; i++) {
        bool is_added = access_names_add(ret, list->names[i]);
        CHECK(is_added);
    }
}

static struct status load_features(struct store_txn *txn, struct access_content *content)
{
    struct auth_feature feature = {0};
    content->features = calloc(ACCESS_FEATURES_MAX, sizeof *content->features);
    CHECK(content->features != NULL);
    while (content->feature_count < ACCESS_FEATURES_MAX) {
        struct status status = auth_store_next_feature(txn, feature.name, &feature);
        if (status.code == STATUS_NOT_FOUND) break;
        RETURN_IF_ERROR(status);
        struct access_feature *to = &content->features[content->feature_count++];
        CHECK(access_name_set(to->name, feature.name));
        to->is_enabled = feature.is_enabled;
        for (size_t i = 0; i < feature.permissions.count; i++)
            access_feature_cover(to, feature.permissions.names[i]);
        copy_names(&feature.denied_branches, &to->denied_branches);
        copy_names(&feature.denied_roles, &to->denied_roles);
    }
    return STATUS_SUCCESS;
}

static struct status load(struct auth_access *access)
{
    CLEANUP(access_content_release) struct access_content content = {0};
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(access->store, &txn));
    RETURN_IF_ERROR(auth_store_get_policy_version(txn, &content.version));
    RETURN_IF_ERROR(load_roles(txn, &content));
    RETURN_IF_ERROR(load_features(txn, &content));
    bool is_newest = access_policy_set(access->policy, &content);
    CHECK(is_newest); // Nobody else tells of versions here, and those of the store only rise.
    return STATUS_SUCCESS;
}

static void load_after_commit(void *context)
{
    struct auth_access *access = context;
    if (!atomic_exchange(&access->is_touched, false)) return;
    struct status status = load(access);
    if (status_ok(status)) return;
    // Nobody is let through by a policy that may be wrong. The next commit tries again.
    atomic_store(&access->is_touched, true);
    access_policy_forget(access->policy);
    log_status(LOG_LEVEL_ERROR, "the access policy cannot be read", status);
}

struct status auth_access_open(struct store *store, struct auth_access **ret)
{
    _Static_assert((int)AUTH_ROLES_STORED_MAX == (int)ACCESS_ROLES_MAX &&
                       (int)AUTH_FEATURES_MAX == (int)ACCESS_FEATURES_MAX &&
                       (int)AUTH_LIST_MAX == (int)ACCESS_NAMES_MAX,
                   "what is stored fits into memory");
    struct auth_access *access = calloc(1, sizeof *access);
    CHECK(access != NULL);
    access->store = store;
    access->policy = access_policy_open();
    *ret = access; // The caller's to close, also when the rest fails.
    RETURN_IF_ERROR(load(access));
    struct store_hook hook = {.after_commit = load_after_commit, .context = access};
    store_add_hook(store, &hook);
    return STATUS_SUCCESS;
}

void auth_access_close(struct auth_access **access)
{
    if (*access == NULL) return;
    access_policy_close(&(*access)->policy);
    free(*access);
    *access = NULL;
}

struct access_policy *auth_access_policy(struct auth_access *access)
{
    return access->policy;
}

void auth_access_touch(struct auth_access *access)
{
    atomic_store(&access->is_touched, true);
}
