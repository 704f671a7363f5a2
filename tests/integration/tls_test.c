// The same five daemons over mutual TLS: the story goes through, and whoever shows no certificate
// of our CA gets nowhere.
#include "common/event/client/subscriber.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DAEMONS = 5, EVENT_SOURCES = 4, PATH_BYTES = 128, URL_BYTES = 64, SILENCE_MS = 10000 };

enum { FOLLOW_TRIES = 3000, FOLLOW_PAUSE_MS = 10 };

static const char *const daemons[DAEMONS] = {"auth", "ledger", "kyc", "audit", "gateway"};

struct story {
    struct cast cast;
    char directory[64]; // Of the certificates.
    unsigned ports[DAEMONS], event_ports[EVENT_SOURCES];
};

// ---- Making --------------------------------------------------------------------------------

static void make_certificates(struct story *story)
{
    static const char script[] =
        "set -e; cd %s; umask 077;"
        "echo subjectAltName=DNS:localhost > ext;"
        "for ca in ours theirs; do"
        "  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        "    -subj /CN=$ca -keyout $ca.key -out $ca.pem;"
        "  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        "    -subj /CN=localhost -keyout $ca-daemon.key -out $ca-daemon.csr;"
        "  openssl x509 -req -in $ca-daemon.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial"
        "    -days 2 -extfile ext -out $ca-daemon.pem;"
        "done >openssl.log 2>&1";
    char command[1200];
    snprintf(story->directory, sizeof story->directory, "/tmp/florin-tls-XXXXXX");
    assert_non_null(mkdtemp(story->directory));
    snprintf(command, sizeof command, script, story->directory);
    assert_int_equal(system(command), 0); // NOLINT(bugprone-command-processor): our own words.
}

// Every daemon shows the same certificate here: there is one host, and one florin.ini.
static void write_ini(struct story *story)
{
    struct world *world = &story->cast.world;
    size_t used = (size_t)snprintf(world->ini, sizeof world->ini,
                                   "[tls]\nca = %s/ours.pem\ncertificate = %s/ours-daemon.pem\n"
                                   "key = %s/ours-daemon.key\n[peers]\n",
                                   story->directory, story->directory, story->directory);
    for (unsigned i = 0; i < DAEMONS; i++) {
        story->ports[i] = world_free_port();
        used += (size_t)snprintf(world->ini + used, sizeof world->ini - used,
                                 "%s = tls+tcp://localhost:%u\n", daemons[i], story->ports[i]);
    }
    for (unsigned i = 0; i < EVENT_SOURCES; i++) {
        story->event_ports[i] = world_free_port();
        used += (size_t)snprintf(world->ini + used, sizeof world->ini - used,
                                 "%s_events = tls+tcp://localhost:%u\n", daemons[i],
                                 story->event_ports[i]);
    }
    assert_true(used < sizeof world->ini);
}

// ---- The story, in short -------------------------------------------------------------------

static void test_the_story_goes_through(void **state)
{
    struct story *story = *state;
    struct cast *cast = &story->cast;
    struct customer asha, binod;
    char body[512], id[WORLD_ID_BYTES], path[256];
    struct http_answer answer = {0};
    cast_customer(cast, "asha", "10000", &asha);
    cast_customer(cast, "binod", "500", &binod);
    people_new_id(id);
    snprintf(body, sizeof body,
             "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"2500\",\"currency\":\"INR\"}",
             id, asha.account, binod.account);
    http_expect(cast->client, asha.person.token, "POST", "/v1/transfers", body, 201, &answer);
    http_expect(cast->client, asha.person.token, "POST", "/v1/transfers", body, 200, &answer);
    cast_expect_balance(cast, &asha, 7500);
    cast_expect_balance(cast, &binod, 3000);

    // The ledger's event has gone to audit by TLS too.
    snprintf(path, sizeof path, "/v1/audit/events?resource=transfers/%s", id);
    size_t count = 0;
    for (unsigned i = 0; i < 1000 && count == 0; i++) {
        http_expect(cast->client, cast->auditor.token, "GET", path, NULL, 200, &answer);
        count = json_array_size(json_object_get(answer.json, "events"));
        if (count == 0) poll(NULL, 0, 10);
    }
    assert_int_equal(count, 1);
    http_answer_reset(&answer);
}

