// openapi.json of the test's protos, and of the product's.
#include "common/base/check.h"
#include "common/rpc/schema.h"

// clang-format off
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
// clang-format on

static const char *directory;

static json_t *load_shapes(void)
{
    char path[4096];
    CHECK((size_t)snprintf(path, sizeof path, "%s/openapi.json", directory) < sizeof path);
    json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    return document;
}

// A path of member names and array indices, "a|b|0": paths of the API hold slashes and dots.
static json_t *at(json_t *json, const char *path)
{
    char copy[512];
    CHECK((size_t)snprintf(copy, sizeof copy, "%s", path) < sizeof copy);
    char *rest = copy;
    for (char *name = strsep(&rest, "|"); name != NULL && json != NULL; name = strsep(&rest, "|")) {
        json = json_is_array(json) ? json_array_get(json, (size_t)(name[0] - '0'))
                                   : json_object_get(json, name);
    }
    return json;
}

// clang-format off
#define SHAPES "paths|/v1/shapes|post|"
#define SHOW "paths|/v1/shapes/{inner.name}/{id}:show|get|"
#define BODY SHAPES "requestBody|content|application/json|schema|properties|"

#define THING "paths|/v1/things/{id}|"
#define CHANGE THING "patch|requestBody|content|application/json|schema|"
#define REPLACE "paths|/v1/things/{thing_id}|put|"
#define MADE "webhooks|shapes.thing.made|post|"
#define POSTED "requestBody|content|application/json|schema|properties|"
#define REPORT "paths|/v1/things/{id}/report|get|responses|200|content|"
#define LIST "paths|/v1/things|get|parameters|"

