#include "tests/unit/gateway/fixture.h"

#include "common/base/clock.h"
#include "common/rpc/call.h"
#include "common/rpc/validate.h"
#include "florin/audit/v1/audit_methods.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/auth/v1/auth_methods.h"
#include "florin/kyc/v1/kyc_methods.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "florin/shapes/v1/shapes_methods.h"
#include "gateway/exchange.h"
#include "gateway/stream.h"
#include "google/api/httpbody.pb-c.h"
#include "tests/unit/gateway/things.h"

enum { PAGE_ITEMS = 1000, PAGE_NAME_BYTES = 64, ASK_BYTES_MAX = 16 * 1024 };

// nng 1.5.2 loses a dialer and its last pipe when a socket is closed (tests/unit/rpc/fixture.c).
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so";
}

// ---- The daemons ---------------------------------------------------------------------------

static struct status reply_account(struct rpc_call *call)
{
    Ledger__Account *account = RPC_NEW(call, Ledger__Account, ledger__account__init);
    account->name =
        arena_format(call->arena, "%s|%s|%s|%s|%s", call->request_id, call->idempotency_key,
                     call->client_ip, call->device_id, call->traceparent);
    return rpc_call_reply(call, account);
}

static struct status reply_page(struct rpc_call *call)
{
    Ledger__ListAccountsResponse *page =
        RPC_NEW(call, Ledger__ListAccountsResponse, ledger__list_accounts_response__init);
    char *name = arena_alloc(call->arena, PAGE_NAME_BYTES + 1);
    memset(name, 'n', PAGE_NAME_BYTES);
    page->n_accounts = PAGE_ITEMS;
    page->accounts = arena_alloc(call->arena, PAGE_ITEMS * sizeof *page->accounts);
    for (size_t i = 0; i < PAGE_ITEMS; i++) {
        page->accounts[i] = RPC_NEW(call, Ledger__Account, ledger__account__init);
        page->accounts[i]->name = name;
    }
    return rpc_call_reply(call, page);
}

static struct status reply_empty(struct rpc_call *call)
{
    if (call->method->reply->is_http_body) {
        Google__Api__HttpBody *body =
            RPC_NEW(call, Google__Api__HttpBody, google__api__http_body__init);
        body->content_type = arena_text(call->arena, "text/plain", 10);
        body->data =
            (ProtobufCBinaryData){.len = 5, .data = (uint8_t *)arena_text(call->arena, "proof", 5)};
        return rpc_call_reply(call, body);
    }
    if (call->method == &ledger_methods[LEDGER_GET_ACCOUNT]) return reply_account(call);
    return rpc_call_reply(call, rpc_message_new(call->method->reply, call->arena));
}

static struct status exchange(struct rpc_call *call, struct fixture *fixture)
{
    static const struct {
        const char *key, *token, *later_token;
        uint32_t expires_in;
        struct status refusal;
    } keys[] = {
        {"fl_live_brief", "good", "good", 5, STATUS_SUCCESS},
        {"fl_live_dead", "stale", "stale", 60, STATUS_SUCCESS},
        {"fl_live_stale", "stale", "good", 60, STATUS_SUCCESS},
        {"fl_live_bad",
         NULL,
         NULL,
         0,
         {STATUS_UNAUTHENTICATED, "INVALID_CREDENTIALS", "the API key is not taken"}},
        {"fl_live_often", NULL, NULL, 0, {STATUS_RESOURCE_EXHAUSTED, "RATE_LIMITED", "too often"}},
        {"fl_live_broken", NULL, NULL, 0, {STATUS_DATA_LOSS, "SEAL_BROKEN", "page 7 of /var"}},
        {"", "good", "good", 60, STATUS_SUCCESS}, // Any other.
    };

