// The end of a token: whatever ends it, every daemon refuses it by itself within moments, asked
// directly and through the gateway; a restart forgets nothing; and when auth hangs, tokens that
// were good go on until nobody can vouch for them any more, and not longer.
#include "common/base/clock.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "florin/rpc/v1/rpc_methods.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"
#include "tests/support/codes.h"

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
    ROUNDS = 8,
    TAKEN_MS_MAX = 5000, // Of a test: the figure that counts is printed.
    STALE_MS_MAX = 20000,
    SAMPLES_MAX = 1024,
    PATH_BYTES = 160,
    BODY_BYTES = WORLD_TOKEN_BYTES + 128,
};

#define PASSWORD "copper kettle on the hill" // Of everybody.

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

enum { DAEMON_COUNT = sizeof daemons / sizeof daemons[0], LEDGER = 1 };

struct story {
    struct world world;
    struct http_client *client;
    struct person admin;
    struct codes codes;
    struct rpc_channel *channels[DAEMON_COUNT];
    struct direct_answer answer;
    uint64_t samples_ns[SAMPLES_MAX];
    size_t sample_count;
};

// ---- What is answered ---------------------------------------------------------------------------

enum verdict { COUNTS, ENDED, UNKNOWN };

// A customer may not read metrics: PERMISSION_DENIED says that the token counts, UNAUTHENTICATED
// that it does not, UNAVAILABLE that it cannot be known now.
static enum verdict ask_daemon(struct story *story, unsigned daemon, const char *token)
{
    const struct rpc_metadata metadata = {.access_token = token};
    Envelope__StatsRequest nothing = ENVELOPE__STATS_REQUEST__INIT;
    direct_call(story->channels[daemon], &rpc_methods[RPC_STATS_GET], &metadata, &nothing,
                &story->answer);
    const struct status *status = &story->answer.status;
    switch (status->code) {
    case STATUS_PERMISSION_DENIED:
        return COUNTS;
    case STATUS_UNAUTHENTICATED:
        assert_string_equal(status->reason, "TOKEN_REVOKED");
        return ENDED;
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED:
        return UNKNOWN;
    default:
        fail_msg("%s: %s", daemons[daemon], status->reason);
        return UNKNOWN;
    }
}

static enum verdict ask_gateway(struct story *story, const char *token)
{
    struct http_answer answer = {0};
    http_call(story->client, token, "GET", "/v1/kyc/status", NULL, NULL, &answer);
    long status = answer.status;
    if (status == 401) assert_string_equal(http_text(&answer, "reason"), "TOKEN_REVOKED");
    http_answer_reset(&answer);
    return status == 401 ? ENDED : status >= 500 ? UNKNOWN : COUNTS;
}

static void expect_to_count(struct story *story, const char *token)
{
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++)
        assert_int_equal(ask_daemon(story, daemon, token), COUNTS);
    assert_int_equal(ask_gateway(story, token), COUNTS);
}

/// Asks until everybody refuses, and notes how long each took.
static void expect_to_end(struct story *story, const char *token, uint64_t begun_ns)
{
    bool ended[DAEMON_COUNT + 1] = {false};
    for (unsigned left = DAEMON_COUNT + 1; left > 0;) {
        for (unsigned i = 0; i <= DAEMON_COUNT; i++) {
            if (ended[i]) continue;
            enum verdict verdict =
                i < DAEMON_COUNT ? ask_daemon(story, i, token) : ask_gateway(story, token);
            uint64_t took_ns = clock_mono_ns() - begun_ns;
            if (verdict == COUNTS && took_ns > TAKEN_MS_MAX * NS_PER_MS)
                fail_msg("%s takes it still", i < DAEMON_COUNT ? daemons[i] : "the gateway");
            if (verdict != ENDED) continue;
            ended[i] = true;
            left--;
            if (story->sample_count < SAMPLES_MAX)
                story->samples_ns[story->sample_count++] = took_ns;
        }
    }
}

// ---- Whatever ends it ---------------------------------------------------------------------------

static void expect(struct story *story, const char *token, const char *verb, const char *path,
                   const char *body, long status, struct http_answer *answer)
{
    http_expect(story->client, token, verb, path, body, status, answer);
}

/// ask_for keeps one member of the answer.
static void ask_for(struct story *story, const char *token, const char *path, const char *body,
                    long status, const char *member, char *ret, size_t size)
{
    struct http_answer answer = {0};
    expect(story, token, "POST", path, body, status, &answer);
    snprintf(ret, size, "%s", http_text(&answer, member));
    assert_string_not_equal(ret, "");
    http_answer_reset(&answer);
}

