#include "services/auth/login.h"

#include "common/base/check.h"
#include "services/auth/address.h"
#include "services/auth/login_enter.h"

#define INVALID_CREDENTIALS                                                                        \
    REFUSE(UNAUTHENTICATED, INVALID_CREDENTIALS, "the identifier or the password is wrong")

void auth_attempt_wipe(struct auth_attempt *attempt)
{
    key_wipe(attempt->hash, sizeof attempt->hash);
    key_wipe(attempt->stronger_hash, sizeof attempt->stronger_hash);
}

// ---- Looking -------------------------------------------------------------------------------

/// find_account gives the user and the hash to compare with; a dummy's where there is none.
static struct status find_account(const struct auth_service *service, struct store_txn *txn,
                                  const struct auth_login *login, struct auth_attempt *attempt)
{
    struct status status = auth_store_find_user(service->auth, txn, login->identity.channel,
                                                login->identity.address, &attempt->user_id);
    if (status_ok(status))
        status = auth_store_get_password(service->auth, txn, attempt->user_id, attempt->hash);
    attempt->is_known = status_ok(status);
    if (attempt->is_known || status.code != STATUS_NOT_FOUND) return status;
    attempt->user_id = ID128_NIL;
    memcpy(attempt->hash, service->dummy_hash, sizeof attempt->hash);
    return STATUS_SUCCESS;
}

static struct status charge_address(const struct auth_service *service, struct store_txn *txn,
                                    const struct auth_login *login, struct auth_address *ret)
{
    struct bytes network = bytes_of(login->client.network, login->client.network_size);
    return auth_address_charge(service, txn, AUTH_THROTTLE_ADDRESS, network, login->now_ns, ret);
}

/// check_address: only failures are counted; this looks whether one more would still be allowed.
static struct status check_address(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_login *login, uint64_t *ret_wait_ns)
{
    struct auth_address address;
    RETURN_IF_ERROR(charge_address(service, txn, login, &address));
    *ret_wait_ns = address.wait_ns;
    if (address.is_allowed) return STATUS_SUCCESS;
    return REFUSE(RESOURCE_EXHAUSTED, RATE_LIMITED, "too many failed logins from this address");
}

struct status auth_login_look(const struct auth_service *service, struct store_txn *txn,
                              const struct auth_login *login, struct auth_attempt *ret,
                              uint64_t *ret_wait_ns)
{
    struct auth_throttle throttle;
    *ret = (struct auth_attempt){0};
    *ret_wait_ns = 0;
    RETURN_IF_ERROR(check_address(service, txn, login, ret_wait_ns));
    RETURN_IF_ERROR(find_account(service, txn, login, ret));
    ret->account =
        auth_guess_key(service, txn, ret->user_id, login->identity.address, login->client.device);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &ret->account, &throttle));
    ret->is_throttled = auth_core_is_closed(&throttle, login->now_ns);
    return STATUS_SUCCESS;
}

// ---- Checking ------------------------------------------------------------------------------

struct status auth_login_check(const struct auth_service *service, const struct auth_login *login,
                               struct auth_attempt *attempt)
{
    bool is_equal = false;
    // A door that is closed takes as long as one that is not: else the clock would tell which
    // devices an account knows, and so that it is there.
    if (attempt->is_throttled)
        return auth_password_verify(service->dummy_hash, login->password, &is_equal);
    RETURN_IF_ERROR(auth_password_verify(attempt->hash, login->password, &is_equal));
    attempt->is_right = is_equal && attempt->is_known;
    if (!attempt->is_right || !auth_password_is_weaker(attempt->hash, &service->policy.argon2))
        return STATUS_SUCCESS;
    return auth_password_hash(&service->policy.argon2, login->password, attempt->stronger_hash);
}

// ---- Failures ------------------------------------------------------------------------------

static void record_failure(const struct auth_service *service, struct store_txn *txn,
                           const struct auth_login *login, struct auth_attempt *attempt,
                           const char *reason)
{
    struct auth_activity activity = {.at_ns = login->now_ns,
                                     .user_id = attempt->user_id,
                                     .reason = reason,
                                     .risk = attempt->risk,
                                     .client = &login->client};
    attempt->reason = reason;
    auth_activity_record(service, txn, &activity);
}

/// fail counts against the network address, too.
static struct status fail(const struct auth_service *service, struct store_txn *txn,
                          const struct auth_login *login, struct auth_attempt *attempt,
                          const char *reason)
{
    struct auth_address address;
    RETURN_IF_ERROR(charge_address(service, txn, login, &address));
    auth_address_put(txn, &address);
    record_failure(service, txn, login, attempt, reason);
    return STATUS_SUCCESS;
}

/// fail_wrong: a disabled password is as wrong as any other.
static struct status fail_wrong(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_login *login, struct auth_attempt *attempt,
                                const char *reason)
{
    RETURN_IF_ERROR(auth_guess_count(service, txn, &attempt->account, attempt->user_id,
                                     login->now_ns, &attempt->disables_password));
    return fail(service, txn, login, attempt, reason);
}

/// is_current: the password has not been changed while it was compared.
static struct status is_current(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_attempt *attempt, bool *ret)
{
    char hash[AUTH_HASH_BYTES];
    RETURN_IF_ERROR(auth_store_get_password(service->auth, txn, attempt->user_id, hash));
    *ret = key_equal(hash, attempt->hash, sizeof hash);
    key_wipe(hash, sizeof hash);
    return STATUS_SUCCESS;
}

// ---- By the right password -----------------------------------------------------------------

