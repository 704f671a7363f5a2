#include "services/auth/store_flow.h"

#include "services/auth/store_internal.h"

static struct seal_place payload_place(struct id128 id)
{
    return (struct seal_place){.table = "auth_flows", .field = "payload", .owner = id};
}

static void file_expiry(struct store_txn *txn, const struct auth_flow *flow)
{
    // For as long again as it could be answered: who comes late hears that it is over.
    struct auth_expiry expiry = {.at_ns = flow->expires_at_ns + AUTH_FLOW_LIFE_NS,
                                 .kind = AUTH_EXPIRY_FLOW};
    memcpy(expiry.row_key, flow->id.bytes, ID128_BYTES);
    auth_store_file_expiry(txn, &expiry);
}

void auth_store_put_flow(const struct auth_store *auth, struct store_txn *txn,
                         const struct auth_flow *flow)
{
    uint8_t span[AUTH_FLOW_PAYLOAD_BYTES_MAX + SEAL_SPAN_OVERHEAD_BYTES], row[AUTH_FLOW_BYTES_MAX];
    struct record_writer room = record_write_key(span, sizeof span);
    struct seal_place place = payload_place(flow->id);
    struct auth_flow_record record = {.flow = *flow};
    record.sealed_payload = seal_text(auth->seal, &place, flow->payload, &room);
    size_t size = auth_flow_encode(&record, row);
    if (!store_has(txn, AUTH_TABLE_FLOWS, id128_bytes(&flow->id))) file_expiry(txn, flow);
    store_put(txn, AUTH_TABLE_FLOWS, id128_bytes(&flow->id), bytes_of(row, size));
    key_wipe(&record, sizeof record);
}

struct status auth_store_get_flow(const struct auth_store *auth, struct store_txn *txn,
                                  struct id128 id, struct arena *arena, struct auth_flow *ret)
{
    struct auth_flow_record record;
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_FLOWS, id128_bytes(&id),
                                 REFUSE(NOT_FOUND, FLOW_NOT_FOUND, "there is no such flow"), &row));
    RETURN_IF_ERROR(auth_flow_decode(id, row, &record));
    struct seal_place place = payload_place(id);
    RETURN_IF_ERROR(
        unseal_text(auth->seal, &place, record.sealed_payload, arena, &record.flow.payload));
    *ret = record.flow;
    return STATUS_SUCCESS;
}
