#include "services/audit/record_published.h"

#include "common/base/record.h"

enum { RECORD_VERSION = 1 };

size_t audit_published_encode(const struct audit_published *published,
                              uint8_t ret[static AUDIT_PUBLISHED_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUDIT_PUBLISHED_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, published->needed);
    record_put_u64(&writer, published->size);
    record_put_bytes(&writer, published->note.data, published->note.size);
    return record_written(&writer);
}

struct status audit_published_decode(struct bytes record, struct audit_published *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_published published = {.needed = record_take_u8(&reader)};
    published.size = record_take_u64(&reader);
    size_t size = record_left(&reader);
    published.note = bytes_of(record_take(&reader, size), size);
    record_expect(&reader, published.needed <= AUDIT_WITNESSES_MAX);
    record_expect(&reader, size > 0 || published.size == 0);
    record_expect(&reader, size <= AUDIT_PUBLISHED_NOTE_BYTES_MAX);
    if (!record_is_whole(&reader))
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a record of the audit store is damaged");
    *ret = published;
    return STATUS_SUCCESS;
}
