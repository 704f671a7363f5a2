// The story that Florin is made for, told over HTTP to the five real daemons, with every balance
// looked at after every step.
#include "common/rpc/schema.h"
#include "tests/integration/cast.h"

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

enum { WAIT_TRIES = 3000, WAIT_PAUSE_MS = 10, BODY_BYTES = 512 };

// Where cash comes from: the currency's own account, of a fixed id (services/ledger/README.md).
#define CASH_ACCOUNT "494e5200-0000-8100-8000-0000464c524e"

struct story {
    struct cast cast;
    struct customer asha, binod;
    char payment[WORLD_ID_BYTES]; // Asha's to Binod.
};

// ---- Helpers -------------------------------------------------------------------------------

static void ask(struct story *story, const struct person *who, const char *method, const char *path,
                const char *body, struct http_answer *ret)
{
    http_call(story->cast.client, who != NULL ? who->token : NULL, method, path, body, NULL, ret);
}

// Fails the test unless the answer is this refusal.
static void expect_refusal(struct story *story, const struct person *who, const char *method,
                           const char *path, const char *body, long status, const char *reason)
{
    struct http_answer answer = {0};
    ask(story, who, method, path, body, &answer);
    if (answer.status != status || strcmp(http_text(&answer, "reason"), reason) != 0)
        fail_msg("%s %s: %ld %s, expected %ld %s", method, path, answer.status, answer.text, status,
                 reason);
    http_answer_reset(&answer);
}

static void transfer_body(char ret_body[static BODY_BYTES], const char *id, const char *from,
                          const char *to, const char *amount)
{
    snprintf(ret_body, BODY_BYTES,
             "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"%s\",\"currency\":\"INR\"}",
             id, from, to, amount);
}

// All three: what is no customer's has come from the cash account, which owes it to nobody.
static void expect_balances(struct story *story, uint64_t asha, uint64_t binod)
{
    struct http_answer answer = {0};
    char wanted[32];
    cast_expect_balance(&story->cast, &story->asha, asha);
    cast_expect_balance(&story->cast, &story->binod, binod);
    snprintf(wanted, sizeof wanted, "%" PRIu64, asha + binod);
    http_expect(story->cast.client, story->cast.auditor.token, "GET",
                "/v1/accounts/" CASH_ACCOUNT "/balance", NULL, 200, &answer);
    assert_string_equal(http_text(&answer, "posted"), wanted);
    assert_string_equal(http_text(&answer, "debits_posted"), wanted);
    http_answer_reset(&answer);
}

// ---- The story, in its order ---------------------------------------------------------------

static void test_without_kyc_no_money_moves(void **state)
{
    struct story *story = *state;
    struct cast *cast = &story->cast;
    char path[128], body[BODY_BYTES], id[WORLD_ID_BYTES];
    people_register(&cast->world, cast->client, "asha", &story->asha.person);
    people_register(&cast->world, cast->client, "binod", &story->binod.person);
    people_account(cast->client, &story->asha.person, story->asha.account);
    people_account(cast->client, &story->binod.person, story->binod.account);
    cast_expect_balance(cast, &story->asha, 0);

    people_new_id(id);
    snprintf(path, sizeof path, "/v1/accounts/%s/deposit", story->asha.account);
    snprintf(body, sizeof body, "{\"id\":\"%s\",\"amount\":\"1000\"}", id);
    expect_refusal(story, &cast->teller, "POST", path, body, 422, "KYC_LIMIT_EXCEEDED");
    cast_expect_balance(cast, &story->asha, 0);
}

