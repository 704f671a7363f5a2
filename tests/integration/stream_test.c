// Event streams of the real processes: nothing is lost or doubled, whoever dies meanwhile; nobody
// sees what is not theirs; a token's end is the stream's.
#include "common/base/clock.h"
#include "tests/crash/kills.h"
#include "tests/crash/load.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"
#include "tests/support/event_stream.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAIT_MS = 60000,
    PAUSE_MS = 20,
    EVENTS_MAX = 1 << 20,
    KILLS = 10,
    CROWD_PEOPLE = 25,
    CROWD_STREAMS = 8, // Of each: as many as one may have.
    SLOW_BYTES = 4096,
};

struct story {
    struct cast cast;
    struct load load;
    struct direct_sources sources;
};

// ---- One who listens, and comes back -------------------------------------------------------

/// Everything that one listener has got, over as many connections as it took.
struct listener {
    const struct world *world;
    struct person *person;
    const char *query;
    struct event_stream *stream;
    char last_id[24]; // "": nothing yet.
    uint64_t *indexes;
    size_t count, connections;
    atomic_bool is_stopping; // Of follow_until_stopped.
    pthread_t thread;
};

static void listener_init(struct listener *listener, const struct world *world,
                          struct person *person, const char *query)
{
    memset(listener, 0, sizeof *listener);
    listener->world = world;
    listener->person = person;
    listener->query = query;
    listener->indexes = malloc(EVENTS_MAX * sizeof *listener->indexes);
    assert_non_null(listener->indexes);
}

static void listener_reset(struct listener *listener)
{
    event_stream_close(&listener->stream);
    free(listener->indexes);
    listener->indexes = NULL;
}

/// connect_stream is false when there is nobody to talk to, or not yet.
static bool connect_stream(struct listener *listener, int receive_bytes)
{
    const char *last_id = listener->last_id[0] != '\0' ? listener->last_id : NULL;
    const struct event_stream_request request = {.port = listener->world->port,
                                                 .token = listener->person->token,
                                                 .query = listener->query,
                                                 .last_event_id = last_id,
                                                 .receive_bytes = receive_bytes};
    listener->stream = event_stream_open(&request);
    int status = listener->stream != NULL ? event_stream_status(listener->stream, WAIT_MS) : 0;
    if (status == 200) {
        listener->connections++;
        return true;
    }
    if (status != 0 && status != 503)
        fail_msg("%d: %s", status, event_stream_body(listener->stream, WAIT_MS));
    event_stream_close(&listener->stream);
    return false;
}

/// take_one reads the next event, over a new connection where it must; false: quiet.
static bool take_one(struct listener *listener, int timeout_ms)
{
    struct event_stream_event event;
    if (listener->stream == NULL && !connect_stream(listener, 0)) {
        poll(NULL, 0, PAUSE_MS); // As a client would: not at once again.
        return false;
    }
    switch (event_stream_next(listener->stream, timeout_ms, &event)) {
    case EVENT_STREAM_EVENT:
        assert_true(listener->count < EVENTS_MAX);
        snprintf(listener->last_id, sizeof listener->last_id, "%s", event.id);
        listener->indexes[listener->count++] = strtoull(event.id, NULL, 10);
        return true;
    case EVENT_STREAM_QUIET:
        return false;
    default:
        event_stream_close(&listener->stream);
        return false;
    }
}

static uint64_t last_of(const struct listener *listener)
{
    return listener->count > 0 ? listener->indexes[listener->count - 1] : UINT64_MAX;
}

static void follow_to(struct listener *listener, uint64_t index)
{
    uint64_t until_ns = clock_mono_ns() + WAIT_MS * NS_PER_MS;
    while (listener->count == 0 || last_of(listener) < index) {
        (void)take_one(listener, PAUSE_MS);
        if (clock_mono_ns() > until_ns)
            fail_msg("%zu events, the last is %s: %" PRIu64 " is missing", listener->count,
                     listener->last_id, index);
    }
}

static void *follow_until_stopped(void *context)
{
    struct listener *listener = context;
    while (!atomic_load(&listener->is_stopping))
        (void)take_one(listener, PAUSE_MS);
    return NULL;
}

static void listener_start(struct listener *listener)
{
    assert_int_equal(pthread_create(&listener->thread, NULL, follow_until_stopped, listener), 0);
}

