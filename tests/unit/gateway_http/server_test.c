// The engine over real sockets: what a client may rely on. Deadlines, caps, drain and TLS are in
// server_limits_test.c.
#include "common/base/check.h"
#include "tests/unit/gateway_http/app.h"
#include "tests/unit/gateway_http/harness.h"

#include <string.h>

#define HOST "Host: a\r\n"

static struct app app;
static struct client client;

static int open_all(void **state)
{
    (void)state;
    app_open(&app, &HTTP_CONFIG_DEFAULT);
    client_open(&client, app_port(&app));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    client_close(&client);
    app_close(&app);
    return 0;
}

static void expect_reply(int status, const char *body)
{
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_int_equal(reply.status, status);
    assert_string_equal(reply.body, body);
    reply_free(&reply);
}

static void test_an_answer_has_what_it_needs_and_no_more(void **state)
{
    (void)state;
    client_send(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_string_equal(reply.body, "hello");
    assert_string_equal(reply_header(&reply, "Content-Length"), "5");
    assert_string_equal(reply_header(&reply, "Content-Type"), "text/plain");
    assert_int_equal(strlen(reply_header(&reply, "Date")), 29);
    assert_null(reply_header(&reply, "Connection"));
    assert_null(reply_header(&reply, "Server"));
    assert_null(reply_header(&reply, "X-Absent"));
    reply_free(&reply);
    const struct http_finished finished = app_wait_finished(&app, 0).finished;
    assert_int_equal(finished.status, 200);
    assert_false(finished.aborted);
    assert_true(finished.response_bytes > 100 && finished.duration_ns > 0);
}

/// After a round trip on another connection of the same loop, the loop has seen what was sent here.
static void wait_until_read(struct client *other)
{
    client_ask(other, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
}

static void test_a_request_may_be_cut_at_any_byte(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 7\r\n\r\nab\r\ncde",
        "POST /echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n4\r\nab\r\n\r\n3;x\r\ncde\r\n0\r\nT: u\r\n\r\n",
    };
    struct client other;
    client_open(&other, app_port(&app));
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (size_t cut = 1; cut < strlen(requests[i]); cut++) {
            client_send_bytes(&client, requests[i], cut);
            wait_until_read(&other);
            client_send(&client, requests[i] + cut);
            expect_reply(200, "ab\r\ncde");
        }
    }
    client_close(&other);
}

static void test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    client_send(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"
                         "GET /held HTTP/1.1\r\n" HOST "\r\n"
                         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none"
                         "POST /echo HTTP/1.1\r\n" HOST
                         "Transfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
                         "GET /nowhere HTTP/1.1\r\n" HOST "\r\n");
    expect_reply(200, "hello");
    app_wait_held(&app, 1);
    app_release(&app);
    expect_reply(200, "at last");
    expect_reply(200, "one");
    expect_reply(200, "two");
    expect_reply(404, "nothing here");
}

/// More pipelined bytes than the buffer of a connection holds, while one request is in flight.
static void test_a_long_pipeline_waits_for_the_answer_before_it(void **state)
{
    (void)state;

    enum { REQUESTS = 2000 };

    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\n");
    for (int i = 0; i < REQUESTS; i++)
        client_send(&client, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\none");
    app_wait_held(&app, 1);
    app_release(&app);
    expect_reply(200, "at last");
    for (int i = 0; i < REQUESTS; i++)
        expect_reply(200, "one");
}

static void test_nothing_behind_a_doubtful_message_is_read(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "POST /echo HTTP/1.1\r\n" HOST
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n0\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "GET /hello HTTP/1.1\n" HOST "\r\n",
        "\x16\x03\x01 a TLS hello",
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_send(&one, messages[i]);
        client_send(&one, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
        struct reply reply;
        client_receive(&one, &reply, false);
        assert_int_equal(reply.status, 400);
        assert_string_equal(reply_header(&reply, "Connection"), "close");
        reply_free(&reply);
        assert_true(client_sees_end(&one));
        client_close(&one);
        assert_string_not_equal(app_wait_finished(&app, i).path, "/hello");
    }
}

static void test_refusals_of_the_engine_speak_the_applications_language(void **state)
{
    (void)state;
    app.refusals_in_json = true;
    client_send(&client, "GET / HTTP/1.1\r\n\r\n");
    expect_reply(400, "{\"reason\":\"HOST_MISSING\"}");
    assert_true(client_sees_end(&client));
    assert_int_equal(app_wait_finished(&app, 0).finished.refusal, HTTP_REFUSED_HOST_MISSING);
}

static void test_heads_have_limits(void **state)
{
    (void)state;
    static char large[HTTP_HEAD_BYTES_MAX + 1];
    memset(large, 'a', sizeof large);
    client_send(&client, "GET / HTTP/1.1\r\nA: ");
    client_send_bytes(&client, large, sizeof large);
    client_ask(&client, "", 431);
    struct client other;
    client_open(&other, app_port(&app));
    client_send(&other, "GET /");
    client_send_bytes(&other, large, sizeof large);
    client_ask(&other, "", 414);
    client_close(&other);
}

static void test_a_body_larger_than_allowed_is_refused_unread(void **state)
{
    (void)state;

    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"POST /limited HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n0123456789", 200},
        {"POST /limited HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", 413},
        {"POST /limited HTTP/1.1\r\n" HOST "Content-Length: 999999999999999999\r\n\r\n", 413},
        {"POST /limited HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
         200},
        {"POST /limited HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nb\r\n0", 413},
        {"POST /limited HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n9\r\n012345678\r\n2\r\n9",
         413},
        {"POST /limited HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n0123",
         413},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_ask(&one, rows[i].request, rows[i].status);
        if (rows[i].status == 413) {
            assert_true(client_sees_end(&one));
            assert_int_equal(app_wait_finished(&app, i).finished.refusal,
                             HTTP_REFUSED_BODY_TOO_LARGE);
        }
        client_close(&one);
    }
}

