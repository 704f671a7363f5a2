// Event streams through a whole gateway, before a log that the test plays.
#include "common/base/clock.h"
#include "tests/unit/gateway/broadcast.h"

#include <inttypes.h>
#include <jansson.h>

// ---- Events --------------------------------------------------------------------------------

static void test_events_come_as_they_happen(void **state)
{
    (void)state;
    broadcast_append(7);
    struct event_stream *stream = broadcast_begun("auditor", "", NULL);
    const char *head = event_stream_head(stream);
    assert_non_null(strstr(head, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(head, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(head, "X-Accel-Buffering: no\r\n"));
    struct event_stream_event event;
    broadcast_append(1);
    assert_int_equal(event_stream_next(stream, WAIT_MS, &event), EVENT_STREAM_EVENT);
    assert_int_equal(event_stream_retry_ms(stream), 2000);
    assert_string_equal(event.id, "7"); // From now on.
    assert_string_equal(event.type, "auth.login.succeeded");
    json_t *data = json_loads(event.data, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(data, "index")), "7");
    assert_string_equal(json_string_value(json_object_get(data, "client_ip")), "192.0.2.9");
    json_decref(data);
    broadcast_append(1000);
    broadcast_expect_run(stream, 8, 1008);
    broadcast_expect_quiet(stream);
    event_stream_close(&stream);
}

static void test_a_stream_begins_where_it_is_told(void **state)
{
    (void)state;

    static const struct {
        const char *query, *last_id;
        uint64_t first;
    } rows[] = {
        {"", "499", 500},
        {"?after=499", NULL, 500},
        {"?from=499", NULL, 499},
        {"?after=3&from=7", "499", 500},
        {"?from=0", NULL, 0},
        {"", "999", 1000},
        {"?after=1&from=9", NULL, 2},
        {"?after=7", "", 8}, // An empty one is none.
    };

    broadcast_append(1000);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct event_stream *stream = broadcast_begun("auditor", rows[i].query, rows[i].last_id);
        uint64_t size = atomic_load(&played.size);
        broadcast_append(3);
        broadcast_expect_run(stream, rows[i].first, size + 3);
        event_stream_close(&stream);
    }
}

static void test_a_filter_chooses_types(void **state)
{
    (void)state;
    broadcast_append(100);
    struct event_stream *past = broadcast_begun("auditor", "?types=ledger.*&from=0", NULL);
    struct event_stream *live = broadcast_begun("auditor", "?types=nothing.like.it,auth.*", NULL);
    broadcast_append(100);
    for (uint64_t i = 0; i < 200; i += 2)
        assert_int_equal(broadcast_next(past), i);
    for (uint64_t i = 101; i < 200; i += 2)
        assert_int_equal(broadcast_next(live), i);
    broadcast_expect_quiet(past);
    event_stream_close(&past);
    event_stream_close(&live);
}

static void expect_concerned(struct event_stream *stream, const char *user, uint64_t to)
{
    struct event_stream_event event;
    for (uint64_t i = 0; i < to; i++) {
        bool is_own = strcmp(broadcast_actor(i), user) == 0;
        bool is_shown = broadcast_seen_by(i) != NULL && strcmp(broadcast_seen_by(i), user) == 0;
        if (!is_own && !is_shown) continue;
        assert_int_equal(event_stream_next(stream, WAIT_MS, &event), EVENT_STREAM_EVENT);
        assert_int_equal(strtoull(event.id, NULL, 10), i);
        json_t *data = json_loads(event.data, 0, NULL);
        assert_true(json_is_null(json_object_get(data, "data")));
        expect_text("actor", json_string_value(json_object_get(data, "actor")), is_own ? user : "");
        expect_text("address", json_string_value(json_object_get(data, "client_ip")),
                    is_own ? "192.0.2.9" : "");
        json_decref(data);
    }
}

