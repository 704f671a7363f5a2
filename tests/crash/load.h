/// @file tests/crash/load.h
/// Customers who pay each other without pause, each remembering exactly what was promised to them.
/// Every payment is repeated with the same id until its answer is known, whatever dies meanwhile.
/// Threads    One per payer; load_stop joins them, after which the records may be read.
#pragma once

#include "tests/support/world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LOAD_PAYERS = 4, LOAD_PAYMENTS_MAX = 200000, LOAD_DEPOSIT = 100000000 };

struct payment {
    char id[WORLD_ID_BYTES];
    unsigned amount;
};

struct payer {
    struct load *load;
    pthread_t thread;
    struct person person;
    char account[WORLD_ID_BYTES];
    const struct payer *payee;
    struct payment *payments; // Those that were answered 201 or 200: promised.
    size_t payment_count;
    uint64_t paid, repeats; // Sum of amounts; requests that had to be sent again.
};

struct load {
    const struct world *world;
    atomic_bool is_stopping;
    struct payer payers[LOAD_PAYERS];
};

/// load_open makes the customers through KYC and gives each LOAD_DEPOSIT minor units.
void load_open(struct load *load, const struct world *world, struct http_client *client,
               const struct person *teller, const struct person *maker,
               const struct person *checker);
void load_start(struct load *load);
void load_stop(struct load *load);
void load_close(struct load *load);
