// The outbox: numbers without gaps whatever is refused or run again, Read, Acknowledge, trimming.
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"
#include "tests/unit/event/fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

// ---- Calls without a transport -------------------------------------------------------------

struct answer {
    struct status status;
    struct event_batch batch;
    struct rpc_call call;
};

static struct answer call_read(struct fixture *fixture, uint64_t after_seq, uint32_t limit,
                               uint32_t wait_ms, uint64_t not_before_ns)
{
    arena_reset(fixture->arena);
    Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
    request.after_seq = after_seq;
    request.limit = limit;
    request.wait_ms = wait_ms;
    request.not_before_ns = not_before_ns;
    struct rpc_service service = event_outbox_service(fixture->outbox);
    struct answer answer = {.call = {.method = &service.methods[EVENT_READ],
                                     .service = service.context,
                                     .arena = fixture->arena,
                                     .request = &request,
                                     .deadline_mono_ns = clock_mono_ns() + 60 * NS_PER_SECOND}};
    answer.status = service.handlers[EVENT_READ](&answer.call, NULL);
    if (!status_ok(answer.status)) return answer;
    uint8_t *packed = malloc(protobuf_c_message_get_packed_size(answer.call.reply));
    CHECK(packed != NULL);
    size_t size = protobuf_c_message_pack(answer.call.reply, packed);
    const uint8_t *copy = arena_copy(fixture->arena, packed, size);
    free(packed);
    assert_status_ok(event_batch_parse(bytes_of(copy, size), &answer.batch));
    return answer;
}

static uint64_t first_seq_of(const struct answer *answer)
{
    struct bytes packed;
    struct event_head head;
    size_t offset = 0;
    assert_true(event_batch_next(&answer->batch, &offset, &packed));
    assert_status_ok(event_peek(packed, &head));
    return head.seq;
}

struct acknowledging {
    struct fixture *fixture;
    const char *service, *consumer;
    uint64_t upto_seq;
};

static struct status run_acknowledge(struct store_txn *txn, void *context)
{
    const struct acknowledging *acknowledging = context;
    Eventlog__AcknowledgeRequest request = EVENTLOG__ACKNOWLEDGE_REQUEST__INIT;
    request.consumer = (char *)acknowledging->consumer;
    request.upto_seq = acknowledging->upto_seq;
    struct rpc_service service = event_outbox_service(acknowledging->fixture->outbox);
    struct rpc_call call = {.method = &service.methods[EVENT_ACKNOWLEDGE],
                            .service = service.context,
                            .arena = acknowledging->fixture->arena,
                            .request = &request,
                            .is_authenticated = true,
                            .claims = {.is_service = true}};
    memcpy(call.claims.service, acknowledging->service, strlen(acknowledging->service) + 1);
    return service.handlers[EVENT_ACKNOWLEDGE](&call, txn);
}

static struct status acknowledge(struct fixture *fixture, const char *service, const char *consumer,
                                 uint64_t upto_seq)
{
    struct acknowledging acknowledging = {fixture, service, consumer, upto_seq};
    return store_write_wait(fixture->store, run_acknowledge, &acknowledging);
}

// ---- Numbers -------------------------------------------------------------------------------

// A job that appends `events`, and then refuses or fills the store.
struct test_job {
    struct store_job job;
    size_t events;
    bool refuses, overfills;
    struct status answer;
    sem_t *finished;
};

static struct status run_test_job(struct store_job *job, struct store_txn *txn)
{
    const struct test_job *test = (const struct test_job *)job;
    for (size_t i = 0; i < test->events; i++)
        event_append(txn, &(struct event){.type = "test.happened"});
    if (test->overfills) {
        static uint8_t value[1 << 20];
        for (uint8_t i = 0; i < 64; i++)
            store_put(txn, OUTBOX_TABLE_CONSUMERS, bytes_of(&i, 1), bytes_of(value, sizeof value));
    }
    return test->refuses ? REFUSE(FAILED_PRECONDITION, NO, "no") : STATUS_SUCCESS;
}

static void finish_test_job(struct store_job *job, struct status status)
{
    struct test_job *test = (struct test_job *)job;
    test->answer = status;
    sem_post(test->finished);
}

