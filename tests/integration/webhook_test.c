// Webhooks of a running Florin, to a real receiver over TLS: kill -9 of audit while it delivers
// loses no event, each event has one id, and what arrives verifies with another implementation.
#include "tests/crash/kills.h"
#include "tests/integration/cast.h"
#include "tests/support/directory.h"
#include "tests/support/web_peer.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    TRANSFERS = 250,
    KILLS = 12,
    PAUSE_MS_MAX = 300,
    LETTERS_MAX = 8192,
    WAIT_TRIES = 6000,
    WAIT_PAUSE_MS = 10,
    PATH_BYTES = 160,
};

/// What arrived: the three headers, and whose event it is.
struct letter {
    char id[128], timestamp[24], signature[128], resource[64], type[48];
    char *body;
    bool is_taken; // It was answered 2xx.
};

struct story {
    struct cast cast;
    struct person ops;
    struct customer payer, payee;
    cast_id transfers[TRANSFERS];
    char directory[DIRECTORY_PATH_BYTES], pem[DIRECTORY_PATH_BYTES + 8];
    struct peer_identity *identity;
    struct web_peer *web;
    char webhook[WORLD_ID_BYTES], secret[64];

    pthread_mutex_t lock; // Of what follows.
    bool is_moody;        // Refuses, hangs up or is slow now and then.
    unsigned seed;
    struct letter letters[LETTERS_MAX];
    size_t letter_count;
};

// ---- The receiver --------------------------------------------------------------------------

static void take_letter(struct letter *letter, const struct web_received *received)
{
    web_received_header(received, "webhook-id", letter->id, sizeof letter->id);
    web_received_header(received, "webhook-timestamp", letter->timestamp, sizeof letter->timestamp);
    web_received_header(received, "webhook-signature", letter->signature, sizeof letter->signature);
    letter->body = strdup(received->body);
    json_t *json = json_loads(received->body, 0, NULL);
    if (letter->body == NULL || json == NULL) abort(); // On the receiver's thread.
    const char *resource =
        json_string_value(json_object_get(json_object_get(json, "data"), "resource"));
    snprintf(letter->resource, sizeof letter->resource, "%s", resource != NULL ? resource : "");
    snprintf(letter->type, sizeof letter->type, "%s",
             json_string_value(json_object_get(json, "type")));
    json_decref(json);
}

static bool was_seen(const struct story *story, const struct letter *letter)
{
    for (const struct letter *other = story->letters; other < letter; other++)
        if (strcmp(other->id, letter->id) == 0) return true;
    return false;
}

static struct web_answer receive(void *context, size_t number, const struct web_received *received)
{
    static const char *const moods[] = {"204 No Content", "204 No Content", "204 No Content",
                                        "200 OK",         "500 Oh",         ""};
    struct story *story = context;
    (void)number;
    pthread_mutex_lock(&story->lock);
    if (story->letter_count == LETTERS_MAX) abort();
    struct letter *letter = &story->letters[story->letter_count++];
    take_letter(letter, received);
    const char *status = moods[0];
    if (story->is_moody && !was_seen(story, letter)) // The third attempt comes after minutes.
        status = moods[(unsigned)rand_r(&story->seed) % (sizeof moods / sizeof moods[0])];
    letter->is_taken = status[0] == '2';
    pthread_mutex_unlock(&story->lock);
    return (struct web_answer){status, "", NULL};
}

static void set_moody(struct story *story, bool is_moody)
{
    pthread_mutex_lock(&story->lock);
    story->is_moody = is_moody;
    pthread_mutex_unlock(&story->lock);
}

static size_t count_letters(struct story *story)
{
    pthread_mutex_lock(&story->lock);
    size_t count = story->letter_count;
    pthread_mutex_unlock(&story->lock);
    return count;
}

static void forget_letters(struct story *story)
{
    pthread_mutex_lock(&story->lock);
    for (size_t i = 0; i < story->letter_count; i++)
        free(story->letters[i].body);
    memset(story->letters, 0, sizeof story->letters);
    story->letter_count = 0;
    pthread_mutex_unlock(&story->lock);
}

static bool is_delivered(struct story *story, const char *transfer)
{
    char resource[64];
    bool found = false;
    snprintf(resource, sizeof resource, "transfers/%s", transfer);
    pthread_mutex_lock(&story->lock);
    for (size_t i = 0; i < story->letter_count && !found; i++)
        found = story->letters[i].is_taken && strcmp(story->letters[i].resource, resource) == 0;
    pthread_mutex_unlock(&story->lock);
    return found;
}

