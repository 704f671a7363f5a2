// Event streams as others read them: curl from a shell, and a page in a browser. Meanwhile payments
// are made and the gateway dies; each must have every event once, resuming by Last-Event-ID.
#include "tests/crash/kills.h"
#include "tests/crash/load.h"
#include "tests/integration/cast.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 3000, PAUSE_MS_MAX = 1500, COMMAND_BYTES = 4096 };

struct story {
    struct cast cast;
    struct load load;
    unsigned page_port;  // Whose origin may call the gateway.
    atomic_bool is_over; // No gateway need die any more.
};

static const char *source_directory(void)
{
    const char *directory = getenv("FLORIN_SOURCE_DIR");
    return directory != NULL ? directory : ".";
}

static bool is_there(const char *command)
{
    return system(command) == 0; // NOLINT(bugprone-command-processor): the test's own words.
}

static void *kill_gateways(void *context)
{
    static const char *const daemons[] = {"gateway"};
    struct story *story = context;
    const struct kills kills = {.world = &story->cast.world,
                                .daemons = daemons,
                                .daemon_count = 1,
                                .count = 1,
                                .pause_ms_max = PAUSE_MS_MAX};
    unsigned seed = kills_seed();
    while (!atomic_load(&story->is_over))
        (void)kills_run(&kills, seed++);
    return NULL;
}

/// follow_with runs a program that follows the stream while money moves and gateways die.
static void follow_with(struct story *story, const char *command)
{
    pthread_t killer;
    cast_login(&story->cast);
    load_start(&story->load);
    atomic_store(&story->is_over, false);
    assert_int_equal(pthread_create(&killer, NULL, kill_gateways, story), 0);
    int status = system(command); // NOLINT(bugprone-command-processor): the test's own words.
    atomic_store(&story->is_over, true);
    pthread_join(killer, NULL);
    load_stop(&story->load);
    if (status != 0) fail_msg("it has lost something: exit status %d", status);
}

static void test_curl_loses_nothing(void **state)
{
    struct story *story = *state;
    char command[COMMAND_BYTES];
    if (!is_there("command -v curl >/dev/null")) {
        print_message("skipped: there is no curl\n");
        return;
    }
    cast_login(&story->cast);
    snprintf(command, sizeof command, "%s/tests/api/stream_curl http://127.0.0.1:%u '%s' %d",
             source_directory(), story->cast.world.port, story->cast.auditor.token, EVENTS);
    follow_with(story, command);
}

static void test_a_browser_loses_nothing(void **state)
{
    struct story *story = *state;
    char command[COMMAND_BYTES];
    if (!is_there("command -v chromium >/dev/null && command -v python3 >/dev/null")) {
        print_message("skipped: there is no chromium, or no python3 to drive it\n");
        return;
    }
    cast_login(&story->cast);
    snprintf(command, sizeof command,
             "python3 %s/tests/api/stream_browser.py chromium %u http://127.0.0.1:%u '%s' %d",
             source_directory(), story->page_port, story->cast.world.port,
             story->cast.auditor.token, EVENTS);
    follow_with(story, command);
}

static int open_story(void **state)
{
    static struct story story;
    struct cast *cast = &story.cast;
    story.page_port = world_free_port();
    snprintf(cast->world.ini, sizeof cast->world.ini,
             "[gateway]\ncors_origins = http://127.0.0.1:%u\n", story.page_port);
    world_open(&cast->world);
    cast_gather(cast);
    load_open(&story.load, &cast->world, cast->client, &cast->teller, &cast->maker, &cast->checker);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    load_close(&story->load);
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curl_loses_nothing),
        cmocka_unit_test(test_a_browser_loses_nothing),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("stream", tests, open_story, close_story);
}
