/// @file common/rpc/redial.h
/// Keeps a socket dialling. nng 1.5.2 dials again by itself after every failure but one: when the
/// peer dies between the connection and the first byte of the protocol's greeting (EPIPE, which nng
/// takes for a close of our own), its dialer stays silent for ever. So whoever has not been
/// connected for longer than nng's longest pause gets a new dialer: after 3 s, and then twice as
/// late each time up to a minute, because a peer that is simply away needs none, and closing a
/// dialer is not what nng 1.5.2 does best (it has known races there).
/// Threads    One at a time; never with a lock that nng's callbacks take.
/// Ownership  Address and TLS paths are copied.
#pragma once

#include "common/rpc/transport.h"

struct redial {
    nng_socket socket;
    nng_dialer dialer;
    char *url;
    struct rpc_tls_config tls;
    uint64_t due_mono_ns; // When a new dialer is due; 0: not away, as far as we were told.
    uint64_t patience_ns; // How long it is waited for this time.
};

MUST_USE struct status redial_open(nng_socket socket, const char *url,
                                   const struct rpc_tls_config *tls, struct redial *ret);
void redial_close(struct redial *redial); // The socket, and so the dialer, stays. Idempotent.

/// redial_look takes note of whether the socket is connected, and dials anew when it has been away
/// for too long. Call it on changes, and no later than the mono time it gives (UINT64_MAX: none).
uint64_t redial_look(struct redial *redial, bool is_connected);
