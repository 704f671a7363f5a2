#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/execution.h"
#include "common/rpc/limits.h"
#include "common/rpc/validate.h"

#include <string.h>

// ---- Metadata ------------------------------------------------------------------------------

// What a client may say beside the payload. These texts end up in logs, events and keys, so they
// are printable ASCII; the token is looked at by nobody but the identity.
static const struct {
    size_t from, to; // In struct envelope_request and in struct rpc_call.
    size_t bytes_max;
    bool is_opaque;
} metadata[] = {

#define METADATA(name_, bytes_max_, is_opaque_)                                                    \
    {                                                                                              \
        offsetof(struct envelope_request, name_), offsetof(struct rpc_call, name_), (bytes_max_),  \
            (is_opaque_)                                                                           \
    }
    METADATA(idempotency_key, RPC_IDEMPOTENCY_KEY_BYTES_MAX, false),
    METADATA(access_token, RPC_METADATA_BYTES_MAX, true),
    METADATA(traceparent, 64, false),
    METADATA(request_id, 64, false),
    METADATA(client_ip, 64, false),
    METADATA(device_id, 128, false),
};

enum { METADATA_COUNT = sizeof metadata / sizeof metadata[0] };

static bool is_printable(struct bytes text)
{
    uint8_t wrong = 0;
    for (size_t i = 0; i < text.size; i++) {
        wrong |= text.data[i] < 0x20 || text.data[i] > 0x7e;
    }
    return wrong == 0;
}

static struct status take_metadata(struct execution *execution,
                                   const struct envelope_request *request)
{
    struct bytes texts[METADATA_COUNT];
    size_t total = 0;
    for (size_t i = 0; i < METADATA_COUNT; i++) {
        memcpy(&texts[i], (const char *)request + metadata[i].from, sizeof texts[i]);
        total += texts[i].size;
        if (texts[i].size <= metadata[i].bytes_max &&
            (metadata[i].is_opaque || is_printable(texts[i]))) {
            continue;
        }
        return REFUSE(INVALID_ARGUMENT, METADATA_MALFORMED,
                      "key, trace, request id, ip and device are short printable ASCII");
    }
    if (total > RPC_METADATA_BYTES_MAX) {
        return REFUSE(RESOURCE_EXHAUSTED, METADATA_TOO_LARGE, "a call's metadata is at most 8 KiB");
    }

    char *to = arena_alloc(execution->call.arena, total + METADATA_COUNT);
    if (to == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < METADATA_COUNT; i++) {
        if (texts[i].size > 0) memcpy(to, texts[i].data, texts[i].size);
        memcpy((char *)&execution->call + metadata[i].to, &to, sizeof to);
        to += texts[i].size + 1; // The arena is zeroed: the NUL is there.
    }
    return STATUS_SUCCESS;
}

// ---- Token and permission ------------------------------------------------------------------

static const struct status identity_unavailable = {
    .code = STATUS_UNAVAILABLE,
    .reason = "IDENTITY_UNAVAILABLE",
    .message = "this daemon cannot check tokens at present"};

// The calls of a batch mostly carry the same token: only the first one is looked up.
static struct status authenticate(struct execution *execution, struct bytes token)
{
    struct rpc_batch *batch = execution->batch;
    struct rpc_call *call = &execution->call;
    const struct rpc_identity *identity = batch->executor->config.identity;
    if (identity == NULL) return identity_unavailable;
    if (batch->last_token.size == 0 || !bytes_equal(batch->last_token, token)) {
        batch->last_token = (struct bytes){0};
        RETURN_IF_ERROR(identity->authenticate(identity->context, token, &batch->last_claims));
        batch->last_token = token;
    }
    call->claims = batch->last_claims;
    call->is_authenticated = true;
    return STATUS_SUCCESS;
}

/// A session that has yet to enrol a factor is good for auth's own any_user methods, where that is
/// done. What an API key was cut down to are permissions: methods that need none only let it look.
static struct status check_strength(const struct rpc_method *method,
                                    const struct token_claims *claims)
{
    if (claims->is_service) return STATUS_SUCCESS;
    bool is_of_auth = strcmp(method->daemon, "auth") == 0;
    if (claims->aal == 0 && !(method->any_user && is_of_auth)) {
        return REFUSE(PERMISSION_DENIED, INSUFFICIENT_AAL,
                      "the session must enrol its second factor first");
    }
    if (claims->scope_count > 0 && method->any_user && method->access != RPC_ACCESS_READ) {
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                      "a token that is cut down to scopes cannot do this");
    }
    return STATUS_SUCCESS;
}

