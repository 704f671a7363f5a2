/// @file services/audit/parts.h
/// What the daemon is made of besides the log itself: each part opens, starts, stops and closes by
/// its own file, and keeps its state in the audit_context.
/// Order      open and start in the order of main.c's table, stop and close backwards. The tail is
///            stopped before the first stop. Store and outbox are open in open; the store is closed
///            before close.
#pragma once

#include "common/daemon/daemon.h"
#include "services/audit/rpc.h"

struct audit_part {
    struct status (*open)(struct audit_context *context, struct daemon *daemon); // May be NULL,
    struct status (*start)(struct audit_context *context,
                           struct daemon *daemon); // like the others.
    void (*stop)(struct audit_context *context);   // Idempotent; also when start was not called.
    void (*close)(struct audit_context *context);  // Idempotent; also when open failed half-way.
};

extern const struct audit_part audit_witness_part;   // witness_part.c
extern const struct audit_part audit_retention_part; // retention.c
extern const struct audit_part audit_consumer_part;  // consumers.c
extern const struct audit_part audit_webhook_part;   // webhooks.c: adds its follower
extern const struct audit_part audit_report_part;   // reports.c: counts, suspicion and inbox follow
extern const struct audit_part audit_follower_part; // follower.c: the last, so that all were added
