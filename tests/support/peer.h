/// @file tests/support/peer.h
/// Servers that tests play: a listener on 127.0.0.1, a thread for each connection, TLS when asked.
/// mail_peer.h and web_peer.h speak a protocol each.
/// Waiting    Nothing here sleeps: reads end with the connection, and closing ends connections.
/// Failures   CHECKed, but for what the other end does.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// A certificate that signs itself, and its key.
struct peer_identity;

/// peer_identity_make writes the certificate to `pem_path`, for those who are to trust it.
struct peer_identity *peer_identity_make(const char *host, const char *pem_path);
void peer_identity_free(struct peer_identity **identity); // Idempotent.

struct peer;
struct peer_line; // One connection.

/// Talks until the connection is to end; on a thread of its own.
typedef void (*peer_talk)(struct peer_line *line, void *context);

/// peer_open listens; port 0: any that is free.
struct peer *peer_open(uint16_t port, peer_talk talk, void *context);
uint16_t peer_port(const struct peer *peer);
/// peer_close ends all connections and waits for their threads. Idempotent.
void peer_close(struct peer **peer);
/// peer_line_number counts the connections from 0.
size_t peer_line_number(const struct peer_line *line);

/// All give false when the other end is gone. A line is given without its CRLF.
bool peer_read_line(struct peer_line *line, char *ret, size_t ret_bytes);
bool peer_read(struct peer_line *line, char *ret, size_t size);
bool peer_write(struct peer_line *line, const char *text);
bool peer_start_tls(struct peer_line *line, const struct peer_identity *identity);
/// peer_hang says nothing more until the other end, or the test, ends the connection.
void peer_hang(struct peer_line *line);
