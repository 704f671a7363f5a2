/// @file services/ledger/expiry.h
/// Lets PENDING transfers expire on time while nothing else is written. Correctness does not hang
/// on it: whatever is written first lets everything expire that is due (unit.h), each at the very
/// time at which it was due.
/// Events     service->announce writes them, in the same transaction.
/// Threads    Its own, which sleeps until the next expiry is due (and looks once a second whether
///            another comes before it), and then submits a job.
#pragma once

#include "services/ledger/service.h"

struct ledger_expiry;

/// ledger_expiry_open starts the thread; the service must not move meanwhile.
void ledger_expiry_open(const struct ledger_service *service, struct ledger_expiry **ret);
/// ledger_expiry_stop joins the thread; before the store closes. close also frees. Both idempotent.
void ledger_expiry_stop(struct ledger_expiry *expiry);
void ledger_expiry_close(struct ledger_expiry **expiry);

/// ledger_expiry_run is one job's work: at most LEDGER_UNIT_EXPIRIES_MAX that are due now, with
/// their events. *ret_more: others are due.
MUST_USE struct status ledger_expiry_run(const struct ledger_service *service,
                                         struct store_txn *txn, bool *ret_more);
