// Past the gateway: every daemon guards itself. Calls go straight to each daemon's socket, with no
// token, with one that does not suffice, with forged ones; and what every daemon serves alike
// (health, introspection, events) is what it should be.
#include "common/base/clock.h"
#include "common/daemon/identity.h"
#include "common/event/subscriber.h"
#include "common/rpc/amount.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_TRIES = 3000, WAIT_PAUSE_MS = 10, READ_LIMIT = 100 };

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

enum { DAEMON_COUNT = sizeof daemons / sizeof daemons[0], LEDGER = 1, SOURCE_COUNT = 4 };

struct story {
    struct cast cast;
    struct customer asha, binod;
    struct rpc_channel *channels[DAEMON_COUNT];
    struct direct_answer answer; // Used again for each call.
};

// ---- Helpers -------------------------------------------------------------------------------

// An empty message is enough where a call is refused before its payload is looked at.
static const struct direct_answer *call_empty(struct story *story, unsigned daemon,
                                              const struct rpc_method *method, const char *token)
{
    const struct rpc_metadata metadata = {.access_token = token};
    Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
    direct_call(story->channels[daemon], method, &metadata, &nothing, &story->answer);
    return &story->answer;
}

static void expect(const struct direct_answer *answer, const char *daemon, const char *what,
                   enum status_code code, const char *reason)
{
    const char *got = answer->status.reason != NULL ? answer->status.reason : "";
    if (answer->status.code == code && strcmp(got, reason) == 0) return;
    fail_msg("%s, %s: %s %s, expected %s %s", daemon, what, status_code_name(answer->status.code),
             got, status_code_name(code), reason);
}

static bool serves(unsigned daemon, const struct rpc_method *method)
{
    // What the gateway serves itself has a route and no RPC.
    if (strcmp(method->daemon, "gateway") == 0) return false;
    if (method->daemon[0] != '\0') return strcmp(method->daemon, daemons[daemon]) == 0;
    bool is_event_log = strncmp(method->name, "florin.event.", strlen("florin.event.")) == 0;
    return !is_event_log || daemon < SOURCE_COUNT; // The gateway has no events of its own.
}

// ---- Tokens --------------------------------------------------------------------------------

static void test_no_daemon_serves_without_a_token(void **state)
{
    struct story *story = *state;
    size_t refused = 0;
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        for (size_t i = 0; i < rpc_all_method_count; i++) {
            const struct rpc_method *method = rpc_all_methods[i];
            if (method->is_public || !serves(daemon, method)) continue;
            expect(call_empty(story, daemon, method, NULL), daemons[daemon], method->name,
                   STATUS_UNAUTHENTICATED, "TOKEN_MISSING");
            refused++;
        }
    }
    assert_true(refused > DAEMON_COUNT * 3);
}

static void test_no_daemon_lets_a_customer_do_what_staff_may(void **state)
{
    struct story *story = *state;
    size_t refused = 0;
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        for (size_t i = 0; i < rpc_all_method_count; i++) {
            const struct rpc_method *method = rpc_all_methods[i];
            if (method->is_public || method->any_user || !serves(daemon, method)) continue;
            if (role_scope("customer", method->permission) != RPC_SCOPE_NONE) continue;
            expect(call_empty(story, daemon, method, story->asha.person.token), daemons[daemon],
                   method->name, STATUS_PERMISSION_DENIED, "PERMISSION_DENIED");
            refused++;
        }
    }
    assert_true(refused > DAEMON_COUNT * 3);
}

// Stats is served by all five and asks for a permission that services and administrators have.
static const struct rpc_method *stats(void)
{
    return &rpc_methods[RPC_STATS_GET];
}

