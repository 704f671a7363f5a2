// Where a list of documents goes on: the request's own URL with another page token.
#include "gateway/link.h"
#include "tests/unit/gateway/harness.h"

enum { ARENA_BYTES = 1 << 20 };

// clang-format off
static const struct {
    const char *given, *query, *token, *expected;
} rows[] = {
    {"no query",           NULL,                         "abc", "</v1/x?page_token=abc>; rel=\"next\""},
    {"an empty one",       "",                           "abc", "</v1/x?page_token=abc>; rel=\"next\""},
    {"others stay",        "actor=a%20b&outcome=refused", "t",
     "</v1/x?actor=a%20b&outcome=refused&page_token=t>; rel=\"next\""},
    {"the old one goes",   "page_token=old&actor=a",     "t", "</v1/x?actor=a&page_token=t>; rel=\"next\""},
    {"wherever it stood",  "a=1&page_token=old&b=2",     "t", "</v1/x?a=1&b=2&page_token=t>; rel=\"next\""},
    {"however written",    "page%5Ftoken=o&pageToken=p", "t", "</v1/x?page_token=t>; rel=\"next\""},
    {"a name like it",     "page_tokens=1&xpage_token=2", "t",
     "</v1/x?page_tokens=1&xpage_token=2&page_token=t>; rel=\"next\""},
    {"without a value",    "page_token&flag",            "t", "</v1/x?flag&page_token=t>; rel=\"next\""},
    {"empty pairs",        "&&a=1&",                     "t", "</v1/x?a=1&page_token=t>; rel=\"next\""},
    {"a token in need",    NULL, "a/b+c=\">,\xc3\xa9",
     "</v1/x?page_token=a%2Fb%2Bc%3D%22%3E%2C%C3%A9>; rel=\"next\""},
};

// clang-format on

static void test_the_next_page_is_the_same_query_with_its_token(void **state)
{
    (void)state;
    struct arena *arena = arena_open(ARENA_BYTES);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *link =
            link_next(bytes_of_text("/v1/x"), bytes_of_text(rows[i].query), rows[i].token, arena);
        if (strcmp(link, rows[i].expected) != 0) fail_msg("%s: %s", rows[i].given, link);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_page_is_the_same_query_with_its_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
