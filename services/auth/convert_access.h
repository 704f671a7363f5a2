/// @file services/auth/convert_access.h
/// Protobuf <-> roles, branches and features: as convert.h.
/// Ownership  What is converted lies in the call's arena; these values are several KiB each.
/// Errors     INVALID_ARGUMENT / VALIDATION_FAILED with the field, or PERMISSION_UNKNOWN;
///            RESOURCE_EXHAUSTED (the arena).
#pragma once

#include "services/auth/access.h"
#include "services/auth/convert.h"

struct Auth__Role;
struct Auth__Branch;
struct Auth__Feature;
struct Auth__ListPermissionsResponse;
struct Auth__CreateRoleRequest;
struct Auth__UpdateRoleRequest;
struct Auth__CreateBranchRequest;
struct Auth__UpdateBranchRequest;
struct Auth__CreateFeatureRequest;
struct Auth__UpdateFeatureRequest;

// ---- Requests ------------------------------------------------------------------------------

MUST_USE struct status auth_convert_new_role(struct rpc_call *call,
                                             const struct Auth__CreateRoleRequest *request,
                                             struct auth_role **ret);
MUST_USE struct status auth_convert_role_change(struct rpc_call *call,
                                                const struct Auth__UpdateRoleRequest *request,
                                                struct auth_role_change *ret);
MUST_USE struct status auth_convert_new_branch(struct rpc_call *call,
                                               const struct Auth__CreateBranchRequest *request,
                                               struct auth_branch *ret);
MUST_USE struct status auth_convert_branch_change(struct rpc_call *call,
                                                  const struct Auth__UpdateBranchRequest *request,
                                                  struct auth_branch_change *ret);
MUST_USE struct status auth_convert_new_feature(struct rpc_call *call,
                                                const struct Auth__CreateFeatureRequest *request,
                                                struct auth_feature **ret);
MUST_USE struct status auth_convert_feature_change(struct rpc_call *call,
                                                   const struct Auth__UpdateFeatureRequest *request,
                                                   struct auth_feature_change *ret);

// ---- Replies, and payloads of events -------------------------------------------------------

struct Auth__ListPermissionsResponse *auth_convert_permissions(struct rpc_call *call);
struct Auth__Role *auth_convert_role(struct rpc_call *call, const struct auth_role *role,
                                     bool is_built_in);
struct Auth__Branch *auth_convert_branch(struct rpc_call *call, const struct auth_branch *branch);
struct Auth__Feature *auth_convert_feature(struct rpc_call *call,
                                           const struct auth_feature *feature);

/// One of role and feature is NULL.
MUST_USE struct status auth_convert_policy_changed(struct rpc_call *call, uint64_t version,
                                                   struct Auth__Role *role,
                                                   struct Auth__Feature *feature,
                                                   struct bytes *ret);
MUST_USE struct status auth_convert_branch_changed(struct rpc_call *call,
                                                   struct Auth__Branch *branch, struct bytes *ret);
