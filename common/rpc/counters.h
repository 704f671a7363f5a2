/// @file common/rpc/counters.h
/// What nng counts of one dialer or one listener. nng 1.5.2 gives up for good when a peer is gone
/// between the connection and the greeting (EPIPE, which it takes for a close of our own; its issue
/// #1518): the dialer dials no more, the listener accepts no more, and nothing tells but these
/// numbers. redial and relisten look at them.
/// Threads    Any. A look takes some microseconds, and no lock that nng's callbacks hold.
#pragma once

#include <stdint.h>

struct counters {
    uint64_t unexplained; // Failures that nng cannot explain: that one is among them.
    uint64_t all;         // Everything that has happened.
};

/// counters_read of the "dialer" or "listener" with that id. Zeros where it is no longer there, or
/// nng was built without statistics (Debian's has them).
struct counters counters_read(const char *scope, int id);
