// Which version a client means, and what the gateway writes into a request besides its JSON.
#include "common/json/encode.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "florin/shapes/v1/shapes.pb-c.h"
#include "florin/shapes/v1/shapes_methods.h"
#include "gateway/conditional.h"
#include "gateway/request.h"
#include "tests/unit/gateway/harness.h"
#include "tests/unit/gateway/things.h"

#include <inttypes.h>

enum { ARENA_BYTES = 1 << 20 };

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"
#define ANY RPC_ETAG_ANY
#define NONE RPC_ETAG_NONE

static void parse(const char *text, struct http_head *ret)
{
    memset(ret, 0, sizeof *ret);
    assert_int_equal(http_parse_head(bytes_of_text(text), ret), HTTP_ACCEPTED);
}

static void parse_headers(const char *headers, struct http_head *ret)
{
    static char text[8192];
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
    parse(text, ret);
}

static void test_if_match_names_one_version(void **state)
{
    (void)state;

    static const struct {
        const char *headers;
        uint64_t version;
        const char *refused;
    } rows[] = {
        // clang-format off
        {"",                                      0,    "IF_MATCH_REQUIRED"},
        {"If-Match: \"1\"\r\n",                   1,    NULL},
        {"If-Match: \"18446744073709551613\"\r\n", UINT64_MAX - 2, NULL},
        {"If-Match: *\r\n",                       ANY,  NULL},
        {"If-Match:  * \r\n",                     ANY,  NULL},
        {"If-Match: , \"7\" ,\r\n",               7,    NULL}, // Lists may have empty elements.
        {"If-Match:\r\nIf-Match: \"7\"\r\n",      7,    NULL},
        // Well-formed, and no version of ours: never matches.
        {"If-Match: W/\"7\"\r\n",                 NONE, NULL},
        {"If-Match: \"abc\"\r\n",                 NONE, NULL},
        {"If-Match: \"\"\r\n",                    NONE, NULL},
        {"If-Match: \"07\"\r\n",                  NONE, NULL},
        {"If-Match: \"0\"\r\n",                   NONE, NULL},
        {"If-Match: \"-1\"\r\n",                  NONE, NULL},
        {"If-Match: \"7,8\"\r\n",                 NONE, NULL},
        {"If-Match: \"7\\\"\r\n",                 NONE, NULL}, // A backslash is a character.
        {"If-Match: \"\xC3\xA9\"\r\n",            NONE, NULL},
        {"If-Match: \"18446744073709551614\"\r\n", NONE, NULL},
        {"If-Match: \"18446744073709551615\"\r\n", NONE, NULL}, // Not the same as *.
        {"If-Match: \"18446744073709551616\"\r\n", NONE, NULL},
        {"If-Match: \"99999999999999999999999\"\r\n", NONE, NULL},
        // Not one tag.
        {"If-Match:\r\n",                         0,    "IF_MATCH_INVALID"},
        {"If-Match: ,\r\n",                       0,    "IF_MATCH_INVALID"},
        {"If-Match: 7\r\n",                       0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\r\n",                     0,    "IF_MATCH_INVALID"},
        {"If-Match: 7\"\r\n",                     0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7 \"\r\n",                  0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\"8\r\n",                  0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\" \"8\"\r\n",             0,    "IF_MATCH_INVALID"},
        {"If-Match: w/\"7\"\r\n",                 0,    "IF_MATCH_INVALID"},
        {"If-Match: W/\r\n",                      0,    "IF_MATCH_INVALID"},
        {"If-Match: W/ \"7\"\r\n",                0,    "IF_MATCH_INVALID"},
        {"If-Match: '7'\r\n",                     0,    "IF_MATCH_INVALID"},
        {"If-Match: **\r\n",                      0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\", \"8\"\r\n",            0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\"\r\nIf-Match: \"7\"\r\n", 0,   "IF_MATCH_INVALID"},
        {"If-Match: *, \"7\"\r\n",                0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\", *\r\n",                0,    "IF_MATCH_INVALID"},
        {"If-Match: \"7\", 8\r\n",                0,    "IF_MATCH_INVALID"},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct http_head head;
        uint64_t version = 5;
        parse_headers(rows[i].headers, &head);
        struct status status = conditional_if_match(&head, true, &version);
        expect_text(rows[i].headers, status.reason, rows[i].refused);
        if (version != rows[i].version) fail_msg("%s: %" PRIu64, rows[i].headers, version);
        bool is_missing = rows[i].headers[0] == '\0';
        assert_int_equal(status.code, status_ok(status) ? STATUS_OK
                                      : is_missing      ? STATUS_FAILED_PRECONDITION
                                                        : STATUS_INVALID_ARGUMENT);
        struct status optional = conditional_if_match(&head, false, &version);
        expect_text(rows[i].headers, optional.reason, is_missing ? NULL : rows[i].refused);
    }
}

static void test_if_none_match_compares_weakly(void **state)
{
    (void)state;

    static const struct {
        const char *headers;
        bool is_known; // Of version 7.
    } rows[] = {
        // clang-format off
        {"",                                                false},
        {"If-None-Match: \"7\"\r\n",                        true},
        {"If-None-Match: W/\"7\"\r\n",                      true},
        {"If-None-Match: *\r\n",                            true},
        {"If-None-Match: \"8\"\r\n",                        false},
        {"If-None-Match: \"07\"\r\n",                       false},
        {"If-None-Match: \"\"\r\n",                         false},
        {"If-None-Match: \"6\", W/\"7\", \"8\"\r\n",        true},
        {"If-None-Match: \"6\",\"8\",\"70\"\r\n",           false},
        {"If-None-Match: \"a,b\", \"7\"\r\n",               true},
        {"If-None-Match: \"6\"\r\nAccept: */*\r\nIf-None-Match: \"7\"\r\n", true},
        {"If-None-Match: 7\r\n",                            false},
        {"If-None-Match: 6, \"7\"\r\n",                     false}, // Behind what is broken nothing is read.
        {"If-None-Match: \"7\r\n",                          false},
        {"If-None-Match:\r\n",                              false},
        {"If-Match: \"7\"\r\n",                             false},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        static struct http_head head;
        parse_headers(rows[i].headers, &head);
        if (conditional_if_none_match(&head, 7) != rows[i].is_known)
            fail_msg("%s", rows[i].headers);
    }
}

// ---- Requests ------------------------------------------------------------------------------

struct packed {
    struct arena *arena;
    struct status status;
    struct rpc_violations violations;
    const struct rpc_route *route;
    struct bytes payload;
};

static void pack(const char *verb, const char *target, const char *headers, const char *body,
                 struct packed *ret)
{
    static struct http_head head; // Also used by the caller's next one.
    size_t count;
    const struct rpc_route *routes = things_routes("ledger", &count);
    struct router *router = router_open(routes, count);
    struct router_match match;
    *ret = (struct packed){.arena = arena_open(ARENA_BYTES)};
    parse(arena_format(ret->arena, "%s %s HTTP/1.1\r\nHost: a\r\n%s%s\r\n", verb, target,
                       body != NULL ? "Content-Type: application/json\r\n" : "", headers),
          &head);
    assert_true(status_ok(router_find(router, head.path, &match)));
    for (size_t i = 0; i < match.route_count; i++) {
        if (strcmp(match.routes[i]->verb, verb) == 0) ret->route = match.routes[i];
    }
    assert_non_null(ret->route);
    ret->status = request_pack(&head, bytes_of_text(body), &match, ret->route, ret->arena,
                               &ret->payload, &ret->violations);
    router_close(&router);
}

static const char *refusal_of(const struct packed *packed)
{
    if (packed->violations.count == 0) return packed->status.reason;
    return arena_format(packed->arena, "%s %s", packed->violations.items[0].field,
                        packed->violations.items[0].reason);
}

// "name,labels", as the daemon finds it.
static const char *names_of(char *const *names, size_t count, struct arena *arena)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++) {
        text = arena_format(arena, "%s%s%s", text, i > 0 ? "," : "", names[i]);
    }
    return text;
}

