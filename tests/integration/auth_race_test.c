// Many at once, on real processes over HTTP: one refresh token has one successor, codes are
// compared five times and used once, an attacker locks nobody out.
#include "tests/integration/cast.h"
#include "tests/support/codes.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CLIENTS = 64,
    BODY_BYTES = WORLD_TOKEN_BYTES + 128,
    ATTEMPTS_MAX = 5,
    ATTACKERS = 4,
    ATTACK_MS = 2000
};

#define PASSWORD "copper kettle on the hill"

struct story {
    struct world world;
    struct http_client *client;
    struct person person;
    struct codes codes;
};

// ---- A crowd ------------------------------------------------------------------------------------

struct racer {
    const struct world *world;
    pthread_barrier_t *start;
    pthread_t thread;
    const char *path, *body;
    long status;
    char reason[64], refresh_token[WORLD_TOKEN_BYTES];
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct http_answer answer = {0};
    struct http_client *client = http_client_open(racer->world);
    http_call(client, NULL, "GET", "/livez", NULL, NULL, &answer); // The connection is there.
    pthread_barrier_wait(racer->start);
    do
        http_call(client, NULL, "POST", racer->path, racer->body, NULL, &answer);
    while (answer.status == 503); // Busy: the same again.
    racer->status = answer.status;
    snprintf(racer->reason, sizeof racer->reason, "%s", http_text(&answer, "reason"));
    snprintf(racer->refresh_token, sizeof racer->refresh_token, "%s",
             http_text(&answer, "refresh_token"));
    http_answer_reset(&answer);
    http_client_close(&client);
    return NULL;
}