    const Auth__ExchangeApiKeyRequest *request = call->request;
    bool is_first = atomic_fetch_add(&fixture->exchanges, 1) == 0;
    snprintf(fixture->exchanged_for, sizeof fixture->exchanged_for, "%s", request->client_ip);
    while (atomic_load(&fixture->exchange_waits))
        usleep(500);
    size_t i = 0;
    while (keys[i].key[0] != '\0' && strcmp(keys[i].key, request->key) != 0)
        i++;
    if (!status_ok(keys[i].refusal)) {
        call->retry_after_ms = strcmp(keys[i].refusal.reason, "RATE_LIMITED") == 0 ? 2500 : 0;
        return keys[i].refusal;
    }
    Auth__IssueTokenResponse *reply =
        RPC_NEW(call, Auth__IssueTokenResponse, auth__issue_token_response__init);
    reply->access_token = (char *)(uintptr_t)(is_first ? keys[i].token : keys[i].later_token);
    reply->expires_in = keys[i].expires_in;
    return rpc_call_reply(call, reply);
}

static struct status play(struct rpc_call *call, struct store_txn *txn)
{
    struct fixture *fixture = call->service;
    if (call->method == &auth_methods[AUTH_EXCHANGE_API_KEY]) return exchange(call, fixture);
    if (call->method == &audit_methods[AUDIT_READ_LOG] && fixture->options.read_log != NULL)
        return fixture->options.read_log(call, txn);
    atomic_fetch_add(&fixture->runs, 1);
    switch ((enum act)atomic_load(&fixture->act)) {
    case ACT_NOT_CREATED:
        call->not_created = true;
        break;
    case ACT_REPLAYED:
        call->replayed = true;
        break;
    case ACT_REFUSE:
        rpc_call_detail(call, "available", "7");
        return REFUSE(FAILED_PRECONDITION, INSUFFICIENT_FUNDS, "not enough");
    case ACT_VIOLATION:
        return rpc_call_violation(call, "currency", "UNKNOWN_CURRENCY");
    case ACT_BUSY:
        call->retry_after_ms = 2500;
        return REFUSE(RESOURCE_EXHAUSTED, STORE_BUSY, "too much is written");
    case ACT_BREAK:
        return REFUSE(INTERNAL, PAGE_BROKEN, "page 7 of /var/lib/florin");
    case ACT_PAGE:
        return reply_page(call);
    case ACT_WAIT:
        atomic_fetch_add(&fixture->waiting, 1);
        while (!atomic_load(&fixture->is_released)) {
            usleep(500);
        }
        atomic_fetch_sub(&fixture->waiting, 1);
        break;
    case ACT_REPLY:
        break;
    }
    return reply_empty(call);
}

void fixture_release(struct fixture *fixture)
{
    atomic_store(&fixture->is_released, true);
}

static struct status authenticate(void *context, struct bytes token, struct token_claims *ret)
{
    (void)context;
    memset(ret, 0, sizeof *ret);
    if (bytes_equal(token, bytes_of_text("stale")))
        return REFUSE(UNAUTHENTICATED, TOKEN_REVOKED, "the token's session or rights have ended");
    bool is_weak = bytes_equal(token, bytes_of_text("weak"));
    if (!is_weak && !bytes_equal(token, bytes_of_text("good"))) {
        return REFUSE(UNAUTHENTICATED, TOKEN_INVALID, "the token is not valid");
    }
    ret->role_count = is_weak ? 0 : 1;
    ret->aal = 1;
    memset(ret->subject.bytes, 7, ID128_BYTES);
    return STATUS_SUCCESS;
}

static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context;
    (void)permission;
    return claims->role_count > 0 ? RPC_SCOPE_ALL : RPC_SCOPE_NONE;
}

static bool is_serving(void *context)
{
    (void)context;
    return true;
}

static size_t health(void *context, struct rpc_health_part *ret_parts)
{
    const struct fixture *fixture = context;
    ret_parts[0] = (struct rpc_health_part){"store", true, NULL};
    ret_parts[1] = (struct rpc_health_part){fixture->options.unwell, false, "away"};
    return fixture->options.unwell != NULL ? 2 : 1;
}

static struct rpc_service service_of(struct fixture *fixture, const struct rpc_method *methods,
                                     size_t count)
{
    static rpc_handler handlers[128]; // All alike.
    assert_true(count <= COUNT_OF(handlers));
    for (size_t i = 0; i < COUNT_OF(handlers); i++) {
        handlers[i] = play;
    }
    return (struct rpc_service){
        .methods = methods, .handlers = handlers, .count = count, .context = fixture};
}

