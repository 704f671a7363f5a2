// The subscriber against a real source over real sockets: every committed event once, in order,
// whatever is lost, slow, late, killed or replaced.
#include "common/base/metrics.h"
#include "tests/unit/event/fixture.h"
#include "tests/unit/event/source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAIT_S_MAX = 90 };

// ---- A consumer ----------------------------------------------------------------------------

struct consumer {
    struct source source;
    struct rpc_channel *channel;
    struct event_subscriber *subscriber;
    atomic_uint_fast64_t seq; // The last one handled.
    atomic_uint_fast64_t first_seq, calls, largest;
    atomic_int refusals_left; // handle() answers so many refusals first.
    atomic_bool is_held;      // handle() waits while this is set.
    atomic_int stale_changes;
    uint64_t log_id;
};

static struct status handle(void *context, const struct event_view *events, size_t count,
                            uint64_t log_id)
{
    struct consumer *consumer = context;
    CHECK(count >= 1 && count <= EVENT_SUBSCRIBER_EVENTS_MAX);
    if (atomic_load(&consumer->refusals_left) > 0) {
        atomic_fetch_sub(&consumer->refusals_left, 1);
        return REFUSE(UNAVAILABLE, TEST, "not now");
    }
    while (atomic_load(&consumer->is_held))
        usleep(1000);
    uint64_t seq = atomic_load(&consumer->seq);
    for (size_t i = 0; i < count; i++) {
        CHECK(events[i].seq == ++seq); // Once, in order: else the test's process stops here.
        CHECK(get_u64_be(events[i].payload.data) == seq);
        CHECK(strcmp(events[i].source, "test") == 0);
    }
    consumer->log_id = log_id;
    if (atomic_load(&consumer->first_seq) == 0) atomic_store(&consumer->first_seq, events[0].seq);
    if (count > atomic_load(&consumer->largest)) atomic_store(&consumer->largest, count);
    atomic_fetch_add(&consumer->calls, 1);
    atomic_store(&consumer->seq, seq);
    return STATUS_SUCCESS;
}

static void give_token(void *context, char *ret_text, size_t size)
{
    (void)context;
    snprintf(ret_text, size, "a token that the source's test identity takes");
}

static void stale_changed(void *context, bool stale)
{
    (void)stale;
    struct consumer *consumer = context;
    atomic_fetch_add(&consumer->stale_changes, 1);
}

static struct event_subscriber_config config_of(struct consumer *consumer)
{
    return (struct event_subscriber_config){.source = "test",
                                            .consumer = "follower",
                                            .pub_url = consumer->source.pub_url,
                                            .channel = consumer->channel,
                                            .token = give_token,
                                            .after_seq = atomic_load(&consumer->seq),
                                            .log_id = consumer->log_id,
                                            .handle = handle,
                                            .stale_changed = stale_changed,
                                            .context = consumer};
}

static void follow(struct consumer *consumer)
{
    struct event_subscriber_config config = config_of(consumer);
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
}

static int setup_consumer(void **state)
{
    struct consumer *consumer = calloc(1, sizeof *consumer);
    CHECK(consumer != NULL);
    source_make(&consumer->source);
    struct rpc_channel_config config = {.name = "test", .url = consumer->source.rpc_url};
    assert_status_ok(rpc_channel_open(&config, &consumer->channel));
    *state = consumer;
    return 0;
}

// The consumer stays: what its sockets point to lives until the process ends.
static int teardown_consumer(void **state)
{
    struct consumer *consumer = *state;
    atomic_store(&consumer->is_held, false);
    event_subscriber_close(&consumer->subscriber);
    source_remove(&consumer->source);
    return 0;
}

// ---- Conditions ----------------------------------------------------------------------------

