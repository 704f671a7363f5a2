#include "common/rpc/validate.h"

#include "common/base/check.h"
#include "common/base/id128.h"
#include "common/base/text.h"
#include "common/rpc/amount.h"
#include "common/rpc/pack.h"
#include "common/rpc/pattern.h"

#include <string.h>

struct walk {
    struct arena *arena;
    struct rpc_violations *violations;
};

// One value of a field: the field itself, or one item of it.
struct item {
    const struct rpc_field *field;
    const ProtobufCFieldDescriptor *descriptor;
    const void *member; // Where the C value lies.
    // Items of lists and members of a oneof are there even when they are zero.
    bool is_explicit;
};

static void refuse(struct walk *walk, const struct rpc_path *path, const char *reason)
{
    rpc_violations_add(walk->violations, walk->arena, path, reason);
}

static void validate_message(struct walk *walk, const struct rpc_message *message,
                             const ProtobufCMessage *value, const struct rpc_path *parent);

/* Numbers */

static bool in_range(const struct rpc_field *field, bool is_negative, u128 magnitude)
{
    if (field->min == 0 && field->max == 0) return true;
    if (magnitude > INT64_MAX) return !is_negative && field->max == INT64_MAX;
    int64_t value = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return value >= field->min && value <= field->max;
}

static void validate_number(struct walk *walk, const struct item *item, bool is_negative,
                            u128 magnitude, const struct rpc_path *path)
{
    if (magnitude == 0 && !item->is_explicit) {
        if (item->field->required) refuse(walk, path, "REQUIRED");
        return;
    }
    if (!in_range(item->field, is_negative, magnitude)) refuse(walk, path, "RANGE");
}

static void validate_signed(struct walk *walk, const struct item *item, i128 value,
                            const struct rpc_path *path)
{
    // Negating as unsigned is defined for the most negative value too.
    u128 magnitude = value < 0 ? -(u128)value : (u128)value;
    validate_number(walk, item, value < 0, magnitude, path);
}

static void validate_enum(struct walk *walk, const struct item *item, int value,
                          const struct rpc_path *path)
{
    if (value == 0 && !item->is_explicit) {
        if (item->field->required) refuse(walk, path, "REQUIRED");
        return;
    }
    const ProtobufCEnumDescriptor *descriptor = item->descriptor->descriptor;
    if (protobuf_c_enum_descriptor_get_value(descriptor, value) == NULL) {
        refuse(walk, path, "UNKNOWN_ENUM");
    }
}

/* Text and bytes */

static void validate_string(struct walk *walk, const struct item *item, const char *text,
                            const struct rpc_path *path)
{
    const struct rpc_field *field = item->field;
    size_t size = text != NULL ? strlen(text) : 0;
    if (size == 0 && !item->is_explicit) {
        if (field->required) refuse(walk, path, "REQUIRED");
        return;
    }
    if (text == NULL) text = "";
    if (!text_is_utf8(text, size)) {
        refuse(walk, path, "NOT_UTF8");
        return;
    }
    size_t length = text_code_points(text, size);
    if (length < field->len_min) {
        refuse(walk, path, "TOO_SHORT");
    } else if (length > field->len_max) {
        refuse(walk, path, "TOO_LONG");
    } else if (!rpc_pattern_matches(field->pattern, text, size)) {
        refuse(walk, path, "PATTERN");
    } else if (field->format == RPC_FORMAT_DATE && !rpc_date_is_real(text, size)) {
        refuse(walk, path, "BAD_FORMAT");
    }
}

static void validate_bytes(struct walk *walk, const struct item *item,
                           const ProtobufCBinaryData *bytes, const struct rpc_path *path)
{
    const struct rpc_field *field = item->field;
    if (bytes->len == 0 && !item->is_explicit) {
        if (field->required) refuse(walk, path, "REQUIRED");
        return;
    }
    if (field->format == RPC_FORMAT_UUID) {
        if (bytes->len != ID128_BYTES) {
            refuse(walk, path, "BAD_FORMAT");
        } else if (field->required && id128_is_nil(id128_of(bytes->data))) {
            refuse(walk, path, "REQUIRED"); // The nil id is how the daemons say "none".
        }
        return;
    }
    if (bytes->len < field->len_min) refuse(walk, path, "TOO_SHORT");
    if (bytes->len > field->len_max) refuse(walk, path, "TOO_LONG");
}

/* Messages */

static bool is_amount(const struct rpc_field *field)
{
    return field->format == RPC_FORMAT_AMOUNT || field->format == RPC_FORMAT_SIGNED_AMOUNT;
}

