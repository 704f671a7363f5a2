#include "services/auth/login_enter.h"

#define OTP_EXPIRED REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "this login is over: begin again")
#define OTP_INVALID REFUSE(INVALID_ARGUMENT, OTP_INVALID, "this is not the right code")

static const uint8_t amr_of[AUTH_METHOD_LAST + 1] = {
    [AUTH_METHOD_EMAIL] = TOKEN_AMR_OTP,
    [AUTH_METHOD_MOBILE] = TOKEN_AMR_SMS,
    [AUTH_METHOD_TOTP] = TOKEN_AMR_OTP,
    [AUTH_METHOD_RECOVERY_CODE] = TOKEN_AMR_OTP,
};

/// check_unchanged: what was true at the password still is. An authenticator that was enrolled
/// since is what has to be shown now.
static struct status check_unchanged(const struct auth_service *service, struct store_txn *txn,
                                     const struct auth_flow *flow, const struct auth_user *user)
{
    char binding[AUTH_LOGIN_BINDING_BYTES];
    struct auth_factors factors;
    if (user->state == AUTH_USER_BLOCKED) return AUTH_ACCOUNT_BLOCKED;
    if (user->state != AUTH_USER_ACTIVE) return OTP_EXPIRED;
    RETURN_IF_ERROR(auth_login_bind(txn, user, binding));
    RETURN_IF_ERROR(auth_factor_get(service, txn, user->id, &factors));
    bool asked_for_totp = (flow->methods & 1U << AUTH_METHOD_TOTP) != 0;
    bool is_same = strcmp(binding, flow->payload) == 0 && factors.has_totp == asked_for_totp;
    return is_same ? STATUS_SUCCESS : OTP_EXPIRED;
}

static struct status enter(const struct auth_service *service, struct store_txn *txn,
                           const struct auth_login_proof *proof, struct auth_login_outcome *outcome)
{
    const struct auth_flow *flow = &outcome->result.flow;
    enum auth_mfa mfa = auth_service_mfa(service, &outcome->user.roles);
    bool enrols = auth_mfa_leaves_to_enrol(mfa, proof->method);
    uint8_t amr = (uint8_t)(TOKEN_AMR_PWD | TOKEN_AMR_MFA | amr_of[proof->method]);
    struct auth_entrance entrance = {
        .user = &outcome->user,
        .client = &proof->client,
        .assurance = {.aal = enrols ? AUTH_AAL_ENROLMENT : 2, .amr = amr},
        .method = (uint8_t)proof->method,
        .risk = {.terms = flow->risk, .score = flow->risk_score},
        .is_suspicious = flow->risk_score >= service->policy.risk_threshold,
        .now_ns = proof->now_ns,
    };
    return auth_login_enter(service, txn, &entrance, &outcome->session);
}

static void record_failure(const struct auth_service *service, struct store_txn *txn,
                           const struct auth_login_proof *proof, const struct auth_flow *flow,
                           const char *reason)
{
    struct auth_activity activity = {.at_ns = proof->now_ns,
                                     .user_id = flow->user_id,
                                     .reason = reason,
                                     .method = (uint8_t)proof->method,
                                     .risk = {.terms = flow->risk, .score = flow->risk_score},
                                     .client = &proof->client};
    auth_activity_record(service, txn, &activity);
}

struct status auth_login_verify(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_login_proof *proof,
                                struct auth_login_outcome *ret)
{
    struct auth_flow_answer answer = {.method = proof->method,
                                      .code = proof->code,
                                      .arena = proof->arena,
                                      .now_ns = proof->now_ns,
                                      .client = &proof->client};
    *ret = (struct auth_login_outcome){0};
    struct status status =
        auth_flow_answer(service, txn, proof->login_id, AUTH_FLOW_LOGIN, &answer, &ret->result);
    const struct auth_flow *flow = &ret->result.flow;
    if (!status_ok(status) && !ret->result.is_counted) return status;
    if (status_ok(status)) {
        RETURN_IF_ERROR(auth_store_get_user(txn, flow->user_id, &ret->user));
        status = check_unchanged(service, txn, flow, &ret->user);
    }
    if (status_ok(status)) return enter(service, txn, proof, ret);
    record_failure(service, txn, proof, flow, status.reason);
    return status;
}

struct status auth_login_resend(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_login_proof *proof, uint64_t *ret_wait_ns)
{
    struct auth_flow flow;
    struct auth_user user;
    *ret_wait_ns = 0;
    RETURN_IF_ERROR(auth_flow_get(service, txn, proof->login_id, AUTH_FLOW_LOGIN, proof->arena,
                                  proof->now_ns, &flow));
    if (!auth_flow_is_from(service, &flow, &proof->client)) return OTP_INVALID;
    RETURN_IF_ERROR(auth_store_get_user(txn, flow.user_id, &user));
    if (user.state != AUTH_USER_ACTIVE) return OTP_EXPIRED;
    return auth_login_send(service, txn, &flow, (enum auth_channel)proof->method, proof->arena,
                           proof->now_ns, ret_wait_ns);
}
