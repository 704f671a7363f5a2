#include "services/auth/record_message.h"

enum { MESSAGE_LAYOUT = 2 };

#define BROKEN REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored message fails its checks")

bool auth_message_has_code(enum auth_message_kind kind)
{
    static const bool has_code[AUTH_MESSAGE_KIND_LAST + 1] = {
        [AUTH_MESSAGE_REGISTRATION] = true,
        [AUTH_MESSAGE_LOGIN_CODE] = true,
        [AUTH_MESSAGE_RESET_CODE] = true,
        [AUTH_MESSAGE_SCA_CODE] = true,
    };
    return has_code[kind];
}

size_t auth_message_key_encode(const struct auth_message_key *key,
                               uint8_t ret[static AUTH_MESSAGE_KEY_BYTES_MAX])
{
    struct record_writer writer = record_write_key(ret, AUTH_MESSAGE_KEY_BYTES_MAX);
    if (key->not_before_ns > 0) record_put_u64(&writer, key->not_before_ns);
    record_put_id(&writer, key->id);
    return record_written(&writer);
}

struct status auth_message_key_decode(struct bytes key, struct auth_message_key *ret)
{
    struct record_reader reader = record_read_key(key);
    struct auth_message_key decoded = {0};
    if (key.size != ID128_BYTES) {
        decoded.not_before_ns = record_take_u64(&reader);
        record_expect(&reader, decoded.not_before_ns > 0);
    }
    decoded.id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = decoded;
    return STATUS_SUCCESS;
}

size_t auth_message_encode(const struct auth_message_record *message,
                           uint8_t ret[static AUTH_MESSAGE_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUTH_MESSAGE_BYTES_MAX, MESSAGE_LAYOUT);
    record_put_u8(&writer, (uint8_t)message->channel);
    record_put_u8(&writer, (uint8_t)message->kind);
    record_put_u64(&writer, message->created_at_ns);
    record_put_u64(&writer, message->not_before_ns);
    record_put_u32(&writer, message->attempts);
    record_put_u64(&writer, message->expires_at_ns);
    seal_put_span(&writer, message->sealed_to, AUTH_PLAIN_BYTES_MAX);
    seal_put_span(&writer, message->sealed_code, AUTH_PLAIN_BYTES_MAX);
    seal_put_span(&writer, message->sealed_detail, AUTH_PLAIN_BYTES_MAX);
    return record_written(&writer);
}

struct status auth_message_decode(struct bytes record, struct auth_message_record *ret)
{
    struct record_reader reader = record_read_key(record);
    struct auth_message_record message = {0};
    int layout = record_take_enum(&reader, 1, MESSAGE_LAYOUT);
    message.channel = (enum auth_channel)record_take_enum(&reader, AUTH_EMAIL, AUTH_CHANNEL_LAST);
    message.kind = (enum auth_message_kind)record_take_enum(&reader, AUTH_MESSAGE_REGISTRATION,
                                                            AUTH_MESSAGE_KIND_LAST);
    message.created_at_ns = record_take_u64(&reader);
    message.not_before_ns = record_take_u64(&reader);
    message.attempts = record_take_u32(&reader);
    if (layout > 1) message.expires_at_ns = record_take_u64(&reader);
    message.sealed_to = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    message.sealed_code = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    if (layout > 1) message.sealed_detail = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    record_expect(&reader, message.sealed_to.size > 0);
    record_expect(&reader, auth_message_has_code(message.kind) == (message.sealed_code.size > 0));
    if (!record_is_whole(&reader)) return BROKEN;
    *ret = message;
    return STATUS_SUCCESS;
}
