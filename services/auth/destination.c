#include "services/auth/destination.h"

struct status auth_destination_charge(const struct auth_service *service, struct store_txn *txn,
                                      const char *to, bool is_by_owner, uint64_t now_ns,
                                      struct auth_destination *ret)
{
    enum auth_throttle_kind kind =
        is_by_owner ? AUTH_THROTTLE_OWN_DESTINATION : AUTH_THROTTLE_DESTINATION;
    ret->key = auth_store_throttle_key(service->auth, kind, bytes_of_text(to));
    RETURN_IF_ERROR(auth_store_get_throttle(txn, &ret->key, &ret->throttle));
    ret->is_allowed = auth_core_charge_rate(&ret->throttle, &service->policy.destination_messages,
                                            now_ns, &ret->wait_ns);
    return STATUS_SUCCESS;
}

void auth_destination_put(const struct auth_service *service, struct store_txn *txn,
                          const struct auth_destination *destination)
{
    if (service->policy.destination_messages.burst == 0) return; // No limit: nothing to remember.
    auth_store_put_throttle(txn, &destination->key, &destination->throttle);
}
