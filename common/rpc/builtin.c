#include "common/rpc/builtin.h"

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/version.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"

#include <string.h>

#define STATUS_OF(serving_)                                                                        \
    ((serving_) ? ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING                         \
                : ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING)

// protobuf-c has no const texts; what is put into a reply is only read.
static char *unconst(const char *text)
{
    return (char *)(text != NULL ? text : "");
}

static struct status fill_parts(struct rpc_call *call, const struct rpc_health_part *parts,
                                size_t count, Envelope__HealthCheckResponse *reply)
{
    reply->parts = arena_alloc(call->arena, count * sizeof(Envelope__HealthPart *));
    if (reply->parts == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        Envelope__HealthPart *part =
            RPC_NEW(call, Envelope__HealthPart, envelope__health_part__init);
        if (part == NULL) return ARENA_STATUS_EXHAUSTED;
        part->name = unconst(parts[i].name);
        part->serving = parts[i].is_serving;
        part->detail = unconst(parts[i].detail);
        reply->parts[reply->n_parts++] = part;
    }
    return STATUS_SUCCESS;
}

static struct status health_check(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    struct rpc_builtin *builtin = call->service;
    const Envelope__HealthCheckRequest *request = call->request;
    struct rpc_health_part parts[RPC_HEALTH_PARTS_MAX];
    size_t count = builtin->health != NULL ? builtin->health(builtin->context, parts) : 0;
    Envelope__HealthCheckResponse *reply =
        RPC_NEW(call, Envelope__HealthCheckResponse, envelope__health_check_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(fill_parts(call, parts, count, reply));
    reply->version = unconst(florin_version());
    reply->uptime_ms = (clock_mono_ns() - builtin->opened_mono_ns) / NS_PER_MS;

    bool serving = builtin->is_serving == NULL || builtin->is_serving(builtin->context);
    bool asked_for_part = request->service[0] != '\0';
    reply->status = ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        serving = serving && parts[i].is_serving;
        if (asked_for_part && strcmp(parts[i].name, request->service) == 0) {
            reply->status = STATUS_OF(parts[i].is_serving);
        }
    }
    if (!asked_for_part) reply->status = STATUS_OF(serving);
    return rpc_call_reply(call, reply);
}

static struct status stats_get(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    struct bytes text;
    RETURN_IF_ERROR(metrics_render(call->arena, &text));
    Envelope__StatsResponse *reply =
        RPC_NEW(call, Envelope__StatsResponse, envelope__stats_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->text = (ProtobufCBinaryData){.data = (uint8_t *)text.data, .len = text.size};
    return rpc_call_reply(call, reply);
}

static struct status introspect_get(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const struct rpc_builtin *builtin = call->service;
    Envelope__IntrospectResponse *reply =
        RPC_NEW(call, Envelope__IntrospectResponse, envelope__introspect_response__init);
    size_t count = RPC_METHOD_COUNT;
    for (size_t i = 0; i < builtin->service_count; i++) {
        count += builtin->services[i].count;
    }
    char **methods = arena_alloc(call->arena, count * sizeof(char *));
    if (reply == NULL || methods == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t row = 0; row < RPC_METHOD_COUNT; row++) {
        methods[reply->n_methods++] = unconst(rpc_methods[row].name);
    }
    for (size_t i = 0; i < builtin->service_count; i++) {
        for (size_t row = 0; row < builtin->services[i].count; row++) {
            methods[reply->n_methods++] = unconst(builtin->services[i].methods[row].name);
        }
    }
    reply->methods = methods;
    reply->daemon = unconst(builtin->daemon);
    reply->version = unconst(florin_version());
    reply->build_id = unconst(florin_build_id());
    reply->file_descriptor_set = (ProtobufCBinaryData){.data = (uint8_t *)rpc_descriptor_set,
                                                       .len = rpc_descriptor_set_size};
    return rpc_call_reply(call, reply);
}

static struct status control_drain(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const struct rpc_builtin *builtin = call->service;
    if (builtin->drain == NULL) {
        return REFUSE(UNIMPLEMENTED, DRAIN_UNAVAILABLE, "this daemon cannot be drained by a call");
    }
    builtin->drain(builtin->context);
    return rpc_call_reply(call,
                          RPC_NEW(call, Envelope__DrainResponse, envelope__drain_response__init));
}

static struct status control_backup(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const struct rpc_builtin *builtin = call->service;
    const Envelope__BackupRequest *request = call->request;
    if (builtin->backup == NULL) {
        return REFUSE(FAILED_PRECONDITION, NO_STORE, "this daemon keeps nothing to back up");
    }
    Envelope__BackupResponse *reply =
        RPC_NEW(call, Envelope__BackupResponse, envelope__backup_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(builtin->backup(builtin->context, call, request->directory,
                                    request->bytes_per_second_max, &reply->bytes,
                                    &reply->event_seq));
    return rpc_call_reply(call, reply);
}

static const rpc_handler handlers[RPC_METHOD_COUNT] = {
    [RPC_HEALTH_CHECK] = health_check,     [RPC_STATS_GET] = stats_get,
    [RPC_INTROSPECT_GET] = introspect_get, [RPC_CONTROL_DRAIN] = control_drain,
    [RPC_CONTROL_BACKUP] = control_backup,
};

struct rpc_service rpc_builtin_service(struct rpc_builtin *builtin)
{
    builtin->opened_mono_ns = clock_mono_ns();
    return (struct rpc_service){.methods = rpc_methods,
                                .handlers = handlers,
                                .count = RPC_METHOD_COUNT,
                                .context = builtin,
                                .serves_always = true};
}
