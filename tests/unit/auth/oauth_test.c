// The OAuth endpoints: RFC 6749 sections 4.4 and 6, RFC 7009, RFC 7662, RFC 8414.
#include "services/auth/apikey_text.h"
#include "tests/unit/auth/keys.h"

#define HOME_IP "192.0.2.1"

static struct id128 be_customer(struct house *house)
{
    struct id128 id = people_new(house, &(struct person){.email = "asha@example.com"});
    people_be(house->caller, id, id_of(0x77));
    return id;
}

/// log_in gives the tokens of a session that was begun behind auth's back.
static struct auth_session log_in(struct house *house, struct id128 user_id,
                                  struct auth_grant *ret_grant)
{
    struct auth_session session = people_begin(house, user_id, "phone");
    struct auth_user user = people_get(house, user_id);
    auth_session_grant(&house->service, &user, &session, house->now_ns, ret_grant);
    return session;
}

static struct status introspect(struct caller *caller, const char *token,
                                Auth__IntrospectTokenResponse **ret)
{
    Auth__IntrospectTokenRequest request = AUTH__INTROSPECT_TOKEN_REQUEST__INIT;
    request.token = text_of(token);
    return caller_call(caller, AUTH_INTROSPECT_TOKEN, &request, ret);
}

static bool is_active(struct caller *caller, const char *token)
{
    Auth__IntrospectTokenResponse *reply = NULL;
    assert_status_ok(introspect(caller, token, &reply));
    if (!reply->active) { // Nothing else is said.
        assert_int_equal(protobuf_c_message_get_packed_size(&reply->base), 0);
    }
    return reply->active;
}

static void revoke(struct caller *caller, const char *token)
{
    Auth__RevokeTokenRequest request = AUTH__REVOKE_TOKEN_REQUEST__INIT;
    request.token = text_of(token);
    assert_status_ok(caller_call(caller, AUTH_REVOKE_TOKEN, &request, NULL));
}

// ---- The token endpoint --------------------------------------------------------------------