static void test_a_daemon_speaks_for_itself_only(void **state)
{
    struct story *story = *state;

    static const struct {
        const char *given, *signer, *service;
        enum status_code code;
        const char *reason;
    } rows[] = {
        {"kyc says it is kyc", "kyc", "kyc", STATUS_OK, ""},
        {"the operator says so", "ops", "ops", STATUS_OK, ""},
        {"kyc says it is the ledger", "kyc", "ledger", STATUS_UNAUTHENTICATED, "TOKEN_MALFORMED"},
        {"kyc says it is the operator", "kyc", "ops", STATUS_UNAUTHENTICATED, "TOKEN_MALFORMED"},
        {"the ledger says it is auth", "ledger", "auth", STATUS_UNAUTHENTICATED, "TOKEN_MALFORMED"},
        {"a key for checkpoints signs", "audit-log", "audit", STATUS_UNAUTHENTICATED,
         "TOKEN_MALFORMED"},
        {"a key that nobody knows signs", "stranger", "kyc", STATUS_UNAUTHENTICATED,
         "TOKEN_MALFORMED"},
    };

    char keys[WORLD_PATH_BYTES + 16], path[WORLD_PATH_BYTES + 32], token[TOKEN_BYTES_MAX];
    snprintf(keys, sizeof keys, "%s/keys", story->cast.world.data);
    snprintf(path, sizeof path, "%s/stranger.pub", keys);
    assert_int_equal(key_generate(keys, "stranger").code, STATUS_OK);
    assert_int_equal(remove(path), 0); // Its secret half exists, and nobody has been told.
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        direct_service_token(&story->cast.world, rows[i].signer, rows[i].service, token);
        for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++)
            expect(call_empty(story, daemon, stats(), token), daemons[daemon], rows[i].given,
                   rows[i].code, rows[i].reason);
    }
}

static void test_no_daemon_makes_users(void **state)
{
    struct story *story = *state;

    static const struct {
        const char *given, *signer, *issuer;
    } rows[] = {
        {"the ledger makes an administrator", "ledger", "florin-ledger"},
        {"the ledger does it in auth's name", "ledger", "florin-auth"},
        {"the operator makes one", "ops", "florin-ops"},
        // Its key for calls is not the one that signs users' tokens.
        {"auth makes one with the wrong key", "auth", "florin-auth"},
        {"a stranger makes one", "stranger", "florin-auth"},
    };

    char token[TOKEN_BYTES_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        direct_user_token(&story->cast.world, rows[i].signer, rows[i].issuer, story->asha.person.id,
                          "admin", token);
        for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++)
            expect(call_empty(story, daemon, stats(), token), daemons[daemon], rows[i].given,
                   STATUS_UNAUTHENTICATED, "TOKEN_MALFORMED");
    }
    struct person admin = {0}; // The real one is known to all, or the rows above prove nothing.
    people_admin(&story->cast.world, story->cast.client, &admin);
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++)
        expect(call_empty(story, daemon, stats(), admin.token), daemons[daemon], "administrator",
               STATUS_OK, "");
}

// ---- Idempotency ---------------------------------------------------------------------------

static struct bytes pay(struct story *story, const struct customer *from, const struct customer *to,
                        const char *key, uint64_t amount)
{
    struct id128 debit, credit;
    Type__Uint128 number = TYPE__UINT128__INIT;
    Ledger__CreateTransferRequest request = LEDGER__CREATE_TRANSFER_REQUEST__INIT;
    assert_true(status_ok(id128_parse(from->account, strlen(from->account), &debit)));
    assert_true(status_ok(id128_parse(to->account, strlen(to->account), &credit)));
    number.low = amount;
    request.debit_account_id = (ProtobufCBinaryData){ID128_BYTES, debit.bytes};
    request.credit_account_id = (ProtobufCBinaryData){ID128_BYTES, credit.bytes};
    request.amount = &number;
    request.currency = (char *)"INR";
    const struct rpc_metadata metadata = {.access_token = from->person.token,
                                          .idempotency_key = key};
    direct_call(story->channels[LEDGER], &ledger_methods[LEDGER_CREATE_TRANSFER], &metadata,
                &request, &story->answer);
    return story->answer.reply;
}

static void test_a_key_gives_the_first_answer_again(void **state)
{
    struct story *story = *state;
    uint8_t first[1024];
    struct bytes reply = pay(story, &story->asha, &story->binod, "rent-11", 100);
    expect(&story->answer, "ledger", "first", STATUS_OK, "");
    assert_false(story->answer.replayed);
    assert_true(reply.size > 0 && reply.size <= sizeof first);
    size_t size = reply.size;
    memcpy(first, reply.data, size);

    reply = pay(story, &story->asha, &story->binod, "rent-11", 100);
    expect(&story->answer, "ledger", "again", STATUS_OK, "");
    assert_true(story->answer.replayed);
    assert_int_equal(reply.size, size);
    assert_memory_equal(reply.data, first, size);
    cast_expect_balance(&story->cast, &story->asha, 9900);

    pay(story, &story->asha, &story->binod, "rent-11", 101);
    expect(&story->answer, "ledger", "another amount", STATUS_ALREADY_EXISTS,
           "IDEMPOTENCY_KEY_REUSED");
    cast_expect_balance(&story->cast, &story->asha, 9900);

    pay(story, &story->binod, &story->asha, "rent-11", 30); // A key is its caller's own.
    expect(&story->answer, "ledger", "another caller", STATUS_OK, "");
    assert_false(story->answer.replayed);
    cast_expect_balance(&story->cast, &story->asha, 9930);
    cast_expect_balance(&story->cast, &story->binod, 570);
}

