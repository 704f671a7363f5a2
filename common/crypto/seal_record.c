#include "common/crypto/seal_record.h"

#include "common/crypto/keys.h"

struct bytes seal_text(const struct seal *seal, const struct seal_place *place, const char *text,
                       struct record_writer *room)
{
    struct bytes plain = bytes_of_text(text);
    if (plain.size == 0) return bytes_of(NULL, 0);
    uint8_t *sealed = record_put_room(room, plain.size + SEAL_OVERHEAD_BYTES);
    return bytes_of(sealed, seal_value(seal, place, plain, sealed));
}

struct status unseal_text(const struct seal *seal, const struct seal_place *place,
                          struct bytes sealed, struct arena *arena, const char **ret)
{
    *ret = "";
    if (sealed.size == 0) return STATUS_SUCCESS;
    struct bytes plain;
    RETURN_IF_ERROR(unseal_value(seal, place, sealed, arena, &plain));
    *ret = (const char *)plain.data;
    return STATUS_SUCCESS;
}

void seal_put_span(struct record_writer *writer, struct bytes sealed, size_t plain_bytes_max)
{
    CHECK(sealed.size <= plain_bytes_max + SEAL_OVERHEAD_BYTES);
    record_put_run16(writer, sealed);
}

struct bytes seal_take_span(struct record_reader *reader, size_t plain_bytes_max)
{
    struct bytes sealed = record_take_run16(reader);
    bool is_bounded =
        sealed.size > SEAL_OVERHEAD_BYTES && sealed.size <= plain_bytes_max + SEAL_OVERHEAD_BYTES;
    record_expect(reader, sealed.size == 0 || is_bounded);
    return sealed;
}

void seal_new_owner_key(const struct seal *seal, const struct seal_place *place,
                        uint8_t ret_key[static SEAL_OWNER_KEY_BYTES],
                        uint8_t ret_sealed[static SEAL_OWNER_KEY_BYTES + SEAL_OVERHEAD_BYTES])
{
    key_random(ret_key, SEAL_OWNER_KEY_BYTES);
    size_t size = seal_value(seal, place, bytes_of(ret_key, SEAL_OWNER_KEY_BYTES), ret_sealed);
    CHECK(size == SEAL_OWNER_KEY_BYTES + SEAL_OVERHEAD_BYTES);
}