#define WAIT_FOR(condition_)                                                                       \
    do {                                                                                           \
        uint64_t until_ns = clock_mono_ns() + WAIT_S_MAX * NS_PER_SECOND;                          \
        while (!(condition_)) {                                                                    \
            if (clock_mono_ns() > until_ns) fail_msg("never came true: %s", #condition_);          \
            usleep(1000);                                                                          \
        }                                                                                          \
    } while (0)

static struct event_subscriber_state state_of(const struct consumer *consumer)
{
    struct event_subscriber_state state;
    event_subscriber_get_state(consumer->subscriber, &state);
    return state;
}

static uint64_t count_of(const char *metric)
{
    return metric_value(metric_counter(metric, "", NULL));
}

// ---- Tests ---------------------------------------------------------------------------------

static void test_events_arrive_as_they_happen(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    follow(consumer);
    assert_int_equal(source_ask(&consumer->source, SOURCE_APPEND, 3), 3);
    WAIT_FOR(atomic_load(&consumer->seq) == 3);
    WAIT_FOR(!state_of(consumer).is_stale);
    uint64_t reads = count_of("florin_event_reads_total");
    for (uint32_t i = 0; i < 50; i++) {
        uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 1 + i % 5);
        WAIT_FOR(atomic_load(&consumer->seq) == head);
    }
    // PUB brought them, but for a Read when it connected after the first one.
    assert_true(count_of("florin_event_reads_total") - reads < 5);
    WAIT_FOR(state_of(consumer).head_seq == atomic_load(&consumer->seq));
}

static void test_a_consumer_may_linger_to_get_many_at_once(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    struct event_subscriber_config config = config_of(consumer);
    config.linger_ms = 300;
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
    WAIT_FOR(!state_of(consumer).is_stale);
    for (int i = 0; i < 20; i++)
        source_ask(&consumer->source, SOURCE_APPEND, 1); // Each a commit and a message of its own.
    WAIT_FOR(atomic_load(&consumer->seq) == 20);
    assert_true(atomic_load(&consumer->calls) < 20);
}

static void test_a_late_consumer_gets_everything_in_large_answers(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    for (int i = 0; i < 10; i++)
        source_ask(&consumer->source, SOURCE_APPEND, 3000);
    follow(consumer);
    WAIT_FOR(atomic_load(&consumer->seq) == 30000);
    assert_int_equal(atomic_load(&consumer->largest), EVENT_SUBSCRIBER_EVENTS_MAX);
    assert_true(atomic_load(&consumer->calls) <= 16);
}

static void test_what_pub_drops_is_read(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    follow(consumer);
    WAIT_FOR(!state_of(consumer).is_stale);
    uint64_t gaps = count_of("florin_event_gaps_total"), head = 0;
    // Each commit is thousands of messages at once; PUB holds 64 and drops the others. Not even a
    // machine that takes them as quickly as they come takes them while the consumer holds still.
    for (int i = 0; i < 20; i++) {
        atomic_store(&consumer->is_held, i % 4 == 2);
        head = source_ask(&consumer->source, SOURCE_APPEND_MIXED, 3000);
        if (i % 4 == 0) WAIT_FOR(atomic_load(&consumer->seq) == head);
    }
    atomic_store(&consumer->is_held, false);
    WAIT_FOR(atomic_load(&consumer->seq) == head);
    assert_true(count_of("florin_event_gaps_total") > gaps);
}

static void test_a_slow_consumer_catches_up_without_thrashing(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    follow(consumer);
    WAIT_FOR(!state_of(consumer).is_stale);
    atomic_store(&consumer->is_held, true);
    uint64_t head = 0;
    for (int i = 0; i < 20; i++)
        head = source_ask(&consumer->source, SOURCE_APPEND_MIXED, 2000);
    uint64_t reads = count_of("florin_event_reads_total");
    atomic_store(&consumer->is_held, false);
    WAIT_FOR(atomic_load(&consumer->seq) == head);
    assert_true(count_of("florin_event_reads_total") - reads < 100); // 40,000 events.
}

static void test_refused_events_come_again(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    atomic_store(&consumer->refusals_left, 3);
    follow(consumer);
    uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 10);
    WAIT_FOR(atomic_load(&consumer->seq) == head);
    assert_int_equal(atomic_load(&consumer->refusals_left), 0);
    atomic_store(&consumer->refusals_left, 2);
    head = source_ask(&consumer->source, SOURCE_APPEND, 10);
    WAIT_FOR(atomic_load(&consumer->seq) == head);
}

static void test_a_consumer_goes_on_where_its_cursor_stands(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    for (int i = 0; i < 5; i++) {
        follow(consumer);
        uint64_t head = source_ask(&consumer->source, SOURCE_APPEND_MIXED, 500);
        WAIT_FOR(atomic_load(&consumer->seq) == head);
        event_subscriber_close(&consumer->subscriber);
        source_ask(&consumer->source, SOURCE_APPEND, 100);
    }
    follow(consumer);
    WAIT_FOR(atomic_load(&consumer->seq) == 3000);
}

