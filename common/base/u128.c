#include "common/base/u128.h"

#include "common/base/bytes.h"

#include <stdbool.h>

#define I128_MAGNITUDE_MAX (U128_MAX >> 1)

static const struct status malformed = {
    STATUS_INVALID_ARGUMENT, "AMOUNT_MALFORMED",
    "an amount is decimal digits without sign, space or leading zero"};
static const struct status out_of_range = {STATUS_INVALID_ARGUMENT, "AMOUNT_OUT_OF_RANGE",
                                           "the amount does not fit into 128 bits"};

size_t u128_format(u128 value, char ret_text[static U128_TEXT_BYTES])
{
    char reversed[U128_TEXT_BYTES];
    size_t count = 0;
    // 128-bit division is a library call, so it is made once for each 19 digits.
    const uint64_t chunk_unit = UINT64_C(10000000000000000000);
    do {
        uint64_t chunk = (uint64_t)(value % chunk_unit);
        value /= chunk_unit;
        for (int i = 0; i < 19 && (value > 0 || chunk > 0 || count == 0); i++, chunk /= 10) {
            reversed[count++] = (char)('0' + chunk % 10);
        }
    } while (value > 0);

    for (size_t i = 0; i < count; i++) {
        ret_text[i] = reversed[count - 1 - i];
    }
    ret_text[count] = '\0';
    return count;
}

size_t i128_format(i128 value, char ret_text[static I128_TEXT_BYTES])
{
    if (value >= 0) return u128_format((u128)value, ret_text);
    ret_text[0] = '-';
    return u128_format(0 - (u128)value, ret_text + 1) + 1; // Unsigned: right for the least value.
}

struct status u128_parse(const char *text, size_t size, u128 *ret)
{
    if (size == 0 || (text[0] == '0' && size > 1)) return malformed;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') return malformed;
    }
    u128 value = 0;
    for (size_t i = 0; i < size; i++) {
        if (__builtin_mul_overflow(value, (u128)10, &value) ||
            __builtin_add_overflow(value, (u128)(text[i] - '0'), &value)) {
            return out_of_range;
        }
    }
    *ret = value;
    return STATUS_SUCCESS;
}

struct status i128_parse(const char *text, size_t size, i128 *ret)
{
    if (size == 0) return malformed;
    bool negative = text[0] == '-';
    u128 magnitude;
    RETURN_IF_ERROR(u128_parse(text + negative, size - negative, &magnitude));
    if (negative && magnitude == 0) return malformed;
    if (magnitude > I128_MAGNITUDE_MAX + (negative ? 1 : 0)) return out_of_range;
    // The least value has no positive twin: it is reached from one above it.
    *ret = negative ? -(i128)(magnitude - 1) - 1 : (i128)magnitude;
    return STATUS_SUCCESS;
}

void u128_encode(u128 value, uint8_t ret[static 16])
{
    put_u64_be(ret, u128_high(value));
    put_u64_be(ret + 8, u128_low(value));
}

u128 u128_decode(const uint8_t bytes[static 16])
{
    return u128_of(get_u64_be(bytes), get_u64_be(bytes + 8));
}