static void test_a_change_says_which_version_and_which_members(void **state)
{
    (void)state;

    static const struct {
        const char *given, *headers, *body;
        uint64_t if_match;
        const char *changed, *refused;
    } rows[] = {
        // clang-format off
        {"one member",            "If-Match: \"3\"\r\n", "{\"name\":\"n\"}",             3, "name", NULL},
        {"in the proto's order",  "If-Match: \"3\"\r\n", "{\"labels\":{},\"name\":\"\"}", 3, "name,labels", NULL},
        {"null is a change",      "If-Match: *\r\n",     "{\"name\":null,\"labels\":null,\"colour\":null,\"isOpen\":null}",
         ANY, "name,labels,is_open,colour", NULL},
        {"also an amount's",      "If-Match: *\r\n",     "{\"limit\":null}",             ANY, "limit", NULL},
        {"a default is a change", "If-Match: *\r\n",     "{\"is_open\":false,\"colour\":\"COLOUR_UNSPECIFIED\"}", ANY,
         "is_open,colour", NULL},
        {"the other spelling",    "If-Match: *\r\n",     "{\"isOpen\":true}",            ANY, "is_open", NULL},
        {"nothing",               "If-Match: *\r\n",     "{}",                           ANY, "", NULL},
        {"no body",               "If-Match: *\r\n",     NULL,                           ANY, "", NULL},
        {"the path's is no change", "If-Match: *\r\n",   "{\"id\":\"" ID "\",\"name\":\"n\"}", ANY, "name", NULL},
        {"a tag that is none",    "If-Match: \"abc\"\r\n", "{\"name\":\"n\"}",          NONE, "name", NULL},
        {"no version",            "",                    "{\"name\":\"n\"}",             0, NULL, "IF_MATCH_REQUIRED"},
        {"two versions",          "If-Match: \"1\",\"2\"\r\n", "{}",                     0, NULL, "IF_MATCH_INVALID"},
        {"what is wrong in itself comes first", "",      "{\"name\":1}",                 0, NULL, "name WRONG_TYPE"},
        {"the version in the body", "If-Match: *\r\n",   "{\"if_match\":\"3\"}",         0, NULL, "if_match UNKNOWN_FIELD"},
        {"its other spelling",    "If-Match: *\r\n",     "{\"ifMatch\":3}",              0, NULL, "ifMatch UNKNOWN_FIELD"},
        {"the mask in the body",  "If-Match: *\r\n",     "{\"changed\":[\"name\"]}",     0, NULL, "changed UNKNOWN_FIELD"},
        {"a required member",     "If-Match: *\r\n",     "{\"id\":null}",                0, NULL, "id NULL_NOT_ALLOWED"},
        {"an item",               "If-Match: *\r\n",     "{\"labels\":{\"a\":null}}",    0, NULL, "labels.a NULL_NOT_ALLOWED"},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct packed packed;
        Shapes__UpdateThingRequest *request;
        pack("PATCH", "/v1/things/" ID, rows[i].headers, rows[i].body, &packed);
        expect_text(rows[i].given, refusal_of(&packed), rows[i].refused);
        if (status_ok(packed.status)) {
            assert_true(
                status_ok(rpc_decode(&florin_shapes_v1_update_thing_request_message, packed.payload,
                                     packed.arena, &request, &packed.violations)));
            expect_text(rows[i].given, names_of(request->changed, request->n_changed, packed.arena),
                        rows[i].changed);
            if (request->if_match != rows[i].if_match) fail_msg("%s: version", rows[i].given);
            assert_int_equal(request->id.len, 16);
        }
        arena_close(&packed.arena);
    }
}

