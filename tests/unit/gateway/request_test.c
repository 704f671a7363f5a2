// From an HTTP request to the message that a daemon gets, with the product's own routes.
#include "common/json/encode.h"
#include "common/rpc/pack.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "gateway/connect.h"
#include "gateway/request.h"
#include "tests/unit/gateway/harness.h"

enum { ARENA_BYTES = 1 << 20 };

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"
#define OTHER_ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c073990"
#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

struct row {
    const char *given, *verb, *target, *type, *body;
    const char *message; // The daemon's request as JSON, cut at its length; or
    const char *refused; // "REASON" or "VALIDATION_FAILED field FIELD_REASON".
};

// clang-format off
static const struct row rows[] = {
    {"a path variable", "GET", "/v1/accounts/" ID, NULL, NULL, "{\"id\":\"" ID "\"}", NULL},
    {"path and query", "GET", "/v1/accounts/" ID "/transfers?page_size=7&page_token=abc", NULL, NULL,
     "{\"id\":\"" ID "\",\"page_size\":7,\"page_token\":\"abc\"", NULL},
    {"the other spelling", "GET", "/v1/accounts/" ID "/transfers?pageSize=7", NULL, NULL,
     "{\"id\":\"" ID "\",\"page_size\":7,\"page_token\":\"\"", NULL},
    {"escapes and plus in a query", "GET", "/v1/audit/events?actor=a%2Fb+c%26d", NULL, NULL,
     "{\"actor\":\"a/b c&d\",", NULL},
    {"empty pairs are nothing", "GET", "/v1/accounts?&&page_size=2&", NULL, NULL,
     "{\"owner_id\":null,\"currency\":\"\",\"page_size\":2,", NULL},
    {"a question mark alone", "GET", "/v1/accounts?", NULL, NULL, "{\"owner_id\":null,", NULL},
    {"path and body", "POST", "/v1/accounts/" ID "/deposit", JSON, "{\"amount\":\"5\"}",
     "{\"account_id\":\"" ID "\",\"id\":null,\"amount\":\"5\",\"description\":\"\"", NULL},
    {"a charset is no matter", "POST", "/v1/accounts", JSON "; charset=utf-8", "{\"currency\":\"INR\"}",
     "{\"id\":null,\"owner_id\":null,\"currency\":\"INR\",", NULL},
    {"no body is an empty object", "POST", "/v1/kyc/submit", NULL, NULL, "{}", NULL},
    {"the same value twice", "POST", "/v1/accounts/" ID "/deposit", JSON,
     "{\"account_id\":\"" ID "\",\"amount\":\"5\"}", "{\"account_id\":\"" ID "\",\"id\":null,\"amount\":\"5\",", NULL},
    {"a form where forms are taken", "POST", "/oauth2/token", FORM, "grant_type=refresh_token&refresh_token=a%2Bb",
     "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"a+b\"", NULL},

    {"a client by HTTP Basic", "POST", "/oauth2/token", FORM "\r\nAuthorization: Basic YTpi", "grant_type=x",
     "{\"grant_type\":\"x\",\"refresh_token\":\"\",\"device\":\"\",\"client_id\":\"a\",\"client_secret\":\"b\"", NULL},
    {"HTTP Basic where no client is named", "POST", "/oauth2/revoke", FORM "\r\nAuthorization: Basic YTpi", "token=x",
     "{\"token\":\"x\",\"token_type_hint\":\"\",\"client_id\":\"\"}", NULL},
    {"a field of a header", "POST", "/v1/auth/login", JSON "\r\nUser-Agent: curl/8 (\xe2\x82\xac\tx)",
     "{\"identifier\":\"a\",\"password\":\"b\"}",
     "{\"identifier\":\"a\",\"password\":\"b\",\"device\":\"\"}", NULL},

    {"a client in the form and by HTTP Basic", "POST", "/oauth2/token", FORM "\r\nAuthorization: Basic YTpi",
     "grant_type=client_credentials&client_id=a", NULL, "CLIENT_TWICE"},
    {"the same client twice", "POST", "/oauth2/token", FORM "\r\nAuthorization: Basic YTpi",
     "grant_type=client_credentials&client_id=a&client_secret=b", NULL, "CLIENT_TWICE"},
    {"HTTP Basic that is none", "POST", "/oauth2/token", FORM "\r\nAuthorization: Basic YT", "grant_type=client_credentials",
     NULL, "BASIC_MALFORMED"},
    {"a header's field in the body", "POST", "/v1/auth/login", JSON,
     "{\"identifier\":\"a\",\"password\":\"b\",\"user_agent\":\"c\"}", NULL, "VALIDATION_FAILED user_agent UNKNOWN_FIELD"},
    {"two values for one field", "POST", "/v1/accounts/" ID "/deposit", JSON,
     "{\"account_id\":\"" OTHER_ID "\",\"amount\":\"5\"}", NULL, "VALIDATION_FAILED account_id DUPLICATE_FIELD"},
    {"a query parameter twice", "GET", "/v1/accounts?page_size=1&page_size=2", NULL, NULL, NULL,
     "VALIDATION_FAILED page_size DUPLICATE_FIELD"},
    {"the path's field in the query", "GET", "/v1/accounts/" ID "?id=" OTHER_ID, NULL, NULL, NULL,
     "VALIDATION_FAILED id DUPLICATE_FIELD"},
    {"an unknown query parameter", "GET", "/v1/accounts?colour=red", NULL, NULL, NULL,
     "VALIDATION_FAILED colour UNKNOWN_FIELD"},
    {"an unknown member", "POST", "/v1/accounts", JSON, "{\"currency\":\"INR\",\"colour\":1}", NULL,
     "VALIDATION_FAILED colour UNKNOWN_FIELD"},
    {"a member twice", "POST", "/v1/accounts", JSON, "{\"name\":\"a\",\"name\":\"a\"}", NULL,
     "VALIDATION_FAILED name DUPLICATE_FIELD"},
    {"a number that is none", "GET", "/v1/accounts?page_size=many", NULL, NULL, NULL,
     "VALIDATION_FAILED page_size WRONG_TYPE"},
    {"an id that is none", "GET", "/v1/accounts/7", NULL, NULL, NULL, "VALIDATION_FAILED id BAD_FORMAT"},
    {"an amount that is no integer", "POST", "/v1/accounts/" ID "/deposit", JSON, "{\"amount\":\"5.5\"}", NULL,
     "VALIDATION_FAILED amount AMOUNT_MALFORMED"},
    {"a query where all is body", "POST", "/v1/accounts?name=a", JSON, "{\"currency\":\"INR\"}", NULL, "QUERY_NOT_ALLOWED"},
    {"an escaped slash in the path", "GET", "/v1/accounts/a%2Fb", NULL, NULL, NULL, "PATH_INVALID"},
    {"an escaped NUL in the path", "GET", "/v1/accounts/%00", NULL, NULL, NULL, "PATH_INVALID"},
    {"no UTF-8 in the query", "GET", "/v1/audit/events?actor=%FF", NULL, NULL, NULL, "QUERY_INVALID"},
    {"NUL in the query", "GET", "/v1/audit/events?actor=%00", NULL, NULL, NULL, "QUERY_INVALID"},
    {"a body where none belongs", "GET", "/v1/accounts", JSON, "{}", NULL, "BODY_NOT_ALLOWED"},
    {"no media type", "POST", "/v1/accounts", NULL, "{}", NULL, "MEDIA_TYPE_UNSUPPORTED"},
    {"another media type", "POST", "/v1/accounts", "text/plain", "{}", NULL, "MEDIA_TYPE_UNSUPPORTED"},
    {"a form where none is taken", "POST", "/v1/accounts", FORM, "currency=INR", NULL, "MEDIA_TYPE_UNSUPPORTED"},
    {"a form field twice", "POST", "/oauth2/token", FORM, "grant_type=a&grant_type=b", NULL,
     "VALIDATION_FAILED grant_type DUPLICATE_FIELD"},
    {"an unknown form field", "POST", "/oauth2/token", FORM, "colour=red", NULL, "VALIDATION_FAILED colour UNKNOWN_FIELD"},
    {"no JSON", "POST", "/v1/accounts", JSON, "{", NULL, "JSON_MALFORMED"},
    {"JSON that is no object", "POST", "/v1/accounts", JSON, "[]", NULL, "VALIDATION_FAILED  WRONG_TYPE"},
};