static void run_group(struct fixture *fixture, struct test_job *jobs, size_t count)
{
    sem_t finished;
    sem_init(&finished, 0, 0);
    for (size_t i = 0; i < count; i++) {
        jobs[i].job.run = run_test_job;
        jobs[i].job.done = finish_test_job;
        jobs[i].job.next = i + 1 < count ? &jobs[i + 1].job : NULL;
        jobs[i].finished = &finished;
    }
    assert_status_ok(
        store_write_submit_all(fixture->store, &jobs[0].job, &jobs[count - 1].job, count));
    for (size_t i = 0; i < count; i++)
        sem_wait(&finished);
    sem_destroy(&finished);
}

static void assert_log_is(struct fixture *fixture, uint64_t head)
{
    assert_int_equal(event_outbox_head(fixture->outbox), head);
    struct answer answer = call_read(fixture, 0, 10000, 0, 0);
    assert_status_ok(answer.status);
    assert_int_equal(answer.batch.event_count, head);
    struct bytes packed;
    uint64_t seq = 1;
    for (size_t offset = 0; event_batch_next(&answer.batch, &offset, &packed); seq++) {
        struct event_view view;
        assert_status_ok(event_decode(packed, fixture->arena, &view));
        assert_int_equal(view.seq, seq);
        assert_string_equal(view.source, "test");
        assert_string_equal(view.outcome, "success");
    }
}

static void test_refused_jobs_leave_no_gap(void **state)
{
    struct fixture *fixture = *state;
    static struct test_job jobs[] = {
        {.events = 2, .refuses = true}, {.events = 1}, {.events = 3, .refuses = true},
        {.events = 2, .refuses = true}, {.events = 2}, {.events = 1, .refuses = true},
    };
    run_group(fixture, jobs, 6);
    assert_log_is(fixture, 3);
    static struct test_job alone[] = {{.events = 1, .refuses = true}};
    run_group(fixture, alone, 1);
    assert_log_is(fixture, 3);
    append_events(fixture, "test.happened", 1, 0);
    assert_log_is(fixture, 4);
}

static void test_a_group_run_again_leaves_no_gap(void **state)
{
    struct fixture *fixture = *state;
    close_outbox(fixture);
    const struct store_schema *schemas[] = {&event_store_schema};
    struct store_config config = {.directory = fixture->store_path, .map_bytes = 8 << 20};
    assert_status_ok(store_open(&config, schemas, 1, &fixture->store));
    assert_status_ok(event_outbox_open(fixture->store, "test", &fixture->outbox));
    static struct test_job jobs[] = {
        {.events = 2}, {.events = 1, .overfills = true}, {.events = 3}};
    run_group(fixture, jobs, 3);
    assert_status_ok(jobs[0].answer);
    assert_string_equal(jobs[1].answer.reason, "STORE_FULL");
    assert_status_ok(jobs[2].answer);
    assert_log_is(fixture, 5);
}

static void test_numbers_go_on_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    append_events(fixture, "test.happened", 7, 0);
    close_outbox(fixture);
    open_outbox(fixture, "test");
    assert_int_equal(event_outbox_head(fixture->outbox), 7);
    append_events(fixture, "test.happened", 2, 0);
    assert_log_is(fixture, 9);
}

static struct status run_append_for_call(struct store_txn *txn, void *context)
{
    struct rpc_call *call = context;
    struct id128 user = {{1}};
    char subject[EVENT_NAME_BYTES];
    event_name("transfers", (struct id128){{2}}, subject);
    Eventlog__AcknowledgeRequest payload = EVENTLOG__ACKNOWLEDGE_REQUEST__INIT;
    payload.upto_seq = 7;
    event_append_call(txn, call, "test.done", subject, &payload, &user, 1);
    event_append_refusal(txn, call, "test.done", subject, NULL, "TOO_MUCH");
    return STATUS_SUCCESS;
}

static void next_view(struct fixture *fixture, const struct answer *answer, size_t *offset,
                      struct event_view *ret)
{
    struct bytes packed;
    assert_true(event_batch_next(&answer->batch, offset, &packed));
    assert_status_ok(event_decode(packed, fixture->arena, ret));
}

