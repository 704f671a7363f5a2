// Paths and the routes they lead to.
#include "gateway/router.h"
#include "tests/unit/gateway/harness.h"

enum { ARENA_BYTES = 1 << 16 };

static const struct rpc_route routes[] = {
    {.verb = "GET", .template = "/v1/accounts"},
    {.verb = "POST", .template = "/v1/accounts"},
    {.verb = "GET", .template = "/v1/accounts/{id}"},
    {.verb = "GET", .template = "/v1/accounts/newest"},
    {.verb = "GET", .template = "/v1/accounts/{id}/balance"},
    {.verb = "POST", .template = "/v1/accounts/{account_id}/deposit"},
    {.verb = "GET", .template = "/v1/transfers/{id}"},
    {.verb = "POST", .template = "/v1/transfers/{id}:post"},
    {.verb = "POST", .template = "/v1/transfers/{id}:void"},
    {.verb = "GET", .template = "/v1/log/{path=**}"},
    {.verb = "GET", .template = "/v1/log/{name}"},
    {.verb = "GET", .template = "/v1/log/head"},
};

static struct router *open_routes(void)
{
    return router_open(routes, COUNT_OF(routes));
}

// "GET POST /template": what a path leads to.
static const char *describe(const struct router_match *match, char *ret_text, size_t size)
{
    ret_text[0] = '\0';
    for (size_t i = 0; i < match->route_count; i++) {
        size_t used = strlen(ret_text);
        snprintf(ret_text + used, size - used, "%s ", match->routes[i]->verb);
    }
    size_t used = strlen(ret_text);
    snprintf(ret_text + used, size - used, "%s", match->routes[0]->template);
    return ret_text;
}

static void test_a_path_leads_to_its_routes(void **state)
{
    (void)state;

    static const struct {
        const char *given, *path, *leads_to; // NULL: nowhere.
    } rows[] = {
        // clang-format off
        {"a literal path",              "/v1/accounts",                "GET POST /v1/accounts"},
        {"a variable",                  "/v1/accounts/7",              "GET /v1/accounts/{id}"},
        {"a literal before a variable", "/v1/accounts/newest",         "GET /v1/accounts/newest"},
        {"back from a literal",         "/v1/accounts/newest/balance", "GET /v1/accounts/{id}/balance"},
        {"another variable's name",     "/v1/accounts/7/deposit",      "POST /v1/accounts/{account_id}/deposit"},
        {"a custom verb",               "/v1/transfers/7:void",        "POST /v1/transfers/{id}:void"},
        {"a verb nobody knows",         "/v1/transfers/7:burn",        "GET /v1/transfers/{id}"},
        {"the last colon counts",       "/v1/transfers/a:b:post",      "POST /v1/transfers/{id}:post"},
        {"no value before the verb",    "/v1/transfers/:post",         "GET /v1/transfers/{id}"},
        {"a verb without a name",       "/v1/transfers/7:",            "GET /v1/transfers/{id}"},
        {"the rest of the path",        "/v1/log/a/b/c",               "GET /v1/log/{path=**}"},
        {"one segment before the rest", "/v1/log/a",                   "GET /v1/log/{name}"},
        {"a literal before both",       "/v1/log/head",                "GET /v1/log/head"},
        {"an empty segment in a rest",  "/v1/log/a//c",                NULL},
        {"a rest that is empty",        "/v1/log/",                    NULL},
        {"a trailing slash",            "/v1/accounts/",               NULL},
        {"a slash too many",            "/v1//accounts",               NULL},
        {"a slash at the front",        "//v1/accounts",               NULL},
        {"an empty variable",           "/v1/accounts//balance",       NULL},
        {"too short",                   "/v1",                         NULL},
        {"too long",                    "/v1/accounts/7/balance/1",    NULL},
        {"the root",                    "/",                           NULL},
        {"another case",                "/V1/accounts",                NULL},
        {"an escaped literal",          "/v1/%61ccounts",              NULL},
        {"no path",                     "",                            NULL},
        {"an asterisk",                 "*",                           NULL},
        {"more segments than we read",  "/v1/log/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h", NULL},
        // clang-format on
    };

    struct router *router = open_routes();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct router_match match;
        char text[160];
        struct status status = router_find(router, bytes_of_text(rows[i].path), &match);
        if (!status_ok(status)) assert_string_equal(status.reason, "ROUTE_NOT_FOUND");
        expect_text(rows[i].given, status_ok(status) ? describe(&match, text, sizeof text) : NULL,
                    rows[i].leads_to);
    }
    router_close(&router);
    router_close(&router); // Idempotent.
}

