// Resources with versions, in several forms, in lists as large as they may be: through a whole
// gateway and a daemon that keeps one thing.
#include "common/base/clock.h"
#include "common/rpc/amount.h"
#include "common/rpc/call.h"
#include "florin/shapes/v1/shapes.pb-c.h"
#include "florin/shapes/v1/shapes_methods.h"
#include "google/api/httpbody.pb-c.h"
#include "tests/unit/gateway/fixture.h"

#include <jansson.h>

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"
#define GOOD "Authorization: Bearer good\r\n"
#define THING "/v1/things/" ID
#define TEXT(text_) ((char *)(uintptr_t)(text_))

enum { BODY_BYTES_MAX = 4 << 20, ITEMS_MAX = 8192 };

static struct fixture fixture;
static _Atomic uint64_t version = 7; // Of the thing.

// ---- The daemon ----------------------------------------------------------------------------

static struct status reply_thing(struct rpc_call *call, const char *name)
{
    Shapes__Thing *thing = RPC_NEW(call, Shapes__Thing, shapes__thing__init);
    thing->name = TEXT(name);
    thing->version = atomic_load(&version);
    return rpc_call_reply(call, thing);
}

static struct status get_thing(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    return reply_thing(call, "thing");
}

static struct status check_version(uint64_t if_match)
{
    if (if_match == RPC_ETAG_ANY || if_match == atomic_load(&version)) return STATUS_SUCCESS;
    return REFUSE(FAILED_PRECONDITION, VERSION_MISMATCH, "the thing has changed since it was read");
}

// The thing's name tells what came: "name,labels -> n" for a mask and a name.
static struct status update_thing(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const Shapes__UpdateThingRequest *request = call->request;
    RETURN_IF_ERROR(check_version(request->if_match));
    const char *text = "";
    for (size_t i = 0; i < request->n_changed; i++) {
        text = arena_format(call->arena, "%s%s,", text, request->changed[i]);
    }
    atomic_fetch_add(&version, 1);
    return reply_thing(call, arena_format(call->arena, "%s -> %s", text, request->name));
}

static struct status replace_thing(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const Shapes__ReplaceThingRequest *request = call->request;
    if (request->if_match != 0) RETURN_IF_ERROR(check_version(request->if_match));
    atomic_fetch_add(&version, 1);
    return reply_thing(call, request->name);
}

static struct status reply_document(struct rpc_call *call, const char *content_type,
                                    const char *text)
{
    Google__Api__HttpBody *body =
        RPC_NEW(call, Google__Api__HttpBody, google__api__http_body__init);
    body->content_type = TEXT(content_type);
    body->data = (ProtobufCBinaryData){strlen(text), (uint8_t *)TEXT(text)};
    return rpc_call_reply(call, body);
}

static struct status report_csv(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    return reply_document(call, "text/csv; charset=utf-8; header=present", "a,b\r\n");
}

// A media type that the client has not agreed to is not passed on.
static struct status report_xml(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    return reply_document(call, "text/html", "<a/>");
}

static struct status list_things(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    const Shapes__ListThingsRequest *request = call->request;
    bool has_final =
        request->final_choice_case != SHAPES__LIST_THINGS_REQUEST__FINAL_CHOICE__NOT_SET;
    Shapes__ThingList *list = RPC_NEW(call, Shapes__ThingList, shapes__thing_list__init);
    Shapes__Thing *thing = RPC_NEW(call, Shapes__Thing, shapes__thing__init);
    static uint8_t id[16] = {1}, hash[64];
    thing->id = thing->debit_id = thing->credit_id = (ProtobufCBinaryData){16, id};
    thing->hash = (ProtobufCBinaryData){sizeof hash, hash};
    size_t count = request->limit != NULL ? (size_t)rpc_amount_get(&request->limit->base) : 1;
    list->n_things = count;
    list->things = arena_alloc(call->arena, count * sizeof(void *));
    for (size_t i = 0; i < count; i++) {
        list->things[i] = thing;
    }
    thing->name = TEXT(!has_final ? "absent" : request->final ? "true" : "false");
    return rpc_call_reply(call, list);
}

