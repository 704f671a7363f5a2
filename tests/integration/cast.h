/// @file tests/integration/cast.h
/// A running world with its staff, and customers who have been through KYC and have an account.
#pragma once

#include "tests/support/world.h"

struct cast {
    struct world world;
    struct http_client *client;
    struct person teller, maker, checker, auditor;
    unsigned customers; // Made so far: their identity numbers differ.
};

struct customer {
    struct person person;
    char account[WORLD_ID_BYTES];
};

/// cast_pick_tests leaves all tests out but those whose name fits $FLORIN_TEST, when that is set.
void cast_pick_tests(void);

/// cast_gather makes the staff in a world that runs; fill world before.
void cast_gather(struct cast *cast);
void cast_dismiss(struct cast *cast); // The HTTP client; the world is the test's to close.
/// cast_login logs everybody of the staff in again: their tokens live for minutes.
void cast_login(struct cast *cast);

/// cast_customer makes a customer with an account and `deposit` minor units in it.
void cast_customer(struct cast *cast, const char *name, const char *deposit, struct customer *ret);

/// cast_expect_balance fails the test unless the account's posted balance is this.
void cast_expect_balance(struct cast *cast, const struct customer *customer, uint64_t expected);
/// cast_history gives the ids of the account's transfers, oldest page last, and their number. The
/// caller frees *ret_ids.
typedef char cast_id[WORLD_ID_BYTES];
size_t cast_history(struct cast *cast, const struct customer *customer, cast_id **ret_ids);
/// cast_sort_ids sorts, and is true when no id stands there twice.
bool cast_sort_ids(cast_id *ids, size_t count);
bool cast_has_id(const cast_id *sorted, size_t count, const char *id);
