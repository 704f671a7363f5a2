// kill -9 of audit, gateway, ledger and auth at random moments, while customers move money and
// everything that can follow the log follows it. Afterwards each has had every event once, in
// order: what came from outside is compared with the log's own list, and so is what audit has
// counted, found suspicious and told its users.
#include "tests/crash/annals.h"
#include "tests/crash/audience.h"
#include "tests/crash/kills.h"
#include "tests/crash/load.h"
#include "tests/crash/notary.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KILLS = 60,
    PAUSE_MS_MAX = 250,
    STEP_PAUSE_MS = 200, // Of each payer.
    WAIT_TRIES = 3000,
    WAIT_PAUSE_MS = 20,
    NOTICES_MAX = 1000, // An inbox keeps the newest.
    RULE_LIMIT = 10,    // Minor units. Of what is paid, 8 and 9 are just below it,
    RULE_FROM = 8,
    RULE_MINIMUM = 3, // and three of these are a finding.
};

static const char *const daemons[] = {"audit", "gateway", "audit", "ledger", "auth"};

struct story {
    struct world world;
    struct http_client *client;
    struct load load;
    struct notary notary;
    struct person auditor, ops;
    struct person hearer; // The auditor, as the listener knows her: with the first token.
    struct direct_sources sources;
    struct consumer consumer;
    struct listener listener;
    struct receiver receiver;
    char webhook[WORLD_ID_BYTES];
    uint64_t webhook_from; // The webhook is told of what comes after: at least from here on.
    struct annals annals;
};

static void ask(struct story *story, const struct person *person, const char *path,
                struct http_answer *ret)
{
    http_expect(story->client, person->token, "GET", path, NULL, 200, ret);
}

static uint64_t number(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    if (json_is_integer(value)) return (uint64_t)json_integer_value(value);
    const char *text = json_string_value(value);
    return text != NULL ? strtoull(text, NULL, 10) : UINT64_MAX;
}

static const char *text(const json_t *object, const char *member)
{
    const char *value = json_string_value(json_object_get(object, member));
    return value != NULL ? value : "";
}

// ---- Those outside -------------------------------------------------------------------------