/// A client that writes before it reads still finds the answer: its bytes are taken and thrown
/// away.
static void test_a_refusal_reaches_a_client_that_is_still_sending(void **state)
{
    (void)state;
    static char body[900000];
    memset(body, 'b', sizeof body);
    client_send(&client, "POST /limited HTTP/1.1\r\n" HOST "Content-Length: 900000\r\n\r\n");
    client_send_bytes(&client, body, sizeof body);
    client_ask(&client, "", 413);
    client_finish_sending(&client);
    assert_true(client_sees_end(&client));
}

static char *make_body(size_t size)
{
    char *body = malloc(size);
    assert_non_null(body);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)app_big_byte(i);
    return body;
}

/// Sizes around every border: in the first read, in the buffer, in a buffer of its own.
static void test_bodies_of_all_sizes_arrive(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,     4000,  20000, 20400, 20440, 20450,
                                   20460, 20480, 20500, 32768, 60000, 65536};
    char head[256];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *body = make_body(sizes[i]);
        for (int chunked = 0; chunked < 2; chunked++) {
            snprintf(head, sizeof head,
                     chunked ? "POST /echo HTTP/1.1\r\n" HOST
                               "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
                             : "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
                     sizes[i]);
            client_send(&client, head);
            client_send_bytes(&client, body, sizes[i]);
            if (chunked) client_send(&client, "\r\n0\r\n\r\n");
            client_send(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"); // Where does it end?
            struct reply reply;
            client_receive(&client, &reply, false);
            assert_int_equal(reply.status, 200);
            assert_int_equal(reply.body_size, sizes[i]);
            assert_memory_equal(reply.body, body, sizes[i]);
            reply_free(&reply);
            expect_reply(200, "hello");
        }
        free(body);
    }
}

/// The first request is as long as leaves no room at all behind the second one's head, unless the
/// bytes are moved.
static void test_the_largest_head_may_have_a_body(void **state)
{
    (void)state;

    enum { FIRST_BYTES = 4098, BODY_BYTES = 50000 };

    static char text[FIRST_BYTES + HTTP_HEAD_BYTES_MAX];
    memset(text, 'a', sizeof text);
    static const char first[] = "GET /hello HTTP/1.1\r\n" HOST "A: ";
    static const char second[] = "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 50000\r\nA: ";
    memcpy(text, first, sizeof first - 1);
    memcpy(text + FIRST_BYTES - 4, "\r\n\r\n", 4);
    memcpy(text + FIRST_BYTES, second, sizeof second - 1);
    memcpy(text + sizeof text - 4, "\r\n\r\n", 4);
    char *body = make_body(BODY_BYTES);
    client_send_bytes(&client, text, sizeof text);
    client_send_bytes(&client, body, BODY_BYTES);
    expect_reply(200, "hello");
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_int_equal(reply.body_size, BODY_BYTES);
    assert_memory_equal(reply.body, body, BODY_BYTES);
    reply_free(&reply);
    free(body);
}

static void test_continue_is_said_only_to_those_who_may(void **state)
{
    (void)state;
    client_ask(&client,
               "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
               100);
    client_send(&client, "ab");
    expect_reply(200, "ab");
    client_ask(&client,
               "POST /echo HTTP/1.1\r\n" HOST
               "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
               100);
    client_send(&client, "2\r\nab\r\n0\r\n\r\n");
    expect_reply(200, "ab");
    // One that did not wait is not told any more.
    client_ask(&client,
               "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
               200);
    client_ask(
        &client,
        "POST /guarded HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", 401);
    assert_true(client_sees_end(&client));
}

