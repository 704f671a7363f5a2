// Who asks: Connect clients, pages of other origins, clients behind proxies, clients that ask too
// often.
#include "tests/unit/gateway/fixture.h"

#include <jansson.h>

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"
#define GOOD "Authorization: Bearer good\r\n"
#define METHOD(name_) "/florin.ledger.v1.LedgerService/" name_

static struct fixture fixture;

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

static void expect_status(const char *given, const struct reply *reply, int status,
                          const char *part)
{
    if (reply->status != status) fail_msg("%s: %s%s", given, reply->head, reply->body);
    if (part != NULL && strstr(reply->body, part) == NULL) {
        fail_msg("%s: %s is not in\n%s", given, part, reply->body);
    }
}

// ---- Connect -------------------------------------------------------------------------------

static void call_connect(const char *method, const char *headers, const void *body, size_t size,
                         struct reply *ret)
{
    char text[2048];
    int head = snprintf(text, sizeof text,
                        "POST %s HTTP/1.1\r\nHost: a\r\n" GOOD "Content-Length: %zu\r\n%s\r\n",
                        method, size, headers);
    memcpy(text + head, body, size);
    client_send_bytes(&fixture.client, text, (size_t)head + size);
    client_receive(&fixture.client, ret, false);
}

static void test_connect_with_json(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        enum act act;
        const char *method, *headers, *body;
        int status;
        const char *answer;
    } rows[] = {
        // clang-format off
        {"a reply", ACT_REPLY, METHOD("GetAccount"), "", "{\"id\":\"" ID "\"}", 200, "{\"id\":null,\"owner_id\":null,"},
        {"with Connect's headers", ACT_REPLY, METHOD("GetAccount"), "Connect-Protocol-Version: 1\r\nConnect-Timeout-Ms: 4000\r\n",
         "{\"id\":\"" ID "\"}", 200, NULL},
        {"a success is 200, whatever REST says", ACT_REPLY, METHOD("CreateAccount"), "", "{\"currency\":\"INR\"}", 200, NULL},
        {"a document is a message", ACT_REPLY, "/florin.audit.v1.AuditService/GetCheckpoint", "", "{}", 200, "\"data\":\"cHJvb2Y=\""},
        {"refused", ACT_REFUSE, METHOD("CreateAccount"), "", "{\"currency\":\"INR\"}", 400,
         "{\"code\":\"failed_precondition\",\"message\":\"not enough\",\"details\":[{\"type\":\"google.rpc.ErrorInfo\""},
        {"busy", ACT_BUSY, METHOD("CreateAccount"), "", "{\"currency\":\"INR\"}", 429, "\"code\":\"resource_exhausted\""},
        {"broken", ACT_BREAK, METHOD("CreateAccount"), "", "{\"currency\":\"INR\"}", 500,
         "{\"code\":\"internal\",\"message\":\"something went wrong"},
        {"an unknown field", ACT_REPLY, METHOD("GetAccount"), "", "{\"x\":1}", 400, "google.rpc.BadRequest"},
        {"no JSON", ACT_REPLY, METHOD("GetAccount"), "", "{", 400, "\"code\":\"invalid_argument\""},
        {"another version", ACT_REPLY, METHOD("GetAccount"), "Connect-Protocol-Version: 2\r\n",
         "{}", 400, "\"code\":\"invalid_argument\""},
        {"a time-out that is none", ACT_REPLY, METHOD("GetAccount"), "Connect-Timeout-Ms: soon\r\n",
         "{}", 400, "\"code\":\"invalid_argument\""},
        {"compressed", ACT_REPLY, METHOD("GetAccount"), "Content-Encoding: gzip\r\n", "{}", 501, "\"code\":\"unimplemented\""},
        {"an internal method", ACT_REPLY, METHOD("Verify"), "", "{}", 404, "ROUTE_NOT_FOUND"},
        {"a common service", ACT_REPLY, "/florin.rpc.v1.Control/Drain", "", "{}", 404, "ROUTE_NOT_FOUND"},
        {"no such method", ACT_REPLY, METHOD("Nothing"), "", "{}", 404, "ROUTE_NOT_FOUND"},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char headers[256];
        struct reply reply;
        atomic_store(&fixture.act, rows[i].act);
        snprintf(headers, sizeof headers, "Content-Type: application/json\r\n%s", rows[i].headers);
        call_connect(rows[i].method, headers, rows[i].body, strlen(rows[i].body), &reply);
        expect_status(rows[i].given, &reply, rows[i].status, rows[i].answer);
        expect_header(rows[i].given, &reply, "Content-Type",
                      rows[i].status == 404 ? "application/problem+json" : "application/json");
        reply_free(&reply);
    }
    atomic_store(&fixture.act, ACT_REPLY);
}