// ---- What all daemons serve ----------------------------------------------------------------

static void test_every_daemon_tells_its_health(void **state)
{
    struct story *story = *state;
    Envelope__HealthCheckRequest request = ENVELOPE__HEALTH_CHECK_REQUEST__INIT;
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        direct_call(story->channels[daemon], &rpc_methods[RPC_HEALTH_CHECK], NULL, &request,
                    &story->answer);
        const Envelope__HealthCheckResponse *health =
            direct_unpack(&story->answer, &envelope__health_check_response__descriptor);
        assert_int_equal(health->status, ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
        assert_true(health->n_parts > 0);
        for (size_t i = 0; i < health->n_parts; i++)
            if (!health->parts[i]->serving)
                fail_msg("%s: %s", daemons[daemon], health->parts[i]->name);
    }
}

static bool declares(const Google__Protobuf__FileDescriptorSet *set, const char *method)
{
    char name[256];
    for (size_t i = 0; i < set->n_file; i++) {
        const Google__Protobuf__FileDescriptorProto *file = set->file[i];
        for (size_t j = 0; j < file->n_service; j++) {
            const Google__Protobuf__ServiceDescriptorProto *service = file->service[j];
            for (size_t k = 0; k < service->n_method; k++) {
                snprintf(name, sizeof name, "%s.%s/%s", file->package, service->name,
                         service->method[k]->name);
                if (strcmp(name, method) == 0) return true;
            }
        }
    }
    return false;
}

static void check_methods(unsigned daemon, const Envelope__IntrospectResponse *told,
                          const Google__Protobuf__FileDescriptorSet *set)
{
    for (size_t i = 0; i < told->n_methods; i++)
        if (!declares(set, told->methods[i])) fail_msg("not declared: %s", told->methods[i]);
    for (size_t i = 0; i < rpc_all_method_count; i++) {
        const struct rpc_method *method = rpc_all_methods[i];
        bool is_told = false;
        for (size_t j = 0; j < told->n_methods; j++)
            is_told = is_told || strcmp(told->methods[j], method->name) == 0;
        if (is_told != serves(daemon, method))
            fail_msg("%s %s %s", daemons[daemon], is_told ? "lists" : "does not list",
                     method->name);
    }
}

static void test_every_daemon_describes_itself(void **state)
{
    struct story *story = *state;
    Envelope__IntrospectRequest request = ENVELOPE__INTROSPECT_REQUEST__INIT;
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        direct_call(story->channels[daemon], &rpc_methods[RPC_INTROSPECT_GET], NULL, &request,
                    &story->answer);
        const Envelope__IntrospectResponse *told =
            direct_unpack(&story->answer, &envelope__introspect_response__descriptor);
        assert_string_equal(told->daemon, daemons[daemon]);
        Google__Protobuf__FileDescriptorSet *set = google__protobuf__file_descriptor_set__unpack(
            NULL, told->file_descriptor_set.len, told->file_descriptor_set.data);
        assert_non_null(set);
        check_methods(daemon, told, set);
        google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
    }
}

// ---- Events --------------------------------------------------------------------------------

static void give_token(void *context, char *ret_text, size_t size)
{
    char token[TOKEN_BYTES_MAX];
    const struct story *story = context;
    direct_service_token(&story->cast.world, "ops", "ops", token);
    snprintf(ret_text, size, "%s", token);
}

// The whole log of one source, in pages; gives its head.
static uint64_t read_log(struct story *story, unsigned source)
{
    char token[TOKEN_BYTES_MAX];
    uint64_t seq = 0, head;
    give_token(story, token, sizeof token);
    const struct rpc_metadata metadata = {.access_token = token};
    do {
        Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
        request.after_seq = seq;
        request.limit = READ_LIMIT;
        direct_call(story->channels[source], &event_methods[EVENT_READ], &metadata, &request,
                    &story->answer);
        const Eventlog__EventBatch *batch =
            direct_unpack(&story->answer, &eventlog__event_batch__descriptor);
        head = batch->head_seq;
        assert_string_equal(batch->source, daemons[source]);
        assert_true(batch->n_events > 0 || seq == head);
        for (size_t i = 0; i < batch->n_events; i++) {
            const Eventlog__Event *event = batch->events[i];
            assert_int_equal(event->seq, ++seq);
            assert_string_equal(event->source, daemons[source]);
            assert_true(strncmp(event->type, daemons[source], strlen(daemons[source])) == 0);
            assert_true(event->time_ns > 0);
        }
    } while (seq < head);
    return head;
}

