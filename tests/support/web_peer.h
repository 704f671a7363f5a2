/// @file tests/support/web_peer.h
/// An HTTP/1.1 server that tests play: takes a POST on each connection and answers as it is told.
/// Threads    Any may ask; its own threads talk.
#pragma once

#include "tests/support/peer.h"

enum { WEB_PEER_HEAD_BYTES = 4096, WEB_PEER_BODY_BYTES = 128 * 1024 };

struct web_received {
    char head[WEB_PEER_HEAD_BYTES]; // Request line and headers, each line ended by \n.
    char body[WEB_PEER_BODY_BYTES];
};

/// web_received_header copies a header's value, or "" for none; the name as it was sent.
void web_received_header(const struct web_received *received, const char *name, char *ret,
                         size_t ret_bytes);

struct web_peer;

/// identity NULL: in clear.
struct web_peer *web_peer_open(const struct peer_identity *identity);
void web_peer_close(struct web_peer **peer);
uint16_t web_peer_port(const struct web_peer *peer);

/// What is answered: "503 Busy"; further header lines, each ended by \r\n; a body ("{}" for NULL).
/// status "": the connection is dropped; NULL: it hangs.
struct web_answer {
    const char *status, *headers, *body;
};

/// web_peer_set_answer: to everything from now on.
void web_peer_set_answer(struct web_peer *peer, const char *status, const char *headers);
/// web_peer_set_answerer: what the function says, which sees each request (the first is number 0)
/// on its connection's thread, one after the other.
typedef struct web_answer (*web_answerer)(void *context, size_t number,
                                          const struct web_received *request);
void web_peer_set_answerer(struct web_peer *peer, web_answerer answer, void *context);
/// web_peer_received counts the requests so far, and gives the last one; NULL: not that.
size_t web_peer_received(struct web_peer *peer, struct web_received *ret_last);
