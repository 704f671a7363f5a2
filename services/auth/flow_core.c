#include "services/auth/flow_core.h"

#include "common/base/check.h"

#define OTP_EXPIRED REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "this is over: begin again")
#define OTP_INVALID REFUSE(INVALID_ARGUMENT, OTP_INVALID, "this is not the right code")

// clang-format off
static const uint8_t next[AUTH_FLOW_STATE_COUNT][AUTH_FLOW_EVENT_COUNT] = {
    [AUTH_FLOW_OPEN] = {
        [AUTH_FLOW_SEND]       = AUTH_FLOW_OPEN,
        [AUTH_FLOW_WRONG]      = AUTH_FLOW_OPEN,
        [AUTH_FLOW_WRONG_LAST] = AUTH_FLOW_DEAD,
        [AUTH_FLOW_RIGHT]      = AUTH_FLOW_PASSED,
        [AUTH_FLOW_EXPIRE]     = AUTH_FLOW_EXPIRED,
    },
};
// clang-format on
_Static_assert(AUTH_FLOW_REFUSED_MOVE == 0, "a cell not written above must mean refused");

enum auth_flow_state auth_flow_next(enum auth_flow_state state, enum auth_flow_event event)
{
    CHECK(state < AUTH_FLOW_STATE_COUNT);
    CHECK(event < AUTH_FLOW_EVENT_COUNT);
    return (enum auth_flow_state)next[state][event];
}

static bool is_open(struct auth_flow *flow, enum auth_flow_event event, uint64_t now_ns)
{
    bool is_over = now_ns >= flow->expires_at_ns;
    if (is_over && flow->state == AUTH_FLOW_OPEN)
        flow->state = auth_flow_next(flow->state, AUTH_FLOW_EXPIRE);
    return auth_flow_next(flow->state, event) != AUTH_FLOW_REFUSED_MOVE;
}

static bool is_message(enum auth_method method)
{
    return method == AUTH_METHOD_EMAIL || method == AUTH_METHOD_MOBILE;
}

struct status auth_flow_may_send(struct auth_flow *flow, enum auth_channel channel, uint64_t now_ns,
                                 uint64_t *ret_wait_ns)
{
    struct auth_challenge *code = &flow->code;
    *ret_wait_ns = 0;
    CHECK(channel >= AUTH_EMAIL && channel <= AUTH_CHANNEL_LAST);
    if (!is_open(flow, AUTH_FLOW_SEND, now_ns)) return OTP_EXPIRED;
    if ((flow->methods & 1U << channel) == 0) return OTP_INVALID;
    if ((int)flow->sent_to != 0) {
        RETURN_IF_ERROR(auth_core_resend_challenge(code, now_ns, ret_wait_ns));
    } else {
        *code = (struct auth_challenge){.confirmation = AUTH_CONFIRMATION_OPEN,
                                        .sent_at_ns = now_ns,
                                        .expires_at_ns = now_ns + AUTH_CODE_LIFE_NS};
        *ret_wait_ns = AUTH_RESEND_FIRST_NS;
    }
    if (code->expires_at_ns > flow->expires_at_ns) code->expires_at_ns = flow->expires_at_ns;
    flow->sent_to = channel;
    return STATUS_SUCCESS;
}

struct status auth_flow_count_attempt(struct auth_flow *flow, enum auth_method method,
                                      uint64_t now_ns)
{
    bool goes_on = is_open(flow, AUTH_FLOW_RIGHT, now_ns);
    if (flow->state == AUTH_FLOW_EXPIRED) return OTP_EXPIRED;
    if (flow->state == AUTH_FLOW_DEAD)
        return REFUSE(INVALID_ARGUMENT, OTP_EXHAUSTED, "no more codes are compared: begin again");
    if (!goes_on || (flow->methods & 1U << method) == 0) return OTP_INVALID;
    if (is_message(method) && (int)flow->sent_to != (int)method) return OTP_INVALID;
    if (is_message(method) && now_ns >= flow->code.expires_at_ns) return OTP_EXPIRED;
    CHECK(flow->attempts < AUTH_CODE_ATTEMPTS_MAX); // With the last one it was dead.
    flow->attempts++;
    return STATUS_SUCCESS;
}

struct status auth_flow_judge(struct auth_flow *flow, bool is_equal)
{
    CHECK(flow->state == AUTH_FLOW_OPEN);
    CHECK(flow->attempts > 0 && flow->attempts <= AUTH_CODE_ATTEMPTS_MAX);
    bool is_right = is_equal && !flow->is_decoy;
    bool is_last = flow->attempts == AUTH_CODE_ATTEMPTS_MAX;
    enum auth_flow_event wrong = is_last ? AUTH_FLOW_WRONG_LAST : AUTH_FLOW_WRONG;
    flow->state = auth_flow_next(flow->state, is_right ? AUTH_FLOW_RIGHT : wrong);
    CHECK(flow->state != AUTH_FLOW_REFUSED_MOVE);
    return is_right ? STATUS_SUCCESS : OTP_INVALID;
}
