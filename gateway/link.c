#include "gateway/link.h"

#include "common/base/check.h"
#include "gateway/router.h"

#include <ctype.h>
#include <string.h>

// Both spellings that the request's fields have.
static bool is_page_token(struct bytes name, struct arena *arena)
{
    char *plain = arena_alloc(arena, name.size + 1);
    if (plain == NULL) return false;
    size_t size = percent_decode(name, true, plain);
    if (size == SIZE_MAX) return false;
    struct bytes decoded = bytes_of(plain, size);
    return bytes_equal(decoded, bytes_of_text("page_token")) ||
           bytes_equal(decoded, bytes_of_text("pageToken"));
}

static char *append(char *to, struct bytes bytes)
{
    if (bytes.size > 0) memcpy(to, bytes.data, bytes.size);
    return to + bytes.size;
}

static char *append_pairs(char *to, struct bytes query, struct arena *arena)
{
    const uint8_t *end = query.data + query.size;
    for (const uint8_t *at = query.data; query.size > 0 && at < end;) {
        const uint8_t *stop = memchr(at, '&', (size_t)(end - at));
        if (stop == NULL) stop = end;
        const uint8_t *equals = memchr(at, '=', (size_t)(stop - at));
        const uint8_t *name_end = equals != NULL ? equals : stop;
        if (stop > at && !is_page_token(bytes_of(at, (size_t)(name_end - at)), arena)) {
            to = append(to, bytes_of(at, (size_t)(stop - at)));
            *to++ = '&';
        }
        at = stop + 1;
    }
    return to;
}

static char *append_escaped(char *to, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c) != NULL) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return to;
}

const char *link_next(struct bytes path, struct bytes query, const char *page_token,
                      struct arena *arena)
{
    static const char name[] = "page_token=", rel[] = ">; rel=\"next\"";
    size_t size_max =
        path.size + query.size + 3 * strlen(page_token) + sizeof name + sizeof rel + 4;
    char *text = arena_alloc(arena, size_max);
    if (text == NULL) return NULL;
    char *to = append(text, bytes_of("<", 1));
    to = append(to, path);
    to = append(to, bytes_of("?", 1));
    to = append_pairs(to, query, arena);
    to = append(to, bytes_of_text(name));
    to = append_escaped(to, page_token);
    to = append(to, bytes_of_text(rel)); // The memory was zeroed: a NUL stands behind it.
    CHECK((size_t)(to - text) < size_max);
    return text;
}
