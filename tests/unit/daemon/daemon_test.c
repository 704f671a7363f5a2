// daemon_main as its operator meets it: a real process, its exit codes, what it says, its signals.
#include "common/crypto/keys.h"
#include "common/crypto/token.h"
#include "common/daemon/identity.h"
#include "common/rpc/channel.h"
#include "florin/event/v1/event.pb-c.h"
#include "florin/event/v1/event_methods.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/unit/daemon/harness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { PATH_BYTES = 256, SAID_BYTES = 65536, ARGS_MAX = 12, READY_MS_MAX = 30000 };

struct fixture {
    char directory[PATH_BYTES], data_flag[PATH_BYTES + 32], notify_path[PATH_BYTES];
    int notify_fd;
    const char *probe;
};

struct child {
    pid_t pid;
    int said_fd;           // stdout and stderr
    char said[SAID_BYTES]; // So far.
    size_t said_size;
    int code;
};

static int setup_directory(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    directory_make("daemon", fixture->directory, sizeof fixture->directory);
    snprintf(fixture->data_flag, sizeof fixture->data_flag, "--data.directory=%s/var",
             fixture->directory);
    snprintf(fixture->notify_path, sizeof fixture->notify_path, "%.200s/notify",
             fixture->directory);
    fixture->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", fixture->notify_path);
    CHECK(bind(fixture->notify_fd, (struct sockaddr *)&address, sizeof address) == 0);
    setenv("NOTIFY_SOCKET", fixture->notify_path, 1);
    fixture->probe = getenv("FLORIN_PROBE");
    CHECK(fixture->probe != NULL);
    *state = fixture;
    return 0;
}

static int teardown_directory(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->notify_fd);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

// ---- Processes -----------------------------------------------------------------------------

static bool starts_without_stderr;

static void start(const struct fixture *fixture, struct child *child, const char *const *flags)
{
    const char *args[ARGS_MAX] = {fixture->probe, fixture->data_flag};
    size_t count = 2;
    for (; *flags != NULL; flags++)
        args[count++] = *flags;
    CHECK(count < ARGS_MAX);
    int said[2];
    CHECK(pipe2(said, O_CLOEXEC) == 0);
    child->said_size = 0;
    child->pid = fork();
    CHECK(child->pid >= 0);
    if (child->pid == 0) {
        dup2(said[1], STDOUT_FILENO);
        dup2(said[1], STDERR_FILENO);
        if (starts_without_stderr) close(STDERR_FILENO);
        execv(args[0], (char *const *)args);
        _exit(127);
    }
    close(said[1]);
    child->said_fd = said[0];
}

