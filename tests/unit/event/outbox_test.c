// The outbox: numbers without gaps whatever is refused or run again, Read, Acknowledge, trimming.
#include "common/event/consumers.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"
#include "tests/unit/event/fixture.h"

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

/// A call of EventLog that writes, as a service makes it.
struct writing {
    struct fixture *fixture;
    enum event_method_index method;
    const char *service;
    void *request;
};

static struct status run_writing(struct store_txn *txn, void *context)
{
    const struct writing *writing = context;
    struct rpc_service service = event_outbox_service(writing->fixture->outbox);
    struct rpc_call call = {.method = &service.methods[writing->method],
                            .service = service.context,
                            .arena = writing->fixture->arena,
                            .request = writing->request,
                            .is_authenticated = true,
                            .claims = {.is_service = true}};
    snprintf(call.claims.service, sizeof call.claims.service, "%s", writing->service);
    return service.handlers[writing->method](&call, txn);
}

static struct status acknowledge(struct fixture *fixture, const char *service, const char *consumer,
                                 uint64_t upto_seq)
{
    Eventlog__AcknowledgeRequest request = EVENTLOG__ACKNOWLEDGE_REQUEST__INIT;
    request.consumer = (char *)consumer;
    request.upto_seq = upto_seq;
    struct writing writing = {fixture, EVENT_ACKNOWLEDGE, service, &request};
    return store_write_wait(fixture->store, run_writing, &writing);
}

