/// @file gateway/http/characters.h
/// Which bytes may stand where in an HTTP message, as one table that the compiler fills.
/// Source     RFC 9110 5.6.2 (token), 5.5 (field value); RFC 3986 3.3, 3.4 (path and query).
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum http_class {
    HTTP_CLASS_TOKEN = 1,  // Methods, header names.
    HTTP_CLASS_VALUE = 2,  // Header values: visible, space, tab, and bytes above 127 as they are.
    HTTP_CLASS_TARGET = 4, // Path and query, '%' included.
    HTTP_CLASS_HOST = 8,   // Names and IPv4 addresses.
    HTTP_CLASS_HEX = 16,
};

extern const uint8_t http_classes[256];

static inline bool http_is(uint8_t byte, enum http_class class)
{
    return (http_classes[byte] & class) != 0;
}

static inline uint8_t http_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}
