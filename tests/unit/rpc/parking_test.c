// Calls that wait without a thread: first the place where they stand, then whole servers.
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/rpc/limits.h"
#include "common/rpc/parking.h"
#include "tests/unit/rpc/fixture.h"

#include <pthread.h>
#include <stdlib.h>

#define FOREVER UINT64_MAX

// ---- The place -----------------------------------------------------------------------------

struct guest {
    struct pool_job job;
    struct parked parked;
    struct parking *parking;
    atomic_int runs;
};

static void run_guest(struct pool_job *job)
{
    struct guest *guest = (struct guest *)job;
    struct parking *parking = guest->parking;
    atomic_fetch_add(&guest->runs, 1);
    parking_left(parking);
}

struct place {
    struct pool *pool;
    struct parking *parking;
    atomic_size_t grown;
};

static void note_growth(void *context, size_t parked)
{
    atomic_store(&((struct place *)context)->grown, parked);
}

static void open_place(struct place *place, size_t parked_max)
{
    *place = (struct place){.pool = pool_open("test", 2, 4)};
    place->parking = parking_open(&(struct parking_config){.pool = place->pool,
                                                           .parked_max = parked_max,
                                                           .resumed_max = 2,
                                                           .grown = note_growth,
                                                           .context = place});
}

static void close_place(struct place *place)
{
    parking_stop(place->parking);
    pool_close(&place->pool);
    parking_close(&place->parking);
}

static bool park(struct place *place, struct guest *guest, uint64_t turn, uint64_t until_mono_ns)
{
    guest->parking = place->parking;
    guest->job.run = run_guest;
    guest->parked =
        (struct parked){.job = &guest->job, .turn = turn, .until_mono_ns = until_mono_ns};
    return parking_park(place->parking, &guest->parked);
}

static void test_who_stands_goes_back_when_woken(void **state)
{
    (void)state;
    static struct guest guests[100];
    struct place place;
    memset(guests, 0, sizeof guests);
    open_place(&place, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_true(park(&place, &guests[i], parking_turn(place.parking), FOREVER));
    }
    assert_int_equal(atomic_load(&place.grown), 100);
    assert_false(parking_has_room(place.parking));
    parking_wake(place.parking);
    for (size_t i = 0; i < 100; i++) { // Many more than the pool's queue takes at once.
        WAIT_UNTIL(atomic_load(&guests[i].runs) == 1);
    }
    assert_true(parking_has_room(place.parking));
    close_place(&place);
}

static void test_a_wake_between_look_and_standing_counts(void **state)
{
    (void)state;
    struct guest guest = {0};
    struct place place;
    open_place(&place, 1);
    uint64_t turn = parking_turn(place.parking);
    parking_wake(place.parking); // Nobody stands there.
    assert_true(park(&place, &guest, turn, FOREVER));
    WAIT_UNTIL(atomic_load(&guest.runs) == 1);
    close_place(&place);
}

static void test_each_goes_back_in_its_time(void **state)
{
    (void)state;
    struct guest guests[3] = {0};
    struct place place;
    open_place(&place, 3);
    uint64_t now_ns = clock_mono_ns(), turn = parking_turn(place.parking);
    assert_true(park(&place, &guests[0], turn, FOREVER));
    assert_true(park(&place, &guests[1], turn, now_ns + 40 * NS_PER_MS));
    assert_true(park(&place, &guests[2], turn, now_ns + 20 * NS_PER_MS)); // Earlier than who came.
    WAIT_UNTIL(atomic_load(&guests[2].runs) == 1);
    assert_true(clock_mono_ns() >= now_ns + 20 * NS_PER_MS);
    WAIT_UNTIL(atomic_load(&guests[1].runs) == 1);
    assert_true(clock_mono_ns() >= now_ns + 40 * NS_PER_MS);
    assert_int_equal(atomic_load(&guests[0].runs), 0);
    parking_stop(place.parking);
    WAIT_UNTIL(atomic_load(&guests[0].runs) == 1);
    close_place(&place);
}

static void test_no_place_when_full_or_stopped(void **state)
{
    (void)state;
    struct guest guests[3] = {0};
    struct place place;
    open_place(&place, 2);
    uint64_t turn = parking_turn(place.parking);
    assert_true(park(&place, &guests[0], turn, FOREVER));
    assert_true(park(&place, &guests[1], turn, FOREVER));
    assert_false(park(&place, &guests[2], turn, FOREVER));
    parking_stop(place.parking);
    WAIT_UNTIL(atomic_load(&guests[0].runs) == 1 && atomic_load(&guests[1].runs) == 1);
    assert_false(park(&place, &guests[2], turn, FOREVER));
    assert_int_equal(atomic_load(&guests[2].runs), 0);
    close_place(&place);
}