static void test_customers_see_what_concerns_them(void **state)
{
    (void)state;
    broadcast_append(200);
    struct event_stream *one = broadcast_begun("asha", "?from=0", NULL),
                        *other = broadcast_begun("bob", "?from=0", NULL);
    broadcast_append(100); // Some from a read, some from the ring.
    expect_concerned(one, BROADCAST_ASHA, 300);
    expect_concerned(other, BROADCAST_BOB, 300);
    broadcast_expect_quiet(one);
    event_stream_close(&one);
    event_stream_close(&other);
    // Who may see all may ask for their own; nothing is cut off then.
    struct event_stream *own = broadcast_begun("auditor", "?own=true&from=0", NULL);
    broadcast_expect_quiet(own);
    event_stream_close(&own);
}

static void test_a_pause_that_long_is_not_silent(void **state)
{
    (void)state;
    struct event_stream *stream = broadcast_begun("auditor", "", NULL);
    struct event_stream_event event;
    while (event_stream_comments(stream) < 3)
        assert_int_not_equal(event_stream_next(stream, 10, &event), EVENT_STREAM_END);
    assert_string_equal(event_stream_last_comment(stream), " keep-alive");
    event_stream_close(&stream);
}

static void test_an_api_key_may_listen(void **state)
{
    (void)state;
    broadcast_append(1);
    struct event_stream *stream = broadcast_begun("fl_live_good", "?from=0", NULL);
    broadcast_expect_run(stream, 0, 1);
    event_stream_close(&stream);
    stream = broadcast_listen("fl_live_bad", "", NULL);
    assert_int_equal(event_stream_status(stream, WAIT_MS), 401);
    event_stream_close(&stream);
}

// ---- Refusals ------------------------------------------------------------------------------

static void test_what_is_no_stream_is_told_before_it_begins(void **state)
{
    (void)state;

    static const struct {
        const char *token, *query, *last_id;
        int status;
        const char *reason;
    } rows[] = {
        {NULL, "", NULL, 401, "TOKEN_MISSING"},
        {"nobody", "", NULL, 401, "TOKEN_MALFORMED"},
        {"late", "", NULL, 401, "TOKEN_EXPIRED"},
        {"fresh", "", NULL, 403, "INSUFFICIENT_AAL"},
        {"risk", "", NULL, 403, "PERMISSION_DENIED"},
        {"auditor", "?types=Ledger", NULL, 400, "TYPE_PATTERN_INVALID"},
        {"auditor", "?types=a,,b", NULL, 400, "TYPE_PATTERN_INVALID"},
        {"auditor", "?tpyes=a", NULL, 400, "VALIDATION_FAILED"},
        {"auditor", "?after=-1", NULL, 400, "VALIDATION_FAILED"},
        {"auditor", "?last_event_id=7", NULL, 400, "VALIDATION_FAILED"},
        {"auditor", "?after=99999999999999999999", NULL, 400, "LAST_EVENT_ID_INVALID"},
        {"auditor", "", "seven", 400, "LAST_EVENT_ID_INVALID"},
        {"auditor", "", "7\xc3\xa4", 400, "LAST_EVENT_ID_INVALID"},
        {"auditor", "", "100", 400, "LAST_EVENT_ID_INVALID"}, // Of another log.
        {"auditor", "", "49", 404, "ENTRY_PRUNED"},
        {"asha", "?from=0", NULL, 404, "ENTRY_PRUNED"},
    };

    broadcast_append(100);
    atomic_store(&played.first_index, 51);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct event_stream *stream =
            broadcast_listen(rows[i].token, rows[i].query, rows[i].last_id);
        int status = event_stream_status(stream, WAIT_MS);
        json_t *problem = json_loads(event_stream_body(stream, WAIT_MS), 0, NULL);
        expect_text(rows[i].query, json_string_value(json_object_get(problem, "reason")),
                    rows[i].reason);
        assert_int_equal(status, rows[i].status);
        const json_t *details = json_object_get(problem, "details");
        bool is_pruned = rows[i].status == 404;
        expect_text(rows[i].query, json_string_value(json_object_get(details, "first_index")),
                    is_pruned ? "51" : NULL);
        json_decref(problem);
        event_stream_close(&stream);
    }
    struct event_stream *stream =
        broadcast_begun("auditor", "", "50"); // The log's beginning is found, too.
    broadcast_expect_run(stream, 51, 100);
    event_stream_close(&stream);
    stream = broadcast_begun("auditor", "", NULL);
    broadcast_append(1);
    broadcast_expect_run(stream, 100, 101);
    event_stream_close(&stream);
}

