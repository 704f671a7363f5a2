/// @file services/ctl/supervisor.h
/// Keeps the five daemons running: starts them, learns that they are ready (sd_notify), starts
/// again what died after a back-off, stops all on SIGTERM or SIGINT, passes SIGHUP on. Back-off 100
/// ms doubling to 5 s; forgotten after 10 s of running. Giving up   A daemon that fails 3 times
/// before it was ever ready (a bad configuration, say) stops
///             everything: its log says why.
/// Threads     One; signals arrive by signalfd.
#pragma once

#include "services/ctl/ctl.h"

#include <sys/types.h>

struct supervisor_config {
    const char *data;   // Absolute.
    const char *bin;    // Where florin-<daemon> lie.
    const char *listen; // The gateway's address:port.
    /// Called once, when all daemons are ready (status OK) or when it gives up.
    void (*settled)(void *context, struct status status);
    void *context;
};

/// supervisor_run returns when told to stop (OK) or when it gave up.
MUST_USE struct status supervisor_run(const struct supervisor_config *config);
