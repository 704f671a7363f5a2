#include "services/audit/webhook.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/keys.h"
#include "common/event/types.h"
#include "common/rpc/schema.h"
#include "services/audit/store.h"
#include "services/audit/webhook_event.h"

_Static_assert((int)EVENT_PATTERN_BYTES_MAX <= (int)AUDIT_WEBHOOK_TYPE_BYTES_MAX, "a type fits");
_Static_assert((int)OUTBOUND_URL_BYTES_MAX <= (int)AUDIT_WEBHOOK_URL_BYTES_MAX, "a URL fits");

#define IS_DISABLED REFUSE(FAILED_PRECONDITION, WEBHOOK_DISABLED, "the webhook is switched off")

// ---- Secrets -------------------------------------------------------------------------------

/* The names of table and field are part of what is sealed: never change one. The old secret is the
 * one that was `secret` before, so both have this place. */
static struct seal_place secret_place(struct id128 id)
{
    return (struct seal_place){.table = "audit_webhooks", .field = "secret", .owner = id};
}

static void make_secret(const struct seal *seal, struct id128 id, uint8_t *ret_sealed,
                        char ret_text[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES])
{
    static const char prefix[] = "whsec_";
    uint8_t secret[AUDIT_WEBHOOK_SECRET_BYTES];
    struct seal_place place = secret_place(id);
    key_random(secret, sizeof secret);
    memcpy(ret_text, prefix, sizeof prefix);
    base64_encode(secret, sizeof secret, ret_text + sizeof prefix - 1);
    (void)seal_value(seal, &place, bytes_of(secret, sizeof secret), ret_sealed);
    key_wipe(secret, sizeof secret);
}

struct status audit_webhook_unseal_secrets(const struct seal *seal,
                                           const struct audit_webhook *webhook, uint64_t now_ns,
                                           uint8_t ret[static 2][AUDIT_WEBHOOK_SECRET_BYTES],
                                           size_t *ret_count)
{
    struct seal_place place = secret_place(webhook->id);
    const struct bytes sealed[] = {webhook->sealed_secret, webhook->sealed_old_secret};
    bool has_old = sealed[1].size > 0 && now_ns < webhook->old_secret_until_ns;
    *ret_count = 0;
    for (size_t i = 0; i < (has_old ? 2 : 1); i++) {
        if (sealed[i].size != AUDIT_WEBHOOK_SECRET_BYTES + SEAL_OVERHEAD_BYTES)
            return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a webhook's secret has another size");
        RETURN_IF_ERROR(unseal_into(seal, &place, sealed[i], ret[i]));
        (*ret_count)++;
    }
    return STATUS_SUCCESS;
}

// ---- Reading and writing -------------------------------------------------------------------

bool audit_webhook_matches(const struct audit_webhook *webhook, struct bytes type)
{
    for (size_t i = 0; i < webhook->type_count; i++)
        if (event_pattern_matches(webhook->types[i], type)) return true;
    return webhook->type_count == 0;
}

struct status audit_webhook_get(struct store_txn *txn, struct id128 id, struct arena *arena,
                                struct audit_webhook_view *ret)
{
    RETURN_IF_ERROR(audit_store_get_webhook(txn, id, arena, &ret->webhook));
    return audit_store_get_progress(txn, id, &ret->progress);
}

static void put_changed(struct store_txn *txn, struct audit_webhook *webhook)
{
    webhook->version++;
    audit_webhook_event_note(txn, webhook->id);
    audit_store_put_webhook(txn, webhook);
}

static struct status apply(const struct audit_webhook_rules *rules,
                           const struct audit_webhook_asked *asked, struct audit_webhook *webhook,
                           struct arena *arena)
{
    if (asked->has_url) {
        char *url = arena_text(arena, (const char *)asked->url.data, asked->url.size);
        if (url == NULL) return ARENA_STATUS_EXHAUSTED;
        RETURN_IF_ERROR(outbound_url_check(url, &rules->url));
        webhook->url = asked->url;
    }
    if (asked->has_types) {
        CHECK(asked->type_count <= AUDIT_WEBHOOK_TYPES_MAX);
        for (size_t i = 0; i < asked->type_count; i++) {
            RETURN_IF_ERROR(event_pattern_check(asked->types[i]));
            webhook->types[i] = asked->types[i];
        }
        webhook->type_count = asked->type_count;
    }
    if (asked->has_description) webhook->description = asked->description;
    if (asked->has_enabled)
        webhook->is_on = asked->enabled ? AUDIT_WEBHOOK_ON : AUDIT_WEBHOOK_BY_USER;
    return STATUS_SUCCESS;
}

// ---- Use cases -----------------------------------------------------------------------------

struct status audit_webhook_create(const struct audit_webhook_rules *rules, struct store_txn *txn,
                                   const struct audit_webhook_asked *asked, struct bytes created_by,
                                   uint64_t now_ns, struct audit_webhook_view *ret,
                                   char ret_secret[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES],
                                   struct arena *arena)
{
    if (audit_store_count_webhooks(txn) >= AUDIT_WEBHOOKS_MAX)
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_WEBHOOKS, "there are as many as there may be");
    size_t sealed_bytes = AUDIT_WEBHOOK_SECRET_BYTES + SEAL_OVERHEAD_BYTES;
    uint8_t *sealed = arena_alloc(arena, sealed_bytes);
    if (sealed == NULL) return ARENA_STATUS_EXHAUSTED;
    struct audit_webhook_view view = {.webhook = {.id = id128_generate(),
                                                  .is_on = AUDIT_WEBHOOK_ON,
                                                  .created_at_ns = now_ns,
                                                  .sealed_secret = bytes_of(sealed, sealed_bytes),
                                                  .created_by = created_by}};
    RETURN_IF_ERROR(apply(rules, asked, &view.webhook, arena));
    RETURN_IF_ERROR(audit_store_entry_count(txn, &view.progress.next_index));
    make_secret(rules->seal, view.webhook.id, sealed, ret_secret);
    put_changed(txn, &view.webhook);
    audit_store_put_progress(txn, view.webhook.id, &view.progress);
    *ret = view;
    return STATUS_SUCCESS;
}

