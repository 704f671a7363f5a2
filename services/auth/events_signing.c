// What auth tells of its signing keys: daemons read the JWKS again when they hear it.
#include "services/auth/events.h"

void auth_events_keys_rotated(struct store_txn *txn, const struct rpc_call *call,
                              const struct auth_rotated *rotated)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_keys_rotated(rotated, payload);
    struct auth_story story = {.type = "auth.keys.rotated"};
    auth_events_append(txn, call, &story, payload, size);
}
