/// @file common/event/registry.h
/// Which types of events there are, and what each says (option florin.event_types of the protos).
/// Threads    Any; constant data.
#pragma once

#include "common/base/bytes.h"
#include "common/rpc/schema.h"

/// event_type_find gives the registered type of this name (rpc_event_types), or NULL.
const struct rpc_event_type *event_type_find(struct bytes type);
