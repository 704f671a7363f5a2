#include "services/audit/record.h"

#include "common/base/record.h"
#include "common/crypto/hash.h"

enum {
    RECORD_VERSION = 1,
    ERASED_VERSION = 2,
    COLLECTION_BYTES = AUDIT_NAME_PREFIX_BYTES - ID128_BYTES
};

#define RECORD_REFUSAL REFUSE(DATA_LOSS, RECORD_CORRUPT, "a record of the audit store is damaged")

// ---- Keys ----------------------------------------------------------------------------------

struct bytes audit_index_key(uint64_t index, uint8_t ret_key[static AUDIT_INDEX_KEY_BYTES])
{
    put_u64_be(ret_key, index);
    return bytes_of(ret_key, AUDIT_INDEX_KEY_BYTES);
}

struct status audit_index_key_decode(struct bytes key, uint64_t *ret)
{
    if (key.size != AUDIT_INDEX_KEY_BYTES) return RECORD_REFUSAL;
    *ret = get_u64_be(key.data);
    return STATUS_SUCCESS;
}

struct bytes audit_tile_key(unsigned level, uint64_t index,
                            uint8_t ret_key[static AUDIT_TILE_KEY_BYTES])
{
    CHECK(level <= TLOG_TILE_LEVEL_MAX);
    ret_key[0] = (uint8_t)level;
    put_u64_be(ret_key + 1, index);
    return bytes_of(ret_key, AUDIT_TILE_KEY_BYTES);
}

void audit_name_prefix(struct bytes name, uint8_t ret[static AUDIT_NAME_PREFIX_BYTES])
{
    uint8_t hash[HASH_SHA256_BYTES];
    const uint8_t *slash = name.size > 0 ? memrchr(name.data, '/', name.size) : NULL;
    size_t id_bytes = slash != NULL ? (size_t)(name.data + name.size - slash - 1) : 0;
    struct id128 id;
    if (id_bytes == 0 || !status_ok(id128_parse((const char *)slash + 1, id_bytes, &id))) {
        hash_sha256(&name, 1, hash);
        memcpy(ret, hash, AUDIT_NAME_PREFIX_BYTES);
        return;
    }
    struct bytes collection = bytes_of(name.data, (size_t)(slash - name.data));
    hash_sha256(&collection, 1, hash);
    memcpy(ret, hash, COLLECTION_BYTES);
    memcpy(ret + COLLECTION_BYTES, id.bytes, ID128_BYTES);
}

struct bytes audit_search_key(enum audit_search_kind kind,
                              const uint8_t prefix[static AUDIT_NAME_PREFIX_BYTES], uint64_t index,
                              uint8_t ret_key[static AUDIT_SEARCH_KEY_BYTES])
{
    ret_key[0] = (uint8_t)kind;
    memcpy(ret_key + 1, prefix, AUDIT_NAME_PREFIX_BYTES);
    put_u64_be(ret_key + 1 + AUDIT_NAME_PREFIX_BYTES, index);
    return bytes_of(ret_key, AUDIT_SEARCH_KEY_BYTES);
}

bool audit_search_key_decode(struct bytes key, enum audit_search_kind kind,
                             const uint8_t prefix[static AUDIT_NAME_PREFIX_BYTES],
                             uint64_t *ret_index)
{
    if (key.size != AUDIT_SEARCH_KEY_BYTES || key.data[0] != (uint8_t)kind) return false;
    if (memcmp(key.data + 1, prefix, AUDIT_NAME_PREFIX_BYTES) != 0) return false;
    *ret_index = get_u64_be(key.data + 1 + AUDIT_NAME_PREFIX_BYTES);
    return true;
}

// ---- Marks, head, checkpoint ---------------------------------------------------------------

