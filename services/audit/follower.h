/// @file services/audit/follower.h
/// Those inside the daemon who go through the log in its order, each behind a cursor of its own in
/// the store: counts for reports, rules for suspicion, notifications, webhooks. What a follower
/// makes of events and how far it has come are one commit, so that each event takes effect exactly
/// once, whatever dies in between. The writer waits for none of them.
/// How        One thread reads each stretch of the log once for all followers who stand there,
///            copies what they want, and hands it to them in one write job. A stretch of which
///            nobody wants anything moves cursors only now and then (4,096 entries, 1 s): behind a
///            crash it is read again. Under load there is one job for AUDIT_FOLLOWER_EVENTS_MAX
///            events, else at most one each 20 ms.
/// Start      A new follower begins with the first entry that is still kept. So does one whose
///            cursor is below that.
/// Failure    A take that refuses is a record that its follower cannot deal with. It stays before
///            it, health says so, the log once; the others go on. A store that cannot write (full)
///            is nobody's fault: the same stretch is tried again each second.
/// Threads    wants and tend: the followers' thread. take: the store's writer, like every job (it
///            may be run again from the start).
#pragma once

#include "services/audit/service.h"
#include "services/audit/tail.h"

enum {
    AUDIT_FOLLOWERS_MAX = 8,
    AUDIT_FOLLOWER_EVENTS_MAX = 512, // Of one stretch.
};

struct audit_follower {
    const char *name; // Of its cursor in the store. Never reused for another meaning.
    /// Whether it has to do with this event: quick, by the entry alone. NULL: with all.
    bool (*wants)(void *context, const struct audit_entry *entry);
    /// Takes wanted events, in order; a status other than OK stops this follower: it is a broken
    /// record, for an operator. Events are whole (side included) and live until it returns.
    struct status (*take)(void *context, struct store_txn *txn, const struct audit_event *events,
                          size_t count);
    /// Once a minute and at the start, outside of any transaction: for clearing away. It writes by
    /// jobs of its own, briefly: the followers wait for it. NULL: there is nothing to do.
    void (*tend)(void *context);
    const char *metric_labels; // "follower=\"inbox\"", static, for its lag; NULL: not shown.
    void *context;
};

struct audit_followers;

struct audit_followers *audit_followers_open(struct store *store, struct audit_tail *tail);
/// audit_followers_add: before the start; in the open or start of a part. At most
/// AUDIT_FOLLOWERS_MAX (CHECK). The follower is copied, its texts are not.
void audit_followers_add(struct audit_followers *followers, const struct audit_follower *follower);
/// audit_followers_start: DATA_LOSS / CURSOR_BEYOND_LOG when one has seen more than there is.
MUST_USE struct status audit_followers_start(struct audit_followers *followers);
/// audit_followers_stop joins the thread; after audit_tail_stop. Idempotent.
void audit_followers_stop(struct audit_followers *followers);
void audit_followers_close(struct audit_followers **followers); // Idempotent.

/// audit_follower_cursor is how many entries a follower has seen (those below it), by the store.
MUST_USE struct status audit_follower_cursor(struct store_txn *txn, const char *name,
                                             uint64_t *ret);
/// audit_followers_serving is the health part "followers".
bool audit_followers_serving(void *context, const char **ret_detail);
