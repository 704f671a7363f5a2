/// @file services/auth/rotation.h
/// Rotating the signing keys: by an operator, and by age.
/// Errors     Those of auth_signing_rotate (signing.h).
#pragma once

#include "services/auth/events.h"

/// auth_rotate_keys rotates and tells of it (auth.keys.rotated); call NULL: by age. *ret_wait_ns:
/// with KEY_TOO_NEW, until it may be asked again.
MUST_USE struct status auth_rotate_keys(const struct auth_service *service, struct store_txn *txn,
                                        const struct rpc_call *call, uint64_t now_ns,
                                        struct auth_rotated *ret, uint64_t *ret_wait_ns);

/// auth_tend_keys is the worker's look at the keys: rotates when the active one is old, and forgets
/// retired ones. It writes only when there is something to do.
MUST_USE struct status auth_tend_keys(const struct auth_service *service, uint64_t now_ns);
