/// @file services/audit/webhook_event.h
/// What the log is told of webhooks: audit.webhook.created, .updated, .deleted, .secret_rotated,
/// .disabled, with the digests of the record before and after.
/// Threads    Inside a write transaction.
/// In         convert_webhook.c (the payload is a generated message).
#pragma once

#include "common/rpc/call.h"
#include "services/audit/webhook.h"

enum audit_webhook_event {
    AUDIT_WEBHOOK_IS_CREATED,
    AUDIT_WEBHOOK_IS_UPDATED,
    AUDIT_WEBHOOK_IS_DELETED,
    AUDIT_WEBHOOK_IS_ROTATED,
    AUDIT_WEBHOOK_IS_DISABLED,
};

/// audit_webhook_event_note comes before the record is written.
void audit_webhook_event_note(struct store_txn *txn, struct id128 id);
/// audit_webhook_event_append: call NULL: the daemon's own doing.
void audit_webhook_event_append(struct store_txn *txn, const struct rpc_call *call,
                                enum audit_webhook_event event,
                                const struct audit_webhook *webhook);