static void test_a_request_refused_by_its_head_costs_the_connection_only_if_it_must(void **state)
{
    (void)state;
    client_ask(&client, "GET /guarded HTTP/1.1\r\n" HOST "\r\n", 401);
    client_ask(&client, "POST /guarded HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 401);
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    client_ask(&client, "POST /guarded HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\na", 401);
    assert_true(client_sees_end(&client));
}

static void test_http_1_0_closes_unless_asked(void **state)
{
    (void)state;
    client_send(&client, "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_string_equal(reply_header(&reply, "Connection"), "keep-alive");
    reply_free(&reply);
    client_send(&client, "GET /hello HTTP/1.0\r\n\r\n");
    client_receive(&client, &reply, false);
    assert_string_equal(reply_header(&reply, "Connection"), "close");
    reply_free(&reply);
    assert_true(client_sees_end(&client));
}

static void test_answers_without_a_body_have_none(void **state)
{
    (void)state;
    static const char *const heads[] = {"/hello", "/big", "/download", "/chunks"};
    struct reply reply;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "HEAD %s HTTP/1.1\r\n" HOST "\r\n", heads[i]);
        client_send(&client, text);
        client_receive(&client, &reply, true);
        assert_int_equal(reply.status, 200);
        const char *length = i == 0 ? "5" : "8388608";
        if (i < 3) assert_string_equal(reply_header(&reply, "Content-Length"), length);
        reply_free(&reply);
    }
    client_send(&client, "GET /empty HTTP/1.1\r\n" HOST "\r\n");
    client_receive(&client, &reply, false);
    assert_int_equal(reply.status, 204);
    assert_null(reply_header(&reply, "Content-Length"));
    reply_free(&reply);
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200); // Nothing was left over.
}

static void test_a_header_value_cannot_add_headers(void **state)
{
    (void)state;
    client_send(&client, "GET /injected HTTP/1.1\r\n" HOST "\r\n");
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_string_equal(reply_header(&reply, "X-Echo"), "a  X-Evil: b    c");
    assert_null(reply_header(&reply, "X-Evil"));
    reply_free(&reply);
}

static void test_a_client_may_leave_while_its_request_is_in_flight(void **state)
{
    (void)state;
    struct client other;
    client_open(&other, app_port(&app));
    for (size_t i = 0; i < 2; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_send(&one, "POST /held HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab");
        app_wait_held(&app, 1);
        if (i == 0) client_reset(&one);
        if (i == 1) client_close(&one);
        wait_until_read(&other);
        app_release(&app);
        const struct app_finished finished = app_wait_finished(&app, 2 * i + 1);
        assert_string_equal(finished.path, "/held");
        // After FIN the answer may still be wanted, so it was sent; after RST there was nowhere to.
        assert_int_equal(finished.finished.aborted, i == 0);
    }
    client_close(&other);
    client_ask(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n", 200);
    app_wait_nothing_inflight(&app);
}

static void test_a_client_may_leave_in_the_middle_of_a_request(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "G",
        "GET /hello HTTP/1.1\r\n" HOST,
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 60000\r\n\r\nab",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n4\r\nab",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct client one;
        client_open(&one, app_port(&app));
        client_send(&one, pieces[i]);
        client_finish_sending(&one);
        assert_true(client_sees_end(&one));
        client_close(&one);
    }
    app_wait_nothing_inflight(&app);
}

static void test_a_half_closed_client_gets_all_its_answers(void **state)
{
    (void)state;
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    client_finish_sending(&client);
    app_wait_held(&app, 1);
    app_release(&app);
    expect_reply(200, "at last");
    expect_reply(200, "hello");
    assert_true(client_sees_end(&client));
}

static void test_large_bodies_are_whole_for_slow_readers(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /big HTTP/1.1\r\n" HOST "\r\n",
        "GET /download HTTP/1.1\r\n" HOST "\r\n",
        "GET /chunks HTTP/1.1\r\n" HOST "\r\n",
        "GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    };
    struct client other;
    client_open(&other, app_port(&app));
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        client_send(&client, requests[i]);
        wait_until_read(&other); // The socket is full by now, and the queue of a stream as well.
        struct reply reply;
        client_receive(&client, &reply, false);
        assert_int_equal(reply.body_size, APP_BIG_BYTES);
        for (size_t at = 0; at < APP_BIG_BYTES; at++) {
            if ((uint8_t)reply.body[at] != app_big_byte(at)) fail_msg("byte %zu differs", at);
        }
        reply_free(&reply);
    }
    assert_true(client_sees_end(&client)); // A body without a length ends with the connection.
    client_close(&other);
}

