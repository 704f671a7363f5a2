// What the OAuth endpoints have beyond the others: HTTP Basic, and errors as RFC 6749 words them.
#include "gateway/oauth.h"
#include "gateway/problem.h"
#include "tests/unit/gateway/harness.h"

enum { ARENA_BYTES = 1 << 20 };

static void test_basic_says_who_the_client_is(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given, *header;
        const char *id, *secret; // NULL: none.
        const char *refused;
    } rows[] = {
        {"none",                 "",                                             NULL,    NULL,     NULL},
        {"another scheme",       "Authorization: Bearer YTpi\r\n",                NULL,    NULL,     NULL},
        {"id and secret",        "Authorization: Basic YTpi\r\n",                 "a",     "b",      NULL},
        {"any case",             "Authorization: bAsIc YTpi\r\n",                 "a",     "b",      NULL},
        {"more blanks",          "Authorization: Basic   YTpi\r\n",               "a",     "b",      NULL},
        {"colons in the secret", "Authorization: Basic YTpiOmM6\r\n",             "a",     "b:c:",   NULL},
        {"form-encoded",         "Authorization: Basic YSUzQWI6YytkJTI1\r\n",     "a:b",   "c d%",   NULL},
        {"both empty",           "Authorization: Basic Og==\r\n",                 "",      "",       NULL},
        {"nothing at all",       "Authorization: Basic \r\n",                     NULL,    NULL,     NULL},
        {"no base64",            "Authorization: Basic a:b\r\n",                  NULL,    NULL,     "BASIC_MALFORMED"},
        {"base64url",            "Authorization: Basic YT8_Pz8_\r\n",             NULL,    NULL,     "BASIC_MALFORMED"},
        {"no padding",           "Authorization: Basic Og\r\n",                   NULL,    NULL,     "BASIC_MALFORMED"},
        {"no colon",             "Authorization: Basic YWI=\r\n",                 NULL,    NULL,     "BASIC_MALFORMED"},
        {"a broken escape",      "Authorization: Basic YSU6Yg==\r\n",             NULL,    NULL,     "BASIC_MALFORMED"},
        {"a NUL",                "Authorization: Basic YQA6Yg==\r\n",             NULL,    NULL,     "BASIC_MALFORMED"},
        {"an escaped NUL",       "Authorization: Basic YTpiJTAw\r\n",             NULL,    NULL,     "BASIC_MALFORMED"},
        {"no UTF-8",             "Authorization: Basic /zpi\r\n",                 NULL,    NULL,     "BASIC_MALFORMED"},
    };

    // clang-format on
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena *arena = arena_open(ARENA_BYTES);
        static struct http_head head;
        struct oauth_client client;
        memset(&head, 0, sizeof head);
        const char *text =
            arena_format(arena, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].header);
        assert_int_equal(http_parse_head(bytes_of_text(text), &head), HTTP_ACCEPTED);
        struct status status = oauth_read_client(&head, arena, &client);
        expect_text(rows[i].given, status.reason, rows[i].refused);
        if (status_ok(status)) {
            expect_text(rows[i].given, client.id, rows[i].id);
            expect_text(rows[i].given, client.secret, rows[i].secret);
        }
        arena_close(&arena);
    }
}

static void test_credentials_that_are_too_long_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_open(ARENA_BYTES);
    static struct http_head head;
    struct oauth_client client;
    char text[2400] = "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YTpi";
    size_t used = strlen(text);
    memset(text + used, 'Y', 2000);
    memcpy(text + used + 2000, "\r\n\r\n", 5);
    assert_int_equal(http_parse_head(bytes_of_text(text), &head), HTTP_ACCEPTED);
    assert_string_equal(oauth_read_client(&head, arena, &client).reason, "BASIC_MALFORMED");
    arena_close(&arena);
}

