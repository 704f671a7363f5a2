#include "services/auth/rotation.h"

#include "common/base/log.h"

struct status auth_rotate_keys(const struct auth_service *service, struct store_txn *txn,
                               const struct rpc_call *call, uint64_t now_ns,
                               struct auth_rotated *ret, uint64_t *ret_wait_ns)
{
    RETURN_IF_ERROR(auth_signing_rotate(service->signing, txn, service->policy.signing_key_lead_ns,
                                        now_ns, ret, ret_wait_ns));
    auth_events_keys_rotated(txn, call, ret);
    return STATUS_SUCCESS;
}

struct tending {
    const struct auth_service *service;
    struct auth_signing_due due;
    uint64_t now_ns;
};

/// An operator may have rotated since the look: then it is too early for another (KEY_TOO_NEW).
static struct status tend(struct store_txn *txn, void *context)
{
    const struct tending *tending = context;
    const struct auth_service *service = tending->service;
    struct auth_rotated rotated;
    uint64_t wait_ns;
    size_t forgotten;
    if (!tending->due.rotation)
        return auth_signing_forget(service->signing, txn, tending->now_ns, &forgotten);
    return auth_rotate_keys(service, txn, NULL, tending->now_ns, &rotated, &wait_ns);
}

struct status auth_tend_keys(const struct auth_service *service, uint64_t now_ns)
{
    struct tending tending = {.service = service, .now_ns = now_ns};
    tending.due = auth_signing_look(service->signing, service->policy.signing_key_age_ns,
                                    service->policy.signing_key_lead_ns, now_ns);
    if (!tending.due.rotation && !tending.due.forgetting) return STATUS_SUCCESS;
    struct status status = store_write_wait(service->store, tend, &tending);
    if (status.code == STATUS_FAILED_PRECONDITION)
        return STATUS_SUCCESS; // An operator was quicker.
    if (status_ok(status) && tending.due.rotation) LOG_INFO("the signing keys were rotated by age");
    return status;
}