static void test_the_call_says_who_did_it(void **state)
{
    struct fixture *fixture = *state;
    struct rpc_call call = {.is_authenticated = true,
                            .claims = {.subject = {{1}}},
                            .request_id = "r-1",
                            .traceparent = "",
                            .client_ip = "192.0.2.7",
                            .device_id = "phone"};
    assert_status_ok(store_write_wait(fixture->store, run_append_for_call, &call));
    struct answer answer = call_read(fixture, 0, 10, 0, 0);
    struct event_view view;
    size_t offset = 0;
    next_view(fixture, &answer, &offset, &view);
    assert_string_equal(view.type, "test.done");
    assert_string_equal(view.actor, "users/01000000-0000-0000-0000-000000000000");
    assert_string_equal(view.subject, "transfers/02000000-0000-0000-0000-000000000000");
    assert_string_equal(view.request_id, "r-1");
    assert_string_equal(view.client_ip, "192.0.2.7");
    assert_string_equal(view.device_id, "phone");
    assert_string_equal(view.outcome, "success");
    assert_int_equal(view.visible_to_count, 1);
    assert_string_equal(view.visible_to[0], "users/01000000-0000-0000-0000-000000000000");
    assert_true(bytes_equal(view.payload, bytes_of("\x10\x07", 2)));
    next_view(fixture, &answer, &offset, &view);
    assert_string_equal(view.outcome, "refused");
    assert_string_equal(view.reason, "TOO_MUCH");
    assert_int_equal(view.payload.size, 0);
}

// ---- Read ----------------------------------------------------------------------------------

static void test_read_answers_by_limit_and_head(void **state)
{
    struct fixture *fixture = *state;
    append_events(fixture, "test.happened", 2500, 0);

    static const struct {
        const char *name;
        uint64_t after;
        uint32_t limit;
        uint64_t first;
        size_t count;
        const char *refused;
    } rows[] = {
        // clang-format off
        {"from the beginning",      0,    10,    1,    10,   NULL},
        {"no limit given",          0,    0,     1,    1000, NULL},
        {"all",                     0,    10000, 1,    2500, NULL},
        {"from the middle",         2490, 10000, 2491, 10,   NULL},
        {"the last one",            2499, 1,     2500, 1,    NULL},
        {"at the head",             2500, 10,    0,    0,    NULL},
        {"beyond the head",         2501, 10,    0,    0,    "SEQ_AHEAD_OF_LOG"},
        // clang-format on
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer answer = call_read(fixture, rows[i].after, rows[i].limit, 0, 0);
        if (rows[i].refused != NULL) {
            assert_refused(answer.status, rows[i].refused);
            continue;
        }
        assert_status_ok(answer.status);
        assert_int_equal(answer.batch.event_count, rows[i].count);
        assert_int_equal(answer.batch.head_seq, 2500);
        assert_int_equal(answer.batch.log_id, store_id(fixture->store));
        if (rows[i].count > 0) assert_int_equal(first_seq_of(&answer), rows[i].first);
    }
}

static void test_an_answer_stays_below_four_mebibytes(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 10; i++)
        append_events(fixture, "test.happened", 10, EVENT_PAYLOAD_BYTES_MAX);
    uint64_t seq = 0;
    size_t answers = 0;
    for (; seq < 100; answers++) {
        struct answer answer = call_read(fixture, seq, 10000, 0, 0);
        assert_status_ok(answer.status);
        assert_true(answer.batch.packed.size < 4 << 20);
        assert_true(answer.batch.event_count > 0);
        assert_int_equal(first_seq_of(&answer), seq + 1);
        seq += answer.batch.event_count;
    }
    assert_int_equal(answers, 2); // 6 MiB in as few answers as possible.
}

