// Answers: the fixed headers, problems, and what a call's outcome means in HTTP.
#include "common/base/check.h"
#include "gateway/gateway.h"
#include "gateway/oauth.h"
#include "gateway/problem.h"

#include <inttypes.h>
#include <string.h>

#define CORS_REQUEST_HEADERS                                                                       \
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, "        \
    "X-Device-Id, Traceparent, Connect-Protocol-Version, Connect-Timeout-Ms, Last-Event-ID, "      \
    "Cache-Control"
#define CORS_ANSWER_HEADERS                                                                        \
    "X-Request-Id, ETag, Link, Idempotency-Replayed, Retry-After, RateLimit, RateLimit-Policy"

/// Headers that do not depend on the answer: nothing of ours is framed or sniffed.
static const struct http_field fixed_fields[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
};

// Seconds, rounded up: a client that comes back then is not too early.
static const char *retry_after(uint32_t ms, struct arena *arena)
{
    return ms > 0 ? arena_format(arena, "%" PRIu32, (ms + 999) / 1000) : NULL;
}

// RFC 6750 section 3: without a token nothing more is said, with one that did not do, why. An
// endpoint that asks for no token asks who the client is (RFC 6749 section 5.2).
static const char *challenge(const struct gateway_request *request, uint16_t status)
{
    if (status != 401) return NULL;
    const struct rpc_method *method = request->method;
    if (method != NULL && method->takes_form && method->is_public) return "Basic realm=\"florin\"";
    bool had_token = request->call.metadata.access_token != NULL || request->api_key != NULL;
    return had_token ? "Bearer realm=\"florin\", error=\"invalid_token\""
                     : "Bearer realm=\"florin\"";
}

static const char *allow(const struct gateway_request *request, uint16_t status)
{
    return status == 405 || status == 204 ? request->allow : NULL;
}

// What an answer depends on besides its URL.
static const char *vary(const struct gateway_request *request)
{
    static const char *const names[2][2] = {{NULL, "Accept"}, {"Origin", "Origin, Accept"}};
    return names[request->gateway->cors_origins.count > 0][request->is_negotiated];
}

// A NULL value leaves the header out.
static size_t make_fields(const struct gateway_request *request,
                          const struct gateway_answer *answer,
                          struct http_field ret[static GATEWAY_FIELDS_MAX])
{
    const struct gateway *gateway = request->gateway;
    const char *origin = request->cors_origin;
    bool is_wrong_codec = request->is_connect && answer->status == 415;
    const struct http_field fields[] = {
        {"Content-Type", answer->content_type},
        {"Cache-Control", answer->cache_control != NULL ? answer->cache_control : "no-store"},
        {"ETag", answer->etag},
        {"Link", answer->link},
        {"X-Accel-Buffering", answer->is_stream ? "no" : NULL},
        {"X-Request-Id", request->request_id},
        {"Idempotency-Replayed", answer->replayed ? "true" : NULL},
        {"Retry-After",
         retry_after(answer->retry_after_ms, http_exchange_arena(request->exchange))},
        {"Allow", allow(request, answer->status)},
        {"Accept-Post", is_wrong_codec ? "application/json, application/proto" : NULL},
        {"WWW-Authenticate", challenge(request, answer->status)},
        {"RateLimit-Policy", request->rate_policy},
        {"RateLimit", request->rate_state},
        {"Strict-Transport-Security", gateway->has_tls ? "max-age=31536000" : NULL},
        {"Content-Security-Policy", answer->content_security_policy != NULL
                                        ? answer->content_security_policy
                                        : "default-src 'none'; frame-ancestors 'none'"},
        {"Vary", vary(request)},
        {"Access-Control-Allow-Origin", origin},
        {"Access-Control-Expose-Headers", origin != NULL ? CORS_ANSWER_HEADERS : NULL},
        {"Access-Control-Allow-Methods", answer->is_preflight ? request->allow : NULL},
        {"Access-Control-Allow-Headers", answer->is_preflight ? CORS_REQUEST_HEADERS : NULL},
        {"Access-Control-Max-Age", answer->is_preflight ? "600" : NULL},
    };

    enum { OWN_COUNT = sizeof fields / sizeof fields[0] };

    enum { FIXED_COUNT = sizeof fixed_fields / sizeof fixed_fields[0] };

