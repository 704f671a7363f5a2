// Witnesses: who else has seen the log. The daemon's part, from its configuration.
#include "services/audit/parts.h"
#include "services/audit/witnessing.h"

static struct status open_part(struct audit_context *context, struct daemon *daemon)
{
    const struct config *config = daemon_config(daemon);
    static struct audit_witness_list list; // Large: not for the stack.
    uint64_t needed = config_u64(config, "audit", "witnesses_needed");
    RETURN_IF_ERROR(
        audit_witness_list_load(config_text(config, "audit", "witnesses"), needed, &list));
    return audit_witnessing_open(&context->service, &list, (unsigned)needed, &context->witnessing);
}

static struct status start_part(struct audit_context *context, struct daemon *daemon)
{
    struct audit_witnessing *witnessing = context->witnessing;
    if (audit_witnessing_count(witnessing) > 0)
        daemon_health_add(daemon, "witnesses", audit_witnessing_serving, witnessing);
    return audit_witnessing_start(witnessing);
}

static void stop_part(struct audit_context *context)
{
    audit_witnessing_stop(context->witnessing);
}

static void close_part(struct audit_context *context)
{
    audit_witnessing_close(&context->witnessing);
}

const struct audit_part audit_witness_part = {
    .open = open_part, .start = start_part, .stop = stop_part, .close = close_part};
