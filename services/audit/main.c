#include "common/daemon/daemon.h"
#include "services/audit/follower.h"
#include "services/audit/parts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct config_key keys[] = {
    {"audit", "origin", CONFIG_TEXT, NULL, 1, NOTE_NAME_BYTES_MAX - 1, "florin.local/audit", NULL,
     "The log's name in its checkpoints; must not change once the log has begun."},
    {"audit", "linger", CONFIG_MS, "ms", 0, 1000, "10ms", NULL,
     "How long events of a busy source are gathered before a commit."},
    {"audit", "retention_days", CONFIG_U64, "days", 0, 36500, "0", NULL,
     "Entries older than this are pruned, their hashes stay; 0: kept for ever."},
    {"audit", "witnesses", CONFIG_TEXT, NULL, 0, 4096, "", NULL,
     "File of witnesses, a line each: verifier key and URL."},
    {"audit", "witnesses_needed", CONFIG_U64, NULL, 0, 16, "0", NULL,
     "How many of them must cosign a checkpoint before it is served."},
    {"audit", "office_hours", CONFIG_TEXT, NULL, 0, 32, "06:00-22:00", NULL,
     "When administrators' work is not suspicious; empty: always."},
    {"audit", "office_days", CONFIG_TEXT, NULL, 0, 16, "1-6", NULL,
     "On which days, 1 (Monday) to 7."},
    {"audit", "office_utc_offset", CONFIG_TEXT, NULL, 6, 6, "+05:30", NULL,
     "Of the office's clock."},
    {"audit", "structuring_limits", CONFIG_TEXT, NULL, 0, 256,
     "INR:100000000,EUR:1000000,USD:1000000", NULL,
     "Amounts in minor units just below which repeated transfers are suspicious."},
    {"audit", "inbox_days", CONFIG_U64, "days", 1, 3650, "90", NULL,
     "How long notifications are kept."},
    {"audit", "webhook_timeout", CONFIG_MS, "ms", 100, 60000, "15s", NULL,
     "Of one delivery, everything included."},
    {"audit", "webhook_private_addresses", CONFIG_BOOL, NULL, 0, 0, "false", NULL,
     "Let webhooks be posted to loopback, private and link-local addresses."},
    {"audit", "webhook_plain_http", CONFIG_BOOL, NULL, 0, 0, "false", NULL,
     "Let webhooks be http:// too."},
    {"audit", "webhook_ca_file", CONFIG_TEXT, NULL, 0, 4096, "", NULL,
     "PEM file of the authorities that receivers are checked with; empty: the system's."},
};

static const struct audit_part *const parts[] = {
    &audit_witness_part, &audit_retention_part, &audit_consumer_part,
    &audit_webhook_part, &audit_report_part,    &audit_follower_part,
};

enum { PART_COUNT = sizeof parts / sizeof parts[0] };

#define KEY_FILE_REFUSAL                                                                           \
    REFUSE(UNAVAILABLE, VERIFIER_KEY_UNWRITABLE, "the file verifier-key cannot be written")

// The public half, for `florin audit verify` and whoever it is handed to.
static struct status write_verifier_key(const char *directory, const char *text)
{
    char path[4096], temporary[4096];
    int size = snprintf(path, sizeof path, "%s/verifier-key", directory);
    int temporary_size = snprintf(temporary, sizeof temporary, "%s/verifier-key.new", directory);
    if (size < 0 || temporary_size < 0 || (size_t)temporary_size >= sizeof temporary) {
        return KEY_FILE_REFUSAL;
    }
    int fd = open(temporary, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) return KEY_FILE_REFUSAL;
    bool is_written = dprintf(fd, "%s\n", text) == (int)strlen(text) + 1 && fsync(fd) == 0;
    is_written = close(fd) == 0 && is_written;
    return is_written && rename(temporary, path) == 0 ? STATUS_SUCCESS : KEY_FILE_REFUSAL;
}

static struct status open_log(struct daemon *daemon, void **ret_service)
{
    struct audit_context *context = *ret_service;
    struct audit_service_config config = {
        .store = daemon_store(daemon),
        .keys_directory = daemon_keys_directory(daemon),
        .origin = config_text(daemon_config(daemon), "audit", "origin"),
    };
    RETURN_IF_ERROR(audit_service_open(&config, &context->service));
    RETURN_IF_ERROR(write_verifier_key(daemon_directory(daemon), context->service.verifier_text));
    audit_sources_open(&context->service, &context->sources);
    // Before the parts, which add theirs.
    context->followers = audit_followers_open(daemon_store(daemon), context->service.tail);
    for (size_t i = 0; i < PART_COUNT; i++)
        if (parts[i]->open != NULL) RETURN_IF_ERROR(parts[i]->open(context, daemon));
    return STATUS_SUCCESS;
}

static struct status start(struct daemon *daemon, void *service)
{
    struct audit_context *context = service;
    daemon_health_add(daemon, "sources", audit_sources_serving, &context->sources);
    for (size_t i = 0; i < PART_COUNT; i++)
        if (parts[i]->start != NULL) RETURN_IF_ERROR(parts[i]->start(context, daemon));
    return audit_sources_start(&context->sources, daemon);
}

static void stop(void *service)
{
    struct audit_context *context = service;
    audit_sources_stop(&context->sources);
    audit_tail_stop(context->service.tail);
    for (size_t i = PART_COUNT; i-- > 0;)
        if (parts[i]->stop != NULL) parts[i]->stop(context);
}

static void close_log(void *service)
{
    struct audit_context *context = service;
    for (size_t i = PART_COUNT; i-- > 0;)
        if (parts[i]->close != NULL) parts[i]->close(context);
    audit_sources_close(&context->sources);
    audit_service_close(&context->service);
}

int main(int argc, char **argv)
{
    static const struct daemon_spec spec = {
        .name = "audit",
        .summary = "Florin's audit log: everything that happened, provably.",
        .keys = keys,
        .key_count = sizeof keys / sizeof keys[0],
        .schema = &audit_store_schema,
        .methods = audit_methods,
        .handlers = audit_handlers,
        .method_count = AUDIT_METHOD_COUNT,
        .service_bytes = sizeof(struct audit_context),
        .open = open_log,
        .start = start,
        .stop = stop,
        .close = close_log,
    };
    return daemon_main(argc, argv, &spec);
}
