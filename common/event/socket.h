/// @file common/event/socket.h
/// What PUB and SUB have in common. Not for other modules.
/// Addresses, TLS and peers follow common/rpc/transport.h; plain tcp:// is for loopback only.
#pragma once

#include "common/rpc/transport.h"

/// event_socket_prepare sets limits and turns away ipc peers of other users; before any address.
MUST_USE struct status event_socket_prepare(nng_socket socket);
