/// @file common/base/bytes.h
/// A borrowed run of bytes, and the fixed-width big-endian encodings that keys and records use.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// struct bytes borrows: whoever made it says how long the memory lives.
struct bytes {
    const uint8_t *data;
    size_t size;
};

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){.data = (const uint8_t *)data, .size = size};
}

static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_of(text, text != NULL ? strlen(text) : 0);
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline void put_u16_be(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static inline void put_u32_be(uint8_t *to, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8) {
        to[i] = (uint8_t)value;
    }
}

static inline void put_u64_be(uint8_t *to, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8) {
        to[i] = (uint8_t)value;
    }
}

static inline uint16_t get_u16_be(const uint8_t *from)
{
    return (uint16_t)((from[0] << 8) | from[1]);
}

static inline uint32_t get_u32_be(const uint8_t *from)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        value = (value << 8) | from[i];
    }
    return value;
}

static inline uint64_t get_u64_be(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = (value << 8) | from[i];
    }
    return value;
}
