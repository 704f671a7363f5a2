// A POST, against a server that the test plays: what is sent, what becomes of it, whom it reaches.
#include "common/outbound/outbound.h"
#include "tests/support/web_peer.h"
#include "tests/unit/support/unit.h"

#include <signal.h>

enum { URL_BYTES = 128, LONG_MS = 100000, SHORT_MS = 300 };

struct scene {
    char directory[DIRECTORY_PATH_BYTES], pem[DIRECTORY_PATH_BYTES + 8];
    struct peer_identity *identity;
    struct web_peer *web, *tls; // In clear, and not.
    struct outbound *outbound;
    struct outbound_attempt *attempt;
};

static void open_outbound(struct scene *scene, uint64_t timeout_ms)
{
    outbound_attempt_close(&scene->attempt);
    outbound_close(&scene->outbound);
    scene->outbound = outbound_open(
        &(struct outbound_config){.tls_ca_file = scene->pem, .timeout_ms = timeout_ms});
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    directory_make("outbound", scene->directory, sizeof scene->directory);
    snprintf(scene->pem, sizeof scene->pem, "%s/ca.pem", scene->directory);
    scene->identity = peer_identity_make("127.0.0.1", scene->pem);
    scene->web = web_peer_open(NULL);
    scene->tls = web_peer_open(scene->identity);
    open_outbound(scene, LONG_MS);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    outbound_attempt_close(&scene->attempt);
    outbound_close(&scene->outbound);
    web_peer_close(&scene->web);
    web_peer_close(&scene->tls);
    peer_identity_free(&scene->identity);
    directory_remove(scene->directory);
    free(scene);
    return 0;
}

static struct outbound_report post(struct scene *scene, const struct outbound_post *post_)
{
    struct outbound_report report;
    outbound_attempt_close(&scene->attempt);
    scene->attempt = outbound_start_post(scene->outbound, post_, scene);
    while (outbound_next(scene->outbound, &report) == NULL)
        outbound_wait(scene->outbound, -1, 1000);
    return report;
}

static const char *url_of(const struct web_peer *peer, const char *scheme, const char *host)
{
    static char url[URL_BYTES];
    snprintf(url, sizeof url, "%s://%s:%u/in?x=1", scheme, host, web_peer_port(peer));
    return url;
}

static struct outbound_post hello(const char *url)
{
    return (struct outbound_post){
        .url = url, .content_type = "application/json", .body = bytes_of_text("{\"a\":1}")};
}

static void test_what_is_sent(void **state)
{
    struct scene *scene = *state;
    static struct web_received got;
    char value[64];
    const struct outbound_header headers[] = {{"webhook-id", "evt_1"}, {"x-empty", ""}};
    struct outbound_post request = hello(url_of(scene->tls, "https", "127.0.0.1"));
    request.user_agent = "Florin/1";
    request.headers = headers;
    request.header_count = 2;
    request.https_only = true;
    struct outbound_report report = post(scene, &request);
    assert_int_equal(report.result, OUTBOUND_ACCEPTED);
    assert_int_equal(report.code, 200);
    assert_int_equal(web_peer_received(scene->tls, &got), 1);
    assert_memory_equal(got.head, "POST /in?x=1 HTTP/1.1\n", 22);
    assert_string_equal(got.body, "{\"a\":1}");
    web_received_header(&got, "Content-Type", value, sizeof value);
    assert_string_equal(value, "application/json");
    web_received_header(&got, "webhook-id", value, sizeof value);
    assert_string_equal(value, "evt_1");
    web_received_header(&got, "User-Agent", value, sizeof value);
    assert_string_equal(value, "Florin/1");
    assert_null(strstr(got.head, "x-empty"));
    assert_null(strstr(got.head, "Expect"));
}

