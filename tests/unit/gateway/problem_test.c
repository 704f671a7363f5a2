// Refusals as REST and as Connect say them.
#include "gateway/connect.h"
#include "gateway/problem.h"
#include "tests/unit/gateway/harness.h"

#include <jansson.h>

enum { ARENA_BYTES = 1 << 20 };

// Each code's statuses in both dialects.
static void test_every_code_has_its_status(void **state)
{
    (void)state;

    static const struct {
        enum status_code code;
        int rest, connect;
        const char *connect_name;
    } rows[] = {
        // clang-format off
        {STATUS_OK,                  500, 500, "internal"}, // A refusal that is none is our fault.
        {STATUS_CANCELLED,           499, 499, "canceled"},
        {STATUS_UNKNOWN,             500, 500, "unknown"},
        {STATUS_INVALID_ARGUMENT,    400, 400, "invalid_argument"},
        {STATUS_DEADLINE_EXCEEDED,   504, 504, "deadline_exceeded"},
        {STATUS_NOT_FOUND,           404, 404, "not_found"},
        {STATUS_ALREADY_EXISTS,      409, 409, "already_exists"},
        {STATUS_PERMISSION_DENIED,   403, 403, "permission_denied"},
        {STATUS_RESOURCE_EXHAUSTED,  429, 429, "resource_exhausted"},
        {STATUS_FAILED_PRECONDITION, 422, 400, "failed_precondition"},
        {STATUS_ABORTED,             409, 409, "aborted"},
        {STATUS_OUT_OF_RANGE,        400, 400, "out_of_range"},
        {STATUS_UNIMPLEMENTED,       501, 501, "unimplemented"},
        {STATUS_INTERNAL,            500, 500, "internal"},
        {STATUS_UNAVAILABLE,         503, 503, "unavailable"},
        {STATUS_DATA_LOSS,           500, 500, "data_loss"},
        {STATUS_UNAUTHENTICATED,     401, 401, "unauthenticated"},
        {(enum status_code)17,       500, 500, "unknown"},
        // clang-format on
    };

    struct arena *arena = arena_open(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct problem problem = {.status = {rows[i].code, "SOME_REASON", "a text"}};
        assert_int_equal(problem_http_status(problem.status), rows[i].rest);
        assert_int_equal(connect_http_status(problem.status), rows[i].connect);
        struct bytes text = connect_error_encode(&problem, arena);
        json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
        expect_text("Connect's name", json_string_value(json_object_get(json, "code")),
                    rows[i].connect_name);
        json_decref(json);
    }
    arena_close(&arena);
}

