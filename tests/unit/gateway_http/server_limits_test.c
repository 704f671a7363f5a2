// What the engine does not put up with: slow clients, too many of them, and being told to stop.
// Deadlines are a few ten milliseconds here, and only the slow client of each test runs.
#include "common/base/clock.h"
#include "tests/unit/gateway_http/app.h"
#include "tests/unit/gateway_http/harness.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: a\r\n"

static struct app app;
static struct client client;

static void open_with(struct http_config config)
{
    app_open(&app, &config);
    client_open(&client, app_port(&app));
}

static void close_all(void)
{
    client_close(&client);
    app_close(&app);
}

// ---- Deadlines. ----

static size_t finished_count(void)
{
    pthread_mutex_lock(&app.lock);
    const size_t count = app.finished_count;
    pthread_mutex_unlock(&app.lock);
    return count;
}

static void test_a_slow_client_is_answered_408_and_closed(void **state)
{
    (void)state;

    static const struct {
        const char *sent;
        enum http_refusal refusal;
    } rows[] = {
        {"G", HTTP_REFUSED_HEAD_TIMEOUT},
        {"GET /hello HTTP/1.1\r\n" HOST, HTTP_REFUSED_HEAD_TIMEOUT},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n1234", HTTP_REFUSED_BODY_TIMEOUT},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\n12",
         HTTP_REFUSED_BODY_TIMEOUT},
    };
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.head_timeout_ms = config.body_timeout_ms = 30;
    open_with(config);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_ask(&one, rows[i].sent, 408);
        assert_true(client_sees_end(&one));
        client_close(&one);
        const struct http_finished finished = app_wait_finished(&app, i).finished;
        assert_int_equal(finished.refusal, rows[i].refusal);
        assert_true(finished.duration_ns >= 30 * NS_PER_MS);
    }
    close_all();
}

/// The deadline is absolute: a byte now and then does not move it.
static void test_a_trickle_does_not_keep_a_head_alive(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.head_timeout_ms = 50;
    open_with(config);
    client_send(&client, "GET /hello HTTP/1.1\r\nA: ");
    while (finished_count() == 0) {
        if (send(client.fd, "a", 1, MSG_NOSIGNAL) != 1) break;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); // The trickle itself.
    }
    assert_int_equal(app_wait_finished(&app, 0).finished.refusal, HTTP_REFUSED_HEAD_TIMEOUT);
    close_all();
}

/// A body that keeps the rate may take longer than body_timeout_ms.
static void test_a_steady_body_earns_its_time(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.body_timeout_ms = 10;
    config.body_bytes_per_s = 1; // The first two bytes earn two seconds.
    open_with(config);
    client_send(&client, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab");
    struct client other;
    client_open(&other, app_port(&app));
    client_send(&other, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n");
    client_ask(&other, "", 408); // This one earned nothing; by now 10 ms are over for both.
    client_send(&client, "c");
    app_wait_held(&app, 1);
    app_release(&app);
    client_ask(&client, "", 200);
    client_close(&other);
    close_all();
}

static void test_an_idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.idle_timeout_ms = 300; // Long enough for a busy machine to ask before.
    open_with(config);
    struct client fresh;
    client_open(&fresh, app_port(&app));
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    assert_true(client_sees_end(&client));
    assert_true(client_sees_end(&fresh));
    client_close(&fresh);
    assert_int_equal(finished_count(), 1);
    close_all();
}

static void test_an_answer_may_take_longer_than_every_deadline_of_the_client(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.head_timeout_ms = config.body_timeout_ms = config.idle_timeout_ms = 300; // As above.
    open_with(config);
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\n");
    app_wait_held(&app, 1);
    struct client other; // Its life is one idle time-out: all deadlines above pass meanwhile.
    client_open(&other, app_port(&app));
    assert_true(client_sees_end(&other));
    client_close(&other);
    app_release(&app);
    client_ask(&client, "", 200);
    close_all();
}

static void test_a_client_that_does_not_read_is_cut_off(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /big HTTP/1.1\r\n" HOST "\r\n",
        "GET /chunks HTTP/1.1\r\n" HOST "\r\n",
    };
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.write_timeout_ms = 50;
    open_with(config);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_send(&one, requests[i]);
        const struct http_finished finished = app_wait_finished(&app, i).finished;
        assert_true(finished.aborted);
        assert_int_equal(finished.status, 200);
        assert_true(finished.response_bytes < APP_BIG_BYTES);
        client_close(&one);
    }
    app_wait_counter(&app, &app.closed_count, 1); // The stream was told.
    close_all();
}

