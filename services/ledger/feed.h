/// @file services/ledger/feed.h
/// Follows the kyc service's events and makes tiers limit profiles, each exactly once: profile,
/// event and cursor are one transaction of the ledger's own store.
/// Threads    handle runs on the subscriber's thread.
#pragma once

#include "common/event/subscriber.h"
#include "services/ledger/service.h"

/// ledger_feed_cursor says where to go on after a restart.
MUST_USE struct status ledger_feed_cursor(struct store *store, struct ledger_cursor *ret);

/// ledger_feed_handle is event_subscriber_config.handle; context: the struct ledger_service, whose
/// tiers say which sums an owner's new tier needs. An event that cannot be read stops the feed
/// there (DATA_LOSS): to skip it could leave a customer unlimited.
MUST_USE struct status ledger_feed_handle(void *service, const struct event_view *events,
                                          size_t count, uint64_t log_id);