static void wait_for_follower(const struct follower *follower, uint64_t size, const char *who)
{
    for (unsigned i = 0; atomic_load(&follower->next) < size; i++) {
        if (atomic_load(&follower->is_wrong)) return;
        if (i == WAIT_TRIES)
            fail_msg("the %s is at %" PRIu64 " of %" PRIu64, who,
                     (uint64_t)atomic_load(&follower->next), size);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
}

static void check_follower(const struct follower *follower, const char *who)
{
    if (atomic_load(&follower->is_wrong)) fail_msg("the %s: %s", who, follower->wrong);
    print_message("the %s has had everything, over %u beginnings\n", who, follower->beginnings);
    assert_true(follower->beginnings > 1); // Else nothing happened to it.
}

// What the consumer has on its disk is the log: each index, once, in order.
static void check_written(const struct story *story)
{
    FILE *file = fopen(story->consumer.path, "r");
    uint64_t index, next = 0;
    assert_non_null(file);
    while (fscanf(file, "%" SCNu64, &index) == 1)
        assert_int_equal(index, next++);
    fclose(file);
    assert_true(next >= story->annals.count);
}

static bool is_for_webhook(const struct annal *annal)
{
    return strncmp(annal->action, "ledger.transfer.", 16) == 0;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void check_ids(const struct receiver *receiver)
{
    char(*ids)[AUDIENCE_MESSAGE_ID_BYTES] = calloc(AUDIENCE_EVENTS_MAX, sizeof *ids);
    size_t count = 0;
    assert_non_null(ids);
    for (size_t i = 0; i < AUDIENCE_EVENTS_MAX; i++)
        if (receiver->ids[i][0] != '\0') memcpy(ids[count++], receiver->ids[i], sizeof *ids);
    qsort(ids, count, sizeof *ids, compare_texts);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
    free(ids);
}

static void check_webhook(struct story *story)
{
    struct receiver *receiver = &story->receiver;
    char path[128];
    uint64_t expected = 0;
    for (uint64_t i = story->webhook_from; i < story->annals.count; i++)
        expected += is_for_webhook(&story->annals.entries[i]);
    for (unsigned i = 0; receiver_count_taken(receiver) < expected; i++) {
        if (i == WAIT_TRIES)
            fail_msg("%" PRIu64 " of %" PRIu64 " messages arrived", receiver_count_taken(receiver),
                     expected);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    snprintf(path, sizeof path, "/v1/webhooks/%s", story->webhook);
    for (unsigned i = 0;; i++) { // So that nothing arrives any more.
        struct http_answer answer = {0};
        ask(story, &story->ops, path, &answer);
        bool is_idle =
            strcmp(http_text(&answer, "waiting"), "0") == 0 || number(answer.json, "waiting") == 0;
        http_answer_reset(&answer);
        if (is_idle) break;
        if (i == WAIT_TRIES) fail_msg("messages still wait");
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    pthread_mutex_lock(&receiver->lock);
    for (uint64_t i = 0; i < AUDIENCE_EVENTS_MAX; i++) {
        bool is_expected = i < story->annals.count && i >= story->webhook_from &&
                           is_for_webhook(&story->annals.entries[i]);
        if ((receiver->taken[i] > 0) != is_expected)
            fail_msg("entry %" PRIu64 " was taken %u times", i, receiver->taken[i]);
    }
    if (receiver->wrong[0] != '\0') fail_msg("%s", receiver->wrong);
    check_ids(receiver);
    print_message("%" PRIu64 " messages arrived, %" PRIu64 " of them again\n", receiver->received,
                  receiver->repeated);
    pthread_mutex_unlock(&receiver->lock);
}

// ---- What audit itself has made of it ------------------------------------------------------

/// ask_when_seen waits until a report has seen the whole log, and gives it.
static void ask_when_seen(struct story *story, const char *path, const char *member,
                          struct http_answer *ret)
{
    for (unsigned i = 0;; i++) {
        ask(story, &story->auditor, path, ret);
        if (number(ret->json, member) >= story->annals.count) break;
        if (i == WAIT_TRIES) fail_msg("%s: only %s", path, http_text(ret, member));
        http_answer_reset(ret);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    assert_int_equal(number(ret->json, member), story->annals.count);
}

static uint64_t count_annals(const struct story *story, const char *action, const char *outcome)
{
    uint64_t count = 0;
    for (size_t i = 0; i < story->annals.count; i++)
        count += strcmp(story->annals.entries[i].action, action) == 0 &&
                 (outcome == NULL || strcmp(story->annals.entries[i].outcome, outcome) == 0);
    return count;
}

static void check_counts(struct story *story)
{
    struct http_answer answer = {0};
    size_t at;
    json_t *row;
    uint64_t total = 0;
    ask_when_seen(story, "/v1/audit/reports/activity?interval=all", "counted_size", &answer);
    json_array_foreach(json_object_get(answer.json, "rows"), at, row)
    {
        uint64_t count = number(row, "count");
        uint64_t expected = count_annals(story, text(row, "action"), text(row, "outcome"));
        if (count != expected)
            fail_msg("%s %s: counted %" PRIu64 ", there are %" PRIu64, text(row, "action"),
                     text(row, "outcome"), count, expected);
        total += count;
    }
    assert_int_equal(total, story->annals.count);
    assert_int_equal(number(answer.json, "total"), total);
    http_answer_reset(&answer);
}

static uint64_t expected_count(const struct story *story, const char *subject)
{
    for (size_t i = 0; i < LOAD_PAYERS; i++) {
        const struct payer *payer = &story->load.payers[i];
        uint64_t count = 0;
        if (strcmp(subject + strlen("users/"), payer->person.id) != 0) continue;
        for (size_t k = 0; k < story->annals.count; k++) {
            const struct annal *annal = &story->annals.entries[k];
            bool moves = strcmp(annal->action, "ledger.transfer.created") == 0 ||
                         strcmp(annal->action, "ledger.transfer.posted") == 0;
            count += moves && strcmp(annal->debit, payer->account) == 0 &&
                     annal->amount >= RULE_FROM && annal->amount < RULE_LIMIT;
        }
        return count;
    }
    fail_msg("%s is nobody who pays", subject);
    return 0;
}

// A finding for each payer, told once, that has grown with each movement once.
static void check_findings(struct story *story)
{
    struct http_answer answer = {0};
    size_t at, found = 0;
    json_t *finding;
    ask_when_seen(story, "/v1/audit/reports/suspicious?page_size=1000", "examined_size", &answer);
    const json_t *findings = json_object_get(answer.json, "findings");
    json_array_foreach((json_t *)(uintptr_t)findings, at, finding)
    {
        if (strcmp(text(finding, "rule"), "STRUCTURING") != 0) continue;
        uint64_t expected = expected_count(story, text(finding, "subject"));
        assert_true(expected >= RULE_MINIMUM);
        assert_int_equal(number(finding, "count"), expected);
        for (size_t i = 0; i < at; i++) {
            const json_t *other = json_array_get(findings, i);
            bool is_double = strcmp(text(other, "subject"), text(finding, "subject")) == 0 &&
                             strcmp(text(other, "rule"), "STRUCTURING") == 0;
            assert_false(is_double);
        }
        found++;
    }
    assert_int_equal(found, LOAD_PAYERS);
    assert_int_equal(count_annals(story, "audit.suspicion.found", NULL), json_array_size(findings));
    http_answer_reset(&answer);
}

/// What an inbox says of one kind: indexes in the log, newest first.
struct inbox {
    uint64_t indexes[NOTICES_MAX];
    char resources[NOTICES_MAX][64];
    size_t count, total; // total: of all kinds.
};

static void read_inbox(struct story *story, const struct person *person, const char *kind,
                       struct inbox *ret)
{
    char path[1024], page[600] = "";
    *ret = (struct inbox){0};
    do {
        struct http_answer answer = {0};
        size_t at;
        json_t *notice;
        snprintf(path, sizeof path, "/v1/notifications?page_size=1000&page_token=%s", page);
        ask(story, person, path, &answer);
        json_array_foreach(json_object_get(answer.json, "notifications"), at, notice)
        {
            assert_true(ret->total < NOTICES_MAX);
            ret->total++;
            if (strcmp(text(notice, "kind"), kind) != 0) continue;
            ret->indexes[ret->count] = number(notice, "id");
            snprintf(ret->resources[ret->count++], sizeof ret->resources[0], "%s",
                     text(notice, "resource"));
        }
        snprintf(page, sizeof page, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (page[0] != '\0');
}

static bool is_money_in(const struct annal *annal, const char *account)
{
    return strcmp(annal->credit, account) == 0 &&
           (strcmp(annal->action, "ledger.transfer.created") == 0 ||
            strcmp(annal->action, "ledger.transfer.posted") == 0);
}

/// wait_for_notice reads the inbox until it tells of the newest movement, and so of all before it.
static void wait_for_notice(struct story *story, const struct payer *payee, struct inbox *ret)
{
    uint64_t newest = UINT64_MAX;
    for (size_t i = 0; i < story->annals.count; i++)
        if (is_money_in(&story->annals.entries[i], payee->account)) newest = i;
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        read_inbox(story, &payee->person, "MONEY_IN", ret);
        if (ret->count > 0 && ret->indexes[0] == newest) return;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("%s is not told of entry %" PRIu64, payee->person.email, newest);
}

/// check_inbox: one MONEY_IN for each movement to the payee's account; of a full inbox, for the
/// newest ones. true: it has all of them.
static bool check_inbox(struct story *story, const struct payer *payee)
{
    static struct inbox inbox;
    wait_for_notice(story, payee, &inbox);
    size_t at = 0;
    for (size_t i = story->annals.count; i-- > 0;) {
        const struct annal *annal = &story->annals.entries[i];
        if (!is_money_in(annal, payee->account)) continue;
        if (at == inbox.count && inbox.total == NOTICES_MAX) return false;
        if (at == inbox.count) fail_msg("%s is not told of entry %zu", payee->person.email, i);
        assert_int_equal(inbox.indexes[at], i);
        assert_string_equal(inbox.resources[at], annal->resource);
        at++;
    }
    assert_int_equal(at, inbox.count);
    return true;
}

static void check_inboxes(struct story *story)
{
    size_t whole = 0;
    for (size_t i = 0; i < LOAD_PAYERS; i++)
        whole += check_inbox(story, &story->load.payers[i]);
    print_message("%zu of %d inboxes have room for everything\n", whole, LOAD_PAYERS);
}

// ---- What was promised ---------------------------------------------------------------------

// Each transfer that was acknowledged is in the log, once: so it is with all who have had the log.
static void check_promises(const struct story *story)
{
    size_t count = 0, promised = 0;
    char(*resources)[64] = calloc(story->annals.count, sizeof *resources);
    assert_non_null(resources);
    for (size_t i = 0; i < story->annals.count; i++) {
        const struct annal *annal = &story->annals.entries[i];
        // An expiry is the ledger's own, and has the id of nobody's promise.
        if (is_for_webhook(annal) && strcmp(annal->outcome, "success") == 0)
            memcpy(resources[count++], annal->resource, sizeof *resources);
    }
    qsort(resources, count, sizeof *resources, compare_texts);
    for (size_t i = 1; i < count; i++)
        assert_string_not_equal(resources[i - 1], resources[i]);
    for (size_t i = 0; i < LOAD_PAYERS; i++) {
        const struct payer *payer = &story->load.payers[i];
        for (size_t k = 0; k < payer->promise_count; k++, promised++) {
            char resource[64] = "";
            snprintf(resource, sizeof resource, "transfers/%s", payer->promises[k]);
            if (bsearch(resource, resources, count, sizeof *resources, compare_texts) == NULL)
                fail_msg("%s is not in the log", resource);
        }
    }
    free(resources);
    print_message("%zu transfers were acknowledged\n", promised);
    assert_true(promised > KILLS);
}

static void check_store(struct story *story)
{
    char output[4096];
    int code = world_florin(&story->world, "audit fsck", output, sizeof output);
    if (code != 0) fail_msg("florin audit fsck: %d\n%s", code, output);
    assert_true(notary_check_log(story->client, story->auditor.token) >= story->annals.count);
    notary_judge(&story->notary, story->client, story->auditor.token);
}

// ---- The story -----------------------------------------------------------------------------

static void make_webhook(struct story *story)
{
    char body[256];
    struct http_answer answer = {0};
    snprintf(body, sizeof body,
             "{\"url\":\"http://127.0.0.1:%u/in\",\"types\":[\"ledger.transfer.*\"]}",
             web_peer_port(story->receiver.web));
    story->webhook_from = annals_settle(story->client, story->auditor.token, &story->sources);
    http_expect(story->client, story->ops.token, "POST", "/v1/webhooks", body, 201, &answer);
    snprintf(story->webhook, sizeof story->webhook, "%s", http_text(&answer, "id"));
    http_answer_reset(&answer);
}

static void gather(struct story *story)
{
    struct person teller, maker, checker;
    people_staff(&story->world, story->client, "teller", &teller);
    people_staff(&story->world, story->client, "kyc_maker", &maker);
    people_staff(&story->world, story->client, "kyc_checker", &checker);
    people_staff(&story->world, story->client, "auditor", &story->auditor);
    people_staff(&story->world, story->client, "ops", &story->ops);
    load_open(&story->load, &story->world, story->client, &teller, &maker, &checker);
    story->load.pause_ms = STEP_PAUSE_MS;
    make_webhook(story);
}

static void login_again(struct story *story)
{
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        people_login(story->client, &story->load.payers[i].person);
    people_login(story->client, &story->ops);
    people_login(story->client, &story->auditor);
}

static void test_whoever_dies_all_who_follow_the_log_have_it_once(void **state)
{
    struct story *story = *state;
    const struct kills kills = {&story->world, daemons, sizeof daemons / sizeof daemons[0], KILLS,
                                PAUSE_MS_MAX};
    unsigned seed = kills_seed();
    gather(story);
    notary_start(&story->notary, &story->world);
    consumer_start(&story->consumer, &story->world, seed);
    story->hearer = story->auditor;
    listener_start(&story->listener, &story->world, story->hearer.token);
    load_start(&story->load);
    unsigned killed = kills_run(&kills, seed);
    load_stop(&story->load);
    notary_stop(&story->notary);
    login_again(story);

    uint64_t size = annals_settle(story->client, story->auditor.token, &story->sources);
    print_message("%u kills, %" PRIu64 " events\n", killed, size);
    annals_read(story->client, story->auditor.token, size, &story->annals);
    check_promises(story);
    wait_for_follower(&story->consumer.follower, size, "consumer");
    wait_for_follower(&story->listener.follower, size, "listener");
    consumer_stop(&story->consumer);
    listener_stop(&story->listener);
    check_follower(&story->consumer.follower, "consumer");
    check_follower(&story->listener.follower, "listener");
    check_written(story);
    check_webhook(story);
    check_counts(story);
    check_findings(story);
    check_inboxes(story);
    check_store(story);
}

static int open_story(void **state)
{
    static struct story story;
    signal(SIGPIPE, SIG_IGN); // The receiver's.
    receiver_open(&story.receiver, 1);
    snprintf(story.world.ini, sizeof story.world.ini,
             "[auth]\nstaff_access_token_life = 5min\n"
             "[audit]\nwebhook_private_addresses = true\nwebhook_plain_http = true\n"
             "structuring_limits = INR:%d\noffice_hours =\n",
             RULE_LIMIT);
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    direct_open_sources(&story.world, &story.sources);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    load_close(&story->load);
    notary_close(&story->notary);
    annals_free(&story->annals);
    http_client_close(&story->client);
    world_close(&story->world);
    receiver_close(&story->receiver);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whoever_dies_all_who_follow_the_log_have_it_once),
    };
    return cmocka_run_group_tests_name("audit crash", tests, open_story, close_story);
}