static struct status import_things(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn;
    return rpc_call_reply(call, call->request); // Both are a ThingList.
}

static struct status refuse(struct rpc_call *call, struct store_txn *txn)
{
    (void)call;
    (void)txn;
    return REFUSE(UNIMPLEMENTED, NOT_PLAYED, "the test has no such method");
}

static const rpc_handler handlers[SHAPES_METHOD_COUNT] = {
    [SHAPES_ECHO_SHAPE] = refuse,
    [SHAPES_GET_SHAPE] = refuse,
    [SHAPES_GET_SHAPE_PICTURE] = refuse,
    [SHAPES_GET_FILE] = refuse,
    [SHAPES_SWEEP] = refuse,
    [SHAPES_GET_THING] = get_thing,
    [SHAPES_UPDATE_THING] = update_thing,
    [SHAPES_REPLACE_THING] = replace_thing,
    [SHAPES_GET_REPORT] = get_thing,
    [SHAPES_GET_REPORT_CSV] = report_csv,
    [SHAPES_GET_REPORT_XML] = report_xml,
    [SHAPES_LIST_THINGS] = list_things,
    [SHAPES_IMPORT_THINGS] = import_things,
};

static int open_common(void **state)
{
    (void)state;
    static char origin[] = "https://app.example";
    struct fixture_options options = {.shapes_handlers = handlers};
    options.cors_origins.items[0] = origin;
    options.cors_origins.count = 1;
    fixture_open(&fixture, &options);
    return 0;
}

static int close_common(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

// ---- Asking --------------------------------------------------------------------------------

struct row {
    const char *given, *verb, *path, *headers, *body;
    int status;
    const char *header, *value; // NULL: no such header.
    const char *part;           // Of the body; "" for none at all.
};

static void check(const struct row *row)
{
    char text[2048];
    struct reply reply;
    size_t body_bytes = row->body != NULL ? strlen(row->body) : 0;
    int used = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n" GOOD "%s", row->verb,
                        row->path, row->headers);
    if (row->body != NULL) {
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_bytes);
    }
    snprintf(text + used, sizeof text - (size_t)used, "\r\n%s", row->body != NULL ? row->body : "");
    fixture_ask(&fixture, text, &reply);
    if (reply.status != row->status) fail_msg("%s: %s%s", row->given, reply.head, reply.body);
    if (row->header != NULL) {
        expect_text(row->given, reply_header(&reply, row->header), row->value);
    }
    if (row->part != NULL &&
        (row->part[0] == '\0' ? reply.body_size > 0 : strstr(reply.body, row->part) == NULL)) {
        fail_msg("%s: %s", row->given, reply.body);
    }
    reply_free(&reply);
}

static void check_all(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check(&rows[i]);
    }
}

// ---- Versions ------------------------------------------------------------------------------

