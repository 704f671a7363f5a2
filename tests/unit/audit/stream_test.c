// The log read forwards: filters, bounds, ends, pruned beginnings, waiting.
#include "common/base/clock.h"
#include "services/audit/convert.h"
#include "services/audit/rpc.h"
#include "services/audit/stream.h"
#include "tests/unit/audit/fixture.h"

enum { SIZE = 60, ARENA_BYTES = 16 * 1024 * 1024 };

struct stage {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
};

static struct stage stage;

static int setup_stage(void **state)
{
    setup(state);
    stage = (struct stage){.fixture = *state};
    stage.context.service = stage.fixture->service;
    stage.call = (struct rpc_call){.arena = arena_open(ARENA_BYTES),
                                   .service = &stage.context,
                                   .method = &audit_methods[AUDIT_READ_LOG],
                                   .deadline_mono_ns = UINT64_MAX};
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    clock_test_release();
    return teardown(state);
}

// make_event's types by seq % 3, actors by seq % 5, refused where seq % 7 == 0; seq = index + 1.
static void grow(void)
{
    assert_status_ok(accept(stage.fixture, "ledger", 1, SIZE));
}

static struct status read_log(Audit__ReadLogRequest *request, const Audit__ReadLogResponse **ret)
{
    arena_reset(stage.call.arena);
    stage.call.request = request;
    stage.call.reply = NULL;
    stage.call.is_parking = false;
    stage.call.detail_count = 0;
    struct status status = audit_handlers[AUDIT_READ_LOG](&stage.call, NULL);
    *ret = (const Audit__ReadLogResponse *)stage.call.reply;
    return status;
}

static Audit__ReadLogRequest from(uint64_t index)
{
    Audit__ReadLogRequest request = AUDIT__READ_LOG_REQUEST__INIT;
    request.from_index = index;
    request.limit = 4096;
    return request;
}

// ---- What is given -------------------------------------------------------------------------

static void test_every_event_comes_once_in_order_whatever_the_steps(void **state)
{
    (void)state;
    grow();
    static const uint32_t limits[] = {1, 7, SIZE - 1, SIZE, SIZE + 1, 0};
    for (size_t i = 0; i < ROWS(limits); i++) {
        uint64_t next = 0;
        do {
            Audit__ReadLogRequest request = from(next);
            const Audit__ReadLogResponse *reply;
            request.limit = limits[i];
            assert_status_ok(read_log(&request, &reply));
            for (size_t k = 0; k < reply->n_deliveries; k++)
                assert_int_equal(reply->deliveries[k]->event->index, next++);
            assert_int_equal(reply->next_index, next);
            assert_int_equal(reply->size, SIZE);
        } while (next < SIZE);
    }
}

static void test_filters_let_through_what_they_say(void **state)
{
    (void)state;
    grow();
    static char ledger[] = "ledger.*", kyc[] = "kyc.case.submitted", all[] = "*", none[] = "x.*";

    const struct {
        char *types[2];
        size_t type_count;
        uint64_t from, count, first;
    } rows[] = {
        {{0}, 0, 0, SIZE, 0},
        {{all}, 1, 0, SIZE, 0},
        {{ledger}, 1, 0, SIZE / 3, 0},
        {{kyc}, 1, 0, SIZE / 3, 1},
        {{ledger, kyc}, 2, 0, 2 * SIZE / 3, 0},
        {{ledger}, 1, 1, SIZE / 3 - 1, 3},
        {{none}, 1, 0, 0, 0},
        {{all}, 1, SIZE, 0, 0},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        Audit__ReadLogRequest request = from(rows[i].from);
        const Audit__ReadLogResponse *reply;
        request.types = (char **)rows[i].types;
        request.n_types = rows[i].type_count;
        assert_status_ok(read_log(&request, &reply));
        assert_int_equal(reply->n_deliveries, rows[i].count);
        assert_int_equal(reply->next_index, SIZE);
        if (rows[i].count > 0) assert_int_equal(reply->deliveries[0]->event->index, rows[i].first);
    }
}

