// Logging in, who is known, and rights; through the handlers over a real store.
#include "tests/unit/auth/house.h"

static const char asha[] = "asha@example.com", ravi[] = "ravi@example.com";

static void test_a_login_gives_tokens_that_say_who_and_no_more(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    Auth__User *me = NULL;
    Auth__GetMeRequest get_me = AUTH__GET_ME_REQUEST__INIT;
    struct id128 user_id = house_new_user(caller, asha);
    uint64_t before = house_event_head(house);
    assert_status_ok(house_login(caller, asha, PASSWORD, "phone", &login));
    assert_string_equal(login->status, "authenticated");
    assert_string_equal(login->token_type, "Bearer");
    assert_int_equal(login->expires_in, 300);
    assert_string_equal(house_events(caller, before), "auth.login.succeeded ");

    caller_be(caller, login->access_token);
    assert_true(id128_equal(caller->claims.subject, user_id));
    assert_true(id128_equal(caller->claims.session_id, id128_of(login->session_id.data)));
    assert_int_equal(caller->claims.expires_at_s - caller->claims.issued_at_s, 300);
    assert_int_equal(caller->claims.amr, TOKEN_AMR_PWD);
    assert_int_equal(caller->claims.aal, 1);
    assert_int_equal(caller->claims.role_count, 1);
    assert_string_equal(caller->claims.roles[0], "customer");
    assert_status_ok(caller_call(caller, AUTH_GET_ME, &get_me, &me));
    assert_string_equal(me->email, asha);
    assert_string_equal(me->mobile, "");
    assert_string_equal(me->full_name, "Ashavari Vermillon");
    assert_string_equal(me->status, "active");
    assert_int_equal(me->version, 1);
}

static void test_unknown_and_wrong_are_refused_alike(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    struct id128 user_id = house_new_user(caller, asha);
    struct status wrong = house_login(caller, asha, "not my password", "", &login);
    struct status unknown = house_login(caller, ravi, "not my password", "", &login);
    assert_string_equal(wrong.reason, "INVALID_CREDENTIALS");
    assert_string_equal(unknown.reason, wrong.reason);
    assert_string_equal(unknown.message, wrong.message);
    assert_int_equal(unknown.code, wrong.code);

    // What nobody's password is, is no way in for somebody without one either.
    assert_refused(house_login(caller, ravi, "", "", &login), "VALIDATION_FAILED");
    house_set_user(house, user_id, AUTH_USER_BLOCKED, NULL);
    assert_refused(house_login(caller, asha, "not my password", "", &login), "INVALID_CREDENTIALS");
    uint64_t before = house_event_head(house);
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "ACCOUNT_BLOCKED");
    assert_string_equal(house_events(caller, before), "auth.login.failed!ACCOUNT_BLOCKED ");
    house_set_user(house, user_id, AUTH_USER_CLOSED, NULL);
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "INVALID_CREDENTIALS");
}

/// What nobody has is hashed for as what somebody has: a dummy that needs more memory than there is
/// shows that it is computed.
static void test_an_unknown_identifier_costs_a_hash(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    struct auth_service *service = &house->service;
    const struct auth_argon2 huge = {UINT64_C(1) << 42, 2};
    Auth__LoginResponse *login = NULL;
    assert_false(auth_password_is_weaker(service->dummy_hash, &service->policy.argon2));
    auth_password_dummy(&huge, service->dummy_hash);
    assert_refused(house_login(caller, ravi, PASSWORD, "", &login), "OVERLOADED");
    assert_refused(house_login(caller, "no identifier", PASSWORD, "", &login), "OVERLOADED");
}

static void test_five_failures_close_an_account_quietly(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    (void)house_new_user(caller, asha);
    assert_status_ok(house_login(caller, asha, PASSWORD, "phone", &login)); // Knows the phone now.
    static const char *const identifiers[] = {asha, ravi}; // Known and unknown: no difference.
    for (size_t i = 0; i < ROWS(identifiers); i++)
        for (int failure = 0; failure < AUTH_FAILURES_FREE; failure++)
            assert_refused(house_login(caller, identifiers[i], "wrong one", "", &login),
                           "INVALID_CREDENTIALS");

    uint64_t before = house_event_head(house);
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "INVALID_CREDENTIALS");
    assert_refused(house_login(caller, ravi, PASSWORD, "", &login), "INVALID_CREDENTIALS");
    assert_string_equal(house_events(caller, before),
                        "auth.login.failed!RATE_LIMITED auth.login.failed!RATE_LIMITED ");
    // The owner's own device is not locked out, and a restart forgets nothing.
    assert_status_ok(house_login(caller, asha, PASSWORD, "phone", &login));
    house_reopen(house);
    assert_refused(house_login(caller, asha, PASSWORD, "tablet", &login), "INVALID_CREDENTIALS");
    house_wait(house, 30);
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    // A success forgets the failures.
    for (int failure = 0; failure < AUTH_FAILURES_FREE - 1; failure++)
        assert_refused(house_login(caller, asha, "wrong one", "", &login), "INVALID_CREDENTIALS");
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
}