static void finish(struct child *child)
{
    for (ssize_t size = 1; size > 0; child->said_size += (size_t)size) {
        size_t room = SAID_BYTES - 1 - child->said_size;
        size = read(child->said_fd, child->said + child->said_size, room);
        CHECK(size >= 0);
    }
    child->said[child->said_size] = 0;
    close(child->said_fd);
    int state;
    CHECK(waitpid(child->pid, &state, 0) == child->pid);
    child->code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

static void run(const struct fixture *fixture, struct child *child, const char *const *flags)
{
    start(fixture, child, flags);
    finish(child);
}

#define FLAGS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void assert_said(const struct child *child, const char *text)
{
    if (strstr(child->said, text) == NULL) fail_msg("\"%s\" is not in: %s", text, child->said);
}

static void wait_for_notice(const struct fixture *fixture, const char *expected)
{
    char notice[64] = "";
    struct pollfd watched = {.fd = fixture->notify_fd, .events = POLLIN};
    if (poll(&watched, 1, READY_MS_MAX) != 1) fail_msg("%s never came", expected);
    CHECK(recv(fixture->notify_fd, notice, sizeof notice - 1, 0) > 0);
    assert_string_equal(notice, expected);
}

static bool has_notice(const struct fixture *fixture)
{
    struct pollfd watched = {.fd = fixture->notify_fd, .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

static void stop(const struct fixture *fixture, struct child *child, int signal_number)
{
    kill(child->pid, signal_number);
    finish(child);
    if (child->code != 0) fail_msg("exit %d: %s", child->code, child->said);
    wait_for_notice(fixture, "STOPPING=1");
}

// ---- Calls ---------------------------------------------------------------------------------

// Signed by a key in the daemon's own keys directory.
static void operator_token(const struct fixture *fixture, const char *name,
                           char text[static TOKEN_BYTES_MAX])
{
    char keys[PATH_BYTES + 16];
    snprintf(keys, sizeof keys, "%s/var/keys", fixture->directory);
    struct key_signer *signer;
    assert_status_ok(crypto_open());
    struct status status = key_generate(keys, name);
    assert_true(status_ok(status) || status.code == STATUS_ALREADY_EXISTS);
    assert_status_ok(key_signer_load(keys, name, &signer));
    uint64_t now_s = clock_wall_ns() / NS_PER_SECOND;
    struct token_claims claims = {.is_service = true,
                                  .token_id = id128_generate(),
                                  .issued_at_s = now_s,
                                  .not_before_s = now_s,
                                  .expires_at_s = now_s + 60,
                                  .auth_time_s = now_s,
                                  .aal = 1,
                                  .role_count = 1,
                                  .roles = {"service"}};
    snprintf(claims.service, sizeof claims.service, "%s", name);
    snprintf(claims.issuer, sizeof claims.issuer, "florin-%s", name);
    token_issue(&claims, signer, text);
    key_signer_close(&signer);
}

static struct rpc_channel *channel_to(const struct fixture *fixture, const char *daemon)
{
    char url[PATH_BYTES + 64];
    snprintf(url, sizeof url, "ipc://%s/var/run/%s.sock", fixture->directory, daemon);
    struct rpc_channel *channel;
    struct rpc_channel_config config = {.name = daemon, .url = url};
    assert_status_ok(rpc_channel_open(&config, &channel));
    return channel; // Stays: its socket is the process's to close.
}

// ---- Tests ---------------------------------------------------------------------------------

static void test_help_lists_common_rows_and_the_services_own(void **state)
{
    static struct child child;
    run(*state, &child, FLAGS("--help"));
    assert_int_equal(child.code, 0);
    assert_said(&child, "florin-auth");
    assert_said(&child, "a daemon without a service");
    assert_said(&child, "map_bytes");
    assert_said(&child, "ledger_events");
    assert_said(&child, "A row of the service's own.");
}

static void test_check_config_says_file_and_line(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/florin.ini", fixture->directory);

    static const struct {
        const char *text;
        int code;
        const char *said;
    } rows[] = {
        {"[log]\nlevel = warn\n[probe]\nlimit = 7\n", 0, NULL},
        {"[ledger]\nanything = 1\n", 0, NULL}, // Another daemon's section.
        {"[log]\nlevel = loud\n", 1, "florin.ini:2"},
        {"[log]\n\nlevle = warn\n", 1, "florin.ini:3"},
        {"[probe]\nlimit = 11\n", 1, "florin.ini:2"},
        {"[prob]\nlimit = 1\n", 1, "florin.ini:1"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        FILE *file = fopen(path, "w");
        CHECK(file != NULL);
        fputs(rows[i].text, file);
        fclose(file);
        run(fixture, &child, FLAGS("--config", path, "--check-config"));
        if (child.code != rows[i].code) fail_msg("exit %d: %s", child.code, rows[i].text);
        if (rows[i].said != NULL) assert_said(&child, rows[i].said);
    }
}

static void test_it_tells_its_supervisor_and_ends_on_sigterm(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    static const int signals[] = {SIGTERM, SIGINT};
    setenv("FLORIN_DATA_DIR", "/is/not/a/setting", 1);
    for (size_t i = 0; i < 2; i++) { // And starts again on what the first left.
        start(fixture, &child, FLAGS(NULL));
        wait_for_notice(fixture, "READY=1");
        stop(fixture, &child, signals[i]);
        assert_said(&child, "msg=ready");
        assert_said(&child, "msg=stopped");
    }
    unsetenv("FLORIN_DATA_DIR");
}

static void test_what_it_makes_is_its_owners_alone(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    start(fixture, &child, FLAGS(NULL));
    wait_for_notice(fixture, "READY=1");

    static const struct {
        const char *path;
        mode_t mode;
    } rows[] = {
        {"var", 0700},
        {"var/keys", 0700},
        {"var/run", 0700},
        {"var/auth", 0700},
        {"var/keys/auth.key", 0400},
        {"var/auth/page.key", 0400},
        {"var/run/auth.sock", 0600},
        {"var/run/auth-events.sock", 0600},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[PATH_BYTES + 64];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", fixture->directory, rows[i].path);
        if (stat(path, &info) != 0) fail_msg("no %s", rows[i].path);
        if ((info.st_mode & 0777) != rows[i].mode)
            fail_msg("%s: %o", rows[i].path, info.st_mode & 0777);
    }
    char path[64], limits[4096] = "";
    snprintf(path, sizeof path, "/proc/%d/limits", child.pid);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL && fread(limits, 1, sizeof limits - 1, file) > 0);
    fclose(file);
    const char *row = strstr(limits, "Max core file size");
    unsigned long soft = 1, hard = 1;
    CHECK(row != NULL && sscanf(row, "Max core file size %lu %lu", &soft, &hard) == 2);
    assert_int_equal(soft + hard, 0);
    stop(fixture, &child, SIGTERM);
}

static void test_a_second_copy_refuses_to_start(void **state)
{
    struct fixture *fixture = *state;
    static struct child first, second;
    start(fixture, &first, FLAGS(NULL));
    wait_for_notice(fixture, "READY=1");
    run(fixture, &second, FLAGS(NULL));
    assert_int_equal(second.code, 1);
    assert_said(&second, "STORE_IN_USE");
    assert_false(has_notice(fixture));
    stop(fixture, &first, SIGTERM);
}

static void test_a_failed_open_exits_with_its_reason(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    setenv("PROBE_FAILS", "1", 1);
    run(fixture, &child, FLAGS(NULL));
    unsetenv("PROBE_FAILS");
    assert_int_equal(child.code, 1);
    assert_said(&child, "PROBE_FAILS");
    assert_false(has_notice(fixture));
    run(fixture, &child, FLAGS("--rpc.listen=nonsense"));
    assert_int_equal(child.code, 1);
    assert_said(&child, "RPC_URL");
}

static void test_sighup_takes_the_new_log_level(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/florin.ini", fixture->directory);
    FILE *file = fopen(path, "w");
    fputs("[log]\nlevel = info\n", file);
    fclose(file);
    start(fixture, &child, FLAGS("--config", path));
    wait_for_notice(fixture, "READY=1");
    file = fopen(path, "w");
    fputs("[log]\nlevel = error\n", file);
    fclose(file);
    kill(child.pid, SIGHUP);
    stop(fixture, &child, SIGTERM); // Taken after it: signals are read in order of their numbers.
    assert_said(&child, "msg=ready");
    assert_null(strstr(child.said, "msg=stopped")); // Below the new level.
}

static Envelope__HealthCheckResponse *check_health(struct rpc_channel *channel, struct arena *arena)
{
    Envelope__HealthCheckRequest request = ENVELOPE__HEALTH_CHECK_REQUEST__INIT;
    Envelope__HealthCheckResponse *reply;
    struct rpc_metadata metadata = {0};
    assert_status_ok(rpc_channel_call_wait(channel, &rpc_methods[RPC_HEALTH_CHECK], &metadata,
                                           &request, 10000, arena, &reply));
    return reply;
}

static void test_health_names_its_parts(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    CLEANUP(arena_close) struct arena *arena = arena_open(1 << 20);
    start(fixture, &child, FLAGS(NULL));
    wait_for_notice(fixture, "READY=1");
    struct rpc_channel *channel = channel_to(fixture, "auth");
    const Envelope__HealthCheckResponse *health = check_health(channel, arena);
    assert_int_equal(health->status, ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING);
    assert_int_equal(health->n_parts, 3);
    assert_string_equal(health->parts[0]->name, "store");
    assert_string_equal(health->parts[1]->name, "identity");
    assert_string_equal(health->parts[2]->name, "probe");
    assert_string_equal(health->parts[2]->detail, "always");
    stop(fixture, &child, SIGTERM);
}

static void test_without_auth_it_serves_but_is_not_ready(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    CLEANUP(arena_close) struct arena *arena = arena_open(1 << 20);
    setenv("PROBE_DAEMON", "ledger", 1);
    start(fixture, &child, FLAGS(NULL));
    unsetenv("PROBE_DAEMON");
    char path[PATH_BYTES + 64];
    snprintf(path, sizeof path, "%s/var/run/ledger.sock", fixture->directory);
    WAIT_FOR(access(path, F_OK) == 0);
    struct rpc_channel *channel = channel_to(fixture, "ledger");
    const Envelope__HealthCheckResponse *health = check_health(channel, arena);
    assert_int_equal(health->status, ENVELOPE__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING);
    assert_false(health->parts[1]->serving);
    assert_string_equal(health->parts[2]->name, "auth"); // A peer, and away.
    assert_string_equal(health->parts[2]->detail, "away");
    assert_false(has_notice(fixture));
    stop(fixture, &child, SIGTERM);
}

static void test_the_operators_key_drains_and_backs_up_and_no_other(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    CLEANUP(arena_close) struct arena *arena = arena_open(1 << 20);
    start(fixture, &child, FLAGS(NULL));
    wait_for_notice(fixture, "READY=1");
    struct rpc_channel *channel = channel_to(fixture, "auth");
    char ops[TOKEN_BYTES_MAX], other[TOKEN_BYTES_MAX], copy[PATH_BYTES + 16];
    operator_token(fixture, "ops", ops); // Made after the start: found when it is met.
    operator_token(fixture, "auth", other);
    snprintf(copy, sizeof copy, "%s/copy", fixture->directory);

    Envelope__BackupRequest backup = ENVELOPE__BACKUP_REQUEST__INIT;
    Envelope__BackupResponse *made;
    backup.directory = copy;
    struct rpc_metadata metadata = {.access_token = other};
    assert_refused(rpc_channel_call_wait(channel, &rpc_methods[RPC_CONTROL_BACKUP], &metadata,
                                         &backup, 10000, arena, &made),
                   "PERMISSION_DENIED");
    metadata.access_token = ops;
    WAIT_FOR(status_ok(rpc_channel_call_wait(channel, &rpc_methods[RPC_CONTROL_BACKUP], &metadata,
                                             &backup, 10000, arena, &made)));
    assert_true(made->bytes > 0);
    assert_status_ok(store_verify(copy));

    Envelope__DrainRequest drain = ENVELOPE__DRAIN_REQUEST__INIT;
    Envelope__DrainResponse *drained;
    assert_status_ok(rpc_channel_call_wait(channel, &rpc_methods[RPC_CONTROL_DRAIN], &metadata,
                                           &drain, 10000, arena, &drained));
    finish(&child);
    assert_int_equal(child.code, 0);
    wait_for_notice(fixture, "STOPPING=1");
}

/// The daemon's own events, with the operator's token.
static Eventlog__EventBatch *read_events(struct rpc_channel *channel, const char *token,
                                         struct arena *arena)
{
    Eventlog__ReadRequest request = EVENTLOG__READ_REQUEST__INIT;
    Eventlog__EventBatch *batch = NULL;
    struct rpc_metadata metadata = {.access_token = token};
    WAIT_FOR(status_ok(rpc_channel_call_wait(channel, &event_methods[EVENT_READ], &metadata,
                                             &request, 10000, arena, &batch)));
    return batch;
}

static void test_what_the_daemon_does_itself_is_an_event(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    CLEANUP(arena_close) struct arena *arena = arena_open(1 << 22);
    start(fixture, &child, FLAGS(NULL));
    wait_for_notice(fixture, "READY=1");
    struct rpc_channel *channel = channel_to(fixture, "auth");
    char ops[TOKEN_BYTES_MAX], copy[PATH_BYTES + 16];
    operator_token(fixture, "ops", ops);
    Eventlog__EventBatch *batch = read_events(channel, ops, arena);
    assert_int_equal(batch->n_events, 1);
    assert_string_equal(batch->events[0]->type, "auth.started");
    assert_string_equal(batch->events[0]->actor, "services/auth");
    Eventlog__StartedEvent *started = eventlog__started_event__unpack(
        NULL, batch->events[0]->payload.len, batch->events[0]->payload.data);
    assert_non_null(started);
    assert_int_equal(started->config_digest.len, 32);
    assert_true(strlen(started->version) > 0 && strlen(started->build_id) > 0);
    eventlog__started_event__free_unpacked(started, NULL);

    snprintf(copy, sizeof copy, "%s/copy", fixture->directory);
    Envelope__BackupRequest backup = ENVELOPE__BACKUP_REQUEST__INIT;
    Envelope__BackupResponse *made;
    backup.directory = copy;
    struct rpc_metadata metadata = {.access_token = ops};
    assert_status_ok(rpc_channel_call_wait(channel, &rpc_methods[RPC_CONTROL_BACKUP], &metadata,
                                           &backup, 10000, arena, &made));
    batch = read_events(channel, ops, arena);
    assert_int_equal(batch->n_events, 2);
    assert_string_equal(batch->events[1]->type, "auth.backup.made");
    assert_string_equal(batch->events[1]->actor, "services/ops");
    stop(fixture, &child, SIGTERM);
}

// Else the store's file would get its number, and log lines for content.
static void test_a_closed_stderr_is_nobodys_file(void **state)
{
    struct fixture *fixture = *state;
    static struct child child;
    starts_without_stderr = true;
    start(fixture, &child, FLAGS(NULL));
    starts_without_stderr = false;
    wait_for_notice(fixture, "READY=1");
    char path[64], target[64] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/2", (int)child.pid);
    assert_true(readlink(path, target, sizeof target - 1) > 0);
    assert_string_equal(target, "/dev/null");
    stop(fixture, &child, SIGTERM);
}

#define DAEMON_TEST(test_)                                                                         \
    cmocka_unit_test_setup_teardown(test_, setup_directory, teardown_directory)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        DAEMON_TEST(test_help_lists_common_rows_and_the_services_own),
        DAEMON_TEST(test_check_config_says_file_and_line),
        DAEMON_TEST(test_it_tells_its_supervisor_and_ends_on_sigterm),
        DAEMON_TEST(test_what_it_makes_is_its_owners_alone),
        DAEMON_TEST(test_a_second_copy_refuses_to_start),
        DAEMON_TEST(test_a_failed_open_exits_with_its_reason),
        DAEMON_TEST(test_sighup_takes_the_new_log_level),
        DAEMON_TEST(test_health_names_its_parts),
        DAEMON_TEST(test_without_auth_it_serves_but_is_not_ready),
        DAEMON_TEST(test_the_operators_key_drains_and_backs_up_and_no_other),
        DAEMON_TEST(test_what_the_daemon_does_itself_is_an_event),
        DAEMON_TEST(test_a_closed_stderr_is_nobodys_file),
    };
    if (argc >= 2) setenv("FLORIN_PROBE", argv[1], 1);
    if (argc == 3) cmocka_set_test_filter(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