static void test_a_users_stream_is_what_concerns_them(void **state)
{
    (void)state;
    static const char *const friend[] = {"users/01890000-0000-7000-8000-000000000003"};
    grow();
    struct event_view event = make_event("ledger", SIZE + 1); // Of actor 1, and visible to 3.
    event.visible_to = friend;
    assert_status_ok(accept_views(stage.fixture, "ledger", FIXTURE_LOG_ID, &event, 1));
    struct id128 user;
    assert_status_ok(id128_parse("01890000-0000-7000-8000-000000000003", 36, &user));

    for (int with_types = 0; with_types < 2; with_types++) {
        static char logins[] = "auth.*";
        char *types[] = {logins};
        Audit__ReadLogRequest request = from(5);
        const Audit__ReadLogResponse *reply;
        request.user_id = (ProtobufCBinaryData){.data = user.bytes, .len = ID128_BYTES};
        request.types = types;
        request.n_types = (size_t)with_types;
        assert_status_ok(read_log(&request, &reply));
        size_t expected = 0;
        for (uint64_t index = 5; index <= SIZE; index++) {
            bool is_his = index == SIZE || (index + 1) % 5 == 3;
            if (!is_his || (with_types && (index + 1) % 3 != 0)) continue;
            assert_true(expected < reply->n_deliveries);
            assert_int_equal(reply->deliveries[expected++]->event->index, index);
        }
        assert_int_equal(reply->n_deliveries, expected);
        assert_int_equal(reply->next_index, SIZE + 1);
    }
}

static void test_the_rows_of_a_name_are_walked_for_resource_and_actor(void **state)
{
    (void)state;
    grow();
    struct store_txn *txn = begin(stage.fixture);
    struct audit_stream_filter filters[] = {
        {.actor = bytes_of_text("users/01890000-0000-7000-8000-000000000002")},
        {.actor = bytes_of_text("users/01890000-0000-7000-8000-000000000002"),
         .outcome = bytes_of_text("refused")},
        {.resource = bytes_of_text("transfers/01890000-0000-7000-8000-000000000009")},
        {.resource = bytes_of_text("transfers/nobody")},
    };
    const uint64_t counts[] = {SIZE / 5, 2, 1,
                               0}; // Refused: 7, 42 of 7, 14, 21, …: those % 5 == 2.
    for (size_t i = 0; i < ROWS(filters); i++) {
        CLEANUP(audit_stream_end) struct audit_stream stream;
        struct audit_event event;
        bool found;
        uint64_t count = 0;
        audit_stream_begin(txn, &filters[i], 0, SIZE, &stream);
        for (;;) {
            assert_status_ok(audit_stream_next(&stream, &event, &found));
            if (!found) break;
            assert_true(audit_stream_matches(&filters[i], &event.entry));
            assert_true(event.side.payload.size > 0); // Whole.
            count++;
        }
        assert_int_equal(count, counts[i]);
        assert_int_equal(stream.next, SIZE);
        assert_true(stream.rows <= SIZE / 5); // Not the whole log.
    }
    store_snapshot_end(&txn);
}

static void test_an_answer_is_bounded_in_bytes_but_has_one(void **state)
{
    (void)state;
    grow();
    Audit__ReadLogRequest request = from(0);
    const Audit__ReadLogResponse *reply;
    request.bytes_max = 1;
    assert_status_ok(read_log(&request, &reply));
    assert_int_equal(reply->n_deliveries, 1);
    assert_int_equal(reply->next_index, 1);
    size_t one = protobuf_c_message_get_packed_size(&reply->deliveries[0]->base);
    request.bytes_max = (uint32_t)(10 * one);
    assert_status_ok(read_log(&request, &reply));
    assert_in_range(reply->n_deliveries, 5, 10);
    assert_int_equal(reply->next_index, reply->n_deliveries);
    assert_true(protobuf_c_message_get_packed_size(stage.call.reply) <= 11 * one);
}

static void test_one_look_is_bounded_and_says_where_to_go_on(void **state)
{
    (void)state;
    const size_t step = 400;
    for (uint64_t seq = 1; seq <= AUDIT_STREAM_ROWS_MAX + 100; seq += step)
        assert_status_ok(accept(stage.fixture, "ledger", seq, step));
    static char none[] = "x.*";
    char *types[] = {none};
    Audit__ReadLogRequest request = from(0);
    const Audit__ReadLogResponse *reply;
    request.types = types;
    request.n_types = 1;
    assert_status_ok(read_log(&request, &reply));
    assert_int_equal(reply->n_deliveries, 0);
    assert_int_equal(reply->next_index, AUDIT_STREAM_ROWS_MAX);
    request.from_index = reply->next_index;
    assert_status_ok(read_log(&request, &reply));
    assert_int_equal(reply->next_index, reply->size);
}

// ---- What is refused -----------------------------------------------------------------------

static struct status put_first(struct store_txn *txn, void *context)
{
    (void)context;
    audit_store_put_first(txn, &(struct audit_first){.index = 20, .told = 20});
    return STATUS_SUCCESS;
}

