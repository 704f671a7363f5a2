#include "common/crypto/tlog_text.h"

#include "common/base/text.h"

bool tlog_text_line(struct bytes *rest, struct bytes *ret_line)
{
    const uint8_t *newline = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    if (newline == NULL) return false;
    *ret_line = bytes_of(rest->data, (size_t)(newline - rest->data));
    *rest = bytes_of(newline + 1, rest->size - ret_line->size - 1);
    return true;
}

bool tlog_text_after(struct bytes *line, const char *prefix)
{
    size_t size = strlen(prefix);
    if (line->size < size || memcmp(line->data, prefix, size) != 0) return false;
    *line = bytes_of(line->data + size, line->size - size);
    return true;
}

bool tlog_text_u64(struct bytes text, uint64_t *ret)
{
    if (text.size == 0 || (text.size > 1 && text.data[0] == '0')) return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, digit, &value)) return false;
    }
    *ret = value;
    return true;
}

bool tlog_text_hash(struct bytes text, struct merkle_hash *ret)
{
    size_t size;
    struct merkle_hash hash;
    if (!base64_decode((const char *)text.data, text.size, hash.bytes, sizeof hash.bytes, &size) ||
        size != sizeof hash.bytes)
        return false;
    *ret = hash;
    return true;
}
