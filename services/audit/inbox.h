/// @file services/audit/inbox.h
/// Notifications: the follower "inbox" makes them from events by the rules of inbox_rules.h. A
/// notification, the count of unread ones and how far the follower came are one commit.
/// Kept       For so many days, and at most AUDIT_INBOX_ROWS_MAX of a user. What is older is not
///            made at all (when a follower begins with an old log), and cleared away within a day.
/// Money      To whom an account belongs, the follower learns from ledger.account.* events: whom a
///            transfer is visible to does not say which side is whose.
/// Threads    open, close: main. The follower's functions: follower.h. clear: one at a time.
#pragma once

#include "services/audit/follower.h"
#include "services/audit/store_inbox.h"

struct audit_inbox;

enum { AUDIT_INBOXES_PER_MINUTE = 1024 };

struct audit_inbox *audit_inbox_open(struct store *store, uint32_t days);
void audit_inbox_close(struct audit_inbox **inbox); // Idempotent.

#define AUDIT_INBOX_FOLLOWER "inbox"

struct audit_follower audit_inbox_follower(struct audit_inbox *inbox);

/// audit_inbox_clear drops what is too old, of so many users as a minute may cost; the next call
/// goes on from there. *ret_end: it came to the end of all.
MUST_USE struct status audit_inbox_clear(struct audit_inbox *inbox, uint64_t now_ns,
                                         size_t *ret_dropped, bool *ret_end);