static void test_four_eyes_see_each_customer(void **state)
{
    struct story *story = *state;
    struct cast *cast = &story->cast;
    struct http_answer answer = {0};
    people_approve(cast->client, &story->asha.person, &cast->maker, &cast->checker, 1);
    people_approve(cast->client, &story->binod.person, &cast->maker, &cast->checker, 2);
    http_expect(cast->client, story->asha.person.token, "GET", "/v1/kyc/status", NULL, 200,
                &answer);
    assert_string_equal(http_text(&answer, "tier"), "T3");
    http_answer_reset(&answer);
    // Who may recommend may not decide, and the other way round.
    expect_refusal(story, &cast->maker, "POST",
                   "/v1/kyc/cases/00000000-0000-4000-8000-000000000001:decide",
                   "{\"decision\":\"approve\",\"reason\":\"my own\"}", 403, "PERMISSION_DENIED");
    expect_refusal(story, &cast->checker, "POST",
                   "/v1/kyc/cases/00000000-0000-4000-8000-000000000001:recommend",
                   "{\"decision\":\"approve\",\"reason\":\"my own\"}", 403, "PERMISSION_DENIED");
}

static void test_the_teller_takes_cash(void **state)
{
    struct story *story = *state;
    struct cast *cast = &story->cast;
    people_deposit(cast->client, &cast->teller, story->asha.account, "10000");
    expect_balances(story, 10000, 0);
    people_deposit(cast->client, &cast->teller, story->binod.account, "500");
    expect_balances(story, 10000, 500);
}

static void test_a_transfer_happens_once(void **state)
{
    struct story *story = *state;
    char body[BODY_BYTES];
    struct http_answer first = {0}, again = {0};
    people_new_id(story->payment);
    transfer_body(body, story->payment, story->asha.account, story->binod.account, "2500");
    ask(story, &story->asha.person, "POST", "/v1/transfers", body, &first);
    assert_int_equal(first.status, 201);
    expect_balances(story, 7500, 3000);
    ask(story, &story->asha.person, "POST", "/v1/transfers", body, &again);
    assert_int_equal(again.status, 200);
    assert_string_equal(http_text(&again, "id"), http_text(&first, "id"));
    assert_string_equal(http_text(&again, "created_at"), http_text(&first, "created_at"));
    expect_balances(story, 7500, 3000);
    transfer_body(body, story->payment, story->asha.account, story->binod.account, "2501");
    expect_refusal(story, &story->asha.person, "POST", "/v1/transfers", body, 409,
                   "EXISTS_WITH_DIFFERENT_AMOUNT");
    expect_balances(story, 7500, 3000);
    http_answer_reset(&first);
    http_answer_reset(&again);
}

static void test_nobody_spends_what_is_not_there_or_not_theirs(void **state)
{
    struct story *story = *state;
    const char *asha = story->asha.account, *binod = story->binod.account;

    const struct {
        const struct person *who;
        const char *from, *to, *amount;
        long status;
        const char *reason;
    } rows[] = {
        {&story->asha.person, asha, binod, "7501", 422, "INSUFFICIENT_FUNDS"},
        {&story->binod.person, asha, binod, "1", 403, "PERMISSION_DENIED"},
        {&story->cast.auditor, asha, binod, "1", 403, "PERMISSION_DENIED"},
        {NULL, asha, binod, "1", 401, "TOKEN_MISSING"},
    };

    char body[BODY_BYTES], id[WORLD_ID_BYTES], path[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        people_new_id(id);
        transfer_body(body, id, rows[i].from, rows[i].to, rows[i].amount);
        expect_refusal(story, rows[i].who, "POST", "/v1/transfers", body, rows[i].status,
                       rows[i].reason);
        expect_balances(story, 7500, 3000);
    }
    snprintf(path, sizeof path, "/v1/accounts/%s/balance", asha);
    expect_refusal(story, &story->binod.person, "GET", path, NULL, 403, "PERMISSION_DENIED");
    snprintf(path, sizeof path, "/v1/accounts/%s/transfers", asha);
    expect_refusal(story, &story->binod.person, "GET", path, NULL, 403, "PERMISSION_DENIED");

    people_new_id(id); // The last coin, though, is there and is theirs.
    transfer_body(body, id, asha, binod, "7500");
    struct http_answer answer = {0};
    http_expect(story->cast.client, story->asha.person.token, "POST", "/v1/transfers", body, 201,
                &answer);
    expect_balances(story, 0, 10500);
    people_new_id(id);
    transfer_body(body, id, binod, asha, "7500");
    http_expect(story->cast.client, story->binod.person.token, "POST", "/v1/transfers", body, 201,
                &answer);
    expect_balances(story, 7500, 3000);
    http_answer_reset(&answer);
}

