/// @file tests/crash/notary.h
/// Somebody who keeps every checkpoint that the log ever served, and asks in the end whether each
/// later log begins with each earlier one.
/// Failures   A checkpoint that is not the log's, or a log that is not the earlier one grown, fails
///            the test.
/// Threads    One of its own from start to stop; the rest is the test's.
#pragma once

#include "common/crypto/checkpoint.h"
#include "tests/support/world.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NOTARY_CHECKPOINTS_MAX = 100000 };

struct notary {
    const struct world *world;
    pthread_t thread;
    atomic_bool is_stopping;
    struct note_verifier verifier;
    struct checkpoint *kept; // Each one that differs from the one before it.
    size_t count;
};

/// notary_start reads the log's verifier key, and begins.
void notary_start(struct notary *notary, const struct world *world);
void notary_stop(struct notary *notary);
/// notary_judge has every checkpoint proven a prefix of the next one, and the last one of what the
/// log is now. Since "is a prefix of" carries on from one to the next, that holds for every pair.
void notary_judge(struct notary *notary, struct http_client *client, const char *token);
/// notary_check_log reads the whole log: indexes without a gap, and the events of each source once,
/// in order, from the first one on. Gives how many entries there are.
uint64_t notary_check_log(struct http_client *client, const char *token);
void notary_close(struct notary *notary);
