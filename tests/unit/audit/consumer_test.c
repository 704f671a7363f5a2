// Durable consumers by their handlers, on a real store.
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "services/audit/consumers.h"
#include "services/audit/convert.h"
#include "services/audit/rpc.h"
#include "services/audit/store_consumer.h"
#include "tests/unit/audit/fixture.h"

enum { ARENA_BYTES = 16 * 1024 * 1024 };

#define NOW (1000 * NS_PER_SECOND)

struct stage {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
};

static struct stage stage;

static void open_consumers(void)
{
    stage.context.service = stage.fixture->service;
    assert_status_ok(audit_consumers_open(&stage.context.service, &stage.context.consumers));
}

static int setup_stage(void **state)
{
    setup(state);
    stage = (struct stage){.fixture = *state};
    clock_test_set(NOW, NOW);
    open_consumers();
    stage.call = (struct rpc_call){.arena = arena_open(ARENA_BYTES),
                                   .service = &stage.context,
                                   .is_authenticated = true,
                                   .claims = {.is_service = true, .service = "risk"},
                                   .idempotency_key = "",
                                   .traceparent = "",
                                   .request_id = "",
                                   .client_ip = "",
                                   .device_id = "",
                                   .deadline_mono_ns = UINT64_MAX};
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    audit_consumers_close(&stage.context.consumers);
    clock_test_release();
    return teardown(state);
}

static void restart_daemon(void)
{
    audit_consumers_close(&stage.context.consumers);
    reopen_log(stage.fixture);
    open_consumers();
}

static void grow(uint64_t first_seq, size_t count)
{
    assert_status_ok(accept(stage.fixture, "ledger", first_seq, count));
}

static void become(const char *service)
{
    snprintf(stage.call.claims.service, sizeof stage.call.claims.service, "%s", service);
}

// ---- Calls ---------------------------------------------------------------------------------

static struct status run_in_job(struct store_txn *txn, void *context)
{
    const enum audit_method_index *which = context;
    return audit_handlers[*which](&stage.call, txn);
}

// The reply lives until the next call.
static struct status call(enum audit_method_index which, void *request, const void **ret_reply)
{
    arena_reset(stage.call.arena);
    stage.call.method = &audit_methods[which];
    stage.call.request = request;
    stage.call.reply = NULL;
    stage.call.is_parking = stage.call.not_created = false;
    stage.call.detail_count = stage.call.violations.count = 0;
    struct status status;
    if (stage.call.method->access == RPC_ACCESS_WRITE) {
        status = store_write_wait(stage.fixture->store, run_in_job, &which);
    } else if (stage.call.method->access == RPC_ACCESS_READ) {
        struct store_txn *txn = begin(stage.fixture);
        status = audit_handlers[which](&stage.call, txn);
        store_snapshot_end(&txn);
    } else {
        status = audit_handlers[which](&stage.call, NULL);
    }
    *ret_reply = stage.call.reply;
    return status;
}

static Audit__CreateConsumerRequest creation(const char *name, Audit__ConsumerStart start)
{
    Audit__CreateConsumerRequest request = AUDIT__CREATE_CONSUMER_REQUEST__INIT;
    request.name = text_of(name);
    request.start = start;
    return request;
}

static const Audit__Consumer *create(const char *name, Audit__ConsumerStart start)
{
    Audit__CreateConsumerRequest request = creation(name, start);
    const Audit__Consumer *reply;
    assert_status_ok(call(AUDIT_CREATE_CONSUMER, &request, (const void **)&reply));
    return reply;
}

static struct status fetch_as(const char *name, uint32_t max, bool restart,
                              const Audit__FetchResponse **ret)
{
    Audit__FetchRequest request = AUDIT__FETCH_REQUEST__INIT;
    request.name = text_of(name);
    request.max = max;
    request.restart = restart;
    memset(stage.call.noted, 0, sizeof stage.call.noted);
    return call(AUDIT_FETCH, &request, (const void **)ret);
}

static const Audit__FetchResponse *fetch(const char *name, uint32_t max, bool restart)
{
    const Audit__FetchResponse *reply;
    assert_status_ok(fetch_as(name, max, restart, &reply));
    return reply;
}

