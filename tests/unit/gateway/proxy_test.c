// What a client sees of each thing that can become of its call.
#include "florin/auth/v1/auth_methods.h"
#include "tests/unit/gateway/fixture.h"

#include <jansson.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"
#define GOOD "Authorization: Bearer good\r\n"
#define TRANSFER                                                                                   \
    "{\"id\":\"" ID "\",\"debit_account_id\":\"" ID "\",\"credit_account_id\":\"" ID "\","         \
    "\"amount\":\"5\",\"currency\":\"INR\"}"

#define UPDATE                                                                                     \
    "PATCH /v1/accounts/" ID " HTTP/1.1\r\nHost: a\r\n" GOOD "If-Match: *\r\n"                     \
    "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"name\":\"n\"}"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define LONG_KEY FIFTY FIFTY FIFTY FIFTY FIFTY "01234" // 255 bytes.

static struct fixture fixture; // Of the tests that need nothing special.

static int open_common(void **state)
{
    (void)state;
    fixture_open(&fixture, NULL);
    return 0;
}

static int close_common(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void expect_header(const char *given, const struct reply *reply, const char *name,
                          const char *value)
{
    char text[160];
    snprintf(text, sizeof text, "%s: header %s", given, name);
    expect_text(text, reply_header(reply, name), value);
}

static void expect_body(const char *given, const struct reply *reply, const char *part)
{
    if (part != NULL && strstr(reply->body, part) == NULL) {
        fail_msg("%s: %s is not in\n%s", given, part, reply->body);
    }
}

// ---- Outcomes ------------------------------------------------------------------------------

static void test_what_a_daemon_answers(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        enum act act;
        int status;
        const char *header, *value, *body;
    } rows[] = {
        // clang-format off
        {"created",           ACT_REPLY,       201, "Idempotency-Replayed", NULL, "\"kind\":\"TRANSFER_KIND_UNSPECIFIED\""},
        {"it was there",      ACT_NOT_CREATED, 200, "Content-Type", "application/json", NULL},
        {"replayed",          ACT_REPLAYED,    201, "Idempotency-Replayed", "true", NULL},
        {"refused",           ACT_REFUSE,      422, "Content-Type", "application/problem+json", "\"reason\":\"INSUFFICIENT_FUNDS\""},
        {"with a detail",     ACT_REFUSE,      422, "Retry-After", NULL, "\"details\":{\"available\":\"7\"}"},
        {"not valid",         ACT_VIOLATION,   400, "Cache-Control", "no-store",
         "\"errors\":[{\"field\":\"currency\",\"reason\":\"UNKNOWN_CURRENCY\"}]"},
        {"busy",              ACT_BUSY,        503, "Retry-After", "3", "\"reason\":\"STORE_BUSY\""},
        {"broken",            ACT_BREAK,       500, "Retry-After", NULL, "\"reason\":\"INTERNAL\""},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply reply;
        atomic_store(&fixture.act, rows[i].act);
        fixture_post(&fixture, "/v1/transfers", "", TRANSFER, &reply);
        if (reply.status != rows[i].status)
            fail_msg("%s: %s%s", rows[i].given, reply.head, reply.body);
        expect_header(rows[i].given, &reply, rows[i].header, rows[i].value);
        expect_body(rows[i].given, &reply, rows[i].body);
        assert_null(strstr(reply.body, "/var/lib"));
        reply_free(&reply);
    }
    atomic_store(&fixture.act, ACT_REPLY);
}

