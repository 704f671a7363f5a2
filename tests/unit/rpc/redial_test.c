// A channel behind a wire that is cut again and again, now and then for a while, in which whoever
// comes is let in and ended at once: where nng's dialers, and the server's listener, give up.
#include "common/base/clock.h"
#include "common/rpc/redial.h"
#include "tests/support/cutter.h"
#include "tests/unit/rpc/fixture.h"

#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <stdlib.h>

enum {
    CUTS = 40,
    DARK_MS_MAX = 300,
    SLOW_MS = 1500,
    SLOW_MAX = CUTS / 10, // A busy machine may be slow now and then.
    LOOKS = 80,
    LOOK_MS = 25,
};

struct scene {
    struct fixture fixture;
    char path[96], url[128];
    struct cutter *cutter;
};

static int open_scene(void **state)
{
    static struct scene scene;
    fixture_open(&scene.fixture, &(struct fixture_options){.url = "ipc"});
    snprintf(scene.path, sizeof scene.path, "%s/wire.sock", scene.fixture.directory);
    snprintf(scene.url, sizeof scene.url, "ipc://%s", scene.path);
    scene.cutter = cutter_open(scene.path, scene.fixture.url + strlen("ipc://"));
    *state = &scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *scene = *state;
    cutter_close(&scene->cutter);
    fixture_close(&scene->fixture);
    return 0;
}

static void cut(struct cutter *cutter, unsigned *seed)
{
    unsigned dark_ms = (unsigned)rand_r(seed) % DARK_MS_MAX;
    bool stays_dark = (unsigned)rand_r(seed) % 2 == 0;
    cutter_set_whole(cutter, !stays_dark);
    (void)cutter_cut(cutter);
    poll(NULL, 0, stays_dark ? (int)dark_ms : 0);
    cutter_set_whole(cutter, true);
}

// How long it took until a call was answered; those that the cut took with it are made again.
static uint64_t ms_until_served(struct rpc_channel *channel, const char *token)
{
    static struct answer answer;
    const struct rpc_metadata metadata = {.access_token = token};
    uint64_t start_ns = clock_mono_ns();
    do {
        Echo__EchoRequest request = ECHO__ECHO_REQUEST__INIT;
        fixture_send(channel, &answer, &echo_methods[ECHO_ECHO], &metadata, &request,
                     FIXTURE_TIMEOUT_MS);
        fixture_wait(&answer);
        assert_true(clock_mono_ns() - start_ns < FIXTURE_TIMEOUT_MS * NS_PER_MS);
    } while (answer.outcome != RPC_OUTCOME_ANSWERED);
    return (clock_mono_ns() - start_ns) / NS_PER_MS;
}

static void test_a_wire_that_was_cut_serves_soon(void **state)
{
    struct scene *scene = *state;
    struct rpc_channel *channel = NULL;
    unsigned seed = (unsigned)clock_wall_ns(), slow = 0;
    uint64_t worst_ms = 0;
    print_message("seed %u\n", seed);
    const struct rpc_channel_config config = {.name = "cut", .url = scene->url};
    assert_int_equal(rpc_channel_open(&config, &channel).code, STATUS_OK);
    for (unsigned i = 0; i < CUTS; i++) {
        cut(scene->cutter, &seed);
        uint64_t took_ms = ms_until_served(channel, scene->fixture.caller);
        slow += took_ms > SLOW_MS;
        if (took_ms > worst_ms) worst_ms = took_ms;
    }
    print_message("served again after %u ms at most\n", (unsigned)worst_ms);
    assert_true(slow <= SLOW_MAX);
    rpc_channel_close(&channel);
}

/// Looks for a while as a channel does that is not connected: how many dialers that took.
static unsigned dialers_made(const char *url)
{
    static const struct rpc_tls_config no_tls;
    struct redial redial;
    nng_socket socket;
    unsigned made = 0;
    assert_int_equal(nng_req0_open(&socket), 0);
    assert_int_equal(redial_open(socket, url, &no_tls, &redial).code, STATUS_OK);
    for (unsigned i = 0; i < LOOKS; i++) {
        int before = nng_dialer_id(redial.dialer);
        assert_true(redial_look(&redial, false) > clock_mono_ns());
        made += nng_dialer_id(redial.dialer) != before;
        poll(NULL, 0, LOOK_MS);
    }
    assert_true(redial_look(&redial, true) == UINT64_MAX);
    redial_close(&redial);
    nng_close(socket);
    return made;
}

static void test_only_who_has_given_up_is_replaced(void **state)
{
    struct scene *scene = *state;
    char nobody[160];
    snprintf(nobody, sizeof nobody, "%s.nobody", scene->url);
    assert_int_equal(dialers_made(nobody), 0);
    cutter_set_whole(scene->cutter, false); // Lets in, and ends at once.
    assert_in_range(dialers_made(scene->url), 1, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_wire_that_was_cut_serves_soon, open_scene,
                                        close_scene),
        cmocka_unit_test_setup_teardown(test_only_who_has_given_up_is_replaced, open_scene,
                                        close_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