static void test_the_operator_reaches_every_daemon(void **state)
{
    struct story *story = *state;
    char output[4096];
    int code = world_florin(&story->cast.world, "status", output, sizeof output);
    if (code != 0) fail_msg("florin status: %d\n%s", code, output);
    code = world_florin(&story->cast.world, "ledger verify", output, sizeof output);
    if (code != 0) fail_msg("florin ledger verify: %d\n%s", code, output);
}

// ---- Strangers -----------------------------------------------------------------------------

static enum rpc_outcome call_as(const struct story *story, const char *ca, const char *owner,
                                unsigned port)
{
    char url[URL_BYTES], ca_file[PATH_BYTES], certificate_file[PATH_BYTES], key_file[PATH_BYTES];
    snprintf(url, sizeof url, "tls+tcp://localhost:%u", port);
    snprintf(ca_file, sizeof ca_file, "%s/%s.pem", story->directory, ca);
    snprintf(certificate_file, sizeof certificate_file, "%s/%s.pem", story->directory, owner);
    snprintf(key_file, sizeof key_file, "%s/%s.key", story->directory, owner);
    const struct rpc_channel_config config = {
        .name = "stranger",
        .url = url,
        .tls = {.ca_file = ca_file, .certificate_file = certificate_file, .key_file = key_file}};
    struct rpc_channel *channel = NULL; // Stays: nng's sockets are closed at exit only.
    assert_int_equal(rpc_channel_open(&config, &channel).code, STATUS_OK);
    bool is_ours = strcmp(ca, "ours") == 0 && strcmp(owner, "ours-daemon") == 0;
    if (is_ours) direct_wait_up(channel); // A call alone waits for a second, and no longer.
    struct direct_answer answer = {0};
    Envelope__HealthCheckRequest request = ENVELOPE__HEALTH_CHECK_REQUEST__INIT;
    direct_call(channel, &rpc_methods[RPC_HEALTH_CHECK], NULL, &request, &answer);
    enum rpc_outcome outcome = answer.outcome;
    direct_reset(&answer);
    return outcome;
}

static void test_a_certificate_of_our_ca_is_asked_for(void **state)
{
    struct story *story = *state;

    static const struct {
        const char *given, *ca, *owner;
        enum rpc_outcome outcome;
    } rows[] = {
        {"one of ours", "ours", "ours-daemon", RPC_OUTCOME_ANSWERED},
        {"one of another CA", "ours", "theirs-daemon", RPC_OUTCOME_NOT_SENT},
        {"one that trusts another CA", "theirs", "ours-daemon", RPC_OUTCOME_NOT_SENT},
    };

    for (unsigned i = 0; i < DAEMONS; i++) {
        for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
            enum rpc_outcome outcome =
                call_as(story, rows[row].ca, rows[row].owner, story->ports[i]);
            if (outcome != rows[row].outcome)
                fail_msg("%s, %s: outcome %d", daemons[i], rows[row].given, outcome);
        }
    }
}

// Asks what a TLS client of the given kind gets: the handshake's end, and then nothing of ours.
static int handshake(const struct story *story, unsigned port, const char *options)
{
    // The client stays for a second after a handshake that it takes for good: with TLS 1.2 the
    // server's refusal is part of the handshake, so a client that is refused ends with an error.
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && echo | openssl s_client -connect localhost:%u -CAfile ours.pem -tls1_2"
             " -verify_return_error %s >>openssl.log 2>&1",
             story->directory, port, options);
    return system(command); // NOLINT(bugprone-command-processor): our own words.
}

static void test_no_certificate_no_handshake(void **state)
{
    struct story *story = *state;
    static const char own[] = "-cert ours-daemon.pem -key ours-daemon.key";
    static const char foreign[] = "-cert theirs-daemon.pem -key theirs-daemon.key";
    for (unsigned i = 0; i < DAEMONS + EVENT_SOURCES; i++) {
        unsigned port = i < DAEMONS ? story->ports[i] : story->event_ports[i - DAEMONS];
        assert_int_equal(handshake(story, port, own), 0); // Else the others prove nothing.
        assert_int_not_equal(handshake(story, port, ""), 0);
        assert_int_not_equal(handshake(story, port, foreign), 0);
    }
}

// SP without TLS: the greeting of a REQ or SUB socket is answered by nothing but the end.
static bool is_answered_in_clear(unsigned port, uint8_t protocol)
{
    const uint8_t greeting[] = {0, 'S', 'P', 0, 0, protocol, 0, 0};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    poll(&wait, 1, SILENCE_MS);
    uint8_t reply[8];
    ssize_t got = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    close(fd);
    return got >= 3 && memcmp(reply, "\0SP", 3) == 0;
}