struct blocker {
    struct pool_job job;
    atomic_bool *released;
};

static void block(struct pool_job *job)
{
    const struct blocker *blocker = (struct blocker *)job;
    while (!atomic_load(blocker->released))
        usleep(200);
}

static void test_a_pool_full_of_other_work_is_waited_for(void **state)
{
    (void)state;
    struct guest guest = {0};
    struct blocker blockers[6];
    atomic_bool released = false;
    struct place place;
    open_place(&place, 1);
    for (size_t i = 0; i < 6; i++) { // Two run, four fill the queue.
        blockers[i] = (struct blocker){.job = {.run = block}, .released = &released};
        WAIT_UNTIL(pool_submit(place.pool, &blockers[i].job).code == STATUS_OK);
        if (i == 1) WAIT_UNTIL(pool_queued(place.pool) == 0);
    }
    assert_true(park(&place, &guest, parking_turn(place.parking), FOREVER));
    parking_wake(place.parking);
    usleep(20000); // Time to do it wrong; right is whatever comes after.
    assert_int_equal(atomic_load(&guest.runs), 0);
    atomic_store(&released, true);
    WAIT_UNTIL(atomic_load(&guest.runs) == 1);
    close_place(&place);
}

// ---- Servers -------------------------------------------------------------------------------

static struct fixture fixture;
static struct answer answers[1100];

