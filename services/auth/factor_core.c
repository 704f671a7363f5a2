#include "services/auth/factor_core.h"

#include "common/base/check.h"

// clang-format off
static const uint8_t next_factor[AUTH_FACTOR_STATE_COUNT][AUTH_FACTOR_EVENT_COUNT] = {
    [AUTH_FACTOR_NONE] = {
        [AUTH_FACTOR_ENROL]      = AUTH_FACTOR_PENDING,
    },
    [AUTH_FACTOR_PENDING] = {
        [AUTH_FACTOR_ENROL]      = AUTH_FACTOR_PENDING,
        [AUTH_FACTOR_WRONG]      = AUTH_FACTOR_PENDING,
        [AUTH_FACTOR_WRONG_LAST] = AUTH_FACTOR_NONE,
        [AUTH_FACTOR_CONFIRM]    = AUTH_FACTOR_CONFIRMED,
        [AUTH_FACTOR_EXPIRE]     = AUTH_FACTOR_NONE,
    },
    [AUTH_FACTOR_CONFIRMED] = {
        [AUTH_FACTOR_USE]        = AUTH_FACTOR_CONFIRMED,
        [AUTH_FACTOR_REPLACE]    = AUTH_FACTOR_CONFIRMED,
        [AUTH_FACTOR_DISABLE]    = AUTH_FACTOR_NONE,
        [AUTH_FACTOR_RESET]      = AUTH_FACTOR_NONE,
    },
};
// clang-format on
_Static_assert(AUTH_FACTOR_REFUSED_MOVE == 0, "a cell not written above must mean refused");

enum auth_factor_state auth_factor_next(enum auth_factor_state state, enum auth_factor_event event)
{
    CHECK(state < AUTH_FACTOR_STATE_COUNT);
    CHECK(event < AUTH_FACTOR_EVENT_COUNT);
    return (enum auth_factor_state)next_factor[state][event];
}

static bool is_that_day(const struct auth_throttle *throttle, uint64_t now_ns)
{
    return auth_core_is_ahead(throttle->until_ns, AUTH_CODE_DAY_NS, now_ns);
}

bool auth_core_is_factor_locked(const struct auth_throttle *throttle, uint32_t failures_max,
                                uint64_t now_ns)
{
    return throttle->count >= failures_max && is_that_day(throttle, now_ns);
}

bool auth_core_count_wrong_code(struct auth_throttle *throttle, uint32_t failures_max,
                                uint64_t now_ns)
{
    if (auth_core_is_factor_locked(throttle, failures_max, now_ns)) return false;
    if (!is_that_day(throttle, now_ns)) { // The first of a new one.
        throttle->count = 0;
        throttle->until_ns = now_ns + AUTH_CODE_DAY_NS;
    }
    throttle->count++;
    throttle->last_ns = now_ns;
    bool locks = throttle->count >= failures_max;
    if (locks) throttle->until_ns = now_ns + AUTH_CODE_DAY_NS;
    return locks;
}
