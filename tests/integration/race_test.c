// Many at once, on real processes over HTTP: an id is used once, each unit of a hold is captured or
// released once, a reversal happens once, and a hot account adds up.
#include "tests/integration/cast.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 64, BODY_BYTES = 512, PATH_BYTES = 128, HOT_TRANSFERS = 40 };

struct story {
    struct cast cast;
    struct customer payer, payee;
};

/// What one of the many asks, and what it was answered: `times` requests one after the other.
struct racer {
    struct story *story;
    pthread_barrier_t *start;
    pthread_t thread;
    const char *token;
    char path[PATH_BYTES], body[BODY_BYTES];
    unsigned times;
    unsigned created, replayed, refused;
    char reason[64]; // Of the last refusal.
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct http_client *client = http_client_open(&racer->story->cast.world);
    pthread_barrier_wait(racer->start);
    for (unsigned i = 0; i < racer->times; i++) {
        struct http_answer answer = {0};
        char body[BODY_BYTES], id[WORLD_ID_BYTES];
        people_new_id(id);
        snprintf(body, sizeof body, "%s", racer->body);
        char *place = strstr(body, "NEW_ID");
        if (place != NULL) { // An id of its own for each request.
            char tail[BODY_BYTES];
            snprintf(tail, sizeof tail, "%s", place + strlen("NEW_ID"));
            snprintf(place, (size_t)(body + sizeof body - place), "%s%s", id, tail);
        }
        do {
            http_answer_reset(&answer);
            http_call(client, racer->token, "POST", racer->path, body, NULL, &answer);
        } while (answer.status == 503 || answer.status == 429); // Busy: the same again.
        const char *replayed = http_header(&answer, "idempotency-replayed");
        if (answer.status == 201)
            racer->created++;
        else if (answer.status == 200 && replayed != NULL)
            racer->replayed++;
        else
            racer->refused++;
        if (answer.status >= 400)
            snprintf(racer->reason, sizeof racer->reason, "%s", http_text(&answer, "reason"));
        http_answer_reset(&answer);
    }
    http_client_close(&client);
    return NULL;
}