static void as_user(struct story *story, const struct person *person, const char *verb,
                    const char *path, const char *body, long status)
{
    struct http_answer answer = {0};
    expect(story, person->token, verb, path, body, status, &answer);
    http_answer_reset(&answer);
}

/// Asks as the administrator, with the person's id in the path.
static void as_admin(struct story *story, const struct person *person, const char *verb,
                     const char *path_format, const char *body, long status)
{
    char path[PATH_BYTES];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/users/%s%s", person->id, path_format);
    expect(story, story->admin.token, verb, path, body, status, &answer);
    http_answer_reset(&answer);
}

static void log_out(struct story *story, struct person *person)
{
    as_user(story, person, "POST", "/v1/auth/logout", "{}", 204);
}

/// From another session, which goes on.
static void end_the_session(struct story *story, struct person *person)
{
    char path[PATH_BYTES];
    struct person other = *person;
    struct http_answer answer = {0};
    expect(story, person->token, "GET", "/v1/auth/sessions?page_size=1", NULL, 200, &answer);
    const json_t *newest = json_array_get(json_object_get(answer.json, "sessions"), 0);
    snprintf(path, sizeof path, "/v1/auth/sessions/%s",
             json_string_value(json_object_get(newest, "id")));
    http_answer_reset(&answer);
    people_login(story->client, &other);
    as_user(story, &other, "DELETE", path, NULL, 204);
    as_user(story, &other, "GET", "/v1/me", NULL, 200);
}

static void log_out_everywhere(struct story *story, struct person *person)
{
    as_user(story, person, "POST", "/v1/auth/logout-all", "{}", 204);
}

static void block(struct story *story, struct person *person)
{
    as_admin(story, person, "POST", ":block", "{\"reason\":\"test\"}", 200);
}

static void unblock(struct story *story, struct person *person)
{
    as_admin(story, person, "POST", ":unblock", "{\"reason\":\"test\"}", 200);
}

static void give_a_role(struct story *story, struct person *person)
{
    as_admin(story, person, "PUT", "/roles", "{\"roles\":[\"customer\",\"support\"]}", 200);
}

static void take_it_back(struct story *story, struct person *person)
{
    as_admin(story, person, "PUT", "/roles", "{\"roles\":[\"customer\"]}", 200);
}

static void move_to(struct story *story, const struct person *person, const char *body)
{
    char path[PATH_BYTES];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/users/%s", person->id);
    http_call(story->client, story->admin.token, "PATCH", path, body, "If-Match: *", &answer);
    assert_int_equal(answer.status, 200);
    http_answer_reset(&answer);
}

static void give_a_branch(struct story *story, struct person *person)
{
    move_to(story, person, "{\"branch\":\"pune-1\"}");
}

static void take_the_branch_back(struct story *story, struct person *person)
{
    move_to(story, person, "{\"branch\":null}");
}

/// An authenticator is enrolled, and lost.
static void reset_the_factors(struct story *story, struct person *person)
{
    char secret[64], code[WORLD_ID_BYTES], body[BODY_BYTES];
    ask_for(story, person->token, "/v1/me/totp", "{\"password\":\"" PASSWORD "\"}", 201, "secret",
            secret, sizeof secret);
    codes_totp(secret, true, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    as_user(story, person, "POST", "/v1/me/totp:confirm", body, 200);
    as_admin(story, person, "POST", ":reset-factors", "{\"reason\":\"test\"}", 200);
}

static void reuse_a_refresh_token(struct story *story, struct person *person)
{
    char body[BODY_BYTES];
    struct http_answer answer = {0};
    char current[WORLD_TOKEN_BYTES];
    snprintf(current, sizeof current, "%s", person->refresh_token);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(body, sizeof body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
                 current);
        expect(story, NULL, "POST", "/oauth2/token", body, 200, &answer);
        snprintf(current, sizeof current, "%s", http_text(&answer, "refresh_token"));
    }
    snprintf(body, sizeof body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             person->refresh_token);
    expect(story, NULL, "POST", "/oauth2/token", body, 401, &answer);
    http_answer_reset(&answer);
}

