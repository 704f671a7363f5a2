#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/reauth.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

static void wake_worker(const struct rpc_call *call)
{
    const struct auth_service *service = call->service;
    auth_worker_wake_after(service->worker);
}

static void tell_locked(struct rpc_call *call, struct store_txn *txn, struct id128 user_id,
                        const struct auth_factor_outcome *outcome)
{
    if (!outcome->locks_factor) return;
    auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_LOCKED, AUTH_METHOD_TOTP, "");
    wake_worker(call);
}

// ---- Looking -------------------------------------------------------------------------------

/// find_lock gives when the later of the user's locks ends; 0 for none.
static struct status find_lock(const struct rpc_call *call, struct store_txn *txn,
                               struct id128 user_id, uint64_t *ret_until_ns)
{
    bool is_locked;
    uint64_t messages_ns, authenticator_ns;
    RETURN_IF_ERROR(auth_factor_is_locked(call->service, txn, user_id, AUTH_METHOD_EMAIL,
                                          call->received_wall_ns, &is_locked, &messages_ns));
    RETURN_IF_ERROR(auth_factor_is_locked(call->service, txn, user_id, AUTH_METHOD_TOTP,
                                          call->received_wall_ns, &is_locked, &authenticator_ns));
    *ret_until_ns = messages_ns > authenticator_ns ? messages_ns : authenticator_ns;
    return STATUS_SUCCESS;
}

struct status auth_rpc_get_factors(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    struct auth_user user;
    struct auth_factors factors;
    uint64_t locked_until_ns;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_store_get_user(txn, user_id, &user));
    RETURN_IF_ERROR(auth_factor_get(call->service, txn, user_id, &factors));
    RETURN_IF_ERROR(find_lock(call, txn, user_id, &locked_until_ns));
    return rpc_call_reply(call, auth_convert_factors(call, &user, &factors, locked_until_ns));
}

// ---- Asking for the password ---------------------------------------------------------------

/// What a job behind the password begins with.
struct confirmed {
    struct rpc_call *call;
    struct id128 user_id;
};

static void tell_disabled(struct store_txn *txn, void *context)
{
    const struct confirmed *confirmed = context;
    auth_events_password_disabled(txn, confirmed->call, confirmed->user_id);
    wake_worker(confirmed->call);
}

static struct status read_confirmation(struct rpc_call *call, const char *password,
                                       struct auth_confirmation_request *ret)
{
    *ret = (struct auth_confirmation_request){
        .password = password, .now_ns = call->received_wall_ns, .disabled = tell_disabled};
    RETURN_IF_ERROR(auth_convert_user(call, &ret->user_id));
    return auth_convert_device(call, "", &ret->device);
}

// ---- Enrolling -----------------------------------------------------------------------------

struct enrol_job {
    struct confirmed who; // First: tell_disabled.
    const char *address;  // As the app will show it.
    uint8_t secret[TOTP_SECRET_BYTES];
};

static void wipe_enrol_job(struct enrol_job *job)
{
    key_wipe(job->secret, sizeof job->secret);
}

static struct status run_enrol_job(struct store_txn *txn, void *context)
{
    struct enrol_job *job = context;
    struct rpc_call *call = job->who.call;
    struct auth_user_view view;
    RETURN_IF_ERROR(
        auth_service_get_user(call->service, txn, job->who.user_id, call->arena, &view));
    const char *email = view.person.fields[AUTH_PERSON_EMAIL];
    job->address = email[0] != '\0' ? email : view.person.fields[AUTH_PERSON_MOBILE];
    return auth_factor_enrol(call->service, txn, job->who.user_id, call->received_wall_ns,
                             job->secret);
}

struct status auth_rpc_enrol_totp(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL.
    const Auth__EnrolTotpRequest *request = call->request;
    struct auth_confirmation_request confirmation;
    RETURN_IF_ERROR(read_confirmation(call, request->password, &confirmation));
    CLEANUP(wipe_enrol_job)
    struct enrol_job job = {.who = {call, confirmation.user_id}};
    RETURN_IF_ERROR(auth_password_confirm(call->service, &confirmation, run_enrol_job, &job));
    return rpc_call_reply(call, auth_convert_enrolment(call, job.address, job.secret));
}

