/// @file services/audit/record_webhook.h
/// Byte layouts of webhooks and their messages (README.md "Key spaces").
/// Shapes     Integers are big-endian. Secrets are spans of seal (common/crypto/seal_record.h).
/// Ownership  Decoded slices point into the given bytes.
/// Threads    Any; pure.
/// Errors     DATA_LOSS / RECORD_CORRUPT.
#pragma once

#include "common/base/record.h"
#include "common/base/status.h"
#include "common/crypto/seal_record.h"
#include "services/audit/webhook_core.h"

enum {
    AUDIT_WEBHOOK_SECRET_BYTES = 32,
    AUDIT_WEBHOOK_KEY_BYTES = 1 + ID128_BYTES,
    AUDIT_DELIVERY_KEY_BYTES = ID128_BYTES + 8,
    AUDIT_DUE_KEY_BYTES = ID128_BYTES + 8 + 8,
    AUDIT_WEBHOOK_SPAN_BYTES = SEAL_SPAN_OVERHEAD_BYTES + AUDIT_WEBHOOK_SECRET_BYTES,
    AUDIT_WEBHOOK_RECORD_BYTES_MAX = 1 + 1 + 3 * 8 + 2 * AUDIT_WEBHOOK_SPAN_BYTES + 3 * 2 +
                                     AUDIT_WEBHOOK_URL_BYTES_MAX +
                                     2 * AUDIT_WEBHOOK_TEXT_BYTES_MAX + 1 +
                                     AUDIT_WEBHOOK_TYPES_MAX * (1 + AUDIT_WEBHOOK_TYPE_BYTES_MAX),
    AUDIT_WEBHOOK_PROGRESS_BYTES = 1 + 1 + 5 * 8 + 2 * 4,
    AUDIT_DELIVERY_ERROR_BYTES_MAX = 128,
    AUDIT_DELIVERY_TYPE_BYTES_MAX = 128,
    AUDIT_DELIVERY_RECORD_BYTES_MAX =
        1 + 1 + 4 + 4 * 8 + 2 + 4 + 3 + AUDIT_DELIVERY_ERROR_BYTES_MAX +
        AUDIT_DELIVERY_TYPE_BYTES_MAX + AUDIT_WEBHOOK_SOURCE_BYTES_MAX,
};

// ---- Keys ----------------------------------------------------------------------------------

/// Key of what a webhook is, and of how far it has come: kind(1) | id(16)
///     64 01890000000070008000000000000001
/// Ids begin with their time, so webhooks lie in the order of their making. Progress without the
/// webhook it belongs to: it was deleted, and its messages are being cleared away.
enum audit_webhook_row { AUDIT_WEBHOOK_DEFINITION = 'd', AUDIT_WEBHOOK_PROGRESS = 'p' };

struct bytes audit_webhook_key(enum audit_webhook_row row, struct id128 id,
                               uint8_t ret_key[static AUDIT_WEBHOOK_KEY_BYTES]);
/// audit_webhook_key_decode: false when the key is of another kind, or damaged.
bool audit_webhook_key_decode(struct bytes key, enum audit_webhook_row row, struct id128 *ret_id);

/// Key of a message: webhook(16) | index in the log(8); a test's index has its highest bit set.
///     01890000000070008000000000000001 0000000000000007
struct bytes audit_delivery_key(struct id128 webhook_id, uint64_t index,
                                uint8_t ret_key[static AUDIT_DELIVERY_KEY_BYTES]);
/// audit_delivery_key_decode: false when the key is of another webhook, or damaged.
bool audit_delivery_key_decode(struct bytes key, struct id128 webhook_id, uint64_t *ret_index);

/// Key of a message that waits: webhook(16) | when it is due, ns(8) | index(8); no value. By
/// webhook first, so that those who wait for a receiver that is away are not in others' way.
///     01890000000070008000000000000001 18fae27693b40000 0000000000000007
struct bytes audit_due_key(struct id128 webhook_id, uint64_t at_ns, uint64_t index,
                           uint8_t ret_key[static AUDIT_DUE_KEY_BYTES]);
bool audit_due_key_decode(struct bytes key, struct id128 webhook_id, uint64_t *ret_at_ns,
                          uint64_t *ret_index);

// ---- Records -------------------------------------------------------------------------------

/// Webhook: version(1) = 01 | switch(1) | created_at_ns(8) | number of the version(8) |
/// old_secret_until_ns(8) | span of the secret | span of the old secret, or none | runs with
/// size(2): url, description, created by | count(1) of types, each a run with size(1)
struct audit_webhook {
    struct id128 id; // Of the key.
    enum audit_webhook_switch is_on;
    uint64_t created_at_ns, version, old_secret_until_ns;
    struct bytes sealed_secret, sealed_old_secret; // The old one: {NULL, 0} for none.
    struct bytes url, description, created_by;
    size_t type_count; // 0: all of them.
    struct bytes types[AUDIT_WEBHOOK_TYPES_MAX];
};

size_t audit_webhook_encode(const struct audit_webhook *webhook,
                            uint8_t ret[static AUDIT_WEBHOOK_RECORD_BYTES_MAX]);
MUST_USE struct status audit_webhook_decode(struct bytes record, struct audit_webhook *ret);

/// Progress: version(1) = 01 | is_dropping(1) | next_index(8) | replay_next(8) | replay_to(8) |
/// failing_since_ns(8) | tests(8) | waiting(4) | ended(4)
struct audit_webhook_progress {
    bool is_dropping;                // What waits is being dropped.
    uint64_t next_index;             // Below it each event is a message, or does not match.
    uint64_t replay_next, replay_to; // Equal: nothing is replayed.
    uint64_t failing_since_ns;       // 0: nothing has failed since the last success.
    uint64_t tests;                  // So many were made.
    uint32_t waiting, ended;         // Messages.
};

size_t audit_webhook_progress_encode(const struct audit_webhook_progress *progress,
                                     uint8_t ret[static AUDIT_WEBHOOK_PROGRESS_BYTES]);
MUST_USE struct status audit_webhook_progress_decode(struct bytes record,
                                                     struct audit_webhook_progress *ret);

/// Message: version(1) = 01 | state(1) | attempts(4) | last_attempt_ns(8) | next_attempt_ns(8) |
/// ended_ns(8) | http status(2) | duration_ms(4) | seq(8) | runs with size(1): error, type, source
/// Longer texts are cut.
size_t audit_delivery_encode(const struct audit_delivery *delivery,
                             uint8_t ret[static AUDIT_DELIVERY_RECORD_BYTES_MAX]);
MUST_USE struct status audit_delivery_decode(struct bytes record, struct audit_delivery *ret);
