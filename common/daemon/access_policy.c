#include "common/daemon/access_policy.h"

#include "common/base/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A role as it is asked for: built-in and custom ones look alike.
struct entry {
    struct access_role role;
    const char *governs; // The first permission of it that governs rights; NULL: none.
};

struct access_policy {
    pthread_rwlock_t lock; // All but the two that are atomic.
    atomic_bool is_current;
    atomic_uint_fast64_t version;
    uint64_t heard_version; // Of the newest change that was told of.
    struct entry *entries;  // By name.
    size_t entry_count;
    struct access_feature *features;
    size_t feature_count;
    uint64_t covered; // Permissions of any feature.
};

// ---- Values --------------------------------------------------------------------------------

bool access_name_set(char ret[static TOKEN_ROLE_BYTES_MAX], const char *name)
{
    size_t size = strlen(name);
    if (size == 0 || size >= TOKEN_ROLE_BYTES_MAX) return false;
    memset(ret, 0, TOKEN_ROLE_BYTES_MAX);
    memcpy(ret, name, size);
    return true;
}

bool access_names_add(struct access_names *names, const char *name)
{
    return names->count < ACCESS_NAMES_MAX && access_name_set(names->names[names->count], name) &&
           ++names->count > 0;
}

static bool has_name(const struct access_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) return true;
    }
    return false;
}

void access_role_grant(struct access_role *role, const char *permission, enum rpc_scope scope)
{
    size_t index = permission_find(permission);
    // A scope that nobody looks at is no grant, whoever says so.
    if (permission_supports(index, scope)) role->scopes[index] = (uint8_t)scope;
}

void access_feature_cover(struct access_feature *feature, const char *permission)
{
    size_t index = permission_find(permission);
    if (index < permission_count) feature->permissions |= UINT64_C(1) << index;
}

void access_content_release(struct access_content *content)
{
    free(content->roles);
    free(content->features);
    *content = (struct access_content){0};
}

// ---- The table of roles --------------------------------------------------------------------

/// find_entry gives the place of a name, or the one where it would go (*ret_found false).
static size_t find_entry(const struct access_policy *policy, const char *name, bool *ret_found)
{
    size_t low = 0, high = policy->entry_count;
    *ret_found = false;
    while (low < high && !*ret_found) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(policy->entries[middle].role.name, name);
        *ret_found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return high;
}

static struct entry entry_of(const struct access_role *role)
{
    struct entry entry = {.role = *role};
    for (size_t i = 0; i < permission_count && entry.governs == NULL; i++) {
        bool is_governing = permissions[i].duty == PERMISSION_GOVERNS;
        if (is_governing && role->scopes[i] != RPC_SCOPE_NONE) entry.governs = permissions[i].name;
    }
    return entry;
}

static void put_entry(struct access_policy *policy, const struct access_role *role)
{
    bool is_found;
    size_t at = find_entry(policy, role->name, &is_found);
    if (!is_found) {
        struct entry *entries =
            reallocarray(policy->entries, policy->entry_count + 1, sizeof *entries);
        CHECK(entries != NULL);
        memmove(&entries[at + 1], &entries[at], (policy->entry_count - at) * sizeof *entries);
        policy->entries = entries;
        policy->entry_count++;
    }
    policy->entries[at] = entry_of(role);
}

static void put_built_in(struct access_policy *policy)
{
    for (size_t i = 0; i < role_grant_count; i++) {
        bool is_found;
        size_t at = find_entry(policy, role_grants[i].role, &is_found);
        struct access_role role = {0};
        if (is_found) role = policy->entries[at].role;
        CHECK(access_name_set(role.name, role_grants[i].role));
        access_role_grant(&role, role_grants[i].permission, role_grants[i].scope);
        put_entry(policy, &role);
    }
}

static bool is_built_in(const char *name)
{
    return role_is_known(name) || role_is_of_keys(name);
}