static const struct { const char *path, *expected; } rows[] = { // NULL: not there.
    {"openapi",                                              "\"3.1.0\""},
    {"components|securitySchemes|bearer|scheme",             "\"bearer\""},
    {"components|securitySchemes|basic|scheme",              "\"basic\""},
    {"components|schemas|Problem|properties|error|type",     "\"string\""},
    {SHAPES "operationId",                                   "\"shapes_EchoShape\""},
    {SHAPES "summary",                                       "\"Echo\""},
    {SHAPES "description",                                   "\"Answers what it was sent.\""},
    {SHAPES "security",                                      "[{\"bearer\":[]}]"},
    {SHAPES "x-florin-permission",                           "\"shapes.write\""},
    {SHAPES "parameters|0|name",                             "\"X-Trace\""},
    {SHAPES "parameters|1|name",                             "\"Idempotency-Key\""},
    {SHAPES "parameters|2",                                  NULL},
    {SHAPES "requestBody|content|application/json|example",  "{\"text\":\"round\"}"},
    {SHAPES "requestBody|content|application/json|schema|additionalProperties", "false"},
    {BODY "trace",                                           NULL},
    {BODY "amount",                                          "{\"type\":\"string\",\"pattern\":\"^(0|[1-9][0-9]{0,38})$\"}"},
    {BODY "side|enum",                                       "[\"SIDE_UNSPECIFIED\",\"INSIDE\",null]"},
    {BODY "labels|maxProperties",                            "3"},
    {BODY "inners|items|$ref",                               "\"#/components/schemas/shapes.v1.Inner.Input\""},
    {BODY "right|minimum",                                   "3"},
    {SHAPES "responses|201|content|application/json|example", "{\"text\":\"round\"}"},
    {SHAPES "responses|200|content|application/json|schema|$ref", "\"#/components/schemas/shapes.v1.Shape\""},
    {SHAPES "responses|422|x-florin-reasons",                "[\"SHAPE_BENT\",\"SHAPE_FLAT\",\"IDEMPOTENCY_KEY_REUSED\"]"},
    {SHAPES "responses|409|description",                     "\"SHAPE_TAKEN\""},
    {SHAPES "responses|401|x-florin-reasons",
     "[\"TOKEN_MISSING\",\"TOKEN_MALFORMED\","
                                                             "\"TOKEN_EXPIRED\",\"TOKEN_REVOKED\",\"INVALID_CREDENTIALS\"]"},
    {SHAPES "responses|default|content|application/problem+json|schema|$ref", "\"#/components/schemas/Problem\""},
    {"paths|/v1/shapes/{id}|put|operationId",                "\"shapes_EchoShape_2\""},
    {"paths|/v1/shapes/{id}|put|parameters|0|in",            "\"path\""},
    {SHOW "parameters|0|name",                               "\"inner.name\""},
    {SHOW "parameters|1|schema",                             "{\"type\":\"string\",\"format\":\"uuid\"}"},
    {SHOW "parameters|2|name",                               "\"inner.leaf.weight\""},
    {SHOW "responses|200|content|application/json|schema|$ref", "\"#/components/schemas/shapes.v1.Shape\""},
    {SHOW "responses|200|content|image/png|schema",          "{}"},
    {"paths|/v1/files/{path}|get|security",                  "[]"},
    {"paths|/v1/files/{path}|get|responses|401",             NULL},
    // A resource with a version.
    {THING "get|parameters|1|name",                          "\"If-None-Match\""},
    {THING "get|parameters|1|required",                      "false"},
    {THING "get|parameters|2",                               NULL},
    {THING "get|responses|200|headers|ETag|schema|type",     "\"string\""},
    {THING "get|responses|304|headers|ETag|schema|type",     "\"string\""},
    {THING "get|responses|304|content",                      NULL},
    {THING "get|responses|412",                              NULL},
    {THING "patch|parameters|1|name",                        "\"If-Match\""},
    {THING "patch|parameters|1|in",                          "\"header\""},
    {THING "patch|parameters|1|required",                    "true"},
    {THING "patch|parameters|2|name",                        "\"Idempotency-Key\""},
    {THING "patch|responses|200|headers|ETag|schema|type",   "\"string\""},
    {THING "patch|responses|200|headers|Idempotency-Replayed|schema|type", "\"string\""},
    {THING "patch|responses|304",                            NULL},
    {THING "patch|responses|400|x-florin-reasons",
     "[\"VALIDATION_FAILED\",\"JSON_MALFORMED\",\"IDEMPOTENCY_KEY_INVALID\",\"IF_MATCH_INVALID\"]"},
    {THING "patch|responses|412|x-florin-reasons",           "[\"VERSION_MISMATCH\"]"},
    {THING "patch|responses|428|x-florin-reasons",           "[\"IF_MATCH_REQUIRED\"]"},
    {THING "patch|requestBody|required",                     "false"},
    {CHANGE "required",                                      NULL},
    {CHANGE "properties|id",                                 NULL},
    {CHANGE "properties|if_match",                           NULL},
    {CHANGE "properties|changed",                            NULL},
    {CHANGE "properties|name|type",                          "[\"string\",\"null\"]"},
    {CHANGE "properties|limit|type",                         "[\"string\",\"null\"]"},
    {CHANGE "properties|labels|additionalProperties|maxLength", "8"},
    {CHANGE "properties|labels|maxProperties",               "3"},
    {CHANGE "properties|labels|propertyNames|maxLength",     "64"},
    {CHANGE "properties|labels|propertyNames|pattern",       "\"^[A-Za-z0-9_.:-]+$\""},
    {REPLACE "parameters|0|name",                            "\"thing_id\""},
    {REPLACE "parameters|1|name",                            "\"If-Match\""},
    {REPLACE "parameters|1|required",                        "false"},
    {REPLACE "responses|412|x-florin-reasons",               "[\"VERSION_MISMATCH\"]"},
    {REPLACE "responses|428",                                NULL},
    {REPLACE "requestBody|content|application/json|schema|required", "[\"name\"]"},
    {"components|schemas|shapes.v1.Thing|properties|version|type", "\"string\""},
    {"components|schemas|shapes.v1.Thing|properties|final|type", "\"boolean\""},
    {"components|schemas|shapes.v1.Thing|properties|labels|additionalProperties|type", "\"string\""},
    {REPORT "application/json|schema|$ref",                  "\"#/components/schemas/shapes.v1.Thing\""},
    {REPORT "text/csv|schema|type",                          "\"string\""},
    {REPORT "application/xml|schema|type",                   "\"string\""},
    {LIST "0|schema|enum",                                   "[\"COLOUR_UNSPECIFIED\",\"RED\",\"GREEN\",\"DARK_BLUE\"]"},
    {LIST "1|schema",                                        "{\"type\":\"string\",\"format\":\"date-time\"}"},
    {LIST "2|schema",                                        "{\"type\":\"string\",\"format\":\"uuid\"}"},
    {LIST "3|schema|type",                                   "\"string\""},
    {LIST "4|schema",                                        "{\"type\":\"boolean\"}"},
    {LIST "5",
     "{\"in\":\"query\",\"name\":\"final\",\"required\":false,\"schema\":{\"type\":\"boolean\"}}"},
    {"components|schemas|shapes.v1.Inner|required",          "[\"name\",\"leaves\",\"leaf\"]"},
    {"components|schemas|shapes.v1.Inner.Input|required",    "[\"leaf\"]"},
    {"components|schemas|shapes.v1.Leaf.Input|properties|weight|minimum", "-5"},
    {MADE "summary",                                         "\"A thing was made\""},
    {MADE "tags",                                            "[\"shapes\"]"},
    {MADE POSTED "type|const",                               "\"shapes.thing.made\""},
    {MADE POSTED "data|properties|data|anyOf|0|$ref",        "\"#/components/schemas/shapes.v1.Thing\""},
    {"webhooks|shapes.started|post|" POSTED "data|properties|data|type", "\"null\""},
};

