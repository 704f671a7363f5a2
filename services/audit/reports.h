/// @file services/audit/reports.h
/// The part that makes something of the log: counts, suspicion and notifications, each a follower.
/// Threads    open, close: main.
/// Errors     of open: those of suspicion.h (what is wrong in the configuration).
#pragma once

#include "services/audit/counts.h"
#include "services/audit/inbox.h"
#include "services/audit/suspicion.h"

struct audit_reports {
    struct audit_counts *counts;
    struct audit_suspicion *suspicion;
    struct audit_inbox *inbox;
};

/// audit_reports_open adds its followers.
MUST_USE struct status audit_reports_open(const struct audit_suspicion_config *config,
                                          uint32_t inbox_days, struct audit_followers *followers,
                                          struct audit_reports **ret);
void audit_reports_close(struct audit_reports **reports); // Idempotent; after the followers' stop.