static struct status ack(const char *name, uint64_t upto)
{
    Audit__AckRequest request = AUDIT__ACK_REQUEST__INIT;
    request.name = text_of(name);
    request.upto = upto;
    const void *reply;
    return call(AUDIT_ACK, &request, &reply);
}

static const Audit__Consumer *get(const char *name)
{
    Audit__ConsumerRequest request = AUDIT__CONSUMER_REQUEST__INIT;
    request.name = text_of(name);
    const Audit__Consumer *reply;
    assert_status_ok(call(AUDIT_GET_CONSUMER, &request, (const void **)&reply));
    return reply;
}

static void expect(const Audit__FetchResponse *reply, uint64_t from, size_t count,
                   uint64_t ack_upto)
{
    assert_int_equal(reply->from_index, from);
    assert_int_equal(reply->n_deliveries, count);
    assert_int_equal(reply->ack_upto, ack_upto);
}

// ---- Creating ------------------------------------------------------------------------------

static struct status prune(struct store_txn *txn, void *context)
{
    (void)context;
    audit_store_put_first(txn, &(struct audit_first){.index = 20, .told = 20});
    return STATUS_SUCCESS;
}

static void test_it_begins_where_it_is_told(void **state)
{
    (void)state;
    grow(1, 50); // Times are 1000 * seq.

    const struct {
        const char *given;
        bool pruned; // Before 20.
        Audit__ConsumerStart start;
        uint64_t index, time, next;
        const char *refused;
    } rows[] = {
        // clang-format off
        {"first",               false, AUDIT__CONSUMER_START__FIRST, 0, 0, 0, NULL},
        {"last",                false, AUDIT__CONSUMER_START__LAST, 0, 0, 50, NULL},
        {"nothing said",        false, AUDIT__CONSUMER_START__CONSUMER_START_UNSPECIFIED, 0, 0, 50, NULL},
        {"an index",            false, AUDIT__CONSUMER_START__INDEX, 7, 0, 7, NULL},
        {"the first index",     false, AUDIT__CONSUMER_START__INDEX, 0, 0, 0, NULL},
        {"the next index",      false, AUDIT__CONSUMER_START__INDEX, 50, 0, 50, NULL},
        {"beyond the next",     false, AUDIT__CONSUMER_START__INDEX, 51, 0, 0, "VALIDATION_FAILED"},
        {"an index with first", false, AUDIT__CONSUMER_START__FIRST, 7, 0, 0, "VALIDATION_FAILED"},
        {"a time",              false, AUDIT__CONSUMER_START__TIME, 0, 30000, 29, NULL},
        {"a time before all",   false, AUDIT__CONSUMER_START__TIME, 0, 1, 0, NULL},
        {"a time after all",    false, AUDIT__CONSUMER_START__TIME, 0, 50001, 50, NULL},
        {"no time",             false, AUDIT__CONSUMER_START__TIME, 0, 0, 0, "VALIDATION_FAILED"},
        {"a time with last",    false, AUDIT__CONSUMER_START__LAST, 0, 30000, 0, "VALIDATION_FAILED"},
        {"first of what is left", true, AUDIT__CONSUMER_START__FIRST, 0, 0, 20, NULL},
        {"an index that is gone", true, AUDIT__CONSUMER_START__INDEX, 19, 0, 0, "START_PRUNED"},
        {"one that is left",      true, AUDIT__CONSUMER_START__INDEX, 20, 0, 20, NULL},
        {"a time that is gone",   true, AUDIT__CONSUMER_START__TIME, 0, 10000, 0, "START_PRUNED"},
        {"perhaps gone",          true, AUDIT__CONSUMER_START__TIME, 0, 21000, 0, "START_PRUNED"},
        {"one that is there",     true, AUDIT__CONSUMER_START__TIME, 0, 21001, 21, NULL},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char name[16];
        const Audit__Consumer *reply;
        print_message("  %s\n", rows[i].given);
        if (rows[i].pruned) assert_status_ok(store_write_wait(stage.fixture->store, prune, NULL));
        snprintf(name, sizeof name, "c%zu", i);
        Audit__CreateConsumerRequest request = creation(name, rows[i].start);
        request.start_index = rows[i].index;
        request.start_time = rows[i].time;
        struct status status = call(AUDIT_CREATE_CONSUMER, &request, (const void **)&reply);
        if (rows[i].refused != NULL) {
            assert_refused(status, rows[i].refused);
            continue;
        }
        assert_status_ok(status);
        assert_int_equal(reply->next_index, rows[i].next);
        assert_int_equal(reply->delivered, rows[i].next);
        assert_int_equal(reply->lag, 50 - rows[i].next);
    }
}

