/// @file common/rpc/violations.h
/// What is wrong with the fields of a request, as a refusal lists it: a path and a reason each.
/// Shapes     Paths as clients write them: "amount", "address.postal_code", "transfers[3].amount",
///            "labels.colour" for a map. Names that clients made up are cut at 64 bytes, on a
///            boundary of UTF-8.
/// Ownership  Paths live in the arena, reasons are static.
/// Errors     At most RPC_VIOLATIONS_MAX are kept: the count stops there, the refusal stands.
/// Source     design 06, Errors; google.rpc.BadRequest.
#pragma once

#include "common/base/arena.h"

#include <stdint.h>

enum { RPC_VIOLATIONS_MAX = 16 };

struct rpc_violation {
    const char *field;
    const char *reason; // UPPER_SNAKE: REQUIRED, TOO_LONG, UNKNOWN_FIELD …
};

struct rpc_violations {
    struct rpc_violation items[RPC_VIOLATIONS_MAX];
    size_t count;
};

#define RPC_PATH_NO_INDEX SIZE_MAX

/// struct rpc_path is one step, linked to where it came from; steps live on the walker's stack.
struct rpc_path {
    const struct rpc_path *parent; // NULL: the name is a member of the request itself.
    const char *name;
    size_t name_bytes;
    size_t index; // Of a repeated field's item, or RPC_PATH_NO_INDEX.
};

/// rpc_violations_add notes a violation at path; a NULL path is the request as a whole, "".
void rpc_violations_add(struct rpc_violations *violations, struct arena *arena,
                        const struct rpc_path *path, const char *reason);

/// rpc_violations_status is OK without violations, else INVALID_ARGUMENT / VALIDATION_FAILED.
MUST_USE struct status rpc_violations_status(const struct rpc_violations *violations);