static int setup_two_threads(void **state)
{
    (void)state;
    const struct fixture_options options = {.server = {.pool_threads = 2},
                                            .channel = {.contexts = 1200}};
    fixture_open(&fixture, &options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void send_wait(struct answer *answer, uint64_t level, uint32_t wait_ms, uint32_t timeout_ms)
{
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    request.number = level;
    request.sleep_ms = wait_ms;
    request.text = (char *)"wait";
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    fixture_send(fixture.channel, answer, &echo_methods[ECHO_WAIT], &metadata, &request,
                 timeout_ms);
}

static uint64_t parked_count(void)
{
    return metric_value(metric_gauge("florin_rpc_parked", "", NULL));
}

// In handfuls, because the pool's queue is short for those who come for the first time.
static void send_waits(size_t count, size_t parked)
{
    for (size_t i = 0; i < count; i++) {
        send_wait(&answers[i], 1, 30000, 60000);
        if (i % 50 == 49 && i < parked) WAIT_UNTIL(parked_count() == i + 1);
    }
    WAIT_UNTIL(parked_count() == parked);
}

static void raise_level(uint64_t level)
{
    atomic_store(&fixture.echo.level, level);
    rpc_server_wake(fixture.server);
}

static void assert_level(const struct answer *answer, uint64_t level)
{
    assert_ok(answer);
    Echo__EchoReply *reply = echo__echo_reply__unpack(NULL, answer->reply_size, answer->reply);
    assert_non_null(reply);
    assert_int_equal(reply->number, level);
    assert_string_equal(reply->actor, "users/01010101-0101-0101-0101-010101010101");
    echo__echo_reply__free_unpacked(reply, NULL);
}

static void test_a_call_waits_until_its_handler_is_content(void **state)
{
    (void)state;
    send_wait(&answers[0], 3, 30000, 60000);
    WAIT_UNTIL(parked_count() == 1);
    for (uint64_t level = 1; level <= 2; level++) {
        int runs = atomic_load(&fixture.echo.wait_runs);
        raise_level(level);
        WAIT_UNTIL(atomic_load(&fixture.echo.wait_runs) > runs && parked_count() == 1);
        assert_false(atomic_load(&answers[0].has_ended));
    }
    raise_level(3);
    fixture_wait(&answers[0]);
    assert_level(&answers[0], 3);
    assert_int_equal(parked_count(), 0);
}

static void test_what_is_there_already_is_not_waited_for(void **state)
{
    (void)state;
    atomic_store(&fixture.echo.level, 5);
    send_wait(&answers[0], 5, 30000, 60000);
    fixture_wait(&answers[0]);
    assert_level(&answers[0], 5);
    assert_int_equal(atomic_load(&fixture.echo.wait_runs), 1);
}

static void test_a_wait_ends_by_itself(void **state)
{
    (void)state;

    const struct {
        const char *given;
        uint32_t wait_ms, timeout_ms, least_ms;
    } rows[] = {
        {"its own time is over", 50, 60000, 50},
        {"the deadline is near", 30000, RPC_PARK_MARGIN_MS + 100, 90}, // It is sent on its way.
        {"the deadline is at hand", 30000, RPC_PARK_MARGIN_MS - 100, 0},
        {"no time to wait", 0, 60000, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("  %s\n", rows[i].given);
        uint64_t begin_ns = clock_mono_ns();
        send_wait(&answers[0], 9, rows[i].wait_ms, rows[i].timeout_ms);
        fixture_wait(&answers[0]);
        assert_level(&answers[0], 0);
        assert_true(clock_mono_ns() >= begin_ns + rows[i].least_ms * NS_PER_MS);
    }
}

// nng has times of its own (10 s for what is received), which must not be the calls'.
static void test_a_long_wait_is_waited_for(void **state)
{
    (void)state;
    uint64_t begin_ns = clock_mono_ns();
    send_wait(&answers[0], 9, 10500, 60000);
    fixture_wait(&answers[0]);
    assert_level(&answers[0], 0);
    assert_true(clock_mono_ns() >= begin_ns + 10500 * NS_PER_MS);
}

static void test_each_run_begins_with_the_arena_of_the_first(void **state)
{
    (void)state;
    send_wait(&answers[0], 1000, 30000, 60000);
    WAIT_UNTIL(parked_count() == 1);
    for (int run = 1; run <= 100; run++) { // A MiB each; a handler has not a fifth of that.
        rpc_server_wake(fixture.server);
        WAIT_UNTIL(atomic_load(&fixture.echo.wait_runs) > run && parked_count() == 1);
    }
    raise_level(1000);
    fixture_wait(&answers[0]);
    assert_level(&answers[0], 1000);
}

static void test_a_thousand_wait_on_two_threads_and_others_do_not(void **state)
{
    (void)state;
    send_waits(1000, 1000);
    // They hold neither thread nor lane (there were 256).
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    request.text = (char *)"x";
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    for (size_t i = 1000; i < 1050; i++) {
        enum echo_method_index method = i % 2 == 0 ? ECHO_POOL : ECHO_ECHO;
        fixture_send(fixture.channel, &answers[i], &echo_methods[method], &metadata, &request,
                     FIXTURE_TIMEOUT_MS);
        fixture_wait(&answers[i]);
        assert_ok(&answers[i]);
    }
    assert_int_equal(parked_count(), 1000);
    raise_level(1);
    for (size_t i = 0; i < 1000; i++) {
        fixture_wait(&answers[i]);
        assert_level(&answers[i], 1);
    }
    assert_int_equal(parked_count(), 0);
}

static void test_beyond_the_bound_a_call_is_answered_at_once(void **state)
{
    (void)state;
    size_t ended = 0;
    send_waits(RPC_PARKED_MAX + 10, RPC_PARKED_MAX);
    WAIT_UNTIL(rpc_server_in_flight(fixture.server) == RPC_PARKED_MAX);
    raise_level(1);
    for (size_t i = 0; i < RPC_PARKED_MAX + 10; i++) {
        fixture_wait(&answers[i]);
        assert_ok(&answers[i]);
        Echo__EchoReply *reply =
            echo__echo_reply__unpack(NULL, answers[i].reply_size, answers[i].reply);
        ended += reply->number == 0;
        echo__echo_reply__free_unpacked(reply, NULL);
    }
    assert_int_equal(ended, 10);
}

static void test_a_drain_answers_those_who_wait(void **state)
{
    (void)state;
    send_waits(100, 100);
    assert_true(rpc_server_drain(fixture.server, 10000));
    for (size_t i = 0; i < 100; i++) {
        fixture_wait(&answers[i]);
        assert_level(&answers[i], 0);
    }
    send_wait(&answers[0], 1, 30000, 1500);
    fixture_wait(&answers[0]);
    assert_refused(&answers[0], STATUS_UNAVAILABLE, "DRAINING");
}

static void test_a_server_closes_while_calls_wait(void **state)
{
    (void)state;
    send_waits(50, 50);
    fixture_close_server(&fixture);
    for (size_t i = 0; i < 50; i++) {
        fixture_wait(&answers[i]);
        assert_level(&answers[i], 0);
    }
    fixture_open_server(&fixture);
}

static void test_a_call_waits_behind_a_slow_token_too(void **state)
{
    (void)state;
    atomic_store(&fixture.echo.is_stale, true);
    send_wait(&answers[0], 1, 30000, 60000);
    WAIT_UNTIL(parked_count() == 1);
    raise_level(1);
    fixture_wait(&answers[0]);
    assert_level(&answers[0], 1);
    assert_int_equal(atomic_load(&fixture.echo.slow_checks), 2); // When it came, and at the answer.
}

// A session ends, or a role, while its call waits: what happened since is not for it any more.
static void test_who_has_lost_the_right_meanwhile_is_not_answered(void **state)
{
    (void)state;

    const struct {
        const char *given;
        bool is_stale, slow_refuses, grants_nothing;
        enum status_code code;
        const char *reason;
    } rows[] = {
        {"nothing has changed", false, false, false, STATUS_OK, ""},
        {"the session has ended", true, true, false, STATUS_UNAUTHENTICATED, "TOKEN_REVOKED"},
        {"the role is gone", false, false, true, STATUS_PERMISSION_DENIED, "PERMISSION_DENIED"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        print_message("  %s\n", rows[i].given);
        uint64_t level = atomic_load(&fixture.echo.level) + 1;
        send_wait(&answers[0], level, 30000, 60000);
        WAIT_UNTIL(parked_count() == 1);
        atomic_store(&fixture.echo.is_stale, rows[i].is_stale);
        atomic_store(&fixture.echo.slow_refuses, rows[i].slow_refuses);
        atomic_store(&fixture.echo.grants_nothing, rows[i].grants_nothing);
        raise_level(level);
        fixture_wait(&answers[0]);
        assert_refused(&answers[0], rows[i].code, rows[i].reason);
        assert_int_equal(answers[0].reply_size > 0, rows[i].code == STATUS_OK);
        atomic_store(&fixture.echo.is_stale, false);
    }
}

// Wakes without pause from two threads while calls come and go: none sleeps through the level that
// it waits for.
static atomic_bool storm_ends;

static void *wake_without_pause(void *unused)
{
    while (!atomic_load(&storm_ends)) {
        atomic_fetch_add(&fixture.echo.level, 1);
        rpc_server_wake(fixture.server);
        usleep(50);
    }
    return unused;
}

static void test_no_wake_is_lost_in_a_storm(void **state)
{
    (void)state;
    pthread_t threads[2];
    atomic_store(&storm_ends, false);
    atomic_store(&fixture.echo.level, 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wake_without_pause, NULL), 0);
    for (int round = 0; round < 20; round++) {
        uint64_t begin_ns = clock_mono_ns();
        for (size_t i = 0; i < 50; i++)
            send_wait(&answers[i], atomic_load(&fixture.echo.level) + 1 + i % 5, 30000, 60000);
        for (size_t i = 0; i < 50; i++) {
            fixture_wait(&answers[i]);
            assert_ok(&answers[i]);
        }
        assert_true(clock_mono_ns() - begin_ns < 25 * NS_PER_SECOND); // Nobody's time was over.
    }
    atomic_store(&storm_ends, true);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

#define SERVER_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_two_threads, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_stands_goes_back_when_woken),
        cmocka_unit_test(test_a_wake_between_look_and_standing_counts),
        cmocka_unit_test(test_each_goes_back_in_its_time),
        cmocka_unit_test(test_no_place_when_full_or_stopped),
        cmocka_unit_test(test_a_pool_full_of_other_work_is_waited_for),
        SERVER_TEST(test_a_call_waits_until_its_handler_is_content),
        SERVER_TEST(test_what_is_there_already_is_not_waited_for),
        SERVER_TEST(test_a_wait_ends_by_itself),
        SERVER_TEST(test_a_long_wait_is_waited_for),
        SERVER_TEST(test_each_run_begins_with_the_arena_of_the_first),
        SERVER_TEST(test_a_thousand_wait_on_two_threads_and_others_do_not),
        SERVER_TEST(test_beyond_the_bound_a_call_is_answered_at_once),
        SERVER_TEST(test_a_drain_answers_those_who_wait),
        SERVER_TEST(test_a_server_closes_while_calls_wait),
        SERVER_TEST(test_a_call_waits_behind_a_slow_token_too),
        SERVER_TEST(test_who_has_lost_the_right_meanwhile_is_not_answered),
        SERVER_TEST(test_no_wake_is_lost_in_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
