/// @file services/audit/webhook_worker.h
/// Webhooks at work: what the log has for them becomes messages, messages that are due are posted,
/// and what came of it is filed.
/// Promise    Each event of a webhook's types at least once, or the delivery log says why not. A
///            message that is under way in a crash is posted again, with the same webhook-id.
/// Order      Messages are begun in the order of the log; up to four of a webhook are under way at
///            once, so they may arrive in another.
/// Fairness   A receiver has at most AUDIT_WEBHOOK_EACH_MAX of the AUDIT_WEBHOOK_IN_FLIGHT_MAX
///            places; from its first failure on, until it takes something again, one. Those that
///            fail have together at most AUDIT_WEBHOOK_FAILING_MAX: however many of them hang, the
///            others go on.
/// Threads    One thread takes the turns. Each attempt has its own (common/outbound).
/// Source     design 05 "Webhooks".
#pragma once

#include "services/audit/tail.h"
#include "services/audit/webhook.h"

enum {
    AUDIT_WEBHOOK_IN_FLIGHT_MAX = 32,
    AUDIT_WEBHOOK_EACH_MAX = 4,
    AUDIT_WEBHOOK_FAILING_MAX = AUDIT_WEBHOOK_IN_FLIGHT_MAX / 2,
    AUDIT_WEBHOOK_MESSAGE_BYTES_MAX = 4 * 1024 * 1024, // With all that is needed to make it.
};

struct audit_webhook_worker_config {
    struct store *store;
    struct audit_tail *tail;
    struct audit_webhook_rules rules;
    const char *tls_ca_file; // "" for the system's.
    uint64_t timeout_ms;     // Of one attempt.
};

struct audit_webhook_worker;

struct audit_webhook_worker *
audit_webhook_worker_open(const struct audit_webhook_worker_config *config);
/// audit_webhook_worker_close abandons what is under way; it stays in the store. Idempotent; before
/// the store is closed.
void audit_webhook_worker_close(struct audit_webhook_worker **worker);

/// audit_webhook_worker_turn files what has become of attempts, makes messages of what the log has,
/// and begins attempts that are due. It never waits for a receiver. now_ns: wall clock. Gives how
/// long the next turn may wait, in ms, unless audit_webhook_worker_wait returns before.
uint64_t audit_webhook_worker_turn(struct audit_webhook_worker *worker, uint64_t now_ns);
/// audit_webhook_worker_wait returns when an attempt has ended, wake_fd is readable, or after
/// wait_ms.
void audit_webhook_worker_wait(struct audit_webhook_worker *worker, int wake_fd, uint64_t wait_ms);
size_t audit_webhook_worker_in_flight(const struct audit_webhook_worker *worker);