// clang-format on

static void test_operations_say_what_the_protos_say(void **state)
{
    (void)state;
    json_t *document = load_shapes();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *found = at(document, rows[i].path);
        if (rows[i].expected == NULL) {
            if (found != NULL) fail_msg("there is a %s", rows[i].path);
            continue;
        }
        json_t *expected = json_loads(rows[i].expected, JSON_DECODE_ANY, NULL);
        if (!json_equal(found, expected)) {
            char *text = found != NULL ? json_dumps(found, JSON_ENCODE_ANY) : NULL;
            fail_msg("%s is %s", rows[i].path, text != NULL ? text : "not there");
        }
        json_decref(expected);
    }
    json_decref(document);
}

static void check_refs(json_t *json, json_t *schemas)
{
    static const char prefix[] = "#/components/schemas/";
    const char *name;
    json_t *member;
    size_t index;
    json_object_foreach(json, name, member)
    {
        if (strcmp(name, "$ref") == 0) {
            const char *target = json_string_value(member);
            assert_memory_equal(target, prefix, sizeof prefix - 1);
            if (json_object_get(schemas, target + sizeof prefix - 1) == NULL) {
                fail_msg("nothing at %s", target);
            }
        }
        check_refs(member, schemas);
    }
    json_array_foreach(json, index, member) check_refs(member, schemas);
}

static void test_every_reference_leads_somewhere(void **state)
{
    (void)state;
    json_t *documents[] = {load_shapes(), json_loadb(rpc_openapi_json, rpc_openapi_json_size,
                                                     JSON_REJECT_DUPLICATES, NULL)};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(documents[i]);
        check_refs(documents[i], at(documents[i], "components|schemas"));
        json_decref(documents[i]);
    }
}

static void test_every_route_of_the_product_is_described(void **state)
{
    (void)state;
    json_t *document = json_loadb(rpc_openapi_json, rpc_openapi_json_size, 0, NULL);
    for (size_t i = 0; i < rpc_route_count; i++) {
        const char *template = rpc_routes[i].template;
        if (strstr(template, "=**}") != NULL) continue; // Written as {name}.
        json_t *path = json_object_get(json_object_get(document, "paths"), template);
        if (path == NULL) fail_msg("no %s", template);
        char verb[16] = "";
        for (size_t j = 0; rpc_routes[i].verb[j] != '\0'; j++) {
            verb[j] = (char)(rpc_routes[i].verb[j] | 0x20);
        }
        assert_non_null(json_object_get(path, verb));
    }
    json_decref(document);
}

