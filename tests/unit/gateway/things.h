/// @file tests/unit/gateway/things.h
/// Routes to the methods of tests/unit/proto/florin/shapes that no daemon of the product serves:
/// resources with versions, masks, maps and large lists. As the generator writes them for protos of
/// the product; here by hand, because a program has one table of routes.
#pragma once

#include "common/rpc/schema.h"

/// things_routes gives the routes; their methods belong to the daemon that the first call names.
const struct rpc_route *things_routes(const char *daemon, size_t *ret_count);
