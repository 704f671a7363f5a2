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
        payer->payments = calloc(LOAD_PAYMENTS_MAX, sizeof *payer->payments);
        if (payer->payments == NULL) abort();
        snprintf(name, sizeof name, "payer%u", i);
        people_register(world, client, name, &payer->person);
        people_approve(client, &payer->person, maker, checker, i + 1);
        people_account(client, &payer->person, payer->account);
        people_deposit(client, teller, payer->account, deposit);
    }
}

// Sends until the outcome is known: 201 made now, 200 made by an earlier attempt.
static bool pay_once(struct http_client *client, struct payer *payer, const char *body)
{
    struct http_answer answer = {0};
    for (unsigned i = 0; i < REPEATS_MAX; i++) {
        http_call(client, payer->person.token, "POST", "/v1/transfers", body, NULL, &answer);
        long status = answer.status;
        if (status == 201 || status == 200) {
            http_answer_reset(&answer);
            return true;
        }
        // No answer, not available, outcome unknown: ask again with the same id.
        bool is_open = status == 0 || status == 503 || status == 504 || status == 429;
        if (!is_open) {
            fprintf(stderr, "a payment was answered %ld: %s\n%s\n", status, answer.text, body);
            abort();
        }
        payer->repeats++;
        poll(NULL, 0, REPEAT_PAUSE_MS);
    }
    fprintf(stderr, "a payment was never answered: last %ld %s\n", answer.status, answer.text);
    abort();
}

static void *pay(void *context)
{
    struct payer *payer = context;
    struct http_client *client = http_client_open(payer->load->world);
    char body[512];
    while (!atomic_load(&payer->load->is_stopping) && payer->payment_count < LOAD_PAYMENTS_MAX) {
        struct payment *payment = &payer->payments[payer->payment_count];
        people_new_id(payment->id);
        payment->amount = 1 + (unsigned)(payer->payment_count % 7);
        snprintf(body, sizeof body,
                 "{\"id\":\"%s\",\"debit_account_id\":\"%s\",\"credit_account_id\":\"%s\","
                 "\"amount\":\"%u\",\"currency\":\"INR\"}",
                 payment->id, payer->account, payer->payee->account, payment->amount);
        if (!pay_once(client, payer, body)) break;
        payer->paid += payment->amount;
        payer->payment_count++;
    }
    http_client_close(&client);
    return NULL;
}

void load_start(struct load *load)
{
    atomic_store(&load->is_stopping, false);
    for (unsigned i = 0; i < LOAD_PAYERS; i++) {
        if (pthread_create(&load->payers[i].thread, NULL, pay, &load->payers[i]) != 0) abort();
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
        free(load->payers[i].payments);
}
