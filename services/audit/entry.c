#include "services/audit/entry.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <assert.h>

enum field_kind { FIELD_TEXT, FIELD_HASH, FIELD_VARINT, FIELD_FIXED64, FIELD_BOOL };

enum { VARINT_BYTES_MAX = 10 };

static_assert(AUDIT_ENTRY_BYTES_MAX <= AUDIT_ENTRY_BYTES_MAX_BY_FORMAT, "an entry fits a bundle");

/// The whole format: which field number has which kind and where it lies in struct audit_entry.
// clang-format off
static const struct field {
    uint8_t number;
    enum field_kind kind;
    size_t offset;
} fields[] = {
    { 1, FIELD_TEXT,    offsetof(struct audit_entry, source)},
    { 2, FIELD_VARINT,  offsetof(struct audit_entry, seq)},
    { 3, FIELD_TEXT,    offsetof(struct audit_entry, action)},
    { 4, FIELD_TEXT,    offsetof(struct audit_entry, actor)},
    { 5, FIELD_TEXT,    offsetof(struct audit_entry, resource)},
    { 6, FIELD_TEXT,    offsetof(struct audit_entry, outcome)},
    { 7, FIELD_TEXT,    offsetof(struct audit_entry, reason)},
    { 8, FIELD_FIXED64, offsetof(struct audit_entry, time_ns)},
    { 9, FIELD_TEXT,    offsetof(struct audit_entry, request_id)},
    {10, FIELD_TEXT,    offsetof(struct audit_entry, traceparent)},
    {11, FIELD_HASH,    offsetof(struct audit_entry, client_ip_commitment)},
    {12, FIELD_HASH,    offsetof(struct audit_entry, device_id_commitment)},
    {13, FIELD_HASH,    offsetof(struct audit_entry, payload_commitment)},
    {14, FIELD_BOOL,    offsetof(struct audit_entry, texts_cut)},
    {15, FIELD_HASH,    offsetof(struct audit_entry, before_digest)},
    {16, FIELD_HASH,    offsetof(struct audit_entry, after_digest)},
};

static const uint8_t wire_types[] = {
    [FIELD_TEXT] = 2, [FIELD_HASH] = 2, [FIELD_VARINT] = 0, [FIELD_FIXED64] = 1, [FIELD_BOOL] = 0,
};

// clang-format on

enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

static uint64_t tag_of(const struct field *field)
{
    return (uint64_t)(field->number << 3 | wire_types[field->kind]);
}

// ---- Writing -------------------------------------------------------------------------------

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_bytes(uint8_t *to, struct bytes bytes)
{
    to = put_varint(to, bytes.size);
    memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static uint8_t *put_fixed64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++, value >>= 8)
        *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_field(uint8_t *to, const struct field *field, const void *member)
{
    uint64_t number = 0;
    struct bytes bytes = {0};
    switch (field->kind) {
    case FIELD_TEXT:
    case FIELD_HASH:
        bytes = *(const struct bytes *)member;
        CHECK(bytes.size <= AUDIT_TEXT_BYTES_MAX);
        CHECK(field->kind == FIELD_TEXT || bytes.size == 0 || bytes.size == AUDIT_COMMITMENT_BYTES);
        if (bytes.size == 0) return to;
        return put_bytes(put_varint(to, tag_of(field)), bytes);
    case FIELD_VARINT:
    case FIELD_FIXED64:
        number = *(const uint64_t *)member;
        break;
    case FIELD_BOOL:
        number = *(const bool *)member;
        break;
    }
    if (number == 0) return to;
    to = put_varint(to, tag_of(field));
    return field->kind == FIELD_FIXED64 ? put_fixed64(to, number) : put_varint(to, number);
}

size_t audit_entry_encode(const struct audit_entry *entry,
                          uint8_t ret_bytes[static AUDIT_ENTRY_BYTES_MAX])
{
    uint8_t *to = ret_bytes;
    for (size_t i = 0; i < FIELD_COUNT; i++)
        to = put_field(to, &fields[i], (const uint8_t *)entry + fields[i].offset);
    CHECK((size_t)(to - ret_bytes) <= AUDIT_ENTRY_BYTES_MAX);
    return (size_t)(to - ret_bytes);
}

// ---- Reading: only what writing gives ------------------------------------------------------

#define ENTRY_REFUSAL REFUSE(DATA_LOSS, ENTRY_CORRUPT, "the bytes are not a log entry's")

static bool take_varint(struct bytes *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < rest->size && i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = rest->data[i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) return false; // Beyond 64 bits.
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80) continue;
        if (byte == 0 && i > 0) return false; // Not the shortest.
        *rest = bytes_of(rest->data + i + 1, rest->size - i - 1);
        *ret = value;
        return true;
    }
    return false;
}

static bool take_bytes(struct bytes *rest, struct bytes *ret)
{
    uint64_t size;
    if (!take_varint(rest, &size) || size > rest->size) return false;
    *ret = bytes_of(rest->data, (size_t)size);
    *rest = bytes_of(rest->data + size, rest->size - (size_t)size);
    return true;
}

static bool take_fixed64(struct bytes *rest, uint64_t *ret)
{
    if (rest->size < 8) return false;
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--)
        value = value << 8 | rest->data[i];
    *rest = bytes_of(rest->data + 8, rest->size - 8);
    *ret = value;
    return true;
}

static bool take_field(struct bytes *rest, const struct field *field, void *member)
{
    struct bytes bytes;
    uint64_t number;
    switch (field->kind) {
    case FIELD_TEXT:
        if (!take_bytes(rest, &bytes) || bytes.size == 0) return false;
        if (bytes.size > AUDIT_TEXT_BYTES_MAX) return false;
        *(struct bytes *)member = bytes;
        return text_is_utf8((const char *)bytes.data, bytes.size);
    case FIELD_HASH:
        if (!take_bytes(rest, &bytes) || bytes.size != AUDIT_COMMITMENT_BYTES) return false;
        *(struct bytes *)member = bytes;
        return true;
    case FIELD_VARINT:
        if (!take_varint(rest, &number)) return false;
        *(uint64_t *)member = number;
        return number != 0;
    case FIELD_FIXED64:
        if (!take_fixed64(rest, &number)) return false;
        *(uint64_t *)member = number;
        return number != 0;
    case FIELD_BOOL:
        if (!take_varint(rest, &number)) return false;
        *(bool *)member = true;
        return number == 1;
    }
    return false;
}

struct status audit_entry_decode(struct bytes bytes, struct audit_entry *ret)
{
    if (bytes.size > AUDIT_ENTRY_BYTES_MAX) return ENTRY_REFUSAL;
    struct audit_entry entry = {0};
    struct bytes rest = bytes;
    for (size_t i = 0; i < FIELD_COUNT && rest.size > 0; i++) {
        struct bytes behind = rest;
        uint64_t tag;
        if (!take_varint(&behind, &tag)) return ENTRY_REFUSAL;
        if (tag != tag_of(&fields[i])) continue;
        rest = behind;
        if (!take_field(&rest, &fields[i], (uint8_t *)&entry + fields[i].offset))
            return ENTRY_REFUSAL;
    }
    if (rest.size > 0) return ENTRY_REFUSAL;
    *ret = entry;
    return STATUS_SUCCESS;
}
