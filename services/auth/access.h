/// @file services/auth/access.h
/// Roles, branches and feature switches: how they change, and what they mean to auth itself.
/// Policy     Custom roles and features together have a version; each change of one of them takes
///            the next one and is told by an event that carries it (common/daemon/access_policy.h
///            is what every daemon makes of it). In auth itself a change holds from its commit on:
///            a hook reads the policy anew before anybody is answered.
/// Duties     Nobody raises their own rights: a role is not changed by its holders, nor a feature
///            by those for whose role or branch it is off, or would be. Nobody both governs rights
///            (auth.user.roles, auth.role.write, auth.feature.write) and moves customers' money or
///            decides cases: no role may grant both, no user may be given roles that do so
///            together, and where a change of a role makes it so for a user who has the roles
///            already, the money and the decisions are refused at each call. A feature never names
///            auth.feature.write: nobody could undo it.
/// Errors     NOT_FOUND / ROLE_NOT_FOUND, BRANCH_NOT_FOUND, FEATURE_NOT_FOUND; ALREADY_EXISTS /
///            ROLE_EXISTS, BRANCH_EXISTS, FEATURE_EXISTS; INVALID_ARGUMENT / PERMISSION_UNKNOWN,
///            SCOPE_UNSUPPORTED, BRANCH_UNKNOWN, ROLE_UNKNOWN; FAILED_PRECONDITION /
///            ROLE_BUILT_IN, TOO_MANY_ROLES, TOO_MANY_FEATURES; ABORTED / VERSION_MISMATCH;
///            PERMISSION_DENIED / SEPARATION_OF_DUTIES.
/// Threads    Functions with a store_txn: the thread that was given it.
#pragma once

#include "common/daemon/access_policy.h"
#include "services/auth/service.h"
#include "services/auth/store_access.h"

enum { AUTH_ROLES_STORED_MAX = 256, AUTH_FEATURES_MAX = 256 };

// ---- For the other parts of auth -----------------------------------------------------------

/// auth_access_role_exists: may it be given to a user? Built-in (but for "service") or custom.
bool auth_access_role_exists(struct store_txn *txn, const char *name);
/// auth_access_check_roles: PERMISSION_DENIED / SEPARATION_OF_DUTIES when these roles together both
/// govern rights and move money or decide cases.
MUST_USE struct status auth_access_check_roles(struct store_txn *txn,
                                               const struct auth_roles *roles);
/// auth_access_scope is the widest scope that the roles grant: without features, as the store has
/// it. NONE for permissions that no person can have.
MUST_USE struct status auth_access_scope(struct store_txn *txn, const struct auth_roles *roles,
                                         const char *permission, enum rpc_scope *ret);
/// auth_access_branch_is_open: INVALID_ARGUMENT / BRANCH_UNKNOWN unless somebody can be moved
/// there.
MUST_USE struct status auth_access_branch_is_open(struct store_txn *txn, const char *code);

// ---- The policy in memory ------------------------------------------------------------------

struct auth_access; // Follows the store; lives as long as its hooks.

MUST_USE struct status auth_access_open(struct store *store, struct auth_access **ret);
void auth_access_close(struct auth_access **access); // After the store is closed; idempotent.
/// auth_access_touch: what this transaction wrote changes the policy.
void auth_access_touch(struct auth_access *access);
/// auth_access_policy is what identity asks at each call (local.c).
struct access_policy *auth_access_policy(struct auth_access *access);

// ---- Use cases -----------------------------------------------------------------------------

/// A role as it is looked at: custom, or built in (version 1, no times).
struct auth_role_view {
    struct auth_role role;
    bool is_built_in;
};

MUST_USE struct status auth_access_get_role(struct store_txn *txn, const char *name,
                                            struct auth_role_view *ret);
/// auth_access_next_role walks built-in and custom ones by name.
MUST_USE struct status auth_access_next_role(struct store_txn *txn, const char *after,
                                             struct auth_role_view *ret);

/// role: name, description and rights, as asked for; revision is filled in. *ret_policy: the
/// policy's new version.
MUST_USE struct status auth_access_create_role(const struct auth_service *service,
                                               struct store_txn *txn, struct auth_role *role,
                                               uint64_t now_ns, uint64_t *ret_policy);

/// What an update names; values of members that it does not name are not looked at.
struct auth_role_change {
    uint64_t if_match;
    bool has_description, has_rights;
    const struct auth_role *to;        // The name is the key.
    const struct token_claims *caller; // Who may not hold the role.
};

/// *ret_policy 0: nothing changed.
MUST_USE struct status auth_access_update_role(const struct auth_service *service,
                                               struct store_txn *txn,
                                               const struct auth_role_change *change,
                                               uint64_t now_ns, struct auth_role *ret,
                                               uint64_t *ret_policy);

MUST_USE struct status auth_access_create_branch(struct store_txn *txn, struct auth_branch *branch,
                                                 uint64_t now_ns);

struct auth_branch_change {
    uint64_t if_match;
    bool has_name, has_status;
    const struct auth_branch *to;
};

MUST_USE struct status auth_access_update_branch(struct store_txn *txn,
                                                 const struct auth_branch_change *change,
                                                 uint64_t now_ns, struct auth_branch *ret,
                                                 bool *ret_changed);

MUST_USE struct status auth_access_create_feature(const struct auth_service *service,
                                                  struct store_txn *txn,
                                                  const struct token_claims *caller,
                                                  struct auth_feature *feature, uint64_t now_ns,
                                                  uint64_t *ret_policy);

struct auth_feature_change {
    uint64_t if_match;
    bool has_description, has_permissions, has_enabled, has_denied_branches, has_denied_roles;
    const struct auth_feature *to;
    const struct token_claims *caller; // Whom it may not be switched off for.
};

MUST_USE struct status auth_access_update_feature(const struct auth_service *service,
                                                  struct store_txn *txn,
                                                  const struct auth_feature_change *change,
                                                  uint64_t now_ns, struct auth_feature *ret,
                                                  uint64_t *ret_policy);
