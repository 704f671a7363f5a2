// Step-up for money at the border: requests, replies, the event.
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/type/v1/type.pb-c.h"
#include "services/auth/convert_pieces.h"

struct status auth_convert_sca_payment(struct rpc_call *call, const struct Auth__ScaPayment *asked,
                                       struct auth_sca_payment *ret)
{
    *ret = (struct auth_sca_payment){
        .debit_account_id = auth_convert_id(&asked->debit_account_id),
        .credit_account_id = auth_convert_id(&asked->credit_account_id),
        .transfer_id = auth_convert_id(&asked->id),
        .amount = u128_of(asked->amount->high, asked->amount->low),
    };
    size_t size = strlen(asked->currency);
    if (size > SCA_CURRENCY_BYTES_MAX)
        return rpc_call_violation(call, "payload.currency", "TOO_LONG");
    memcpy(ret->currency, asked->currency, size);
    return STATUS_SUCCESS;
}

struct status auth_convert_sca_proof(struct rpc_call *call,
                                     const struct Auth__VerifyScaRequest *request,
                                     struct auth_sca_proof *ret)
{
    *ret = (struct auth_sca_proof){.sca_id = auth_convert_id(&request->sca_id),
                                   .method = auth_method_of_name(request->method),
                                   .code = request->code,
                                   .arena = call->arena,
                                   .now_ns = call->received_wall_ns};
    if ((int)ret->method == 0) return rpc_call_violation(call, "method", "UNKNOWN_VALUE");
    return auth_convert_user(call, &ret->user_id);
}

struct Auth__ScaChallenge *auth_convert_sca_begun(struct rpc_call *call,
                                                  const struct auth_sca_begun *begun)
{
    static const enum auth_method order[] = {AUTH_METHOD_TOTP, AUTH_METHOD_MOBILE,
                                             AUTH_METHOD_EMAIL};
    const struct auth_flow *flow = &begun->flow;
    Auth__ScaChallenge *reply = RPC_NEW(call, Auth__ScaChallenge, auth__sca_challenge__init);
    if (reply == NULL) return NULL;
    reply->text = arena_text(call->arena, begun->text, strlen(begun->text));
    reply->methods = arena_alloc(call->arena, AUTH_METHOD_LAST * sizeof *reply->methods);
    if (!auth_copy_id(call, flow->id, &reply->sca_id) || reply->text == NULL ||
        reply->methods == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if ((flow->methods & 1U << order[i]) != 0)
            reply->methods[reply->n_methods++] = auth_constant(auth_method_name(order[i]));
    }
    if ((int)flow->sent_to != 0) reply->sent_to = auth_constant(auth_channel_name(flow->sent_to));
    reply->expires_in = auth_whole_seconds(flow->expires_at_ns - flow->created_at_ns);
    reply->resend_after = auth_whole_seconds(begun->resend_wait_ns);
    return reply;
}

struct Auth__ScaToken *auth_convert_sca_approved(struct rpc_call *call,
                                                 const struct auth_sca_approved *approved)
{
    Auth__ScaToken *reply = RPC_NEW(call, Auth__ScaToken, auth__sca_token__init);
    if (reply == NULL) return NULL;
    reply->sca_token = arena_text(call->arena, approved->token, strlen(approved->token));
    reply->expires_in = SCA_TOKEN_LIFE_S;
    return reply->sca_token != NULL ? reply : NULL;
}

size_t auth_convert_sca_told(struct id128 user_id, struct id128 sca_id,
                             uint8_t ret[static AUTH_EVENT_BYTES_MAX])
{
    Auth__ScaApproved message = AUTH__SCA_APPROVED__INIT;
    message.user_id = auth_borrow_id(&user_id);
    message.sca_id = auth_borrow_id(&sca_id);
    message.action = auth_constant(SCA_ACTION_TRANSFER);
    return auth_pack_event(&message.base, ret);
}
