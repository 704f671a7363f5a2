/// @file tests/crash/annals.h
/// The log as it lists itself, which everybody who followed it is compared with.
/// Failures   A log that cannot be listed, or has a gap, fails the test.
/// Threads    The test's own.
#pragma once

#include "tests/integration/direct.h"
#include "tests/support/world.h"

/// One entry. What is not said is "".
struct annal {
    char action[48], outcome[16], resource[64];
    char debit[WORLD_ID_BYTES], credit[WORLD_ID_BYTES]; // The accounts of a movement of money.
    uint64_t amount;
};

struct annals {
    struct annal *entries; // By index.
    size_t count;
};

/// annals_size is how many entries there are now.
uint64_t annals_size(struct http_client *client, const char *token);
/// annals_settle waits until every event of the sources is there and nothing more comes, and gives
/// the size. Asking is no event.
uint64_t annals_settle(struct http_client *client, const char *token,
                       const struct direct_sources *sources);
/// annals_read lists the first `size` entries.
void annals_read(struct http_client *client, const char *token, uint64_t size, struct annals *ret);
void annals_free(struct annals *annals);
