#include "services/audit/webhook_message.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/base/version.h"
#include "common/crypto/hash.h"
#include "common/crypto/keys.h"
#include "common/json/encode.h"
#include "services/audit/event_json.h"

#include <stdio.h>

void audit_webhook_sign(const uint8_t secrets[][AUDIT_WEBHOOK_SECRET_BYTES], size_t count,
                        const char *id, const char *timestamp, struct bytes body,
                        char ret[static AUDIT_WEBHOOK_SIGNATURE_BYTES])
{
    const struct bytes parts[] = {bytes_of_text(id), bytes_of_text("."), bytes_of_text(timestamp),
                                  bytes_of_text("."), body};
    size_t size = 0;
    CHECK(count >= 1 && count <= 2);
    for (size_t i = 0; i < count; i++) {
        uint8_t mac[HASH_SHA256_BYTES];
        hash_hmac_sha256(bytes_of(secrets[i], AUDIT_WEBHOOK_SECRET_BYTES), parts,
                         sizeof parts / sizeof parts[0], mac);
        if (i > 0) ret[size++] = ' ';
        memcpy(ret + size, "v1,", 3);
        size += 3;
        size += base64_encode(mac, sizeof mac, ret + size);
    }
}

// ---- The body ------------------------------------------------------------------------------

static struct status write_body(struct bytes type, uint64_t time_ns, struct bytes data,
                                struct arena *arena, struct bytes *ret)
{
    struct json_writer writer;
    char time[CLOCK_RFC3339_BYTES];
    bool is_first = true;
    json_writer_open(&writer, arena, data.size + type.size + 128);
    json_write_raw(&writer, "{", 1);
    json_write_member(&writer, &is_first, "type");
    json_write_string(&writer, (const char *)type.data, type.size);
    json_write_member(&writer, &is_first, "timestamp");
    json_write_string(&writer, time, clock_format_rfc3339(time_ns, time));
    json_write_member(&writer, &is_first, "data");
    json_write_raw(&writer, (const char *)data.data, data.size);
    json_write_raw(&writer, "}", 1);
    return json_writer_finish(&writer, ret);
}

/// make_body also names the message.
static struct status make_body(struct store_txn *txn, struct id128 webhook_id, uint64_t index,
                               uint64_t now_ns, struct arena *arena, struct bytes *ret,
                               char ret_id[static AUDIT_WEBHOOK_MESSAGE_ID_BYTES])
{
    if (index >= AUDIT_WEBHOOK_TEST_INDEX) {
        struct bytes data = bytes_of_text("{\"message\":\"Florin's webhooks reach you.\"}");
        audit_webhook_message_id(webhook_id, bytes_of(NULL, 0), index - AUDIT_WEBHOOK_TEST_INDEX,
                                 ret_id);
        return write_body(bytes_of_text(AUDIT_WEBHOOK_TEST_TYPE), now_ns, data, arena, ret);
    }
    struct audit_event event;
    struct bytes data;
    RETURN_IF_ERROR(audit_service_get(txn, index, &event));
    RETURN_IF_ERROR(audit_event_json(&event, arena, &data));
    audit_webhook_message_id(webhook_id, event.entry.source, event.entry.seq, ret_id);
    return write_body(event.entry.action, event.entry.time_ns, data, arena, ret);
}

// ---- The message ---------------------------------------------------------------------------

struct status audit_webhook_make_message(struct store_txn *txn, const struct seal *seal,
                                         const struct audit_webhook *webhook, uint64_t index,
                                         uint64_t now_ns, struct arena *arena,
                                         struct audit_webhook_message *ret)
{
    uint8_t secrets[2][AUDIT_WEBHOOK_SECRET_BYTES];
    size_t secret_count;
    char *id = arena_alloc(arena, AUDIT_WEBHOOK_MESSAGE_ID_BYTES);
    char *signature = arena_alloc(arena, AUDIT_WEBHOOK_SIGNATURE_BYTES);
    char *timestamp = arena_format(arena, "%llu", (unsigned long long)(now_ns / NS_PER_SECOND));
    struct audit_webhook_message message = {
        .url = arena_text(arena, (const char *)webhook->url.data, webhook->url.size),
        .user_agent = arena_format(arena, "Florin-Webhooks/%s", florin_version()),
    };
    if (id == NULL || signature == NULL || timestamp == NULL || message.url == NULL ||
        message.user_agent == NULL)
        return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(make_body(txn, webhook->id, index, now_ns, arena, &message.body, id));
    struct status status =
        audit_webhook_unseal_secrets(seal, webhook, now_ns, secrets, &secret_count);
    if (status_ok(status))
        audit_webhook_sign(secrets, secret_count, id, timestamp, message.body, signature);
    key_wipe(secrets, sizeof secrets);
    RETURN_IF_ERROR(status);
    message.headers[0] = (struct outbound_header){"webhook-id", id};
    message.headers[1] = (struct outbound_header){"webhook-timestamp", timestamp};
    message.headers[2] = (struct outbound_header){"webhook-signature", signature};
    *ret = message;
    return STATUS_SUCCESS;
}