static void test_connect_with_protobuf(void **state)
{
    (void)state;
    struct reply reply;
    uint8_t request[18] = {0x0a, 16, 1};
    call_connect(METHOD("GetAccount"), "Content-Type: application/proto\r\nX-Request-Id: r\r\n",
                 request, sizeof request, &reply);
    assert_int_equal(reply.status, 200);
    expect_header("proto", &reply, "Content-Type", "application/proto");
    static const char name[] = "r||127.0.0.1||"; // The account's only field, 6.
    assert_int_equal(reply.body_size, 2 + sizeof name - 1);
    assert_int_equal(reply.body[0], 6 << 3 | 2);
    assert_memory_equal(reply.body + 2, name, sizeof name - 1);
    reply_free(&reply);

    // Errors are JSON with either codec; the daemon finds what is wrong with the bytes.
    call_connect(METHOD("GetAccount"), "Content-Type: application/proto\r\n", "\x0a\x02zz", 4,
                 &reply);
    expect_status("a short id", &reply, 400, "\"code\":\"invalid_argument\"");
    expect_header("a short id", &reply, "Content-Type", "application/json");
    reply_free(&reply);
    call_connect(METHOD("GetAccount"), "Content-Type: application/proto\r\n", "\xff\xff\xff", 3,
                 &reply);
    expect_status("no message", &reply, 400, "\"code\":\"invalid_argument\"");
    reply_free(&reply);
}

static void test_connect_knows_two_codecs_and_one_verb(void **state)
{
    (void)state;
    struct reply reply;
    static const char *const types[] = {"text/plain", "application/grpc", "application/json5"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        char headers[64];
        snprintf(headers, sizeof headers, "Content-Type: %s\r\n", types[i]);
        call_connect(METHOD("GetAccount"), headers, "{}", 2, &reply);
        expect_status(types[i], &reply, 415, "\"code\":\"invalid_argument\"");
        expect_header(types[i], &reply, "Accept-Post", "application/json, application/proto");
        reply_free(&reply);
    }
    fixture_get(&fixture, METHOD("GetAccount"), GOOD, &reply);
    expect_status("GET", &reply, 405, NULL);
    expect_header("GET", &reply, "Allow", "OPTIONS, POST");
    reply_free(&reply);
}

static void test_a_connect_timeout_ends_the_call(void **state)
{
    (void)state;
    static const char body[] = "{\"id\":\"" ID "\"}";
    struct reply reply;
    atomic_store(&fixture.is_released, false);
    atomic_store(&fixture.act, ACT_WAIT);
    call_connect(METHOD("GetAccount"),
                 "Content-Type: application/json\r\nConnect-Timeout-Ms: 40\r\n", body, strlen(body),
                 &reply);
    expect_status("too late", &reply, 504, "\"code\":\"deadline_exceeded\"");
    reply_free(&reply);
    atomic_store(&fixture.act, ACT_REPLY);
    fixture_release(&fixture);
    WAIT_UNTIL(atomic_load(&fixture.waiting) == 0);
}

// ---- Other origins -------------------------------------------------------------------------