static void test_the_same_definition_again_is_the_same_consumer(void **state)
{
    (void)state;
    grow(1, 10);
    const Audit__Consumer *reply = create("risk-engine", AUDIT__CONSUMER_START__FIRST);
    assert_false(stage.call.not_created);
    assert_string_equal(reply->owner, "services/risk");
    assert_int_equal(reply->ack_wait_ms, 30000);
    assert_int_equal(reply->created_at, NOW);
    fetch("risk-engine", 4, false);
    assert_status_ok(ack("risk-engine", 3));
    reply = create("risk-engine", AUDIT__CONSUMER_START__FIRST);
    assert_true(stage.call.not_created);
    assert_int_equal(reply->next_index, 4); // As it stands.

    Audit__CreateConsumerRequest request = creation("risk-engine", AUDIT__CONSUMER_START__LAST);
    const void *none;
    assert_refused(call(AUDIT_CREATE_CONSUMER, &request, &none), "CONSUMER_EXISTS");
    become("other");
    request = creation("risk-engine", AUDIT__CONSUMER_START__FIRST);
    assert_refused(call(AUDIT_CREATE_CONSUMER, &request, &none), "CONSUMER_EXISTS");
}

static void test_definitions_are_checked(void **state)
{
    (void)state;
    static char bad[] = "Ledger.*";
    char *types[] = {bad};
    const void *none;
    Audit__CreateConsumerRequest request = creation("a", AUDIT__CONSUMER_START__FIRST);
    request.ack_wait_ms = 999;
    assert_refused(call(AUDIT_CREATE_CONSUMER, &request, &none), "VALIDATION_FAILED");
    request.ack_wait_ms = 1000;
    request.types = types;
    request.n_types = 1;
    assert_refused(call(AUDIT_CREATE_CONSUMER, &request, &none), "TYPE_PATTERN_INVALID");
}

static void test_there_are_256_at_most_and_a_deleted_one_makes_room(void **state)
{
    (void)state;
    char name[16];
    for (int i = 0; i < AUDIT_CONSUMERS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        create(name, AUDIT__CONSUMER_START__LAST);
        fetch(name, 1, false); // Each has a flight.
    }
    const void *none;
    Audit__CreateConsumerRequest request = creation("more", AUDIT__CONSUMER_START__FIRST);
    assert_refused(call(AUDIT_CREATE_CONSUMER, &request, &none), "TOO_MANY_CONSUMERS");
    Audit__ListConsumersRequest list = AUDIT__LIST_CONSUMERS_REQUEST__INIT;
    const Audit__ListConsumersResponse *all;
    assert_status_ok(call(AUDIT_LIST_CONSUMERS, &list, (const void **)&all));
    assert_int_equal(all->n_consumers, AUDIT_CONSUMERS_MAX);
    Audit__ConsumerRequest deletion = AUDIT__CONSUMER_REQUEST__INIT;
    deletion.name = text_of("c7");
    assert_status_ok(call(AUDIT_DELETE_CONSUMER, &deletion, &none));
    create("more", AUDIT__CONSUMER_START__FIRST);
    grow(1, 3);
    expect(fetch("more", 10, false), 0, 3, 2);
    expect(fetch("c8", 10, false), 0, 3, 2);
}

// ---- Fetching and acknowledging ------------------------------------------------------------

