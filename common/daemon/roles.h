/// @file common/daemon/roles.h
/// What the built-in roles grant: one table, shared by all daemons and shown in the README. Custom
/// ones and feature switches: access_policy.h.
/// Threads    Constant data.
#pragma once

#include "common/rpc/call.h"

/// What stands in the role column for daemons (by their keys, never by a user's roles), for the
/// operator's key <keys>/ops.pub, that of the florin command, and for every other key there: those
/// of third parties (`florin keys add-service`), who follow events and do nothing else.
#define ROLE_SERVICE "service"
#define ROLE_OPERATOR "services/ops"
#define ROLE_SUBSCRIBER "services/*"

struct role_grant {
    const char *role;
    const char *permission;
    enum rpc_scope scope;
};

extern const struct role_grant role_grants[];
extern const size_t role_grant_count;

/// The built-in roles by name, "service" among them, which gives a user nothing.
struct role {
    const char *name, *description;
};

extern const struct role built_in_roles[];
extern const size_t built_in_role_count;

/// role_is_known: one of the built-in roles, as may be given to a user. ("service" is known and
/// gives a user nothing.)
bool role_is_known(const char *role);
/// role_of_service is the role column's name for the owner of a key: ROLE_SERVICE and the like.
const char *role_of_service(const char *service);
/// role_is_of_keys: such a name. What keys may do is no user's, whatever roles they were given.
bool role_is_of_keys(const char *role);
enum rpc_scope role_scope(const char *role, const char *permission);
/// role_claims_scope is the widest scope that a caller's built-in roles, or its key, give.
enum rpc_scope role_claims_scope(const struct token_claims *claims, const char *permission);
