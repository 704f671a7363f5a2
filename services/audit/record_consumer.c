#include "services/audit/record_consumer.h"

#include "common/base/record.h"

enum { RECORD_VERSION = 1 };

size_t audit_consumer_encode(const struct audit_consumer *consumer,
                             uint8_t ret[static AUDIT_CONSUMER_BYTES_MAX])
{
    const struct audit_stream_filter *filter = &consumer->filter;
    CHECK(filter->type_count <= AUDIT_STREAM_TYPES_MAX && filter->user.size == 0);
    struct record_writer writer = record_write(ret, AUDIT_CONSUMER_BYTES_MAX, RECORD_VERSION);
    record_put_id(&writer, consumer->id);
    record_put_u64(&writer, consumer->created_at_ns);
    record_put_u32(&writer, consumer->ack_wait_ms);
    record_put_u8(&writer, consumer->start);
    record_put_u64(&writer, consumer->start_value);
    record_put_u64(&writer, consumer->acknowledged);
    record_put_u64(&writer, consumer->redeliveries);
    record_put_run8(&writer, consumer->owner);
    record_put_run8(&writer, filter->actor);
    record_put_run8(&writer, filter->resource);
    record_put_run8(&writer, filter->outcome);
    record_put_u8(&writer, (unsigned)filter->type_count);
    for (size_t i = 0; i < filter->type_count; i++)
        record_put_run8(&writer, filter->types[i]);
    return record_written(&writer);
}

static struct bytes take_text(struct record_reader *reader, size_t bytes_max)
{
    struct bytes text = record_take_run8(reader);
    record_expect(reader, text.size <= bytes_max);
    return text;
}

static void take_filter(struct record_reader *reader, struct audit_stream_filter *filter)
{
    filter->actor = take_text(reader, AUDIT_STREAM_TEXT_BYTES_MAX);
    filter->resource = take_text(reader, AUDIT_STREAM_TEXT_BYTES_MAX);
    filter->outcome = take_text(reader, AUDIT_STREAM_OUTCOME_BYTES_MAX);
    size_t count = record_take_u8(reader);
    record_expect(reader, count <= AUDIT_STREAM_TYPES_MAX);
    if (reader->is_broken) return;
    for (size_t i = 0; i < count; i++)
        filter->types[i] = take_text(reader, AUDIT_TYPE_PATTERN_BYTES_MAX);
    filter->type_count = count;
}

struct status audit_consumer_decode(struct bytes record, struct audit_consumer *ret)
{
    struct record_reader reader = record_read(record, RECORD_VERSION);
    struct audit_consumer consumer = {.id = record_take_id(&reader)};
    consumer.created_at_ns = record_take_u64(&reader);
    consumer.ack_wait_ms = record_take_u32(&reader);
    consumer.start =
        (enum audit_consumer_start)record_take_enum(&reader, AUDIT_START_FIRST, AUDIT_START_TIME);
    consumer.start_value = record_take_u64(&reader);
    consumer.acknowledged = record_take_u64(&reader);
    consumer.redeliveries = record_take_u64(&reader);
    consumer.owner = take_text(&reader, AUDIT_CONSUMER_OWNER_BYTES_MAX);
    take_filter(&reader, &consumer.filter);
    record_expect(&reader, !id128_is_nil(consumer.id) && consumer.owner.size > 0);
    if (!record_is_whole(&reader)) {
        return REFUSE(DATA_LOSS, RECORD_CORRUPT, "a consumer of the audit store is damaged");
    }
    *ret = consumer;
    return STATUS_SUCCESS;
}