static void test_fetches_go_on_and_acks_are_cumulative(void **state)
{
    (void)state;
    grow(1, 10);
    create("a", AUDIT__CONSUMER_START__FIRST);
    expect(fetch("a", 4, false), 0, 4, 3);
    expect(fetch("a", 4, false), 4, 4, 7);
    assert_int_equal(get("a")->next_index, 0);
    assert_int_equal(get("a")->delivered, 8);
    assert_int_equal(get("a")->lag, 10);
    assert_status_ok(ack("a", 5));
    assert_int_equal(get("a")->next_index, 6);
    assert_int_equal(get("a")->lag, 4);
    assert_status_ok(ack("a", 5)); // Again,
    assert_status_ok(ack("a", 2)); // and backwards: nothing.
    assert_int_equal(get("a")->next_index, 6);
    assert_refused(ack("a", 8), "NOT_DELIVERED");
    expect(fetch("a", 4, false), 8, 2, 9);
    expect(fetch("a", 4, false), 10, 0, 9);
    assert_status_ok(ack("a", 9));
    assert_int_equal(get("a")->lag, 0);
    assert_refused(ack("b", 9), "CONSUMER_NOT_FOUND");
}

static void test_nothing_is_acknowledged_by_an_answer_without_events(void **state)
{
    (void)state;
    create("a", AUDIT__CONSUMER_START__FIRST);
    const Audit__FetchResponse *reply = fetch("a", 4, false);
    expect(reply, 0, 0, 0);
    assert_status_ok(ack("a", 0)); // The log has no entry 0 yet, so nothing is skipped.
    assert_int_equal(get("a")->next_index, 0);
}

static void test_what_is_not_acknowledged_in_time_comes_again(void **state)
{
    (void)state;
    grow(1, 10);
    create("a", AUDIT__CONSUMER_START__FIRST);
    const Audit__FetchResponse *reply = fetch("a", 4, false);
    assert_int_equal(reply->deliveries[0]->attempt, 1);
    clock_test_advance(29 * NS_PER_SECOND);
    expect(fetch("a", 3, false), 4, 3, 6);
    clock_test_advance(1 * NS_PER_SECOND);
    reply = fetch("a", 6, false);
    expect(reply, 0, 6, 5);
    assert_int_equal(reply->deliveries[0]->attempt, 2);
    reply = fetch("a", 6, false);
    expect(reply, 6, 4, 9);
    assert_int_equal(reply->deliveries[0]->attempt, 2);
    assert_int_equal(reply->deliveries[1]->attempt, 1);
    assert_int_equal(get("a")->redeliveries, 1);
    assert_status_ok(ack("a", 9));
    clock_test_advance(3600 * NS_PER_SECOND);
    expect(fetch("a", 6, false), 10, 0, 9);
}

static void test_who_begins_again_is_given_all_that_he_has_not_acknowledged(void **state)
{
    (void)state;
    grow(1, 10);
    create("a", AUDIT__CONSUMER_START__FIRST);
    fetch("a", 8, false);
    assert_status_ok(ack("a", 1));
    expect(fetch("a", 100, true), 2, 8, 9);
    expect(fetch("a", 100, true), 2, 8, 9);
    assert_status_ok(ack("a", 9));
    expect(fetch("a", 100, true), 10, 0, 9);
    assert_int_equal(get("a")->redeliveries, 2);
}

static void test_after_a_restart_of_the_daemon_all_unacknowledged_comes_again(void **state)
{
    (void)state;
    grow(1, 10);
    create("a", AUDIT__CONSUMER_START__FIRST);
    fetch("a", 8, false);
    assert_status_ok(ack("a", 1));
    restart_daemon();
    assert_int_equal(get("a")->delivered, 2);
    expect(fetch("a", 3, false), 2, 3, 4);
    assert_status_ok(ack("a", 7)); // Delivered before the restart, dealt with behind it.
    expect(fetch("a", 3, false), 8, 2, 9);
    assert_refused(ack("a", 10), "NOT_DELIVERED");
    assert_status_ok(ack("a", 9));
    restart_daemon();
    assert_int_equal(get("a")->next_index, 10);
    expect(fetch("a", 3, false), 10, 0, 9);
}