static void test_a_network_address_has_twenty_failures(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    char email[32];
    (void)house_new_user(caller, asha);
    for (int i = 0; i < 20; i++) {
        snprintf(email, sizeof email, "nobody%d@example.com", i);
        caller->client_ip = i % 2 == 0 ? "192.0.2.9" : "::ffff:192.0.2.9"; // The same.
        assert_refused(house_login(caller, email, "wrong one", "", &login), "INVALID_CREDENTIALS");
    }
    assert_refused(house_login(caller, asha, PASSWORD, "", &login), "RATE_LIMITED");
    assert_int_equal(caller->call.retry_after_ms, 15000);
    caller->client_ip = "192.0.2.10";
    for (int i = 0; i < 30; i++) // Successes never count.
        assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    caller->client_ip = "192.0.2.9";
    house_wait(house, 15);
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
}

/// What is not compared any more costs no hash, but two rows and an event: without a limit one
/// address could fill the store by hammering at one account.
static void test_attempts_at_a_closed_account_count_for_their_address(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    caller->client_ip = "192.0.2.9";
    for (int i = 0; i < 20; i++) // The first five are compared.
        assert_refused(house_login(caller, ravi, "wrong one", "", &login), "INVALID_CREDENTIALS");
    uint64_t before = house_event_head(house);
    assert_refused(house_login(caller, ravi, "wrong one", "", &login), "RATE_LIMITED");
    assert_int_equal(house_event_head(house), before);
}

static void test_networks(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *a, *b;
        size_t size;
        bool is_same;
    } rows[] = {
        {"192.0.2.1",         "192.0.2.1",           5, true},
        {"192.0.2.1",         "192.0.2.2",           5, false},
        {"192.0.2.1",         "::ffff:192.0.2.1",    5, true},
        {"2001:db8:1:2::1",   "2001:db8:1:2:3::4",   9, true},
        {"2001:db8:1:2::1",   "2001:db8:1:3::1",     9, false},
        {"",                  "here",                0, true},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t a[9] = {0}, b[9] = {0};
        assert_int_equal(auth_convert_network(rows[i].a, a), rows[i].size);
        assert_int_equal(auth_convert_network(rows[i].b, b), rows[i].size);
        assert_int_equal(memcmp(a, b, sizeof a) == 0, rows[i].is_same);
    }
}

static void test_a_hash_grows_with_the_parameters(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__LoginResponse *login = NULL;
    char hash[AUTH_HASH_BYTES];
    struct id128 user_id = house_new_user(caller, asha);
    house->service.policy.argon2.passes = 3;
    assert_refused(house_login(caller, asha, "wrong one", "", &login), "INVALID_CREDENTIALS");
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    assert_status_ok(auth_store_get_password(house->service.auth, txn, user_id, hash));
    store_snapshot_end(&txn);
    assert_non_null(strstr(hash, ",t=3,"));
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
}

// ---- Rights --------------------------------------------------------------------------------

static struct status set_roles(struct caller *caller, struct id128 user_id, const char *first,
                               const char *second, Auth__User **ret)
{
    Auth__SetUserRolesRequest request = AUTH__SET_USER_ROLES_REQUEST__INIT;
    char *roles[] = {text_of(first), text_of(second)};
    request.id = (ProtobufCBinaryData){ID128_BYTES, user_id.bytes};
    request.roles = roles;
    request.n_roles = second != NULL ? 2 : 1;
    return caller_call(caller, AUTH_SET_USER_ROLES, &request, ret);
}

static struct status check_session(struct caller *caller, const struct token_claims *claims,
                                   bool *ret_alive)
{
    Auth__CheckSessionRequest request = AUTH__CHECK_SESSION_REQUEST__INIT;
    Auth__CheckSessionResponse *reply = NULL;
    struct id128 session_id = claims->session_id;
    request.session_id = (ProtobufCBinaryData){ID128_BYTES, session_id.bytes};
    request.user_version = claims->user_version;
    RETURN_IF_ERROR(caller_call(caller, AUTH_CHECK_SESSION, &request, &reply));
    *ret_alive = reply->alive;
    return STATUS_SUCCESS;
}