static void put_feature(struct access_policy *policy, const struct access_feature *feature)
{
    size_t at = 0;
    while (at < policy->feature_count && strcmp(policy->features[at].name, feature->name) != 0)
        at++;
    if (at == policy->feature_count) {
        struct access_feature *features = reallocarray(policy->features, at + 1, sizeof *features);
        CHECK(features != NULL);
        policy->features = features;
        policy->feature_count++;
    }
    policy->features[at] = *feature;
    policy->covered = 0;
    for (size_t i = 0; i < policy->feature_count; i++)
        policy->covered |= policy->features[i].permissions;
}

// ---- Life ----------------------------------------------------------------------------------

struct access_policy *access_policy_open(void)
{
    struct access_policy *policy = calloc(1, sizeof *policy);
    CHECK(policy != NULL);
    pthread_rwlock_init(&policy->lock, NULL);
    put_built_in(policy);
    return policy;
}

void access_policy_close(struct access_policy **policy)
{
    if (*policy == NULL) return;
    pthread_rwlock_destroy(&(*policy)->lock);
    free((*policy)->entries);
    free((*policy)->features);
    free(*policy);
    *policy = NULL;
}

bool access_policy_is_current(const struct access_policy *policy)
{
    return atomic_load_explicit(&policy->is_current, memory_order_acquire);
}

uint64_t access_policy_version(const struct access_policy *policy)
{
    return atomic_load(&policy->version);
}

// ---- Changes -------------------------------------------------------------------------------

static void learn(struct access_policy *policy, uint64_t version)
{
    atomic_store(&policy->version, version);
    if (version > policy->heard_version) policy->heard_version = version;
    atomic_store_explicit(&policy->is_current, true, memory_order_release);
}

static void replace(struct access_policy *policy, const struct access_content *content)
{
    free(policy->entries);
    free(policy->features);
    policy->entries = NULL;
    policy->features = NULL;
    policy->entry_count = policy->feature_count = 0;
    policy->covered = 0;
    put_built_in(policy);
    for (size_t i = 0; i < content->role_count; i++) {
        if (!is_built_in(content->roles[i].name)) put_entry(policy, &content->roles[i]);
    }
    for (size_t i = 0; i < content->feature_count; i++)
        put_feature(policy, &content->features[i]);
}

bool access_policy_set(struct access_policy *policy, struct access_content *content)
{
    pthread_rwlock_wrlock(&policy->lock);
    // What was asked for before a change and comes in behind it must not undo it.
    bool is_newest = content->version >= policy->heard_version;
    bool is_known =
        access_policy_is_current(policy) && content->version == atomic_load(&policy->version);
    if (is_newest && !is_known) replace(policy, content);
    if (is_newest) learn(policy, content->version);
    pthread_rwlock_unlock(&policy->lock);
    access_content_release(content);
    return is_newest;
}

bool access_policy_take(struct access_policy *policy, uint64_t version,
                        const struct access_role *role, const struct access_feature *feature)
{
    CHECK((role == NULL) != (feature == NULL));
    pthread_rwlock_wrlock(&policy->lock);
    uint64_t known = atomic_load(&policy->version);
    if (version > policy->heard_version) policy->heard_version = version;
    bool is_current = access_policy_is_current(policy);
    if (is_current && version > known + 1) {
        atomic_store(&policy->is_current, false);
        is_current = false;
    } else if (is_current && version == known + 1) {
        if (role != NULL && !is_built_in(role->name)) put_entry(policy, role);
        if (feature != NULL) put_feature(policy, feature);
        learn(policy, version);
    }
    pthread_rwlock_unlock(&policy->lock);
    return is_current;
}

void access_policy_forget(struct access_policy *policy)
{
    atomic_store(&policy->is_current, false);
}

// ---- Asking --------------------------------------------------------------------------------

static const struct entry *look_up(const struct access_policy *policy, const char *name)
{
    bool is_found;
    size_t at = find_entry(policy, name, &is_found);
    return is_found ? &policy->entries[at] : NULL;
}

