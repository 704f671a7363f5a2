/// @file services/auth/delivery.h
/// Messages on their way out: e-mail by SMTP, text messages by a webhook, or lines of a file.
/// Nothing is sent from a request: calls put messages into the store, the worker takes them out.
/// Promise    Each message at least once, unless it has run out (a code that nobody could use any
///            more is not sent). A message leaves the store after its server has taken it; a crash
///            in between sends it again, with the same Message-ID or Idempotency-Key.
/// Refused    What a server refuses for good (SMTP 5xx to RCPT or DATA, HTTP 4xx that speaks of the
///            message) is dropped and logged without its address.
/// Retries    All else is tried again after 1, 2, 4 … 300 s until it has run out, notices for 24 h.
///            Attempts and the next one's time are stored: a restart does not hammer.
/// Pauses     A server that does not answer, or refuses us and not the message, gets nothing for 1,
///            2, 4 … 30 s.
/// Threads    The worker's. Each attempt has its own (common/outbound): a server that hangs
///            holds up nothing else.
/// Errors     INVALID_ARGUMENT / DELIVERY_CONFIG (what is missing for `live`);
///            UNAVAILABLE / OUTBOX_NOT_WRITABLE.
#pragma once

#include "services/auth/service.h"

enum {
    AUTH_DELIVERY_IN_FLIGHT_MAX = 8,
    AUTH_DELIVERY_CHANNEL_MAX = 6, // Of these: the other channel goes on beside one that hangs.
    AUTH_DELIVERY_BACKOFF_S_MAX = 300,
    AUTH_DELIVERY_PAUSE_S_MAX = 30,
};

enum auth_delivery_mode {
    AUTH_DELIVERY_DEV,  // Lines of <outbox>/messages.jsonl, codes in clear.
    AUTH_DELIVERY_NONE, // Nobody delivers: messages wait, sealed.
    AUTH_DELIVERY_LIVE, // SMTP and the SMS webhook.
};

struct auth_delivery_config {
    enum auth_delivery_mode mode;
    const char *outbox_directory; // dev
    const char *smtp_url;         // "smtp://mail.bank.example:587", "smtps://…:465"
    const char *smtp_from;        // "Florin Bank <no-reply@bank.example>"
    const char *smtp_user, *smtp_password_file;
    bool smtp_needs_tls; // STARTTLS or nothing (smtps:// has TLS from the start).
    const char *sms_url; // POST {"to","text","kind","id"}; "": messages to mobiles are dropped
    const char *sms_token_file; // Authorization: Bearer <its first line>; "" for none.
    const char *tls_ca_file;    // "" for the system's.
    uint64_t timeout_ms;        // Of one attempt.
};

struct auth_delivery;

/// auth_delivery_open checks the configuration. Texts of it must live as long as the result.
MUST_USE struct status auth_delivery_open(const struct auth_service *service,
                                          const struct auth_delivery_config *config,
                                          struct auth_delivery **ret);
/// auth_delivery_close abandons what is under way; it stays in the store. Idempotent.
void auth_delivery_close(struct auth_delivery **delivery);

/// auth_delivery_turn files what has become of attempts, and begins those that are due. It never
/// waits for a server. now_ns: wall clock. Gives how long the next turn may wait, in ms, unless
/// auth_delivery_wait returns before (UINT64_MAX: as long as it likes).
uint64_t auth_delivery_turn(struct auth_delivery *delivery, uint64_t now_ns);
/// auth_delivery_wait returns when an attempt has ended, wake_fd is readable, or after wait_ms.
void auth_delivery_wait(struct auth_delivery *delivery, int wake_fd, uint64_t wait_ms);
size_t auth_delivery_in_flight(const struct auth_delivery *delivery);
