#include "common/json/value.h"

#include "common/base/clock.h"
#include "common/base/id128.h"
#include "common/base/text.h"
#include "common/rpc/amount.h"
#include "common/rpc/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFUSE_VALUE(reason_) REFUSE(INVALID_ARGUMENT, reason_, "the value does not fit its field")

bool json_value_is_amount(const struct rpc_field *field)
{
    return field->format == RPC_FORMAT_AMOUNT || field->format == RPC_FORMAT_SIGNED_AMOUNT;
}

bool json_value_is_scalar(const struct rpc_field *field, const ProtobufCFieldDescriptor *descriptor)
{
    return descriptor->type != PROTOBUF_C_TYPE_MESSAGE || json_value_is_amount(field);
}

/* Numbers */

struct integer {
    bool is_negative;
    uint64_t magnitude;
};

// Digits without a leading zero, in strings as in JSON's numbers.
static struct status parse_integer(struct json_text text, struct integer *ret)
{
    const char *at = text.data, *end = text.data + text.size;
    ret->is_negative = at < end && *at == '-';
    if (ret->is_negative) at++;
    const char *digits = at;
    ret->magnitude = 0;
    bool overflows = false;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        overflows = overflows || __builtin_mul_overflow(ret->magnitude, 10U, &ret->magnitude) ||
                    __builtin_add_overflow(ret->magnitude, (uint64_t)(*at - '0'), &ret->magnitude);
    }
    bool is_good = at > digits && (*digits != '0' || at == digits + 1);
    if (!is_good || at != end) return REFUSE_VALUE(WRONG_TYPE);
    return overflows ? REFUSE_VALUE(RANGE) : STATUS_SUCCESS;
}

static struct status parse_signed(struct json_text text, int64_t min, int64_t max, int64_t *ret)
{
    struct integer integer;
    RETURN_IF_ERROR(parse_integer(text, &integer));
    uint64_t limit = integer.is_negative ? (uint64_t)0 - (uint64_t)min : (uint64_t)max;
    if (integer.magnitude > limit) return REFUSE_VALUE(RANGE);
    // Wraps to the right value also for the most negative one.
    uint64_t bits = integer.is_negative ? (uint64_t)0 - integer.magnitude : integer.magnitude;
    *ret = (int64_t)bits;
    return STATUS_SUCCESS;
}

static struct status set_int32(const struct json_place *place, struct json_text text)
{
    int64_t value;
    RETURN_IF_ERROR(parse_signed(text, INT32_MIN, INT32_MAX, &value));
    *(int32_t *)place->member = (int32_t)value;
    return STATUS_SUCCESS;
}

static struct status set_int64(const struct json_place *place, struct json_text text)
{
    int64_t value;
    RETURN_IF_ERROR(parse_signed(text, INT64_MIN, INT64_MAX, &value));
    *(int64_t *)place->member = value;
    return STATUS_SUCCESS;
}

static struct status set_unsigned(struct json_text text, uint64_t max, uint64_t *ret)
{
    struct integer integer;
    RETURN_IF_ERROR(parse_integer(text, &integer));
    if ((integer.is_negative && integer.magnitude > 0) || integer.magnitude > max) {
        return REFUSE_VALUE(RANGE);
    }
    *ret = integer.magnitude;
    return STATUS_SUCCESS;
}

static struct status set_uint32(const struct json_place *place, struct json_text text)
{
    uint64_t value;
    RETURN_IF_ERROR(set_unsigned(text, UINT32_MAX, &value));
    *(uint32_t *)place->member = (uint32_t)value;
    return STATUS_SUCCESS;
}

static struct status set_uint64(const struct json_place *place, struct json_text text)
{
    if (place->field->format == RPC_FORMAT_TIMESTAMP_NS) {
        if (clock_parse_rfc3339(text.data, text.size, place->member) != 0) {
            return REFUSE_VALUE(BAD_FORMAT);
        }
        // Zero is no time at all: "as of 1970" must not become "as of now".
        return *(uint64_t *)place->member != 0 ? STATUS_SUCCESS : REFUSE_VALUE(RANGE);
    }
    return set_unsigned(text, UINT64_MAX, place->member);
}

static struct status set_double(const struct json_place *place, struct json_text text)
{
    char copy[64]; // More digits than any double needs; strtod wants a NUL.
    if (text.size == 0 || text.size >= sizeof copy) return REFUSE_VALUE(WRONG_TYPE);
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    // strtod knows more than JSON: spaces, hexadecimal, "nan" and "inf".
    if (strspn(copy, "+-.0123456789eE") != text.size) return REFUSE_VALUE(WRONG_TYPE);
    char *end;
    double value = strtod(copy, &end);
    if (end != copy + text.size) return REFUSE_VALUE(WRONG_TYPE);
    if (!isfinite(value)) return REFUSE_VALUE(RANGE);
    if (place->descriptor->type == PROTOBUF_C_TYPE_FLOAT) {
        *(float *)place->member = (float)value;
    } else {
        *(double *)place->member = value;
    }
    return STATUS_SUCCESS;
}

