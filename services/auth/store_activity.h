/// @file services/auth/store_activity.h
/// Login activity in the store: filing, lists newest first, forgetting. As store.h.
/// Rows       An activity, which never changes, lies whole in each list that it belongs to: all of
///            its result, its user's of that result, the suspicious ones of that result. A list of
///            one result is one walk over neighbours, one of both merges two.
/// Ownership  A record's sealed origin points into the store: unseal it before the next write.
#pragma once

#include "services/auth/record_activity.h"
#include "services/auth/store.h"

/// auth_store_put_activity gives the id. origin: texts of at most AUTH_ORIGIN_BYTES_MAX together.
void auth_store_put_activity(const struct auth_store *auth, struct store_txn *txn, uint64_t at_ns,
                             const struct auth_origin *origin, struct auth_activity_record *record);
/// auth_store_get_origin gives texts that lie in the arena, NUL-terminated; "" for unknown.
MUST_USE struct status auth_store_get_origin(const struct auth_store *auth,
                                             const struct auth_activity_record *record,
                                             struct arena *arena,
                                             const char *ret_texts[static AUTH_ORIGIN_FIELD_COUNT]);

/// auth_store_get_history gives zeros for a user who has none. The nil user is one.
MUST_USE struct status auth_store_get_history(struct store_txn *txn, struct id128 user_id,
                                              struct auth_history *ret);
void auth_store_put_history(struct store_txn *txn, struct id128 user_id,
                            const struct auth_history *history);

// ---- Lists ---------------------------------------------------------------------------------

/// Of one user (not nil), or the suspicious ones, or all; result 0: both.
struct auth_activity_filter {
    struct id128 user_id;
    bool is_suspicious;
    enum auth_activity_result result;
};

/// One result's part of a list.
struct auth_activity_strand {
    struct store_cursor cursor;
    enum auth_activity_result result;
    uint8_t prefix[AUTH_ACTIVITY_FACET_KEY_BYTES_MAX];
    size_t prefix_size;
    struct id128 id; // Of the row it stands at; nil: at its end.
};

struct auth_activity_walk {
    size_t strand_count;
    struct auth_activity_strand strands[AUTH_ACTIVITY_RESULT_LAST];
};

/// auth_activity_walk_open begins at the newest one before an id (all ones: at the newest).
void auth_activity_walk_open(struct store_txn *txn, const struct auth_activity_filter *filter,
                             struct id128 before_id, struct auth_activity_walk *ret);
void auth_activity_walk_close(struct auth_activity_walk *walk); // Idempotent; takes a zeroed one.
/// auth_activity_walk_peek gives the id of the next one; nil: there is none.
struct id128 auth_activity_walk_peek(const struct auth_activity_walk *walk);
/// auth_activity_walk_next: NOT_FOUND / ACTIVITY_END behind the last.
MUST_USE struct status auth_activity_walk_next(struct auth_activity_walk *walk,
                                               struct auth_activity_record *ret);

// ---- Forgetting ----------------------------------------------------------------------------

/// auth_store_oldest_activity: NOT_FOUND when nothing of this result is older than before_ns.
MUST_USE struct status auth_store_oldest_activity(struct store_txn *txn,
                                                  enum auth_activity_result result,
                                                  uint64_t before_ns,
                                                  struct auth_activity_record *ret);
void auth_store_delete_activity(struct store_txn *txn, const struct auth_activity_record *record);