static struct status check_permission(struct execution *execution)
{
    const struct rpc_method *method = execution->served->method;
    const struct rpc_identity *identity = execution->batch->executor->config.identity;
    struct rpc_call *call = &execution->call;
    call->identity = identity;
    call->scope = RPC_SCOPE_ALL;
    if (method->is_public) return STATUS_SUCCESS;
    RETURN_IF_ERROR(check_strength(method, &call->claims));
    if (method->any_user) return STATUS_SUCCESS;
    call->scope = identity->authorize(identity->context, &call->claims, method->permission);
    if (call->scope != RPC_SCOPE_NONE) return STATUS_SUCCESS;
    rpc_call_detail(call, "permission", method->permission);
    if (identity->explain != NULL) identity->explain(identity->context, call, method->permission);
    return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                  "the caller's roles do not grant this method's permission");
}

static bool is_stale(struct status status)
{
    return status.code == STATUS_UNAVAILABLE && strcmp(status.reason, "IDENTITY_STALE") == 0;
}

// ---- Decoding ------------------------------------------------------------------------------

// The arena is shared by the calls of a batch, so limits are relative to what is used already.
static void allow_memory(struct execution *execution, size_t bytes_max)
{
    arena_set_limit(execution->call.arena, arena_used(execution->call.arena) + bytes_max);
}

static struct status decode(struct execution *execution)
{
    struct rpc_call *call = &execution->call;
    const struct rpc_method *method = call->method;
    size_t bytes_max = RPC_REQUEST_ARENA_FACTOR * (size_t)method->request_bytes_max;
    if (bytes_max < RPC_REQUEST_ARENA_BYTES_MIN) bytes_max = RPC_REQUEST_ARENA_BYTES_MIN;
    allow_memory(execution, bytes_max);
    RETURN_IF_ERROR(rpc_decode(method->request, execution->payload, call->arena, &call->request,
                               &call->violations));
    allow_memory(execution, handler_bytes_max(method));
    execution->is_remembered = method->is_keyed && call->idempotency_key[0] != '\0';
    if (execution->is_remembered) {
        idempotency_identify(&call->claims, call->is_authenticated, method->name,
                             call->idempotency_key, execution->payload, &execution->idempotency);
    }
    return STATUS_SUCCESS;
}

static struct status authorize_and_decode(struct execution *execution)
{
    RETURN_IF_ERROR(check_permission(execution));
    return decode(execution);
}

static void go_on(struct execution *execution, struct status status)
{
    if (status_ok(status)) status = authorize_and_decode(execution);
    if (status_ok(status)) {
        execution_run(execution);
    } else {
        execution_end(execution, status);
    }
}

// On a pool thread: the quick look at the token was not enough.
static void authenticate_slowly(struct pool_job *job)
{
    struct execution *execution = execution_of_pool_job(job);
    struct rpc_call *call = &execution->call;
    const struct rpc_identity *identity = execution->batch->executor->config.identity;
    struct status status = identity->authenticate_slow(
        identity->context, bytes_of_text(call->access_token), &call->claims);
    call->is_authenticated = status_ok(status);
    if (!status_ok(status) && call->method->is_public) {
        memset(&call->claims, 0, sizeof call->claims);
        status = STATUS_SUCCESS;
    }
    if (execution_is_expired(execution)) {
        status = REFUSE(DEADLINE_EXCEEDED, DEADLINE_EXCEEDED,
                        "the deadline passed before the caller was known");
    }
    go_on(execution, status);
}

struct status execution_authorize_again(struct execution *execution)
{
    const struct rpc_identity *identity = execution->batch->executor->config.identity;
    struct rpc_call *call = &execution->call;
    if (call->method->is_public) return STATUS_SUCCESS;
    struct bytes token = bytes_of_text(call->access_token);
    struct status status = identity->authenticate(identity->context, token, &call->claims);
    if (is_stale(status) && identity->authenticate_slow != NULL) {
        status = identity->authenticate_slow(identity->context, token, &call->claims);
    }
    call->detail_count = 0; // Of an answer that may not be given.
    return status_ok(status) ? check_permission(execution) : status;
}

// ---- The chain -----------------------------------------------------------------------------

static const struct served_method *find_method(struct rpc_batch *batch, struct bytes name)
{
    const struct served_method *last = batch->last_served;
    if (last != NULL && bytes_equal(bytes_of_text(last->method->name), name)) return last;
    return batch->last_served = rpc_executor_find(batch->executor, name);
}