static void test_history_and_balances_agree(void **state)
{
    struct story *story = *state;
    static const char *const asha_after[] = {"7500", "0", "7500", "10000"}; // Newest first.
    struct http_answer answer = {0};
    char path[128];
    snprintf(path, sizeof path, "/v1/accounts/%s/transfers", story->asha.account);
    http_expect(story->cast.client, story->asha.person.token, "GET", path, NULL, 200, &answer);
    const json_t *transfers = json_object_get(answer.json, "transfers");
    assert_int_equal(json_array_size(transfers), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *after = json_object_get(json_array_get(transfers, i), "balance_after");
        assert_string_equal(json_string_value(after), asha_after[i]);
    }
    http_answer_reset(&answer);
    char output[4096];
    int code = world_florin(&story->cast.world, "ledger verify", output, sizeof output);
    if (code != 0 || strstr(output, "5 transfers") == NULL)
        fail_msg("florin ledger verify: %d\n%s", code, output);
}

static void wait_for_audit_event(struct story *story, const char *query, struct http_answer *ret)
{
    char path[256];
    snprintf(path, sizeof path, "/v1/audit/events?%s", query);
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, ret);
        if (json_array_size(json_object_get(ret->json, "events")) > 0) return;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("no audit event: %s", query);
}

static void test_the_trail_names_who_did_what(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    char query[128], actor[64];
    snprintf(query, sizeof query, "resource=transfers/%s", story->payment);
    wait_for_audit_event(story, query, &answer);
    assert_int_equal(json_array_size(json_object_get(answer.json, "events")), 1); // Once.
    snprintf(actor, sizeof actor, "users/%s", story->asha.person.id);
    assert_string_equal(http_text(&answer, "events.0.actor"), actor);
    assert_string_equal(http_text(&answer, "events.0.action"), "ledger.transfer.created");
    assert_string_equal(http_text(&answer, "events.0.outcome"), "success");

    snprintf(query, sizeof query, "actor=users/%s&source=ledger", story->cast.teller.id);
    wait_for_audit_event(story, query, &answer);
    // The teller's refused deposit is there, and the two that were made.
    assert_true(json_array_size(json_object_get(answer.json, "events")) >= 3);
    snprintf(query, sizeof query, "actor=users/%s&source=kyc", story->cast.checker.id);
    wait_for_audit_event(story, query, &answer);
    expect_refusal(story, &story->asha.person, "GET", "/v1/audit/events", NULL, 403,
                   "PERMISSION_DENIED");
    http_answer_reset(&answer);
}

static const struct rpc_event_type *find_type(const char *type)
{
    for (size_t i = 0; i < rpc_event_type_count; i++)
        if (strcmp(rpc_event_types[i].type, type) == 0) return &rpc_event_types[i];
    return NULL;
}

// What subscribers are told that there is, and that they can read it.
static void test_every_event_is_of_a_registered_type(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    char path[768] = "/v1/audit/events?page_size=1000";
    size_t seen = 0;
    for (;;) {
        http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
        size_t index;
        json_t *event;
        json_array_foreach(json_object_get(answer.json, "events"), index, event)
        {
            const char *action = json_string_value(json_object_get(event, "action"));
            const struct rpc_event_type *type = find_type(action);
            if (type == NULL) fail_msg("%s is in no proto's event_types", action);
            bool has_data = json_is_object(json_object_get(event, "data"));
            if (has_data != (type->payload != NULL)) fail_msg("data of %s", action);
            seen++;
        }
        const char *token = http_text(&answer, "next_page_token");
        if (token[0] == '\0') break;
        snprintf(path, sizeof path, "/v1/audit/events?page_size=1000&page_token=%s", token);
    }
    assert_true(seen > 50);
    http_answer_reset(&answer);
}

