// The signing keys of a running Florin: tokens verify with other people's code, and rotations under
// load refuse no good token at any daemon.
#include "common/base/clock.h"
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
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

#define ROWS(table) (sizeof(table) / sizeof(table)[0])

enum { DAEMON_COUNT = ROWS(daemons), KID_BYTES = 23, LEAD_MS = 1000, ROTATIONS = 6 };

struct story {
    struct world world;
    struct http_client *client;
    struct person admin;
    char admin_id[WORLD_ID_BYTES];
};

// ---- Rotating ------------------------------------------------------------------------------

struct rotated {
    char active[KID_BYTES], next[KID_BYTES];
};

static void read_kids(const char *output, struct rotated *ret)
{
    assert_int_equal(sscanf(output, "active %22s next %22s", ret->active, ret->next), 2);
}

static void rotate(struct story *story, struct rotated *ret)
{
    char output[512];
    int code = world_florin(&story->world, "keys rotate", output, sizeof output);
    if (code != 0) fail_msg("florin keys rotate: %d, %s", code, output);
    read_kids(output, ret);
}

/// wait_and_rotate: the key that was made last is told for long enough by then.
static void wait_and_rotate(struct story *story, struct rotated *ret)
{
    poll(NULL, 0, LEAD_MS + 10);
    rotate(story, ret);
}

static bool is_told(struct story *story, const char *kid)
{
    struct http_answer answer = {0};
    http_expect(story->client, NULL, "GET", "/.well-known/jwks.json", NULL, 200, &answer);
    bool is_there = strstr(answer.text, kid) != NULL;
    http_answer_reset(&answer);
    return is_there;
}

static void test_the_operator_rotates_and_is_told_the_kids(void **state)
{
    struct story *story = *state;
    struct rotated first, second;
    char output[512];
    poll(NULL, 0, LEAD_MS + 10);
    uint64_t begun_ns = clock_mono_ns();
    rotate(story, &first);
    int code = world_florin(&story->world, "keys rotate", output, sizeof output);
    // Too soon, unless this machine took as long as a key must have been told.
    if (clock_mono_ns() < begun_ns + LEAD_MS * NS_PER_MS) assert_int_equal(code, 1);
    assert_true(is_told(story, first.active) && is_told(story, first.next));
    if (code == 0) read_kids(output, &first);
    wait_and_rotate(story, &second);
    assert_string_equal(second.active, first.next);
    assert_true(is_told(story, first.active)); // Retired, and what it signed may be alive.
    // A customer, and an administrator, is not the operator; the method has no route at all.
    struct http_answer answer = {0};
    http_call(story->client, story->admin.token, "POST",
              "/rpc/florin.auth.v1.AuthService/RotateSigningKeys", "{}", NULL, &answer);
    assert_in_range(answer.status, 400, 499);
    http_answer_reset(&answer);
}

/// With auth stopped nobody can ask it about a key: who knows it has heard of it before.
static void test_daemons_hear_of_new_keys_before_they_are_used(void **state)
{
    struct story *story = *state;
    struct rpc_channel *channels[DAEMON_COUNT];
    struct direct_answer answer = {0};
    struct rotated rotated;
    for (size_t i = 1; i < DAEMON_COUNT; i++) {
        channels[i] = direct_open(&story->world, daemons[i]);
        direct_wait_up(channels[i]);
    }
    wait_and_rotate(story, &rotated); // Makes the key,
    wait_and_rotate(story, &rotated); // with which this one lets it sign.
    people_admin(&story->world, story->client, &story->admin);
    pid_t auth = world_daemon_pid(&story->world, "auth");
    assert_int_equal(kill(auth, SIGSTOP), 0);
    for (size_t i = 1; i < DAEMON_COUNT; i++) {
        Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
        const struct rpc_metadata metadata = {.access_token = story->admin.token};
        direct_call(channels[i], &rpc_methods[RPC_STATS_GET], &metadata, &nothing, &answer);
        if (!status_ok(answer.status))
            print_message("  %s: %s\n", daemons[i], answer.status.reason);
        if (!status_ok(answer.status)) break;
    }
    assert_int_equal(kill(auth, SIGCONT), 0);
    assert_true(status_ok(answer.status));
    direct_reset(&answer);
}