static void validate_submessage(struct walk *walk, const struct item *item,
                                const ProtobufCMessage *value, const struct rpc_path *path)
{
    if (value == NULL) {
        if (item->field->required) refuse(walk, path, "REQUIRED");
        return;
    }
    if (!is_amount(item->field)) {
        validate_message(walk, item->field->message, value, path);
        return;
    }
    // An amount that is there is there, also when it is 0.
    struct item amount = *item;
    amount.is_explicit = true;
    u128 bits = rpc_amount_get(value);
    if (item->field->format == RPC_FORMAT_SIGNED_AMOUNT) {
        validate_signed(walk, &amount, (i128)bits, path);
    } else {
        validate_number(walk, &amount, false, bits, path);
    }
}

static void validate_item(struct walk *walk, const struct item *item, const struct rpc_path *path)
{
    const void *member = item->member;
    switch (item->descriptor->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        validate_signed(walk, item, *(const int32_t *)member, path);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        validate_signed(walk, item, *(const int64_t *)member, path);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        validate_number(walk, item, false, *(const uint32_t *)member, path);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        validate_number(walk, item, false, *(const uint64_t *)member, path);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        validate_enum(walk, item, *(const int *)member, path);
        break;
    case PROTOBUF_C_TYPE_STRING:
        validate_string(walk, item, *(const char *const *)member, path);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        validate_bytes(walk, item, member, path);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        validate_submessage(walk, item, *(const ProtobufCMessage *const *)member, path);
        break;
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        break; // Every value of these is allowed; the generator refuses rules for them.
    }
}

static void validate_map(struct walk *walk, const struct rpc_field *field,
                         const ProtobufCMessage *const *entries, size_t count,
                         const struct rpc_path *path);

static void validate_list(struct walk *walk, struct item *item, const ProtobufCMessage *value,
                          struct rpc_path *path)
{
    size_t count;
    memcpy(&count, (const char *)value + item->descriptor->quantifier_offset, sizeof count);
    const char *items = *(const char *const *)item->member;
    if (count == 0 && item->field->required) refuse(walk, path, "REQUIRED");
    if (count > item->field->items_max) {
        refuse(walk, path, "TOO_MANY_ITEMS");
        return;
    }
    if (item->field->is_map) {
        validate_map(walk, item->field, (const void *)items, count, path);
        return;
    }
    item->is_explicit = true;
    size_t stride = rpc_item_bytes(item->descriptor->type);
    for (path->index = 0; path->index < count; path->index++) {
        item->member = items + path->index * stride;
        validate_item(walk, item, path);
    }
}

/* Maps: lists of entries, key = 1 and value = 2, which are named by their keys as in JSON. */

static struct item entry_item(const struct rpc_message *type, const ProtobufCMessage *entry,
                              size_t index)
{
    const ProtobufCFieldDescriptor *descriptor = &type->descriptor->fields[index];
    return (struct item){.field = &type->fields[index],
                         .descriptor = descriptor,
                         .member = (const char *)entry + descriptor->offset,
                         .is_explicit = true}; // An entry that is there has both.
}

static const char *key_text(const struct item *key)
{
    if (key->descriptor->type != PROTOBUF_C_TYPE_STRING) return NULL;
    const char *text = *(const char *const *)key->member;
    return text != NULL ? text : "";
}

// JSON cannot say a name twice; on the wire the last one would win here and the first elsewhere.
static bool has_key(const struct rpc_message *type, const ProtobufCMessage *const *entries,
                    size_t count, const struct item *key)
{
    const char *text = key_text(key);
    for (size_t i = 0; i < count; i++) {
        struct item other = entry_item(type, entries[i], 0);
        bool is_same = text != NULL ? strcmp(text, key_text(&other)) == 0
                                    : memcmp(key->member, other.member,
                                             rpc_item_bytes(key->descriptor->type)) == 0;
        if (is_same) return true;
    }
    return false;
}

static void validate_map(struct walk *walk, const struct rpc_field *field,
                         const ProtobufCMessage *const *entries, size_t count,
                         const struct rpc_path *path)
{
    for (size_t i = 0; i < count; i++) {
        struct item key = entry_item(field->message, entries[i], 0);
        struct item value = entry_item(field->message, entries[i], 1);
        const char *name = key_text(&key);
        struct rpc_path step = {path, name, name != NULL ? strlen(name) : 0, RPC_PATH_NO_INDEX};
        if (name == NULL || !text_is_utf8(name, strlen(name))) { // Can only be told by its place.
            step = *path;
            step.index = i;
        }
        validate_item(walk, &key, &step);
        if (has_key(field->message, entries, i, &key)) refuse(walk, &step, "DUPLICATE_FIELD");
        validate_item(walk, &value, &step);
    }
}

static bool has_member(const struct rpc_message *message, const char *name)
{
    for (size_t i = 0; i < message->descriptor->n_fields; i++) {
        const struct rpc_field *field = &message->fields[i];
        if (rpc_field_is_in_json(field) && strcmp(field->name, name) == 0) return true;
    }
    return false;
}