static struct status set_bool(const struct json_place *place, struct json_text text)
{
    bool is_true = text.size == 4 && memcmp(text.data, "true", 4) == 0;
    bool is_false = text.size == 5 && memcmp(text.data, "false", 5) == 0;
    if (!is_true && !is_false) return REFUSE_VALUE(WRONG_TYPE);
    *(protobuf_c_boolean *)place->member = is_true;
    return STATUS_SUCCESS;
}

static struct status set_enum(const struct json_place *place, struct json_text text)
{
    const ProtobufCEnumDescriptor *descriptor = place->descriptor->descriptor;
    const ProtobufCEnumValue *value = NULL;
    char name[128];
    if (text.size < sizeof name && memchr(text.data, 0, text.size) == NULL) {
        memcpy(name, text.data, text.size);
        name[text.size] = '\0';
        value = protobuf_c_enum_descriptor_get_value_by_name(descriptor, name);
    }
    if (value == NULL) return REFUSE_VALUE(UNKNOWN_ENUM);
    *(int *)place->member = value->value;
    return STATUS_SUCCESS;
}

/* Text and bytes */

static struct status set_string(const struct json_place *place, struct json_text text,
                                struct arena *arena)
{
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) return REFUSE_VALUE(CONTAINS_NUL);
    char *copy = arena_text(arena, text.data, text.size);
    if (copy == NULL) return ARENA_STATUS_EXHAUSTED;
    *(char **)place->member = copy;
    return STATUS_SUCCESS;
}

static bool is_base64url(struct json_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '-' || text.data[i] == '_') return true;
        if (text.data[i] == '+' || text.data[i] == '/' || text.data[i] == '=') return false;
    }
    return text.size % 4 != 0; // Neither alphabet's own characters: only the padding tells.
}

static bool decode_bytes(enum rpc_format format, struct json_text text, uint8_t *to,
                         size_t *ret_size)
{
    struct id128 id;
    switch (format) {
    case RPC_FORMAT_UUID:
        if (!status_ok(id128_parse(text.data, text.size, &id))) return false;
        memcpy(to, id.bytes, ID128_BYTES);
        *ret_size = ID128_BYTES;
        return true;
    case RPC_FORMAT_HEX:
        *ret_size = text.size / 2;
        return text.size % 2 == 0 && hex_decode(text.data, text.size, to, *ret_size);
    default:
        return is_base64url(text) ? base64url_decode(text.data, text.size, to, text.size, ret_size)
                                  : base64_decode(text.data, text.size, to, text.size, ret_size);
    }
}

static struct status set_bytes(const struct json_place *place, struct json_text text,
                               struct arena *arena)
{
    enum rpc_format format = place->field->format;
    ProtobufCBinaryData bytes = {0};
    // No form of text is shorter than the bytes that it stands for.
    bytes.data = arena_alloc(arena, format == RPC_FORMAT_UUID ? ID128_BYTES : text.size);
    if (bytes.data == NULL) return ARENA_STATUS_EXHAUSTED;
    if (!decode_bytes(format, text, bytes.data, &bytes.len)) return REFUSE_VALUE(BAD_FORMAT);
    *(ProtobufCBinaryData *)place->member = bytes;
    return STATUS_SUCCESS;
}

static struct status set_amount(const struct json_place *place, struct json_text text,
                                struct arena *arena)
{
    u128 amount;
    if (place->field->format == RPC_FORMAT_SIGNED_AMOUNT) {
        i128 value;
        RETURN_IF_ERROR(i128_parse(text.data, text.size, &value));
        amount = (u128)value;
    } else {
        RETURN_IF_ERROR(u128_parse(text.data, text.size, &amount));
    }
    ProtobufCMessage *message = rpc_message_new(place->field->message, arena);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    rpc_amount_put(message, amount);
    *(ProtobufCMessage **)place->member = message;
    return STATUS_SUCCESS;
}

struct status json_value_set(const struct json_place *place, struct json_text text,
                             struct arena *arena)
{
    switch (place->descriptor->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return set_int32(place, text);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return set_int64(place, text);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return set_uint32(place, text);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return set_uint64(place, text);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return set_double(place, text);
    case PROTOBUF_C_TYPE_BOOL:
        return set_bool(place, text);
    case PROTOBUF_C_TYPE_ENUM:
        return set_enum(place, text);
    case PROTOBUF_C_TYPE_STRING:
        return set_string(place, text, arena);
    case PROTOBUF_C_TYPE_BYTES:
        return set_bytes(place, text, arena);
    case PROTOBUF_C_TYPE_MESSAGE:
        if (json_value_is_amount(place->field)) return set_amount(place, text, arena);
        break;
    }
    return REFUSE_VALUE(WRONG_TYPE);
}
