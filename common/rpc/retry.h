/// @file common/rpc/retry.h
/// When a channel tries again and when it stops: pure state, given the time and a random number.
/// Budget     A bucket of tokens per target: a failure takes one, a success gives a tenth back;
///            below half of it nothing is tried again, so that retries do not add to an outage.
/// Breaker    Closed -> (20 failures in a row) open -> (its time is over) half open: one probe ->
///            closed, or open again for twice the time.
/// Units      *_ns: clock_mono_ns.
/// Threads    The caller's lock.
/// Source     gRFC A6 (client retries): throttling, back-off with jitter 0.8 to 1.2.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    RETRY_ATTEMPTS_MAX = 3,
    RETRY_TOKENS_MAX_MILLI = 10 * 1000,
    RETRY_TOKEN_FAILURE_MILLI = 1000,
    RETRY_TOKEN_SUCCESS_MILLI = 100,
    RETRY_BACKOFF_MS_FIRST = 20,
    RETRY_BACKOFF_MS_MAX = 1000,
    BREAKER_FAILURES_MAX = 20,
    BREAKER_OPEN_MS_FIRST = 200,
    BREAKER_OPEN_MS_MAX = 5000,
};

/// retry_backoff_ns is the wait before attempt + 1; random: any 32 bits.
uint64_t retry_backoff_ns(uint32_t attempt, uint32_t random);

struct retry_budget {
    uint32_t tokens_milli;
};

void retry_budget_open(struct retry_budget *budget); // Full.
void retry_budget_report(struct retry_budget *budget, bool success);
bool retry_budget_allows(const struct retry_budget *budget);

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker { // All zero: closed.
    enum breaker_state state;
    uint32_t failures;      // In a row, while closed.
    uint32_t open_ms;       // Of the last opening.
    uint64_t open_until_ns; // While open; while half open: when the probe counts as lost.
};

/// breaker_admit is asked once for each call: true lets it go.
bool breaker_admit(struct breaker *breaker, uint64_t now_ns);
void breaker_report(struct breaker *breaker, uint64_t now_ns, bool success);
void breaker_reset(struct breaker *breaker); // A new connection is a new beginning.
