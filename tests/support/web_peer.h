/// @file tests/support/web_peer.h
/// An HTTP/1.1 server that tests play: takes a POST on each connection and answers as it is told.
/// Threads    Any may ask; its own threads talk.
#pragma once

#include "tests/support/peer.h"

enum { WEB_PEER_HEAD_BYTES = 4096, WEB_PEER_BODY_BYTES = 8192 };

struct web_received {
    char head[WEB_PEER_HEAD_BYTES]; // Request line and headers, each line ended by \n.
    char body[WEB_PEER_BODY_BYTES];
};

struct web_peer;

/// identity NULL: in clear.
struct web_peer *web_peer_open(const struct peer_identity *identity);
void web_peer_close(struct web_peer **peer);
uint16_t web_peer_port(const struct web_peer *peer);
/// web_peer_set_answer: "503 Busy", and further header lines, each ended by \r\n. status "": the
/// connection is dropped; NULL: it hangs.
void web_peer_set_answer(struct web_peer *peer, const char *status, const char *headers);
size_t web_peer_received(struct web_peer *peer, struct web_received *ret_last);
