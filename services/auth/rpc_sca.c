#include "common/base/check.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "services/auth/rpc_handlers.h"
#include "services/auth/worker.h"

struct status auth_rpc_create_sca(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__CreateScaRequest *request = call->request;
    struct auth_service *service = call->service;
    struct id128 user_id;
    struct auth_sca_payment payment;
    struct auth_sca_begun begun;
    uint64_t wait_ns;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    RETURN_IF_ERROR(auth_convert_sca_payment(call, request->payload, &payment));
    struct status status = auth_sca_begin(service, txn, user_id, request->action, &payment,
                                          call->arena, call->received_wall_ns, &begun, &wait_ns);
    if (!status_ok(status)) {
        auth_convert_retry(call, wait_ns);
        return status;
    }
    if ((int)begun.flow.sent_to != 0) auth_worker_wake_after(service->worker);
    return rpc_call_reply(call, auth_convert_sca_begun(call, &begun));
}

/// tell_failure: what was counted is to stay.
static struct status tell_failure(struct rpc_call *call, struct store_txn *txn,
                                  const struct auth_sca_proof *proof,
                                  const struct auth_flow_result *result, struct status refusal)
{
    struct auth_service *service = call->service;
    if (!result->is_counted) return refusal;
    if (result->locks_factor) {
        auth_events_factor_changed(txn, call, proof->user_id, AUTH_FACTOR_LOCKED, proof->method,
                                   "");
        auth_worker_wake_after(service->worker);
    }
    return rpc_call_refuse_committed(call, refusal);
}

struct status auth_rpc_verify_sca(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_sca_proof proof;
    CLEANUP(auth_sca_approved_wipe) struct auth_sca_approved approved;
    approved.token[0] = '\0';
    RETURN_IF_ERROR(auth_convert_sca_proof(call, call->request, &proof));
    struct status status = auth_sca_approve(call->service, txn, &proof, &approved);
    if (!status_ok(status)) return tell_failure(call, txn, &proof, &approved.result, status);
    auth_events_sca_approved(txn, call, proof.user_id, proof.sca_id);
    return rpc_call_reply(call, auth_convert_sca_approved(call, &approved));
}

struct status auth_rpc_resend_sca(struct rpc_call *call, struct store_txn *txn)
{
    const Auth__ResendScaRequest *request = call->request;
    struct auth_service *service = call->service;
    enum auth_channel channel = auth_channel_of_name(request->method);
    struct id128 user_id;
    uint64_t wait_ns;
    RETURN_IF_ERROR(auth_convert_user(call, &user_id));
    if ((int)channel == 0) return rpc_call_violation(call, "method", "UNKNOWN_VALUE");
    struct status status = auth_sca_resend(service, txn, user_id, auth_convert_id(&request->sca_id),
                                           channel, call->arena, call->received_wall_ns, &wait_ns);
    if (!status_ok(status)) {
        auth_convert_retry(call, wait_ns);
        return status;
    }
    auth_worker_wake_after(service->worker);
    return rpc_call_reply(call, auth_convert_resent(call, wait_ns));
}
