/// @file services/audit/consumers.h
/// What is on its way to durable consumers: the memory half of consumer_core.h, one place for each
/// of them, and what is measured of them.
/// Restart    Flights are begun anew when the daemon starts, so that everything unacknowledged
///            comes again. What another process may have delivered can still be acknowledged.
/// Metrics    florin_audit_consumer_lag and florin_audit_consumer_redeliveries_total, for the first
///            AUDIT_CONSUMER_SERIES_MAX names that this process sees: series live as long as it
///            does. A deleted consumer's lag is 0.
/// Threads    Any. audit_consumers_lock holds the one lock, briefly: no reading, no writing, no
///            waiting under it.
#pragma once

#include "services/audit/consumer_core.h"
#include "services/audit/service.h"

enum { AUDIT_CONSUMER_SERIES_MAX = 512 };

struct audit_consumers;

/// audit_consumers_open reads the store: nothing is served yet.
MUST_USE struct status audit_consumers_open(struct audit_service *service,
                                            struct audit_consumers **ret);
void audit_consumers_close(struct audit_consumers **consumers); // Idempotent.
/// audit_consumers_start measures once a second, on a thread of its own, until the stop.
void audit_consumers_start(struct audit_consumers *consumers);
void audit_consumers_stop(struct audit_consumers *consumers); // Idempotent.

/// audit_consumers_lock gives the consumer's flight, which follows what the transaction says of it.
/// Unlock before anything else is done.
MUST_USE struct status audit_consumers_lock(struct audit_consumers *consumers,
                                            struct store_txn *txn,
                                            const struct audit_consumer *consumer,
                                            struct audit_flight **ret);
void audit_consumers_unlock(struct audit_consumers *consumers);

/// audit_consumers_save stores that everything below `settled` is acknowledged or does not match,
/// if the consumer is still this one. Waits for the commit.
MUST_USE struct status audit_consumers_save(struct audit_consumers *consumers, const char *name,
                                            struct id128 id, uint64_t settled,
                                            uint64_t redeliveries);

/// audit_consumers_measure sets the metrics: the thread's work.
void audit_consumers_measure(struct audit_consumers *consumers);
