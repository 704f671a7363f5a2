// Payments while calls between gateway and ledger get lost, doubled and late and their connection
// ends at any moment: whatever the payers were told, every payment happened exactly once.
#include "tests/integration/cast.h"
#include "tests/integration/relay.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    PAYERS = 4,
    PAYMENTS = 60, // Of each payer.
    DEPOSIT = 1000000,
    OVERDRAFT = 2000000000,
    REPEATS_MAX = 12000, // A minute: longer than a stuck gateway is put up with (rpc/reaper.h).
    REPEAT_PAUSE_MS = 5,
    RESTART_TRIES = 1000,
};

/// How a payment says which one it is.
enum manner { BY_ID, BY_KEY, TOO_MUCH, MANNER_COUNT };

struct payer {
    struct story *story;
    pthread_t thread;
    struct customer customer;
    const struct payer *payee;
    cast_id paid_ids[PAYMENTS];
    size_t paid_count, refused_count, replayed_count, repeats;
    uint64_t paid_amount;
};

struct story {
    struct cast cast;
    struct relay *relay;
    struct payer payers[PAYERS];
};

// ---- The relay -----------------------------------------------------------------------------

static void restart_gateway(const struct world *world)
{
    pid_t before = world_daemon_pid(world, "gateway");
    assert_true(before > 0);
    kill(before, SIGTERM);
    for (unsigned i = 0; i < RESTART_TRIES; i++) {
        pid_t now = world_daemon_pid(world, "gateway");
        if (now > 0 && now != before) {
            world_wait_ready(world);
            return;
        }
        poll(NULL, 0, 10);
    }
    fail_msg("the gateway was not started again");
}