struct status audit_webhook_update(const struct audit_webhook_rules *rules, struct store_txn *txn,
                                   struct id128 id, uint64_t if_match,
                                   const struct audit_webhook_asked *asked, struct arena *arena,
                                   struct audit_webhook_view *ret)
{
    struct audit_webhook_view view;
    RETURN_IF_ERROR(audit_webhook_get(txn, id, arena, &view));
    if (if_match != RPC_ETAG_ANY && if_match != view.webhook.version)
        return REFUSE(FAILED_PRECONDITION, VERSION_MISMATCH, "the webhook has changed since");
    RETURN_IF_ERROR(apply(rules, asked, &view.webhook, arena));
    if (asked->has_enabled && asked->enabled) view.progress.failing_since_ns = 0;
    put_changed(txn, &view.webhook);
    audit_store_put_progress(txn, id, &view.progress);
    *ret = view;
    return STATUS_SUCCESS;
}

struct status audit_webhook_delete(struct store_txn *txn, struct id128 id, struct arena *arena,
                                   struct audit_webhook *ret)
{
    RETURN_IF_ERROR(audit_store_get_webhook(txn, id, arena, ret));
    audit_webhook_event_note(txn, id);
    audit_store_delete_webhook(txn, id);
    return STATUS_SUCCESS;
}

struct status audit_webhook_rotate(const struct audit_webhook_rules *rules, struct store_txn *txn,
                                   struct id128 id, uint64_t overlap_ns, uint64_t now_ns,
                                   struct arena *arena, struct audit_webhook_view *ret,
                                   char ret_secret[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES])
{
    struct audit_webhook_view view;
    RETURN_IF_ERROR(audit_webhook_get(txn, id, arena, &view));
    size_t sealed_bytes = AUDIT_WEBHOOK_SECRET_BYTES + SEAL_OVERHEAD_BYTES;
    uint8_t *sealed = arena_alloc(arena, sealed_bytes);
    if (sealed == NULL) return ARENA_STATUS_EXHAUSTED;
    view.webhook.sealed_old_secret = view.webhook.sealed_secret;
    view.webhook.old_secret_until_ns = now_ns + overlap_ns;
    make_secret(rules->seal, id, sealed, ret_secret);
    view.webhook.sealed_secret = bytes_of(sealed, sealed_bytes);
    put_changed(txn, &view.webhook);
    *ret = view;
    return STATUS_SUCCESS;
}

struct status audit_webhook_test(struct store_txn *txn, struct id128 id, uint64_t now_ns,
                                 struct arena *arena, uint64_t *ret_index,
                                 struct audit_delivery *ret)
{
    struct audit_webhook_view view;
    RETURN_IF_ERROR(audit_webhook_get(txn, id, arena, &view));
    if (view.webhook.is_on != AUDIT_WEBHOOK_ON) return IS_DISABLED;
    if (view.progress.waiting >= AUDIT_WEBHOOK_WAITING_MAX)
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_WAITING, "10,000 messages wait already");
    uint64_t index = AUDIT_WEBHOOK_TEST_INDEX + view.progress.tests;
    struct audit_delivery delivery = {.state = AUDIT_DELIVERY_WAITING,
                                      .next_attempt_ns = now_ns,
                                      .type = bytes_of_text(AUDIT_WEBHOOK_TEST_TYPE),
                                      .seq = view.progress.tests};
    audit_store_put_delivery(txn, id, index, NULL, &delivery);
    view.progress.tests++;
    view.progress.waiting++;
    audit_store_put_progress(txn, id, &view.progress);
    *ret_index = index;
    *ret = delivery;
    return STATUS_SUCCESS;
}

struct status audit_webhook_replay(struct store_txn *txn, struct id128 id, uint64_t from,
                                   uint64_t to, struct arena *arena, uint64_t *ret_from,
                                   uint64_t *ret_to)
{
    struct audit_webhook_view view;
    uint64_t size, first;
    RETURN_IF_ERROR(audit_webhook_get(txn, id, arena, &view));
    if (view.webhook.is_on != AUDIT_WEBHOOK_ON) return IS_DISABLED;
    RETURN_IF_ERROR(audit_store_entry_count(txn, &size));
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    if (to == 0) to = size;
    if (from >= to || to > size)
        return REFUSE(INVALID_ARGUMENT, RANGE_INVALID, "the log has no such range");
    if (from < first)
        return REFUSE(FAILED_PRECONDITION, START_PRUNED, "the range begins with pruned entries");
    struct audit_webhook_progress *progress = &view.progress;
    if (progress->replay_next < progress->replay_to)
        return REFUSE(FAILED_PRECONDITION, REPLAY_RUNNING, "another range is being replayed");
    if (to > progress->next_index) to = progress->next_index;
    if (from > to) from = to;
    progress->replay_next = from;
    progress->replay_to = to;
    audit_store_put_progress(txn, id, progress);
    *ret_from = from;
    *ret_to = to;
    return STATUS_SUCCESS;
}
