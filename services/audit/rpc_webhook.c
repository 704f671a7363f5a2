#include "common/crypto/keys.h"
#include "common/rpc/page.h"
#include "services/audit/convert_webhook.h"
#include "services/audit/rpc_handlers.h"
#include "services/audit/webhook_event.h"
#include "services/audit/webhooks.h"

enum { POSITION_BYTES = 8 };

struct secret {
    char text[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
};

static void wipe_secret(struct secret *secret)
{
    key_wipe(secret, sizeof *secret);
}

static struct audit_webhooks *webhooks_of(const struct rpc_call *call)
{
    const struct audit_context *context = call->service;
    return context->webhooks;
}

/// check_reader: a webhook shows what the log says, so who makes it must be allowed to read it.
static struct status check_reader(const struct rpc_call *call)
{
    if (rpc_call_scope(call, "audit.read") == RPC_SCOPE_ALL) return STATUS_SUCCESS;
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                  "a webhook hands on the log: that needs audit.read");
}

static struct status reply_webhook(struct rpc_call *call, const struct audit_webhook_view *view,
                                   const char *secret)
{
    Audit__Webhook *reply = audit_convert_webhook(call, view, secret);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

// ---- Making and changing -------------------------------------------------------------------

struct status audit_rpc_create_webhook(struct rpc_call *call, struct store_txn *txn)
{
    struct audit_webhooks *webhooks = webhooks_of(call);
    struct bytes types[AUDIT_WEBHOOK_TYPES_MAX];
    struct audit_webhook_asked asked;
    struct audit_webhook_view view;
    char actor[RPC_ACTOR_BYTES];
    CLEANUP(wipe_secret) struct secret secret;
    RETURN_IF_ERROR(check_reader(call));
    audit_convert_new_webhook(call->request, types, &asked);
    rpc_call_actor(call, actor);
    RETURN_IF_ERROR(audit_webhook_create(&webhooks->rules, txn, &asked, bytes_of_text(actor),
                                         call->received_wall_ns, &view, secret.text, call->arena));
    audit_webhook_event_append(txn, call, AUDIT_WEBHOOK_IS_CREATED, &view.webhook);
    audit_webhooks_wake_after_commit(webhooks);
    return reply_webhook(call, &view, secret.text);
}

struct status audit_rpc_update_webhook(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__UpdateWebhookRequest *request = call->request;
    struct audit_webhooks *webhooks = webhooks_of(call);
    struct bytes types[AUDIT_WEBHOOK_TYPES_MAX];
    struct audit_webhook_asked asked;
    struct audit_webhook_view view;
    RETURN_IF_ERROR(audit_convert_webhook_change(call, request, types, &asked));
    if (asked.has_url || asked.has_types || (asked.has_enabled && asked.enabled))
        RETURN_IF_ERROR(check_reader(call));
    RETURN_IF_ERROR(audit_webhook_update(&webhooks->rules, txn,
                                         audit_convert_webhook_id(&request->id), request->if_match,
                                         &asked, call->arena, &view));
    audit_webhook_event_append(txn, call, AUDIT_WEBHOOK_IS_UPDATED, &view.webhook);
    audit_webhooks_wake_after_commit(webhooks);
    return reply_webhook(call, &view, NULL);
}

struct status audit_rpc_delete_webhook(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__WebhookRequest *request = call->request;
    struct audit_webhook webhook;
    RETURN_IF_ERROR(
        audit_webhook_delete(txn, audit_convert_webhook_id(&request->id), call->arena, &webhook));
    audit_webhook_event_append(txn, call, AUDIT_WEBHOOK_IS_DELETED, &webhook);
    audit_webhooks_wake_after_commit(webhooks_of(call));
    Audit__DeleteWebhookResponse *reply =
        RPC_NEW(call, Audit__DeleteWebhookResponse, audit__delete_webhook_response__init);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_rotate_webhook_secret(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__RotateWebhookSecretRequest *request = call->request;
    uint64_t overlap_ns = request->overlap_seconds > 0
                              ? request->overlap_seconds * AUDIT_WEBHOOK_SECOND_NS
                              : AUDIT_WEBHOOK_OLD_SECRET_DEFAULT_NS;
    struct audit_webhook_view view;
    CLEANUP(wipe_secret) struct secret secret;
    RETURN_IF_ERROR(audit_webhook_rotate(&webhooks_of(call)->rules, txn,
                                         audit_convert_webhook_id(&request->id), overlap_ns,
                                         call->received_wall_ns, call->arena, &view, secret.text));
    audit_webhook_event_append(txn, call, AUDIT_WEBHOOK_IS_ROTATED, &view.webhook);
    return reply_webhook(call, &view, secret.text);
}

// ---- Posting on demand ---------------------------------------------------------------------

struct status audit_rpc_test_webhook(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__WebhookRequest *request = call->request;
    struct id128 id = audit_convert_webhook_id(&request->id);
    struct audit_delivery delivery;
    uint64_t index;
    RETURN_IF_ERROR(check_reader(call));
    RETURN_IF_ERROR(
        audit_webhook_test(txn, id, call->received_wall_ns, call->arena, &index, &delivery));
    audit_webhooks_wake_after_commit(webhooks_of(call));
    Audit__WebhookDelivery *reply = audit_convert_webhook_delivery(call, id, index, &delivery);
    return reply != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

struct status audit_rpc_replay_webhook(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ReplayWebhookRequest *request = call->request;
    RETURN_IF_ERROR(check_reader(call));
    Audit__ReplayWebhookResponse *reply =
        RPC_NEW(call, Audit__ReplayWebhookResponse, audit__replay_webhook_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(audit_webhook_replay(txn, audit_convert_webhook_id(&request->id),
                                         request->from_index, request->to_index, call->arena,
                                         &reply->from_index, &reply->to_index));
    audit_webhooks_wake_after_commit(webhooks_of(call));
    return rpc_call_reply(call, reply);
}

// ---- Looking -------------------------------------------------------------------------------

struct status audit_rpc_get_webhook(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__WebhookRequest *request = call->request;
    struct audit_webhook_view view;
    RETURN_IF_ERROR(
        audit_webhook_get(txn, audit_convert_webhook_id(&request->id), call->arena, &view));
    return reply_webhook(call, &view, NULL);
}

struct status audit_rpc_list_webhooks(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ListWebhooksRequest *request = call->request;
    size_t page_size;
    struct bytes position, everything = bytes_of("", 0);
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &page_size));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, everything, &position));
    if (page_size > AUDIT_WEBHOOKS_MAX) page_size = AUDIT_WEBHOOKS_MAX;
    Audit__ListWebhooksResponse *reply =
        RPC_NEW(call, Audit__ListWebhooksResponse, audit__list_webhooks_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->webhooks = arena_alloc(call->arena, page_size * sizeof *reply->webhooks);
    if (reply->webhooks == NULL) return ARENA_STATUS_EXHAUSTED;

    struct id128 before = position.size == ID128_BYTES ? id128_of(position.data) : ID128_NIL;
    for (;;) {
        struct audit_webhook_view view;
        struct status status = audit_store_webhook_before(txn, before, call->arena, &view.webhook);
        if (status.code == STATUS_NOT_FOUND) return rpc_call_reply(call, reply);
        RETURN_IF_ERROR(status);
        if (reply->n_webhooks == page_size) break;
        before = view.webhook.id;
        RETURN_IF_ERROR(audit_store_get_progress(txn, before, &view.progress));
        Audit__Webhook *webhook = audit_convert_webhook(call, &view, NULL);
        if (webhook == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->webhooks[reply->n_webhooks++] = webhook;
    }
    reply->next_page_token = (char *)page_token_make(call, everything, id128_bytes(&before));
    return reply->next_page_token != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}

/// fill_page; *ret_before: where the next page goes on below, 0: there is none.
static struct status fill_page(struct rpc_call *call, struct audit_delivery_walk *walk,
                               uint64_t before, size_t page_size,
                               const enum audit_delivery_state *state,
                               Audit__ListWebhookDeliveriesResponse *reply, uint64_t *ret_before)
{
    bool found;
    *ret_before = 0;
    RETURN_IF_ERROR(audit_delivery_walk_before(walk, before, &found));
    for (size_t rows = 0; found; rows++) {
        bool is_wanted = state == NULL || walk->delivery.state == *state;
        if (rows == AUDIT_ROWS_LOOKED_AT_MAX || (is_wanted && reply->n_deliveries == page_size)) {
            *ret_before = walk->index + 1;
            return STATUS_SUCCESS;
        }
        if (is_wanted) {
            Audit__WebhookDelivery *delivery = audit_convert_webhook_delivery(
                call, walk->webhook_id, walk->index, &walk->delivery);
            if (delivery == NULL) return ARENA_STATUS_EXHAUSTED;
            reply->deliveries[reply->n_deliveries++] = delivery;
        }
        RETURN_IF_ERROR(audit_delivery_walk_previous(walk, &found));
    }
    return STATUS_SUCCESS;
}

static struct status filter_bytes(struct rpc_call *call,
                                  const Audit__ListWebhookDeliveriesRequest *request,
                                  struct bytes *ret)
{
    size_t state_bytes = strlen(request->state);
    uint8_t *bytes = arena_alloc(call->arena, ID128_BYTES + state_bytes);
    if (bytes == NULL) return ARENA_STATUS_EXHAUSTED;
    memcpy(bytes, request->id.data, ID128_BYTES);
    memcpy(bytes + ID128_BYTES, request->state, state_bytes);
    *ret = bytes_of(bytes, ID128_BYTES + state_bytes);
    return STATUS_SUCCESS;
}

struct status audit_rpc_list_webhook_deliveries(struct rpc_call *call, struct store_txn *txn)
{
    const Audit__ListWebhookDeliveriesRequest *request = call->request;
    size_t page_size;
    struct bytes filter, position;
    struct audit_webhook_view view;
    enum audit_delivery_state state;
    bool has_state = request->state[0] != '\0';
    if (has_state && !audit_delivery_state_find(request->state, &state))
        return rpc_call_violation(call, "state", "UNKNOWN_VALUE");
    struct id128 id = audit_convert_webhook_id(&request->id);
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &page_size));
    RETURN_IF_ERROR(filter_bytes(call, request, &filter));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, filter, &position));
    RETURN_IF_ERROR(audit_webhook_get(txn, id, call->arena, &view));
    Audit__ListWebhookDeliveriesResponse *reply = RPC_NEW(
        call, Audit__ListWebhookDeliveriesResponse, audit__list_webhook_deliveries_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->deliveries = arena_alloc(call->arena, page_size * sizeof *reply->deliveries);
    if (reply->deliveries == NULL) return ARENA_STATUS_EXHAUSTED;

    uint64_t before = position.size == POSITION_BYTES ? get_u64_be(position.data) : UINT64_MAX;
    CLEANUP(audit_delivery_walk_close) struct audit_delivery_walk walk;
    audit_store_walk_deliveries(txn, id, &walk);
    RETURN_IF_ERROR(
        fill_page(call, &walk, before, page_size, has_state ? &state : NULL, reply, &before));
    if (before == 0) return rpc_call_reply(call, reply);
    uint8_t next[POSITION_BYTES];
    put_u64_be(next, before);
    reply->next_page_token = (char *)page_token_make(call, filter, bytes_of(next, sizeof next));
    return reply->next_page_token != NULL ? rpc_call_reply(call, reply) : ARENA_STATUS_EXHAUSTED;
}
