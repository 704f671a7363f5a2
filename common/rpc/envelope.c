#include "common/rpc/envelope.h"

#include "common/rpc/limits.h"

#include <stddef.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define BATCH_MALFORMED(message_) REFUSE(INVALID_ARGUMENT, BATCH_MALFORMED, message_)
#define REQUEST_MALFORMED                                                                          \
    REFUSE(INVALID_ARGUMENT, REQUEST_MALFORMED, "a call's envelope is malformed")

// ---- Reading -------------------------------------------------------------------------------

struct cursor {
    const uint8_t *at, *end;
};

struct field {
    uint32_t number, type;
    uint64_t value;     // Of numbers.
    struct bytes bytes; // Of WIRE_BYTES.
};

static bool read_varint(struct cursor *cursor, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;
        if (shift == 63 && byte > 1) return false; // More than 64 bits.
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool read_run(struct cursor *cursor, uint64_t size, struct bytes *ret)
{
    if (size > (uint64_t)(cursor->end - cursor->at)) return false;
    *ret = bytes_of(cursor->at, (size_t)size);
    cursor->at += size;
    return true;
}

// Groups (wire types 3 and 4) do not exist in proto3 and are refused.
static bool read_field(struct cursor *cursor, struct field *ret)
{
    uint64_t tag, size;
    if (!read_varint(cursor, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return false;
    ret->number = (uint32_t)(tag >> 3);
    ret->type = (uint32_t)(tag & 7);
    switch (ret->type) {
    case WIRE_VARINT:
        return read_varint(cursor, &ret->value);
    case WIRE_BYTES:
        return read_varint(cursor, &size) && read_run(cursor, size, &ret->bytes);
    case WIRE_FIXED64:
        return read_run(cursor, 8, &ret->bytes);
    case WIRE_FIXED32:
        return read_run(cursor, 4, &ret->bytes);
    default:
        return false;
    }
}

struct status envelope_open(struct bytes message, struct envelope_items *ret, size_t *ret_count)
{
    struct cursor cursor = {.at = message.data, .end = message.data + message.size};
    struct field field;
    size_t count = 0;
    if (message.size > RPC_MESSAGE_BYTES_MAX) return BATCH_MALFORMED("the message is too long");
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field) || field.number != 1 || field.type != WIRE_BYTES) {
            return BATCH_MALFORMED("the message is not a batch of calls");
        }
        if (++count > RPC_BATCH_CALLS_MAX) {
            return BATCH_MALFORMED("a batch holds at most 256 calls");
        }
    }
    *ret = (struct envelope_items){.at = message.data, .end = message.data + message.size};
    *ret_count = count;
    return STATUS_SUCCESS;
}

bool envelope_next(struct envelope_items *items, struct bytes *ret)
{
    struct cursor cursor = {.at = items->at, .end = items->end};
    struct field field;
    if (cursor.at >= cursor.end || !read_field(&cursor, &field)) return false;
    items->at = cursor.at;
    *ret = field.bytes;
    return true;
}

// Where each field of a message goes, by its number; a field that comes twice counts as its last,
// as protobuf says, and numbers beyond the table belong to a newer peer.
enum slot_kind { SLOT_UNKNOWN, SLOT_U64, SLOT_U32, SLOT_BOOL, SLOT_BYTES };

struct slot {
    enum slot_kind kind;
    size_t offset;
};

#define SLOT(kind_, type_, member_)                                                                \
    {                                                                                              \
        .kind = (kind_), .offset = offsetof(struct type_, member_)                                 \
    }

// False when the field's wire type is not its slot's.
static bool fill_slot(const struct slot *slots, size_t count, const struct field *field, void *ret)
{
    if (field->number >= count || slots[field->number].kind == SLOT_UNKNOWN) return true;
    const struct slot *slot = &slots[field->number];
    if (field->type != (slot->kind == SLOT_BYTES ? WIRE_BYTES : WIRE_VARINT)) return false;
    char *place = (char *)ret + slot->offset;
    if (slot->kind == SLOT_BYTES) {
        memcpy(place, &field->bytes, sizeof field->bytes);
    } else if (slot->kind == SLOT_U64) {
        memcpy(place, &field->value, sizeof field->value);
    } else if (slot->kind == SLOT_U32) {
        memcpy(place, &(uint32_t){(uint32_t)field->value}, sizeof(uint32_t));
    } else {
        memcpy(place, &(bool){field->value != 0}, sizeof(bool));
    }
    return true;
}

#define SLOT_COUNT(slots_) (sizeof(slots_) / sizeof(slots_)[0])