static void test_a_killed_source_loses_nothing(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    follow(consumer);
    uint64_t before = 0, moved = 0;
    for (int kills = 0; kills < 25; kills++) {
        source_tell(&consumer->source, SOURCE_RUN, 0);
        uint64_t goal = before + 20 + (uint64_t)(kills * 37 % 200);
        WAIT_FOR(atomic_load(&consumer->seq) >= goal);
        source_kill(&consumer->source);
        source_start(&consumer->source);
        uint64_t head = source_ask(&consumer->source, SOURCE_HEAD, 0);
        assert_true(head >= atomic_load(&consumer->seq)); // Nothing was sent before it was durable.
        moved += head > before;
        before = head;
        if (kills % 5 == 0) WAIT_FOR(atomic_load(&consumer->seq) == head);
    }
    WAIT_FOR(atomic_load(&consumer->seq) == source_ask(&consumer->source, SOURCE_HEAD, 0));
    assert_int_equal(moved, 25);
    assert_false(state_of(consumer).is_stopped);
}

static void test_a_silent_pub_is_replaced_by_reading(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    struct event_subscriber_config config = config_of(consumer);
    char nobody[SOURCE_URL_BYTES + 8];
    snprintf(nobody, sizeof nobody, "%s.none", consumer->source.pub_url);
    config.pub_url = nobody;
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
    for (int i = 0; i < 3; i++) {
        uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 10);
        WAIT_FOR(atomic_load(&consumer->seq) == head);
        WAIT_FOR(!state_of(consumer).is_stale);
    }
}

static void test_a_dead_source_makes_the_feed_stale(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    follow(consumer);
    WAIT_FOR(!state_of(consumer).is_stale);
    WAIT_FOR(atomic_load(&consumer->stale_changes) == 1);
    source_kill(&consumer->source);
    uint64_t killed_ns = clock_mono_ns();
    WAIT_FOR(state_of(consumer).is_stale);
    assert_true(clock_mono_ns() - killed_ns > 3 * NS_PER_SECOND); // A restart is quicker than that.
    WAIT_FOR(atomic_load(&consumer->stale_changes) == 2);
    source_start(&consumer->source);
    WAIT_FOR(!state_of(consumer).is_stale);
    WAIT_FOR(atomic_load(&consumer->stale_changes) == 3);
}

static void test_another_log_stops_the_consumer(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 5);
    consumer->log_id = source_ask(&consumer->source, SOURCE_LOG_ID, 0) + 1;
    follow(consumer);
    WAIT_FOR(state_of(consumer).is_stopped);
    assert_int_equal(atomic_load(&consumer->calls), 0);
    assert_true(state_of(consumer).is_stale);
}

// The source dies, and what starts again is a copy of its store, as after a disk was lost.
static void restore_source(struct source *source)
{
    static unsigned times;
    char store[SOURCE_PATH_BYTES + 16], lost[SOURCE_PATH_BYTES + 32];
    snprintf(store, sizeof store, "%s/store", source->directory);
    snprintf(lost, sizeof lost, "%s/lost%u", source->directory, ++times);
    source_kill(source);
    assert_int_equal(rename(store, lost), 0);
    assert_status_ok(store_restore(lost, store));
    source_start(source);
}

static void test_a_restored_source_is_followed_on(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 5);
    follow(consumer);
    WAIT_FOR(atomic_load(&consumer->seq) == 5);
    uint64_t log_id = source_ask(&consumer->source, SOURCE_LOG_ID, 0);
    restore_source(&consumer->source);
    assert_int_equal(source_ask(&consumer->source, SOURCE_APPEND, 2), 7);
    WAIT_FOR(atomic_load(&consumer->seq) == 7); // handle() checks that each came once.
    assert_int_equal(consumer->log_id, source_ask(&consumer->source, SOURCE_LOG_ID, 0));
    assert_true(consumer->log_id != log_id);
    assert_false(state_of(consumer).is_stopped);
}

static void test_a_consumer_from_before_two_restores_goes_on_from_its_cursor(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 5);
    consumer->log_id = source_ask(&consumer->source, SOURCE_LOG_ID, 0);
    atomic_store(&consumer->seq, 3);
    restore_source(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 2);
    restore_source(&consumer->source);
    follow(consumer);
    WAIT_FOR(atomic_load(&consumer->seq) == 7);
    assert_int_equal(atomic_load(&consumer->first_seq), 4);
}