struct bytes audit_mark_encode(const struct audit_mark *mark, uint8_t ret[static AUDIT_MARK_BYTES])
{
    struct record_writer writer = record_write(ret, AUDIT_MARK_BYTES, RECORD_VERSION);
    record_put_u64(&writer, mark->seq);
    record_put_u64(&writer, mark->log_id);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_mark_decode(struct bytes record, struct audit_mark *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_mark mark = {.seq = record_take_u64(&reader)};
    mark.log_id = record_take_u64(&reader);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = mark;
    return STATUS_SUCCESS;
}

struct bytes audit_head_encode(const struct merkle_frontier *head,
                               uint8_t ret[static AUDIT_HEAD_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUDIT_HEAD_BYTES_MAX, RECORD_VERSION);
    record_put_u64(&writer, head->size);
    for (unsigned level = MERKLE_LEVELS; level-- > 0;) {
        if ((head->size >> level & 1) == 0) continue;
        record_put_bytes(&writer, head->peaks[level].bytes, MERKLE_HASH_BYTES);
    }
    return bytes_of(ret, record_written(&writer));
}

struct status audit_head_decode(struct bytes record, struct merkle_frontier *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct merkle_frontier head = {.size = record_take_u64(&reader)};
    for (unsigned level = MERKLE_LEVELS; level-- > 0;) {
        if ((head.size >> level & 1) == 0) continue;
        record_take_bytes(&reader, head.peaks[level].bytes, MERKLE_HASH_BYTES);
    }
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = head;
    return STATUS_SUCCESS;
}

struct bytes audit_first_encode(const struct audit_first *first,
                                uint8_t ret[static AUDIT_FIRST_BYTES])
{
    struct record_writer writer = record_write(ret, AUDIT_FIRST_BYTES, RECORD_VERSION);
    record_put_u64(&writer, first->index);
    record_put_u64(&writer, first->told);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_first_decode(struct bytes record, struct audit_first *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_first first = {.index = record_take_u64(&reader)};
    first.told = record_take_u64(&reader);
    record_expect(&reader, first.told <= first.index);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = first;
    return STATUS_SUCCESS;
}

size_t audit_checkpoint_encode(uint64_t size, struct bytes note, uint8_t *ret)
{
    struct record_writer writer =
        record_write(ret, AUDIT_CHECKPOINT_HEAD_BYTES + note.size, RECORD_VERSION);
    record_put_u64(&writer, size);
    record_put_bytes(&writer, note.data, note.size);
    return record_written(&writer);
}

struct status audit_checkpoint_decode(struct bytes record, uint64_t *ret_size,
                                      struct bytes *ret_note)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    uint64_t size = record_take_u64(&reader);
    size_t note_size = record_left(&reader);
    const uint8_t *note = record_take(&reader, note_size);
    if (!record_is_whole(&reader) || note_size == 0) return RECORD_REFUSAL;
    *ret_size = size;
    *ret_note = bytes_of(note, note_size);
    return STATUS_SUCCESS;
}

// ---- Sides ---------------------------------------------------------------------------------

static bool are_parts(struct bytes parts)
{
    struct record_reader reader = record_read_key(parts);
    while (!reader.is_broken && record_left(&reader) > 0) {
        (void)record_take_run32(&reader);
    }
    return !reader.is_broken;
}

size_t audit_side_size(const struct audit_side *side)
{
    if (side->salt == NULL) return 1 + side->visible_to.size;
    return 1 + AUDIT_SALT_BYTES + 4 * AUDIT_PART_HEAD_BYTES + side->client_ip.size +
           side->device_id.size + side->payload.size + side->visible_to.size;
}

static size_t encode_erased(const struct audit_side *side, uint8_t *ret)
{
    struct record_writer writer = record_write(ret, audit_side_size(side), ERASED_VERSION);
    record_put_bytes(&writer, side->visible_to.data, side->visible_to.size);
    return record_written(&writer);
}

size_t audit_side_encode(const struct audit_side *side, uint8_t *ret)
{
    if (side->salt == NULL) return encode_erased(side, ret);
    struct record_writer writer = record_write(ret, audit_side_size(side), RECORD_VERSION);
    record_put_bytes(&writer, side->salt, AUDIT_SALT_BYTES);
    record_put_run32(&writer, side->client_ip);
    record_put_run32(&writer, side->device_id);
    record_put_run32(&writer, side->payload);
    record_put_run32(&writer, side->visible_to);
    return record_written(&writer);
}

static struct status decode_erased(struct bytes record, struct audit_side *ret)
{
    struct bytes names = bytes_of(record.data + 1, record.size - 1);
    if (!are_parts(names)) return RECORD_REFUSAL;
    *ret = (struct audit_side){.visible_to = names};
    return STATUS_SUCCESS;
}

struct status audit_side_decode(struct bytes record, struct audit_side *ret)
{
    if (record.size > 0 && record.data[0] == ERASED_VERSION) return decode_erased(record, ret);
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_side side = {.salt = record_take(&reader, AUDIT_SALT_BYTES)};
    side.client_ip = record_take_run32(&reader);
    side.device_id = record_take_run32(&reader);
    side.payload = record_take_run32(&reader);
    side.visible_to = record_take_run32(&reader);
    if (!record_is_whole(&reader) || !are_parts(side.visible_to)) return RECORD_REFUSAL;
    *ret = side;
    return STATUS_SUCCESS;
}

// ---- Tiles ---------------------------------------------------------------------------------

size_t audit_tile_bytes(unsigned width)
{
    return (size_t)(width + width / AUDIT_TILE_ROW_NODES) * MERKLE_HASH_BYTES;
}

unsigned audit_tile_width(size_t record_bytes)
{
    size_t hashes = record_bytes / MERKLE_HASH_BYTES;
    if (record_bytes % MERKLE_HASH_BYTES != 0 || hashes > AUDIT_TILE_HASHES_MAX) return 0;
    size_t loose = hashes % AUDIT_TILE_ROW_HASHES;
    if (loose == AUDIT_TILE_ROW_NODES) return 0; // A full row without the node over it.
    return (unsigned)(hashes / AUDIT_TILE_ROW_HASHES * AUDIT_TILE_ROW_NODES + loose);
}
