// Addresses, peers and processes: ipc, TLS over TCP, foreign users, a server that is killed.
#include "common/base/clock.h"
#include "common/rpc/transport.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/unit/rpc/fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <nng/protocol/reqrep0/rep.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct fixture fixture;
static struct answer answer;
static char directory[64];

// ---- This program as another process ---------------------------------------------------------

enum { EXIT_ANSWERED = 10, EXIT_NOT_ANSWERED = 11 };

static pid_t start_self(const char *role, const char *url, const char *extra)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/proc/self/exe", "rpc_transport_test", role, url, extra, NULL);
    _exit(127);
}

static int wait_for(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Serves until it is killed; its pool calls hold.
static _Noreturn void serve(const char *url)
{
    fixture_open(&fixture, &(struct fixture_options){.url = url, .is_starting = true});
    atomic_store(&fixture.echo.pool_release, false);
    rpc_server_set_serving(fixture.server, true);
    for (;;) {
        pause();
    }
}

static int call_as(const char *url, const char *uid_text)
{
    uid_t uid = (uid_t)strtoul(uid_text, NULL, 10);
    if (uid != geteuid() && setresuid(uid, uid, uid) != 0) return 126;
    struct rpc_channel *channel = NULL;
    const struct rpc_channel_config config = {.name = "echo", .url = url};
    if (!status_ok(rpc_channel_open(&config, &channel))) return 125;
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    fixture_send(channel, &answer, &echo_methods[ECHO_ECHO_PUBLIC], NULL, &request, 10000);
    fixture_wait(&answer);
    return answer.outcome == RPC_OUTCOME_ANSWERED ? EXIT_ANSWERED : EXIT_NOT_ANSWERED;
}

// ---- ipc -----------------------------------------------------------------------------------

static int setup_ipc(void **state)
{
    (void)state;
    fixture_open(&fixture, &(struct fixture_options){.url = "ipc"});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

static void test_another_process_of_ours_may_call(void **state)
{
    (void)state;
    char uid[16];
    snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    assert_int_equal(wait_for(start_self("call", fixture.url, uid)), EXIT_ANSWERED);
}

static void test_another_user_may_not_even_where_files_let_him(void **state)
{
    (void)state;
    if (geteuid() != 0) skip(); // Only root can become another user.
    char socket_path[128];
    snprintf(socket_path, sizeof socket_path, "%s/echo.sock", fixture.directory);
    assert_int_equal(chmod(fixture.directory, 0777), 0);
    assert_int_equal(chmod(socket_path, 0666), 0);
    assert_int_equal(wait_for(start_self("call", fixture.url, "65534")), EXIT_NOT_ANSWERED);
    assert_int_equal(atomic_load(&fixture.echo.runs), 0);
}

static void test_the_socket_is_for_its_owner_only(void **state)
{
    (void)state;
    char socket_path[128];
    struct stat about;
    snprintf(socket_path, sizeof socket_path, "%s/echo.sock", fixture.directory);
    assert_int_equal(stat(socket_path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

// ---- Addresses -----------------------------------------------------------------------------

static const char *reason_of_listening(const char *url, bool allow_plain_tcp)
{
    static struct echo echo;
    echo_open(&echo);
    struct rpc_server *server = NULL;
    struct rpc_service service = echo_service(&echo);
    service.count = 3; // The reading ones: no store is needed.
    const struct rpc_server_config config = {
        .listen_urls = &url, .listen_url_count = 1, .allow_plain_tcp = allow_plain_tcp};
    struct status status = rpc_server_open(&config, NULL, &echo.identity, &service, 1, &server);
    rpc_server_close(&server);
    echo_close(&echo);
    return status.reason != NULL ? status.reason : "";
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static int setup_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/florin-rpc-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

static size_t count_listeners(void)
{
    size_t count = 0;
    nng_stat *all = NULL;
    assert_int_equal(nng_stats_get(&all), 0);
    for (nng_stat *at = nng_stat_child(all); at != NULL; at = nng_stat_next(at))
        count += strcmp(nng_stat_name(at), "listener") == 0;
    nng_stats_free(all);
    return count;
}

// Whoever is kept from listening tries again and again (relisten.h): nothing piles up.
static void test_a_listener_that_cannot_start_leaves_nothing(void **state)
{
    (void)state;
    static const char url[] = "inproc://taken";
    const struct rpc_tls_config tls = {0};
    nng_socket first, second;
    nng_listener listener;
    assert_int_equal(nng_rep0_open(&first), 0);
    assert_int_equal(nng_rep0_open(&second), 0);
    assert_true(status_ok(transport_listen(first, url, &tls, false, &listener)));
    size_t before = count_listeners();
    for (int i = 0; i < 10; i++)
        assert_false(status_ok(transport_listen(second, url, &tls, false, &listener)));
    WAIT_UNTIL(count_listeners() == before); // nng's reaper takes its time.
    nng_close(first);
    nng_close(second);
}

static void test_where_a_server_may_listen(void **state)
{
    (void)state;
    char in_open[96], in_closed[96], nowhere[96], loopback[64];
    snprintf(in_open, sizeof in_open, "%s/open", directory);
    assert_int_equal(mkdir(in_open, 0755), 0);
    assert_int_equal(chmod(in_open, 0755), 0);
    snprintf(in_open, sizeof in_open, "ipc://%s/open/a.sock", directory);
    snprintf(in_closed, sizeof in_closed, "ipc://%s/a.sock", directory);
    snprintf(nowhere, sizeof nowhere, "ipc://%s/absent/a.sock", directory);
    snprintf(loopback, sizeof loopback, "tcp://127.0.0.1:%u", free_port());

    const struct {
        const char *url;
        bool allow_plain_tcp;
        const char *reason;
    } rows[] = {
        {in_closed, false, ""},
        {in_closed, false, ""}, // Again: a socket that was left behind is in nobody's way.
        {in_open, false, "SOCKET_DIRECTORY_OPEN"},
        {nowhere, false, "SOCKET_DIRECTORY_OPEN"},
        {loopback, false, "RPC_URL"},
        {loopback, true, ""},
        {"tcp://0.0.0.0:7777", true, "RPC_URL"},
        {"tcp://127.0.0.1.example.org:7777", true, "RPC_URL"},
        {"ws://127.0.0.1:7777", true, "RPC_URL"},
        {"tls+tcp://127.0.0.1:7777", true, "TLS_CONFIG"}, // No certificate was given.
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(reason_of_listening(rows[i].url, rows[i].allow_plain_tcp),
                            rows[i].reason);
    }
}

/// come_and_go connects as a peer that is killed before the two have greeted each other.
static void come_and_go(const char *url)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = url + strlen("ipc://");
    assert_true(strlen(path) < sizeof address.sun_path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        assert_true(errno == EAGAIN || errno == ECONNREFUSED || errno == ENOENT);
    close(fd);
}

static bool is_answered_anew(const char *url)
{
    struct rpc_channel *channel = NULL;
    const struct rpc_channel_config config = {.name = "echo", .url = url};
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    assert_int_equal(rpc_channel_open(&config, &channel).code, STATUS_OK);
    fixture_send(channel, &answer, &echo_methods[ECHO_ECHO_PUBLIC], NULL, &request, 1000);
    fixture_wait(&answer);
    rpc_channel_close(&channel);
    return answer.outcome == RPC_OUTCOME_ANSWERED;
}

static void test_peers_that_leave_at_once_shut_nobody_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++)
        come_and_go(fixture.url);
    WAIT_UNTIL(is_answered_anew(fixture.url));
}

// ---- TLS -----------------------------------------------------------------------------------

static void make_certificates(void)
{
    static const char script[] =
        "set -e; cd %s; umask 077;"
        "for ca in ours theirs; do"
        "  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        "    -subj /CN=$ca -keyout $ca.key -out $ca.pem;"
        "  for name in server client; do"
        "    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        "      -subj /CN=$name.test -keyout $ca-$name.key -out $ca-$name.csr;"
        "    echo subjectAltName=DNS:$name.test > ext;"
        "    openssl x509 -req -in $ca-$name.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial"
        "      -days 2 -extfile ext -out $ca-$name.pem;"
        "  done;"
        "done >/dev/null 2>&1";
    char command[1200];
    snprintf(command, sizeof command, script, directory);
    assert_int_equal(system(command), 0);
}

struct tls_files {
    char ca[96], certificate[96], key[96];
};

static struct rpc_tls_config tls_of(struct tls_files *files, const char *ca, const char *owner,
                                    const char *server_name)
{
    snprintf(files->ca, sizeof files->ca, "%s/%s.pem", directory, ca);
    snprintf(files->certificate, sizeof files->certificate, "%s/%s.pem", directory, owner);
    snprintf(files->key, sizeof files->key, "%s/%s.key", directory, owner);
    return (struct rpc_tls_config){.ca_file = files->ca,
                                   .certificate_file = files->certificate,
                                   .key_file = files->key,
                                   .server_name = server_name};
}

static void test_mutual_tls(void **state)
{
    (void)state;
    make_certificates();
    char url[64];
    snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u", free_port());
    struct tls_files server_files, client_files;
    struct fixture_options options = {.url = url};
    options.server.tls = tls_of(&server_files, "ours", "ours-server", NULL);
    options.channel.tls = tls_of(&client_files, "ours", "ours-client", "server.test");
    fixture_open(&fixture, &options);

    static const struct {
        const char *ca, *owner, *server_name;
        enum rpc_outcome outcome;
    } rows[] = {
        {"ours", "ours-client", "server.test", RPC_OUTCOME_ANSWERED},
        {"ours", "theirs-client", "server.test", RPC_OUTCOME_NOT_SENT}, // A stranger calls,
        {"theirs", "ours-client", "server.test", RPC_OUTCOME_NOT_SENT}, // a stranger answers,
        {"ours", "ours-client", "other.test", RPC_OUTCOME_NOT_SENT},    // another one of ours does.
        {"ours", "ours-client", NULL, RPC_OUTCOME_NOT_SENT}, // 127.0.0.1 is not in the certificate.
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_files files;
        struct rpc_channel *channel = NULL;
        const struct rpc_channel_config config = {
            .name = "echo",
            .url = url,
            .tls = tls_of(&files, rows[i].ca, rows[i].owner, rows[i].server_name)};
        assert_int_equal(rpc_channel_open(&config, &channel).code, STATUS_OK);
        Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
        fixture_send(channel, &answer, &echo_methods[ECHO_ECHO_PUBLIC], NULL, &request, 10000);
        fixture_wait(&answer);
        assert_int_equal(answer.outcome, rows[i].outcome);
        rpc_channel_close(&channel);
    }
    fixture_close(&fixture);
}

static void test_tls_files_that_do_not_fit_together_are_refused_at_open(void **state)
{
    (void)state;
    make_certificates();
    struct tls_files files;
    struct rpc_channel *channel = NULL;
    struct rpc_channel_config config = {.name = "echo", .url = "tls+tcp://127.0.0.1:7777"};
    static const char *const owners[] = {"absent", "ext"};
    for (size_t i = 0; i < 2; i++) {
        config.tls = tls_of(&files, "ours", owners[i], NULL);
        assert_string_equal(rpc_channel_open(&config, &channel).reason, "TLS_CONFIG");
        assert_null(channel);
    }
}

// ---- A server that is killed -----------------------------------------------------------------

static bool has_in_flight(struct rpc_channel *channel, const char *token, const char *line)
{
    struct arena *arena = arena_open(4 << 20);
    const struct rpc_metadata metadata = {.access_token = token};
    Envelope__StatsRequest request = ENVELOPE__STATS_REQUEST__INIT;
    Envelope__StatsResponse *stats = NULL;
    struct status status = rpc_channel_call_wait(channel, &rpc_methods[RPC_STATS_GET], &metadata,
                                                 &request, 5000, arena, &stats);
    bool found =
        status_ok(status) && memmem(stats->text.data, stats->text.len, line, strlen(line)) != NULL;
    arena_close(&arena);
    return found;
}

// A server listens before it serves: until then calls are turned away.
static bool is_served(struct rpc_channel *channel, const char *token)
{
    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    const struct rpc_metadata metadata = {.access_token = token};
    fixture_send(channel, &answer, &echo_methods[ECHO_ECHO], &metadata, &request, 20000);
    fixture_wait(&answer);
    return answer.code == STATUS_OK;
}

static void test_a_server_killed_between_receiving_and_replying(void **state)
{
    (void)state;
    static struct echo echo;
    char url[96], token[TOKEN_BYTES_MAX], operator_[TOKEN_BYTES_MAX];
    snprintf(url, sizeof url, "ipc://%s/killed.sock", directory);
    echo_open(&echo);
    echo_token(&echo, 1, "caller", 3600, token);
    echo_token(&echo, 2, "operator", 3600, operator_);
    pid_t server = start_self("serve", url, "");
    struct rpc_channel *channel = NULL;
    const struct rpc_channel_config config = {.name = "echo", .url = url};
    assert_int_equal(rpc_channel_open(&config, &channel).code, STATUS_OK);
    WAIT_UNTIL(is_served(channel, token));

    Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
    const struct rpc_metadata metadata = {.access_token = token};
    uint64_t start_ns = clock_mono_ns();
    fixture_send(channel, &answer, &echo_methods[ECHO_POOL], &metadata, &request, 60000);
    WAIT_UNTIL(has_in_flight(channel, operator_, "florin_rpc_in_flight 2\n"));
    kill(server, SIGKILL);
    fixture_wait(&answer);
    assert_refused(&answer, STATUS_DEADLINE_EXCEEDED, "OUTCOME_UNKNOWN");
    assert_true(clock_mono_ns() - start_ns < 40 * NS_PER_SECOND); // Not at the deadline.
    assert_int_equal(wait_for(server), -1);

    server = start_self("serve", url, ""); // It comes back, and so does the channel.
    WAIT_UNTIL(is_served(channel, token));
    kill(server, SIGKILL);
    wait_for(server);
    rpc_channel_close(&channel);
    echo_close(&echo);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "serve") == 0) serve(argv[2]);
    if (argc == 4 && strcmp(argv[1], "call") == 0) return call_as(argv[2], argv[3]);
#define TEST_IN(setup_, teardown_, test_) cmocka_unit_test_setup_teardown(test_, setup_, teardown_)
    const struct CMUnitTest tests[] = {
        TEST_IN(setup_ipc, teardown, test_another_process_of_ours_may_call),
        TEST_IN(setup_ipc, teardown, test_another_user_may_not_even_where_files_let_him),
        TEST_IN(setup_ipc, teardown, test_the_socket_is_for_its_owner_only),
        TEST_IN(setup_ipc, teardown, test_peers_that_leave_at_once_shut_nobody_out),
        TEST_IN(setup_directory, remove_directory, test_where_a_server_may_listen),
        cmocka_unit_test(test_a_listener_that_cannot_start_leaves_nothing),
        TEST_IN(setup_directory, remove_directory, test_mutual_tls),
        TEST_IN(setup_directory, remove_directory,
                test_tls_files_that_do_not_fit_together_are_refused_at_open),
        TEST_IN(setup_directory, remove_directory,
                test_a_server_killed_between_receiving_and_replying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