static void test_only_get_streams(void **state)
{
    (void)state;
    struct reply reply;
    fixture_ask(&fixture,
                "HEAD /v1/events/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                "auditor\r\n\r\n",
                &reply);
    assert_int_equal(reply.status, 200);
    expect_text("HEAD", reply_header(&reply, "Content-Type"), "text/event-stream");
    reply_free(&reply);
    fixture_get(&fixture, "/v1/events/stream",
                "Authorization: Bearer auditor\r\nAccept: text/html\r\n", &reply);
    assert_int_equal(reply.status, 406);
    reply_free(&reply);
    fixture_post(&fixture, "/v1/events/stream", "", "{}", &reply);
    assert_int_equal(reply.status, 405);
    reply_free(&reply);
    fixture_post(&fixture, "/florin.gateway.v1.GatewayService/StreamEvents", "", "{}", &reply);
    assert_int_equal(reply.status, 404); // There is no such RPC.
    reply_free(&reply);
}

static void test_http_1_0_ends_with_the_connection(void **state)
{
    (void)state;
    struct client client;
    struct metric *events = metric_counter("florin_gateway_stream_events_total", "", NULL);
    uint64_t before = metric_value(events);
    broadcast_append(1);
    client_open(&client, http_server_port(fixture.gateway.http));
    client_send(&client,
                "GET /v1/events/stream?from=0 HTTP/1.0\r\nAuthorization: Bearer asha\r\n\r\n");
    WAIT_UNTIL(metric_value(events) == before + 1);
    atomic_store(&world.asha_left, true);
    struct reply reply;
    client_receive(&client, &reply, false);
    assert_int_equal(reply.status, 200);
    assert_null(reply_header(&reply, "Transfer-Encoding"));
    assert_non_null(strstr(reply.body, "retry: 2000\n\nid: 0\n"));
    assert_non_null(strstr(reply.body, "\n\n: the token has ended\n\n"));
    reply_free(&reply);
    client_close(&client);
}

static void test_streams_are_bounded(void **state)
{
    (void)state;
    struct event_stream *streams[LISTENERS_MAX];
    size_t count = 0;
    for (; count < PER_USER_MAX; count++)
        streams[count] = broadcast_begun("auditor", "", NULL);
    struct event_stream *more = broadcast_listen("auditor", "", NULL);
    assert_int_equal(event_stream_status(more, WAIT_MS), 429);
    assert_non_null(strstr(event_stream_body(more, WAIT_MS), "TOO_MANY_STREAMS"));
    event_stream_close(&more);
    for (; count < LISTENERS_MAX; count++)
        streams[count] = broadcast_begun("good", "", NULL);
    more = broadcast_listen("asha", "", NULL);
    assert_int_equal(event_stream_status(more, WAIT_MS), 429); // So many in all.
    event_stream_close(&more);
    broadcast_append(10);
    for (size_t i = 0; i < count; i++) {
        broadcast_expect_run(streams[i], 0, 10);
        event_stream_close(&streams[i]);
    }
    WAIT_UNTIL(metric_value(metric_gauge("florin_gateway_streams", "", NULL)) == 0);
    more = broadcast_begun("asha", "", NULL);
    event_stream_close(&more);
}

// ---- Ends ----------------------------------------------------------------------------------

