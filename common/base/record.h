/// @file common/base/record.h
/// Cursors over the bytes of keys and records: what a service's record.c says its layouts with.
/// Numbers    Big-endian, so that byte order is logical order.
/// Records    Byte 0 is the layout's version: record_write puts it, record_read refuses another.
///            Keys have none: record_write_key, record_read_key.
/// Writing    Each step CHECKs its room: a layout longer than its _BYTES_MAX is a bug of ours.
/// Reading    A reader that was asked for more than there is, or was told of what may not be, is
///            broken and gives zeros from then on. So decoders read a whole record in straight
///            lines and ask once, at the end: record_is_whole.
/// Ownership  Both borrow their bytes; what record_take and record_take_run* give points into them.
#pragma once

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/id128.h"
#include "common/base/u128.h"

// ---- Writing -------------------------------------------------------------------------------

struct record_writer {
    uint8_t *begin, *at, *end;
};

/// record_put_room moves on by `size` bytes, which the caller fills.
static inline uint8_t *record_put_room(struct record_writer *writer, size_t size)
{
    CHECK(size <= (size_t)(writer->end - writer->at));
    uint8_t *room = writer->at;
    writer->at += size;
    return room;
}

static inline void record_put_u8(struct record_writer *writer, unsigned value)
{
    CHECK(value <= UINT8_MAX);
    *record_put_room(writer, 1) = (uint8_t)value;
}

static inline void record_put_u16(struct record_writer *writer, unsigned value)
{
    CHECK(value <= UINT16_MAX);
    put_u16_be(record_put_room(writer, 2), (uint16_t)value);
}

static inline void record_put_u32(struct record_writer *writer, uint32_t value)
{
    put_u32_be(record_put_room(writer, 4), value);
}

static inline void record_put_u64(struct record_writer *writer, uint64_t value)
{
    put_u64_be(record_put_room(writer, 8), value);
}

static inline void record_put_u128(struct record_writer *writer, u128 value)
{
    u128_encode(value, record_put_room(writer, 16));
}

static inline void record_put_bytes(struct record_writer *writer, const void *data, size_t size)
{
    uint8_t *room = record_put_room(writer, size);
    if (size > 0) memcpy(room, data, size);
}

static inline void record_put_id(struct record_writer *writer, struct id128 id)
{
    record_put_bytes(writer, id.bytes, ID128_BYTES);
}

/// A run is its size, in so many bits, and then its bytes.
void record_put_run8(struct record_writer *writer, struct bytes run);
void record_put_run16(struct record_writer *writer, struct bytes run);
void record_put_run32(struct record_writer *writer, struct bytes run);

static inline struct record_writer record_write_key(uint8_t *ret, size_t bytes_max)
{
    return (struct record_writer){.begin = ret, .at = ret, .end = ret + bytes_max};
}

static inline struct record_writer record_write(uint8_t *ret, size_t bytes_max, uint8_t version)
{
    struct record_writer writer = record_write_key(ret, bytes_max);
    record_put_u8(&writer, version);
    return writer;
}

static inline size_t record_written(const struct record_writer *writer)
{
    return (size_t)(writer->at - writer->begin);
}

// ---- Reading -------------------------------------------------------------------------------

struct record_reader {
    const uint8_t *at, *end;
    bool is_broken;
};

/// record_expect breaks the reader unless the condition holds.
static inline void record_expect(struct record_reader *reader, bool condition)
{
    if (!condition) reader->is_broken = true;
}

static inline size_t record_left(const struct record_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/// record_take gives the next `size` bytes, or NULL from a broken reader.
static inline const uint8_t *record_take(struct record_reader *reader, size_t size)
{
    record_expect(reader, size <= record_left(reader));
    if (reader->is_broken) return NULL;
    const uint8_t *taken = reader->at;
    reader->at += size;
    return taken;
}

static inline uint8_t record_take_u8(struct record_reader *reader)
{
    const uint8_t *from = record_take(reader, 1);
    return from != NULL ? *from : 0;
}

static inline uint16_t record_take_u16(struct record_reader *reader)
{
    const uint8_t *from = record_take(reader, 2);
    return from != NULL ? get_u16_be(from) : 0;
}

static inline uint32_t record_take_u32(struct record_reader *reader)
{
    const uint8_t *from = record_take(reader, 4);
    return from != NULL ? get_u32_be(from) : 0;
}

static inline uint64_t record_take_u64(struct record_reader *reader)
{
    const uint8_t *from = record_take(reader, 8);
    return from != NULL ? get_u64_be(from) : 0;
}

static inline u128 record_take_u128(struct record_reader *reader)
{
    const uint8_t *from = record_take(reader, 16);
    return from != NULL ? u128_decode(from) : 0;
}

static inline struct id128 record_take_id(struct record_reader *reader)
{
    const uint8_t *from = record_take(reader, ID128_BYTES);
    return from != NULL ? id128_of(from) : ID128_NIL;
}

/// record_take_bytes fills ret with the next `size` bytes, or zeros.
void record_take_bytes(struct record_reader *reader, void *ret, size_t size);
/// record_take_enum reads one byte and breaks the reader outside [first, last]; it gives `first`
/// then.
int record_take_enum(struct record_reader *reader, int first, int last);
/// Nothing ({NULL, 0}) from a broken reader.
struct bytes record_take_run8(struct record_reader *reader);
struct bytes record_take_run16(struct record_reader *reader);
struct bytes record_take_run32(struct record_reader *reader);

static inline struct record_reader record_read_key(struct bytes key)
{
    return (struct record_reader){.at = key.data, .end = key.data + key.size};
}

static inline struct record_reader record_read(struct bytes record, uint8_t version)
{
    struct record_reader reader = record_read_key(record);
    record_expect(&reader, record_take_u8(&reader) == version);
    return reader;
}

/// record_is_whole: all of it was read, and nothing was wrong.
static inline bool record_is_whole(const struct record_reader *reader)
{
    return !reader->is_broken && reader->at == reader->end;
}
