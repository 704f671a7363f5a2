#include "gateway/rate.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct slot {
    uint64_t client;  // Hash; 0: free.
    uint64_t full_ns; // When its bucket is full.
};

struct stripe {
    pthread_mutex_t lock;
    struct slot sets[RATE_SETS][RATE_WAYS];
};

enum { POLICY_TEXT_BYTES = 96 };

struct rate_limiter {
    const char *name;
    char policy[POLICY_TEXT_BYTES];
    uint32_t burst;
    uint64_t unit_ns, burst_ns;
    uint8_t key[crypto_shorthash_KEYBYTES];
    struct stripe stripes[RATE_STRIPES]; // Untouched pages cost nothing.
};

static uint32_t round_up(uint64_t ns, uint64_t unit_ns)
{
    uint64_t units = (ns + unit_ns - 1) / unit_ns;
    return units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}

struct rate_limiter *rate_open(const char *name, uint32_t per_s, uint32_t burst)
{
    CHECK(per_s > 0 && per_s <= RATE_PER_S_MAX && burst > 0 && burst <= RATE_BURST_MAX);
    CHECK(sodium_init() >= 0);
    struct rate_limiter *limiter = calloc(1, sizeof *limiter);
    CHECK(limiter != NULL);
    limiter->name = name;
    snprintf(limiter->policy, sizeof limiter->policy, "\"%s\";q=%" PRIu32 ";w=%" PRIu32, name,
             burst, round_up(burst, per_s));
    limiter->burst = burst;
    limiter->unit_ns = NS_PER_SECOND / per_s;
    limiter->burst_ns = limiter->unit_ns * burst;
    randombytes_buf(limiter->key, sizeof limiter->key);
    for (size_t i = 0; i < RATE_STRIPES; i++) {
        pthread_mutex_init(&limiter->stripes[i].lock, NULL);
    }
    return limiter;
}

void rate_close(struct rate_limiter **limiter)
{
    if (*limiter == NULL) return;
    for (size_t i = 0; i < RATE_STRIPES; i++) {
        pthread_mutex_destroy(&(*limiter)->stripes[i].lock);
    }
    free(*limiter);
    *limiter = NULL;
}

static uint64_t hash_client(const struct rate_limiter *limiter, struct bytes client)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, client.data, client.size, limiter->key);
    uint64_t value = get_u64_be(hash);
    return value != 0 ? value : 1;
}

// The client's slot: its own, else the one whose bucket is nearest to full, emptied for it.
static struct slot *find_slot(struct slot ways[static RATE_WAYS], uint64_t client)
{
    struct slot *oldest = &ways[0];
    for (size_t i = 0; i < RATE_WAYS; i++) {
        if (ways[i].client == client) return &ways[i];
        if (ways[i].full_ns < oldest->full_ns) oldest = &ways[i];
    }
    *oldest = (struct slot){.client = client};
    return oldest;
}

struct rate_verdict rate_take(struct rate_limiter *limiter, struct bytes client, uint32_t cost,
                              uint64_t now_ns)
{
    if (cost > limiter->burst) cost = limiter->burst;
    uint64_t hash = hash_client(limiter, client), cost_ns = cost * limiter->unit_ns;
    struct stripe *stripe = &limiter->stripes[hash % RATE_STRIPES];
    pthread_mutex_lock(&stripe->lock);
    struct slot *slot = find_slot(stripe->sets[hash / RATE_STRIPES % RATE_SETS], hash);
    uint64_t begin_ns = slot->full_ns > now_ns ? slot->full_ns : now_ns;
    uint64_t debt_ns = begin_ns - now_ns; // What the client has spent and not got back yet.
    bool is_allowed = debt_ns + cost_ns <= limiter->burst_ns;
    if (is_allowed) {
        slot->full_ns = begin_ns + cost_ns;
        debt_ns += cost_ns;
    }
    pthread_mutex_unlock(&stripe->lock);
    uint64_t left_ns = limiter->burst_ns > debt_ns ? limiter->burst_ns - debt_ns : 0;
    return (struct rate_verdict){
        .is_allowed = is_allowed,
        .remaining = (uint32_t)(left_ns / limiter->unit_ns),
        .reset_s = round_up(debt_ns, NS_PER_SECOND),
        .retry_after_ms =
            is_allowed ? 0 : round_up(debt_ns + cost_ns - limiter->burst_ns, NS_PER_MS),
    };
}

const char *rate_name(const struct rate_limiter *limiter)
{
    return limiter->name;
}

const char *rate_policy(const struct rate_limiter *limiter)
{
    return limiter->policy;
}
