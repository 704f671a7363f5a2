#include "common/crypto/tlog_tile.h"

#include "common/base/check.h"

#include <stdio.h>

uint64_t tlog_tile_nodes(unsigned level, uint64_t size)
{
    unsigned shift = level * TLOG_TILE_HEIGHT;
    return shift < 64 ? size >> shift : 0;
}

unsigned tlog_tile_width(unsigned level, uint64_t index, uint64_t size)
{
    uint64_t nodes = tlog_tile_nodes(level, size);
    if (index > nodes / TLOG_TILE_WIDTH) return 0;
    return index < nodes / TLOG_TILE_WIDTH ? TLOG_TILE_WIDTH : (unsigned)(nodes % TLOG_TILE_WIDTH);
}

size_t tlog_tile_path_format(const struct tlog_tile *tile,
                             char ret_text[static TLOG_TILE_PATH_BYTES])
{
    CHECK(tile->width > 0 && tile->width <= TLOG_TILE_WIDTH);
    CHECK(tile->level <= TLOG_TILE_LEVEL_MAX && !(tile->entries && tile->level != 0));
    int size = tile->entries ? snprintf(ret_text, TLOG_TILE_PATH_BYTES, "tile/entries/")
                             : snprintf(ret_text, TLOG_TILE_PATH_BYTES, "tile/%u/", tile->level);
    unsigned groups[7]; // 2^64 has 20 digits.
    size_t count = 0;
    uint64_t rest = tile->index;
    do {
        groups[count++] = (unsigned)(rest % 1000);
        rest /= 1000;
    } while (rest > 0);
    for (size_t i = count; i-- > 0;) {
        size += snprintf(ret_text + size, TLOG_TILE_PATH_BYTES - (size_t)size,
                         i > 0 ? "x%03u/" : "%03u", groups[i]);
    }
    if (tile->width < TLOG_TILE_WIDTH)
        size +=
            snprintf(ret_text + size, TLOG_TILE_PATH_BYTES - (size_t)size, ".p/%u", tile->width);
    CHECK(size > 0 && size < TLOG_TILE_PATH_BYTES);
    return (size_t)size;
}

#define PATH_REFUSAL REFUSE(INVALID_ARGUMENT, TILE_PATH_MALFORMED, "this is not the path of a tile")

/// What is left of the text.
struct rest {
    const uint8_t *at, *end;
};

static bool take(struct rest *rest, const char *literal)
{
    size_t size = strlen(literal);
    if ((size_t)(rest->end - rest->at) < size || memcmp(rest->at, literal, size) != 0) return false;
    rest->at += size;
    return true;
}

// As many digits as there are, at most `digits_max`; false without one.
static bool take_number(struct rest *rest, size_t digits_max, unsigned *ret)
{
    unsigned value = 0;
    size_t digits = 0;
    for (; rest->at < rest->end && digits < digits_max; rest->at++, digits++) {
        if (*rest->at < '0' || *rest->at > '9') break;
        value = value * 10 + (unsigned)(*rest->at - '0');
    }
    *ret = value;
    return digits > 0;
}

static bool take_index(struct rest *rest, uint64_t *ret)
{
    uint64_t index = 0;
    for (bool more = true; more;) {
        more = take(rest, "x");
        unsigned group;
        if (!take_number(rest, 3, &group)) return false;
        if (__builtin_mul_overflow(index, 1000, &index)) return false;
        if (__builtin_add_overflow(index, group, &index)) return false;
        if (more && !take(rest, "/")) return false;
    }
    *ret = index;
    return true;
}

struct status tlog_tile_path_parse(struct bytes text, struct tlog_tile *ret)
{
    if (text.size == 0 || text.size >= TLOG_TILE_PATH_BYTES) return PATH_REFUSAL;
    struct rest rest = {.at = text.data, .end = text.data + text.size};
    unsigned level = 0, width = TLOG_TILE_WIDTH;
    uint64_t index;
    bool entries = take(&rest, "tile/entries/");
    if (!entries) {
        if (!take(&rest, "tile/") || !take_number(&rest, 2, &level) || !take(&rest, "/"))
            return PATH_REFUSAL;
    }
    if (!take_index(&rest, &index)) return PATH_REFUSAL;
    if (take(&rest, ".p/") && !take_number(&rest, 3, &width)) return PATH_REFUSAL;
    if (rest.at != rest.end || level > TLOG_TILE_LEVEL_MAX) return PATH_REFUSAL;
    if (width == 0 || width > TLOG_TILE_WIDTH) return PATH_REFUSAL;
    struct tlog_tile tile = {
        .index = index, .width = (uint16_t)width, .level = (uint8_t)level, .entries = entries};
    // Leading zeroes, a group too many, ".p/256": whatever is not the one spelling.
    char again[TLOG_TILE_PATH_BYTES];
    if (!bytes_equal(text, bytes_of(again, tlog_tile_path_format(&tile, again))))
        return PATH_REFUSAL;
    *ret = tile;
    return STATUS_SUCCESS;
}