static void test_filters_move_past_what_does_not_match(void **state)
{
    (void)state;
    static char kyc[] = "kyc.*";
    char *types[] = {kyc};
    Audit__CreateConsumerRequest request = creation("a", AUDIT__CONSUMER_START__FIRST);
    const void *none;
    request.types = types;
    request.n_types = 1;
    assert_status_ok(call(AUDIT_CREATE_CONSUMER, &request, &none));
    grow(1, 12); // The types follow by three: ledger, kyc, auth.
    const Audit__FetchResponse *reply = fetch("a", 2, false);
    expect(reply, 0, 2, 4);
    assert_int_equal(reply->deliveries[0]->event->index, 1);
    assert_int_equal(reply->deliveries[1]->event->index, 4);
    expect(fetch("a", 100, false), 5, 2, 11); // And what follows the last one that matches.
    assert_status_ok(ack("a", 11));
    assert_int_equal(get("a")->lag, 0);
    grow(13, 1);
    expect(fetch("a", 100, false), 12, 0, 12);
    assert_int_equal(get("a")->lag, 0); // It has nothing to deal with.
    grow(14, 1);
    expect(fetch("a", 100, false), 13, 1, 13);
    assert_int_equal(get("a")->next_index, 13);
    grow(15, 2);
    fetch("a", 100, false);
    assert_status_ok(ack("a", 13)); // What followed did not match: it is acknowledged with it.
    assert_int_equal(get("a")->next_index, 16);
}

static uint64_t stored_position(const char *name)
{
    struct store_txn *txn = begin(stage.fixture);
    struct audit_consumer consumer;
    assert_status_ok(audit_store_get_consumer(txn, bytes_of_text(name), &consumer));
    uint64_t position = consumer.acknowledged;
    store_snapshot_end(&txn);
    return position;
}

static void test_the_cursor_moves_past_a_long_stretch_of_nothing_by_itself(void **state)
{
    (void)state;
    static char none[] = "x.*";
    char *types[] = {none};
    Audit__CreateConsumerRequest request = creation("a", AUDIT__CONSUMER_START__FIRST);
    const void *reply;
    request.types = types;
    request.n_types = 1;
    assert_status_ok(call(AUDIT_CREATE_CONSUMER, &request, &reply));
    const size_t step = 512;
    for (size_t size = step; size <= AUDIT_LAZY_ENTRIES + step; size += step) {
        grow(size - step + 1, step);
        fetch("a", 100, false);
        assert_int_equal(get("a")->lag, 0);
        assert_int_equal(stored_position("a"), size < AUDIT_LAZY_ENTRIES ? 0 : AUDIT_LAZY_ENTRIES);
    }
    struct store_txn *txn = begin(stage.fixture);
    uint64_t floor;
    size_t count;
    assert_status_ok(audit_store_consumer_floor(txn, &floor, &count));
    assert_int_equal(floor, AUDIT_LAZY_ENTRIES);
    assert_int_equal(count, 1);
    store_snapshot_end(&txn);
}

static void test_too_many_unacknowledged_are_refused(void **state)
{
    (void)state;
    const size_t step = 512;
    for (uint64_t seq = 1; seq <= AUDIT_UNACKNOWLEDGED_MAX + step; seq += step)
        grow(seq, step);
    create("a", AUDIT__CONSUMER_START__FIRST);
    uint64_t given = 0;
    const Audit__FetchResponse *reply;
    struct status status;
    while (status_ok(status = fetch_as("a", 4096, false, &reply)))
        given += reply->n_deliveries;
    assert_string_equal(status.reason, "TOO_MANY_UNACKNOWLEDGED");
    assert_in_range(given, AUDIT_UNACKNOWLEDGED_MAX, AUDIT_UNACKNOWLEDGED_MAX + 4096);
    assert_status_ok(ack("a", given - 1));
    assert_status_ok(fetch_as("a", 10, false, &reply));
}

// ---- Waiting -------------------------------------------------------------------------------

struct waiting {
    Audit__FetchRequest request;
    uint64_t noted[4];
};

static struct status resume(struct waiting *waiting, const Audit__FetchResponse **ret)
{
    memcpy(stage.call.noted, waiting->noted, sizeof waiting->noted);
    stage.call.may_park = true;
    struct status status = call(AUDIT_FETCH, &waiting->request, (const void **)ret);
    stage.call.may_park = false;
    memcpy(waiting->noted, stage.call.noted, sizeof waiting->noted);
    return status;
}

// Runs a fetch that waits; NULL: it goes on waiting.
static const Audit__FetchResponse *run_waiting(struct waiting *waiting)
{
    const Audit__FetchResponse *reply;
    assert_status_ok(resume(waiting, &reply));
    return reply;
}

