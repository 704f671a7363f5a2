// Custom roles and feature switches in all daemons: what a role is given can be used, what is taken
// away is refused within moments, by each daemon itself; and a restart knows it all again.
#include "common/base/clock.h"
#include "florin/rpc/v1/rpc.pb-c.h"
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAIT_TRIES = 3000,
    WAIT_PAUSE_MS = 10,
    ROUNDS = 12,
    TAKEN_MS_MAX = 5000, // Of a test: the figure that counts is printed.
    SAMPLES_MAX = 1024,
};

/// What the role grants, one permission of each daemon.
static const struct {
    const char *daemon, *permission;
} rights[] = {
    {"auth", "auth.report.read"},
    {"ledger", "ledger.report.read"},
    {"kyc", "kyc.case.read"},
    {"audit", "audit.read"},
};

enum { RIGHT_COUNT = sizeof rights / sizeof rights[0] };

struct story {
    struct world world;
    struct http_client *client;
    struct person admin, clerk;
    struct rpc_channel *channels[RIGHT_COUNT];
    const struct rpc_method *methods[RIGHT_COUNT];
    struct direct_answer answer;
    uint64_t samples_ns[SAMPLES_MAX];
    size_t sample_count;
};

// ---- What is answered ---------------------------------------------------------------------------

enum verdict { DENIED, GRANTED, UNKNOWN };

// An empty message: where the permission suffices, it is looked at, and may be found wanting.
static enum verdict ask(struct story *story, unsigned i)
{
    const struct rpc_metadata metadata = {.access_token = story->clerk.token};
    Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
    direct_call(story->channels[i], story->methods[i], &metadata, &nothing, &story->answer);
    switch (story->answer.status.code) {
    case STATUS_PERMISSION_DENIED:
        assert_string_equal(story->answer.status.reason, "PERMISSION_DENIED");
        return DENIED;
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED: // It died meanwhile.
        return UNKNOWN;
    case STATUS_UNAUTHENTICATED:
        fail_msg("%s: %s", rights[i].daemon, story->answer.status.reason);
        return UNKNOWN;
    default:
        return GRANTED;
    }
}

static void wait_for(struct story *story, enum verdict wanted, uint64_t begun_ns)
{
    bool is_so[RIGHT_COUNT] = {false};
    for (unsigned left = RIGHT_COUNT; left > 0;) {
        for (unsigned i = 0; i < RIGHT_COUNT; i++) {
            if (is_so[i]) continue;
            enum verdict verdict = ask(story, i);
            uint64_t took_ns = clock_mono_ns() - begun_ns;
            if (verdict != wanted && took_ns > TAKEN_MS_MAX * NS_PER_MS)
                fail_msg("%s has not heard of it", rights[i].daemon);
            if (verdict != wanted) continue;
            is_so[i] = true;
            left--;
            if (story->sample_count < SAMPLES_MAX)
                story->samples_ns[story->sample_count++] = took_ns;
        }
    }
}

static void print_samples(struct story *story, const char *of_what);

// ---- What the administrator does ----------------------------------------------------------------

static void as_admin(struct story *story, const char *verb, const char *path, const char *body,
                     long status)
{
    struct http_answer answer = {0};
    http_call(story->client, story->admin.token, verb, path, body, "If-Match: *", &answer);
    if (answer.status != status) fail_msg("%s %s: %ld %s", verb, path, answer.status, answer.text);
    http_answer_reset(&answer);
}

/// list_rights writes each permission between `before` and `after`, with commas.
static void list_rights(char *ret, size_t size, const char *before, const char *after)
{
    size_t used = 0;
    for (size_t i = 0; i < RIGHT_COUNT; i++) {
        int written = snprintf(ret + used, size - used, "%s%s%s%s", i > 0 ? "," : "", before,
                               rights[i].permission, after);
        assert_true(written > 0 && (size_t)written < size - used);
        used += (size_t)written;
    }
}

static void set_grants(struct story *story, bool has_them)
{
    char grants[512], body[600];
    list_rights(grants, sizeof grants, "{\"permission\":\"", "\",\"scope\":\"ALL\"}");
    snprintf(body, sizeof body, "{\"grants\":[%s]}", has_them ? grants : "");
    as_admin(story, "PATCH", "/v1/roles/clerk", body, 200);
}

// ---- Tests --------------------------------------------------------------------------------------

static void test_a_role_is_what_it_was_last_made(void **state)
{
    struct story *story = *state;
    wait_for(story, DENIED, clock_mono_ns());
    story->sample_count = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        set_grants(story, true);
        wait_for(story, GRANTED, clock_mono_ns());
        uint64_t begun_ns = clock_mono_ns();
        set_grants(story, false);
        wait_for(story, DENIED, begun_ns);
    }
    print_samples(story, "a changed role");
}

