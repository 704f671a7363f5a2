/// @file services/audit/webhook_feed.h
/// From the log to messages: what a webhook is to be told is filed in the same transaction that
/// moves its place in the log, so each event becomes one message, whatever dies in between.
/// How        Stretches of the log are read once for all webhooks that stand there, from where one
///            stands after the other, so that one that is far behind holds up nobody. A webhook for
///            which too much waits stays where it is: the log keeps the rest.
/// Threads    The webhooks' thread.
/// Errors     DATA_LOSS / ENTRY_CORRUPT, RECORD_CORRUPT; the store's.
#pragma once

#include "services/audit/webhook.h"

enum { AUDIT_WEBHOOK_STRETCH_ENTRIES_MAX = 512, AUDIT_WEBHOOK_STRETCH_MATCHES_MAX = 4096 };

/// A webhook as the thread sees it during one turn. `seen` runs before progress.next_index where
/// nothing matched: that is not worth a commit each time.
struct audit_webhook_seat {
    struct audit_webhook_view view;
    uint64_t seen;
    size_t in_flight; // Attempts.
};

struct audit_webhook_feed {
    struct store *store;
    struct arena *arena; // For one stretch; reset by each.
    struct audit_webhook_seat *seats;
    size_t seat_count;
    size_t turn; // Another one each time: whose stretch it is.
    /// Of the log, as far as it was durable before the seats were read: so whatever a webhook is
    /// changed to afterwards holds for later entries, and none is looked at with older types.
    uint64_t size;
    uint64_t now_ns;
};

/// audit_webhook_feed_step takes one stretch; *ret_moved: there may be more to do.
MUST_USE struct status audit_webhook_feed_step(const struct audit_webhook_feed *feed,
                                               bool *ret_moved);
/// audit_webhook_feed_replay takes one stretch of one replay.
MUST_USE struct status audit_webhook_feed_replay(const struct audit_webhook_feed *feed,
                                                 bool *ret_moved);
/// audit_webhook_feed_write writes every `seen` that is not written yet.
MUST_USE struct status audit_webhook_feed_write(const struct audit_webhook_feed *feed);
bool audit_webhook_feed_is_written(const struct audit_webhook_feed *feed);
