#include "tests/unit/rpc/fixture.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <stdlib.h>

// nng 1.5.2 loses a dialer and its last pipe when a socket is closed (they point at each other, and
// its reaper has let go of them). We close sockets at exit only; a test does so many times.
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so";
}

static bool is_serving(void *context)
{
    const struct fixture *fixture = context;
    return !fixture->options.is_starting;
}

static size_t health(void *context, struct rpc_health_part *ret_parts)
{
    struct fixture *fixture = context;
    ret_parts[0] = (struct rpc_health_part){"store", store_is_writable(fixture->store), NULL};
    ret_parts[1] = (struct rpc_health_part){"peer", false, "away"};
    return fixture->options.is_starting ? 2 : 1;
}

void fixture_open_server(struct fixture *fixture)
{
    char path[96];
    snprintf(path, sizeof path, "%s/store", fixture->directory);
    const struct store_schema *schemas[] = {&rpc_store_schema, &echo_store_schema};
    const struct store_config store_config = {.directory = path, .map_bytes = 1 << 26};
    assert_int_equal(store_open(&store_config, schemas, 2, &fixture->store).code, STATUS_OK);

    static struct rpc_service introspected;
    introspected = echo_service(&fixture->echo);
    fixture->builtin = (struct rpc_builtin){.daemon = "echo",
                                            .services = &introspected,
                                            .service_count = 1,
                                            .context = fixture,
                                            .is_serving = is_serving,
                                            .health = health};
    const struct rpc_service services[] = {echo_service(&fixture->echo),
                                           echo_of_auth(&fixture->echo),
                                           rpc_builtin_service(&fixture->builtin)};
    const char *urls[] = {fixture->url};
    struct rpc_server_config config = fixture->options.server;
    config.listen_urls = urls;
    config.listen_url_count = 1;
    struct status status = rpc_server_open(&config, fixture->store, &fixture->echo.identity,
                                           services, 3, &fixture->server);
    assert_string_equal(status.reason != NULL ? status.reason : "", "");
    rpc_server_set_serving(fixture->server, !fixture->options.is_starting);
}

void fixture_close_server(struct fixture *fixture)
{
    rpc_server_close(&fixture->server);
    store_close(&fixture->store);
}

void fixture_open(struct fixture *fixture, const struct fixture_options *options)
{
    static int serial;
    memset(fixture, 0, sizeof *fixture);
    if (options != NULL) fixture->options = *options;
    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/florin-rpc-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    if (fixture->options.url == NULL) {
        snprintf(fixture->url, sizeof fixture->url, "inproc://rpc-test-%d", serial++);
    } else { // "%s" stands for the directory.
        snprintf(fixture->url, sizeof fixture->url, "%s", fixture->options.url);
    }
    if (strcmp(fixture->url, "ipc") == 0) {
        snprintf(fixture->url, sizeof fixture->url, "ipc://%s/echo.sock", fixture->directory);
    }

    echo_open(&fixture->echo);
    echo_token(&fixture->echo, 1, "caller", 3600, fixture->caller);
    echo_token(&fixture->echo, 2, "caller", 3600, fixture->other);
    echo_token(&fixture->echo, 3, "nobody", 3600, fixture->stranger);
    echo_token(&fixture->echo, 4, "operator", 3600, fixture->operator_);
    clock_test_set(clock_wall_ns() - 3600 * NS_PER_SECOND, clock_mono_ns());
    echo_token(&fixture->echo, 5, "caller", 60, fixture->expired);
    clock_test_release();
    fixture_open_server(fixture);

    struct rpc_channel_config config = fixture->options.channel;
    config.name = "echo";
    config.url = fixture->url;
    assert_int_equal(rpc_channel_open(&config, &fixture->channel).code, STATUS_OK);
}

void fixture_close(struct fixture *fixture)
{
    char command[128];
    rpc_channel_close(&fixture->channel);
    fixture_close_server(fixture);
    echo_close(&fixture->echo);
    snprintf(command, sizeof command, "rm -rf %s", fixture->directory);
    assert_int_equal(system(command), 0);
}

