/// @file services/auth/events_access.h
/// Events of roles, features and branches: as events.h. auth.role.changed and auth.feature.changed
/// carry the policy's version and what it is now; every daemon takes its policy from them.
/// Errors     RESOURCE_EXHAUSTED (the arena): the transaction is given up then.
#pragma once

#include "services/auth/convert_access.h"
#include "services/auth/events.h"

MUST_USE struct status auth_events_role_changed(struct store_txn *txn, struct rpc_call *call,
                                                uint64_t policy, const struct auth_role *role);
MUST_USE struct status auth_events_feature_changed(struct store_txn *txn, struct rpc_call *call,
                                                   uint64_t policy,
                                                   const struct auth_feature *feature);
MUST_USE struct status auth_events_branch_changed(struct store_txn *txn, struct rpc_call *call,
                                                  const struct auth_branch *branch);
