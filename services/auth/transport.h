/// @file services/auth/transport.h
/// Single attempts at handing a message to a server, by libcurl: an e-mail by SMTP, a text message
/// by a POST. Several are under way at once, each on a thread of its own: libcurl waits for an SMTP
/// server's last replies without giving control back, also with its multi interface.
/// Blocking   Only auth_transport_wait waits, and auth_attempt_close for the end of the thread: at
///            once, or within a second when a name is being looked up.
/// Safety     Certificates are checked (TLS 1.2 and above), redirects are not followed, proxies of
///            the environment are not used, and each connection is used once.
/// Threads    The caller's one; those of the attempts stay within.
/// Errors     None: an attempt's report says what became of it.
/// Source     RFC 5321 (what a reply code speaks of), RFC 9110 section 15.
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum auth_attempt_result {
    AUTH_ATTEMPT_ACCEPTED,
    AUTH_ATTEMPT_REFUSED, // This message, for good: SMTP 5xx to RCPT or DATA, HTTP 4xx.
    AUTH_ATTEMPT_FAILED,  // Worth another attempt, later.
};

struct auth_attempt_report {
    enum auth_attempt_result result;
    bool is_answered; // It was the message that the server spoke of: the server itself works.
    uint32_t code;    // Of SMTP or HTTP; 0: there was none.
    const char *what; // Static; never carries an address.
    uint64_t wait_ms; // The server asked for so long before the next attempt; 0: it did not.
};

struct auth_transport_config {
    const char *tls_ca_file; // "" for the system's.
    uint64_t timeout_ms;     // Of one attempt, everything included.
};

struct auth_transport;
struct auth_attempt;

struct auth_transport *auth_transport_open(const struct auth_transport_config *config);
/// auth_transport_close comes after the close of every attempt. Idempotent.
void auth_transport_close(struct auth_transport **transport);

/// What an e-mail needs. All of a request, and the body, must stay until the attempt is closed.
struct auth_smtp_request {
    const char *url;             // smtp:// or smtps://
    bool needs_tls;              // STARTTLS or nothing.
    const char *user, *password; // user "": none.
    const char *from, *to;       // Addresses, safe ones (mail.h).
    struct bytes body;           // mail.h
};

struct auth_post_request {
    const char *url;   // http:// or https://
    const char *token; // Authorization: Bearer; "" for none. No control characters.
    const char *id;    // Idempotency-Key
    struct bytes body; // JSON
};

/// `context` comes back with the attempt. Never NULL.
struct auth_attempt *auth_transport_start_smtp(struct auth_transport *transport,
                                               const struct auth_smtp_request *request,
                                               void *context);
struct auth_attempt *auth_transport_start_post(struct auth_transport *transport,
                                               const struct auth_post_request *request,
                                               void *context);
/// auth_attempt_cancel makes one that is under way end soon: before several are closed.
void auth_attempt_cancel(struct auth_attempt *attempt);
void auth_attempt_close(struct auth_attempt **attempt); // Cancels too. Idempotent.

/// auth_transport_next gives an attempt that has ended, each once: its context, or NULL.
void *auth_transport_next(struct auth_transport *transport, struct auth_attempt_report *ret);
/// auth_transport_wait returns when an attempt has ended, wake_fd is readable, or after wait_ms.
void auth_transport_wait(struct auth_transport *transport, int wake_fd, uint64_t wait_ms);
