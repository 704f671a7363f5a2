/// @file services/witness/server.h
/// The witness on HTTP: POST /add-checkpoint, GET /verifier-key, and for monitors
/// GET /<SHA-256 of the origin, hex>/checkpoint.
/// Threads    open and close: the same one. Requests run on the engine's loop.
/// Errors     Those of http_server_open.
/// Source     c2sp.org/tlog-witness.
#pragma once

#include "services/witness/service.h"

struct witness_server;

/// witness_server_open: the service outlives the server; its store is closed between drain and
/// close, because jobs that wait there answer on the loop.
MUST_USE struct status witness_server_open(const struct witness_service *service,
                                           const char *address, uint16_t port,
                                           struct witness_server **ret);
uint16_t witness_server_port(const struct witness_server *server);
void witness_server_drain(struct witness_server *server);
void witness_server_close(struct witness_server **server); // Idempotent.