static void test_who_may_not_is_told_so(void **state)
{
    (void)state;

    static const struct {
        const char *given, *headers;
        int status;
        const char *challenge, *reason;
    } rows[] = {
        {"no token", "", 401, "Bearer realm=\"florin\"", "\"reason\":\"TOKEN_"},
        {"a token that is none", "Authorization: Bearer x\r\n", 401,
         "Bearer realm=\"florin\", error=\"invalid_token\"", "\"reason\":\"TOKEN_INVALID\""},
        {"another scheme", "Authorization: Basic Z29vZA==\r\n", 401, "Bearer realm=\"florin\"",
         NULL},
        {"no permission", "Authorization: Bearer weak\r\n", 403, NULL,
         "\"reason\":\"PERMISSION_DENIED\""},
        {"a good token", GOOD, 200, NULL, NULL},
        {"the scheme in small letters", "Authorization: bearer   good\r\n", 200, NULL, NULL},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply reply;
        fixture_get(&fixture, "/v1/accounts/" ID, rows[i].headers, &reply);
        if (reply.status != rows[i].status) fail_msg("%s: %s", rows[i].given, reply.head);
        expect_header(rows[i].given, &reply, "WWW-Authenticate", rows[i].challenge);
        expect_body(rows[i].given, &reply, rows[i].reason);
        reply_free(&reply);
    }
}

// The fake account's name: request id | key | address | device | trace.
static void test_metadata_reaches_the_daemon(void **state)
{
    (void)state;
    struct reply reply;
    static const char *const bad_keys[] = {"", "k\xC3\xA9", LONG_KEY "x"};
    for (size_t i = 0; i < COUNT_OF(bad_keys); i++) {
        char lines[512];
        snprintf(lines, sizeof lines, GOOD "Idempotency-Key: %s\r\n", bad_keys[i]);
        fixture_get(&fixture, "/v1/accounts/" ID, lines, &reply);
        assert_int_equal(reply.status, 400);
        expect_body("a bad key", &reply, "\"reason\":\"IDEMPOTENCY_KEY_INVALID\"");
        reply_free(&reply);
    }
    fixture_get(&fixture, "/v1/accounts/" ID, GOOD "Idempotency-Key: " LONG_KEY "\r\n", &reply);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);

    static const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    char headers[512];
    snprintf(headers, sizeof headers,
             GOOD "X-Request-Id: my-id_1\r\nIdempotency-Key: k 1\r\nX-Device-Id: phone\r\n"
                  "traceparent: %s\r\nX-Forwarded-For: 9.9.9.9\r\n",
             trace);
    fixture_get(&fixture, "/v1/accounts/" ID, headers, &reply);
    char name[256];
    snprintf(name, sizeof name, "\"name\":\"my-id_1|k 1|127.0.0.1|phone|%s\"", trace);
    expect_body("metadata", &reply, name);
    expect_header("metadata", &reply, "X-Request-Id", "my-id_1");
    reply_free(&reply);

    // What is malformed is not passed on; a request id is made.
    fixture_get(&fixture, "/v1/accounts/" ID,
                GOOD "X-Request-Id: a b\r\nX-Device-Id: \xC3\xA9\r\ntraceparent: 00-0AF\r\n",
                &reply);
    expect_body("malformed metadata", &reply, "||127.0.0.1||\"");
    assert_int_equal(strlen(reply_header(&reply, "X-Request-Id")), 36);
    reply_free(&reply);
}

static void test_a_document_keeps_its_media_type(void **state)
{
    (void)state;

    static const struct {
        const char *accept;
        int status;
        const char *content_type, *body;
    } rows[] = {
        {"", 200, "application/json", "\"hashes\":[]"},
        {"Accept: application/json\r\n", 200, "application/json", "\"hashes\":[]"},
        {"Accept: text/plain\r\n", 200, "text/plain", "proof"},
        {"Accept: text/plain;q=0.2, application/json;q=0.1\r\n", 200, "text/plain", "proof"},
        {"Accept: image/png\r\n", 406, "application/problem+json", "NOT_ACCEPTABLE"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reply reply;
        char headers[128];
        snprintf(headers, sizeof headers, GOOD "%s", rows[i].accept);
        fixture_get(&fixture, "/v1/audit/events/7/proof", headers, &reply);
        if (reply.status != rows[i].status) fail_msg("%s: %s", rows[i].accept, reply.head);
        expect_header(rows[i].accept, &reply, "Content-Type", rows[i].content_type);
        expect_body(rows[i].accept, &reply, rows[i].body);
        reply_free(&reply);
    }
}

static void test_204_has_no_body_and_no_type(void **state)
{
    (void)state;
    struct reply reply;
    assert_int_equal(auth_methods[AUTH_LOGOUT].http_status, 204);
    fixture_post(&fixture, "/v1/auth/logout", "", "{}", &reply);
    assert_int_equal(reply.status, 204);
    expect_header("logout", &reply, "Content-Type", NULL);
    expect_header("logout", &reply, "Content-Length", NULL);
    reply_free(&reply);
}

static void test_a_page_of_a_thousand_is_answered(void **state)
{
    (void)state;
    struct reply reply;
    atomic_store(&fixture.act, ACT_PAGE);
    fixture_get(&fixture, "/v1/accounts?page_size=1000", GOOD, &reply);
    atomic_store(&fixture.act, ACT_REPLY);
    assert_int_equal(reply.status, 200);
    json_t *page = json_loadb(reply.body, reply.body_size, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(page, "accounts")), 1000);
    json_decref(page);
    reply_free(&reply);
}