struct status auth_rpc_confirm_totp(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ConfirmTotpRequest *request = call->request;
    struct id128 user_id;
    struct auth_factor_outcome outcome;
    CLEANUP(auth_recovery_codes_wipe) struct auth_recovery_codes codes = {0};
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    struct status status = auth_factor_confirm(call->service, txn, user_id, request->code,
                                               call->received_wall_ns, &codes, &outcome);
    if (!status_ok(status)) {
        tell_locked(call, txn, user_id, &outcome);
        return outcome.is_counted ? rpc_call_refuse_committed(call, status) : status;
    }
    auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_ENROLLED, AUTH_METHOD_TOTP, "");
    wake_worker(call);
    return rpc_call_reply(call, auth_convert_recovery_codes(call, &codes));
}

struct status auth_rpc_replace_recovery_codes(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ReplaceRecoveryCodesRequest *request = call->request;
    struct id128 user_id;
    struct auth_factor_outcome outcome;
    CLEANUP(auth_recovery_codes_wipe) struct auth_recovery_codes codes = {0};
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    struct status status = auth_factor_attempt(call->service, txn, user_id, AUTH_METHOD_TOTP,
                                               request->code, call->received_wall_ns, &outcome);
    if (!status_ok(status)) {
        tell_locked(call, txn, user_id, &outcome);
        return outcome.is_counted ? rpc_call_refuse_committed(call, status) : status;
    }
    RETURN_IF_ERROR(auth_factor_replace_codes(call->service, txn, user_id, &codes));
    auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_RECOVERY_CODES_REPLACED,
                               AUTH_METHOD_RECOVERY_CODE, "");
    return rpc_call_reply(call, auth_convert_recovery_codes(call, &codes));
}

// ---- Their end -----------------------------------------------------------------------------

struct disable_job {
    struct confirmed who; // First: tell_disabled.
    enum auth_method method;
    const char *code;
    struct status refusal; // Of a wrong code, which has been counted.
};

static struct status run_disable_job(struct store_txn *txn, void *context)
{
    struct disable_job *job = context;
    struct rpc_call *call = job->who.call;
    struct id128 user_id = job->who.user_id;
    struct auth_factor_outcome outcome;
    job->refusal = auth_factor_attempt(call->service, txn, user_id, job->method, job->code,
                                       call->received_wall_ns, &outcome);
    if (!status_ok(job->refusal)) {
        tell_locked(call, txn, user_id, &outcome);
        return outcome.is_counted ? STATUS_SUCCESS : job->refusal;
    }
    if (job->method == AUTH_METHOD_RECOVERY_CODE)
        auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_RECOVERY_CODE_USED, job->method,
                                   "");
    RETURN_IF_ERROR(auth_factor_remove(call->service, txn, user_id, AUTH_FACTOR_DISABLE,
                                       call->received_wall_ns));
    auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_DISABLED, AUTH_METHOD_TOTP, "");
    wake_worker(call);
    return auth_rpc_end_sessions(call, txn, user_id, call->claims.session_id,
                                 AUTH_SESSION_FACTORS_CHANGED);
}

struct status auth_rpc_disable_totp(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL.
    const Auth__DisableTotpRequest *request = call->request;
    struct auth_confirmation_request confirmation;
    struct disable_job job = {.who = {.call = call}, .code = request->code};
    RETURN_IF_ERROR(auth_convert_authenticator_method(call, request->method, &job.method));
    RETURN_IF_ERROR(read_confirmation(call, request->password, &confirmation));
    job.who.user_id = confirmation.user_id;
    RETURN_IF_ERROR(auth_password_confirm(call->service, &confirmation, run_disable_job, &job));
    RETURN_IF_ERROR(job.refusal);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

struct status auth_rpc_reset_factors(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ResetFactorsRequest *request = call->request;
    struct id128 user_id = auth_convert_id(&request->id);
    struct auth_user_view view;
    RETURN_IF_ERROR(auth_service_get_user(call->service, txn, user_id, call->arena, &view));
    RETURN_IF_ERROR(rpc_call_may_touch_in(call, user_id, view.user.branch));
    if (rpc_call_is_self(call, user_id))
        return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES, "nobody resets their own factors");
    view.user.version++;
    view.user.rights_version++;
    view.user.updated_at_ns = call->received_wall_ns;
    auth_store_put_user(txn, &view.user); // First: what is sealed of it still lies in the store.
    RETURN_IF_ERROR(
        auth_factor_remove(call->service, txn, user_id, AUTH_FACTOR_RESET, call->received_wall_ns));
    auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_DISABLED, AUTH_METHOD_TOTP,
                               request->reason);
    auth_events_factors_reset(txn, call, &view.user);
    RETURN_IF_ERROR(
        auth_rpc_end_sessions(call, txn, user_id, ID128_NIL, AUTH_SESSION_FACTORS_CHANGED));
    wake_worker(call);
    return rpc_call_reply(call, auth_convert_view(call, &view));
}