static void test_a_consumer_that_knows_more_than_the_copy_is_stopped(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 5);
    consumer->log_id = source_ask(&consumer->source, SOURCE_LOG_ID, 0);
    atomic_store(&consumer->seq, 6); // The sixth was lost with the disk;
    restore_source(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 4); // the copy's sixth is another event.
    follow(consumer);
    WAIT_FOR(state_of(consumer).is_stopped);
    assert_int_equal(atomic_load(&consumer->calls), 0);
}

static void test_a_log_that_ends_before_the_cursor_stops_the_consumer(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 5);
    consumer->log_id = source_ask(&consumer->source, SOURCE_LOG_ID, 0);
    atomic_store(&consumer->seq, 6);
    follow(consumer);
    WAIT_FOR(state_of(consumer).is_stopped);
    assert_int_equal(atomic_load(&consumer->calls), 0);
}

static void test_without_a_cursor_a_consumer_may_begin_at_a_time(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 100);
    struct event_subscriber_config config = config_of(consumer);
    config.not_before_ns = clock_wall_ns();
    source_ask(&consumer->source, SOURCE_APPEND, 50);
    atomic_store(&consumer->seq, 100); // What handle() expects; the cursor given is 0.
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
    WAIT_FOR(atomic_load(&consumer->seq) == 150);
    assert_int_equal(atomic_load(&consumer->first_seq), 101);
    uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 5);
    WAIT_FOR(atomic_load(&consumer->seq) == head);

    event_subscriber_close(&consumer->subscriber); // Nothing is that recent: begins at the head.
    config.not_before_ns = clock_wall_ns() + 3600 * NS_PER_SECOND;
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
    WAIT_FOR(!state_of(consumer).is_stale);
    assert_int_equal(state_of(consumer).seq, head);
    head = source_ask(&consumer->source, SOURCE_APPEND, 5);
    WAIT_FOR(atomic_load(&consumer->seq) == head);
}

// What a consumer of chosen types saw.
struct choosy {
    atomic_uint_fast64_t count, seq, passed_seq;
    atomic_bool refuses_to_pass;
    atomic_int offers; // Calls of passed().
};

static struct status handle_odd(void *context, const struct event_view *events, size_t count,
                                uint64_t log_id)
{
    struct choosy *choosy = context;
    CHECK(count >= 1 && log_id != 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(strcmp(events[i].type, "test.odd") == 0);
        CHECK(events[i].seq > atomic_load(&choosy->seq)); // In order, none twice.
        CHECK(events[i].seq > atomic_load(&choosy->passed_seq));
        atomic_store(&choosy->seq, events[i].seq);
    }
    atomic_fetch_add(&choosy->count, count);
    return STATUS_SUCCESS;
}

static struct status pass(void *context, uint64_t seq, uint64_t log_id)
{
    struct choosy *choosy = context;
    atomic_fetch_add(&choosy->offers, 1);
    CHECK(log_id != 0 && seq > atomic_load(&choosy->seq));
    if (atomic_load(&choosy->refuses_to_pass)) return REFUSE(UNAVAILABLE, TEST, "not now");
    atomic_store(&choosy->passed_seq, seq);
    return STATUS_SUCCESS;
}

static const char *const odd_types[] = {"nothing.like.this", "test.odd"};

static struct event_subscriber_config choosy_config(struct consumer *consumer,
                                                    struct choosy *choosy)
{
    struct event_subscriber_config config = config_of(consumer);
    config.types = odd_types;
    config.type_count = sizeof odd_types / sizeof odd_types[0];
    config.handle = handle_odd;
    config.passed = pass;
    config.stale_changed = NULL;
    config.context = choosy;
    return config;
}

static void test_only_chosen_types_are_handed_on(void **state)
{
    struct consumer *consumer = *state;
    static struct choosy choosy; // Outlives the subscriber.
    source_start(&consumer->source);
    source_ask(&consumer->source, SOURCE_APPEND, 100);
    source_ask(&consumer->source, SOURCE_APPEND_MIXED, 10000);
    struct event_subscriber_config config = choosy_config(consumer, &choosy);
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
    WAIT_FOR(atomic_load(&choosy.count) == 5000); // By Read,
    source_ask(&consumer->source, SOURCE_APPEND_MIXED, 20);
    WAIT_FOR(atomic_load(&choosy.count) == 5010); // and by PUB.
    uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 30);
    WAIT_FOR(state_of(consumer).seq == head);
    WAIT_FOR(!state_of(consumer).is_stale);
    assert_int_equal(atomic_load(&choosy.count), 5010);
    WAIT_FOR(atomic_load(&choosy.passed_seq) == head);
}