static void test_a_read_is_answered_by_its_version(void **state)
{
    (void)state;
    atomic_store(&version, 7);

    static const struct row rows[] = {
        // clang-format off
        {"a read has its tag",  "GET", THING, "", NULL, 200, "ETag", "\"7\"", "\"version\":\"7\""},
        {"another version",     "GET", THING, "If-None-Match: \"6\"\r\n", NULL, 200, "ETag", "\"7\"", "\"version\":\"7\""},
        {"this version",        "GET", THING, "If-None-Match: \"7\"\r\n", NULL, 304, "ETag", "\"7\"", ""},
        {"with its caching",    "GET", THING, "If-None-Match: \"7\"\r\n", NULL, 304, "Cache-Control", "private, no-cache", ""},
        {"which has no type",   "GET", THING, "If-None-Match: \"7\"\r\n", NULL, 304, "Content-Type", NULL, ""},
        {"nor a length",        "GET", THING, "If-None-Match: \"7\"\r\n", NULL, 304, "Content-Length", NULL, ""},
        {"weakly",              "GET", THING, "If-None-Match: \"5\", W/\"7\"\r\n", NULL, 304, "ETag", "\"7\"", ""},
        {"any version",         "GET", THING, "If-None-Match: *\r\n", NULL, 304, "ETag", "\"7\"", ""},
        {"a broken condition",  "GET", THING, "If-None-Match: 7\r\n", NULL, 200, "ETag", "\"7\"", "\"version\":\"7\""},
        {"HEAD too",            "HEAD", THING, "If-None-Match: \"7\"\r\n", NULL, 304, "ETag", "\"7\"", ""},
        {"HEAD of another",     "HEAD", THING, "If-None-Match: \"6\"\r\n", NULL, 200, "ETag", "\"7\"", ""},
        {"a method without tags", "GET", THING "/report", "If-None-Match: *\r\n", NULL, 200, "ETag", NULL, "\"version\":\"7\""},
        {"a refusal has none",  "GET", "/v1/things/7", "If-None-Match: *\r\n", NULL, 400, "ETag", NULL, "BAD_FORMAT"},
        // clang-format on
    };

    check_all(rows, COUNT_OF(rows));
}

static void test_a_change_needs_its_version(void **state)
{
    (void)state;
    atomic_store(&version, 7);

    static const struct row rows[] = {
        // clang-format off
        {"no version",         "PATCH", THING, "", "{\"name\":\"n\"}", 428, "Content-Type", "application/problem+json",
         "\"status\":428,\"detail\":\"say in If-Match"},
        {"and why",            "PATCH", THING, "", "{\"name\":\"n\"}", 428, "ETag", NULL,
         "\"code\":\"FAILED_PRECONDITION\",\"reason\":\"IF_MATCH_REQUIRED\""},
        {"not a tag",          "PATCH", THING, "If-Match: 7\r\n", "{\"name\":\"n\"}", 400, "ETag", NULL, "IF_MATCH_INVALID"},
        {"two tags",           "PATCH", THING, "If-Match: \"7\", \"8\"\r\n", "{\"name\":\"n\"}", 400, "ETag", NULL, "IF_MATCH_INVALID"},
        {"an older version",   "PATCH", THING, "If-Match: \"6\"\r\n", "{\"name\":\"n\"}", 412, "ETag", NULL, "VERSION_MISMATCH"},
        {"a weak tag",         "PATCH", THING, "If-Match: W/\"7\"\r\n", "{\"name\":\"n\"}", 412, "ETag", NULL, "VERSION_MISMATCH"},
        {"an unknown tag",     "PATCH", THING, "If-Match: \"abc\"\r\n", "{\"name\":\"n\"}", 412, "ETag", NULL, "VERSION_MISMATCH"},
        {"a wrong body, with or without", "PATCH", THING, "If-Match: \"abc\"\r\n", "{\"nom\":1}", 400, "ETag", NULL, "UNKNOWN_FIELD"},
        {"this version",       "PATCH", THING, "If-Match: \"7\"\r\n", "{\"name\":\"n\"}", 200, "ETag", "\"8\"", "\"name\":\"name, -> n\""},
        {"which is gone then", "PATCH", THING, "If-Match: \"7\"\r\n", "{\"name\":\"n\"}", 412, "ETag", NULL, "VERSION_MISMATCH"},
        {"any version",        "PATCH", THING, "If-Match: *\r\n", "{\"labels\":{},\"name\":null}", 200, "ETag", "\"9\"",
         "\"name\":\"name,labels, -> \""},
        {"If-None-Match says nothing of a change", "PATCH", THING, "If-Match: *\r\nIf-None-Match: *\r\n", "{}", 200, "ETag",
         "\"10\"", "\"name\":\" -> \""},
        {"PUT without one",    "PUT", THING, "", "{\"name\":\"whole\"}", 200, "ETag", "\"11\"", "\"name\":\"whole\""},
        {"PUT with one",       "PUT", THING, "If-Match: \"11\"\r\n", "{\"name\":\"whole\"}", 200, "ETag", "\"12\"", NULL},
        {"PUT with another",   "PUT", THING, "If-Match: \"11\"\r\n", "{\"name\":\"whole\"}", 412, "ETag", NULL, "VERSION_MISMATCH"},
        {"PUT with no version", "PUT", THING, "If-Match: \"0\"\r\n", "{\"name\":\"whole\"}", 412, "ETag", NULL, "VERSION_MISMATCH"},
        // clang-format on
    };

    check_all(rows, COUNT_OF(rows));
}

