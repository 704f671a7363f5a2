// Stopping and starting: a drain ends nothing that was begun, everything is there again on the same
// data, a backup is what was there at its moment, and what must not start does not.
#include "common/event/event.h"
#include "services/ledger/store.h"
#include "tests/crash/load.h"
#include "tests/integration/cast.h"
#include "tests/integration/direct.h"

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

enum { WAIT_TRIES = 3000, WAIT_PAUSE_MS = 10, OUTPUT_BYTES = 8192, AUDIT_PAGE = 1000 };

static const char *const daemons[] = {"auth", "ledger", "kyc", "audit", "gateway"};

enum { DAEMON_COUNT = sizeof daemons / sizeof daemons[0] };

struct story {
    struct cast cast;
    struct load load;
    struct customer asha, binod;
    struct direct_sources sources;
};

static void florin_expect(const struct world *world, const char *arguments, int code,
                          const char *says)
{
    char output[OUTPUT_BYTES];
    int got = world_florin(world, arguments, output, sizeof output);
    if (got != code || strstr(output, says) == NULL)
        fail_msg("florin %s: exit %d, expected %d with \"%s\":\n%s", arguments, got, code, says,
                 output);
}

static void transfer(struct cast *cast, const struct customer *from, const struct customer *to,
                     unsigned amount)
{
    char id[WORLD_ID_BYTES], body[512];
    struct http_answer answer = {0};
    people_new_id(id);
    snprintf(body, sizeof body,
             "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"%u\",\"currency\":\"INR\"}",
             id, from->account, to->account, amount);
    http_expect(cast->client, from->person.token, "POST", "/v1/transfers", body, 201, &answer);
    http_answer_reset(&answer);
}

// ---- SIGTERM under load --------------------------------------------------------------------

static pid_t wait_for_other_pid(const struct world *world, const char *daemon, pid_t before)
{
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        pid_t pid = world_daemon_pid(world, daemon);
        if (pid > 0 && pid != before) return pid;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("%s was not started again", daemon);
    return 0;
}

// The supervisor tells how each daemon ended: how often has this one ended in this way?
static unsigned count_ends(const struct world *world, const char *daemon, const char *how)
{
    char path[WORLD_PATH_BYTES + 16], wanted[64], line[1024];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/up.log", world->data);
    snprintf(wanted, sizeof wanted, "child=%s ", daemon);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        count += strstr(line, wanted) != NULL && strstr(line, how) != NULL;
    fclose(file);
    return count;
}

// The newest transfer of a payer: another one than before means that payments go through. False
// while the ledger is away: the gateway may not have noticed yet and still say that it is ready.
static bool newest_transfer(struct story *story, char ret_id[static WORLD_ID_BYTES])
{
    char path[128];
    struct http_answer answer = {0};
    const struct payer *payer = &story->load.payers[0];
    snprintf(path, sizeof path, "/v1/accounts/%s/transfers?page_size=1", payer->account);
    http_call(story->cast.client, payer->person.token, "GET", path, NULL, NULL, &answer);
    bool is_known = answer.status == 200;
    if (is_known) snprintf(ret_id, WORLD_ID_BYTES, "%s", http_text(&answer, "transfers.0.id"));
    http_answer_reset(&answer);
    return is_known;
}

static void wait_for_payments(struct story *story)
{
    char before[WORLD_ID_BYTES] = "", now[WORLD_ID_BYTES] = "";
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        bool is_known = newest_transfer(story, now);
        if (is_known && before[0] != '\0' && strcmp(before, now) != 0) return;
        if (is_known && before[0] == '\0') memcpy(before, now, sizeof before);
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("no payment goes through any more");
}

static void check_payers(struct story *story)
{
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        struct payer *payer = &story->load.payers[i];
        const struct payer *from = &story->load.payers[(i + LOAD_PAYERS - 1) % LOAD_PAYERS];
        struct customer customer = {0};
        people_login(story->cast.client, &payer->person);
        customer.person = payer->person;
        memcpy(customer.account, payer->account, sizeof customer.account);
        cast_expect_balance(&story->cast, &customer, LOAD_DEPOSIT - payer->paid + from->paid);
    }
}

static void test_a_drain_ends_with_0_and_loses_nothing(void **state)
{
    struct story *story = *state;
    struct world *world = &story->cast.world;
    load_open(&story->load, world, story->cast.client, &story->cast.teller, &story->cast.maker,
              &story->cast.checker);
    story->load.singles_only = true;
    load_start(&story->load);
    for (unsigned i = 0; i < DAEMON_COUNT; i++) {
        wait_for_payments(story);
        pid_t before = world_daemon_pid(world, daemons[i]);
        assert_true(before > 0);
        kill(before, SIGTERM);
        wait_for_other_pid(world, daemons[i], before);
        world_wait_ready(world);
        wait_for_payments(story);
        if (count_ends(world, daemons[i], "exit=0 signal=0") != 1)
            fail_msg("%s did not end with exit code 0", daemons[i]);
    }
    load_stop(&story->load);
    check_payers(story);
    florin_expect(world, "ledger verify", 0, "every balance agrees");
}