// clang-format on

static const struct rpc_route *find(const struct router *router, const struct http_head *head,
                                    struct router_match *match)
{
    assert_true(status_ok(router_find(router, head->path, match)));
    for (size_t i = 0; i < match->route_count; i++) {
        if (bytes_equal(head->method_name, bytes_of_text(match->routes[i]->verb))) {
            return match->routes[i];
        }
    }
    fail_msg("no route");
    return NULL;
}

static void parse(const char *text, struct http_head *ret)
{
    memset(ret, 0, sizeof *ret);
    assert_int_equal(http_parse_head(bytes_of_text(text), ret), HTTP_ACCEPTED);
}

static const char *head_text(const struct row *row, struct arena *arena)
{
    return arena_format(arena, "%s %s HTTP/1.1\r\nHost: a\r\n%s%s%s\r\n", row->verb, row->target,
                        row->type != NULL ? "Content-Type: " : "",
                        row->type != NULL ? row->type : "", row->type != NULL ? "\r\n" : "");
}

static const char *describe(struct status status, const struct rpc_violations *violations,
                            struct arena *arena)
{
    if (violations->count == 0) return status.reason;
    return arena_format(arena, "%s %s %s", status.reason, violations->items[0].field,
                        violations->items[0].reason);
}

static void test_a_request_becomes_its_message_or_is_refused(void **state)
{
    (void)state;
    struct router *router = router_open(rpc_routes, rpc_route_count);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct arena *arena = arena_open(ARENA_BYTES);
        static struct http_head head;
        struct router_match match;
        struct rpc_violations violations = {0};
        struct bytes payload, json;
        parse(head_text(row, arena), &head);
        const struct rpc_route *route = find(router, &head, &match);
        struct status status = request_pack(&head, bytes_of_text(row->body), &match, route, arena,
                                            &payload, &violations);
        if (!status_ok(status)) {
            expect_text(row->given, describe(status, &violations, arena), row->refused);
        } else {
            expect_text(row->given, NULL, row->refused);
            assert_true(status_ok(json_encode_wire(route->method->request, payload, arena, &json)));
            size_t size = strlen(row->message);
            expect_text(
                row->given,
                arena_text(arena, (const char *)json.data, size < json.size ? size : json.size),
                row->message);
        }
        arena_close(&arena);
    }
    router_close(&router);
}

