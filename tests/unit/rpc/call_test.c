#include "common/base/text.h"
#include "common/rpc/limits.h"
#include "common/rpc/page.h"
#include "tests/unit/rpc/fixture.h"

static struct arena *arena;
static struct rpc_call user_call, other_call;

static void make_call(struct rpc_call *call, uint8_t user)
{
    *call = (struct rpc_call){.method = &echo_methods[ECHO_ECHO],
                              .arena = arena,
                              .is_authenticated = true,
                              .scope = RPC_SCOPE_SELF};
    memset(call->claims.subject.bytes, user, ID128_BYTES);
}

static int setup(void **state)
{
    (void)state;
    static const uint8_t key[32] = {9};
    assert_int_equal(crypto_open().code, STATUS_OK);
    page_open(key);
    arena = arena_open(1 << 20);
    make_call(&user_call, 1);
    make_call(&other_call, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static void test_scope_decides_what_a_caller_may_touch(void **state)
{
    (void)state;
    const struct id128 own = user_call.claims.subject, foreign = other_call.claims.subject;

    const struct {
        enum rpc_scope scope;
        struct id128 owner;
        bool is_service, allowed;
    } rows[] = {
        {RPC_SCOPE_ALL, foreign, false, true},     {RPC_SCOPE_ALL, own, true, true},
        {RPC_SCOPE_SELF, own, false, true},        {RPC_SCOPE_SELF, foreign, false, false},
        {RPC_SCOPE_SELF, ID128_NIL, false, false}, {RPC_SCOPE_SELF, own, true, false},
        {RPC_SCOPE_BRANCH, own, false, false},     {RPC_SCOPE_NONE, own, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        user_call.scope = rows[i].scope;
        user_call.claims.is_service = rows[i].is_service;
        struct status status = rpc_call_may_touch(&user_call, rows[i].owner);
        assert_int_equal(status.code, rows[i].allowed ? STATUS_OK : STATUS_PERMISSION_DENIED);
    }
}

static enum rpc_scope grant_all(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context, (void)claims, (void)permission;
    return RPC_SCOPE_ALL;
}

static void test_who_has_yet_to_enrol_has_no_further_permission(void **state)
{
    (void)state;
    static const struct rpc_identity identity = {.authorize = grant_all};

    static const struct {
        const char *given;
        bool is_authenticated, is_service;
        uint8_t aal;
        enum rpc_scope scope;
    } rows[] = {
        {"a user", true, false, 1, RPC_SCOPE_ALL},
        {"by two factors", true, false, 2, RPC_SCOPE_ALL},
        {"who has yet to enrol", true, false, 0, RPC_SCOPE_NONE},
        {"a service, which has none", true, true, 0, RPC_SCOPE_ALL},
        {"nobody", false, false, 1, RPC_SCOPE_NONE},
    };

    user_call.identity = &identity;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        user_call.is_authenticated = rows[i].is_authenticated;
        user_call.claims.is_service = rows[i].is_service;
        user_call.claims.aal = rows[i].aal;
        if (rpc_call_scope(&user_call, "auth.session.end") != rows[i].scope)
            fail_msg("%s", rows[i].given);
    }
}

static void test_a_nil_subject_is_nobodys_self(void **state)
{
    (void)state;
    memset(&user_call.claims.subject, 0, sizeof user_call.claims.subject);
    assert_false(rpc_call_is_self(&user_call, ID128_NIL));
}

static void test_actor_names(void **state)
{
    (void)state;
    char actor[RPC_ACTOR_BYTES];
    rpc_call_actor(&user_call, actor);
    assert_string_equal(actor, "users/01010101-0101-0101-0101-010101010101");
    user_call.claims.is_service = true;
    snprintf(user_call.claims.service, sizeof user_call.claims.service, "ledger");
    rpc_call_actor(&user_call, actor);
    assert_string_equal(actor, "services/ledger");
    user_call.is_authenticated = false;
    rpc_call_actor(&user_call, actor);
    assert_string_equal(actor, "anonymous");
}

static void test_violations_and_details_are_bounded_copies(void **state)
{
    (void)state;
    char field[] = "field";
    for (size_t i = 0; i < RPC_VIOLATIONS_MAX + 5; i++) {
        struct status status = rpc_call_violation(&user_call, field, "RANGE");
        assert_string_equal(status.reason, "VALIDATION_FAILED");
    }
    field[0] = 'X';
    assert_int_equal(user_call.violations.count, RPC_VIOLATIONS_MAX);
    assert_string_equal(user_call.violations.items[0].field, "field");

    char value[RPC_DETAIL_VALUE_BYTES_MAX + 100];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    rpc_call_detail(&user_call, "limit", value);
    assert_int_equal(strlen(user_call.details[0].value), RPC_DETAIL_VALUE_BYTES_MAX);
}

static void test_a_reply_that_did_not_fit_is_a_refusal(void **state)
{
    (void)state;
    arena_set_limit(arena, arena_used(arena));
    Echo__EchoReply *reply = RPC_NEW(&user_call, Echo__EchoReply, echo__echo_reply__init);
    assert_null(reply);
    assert_string_equal(rpc_call_reply(&user_call, reply).reason, "REQUEST_TOO_COMPLEX");
}

// ---- Pages ---------------------------------------------------------------------------------

static void test_page_sizes(void **state)
{
    (void)state;

    static const struct {
        int32_t asked;
        size_t size;
    } rows[] = {{0, 50}, {1, 1}, {1000, 1000}, {1001, 1000}, {INT32_MAX, 1000}};

    size_t size = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(page_size_resolve(&user_call, rows[i].asked, &size).code, STATUS_OK);
        assert_int_equal(size, rows[i].size);
    }
    assert_string_equal(page_size_resolve(&user_call, -1, &size).reason, "VALIDATION_FAILED");
    assert_string_equal(user_call.violations.items[0].field, "page_size");
}

static void test_a_page_token_gives_its_position_back(void **state)
{
    (void)state;
    uint8_t position[PAGE_POSITION_BYTES_MAX];
    memset(position, 0xa5, sizeof position);
    static const size_t sizes[] = {0, 1, 24, PAGE_POSITION_BYTES_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct bytes back;
        const char *token =
            page_token_make(&user_call, bytes_of_text("filter"), bytes_of(position, sizes[i]));
        assert_non_null(token);
        assert_int_equal(page_token_open(&user_call, token, bytes_of_text("filter"), &back).code,
                         STATUS_OK);
        assert_true(bytes_equal(back, bytes_of(position, sizes[i])));
        uint8_t sealed[256];
        size_t sealed_size = 0;
        assert_true(base64url_decode(token, strlen(token), sealed, sizeof sealed, &sealed_size));
        if (sizes[i] >= 24) // Nothing of the position is readable in it.
            assert_null(memmem(sealed, sealed_size, position, sizes[i]));
        assert_null(strchr(token, '='));
    }
}

static void test_no_page_token_is_the_first_page(void **state)
{
    (void)state;
    struct bytes back = bytes_of_text("x");
    assert_int_equal(page_token_open(&user_call, "", (struct bytes){0}, &back).code, STATUS_OK);
    assert_int_equal(back.size, 0);
    assert_int_equal(page_token_open(&user_call, NULL, (struct bytes){0}, &back).code, STATUS_OK);
}

static void test_a_page_token_is_good_for_its_own_list_only(void **state)
{
    (void)state;
    const char *token =
        page_token_make(&user_call, bytes_of_text("filter"), bytes_of_text("position"));
    struct rpc_call other_method = user_call;
    other_method.method = &echo_methods[ECHO_SMALL];
    char longer[256];
    snprintf(longer, sizeof longer, "%sA", token);

    const struct {
        struct rpc_call *call;
        const char *token, *filter;
    } rows[] = {
        {&other_call, token, "filter"}, {&other_method, token, "filter"},
        {&user_call, token, "Filter"},  {&user_call, token, ""},
        {&user_call, longer, "filter"}, {&user_call, token + 1, "filter"},
        {&user_call, "AAAA", "filter"}, {&user_call, "not base64!", "filter"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes back;
        assert_string_equal(
            page_token_open(rows[i].call, rows[i].token, bytes_of_text(rows[i].filter), &back)
                .reason,
            "PAGE_TOKEN_INVALID");
        assert_int_equal(back.size, 0);
    }
}

static void test_every_changed_character_breaks_a_page_token(void **state)
{
    (void)state;
    char *token = (char *)page_token_make(&user_call, bytes_of_text("f"), bytes_of_text("p"));
    for (size_t i = 0; token[i] != '\0'; i++) {
        struct bytes back;
        char kept = token[i];
        token[i] = kept == 'A' ? 'B' : 'A';
        assert_int_equal(page_token_open(&user_call, token, bytes_of_text("f"), &back).code,
                         STATUS_INVALID_ARGUMENT);
        token[i] = kept;
    }
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_scope_decides_what_a_caller_may_touch),
        TEST(test_who_has_yet_to_enrol_has_no_further_permission),
        TEST(test_a_nil_subject_is_nobodys_self),
        TEST(test_actor_names),
        TEST(test_violations_and_details_are_bounded_copies),
        TEST(test_a_reply_that_did_not_fit_is_a_refusal),
        TEST(test_page_sizes),
        TEST(test_a_page_token_gives_its_position_back),
        TEST(test_no_page_token_is_the_first_page),
        TEST(test_a_page_token_is_good_for_its_own_list_only),
        TEST(test_every_changed_character_breaks_a_page_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