static void open_daemons(struct fixture *fixture)
{
    char path[96];
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    const struct store_schema *schemas[] = {&rpc_store_schema};
    const struct store_config store_config = {.directory = path, .map_bytes = 1 << 24};
    assert_true(status_ok(store_open(&store_config, schemas, 1, &fixture->store)));
    fixture->identity = (struct rpc_identity){.authenticate = authenticate, .authorize = authorize};
    fixture->builtin = (struct rpc_builtin){
        .daemon = "fake", .context = fixture, .is_serving = is_serving, .health = health};
    const struct rpc_service services[] = {
        service_of(fixture, auth_methods, AUTH_METHOD_COUNT),
        service_of(fixture, ledger_methods, LEDGER_METHOD_COUNT),
        service_of(fixture, kyc_methods, KYC_METHOD_COUNT),
        service_of(fixture, audit_methods, AUDIT_METHOD_COUNT),
        rpc_builtin_service(&fixture->builtin),
        {.methods = shapes_methods,
         .handlers = fixture->options.shapes_handlers,
         .count = SHAPES_METHOD_COUNT,
         .context = fixture},
    };
    size_t service_count = COUNT_OF(services) - (fixture->options.shapes_handlers == NULL);
    const char *urls[] = {fixture->url};
    const struct rpc_server_config config = {.listen_urls = urls, .listen_url_count = 1};
    assert_true(status_ok(rpc_server_open(&config, fixture->store, &fixture->identity, services,
                                          service_count, &fixture->server)));
    rpc_server_set_serving(fixture->server, true);
}

// ---- The gateway ---------------------------------------------------------------------------

static void write_service_token(void *context, char *ret_text, size_t size)
{
    (void)context;
    snprintf(ret_text, size, "good");
}

// The gateway's own, and a count for the test. context is the gateway.
static void on_finished(struct http_exchange *exchange, const struct http_finished *finished,
                        void *context)
{
    struct fixture *fixture =
        (struct fixture *)((char *)context - offsetof(struct fixture, gateway));
    if (finished->aborted) atomic_fetch_add(&fixture->aborted, 1);
    gateway_access(exchange, finished, context);
}

// The product's routes and the test's; for as long as the process, like the metrics.
static const struct rpc_route *all_routes(size_t *ret_count)
{
    static struct rpc_route *routes;
    size_t things_count;
    const struct rpc_route *things = things_routes("ledger", &things_count);
    *ret_count = rpc_route_count + things_count;
    if (routes != NULL) return routes;
    routes = calloc(*ret_count, sizeof *routes);
    assert_non_null(routes);
    memcpy(routes, rpc_routes, rpc_route_count * sizeof *routes);
    memcpy(routes + rpc_route_count, things, things_count * sizeof *routes);
    return routes;
}

static struct rpc_channel *audit_channel(const struct gateway *gateway)
{
    size_t i = 0;
    while (strcmp(gateway_peers[i], "audit") != 0)
        i++;
    return gateway->channels[i];
}

static void open_gateway(struct fixture *fixture)
{
    static struct gateway_routes_metrics *metrics; // The process's, like the registry behind it.
    size_t route_count;
    const struct rpc_route *routes = all_routes(&route_count);
    if (metrics == NULL) metrics = gateway_metrics_open(routes, route_count);
    struct gateway *gateway = &fixture->gateway;
    gateway->metrics = metrics;
    gateway->router = router_open(routes, route_count);
    gateway->service_token = write_service_token;
    gateway->exchanges = gateway_exchanges_open(gateway);
    gateway->address_rate = fixture->options.address_rate;
    gateway->principal_rate = fixture->options.principal_rate;
    gateway->cors_origins = fixture->options.cors_origins;
    gateway->trusted_proxies = fixture->options.trusted_proxies;
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        const char *absent = fixture->options.absent, *url = fixture->url;
        if (absent != NULL && strcmp(absent, gateway_peers[i]) == 0) url = fixture->absent_url;
        bool is_ledger = strcmp(gateway_peers[i], "ledger") == 0;
        if (is_ledger && fixture->options.ledger_url != NULL) url = fixture->options.ledger_url;
        const struct rpc_channel_config config = {.name = gateway_peers[i], .url = url};
        assert_true(status_ok(rpc_channel_open(&config, &gateway->channels[i])));
    }
    const struct fixture_options *options = &fixture->options;
    const struct gateway_streams_config streams = {.channel = audit_channel(gateway),
                                                   .identity = options->stream_identity != NULL
                                                                   ? options->stream_identity
                                                                   : &fixture->identity,
                                                   .service_token = write_service_token,
                                                   .heartbeat_ms = options->heartbeat_ms,
                                                   .streams_max = options->streams_max,
                                                   .per_user_max = options->per_user_max,
                                                   .ring_entries_max = options->ring_entries_max};
    gateway->streams = gateway_streams_open(&streams);
    gateway->health = gateway_health_open(gateway);
    fixture->handler = gateway_handler(gateway);
    fixture->handler.on_finished = on_finished;
    struct http_config http = HTTP_CONFIG_DEFAULT;
    http.loop_count = 2;
    http.arena_bytes_max = GATEWAY_REQUEST_ARENA_BYTES;
    assert_true(status_ok(http_server_open(&http, &fixture->handler, &gateway->http)));
}

