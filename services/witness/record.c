#include "services/witness/record.h"

#include "common/base/record.h"

enum { RECORD_VERSION = 1 };

size_t witness_state_encode(const struct witness_state *state,
                            uint8_t ret[static WITNESS_STATE_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, WITNESS_STATE_BYTES_MAX, RECORD_VERSION);
    record_put_u64(&writer, state->head.size);
    record_put_bytes(&writer, state->head.root.bytes, MERKLE_HASH_BYTES);
    record_put_u64(&writer, state->time_s);
    record_put_bytes(&writer, state->note.data, state->note.size);
    return record_written(&writer);
}

struct status witness_state_decode(struct bytes record, struct witness_state *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct witness_state state = {.head.size = record_take_u64(&reader)};
    record_take_bytes(&reader, state.head.root.bytes, MERKLE_HASH_BYTES);
    state.time_s = record_take_u64(&reader);
    size_t size = record_left(&reader);
    state.note = bytes_of(record_take(&reader, size), size);
    if (!record_is_whole(&reader) || size == 0 || size > WITNESS_NOTE_BYTES_MAX)
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "the row of a log is damaged");
    *ret = state;
    return STATUS_SUCCESS;
}
