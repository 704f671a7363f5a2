#include "common/base/id128.h"

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>

// UUIDv7, RFC 9562 section 5.7, with rand_a as the counter of section 6.2 method 1:
//     unix_ms(48) | version(4) = 7 | counter(12) | variant(2) = 2 | random(62)
enum { COUNTER_BITS = 12, COUNTER_SEED_MASK = 0x7FF }; // The seed leaves the counter's top bit 0.

// Time and counter together are one 60-bit number. Every id takes a number above the last one, so
// the order survives a clock that stands still, and a full counter carries into the next ms.
static _Atomic uint64_t last_tick;

static void fill_random(void *to, size_t size)
{
    ssize_t got;
    do {
        got = getrandom(to, size, 0); // Up to 256 bytes come whole or not at all.
    } while (got < 0 && errno == EINTR);
    CHECK(got == (ssize_t)size);
}

static uint64_t take_tick(unsigned seed)
{
    uint64_t now = (clock_wall_ns() / NS_PER_MS) << COUNTER_BITS;
    uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
    uint64_t next;
    do {
        next = now > last ? now | (seed & COUNTER_SEED_MASK) : last + 1;
    } while (!atomic_compare_exchange_weak_explicit(&last_tick, &last, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

struct id128 id128_generate(void)
{
    uint8_t random[10];
    fill_random(random, sizeof random);
    uint64_t tick = take_tick(get_u16_be(random));

    struct id128 id;
    put_u16_be(id.bytes, (uint16_t)(tick >> 44));
    put_u32_be(id.bytes + 2, (uint32_t)(tick >> COUNTER_BITS));
    put_u16_be(id.bytes + 6, (uint16_t)(0x7000 | (tick & 0xFFF)));
    memcpy(id.bytes + 8, random + 2, 8);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    return id;
}

// Where each group of hex digits stands in the text, and how many bytes it holds.
static const struct {
    size_t offset, bytes;
} groups[] = {{0, 4}, {9, 2}, {14, 2}, {19, 2}, {24, 6}};

enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };

void id128_format(struct id128 id, char ret_text[static ID128_TEXT_BYTES])
{
    const uint8_t *from = id.bytes;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        hex_encode(from, groups[i].bytes, ret_text + groups[i].offset);
        if (i + 1 < GROUP_COUNT) ret_text[groups[i + 1].offset - 1] = '-';
        from += groups[i].bytes;
    }
}

struct status id128_parse(const char *text, size_t size, struct id128 *ret)
{
    const struct status malformed =
        REFUSE(INVALID_ARGUMENT, UUID_MALFORMED, "an id is 36 characters of 8-4-4-4-12 hex digits");
    if (size != ID128_TEXT_BYTES - 1) return malformed;

    struct id128 id;
    uint8_t *to = id.bytes;
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (i > 0 && text[groups[i].offset - 1] != '-') return malformed;
        if (!hex_decode(text + groups[i].offset, groups[i].bytes * 2, to, groups[i].bytes)) {
            return malformed;
        }
        to += groups[i].bytes;
    }
    *ret = id;
    return STATUS_SUCCESS;
}