// ---- Methods, paths, media types -----------------------------------------------------------

static void test_verbs_paths_and_bodies(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        int status;
        const char *allow, *body;
    } rows[] = {
        // clang-format off
        {"OPTIONS /v1/accounts HTTP/1.1\r\nHost: a\r\n\r\n",             204, "OPTIONS, POST, GET, HEAD", NULL},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",                        204, "OPTIONS, GET, HEAD, POST, PUT, PATCH, DELETE", NULL},
        {"OPTIONS /livez HTTP/1.1\r\nHost: a\r\n\r\n",                   204, "OPTIONS, GET, HEAD", NULL},
        {"OPTIONS /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",                 404, NULL, "ROUTE_NOT_FOUND"},
        {"DELETE /v1/accounts HTTP/1.1\r\nHost: a\r\n\r\n",              405, "OPTIONS, POST, GET, HEAD", "METHOD_NOT_ALLOWED"},
        {"BREW /v1/kyc/submit HTTP/1.1\r\nHost: a\r\n\r\n",              405, "OPTIONS, POST", "METHOD_NOT_ALLOWED"},
        {"GET /v1/kyc/submit HTTP/1.1\r\nHost: a\r\n\r\n",               405, "OPTIONS, POST", "METHOD_NOT_ALLOWED"},
        {"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", 405, "OPTIONS, GET, HEAD", "METHOD_NOT_ALLOWED"},
        {"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n",                  404, NULL, "ROUTE_NOT_FOUND"},
        {"GET /v1/accounts/ HTTP/1.1\r\nHost: a\r\n\r\n",                404, NULL, "ROUTE_NOT_FOUND"},
        {"GET /v1/accounts/a%2Fb HTTP/1.1\r\nHost: a\r\n" GOOD "\r\n",   400, NULL, "PATH_INVALID"},
        {"GET /v1/accounts?x=1 HTTP/1.1\r\nHost: a\r\n" GOOD "\r\n",     400, NULL, "UNKNOWN_FIELD"},
        {"POST /v1/transfers HTTP/1.1\r\nHost: a\r\n" GOOD "Content-Length: 2\r\n\r\n{}", 415, NULL, "MEDIA_TYPE_UNSUPPORTED"},
        {"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",                       200, NULL, "ok"},
        {"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n",                200, NULL, "\"openapi\""},
        {"GET /docs HTTP/1.1\r\nHost: a\r\n\r\n",                        200, NULL, "/docs/app.js"},
        {"GET /docs/app.js HTTP/1.1\r\nHost: a\r\n\r\n",                 200, NULL, "/openapi.json"},
        {"GET /docs/style.css HTTP/1.1\r\nHost: a\r\n\r\n",              200, NULL, "--ink"},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        // A connection each: a refused body closes it.
        struct client client;
        struct reply reply;
        client_open(&client, http_server_port(fixture.gateway.http));
        client_send(&client, rows[i].text);
        client_receive(&client, &reply, false);
        if (reply.status != rows[i].status) fail_msg("%s\n%s", rows[i].text, reply.head);
        expect_header(rows[i].text, &reply, "Allow", rows[i].allow);
        expect_body(rows[i].text, &reply, rows[i].body);
        reply_free(&reply);
        client_close(&client);
    }
}