// Follows Link to the end; gives how many lines the documents had together.
static size_t count_exported_lines(struct story *story, const char *accept, const char *query)
{
    struct http_answer answer = {0};
    char path[1024], header[64];
    size_t lines = 0;
    snprintf(path, sizeof path, "/v1/audit/events?%s", query);
    snprintf(header, sizeof header, "Accept: %s", accept);
    for (unsigned pages = 0; path[0] != '\0' && pages < 100; pages++) {
        http_call(story->cast.client, story->cast.auditor.token, "GET", path, NULL, header,
                  &answer);
        if (answer.status != 200) fail_msg("%s: %ld %s", path, answer.status, answer.text);
        for (size_t i = 0; i < answer.size; i++)
            lines += answer.text[i] == '\n';
        const char *link = http_header(&answer, "link");
        const char *end = link != NULL ? strstr(link, ">; rel=\"next\"") : NULL;
        snprintf(path, sizeof path, "%.*s", end != NULL ? (int)(end - link - 1) : 0,
                 link != NULL ? link + 1 : "");
    }
    http_answer_reset(&answer);
    return lines;
}

static void test_the_trail_is_exported_page_by_page(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    char body[BODY_BYTES], id[WORLD_ID_BYTES], query[128];
    people_new_id(id);
    transfer_body(body, id, story->asha.account, story->binod.account, "1");
    http_expect(story->cast.client, story->asha.person.token, "POST", "/v1/transfers", body, 201,
                &answer);
    // Of a source that is silent from here on: exports are events of audit's own. They come in
    // order, so when this one is there all before it are.
    snprintf(query, sizeof query, "resource=transfers/%s", id);
    wait_for_audit_event(story, query, &answer);
    const char *listed = "/v1/audit/events?source=ledger&page_size=1000";
    http_expect(story->cast.client, story->cast.auditor.token, "GET", listed, NULL, 200, &answer);
    size_t count = json_array_size(json_object_get(answer.json, "events"));
    assert_true(count > 3);

    static const char *const paged = "source=ledger&page_size=3&action=ledger.*";
    size_t pages = (count + 2) / 3;
    assert_int_equal(count_exported_lines(story, "application/x-ndjson", paged), count);
    assert_int_equal(count_exported_lines(story, "text/csv", paged), count + pages); // Headers.
    assert_int_equal(count_exported_lines(story, "text/x-cef", paged), count);
    assert_int_equal(count_exported_lines(story, "application/vnd.ocsf+json", paged), count);
    wait_for_audit_event(story, "action=audit.events.exported", &answer);
    assert_string_equal(http_text(&answer, "events.0.data.source"), "ledger");
    http_answer_reset(&answer);
}

