#include "services/auth/rpc.h"

#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/events.h"
#include "services/auth/worker.h"

// ---- Registering ---------------------------------------------------------------------------

struct register_job {
    struct rpc_call *call;
    struct auth_application application;
    char hash[AUTH_HASH_BYTES];
    struct id128 registration_id;
};

static void wipe_register_job(struct register_job *job)
{
    key_wipe(job->hash, sizeof job->hash);
}

static struct status run_register_job(struct store_txn *txn, void *context)
{
    struct register_job *job = context;
    struct auth_service *service = job->call->service;
    RETURN_IF_ERROR(auth_registration_begin(service, txn, &job->application, job->hash,
                                            job->call->received_wall_ns, &job->registration_id));
    auth_worker_wake_after(service->worker);
    return STATUS_SUCCESS;
}

static struct status register_user(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL: hashing takes tens of milliseconds.
    struct auth_service *service = call->service;
    CLEANUP(wipe_register_job) struct register_job job = {.call = call};
    RETURN_IF_ERROR(auth_convert_application(call, call->request, &job.application));
    RETURN_IF_ERROR(auth_registration_hash(service, &job.application, job.hash));
    RETURN_IF_ERROR(store_write_wait(service->store, run_register_job, &job));
    return rpc_call_reply(call,
                          auth_convert_registered(call, &job.registration_id, &job.application));
}

static struct status verify_registration(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__VerifyRegistrationRequest *request = call->request;
    enum auth_channel channel;
    struct auth_confirmed confirmed;
    RETURN_IF_ERROR(auth_convert_channel(call, request->channel, &channel));
    struct status status = auth_registration_confirm(
        call->service, txn, auth_convert_id(&request->registration_id), channel, request->code,
        call->arena, call->received_wall_ns, &confirmed);
    if (!status_ok(status))
        return confirmed.is_counted ? rpc_call_refuse_committed(call, status) : status;
    call->not_created = confirmed.progress.state != AUTH_REGISTRATION_COMPLETED;
    if (!call->not_created) {
        bool has_mobile =
            confirmed.progress.challenges[AUTH_MOBILE - 1].confirmation == AUTH_CONFIRMATION_DONE;
        auth_events_user_registered(txn, call, &confirmed.user, has_mobile);
    }
    return rpc_call_reply(call, auth_convert_confirmed(call, &confirmed));
}

static struct status resend_registration(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ResendRegistrationRequest *request = call->request;
    struct auth_service *service = call->service;
    enum auth_channel channel;
    uint64_t wait_ns = 0;
    RETURN_IF_ERROR(auth_convert_channel(call, request->channel, &channel));
    struct status status =
        auth_registration_resend(service, txn, auth_convert_id(&request->registration_id), channel,
                                 call->arena, call->received_wall_ns, &wait_ns);
    if (!status_ok(status)) {
        auth_convert_retry(call, wait_ns);
        return status;
    }
    auth_worker_wake_after(service->worker);
    Auth__ResendRegistrationResponse *reply =
        RPC_NEW(call, Auth__ResendRegistrationResponse, auth__resend_registration_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->resend_after = (uint32_t)(wait_ns / AUTH_SECOND_NS);
    return rpc_call_reply(call, reply);
}

// ---- Logging in ----------------------------------------------------------------------------

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

static struct status run_login_job(struct store_txn *txn, void *context)
{
    struct login_job *job = context;
    struct rpc_call *call = job->call;
    struct auth_attempt *attempt = &job->attempt;
    RETURN_IF_ERROR(auth_login_settle(call->service, txn, &job->login, attempt, &job->refusal));
    if (!status_ok(job->refusal)) {
        const char *reason = attempt->is_throttled ? "RATE_LIMITED" : job->refusal.reason;
        auth_events_login_failed(txn, call, attempt->user_id, reason);
        return STATUS_SUCCESS; // A refusal, and yet what it counted is to stay.
    }
    auth_events_login_succeeded(txn, call, &attempt->session);
    return crowd_out(call, txn, &attempt->user);
}

static struct status login(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL.
    struct auth_service *service = call->service;
    struct auth_grant grant;
    CLEANUP(wipe_login_job) struct login_job job = {.call = call};
    RETURN_IF_ERROR(auth_convert_login(call, call->request, &job.login));
    RETURN_IF_ERROR(look(&job));
    RETURN_IF_ERROR(auth_login_check(service, &job.login, &job.attempt));
    RETURN_IF_ERROR(store_write_wait(service->store, run_login_job, &job));
    RETURN_IF_ERROR(job.refusal);
    auth_session_grant(service, &job.attempt.user, &job.attempt.session, job.login.now_ns, &grant);
    return rpc_call_reply(call, auth_convert_logged_in(call, &job.attempt.session, &grant));
}

static struct status issue_token(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__IssueTokenRequest *request = call->request;
    struct auth_refreshed refreshed;
    struct auth_grant grant;
    const char *device;
    if (strcmp(request->grant_type, "refresh_token") != 0)
        return REFUSE(INVALID_ARGUMENT, UNSUPPORTED_GRANT_TYPE, "only refresh_token is granted");
    RETURN_IF_ERROR(auth_convert_device(call, request->device, &device));
    struct status status =
        auth_session_refresh(call->service, txn, bytes_of_text(request->refresh_token), device,
                             call->received_wall_ns, &refreshed);
    if (!status_ok(status)) {
        if (!refreshed.is_ended) return status;
        auth_events_session_ended(txn, call, &refreshed.session);
        return rpc_call_refuse_committed(call, status);
    }
    auth_session_grant(call->service, &refreshed.user, &refreshed.session, call->received_wall_ns,
                       &grant);
    return rpc_call_reply(call, auth_convert_issued(call, &grant));
}

static struct status logout(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    struct auth_session session;
    bool is_ended;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_session_end(txn, call->claims.session_id, AUTH_SESSION_LOGOUT,
                                     call->received_wall_ns, &session, &is_ended));
    if (is_ended) auth_events_session_ended(txn, call, &session);
    return rpc_call_reply(call, RPC_NEW(call, Type__Empty, type__empty__init));
}