static void test_a_quiet_stream_ends_with_its_token(void **state)
{
    (void)state;
    struct event_stream *stream = broadcast_begun("asha", "", NULL);
    uint64_t before_ns = clock_mono_ns();
    atomic_store(&world.asha_left, true);
    broadcast_expect_end(stream, " the token has ended");
    uint64_t took_ms = (clock_mono_ns() - before_ns) / NS_PER_MS;
    print_message("ended after %" PRIu64 " ms\n", took_ms);
    assert_true(took_ms < 5000); // A tick, on a machine that is not busy with something else.
    event_stream_close(&stream);
}

static void test_behind_its_tokens_end_a_stream_gets_nothing(void **state)
{
    (void)state;
    broadcast_append(10);
    struct event_stream *one = broadcast_begun("asha", "?from=0", NULL),
                        *other = broadcast_begun("bob", "?from=0", NULL);
    for (uint64_t i = 0; i < 10; i += 3)
        assert_int_equal(broadcast_next(one), i);
    atomic_store(&world.asha_left, true);
    broadcast_append(90);
    broadcast_expect_end(one, " the token has ended");
    for (uint64_t i = 0; i < 100; i += 5)
        assert_int_equal(broadcast_next(other), i);
    event_stream_close(&one);
    event_stream_close(&other);
}

static void test_a_stream_ends_with_its_rights(void **state)
{
    (void)state;
    struct event_stream *stream = broadcast_begun("auditor", "", NULL);
    broadcast_append(1);
    broadcast_expect_run(stream, 0, 1);
    atomic_store(&world.auditor_demoted, true);
    broadcast_append(1);
    broadcast_expect_end(stream, " the token has ended");
    event_stream_close(&stream);
}

static void test_nothing_is_handed_on_while_nobody_can_vouch(void **state)
{
    (void)state;
    struct event_stream *stream = broadcast_begun("asha", "", NULL);
    atomic_store(&world.auth_away, true);
    atomic_store(&world.is_stale, true);
    broadcast_append(30);
    broadcast_expect_quiet(stream);
    atomic_store(&world.auth_away, false); // Auth answers again: all is there.
    for (uint64_t i = 0; i < 30; i += 3)
        assert_int_equal(broadcast_next(stream), i);
    struct event_stream *late =
        broadcast_begun("asha", "?from=0", NULL); // Also one that begins now.
    assert_int_equal(broadcast_next(late), 0);
    assert_true(atomic_load(&world.slow_checks) > 2);
    atomic_store(&world.asha_left, true);
    broadcast_append(30);
    uint64_t index = 27;
    struct event_stream_event event;
    enum event_stream_result result;
    while ((result = event_stream_next(stream, WAIT_MS, &event)) == EVENT_STREAM_EVENT)
        index = strtoull(event.id, NULL, 10);
    assert_int_equal(result, EVENT_STREAM_END);
    assert_true(index < 60); // At most what a check of a moment ago vouched for.
    event_stream_close(&stream);
    event_stream_close(&late);
}

static void test_the_gateways_end_ends_streams(void **state)
{
    (void)state;
    struct event_stream *stream = broadcast_begun("auditor", "", NULL),
                        *behind = broadcast_begun("bob", "?from=0", NULL);
    broadcast_append(1);
    broadcast_expect_run(stream, 0, 1);
    broadcast_expect_run(behind, 0, 1);
    gateway_stop_http(&fixture.gateway, 10000);
    broadcast_expect_end(stream, " the gateway stops");
    broadcast_expect_end(behind, " the gateway stops");
    event_stream_close(&stream);
    event_stream_close(&behind);
}

static void *drain(void *context)
{
    (void)context;
    gateway_stop_http(&fixture.gateway, WAIT_MS);
    return NULL;
}

