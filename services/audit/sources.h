/// @file services/audit/sources.h
/// Where events come from: one subscriber for each daemon's outbox, this one's included. Audit's
/// own acts take the same path as everybody's, so there is one way into the log.
/// Threads    Each subscriber's thread fills its own batch; the lock guards the subscribers against
///            being closed while health or status looks at them.
/// Source     design 05 "What goes in", design 01 section 4.
#pragma once

#include "common/daemon/daemon.h"
#include "services/audit/service.h"

#include <pthread.h>

enum { AUDIT_SOURCES = 4 };

extern const char *const audit_source_names[AUDIT_SOURCES];

struct audit_sources;

struct audit_source {
    struct audit_sources *all;
    const char *name;
    struct audit_batch batch;
    struct metric *events_total, *lag, *stale;
    struct event_subscriber *subscriber; // Under the lock.
};

struct audit_sources {
    struct audit_service *service;
    pthread_mutex_t lock;
    struct audit_source items[AUDIT_SOURCES];
};

void audit_sources_open(struct audit_service *service, struct audit_sources *ret);
/// audit_sources_start subscribes to all of them, from their marks on.
MUST_USE struct status audit_sources_start(struct audit_sources *sources, struct daemon *daemon);
void audit_sources_stop(struct audit_sources *sources);
void audit_sources_close(struct audit_sources *sources);

/// audit_sources_state: where one stands; false while it is not subscribed to.
bool audit_sources_state(struct audit_sources *sources, size_t which,
                         struct event_subscriber_state *ret);

/// audit_sources_serving is the health part "sources": not serving when one needs an operator; a
/// stale one is told in the detail only, because the log is as good without its newest events.
bool audit_sources_serving(void *context, const char **ret_detail);

/// audit_sources_handle is event_subscriber_config.handle; context: a struct audit_source.
struct status audit_sources_handle(void *context, const struct event_view *events, size_t count,
                                   uint64_t log_id);
