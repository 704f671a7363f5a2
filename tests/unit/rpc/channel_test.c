#include "common/base/clock.h"
#include "common/rpc/limits.h"
#include "common/rpc/retry.h"
#include "tests/unit/rpc/peer.h"

#include <pthread.h>
#include <stdlib.h>

enum { STALLED_MS = 300, SENT_MS = 500 }; // SENT_MS: a busy machine sends within that.

static struct peer peer;
static struct answer answers[700];

static int setup(void **state)
{
    (void)state;
    peer_open(&peer, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_close(&peer);
    return 0;
}

static void send(size_t index, enum echo_method_index method, const char *key, uint32_t timeout_ms)
{
    const struct rpc_metadata metadata = {.idempotency_key = key};
    fixture_send_bytes(peer.channel, &answers[index], &echo_methods[method], &metadata,
                       bytes_of_text("\x0a\x01x"), timeout_ms);
}

static void send_many(size_t first, size_t count, enum echo_method_index method)
{
    for (size_t i = first; i < first + count; i++) {
        send(i, method, NULL, FIXTURE_TIMEOUT_MS);
    }
}

static void wait_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fixture_wait(&answers[i]);
    }
}

static uint64_t ms_since(uint64_t start_ns)
{
    return (clock_mono_ns() - start_ns) / NS_PER_MS;
}

// ---- Coalescing ----------------------------------------------------------------------------

static int setup_one_context(void **state)
{
    (void)state;
    peer_open(&peer, &(struct rpc_channel_config){.contexts = 1});
    return 0;
}

static void test_calls_made_while_the_channel_is_busy_leave_together(void **state)
{
    (void)state;
    send_many(0, 1, ECHO_ECHO); // Idle: at once, alone.
    struct peer_message *message = peer_receive(&peer);
    assert_int_equal(message->batch->n_requests, 1);
    send_many(1, 599, ECHO_ECHO);
    assert_null(peer_try(&peer));
    peer_answer(message, STATUS_OK, "", 0);
    static const size_t sizes[] = {256, 256, 87};
    size_t next = 1;
    for (size_t i = 0; i < 3; i++) {
        message = peer_receive(&peer);
        assert_int_equal(message->batch->n_requests, sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++) { // In the order in which they were made.
            assert_int_equal(message->batch->requests[j]->call_id, answers[next++].call.call_id);
        }
        peer_answer(message, STATUS_OK, "", 0);
    }
    wait_many(600);
    for (size_t i = 0; i < 600; i++) {
        assert_ok(&answers[i]);
    }
}

static void test_a_message_stops_growing_at_256_kib(void **state)
{
    (void)state;
    static uint8_t payload[60 << 10];
    send_many(0, 1, ECHO_ECHO);
    struct peer_message *message = peer_receive(&peer);
    for (size_t i = 1; i <= 10; i++) {
        fixture_send_bytes(peer.channel, &answers[i], &echo_methods[ECHO_ECHO], NULL,
                           bytes_of(payload, sizeof payload), FIXTURE_TIMEOUT_MS);
    }
    static const size_t sizes[] = {4, 4, 2};
    for (size_t i = 0; i < 3; i++) {
        peer_answer(message, STATUS_OK, "", 0);
        message = peer_receive(&peer);
        assert_int_equal(message->batch->n_requests, sizes[i]);
    }
    peer_answer(message, STATUS_OK, "", 0);
    wait_many(11);
}

static void test_each_kind_of_call_has_its_own_lane(void **state)
{
    (void)state;
    send_many(0, 1, ECHO_COUNT);
    struct peer_message *write = peer_receive(&peer);
    send_many(1, 1, ECHO_ECHO); // Does not wait for the write,
    struct peer_message *read = peer_receive(&peer);
    send_many(2, 1, ECHO_POOL); // nor this one for either.
    struct peer_message *pool = peer_receive(&peer);
    send_many(3, 2, ECHO_COUNT);
    assert_null(peer_try(&peer));
    peer_answer(write, STATUS_OK, "", 0);
    struct peer_message *more = peer_receive(&peer);
    assert_int_equal(more->batch->n_requests, 2);
    peer_answer(more, STATUS_OK, "", 0);
    peer_answer(read, STATUS_OK, "", 0);
    peer_answer(pool, STATUS_OK, "", 0);
    wait_many(5);
}