// The bound socket keeps its place in the file system under another name; only who connects anew
// meets the relay, so the gateway does.
static void put_relay_between(struct story *story, unsigned seed)
{
    char path[WORLD_PATH_BYTES + 32], real_path[WORLD_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s/run/ledger.sock", story->cast.world.data);
    snprintf(real_path, sizeof real_path, "%s/run/ledger-real.sock", story->cast.world.data);
    assert_int_equal(rename(path, real_path), 0);
    story->relay = relay_open(path, real_path, "LedgerService/CreateTransfer", seed);
    restart_gateway(&story->cast.world);
}

// ---- Paying --------------------------------------------------------------------------------

// Nothing, not available, outcome unknown: what the payer knows is that he does not know.
static bool is_open(long status)
{
    return status == 0 || status == 503 || status == 504 || status == 429;
}

static void send_until_known(struct payer *payer, struct http_client *client, const char *body,
                             const char *headers, struct http_answer *ret)
{
    for (unsigned i = 0; i < REPEATS_MAX; i++) {
        http_call(client, payer->customer.person.token, "POST", "/v1/transfers", body, headers,
                  ret);
        if (!is_open(ret->status)) return;
        payer->repeats++;
        poll(NULL, 0, REPEAT_PAUSE_MS);
    }
    fprintf(stderr, "a payment was never answered: last %ld %s\n", ret->status, ret->text);
    abort();
}

static void abort_unless(bool holds, const char *what, const struct http_answer *answer)
{
    if (holds) return; // cmocka's assertions are for the main thread.
    fprintf(stderr, "%s: %ld %s\n", what, answer->status, answer->text);
    abort();
}

static void pay_once(struct payer *payer, struct http_client *client, enum manner manner,
                     unsigned amount)
{
    char id[WORLD_ID_BYTES], body[512], id_member[64], header[96];
    struct http_answer answer = {0};
    people_new_id(id);
    snprintf(id_member, sizeof id_member, "\"id\":\"%s\",", id);
    snprintf(header, sizeof header, "Idempotency-Key: %s", id);
    snprintf(body, sizeof body,
             "{%s\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"%u\",\"currency\":\"INR\"}",
             manner == BY_KEY ? "" : id_member, payer->customer.account,
             payer->payee->customer.account, amount);
    send_until_known(payer, client, body, manner == BY_KEY ? header : NULL, &answer);
    const char *reason = http_text(&answer, "reason");
    if (manner == TOO_MUCH) {
        bool is_refused = answer.status == 422 && (strcmp(reason, "INSUFFICIENT_FUNDS") == 0 ||
                                                   strcmp(reason, "ID_ALREADY_FAILED") == 0);
        abort_unless(is_refused, "an overdraft", &answer);
        payer->refused_count++;
    } else {
        abort_unless(answer.status == 201 || answer.status == 200, "a payment", &answer);
        const char *replayed = http_header(&answer, "idempotency-replayed");
        if (answer.status == 200 || (replayed != NULL && strcmp(replayed, "true") == 0))
            payer->replayed_count++;
        snprintf(payer->paid_ids[payer->paid_count++], WORLD_ID_BYTES, "%s",
                 http_text(&answer, "id"));
        payer->paid_amount += amount;
    }
    http_answer_reset(&answer);
}

static void *pay(void *context)
{
    struct payer *payer = context;
    struct http_client *client = http_client_open(&payer->story->cast.world);
    for (unsigned i = 0; i < PAYMENTS; i++) {
        enum manner manner = i % 10 == 9 ? TOO_MUCH : i % 2 == 0 ? BY_ID : BY_KEY;
        pay_once(payer, client, manner, manner == TOO_MUCH ? OVERDRAFT : 1 + i % 7);
    }
    http_client_close(&client);
    return NULL;
}

static void everybody_pays(struct story *story)
{
    for (unsigned i = 0; i < PAYERS; i++) {
        struct payer *payer = &story->payers[i];
        assert_int_equal(pthread_create(&payer->thread, NULL, pay, payer), 0);
    }
    for (unsigned i = 0; i < PAYERS; i++)
        pthread_join(story->payers[i].thread, NULL);
}

// ---- What must hold ------------------------------------------------------------------------

static void check_payer(struct story *story, unsigned index)
{
    struct payer *payer = &story->payers[index];
    const struct payer *from = &story->payers[(index + PAYERS - 1) % PAYERS];
    cast_expect_balance(&story->cast, &payer->customer,
                        DEPOSIT - payer->paid_amount + from->paid_amount);
    cast_id *ids = NULL;
    size_t count = cast_history(&story->cast, &payer->customer, &ids);
    assert_int_equal(count, payer->paid_count + from->paid_count + 1); // And the deposit.
    assert_true(cast_sort_ids(ids, count));
    for (size_t i = 0; i < payer->paid_count; i++)
        assert_true(cast_has_id(ids, count, payer->paid_ids[i]));
    free(ids);
}

// As many transfers as were promised, by the ledger's own count over its whole store.
static void check_ledger(struct story *story)
{
    char output[4096];
    size_t expected = PAYERS;
    for (unsigned i = 0; i < PAYERS; i++)
        expected += story->payers[i].paid_count;
    int code = world_florin(&story->cast.world, "ledger verify", output, sizeof output);
    if (code != 0) fail_msg("florin ledger verify: %d\n%s", code, output);
    const char *comma = strchr(output, ',');
    assert_non_null(comma);
    assert_int_equal(strtoul(comma + 1, NULL, 10), expected);
}

static void show(struct story *story)
{
    size_t repeats = 0, replayed = 0;
    for (unsigned i = 0; i < PAYERS; i++) {
        repeats += story->payers[i].repeats;
        replayed += story->payers[i].replayed_count;
    }
    for (unsigned fault = 0; fault < RELAY_FAULT_COUNT; fault++)
        printf("%s %" PRIu64 "%s", relay_fault_names[fault], relay_count(story->relay, fault),
               fault + 1 < RELAY_FAULT_COUNT ? ", " : "\n");
    printf("%zu requests sent again by payers, %zu answers from an earlier attempt\n", repeats,
           replayed);
    assert_true(replayed > 0); // Else no fault ever hid an effect.
}

static void test_every_payment_happens_exactly_once(void **state)
{
    struct story *story = *state;
    unsigned seed = (unsigned)time(NULL);
    const char *given = getenv("FLORIN_SEED");
    if (given != NULL) seed = (unsigned)strtoul(given, NULL, 10);
    printf("seed %u (FLORIN_SEED repeats it)\n", seed);
    put_relay_between(story, seed);

    relay_set_faulty(story->relay, true);
    everybody_pays(story);
    relay_set_faulty(story->relay, false);
    world_wait_ready(&story->cast.world);

    show(story);
    for (unsigned fault = 0; fault < RELAY_FAULT_COUNT; fault++)
        assert_true(relay_count(story->relay, fault) > 0);
    for (unsigned i = 0; i < PAYERS; i++) {
        people_login(story->cast.client, &story->payers[i].customer.person);
        check_payer(story, i);
        assert_int_equal(story->payers[i].paid_count + story->payers[i].refused_count, PAYMENTS);
    }
    check_ledger(story);
}

// ---- Life ----------------------------------------------------------------------------------

static int open_story(void **state)
{
    static struct story story;
    char name[32], deposit[32];
    world_open(&story.cast.world);
    cast_gather(&story.cast);
    snprintf(deposit, sizeof deposit, "%d", DEPOSIT);
    for (unsigned i = 0; i < PAYERS; i++) {
        struct payer *payer = &story.payers[i];
        payer->story = &story;
        payer->payee = &story.payers[(i + 1) % PAYERS];
        snprintf(name, sizeof name, "payer%u", i);
        cast_customer(&story.cast, name, deposit, &payer->customer);
    }
    *state = &story;
    return 0;
}

static int close_story(void **state)
{
    struct story *story = *state;
    cast_dismiss(&story->cast);
    relay_close(&story->relay); // First: it does not expect the daemon to go.
    world_close(&story->cast.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_payment_happens_exactly_once),
    };
    cast_pick_tests();
    return cmocka_run_group_tests_name("fault", tests, open_story, close_story);
}