static void test_head_is_get_without_its_body(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/accounts/" ID, "/openapi.json", "/livez"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char text[256];
        struct reply get, head;
        fixture_get(&fixture, paths[i], GOOD "X-Request-Id: same\r\n", &get);
        snprintf(text, sizeof text,
                 "HEAD %s HTTP/1.1\r\nHost: a\r\n" GOOD "X-Request-Id: same\r\n\r\n", paths[i]);
        fixture_ask(&fixture, text, &head);
        assert_int_equal(get.status, 200);
        assert_int_equal(head.status, 200);
        char length[32];
        snprintf(length, sizeof length, "%zu", get.body_size);
        expect_header(paths[i], &head, "Content-Length", length);
        reply_free(&get);
        reply_free(&head);
    }
}

static void test_every_answer_has_the_protecting_headers(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        int status;
        const char *policy;
    } rows[] = {
        {"GET /v1/accounts/" ID " HTTP/1.1\r\nHost: a\r\n" GOOD "\r\n", 200, "default-src 'none'"},
        {"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404, "default-src 'none'"},
        {"GET /docs HTTP/1.1\r\nHost: a\r\n\r\n", 200, "script-src 'self'"},
        {"GET / HTTP/1.1\r\n\r\n", 400, "default-src 'none'"}, // The engine's own refusal.
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct client client;
        struct reply reply;
        client_open(&client, http_server_port(fixture.gateway.http));
        client_send(&client, rows[i].text);
        client_receive(&client, &reply, false);
        assert_int_equal(reply.status, rows[i].status);
        expect_header(rows[i].text, &reply, "X-Content-Type-Options", "nosniff");
        expect_header(rows[i].text, &reply, "X-Frame-Options", "DENY");
        expect_header(rows[i].text, &reply, "Server", NULL);
        assert_non_null(reply_header(&reply, "X-Request-Id"));
        assert_non_null(strstr(reply_header(&reply, "Content-Security-Policy"), rows[i].policy));
        reply_free(&reply);
        client_close(&client);
    }
}

static void test_the_engines_refusals_look_like_all_others(void **state)
{
    (void)state;
    static char text[128 * 1024];

    static const struct {
        const char *head;
        size_t body_bytes;
        int status;
        const char *content_type, *body;
    } rows[] = {
        {"POST /v1/transfers HTTP/1.1\r\nHost: a\r\n" GOOD
         "Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n",
         70000, 413, "application/problem+json", "\"reason\":\"BODY_TOO_LARGE\""},
        {"POST /florin.ledger.v1.LedgerService/CreateTransfer HTTP/1.1\r\nHost: a\r\n" GOOD
         "Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n",
         70000, 413, "application/json", "\"code\":\"resource_exhausted\""},
        // A request id in a head that is refused is not believed.
        {"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nHost: b\r\n\r\n", 0, 400,
         "application/problem+json", "\"reason\":\"HOST_REPEATED\""},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct client client;
        struct reply reply;
        client_open(&client, http_server_port(fixture.gateway.http));
        size_t size = strlen(rows[i].head);
        memcpy(text, rows[i].head, size);
        memset(text + size, ' ', rows[i].body_bytes);
        client_send_bytes(&client, text, size + rows[i].body_bytes);
        client_receive(&client, &reply, false);
        assert_int_equal(reply.status, rows[i].status);
        expect_header(rows[i].head, &reply, "Content-Type", rows[i].content_type);
        expect_body(rows[i].head, &reply, rows[i].body);
        assert_string_not_equal(reply_header(&reply, "X-Request-Id"), "mine");
        reply_free(&reply);
        client_close(&client);
    }
}

// ---- Daemons that are away -----------------------------------------------------------------

