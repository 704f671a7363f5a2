/// @file services/audit/convert_webhook.h
/// protobuf <-> webhooks.
/// Ownership  Messages lie in the call's arena; what is asked points into the request.
/// Errors     NULL from a message maker: the arena is exhausted.
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/webhook.h"

struct id128 audit_convert_webhook_id(const ProtobufCBinaryData *id);

/// audit_convert_new_webhook, _webhook_change: types has room for AUDIT_WEBHOOK_TYPES_MAX.
void audit_convert_new_webhook(const struct Audit__CreateWebhookRequest *request,
                               struct bytes ret_types[static AUDIT_WEBHOOK_TYPES_MAX],
                               struct audit_webhook_asked *ret);
MUST_USE struct status audit_convert_webhook_change(
    struct rpc_call *call, const struct Audit__UpdateWebhookRequest *request,
    struct bytes ret_types[static AUDIT_WEBHOOK_TYPES_MAX], struct audit_webhook_asked *ret);

/// audit_convert_webhook: secret NULL: it is not told.
Audit__Webhook *audit_convert_webhook(struct rpc_call *call, const struct audit_webhook_view *view,
                                      const char *secret);
Audit__WebhookDelivery *audit_convert_webhook_delivery(struct rpc_call *call,
                                                       struct id128 webhook_id, uint64_t index,
                                                       const struct audit_delivery *delivery);