static const struct slot request_slots[] = {
    [1] = SLOT(SLOT_U64, envelope_request, call_id),
    [2] = SLOT(SLOT_BYTES, envelope_request, method),
    [3] = SLOT(SLOT_U32, envelope_request, timeout_ms),
    [4] = SLOT(SLOT_U32, envelope_request, attempt),
    [5] = SLOT(SLOT_BYTES, envelope_request, idempotency_key),
    [6] = SLOT(SLOT_BYTES, envelope_request, access_token),
    [7] = SLOT(SLOT_BYTES, envelope_request, traceparent),
    [8] = SLOT(SLOT_BYTES, envelope_request, request_id),
    [9] = SLOT(SLOT_BYTES, envelope_request, client_ip),
    [10] = SLOT(SLOT_BYTES, envelope_request, device_id),
    [11] = SLOT(SLOT_BYTES, envelope_request, payload),
};

struct status envelope_read_request(struct bytes bytes, struct envelope_request *ret)
{
    *ret = (struct envelope_request){0};
    struct cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct field field;
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field) ||
            !fill_slot(request_slots, SLOT_COUNT(request_slots), &field, ret)) {
            return REQUEST_MALFORMED;
        }
    }
    return STATUS_SUCCESS;
}

static const struct slot pair_slots[] = {
    [1] = SLOT(SLOT_BYTES, envelope_pair, first),
    [2] = SLOT(SLOT_BYTES, envelope_pair, second),
};

// Pairs beyond the fixed number are dropped: they explain a refusal, they do not make it.
static bool read_pair(struct bytes bytes, struct envelope_pair *pairs, size_t max, size_t *count)
{
    struct envelope_pair pair = {0};
    struct cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct field field;
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field) ||
            !fill_slot(pair_slots, SLOT_COUNT(pair_slots), &field, &pair)) {
            return false;
        }
    }
    if (*count < max) pairs[(*count)++] = pair;
    return true;
}

static const struct slot status_slots[] = {
    [1] = SLOT(SLOT_U32, envelope_answer, code),
    [2] = SLOT(SLOT_BYTES, envelope_answer, reason),
    [3] = SLOT(SLOT_BYTES, envelope_answer, message),
};

static bool read_status(struct bytes bytes, struct envelope_answer *ret)
{
    struct cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct field field;
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field) ||
            !fill_slot(status_slots, SLOT_COUNT(status_slots), &field, ret)) {
            return false;
        }
        if (field.number != 4 && field.number != 5) continue;
        if (field.type != WIRE_BYTES) return false;
        bool read =
            field.number == 4
                ? read_pair(field.bytes, ret->violations, RPC_VIOLATIONS_MAX, &ret->violation_count)
                : read_pair(field.bytes, ret->details, RPC_DETAILS_MAX, &ret->detail_count);
        if (!read) return false;
    }
    return true;
}

static const struct slot reply_slots[] = {
    [1] = SLOT(SLOT_U64, envelope_answer, call_id),
    [3] = SLOT(SLOT_BYTES, envelope_answer, payload),
    [4] = SLOT(SLOT_BOOL, envelope_answer, replayed),
    [5] = SLOT(SLOT_BOOL, envelope_answer, not_created),
    [6] = SLOT(SLOT_U32, envelope_answer, retry_after_ms),
};

struct status envelope_read_reply(struct bytes bytes, struct envelope_answer *ret)
{
    // Not all zeroed: the pairs are large, and their counts say how many are there.
    ret->call_id = 0;
    ret->code = ret->retry_after_ms = 0;
    ret->reason = ret->message = ret->payload = (struct bytes){0};
    ret->violation_count = ret->detail_count = 0;
    ret->replayed = ret->not_created = false;

    struct cursor cursor = {.at = bytes.data, .end = bytes.data + bytes.size};
    struct field field;
    while (cursor.at < cursor.end) {
        if (!read_field(&cursor, &field) ||
            !fill_slot(reply_slots, SLOT_COUNT(reply_slots), &field, ret)) {
            return REQUEST_MALFORMED;
        }
        if (field.number == 2 && (field.type != WIRE_BYTES || !read_status(field.bytes, ret))) {
            return REQUEST_MALFORMED;
        }
    }
    return STATUS_SUCCESS;
}

// ---- Writing -------------------------------------------------------------------------------

static size_t varint_size(uint64_t value)
{
    return value == 0 ? 1 : (size_t)(63 - __builtin_clzll(value)) / 7 + 1;
}

static uint8_t *write_varint(uint64_t value, uint8_t *to)
{
    for (; value >= 0x80; value >>= 7) {
        *to++ = (uint8_t)(value | 0x80);
    }
    *to++ = (uint8_t)value;
    return to;
}

// All field numbers here are below 16, so a tag is one byte. What is zero or empty is not written.
static size_t number_size(uint64_t value)
{
    return value == 0 ? 0 : 1 + varint_size(value);
}

static uint8_t *write_number(unsigned number, uint64_t value, uint8_t *to)
{
    if (value == 0) return to;
    *to++ = (uint8_t)(number << 3 | WIRE_VARINT);
    return write_varint(value, to);
}