static void test_read_by_time_begins_at_the_first_recent_event(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t begin_ns = 1000 * NS_PER_SECOND;
    clock_test_set(begin_ns, begin_ns);
    for (int i = 0; i < 50; i++) { // Events 2i+1 and 2i+2 happen at begin + i seconds.
        append_events(fixture, "test.happened", 2, 0);
        clock_test_advance(NS_PER_SECOND);
    }

    static const struct {
        uint64_t after, second, first;
        size_t count;
    } rows[] = {{0, 0, 1, 100},   {0, 1, 3, 98},  {0, 25, 51, 50},
                {90, 25, 91, 10}, {0, 49, 99, 2}, {0, 50, 0, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t not_before_ns = begin_ns + rows[i].second * NS_PER_SECOND;
        struct answer answer = call_read(fixture, rows[i].after, 1000, 0, not_before_ns);
        assert_status_ok(answer.status);
        assert_int_equal(answer.batch.event_count, rows[i].count);
        assert_int_equal(answer.batch.head_seq, 100);
        if (rows[i].count > 0) assert_int_equal(first_seq_of(&answer), rows[i].first);
    }
}

struct waiter {
    pthread_t thread;
    struct fixture fixture; // With an arena of its own.
    uint32_t wait_ms;
    struct answer answer;
    atomic_bool done;
};

static void *wait_in_read(void *context)
{
    struct waiter *waiter = context;
    waiter->answer = call_read(&waiter->fixture, 0, 10, waiter->wait_ms, 0);
    atomic_store(&waiter->done, true);
    return NULL;
}

static void start_waiter(struct waiter *waiter, const struct fixture *fixture, uint32_t wait_ms)
{
    *waiter = (struct waiter){.fixture = *fixture, .wait_ms = wait_ms};
    waiter->fixture.arena = arena_open(1 << 20);
    assert_int_equal(pthread_create(&waiter->thread, NULL, wait_in_read, waiter), 0);
}

static void end_waiter(struct waiter *waiter)
{
    pthread_join(waiter->thread, NULL);
    arena_close(&waiter->fixture.arena);
}

static void wait_until_waiting(struct fixture *fixture, unsigned count)
{
    for (bool reached = false; !reached; sched_yield()) {
        pthread_mutex_lock(&fixture->outbox->lock);
        reached = fixture->outbox->waits == count;
        pthread_mutex_unlock(&fixture->outbox->lock);
    }
}

static void test_read_waits_for_the_next_event(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter;
    start_waiter(&waiter, fixture, 30000);
    wait_until_waiting(fixture, 1);
    assert_false(atomic_load(&waiter.done));
    append_events(fixture, "test.happened", 1, 0);
    end_waiter(&waiter);
    assert_status_ok(waiter.answer.status);
    assert_int_equal(waiter.answer.batch.head_seq, 1);
}

static void test_more_waits_than_allowed_are_answered_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct waiter waiter;
    start_waiter(&waiter, fixture, 30000);
    wait_until_waiting(fixture, 1);
    // This one would outlast the test's time-out if it waited.
    struct answer answer = call_read(fixture, 0, 10, 30000, 0);
    assert_status_ok(answer.status);
    assert_int_equal(answer.batch.event_count, 0);
    assert_false(atomic_load(&waiter.done));
    event_outbox_set_waits(fixture->outbox, 0); // A drain ends those that wait.
    end_waiter(&waiter);
    assert_int_equal(waiter.answer.batch.head_seq, 0);
}

// ---- Acknowledge and trimming --------------------------------------------------------------

static uint64_t trim_until_done(struct fixture *fixture)
{
    uint64_t before, first = 0;
    do {
        before = first;
        outbox_trim(fixture->outbox);
        append_events(fixture, "test.happened", 0, 0); // An empty job behind it: it has run.
        struct store_txn *txn;
        assert_status_ok(store_snapshot_begin(fixture->store, &txn));
        first = outbox_first_seq(txn, event_outbox_head(fixture->outbox));
        store_snapshot_end(&txn);
    } while (first != before);
    return first;
}

static void append_old_events(struct fixture *fixture, size_t count)
{
    const uint64_t begin_ns = 1000000 * NS_PER_SECOND;
    clock_test_set(begin_ns, begin_ns);
    append_events(fixture, "test.happened", count, 0);
    clock_test_advance(EVENT_KEPT_NS + 1);
}

