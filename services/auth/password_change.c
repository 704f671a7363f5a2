#include "services/auth/password_change.h"

#include "common/base/check.h"
#include "services/auth/address.h"
#include "services/auth/notice.h"
#include "services/auth/password_policy.h"

#define OTP_EXPIRED REFUSE(INVALID_ARGUMENT, OTP_EXPIRED, "this is over: begin again")

/// admit: the status reason is an officer's, not the user's own words.
static struct status admit(const struct auth_service *service, struct store_txn *txn,
                           const struct auth_user *user, const char *password, struct arena *arena)
{
    struct auth_person person;
    struct auth_factors factors;
    RETURN_IF_ERROR(auth_store_get_person(service->auth, user, arena, &person));
    RETURN_IF_ERROR(auth_factor_get(service, txn, user->id, &factors));
    return auth_password_admit(service, auth_service_mfa(service, &user->roles), factors.has_totp,
                               password, person.fields, AUTH_PERSON_STATUS_REASON);
}

/// put also takes a password that was disabled into use again.
static struct status put(const struct auth_service *service, struct store_txn *txn,
                         struct id128 user_id, const char *hash, uint64_t now_ns)
{
    struct auth_password old;
    RETURN_IF_ERROR(auth_store_get_password_state(txn, user_id, &old));
    if (old.disabled_at_ns != 0) auth_gauge_add(txn, AUTH_GAUGE_PASSWORDS_DISABLED, -1);
    auth_store_put_password(service->auth, txn, user_id, hash, now_ns);
    return STATUS_SUCCESS;
}

// ---- Forgotten -----------------------------------------------------------------------------

static struct status charge_address(const struct auth_service *service, struct store_txn *txn,
                                    const struct auth_forgotten *forgotten, uint64_t *ret_wait_ns)
{
    struct auth_address address;
    struct bytes network = bytes_of(forgotten->client.network, forgotten->client.network_size);
    RETURN_IF_ERROR(auth_address_charge(service, txn, AUTH_THROTTLE_FORGOT, network,
                                        forgotten->now_ns, &address));
    *ret_wait_ns = address.wait_ns;
    if (!address.is_allowed)
        return REFUSE(RESOURCE_EXHAUSTED, RATE_LIMITED,
                      "too many forgotten passwords from this address");
    auth_address_put(txn, &address);
    return STATUS_SUCCESS;
}

/// find_owner makes the flow a decoy where nobody is to get a code.
static struct status find_owner(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_identity *identity, struct auth_flow *flow)
{
    struct auth_user user;
    struct status status = auth_store_find_user(service->auth, txn, identity->channel,
                                                identity->address, &flow->user_id);
    flow->is_decoy = true;
    if (status.code == STATUS_NOT_FOUND) {
        flow->user_id = ID128_NIL;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(auth_store_get_user(txn, flow->user_id, &user));
    bool is_confirmed = (user.channels & 1U << identity->channel) != 0;
    bool is_eligible = user.state == AUTH_USER_ACTIVE && user.kind == AUTH_USER_PERSON;
    flow->is_decoy = !is_confirmed || !is_eligible;
    return STATUS_SUCCESS;
}

struct status auth_password_forget(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_forgotten *forgotten, struct auth_flow *ret,
                                   uint64_t *ret_wait_ns)
{
    const struct auth_identity *identity = &forgotten->identity;
    struct auth_flow flow = {
        .purpose = AUTH_FLOW_RESET, .methods = 1U << identity->channel, .payload = ""};
    uint64_t unused_ns;
    RETURN_IF_ERROR(charge_address(service, txn, forgotten, ret_wait_ns));
    RETURN_IF_ERROR(find_owner(service, txn, identity, &flow));
    auth_flow_begin(service, txn, forgotten->now_ns, &flow);
    struct status status = auth_flow_send(service, txn, &flow, identity->channel, identity->address,
                                          "", forgotten->now_ns, &unused_ns);
    *ret = flow;
    // An address that has had its share gets nothing, and nobody is told.
    return status.code == STATUS_RESOURCE_EXHAUSTED ? STATUS_SUCCESS : status;
}

static struct auth_flow_answer answer_of(const struct auth_reset *reset)
{
    return (struct auth_flow_answer){
        .code = reset->code, .arena = reset->arena, .now_ns = reset->now_ns};
}

static struct status look(const struct auth_service *service, const struct auth_reset *reset)
{
    struct auth_flow_answer answer = answer_of(reset);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    return auth_flow_look(service, txn, reset->reset_id, AUTH_FLOW_RESET, &answer);
}

struct status auth_password_hash_reset(const struct auth_service *service, struct auth_reset *reset)
{
    RETURN_IF_ERROR(auth_password_admit_any(service, reset->password));
    RETURN_IF_ERROR(look(service, reset));
    return auth_password_hash(&service->policy.argon2, reset->password, reset->hash);
}

/// finish: every token and session of the user is worth nothing from here on.
static struct status finish(const struct auth_service *service, struct store_txn *txn,
                            const struct auth_reset *reset, struct auth_user *user)
{
    user->version++;
    user->rights_version++;
    user->updated_at_ns = reset->now_ns;
    auth_store_put_user(txn, user); // First: what is sealed of it still lies in the store.
    RETURN_IF_ERROR(put(service, txn, user->id, reset->hash, reset->now_ns));
    RETURN_IF_ERROR(auth_guess_forget_all(service, txn, user->id, reset->now_ns));
    auth_notice_queue(service, txn, user->id, AUTH_MESSAGE_PASSWORD_CHANGED, "", reset->now_ns);
    auth_count(txn, AUTH_COUNT_PASSWORDS_RESET, reset->now_ns);
    return STATUS_SUCCESS;
}

struct status auth_password_reset(const struct auth_service *service, struct store_txn *txn,
                                  const struct auth_reset *reset, struct auth_reset_outcome *ret)
{
    struct auth_flow_answer answer = answer_of(reset);
    struct auth_user *user = &ret->user;
    *ret = (struct auth_reset_outcome){0};
    RETURN_IF_ERROR(
        auth_flow_answer(service, txn, reset->reset_id, AUTH_FLOW_RESET, &answer, &ret->result));
    RETURN_IF_ERROR(auth_store_get_user(txn, ret->result.flow.user_id, user));
    if (user->state != AUTH_USER_ACTIVE) return OTP_EXPIRED;
    struct status status = admit(service, txn, user, reset->password, reset->arena);
    if (!status_ok(status)) {
        ret->result.is_counted = false; // Undone: the code has not been used, either.
        return status;
    }
    return finish(service, txn, reset, user);
}

// ---- Changed -------------------------------------------------------------------------------

static struct status admit_change(const struct auth_service *service, struct id128 user_id,
                                  const char *password, struct arena *arena)
{
    struct auth_user user;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(service->store, &txn));
    RETURN_IF_ERROR(auth_store_get_user(txn, user_id, &user));
    return admit(service, txn, &user, password, arena);
}

struct status auth_password_hash_change(const struct auth_service *service, struct id128 user_id,
                                        const char *password, struct arena *arena,
                                        char ret_hash[static AUTH_HASH_BYTES])
{
    RETURN_IF_ERROR(admit_change(service, user_id, password, arena));
    return auth_password_hash(&service->policy.argon2, password, ret_hash);
}

struct status auth_password_change(const struct auth_service *service, struct store_txn *txn,
                                   struct id128 user_id, const char *hash, uint64_t now_ns)
{
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_PASSWORD_CHANGED, "", now_ns);
    return put(service, txn, user_id, hash, now_ns);
}
