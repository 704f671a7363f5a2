// kill -9 of auth, and now and then of the ledger and the gateway, while people live through their
// accounts. Afterwards everything that was acknowledged is still true: what has ended stays ended,
// what was used stays used, what was counted stays counted, and each acknowledged deed has its
// event in the audit log, once.
#include "tests/crash/kills.h"
#include "tests/crash/life.h"

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

enum {
    KILLS = 60,
    PAUSE_MS_MAX = 1000,
    CHECKED_MAX = 150, // Promises of one life that are looked at in the end: the newest.
    SETTLE_TRIES = 1000,
    SETTLE_PAUSE_MS = 20,
};

// One that stands there more often dies more often.
static const char *const daemons[] = {"auth", "auth", "ledger", "auth", "auth", "gateway", "auth"};

static const struct {
    const char *name; // Also of the people.
    void (*round)(struct life *life);
} kinds[] = {
    {"refresher", life_refreshes}, {"leaver", life_leaves},     {"blocked", life_is_blocked},
    {"applicant", life_registers}, {"guesser", life_guesses},   {"phone", life_authenticates},
    {"changer", life_changes},     {"forgetter", life_forgets}, {"throttled", life_is_throttled},
    {"program", life_holds_keys},  {"payer", life_pays},
};

enum { LIVES = sizeof kinds / sizeof kinds[0], PAYER = LIVES - 1, DEPOSIT = 100000000 };

struct story {
    struct world world;
    struct http_client *client;
    struct person auditor;
    struct lives lives;
    struct life all[LIVES];
};

// ---- Before -------------------------------------------------------------------------------------

static void open_accounts(struct story *story)
{
    struct person teller, maker, checker, payee;
    struct life *payer = &story->all[PAYER];
    people_staff(&story->world, story->client, "teller", &teller);
    people_staff(&story->world, story->client, "kyc_maker", &maker);
    people_staff(&story->world, story->client, "kyc_checker", &checker);
    people_register(&story->world, story->client, "payer", &payer->person);
    people_register(&story->world, story->client, "payee", &payee);
    people_approve(story->client, &payer->person, &maker, &checker, 1);
    people_approve(story->client, &payee, &maker, &checker, 2);
    people_account(story->client, &payer->person, payer->account);
    people_account(story->client, &payee, payer->payee);
    people_deposit(story->client, &teller, payer->account, "100000000");
}

static int open_story(void **state)
{
    static struct story story;
    // Nothing here stands in the way of many people behind one address but the throttles of their
    // own accounts.
    snprintf(story.world.ini, sizeof story.world.ini,
             "[auth]\nmessages_per_day_max = 0\naddress_failures_max = 0\n"
             "code_failures_max = 1000\nsessions_max = 100\nstaff_access_token_life = 5min\n"
             "[ledger]\nsca_above = 1\n");
    world_open(&story.world);
    story.client = http_client_open(&story.world);
    story.lives.world = &story.world;
    for (unsigned i = 0; i < LIVES; i++)
        life_begin(&story.all[i], &story.lives, kinds[i].name, kinds[i].round);
    people_staff(&story.world, story.client, "auditor", &story.auditor);
    open_accounts(&story);
    people_admin(&story.world, story.client, &story.lives.admin);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    for (unsigned i = 0; i < LIVES; i++)
        life_end(&story->all[i]);
    http_client_close(&story->client);
    world_close(&story->world);
    return 0;
}

// ---- What was promised --------------------------------------------------------------------------

static unsigned check_promises(struct life *life)
{
    unsigned checked = 0;
    struct reply reply = {0};
    const struct promises *promises = &life->promises;
    size_t first = promises->count > CHECKED_MAX ? promises->count - CHECKED_MAX : 0;
    for (size_t i = first; i < promises->count; i++) {
        const struct promise *promise = &promises->items[i];
        if (!promises_is_due(promise, promises_now_ms())) continue;
        life_ask(life, promise->token, promise->verb, promise->path, promise->body, &reply);
        life_expect(life, &reply, promise->status, promise->reason);
        checked++;
    }
    reply_reset(&reply);
    return checked;
}

