/// @file tests/crash/load.h
/// Customers who move money to each other without pause, in every way there is (single transfers,
/// ATOMIC batches, holds that are captured, voided or left to expire, reversals), each remembering
/// exactly what was promised to them. Every request is repeated with the same ids until its answer
/// is known, whatever dies meanwhile. Threads    One per payer; load_stop joins them, after which
/// the records may be read.
#pragma once

#include "tests/support/world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LOAD_PAYERS = 4, LOAD_PROMISES_MAX = 400000, LOAD_DEPOSIT = 100000000, LOAD_BATCH = 8 };

typedef char load_id[WORLD_ID_BYTES];

struct payer {
    struct load *load;
    pthread_t thread;
    struct person person;
    char account[WORLD_ID_BYTES];
    const struct payer *payee;
    load_id *promises; // Transfers of every kind that were answered 201 or 200.
    size_t promise_count;
    uint64_t paid;     // Net, from here to the payee.
    uint64_t expiring; // Holds of which something was left to expire.
    uint64_t repeats;  // Requests that had to be sent again.
    unsigned steps;
};

struct load {
    const struct world *world;
    atomic_bool is_stopping;
    bool singles_only; // No holds: what is posted is available. Set after load_open.
    int pause_ms;      // Of each payer after each step; 0: none. Set after load_open.
    struct payer payers[LOAD_PAYERS];
};

/// load_open makes the customers through KYC and gives each LOAD_DEPOSIT minor units.
void load_open(struct load *load, const struct world *world, struct http_client *client,
               const struct person *teller, const struct person *maker,
               const struct person *checker);
void load_start(struct load *load);
void load_stop(struct load *load);
void load_close(struct load *load);
