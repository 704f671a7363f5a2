/// @file services/auth/directory.h
/// Users as those see them who look after them: lists, names, branches, roles, blocking and
/// closing. Rule       Every rule is checked before the first write: a refusal has changed nothing.
/// The
///            caller has looked the user up and may touch them (`view`, as auth_service_get_user
///            gave it in this transaction); nobody changes their own branch, state or roles.
/// Tokens     What takes rights away (another branch, other roles, blocked, closed) raises
///            rights_version: tokens given before end. The caller ends the sessions and tells.
/// Values     Texts come from convert.c: valid, in the call's arena. now_ns: as the call came.
/// Threads    The one that was given the transaction.
/// Errors     ABORTED / VERSION_MISMATCH; FAILED_PRECONDITION / USER_CLOSED, USER_BLOCKED,
///            USER_NOT_BLOCKED; INVALID_ARGUMENT / BRANCH_UNKNOWN, ROLE_UNKNOWN;
///            PERMISSION_DENIED / SEPARATION_OF_DUTIES; DATA_LOSS.
#pragma once

#include "services/auth/service.h"
#include "services/auth/store_user.h"

// ---- Lists ---------------------------------------------------------------------------------

struct auth_user_query {
    struct auth_user_filter filter;
    // Index: enum auth_channel. Addresses in normal form; NULL or "": any. At most one user has
    // one.
    const char *addresses[AUTH_CHANNEL_LAST + 1];
    struct id128 before; // Users older than this one; nil: from the newest on.
    size_t size;
};

struct auth_user_page {
    struct auth_user_view *users; // Newest first, in the arena. Their `sealed` are not to be read.
    size_t count;
    struct id128 next_before; // Where the next page begins; nil: this was the last one.
};

/// auth_directory_list gives at most `size` users; fewer, and a next page, when too many had to be
/// looked at for them (store_user.h).
MUST_USE struct status auth_directory_list(const struct auth_service *service,
                                           struct store_txn *txn,
                                           const struct auth_user_query *query, struct arena *arena,
                                           struct auth_user_page *ret);

// ---- Changes -------------------------------------------------------------------------------

struct auth_user_change {
    uint64_t if_match; // RPC_ETAG_ANY: whatever version.
    bool has_full_name, has_branch;
    const char *full_name, *branch; // "" branch: none.
};

struct auth_user_changed {
    bool is_renamed, is_moved;
};

/// auth_directory_update changes what `change` names. A value that is so already changes nothing.
MUST_USE struct status auth_directory_update(const struct auth_service *service,
                                             struct store_txn *txn, struct id128 actor_id,
                                             const struct auth_user_change *change, uint64_t now_ns,
                                             struct auth_user_view *view,
                                             struct auth_user_changed *ret);

/// auth_directory_move blocks, lets in again or closes. reason is kept while the user is blocked.
/// *ret_changed is false for a user who was closed before.
MUST_USE struct status auth_directory_move(const struct auth_service *service,
                                           struct store_txn *txn, struct id128 actor_id,
                                           enum auth_user_event event, const char *reason,
                                           uint64_t now_ns, struct auth_user_view *view,
                                           bool *ret_changed);

/// auth_directory_set_roles replaces the roles. if_match 0: was not given. Sessions go on with the
/// new rights at their next refresh.
MUST_USE struct status auth_directory_set_roles(struct store_txn *txn, struct id128 actor_id,
                                                uint64_t if_match, const char *const *roles,
                                                size_t role_count, uint64_t now_ns,
                                                struct auth_user_view *view, bool *ret_changed);