static void test_a_stream_that_begins_amid_the_end_ends_too(void **state)
{
    (void)state;
    pthread_t thread;
    broadcast_append(100);
    struct event_stream *open = broadcast_begun("auditor", "", NULL);
    atomic_store(&played.is_hanging, true);
    uint64_t reads = atomic_load(&played.reads);
    struct event_stream *late = broadcast_listen("auditor", "?from=0", NULL);
    WAIT_UNTIL(atomic_load(&played.reads) > reads);
    assert_int_equal(pthread_create(&thread, NULL, drain, NULL), 0);
    broadcast_expect_end(open, " the gateway stops");
    atomic_store(&played.is_hanging, false);
    assert_int_equal(event_stream_status(late, WAIT_MS), 200);
    struct event_stream_event event;
    enum event_stream_result result;
    while ((result = event_stream_next(late, WAIT_MS / 2, &event)) == EVENT_STREAM_EVENT)
        continue;
    assert_int_equal(result, EVENT_STREAM_END); // Not cut off when the time is up.
    expect_text("last comment", event_stream_last_comment(late), " the gateway stops");
    pthread_join(thread, NULL);
    event_stream_close(&open);
    event_stream_close(&late);
}

static void test_the_gateways_end_refuses_who_waits_for_the_log(void **state)
{
    (void)state;
    uint64_t reads = atomic_load(&played.reads);
    atomic_store(&played.is_hanging, true);
    struct event_stream *last = broadcast_listen("auditor", "", NULL),
                        *from = broadcast_listen("auditor", "?from=0", NULL);
    WAIT_UNTIL(atomic_load(&played.reads) >= reads + 2); // The follower's, and one for `from`.
    WAIT_UNTIL(metric_value(metric_gauge("florin_gateway_streams", "", NULL)) == 2);
    gateway_stop_http(&fixture.gateway, 50);
    assert_int_equal(event_stream_status(last, WAIT_MS), 503);
    assert_int_equal(event_stream_status(from, WAIT_MS), 503);
    event_stream_close(&last);
    event_stream_close(&from);
}

// ---- The log's ways ------------------------------------------------------------------------

static void test_a_log_that_is_away_comes_back(void **state)
{
    (void)state;
    broadcast_append(10);
    struct event_stream *live = broadcast_begun("auditor", "", NULL);
    atomic_store(&played.is_away, true);
    broadcast_append(200); // More than the ring holds.
    broadcast_expect_quiet(live);
    struct event_stream *behind = broadcast_listen("auditor", "", "3");
    assert_int_equal(event_stream_status(behind, WAIT_MS), 503); // It cannot be said from where.
    event_stream_close(&behind);
    atomic_store(&played.is_away, false);
    broadcast_expect_run(live, 10, 210);
    behind = broadcast_begun("auditor", "", "3");
    broadcast_expect_run(behind, 4, 210);
    event_stream_close(&live);
    event_stream_close(&behind);
}

static void test_without_a_log_no_stream_begins(void **state)
{
    (void)state;
    atomic_store(&played.is_away, true);
    struct event_stream *stream = broadcast_listen("auditor", "", NULL);
    assert_int_equal(event_stream_status(stream, WAIT_MS), 503);
    assert_non_null(strstr(event_stream_head(stream), "Retry-After: 1\r\n"));
    event_stream_close(&stream);
    atomic_store(&played.is_away, false);
    WAIT_UNTIL(metric_value(metric_gauge("florin_gateway_streams", "", NULL)) == 0);
    stream = broadcast_begun("auditor", "", NULL);
    event_stream_close(&stream);
}

