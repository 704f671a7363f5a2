#include "services/auth/record_flow.h"

enum { LAYOUT_VERSION = 1 };

static void put_code(struct record_writer *writer, const struct auth_flow *flow)
{
    record_put_u8(writer, (uint8_t)flow->sent_to);
    record_put_u8(writer, flow->code.resends);
    record_put_u64(writer, flow->code.sent_at_ns);
    record_put_u64(writer, flow->code.expires_at_ns);
    record_put_bytes(writer, flow->code.mac, sizeof flow->code.mac);
}

static void take_code(struct record_reader *reader, struct auth_flow *flow)
{
    static const struct auth_challenge none;
    flow->sent_to = (enum auth_channel)record_take_enum(reader, 0, AUTH_CHANNEL_LAST);
    flow->code.resends = (uint8_t)record_take_enum(reader, 0, AUTH_RESENDS_MAX);
    flow->code.sent_at_ns = record_take_u64(reader);
    flow->code.expires_at_ns = record_take_u64(reader);
    record_take_bytes(reader, flow->code.mac, sizeof flow->code.mac);
    bool is_sent = (int)flow->sent_to != 0;
    record_expect(reader, is_sent || (flow->code.resends == 0 && flow->code.sent_at_ns == 0 &&
                                      flow->code.expires_at_ns == 0 &&
                                      memcmp(flow->code.mac, none.mac, sizeof none.mac) == 0));
    if (is_sent) flow->code.confirmation = AUTH_CONFIRMATION_OPEN;
}

size_t auth_flow_encode(const struct auth_flow_record *record,
                        uint8_t ret[static AUTH_FLOW_BYTES_MAX])
{
    const struct auth_flow *flow = &record->flow;
    struct record_writer writer = record_write(ret, AUTH_FLOW_BYTES_MAX, LAYOUT_VERSION);
    CHECK(flow->network_size <= AUTH_FLOW_NETWORK_BYTES_MAX);
    record_put_u8(&writer, (uint8_t)flow->purpose);
    record_put_u8(&writer, (uint8_t)flow->state);
    record_put_u8(&writer, flow->is_decoy);
    record_put_u8(&writer, flow->methods);
    record_put_id(&writer, flow->user_id);
    record_put_u64(&writer, flow->created_at_ns);
    record_put_u64(&writer, flow->expires_at_ns);
    record_put_u8(&writer, flow->attempts);
    put_code(&writer, flow);
    record_put_bytes(&writer, flow->device_hash, sizeof flow->device_hash);
    record_put_run8(&writer, bytes_of(flow->network, flow->network_size));
    record_put_u8(&writer, flow->risk);
    record_put_u8(&writer, flow->risk_score);
    seal_put_span(&writer, record->sealed_payload, AUTH_FLOW_PAYLOAD_BYTES_MAX);
    return record_written(&writer);
}

static void take_methods(struct record_reader *reader, struct auth_flow *flow)
{
    flow->methods = record_take_u8(reader);
    record_expect(reader, flow->methods != 0 && (flow->methods & ~(unsigned)AUTH_METHODS_ALL) == 0);
}

struct status auth_flow_decode(struct id128 id, struct bytes record, struct auth_flow_record *ret)
{
    struct record_reader reader = record_read(record, LAYOUT_VERSION);
    struct auth_flow_record decoded = {.flow = {.id = id}};
    struct auth_flow *flow = &decoded.flow;
    flow->purpose =
        (enum auth_flow_purpose)record_take_enum(&reader, AUTH_FLOW_LOGIN, AUTH_FLOW_PURPOSE_LAST);
    flow->state =
        (enum auth_flow_state)record_take_enum(&reader, AUTH_FLOW_OPEN, AUTH_FLOW_STATE_COUNT - 1);
    flow->is_decoy = record_take_enum(&reader, 0, 1) == 1;
    take_methods(&reader, flow);
    flow->user_id = record_take_id(&reader);
    flow->created_at_ns = record_take_u64(&reader);
    flow->expires_at_ns = record_take_u64(&reader);
    flow->attempts = (uint8_t)record_take_enum(&reader, 0, AUTH_CODE_ATTEMPTS_MAX);
    take_code(&reader, flow);
    record_take_bytes(&reader, flow->device_hash, sizeof flow->device_hash);
    flow->network_size = (uint8_t)record_take_enum(&reader, 0, AUTH_FLOW_NETWORK_BYTES_MAX);
    record_take_bytes(&reader, flow->network, flow->network_size);
    flow->risk = record_take_u8(&reader);
    flow->risk_score = (uint8_t)record_take_enum(&reader, 0, 100);
    decoded.sealed_payload = seal_take_span(&reader, AUTH_FLOW_PAYLOAD_BYTES_MAX);
    // Five wrong codes are what makes it dead: an open one has an attempt left.
    bool has_attempts = flow->attempts < AUTH_CODE_ATTEMPTS_MAX;
    record_expect(&reader, flow->state != AUTH_FLOW_OPEN || has_attempts);
    record_expect(&reader, flow->state != AUTH_FLOW_DEAD || !has_attempts);
    record_expect(&reader, flow->is_decoy || !id128_is_nil(flow->user_id));
    if (!record_is_whole(&reader))
        return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored auth record fails its checks");
    *ret = decoded;
    return STATUS_SUCCESS;
}
