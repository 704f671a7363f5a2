#include "services/auth/mfa.h"

#include "common/base/check.h"

enum possession { HAS_TOTP, HAS_CHANNEL, HAS_NOTHING, POSSESSION_COUNT };

enum answer { LET_IN, ASK_TOTP, ASK_CODE, ENROL };

// clang-format off
static const uint8_t answers[AUTH_MFA_COUNT][POSSESSION_COUNT][2] = {
    //                                    as ever   suspicious
    [AUTH_MFA_OFF]      = {[HAS_TOTP]    = {ASK_TOTP, ASK_TOTP},
                           [HAS_CHANNEL] = {LET_IN,   LET_IN},
                           [HAS_NOTHING] = {LET_IN,   LET_IN}},
    [AUTH_MFA_OPTIONAL] = {[HAS_TOTP]    = {ASK_TOTP, ASK_TOTP},
                           [HAS_CHANNEL] = {LET_IN,   ASK_CODE},
                           [HAS_NOTHING] = {LET_IN,   ENROL}},
    [AUTH_MFA_OTP]      = {[HAS_TOTP]    = {ASK_TOTP, ASK_TOTP},
                           [HAS_CHANNEL] = {ASK_CODE, ASK_CODE},
                           [HAS_NOTHING] = {ENROL,    ENROL}},
    [AUTH_MFA_TOTP]     = {[HAS_TOTP]    = {ASK_TOTP, ASK_TOTP},
                           [HAS_CHANNEL] = {ASK_CODE, ASK_CODE}, // And then to enrol.
                           [HAS_NOTHING] = {ENROL,    ENROL}},
};

// clang-format on

static enum possession possession_of(const struct auth_mfa_means *means)
{
    if (means->has_totp) return HAS_TOTP;
    return (means->channels & AUTH_METHODS_CHANNELS) != 0 ? HAS_CHANNEL : HAS_NOTHING;
}

struct auth_mfa_decision auth_mfa_decide(enum auth_mfa policy, const struct auth_mfa_means *means,
                                         bool is_suspicious)
{
    CHECK(policy < AUTH_MFA_COUNT);
    struct auth_mfa_decision decision = {.demand = AUTH_DEMAND_FACTOR};
    switch ((enum answer)answers[policy][possession_of(means)][is_suspicious]) {
    case LET_IN:
        decision.demand = AUTH_DEMAND_NOTHING;
        break;
    case ENROL:
        decision.demand = AUTH_DEMAND_ENROLMENT;
        break;
    case ASK_TOTP:
        decision.methods = 1U << AUTH_METHOD_TOTP;
        if (means->has_recovery_codes) decision.methods |= 1U << AUTH_METHOD_RECOVERY_CODE;
        break;
    case ASK_CODE:
        decision.methods = means->channels & AUTH_METHODS_CHANNELS;
        decision.send_to = (decision.methods & 1U << AUTH_MOBILE) != 0 ? AUTH_MOBILE : AUTH_EMAIL;
        break;
    }
    return decision;
}

bool auth_mfa_leaves_to_enrol(enum auth_mfa policy, enum auth_method method)
{
    bool is_message = method == AUTH_METHOD_EMAIL || method == AUTH_METHOD_MOBILE;
    return policy == AUTH_MFA_TOTP && is_message;
}

bool auth_mfa_is_more(enum auth_mfa policy, enum auth_mfa before)
{
    _Static_assert(AUTH_MFA_OPTIONAL < AUTH_MFA_OTP && AUTH_MFA_OTP < AUTH_MFA_TOTP,
                   "a later policy asks for more");
    return policy > before && policy >= AUTH_MFA_OTP;
}

bool auth_mfa_is_password_alone(enum auth_mfa policy, bool has_totp)
{
    return !has_totp && (policy == AUTH_MFA_OFF || policy == AUTH_MFA_OPTIONAL);
}
