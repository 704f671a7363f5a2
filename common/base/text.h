/// @file common/base/text.h
/// Text at the border: UTF-8 checks, hex and base64url, as pure functions.
/// Source     RFC 3629 (UTF-8), RFC 4648 section 5 (base64url, here always without padding).
#pragma once

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// text_is_utf8 is true for well-formed UTF-8: no overlong form, surrogate, NUL or value > 10FFFF.
bool text_is_utf8(const char *text, size_t size);

/// text_next_code_point is how many bytes the first code point takes; 0 when size is 0 or the text
/// does not begin with a well-formed one. (A NUL byte is a code point here.)
size_t text_next_code_point(const char *text, size_t size);

/// text_code_points counts code points of well-formed UTF-8.
size_t text_code_points(const char *text, size_t size);

/// hex: two lower-case digits a byte; ret_text has room for 2 * size + 1.
void hex_encode(const uint8_t *bytes, size_t size, char *ret_text);
/// hex_decode takes either case; false unless text is exactly 2 * size hex digits.
bool hex_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t size);

/// base64url, canonical only: no padding, no white space, unused bits zero.
#define BASE64URL_TEXT_BYTES(size) (((size)*4 + 2) / 3 + 1)
size_t base64url_encode(const uint8_t *bytes, size_t size, char *ret_text); // Adds a NUL.
bool base64url_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t bytes_max,
                      size_t *ret_size);
/// base64 standard alphabet with padding, canonical only (RFC 4648 section 4).
#define BASE64_TEXT_BYTES(size) (((size) + 2) / 3 * 4 + 1)
size_t base64_encode(const uint8_t *bytes, size_t size, char *ret_text); // Adds a NUL.
bool base64_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t bytes_max,
                   size_t *ret_size);
