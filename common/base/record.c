#include "common/base/record.h"

void record_put_run8(struct record_writer *writer, struct bytes run)
{
    CHECK(run.size <= UINT8_MAX);
    record_put_u8(writer, (unsigned)run.size);
    record_put_bytes(writer, run.data, run.size);
}

void record_put_run16(struct record_writer *writer, struct bytes run)
{
    CHECK(run.size <= UINT16_MAX);
    record_put_u16(writer, (unsigned)run.size);
    record_put_bytes(writer, run.data, run.size);
}

void record_put_run32(struct record_writer *writer, struct bytes run)
{
    CHECK(run.size <= UINT32_MAX);
    record_put_u32(writer, (uint32_t)run.size);
    record_put_bytes(writer, run.data, run.size);
}

void record_take_bytes(struct record_reader *reader, void *ret, size_t size)
{
    const uint8_t *from = record_take(reader, size);
    if (from == NULL) {
        memset(ret, 0, size);
    } else {
        memcpy(ret, from, size);
    }
}

int record_take_enum(struct record_reader *reader, int first, int last)
{
    int value = record_take_u8(reader);
    record_expect(reader, value >= first && value <= last);
    return reader->is_broken ? first : value;
}

static struct bytes take_run(struct record_reader *reader, size_t size)
{
    const uint8_t *from = record_take(reader, size);
    return from != NULL ? bytes_of(from, size) : bytes_of(NULL, 0);
}

struct bytes record_take_run8(struct record_reader *reader)
{
    return take_run(reader, record_take_u8(reader));
}

struct bytes record_take_run16(struct record_reader *reader)
{
    return take_run(reader, record_take_u16(reader));
}

struct bytes record_take_run32(struct record_reader *reader)
{
    return take_run(reader, record_take_u32(reader));
}
