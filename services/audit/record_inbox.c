#include "services/audit/record_inbox.h"

#include "common/base/record.h"

enum { RECORD_VERSION = 1, FLAG_IS_READ = 1 };

#define RECORD_REFUSAL REFUSE(DATA_LOSS, RECORD_CORRUPT, "a record of the inbox is damaged")

size_t audit_notice_encode(const struct audit_notice *notice,
                           uint8_t ret[static AUDIT_NOTICE_BYTES_MAX])
{
    struct record_writer writer = record_write(ret, AUDIT_NOTICE_BYTES_MAX, RECORD_VERSION);
    record_put_u8(&writer, (unsigned)notice->kind);
    record_put_u8(&writer, notice->is_read ? FLAG_IS_READ : 0);
    record_put_u64(&writer, notice->time_ns);
    record_put_u128(&writer, notice->amount);
    record_put_run8(&writer, bytes_of_text(notice->currency));
    record_put_run8(&writer, notice->word);
    record_put_run8(&writer, notice->resource);
    return record_written(&writer);
}

struct status audit_notice_decode(struct bytes record, struct audit_notice *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_notice notice = {.index = ret->index};
    notice.kind = (enum audit_notice_kind)record_take_enum(&reader, AUDIT_NOTICE_NEW_DEVICE_LOGIN,
                                                           AUDIT_NOTICE_LAST);
    notice.is_read = record_take_enum(&reader, 0, FLAG_IS_READ) == FLAG_IS_READ;
    notice.time_ns = record_take_u64(&reader);
    notice.amount = record_take_u128(&reader);
    struct bytes currency = record_take_run8(&reader);
    notice.word = record_take_run8(&reader);
    notice.resource = record_take_run8(&reader);
    record_expect(&reader,
                  currency.size < sizeof notice.currency &&
                      (currency.size == 0 || memchr(currency.data, '\0', currency.size) == NULL));
    record_expect(&reader, notice.word.size <= AUDIT_NOTICE_WORD_BYTES_MAX);
    record_expect(&reader, notice.resource.size <= AUDIT_NOTICE_RESOURCE_BYTES_MAX);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    if (currency.size > 0) memcpy(notice.currency, currency.data, currency.size);
    *ret = notice;
    return STATUS_SUCCESS;
}

struct bytes audit_inbox_key(struct id128 user_id, uint64_t index,
                             uint8_t ret[static AUDIT_INBOX_KEY_BYTES])
{
    memcpy(ret, user_id.bytes, ID128_BYTES);
    put_u64_be(ret + ID128_BYTES, index);
    return bytes_of(ret, AUDIT_INBOX_KEY_BYTES);
}

bool audit_inbox_key_decode(struct bytes key, struct id128 user_id, uint64_t *ret_index)
{
    if (key.size != AUDIT_INBOX_KEY_BYTES) return false;
    if (memcmp(key.data, user_id.bytes, ID128_BYTES) != 0) return false;
    *ret_index = get_u64_be(key.data + ID128_BYTES);
    return true;
}

struct bytes audit_inbox_counts_encode(const struct audit_inbox_counts *counts,
                                       uint8_t ret[static AUDIT_INBOX_COUNTS_BYTES])
{
    struct record_writer writer = record_write(ret, AUDIT_INBOX_COUNTS_BYTES, RECORD_VERSION);
    record_put_u32(&writer, counts->unread);
    record_put_u32(&writer, counts->total);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_inbox_counts_decode(struct bytes record, struct audit_inbox_counts *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_inbox_counts counts = {.unread = record_take_u32(&reader)};
    counts.total = record_take_u32(&reader);
    record_expect(&reader, counts.unread <= counts.total);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = counts;
    return STATUS_SUCCESS;
}

struct bytes audit_owner_encode(struct id128 owner_id, uint8_t ret[static AUDIT_OWNER_BYTES])
{
    struct record_writer writer = record_write(ret, AUDIT_OWNER_BYTES, RECORD_VERSION);
    record_put_id(&writer, owner_id);
    return bytes_of(ret, record_written(&writer));
}

struct status audit_owner_decode(struct bytes record, struct id128 *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct id128 owner_id = record_take_id(&reader);
    if (!record_is_whole(&reader)) return RECORD_REFUSAL;
    *ret = owner_id;
    return STATUS_SUCCESS;
}