static void test_a_variable_is_decoded_or_refused(void **state)
{
    (void)state;

    static const struct {
        const char *given, *path, *field, *value; // value NULL: PATH_INVALID.
    } rows[] = {
        {"plain", "/v1/accounts/7", "id", "7"},
        {"escaped letters", "/v1/accounts/%41%7a", "id", "Az"},
        {"a plus is a plus", "/v1/accounts/a+b", "id", "a+b"},
        {"an escaped percent", "/v1/accounts/%2525", "id", "%25"},
        {"UTF-8", "/v1/accounts/caf%C3%A9", "id", "caf\xC3\xA9"},
        {"a verb is no part of it", "/v1/transfers/7:post", "id", "7"},
        {"an unknown verb is", "/v1/transfers/7:burn", "id", "7:burn"},
        {"the rest keeps its slashes", "/v1/log/x1/x2/3.p", "path", "x1/x2/3.p"},
        {"another field's name", "/v1/accounts/7/deposit", "account_id", "7"},
        {"an escaped slash", "/v1/accounts/a%2Fb", "id", NULL},
        {"an escaped slash, small", "/v1/accounts/a%2fb", "id", NULL},
        {"an escaped slash in a rest", "/v1/log/a%2Fb/c", "path", NULL},
        {"an escaped NUL", "/v1/accounts/a%00b", "id", NULL},
        {"no UTF-8", "/v1/accounts/%FF", "id", NULL},
        {"overlong UTF-8", "/v1/accounts/%C0%AF", "id", NULL},
        {"half an escape", "/v1/accounts/a%2", "id", NULL},
    };

    struct router *router = open_routes();
    struct arena *arena = arena_open(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct router_match match;
        struct router_variables variables;
        assert_true(status_ok(router_find(router, bytes_of_text(rows[i].path), &match)));
        struct status status = router_bind(&match, match.routes[0], arena, &variables);
        if (!status_ok(status)) {
            assert_string_equal(status.reason, "PATH_INVALID");
            expect_text(rows[i].given, NULL, rows[i].value);
            continue;
        }
        assert_int_equal(variables.count, 1);
        char value[64];
        snprintf(value, sizeof value, "%.*s", (int)variables.items[0].value.size,
                 (const char *)variables.items[0].value.data);
        expect_text(rows[i].given, value, rows[i].value);
        expect_text(rows[i].given, variables.items[0].field, rows[i].field);
    }
    arena_close(&arena);
    router_close(&router);
}

static void test_every_route_of_the_product_leads_to_itself(void **state)
{
    (void)state;
    struct router *router = router_open(rpc_routes, rpc_route_count);
    assert_true(rpc_route_count > 30);
    for (size_t i = 0; i < rpc_route_count; i++) {
        struct router_match match;
        bool found = false;
        assert_true(status_ok(router_find(router, bytes_of_text(rpc_routes[i].template), &match)));
        for (size_t j = 0; j < match.route_count; j++) {
            found = found || match.routes[j] == &rpc_routes[i];
        }
        if (!found) fail_msg("%s %s", rpc_routes[i].verb, rpc_routes[i].template);
    }
    router_close(&router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_leads_to_its_routes),
        cmocka_unit_test(test_a_variable_is_decoded_or_refused),
        cmocka_unit_test(test_every_route_of_the_product_leads_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
