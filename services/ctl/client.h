/// @file services/ctl/client.h
/// One call from the command line to one daemon, as services/ops, over the data directory's
/// sockets.
#pragma once

#include "common/base/arena.h"
#include "common/rpc/schema.h"
#include "services/ctl/ctl.h"

struct ctl_client;

/// ctl_client_open does not wait for the daemon. NOT_FOUND when the data directory has no keys.
MUST_USE struct status ctl_client_open(const struct ctl_options *options, const char *daemon,
                                       struct ctl_client **ret);
MUST_USE struct status ctl_client_call(struct ctl_client *client, const struct rpc_method *method,
                                       const void *request, uint32_t timeout_ms,
                                       struct arena *arena, void *ret_reply);
void ctl_client_close(struct ctl_client **client); // Idempotent.