/// Another session changes the password, and changes it back.
static void change_the_password(struct story *story, struct person *person)
{
    static const char old[] = PASSWORD, new[] = "seven green herons at dusk";
    char body[BODY_BYTES];
    struct person other = *person;
    people_login(story->client, &other);
    snprintf(body, sizeof body, "{\"current_password\":\"%s\",\"new_password\":\"%s\"}", old, new);
    as_user(story, &other, "POST", "/v1/me/password", body, 204);
    snprintf(body, sizeof body, "{\"current_password\":\"%s\",\"new_password\":\"%s\"}", new, old);
    as_user(story, &other, "POST", "/v1/me/password", body, 204);
}

/// The new password is the old one: the next login is as ever.
static void reset_the_password(struct story *story, struct person *person)
{
    char id[WORLD_ID_BYTES], code[WORLD_ID_BYTES], body[BODY_BYTES];
    snprintf(body, sizeof body, "{\"identifier\":\"%s\"}", person->email);
    ask_for(story, NULL, "/v1/auth/password/forgot", body, 202, "reset_id", id, sizeof id);
    codes_take(&story->codes, &story->world, "binod", code);
    snprintf(body, sizeof body,
             "{\"reset_id\":\"%s\",\"code\":\"%s\",\"new_password\":\"" PASSWORD "\"}", id, code);
    as_user(story, person, "POST", "/v1/auth/password/reset", body, 204);
}

static void close_the_user(struct story *story, struct person *person)
{
    as_admin(story, person, "DELETE", "", NULL, 204);
}

// clang-format off
static const struct way {
    const char *name;
    void (*end)(struct story *story, struct person *person);
    void (*undo)(struct story *story, struct person *person); // NULL: nothing to undo.
    bool is_final; // The person cannot log in again.
} ways[] = {
    {"logout",              log_out,               NULL,                 false},
    {"logout of all",       log_out_everywhere,    NULL,                 false},
    {"end of the session",  end_the_session,       NULL,                 false},
    {"block",               block,                 unblock,              false},
    {"change of roles",     give_a_role,           take_it_back,         false},
    {"change of branch",    give_a_branch,         take_the_branch_back, false},
    {"reset of factors",    reset_the_factors,     NULL,                 false},
    {"reuse",               reuse_a_refresh_token, NULL,                 false},
    {"password change",     change_the_password,   NULL,                 false},
    {"password reset",      reset_the_password,    NULL,                 false},
    {"closing the user",    close_the_user,        NULL,                 true},
};

// clang-format on

static int by_size(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return one < other ? -1 : one > other;
}

static void print_samples(struct story *story)
{
    size_t count = story->sample_count;
    qsort(story->samples_ns, count, sizeof story->samples_ns[0], by_size);
    printf("from the answer to the refusal: median %.1f ms, p99 %.1f ms, longest %.1f ms of %zu\n",
           (double)story->samples_ns[count / 2] / 1e6,
           (double)story->samples_ns[count * 99 / 100] / 1e6,
           (double)story->samples_ns[count - 1] / 1e6, count);
    story->sample_count = 0;
}

static void test_whatever_ends_a_token_ends_it_everywhere(void **state)
{
    struct story *story = *state;
    struct person person;
    char code[WORLD_ID_BYTES];
    people_register(&story->world, story->client, "binod", &person);
    codes_take(&story->codes, &story->world, "binod", code); // The registration's, used by now.
    people_admin(&story->world, story->client, &story->admin);
    as_user(story, &story->admin, "POST", "/v1/branches", "{\"code\":\"pune-1\",\"name\":\"Pune\"}",
            201);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        for (unsigned round = 0; round < (ways[i].is_final ? 1 : ROUNDS); round++) {
            people_login(story->client, &person);
            people_admin(&story->world, story->client, &story->admin);
            expect_to_count(story, person.token);
            ways[i].end(story, &person);
            expect_to_end(story, person.token, clock_mono_ns());
            if (ways[i].undo != NULL) ways[i].undo(story, &person);
        }
    }
    print_samples(story);
}

static void test_a_revoked_api_key_ends_its_tokens_everywhere(void **state)
{
    struct story *story = *state;
    struct person owner;
    people_register(&story->world, story->client, "gita", &owner);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char key[128], token[WORLD_TOKEN_BYTES], body[BODY_BYTES], path[PATH_BYTES];
        struct http_answer answer = {0};
        expect(story, owner.token, "POST", "/v1/api-keys",
               "{\"name\":\"export\",\"scopes\":[\"kyc.self.read\"]}", 201, &answer);
        snprintf(key, sizeof key, "%s", http_text(&answer, "key"));
        const json_t *id = json_object_get(json_object_get(answer.json, "api_key"), "id");
        snprintf(path, sizeof path, "/v1/api-keys/%s", json_string_value(id));
        http_answer_reset(&answer);
        snprintf(body, sizeof body,
                 "{\"grant_type\":\"client_credentials\",\"client_secret\":\"%s\"}", key);
        ask_for(story, NULL, "/oauth2/token", body, 200, "access_token", token, sizeof token);
        expect_to_count(story, token);
        as_user(story, &owner, "DELETE", path, NULL, 204);
        expect_to_end(story, token, clock_mono_ns());
    }
    print_samples(story);
}

