#include "common/rpc/retry.h"

#include "common/base/clock.h"

static uint64_t double_to_max(uint64_t value, uint64_t max)
{
    return value * 2 < max ? value * 2 : max;
}

uint64_t retry_backoff_ns(uint32_t attempt, uint32_t random)
{
    uint64_t ms = RETRY_BACKOFF_MS_FIRST;
    for (uint32_t i = 1; i < attempt && ms < RETRY_BACKOFF_MS_MAX; i++) {
        ms = double_to_max(ms, RETRY_BACKOFF_MS_MAX);
    }
    uint64_t permille = 800 + random % 401; // 0.8 to 1.2
    return ms * permille * (NS_PER_MS / 1000);
}

void retry_budget_open(struct retry_budget *budget)
{
    budget->tokens_milli = RETRY_TOKENS_MAX_MILLI;
}

void retry_budget_report(struct retry_budget *budget, bool success)
{
    uint32_t tokens = budget->tokens_milli;
    if (success) {
        uint32_t room = RETRY_TOKENS_MAX_MILLI - tokens;
        tokens += room < RETRY_TOKEN_SUCCESS_MILLI ? room : RETRY_TOKEN_SUCCESS_MILLI;
    } else {
        tokens -= tokens < RETRY_TOKEN_FAILURE_MILLI ? tokens : RETRY_TOKEN_FAILURE_MILLI;
    }
    budget->tokens_milli = tokens;
}

bool retry_budget_allows(const struct retry_budget *budget)
{
    return budget->tokens_milli > RETRY_TOKENS_MAX_MILLI / 2;
}

bool breaker_admit(struct breaker *breaker, uint64_t now_ns)
{
    if (breaker->state == BREAKER_CLOSED) return true;
    if (now_ns < breaker->open_until_ns) return false;
    // The probe goes out. Should nothing be heard of it, another one follows after the same time.
    breaker->state = BREAKER_HALF_OPEN;
    breaker->open_until_ns = now_ns + breaker->open_ms * NS_PER_MS;
    return true;
}

void breaker_report(struct breaker *breaker, uint64_t now_ns, bool success)
{
    if (success) {
        breaker_reset(breaker);
        return;
    }
    if (breaker->state == BREAKER_OPEN) return; // Calls from before the opening come in late.
    if (breaker->state == BREAKER_CLOSED && ++breaker->failures < BREAKER_FAILURES_MAX) return;
    breaker->open_ms = breaker->open_ms == 0
                           ? BREAKER_OPEN_MS_FIRST
                           : (uint32_t)double_to_max(breaker->open_ms, BREAKER_OPEN_MS_MAX);
    breaker->open_until_ns = now_ns + breaker->open_ms * NS_PER_MS;
    breaker->state = BREAKER_OPEN;
}

void breaker_reset(struct breaker *breaker)
{
    *breaker = (struct breaker){0};
}