static struct status forget(struct fixture *fixture, const char *name)
{
    Eventlog__ForgetConsumerRequest request = EVENTLOG__FORGET_CONSUMER_REQUEST__INIT;
    request.name = (char *)name;
    struct writing writing = {fixture, EVENT_FORGET_CONSUMER, "ops", &request};
    return store_write_wait(fixture->store, run_writing, &writing);
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
    open_outbox_of(fixture, "test", 8 << 20);
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

// Whether a Read that a server made would wait, and until when.
static void test_read_waits_at_the_end_only(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t now_ns = 1000 * NS_PER_SECOND, ms = NS_PER_MS;
    append_events(fixture, "test.happened", 3, 0);
    clock_test_set(now_ns, now_ns);

    const struct {
        const char *given;
        uint64_t after;
        uint32_t wait_ms, timeout_ms;
        bool may_park;
        uint64_t waits_ms; // 0: it is answered.
    } rows[] = {
        // clang-format off
        {"at the end",                       3, 10000, 60000, true,  10000},
        {"at the end, the deadline nearer",  3, 10000,  5000, true,   4500},
        {"at the end, the deadline at hand", 3, 10000,   400, true,      0},
        {"at the end, not asked to",         3,     0, 60000, true,      0},
        {"at the end of a server that ends", 3, 10000, 60000, false,     0},
        {"before the end",                   2, 10000, 60000, true,      0},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        print_message("  %s\n", rows[i].given);
        Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
        request.after_seq = rows[i].after;
        request.wait_ms = rows[i].wait_ms;
        struct rpc_service service = event_outbox_service(fixture->outbox);
        struct rpc_call call = {.method = &service.methods[EVENT_READ],
                                .service = service.context,
                                .arena = fixture->arena,
                                .request = &request,
                                .may_park = rows[i].may_park,
                                .received_mono_ns = now_ns,
                                .deadline_mono_ns = now_ns + rows[i].timeout_ms * ms};
        assert_status_ok(service.handlers[EVENT_READ](&call, NULL));
        assert_int_equal(call.is_parking, rows[i].waits_ms > 0);
        assert_int_equal(call.reply == NULL, rows[i].waits_ms > 0);
        if (call.is_parking) {
            assert_int_equal(call.park_until_mono_ns, now_ns + rows[i].waits_ms * ms);
        }
    }
}

static void count_move(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void test_whoever_waits_hears_of_every_commit_with_events(void **state)
{
    struct fixture *fixture = *state;
    atomic_int moves = 0;
    event_outbox_on_moved(fixture->outbox, count_move, &moves);
    append_events(fixture, "test.happened", 2, 0);
    assert_int_equal(atomic_load(&moves), 1);
    append_events(fixture, "test.happened", 0, 0);
    assert_int_equal(atomic_load(&moves), 1);
    append_events(fixture, "test.happened", 1, 0);
    assert_int_equal(atomic_load(&moves), 2);
    event_outbox_on_moved(fixture->outbox, NULL, NULL);
    append_events(fixture, "test.happened", 1, 0);
    assert_int_equal(atomic_load(&moves), 2);
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

static void test_who_is_forgotten_holds_nothing_back(void **state)
{
    struct fixture *fixture = *state;
    append_old_events(fixture, 2 * EVENT_KEPT_COUNT);
    assert_status_ok(acknowledge(fixture, "audit", "tree", 2 * EVENT_KEPT_COUNT));
    assert_status_ok(acknowledge(fixture, "risk", "books", 100));
    assert_int_equal(trim_until_done(fixture), 101);
    assert_refused(forget(fixture, "services/risk/book"), "CONSUMER_NOT_FOUND");
    assert_refused(forget(fixture, "books"), "CONSUMER_NOT_FOUND");
    assert_status_ok(forget(fixture, "services/risk/books"));
    assert_int_equal(event_outbox_head(fixture->outbox), 2 * EVENT_KEPT_COUNT + 1); // It is told.
    assert_true(trim_until_done(fixture) > EVENT_KEPT_COUNT);
    assert_refused(forget(fixture, "services/risk/books"), "CONSUMER_NOT_FOUND");
    assert_status_ok(acknowledge(fixture, "risk", "books", 1)); // It comes back all the same.
}

static void test_no_service_registers_without_end(void **state)
{
    struct fixture *fixture = *state;
    char name[16];
    append_events(fixture, "test.happened", 3, 0);
    for (unsigned i = 0; i < OUTBOX_CONSUMERS_MAX; i++) {
        snprintf(name, sizeof name, "c%u", i);
        assert_status_ok(acknowledge(fixture, "risk", name, 1));
    }
    assert_refused(acknowledge(fixture, "risk", "more", 1), "TOO_MANY_CONSUMERS");
    assert_status_ok(acknowledge(fixture, "risk", "c0", 2)); // Who is known goes on.
    assert_status_ok(forget(fixture, "services/risk/c7"));
    assert_status_ok(acknowledge(fixture, "risk", "more", 1));
}

#define OUTBOX_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_outbox, teardown_outbox)

// ---- Digests of what was changed -----------------------------------------------------------

#define SUBJECT "roles/teller"

/// What one job does to the record of SUBJECT before it appends an event.
struct change {
    const char *first, *then; // Written one after the other; NULL: not, "": deleted.
    bool is_noted, is_refused;
    const char *subject; // Of the event.
};

static void write_record(struct store_txn *txn, bool is_noted, const char *record)
{
    if (record == NULL) return;
    if (is_noted) event_note(txn, SUBJECT, FIXTURE_TABLE_RECORDS, bytes_of_text("teller"));
    if (record[0] == '\0') {
        store_delete(txn, FIXTURE_TABLE_RECORDS, bytes_of_text("teller"));
    } else {
        store_put(txn, FIXTURE_TABLE_RECORDS, bytes_of_text("teller"), bytes_of_text(record));
    }
}

static struct status run_change(struct store_txn *txn, void *context)
{
    const struct change *change = context;
    write_record(txn, change->is_noted, change->first);
    write_record(txn, change->is_noted, change->then);
    event_append(txn, &(struct event){.type = "auth.role.changed", .subject = change->subject});
    if (change->is_refused) return REFUSE(INVALID_ARGUMENT, NO, "thought better of it");
    return STATUS_SUCCESS;
}

static void check_digest(struct bytes digest, const char *record)
{
    uint8_t expected[HASH_SHA256_BYTES];
    if (record == NULL) {
        assert_int_equal(digest.size, 0);
        return;
    }
    struct bytes bytes = bytes_of_text(record);
    hash_sha256(&bytes, 1, expected);
    assert_true(bytes_equal(digest, bytes_of(expected, sizeof expected)));
}

static void test_events_carry_the_digests_of_their_subjects_record(void **state)
{
    struct fixture *fixture = *state;

    // clang-format off
    static const struct {
        const char *given;
        struct change change;
        const char *before, *after;
    } rows[] = {
        {"a new record",                 {"one", NULL, true, false, SUBJECT},   NULL,    "one"},
        {"no note",                      {"two", NULL, false, false, SUBJECT},  NULL,    NULL},
        {"another",                      {"three", NULL, true, false, SUBJECT}, "two",   "three"},
        {"written twice",                {"four", "five", true, false, SUBJECT}, "three", "five"},
        {"refused: nothing happened",    {"six", NULL, true, true, SUBJECT},    NULL,    NULL},
        {"nothing of that is left",      {NULL, NULL, true, false, SUBJECT},    NULL,    NULL},
        {"an event about something else", {"seven", NULL, true, false, "roles/x"}, NULL, NULL},
        {"no subject",                   {"eight", NULL, true, false, NULL},    NULL,    NULL},
        {"deleted",                      {"", NULL, true, false, SUBJECT},      "eight", NULL},
        {"made and deleted",             {"nine", "", true, false, SUBJECT},    NULL,    NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t head = event_outbox_head(fixture->outbox);
        struct change change = rows[i].change;
        struct status status = store_write_wait(fixture->store, run_change, &change);
        assert_int_equal(status_ok(status), !change.is_refused);
        if (change.is_refused) continue;
        struct answer answer = call_read(fixture, head, 1, 0, 0);
        assert_status_ok(answer.status);
        struct bytes packed;
        struct event_view view;
        size_t offset = 0;
        assert_true(event_batch_next(&answer.batch, &offset, &packed));
        assert_status_ok(event_decode(packed, fixture->arena, &view));
        check_digest(view.before_digest, rows[i].before);
        check_digest(view.after_digest, rows[i].after);
    }
}

static struct status run_many(struct store_txn *txn, void *context)
{
    (void)context;
    for (uint8_t i = 0; i < 2 * EVENT_NOTES_MAX; i++) {
        struct id128 id = id_of((uint8_t)(i + 1));
        char subject[EVENT_NAME_BYTES];
        event_note_member(txn, "users", id, FIXTURE_TABLE_RECORDS);
        store_put(txn, FIXTURE_TABLE_RECORDS, id128_bytes(&id), bytes_of("x", 1));
        event_name("users", id, subject);
        event_append(txn, &(struct event){.type = "auth.user.updated", .subject = subject});
    }
    return STATUS_SUCCESS;
}

static void test_beyond_the_last_note_there_are_no_digests(void **state)
{
    struct fixture *fixture = *state;
    assert_status_ok(store_write_wait(fixture->store, run_many, NULL));
    struct answer answer = call_read(fixture, 0, 2 * EVENT_NOTES_MAX, 0, 0);
    assert_int_equal(answer.batch.event_count, 2 * EVENT_NOTES_MAX);
    struct bytes packed;
    size_t offset = 0;
    for (size_t i = 0; event_batch_next(&answer.batch, &offset, &packed); i++) {
        struct event_view view;
        assert_status_ok(event_decode(packed, fixture->arena, &view));
        assert_int_equal(view.after_digest.size, i < EVENT_NOTES_MAX ? HASH_SHA256_BYTES : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTBOX_TEST(test_refused_jobs_leave_no_gap),
        OUTBOX_TEST(test_a_group_run_again_leaves_no_gap),
        OUTBOX_TEST(test_numbers_go_on_after_a_restart),
        OUTBOX_TEST(test_the_call_says_who_did_it),
        OUTBOX_TEST(test_events_carry_the_digests_of_their_subjects_record),
        OUTBOX_TEST(test_beyond_the_last_note_there_are_no_digests),
        OUTBOX_TEST(test_read_answers_by_limit_and_head),
        OUTBOX_TEST(test_an_answer_stays_below_four_mebibytes),
        OUTBOX_TEST(test_read_by_time_begins_at_the_first_recent_event),
        OUTBOX_TEST(test_read_waits_at_the_end_only),
        OUTBOX_TEST(test_whoever_waits_hears_of_every_commit_with_events),
        OUTBOX_TEST(test_nothing_is_trimmed_without_a_consumer),
        OUTBOX_TEST(test_the_slowest_consumer_holds_events_back),
        OUTBOX_TEST(test_the_last_events_stay_however_far_consumers_are),
        OUTBOX_TEST(test_young_events_stay_however_many_there_are),
        OUTBOX_TEST(test_acknowledging_beyond_the_head_is_refused),
        OUTBOX_TEST(test_a_service_cannot_speak_for_anothers_consumer),
        OUTBOX_TEST(test_who_is_forgotten_holds_nothing_back),
        OUTBOX_TEST(test_no_service_registers_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