static void test_only_listed_origins_may_read_answers(void **state)
{
    (void)state;
    static struct fixture cors;
    struct reply reply;
    fixture_open(&cors, &(struct fixture_options){
                            .cors_origins = {.items = {"https://bank.example"}, .count = 1}});
    fixture_get(&cors, "/livez", "Origin: https://bank.example\r\n", &reply);
    expect_header("listed", &reply, "Access-Control-Allow-Origin", "https://bank.example");
    expect_header("listed", &reply, "Vary", "Origin");
    assert_non_null(strstr(reply_header(&reply, "Access-Control-Expose-Headers"), "X-Request-Id"));
    expect_header("listed", &reply, "Access-Control-Allow-Credentials", NULL);
    reply_free(&reply);

    static const char *const others[] = {"",
                                         "Origin: https://bank.example.evil\r\n",
                                         "Origin: https://bank.exampl\r\n",
                                         "Origin: null\r\n",
                                         "Origin: http://bank.example\r\n",
                                         "Origin:\r\n"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        fixture_get(&cors, "/livez", others[i], &reply);
        assert_int_equal(reply.status, 200);
        expect_header(others[i], &reply, "Access-Control-Allow-Origin", NULL);
        expect_header(others[i], &reply, "Vary", "Origin");
        reply_free(&reply);
    }

    fixture_ask(&cors,
                "OPTIONS /v1/kyc/submit HTTP/1.1\r\nHost: a\r\nOrigin: https://bank.example\r\n"
                "Access-Control-Request-Method: POST\r\n\r\n",
                &reply);
    assert_int_equal(reply.status, 204);
    expect_header("preflight", &reply, "Access-Control-Allow-Methods", "OPTIONS, POST");
    expect_header("preflight", &reply, "Access-Control-Max-Age", "600");
    assert_non_null(strstr(reply_header(&reply, "Access-Control-Allow-Headers"), "Authorization"));
    reply_free(&reply);
    fixture_close(&cors);
}

static void test_without_a_list_no_origin_is_named(void **state)
{
    (void)state;
    struct reply reply;
    fixture_get(&fixture, "/livez", "Origin: https://bank.example\r\n", &reply);
    expect_header("no list", &reply, "Access-Control-Allow-Origin", NULL);
    expect_header("no list", &reply, "Vary", NULL);
    reply_free(&reply);
}

// ---- Proxies -------------------------------------------------------------------------------

static void test_only_trusted_proxies_name_the_client(void **state)
{
    (void)state;

    static const struct {
        const char *given, *headers, *address;
    } rows[] = {
        {"nothing forwarded", "", "127.0.0.1"},
        {"one proxy", "X-Forwarded-For: 9.9.9.9\r\n", "9.9.9.9"},
        {"what the client claimed comes first", "X-Forwarded-For: 1.1.1.1, 9.9.9.9\r\n", "9.9.9.9"},
        {"a trusted proxy behind another", "X-Forwarded-For: 1.1.1.1, 9.9.9.9, 10.0.0.1\r\n",
         "9.9.9.9"},
        {"only trusted ones", "X-Forwarded-For: 10.0.0.1\r\n", "10.0.0.1"},
        {"two headers are one list", "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 9.9.9.9\r\n",
         "9.9.9.9"},
        {"over two headers", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 10.0.0.1\r\n",
         "9.9.9.9"},
        {"IPv6", "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1"},
        {"no address", "X-Forwarded-For: unknown\r\n", "127.0.0.1"},
        {"an injected text", "X-Forwarded-For: 1.1.1.1|x\r\n", "127.0.0.1"},
        {"empty", "X-Forwarded-For:\r\n", "127.0.0.1"},
        {"an empty item at the end", "X-Forwarded-For: 9.9.9.9,\r\n", "127.0.0.1"},
    };

    static struct fixture proxied;
    fixture_open(&proxied,
                 &(struct fixture_options){
                     .trusted_proxies = {.items = {"127.0.0.1", "10.0.0.1"}, .count = 2}});
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char headers[256], name[128];
        struct reply reply;
        snprintf(headers, sizeof headers, GOOD "X-Request-Id: r\r\n%s", rows[i].headers);
        snprintf(name, sizeof name, "\"name\":\"r||%s||\"", rows[i].address);
        fixture_get(&proxied, "/v1/accounts/" ID, headers, &reply);
        expect_status(rows[i].given, &reply, 200, name);
        reply_free(&reply);
    }
    fixture_close(&proxied);
}

// ---- Limits --------------------------------------------------------------------------------

