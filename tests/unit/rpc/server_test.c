#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/rpc/limits.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/unit/rpc/fixture.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>

static struct fixture fixture;
static struct answer answers[300];

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static Echo__EchoRequest echo_request(const char *text)
{
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    request.text = (char *)text;
    return request;
}

static void call(struct answer *answer, enum echo_method_index method, const char *token,
                 const Echo__EchoRequest *request)
{
    const struct rpc_metadata metadata = {.access_token = token};
    fixture_send(fixture.channel, answer, &echo_methods[method], &metadata, request,
                 FIXTURE_TIMEOUT_MS);
    fixture_wait(answer);
}

static const char *actor_of(const struct answer *answer)
{
    static char actor[FIXTURE_TEXT_BYTES];
    Echo__EchoReply *reply = echo__echo_reply__unpack(NULL, answer->reply_size, answer->reply);
    assert_non_null(reply);
    snprintf(actor, sizeof actor, "%s", reply->actor);
    echo__echo_reply__free_unpacked(reply, NULL);
    return actor;
}

// ---- A client that is not ours: protobuf-c and a plain REQ socket ----------------------------

struct raw_client {
    nng_socket socket;
};

static struct raw_client raw_open(void)
{
    struct raw_client client;
    assert_int_equal(nng_req0_open(&client.socket), 0);
    nng_socket_set_ms(client.socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    nng_socket_set_size(client.socket, NNG_OPT_RECVMAXSZ, 0);
    assert_int_equal(nng_dial(client.socket, fixture.url, NULL, 0), 0);
    return client;
}

static Envelope__ReplyBatch *raw_exchange(struct raw_client *client, const void *bytes, size_t size)
{
    nng_msg *message = NULL;
    assert_int_equal(nng_msg_alloc(&message, 0), 0);
    assert_int_equal(nng_msg_append(message, bytes, size), 0);
    assert_int_equal(nng_sendmsg(client->socket, message, 0), 0);
    assert_int_equal(nng_recvmsg(client->socket, &message, 0), 0);
    assert_true(nng_msg_len(message) <= RPC_MESSAGE_BYTES_MAX);
    Envelope__ReplyBatch *replies =
        envelope__reply_batch__unpack(NULL, nng_msg_len(message), nng_msg_body(message));
    nng_msg_free(message);
    assert_non_null(replies);
    return replies;
}

struct raw_call {
    enum echo_method_index method;
    const ProtobufCMessage *request;
    uint32_t timeout_ms;
    const char *token, *key;
};

static Envelope__ReplyBatch *raw_batch(const struct raw_call *calls, size_t count)
{
    struct raw_client client = raw_open();
    Envelope__RequestBatch batch = ENVELOPE__REQUEST_BATCH__INIT;
    Envelope__Request *requests = calloc(count, sizeof *requests);
    Envelope__Request **pointers = calloc(count, sizeof *pointers);
    for (size_t i = 0; i < count; i++) {
        envelope__request__init(&requests[i]);
        requests[i].call_id = 100 + i;
        requests[i].method = (char *)echo_methods[calls[i].method].name;
        requests[i].timeout_ms = calls[i].timeout_ms;
        requests[i].access_token =
            (char *)(calls[i].token != NULL ? calls[i].token : fixture.caller);
        if (calls[i].key != NULL) requests[i].idempotency_key = (char *)calls[i].key;
        size_t size = protobuf_c_message_get_packed_size(calls[i].request);
        requests[i].payload.data = malloc(size + 1);
        requests[i].payload.len =
            protobuf_c_message_pack(calls[i].request, requests[i].payload.data);
        pointers[i] = &requests[i];
    }
    batch.n_requests = count;
    batch.requests = pointers;
    size_t size = envelope__request_batch__get_packed_size(&batch);
    uint8_t *bytes = malloc(size + 1);
    envelope__request_batch__pack(&batch, bytes);
    Envelope__ReplyBatch *replies = raw_exchange(&client, bytes, size);
    for (size_t i = 0; i < count; i++) {
        free(requests[i].payload.data);
    }
    free(bytes);
    free(requests);
    free(pointers);
    nng_close(client.socket);
    assert_int_equal(replies->n_replies, count);
    for (size_t i = 0; i < count; i++) { // In the order of the calls, whatever ran where.
        assert_int_equal(replies->replies[i]->call_id, 100 + i);
    }
    return replies;
}

static const char *raw_reason(const Envelope__ReplyBatch *replies, size_t index)
{
    const Envelope__Reply *reply = replies->replies[index];
    return reply->status != NULL ? reply->status->reason : "";
}

// ---- Refusals ------------------------------------------------------------------------------

static void test_a_good_call_is_answered(void **state)
{
    (void)state;
    Echo__EchoRequest request = echo_request("hello");
    request.number = 7;
    call(&answers[0], ECHO_ECHO, fixture.caller, &request);
    assert_ok(&answers[0]);
    assert_string_equal(actor_of(&answers[0]), "users/01010101-0101-0101-0101-010101010101");
}

static void test_who_may_call_what(void **state)
{
    (void)state;

    const struct {
        enum echo_method_index method;
        const char *token;
        enum status_code code;
        const char *reason, *actor;
    } rows[] = {
        {ECHO_ECHO, NULL, STATUS_UNAUTHENTICATED, "TOKEN_MISSING", NULL},
        {ECHO_ECHO, "rubbish", STATUS_UNAUTHENTICATED, "TOKEN_MALFORMED", NULL},
        {ECHO_ECHO, fixture.expired, STATUS_UNAUTHENTICATED, "TOKEN_EXPIRED", NULL},
        {ECHO_ECHO, fixture.stranger, STATUS_PERMISSION_DENIED, "PERMISSION_DENIED", NULL},
        {ECHO_ECHO, fixture.caller, STATUS_OK, "", "users/01010101-0101-0101-0101-010101010101"},
        {ECHO_FORBIDDEN, fixture.caller, STATUS_PERMISSION_DENIED, "PERMISSION_DENIED", NULL},
        {ECHO_ECHO_ANY_USER, NULL, STATUS_UNAUTHENTICATED, "TOKEN_MISSING", NULL},
        {ECHO_ECHO_ANY_USER, fixture.stranger, STATUS_OK, "",
         "users/03030303-0303-0303-0303-030303030303"},
        {ECHO_ECHO_PUBLIC, NULL, STATUS_OK, "", "anonymous"},
        {ECHO_ECHO_PUBLIC, fixture.expired, STATUS_OK, "", "anonymous"},
        {ECHO_ECHO_PUBLIC, fixture.other, STATUS_OK, "",
         "users/02020202-0202-0202-0202-020202020202"},
    };

    Echo__EchoRequest request = echo_request("x");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        call(&answers[0], rows[i].method, rows[i].token, &request);
        assert_refused(&answers[0], rows[i].code, rows[i].reason);
        if (rows[i].actor != NULL) assert_string_equal(actor_of(&answers[0]), rows[i].actor);
    }
    call(&answers[0], ECHO_FORBIDDEN, fixture.caller, &request);
    assert_string_equal(answers[0].detail_key, "permission");
    assert_string_equal(answers[0].detail_value, "echo.forbidden");
}