static void test_every_event_type_of_the_product_is_described(void **state)
{
    (void)state;
    json_t *document = json_loadb(rpc_openapi_json, rpc_openapi_json_size, 0, NULL);
    json_t *webhooks = json_object_get(document, "webhooks");
    assert_int_equal(json_object_size(webhooks), rpc_event_type_count);
    for (size_t i = 0; i < rpc_event_type_count; i++)
        assert_non_null(json_object_get(webhooks, rpc_event_types[i].type));
    json_t *data = at(document, "webhooks|ledger.transfer.created|post|requestBody|content|"
                                "application/json|schema|properties|data|allOf");
    assert_string_equal(json_string_value(at(json_array_get(data, 0), "$ref")),
                        "#/components/schemas/audit.v1.AuditEvent");
    assert_string_equal(
        json_string_value(at(json_array_get(data, 1), "properties|data|anyOf|0|$ref")),
        "#/components/schemas/ledger.v1.TransferCreated");
    json_decref(document);
}

// clang-format off
// Refusals that a client meets, with the place where the document must name them.
static const struct { const char *responses, *reason; } refusals[] = {
    {"paths|/v1/transfers|post|responses|400",   "AMOUNT_MUST_NOT_BE_ZERO"},
    {"paths|/v1/transfers|post|responses|400",   "IDEMPOTENCY_KEY_INVALID"},
    {"paths|/v1/transfers|post|responses|401",   "TOKEN_REVOKED"},
    {"paths|/v1/transfers|post|responses|409",   "EXISTS_WITH_DIFFERENT_DESCRIPTION"},
    {"paths|/v1/transfers|post|responses|422",   "BALANCE_OVERFLOW"},
    {"paths|/v1/accounts/{account_id}/deposit|post|responses|400", "ACCOUNTS_MUST_DIFFER"},
    {"paths|/v1/accounts/{account_id}/deposit|post|responses|400", "AMOUNT_MUST_NOT_BE_ZERO"},
    {"paths|/v1/accounts/{account_id}/deposit|post|responses|409", "EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID"},
    {"paths|/v1/accounts/{account_id}/deposit|post|responses|422", "BALANCE_OVERFLOW"},
    {"paths|/v1/accounts|get|responses|400",     "PAGE_TOKEN_INVALID"},
    {"paths|/v1/audit/events|get|responses|400", "PAGE_TOKEN_INVALID"},
    {"paths|/v1/kyc/profile|get|responses|404",  "PROFILE_NOT_FOUND"},
};

// clang-format on

static void test_refusals_of_the_product_are_documented(void **state)
{
    (void)state;
    json_t *document = json_loadb(rpc_openapi_json, rpc_openapi_json_size, 0, NULL);
    assert_non_null(document);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        json_t *response = at(document, refusals[i].responses);
        json_t *reasons = json_object_get(response, "x-florin-reasons");
        bool is_named = false;
        size_t index;
        json_t *reason;
        json_array_foreach(reasons, index, reason)
        {
            if (strcmp(json_string_value(reason), refusals[i].reason) == 0) is_named = true;
        }
        if (!is_named) fail_msg("%s lacks %s", refusals[i].responses, refusals[i].reason);
    }
    json_decref(document);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    directory = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations_say_what_the_protos_say),
        cmocka_unit_test(test_every_reference_leads_somewhere),
        cmocka_unit_test(test_every_route_of_the_product_is_described),
        cmocka_unit_test(test_every_event_type_of_the_product_is_described),
        cmocka_unit_test(test_refusals_of_the_product_are_documented),
    };
    return cmocka_run_group_tests_name("proto_openapi", tests, NULL, NULL);
}
