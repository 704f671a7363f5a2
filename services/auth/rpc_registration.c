#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

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

struct status auth_rpc_register_user(struct rpc_call *call, struct store_txn *txn)
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

struct status auth_rpc_verify_registration(struct rpc_call *call, struct store_txn *txn)
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

struct status auth_rpc_resend_registration(struct rpc_call *call, struct store_txn *txn)
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