static struct waiting wait_for(const char *name, uint32_t wait_ms)
{
    struct waiting waiting = {.request = AUDIT__FETCH_REQUEST__INIT};
    waiting.request.name = text_of(name);
    waiting.request.wait_ms = wait_ms;
    stage.call.received_mono_ns = clock_mono_ns();
    return waiting;
}

static void test_a_fetch_waits_until_something_matches(void **state)
{
    (void)state;
    create("a", AUDIT__CONSUMER_START__FIRST);
    struct waiting waiting = wait_for("a", 10000);
    assert_null(run_waiting(&waiting));
    assert_int_equal(stage.call.park_until_mono_ns, NOW + 10 * NS_PER_SECOND);
    assert_null(run_waiting(&waiting));
    grow(1, 2);
    expect(run_waiting(&waiting), 0, 2, 1);
}

static void test_a_fetch_that_waits_is_woken_when_something_comes_again(void **state)
{
    (void)state;
    grow(1, 2);
    create("a", AUDIT__CONSUMER_START__FIRST);
    fetch("a", 10, false);
    clock_test_advance(20 * NS_PER_SECOND);
    struct waiting waiting = wait_for("a", 30000);
    assert_null(run_waiting(&waiting));
    assert_int_equal(stage.call.park_until_mono_ns, NOW + 30 * NS_PER_SECOND);
    clock_test_advance(10 * NS_PER_SECOND);
    expect(run_waiting(&waiting), 0, 2, 1);
    assert_int_equal(get("a")->redeliveries, 1);
}

static void test_who_began_again_is_not_robbed_by_a_fetch_of_the_dead(void **state)
{
    (void)state;
    const Audit__FetchResponse *reply;
    create("a", AUDIT__CONSUMER_START__FIRST);
    struct waiting dead = wait_for("a", 30000);
    assert_null(run_waiting(&dead)); // Its process dies here.
    expect(fetch("a", 10, true), 0, 0, 0);
    grow(1, 3);
    assert_refused(resume(&dead, &reply), "FETCHED_CONCURRENTLY"); // Nobody hears it.
    expect(fetch("a", 10, false), 0, 3, 2);
}

static void test_a_fetch_of_the_dead_acknowledges_nothing(void **state)
{
    (void)state;
    const Audit__FetchResponse *reply;
    create("a", AUDIT__CONSUMER_START__FIRST);
    struct waiting dead = wait_for("a", 30000), late = dead;
    assert_null(run_waiting(&dead));
    memcpy(late.noted, dead.noted, sizeof late.noted);
    grow(1, 3);
    expect(fetch("a", 10, true), 0, 3, 2);
    // "All up to entry 0" would be the least to say, and too much.
    assert_refused(resume(&dead, &reply), "FETCHED_CONCURRENTLY");
    assert_status_ok(ack("a", 1));
    expect(run_waiting(&late), 2, 0, 1); // That is acknowledged already.
    assert_status_ok(ack("a", 1));
    assert_int_equal(get("a")->next_index, 2);
}

// A fetch that is only looked at now, while its sender is dead: it was sent before its successor
// began again, and takes what nobody will deal with.
static void test_what_went_to_the_dead_is_seen_by_its_successor(void **state)
{
    (void)state;
    grow(1, 30);
    create("a", AUDIT__CONSUMER_START__FIRST);
    const Audit__FetchResponse *reply = fetch("a", 10, true); // The successor begins.
    expect(reply, 0, 10, 9);
    fetch("a", 10, false); // The dead one's, late.
    reply = fetch("a", 10, false);
    assert_int_equal(reply->from_index, 20); // Does not follow 9: acknowledging would skip ten.
    expect(fetch("a", 10, true), 0, 10, 9);  // So it begins again, and nothing is lost.
    expect(fetch("a", 10, false), 10, 10, 19);
}