static void test_calls_that_travel_alone_do_so_side_by_side(void **state)
{
    (void)state;
    struct peer_message *messages[8];
    send_many(0, 8, ECHO_POOL);
    for (size_t i = 0; i < 8; i++) {
        messages[i] = peer_receive(&peer);
        assert_int_equal(messages[i]->batch->n_requests, 1);
    }
    for (size_t i = 8; i-- > 0;) {
        peer_answer(messages[i], STATUS_OK, "", 0);
    }
    wait_many(8);
}

static int setup_no_coalescing(void **state)
{
    (void)state;
    peer_open(&peer, &(struct rpc_channel_config){.contexts = 2, .batch_calls_max = 1});
    return 0;
}

static void test_coalescing_can_be_switched_off(void **state)
{
    (void)state;
    send_many(0, 6, ECHO_ECHO);
    for (size_t i = 0; i < 6; i++) {
        struct peer_message *message = peer_receive(&peer);
        assert_int_equal(message->batch->n_requests, 1);
        peer_answer(message, STATUS_OK, "", 0);
    }
    wait_many(6);
}

// ---- Deadlines -----------------------------------------------------------------------------

static void test_what_is_left_of_the_deadline_is_forwarded(void **state)
{
    (void)state;
    send(0, ECHO_ECHO, NULL, 5000);
    struct peer_message *message = peer_receive(&peer);
    assert_in_range(message->batch->requests[0]->timeout_ms, 3000, 5000);
    assert_int_equal(message->batch->requests[0]->attempt, 1);
    peer_answer(message, STATUS_OK, "", 0);
    wait_many(1);
}

static void test_a_call_ends_at_its_deadline_and_its_late_answer_is_ignored(void **state)
{
    (void)state;
    uint64_t start_ns = clock_mono_ns();
    send(0, ECHO_COUNT, NULL, SENT_MS);
    send(1, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    struct peer_message *first = peer_receive(&peer), *second = peer_receive(&peer);
    fixture_wait(&answers[0]);
    assert_true(ms_since(start_ns) >= SENT_MS);
    assert_refused(&answers[0], STATUS_DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN");
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_UNKNOWN);
    assert_false(atomic_load(&answers[1].has_ended));
    peer_answer(first, STATUS_OK, "", 0);
    peer_answer(second, STATUS_OK, "", 0);
    fixture_wait(&answers[1]);
    assert_ok(&answers[1]);
    send(2, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    peer_answer(peer_receive(&peer), STATUS_OK, "", 0);
    fixture_wait(&answers[2]);
    assert_ok(&answers[2]);
}

static void test_a_call_that_never_left_says_so_at_its_deadline(void **state)
{
    (void)state;
    send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS); // The lane's only context.
    struct peer_message *message = peer_receive(&peer);
    send(1, ECHO_COUNT, NULL, 50);
    fixture_wait(&answers[1]);
    assert_refused(&answers[1], STATUS_UNAVAILABLE, "NOT_SENT");
    assert_int_equal(answers[1].outcome, RPC_OUTCOME_NOT_SENT);
    peer_answer(message, STATUS_OK, "", 0);
    wait_many(1);
}

// The other end is there, and reads nothing.
static void test_what_could_not_be_sent_in_time_is_not_sent_any_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++)
        send(i, ECHO_POOL, NULL, STALLED_MS);
    wait_many(8);
    for (size_t i = 0; i < 8; i++)
        assert_true(answers[i].outcome != RPC_OUTCOME_ANSWERED);
    send(8, ECHO_POOL, NULL, FIXTURE_TIMEOUT_MS);
    size_t received = 0;
    while (!atomic_load(&answers[8].has_ended)) {
        struct peer_message *message = peer_try(&peer);
        if (message == NULL) continue;
        peer_answer(message, STATUS_OK, "", 0);
        received++;
    }
    assert_true(received < 8); // Those that had left, and the new one.
    assert_int_equal(answers[8].outcome, RPC_OUTCOME_ANSWERED);
}

static void test_thousands_of_deadlines_all_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < 700; i++) {
        send(i, ECHO_COUNT, NULL, 20 + (uint32_t)(i % 50));
    }
    wait_many(700);
    for (size_t i = 0; i < 700; i++) {
        assert_true(answers[i].outcome != RPC_OUTCOME_ANSWERED);
    }
}

// ---- Lost connections ----------------------------------------------------------------------