static void test_a_token_of_less_than_a_session(void **state)
{
    (void)state;
    char enrolling[TOKEN_BYTES_MAX], cut[TOKEN_BYTES_MAX];
    echo_token_of(&fixture.echo, 1, "caller", 3600, 0, NULL, enrolling);
    echo_token_of(&fixture.echo, 1, "caller", 3600, 1, "echo.call", cut);
    const struct rpc_method *own = echo_methods, *auth = echo_of_auth(&fixture.echo).methods;

    const struct {
        const char *given, *token;
        const struct rpc_method *method;
        const char *reason;
    } rows[] = {
        // clang-format off
        {"who has yet to enrol: with a permission", enrolling, &own[ECHO_ECHO],           "INSUFFICIENT_AAL"},
        {"without, elsewhere",                      enrolling, &own[ECHO_ECHO_ANY_USER],  "INSUFFICIENT_AAL"},
        {"with a permission, at auth",              enrolling, &auth[ECHO_OF_AUTH],       "INSUFFICIENT_AAL"},
        {"without, at auth: to look",               enrolling, &auth[ECHO_OF_AUTH_ANY_USER], ""},
        {"and to act",                              enrolling, &auth[ECHO_OF_AUTH_POOL],  ""},
        {"what is public",                          enrolling, &own[ECHO_ECHO_PUBLIC],    ""},
        {"cut down: with a permission",             cut,       &own[ECHO_ECHO],           ""},
        {"without: to look",                        cut,       &own[ECHO_ECHO_ANY_USER],  ""},
        {"but not to act",                          cut,       &own[ECHO_POOL_ANY_USER],  "PERMISSION_DENIED"},
        {"nor at auth",                             cut,       &auth[ECHO_OF_AUTH_POOL],  "PERMISSION_DENIED"},
        {"a whole session acts",           fixture.caller,     &own[ECHO_POOL_ANY_USER],  ""},
        // clang-format on
    };

    Echo__EchoRequest request = echo_request("x");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct rpc_metadata metadata = {.access_token = rows[i].token};
        bool is_ok = rows[i].reason[0] == '\0';
        print_message("  %s\n", rows[i].given);
        fixture_send(fixture.channel, &answers[0], rows[i].method, &metadata, &request,
                     FIXTURE_TIMEOUT_MS);
        fixture_wait(&answers[0]);
        assert_refused(&answers[0], is_ok ? STATUS_OK : STATUS_PERMISSION_DENIED, rows[i].reason);
    }
}

