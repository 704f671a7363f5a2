// A request becomes one RPC. The answer arrives on a transport thread, is copied into the
// exchange's arena and goes back to the exchange's loop, which turns it into HTTP.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/encode.h"
#include "common/rpc/pack.h"
#include "florin/gateway/v1/gateway_methods.h"
#include "gateway/accept.h"
#include "gateway/conditional.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/request.h"
#include "gateway/stream.h"
#include "google/api/httpbody.pb-c.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

enum { REQUEST_ARENA_FACTOR = 16 }; // What a request may take, as a multiple of its largest body.

static void call_again(struct gateway_request *request);

// ---- The answer ----------------------------------------------------------------------------

static const char *keep_text(struct arena *arena, const char *text)
{
    if (text == NULL) return NULL;
    const char *kept = arena_text(arena, text, strlen(text));
    return kept != NULL ? kept : "";
}

// The answer is valid inside done() only. The loop waits for the job and leaves the arena alone.
// What a daemon answers is bounded by its message, so the arena's limit is no longer the request's.
static void keep_answer(struct gateway_request *request)
{
    struct rpc_client_call *call = &request->call;
    struct arena *arena = http_exchange_arena(request->exchange);
    arena_set_limit(arena, arena_used(arena) + GATEWAY_ANSWER_ARENA_BYTES);
    call->status.reason = keep_text(arena, call->status.reason);
    call->status.message = keep_text(arena, call->status.message);
    for (size_t i = 0; i < call->violations.count; i++) {
        struct rpc_violation *violation = &call->violations.items[i];
        violation->field = keep_text(arena, violation->field);
        violation->reason = keep_text(arena, violation->reason);
    }
    for (size_t i = 0; i < call->detail_count; i++) {
        call->details[i].key = keep_text(arena, call->details[i].key);
        call->details[i].value = keep_text(arena, call->details[i].value);
    }
    void *reply = arena_copy(arena, call->reply.data, call->reply.size);
    if (reply == NULL) {
        call->status = REFUSE(INTERNAL, REPLY_TOO_LARGE, "the answer is too large");
        call->outcome = RPC_OUTCOME_ANSWERED;
    }
    call->reply.data = reply;
}

// The daemon may add parameters to the media type that the client has agreed to, and no more.
static void write_document(const struct gateway_request *request, const ProtobufCMessage *reply,
                           struct gateway_answer *ret)
{
    const struct rpc_method *method = request->method;
    const struct http_head *head = http_exchange_head(request->exchange);
    const Google__Api__HttpBody *body = (const Google__Api__HttpBody *)reply;
    bool is_agreed = media_type_is(bytes_of_text(body->content_type), method->produces);
    ret->content_type = is_agreed ? body->content_type : method->produces;
    ret->body = bytes_of(body->data.data, body->data.len);
    if (body->next_page_token[0] == '\0') return;
    ret->link = link_next(head->path, head->query, body->next_page_token,
                          http_exchange_arena(request->exchange));
}

static uint64_t version_of(const struct rpc_method *method, const ProtobufCMessage *reply)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(reply->descriptor, method->etag_number);
    CHECK(field != NULL && field->type == PROTOBUF_C_TYPE_UINT64); // The generator has looked.
    uint64_t version;
    memcpy(&version, (const char *)reply + field->offset, sizeof version);
    return version;
}

// Gives the answer its ETag; false: the client has the entity, so that it is 304.
static bool is_modified(const struct gateway_request *request, const ProtobufCMessage *reply,
                        struct gateway_answer *ret)
{
    if (request->method->etag_number == 0) return true;
    const struct http_head *head = http_exchange_head(request->exchange);
    uint64_t version = version_of(request->method, reply);
    ret->etag = arena_format(http_exchange_arena(request->exchange), "\"%" PRIu64 "\"", version);
    bool is_read = strcmp(request->route->verb, "GET") == 0;
    if (!is_read || ret->status != 200 || !conditional_if_none_match(head, version)) return true;
    ret->status = 304;
    return false;
}

