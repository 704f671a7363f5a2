/// @file services/audit/retention.h
/// What is old leaves: whole bundles of 256 entries, with their sides and search rows. Their hashes
/// stay, so every proof, tile and checkpoint is as good as before.
/// Rules      A bundle goes when its newest entry is older than retention_days, when it is full,
///            published and not the last one, and when everybody who goes through the log (the
///            floors) is beyond it.
/// Crash      A step deletes at most AUDIT_RETENTION_STEP bundles, moves "first" and is one commit.
///            The event audit.log.pruned is part of the run's last step; a run that died before it
///            is told by the next one, from where the last told one ended.
/// Threads    A thread of its own between start and stop. add_floor: in the parts' open.
/// Source     design 05 "Retention policy".
#pragma once

#include "services/audit/service.h"

enum { AUDIT_RETENTION_FLOORS_MAX = 8, AUDIT_RETENTION_STEP = 4 };

#define AUDIT_RETENTION_DAY_NS (UINT64_C(86400) * 1000000000)

struct audit_retention;

/// audit_retention_open: days 0 keeps everything.
struct audit_retention *audit_retention_open(struct audit_service *service, uint32_t days);
void audit_retention_close(struct audit_retention **retention); // Idempotent.

/// A floor gives the index below which its owner needs nothing any more; UINT64_MAX: it needs
/// nothing at all. What counts is asked on the writer thread, inside the transaction that prunes;
/// before that the retention's own thread asks in a snapshot whether there is anything to do.
typedef struct status (*audit_retention_floor)(void *context, struct store_txn *txn, uint64_t *ret);

/// audit_retention_add_floor: in open, before the start. retention NULL is fine: nothing is pruned.
void audit_retention_add_floor(struct audit_retention *retention, audit_retention_floor floor,
                               void *context);

uint32_t audit_retention_days(const struct audit_retention *retention); // 0 for NULL.

/// audit_retention_run prunes all that is due at this time and gives how many entries went.
MUST_USE struct status audit_retention_run(struct audit_retention *retention, uint64_t now_ns,
                                           uint64_t *ret_pruned);

/// The thread: runs when it starts and then once a minute.
void audit_retention_start(struct audit_retention *retention);
void audit_retention_stop(struct audit_retention *retention); // Joins; idempotent.
