#include "common/event/types.h"

static bool is_word_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
           byte == '-';
}

#define PATTERN_REFUSAL                                                                            \
    REFUSE(INVALID_ARGUMENT, TYPE_PATTERN_INVALID,                                                 \
           "a type is like ledger.transfer.created, ledger.* or *")

struct status event_pattern_check(struct bytes pattern)
{
    if (pattern.size == 0 || pattern.size > EVENT_PATTERN_BYTES_MAX) return PATTERN_REFUSAL;
    bool is_word_begun = false;
    for (size_t i = 0; i < pattern.size; i++) {
        uint8_t byte = pattern.data[i];
        if (byte == '*') {
            return !is_word_begun && i + 1 == pattern.size ? STATUS_SUCCESS : PATTERN_REFUSAL;
        }
        if (byte == '.' ? !is_word_begun : !is_word_byte(byte)) return PATTERN_REFUSAL;
        is_word_begun = byte != '.';
    }
    return is_word_begun ? STATUS_SUCCESS : PATTERN_REFUSAL;
}

bool event_pattern_matches(struct bytes pattern, struct bytes type)
{
    bool is_prefix = pattern.size > 0 && pattern.data[pattern.size - 1] == '*';
    if (!is_prefix) return bytes_equal(pattern, type);
    size_t size = pattern.size - 1;
    return type.size > size && bytes_equal(bytes_of(pattern.data, size), bytes_of(type.data, size));
}
