/// @file common/rpc/redial.h
/// Keeps a socket dialling. nng dials again by itself after every failure but one, after which its
/// dialer stays silent for ever (counters.h says which). A dialer that has had such a failure, and
/// to which nothing has happened since for longer than it ever pauses, is replaced: after 400 ms,
/// and then twice as late each time up to 4 s. A peer that is simply away causes none of this: a
/// dialer that still dials is left alone, because closing one is not what nng 1.5.2 does best (it
/// has known races there). Threads    One at a time; never with a lock that nng's callbacks take.
/// Ownership  Address and TLS paths are copied.
#pragma once

#include "common/rpc/transport.h"

struct redial {
    nng_socket socket;
    nng_dialer dialer;
    char *url;
    struct rpc_tls_config tls;
    uint64_t look_ns;  // Mono time of the next look; 0: now.
    uint64_t still_ns; // Since when nothing has happened to the dialer; 0: it was connected.
    uint64_t events;   // Of the dialer, when we looked last.
    uint64_t pause_ns; // How long nothing may happen this time.
};

MUST_USE struct status redial_open(nng_socket socket, const char *url,
                                   const struct rpc_tls_config *tls, struct redial *ret);
void redial_close(struct redial *redial); // The socket, and so the dialer, stays. Idempotent.

/// redial_look takes note of whether the socket is connected, and replaces the dialer where it has
/// given up. Call it on changes, and no later than the mono time it gives (UINT64_MAX: none).
uint64_t redial_look(struct redial *redial, bool is_connected);
