#include "services/auth/guess.h"

#include "common/base/check.h"
#include "services/auth/counters.h"
#include "services/auth/notice.h"

/// So many known devices are looked at in one transaction; of others the pause is 15 min at most.
enum { DEVICES_MAX = 1000 };

static struct auth_throttle_key device_key(const struct auth_service *service, struct id128 user_id,
                                           const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES])
{
    uint8_t subject[ID128_BYTES + AUTH_DEVICE_HASH_BYTES];
    memcpy(subject, user_id.bytes, ID128_BYTES);
    memcpy(subject + ID128_BYTES, device_hash, AUTH_DEVICE_HASH_BYTES);
    return auth_store_throttle_key(service->auth, AUTH_THROTTLE_PASSWORD_DEVICE,
                                   bytes_of(subject, sizeof subject));
}

struct auth_throttle_key auth_guess_key(const struct auth_service *service, struct store_txn *txn,
                                        struct id128 user_id, const char *identifier,
                                        const char *device)
{
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES];
    auth_session_hash_device(service, device, device_hash);
    bool is_device_known = auth_store_knows_device(txn, user_id, device_hash) && device[0] != '\0';
    bool is_nobody = id128_is_nil(user_id);
    if (is_device_known && !is_nobody) return device_key(service, user_id, device_hash);
    return auth_store_throttle_key(service->auth, AUTH_THROTTLE_PASSWORD,
                                   is_nobody ? bytes_of_text(identifier) : id128_bytes(&user_id));
}

/// get_state makes the row of nobody with the first failure that it is needed for.
static struct status get_state(const struct auth_service *service, struct store_txn *txn,
                               struct id128 user_id, uint64_t now_ns, struct auth_password *ret)
{
    struct status status = auth_store_get_password_state(txn, user_id, ret);
    if (status.code != STATUS_NOT_FOUND || !id128_is_nil(user_id)) return status;
    auth_store_put_password(service->auth, txn, user_id, service->dummy_hash, now_ns);
    *ret = (struct auth_password){.changed_at_ns = now_ns};
    return STATUS_SUCCESS;
}

/// disable also tells the owner: from here on only a reset helps.
static void disable(const struct auth_service *service, struct store_txn *txn, struct id128 user_id,
                    uint64_t now_ns, struct auth_password *password)
{
    password->disabled_at_ns = now_ns;
    auth_count(txn, AUTH_COUNT_PASSWORDS_DISABLED, now_ns);
    auth_gauge_add(txn, AUTH_GAUGE_PASSWORDS_DISABLED, 1);
    auth_notice_queue(service, txn, user_id, AUTH_MESSAGE_PASSWORD_DISABLED, "", now_ns);
}

struct status auth_guess_count(const struct auth_service *service, struct store_txn *txn,
                               const struct auth_throttle_key *key, struct id128 user_id,
                               uint64_t now_ns, bool *ret_disables)
{
    struct auth_throttle throttle;
    struct auth_password password;
    uint32_t failures_max = service->policy.password_failures_max;
    *ret_disables = false;
    RETURN_IF_ERROR(auth_store_get_throttle(txn, key, &throttle));
    RETURN_IF_ERROR(get_state(service, txn, user_id, now_ns, &password));
    auth_core_charge_failure(&throttle, now_ns);
    if (password.failures < UINT32_MAX) password.failures++;
    bool is_enabled = password.disabled_at_ns == 0 && !id128_is_nil(user_id);
    if (is_enabled && failures_max > 0 && password.failures >= failures_max) {
        disable(service, txn, user_id, now_ns, &password);
        *ret_disables = true;
    }
    auth_store_put_throttle(txn, key, &throttle);
    return auth_store_put_password_state(txn, user_id, &password);
}

struct status auth_guess_forget(struct store_txn *txn, const struct auth_throttle_key *key,
                                struct id128 user_id, uint64_t now_ns)
{
    struct auth_password password;
    CHECK(!id128_is_nil(user_id));
    RETURN_IF_ERROR(auth_store_open_throttle(txn, key, now_ns));
    RETURN_IF_ERROR(auth_store_get_password_state(txn, user_id, &password));
    if (password.failures == 0) return STATUS_SUCCESS;
    password.failures = 0;
    return auth_store_put_password_state(txn, user_id, &password);
}

struct status auth_guess_forget_all(const struct auth_service *service, struct store_txn *txn,
                                    struct id128 user_id, uint64_t now_ns)
{
    struct auth_throttle_key key =
        auth_store_throttle_key(service->auth, AUTH_THROTTLE_PASSWORD, id128_bytes(&user_id));
    uint8_t device_hash[AUTH_DEVICE_HASH_BYTES] = {0};
    RETURN_IF_ERROR(auth_store_open_throttle(txn, &key, now_ns));
    for (int i = 0; i < DEVICES_MAX && auth_store_next_device(txn, user_id, device_hash); i++) {
        key = device_key(service, user_id, device_hash);
        RETURN_IF_ERROR(auth_store_open_throttle(txn, &key, now_ns));
    }
    return STATUS_SUCCESS;
}