static void test_a_lost_connection_is_noticed_at_once(void **state)
{
    (void)state;
    uint64_t start_ns = clock_mono_ns();
    send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    peer_drop(peer_receive(&peer));
    fixture_wait(&answers[0]);
    assert_true(ms_since(start_ns) < FIXTURE_TIMEOUT_MS / 2);
    assert_refused(&answers[0], STATUS_DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN");
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_UNKNOWN);
    assert_null(peer_try(&peer)); // nng did not send it again either.
}

static void test_reads_and_keyed_writes_are_tried_again_with_the_same_id_and_key(void **state)
{
    (void)state;

    static const struct {
        enum echo_method_index method;
        const char *key;
        bool again;
    } rows[] = {
        {ECHO_ECHO, NULL, true},
        {ECHO_COUNT, "key-1", true},
        {ECHO_COUNT, NULL, false},
        {ECHO_COUNT_PROMISED, "key-2", false}, // Not KEYED: the server would not keep the key.
        {ECHO_POOL, NULL, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        send(0, rows[i].method, rows[i].key, FIXTURE_TIMEOUT_MS);
        struct peer_message *first = peer_receive(&peer);
        uint64_t call_id = first->batch->requests[0]->call_id;
        peer_drop(first);
        if (rows[i].again) {
            struct peer_message *second = peer_receive(&peer);
            const Envelope__Request *request = second->batch->requests[0];
            assert_int_equal(request->call_id, call_id);
            assert_int_equal(request->attempt, 2);
            assert_string_equal(request->idempotency_key, rows[i].key != NULL ? rows[i].key : "");
            peer_answer(second, STATUS_OK, "", 0);
            fixture_wait(&answers[0]);
            assert_ok(&answers[0]);
            assert_int_equal(answers[0].attempt, 2);
        } else {
            fixture_wait(&answers[0]);
            assert_int_equal(answers[0].outcome, RPC_OUTCOME_UNKNOWN);
            assert_int_equal(answers[0].attempt, 1);
        }
        WAIT_UNTIL(rpc_channel_is_up(peer.channel));
    }
}

static void test_three_attempts_are_all(void **state)
{
    (void)state;
    send(0, ECHO_ECHO, NULL, FIXTURE_TIMEOUT_MS);
    for (int i = 0; i < RETRY_ATTEMPTS_MAX; i++) {
        peer_drop(peer_receive(&peer));
    }
    fixture_wait(&answers[0]);
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_UNKNOWN);
    assert_int_equal(answers[0].attempt, RETRY_ATTEMPTS_MAX);
}

static void test_calls_wait_for_a_target_that_is_coming_back(void **state)
{
    (void)state;
    send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    peer_drop(peer_receive(&peer));
    send(1, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS); // The connection is away just now, or still up.
    fixture_wait(&answers[0]);
    while (!atomic_load(&answers[1].has_ended)) {
        struct peer_message *message = peer_try(&peer);
        if (message != NULL) peer_answer(message, STATUS_OK, "", 0);
    }
    assert_true(answers[1].outcome == RPC_OUTCOME_ANSWERED ||
                answers[1].outcome == RPC_OUTCOME_UNKNOWN);
}

static void test_nobody_listening_is_not_sent(void **state)
{
    (void)state;
    struct rpc_channel *channel = NULL;
    const struct rpc_channel_config config = {.name = "nobody", .url = "inproc://nobody-here"};
    assert_int_equal(rpc_channel_open(&config, &channel).code, STATUS_OK);
    uint64_t start_ns = clock_mono_ns();
    fixture_send_bytes(channel, &answers[0], &echo_methods[ECHO_ECHO], NULL, bytes_of_text(""),
                       FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[0]); // After a second, although there were twenty.
    assert_refused(&answers[0], STATUS_UNAVAILABLE, "NOT_SENT");
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_NOT_SENT);
    assert_true(ms_since(start_ns) < FIXTURE_TIMEOUT_MS / 2);
    fixture_send_bytes(channel, &answers[0], &echo_methods[ECHO_ECHO], NULL, bytes_of_text(""),
                       FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[0]); // From now on at once.
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_NOT_SENT);
    assert_false(rpc_channel_is_up(channel));
    rpc_channel_close(&channel);
}

// ---- Refusals ------------------------------------------------------------------------------

