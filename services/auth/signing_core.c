#include "services/auth/signing_core.h"

#include "common/base/check.h"

// clang-format off
static const uint8_t moves[AUTH_SIGNING_STATE_COUNT][AUTH_SIGNING_EVENT_COUNT] = {
    [AUTH_SIGNING_GONE]    = {[AUTH_SIGNING_ROTATE] = AUTH_SIGNING_NEXT},
    [AUTH_SIGNING_NEXT]    = {[AUTH_SIGNING_ROTATE] = AUTH_SIGNING_ACTIVE},
    [AUTH_SIGNING_ACTIVE]  = {[AUTH_SIGNING_ROTATE] = AUTH_SIGNING_RETIRED},
    [AUTH_SIGNING_RETIRED] = {[AUTH_SIGNING_ROTATE] = AUTH_SIGNING_RETIRED,
                              [AUTH_SIGNING_FORGET] = AUTH_SIGNING_GONE},
};
// clang-format on
_Static_assert(AUTH_SIGNING_REFUSED_MOVE == 0, "a cell not written above must mean refused");

int auth_signing_move(int state, enum auth_signing_event event)
{
    CHECK(state >= 0 && state < AUTH_SIGNING_STATE_COUNT);
    CHECK(event < AUTH_SIGNING_EVENT_COUNT);
    return moves[state][event];
}

/// past: the moment has come. A clock that stands before the beginning waits all of it.
static bool past(uint64_t begin_ns, uint64_t length_ns, uint64_t now_ns)
{
    return now_ns >= begin_ns && now_ns - begin_ns >= length_ns;
}

uint64_t auth_signing_wait_ns(uint64_t created_at_ns, uint64_t lead_ns, uint64_t now_ns)
{
    if (past(created_at_ns, lead_ns, now_ns)) return 0;
    return now_ns < created_at_ns ? lead_ns : created_at_ns + lead_ns - now_ns;
}

bool auth_signing_is_old(uint64_t active_since_ns, uint64_t age_ns, uint64_t now_ns)
{
    return past(active_since_ns, age_ns, now_ns);
}

bool auth_signing_is_over(uint64_t retired_at_ns, uint64_t now_ns)
{
    return past(retired_at_ns, AUTH_SIGNED_LIFE_NS + AUTH_RETIRED_MARGIN_NS, now_ns);
}
