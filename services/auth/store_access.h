/// @file services/auth/store_access.h
/// Custom roles, branches, feature switches and the policy's version in the store.
/// Ownership  Everything is copied out. Roles and features are several KiB: keep them in an arena.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND / ROLE_NOT_FOUND, BRANCH_NOT_FOUND, FEATURE_NOT_FOUND; DATA_LOSS.
#pragma once

#include "services/auth/record_access.h"
#include "services/auth/store.h"

MUST_USE struct status auth_store_get_role(struct store_txn *txn, const char *name,
                                           struct auth_role *ret);
void auth_store_put_role(struct store_txn *txn, const struct auth_role *role);
MUST_USE struct status auth_store_get_branch(struct store_txn *txn, const char *code,
                                             struct auth_branch *ret);
void auth_store_put_branch(struct store_txn *txn, const struct auth_branch *branch);
MUST_USE struct status auth_store_get_feature(struct store_txn *txn, const char *name,
                                              struct auth_feature *ret);
void auth_store_put_feature(struct store_txn *txn, const struct auth_feature *feature);

/// The next one by name after `after` ("": the first). NOT_FOUND: that was the last one.
MUST_USE struct status auth_store_next_role(struct store_txn *txn, const char *after,
                                            struct auth_role *ret);
MUST_USE struct status auth_store_next_branch(struct store_txn *txn, const char *after,
                                              struct auth_branch *ret);
MUST_USE struct status auth_store_next_feature(struct store_txn *txn, const char *after,
                                               struct auth_feature *ret);

/// auth_store_count_names counts the rows of AUTH_TABLE_ROLES or AUTH_TABLE_FEATURES, up to
/// count_max.
size_t auth_store_count_names(struct store_txn *txn, uint8_t table, size_t count_max);

/// The policy's version: 0 before the first change.
MUST_USE struct status auth_store_get_policy_version(struct store_txn *txn, uint64_t *ret);
void auth_store_put_policy_version(struct store_txn *txn, uint64_t version);