static void explain(struct access_denial *denial, const char *key, const char *value)
{
    if (denial == NULL) return;
    denial->key = key;
    snprintf(denial->value, sizeof denial->value, "%s", value);
}

static enum rpc_scope scope_of_key(const struct access_policy *policy,
                                   const struct token_claims *claims, size_t permission)
{
    const struct entry *entry = look_up(policy, role_of_service(claims->service));
    return entry != NULL ? (enum rpc_scope)entry->role.scopes[permission] : RPC_SCOPE_NONE;
}

static enum rpc_scope scope_of_roles(const struct access_policy *policy,
                                     const struct token_claims *claims, size_t permission,
                                     struct access_denial *denial)
{
    unsigned widest = RPC_SCOPE_NONE, own = RPC_SCOPE_NONE;
    const char *governs = NULL;
    for (size_t i = 0; i < claims->role_count && i < TOKEN_ROLES_MAX; i++) {
        const char *name = claims->roles[i];
        if (role_is_of_keys(name)) continue;
        const struct entry *entry = look_up(policy, name);
        if (entry == NULL) continue;
        unsigned scope = entry->role.scopes[permission];
        if (scope > widest) widest = scope;
        if (scope == RPC_SCOPE_SELF) own = scope;
        if (entry->governs != NULL) governs = entry->governs;
    }
    bool is_toxic = permissions[permission].duty == PERMISSION_MOVES && governs != NULL &&
                    widest > RPC_SCOPE_SELF;
    if (!is_toxic) return (enum rpc_scope)widest;
    explain(denial, "separation_of_duties", governs);
    return (enum rpc_scope)own;
}

static bool is_within_scopes(const struct token_claims *claims, const char *permission)
{
    for (size_t i = 0; i < claims->scope_count && i < TOKEN_SCOPES_MAX; i++) {
        if (strcmp(claims->scopes[i], permission) == 0) return true;
    }
    return claims->scope_count == 0;
}

static bool is_off(const struct access_feature *feature, const struct token_claims *claims)
{
    if (!feature->is_enabled || has_name(&feature->denied_branches, claims->branch)) return true;
    for (size_t i = 0; i < claims->role_count && i < TOKEN_ROLES_MAX; i++) {
        if (has_name(&feature->denied_roles, claims->roles[i])) return true;
    }
    return false;
}

static bool is_switched_off(const struct access_policy *policy, const struct token_claims *claims,
                            size_t permission, struct access_denial *denial)
{
    uint64_t bit = UINT64_C(1) << permission;
    if ((policy->covered & bit) == 0) return false;
    for (size_t i = 0; i < policy->feature_count; i++) {
        const struct access_feature *feature = &policy->features[i];
        if ((feature->permissions & bit) == 0 || !is_off(feature, claims)) continue;
        explain(denial, "feature", feature->name);
        return true;
    }
    return false;
}

static enum rpc_scope scope_of(const struct access_policy *policy,
                               const struct token_claims *claims, size_t permission,
                               struct access_denial *denial)
{
    if (claims->is_service) return scope_of_key(policy, claims, permission);
    enum rpc_scope scope = scope_of_roles(policy, claims, permission, denial);
    if (scope == RPC_SCOPE_NONE) return scope;
    if (!is_within_scopes(claims, permissions[permission].name)) {
        explain(denial, "scope", claims->scopes[0]);
        return RPC_SCOPE_NONE;
    }
    return is_switched_off(policy, claims, permission, denial) ? RPC_SCOPE_NONE : scope;
}

enum rpc_scope access_policy_scope(struct access_policy *policy, const struct token_claims *claims,
                                   const char *permission, struct access_denial *ret_denial)
{
    if (ret_denial != NULL) *ret_denial = (struct access_denial){0};
    size_t index = permission_find(permission);
    if (index == permission_count) return RPC_SCOPE_NONE;
    pthread_rwlock_rdlock(&policy->lock);
    enum rpc_scope scope = scope_of(policy, claims, index, ret_denial);
    pthread_rwlock_unlock(&policy->lock);
    return scope;
}
