#include "services/auth/sca.h"

#include "common/base/check.h"

_Static_assert((int)AUTH_SCA_PAYLOAD_BYTES <= (int)AUTH_FLOW_PAYLOAD_BYTES_MAX, "a flow holds it");
_Static_assert((int)AUTH_SCA_TEXT_BYTES <= (int)AUTH_MESSAGE_DETAIL_BYTES_MAX, "so does a message");

#define OTP_INVALID REFUSE(INVALID_ARGUMENT, OTP_INVALID, "this is not the right code")

/// send puts a code on its way to one of the user's channels, with what it approves.
static struct status send(const struct auth_service *service, struct store_txn *txn,
                          struct auth_flow *flow, const struct auth_person *person,
                          enum auth_channel channel, const char *text, uint64_t now_ns,
                          uint64_t *ret_wait_ns)
{
    static const enum auth_person_field fields[] = {
        [AUTH_EMAIL] = AUTH_PERSON_EMAIL, [AUTH_MOBILE] = AUTH_PERSON_MOBILE};

    return auth_flow_send(service, txn, flow, channel, person->fields[fields[channel]], text,
                          now_ns, ret_wait_ns);
}

static struct status find_methods(const struct auth_service *service, struct store_txn *txn,
                                  const struct auth_user *user, unsigned *ret)
{
    struct auth_factors factors;
    RETURN_IF_ERROR(auth_factor_get(service, txn, user->id, &factors));
    *ret = user->channels & AUTH_METHODS_CHANNELS;
    if (factors.has_totp) *ret |= 1U << AUTH_METHOD_TOTP;
    if (*ret != 0) return STATUS_SUCCESS;
    return REFUSE(
        FAILED_PRECONDITION, FACTOR_REQUIRED,
        "a payment is approved by an authenticator or a confirmed address; there is none");
}

struct status auth_sca_begin(const struct auth_service *service, struct store_txn *txn,
                             struct id128 user_id, const char *action,
                             const struct auth_sca_payment *payment, struct arena *arena,
                             uint64_t now_ns, struct auth_sca_begun *ret, uint64_t *ret_wait_ns)
{
    struct auth_user_view view;
    char payload[AUTH_SCA_PAYLOAD_BYTES];
    *ret = (struct auth_sca_begun){.flow = {.user_id = user_id, .purpose = AUTH_FLOW_SCA}};
    *ret_wait_ns = 0;
    if (strcmp(action, SCA_ACTION_TRANSFER) != 0)
        return REFUSE(INVALID_ARGUMENT, ACTION_UNKNOWN, "only " SCA_ACTION_TRANSFER " is approved");
    RETURN_IF_ERROR(auth_service_get_user(service, txn, user_id, arena, &view));
    RETURN_IF_ERROR(find_methods(service, txn, &view.user, &ret->flow.methods));

    auth_sca_write_text(payment, ret->text);
    auth_sca_payload_encode(payment, payload);
    ret->flow.payload = arena_text(arena, payload, strlen(payload));
    if (ret->flow.payload == NULL) return ARENA_STATUS_EXHAUSTED;
    auth_flow_begin(service, txn, now_ns, &ret->flow);
    if ((ret->flow.methods & 1U << AUTH_METHOD_TOTP) != 0) return STATUS_SUCCESS;
    bool has_mobile = (ret->flow.methods & 1U << AUTH_METHOD_MOBILE) != 0;
    struct status status =
        send(service, txn, &ret->flow, &view.person, has_mobile ? AUTH_MOBILE : AUTH_EMAIL,
             ret->text, now_ns, &ret->resend_wait_ns);
    *ret_wait_ns = ret->resend_wait_ns;
    return status;
}

struct status auth_sca_resend(const struct auth_service *service, struct store_txn *txn,
                              struct id128 user_id, struct id128 sca_id, enum auth_channel channel,
                              struct arena *arena, uint64_t now_ns, uint64_t *ret_wait_ns)
{
    struct auth_flow flow;
    struct auth_user_view view;
    struct auth_sca_payment payment;
    char text[AUTH_SCA_TEXT_BYTES];
    *ret_wait_ns = 0;
    RETURN_IF_ERROR(auth_flow_get(service, txn, sca_id, AUTH_FLOW_SCA, arena, now_ns, &flow));
    if (!id128_equal(flow.user_id, user_id)) return OTP_INVALID;
    RETURN_IF_ERROR(auth_service_get_user(service, txn, user_id, arena, &view));
    RETURN_IF_ERROR(auth_sca_payload_decode(flow.payload, &payment));
    auth_sca_write_text(&payment, text);
    return send(service, txn, &flow, &view.person, channel, text, now_ns, ret_wait_ns);
}

// ---- Approving -----------------------------------------------------------------------------

void auth_sca_approved_wipe(struct auth_sca_approved *approved)
{
    key_wipe(approved->token, sizeof approved->token);
}

static void issue(const struct auth_service *service, const struct auth_sca_proof *proof,
                  const struct auth_sca_payment *payment,
                  char ret_token[static SCA_TOKEN_BYTES_MAX])
{
    CLEANUP(auth_signing_release)
    const struct auth_signing_set *keys = auth_signing_hold(service->signing);
    uint64_t now_s = proof->now_ns / AUTH_SECOND_NS;
    struct sca_claims claims = {.subject = proof->user_id,
                                .token_id = id128_generate(),
                                .issued_at_s = now_s,
                                .expires_at_s = now_s + SCA_TOKEN_LIFE_S,
                                .action = SCA_ACTION_TRANSFER};
    auth_sca_link(payment, claims.link);
    sca_token_issue(&claims, auth_signing_active(keys), ret_token);
}

struct status auth_sca_approve(const struct auth_service *service, struct store_txn *txn,
                               const struct auth_sca_proof *proof, struct auth_sca_approved *ret)
{
    CHECK(!id128_is_nil(proof->user_id));
    const struct auth_flow_answer answer = {.method = proof->method,
                                            .code = proof->code,
                                            .arena = proof->arena,
                                            .now_ns = proof->now_ns,
                                            .user_id = proof->user_id};
    struct auth_sca_payment payment;
    *ret = (struct auth_sca_approved){0};
    RETURN_IF_ERROR(
        auth_flow_answer(service, txn, proof->sca_id, AUTH_FLOW_SCA, &answer, &ret->result));
    RETURN_IF_ERROR(auth_sca_payload_decode(ret->result.flow.payload, &payment));
    issue(service, proof, &payment, ret->token);
    return STATUS_SUCCESS;
}
