#include "services/auth/login.h"

#include "common/base/check.h"

#define INVALID_CREDENTIALS                                                                        \
    REFUSE(UNAUTHENTICATED, INVALID_CREDENTIALS, "the identifier or the password is wrong")

void auth_attempt_wipe(struct auth_attempt *attempt)
{
    key_wipe(attempt->hash, sizeof attempt->hash);
    key_wipe(attempt->stronger_hash, sizeof attempt->stronger_hash);
}

// ---- Looking -------------------------------------------------------------------------------

/// find_account gives the user and the hash to compare with; a dummy's where there is none.
static struct status find_account(const struct auth_service *service, struct store_txn *txn,
                                  const struct auth_login *login, struct auth_attempt *attempt)
{
    struct status status = auth_store_find_user(service->auth, txn, login->channel,
                                                login->identifier, &attempt->user_id);
    if (status_ok(status))
        status = auth_store_get_password(service->auth, txn, attempt->user_id, attempt->hash);
    attempt->is_known = status_ok(status);
    if (attempt->is_known || status.code != STATUS_NOT_FOUND) return status;
    attempt->user_id = ID128_NIL;
    memcpy(attempt->hash, service->dummy_hash, sizeof attempt->hash);
    return STATUS_SUCCESS;
}

/// account_throttle: all addresses of an account share one; a device that it knows has its own, so
/// that nobody locks its owner out.
static struct auth_throttle_key account_throttle(const struct auth_service *service,
                                                 struct store_txn *txn,
                                                 const struct auth_login *login,
                                                 const struct auth_attempt *attempt)
{
    uint8_t subject[ID128_BYTES + AUTH_DEVICE_HASH_BYTES];
    uint8_t *device_hash = subject + ID128_BYTES;
    auth_session_hash_device(service, login->client.device, device_hash);
    bool is_named = login->client.device[0] != '\0';
    bool is_device_known = auth_store_knows_device(txn, attempt->user_id, device_hash) && is_named;
    memcpy(subject, attempt->user_id.bytes, ID128_BYTES);
    if (!attempt->is_known)
        return auth_store_throttle_key(service->auth, AUTH_THROTTLE_PASSWORD,
                                       bytes_of_text(login->identifier));
    if (is_device_known)
        return auth_store_throttle_key(service->auth, AUTH_THROTTLE_PASSWORD_DEVICE,
                                       bytes_of(subject, sizeof subject));
    return auth_store_throttle_key(service->auth, AUTH_THROTTLE_PASSWORD,
                                   bytes_of(subject, ID128_BYTES));
}

static struct status check_address(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_login *login,
                                   const struct auth_attempt *attempt, uint64_t *ret_wait_ns)
{
    struct auth_throttle throttle;
    if (login->client.network_size == 0) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &attempt->address, &throttle));
    // Only failures are counted; this looks whether one more would still be allowed.
    if (auth_core_charge_rate(&throttle, &service->policy.address_failures, login->now_ns,
                              ret_wait_ns))
        return STATUS_SUCCESS;
    return REFUSE(RESOURCE_EXHAUSTED, RATE_LIMITED, "too many failed logins from this address");
}

struct status auth_login_look(const struct auth_service *service, struct store_txn *txn,
                              const struct auth_login *login, struct auth_attempt *ret,
                              uint64_t *ret_wait_ns)
{
    struct auth_throttle throttle;
    struct bytes network = bytes_of(login->client.network, login->client.network_size);
    *ret = (struct auth_attempt){0};
    *ret_wait_ns = 0;
    ret->address = auth_store_throttle_key(service->auth, AUTH_THROTTLE_ADDRESS, network);
    RETURN_IF_ERROR(check_address(service, txn, login, ret, ret_wait_ns));
    RETURN_IF_ERROR(find_account(service, txn, login, ret));
    ret->account = account_throttle(service, txn, login, ret);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &ret->account, &throttle));
    ret->is_throttled = auth_core_is_closed(&throttle, login->now_ns);
    return STATUS_SUCCESS;
}

