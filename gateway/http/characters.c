#include "gateway/http/characters.h"

// clang-format off
#define BETWEEN(c, low, high) ((c) >= (low) && (c) <= (high))
#define ALNUM(c) (BETWEEN(c, '0', '9') || BETWEEN(c, 'A', 'Z') || BETWEEN(c, 'a', 'z'))
#define UNRESERVED(c) (ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define SUB_DELIM(c) ((c) == '!' || (c) == '$' || BETWEEN(c, '&', ',') || (c) == ';' || (c) == '=')

#define TOKEN(c)                                                                                   \
    (ALNUM(c) || (c) == '!' || BETWEEN(c, '#', '\'') || (c) == '*' || (c) == '+' || (c) == '-' ||  \
     (c) == '.' || BETWEEN(c, '^', '`') || (c) == '|' || (c) == '~')
#define VALUE(c) ((c) == '\t' || ((c) >= ' ' && (c) != 127))
#define TARGET(c)                                                                                  \
    (UNRESERVED(c) || SUB_DELIM(c) || (c) == '%' || (c) == ':' || (c) == '@' || (c) == '/' ||      \
     (c) == '?')
#define HOST(c) (ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_')
#define HEX(c) (BETWEEN(c, '0', '9') || BETWEEN(c, 'A', 'F') || BETWEEN(c, 'a', 'f'))

#define CLASSES(c)                                                                                 \
    ((TOKEN(c) ? HTTP_CLASS_TOKEN : 0) | (VALUE(c) ? HTTP_CLASS_VALUE : 0) |                       \
     (TARGET(c) ? HTTP_CLASS_TARGET : 0) | (HOST(c) ? HTTP_CLASS_HOST : 0) |                       \
     (HEX(c) ? HTTP_CLASS_HEX : 0))
#define FOUR(c) CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define ROW(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)

const uint8_t http_classes[256] = {
    ROW(0x00), ROW(0x10), ROW(0x20), ROW(0x30), ROW(0x40), ROW(0x50), ROW(0x60), ROW(0x70),
    ROW(0x80), ROW(0x90), ROW(0xa0), ROW(0xb0), ROW(0xc0), ROW(0xd0), ROW(0xe0), ROW(0xf0),
};
// clang-format on
