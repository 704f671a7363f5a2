/// @file services/auth/record_access.h
/// Bytes of custom roles, branches and feature switches, and what a valid one is: pure, canonical,
/// fuzzed.
/// Names      Of roles and features, codes of branches: 1 to 31 of a-z 0-9 _ . - (they are the
///            row's key). A key of one NUL is the policy's row, in the table of roles.
/// Order      Grants by permission, lists by name, each once: the same always looks the same.
/// Errors     DATA_LOSS / AUTH_RECORD_BROKEN.
/// Source     proto/florin/auth/v1/auth.proto; README.md "Key spaces".
#pragma once

#include "common/base/bytes.h"
#include "services/auth/core.h"

enum {
    AUTH_PERMISSION_BYTES = 32, // With the final NUL.
    AUTH_RIGHTS_MAX = 128,      // Grants of a role; more than there are permissions.
    AUTH_LIST_MAX = 64,         // Permissions, branches or roles of a feature, each.
    AUTH_DESCRIPTION_BYTES = 200 * 4 + 1,
    AUTH_BRANCH_NAME_BYTES = 80 * 4 + 1,
};

/// auth_access_name_is_valid: may it be the name of a custom role, a branch or a feature?
bool auth_access_name_is_valid(const char *name);

/// What a role grants. Scopes have the numbers of enum rpc_scope and of the proto's Scope.
enum auth_scope { // Stored; never renumber.
    AUTH_SCOPE_SELF = 1,
    AUTH_SCOPE_BRANCH = 2,
    AUTH_SCOPE_ALL = 3,
    AUTH_SCOPE_LAST = AUTH_SCOPE_ALL
};

struct auth_right {
    char permission[AUTH_PERMISSION_BYTES];
    enum auth_scope scope;
};

/// What changes of all three have in common.
struct auth_revision {
    uint64_t version; // From 1.
    uint64_t created_at_ns, updated_at_ns;
};

/// Role: 1 | version(8) | created_at_ns(8) | updated_at_ns(8) | description: size(2) text |
/// rights: count(1), each permission: size(1) text, scope(1)
struct auth_role {
    char name[AUTH_ROLE_BYTES]; // The key.
    char description[AUTH_DESCRIPTION_BYTES];
    struct auth_revision revision;
    size_t right_count;
    struct auth_right rights[AUTH_RIGHTS_MAX];
};

/// Branch: 1 | status(1) | version(8) | created_at_ns(8) | updated_at_ns(8) | name: size(2) text
enum auth_branch_status { // Stored; never renumber.
    AUTH_BRANCH_OPEN = 1,
    AUTH_BRANCH_CLOSED = 2, // Nobody is moved to it.
    AUTH_BRANCH_STATUS_LAST = AUTH_BRANCH_CLOSED
};

struct auth_branch {
    char code[AUTH_ROLE_BYTES]; // The key.
    char name[AUTH_BRANCH_NAME_BYTES];
    enum auth_branch_status status;
    struct auth_revision revision;
};

/// Feature: 1 | enabled(1) | version(8) | created_at_ns(8) | updated_at_ns(8) | description:
/// size(2) text | permissions, denied branches, denied roles: count(1), each size(1) text
struct auth_name_list {
    size_t count;
    char names[AUTH_LIST_MAX][AUTH_ROLE_BYTES];
};

/// auth_name_list_add keeps the order. False: it is there already. CHECK: there is room.
bool auth_name_list_add(struct auth_name_list *list, const char *name);
bool auth_name_list_has(const struct auth_name_list *list, const char *name);
bool auth_name_list_equal(const struct auth_name_list *a, const struct auth_name_list *b);

struct auth_feature {
    char name[AUTH_ROLE_BYTES]; // The key.
    char description[AUTH_DESCRIPTION_BYTES];
    bool is_enabled;
    struct auth_revision revision;
    struct auth_name_list permissions; // What is refused where it is switched off.
    struct auth_name_list denied_branches, denied_roles;
};

_Static_assert((int)AUTH_PERMISSION_BYTES == (int)AUTH_ROLE_BYTES, "a list holds either");

/// The policy: 1 | version(8), which rises with every change of a role or a feature.
enum {
    AUTH_POLICY_KEY_BYTES = 1,
    AUTH_POLICY_BYTES = 1 + 8,
    AUTH_REVISION_BYTES = 3 * 8,
    AUTH_ROLE_RECORD_BYTES_MAX = 1 + AUTH_REVISION_BYTES + 2 + AUTH_DESCRIPTION_BYTES + 1 +
                                 AUTH_RIGHTS_MAX * (AUTH_PERMISSION_BYTES + 1),
    AUTH_BRANCH_RECORD_BYTES_MAX = 1 + 1 + AUTH_REVISION_BYTES + 2 + AUTH_BRANCH_NAME_BYTES,
    AUTH_FEATURE_RECORD_BYTES_MAX = 1 + 1 + AUTH_REVISION_BYTES + 2 + AUTH_DESCRIPTION_BYTES +
                                    3 * (1 + AUTH_LIST_MAX * AUTH_ROLE_BYTES),
};

extern const uint8_t auth_policy_key[AUTH_POLICY_KEY_BYTES];

size_t auth_policy_encode(uint64_t version, uint8_t ret[static AUTH_POLICY_BYTES]);
MUST_USE struct status auth_policy_decode(struct bytes record, uint64_t *ret_version);

/// The key of each is its name, without a final NUL.
MUST_USE struct status auth_access_key_decode(struct bytes key, char ret[static AUTH_ROLE_BYTES]);

size_t auth_role_encode(const struct auth_role *role,
                        uint8_t ret[static AUTH_ROLE_RECORD_BYTES_MAX]);
MUST_USE struct status auth_role_decode(struct bytes key, struct bytes record,
                                        struct auth_role *ret);
size_t auth_branch_encode(const struct auth_branch *branch,
                          uint8_t ret[static AUTH_BRANCH_RECORD_BYTES_MAX]);
MUST_USE struct status auth_branch_decode(struct bytes key, struct bytes record,
                                          struct auth_branch *ret);
size_t auth_feature_encode(const struct auth_feature *feature,
                           uint8_t ret[static AUTH_FEATURE_RECORD_BYTES_MAX]);
MUST_USE struct status auth_feature_decode(struct bytes key, struct bytes record,
                                           struct auth_feature *ret);
