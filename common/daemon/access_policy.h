/// @file common/daemon/access_policy.h
/// What every caller may do, in the memory of every daemon: built-in and custom roles, and feature
/// switches.
/// Rules      The widest scope of a user's roles; nothing that is not among the token's scopes,
///            where it has any; nothing that a feature switches off for everybody, for the user's
///            branch or for one of the user's roles: deny wins. Whoever governs rights by one role
///            has no money and no decisions beyond their own by another (permissions.h, duty).
///            Daemons and the operator have what their keys say (roles.h), features or not.
/// Versions   Auth numbers the policies. A whole one comes by access_policy_set, a change by
///            access_policy_take; a change that does not follow on what is known makes the policy
///            out of date until a whole one comes. Until the first one there is none: who calls
///            is then UNAVAILABLE, never let through (identity.c).
/// Cost       A check takes well below a microsecond and allocates nothing.
/// Threads    Any.
#pragma once

#include "common/daemon/permissions.h"
#include "common/daemon/roles.h"

enum { ACCESS_ROLES_MAX = 256, ACCESS_FEATURES_MAX = 256, ACCESS_NAMES_MAX = 64 };

/// A custom role.
struct access_role {
    char name[TOKEN_ROLE_BYTES_MAX];
    uint8_t scopes[PERMISSIONS_MAX]; // enum rpc_scope, by the permission's index.
};

struct access_names {
    size_t count;
    char names[ACCESS_NAMES_MAX][TOKEN_ROLE_BYTES_MAX];
};

struct access_feature {
    char name[TOKEN_ROLE_BYTES_MAX];
    uint64_t permissions; // Bits 1 << index.
    bool is_enabled;
    struct access_names denied_branches, denied_roles;
};

/// Names that are too long, or too many, are refused: false. A permission that this daemon does not
/// know is left out: none of its methods asks for it.
bool access_name_set(char ret[static TOKEN_ROLE_BYTES_MAX], const char *name);
bool access_names_add(struct access_names *names, const char *name);
void access_role_grant(struct access_role *role, const char *permission, enum rpc_scope scope);
void access_feature_cover(struct access_feature *feature, const char *permission);

struct access_content {
    uint64_t version;
    struct access_role *roles; // Of malloc, each name once; access_policy_set takes both over.
    size_t role_count;
    struct access_feature *features;
    size_t feature_count;
};

void access_content_release(struct access_content *content); // Idempotent.

struct access_policy;

struct access_policy *access_policy_open(void);
void access_policy_close(struct access_policy **policy); // Idempotent.

/// access_policy_set takes a whole policy in place of the one before. False: a change has been
/// heard of that is not in it yet; ask again.
bool access_policy_set(struct access_policy *policy, struct access_content *content);
/// access_policy_take takes one change: role, or feature (the other is NULL). False: the policy is
/// out of date now, ask for the whole.
bool access_policy_take(struct access_policy *policy, uint64_t version,
                        const struct access_role *role, const struct access_feature *feature);
/// access_policy_forget: what is known may be wrong.
void access_policy_forget(struct access_policy *policy);

bool access_policy_is_current(const struct access_policy *policy);
uint64_t access_policy_version(const struct access_policy *policy);

/// Why somebody whose roles grant a permission may not use it: a fact for the refusal.
struct access_denial {
    const char *key; // "feature", "separation_of_duties", "scope"; NULL: the roles do not grant it.
    char value[TOKEN_ROLE_BYTES_MAX]; // The feature, the governing role, the token's first scope.
};

/// ret_denial may be NULL; it is filled in where the answer is NONE.
enum rpc_scope access_policy_scope(struct access_policy *policy, const struct token_claims *claims,
                                   const char *permission, struct access_denial *ret_denial);