// ---- Restarts -----------------------------------------------------------------------------------

static void restart(struct story *story, unsigned daemon)
{
    pid_t before = world_daemon_pid(&story->world, daemons[daemon]), now = before;
    assert_true(before > 0);
    kill(before, SIGKILL);
    for (unsigned i = 0; i < WAIT_TRIES && (now == before || now == 0); i++) {
        poll(NULL, 0, WAIT_PAUSE_MS);
        now = world_daemon_pid(&story->world, daemons[daemon]);
    }
    assert_true(now > 0 && now != before);
}

static void test_a_restart_forgets_no_end(void **state)
{
    struct story *story = *state;
    struct person left, blocked;
    people_register(&story->world, story->client, "chitra", &left);
    people_register(&story->world, story->client, "dinesh", &blocked);
    people_admin(&story->world, story->client, &story->admin);
    log_out(story, &left);
    block(story, &blocked);
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        restart(story, daemon);
        const char *const tokens[] = {left.token, blocked.token};
        for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
            enum verdict verdict =
                UNKNOWN; // A daemon that starts may say so; never that it counts.
            for (unsigned tries = 0; tries < WAIT_TRIES && verdict == UNKNOWN; tries++) {
                direct_wait_up(story->channels[daemon]);
                verdict = ask_daemon(story, daemon, tokens[i]);
            }
            assert_int_equal(verdict, ENDED);
        }
        world_wait_ready(&story->world);
    }
}

// ---- When nobody can vouch for a token ----------------------------------------------------------

/// Asks until the answer is another one; fails when it never is.
static void wait_for(struct story *story, unsigned daemon, const char *token, enum verdict wanted)
{
    uint64_t begun_ns = clock_mono_ns();
    while (ask_daemon(story, daemon, token) != wanted) {
        assert_true(clock_mono_ns() < begun_ns + STALE_MS_MAX * NS_PER_MS);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
}

static void test_without_auth_nothing_is_accepted_blindly(void **state)
{
    struct story *story = *state;
    struct person good, left;
    people_register(&story->world, story->client, "esha", &good);
    people_register(&story->world, story->client, "farid", &left);
    expect_to_count(story, good.token);
    log_out(story, &left);
    expect_to_end(story, left.token, clock_mono_ns());
    pid_t auth = world_daemon_pid(&story->world, "auth");
    assert_int_equal(kill(auth, SIGSTOP), 0); // It hangs; the supervisor sees nothing wrong.
    // A moment later all is as it was; what had ended has ended.
    assert_int_equal(ask_daemon(story, LEDGER, good.token), COUNTS);
    assert_int_equal(ask_daemon(story, LEDGER, left.token), ENDED);
    for (unsigned daemon = 1; daemon < DAEMON_COUNT; daemon++) {
        wait_for(story, daemon, good.token, UNKNOWN);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(ask_daemon(story, daemon, good.token), UNKNOWN);
            assert_int_not_equal(ask_daemon(story, daemon, left.token), COUNTS);
        }
    }
    assert_int_equal(ask_gateway(story, good.token), UNKNOWN);
    assert_int_equal(kill(auth, SIGCONT), 0);
    for (unsigned daemon = 1; daemon < DAEMON_COUNT; daemon++) {
        wait_for(story, daemon, good.token, COUNTS);
        wait_for(story, daemon, left.token, ENDED);
    }
    world_wait_ready(&story->world);
}

// ---- Life ---------------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    for (unsigned daemon = 0; daemon < DAEMON_COUNT; daemon++) {
        story.channels[daemon] = direct_open(&story.world, daemons[daemon]);
        direct_wait_up(story.channels[daemon]);
    }
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    direct_reset(&story->answer);
    codes_reset(&story->codes);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_ends_a_token_ends_it_everywhere),
        cmocka_unit_test(test_a_revoked_api_key_ends_its_tokens_everywhere),
        cmocka_unit_test(test_a_restart_forgets_no_end),
        cmocka_unit_test(test_without_auth_nothing_is_accepted_blindly),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("revocation", tests, open_story, close_story);
}