static void test_some_reasons_have_a_status_of_their_own(void **state)
{
    (void)state;

    static const struct {
        enum status_code code;
        const char *reason;
        int rest, connect;
    } rows[] = {
        {STATUS_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", 405, 405},
        {STATUS_INVALID_ARGUMENT, "NOT_ACCEPTABLE", 406, 400},
        {STATUS_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE", 413, 429},
        {STATUS_RESOURCE_EXHAUSTED, "REQUEST_TOO_COMPLEX", 413, 429},
        {STATUS_INVALID_ARGUMENT, "MEDIA_TYPE_UNSUPPORTED", 415, 415},
        {STATUS_INVALID_ARGUMENT, "ENCODING_UNSUPPORTED", 415, 400},
        {STATUS_ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED", 422, 409},
        {STATUS_ABORTED, "VERSION_MISMATCH", 412, 409},
        {STATUS_FAILED_PRECONDITION, "VERSION_MISMATCH", 412, 400},
        {STATUS_FAILED_PRECONDITION, "IF_MATCH_REQUIRED", 428, 400},
        {STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", 503, 429},
        {STATUS_RESOURCE_EXHAUSTED, "STORE_FULL", 503, 429},
        {STATUS_RESOURCE_EXHAUSTED, "STORE_BUSY", 503, 429},
        {STATUS_RESOURCE_EXHAUSTED, "METADATA_TOO_LARGE", 431, 429},
        {STATUS_RESOURCE_EXHAUSTED, "REPLY_TOO_LARGE", 500, 429},
        {STATUS_RESOURCE_EXHAUSTED, "RATE_LIMITED", 429, 429},
        {STATUS_DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN", 504, 504},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct status status = {rows[i].code, rows[i].reason, "a text"};
        if (problem_http_status(status) != rows[i].rest ||
            connect_http_status(status) != rows[i].connect) {
            fail_msg("%s: %d and %d", rows[i].reason, problem_http_status(status),
                     connect_http_status(status));
        }
    }
}

// What is our fault is not explained to the client, whatever the daemon said of it.
static void test_internal_texts_are_never_shown(void **state)
{
    (void)state;

    static const enum status_code ours[] = {STATUS_OK, STATUS_UNKNOWN, STATUS_INTERNAL,
                                            STATUS_DATA_LOSS, (enum status_code)99};
    struct arena *arena = arena_open(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        const struct problem problem = {
            .status = {ours[i], "RECORD_BROKEN", "/var/lib/florin/ledger page 7"}};
        const struct bytes texts[] = {problem_encode(&problem, arena),
                                      connect_error_encode(&problem, arena)};
        for (size_t j = 0; j < COUNT_OF(texts); j++) {
            assert_null(memmem(texts[j].data, texts[j].size, "/var", 4));
            assert_null(memmem(texts[j].data, texts[j].size, "RECORD_BROKEN", 13));
        }
    }
    arena_close(&arena);
}

static void test_a_problem_says_all_that_a_client_needs(void **state)
{
    (void)state;
    static const struct rpc_violations violations = {
        .items = {{"amount", "REQUIRED"}, {"a\"b", "UNKNOWN_FIELD"}}, .count = 2};
    static const struct rpc_detail details[] = {{"limit", "10000"}};
    const struct problem problem = {.status = REFUSE(INVALID_ARGUMENT, VALIDATION_FAILED, "look"),
                                    .instance = "/v1/transfers?",
                                    .instance_size = strlen("/v1/transfers"),
                                    .request_id = "r1",
                                    .violations = &violations,
                                    .details = details,
                                    .detail_count = 1};
    struct arena *arena = arena_open(ARENA_BYTES);
    struct bytes text = problem_encode(&problem, arena);
    static const char expected[] =
        "{\"type\":\"urn:florin:problem:VALIDATION_FAILED\",\"title\":\"The request is not "
        "valid\",\"status\":400,\"detail\":\"look\",\"instance\":\"/v1/transfers\",\"code\":"
        "\"INVALID_ARGUMENT\",\"reason\":\"VALIDATION_FAILED\",\"request_id\":\"r1\",\"errors\":["
        "{\"field\":\"amount\",\"reason\":\"REQUIRED\"},{\"field\":\"a\\\"b\",\"reason\":"
        "\"UNKNOWN_FIELD\"}],\"details\":{\"limit\":\"10000\"}}";
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    arena_close(&arena);
}

// google.rpc.ErrorInfo {reason 1, domain 2, metadata 3} and google.rpc.BadRequest, byte by byte.
static void test_a_connect_error_carries_reason_and_fields(void **state)
{
    (void)state;
    static const struct rpc_violations violations = {.items = {{"amount", "REQUIRED"}}, .count = 1};
    static const struct rpc_detail details[] = {{"limit", "9"}};
    const struct problem problem = {.status = REFUSE(INVALID_ARGUMENT, BAD, "look"),
                                    .violations = &violations,
                                    .details = details,
                                    .detail_count = 1};
    struct arena *arena = arena_open(ARENA_BYTES);
    struct bytes text = connect_error_encode(&problem, arena);
    // 0a 03 BAD 12 06 florin 1a 0a (0a 05 limit 12 01 9); 0a 12 (0a 06 amount 12 08 REQUIRED)
    static const char expected[] =
        "{\"code\":\"invalid_argument\",\"message\":\"look\",\"details\":["
        "{\"type\":\"google.rpc.ErrorInfo\",\"value\":\"CgNCQUQSBmZsb3JpbhoKCgVsaW1pdBIBOQ\"},"
        "{\"type\":\"google.rpc.BadRequest\",\"value\":\"ChIKBmFtb3VudBIIUkVRVUlSRUQ\"}]}";
    if (text.size != strlen(expected) || memcmp(text.data, expected, text.size) != 0) {
        fail_msg("%.*s", (int)text.size, (const char *)text.data);
    }
    arena_close(&arena);
}

static void test_without_memory_there_is_still_an_answer(void **state)
{
    (void)state;
    const struct problem problem = {.status = REFUSE(NOT_FOUND, NOT_THERE, "no")};
    struct arena *arena = arena_open(64);
    const struct bytes texts[] = {problem_encode(&problem, arena),
                                  connect_error_encode(&problem, arena)};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        json_t *json = json_loadb((const char *)texts[i].data, texts[i].size, 0, NULL);
        assert_true(json_is_string(json_object_get(json, "code")));
        json_decref(json);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_status),
        cmocka_unit_test(test_some_reasons_have_a_status_of_their_own),
        cmocka_unit_test(test_internal_texts_are_never_shown),
        cmocka_unit_test(test_a_problem_says_all_that_a_client_needs),
        cmocka_unit_test(test_a_connect_error_carries_reason_and_fields),
        cmocka_unit_test(test_without_memory_there_is_still_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
