/// @file services/audit/webhook.h
/// What is done with webhooks: the use cases behind the methods.
/// Secrets    Lie sealed in the store; they leave in clear only where they are made, and to sign.
/// Ownership  What is given back lies in the arena.
/// Threads    Inside the transaction that is given.
/// Errors     NOT_FOUND / WEBHOOK_NOT_FOUND; INVALID_ARGUMENT / URL_NOT_ALLOWED,
///            TYPE_PATTERN_INVALID, RANGE_INVALID; FAILED_PRECONDITION / TOO_MANY_WEBHOOKS,
///            VERSION_MISMATCH, WEBHOOK_DISABLED, TOO_MANY_WAITING, REPLAY_RUNNING, START_PRUNED.
/// Source     design 05 "Webhooks", Standard Webhooks 1.0.
#pragma once

#include "common/crypto/seal.h"
#include "common/outbound/address.h"
#include "services/audit/store_webhook.h"

enum { AUDIT_WEBHOOK_SECRET_TEXT_BYTES = 6 + 44 + 1 }; // "whsec_…"

/// What the use cases need to know.
struct audit_webhook_rules {
    const struct seal *seal;
    struct outbound_url_rules url;
};

/// One with its progress.
struct audit_webhook_view {
    struct audit_webhook webhook;
    struct audit_webhook_progress progress;
};

MUST_USE struct status audit_webhook_get(struct store_txn *txn, struct id128 id,
                                         struct arena *arena, struct audit_webhook_view *ret);

/// What somebody asks for. In a change, what is not `has_…` stays.
struct audit_webhook_asked {
    bool has_url, has_types, has_description, has_enabled;
    struct bytes url, description;
    const struct bytes *types;
    size_t type_count;
    bool enabled;
};

/// audit_webhook_create starts at the end of the log. The caller wipes the secret.
MUST_USE struct status
audit_webhook_create(const struct audit_webhook_rules *rules, struct store_txn *txn,
                     const struct audit_webhook_asked *asked, struct bytes created_by,
                     uint64_t now_ns, struct audit_webhook_view *ret,
                     char ret_secret[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES], struct arena *arena);
/// audit_webhook_update: a webhook that is switched on again goes on where it stopped.
MUST_USE struct status audit_webhook_update(const struct audit_webhook_rules *rules,
                                            struct store_txn *txn, struct id128 id,
                                            uint64_t if_match,
                                            const struct audit_webhook_asked *asked,
                                            struct arena *arena, struct audit_webhook_view *ret);
/// audit_webhook_delete leaves its messages to be cleared away. ret is as it was.
MUST_USE struct status audit_webhook_delete(struct store_txn *txn, struct id128 id,
                                            struct arena *arena, struct audit_webhook *ret);
/// audit_webhook_rotate: both secrets sign for overlap_ns; one that was the old one before does
/// not sign any more.
MUST_USE struct status
audit_webhook_rotate(const struct audit_webhook_rules *rules, struct store_txn *txn,
                     struct id128 id, uint64_t overlap_ns, uint64_t now_ns, struct arena *arena,
                     struct audit_webhook_view *ret,
                     char ret_secret[static AUDIT_WEBHOOK_SECRET_TEXT_BYTES]);

#define AUDIT_WEBHOOK_TEST_TYPE "webhook.test"

/// audit_webhook_test files a test message: one attempt.
MUST_USE struct status audit_webhook_test(struct store_txn *txn, struct id128 id, uint64_t now_ns,
                                          struct arena *arena, uint64_t *ret_index,
                                          struct audit_delivery *ret);
/// audit_webhook_replay: events from `from` and below `to` (0: to the end). Those that have not
/// been messages yet are not replayed: they are still to come. Gives the range that is.
MUST_USE struct status audit_webhook_replay(struct store_txn *txn, struct id128 id, uint64_t from,
                                            uint64_t to, struct arena *arena, uint64_t *ret_from,
                                            uint64_t *ret_to);

// ---- Secrets -------------------------------------------------------------------------------

/// audit_webhook_unseal_secrets gives the one, or the two, that sign at this time.
MUST_USE struct status
audit_webhook_unseal_secrets(const struct seal *seal, const struct audit_webhook *webhook,
                             uint64_t now_ns, uint8_t ret[static 2][AUDIT_WEBHOOK_SECRET_BYTES],
                             size_t *ret_count);

bool audit_webhook_matches(const struct audit_webhook *webhook, struct bytes type);