// What does not match is passed while a call waits; the answer is about that, too.
static void test_an_answer_begins_where_the_one_before_ended_however_long_it_waited(void **state)
{
    (void)state;
    static char kyc[] = "kyc.*";
    char *types[] = {kyc};
    Audit__CreateConsumerRequest request = creation("a", AUDIT__CONSUMER_START__FIRST);
    const void *none;
    request.types = types;
    request.n_types = 1;
    assert_status_ok(call(AUDIT_CREATE_CONSUMER, &request, &none));
    grow(1, 2); // The second one matches.
    expect(fetch("a", 10, false), 0, 1, 1);
    struct waiting waiting = wait_for("a", 30000);
    for (uint64_t seq = 3; seq <= 4; seq++) {
        assert_null(run_waiting(&waiting));
        grow(seq, 1);
    }
    assert_null(run_waiting(&waiting));
    grow(5, 1);
    expect(run_waiting(&waiting), 2, 1, 4);
}

static void test_a_gap_shows_also_when_it_came_about_while_a_call_waited(void **state)
{
    (void)state;
    create("a", AUDIT__CONSUMER_START__FIRST);
    grow(1, 1);
    expect(fetch("a", 10, false), 0, 1, 0);
    struct waiting waiting = wait_for("a", 30000);
    assert_null(run_waiting(&waiting));
    grow(2, 3);
    fetch("a", 10, false); // Another's.
    assert_null(run_waiting(&waiting));
    grow(5, 1);
    expect(run_waiting(&waiting), 4, 1, 4); // Does not follow 0.
}

static void test_who_begins_again_and_waits_is_given_what_another_took_meanwhile(void **state)
{
    (void)state;
    create("a", AUDIT__CONSUMER_START__FIRST);
    struct waiting successor = wait_for("a", 30000);
    successor.request.restart = true;
    assert_null(run_waiting(&successor));
    grow(1, 3);
    fetch("a", 10, false); // The dead one's, late: its three events are with nobody.
    expect(run_waiting(&successor), 0, 3, 2);
    assert_status_ok(ack("a", 2));
    assert_int_equal(get("a")->next_index, 3);
}

// ---- Whose ---------------------------------------------------------------------------------

static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context;
    bool is_ops = strcmp(claims->service, "ops") == 0;
    return is_ops && strcmp(permission, "system.control") == 0 ? RPC_SCOPE_ALL : RPC_SCOPE_NONE;
}

static void test_a_consumer_is_its_makers(void **state)
{
    (void)state;
    const struct rpc_identity identity = {.authorize = authorize};
    Audit__ConsumerRequest deletion = AUDIT__CONSUMER_REQUEST__INIT;
    const Audit__FetchResponse *reply;
    const void *none;
    stage.call.identity = &identity;
    deletion.name = text_of("a");
    grow(1, 2);
    create("a", AUDIT__CONSUMER_START__FIRST);
    become("other");
    assert_refused(fetch_as("a", 1, false, &reply), "CONSUMER_OF_ANOTHER");
    assert_refused(ack("a", 0), "CONSUMER_OF_ANOTHER");
    assert_refused(call(AUDIT_DELETE_CONSUMER, &deletion, &none), "CONSUMER_OF_ANOTHER");
    assert_string_equal(get("a")->owner, "services/risk"); // Others may look.
    become("ops");
    assert_refused(fetch_as("a", 1, false, &reply), "CONSUMER_OF_ANOTHER");
    assert_status_ok(call(AUDIT_DELETE_CONSUMER, &deletion, &none));
    assert_refused(call(AUDIT_DELETE_CONSUMER, &deletion, &none), "CONSUMER_NOT_FOUND");
    assert_refused(fetch_as("a", 1, false, &reply), "CONSUMER_NOT_FOUND");
    assert_int_equal(event_outbox_head(stage.fixture->outbox), 2); // Created and deleted.
}

static void test_a_name_made_anew_has_nothing_of_the_old_one(void **state)
{
    (void)state;
    Audit__ConsumerRequest deletion = AUDIT__CONSUMER_REQUEST__INIT;
    const void *none;
    deletion.name = text_of("a");
    grow(1, 10);
    create("a", AUDIT__CONSUMER_START__FIRST);
    fetch("a", 8, false);
    assert_status_ok(call(AUDIT_DELETE_CONSUMER, &deletion, &none));
    create("a", AUDIT__CONSUMER_START__FIRST);
    assert_refused(ack("a", 3), "NOT_DELIVERED");
    expect(fetch("a", 3, false), 0, 3, 2);
}

