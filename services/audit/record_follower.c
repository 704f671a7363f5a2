#include "services/audit/record_follower.h"

#include "common/base/record.h"

enum { RECORD_VERSION = 1 };

struct bytes audit_cursor_encode(uint64_t index, uint8_t ret[static AUDIT_CURSOR_BYTES])
{
    struct record_writer writer = record_write(ret, AUDIT_CURSOR_BYTES, RECORD_VERSION);
    record_put_u64(&writer, index);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_cursor_decode(struct bytes record, uint64_t *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    uint64_t index = record_take_u64(&reader);
    if (!record_is_whole(&reader))
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a cursor of the audit store is damaged");
    *ret = index;
    return STATUS_SUCCESS;
}
