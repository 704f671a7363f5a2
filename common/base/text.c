#include "common/base/text.h"

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

// The lead byte fixes the length and the range of the second byte (RFC 3629 section 4); that range
// is what shuts out overlong forms, surrogates and values above 10FFFF.
static size_t sequence_bytes(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (lead < 0xC2 || lead > 0xF4 || left < bytes) return 0;

    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < bytes; i++) {
        if (!is_continuation(at[i])) return 0;
    }
    return bytes;
}

size_t text_next_code_point(const char *text, size_t size)
{
    return size == 0 ? 0 : sequence_bytes((const unsigned char *)text, size);
}

bool text_is_utf8(const char *text, size_t size)
{
    while (size > 0) {
        size_t bytes = text_next_code_point(text, size);
        if (bytes == 0 || text[0] == '\0') return false;
        text += bytes;
        size -= bytes;
    }
    return true;
}

size_t text_code_points(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += !is_continuation((unsigned char)text[i]);
    }
    return count;
}

void hex_encode(const uint8_t *bytes, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_text[2 * size] = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

bool hex_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t size)
{
    if (text_size % 2 != 0 || text_size / 2 != size) return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

// The two alphabets differ in their last two digits only.
static const char url_tail[] = "-_";
static const char standard_tail[] = "+/";

static char base64_digit(uint32_t value, const char tail[static 2])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (value >= 62) return tail[value - 62];
    return digits[value];
}

static int base64_value(char digit, const char tail[static 2])
{
    if (digit >= 'A' && digit <= 'Z') return digit - 'A';
    if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9') return digit - '0' + 52;
    if (digit == tail[0]) return 62;
    return digit == tail[1] ? 63 : -1;
}

// n bytes make n + 1 digits in a group; the text carries no NUL yet when this returns.
static size_t encode_digits(const uint8_t *bytes, size_t size, const char tail[static 2],
                            char *ret_text)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t group = size - i < 3 ? size - i : 3;
        uint32_t bits = (uint32_t)bytes[i] << 16;
        if (group > 1) bits |= (uint32_t)bytes[i + 1] << 8;
        if (group > 2) bits |= bytes[i + 2];
        for (size_t digit = 0; digit <= group; digit++) {
            ret_text[count++] = base64_digit(bits >> (18 - 6 * digit) & 63, tail);
        }
    }
    return count;
}

// Strict inverse of encode_digits: whatever it accepts encodes to the same text again.
static bool decode_digits(const char *text, size_t text_size, const char tail[static 2],
                          uint8_t *ret_bytes, size_t bytes_max, size_t *ret_size)
{
    size_t size = text_size / 4 * 3 + (text_size % 4 > 0 ? text_size % 4 - 1 : 0);
    if (text_size % 4 == 1 || size > bytes_max) return false;

    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t count = 0;
    for (size_t i = 0; i < text_size; i++) {
        int value = base64_value(text[i], tail);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            ret_bytes[count++] = (uint8_t)(bits >> bit_count);
            bits &= (1U << bit_count) - 1;
        }
    }
    if (bits != 0) return false; // Unused bits must be zero, or two texts would mean one value.
    *ret_size = count;
    return true;
}

size_t base64url_encode(const uint8_t *bytes, size_t size, char *ret_text)
{
    size_t count = encode_digits(bytes, size, url_tail, ret_text);
    ret_text[count] = '\0';
    return count;
}

bool base64url_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t bytes_max,
                      size_t *ret_size)
{
    return decode_digits(text, text_size, url_tail, ret_bytes, bytes_max, ret_size);
}

size_t base64_encode(const uint8_t *bytes, size_t size, char *ret_text)
{
    size_t count = encode_digits(bytes, size, standard_tail, ret_text);
    while (count % 4 != 0) {
        ret_text[count++] = '=';
    }
    ret_text[count] = '\0';
    return count;
}

bool base64_decode(const char *text, size_t text_size, uint8_t *ret_bytes, size_t bytes_max,
                   size_t *ret_size)
{
    if (text_size % 4 != 0) return false;
    for (int i = 0; i < 2 && text_size > 0 && text[text_size - 1] == '='; i++) {
        text_size--;
    }
    return decode_digits(text, text_size, standard_tail, ret_bytes, bytes_max, ret_size);
}
