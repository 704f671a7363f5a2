/// @file tests/support/mail_peer.h
/// An SMTP server that tests play: takes mail, or goes wrong where it is told.
/// Threads    Any may ask; its own threads talk.
#pragma once

#include "tests/support/peer.h"

enum { MAIL_PEER_BODY_BYTES = 16 * 1024, MAIL_PEER_TEXT_BYTES = 256 };

/// Where a connection stands: what is to be answered next.
enum mail_step {
    MAIL_GREETING,
    MAIL_EHLO,
    MAIL_STARTTLS,
    MAIL_AUTH,
    MAIL_FROM,
    MAIL_RCPT,
    MAIL_DATA,
    MAIL_BODY, // The whole mail is there.
    MAIL_QUIT,
    MAIL_STEP_COUNT
};

/// What goes wrong, once in each connection while it holds.
struct mail_trouble {
    enum mail_step at;
    const char *reply; // "450 later"; "": the connection is dropped; NULL: it hangs.
};

struct mail_peer_config {
    uint16_t port; // 0: any.
    /// NULL: no STARTTLS.
    const struct peer_identity *identity;
    bool is_tls_from_start;
    const char *user, *password; // NULL: AUTH is not offered.
};

struct mail_received {
    char from[MAIL_PEER_TEXT_BYTES], to[MAIL_PEER_TEXT_BYTES];
    char body[MAIL_PEER_BODY_BYTES]; // Without the doubled dots.
    bool is_tls, is_authenticated;
    bool is_accepted; // Answered with 250.
};

struct mail_peer;

struct mail_peer *mail_peer_open(const struct mail_peer_config *config);
void mail_peer_close(struct mail_peer **peer);
uint16_t mail_peer_port(const struct mail_peer *peer);
/// mail_peer_set_trouble holds for the connections from now on; NULL: none.
void mail_peer_set_trouble(struct mail_peer *peer, const struct mail_trouble *trouble);
size_t mail_peer_connections(struct mail_peer *peer);
/// mail_peer_reached counts how often a step was reached.
size_t mail_peer_reached(struct mail_peer *peer, enum mail_step step);
/// mail_peer_received counts the mails that arrived whole, accepted or not; ret_last may be NULL.
size_t mail_peer_received(struct mail_peer *peer, struct mail_received *ret_last);
