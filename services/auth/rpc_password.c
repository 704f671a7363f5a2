#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/password_change.h"
#include "services/auth/reauth.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

// ---- Changed -------------------------------------------------------------------------------

struct change_job {
    struct rpc_call *call;
    struct id128 user_id;
    char hash[AUTH_HASH_BYTES];
};

static void wipe_change_job(struct change_job *job)
{
    key_wipe(job->hash, sizeof job->hash);
}

static struct status run_change_job(struct store_txn *txn, void *context)
{
    struct change_job *job = context;
    struct rpc_call *call = job->call;
    struct auth_service *service = call->service;
    RETURN_IF_ERROR(
        auth_password_change(service, txn, job->user_id, job->hash, call->received_wall_ns));
    auth_events_password_changed(txn, call, job->user_id);
    auth_worker_wake_after(service->worker);
    return auth_rpc_end_sessions(call, txn, job->user_id, call->claims.session_id,
                                 AUTH_SESSION_PASSWORD_CHANGED);
}

static void tell_disabled(struct store_txn *txn, void *context)
{
    struct change_job *job = context;
    struct auth_service *service = job->call->service;
    auth_events_password_disabled(txn, job->call, job->user_id);
    auth_worker_wake_after(service->worker);
}

struct status auth_rpc_change_password(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL.
    struct auth_service *service = call->service;
    const Auth__ChangePasswordRequest *request = call->request;
    CLEANUP(wipe_change_job) struct change_job job = {.call = call};
    struct auth_confirmation_request confirmation = {.password = request->current_password,
                                                     .now_ns = call->received_wall_ns,
                                                     .disabled = tell_disabled};
    RETURN_IF_ERROR(auth_convert_user(call, &job.user_id));
    if (call->claims.aal == AUTH_AAL_ENROLMENT)
        return REFUSE(PERMISSION_DENIED, INSUFFICIENT_AAL, "enrol an authenticator first");
    RETURN_IF_ERROR(auth_convert_device(call, "", &confirmation.device));
    confirmation.user_id = job.user_id;
    RETURN_IF_ERROR(auth_password_hash_change(service, job.user_id, request->new_password,
                                              call->arena, job.hash));
    RETURN_IF_ERROR(auth_password_confirm(service, &confirmation, run_change_job, &job));
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

// ---- Forgotten -----------------------------------------------------------------------------

struct status auth_rpc_forgot_password(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ForgotPasswordRequest *request = call->request;
    struct auth_service *service = call->service;
    struct auth_forgotten forgotten = {.now_ns = call->received_wall_ns};
    struct auth_flow flow;
    uint64_t wait_ns = 0;
    RETURN_IF_ERROR(auth_convert_identity(call, request->identifier, &forgotten.identity));
    RETURN_IF_ERROR(auth_convert_client(call, "", "", &forgotten.client));
    struct status status = auth_password_forget(service, txn, &forgotten, &flow, &wait_ns);
    if (!status_ok(status)) {
        auth_convert_retry(call, wait_ns);
        return status;
    }
    auth_worker_wake_after(service->worker); // Also for nobody: it costs what it costs.
    return rpc_call_reply(call, auth_convert_forgotten(call, &flow));
}

struct reset_job {
    struct rpc_call *call;
    struct auth_reset reset;
    struct status refusal;
};

static void wipe_reset_job(struct reset_job *job)
{
    key_wipe(job->reset.hash, sizeof job->reset.hash);
}

static struct status run_reset_job(struct store_txn *txn, void *context)
{
    struct reset_job *job = context;
    struct rpc_call *call = job->call;
    struct auth_service *service = call->service;
    struct auth_reset_outcome outcome;
    job->refusal = STATUS_SUCCESS;
    struct status status = auth_password_reset(service, txn, &job->reset, &outcome);
    struct id128 user_id = outcome.result.flow.user_id;
    if (!status_ok(status) && !outcome.result.is_counted) return status;
    if (outcome.result.locks_factor)
        auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_LOCKED, AUTH_METHOD_EMAIL, "");
    auth_worker_wake_after(service->worker);
    job->refusal = status;
    if (!status_ok(status)) return STATUS_SUCCESS; // What was counted is to stay.
    auth_events_password_reset(txn, call, &outcome.user);
    return auth_rpc_end_sessions(call, txn, user_id, ID128_NIL, AUTH_SESSION_PASSWORD_CHANGED);
}

struct status auth_rpc_reset_password(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL.
    struct auth_service *service = call->service;
    const Auth__ResetPasswordRequest *request = call->request;
    CLEANUP(wipe_reset_job)
    struct reset_job job = {.call = call,
                            .reset = {.reset_id = auth_convert_id(&request->reset_id),
                                      .code = request->code,
                                      .password = request->new_password,
                                      .arena = call->arena,
                                      .now_ns = call->received_wall_ns}};
    RETURN_IF_ERROR(auth_password_hash_reset(service, &job.reset));
    RETURN_IF_ERROR(store_write_wait(service->store, run_reset_job, &job));
    RETURN_IF_ERROR(job.refusal);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}
