#include "services/auth/flow.h"

#include "common/base/check.h"
#include "services/auth/counters.h"
#include "services/auth/destination.h"
#include "services/auth/notice.h"
#include "services/auth/otp.h"
#include "services/auth/store_flow.h"

#define OTP_EXPIRED REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "this is over: begin again")
#define OTP_INVALID REFUSE(INVALID_ARGUMENT, OTP_INVALID, "this is not the right code")

void auth_flow_begin(const struct auth_service *service, struct store_txn *txn, uint64_t now_ns,
                     struct auth_flow *flow)
{
    CHECK(flow->methods != 0);
    flow->id = id128_generate();
    flow->state = AUTH_FLOW_OPEN;
    flow->created_at_ns = now_ns;
    flow->expires_at_ns = now_ns + AUTH_FLOW_LIFE_NS;
    auth_store_put_flow(service->auth, txn, flow);
}

// ---- Sending -------------------------------------------------------------------------------

static const enum auth_message_kind message_kinds[AUTH_FLOW_PURPOSE_LAST + 1] = {
    [AUTH_FLOW_LOGIN] = AUTH_MESSAGE_LOGIN_CODE,
    [AUTH_FLOW_RESET] = AUTH_MESSAGE_RESET_CODE,
    [AUTH_FLOW_SCA] = AUTH_MESSAGE_SCA_CODE,
};

enum { LONG_AGO_NS = 1 };

/// queue puts the message. A decoy's has run out before anybody could send it: the same work, and
/// not a word to whoever has the address.
static void queue(const struct auth_service *service, struct store_txn *txn,
                  const struct auth_flow *flow, const char *to, const char *code,
                  const char *detail, uint64_t now_ns)
{
    struct auth_message message = {
        .channel = flow->sent_to,
        .kind = message_kinds[flow->purpose],
        .created_at_ns = now_ns,
        .expires_at_ns = flow->is_decoy ? LONG_AGO_NS : flow->code.expires_at_ns,
        .to = to,
        .code = code,
        .detail = detail,
    };
    auth_store_put_message(service->auth, txn, &message);
    if (!flow->is_decoy) auth_count(txn, AUTH_COUNT_CODES_SENT, now_ns);
}

struct status auth_flow_send(const struct auth_service *service, struct store_txn *txn,
                             struct auth_flow *flow, enum auth_channel channel, const char *to,
                             const char *detail, uint64_t now_ns, uint64_t *ret_wait_ns)
{
    struct auth_flow sent = *flow;
    struct auth_destination destination;
    char code[AUTH_CODE_TEXT_BYTES];
    RETURN_IF_ERROR(auth_flow_may_send(&sent, channel, now_ns, ret_wait_ns));
    bool is_by_owner = flow->purpose != AUTH_FLOW_RESET;
    RETURN_IF_ERROR(auth_destination_charge(service, txn, to, is_by_owner, now_ns, &destination));
    if (!destination.is_allowed) {
        *ret_wait_ns = destination.wait_ns;
        return REFUSE(RESOURCE_EXHAUSTED, OTP_SEND_LIMIT,
                      "this address has been sent enough for a while");
    }
    auth_otp_generate(code);
    auth_otp_flow_mac(service->auth, &sent, channel, code, sent.code.mac);
    auth_store_put_flow(service->auth, txn, &sent);
    auth_destination_put(service, txn, &destination);
    queue(service, txn, &sent, to, code, detail, now_ns);
    key_wipe(code, sizeof code);
    *flow = sent;
    return STATUS_SUCCESS;
}

// ---- Looking -------------------------------------------------------------------------------

/// load gives a flow of this purpose: what never was looks like another's.
static struct status load(const struct auth_service *service, struct store_txn *txn,
                          struct id128 id, enum auth_flow_purpose purpose, struct arena *arena,
                          struct auth_flow *ret)
{
    struct auth_flow flow;
    struct status status = auth_store_get_flow(service->auth, txn, id, arena, &flow);
    if (status.code == STATUS_NOT_FOUND) return OTP_INVALID;
    RETURN_IF_ERROR(status);
    if (flow.purpose != purpose) return OTP_INVALID;
    *ret = flow;
    return STATUS_SUCCESS;
}

struct status auth_flow_get(const struct auth_service *service, struct store_txn *txn,
                            struct id128 id, enum auth_flow_purpose purpose, struct arena *arena,
                            uint64_t now_ns, struct auth_flow *ret)
{
    struct auth_flow flow;
    RETURN_IF_ERROR(load(service, txn, id, purpose, arena, &flow));
    if (flow.state != AUTH_FLOW_OPEN || now_ns >= flow.expires_at_ns) return OTP_EXPIRED;
    *ret = flow;
    return STATUS_SUCCESS;
}

bool auth_flow_is_from(const struct auth_service *service, const struct auth_flow *flow,
                       const struct auth_client *client)
{
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES];
    auth_session_hash_device(service, client->device, device_hash);
    return key_equal(device_hash, flow->device_hash, sizeof device_hash) &&
           bytes_equal(bytes_of(flow->network, flow->network_size),
                       bytes_of(client->network, client->network_size));
}

// ---- The day's limit -----------------------------------------------------------------------

static struct auth_throttle_key reset_throttle(const struct auth_service *service,
                                               const struct auth_flow *flow)
{
    return auth_store_throttle_key(service->auth, AUTH_THROTTLE_RESET, id128_bytes(&flow->user_id));
}