    _Static_assert((int)OWN_COUNT + (int)FIXED_COUNT <= (int)GATEWAY_FIELDS_MAX,
                   "every header has room");
    memcpy(ret, fields, sizeof fields);
    memcpy(ret + OWN_COUNT, fixed_fields, sizeof fixed_fields);
    return OWN_COUNT + FIXED_COUNT;
}

void gateway_respond(struct gateway_request *request, const struct gateway_answer *answer)
{
    struct http_field fields[GATEWAY_FIELDS_MAX];
    struct http_response response = {.status = answer->status, .body = answer->body};
    response.fields = fields;
    response.field_count = make_fields(request, answer, fields);
    http_exchange_respond(request->exchange, &response);
}

void gateway_respond_stream(struct gateway_request *request, const struct gateway_answer *answer,
                            const struct http_stream *stream)
{
    struct http_field fields[GATEWAY_FIELDS_MAX];
    struct http_response response = {.status = answer->status, .fields = fields};
    response.field_count = make_fields(request, answer, fields);
    http_stream_begin(request->exchange, &response, HTTP_LENGTH_UNKNOWN, stream);
}

// ---- Refusals ------------------------------------------------------------------------------

static struct gateway_answer encode_problem(struct gateway_request *request,
                                            struct problem *problem)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    // Also a request that has used up its memory is told so.
    arena_set_limit(arena, arena_used(arena) + GATEWAY_PROBLEM_ARENA_BYTES);
    problem->request_id = request->request_id;
    request->reason = problem->status.reason;
    struct gateway_answer answer = {.status = problem->http_status};
    if (request->is_connect) {
        if (answer.status == 0) answer.status = connect_http_status(problem->status);
        answer.content_type = "application/json";
        answer.body = connect_error_encode(problem, arena);
    } else {
        if (answer.status == 0) answer.status = problem_http_status(problem->status);
        problem->oauth_error = oauth_error(request->method, problem->status, answer.status);
        answer.content_type = "application/problem+json";
        answer.body = problem_encode(problem, arena);
    }
    return answer;
}

static void respond_problem(struct gateway_request *request, struct problem *problem,
                            uint32_t retry_after_ms)
{
    const struct http_head *head = http_exchange_head(request->exchange);
    problem->instance = (const char *)head->path.data;
    problem->instance_size = head->path.size;
    struct gateway_answer answer = encode_problem(request, problem);
    answer.retry_after_ms = retry_after_ms;
    if (answer.status == 503 && answer.retry_after_ms == 0) answer.retry_after_ms = 1000;
    gateway_respond(request, &answer);
}

void gateway_refuse(struct gateway_request *request, struct status status)
{
    struct problem problem = {.status = status};
    respond_problem(request, &problem, 0);
}

void gateway_refuse_call(struct gateway_request *request, const struct rpc_client_call *call)
{
    struct problem problem = {.status = call->status,
                              .violations = &call->violations,
                              .details = call->details,
                              .detail_count = call->detail_count};
    // What is not known to have failed may have happened: say how to find out.
    bool may_have_effect = request->method != NULL && request->method->access != RPC_ACCESS_READ;
    if (call->outcome == RPC_OUTCOME_UNKNOWN && may_have_effect) {
        problem.status.message = request->method->is_keyed
                                     ? "it is not known whether the request took effect; send it "
                                       "again with the same id or Idempotency-Key to find out"
                                     : "it is not known whether the request took effect; look "
                                       "before you send it again";
    }
    respond_problem(request, &problem, call->retry_after_ms);
}

void gateway_respond_refusal(struct gateway_request *request,
                             const struct http_refusal_info *refusal,
                             struct http_response *response)
{
    static const struct {
        uint16_t http_status;
        enum status_code code;
    } codes[] = {{408, STATUS_DEADLINE_EXCEEDED},
                 {413, STATUS_RESOURCE_EXHAUSTED},
                 {503, STATUS_UNAVAILABLE}};
    struct problem problem = {
        .status = {STATUS_INVALID_ARGUMENT, refusal->reason, refusal->message},
        .http_status = refusal->status};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].http_status == refusal->status) problem.status.code = codes[i].code;
    }
    struct gateway_answer answer = encode_problem(request, &problem);
    if (answer.status == 503) answer.retry_after_ms = 1000;
    struct arena *arena = http_exchange_arena(request->exchange);
    struct http_field *fields = arena_alloc(arena, GATEWAY_FIELDS_MAX * sizeof *fields);
    CHECK(fields != NULL); // encode_problem has made room.
    response->field_count = make_fields(request, &answer, fields);
    response->fields = fields;
    response->body = answer.body;
}
