#include "tests/crash/load.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEAT_PAUSE_MS = 5, REPEATS_MAX = 6000 };

void load_open(struct load *load, const struct world *world, struct http_client *client,
               const struct person *teller, const struct person *maker,
               const struct person *checker)
{
    memset(load, 0, sizeof *load);
    load->world = world;
    char name[32], deposit[32];
    snprintf(deposit, sizeof deposit, "%d", LOAD_DEPOSIT);
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        struct payer *payer = &load->payers[i];
        payer->load = load;
        payer->payee = &load->payers[(i + 1) % LOAD_PAYERS];
        payer->promises = calloc(LOAD_PROMISES_MAX, sizeof *payer->promises);
        if (payer->promises == NULL) abort();
        snprintf(name, sizeof name, "payer%u", i);
        people_register(world, client, name, &payer->person);
        people_approve(client, &payer->person, maker, checker, i + 1);
        people_account(client, &payer->person, payer->account);
        people_deposit(client, teller, payer->account, deposit);
    }
}

// Sends until the outcome is known: 201 made now, 200 made by an earlier attempt, or the one
// refusal that is expected. false: that refusal.
static bool ask(struct http_client *client, struct payer *payer, const char *token,
                const char *path, const char *body, const char *expected_reason)
{
    struct http_answer answer = {0};
    for (unsigned i = 0; i < REPEATS_MAX; i++) {
        http_call(client, token, "POST", path, body, NULL, &answer);
        long status = answer.status;
        bool is_done = status == 201 || status == 200;
        bool is_expected =
            expected_reason != NULL && strcmp(http_text(&answer, "reason"), expected_reason) == 0;
        if (is_done || is_expected) {
            http_answer_reset(&answer);
            return is_done;
        }
        // No answer, not available, outcome unknown: ask again with the same id.
        bool is_open = status == 0 || status == 503 || status == 504 || status == 429;
        if (!is_open) {
            fprintf(stderr, "%s was answered %ld: %s\n%s\n", path, status, answer.text, body);
            abort();
        }
        payer->repeats++;
        poll(NULL, 0, REPEAT_PAUSE_MS);
    }
    fprintf(stderr, "%s was never answered: last %ld %s\n", path, answer.status, answer.text);
    abort();
}

static void promise(struct payer *payer, const char *id)
{
    if (payer->promise_count == LOAD_PROMISES_MAX) abort();
    memcpy(payer->promises[payer->promise_count++], id, WORLD_ID_BYTES);
}

/// A transfer's JSON, with more members (",\"kind\":…" or "").
static void write_transfer(const struct payer *payer, const char *id, unsigned amount,
                           const char *more, size_t size, char *ret)
{
    snprintf(ret, size,
             "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
             "\"amount\":\"%u\",\"currency\":\"INR\"%s}",
             id, payer->account, payer->payee->account, amount, more);
}

static void pay(struct http_client *client, struct payer *payer, unsigned amount, load_id ret_id)
{
    char body[512];
    people_new_id(ret_id);
    write_transfer(payer, ret_id, amount, "", sizeof body, body);
    ask(client, payer, payer->person.token, "/v1/transfers", body, NULL);
    promise(payer, ret_id);
    payer->paid += amount;
}

static void pay_single(struct http_client *client, struct payer *payer)
{
    load_id id;
    pay(client, payer, 1 + payer->steps % 7, id);
}

static void pay_batch(struct http_client *client, struct payer *payer)
{
    load_id ids[LOAD_BATCH];
    char body[LOAD_BATCH * 512] = "{\"mode\":\"ATOMIC\",\"transfers\":[";
    for (unsigned i = 0; i < LOAD_BATCH; i++) {
        people_new_id(ids[i]);
        size_t used = strlen(body);
        if (i > 0) body[used++] = ',';
        write_transfer(payer, ids[i], 2 + i, "", sizeof body - used, body + used);
    }
    memcpy(body + strlen(body), "]}", 3);
    ask(client, payer, payer->person.token, "/v1/transfers:batch", body, NULL);
    for (unsigned i = 0; i < LOAD_BATCH; i++) {
        promise(payer, ids[i]);
        payer->paid += 2 + i;
    }
}