static void test_what_a_grant_needs(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;

    // clang-format off
    static const struct {
        const char *grant_type, *refused, *field;
    } rows[] = {
        {"refresh_token",      "VALIDATION_FAILED",      "refresh_token"},
        {"client_credentials", "VALIDATION_FAILED",      "client_secret"},
        {"",                   "VALIDATION_FAILED",      "grant_type"},
        {"password",           "UNSUPPORTED_GRANT_TYPE", NULL},
        {"Refresh_Token",      "UNSUPPORTED_GRANT_TYPE", NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__IssueTokenRequest request = AUTH__ISSUE_TOKEN_REQUEST__INIT;
        request.grant_type = text_of(rows[i].grant_type);
        assert_refused(caller_call(caller, AUTH_ISSUE_TOKEN, &request, NULL), rows[i].refused);
        if (rows[i].field == NULL) continue;
        assert_string_equal(caller->call.violations.items[0].field, rows[i].field);
        assert_string_equal(caller->call.violations.items[0].reason, "REQUIRED");
    }
}

static void test_client_credentials(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL, *other = NULL;
    char id[ID128_TEXT_BYTES], other_id[ID128_TEXT_BYTES];
    be_customer(house);
    struct asked_key asked = {.scopes = {"ledger.account.read", "ledger.transfer.create"},
                              .addresses = {HOME_IP}};
    assert_status_ok(keys_create(caller, &asked, &made));
    assert_status_ok(keys_create(caller, &asked, &other));
    id128_format(id128_of(made->api_key->id.data), id);
    id128_format(id128_of(other->api_key->id.data), other_id);
    caller_be_nobody(caller);

    // clang-format off
    const struct {
        const char *client_id, *key, *scope;
        const char *given; // The token's scope; NULL: refused.
        const char *refused;
    } rows[] = {
        {"",       made->key, "", "ledger.account.read ledger.transfer.create", NULL},
        {id,       made->key, "", "ledger.account.read ledger.transfer.create", NULL},
        {id,       made->key, "ledger.account.read", "ledger.account.read", NULL},
        {id,       made->key, "  ledger.transfer.create  ledger.transfer.create ", "ledger.transfer.create", NULL},
        {id,       made->key, "   ", "ledger.account.read ledger.transfer.create", NULL},
        {id,       made->key, "ledger.account.read auth.apikey.read", NULL, "INVALID_SCOPE"},
        {id,       made->key, "ledger.account.read.of.everybody.and.all", NULL, "INVALID_SCOPE"},
        {id,       made->key, "ledger", NULL, "INVALID_SCOPE"},
        {other_id, made->key, "", NULL, "INVALID_CREDENTIALS"},
        {"nobody", made->key, "", NULL, "INVALID_CREDENTIALS"},
        {id,       "secret",  "", NULL, "INVALID_CREDENTIALS"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Auth__IssueTokenResponse *issued = NULL;
        struct status status =
            keys_issue(caller, rows[i].client_id, rows[i].key, rows[i].scope, &issued);
        if (rows[i].refused != NULL) {
            assert_refused(status, rows[i].refused);
            if (strcmp(rows[i].refused, "INVALID_SCOPE") == 0)
                assert_string_equal(caller->call.details[0].key, "scope");
            continue;
        }
        assert_status_ok(status);
        assert_string_equal(issued->scope, rows[i].given);
        caller_be(caller, issued->access_token);
        assert_int_equal(caller->claims.scope_count, strchr(rows[i].given, ' ') != NULL ? 2 : 1);
        caller_be_nobody(caller);
    }
    caller->client_ip = "198.51.100.1";
    assert_refused(keys_issue(caller, "", made->key, "", NULL), "INVALID_CREDENTIALS");
    caller->client_ip = NULL;
    assert_refused(keys_issue(caller, "", made->key, "", NULL), "INVALID_CREDENTIALS");
}

// ---- Introspection and revocation ----------------------------------------------------------

static void test_introspection_of_living_tokens(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_grant grant;
    Auth__IntrospectTokenResponse *reply = NULL;
    Auth__ApiKeyWithSecret *made = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    char user_text[ID128_TEXT_BYTES], session_text[ID128_TEXT_BYTES];
    struct id128 user_id = be_customer(house);
    struct auth_session session = log_in(house, user_id, &grant);
    id128_format(user_id, user_text);
    id128_format(session.id, session_text);

    assert_status_ok(introspect(caller, grant.access_token, &reply));
    assert_true(reply->active);
    assert_string_equal(reply->token_type, "access_token");
    assert_string_equal(reply->sub, user_text);
    assert_string_equal(reply->sid, session_text);
    assert_string_equal(reply->iss, "florin-auth");
    assert_string_equal(reply->aud, "florin");
    assert_string_equal(reply->scope, "");
    assert_string_equal(reply->roles[0], "customer");
    assert_int_equal(reply->iat, house->now_ns / AUTH_SECOND_NS);
    assert_int_equal(reply->exp, house->now_ns / AUTH_SECOND_NS + 300);

    assert_status_ok(introspect(caller, grant.refresh_token, &reply));
    assert_true(reply->active);
    assert_string_equal(reply->token_type, "refresh_token");
    assert_string_equal(reply->sub, user_text);
    assert_string_equal(reply->sid, session_text);
    assert_int_equal(reply->exp,
                     (house->now_ns + auth_policy_default.customer.idle_ns) / AUTH_SECOND_NS);

    assert_status_ok(keys_create(
        caller, &(struct asked_key){.scopes = {"ledger.account.read", "ledger.limit.read"}},
        &made));
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, &issued));
    assert_status_ok(introspect(caller, issued->access_token, &reply));
    assert_true(reply->active);
    assert_string_equal(reply->scope, "ledger.account.read ledger.limit.read");
    assert_status_ok(keys_revoke(caller, made->api_key));
    assert_false(is_active(caller, issued->access_token));
}