static void test_an_address_that_asks_too_often_waits(void **state)
{
    (void)state;
    static struct fixture limited;
    struct reply reply;
    fixture_open(&limited, &(struct fixture_options){.address_rate = rate_open("address", 1, 100)});
    fixture_get(&limited, "/health", "", &reply); // Costs 5.
    assert_int_equal(reply.status, 200);
    expect_header("health", &reply, "RateLimit-Policy", "\"address\";q=100;w=100");
    int remaining = 0, reset_s = 0;
    assert_int_equal(
        sscanf(reply_header(&reply, "RateLimit"), "\"address\";r=%d;t=%d", &remaining, &reset_s),
        2);
    assert_true(remaining >= 94 && remaining <= 95); // What refills meanwhile may count.
    reply_free(&reply);

    int asked = 0;
    fixture_get(&limited, "/nowhere", "", &reply);
    for (; reply.status == 404 && asked < 1000; asked++) { // Wrong paths are charged, too.
        reply_free(&reply);
        fixture_get(&limited, "/nowhere", "", &reply);
    }
    assert_true(asked >= 90 && asked < 1000);
    expect_status("limited", &reply, 429, "\"reason\":\"RATE_LIMITED\"");
    expect_status("limited", &reply, 429, "\"details\":{\"policy\":\"address\"}");
    expect_header("limited", &reply, "Retry-After", "1");
    assert_memory_equal(reply_header(&reply, "RateLimit"), "\"address\";r=0;", 14);
    reply_free(&reply);

    fixture_get(&limited, "/livez", "", &reply); // A probe is never limited.
    expect_status("livez", &reply, 200, NULL);
    expect_header("livez", &reply, "RateLimit", NULL);
    reply_free(&reply);
    // In Connect's words.
    fixture_post(&limited, METHOD("GetAccount"), "", "{}", &reply);
    expect_status("Connect", &reply, 429, "\"code\":\"resource_exhausted\"");
    reply_free(&reply);
    fixture_close(&limited);
}

static void test_a_token_that_asks_too_often_waits_and_others_do_not(void **state)
{
    (void)state;
    static struct fixture limited;
    struct reply reply;
    fixture_open(&limited,
                 &(struct fixture_options){.address_rate = rate_open("address", 1000, 100000),
                                           .principal_rate = rate_open("principal", 1, 3)});
    int runs = atomic_load(&limited.runs), passed = 0;
    fixture_get(&limited, "/v1/accounts/" ID, GOOD, &reply);
    for (; reply.status == 200 && passed < 1000; passed++) {
        reply_free(&reply);
        fixture_get(&limited, "/v1/accounts/" ID, GOOD, &reply);
    }
    assert_true(passed >= 3 && passed < 1000);
    expect_status("limited", &reply, 429, "\"details\":{\"policy\":\"principal\"}");
    expect_header("limited", &reply, "RateLimit-Policy",
                  "\"address\";q=100000;w=100, \"principal\";q=3;w=3");
    reply_free(&reply);
    assert_int_equal(atomic_load(&limited.runs) - runs, passed); // It reached no daemon.

    fixture_get(&limited, "/v1/accounts/" ID, "Authorization: Bearer weak\r\n", &reply);
    expect_status("another token", &reply, 403, NULL);
    reply_free(&reply);
    fixture_get(&limited, "/openapi.json", "", &reply);
    expect_status("no token", &reply, 200, NULL);
    reply_free(&reply);
    fixture_close(&limited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_with_json),
        cmocka_unit_test(test_connect_with_protobuf),
        cmocka_unit_test(test_connect_knows_two_codecs_and_one_verb),
        cmocka_unit_test(test_a_connect_timeout_ends_the_call),
        cmocka_unit_test(test_only_listed_origins_may_read_answers),
        cmocka_unit_test(test_without_a_list_no_origin_is_named),
        cmocka_unit_test(test_only_trusted_proxies_name_the_client),
        cmocka_unit_test(test_an_address_that_asks_too_often_waits),
        cmocka_unit_test(test_a_token_that_asks_too_often_waits_and_others_do_not),
    };
    return cmocka_run_group_tests(tests, open_common, close_common);
}