// Who may not is told that, whatever the version.
static void test_a_token_comes_before_a_version(void **state)
{
    (void)state;
    struct reply reply;
    fixture_ask(&fixture,
                "PATCH " THING " HTTP/1.1\r\nHost: a\r\nIf-Match: \"abc\"\r\n"
                "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                &reply);
    assert_int_equal(reply.status, 401);
    reply_free(&reply);
}

static void test_verbs_are_told(void **state)
{
    (void)state;

    static const struct row rows[] = {
        // clang-format off
        {"what there is",      "OPTIONS", THING, "", NULL, 204, "Allow", "OPTIONS, GET, HEAD, PATCH, PUT", ""},
        {"what there is not",  "DELETE", THING, "", NULL, 405, "Allow", "OPTIONS, GET, HEAD, PATCH, PUT", "METHOD_NOT_ALLOWED"},
        {"PATCH of a list",    "PATCH", "/v1/things", "", "{}", 405, "Allow", "OPTIONS, GET, HEAD", "METHOD_NOT_ALLOWED"},
        // clang-format on
    };

    check_all(rows, COUNT_OF(rows));
}

static void test_pages_of_other_origins_may_use_versions(void **state)
{
    (void)state;
#define ORIGIN "Origin: https://app.example\r\n"

    static const struct row rows[] = {
        // clang-format off
        {"a preflight's verbs",  "OPTIONS", THING, ORIGIN "Access-Control-Request-Method: PATCH\r\n", NULL, 204,
         "Access-Control-Allow-Methods", "OPTIONS, GET, HEAD, PATCH, PUT", ""},
        {"a preflight's headers", "OPTIONS", THING, ORIGIN "Access-Control-Request-Method: PATCH\r\n", NULL, 204,
         "Access-Control-Allow-Headers",
         "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, X-Device-Id, Traceparent, "
         "Connect-Protocol-Version, Connect-Timeout-Ms, Last-Event-ID, Cache-Control", ""},
        {"an answer's headers",  "GET", THING, ORIGIN, NULL, 200, "Access-Control-Expose-Headers",
         "X-Request-Id, ETag, Link, Idempotency-Replayed, Retry-After, RateLimit, RateLimit-Policy", NULL},
        {"also of 304",          "GET", THING, ORIGIN "If-None-Match: *\r\n", NULL, 304, "Access-Control-Allow-Origin",
         "https://app.example", ""},
        {"what it depends on",   "GET", THING, ORIGIN, NULL, 200, "Vary", "Origin", NULL},
        {"and on what is liked", "GET", THING "/report", ORIGIN, NULL, 200, "Vary", "Origin, Accept", NULL},
        // clang-format on
    };

    check_all(rows, COUNT_OF(rows));
}

// ---- Forms ---------------------------------------------------------------------------------

static void test_accept_chooses_between_three_forms(void **state)
{
    (void)state;
#define REPORT(accept_) "GET", THING "/report", accept_, NULL
#define CSV "text/csv; charset=utf-8; header=present"

    static const struct row rows[] = {
        // clang-format off
        {"the first for whoever says nothing", REPORT(""), 200, "Content-Type", "application/json", "\"name\":\"thing\""},
        {"or likes all",           REPORT("Accept: */*\r\n"), 200, "Content-Type", "application/json", NULL},
        {"JSON",                   REPORT("Accept: application/json\r\n"), 200, "Content-Type", "application/json", NULL},
        {"CSV, with its parameters", REPORT("Accept: text/csv\r\n"), 200, "Content-Type", CSV, "a,b\r\n"},
        {"by a range",             REPORT("Accept: text/*\r\n"), 200, "Content-Type", CSV, "a,b\r\n"},
        {"XML, whatever the daemon calls it", REPORT("Accept: application/xml\r\n"), 200, "Content-Type", "application/xml", "<a/>"},
        {"what is liked best",     REPORT("Accept: application/json;q=0.1, text/csv;q=0.2, application/xml;q=0.3\r\n"), 200,
         "Content-Type", "application/xml", NULL},
        {"what is not refused",    REPORT("Accept: */*, application/json;q=0, application/xml;q=0.5\r\n"), 200, "Content-Type", CSV, NULL},
        {"none of them",           REPORT("Accept: image/png\r\n"), 406, "Content-Type", "application/problem+json", "NOT_ACCEPTABLE"},
        {"not even these",         REPORT("Accept: application/json;q=0\r\n"), 406, "Vary", "Origin, Accept", "NOT_ACCEPTABLE"},
        // clang-format on
    };

    check_all(rows, COUNT_OF(rows));
}

static void test_false_and_absent_reach_the_daemon(void **state)
{
    (void)state;

    static const struct row rows[] = {
        // clang-format off
        {"absent", "GET", "/v1/things?colour=RED", "", NULL, 200, NULL, NULL, "\"name\":\"absent\""},
        {"false",  "GET", "/v1/things?final=false", "", NULL, 200, NULL, NULL, "\"name\":\"false\""},
        {"true",   "GET", "/v1/things?final=true", "", NULL, 200, NULL, NULL, "\"name\":\"true\""},
        {"false in a body", "POST", "/v1/things:import", "", "{\"things\":[{\"final\":false}]}", 200, NULL, NULL, "\"final\":false,"},
        {"a map in a body", "POST", "/v1/things:import", "", "{\"things\":[{\"labels\":{\"a\":\"1\"}}]}", 200, NULL, NULL,
         "\"labels\":{\"a\":\"1\"}"},
        {"a key that is none", "POST", "/v1/things:import", "", "{\"things\":[{\"labels\":{\"a b\":\"1\"}}]}", 400, NULL, NULL,
         "{\"field\":\"things[0].labels.a b\",\"reason\":\"PATTERN\"}"},
        {"a value that is none", "POST", "/v1/things:import", "", "{\"things\":[{\"labels\":{\"a\":\"\\n\"}}]}", 400, NULL, NULL,
         "{\"field\":\"things[0].labels.a\",\"reason\":\"PATTERN\"}"},
        // clang-format on
    };

    check_all(rows, COUNT_OF(rows));
}

// ---- The largest lists ---------------------------------------------------------------------

// 8,192 things of 15 members each in exactly so many bytes: white space makes up the rest.
static char *make_import(size_t bytes)
{
    static const char item[] =
        "{\"id\":\"0197f3a0-7c1e-7cc3-98c4-dc0c0c%06d\",\"debit_id\":\"" ID "\",\"credit_id\":\"" ID
        "\",\"amount\":\"1234567890\",\"change\":\"-42\",\"name\":\"rent of the second floor\","
        "\"currency\":\"INR\",\"code\":17,\"colour\":\"DARK_BLUE\","
        "\"created_at\":\"2026-11-21T00:06:00.123456789Z\","
        "\"labels\":{\"branch\":\"12\",\"channel\":\"mobile\"},\"final\":false,"
        "\"hash\":\"00112233445566778899aabbccddeeff\",\"number\":\"%d\",\"version\":\"9\"}";
    char *text = malloc(bytes + 1);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, bytes, "{\"things\":[");
    for (int i = 0; i < ITEMS_MAX; i++) {
        if (i > 0) text[used++] = ',';
        used += (size_t)snprintf(text + used, bytes - used, item, i, i);
        assert_true(used < bytes - 2);
    }
    used += (size_t)snprintf(text + used, bytes - used, "]");
    memset(text + used, ' ', bytes - used - 1);
    text[bytes - 1] = '}';
    text[bytes] = '\0';
    return text;
}

