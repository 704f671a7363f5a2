/// @file tests/crash/kills.h
/// kill -9 of daemons at random moments, and waiting for the supervisor to start them again.
/// Failures   A daemon that does not come back fails the test.
/// Threads    The test's own, with whatever load beside it.
#pragma once

#include "tests/support/world.h"

struct kills {
    const struct world *world;
    const char *const *daemons; // One that stands there twice dies twice as often.
    size_t daemon_count;
    unsigned count;        // So many are killed, sometimes two at once.
    unsigned pause_ms_max; // Between them. A daemon that dies young is started again later.
};

/// kills_seed is new each time, or $FLORIN_SEED; it is printed.
unsigned kills_seed(void);
/// kills_run gives how many were killed. Everything is ready again then.
unsigned kills_run(const struct kills *kills, unsigned seed);
