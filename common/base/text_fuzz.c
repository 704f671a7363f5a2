#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/id128.h"
#include "common/base/text.h"
#include "common/base/u128.h"

#include <string.h>
#include <strings.h>

enum { BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef size_t encode_function(const uint8_t *bytes, size_t size, char *ret_text);
typedef bool decode_function(const char *text, size_t text_size, uint8_t *ret_bytes,
                             size_t bytes_max, size_t *ret_size);

static uint8_t bytes[BYTES_MAX];
static char again[BASE64_TEXT_BYTES(BYTES_MAX)];

// What decode accepts is canonical: it encodes to the same text. And what was encoded decodes.
static void fuzz_base64(const char *text, size_t size, decode_function *decode,
                        encode_function *encode)
{
    size_t byte_count;
    if (decode(text, size, bytes, BYTES_MAX, &byte_count)) {
        CHECK(encode(bytes, byte_count, again) == size);
        CHECK(memcmp(again, text, size) == 0);
    }
    if (size > BYTES_MAX) return;
    size_t text_size = encode((const uint8_t *)text, size, again);
    CHECK(decode(again, text_size, bytes, size, &byte_count));
    CHECK(byte_count == size && memcmp(bytes, text, size) == 0);
}

static void fuzz_hex(const char *text, size_t size)
{
    if (size / 2 > BYTES_MAX || !hex_decode(text, size, bytes, size / 2)) return;
    hex_encode(bytes, size / 2, again);
    CHECK(strncasecmp(again, text, size) == 0);
}

static void fuzz_utf8(const char *text, size_t size)
{
    bool well_formed = text_is_utf8(text, size);
    size_t count = 0, step;
    for (size_t at = 0; at < size; at += step, count++) {
        step = text_next_code_point(text + at, size - at);
        CHECK(step <= size - at);
        if (step == 0) break;
    }
    if (well_formed) CHECK(text_code_points(text, size) == count);
}

static void fuzz_amounts(const char *text, size_t size)
{
    u128 amount;
    i128 balance;
    char digits[I128_TEXT_BYTES];
    if (status_ok(u128_parse(text, size, &amount))) {
        CHECK(u128_format(amount, digits) == size);
        CHECK(memcmp(digits, text, size) == 0);
    }
    if (status_ok(i128_parse(text, size, &balance))) {
        CHECK(i128_format(balance, digits) == size);
        CHECK(memcmp(digits, text, size) == 0);
    }
}

static void fuzz_uuid(const char *text, size_t size)
{
    struct id128 id;
    if (!status_ok(id128_parse(text, size, &id))) return;
    char uuid[ID128_TEXT_BYTES];
    id128_format(id, uuid);
    CHECK(strncasecmp(uuid, text, size) == 0);
}

static void fuzz_time(const char *text, size_t size)
{
    uint64_t wall_ns, wall_ns_again;
    if (clock_parse_rfc3339(text, size, &wall_ns) != 0) return;
    char time[CLOCK_RFC3339_BYTES];
    size_t time_size = clock_format_rfc3339(wall_ns, time);
    CHECK(clock_parse_rfc3339(time, time_size, &wall_ns_again) == 0);
    CHECK(wall_ns == wall_ns_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    fuzz_base64(text, size, base64url_decode, base64url_encode);
    fuzz_base64(text, size, base64_decode, base64_encode);
    fuzz_hex(text, size);
    fuzz_utf8(text, size);
    fuzz_amounts(text, size);
    fuzz_uuid(text, size);
    fuzz_time(text, size);
    return 0;
}