static void send_import(const char *body, size_t bytes, struct reply *ret)
{
    struct client client;
    char head[256];
    client_open(&client, http_server_port(fixture.gateway.http));
    snprintf(head, sizeof head,
             "POST /v1/things:import HTTP/1.1\r\nHost: a\r\n" GOOD
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
             bytes);
    client_send(&client, head);
    if (body != NULL) client_send_bytes(&client, body, bytes);
    client_receive(&client, ret, false);
    client_close(&client);
}

static void test_the_largest_body_goes_in_and_comes_out(void **state)
{
    (void)state;
    struct reply reply;
    char *body = make_import(BODY_BYTES_MAX);
    uint64_t begin_ns = clock_mono_ns();
    send_import(body, BODY_BYTES_MAX, &reply);
    print_message("there and back: %u ms, answer %zu bytes\n",
                  (unsigned)((clock_mono_ns() - begin_ns) / NS_PER_MS), reply.body_size);
    if (reply.status != 200) fail_msg("%s%s", reply.head, reply.body);
    json_t *sent = json_loadb(body, BODY_BYTES_MAX, 0, NULL);
    json_t *answer = json_loadb(reply.body, reply.body_size, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "things")), ITEMS_MAX);
    assert_true(json_equal(sent, answer));
    json_decref(sent);
    json_decref(answer);
    reply_free(&reply);
    free(body);
}