static void test_refusals_say_what_would_be_right(void **state)
{
    (void)state;
    static char bad[] = "led*ger", star[] = "ledger*";
    char *types[] = {bad};
    Audit__ReadLogRequest request = from(SIZE + 1);
    const Audit__ReadLogResponse *reply;
    grow();
    assert_refused(read_log(&request, &reply), "INDEX_AHEAD_OF_LOG");
    assert_string_equal(stage.call.details[0].key, "size");
    assert_string_equal(stage.call.details[0].value, "60");
    assert_status_ok(store_write_wait(stage.fixture->store, put_first, NULL));
    request.from_index = 19;
    assert_refused(read_log(&request, &reply), "ENTRY_PRUNED");
    assert_string_equal(stage.call.details[0].key, "first_index");
    assert_string_equal(stage.call.details[0].value, "20");
    request.from_index = 20;
    assert_status_ok(read_log(&request, &reply));
    assert_int_equal(reply->deliveries[0]->event->index, 20);
    request.types = types;
    request.n_types = 1;
    assert_refused(read_log(&request, &reply), "TYPE_PATTERN_INVALID");
    types[0] = star;
    assert_refused(read_log(&request, &reply), "TYPE_PATTERN_INVALID");
}

// ---- Waiting -------------------------------------------------------------------------------

static void test_it_waits_at_the_end_and_goes_on_from_there(void **state)
{
    (void)state;
    static char logins[] = "auth.*";
    char *types[] = {logins};
    const Audit__ReadLogResponse *reply;
    assert_status_ok(accept(stage.fixture, "ledger", 1, 2)); // None of them is a login.
    clock_test_set(NS_PER_SECOND, NS_PER_SECOND);
    Audit__ReadLogRequest request = from(0);
    request.wait_ms = 500;
    request.types = types;
    request.n_types = 1;
    stage.call.received_mono_ns = clock_mono_ns();
    stage.call.may_park = true;
    assert_status_ok(read_log(&request, &reply));
    assert_true(stage.call.is_parking);
    assert_int_equal(stage.call.park_until_mono_ns, NS_PER_SECOND + 500 * NS_PER_MS);
    assert_int_equal(stage.call.noted[0], 2); // What was looked at is not looked at again.

    assert_status_ok(accept(stage.fixture, "ledger", 3, 1));
    assert_status_ok(read_log(&request, &reply));
    assert_false(stage.call.is_parking);
    assert_int_equal(reply->n_deliveries, 1);
    assert_int_equal(reply->deliveries[0]->event->index, 2);
    assert_int_equal(reply->next_index, 3);

    assert_status_ok(accept(stage.fixture, "ledger", 4, 2));
    stage.call.noted[0] = 3;
    assert_status_ok(read_log(&request, &reply));
    assert_true(stage.call.is_parking);
    clock_test_advance(500 * NS_PER_MS);
    assert_status_ok(read_log(&request, &reply)); // Its time is over.
    assert_false(stage.call.is_parking);
    assert_int_equal(reply->n_deliveries, 0);
    assert_int_equal(reply->next_index, 5);
}

static void test_times_are_sought(void **state)
{
    (void)state;
    grow(); // Times are 1000 * seq.
    struct store_txn *txn = begin(stage.fixture);

    const struct {
        uint64_t low, not_before_ns, found;
    } rows[] = {
        {0, 0, 0},       {0, 1000, 0},         {0, 1001, 1},     {0, 30000, 29},  {0, 30001, 30},
        {40, 30000, 40}, {0, 60000, SIZE - 1}, {0, 60001, SIZE}, {SIZE, 0, SIZE},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t found;
        assert_status_ok(
            audit_stream_seek_time(txn, rows[i].low, SIZE, rows[i].not_before_ns, &found));
        assert_int_equal(found, rows[i].found);
    }
    store_snapshot_end(&txn);
}

#define STREAM_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_stage, teardown_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STREAM_TEST(test_every_event_comes_once_in_order_whatever_the_steps),
        STREAM_TEST(test_filters_let_through_what_they_say),
        STREAM_TEST(test_a_users_stream_is_what_concerns_them),
        STREAM_TEST(test_the_rows_of_a_name_are_walked_for_resource_and_actor),
        STREAM_TEST(test_an_answer_is_bounded_in_bytes_but_has_one),
        STREAM_TEST(test_one_look_is_bounded_and_says_where_to_go_on),
        STREAM_TEST(test_refusals_say_what_would_be_right),
        STREAM_TEST(test_it_waits_at_the_end_and_goes_on_from_there),
        STREAM_TEST(test_times_are_sought),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