static void listener_stop(struct listener *listener)
{
    atomic_store(&listener->is_stopping, true);
    pthread_join(listener->thread, NULL);
}

static void expect_contiguous(const struct listener *listener)
{
    for (size_t i = 1; i < listener->count; i++)
        if (listener->indexes[i] != listener->indexes[i - 1] + 1)
            fail_msg("%" PRIu64 " follows on %" PRIu64, listener->indexes[i],
                     listener->indexes[i - 1]);
}

// ---- The log by its own account ------------------------------------------------------------

static uint64_t log_size(struct story *story)
{
    struct http_answer answer = {0};
    http_expect(story->cast.client, story->cast.auditor.token, "GET", "/v1/audit/status", NULL, 200,
                &answer);
    uint64_t size = strtoull(http_text(&answer, "size"), NULL, 10);
    http_answer_reset(&answer);
    return size;
}

/// settle waits until all that has happened is in the log, and nothing more happens; gives its last
/// index. Each question is no event.
static uint64_t settle(struct story *story)
{
    uint64_t size = log_size(story);
    uint64_t until_ns = clock_mono_ns() + WAIT_MS * NS_PER_MS;
    for (int same = 0; same < 10;) {
        uint64_t before = size;
        poll(NULL, 0, 10 * PAUSE_MS);
        size = log_size(story);
        // A log at rest may also be one that has not found its sources again.
        bool is_whole = size == direct_count_events(&story->sources);
        same = is_whole && size == before ? same + 1 : 0;
        if (clock_mono_ns() > until_ns) fail_msg("the log does not come to rest");
    }
    return size - 1;
}

/// newest_of gives the index of the newest event of these types, by the REST list.
static uint64_t newest_of(struct story *story, const char *types)
{
    char path[128];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/audit/events?action=%s&page_size=1", types);
    http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
    uint64_t index = strtoull(http_text(&answer, "events.0.index"), NULL, 10);
    http_answer_reset(&answer);
    return index;
}

