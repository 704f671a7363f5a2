#include "services/auth/events_access.h"

static void append(struct store_txn *txn, const struct rpc_call *call, const char *type,
                   const char *collection, const char *name, struct bytes payload)
{
    struct auth_story story = {.type = type, .collection = collection, .name = name};
    auth_events_append(txn, call, &story, payload.data, payload.size);
}

struct status auth_events_role_changed(struct store_txn *txn, struct rpc_call *call,
                                       uint64_t policy, const struct auth_role *role)
{
    struct bytes payload;
    struct Auth__Role *message = auth_convert_role(call, role, false);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(auth_convert_policy_changed(call, policy, message, NULL, &payload));
    append(txn, call, "auth.role.changed", "roles", role->name, payload);
    return STATUS_SUCCESS;
}

struct status auth_events_feature_changed(struct store_txn *txn, struct rpc_call *call,
                                          uint64_t policy, const struct auth_feature *feature)
{
    struct bytes payload;
    struct Auth__Feature *message = auth_convert_feature(call, feature);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(auth_convert_policy_changed(call, policy, NULL, message, &payload));
    append(txn, call, "auth.feature.changed", "features", feature->name, payload);
    return STATUS_SUCCESS;
}

struct status auth_events_branch_changed(struct store_txn *txn, struct rpc_call *call,
                                         const struct auth_branch *branch)
{
    struct bytes payload;
    struct Auth__Branch *message = auth_convert_branch(call, branch);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(auth_convert_branch_changed(call, message, &payload));
    append(txn, call, "auth.branch.changed", "branches", branch->code, payload);
    return STATUS_SUCCESS;
}