static struct status decide(const struct auth_service *service, struct store_txn *txn,
                            const struct auth_attempt *attempt, struct auth_mfa_decision *ret)
{
    struct auth_factors factors;
    RETURN_IF_ERROR(auth_factor_get(service, txn, attempt->user_id, &factors));
    struct auth_mfa_means means = {.has_totp = factors.has_totp,
                                   .has_recovery_codes = factors.recovery_codes_left > 0,
                                   .channels = attempt->user.channels};
    *ret = auth_mfa_decide(auth_service_mfa(service, &attempt->user.roles), &means,
                           attempt->is_suspicious);
    return STATUS_SUCCESS;
}

/// send_code: the address that is preferred may have been sent enough for today; then the other
/// one. With neither the client may still ask for it later.
static struct status send_code(const struct auth_service *service, struct store_txn *txn,
                               const struct auth_login *login, struct auth_attempt *attempt,
                               enum auth_channel preferred)
{
    enum auth_channel other = preferred == AUTH_EMAIL ? AUTH_MOBILE : AUTH_EMAIL;
    struct status status = auth_login_send(service, txn, &attempt->flow, preferred, login->arena,
                                           login->now_ns, &attempt->resend_wait_ns);
    bool has_other = (attempt->flow.methods & 1U << other) != 0;
    if (status.code == STATUS_RESOURCE_EXHAUSTED && has_other)
        status = auth_login_send(service, txn, &attempt->flow, other, login->arena, login->now_ns,
                                 &attempt->resend_wait_ns);
    return status.code == STATUS_RESOURCE_EXHAUSTED ? STATUS_SUCCESS : status;
}

static struct status ask_for_factor(const struct auth_service *service, struct store_txn *txn,
                                    const struct auth_login *login, struct auth_attempt *attempt,
                                    const struct auth_mfa_decision *decision)
{
    char binding[AUTH_LOGIN_BINDING_BYTES];
    struct auth_flow *flow = &attempt->flow;
    RETURN_IF_ERROR(auth_login_bind(txn, &attempt->user, binding));
    *flow = (struct auth_flow){.user_id = attempt->user_id,
                               .purpose = AUTH_FLOW_LOGIN,
                               .methods = decision->methods,
                               .network_size = (uint8_t)login->client.network_size,
                               .risk = attempt->risk.terms,
                               .risk_score = attempt->risk.score,
                               .payload = binding};
    auth_session_hash_device(service, login->client.device, flow->device_hash);
    memcpy(flow->network, login->client.network, login->client.network_size);
    auth_flow_begin(service, txn, login->now_ns, flow);
    struct status status = STATUS_SUCCESS;
    if ((int)decision->send_to != 0)
        status = send_code(service, txn, login, attempt, decision->send_to);
    flow->payload = ""; // It ends here.
    return status;
}

static struct status let_in(const struct auth_service *service, struct store_txn *txn,
                            const struct auth_login *login, struct auth_attempt *attempt)
{
    bool enrols = attempt->demand == AUTH_DEMAND_ENROLMENT;
    struct auth_entrance entrance = {
        .user = &attempt->user,
        .client = &login->client,
        .assurance = {.aal = enrols ? AUTH_AAL_ENROLMENT : 1, .amr = TOKEN_AMR_PWD},
        .risk = attempt->risk,
        .is_suspicious = attempt->is_suspicious,
        .now_ns = login->now_ns,
    };
    return auth_login_enter(service, txn, &entrance, &attempt->session);
}

static struct status go_on(const struct auth_service *service, struct store_txn *txn,
                           const struct auth_login *login, struct auth_attempt *attempt)
{
    struct auth_mfa_decision decision;
    attempt->is_suspicious = attempt->risk.score >= service->policy.risk_threshold;
    RETURN_IF_ERROR(decide(service, txn, attempt, &decision));
    if (attempt->stronger_hash[0] != '\0')
        RETURN_IF_ERROR(auth_store_rehash_password(service->auth, txn, attempt->user_id,
                                                   attempt->stronger_hash));
    if (attempt->is_suspicious)
        auth_login_warn(service, txn, attempt->user_id, &login->client, login->now_ns);
    attempt->demand = decision.demand;
    if (decision.demand == AUTH_DEMAND_FACTOR)
        return ask_for_factor(service, txn, login, attempt, &decision);
    return let_in(service, txn, login, attempt);
}

struct status auth_login_settle(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_login *login, struct auth_attempt *attempt,
                                struct status *ret_refusal)
{
    bool is_unchanged = true;
    struct auth_password password;
    *ret_refusal = INVALID_CREDENTIALS;
    RETURN_IF_ERROR(auth_activity_assess(service, txn, attempt->user_id, &login->client,
                                         login->now_ns, &attempt->risk));
    if (attempt->is_throttled) return fail(service, txn, login, attempt, "RATE_LIMITED");
    if (!attempt->is_right) return fail_wrong(service, txn, login, attempt, ret_refusal->reason);
    RETURN_IF_ERROR(auth_store_get_password_state(txn, attempt->user_id, &password));
    if (password.disabled_at_ns != 0)
        return fail_wrong(service, txn, login, attempt, "PASSWORD_DISABLED");
    RETURN_IF_ERROR(is_current(service, txn, attempt, &is_unchanged));
    RETURN_IF_ERROR(auth_store_get_user(txn, attempt->user_id, &attempt->user));
    if (attempt->user.state == AUTH_USER_BLOCKED && is_unchanged)
        *ret_refusal = AUTH_ACCOUNT_BLOCKED;
    if (attempt->user.state != AUTH_USER_ACTIVE || !is_unchanged) {
        record_failure(service, txn, login, attempt, ret_refusal->reason);
        return STATUS_SUCCESS;
    }
    *ret_refusal = STATUS_SUCCESS;
    return go_on(service, txn, login, attempt);
}
