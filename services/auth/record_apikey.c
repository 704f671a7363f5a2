#include "services/auth/record_apikey.h"

#include "common/base/record.h"

enum { LAYOUT_VERSION = 1 };

#define BROKEN REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a stored auth record fails its checks")

size_t auth_api_key_encode(const struct auth_api_key_record *record,
                           uint8_t ret[static AUTH_API_KEY_BYTES_MAX])
{
    const struct auth_api_key *key = &record->key;
    CHECK(key->state == AUTH_API_KEY_ACTIVE || key->state == AUTH_API_KEY_REVOKED);
    CHECK(key->scope_count > 0 && key->scope_count <= AUTH_API_KEY_SCOPES_MAX);
    CHECK(key->range_count <= AUTH_API_KEY_RANGES_MAX);
    struct record_writer writer = record_write(ret, AUTH_API_KEY_BYTES_MAX, LAYOUT_VERSION);
    record_put_u8(&writer, (uint8_t)key->state);
    record_put_id(&writer, key->owner_id);
    record_put_u64(&writer, key->created_at_ns);
    record_put_u64(&writer, key->expires_at_ns);
    record_put_u64(&writer, key->last_used_at_ns);
    record_put_u64(&writer, key->rotated_at_ns);
    record_put_u64(&writer, key->revoked_at_ns);
    record_put_u64(&writer, key->old_until_ns);
    record_put_bytes(&writer, key->mac, sizeof key->mac);
    record_put_bytes(&writer, key->old_mac, sizeof key->old_mac);
    record_put_u8(&writer, (uint8_t)key->scope_count);
    for (size_t i = 0; i < key->scope_count; i++)
        record_put_run8(&writer, bytes_of_text(key->scopes[i]));
    record_put_u8(&writer, (uint8_t)key->range_count);
    for (size_t i = 0; i < key->range_count; i++) {
        CHECK(auth_address_range_is_valid(&key->ranges[i]));
        record_put_u8(&writer, key->ranges[i].family);
        record_put_u8(&writer, key->ranges[i].prefix_bits);
        record_put_bytes(&writer, key->ranges[i].address, AUTH_ADDRESS_BYTES);
    }
    seal_put_span(&writer, record->sealed_name, AUTH_PLAIN_BYTES_MAX);
    return record_written(&writer);
}

static void take_scopes(struct record_reader *reader, struct auth_api_key *key)
{
    key->scope_count = (size_t)record_take_enum(reader, 1, AUTH_API_KEY_SCOPES_MAX);
    for (size_t i = 0; i < key->scope_count; i++) {
        char *scope = key->scopes[i];
        struct bytes run = record_take_run8(reader);
        record_expect(reader, run.size > 0 && run.size < AUTH_API_KEY_SCOPE_BYTES);
        if (reader->is_broken) return;
        memcpy(scope, run.data, run.size);
        record_expect(reader, strlen(scope) == run.size && auth_role_name_is_valid(scope));
        record_expect(reader, i == 0 || strcmp(key->scopes[i - 1], scope) < 0);
    }
}

static void take_ranges(struct record_reader *reader, struct auth_api_key *key)
{
    key->range_count = (size_t)record_take_enum(reader, 0, AUTH_API_KEY_RANGES_MAX);
    for (size_t i = 0; i < key->range_count; i++) {
        struct auth_address_range *range = &key->ranges[i];
        range->family = record_take_u8(reader);
        range->prefix_bits = record_take_u8(reader);
        record_take_bytes(reader, range->address, AUTH_ADDRESS_BYTES);
        record_expect(reader, auth_address_range_is_valid(range));
    }
}

/// is_consistent: what the states say of the times.
static bool is_consistent(const struct auth_api_key *key)
{
    static const uint8_t none[AUTH_MAC_BYTES];
    bool is_revoked = key->state == AUTH_API_KEY_REVOKED;
    bool has_old = memcmp(key->old_mac, none, sizeof none) != 0;
    return is_revoked == (key->revoked_at_ns != 0) && has_old == (key->old_until_ns != 0);
}

struct status auth_api_key_decode(struct id128 id, struct bytes bytes,
                                  struct auth_api_key_record *ret)
{
    struct record_reader reader = record_read(bytes, LAYOUT_VERSION);
    struct auth_api_key_record record = {.key = {.id = id}};
    struct auth_api_key *key = &record.key;
    key->state = (enum auth_api_key_state)record_take_enum(&reader, AUTH_API_KEY_ACTIVE,
                                                           AUTH_API_KEY_REVOKED);
    key->owner_id = record_take_id(&reader);
    key->created_at_ns = record_take_u64(&reader);
    key->expires_at_ns = record_take_u64(&reader);
    key->last_used_at_ns = record_take_u64(&reader);
    key->rotated_at_ns = record_take_u64(&reader);
    key->revoked_at_ns = record_take_u64(&reader);
    key->old_until_ns = record_take_u64(&reader);
    record_take_bytes(&reader, key->mac, sizeof key->mac);
    record_take_bytes(&reader, key->old_mac, sizeof key->old_mac);
    take_scopes(&reader, key);
    take_ranges(&reader, key);
    record.sealed_name = seal_take_span(&reader, AUTH_PLAIN_BYTES_MAX);
    if (!record_is_whole(&reader) || !is_consistent(key)) return BROKEN;
    *ret = record;
    return STATUS_SUCCESS;
}
