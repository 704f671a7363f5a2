/// @file gateway/rate.h
/// A rate limit per client: so many units a second, and a burst on top. One limiter for addresses,
/// one for principals.
/// Rule       The generic cell rate algorithm: a client is one point in time, the moment when its
///            bucket is full again. A request of cost c moves it by c / rate; one that would move
///            it further than the burst allows is refused and moves nothing.
/// Limits     Memory is fixed: RATE_SLOTS clients. Beyond them the one whose bucket is nearest to
///            full is forgotten, which gives it at most what it was about to have anyway.
/// Secrets    A client is known by a keyed hash with a key made at open: nobody can choose names
///            that fall together, and no token is kept.
/// Threads    Any; the table is striped, a stripe has a lock of its own.
/// Units      Costs in units (rpc_method.cost); monotonic nanoseconds.
/// Source     ITU-T I.371 (GCRA); draft-ietf-httpapi-ratelimit-headers for what clients are told.
#pragma once

#include "common/base/bytes.h"

#include <stdint.h>

enum {
    RATE_STRIPES = 64,
    RATE_SETS = 64, // Of each stripe.
    RATE_WAYS = 8,  // Clients of a set.
    RATE_SLOTS = RATE_STRIPES * RATE_SETS * RATE_WAYS,
    RATE_PER_S_MAX = 1000000,
    RATE_BURST_MAX = 10000000,
};

struct rate_limiter;

/// What a client may still do.
struct rate_verdict {
    bool is_allowed;
    uint32_t remaining;      // Units that may be spent at once.
    uint32_t reset_s;        // Until the bucket is full.
    uint32_t retry_after_ms; // Until this request would pass; 0 when allowed.
};

/// rate_open: per_s 1 to RATE_PER_S_MAX; burst, what may come at once, 1 to RATE_BURST_MAX. The
/// name is a static text without quotes.
struct rate_limiter *rate_open(const char *name, uint32_t per_s, uint32_t burst);
void rate_close(struct rate_limiter **limiter); // Idempotent.

/// rate_take spends cost of the client's units if there are so many. A cost beyond the burst counts
/// as the whole burst: it must be possible at all.
struct rate_verdict rate_take(struct rate_limiter *limiter, struct bytes client, uint32_t cost,
                              uint64_t now_ns);

const char *rate_name(const struct rate_limiter *limiter);
/// rate_policy is the item of RateLimit-Policy: "name";q=<burst>;w=<seconds in which it refills>.
const char *rate_policy(const struct rate_limiter *limiter);