static void test_nothing_is_trimmed_without_a_consumer(void **state)
{
    struct fixture *fixture = *state;
    append_old_events(fixture, 2 * EVENT_KEPT_COUNT);
    assert_int_equal(trim_until_done(fixture), 1);
}

static void test_the_slowest_consumer_holds_events_back(void **state)
{
    struct fixture *fixture = *state;
    append_old_events(fixture, 2 * EVENT_KEPT_COUNT);
    assert_status_ok(acknowledge(fixture, "audit", "tree", 2 * EVENT_KEPT_COUNT));
    assert_status_ok(acknowledge(fixture, "gateway", "sse", 3000));
    assert_int_equal(trim_until_done(fixture), 3001);
    struct answer answer = call_read(fixture, 2999, 10, 0, 0);
    assert_refused(answer.status, "SEQ_TRIMMED");
    assert_string_equal(answer.call.details[0].key, "first_seq");
    assert_string_equal(answer.call.details[0].value, "3001");
    answer = call_read(fixture, 3000, 10, 0, 0);
    assert_int_equal(first_seq_of(&answer), 3001);
    answer = call_read(fixture, 0, 10, 0, 1); // By time: what is trimmed is older anyway.
    assert_int_equal(first_seq_of(&answer), 3001);
    assert_int_equal(call_read(fixture, 0, 1, 0, 0).batch.event_count, 0);
}

static void test_the_last_events_stay_however_far_consumers_are(void **state)
{
    struct fixture *fixture = *state;
    append_old_events(fixture, EVENT_KEPT_COUNT + 5000);
    assert_status_ok(acknowledge(fixture, "audit", "tree", EVENT_KEPT_COUNT + 5000));
    assert_int_equal(trim_until_done(fixture), 5001);
}

static void test_young_events_stay_however_many_there_are(void **state)
{
    struct fixture *fixture = *state;
    append_old_events(fixture, 2000);
    append_events(fixture, "test.happened", 2 * EVENT_KEPT_COUNT, 0);
    assert_status_ok(acknowledge(fixture, "audit", "tree", 2 * EVENT_KEPT_COUNT + 2000));
    assert_int_equal(trim_until_done(fixture), 2001);
}

static void test_acknowledging_beyond_the_head_is_refused(void **state)
{
    struct fixture *fixture = *state;
    append_events(fixture, "test.happened", 3, 0);
    assert_refused(acknowledge(fixture, "audit", "tree", 4), "SEQ_AHEAD_OF_LOG");
    assert_status_ok(acknowledge(fixture, "audit", "tree", 3));
}

static void test_a_service_cannot_speak_for_anothers_consumer(void **state)
{
    struct fixture *fixture = *state;
    append_old_events(fixture, 2 * EVENT_KEPT_COUNT);
    assert_status_ok(acknowledge(fixture, "audit", "tree", 100));
    assert_status_ok(acknowledge(fixture, "gateway", "tree", 2 * EVENT_KEPT_COUNT));
    assert_int_equal(trim_until_done(fixture), 101);
}

#define OUTBOX_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_outbox, teardown_outbox)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(test_refused_jobs_leave_no_gap),
        OUTBOX_TEST(test_a_group_run_again_leaves_no_gap),
        OUTBOX_TEST(test_numbers_go_on_after_a_restart),
        OUTBOX_TEST(test_the_call_says_who_did_it),
        OUTBOX_TEST(test_read_answers_by_limit_and_head),
        OUTBOX_TEST(test_an_answer_stays_below_four_mebibytes),
        OUTBOX_TEST(test_read_by_time_begins_at_the_first_recent_event),
        OUTBOX_TEST(test_read_waits_for_the_next_event),
        OUTBOX_TEST(test_more_waits_than_allowed_are_answered_at_once),
        OUTBOX_TEST(test_nothing_is_trimmed_without_a_consumer),
        OUTBOX_TEST(test_the_slowest_consumer_holds_events_back),
        OUTBOX_TEST(test_the_last_events_stay_however_far_consumers_are),
        OUTBOX_TEST(test_young_events_stay_however_many_there_are),
        OUTBOX_TEST(test_acknowledging_beyond_the_head_is_refused),
        OUTBOX_TEST(test_a_service_cannot_speak_for_anothers_consumer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