static void test_a_log_that_went_back_ends_every_stream(void **state)
{
    (void)state;
    broadcast_append(100);
    struct event_stream *stream = broadcast_begun("auditor", "", "97");
    broadcast_expect_run(stream, 98, 100);
    atomic_store(&played.is_away, true); // Its daemon starts on an older copy.
    broadcast_expect_quiet(stream);
    atomic_store(&played.size, 50);
    atomic_store(&played.is_away, false);
    broadcast_expect_end(stream, " the log is another one");
    event_stream_close(&stream);
    stream = broadcast_listen("auditor", "", "99");
    assert_int_equal(event_stream_status(stream, WAIT_MS), 400);
    event_stream_close(&stream);
    stream = broadcast_begun("auditor", "", "40");
    broadcast_expect_run(stream, 41, 50);
    broadcast_append(2);
    broadcast_expect_run(stream, 50, 52);
    event_stream_close(&stream);
}

static void test_a_slow_client_gets_everything_later(void **state)
{
    (void)state;

    enum { COUNT = 4000 };
    const struct event_stream_request request = {
        .port = http_server_port(fixture.gateway.http), .token = "auditor", .receive_bytes = 4096};
    atomic_store(&played.data_bytes, 1000);
    struct event_stream *slow = event_stream_open(&request),
                        *quick = broadcast_begun("auditor", "", NULL);
    assert_int_equal(event_stream_status(slow, WAIT_MS), 200);
    for (uint64_t i = 0; i < COUNT; i += 100) { // 8 MiB: no buffer on the way holds it.
        broadcast_append(100);
        broadcast_expect_run(quick, i, i + 100);
    }
    uint64_t reads = atomic_load(&played.reads);
    broadcast_expect_run(slow, 0, COUNT);
    assert_true(atomic_load(&played.reads) > reads); // It was behind the ring.
    broadcast_append(5);
    broadcast_expect_run(slow, COUNT, COUNT + 5);
    event_stream_close(&slow);
    event_stream_close(&quick);
}

static void test_many_may_be_behind_at_once(void **state)
{
    (void)state;

    enum { COUNT = 20, EVENTS = 1500 };
    struct event_stream *streams[COUNT];
    broadcast_append(EVENTS);
    for (size_t i = 0; i < COUNT; i++)
        streams[i] =
            broadcast_listen("auditor", i % 2 == 0 ? "?from=0" : "?from=0&types=ledger.*", NULL);
    broadcast_append(100);
    for (size_t i = 0; i < COUNT; i++) {
        for (uint64_t index = 0; index < EVENTS + 100; index += i % 2 + 1)
            assert_int_equal(broadcast_next(streams[i]), index);
        event_stream_close(&streams[i]);
    }
}

static void test_clients_that_leave_at_any_moment_cost_nothing(void **state)
{
    (void)state;
    broadcast_append(500);
    for (int i = 0; i < 60; i++) {
        static const char *const queries[] = {"", "?from=0", "?from=0&own=true"};
        atomic_store(&world.is_stale, i % 2 == 0);
        struct event_stream *stream = broadcast_listen("asha", queries[i % 3], NULL);
        if (i % 4 == 0) (void)event_stream_status(stream, 5);
        broadcast_append(1);
        event_stream_close(&stream);
    }
    WAIT_UNTIL(metric_value(metric_gauge("florin_gateway_streams", "", NULL)) == 0);
    WAIT_UNTIL(http_server_stats(fixture.gateway.http).exchanges_inflight == 0);
}

/// A loop that does nothing until it is let go.
struct held_loop {
    struct http_job job;
    atomic_bool is_held, is_released;
};

static void hold(struct http_job *job)
{
    struct held_loop *held = (struct held_loop *)((char *)job - offsetof(struct held_loop, job));
    atomic_store(&held->is_held, true);
    while (!atomic_load(&held->is_released))
        usleep(500);
    atomic_store(&held->is_held, false); // It is the test's again.
}