static struct status is_locked(const struct auth_service *service, struct store_txn *txn,
                               const struct auth_flow *flow, const struct auth_flow_answer *answer,
                               bool *ret)
{
    struct auth_throttle throttle;
    struct auth_throttle_key key = reset_throttle(service, flow);
    uint64_t unused_ns;
    if (flow->purpose != AUTH_FLOW_RESET)
        return auth_factor_is_locked(service, txn, flow->user_id, answer->method, answer->now_ns,
                                     ret, &unused_ns);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &key, &throttle));
    *ret = auth_core_is_factor_locked(&throttle, service->policy.code_failures_max, answer->now_ns);
    return STATUS_SUCCESS;
}

/// count_reset_failure counts a decoy's too, all in one row, on which nothing depends.
static struct status count_reset_failure(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_flow *flow, uint64_t now_ns,
                                         bool *ret_locked)
{
    struct auth_throttle throttle;
    struct auth_throttle_key key = reset_throttle(service, flow);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &key, &throttle));
    bool locks = auth_core_count_wrong_code(&throttle, service->policy.code_failures_max, now_ns);
    auth_store_put_throttle(txn, &key, &throttle);
    *ret_locked = locks && !flow->is_decoy;
    if (!*ret_locked) return STATUS_SUCCESS;
    auth_count(txn, AUTH_COUNT_FACTORS_LOCKED, now_ns);
    auth_notice_queue(service, txn, flow->user_id, AUTH_MESSAGE_FACTOR_LOCKED, "", now_ns);
    return STATUS_SUCCESS;
}

static struct status count_failure(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_flow *flow,
                                   const struct auth_flow_answer *answer, bool *ret_locked)
{
    auth_count(txn, AUTH_COUNT_CODES_FAILED, answer->now_ns);
    if (flow->purpose == AUTH_FLOW_RESET)
        return count_reset_failure(service, txn, flow, answer->now_ns, ret_locked);
    return auth_factor_count_failure(service, txn, flow->user_id, answer->method, answer->now_ns,
                                     ret_locked);
}

// ---- Answering -----------------------------------------------------------------------------

static struct status compare(const struct auth_service *service, struct store_txn *txn,
                             const struct auth_flow *flow, const struct auth_flow_answer *answer,
                             bool *ret_equal)
{
    uint8_t mac[AUTH_MAC_BYTES];
    if (answer->method == AUTH_METHOD_TOTP || answer->method == AUTH_METHOD_RECOVERY_CODE)
        return auth_factor_compare(service, txn, flow->user_id, answer->method, answer->code,
                                   answer->now_ns, ret_equal);
    *ret_equal = false;
    if (strlen(answer->code) != AUTH_CODE_DIGITS) return STATUS_SUCCESS;
    auth_otp_flow_mac(service->auth, flow, (enum auth_channel)answer->method, answer->code, mac);
    *ret_equal = key_equal(mac, flow->code.mac, sizeof mac);
    return STATUS_SUCCESS;
}

/// may_answer: whose flow it is, and from where, comes before anything is counted: a stranger who
/// has seen its id cannot use its attempts up.
static bool may_answer(const struct auth_service *service, const struct auth_flow *flow,
                       const struct auth_flow_answer *answer)
{
    bool is_user = id128_is_nil(answer->user_id) || id128_equal(answer->user_id, flow->user_id);
    return is_user && (answer->client == NULL || auth_flow_is_from(service, flow, answer->client));
}

static struct status judge(const struct auth_service *service, struct store_txn *txn,
                           const struct auth_flow_answer *answer, struct auth_flow_result *result)
{
    struct auth_flow *flow = &result->flow;
    bool locked, is_equal = false;
    RETURN_IF_ERROR(is_locked(service, txn, flow, answer, &locked));
    if (locked && flow->purpose != AUTH_FLOW_RESET)
        return REFUSE(INVALID_ARGUMENT, OTP_EXHAUSTED, "too many wrong codes; try again tomorrow");
    RETURN_IF_ERROR(auth_flow_count_attempt(flow, answer->method, answer->now_ns));
    RETURN_IF_ERROR(compare(service, txn, flow, answer, &is_equal));
    struct status status = auth_flow_judge(flow, is_equal && !locked);
    auth_store_put_flow(service->auth, txn, flow);
    if (!status_ok(status))
        RETURN_IF_ERROR(count_failure(service, txn, flow, answer, &result->locks_factor));
    result->is_counted = true;
    return status;
}

/// open_flow loads the flow that is answered, and fills in by which method.
static struct status open_flow(const struct auth_service *service, struct store_txn *txn,
                               struct id128 id, enum auth_flow_purpose purpose,
                               struct auth_flow_answer *answer, struct auth_flow *ret)
{
    struct auth_flow flow;
    RETURN_IF_ERROR(load(service, txn, id, purpose, answer->arena, &flow));
    if (!may_answer(service, &flow, answer)) return OTP_INVALID;
    *ret = flow;
    if ((int)answer->method == 0) answer->method = (enum auth_method)flow.sent_to;
    return (int)answer->method != 0 ? STATUS_SUCCESS : OTP_INVALID; // 0: nothing was sent.
}

struct status auth_flow_look(const struct auth_service *service, struct store_txn *txn,
                             struct id128 id, enum auth_flow_purpose purpose,
                             const struct auth_flow_answer *answer)
{
    struct auth_flow_answer given = *answer;
    struct auth_flow flow;
    RETURN_IF_ERROR(open_flow(service, txn, id, purpose, &given, &flow));
    return auth_flow_count_attempt(&flow, given.method, given.now_ns); // Of a copy.
}

struct status auth_flow_answer(const struct auth_service *service, struct store_txn *txn,
                               struct id128 id, enum auth_flow_purpose purpose,
                               const struct auth_flow_answer *answer, struct auth_flow_result *ret)
{
    struct auth_flow_answer given = *answer;
    *ret = (struct auth_flow_result){0};
    RETURN_IF_ERROR(open_flow(service, txn, id, purpose, &given, &ret->flow));
    return judge(service, txn, &given, ret);
}