static void test_a_feature_is_off_where_it_is_switched_off(void **state)
{
    struct story *story = *state;
    char permissions[512], body[600];
    set_grants(story, true);
    wait_for(story, GRANTED, clock_mono_ns());
    list_rights(permissions, sizeof permissions, "\"", "\"");
    snprintf(body, sizeof body, "{\"name\":\"reading\",\"enabled\":true,\"permissions\":[%s]}",
             permissions);
    as_admin(story, "POST", "/v1/features", body, 201);
    story->sample_count = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begun_ns = clock_mono_ns();
        as_admin(story, "PATCH", "/v1/features/reading", "{\"enabled\":false}", 200);
        wait_for(story, DENIED, begun_ns);
        as_admin(story, "PATCH", "/v1/features/reading", "{\"enabled\":true}", 200);
        wait_for(story, GRANTED, clock_mono_ns());
    }
    print_samples(story, "a switched feature");
}

static void test_the_refusal_names_the_feature(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    as_admin(story, "PATCH", "/v1/features/reading", "{\"enabled\":false}", 200);
    wait_for(story, DENIED, clock_mono_ns());
    http_expect(story->client, story->clerk.token, "GET", "/v1/audit/events", NULL, 403, &answer);
    if (strstr(answer.text, "\"reading\"") == NULL) fail_msg("%s", answer.text);
    as_admin(story, "PATCH", "/v1/features/reading", "{\"enabled\":true}", 200);
    wait_for(story, GRANTED, clock_mono_ns());
    http_expect(story->client, story->clerk.token, "GET", "/v1/audit/events", NULL, 200, &answer);
    http_answer_reset(&answer);
}

static void restart(struct story *story, const char *daemon)
{
    pid_t before = world_daemon_pid(&story->world, daemon), now = before;
    assert_true(before > 0);
    kill(before, SIGKILL);
    for (unsigned i = 0; i < WAIT_TRIES && (now == before || now == 0); i++) {
        poll(NULL, 0, WAIT_PAUSE_MS);
        now = world_daemon_pid(&story->world, daemon);
    }
    assert_true(now > 0 && now != before);
}

/// A daemon that starts may say that it does not know yet; never what is not so.
static void expect_after_restart(struct story *story, enum verdict expected)
{
    for (unsigned i = 0; i < RIGHT_COUNT; i++) {
        enum verdict verdict = UNKNOWN;
        restart(story, rights[i].daemon);
        for (unsigned tries = 0; tries < WAIT_TRIES && verdict == UNKNOWN; tries++) {
            direct_wait_up(story->channels[i]);
            verdict = ask(story, i);
        }
        assert_int_equal(verdict, expected);
        world_wait_ready(&story->world);
    }
}

static void test_a_restart_knows_the_policy_again(void **state)
{
    struct story *story = *state;
    people_admin(&story->world, story->client, &story->admin);
    people_login(story->client, &story->clerk);
    set_grants(story, true);
    wait_for(story, GRANTED, clock_mono_ns());
    expect_after_restart(story, GRANTED);
    people_admin(&story->world, story->client, &story->admin);
    people_login(story->client, &story->clerk);
    set_grants(story, false);
    wait_for(story, DENIED, clock_mono_ns());
    expect_after_restart(story, DENIED);
}

// ---- Life ---------------------------------------------------------------------------------------

static int by_size(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

static void print_samples(struct story *story, const char *of_what)
{
    size_t count = story->sample_count;
    qsort(story->samples_ns, count, sizeof story->samples_ns[0], by_size);
    printf("%s: median %.1f ms, p99 %.1f ms, longest %.1f ms of %zu\n", of_what,
           (double)story->samples_ns[count / 2] / 1e6,
           (double)story->samples_ns[count * 99 / 100] / 1e6,
           (double)story->samples_ns[count - 1] / 1e6, count);
}

static const struct rpc_method *find_method(const char *daemon, const char *permission)
{
    for (size_t i = 0; i < rpc_all_method_count; i++) {
        const struct rpc_method *method = rpc_all_methods[i];
        if (strcmp(method->daemon, daemon) != 0 || method->permission == NULL) continue;
        if (strcmp(method->permission, permission) == 0) return method;
    }
    fail_msg("no method of %s asks for %s", daemon, permission);
    return NULL;
}

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    people_admin(&story.world, story.client, &story.admin);
    as_admin(&story, "POST", "/v1/roles", "{\"name\":\"clerk\",\"grants\":[]}", 201);
    people_staff(&story.world, story.client, "clerk", &story.clerk);
    for (unsigned i = 0; i < RIGHT_COUNT; i++) {
        story.methods[i] = find_method(rights[i].daemon, rights[i].permission);
        story.channels[i] = direct_open(&story.world, rights[i].daemon);
        direct_wait_up(story.channels[i]);
    }
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    direct_reset(&story->answer);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_role_is_what_it_was_last_made),
        cmocka_unit_test(test_a_feature_is_off_where_it_is_switched_off),
        cmocka_unit_test(test_the_refusal_names_the_feature),
        cmocka_unit_test(test_a_restart_knows_the_policy_again),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("access", tests, open_story, close_story);
}