/// Starts them all at the same moment, and waits for all.
static void run_race(struct racer racers[static CLIENTS])
{
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, CLIENTS), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        racers[i].start = &start;
        if (racers[i].times == 0) racers[i].times = 1;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(racers[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

static void write_transfer(const struct story *story, const char *id, unsigned amount,
                           const char *more, char ret[static BODY_BYTES])
{
    snprintf(ret, BODY_BYTES,
             "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"%u\",\"currency\":\"INR\"%s}",
             id, story->payer.account, story->payee.account, amount, more);
}

static uint64_t posted(struct story *story, const struct customer *customer)
{
    char path[PATH_BYTES];
    struct http_answer answer = {0};
    snprintf(path, sizeof path, "/v1/accounts/%s/balance", customer->account);
    http_expect(story->cast.client, customer->person.token, "GET", path, NULL, 200, &answer);
    uint64_t value = strtoull(http_text(&answer, "posted"), NULL, 10);
    assert_string_equal(http_text(&answer, "pending_out"), "0");
    assert_string_equal(http_text(&answer, "pending_in"), "0");
    http_answer_reset(&answer);
    return value;
}

static void make_transfer(struct story *story, unsigned amount, const char *more,
                          char ret_id[static WORLD_ID_BYTES])
{
    char body[BODY_BYTES];
    struct http_answer answer = {0};
    people_new_id(ret_id);
    write_transfer(story, ret_id, amount, more, body);
    http_expect(story->cast.client, story->payer.person.token, "POST", "/v1/transfers", body, 201,
                &answer);
    http_answer_reset(&answer);
}

static void test_one_of_many_with_the_same_id_moves_money(void **state)
{
    struct story *story = *state;
    struct racer racers[CLIENTS] = {0};
    char id[WORLD_ID_BYTES];
    uint64_t before = posted(story, &story->payee);
    unsigned created = 0, replayed = 0;
    people_new_id(id);
    for (unsigned i = 0; i < CLIENTS; i++) {
        racers[i] = (struct racer){.story = story, .token = story->payer.person.token};
        snprintf(racers[i].path, PATH_BYTES, "/v1/transfers");
        write_transfer(story, id, 17, "", racers[i].body);
    }
    run_race(racers);
    for (unsigned i = 0; i < CLIENTS; i++) {
        created += racers[i].created;
        replayed += racers[i].replayed;
    }
    assert_int_equal(created, 1);
    assert_int_equal(replayed, CLIENTS - 1);
    assert_int_equal(posted(story, &story->payee), before + 17);
}

// 63 want to capture 3 units each of a hold of 100, one to void what is left.
static void test_each_unit_of_a_hold_goes_one_way(void **state)
{
    struct story *story = *state;
    struct racer racers[CLIENTS] = {0};
    struct http_answer answer = {0};
    char hold[WORLD_ID_BYTES], path[PATH_BYTES];
    uint64_t before = posted(story, &story->payee);
    make_transfer(story, 100, ",\"kind\":\"PENDING\"", hold);
    for (unsigned i = 0; i < CLIENTS; i++) {
        bool voids = i == CLIENTS / 2;
        racers[i] = (struct racer){.story = story, .token = story->payer.person.token};
        snprintf(racers[i].path, PATH_BYTES, "/v1/transfers/%s:%s", hold, voids ? "void" : "post");
        snprintf(racers[i].body, BODY_BYTES, "{\"id\":\"NEW_ID\"%s}",
                 voids ? "" : ",\"amount\":\"3\",\"final\":false");
    }
    run_race(racers);
    unsigned captures = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (i != CLIENTS / 2) captures += racers[i].created;
        assert_int_equal(racers[i].created + racers[i].refused, 1);
        if (racers[i].refused == 0) continue;
        bool is_known = strcmp(racers[i].reason, "PENDING_TRANSFER_ALREADY_VOIDED") == 0 ||
                        strcmp(racers[i].reason, "EXCEEDS_PENDING_TRANSFER_AMOUNT") == 0;
        if (!is_known) fail_msg("refused with %s", racers[i].reason);
    }
    assert_int_equal(racers[CLIENTS / 2].created, 1); // 63 * 3 > 100, but 33 * 3 leave one unit.
    assert_true(captures <= 33);
    snprintf(path, sizeof path, "/v1/transfers/%s", hold);
    http_expect(story->cast.client, story->payer.person.token, "GET", path, NULL, 200, &answer);
    assert_string_equal(http_text(&answer, "state"), "VOIDED");
    assert_int_equal(strtoul(http_text(&answer, "captured_amount"), NULL, 10), captures * 3);
    assert_string_equal(http_text(&answer, "remaining_amount"), "0");
    http_answer_reset(&answer);
    assert_int_equal(posted(story, &story->payee), before + captures * 3);
}

static void test_a_reversal_happens_once(void **state)
{
    struct story *story = *state;
    struct racer racers[CLIENTS] = {0};
    char paid[WORLD_ID_BYTES];
    uint64_t before = posted(story, &story->payee);
    unsigned created = 0;
    make_transfer(story, 64, "", paid);
    for (unsigned i = 0; i < CLIENTS; i++) {
        racers[i] = (struct racer){.story = story, .token = story->payee.person.token};
        snprintf(racers[i].path, PATH_BYTES, "/v1/transfers/%s:reverse", paid);
        snprintf(racers[i].body, BODY_BYTES, "{\"id\":\"NEW_ID\"}");
    }
    run_race(racers);
    for (unsigned i = 0; i < CLIENTS; i++) {
        created += racers[i].created;
        if (racers[i].refused > 0) assert_string_equal(racers[i].reason, "ALREADY_REVERSED");
    }
    assert_int_equal(created, 1);
    assert_int_equal(posted(story, &story->payee), before);
}

static void test_a_hot_account_adds_up(void **state)
{
    struct story *story = *state;
    struct racer racers[CLIENTS] = {0};
    uint64_t before = posted(story, &story->payee);
    unsigned created = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        racers[i] = (struct racer){
            .story = story, .token = story->payer.person.token, .times = HOT_TRANSFERS};
        snprintf(racers[i].path, PATH_BYTES, "/v1/transfers");
        write_transfer(story, "NEW_ID", 1, "", racers[i].body);
    }
    run_race(racers);
    for (unsigned i = 0; i < CLIENTS; i++)
        created += racers[i].created;
    assert_int_equal(created, CLIENTS * HOT_TRANSFERS);
    assert_int_equal(posted(story, &story->payee), before + CLIENTS * HOT_TRANSFERS);
}

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.cast.world);
    cast_gather(&story.cast);
    cast_customer(&story.cast, "payer", "10000000", &story.payer);
    cast_customer(&story.cast, "payee", "10000000", &story.payee);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    char output[4096];
    int code = world_florin(&story->cast.world, "ledger verify", output, sizeof output);
    if (code != 0) fprintf(stderr, "florin ledger verify: %d\n%s", code, output);
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    return code;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_many_with_the_same_id_moves_money),
        cmocka_unit_test(test_each_unit_of_a_hold_goes_one_way),
        cmocka_unit_test(test_a_reversal_happens_once),
        cmocka_unit_test(test_a_hot_account_adds_up),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("race", tests, open_story, close_story);
}