static void test_retry_after_is_honoured(void **state)
{
    (void)state;
    send(0, ECHO_ECHO, NULL, FIXTURE_TIMEOUT_MS);
    struct peer_message *first = peer_receive(&peer);
    uint64_t start_ns = clock_mono_ns();
    peer_answer(first, STATUS_UNAVAILABLE, "OVERLOADED", 150);
    struct peer_message *second = peer_receive(&peer);
    assert_true(ms_since(start_ns) >= 150);
    peer_answer(second, STATUS_OK, "", 0);
    fixture_wait(&answers[0]);
    assert_ok(&answers[0]);
}

static void test_how_refusals_end(void **state)
{
    (void)state;

    static const struct {
        enum echo_method_index method;
        enum status_code code;
        const char *reason;
        enum rpc_outcome outcome;
        int attempts;
    } rows[] = {
        {ECHO_ECHO, STATUS_UNAVAILABLE, "DRAINING", RPC_OUTCOME_REFUSED, 3},
        {ECHO_COUNT, STATUS_UNAVAILABLE, "STARTING", RPC_OUTCOME_REFUSED, 1},
        {ECHO_COUNT, STATUS_RESOURCE_EXHAUSTED, "OVERLOADED", RPC_OUTCOME_REFUSED, 1},
        {ECHO_ECHO, STATUS_NOT_FOUND, "GONE", RPC_OUTCOME_ANSWERED, 1},
        {ECHO_ECHO, STATUS_RESOURCE_EXHAUSTED, "STORE_FULL", RPC_OUTCOME_ANSWERED, 1},
        {ECHO_ECHO, STATUS_INVALID_ARGUMENT, "DRAINING", RPC_OUTCOME_ANSWERED, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        send(0, rows[i].method, NULL, FIXTURE_TIMEOUT_MS);
        for (int attempt = 0; attempt < rows[i].attempts; attempt++) {
            peer_answer(peer_receive(&peer), rows[i].code, rows[i].reason, 0);
        }
        fixture_wait(&answers[0]);
        assert_refused(&answers[0], rows[i].code, rows[i].reason);
        assert_int_equal(answers[0].outcome, rows[i].outcome);
        assert_int_equal(answers[0].attempt, rows[i].attempts);
    }
}

static void test_an_unknown_attempt_is_not_forgotten_by_a_refusal(void **state)
{
    (void)state;
    send(0, ECHO_COUNT, "key", FIXTURE_TIMEOUT_MS);
    peer_drop(peer_receive(&peer)); // May have happened.
    for (int i = 0; i < 2; i++) {
        peer_answer(peer_receive(&peer), STATUS_UNAVAILABLE, "DRAINING", 0);
    }
    fixture_wait(&answers[0]);
    assert_refused(&answers[0], STATUS_DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN");
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_UNKNOWN);
}

static void test_retries_stop_when_failures_pile_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) { // Five failures empty half of the bucket.
        send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
        peer_answer(peer_receive(&peer), STATUS_UNAVAILABLE, "DRAINING", 0);
        fixture_wait(&answers[0]);
    }
    send(0, ECHO_ECHO, NULL, FIXTURE_TIMEOUT_MS);
    peer_answer(peer_receive(&peer), STATUS_UNAVAILABLE, "DRAINING", 0);
    fixture_wait(&answers[0]);
    assert_int_equal(answers[0].attempt, 1);
}

static void test_the_breaker_opens_and_a_probe_closes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < BREAKER_FAILURES_MAX; i++) {
        send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
        peer_answer(peer_receive(&peer), STATUS_UNAVAILABLE, "DRAINING", 0);
        fixture_wait(&answers[0]);
    }
    send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[0]);
    assert_refused(&answers[0], STATUS_UNAVAILABLE, "NOT_SENT");
    assert_null(peer_try(&peer));

    struct peer_message *probe = NULL; // Once its time has come, one call gets through.
    while (probe == NULL) {
        send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
        WAIT_UNTIL(atomic_load(&answers[0].has_ended) || answers[0].call.attempt > 0);
        if (!atomic_load(&answers[0].has_ended)) probe = peer_receive(&peer);
    }
    send(1, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[1]);
    assert_int_equal(answers[1].outcome, RPC_OUTCOME_NOT_SENT);
    peer_answer(probe, STATUS_OK, "", 0);
    fixture_wait(&answers[0]);
    assert_ok(&answers[0]);
    send(1, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    peer_answer(peer_receive(&peer), STATUS_OK, "", 0);
    fixture_wait(&answers[1]);
    assert_ok(&answers[1]);
}