static void test_a_daemon_that_is_away_is_503_and_named(void **state)
{
    (void)state;
    static struct fixture away;
    struct reply reply;
    fixture_open(&away, &(struct fixture_options){.absent = "kyc"});
    fixture_get(&away, "/v1/kyc/status", GOOD, &reply);
    assert_int_equal(reply.status, 503);
    expect_header("away", &reply, "Retry-After", "1");
    expect_body("away", &reply, "\"reason\":\"NOT_SENT\"");
    assert_null(strstr(reply.body, "ipc:"));
    reply_free(&reply);

    fixture_get(&away, "/v1/accounts/" ID, GOOD, &reply); // The others serve.
    assert_int_equal(reply.status, 200);
    reply_free(&reply);

    WAIT_UNTIL((reply_free(&reply), fixture_get(&away, "/readyz", "", &reply),
                strcmp(reply.body, "not ready: kyc\n") == 0));
    assert_int_equal(reply.status, 503);
    reply_free(&reply);

    fixture_get(&away, "/health", "", &reply);
    assert_int_equal(reply.status, 200);
    expect_body("health", &reply, "\"status\":\"not_ready\",\"failing\":\"kyc\"");
    expect_body("health", &reply, "\"ledger\":{\"status\":\"serving\"");
    reply_free(&reply);

    fixture_get(&away, "/metrics", "", &reply);
    assert_int_equal(reply.status, 200);
    expect_body("metrics", &reply, "florin_up{daemon=\"gateway\",peer=\"kyc\"} 0\n");
    expect_body("metrics", &reply, "florin_up{daemon=\"gateway\",peer=\"ledger\"} 1\n");
    expect_body("metrics", &reply, "{daemon=\"ledger\",");
    assert_null(strstr(reply.body, "{daemon=\"kyc\""));
    reply_free(&reply);
    fixture_close(&away);
}

static void test_a_daemon_that_is_unwell_is_named_with_its_part(void **state)
{
    (void)state;
    static struct fixture unwell;
    struct reply reply = {0};
    fixture_open(&unwell, &(struct fixture_options){.unwell = "store2"});
    WAIT_UNTIL((reply_free(&reply), fixture_get(&unwell, "/health", "", &reply),
                strstr(reply.body, "\"failing\":\"store2: away\"") != NULL));
    reply_free(&reply);
    fixture_close(&unwell);
}

// Speaks just enough of nng's protocol to be connected to, takes one message, and is gone.
static void *die_on_each_message(void *context)
{
    static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x31, 0, 0}; // REP, version 0.
    int listener = *(const int *)context;
    for (;;) {
        uint8_t data[4096];
        int peer = accept(listener, NULL, NULL);
        if (peer < 0) return NULL;
        if (send(peer, hello, sizeof hello, MSG_NOSIGNAL) == (ssize_t)sizeof hello) {
            size_t got = 0;
            ssize_t more;
            while (got <= sizeof hello && (more = read(peer, data, sizeof data)) > 0) {
                got += (size_t)more;
            }
        }
        close(peer);
    }
}

static void test_a_daemon_that_dies_leaves_the_outcome_unknown(void **state)
{
    (void)state;
    char directory[] = "/tmp/florin-dying-XXXXXX", url[128];
    assert_non_null(mkdtemp(directory));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/l", directory);
    snprintf(url, sizeof url, "ipc://%s", address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, die_on_each_message, &listener), 0);

    static struct fixture dying;
    struct reply reply = {0};
    fixture_open(&dying, &(struct fixture_options){.ledger_url = url});
    // Health asks the same daemon, so a call may also find it away and not be sent.
    for (int i = 0; i < 500 && reply.status != 504; i++) {
        reply_free(&reply);
        fixture_post(&dying, "/v1/transfers", "", TRANSFER, &reply);
        assert_true(reply.status == 504 || reply.status == 503);
    }
    assert_int_equal(reply.status, 504);
    expect_body("unknown", &reply, "\"reason\":\"OUTCOME_UNKNOWN\"");
    expect_body("unknown", &reply, "same id or Idempotency-Key");
    // A method that keeps no key would do it twice.
    for (int i = 0; i == 0 || (i < 500 && reply.status != 504); i++) {
        reply_free(&reply);
        fixture_ask(&dying, UPDATE, &reply);
        assert_true(reply.status == 504 || reply.status == 503);
    }
    expect_body("unknown", &reply, "look before you send it again");
    reply_free(&reply);
    fixture_close(&dying);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
    unlink(address.sun_path);
    rmdir(directory);
}