// ---- Calls ---------------------------------------------------------------------------------

static void copy_text(char *to, const char *text)
{
    snprintf(to, FIXTURE_TEXT_BYTES, "%s", text != NULL ? text : "");
}

static void keep_answer(struct rpc_client_call *call)
{
    struct answer *answer = call->context;
    answer->outcome = call->outcome;
    answer->code = call->status.code;
    copy_text(answer->reason, call->status.reason);
    answer->replayed = call->replayed;
    answer->retry_after_ms = call->retry_after_ms;
    answer->attempt = call->attempt;
    answer->violation_count = call->violations.count;
    if (call->violations.count > 0) {
        copy_text(answer->field, call->violations.items[0].field);
        copy_text(answer->violation, call->violations.items[0].reason);
    }
    answer->detail_count = call->detail_count;
    if (call->detail_count > 0) {
        copy_text(answer->detail_key, call->details[0].key);
        copy_text(answer->detail_value, call->details[0].value);
    }
    answer->reply_size = call->reply.size < sizeof answer->reply ? call->reply.size : 0;
    if (answer->reply_size > 0) memcpy(answer->reply, call->reply.data, answer->reply_size);
    atomic_store(&answer->has_ended, true);
}

void fixture_send_bytes(struct rpc_channel *channel, struct answer *answer,
                        const struct rpc_method *method, const struct rpc_metadata *metadata,
                        struct bytes payload, uint32_t timeout_ms)
{
    memset(answer, 0, offsetof(struct answer, payload));
    answer->call =
        (struct rpc_client_call){.method = method,
                                 .payload = payload,
                                 .deadline_mono_ns = clock_mono_ns() + timeout_ms * NS_PER_MS,
                                 .done = keep_answer,
                                 .context = answer};
    if (metadata != NULL) answer->call.metadata = *metadata;
    rpc_channel_call(channel, &answer->call);
}

void fixture_send(struct rpc_channel *channel, struct answer *answer,
                  const struct rpc_method *method, const struct rpc_metadata *metadata,
                  const void *request, uint32_t timeout_ms)
{
    CHECK(protobuf_c_message_get_packed_size(request) <= sizeof answer->payload);
    size_t size = protobuf_c_message_pack(request, answer->payload);
    fixture_send_bytes(channel, answer, method, metadata, bytes_of(answer->payload, size),
                       timeout_ms);
}

void fixture_wait(struct answer *answer)
{
    WAIT_UNTIL(atomic_load(&answer->has_ended));
}

void fixture_count(struct fixture *fixture, struct answer *answer, const char *token,
                   const char *key, const char *name, const char *refuse)
{
    Echo__CountRequest request = ECHO__COUNT_REQUEST__INIT;
    request.name = (char *)name;
    request.refuse = (char *)refuse;
    const struct rpc_metadata metadata = {.access_token = token, .idempotency_key = key};
    fixture_send(fixture->channel, answer, &echo_methods[ECHO_COUNT], &metadata, &request,
                 FIXTURE_TIMEOUT_MS);
    fixture_wait(answer);
}

uint64_t fixture_counter(struct fixture *fixture, const char *name)
{
    struct store_txn *txn = NULL;
    struct bytes value;
    assert_int_equal(store_snapshot_begin(fixture->store, &txn).code, STATUS_OK);
    struct status status = store_get(txn, ECHO_TABLE_COUNTERS, bytes_of_text(name), &value);
    uint64_t count = status.code == STATUS_OK ? get_u64_be(value.data) : 0;
    store_snapshot_end(&txn);
    return count;
}

uint64_t answer_count(const struct answer *answer)
{
    Echo__CountReply *reply = echo__count_reply__unpack(NULL, answer->reply_size, answer->reply);
    assert_non_null(reply);
    uint64_t count = reply->count;
    echo__count_reply__free_unpacked(reply, NULL);
    return count;
}