static void test_every_refusal_has_its_error(void **state)
{
    (void)state;

    static const struct rpc_method token = {.takes_form = true, .is_public = true};
    static const struct rpc_method introspection = {.takes_form = true};
    static const struct rpc_method other = {.is_public = true};

    // clang-format off
    static const struct {
        const struct rpc_method *method;
        enum status_code code;
        const char *reason;
        const char *error;
    } rows[] = {
        {&token, STATUS_INVALID_ARGUMENT,    "VALIDATION_FAILED",      "invalid_request"},
        {&token, STATUS_INVALID_ARGUMENT,    "JSON_MALFORMED",         "invalid_request"},
        {&token, STATUS_INVALID_ARGUMENT,    "CLIENT_TWICE",           "invalid_request"},
        {&token, STATUS_INVALID_ARGUMENT,    "MEDIA_TYPE_UNSUPPORTED", "invalid_request"},
        {&token, STATUS_INVALID_ARGUMENT,    "UNSUPPORTED_GRANT_TYPE", "unsupported_grant_type"},
        {&token, STATUS_INVALID_ARGUMENT,    "INVALID_SCOPE",          "invalid_scope"},
        {&token, STATUS_UNAUTHENTICATED,     "INVALID_CREDENTIALS",    "invalid_client"},
        {&token, STATUS_UNAUTHENTICATED,     "TOKEN_MALFORMED",        "invalid_grant"},
        {&token, STATUS_UNAUTHENTICATED,     "REFRESH_REUSED",         "invalid_grant"},
        {&token, STATUS_UNAUTHENTICATED,     "SESSION_EXPIRED",        "invalid_grant"},
        {&token, STATUS_PERMISSION_DENIED,   "ACCOUNT_BLOCKED",        "unauthorized_client"},
        {&token, STATUS_RESOURCE_EXHAUSTED,  "RATE_LIMITED",           "temporarily_unavailable"},
        {&token, STATUS_RESOURCE_EXHAUSTED,  "STORE_BUSY",             "temporarily_unavailable"},
        {&token, STATUS_UNAVAILABLE,         "NOT_SENT",               "temporarily_unavailable"},
        {&token, STATUS_DEADLINE_EXCEEDED,   "OUTCOME_UNKNOWN",        "temporarily_unavailable"},
        {&token, STATUS_DATA_LOSS,           "SEAL_BROKEN",            "server_error"},
        {&introspection, STATUS_UNAUTHENTICATED,   "TOKEN_MISSING",       "invalid_token"},
        {&introspection, STATUS_UNAUTHENTICATED,   "INVALID_CREDENTIALS", "invalid_token"},
        {&introspection, STATUS_PERMISSION_DENIED, "PERMISSION_DENIED",   "insufficient_scope"},
        {&introspection, STATUS_INVALID_ARGUMENT,  "VALIDATION_FAILED",   "invalid_request"},
        {&other, STATUS_UNAUTHENTICATED,     "INVALID_CREDENTIALS",    NULL},
        {NULL,   STATUS_NOT_FOUND,           "ROUTE_NOT_FOUND",        NULL},
    };

    // clang-format on
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct status status = {rows[i].code, rows[i].reason, "a text"};
        expect_text(rows[i].reason,
                    oauth_error(rows[i].method, status, problem_http_status(status)),
                    rows[i].error);
    }
}

static void test_descriptions_keep_to_their_letters(void **state)
{
    (void)state;
    struct arena *arena = arena_open(ARENA_BYTES);
    assert_string_equal(oauth_description("plain words: it's fine", arena),
                        "plain words: it's fine");
    assert_string_equal(oauth_description("a \"b\" \\ \n\xc3\xa9", arena), "a ?b? ? ???");
    assert_null(oauth_description(NULL, arena));
    struct problem problem = {.status = REFUSE(INVALID_ARGUMENT, INVALID_SCOPE, "no \"such\" one"),
                              .oauth_error = "invalid_scope"};
    struct bytes text = problem_encode(&problem, arena);
    static const char end[] =
        ",\"error\":\"invalid_scope\",\"error_description\":\"no ?such? one\"}";
    assert_true(text.size > sizeof end);
    assert_memory_equal(text.data + text.size - (sizeof end - 1), end, sizeof end - 1);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basic_says_who_the_client_is),
        cmocka_unit_test(test_credentials_that_are_too_long_are_refused),
        cmocka_unit_test(test_every_refusal_has_its_error),
        cmocka_unit_test(test_descriptions_keep_to_their_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
