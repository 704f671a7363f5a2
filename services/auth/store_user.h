/// @file services/auth/store_user.h
/// Lists of users, newest first, by the facets that they are filed under. store.h holds what reads
/// and writes one user.
/// Flat       A walk leaps from list to list: each asks the next one for its newest user that is
///            not newer than the candidate, so that the shortest list sets the pace. A user costs
///            about one seek for each facet, however many users there are in between.
/// Bound      At most AUTH_USER_WALK_SEEKS_MAX seeks for a page: beyond, the walk pauses.
/// Threads    The one that was given the transaction; nothing is written to the users meanwhile.
#pragma once

#include "services/auth/store.h"

enum { AUTH_USER_WALK_SEEKS_MAX = 4096 };

/// Index: enum auth_user_facet. NULL or "": any.
struct auth_user_filter {
    const char *values[AUTH_FACET_LAST + 1];
};

enum auth_walk_step {
    AUTH_WALK_FOUND,
    AUTH_WALK_END,
    AUTH_WALK_PAUSED, // So far nothing more was found; go on at walk.before, on another page.
};

struct auth_user_walk {
    struct id128 before; // What follows is older than this user. Where a page begins.
    size_t seeks_left;
    size_t list_count;
    size_t lead; // The list that leapt furthest last: it is asked first.

    struct auth_user_list {
        struct store_cursor cursor;
        uint8_t key[AUTH_FACET_KEY_BYTES_MAX + 1]; // Prefix, then the id that is sought.
        size_t prefix_size;
    } lists[AUTH_FACET_LAST];
};

/// auth_user_walk_open: before nil begins with the newest.
void auth_user_walk_open(struct store_txn *txn, const struct auth_user_filter *filter,
                         struct id128 before, struct auth_user_walk *ret);
void auth_user_walk_close(struct auth_user_walk *walk); // Idempotent.
MUST_USE enum auth_walk_step auth_user_walk_next(struct auth_user_walk *walk,
                                                 struct id128 *ret_user_id);

/// auth_user_filter_takes asks the user itself.
bool auth_user_filter_takes(const struct auth_user_filter *filter, const struct auth_user *user);
