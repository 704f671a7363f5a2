#include "services/auth/rotation.h"
#include "services/auth/rpc_handlers.h"

struct status auth_rpc_rotate_signing_keys(struct rpc_call *call, struct store_txn *txn)
{
    struct auth_rotated rotated;
    uint64_t wait_ns = 0;
    struct status status =
        auth_rotate_keys(call->service, txn, call, call->received_wall_ns, &rotated, &wait_ns);
    if (!status_ok(status)) {
        if (wait_ns > 0) auth_convert_retry(call, wait_ns);
        return status;
    }
    return rpc_call_reply(call, auth_convert_rotated(call, &rotated));
}