// The gateway names only what is there; a client over RPC writes the names itself.
static void validate_mask(struct walk *walk, const struct rpc_message *message,
                          const struct item *mask, const ProtobufCMessage *value,
                          struct rpc_path *path)
{
    size_t count;
    memcpy(&count, (const char *)value + mask->descriptor->quantifier_offset, sizeof count);
    const char *const *names;
    memcpy(&names, (const char *)value + mask->descriptor->offset, sizeof(void *));
    for (path->index = 0; path->index < count && path->index < mask->field->items_max;
         path->index++) {
        if (!has_member(message, names[path->index])) refuse(walk, path, "UNKNOWN_FIELD");
    }
}

static void validate_message(struct walk *walk, const struct rpc_message *message,
                             const ProtobufCMessage *value, const struct rpc_path *parent)
{
    CHECK(value->descriptor == message->descriptor);
    for (size_t i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *descriptor = &message->descriptor->fields[i];
        const struct rpc_field *field = &message->fields[i];
        struct rpc_path path = {parent, field->name, field->name_bytes, RPC_PATH_NO_INDEX};
        struct item item = {.field = field,
                            .descriptor = descriptor,
                            .member = (const char *)value + descriptor->offset};
        if (descriptor->label == PROTOBUF_C_LABEL_REPEATED) {
            validate_list(walk, &item, value, &path);
            if (field->is_member_mask) validate_mask(walk, message, &item, value, &path);
            continue;
        }
        if ((descriptor->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
            uint32_t set;
            memcpy(&set, (const char *)value + descriptor->quantifier_offset, sizeof set);
            if (set != descriptor->id) continue;
            item.is_explicit = true;
        }
        validate_item(walk, &item, &path);
    }
}

struct status rpc_validate(const struct rpc_message *message, const ProtobufCMessage *value,
                           struct arena *arena, struct rpc_violations *ret_violations)
{
    *ret_violations = (struct rpc_violations){.count = 0};
    struct walk walk = {.arena = arena, .violations = ret_violations};
    validate_message(&walk, message, value, NULL);
    return rpc_violations_status(ret_violations);
}

struct status rpc_decode(const struct rpc_message *message, struct bytes wire, struct arena *arena,
                         void *ret_message, struct rpc_violations *ret_violations)
{
    ProtobufCMessage *value;
    RETURN_IF_ERROR(rpc_wire_check(message, wire, arena, ret_violations));
    RETURN_IF_ERROR(rpc_unpack(message->descriptor, wire, arena, &value));
    RETURN_IF_ERROR(rpc_validate(message, value, arena, ret_violations));
    memcpy(ret_message, &value, sizeof(void *));
    return STATUS_SUCCESS;
}

ProtobufCMessage *rpc_message_new(const struct rpc_message *message, struct arena *arena)
{
    ProtobufCMessage *value = arena_alloc(arena, message->descriptor->sizeof_message);
    if (value != NULL) protobuf_c_message_init(message->descriptor, value);
    return value;
}

size_t rpc_item_bytes(ProtobufCType type)
{
    static const size_t sizes[] = {
        [PROTOBUF_C_TYPE_INT32] = sizeof(int32_t),
        [PROTOBUF_C_TYPE_SINT32] = sizeof(int32_t),
        [PROTOBUF_C_TYPE_SFIXED32] = sizeof(int32_t),
        [PROTOBUF_C_TYPE_INT64] = sizeof(int64_t),
        [PROTOBUF_C_TYPE_SINT64] = sizeof(int64_t),
        [PROTOBUF_C_TYPE_SFIXED64] = sizeof(int64_t),
        [PROTOBUF_C_TYPE_UINT32] = sizeof(uint32_t),
        [PROTOBUF_C_TYPE_FIXED32] = sizeof(uint32_t),
        [PROTOBUF_C_TYPE_UINT64] = sizeof(uint64_t),
        [PROTOBUF_C_TYPE_FIXED64] = sizeof(uint64_t),
        [PROTOBUF_C_TYPE_FLOAT] = sizeof(float),
        [PROTOBUF_C_TYPE_DOUBLE] = sizeof(double),
        [PROTOBUF_C_TYPE_BOOL] = sizeof(protobuf_c_boolean),
        [PROTOBUF_C_TYPE_ENUM] = sizeof(int),
        [PROTOBUF_C_TYPE_STRING] = sizeof(char *),
        [PROTOBUF_C_TYPE_BYTES] = sizeof(ProtobufCBinaryData),
        [PROTOBUF_C_TYPE_MESSAGE] = sizeof(ProtobufCMessage *),
    };
    CHECK((size_t)type < sizeof sizes / sizeof *sizes);
    return sizes[type];
}
