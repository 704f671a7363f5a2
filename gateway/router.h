/// @file gateway/router.h
/// From method and path to a route of the generated table, and the path's variables.
/// Shapes     Templates of google.api.http: /seg/{field}/…, {field=**} for the rest of the path,
///            a custom verb behind a colon at the end: /v1/transfers/{id}:post.
/// Rules      Literals win over variables; empty segments match nothing; in a variable %00 and %2F
///            (and bytes that are no UTF-8) are refused.
/// Ownership  Decoded variables live in the arena; the router borrows the route table.
/// Threads    Read-only once opened.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/schema.h"

enum { ROUTER_VARIABLES_MAX = 4, ROUTER_SEGMENTS_MAX = 16, ROUTER_ALTERNATIVES_MAX = 8 };

struct router;

/// What a path leads to: every route with that path, whatever its method.
struct router_match {
    const struct rpc_route *routes[ROUTER_ALTERNATIVES_MAX];
    size_t route_count;
    // The router's: the path cut into segments, without the custom verb.
    struct bytes path, segments[ROUTER_SEGMENTS_MAX];
    size_t segment_count;
};

struct router_variable {
    const char *field;  // "id"
    struct bytes value; // Percent-decoded.
};

struct router_variables {
    struct router_variable items[ROUTER_VARIABLES_MAX];
    size_t count;
};

/// router_open CHECKs the templates: the generator has refused bad ones.
struct router *router_open(const struct rpc_route *routes, size_t route_count);
void router_close(struct router **router); // Idempotent.

/// router_find gives *ret, or NOT_FOUND / ROUTE_NOT_FOUND. Slices point into path.
MUST_USE struct status router_find(const struct router *router, struct bytes path,
                                   struct router_match *ret);

/// router_bind decodes the variables of one of the match's routes. INVALID_ARGUMENT / PATH_INVALID
/// for an escape that may not stand in a variable; RESOURCE_EXHAUSTED.
MUST_USE struct status router_bind(const struct router_match *match, const struct rpc_route *route,
                                   struct arena *arena, struct router_variables *ret);

/// percent_decode writes the decoded bytes and gives their count, SIZE_MAX for a broken escape.
size_t percent_decode(struct bytes text, bool plus_is_space, char *ret);
