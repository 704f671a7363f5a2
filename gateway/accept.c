#include "gateway/accept.h"

#include <strings.h>

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = bytes_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

// Cuts the part before the separator off *rest, trimmed; *rest.data is NULL after the last one.
static struct bytes cut(struct bytes *rest, char separator)
{
    const uint8_t *at = memchr(rest->data, separator, rest->size);
    struct bytes part = *rest;
    if (at == NULL) {
        *rest = bytes_of(NULL, 0);
        return trim(part);
    }
    part.size = (size_t)(at - part.data);
    *rest = bytes_of(at + 1, rest->size - part.size - 1);
    return trim(part);
}

static bool text_is(struct bytes text, const char *wanted)
{
    return text.size == strlen(wanted) &&
           strncasecmp((const char *)text.data, wanted, text.size) == 0;
}

// "1", "0.25", "0": thousandths. What is malformed counts as 1, as if it were not there.
static int quality_of(struct bytes text)
{
    if (text.size == 0 || (text.data[0] != '0' && text.data[0] != '1')) return 1000;
    if (text.data[0] == '1') return 1000;
    int quality = 0, unit = 100;
    for (size_t i = 2; i < text.size && i < 5 && text.data[1] == '.'; i++, unit /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9') return 1000;
        quality += (text.data[i] - '0') * unit;
    }
    return quality;
}

// How exactly a range names the type: 3 itself, 2 "type/*", 1 "*/*", 0 not at all.
static int exactness(struct bytes range, const char *media_type)
{
    if (text_is(range, media_type)) return 3;
    if (text_is(range, "*/*")) return 1;
    size_t type_size = (size_t)(strchr(media_type, '/') - media_type) + 1;
    bool covers = range.size == type_size + 1 && range.data[type_size] == '*' &&
                  strncasecmp((const char *)range.data, media_type, type_size) == 0;
    return covers ? 2 : 0;
}

int accept_quality(struct bytes header, const char *media_type)
{
    if (header.data == NULL || trim(header).size == 0) return 1000;
    int best_exactness = 0, best = 0;
    while (header.data != NULL) {
        struct bytes item = cut(&header, ',');
        struct bytes range = cut(&item, ';');
        int exact = exactness(range, media_type), quality = 1000;
        while (item.data != NULL) {
            struct bytes parameter = cut(&item, ';');
            if (parameter.size >= 2 && (parameter.data[0] | 0x20) == 'q' &&
                parameter.data[1] == '=') {
                quality = quality_of(bytes_of(parameter.data + 2, parameter.size - 2));
            }
        }
        if (exact > best_exactness || (exact == best_exactness && exact > 0 && quality > best)) {
            best_exactness = exact;
            best = quality;
        }
    }
    return best;
}

bool media_type_is(struct bytes header, const char *media_type)
{
    if (header.data == NULL) return false;
    return text_is(cut(&header, ';'), media_type);
}
