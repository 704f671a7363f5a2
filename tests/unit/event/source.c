#include "tests/unit/event/source.h"

#include "common/event/consumers.h"
#include "tests/unit/event/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct order {
    uint32_t command, count;
};

// ---- In the source's process ---------------------------------------------------------------

static struct status let_in(void *context, struct bytes token, struct token_claims *ret)
{
    (void)context;
    (void)token;
    *ret = (struct token_claims){.is_service = true, .service = "test"};
    return STATUS_SUCCESS;
}

static enum rpc_scope grant(void *context, const struct token_claims *claims,
                            const char *permission)
{
    (void)context;
    (void)claims;
    (void)permission;
    return RPC_SCOPE_ALL;
}

static const struct rpc_identity everybody = {.authenticate = let_in, .authorize = grant};

static struct status append_mixed(struct store_txn *txn, void *context)
{
    const uint32_t *count = context;
    const struct event_outbox *outbox = store_txn_local(txn, 0);
    for (uint32_t i = 0; i < *count; i++) {
        uint8_t payload[8];
        put_u64_be(payload, outbox->writer_head + 1);
        event_append(txn, &(struct event){.type = i % 2 == 0 ? "test.even" : "test.odd",
                                          .payload = bytes_of(payload, sizeof payload)});
    }
    return STATUS_SUCCESS;
}

static uint64_t acknowledged(struct fixture *fixture)
{
    struct store_txn *txn;
    struct bytes value;
    struct outbox_consumer consumer = {0};
    CHECK(status_ok(store_snapshot_begin(fixture->store, &txn)));
    if (status_ok(store_get(txn, OUTBOX_TABLE_CONSUMERS, bytes_of_text("services/test/follower"),
                            &value))) {
        CHECK(status_ok(outbox_consumer_decode(value, &consumer)));
    }
    store_snapshot_end(&txn);
    return consumer.acknowledged_seq;
}

static void append_for_ever(struct fixture *fixture)
{
    for (uint32_t i = 0;; i++) {
        uint32_t count = 1 + i % 7;
        CHECK(status_ok(store_write_wait(fixture->store, append_mixed, &count)));
    }
}

static uint64_t obey(struct fixture *fixture, struct order order)
{
    switch ((enum source_command)order.command) {
    case SOURCE_APPEND:
        append_events(fixture, "test.happened", order.count, 8);
        break;
    case SOURCE_APPEND_MIXED:
        CHECK(status_ok(store_write_wait(fixture->store, append_mixed, &order.count)));
        break;
    case SOURCE_RUN:
        append_for_ever(fixture);
        break;
    case SOURCE_ACKNOWLEDGED:
        return acknowledged(fixture);
    case SOURCE_LOG_ID:
        return store_id(fixture->store);
    case SOURCE_HEAD:
        break;
    }
    return event_outbox_head(fixture->outbox);
}

static void wake(void *server)
{
    rpc_server_wake(server);
}

bool source_run(int argc, char **argv, int *ret_code)
{
    if (argc != 5 || strcmp(argv[1], "--source") != 0) return false;
    static struct fixture fixture;
    snprintf(fixture.store_path, sizeof fixture.store_path, "%s/store", argv[2]);
    open_outbox(&fixture, "test");
    struct rpc_service services[] = {event_outbox_service(fixture.outbox)};
    const char *rpc_urls[] = {argv[3]}, *pub_urls[] = {argv[4]};
    struct rpc_server_config config = {.listen_urls = rpc_urls, .listen_url_count = 1};
    struct rpc_server *server;
    struct event_publisher *publisher;
    CHECK(status_ok(rpc_server_open(&config, fixture.store, &everybody, services, 1, &server)));
    event_outbox_on_moved(fixture.outbox, wake, server);
    rpc_server_set_serving(server, true);
    CHECK(status_ok(event_publisher_open(fixture.outbox, pub_urls, 1, &config.tls, &publisher)));
    struct order order;
    while (read(STDIN_FILENO, &order, sizeof order) == (ssize_t)sizeof order) {
        uint64_t answer = obey(&fixture, order);
        CHECK(write(STDOUT_FILENO, &answer, sizeof answer) == (ssize_t)sizeof answer);
    }
    _exit(0); // The test has ended; how a source closes is the daemon's test.
    *ret_code = 0;
    return true;
}

// ---- In the test's process -----------------------------------------------------------------

void source_make(struct source *source)
{
    *source = (struct source){.to_fd = -1, .from_fd = -1};
    directory_make("source", source->directory, sizeof source->directory);
    snprintf(source->rpc_url, sizeof source->rpc_url, "ipc://%s/rpc.sock", source->directory);
    snprintf(source->pub_url, sizeof source->pub_url, "ipc://%s/pub.sock", source->directory);
}

void source_remove(struct source *source)
{
    source_kill(source);
    directory_remove(source->directory);
}

void source_start(struct source *source)
{
    int to[2], from[2];
    CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
    source->pid = fork();
    CHECK(source->pid >= 0);
    if (source->pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl("/proc/self/exe", "source", "--source", source->directory, source->rpc_url,
              source->pub_url, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    source->to_fd = to[1];
    source->from_fd = from[0];
}

void source_kill(struct source *source)
{
    if (source->pid <= 0) return;
    kill(source->pid, SIGKILL);
    CHECK(waitpid(source->pid, NULL, 0) == source->pid);
    close(source->to_fd);
    close(source->from_fd);
    source->pid = 0;
}

void source_tell(struct source *source, enum source_command command, uint32_t count)
{
    struct order order = {.command = (uint32_t)command, .count = count};
    CHECK(write(source->to_fd, &order, sizeof order) == (ssize_t)sizeof order);
}

uint64_t source_ask(struct source *source, enum source_command command, uint32_t count)
{
    uint64_t answer;
    source_tell(source, command, count);
    CHECK(read(source->from_fd, &answer, sizeof answer) == (ssize_t)sizeof answer);
    return answer;
}