static void test_a_compressed_body_is_415(void **state)
{
    (void)state;
    struct router *router = router_open(rpc_routes, rpc_route_count);
    struct arena *arena = arena_open(ARENA_BYTES);
    struct router_match match;
    struct rpc_violations violations = {0};
    struct bytes payload;
    static struct http_head head;
    parse("POST /v1/accounts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
          "Content-Encoding: gzip\r\n\r\n",
          &head);
    struct status status = request_pack(&head, bytes_of_text("{}"), &match,
                                        find(router, &head, &match), arena, &payload, &violations);
    assert_string_equal(status.reason, "ENCODING_UNSUPPORTED");
    arena_close(&arena);
    router_close(&router);
}

static void test_a_field_of_a_header_is_what_may_be_shown_of_it(void **state)
{
    (void)state;
    char long_name[400] = "", cut[257] = ""; // len_max is 256.
    memset(long_name, 'x', sizeof long_name - 1);
    memset(cut, 'x', sizeof cut - 1);

    const struct {
        const char *header, *field;
    } cases[] = {
        {"", ""},
        {"User-Agent: curl/8\r\n", "curl/8"},
        {"uSER-aGENT:   curl/8 (x)  \r\n", "curl/8 (x)"},
        {"User-Agent: a\xe2\x82\xac\tb\r\n", "a????b"},
        {"User-Agent:\r\n", ""},
        {long_name, cut},
    };

    static const char body[] = "{\"identifier\":\"a\",\"password\":\"b\"}";
    struct router *router = router_open(rpc_routes, rpc_route_count);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena = arena_open(ARENA_BYTES);
        static struct http_head head;
        struct router_match match;
        struct rpc_violations violations = {0};
        struct bytes payload;
        Auth__LoginRequest *request;
        bool is_long = cases[i].header == long_name;
        parse(arena_format(arena,
                           "POST /v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: " JSON
                           "\r\n%s%s%s\r\n",
                           is_long ? "User-Agent: " : "", cases[i].header, is_long ? "\r\n" : ""),
              &head);
        assert_true(
            status_ok(request_pack(&head, bytes_of_text(body), &match, find(router, &head, &match),
                                   arena, &payload, &violations)));
        assert_true(
            status_ok(rpc_unpack(&auth__login_request__descriptor, payload, arena, &request)));
        expect_text(cases[i].header, request->user_agent, cases[i].field);
        arena_close(&arena);
    }
    router_close(&router);
}

// ---- Connect -------------------------------------------------------------------------------