// ---- Clients that go, gateways that stop ---------------------------------------------------

static void hold_a_call(struct fixture *held, struct client *client)
{
    atomic_store(&held->act, ACT_WAIT);
    atomic_store(&held->is_released, false);
    client_open(client, http_server_port(held->gateway.http));
    client_send(client, "GET /v1/accounts/" ID " HTTP/1.1\r\nHost: a\r\n" GOOD "\r\n");
    WAIT_UNTIL(atomic_load(&held->waiting) == 1);
    atomic_store(&held->act, ACT_REPLY);
}

static void test_a_client_that_leaves_is_forgotten_when_its_answer_comes(void **state)
{
    (void)state;
    struct client client;
    struct reply reply;
    hold_a_call(&fixture, &client);
    client_reset(&client);
    assert_int_equal(atomic_load(&fixture.gateway.calls_in_flight), 1);
    fixture_release(&fixture);
    WAIT_UNTIL(atomic_load(&fixture.aborted) == 1);
    WAIT_UNTIL(http_server_stats(fixture.gateway.http).exchanges_inflight == 0);
    WAIT_UNTIL(atomic_load(&fixture.gateway.calls_in_flight) == 0);
    fixture_get(&fixture, "/v1/accounts/" ID, GOOD, &reply);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
}

static void *release_when_stopping(void *context)
{
    struct fixture *held = context;
    while (!atomic_load(&held->gateway.is_stopping)) {
        usleep(500);
    }
    fixture_release(held);
    return NULL;
}

// The drain's time is over before the daemon answers: the engine waits for the answer all the same.
static void test_a_gateway_that_stops_waits_for_its_calls(void **state)
{
    (void)state;
    static struct fixture held;
    struct client client;
    pthread_t thread;
    fixture_open(&held, NULL);
    hold_a_call(&held, &client);
    assert_int_equal(pthread_create(&thread, NULL, release_when_stopping, &held), 0);
    gateway_stop_http(&held.gateway, 20);
    assert_null(held.gateway.http);
    assert_int_equal(atomic_load(&held.gateway.calls_in_flight), 0);
    pthread_join(thread, NULL);
    client_close(&client);
    fixture_close(&held);
}

static void test_a_draining_gateway_is_not_ready(void **state)
{
    (void)state;
    struct reply reply;
    atomic_store(&fixture.gateway.is_draining, true);
    fixture_get(&fixture, "/readyz", "", &reply);
    assert_int_equal(reply.status, 503);
    expect_body("draining", &reply, "gateway: draining");
    reply_free(&reply);
    fixture_get(&fixture, "/livez", "", &reply);
    assert_int_equal(reply.status, 200);
    reply_free(&reply);
    atomic_store(&fixture.gateway.is_draining, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_daemon_answers),
        cmocka_unit_test(test_who_may_not_is_told_so),
        cmocka_unit_test(test_metadata_reaches_the_daemon),
        cmocka_unit_test(test_a_document_keeps_its_media_type),
        cmocka_unit_test(test_204_has_no_body_and_no_type),
        cmocka_unit_test(test_a_page_of_a_thousand_is_answered),
        cmocka_unit_test(test_verbs_paths_and_bodies),
        cmocka_unit_test(test_head_is_get_without_its_body),
        cmocka_unit_test(test_every_answer_has_the_protecting_headers),
        cmocka_unit_test(test_the_engines_refusals_look_like_all_others),
        cmocka_unit_test(test_a_daemon_that_is_away_is_503_and_named),
        cmocka_unit_test(test_a_daemon_that_is_unwell_is_named_with_its_part),
        cmocka_unit_test(test_a_daemon_that_dies_leaves_the_outcome_unknown),
        cmocka_unit_test(test_a_client_that_leaves_is_forgotten_when_its_answer_comes),
        cmocka_unit_test(test_a_gateway_that_stops_waits_for_its_calls),
        cmocka_unit_test(test_a_draining_gateway_is_not_ready),
    };
    return cmocka_run_group_tests(tests, open_common, close_common);
}
