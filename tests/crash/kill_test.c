// kill -9 of a random daemon, again and again, while customers move money in every way there is.
// Afterwards nothing that was acknowledged is missing, nothing happened twice, every hold has
// ended, the audit log has each event once and in order, and every checkpoint that it ever served
// is consistent with every later one.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KILLS = 200, PARTS = 4, PAUSE_MS_MAX = 250, SETTLE_TRIES = 1000, SETTLE_PAUSE_MS = 20 };

static const char *const daemons[] = {"ledger", "audit", "auth", "kyc", "gateway"};

enum { DAEMON_COUNT = sizeof daemons / sizeof daemons[0] };

struct story {
    struct world world;
    struct http_client *client;
    struct load load;
    struct notary notary;
    struct person auditor;
};

// The holds that were left alone end at their time, whoever was dead then.
static void check_balance(struct story *story, const struct payer *payer, uint64_t expected)
{
    char path[128], wanted[32];
    snprintf(path, sizeof path, "/v1/accounts/%s/balance", payer->account);
    snprintf(wanted, sizeof wanted, "%" PRIu64, expected);
    for (unsigned i = 0;; i++) {
        struct http_answer answer = {0};
        http_expect(story->client, payer->person.token, "GET", path, NULL, 200, &answer);
        bool is_held = strcmp(http_text(&answer, "pending_out"), "0") != 0 ||
                       strcmp(http_text(&answer, "pending_in"), "0") != 0;
        if (!is_held) assert_string_equal(http_text(&answer, "posted"), wanted);
        http_answer_reset(&answer);
        if (!is_held) return;
        if (i == SETTLE_TRIES) fail_msg("a hold on %s never ended", payer->account);
        poll(NULL, 0, SETTLE_PAUSE_MS);
    }
}

static void check_balances(struct story *story)
{
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        const struct payer *payer = &story->load.payers[i];
        const struct payer *from = &story->load.payers[(i + LOAD_PAYERS - 1) % LOAD_PAYERS];
        check_balance(story, payer, LOAD_DEPOSIT - payer->paid + from->paid);
    }
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t promised_ids(const struct story *story, load_id **ret)
{
    size_t count = 0;
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        count += story->load.payers[i].promise_count;
    load_id *ids = calloc(count + 1, sizeof *ids);
    assert_non_null(ids);
    size_t at = 0;
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        const struct payer *payer = &story->load.payers[i];
        memcpy(ids + at, payer->promises, payer->promise_count * sizeof *ids);
        at += payer->promise_count;
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    *ret = ids;
    return count;
}