static void hold(struct http_client *client, struct payer *payer, unsigned amount,
                 const char *timeout, load_id ret_id)
{
    char body[512];
    people_new_id(ret_id);
    write_transfer(payer, ret_id, amount, timeout, sizeof body, body);
    ask(client, payer, payer->person.token, "/v1/transfers", body, NULL);
    promise(payer, ret_id);
}

/// What follows a transfer: ":post", ":void", ":reverse". false: refused as expected.
static bool follow(struct http_client *client, struct payer *payer, const char *token,
                   const char *subject, const char *verb, const char *members,
                   const char *expected_reason)
{
    load_id id;
    char path[128], body[256];
    people_new_id(id);
    snprintf(path, sizeof path, "/v1/transfers/%s:%s", subject, verb);
    snprintf(body, sizeof body, "{\"id\":\"%s\"%s}", id, members);
    if (!ask(client, payer, token, path, body, expected_reason)) return false;
    promise(payer, id);
    return true;
}

static void hold_and_capture(struct http_client *client, struct payer *payer)
{
    load_id id;
    hold(client, payer, 50, ",\"kind\":\"PENDING\"", id);
    follow(client, payer, payer->person.token, id, "post", ",\"amount\":\"20\",\"final\":false",
           NULL);
    follow(client, payer, payer->person.token, id, "post", ",\"amount\":\"10\"", NULL);
    payer->paid += 30;
}

static void hold_and_void(struct http_client *client, struct payer *payer)
{
    load_id id;
    hold(client, payer, 70, ",\"kind\":\"PENDING\",\"timeout_seconds\":3600", id);
    follow(client, payer, payer->person.token, id, "void", "", NULL);
}

/// Captures a part, unless a daemon's death took so long that it has expired by then.
static void hold_and_expire(struct http_client *client, struct payer *payer)
{
    load_id id;
    hold(client, payer, 90, ",\"kind\":\"PENDING\",\"timeout_seconds\":1", id);
    if (follow(client, payer, payer->person.token, id, "post", ",\"amount\":\"40\",\"final\":false",
               "PENDING_TRANSFER_EXPIRED"))
        payer->paid += 40;
    payer->expiring++;
}

/// The payee gives a part back.
static void pay_and_reverse(struct http_client *client, struct payer *payer)
{
    load_id id;
    pay(client, payer, 30, id);
    follow(client, payer, payer->payee->person.token, id, "reverse", ",\"amount\":\"12\"", NULL);
    payer->paid -= 12;
}

static void *run(void *context)
{
    static void (*const steps[])(struct http_client *, struct payer *) = {
        pay_single,    pay_batch,       hold_and_capture, pay_single,
        hold_and_void, hold_and_expire, pay_and_reverse,
    };
    struct payer *payer = context;
    struct http_client *client = http_client_open(payer->load->world);
    while (!atomic_load(&payer->load->is_stopping)) {
        size_t step = payer->steps % (sizeof steps / sizeof steps[0]);
        steps[payer->load->singles_only ? 0 : step](client, payer);
        payer->steps++;
        if (payer->load->pause_ms > 0) poll(NULL, 0, payer->load->pause_ms);
    }
    http_client_close(&client);
    return NULL;
}

void load_start(struct load *load)
{
    atomic_store(&load->is_stopping, false);
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        if (pthread_create(&load->payers[i].thread, NULL, run, &load->payers[i]) != 0) abort();
    }
}

void load_stop(struct load *load)
{
    atomic_store(&load->is_stopping, true);
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        pthread_join(load->payers[i].thread, NULL);
}

void load_close(struct load *load)
{
    for (unsigned i = 0; i < LOAD_PAYERS; i++)
        free(load->payers[i].promises);
}
