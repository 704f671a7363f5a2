/// @file services/audit/webhooks.h
/// The webhooks of the daemon: what the handlers need, and the thread that does the work.
/// Threads    The worker's one between start and stop. wake_after_commit: in a WRITE handler.
#pragma once

#include "services/audit/webhook_worker.h"

#include <pthread.h>
#include <stdatomic.h>

struct audit_webhooks {
    struct seal *seal;
    struct audit_webhook_rules rules;
    struct audit_webhook_worker *worker;
    int wake_fd;    // An eventfd: readable when the thread is to look.
    bool is_wanted; // The writer thread's: wake it when the group is durable.
    atomic_bool is_stopping;
    pthread_t thread;
    bool runs;
};

struct audit_webhooks_config {
    struct store *store;
    struct audit_tail *tail;
    const char *keys_directory; // Has the KEK.
    bool private_addresses, plain_http;
    const char *tls_ca_file;
    uint64_t timeout_ms;
};

/// audit_webhooks_open adds a hook to the store and a listener to the tail: both must not call any
/// more when it is closed. DATA_LOSS / SEAL_KEY_BROKEN, and what loading the KEK says.
MUST_USE struct status audit_webhooks_open(const struct audit_webhooks_config *config,
                                           struct audit_webhooks **ret);
void audit_webhooks_start(struct audit_webhooks *webhooks);
void audit_webhooks_stop(struct audit_webhooks *webhooks);   // Joins; idempotent.
void audit_webhooks_close(struct audit_webhooks **webhooks); // Idempotent.

/// audit_webhooks_wake_after_commit: there is something to do once the transaction is durable.
void audit_webhooks_wake_after_commit(struct audit_webhooks *webhooks);