static void wait_for_letters(struct story *story, size_t count)
{
    for (unsigned i = 0; count_letters(story) < count; i++) {
        if (i == WAIT_TRIES) fail_msg("only %zu of %zu arrived", count_letters(story), count);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
}

// ---- Asking --------------------------------------------------------------------------------

/// ask calls /v1/webhooks<path> as the operator; a star in the path is the webhook's id.
static void ask(struct story *story, const char *method, const char *path, const char *body,
                long status, struct http_answer *ret)
{
    char whole[PATH_BYTES];
    const char *place = strchr(path, '*');
    size_t before = place != NULL ? (size_t)(place - path) : strlen(path);
    snprintf(whole, sizeof whole, "/v1/webhooks%.*s%s%s", (int)before, path,
             place != NULL ? story->webhook : "", place != NULL ? place + 1 : "");
    http_expect(story->cast.client, story->ops.token, method, whole, body, status, ret);
}

static void wait_until_nothing_waits(struct story *story)
{
    for (unsigned i = 0;; i++) {
        struct http_answer answer = {0};
        ask(story, "GET", "/*", NULL, 200, &answer);
        bool is_idle = strcmp(http_text(&answer, "waiting"), "0") == 0;
        http_answer_reset(&answer);
        if (is_idle) return;
        if (i == WAIT_TRIES) fail_msg("messages still wait");
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
}

/// check_signatures lets the script look at what arrived.
static void check_signatures(struct story *story, const char *secrets)
{
    char path[DIRECTORY_PATH_BYTES + 16], command[2048];
    snprintf(path, sizeof path, "%s/letters", story->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < story->letter_count; i++) {
        const struct letter *letter = &story->letters[i];
        json_t *json =
            json_pack("{s:s, s:s, s:s, s:s}", "id", letter->id, "timestamp", letter->timestamp,
                      "signature", letter->signature, "body", letter->body);
        assert_non_null(json);
        json_dumpf(json, file, JSON_COMPACT);
        fputc('\n', file);
        json_decref(json);
    }
    assert_int_equal(fclose(file), 0);
    if (system("python3 -c 'import hmac' >/dev/null 2>&1") != 0) {
        print_message("skipped: there is no python3 to verify the signatures\n");
        return;
    }
    snprintf(command, sizeof command,
             "python3 '%s/tests/integration/webhook_verify.py' '%s' %s >/dev/null",
             getenv("FLORIN_SOURCE_DIR"), path, secrets);
    int status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

// ---- The story -----------------------------------------------------------------------------

static void *make_transfers(void *context)
{
    struct story *story = context;
    struct http_client *client = http_client_open(&story->cast.world);
    for (unsigned i = 0; i < TRANSFERS; i++) {
        char body[512];
        struct http_answer answer = {0};
        people_new_id(story->transfers[i]);
        snprintf(body, sizeof body,
                 "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
                 "\"amount\":\"1\",\"currency\":\"INR\"}",
                 story->transfers[i], story->payer.account, story->payee.account);
        for (;;) {
            http_call(client, story->payer.person.token, "POST", "/v1/transfers", body, NULL,
                      &answer);
            if (answer.status == 201 || answer.status == 200) break;
            if (answer.status != 503 && answer.status != 429 && answer.status != 0) abort();
            http_answer_reset(&answer);
            poll(NULL, 0, WAIT_PAUSE_MS);
        }
        http_answer_reset(&answer);
        poll(NULL, 0, 8); // So that it lasts as long as audit is killed.
    }
    http_client_close(&client);
    return NULL;
}

static void check_ids(struct story *story)
{
    for (size_t i = 0; i < story->letter_count; i++) {
        for (size_t k = 0; k < i; k++) {
            bool same_id = strcmp(story->letters[i].id, story->letters[k].id) == 0;
            bool same_event = strcmp(story->letters[i].resource, story->letters[k].resource) == 0;
            if (same_id != same_event)
                fail_msg("%s for %s, and %s for %s", story->letters[i].id,
                         story->letters[i].resource, story->letters[k].id,
                         story->letters[k].resource);
            if (same_id) assert_string_equal(story->letters[i].body, story->letters[k].body);
        }
    }
}

static void test_no_event_is_lost_when_audit_dies_while_it_delivers(void **state)
{
    static const char *const daemons[] = {"audit"};
    struct story *story = *state;
    pthread_t payer;
    unsigned seed = kills_seed();
    story->seed = seed; // Nobody is moody yet, so nobody looks.
    set_moody(story, true);
    assert_int_equal(pthread_create(&payer, NULL, make_transfers, story), 0);
    struct kills kills = {.world = &story->cast.world,
                          .daemons = daemons,
                          .daemon_count = 1,
                          .count = KILLS,
                          .pause_ms_max = PAUSE_MS_MAX};
    assert_true(kills_run(&kills, seed) >= KILLS);
    pthread_join(payer, NULL);
    for (unsigned i = 0; i < TRANSFERS; i++) {
        for (unsigned tries = 0; !is_delivered(story, story->transfers[i]); tries++) {
            if (tries == WAIT_TRIES) fail_msg("transfer %u never arrived", i);
            poll(NULL, 0, WAIT_PAUSE_MS);
        }
    }
    set_moody(story, false);
    wait_until_nothing_waits(story);
    check_ids(story);
    check_signatures(story, story->secret);
    struct http_answer answer = {0};
    ask(story, "GET", "/*/deliveries?state=DELIVERED&page_size=1000", NULL, 200, &answer);
    // And perhaps the deposits, if the log heard of them after the webhook was made.
    size_t delivered = json_array_size(json_object_get(answer.json, "deliveries"));
    assert_in_range(delivered, TRANSFERS, TRANSFERS + 2);
    http_answer_reset(&answer);
}

static void test_a_replay_brings_the_same_ids(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    size_t letters = count_letters(story);
    ask(story, "POST", "/*:replay", "{}", 202, &answer);
    http_answer_reset(&answer);
    wait_until_nothing_waits(story);
    // All transfers since the beginning of the log, those before the webhook too.
    wait_for_letters(story, letters + TRANSFERS);
    wait_until_nothing_waits(story);
    check_ids(story);
}

static void test_a_rotated_secret_signs_beside_the_old_one(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    char secrets[2 * sizeof story->secret];
    forget_letters(story);
    ask(story, "POST", "/*:rotate-secret", "{\"overlap_seconds\":600}", 200, &answer);
    snprintf(secrets, sizeof secrets, "%s %s", story->secret, http_text(&answer, "secret"));
    http_answer_reset(&answer);
    ask(story, "POST", "/*:test", "{}", 202, &answer);
    assert_string_equal(http_text(&answer, "type"), "webhook.test");
    http_answer_reset(&answer);
    wait_for_letters(story, 1);
    wait_until_nothing_waits(story);
    assert_string_equal(story->letters[0].type, "webhook.test");
    check_signatures(story, secrets);
}

static void test_what_is_changed_is_in_the_log(void **state)
{
    struct story *story = *state;
    char path[PATH_BYTES];
    struct http_answer answer = {0};
    ask(story, "DELETE", "/*", NULL, 204, &answer);
    http_answer_reset(&answer);
    snprintf(path, sizeof path, "/v1/audit/events?resource=webhooks/%s", story->webhook);
    for (unsigned i = 0;; i++) {
        http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
        size_t count = json_array_size(json_object_get(answer.json, "events"));
        if (count == 3) break;
        if (i == WAIT_TRIES) fail_msg("%zu events", count);
        http_answer_reset(&answer);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    assert_string_equal(http_text(&answer, "events.0.action"), "audit.webhook.deleted");
    assert_string_equal(http_text(&answer, "events.1.action"), "audit.webhook.secret_rotated");
    assert_string_equal(http_text(&answer, "events.2.action"), "audit.webhook.created");
    assert_null(strstr(answer.text, "whsec_"));
    http_answer_reset(&answer);
}

// ---- Opening and closing -------------------------------------------------------------------

static void make_webhook(struct story *story)
{
    char body[256];
    struct http_answer answer = {0};
    snprintf(body, sizeof body,
             "{\"url\":\"https://127.0.0.1:%u/in\",\"types\":[\"ledger.transfer.*\"]}",
             web_peer_port(story->web));
    ask(story, "POST", "", body, 201, &answer);
    snprintf(story->webhook, sizeof story->webhook, "%s", http_text(&answer, "id"));
    snprintf(story->secret, sizeof story->secret, "%s", http_text(&answer, "secret"));
    http_answer_reset(&answer);
}

static int open_story(void **state)
{
    struct story *story = calloc(1, sizeof *story);
    assert_non_null(story);
    signal(SIGPIPE, SIG_IGN); // The receiver's.
    pthread_mutex_init(&story->lock, NULL);
    directory_make("webhook", story->directory, sizeof story->directory);
    snprintf(story->pem, sizeof story->pem, "%s/ca.pem", story->directory);
    story->identity = peer_identity_make("127.0.0.1", story->pem);
    story->web = web_peer_open(story->identity);
    web_peer_set_answerer(story->web, receive, story);
    snprintf(story->cast.world.ini, sizeof story->cast.world.ini,
             "[auth]\nstaff_access_token_life = 5min\n"
             "[audit]\nwebhook_private_addresses = true\nwebhook_ca_file = %s\n",
             story->pem);
    world_open(&story->cast.world);
    cast_gather(&story->cast);
    people_staff(&story->cast.world, story->cast.client, "ops", &story->ops);
    cast_customer(&story->cast, "asha", "1000000", &story->payer);
    cast_customer(&story->cast, "binod", "1", &story->payee);
    make_webhook(story);
    *state = story;
    return 0;
}

// The tokens of staff live for minutes, and so does the first test.
static int log_in_again(void **state)
{
    struct story *story = *state;
    cast_login(&story->cast);
    people_login(story->cast.client, &story->ops);
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    web_peer_close(&story->web);
    peer_identity_free(&story->identity);
    forget_letters(story);
    directory_remove(story->directory);
    pthread_mutex_destroy(&story->lock);
    free(story);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_event_is_lost_when_audit_dies_while_it_delivers),
        cmocka_unit_test_setup(test_a_replay_brings_the_same_ids, log_in_again),
        cmocka_unit_test_setup(test_a_rotated_secret_signs_beside_the_old_one, log_in_again),
        cmocka_unit_test_setup(test_what_is_changed_is_in_the_log, log_in_again),
    };
    return cmocka_run_group_tests(tests, open_story, close_story);
}