/// Busy, or a handler's own "not now": either way the target is there, and other calls get through.
static void test_a_target_that_answers_does_not_open_the_breaker(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * (BREAKER_FAILURES_MAX + 1); i++) {
        const char *reason = i <= BREAKER_FAILURES_MAX ? "A_HANDLERS_OWN" : "OVERLOADED";
        send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
        peer_answer(peer_receive(&peer), STATUS_UNAVAILABLE, reason, 0);
        fixture_wait(&answers[0]);
        assert_refused(&answers[0], STATUS_UNAVAILABLE, reason);
    }
    send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
    peer_answer(peer_receive(&peer), STATUS_OK, "", 0);
    fixture_wait(&answers[0]);
    assert_ok(&answers[0]);
}

// ---- Oddities ------------------------------------------------------------------------------

static void test_answers_that_do_not_match_are_unknown(void **state)
{
    (void)state;

    static const struct {
        const char *bytes;
        size_t size;
    } rows[] = {
        {"", 0},                 // No reply at all.
        {"\x0a\x02\x08\x01", 4}, // Another call's.
        {"\x0a\x00\x0a\x00", 4}, // Too many.
        {"\x0a\x02\x0a\x00", 4}, // Malformed inside.
        {"rubbish", 7},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        send(0, ECHO_COUNT, NULL, FIXTURE_TIMEOUT_MS);
        peer_answer_bytes(peer_receive(&peer), rows[i].bytes, rows[i].size);
        fixture_wait(&answers[0]);
        assert_int_equal(answers[0].outcome, RPC_OUTCOME_UNKNOWN);
    }
}

static int setup_short_queue(void **state)
{
    (void)state;
    peer_open(&peer, &(struct rpc_channel_config){.contexts = 1, .waiting_max = 2});
    return 0;
}

static void test_a_full_queue_refuses(void **state)
{
    (void)state;
    send_many(0, 1, ECHO_ECHO);
    struct peer_message *message = peer_receive(&peer);
    send_many(1, 3, ECHO_ECHO);
    fixture_wait(&answers[3]);
    assert_refused(&answers[3], STATUS_RESOURCE_EXHAUSTED, "OVERLOADED");
    assert_int_equal(answers[3].outcome, RPC_OUTCOME_NOT_SENT);
    peer_answer(message, STATUS_OK, "", 0);
    peer_answer(peer_receive(&peer), STATUS_OK, "", 0);
    wait_many(3);
}