/// Sends one body from all of them at the same moment.
static void run_race(const struct story *story, const char *path, const char *body,
                     struct racer ret[static CLIENTS])
{
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, CLIENTS), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        ret[i] =
            (struct racer){.world = &story->world, .start = &start, .path = path, .body = body};
        assert_int_equal(pthread_create(&ret[i].thread, NULL, race, &ret[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(ret[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

static unsigned count_status(const struct racer *racers, long status)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        count += racers[i].status == status;
    return count;
}

static unsigned count_reason(const struct racer *racers, const char *reason)
{
    unsigned count = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        count += strcmp(racers[i].reason, reason) == 0;
    return count;
}

// ---- Refreshing ---------------------------------------------------------------------------------

static void test_one_refresh_token_has_one_successor(void **state)
{
    struct story *story = *state;
    static struct racer racers[CLIENTS];
    char body[BODY_BYTES];
    struct http_answer answer = {0};
    people_login(story->client, &story->person);
    snprintf(body, sizeof body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             story->person.refresh_token);
    run_race(story, "/oauth2/token", body, racers);
    assert_int_equal(count_status(racers, 200), CLIENTS);
    for (unsigned i = 1; i < CLIENTS; i++)
        assert_string_equal(racers[i].refresh_token, racers[0].refresh_token);
    assert_string_not_equal(racers[0].refresh_token, story->person.refresh_token);
    snprintf(body, sizeof body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             racers[0].refresh_token);
    http_expect(story->client, NULL, "POST", "/oauth2/token", body, 200, &answer);
    http_answer_reset(&answer);
}

// ---- Codes --------------------------------------------------------------------------------------

static void begin_registration(struct story *story, const char *name,
                               char ret_id[static WORLD_ID_BYTES])
{
    char body[BODY_BYTES];
    struct http_answer answer = {0};
    snprintf(body, sizeof body,
             "{\"email\":\"%s@example.com\",\"password\":\"" PASSWORD
             "\",\"full_name\":\"Test %s\"}",
             name, name);
    http_expect(story->client, NULL, "POST", "/v1/auth/register", body, 202, &answer);
    snprintf(ret_id, WORLD_ID_BYTES, "%s", http_text(&answer, "registration_id"));
    http_answer_reset(&answer);
}

static void test_wrong_codes_are_compared_five_times(void **state)
{
    struct story *story = *state;
    static struct racer racers[CLIENTS];
    char id[WORLD_ID_BYTES], body[BODY_BYTES];
    begin_registration(story, "wrong", id);
    snprintf(body, sizeof body,
             "{\"registration_id\":\"%s\",\"channel\":\"email\",\"code\":\"000000\"}", id);
    run_race(story, "/v1/auth/register/verify", body, racers);
    assert_int_equal(count_reason(racers, "OTP_INVALID"), ATTEMPTS_MAX);
    assert_int_equal(count_reason(racers, "OTP_EXHAUSTED"), CLIENTS - ATTEMPTS_MAX);
}

static void test_a_right_code_is_used_once(void **state)
{
    struct story *story = *state;
    static struct racer racers[CLIENTS];
    char id[WORLD_ID_BYTES], code[WORLD_ID_BYTES], body[BODY_BYTES];
    begin_registration(story, "right", id);
    codes_take(&story->codes, &story->world, "right", code);
    snprintf(body, sizeof body,
             "{\"registration_id\":\"%s\",\"channel\":\"email\",\"code\":\"%s\"}", id, code);
    run_race(story, "/v1/auth/register/verify", body, racers);
    assert_int_equal(count_status(racers, 201), 1);
    assert_int_equal(count_status(racers, 400), CLIENTS - 1);
}

/// A person with an authenticator; gives its secret.
static void enrol(struct story *story, const char *name, struct person *ret,
                  char ret_secret[static 64])
{
    char code[WORLD_ID_BYTES], body[BODY_BYTES];
    struct http_answer answer = {0};
    people_register(&story->world, story->client, name, ret);
    http_expect(story->client, ret->token, "POST", "/v1/me/totp", "{\"password\":\"" PASSWORD "\"}",
                201, &answer);
    snprintf(ret_secret, 64, "%s", http_text(&answer, "secret"));
    codes_totp(ret_secret, true, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    http_expect(story->client, ret->token, "POST", "/v1/me/totp:confirm", body, 200, &answer);
    http_answer_reset(&answer);
}

static void begin_login(struct story *story, const struct person *person,
                        char ret_id[static WORLD_ID_BYTES])
{
    char body[BODY_BYTES];
    struct http_answer answer = {0};
    snprintf(body, sizeof body, "{\"identifier\":\"%s\",\"password\":\"" PASSWORD "\"}",
             person->email);
    http_expect(story->client, NULL, "POST", "/v1/auth/login", body, 200, &answer);
    assert_string_equal(http_text(&answer, "status"), "mfa_required");
    snprintf(ret_id, WORLD_ID_BYTES, "%s", http_text(&answer, "login_id"));
    http_answer_reset(&answer);
}

static void test_an_authenticators_code_lets_one_in(void **state)
{
    struct story *story = *state;
    static struct racer racers[CLIENTS];
    struct person person;
    char secret[64], id[WORLD_ID_BYTES], code[WORLD_ID_BYTES], body[BODY_BYTES];
    enrol(story, "totp", &person, secret);
    begin_login(story, &person, id);
    snprintf(body, sizeof body, "{\"login_id\":\"%s\",\"method\":\"totp\",\"code\":\"000000\"}",
             id);
    run_race(story, "/v1/auth/login/verify", body, racers);
    assert_int_equal(count_reason(racers, "OTP_INVALID"), ATTEMPTS_MAX);
    assert_int_equal(count_reason(racers, "OTP_EXHAUSTED"), CLIENTS - ATTEMPTS_MAX);
    begin_login(story, &person, id);
    codes_totp(secret, false, code);
    snprintf(body, sizeof body, "{\"login_id\":\"%s\",\"method\":\"totp\",\"code\":\"%s\"}", id,
             code);
    run_race(story, "/v1/auth/login/verify", body, racers);
    assert_int_equal(count_status(racers, 200), 1);
}

// ---- An attacker --------------------------------------------------------------------------------

struct attacker {
    const struct world *world;
    pthread_t thread;
    unsigned number;
    atomic_bool *is_over;
    unsigned guesses;
};

/// Guesses from ever new addresses, so that no address is throttled: 100 a second from all.
static void *attack(void *context)
{
    struct attacker *attacker = context;
    struct http_client *client = http_client_open(attacker->world);
    struct http_answer answer = {0};
    while (!atomic_load(attacker->is_over)) {
        char from[64];
        unsigned n = attacker->guesses++;
        snprintf(from, sizeof from, "X-Forwarded-For: 10.%u.%u.%u", attacker->number, n / 250,
                 n % 250 + 1);
        http_call(client, NULL, "POST", "/v1/auth/login",
                  "{\"identifier\":\"victim@example.com\",\"password\":\"a guess, and no more\"}",
                  from, &answer);
        assert_int_not_equal(answer.status, 200);
        poll(NULL, 0, 1000 / 100 * ATTACKERS);
    }
    http_answer_reset(&answer);
    http_client_close(&client);
    return NULL;
}

static void test_an_attacker_locks_nobody_out(void **state)
{
    struct story *story = *state;
    struct person victim;
    atomic_bool is_over = false;
    struct attacker attackers[ATTACKERS];
    struct http_answer answer = {0};
    static const char login[] =
        "{\"identifier\":\"victim@example.com\",\"password\":\"" PASSWORD "\",\"device\":\"%s\"}";
    char known[BODY_BYTES], unknown[BODY_BYTES];
    snprintf(known, sizeof known, login, "phone");
    snprintf(unknown, sizeof unknown, login, "the attacker's");
    people_register(&story->world, story->client, "victim", &victim);
    http_expect(story->client, NULL, "POST", "/v1/auth/login", known, 200, &answer);
    for (unsigned i = 0; i < ATTACKERS; i++) {
        attackers[i] =
            (struct attacker){.world = &story->world, .number = i + 1, .is_over = &is_over};
        assert_int_equal(pthread_create(&attackers[i].thread, NULL, attack, &attackers[i]), 0);
    }
    for (unsigned waited_ms = 0; waited_ms < ATTACK_MS; waited_ms += 200) {
        http_expect(story->client, NULL, "POST", "/v1/auth/login", known, 200, &answer);
        poll(NULL, 0, 200);
    }
    // From where the guesses come, the right password too is refused meanwhile.
    http_expect(story->client, NULL, "POST", "/v1/auth/login", unknown, 401, &answer);
    atomic_store(&is_over, true);
    unsigned guesses = 0;
    for (unsigned i = 0; i < ATTACKERS; i++) {
        pthread_join(attackers[i].thread, NULL);
        guesses += attackers[i].guesses;
    }
    http_answer_reset(&answer);
    assert_true(guesses > 20);
    printf("%u guesses; the owner was let in each time\n", guesses);
}

// ---- Life ---------------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    snprintf(story.world.ini, sizeof story.world.ini,
             "[auth]\naddress_failures_max = 0\n[gateway]\ntrusted_proxies = 127.0.0.1\n");
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    people_register(&story.world, story.client, "asha", &story.person);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    codes_reset(&story->codes);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_refresh_token_has_one_successor),
        cmocka_unit_test(test_wrong_codes_are_compared_five_times),
        cmocka_unit_test(test_a_right_code_is_used_once),
        cmocka_unit_test(test_an_authenticators_code_lets_one_in),
        cmocka_unit_test(test_an_attacker_locks_nobody_out),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("auth races", tests, open_story, close_story);
}