// ---- What is measured ----------------------------------------------------------------------

static uint64_t lag_of(const char *labels)
{
    return metric_value(metric_gauge("florin_audit_consumer_lag", "", labels));
}

static void test_lag_and_redeliveries_are_measured(void **state)
{
    (void)state;
    Audit__ConsumerRequest deletion = AUDIT__CONSUMER_REQUEST__INIT;
    const void *none;
    deletion.name = text_of("measured");
    grow(1, 10);
    create("measured", AUDIT__CONSUMER_START__FIRST);
    audit_consumers_measure(stage.context.consumers);
    assert_int_equal(lag_of("consumer=\"measured\""), 10);
    fetch("measured", 4, false);
    fetch("measured", 4, true);
    assert_status_ok(ack("measured", 3));
    grow(11, 1);
    audit_consumers_measure(stage.context.consumers);
    assert_int_equal(lag_of("consumer=\"measured\""), 7);
    assert_int_equal(metric_value(metric_counter("florin_audit_consumer_redeliveries_total", "",
                                                 "consumer=\"measured\"")),
                     1);
    assert_status_ok(call(AUDIT_DELETE_CONSUMER, &deletion, &none));
    audit_consumers_measure(stage.context.consumers);
    assert_int_equal(lag_of("consumer=\"measured\""), 0);
}

static void test_names_without_end_do_not_fill_the_registry(void **state)
{
    (void)state;
    const void *none;
    for (int i = 0; i < AUDIT_CONSUMER_SERIES_MAX + 10; i++) {
        char name[16];
        Audit__ConsumerRequest deletion = AUDIT__CONSUMER_REQUEST__INIT;
        snprintf(name, sizeof name, "n%d", i);
        deletion.name = name;
        create(name, AUDIT__CONSUMER_START__LAST);
        audit_consumers_measure(stage.context.consumers);
        assert_status_ok(call(AUDIT_DELETE_CONSUMER, &deletion, &none));
    }
}

#define CONSUMER_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_stage, teardown_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONSUMER_TEST(test_it_begins_where_it_is_told),
        CONSUMER_TEST(test_the_same_definition_again_is_the_same_consumer),
        CONSUMER_TEST(test_definitions_are_checked),
        CONSUMER_TEST(test_there_are_256_at_most_and_a_deleted_one_makes_room),
        CONSUMER_TEST(test_fetches_go_on_and_acks_are_cumulative),
        CONSUMER_TEST(test_nothing_is_acknowledged_by_an_answer_without_events),
        CONSUMER_TEST(test_what_is_not_acknowledged_in_time_comes_again),
        CONSUMER_TEST(test_who_begins_again_is_given_all_that_he_has_not_acknowledged),
        CONSUMER_TEST(test_after_a_restart_of_the_daemon_all_unacknowledged_comes_again),
        CONSUMER_TEST(test_filters_move_past_what_does_not_match),
        CONSUMER_TEST(test_the_cursor_moves_past_a_long_stretch_of_nothing_by_itself),
        CONSUMER_TEST(test_too_many_unacknowledged_are_refused),
        CONSUMER_TEST(test_a_fetch_waits_until_something_matches),
        CONSUMER_TEST(test_a_fetch_that_waits_is_woken_when_something_comes_again),
        CONSUMER_TEST(test_who_began_again_is_not_robbed_by_a_fetch_of_the_dead),
        CONSUMER_TEST(test_a_fetch_of_the_dead_acknowledges_nothing),
        CONSUMER_TEST(test_what_went_to_the_dead_is_seen_by_its_successor),
        CONSUMER_TEST(test_an_answer_begins_where_the_one_before_ended_however_long_it_waited),
        CONSUMER_TEST(test_a_gap_shows_also_when_it_came_about_while_a_call_waited),
        CONSUMER_TEST(test_who_begins_again_and_waits_is_given_what_another_took_meanwhile),
        CONSUMER_TEST(test_a_consumer_is_its_makers),
        CONSUMER_TEST(test_a_name_made_anew_has_nothing_of_the_old_one),
        CONSUMER_TEST(test_lag_and_redeliveries_are_measured),
        CONSUMER_TEST(test_names_without_end_do_not_fill_the_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