static void test_a_request_that_fits_no_message_is_not_sent(void **state)
{
    (void)state;
    uint8_t *payload = calloc(1, RPC_MESSAGE_BYTES_MAX);
    fixture_send_bytes(peer.channel, &answers[0], &echo_methods[ECHO_ECHO], NULL,
                       bytes_of(payload, RPC_MESSAGE_BYTES_MAX), FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[0]);
    assert_refused(&answers[0], STATUS_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE");
    assert_int_equal(answers[0].outcome, RPC_OUTCOME_NOT_SENT);
    free(payload);
}

static pthread_mutex_t callers_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int locked_count;

static void lock_in_done(struct rpc_client_call *call)
{
    (void)call;
    pthread_mutex_lock(&callers_lock);
    pthread_mutex_unlock(&callers_lock);
    atomic_fetch_add(&locked_count, 1);
}

static void test_done_is_never_called_inside_the_call(void **state)
{
    (void)state;
    struct rpc_client_call calls[4];
    static uint8_t payload[8];
    atomic_store(&locked_count, 0);
    pthread_mutex_lock(&callers_lock); // done() from inside would wait for ever.
    for (size_t i = 0; i < 4; i++) {
        calls[i] = (struct rpc_client_call){.method = &echo_methods[ECHO_ECHO],
                                            .payload = bytes_of(payload, 8),
                                            .deadline_mono_ns = clock_mono_ns() + 5000 * NS_PER_MS,
                                            .done = lock_in_done};
        rpc_channel_call(peer.channel, &calls[i]); // The fourth one is refused.
    }
    pthread_mutex_unlock(&callers_lock);
    peer_answer(peer_receive(&peer), STATUS_OK, "", 0);
    peer_answer(peer_receive(&peer), STATUS_OK, "", 0);
    WAIT_UNTIL(atomic_load(&locked_count) == 4);
}

static void test_closing_ends_every_call(void **state)
{
    (void)state;
    send_many(0, 20, ECHO_ECHO);
    send_many(20, 20, ECHO_POOL);
    peer_receive(&peer);
    rpc_channel_close(&peer.channel);
    for (size_t i = 0; i < 40; i++) {
        assert_true(atomic_load(&answers[i].has_ended));
        assert_true(answers[i].outcome != RPC_OUTCOME_ANSWERED);
    }
}

static struct {
    struct rpc_client_call call;
    atomic_int left, ended;
} chains[32];

static void next_of_chain(struct rpc_client_call *call)
{
    size_t i = (size_t)(uintptr_t)call->context;
    if (atomic_fetch_sub(&chains[i].left, 1) > 1) {
        rpc_channel_call(peer.channel, call);
    } else {
        atomic_store(&chains[i].ended, 1);
    }
}

static void *answer_all(void *context)
{
    atomic_bool *stop = context;
    while (!atomic_load(stop)) {
        peer.message_count = 0; // Only the newest is kept.
        struct peer_message *got = peer_try(&peer);
        if (got == NULL) continue;
        peer_answer(got, STATUS_OK, "", 0);
        envelope__request_batch__free_unpacked(got->batch, NULL);
        got->batch = NULL;
        nng_ctx_close(got->context);
    }
    peer.message_count = 0;
    return NULL;
}

static void test_calls_made_in_done_from_many_threads(void **state)
{
    (void)state;
    atomic_bool stop = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer_all, &stop), 0);
    for (size_t i = 0; i < 32; i++) {
        atomic_store(&chains[i].left, 200);
        atomic_store(&chains[i].ended, 0);
        chains[i].call =
            (struct rpc_client_call){.method = &echo_methods[ECHO_ECHO],
                                     .deadline_mono_ns = clock_mono_ns() + 60000 * NS_PER_MS,
                                     .done = next_of_chain,
                                     .context = (void *)(uintptr_t)i};
        rpc_channel_call(peer.channel, &chains[i].call);
    }
    for (size_t i = 0; i < 32; i++) {
        WAIT_UNTIL(atomic_load(&chains[i].ended) == 1);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)
#define TEST_WITH(setup_, test_) cmocka_unit_test_setup_teardown(test_, setup_, teardown)
    const struct CMUnitTest tests[] = {
        TEST_WITH(setup_one_context, test_calls_made_while_the_channel_is_busy_leave_together),
        TEST_WITH(setup_one_context, test_a_message_stops_growing_at_256_kib),
        TEST_WITH(setup_one_context, test_each_kind_of_call_has_its_own_lane),
        TEST(test_calls_that_travel_alone_do_so_side_by_side),
        TEST_WITH(setup_no_coalescing, test_coalescing_can_be_switched_off),
        TEST(test_what_is_left_of_the_deadline_is_forwarded),
        TEST(test_a_call_ends_at_its_deadline_and_its_late_answer_is_ignored),
        TEST_WITH(setup_one_context, test_a_call_that_never_left_says_so_at_its_deadline),
        TEST(test_what_could_not_be_sent_in_time_is_not_sent_any_more),
        TEST(test_thousands_of_deadlines_all_end),
        TEST(test_a_lost_connection_is_noticed_at_once),
        TEST(test_reads_and_keyed_writes_are_tried_again_with_the_same_id_and_key),
        TEST(test_three_attempts_are_all),
        TEST(test_calls_wait_for_a_target_that_is_coming_back),
        TEST(test_nobody_listening_is_not_sent),
        TEST(test_retry_after_is_honoured),
        TEST(test_how_refusals_end),
        TEST(test_an_unknown_attempt_is_not_forgotten_by_a_refusal),
        TEST(test_retries_stop_when_failures_pile_up),
        TEST(test_the_breaker_opens_and_a_probe_closes_it),
        TEST(test_a_target_that_answers_does_not_open_the_breaker),
        TEST(test_answers_that_do_not_match_are_unknown),
        TEST_WITH(setup_short_queue, test_a_full_queue_refuses),
        TEST(test_a_request_that_fits_no_message_is_not_sent),
        TEST_WITH(setup_short_queue, test_done_is_never_called_inside_the_call),
        TEST(test_closing_ends_every_call),
        TEST(test_calls_made_in_done_from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
