/// @file services/audit/witnessing.h
/// Asks the witnesses to cosign checkpoints, and publishes what enough of them have signed.
/// How        In rounds: the newest durable checkpoint is posted to every witness that is free, and
///            is published once `needed` have cosigned it. One that is slow is left behind and
///            joins a later round; one that fails is asked again after a while.
/// Invariant  A witness that has seen more than this log has, or another history, means that the
///            store is an older copy or a fork: the daemon does not start, and one that runs stops.
/// Blocking   open waits for each witness's first answer, a few seconds at most. Then a thread of
///            its own; the store's writer only wakes it.
/// Errors     FAILED_PRECONDITION / LOG_ROLLED_BACK; those of witness_list.h and publication.h.
/// Source     design 05 "Witness", c2sp.org/tlog-witness.
#pragma once

#include "services/audit/publication.h"
#include "services/audit/witness_list.h"

enum {
    AUDIT_WITNESS_TIMEOUT_MS = 3000, // Of one request, everything included.
    AUDIT_WITNESS_OPEN_MS = 5000,    // For all of them, at open.
    AUDIT_WITNESS_GRACE_MS = 250,    // For the others, once enough have signed.
    AUDIT_WITNESS_RETRY_MS_MIN = 250,
    AUDIT_WITNESS_RETRY_MS_MAX = 5000,
};

struct audit_witnessing;

/// audit_witnessing_open loads nothing: the list is copied. With an empty list it only settles what
/// is published.
MUST_USE struct status audit_witnessing_open(struct audit_service *service,
                                             const struct audit_witness_list *list, unsigned needed,
                                             struct audit_witnessing **ret);
MUST_USE struct status audit_witnessing_start(struct audit_witnessing *witnessing);
/// audit_witnessing_stop joins the thread, in the middle of a request too. Idempotent.
void audit_witnessing_stop(struct audit_witnessing *witnessing);
void audit_witnessing_close(struct audit_witnessing **witnessing); // Idempotent.

size_t audit_witnessing_count(const struct audit_witnessing *witnessing); // Of witnesses.
/// audit_witnessing_serving is the health part "witnesses": it serves whatever they do, because
/// events are taken in all the same; the detail says how they are.
bool audit_witnessing_serving(void *context, const char **ret_detail);
