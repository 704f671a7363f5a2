#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

// ---- By password ---------------------------------------------------------------------------

struct login_job {
    struct rpc_call *call;
    struct auth_login login;
    struct auth_attempt attempt;
    struct status refusal;
};

static void wipe_login_job(struct login_job *job)
{
    auth_attempt_wipe(&job->attempt);
}

static struct status look(struct login_job *job)
{
    struct auth_service *service = job->call->service;
    uint64_t wait_ns = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    struct status status = auth_login_look(service, txn, &job->login, &job->attempt, &wait_ns);
    if (!status_ok(status)) auth_convert_retry(job->call, wait_ns);
    return status;
}

/// crowd_out makes the newest session the last of as many as the user may have.
static struct status crowd_out(struct rpc_call *call, struct store_txn *txn,
                               const struct auth_user *user)
{
    for (;;) {
        struct auth_session ended;
        bool is_ended;
        RETURN_IF_ERROR(auth_session_crowd_out(call->service, txn, user, call->received_wall_ns,
                                               &ended, &is_ended));
        if (!is_ended) return STATUS_SUCCESS;
        auth_events_session_ended(txn, call, &ended);
    }
}

static struct status tell_begun(struct rpc_call *call, struct store_txn *txn,
                                const struct auth_user *user, const struct auth_session *session,
                                unsigned risk)
{
    auth_events_login_succeeded(txn, call, session, risk);
    return crowd_out(call, txn, user);
}

/// tell_outcome: clients are told less than the events.
static struct status tell_outcome(struct login_job *job, struct store_txn *txn)
{
    struct rpc_call *call = job->call;
    struct auth_service *service = call->service;
    const struct auth_attempt *attempt = &job->attempt;
    bool has_messages = attempt->disables_password || attempt->is_suspicious ||
                        attempt->demand == AUTH_DEMAND_FACTOR;
    if (has_messages) auth_worker_wake_after(service->worker);
    if (!status_ok(job->refusal)) {
        auth_events_login_failed(txn, call, attempt->user_id, attempt->reason);
        if (attempt->disables_password) auth_events_password_disabled(txn, call, attempt->user_id);
        return STATUS_SUCCESS; // A refusal, and yet what it counted is to stay.
    }
    if (attempt->is_suspicious)
        auth_events_login_suspicious(txn, call, attempt->user_id, &attempt->risk);
    if (attempt->demand == AUTH_DEMAND_FACTOR) return STATUS_SUCCESS;
    return tell_begun(call, txn, &attempt->user, &attempt->session, attempt->risk.terms);
}

static struct status run_login_job(struct store_txn *txn, void *context)
{
    struct login_job *job = context;
    RETURN_IF_ERROR(
        auth_login_settle(job->call->service, txn, &job->login, &job->attempt, &job->refusal));
    return tell_outcome(job, txn);
}

static struct status reply_begun(struct rpc_call *call, const struct auth_user *user,
                                 const struct auth_session *session)
{
    struct auth_grant grant;
    auth_session_grant(call->service, user, session, call->received_wall_ns, &grant);
    return rpc_call_reply(call, auth_convert_logged_in(call, session, &grant));
}

struct status auth_rpc_login(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL.
    struct auth_service *service = call->service;
    CLEANUP(wipe_login_job) struct login_job job = {.call = call};
    const struct auth_attempt *attempt = &job.attempt;
    RETURN_IF_ERROR(auth_convert_login(call, call->request, &job.login));
    RETURN_IF_ERROR(look(&job));
    RETURN_IF_ERROR(auth_login_check(service, &job.login, &job.attempt));
    RETURN_IF_ERROR(store_write_wait(service->store, run_login_job, &job));
    RETURN_IF_ERROR(job.refusal);
    if (attempt->demand != AUTH_DEMAND_FACTOR)
        return reply_begun(call, &attempt->user, &attempt->session);
    return rpc_call_reply(
        call, auth_convert_factor_wanted(call, &attempt->flow, attempt->resend_wait_ns));
}

// ---- By the second factor ------------------------------------------------------------------

/// tell_failure: what was counted is to stay.
static struct status tell_failure(struct rpc_call *call, struct store_txn *txn,
                                  const struct auth_login_proof *proof,
                                  const struct auth_flow_result *result, struct status refusal)
{
    struct id128 user_id = result->flow.user_id;
    if (!result->is_counted) return refusal;
    auth_events_login_failed(txn, call, user_id, refusal.reason);
    if (result->locks_factor)
        auth_events_factor_changed(txn, call, user_id, AUTH_FACTOR_LOCKED, proof->method, "");
    return rpc_call_refuse_committed(call, refusal);
}

struct status auth_rpc_verify_login(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_service *service = call->service;
    struct auth_login_proof proof;
    struct auth_login_outcome outcome;
    RETURN_IF_ERROR(auth_convert_verify_login(call, call->request, &proof));
    struct status status = auth_login_verify(service, txn, &proof, &outcome);
    bool is_passed = outcome.result.is_counted && outcome.result.flow.state == AUTH_FLOW_PASSED;
    bool is_recovery = is_passed && proof.method == AUTH_METHOD_RECOVERY_CODE;
    if (is_recovery)
        auth_events_factor_changed(txn, call, outcome.result.flow.user_id,
                                   AUTH_FACTOR_RECOVERY_CODE_USED, proof.method, "");
    if (is_recovery || outcome.result.locks_factor) auth_worker_wake_after(service->worker);
    if (!status_ok(status)) return tell_failure(call, txn, &proof, &outcome.result, status);
    RETURN_IF_ERROR(
        tell_begun(call, txn, &outcome.user, &outcome.session, outcome.result.flow.risk));
    return reply_begun(call, &outcome.user, &outcome.session);
}

struct status auth_rpc_resend_login(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_service *service = call->service;
    struct auth_login_proof proof;
    uint64_t wait_ns = 0;
    RETURN_IF_ERROR(auth_convert_resend_login(call, call->request, &proof));
    struct status status = auth_login_resend(service, txn, &proof, &wait_ns);
    if (!status_ok(status)) {
        auth_convert_retry(call, wait_ns);
        return status;
    }
    auth_worker_wake_after(service->worker);
    return rpc_call_reply(call, auth_convert_resent(call, wait_ns));
}
