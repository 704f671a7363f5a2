#include "services/audit/convert_webhook.h"

#include "common/base/check.h"
#include "common/event/event.h"
#include "common/event/note.h"
#include "services/audit/tables.h"
#include "services/audit/webhook_event.h"

#include <stdlib.h>

// ---- Requests ------------------------------------------------------------------------------

struct id128 audit_convert_webhook_id(const ProtobufCBinaryData *id)
{
    CHECK(id->len == ID128_BYTES); // The validator has seen it.
    return id128_of(id->data);
}

static void take_types(char *const *types, size_t count,
                       struct bytes ret_types[static AUDIT_WEBHOOK_TYPES_MAX],
                       struct audit_webhook_asked *ret)
{
    CHECK(count <= AUDIT_WEBHOOK_TYPES_MAX);
    for (size_t i = 0; i < count; i++)
        ret_types[i] = bytes_of_text(types[i]);
    ret->types = ret_types;
    ret->type_count = count;
}

void audit_convert_new_webhook(const struct Audit__CreateWebhookRequest *request,
                               struct bytes ret_types[static AUDIT_WEBHOOK_TYPES_MAX],
                               struct audit_webhook_asked *ret)
{
    *ret = (struct audit_webhook_asked){.has_url = true,
                                        .has_types = true,
                                        .has_description = true,
                                        .url = bytes_of_text(request->url),
                                        .description = bytes_of_text(request->description)};
    take_types(request->types, request->n_types, ret_types, ret);
}

struct status audit_convert_webhook_change(struct rpc_call *call,
                                           const struct Audit__UpdateWebhookRequest *request,
                                           struct bytes ret_types[static AUDIT_WEBHOOK_TYPES_MAX],
                                           struct audit_webhook_asked *ret)
{
    struct audit_webhook_asked asked = {.url = bytes_of_text(request->url),
                                        .description = bytes_of_text(request->description),
                                        .enabled = request->enabled};

    const struct {
        const char *name;
        bool *has;
    } members[] = {
        {"url", &asked.has_url},
        {"types", &asked.has_types},
        {"description", &asked.has_description},
        {"enabled", &asked.has_enabled},
    };

    enum { MEMBER_COUNT = sizeof members / sizeof members[0] };

    for (size_t i = 0; i < request->n_update_mask; i++) {
        size_t at = 0;
        while (at < MEMBER_COUNT && strcmp(members[at].name, request->update_mask[i]) != 0)
            at++;
        if (at == MEMBER_COUNT) return rpc_call_violation(call, "update_mask", "UNKNOWN_FIELD");
        if (*members[at].has) return rpc_call_violation(call, "update_mask", "DUPLICATE_FIELD");
        *members[at].has = true;
    }
    take_types(request->types, request->n_types, ret_types, &asked);
    *ret = asked;
    return STATUS_SUCCESS;
}

// ---- Replies -------------------------------------------------------------------------------

static char *copy_text(struct arena *arena, struct bytes text)
{
    return arena_text(arena, (const char *)text.data, text.size);
}

static bool copy_id(struct rpc_call *call, struct id128 id, ProtobufCBinaryData *ret)
{
    ret->data = arena_copy(call->arena, id.bytes, ID128_BYTES);
    ret->len = ID128_BYTES;
    return ret->data != NULL;
}

static bool copy_types(struct arena *arena, const struct audit_webhook *webhook, char ***ret,
                       size_t *ret_count)
{
    *ret = arena_alloc(arena, webhook->type_count * sizeof **ret);
    if (*ret == NULL) return false;
    for (size_t i = 0; i < webhook->type_count; i++) {
        (*ret)[i] = copy_text(arena, webhook->types[i]);
        if ((*ret)[i] == NULL) return false;
    }
    *ret_count = webhook->type_count;
    return true;
}

static char *name_of(enum audit_webhook_switch is_on)
{
    return (char *)(uintptr_t)audit_webhook_switch_name(is_on); // protobuf-c does not write to it.
}

Audit__Webhook *audit_convert_webhook(struct rpc_call *call, const struct audit_webhook_view *view,
                                      const char *secret)
{
    Audit__Webhook *message = RPC_NEW(call, Audit__Webhook, audit__webhook__init);
    if (message == NULL) return NULL;
    const struct audit_webhook *webhook = &view->webhook;
    message->url = copy_text(call->arena, webhook->url);
    message->description = copy_text(call->arena, webhook->description);
    message->created_by = copy_text(call->arena, webhook->created_by);
    if (secret != NULL) message->secret = copy_text(call->arena, bytes_of_text(secret));
    message->enabled = webhook->is_on == AUDIT_WEBHOOK_ON;
    message->disabled_reason = name_of(webhook->is_on);
    message->created_at = webhook->created_at_ns;
    message->version = webhook->version;
    if (webhook->old_secret_until_ns > call->received_wall_ns)
        message->old_secret_until = webhook->old_secret_until_ns;
    message->next_index = view->progress.next_index;
    message->waiting = view->progress.waiting;
    bool is_whole = message->url != NULL && message->description != NULL &&
                    message->created_by != NULL && message->secret != NULL;
    if (!is_whole || !copy_id(call, webhook->id, &message->id)) return NULL;
    return copy_types(call->arena, webhook, &message->types, &message->n_types) ? message : NULL;
}