// As large as a message between daemon and gateway may be; JSON is three times as long.
static void test_the_largest_answer_comes_out(void **state)
{
    (void)state;
    struct reply reply;
    fixture_get(&fixture, "/v1/things?limit=62000", GOOD, &reply); // Of 132 bytes each: 7.8 MiB.
    if (reply.status != 200) fail_msg("%s%s", reply.head, reply.body);
    assert_true(reply.body_size > (size_t)24 << 20);
    reply_free(&reply);
}

static void test_one_byte_more_is_413_before_it_is_read(void **state)
{
    (void)state;
    struct reply reply;
    int runs = atomic_load(&fixture.runs);
    send_import(NULL, BODY_BYTES_MAX + 1, &reply); // The head alone.
    assert_int_equal(reply.status, 413);
    assert_non_null(strstr(reply.body, "BODY_TOO_LARGE"));
    assert_int_equal(atomic_load(&fixture.runs), runs);
    reply_free(&reply);
}

static void test_one_item_more_is_refused(void **state)
{
    (void)state;
    struct reply reply;
    static char body[16 + 3 * (ITEMS_MAX + 1)];
    size_t used = (size_t)snprintf(body, sizeof body, "{\"things\":[");
    for (size_t i = 0; i <= ITEMS_MAX; i++) {
        memcpy(body + used, "{},", 3);
        used += 3;
    }
    memcpy(body + used - 1, "]}", 3);
    send_import(body, used + 1, &reply);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.body, "{\"field\":\"things\",\"reason\":\"TOO_MANY_ITEMS\"}"));
    reply_free(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_read_is_answered_by_its_version),
        cmocka_unit_test(test_a_change_needs_its_version),
        cmocka_unit_test(test_a_token_comes_before_a_version),
        cmocka_unit_test(test_verbs_are_told),
        cmocka_unit_test(test_pages_of_other_origins_may_use_versions),
        cmocka_unit_test(test_accept_chooses_between_three_forms),
        cmocka_unit_test(test_false_and_absent_reach_the_daemon),
        cmocka_unit_test(test_the_largest_body_goes_in_and_comes_out),
        cmocka_unit_test(test_the_largest_answer_comes_out),
        cmocka_unit_test(test_one_byte_more_is_413_before_it_is_read),
        cmocka_unit_test(test_one_item_more_is_refused),
    };
    return cmocka_run_group_tests_name("gateway_things", tests, open_common, close_common);
}