static struct status check_serving(struct execution *execution)
{
    const struct rpc_executor *executor = execution->batch->executor;
    if (execution->served->serves_always) return STATUS_SUCCESS;
    if (atomic_load_explicit(&executor->draining, memory_order_relaxed)) {
        execution->call.retry_after_ms = RPC_RETRY_AFTER_DRAINING_MS;
        return REFUSE(UNAVAILABLE, DRAINING, "this daemon is stopping");
    }
    if (!atomic_load_explicit(&executor->serving, memory_order_relaxed)) {
        execution->call.retry_after_ms = RPC_RETRY_AFTER_STARTING_MS;
        return REFUSE(UNAVAILABLE, STARTING, "this daemon is not ready yet");
    }
    return STATUS_SUCCESS;
}

static struct status check_limits(struct execution *execution)
{
    if (execution->payload.size > execution->served->method->request_bytes_max) {
        return REFUSE(RESOURCE_EXHAUSTED, REQUEST_TOO_LARGE,
                      "the request is longer than its method allows");
    }
    if (execution_is_expired(execution)) {
        return REFUSE(DEADLINE_EXCEEDED, DEADLINE_EXCEEDED, "the deadline passed before the call");
    }
    if (execution->index >= execution->batch->allowed_count) {
        execution->call.retry_after_ms = RPC_RETRY_AFTER_OVERLOADED_MS;
        return REFUSE(RESOURCE_EXHAUSTED, OVERLOADED, "too many calls are in flight");
    }
    return STATUS_SUCCESS;
}

static void prepare(struct execution *execution, struct rpc_batch *batch,
                    const struct envelope_request *request)
{
    const struct rpc_method *method = execution->served->method;
    uint64_t timeout_ms =
        request->timeout_ms > 0 ? request->timeout_ms : method->timeout_ms_default;
    if (timeout_ms > RPC_TIMEOUT_MS_MAX) timeout_ms = RPC_TIMEOUT_MS_MAX;
    execution->payload = request->payload;
    struct rpc_call *call = &execution->call;
    call->method = method;
    call->service = execution->served->service;
    call->received_wall_ns = batch->received_wall_ns;
    call->received_mono_ns = batch->received_mono_ns;
    call->deadline_mono_ns = batch->received_mono_ns + timeout_ms * NS_PER_MS;
    allow_memory(execution, 2 * (size_t)RPC_METADATA_BYTES_MAX);
}

static struct status check_token(struct execution *execution)
{
    const char *token = execution->call.access_token;
    bool is_public = execution->served->method->is_public;
    if (token[0] == '\0') {
        return is_public ? STATUS_SUCCESS
                         : REFUSE(UNAUTHENTICATED, TOKEN_MISSING, "this method needs a token");
    }
    struct status status = authenticate(execution, bytes_of_text(token));
    // Whoever logs in again may still carry the old token: it does not stand in the way.
    return is_public && !status_ok(status) && !is_stale(status) ? STATUS_SUCCESS : status;
}

static struct status check_envelope(struct execution *execution,
                                    const struct envelope_request *request)
{
    RETURN_IF_ERROR(check_serving(execution));
    RETURN_IF_ERROR(check_limits(execution));
    return take_metadata(execution, request);
}

static void admit_known(struct execution *execution, const struct envelope_request *request)
{
    const struct rpc_identity *identity = execution->batch->executor->config.identity;
    prepare(execution, execution->batch, request);
    struct status status = check_envelope(execution, request);
    if (status_ok(status)) {
        status = check_token(execution);
        if (is_stale(status) && identity->authenticate_slow != NULL) {
            execution_to_pool(execution, authenticate_slowly);
            return;
        }
    }
    go_on(execution, status);
}

void execution_admit(struct rpc_batch *batch, size_t index, struct bytes bytes)
{
    struct envelope_request request;
    struct status status = envelope_read_request(bytes, &request);
    const struct served_method *served =
        status_ok(status) ? find_method(batch, request.method) : NULL;

    // A READ ends before this function does; a WRITE lives on until its group's commit.
    struct execution local, *execution = &local;
    if (served != NULL && served->method->access == RPC_ACCESS_WRITE) {
        arena_set_limit(batch->arena, SIZE_MAX);
        execution = arena_alloc(batch->arena, sizeof *execution);
        CHECK(execution != NULL);
    } else {
        memset(execution, 0, sizeof *execution);
    }
    execution->served = served;
    execution->batch = batch;
    execution->index = index;
    execution->call_id = request.call_id;
    execution->call.arena = batch->arena;
    if (served != NULL) {
        admit_known(execution, &request);
        return;
    }
    execution_end(execution, status_ok(status) ? REFUSE(UNIMPLEMENTED, METHOD_UNKNOWN,
                                                        "this daemon serves no such method")
                                               : status);
}