// ---- Stop and start ------------------------------------------------------------------------

static uint64_t number_of(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    if (json_is_string(value)) return strtoull(json_string_value(value), NULL, 10);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

// Waits until every event of every daemon stands in the log; gives the log's size.
static uint64_t wait_for_audit(struct story *story)
{
    struct http_answer answer = {0};
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        uint64_t total = direct_count_events(&story->sources);
        http_expect(story->cast.client, story->cast.auditor.token, "GET", "/v1/audit/status", NULL,
                    200, &answer);
        uint64_t size = number_of(answer.json, "size");
        http_answer_reset(&answer);
        assert_true(size <= total);
        if (size == total) return size;
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
    fail_msg("audit does not catch up");
    return 0;
}

// The leaves of the whole log, newest first, as one text.
static char *leaves_of(struct story *story, uint64_t below_index)
{
    char path[1024], page[600] = "";
    size_t used = 0;
    char *text = calloc(1, 1);
    assert_non_null(text);
    do {
        struct http_answer answer = {0};
        snprintf(path, sizeof path, "/v1/audit/events?page_size=%d&page_token=%s", AUDIT_PAGE,
                 page);
        http_expect(story->cast.client, story->cast.auditor.token, "GET", path, NULL, 200, &answer);
        size_t index;
        json_t *event;
        json_array_foreach(json_object_get(answer.json, "events"), index, event)
        {
            const char *leaf = json_string_value(json_object_get(event, "leaf_hash"));
            assert_non_null(leaf);
            if (number_of(event, "index") >= below_index) {
                assert_string_equal(json_string_value(json_object_get(event, "action")),
                                    "audit.started");
                continue;
            }
            size_t size = strlen(leaf);
            text = realloc(text, used + size + 1);
            assert_non_null(text);
            memcpy(text + used, leaf, size + 1);
            used += size;
        }
        snprintf(page, sizeof page, "%s", http_text(&answer, "next_page_token"));
        http_answer_reset(&answer);
    } while (page[0] != '\0');
    return text;
}

static void test_everything_is_there_again_after_a_restart(void **state)
{
    struct story *story = *state;
    struct cast *cast = &story->cast;
    struct http_answer answer = {0};
    char body[WORLD_TOKEN_BYTES + 128];
    cast_login(cast);
    people_login(cast->client, &story->asha.person);
    transfer(cast, &story->asha, &story->binod, 700);
    uint64_t size = wait_for_audit(story);
    char *leaves = leaves_of(story, size);

    world_stop(&cast->world);
    world_start(&cast->world);

    cast_expect_balance(cast, &story->asha, 9300); // With the token from before.
    people_login(cast->client, &story->binod.person);
    cast_expect_balance(cast, &story->binod, 1200);
    snprintf(body, sizeof body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"%s\"}",
             story->asha.person.refresh_token);
    http_expect(cast->client, NULL, "POST", "/oauth2/token", body, 200, &answer);
    http_answer_reset(&answer);
    florin_expect(&cast->world, "ledger verify", 0, "every balance agrees");

    // The log says that audit was started, and is otherwise the same, leaf by leaf.
    cast_login(cast);
    assert_true(wait_for_audit(story) > size);
    char *leaves_now = leaves_of(story, size + 64);
    char *old_leaves = strstr(leaves_now, leaves);
    assert_non_null(old_leaves);
    assert_string_equal(old_leaves, leaves); // The oldest ones stand last.
    free(leaves_now);
    free(leaves);
}

static void test_one_supervisor_for_one_data_directory(void **state)
{
    struct story *story = *state;
    florin_expect(&story->cast.world, "up --port 1", 3, "ALREADY_RUNNING");
    cast_expect_balance(&story->cast, &story->asha, 9300);
}

// ---- Backup --------------------------------------------------------------------------------

// Keys are no part of a backup: whoever restores brings them from where they are kept.
static void copy_keys(const struct world *from, const struct world *to)
{
    char command[2 * WORLD_PATH_BYTES + 64];
    snprintf(command, sizeof command, "cp -a %s/keys %s/keys", from->data, to->data);
    assert_int_equal(system(command), 0); // NOLINT(bugprone-command-processor): our own words.
}

static void check_restored(struct story *story, struct cast *restored)
{
    struct customer asha = story->asha, binod = story->binod;
    people_login(restored->client, &asha.person);
    people_login(restored->client, &binod.person);
    cast_expect_balance(restored, &asha, 9300);
    cast_expect_balance(restored, &binod, 1200);
    florin_expect(&restored->world, "ledger verify", 0, "every balance agrees");
    transfer(restored, &asha, &binod, 300); // It is no museum.
    cast_expect_balance(restored, &binod, 1500);
    // Its daemons go on following each other's restored events: a new tier reaches the ledger.
    restored->teller = story->cast.teller;
    restored->maker = story->cast.maker;
    restored->checker = story->cast.checker;
    restored->auditor = story->cast.auditor;
    restored->customers = story->cast.customers;
    cast_login(restored);
    struct customer chitra;
    cast_customer(restored, "chitra", "900", &chitra);
    cast_expect_balance(restored, &chitra, 900);
}

static void test_a_backup_holds_its_moment(void **state)
{
    struct story *story = *state;
    struct cast *cast = &story->cast;
    char arguments[WORLD_PATH_BYTES + 32];
    snprintf(arguments, sizeof arguments, "backup %s/backup", cast->world.data);
    florin_expect(&cast->world, arguments, 0, "ledger");
    people_login(cast->client, &story->asha.person);
    transfer(cast, &story->asha, &story->binod, 5000);
    people_login(cast->client, &story->binod.person);
    cast_expect_balance(cast, &story->binod, 6200);

    static struct cast restored;
    world_make(&restored.world);
    copy_keys(&cast->world, &restored.world);
    snprintf(arguments, sizeof arguments, "restore %s/backup", cast->world.data);
    florin_expect(&restored.world, arguments, 0, "restored");
    florin_expect(&restored.world, "verify", 0, "sound");
    world_start(&restored.world);
    restored.client = http_client_open(&restored.world);
    check_restored(story, &restored);
    cast_dismiss(&restored);
    world_close(&restored.world);
}

// ---- A newer store -------------------------------------------------------------------------

static struct status migrate_nothing(struct store_txn *txn)
{
    (void)txn;
    return STATUS_SUCCESS;
}

// What the next release's binary would do to the store.
static void raise_schema(const char *directory)
{
    struct store_migration migrations[32] = {0};
    struct store_schema newer = ledger_store_schema;
    size_t count = newer.migration_count;
    assert_true(count < 31);
    for (size_t i = 0; i < count; i++)
        migrations[i] = newer.migrations[i];
    migrations[count] = (struct store_migration){.from = newer.version, .run = migrate_nothing};
    newer.version++;
    newer.migrations = migrations;
    newer.migration_count = count + 1;
    const struct store_schema *schemas[] = {&event_store_schema, &rpc_store_schema, &newer};
    struct store *store = NULL;
    struct status status =
        store_open(&(struct store_config){.directory = directory}, schemas, 3, &store);
    if (!status_ok(status)) fail_msg("%s: %s", directory, status.reason);
    store_close(&store);
}

static void test_a_newer_store_is_left_alone(void **state)
{
    struct story *story = *state;
    struct world *world = &story->cast.world;
    char directory[WORLD_PATH_BYTES + 16], command[2 * WORLD_PATH_BYTES + 64], output[OUTPUT_BYTES];
    world_stop(world);
    snprintf(directory, sizeof directory, "%s/ledger", world->data);
    raise_schema(directory);
    snprintf(command, sizeof command, "%s/florin-ledger --data.directory=%s 2>&1", world->bin,
             world->data);
    FILE *ledger = popen(command, "re"); // NOLINT(bugprone-command-processor): our own words.
    assert_non_null(ledger);
    size_t size = fread(output, 1, sizeof output - 1, ledger);
    output[size] = '\0';
    int code = pclose(ledger);
    if (code == 0 || strstr(output, "SCHEMA_TOO_NEW") == NULL)
        fail_msg("a newer store: %d\n%s", code, output);
    florin_expect(world, "up --port 1", 3, "florin-ledger does not start");
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    world_open(&story.cast.world);
    cast_gather(&story.cast);
    direct_open_sources(&story.cast.world, &story.sources);
    // Numbers beyond those of the load's payers.
    story.cast.customers = LOAD_PAYERS;
    cast_customer(&story.cast, "asha", "10000", &story.asha);
    cast_customer(&story.cast, "binod", "500", &story.binod);
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    load_close(&story->load);
    cast_dismiss(&story->cast);
    if (story->cast.world.supervisor != 0) world_stop(&story->cast.world);
    world_remove(&story->cast.world);
    return 0;
}

int main(void)
{
    // In this order: the last one leaves the world stopped.
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_drain_ends_with_0_and_loses_nothing),
        cmocka_unit_test(test_everything_is_there_again_after_a_restart),
        cmocka_unit_test(test_one_supervisor_for_one_data_directory),
        cmocka_unit_test(test_a_backup_holds_its_moment),
        cmocka_unit_test(test_a_newer_store_is_left_alone),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("restart", tests, open_story, close_story);
}