static struct status write_rest(const struct gateway_request *request, struct gateway_answer *ret)
{
    const struct rpc_client_call *call = &request->call;
    const struct rpc_method *method = request->method;
    struct arena *arena = http_exchange_arena(request->exchange);
    ret->status = call->not_created ? 200 : (uint16_t)method->http_status;
    ret->cache_control = method->cache_control;
    ProtobufCMessage *reply;
    RETURN_IF_ERROR(rpc_unpack(method->reply->descriptor, call->reply, arena, &reply));
    if (!is_modified(request, reply, ret) || ret->status == 204) return STATUS_SUCCESS;
    ret->content_type = method->produces;
    if (!method->reply->is_http_body) {
        return json_encode_sized(method->reply, reply, call->reply.size, arena, &ret->body);
    }
    write_document(request, reply, ret);
    return STATUS_SUCCESS;
}

static struct status write_connect(const struct gateway_request *request,
                                   struct gateway_answer *ret)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    ret->status = 200;
    ret->content_type = connect_media_type(request->codec);
    ret->body = request->call.reply;
    if (request->codec == CONNECT_CODEC_PROTO) return STATUS_SUCCESS;
    return json_encode_wire(request->method->reply, request->call.reply, arena, &ret->body);
}

static void respond_reply(struct gateway_request *request)
{
    struct gateway_answer answer = {.replayed = request->call.replayed};
    struct status status =
        request->is_connect ? write_connect(request, &answer) : write_rest(request, &answer);
    if (status_ok(status)) {
        gateway_respond(request, &answer);
        return;
    }
    LOG_ERROR("an answer cannot be written", LOG_TEXT("method", request->method->name),
              LOG_TEXT("reason", status.reason), LOG_U64("bytes", request->call.reply.size));
    gateway_refuse(request, REFUSE(INTERNAL, REPLY_MALFORMED, "the answer cannot be read"));
}

static struct gateway_request *request_of(struct http_job *job)
{
    return (struct gateway_request *)((char *)job - offsetof(struct gateway_request, job));
}

static void on_answer_in_loop(struct http_job *job)
{
    struct gateway_request *request = request_of(job);
    const struct rpc_client_call *call = &request->call;
    if (gateway_exchange_again(request) && gateway_call_begin(request->gateway)) {
        call_again(request);
    } else if (call->outcome == RPC_OUTCOME_ANSWERED && status_ok(call->status)) {
        respond_reply(request);
    } else {
        gateway_refuse_call(request, call);
    }
}

static void on_answer(struct rpc_client_call *call)
{
    struct gateway_request *request = call->context;
    struct gateway *gateway = request->gateway; // The request may be gone after the post.
    keep_answer(request);
    request->job.run = on_answer_in_loop;
    http_loop_post(http_exchange_loop(request->exchange), &request->job);
    gateway_call_end(gateway);
}

// ---- Calls under way -----------------------------------------------------------------------

bool gateway_call_begin(struct gateway *gateway)
{
    // First counted, then asked: the one who stops first says so and then looks at the count.
    atomic_fetch_add(&gateway->calls_in_flight, 1);
    if (!atomic_load(&gateway->is_stopping)) return true;
    atomic_fetch_sub(&gateway->calls_in_flight, 1);
    return false;
}

void gateway_call_end(struct gateway *gateway)
{
    atomic_fetch_sub(&gateway->calls_in_flight, 1);
}

void gateway_call_hold(struct gateway *gateway)
{
    CHECK(atomic_fetch_add(&gateway->calls_in_flight, 1) > 0);
}

void gateway_stop_http(struct gateway *gateway, uint32_t timeout_ms)
{
    if (gateway->http == NULL) return;
    if (!http_server_drain(gateway->http, timeout_ms)) {
        LOG_WARN("some connections were cut off by the end of the drain");
    }
    // Their answers are posted to loops that http_server_close frees. Each call has a deadline.
    atomic_store(&gateway->is_stopping, true);
    gateway_streams_stop(gateway->streams);
    const struct timespec pause = {.tv_nsec = (long)NS_PER_MS};
    while (atomic_load(&gateway->calls_in_flight) > 0) {
        nanosleep(&pause, NULL);
    }
    http_server_close(&gateway->http);
}

// ---- The call ------------------------------------------------------------------------------

static struct rpc_channel *channel_of(const struct gateway *gateway,
                                      const struct rpc_method *method)
{
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        if (strcmp(gateway_peers[i], method->daemon) == 0) return gateway->channels[i];
    }
    CHECK(false && "a route leads to a daemon that the gateway does not know");
    return NULL;
}

