// API keys as bearers: exchanged before the call, shared, kept, and given up again.
#include "tests/unit/gateway/fixture.h"

#define ID "0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f"
#define PATH "/v1/accounts/" ID
#define KEY(name_) "Authorization: Bearer fl_live_" name_ "\r\n"

static struct fixture fixture;

static int open_fixture(void **state)
{
    (void)state;
    fixture_open(&fixture, NULL);
    return 0;
}

static int close_fixture(void **state)
{
    (void)state;
    atomic_store(&fixture.exchange_waits, false);
    fixture_close(&fixture);
    return 0;
}

static void expect(const char *given, const char *headers, int status, const char *reason)
{
    struct reply reply;
    fixture_get(&fixture, PATH, headers, &reply);
    if (reply.status != status) fail_msg("%s: %s%s", given, reply.head, reply.body);
    if (reason != NULL && strstr(reply.body, reason) == NULL)
        fail_msg("%s: %s is not in %s", given, reason, reply.body);
    assert_null(strstr(reply.body, "/var"));
    reply_free(&reply);
}

static void test_a_key_is_exchanged_once_and_its_token_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        expect("a key", KEY("good"), 200, NULL);
    assert_int_equal(fixture.exchanges, 1);
    assert_string_equal(fixture.exchanged_for, "127.0.0.1");
    assert_int_equal(fixture.runs, 3);
    expect("another key", KEY("other"), 200, NULL);
    assert_int_equal(fixture.exchanges, 2);
    expect("a token", "Authorization: Bearer good\r\n", 200, NULL);
    assert_int_equal(fixture.exchanges, 2);
}

static void test_a_token_that_is_nearly_over_is_not_kept(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        expect("a brief key", KEY("brief"), 200, NULL);
    assert_int_equal(fixture.exchanges, 3);
}

static void test_what_becomes_of_a_key_that_is_not_taken(void **state)
{
    (void)state;
    char too_long[400] = "Authorization: Bearer fl_live_";
    memset(too_long + strlen(too_long), 'x', 300);
    strncat(too_long, "\r\n", 3);

    const struct {
        const char *given, *headers;
        int status;
        const char *reason;
    } rows[] = {
        {"a wrong key", KEY("bad"), 401, "INVALID_CREDENTIALS"},
        {"too many wrong ones", KEY("often"), 429, "RATE_LIMITED"},
        {"no text of a key", too_long, 401, "INVALID_CREDENTIALS"},
        {"auth is broken", KEY("broken"), 503, "IDENTITY_UNAVAILABLE"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        expect(rows[i].given, rows[i].headers, rows[i].status, rows[i].reason);
    assert_int_equal(fixture.runs, 0); // The ledger was asked nothing.

    struct reply reply;
    fixture_get(&fixture, PATH, KEY("bad"), &reply);
    assert_string_equal(reply_header(&reply, "WWW-Authenticate"),
                        "Bearer realm=\"florin\", error=\"invalid_token\"");
    reply_free(&reply);
    fixture_get(&fixture, PATH, KEY("often"), &reply);
    assert_string_equal(reply_header(&reply, "Retry-After"), "3");
    reply_free(&reply);
}

static void test_a_token_that_has_ended_is_asked_for_anew_once(void **state)
{
    (void)state;
    expect("rights have changed", KEY("stale"), 200, NULL);
    assert_int_equal(fixture.exchanges, 2);
    expect("the new token is kept", KEY("stale"), 200, NULL);
    assert_int_equal(fixture.exchanges, 2);
    expect("no token of it lives", KEY("dead"), 401, "TOKEN_REVOKED");
    assert_int_equal(fixture.exchanges, 4);
    expect("and none was kept", KEY("dead"), 401, "TOKEN_REVOKED");
    assert_int_equal(fixture.exchanges, 6);
}

static void test_a_change_is_made_once_although_its_token_had_ended(void **state)
{
    (void)state;
    static const char body[] = "{\"currency\":\"INR\"}";
    char text[512];
    snprintf(text, sizeof text,
             "POST /v1/accounts HTTP/1.1\r\nHost: a\r\n" KEY(
                 "stale") "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    struct reply reply;
    fixture_ask(&fixture, text, &reply);
    assert_int_equal(reply.status, 201);
    assert_int_equal(fixture.runs, 1);
    reply_free(&reply);
}

static void test_requests_with_one_key_share_an_exchange(void **state)
{
    (void)state;

    enum { CLIENTS = 24 };

    static struct client clients[CLIENTS];
    static const char shared[] = "GET " PATH " HTTP/1.1\r\nHost: a\r\n" KEY("good") "\r\n";
    static const char other[] = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    atomic_store(&fixture.exchange_waits, true);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], http_server_port(fixture.gateway.http));
        client_send(&clients[i], shared);
    }
    // All of them wait, and yet the loops go on.
    WAIT_UNTIL(atomic_load(&fixture.gateway.calls_in_flight) == CLIENTS + 1);
    client_ask(&fixture.client, other, 200);
    assert_int_equal(fixture.exchanges, 1);
    atomic_store(&fixture.exchange_waits, false);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct reply reply;
        client_receive(&clients[i], &reply, false);
        assert_int_equal(reply.status, 200);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    assert_int_equal(fixture.exchanges, 1);
    WAIT_UNTIL(atomic_load(&fixture.gateway.calls_in_flight) == 0);
}