// ---- Other people's code -------------------------------------------------------------------

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

/// run gives the exit code of a command of our own words.
static int run(const char *command)
{
    int rc = system(command); // NOLINT(bugprone-command-processor)
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

static int verify(struct story *story, const char *program, const char *script, const char *token)
{
    char path[WORLD_PATH_BYTES + 32], command[1500];
    struct http_answer answer = {0};
    http_expect(story->client, NULL, "GET", "/.well-known/jwks.json", NULL, 200, &answer);
    snprintf(path, sizeof path, "%s/jwks.json", story->world.data);
    write_text(path, answer.text);
    http_answer_reset(&answer);
    snprintf(path, sizeof path, "%s/token", story->world.data);
    write_text(path, token);
    snprintf(command, sizeof command,
             "%s '%s/tests/integration/%s' '%s/jwks.json' '%s/token' >'%s/claims.json' 2>&1",
             program, getenv("FLORIN_SOURCE_DIR"), script, story->world.data, story->world.data,
             story->world.data);
    return run(command);
}

static void expect_claims(struct story *story)
{
    char path[WORLD_PATH_BYTES + 32];
    json_error_t error;
    snprintf(path, sizeof path, "%s/claims.json", story->world.data);
    json_t *claims = json_load_file(path, 0, &error);
    if (claims == NULL) fail_msg("no claims: %s", error.text);
    assert_string_equal(json_string_value(json_object_get(claims, "iss")), "florin-auth");
    assert_string_equal(json_string_value(json_object_get(claims, "aud")), "florin");
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), story->admin_id);
    assert_true(json_integer_value(json_object_get(claims, "exp")) >
                json_integer_value(json_object_get(claims, "iat")));
    json_decref(claims);
}

static void test_tokens_verify_with_other_implementations(void **state)
{
    struct story *story = *state;

    static const struct {
        const char *name, *program, *script, *present;
    } rows[] = {
        {"Node", "node", "jose_verify.js",
         "node -e 'require(\"crypto\").generateKeyPairSync(\"ed25519\")' >/dev/null 2>&1"},
        {"Python", "python3", "jose_verify.py", "python3 -c 'import cryptography' >/dev/null 2>&1"},
    };

    size_t used = 0;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (run(rows[i].present) != 0) {
            print_message("%s with Ed25519 is not here\n", rows[i].name);
            continue;
        }
        char token[WORLD_TOKEN_BYTES];
        struct rotated rotated;
        people_admin(&story->world, story->client, &story->admin);
        assert_int_equal(verify(story, rows[i].program, rows[i].script, story->admin.token), 0);
        expect_claims(story);
        snprintf(token, sizeof token, "%s", story->admin.token);
        char *payload = strchr(token, '.') + 1; // Says another thing, so that it must be refused,
        payload[30] = payload[30] == 'A' ? 'B' : 'A';
        assert_int_equal(verify(story, rows[i].program, rows[i].script, token), 1);
        wait_and_rotate(story, &rotated); // and after a rotation old and new ones are right.
        assert_int_equal(verify(story, rows[i].program, rows[i].script, story->admin.token), 0);
        people_admin(&story->world, story->client, &story->admin);
        assert_int_equal(verify(story, rows[i].program, rows[i].script, story->admin.token), 0);
        used++;
    }
    if (used > 0) return;
    print_message("skipped: neither Node nor Python with an Ed25519 of their own is here\n");
    skip();
}

// ---- Under load ----------------------------------------------------------------------------