static void explain_echo(void *context, struct rpc_call *call, const char *permission)
{
    (void)context;
    (void)permission;
    rpc_call_detail(call, "feature", "echoes");
}

static void test_a_refusal_is_explained(void **state)
{
    (void)state;
    Echo__EchoRequest request = echo_request("x");
    fixture.echo.identity.explain = explain_echo;
    call(&answers[0], ECHO_FORBIDDEN, fixture.caller, &request);
    fixture.echo.identity.explain = NULL;
    assert_refused(&answers[0], STATUS_PERMISSION_DENIED, "PERMISSION_DENIED");
    assert_int_equal(answers[0].detail_count, 2); // Beside the permission.
}

static void test_an_unknown_method_is_unimplemented(void **state)
{
    (void)state;
    struct rpc_method unknown = echo_methods[ECHO_ECHO];
    unknown.name = "florin.echo.v1.EchoService/Ech";
    Echo__EchoRequest request = echo_request("x");
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    fixture_send(fixture.channel, &answers[0], &unknown, &metadata, &request, FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[0]);
    assert_refused(&answers[0], STATUS_UNIMPLEMENTED, "METHOD_UNKNOWN");
}

static void test_a_request_beyond_its_methods_size_is_refused(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'a', sizeof text);
    text[98] = '\0'; // With tag and length: exactly 100 bytes.
    Echo__EchoRequest request = echo_request(text);
    call(&answers[0], ECHO_SMALL, fixture.caller, &request);
    assert_ok(&answers[0]);
    text[98] = 'a';
    text[99] = '\0';
    call(&answers[0], ECHO_SMALL, fixture.caller, &request);
    assert_refused(&answers[0], STATUS_RESOURCE_EXHAUSTED, "REQUEST_TOO_LARGE");
}

static void test_a_payload_that_is_no_such_message_is_malformed(void **state)
{
    (void)state;
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    fixture_send_bytes(fixture.channel, &answers[0], &echo_methods[ECHO_ECHO], &metadata,
                       bytes_of_text("\xff\xff\xff"), FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[0]);
    assert_refused(&answers[0], STATUS_INVALID_ARGUMENT, "REQUEST_MALFORMED");
    assert_int_equal(atomic_load(&fixture.echo.runs), 0);
}

static void test_validation_names_the_field(void **state)
{
    (void)state;
    Echo__EchoRequest request = echo_request("x");
    request.number = 1000001;
    call(&answers[0], ECHO_ECHO, fixture.caller, &request);
    assert_refused(&answers[0], STATUS_INVALID_ARGUMENT, "VALIDATION_FAILED");
    assert_int_equal(answers[0].violation_count, 1);
    assert_string_equal(answers[0].field, "number");
    assert_string_equal(answers[0].violation, "RANGE");
    assert_int_equal(atomic_load(&fixture.echo.runs), 0);
}