// The loop writes several times in one look; the first write learns that nobody reads.
static void test_a_client_may_leave_between_two_writes(void **state)
{
    (void)state;

    enum { LOOPS = 2, ROUNDS = 10 };

    atomic_store(&played.data_bytes, 20000);
    for (int round = 0; round < ROUNDS; round++) {
        struct held_loop held[LOOPS] = {0};
        struct event_stream *stream = broadcast_begun("auditor", "", NULL);
        for (uint32_t i = 0; i < LOOPS; i++) {
            held[i].job.run = hold;
            http_loop_post(http_server_loop(fixture.gateway.http, i), &held[i].job);
            WAIT_UNTIL(atomic_load(&held[i].is_held));
        }
        uint64_t reads = atomic_load(&played.reads);
        broadcast_append(40);
        WAIT_UNTIL(atomic_load(&played.reads) > reads + 1); // It was pushed, and the loop told.
        event_stream_close(&stream);
        for (uint32_t i = 0; i < LOOPS; i++) {
            atomic_store(&held[i].is_released, true);
            WAIT_UNTIL(!atomic_load(&held[i].is_held));
        }
        WAIT_UNTIL(metric_value(metric_gauge("florin_gateway_streams", "", NULL)) == 0);
        WAIT_UNTIL(http_server_stats(fixture.gateway.http).exchanges_inflight == 0);
    }
}

// Else who comes at that moment, and asks for no place, would be given the log from its beginning.
static void test_an_idle_ring_keeps_its_place(void **state)
{
    (void)state;
    broadcast_append(10);
    struct event_stream *stream = broadcast_begun("auditor", "", NULL);
    event_stream_close(&stream);
    WAIT_UNTIL(metric_value(metric_gauge("florin_gateway_streams", "", NULL)) == 0);
    broadcast_append(1); // The follower's call ends with it.
    const struct gateway_streams *streams = fixture.gateway.streams;
    WAIT_UNTIL(stream_reader_state(streams->reader).follow == STREAM_IDLE);
    assert_int_equal(stream_ring_end(streams->ring), 11);
}

#define WITH_FIXTURE(test_) cmocka_unit_test_setup_teardown(test_, broadcast_open, broadcast_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_events_come_as_they_happen),
        WITH_FIXTURE(test_a_stream_begins_where_it_is_told),
        WITH_FIXTURE(test_a_filter_chooses_types),
        WITH_FIXTURE(test_customers_see_what_concerns_them),
        WITH_FIXTURE(test_a_pause_that_long_is_not_silent),
        WITH_FIXTURE(test_an_api_key_may_listen),
        WITH_FIXTURE(test_what_is_no_stream_is_told_before_it_begins),
        WITH_FIXTURE(test_only_get_streams),
        WITH_FIXTURE(test_http_1_0_ends_with_the_connection),
        WITH_FIXTURE(test_streams_are_bounded),
        WITH_FIXTURE(test_a_quiet_stream_ends_with_its_token),
        WITH_FIXTURE(test_behind_its_tokens_end_a_stream_gets_nothing),
        WITH_FIXTURE(test_a_stream_ends_with_its_rights),
        WITH_FIXTURE(test_nothing_is_handed_on_while_nobody_can_vouch),
        WITH_FIXTURE(test_the_gateways_end_ends_streams),
        WITH_FIXTURE(test_a_stream_that_begins_amid_the_end_ends_too),
        WITH_FIXTURE(test_the_gateways_end_refuses_who_waits_for_the_log),
        WITH_FIXTURE(test_a_log_that_is_away_comes_back),
        WITH_FIXTURE(test_without_a_log_no_stream_begins),
        WITH_FIXTURE(test_a_log_that_went_back_ends_every_stream),
        WITH_FIXTURE(test_a_slow_client_gets_everything_later),
        WITH_FIXTURE(test_many_may_be_behind_at_once),
        WITH_FIXTURE(test_clients_that_leave_at_any_moment_cost_nothing),
        WITH_FIXTURE(test_a_client_may_leave_between_two_writes),
        WITH_FIXTURE(test_an_idle_ring_keeps_its_place),
    };
    const char *pattern = getenv("FLORIN_TEST");
    if (pattern != NULL) cmocka_set_test_filter(pattern);
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
