/// @file services/audit/webhook_message.h
/// A message as it is posted: body and headers of Standard Webhooks 1.0.
/// Body       {"type": …, "timestamp": RFC 3339, "data": the event as message AuditEvent}
/// Headers    webhook-id, webhook-timestamp (of the attempt, s), webhook-signature: for each secret
///            "v1," and base64 of HMAC-SHA-256 over "<id>.<timestamp>.<body>", a space between two.
/// Ownership  All of it lies in the arena.
/// Threads    Any.
/// Errors     NOT_FOUND / ENTRY_PRUNED, ENTRY_NOT_FOUND; RESOURCE_EXHAUSTED /
///            REQUEST_TOO_COMPLEX; DATA_LOSS (the entry or a secret is damaged).
/// Source     github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md
#pragma once

#include "common/outbound/outbound.h"
#include "services/audit/webhook.h"

enum {
    AUDIT_WEBHOOK_HEADERS = 3,
    AUDIT_WEBHOOK_SIGNATURE_BYTES = 3 + 44 + 1 + 3 + 44 + 1, // Two, and a NUL.
};

struct audit_webhook_message {
    const char *url, *user_agent;
    struct outbound_header headers[AUDIT_WEBHOOK_HEADERS];
    struct bytes body;
};

MUST_USE struct status audit_webhook_make_message(struct store_txn *txn, const struct seal *seal,
                                                  const struct audit_webhook *webhook,
                                                  uint64_t index, uint64_t now_ns,
                                                  struct arena *arena,
                                                  struct audit_webhook_message *ret);

/// audit_webhook_sign writes the signature header for one or two secrets.
void audit_webhook_sign(const uint8_t secrets[][AUDIT_WEBHOOK_SECRET_BYTES], size_t count,
                        const char *id, const char *timestamp, struct bytes body,
                        char ret[static AUDIT_WEBHOOK_SIGNATURE_BYTES]);