void fixture_open(struct fixture *fixture, const struct fixture_options *options)
{
    static int serial;
    memset(fixture, 0, sizeof *fixture);
    if (options != NULL) fixture->options = *options;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/florin-gateway-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->url, sizeof fixture->url, "inproc://gateway-test-%d", serial++);
    snprintf(fixture->absent_url, sizeof fixture->absent_url, "ipc://%s/absent.sock",
             fixture->directory);
    open_daemons(fixture);
    open_gateway(fixture);
    client_open(&fixture->client, http_server_port(fixture->gateway.http));
    bool is_well = fixture->options.absent == NULL && fixture->options.unwell == NULL &&
                   fixture->options.ledger_url == NULL;
    fixture_wait_ready(fixture, is_well ? 200 : 503);
}

void fixture_close(struct fixture *fixture)
{
    char command[96];
    client_close(&fixture->client);
    gateway_stop_http(&fixture->gateway, 10000);
    gateway_health_close(&fixture->gateway.health);
    gateway_streams_close(&fixture->gateway.streams);
    for (size_t i = 0; i < GATEWAY_PEERS; i++) {
        rpc_channel_close(&fixture->gateway.channels[i]);
    }
    gateway_exchanges_close(&fixture->gateway.exchanges);
    router_close(&fixture->gateway.router);
    rate_close(&fixture->gateway.address_rate);
    rate_close(&fixture->gateway.principal_rate);
    rpc_server_close(&fixture->server);
    store_close(&fixture->store);
    snprintf(command, sizeof command, "rm -rf %s", fixture->directory);
    assert_int_equal(system(command), 0); // NOLINT(bugprone-command-processor)
}

// ---- Asking --------------------------------------------------------------------------------

void fixture_ask(struct fixture *fixture, const char *text, struct reply *ret)
{
    client_send(&fixture->client, text);
    client_receive(&fixture->client, ret, strncmp(text, "HEAD ", 5) == 0);
}

void fixture_get(struct fixture *fixture, const char *path, const char *headers, struct reply *ret)
{
    char text[ASK_BYTES_MAX];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, headers);
    fixture_ask(fixture, text, ret);
}

void fixture_post(struct fixture *fixture, const char *path, const char *headers, const char *body,
                  struct reply *ret)
{
    char text[ASK_BYTES_MAX];
    snprintf(text, sizeof text,
             "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
             path, strlen(body), headers, body);
    fixture_ask(fixture, text, ret);
}

void fixture_wait_ready(struct fixture *fixture, int status)
{
    struct reply reply = {0};
    for (int i = 0; i < 3000 && reply.status != status; i++) {
        reply_free(&reply);
        fixture_get(fixture, "/readyz", "", &reply);
        if (reply.status != status) usleep(10000);
    }
    // 503 is also what an unasked daemon gives: then wait until every one has answered or not.
    if (status == 503) WAIT_UNTIL(reply.body != NULL && strstr(reply.body, "not asked") == NULL);
    assert_int_equal(reply.status, status);
    reply_free(&reply);
}