static void test_a_stream_learns_that_its_client_has_gone(void **state)
{
    (void)state;
    client_send(&client, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    app_wait_counter(&app, &app.begun_count, 1);
    client_skip(&client, 90); // The head, and some of the first event.
    client_close(&client);
    app_wait_counter(&app, &app.closed_count, 1);
    assert_true(app_wait_finished(&app, 0).finished.aborted);

    struct client one;
    client_open(&one, app_port(&app));
    client_send(&one, "GET /download HTTP/1.1\r\n" HOST "\r\n");
    client_skip(&one, 100000);
    client_reset(&one); // In the middle of 8 MiB.
    assert_true(app_wait_finished(&app, 1).finished.aborted);
}

static void test_a_broken_promise_of_length_is_visible(void **state)
{
    (void)state;
    client_send(&client, "GET /short HTTP/1.1\r\n" HOST "\r\n");
    assert_true(app_wait_finished(&app, 0).finished.aborted);
    client_skip(&client, 50);
    while (!client_sees_end(&client))
        client_skip(&client, 1); // Fewer bytes than it said, then the end.
}

struct numbered_job {
    struct http_job job;
    int poster, number;
};

enum { POSTERS = 4, POSTS = 5000 };

static int last_number[POSTERS];
static size_t jobs_run;

static void run_numbered(struct http_job *job)
{
    const struct numbered_job *numbered = (struct numbered_job *)job;
    CHECK(numbered->number == last_number[numbered->poster] + 1);
    last_number[numbered->poster] = numbered->number;
    free(job);
    pthread_mutex_lock(&app.lock);
    jobs_run++;
    pthread_cond_broadcast(&app.changed);
    pthread_mutex_unlock(&app.lock);
}

static struct http_loop *job_loop;

static void *post_jobs(void *poster)
{
    for (int i = 1; i <= POSTS; i++) {
        struct numbered_job *job = calloc(1, sizeof *job);
        if (job == NULL) return NULL;
        *job = (struct numbered_job){{.run = run_numbered}, *(int *)poster, i};
        http_loop_post(job_loop, &job->job);
    }
    return NULL;
}

static void test_posted_jobs_run_once_and_in_the_order_of_each_poster(void **state)
{
    (void)state;
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\n");
    app_wait_held(&app, 1);
    job_loop = http_exchange_loop(app.held[0]);
    pthread_t threads[POSTERS];
    int posters[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, post_jobs, &posters[i]), 0);
    }
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    app_wait_counter(&app, &jobs_run, POSTERS * POSTS);
    app_release(&app);
    expect_reply(200, "at last");
}

static void test_closing_with_requests_in_flight_leaves_nothing(void **state)
{
    (void)state;
    client_send(&client, "GET /held HTTP/1.1\r\n" HOST "\r\n");
    app_wait_held(&app, 1);
    struct client one;
    client_open(&one, app_port(&app));
    client_send(&one, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    app_wait_counter(&app, &app.begun_count, 1);
    http_server_close(&app.server);
    assert_int_equal(app.finished_count, 2);
    assert_true(app.finished[0].finished.aborted && app.finished[1].finished.aborted);
    client_close(&one);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_answer_has_what_it_needs_and_no_more),
        TEST(test_a_request_may_be_cut_at_any_byte),
        TEST(test_pipelined_requests_are_answered_in_order),
        TEST(test_a_long_pipeline_waits_for_the_answer_before_it),
        TEST(test_nothing_behind_a_doubtful_message_is_read),
        TEST(test_refusals_of_the_engine_speak_the_applications_language),
        TEST(test_heads_have_limits),
        TEST(test_a_body_larger_than_allowed_is_refused_unread),
        TEST(test_a_refusal_reaches_a_client_that_is_still_sending),
        TEST(test_bodies_of_all_sizes_arrive),
        TEST(test_the_largest_head_may_have_a_body),
        TEST(test_continue_is_said_only_to_those_who_may),
        TEST(test_a_request_refused_by_its_head_costs_the_connection_only_if_it_must),
        TEST(test_http_1_0_closes_unless_asked),
        TEST(test_answers_without_a_body_have_none),
        TEST(test_a_header_value_cannot_add_headers),
        TEST(test_a_client_may_leave_while_its_request_is_in_flight),
        TEST(test_a_client_may_leave_in_the_middle_of_a_request),
        TEST(test_a_half_closed_client_gets_all_its_answers),
        TEST(test_large_bodies_are_whole_for_slow_readers),
        TEST(test_a_stream_learns_that_its_client_has_gone),
        TEST(test_a_broken_promise_of_length_is_visible),
        TEST(test_posted_jobs_run_once_and_in_the_order_of_each_poster),
        TEST(test_closing_with_requests_in_flight_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