// What was changed by an officer says what its record was before and is now; what Asha did, and
// what was done to her, is one list.
static void test_changes_carry_digests_and_users_have_their_list(void **state)
{
    struct story *story = *state;
    struct http_answer answer = {0};
    char path[256];

    static const struct {
        const char *action;
        bool has_before, has_after;
    } rows[] = {
        {"kyc.profile.updated", false, true}, // Asha's and Binod's first.
        {"kyc.document.submitted", false, true},   {"kyc.case.decided", true, true},
        {"kyc.tier.changed", true, true},          {"auth.user.roles_changed", true, true},
        {"auth.apikey.created", false, true},      {"ledger.account.created", false, true},
        {"ledger.transfer.created", false, false}, // Nothing else is changed by it.
    };

    http_expect(story->cast.client, story->asha.person.token, "POST", "/v1/api-keys",
                "{\"name\":\"export\",\"scopes\":[\"ledger.account.read\"]}", 201, &answer);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(path, sizeof path, "action=%s", rows[i].action);
        wait_for_audit_event(story, path, &answer);
        const char *before = http_text(&answer, "events.0.before_digest");
        const char *after = http_text(&answer, "events.0.after_digest");
        assert_int_equal(strlen(before), rows[i].has_before ? 64 : 0);
        assert_int_equal(strlen(after), rows[i].has_after ? 64 : 0);
        assert_true(before[0] == '\0' || strcmp(before, after) != 0);
    }

    snprintf(path, sizeof path, "/v1/audit/users/%s?action=kyc.*", story->asha.person.id);
    http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
    assert_true(json_array_size(json_object_get(answer.json, "events")) >= 2);
    assert_string_equal(http_text(&answer, "events.0.source"), "kyc");
    expect_refusal(story, &story->asha.person, "GET", path, NULL, 403, "PERMISSION_DENIED");
    http_answer_reset(&answer);
}

static void write_file(const struct story *story, const char *name,
                       const struct http_answer *answer)
{
    char path[WORLD_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/%s", story->cast.world.data, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(answer->text, 1, answer->size, file), answer->size);
    assert_int_equal(fclose(file), 0);
}

static void test_the_transfer_is_proven_offline(void **state)
{
    struct story *story = *state;
    struct world *world = &story->cast.world;
    struct http_answer answer = {0};
    char query[128], path[128], arguments[3 * WORLD_PATH_BYTES], output[4096];
    snprintf(query, sizeof query, "resource=transfers/%s", story->payment);
    wait_for_audit_event(story, query, &answer);
    const json_t *event = json_array_get(json_object_get(answer.json, "events"), 0);
    const json_t *index = json_object_get(event, "index");
    snprintf(path, sizeof path, "/v1/audit/events/%s",
             json_is_string(index) ? json_string_value(index) : "");
    if (json_is_integer(index))
        snprintf(path, sizeof path, "/v1/audit/events/%" JSON_INTEGER_FORMAT,
                 json_integer_value(index));
    http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
    write_file(story, "event.json", &answer);
    strncat(path, "/proof", sizeof path - strlen(path) - 1);
    http_call(story->cast.client, story->cast.auditor.token, "GET", path, NULL,
              "Accept: text/plain", &answer);
    assert_int_equal(answer.status, 200);
    write_file(story, "proof", &answer);
    snprintf(arguments, sizeof arguments, "audit verify --proof %s/proof --entry %s/event.json",
             world->data, world->data);
    int code = world_florin(world, arguments, output, sizeof output);
    if (code != 0) fail_msg("florin %s: %d\n%s", arguments, code, output);

    answer.text[answer.size / 2] ^= 1; // Any other proof proves nothing.
    write_file(story, "proof", &answer);
    assert_int_not_equal(world_florin(world, arguments, output, sizeof output), 0);
    http_answer_reset(&answer);
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.cast.world);
    cast_gather(&story.cast);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    cast_dismiss(&story->cast);
    world_close(&story->cast.world);
    return 0;
}

int main(void)
{
    // Chapters of one story: each stands on those before.
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_kyc_no_money_moves),
        cmocka_unit_test(test_four_eyes_see_each_customer),
        cmocka_unit_test(test_the_teller_takes_cash),
        cmocka_unit_test(test_a_transfer_happens_once),
        cmocka_unit_test(test_nobody_spends_what_is_not_there_or_not_theirs),
        cmocka_unit_test(test_history_and_balances_agree),
        cmocka_unit_test(test_the_trail_names_who_did_what),
        cmocka_unit_test(test_every_event_is_of_a_registered_type),
        cmocka_unit_test(test_the_trail_is_exported_page_by_page),
        cmocka_unit_test(test_changes_carry_digests_and_users_have_their_list),
        cmocka_unit_test(test_the_transfer_is_proven_offline),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("story", tests, open_story, close_story);
}