static void test_clients_that_leave_while_their_key_is_exchanged(void **state)
{
    (void)state;

    enum { CLIENTS = 8 };

    static struct client clients[CLIENTS];
    static const char text[] = "GET " PATH " HTTP/1.1\r\nHost: a\r\n" KEY("good") "\r\n";
    atomic_store(&fixture.exchange_waits, true);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_open(&clients[i], http_server_port(fixture.gateway.http));
        client_send(&clients[i], text);
    }
    WAIT_UNTIL(atomic_load(&fixture.gateway.calls_in_flight) == CLIENTS + 1);
    for (size_t i = 0; i < CLIENTS; i++)
        client_reset(&clients[i]);
    atomic_store(&fixture.exchange_waits, false);
    WAIT_UNTIL(atomic_load(&fixture.aborted) == CLIENTS);
    WAIT_UNTIL(atomic_load(&fixture.gateway.calls_in_flight) == 0);
    expect("whoever comes later", KEY("good"), 200, NULL);
}

static void test_a_key_goes_to_auth_and_to_nobody_else(void **state)
{
    (void)state;
    struct reply reply;
    // Public: nobody is asked who the client is, so the key is not exchanged either.
    fixture_get(&fixture, "/.well-known/jwks.json", KEY("bad"), &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(fixture.exchanges, 0);
    reply_free(&reply);
    // Another address has a token of its own: the key may be limited to addresses.
    fixture_close(&fixture);
    static char trusted[] = "127.0.0.1";
    struct fixture_options options = {.trusted_proxies = {.items = {trusted}, .count = 1}};
    fixture_open(&fixture, &options);
    expect("from one address", KEY("good") "X-Forwarded-For: 192.0.2.1\r\n", 200, NULL);
    assert_string_equal(fixture.exchanged_for, "192.0.2.1");
    expect("from another one", KEY("good") "X-Forwarded-For: 192.0.2.2\r\n", 200, NULL);
    assert_string_equal(fixture.exchanged_for, "192.0.2.2");
    assert_int_equal(fixture.exchanges, 2);
}

static void test_without_auth_no_key_is_taken(void **state)
{
    (void)state;
    fixture_close(&fixture);
    fixture_open(&fixture, &(struct fixture_options){.absent = "auth"});
    expect("auth is away", KEY("good"), 503, "IDENTITY_UNAVAILABLE");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(name_, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_a_key_is_exchanged_once_and_its_token_kept),
        TEST(test_a_token_that_is_nearly_over_is_not_kept),
        TEST(test_what_becomes_of_a_key_that_is_not_taken),
        TEST(test_a_token_that_has_ended_is_asked_for_anew_once),
        TEST(test_a_change_is_made_once_although_its_token_had_ended),
        TEST(test_requests_with_one_key_share_an_exchange),
        TEST(test_clients_that_leave_while_their_key_is_exchanged),
        TEST(test_a_key_goes_to_auth_and_to_nobody_else),
        TEST(test_without_auth_no_key_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
