#include "services/auth/address.h"

#include "common/base/check.h"

struct status auth_address_charge(const struct auth_service *service, struct store_txn *txn,
                                  enum auth_throttle_kind kind, struct bytes network,
                                  uint64_t now_ns, struct auth_address *ret)
{
    CHECK(kind == AUTH_THROTTLE_ADDRESS || kind == AUTH_THROTTLE_FORGOT);
    const struct auth_policy *policy = &service->policy;
    const struct auth_rate *rate =
        kind == AUTH_THROTTLE_FORGOT ? &policy->address_forgotten : &policy->address_failures;
    *ret = (struct auth_address){.is_allowed = true};
    if (network.size == 0 || rate->burst == 0) return STATUS_SUCCESS;
    ret->is_counted = true;
    ret->key = auth_store_throttle_key(service->auth, kind, network);
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &ret->key, &ret->throttle));
    ret->is_allowed = auth_core_charge_rate(&ret->throttle, rate, now_ns, &ret->wait_ns);
    return STATUS_SUCCESS;
}

void auth_address_put(struct store_txn *txn, const struct auth_address *address)
{
    if (address->is_counted && address->is_allowed)
        auth_store_put_throttle(txn, &address->key, &address->throttle);
}