// Cleared and left alone are told apart by the mask alone: their values are the same.
static void test_null_sets_the_default(void **state)
{
    (void)state;
    struct packed packed;
    Shapes__UpdateThingRequest *request;
    pack("PATCH", "/v1/things/" ID, "If-Match: *\r\n",
         "{\"name\":null,\"limit\":null,\"is_open\":null}", &packed);
    assert_true(status_ok(packed.status));
    assert_true(status_ok(rpc_unpack(&shapes__update_thing_request__descriptor, packed.payload,
                                     packed.arena, &request)));
    assert_string_equal(request->name, "");
    assert_null(request->limit);
    assert_false(request->is_open);
    assert_int_equal(request->n_changed, 3);
    arena_close(&packed.arena);
}

static void test_connect_requests_are_filled_alike(void **state)
{
    (void)state;
    static struct http_head head;
    struct arena *arena = arena_open(ARENA_BYTES);
    struct rpc_violations violations = {0};
    struct bytes payload, body = bytes_of_text("{\"id\":\"" ID "\",\"labels\":{},\"name\":\"n\"}");
    const struct rpc_method *method = &shapes_methods[SHAPES_UPDATE_THING];
    Shapes__UpdateThingRequest *request;
    parse_headers("", &head);
    struct status status = request_pack_json(&head, method, body, arena, &payload, &violations);
    assert_string_equal(status.reason, "IF_MATCH_REQUIRED");
    parse_headers("If-Match: \"4\"\r\n", &head);
    assert_true(status_ok(request_pack_json(&head, method, body, arena, &payload, &violations)));
    assert_true(
        status_ok(rpc_unpack(&shapes__update_thing_request__descriptor, payload, arena, &request)));
    assert_int_equal(request->if_match, 4);
    assert_string_equal(names_of(request->changed, request->n_changed, arena), "name,labels");
    arena_close(&arena);
}