static size_t run_size(size_t size)
{
    return 1 + varint_size(size) + size;
}

static uint8_t *write_head(unsigned number, size_t size, uint8_t *to)
{
    *to++ = (uint8_t)(number << 3 | WIRE_BYTES);
    return write_varint(size, to);
}

static size_t bytes_size(struct bytes bytes)
{
    return bytes.size == 0 ? 0 : run_size(bytes.size);
}

static uint8_t *write_bytes(unsigned number, struct bytes bytes, uint8_t *to)
{
    if (bytes.size == 0) return to;
    to = write_head(number, bytes.size, to);
    memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static size_t request_body_size(const struct envelope_request *request)
{
    return number_size(request->call_id) + bytes_size(request->method) +
           number_size(request->timeout_ms) + number_size(request->attempt) +
           bytes_size(request->idempotency_key) + bytes_size(request->access_token) +
           bytes_size(request->traceparent) + bytes_size(request->request_id) +
           bytes_size(request->client_ip) + bytes_size(request->device_id) +
           bytes_size(request->payload);
}

size_t envelope_request_size(const struct envelope_request *request)
{
    return run_size(request_body_size(request));
}

uint8_t *envelope_write_request(const struct envelope_request *request, uint8_t *to)
{
    to = write_head(1, request_body_size(request), to);
    to = write_number(1, request->call_id, to);
    to = write_bytes(2, request->method, to);
    to = write_number(3, request->timeout_ms, to);
    to = write_number(4, request->attempt, to);
    to = write_bytes(5, request->idempotency_key, to);
    to = write_bytes(6, request->access_token, to);
    to = write_bytes(7, request->traceparent, to);
    to = write_bytes(8, request->request_id, to);
    to = write_bytes(9, request->client_ip, to);
    to = write_bytes(10, request->device_id, to);
    return write_bytes(11, request->payload, to);
}

static size_t pair_size(const char *first, const char *second)
{
    return bytes_size(bytes_of_text(first)) + bytes_size(bytes_of_text(second));
}

static uint8_t *write_pair(unsigned number, const char *first, const char *second, uint8_t *to)
{
    to = write_head(number, pair_size(first, second), to);
    to = write_bytes(1, bytes_of_text(first), to);
    return write_bytes(2, bytes_of_text(second), to);
}

static size_t violation_count(const struct envelope_reply *reply)
{
    return reply->violations != NULL ? reply->violations->count : 0;
}

static size_t status_body_size(const struct envelope_reply *reply)
{
    if (status_ok(reply->status)) return 0;
    size_t size = number_size((uint64_t)reply->status.code) +
                  pair_size(reply->status.reason, reply->status.message);
    for (size_t i = 0; i < violation_count(reply); i++) {
        const struct rpc_violation *violation = &reply->violations->items[i];
        size += run_size(pair_size(violation->field, violation->reason));
    }
    for (size_t i = 0; i < reply->detail_count; i++) {
        size += run_size(pair_size(reply->details[i].key, reply->details[i].value));
    }
    return size;
}

static uint8_t *write_status(const struct envelope_reply *reply, size_t size, uint8_t *to)
{
    to = write_head(2, size, to);
    to = write_number(1, (uint64_t)reply->status.code, to);
    to = write_bytes(2, bytes_of_text(reply->status.reason), to);
    to = write_bytes(3, bytes_of_text(reply->status.message), to);
    for (size_t i = 0; i < violation_count(reply); i++) {
        const struct rpc_violation *violation = &reply->violations->items[i];
        to = write_pair(4, violation->field, violation->reason, to);
    }
    for (size_t i = 0; i < reply->detail_count; i++) {
        to = write_pair(5, reply->details[i].key, reply->details[i].value, to);
    }
    return to;
}

static size_t reply_body_size(const struct envelope_reply *reply)
{
    size_t status_size = status_body_size(reply);
    return number_size(reply->call_id) + (status_size > 0 ? run_size(status_size) : 0) +
           bytes_size(reply->payload) + number_size(reply->replayed) +
           number_size(reply->not_created) + number_size(reply->retry_after_ms);
}

size_t envelope_reply_size(const struct envelope_reply *reply)
{
    return run_size(reply_body_size(reply));
}

uint8_t *envelope_write_reply(const struct envelope_reply *reply, uint8_t *to)
{
    to = write_head(1, reply_body_size(reply), to);
    to = write_number(1, reply->call_id, to);
    size_t status_size = status_body_size(reply);
    if (status_size > 0) to = write_status(reply, status_size, to);
    to = write_bytes(3, reply->payload, to);
    to = write_number(4, reply->replayed, to);
    to = write_number(5, reply->not_created, to);
    return write_number(6, reply->retry_after_ms, to);
}
