/// @file services/auth/store_flow.h
/// Flows in the store: a row each, the payload sealed. As store.h.
#pragma once

#include "services/auth/record_flow.h"
#include "services/auth/store.h"

/// auth_store_put_flow also files the row's expiry when it is new.
void auth_store_put_flow(const struct auth_store *auth, struct store_txn *txn,
                         const struct auth_flow *flow);
/// NOT_FOUND / FLOW_NOT_FOUND. The payload lies in the arena.
MUST_USE struct status auth_store_get_flow(const struct auth_store *auth, struct store_txn *txn,
                                           struct id128 id, struct arena *arena,
                                           struct auth_flow *ret);