static void test_only_a_stored_cursor_is_acknowledged(void **state)
{
    struct consumer *consumer = *state;
    static struct choosy choosy;
    source_start(&consumer->source);
    atomic_store(&choosy.refuses_to_pass, true);
    struct event_subscriber_config config = choosy_config(consumer, &choosy);
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
    uint64_t stored = source_ask(&consumer->source, SOURCE_APPEND_MIXED, 2); // Even, odd.
    WAIT_FOR(source_ask(&consumer->source, SOURCE_ACKNOWLEDGED, 0) == stored);
    uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 5);
    WAIT_FOR(atomic_load(&choosy.offers) >= 3); // A second apart: acknowledging has had its time.
    assert_int_equal(source_ask(&consumer->source, SOURCE_ACKNOWLEDGED, 0), stored);
    atomic_store(&choosy.refuses_to_pass, false);
    WAIT_FOR(source_ask(&consumer->source, SOURCE_ACKNOWLEDGED, 0) == head);
}

static void test_a_malformed_pattern_is_refused(void **state)
{
    struct consumer *consumer = *state;
    static const char *const types[] = {"test.odd", "Test.*"};
    struct event_subscriber_config config = config_of(consumer);
    config.consumer = NULL;
    config.types = types;
    config.type_count = 2;
    struct status status = event_subscriber_open(&config, &consumer->subscriber);
    assert_string_equal(status.reason, "TYPE_PATTERN_INVALID");
    config.type_count = 1; // What comes before it is none.
    assert_status_ok(event_subscriber_open(&config, &consumer->subscriber));
}

static void test_progress_is_acknowledged(void **state)
{
    struct consumer *consumer = *state;
    source_start(&consumer->source);
    follow(consumer);
    uint64_t head = source_ask(&consumer->source, SOURCE_APPEND, 7);
    WAIT_FOR(source_ask(&consumer->source, SOURCE_ACKNOWLEDGED, 0) == head);
    head = source_ask(&consumer->source, SOURCE_APPEND, 7);
    WAIT_FOR(source_ask(&consumer->source, SOURCE_ACKNOWLEDGED, 0) == head);
}

#define CONSUMER_TEST(test_)                                                                       \
    cmocka_unit_test_setup_teardown(test_, setup_consumer, teardown_consumer)

int main(int argc, char **argv)
{
    int code;
    if (source_run(argc, argv, &code)) return code;
    const struct CMUnitTest tests[] = {
        CONSUMER_TEST(test_events_arrive_as_they_happen),
        CONSUMER_TEST(test_a_consumer_may_linger_to_get_many_at_once),
        CONSUMER_TEST(test_a_late_consumer_gets_everything_in_large_answers),
        CONSUMER_TEST(test_what_pub_drops_is_read),
        CONSUMER_TEST(test_a_slow_consumer_catches_up_without_thrashing),
        CONSUMER_TEST(test_refused_events_come_again),
        CONSUMER_TEST(test_a_consumer_goes_on_where_its_cursor_stands),
        CONSUMER_TEST(test_a_killed_source_loses_nothing),
        CONSUMER_TEST(test_a_silent_pub_is_replaced_by_reading),
        CONSUMER_TEST(test_a_dead_source_makes_the_feed_stale),
        CONSUMER_TEST(test_another_log_stops_the_consumer),
        CONSUMER_TEST(test_a_restored_source_is_followed_on),
        CONSUMER_TEST(test_a_consumer_from_before_two_restores_goes_on_from_its_cursor),
        CONSUMER_TEST(test_a_consumer_that_knows_more_than_the_copy_is_stopped),
        CONSUMER_TEST(test_a_log_that_ends_before_the_cursor_stops_the_consumer),
        CONSUMER_TEST(test_without_a_cursor_a_consumer_may_begin_at_a_time),
        CONSUMER_TEST(test_progress_is_acknowledged),
        CONSUMER_TEST(test_only_chosen_types_are_handed_on),
        CONSUMER_TEST(test_only_a_stored_cursor_is_acknowledged),
        CONSUMER_TEST(test_a_malformed_pattern_is_refused),
    };
    if (argc == 2) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
