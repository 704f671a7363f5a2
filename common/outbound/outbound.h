/// @file common/outbound/outbound.h
/// Single attempts at handing something to a server outside, by libcurl: an e-mail by SMTP, any
/// bytes by an HTTP POST. Several are under way at once, each on a thread of its own: libcurl waits
/// for an SMTP server's last replies without giving control back, also with its multi interface.
/// Blocking   Only outbound_wait waits, and outbound_attempt_close for the end of the thread: at
///            once, or within a second when a name is being looked up.
/// Safety     Certificates are checked (TLS 1.2 and above), redirects are not followed, proxies of
///            the environment are not used, and each connection is used once. With `public_only`
///            each address is looked at when it is connected to, so that a name cannot say one
///            thing when it is checked and another when it is used.
/// Threads    The caller's one; those of the attempts stay within.
/// Errors     None: an attempt's report says what became of it.
/// Source     RFC 5321 (what a reply code speaks of), RFC 9110 section 15 and 10.2.3.
#pragma once

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OUTBOUND_ANSWER_BYTES_MAX = 64 * 1024, // More of an answer's body is not read.
    OUTBOUND_HEADERS_MAX = 8,
    OUTBOUND_HEADER_BYTES_MAX = 1024, // Name and value.
};

enum outbound_result {
    OUTBOUND_ACCEPTED,
    OUTBOUND_REFUSED, // This message, for good: SMTP 5xx to RCPT or DATA, HTTP 4xx.
    OUTBOUND_FAILED,  // Worth another attempt, later.
};

struct outbound_report {
    enum outbound_result result;
    bool is_answered;  // It was the message that the server spoke of: the server itself works.
    bool is_forbidden; // Every address of the host was one that public_only does not allow.
    uint32_t code;     // Of SMTP or HTTP; 0: there was none.
    const char *what;  // Static; never carries an address.
    uint64_t wait_ms;  // The server asked for so long before the next attempt; 0: it did not.
    uint32_t duration_ms;
    const char *content_type; // Of a POST's answer; "" for none. Until the attempt is closed.
    struct bytes answer;      // What keep_answer keeps. Until the attempt is closed.
};

struct outbound_config {
    const char *tls_ca_file; // "" for the system's.
    uint64_t timeout_ms;     // Of one attempt, everything included.
};

struct outbound;
struct outbound_attempt;

struct outbound *outbound_open(const struct outbound_config *config);
/// outbound_close comes after the close of every attempt. Idempotent.
void outbound_close(struct outbound **outbound);

/// What an e-mail needs. All of a request, and the body, must stay until the attempt is closed.
struct outbound_mail {
    const char *url;             // smtp:// or smtps://
    bool needs_tls;              // STARTTLS or nothing.
    const char *user, *password; // user "": none.
    const char *from, *to;       // Addresses, without characters that SMTP gives a meaning.
    struct bytes body;
};

/// One header; an empty value leaves it out.
struct outbound_header {
    const char *name, *value;
};

/// outbound_header_is_safe: without control characters (so without an end of a line), and not too
/// long. A POST's headers must all be (CHECK); headers are copied.
bool outbound_header_is_safe(const struct outbound_header *header);

struct outbound_post {
    const char *url; // http:// or https://
    const char *content_type;
    const char *user_agent; // NULL: none.
    const struct outbound_header *headers;
    size_t header_count; // At most OUTBOUND_HEADERS_MAX.
    struct bytes body;
    bool https_only;
    bool public_only; // Not to loopback, private, link-local … addresses (address.h).
    bool keep_answer; // The body of the answer is of interest, and too long a one is a failure.
};

/// `context` comes back with the attempt. Never NULL.
struct outbound_attempt *outbound_start_mail(struct outbound *outbound,
                                             const struct outbound_mail *mail, void *context);
struct outbound_attempt *outbound_start_post(struct outbound *outbound,
                                             const struct outbound_post *post, void *context);
/// outbound_attempt_cancel makes one that is under way end soon: before several are closed.
void outbound_attempt_cancel(struct outbound_attempt *attempt);
void outbound_attempt_close(struct outbound_attempt **attempt); // Cancels too. Idempotent.

/// outbound_next gives an attempt that has ended, each once: its context, or NULL.
void *outbound_next(struct outbound *outbound, struct outbound_report *ret);
/// outbound_wait returns when an attempt has ended, wake_fd is readable, or after wait_ms.
void outbound_wait(struct outbound *outbound, int wake_fd, uint64_t wait_ms);