static void test_what_becomes_of_it(void **state)
{
    // clang-format off
    static const struct {
        const char *status, *headers;
        enum outbound_result result;
        uint32_t code;
        uint64_t wait_ms;
    } rows[] = {
        {"200 OK",          "",                                  OUTBOUND_ACCEPTED, 200, 0},
        {"204 No Content",  "",                                  OUTBOUND_ACCEPTED, 204, 0},
        {"299 Odd",         "",                                  OUTBOUND_ACCEPTED, 299, 0},
        {"200 OK",          "Retry-After: 7\r\n",                OUTBOUND_ACCEPTED, 200, 0},
        {"301 Moved",       "Location: http://127.0.0.1:1/\r\n", OUTBOUND_FAILED,   301, 0},
        {"307 Go on",       "Location: /in\r\n",                 OUTBOUND_FAILED,   307, 0},
        {"400 Bad",         "",                                  OUTBOUND_REFUSED,  400, 0},
        {"401 Who",         "",                                  OUTBOUND_FAILED,   401, 0},
        {"410 Gone",        "",                                  OUTBOUND_REFUSED,  410, 0},
        {"429 Slowly",      "Retry-After: 7\r\n",                OUTBOUND_FAILED,   429, 7000},
        {"503 Busy",        "Retry-After: x\r\n",                OUTBOUND_FAILED,   503, 0},
        {"500 Oh",          "",                                  OUTBOUND_FAILED,   500, 0},
        {"",                "",                                  OUTBOUND_FAILED,   0,   0},
    };
    // clang-format on
    struct scene *scene = *state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        web_peer_set_answer(scene->web, rows[i].status, rows[i].headers);
        struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
        struct outbound_report report = post(scene, &request);
        if (report.result != rows[i].result || report.code != rows[i].code ||
            report.wait_ms != rows[i].wait_ms)
            fail_msg("%s %s: %d %u %s", rows[i].status, rows[i].headers, report.result, report.code,
                     report.what);
        assert_int_equal(web_peer_received(scene->web, NULL), i + 1); // Nobody is followed.
    }
}

static void test_a_head_without_end_is_not_our_lack_of_memory(void **state)
{
    enum { LINE_BYTES = 200000 };

    struct scene *scene = *state;
    static char headers[LINE_BYTES + 1]; // The peer may still be sending when we have ended.
    memset(headers, 'a', LINE_BYTES);
    memcpy(headers, "X: ", 3);
    memcpy(headers + LINE_BYTES - 2, "\r\n", 3);
    web_peer_set_answer(scene->web, "200 OK", headers);
    struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
    struct outbound_report report = post(scene, &request);
    assert_int_equal(report.result, OUTBOUND_FAILED);
    assert_string_equal(report.what, "the answer's head is too long, or there is no memory");
    web_peer_set_answer(scene->web, "200 OK", "");
}

static void test_a_server_that_hangs_costs_its_time_and_no_more(void **state)
{
    struct scene *scene = *state;
    open_outbound(scene, SHORT_MS);
    web_peer_set_answer(scene->web, NULL, "");
    struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
    struct outbound_report report = post(scene, &request);
    assert_int_equal(report.result, OUTBOUND_FAILED);
    assert_int_equal(report.code, 0);
    assert_true(report.duration_ms >= SHORT_MS / 2);
}

static void test_an_attempt_that_is_cancelled_ends_at_once(void **state)
{
    struct scene *scene = *state;
    web_peer_set_answer(scene->web, NULL, "");
    struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
    scene->attempt = outbound_start_post(scene->outbound, &request, scene);
    while (web_peer_received(scene->web, NULL) == 0)
        outbound_wait(scene->outbound, -1, 1);
    outbound_attempt_close(&scene->attempt); // LONG_MS would be the test's time-out.
}

static struct web_answer answer_much(void *context, size_t number, const struct web_received *got)
{
    (void)number, (void)got;
    return (struct web_answer){"200 OK", "Content-Type: text/x.tlog.size\r\n", context};
}

