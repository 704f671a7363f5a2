/// @file services/auth/sweep.h
/// Clears away what has run out: registrations with all that they hold, sessions, throttles, flows;
/// and forgets login activity that is older than the policy keeps.
/// Threads    One caller at a time, outside transactions.
#pragma once

#include "services/auth/service.h"

enum { AUTH_SWEEP_ROWS_MAX = 256 }; // Of one transaction: some milliseconds.

/// auth_sweep does one transaction's worth; *ret_count says how many entries were due. A living
/// session that has run out ends with an event. The gauges (counters.h) become metrics on the way.
MUST_USE struct status auth_sweep(const struct auth_service *service, uint64_t now_ns,
                                  size_t *ret_count);