static void test_only_methods_for_clients_are_reachable_by_connect(void **state)
{
    (void)state;

    static const struct {
        const char *path;
        bool is_found;
    } paths[] = {
        {"/florin.ledger.v1.LedgerService/CreateTransfer", true},
        {"/florin.audit.v1.AuditService/GetCheckpoint", true},
        {"/florin.ledger.v1.LedgerService/Verify", false}, // Internal, as are the next four.
        {"/florin.rpc.v1.Control/Drain", false},
        {"/florin.rpc.v1.Health/Check", false},
        {"/florin.event.v1.EventLog/Read", false},
        {"/florin.auth.v1.AuthService/CheckSession", false},
        {"/florin.ledger.v1.LedgerService/CreateTransfe", false},
        {"/florin.ledger.v1.LedgerService/CreateTransferX", false},
        {"/florin.ledger.v1.LedgerService/", false},
        {"/v1/accounts", false},
        {"/", false},
        {"", false},
    };

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        size_t index = SIZE_MAX;
        const struct rpc_method *method = connect_method(bytes_of_text(paths[i].path), &index);
        if ((method != NULL) != paths[i].is_found) fail_msg("%s", paths[i].path);
        if (method == NULL) continue;
        assert_ptr_equal(rpc_all_methods[index], method);
        assert_string_equal(method->name, paths[i].path + 1);
    }
}

static void test_connect_headers_are_checked(void **state)
{
    (void)state;

    static const struct {
        const char *headers, *refused;
        uint32_t timeout_ms; // The method's own is 5,000.
    } cases[] = {
        {"", NULL, 5000},
        {"Connect-Protocol-Version: 1\r\nConnect-Timeout-Ms: 250\r\n", NULL, 250},
        {"Connect-Timeout-Ms: 9999999999\r\n", NULL, 5000},
        {"Content-Encoding: identity\r\n", NULL, 5000},
        {"Connect-Protocol-Version: 2\r\n", "CONNECT_VERSION_UNSUPPORTED", 0},
        {"Connect-Timeout-Ms: 0\r\n", "CONNECT_TIMEOUT_INVALID", 0},
        {"Connect-Timeout-Ms: -1\r\n", "CONNECT_TIMEOUT_INVALID", 0},
        {"Connect-Timeout-Ms: 1s\r\n", "CONNECT_TIMEOUT_INVALID", 0},
        {"Connect-Timeout-Ms:\r\n", "CONNECT_TIMEOUT_INVALID", 0},
        {"Connect-Timeout-Ms: 10000000000\r\n", "CONNECT_TIMEOUT_INVALID", 0},
        {"Content-Encoding: gzip\r\n", "COMPRESSION_UNSUPPORTED", 0},
    };

    size_t index;
    const struct rpc_method *method =
        connect_method(bytes_of_text("/florin.ledger.v1.LedgerService/CreateTransfer"), &index);
    struct arena *arena = arena_open(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        static struct http_head head;
        uint32_t timeout_ms = 0;
        parse(arena_format(arena, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].headers), &head);
        struct status status = connect_check(&head, method, &timeout_ms);
        expect_text(cases[i].headers, status.reason, cases[i].refused);
        if (status_ok(status)) assert_int_equal(timeout_ms, cases[i].timeout_ms);
    }
    arena_close(&arena);
}

static void test_a_connect_body_is_the_message(void **state)
{
    (void)state;
    size_t index;
    const struct rpc_method *method =
        connect_method(bytes_of_text("/florin.ledger.v1.LedgerService/GetAccount"), &index);
    struct arena *arena = arena_open(ARENA_BYTES);
    struct rpc_violations violations = {0};
    struct bytes payload;
    static struct http_head head;
    parse("POST / HTTP/1.1\r\nHost: a\r\n\r\n", &head);
    assert_true(status_ok(request_pack_json(&head, method, bytes_of_text("{\"id\":\"" ID "\"}"),
                                            arena, &payload, &violations)));
    assert_int_equal(payload.size, 18); // 0a 10 and the id.
    struct status status =
        request_pack_json(&head, method, bytes_of_text("{\"x\":1}"), arena, &payload, &violations);
    assert_string_equal(status.reason, "VALIDATION_FAILED");
    assert_string_equal(violations.items[0].field, "x");
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_becomes_its_message_or_is_refused),
        cmocka_unit_test(test_a_compressed_body_is_415),
        cmocka_unit_test(test_a_field_of_a_header_is_what_may_be_shown_of_it),
        cmocka_unit_test(test_only_methods_for_clients_are_reachable_by_connect),
        cmocka_unit_test(test_connect_headers_are_checked),
        cmocka_unit_test(test_a_connect_body_is_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