/// list_of_user gives the indexes of what concerns somebody, oldest first, by the REST list.
static size_t list_of_user(struct story *story, const struct person *person, uint64_t *ret)
{
    char path[1024], token[600] = "";
    size_t count = 0;
    do {
        struct http_answer answer = {0};
        snprintf(path, sizeof path, "/v1/audit/users/%s?page_size=1000%s%s", person->id,
                 token[0] != '\0' ? "&page_token=" : "", token);
        http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
        const json_t *events = json_object_get(answer.json, "events"), *event;
        size_t i;
        json_array_foreach((json_t *)(uintptr_t)events, i, event)
        {
            assert_true(count < EVENTS_MAX);
            ret[count++] = strtoull(json_string_value(json_object_get(event, "index")), NULL, 10);
        }
        snprintf(token, sizeof token, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (token[0] != '\0');
    for (size_t i = 0; i < count / 2; i++) {
        uint64_t swap = ret[i];
        ret[i] = ret[count - 1 - i];
        ret[count - 1 - i] = swap;
    }
    return count;
}

// ---- Tests ---------------------------------------------------------------------------------

static void test_a_live_stream_gets_every_event_once(void **state)
{
    struct story *story = *state;
    struct listener live, late;
    listener_init(&live, &story->cast.world, &story->cast.auditor, NULL);
    listener_init(&late, &story->cast.world, &story->cast.auditor, "?from=0");
    uint64_t before = settle(story);
    assert_true(connect_stream(&live, 0));
    load_start(&story->load);
    follow_to(&live, before + 500);
    load_stop(&story->load);
    uint64_t last = settle(story);
    follow_to(&live, last);
    follow_to(&late, last);
    assert_int_equal(live.indexes[0], before + 1);
    assert_int_equal(late.indexes[0], 0);
    expect_contiguous(&live);
    expect_contiguous(&late);
    assert_int_equal(live.connections, 1);
    assert_int_equal(late.connections, 1);
    listener_reset(&live);
    listener_reset(&late);
}

static void test_whoever_dies_nothing_is_lost(void **state)
{
    struct story *story = *state;
    static const char *const daemons[] = {"gateway", "audit", "gateway", "audit", "ledger"};
    const struct kills kills = {.world = &story->cast.world,
                                .daemons = daemons,
                                .daemon_count = sizeof daemons / sizeof daemons[0],
                                .count = KILLS,
                                .pause_ms_max = 300};
    struct listener all, some;
    cast_login(&story->cast);
    uint64_t before = settle(story);
    listener_init(&all, &story->cast.world, &story->cast.auditor, NULL);
    listener_init(&some, &story->cast.world, &story->cast.auditor, "?types=ledger.transfer.*");
    assert_true(connect_stream(&all, 0));
    assert_true(connect_stream(&some, 0));
    // So that there is an id to come back with before anybody dies.
    load_start(&story->load);
    follow_to(&all, before + 20);
    while (some.count == 0)
        (void)take_one(&some, PAUSE_MS);
    listener_start(&all);
    listener_start(&some);
    unsigned killed = kills_run(&kills, kills_seed());
    load_stop(&story->load);
    listener_stop(&all);
    listener_stop(&some);
    cast_login(&story->cast); // Into the same places: who reconnects has the new token.
    uint64_t last = settle(story);
    follow_to(&all, last);
    expect_contiguous(&all);
    assert_int_equal(all.indexes[0], before + 1);
    print_message("%u killed, %zu events over %zu connections\n", killed, all.count,
                  all.connections);
    // The other one's are those of the first that have the type.
    struct listener chosen;
    char from[64];
    snprintf(from, sizeof from, "?from=%" PRIu64 "&types=ledger.transfer.*", before + 1);
    listener_init(&chosen, &story->cast.world, &story->cast.auditor, from);
    uint64_t newest = newest_of(story, "ledger.transfer.*");
    follow_to(&chosen, newest);
    follow_to(&some, newest);
    assert_int_equal(some.count, chosen.count);
    assert_memory_equal(some.indexes, chosen.indexes, chosen.count * sizeof chosen.indexes[0]);
    listener_reset(&chosen);
    listener_reset(&all);
    listener_reset(&some);
}

static void test_a_customer_gets_what_concerns_them(void **state)
{
    struct story *story = *state;
    struct person *payer = &story->load.payers[0].person;
    struct listener own;
    people_login(story->cast.client, payer);
    cast_login(&story->cast);
    uint64_t *expected = malloc(EVENTS_MAX * sizeof *expected);
    assert_non_null(expected);
    (void)settle(story);
    size_t count = list_of_user(story, payer, expected);
    assert_true(count > 10);
    listener_init(&own, &story->cast.world, payer, "?from=0");
    follow_to(&own, expected[count - 1]);
    assert_int_equal(own.count, count);
    assert_memory_equal(own.indexes, expected, count * sizeof expected[0]);
    listener_reset(&own);
    // What somebody else did is told without who it was, and without its data.
    struct listener other;
    struct event_stream_event event;
    listener_init(&other, &story->cast.world, payer, "?from=0&types=ledger.account.*,kyc.*");
    assert_true(connect_stream(&other, 0));
    for (size_t seen = 0; seen < 2; seen++) {
        assert_int_equal(event_stream_next(other.stream, WAIT_MS, &event), EVENT_STREAM_EVENT);
        json_t *data = json_loads(event.data, 0, NULL);
        const char *actor = json_string_value(json_object_get(data, "actor"));
        assert_true(actor[0] == '\0' || strstr(actor, payer->id) != NULL);
        assert_true(json_is_null(json_object_get(data, "data")));
        json_decref(data);
    }
    listener_reset(&other);
    free(expected);
}

static void test_a_logout_closes_the_stream(void **state)
{
    struct story *story = *state;
    struct person leaving;
    struct event_stream_event event;
    struct http_answer answer = {0};
    struct listener listener;
    people_register(&story->cast.world, story->cast.client, "leela", &leaving);
    listener_init(&listener, &story->cast.world, &leaving, NULL);
    assert_true(connect_stream(&listener, 0));
    http_expect(story->cast.client, leaving.token, "POST", "/v1/auth/logout", "{}", 204, &answer);
    uint64_t begun_ns = clock_mono_ns();
    http_answer_reset(&answer);
    enum event_stream_result result;
    while ((result = event_stream_next(listener.stream, WAIT_MS, &event)) == EVENT_STREAM_EVENT) {
    }
    print_message("closed %.0f ms after the logout\n", (double)(clock_mono_ns() - begun_ns) / 1e6);
    assert_int_equal(result, EVENT_STREAM_END);
    assert_string_equal(event_stream_last_comment(listener.stream), " the token has ended");
    event_stream_close(&listener.stream);
    const struct event_stream_request request = {.port = story->cast.world.port,
                                                 .token = leaving.token};
    listener.stream = event_stream_open(&request);
    assert_int_equal(event_stream_status(listener.stream, WAIT_MS), 401);
    listener_reset(&listener);
}

static void test_who_reads_nothing_for_a_while_has_lost_nothing(void **state)
{
    struct story *story = *state;
    struct listener slow, quick;
    cast_login(&story->cast);
    uint64_t before = settle(story);
    listener_init(&slow, &story->cast.world, &story->cast.auditor, NULL);
    listener_init(&quick, &story->cast.world, &story->cast.auditor, NULL);
    assert_true(connect_stream(&slow, SLOW_BYTES));
    assert_true(connect_stream(&quick, 0));
    load_start(&story->load);
    follow_to(&quick, before + 3000);
    load_stop(&story->load);
    uint64_t last = settle(story);
    follow_to(&quick, last);
    follow_to(&slow, last); // If it was cut meanwhile, it comes back with its last id.
    assert_int_equal(slow.indexes[0], before + 1);
    expect_contiguous(&slow);
    expect_contiguous(&quick);
    print_message("%zu events, over %zu connections\n", slow.count, slow.connections);
    listener_reset(&slow);
    listener_reset(&quick);
}

static void test_two_hundred_listen_at_once(void **state)
{
    struct story *story = *state;
    static struct person people[CROWD_PEOPLE];
    struct event_stream *streams[CROWD_PEOPLE][CROWD_STREAMS];
    struct event_stream_event event;
    for (size_t i = 0; i < CROWD_PEOPLE; i++) {
        char name[32];
        snprintf(name, sizeof name, "crowd%zu", i);
        people_register(&story->cast.world, story->cast.client, name, &people[i]);
    }
    (void)settle(story);
    for (size_t i = 0; i < CROWD_PEOPLE; i++) {
        const struct event_stream_request request = {.port = story->cast.world.port,
                                                     .token = people[i].token};
        for (size_t j = 0; j < CROWD_STREAMS; j++) {
            streams[i][j] = event_stream_open(&request);
            assert_int_equal(event_stream_status(streams[i][j], WAIT_MS), 200);
        }
    }
    for (size_t i = 0; i < CROWD_PEOPLE; i++) {
        struct person again = people[i];
        people_login(story->cast.client, &again);
    }
    for (size_t i = 0; i < CROWD_PEOPLE; i++) {
        char id[24] = "";
        for (size_t j = 0; j < CROWD_STREAMS; j++) { // All of them the same, and nobody else's.
            do {
                assert_int_equal(event_stream_next(streams[i][j], WAIT_MS, &event),
                                 EVENT_STREAM_EVENT);
            } while (strcmp(event.type, "auth.login.succeeded") != 0);
            assert_non_null(strstr(event.data, people[i].id));
            if (j > 0) assert_string_equal(event.id, id);
            snprintf(id, sizeof id, "%s", event.id);
            event_stream_close(&streams[i][j]);
        }
    }
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    struct cast *cast = &story.cast;
    snprintf(cast->world.ini, sizeof cast->world.ini, "[auth]\nstaff_access_token_life = 5min\n");
    world_open(&cast->world);
    cast_gather(cast);
    direct_open_sources(&cast->world, &story.sources);
    load_open(&story.load, &cast->world, cast->client, &cast->teller, &cast->maker, &cast->checker);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    load_close(&story->load);
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_live_stream_gets_every_event_once),
        cmocka_unit_test(test_whoever_dies_nothing_is_lost),
        cmocka_unit_test(test_a_customer_gets_what_concerns_them),
        cmocka_unit_test(test_a_logout_closes_the_stream),
        cmocka_unit_test(test_who_reads_nothing_for_a_while_has_lost_nothing),
        cmocka_unit_test(test_two_hundred_listen_at_once),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("stream", tests, open_story, close_story);
}