/// After a refusal the rest of the request is thrown away, but not for ever.
static void test_lingering_ends(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.linger_timeout_ms = 30;
    open_with(config);
    client_ask(&client, "BAD\r\n\r\n", 400);
    while (http_server_stats(app.server).connections > 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    close_all();
}

// ---- Caps. ----

static void test_connections_beyond_a_cap_are_told_503(void **state)
{
    (void)state;
    for (int by_address = 0; by_address < 2; by_address++) {
        struct http_config config = HTTP_CONFIG_DEFAULT;
        if (by_address) config.per_address_max = 2;
        if (!by_address) config.connections_max = 2;
        open_with(config);
        struct client second, third, fourth;
        client_open(&second, app_port(&app));
        client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
        client_ask(&second, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
        client_open(&third, app_port(&app));
        struct reply reply;
        client_receive(&third, &reply, false);
        assert_int_equal(reply.status, 503);
        assert_string_equal(reply_header(&reply, "Retry-After"), "1");
        reply_free(&reply);
        assert_int_equal(app_wait_finished(&app, 2).finished.refusal,
                         by_address ? HTTP_REFUSED_ADDRESS_EXHAUSTED
                                    : HTTP_REFUSED_CONNECTIONS_EXHAUSTED);
        assert_true(client_sees_end(&third));
        client_close(&third);
        client_close(&second);
        while (http_server_stats(app.server).connections > 1)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        client_open(&fourth, app_port(&app)); // There is room again.
        client_ask(&fourth, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
        client_close(&fourth);
        assert_int_equal(http_server_stats(app.server).connections_shed, 1);
        close_all();
    }
}

/// Clients wait in the backlog until there are descriptors again; the loop neither spins nor stops.
static void test_running_out_of_descriptors_is_survived(void **state)
{
    (void)state;
    open_with(HTTP_CONFIG_DEFAULT);
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    const int lowest_free = dup(client.fd);
    assert_true(lowest_free >= 0);
    close(lowest_free);
    const struct rlimit tight = {.rlim_cur = (rlim_t)lowest_free + 1, .rlim_max = files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    struct client waiting; // Takes the last descriptor.
    client_open(&waiting, app_port(&app));
    client_send(&waiting, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < 10; i++)
        client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    assert_int_equal(http_server_stats(app.server).connections, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    client_ask(&waiting, "", 200);
    client_close(&waiting);
    close_all();
}

// ---- Drain. ----

static void *drain(void *unused)
{
    (void)unused;
    return http_server_drain(app.server, 10000) ? &app : NULL;
}

static void test_a_drain_finishes_what_has_begun_and_nothing_else(void **state)
{
    (void)state;
    open_with(HTTP_CONFIG_DEFAULT);
    struct client idle, listener;
    client_open(&idle, app_port(&app));
    client_ask(&idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    client_open(&listener, app_port(&app));
    client_send(&listener, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    app_wait_counter(&app, &app.begun_count, 1);
    app_wait_held(&app, 1);

    pthread_t drainer;
    assert_int_equal(pthread_create(&drainer, NULL, drain, NULL), 0);
    assert_true(client_sees_end(&idle));
    app_wait_counter(&app, &app.drain_count, 1);
    struct reply reply;
    client_receive(&listener, &reply, false);
    assert_string_equal(reply.body, "data: 1\n\n");
    reply_free(&reply);
    assert_true(client_sees_end(&listener));
    app_release(&app);
    client_receive(&client, &reply, false);
    assert_string_equal(reply.body, "at last");
    assert_string_equal(reply_header(&reply, "Connection"), "close");
    reply_free(&reply);
    assert_true(client_sees_end(&client));
    client_close(&idle);
    client_close(&listener);
    client_close(&client);
    void *drained = NULL;
    pthread_join(drainer, &drained);
    assert_ptr_equal(drained, &app);
    close_all();
}

static void test_a_drain_gives_up_on_time(void **state)
{
    (void)state;
    open_with(HTTP_CONFIG_DEFAULT);
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\n");
    app_wait_held(&app, 1);
    assert_false(http_server_drain(app.server, 20));
    app_release(&app);
    client_ask(&client, "", 200);
    client_close(&client);
    assert_true(http_server_drain(app.server, 10000));
    close_all();
}

// ---- Opening. ----

static void never_asked(struct http_exchange *exchange, void *context)
{
    (void)exchange;
    (void)context;
    fail_msg("a server that did not open was asked");
}

static void test_what_cannot_be_opened_says_why(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *address, *cert_pem, *reason;
    } rows[] = {
        {"localhost",   NULL,           "LISTEN_ADDRESS_INVALID"},
        {"192.0.2.1",   NULL,           "LISTEN_FAILED"},
        {"127.0.0.1",   "/nonexistent", "TLS_CERTIFICATE_INVALID"},
    };
    // clang-format on
    const struct http_handler handler = {.on_request = never_asked};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_config config = HTTP_CONFIG_DEFAULT;
        config.address = rows[i].address;
        config.tls_cert_pem = config.tls_key_pem = rows[i].cert_pem;
        struct http_server *server = NULL;
        const struct status status = http_server_open(&config, &handler, &server);
        assert_false(status_ok(status));
        assert_string_equal(status.reason, rows[i].reason);
        assert_null(server);
    }
}

static void test_loops_share_a_port(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.loop_count = 3;
    config.address = "::"; // IPv4 clients as well, and they are shown as such.
    open_with(config);
    for (int i = 0; i < 50; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_ask(&one, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
        client_close(&one);
    }
    // The loops share it with each other, and with nobody else.
    const struct http_handler handler = {.on_request = never_asked};
    struct http_server *second = NULL;
    config.port = app_port(&app);
    const struct status status = http_server_open(&config, &handler, &second);
    assert_string_equal(status.reason, "LISTEN_FAILED");
    assert_null(second);
    close_all();
}

// ---- TLS. ----

static char cert_path[64], key_path[64];

static void write_certificate(long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_true(key != NULL && certificate != NULL);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"a", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(cert_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    file = fopen(key_path, "w");
    assert_non_null(file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void open_tls(struct http_config config)
{
    snprintf(cert_path, sizeof cert_path, "/tmp/florin-http-%d-cert.pem", (int)getpid());
    snprintf(key_path, sizeof key_path, "/tmp/florin-http-%d-key.pem", (int)getpid());
    write_certificate(1);
    config.tls_cert_pem = cert_path;
    config.tls_key_pem = key_path;
    app_open(&app, &config);
    client = (struct client){.fd = -1};
}

static void close_tls(void)
{
    close_all();
    unlink(cert_path);
    unlink(key_path);
}

static void test_tls_serves_the_same(void **state)
{
    (void)state;
    open_tls(HTTP_CONFIG_DEFAULT);
    assert_int_equal(client_open_tls(&client, app_port(&app)), 1);
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    static char body[50000];
    memset(body, 'b', sizeof body);
    client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 50000\r\n\r\n");
    client_send_bytes(&client, body, sizeof body);
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_int_equal(reply.body_size, sizeof body);
    assert_memory_equal(reply.body, body, sizeof body);
    reply_free(&reply);
    static const char *const paths[] = {"/big", "/download", "/chunks"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        client_send(&client, text);
        client_receive(&client, &reply, false);
        assert_int_equal(reply.body_size, APP_BIG_BYTES);
        for (size_t at = 0; at < APP_BIG_BYTES; at += 997)
            assert_int_equal((uint8_t)reply.body[at], app_big_byte(at));
        reply_free(&reply);
    }

    // More than the connection's buffer holds: what OpenSSL still has makes no socket readable.
    enum { PIPELINED = 700 };

    static char pipeline[PIPELINED * 40];
    size_t size = 0;
    for (int i = 0; i < PIPELINED; i++)
        size += (size_t)snprintf(pipeline + size, sizeof pipeline - size,
                                 "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\n");
    client_send_bytes(&client, pipeline, size);
    app_wait_held(&app, 1);
    app_release(&app);
    for (int i = 0; i < PIPELINED + 1; i++)
        client_ask(&client, "", 200);
    client_send(&client, "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    client_ask(&client, "", 200);
    assert_true(client_sees_end(&client));
    close_tls();
}

static void test_a_reload_shows_the_new_certificate_to_new_connections(void **state)
{
    (void)state;
    open_tls(HTTP_CONFIG_DEFAULT);
    assert_int_equal(client_open_tls(&client, app_port(&app)), 1);
    write_certificate(2);
    assert_true(status_ok(http_server_reload_tls(app.server)));
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200); // The old one lives on.
    struct client fresh;
    assert_int_equal(client_open_tls(&fresh, app_port(&app)), 2);
    client_ask(&fresh, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    client_close(&fresh);

    FILE *file = fopen(key_path, "w"); // A broken file changes nothing.
    assert_non_null(file);
    fclose(file);
    assert_string_equal(http_server_reload_tls(app.server).reason, "TLS_KEY_INVALID");
    assert_int_equal(client_open_tls(&fresh, app_port(&app)), 2);
    client_close(&fresh);
    close_tls();
}

static void test_a_failed_or_slow_handshake_is_closed(void **state)
{
    (void)state;
    struct http_config config = HTTP_CONFIG_DEFAULT;
    config.head_timeout_ms = 300; // As above.
    open_tls(config);
    struct client plain;
    client_open(&plain, app_port(&app));
    client_send(&plain, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    while (!client_sees_end(&plain))
        client_skip(&plain, 1); // An alert, which is not HTTP.
    client_close(&plain);
    assert_int_equal(http_server_stats(app.server).tls_failures, 1);
    client_open(&plain, app_port(&app)); // Says nothing at all.
    assert_true(client_sees_end(&plain));
    client_close(&plain);
    assert_int_equal(finished_count(), 0);
    close_tls();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_slow_client_is_answered_408_and_closed),
        cmocka_unit_test(test_a_trickle_does_not_keep_a_head_alive),
        cmocka_unit_test(test_a_steady_body_earns_its_time),
        cmocka_unit_test(test_an_idle_connection_is_closed_without_a_word),
        cmocka_unit_test(test_an_answer_may_take_longer_than_every_deadline_of_the_client),
        cmocka_unit_test(test_a_client_that_does_not_read_is_cut_off),
        cmocka_unit_test(test_lingering_ends),
        cmocka_unit_test(test_connections_beyond_a_cap_are_told_503),
        cmocka_unit_test(test_running_out_of_descriptors_is_survived),
        cmocka_unit_test(test_a_drain_finishes_what_has_begun_and_nothing_else),
        cmocka_unit_test(test_a_drain_gives_up_on_time),
        cmocka_unit_test(test_what_cannot_be_opened_says_why),
        cmocka_unit_test(test_loops_share_a_port),
        cmocka_unit_test(test_tls_serves_the_same),
        cmocka_unit_test(test_a_reload_shows_the_new_certificate_to_new_connections),
        cmocka_unit_test(test_a_failed_or_slow_handshake_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
