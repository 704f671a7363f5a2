/// @file common/event/socket.h
/// What PUB and SUB have in common. Not for other modules.
/// Addresses, TLS and peers follow common/rpc/transport.h; plain tcp:// is for loopback only.
#pragma once

#include "common/rpc/transport.h"

#include <pthread.h>

/// event_socket_prepare sets limits and turns away ipc peers of other users; before any address.
MUST_USE struct status event_socket_prepare(nng_socket socket);

/// event_thread_start makes a named thread with a small stack that takes no signals; CHECKs.
void event_thread_start(pthread_t *ret, const char *name, void *(*run)(void *context),
                        void *context);