// From the request's body, path and query to the call's payload.
static struct status pack(struct gateway_request *request)
{
    const struct http_head *head = http_exchange_head(request->exchange);
    struct rpc_client_call *call = &request->call;
    struct arena *arena = http_exchange_arena(request->exchange);
    struct bytes body = http_exchange_body(request->exchange);
    switch (request->codec) {
    case CONNECT_CODEC_PROTO:
        call->payload = body; // Lives as long as the exchange; the daemon decodes and checks it.
        return STATUS_SUCCESS;
    case CONNECT_CODEC_JSON:
        return request_pack_json(head, request->method, body, arena, &call->payload,
                                 &call->violations);
    default:
        return request_pack(head, body, &request->match, request->route, arena, &call->payload,
                            &call->violations);
    }
}

// What asks for no token is not told a key either.
static void take_api_key(struct gateway_request *request)
{
    const char **bearer = &request->call.metadata.access_token;
    if (!keytokens_is_key(bytes_of_text(*bearer))) return;
    if (!request->method->is_public) request->api_key = *bearer;
    *bearer = NULL; // It goes to auth, and to nobody else.
}

static struct status prepare(struct gateway_request *request, uint32_t *ret_timeout_ms)
{
    const struct http_head *head = http_exchange_head(request->exchange);
    const struct rpc_method *method = request->method;
    size_t arena_bytes = (size_t)method->request_bytes_max * REQUEST_ARENA_FACTOR;
    if (arena_bytes > GATEWAY_REQUEST_ARENA_BYTES) {
        arena_set_limit(http_exchange_arena(request->exchange), arena_bytes);
    }
    *ret_timeout_ms = method->timeout_ms_default;
    RETURN_IF_ERROR(gateway_read_metadata(request));
    take_api_key(request);
    if (request->is_connect) RETURN_IF_ERROR(connect_check(head, method, ret_timeout_ms));
    return pack(request);
}

/// What the gateway serves itself, by the generated methods of its own package.
static void (*const local_handlers[GATEWAY_METHOD_COUNT])(struct gateway_request *request) = {
    [GATEWAY_STREAM_EVENTS] = gateway_stream_serve,
};

static void pass_on(struct gateway_request *request)
{
    const struct rpc_method *method = request->method;
    if (strcmp(method->daemon, "gateway") == 0) {
        local_handlers[method - gateway_methods](request);
    } else {
        rpc_channel_call(channel_of(request->gateway, method), &request->call);
    }
}

void gateway_refuse_local(struct gateway_request *request, struct status status)
{
    struct gateway *gateway = request->gateway;
    request->call.outcome = RPC_OUTCOME_REFUSED;
    request->call.status = status;
    if (gateway_exchange_again(request) && gateway_call_begin(gateway)) {
        call_again(request);
    } else {
        gateway_refuse_call(request, &request->call);
    }
    gateway_call_end(gateway);
}

static void on_token_in_loop(struct http_job *job)
{
    struct gateway_request *request = request_of(job);
    struct gateway *gateway = request->gateway;
    if (request->call.outcome != RPC_OUTCOME_REFUSED) {
        pass_on(request);
        return;
    }
    gateway_refuse_call(request, &request->call);
    gateway_call_end(gateway);
}

// The call has begun (gateway_call_begin); a request with an API key is exchanged before.
static void send(struct gateway_request *request)
{
    request->job.run = on_token_in_loop;
    if (request->api_key == NULL || gateway_exchange_begin(request)) pass_on(request);
}

static void call_again(struct gateway_request *request)
{
    const struct rpc_client_call *before = &request->call;
    request->call = (struct rpc_client_call){.method = before->method,
                                             .metadata = before->metadata,
                                             .payload = before->payload,
                                             .deadline_mono_ns = before->deadline_mono_ns,
                                             .done = on_answer,
                                             .context = request};
    send(request);
}

void gateway_proxy(struct gateway_request *request)
{
    const struct rpc_method *method = request->method;
    struct rpc_client_call *call = &request->call;
    uint32_t timeout_ms;
    struct status status = prepare(request, &timeout_ms);
    if (status_ok(status) && !gateway_call_begin(request->gateway)) {
        status = REFUSE(UNAVAILABLE, DRAINING, "the gateway stops; try again");
    }
    if (!status_ok(status)) {
        call->outcome = RPC_OUTCOME_REFUSED;
        call->status = status;
        gateway_refuse_call(request, call);
        return;
    }
    call->method = method;
    call->deadline_mono_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;
    call->done = on_answer;
    call->context = request;
    send(request);
}
