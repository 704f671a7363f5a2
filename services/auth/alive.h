/// @file services/auth/alive.h
/// Whether what an access token was given for still lives: its session, or its API key.
#pragma once

#include "common/base/id128.h"
#include "common/store/store.h"

/// auth_is_alive: sid as the token has it; rights_version: its `uv`.
MUST_USE struct status auth_is_alive(struct store_txn *txn, struct id128 sid,
                                     uint64_t rights_version, uint64_t now_ns, bool *ret);
