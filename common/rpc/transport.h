/// @file common/rpc/transport.h
/// What server and channel share of nng: addresses, TLS, whose peer it is, message size.
/// Addresses  ipc:///path (in a 0700 directory, peer's uid ours or root's), tls+tcp://host:port
///            (mutual TLS), inproc://name (tests), tcp://host:port (loopback, when allowed).
/// Errors     INVALID_ARGUMENT / RPC_URL, FAILED_PRECONDITION / SOCKET_DIRECTORY_OPEN,
///            FAILED_PRECONDITION / TLS_CONFIG, UNAVAILABLE / RPC_SOCKET.
#pragma once

#include "common/rpc/server.h"

#include <nng/nng.h>

enum { TRANSPORT_RECONNECT_MS_MAX = 250 };

/// transport_status turns nng's error number into a status; `during` is a static text.
struct status transport_status(int error, const char *during);

/// transport_set_common sets what both kinds of socket need before they are used.
MUST_USE struct status transport_set_common(nng_socket socket);
/// transport_listen: use common/rpc/relisten.h, which makes sure that it lasts.
MUST_USE struct status transport_listen(nng_socket socket, const char *url,
                                        const struct rpc_tls_config *tls, bool allow_plain_tcp,
                                        nng_listener *ret);
/// transport_dial does not wait for the peer: nng tries again, from 10 to 250 ms apart. Use
/// common/rpc/redial.h, which makes sure that it does.
MUST_USE struct status transport_dial(nng_socket socket, const char *url,
                                      const struct rpc_tls_config *tls, nng_dialer *ret);

/// transport_tls_copy gives texts of its own, which transport_tls_free frees.
struct rpc_tls_config transport_tls_copy(const struct rpc_tls_config *tls);
void transport_tls_free(struct rpc_tls_config *tls); // Idempotent.

/// transport_peer_is_ours is true for every pipe but an ipc one of another user.
bool transport_peer_is_ours(nng_pipe pipe);