static void test_what_is_no_living_token(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_grant grant, other;
    struct id128 user_id = be_customer(house);
    log_in(house, user_id, &grant);
    assert_false(is_active(caller, "x"));
    assert_false(is_active(caller, "a.b.c"));
    assert_false(is_active(caller, "fl_live_something"));
    char broken[TOKEN_BYTES_MAX];
    snprintf(broken, sizeof broken, "%s", grant.access_token);
    size_t last = strlen(broken) - 2;
    broken[last] = broken[last] == 'A' ? 'B' : 'A';
    assert_false(is_active(caller, broken));
    snprintf(broken, sizeof broken, "%s", grant.refresh_token);
    broken[30] = broken[30] == 'A' ? 'B' : 'A';
    assert_false(is_active(caller, broken));

    // The successor is taken, the one before only within the grace.
    Auth__IssueTokenResponse *refreshed = NULL;
    assert_status_ok(house_refresh(caller, grant.refresh_token, "phone", &refreshed));
    assert_true(is_active(caller, refreshed->refresh_token));
    assert_true(is_active(caller, grant.refresh_token));
    house_wait(house, 31);
    assert_false(is_active(caller, grant.refresh_token));
    assert_true(is_active(caller, refreshed->refresh_token));
    house_wait(house, 300);
    assert_false(is_active(caller, refreshed->access_token)); // Over.

    log_in(house, user_id, &other);
    house_set_user(house, user_id, AUTH_USER_BLOCKED, NULL);
    assert_false(is_active(caller, other.access_token));
    assert_false(is_active(caller, other.refresh_token));
}

static void test_who_holds_a_token_may_end_its_session(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_grant by_refresh, by_access, other;
    struct id128 user_id = be_customer(house);
    log_in(house, user_id, &by_refresh);
    log_in(house, user_id, &by_access);
    log_in(house, user_id, &other);
    caller_be_nobody(caller);
    uint64_t head = house_event_head(house);
    revoke(caller, by_refresh.refresh_token);
    assert_string_equal(house_events(caller, head), "auth.session.ended ");
    revoke(caller, by_refresh.refresh_token); // Once more: 200, and nothing.
    revoke(caller, by_refresh.access_token);
    assert_string_equal(house_events(caller, head), "auth.session.ended ");
    assert_false(is_active(caller, by_refresh.access_token));
    assert_false(is_active(caller, by_refresh.refresh_token));

    revoke(caller, by_access.access_token);
    assert_false(is_active(caller, by_access.refresh_token));
    assert_refused(house_refresh(caller, by_access.refresh_token, "phone", NULL),
                   "SESSION_EXPIRED");

    static const char *const nothing[] = {"x", "a.b.c", "fl_live_something"};
    head = house_event_head(house);
    for (size_t i = 0; i < ROWS(nothing); i++)
        revoke(caller, nothing[i]);
    assert_string_equal(house_events(caller, head), "");
    assert_true(is_active(caller, other.access_token));
}

static void test_a_keys_token_ends_no_key(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__ApiKeyWithSecret *made = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    be_customer(house);
    assert_status_ok(keys_create(caller, &(struct asked_key){0}, &made));
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, &issued));
    revoke(caller, issued->access_token);
    assert_status_ok(keys_exchange(caller, made->key, HOME_IP, NULL));
}

// ---- Metadata ------------------------------------------------------------------------------

static void test_metadata_names_the_endpoints(void **state)
{
    struct house *house = *state;
    Auth__GetAuthorizationServerRequest request = AUTH__GET_AUTHORIZATION_SERVER_REQUEST__INIT;
    Auth__AuthorizationServer *reply = NULL;
    house->service.policy.public_url = "https://bank.example";
    assert_status_ok(caller_call(house->caller, AUTH_GET_AUTHORIZATION_SERVER, &request, &reply));
    assert_string_equal(reply->issuer, "https://bank.example");
    assert_string_equal(reply->token_endpoint, "https://bank.example/oauth2/token");
    assert_string_equal(reply->jwks_uri, "https://bank.example/.well-known/jwks.json");
    assert_string_equal(reply->revocation_endpoint, "https://bank.example/oauth2/revoke");
    assert_string_equal(reply->introspection_endpoint, "https://bank.example/oauth2/introspect");
    assert_string_equal(reply->service_documentation, "https://bank.example/docs");
    assert_int_equal(reply->n_grant_types_supported, 2);
    assert_string_equal(reply->grant_types_supported[1], "client_credentials");
    assert_int_equal(reply->n_response_types_supported, 0);
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_what_a_grant_needs),
        TEST(test_client_credentials),
        TEST(test_introspection_of_living_tokens),
        TEST(test_what_is_no_living_token),
        TEST(test_who_holds_a_token_may_end_its_session),
        TEST(test_a_keys_token_ends_no_key),
        TEST(test_metadata_names_the_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