// ---- Users ---------------------------------------------------------------------------------

static struct status reply_user(struct rpc_call *call, struct store_txn *txn, struct id128 user_id)
{
    struct auth_user_view view;
    RETURN_IF_ERROR(auth_service_get_user(call->service, txn, user_id, call->arena, &view));
    return rpc_call_reply(call, auth_convert_view(call, &view));
}

static struct status get_me(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 user_id;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    return reply_user(call, txn, user_id);
}

static struct status get_user(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__GetUserRequest *request = call->request;
    struct id128 user_id = auth_convert_id(&request->id);
    RETURN_IF_ERROR(rpc_call_may_touch(call, user_id));
    return reply_user(call, txn, user_id);
}

static struct status set_user_roles(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__SetUserRolesRequest *request = call->request;
    struct auth_user_view view;
    struct id128 actor_id;
    bool is_changed;
    RETURN_IF_ERROR(auth_convert_user(call, &actor_id));
    RETURN_IF_ERROR(
        auth_service_set_roles(call->service, txn, actor_id, auth_convert_id(&request->id),
                               (const char *const *)request->roles, request->n_roles, call->arena,
                               call->received_wall_ns, &view, &is_changed));
    if (is_changed) auth_events_roles_changed(txn, call, &view.user);
    return rpc_call_reply(call, auth_convert_view(call, &view));
}

// ---- For the other daemons -----------------------------------------------------------------

static struct status get_jwks(struct rpc_call *call, struct store_txn *txn)
{
    (void)txn; // The keys do not change while serving.
    const struct auth_service *service = call->service;
    return rpc_call_reply(call, auth_convert_jwks(call, service->signing));
}

static struct status check_session(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__CheckSessionRequest *request = call->request;
    bool is_alive;
    RETURN_IF_ERROR(auth_session_is_alive(txn, auth_convert_id(&request->session_id),
                                          request->user_version, call->received_wall_ns,
                                          &is_alive));
    Auth__CheckSessionResponse *reply =
        RPC_NEW(call, Auth__CheckSessionResponse, auth__check_session_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->alive = is_alive;
    return rpc_call_reply(call, reply);
}

const rpc_handler auth_handlers[AUTH_METHOD_COUNT] = {
    [AUTH_REGISTER_USER] = register_user,
    [AUTH_VERIFY_REGISTRATION] = verify_registration,
    [AUTH_RESEND_REGISTRATION] = resend_registration,
    [AUTH_LOGIN] = login,
    [AUTH_ISSUE_TOKEN] = issue_token,
    [AUTH_LOGOUT] = logout,
    [AUTH_GET_ME] = get_me,
    [AUTH_GET_USER] = get_user,
    [AUTH_SET_USER_ROLES] = set_user_roles,
    [AUTH_GET_JWKS] = get_jwks,
    [AUTH_CHECK_SESSION] = check_session,
};
