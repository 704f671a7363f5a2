// One request from its head to the call or page that answers it.
#include "gateway/gateway.h"

#include "common/base/check.h"
#include "gateway/accept.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

const char *const gateway_peers[GATEWAY_PEERS] = {"auth", "ledger", "kyc", "audit"};

static bool is_request_id(struct bytes text)
{
    if (text.size == 0 || text.size >= GATEWAY_REQUEST_ID_BYTES) return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!isalnum(c) && c != '_' && c != '-') return false;
    }
    return true;
}

// given: the client's own request id, if it may be believed.
static struct gateway_request *make_request(struct http_exchange *exchange, struct gateway *gateway,
                                            struct bytes given)
{
    struct gateway_request *request = arena_alloc(http_exchange_arena(exchange), sizeof *request);
    CHECK(request != NULL); // The first allocation of an empty arena.
    request->gateway = gateway;
    request->exchange = exchange;
    request->label = "unmatched";
    if (is_request_id(given)) {
        memcpy(request->request_id, given.data, given.size);
    } else {
        id128_format(id128_generate(), request->request_id);
    }
    http_exchange_set_user(exchange, request);
    return request;
}

// ---- Where it leads ------------------------------------------------------------------------

// "OPTIONS, GET, HEAD": what the Allow header says of a path.
static const char *allowed_methods(const struct router_match *match, struct arena *arena)
{
    char text[128] = "OPTIONS";
    for (size_t i = 0; i < match->route_count; i++) {
        const char *verb = match->routes[i]->verb;
        if (strstr(text, verb) != NULL) continue;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, ", %s%s", verb,
                 strcmp(verb, "GET") == 0 ? ", HEAD" : "");
    }
    return arena_text(arena, text, strlen(text));
}

static bool verb_is(const struct rpc_route *route, const struct http_head *head)
{
    struct bytes method =
        head->method == HTTP_METHOD_HEAD ? bytes_of_text("GET") : head->method_name;
    return bytes_equal(bytes_of_text(route->verb), method);
}

static const struct status method_not_allowed = {STATUS_UNIMPLEMENTED, "METHOD_NOT_ALLOWED",
                                                 "this path has no such method"};

// Of the routes with this path and method, the one whose media type the client likes best.
static struct status choose_route(struct gateway_request *request, const struct http_head *head)
{
    struct bytes accept = http_head_value(head, HTTP_HEADER_ACCEPT);
    int best = 0;
    bool has_method = false;
    for (size_t i = 0; i < request->match.route_count; i++) {
        const struct rpc_route *route = request->match.routes[i];
        if (!verb_is(route, head)) continue;
        request->is_negotiated = has_method; // This is not the first one.
        has_method = true;
        int quality = accept_quality(accept, route->method->produces);
        if (quality <= best) continue;
        best = quality;
        request->route = route;
    }
    if (request->route != NULL) {
        request->method = request->route->method;
        request->label = request->route->template;
        return STATUS_SUCCESS;
    }
    request->label = request->match.routes[0]->template;
    if (!has_method) return method_not_allowed;
    return REFUSE(INVALID_ARGUMENT, NOT_ACCEPTABLE,
                  "what this path answers is of no media type that Accept allows");
}

static struct status find_route(struct gateway_request *request, const struct http_head *head)
{
    struct arena *arena = http_exchange_arena(request->exchange);
    RETURN_IF_ERROR(router_find(request->gateway->router, head->path, &request->match));
    if (head->method == HTTP_METHOD_OPTIONS) {
        request->allow = allowed_methods(&request->match, arena);
        return STATUS_SUCCESS;
    }
    struct status status = choose_route(request, head);
    if (!status_ok(status)) request->allow = allowed_methods(&request->match, arena);
    return status;
}

static struct status check_connect(struct gateway_request *request, const struct http_head *head)
{
    request->allow = "OPTIONS, POST";
    request->label = request->method->name;
    if (head->method == HTTP_METHOD_OPTIONS) return STATUS_SUCCESS;
    if (head->method != HTTP_METHOD_POST) return method_not_allowed;
    request->codec = connect_codec_of(head);
    if (request->codec != CONNECT_CODEC_NONE) return STATUS_SUCCESS;
    return REFUSE(INVALID_ARGUMENT, MEDIA_TYPE_UNSUPPORTED,
                  "Content-Type must be application/json or application/proto");
}

static struct status check_page(struct gateway_request *request, const struct http_head *head)
{
    request->allow = "OPTIONS, GET, HEAD";
    request->label = request->page->path;
    bool is_allowed = head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD ||
                      head->method == HTTP_METHOD_OPTIONS;
    return is_allowed ? STATUS_SUCCESS : method_not_allowed;
}

static struct status find_target(struct gateway_request *request, const struct http_head *head)
{
    request->page = gateway_page_find(head->path);
    if (request->page != NULL) return check_page(request, head);
    request->method = connect_method(head->path, &request->connect_index);
    request->is_connect = request->method != NULL;
    if (request->is_connect) return check_connect(request, head);
    if (bytes_equal(head->path, bytes_of_text("*"))) { // OPTIONS of the server as a whole.
        request->allow = "OPTIONS, GET, HEAD, POST, PUT, PATCH, DELETE";
        return STATUS_SUCCESS;
    }
    return find_route(request, head);
}

// ---- What the engine asks ------------------------------------------------------------------

static void respond_options(struct gateway_request *request, const struct http_head *head)
{
    bool asks = http_head_value(head, HTTP_HEADER_CORS_REQUEST_METHOD).data != NULL;
    struct gateway_answer answer = {.status = 204,
                                    .is_preflight = asks && request->cors_origin != NULL};
    gateway_respond(request, &answer);
}

static void on_head(struct http_exchange *exchange, void *context)
{
    const struct http_head *head = http_exchange_head(exchange);
    struct gateway_request *request =
        make_request(exchange, context, http_head_value(head, HTTP_HEADER_X_REQUEST_ID));
    request->client_ip = gateway_client_ip(request);
    request->cors_origin = gateway_cors_origin(request);
    struct status status = find_target(request, head);
    // Also what leads nowhere is charged: looking for paths is work, too.
    uint32_t cost = request->page != NULL ? request->page->cost : 1;
    if (request->method != NULL) cost = request->method->cost;
    struct status limit = gateway_limit(request, cost);
    if (!status_ok(limit)) {
        gateway_refuse_call(request, &request->call);
    } else if (!status_ok(status)) {
        gateway_refuse(request, status);
    } else if (head->method == HTTP_METHOD_OPTIONS) {
        respond_options(request, head);
    } else {
        uint64_t body_max = request->method != NULL ? request->method->request_bytes_max : 0;
        http_exchange_set_body_max(exchange, body_max);
    }
}

static void on_request(struct http_exchange *exchange, void *context)
{
    (void)context;
    struct gateway_request *request = http_exchange_user(exchange);
    if (request->page != NULL) {
        request->page->serve(request);
    } else {
        gateway_proxy(request);
    }
}

static void on_refusal(struct http_exchange *exchange, const struct http_refusal_info *refusal,
                       struct http_response *response, void *context)
{
    struct gateway_request *request = http_exchange_user(exchange);
    // Of a head that was refused nothing may be believed, its request id neither.
    if (request == NULL) request = make_request(exchange, context, bytes_of(NULL, 0));
    gateway_respond_refusal(request, refusal, response);
}

struct http_handler gateway_handler(struct gateway *gateway)
{
    return (struct http_handler){.on_head = on_head,
                                 .on_request = on_request,
                                 .on_refusal = on_refusal,
                                 .on_finished = gateway_access,
                                 .context = gateway};
}
