#include "common/base/text.h"
#include "common/json/encode.h"

#include <string.h>

void json_writer_open(struct json_writer *writer, struct arena *arena, size_t size_hint)
{
    *writer = (struct json_writer){.arena = arena, .capacity = size_hint};
    writer->data = arena_alloc(arena, size_hint);
    if (writer->data == NULL) writer->status = ARENA_STATUS_EXHAUSTED;
}

// Room for size more bytes; NULL once something has failed.
static char *reserve(struct json_writer *writer, size_t size)
{
    if (writer->status.code != STATUS_OK) return NULL;
    if (size > writer->capacity - writer->size) {
        size_t capacity = 2 * writer->capacity + size;
        char *data = arena_alloc(writer->arena, capacity);
        if (data == NULL) {
            writer->status = ARENA_STATUS_EXHAUSTED;
            return NULL;
        }
        memcpy(data, writer->data, writer->size);
        writer->data = data;
        writer->capacity = capacity;
    }
    return writer->data + writer->size;
}

void json_write_raw(struct json_writer *writer, const char *text, size_t size)
{
    char *to = reserve(writer, size);
    if (to == NULL) return;
    memcpy(to, text, size);
    writer->size += size;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

static void write_escape(struct json_writer *writer, unsigned char c)
{
    static const char from_byte[] = "\"\\\b\f\n\r\t", to_letter[] = "\"\\bfnrt";
    static const char digits[] = "0123456789abcdef";
    const char *known = c != 0 ? memchr(from_byte, c, sizeof from_byte - 1) : NULL;
    if (known != NULL) {
        json_write_raw(writer, (char[]){'\\', to_letter[known - from_byte]}, 2);
    } else {
        json_write_raw(writer, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
    }
}

void json_write_string(struct json_writer *writer, const char *text, size_t size)
{
    // Validated text is what arrives here; what is not must not break the document.
    bool is_sound = text_is_utf8(text, size);
    json_write_raw(writer, "\"", 1);
    size_t run = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_broken = !is_sound && c >= 0x80;
        if (is_plain(c) && !is_broken) continue;
        json_write_raw(writer, text + run, i - run);
        run = i + 1;
        if (is_broken) {
            json_write_raw(writer, "\xEF\xBF\xBD", 3);
        } else {
            write_escape(writer, c);
        }
    }
    json_write_raw(writer, text + run, size - run);
    json_write_raw(writer, "\"", 1);
}

void json_write_integer(struct json_writer *writer, bool is_negative, uint64_t magnitude)
{
    char digits[21]; // A sign and 20 digits.
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (is_negative) digits[--at] = '-';
    json_write_raw(writer, digits + at, sizeof digits - at);
}

void json_write_member(struct json_writer *writer, bool *is_first, const char *name)
{
    if (!*is_first) json_write_raw(writer, ",", 1);
    *is_first = false;
    json_write_string(writer, name, strlen(name));
    json_write_raw(writer, ":", 1);
}

struct status json_writer_finish(struct json_writer *writer, struct bytes *ret)
{
    RETURN_IF_ERROR(writer->status);
    *ret = bytes_of(writer->data, writer->size);
    return STATUS_SUCCESS;
}