static void test_query_and_path_of_every_kind(void **state)
{
    (void)state;

    static const struct {
        const char *given, *verb, *target, *body;
        const char *message; // A part of the daemon's request as JSON; or
        const char *refused;
    } rows[] = {
        // clang-format off
        {"an enum",           "GET", "/v1/things?colour=DARK_BLUE", NULL, "\"colour\":\"DARK_BLUE\"", NULL},
        {"a time",            "GET", "/v1/things?since=2026-11-21T00:00:00%2B05:30", NULL,
         "\"since\":\"2026-11-20T18:30:00.000000000Z\"", NULL},
        {"an id",             "GET", "/v1/things?owner_id=" ID, NULL, "\"owner_id\":\"" ID "\"", NULL},
        {"an amount",         "GET", "/v1/things?limit=12", NULL, "\"limit\":\"12\"", NULL},
        {"a bool",            "GET", "/v1/things?is_open=true", NULL, "\"is_open\":true", NULL},
        {"all of them",       "GET", "/v1/things?isOpen=true&limit=0&colour=RED", NULL,
         "\"colour\":\"RED\",\"since\":null,\"owner_id\":null,\"limit\":\"0\",\"is_open\":true}", NULL},
        {"true is there",     "GET", "/v1/things?final=true", NULL, ",\"final\":true}", NULL},
        {"false is there",    "GET", "/v1/things?final=false", NULL, ",\"final\":false}", NULL},
        {"absent is absent",  "GET", "/v1/things", NULL, "\"is_open\":false}", NULL},
        {"false twice",       "GET", "/v1/things?final=false&final=false", NULL, ",\"final\":false}", NULL},
        {"false and true",    "GET", "/v1/things?final=true&final=false", NULL, NULL, "final DUPLICATE_FIELD"},
        {"no such enum",      "GET", "/v1/things?colour=7", NULL, NULL, "colour UNKNOWN_ENUM"},
        {"no time",           "GET", "/v1/things?since=yesterday", NULL, NULL, "since BAD_FORMAT"},
        {"no id",             "GET", "/v1/things?owner_id=7", NULL, NULL, "owner_id BAD_FORMAT"},
        {"no amount",         "GET", "/v1/things?limit=-1", NULL, NULL, "limit AMOUNT_MALFORMED"},
        {"no bool",           "GET", "/v1/things?is_open=1", NULL, NULL, "is_open WRONG_TYPE"},
        {"no bool in a oneof", "GET", "/v1/things?final=", NULL, NULL, "final WRONG_TYPE"},
        {"an id of another name", "PUT", "/v1/things/" ID, "{\"name\":\"n\"}", "{\"thing_id\":\"" ID "\",\"name\":\"n\"}", NULL},
        {"which is no query's", "PUT", "/v1/things/" ID "?name=n", "{}", NULL, "QUERY_NOT_ALLOWED"},
        {"the tag is no query's", "PUT", "/v1/things/" ID, "{\"if_match\":1}", NULL, "if_match UNKNOWN_FIELD"},
        {"a map",             "POST", "/v1/things:import", "{\"things\":[{\"labels\":{\"a\":\"1\",\"b.c\":\"\"}}]}",
         "\"labels\":{\"a\":\"1\",\"b.c\":\"\"}", NULL},
        {"a map with a list", "POST", "/v1/things:import", "{\"things\":[{\"labels\":{\"a\":[]}}]}", NULL, "things[0].labels.a WRONG_TYPE"},
        {"a final that is false", "POST", "/v1/things:import", "{\"things\":[{\"final\":false}]}", "\"final\":false,", NULL},
        {"a final that is null", "POST", "/v1/things:import", "{\"things\":[{\"final\":null,\"code\":5}]}",
         "\"labels\":{},\"hash\":\"\"", NULL},
        // clang-format on
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct packed packed;
        struct bytes json;
        pack(rows[i].verb, rows[i].target, "", rows[i].body, &packed);
        expect_text(rows[i].given, refusal_of(&packed), rows[i].refused);
        if (status_ok(packed.status)) {
            assert_true(status_ok(json_encode_wire(packed.route->method->request, packed.payload,
                                                   packed.arena, &json)));
            if (memmem(json.data, json.size, rows[i].message, strlen(rows[i].message)) == NULL) {
                fail_msg("%s: %.*s", rows[i].given, (int)json.size, json.data);
            }
        }
        arena_close(&packed.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_if_match_names_one_version),
        cmocka_unit_test(test_if_none_match_compares_weakly),
        cmocka_unit_test(test_a_change_says_which_version_and_which_members),
        cmocka_unit_test(test_null_sets_the_default),
        cmocka_unit_test(test_connect_requests_are_filled_alike),
        cmocka_unit_test(test_query_and_path_of_every_kind),
    };
    return cmocka_run_group_tests_name("gateway_conditional", tests, NULL, NULL);
}