// Adds the ids of the transfers that the audit log reports with an action, page by page.
static size_t add_audited(struct story *story, const char *action, size_t count, size_t max,
                          load_id *ids)
{
    char path[1024], token[600] = "";
    do {
        struct http_answer answer = {0};
        snprintf(path, sizeof path, "/v1/audit/events?action=%s&page_size=1000&page_token=%s",
                 action, token);
        http_expect(story->client, story->auditor.token, "GET", path, NULL, 200, &answer);
        size_t index;
        json_t *event;
        json_array_foreach(json_object_get(answer.json, "events"), index, event)
        {
            const char *resource = json_string_value(json_object_get(event, "resource"));
            assert_true(strncmp(resource, "transfers/", 10) == 0);
            assert_true(count < max);
            snprintf(ids[count++], WORLD_ID_BYTES, "%s", resource + 10);
        }
        snprintf(token, sizeof token, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (token[0] != '\0');
    return count;
}

// The ids of all transfers that the audit log reports. Deposits are among them.
static size_t audited_ids(struct story *story, size_t max, load_id **ret)
{
    static const char *const actions[] = {"ledger.transfer.created", "ledger.transfer.held",
                                          "ledger.transfer.posted", "ledger.transfer.voided",
                                          "ledger.transfer.reversed"};
    load_id *ids = calloc(max, sizeof *ids);
    assert_non_null(ids);
    size_t count = 0;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        count = add_audited(story, actions[i], count, max, ids);
    qsort(ids, count, sizeof *ids, compare_ids);
    *ret = ids;
    return count;
}

static void check_expiries(struct story *story)
{
    uint64_t expected = 0;
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        expected += story->load.payers[i].expiring;
    load_id *ids = calloc(expected * 2 + 16, sizeof *ids);
    assert_non_null(ids);
    size_t count = 0;
    for (unsigned i = 0; i < SETTLE_TRIES && count < expected; i++) {
        if (i > 0) poll(NULL, 0, SETTLE_PAUSE_MS);
        count = add_audited(story, "ledger.transfer.expired", 0, expected * 2 + 16, ids);
    }
    assert_int_equal(count, expected);
    free(ids);
}

// Audit follows the ledger by events: wait until it has caught up, then compare the two sets.
static void check_audit(struct story *story)
{
    load_id *promised, *audited = NULL;
    size_t promised_count = promised_ids(story, &promised);
    size_t expected = promised_count + LOAD_PAYERS; // And one deposit for each.
    size_t audited_count = 0;
    for (unsigned i = 0; i < SETTLE_TRIES && audited_count < expected; i++) {
        free(audited);
        audited_count = audited_ids(story, expected * 2 + 16, &audited);
        if (audited_count < expected) poll(NULL, 0, SETTLE_PAUSE_MS);
    }
    assert_int_equal(audited_count, expected);
    for (size_t i = 1; i < audited_count; i++)
        assert_string_not_equal(audited[i - 1], audited[i]);
    for (size_t i = 0; i < promised_count; i++)
        assert_non_null(bsearch(promised[i], audited, audited_count, sizeof *audited, compare_ids));
    free(promised);
    free(audited);
}

static void check_ledger_verifies(struct story *story)
{
    char output[4096];
    int code = world_florin(&story->world, "ledger verify", output, sizeof output);
    if (code != 0) fail_msg("florin ledger verify: %d\n%s", code, output);
}

static void check_log(struct story *story)
{
    char output[4096];
    uint64_t entries = notary_check_log(story->client, story->auditor.token);
    notary_judge(&story->notary, story->client, story->auditor.token);
    int code = world_florin(&story->world, "audit fsck", output, sizeof output);
    if (code != 0) fail_msg("florin audit fsck: %d\n%s", code, output);
    printf("%" PRIu64 " entries in the log; %zu checkpoints served, each a prefix of the next\n",
           entries, story->notary.count);
}

static void login_again(struct story *story)
{
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        people_login(story->client, &story->load.payers[i].person);
    people_login(story->client, &story->auditor);
}

static void test_a_killed_daemon_loses_nothing_and_doubles_nothing(void **state)
{
    struct story *story = *state;
    struct person teller, maker, checker;
    people_staff(&story->world, story->client, "teller", &teller);
    people_staff(&story->world, story->client, "kyc_maker", &maker);
    people_staff(&story->world, story->client, "kyc_checker", &checker);
    people_staff(&story->world, story->client, "auditor", &story->auditor);
    load_open(&story->load, &story->world, story->client, &teller, &maker, &checker);

    const struct kills kills = {&story->world, daemons, DAEMON_COUNT, KILLS / PARTS, PAUSE_MS_MAX};
    unsigned seed = kills_seed(), killed = 0;
    notary_start(&story->notary, &story->world);
    for (unsigned part = 0; part < PARTS; part++) { // In parts: a token lives for minutes.
        load_start(&story->load);
        killed += kills_run(&kills, seed + part);
        load_stop(&story->load);
        login_again(story);
    }
    notary_stop(&story->notary);

    uint64_t payments = 0, repeats = 0;
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        payments += story->load.payers[i].promise_count;
        repeats += story->load.payers[i].repeats;
    }
    printf("%u kills, %" PRIu64 " transfers acknowledged, %" PRIu64 " requests sent again\n",
           killed, payments, repeats);
    assert_true(payments > KILLS);
    assert_true(repeats > 0); // Else no kill ever met a request.
    check_balances(story);
    check_ledger_verifies(story);
    check_audit(story);
    check_expiries(story);
    check_log(story);
}

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    load_close(&story->load);
    notary_close(&story->notary);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_daemon_loses_nothing_and_doubles_nothing),
    };
    return cmocka_run_group_tests_name("crash", tests, open_story, close_story);
}
