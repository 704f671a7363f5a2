#include "common/rpc/call.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/limits.h"
#include "common/rpc/server.h"

#include <stdio.h>
#include <string.h>

struct status rpc_call_reply(struct rpc_call *call, const void *message)
{
    if (message == NULL) return ARENA_STATUS_EXHAUSTED; // What RPC_NEW gave beyond the limit.
    call->reply = message;
    return STATUS_SUCCESS;
}

void *rpc_call_new(struct rpc_call *call, size_t size, void (*init)(void *message))
{
    void *message = arena_alloc(call->arena, size);
    if (message != NULL) init(message);
    return message;
}

struct status rpc_call_violation(struct rpc_call *call, const char *field, const char *reason)
{
    struct rpc_violations *violations = &call->violations;
    const char *copy = arena_text(call->arena, field, strlen(field));
    if (copy != NULL && violations->count < RPC_VIOLATIONS_MAX) {
        violations->items[violations->count++] =
            (struct rpc_violation){.field = copy, .reason = reason};
    }
    return REFUSE(INVALID_ARGUMENT, VALIDATION_FAILED, "a field of the request is not acceptable");
}

void rpc_call_detail(struct rpc_call *call, const char *key, const char *value)
{
    CHECK(call->detail_count < RPC_DETAILS_MAX);
    for (size_t i = 0; i < call->detail_count; i++)
        CHECK(strcmp(call->details[i].key, key) != 0);
    size_t size = strnlen(value, RPC_DETAIL_VALUE_BYTES_MAX);
    const char *copy = arena_text(call->arena, value, size);
    if (copy == NULL) return; // A detail explains; the refusal stands without it.
    call->details[call->detail_count++] = (struct rpc_detail){.key = key, .value = copy};
}

struct status rpc_call_refuse_committed(struct rpc_call *call, struct status refusal)
{
    CHECK(call->method->access == RPC_ACCESS_WRITE);
    CHECK(!status_ok(refusal));
    call->refusal_committed = true;
    return refusal;
}

// When the call is run again at the latest.
static uint64_t park_until(const struct rpc_call *call, uint64_t until_mono_ns)
{
    const uint64_t margin_ns = RPC_PARK_MARGIN_MS * NS_PER_MS;
    uint64_t latest_ns =
        call->deadline_mono_ns > margin_ns ? call->deadline_mono_ns - margin_ns : 0;
    return until_mono_ns < latest_ns ? until_mono_ns : latest_ns;
}

bool rpc_call_may_park(const struct rpc_call *call, uint64_t until_mono_ns)
{
    return call->may_park && clock_mono_ns() < park_until(call, until_mono_ns);
}

struct status rpc_call_park(struct rpc_call *call, uint64_t until_mono_ns)
{
    CHECK(call->method->access == RPC_ACCESS_POOL);
    CHECK(call->may_park);
    call->is_parking = true;
    call->park_until_mono_ns = park_until(call, until_mono_ns);
    return STATUS_SUCCESS;
}

enum rpc_scope rpc_call_scope(const struct rpc_call *call, const char *permission)
{
    const struct rpc_identity *identity = call->identity;
    if (identity == NULL || !call->is_authenticated) return RPC_SCOPE_NONE;
    bool has_yet_to_enrol = !call->claims.is_service && call->claims.aal == 0;
    if (has_yet_to_enrol) return RPC_SCOPE_NONE;
    return identity->authorize(identity->context, &call->claims, permission);
}

bool rpc_call_is_self(const struct rpc_call *call, struct id128 user_id)
{
    return call->is_authenticated && !call->claims.is_service && !id128_is_nil(user_id) &&
           id128_equal(call->claims.subject, user_id);
}

struct status rpc_call_may_touch(const struct rpc_call *call, struct id128 owner_id)
{
    if (call->scope == RPC_SCOPE_ALL) return STATUS_SUCCESS;
    if (call->scope == RPC_SCOPE_SELF && rpc_call_is_self(call, owner_id)) return STATUS_SUCCESS;
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED, "the caller may not touch this resource");
}

struct status rpc_call_may_touch_in(const struct rpc_call *call, struct id128 owner_id,
                                    const char *branch)
{
    bool is_of_branch = call->claims.branch[0] != '\0' && strcmp(call->claims.branch, branch) == 0;
    if (call->scope == RPC_SCOPE_BRANCH && is_of_branch) return STATUS_SUCCESS;
    return rpc_call_may_touch(call, owner_id);
}

void rpc_call_actor(const struct rpc_call *call, char ret_text[static RPC_ACTOR_BYTES])
{
    char id_text[ID128_TEXT_BYTES];
    if (!call->is_authenticated) {
        snprintf(ret_text, RPC_ACTOR_BYTES, "anonymous");
    } else if (call->claims.is_service) {
        snprintf(ret_text, RPC_ACTOR_BYTES, "services/%s", call->claims.service);
    } else {
        id128_format(call->claims.subject, id_text);
        snprintf(ret_text, RPC_ACTOR_BYTES, "users/%s", id_text);
    }
}
