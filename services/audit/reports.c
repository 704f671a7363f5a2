// Counts, suspicion and notifications follow the log.
#include "services/audit/reports.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"
#include "services/audit/parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 4096 };

struct status audit_reports_open(const struct audit_suspicion_config *config, uint32_t inbox_days,
                                 struct audit_followers *followers, struct audit_reports **ret)
{
    struct audit_suspicion *suspicion;
    RETURN_IF_ERROR(audit_suspicion_open(config, &suspicion));
    struct audit_reports *reports = calloc(1, sizeof *reports);
    CHECK(reports != NULL);
    reports->counts = audit_counts_open();
    reports->suspicion = suspicion;
    reports->inbox = audit_inbox_open(config->store, inbox_days);
    const struct audit_follower each[] = {audit_counts_follower(reports->counts),
                                          audit_suspicion_follower(reports->suspicion),
                                          audit_inbox_follower(reports->inbox)};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
        audit_followers_add(followers, &each[i]);
    *ret = reports;
    return STATUS_SUCCESS;
}

void audit_reports_close(struct audit_reports **reports)
{
    struct audit_reports *old = *reports;
    if (old == NULL) return;
    audit_counts_close(&old->counts);
    audit_suspicion_close(&old->suspicion);
    audit_inbox_close(&old->inbox);
    free(old);
    *reports = NULL;
}

// ---- The part ------------------------------------------------------------------------------

// The key that networks are hashed with: beside the store, not in it, so that a copy of the store
// gives no address away.
static struct status load_network_key(struct daemon *daemon,
                                      uint8_t ret[static AUDIT_NETWORK_KEY_BYTES])
{
    static_assert((int)AUDIT_NETWORK_KEY_BYTES == (int)KEY_SECRET_BYTES, "a key is a key");
    char path[PATH_BYTES];
    int size = snprintf(path, sizeof path, "%s/network.key", daemon_directory(daemon));
    CHECK(size > 0 && (size_t)size < sizeof path);
    struct status status = key_secret_generate(path);
    if (status.code != STATUS_ALREADY_EXISTS) RETURN_IF_ERROR(status);
    return key_secret_load(path, ret);
}

static struct status open_reports(struct audit_context *context, struct daemon *daemon)
{
    const struct config *config = daemon_config(daemon);
    struct audit_suspicion_config suspicion = {
        .store = daemon_store(daemon),
        .office_hours = config_text(config, "audit", "office_hours"),
        .office_days = config_text(config, "audit", "office_days"),
        .office_utc_offset = config_text(config, "audit", "office_utc_offset"),
        .structuring_limits = config_text(config, "audit", "structuring_limits"),
    };
    RETURN_IF_ERROR(load_network_key(daemon, suspicion.network_key));
    uint32_t inbox_days = (uint32_t)config_u64(config, "audit", "inbox_days");
    return audit_reports_open(&suspicion, inbox_days, context->followers, &context->reports);
}

static void close_reports(struct audit_context *context)
{
    audit_reports_close(&context->reports);
}

const struct audit_part audit_report_part = {.open = open_reports, .close = close_reports};