// ---- Lists that are read to their end -----------------------------------------------------------

typedef char name[PROMISES_ID_BYTES];

struct names {
    name *items;
    size_t count, room;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void add_name(struct names *names, const char *text)
{
    if (names->count == names->room) {
        names->room = names->room > 0 ? names->room * 2 : 1024;
        names->items = realloc(names->items, names->room * sizeof *names->items);
        assert_non_null(names->items);
    }
    snprintf(names->items[names->count++], sizeof(name), "%s", text);
}

static size_t count_name(const struct names *names, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++)
        count += strcmp(names->items[i], text) == 0;
    return count;
}

static void sort_names(struct names *names)
{
    qsort(names->items, names->count, sizeof *names->items, compare_names);
}

static bool has_name(const struct names *names, const char *text)
{
    return bsearch(text, names->items, names->count, sizeof *names->items, compare_names) != NULL;
}

/// read_list gives one member of every row of a list, in order. path ends where page_token begins.
static struct names read_list(struct story *story, const char *token, const char *path,
                              const char *list, const char *member)
{
    char page[1024], next[600] = "";
    struct names names = {0};
    do {
        struct http_answer answer = {0};
        size_t index;
        json_t *row;
        snprintf(page, sizeof page, "%s&page_size=1000&page_token=%s", path, next);
        http_expect(story->client, token, "GET", page, NULL, 200, &answer);
        json_array_foreach(json_object_get(answer.json, list), index, row)
        {
            const char *text = json_string_value(json_object_get(row, member));
            add_name(&names, text != NULL ? text : "");
        }
        snprintf(next, sizeof next, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (next[0] != '\0');
    sort_names(&names);
    return names;
}

// ---- Events -------------------------------------------------------------------------------------

/// gather gives the requests of all lives that were acknowledged with an event (NULL: were lost).
static struct names gather(const struct story *story, const char *event)
{
    struct names names = {0};
    for (unsigned i = 0; i < LIVES; i++) {
        const struct promises *promises = &story->all[i].promises;
        for (size_t j = 0; j < promises->heard_count; j++) {
            const struct deed_heard *heard = &promises->heard[j];
            bool is_lost = event == NULL && heard->event == NULL;
            bool is_it = event != NULL && heard->event != NULL && strcmp(heard->event, event) == 0;
            if (is_lost || is_it) add_name(&names, heard->request_id);
        }
    }
    sort_names(&names);
    return names;
}

/// has_all: the events of everything that was acknowledged have come to the audit log.
static bool has_all(const struct names *audited, const struct names *acknowledged)
{
    for (size_t i = 0; i < acknowledged->count; i++)
        if (!has_name(audited, acknowledged->items[i])) return false;
    return true;
}

static struct names read_events(struct story *story, const char *event,
                                const struct names *acknowledged)
{
    char path[160];
    struct names audited = {0};
    snprintf(path, sizeof path, "/v1/audit/events?action=%s", event);
    for (unsigned i = 0;; i++) { // Audit follows auth by its events.
        audited = read_list(story, story->auditor.token, path, "events", "request_id");
        if (has_all(&audited, acknowledged)) return audited;
        if (i == SETTLE_TRIES) fail_msg("%s: an event never came", event);
        free(audited.items);
        poll(NULL, 0, SETTLE_PAUSE_MS);
    }
}

/// check_events: each acknowledged deed once. What nobody was told of belongs to an attempt that
/// was lost; is_strict is false where refusals that nobody counts have such events too.
static void check_events(struct story *story, const char *event, bool is_strict)
{
    struct names acknowledged = gather(story, event), lost = gather(story, NULL);
    struct names audited = read_events(story, event, &acknowledged);
    size_t unheard = 0;
    for (size_t i = 0; i < audited.count; i++) {
        const char *id = audited.items[i];
        if (strncmp(id, "life-", 5) != 0) continue; // Of before.
        if (i > 0 && strcmp(audited.items[i - 1], id) == 0) fail_msg("%s twice: %s", event, id);
        if (has_name(&acknowledged, id)) continue;
        if (is_strict && !has_name(&lost, id)) fail_msg("%s that was refused: %s", event, id);
        unheard++;
    }
    printf("%-24s %5zu acknowledged, %zu others\n", event, acknowledged.count, unheard);
    free(audited.items);
    free(lost.items);
    free(acknowledged.items);
}

static void check_all_events(struct story *story)
{
    static const struct {
        const char *event;
        bool is_strict;
    } events[] = {
        {"auth.login.succeeded", true},  {"auth.login.failed", false},
        {"auth.user.registered", true},  {"auth.user.blocked", true},
        {"auth.user.unblocked", true},   {"auth.factor.enrolled", true},
        {"auth.password.changed", true}, {"auth.password.reset", true},
        {"auth.apikey.created", true},   {"auth.apikey.rotated", true},
        {"auth.sca.approved", true},     {"auth.apikey.revoked", false},
    };

    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        check_events(story, events[i].event, events[i].is_strict);
}

/// Each acknowledged login is one row of what the owner and the bank see of logins.
static void check_activity(struct story *story)
{
    struct names sessions =
        read_list(story, story->lives.admin.token, "/v1/login-activity?result=succeeded",
                  "login_activity", "session_id");
    for (unsigned i = 0; i < LIVES; i++) {
        const struct promises *promises = &story->all[i].promises;
        for (size_t j = 0; j < promises->heard_count; j++) {
            const char *session = promises->heard[j].session_id;
            if (session[0] != '\0') assert_int_equal(count_name(&sessions, session), 1);
        }
    }
    free(sessions.items);
}

// ---- Money --------------------------------------------------------------------------------------

static void check_money(struct story *story)
{
    char path[128], wanted[32], output[4096];
    struct http_answer answer = {0};
    const struct life *payer = &story->all[PAYER];
    snprintf(path, sizeof path, "/v1/accounts/%s/balance", payer->account);
    snprintf(wanted, sizeof wanted, "%" PRIu64, DEPOSIT - payer->paid);
    http_expect(story->client, payer->person.token, "GET", path, NULL, 200, &answer);
    assert_string_equal(http_text(&answer, "posted"), wanted);
    http_answer_reset(&answer);
    int code = world_florin(&story->world, "ledger verify", output, sizeof output);
    if (code != 0) fail_msg("florin ledger verify: %d\n%s", code, output);
}

// ---- The story ----------------------------------------------------------------------------------

static void test_what_auth_acknowledged_stays_true(void **state)
{
    struct story *story = *state;
    const struct kills kills = {&story->world, daemons, sizeof daemons / sizeof daemons[0], KILLS,
                                PAUSE_MS_MAX};
    unsigned seed = kills_seed(), checked = 0;
    uint64_t lost = 0;
    for (unsigned i = 0; i < LIVES; i++)
        life_start(&story->all[i]);
    unsigned killed = kills_run(&kills, seed);
    atomic_store(&story->lives.is_stopping, true);
    for (unsigned i = 0; i < LIVES; i++) {
        struct life *life = &story->all[i];
        life_join(life);
        lost += life->lost;
        checked += check_promises(life);
        printf("%-10s %4u rounds, %5u requests, %3" PRIu64 " lost\n", life->name, life->rounds,
               life->asked, life->lost);
        assert_true(life->rounds > 0);
    }
    printf("%u kills, %" PRIu64 " attempts lost, %u promises looked at again\n", killed, lost,
           checked);
    assert_true(lost > 0); // Else no kill ever met a request.
    people_login(story->client, &story->auditor);
    people_admin(&story->world, story->client, &story->lives.admin);
    check_all_events(story);
    check_activity(story);
    check_money(story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_auth_acknowledged_stays_true),
    };
    return cmocka_run_group_tests_name("auth killed", tests, open_story, close_story);
}
