// What auth tells of approvals: that there was one, and not of what.
#include "services/auth/events.h"

void auth_events_sca_approved(struct store_txn *txn, const struct rpc_call *call,
                              struct id128 user_id, struct id128 sca_id)
{
    uint8_t payload[AUTH_EVENT_BYTES_MAX];
    size_t size = auth_convert_sca_told(user_id, sca_id, payload);
    struct auth_story story = {
        .type = "auth.sca.approved", .collection = "users", .subject = user_id, .user_id = user_id};
    auth_events_append(txn, call, &story, payload, size);
}