Audit__WebhookDelivery *audit_convert_webhook_delivery(struct rpc_call *call,
                                                       struct id128 webhook_id, uint64_t index,
                                                       const struct audit_delivery *delivery)
{
    char id[AUDIT_WEBHOOK_MESSAGE_ID_BYTES];
    Audit__WebhookDelivery *message =
        RPC_NEW(call, Audit__WebhookDelivery, audit__webhook_delivery__init);
    if (message == NULL) return NULL;
    audit_webhook_message_id(webhook_id, delivery->source, delivery->seq, id);
    message->message_id = copy_text(call->arena, bytes_of_text(id));
    message->index = index < AUDIT_WEBHOOK_TEST_INDEX ? index : 0;
    message->type = copy_text(call->arena, delivery->type);
    message->state = (char *)(uintptr_t)audit_delivery_state_name(delivery->state);
    message->attempts = delivery->attempts;
    message->last_attempt_at = delivery->last_attempt_ns;
    message->next_attempt_at = delivery->next_attempt_ns;
    message->http_status = delivery->http_status;
    message->error = copy_text(call->arena, delivery->error);
    message->duration_ms = delivery->duration_ms;
    bool is_whole = message->message_id != NULL && message->type != NULL && message->error != NULL;
    return is_whole ? message : NULL;
}

// ---- Events --------------------------------------------------------------------------------

void audit_webhook_event_note(struct store_txn *txn, struct id128 id)
{
    char subject[EVENT_NAME_BYTES];
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    event_name("webhooks", id, subject);
    event_note(txn, subject, AUDIT_TABLE_WEBHOOKS,
               audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, id, key));
}

/// The message's texts and lists lie in `arena`.
static void fill_event(const struct audit_webhook *webhook, struct arena *arena,
                       Audit__WebhookEvent *ret)
{
    struct bytes url = webhook->url;
    const uint8_t *query = memchr(url.data, '?', url.size);
    if (query != NULL) url.size = (size_t)(query - url.data);
    ret->id.data = arena_copy(arena, webhook->id.bytes, ID128_BYTES);
    ret->id.len = ID128_BYTES;
    ret->url = copy_text(arena, url);
    ret->description = copy_text(arena, webhook->description);
    ret->enabled = webhook->is_on == AUDIT_WEBHOOK_ON;
    ret->disabled_reason = name_of(webhook->is_on);
    ret->version = webhook->version;
    CHECK(copy_types(arena, webhook, &ret->types, &ret->n_types));
    CHECK(ret->id.data != NULL && ret->url != NULL && ret->description != NULL);
}

void audit_webhook_event_append(struct store_txn *txn, const struct rpc_call *call,
                                enum audit_webhook_event event, const struct audit_webhook *webhook)
{
    static const char *const types[] = {
        [AUDIT_WEBHOOK_IS_CREATED] = "audit.webhook.created",
        [AUDIT_WEBHOOK_IS_UPDATED] = "audit.webhook.updated",
        [AUDIT_WEBHOOK_IS_DELETED] = "audit.webhook.deleted",
        [AUDIT_WEBHOOK_IS_ROTATED] = "audit.webhook.secret_rotated",
        [AUDIT_WEBHOOK_IS_DISABLED] = "audit.webhook.disabled",
    };

    char subject[EVENT_NAME_BYTES];
    Audit__WebhookEvent message = AUDIT__WEBHOOK_EVENT__INIT;
    CLEANUP(arena_close) struct arena *arena = arena_open(4 * AUDIT_WEBHOOK_RECORD_BYTES_MAX);
    fill_event(webhook, arena, &message);
    event_name("webhooks", webhook->id, subject);
    if (call != NULL) {
        event_append_call(txn, call, types[event], subject, &message, NULL, 0);
        return;
    }
    size_t size = audit__webhook_event__get_packed_size(&message);
    uint8_t *payload = arena_alloc(arena, size);
    CHECK(payload != NULL);
    audit__webhook_event__pack(&message, payload);
    event_append(txn, &(struct event){.type = types[event],
                                      .subject = subject,
                                      .actor = "services/audit",
                                      .reason = audit_webhook_switch_name(webhook->is_on),
                                      .payload = bytes_of(payload, size)});
}
