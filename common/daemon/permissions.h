/// @file common/daemon/permissions.h
/// The catalogue of permissions: what they are called, how far a grant of each can reach, and which
/// of them nobody should hold together.
/// Scopes     What the handlers behind a permission look at: SELF where they ask who the owner is,
///            BRANCH where they ask for the owner's branch, else ALL alone. A role that grants a
///            scope that nobody looks at would grant more, or nothing; so it is refused.
/// People     Internal methods are for daemons and the operator: their permissions can be granted
///            by no custom role, and switched off by no feature.
/// Source     The `permission` of each method in proto/, and each rpc_call_scope(); held together
///            by tests/unit/daemon/permissions_test.c.
/// Threads    Constant data.
#pragma once

#include "common/rpc/call.h"

#include <stdbool.h>
#include <stddef.h>

enum { PERMISSIONS_MAX = 64 };

enum permission_duty { // Nobody holds one that GOVERNS and one that MOVES beyond their own.
    PERMISSION_PLAIN,
    PERMISSION_GOVERNS, // Says who may do what.
    PERMISSION_MOVES,   // Moves customers' money, or decides cases.
};

struct permission {
    const char *name;
    unsigned scopes; // Bits 1 << enum rpc_scope.
    bool is_for_people;
    enum permission_duty duty;
};

extern const struct permission permissions[]; // By name.
extern const size_t permission_count;

/// permission_find gives the index of a name, or permission_count. It costs some 50 ns.
size_t permission_find(const char *name);
/// permission_supports: the permission exists (index below permission_count), and its grants can
/// have this scope.
bool permission_supports(size_t index, enum rpc_scope scope);