static void test_the_answer_is_kept_when_it_is_wanted(void **state)
{
    // Static: the server's thread may still be at it when we have read enough.
    static char texts[2][OUTBOUND_ANSWER_BYTES_MAX + 2];
    struct scene *scene = *state;
    memset(texts[0], 'a', OUTBOUND_ANSWER_BYTES_MAX);
    memset(texts[1], 'a', OUTBOUND_ANSWER_BYTES_MAX + 1);
    for (int too_long = 0; too_long <= 1; too_long++) {
        web_peer_set_answerer(scene->web, answer_much, texts[too_long]);
        for (int is_kept = 0; is_kept <= 1; is_kept++) {
            struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
            request.keep_answer = is_kept;
            struct outbound_report report = post(scene, &request);
            bool is_fine = !too_long || !is_kept;
            assert_int_equal(report.result, is_fine ? OUTBOUND_ACCEPTED : OUTBOUND_FAILED);
            assert_int_equal(report.code, 200);
            assert_string_equal(report.content_type, "text/x.tlog.size");
            if (!is_fine) assert_string_equal(report.what, "the answer is too long");
            if (is_kept && !too_long)
                assert_true(bytes_equal(report.answer, bytes_of_text(texts[0])));
        }
    }
}

static void test_only_public_addresses_are_connected_to(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "127.1", "[::1]", "0"};
    struct scene *scene = *state;
    for (size_t i = 0; i < ROWS(hosts); i++) {
        struct outbound_post request = hello(url_of(scene->web, "http", hosts[i]));
        request.public_only = true;
        struct outbound_report report = post(scene, &request);
        assert_int_equal(report.result, OUTBOUND_FAILED);
        assert_true(report.is_forbidden);
        assert_string_equal(report.what, "address not allowed");
    }
    assert_int_equal(web_peer_received(scene->web, NULL), 0);
    struct outbound_post request = hello(url_of(scene->web, "http", "localhost"));
    assert_int_equal(post(scene, &request).result, OUTBOUND_ACCEPTED); // Without it it works.
}

static void test_the_environment_names_no_proxy(void **state)
{
    struct scene *scene = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "socks5://127.0.0.1:1", 1);
    struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
    assert_int_equal(post(scene, &request).result, OUTBOUND_ACCEPTED);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

static void test_https_only_and_the_certificate(void **state)
{
    struct scene *scene = *state;
    struct outbound_post request = hello(url_of(scene->web, "http", "127.0.0.1"));
    request.https_only = true;
    assert_int_equal(post(scene, &request).result, OUTBOUND_FAILED);
    assert_int_equal(web_peer_received(scene->web, NULL), 0);

    request = hello(url_of(scene->tls, "https", "localhost")); // Its certificate says 127.0.0.1.
    assert_int_equal(post(scene, &request).result, OUTBOUND_FAILED);
    scene->pem[0] = '\0'; // The system's authorities do not know the test's.
    open_outbound(scene, LONG_MS);
    request = hello(url_of(scene->tls, "https", "127.0.0.1"));
    assert_int_equal(post(scene, &request).result, OUTBOUND_FAILED);
    assert_int_equal(web_peer_received(scene->tls, NULL), 0);
}

static void test_headers(void **state)
{
    static char long_value[OUTBOUND_HEADER_BYTES_MAX + 1];

    // clang-format off
    const struct {
        const char *name, *value;
        bool is_safe;
    } rows[] = {
        {"webhook-id",  "evt_1",          true},
        {"webhook-id",  "",               true},
        {"webhook-id",  "a\r\nX: y",      false},
        {"webhook-id",  "a\n",            false},
        {"webhook-id",  "a\x7f",          false},
        {"webhook-id",  "a\tb",           false},
        {"web hook",    "a",              false},
        {"webhook:",    "a",              false},
        {"",            "a",              false},
        {"x",           long_value,       false},
    };

    // clang-format on
    (void)state;
    memset(long_value, 'a', OUTBOUND_HEADER_BYTES_MAX);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct outbound_header header = {rows[i].name, rows[i].value};
        if (outbound_header_is_safe(&header) != rows[i].is_safe) fail_msg("row %zu", i);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); // As the daemons do.
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_sent),
        TEST(test_what_becomes_of_it),
        TEST(test_a_head_without_end_is_not_our_lack_of_memory),
        TEST(test_a_server_that_hangs_costs_its_time_and_no_more),
        TEST(test_an_attempt_that_is_cancelled_ends_at_once),
        TEST(test_the_answer_is_kept_when_it_is_wanted),
        TEST(test_only_public_addresses_are_connected_to),
        TEST(test_the_environment_names_no_proxy),
        TEST(test_https_only_and_the_certificate),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