/// Somebody who uses one daemon without a pause, with each token from when it is new.
struct user {
    pthread_t thread;
    struct story *story;
    struct rpc_channel *channel;
    const char *daemon;
    atomic_bool *stop;
    size_t calls, refused;
    char reason[64];
};

struct token_of_now {
    pthread_mutex_t lock;
    char token[WORLD_TOKEN_BYTES];
};

static struct token_of_now newest = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void set_newest(const char *token)
{
    pthread_mutex_lock(&newest.lock);
    snprintf(newest.token, sizeof newest.token, "%s", token);
    pthread_mutex_unlock(&newest.lock);
}

static void *use_daemon(void *context)
{
    struct user *user = context;
    struct direct_answer answer = {0};
    char token[WORLD_TOKEN_BYTES];
    while (!atomic_load(user->stop)) {
        Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
        pthread_mutex_lock(&newest.lock);
        memcpy(token, newest.token, sizeof token);
        pthread_mutex_unlock(&newest.lock);
        const struct rpc_metadata metadata = {.access_token = token};
        direct_call(user->channel, &rpc_methods[RPC_STATS_GET], &metadata, &nothing, &answer);
        user->calls++;
        if (status_ok(answer.status)) continue;
        user->refused++;
        snprintf(user->reason, sizeof user->reason, "%s", answer.status.reason);
    }
    direct_reset(&answer);
    return NULL;
}

/// Rotates as quickly as it is allowed to, and logs in between: each token is used at once.
static void test_rotations_under_load_refuse_no_good_token(void **state)
{
    struct story *story = *state;
    struct user users[DAEMON_COUNT];
    atomic_bool stop = false;
    char old_token[WORLD_TOKEN_BYTES];
    people_admin(&story->world, story->client, &story->admin);
    memcpy(old_token, story->admin.token, sizeof old_token);
    set_newest(story->admin.token);
    for (size_t i = 0; i < DAEMON_COUNT; i++) {
        users[i] = (struct user){.story = story,
                                 .channel = direct_open(&story->world, daemons[i]),
                                 .daemon = daemons[i],
                                 .stop = &stop};
        direct_wait_up(users[i].channel);
        assert_int_equal(pthread_create(&users[i].thread, NULL, use_daemon, &users[i]), 0);
    }
    struct rotated rotated;
    for (size_t i = 0; i < ROTATIONS; i++) {
        wait_and_rotate(story, &rotated);
        people_admin(&story->world, story->client, &story->admin);
        set_newest(story->admin.token); // Signed by the key that has just taken over.
    }
    set_newest(old_token); // Of a key that retired six rotations ago.
    poll(NULL, 0, LEAD_MS / 2);
    atomic_store(&stop, true);
    for (size_t i = 0; i < DAEMON_COUNT; i++) {
        pthread_join(users[i].thread, NULL);
        print_message("  %s: %zu calls\n", users[i].daemon, users[i].calls);
        if (users[i].refused > 0)
            fail_msg("%s refused %zu good tokens: %s", users[i].daemon, users[i].refused,
                     users[i].reason);
        assert_true(users[i].calls > ROTATIONS);
    }
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    // Daemons hear of a new key at once: what the two minutes are for are caches elsewhere.
    snprintf(story.world.ini, sizeof story.world.ini, "[auth]\nsigning_key_lead = %dms\n", LEAD_MS);
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    people_admin(&story.world, story.client, &story.admin);
    struct http_answer answer = {0};
    http_expect(story.client, story.admin.token, "GET", "/v1/me", NULL, 200, &answer);
    snprintf(story.admin_id, sizeof story.admin_id, "%s", http_text(&answer, "id"));
    http_answer_reset(&answer);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_operator_rotates_and_is_told_the_kids),
        cmocka_unit_test(test_daemons_hear_of_new_keys_before_they_are_used),
        cmocka_unit_test(test_tokens_verify_with_other_implementations),
        cmocka_unit_test(test_rotations_under_load_refuse_no_good_token),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("keys", tests, open_story, close_story);
}