static void test_nothing_is_said_in_clear(void **state)
{
    struct story *story = *state;
    for (unsigned i = 0; i < DAEMONS; i++)
        assert_false(is_answered_in_clear(story->ports[i], 0x30));
    for (unsigned i = 0; i < EVENT_SOURCES; i++)
        assert_false(is_answered_in_clear(story->event_ports[i], 0x21));
}

// ---- A third party's follower --------------------------------------------------------------

struct follower {
    atomic_size_t count;
    atomic_bool has_gap;
};

static int take(void *context, const struct florin_event *events, size_t count,
                const struct florin_cursor *cursor)
{
    struct follower *follower = context;
    (void)cursor;
    size_t before = atomic_load(&follower->count);
    for (size_t i = 0; i < count; i++)
        if (events[i].seq != before + i + 1) atomic_store(&follower->has_gap, true);
    atomic_store(&follower->count, before + count);
    return 0;
}

/// follow follows the ledger, showing this certificate, until there are events, and gives their
/// number; a stranger's is not waited for as long.
static size_t follow(const struct story *story, const char *owner, struct follower *follower)
{
    char events_url[URL_BYTES], rpc_url[URL_BYTES], key[WORLD_PATH_BYTES + 32];
    char ca_file[PATH_BYTES], certificate_file[PATH_BYTES], key_file[PATH_BYTES];
    struct florin_subscriber *subscriber = NULL;
    const char *reason = "";
    snprintf(events_url, sizeof events_url, "tls+tcp://localhost:%u", story->event_ports[1]);
    snprintf(rpc_url, sizeof rpc_url, "tls+tcp://localhost:%u", story->ports[1]);
    snprintf(key, sizeof key, "%s/keys/risk.key", story->cast.world.data);
    snprintf(ca_file, sizeof ca_file, "%s/ours.pem", story->directory);
    snprintf(certificate_file, sizeof certificate_file, "%s/%s.pem", story->directory, owner);
    snprintf(key_file, sizeof key_file, "%s/%s.key", story->directory, owner);
    const struct florin_subscriber_config config = {.source = daemons[1],
                                                    .events_url = events_url,
                                                    .rpc_url = rpc_url,
                                                    .key_file = key,
                                                    .tls_ca_file = ca_file,
                                                    .tls_certificate_file = certificate_file,
                                                    .tls_key_file = key_file,
                                                    .handle = take,
                                                    .context = follower};
    if (florin_subscriber_open(&config, &subscriber, &reason) != 0) fail_msg("%s", reason);
    bool is_ours = strcmp(owner, "ours-daemon") == 0;
    unsigned tries = is_ours ? FOLLOW_TRIES : FOLLOW_TRIES / 10;
    for (unsigned i = 0; i < tries && atomic_load(&follower->count) == 0; i++)
        poll(NULL, 0, FOLLOW_PAUSE_MS);
    florin_subscriber_close(&subscriber);
    return atomic_load(&follower->count);
}

static void test_a_follower_needs_a_certificate_too(void **state)
{
    struct story *story = *state;
    static struct follower ours, theirs; // Outlive their sockets.
    assert_int_equal(world_florin(&story->cast.world, "keys add-service risk", NULL, 0), 0);
    assert_true(follow(story, "ours-daemon", &ours) > 0);
    assert_false(atomic_load(&ours.has_gap));
    assert_int_equal(follow(story, "theirs-daemon", &theirs), 0);
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    make_certificates(&story);
    write_ini(&story);
    world_open(&story.cast.world);
    cast_gather(&story.cast);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    char command[128];
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    snprintf(command, sizeof command, "rm -r %s", story->directory);
    // NOLINTNEXTLINE(bugprone-command-processor): our own words.
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_story_goes_through),
        cmocka_unit_test(test_the_operator_reaches_every_daemon),
        cmocka_unit_test(test_a_certificate_of_our_ca_is_asked_for),
        cmocka_unit_test(test_no_certificate_no_handshake),
        cmocka_unit_test(test_nothing_is_said_in_clear),
        cmocka_unit_test(test_a_follower_needs_a_certificate_too),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("tls", tests, open_story, close_story);
}
