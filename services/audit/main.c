#include "common/daemon/daemon.h"
#include "services/audit/rpc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct config_key keys[] = {
    {"audit", "origin", CONFIG_TEXT, NULL, 1, NOTE_NAME_BYTES_MAX - 1, "florin.local/audit", NULL,
     "The log's name in its checkpoints; must not change once the log has begun."},
    {"audit", "linger", CONFIG_MS, "ms", 0, 1000, "10ms", NULL,
     "How long events of a busy source are gathered before a commit."},
};

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
    return STATUS_SUCCESS;
}

static struct status append_started(struct store_txn *txn, void *unused)
{
    (void)unused;
    event_append(txn, &(struct event){.type = "audit.started",
                                      .subject = "services/audit",
                                      .actor = "services/audit"});
    return STATUS_SUCCESS;
}

static struct status start(struct daemon *daemon, void *service)
{
    struct audit_context *context = service;
    RETURN_IF_ERROR(store_write_wait(daemon_store(daemon), append_started, NULL));
    daemon_health_add(daemon, "sources", audit_sources_serving, &context->sources);
    return audit_sources_start(&context->sources, daemon);
}

static void stop(void *service)
{
    struct audit_context *context = service;
    audit_sources_stop(&context->sources);
}

static void close_log(void *service)
{
    struct audit_context *context = service;
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