// ---- Checking ------------------------------------------------------------------------------

struct status auth_login_check(const struct auth_service *service, const struct auth_login *login,
                               struct auth_attempt *attempt)
{
    bool is_equal = false;
    if (attempt->is_throttled) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_password_verify(attempt->hash, login->password, &is_equal));
    attempt->is_right = is_equal && attempt->is_known;
    if (!attempt->is_right || !auth_password_is_weaker(attempt->hash, &service->policy.argon2))
        return STATUS_SUCCESS;
    return auth_password_hash(&service->policy.argon2, login->password, attempt->stronger_hash);
}

// ---- The outcome ---------------------------------------------------------------------------

static struct status count_failure(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_login *login,
                                   const struct auth_attempt *attempt)
{
    struct auth_throttle throttle;
    uint64_t unused_ns;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &attempt->account, &throttle));
    auth_core_charge_failure(&throttle, login->now_ns);
    auth_store_put_throttle(txn, &attempt->account, &throttle);
    bool is_address_counted = service->policy.address_failures.burst > 0;
    if (login->client.network_size == 0 || !is_address_counted) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &attempt->address, &throttle));
    (void)auth_core_charge_rate(&throttle, &service->policy.address_failures, login->now_ns,
                                &unused_ns);
    auth_store_put_throttle(txn, &attempt->address, &throttle);
    return STATUS_SUCCESS;
}

/// is_current: the password has not been changed while it was compared.
static struct status is_current(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_attempt *attempt, bool *ret)
{
    char hash[AUTH_HASH_BYTES];
    RETURN_IF_ERROR(auth_store_get_password(service->auth, txn, attempt->user_id, hash));
    *ret = key_equal(hash, attempt->hash, sizeof hash);
    key_wipe(hash, sizeof hash);
    return STATUS_SUCCESS;
}

static struct status succeed(const struct auth_service *service, struct store_txn *txn,
                             const struct auth_login *login, struct auth_attempt *attempt)
{
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES];
    struct auth_throttle throttle;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &attempt->account, &throttle));
    if (throttle.count > 0) {
        auth_core_reset_throttle(&throttle, login->now_ns);
        auth_store_put_throttle(txn, &attempt->account, &throttle);
    }
    if (login->client.device[0] != '\0') {
        auth_session_hash_device(service, login->client.device, device_hash);
        RETURN_IF_ERROR(
            auth_store_remember_device(txn, attempt->user_id, device_hash, login->now_ns));
    }
    if (attempt->stronger_hash[0] != '\0')
        auth_store_put_password(service->auth, txn, attempt->user_id, attempt->stronger_hash,
                                login->now_ns);
    auth_session_begin(service, txn, &attempt->user, &login->client, login->now_ns,
                       &attempt->session);
    return STATUS_SUCCESS;
}

struct status auth_login_settle(const struct auth_service *service, struct store_txn *txn,
                                const struct auth_login *login, struct auth_attempt *attempt,
                                struct status *ret_refusal)
{
    bool is_unchanged = true;
    *ret_refusal = INVALID_CREDENTIALS;
    if (attempt->is_throttled) return STATUS_SUCCESS;
    if (!attempt->is_right) return count_failure(service, txn, login, attempt);
    RETURN_IF_ERROR(is_current(service, txn, attempt, &is_unchanged));
    RETURN_IF_ERROR(auth_store_get_user(txn, attempt->user_id, &attempt->user));
    if (!is_unchanged || attempt->user.state == AUTH_USER_CLOSED) return STATUS_SUCCESS;
    if (attempt->user.state == AUTH_USER_BLOCKED) {
        *ret_refusal = REFUSE(PERMISSION_DENIED, ACCOUNT_BLOCKED, "the account is blocked");
        return STATUS_SUCCESS;
    }
    *ret_refusal = STATUS_SUCCESS;
    return succeed(service, txn, login, attempt);
}
