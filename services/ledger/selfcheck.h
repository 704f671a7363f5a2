/// @file services/ledger/selfcheck.h
/// Verifies the books once after each start, on a thread of its own, while the ledger serves.
/// Result     Findings are logged, each by name, and turn the daemon's health off: an operator must
///            look. Money stays where the store says it is.
/// Threads    open, stop and close from the main thread; is_clean from any.
#pragma once

#include "services/ledger/verify.h"

struct ledger_selfcheck;

void ledger_selfcheck_open(struct store *store, struct ledger_selfcheck **ret);
/// Ends a check under way; what it found can still be asked for. Idempotent.
void ledger_selfcheck_stop(struct ledger_selfcheck *selfcheck);
/// Stops, frees, sets *selfcheck to NULL; idempotent.
void ledger_selfcheck_close(struct ledger_selfcheck **selfcheck);
/// For daemon_health_add; context: the selfcheck. true while it runs and after a clean result.
bool ledger_selfcheck_is_clean(void *selfcheck, const char **ret_detail);
