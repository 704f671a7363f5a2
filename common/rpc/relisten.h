/// @file common/rpc/relisten.h
/// Keeps a socket listening. nng 1.5.2 may stop accepting for good (counters.h says when): later
/// peers connect and are never served. A failure to accept shows in nng's statistics; whoever sees
/// one knocks, and when nobody minds the door the socket listens anew. Peers of the old listener
/// lose their connection and dial again.
/// Cost       A look is some microseconds; call it every RELISTEN_LOOK_MS or so.
/// Threads    One at a time; not in nng's callbacks, and with no lock that they take.
/// Ownership  Address and TLS paths are copied.
#pragma once

#include "common/rpc/transport.h"

enum { RELISTEN_LOOK_MS = 200 };

struct relisten {
    nng_socket socket;
    nng_listener listener;
    char *url;
    struct rpc_tls_config tls;
    bool allow_plain_tcp;
    uint64_t failures; // To accept, that nng cannot explain, as seen last.
};

/// Errors of transport_listen. A zeroed object is closed.
MUST_USE struct status relisten_open(nng_socket socket, const char *url,
                                     const struct rpc_tls_config *tls, bool allow_plain_tcp,
                                     struct relisten *ret);
void relisten_close(struct relisten *relisten); // The listener stays. Idempotent.
void relisten_look(struct relisten *relisten);