static void test_metadata_is_short_printable_ascii(void **state)
{
    (void)state;
    char long_key[300];
    memset(long_key, 'k', sizeof long_key);
    long_key[256] = '\0';

    const struct {
        struct rpc_metadata metadata;
        const char *reason;
    } rows[] = {
        {{.idempotency_key = long_key}, "METADATA_MALFORMED"},
        {{.idempotency_key = long_key + 1}, ""},
        {{.idempotency_key = "a\nb"}, "METADATA_MALFORMED"},
        {{.request_id = "caf\xc3\xa9"}, "METADATA_MALFORMED"},
        {{.client_ip = "\x1b[2J"}, "METADATA_MALFORMED"},
        {{.request_id = "req-1", .client_ip = "::1", .device_id = "d", .traceparent = "00"}, ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Echo__EchoRequest request = echo_request("x");
        fixture_send(fixture.channel, &answers[0], &echo_methods[ECHO_ECHO_PUBLIC],
                     &rows[i].metadata, &request, FIXTURE_TIMEOUT_MS);
        fixture_wait(&answers[0]);
        assert_string_equal(answers[0].reason, rows[i].reason);
    }
}

static void test_bytes_that_are_no_batch_get_one_reply(void **state)
{
    (void)state;

    static const struct {
        const char *bytes;
        size_t size;
        const char *reason;
    } rows[] = {
        {"", 0, "BATCH_MALFORMED"},
        {"rubbish", 7, "BATCH_MALFORMED"},
        {"\x0a\x05", 2, "BATCH_MALFORMED"},
        {"\x0a\x02\x0a\x00", 4, "REQUEST_MALFORMED"}, // The frame is good, the call in it is not.
        {"\x0a\x00", 2, "METHOD_UNKNOWN"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct raw_client client = raw_open();
        Envelope__ReplyBatch *replies = raw_exchange(&client, rows[i].bytes, rows[i].size);
        assert_int_equal(replies->n_replies, 1);
        assert_string_equal(raw_reason(replies, 0), rows[i].reason);
        envelope__reply_batch__free_unpacked(replies, NULL);
        nng_close(client.socket);
    }
}

// ---- Batches -------------------------------------------------------------------------------

static void test_replies_keep_the_order_of_the_calls(void **state)
{
    (void)state;
    Echo__EchoRequest echo = echo_request("x");
    Echo__CountRequest count = ECHO__COUNT_REQUEST__INIT;
    count.name = "order";

    static const enum echo_method_index methods[] = {ECHO_COUNT, ECHO_POOL, ECHO_ECHO};
    struct raw_call calls[60];
    for (size_t i = 0; i < 60; i++) {
        calls[i] = (struct raw_call){.method = methods[i % 3], .request = &echo.base};
        if (i % 3 == 0) calls[i].request = &count.base;
    }
    Envelope__ReplyBatch *replies = raw_batch(calls, 60);
    for (size_t i = 0; i < 60; i++) {
        assert_string_equal(raw_reason(replies, i), "");
    }
    envelope__reply_batch__free_unpacked(replies, NULL);
    assert_int_equal(fixture_counter(&fixture, "order"), 20);
}

static void test_what_expires_before_its_turn_is_not_run(void **state)
{
    (void)state;
    Echo__EchoRequest slow = echo_request("slow"), quick = echo_request("quick");
    slow.sleep_ms = 60;
    const struct raw_call calls[] = {
        {.method = ECHO_ECHO, .request = &slow.base, .timeout_ms = 5000},
        {.method = ECHO_ECHO, .request = &quick.base, .timeout_ms = 20},
        {.method = ECHO_ECHO, .request = &quick.base, .timeout_ms = 5000},
    };
    Envelope__ReplyBatch *replies = raw_batch(calls, 3);
    assert_string_equal(raw_reason(replies, 0), "");
    assert_string_equal(raw_reason(replies, 1), "DEADLINE_EXCEEDED");
    assert_string_equal(raw_reason(replies, 2), "");
    assert_int_equal(atomic_load(&fixture.echo.runs), 2);
    envelope__reply_batch__free_unpacked(replies, NULL);
}

static void test_an_expired_write_is_dropped_at_dequeue_and_before_commit(void **state)
{
    (void)state;
    Echo__CountRequest slow = ECHO__COUNT_REQUEST__INIT, late = ECHO__COUNT_REQUEST__INIT,
                       outrun = ECHO__COUNT_REQUEST__INIT;
    slow.name = "slow";
    slow.sleep_ms = 60;
    late.name = "late";
    outrun.name = "outrun";
    outrun.sleep_ms = 200;
    const struct raw_call calls[] = {
        {.method = ECHO_COUNT, .request = &slow.base, .timeout_ms = 5000},
        {.method = ECHO_COUNT, .request = &late.base, .timeout_ms = 20},
        {.method = ECHO_COUNT, .request = &outrun.base, .timeout_ms = 150},
    };
    Envelope__ReplyBatch *replies = raw_batch(calls, 3);
    assert_string_equal(raw_reason(replies, 0), "");
    assert_string_equal(raw_reason(replies, 1), "DEADLINE_EXCEEDED"); // Never began.
    assert_string_equal(raw_reason(replies, 2), "DEADLINE_EXCEEDED"); // Ran, and was rolled back.
    assert_true(atomic_load(&fixture.echo.runs) >= 2);
    assert_int_equal(fixture_counter(&fixture, "slow"), 1);
    assert_int_equal(fixture_counter(&fixture, "late"), 0);
    assert_int_equal(fixture_counter(&fixture, "outrun"), 0);
    envelope__reply_batch__free_unpacked(replies, NULL);
}

static void test_replies_beyond_a_message_make_room(void **state)
{
    (void)state;
    Echo__EchoRequest large = echo_request("large"), small = echo_request("small");
    large.reply_bytes = 3 << 20;
    const struct raw_call calls[] = {
        {.method = ECHO_ECHO, .request = &large.base},
        {.method = ECHO_ECHO, .request = &small.base},
        {.method = ECHO_ECHO, .request = &large.base},
        {.method = ECHO_ECHO, .request = &large.base},
    };
    Envelope__ReplyBatch *replies = raw_batch(calls, 4);
    int too_large = 0;
    for (size_t i = 0; i < 4; i++) {
        too_large += strcmp(raw_reason(replies, i), "REPLY_TOO_LARGE") == 0;
    }
    assert_int_equal(too_large, 1); // 9 MiB do not fit, 6 do.
    assert_string_equal(raw_reason(replies, 1), "");
    envelope__reply_batch__free_unpacked(replies, NULL);
}

static void test_an_aborted_arena_hurts_one_call_only(void **state)
{
    (void)state;
    Echo__EchoRequest huge = echo_request("huge"), small = echo_request("small");
    huge.reply_bytes = 20 << 20;
    const struct raw_call calls[] = {
        {.method = ECHO_ECHO, .request = &huge.base},
        {.method = ECHO_ECHO, .request = &small.base},
    };
    Envelope__ReplyBatch *replies = raw_batch(calls, 2);
    assert_string_equal(raw_reason(replies, 0), "REQUEST_TOO_COMPLEX");
    assert_string_equal(raw_reason(replies, 1), "");
    envelope__reply_batch__free_unpacked(replies, NULL);
}

// ---- Writing -------------------------------------------------------------------------------

static void test_a_refusal_leaves_nothing_unless_it_says_so(void **state)
{
    (void)state;

    static const struct {
        const char *refuse, *reason;
        uint64_t count;
    } rows[] = {
        {"", "", 1},
        {"before", "COUNT_REFUSED", 1},
        {"after", "COUNT_REFUSED", 1}, // Rolled back.
        {"committed", "COUNT_REFUSED", 2},
        {"", "", 3},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_count(&fixture, &answers[0], fixture.caller, NULL, "c", rows[i].refuse);
        assert_string_equal(answers[0].reason, rows[i].reason);
        assert_int_equal(fixture_counter(&fixture, "c"), rows[i].count);
    }
}

static void test_many_writes_share_commits(void **state)
{
    (void)state;
    struct store_stats before, after;
    store_get_stats(fixture.store, &before);
    Echo__CountRequest request = ECHO__COUNT_REQUEST__INIT;
    request.name = "many";
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    for (size_t i = 0; i < 300; i++) {
        fixture_send(fixture.channel, &answers[i], &echo_methods[ECHO_COUNT_PROMISED], &metadata,
                     &request, FIXTURE_TIMEOUT_MS);
    }
    for (size_t i = 0; i < 300; i++) {
        fixture_wait(&answers[i]);
        assert_ok(&answers[i]);
    }
    store_get_stats(fixture.store, &after);
    assert_int_equal(fixture_counter(&fixture, "many"), 300);
    assert_true(after.commits - before.commits < 100);
}

// ---- The pool ------------------------------------------------------------------------------

static void hold_pool(size_t first, size_t count)
{
    Echo__EchoRequest request = echo_request("x");
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    atomic_store(&fixture.echo.pool_release, false);
    for (size_t i = first; i < first + count; i++) {
        fixture_send(fixture.channel, &answers[i], &echo_methods[ECHO_POOL], &metadata, &request,
                     FIXTURE_TIMEOUT_MS);
    }
}

static size_t ended_count(size_t count)
{
    size_t ended = 0;
    for (size_t i = 0; i < count; i++) {
        ended += atomic_load(&answers[i].has_ended);
    }
    return ended;
}

static void release_pool(size_t count)
{
    atomic_store(&fixture.echo.pool_release, true);
    for (size_t i = 0; i < count; i++) {
        fixture_wait(&answers[i]);
    }
}

static int setup_small_pool(void **state)
{
    (void)state;
    const struct fixture_options options = {.server = {.pool_threads = 1, .pool_queue_max = 1}};
    fixture_open(&fixture, &options);
    return 0;
}

static void test_a_full_pool_refuses_and_says_when_to_come_back(void **state)
{
    (void)state;
    hold_pool(0, 1);
    WAIT_UNTIL(atomic_load(&fixture.echo.pool_waiting) == 1);
    hold_pool(1, 4); // One waits in the queue, three find it full.
    WAIT_UNTIL(ended_count(5) == 3);
    release_pool(5);
    size_t refused = 0;
    for (size_t i = 0; i < 5; i++) {
        if (answers[i].code == STATUS_OK) continue;
        assert_refused(&answers[i], STATUS_UNAVAILABLE, "OVERLOADED");
        assert_int_equal(answers[i].outcome, RPC_OUTCOME_REFUSED);
        assert_true(answers[i].retry_after_ms > 0);
        refused++;
    }
    assert_int_equal(refused, 3);
}

static void test_reads_go_on_while_the_pool_is_busy(void **state)
{
    (void)state;
    hold_pool(0, 2);
    WAIT_UNTIL(atomic_load(&fixture.echo.pool_waiting) == 1);
    Echo__EchoRequest request = echo_request("x");
    call(&answers[10], ECHO_ECHO, fixture.caller, &request);
    assert_ok(&answers[10]);
    release_pool(2);
}

// ---- The cap -------------------------------------------------------------------------------

static int setup_small_cap(void **state)
{
    (void)state;
    const struct fixture_options options = {.server = {.in_flight_max = 3}};
    fixture_open(&fixture, &options);
    return 0;
}

static void test_calls_beyond_the_cap_are_refused_not_queued(void **state)
{
    (void)state;
    Echo__EchoRequest request = echo_request("x");
    struct raw_call calls[5];
    for (size_t i = 0; i < 5; i++) {
        calls[i] = (struct raw_call){.method = ECHO_ECHO, .request = &request.base};
    }
    Envelope__ReplyBatch *replies = raw_batch(calls, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(raw_reason(replies, i), i < 3 ? "" : "OVERLOADED");
    }
    assert_true(replies->replies[3]->retry_after_ms > 0);
    assert_int_equal(replies->replies[3]->status->code, STATUS_RESOURCE_EXHAUSTED);
    envelope__reply_batch__free_unpacked(replies, NULL);
    call(&answers[0], ECHO_ECHO, fixture.caller, &request); // And the places are free again.
    assert_ok(&answers[0]);
}

// ---- Slow tokens ---------------------------------------------------------------------------

static void test_a_stale_identity_is_asked_again_on_a_pool_thread(void **state)
{
    (void)state;
    atomic_store(&fixture.echo.is_stale, true);
    Echo__EchoRequest request = echo_request("x");

    static const enum echo_method_index methods[] = {ECHO_ECHO, ECHO_POOL, ECHO_ECHO_ANY_USER};

    for (size_t i = 0; i < 3; i++) {
        call(&answers[0], methods[i], fixture.caller, &request);
        assert_ok(&answers[0]);
        assert_string_equal(actor_of(&answers[0]), "users/01010101-0101-0101-0101-010101010101");
    }
    fixture_count(&fixture, &answers[0], fixture.caller, "key", "stale", "");
    assert_ok(&answers[0]);
    assert_int_equal(fixture_counter(&fixture, "stale"), 1);
    assert_int_equal(atomic_load(&fixture.echo.slow_checks), 4);
    call(&answers[0], ECHO_ECHO, fixture.stranger, &request);
    assert_refused(&answers[0], STATUS_PERMISSION_DENIED, "PERMISSION_DENIED");

    atomic_store(&fixture.echo.slow_refuses, true);
    call(&answers[0], ECHO_ECHO, fixture.caller, &request);
    assert_refused(&answers[0], STATUS_UNAUTHENTICATED, "TOKEN_REVOKED");
    call(&answers[0], ECHO_ECHO_PUBLIC, fixture.caller, &request);
    assert_ok(&answers[0]);
    assert_string_equal(actor_of(&answers[0]), "anonymous");
}

static void test_without_a_slow_way_stale_is_the_answer(void **state)
{
    (void)state;
    fixture.echo.identity.authenticate_slow = NULL;
    atomic_store(&fixture.echo.is_stale, true);
    Echo__CountRequest request = ECHO__COUNT_REQUEST__INIT;
    request.name = "x";
    const struct raw_call calls[] = {{.method = ECHO_COUNT, .request = &request.base}};
    Envelope__ReplyBatch *replies = raw_batch(calls, 1);
    assert_string_equal(raw_reason(replies, 0), "IDENTITY_STALE");
    envelope__reply_batch__free_unpacked(replies, NULL);
}

// ---- Starting, draining, the common services -------------------------------------------------

static const char *health_of(const char *part)
{
    static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
    Envelope__HealthCheckRequest request = ENVELOPE__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)part;
    fixture_send(fixture.channel, &answers[20], &rpc_methods[RPC_HEALTH_CHECK], NULL, &request,
                 FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[20]);
    assert_ok(&answers[20]);
    Envelope__HealthCheckResponse *reply =
        envelope__health_check_response__unpack(NULL, answers[20].reply_size, answers[20].reply);
    assert_non_null(reply);
    int status = (int)reply->status;
    envelope__health_check_response__free_unpacked(reply, NULL);
    return names[status];
}

static int setup_starting(void **state)
{
    (void)state;
    fixture_open(&fixture, &(struct fixture_options){.is_starting = true});
    return 0;
}

static void test_until_it_serves_a_daemon_answers_health_only(void **state)
{
    (void)state;
    Echo__CountRequest request = ECHO__COUNT_REQUEST__INIT;
    request.name = "early";
    const struct raw_call calls[] = {{.method = ECHO_COUNT, .request = &request.base}};
    Envelope__ReplyBatch *replies = raw_batch(calls, 1);
    assert_string_equal(raw_reason(replies, 0), "STARTING");
    assert_true(replies->replies[0]->retry_after_ms > 0);
    envelope__reply_batch__free_unpacked(replies, NULL);
    assert_string_equal(health_of(""), "NOT_SERVING");
    assert_string_equal(health_of("store"), "SERVING");
    assert_string_equal(health_of("peer"), "NOT_SERVING");
    assert_string_equal(health_of("nobody"), "SERVICE_UNKNOWN");

    fixture.options.is_starting = false;
    rpc_server_set_serving(fixture.server, true);
    assert_string_equal(health_of(""), "SERVING");
    fixture_count(&fixture, &answers[0], fixture.caller, NULL, "early", "");
    assert_ok(&answers[0]);
}

static int setup_two_threads(void **state)
{
    (void)state;
    fixture_open(&fixture, &(struct fixture_options){.server = {.pool_threads = 2}});
    return 0;
}

static void test_a_drain_finishes_what_is_in_flight_and_takes_nothing_new(void **state)
{
    (void)state;
    hold_pool(0, 2);
    WAIT_UNTIL(atomic_load(&fixture.echo.pool_waiting) == 2);
    assert_false(rpc_server_drain(fixture.server, 20));
    assert_true(rpc_server_in_flight(fixture.server) > 0);
    Echo__CountRequest request = ECHO__COUNT_REQUEST__INIT;
    request.name = "late";
    const struct rpc_metadata metadata = {.access_token = fixture.caller};
    fixture_send(fixture.channel, &answers[9], &echo_methods[ECHO_COUNT], &metadata, &request,
                 FIXTURE_TIMEOUT_MS);
    fixture_wait(&answers[9]);
    assert_refused(&answers[9], STATUS_UNAVAILABLE, "DRAINING");
    assert_int_equal(answers[9].outcome, RPC_OUTCOME_REFUSED);
    assert_string_equal(health_of("store"), "SERVING");

    release_pool(2);
    assert_ok(&answers[0]);
    assert_ok(&answers[1]);
    assert_true(rpc_server_drain(fixture.server, 5000));
    assert_int_equal(rpc_server_in_flight(fixture.server), 0);
}

static void test_stats_introspection_and_control(void **state)
{
    (void)state;
    Echo__EchoRequest echo = echo_request("x");
    call(&answers[0], ECHO_ECHO, fixture.caller, &echo);
    const struct rpc_metadata operator_ = {.access_token = fixture.operator_};
    struct arena *arena = arena_open(8 << 20);

    Envelope__StatsRequest stats_request = ENVELOPE__STATS_REQUEST__INIT;
    Envelope__StatsResponse *stats = NULL;
    assert_int_equal(rpc_channel_call_wait(fixture.channel, &rpc_methods[RPC_STATS_GET], &operator_,
                                           &stats_request, 0, arena, &stats)
                         .code,
                     STATUS_OK);
    const char *line = "florin_rpc_duration_seconds_count{service=\"florin.echo.v1.EchoService\","
                       "method=\"Echo\",code=\"OK\"}";
    assert_non_null(memmem(stats->text.data, stats->text.len, line, strlen(line)));
    assert_string_equal(rpc_channel_call_wait(fixture.channel, &rpc_methods[RPC_STATS_GET], NULL,
                                              &stats_request, 0, arena, &stats)
                            .reason,
                        "TOKEN_MISSING");

    Envelope__IntrospectRequest introspect_request = ENVELOPE__INTROSPECT_REQUEST__INIT;
    Envelope__IntrospectResponse *introspect = NULL;
    assert_int_equal(rpc_channel_call_wait(fixture.channel, &rpc_methods[RPC_INTROSPECT_GET], NULL,
                                           &introspect_request, 0, arena, &introspect)
                         .code,
                     STATUS_OK);
    assert_string_equal(introspect->daemon, "echo");
    assert_int_equal(introspect->n_methods, ECHO_METHOD_COUNT + RPC_METHOD_COUNT);
    assert_true(introspect->file_descriptor_set.len > 1000);

    Envelope__BackupRequest backup = ENVELOPE__BACKUP_REQUEST__INIT;
    Envelope__BackupResponse *backup_reply = NULL;
    backup.directory = "/nowhere";
    assert_string_equal(rpc_channel_call_wait(fixture.channel, &rpc_methods[RPC_CONTROL_BACKUP],
                                              &operator_, &backup, 1000, arena, &backup_reply)
                            .reason,
                        "NO_STORE");
    arena_close(&arena);
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_good_call_is_answered),
        TEST(test_who_may_call_what),
        TEST(test_a_token_of_less_than_a_session),
        TEST(test_a_refusal_is_explained),
        TEST(test_an_unknown_method_is_unimplemented),
        TEST(test_a_request_beyond_its_methods_size_is_refused),
        TEST(test_a_payload_that_is_no_such_message_is_malformed),
        TEST(test_validation_names_the_field),
        TEST(test_metadata_is_short_printable_ascii),
        TEST(test_bytes_that_are_no_batch_get_one_reply),
        TEST(test_replies_keep_the_order_of_the_calls),
        TEST(test_what_expires_before_its_turn_is_not_run),
        TEST(test_an_expired_write_is_dropped_at_dequeue_and_before_commit),
        TEST(test_replies_beyond_a_message_make_room),
        TEST(test_an_aborted_arena_hurts_one_call_only),
        TEST(test_a_refusal_leaves_nothing_unless_it_says_so),
        TEST(test_many_writes_share_commits),
        cmocka_unit_test_setup_teardown(test_a_full_pool_refuses_and_says_when_to_come_back,
                                        setup_small_pool, teardown),
        cmocka_unit_test_setup_teardown(test_reads_go_on_while_the_pool_is_busy, setup_small_pool,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_calls_beyond_the_cap_are_refused_not_queued,
                                        setup_small_cap, teardown),
        TEST(test_a_stale_identity_is_asked_again_on_a_pool_thread),
        TEST(test_without_a_slow_way_stale_is_the_answer),
        cmocka_unit_test_setup_teardown(test_until_it_serves_a_daemon_answers_health_only,
                                        setup_starting, teardown),
        cmocka_unit_test_setup_teardown(
            test_a_drain_finishes_what_is_in_flight_and_takes_nothing_new, setup_two_threads,
            teardown),
        TEST(test_stats_introspection_and_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