static void test_a_change_of_roles_ends_tokens_and_not_sessions(void **state)
{
    struct house *house = *state;
    struct caller *admin = house->caller, *caller = caller_open(house);
    Auth__LoginResponse *login = NULL;
    Auth__IssueTokenResponse *issued = NULL;
    Auth__User *user = NULL;
    bool is_alive = false;
    struct id128 admin_id = house_new_user(admin, ravi), user_id = house_new_user(caller, asha);
    house_set_user(house, admin_id, AUTH_USER_ACTIVE, "admin");
    assert_status_ok(house_login(admin, ravi, PASSWORD, "", &login));
    assert_int_equal(login->expires_in, 120); // Staff.
    caller_be(admin, login->access_token);
    assert_status_ok(house_login(caller, asha, PASSWORD, "", &login));
    caller_be(caller, login->access_token);
    assert_status_ok(check_session(admin, &caller->claims, &is_alive));
    assert_true(is_alive);

    assert_refused(set_roles(admin, user_id, "teller", "king", &user), "ROLE_UNKNOWN");
    assert_refused(set_roles(admin, user_id, "teller", "service", &user), "ROLE_UNKNOWN");
    assert_refused(set_roles(admin, admin_id, "auditor", NULL, &user), "SEPARATION_OF_DUTIES");
    assert_refused(set_roles(admin, id_of(9), "teller", NULL, &user), "USER_NOT_FOUND");
    uint64_t before = house_event_head(house);
    assert_status_ok(set_roles(admin, user_id, "teller", "customer", &user));
    assert_int_equal(user->version, 2);
    assert_int_equal(user->n_roles, 2);
    assert_string_equal(user->roles[0], "customer");
    assert_string_equal(user->email, asha);
    assert_status_ok(set_roles(admin, user_id, "customer", "teller", &user)); // Nothing new.
    assert_int_equal(user->version, 2);
    assert_string_equal(house_events(admin, before), "auth.user.roles_changed ");

    assert_status_ok(check_session(admin, &caller->claims, &is_alive));
    assert_false(is_alive); // The token; the session gives a new one.
    assert_status_ok(house_refresh(caller, login->refresh_token, "", &issued));
    caller_be(caller, issued->access_token);
    assert_int_equal(caller->claims.user_version, 2);
    assert_int_equal(caller->claims.role_count, 2);
    assert_status_ok(check_session(admin, &caller->claims, &is_alive));
    assert_true(is_alive);
    caller_close(caller);
}

static void test_who_may_look_at_whom(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__User *user = NULL;
    Auth__GetMeRequest get_me = AUTH__GET_ME_REQUEST__INIT;
    Auth__LogoutRequest logout = AUTH__LOGOUT_REQUEST__INIT;
    Auth__GetUserRequest get_user = AUTH__GET_USER_REQUEST__INIT;
    struct id128 user_id = house_new_user(caller, asha), nobody = id_of(9);
    get_user.id = (ProtobufCBinaryData){ID128_BYTES, user_id.bytes};
    assert_status_ok(caller_call(caller, AUTH_GET_USER, &get_user, &user));
    assert_string_equal(user->email, asha);
    get_user.id = (ProtobufCBinaryData){ID128_BYTES, nobody.bytes};
    assert_refused(caller_call(caller, AUTH_GET_USER, &get_user, &user), "USER_NOT_FOUND");
    caller->claims = (struct token_claims){.is_service = true, .service = "ledger"};
    caller->is_authenticated = true;
    assert_refused(caller_call(caller, AUTH_GET_ME, &get_me, &user), "PERMISSION_DENIED");
    assert_refused(caller_call(caller, AUTH_LOGOUT, &logout, NULL), "PERMISSION_DENIED");
}

static void test_the_key_set_is_the_same_after_a_restart(void **state)
{
    struct house *house = *state;
    struct caller *caller = house->caller;
    Auth__GetJwksRequest request = AUTH__GET_JWKS_REQUEST__INIT;
    Auth__Jwks *before = NULL, *after = NULL;
    assert_status_ok(caller_call(caller, AUTH_GET_JWKS, &request, &before));
    assert_int_equal(before->n_keys, 2); // Active, and next.
    house_reopen(house);
    assert_status_ok(caller_call(caller, AUTH_GET_JWKS, &request, &after));
    assert_int_equal(after->n_keys, 2);
    for (size_t i = 0; i < 2; i++) {
        uint8_t public_key[KEY_PUBLIC_BYTES];
        char kid[KEY_ID_TEXT_BYTES];
        size_t size;
        assert_string_equal(after->keys[i]->x, before->keys[i]->x);
        assert_string_equal(after->keys[i]->kty, "OKP");
        assert_string_equal(after->keys[i]->crv, "Ed25519");
        assert_true(base64url_decode(after->keys[i]->x, strlen(after->keys[i]->x), public_key,
                                     sizeof public_key, &size));
        key_id(public_key, kid);
        assert_string_equal(after->keys[i]->kid, kid);
    }
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, house_open, house_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_login_gives_tokens_that_say_who_and_no_more),
        TEST(test_unknown_and_wrong_are_refused_alike),
        TEST(test_an_unknown_identifier_costs_a_hash),
        TEST(test_five_failures_close_an_account_quietly),
        TEST(test_a_network_address_has_twenty_failures),
        TEST(test_attempts_at_a_closed_account_count_for_their_address),
        cmocka_unit_test(test_networks),
        TEST(test_a_hash_grows_with_the_parameters),
        TEST(test_a_change_of_roles_ends_tokens_and_not_sessions),
        TEST(test_who_may_look_at_whom),
        TEST(test_the_key_set_is_the_same_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