static void test_every_source_numbers_without_a_gap(void **state)
{
    struct story *story = *state;
    for (unsigned source = 0; source < SOURCE_COUNT; source++)
        assert_true(read_log(story, source) > 0);
}

/// A subscriber of somebody else's: it keeps its own cursor and is not registered.
struct follower {
    struct event_subscriber *subscriber;
    atomic_uint_fast64_t seq;
    atomic_bool has_gap;
};

static struct status follow(void *context, const struct event_view *events, size_t count,
                            uint64_t log_id)
{
    struct follower *follower = context;
    uint64_t seq = atomic_load(&follower->seq);
    (void)log_id;
    for (size_t i = 0; i < count; i++)
        if (events[i].seq != ++seq) atomic_store(&follower->has_gap, true); // Also one twice.
    atomic_store(&follower->seq, seq);
    return STATUS_SUCCESS;
}

static void start_following(struct story *story, struct follower *follower, uint64_t after_seq)
{
    char url[WORLD_PATH_BYTES + 64];
    snprintf(url, sizeof url, "ipc://%s/run/ledger-events.sock", story->cast.world.data);
    atomic_init(&follower->seq, after_seq);
    atomic_init(&follower->has_gap, false);
    const struct event_subscriber_config config = {.source = "ledger",
                                                   .pub_url = url,
                                                   .channel = story->channels[LEDGER],
                                                   .token = give_token,
                                                   .token_context = story,
                                                   .after_seq = after_seq,
                                                   .handle = follow,
                                                   .context = follower};
    assert_true(status_ok(event_subscriber_open(&config, &follower->subscriber)));
}

static void wait_for_seq(struct follower *follower, uint64_t seq)
{
    for (unsigned i = 0; i < WAIT_TRIES && atomic_load(&follower->seq) < seq; i++)
        poll(NULL, 0, WAIT_PAUSE_MS);
    assert_int_equal(atomic_load(&follower->seq), seq);
    assert_false(atomic_load(&follower->has_gap));
}

static void test_a_late_subscriber_sees_each_event_once(void **state)
{
    struct story *story = *state;
    static struct follower from_start, from_middle; // Live until their threads have ended.
    uint64_t head = read_log(story, LEDGER);
    assert_true(head > 2);
    start_following(story, &from_start, 0);
    start_following(story, &from_middle, head / 2);
    wait_for_seq(&from_start, head);
    wait_for_seq(&from_middle, head);
    pay(story, &story->asha, &story->binod, "live-1", 10); // And what happens from now on.
    pay(story, &story->binod, &story->asha, "live-2", 10);
    expect(&story->answer, "ledger", "payment", STATUS_OK, "");
    wait_for_seq(&from_start, head + 2);
    wait_for_seq(&from_middle, head + 2);
    event_subscriber_close(&from_start.subscriber);
    event_subscriber_close(&from_middle.subscriber);
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.cast.world);
    cast_gather(&story.cast);
    cast_customer(&story.cast, "asha", "10000", &story.asha);
    cast_customer(&story.cast, "binod", "500", &story.binod);
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        story.channels[daemon] = direct_open(&story.cast.world, daemons[daemon]);
        direct_wait_up(story.channels[daemon]);
    }
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    direct_reset(&story->answer);
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_daemon_serves_without_a_token),
        cmocka_unit_test(test_no_daemon_lets_a_customer_do_what_staff_may),
        cmocka_unit_test(test_a_daemon_speaks_for_itself_only),
        cmocka_unit_test(test_no_daemon_makes_users),
        cmocka_unit_test(test_a_key_gives_the_first_answer_again),
        cmocka_unit_test(test_every_daemon_tells_its_health),
        cmocka_unit_test(test_every_daemon_describes_itself),
        cmocka_unit_test(test_every_source_numbers_without_a_gap),
        cmocka_unit_test(test_a_late_subscriber_sees_each_event_once),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("below", tests, open_story, close_story);
}
