#include "services/audit/webhooks.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/thread.h"
#include "common/crypto/keys.h"
#include "common/daemon/keychain.h"
#include "services/audit/parts.h"
#include "services/audit/retention.h"
#include "services/audit/tables.h"
#include "services/audit/webhook_settle.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STACK_BYTES = 1024 * 1024 }; // The seats of a turn lie on it.

// ---- Waking --------------------------------------------------------------------------------

static void ring(void *context)
{
    const struct audit_webhooks *webhooks = context;
    CHECK(eventfd_write(webhooks->wake_fd, 1) == 0);
}

static void after_commit(void *context)
{
    struct audit_webhooks *webhooks = context;
    if (!webhooks->is_wanted) return;
    webhooks->is_wanted = false;
    ring(webhooks);
}

void audit_webhooks_wake_after_commit(struct audit_webhooks *webhooks)
{
    webhooks->is_wanted = true;
}

// ---- The thread ----------------------------------------------------------------------------

static void *work(void *context)
{
    struct audit_webhooks *webhooks = context;
    while (!atomic_load(&webhooks->is_stopping)) {
        eventfd_t unused;
        uint64_t wait_ms = audit_webhook_worker_turn(webhooks->worker, clock_wall_ns());
        audit_webhook_worker_wait(webhooks->worker, webhooks->wake_fd, wait_ms);
        (void)eventfd_read(webhooks->wake_fd, &unused); // Does not block: nobody may have rung.
    }
    return NULL;
}

void audit_webhooks_start(struct audit_webhooks *webhooks)
{
    CHECK(!webhooks->runs);
    thread_start(&webhooks->thread, "webhooks", STACK_BYTES, work, webhooks);
    webhooks->runs = true;
}

void audit_webhooks_stop(struct audit_webhooks *webhooks)
{
    if (!webhooks->runs) return;
    atomic_store(&webhooks->is_stopping, true);
    ring(webhooks);
    pthread_join(webhooks->thread, NULL);
    webhooks->runs = false;
}

// ---- Opening and closing -------------------------------------------------------------------

static struct status open_seal(const struct audit_webhooks_config *config, struct seal **ret)
{
    uint8_t kek[SEAL_KEK_BYTES];
    bool is_old;
    RETURN_IF_ERROR(keychain_exists(config->store, AUDIT_TABLE_KEYS, &is_old));
    RETURN_IF_ERROR(keychain_load_kek(config->keys_directory, !is_old, kek));
    struct status status = keychain_open(config->store, AUDIT_TABLE_KEYS, kek, ret);
    key_wipe(kek, sizeof kek);
    return status;
}

struct status audit_webhooks_open(const struct audit_webhooks_config *config,
                                  struct audit_webhooks **ret)
{
    struct seal *seal;
    RETURN_IF_ERROR(open_seal(config, &seal));
    struct audit_webhooks *webhooks = calloc(1, sizeof *webhooks);
    CHECK(webhooks != NULL);
    webhooks->seal = seal;
    webhooks->rules = (struct audit_webhook_rules){
        .seal = seal,
        .url = {.plain_allowed = config->plain_http, .private_allowed = config->private_addresses}};
    webhooks->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(webhooks->wake_fd >= 0);
    struct audit_webhook_worker_config worker = {
        .store = config->store,
        .tail = config->tail,
        .rules = webhooks->rules,
        .tls_ca_file = config->tls_ca_file,
        .timeout_ms = config->timeout_ms,
    };
    webhooks->worker = audit_webhook_worker_open(&worker);
    store_add_hook(config->store,
                   &(struct store_hook){.after_commit = after_commit, .context = webhooks});
    audit_tail_listen(config->tail, ring, webhooks);
    *ret = webhooks;
    return STATUS_SUCCESS;
}

void audit_webhooks_close(struct audit_webhooks **webhooks)
{
    struct audit_webhooks *old = *webhooks;
    if (old == NULL) return;
    audit_webhooks_stop(old);
    audit_webhook_worker_close(&old->worker);
    seal_close(&old->seal);
    close(old->wake_fd);
    free(old);
    *webhooks = NULL;
}

// ---- The part ------------------------------------------------------------------------------

static struct status open_part(struct audit_context *context, struct daemon *daemon)
{
    const struct config *settings = daemon_config(daemon);
    struct audit_webhooks_config config = {
        .store = daemon_store(daemon),
        .tail = context->service.tail,
        .keys_directory = daemon_keys_directory(daemon),
        .private_addresses = config_bool(settings, "audit", "webhook_private_addresses"),
        .plain_http = config_bool(settings, "audit", "webhook_plain_http"),
        .tls_ca_file = config_text(settings, "audit", "webhook_ca_file"),
        .timeout_ms = config_u64(settings, "audit", "webhook_timeout"),
    };
    if (config.tls_ca_file[0] != '\0' && access(config.tls_ca_file, R_OK) != 0)
        return REFUSE(INVALID_ARGUMENT, WEBHOOK_CONFIG, "audit.webhook_ca_file cannot be read");
    RETURN_IF_ERROR(audit_webhooks_open(&config, &context->webhooks));
    audit_retention_add_floor(context->retention, audit_webhook_floor, NULL);
    return STATUS_SUCCESS;
}

static struct status start_part(struct audit_context *context, struct daemon *daemon)
{
    (void)daemon;
    audit_webhooks_start(context->webhooks);
    return STATUS_SUCCESS;
}

static void stop_part(struct audit_context *context)
{
    if (context->webhooks != NULL) audit_webhooks_stop(context->webhooks);
}

static void close_part(struct audit_context *context)
{
    audit_webhooks_close(&context->webhooks);
}

const struct audit_part audit_webhook_part = {
    .open = open_part, .start = start_part, .stop = stop_part, .close = close_part};
