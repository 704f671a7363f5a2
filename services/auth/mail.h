/// @file services/auth/mail.h
/// An e-mail as bytes: headers, and a text in quoted-printable. Lines end with CRLF.
/// Injection  Impossible: senders and addresses with anything but visible ASCII are refused, and
///            subjects that are not plain ASCII are encoded words.
/// Pure: no I/O, clock or allocation.
/// Source     RFC 5322, RFC 2045 section 6.7, RFC 2047, RFC 3834 (Auto-Submitted).
#pragma once

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    AUTH_MAIL_NAME_BYTES = 129,    // With the final NULs.
    AUTH_MAIL_ADDRESS_BYTES = 255, // RFC 5321 section 4.5.3.1.
    AUTH_MAIL_BYTES_MAX = 12 * 1024,
};

struct auth_mail_sender {
    char name[AUTH_MAIL_NAME_BYTES]; // "" for none.
    char address[AUTH_MAIL_ADDRESS_BYTES];
};

/// auth_mail_parse_sender reads `Florin Bank <no-reply@bank.example>`, or the address alone; false
/// when it is neither.
bool auth_mail_parse_sender(const char *text, struct auth_mail_sender *ret);
/// auth_mail_address_is_safe: visible ASCII, one @, nothing that ends an address or a line.
bool auth_mail_address_is_safe(const char *address);

struct auth_mail {
    const struct auth_mail_sender *from;
    const char *to;         // CHECK: auth_mail_address_is_safe.
    const char *subject;    // UTF-8, at most 200 bytes.
    const char *text;       // UTF-8, lines end with \n; at most 2 KiB.
    const char *message_id; // Before the @ of the sender's domain.
    uint64_t at_ns;
};

/// auth_mail_write gives the size. The same mail has the same bytes.
size_t auth_mail_write(const struct auth_mail *mail, char ret[static AUTH_MAIL_BYTES_MAX]);
