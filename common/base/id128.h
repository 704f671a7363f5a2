/// @file common/base/id128.h
/// 128-bit identifiers: UUID text outside, 16 big-endian bytes inside.
/// Threads    id128_generate may be called from any thread.
/// Source     RFC 9562 (UUID text form, UUIDv7 layout and its monotonic counter, method 1).
#pragma once

#include "common/base/bytes.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ID128_BYTES = 16, ID128_TEXT_BYTES = 37 };

struct id128 {
    uint8_t bytes[ID128_BYTES];
};

#define ID128_NIL ((struct id128){{0}})

static inline bool id128_equal(struct id128 a, struct id128 b)
{
    return memcmp(a.bytes, b.bytes, ID128_BYTES) == 0;
}

static inline int id128_compare(struct id128 a, struct id128 b)
{
    return memcmp(a.bytes, b.bytes, ID128_BYTES);
}

static inline bool id128_is_nil(struct id128 id)
{
    return id128_equal(id, ID128_NIL);
}

static inline struct id128 id128_of(const uint8_t bytes[static ID128_BYTES])
{
    struct id128 id;
    memcpy(id.bytes, bytes, ID128_BYTES);
    return id;
}

/// id128_bytes borrows the id's own bytes: a key, where an id is the whole key.
static inline struct bytes id128_bytes(const struct id128 *id)
{
    return bytes_of(id->bytes, ID128_BYTES);
}

/// id128_generate makes a UUIDv7; ids of one process are strictly increasing, also when the wall
/// clock stands still or steps back. Aborts (CHECK) if the kernel has no randomness to give.
struct id128 id128_generate(void);

/// id128_format writes lower-case 8-4-4-4-12 text and a NUL.
void id128_format(struct id128 id, char ret_text[static ID128_TEXT_BYTES]);

/// id128_parse reads the 36-character form in either case; INVALID_ARGUMENT / UUID_MALFORMED.
MUST_USE struct status id128_parse(const char *text, size_t size, struct id128 *ret);
